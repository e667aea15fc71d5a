"""Which orders fill inside a bar, and at what price?

Rules: nothing trades between the bar's points; the path goes from the open over its extremes to the close. An order
entered during a bar sees only its close, and all participants together get a share of the bar's volume, so a bar never
fills twice. A stop that the price jumped over trades where it landed.
"""

from __future__ import annotations

from vtrade.execution.compiling import inner
from vtrade.execution.kernel.arrive import spring, trail
from vtrade.execution.kernel.auction import to_auction
from vtrade.execution.kernel.book import append, drop, first_own, rest, tell
from vtrade.execution.kernel.match import fill, within

# isort: off
# fmt: off
from vtrade.execution.layout import (
    AT_CLOSE, AT_OPEN, BAR_LEFT, BAR_NO, BAR_PX, BASE, CANCELED, CLOSE_LIST, C_FOK, C_IOC, FOK, FRESH, HEAD, IN_MARKET,
    IN_RANGE, IOC, JUMPED, LAST, LISTS, MAKES, MARKET, MARKET_LIST, MILLION, NONE, OPEN_LIST, OWN_BEST, OWN_COUNT,
    OWN_LEVELS, O_BAR, O_ID, O_INST, O_LEAVES, O_LIMIT, O_NEXT, O_SIDE, O_STOP, O_TIF, O_TYPE, O_WAIT, PRINTS,
    SHARE_PPM, STATE, STOPS, STOP_LIST, S_OPEN, TAKES, TURNOVER, VOLUME, WALKED, W_BAR, W_NONE, X_EV_QTY, Book,
)
# fmt: on
# isort: on

BAR_OPEN, BAR_CLOSE = 8, 11  # as in vtrade.market.dtype.Kind


@inner
def bar_fill(b: Book, slot: int, ts: int, px: int, cause: int, taker: int, point: int) -> None:
    """Fill what the bar's remaining volume allows."""
    inst = b.inst[b.own[slot, O_INST]]
    qty = min(inst[BAR_LEFT], b.own[slot, O_LEAVES])
    if qty > 0:
        shown = inst[BAR_LEFT]
        inst[BAR_LEFT] -= qty
        fill(b, slot, ts, px, qty, cause, taker, point, shown, NONE, NONE)


@inner
def bar_stops(b: Book, k: int, ts: int, start: int, end: int, gap: int, cause: int) -> None:
    """Trigger the stops that the way from ``start`` to ``end`` reaches, nearest first.

    On a gap the stop trades at ``end``, else at its own price: never better than was possible.
    """
    inst = b.inst[k]
    while inst[STOPS] > 0:
        best = 0
        m = inst[LISTS + 2 * STOP_LIST]
        while m != 0:
            o = b.own[m]
            old = o[O_BAR] < inst[BAR_NO] or cause == AT_CLOSE
            hit = end >= o[O_STOP] if o[O_SIDE] == 0 else end <= o[O_STOP]
            nearer = best == 0 or abs(o[O_STOP] - start) < abs(b.own[best, O_STOP] - start)
            if old and hit and o[O_LEAVES] > 0 and o[O_STOP] > 0 and nearer:
                best = m
            m = o[O_NEXT]
        if best == 0:
            return
        o = b.own[best]
        px = end
        if gap == WALKED and o[O_BAR] < inst[BAR_NO]:
            px = max(o[O_STOP], min(start, end)) if o[O_SIDE] == 0 else min(o[O_STOP], max(start, end))
        row = spring(b, best, ts, px)
        ident = o[O_ID]
        entered = o[O_BAR]
        o[O_WAIT] = W_BAR
        if o[O_TYPE] == MARKET:
            append(b, best, MARKET_LIST + o[O_SIDE], IN_MARKET)
        else:
            rest(b, best)
        o[O_BAR] = entered
        whole = o[O_TIF] == FOK
        if within(o[O_SIDE], o[O_LIMIT], px) and not (whole and inst[BAR_LEFT] < o[O_LEAVES]):
            bar_fill(b, best, ts, px, cause, TAKES, px)
        if o[O_ID] == ident and o[O_LEAVES] > 0 and (whole or o[O_TIF] == IOC):
            o[O_WAIT] = W_NONE
            tell(b, CANCELED, best, ts, NONE, NONE, C_FOK if whole else C_IOC)
            drop(b, best)
        b.out[row, X_EV_QTY] = o[O_WAIT] if o[O_ID] == ident else W_NONE


