"""Which orders trade against which market events? The one matching kernel, for L1, L2, L3 and bars.

Rules:

- A participant's order that can trade at once walks the levels from the best outwards, minus what participants already
  took there. Taken lots stay taken until the feed executes them, shows fewer than were taken, or adds new ones, so no
  lot the feed ever showed is taken twice.
- A resting order stands behind the lots (``O_AHEAD``) that were at its price when it came. It fills only when a print
  gets through that queue, a print trades beyond its price, the other side comes to its price, or another participant
  takes it. All participants share one print: their fills never exceed it.
- Price, then time: a better-priced participant comes first, among equals the earlier.
- On bars nothing trades between the bar's points; an order entered during a bar sees only its close, and a bar gives
  all participants together a share of its volume.

Plain Python source: Numba compiles it, ``NUMBA_DISABLE_JIT=1`` runs it as it stands, with the same result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

# fmt: off
# isort: off
from vtrade.execution.layout import (
    ARRIVALS, ASK, AT_CLOSE, AT_LEVEL, AT_OPEN, BAR_LEFT, BAR_NO, BAR_PX, BASE, BEST, BID, C_FOK, C_IOC, C_SELF,
    CANCELED, CROSS, DAY, DEPTH, EXPIRED, FILLED, FOK, GONE, HAS_IDS, HELD_LIST, IN_HELD, IN_MARKET, IN_RANGE,
    IN_STOPS, IOC, JUMPED, LAST, LEVELS, LIMIT, LISTS, LIVE, MAKES, MARKET, MARKET_LIST, MID, NONE, O_ACCOUNT, O_AHEAD,
    O_ARRIVAL, O_BAR, O_COLLAR, O_INST, O_LEAVES, O_LIMIT, O_NEXT, O_PREV, O_SIDE, O_STOP, O_TIF, O_TYPE, O_WAIT,
    O_WHERE, OUT_COUNT, OWN_BEST, OWN_COUNT, OWN_LEVELS, PEER, PRINTS, QUEUE, R_AHEAD, R_ASK, R_ASK_SIZE, R_BID,
    R_BID_SIZE, R_WAIT, R_WHERE, RESUMED, S_CLOSED, S_HALTED, S_OPEN, SESSION, SHARE_PPM, STATE, STOP_LIST,
    STOP_MARKET, STOPS, TAKES, THROUGH, TRIGGERED, UNKNOWN, W_BAR, W_DEPTH, W_NONE, W_OPEN, W_PRICE, W_QUEUE,
    W_RESUME, W_TRIGGER, WALKED, X_ASK, X_BID, X_CAUSE, X_CONTRA, X_EV_PX, X_EV_QTY, X_LEAVES, X_PX, X_QTY, X_SLOT,
    X_TAKER, X_TS, X_WHAT, Book,
)
from vtrade.market.dtype import Events
# isort: on
# fmt: on

# market event kinds, as in vtrade.market.dtype.Kind
ADD, REDUCE, DELETE, EXECUTE, LEVEL, QUOTE, TRADE = 1, 2, 3, 4, 5, 6, 7
BAR_OPEN, BAR_HIGH, BAR_LOW, BAR_CLOSE, STATUS = 8, 9, 10, 11, 12

MILLION = 1_000_000

F = TypeVar("F", bound=Callable[..., object])


def inner(function: F) -> F:
    """Compile a function that only other kernels call: no way in from Python saves a sixth of the compile time."""
    options: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "error_model": "numpy"}
    return cast(F, njit(**options)(function))


def entry(function: F) -> F:
    """Compile a function that Python calls, and keep the result on disk."""
    return cast(F, njit(cache=True, error_model="numpy")(function))


# --- reading the book --------------------------------------------------------------------------------------------


@entry
def touch(b: Book, k: int, s: int) -> tuple[int, int]:
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
        if b.level_qty[k, s, p] > 0:
            left -= 1
            free = b.level_qty[k, s, p] - b.level_taken[k, s, p]
            if free > 0:
                price = p + inst[BASE]
                size = free
                break
        p += step
    if inst[OWN_LEVELS + s] > 0:
        q = inst[OWN_BEST + s]
        own = q + inst[BASE]
        if price == 0 or (own > price if s == 0 else own < price):
            price = own
            size = 0
        if own == price:
            m = b.head[k, s, q]
            while m != 0:
                size += b.own[m, O_LEAVES]
                m = b.own[m, O_NEXT]
    return price, size


@entry
def ahead_of(b: Book, slot: int) -> int:
    """Lots that trade before the resting order in ``slot``: the feed's and the participants'."""
    o = b.own[slot]
    k, s = o[O_INST], o[O_SIDE]
    p = o[O_LIMIT] - b.inst[k, BASE]
    lots: int = max(0, o[O_AHEAD] - b.level_taken[k, s, p])
    m = o[O_PREV]
    while m != 0:
        lots += b.own[m, O_LEAVES]
        m = b.own[m, O_PREV]
    return lots


# --- lists of participants' orders -------------------------------------------------------------------------------


@inner
def _append(b: Book, slot: int, which: int, where: int) -> None:
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
def _rest(b: Book, slot: int) -> None:
    """Put a limit order at the end of the queue at its price."""
    o = b.own[slot]
    k, s = o[O_INST], o[O_SIDE]
    inst = b.inst[k]
    p = o[O_LIMIT] - inst[BASE]
    o[O_AHEAD] = b.level_qty[k, s, p]
    o[O_ARRIVAL] = b.room[ARRIVALS]
    b.room[ARRIVALS] += 1
    last = b.tail[k, s, p]
    o[O_PREV] = last
    o[O_NEXT] = 0
    if last != 0:
        b.own[last, O_NEXT] = slot
    else:
        b.head[k, s, p] = slot
        if inst[OWN_LEVELS + s] == 0 or (p > inst[OWN_BEST + s] if s == 0 else p < inst[OWN_BEST + s]):
            inst[OWN_BEST + s] = p
        inst[OWN_LEVELS + s] += 1
    b.tail[k, s, p] = slot
    o[O_WHERE] = AT_LEVEL


@inner
def _unlink(b: Book, slot: int) -> None:
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
        if before == 0:
            b.head[k, s, p] = after
        if after == 0:
            b.tail[k, s, p] = before
        if before == 0 and after == 0:
            inst[OWN_LEVELS + s] -= 1
            if p == inst[OWN_BEST + s]:
                step = -1 if s == 0 else 1
                if inst[OWN_LEVELS + s] == 0:
                    p = -1 if s == 0 else b.head.shape[2]
                else:
                    while b.head[k, s, p] == 0:
                        p += step
                inst[OWN_BEST + s] = p
    else:
        which = MARKET_LIST + s
        if where == IN_STOPS:
            which = STOP_LIST
            inst[STOPS] -= 1
        elif where == IN_HELD:
            which = HELD_LIST
        if before == 0:
            inst[LISTS + 2 * which] = after
        if after == 0:
            inst[LISTS + 2 * which + 1] = before
    o[O_PREV] = 0
    o[O_NEXT] = 0
    o[O_WHERE] = GONE


@entry
def remove(b: Book, slot: int) -> None:
    """Take an order out of the market for good."""
    _unlink(b, slot)
    b.inst[b.own[slot, O_INST], OWN_COUNT] -= 1
    b.room[LIVE] -= 1


# --- telling what happened ---------------------------------------------------------------------------------------


@inner
def _tell(b: Book, what: int, slot: int, ts: int, px: int, qty: int, cause: int) -> None:
    row = b.out[b.room[OUT_COUNT]]
    b.room[OUT_COUNT] += 1
    row[X_WHAT] = what
    row[X_SLOT] = slot
    row[X_TS] = ts
    row[X_PX] = px
    row[X_QTY] = qty
    row[X_CAUSE] = cause
    row[X_LEAVES] = b.own[slot, O_LEAVES]
    if what != SESSION:
        k = b.own[slot, O_INST]
        row[X_BID] = touch(b, k, BID)[0]
        row[X_ASK] = touch(b, k, ASK)[0]
    row[X_TAKER] = 0
    row[X_EV_PX] = 0
    row[X_EV_QTY] = 0
    row[X_CONTRA] = 0


@inner
def _fill(b: Book, slot: int, ts: int, px: int, qty: int, cause: int, taker: int, ev_px: int, ev_qty: int,
          contra: int) -> None:  # fmt: skip
    """Fill ``qty`` lots of an order at ``px``; take it out of the book if nothing is left."""
    n = b.room[OUT_COUNT]
    _tell(b, FILLED, slot, ts, px, qty, cause)
    b.own[slot, O_LEAVES] -= qty
    row = b.out[n]
    row[X_LEAVES] = b.own[slot, O_LEAVES]
    row[X_TAKER] = taker
    row[X_EV_PX] = ev_px
    row[X_EV_QTY] = ev_qty
    row[X_CONTRA] = contra
    if b.own[slot, O_LEAVES] == 0 and b.own[slot, O_WHERE] != GONE:
        remove(b, slot)


# --- an order that can trade at once -----------------------------------------------------------------------------


@inner
def _within(o_side: int, limit: int, price: int) -> bool:
    """Whether ``price`` is no worse than ``limit`` (0: no limit) for an order on that side."""
    return limit == 0 or (price <= limit if o_side == 0 else price >= limit)


@inner
def _take_level(b: Book, slot: int, ts: int, p: int) -> bool:
    """Trade with one level, in the order of its queue; True if the taker met an order of its own account."""
    o = b.own[slot]
    k, s = o[O_INST], 1 - o[O_SIDE]
    price = p + b.inst[k, BASE]
    m = b.head[k, s, p]
    while o[O_LEAVES] > 0 and m != 0:
        maker = b.own[m]
        before = min(maker[O_AHEAD], b.level_qty[k, s, p]) - b.level_taken[k, s, p]
        if before > 0:
            qty = min(before, o[O_LEAVES])
            free = b.level_qty[k, s, p] - b.level_taken[k, s, p]
            _fill(b, slot, ts, price, qty, DEPTH, TAKES, price, free, NONE)
            b.level_taken[k, s, p] += qty
            if o[O_LEAVES] == 0:
                return False
        if maker[O_ACCOUNT] == o[O_ACCOUNT]:
            return True
        qty = min(maker[O_LEAVES], o[O_LEAVES])
        shown = maker[O_LEAVES]
        after = maker[O_NEXT]
        _fill(b, slot, ts, price, qty, PEER, TAKES, price, shown, m)
        _fill(b, m, ts, price, qty, PEER, MAKES, price, shown, slot)
        m = after
    free = b.level_qty[k, s, p] - b.level_taken[k, s, p]
    if o[O_LEAVES] > 0 and free > 0:
        qty = min(free, o[O_LEAVES])
        _fill(b, slot, ts, price, qty, DEPTH, TAKES, price, free, NONE)
        b.level_taken[k, s, p] += qty
    return False


@inner
def _take(b: Book, slot: int, ts: int) -> bool:
    """Walk the other side from the best level outwards; True if stopped by an order of the same account."""
    o = b.own[slot]
    k, side = o[O_INST], o[O_SIDE]
    s = 1 - side
    inst = b.inst[k]
    feed, own = inst[LEVELS + s], inst[OWN_LEVELS + s]
    step = -1 if s == 0 else 1
    if feed > 0 and own > 0:
        p = max(inst[BEST], inst[OWN_BEST]) if s == 0 else min(inst[BEST + 1], inst[OWN_BEST + 1])
    elif feed > 0:
        p = inst[BEST + s]
    else:
        p = inst[OWN_BEST + s]
    while o[O_LEAVES] > 0 and feed + own > 0 and _within(side, o[O_LIMIT], p + inst[BASE]):
        shown = b.level_qty[k, s, p] > 0
        ours = b.head[k, s, p] != 0
        if shown or ours:
            feed -= shown
            own -= ours
            if _take_level(b, slot, ts, p):
                return True
        p += step
    return False


@inner
def _available(b: Book, slot: int) -> int:
    """Lots an order could trade with at once within its limit, before it would meet its own account."""
    o = b.own[slot]
    k, side = o[O_INST], o[O_SIDE]
    s = 1 - side
    inst = b.inst[k]
    feed, own = inst[LEVELS + s], inst[OWN_LEVELS + s]
    step = -1 if s == 0 else 1
    p = 0 if s == 1 else b.head.shape[2] - 1
    if feed > 0:
        p = inst[BEST + s]
    if own > 0 and (feed == 0 or (inst[OWN_BEST + s] - p) * step < 0):
        p = inst[OWN_BEST + s]
    lots = 0
    while feed + own > 0 and lots < o[O_LEAVES] and _within(side, o[O_LIMIT], p + inst[BASE]):
        shown = b.level_qty[k, s, p] > 0
        feed -= shown
        m = b.head[k, s, p]
        if m != 0:
            own -= 1
            while m != 0:
                if b.own[m, O_ACCOUNT] == o[O_ACCOUNT]:
                    front = min(b.own[m, O_AHEAD], b.level_qty[k, s, p]) - b.level_taken[k, s, p]
                    return int(lots + max(0, front))
                lots += b.own[m, O_LEAVES]
                m = b.own[m, O_NEXT]
        lots += b.level_qty[k, s, p] - b.level_taken[k, s, p]
        p += step
    return lots


@inner
def _meet_waiting(b: Book, slot: int, ts: int) -> None:
    """Let market orders that wait for depth trade with a limit order that found nothing more."""
    o = b.own[slot]
    k, s = o[O_INST], o[O_SIDE]
    price = o[O_LIMIT]
    m = b.inst[k, LISTS + 2 * (MARKET_LIST + 1 - s)]
    while o[O_LEAVES] > 0 and m != 0:
        waiting = b.own[m]
        after = waiting[O_NEXT]
        if waiting[O_ACCOUNT] != o[O_ACCOUNT] and _within(1 - s, waiting[O_LIMIT], price):
            qty = min(waiting[O_LEAVES], o[O_LEAVES])
            shown = o[O_LEAVES]
            _fill(b, m, ts, price, qty, PEER, TAKES, price, shown, slot)
            _fill(b, slot, ts, price, qty, PEER, MAKES, price, shown, m)
        m = after


@inner
def _work(b: Book, slot: int, ts: int) -> None:
    """Let a market or limit order trade what it can; what is left rests, waits or is canceled."""
    o = b.own[slot]
    k, s = o[O_INST], o[O_SIDE]
    inst = b.inst[k]
    o[O_BAR] = inst[BAR_NO]
    why = 0
    if inst[BAR_NO] > 0:
        why = C_FOK if o[O_TIF] == FOK else C_IOC if o[O_TIF] == IOC else 0
        o[O_WAIT] = W_BAR
    else:
        if o[O_TIF] == FOK and _available(b, slot) < o[O_LEAVES]:
            why = C_FOK
        elif _take(b, slot, ts):
            why = C_SELF
        else:
            if o[O_LEAVES] > 0 and o[O_TYPE] != MARKET and inst[LISTS + 2 * (MARKET_LIST + 1 - s)] != 0:
                _meet_waiting(b, slot, ts)
            if o[O_TIF] >= IOC:
                why = C_IOC
        o[O_WAIT] = W_NONE
    if o[O_LEAVES] == 0:
        b.inst[k, OWN_COUNT] -= 1
        b.room[LIVE] -= 1
        return
    if why != 0:
        _tell(b, CANCELED, slot, ts, NONE, NONE, why)
        b.inst[k, OWN_COUNT] -= 1
        b.room[LIVE] -= 1
    elif o[O_TYPE] == MARKET:
        _append(b, slot, MARKET_LIST + s, IN_MARKET)
        if inst[BAR_NO] == 0:
            o[O_WAIT] = W_DEPTH
    else:
        _rest(b, slot)
        if inst[BAR_NO] == 0:
            best = touch(b, k, s)[0]
            at_touch = o[O_LIMIT] >= best if s == 0 else o[O_LIMIT] <= best
            o[O_WAIT] = W_QUEUE if at_touch else W_PRICE


# --- stops -------------------------------------------------------------------------------------------------------


@inner
def _spring(b: Book, slot: int, ts: int, px: int) -> None:
    """A stop's condition is met: it becomes a market or a limit order."""
    o = b.own[slot]
    _unlink(b, slot)
    _tell(b, TRIGGERED, slot, ts, px, NONE, NONE)
    if o[O_TYPE] == STOP_MARKET:
        o[O_TYPE] = MARKET
        o[O_LIMIT] = o[O_COLLAR]
    else:
        o[O_TYPE] = LIMIT


