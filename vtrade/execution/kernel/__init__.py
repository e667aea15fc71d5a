"""Which orders trade against which market events? The one matching kernel, for L1, L2, L3, bars and exchange rooms.

Rules: plain source on plain arrays (`vtrade.execution.layout`), in the order ``book``, ``money``, ``match``,
``arrive``, ``auction``, ``feed`` and ``bars``, ``entries``; nothing is written twice. It decides what trades, at what
price, what that costs and what an account may ask for; it knows no names, words or messages.
"""

from __future__ import annotations

from typing import Any, Final

from vtrade.execution.kernel import arrive, auction, bars, book, entries, feed, match, money
from vtrade.execution.kernel.entries import (
    ahead_of,
    cancel,
    land,
    margin,
    new_slot,
    place,
    power,
    replace,
    rows_needed,
    run,
    run_session,
    show_level,
    submit,
    touch,
)

__all__ = [
    "ENTRIES", "MODULES", "ahead_of", "cancel", "land", "margin", "new_slot", "place", "power", "replace",
    "rows_needed", "run", "run_session", "show_level", "submit", "touch",
]  # fmt: skip

ENTRIES: Final[tuple[Any, ...]] = (
    touch, ahead_of, power, margin, submit, land, cancel, replace, rows_needed, run,
    run_session, show_level, place, new_slot,
)  # fmt: skip
"""Everything Python may call."""

MODULES: Final = (book, money, match, arrive, auction, feed, bars, entries)
"""From the ground up."""
