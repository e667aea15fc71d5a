"""What does an order that comes in trade with, and where does the rest of it go?

Rules:

- Price, then time: a better price first, among equals who came earlier. The feed's lots that were at a level before a
  participant's order trade before it.
- Lots of the feed that participants took stay taken until the feed executes them, shows fewer than were taken or adds
  new ones, or until they come back by the room's resilience: no lot is used twice.
- An iceberg shows a slice at a time; the next slice goes to the end of the queue.
- Lasting impact makes the feed's lots dearer for those who follow, never cheaper, and never another participant's.
- Orders of one account never trade with each other: the newcomer's rest is canceled.
"""

from __future__ import annotations

from math import sqrt

from numba.extending import register_jitable

from vtrade.execution import decay
from vtrade.execution.compiling import OPTIONS, inner
from vtrade.execution.decay import decayed, decayed_lots, surcharge_ticks
from vtrade.execution.kernel.book import append, beats, best_touch, leave, lots_ahead, rest, tell, unlink
from vtrade.execution.kernel.money import knock_on, settle_fill, share

# isort: off
# fmt: off
from vtrade.execution.layout import (
    AT_LEVEL, AT_THE_OPEN, BAR_NO, BASE, BEST, BEYOND, BEYOND_CANCELS, BEYOND_LOTS, BEYOND_RESTS, BEYOND_RULE,
    CANCELED, C_AUCTION, C_BEYOND, C_FOK, C_IOC, C_POST, C_SELF, DARK, DEPTH, DRIFT_NS, EXCHANGE, FILLED, FOK, FRESH,
    GONE, HAS_IDS, HEAD, HIDDEN, HIDDEN_PPM, HIGH_BAND, IMPACT_NS, IMPACT_PPM, IN_MARKET, IN_PARENT, IOC, LAST, LEVELS,
    LISTS, LOTS, LOW_BAND, MAKES, MARKET, MARKET_LIST, MILLION, NONE, OWN_BEST, OWN_LEVELS, O_ACCOUNT, O_AHEAD, O_BAR,
    O_FAMILY, O_FILLED, O_FLAGS, O_GROUP, O_ID, O_INST, O_LEAVES, O_LIMIT, O_NEXT, O_PARENT, O_PENDING, O_QUANTITY,
    O_SHOWN, O_SIDE, O_TIF, O_TYPE, O_WAIT, O_WHERE, PEER, POST_ONLY, PRINTS, P_REDUCING, QTY, RESILIENCE_NS, RESIZED,
    STAMP, STATE, S_AUCTION, TAKEN, TAKES, TURNOVER, UNKNOWN, VOLUME, W_AUCTION, W_BAR, W_DEPTH, W_NONE, W_PARENT,
    W_PRICE, W_QUEUE, X_AHEAD, X_CONTRA, X_EV_PX, X_EV_QTY, X_FEE, X_IMPACT, X_LEAVES, X_QUANTITY, X_TAKER, X_WAIT,
    Book,
)
# fmt: on
# isort: on

for _function in decay.SCALARS:  # Numba compiles a plain function only where it was told so
    register_jitable(**OPTIONS)(_function)


# --- fills -------------------------------------------------------------------------------------------------------


@inner
def fill(b: Book, slot: int, ts: int, px: int, qty: int, cause: int, taker: int, ev_px: int, ev_qty: int,
         contra: int, impact: int) -> None:  # fmt: skip
    """Fill ``qty`` lots of an order at ``px`` ticks; what stands in a list moves or goes."""
    o = b.own[slot]
    if o[O_ACCOUNT] < 0:
        o[O_LEAVES] -= qty
    else:
        if o[O_PENDING] != 0:
            resized(b, slot, ts, o[O_PENDING])
            o[O_PENDING] = 0
        n = tell(b, FILLED, slot, ts, px, qty, cause)
        fee = settle_fill(b, slot, px, qty, taker)
        row = b.out[n]
        row[X_LEAVES] = o[O_QUANTITY] - o[O_FILLED]
        row[X_TAKER] = taker
        row[X_EV_PX] = ev_px
        row[X_EV_QTY] = ev_qty
        row[X_CONTRA] = contra
        row[X_FEE] = fee
        row[X_IMPACT] = impact
        if o[O_FAMILY] != 0 or o[O_GROUP] != 0 or b.pos[o[O_ACCOUNT], o[O_INST], P_REDUCING] > 0:
            knock_on(b, slot, qty)
    where = o[O_WHERE]
    if where == GONE:
        return
    if where == AT_LEVEL:
        gone = min(qty, o[O_SHOWN])
        o[O_SHOWN] -= gone
        b.level[o[O_INST], o[O_SIDE], o[O_LIMIT] - b.inst[o[O_INST], BASE], LOTS] -= gone
    if o[O_LEAVES] == 0:
        unlink(b, slot)
        done(b, slot)
    elif where == AT_LEVEL and o[O_SHOWN] == 0:
        unlink(b, slot)
        rest(b, slot)


