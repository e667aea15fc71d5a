"""How does the matching kernel lay out its state in memory?

Rules: plain arrays and integer column numbers only, so that the same source runs compiled and interpreted. Levels are
dense: index = price in ticks - ``BASE`` of the instrument, in a window that :func:`fit` moves and widens. Bids are side
0 and asks side 1. Slot 0 of the orders means "none". Where something stands in memory (windows, slots, room left over)
is no state: two books that differ only there mean the same.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

I8 = NDArray[np.int64]
F8 = NDArray[np.float64]


class Book(NamedTuple):
    """All state of the matching kernel for one room.

    Attributes
    ----------
    level : (n, 2, W, LEVEL_COLS) int64
        Each price of each side: what the feed shows and what participants took and rest there.
    inst : (n, INST_COLS) int64
        Scalars of each instrument.
    terms : (n, TERM_COLS) int64
        What an instrument is worth and what trading it costs; constant.
    drift : (n,) float64
        Ticks by which participants' own trades have moved the price, at the time in ``DRIFT_NS``.
    feed : (ids, 2) int64
        L3 order ids of the feed: arrival number and lots; of an agent's order its slot and 0.
    own : (slots, OWN_COLS) int64
        Live orders: participants' and, in exchange rooms, agents'.
    acct : (a, ACCT_COLS) int64
        Participants' accounts.
    cash : (a, currencies) int64
        Their money, micro-units of each currency.
    pos : (a, n, POS_COLS) int64
        What they hold and have asked for, lots.
    rings : (slots, RING_ROWS, 2) int64
        The single orders that are inferred to stand before each order, see `vtrade.execution.queues`; one slot where
        the room's queue model is another.
    rates : (currencies,) int64
        Micro-units of the room's first currency for one unit of each.
    out : (m, OUT_COLS) int64
        What happened, in order, since the last drain.
    room : (ROOM_COLS,) int64
        Scalars of the room.
    """

    level: I8
    inst: I8
    terms: I8
    drift: F8
    feed: I8
    own: I8
    acct: I8
    cash: I8
    pos: I8
    rings: I8
    rates: I8
    out: I8
    room: I8


# Numba gives a literal integer argument a type of its own and compiles a copy of the function for it; a NumPy integer
# has one type. So every constant that travels as an argument is made here.


def _numbers(*values: int) -> tuple[Any, ...]:
    return tuple(np.int64(v) for v in values)


BID, ASK = _numbers(0, 1)
NONE, UNKNOWN = _numbers(0, -1)
AGENT = -1
"""Account of an agent's order."""
ENDED = -1
"""Parent of an order whose parent is out of the market."""

# columns of ``level``
QTY, TAKEN, HEAD, TAIL, LOTS, DARK, STAMP, PRINTED = range(8)
LEVEL_COLS = 8

# columns of ``inst``; those that end in a comment have one column per side
BASE = 0
BEST = 1  # and 2
LEVELS = 3  # and 4
OWN_BEST = 5  # and 6
OWN_LEVELS = 7  # and 8
LAST, STATE, BAR_NO, BAR_LEFT, BAR_PX, HAS_IDS, OWN_COUNT, STOPS, PRINTS = range(9, 18)
LISTS = 18  # to 29: head and tail of each waiting list
MARKET_LIST, STOP_LIST, HELD_LIST, OPEN_LIST, CLOSE_LIST = _numbers(0, 2, 3, 4, 5)
LIST_COUNT = 6
MID = 30  # while nothing has printed: the last mid of a feed that showed both sides
MARK, LOW_BAND, HIGH_BAND, DRIFT_NS, VOLUME = range(31, 36)  # VOLUME: lots printed
BEYOND_LOTS = 36  # and 37: lots taken beyond the visible book since it was restated
SHORTED = 38  # lots that all participants together have borrowed
TURNOVER = 39  # ticks x lots printed
FRESH = 40  # whether a session has opened and not traded yet
INST_COLS = 42

# columns of ``terms``
T_TICK_VALUE, T_LOT, T_UNIT, T_NOTIONAL, T_CONTRACT, T_MAKER, T_TAKER, T_MINIMUM, T_CAP = range(9)
T_CURRENCY, T_BORROWABLE, T_TIER_COUNT = 9, 10, 11
T_TIERS = 12  # triples: notional, maker, taker
TERM_COLS = 12 + 3 * 8

# columns of ``own``: what matching touches comes first. O_MARK counts the lots that a parent's fills brought to life,
# O_PENDING says why the kernel itself changed O_LEAVES and has not told yet.
O_LEAVES, O_SHOWN, O_NEXT, O_PREV, O_LIMIT, O_SIDE, O_INST, O_ACCOUNT = range(8)
O_ID, O_TYPE, O_TIF, O_STOP, O_AHEAD, O_ARRIVAL, O_WHERE, O_BAR = range(8, 16)
O_WAIT, O_WORST, O_DISPLAY, O_FLAGS, O_TRAIL, O_TRAIL_PPM, O_QUANTITY, O_FILLED = range(16, 24)
O_NOTIONAL, O_FEE, O_RESERVED, O_GROUP, O_PARENT, O_FAMILY, O_PENDING, O_MARK = range(24, 32)
O_RAW = 32  # fees without minimum and cap
OWN_COLS = 40

