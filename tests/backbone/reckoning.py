"""What should have come of each inbound record of a room, and what do its answers say?

Rules: nothing here is taken from the workers. The inbound log is folded once more, in the plainest way, by an engine
that never crashes: an id counts once, a message of the tape only where it comes exactly behind the one before, a record
that nobody can read never, and what the engine refuses leaves no trace.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import msgspec

from vtrade.domain.messages import (
    CorporateAction,
    Fact,
    Inbound,
    MarketFrame,
    OpenRoom,
    RoomCommand,
    decode_inbound,
)
from vtrade.domain.topics import Claim, Passed, Told, decode_trade
from vtrade.market.dtype import EVENT
from vtrade.ports import Taken
from vtrade.services.fold import RoomFold

TAPE_ID: Final = re.compile(r"feed/(\d+)/(\d+)/(\d+)")


class Due(NamedTuple):
    """What an inbound record has to bring about: ``told`` where it counts (``epoch`` 0), else the reason why not."""

    id: str
    told: Told | None
    why: str = ""


class Reckoning:
    """One room, folded from its inbound log.

    Attributes
    ----------
    fold : RoomFold
    rows : int
        Market events that the room had.
    kept : list of (bytes, Inbound)
        What counted.
    facts : list of Fact
    """

    def __init__(self, room: str) -> None:
        self.room = room
        self.fold = RoomFold()
        self.kept: list[tuple[bytes, Inbound]] = []
        self.facts: list[Fact] = []
        self._ids: set[str] = set()
        self._place = (0, 0, 0)

    @property
    def rows(self) -> int:
        return self._place[0]

    def take(self, record: Taken) -> Due:
        """What a record has to bring about."""
        headers, wire = dict(record.headers), record.value or b""
        name = headers.get("id", b"").decode("utf-8", "replace")
        try:
            headers.get("id", b"").decode()
            message = decode_inbound(wire)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return Due(name, None, "unreadable")
        if headers.get("v") != b"2" or (isinstance(message, OpenRoom) and message.room != self.room):
            return Due(name, None, "unreadable")
        if not self._is_new(name, message):
            return Due(name, None, "duplicate")
        try:
            entry, facts = self.fold.step(wire, message)
        except Exception:  # whatever the engine did, it has to be as if the message had never come
            self.fold = RoomFold()
            for earlier in self.kept:
                self.fold.step(*earlier)
            return Due(name, None, "refused")
        self.kept.append((wire, message))
        self.facts += facts
        return Due(name, Told(0, record.offset, entry.seq, self.fold.engine.now, entry.chain, entry.facts))

    def _is_new(self, name: str, message: Inbound) -> bool:
        if found := TAPE_ID.fullmatch(name):
            if tuple(map(int, found.groups())) != self._place:
                return False
            rows, news, actions = self._place
            if isinstance(message, MarketFrame):
                rows += len(message.events) // EVENT.itemsize
            elif isinstance(message, RoomCommand):
                news += 1
            else:
                assert isinstance(message, CorporateAction)
                actions += 1
            self._place = rows, news, actions
            return True
        if name in self._ids:
            return False
        self._ids.update({name} - {""})
        return True


class Answers(NamedTuple):
    """A partition of the trades topic as a careful reader takes it."""

    valid: dict[int, Told | Passed]
    """By inbound offset: the first answer that counts."""
    in_order: bool
    stale: int
    """Records of workers that had been replaced."""
    copies: int
    claims: list[Claim]


def answers_of(records: list[Taken]) -> Answers:
    """Sort out which records of the trades topic count."""
    epoch, stale, copies, last, in_order = 0, 0, 0, -1, True
    valid: dict[int, Told | Passed] = {}
    claims: list[Claim] = []
    for record in records:
        trade = decode_trade(record.value or b"")
        if trade.epoch < epoch:
            stale += 1
            continue
        epoch = trade.epoch
        if isinstance(trade, Claim):
            claims.append(trade)
        elif trade.offset in valid:
            before = msgspec.structs.replace(valid[trade.offset], epoch=0)
            assert msgspec.structs.replace(trade, epoch=0) == before, f"inbound {trade.offset} has two answers"
            copies += 1
        else:
            in_order = in_order and trade.offset > last
            last = trade.offset
            valid[trade.offset] = trade
    return Answers(valid, in_order, stale, copies, claims)
