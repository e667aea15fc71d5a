"""What becomes of what a strategy asks for?

Rules: as `vtrade.execution.engine` does it, with the same numbers for the same refusals, in the same order. Nothing of
a request is done before all of it can be.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vtrade.execution.compiling import inner
from vtrade.execution.kernel.arrive import arrive, sweep
from vtrade.execution.kernel.book import best_touch, drop
from vtrade.execution.kernel.entries import after, most_rows, take_in

# isort: off
# fmt: off
from vtrade.execution.kernel.play import (
    OFF_GRID, ASKED, ASK_AT, ASK_COLS, ASK_COUNT, BAD_ASK, CANCEL, CANCELS, CANCEL_ALL, COLLAR_PPM, CUT, DENIED, DUE_NS,
    D_RESULT, D_ROW, D_TS, FEED_NS, FLIGHT_COUNT, FLIGHT_HEAD, FRAME, F_DUE, F_ID, F_NUMBER, F_WHAT, K_ACTION,
    K_FLAGS, K_ID, K_INSTRUMENT, K_LIMIT, K_QUANTITY, K_SIDE, K_STOP, K_TIF, K_TRAIL, K_TYPE, LANDS, LATE, LIMITED,
    LIMIT_WINDOW, LUCK, LUCKLESS, LUCK_FOR, MARGIN, MARKED, MOST_ASKED, NEXT_ORDER, NOT_FOUND, NOW_NS, NUMBER,
    PRICE_RANGE, Play, ROOM, ROW, SENT, STUCK_K, SUBMIT, SWEPT, S_ID, S_INSTRUMENT, S_NUMBER, S_SLOT, UNFIT,
    WAY_NS, WITHDRAWN, called, end_frame, heard, note,
)
# fmt: on
# isort: on
# isort: off
# fmt: off
from vtrade.execution.layout import (
    AT_THE_OPEN, A_WORKING, BASE, Book, FOK, FREE, GONE, GTD, IOC, LAST, LIMIT, MARKET, MILLION, NONE, OUT_COUNT,
    O_ACCOUNT, O_FILLED, O_FLAGS, O_ID, O_INST, O_LEAVES, O_LIMIT, O_QUANTITY, O_SHOWN, O_SIDE, O_STOP, O_TIF,
    O_TRAIL, O_TYPE, O_WHERE, POST_ONLY, SLOTS, STOP_LIMIT, STOP_MARKET, TRAILING,
)
# fmt: on
# isort: on
from vtrade.market.dtype import MAX_PRICE_TICKS


@inner
def slot_of(p: Play, number: int) -> int:
    """Where the strategy's order with this number works, 0 where it does not."""
    if number < 1 or number > p.r[NUMBER]:
        return 0
    slot, ident = p.sent[number, S_SLOT], p.sent[number, S_ID]
    if ident == 0 or p.book.own[slot, O_ID] != ident or p.book.own[slot, O_WHERE] == GONE:
        return 0
    return int(slot)


@inner
def roomy(p: Play, k: int) -> bool:
    """Whether all that a request or a landing can cause may be told."""
    b, r = p.book, p.r
    rows = most_rows(b, k) + 2
    return bool(
        b.room[OUT_COUNT] + rows <= b.out.shape[0]
        and (b.room[FREE] != 0 or b.room[SLOTS] < b.own.shape[0])
        and r[ASKED] + 1 < p.asked.shape[0]
        and r[NUMBER] + 2 < p.sent.shape[0]
        and r[NEXT_ORDER] + 2 < p.sent.shape[0]
        and r[FLIGHT_COUNT] < p.flight.shape[0]
        and r[MARKED] + 2 * b.inst.shape[0] + 2 <= p.marks.shape[0]
        and r[CUT] + 2 <= p.cuts.shape[0]
    )


@inner
def arrival(p: Play, now: int) -> int:
    """When a message that is sent now arrives; messages never overtake each other."""
    r = p.r
    if r[LATE] == 0:
        return now
    due: int = now + r[FEED_NS] + r[WAY_NS]
    if due <= r[DUE_NS]:  # behind what is on its way
        due = max(r[DUE_NS], now + 1)
    if due > now:
        r[DUE_NS] = due
    return due


@inner
def send(p: Play, due: int, what: int, ident: int, number: int) -> None:
    """Put a message on its way."""
    r = p.r
    row = p.flight[(r[FLIGHT_HEAD] + r[FLIGHT_COUNT]) & (p.flight.shape[0] - 1)]
    row[F_DUE] = due
    row[F_WHAT] = what
    row[F_ID] = ident
    row[F_NUMBER] = number
    r[FLIGHT_COUNT] += 1


@inner
def log(p: Play, ask: Any, number: int, now: int, result: int) -> None:
    """Write down a request and what became of it."""
    row = p.asked[p.r[ASKED]]
    for c in range(ASK_COLS):
        row[c] = ask[c]
    row[K_ID] = number
    row[D_ROW] = p.r[ROW]
    row[D_TS] = now
    row[D_RESULT] = result
    p.r[ASKED] += 1


