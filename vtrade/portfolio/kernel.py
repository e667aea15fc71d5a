"""How do marks move the values of thousands of accounts, each looked at after every fact?

Rules: plain Python source on the arrays of :mod:`vtrade.portfolio.layout`, compiled by Numba; this module is imported
only where there are many accounts. What it does to one account is what :class:`vtrade.portfolio.track.Track` and
:class:`vtrade.portfolio.curve.Curve` do, number by number. A run of facts is folded block by block; most looks are a
sum, a comparison and two stores. Nothing can overflow, since whoever calls keeps to the limits of the layout.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np

from vtrade.portfolio.curve import LADDER_NS
from vtrade.portfolio.layout import (
    ARMED,
    BLOCK_BITS,
    CEILING,
    CLOSED,
    DIP,
    FIRST,
    FIRST_NS,
    FLOOR,
    HIGH,
    HIGH_NS,
    HIGH_WATER,
    LAST,
    LAST_NS,
    LOW,
    LOW_NS,
    NAV,
    NEVER,
    OPEN,
    STRAYED,
    VALUE_MAX,
    WIDTH,
    Arrays,
    Int64s,
)  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])
Slot = int | np.uint32

OPTIONS: Final[dict[str, Any]] = {"error_model": "numpy", "_nrt": False}
"""Nothing here makes arrays, so nothing needs to be counted."""
_njit: Any = numba.njit


def stamp() -> tuple[float, int]:
    """Newest change and total size of the sources of the kernel: what was compiled from others is not used."""
    stats = [Path(__file__).with_name(f"{name}.py").stat() for name in ("kernel", "layout", "curve")]
    return max(found.st_mtime for found in stats), sum(found.st_size for found in stats)


def compiled(function: F) -> F:
    """Machine code that is kept on disk; where nothing can be written, it is made anew in each process."""
    try:
        made = _njit(cache=True, **OPTIONS)(function)
        kept = getattr(getattr(made, "_cache", None), "_cache_file", None)
        if kept is not None:
            kept._source_stamp = stamp()
    except (RuntimeError, OSError):  # no folder for it, or no source beside what is running
        made = _njit(**OPTIONS)(function)
    return cast(F, made)


def inlined(function: F) -> F:
    """Source that is put in place where other kernels call it."""
    return cast(F, _njit(inline="always", **OPTIONS)(function))


@compiled
def widen(width: int) -> int:
    """The next coarser cell, as :func:`vtrade.portfolio.curve.next_width`."""
    for wider in LADDER_NS:
        if wider > width:
            return wider
    return width * 4


@compiled
def coarsen(cold: Int64s, rows: Int64s, slot: Slot, bound: int) -> int:
    """Merge the cells of one full curve, take up the newest again, and say which row it had."""
    full = cold[slot, CLOSED]
    width = cold[slot, WIDTH]
    groups = full
    while groups >= bound:
        width = widen(width)
        groups = 1
        for n in range(1, full):
            if rows[slot, n, 0] // width != rows[slot, n - 1, 0] // width:
                groups += 1
    at = 0
    for n in range(1, full):
        if rows[slot, n, 0] // width == rows[slot, at, 0] // width:
            if rows[slot, n, 3] > rows[slot, at, 3]:
                rows[slot, at, 2] = rows[slot, n, 2]
                rows[slot, at, 3] = rows[slot, n, 3]
            if rows[slot, n, 5] < rows[slot, at, 5]:
                rows[slot, at, 4] = rows[slot, n, 4]
                rows[slot, at, 5] = rows[slot, n, 5]
            rows[slot, at, 6] = rows[slot, n, 6]
            rows[slot, at, 7] = rows[slot, n, 7]
        else:
            at += 1
            for column in range(8):
                rows[slot, at, column] = rows[slot, n, column]
    for column in range(6):
        cold[slot, FIRST_NS + column] = rows[slot, at, column]
    cold[slot, WIDTH] = width
    cold[slot, CLOSED] = at
    return at


@inlined
def begin_cell(a: Arrays, slot: Slot, ts_ns: int, value: int, last: int) -> None:
    """Put the newest cell of a curve away, which ended with ``last``, and take a value into the next."""
    cold, rows = a.cold, a.rows
    last_ns = a.hot[slot, LAST_NS]
    end = a.ends[slot]
    while end != OPEN and ts_ns >= end:
        at = cold[slot, CLOSED]
        for column in range(6):
            rows[slot, at, column] = cold[slot, FIRST_NS + column]
        rows[slot, at, 6] = last_ns
        rows[slot, at, 7] = last
        cold[slot, CLOSED] = at + 1
        end = OPEN
        if at + 1 >= a.bound:
            at = coarsen(cold, rows, slot, a.bound)
            last_ns = rows[slot, at, 6]
            last = rows[slot, at, 7]
            end = rows[slot, at, 0] // cold[slot, WIDTH] * cold[slot, WIDTH] + cold[slot, WIDTH]
    if end == OPEN:
        end = ts_ns // cold[slot, WIDTH] * cold[slot, WIDTH] + cold[slot, WIDTH]
        cold[slot, FIRST_NS] = cold[slot, HIGH_NS] = cold[slot, LOW_NS] = ts_ns
        cold[slot, FIRST] = cold[slot, HIGH] = cold[slot, LOW] = value
    a.ends[slot] = end
    block = slot >> BLOCK_BITS
    a.due[block] = min(a.due[block], end)


@inlined
def look(a: Arrays, slot: Slot, ts_ns: int, value: int, before: int, judge: bool) -> int:
    """Look at a value the long way; 1 if it is beyond ``VALUE_MAX``, else 0."""
    hot, cold = a.hot, a.cold
    last = before
    if cold[slot, STRAYED]:
        last = cold[slot, LAST]
        cold[slot, STRAYED] = 0
    high = cold[slot, HIGH_WATER]
    dip = cold[slot, DIP]
    if judge and value > high:
        if high > 0 and dip < high:
            depth = float(dip - high) / float(high)
            if depth < a.deepest[slot]:
                a.deepest[slot] = depth
        high = dip = value
        cold[slot, HIGH_WATER] = value
        cold[slot, DIP] = value
    elif judge and value < dip:
        dip = value
        cold[slot, DIP] = value
    if ts_ns >= a.ends[slot]:
        begin_cell(a, slot, ts_ns, value, last)
    if value > cold[slot, HIGH]:
        cold[slot, HIGH] = value
        cold[slot, HIGH_NS] = ts_ns
    elif value < cold[slot, LOW]:
        cold[slot, LOW] = value
        cold[slot, LOW_NS] = ts_ns
    ceiling = min(cold[slot, HIGH], high, VALUE_MAX)
    floor = max(cold[slot, LOW], dip, -VALUE_MAX)
    hot[slot, NAV] = value
    hot[slot, CEILING] = ceiling
    hot[slot, FLOOR] = floor if floor <= ceiling else ARMED
    hot[slot, LAST_NS] = ts_ns
    return 1 if value > VALUE_MAX or value < -VALUE_MAX else 0


@compiled
def arm(a: Arrays, block: int, ts_ns: int) -> None:
    """Send the accounts of a block whose cell is over the long way, and find the next end of one that is not."""
    due = NEVER
    for slot in range(block << BLOCK_BITS, min((block + 1) << BLOCK_BITS, a.ends.shape[0])):
        end = a.ends[slot]
        if end <= ts_ns:
            a.hot[slot, FLOOR] = ARMED
        elif end < due:
            due = end
    a.due[block] = due


@compiled
def fold(a: Arrays, todo: Int64s, touched: Int64s) -> int:
    """Fold a run of facts.

    Parameters
    ----------
    a : Arrays
    todo : (N, 3) int64
        Instrument, change in ticks, and the time of the fact in its last row, -1 in those before it.
    touched : (2, S) int64
        Scratch.

    Returns
    -------
    int
        How often a value beyond ``VALUE_MAX`` was seen.
    """
    hot, start, held, holder, worth, flag = a.hot, a.start, a.held, a.holder, a.worth, a.flag
    blocks = a.due.shape[0]
    instruments = start.shape[0] // blocks
    beyond = 0
    for block in range(blocks):
        n = 0
        while n < todo.shape[0]:
            last = n
            while todo[last, 2] < 0:
                last += 1
            ts_ns = todo[last, 2]
            if ts_ns >= a.due[block]:
                arm(a, block, ts_ns)
            if last == n:
                region = block * instruments + todo[n, 0]
                change = todo[n, 1]
                for at in range(start[region], start[region] + held[region]):
                    slot = holder[np.uint64(at)]
                    before = hot[slot, NAV]
                    value = before + worth[np.uint64(at)] * change
                    if (value > hot[slot, CEILING]) | (value < hot[slot, FLOOR]):
                        beyond += look(a, slot, ts_ns, value, before, True)
                    else:
                        hot[slot, NAV] = value
                        hot[slot, LAST_NS] = ts_ns
            else:
                many = 0
                for row in range(n, last + 1):
                    region = block * instruments + todo[row, 0]
                    change = todo[row, 1]
                    for at in range(start[region], start[region] + held[region]):
                        slot = holder[np.uint64(at)]
                        if not flag[slot]:
                            flag[slot] = 1
                            touched[0, many] = slot
                            touched[1, many] = hot[slot, NAV]
                            many += 1
                        hot[slot, NAV] += worth[np.uint64(at)] * change
                for row in range(many):
                    slot = np.uint32(touched[0, row])
                    flag[slot] = 0
                    value = hot[slot, NAV]
                    if (value > hot[slot, CEILING]) | (value < hot[slot, FLOOR]):
                        beyond += look(a, slot, ts_ns, value, touched[1, row], True)
                    else:
                        hot[slot, LAST_NS] = ts_ns
            n = last + 1
    return beyond


@compiled
def look_at(a: Arrays, slots: Int64s, ts_ns: int, judge: bool) -> int:
    """Look at values that were set from outside; how many are beyond ``VALUE_MAX``."""
    beyond = 0
    for slot in slots:
        value = a.hot[slot, NAV]
        beyond += look(a, np.uint32(slot), ts_ns, value, value, judge)
    return beyond


def warm(a: Arrays) -> None:
    """Have everything compiled, so that no disk which is full can come between a fact and its value."""
    none = np.zeros((0, 3), dtype=np.int64)
    calls: tuple[Callable[[], int], ...] = (
        lambda: fold(a, none, none),
        lambda: look_at(a, none[:, 0].copy(), 0, True),
    )
    for make in calls:
        try:
            make()
        except OSError:  # compiled, and only not kept
            make()