@inner
def done(b: Book, slot: int) -> None:
    """Nothing is left to do for an order in no list: it goes, or waits for more of its parent."""
    o = b.own[slot]
    if o[O_PARENT] != 0 and o[O_FILLED] < o[O_QUANTITY]:
        o[O_WHERE] = IN_PARENT
        o[O_WAIT] = W_PARENT
    else:
        leave(b, slot)


@inner
def resized(b: Book, slot: int, ts: int, why: int) -> int:
    """Tell that an order's quantity or place changed, and where it stands; returns the row."""
    o = b.own[slot]
    n = tell(b, RESIZED, slot, ts, NONE, NONE, why)
    b.out[n, X_QUANTITY] = o[O_QUANTITY]
    where_now(b, slot, o[O_ID], n)
    return n


@inner
def where_now(b: Book, slot: int, ident: int, n: int) -> None:
    """Write into a row where an order came to stand, and how many lots trade before it."""
    o = b.own[slot]
    row = b.out[n]
    row[X_AHEAD] = UNKNOWN
    row[X_WAIT] = W_NONE
    if o[O_ID] == ident:
        row[X_WAIT] = o[O_WAIT]
        if o[O_WHERE] == AT_LEVEL:
            row[X_AHEAD] = lots_ahead(b, slot)


@inner
def printed(b: Book, k: int, price: int, qty: int) -> None:
    """A trade in the market itself."""
    inst = b.inst[k]
    inst[LAST] = price
    inst[FRESH] = 0
    inst[PRINTS] += 1
    inst[VOLUME] += qty
    inst[TURNOVER] += price * qty


# --- taking ------------------------------------------------------------------------------------------------------


@inner
def within(s: int, limit: int, price: int) -> bool:
    """Whether ``price`` is no worse than ``limit`` (0: no limit) for an order on side ``s``."""
    return limit == 0 or (price <= limit if s == 0 else price >= limit)


@inner
def outside(b: Book, k: int, price: int) -> bool:
    """Whether the instrument's bands forbid a trade at ``price`` (ticks)."""
    inst = b.inst[k]
    return bool(price < inst[LOW_BAND] or (inst[HIGH_BAND] > 0 and price > inst[HIGH_BAND]))


@inner
def free_lots(b: Book, k: int, s: int, p: int, ts: int) -> int:
    """The feed's lots at a level that nobody has taken; with resilience, taken ones come back where nobody waits."""
    level = b.level[k, s, p]
    if b.room[RESILIENCE_NS] > 0 and level[TAKEN] > 0 and ts > level[STAMP]:
        t = 1 - s
        free = int(level[QTY] - level[TAKEN])
        if b.inst[k, OWN_LEVELS + t] > 0 and not beats(t, p, b.inst[k, OWN_BEST + t]):
            return free  # somebody rests across from it, and would have been served first
        m = b.inst[k, LISTS + 2 * (MARKET_LIST + t)]
        while m != 0:
            if within(t, b.own[m, O_LIMIT], p + b.inst[k, BASE]):
                return free
            m = b.own[m, O_NEXT]
        left = decayed_lots(level[TAKEN], ts - level[STAMP], b.room[RESILIENCE_NS])
        if left < level[TAKEN]:
            level[TAKEN] = left
            level[STAMP] = ts
    return int(level[QTY] - level[TAKEN])


@inner
def take_feed(b: Book, slot: int, ts: int, p: int, most: int, dearer: int) -> None:
    """Take up to ``most`` of the feed's lots at a level, ``dearer`` ticks beyond its price."""
    o = b.own[slot]
    k, side = o[O_INST], o[O_SIDE]
    level = b.level[k, 1 - side, p]
    price = p + b.inst[k, BASE]
    free = level[QTY] - level[TAKEN]
    qty = min(most, o[O_LEAVES])
    paid = price + dearer if side == 0 else max(1, price - dearer)
    fill(b, slot, ts, paid, qty, DEPTH, TAKES, price, free, NONE, abs(paid - price))
    level[STAMP] = ts
    level[TAKEN] += qty


