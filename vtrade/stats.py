"""How good, how risky and how certain is a record of returns, values or profits?

Rules: plain numpy arrays in, floats or arrays out; nothing here knows an account. Values that are not finite (NaN, an
infinity) are left out before a statistic is formed. Where a statistic is a quotient, one rule holds everywhere:
something over nothing is an infinity of its sign, nothing over nothing is NaN, and so is what has too few values.
Returns are simple returns per period (0.01 = +1 %); ``periods_per_year`` is always said by name, so that no rate is
annualised by accident.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vtrade.errors import VTradeError

Floats = NDArray[np.float64]


class StatisticError(VTradeError, ValueError):
    """A parameter with which a statistic makes no sense."""


def _values(data: ArrayLike) -> Floats:
    """The finite values of a one-dimensional record."""
    values = np.asarray(data, dtype=np.float64).ravel()
    return values[np.isfinite(values)]


def _periods(periods_per_year: float) -> float:
    if not (np.isfinite(periods_per_year) and periods_per_year > 0):
        raise StatisticError(
            f"periods_per_year {periods_per_year!r} must be a positive number, such as 252 for trading days"
        )
    return float(periods_per_year)


def _tail(level: float) -> float:
    if not 0 < level < 1:
        raise StatisticError(f"level {level!r} must lie between 0 and 1, such as 0.95")
    return 1.0 - level


def _ratio(numerator: float, denominator: float) -> float:
    """A quotient whose limits are spelled out: x/0 is an infinity of x's sign, 0/0 is NaN."""
    if denominator == 0:
        return float("nan") if numerator == 0 or np.isnan(numerator) else float(np.copysign(np.inf, numerator))
    return float(numerator / denominator)


def _spread(values: Floats, ddof: int) -> float:
    """Standard deviation; exactly 0 for a constant record, which rounding would otherwise miss."""
    return 0.0 if values.min() == values.max() else float(values.std(ddof=ddof))


def _mean(values: Floats) -> float:
    """Mean; exactly the value of a constant record."""
    return float(values[0]) if values.min() == values.max() else float(values.mean())


def returns(nav: ArrayLike) -> Floats:
    """Simple returns between consecutive values.

    Parameters
    ----------
    nav : (T,) array_like
        Values of an account or an asset, money units.

    Returns
    -------
    (T - 1,) float64
        ``nav[t] / nav[t - 1] - 1``; NaN where the earlier value is not positive. Empty for fewer than two values.

    Examples
    --------
    >>> returns([100.0, 110.0, 99.0]).round(6).tolist()
    [0.1, -0.1]
    """
    values = np.asarray(nav, dtype=np.float64).ravel()
    if values.size < 2:
        return np.empty(0, dtype=np.float64)
    before = np.where(values[:-1] > 0, values[:-1], np.nan)
    return values[1:] / before - 1.0


def annualised_return(returns: ArrayLike, *, periods_per_year: float) -> float:
    """Compound growth per year.

    Parameters
    ----------
    returns : (T,) array_like
    periods_per_year : float

    Returns
    -------
    float
        ``prod(1 + r) ** (periods_per_year / T) - 1``; -1 once everything is lost, NaN for an empty record.

    Notes
    -----
    A short record compounds into meaningless heights: a day that gained 1 % says little about a year.

    Examples
    --------
    >>> round(annualised_return([0.01, 0.02], periods_per_year=4), 6)
    0.061312
    """
    periods = _periods(periods_per_year)
    values = _values(returns)
    if not values.size:
        return float("nan")
    if values.min() <= -1:
        return -1.0
    with np.errstate(over="ignore"):
        return float(np.expm1(np.log1p(values).sum() * periods / values.size))


def annualised_volatility(returns: ArrayLike, *, periods_per_year: float) -> float:
    """Standard deviation of returns, scaled to a year.

    Parameters
    ----------
    returns : (T,) array_like
    periods_per_year : float

    Returns
    -------
    float
        ``std(r, ddof=1) * sqrt(periods_per_year)``; 0 for a constant record, NaN for fewer than two values.

    Notes
    -----
    The square root of time holds for returns without serial correlation.

    Examples
    --------
    >>> round(annualised_volatility([0.01, -0.01, 0.02, 0.0], periods_per_year=252), 4)
    0.2049
    """
    periods = _periods(periods_per_year)
    values = _values(returns)
    if values.size < 2:
        return float("nan")
    return _spread(values, ddof=1) * float(np.sqrt(periods))


