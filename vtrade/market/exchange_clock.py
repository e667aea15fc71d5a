"""When do agents of an exchange room act?

Rules: agents live by the market's own time, in microseconds: it runs fast when the market is busy and slowly when it is
calm, so that bursts of activity change when things happen, but not what happens. Everything here is exact or uses only
``+ - * / sqrt``, so the same luck gives the same times on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vtrade.domain.luck import uniforms
from vtrade.domain.values import NS_PER_S

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

US: Final = 1_000_000
"""Units of market time in one second of it."""
LN2: Final = 0.6931471805599453
MOODS_S: Final = (600.0, 90.0)
"""Memory of the whole market's activity, and of an instrument's own."""
MOOD_SPREAD: Final = 0.6
"""Stationary variance of either."""
MOOD_MAX: Final = 6.0
PACE_MIN: Final = 0.3
PACE_MAX: Final = 6.0


@dataclass(frozen=True)
class MarketTime:
    """How market time and the clock on the wall belong together.

    Attributes
    ----------
    start_ns : int
        Clock time at which market time is 0.
    passed : (S + 1,) int64
        Market time at each full second of the clock, microseconds; strictly increasing.
    """

    start_ns: int
    passed: Ints

    def clock(self, market_us: Ints) -> Ints:
        """Clock time in ns of moments of market time within the day.

        Examples
        --------
        >>> time = MarketTime(0, np.array([0, 2_000_000, 2_500_000]))
        >>> time.clock(np.array([0, 1_000_000, 2_250_000])).tolist()
        [0, 500000000, 1500000000]
        """
        second = np.searchsorted(self.passed, market_us, side="right") - 1
        second = np.minimum(second, len(self.passed) - 2)
        length = self.passed[second + 1] - self.passed[second]
        return self.start_ns + second * NS_PER_S + (market_us - self.passed[second]) * NS_PER_S // length

    def market(self, clock_ns: int) -> int:
        """Market time in microseconds at a clock time within the day.

        Examples
        --------
        >>> MarketTime(0, np.array([0, 2_000_000, 2_500_000])).market(1_500_000_000)
        2250000
        """
        second, rest = divmod(clock_ns - self.start_ns, NS_PER_S)
        if second >= len(self.passed) - 1:
            return int(self.passed[-1])
        length = int(self.passed[second + 1] - self.passed[second])
        return int(self.passed[second]) + length * rest // NS_PER_S


def waits(u: Floats) -> Floats:
    """Exponential waiting times of mean 1 from uniform numbers: ``-log(u)`` by halvings and the inverse tanh's series.

    Examples
    --------
    >>> [round(float(wait), 6) for wait in waits(np.array([0.5, 0.1, 0.9]))]
    [0.693147, 2.302585, 0.105361]
    """
    mantissa, exponent = np.frexp(u)
    z = (1.0 - mantissa) / (1.0 + mantissa)
    s = z * z
    series: Any = 1.0 / 15.0
    for odd in (13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0):
        series = series * s + 1.0 / odd
    waited: Floats = 2.0 * z * series - exponent * LN2
    return waited


def arrivals(seed: int, name: str, per_s: float, span_us: int) -> Ints:
    """Moments of a Poisson process within ``0 <= t < span_us`` of market time, in order.

    Examples
    --------
    >>> times = arrivals(7, "demo", 2.0, 1_000 * US)
    >>> len(times), bool((np.diff(times) >= 0).all()), int(times[-1]) < 1_000 * US
    (1981, True, True)
    """
    expected = per_s * span_us / US
    count = int(expected + 6.0 * sqrt(expected)) + 16
    while True:
        gaps = (waits(uniforms(seed, name, count)) * (US / per_s)).astype(np.int64)
        times = np.cumsum(gaps)
        if times[-1] >= span_us:
            return times[: int(np.searchsorted(times, span_us))]
        count *= 2


def moods(shocks: Floats, memory_s: float, pushes: Floats) -> Floats:
    """Activity second by second, about 1 on average: a square-root process, pushed up where something happens.

    Parameters
    ----------
    shocks : (S,) float64
        Standard normal.
    memory_s : float
    pushes : (S,) float64
        Added at each second.

    References
    ----------
    Cox, Ingersoll and Ross (1985), "A theory of the term structure of interest rates".
    """
    level, back, found = 1.0, 1.0 / memory_s, []
    scale = 2.0 * back * MOOD_SPREAD
    for shock, push in zip(shocks.tolist(), pushes.tolist(), strict=True):
        level += back * (1.0 - level) + sqrt(scale * level) * shock + push
        level = min(max(level, 0.05), MOOD_MAX)
        found.append(level)
    return np.array(found)


def paces(shape: Floats, market: Floats, own: Floats) -> Floats:
    """Activity of one instrument second by second, (S,), 1 on average: time of day, the market's mood and its own."""
    pace = np.clip(shape * (PACE_MIN + (1.0 - PACE_MIN) * market * own), PACE_MIN / 2.0, PACE_MAX)
    return pace / (fsum(pace) / len(pace))


def market_time(start_ns: int, pace: Floats, seconds_per_s: float) -> MarketTime:
    """Market time that runs ``seconds_per_s`` times as fast as the clock where ``pace`` is 1."""
    lengths = np.maximum((pace * (seconds_per_s * US)).astype(np.int64), 1)
    return MarketTime(start_ns, np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]))
