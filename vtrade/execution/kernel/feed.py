"""What does a row of the feed, or of an agent, do to the book, and which orders does it fill?

Rules:

- A resting order stands behind the feed's lots that were at its price when it came (``O_AHEAD``). It fills only when a
  print gets through that queue, a print trades beyond its price, the other side comes to its price, or another
  participant takes it. All participants share one print: their fills never exceed it.
- With order ids the queue is exact. Without them a level that shrinks without a print moves the queue up by the room's
  queue model.
- In an exchange room rows are requests of agents, who meet the participants in one book.
"""

from __future__ import annotations

from vtrade.execution import queues
from vtrade.execution.compiling import inner
from vtrade.execution.kernel.arrive import enter, trigger_stops
from vtrade.execution.kernel.auction import cross_all, leave_auction, run_auction, to_auction
from vtrade.execution.kernel.book import (
    beats,
    best_touch,
    drop,
    first_own,
    give_slot,
    rest,
    show,
    take_slot,
    tell,
    unlink,
)
from vtrade.execution.kernel.match import fill, printed, take, within

# isort: off
# fmt: off
from vtrade.execution.layout import (
    AGENT, ARRIVALS, ASK, AT_LEVEL, BAR_NO, BASE, BEST, BEYOND_LOTS, BID, CANCELED, CLOSE_LIST, CROSS, C_SELF, DAY,
    DEPTH, EXCHANGE, EXPIRED, FRESH, GONE, HAS_IDS, HEAD, HELD_LIST, INFERRED, IN_FLIGHT, LAST, LEVELS, LIMIT, LISTS,
    MAKES, MARKET, MARKET_LIST, NONE, OPEN_LIST, OWN_BEST, OWN_COUNT, OWN_LEVELS, O_ACCOUNT, O_AHEAD, O_ARRIVAL, O_ID,
    O_INST, O_LEAVES, O_LIMIT, O_NEXT, O_SHOWN, O_SIDE, O_TIF, O_TYPE, O_WHERE, PRINTED, QTY, QUEUE, QUEUE_MODEL,
    QUEUE_POWER, RESUMED, RISK_AVERSE, SESSION, SLOTS, STAMP, STATE, STOPS, S_AUCTION, S_CLOSED, S_HALTED, S_OPEN,
    TAKEN, TAKES, THROUGH, UNKNOWN, X_PX, Book,
)
# fmt: on
# isort: on
from vtrade.market.dtype import FLAG_AUCTION, FLAG_IOC, FLAG_MARKET, FLAG_PEGGED

deduct = inner(queues.deduct)
inferred_decrease = inner(queues.inferred_decrease)
inferred_increase = inner(queues.inferred_increase)
inferred_print = inner(queues.inferred_print)
inferred_ahead = inner(queues.inferred_ahead)


# --- lots that come to a level -----------------------------------------------------------------------------------


@inner
def wipe(b: Book, k: int, s: int) -> None:
    """The feed shows nothing on a side any more."""
    while b.inst[k, LEVELS + s] > 0:
        show(b, k, s, b.inst[k, BEST + s], NONE)


@inner
def come_to(b: Book, k: int, s: int, p: int, ts: int) -> None:
    """Lots the feed shows at level ``p`` of side ``s`` meet the other side's waiting and resting orders."""
    inst = b.inst[k]
    if inst[STATE] > S_OPEN:
        return
    price = p + inst[BASE]
    t = 1 - s
    level = b.level[k, s, p]
    free = level[QTY] - level[TAKEN]
    m = inst[LISTS + 2 * (MARKET_LIST + t)]
    while free > 0 and m != 0:
        after = b.own[m, O_NEXT]
        if within(t, b.own[m, O_LIMIT], price) and b.own[m, O_LEAVES] > 0:
            qty = min(free, b.own[m, O_LEAVES])
            fill(b, m, ts, price, qty, DEPTH, TAKES, price, free, NONE, NONE)
            level[TAKEN] += qty
            level[STAMP] = ts
            free -= qty
        m = after
    while free > 0 and inst[OWN_LEVELS + t] > 0:
        m = first_own(b, k, t)
        if m == 0:
            return
        q = b.own[m, O_LIMIT] - inst[BASE]
        if beats(t, p, q):
            return
        qty = min(free, b.own[m, O_SHOWN])
        fill(b, m, ts, q + inst[BASE], qty, CROSS, MAKES, price, free, NONE, NONE)
        level[TAKEN] += qty
        level[STAMP] = ts
        free -= qty


