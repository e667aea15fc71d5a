"""How does a strategy meet recorded data without anybody waking Python for each row? One loop, and its requests.

Rules: it folds rows by :func:`~vtrade.execution.kernel.entries.apply` and sends orders by the same functions as the
engine, in the same order, and checks what the engine checks: what it told, and when, is what an engine tells that gets
the same frames and orders. A frame ends with each minute (on bars: moment), with ``FRAME_ROWS`` rows, and where the
strategy asked for something or was woken by the clock. It stops, so that Python can mend what is missing, before
anything of a row or a request was done, and goes on when it is called again. There is one account, number 0.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from vtrade.execution.calling import call_step, holders
from vtrade.execution.compiling import entry, inner
from vtrade.execution.kernel.arrive import arrive, sweep
from vtrade.execution.kernel.book import best_touch, drop
from vtrade.execution.kernel.entries import SKIPPED, STUCK, after, apply, most_rows, readied, take_in
from vtrade.execution.kernel.money import margin_of

# isort: off
# fmt: off
from vtrade.execution.layout import (
    ASK, AT_THE_OPEN, A_WORKING, BASE, BID, FILLED, FOK, FREE, GONE, GTD, I8, IOC, LAST, LIMIT, LIVE,
    MARK, MARKET, MID, MILLION, NONE, O_ACCOUNT, O_FILLED, O_FLAGS, O_ID, O_INST, O_LEAVES, O_LIMIT, O_QUANTITY, O_SHOWN,
    O_SIDE, O_STOP, O_TIF, O_TRAIL, O_TYPE, O_WHERE, OUT_COUNT, OWN_COLS, POST_ONLY, P_LOTS, SLOTS,
    STOP_LIMIT, STOP_MARKET, TRAILING, X_CAUSE, X_ID, X_LEAVES, X_PX, X_TS, X_WHAT, Book, new_book,
)
# fmt: on
# isort: on
from vtrade.execution.pointers import as_pointer
from vtrade.market.dtype import EVENT, MAX_PRICE_TICKS, Events

FRAME_ROWS: Final = 512
MINUTE_NS: Final = 60_000_000_000
STATUS, BAR_OPEN, BAR_HIGH, BAR_LOW, BAR_CLOSE = 12, 8, 9, 10, 11  # as in vtrade.market.dtype.Kind
PRICE_RANGE = 10
"""As in `vtrade.execution.risk`."""
MOST_ASKED = 2**40
"""Lots or ticks in a request; more is a mistake."""

# --- columns and codes -----------------------------------------------------------------------------------------------

# what the strategy sees
VIEW: Final = (
    "ts_ns", "row", "step", "instrument", "bid", "bid_size", "ask", "ask_size", "last", "open", "high", "low", "close",
    "volume", "position", "cash", "working", "fills", "next_id",
)  # fmt: skip
(V_TS, V_ROW, V_STEP, V_INSTRUMENT, V_BID, V_BID_SIZE, V_ASK, V_ASK_SIZE, V_LAST, V_OPEN, V_HIGH, V_LOW, V_CLOSE,
 V_VOLUME, V_POSITION, V_CASH, V_WORKING, V_FILLS, V_NEXT) = range(19)  # fmt: skip
VIEW_COLS = 19

# what it asks for
ASK_FIELDS: Final = ("action", "instrument", "side", "type", "quantity", "limit", "stop", "tif", "flags", "trail", "id")
(K_ACTION, K_INSTRUMENT, K_SIDE, K_TYPE, K_QUANTITY, K_LIMIT, K_STOP, K_TIF, K_FLAGS, K_TRAIL, K_ID) = range(11)
ASK_COLS = 11
SUBMIT, CANCEL, CANCEL_ALL = range(3)

# what it asked for, as it was understood: the columns above, and these
D_ROW, D_TS, D_RESULT = (
    11,
    12,
    13,
)  # D_RESULT: order id, or minus the refusal's number; of a cancel: 1 where it was done
DONE_COLS = 14

# ``sent``: slot, order id and instrument of the strategy's n-th order; and of order id n, the strategy's number
S_SLOT, S_ID, S_INSTRUMENT, S_NUMBER = range(4)

# messages on their way
F_DUE, F_WHAT, F_ID, F_NUMBER = range(4)
LANDS, CANCELS = np.int64(0), np.int64(1)

# further values of X_WHAT
WITHDRAWN, DENIED, SENT, NOT_FOUND = (np.int64(n) for n in (32, 33, 34, 35))
OFF_GRID = np.int64(100)
"""Result of an order that its own numbers refuse; smaller ones are the account's (F_ of the layout)."""
DONE_ONE = np.int64(1)

