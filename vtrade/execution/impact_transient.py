"""What does an order cost where each trade pushes the price and the push fades, and which fading can be trusted?

Rules: prices in ticks, sizes in lots (positive buys), time in nanoseconds, costs in tick-lots above the undisturbed
price. The displacement fades by :func:`vtrade.execution.decay.decayed`, as in the engine, but here it is signed and
acts on both sides: the textbook model, in which a round trip that starts undisturbed never pays. Other decay kernels
pass :func:`check_kernel` first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Literal

import msgspec
import numpy as np

from vtrade.execution.decay import LN2, decayed
from vtrade.execution.impact_terms import ImpactNotAllowed, finite, not_negative, positive, whole

Kernel = Callable[[float], float]
"""Share of a trade's push that is left after a time."""


class TransientImpact(msgspec.Struct, frozen=True, kw_only=True):
    """A book of even depth, pushed away by trades, that comes back exponentially.

    Parameters
    ----------
    lots_per_tick : float
        Lots on each tick of the book, > 0.
    half_life_ns : int
        Time in which half of a displacement is gone, ns, >= 1.
    displacement : float
        How far the price stands from where it would be undisturbed, ticks; positive after buying.

    References
    ----------
    Obizhaeva and Wang (2013), "Optimal trading strategy and supply/demand dynamics", Journal of Financial Markets
    16(1), 1-32; here without their permanent part.

    Examples
    --------
    >>> book = TransientImpact(lots_per_tick=10.0, half_life_ns=1_000)
    >>> pushed, cost = book.trade(50)
    >>> pushed.displacement, cost, pushed.after(1_000).displacement
    (5.0, 125.0, 2.5)
    """

    lots_per_tick: float
    half_life_ns: int
    displacement: float = 0.0

    def __post_init__(self) -> None:
        positive(self.lots_per_tick, "lots_per_tick", "give the lots on one tick")
        whole(self.half_life_ns, "half_life_ns", "give nanoseconds, such as 60_000_000_000 for a minute")
        finite(self.displacement, "displacement", "give ticks, 0 for an undisturbed market")

    @property
    def resilience(self) -> float:
        """``rho``: share of the displacement that comes back per nanosecond, ``ln 2 / half_life_ns``."""
        return LN2 / self.half_life_ns

    @property
    def temporary(self) -> float:
        """``eta`` of the Almgren-Chriss model that slow trading comes to: ticks per (lot per ns)."""
        return 1.0 / (self.lots_per_tick * self.resilience)

    def after(self, elapsed_ns: int) -> TransientImpact:
        """The market after a time in which nobody traded, ns."""
        rest = whole(elapsed_ns, "elapsed_ns", "time does not run backwards", least=0)
        return msgspec.structs.replace(self, displacement=decayed(self.displacement, rest, self.half_life_ns))

    def trade(self, lots: float) -> tuple[TransientImpact, float]:
        """The market after a block of ``lots`` (negative sells), and what the block cost, tick-lots."""
        size = finite(lots, "lots", "give the size of the block")
        push = size / self.lots_per_tick
        return (
            msgspec.structs.replace(self, displacement=self.displacement + push),
            size * (self.displacement + push / 2.0),
        )

    def cost(self, blocks: Iterable[tuple[int, float]]) -> float:
        """Cost of a schedule of blocks.

        Parameters
        ----------
        blocks : iterable of (int, float)
            Time in ns, never earlier than the one before, and lots.

        Returns
        -------
        float
            Tick-lots; the market starts with its displacement at the first block.

        Examples
        --------
        >>> book = TransientImpact(lots_per_tick=10.0, half_life_ns=1_000)
        >>> book.cost([(0, 100)]), book.cost([(0, 50), (1_000, 50)])
        (500.0, 375.0)
        """
        market = self
        now: int | None = None
        total = 0.0
        for ts_ns, lots in blocks:
            market, paid = market.after(0 if now is None else ts_ns - now).trade(lots)
            now = ts_ns
            total += paid
        return total

    def cost_at_rate(self, lots: float, *, duration_ns: int) -> float:
        """Cost of trading ``lots`` at an even pace for ``duration_ns``, tick-lots, in the limit of tiny blocks.

        Notes
        -----
        ``v² / (q rho) * (T - (1 - exp(-rho T)) / rho)`` with pace ``v`` and depth ``q``, and what an earlier
        displacement adds. As ``rho T`` grows this becomes ``eta v² T`` with ``eta = 1 / (q rho)``, the temporary cost
        of Almgren and Chriss.

        References
        ----------
        Kallsen and Muhle-Karbe (2014), "High-resilience limits of block-shaped order books".
        """
        size = finite(lots, "lots", "give the size")
        span = whole(duration_ns, "duration_ns", "give nanoseconds")
        rate = size / span
        u = self.resilience * span
        faded = -math.expm1(-u)
        built = u - faded if u > 1e-3 else u * u * (0.5 - u / 6.0 + u * u / 24.0)
        return (self.displacement * rate * faded + self.temporary * rate * rate * built) / self.resilience

    def best_times(self, lots: float, times_ns: Sequence[int]) -> tuple[float, ...]:
        """The cheapest way to trade ``lots`` in blocks at given times.

        Parameters
        ----------
        lots : float
            Total to buy (positive) or sell.
        times_ns : sequence of int
            Times of the blocks, rising.

        Returns
        -------
        tuple of float
            Lots of each block: equal large ones first and last, smaller ones between, all of one sign.

        Raises
        ------
        ImpactNotAllowed
            If the times don't rise, or the market does not start undisturbed.

        References
        ----------
        Alfonsi, Fruth and Schied (2008), "Constrained portfolio liquidation in a limit order book model".

        Examples
        --------
        >>> book = TransientImpact(lots_per_tick=10.0, half_life_ns=1_000)
        >>> [round(block, 6) for block in book.best_times(100, [0, 1_000, 2_000])]
        [40.0, 20.0, 40.0]
        """
        size = finite(lots, "lots", "give the total to trade")
        self._undisturbed()
        if not times_ns:
            raise ImpactNotAllowed("no times were given; give at least one")
        keeps = []
        for before, after in pairwise(times_ns):
            if after <= before:
                raise ImpactNotAllowed(f"time {after!r} does not come after {before!r}; give rising times")
            keeps.append(decayed(1.0, after - before, self.half_life_ns))
        if not keeps:
            return (size,)
        between = [1.0 / (1.0 + before) - after / (1.0 + after) for before, after in pairwise(keeps)]
        weights = (1.0 / (1.0 + keeps[0]), *between, 1.0 / (1.0 + keeps[-1]))
        scale = size / math.fsum(weights)
        return tuple(weight * scale for weight in weights)

    def best_plan(self, lots: float, *, horizon_ns: int) -> BlockPlan:
        """The cheapest way to trade ``lots`` within a horizon: a block, an even pace, a block.

        Parameters
        ----------
        lots : float
            Total to buy (positive) or sell.
        horizon_ns : int
            Time for it, ns.

        Returns
        -------
        BlockPlan
            Blocks of ``X / (rho T + 2)``, and ``rho`` times that per ns between them, which holds the displacement
            where the first block put it.

        Raises
        ------
        ImpactNotAllowed
            If the market does not start undisturbed or the horizon is no positive whole number.

        Examples
        --------
        >>> plan = TransientImpact(lots_per_tick=10.0, half_life_ns=693_147_181).best_plan(100, horizon_ns=8 * 10**9)
        >>> round(plan.block, 6), round(plan.rate * 1e9, 6), round(plan.cost, 4)
        (10.0, 10.0, 100.0)
        """
        size = finite(lots, "lots", "give the total to trade")
        span = whole(horizon_ns, "horizon_ns", "give nanoseconds")
        self._undisturbed()
        block = size / (self.resilience * span + 2.0)
        return BlockPlan(block, block * self.resilience, size * block / self.lots_per_tick)

    def _undisturbed(self) -> None:
        if self.displacement != 0.0:
            raise ImpactNotAllowed(
                f"displacement {self.displacement!r} must be 0 for a best schedule; start from an undisturbed market"
            )