@inner
def uncross(b: Book, k: int, ts: int) -> None:
    """After a halt: resting orders meet what the feed showed meanwhile."""
    for s in range(2):
        step = -1 if s == 0 else 1
        left = b.inst[k, LEVELS + s]
        p = b.inst[k, BEST + s]
        while left > 0:
            if b.level[k, s, p, QTY] > 0:
                left -= 1
                come_to(b, k, s, p, ts)
            p += step


# --- prints ------------------------------------------------------------------------------------------------------


@inner
def share_print(b: Book, k: int, s: int, price: int, qty: int, most: int, arrival: int, ts: int) -> int:
    """``qty`` lots traded at ``price`` against side ``s``: participants resting there come before or in their turn.

    ``most`` is what they may still have of the print; returns what is left of it. ``arrival`` is that of the feed's
    order which was executed, -1 where the print names none.
    """
    inst = b.inst[k]
    left: int = most
    if inst[STATE] > S_OPEN:
        left = 0  # the queue moves, but nobody fills
    while left > 0 and inst[OWN_LEVELS + s] > 0:
        m = first_own(b, k, s)
        if m == 0 or not beats(s, b.own[m, O_LIMIT], price):
            break
        own = b.own[m, O_LIMIT]
        x = min(left, b.own[m, O_SHOWN])
        fill(b, m, ts, own, x, THROUGH, MAKES, price, qty, NONE, NONE)
        left -= x
    p = price - inst[BASE]
    if p < 0 or p >= b.level.shape[2]:
        return left
    level = b.level[k, s, p]
    now = b.room[ARRIVALS]
    m = level[HEAD]
    while m != 0:
        o = b.own[m]
        after = o[O_NEXT]
        if o[O_ARRIVAL] >= now:
            break  # a slice that went to the back while this print was shared
        if arrival > o[O_ARRIVAL]:
            o[O_AHEAD] = 0
        # the print skips what participants took, and it is these lots that the feed's level loses first
        taken = level[TAKEN]
        ahead = max(0, o[O_AHEAD] - taken)
        reach = min(left - ahead, o[O_SHOWN])
        o[O_AHEAD] = max(0, ahead - qty) + max(0, taken - qty)
        if b.room[QUEUE_MODEL] == INFERRED:
            inferred_print(b.rings[m], qty)
        if reach > 0:
            left -= reach
            ident = o[O_ID]
            fill(b, m, ts, price, reach, QUEUE, MAKES, price, qty, NONE, NONE)
            if o[O_ID] == ident and o[O_ARRIVAL] >= now:
                o[O_AHEAD] = max(0, level[QTY] - qty)
        m = after
    return left


@inner
def executed(b: Book, k: int, s: int, p: int, price: int, qty: int, arrival: int, ts: int) -> None:
    """A resting order of the feed was executed: a print, and lots that leave the level."""
    printed(b, k, price, qty)
    if b.inst[k, OWN_LEVELS + s] > 0:
        share_print(b, k, s, price, qty, qty, arrival, ts)
    level = b.level[k, s, p]
    level[TAKEN] = max(0, level[TAKEN] - qty)
    show(b, k, s, p, max(0, level[QTY] - qty))


@inner
def trade(b: Book, k: int, side: int, price: int, qty: int, flags: int, ts: int) -> None:
    """A print without a resting order's name; an unknown aggressor is judged by the touch."""
    inst = b.inst[k]
    printed(b, k, price, qty)
    if flags & FLAG_AUCTION:
        run_auction(b, k, price, qty, ts)
    if side == 0:
        bid, ask = best_touch(b, k, BID)[0], best_touch(b, k, ASK)[0]
        if ask > 0 and price >= ask:
            side = 1
        elif bid > 0 and price <= bid:
            side = -1
    left = qty
    if side <= 0 and inst[OWN_LEVELS] > 0:
        left = share_print(b, k, BID, price, qty, left, UNKNOWN, ts)
    if side >= 0 and inst[OWN_LEVELS + 1] > 0:
        share_print(b, k, ASK, price, qty, left, UNKNOWN, ts)
    if side != 0:
        s = 1 if side > 0 else 0
        p = price - inst[BASE]
        if 0 <= p < b.level.shape[2] and b.level[k, s, p, QTY] > 0:
            # the print executed lots that participants had taken: both go, and the feed's next row states the level
            level = b.level[k, s, p]
            gone = min(qty, level[TAKEN])
            level[PRINTED] = min(level[QTY], level[PRINTED] + qty) - gone
            if gone > 0:
                level[TAKEN] -= gone
                show(b, k, s, p, level[QTY] - gone)