@inner
def _trigger_stops(b: Book, k: int, ts: int) -> None:
    """Trigger the stops that the last print (before the first print: the touch) has reached."""
    inst = b.inst[k]
    if inst[STOPS] == 0:
        return
    m = inst[LISTS + 2 * STOP_LIST]
    while m != 0:
        o = b.own[m]
        after = o[O_NEXT]
        ref = inst[LAST]
        if ref == 0:
            ref = touch(b, k, 1 - o[O_SIDE])[0]
        if ref > 0 and (ref >= o[O_STOP] if o[O_SIDE] == 0 else ref <= o[O_STOP]):
            row = b.room[OUT_COUNT]
            _spring(b, m, ts, ref)
            _work(b, m, ts)
            b.out[row, X_EV_QTY] = o[O_WAIT] if o[O_WHERE] != GONE else W_NONE
        m = after


# --- coming in -----------------------------------------------------------------------------------------------------


@inner
def enter(b: Book, slot: int, ts: int) -> None:
    """A new order, or one that comes back from a wait or a replace, meets the market."""
    o = b.own[slot]
    k = o[O_INST]
    inst = b.inst[k]
    if inst[STATE] == S_CLOSED or inst[STATE] == S_HALTED:
        _append(b, slot, HELD_LIST, IN_HELD)
        o[O_WAIT] = W_OPEN if inst[STATE] == S_CLOSED else W_RESUME
    elif o[O_TYPE] >= STOP_MARKET:
        o[O_WAIT] = W_TRIGGER
        o[O_BAR] = inst[BAR_NO]
        _append(b, slot, STOP_LIST, IN_STOPS)
        if inst[BAR_NO] == 0:
            _trigger_stops(b, k, ts)
    else:
        _work(b, slot, ts)


