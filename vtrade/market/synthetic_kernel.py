"""How do the agents of a synthetic market act, one order at a time?

Rules: every row written here is what a venue's L3 feed would have shown; the book behind it keeps price-time priority
and is never crossed. Floats see only ``+ - * / sqrt`` and comparisons, and every number of chance arrives ready-made
in ``luck``, so the same seed gives the same rows on every machine, compiled or not. A price in here is a *level*:
ticks above the floor of the instrument's price window; level 0 and the top one stay empty and mean "no such price".
Agents only wish; the venue carries out. One file, because machine code is kept by the file it was compiled from.

Who acts: *makers* keep ladders of quotes around what they take for the fair value, further apart when it moves fast
and leaning against their inventory; *patient* noise traders post limit orders and pull them again; *hasty* noise
traders send market orders in runs of one side; *momentum* traders follow the trend; *informed* traders know what the
instrument is worth and take what is priced wrong, up to a limit at which the rest of their order stays in the book.
"""

from __future__ import annotations

from collections.abc import Callable
from math import floor, sqrt
from typing import Any, Final, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from vtrade.market.dtype import Events, Kind

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Whole = int | np.int64
Kernel = TypeVar("Kernel", bound=Callable[..., object])


def _part(function: Kernel) -> Kernel:
    """Compile as a part of :func:`advance`: without all that a call from Python would need, which takes long."""
    options: Any = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast("Kernel", njit(**options)(function))


# --- sizes -------------------------------------------------------------------------------------------------------
MAKERS: Final = 4
LAYERS: Final = 5
"""Quotes of a maker on one side."""
CROWD: Final = 400
"""Most orders that all other traders may have resting in one book."""
CROWD_USUAL: Final = 150
"""Their number at the open, and about where posting and pulling balance."""
ORDERS_MAX: Final = CROWD + 2 * MAKERS * LAYERS
"""Most orders resting in one book."""
FILLS_MAX: Final = 20
"""Most resting orders one order may take."""
ROWS_PER_ACTION_MAX: Final = 256
DRAWS_PER_ACTION_MAX: Final = 32

# --- columns of World.orders -------------------------------------------------------------------------------------
PRICE, QUANTITY, SIDE, AFTER, BEFORE, PLACE = range(6)

# --- columns of World.places -------------------------------------------------------------------------------------
QUOTES: Final = MAKERS * 2 * LAYERS
"""Places of makers' quotes: maker by maker, bids before asks; the crowd's places follow, filled from the left."""
CROWDED: Final = np.int64(QUOTES)
NOWHERE: Final = np.int64(-1)

# --- columns of World.tally: best levels, the crowd, times, used luck, the hasty trader's run, makers' inventory --
BID, ASK, CROWD_SIZE, NEXT_NS, LAST_NS, CURSOR, RUN_SIDE, RUN_LEFT, OPENED, ROWS_OF, INVENTORY = range(11)
TALLIES: Final = INVENTORY + MAKERS

# --- columns of World.value --------------------------------------------------------------------------------------
# FAIR is what makers believe, FELT the same when last looked at, SWAY how far orders have moved it, TREND its slow
# average, VARIANCE of its moves per second, EXCITED the extra activity that activity leaves behind, DUE the rows that
# were to be expected so far, URGE how much the agents have to gain, TRUTH what the informed know; RATE (actions per
# second), WIDTH, ROUND_LOT and FLOOR do not change; ERROR and what follows is each maker's own error.
FAIR, FELT, SWAY, TREND, VARIANCE, EXCITED, DUE, URGE, TRUTH, RATE, WIDTH, ROUND_LOT, FLOOR, ERROR = range(14)
VALUES: Final = ERROR + MAKERS

# --- places of World.clock: start and now in ns, top of the stack of unused ids, highest id so far, rows written --
START, NOW, UNUSED, TOP, ROWS = range(5)
CLOCKS: Final = 5

