"""How does an order come to the venue: taken or refused, held back as a stop, called up by another order?

Rules: a stop triggers on a print (before the first one: on the touch), and what it sets off may trigger others; a
trailing one only ever moves with the market. What a fill knocks on (the other half of a pair, orders that may only
reduce, children of the order) is lowered at once and told when the event is over, in the order in which they came.
"""

from __future__ import annotations

from vtrade.execution.compiling import inner
from vtrade.execution.kernel.book import append, best_touch, drop, leave, tell, unlink
from vtrade.execution.kernel.match import done, resized, where_now, work, would_take
from vtrade.execution.kernel.money import share

# isort: off
# fmt: off
from vtrade.execution.layout import (
    ACCEPTED, ASK, AT_THE_CLOSE, AT_THE_OPEN, BAR_NO, BID, CANCELED, CLOSE_LIST, C_AUCTION, C_CLOSED, C_HALTED,
    C_PARENT, C_POST, C_REDUCE, ENDED, FOK, FRESH, GONE, HELD_LIST, IN_CLOSE, IN_HELD, IN_OPEN, IN_PARENT, IN_STOPS,
    IOC, LAST, LIMIT, LISTS, MARKET, NONE, OPEN_LIST, O_ACCOUNT, O_BAR, O_FILLED, O_FLAGS, O_ID, O_INST, O_LEAVES,
    O_LIMIT, O_MARK, O_NEXT, O_PARENT, O_PENDING, O_QUANTITY, O_SIDE, O_STOP, O_TIF, O_TRAIL, O_TRAIL_PPM, O_TYPE,
    O_WAIT, O_WHERE, O_WORST, POST_ONLY, P_LOTS, REJECTED, SLOTS, STATE, STOPS, STOP_LIMIT, STOP_LIST, STOP_MARKET,
    SWEEP, S_AUCTION, S_CLOSED, S_HALTED, S_OPEN, TRAILING, TRIGGERED, W_AUCTION, W_NONE, W_OPEN, W_RESUME, W_TRIGGER,
    X_ASK_SIZE, X_BID_SIZE, X_CONTRA, X_EV_QTY, Book,
)
# fmt: on
# isort: on


# --- stops -------------------------------------------------------------------------------------------------------


@inner
def spring(b: Book, slot: int, ts: int, px: int) -> int:
    """A stop's condition is met: it becomes a market or a limit order; returns the row that tells it."""
    o = b.own[slot]
    unlink(b, slot)
    n = tell(b, TRIGGERED, slot, ts, px, NONE, NONE)
    b.out[n, X_CONTRA] = o[O_STOP]
    if o[O_TYPE] == STOP_LIMIT:
        o[O_TYPE] = LIMIT
    else:
        o[O_TYPE] = MARKET
        o[O_LIMIT] = o[O_WORST]
    return n


@inner
def trail(b: Book, slot: int, ref: int) -> None:
    """Let a trailing stop follow the market, never back."""
    o = b.own[slot]
    if o[O_TYPE] != TRAILING or ref == 0:
        return
    distance = max(1, o[O_TRAIL], share(ref, o[O_TRAIL_PPM]))
    if o[O_SIDE] == 0:
        stop = ref + distance
        if o[O_STOP] == 0 or stop < o[O_STOP]:
            o[O_STOP] = stop
    else:
        stop = max(1, ref - distance)
        if stop > o[O_STOP]:
            o[O_STOP] = stop


@inner
def trigger_stops(b: Book, k: int, ts: int) -> None:
    """Trigger the stops that the last print (before the first print: the touch) has reached, until none is left."""
    inst = b.inst[k]
    again = True
    while again and inst[STOPS] > 0:
        again = False
        last = inst[LAST]
        m = inst[LISTS + 2 * STOP_LIST]
        while m != 0:
            o = b.own[m]
            after = o[O_NEXT]
            ref = inst[LAST]
            if ref == 0:
                ref = best_touch(b, k, 1 - o[O_SIDE])[0]
            trail(b, m, ref)
            hit = ref >= o[O_STOP] if o[O_SIDE] == 0 else ref <= o[O_STOP]
            if ref > 0 and hit and o[O_LEAVES] > 0:
                ident = o[O_ID]
                row = spring(b, m, ts, ref)
                work(b, m, ts)
                b.out[row, X_EV_QTY] = o[O_WAIT] if o[O_ID] == ident else W_NONE
            m = after
        again = inst[LAST] != last


# --- coming in -----------------------------------------------------------------------------------------------------


@inner
def enter(b: Book, slot: int, ts: int) -> None:
    """A new order, or one that comes back from a wait or a replace, meets the market."""
    o = b.own[slot]
    k = o[O_INST]
    inst = b.inst[k]
    state = inst[STATE]
    if o[O_TIF] == AT_THE_OPEN:
        append(b, slot, OPEN_LIST, IN_OPEN)
        o[O_WAIT] = W_AUCTION
    elif o[O_TIF] == AT_THE_CLOSE:
        append(b, slot, CLOSE_LIST, IN_CLOSE)
        o[O_WAIT] = W_AUCTION
        o[O_BAR] = inst[BAR_NO]
    elif state in (S_CLOSED, S_HALTED):
        append(b, slot, HELD_LIST, IN_HELD)
        o[O_WAIT] = W_OPEN if state == S_CLOSED else W_RESUME
    elif o[O_TYPE] >= STOP_MARKET:
        o[O_WAIT] = W_TRIGGER
        o[O_BAR] = inst[BAR_NO]
        append(b, slot, STOP_LIST, IN_STOPS)
        trail(b, slot, inst[LAST])
        if inst[BAR_NO] == 0 and state != S_AUCTION:
            trigger_stops(b, k, ts)
    else:
        work(b, slot, ts)


