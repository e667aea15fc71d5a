"""How should a large order be spread over time where trading faster costs more and waiting is risky?

Rules: the model of Almgren and Chriss, with time in periods of equal length, impact linear in speed, money units
throughout. Positive holdings are to be sold; a purchase is the same with every sign turned. The hyperbolic functions
make this a library for studies, not for engines.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from vtrade.execution.impact_terms import ImpactNotAllowed, finite, not_negative, positive, whole


class AlmgrenChriss(msgspec.Struct, frozen=True, kw_only=True):
    """A market with linear temporary and permanent impact.

    Parameters
    ----------
    volatility : float
        Standard deviation of the price of one unit over one unit of time, money, >= 0.
    temporary : float
        ``eta``: what trading one unit per unit of time moves one's own price by, money, > 0.
    permanent : float
        ``gamma``: what each unit traded moves the price by for good, money, >= 0.
    half_spread : float
        ``epsilon``: fixed cost of a unit, money, >= 0.

    References
    ----------
    Almgren and Chriss (2000), "Optimal execution of portfolio transactions", Journal of Risk 3(2), 5-39.
    """

    volatility: float
    temporary: float
    permanent: float = 0.0
    half_spread: float = 0.0

    def __post_init__(self) -> None:
        not_negative(self.volatility, "volatility", "give money per unit and square root of time")
        positive(self.temporary, "temporary", "give eta, money per unit of speed")
        not_negative(self.permanent, "permanent", "give gamma, money per unit traded")
        not_negative(self.half_spread, "half_spread", "give half the spread in money")


class Schedule(msgspec.Struct, frozen=True):
    """A way to trade: holdings at the start and after each period, expected cost (money) and its variance (money²)."""

    holdings: tuple[float, ...]
    expected_cost: float
    variance: float

    @property
    def sd(self) -> float:
        """Standard deviation of the cost, money."""
        return math.sqrt(self.variance)


def schedule_of(market: AlmgrenChriss, holdings: Sequence[float], *, period: float) -> Schedule:
    """Expected cost and risk of any way to trade.

    Parameters
    ----------
    market : AlmgrenChriss
    holdings : (N + 1,) sequence of float
        Units held at the start and after each period; the last is usually 0.
    period : float
        Length ``tau`` of a period, > 0.

    Returns
    -------
    Schedule
        ``E = sum(gamma n_k x_k + epsilon |n_k| + eta n_k² / tau)`` and ``V = sigma² tau sum(x_k²)`` over the periods
        k = 1 to N, with ``n_k = x_(k-1) - x_k``.

    Raises
    ------
    ImpactNotAllowed
        If there are fewer than two holdings or a number is out of range.

    Examples
    --------
    >>> market = AlmgrenChriss(volatility=0.95, temporary=2.5e-6, permanent=2.5e-7, half_spread=0.0625)
    >>> at_once = schedule_of(market, [1e6, 0, 0, 0, 0, 0], period=1.0)
    >>> at_once.expected_cost, at_once.sd
    (2562500.0, 0.0)
    """
    tau = positive(period, "period", "give the length of a period")
    x = tuple(finite(held, "holding", "give units held") for held in holdings)
    if len(x) < 2:
        raise ImpactNotAllowed(f"{len(x)} holdings make no schedule; give one for the start and one after each period")
    cost = 0.0
    squares = 0.0
    for before, after in pairwise(x):
        sold = before - after
        cost += market.permanent * sold * after + market.half_spread * abs(sold) + market.temporary * sold * sold / tau
        squares += after * after
    return Schedule(x, cost, market.volatility * market.volatility * tau * squares)


def even_schedule(market: AlmgrenChriss, quantity: float, *, horizon: float, periods: int) -> Schedule:
    """Trade the same amount in each period (TWAP); parameters as in :func:`optimal_schedule`.

    Examples
    --------
    >>> market = AlmgrenChriss(volatility=0.95, temporary=2.5e-6, permanent=2.5e-7, half_spread=0.0625)
    >>> even = even_schedule(market, 1e6, horizon=5.0, periods=5)
    >>> round(even.expected_cost), round(even.variance / 1e12, 6)
    (662500, 1.083)
    """
    return optimal_schedule(market, quantity, horizon=horizon, periods=periods, risk_aversion=0.0)


def optimal_schedule(
    market: AlmgrenChriss, quantity: float, *, horizon: float, periods: int, risk_aversion: float
) -> Schedule:
    """The way to trade that minimises ``expected cost + risk_aversion * variance``.

    Parameters
    ----------
    market : AlmgrenChriss
    quantity : float
        Units to sell (positive) or to buy (negative).
    horizon : float
        Time by which all is traded, > 0, in the unit of the market's volatility.
    periods : int
        Number ``N`` of equal periods, >= 1.
    risk_aversion : float
        ``lambda``, 1 / money, >= 0; 0 trades evenly.

    Returns
    -------
    Schedule
        Holdings ``X sinh(kappa (T - t)) / sinh(kappa T)`` with ``cosh(kappa tau) = 1 + lambda sigma² tau² / (2 eta~)``
        and ``eta~ = eta - gamma tau / 2``.

    Raises
    ------
    ImpactNotAllowed
        If a parameter is out of range, or permanent impact outweighs temporary (``eta~ <= 0``), so that no best
        schedule exists.

    References
    ----------
    Almgren and Chriss (2000), "Optimal execution of portfolio transactions", Journal of Risk 3(2), 5-39.

    Examples
    --------
    >>> market = AlmgrenChriss(volatility=0.95, temporary=2.5e-6, permanent=2.5e-7, half_spread=0.0625)
    >>> best = optimal_schedule(market, 1e6, horizon=5.0, periods=5, risk_aversion=2e-6)
    >>> [round(held) for held in best.holdings]
    [1000000, 428599, 182933, 76296, 27643, 0]
    >>> round(best.expected_cost), round(best.sd)
    (1140715, 449368)
    """
    size = finite(quantity, "quantity", "give the units to sell, negative to buy")
    span = positive(horizon, "horizon", "give the time by which all is traded")
    count = whole(periods, "periods", "give the number of periods")
    aversion = not_negative(risk_aversion, "risk_aversion", "0 trades evenly")
    tau = span / count
    eta = market.temporary - market.permanent * tau / 2.0
    if eta <= 0.0:
        raise ImpactNotAllowed(
            f"permanent impact {market.permanent!r} over a period of {tau!r} outweighs the temporary "
            f"{market.temporary!r}; take more periods, or a temporary impact above {market.permanent * tau / 2.0!r}"
        )
    bend = finite(
        aversion * market.volatility * market.volatility * tau * tau / eta,
        f"curvature under risk_aversion {risk_aversion!r}",
        "give a smaller risk_aversion",
    )
    pace = 2.0 * math.asinh(math.sqrt(bend) / 2.0)
    holdings = [size * _share_left(pace, count - k, count) for k in range(count + 1)]
    return schedule_of(market, holdings, period=tau)


def _share_left(pace: float, left: int, count: int) -> float:
    """``sinh(pace left) / sinh(pace count)``, without overflow and down to a pace of 0."""
    whole_way = -math.expm1(-2.0 * pace * count)
    if whole_way == 0.0:
        return left / count
    return math.exp(pace * (left - count)) * -math.expm1(-2.0 * pace * left) / whole_way


def efficient_frontier(
    market: AlmgrenChriss, quantity: float, *, horizon: float, periods: int, risk_aversions: Iterable[float]
) -> list[Schedule]:
    """The best schedule for each risk aversion: no other is cheaper at no more risk.

    Parameters
    ----------
    market, quantity, horizon, periods
        As in :func:`optimal_schedule`.
    risk_aversions : iterable of float
        ``lambda`` of each point, 1 / money.

    Returns
    -------
    list of Schedule
        In the order given; more aversion costs more and risks less.

    Examples
    --------
    >>> market = AlmgrenChriss(volatility=0.95, temporary=2.5e-6, permanent=2.5e-7, half_spread=0.0625)
    >>> points = efficient_frontier(market, 1e6, horizon=5.0, periods=5, risk_aversions=[0.0, 1e-6, 2e-6])
    >>> [(round(point.expected_cost / 1e3), round(point.sd / 1e3)) for point in points]
    [(662, 1041), (911, 603), (1141, 449)]
    """
    return [
        optimal_schedule(market, quantity, horizon=horizon, periods=periods, risk_aversion=aversion)
        for aversion in risk_aversions
    ]
