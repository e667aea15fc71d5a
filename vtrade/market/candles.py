"""How do prints become candles as they arrive? For charts, never for decisions."""

from __future__ import annotations

from typing import Final

import numpy as np

from vtrade.domain.values import NS_PER_S
from vtrade.market.dtype import FLAG_HIDDEN, Events, Kind

CANDLES_MAX: Final = 50_000
"""Candles kept for an instrument; the oldest go first."""

Candle = tuple[int, int, int, int, int, int]
"""Start in seconds, open, high, low, close in ticks, volume in lots."""

_PRINTS: Final = (Kind.TRADE, Kind.EXECUTE)
_BARS: Final = (Kind.BAR_OPEN, Kind.BAR_HIGH, Kind.BAR_LOW, Kind.BAR_CLOSE)


class Candles:
    """Candles of every instrument, one a second where there are prints, one a bar on bar tapes.

    Examples
    --------
    >>> from vtrade.market.dtype import empty_events
    >>> events = empty_events(2)
    >>> events["kind"], events["price"], events["quantity"] = Kind.TRADE, [100, 102], 5
    >>> candles = Candles(1)
    >>> candles.update(events)
    >>> candles.of(0)
    [(0, 100, 102, 100, 102, 10)]
    """

    def __init__(self, instruments: int) -> None:
        self._rows: list[list[list[int]]] = [[] for _ in range(instruments)]
        self._first = [0] * instruments
        self._bars = False

    def update(self, events: Events) -> None:
        """Fold market events, in order."""
        kinds = events["kind"]
        wanted = np.isin(kinds, _PRINTS) & (events["flags"] & FLAG_HIDDEN == 0) | (kinds >= Kind.BAR_OPEN) & (
            kinds <= Kind.BAR_CLOSE
        )
        picked = events[wanted]
        for ts, px, qty, k, kind in zip(
            picked["ts_ns"].tolist(), picked["price"].tolist(), picked["quantity"].tolist(),
            picked["instrument"].tolist(), picked["kind"].tolist(), strict=True,
        ):  # fmt: skip
            rows = self._rows[k]
            self._first[k] = self._first[k] or px
            if kind in _BARS:
                self._bars = True
                if kind == Kind.BAR_OPEN:
                    rows.append([ts // NS_PER_S, px, px, px, px, qty])
                    continue
                qty = 0
            elif not rows or ts // NS_PER_S > rows[-1][0]:
                rows.append([ts // NS_PER_S, px, px, px, px, qty])
                continue
            if rows:
                row = rows[-1]
                row[2], row[3], row[4] = max(row[2], px), min(row[3], px), px
                row[5] += qty
        for rows in self._rows:
            if len(rows) > CANDLES_MAX:
                del rows[: len(rows) - CANDLES_MAX]

    def of(self, k: int, *, seconds: int = 1, last: int | None = None) -> list[Candle]:
        """Candles of an instrument, grouped into periods of so many seconds; bars stay as they are."""
        rows = self._rows[k]
        if self._bars or seconds <= 1:
            return [(r[0], r[1], r[2], r[3], r[4], r[5]) for r in (rows[-last:] if last else rows)]
        out: list[list[int]] = []
        for t, o, h, low, c, v in reversed(rows):
            start = t - t % seconds
            if out and out[-1][0] == start:
                row = out[-1]
                row[1], row[2], row[3], row[5] = o, max(row[2], h), min(row[3], low), row[5] + v
            else:
                if last and len(out) == last:
                    break
                out.append([start, o, h, low, c, v])
        return [(r[0], r[1], r[2], r[3], r[4], r[5]) for r in reversed(out)]

    def first(self, k: int) -> int:
        """First price seen of an instrument in ticks, 0 before any."""
        return self._first[k]
