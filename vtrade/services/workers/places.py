"""Where in its tape is a room, as its inbound log tells it?

Rules: a message of the tape carries an id that says behind how many events, headlines and actions of the tape it
comes: ``feed/ROWS/NEWS/ACTIONS``. It belongs to the room only if it comes exactly where the room is; any other one is a
copy, or was cut by a feed that did not know it had been replaced, and does nothing. The place follows from the inbound
records alone, whatever the room made of them, so that everybody who reads the log finds the same one. A message that
only tells the time has an id that begins with ``feed/time/`` and moves nothing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from vtrade.domain.actions import CorporateAction
from vtrade.domain.messages import Inbound, MarketFrame, RoomCommand
from vtrade.domain.topics import ID
from vtrade.market.dtype import EVENT
from vtrade.ports import Headers

FEED: Final = "feed/"
"""How the ids of a feed begin; nobody else may use such an id."""
TIME: Final = "feed/time/"
TROUBLE: Final = "feed/trouble/"
_DIGITS_MAX: Final = 18


class Place(NamedTuple):
    """Events, headlines and actions of the tape that a room has had.

    Examples
    --------
    >>> Place(512, 1, 0).id, place_of("feed/512/1/0"), place_of("feed/time/5"), place_of("ana-1")
    ('feed/512/1/0', Place(rows=512, news=1, actions=0), None, None)
    >>> Place(512, 1, 0).behind(RoomCommand(0, "news", "", "Profit warning"))
    Place(rows=512, news=2, actions=0)
    """

    rows: int = 0
    news: int = 0
    actions: int = 0

    @property
    def id(self) -> str:
        """Id of the message of the tape that comes here."""
        return f"{FEED}{self.rows}/{self.news}/{self.actions}"

    def behind(self, message: Inbound) -> Place | None:
        """The place after a message of the tape; ``None`` for a message that is none."""
        if isinstance(message, MarketFrame):
            return Place(self.rows + len(message.events) // EVENT.itemsize, self.news, self.actions)
        if isinstance(message, CorporateAction):
            return Place(self.rows, self.news, self.actions + 1)
        if isinstance(message, RoomCommand) and message.action == "news":
            return Place(self.rows, self.news + 1, self.actions)
        return None


def place_of(message_id: str) -> Place | None:
    """The place that an id names; ``None`` for one that names none."""
    if not message_id.startswith(FEED):
        return None
    parts = message_id[len(FEED) :].split("/")
    if len(parts) != 3 or not all(p.isascii() and p.isdigit() and len(p) <= _DIGITS_MAX for p in parts):
        return None
    return Place(*map(int, parts))


def message_id(headers: Headers) -> str:
    """The id among the headers of an inbound record; empty where there is none.

    Examples
    --------
    >>> message_id((("v", b"2"), ("id", b"ana-1")))
    'ana-1'
    """
    for name, value in headers:
        if name == ID:
            return value.decode("utf-8", "replace")
    return ""


__all__ = ["FEED", "TIME", "TROUBLE", "Place", "message_id", "place_of"]
