"""What was the market like around an order: which prints passed, what stood in the book, how much trades in a day?

Rules: only what was played so far counts, and the same tape and journal tell the same numbers however a desk came
there. What cannot be known is left unknown. Levels are taken from the tape only where its best price and size are those
that the order met, so that what participants took before never counts twice.
"""

from __future__ import annotations

from itertools import pairwise
from math import log, sqrt
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from vtrade.domain.messages import OrderAccepted, OrderTriggered
from vtrade.domain.values import NS_PER_S
from vtrade.execution.blotter import Record
from vtrade.execution.whatif import Level, MarketContext, arrival_context
from vtrade.market.calendars import ALWAYS
from vtrade.market.candles import Candle, Candles
from vtrade.market.dtype import FLAG_HIDDEN, Events, Kind

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk

LEVELS_MAX: Final = 50
"""Levels that the models of a large order may walk."""
RETURNS_MIN: Final = 5
"""Fewer returns tell no volatility."""
SESSION_S: Final = 23_400
DAY_S: Final = 86_400
MINUTE_S: Final = 60
EARLY_S: Final = 10
"""Length of a candle while there are too few minutes."""
NIGHT_S: Final = 3_600
"""A longer stretch without a candle is no return of the session."""


def played(desk: Desk) -> Events | None:
    """The tape's events so far; ``None`` where there are none, or they are requests and not a market."""
    head = desk._room.head
    return None if head is None or head.depth == "exchange" else desk._room.events()


def prints_since(desk: Desk, record: Record) -> NDArray[np.int64] | None:
    """Prints of an order's instrument since it came: ts_ns, price in ticks, lots, aggressor; ``None`` on bars."""
    events, k = played(desk), desk._room.engine.index(record.symbol)
    if events is None or k is None or _on_bars(desk):
        return None
    since = events[int(np.searchsorted(events["ts_ns"], record.ts_ns, side="left")) :]
    kinds = since["kind"]
    # prints of hidden orders too: what waits is filled by them as well
    found = since[(since["instrument"] == k) & ((kinds == Kind.TRADE) | (kinds == Kind.EXECUTE))]
    # the side of an execution is that of the order that rested
    aggressor = np.where(found["kind"] == Kind.EXECUTE, -found["side"], found["side"])
    return np.column_stack((found["ts_ns"], found["price"], found["quantity"], aggressor)).astype(np.int64)


def market_of(desk: Desk, record: Record) -> MarketContext | None:
    """What the models of cost may know of the market that an order met; ``None`` where it never got there."""
    k, moment = desk._room.engine.index(record.symbol), met_ns(record)
    if k is None or moment is None:
        return None
    bars = _on_bars(desk)
    known = around(record, desk._room.candles, k, bars=bars, since_ns=_last_split_ns(desk, record.symbol))
    seen, events = arrival_context(record), played(desk)
    if not seen.levels and events is not None and not bars:
        levels = levels_at(events, k, -int(record.side), moment)
        best, size = (seen.ask, seen.ask_size) if record.side > 0 else (seen.bid, seen.bid_size)
        if levels and levels[0][0] == best and size in (0, levels[0][1]):
            known["levels"] = levels[:LEVELS_MAX]
    return arrival_context(record, **known)


def met_ns(record: Record) -> int | None:
    """When an order could trade first: when it was triggered, or came; ``None`` where it never reached the venue."""
    met = next((f for f in record.facts if isinstance(f, OrderTriggered)), None) or next(
        (f for f in record.facts if isinstance(f, OrderAccepted)), None
    )
    return None if met is None else met.ts_ns


