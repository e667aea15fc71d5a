r"""How much of a record may be luck?

Rules: the growth of a record is a sum of many small steps; how far such a sum strays by luck alone is read off the
steps themselves. What is told is the span in which the growth lies that the same way of trading earns on average, at a
stated confidence. It asks for steps that are alike in time (a student who began to trade in another way has two
records), and it minds that steps may hang together. A record that is too short is told nothing about, and one without
risk has no luck in it.
"""

from __future__ import annotations

from enum import StrEnum
from statistics import NormalDist
from typing import Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from vtrade.portfolio.analytics import grid_nav, grid_period_ns, together, without_flows
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.stats import StatisticError, returns

PERIODS_MIN: Final = 30
"""Fewer periods tell nothing."""
MOVING_MIN: Final = 20
"""Periods in which the value has to have moved."""
LEVEL: Final = 0.90
"""Confidence with which spans are told."""


class Doubt(StrEnum):
    """Why there is a span, or none."""

    TOLD = "told"
    TOO_SHORT = "too short"
    NO_RISK = "no risk"
    RUINED = "ruined"


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Between which values an account could as well stand.

    Attributes
    ----------
    doubt : Doubt
        ``TOLD``, or why there is no span.
    low, high : float or None
        Micro-units of the account's currency, around its present value.
    level : float
        Confidence, such as 0.9.
    periods : int
        How many returns the record has.
    moving : int
        In how many of them the value moved.
    period_ns : int
        Their length.
    """

    doubt: Doubt
    low: float | None = None
    high: float | None = None
    level: float = LEVEL
    periods: int = 0
    moving: int = 0
    period_ns: int = 0


def student_t(probability: float, degrees: int) -> float:
    """A quantile of Student's t distribution, by the expansion of Cornish and Fisher.

    Parameters
    ----------
    probability : float
        Between 0 and 1.
    degrees : int
        Degrees of freedom; from 10 on the error is below 0.001 at the usual levels.

    References
    ----------
    M. Abramowitz and I. A. Stegun (1964), "Handbook of Mathematical Functions", 26.7.5.

    Examples
    --------
    >>> round(student_t(0.95, 29), 3), round(student_t(0.975, 10), 3)
    (1.699, 2.228)
    """
    if not 0 < probability < 1 or degrees < 1:
        raise StatisticError(
            f"Student's t has no quantile {probability!r} at {degrees!r} degrees; give 0.95 and 29, say"
        )
    z = NormalDist().inv_cdf(probability)
    square = z * z
    first = (square + 1) * z / 4
    second = ((5 * square + 16) * square + 3) * z / 96
    third = (((3 * square + 19) * square + 17) * square - 15) * z / 384
    return z + first / degrees + second / degrees**2 + third / degrees**3


def growth_error(steps: ArrayLike) -> float:
    r"""One standard error of a sum of steps that may hang together.

    Parameters
    ----------
    steps : (T,) array_like
        Log returns per period, finite.

    Returns
    -------
    float
        ``sqrt(T * v)`` with the long-run variance per step ``v``; NaN for fewer than two steps.

    Notes
    -----
    .. math:: v = \hat\gamma_0 + 2 \sum_{j=1}^{L} \Bigl(1 - \frac{j}{L+1}\Bigr) \hat\gamma_j,
              \qquad L = \lfloor 4\,(T/100)^{2/9} \rfloor

    with the autocovariances :math:`\hat\gamma_j`, taken over :math:`T - 1`. It never is less than half of what steps
    without any tie would have, so that a chance pattern of alternating steps cannot feign certainty.

    References
    ----------
    W. K. Newey and K. D. West (1987), "A Simple, Positive Semi-Definite, Heteroskedasticity and Autocorrelation
    Consistent Covariance Matrix", Econometrica 55(3).

    Examples
    --------
    >>> round(growth_error([0.01, -0.01, 0.02, 0.0]), 4)
    0.0183
    """
    values = np.asarray(steps, dtype=np.float64).ravel()
    count = len(values)
    if count < 2:
        return float("nan")
    off = values - values.mean()
    plain = float(off @ off) / (count - 1)
    lags = min(count - 1, int(4 * (count / 100) ** (2 / 9)))
    variance = plain
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * float(off[lag:] @ off[:-lag]) / (count - 1)
    return float(np.sqrt(max(variance, plain / 2) * count))


def nav_span(engine: PortfolioEngine, account: str, *, level: float = LEVEL) -> Span:
    """The span of values in which an account could as well stand, had luck been different.

    Parameters
    ----------
    engine : PortfolioEngine
    account : str
    level : float
        Confidence, between 0 and 1.

    Returns
    -------
    Span
        Around the present value: the value times the exponential of minus and plus so many standard errors of the
        growth, by Student's t; returns are time-weighted, on the grid of
        :func:`vtrade.portfolio.analytics.account_statistics`.

    Examples
    --------
    >>> from vtrade.domain.messages import AccountOpened
    >>> engine = PortfolioEngine()
    >>> engine.apply(AccountOpened(1, 0, "ana", 1_000_000_000, "USD"))
    >>> nav_span(engine, "ana").doubt.value
    'no risk'
    """
    if not 0 < level < 1:
        raise StatisticError(f"level {level!r} must lie between 0 and 1, such as 0.9")
    state = engine.state(account)
    times, curve = together(engine._books.clock, state.clock), state.curve
    period_ns = grid_period_ns(times, curve)
    nav = grid_nav(times, curve, period_ns=period_ns, opened_ns=state.opened_ns, opening_nav=state.opening)
    nav = without_flows(state, times, nav, period_ns=period_ns)
    told = returns(nav)
    moving = int(np.count_nonzero(told))
    about = {"level": level, "periods": len(told), "moving": moving, "period_ns": period_ns}
    if state.nav <= 0 or not (nav > 0).all():
        return Span(doubt=Doubt.RUINED, **about)  # type: ignore[arg-type]
    if not moving:
        return Span(doubt=Doubt.NO_RISK, **about)  # type: ignore[arg-type]
    if len(told) < PERIODS_MIN or moving < MOVING_MIN:
        return Span(doubt=Doubt.TOO_SHORT, **about)  # type: ignore[arg-type]
    reach = student_t((1 + level) / 2, len(told) - 1) * growth_error(np.log1p(told))
    with np.errstate(over="ignore"):
        low, high = float(state.nav * np.exp(-reach)), float(state.nav * np.exp(reach))
    return Span(doubt=Doubt.TOLD, low=low, high=high, **about)  # type: ignore[arg-type]