@inner
def bar_at(b: Book, k: int, ts: int, px: int, cause: int) -> None:
    """At the open and the close: market orders, then limit orders by price and time, all at the bar's price."""
    inst = b.inst[k]
    for s in range(2):
        m = inst[LISTS + 2 * (MARKET_LIST + s)]
        while m != 0 and inst[BAR_LEFT] > 0:
            after = b.own[m, O_NEXT]
            if within(s, b.own[m, O_LIMIT], px):
                bar_fill(b, m, ts, px, cause, TAKES, px)
            m = after
    for s in range(2):
        while inst[BAR_LEFT] > 0 and inst[OWN_LEVELS + s] > 0:
            m = first_own(b, k, s)
            if m == 0:
                break
            own = b.own[m, O_LIMIT]
            beyond = own > px if s == 0 else own < px
            if not (beyond or (own == px and cause == AT_OPEN)):
                break
            bar_fill(b, m, ts, px, cause, TAKES, px)


@inner
def bar_way(b: Book, k: int, ts: int, start: int, end: int) -> None:
    """The price goes from ``start`` to ``end`` inside the bar: resting orders it passes fill at their own price."""
    inst = b.inst[k]
    if end == start or inst[OWN_COUNT] == 0:
        return
    s = 1 if end > start else 0  # going up it meets asks, going down bids
    step = 1 if s == 1 else -1
    p = inst[OWN_BEST + s]
    last = end - inst[BASE]
    seen = 0
    levels = inst[OWN_LEVELS + s]
    while seen < levels and (last - p) * step > 0:
        m = b.level[k, s, p, HEAD]
        if m != 0:
            seen += 1
            # a halt may have left orders that the way has passed already: they trade where it begins
            price = max(start, p + inst[BASE]) if s == 1 else min(start, p + inst[BASE])
            bar_stops(b, k, ts, start, price, WALKED, IN_RANGE)
            while m != 0:
                after = b.own[m, O_NEXT]
                if b.own[m, O_BAR] < inst[BAR_NO]:
                    bar_fill(b, m, ts, price, IN_RANGE, MAKES, end)
                m = after
        p += step
    bar_stops(b, k, ts, start, end, WALKED, IN_RANGE)


@inner
def bar(b: Book, k: int, kind: int, px: int, volume: int, ts: int) -> None:
    """One point of a bar."""
    inst = b.inst[k]
    before = inst[BAR_PX]
    if kind == BAR_OPEN:
        inst[BAR_NO] += 1
        inst[BAR_LEFT] = volume * b.room[SHARE_PPM] // MILLION
        inst[VOLUME] += volume
        inst[TURNOVER] += volume * px
    inst[BAR_PX] = px
    inst[LAST] = px
    inst[PRINTS] += 1
    if inst[OWN_COUNT] == 0 or inst[STATE] > S_OPEN:
        return
    if kind == BAR_OPEN:
        if inst[STATE] == 0 or inst[FRESH] != 0:
            inst[FRESH] = 0
            to_auction(b, k, OPEN_LIST, ts)
        bar_stops(b, k, ts, before if before > 0 else px, px, JUMPED, AT_OPEN)
        bar_at(b, k, ts, px, AT_OPEN)
    else:
        bar_way(b, k, ts, before, px)
        if kind == BAR_CLOSE:
            bar_stops(b, k, ts, before, px, JUMPED, AT_CLOSE)
            bar_at(b, k, ts, px, AT_CLOSE)
            if inst[STATE] == 0:
                to_auction(b, k, CLOSE_LIST, ts)
    m = inst[LISTS + 2 * STOP_LIST]
    while m != 0:
        if b.own[m, O_BAR] < inst[BAR_NO] or kind == BAR_CLOSE:
            trail(b, m, px)
        m = b.own[m, O_NEXT]