@inner
def collar(p: Play, side: int, price: int) -> int:
    """Worst price of a buy without a limit; 0 for none."""
    if p.r[LIMITED] == 0 or side < 0 or price == 0:
        return 0
    over = price * p.r[COLLAR_PPM]
    whole = over // MILLION
    if whole * MILLION < over:
        whole += 1
    return int(price + whole)


@inner
def denied(p: Play, ask: Any, reference: int) -> bool:
    """Whether an order is refused for its numbers, before the account is asked."""
    kind, tif = ask[K_TYPE], ask[K_TIF]
    if ask[K_QUANTITY] < 1 or ask[K_QUANTITY] > p.most[ask[K_INSTRUMENT]]:
        return True
    limited, stopped = kind in (LIMIT, STOP_LIMIT), kind in (STOP_MARKET, STOP_LIMIT)
    if (limited and ask[K_LIMIT] < 1) or (stopped and ask[K_STOP] < 1) or (kind == TRAILING and ask[K_TRAIL] < 1):
        return True
    if ask[K_FLAGS] & POST_ONLY and (kind != LIMIT or tif in (IOC, FOK)):
        return True
    if tif == GTD or (tif >= AT_THE_OPEN and (kind > LIMIT or ask[K_FLAGS] & POST_ONLY)):
        return True
    for price, given in ((ask[K_LIMIT], limited), (ask[K_STOP], stopped)):
        if given and price > MAX_PRICE_TICKS:
            return True
        if given and reference > 0 and not reference <= price * PRICE_RANGE <= reference * PRICE_RANGE * PRICE_RANGE:
            return True
    return bool(p.r[LIMITED] != 0 and reference == 0 and not limited and not stopped)


@inner
def refuse(p: Play, ask: Any, number: int, now: int, code: int) -> None:
    """The order goes nowhere."""
    p.r[NUMBER] = number
    for c in range(3):
        p.sent[number, c] = 0
    log(p, ask, number, now, -code)
    note(p.book, DENIED, -number, now, ask[K_QUANTITY], code)


@inner
def submitted(p: Play, ask: Any, now: int) -> int:
    """Send an order; returns why it cannot be decided yet, 0 where it was."""
    b, r = p.book, p.r
    k, kind = ask[K_INSTRUMENT], ask[K_TYPE]
    side: int = 1 if ask[K_SIDE] > 0 else -1
    s = 0 if side > 0 else 1
    number = r[NUMBER] + 1
    reference = best_touch(b, k, 1 - s)[0]
    if reference == 0:
        reference = b.inst[k, LAST]
    if denied(p, ask, reference):
        refuse(p, ask, number, now, OFF_GRID)
        return 0
    limit = ask[K_LIMIT] if kind in (LIMIT, STOP_LIMIT) else 0
    stop = ask[K_STOP] if kind in (STOP_MARKET, STOP_LIMIT) else 0
    if limit > 0 and (limit < b.inst[k, BASE] or limit >= b.inst[k, BASE] + b.level.shape[2]):
        if r[UNFIT] != limit:
            r[STUCK_K] = limit
            return LIMIT_WINDOW
        r[UNFIT] = 0
        refuse(p, ask, number, now, OFF_GRID)
        return 0
    if r[LUCK] != 0 and r[LUCK_FOR] != r[NEXT_ORDER]:
        r[STUCK_K] = r[NEXT_ORDER]
        return LUCKLESS
    worst = limit
    if limit == 0:
        basis = reference
        starts = stop
        if kind == TRAILING and reference > 0:
            starts = max(1, reference + side * ask[K_TRAIL])
        if starts > 0:
            basis = max(starts, reference) if side > 0 else starts
        worst = collar(p, side, basis)
    o = p.order
    o[:] = 0
    o[O_LEAVES] = ask[K_QUANTITY]
    o[O_SHOWN] = ask[K_QUANTITY]
    o[O_QUANTITY] = ask[K_QUANTITY]
    o[O_LIMIT] = limit
    if kind == MARKET:
        o[O_LIMIT] = worst
    o[O_SIDE] = s
    o[O_INST] = k
    o[O_ID] = r[NEXT_ORDER]
    o[O_TYPE] = kind
    o[O_TIF] = ask[K_TIF]
    o[O_STOP] = stop
    o[O_FLAGS] = ask[K_FLAGS] & 3
    o[O_TRAIL] = ask[K_TRAIL] if kind == TRAILING else 0
    due = arrival(p, now)
    measured = reference
    if measured == 0:
        measured = limit
    if measured == 0:
        measured = stop
    flies: Any = np.int64(due > now)
    code = take_in(b, o, worst, measured, now, flies)
    if code > 0:
        refuse(p, ask, number, now, code)
        return 0
    ident = r[NEXT_ORDER]
    r[NEXT_ORDER] += 1
    r[NUMBER] = number
    row = p.sent[number]
    row[S_SLOT] = -code
    row[S_ID] = ident
    row[S_INSTRUMENT] = k
    p.sent[ident, S_NUMBER] = number
    log(p, ask, number, now, ident)
    if due > now:
        send(p, due, LANDS, ident, number)
        note(b, SENT, ident, now, ask[K_QUANTITY], NONE)
    return 0