# values of O_TYPE, O_TIF, O_WHERE
MARKET, LIMIT, STOP_MARKET, STOP_LIMIT, TRAILING = range(5)
DAY, GTC, IOC, FOK, GTD, AT_THE_OPEN, AT_THE_CLOSE = range(7)
GONE, AT_LEVEL, IN_MARKET, IN_STOPS, IN_HELD, IN_OPEN, IN_CLOSE, IN_FLIGHT, IN_PARENT = _numbers(*range(9))

# bits of O_FLAGS
POST_ONLY, REDUCE_ONLY = 1, 2

RING_ROWS = 17

# columns of ``acct``
A_RESERVED, A_WORKING, A_ENABLED, A_CONCENTRATION, A_NOTIONAL_MAX, A_WORKING_MAX, A_SHORT = range(7)
A_INITIAL, A_SHORT_MARGIN, A_TRADED, A_CURRENCY, A_UNSETTLED = range(7, 12)
ACCT_COLS = 12

# columns of ``pos``
P_LOTS, P_BUYING, P_SELLING, P_REDUCING = range(4)
POS_COLS = 4

# columns of ``out``
X_WHAT, X_ID, X_TS, X_PX, X_QTY, X_LEAVES, X_CAUSE, X_TAKER = range(8)
X_BID, X_ASK, X_EV_PX, X_EV_QTY, X_CONTRA, X_FEE, X_IMPACT, X_QUANTITY = range(8, 16)
OUT_COLS = 16
# of an ACCEPTED row
X_BID_SIZE, X_ASK_SIZE, X_AHEAD, X_WAIT = X_EV_PX, X_EV_QTY, X_CONTRA, X_FEE

# values of X_WHAT
FILLED, TRIGGERED, CANCELED, EXPIRED, SESSION, ACCEPTED, REJECTED, RESIZED, AUCTION = _numbers(*range(1, 10))

# values of X_TAKER
MAKES, TAKES = _numbers(0, 1)

# values of X_CAUSE of a fill
DEPTH, QUEUE, THROUGH, CROSS, PEER, AT_OPEN, IN_RANGE, AT_CLOSE, HIDDEN, BEYOND, CALL = _numbers(*range(1, 12))
CAUSES: Final = ("", "depth", "queue", "through", "cross", "peer", "bar_open", "bar_range", "bar_close", "hidden",
                 "beyond", "auction")  # fmt: skip

# why an order waits, and why the kernel ended or changed it; the engine maps them to `Reason`
W_NONE, W_QUEUE, W_PRICE, W_TRIGGER, W_DEPTH, W_BAR, W_OPEN, W_RESUME, W_AUCTION, W_PARENT, W_FLIGHT = range(11)
C_IOC, C_FOK, C_SELF, C_POST, C_CLOSED, C_HALTED, C_GROUP, C_PARENT, C_REDUCE, C_BEYOND, C_AUCTION = _numbers(
    *range(1, 12)
)

# why the kernel's risk check refuses an order
F_WORKING, F_NOTIONAL, F_SHORT, F_POWER, F_CONCENTRATION, F_COUNT, F_LOCATE, F_REDUCE = range(1, 9)

# columns of ``room``
OUT_COUNT, ARRIVALS, LIVE, SHARE_PPM, FREE, SLOTS, SWEEP = range(7)
QUEUE_MODEL, QUEUE_POWER, BEYOND_RULE, HIDDEN_PPM, RESILIENCE_NS, IMPACT_PPM, IMPACT_NS = range(8, 15)
R_A, R_B = 15, 16  # numbers that a refusal names
ICEBERGS = 17
STEPWISE = 18  # whether each row that told anything ends a run, because money moves after fills
ROOM_COLS = 20

BEYOND_RESTS, BEYOND_CANCELS, BEYOND_ROOT = range(3)
RISK_AVERSE, POWER, LOG, INFERRED = range(4)

# values of STATE (0: the feed never said, taken as open), and of a status row
S_OPEN, S_CLOSED, S_HALTED, S_AUCTION = _numbers(1, 2, 3, 5)
RESUMED = 4

# whether a bar's price jumped to a point or walked there
WALKED, JUMPED = _numbers(0, 1)

MILLION = 1_000_000
EXCHANGE = 2
"""Value of HAS_IDS where the rows are requests of agents, matched in one book with the participants."""

MOST_MONEY: Final = 2**58
"""Micro-units that an account may hold and ask for in one instrument: sums must stay within 64 bits."""