@inner
def _report(b: Book, slot: int) -> None:
    """Write down where an order came to stand, for the fact about it."""
    o = b.own[slot]
    b.room[R_WHERE] = o[O_WHERE]
    b.room[R_WAIT] = o[O_WAIT]
    b.room[R_AHEAD] = ahead_of(b, slot) if o[O_WHERE] == AT_LEVEL else UNKNOWN


@entry
def admit(b: Book, slot: int, ts: int) -> None:
    """Count a new order in and let it meet the market; what it met and where it stands is left in ``room``."""
    k = b.own[slot, O_INST]
    b.room[R_BID], b.room[R_BID_SIZE] = touch(b, k, BID)
    b.room[R_ASK], b.room[R_ASK_SIZE] = touch(b, k, ASK)
    b.inst[k, OWN_COUNT] += 1
    b.room[LIVE] += 1
    enter(b, slot, ts)
    _report(b, slot)


@entry
def replace(b: Book, slot: int, ts: int, keep: int, leaves: int, limit: int, stop: int) -> None:
    """New terms; where ``keep`` is 1 the order keeps its place, else it meets the market anew."""
    o = b.own[slot]
    if keep == 0:
        _unlink(b, slot)
    o[O_LEAVES] = leaves
    o[O_LIMIT] = limit
    o[O_STOP] = stop
    if keep == 0:
        enter(b, slot, ts)
    _report(b, slot)