@inner
def cancel_now(p: Play, number: int, now: int) -> int:
    """A cancel arrives; 1 where there was something to cancel."""
    b = p.book
    slot = slot_of(p, number)
    if slot == 0:
        note(b, NOT_FOUND, -number, now, NONE, NONE)
        return 0
    o = b.own[slot]
    note(b, WITHDRAWN, o[O_ID], now, o[O_QUANTITY] - o[O_FILLED], NONE)
    drop(b, slot)
    sweep(b, now)
    return 1


@inner
def canceled(p: Play, ask: Any, number: int, now: int) -> int:
    """Ask for a cancel; returns why that cannot be decided yet, 0 where it was."""
    r = p.r
    slot = slot_of(p, number)
    result: int = 1
    if slot == 0:
        note(p.book, NOT_FOUND, -number, now, NONE, NONE)
        result = 0
    else:
        ident = p.book.own[slot, O_ID]
        if r[LUCK] != 0 and r[LUCK_FOR] != ident:
            r[STUCK_K] = ident
            return LUCKLESS
        due = arrival(p, now)
        if due <= now:
            result = cancel_now(p, number, now)
        else:
            send(p, due, CANCELS, NONE, number)
    log(p, ask, number, now, result)
    return 0


@inner
def requested(p: Play, now: int) -> int:
    """Do what the strategy asked for; returns why it has to wait, 0 where all is done."""
    b, r = p.book, p.r
    if not roomy(p, NONE):
        return ROOM
    if r[FRAME] < r[ROW]:
        end_frame(p, p.events[r[ROW] - 1]["ts_ns"])
        if called(p):
            return MARGIN
    while r[ASK_AT] < r[ASK_COUNT]:
        ask = p.asks[r[ASK_AT]]
        action, k = ask[K_ACTION], ask[K_INSTRUMENT]
        if action < 0 or action > CANCEL_ALL or k < 0 or k >= b.inst.shape[0]:
            return BAD_ASK
        if not roomy(p, k):
            return ROOM
        why: int = 0
        if action == SUBMIT:
            fine = abs(ask[K_SIDE]) == 1 and 0 <= ask[K_TYPE] <= TRAILING and 0 <= ask[K_TIF] <= AT_THE_OPEN + 1
            for c in (K_QUANTITY, K_LIMIT, K_STOP, K_TRAIL):
                fine = fine and abs(ask[c]) <= MOST_ASKED
            if not fine:
                return BAD_ASK
            why = submitted(p, ask, now)
        elif action == CANCEL:
            why = canceled(p, ask, ask[K_ID], now)
        else:
            next_id = following(b, r[SWEPT])
            if next_id > 0:
                why = canceled(p, ask, p.sent[next_id, S_NUMBER], now)
                if why == 0:
                    r[SWEPT] = next_id
                    heard(p)
                    continue
            else:
                r[SWEPT] = 0
        if why != 0:
            return why
        heard(p)
        r[ASK_AT] += 1
    r[ASK_AT] = 0
    r[ASK_COUNT] = 0
    return 0


@inner
def following(b: Book, last: int) -> int:
    """The oldest working order of the account that is younger than ``last``; 0 for none."""
    best = 0
    if b.acct[0, A_WORKING] == 0:
        return 0
    for slot in range(1, b.room[SLOTS]):
        o = b.own[slot]
        if o[O_WHERE] != GONE and o[O_ACCOUNT] == 0 and o[O_ID] > last and (best == 0 or o[O_ID] < best):
            best = o[O_ID]
    return int(best)


@inner
def landed(p: Play) -> int:
    """The next message arrives; returns why it has to wait, 0 where it was done."""
    b, r = p.book, p.r
    row = p.flight[r[FLIGHT_HEAD]]
    number = row[F_NUMBER]
    k = p.sent[number, S_INSTRUMENT]
    if not roomy(p, k):
        return ROOM
    ts = max(r[NOW_NS], row[F_DUE])
    r[NOW_NS] = ts
    if row[F_WHAT] == LANDS:
        slot = slot_of(p, number)
        if slot != 0:
            b.own[slot, O_WHERE] = GONE
            arrive(b, slot, ts)
            after(b, k, ts)
    else:
        cancel_now(p, number, ts)
    heard(p)
    r[FLIGHT_HEAD] = (r[FLIGHT_HEAD] + 1) & (p.flight.shape[0] - 1)
    r[FLIGHT_COUNT] -= 1
    return 0
