"""Do the statistics say what their formulas, published examples and an independent library say?"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import empyrical
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrade import stats

# 24 months of a portfolio in C. R. Bacon (2008), "Practical Portfolio Performance Measurement and Attribution"
BACON = np.array(
    [
        0.003, 0.026, 0.011, -0.010, 0.015, 0.025, 0.016, 0.067, -0.014, 0.040, -0.005, 0.081,
        0.040, -0.037, -0.061, 0.017, -0.049, -0.022, 0.070, 0.058, -0.065, 0.024, -0.005, -0.009,
    ]
)  # fmt: skip

ANNUAL: list[Callable[..., float]] = [
    stats.annualised_return,
    stats.annualised_volatility,
    stats.sharpe_ratio,
    stats.sharpe_ratio_standard_error,
    stats.downside_deviation,
    stats.sortino_ratio,
    stats.calmar_ratio,
]

records = st.lists(st.floats(-0.2, 0.2).map(lambda r: round(r, 6)), min_size=3, max_size=60)


@pytest.fixture(params=range(5))
def record(request: pytest.FixtureRequest) -> np.ndarray[Any, Any]:
    return np.random.default_rng(request.param).standard_t(4, 40 * (request.param + 1)) * 0.01 + 0.0005


# --- by hand -------------------------------------------------------------------------------------------------------


def test_sharpe_by_hand() -> None:
    # mean 0.02, sample deviation sqrt((0.01^2 + 0 + 0.01^2) / 2) = 0.01
    assert stats.sharpe_ratio([0.01, 0.02, 0.03], periods_per_year=1) == pytest.approx(2.0)
    assert stats.sharpe_ratio([0.01, 0.02, 0.03], periods_per_year=4, risk_free=0.01) == pytest.approx(2.0)


def test_standard_error_by_hand() -> None:
    # two-point record: mean m, deviation (ddof 1) d * sqrt(2), no skew, kurtosis exactly 1
    record = [0.03, -0.01]
    ratio = 0.01 / (0.02 * math.sqrt(2))
    mertens = stats.sharpe_ratio_standard_error(record, periods_per_year=1)
    lo = stats.sharpe_ratio_standard_error(record, periods_per_year=1, method="lo")
    assert mertens == pytest.approx(math.sqrt(1 / 2))
    assert lo == pytest.approx(math.sqrt((1 + ratio**2 / 2) / 2))


def test_standard_error_minds_skew() -> None:
    crashes = np.array([0.01] * 19 + [-0.10])
    rockets = -crashes + 2 * crashes.mean()  # same mean and deviation, mirrored
    for record in (crashes, rockets):
        assert stats.sharpe_ratio(record, periods_per_year=1) == pytest.approx(
            stats.sharpe_ratio(crashes, periods_per_year=1)
        )
    ratio = stats.sharpe_ratio(crashes, periods_per_year=1)
    wide, narrow = (stats.sharpe_ratio_standard_error(r, periods_per_year=1) for r in (crashes, rockets))
    assert ratio > 0
    assert wide > narrow


def test_standard_error_covers_the_truth() -> None:
    draw = np.random.default_rng(7)
    true, length, rooms = 0.1, 400, 600
    estimates, errors = [], []
    for _ in range(rooms):
        record = draw.normal(true, 1.0, length) * 0.01
        estimates.append(stats.sharpe_ratio(record, periods_per_year=1))
        errors.append(stats.sharpe_ratio_standard_error(record, periods_per_year=1))
    assert np.mean(errors) == pytest.approx(np.std(estimates), rel=0.1)


def test_annual_scale_is_the_root_of_time(record: np.ndarray[Any, Any]) -> None:
    for scaled in (stats.sharpe_ratio, stats.sharpe_ratio_standard_error, stats.sortino_ratio,
                   stats.annualised_volatility, stats.downside_deviation):  # fmt: skip
        assert scaled(record, periods_per_year=252) == pytest.approx(  # type: ignore[operator]
            scaled(record, periods_per_year=1) * math.sqrt(252)  # type: ignore[operator]
        )


def test_drawdown_by_hand() -> None:
    nav = [100.0, 80.0, 90.0, 120.0, 60.0, 150.0]
    assert stats.drawdown(nav).tolist() == pytest.approx([0, -0.2, -0.1, 0, -0.5, 0])
    assert stats.max_drawdown(nav) == -0.5
    assert stats.max_drawdown([1.0, 2.0, 3.0]) == 0.0


def test_drawdown_keeps_a_hole_where_it_is() -> None:
    depths = stats.drawdown([100.0, math.nan, 50.0])
    assert depths[0] == 0
    assert math.isnan(depths[1])
    assert depths[2] == -0.5


def test_tail_by_hand() -> None:
    record = [0.01 * k for k in range(-10, 11)]  # 21 values: the 5 % quantile is the second smallest
    assert stats.value_at_risk(record) == pytest.approx(0.09)
    assert stats.expected_shortfall(record) == pytest.approx(0.095)


@pytest.mark.parametrize(
    ("pnl", "rate", "factor"),
    [
        ([], math.nan, math.nan),
        ([0.0], 0.0, math.nan),
        ([3.0], 1.0, math.inf),
        ([-3.0], 0.0, 0.0),
        ([3.0, -1.0, -1.0, math.nan], 1 / 3, 1.5),
    ],
)
def test_round_trips_by_hand(pnl: list[float], rate: float, factor: float) -> None:
    assert stats.hit_rate(pnl) == pytest.approx(rate, nan_ok=True)
    assert stats.profit_factor(pnl) == pytest.approx(factor, nan_ok=True)


# --- edges ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statistic", ANNUAL)
def test_nothing_gives_nan(statistic: Callable[..., float]) -> None:
    assert math.isnan(statistic([], periods_per_year=252))
    assert math.isnan(statistic([math.nan, math.inf], periods_per_year=252))


@pytest.mark.parametrize("statistic", [stats.value_at_risk, stats.expected_shortfall, stats.max_drawdown])
def test_nothing_gives_nan_per_period(statistic: Callable[..., float]) -> None:
    assert math.isnan(statistic([]))


@pytest.mark.parametrize("statistic", ANNUAL)
def test_holes_are_left_out(statistic: Callable[..., float]) -> None:
    whole = [0.01, -0.02, 0.03, 0.005]
    holed = [0.01, math.nan, -0.02, 0.03, math.inf, 0.005, -math.inf]
    assert statistic(holed, periods_per_year=12) == pytest.approx(statistic(whole, periods_per_year=12))


def test_constant_record() -> None:
    """Rounding makes the deviation of a constant record 1e-18, not 0; the ratio must not become 1e16."""
    record = [0.1] * 7
    assert stats.annualised_volatility(record, periods_per_year=252) == 0
    assert stats.sharpe_ratio(record, periods_per_year=252) == math.inf
    assert stats.sharpe_ratio([-0.1] * 7, periods_per_year=252) == -math.inf
    assert math.isnan(stats.sharpe_ratio([0.0] * 7, periods_per_year=252))
    assert math.isnan(stats.sharpe_ratio(record, periods_per_year=252, risk_free=0.1))
    assert math.isnan(stats.sharpe_ratio_standard_error(record, periods_per_year=252))
    assert stats.sortino_ratio(record, periods_per_year=252) == math.inf
    assert math.isnan(stats.sortino_ratio([0.0] * 7, periods_per_year=252))


def test_ruin() -> None:
    assert stats.annualised_return([0.5, -1.0, 0.5], periods_per_year=252) == -1
    assert stats.calmar_ratio([0.5, -1.0], periods_per_year=252) == pytest.approx(-1)
    assert np.isnan(stats.returns([100.0, 0.0, 50.0])).tolist() == [False, True]


def test_one_good_minute_may_compound_to_infinity() -> None:
    assert stats.annualised_return([0.5], periods_per_year=98_280) == math.inf


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf])
def test_senseless_periods_are_refused(bad: float) -> None:
    with pytest.raises(stats.StatisticError, match="periods_per_year"):
        stats.sharpe_ratio([0.1, 0.2], periods_per_year=bad)


@pytest.mark.parametrize("level", [0, 1, 95, math.nan])
def test_senseless_levels_are_refused(level: float) -> None:
    with pytest.raises(stats.StatisticError, match="level"):
        stats.value_at_risk([0.1], level=level)


def test_unknown_method_is_refused() -> None:
    with pytest.raises(stats.StatisticError, match="bootstrap"):
        stats.sharpe_ratio_standard_error([0.1, 0.2], periods_per_year=1, method="bootstrap")  # type: ignore[arg-type]


def test_turnover_of_nothing_is_nan() -> None:
    assert math.isnan(stats.turnover([1.0], []))
    assert math.isnan(stats.turnover([1.0], [0.0]))
    assert stats.turnover([], [10.0]) == 0


# --- properties ----------------------------------------------------------------------------------------------------


@given(records)
def test_shortfall_is_never_below_value_at_risk(record: list[float]) -> None:
    assert stats.expected_shortfall(record) >= stats.value_at_risk(record) - 1e-12


@given(records)
def test_drawdown_is_never_positive_and_0_at_the_top(record: list[float]) -> None:
    nav = np.cumprod(1 + np.array(record)) * 1e6
    depths = stats.drawdown(nav)
    assert (depths <= 0).all()
    assert (depths >= -1).all()
    assert depths[int(np.argmax(nav))] == 0


@given(records)
def test_returns_rebuild_the_values(record: list[float]) -> None:
    nav = 1e6 * np.cumprod(1 + np.array(record))
    assert nav[0] * np.cumprod(1 + stats.returns(nav)) == pytest.approx(nav[1:])


# --- an independent library ------------------------------------------------------------------------------------------


def test_against_empyrical(record: np.ndarray[Any, Any]) -> None:
    year = 252
    pairs = [
        (stats.annualised_return(record, periods_per_year=year), empyrical.cagr(record)),
        (stats.annualised_volatility(record, periods_per_year=year), empyrical.annual_volatility(record)),
        (stats.sharpe_ratio(record, periods_per_year=year), empyrical.sharpe_ratio(record)),
        (
            stats.sharpe_ratio(record, periods_per_year=year, risk_free=2e-4),
            empyrical.sharpe_ratio(record, risk_free=2e-4),
        ),
        (stats.downside_deviation(record, periods_per_year=year), empyrical.downside_risk(record)),
        (stats.sortino_ratio(record, periods_per_year=year), empyrical.sortino_ratio(record)),
        (
            stats.sortino_ratio(record, periods_per_year=year, required_return=1e-3),
            empyrical.sortino_ratio(record, required_return=1e-3),
        ),
        (stats.calmar_ratio(record, periods_per_year=year), empyrical.calmar_ratio(record)),
        (stats.max_drawdown(np.cumprod(np.append(1.0, 1 + record))), empyrical.max_drawdown(record)),
        (-stats.value_at_risk(record), empyrical.value_at_risk(record)),
        (-stats.expected_shortfall(record), empyrical.conditional_value_at_risk(record)),
        (-stats.value_at_risk(record, level=0.8), empyrical.value_at_risk(record, cutoff=0.2)),
    ]
    for ours, theirs in pairs:
        assert ours == pytest.approx(theirs, rel=1e-9)


# --- published numbers -----------------------------------------------------------------------------------------------


def adjusted_sharpe(record: np.ndarray[Any, Any]) -> float:
    """Pezier's ratio, which needs the same skewness and kurtosis as our standard error does."""
    growth = stats.annualised_return(record, periods_per_year=12)
    ratio = growth / stats.annualised_volatility(record, periods_per_year=12)
    scores = (record - record.mean()) / record.std()
    skewness, kurtosis = (scores**3).mean(), (scores**4).mean()
    return float(ratio * (1 + skewness / 6 * ratio - (kurtosis - 3) / 24 * ratio**2))


@pytest.mark.needs("data")
def test_bacon(data_dir: Path) -> None:
    published = json.loads((data_dir / "reference" / "reference_numbers.json").read_text(encoding="utf-8"))["bacon"]
    minimum = published["MAR"]
    shortfall = stats.downside_deviation(BACON, periods_per_year=1, required_return=minimum)
    sortino = stats.sortino_ratio(BACON, periods_per_year=1, required_return=minimum)
    depths = stats.drawdown(np.cumprod(np.append(1.0, 1 + BACON)))[1:]
    growth = stats.annualised_return(BACON, periods_per_year=12)
    assert round(shortfall, 4) == published["DownsideDeviation"]
    assert round(sortino, 3) == published["Kappa2/Sortino(per period)"]
    assert round(abs(depths).mean(), 2) == published["PainIndex"]
    assert round(growth / math.sqrt((depths**2).mean()), 1) == published["MartinRatio"]
    assert adjusted_sharpe(BACON) == pytest.approx(published["AdjustedSharpe"], abs=1e-7)
