"""What should have come of the inbound log? The embedded engine, fed with what counts and nothing else.

Rules: which records count is decided here once more, in the plainest way; nothing of the workers is used.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from vtrade.domain.messages import (
    CancelOrder,
    CorporateAction,
    Fact,
    Inbound,
    MarketFrame,
    OpenRoom,
    ReplaceOrder,
    RoomCommand,
    SubmitOrder,
    decode_inbound,
)
from vtrade.domain.topics import Told
from vtrade.market.dtype import EVENT
from vtrade.ports import Taken
from vtrade.services.fold import RoomFold


class Due(NamedTuple):
    """What an inbound record has to bring about: ``told`` where it counts (``epoch`` 0), else the reason why not."""

    room: str
    told: Told | None
    why: str = ""


SELDOM_REFUSED = SubmitOrder | CancelOrder | ReplaceOrder | MarketFrame


class Reference:
    """One room, folded by the embedded engine, which sees only what counts."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.fold = RoomFold()
        self.ids: set[str] = set()
        self.early: set[str] = set()
        """Ids that came before the room was opened, and were not taken."""
        self.tape = (0, 0, 0)
        self.wires: list[tuple[bytes, Inbound]] = []
        self.facts: list[Fact] = []

    def take(self, record: Taken) -> Due:
        """What a record has to bring about."""
        headers = dict(record.headers)
        try:
            message = decode_inbound(record.value or b"")
            name = headers.get("id", b"").decode()
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return Due(self.room, None, "unreadable")
        if headers.get("v") != b"2" or (isinstance(message, OpenRoom) and message.room != self.room):
            return Due(self.room, None, "unreadable")
        if not self.wires and not isinstance(message, OpenRoom):
            self.early.add(name)
            return Due(self.room, None, "refused")
        if not self._is_new(name, message):
            return Due(self.room, None, "duplicate")
        wire = record.value or b""
        before = b"" if isinstance(message, SELDOM_REFUSED) else self.fold.engine.snapshot()
        try:
            entry, facts = self.fold.step(wire, message)
        except Exception:  # whatever the engine did, it has to be as if the message had never come
            if self.fold.engine.snapshot() != before:
                self.fold = RoomFold()
                for earlier in self.wires:
                    self.fold.step(*earlier)
            return Due(self.room, None, "refused")
        self.wires.append((wire, message))
        self.facts += facts
        told = Told(0, record.offset, entry.seq, self.fold.engine.now, entry.chain, entry.facts)
        return Due(self.room, told)

    def _is_new(self, name: str, message: Inbound) -> bool:
        parts = name.split("/")
        if name.startswith("feed/") and len(parts) == 4 and all(part.isdigit() for part in parts[1:]):
            rows, news, actions = self.tape
            if tuple(map(int, parts[1:])) != self.tape:
                return False
            if isinstance(message, MarketFrame):
                rows += len(message.events) // EVENT.itemsize
            elif isinstance(message, RoomCommand) and message.action == "news":
                news += 1
            elif isinstance(message, CorporateAction):
                actions += 1
            else:
                return False
            self.tape = rows, news, actions
        elif name:
            if name in self.ids:
                return False
            self.ids.add(name)
        return True