# --- the feed's events -------------------------------------------------------------------------------------------


@inner
def _show(b: Book, k: int, s: int, p: int, qty: int) -> None:
    """The feed's level now shows ``qty`` lots; what participants took there never exceeds it."""
    inst = b.inst[k]
    old = b.level_qty[k, s, p]
    b.level_qty[k, s, p] = qty
    if b.level_taken[k, s, p] > qty:
        b.level_taken[k, s, p] = qty
    if old == 0 and qty > 0:
        if inst[LEVELS + s] == 0 or (p > inst[BEST + s] if s == 0 else p < inst[BEST + s]):
            inst[BEST + s] = p
        inst[LEVELS + s] += 1
    elif old > 0 and qty == 0:
        inst[LEVELS + s] -= 1
        if p == inst[BEST + s]:
            if inst[LEVELS + s] == 0:
                p = -1 if s == 0 else b.head.shape[2]
            else:
                step = -1 if s == 0 else 1
                while b.level_qty[k, s, p] == 0:
                    p += step
            inst[BEST + s] = p


@inner
def _wipe(b: Book, k: int, s: int) -> None:
    """The feed shows nothing on a side any more."""
    while b.inst[k, LEVELS + s] > 0:
        _show(b, k, s, b.inst[k, BEST + s], NONE)


