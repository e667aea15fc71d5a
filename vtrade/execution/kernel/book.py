"""Where does an order stand, what can be traded with, and how is it told what happened?

Rules: an order stands in one list at a time: the queue of its level, or a waiting list of its instrument. ``LOTS`` of a
level is what its orders show. A freed slot may be used again at once: what is told names orders, not slots.
"""

from __future__ import annotations

from vtrade.execution import queues
from vtrade.execution.compiling import inner

# isort: off
# fmt: off
from vtrade.execution.layout import (
    ARRIVALS, ASK, AT_LEVEL, A_RESERVED, A_WORKING, BAR_NO, BASE, BEST, BID, DARK, ENDED, FREE, GONE, HEAD, HELD_LIST,
    ICEBERGS, INFERRED, IN_FLIGHT, IN_HELD, IN_MARKET, IN_STOPS, LEVELS, LISTS, LIVE, LOTS, MARKET_LIST, NONE,
    OUT_COUNT, OWN_BEST, OWN_COUNT, OWN_LEVELS, O_ACCOUNT, O_AHEAD, O_ARRIVAL, O_DISPLAY, O_FAMILY, O_FILLED, O_FLAGS,
    O_ID, O_INST, O_LEAVES, O_LIMIT, O_MARK, O_NEXT, O_PARENT, O_PREV, O_QUANTITY, O_RESERVED, O_SHOWN, O_SIDE,
    O_WHERE, PRINTED, P_BUYING, P_LOTS, P_REDUCING, P_SELLING, QTY, QUEUE_MODEL, REDUCE_ONLY, SHORTED, SLOTS, STAMP,
    STOPS, STOP_LIST, SWEEP, TAIL, TAKEN, X_ASK, X_BID, X_CAUSE, X_ID, X_LEAVES, X_PX, X_QTY, X_TS, X_WHAT, Book,
)
# fmt: on
# isort: on

inferred_start = inner(queues.inferred_start)


# --- slots -------------------------------------------------------------------------------------------------------


@inner
def take_slot(b: Book) -> int:
    """A free slot; 0 where ``own`` is full."""
    slot = b.room[FREE]
    if slot != 0:
        b.room[FREE] = b.own[slot, O_NEXT]
    elif b.room[SLOTS] < b.own.shape[0]:
        slot = b.room[SLOTS]
        b.room[SLOTS] += 1
    return int(slot)


@inner
def give_slot(b: Book, slot: int) -> None:
    """An order that stands nowhere any more leaves its slot."""
    o = b.own[slot]
    if o[O_ACCOUNT] >= 0:
        o[:] = 0  # an agent's order uses few columns, and sets them all
    o[O_WHERE] = GONE
    o[O_LEAVES] = 0
    o[O_ID] = 0
    o[O_NEXT] = b.room[FREE]
    b.room[FREE] = slot


# --- reading -----------------------------------------------------------------------------------------------------


@inner
def beats(s: int, price: int, other: int) -> bool:
    """Whether ``price`` is better than ``other`` on side ``s``."""
    return price > other if s == 0 else price < other


@inner
def best_touch(b: Book, k: int, s: int) -> tuple[int, int]:
    """Best price (ticks) and lots on side ``s`` that an order could trade with now; (0, 0) if none, as on bars."""
    inst = b.inst[k]
    if inst[BAR_NO] > 0:
        return NONE, NONE
    step = -1 if s == 0 else 1
    left = inst[LEVELS + s]
    p = inst[BEST + s]
    price = 0
    size = 0
    while left > 0:
        level = b.level[k, s, p]
        if level[QTY] > 0:
            left -= 1
            if level[QTY] > level[TAKEN]:
                price = p + inst[BASE]
                size = level[QTY] - level[TAKEN]
                break
        p += step
    if inst[OWN_LEVELS + s] > 0:
        p = inst[OWN_BEST + s]
        own = p + inst[BASE]
        if price == 0 or beats(s, own, price):
            price = own
            size = 0
        if own == price:
            size += b.level[k, s, p, LOTS]
    return price, size


@inner
def lots_ahead(b: Book, slot: int) -> int:
    """Lots that trade before the resting order in ``slot``: the feed's and the participants'."""
    o = b.own[slot]
    k, s = o[O_INST], o[O_SIDE]
    level = b.level[k, s, o[O_LIMIT] - b.inst[k, BASE]]
    lots: int = max(0, o[O_AHEAD] - level[TAKEN])
    if level[TAIL] == slot:
        return int(lots + level[LOTS] - o[O_SHOWN])
    m = o[O_PREV]
    while m != 0:
        lots += b.own[m, O_SHOWN]
        m = b.own[m, O_PREV]
    return lots


