"""What does a run of a strategy on recorded data consist of, and what is written down of it?

Rules: arrays and column numbers, as in `vtrade.execution.layout`. The loop is in `vtrade.execution.kernel.strategy`,
what it does with requests in `vtrade.execution.kernel.requests`.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from vtrade.execution.calling import holders
from vtrade.execution.compiling import inner
from vtrade.execution.kernel.book import best_touch
from vtrade.execution.kernel.money import margin_of

# isort: off
# fmt: off
from vtrade.execution.layout import (
    ASK, A_WORKING, BID, Book, FILLED, I8, LAST, MARK, MID, OUT_COUNT, OWN_COLS, P_LOTS, X_CAUSE, X_ID, X_LEAVES,
    X_PX, X_TS, X_WHAT, new_book,
)
# fmt: on
# isort: on
from vtrade.execution.pointers import as_pointer
from vtrade.market.dtype import EVENT, Events

FRAME_ROWS: Final = 512
MINUTE_NS: Final = 60_000_000_000
STATUS, BAR_OPEN, BAR_HIGH, BAR_LOW, BAR_CLOSE = 12, 8, 9, 10, 11  # as in vtrade.market.dtype.Kind
PRICE_RANGE = 10
"""As in `vtrade.execution.risk`."""
MOST_ASKED = 2**40
"""Lots or ticks in a request; more is a mistake."""


def _numbers(*values: int) -> tuple[Any, ...]:
    return tuple(np.int64(v) for v in values)


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
LANDS, CANCELS = _numbers(0, 1)

# further values of X_WHAT
WITHDRAWN, DENIED, SENT, NOT_FOUND = _numbers(32, 33, 34, 35)
(OFF_GRID,) = _numbers(100)
"""Result of an order that its own numbers refuse; smaller ones are the account's (F_ of the layout)."""

# columns of ``marks``
M_SEQ, M_TS, M_INSTRUMENT, M_PX = range(4)

# scalars of a run
(ROW, UNTIL, STEP, NOW_NS, FRAME, PERIOD_NS, BARS, EVERY, COUNTDOWN, EVERY_NS, NEXT_NS, ON_FILL, FILLS,
 FILLS_SEEN, ASK_COUNT, ASK_AT, SWEPT, NUMBER, NEXT_ORDER, ASKED, MARKED, CUT, TOLD, SEQ, FLIGHT_HEAD,
 FLIGHT_COUNT, DUE_NS, FEED_NS, WAY_NS, LUCK, LUCK_FOR, LATE, TURN, COLLAR_PPM, LIMITED, WATCHED, LONG_PPM,
 SHORT_PPM, UNFIT, HOME, STEP_AT, GIVEN_AT, STATE_AT, STATE_SIZE, ASKS_AT, VIEW_AT, STOP, STUCK_K, WAKING,
 UNMARKED, STOP_NS) = range(51)  # fmt: skip
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
