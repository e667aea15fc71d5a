"""Which instrument does a remembered symbol mean, after renames? Watchlists and alerts outlive them.

Rules: a symbol that trades now means what trades under it; else it means the instrument that was called so before, or
that the desk's own tape will call so later (a list written at the end of a tape still holds at its beginning). What is
kept is never rewritten, so a rewind needs no undoing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vtrade.domain.actions import ActionKind

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk


class Names:
    """Every name that the instruments of a room were seen under."""

    def __init__(self) -> None:
        self._room: Any = None
        self._now: Any = None
        self._known: dict[str, int] = {}
        self._first: list[str] = []

    def _see(self, desk: Desk) -> None:
        room = desk._room
        instruments = room.engine.instruments
        if instruments is self._now and room is self._room:
            return
        if room is not self._room:
            began = getattr(getattr(room, "views", None), "began_with", ()) or instruments
            if self._room is None or len(began) != len(self._first):
                self._known, self._first = {}, [i.symbol for i in began]
            for k, i in enumerate(began):
                self._known.setdefault(i.symbol, k)
            called = {i.symbol: k for k, i in enumerate(began)}
            for action in desk.tape.actions if desk.tape is not None else ():
                if action.kind == ActionKind.RENAME and action.symbol in called:
                    called[action.new_symbol] = k = called.pop(action.symbol)
                    self._known.setdefault(action.new_symbol, k)
        for k, i in enumerate(instruments):
            self._known.setdefault(i.symbol, k)
        self._first += [i.symbol for i in instruments[len(self._first) :]]
        self._room, self._now = room, instruments

    def index(self, desk: Desk, symbol: str) -> int | None:
        """Number of the instrument that a symbol means, ``None`` where none was ever called so."""
        self._see(desk)
        k = desk._room.engine.index(symbol)
        return self._known.get(symbol) if k is None else k

    def before(self, desk: Desk, k: int) -> str:
        """What an instrument was called at first; empty where it still is."""
        self._see(desk)
        return "" if self._first[k] == desk.instruments[k].symbol else self._first[k]


def names_of(desk: Desk) -> Names:
    """The names of a desk's instruments.

    Examples
    --------
    >>> import vtrade as vt
    >>> desk = vt.Desk("synthetic:7")
    >>> names_of(desk).index(desk, "ACME"), names_of(desk).index(desk, "NOBODY")
    (0, None)
    >>> desk.close_desk()
    """
    found: Names = vars(desk).setdefault("_names", Names())
    return found