@inner
def first_shown(b: Book, k: int, s: int, p: int) -> int:
    """First order in a level's queue that still shows something, 0 for none."""
    m = b.level[k, s, p, HEAD]
    while m != 0 and b.own[m, O_SHOWN] == 0:
        m = b.own[m, O_NEXT]
    return int(m)


@inner
def first_own(b: Book, k: int, s: int) -> int:
    """The order on side ``s`` whose turn it is, 0 for none; a level may hold only orders that another's fill ended."""
    left = b.inst[k, OWN_LEVELS + s]
    p = b.inst[k, OWN_BEST + s]
    step = -1 if s == 0 else 1
    while left > 0:
        if b.level[k, s, p, HEAD] != 0:
            m = first_shown(b, k, s, p)
            if m != 0:
                return m
            left -= 1
        p += step
    return 0


# --- lists -------------------------------------------------------------------------------------------------------


@inner
def append(b: Book, slot: int, which: int, where: int) -> None:
    """Put an order at the end of one of the instrument's waiting lists."""
    o = b.own[slot]
    inst = b.inst[o[O_INST]]
    last = inst[LISTS + 2 * which + 1]
    o[O_PREV] = last
    o[O_NEXT] = 0
    if last != 0:
        b.own[last, O_NEXT] = slot
    else:
        inst[LISTS + 2 * which] = slot
    inst[LISTS + 2 * which + 1] = slot
    o[O_WHERE] = where
    if where == IN_STOPS:
        inst[STOPS] += 1


@inner
def rest(b: Book, slot: int) -> None:
    """Put an order at the end of the queue at its price, with as much as it shows."""
    o = b.own[slot]
    k, s = o[O_INST], o[O_SIDE]
    inst = b.inst[k]
    p = o[O_LIMIT] - inst[BASE]
    level = b.level[k, s, p]
    shown = o[O_LEAVES]
    if o[O_DISPLAY] > 0 and inst[BAR_NO] == 0:
        shown = min(shown, o[O_DISPLAY])
    o[O_SHOWN] = shown
    o[O_AHEAD] = level[QTY]
    if b.room[QUEUE_MODEL] == INFERRED and o[O_ACCOUNT] >= 0:
        inferred_start(b.rings[slot], level[QTY], NONE)
    o[O_ARRIVAL] = b.room[ARRIVALS]
    b.room[ARRIVALS] += 1
    level[LOTS] += shown
    last = level[TAIL]
    o[O_PREV] = last
    o[O_NEXT] = 0
    if last != 0:
        b.own[last, O_NEXT] = slot
    else:
        level[HEAD] = slot
        if inst[OWN_LEVELS + s] == 0 or beats(s, p, inst[OWN_BEST + s]):
            inst[OWN_BEST + s] = p
        inst[OWN_LEVELS + s] += 1
    level[TAIL] = slot
    o[O_WHERE] = AT_LEVEL


@inner
def unlink(b: Book, slot: int) -> None:
    """Take an order out of whatever list it stands in."""
    o = b.own[slot]
    k, s, where = o[O_INST], o[O_SIDE], o[O_WHERE]
    inst = b.inst[k]
    before, after = o[O_PREV], o[O_NEXT]
    if before != 0:
        b.own[before, O_NEXT] = after
    if after != 0:
        b.own[after, O_PREV] = before
    if where == AT_LEVEL:
        p = o[O_LIMIT] - inst[BASE]
        level = b.level[k, s, p]
        level[LOTS] -= o[O_SHOWN]
        if before == 0:
            level[HEAD] = after
        if after == 0:
            level[TAIL] = before
        if before == 0 and after == 0:
            inst[OWN_LEVELS + s] -= 1
            if p == inst[OWN_BEST + s]:
                step = -1 if s == 0 else 1
                if inst[OWN_LEVELS + s] == 0:
                    p = -1 if s == 0 else b.level.shape[2]
                else:
                    while b.level[k, s, p, HEAD] == 0:
                        p += step
                inst[OWN_BEST + s] = p
    elif where != GONE and where < IN_FLIGHT:
        which = MARKET_LIST + s
        if where == IN_STOPS:
            which = STOP_LIST
            inst[STOPS] -= 1
        elif where != IN_MARKET:
            which = HELD_LIST + where - IN_HELD
        if before == 0:
            inst[LISTS + 2 * which] = after
        if after == 0:
            inst[LISTS + 2 * which + 1] = before
    o[O_PREV] = 0
    o[O_NEXT] = 0
    o[O_WHERE] = GONE


