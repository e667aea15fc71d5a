"""Which calls take Python into the kernel? The loop over the feed's rows, and what people and instructors ask for.

Rules: plain Python source: Numba compiles it, and uncompiled it gives the same result. A call leaves everything told in
``out``; where there might not be room to tell all, :func:`run` stops before the row and is called again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vtrade.execution.compiling import entry, inner
from vtrade.execution.kernel.arrive import arrive, enter, sweep, trigger_stops
from vtrade.execution.kernel.auction import to_auction
from vtrade.execution.kernel.bars import bar
from vtrade.execution.kernel.book import (
    append,
    ask_for,
    best_touch,
    drop,
    give_slot,
    lots_ahead,
    rest,
    show,
    take_slot,
    tell,
    unlink,
)
from vtrade.execution.kernel.feed import (
    come_to,
    executed,
    left_queue,
    quote,
    request,
    request_price,
    session,
    set_level,
    trade,
    withdraw,
)
from vtrade.execution.kernel.match import resized, where_now
from vtrade.execution.kernel.money import margin_of, power_of, refused, tie_up

# isort: off
# fmt: off
from vtrade.execution.layout import (
    ACCEPTED, ARRIVALS, ASK, AT_LEVEL, A_RESERVED, A_WORKING, BAR_NO, BASE, BID, ENDED, FREE, GONE, HAS_IDS, ICEBERGS,
    IN_FLIGHT, IN_PARENT, LAST, LEVELS, LISTS, LIVE, LOTS, MID, NONE, OPEN_LIST, OUT_COUNT, OWN_COLS, OWN_COUNT,
    OWN_LEVELS, O_ACCOUNT, O_DISPLAY, O_FILLED, O_FLAGS, O_ID, O_INST, O_LEAVES, O_LIMIT, O_MARK, O_PARENT, O_QUANTITY,
    O_RESERVED, O_SHOWN, O_SIDE, O_STOP, O_WAIT, O_WHERE, O_WORST, P_REDUCING, QTY, REDUCE_ONLY, RESIZED, R_A, R_B,
    SLOTS, STATE, STEPWISE, STOPS, SWEEP, S_OPEN, UNKNOWN, W_FLIGHT, W_PARENT, X_AHEAD, X_LEAVES, X_QUANTITY, X_TAKER,
    X_WAIT, Book,
)
# fmt: on
# isort: on
from vtrade.market.dtype import FLAG_MARKET, Events

# market event kinds, as in vtrade.market.dtype.Kind
ADD, REDUCE, DELETE, EXECUTE, LEVEL, QUOTE, TRADE = 1, 2, 3, 4, 5, 6, 7
STATUS, ORDER, CANCEL = 12, 13, 14

READY, STUCK, SKIPPED = range(3)


# --- reading -----------------------------------------------------------------------------------------------------


@entry
def touch(b: Book, k: int, s: int) -> tuple[int, int]:
    """Best price (ticks) and lots on side ``s`` that an order could trade with now; (0, 0) if none, as on bars."""
    return best_touch(b, k, s)


@entry
def ahead_of(b: Book, slot: int) -> int:
    """Lots that trade before the resting order in ``slot``: the feed's and the participants'."""
    return lots_ahead(b, slot)


@entry
def power(b: Book, a: int) -> int:
    """What an account can still commit, micro-units of its currency."""
    return power_of(b, a)


@entry
def margin(b: Book, a: int, long_ppm: int, short_ppm: int) -> tuple[int, int]:
    """Equity of an account, and so many millionths of its long and short positions."""
    return margin_of(b, a, long_ppm, short_ppm, 0)


# --- orders ------------------------------------------------------------------------------------------------------


@entry
def submit(b: Book, order: Any, worst: int, reference: int, ts: int, flight: int) -> int:
    """Check an order (a row of ``OWN_COLS``), count it in and let it meet the market.

    Returns the refusal's number, or minus its slot. With ``flight`` 1 it is on its way and arrives by :func:`land`.
    """
    return take_in(b, order, worst, reference, ts, flight)


@inner
def take_in(b: Book, order: Any, worst: int, reference: int, ts: int, flight: int) -> int:
    """What :func:`submit` does."""
    slot = take_slot(b)
    o = b.own[slot]
    for i in range(OWN_COLS):
        o[i] = order[i]
    o[O_WHERE] = GONE
    why = refused(b, slot, o[O_LEAVES], worst, reference)
    if why != 0:
        give_slot(b, slot)
        return int(why)
    k, a = o[O_INST], o[O_ACCOUNT]
    o[O_WORST] = worst
    b.inst[k, OWN_COUNT] += 1
    b.room[LIVE] += 1
    b.acct[a, A_WORKING] += 1
    if o[O_FLAGS] & REDUCE_ONLY:
        b.pos[a, k, P_REDUCING] += 1
    if o[O_DISPLAY] > 0:
        b.room[ICEBERGS] += 1
    if o[O_PARENT] != 0:
        o[O_MARK] = min(o[O_MARK], o[O_QUANTITY])
        o[O_LEAVES] = 0
        o[O_WHERE] = IN_PARENT
        o[O_WAIT] = W_PARENT
        n = tell(b, ACCEPTED, slot, ts, NONE, NONE, NONE)
        b.out[n, X_AHEAD] = UNKNOWN
        b.out[n, X_WAIT] = W_PARENT
        if o[O_MARK] > 0 or o[O_PARENT] == ENDED:
            b.room[SWEEP] = 1
            sweep(b, ts)
        return int(-slot)
    ask_for(b, slot, o[O_LEAVES])
    tie_up(b, slot)
    if flight != 0:
        o[O_WHERE] = IN_FLIGHT
        o[O_WAIT] = W_FLIGHT
    else:
        arrive(b, slot, ts)
        after(b, k, ts)
    return int(-slot)


@inner
def after(b: Book, k: int, ts: int) -> None:
    """What an event sets off once it is over."""
    inst = b.inst[k]
    if inst[STOPS] > 0 and inst[BAR_NO] == 0 and inst[STATE] <= S_OPEN:
        trigger_stops(b, k, ts)
    if b.room[SWEEP] != 0:
        sweep(b, ts)
        if inst[STOPS] > 0 and inst[BAR_NO] == 0 and inst[STATE] <= S_OPEN:
            trigger_stops(b, k, ts)


@entry
def land(b: Book, slot: int, ts: int) -> None:
    """An order that was on its way reaches the venue."""
    k = b.own[slot, O_INST]
    b.own[slot, O_WHERE] = GONE
    arrive(b, slot, ts)
    after(b, k, ts)


@entry
def cancel(b: Book, slot: int, ts: int) -> None:
    """Take an order out of the market for good."""
    drop(b, slot)
    sweep(b, ts)


@entry
def replace(b: Book, slot: int, ts: int, quantity: int, limit: int, stop: int, worst: int, reference: int,
            keep: int) -> int:  # fmt: skip
    """New terms; where ``keep`` is 1 the order keeps its place, else it meets the market anew.

    Returns the refusal's number, or 0. Measured as a new order for the rest, with what this one ties up set free.
    """
    o = b.own[slot]
    k, a = o[O_INST], o[O_ACCOUNT]
    leaves = quantity - o[O_FILLED]
    if leaves > 0 and keep == 0 and o[O_WHERE] != IN_PARENT:
        before = o[O_LIMIT], o[O_STOP]
        tied = o[O_RESERVED]
        ask_for(b, slot, -o[O_LEAVES])
        b.acct[a, A_RESERVED] -= tied
        b.acct[a, A_WORKING] -= 1
        o[O_LIMIT], o[O_STOP] = limit, stop
        why = refused(b, slot, leaves, worst, reference)
        o[O_LIMIT], o[O_STOP] = before
        b.acct[a, A_WORKING] += 1
        b.acct[a, A_RESERVED] += tied
        ask_for(b, slot, o[O_LEAVES])
        if why != 0:
            return int(why)
    where = o[O_WHERE]
    if where == IN_PARENT:
        o[O_QUANTITY], o[O_LIMIT], o[O_STOP] = quantity, limit, stop
        o[O_MARK] = min(o[O_MARK], quantity)
        o[O_WORST] = worst
        resized(b, slot, ts, UNKNOWN)
        if leaves == 0:
            drop(b, slot)
            sweep(b, ts)
        return 0
    if o[O_PARENT] > 0:
        o[O_MARK] = min(o[O_MARK], quantity)
        leaves = o[O_MARK] - o[O_FILLED]
    n = tell(b, RESIZED, slot, ts, NONE, NONE, UNKNOWN)
    if keep != 0 and where == AT_LEVEL:
        gone = max(0, o[O_SHOWN] - leaves)
        o[O_SHOWN] -= gone
        b.level[k, o[O_SIDE], o[O_LIMIT] - b.inst[k, BASE], LOTS] -= gone
    elif keep == 0:
        unlink(b, slot)
        o[O_WHERE] = GONE
    ask_for(b, slot, leaves - o[O_LEAVES])
    o[O_QUANTITY], o[O_LEAVES], o[O_LIMIT], o[O_STOP] = quantity, leaves, limit, stop
    o[O_WORST] = worst
    tie_up(b, slot)
    b.out[n, X_QUANTITY] = quantity
    b.out[n, X_LEAVES] = quantity - o[O_FILLED]
    b.out[n, X_TAKER] = keep
    ident = o[O_ID]
    if quantity == o[O_FILLED]:
        drop(b, slot)
    elif keep == 0:
        enter(b, slot, ts)
    where_now(b, slot, ident, n)
    after(b, k, ts)
    return 0


# --- the loop ----------------------------------------------------------------------------------------------------


@inner
def apply(b: Book, k: int, kind: int, side: int, price: int, qty: int, oid: int, flags: int, ts: int) -> None:
    """Fold one market event into the book and let participants' orders react."""
    inst = b.inst[k]
    s = 0 if side > 0 else 1
    p = price - inst[BASE]
    if kind == LEVEL:
        set_level(b, k, s, p, qty, ts)
    elif kind == QUOTE:
        quote(b, k, s, price, qty, ts)
    elif kind == TRADE:
        trade(b, k, side, price, qty, flags, ts)
    elif kind == ORDER:
        request(b, k, s, price, qty, oid, flags, ts)
    elif kind == CANCEL:
        withdraw(b, oid)
    elif kind == ADD:
        inst[HAS_IDS] = 1
        b.feed[oid, 0] = b.room[ARRIVALS] if qty > 0 else 0
        b.feed[oid, 1] = qty
        b.room[ARRIVALS] += 1
        show(b, k, s, p, b.level[k, s, p, QTY] + qty)
        if inst[OWN_COUNT] > 0:
            come_to(b, k, s, p, ts)
    elif kind <= EXECUTE:
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
            executed(b, k, s, p, price, qty, arrival, ts)
        else:
            if inst[OWN_LEVELS + s] > 0:
                left_queue(b, k, s, p, qty, arrival)
            show(b, k, s, p, max(0, b.level[k, s, p, QTY] - qty))
    elif kind == STATUS:
        session(b, k, qty, ts)
    else:
        bar(b, k, kind, price, qty, ts)
    if inst[LAST] == 0 and kind <= QUOTE:
        bid, ask = best_touch(b, k, BID)[0], best_touch(b, k, ASK)[0]
        if bid > 0 and ask > 0:
            inst[MID] = (bid + ask + ((bid + ask) // 2 & 1)) // 2
    if inst[OWN_COUNT] > 0:
        if inst[LISTS + 2 * OPEN_LIST] != 0 and inst[BAR_NO] == 0 and inst[STATE] <= S_OPEN:
            if best_touch(b, k, BID)[0] > 0 and best_touch(b, k, ASK)[0] > 0:
                to_auction(b, k, OPEN_LIST, ts)
    if inst[OWN_COUNT] > 0 or b.room[SWEEP] != 0:
        after(b, k, ts)


@inner
def most_rows(b: Book, k: int) -> int:
    """Rows that one event, or one order that comes in, can cause to be told.

    An order may be triggered and end, and meet each level, its hidden lots and each agent's order: these end once; with
    each fill others may be lowered, and an iceberg comes again.
    """
    levels = b.inst[k, LEVELS] + b.inst[k, LEVELS + 1]
    return int(4 * levels + 2 * b.room[SLOTS] + 8 * (b.room[LIVE] + 1) + 400 * (b.room[ICEBERGS] + 1) + 16)


@entry
def rows_needed(b: Book, k: int) -> int:
    """As ``most_rows``, for Python."""
    return most_rows(b, k)


@inner
def readied(b: Book, k: int, kind: int, side: int, price: int, qty: int, bits: int) -> tuple[int, int]:
    """Whether a row can be folded as the book is, and its price in ticks; where it is ``STUCK`` the room says why."""
    if kind == ORDER:
        if b.room[FREE] == 0 and b.room[SLOTS] >= b.own.shape[0]:
            b.room[R_B] = 0
            return STUCK, price
        if bits & FLAG_MARKET == 0:
            price = request_price(b, k, NONE if side > 0 else ASK, price, bits)
            if price == 0:
                return SKIPPED, price
            p = price - b.inst[k, BASE]
            if p < 0 or p >= b.level.shape[2]:
                b.room[R_A], b.room[R_B] = price, 1
                return STUCK, price
    elif kind != STATUS and kind != CANCEL and not (kind == QUOTE and qty == 0):
        p = price - b.inst[k, BASE]
        if price < 1 or (kind <= QUOTE and (p < 0 or p >= b.level.shape[2])):
            b.room[R_A], b.room[R_B] = price, 1
            return STUCK, price
    return READY, price


@entry
def run(b: Book, events: Events, start: int, until: int) -> int:
    """Fold events from ``start`` on, up to and including the time ``until``; returns how far it came.

    It stops after a row of status, whose facts set off more, and early, before an event, where ``out`` might overflow,
    no slot is left, or the event's price is none or lies outside the window: the caller drains, widens or skips and
    calls again. ``room[R_A]`` is that price where ``room[R_B]`` is 1.
    """
    kinds, sides, instruments, flags = events["kind"], events["side"], events["instrument"], events["flags"]
    prices, quantities, ids, times = events["price"], events["quantity"], events["order_id"], events["ts_ns"]
    for i in range(start, events.shape[0]):
        kind: Any = np.int64(kinds[i])
        k: Any = np.int64(instruments[i])
        if times[i] > until:
            return i
        if b.room[LIVE] > 0 or b.room[OUT_COUNT] > 0 or kind == STATUS:
            if b.room[OUT_COUNT] + most_rows(b, k) > b.out.shape[0]:
                b.room[R_B] = 0
                return i
        side: Any = np.int64(sides[i])
        bits: Any = np.int64(flags[i])
        go, price = readied(b, k, kind, side, prices[i], quantities[i], bits)
        if go == STUCK:
            return i
        if go == SKIPPED:
            continue
        apply(b, k, kind, side, price, quantities[i], ids[i], bits, times[i])
        if kind == STATUS or (b.room[STEPWISE] != 0 and b.room[OUT_COUNT] > 0):
            b.room[R_B] = 0
            return i + 1
    return int(events.shape[0])


@entry
def run_session(b: Book, k: int, status: int, ts: int) -> None:
    """The instructor halts or resumes an instrument."""
    session(b, k, status, ts)
    after(b, k, ts)


# --- putting a snapshot back -------------------------------------------------------------------------------------


@entry
def show_level(b: Book, k: int, s: int, price: int, lots: int) -> None:
    """Set what the feed shows at a level."""
    show(b, k, s, price - b.inst[k, BASE], lots)


@entry
def place(b: Book, slot: int, which: int, where: int) -> None:
    """Put an order at the end of its queue or waiting list, as a snapshot has it."""
    if where == AT_LEVEL:
        rest(b, slot)
    else:
        append(b, slot, which, where)


@entry
def new_slot(b: Book) -> int:
    """A free slot; 0 where ``own`` is full."""
    return take_slot(b)
