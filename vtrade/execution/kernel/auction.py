"""At which price does a call auction trade, and who trades there?

Rules: the price at which most lots trade; among several the one that leaves the smallest surplus, then the one nearest
to the last price, then the lower. Market orders come first, then better prices, then earlier orders; everybody gets the
one price. Orders for the auction alone that found nobody end with it. Where the feed only reports its own auction,
participants' orders trade at the price it printed, up to the lots it printed; where it reports none, at the first book
after the open, or the last before the close.
"""

from __future__ import annotations

from vtrade.execution.compiling import inner
from vtrade.execution.kernel.book import append, drop, first_own, rest, tell, unlink
from vtrade.execution.kernel.match import fill, printed, within, work

# isort: off
# fmt: off
from vtrade.execution.layout import (
    ASK, AT_CLOSE, AT_LEVEL, AT_OPEN, AT_THE_CLOSE, AT_THE_OPEN, AUCTION, BAR_LEFT, BAR_NO, BAR_PX, BASE, BID, CALL,
    CANCELED, CLOSE_LIST, C_AUCTION, C_SELF, EXPIRED, GONE, HEAD, IN_MARKET, LAST, LISTS, MARK, MARKET, MARKET_LIST,
    NONE, OPEN_LIST, OWN_BEST, OWN_LEVELS, O_ACCOUNT, O_GROUP, O_ID, O_INST, O_LEAVES, O_LIMIT, O_NEXT, O_SHOWN,
    O_SIDE, O_TIF, O_TYPE, O_WHERE, SLOTS, TAKES, X_LEAVES, Book,
)
# fmt: on
# isort: on


@inner
def waiting_lots(b: Book, k: int, s: int) -> int:
    """Lots of market orders that wait on a side."""
    lots = 0
    m = b.inst[k, LISTS + 2 * (MARKET_LIST + s)]
    while m != 0:
        lots += b.own[m, O_LEAVES]
        m = b.own[m, O_NEXT]
    return lots


@inner
def level_lots(b: Book, k: int, s: int, p: int) -> int:
    """All lots resting at a level, shown or not."""
    lots = 0
    m = b.level[k, s, p, HEAD]
    while m != 0:
        lots += b.own[m, O_LEAVES]
        m = b.own[m, O_NEXT]
    return lots


@inner
def last_level(b: Book, k: int, s: int) -> int:
    """Index of the worst level of a side at which orders rest."""
    step = -1 if s == 0 else 1
    p = b.inst[k, OWN_BEST + s]
    left = b.inst[k, OWN_LEVELS + s] - 1
    while left > 0:
        p += step
        left -= b.level[k, s, p, HEAD] != 0
    return int(p)


@inner
def clearing(b: Book, k: int, ref: int) -> tuple[int, int, int]:
    """Price in ticks, lots and surplus (positive: buys) of the auction; no lots where nothing crosses."""
    inst = b.inst[k]
    market_buys, market_sells = waiting_lots(b, k, BID), waiting_lots(b, k, ASK)
    bid, ask = inst[OWN_BEST], inst[OWN_BEST + 1]
    has_bid, has_ask = inst[OWN_LEVELS] > 0, inst[OWN_LEVELS + 1] > 0
    base = inst[BASE]
    if not has_bid and not has_ask:
        if ref == 0:
            return 0, 0, 0
        return ref, min(market_buys, market_sells), market_buys - market_sells
    if not has_bid:
        bid = ask
    if not has_ask:
        ask = bid
    low, high = min(bid, ask), max(bid, ask)
    if market_buys > 0 and has_ask:
        high = max(high, last_level(b, k, ASK))
    if market_sells > 0 and has_bid:
        low = min(low, last_level(b, k, BID))
    demand = market_buys
    if has_bid:
        p = inst[OWN_BEST]
        while p >= low:
            demand += level_lots(b, k, BID, p)
            p -= 1
    supply = market_sells
    best_p, best_lots, best_surplus = 0, 0, 0
    for p in range(low, high + 1):
        if has_ask and p >= inst[OWN_BEST + 1]:
            supply += level_lots(b, k, ASK, p)
        lots, surplus = min(demand, supply), demand - supply
        better = lots > best_lots
        if lots == best_lots and lots > 0:
            better = abs(surplus) < abs(best_surplus)
            if abs(surplus) == abs(best_surplus) and ref > 0:
                better = abs(p + base - ref) < abs(best_p + base - ref)
        if better:
            best_p, best_lots, best_surplus = p, lots, surplus
        if has_bid and p <= inst[OWN_BEST]:
            demand -= level_lots(b, k, BID, p)
    return int(best_p + base), int(best_lots), int(best_surplus)


@inner
def next_in(b: Book, k: int, s: int, price: int) -> int:
    """The order that trades next in the auction on a side, 0 for none."""
    m = b.inst[k, LISTS + 2 * (MARKET_LIST + s)]
    while m != 0:
        if b.own[m, O_LEAVES] > 0 and within(s, b.own[m, O_LIMIT], price):
            return int(m)
        m = b.own[m, O_NEXT]
    m = first_own(b, k, s)
    return m if m != 0 and within(s, b.own[m, O_LIMIT], price) else 0


