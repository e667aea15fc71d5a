"""How does a bar become events?

Rules: one bar is ``BAR_OPEN`` at its start and ``BAR_HIGH``, ``BAR_LOW``, ``BAR_CLOSE`` at its end. A bar does not tell
in which order its extremes came, so the path visits the one nearer to the open first (the high on equal distance). Each
day of an instrument opens with its first bar and closes with its last. At one moment all instruments finish their bars,
then days close, then days open, then new bars start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtrade.market.dtype import EVENT, Events, Kind, SessionStatus
from vtrade.market.files import Ints, halves_to_even


@dataclass(frozen=True)
class Bars:
    """Bars of one instrument in time order: prices in ticks, volume in lots, ``day`` numbers the session of each."""

    start_ns: Ints
    end_ns: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    day: Ints


def ticks(prices: NDArray[np.float64], tick_micros: int) -> Ints:
    """Float prices as the nearest ticks, half to even; float noise below a micro-unit is dropped first.

    Examples
    --------
    >>> ticks(np.array([100.25, 0.1 + 0.2, 10.005]), 10_000)
    array([10025,    30,  1000])
    """
    return halves_to_even(np.rint(prices * 1_000_000).astype(np.int64), tick_micros)


def bar_events(series: Sequence[Bars]) -> Events:
    """The events of several instruments' bars, on one time line.

    Parameters
    ----------
    series : sequence of Bars
        The n-th belongs to instrument n.

    Examples
    --------
    >>> one = np.array([100])
    >>> bars = Bars(one * 0, one, one, one + 9, one - 2, one + 5, one, one * 0)
    >>> [Kind(k).name for k in bar_events([bars])["kind"]]
    ['STATUS', 'BAR_OPEN', 'BAR_LOW', 'BAR_HIGH', 'BAR_CLOSE', 'STATUS']
    """
    parts: list[Events] = []
    order: list[Ints] = []
    for number, bars in enumerate(series):
        first = np.ones(len(bars.day), dtype=bool)
        first[1:] = bars.day[1:] != bars.day[:-1]
        last = np.roll(first, -1)
        high_first = np.abs(bars.high - bars.open) <= np.abs(bars.open - bars.low)
        high, low = np.uint8(Kind.BAR_HIGH), np.uint8(Kind.BAR_LOW)
        rows = (
            (0, bars.end_ns, np.where(high_first, high, low), np.where(high_first, bars.high, bars.low), 0),
            (1, bars.end_ns, np.where(high_first, low, high), np.where(high_first, bars.low, bars.high), 0),
            (2, bars.end_ns, Kind.BAR_CLOSE, bars.close, 0),
            (3, bars.end_ns[last], Kind.STATUS, 0, SessionStatus.CLOSED),
            (4, bars.start_ns[first], Kind.STATUS, 0, SessionStatus.OPEN),
            (5, bars.start_ns, Kind.BAR_OPEN, bars.open, bars.volume),
        )
        for phase, ts_ns, kind, price, quantity in rows:
            part = np.zeros(len(ts_ns), dtype=EVENT)
            part["ts_ns"], part["kind"], part["price"], part["quantity"] = ts_ns, kind, price, quantity
            part["instrument"] = number
            parts.append(part)
            order.append(np.full(len(ts_ns), phase, dtype=np.int64))
    events = np.concatenate(parts)
    events = events[np.lexsort((events["instrument"], np.concatenate(order), events["ts_ns"]))]
    return events
