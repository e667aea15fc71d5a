"""How do inbound records and the answers to them come together again, as the records of one room?

Rules: each answer stands behind what it answers, in the same order; answers of a worker that had been replaced are
void.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import msgspec

from vtrade.domain.topics import INBOUND, TRADES, Claim, Passed, Told, decode_trade, partition_of
from vtrade.errors import ReplayDiffers
from vtrade.market.tape import TapeHead
from vtrade.ports import Bus, Entry, Taken
from vtrade.services.fold import GENESIS, link


class Beginning(msgspec.Struct, frozen=True, array_like=True):
    """Where a room begins: offsets on the inbound and the trades topic, what plays there, and when it was made."""

    inbound: int
    trades: int
    tape: str
    head: TapeHead | None


class Joined:
    """Inbound records and their answers, brought together for one room."""

    def __init__(self, room: str, partition: int) -> None:
        self.room = room
        self.bytes = 0
        self._partition = partition
        self._epoch = 0
        self._inbound: dict[int, Taken] = {}
        self._answers: deque[Told | Passed] = deque()
        self._seen = -1
        self._answered = self._taken = -1

    def add(self, record: Taken) -> None:
        """One record of either topic."""
        if record.topic == INBOUND:
            self._seen = max(self._seen, record.offset)
            if record.key == self.room and record.offset > self._taken:
                self._inbound[record.offset] = record
                self.bytes += len(record.value or b"")
            return
        try:
            trade = decode_trade(record.value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return
        if trade.epoch < self._epoch:
            return  # of a worker that had been replaced
        self._epoch = trade.epoch
        if not isinstance(trade, Claim) and record.key == self.room and trade.offset > self._answered:
            self._answered = trade.offset
            self._answers.append(trade)

    @property
    def wants_inbound(self) -> bool:
        """Whether an answer is here whose inbound record has not come yet."""
        return bool(self._answers) and self._answers[0].offset > self._seen

    def take(self) -> tuple[Told | Passed, Taken] | None:
        """The next answer together with what it answers, if both are here."""
        if not self._answers or self.wants_inbound:
            return None
        answer = self._answers.popleft()
        self._taken = answer.offset
        record = self._inbound.pop(answer.offset, None)
        if record is None:
            raise ReplayDiffers(
                f"room {self.room!r}: the trades topic answers inbound record {answer.offset}, which is none of it"
            )
        self.bytes -= len(record.value or b"")
        return answer, record


def entries_of(bus: Bus, room: str, beginning: Beginning) -> Iterator[Entry]:
    """The records of a room on a bus, as a journal holds them.

    Raises
    ------
    ReplayDiffers
        If records are missing, or their chain does not fit.
    """
    partition = partition_of(room, bus.partitions())
    joined = Joined(room, partition)
    seq, chain = 0, GENESIS
    inbound = bus.read((INBOUND, partition), beginning.inbound)
    for record in bus.read((TRADES, partition), beginning.trades):
        joined.add(record)
        while joined.wants_inbound:
            following = next(inbound, None)
            if following is None:
                return
            joined.add(following)
        while (pair := joined.take()) is not None:
            told, message = pair
            if not isinstance(told, Told) or told.seq <= seq:
                continue
            wire = message.value or b""
            chain = link(chain, wire, told.facts)
            if told.seq != seq + 1 or chain != told.chain:
                raise ReplayDiffers(
                    f"room {room!r}: record {told.seq} on the bus does not follow record {seq}; was a record removed?"
                )
            seq = told.seq
            yield Entry(seq, wire, told.facts, chain)
