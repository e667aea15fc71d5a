"""What do VTrade and its peers have to do when their speed is compared?

Rules: every workload is a fixed seed and a million items, so all engines do the same work, and what they answer can be
checked: ``EXPECTED`` holds what a right engine finds. A workload begins with the same items however many are asked for.
Sides are +1 (buy, bid) and -1 (sell, ask), prices ticks, quantities lots.

==========  =============================================================================================
workload    what there is to do
==========  =============================================================================================
``w1``      match 60 % limit orders around a walking middle, 30 % cancels and 10 % market orders
``w2_l1``   replay quotes; after every ``EVERY``-th of them cancel what rests, buy one lot at the market and
            offer one at the ask, or (in turn) sell one and bid for one at the bid
``w2_l2``   the same with an order book of single-level updates
``w3``      replay one-minute bars; hold +100 shares while the mean of 10 closes is above that of 50, else -100, by
            orders at the next open
==========  =============================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vtrade.market.dtype import FLAG_MARKET, Events, Kind, empty_events

COUNT: Final = 1_000_000
EVERY: Final = 100
"""Quotes or updates of ``w2`` from one pair of orders to the next."""
FAST: Final = 10
SLOW: Final = 50
"""Closes in the two means of ``w3``."""
SHARES: Final = 100
LIMIT, CANCEL, MARKET = range(3)
"""Kinds of message of ``w1``."""
TICKS_PER_UNIT: Final = 10_000
"""Prices of ``w3`` have four decimals."""
BAR_NS: Final = 60_000_000_000
MESSAGE_NS: Final = 1_000

_MIDDLE: Final = 10_000
_TOP: Final = 2 * _MIDDLE
_DEPTH: Final = 10

Ints = NDArray[np.int64]
Small = NDArray[np.int32]
Signs = NDArray[np.int8]
Floats = NDArray[np.float64]


class Messages(NamedTuple):
    """Workload ``w1``: arrays of shape (count,).

    ``order_id`` is the number of the message that brought the order; a cancel names the order to cancel. Prices of
    cancels and market orders and quantities of cancels are 0.
    """

    kind: Signs
    side: Signs
    price: Small
    quantity: Small
    order_id: Small


class Quotes(NamedTuple):
    """Workload ``w2_l1``: both best prices, all of shape (count,)."""

    ts_ns: Ints
    bid: Ints
    ask: Ints
    bid_quantity: Ints
    ask_quantity: Ints


class Levels(NamedTuple):
    """Workload ``w2_l2``: ``price`` on ``side`` now shows ``quantity`` (0: nothing), all of shape (count,)."""

    ts_ns: Ints
    side: Signs
    price: Ints
    quantity: Ints


class Bars(NamedTuple):
    """Workload ``w3``: prices with four decimals and volumes, all of shape (count,)."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


Workload = Messages | Quotes | Levels | Bars


class Totals(NamedTuple):
    """What came out of matching: number of fills, lots, and ticks times lots."""

    fills: int
    volume: int
    notional: int


EXPECTED: Final = {"w1": Totals(393_538, 10_229_707, 101_785_981_498)}
"""What every right engine finds in the whole of ``w1``."""
ORDERS_W3: Final = 27_420
"""Orders that ``w3`` asks for, all of it."""
PNL_W3: Final = 68_602_000
"""What they earn until the last close, in ticks times shares."""


# --- w1: matching ----------------------------------------------------------------------------------------------------