def sharpe_ratio(returns: ArrayLike, *, periods_per_year: float, risk_free: float = 0.0) -> float:
    r"""Mean excess return per unit of its standard deviation, scaled to a year.

    Parameters
    ----------
    returns : (T,) array_like
    periods_per_year : float
    risk_free : float
        Riskless return per period.

    Returns
    -------
    float
        NaN for fewer than two values and for a record that is constantly the riskless return.

    Notes
    -----
    .. math:: SR = \sqrt{q}\,\frac{\bar r - r_f}{s},\qquad s^2 = \frac{1}{T-1}\sum_t (r_t - \bar r)^2

    with :math:`q` periods a year. Never look at it without :func:`sharpe_ratio_standard_error`.

    References
    ----------
    W. F. Sharpe (1994), "The Sharpe Ratio", Journal of Portfolio Management 21(1).

    Examples
    --------
    >>> round(sharpe_ratio([0.01, -0.01, 0.02, 0.0], periods_per_year=252), 4)
    6.1482
    """
    periods = _periods(periods_per_year)
    values = _values(returns)
    if values.size < 2:
        return float("nan")
    return _ratio(_mean(values) - risk_free, _spread(values, ddof=1)) * float(np.sqrt(periods))


def sharpe_ratio_standard_error(
    returns: ArrayLike,
    *,
    periods_per_year: float,
    risk_free: float = 0.0,
    method: Literal["mertens", "lo"] = "mertens",
) -> float:
    r"""How far the Sharpe ratio of so short a record may be off: one standard error, scaled to a year.

    Parameters
    ----------
    returns : (T,) array_like
    periods_per_year : float
    risk_free : float
        Riskless return per period.
    method : {"mertens", "lo"}
        ``"mertens"`` minds skewness and fat tails; ``"lo"`` takes returns for normal.

    Returns
    -------
    float
        In the units of :func:`sharpe_ratio`; NaN where that is not finite.

    Notes
    -----
    With :math:`SR` per period, skewness :math:`\gamma_3` and kurtosis :math:`\gamma_4` (3 for the normal law), both
    from central moments over :math:`T`,

    .. math::

        SE_{Mertens} = \sqrt{\frac{1 - \gamma_3\,SR + \frac{\gamma_4 - 1}{4}\,SR^2}{T}}, \qquad
        SE_{Lo} = \sqrt{\frac{1 + SR^2 / 2}{T}},

    times :math:`\sqrt{q}`. Both ask for independent, identically distributed returns; serial correlation makes the
    true error larger. A Sharpe ratio within two standard errors of zero is not evidence of skill.

    References
    ----------
    A. W. Lo (2002), "The Statistics of Sharpe Ratios", Financial Analysts Journal 58(4).
    E. Mertens (2002), "Comments on Variance of the IID Estimator in Lo (2002)", working paper, University of Basel.

    Examples
    --------
    >>> record = [0.01, -0.01, 0.02, 0.0]
    >>> round(sharpe_ratio_standard_error(record, periods_per_year=252, method="lo"), 4)
    8.2295
    >>> round(sharpe_ratio_standard_error(record, periods_per_year=252), 4)
    8.0319
    """
    periods = _periods(periods_per_year)
    if method not in ("mertens", "lo"):
        raise StatisticError(f"method {method!r} is not known; take 'mertens' or 'lo'")
    values = _values(returns)
    if values.size < 2 or not _spread(values, ddof=1):
        return float("nan")
    ratio = (float(values.mean()) - risk_free) / _spread(values, ddof=1)
    if method == "lo":
        variance = 1.0 + 0.5 * ratio * ratio
    else:
        scores = (values - values.mean()) / values.std()
        squares = scores * scores
        skewness, kurtosis = float((squares * scores).mean()), float((squares * squares).mean())
        variance = max(0.0, 1.0 - skewness * ratio + 0.25 * (kurtosis - 1.0) * ratio * ratio)
    return float(np.sqrt(variance / values.size * periods))