# columns of ``marks``
M_SEQ, M_TS, M_INSTRUMENT, M_PX = range(4)

# scalars of a run
(ROW, UNTIL, STEP, NOW_NS, FRAME, PERIOD_NS, BARS, EVERY, COUNTDOWN, EVERY_NS, NEXT_NS, ON_FILL, FILLS, FILLS_SEEN,
 ASK_COUNT, ASK_AT, SWEPT, NUMBER, NEXT_ORDER, ASKED, MARKED, CUT, TOLD, SEQ, FLIGHT_HEAD, FLIGHT_COUNT, DUE_NS, FEED_NS,
 WAY_NS, LUCK, LUCK_FOR, LATE, TURN, COLLAR_PPM, LIMITED, WATCHED, LONG_PPM, SHORT_PPM, UNFIT, HOME, STEP_AT, GIVEN_AT,
 STATE_AT, STATE_SIZE, ASKS_AT, VIEW_AT, STOP, STUCK_K, WAKING, UNMARKED, STOP_NS) = range(51)  # fmt: skip
RUN_COLS = 51

# why the loop returns
(DONE, WAKE, ROOM, WINDOW, LIMIT_WINDOW, LUCKLESS, MARGIN, RAISED, TOO_MANY, BAD_ASK, PAUSED) = range(11)


class Play(NamedTuple):
    """A run in progress.

    Attributes
    ----------
    book : Book
    events : (N,) array of EVENT
    r : (RUN_COLS,) int64
        Scalars.
    views : (n, VIEW_COLS) int64
        What the strategy sees of each instrument.
    asks : (m, ASK_COLS) int64
        What it asks for now.
    asked : (a, DONE_COLS) int64
        What it asked for.
    sent : (o, 4) int64
        Its orders.
    flight : (f, 4) int64
        Messages on their way, a ring; ``f`` is a power of two.
    marks : (m, 4) int64
        Prices at which positions were valued.
    cuts : (c,) int64
        Rows behind which a frame ended.
    order : (OWN_COLS,) int64
        Where an order is put together.
    most : (n,) int64
        Lots an order may ask for.
    """

    book: Book
    events: Events
    r: I8
    views: I8
    asks: I8
    asked: I8
    sent: I8
    flight: I8
    marks: I8
    cuts: I8
    order: I8
    most: I8


def new_play(book: Book, events: Events, *, asks: int = 64, rows: int = 1_024) -> Play:
    """A run that has not begun."""
    events = events[:]
    events.flags.writeable = False
    n = len(book.inst)

    def table(count: int, columns: int) -> I8:
        return np.zeros((count, columns), np.int64)

    return Play(
        book, events, np.zeros(RUN_COLS, np.int64), table(n, VIEW_COLS), table(asks, ASK_COLS), table(rows, DONE_COLS),
        table(rows, 4), table(64, 4), table(rows + 2 * n, 4), np.zeros(rows, np.int64), np.zeros(OWN_COLS, np.int64),
        np.full(n, MOST_ASKED, np.int64),
    )  # fmt: skip


as_pointer(Play)
keep, fetch = holders(lambda: new_play(new_book(1), np.zeros(0, EVENT)))


# --- telling ---------------------------------------------------------------------------------------------------------


@inner
def note(b: Book, what: int, ident: int, ts: int, leaves: int, cause: int) -> None:
    """Write down what the kernel itself does not tell."""
    row = b.out[b.room[OUT_COUNT]]
    b.room[OUT_COUNT] += 1
    row[:] = 0
    row[X_WHAT] = what
    row[X_ID] = ident
    row[X_TS] = ts
    row[X_LEAVES] = leaves
    row[X_CAUSE] = cause


@inner
def heard(p: Play) -> None:
    """Count what was told since the last time; an instrument without a price is valued at its first fill."""
    b, r = p.book, p.r
    for n in range(r[TOLD], b.room[OUT_COUNT]):
        r[SEQ] += 1
        row = b.out[n]
        if row[X_WHAT] == FILLED:
            r[FILLS] += 1
            if r[UNMARKED] > 0:
                k = p.sent[p.sent[row[X_ID], S_NUMBER], S_INSTRUMENT]
                if b.inst[k, MARK] == 0:
                    mark(p, k, row[X_PX], row[X_TS])
    r[TOLD] = b.room[OUT_COUNT]


