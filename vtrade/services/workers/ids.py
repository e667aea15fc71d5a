"""Was this inbound record in the log before? What a room remembers so as to apply nothing twice.

Rules: a record without an id is taken as new. Ids of people's requests are remembered, the newest ``IDS_KEPT`` of
them; orders are told apart for ever by their ``client_order_id``, inside the engine. A message of the tape is new only
where it comes exactly behind what the room has had (:mod:`vtrade.services.workers.places`), so a second feed, or one
that repeats itself, adds nothing, however its frames are cut.
"""

from __future__ import annotations

from typing import Final

from vtrade.domain.messages import Inbound
from vtrade.services.workers.places import Place, place_of

IDS_KEPT: Final = 8_192


class SeenIds:
    """The ids that a room had.

    Attributes
    ----------
    place : Place
        How far the market has come on its tape.

    Examples
    --------
    >>> from vtrade.domain.messages import CancelOrder, RoomCommand
    >>> seen, cancel = SeenIds(), CancelOrder(5, "ana", "c1")
    >>> [seen.first(name, cancel) for name in ("ana/1", "ana/2", "ana/1", "", "")]
    [True, True, False, True, True]
    >>> news = RoomCommand(5, "news", "", "Profit warning")
    >>> [seen.first(Place(0, n, 0).id, news) for n in (0, 0, 2, 1)]
    [True, False, False, True]
    """

    def __init__(self, kept: tuple[str, ...] = (), place: tuple[int, int, int] = (0, 0, 0)) -> None:
        self._ids = dict.fromkeys(kept)
        self.place = Place(*place)

    def first(self, message_id: str, message: Inbound) -> bool:
        """Whether this is new; it is remembered."""
        if not message_id:
            return True
        came_at = place_of(message_id)
        if came_at is not None:
            after = self.place.behind(message)
            if came_at != self.place or after is None:
                return False
            self.place = after
            return True
        if message_id in self._ids:
            return False
        self._ids[message_id] = None
        if len(self._ids) > IDS_KEPT:
            del self._ids[next(iter(self._ids))]
        return True

    @property
    def kept(self) -> tuple[str, ...]:
        """The ids of people's requests, oldest first."""
        return tuple(self._ids)