@inner
def show(b: Book, k: int, s: int, p: int, qty: int) -> None:
    """The feed's level now shows ``qty`` lots; what participants took there never exceeds it."""
    inst = b.inst[k]
    level = b.level[k, s, p]
    old = level[QTY]
    level[QTY] = qty
    if level[TAKEN] > qty:
        level[TAKEN] = qty
    if old == 0 and qty > 0:
        if inst[LEVELS + s] == 0 or beats(s, p, inst[BEST + s]):
            inst[BEST + s] = p
        inst[LEVELS + s] += 1
    elif old > 0 and qty == 0:
        level[DARK] = 0
        level[STAMP] = 0
        level[PRINTED] = 0
        inst[LEVELS + s] -= 1
        if p == inst[BEST + s]:
            step = -1 if s == 0 else 1
            if inst[LEVELS + s] == 0:
                p = -1 if s == 0 else b.level.shape[2]
            else:
                while b.level[k, s, p, QTY] == 0:
                    p += step
            inst[BEST + s] = p


# --- telling what happened ---------------------------------------------------------------------------------------


@inner
def tell(b: Book, what: int, slot: int, ts: int, px: int, qty: int, cause: int) -> int:
    """Write down what happened to an order; returns the row, whose other columns the caller may fill."""
    n = b.room[OUT_COUNT]
    b.room[OUT_COUNT] += 1
    row = b.out[n]
    row[:] = 0
    row[X_WHAT] = what
    row[X_TS] = ts
    row[X_PX] = px
    row[X_QTY] = qty
    row[X_CAUSE] = cause
    if slot != 0:
        o = b.own[slot]
        row[X_ID] = o[O_ID]
        row[X_LEAVES] = o[O_QUANTITY] - o[O_FILLED]
        row[X_BID] = best_touch(b, o[O_INST], BID)[0]
        row[X_ASK] = best_touch(b, o[O_INST], ASK)[0]
    return int(n)


@inner
def located(b: Book, a: int, k: int) -> int:
    """Lots an account has borrowed, or would have if all its sells filled."""
    return int(max(0, b.pos[a, k, P_SELLING] - b.pos[a, k, P_LOTS]))


@inner
def ask_for(b: Book, slot: int, lots: int) -> None:
    """An order asks for so many lots more; one that only reduces asks for nothing."""
    o = b.own[slot]
    a, k = o[O_ACCOUNT], o[O_INST]
    if o[O_FLAGS] & REDUCE_ONLY == 0:
        before = located(b, a, k)
        b.pos[a, k, P_BUYING + o[O_SIDE]] += lots
        b.inst[k, SHORTED] += located(b, a, k) - before


@inner
def bring_up(b: Book, parent: int, lots: int, ended: bool) -> None:
    """A parent filled ``lots``, or ended: its children may work as much, once this event is over."""
    for slot in range(1, b.room[SLOTS]):
        o = b.own[slot]
        if o[O_WHERE] != GONE and o[O_PARENT] == parent:
            o[O_MARK] = min(o[O_QUANTITY], o[O_MARK] + lots)
            if ended:
                o[O_PARENT] = ENDED
    b.room[SWEEP] = 1


@inner
def leave(b: Book, slot: int) -> None:
    """An order that stands in no list any more is out of the market for good: what it tied up is free again."""
    o = b.own[slot]
    k, a = o[O_INST], o[O_ACCOUNT]
    if a >= 0:
        b.inst[k, OWN_COUNT] -= 1
        b.room[LIVE] -= 1
        ask_for(b, slot, -o[O_LEAVES])
        b.acct[a, A_WORKING] -= 1
        b.acct[a, A_RESERVED] -= o[O_RESERVED]
        if o[O_FLAGS] & REDUCE_ONLY:
            b.pos[a, k, P_REDUCING] -= 1
        if o[O_DISPLAY] > 0:
            b.room[ICEBERGS] -= 1
        if o[O_FAMILY] != 0:
            bring_up(b, o[O_ID], NONE, True)
    elif o[O_ID] < 0:
        b.feed[-o[O_ID], 0] = 0
    give_slot(b, slot)


@inner
def drop(b: Book, slot: int) -> None:
    """Take an order out of its list and out of the market."""
    unlink(b, slot)
    leave(b, slot)