def downside_deviation(returns: ArrayLike, *, periods_per_year: float, required_return: float = 0.0) -> float:
    """Root mean square of what fell short of the required return, scaled to a year.

    Parameters
    ----------
    returns : (T,) array_like
    periods_per_year : float
    required_return : float
        Minimum acceptable return per period.

    Returns
    -------
    float
        ``sqrt(mean(min(r - required, 0) ** 2) * periods_per_year)``, the mean being over all T periods; NaN for an
        empty record.

    References
    ----------
    C. R. Bacon (2008), "Practical Portfolio Performance Measurement and Attribution", 2nd ed., Wiley.

    Examples
    --------
    >>> round(downside_deviation([0.03, -0.03, -0.04, 0.01], periods_per_year=1), 6)
    0.025
    """
    periods = _periods(periods_per_year)
    values = _values(returns)
    if not values.size:
        return float("nan")
    short = np.minimum(values - required_return, 0.0)
    return float(np.sqrt((short * short).mean() * periods))


def sortino_ratio(returns: ArrayLike, *, periods_per_year: float, required_return: float = 0.0) -> float:
    r"""Mean excess return per unit of downside deviation, scaled to a year.

    Parameters
    ----------
    returns : (T,) array_like
    periods_per_year : float
    required_return : float
        Minimum acceptable return per period.

    Returns
    -------
    float
        An infinity where nothing fell short; NaN where nothing exceeded either, and for an empty record.

    Notes
    -----
    .. math:: \sqrt{q}\,\frac{\bar r - r_{min}}{\sqrt{\frac{1}{T}\sum_t \min(r_t - r_{min}, 0)^2}}

    References
    ----------
    F. A. Sortino and L. N. Price (1994), "Performance Measurement in a Downside Risk Framework", Journal of
    Investing 3(3).

    Examples
    --------
    >>> round(sortino_ratio([0.03, -0.01, 0.02, 0.0], periods_per_year=1), 6)
    2.0
    """
    periods = _periods(periods_per_year)
    values = _values(returns)
    if not values.size:
        return float("nan")
    excess = _mean(values - required_return) * periods
    return _ratio(excess, downside_deviation(values, periods_per_year=periods, required_return=required_return))


def drawdown(nav: ArrayLike) -> Floats:
    """How far below its high-water mark the value stands, at each moment.

    Parameters
    ----------
    nav : (T,) array_like
        Values, money units.

    Returns
    -------
    (T,) float64
        ``nav[t] / max(nav[0..t]) - 1``: never positive, 0 at a new high. NaN where the value is NaN or where no value
        so far was positive.

    Examples
    --------
    >>> drawdown([100.0, 120.0, 90.0, 130.0]).tolist()
    [0.0, 0.0, -0.25, 0.0]
    """
    values = np.asarray(nav, dtype=np.float64).ravel()
    if not values.size:
        return np.empty(0, dtype=np.float64)
    high = np.fmax.accumulate(values)
    return np.minimum(values / np.where(high > 0, high, np.nan) - 1.0, 0.0)


def max_drawdown(nav: ArrayLike) -> float:
    """The deepest :func:`drawdown`: never positive, 0 for values that only rise, NaN for an empty record.

    Parameters
    ----------
    nav : (T,) array_like
        Values, money units.

    Returns
    -------
    float

    Examples
    --------
    >>> max_drawdown([100.0, 120.0, 90.0, 130.0])
    -0.25
    """
    depths = _values(drawdown(nav))
    return float(depths.min()) if depths.size else float("nan")


def calmar_ratio(returns: ArrayLike, *, periods_per_year: float) -> float:
    """Compound growth per year over the size of the worst drawdown.

    Parameters
    ----------
    returns : (T,) array_like
    periods_per_year : float

    Returns
    -------
    float
        ``annualised_return / |max_drawdown|``, the drawdown being that of the compounded returns; an infinity where
        there was none, NaN for an empty record.

    References
    ----------
    T. W. Young (1991), "Calmar Ratio: A Smoother Tool", Futures 20(1).

    Examples
    --------
    >>> round(calmar_ratio([0.10, -0.05, 0.10], periods_per_year=3), 6)
    2.99
    """
    values = _values(returns)
    growth = annualised_return(values, periods_per_year=periods_per_year)
    wealth = np.cumprod(np.concatenate(([1.0], 1.0 + values)))
    return _ratio(growth, abs(max_drawdown(wealth)))