@inner
def take_level(b: Book, slot: int, ts: int, p: int, dearer: int) -> bool:
    """Trade with one level, in the order of its queue; True if the taker met an order of its own account."""
    o = b.own[slot]
    k, side = o[O_INST], o[O_SIDE]
    level = b.level[k, 1 - side, p]
    price = p + b.inst[k, BASE]
    feed = level[QTY] > 0 and within(side, o[O_LIMIT], price + dearer if side == 0 else price - dearer)
    if feed:
        free_lots(b, k, 1 - side, p, ts)
    while o[O_LEAVES] > 0:
        m = level[HEAD]
        while m != 0 and b.own[m, O_SHOWN] == 0:
            m = b.own[m, O_NEXT]
        if feed:
            before = level[QTY] - level[TAKEN]
            if m != 0:
                before = min(b.own[m, O_AHEAD], level[QTY]) - level[TAKEN]
            if before > 0:
                take_feed(b, slot, ts, p, before, dearer)
                continue
        if m == 0:
            break
        maker = b.own[m]
        if maker[O_ACCOUNT] == o[O_ACCOUNT] and o[O_ACCOUNT] >= 0:
            return True
        shown = maker[O_SHOWN]
        qty = min(shown, o[O_LEAVES])
        contra, ident = maker[O_ID], o[O_ID]
        fill(b, slot, ts, price, qty, PEER, TAKES, price, shown, max(0, contra), NONE)
        fill(b, m, ts, price, qty, PEER, MAKES, price, shown, max(0, ident), NONE)
        if b.inst[k, HAS_IDS] == EXCHANGE:
            printed(b, k, price, qty)
    if feed and b.room[HIDDEN_PPM] > 0 and o[O_LEAVES] > 0:
        dark = share(level[QTY], b.room[HIDDEN_PPM]) - level[DARK]
        if dark > 0:
            qty = min(dark, o[O_LEAVES])
            paid = price + dearer if side == 0 else max(1, price - dearer)
            fill(b, slot, ts, paid, qty, HIDDEN, TAKES, price, level[QTY], NONE, abs(paid - price))
            level[DARK] += qty
    return False


@inner
def dearer_by(b: Book, k: int, side: int, ts: int) -> int:
    """Ticks that participants' earlier trades cost the next one on a side."""
    if b.room[IMPACT_PPM] == 0 or b.drift[k] == 0.0:
        return 0
    drift = decayed(b.drift[k], ts - b.inst[k, DRIFT_NS], b.room[IMPACT_NS])
    return int(surcharge_ticks(drift, 1 if side == 0 else -1, 0.5))


@inner
def push(b: Book, k: int, side: int, lots: int, size: int, ts: int) -> None:
    """An aggressive order of ``lots`` moves the price for those who follow; ``size`` is the touch it met."""
    if lots == 0 or size == 0:
        return
    drift = decayed(b.drift[k], ts - b.inst[k, DRIFT_NS], b.room[IMPACT_NS])
    step = float(b.room[IMPACT_PPM]) * float(lots) / (float(size) * float(MILLION))
    b.drift[k] = drift + step if side == 0 else drift - step
    b.inst[k, DRIFT_NS] = ts


@inner
def take(b: Book, slot: int, ts: int) -> bool:
    """Walk the other side from the best level outwards; True if stopped by an order of the same account."""
    o = b.own[slot]
    k, side = o[O_INST], o[O_SIDE]
    s = 1 - side
    inst = b.inst[k]
    feed, own = inst[LEVELS + s], inst[OWN_LEVELS + s]
    if feed + own == 0:
        return False
    step = -1 if s == 0 else 1
    p = inst[OWN_BEST + s]
    if feed > 0 and (own == 0 or beats(s, inst[BEST + s], p)):
        p = inst[BEST + s]
    impact = b.room[IMPACT_PPM] > 0
    size = best_touch(b, k, s)[1] if impact else 0
    before = o[O_LEAVES]
    dearer = dearer_by(b, k, side, ts)
    band = inst[HIGH_BAND] if side == 0 else inst[LOW_BAND]
    met = False
    while o[O_LEAVES] > 0 and feed + own > 0 and within(side, o[O_LIMIT], p + inst[BASE]):
        if band > 0 and not within(side, band, p + inst[BASE]):
            break
        level = b.level[k, s, p]
        if level[QTY] > 0 or level[HEAD] != 0:
            feed -= level[QTY] > 0
            own -= level[HEAD] != 0
            if not outside(b, k, p + inst[BASE]) and take_level(b, slot, ts, p, dearer):
                met = True
                break
        p += step
    if impact:
        push(b, k, side, before - o[O_LEAVES], size, ts)
    return met