UNKNOWN_PRICE: Final = 1_000_000
"""Ticks by which an order is measured while there is no price at all."""

WINDOW_MIN: Final = 4_096
WINDOW_BYTES_MAX: Final = 2**28
"""Memory the level windows of one room may take."""
OUT_ROWS_MIN: Final = 4_096


def new_book(instruments: int, *, currencies: int = 1) -> Book:
    """An empty book for so many instruments."""
    n, window = instruments, WINDOW_MIN
    inst = np.zeros((n, INST_COLS), np.int64)
    inst[:, [BEST, OWN_BEST]] = -1
    inst[:, [BEST + 1, OWN_BEST + 1]] = window
    room = np.zeros(ROOM_COLS, np.int64)
    room[ARRIVALS] = 1
    room[SLOTS] = 1
    return Book(
        np.zeros((n, 2, window, LEVEL_COLS), np.int64),
        inst,
        np.zeros((n, TERM_COLS), np.int64),
        np.zeros(n, np.float64),
        np.zeros((1_024, 2), np.int64),
        np.zeros((256, OWN_COLS), np.int64),
        np.zeros((4, ACCT_COLS), np.int64),
        np.zeros((4, currencies), np.int64),
        np.zeros((4, n, POS_COLS), np.int64),
        np.zeros((1, RING_ROWS, 2), np.int64),
        np.full(currencies, MILLION, np.int64),
        np.zeros((OUT_ROWS_MIN, OUT_COLS), np.int64),
        room,
    )


def grown(array: I8, rows: int) -> I8:
    """The same array with at least ``rows`` rows, growing by doubling."""
    if rows <= array.shape[0]:
        return array
    more = np.zeros((max(rows, 2 * array.shape[0]), *array.shape[1:]), array.dtype)
    more[: array.shape[0]] = array
    return more


def live_range(book: Book, k: int) -> tuple[int, int] | None:
    """Lowest and highest price (ticks) at which anything stands or will stand after a wait; ``None`` for nothing."""
    used = np.flatnonzero((book.level[k, :, :, QTY] != 0).any(axis=0))
    prices = [int(book.inst[k, BASE]) + int(p) for p in used[[0, -1]]] if used.size else []
    own = book.own
    limited = (own[:, O_TYPE] == LIMIT) | (own[:, O_TYPE] == STOP_LIMIT)
    limits = own[(own[:, O_WHERE] != GONE) & (own[:, O_INST] == k) & limited, O_LIMIT]
    if limits.size:
        prices += [int(limits.min()), int(limits.max())]
    return (min(prices), max(prices)) if prices else None


def fit(book: Book, k: int, price: int) -> Book | None:
    """A book whose window for instrument ``k`` holds ``price`` (ticks) as well as everything that stands.

    Returns ``None`` where the window would take more than ``WINDOW_BYTES_MAX``: such a price is out of range.
    """
    return fit_range(book, k, price, price)


def fit_range(book: Book, k: int, low: int, high: int) -> Book | None:
    """As :func:`fit`, for all prices from ``low`` to ``high``.

    Whether they fit depends on what stands and on nothing that was before: else a restored book would differ.
    """
    if low < 1:
        return None
    window = book.level.shape[2]
    base = int(book.inst[k, BASE])
    if base <= low and high < base + window:
        return book
    standing = live_range(book, k)
    if standing:
        low, high = min(low, standing[0]), max(high, standing[1])
    span = high - low + 1
    wide = window
    while wide < 2 * span and 2 * wide * 2 * 8 * LEVEL_COLS * len(book.inst) <= WINDOW_BYTES_MAX:
        wide *= 2
    if wide < span:
        return None
    if wide > window:
        old, book = book, _widened(book, wide)
        del old
    _shift(book, k, max(0, min(low, max(high - wide + 1, (low + high) // 2 - wide // 2))))
    return book


def _widened(book: Book, window: int) -> Book:
    old = book.level.shape[2]

    more = np.zeros((*book.level.shape[:2], window, LEVEL_COLS), np.int64)
    more[:, :, :old] = book.level
    for column in (BEST + 1, OWN_BEST + 1):
        empty = book.inst[:, column] == old
        book.inst[empty, column] = window
    return book._replace(level=more)


def _shift(book: Book, k: int, base: int) -> None:
    inst = book.inst[k]
    window = book.level.shape[2]
    by = int(inst[BASE]) - base
    moved = np.zeros_like(book.level[k])
    if 0 <= by < window:
        moved[:, by:] = book.level[k][:, : window - by]
    elif -window < by < 0:
        moved[:, :by] = book.level[k][:, -by:]
    book.level[k] = moved
    for column in (BEST, OWN_BEST):
        if inst[column] >= 0:
            inst[column] += by
        if inst[column + 1] < window:
            inst[column + 1] += by
    inst[BASE] = base
