"""Does the one home of the clock tell the time?"""

from __future__ import annotations

import time

from vtrade.adapters.clock import SystemClock
from vtrade.ports import Clock


def test_it_fits_the_port() -> None:
    clock: Clock = SystemClock()
    assert all(callable(getattr(clock, name)) for name in ("monotonic_ns", "wall_ns", "sleep"))


def test_the_stopwatch_never_goes_back() -> None:
    clock = SystemClock()
    times = [clock.monotonic_ns() for _ in range(1_000)]
    assert times == sorted(times)
    assert all(type(t) is int for t in times)


def test_the_wall_clock_is_that_of_the_machine() -> None:
    clock = SystemClock()
    before, told, after = time.time_ns(), clock.wall_ns(), time.time_ns()
    assert before <= told <= after


def test_sleeping_takes_as_long_as_asked() -> None:
    clock = SystemClock()
    start = clock.monotonic_ns()
    clock.sleep(0.02)
    assert clock.monotonic_ns() - start >= 19_000_000
    clock.sleep(0)
