"""How do the arrays look in which the values of many accounts stand?

Rules: int64 throughout, save the drawdowns. Accounts stand in blocks whose hot rows fit into the nearest cache. Of each
account the hot row has the value, the two bounds within which a new value changes no extreme, and the time of the last
look; the cold row has what only the long way needs. A row is *armed* while its lower bound lies above every value, so
that the next look takes the long way. Values are kept within ``VALUE_MAX`` and the changes of one run within
``REACH_MAX`` together, so every sum stays below 2**53, where also the division of a drawdown is exact.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]

VALUE_MAX: Final = 2**51
"""Largest value, and high-water mark, of an account in the arrays, micro-units."""
REACH_MAX: Final = 2**51
"""By how much one run of facts may move a value at most, micro-units."""
BLOCK_BITS: Final = 10
"""Accounts of a block: two to the power of this; their hot rows take 32 KB."""

NAV, CEILING, FLOOR, LAST_NS = range(4)
"""Columns of a hot row."""
HOT: Final = 4
(
    HIGH_WATER, DIP, STRAYED, LAST, WIDTH, CLOSED, FIRST_NS, FIRST, HIGH_NS, HIGH, LOW_NS, LOW,
) = range(12)  # fmt: skip
"""Columns of a cold row: high-water mark and the lowest value since; whether the value was changed without a look, and
what it was at the last one; the curve's cell: its width, the closed ones before it, first, highest, lowest."""
COLD: Final = 12
ARMED: Final = 2**62
"""A lower bound that no value reaches."""
NEVER: Final = 2**62
"""No time comes that late."""
OPEN: Final = -(2**63)
"""End of a cell that has not begun."""


class Arrays(NamedTuple):
    """Everything a run works on.

    Attributes
    ----------
    hot : (S, HOT) int64
    cold : (S, COLD) int64
    ends : (S,) int64
        When the newest cell of each curve is over.
    deepest : (S,) float64
    rows : (S, R, 8) int64
        Closed cells of each curve, as in :meth:`vtrade.portfolio.curve.Curve.rows`.
    due : (B,) int64
        Per block: the earliest end of a cell that is not armed.
    start, held : (B * I,) int64
        Per block and instrument: where its holders stand, and how many they are.
    holder : (H,) uint32
        Their slots.
    worth : (H,) int64
        Micro-units that a tick is worth to each; negative when short.
    flag : (S,) uint8
        All 0, between runs.
    bound : int
        Cells a curve keeps.
    """

    hot: Int64s
    cold: Int64s
    ends: Int64s
    deepest: NDArray[np.float64]
    rows: Int64s
    due: Int64s
    start: Int64s
    held: Int64s
    holder: NDArray[np.uint32]
    worth: Int64s
    flag: NDArray[np.uint8]
    bound: int