# --- how the agents behave ---------------------------------------------------------------------------------------
W_MAKER: Final = 0.15
"""Weights of the agents in calm times; an agent with more to gain acts more often."""
W_POST: Final = 0.36
W_PULL: Final = 0.52
W_HASTY: Final = 0.04
W_MOMENTUM: Final = 0.015
W_INFORMED: Final = 0.08
PRESSURE_MAX: Final = 6.0
"""Distance between the fair value and the mid, in half spreads, beyond which nobody hurries more."""
PRESSURE_PULL: Final = 2.0
ROWS_PER_ACTION: Final = 2.2
"""First guess; a slow feedback corrects it for each instrument."""
FEEDBACK_S: Final = 120.0
EXCITE_SHARE: Final = 0.55
"""Share of the actions that other actions set off, ..."""
EXCITE_DECAY: Final = 0.7
"""... and how fast that fades, per second."""
LEAK_PER_S: Final = 8.0
"""How fast makers learn what everybody has understood."""
IMPACT: Final = 0.6
"""How far one round lot taken moves the fair value, in standard deviations of its move per action."""
SWAY_S: Final = 8.0
"""How long such a move lasts."""
HEDGE: Final = 40
"""A maker hedges one in so many lots of its inventory elsewhere each time it looks."""
VARIANCE_S: Final = 20.0
TREND_S: Final = 45.0

NS: Final = 1e9
LN2: Final = 0.6931471805599453
_ADD: Final = np.int64(Kind.ADD)
_REDUCE: Final = np.int64(Kind.REDUCE)
_DELETE: Final = np.int64(Kind.DELETE)
_EXECUTE: Final = np.int64(Kind.EXECUTE)

DONE: Final = -1
FULL: Final = -2


class World(NamedTuple):
    """Everything the kernel remembers between two calls, for ``n`` instruments."""

    levels: Ints  # (n, width, 2): first and last order of a level's queue, 0 for none
    orders: Ints  # (1 + n * ORDERS_MAX, 6): an order's id is its row; unused rows form a stack through AFTER
    places: Ints  # (n, ORDERS_MAX): ids of resting orders by owner, 0 for none
    tally: Ints  # (n, TALLIES)
    value: Floats  # (n, VALUES)
    clock: Ints  # (CLOCKS,)
    luck: Floats  # (n, block): uniform numbers; tally[:, CURSOR] says how far each row is used up
    todo: Ints  # (4 * LAYERS, 5): what the agent whose turn it is wishes: side, limit, quantity, place, order to cancel
    rows: Events  # (capacity,): written up to clock[ROWS]


def new_world(n: int, width: int, start_ns: int, luck: Floats, rows: Events) -> World:
    """A world before its first order; the caller fills in ``value[:, RATE:ERROR]``."""
    tally = np.zeros((n, TALLIES), np.int64)
    tally[:, ASK] = width - 1
    tally[:, NEXT_NS] = tally[:, LAST_NS] = start_ns
    clock = np.zeros(CLOCKS, np.int64)
    clock[START] = clock[NOW] = start_ns
    return World(
        levels=np.zeros((n, width, 2), np.int64),
        orders=np.zeros((1 + n * ORDERS_MAX, 6), np.int64),
        places=np.zeros((n, ORDERS_MAX), np.int64),
        tally=tally,
        value=np.zeros((n, VALUES)),
        clock=clock,
        luck=luck,
        todo=np.zeros((4 * LAYERS, 5), np.int64),
        rows=rows,
    )


# --- the book ----------------------------------------------------------------------------------------------------


@_part
def _write(w: World, i: int, kind: Whole, order: int, quantity: int) -> None:
    """Append a row about a resting order."""
    row = w.rows[w.clock[ROWS]]
    row["ts_ns"] = w.clock[NOW]
    row["price"] = w.orders[order, PRICE] + int(w.value[i, FLOOR])
    row["quantity"] = quantity
    row["order_id"] = order
    row["instrument"] = i
    row["kind"] = kind
    row["side"] = w.orders[order, SIDE]
    row["flags"] = 0
    w.clock[ROWS] += 1
    w.tally[i, ROWS_OF] += 1


