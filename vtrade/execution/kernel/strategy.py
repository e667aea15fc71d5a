"""How does a strategy meet recorded data without anybody waking Python for each row? One loop, and its requests.

Rules: it folds rows by :func:`~vtrade.execution.kernel.entries.apply` and sends orders by the same functions as the
engine, in the same order, and checks what the engine checks: what it told, and when, is what an engine tells that gets
the same frames and orders. A frame ends with each minute (on bars: moment), with ``FRAME_ROWS`` rows, and where the
strategy asked for something or was woken by the clock. It stops, so that Python can mend what is missing, before
anything of a row or a request was done, and goes on when it is called again. There is one account, number 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vtrade.execution.calling import call_step
from vtrade.execution.compiling import entry, inner
from vtrade.execution.kernel.entries import SKIPPED, STUCK, apply, most_rows, readied

# isort: off
# fmt: off
from vtrade.execution.kernel.play import (
    ASKS_AT, ASK_COUNT, BARS, BAR_CLOSE, BAR_OPEN, COUNTDOWN, CUT, DONE, EVERY, EVERY_NS, FILLS, FILLS_SEEN,
    FLIGHT_COUNT, FLIGHT_HEAD, FRAME, FRAME_ROWS, F_DUE, GIVEN_AT, MARGIN, MARKED, MINUTE_NS, NEXT_NS, NOW_NS,
    ON_FILL, PAUSED, PERIOD_NS, Play, RAISED, ROOM, ROW, STATE_AT, STATE_SIZE, STATUS, STEP, STEP_AT, STOP, STOP_NS,
    STUCK_K, TOLD, TOO_MANY, TURN, UNTIL, VIEW_AT, VIEW_COLS, V_OPEN, V_VOLUME, WAKE, WINDOW, called, end_frame,
    fetch, heard, keep, look,
)
# fmt: on
# isort: on
from vtrade.execution.kernel.requests import landed, requested, roomy

# isort: off
# fmt: off
from vtrade.execution.layout import (
    LIVE, OUT_COUNT,
)
# fmt: on
# isort: on


@inner
def ask_step(p: Play, k: int) -> int:
    """Let a compiled strategy decide; returns why the run has to stop, 0 where it goes on."""
    r = p.r
    call: Any = call_step
    status, count = call(
        r[STEP_AT], r[VIEW_AT] + 8 * VIEW_COLS * k, r[GIVEN_AT], r[STATE_AT], r[STATE_SIZE], r[ASKS_AT], p.asks.shape[0]
    )
    if status != 0:
        return RAISED
    if count < 0 or count > p.asks.shape[0]:
        r[STUCK_K] = count
        return TOO_MANY
    r[ASK_COUNT] = count
    return 0


@inner
def waking(p: Play, k: int, now: int) -> int:
    """It is the strategy's turn; returns why the loop has to stop, 0 where it goes on."""
    r = p.r
    now = max(now, r[NOW_NS])
    r[NOW_NS] = now
    look(p, k, now)
    if r[STEP_AT] == 0:
        return WAKE
    why = ask_step(p, k)
    if why == 0 and r[ASK_COUNT] > 0:
        why = requested(p, now)
    return why


