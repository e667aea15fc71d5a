"""What do the tests of the workers read? Records of the topics, made by folding real rooms.

Rules: a pure function of the room's messages; offsets count from 0 and every inbound record gets its answer, as the
execution worker gives it. The clock stands still until a test moves it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vtrade.domain.messages import Inbound, encode_inbound
from vtrade.domain.topics import INBOUND, SENT, TRADES, Claim, Passed, Told, Trade, encode_trade, inbound_headers
from vtrade.errors import VTradeError
from vtrade.ports import Outgoing, Taken
from vtrade.services.fold import RoomFold

S = 1_000_000_000


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = S

    def monotonic_ns(self) -> int:
        return self.now

    def wall_ns(self) -> int:
        return 1_700_000_000 * S + self.now

    def sleep(self, seconds: float) -> None:
        self.now += int(seconds * S)

    def __call__(self, seconds: float) -> None:
        self.sleep(seconds)


def trade(record: Trade, *, key: str = "", offset: int = 0, partition: int = 0, sent_ns: int = 0) -> Taken:
    """A record of the trades topic."""
    headers = ((SENT, str(sent_ns).encode()),) if sent_ns else ()
    return Taken(TRADES, partition, offset, key, encode_trade(record), headers)


def told(
    messages: Iterable[Inbound], *, room: str = "test", epoch: int = 1, partition: int = 0, claim: bool = True,
    sent_ns: int = 0,
) -> list[Taken]:  # fmt: skip
    """What the trades topic has of a room."""
    fold = RoomFold()
    taken = [trade(Claim(epoch, "w1"), partition=partition)] if claim else []
    for offset, message in enumerate(messages):
        answer: Trade
        try:
            entry, _ = fold.step(encode_inbound(message), message)
            answer = Told(epoch, offset, entry.seq, fold.engine.now, entry.chain, entry.facts)
        except VTradeError as error:
            answer = Passed(epoch, offset, "refused", str(error))
        taken.append(trade(answer, key=room, offset=len(taken), partition=partition, sent_ns=sent_ns))
    return taken


def inbound(message: Inbound, *, offset: int, room: str = "test", name: str = "") -> Taken:
    """A record of the inbound topic."""
    return Taken(INBOUND, 0, offset, room, encode_inbound(message), inbound_headers(name))


class Log:
    """The inbound log of one partition: what is written comes back, in order."""

    def __init__(self) -> None:
        self.records: list[Taken] = []

    def write(self, outgoing: Iterable[Outgoing]) -> list[Taken]:
        """Append; the records as they will be read."""
        taken = [
            Taken(INBOUND, 0, len(self.records) + n, record.key, record.value, record.headers)
            for n, record in enumerate(outgoing)
        ]
        self.records += taken
        return taken

    def say(self, *messages: Inbound, name: str = "") -> list[Taken]:
        """Append what people say."""
        return self.write(
            [Outgoing(INBOUND, "test", encode_inbound(message), inbound_headers(name)) for message in messages]
        )


def take_all(work: object, records: Sequence[Taken]) -> list[Outgoing]:
    """Fold records into a room's work; everything it said to write."""
    written: list[Outgoing] = []
    for record in records:
        written += work.take(record)  # type: ignore[attr-defined]
    return written