def around(record: Record, candles: Candles, k: int, *, bars: bool, since_ns: int = 0) -> dict[str, Any]:
    """What candles tell of the days and the bar around an order, as fields of :class:`MarketContext`.

    Parameters
    ----------
    record : Record
    candles : Candles
    k : int
        Number of the instrument.
    bars : bool
        Whether the candles are a tape's own bars.
    since_ns : int
        Earlier candles are on another grid of prices.
    """
    i, moment = record.instrument, met_ns(record)
    if i is None or moment is None:
        return {}
    for seconds in (MINUTE_S, EARLY_S):
        rows = [c for c in candles.of(k, seconds=seconds) if c[0] * NS_PER_S >= since_ns]
        if bars or len(rows) > RETURNS_MIN:
            break
    length = median(after[0] - before[0] for before, after in pairwise(rows)) if bars and len(rows) > 1 else seconds
    known: dict[str, Any] = day_of(rows, seconds=length or 1, session_s=DAY_S if i.calendar == ALWAYS else SESSION_S)
    when = record.fills[0].ts_ns if bars and record.fills else moment
    bar = next((c for c in reversed(rows) if c[0] * NS_PER_S <= when), None)
    if bar is not None and bar[5]:
        known |= {"bar_price": bar[4], "bar_volume": bar[5]}
    return known


def _on_bars(desk: Desk) -> bool:
    head = desk._room.head
    return head is not None and head.depth == "bars"


def _last_split_ns(desk: Desk, symbol: str) -> int:
    """Since when the prices of an instrument are on today's grid."""
    return desk._room.splits.get(symbol, 0)


def day_of(candles: list[Candle], *, seconds: float, session_s: int) -> dict[str, float]:
    """Lots that trade in a day and the volatility of a day, from candles of so many seconds.

    Returns
    -------
    dict
        ``daily_volume`` and ``daily_volatility``, as far as they can be told.

    Notes
    -----
    Volatility is the root of the mean squared log return of a candle, times the root of how many make a day; stretches
    of more than an hour without a candle (nights) are left out of candles shorter than that.

    Examples
    --------
    >>> rows = [(60 * n, 100, 101, 99, 100 + n % 2, 10) for n in range(10)]
    >>> found = day_of(rows, seconds=60, session_s=23_400)
    >>> found["daily_volume"], round(found["daily_volatility"], 3)
    (3900.0, 0.197)
    """
    if len(candles) <= RETURNS_MIN:
        return {}
    a_day = max(1.0, session_s / seconds)
    squares = [
        (log(after[4] / before[4])) ** 2
        for before, after in pairwise(candles)
        if seconds >= NIGHT_S or after[0] - before[0] <= NIGHT_S
    ]
    found = {}
    volume = sum(candle[5] for candle in candles)
    if volume:
        found["daily_volume"] = volume / len(candles) * a_day
    if len(squares) >= RETURNS_MIN and any(squares):
        found["daily_volatility"] = sqrt(sum(squares) / len(squares) * a_day)
    return found


def levels_at(events: Events, k: int, side: int, ts_ns: int) -> tuple[Level, ...]:
    """Visible levels of a side at a moment, best first: price in ticks, lots.

    Parameters
    ----------
    events : (n,) array of EVENT
        From the beginning of the tape.
    k : int
        Number of the instrument.
    side : int
        +1 bids, -1 asks.
    ts_ns : int
        Events of this moment count.
    """
    events = events[: int(np.searchsorted(events["ts_ns"], ts_ns, side="right"))]
    events = events[(events["instrument"] == k) & (events["side"] == side) & (events["kind"] <= Kind.QUOTE)]
    events = events[(events["kind"] != Kind.EXECUTE) | (events["flags"] & FLAG_HIDDEN == 0)]
    quotes = np.flatnonzero(events["kind"] == Kind.QUOTE)
    events = events[quotes[-1] :] if len(quotes) else events  # a quote takes all other levels away
    if not len(events):
        return ()
    order = np.argsort(events["price"], kind="stable")
    rows = events[order]
    starts = np.flatnonzero(np.append(True, np.diff(rows["price"]) != 0))
    whole = (rows["kind"] == Kind.LEVEL) | (rows["kind"] == Kind.QUOTE)
    # of each price, only what came since the last row that told its total
    last = np.maximum.accumulate(np.where(whole, np.arange(len(rows)), 0))
    ends = np.append(starts[1:], len(rows)) - 1
    begins = np.maximum(last[ends], starts)
    change = np.where(whole | (rows["kind"] == Kind.ADD), 1, -1) * rows["quantity"]
    counted = np.append(0, np.cumsum(change))
    lots = counted[ends + 1] - counted[begins]
    found = [(int(px), int(n)) for px, n in zip(rows["price"][starts], lots, strict=True) if n > 0 and px > 0]
    return tuple(sorted(found, key=lambda level: -side * level[0]))