@inner
def _come_to(b: Book, k: int, s: int, p: int, ts: int) -> None:
    """Lots the feed shows at level ``p`` of side ``s`` meet the other side's waiting and resting orders."""
    inst = b.inst[k]
    if inst[STATE] > S_OPEN:
        return
    price = p + inst[BASE]
    t = 1 - s
    free = b.level_qty[k, s, p] - b.level_taken[k, s, p]
    m = inst[LISTS + 2 * (MARKET_LIST + t)]
    while free > 0 and m != 0:
        after = b.own[m, O_NEXT]
        if _within(t, b.own[m, O_LIMIT], price):
            qty = min(free, b.own[m, O_LEAVES])
            _fill(b, m, ts, price, qty, DEPTH, TAKES, price, free, NONE)
            b.level_taken[k, s, p] += qty
            free -= qty
        m = after
    while free > 0 and inst[OWN_LEVELS + t] > 0:
        q = inst[OWN_BEST + t]
        if q < p if t == 0 else q > p:
            return
        m = b.head[k, t, q]
        qty = min(free, b.own[m, O_LEAVES])
        _fill(b, m, ts, q + inst[BASE], qty, CROSS, MAKES, price, free, NONE)
        b.level_taken[k, s, p] += qty
        free -= qty


@inner
def _uncross(b: Book, k: int, ts: int) -> None:
    """After a halt: resting orders meet what the feed showed meanwhile."""
    for s in range(2):
        step = -1 if s == 0 else 1
        left = b.inst[k, LEVELS + s]
        p = b.inst[k, BEST + s]
        while left > 0:
            if b.level_qty[k, s, p] > 0:
                left -= 1
                _come_to(b, k, s, p, ts)
            p += step


@inner
def _printed(b: Book, k: int, s: int, price: int, qty: int, share: int, arrival: int, ts: int) -> int:
    """``qty`` lots traded at ``price`` against side ``s``: participants resting there come before or in their turn.

    ``share`` is what they may still have of the print; returns what is left of it. ``arrival`` is that of the feed's
    order which was executed, -1 where the print names none.
    """
    inst = b.inst[k]
    left: int = share
    if inst[STATE] > S_OPEN:
        left = 0  # the queue moves, but nobody fills
    while left > 0 and inst[OWN_LEVELS + s] > 0:
        own = inst[OWN_BEST + s] + inst[BASE]
        if own <= price if s == 0 else own >= price:
            break
        m = b.head[k, s, inst[OWN_BEST + s]]
        x = min(left, b.own[m, O_LEAVES])
        _fill(b, m, ts, own, x, THROUGH, MAKES, price, qty, NONE)
        left -= x
    p = price - inst[BASE]
    if p < 0 or p >= b.head.shape[2]:
        return left
    m = b.head[k, s, p]
    while m != 0:
        o = b.own[m]
        after = o[O_NEXT]
        if arrival > o[O_ARRIVAL]:
            o[O_AHEAD] = 0
        # the print skips what participants took, and it is these lots that the feed's level loses first
        taken = b.level_taken[k, s, p]
        ahead = max(0, o[O_AHEAD] - taken)
        reach = left - ahead
        o[O_AHEAD] = max(0, ahead - qty) + max(0, taken - qty)
        if reach > 0:
            x = min(reach, o[O_LEAVES])
            left -= x
            _fill(b, m, ts, price, x, QUEUE, MAKES, price, qty, NONE)
        m = after
    return left


