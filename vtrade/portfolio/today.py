"""What did an account earn today, and what does its curve look like from further away?

Rules: a day begins with the last value before it, which is the close of the day before; on an account's first day with
what was paid in. Money from outside is no profit. A curve seen from further away keeps the first, highest, lowest and
last value of each stretch of time, so that no peak and no trough is lost; stretches are cut at fixed moments, so that
what was drawn once stays while the curve goes on. High-water marks move with money from outside, as those of the
engine do.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vtrade.portfolio.accounts import AccountState
from vtrade.portfolio.curve import Curve, next_width
from vtrade.portfolio.purses import convert

POINTS_MAX: Final = 400
"""Points of a curve that is drawn."""
_PER_STRETCH: Final = 4

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Day(NamedTuple):
    """An account's day: micro-units of its currency.

    Attributes
    ----------
    began : int
        Value with which the day began.
    paid_in : int
        Money from outside since.
    pnl : int
        What the day earned: value now less both.
    first : bool
        Whether the account was opened on this day.
    """

    began: int
    paid_in: int
    pnl: int
    first: bool


class Drawn(NamedTuple):
    """A curve to draw: times (ns, rising), values and high-water marks (micro-units), drawdowns (never positive)."""

    ts_ns: Ints
    nav: Ints
    high: Floats
    drawdown: Floats


def value_before(curve: Curve, ts_ns: int) -> int | None:
    """The last value that a curve keeps from before a moment; ``None`` where it has none.

    Examples
    --------
    >>> curve = Curve()
    >>> for second, value in ((1, 100), (2, 130), (9, 90)):
    ...     curve.add(second * 1_000_000_000, value)
    >>> value_before(curve, 9_000_000_000), value_before(curve, 1)
    (130, None)
    """
    rows = curve.rows()
    at = int(np.searchsorted(rows[:, 0], ts_ns, side="left")) - 1
    if at < 0:
        return None
    row = rows[at]
    earlier = [n for n in range(0, 8, 2) if row[n] < ts_ns]
    return int(row[max(earlier, key=lambda n: (row[n], n)) + 1])


def day_of(state: AccountState, began_ns: int) -> Day:
    """What an account earned since a day began.

    Parameters
    ----------
    state : AccountState
    began_ns : int
        Midnight, on the room's clock.
    """
    first = state.opened_ns >= began_ns
    value = None if first else value_before(state.curve, began_ns)
    paid = 0
    if state.deposits != state.opening or state.flows:
        for moved in state.movements:
            if moved.cause == "adjustment" and moved.ts_ns >= began_ns:
                purse = state.purses[moved.currency]
                own = purse is state.home
                paid += moved.amount if own else convert(moved.amount, purse.rate, purse.into)
    began = state.opening if value is None else value
    return Day(began, paid, state.nav - began - paid, first)


def _thinned(times: Ints, values: Ints, stretches: int, width_ns: int) -> Ints:
    """Places of the first, highest, lowest and last value of each stretch of time."""
    cells = times // width_ns
    starts = np.flatnonzero(np.diff(cells, prepend=cells[0] - 1))
    while len(starts) > stretches:
        width_ns = next_width(width_ns)
        cells = times // width_ns
        starts = np.flatnonzero(np.diff(cells, prepend=cells[0] - 1))
    group = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(times))))
    kept = [starts, np.append(starts[1:], len(times)) - 1]
    for extreme in (np.maximum, np.minimum):
        hits = np.flatnonzero(values == extreme.reduceat(values, starts)[group])
        kept.append(hits[np.unique(group[hits], return_index=True)[1]])
    return np.unique(np.concatenate(kept)).astype(np.int64)


def _scales(state: AccountState, times: Ints) -> Floats:
    """By what each value is multiplied so that money from outside leaves no step."""
    flows = np.array([ts_ns for ts_ns, _ in state.flows], dtype=np.int64)
    scales = np.array([1.0, *(scale for _, scale in state.flows)])
    last = np.append(np.diff(times) != 0, True)  # of several values at one moment, the last came after the money
    return scales[np.where(last, np.searchsorted(flows, times, "right"), np.searchsorted(flows, times, "left"))]


def high_and_drawdown(state: AccountState, times: Ints, values: Ints) -> tuple[Floats, Floats]:
    """High-water mark (micro-units) and drawdown of each value of an account's curve; NaN before anything was positive.

    Money from outside moves the mark in the proportion in which it moves the value, so that it is no fall.
    """
    scale = _scales(state, times) if state.flows else np.ones(len(times))
    weighted = values * scale
    high = np.maximum.accumulate(weighted)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawdown = np.where(high > 0, np.minimum(weighted / high - 1.0, 0.0), np.nan)
    return high / scale, drawdown


def drawn(state: AccountState, *, points: int = POINTS_MAX) -> Drawn:
    """The path of an account's value in at most so many points, extremes kept.

    Parameters
    ----------
    state : AccountState
    points : int
        At least 4.
    """
    curve = state.curve
    times, values = curve.points()
    if not len(times):
        times, values = np.array([state.opened_ns], np.int64), np.array([state.opening], np.int64)
    high, drawdown = high_and_drawdown(state, times, values)
    if len(times) > points:
        kept = _thinned(times, values, max(1, points // _PER_STRETCH), curve.width_ns)
        return Drawn(times[kept], values[kept], high[kept], drawdown[kept])
    return Drawn(times, values, high, drawdown)
