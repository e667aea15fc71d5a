"""How does the matching kernel lay out its state in memory?

Rules: plain arrays and integer column numbers only, so that the same source runs compiled and interpreted. Levels are
dense: index = price in ticks - ``BASE`` of the instrument, in a window that :func:`fit` moves and widens. Bids are side
0 and asks side 1. Slot 0 of the participants' orders means "none".
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

I8 = NDArray[np.int64]


class Book(NamedTuple):
    """All state of the matching kernel for one room.

    Attributes
    ----------
    level_qty : (n, 2, W) int64
        Lots the feed shows at a level.
    level_taken : (n, 2, W) int64
        Lots of these that participants already took.
    head, tail : (n, 2, W) int64
        First and last participant order resting at a level.
    inst : (n, INST_COLS) int64
        Scalars of each instrument.
    feed : (ids, 2) int64
        Arrival number and lots of each live L3 order of the feed.
    own : (slots, OWN_COLS) int64
        Participants' live orders.
    out : (m, OUT_COLS) int64
        What happened, in order, since the last drain.
    room : (ROOM_COLS,) int64
        Scalars of the room.
    """

    level_qty: I8
    level_taken: I8
    head: I8
    tail: I8
    inst: I8
    feed: I8
    own: I8
    out: I8
    room: I8


# Numba gives a literal integer argument a type of its own and compiles a copy of the function for it; a NumPy integer
# has one type. So every constant that travels as an argument is made here.


def _numbers(*values: int) -> tuple[Any, ...]:
    return tuple(np.int64(v) for v in values)


BID, ASK = _numbers(0, 1)
NONE, UNKNOWN = _numbers(0, -1)

# columns of ``inst``; BEST, LEVELS, OWN_BEST and OWN_LEVELS have one column per side
BASE, BEST, LEVELS, OWN_BEST, OWN_LEVELS = 0, 1, 3, 5, 7
LAST, STATE, BAR_NO, BAR_LEFT, BAR_PX, HAS_IDS, OWN_COUNT, STOPS, PRINTS = 9, 10, 11, 12, 13, 14, 15, 16, 17
LISTS = 18  # head and tail of each waiting list: market bids, market asks, stops, held
MID = 26  # while nothing has printed: the last mid of a feed that showed both sides
INST_COLS = 27
MARKET_LIST, STOP_LIST, HELD_LIST = _numbers(0, 2, 3)

# columns of ``own``
O_INST, O_SIDE, O_TYPE, O_TIF, O_LIMIT, O_STOP, O_LEAVES, O_AHEAD, O_ARRIVAL = 0, 1, 2, 3, 4, 5, 6, 7, 8
O_NEXT, O_PREV, O_ACCOUNT, O_WHERE, O_BAR, O_WAIT, O_COLLAR = 9, 10, 11, 12, 13, 14, 15
OWN_COLS = 16

# values of O_TYPE, O_TIF, O_WHERE
MARKET, LIMIT, STOP_MARKET, STOP_LIMIT = 0, 1, 2, 3
DAY, GTC, IOC, FOK = 0, 1, 2, 3
GONE, AT_LEVEL, IN_MARKET, IN_STOPS, IN_HELD = _numbers(0, 1, 2, 3, 4)

# columns of ``out``
X_WHAT, X_SLOT, X_TS, X_PX, X_QTY, X_LEAVES, X_CAUSE, X_TAKER = 0, 1, 2, 3, 4, 5, 6, 7
X_BID, X_ASK, X_EV_PX, X_EV_QTY, X_CONTRA = 8, 9, 10, 11, 12
OUT_COLS = 13

# values of X_WHAT
FILLED, TRIGGERED, CANCELED, EXPIRED, SESSION = _numbers(1, 2, 3, 4, 5)

# values of X_TAKER
MAKES, TAKES = _numbers(0, 1)

# values of X_CAUSE of a fill
DEPTH, QUEUE, THROUGH, CROSS, PEER, AT_OPEN, IN_RANGE, AT_CLOSE = _numbers(1, 2, 3, 4, 5, 6, 7, 8)
CAUSES: Final = ("", "depth", "queue", "through", "cross", "peer", "bar_open", "bar_range", "bar_close")

# why an order waits, and why the kernel canceled it; the engine maps them to `Reason`
W_NONE, W_QUEUE, W_PRICE, W_TRIGGER, W_DEPTH, W_BAR, W_OPEN, W_RESUME = 0, 1, 2, 3, 4, 5, 6, 7
C_IOC, C_FOK, C_SELF = _numbers(1, 2, 3)

# columns of ``room``
OUT_COUNT, ARRIVALS, LIVE, SHARE_PPM = 0, 1, 2, 3
R_BID, R_BID_SIZE, R_ASK, R_ASK_SIZE, R_WHERE, R_WAIT, R_AHEAD = 4, 5, 6, 7, 8, 9, 10  # of the order just handled
ROOM_COLS = 11

# values of STATE (0: the feed never said, taken as open), and of a status row
S_OPEN, S_CLOSED, S_HALTED = _numbers(1, 2, 3)
RESUMED = 4

# whether a bar's price jumped to a point or walked there
WALKED, JUMPED = _numbers(0, 1)

WINDOW_MIN: Final = 4_096
WINDOW_BYTES_MAX: Final = 256_000_000
"""Memory the level windows of one room may take."""
OUT_ROWS_MIN: Final = 4_096


def new_book(instruments: int, *, share_ppm: int) -> Book:
    """An empty book for so many instruments."""
    return _allocate(instruments, WINDOW_MIN, share_ppm)


def _allocate(n: int, window: int, share_ppm: int) -> Book:
    levels = (n, 2, window)
    inst = np.zeros((n, INST_COLS), np.int64)
    inst[:, [BEST, OWN_BEST]] = -1
    inst[:, [BEST + 1, OWN_BEST + 1]] = window
    room = np.zeros(ROOM_COLS, np.int64)
    room[ARRIVALS] = 1
    room[SHARE_PPM] = share_ppm
    return Book(
        np.zeros(levels, np.int64),
        np.zeros(levels, np.int64),
        np.zeros(levels, np.int64),
        np.zeros(levels, np.int64),
        inst,
        np.zeros((1_024, 2), np.int64),
        np.zeros((256, OWN_COLS), np.int64),
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
    used = np.flatnonzero((book.level_qty[k] != 0).any(axis=0))
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
    window = book.level_qty.shape[2]
    base = int(book.inst[k, BASE])
    if base <= low and high < base + window:
        return book
    standing = live_range(book, k)
    if standing:
        low, high = min(low, standing[0]), max(high, standing[1])
    span = high - low + 1
    wide = window
    while wide < 2 * span and 2 * wide * 2 * 32 * len(book.inst) <= WINDOW_BYTES_MAX:
        wide *= 2
    if wide < span:
        return None
    if wide > window:
        old, book = book, _widened(book, wide)
        del old
    _shift(book, k, max(0, min(low, max(high - wide + 1, (low + high) // 2 - wide // 2))))
    return book


def _widened(book: Book, window: int) -> Book:
    old = book.level_qty.shape[2]

    def pad(array: I8) -> I8:
        more = np.zeros((*array.shape[:2], window), array.dtype)
        more[:, :, :old] = array
        return more

    for column in (BEST + 1, OWN_BEST + 1):
        empty = book.inst[:, column] == old
        book.inst[empty, column] = window
    return book._replace(
        level_qty=pad(book.level_qty), level_taken=pad(book.level_taken), head=pad(book.head), tail=pad(book.tail)
    )


def _shift(book: Book, k: int, base: int) -> None:
    inst = book.inst[k]
    window = book.level_qty.shape[2]
    by = int(inst[BASE]) - base
    for array in (book.level_qty, book.level_taken, book.head, book.tail):
        moved = np.zeros_like(array[k])
        if 0 <= by < window:
            moved[:, by:] = array[k][:, : window - by]
        elif -window < by < 0:
            moved[:, :by] = array[k][:, -by:]
        array[k] = moved
    for column in (BEST, OWN_BEST):
        if inst[column] >= 0:
            inst[column] += by
        if inst[column + 1] < window:
            inst[column + 1] += by
    inst[BASE] = base