class BlockPlan(msgspec.Struct, frozen=True):
    """Lots of the first and of the last block, lots per ns between them, and the cost of it all in tick-lots."""

    block: float
    rate: float
    cost: float


# --- which kernels can be trusted ------------------------------------------------------------------------------------


def check_kernel(
    kernel: Kernel,
    *,
    horizon: float,
    points: int = 64,
    impact_exponent: float = 1.0,
    against: Literal["transactions", "round_trips"] = "transactions",
) -> None:
    """Refuse a decay kernel that would let somebody manipulate the price.

    Parameters
    ----------
    kernel : callable
        ``G(t)``: what is left of a push after time ``t >= 0``.
    horizon : float
        Longest time looked at, > 0, in the kernel's unit.
    points : int
        Evenly spaced times looked at, 3 to 1,000.
    impact_exponent : float
        Power of the trading speed that pushes the price, > 0; 1 is linear impact.
    against : {"transactions", "round_trips"}
        ``"transactions"`` asks for a kernel that is positive, never rises and is convex: then no round trip pays, and
        no buyer ever gains from selling on the way. ``"round_trips"`` asks only that no round trip over these times
        pays.

    Raises
    ------
    ImpactNotAllowed
        Naming the time and the values that break the rule, and the mend.

    Notes
    -----
    A round trip of trades ``x`` costs ``x' G x / 2`` with the matrix ``G(|t_i - t_j|)``; it never pays if the matrix
    has no negative eigenvalue among trades that sum to zero. Convex, falling and positive kernels always pass that. The
    times looked at are a sample: they can prove that a kernel is bad, but only suggest that it is good.

    Where impact is not linear, any kernel that is finite at 0 is refused: within a short enough time nothing fades, and
    impact that neither fades nor is linear pays whoever trades one way slowly and the other way fast.

    References
    ----------
    Huberman and Stanzl (2004), "Price manipulation and quasi-arbitrage", Econometrica 72(4), 1247-1275.

    Gatheral (2010), "No-dynamic-arbitrage and market impact", Quantitative Finance 10(7), 749-759.

    Alfonsi, Schied and Slynko (2012), "Order book resilience, price manipulation, and the positive portfolio problem",
    SIAM Journal on Financial Mathematics 3, 511-533.

    Examples
    --------
    >>> import math
    >>> check_kernel(lambda t: math.exp(-t), horizon=5.0)
    >>> check_kernel(lambda t: math.exp(-t * t), horizon=5.0)
    Traceback (most recent call last):
    ...
    vtrade.execution.impact_terms.ImpactNotAllowed: kernel 1.0, 0.99..., 0.97... at times 0.0, 0.07..., 0.15... is ...
    """
    span = positive(horizon, "horizon", "give the longest time to look at")
    count = whole(points, "points", "give 3 to 1000", least=3)
    if count > 1_000:
        raise ImpactNotAllowed(f"points {points!r} are too many; give 3 to 1000")
    exponent = positive(impact_exponent, "impact_exponent", "1 is linear impact")
    if against not in ("transactions", "round_trips"):
        raise ImpactNotAllowed(f"against {against!r} is unknown; give 'transactions' or 'round_trips'")
    times = [span * k / (count - 1) for k in range(count)]
    values = [_sampled(kernel, time) for time in times]
    if values[0] <= 0.0:
        raise ImpactNotAllowed(f"kernel {values[0]!r} at time 0 must be positive: a buy pushes the price up at first")
    if exponent != 1.0:
        raise ImpactNotAllowed(
            f"impact exponent {impact_exponent!r} with a kernel that is finite at time 0 ({values[0]!r}) pays for "
            "trading one way slowly and the other way fast; take 1, or a power law that check_power_law allows"
        )
    noise = 1e-12 * values[0] * count
    if against == "transactions":
        _check_shape(times, values, noise)
    grid = np.asarray(values)
    lags = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    flat = np.eye(count) - 1.0 / count
    worst = float(np.linalg.eigvalsh(flat @ grid[lags] @ flat)[0])
    if worst < -noise * count:
        raise ImpactNotAllowed(
            f"kernel pays {-worst / 2.0:.6g} for a round trip of unit length in {count} trades over {span!r}; "
            "take one that is positive, falling and convex, such as exp(-t)"
        )