class Book:
    """Price-time priority in plain Python: one queue for each tick and side, and pointers to the best ones.

    Examples
    --------
    >>> book = Book()
    >>> book.limit(1, -1, 10_001, 5), book.limit(2, 1, 10_001, 3)
    ((5, []), (0, []))
    >>> book.market(1, 9)
    [1]
    >>> book.totals()
    Totals(fills=2, volume=5, notional=50005)
    """

    __slots__ = ("_best", "_fills", "_notional", "_places", "_queues", "_volume")

    def __init__(self) -> None:
        self._queues: dict[int, list[dict[int, int]]] = {side: [{} for _ in range(_TOP + 1)] for side in (1, -1)}
        self._best = {1: 0, -1: _TOP}
        self._places: dict[int, dict[int, int]] = {}
        self._fills = self._volume = self._notional = 0

    def _trade(self, side: int, limit: int, quantity: int) -> tuple[int, list[int]]:
        queues, best = self._queues[-side], self._best[-side]
        gone: list[int] = []
        while quantity and (limit - best) * side >= 0 and 0 < best < _TOP:
            queue = queues[best]
            while queue and quantity:
                maker = next(iter(queue))
                filled = min(queue[maker], quantity)
                quantity -= filled
                self._fills += 1
                self._volume += filled
                self._notional += filled * best
                if filled == queue[maker]:
                    del queue[maker], self._places[maker]
                    gone.append(maker)
                else:
                    queue[maker] -= filled
            while 0 < best < _TOP and not queues[best]:
                best += side
        self._best[-side] = best
        return quantity, gone

    def limit(self, order: int, side: int, price: int, quantity: int) -> tuple[int, list[int]]:
        """Trade what crosses and rest the others: what rests, and the orders that were filled."""
        left, gone = self._trade(side, price, quantity)
        if left:
            queue = self._queues[side][price]
            queue[order] = left
            self._places[order] = queue
            if (price - self._best[side]) * side > 0:
                self._best[side] = price
        return left, gone

    def market(self, side: int, quantity: int) -> list[int]:
        """Trade at any price; the orders that were filled. What is left is canceled."""
        return self._trade(side, _TOP if side > 0 else 0, quantity)[1]

    def cancel(self, order: int) -> bool:
        """Take an order out of its queue; whether it was still there."""
        queue = self._places.pop(order, None)
        if queue is None:
            return False
        del queue[order]
        return True

    def totals(self) -> Totals:
        """What was filled so far."""
        return Totals(self._fills, self._volume, self._notional)


def match(messages: Messages) -> Totals:
    """Match in plain Python: slow, and simple enough to believe.

    Examples
    --------
    >>> match(messages(20_000))
    Totals(fills=6481, volume=149226, notional=1492175892)
    """
    book = Book()
    rows = zip(*(column.tolist() for column in messages), strict=True)
    for kind, side, price, quantity, order in rows:
        if kind == LIMIT:
            book.limit(order, side, price, quantity)
        elif kind == MARKET:
            book.market(side, quantity)
        else:
            book.cancel(order)
    return book.totals()


def messages(count: int = COUNT) -> Messages:
    """The first messages of ``w1``; a cancel takes any live order, a market order more where more is live.

    Parameters
    ----------
    count : int
        At most ``COUNT``.
    """
    luck = np.random.default_rng(7)
    what, down = luck.random(COUNT), luck.integers(0, 2, COUNT)
    walks = luck.random(COUNT) < 0.05
    middle = _MIDDLE + np.cumsum(np.where(walks, luck.choice([-1, 1], COUNT), 0))
    away = 1 + np.minimum(luck.geometric(0.18, COUNT), 60)
    side = (1 - 2 * down).astype(np.int8)
    price = (middle - side * away)[:count].astype(np.int32)
    wanted, hurried, pick = luck.integers(1, 101, COUNT), luck.integers(1, 300, COUNT), luck.random(COUNT)

    kind, quantity = np.zeros(count, np.int8), np.zeros(count, np.int32)
    order_id = np.arange(count, dtype=np.int32)
    book, live, places = Book(), list[int](), dict[int, int]()
    columns = (what, side, price, wanted, hurried, pick)
    rows = zip(*(column[:count].tolist() for column in columns), strict=True)
    for number, (draw, sign, tick, lots, most, share) in enumerate(rows):
        left = 0
        if 0.6 <= draw < 0.9 and live:
            kind[number], order_id[number] = CANCEL, live[int(share * len(live))]
            gone = [int(order_id[number])]
            book.cancel(gone[0])
        elif draw >= 0.9:
            lots = max(1, int(most * min(2.0, max(0.1, len(live) / 5_000))))
            kind[number], quantity[number] = MARKET, lots
            gone = book.market(sign, lots)
        else:
            quantity[number] = lots
            left, gone = book.limit(number, sign, tick, lots)
        for order in gone:  # the last live order takes the place of the one that is gone
            place, last = places.pop(order), live.pop()
            if last != order:
                live[place], places[last] = last, place
        if left:
            places[number] = len(live)
            live.append(number)
    price[kind != LIMIT] = 0
    return Messages(kind, side[:count], price, quantity, order_id)


def order_events(messages: Messages) -> Events:
    """``ORDER`` and ``CANCEL`` rows, a microsecond apart.

    Orders are numbered from 1 without a gap; market orders carry ``FLAG_MARKET``.

    Examples
    --------
    >>> rows = order_events(messages(1_000))
    >>> len(rows), Kind(rows["kind"][0]).name, int(rows["order_id"].max())
    (1000, 'ORDER', 701)
    """
    orders = messages.kind != CANCEL
    events = empty_events(len(orders))
    events["ts_ns"] = np.arange(len(orders)) * MESSAGE_NS
    events["kind"] = np.where(orders, Kind.ORDER, Kind.CANCEL)
    events["side"] = np.where(orders, messages.side, 0)
    events["price"] = messages.price
    events["quantity"] = messages.quantity
    events["order_id"] = np.cumsum(orders)[messages.order_id]
    events["flags"] = np.where(messages.kind == MARKET, FLAG_MARKET, 0)
    return events