@inner
def _left_queue(b: Book, k: int, s: int, p: int, qty: int, arrival: int) -> None:
    """``qty`` lots of the feed's order left the queue without trading."""
    m = b.head[k, s, p]
    while m != 0:
        if arrival < b.own[m, O_ARRIVAL]:
            b.own[m, O_AHEAD] = max(0, b.own[m, O_AHEAD] - qty)
        m = b.own[m, O_NEXT]


@inner
def _set_level(b: Book, k: int, s: int, p: int, qty: int, ts: int) -> None:
    """The feed states a level's total."""
    old = b.level_qty[k, s, p]
    _show(b, k, s, p, qty)
    if b.inst[k, OWN_COUNT] == 0:
        return
    m = b.head[k, s, p]
    while m != 0:
        # with order ids, 0 means that the level left the feed's sight: who was ahead may still be there
        if qty < b.own[m, O_AHEAD] and (qty > 0 or b.inst[k, HAS_IDS] == 0):
            b.own[m, O_AHEAD] = qty
        m = b.own[m, O_NEXT]
    if qty > old:
        _come_to(b, k, s, p, ts)


@inner
def _session(b: Book, k: int, status: int, ts: int) -> None:
    """The venue opens, closes, halts or resumes an instrument."""
    inst = b.inst[k]
    if status in (S_OPEN, RESUMED):
        inst[STATE] = S_OPEN
        _tell(b, SESSION, NONE, ts, k, S_OPEN, NONE)
        # who was there before the break comes before who came during it
        _uncross(b, k, ts)
        if inst[STOPS] > 0 and inst[BAR_NO] == 0:
            _trigger_stops(b, k, ts)
        m = inst[LISTS + 2 * HELD_LIST]
        while m != 0:
            after = b.own[m, O_NEXT]
            _unlink(b, m)
            enter(b, m, ts)
            m = after
    elif status == S_HALTED:
        inst[STATE] = S_HALTED
        _tell(b, SESSION, NONE, ts, k, S_HALTED, NONE)
    else:
        inst[STATE] = S_CLOSED
        _tell(b, SESSION, NONE, ts, k, S_CLOSED, NONE)
        for slot in range(1, b.own.shape[0]):
            o = b.own[slot]
            if o[O_WHERE] != GONE and o[O_INST] == k and o[O_TIF] == DAY:
                _tell(b, EXPIRED, slot, ts, NONE, NONE, NONE)
                remove(b, slot)
            elif o[O_WHERE] == AT_LEVEL and o[O_INST] == k:
                o[O_AHEAD] = 0  # the feed's orders are gone
        _wipe(b, k, BID)
        _wipe(b, k, ASK)


# --- bars --------------------------------------------------------------------------------------------------------


@inner
def _bar_fill(b: Book, slot: int, ts: int, px: int, cause: int, taker: int, point: int) -> None:
    """Fill what the bar's remaining volume allows."""
    inst = b.inst[b.own[slot, O_INST]]
    qty = min(inst[BAR_LEFT], b.own[slot, O_LEAVES])
    if qty > 0:
        shown = inst[BAR_LEFT]
        inst[BAR_LEFT] -= qty
        _fill(b, slot, ts, px, qty, cause, taker, point, shown, NONE)


@inner
def _bar_stops(b: Book, k: int, ts: int, start: int, end: int, gap: int, cause: int) -> None:
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
            if old and hit and (best == 0 or abs(o[O_STOP] - start) < abs(b.own[best, O_STOP] - start)):
                best = m
            m = o[O_NEXT]
        if best == 0:
            return
        o = b.own[best]
        px = end
        if gap == WALKED and o[O_BAR] < inst[BAR_NO]:
            px = max(o[O_STOP], min(start, end)) if o[O_SIDE] == 0 else min(o[O_STOP], max(start, end))
        row = b.room[OUT_COUNT]
        _spring(b, best, ts, px)
        entered = o[O_BAR]
        o[O_WAIT] = W_BAR
        if o[O_TYPE] == MARKET:
            _append(b, best, MARKET_LIST + o[O_SIDE], IN_MARKET)
        else:
            _rest(b, best)
        o[O_BAR] = entered
        if _within(o[O_SIDE], o[O_LIMIT], px):
            _bar_fill(b, best, ts, px, cause, TAKES, px)
        b.out[row, X_EV_QTY] = o[O_WAIT] if o[O_WHERE] != GONE else W_NONE


