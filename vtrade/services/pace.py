"""How fast does a market move by itself, and what time is it there after a while of playing?

Rules: speed 1 is the market's own pace: a simulated second in a real one, or on bars so many that a bar takes a
second. A stretch without events longer than ``GAP_S`` real seconds at speed 1 (a night) is passed over. A clock that
stood still for long, with the machine or the process, does not make up for it. Pure functions: whoever plays brings the
clock.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from vtrade.domain.values import MICRO, NS_PER_S
from vtrade.execution.house import SPEED_MAX
from vtrade.market.dtype import Kind
from vtrade.market.tape import Tape, TapeHead

PLAY_HZ: Final = 20
"""Steps of the playing clock in a second of real time."""

GAP_S: Final = 300
"""While playing, a longer stretch without events (a night) is passed over."""

STEP_S_MAX: Final = 1.0
"""Real seconds that one step of the playing clock can be worth."""

BARS_LOOKED_AT: Final = 1_000
"""The distance between bars is the median over so many."""


def base_rate(tape: Tape | None) -> float:
    """Simulated seconds in a real second at speed 1.

    Examples
    --------
    >>> base_rate(None)
    1.0
    """
    if tape is None or tape.depth != "bars":
        return 1.0
    starts = tape.events["ts_ns"][tape.events["kind"] == Kind.BAR_OPEN][:BARS_LOOKED_AT]
    gaps = np.diff(np.unique(starts))
    return float(np.median(gaps)) / NS_PER_S if len(gaps) else 1.0


def head_of(tape: Tape) -> TapeHead:
    """What one may know of a tape before it was played, with its own pace."""
    return msgspec.structs.replace(tape.head, rate=base_rate(tape))


def moved_on(now_ns: int, elapsed_ns: int, *, speed: float, rate: float, upcoming_ns: int | None) -> int:
    """Simulated time after ``elapsed_ns`` real nanoseconds more.

    Parameters
    ----------
    now_ns : int
        Simulated time before.
    elapsed_ns : int
        Real time that went by.
    speed, rate : float
        Multiple of the base rate, and the base rate.
    upcoming_ns : int or None
        Time of the next event, ``None`` where nothing is left.

    Examples
    --------
    >>> moved_on(0, 50_000_000, speed=2.0, rate=1.0, upcoming_ns=1_000)
    100000000
    >>> moved_on(0, 50_000_000, speed=2.0, rate=1.0, upcoming_ns=8 * 3600 * NS_PER_S)
    28800000000000
    """
    target = now_ns + int(elapsed_ns * speed * rate)
    if upcoming_ns is not None and upcoming_ns - target > GAP_S * rate * NS_PER_S:
        return upcoming_ns
    return target


def as_speed(millionths: int) -> float:
    """A speed as room commands carry it, as a multiple; 0 is as fast as it goes.

    Examples
    --------
    >>> as_speed(2_500_000)
    2.5
    """
    return millionths / MICRO


def is_speed(millionths: int) -> bool:
    """Whether a room takes this speed.

    Examples
    --------
    >>> is_speed(0), is_speed(-1), is_speed(SPEED_MAX * MICRO), is_speed(SPEED_MAX * MICRO + 1)
    (True, False, True, False)
    """
    return 0 <= millionths <= SPEED_MAX * MICRO


__all__ = ["GAP_S", "PLAY_HZ", "SPEED_MAX", "STEP_S_MAX", "as_speed", "base_rate", "is_speed", "moved_on"]