# --- levels ------------------------------------------------------------------------------------------------------


@inner
def left_queue(b: Book, k: int, s: int, p: int, qty: int, arrival: int) -> None:
    """``qty`` lots of the feed's order left the queue without trading."""
    m = b.level[k, s, p, HEAD]
    while m != 0:
        if arrival < b.own[m, O_ARRIVAL]:
            b.own[m, O_AHEAD] = max(0, b.own[m, O_AHEAD] - qty)
        m = b.own[m, O_NEXT]


@inner
def move_up(b: Book, slot: int, total: int, gone: int, ts: int) -> None:
    """``gone`` of a level's ``total`` lots were canceled, nobody knows whose: the room's model says who moves up."""
    o = b.own[slot]
    model = b.room[QUEUE_MODEL]
    if model == INFERRED:
        inferred_decrease(b.rings[slot], gone, ts)
        o[O_AHEAD] = min(o[O_AHEAD], inferred_ahead(b.rings[slot]))
    elif model != RISK_AVERSE and o[O_AHEAD] > 0:
        behind = max(0, total - o[O_AHEAD])
        o[O_AHEAD] = deduct(model, o[O_AHEAD], behind, gone, float(b.room[QUEUE_POWER]) / 1000.0)


@inner
def set_level(b: Book, k: int, s: int, p: int, qty: int, ts: int) -> None:
    """The feed states a level's total."""
    level = b.level[k, s, p]
    old = level[QTY]
    show(b, k, s, p, qty)
    if qty != old:
        b.inst[k, BEYOND_LOTS + s] = 0
    if b.inst[k, OWN_COUNT] == 0:
        return
    change = qty - (old - level[PRINTED])  # what prints did not explain
    level[PRINTED] = 0
    m = level[HEAD]
    while m != 0:
        o = b.own[m]
        if b.inst[k, HAS_IDS] == 0:
            if change < 0 and qty > 0:
                move_up(b, m, old, -change, ts)
            elif change > 0 and b.room[QUEUE_MODEL] == INFERRED:
                inferred_increase(b.rings[m], change, ts)
        # with order ids, 0 means that the level left the feed's sight: who was ahead may still be there
        if qty < o[O_AHEAD] and (qty > 0 or b.inst[k, HAS_IDS] == 0):
            o[O_AHEAD] = qty
        m = o[O_NEXT]
    if qty > old:
        come_to(b, k, s, p, ts)


@inner
def quote(b: Book, k: int, s: int, price: int, qty: int, ts: int) -> None:
    """L1: the best of a side is stated anew; other levels go: better ones for good, worse ones out of sight."""
    inst = b.inst[k]
    p = price - inst[BASE]
    while inst[LEVELS + s] > 0 and (qty == 0 or inst[BEST + s] != p or inst[LEVELS + s] > 1):
        q = inst[BEST + s]
        if qty > 0 and beats(s, p, q):
            show(b, k, s, q, NONE)  # the queue there still stands, so nobody moves up in it
        else:
            set_level(b, k, s, q, NONE, ts)
    if qty > 0:
        set_level(b, k, s, p, qty, ts)


# --- sessions ----------------------------------------------------------------------------------------------------


@inner
def enter_held(b: Book, k: int, ts: int) -> None:
    """The wait is over: orders meet the market, but for those that another's fill has ended meanwhile."""
    m = b.inst[k, LISTS + 2 * HELD_LIST]
    while m != 0:
        after = b.own[m, O_NEXT]
        if b.own[m, O_LEAVES] > 0:
            unlink(b, m)
            enter(b, m, ts)
        m = after


