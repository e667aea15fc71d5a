"""How good was the trading, as numbers with their uncertainty?

Rules: returns are taken on a regular grid, so that an account that trades often is not measured more often. The grid is
read off the room's own time: where values change at least every hour over at most 30 days, one minute; else one day;
coarser where the curve was thinned to more than that. A cell of the grid counts when the room priced anything in it,
or the account dealt; an account that held nothing then has a return of 0 there. Nights and weekends thus are one step,
as usual.

Annualising takes 252 days of 390 minutes, or 365 days of 1,440 where every instrument trades around the clock.
Drawdown, counts and sums are not read from the grid: they are exact.

Returns are time-weighted: an adjustment is money from outside, and the growth before it and after it are multiplied, so
that it is no return itself. Everything else that moves the value is performance: profits and fees, dividends, borrow
fees, interest, fines, tenders, and the moves of currencies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from vtrade import stats
from vtrade.domain.instruments import Instrument
from vtrade.portfolio.accounts import AccountState
from vtrade.portfolio.curve import DAY_NS, HOUR_NS, MINUTE_NS, Curve
from vtrade.portfolio.valuation import total

INTRADAY_GAP_MAX_NS: Final = HOUR_NS
"""Room time that moves in steps of this or more, by the median, is daily data."""
INTRADAY_SPAN_MAX_NS: Final = 30 * DAY_NS
"""A room that lasts longer is measured by the day."""
AROUND_THE_CLOCK: Final = "24/7"

Statistics = dict[str, float | int]


class Times(Protocol):
    """Times kept in cells of some width; a :class:`Curve` is one."""

    @property
    def width_ns(self) -> int:
        """Width of the cells."""

    def closes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The last time of each cell, and something beside it."""


class _Both(NamedTuple):
    """Times of two curves together."""

    times: NDArray[np.int64]
    width_ns: int

    def closes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return self.times, np.zeros_like(self.times)


def together(clock: Curve, own: Curve | None) -> Times:
    """When the room priced anything, or the account dealt while it did not.

    Examples
    --------
    >>> clock, own = Curve(), Curve()
    >>> clock.add(5, 0)
    >>> own.add(3_000_000_000, 0)
    >>> together(clock, own).closes()[0].tolist()
    [5, 3000000000]
    """
    if own is None:
        return clock
    times = np.union1d(clock.closes()[0], own.closes()[0])
    return _Both(times, max(clock.width_ns, own.width_ns))