@inner
def part_pairs(b: Book, k: int, ts: int) -> None:
    """Orders of a pair that would trade with each other, where a fill of one ends the other: the newest ones go."""
    while True:
        newest = 0
        for m in range(1, b.room[SLOTS]):
            o = b.own[m]
            if o[O_GROUP] == 0 or not in_call(b, m, k) or (newest != 0 and o[O_ID] < b.own[newest, O_ID]):
                continue
            for n in range(1, b.room[SLOTS]):
                other = b.own[n]
                if other[O_GROUP] == o[O_GROUP] and other[O_SIDE] != o[O_SIDE] and in_call(b, n, k):
                    if o[O_LIMIT] == 0 or other[O_LIMIT] == 0 or within(o[O_SIDE], o[O_LIMIT], other[O_LIMIT]):
                        newest = m
        if newest == 0:
            return
        tell(b, CANCELED, newest, ts, NONE, NONE, C_SELF)
        drop(b, newest)


@inner
def in_call(b: Book, slot: int, k: int) -> bool:
    """Whether an order stands where an auction finds it."""
    o = b.own[slot]
    return bool(o[O_INST] == k and (o[O_WHERE] == AT_LEVEL or o[O_WHERE] == IN_MARKET))


@inner
def cross_all(b: Book, k: int, ts: int) -> None:
    """Hold the auction over everything that stands in the book."""
    inst = b.inst[k]
    ref = inst[LAST]
    if ref == 0:
        ref = inst[MARK]
    part_pairs(b, k, ts)
    price, lots, surplus = clearing(b, k, ref)
    left = lots
    while left > 0:
        buy, sell = next_in(b, k, 0, price), next_in(b, k, 1, price)
        if buy == 0 or sell == 0:
            break
        qty = left
        for s in range(2):
            m = buy if s == 0 else sell
            qty = min(qty, b.own[m, O_SHOWN] if b.own[m, O_WHERE] == AT_LEVEL else b.own[m, O_LEAVES])
        buyer, seller = max(0, b.own[buy, O_ID]), max(0, b.own[sell, O_ID])
        fill(b, buy, ts, price, qty, CALL, TAKES, price, lots, seller, NONE)
        fill(b, sell, ts, price, qty, CALL, TAKES, price, lots, buyer, NONE)
        left -= qty
    if lots > left:
        printed(b, k, price, lots - left)
    n = tell(b, AUCTION, NONE, ts, price, lots - left, k)
    b.out[n, X_LEAVES] = surplus


@inner
def leave_auction(b: Book, k: int, which: int, ts: int) -> None:
    """The call phase ends: orders for this auction join the book, it is held, and what is left of them ends."""
    inst = b.inst[k]
    m = inst[LISTS + 2 * which]
    while m != 0:
        after = b.own[m, O_NEXT]
        unlink(b, m)
        if b.own[m, O_TYPE] == MARKET:
            append(b, m, MARKET_LIST + b.own[m, O_SIDE], IN_MARKET)
        else:
            rest(b, m)
        m = after
    cross_all(b, k, ts)
    tif = AT_THE_OPEN if which == OPEN_LIST else AT_THE_CLOSE
    for slot in range(1, b.room[SLOTS]):
        o = b.own[slot]
        if o[O_WHERE] != GONE and o[O_INST] == k and o[O_ACCOUNT] >= 0 and o[O_TIF] == tif:
            tell(b, EXPIRED, slot, ts, NONE, NONE, C_AUCTION)
            drop(b, slot)


@inner
def run_auction(b: Book, k: int, price: int, qty: int, ts: int) -> None:
    """The feed printed its own auction: orders for it trade at that price, up to what was printed."""
    left = qty
    for which in range(OPEN_LIST, CLOSE_LIST + 1):
        m = b.inst[k, LISTS + 2 * which]
        while m != 0 and left > 0:
            o = b.own[m]
            after = o[O_NEXT]
            if within(o[O_SIDE], o[O_LIMIT], price) and o[O_LEAVES] > 0:
                x = min(left, o[O_LEAVES])
                left -= x
                fill(b, m, ts, price, x, CALL, TAKES, price, qty, NONE, NONE)
            m = after


@inner
def to_auction(b: Book, k: int, which: int, ts: int) -> None:
    """No auction was reported: orders for it trade with the book at hand, and what is left of them ends."""
    m = b.inst[k, LISTS + 2 * which]
    while m != 0:
        after = b.own[m, O_NEXT]
        if b.own[m, O_LEAVES] == 0:
            m = after  # another's fill has ended it, which will be told
            continue
        if b.inst[k, BAR_NO] > 0:
            px = b.inst[k, BAR_PX]
            o = b.own[m]
            x = min(b.inst[k, BAR_LEFT], o[O_LEAVES])
            if x > 0 and within(o[O_SIDE], o[O_LIMIT], px):
                b.inst[k, BAR_LEFT] -= x
                ident = o[O_ID]
                fill(b, m, ts, px, x, AT_OPEN if which == OPEN_LIST else AT_CLOSE, TAKES, px, x, NONE, NONE)
                if o[O_ID] != ident:
                    m = after
                    continue
            tell(b, EXPIRED, m, ts, NONE, NONE, C_AUCTION)
            drop(b, m)
        else:
            unlink(b, m)
            work(b, m, ts)
        m = after