@inner
def _bar_at(b: Book, k: int, ts: int, px: int, cause: int) -> None:
    """At the open and the close: market orders, then limit orders by price and time, all at the bar's price."""
    inst = b.inst[k]
    for s in range(2):
        m = inst[LISTS + 2 * (MARKET_LIST + s)]
        while m != 0 and inst[BAR_LEFT] > 0:
            after = b.own[m, O_NEXT]
            if _within(s, b.own[m, O_LIMIT], px):
                _bar_fill(b, m, ts, px, cause, TAKES, px)
            m = after
    for s in range(2):
        while inst[BAR_LEFT] > 0 and inst[OWN_LEVELS + s] > 0:
            own = inst[OWN_BEST + s] + inst[BASE]
            beyond = own > px if s == 0 else own < px
            if not (beyond or (own == px and cause == AT_OPEN)):
                break
            _bar_fill(b, b.head[k, s, inst[OWN_BEST + s]], ts, px, cause, TAKES, px)


@inner
def _bar_way(b: Book, k: int, ts: int, start: int, end: int) -> None:
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
        m = b.head[k, s, p]
        if m != 0:
            seen += 1
            # a halt may have left orders that the way has passed already: they trade where it begins
            price = max(start, p + inst[BASE]) if s == 1 else min(start, p + inst[BASE])
            _bar_stops(b, k, ts, start, price, WALKED, IN_RANGE)
            while m != 0:
                after = b.own[m, O_NEXT]
                if b.own[m, O_BAR] < inst[BAR_NO]:
                    _bar_fill(b, m, ts, price, IN_RANGE, MAKES, end)
                m = after
        p += step
    _bar_stops(b, k, ts, start, end, WALKED, IN_RANGE)


@inner
def _bar(b: Book, k: int, kind: int, px: int, volume: int, ts: int) -> None:
    inst = b.inst[k]
    before = inst[BAR_PX]
    if kind == BAR_OPEN:
        inst[BAR_NO] += 1
        inst[BAR_LEFT] = volume * b.room[SHARE_PPM] // MILLION
    inst[BAR_PX] = px
    inst[LAST] = px
    inst[PRINTS] += 1
    if inst[OWN_COUNT] == 0 or inst[STATE] > S_OPEN:
        return
    if kind == BAR_OPEN:
        _bar_stops(b, k, ts, before if before > 0 else px, px, JUMPED, AT_OPEN)
        _bar_at(b, k, ts, px, AT_OPEN)
    else:
        _bar_way(b, k, ts, before, px)
        if kind == BAR_CLOSE:
            _bar_stops(b, k, ts, before, px, JUMPED, AT_CLOSE)
            _bar_at(b, k, ts, px, AT_CLOSE)


# --- the loop ----------------------------------------------------------------------------------------------------


@inner
def _executed(b: Book, k: int, s: int, p: int, price: int, qty: int, arrival: int, ts: int) -> None:
    """A resting order of the feed was executed: a print, and lots that leave the level."""
    inst = b.inst[k]
    inst[LAST] = price
    inst[PRINTS] += 1
    if inst[OWN_LEVELS + s] > 0:
        _printed(b, k, s, price, qty, qty, arrival, ts)
    taken = b.level_taken[k, s, p]
    b.level_taken[k, s, p] = max(0, taken - qty)
    _show(b, k, s, p, max(0, b.level_qty[k, s, p] - qty))


@inner
def _trade(b: Book, k: int, side: int, price: int, qty: int, ts: int) -> None:
    """A print without a resting order's name; an unknown aggressor is judged by the touch."""
    inst = b.inst[k]
    inst[PRINTS] += 1
    inst[LAST] = price
    if side == 0:
        bid, ask = touch(b, k, BID)[0], touch(b, k, ASK)[0]
        if ask > 0 and price >= ask:
            side = 1
        elif bid > 0 and price <= bid:
            side = -1
    left: Any = qty
    if side <= 0 and inst[OWN_LEVELS] > 0:
        left = _printed(b, k, BID, price, qty, left, UNKNOWN, ts)
    if side >= 0 and inst[OWN_LEVELS + 1] > 0:
        _printed(b, k, ASK, price, qty, left, UNKNOWN, ts)
    if side != 0:
        s = 1 if side > 0 else 0
        p = price - inst[BASE]
        if 0 <= p < b.head.shape[2] and b.level_taken[k, s, p] > 0:
            # the print executed lots that participants had taken: both go, and the feed's next row states the level
            gone = min(qty, b.level_taken[k, s, p])
            b.level_taken[k, s, p] -= gone
            _show(b, k, s, p, b.level_qty[k, s, p] - gone)


@inner
def _quote(b: Book, k: int, s: int, price: int, qty: int, ts: int) -> None:
    """L1: the best of a side is stated anew; other levels go: better ones for good, worse ones out of sight."""
    inst = b.inst[k]
    p = price - inst[BASE]
    while inst[LEVELS + s] > 0 and (qty == 0 or inst[BEST + s] != p or inst[LEVELS + s] > 1):
        q = inst[BEST + s]
        if qty > 0 and (q < p if s == 0 else q > p):
            _show(b, k, s, q, NONE)  # the queue there still stands, so nobody moves up in it
        else:
            _set_level(b, k, s, q, NONE, ts)
    if qty > 0:
        _set_level(b, k, s, p, qty, ts)