def _sampled(kernel: Kernel, time: float) -> float:
    try:
        value = float(kernel(time))
    except ZeroDivisionError:
        value = math.inf
    except (OverflowError, ValueError, TypeError) as error:
        raise ImpactNotAllowed(f"kernel has no value at time {time!r} ({error}); give one for all times") from error
    if not math.isfinite(value):
        mend = "check a power law with check_power_law" if time == 0.0 else "give a finite value for all times"
        raise ImpactNotAllowed(f"kernel {value!r} at time {time!r} must be a finite number; {mend}")
    return value


def _check_shape(times: list[float], values: list[float], noise: float) -> None:
    for time, value in zip(times, values, strict=True):
        if value < 0.0:
            raise ImpactNotAllowed(f"kernel {value!r} at time {time!r} is below 0; let it fade to 0 and stay there")
    for k in range(1, len(values)):
        if values[k] - values[k - 1] > noise:
            raise ImpactNotAllowed(
                f"kernel rises from {values[k - 1]!r} at time {times[k - 1]!r} to {values[k]!r} at {times[k]!r}; "
                "take one that never rises"
            )
    for k in range(1, len(values) - 1):
        if values[k - 1] - 2.0 * values[k] + values[k + 1] < -noise:
            raise ImpactNotAllowed(
                f"kernel {values[k - 1]!r}, {values[k]!r}, {values[k + 1]!r} at times {times[k - 1]!r}, {times[k]!r}, "
                f"{times[k + 1]!r} is not convex, so a buyer would gain by selling on the way; take one that fades "
                "fastest at first, such as exp(-t)"
            )