@_part
def _join(w: World, i: int, side: int, level: int, quantity: int, place: int) -> None:
    """Rest an order at the end of its level's queue."""
    clock, orders, levels, tally = w.clock, w.orders, w.levels, w.tally
    order = clock[UNUSED]
    if order > 0:
        clock[UNUSED] = orders[order, AFTER]
    else:
        clock[TOP] += 1
        order = clock[TOP]
    last = levels[i, level, 1]
    orders[order, PRICE] = level
    orders[order, QUANTITY] = quantity
    orders[order, SIDE] = side
    orders[order, AFTER] = 0
    orders[order, BEFORE] = last
    orders[order, PLACE] = place
    w.places[i, place] = order
    if last == 0:
        levels[i, level, 0] = order
    else:
        orders[last, AFTER] = order
    levels[i, level, 1] = order
    if side > 0:
        tally[i, BID] = max(tally[i, BID], level)
    else:
        tally[i, ASK] = min(tally[i, ASK], level)
    _write(w, i, _ADD, order, quantity)


@_part
def _leave(w: World, i: int, order: int) -> None:
    """Take an order out of the book and of its place, and let its id be used again."""
    orders, levels, tally, places = w.orders, w.levels, w.tally, w.places
    level, before, after = orders[order, PRICE], orders[order, BEFORE], orders[order, AFTER]
    if before == 0:
        levels[i, level, 0] = after
    else:
        orders[before, AFTER] = after
    if after == 0:
        levels[i, level, 1] = before
    else:
        orders[after, BEFORE] = before
    if level == tally[i, BID]:
        while level > 0 and levels[i, level, 0] == 0:
            level -= 1
        tally[i, BID] = level
    elif level == tally[i, ASK]:
        top = levels.shape[1] - 1
        while level < top and levels[i, level, 0] == 0:
            level += 1
        tally[i, ASK] = level
    place = orders[order, PLACE]
    if place >= QUOTES:
        tally[i, CROWD_SIZE] -= 1
        last = QUOTES + tally[i, CROWD_SIZE]
        places[i, place] = places[i, last]
        orders[places[i, last], PLACE] = place
        place = last
    places[i, place] = 0
    orders[order, AFTER] = w.clock[UNUSED]
    w.clock[UNUSED] = order


