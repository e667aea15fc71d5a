"""What do models of market impact say, and what exactly does the engine's own one charge?

Rules: this is the face of the impact library; the laws stand in :mod:`vtrade.execution.impact_laws`, the schedules of
Almgren and Chriss in ``impact_schedules``, transient impact and the kernels in ``impact_transient``, the scalar
functions the engine calls in ``decay``. :class:`Overlay` is the engine's rule once more, small and slow, over a book
that stands still: the yardstick for the engine and the place where one can see that round trips don't pay.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from vtrade.execution.decay import SLACK_TICKS, decayed, decayed_lots, impulse_ticks, overlay_price
from vtrade.execution.impact_laws import (
    ALMGREN_2005,
    ALMGREN_2005_FREE,
    Almgren2005,
    AlmgrenCost,
    SquareRootFit,
    almgren_2005,
    calibrate_square_root,
    square_root_bps,
    square_root_money,
    square_root_ticks,
    volume_allowance,
    volume_share_bps,
)
from vtrade.execution.impact_schedules import (
    AlmgrenChriss,
    Schedule,
    efficient_frontier,
    even_schedule,
    optimal_schedule,
    schedule_of,
)
from vtrade.execution.impact_terms import ImpactNotAllowed, not_negative, positive, whole
from vtrade.execution.impact_transient import BlockPlan, Kernel, TransientImpact, check_kernel, check_power_law

__all__ = [
    "ALMGREN_2005",
    "ALMGREN_2005_FREE",
    "Almgren2005",
    "AlmgrenChriss",
    "AlmgrenCost",
    "BlockPlan",
    "ImpactNotAllowed",
    "Kernel",
    "Level",
    "Overlay",
    "Schedule",
    "SquareRootFit",
    "TransientImpact",
    "almgren_2005",
    "calibrate_square_root",
    "check_kernel",
    "check_power_law",
    "efficient_frontier",
    "even_schedule",
    "optimal_schedule",
    "schedule_of",
    "square_root_bps",
    "square_root_money",
    "square_root_ticks",
    "volume_allowance",
    "volume_share_bps",
]

Level = tuple[int, int]
"""Price in ticks, lots."""


class Overlay:
    """Aggressive orders of a whole room against a tape that stands still.

    Parameters
    ----------
    bids, asks : sequence of (int, int)
        The tape's levels, best first: price in ticks, lots.
    lots_per_tick : float
        Lots that move the displacement by one tick, > 0.
    half_life_ns : int
        Time in which half of the displacement, and of the lots taken from a level, comes back, ns.
    slack : float
        As in :func:`vtrade.execution.decay.surcharge_ticks`.

    Raises
    ------
    ImpactNotAllowed
        If a parameter is out of range, the book is crossed or a side is not sorted.

    Notes
    -----
    One displacement ``D`` is shared by all participants. A buyer pays each level's price plus ``max(0, D)``, a seller
    gets it less ``max(0, -D)``; then the order moves ``D``. So every lot is bought at the best ask or above and sold at
    the best bid or below, whatever anybody did before: over a flat book no sequence of trades that ends flat earns.

    The obvious rule, both sides trade at the level plus the signed ``D``, is manipulable: the order that moves ``D``
    has paid the old price, and the sale that follows at once is credited with the whole move, so buying and selling
    ``q`` lots earns ``q * (q / lots_per_tick - spread)``. Charging each order its own push closes that door for one
    trader alone, but lets one who bought before somebody else's order sell to the tape above any price it showed.

    Examples
    --------
    >>> room = Overlay([(99, 500)], [(100, 500)], lots_per_tick=50.0, half_life_ns=1_000)
    >>> room.trade(0, 100), room.displacement
    ([(100, 100)], 2.0)
    >>> room.trade(0, 50), room.trade(1_000, -150)
    ([(102, 50)], [(99, 150)])
    """

    def __init__(
        self,
        bids: Sequence[Level],
        asks: Sequence[Level],
        *,
        lots_per_tick: float,
        half_life_ns: int,
        slack: float = SLACK_TICKS,
    ) -> None:
        self.lots_per_tick = positive(lots_per_tick, "lots_per_tick", "give the lots that move the price by a tick")
        self.half_life_ns = whole(half_life_ns, "half_life_ns", "give nanoseconds")
        self.slack = not_negative(slack, "slack", "give ticks, such as 0.5")
        self._levels = {-1: _side(bids, -1), 1: _side(asks, 1)}
        if bids and asks and bids[0][0] > asks[0][0]:
            raise ImpactNotAllowed(
                f"best bid {bids[0][0]} is above best ask {asks[0][0]}; give a book that is not crossed"
            )
        self._taken: dict[int, tuple[int, int]] = {}
        self._displacement = 0.0
        self.ts_ns = 0

    @property
    def displacement(self) -> float:
        """Ticks, right after the last trade."""
        return self._displacement

    def taken(self, price: int, ts_ns: int) -> int:
        """Lots of a level that participants have taken and that are not back yet."""
        lots, when = self._taken.get(price, (0, ts_ns))
        return decayed_lots(lots, ts_ns - when, self.half_life_ns)

    def trade(self, ts_ns: int, lots: int) -> list[Level]:
        """Send an aggressive order.

        Parameters
        ----------
        ts_ns : int
            Time, never earlier than that of the order before.
        lots : int
            To buy (positive) or to sell (negative).

        Returns
        -------
        list of (int, int)
            Price in ticks and lots of each fill, best first; what the visible levels cannot fill is gone.
        """
        if ts_ns < self.ts_ns:
            raise ImpactNotAllowed(
                f"time {ts_ns} is before the last order's {self.ts_ns}; send orders in order of time"
            )
        now = decayed(self._displacement, ts_ns - self.ts_ns, self.half_life_ns)
        side = 1 if lots > 0 else -1
        left = abs(lots)
        fills: list[Level] = []
        for price, size in self._levels[side]:
            gone = self.taken(price, ts_ns)
            filled = min(left, size - gone)
            if filled > 0:
                fills.append((overlay_price(price, now, side, self.slack), filled))
                self._taken[price] = (gone + filled, ts_ns)
                left -= filled
        self._displacement = now + impulse_ticks(side * (abs(lots) - left), self.lots_per_tick)
        self.ts_ns = ts_ns
        return fills


def _side(levels: Sequence[Level], side: int) -> tuple[Level, ...]:
    """The levels of one side, or a refusal where they are not sorted from the best outwards."""
    for price, size in levels:
        whole(price, "price", "give ticks")
        whole(size, "lots", "leave empty levels out")
    for (better, _), (worse, _) in pairwise(levels):
        if (worse - better) * side <= 0:
            raise ImpactNotAllowed(f"level {worse} does not lie behind {better}; give levels from the best outwards")
    return tuple(levels)