@inner
def before_row(p: Play, ts: int, k: int) -> int:
    """What is due before a row: messages that arrive, and the clock; returns why the loop has to stop."""
    r = p.r
    while True:
        late = r[FLIGHT_COUNT] > 0 and p.flight[r[FLIGHT_HEAD], F_DUE] < ts
        rings = r[EVERY_NS] > 0 and r[NEXT_NS] < ts
        if rings and r[FRAME] < r[ROW]:
            if not roomy(p, k):
                return ROOM
            end_frame(p, p.events[r[ROW] - 1]["ts_ns"])
            if called(p):
                return MARGIN
        if late and (not rings or p.flight[r[FLIGHT_HEAD], F_DUE] < r[NEXT_NS]):
            why = landed(p)
            if why != 0:
                return why
        elif rings:
            now = r[NEXT_NS]
            r[NEXT_NS] = -(-ts // r[EVERY_NS]) * r[EVERY_NS]
            r[STEP] += 1
            for other in range(p.book.inst.shape[0]):
                if other != k:
                    look(p, other, now)
            why = waking(p, k, now)
            if why != 0:
                return why
        else:
            return 0


@inner
def advance(p: Play) -> int:
    """Fold rows until the strategy is awake or something is missing; returns why."""
    b, r, events = p.book, p.r, p.events
    kinds, sides, instruments, flags = events["kind"], events["side"], events["instrument"], events["flags"]
    prices, quantities, ids, times = events["price"], events["quantity"], events["order_id"], events["ts_ns"]
    if r[ASK_COUNT] > 0:
        why = requested(p, r[NOW_NS])
        if why != 0:
            return why
    rows = events.shape[0]
    n = b.inst.shape[0]
    clock, on_fill, bars, stop = r[EVERY_NS] > 0, r[ON_FILL] != 0, r[BARS] != 0, r[STOP]
    marks_most, cuts_most, out_most = p.marks.shape[0] - 2 * n - 2, p.cuts.shape[0] - 2, b.out.shape[0]
    for i in range(r[ROW], r[UNTIL]):
        ts: Any = times[i]
        kind: Any = np.int64(kinds[i])
        k: Any = np.int64(instruments[i])
        if r[FLIGHT_COUNT] > 0 or (clock and r[NEXT_NS] < ts):
            before: Any = np.int64(instruments[max(i - 1, 0)])
            why = before_row(p, ts, before)
            if why != 0:
                return why
        if b.room[LIVE] > 0 or kind == STATUS:
            if b.room[OUT_COUNT] + most_rows(b, k) > out_most:
                return ROOM
        if r[MARKED] > marks_most or r[CUT] > cuts_most:
            return ROOM
        bits: Any = np.int64(flags[i])
        side: Any = np.int64(sides[i])
        go, price = readied(b, k, kind, side, prices[i], quantities[i], bits)
        if go == STUCK:
            return WINDOW
        if go != SKIPPED:
            apply(b, k, kind, side, price, quantities[i], ids[i], bits, ts)
        r[ROW] = i + 1
        r[NOW_NS] = ts
        if b.room[OUT_COUNT] > r[TOLD]:
            heard(p)
        last = i + 1 == rows
        after_ns: int = ts if last else times[i + 1]
        if BAR_OPEN <= kind <= BAR_CLOSE:
            view = p.views[k]
            view[V_OPEN + kind - BAR_OPEN] = price
            if kind == BAR_OPEN:
                view[V_VOLUME] = quantities[i]
            turn = kind == BAR_CLOSE
        else:
            turn = last or after_ns != ts or instruments[i + 1] != k
        period = after_ns != ts if bars else after_ns >= r[PERIOD_NS]
        if period or last or i + 1 == stop or i + 1 - r[FRAME] >= FRAME_ROWS:
            end_frame(p, ts)
            if not bars:
                r[PERIOD_NS] = (after_ns // MINUTE_NS + 1) * MINUTE_NS
            if called(p):
                r[TURN] = turn
                return MARGIN
        if turn:
            filled = on_fill and r[FILLS] > r[FILLS_SEEN]
            if not clock:
                r[STEP] += 1
                r[COUNTDOWN] -= 1
                if r[COUNTDOWN] == 0:
                    r[COUNTDOWN] = r[EVERY]
                    filled = True
            elif filled:
                r[STEP] += 1
            if filled:
                r[FILLS_SEEN] = r[FILLS]
                why = waking(p, k, ts)
                if why != 0:
                    return why
    if r[ROW] == r[STOP] and r[FRAME] < r[ROW]:
        end_frame(p, r[NOW_NS])  # the run is cut short here
    while r[ROW] == r[STOP] and r[FLIGHT_COUNT] > 0 and p.flight[r[FLIGHT_HEAD], F_DUE] < r[STOP_NS]:
        why = landed(p)
        if why != 0:
            return why
    return DONE if r[ROW] == rows else PAUSED


@entry
def begin(p: Play, address: int) -> int:
    """Keep a run at an address, for :func:`again`; returns the bytes that takes."""
    return keep(p, address)  # type: ignore[no-any-return]


@entry
def again(address: int) -> int:
    """Go on with the run that is kept at an address; returns why it stopped."""
    return advance(fetch(address))
