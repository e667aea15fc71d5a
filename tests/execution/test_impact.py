"""Do the impact models give the published numbers, and do they refuse what would let somebody manipulate the price?"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrade.domain import luck
from vtrade.execution import impact
from vtrade.execution.impact import ImpactNotAllowed, TransientImpact

# --- published numbers -----------------------------------------------------------------------------------------------


@pytest.fixture
def published(data_dir: Path) -> dict[str, Any]:
    path = data_dir / "reference" / "reference_numbers.json"
    numbers: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return numbers


@pytest.mark.needs("data")
def test_almgren_and_chriss(published: dict[str, Any]) -> None:
    paper = published["almgren_chriss_2000"]
    p, best, even = paper["params"], paper["lambda_2e-6"], paper["lambda->0 (TWAP)"]
    market = impact.AlmgrenChriss(volatility=p["sigma"], temporary=p["eta"], permanent=p["gamma"], half_spread=p["eps"])
    span = {"horizon": p["T"], "periods": p["N"]}
    found = impact.optimal_schedule(market, p["X"], **span, risk_aversion=2e-6)
    assert found.holdings == pytest.approx(best["trajectory"], rel=1e-10)
    assert (found.expected_cost, found.sd) == pytest.approx((best["E"], best["sd"]), rel=1e-12)
    for twap in (
        impact.even_schedule(market, p["X"], **span),
        impact.optimal_schedule(market, p["X"], **span, risk_aversion=1e-14),
    ):
        assert (twap.expected_cost, twap.variance) == pytest.approx((even["E"], even["V"]), rel=1e-6)


@pytest.mark.needs("data")
@pytest.mark.parametrize("name", ["IBM", "DRI"])
def test_almgren_and_others_2005(published: dict[str, Any], name: str) -> None:
    paper = published["almgren_2005"]
    stock = paper[name]
    for attribute in ("gamma", "eta", "beta"):
        assert getattr(impact.ALMGREN_2005, attribute) == paper[attribute]
    assert (impact.ALMGREN_2005_FREE.alpha, impact.ALMGREN_2005_FREE.delta) == (paper["alpha"], paper["delta"])
    for days, temporary, cost in stock["T_K_J_bp"]:
        found = impact.almgren_2005(
            stock["X"],
            days=days,
            volume=stock["ADV"],
            shares_outstanding=stock["Theta"],
            volatility=stock["sigma_pct"] / 100,
        )
        assert found.permanent_bps == pytest.approx(stock["I_bp"], abs=0.005)
        assert (round(found.temporary_bps), round(found.cost_bps)) == (temporary, cost)


def test_the_free_exponents_of_2005() -> None:
    found = impact.almgren_2005(
        2e5, days=0.2, volume=2e6, shares_outstanding=2e8, volatility=0.02, model=impact.ALMGREN_2005_FREE
    )
    assert found.permanent_bps == pytest.approx(0.314 * 200 * 0.2 * 0.5**0.891 * 100**0.267)
    assert found.cost_bps == pytest.approx(found.permanent_bps / 2 + 0.142 * 200 * 0.5**0.6)


# --- Almgren and Chriss ----------------------------------------------------------------------------------------------

MARKET = impact.AlmgrenChriss(volatility=0.95, temporary=2.5e-6, permanent=2.5e-7, half_spread=0.0625)


@given(st.lists(st.floats(-2e5, 2e5), min_size=4, max_size=4), st.sampled_from([0.0, 1e-7, 2e-6, 1e-4]))
def test_no_other_schedule_is_better(moves: list[float], aversion: float) -> None:
    best = impact.optimal_schedule(MARKET, 1e6, horizon=5.0, periods=5, risk_aversion=aversion)
    held = [x + move for x, move in zip(best.holdings, [0.0, *moves, 0.0], strict=True)]
    other = impact.schedule_of(MARKET, held, period=1.0)
    goals = [plan.expected_cost + aversion * plan.variance for plan in (best, other)]
    assert goals[0] <= goals[1] * (1 + 1e-12)


def test_more_aversion_costs_more_and_risks_less() -> None:
    aversions = [0.0, 1e-20, 1e-9, 1e-7, 1e-6, 1e-5, 1e-3, 1e30]
    points = impact.efficient_frontier(MARKET, 1e6, horizon=5.0, periods=50, risk_aversions=aversions)
    for less, more in pairwise(points):
        assert more.expected_cost >= less.expected_cost * (1 - 1e-9)
        assert more.variance <= less.variance * (1 + 1e-9)
    assert points[-1].holdings[1] < 1e-20, "all at once"


def test_a_purchase_mirrors_a_sale() -> None:
    sale, purchase = (
        impact.optimal_schedule(MARKET, size, horizon=5.0, periods=7, risk_aversion=1e-6) for size in (1e6, -1e6)
    )
    assert purchase.holdings == tuple(-held for held in sale.holdings)
    assert (purchase.expected_cost, purchase.variance) == (sale.expected_cost, sale.variance)


def test_permanent_impact_may_not_outweigh_temporary() -> None:
    market = impact.AlmgrenChriss(volatility=1.0, temporary=1.0, permanent=2.0)
    with pytest.raises(ImpactNotAllowed, match="take more periods"):
        impact.even_schedule(market, 10.0, horizon=5.0, periods=5)
    assert impact.even_schedule(market, 10.0, horizon=5.0, periods=6).expected_cost > 0


# --- transient impact ------------------------------------------------------------------------------------------------

BOOK = TransientImpact(lots_per_tick=20.0, half_life_ns=10**9)


@given(st.lists(st.integers(1, 5 * 10**9), max_size=8), st.floats(1, 1e4))
def test_the_best_blocks_solve_the_linear_system(waits: list[int], size: float) -> None:
    when = np.cumsum([0, *waits])
    kernel = 0.5 ** (np.abs(np.subtract.outer(when, when)) / BOOK.half_life_ns)
    solved = np.linalg.solve(kernel, np.ones(when.size))
    found = BOOK.best_times(size, [int(ts) for ts in when])
    assert found == pytest.approx(solved * size / solved.sum(), rel=1e-6, abs=1e-6 * size)
    assert min(found) > 0


@given(st.lists(st.tuples(st.integers(0, 10**10), st.floats(-1e3, 1e3)), min_size=1, max_size=12))
def test_a_round_trip_over_an_undisturbed_book_never_pays(steps: list[tuple[int, float]]) -> None:
    now, blocks = 0, []
    for wait, lots in steps:
        now += wait
        blocks.append((now, lots))
    blocks.append((now + 1, -math.fsum(lots for _, lots in blocks)))
    assert BOOK.cost(blocks) >= -1e-6


def test_the_plan_is_the_limit_of_many_blocks() -> None:
    horizon, count = 4 * 10**9, 2_000
    plan = BOOK.best_plan(100.0, horizon_ns=horizon)
    when = [horizon * k // count for k in range(count + 1)]
    blocks = BOOK.best_times(100.0, when)
    assert plan.block * 2 + plan.rate * horizon == pytest.approx(100.0)
    assert blocks[0] == pytest.approx(plan.block, rel=2e-3)
    assert sum(blocks[1:-1]) == pytest.approx(plan.rate * horizon, rel=2e-3)
    best = BOOK.cost(zip(when, blocks, strict=True))
    assert best == pytest.approx(plan.cost, rel=2e-3)
    assert best < BOOK.cost_at_rate(100.0, duration_ns=horizon)
    even = BOOK.cost([(ts, 100.0 / count) for ts in when[:-1]])
    assert even == pytest.approx(BOOK.cost_at_rate(100.0, duration_ns=horizon), rel=2e-3)


def at_even_pace(book: TransientImpact, lots: float, span: int) -> float:
    return book.cost_at_rate(lots, duration_ns=span)


def by_best_plan(book: TransientImpact, lots: float, span: int) -> float:
    return book.best_plan(lots, horizon_ns=span).cost


@pytest.mark.parametrize("trade", [at_even_pace, by_best_plan])
def test_high_resilience_comes_to_almgren_and_chriss(trade: Callable[[TransientImpact, float, int], float]) -> None:
    horizon, size = 10**12, 100.0
    gaps = []
    for half_life in (10**11, 10**10, 10**9, 10**8):
        book = TransientImpact(lots_per_tick=20.0, half_life_ns=half_life)
        market = impact.AlmgrenChriss(volatility=0.0, temporary=book.temporary)
        charged = impact.even_schedule(market, size, horizon=float(horizon), periods=10).expected_cost
        gaps.append(abs(trade(book, size, horizon) / charged - 1.0))
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 3e-4


def test_blocks_far_apart_cost_what_almgren_and_chriss_charge() -> None:
    book = TransientImpact(lots_per_tick=20.0, half_life_ns=1)
    market = impact.AlmgrenChriss(volatility=0.0, temporary=1.0 / (2 * 20.0))
    plan = impact.schedule_of(market, [100, 70, 30, 25, 0], period=1.0)
    sold = [before - after for before, after in pairwise(plan.holdings)]
    assert book.cost([(10**6 * k, lots) for k, lots in enumerate(sold)]) == pytest.approx(plan.expected_cost)


# --- kernels ---------------------------------------------------------------------------------------------------------

GOOD: dict[str, impact.Kernel] = {
    "exponential": lambda t: 0.5**t,
    "power law with a start": lambda t: (1.0 + t) ** -0.4,
    "straight to nothing": lambda t: max(0.0, 1.0 - t),
    "permanent": lambda t: 1.0,
}
BAD: dict[str, tuple[impact.Kernel, str]] = {
    "rising": (lambda t: 1.0 + t, "rises from 1.0 at time 0.0"),
    "below nothing": (lambda t: 1.0 - t, "is below 0"),
    "flat at first": (lambda t: math.exp(-t * t), "is not convex"),
    "wave": (lambda t: 1.5 + math.cos(3.0 * t), "rises from"),
    "nothing at first": (lambda t: 0.0, "must be positive"),
    "no number": (lambda t: math.nan, "must be a finite number"),
    "power law": (lambda t: t**-0.5, "check_power_law"),
    "not everywhere": (lambda t: math.sqrt(1.0 - t), "no value at time"),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_kernel_passes(name: str) -> None:
    impact.check_kernel(GOOD[name], horizon=3.0)
    impact.check_kernel(GOOD[name], horizon=3.0, against="round_trips")


@pytest.mark.parametrize("name", BAD)
def test_a_bad_kernel_is_refused_in_words(name: str) -> None:
    kernel, words = BAD[name]
    with pytest.raises(ImpactNotAllowed, match=words):
        impact.check_kernel(kernel, horizon=3.0)


def round_trip(kernel: impact.Kernel, trades: list[tuple[float, float]]) -> float:
    """Cost of trades (time, lots) that sum to zero under a kernel."""
    assert sum(lots for _, lots in trades) == 0
    return sum(a * b * kernel(abs(s - t)) for s, a in trades for t, b in trades) / 2


def test_round_trips_ask_less_than_transactions_but_not_nothing() -> None:
    impact.check_kernel(lambda t: math.exp(-t * t), horizon=3.0, points=9, against="round_trips")

    def late(t: float) -> float:
        return 1.0 if t <= 1.0 else 0.0

    assert round_trip(late, [(0.0, -1.0), (1.0, 2.0), (2.0, -1.0)]) < 0
    with pytest.raises(ImpactNotAllowed, match="kernel pays"):
        impact.check_kernel(late, horizon=3.0, points=4, against="round_trips")


def slow_then_fast(kernel: impact.Kernel, exponent: float, *, slow: float) -> float:
    """Cost of buying one lot over ``slow`` of the time and selling it over the rest, by midpoints."""
    n = 400
    mid = [(k + 0.5) / n for k in range(n)]
    rate = [1.0 / slow if t < slow else -1.0 / (1.0 - slow) for t in mid]
    push = [math.copysign(abs(v) ** exponent, v) for v in rate]
    price = [sum(push[j] * kernel((k - j) / n) for j in range(k)) + push[k] * kernel(0.5 / n) / 2 for k in range(n)]
    return sum(v * p for v, p in zip(rate, price, strict=True)) / n / n


def test_impact_that_is_not_linear_pays_under_a_finite_kernel() -> None:
    def kernel(t: float) -> float:
        return math.exp(-0.1 * t)

    assert slow_then_fast(kernel, 1.0, slow=0.8) > 0
    assert slow_then_fast(kernel, 0.5, slow=0.8) < 0
    with pytest.raises(ImpactNotAllowed, match=r"impact exponent 0\.5"):
        impact.check_kernel(kernel, horizon=3.0, impact_exponent=0.5)


def power_law_round_trip(gamma: float, delta: float, *, slow: float) -> float:
    """The same cost in closed form under ``t ** -gamma`` and ``speed ** delta``, times a positive constant."""
    v1, v2, g = 1.0 / slow, 1.0 / (1.0 - slow), 2.0 - gamma
    own = v1 ** (1 + delta) * slow**g + v2 ** (1 + delta) * (1 - slow) ** g
    return own - v2 * v1**delta * (1 - slow**g - (1 - slow) ** g)


@pytest.mark.parametrize(
    "gamma, delta, fine", [(0.2, 0.4, False), (0.4, 0.5, False), (0.5, 0.5, True), (0.6, 1.0, True)]
)
def test_a_power_law_must_fade_fast_enough(gamma: float, delta: float, fine: bool) -> None:
    costs = [power_law_round_trip(gamma, delta, slow=1.0 - 2.0**-k) for k in range(1, 50)]
    assert (min(costs) >= 0) is fine
    if fine:
        impact.check_power_law(decay_exponent=gamma, impact_exponent=delta)
    else:
        with pytest.raises(ImpactNotAllowed, match=f"raise the decay exponent to {1 - delta:g}"):
            impact.check_power_law(decay_exponent=gamma, impact_exponent=delta)


# --- laws ------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 10**7), st.integers(1, 10**9), st.floats(1e-4, 0.2), st.floats(1, 1e4))
def test_the_square_root_law_says_the_same_in_every_unit(size: int, volume: int, sigma: float, price: float) -> None:
    market = {"volume": volume, "volatility": sigma, "prefactor": 0.8}
    bps = impact.square_root_bps(size, **market)
    assert bps == pytest.approx(8_000 * sigma * (size / volume) ** 0.5)
    assert impact.square_root_ticks(size, **market, price=price, tick=0.05) == pytest.approx(bps / 1e4 * price / 0.05)
    assert impact.square_root_money(size, **market, price=price) == pytest.approx(bps / 1e4 * price * size)


def test_volume_share() -> None:
    assert impact.volume_share_bps(150, bar_volume=10_000) == pytest.approx(1e4 * 0.1 * 0.015**2)
    assert impact.volume_share_bps(150, bar_volume=10_000, taken=50) == pytest.approx(1e4 * 0.1 * 0.02**2)
    most = 1e4 * 0.1 * 0.025**2
    assert impact.volume_share_bps(9_000, bar_volume=10_000) == pytest.approx(most)
    assert impact.volume_share_bps(1, bar_volume=0) == pytest.approx(most)
    assert [impact.volume_allowance(volume, limit_ppm=100_000) for volume in (0, 9, 10, 19, 20)] == [0, 0, 1, 1, 2]
    assert impact.volume_allowance(100, taken=30, limit_ppm=100_000) == 0


def test_calibration_agrees_with_numpy_and_finds_what_was_put_in() -> None:
    sizes = np.geomspace(1e-5, 0.1, 200)
    noise = 0.2 * luck.normals(11, "impact", 200)
    impacts = 0.7 * sizes**0.489 * np.exp(noise)
    fit = impact.calibrate_square_root(sizes, impacts)
    line, spread = np.polyfit(np.log(sizes), np.log(impacts), 1, cov=True)
    assert (fit.exponent, math.log(fit.prefactor)) == pytest.approx(line)
    assert (fit.exponent_se, fit.prefactor_se / fit.prefactor) == pytest.approx(np.sqrt(np.diag(spread)))
    assert abs(fit.exponent - 0.489) < 3 * fit.exponent_se < 0.03
    assert abs(fit.prefactor - 0.7) < 3 * fit.prefactor_se
    assert 0.9 < fit.r_squared < 1


REFUSED: dict[str, Callable[[], object]] = {
    "quantity -1": lambda: impact.square_root_bps(-1, volume=1, volatility=0.1),
    "volume 0": lambda: impact.square_root_bps(1, volume=0, volatility=0.1),
    "volatility nan": lambda: impact.square_root_bps(1, volume=1, volatility=math.nan),
    "tick 0": lambda: impact.square_root_ticks(1, volume=1, volatility=0.1, price=1.0, tick=0),
    "price 'ten'": lambda: impact.square_root_money(1, volume=1, volatility=0.1, price="ten"),  # type: ignore[arg-type]
    "limit 1.5": lambda: impact.volume_share_bps(1, bar_volume=1, limit=1.5),
    "limit_ppm 1000001": lambda: impact.volume_allowance(1, limit_ppm=1_000_001),
    "bar_volume 2.5": lambda: impact.volume_allowance(2.5, limit_ppm=1),  # type: ignore[arg-type]
    "beta -0.1": lambda: impact.Almgren2005(beta=-0.1),
    "days 0": lambda: impact.almgren_2005(1, days=0, volume=1, shares_outstanding=1, volatility=0.1),
    "2 sizes and 3 impacts": lambda: impact.calibrate_square_root([1, 2], [1, 2, 3]),
    "impact -1.0 at position 1": lambda: impact.calibrate_square_root([1, 2, 3], [1, -1, 3]),
    "all sizes are 2.0": lambda: impact.calibrate_square_root([2, 2, 2], [1, 2, 3]),
    "temporary 0": lambda: impact.AlmgrenChriss(volatility=1.0, temporary=0),
    "1 holdings": lambda: impact.schedule_of(MARKET, [1.0], period=1.0),
    "periods 0": lambda: impact.even_schedule(MARKET, 1.0, horizon=1.0, periods=0),
    "risk_aversion 1e\\+308": lambda: impact.optimal_schedule(MARKET, 1, horizon=9, periods=1, risk_aversion=1e308),
    "half_life_ns 0": lambda: TransientImpact(lots_per_tick=1.0, half_life_ns=0),
    "elapsed_ns -1": lambda: BOOK.after(-1),
    "time 5 does not come after 5": lambda: BOOK.best_times(1, [5, 5]),
    "no times": lambda: BOOK.best_times(1, []),
    "displacement 0.05 must be 0": lambda: BOOK.trade(1)[0].best_plan(1, horizon_ns=1),
    "points 2": lambda: impact.check_kernel(math.cos, horizon=1.0, points=2),
    "against 'all'": lambda: impact.check_kernel(math.cos, horizon=1.0, against="all"),  # type: ignore[arg-type]
    "decay_exponent 1": lambda: impact.check_power_law(decay_exponent=1, impact_exponent=1),
}


@pytest.mark.parametrize("words", REFUSED)
def test_parameters_out_of_range_are_refused_by_name(words: str) -> None:
    with pytest.raises(ImpactNotAllowed, match=words):
        REFUSED[words]()