@inner
def mark(p: Play, k: int, px: int, ts: int) -> None:
    """Value an instrument."""
    r = p.r
    if p.book.inst[k, MARK] == 0:
        r[UNMARKED] -= 1
    p.book.inst[k, MARK] = px
    row = p.marks[r[MARKED]]
    row[M_SEQ] = r[SEQ] + 1
    row[M_TS] = ts
    row[M_INSTRUMENT] = k
    row[M_PX] = px
    r[MARKED] += 1
    if r[WAKING] == 0:  # one fact tells all that a frame moved
        r[SEQ] += 1


@inner
def end_frame(p: Play, ts: int) -> None:
    """Value everything at the end of a frame."""
    b, r = p.book, p.r
    before = r[MARKED]
    r[WAKING] = 1
    for k in range(b.inst.shape[0]):
        inst = b.inst[k]
        px = inst[LAST]
        if px == 0:
            px = inst[MID]
        if px == 0:
            px = inst[MARK]
        if px != inst[MARK]:
            mark(p, k, px, ts)
    r[WAKING] = 0
    if r[MARKED] > before:
        r[SEQ] += 1
    p.cuts[r[CUT]] = r[ROW]
    r[CUT] += 1
    r[FRAME] = r[ROW]


@inner
def called(p: Play) -> bool:
    """Whether the account's margin is below what its positions ask for."""
    r = p.r
    if r[WATCHED] == 0:
        return False
    short = False
    for k in range(p.book.pos.shape[1]):
        short = short or p.book.pos[0, k, P_LOTS] < 0
    for c in range(p.book.cash.shape[1]):
        short = short or p.book.cash[0, c] < 0
    if not short:
        return False  # who owes nothing is not called
    equity, needed = margin_of(p.book, 0, r[LONG_PPM], r[SHORT_PPM], 0)
    return bool(equity < needed)


@inner
def look(p: Play, k: int, ts: int) -> None:
    """Show the strategy an instrument."""
    b, r = p.book, p.r
    view = p.views[k]
    view[V_TS] = ts
    view[V_ROW] = r[ROW] - 1
    view[V_STEP] = r[STEP]
    view[V_INSTRUMENT] = k
    bid, bid_size = best_touch(b, k, BID)
    ask, ask_size = best_touch(b, k, ASK)
    view[V_BID] = bid
    view[V_BID_SIZE] = bid_size
    view[V_ASK] = ask
    view[V_ASK_SIZE] = ask_size
    view[V_LAST] = b.inst[k, LAST]
    view[V_POSITION] = b.pos[0, k, P_LOTS]
    view[V_CASH] = b.cash[0, r[HOME]]
    view[V_WORKING] = b.acct[0, A_WORKING]
    view[V_FILLS] = r[FILLS]
    view[V_NEXT] = r[NUMBER] + 1


# --- requests --------------------------------------------------------------------------------------------------------


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
    limited = kind == LIMIT or kind == STOP_LIMIT
    stopped = kind == STOP_MARKET or kind == STOP_LIMIT
    if (limited and ask[K_LIMIT] < 1) or (stopped and ask[K_STOP] < 1) or (kind == TRAILING and ask[K_TRAIL] < 1):
        return True
    if ask[K_FLAGS] & POST_ONLY and (kind != LIMIT or tif == IOC or tif == FOK):
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
    limit = ask[K_LIMIT] if kind == LIMIT or kind == STOP_LIMIT else 0
    stop = ask[K_STOP] if kind == STOP_MARKET or kind == STOP_LIMIT else 0
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
    code = take_in(b, o, worst, measured, now, np.int64(due > now))
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
    if r[LUCK] != 0 and r[LUCK_FOR] != r[SEQ]:
        r[STUCK_K] = r[SEQ]
        return LUCKLESS
    due = arrival(p, now)
    result: int = 1
    if due <= now:
        result = cancel_now(p, number, now)
    elif slot_of(p, number) == 0:
        note(p.book, NOT_FOUND, -number, now, NONE, NONE)
        result = 0
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


# --- the loop --------------------------------------------------------------------------------------------------------


@inner
def ask_step(p: Play, k: int) -> int:
    """Let a compiled strategy decide; returns why the run has to stop, 0 where it goes on."""
    r = p.r
    status, count = call_step(
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
            why = before_row(p, ts, np.int64(instruments[max(i - 1, 0)]))
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