@inner
def not_taken(b: Book, slot: int, ts: int) -> int:
    """Why the venue refuses a newcomer, 0 where it does not."""
    o = b.own[slot]
    inst = b.inst[o[O_INST]]
    state = inst[STATE]
    tif = o[O_TIF]
    if tif in (IOC, FOK):
        if state in (S_CLOSED, S_AUCTION):
            return int(C_CLOSED)
        if state == S_HALTED:
            return int(C_HALTED)
    if tif == AT_THE_OPEN and state == S_OPEN and inst[FRESH] == 0 and inst[BAR_NO] == 0:
        return int(C_AUCTION)
    if o[O_FLAGS] & POST_ONLY and o[O_TYPE] == LIMIT and state <= S_OPEN and would_take(b, slot, ts):
        return int(C_POST)
    return 0


@inner
def arrive(b: Book, slot: int, ts: int) -> None:
    """An order reaches the venue: it is refused, or taken and meets the market."""
    o = b.own[slot]
    k = o[O_INST]
    why = not_taken(b, slot, ts)
    if why != 0:
        tell(b, REJECTED, slot, ts, NONE, NONE, why)
        leave(b, slot)
        return
    n = tell(b, ACCEPTED, slot, ts, NONE, NONE, NONE)
    row = b.out[n]
    row[X_BID_SIZE] = best_touch(b, k, BID)[1]
    row[X_ASK_SIZE] = best_touch(b, k, ASK)[1]
    ident = o[O_ID]
    enter(b, slot, ts)
    where_now(b, slot, ident, n)


@inner
def sweep(b: Book, ts: int) -> None:
    """Tell what knocked on: orders lowered by others, and children that may work now; slots are no state, ids are."""
    while b.room[SWEEP] != 0:
        b.room[SWEEP] = 0
        last = 0
        while True:
            m = next_swept(b, last)
            if m == 0:
                break
            o = b.own[m]
            last = o[O_ID]
            if o[O_PENDING] != 0:
                why = o[O_PENDING]
                o[O_PENDING] = 0
                if o[O_LEAVES] == 0 and o[O_WHERE] != IN_PARENT:
                    unlink(b, m)
                    if o[O_PARENT] == 0 or o[O_FILLED] == o[O_QUANTITY]:
                        tell(b, CANCELED, m, ts, NONE, NONE, why)
                        leave(b, m)
                        continue
                    done(b, m)
                resized(b, m, ts, why)
            if o[O_PARENT] != 0:
                wake(b, m, ts)


@inner
def next_swept(b: Book, last: int) -> int:
    """The first order after the id ``last`` for which there is something to tell or to wake, 0 for none."""
    best = 0
    for m in range(1, b.room[SLOTS]):
        o = b.own[m]
        if o[O_WHERE] == GONE or o[O_ID] <= last or (best != 0 and o[O_ID] > b.own[best, O_ID]):
            continue
        if o[O_PENDING] != 0 or o[O_PARENT] == ENDED or (o[O_PARENT] > 0 and o[O_MARK] > o[O_FILLED] + o[O_LEAVES]):
            best = m
    return int(best)


@inner
def wake(b: Book, m: int, ts: int) -> None:
    """A child follows its parent: as many lots work as the parent has filled."""
    o = b.own[m]
    more = o[O_MARK] - o[O_FILLED] - o[O_LEAVES]
    if o[O_PARENT] == ENDED:
        o[O_PARENT] = 0
        if o[O_MARK] == 0:
            tell(b, CANCELED, m, ts, NONE, NONE, C_PARENT)
            drop(b, m)
            return
        if o[O_WHERE] == IN_PARENT and o[O_FILLED] == o[O_MARK]:
            o[O_QUANTITY] = o[O_MARK]
            tell(b, CANCELED, m, ts, NONE, NONE, C_PARENT)
            drop(b, m)
            return
        if o[O_MARK] < o[O_QUANTITY]:
            o[O_QUANTITY] = o[O_MARK]
            resized(b, m, ts, C_PARENT)
    if more > 0:
        held = b.pos[o[O_ACCOUNT], o[O_INST], P_LOTS]
        can = max(0, (-held if o[O_SIDE] == 0 else held) - o[O_LEAVES])
        if more > can:  # there is less to reduce than the parent filled
            o[O_QUANTITY] -= more - can
            o[O_MARK] -= more - can
            more = can
            if o[O_FILLED] == o[O_QUANTITY]:
                tell(b, CANCELED, m, ts, NONE, NONE, C_REDUCE)
                drop(b, m)
                return
            if more == 0:
                resized(b, m, ts, C_REDUCE)
    if more > 0:
        if o[O_WHERE] != IN_PARENT:
            unlink(b, m)
        o[O_WHERE] = GONE
        o[O_LEAVES] += more
        arrive_child(b, m, ts)


@inner
def arrive_child(b: Book, m: int, ts: int) -> None:
    """Lots of a child come to life: it meets the market, and that is told as a new place."""
    o = b.own[m]
    n = resized(b, m, ts, NONE)
    ident = o[O_ID]
    enter(b, m, ts)
    where_now(b, m, ident, n)