@inner
def take_beyond(b: Book, slot: int, ts: int) -> None:
    """A market order wants more than the visible book: the square-root law prices the rest.

    A book whose depth grows in proportion to the distance from the best price moves by ``R sqrt(q / V)`` when ``q`` is
    taken, if its visible part, ``V`` lots, reaches ``R`` ticks; the lots from ``q`` on cost the average along the way.
    """
    o = b.own[slot]
    k, side = o[O_INST], o[O_SIDE]
    s = 1 - side
    inst = b.inst[k]
    left = inst[LEVELS + s]
    if left == 0 or inst[OWN_LEVELS + s] > 0:
        return
    step = -1 if s == 0 else 1
    p = inst[BEST + s]
    visible = 0
    while True:
        if b.level[k, s, p, QTY] > 0:
            visible += b.level[k, s, p, QTY]
            left -= 1
            if left == 0:
                break
        p += step
    reach = max(abs(p - inst[BEST + s]), 1)
    if inst[LEVELS + side] > 0:
        reach = max(reach, abs(inst[BEST + s] - inst[BEST + side]))
    start = float(visible + inst[BEYOND_LOTS + s])
    lots = float(o[O_LEAVES])
    end = start + lots
    ticks = 2.0 / 3.0 * float(reach) * (end * sqrt(end) - start * sqrt(start)) / (sqrt(float(visible)) * lots)
    whole = int(ticks)
    if float(whole) < ticks:
        whole += 1
    edge = p + inst[BASE]
    best = inst[BEST + s] + inst[BASE]
    px = max(best + whole, edge) if side == 0 else max(1, min(best - whole, edge))
    if within(side, o[O_LIMIT], px):
        qty = o[O_LEAVES]
        inst[BEYOND_LOTS + s] += qty
        fill(b, slot, ts, px, qty, BEYOND, TAKES, edge, visible, NONE, NONE)


@inner
def available(b: Book, slot: int, most: int, ts: int) -> int:
    """Lots, up to ``most``, that an order could trade with at once, before it would meet its own account."""
    o = b.own[slot]
    k, side = o[O_INST], o[O_SIDE]
    s = 1 - side
    inst = b.inst[k]
    feed, own = inst[LEVELS + s], inst[OWN_LEVELS + s]
    step = -1 if s == 0 else 1
    p = inst[OWN_BEST + s]
    if feed > 0 and (own == 0 or beats(s, inst[BEST + s], p)):
        p = inst[BEST + s]
    dearer = dearer_by(b, k, side, ts)
    band = inst[HIGH_BAND] if side == 0 else inst[LOW_BAND]
    lots = 0
    while feed + own > 0 and lots < most and within(side, o[O_LIMIT], p + inst[BASE]):
        if band > 0 and not within(side, band, p + inst[BASE]):
            break
        level = b.level[k, s, p]
        if outside(b, k, p + inst[BASE]):
            feed -= level[QTY] > 0
            own -= level[HEAD] != 0
            p += step
            continue
        shown = 0
        if level[QTY] > 0:
            feed -= 1
            price = p + inst[BASE]
            if within(side, o[O_LIMIT], price + dearer if side == 0 else price - dearer):
                free_lots(b, k, s, p, ts)
                shown = level[QTY]
        m = level[HEAD]
        if m != 0:
            own -= 1
            slices, whole = 0, 0
            while m != 0:
                if b.own[m, O_ACCOUNT] == o[O_ACCOUNT] and b.own[m, O_SHOWN] > 0:  # further slices come after it
                    return int(lots + slices + max(0, min(b.own[m, O_AHEAD], shown) - level[TAKEN]))
                slices += b.own[m, O_SHOWN]
                whole += b.own[m, O_LEAVES]
                m = b.own[m, O_NEXT]
            lots += whole
        if shown > 0:
            lots += shown - level[TAKEN]
            if b.room[HIDDEN_PPM] > 0:
                lots += max(0, share(shown, b.room[HIDDEN_PPM]) - level[DARK])
        p += step
    return lots