def grid_period_ns(clock: Times, curve: Curve) -> int:
    """Width of the grid on which returns are taken.

    Parameters
    ----------
    clock : Times
        The times at which the room priced anything.
    curve : Curve
        The account's values.
    """
    times, _ = clock.closes()
    minutes = np.unique(times // MINUTE_NS)
    kept = max(clock.width_ns, curve.width_ns)
    if len(minutes) > 1:
        gap_ns = float(np.median(np.diff(minutes))) * MINUTE_NS
        span_ns = int(minutes[-1] - minutes[0]) * MINUTE_NS
        if gap_ns >= INTRADAY_GAP_MAX_NS or span_ns > INTRADAY_SPAN_MAX_NS:
            return max(DAY_NS, kept)
    return max(MINUTE_NS, kept)


def grid_nav(clock: Times, curve: Curve, *, period_ns: int, opened_ns: int, opening_nav: int) -> NDArray[np.float64]:
    """Values of the account: the opening one, then the last one in each cell of the grid.

    Returns
    -------
    (T + 1,) float64
        Micro-units of money; T is the number of cells since the account opened.
    """
    cells = np.unique(clock.closes()[0] // period_ns)
    ends = (cells[cells >= opened_ns // period_ns] + 1) * period_ns
    times, values = curve.closes()
    last = np.searchsorted(times, ends, side="left") - 1
    sampled = np.where(last >= 0, values[np.maximum(last, 0)], opening_nav) if len(times) else np.empty(0)
    return np.concatenate(([float(opening_nav)], sampled.astype(np.float64)))


def without_flows(
    state: AccountState, clock: Times, nav: NDArray[np.float64], *, period_ns: int
) -> NDArray[np.float64]:
    """The values of :func:`grid_nav` as if no money had come from outside: their changes are time-weighted returns.

    Each value is multiplied by the product, over the adjustments before it, of the value before and after each; values
    without adjustments stay as they are.
    """
    if not state.flows:
        return nav
    cells = np.unique(clock.closes()[0] // period_ns)
    ends = (cells[cells >= state.opened_ns // period_ns] + 1) * period_ns
    times = np.array([ts_ns for ts_ns, _ in state.flows], dtype=np.int64)
    scales = np.array([1.0, *(scale for _, scale in state.flows)])
    weighted: NDArray[np.float64] = nav * scales[np.append(0, np.searchsorted(times, ends, side="left"))]
    return weighted


def default_periods_per_year(period_ns: int, instruments: Sequence[Instrument]) -> float:
    """How many cells of the grid make a year.

    Examples
    --------
    >>> default_periods_per_year(MINUTE_NS, [Instrument.make("ACME")])
    98280.0
    >>> default_periods_per_year(DAY_NS, [Instrument.make("BTC", calendar="24/7")])
    365.0
    """
    around_the_clock = bool(instruments) and all(i.calendar == AROUND_THE_CLOCK for i in instruments)
    days, minutes = (365, 1_440) if around_the_clock else (252, 390)
    if period_ns >= DAY_NS:
        return days * DAY_NS / period_ns
    return days * max(1.0, minutes * MINUTE_NS / period_ns)


def account_statistics(
    state: AccountState, clock: Curve, instruments: Sequence[Instrument], *, periods_per_year: float | None = None
) -> Statistics:
    """Every statistic of one account; NaN where one is undefined, an infinity where nothing divides something.

    Returns
    -------
    dict
        ``deposits, nav, fees, net_profit, traded_notional`` in micro-units; ``total_return, volatility, sharpe_ratio,
        sharpe_ratio_standard_error, sortino_ratio, calmar_ratio, drawdown, max_drawdown, value_at_risk,
        expected_shortfall`` (the last two per period at 95 %), ``hit_rate, profit_factor`` (of round trips, after
        fees), ``slippage_bps, turnover``; the counts ``fills, round_trips, observations``; and the grid:
        ``period_ns, periods_per_year``. The Calmar ratio is NaN on a grid finer than a day, since an hour compounded
        into a year says nothing.
    """
    times, curve = together(clock, state.clock), state.curve
    period_ns = grid_period_ns(times, curve)
    per_year = default_periods_per_year(period_ns, instruments) if periods_per_year is None else periods_per_year
    nav = grid_nav(times, curve, period_ns=period_ns, opened_ns=state.opened_ns, opening_nav=state.opening)
    returns = stats.returns(without_flows(state, times, nav, period_ns=period_ns))
    sums = state.trip_sums()
    nan = float("nan")
    return {
        "deposits": state.deposits,
        "nav": state.nav,
        "net_profit": state.nav - state.deposits,
        "fees": total(state, lambda purse: purse.fees),
        "traded_notional": state.traded_notional,
        "total_return": state.total_return(),
        "volatility": stats.annualised_volatility(returns, periods_per_year=per_year),
        "sharpe_ratio": stats.sharpe_ratio(returns, periods_per_year=per_year),
        "sharpe_ratio_standard_error": stats.sharpe_ratio_standard_error(returns, periods_per_year=per_year),
        "sortino_ratio": stats.sortino_ratio(returns, periods_per_year=per_year),
        "calmar_ratio": stats.calmar_ratio(returns, periods_per_year=per_year) if period_ns >= DAY_NS else nan,
        "drawdown": state.drawdown(),
        "max_drawdown": state.max_drawdown(),
        "value_at_risk": stats.value_at_risk(returns),
        "expected_shortfall": stats.expected_shortfall(returns),
        "hit_rate": sums.hits / sums.count if sums.count else nan,
        "profit_factor": stats.profit_factor((sums.won, -sums.lost)),
        "slippage_bps": state.slippage_bps(),
        "turnover": state.traded_notional / state.deposits if state.deposits > 0 else nan,
        "fills": state.fill_count,
        "round_trips": sums.count,
        "observations": int(np.isfinite(returns).sum()),
        "period_ns": period_ns,
        "periods_per_year": per_year,
    }