@_part
def _carry_out(w: World, i: int, wishes: int) -> None:
    """The venue takes the first ``wishes`` rows of ``todo``: cancels, and orders that trade first and then rest."""
    orders, tally, todo = w.orders, w.tally, w.todo
    for k in range(wishes):
        side, limit, left, place, order = todo[k, 0], todo[k, 1], todo[k, 2], todo[k, 3], todo[k, 4]
        if order > 0:
            whole = left == orders[order, QUANTITY]
            _write(w, i, _DELETE if whole else _REDUCE, order, left)
            if whole:
                _leave(w, i, order)
            else:
                orders[order, QUANTITY] -= left
            continue
        touch = ASK if side > 0 else BID
        taken = 0
        for _ in range(FILLS_MAX):
            order = w.levels[i, tally[i, touch], 0]
            if left == 0 or order == 0 or (tally[i, touch] - limit) * side > 0:
                break
            size = min(left, orders[order, QUANTITY])
            left -= size
            taken += size
            orders[order, QUANTITY] -= size
            _write(w, i, _EXECUTE, order, size)
            owner = orders[order, PLACE]
            if owner < QUOTES:
                tally[i, INVENTORY + owner // (2 * LAYERS)] -= side * size
            if orders[order, QUANTITY] == 0:
                _leave(w, i, order)
        if 0 <= place < QUOTES:
            tally[i, INVENTORY + place // (2 * LAYERS)] += side * taken
        elif taken > 0:  # makers learn from those who take
            value = w.value
            size_factor = min(sqrt(taken / value[i, ROUND_LOT]), 6.0)
            push = side * IMPACT * sqrt(value[i, VARIANCE] / value[i, RATE]) * size_factor
            value[i, FAIR] += push
            value[i, SWAY] += push
        room = place < QUOTES or tally[i, CROWD_SIZE] < CROWD
        crossing = (tally[i, touch] - limit) * side <= 0
        if left > 0 and place >= 0 and room and not crossing and 1 < limit < w.levels.shape[1] - 2:
            if place >= QUOTES:
                place += tally[i, CROWD_SIZE]
                tally[i, CROWD_SIZE] += 1
            _join(w, i, side, limit, left, place)


# --- chance ------------------------------------------------------------------------------------------------------


@_part
def _draw(w: World, i: int) -> float:
    """The instrument's next uniform number."""
    cursor = w.tally[i, CURSOR]
    w.tally[i, CURSOR] = cursor + 1
    return float(w.luck[i, cursor])


@_part
def _wait(u: float) -> float:
    """Exponential waiting time with mean 1, ``-log(u)`` from halvings and the series of the inverse tanh."""
    halvings = 0.0
    while u < 0.5:
        u *= 2.0
        halvings += 1.0
    z = (1.0 - u) / (1.0 + u)
    s = z * z
    return halvings * LN2 + 2.0 * z * (1.0 + s * (1.0 / 3.0 + s * (0.2 + s * (1.0 / 7.0 + s * (1.0 / 9.0 + s / 11.0)))))


@_part
def _size(w: World, i: int, heavy: float) -> int:
    """Order size in lots: round lots with a Pareto tail (index 2, or 4/3 where ``heavy`` is 1.0), or an odd lot."""
    lot = int(w.value[i, ROUND_LOT])
    if _draw(w, i) < 0.3 + 0.3 * heavy:
        return 1 + int(_draw(w, i) * lot)
    root = sqrt(_draw(w, i))
    if heavy > 0.0:
        root *= sqrt(root)
    return lot * int(min(1.0 / root, 60.0))


@_part
def _coin(w: World, i: int) -> int:
    """A side, either with the same chance."""
    return 1 if _draw(w, i) < 0.5 else -1


# --- the agents: each writes what it wishes into todo and returns how many rows that takes -----------------------


@_part
def _wish(w: World, k: int, side: int, limit: int, quantity: int, place: Whole) -> None:
    """Wish for an order; ``place`` is a maker's quote, ``CROWDED``, or ``NOWHERE`` where nothing may rest."""
    todo = w.todo
    todo[k, 0], todo[k, 1], todo[k, 2], todo[k, 3], todo[k, 4] = side, limit, quantity, place, 0


@_part
def _half_spread(w: World, i: int) -> float:
    """Half the spread that makers ask, in levels: wider when the fair value moves fast."""
    return float(w.value[i, WIDTH] * min(0.3 + 0.45 * sqrt(w.value[i, VARIANCE]), 12.0))


@_part
def _make(w: World, i: int, maker: int) -> int:
    """A maker looks at its ladder: first pulls every quote that is off, then posts what is missing."""
    orders, value = w.orders, w.value
    lot = value[i, ROUND_LOT]
    half = _half_spread(w, i)
    value[i, ERROR + maker] = 0.9 * value[i, ERROR + maker] + half * (_draw(w, i) - 0.5)
    w.tally[i, INVENTORY + maker] -= w.tally[i, INVENTORY + maker] // HEDGE
    lean = min(max(w.tally[i, INVENTORY + maker] / (20.0 * lot), -2.5), 2.5)
    fair = value[i, FAIR] + value[i, ERROR + maker] - 0.35 * half * lean
    half *= 0.85 + 0.1 * maker + 0.1 * abs(lean)
    step = max(1.0, 0.8 * half)
    off = 0
    missing = 2 * LAYERS  # posts go to the second half of todo, and move up behind the cancels
    for rung in range(2 * LAYERS):
        place = maker * 2 * LAYERS + rung
        side = 1 if rung < LAYERS else -1
        layer = rung % LAYERS
        target = fair - side * (half + layer * step)
        order = w.places[i, place]
        if order != 0:
            inside = (orders[order, PRICE] - target) * side
            if -(1.0 + 0.6 * half + 0.5 * layer * step) <= inside <= 0.4 * half:
                continue
            w.todo[off, 2] = orders[order, QUANTITY]
            w.todo[off, 4] = order
            off += 1
        size = int(lot) * (1 + layer // 2 + int(3.0 * _draw(w, i)))
        _wish(w, missing, side, side * floor(side * target), size, place)
        missing += 1
    for k in range(2 * LAYERS, missing):
        for column in range(5):
            w.todo[off, column] = w.todo[k, column]
        off += 1
    return off


@_part
def _post(w: World, i: int) -> int:
    """A patient trader rests an order, seldom inside the spread, mostly some way behind the touch."""
    side = _coin(w, i)
    touch = w.tally[i, BID] if side > 0 else w.tally[i, ASK]
    other = w.tally[i, ASK] if side > 0 else w.tally[i, BID]
    fair = side * w.value[i, FAIR]
    reach = 3.0 + 4.0 * _half_spread(w, i)
    touch = side * max(side * touch, floor(fair - reach))  # where the book is thin, as near as seems safe
    improve = _draw(w, i) < 0.12
    away = int(reach * min(1.0 / sqrt(_draw(w, i)) - 1.0, 30.0))
    level = touch + side if improve and abs(other - touch) > 2 else touch - side * away
    level = side * min(side * level, floor(fair))  # nobody offers more than a fair price
    if (other - level) * side <= 0:
        return 0
    _wish(w, 0, side, level, _size(w, i, 0.0), CROWDED)
    return 1


@_part
def _pressed(w: World, i: int) -> int:
    """Place of the order that the fair value leans on: the first in the queue of the touch on its side of the mid."""
    bid, ask = w.tally[i, BID], w.tally[i, ASK]
    near = ask if 2.0 * w.value[i, FAIR] > ask + bid else bid
    return int(w.orders[w.levels[i, near, 0], PLACE])


@_part
def _pull(w: World, i: int) -> int:
    """A patient trader cancels an order, or a part: of three, the one that the fair value has come closest to."""
    orders, size = w.orders, w.tally[i, CROWD_SIZE]
    fair = w.value[i, FAIR]
    place = _pressed(w, i)
    order = w.places[i, place if place >= QUOTES else QUOTES + int(_draw(w, i) * size)]
    for _ in range(2):
        rival = w.places[i, QUOTES + int(_draw(w, i) * size)]
        if (orders[rival, PRICE] - fair) * orders[rival, SIDE] > (orders[order, PRICE] - fair) * orders[order, SIDE]:
            order = rival
    quantity = orders[order, QUANTITY]
    part = int(quantity * _draw(w, i))
    w.todo[0, 2] = part if part > 0 and _draw(w, i) < 0.7 else quantity
    w.todo[0, 4] = order
    return 1


@_part
def _haste(w: World, i: int) -> int:
    """A hasty trader works off a parent order in market orders: runs of one side, with a heavy tail of lengths."""
    tally = w.tally
    if tally[i, RUN_LEFT] == 0:
        tally[i, RUN_SIDE] = _coin(w, i)
        root = sqrt(_draw(w, i))
        tally[i, RUN_LEFT] = int(min(2.5 / (root * sqrt(root)), 60.0))
    tally[i, RUN_LEFT] -= 1
    return int(tally[i, RUN_SIDE])


@_part
def _feel(w: World, i: int, known: float, span: float) -> None:
    """Let the time since the instrument's last action pass: what leaks, what fades, what is remembered."""
    value = w.value
    value[i, SWAY] /= 1.0 + span / SWAY_S
    pull = LEAK_PER_S * span
    fair = value[i, FAIR] + (known + value[i, SWAY] - value[i, FAIR]) * pull / (1.0 + pull)
    move = fair - value[i, FELT]
    value[i, FAIR] = value[i, FELT] = fair
    value[i, VARIANCE] = (value[i, VARIANCE] * VARIANCE_S + move * move) / (VARIANCE_S + span)
    value[i, TREND] += (fair - value[i, TREND]) * span / (TREND_S + span)
    value[i, EXCITED] /= 1.0 + EXCITE_DECAY * span


@_part
def _decide(w: World, i: int) -> int:
    """Pick who acts, by how much each has to gain, and let that agent decide."""
    tally, value = w.tally, w.value
    truth = value[i, TRUTH]
    half = 0.5 * (tally[i, ASK] - tally[i, BID])
    trend = (value[i, FAIR] - value[i, TREND]) / (sqrt(TREND_S * value[i, VARIANCE]) + half)
    gap = max(truth - tally[i, ASK], tally[i, BID] - truth) / half
    pressure = min(abs(value[i, FAIR] - tally[i, BID] - half) / half, PRESSURE_MAX)
    w_maker = W_MAKER * (1.0 + pressure)
    w_pull = W_PULL * (0.7 + PRESSURE_PULL * pressure) * tally[i, CROWD_SIZE] / CROWD_USUAL
    w_momentum = W_MOMENTUM * min(max(abs(trend) - 0.7, 0.0), 3.0)
    w_informed = W_INFORMED * min(max(gap - 0.8, 0.0), 4.0)
    total = w_maker + W_POST + w_pull + W_HASTY + w_momentum + w_informed
    value[i, URGE] = total
    choice = _draw(w, i) * total
    if choice < w_maker:
        pressed = _pressed(w, i)
        return _make(w, i, pressed // (2 * LAYERS) if pressed < QUOTES else int(choice / w_maker * MAKERS))
    if choice < w_maker + W_POST:
        return _post(w, i)
    if choice < w_maker + W_POST + w_pull:
        return _pull(w, i)
    if choice < total - w_informed:
        run = choice < total - w_informed - w_momentum
        side = _haste(w, i) if run else (1 if trend > 0.0 else -1)
        reach = 3 if run else 1
        touch = tally[i, ASK] if side > 0 else tally[i, BID]
        _wish(w, 0, side, touch + side * reach, _size(w, i, 1.0), NOWHERE)
    else:
        side = 1 if truth > tally[i, ASK] else -1
        size = _size(w, i, 1.0) * (1 + int(min(gap, 4.0)))
        _wish(w, 0, side, int(truth - side * 0.3 * half), size, CROWDED)
    return 1


@njit(cache=True, error_model="numpy")
def advance(w: World, truth: Floats, known: Floats, pace: Floats, step_ns: int, end_ns: int) -> int:
    """Run the market until ``end_ns``, or until something must be handed in.

    Parameters
    ----------
    w : World
        Changed in place.
    truth : (T + 1, n) float64
        Fundamental value at each step, in levels; straight lines between.
    known : (T + 1, n) float64
        What of it everybody has understood.
    pace : (T + 1, n) float64
        Activity at each step, 1 on average.
    step_ns, end_ns : int

    Returns
    -------
    int
        ``DONE``, ``FULL`` (take the rows out), or the instrument that needs fresh luck.
    """
    tally, clock, value = w.tally, w.clock, w.value
    n = tally.shape[0]
    while True:
        i = n - 1
        for j in range(n - 1):
            if tally[j, NEXT_NS] < tally[i, NEXT_NS]:
                i = j
        now = max(tally[i, NEXT_NS], clock[NOW] + 1)
        if now >= end_ns:
            return DONE
        if clock[ROWS] + ROWS_PER_ACTION_MAX > w.rows.shape[0]:
            return FULL
        if tally[i, CURSOR] + DRAWS_PER_ACTION_MAX > w.luck.shape[1]:
            return int(i)
        span = (now - tally[i, LAST_NS]) / NS
        clock[NOW] = tally[i, LAST_NS] = now
        step = (now - clock[START]) // step_ns
        part = (now - clock[START] - step * step_ns) / step_ns
        value[i, TRUTH] = truth[step, i] + (truth[step + 1, i] - truth[step, i]) * part
        _feel(w, i, known[step, i] + (known[step + 1, i] - known[step, i]) * part, span)
        opened = tally[i, OPENED]
        if opened < MAKERS + CROWD_USUAL:  # the first moment: fill the empty book
            tally[i, OPENED] += 1
            _carry_out(w, i, _make(w, i, opened) if opened < MAKERS else _post(w, i))
            tally[i, ROWS_OF] = 0
            continue
        _carry_out(w, i, _decide(w, i))
        rate = value[i, RATE]
        value[i, DUE] += rate * ROWS_PER_ACTION * pace[step, i] * span
        feedback = (value[i, DUE] + FEEDBACK_S * rate) / (tally[i, ROWS_OF] + FEEDBACK_S * rate)
        calm = (1.0 - EXCITE_SHARE) * pace[step, i] * value[i, URGE]
        wait = _wait(_draw(w, i)) / (rate * (calm + value[i, EXCITED]) * feedback * feedback * feedback)
        value[i, EXCITED] += EXCITE_SHARE * EXCITE_DECAY / rate
        tally[i, NEXT_NS] = now + 1 + int(min(NS * wait, 60.0 * NS))