@inner
def would_take(b: Book, slot: int, ts: int) -> bool:
    """Whether an order could trade at once, with what is seen or with what is not."""
    o = b.own[slot]
    price = best_touch(b, o[O_INST], 1 - o[O_SIDE])[0]
    return (price > 0 and within(o[O_SIDE], o[O_LIMIT], price)) or available(b, slot, 1, ts) > 0


@inner
def meet_waiting(b: Book, slot: int, ts: int) -> None:
    """Let market orders that wait for depth trade with a limit order that found nothing more."""
    o = b.own[slot]
    k, s = o[O_INST], o[O_SIDE]
    price = o[O_LIMIT]
    if outside(b, k, price):
        return
    m = b.inst[k, LISTS + 2 * (MARKET_LIST + 1 - s)]
    while o[O_LEAVES] > 0 and m != 0:
        waiting = b.own[m]
        after = waiting[O_NEXT]
        if waiting[O_ACCOUNT] != o[O_ACCOUNT] and within(1 - s, waiting[O_LIMIT], price) and waiting[O_LEAVES] > 0:
            qty = min(waiting[O_LEAVES], o[O_LEAVES])
            shown = o[O_LEAVES]
            contra = waiting[O_ID]
            fill(b, m, ts, price, qty, PEER, TAKES, price, shown, max(0, o[O_ID]), NONE)
            fill(b, slot, ts, price, qty, PEER, MAKES, price, shown, max(0, contra), NONE)
            if b.inst[k, HAS_IDS] == EXCHANGE:
                printed(b, k, price, qty)
        m = after


# --- where the rest goes -----------------------------------------------------------------------------------------


@inner
def at_once(b: Book, slot: int, ts: int) -> int:
    """Let an order trade what it can on a live book; returns why the rest must go, 0 where it may stay."""
    o = b.own[slot]
    inst = b.inst[o[O_INST]]
    if o[O_FLAGS] & POST_ONLY and would_take(b, slot, ts):
        return int(C_POST)
    if o[O_TIF] == FOK and available(b, slot, o[O_LEAVES], ts) < o[O_LEAVES]:
        return int(C_FOK)
    if take(b, slot, ts):
        return int(C_SELF)
    if o[O_LEAVES] > 0 and o[O_TYPE] == MARKET and b.room[BEYOND_RULE] != BEYOND_RESTS and inst[LEVELS + 1 - o[O_SIDE]]:
        if b.room[BEYOND_RULE] == BEYOND_CANCELS:
            return int(C_BEYOND)
        if o[O_TIF] != IOC:
            take_beyond(b, slot, ts)
    if o[O_LEAVES] > 0 and o[O_TYPE] != MARKET and inst[LISTS + 2 * (MARKET_LIST + 1 - o[O_SIDE])] != 0:
        meet_waiting(b, slot, ts)
    if o[O_TIF] >= AT_THE_OPEN:
        return int(C_AUCTION)
    return int(C_IOC) if o[O_TIF] == IOC or o[O_TIF] == FOK else 0


@inner
def work(b: Book, slot: int, ts: int) -> None:
    """Let a market or limit order trade what it can; what is left rests, waits or is canceled."""
    o = b.own[slot]
    k, s = o[O_INST], o[O_SIDE]
    inst = b.inst[k]
    o[O_BAR] = inst[BAR_NO]
    why = 0
    if inst[BAR_NO] > 0:
        why = C_FOK if o[O_TIF] == FOK else C_IOC if o[O_TIF] == IOC else 0
        o[O_WAIT] = W_BAR
    elif inst[STATE] == S_AUCTION:
        o[O_WAIT] = W_AUCTION
    else:
        o[O_WAIT] = W_NONE
        why = at_once(b, slot, ts)
    if o[O_LEAVES] == 0:
        done(b, slot)
    elif why != 0:
        tell(b, CANCELED, slot, ts, NONE, NONE, why)
        leave(b, slot)
    elif o[O_TYPE] == MARKET:
        append(b, slot, MARKET_LIST + s, IN_MARKET)
        if o[O_WAIT] == W_NONE:
            o[O_WAIT] = W_DEPTH
    else:
        rest(b, slot)
        if o[O_WAIT] == W_NONE:
            best = best_touch(b, k, s)[0]
            at_touch = o[O_LIMIT] >= best if s == 0 else o[O_LIMIT] <= best
            o[O_WAIT] = W_QUEUE if at_touch else W_PRICE