@inner
def session(b: Book, k: int, status: int, ts: int) -> None:
    """The venue opens, closes, halts, resumes or calls an auction of an instrument."""
    inst = b.inst[k]
    called = inst[STATE] == S_AUCTION
    if status in (S_OPEN, RESUMED):
        if called:
            leave_auction(b, k, OPEN_LIST, ts)
        elif inst[OWN_LEVELS] > 0 and inst[OWN_LEVELS + 1] > 0 and inst[OWN_BEST] >= inst[OWN_BEST + 1]:
            cross_all(b, k, ts)  # what came during a halt, or stood in a call that the halt broke off
        inst[STATE] = S_OPEN
        inst[FRESH] = 1 if status == S_OPEN and not called else 0
        n = tell(b, SESSION, NONE, ts, k, S_OPEN, NONE)
        b.out[n, X_PX] = k
        # who was there before the break comes before who came during it
        uncross(b, k, ts)
        for t in range(2):
            if inst[OWN_LEVELS + 1 - t] > 0 and inst[LISTS + 2 * (MARKET_LIST + t)] != 0:
                wake_waiting(b, k, t, ts)
        if inst[STOPS] > 0 and inst[BAR_NO] == 0:
            trigger_stops(b, k, ts)
        enter_held(b, k, ts)
    elif status in (S_HALTED, S_AUCTION):
        inst[STATE] = status
        tell(b, SESSION, NONE, ts, k, status, NONE)
        if status == S_AUCTION:
            enter_held(b, k, ts)
    else:
        if called:
            leave_auction(b, k, CLOSE_LIST, ts)
        else:
            to_auction(b, k, CLOSE_LIST, ts)
        inst[STATE] = S_CLOSED
        inst[FRESH] = 0
        inst[BEYOND_LOTS] = 0
        inst[BEYOND_LOTS + 1] = 0
        tell(b, SESSION, NONE, ts, k, S_CLOSED, NONE)
        for slot in range(1, b.room[SLOTS]):
            o = b.own[slot]
            if o[O_WHERE] == GONE or o[O_INST] != k or o[O_WHERE] == IN_FLIGHT:
                continue
            if o[O_ACCOUNT] < 0:
                drop(b, slot)
            elif o[O_TIF] == DAY:
                tell(b, EXPIRED, slot, ts, NONE, NONE, NONE)
                drop(b, slot)
            elif o[O_WHERE] == AT_LEVEL:
                o[O_AHEAD] = 0  # the feed's orders are gone
        wipe(b, k, BID)
        wipe(b, k, ASK)


# --- agents ------------------------------------------------------------------------------------------------------


@inner
def request_price(b: Book, k: int, s: int, price: int, flags: int) -> int:
    """The price in ticks that an agent's row asks for, 0 where it cannot be said."""
    if flags & FLAG_PEGGED == 0:
        return price
    other = best_touch(b, k, 1 - s)[0]
    if other == 0:
        other = b.inst[k, LAST]
    if other == 0:
        return 0
    return int(max(1, other - price if s == 0 else other + price))


@inner
def request(b: Book, k: int, s: int, price: int, qty: int, oid: int, flags: int, ts: int) -> None:
    """An agent's order comes in: it trades, and what may stay rests."""
    inst = b.inst[k]
    inst[HAS_IDS] = EXCHANGE
    state = inst[STATE]
    once = flags & (FLAG_MARKET | FLAG_IOC) != 0
    if qty == 0 or state == S_CLOSED or (once and state > S_OPEN):
        return
    slot = take_slot(b)
    o = b.own[slot]
    o[O_INST] = k
    o[O_SIDE] = s
    o[O_LEAVES] = qty
    o[O_LIMIT] = 0 if flags & FLAG_MARKET else price
    o[O_ACCOUNT] = AGENT
    o[O_TYPE] = MARKET if flags & FLAG_MARKET else LIMIT
    if state <= S_OPEN:
        take(b, slot, ts)
    if o[O_LEAVES] == 0 or once:
        give_slot(b, slot)
        return
    o[O_ID] = -oid
    if oid > 0:
        b.feed[oid, 0] = slot
    rest(b, slot)
    if inst[LISTS + 2 * (MARKET_LIST + 1 - s)] != 0 and state <= S_OPEN:
        wake_waiting(b, k, 1 - s, ts)


@inner
def wake_waiting(b: Book, k: int, t: int, ts: int) -> None:
    """Market orders of side ``t`` that wait for depth try again, each in its turn."""
    m = b.inst[k, LISTS + 2 * (MARKET_LIST + t)]
    while m != 0:
        after = b.own[m, O_NEXT]
        ident = b.own[m, O_ID]
        if take(b, m, ts) and b.own[m, O_ID] == ident:
            tell(b, CANCELED, m, ts, NONE, NONE, C_SELF)
            drop(b, m)
        if b.inst[k, OWN_LEVELS + 1 - t] == 0:
            return
        m = after


@inner
def withdraw(b: Book, oid: int) -> None:
    """An agent's order goes, where it is still there."""
    slot = b.feed[oid, 0]
    if 0 < slot < b.room[SLOTS] and b.own[slot, O_ID] == -oid:
        drop(b, slot)
