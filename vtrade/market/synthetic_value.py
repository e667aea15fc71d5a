"""What is an invented instrument worth, step by step?

Rules: a kernel of its own; floats see only ``+ - * / sqrt`` and comparisons, and chance arrives ready-made, so the same
seed gives the same values on every machine, compiled or not.
"""

from __future__ import annotations

from math import sqrt
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEPS_PER_S: Final = 4
NEWS_SLOW: Final = 0.7
"""Share of a jump that is understood little by little, ..."""
NEWS_S: Final = 25.0
"""... and how long that takes."""
MARKET_VARIANCE_S: Final = 600.0
OWN_VARIANCE_S: Final = 90.0
"""Memory of the variances."""
VARIANCE_SPREAD: Final = 0.6
"""Their stationary variance."""
VARIANCE_MIN: Final = 0.05
JUMP_EXCITES: Final = 1_500.0
JUMP_EXCITES_MAX: Final = 5.0
"""A jump raises its instrument's variance by so much times its size, at most to this."""
GROWTH_MIN: Final = 0.6
GROWTH_MAX: Final = 1.4
"""No instrument leaves its price window."""
PACE_MAX: Final = 4.0

GROWTH, KNOWN, PACE = range(3)


@njit(cache=True, error_model="numpy")
def walk(paths: Floats, shocks: Floats, wobbles: Floats, jumps: Floats, loadings: Floats, shape: Floats) -> None:
    """Random walks with stochastic variance, common factors and jumps.

    Parameters
    ----------
    paths : (3, T + 1, n) float64
        Filled with the value relative to the start, with as much of it as everybody has understood (jumps are
        understood little by little), and with the activity. The first step is given.
    shocks : (T, F) float64
        Standard normal shocks of the factors.
    wobbles : (T, 1 + n) float64
        Standard normal shocks of the variances: the market's, then each instrument's own.
    jumps : (T, n) float64
        Relative jumps; a jump raises the instrument's variance for a while.
    loadings : (n, F) float64
        Standard deviation per step that each factor adds to an instrument's return.
    shape : (T, 2) float64
        Variance and activity of each step, as the time of day alone would have them.

    Notes
    -----
    Variances follow the square-root process of Cox, Ingersoll and Ross around 1: the market's with a memory of ten
    minutes, the instruments' own with one of ninety seconds; a return is scaled by the root of their product.
    """
    growth, known, pace = paths[GROWTH], paths[KNOWN], paths[PACE]
    variance = np.empty(1 + jumps.shape[1])
    news = np.empty(jumps.shape[1])
    variance[:], news[:] = 1.0, 0.0
    for t in range(jumps.shape[0]):
        for j in range(variance.shape[0]):
            v = variance[j]
            back = 1.0 / (STEPS_PER_S * (MARKET_VARIANCE_S if j == 0 else OWN_VARIANCE_S))
            v += back * (1.0 - v) + sqrt(2.0 * back * VARIANCE_SPREAD * v) * wobbles[t, j]
            if j > 0:
                v += min(abs(jumps[t, j - 1]) * JUMP_EXCITES, JUMP_EXCITES_MAX)
            variance[j] = max(v, VARIANCE_MIN)
        for i in range(jumps.shape[1]):
            level = sqrt(variance[0] * variance[1 + i])
            change = 0.0
            for f in range(shocks.shape[1]):
                change += loadings[i, f] * shocks[t, f]
            moved = growth[t, i] * (1.0 + sqrt(shape[t, 0]) * level * change + jumps[t, i])
            growth[t + 1, i] = min(max(moved, GROWTH_MIN), GROWTH_MAX)
            news[i] = news[i] * (1.0 - 1.0 / (STEPS_PER_S * NEWS_S)) + jumps[t, i]
            known[t + 1, i] = growth[t + 1, i] * (1.0 - NEWS_SLOW * news[i])
            pace[t, i] = pace[t + 1, i] = shape[t, 1] * min(0.4 + 0.6 * level, PACE_MAX)