def check_power_law(*, decay_exponent: float, impact_exponent: float) -> None:
    """Refuse a power-law kernel ``t ** -gamma`` under impact ``speed ** delta`` that would let round trips pay.

    Parameters
    ----------
    decay_exponent : float
        ``gamma``, above 0 and below 1, so that a finite speed costs a finite amount.
    impact_exponent : float
        ``delta``, > 0; 0.5 is the square-root law.

    Raises
    ------
    ImpactNotAllowed
        If an exponent is out of range, or ``gamma + delta < 1``.

    Notes
    -----
    ``gamma + delta >= 1`` is necessary, and with ``delta = 1`` sufficient too; with ``delta < 1`` more elaborate
    strategies may still pay.

    References
    ----------
    Gatheral (2010), "No-dynamic-arbitrage and market impact", Quantitative Finance 10(7), 749-759.

    Examples
    --------
    >>> check_power_law(decay_exponent=0.5, impact_exponent=0.5)
    """
    gamma = not_negative(decay_exponent, "decay_exponent", "give one between 0 and 1, such as 0.5")
    delta = positive(impact_exponent, "impact_exponent", "give one such as 0.5")
    if not 0.0 < gamma < 1.0:
        raise ImpactNotAllowed(f"decay_exponent {decay_exponent!r} must lie between 0 and 1; give one such as 0.5")
    if gamma + delta < 1.0:
        raise ImpactNotAllowed(
            f"decay exponent {decay_exponent!r} and impact exponent {impact_exponent!r} add up to less than 1, so "
            f"buying slowly and selling fast would pay; raise the decay exponent to {1.0 - delta:.6g} or more"
        )