# --- w2: quotes and levels -------------------------------------------------------------------------------------------


def _luck_w2() -> tuple[Quotes, tuple[Floats, Ints, Ints, Ints]]:
    """All quotes, and the numbers of chance that the levels are made from."""
    luck = np.random.default_rng(11)
    walks = luck.random(COUNT) < 0.3
    bid = 100_000 + np.cumsum(np.where(walks, luck.choice([-1, 1], COUNT), 0))
    ask = bid + luck.integers(1, 4, COUNT)
    ts_ns = 1_700_000_000_000_000_000 + np.cumsum(luck.integers(1_000_000, 50_000_000, COUNT))
    quotes = Quotes(ts_ns, bid, ask, luck.integers(1, 500, COUNT), luck.integers(1, 500, COUNT))
    moves, depths = luck.random(COUNT), luck.integers(0, _DEPTH, COUNT)
    return quotes, (moves, depths, luck.integers(1, 500, COUNT), luck.integers(0, 2, COUNT))


def quotes(count: int = COUNT) -> Quotes:
    """The first quotes of ``w2_l1``: the bid walks, the spread is one to three ticks.

    Examples
    --------
    >>> first = quotes(3)
    >>> first.bid.tolist(), first.ask.tolist()
    ([100001, 100001, 100001], [100004, 100002, 100002])
    """
    return Quotes(*(column[:count] for column in _luck_w2()[0]))


def levels(count: int = COUNT) -> Levels:
    """The first updates of ``w2_l2``: a book of ten levels a side around a middle that moves now and then.

    Examples
    --------
    >>> first = levels(4)
    >>> first.side.tolist(), first.price.tolist()
    ([1, 1, 1, 1], [99999, 99998, 99997, 99996])
    """
    calm, luck = _luck_w2()
    moves, depths, sizes, downs = (column.tolist() for column in luck)
    middle = 100_000
    rows = [(side, middle - side * depth, 100) for side in (1, -1) for depth in range(1, _DEPTH + 1)]
    draw = 0
    while len(rows) < count:
        size, after = sizes[draw], sizes[(draw + 1) % COUNT]
        if moves[draw] < 0.06:
            # the middle steps: the best level it meets goes, one appears far behind; on the other side the reverse
            step = 1 if moves[draw] < 0.03 else -1
            rows += [
                (-step, middle + step, 0), (-step, middle + step * (_DEPTH + 1), size),
                (step, middle - step * _DEPTH, 0), (step, middle, after),
            ]  # fmt: skip
            middle += step
        else:
            side = 1 - 2 * downs[draw]
            rows.append((side, middle - side * (1 + depths[draw]), size))
        draw = (draw + 1) % COUNT
    found = np.array(rows[:count], dtype=np.int64)
    return Levels(calm.ts_ns[:count], found[:, 0].astype(np.int8), found[:, 1].copy(), found[:, 2].copy())


def quote_events(quotes: Quotes) -> Events:
    """Two ``QUOTE`` rows for each quote, in the order in which the market is never crossed or locked between them.

    Examples
    --------
    >>> rows = quote_events(quotes(3))
    >>> rows["side"].tolist(), rows["price"].tolist()
    ([1, -1, 1, -1, 1, -1], [100001, 100004, 100001, 100002, 100001, 100002])
    """
    count = len(quotes.ts_ns)
    rises = np.zeros(count, dtype=bool)
    rises[1:] = quotes.bid[1:] >= quotes.ask[:-1]  # then the ask goes up first
    events = empty_events(2 * count)
    events["kind"] = Kind.QUOTE
    for first, side in enumerate((np.where(rises, -1, 1), np.where(rises, 1, -1))):
        bids, rows = side > 0, events[first::2]
        rows["ts_ns"], rows["side"] = quotes.ts_ns, side
        rows["price"] = np.where(bids, quotes.bid, quotes.ask)
        rows["quantity"] = np.where(bids, quotes.bid_quantity, quotes.ask_quantity)
    return events