def hit_rate(pnl: ArrayLike) -> float:
    """Share of round trips that made money.

    Parameters
    ----------
    pnl : (N,) array_like
        Profit of each round trip, any unit of money.

    Returns
    -------
    float
        Between 0 and 1; a profit of exactly 0 is no hit. NaN without a round trip.

    Examples
    --------
    >>> hit_rate([5.0, -1.0, 0.0, 2.0])
    0.5
    """
    values = _values(pnl)
    return float((values > 0).mean()) if values.size else float("nan")


def profit_factor(pnl: ArrayLike) -> float:
    """What the winning round trips made, over what the losing ones lost.

    Parameters
    ----------
    pnl : (N,) array_like
        Profit of each round trip, any unit of money.

    Returns
    -------
    float
        Not negative; an infinity where nothing lost, NaN where nothing won or lost.

    Examples
    --------
    >>> profit_factor([5.0, -1.0, 0.0, -1.5])
    2.0
    """
    values = _values(pnl)
    return _ratio(float(values[values > 0].sum()), float(-values[values < 0].sum()))


def value_at_risk(returns: ArrayLike, *, level: float = 0.95) -> float:
    """The loss per period that was exceeded in ``1 - level`` of the periods: historical, positive is a loss.

    Parameters
    ----------
    returns : (T,) array_like
    level : float
        Confidence, between 0 and 1.

    Returns
    -------
    float
        The ``1 - level`` quantile of the returns (linear between neighbours) with its sign turned; per period, not
        annualised. NaN for an empty record.

    References
    ----------
    P. Jorion (2006), "Value at Risk", 3rd ed., McGraw-Hill.

    Examples
    --------
    >>> round(value_at_risk([-0.04, -0.02, 0.0, 0.01, 0.03], level=0.75), 6)
    0.02
    """
    tail = _tail(level)
    values = _values(returns)
    return float(0.0 - np.quantile(values, tail)) if values.size else float("nan")


def expected_shortfall(returns: ArrayLike, *, level: float = 0.95) -> float:
    """The mean loss per period in the worst ``1 - level`` of the periods: historical, positive is a loss.

    Parameters
    ----------
    returns : (T,) array_like
    level : float
        Confidence, between 0 and 1.

    Returns
    -------
    float
        Mean of the returns at or below the quantile of :func:`value_at_risk`, with its sign turned; never below it.
        NaN for an empty record.

    References
    ----------
    P. Artzner, F. Delbaen, J.-M. Eber, D. Heath (1999), "Coherent Measures of Risk", Mathematical Finance 9(3).

    Examples
    --------
    >>> round(expected_shortfall([-0.04, -0.02, 0.0, 0.01, 0.03], level=0.75), 6)
    0.03
    """
    tail = _tail(level)
    values = np.sort(_values(returns))
    if not values.size:
        return float("nan")
    worst = values[: int((values.size - 1) * tail + 1e-9) + 1]
    return float(0.0 - worst.mean())


def turnover(traded_notional: ArrayLike, nav: ArrayLike) -> float:
    """How many times the account was traded: notional bought and sold, over the mean value of the account.

    Parameters
    ----------
    traded_notional : (N,) array_like
        Notional of each fill, money units; the sign does not matter.
    nav : (T,) array_like
        Values of the account in the same units: an equity curve, or the one capital to compare with.

    Returns
    -------
    float
        Not negative for a positive mean value; NaN where that is not positive or empty. Nothing is annualised.

    Examples
    --------
    >>> turnover([300.0, -200.0], [1000.0])
    0.5
    """
    values = _values(nav)
    if not values.size or values.mean() <= 0:
        return float("nan")
    return float(np.abs(_values(traded_notional)).sum() / values.mean())