@inner
def apply(b: Book, k: int, kind: int, side: int, price: int, qty: int, oid: int, ts: int) -> None:
    """Fold one market event into the book and let participants' orders react."""
    inst = b.inst[k]
    s = 0 if side > 0 else 1
    p = price - inst[BASE]
    if kind == ADD:
        inst[HAS_IDS] = 1
        b.feed[oid, 0] = b.room[ARRIVALS] if qty > 0 else 0
        b.feed[oid, 1] = qty
        b.room[ARRIVALS] += 1
        _show(b, k, s, p, b.level_qty[k, s, p] + qty)
        if inst[OWN_COUNT] > 0:
            _come_to(b, k, s, p, ts)
    elif kind in (REDUCE, DELETE, EXECUTE):
        arrival = 0
        if oid > 0:
            arrival = b.feed[oid, 0]
            if kind == DELETE and qty == 0:
                qty = b.feed[oid, 1]
            b.feed[oid, 1] -= qty
            if b.feed[oid, 1] <= 0:
                b.feed[oid, 0] = 0  # gone, as in a snapshot
                b.feed[oid, 1] = 0
        if kind == EXECUTE:
            _executed(b, k, s, p, price, qty, arrival, ts)
        else:
            if inst[OWN_LEVELS + s] > 0:
                _left_queue(b, k, s, p, qty, arrival)
            _show(b, k, s, p, max(0, b.level_qty[k, s, p] - qty))
    elif kind == LEVEL:
        _set_level(b, k, s, p, qty, ts)
    elif kind == QUOTE:
        _quote(b, k, s, price, qty, ts)
    elif kind == TRADE:
        _trade(b, k, side, price, qty, ts)
    elif kind == STATUS:
        _session(b, k, qty, ts)
    else:
        _bar(b, k, kind, price, qty, ts)
    if inst[LAST] == 0 and kind <= QUOTE:
        bid, ask = touch(b, k, BID)[0], touch(b, k, ASK)[0]
        if bid > 0 and ask > 0:
            inst[MID] = (bid + ask + ((bid + ask) // 2 & 1)) // 2
    if inst[STOPS] > 0 and inst[BAR_NO] == 0 and inst[STATE] <= S_OPEN:
        _trigger_stops(b, k, ts)


@entry
def run(b: Book, events: Events, start: int) -> int:
    """Fold events from ``start`` on; returns how far it came.

    It stops early, before an event, where ``out`` might overflow or the event's price is none or lies outside the
    window: the caller drains, widens or skips and calls again.
    """
    kinds, sides, instruments = events["kind"], events["side"], events["instrument"]
    prices, quantities, ids, times = events["price"], events["quantity"], events["order_id"], events["ts_ns"]
    window = b.head.shape[2]
    for i in range(start, events.shape[0]):
        kind: Any = np.int64(kinds[i])
        k: Any = np.int64(instruments[i])
        # an order may be triggered and end, meet another one, and take a level: each level ends once
        if b.room[LIVE] > 0 or b.room[OUT_COUNT] > 0 or kind == STATUS:
            rows = b.inst[k, LEVELS] + b.inst[k, LEVELS + 1] + 6 * b.room[LIVE] + 8
            if b.room[OUT_COUNT] + rows > b.out.shape[0]:
                return i
        price: Any = prices[i]
        side: Any = np.int64(sides[i])
        if kind != STATUS and not (kind == QUOTE and quantities[i] == 0):
            p = price - b.inst[k, BASE]
            if price < 1 or (kind <= QUOTE and (p < 0 or p >= window)):
                return i
        apply(b, k, kind, side, price, quantities[i], ids[i], times[i])
    return int(events.shape[0])


@entry
def run_session(b: Book, k: int, status: int, ts: int) -> None:
    """The instructor halts or resumes an instrument."""
    _session(b, k, status, ts)


# --- putting a snapshot back -------------------------------------------------------------------------------------


@entry
def show_level(b: Book, k: int, s: int, price: int, lots: int, taken: int) -> None:
    """Set a level as a snapshot has it."""
    p = price - b.inst[k, BASE]
    _show(b, k, s, p, lots)
    b.level_taken[k, s, p] = taken


@entry
def place(b: Book, slot: int, which: int, where: int) -> None:
    """Put an order at the end of its queue or waiting list, as a snapshot has it."""
    if where == AT_LEVEL:
        _rest(b, slot)
    else:
        _append(b, slot, which, where)


# Everything Python may call, for :func:`vtrade.execution.warm`.
ENTRIES: tuple[Any, ...] = (touch, ahead_of, remove, admit, replace, run, run_session, show_level, place)