def level_events(levels: Levels) -> Events:
    """One ``LEVEL`` row for each update."""
    events = empty_events(len(levels.ts_ns))
    events["kind"] = Kind.LEVEL
    events["ts_ns"], events["side"] = levels.ts_ns, levels.side
    events["price"], events["quantity"] = levels.price, levels.quantity
    return events


# --- w3: bars --------------------------------------------------------------------------------------------------------


def bars(count: int = COUNT) -> Bars:
    """The first bars of ``w3``: closes walk from 100, highs and lows lie a little beyond open and close.

    Examples
    --------
    >>> first = bars(2)
    >>> first.open.tolist(), first.close.tolist(), first.volume.tolist()
    ([100.0, 100.0731], [100.0731, 99.9499], [1390.0, 1509.0])
    """
    luck = np.random.default_rng(13)
    close: Floats = 100 * np.exp(np.cumsum(luck.normal(0, 0.0004, COUNT)))
    start: Floats = np.concatenate(([100.0], close[:-1]))
    high: Floats = np.maximum(start, close) * (1 + np.abs(luck.normal(0, 0.0002, COUNT)))
    low: Floats = np.minimum(start, close) * (1 - np.abs(luck.normal(0, 0.0002, COUNT)))
    volume = luck.integers(100, 10_000, COUNT).astype(np.float64)
    tick = 1 / TICKS_PER_UNIT
    columns = (start.round(4), high.round(4) + tick, low.round(4) - tick, close.round(4), volume)
    return Bars(*(column[:count] for column in columns))


def targets(bars: Bars) -> Ints:
    """Position in shares to go for after each bar; 0 before there are ``SLOW`` closes and until the means cross.

    Examples
    --------
    >>> held = targets(bars(400))
    >>> held[48:53].tolist(), sorted(set(held.tolist()))
    ([0, 0, 0, 0, 0], [-100, 0, 100])
    """
    total = np.concatenate(([0], np.cumsum(_ticks(bars.close))))
    last = np.arange(SLOW, len(total))
    above = SLOW * (total[last] - total[last - FAST]) > FAST * (total[last] - total[last - SLOW])
    held = np.zeros(len(bars.close), dtype=np.int64)
    held[SLOW - 1 :] = np.where(above, SHARES, -SHARES)
    crossed = np.flatnonzero(above[1:] != above[:-1])
    held[: SLOW + int(crossed[0]) if len(crossed) else None] = 0
    return held


def bar_events(bars: Bars) -> Events:
    """Four rows for each bar, a minute apart: the extreme that is nearer to the open comes first.

    Examples
    --------
    >>> rows = bar_events(bars(1))
    >>> [Kind(kind).name for kind in rows["kind"]], rows["price"].tolist()
    (['BAR_OPEN', 'BAR_LOW', 'BAR_HIGH', 'BAR_CLOSE'], [1000000, 999914, 1000995, 1000731])
    """
    start, high, low, close = (_ticks(column) for column in bars[:4])
    starts_ns = np.arange(len(close)) * BAR_NS
    high_first = high - start <= start - low
    events = empty_events(4 * len(close))
    rows = (
        (starts_ns, Kind.BAR_OPEN, start),
        (starts_ns + BAR_NS, np.where(high_first, Kind.BAR_HIGH, Kind.BAR_LOW), np.where(high_first, high, low)),
        (starts_ns + BAR_NS, np.where(high_first, Kind.BAR_LOW, Kind.BAR_HIGH), np.where(high_first, low, high)),
        (starts_ns + BAR_NS, Kind.BAR_CLOSE, close),
    )
    for place, (ts_ns, kind, price) in enumerate(rows):
        part = events[place::4]
        part["ts_ns"], part["kind"], part["price"] = ts_ns, kind, price
    events["quantity"][::4] = bars.volume
    return events


def _ticks(prices: Floats) -> Ints:
    return np.rint(prices * TICKS_PER_UNIT).astype(np.int64)


WORKLOADS: Final[dict[str, Callable[..., Workload]]] = {"w1": messages, "w2_l1": quotes, "w2_l2": levels, "w3": bars}


def save(workload: str, path: Path, *, count: int = COUNT) -> Path:
    """Write the first arrays of a workload, under the names of their fields, for programs that only know numpy.

    Parameters
    ----------
    workload : str
        A name in ``WORKLOADS``; ``w3`` comes with its :func:`targets` as ``target``.
    path : Path
        Ends in ``.npz``.
    count : int
        How many items, at most ``COUNT``.
    """
    found = WORKLOADS[workload](count)
    arrays: dict[str, NDArray[Any]] = found._asdict()
    if isinstance(found, Bars):
        arrays["target"] = targets(found)
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    return path
