"""Are returns taken on a fair grid, and do the statistics follow from them?"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from tests.portfolio.room import ACME, COIN, OPEN_NS, Room, S
from vtrade import stats
from vtrade.domain.messages import AccountOpened, Fill, Marked, RoomOpened
from vtrade.domain.orders import Liquidity, Side
from vtrade.domain.values import MICRO
from vtrade.portfolio import PortfolioEngine
from vtrade.portfolio.curve import DAY_NS, MINUTE_NS

EPOCH_NS = 1_340_236_800 * S  # 2012-06-21, midnight UTC


def all_in(prices: list[int], times: list[int], *, engine: PortfolioEngine | None = None) -> PortfolioEngine:
    """An account that holds 100 ACME for all it has, from the first price on, without fees."""
    engine = engine or PortfolioEngine()
    cash = prices[0] * 100 * ACME.tick_value
    engine.apply(RoomOpened(1, times[0], "room", (ACME,)))
    engine.apply(AccountOpened(2, times[0], "ana", cash, "USD"))
    engine.apply(
        Fill(3, times[0], "ana", "c1", 1, "ACME", Side.BUY, prices[0], 100, 0, Liquidity.TAKER, 0, "depth", 0, 0, 0, 0)
    )
    for seq, (ts_ns, px) in enumerate(zip(times, prices, strict=True), start=4):
        engine.apply(Marked(seq, ts_ns, ((0, px),)))
    return engine


def random_walk(length: int, seed: int = 3) -> list[int]:
    steps = np.random.default_rng(seed).integers(-40, 42, length)
    return (10_000 + np.cumsum(steps)).tolist()


def test_daily_data_is_measured_by_the_day() -> None:
    prices = random_walk(300)
    week = [day for day in range(420) if day % 7 < 5][:300]
    engine = all_in(prices, [EPOCH_NS + day * DAY_NS for day in week])
    numbers = engine.statistics("ana")
    returns = np.array([b / a - 1 for a, b in pairwise(prices)])
    assert (numbers["period_ns"], numbers["periods_per_year"]) == (DAY_NS, 252)
    assert numbers["observations"] == 300  # the first day, on which nothing was earned yet, counts
    expected = np.append(0.0, returns)
    assert numbers["sharpe_ratio"] == pytest.approx(stats.sharpe_ratio(expected, periods_per_year=252))
    assert numbers["calmar_ratio"] == pytest.approx(stats.calmar_ratio(expected, periods_per_year=252))
    assert numbers["sharpe_ratio_standard_error"] == pytest.approx(
        stats.sharpe_ratio_standard_error(expected, periods_per_year=252)
    )
    assert numbers["max_drawdown"] == pytest.approx(stats.max_drawdown(prices))
    assert numbers["value_at_risk"] == pytest.approx(stats.value_at_risk(expected))


def test_bars_with_four_prices_a_day_are_daily_data() -> None:
    times = [
        EPOCH_NS + day * DAY_NS + hour * 3_600 * S
        for day in range(20) for hour in (13.5, 20.0, 20.0, 20.0)
    ]  # fmt: skip
    prices = random_walk(80)
    numbers = all_in(prices, [int(ts_ns) for ts_ns in times]).statistics("ana")
    assert (numbers["period_ns"], numbers["observations"]) == (DAY_NS, 20)


def test_a_session_is_measured_by_the_minute() -> None:
    prices = random_walk(360)
    engine = all_in(prices, [OPEN_NS + 10 * S * n for n in range(360)])  # one hour, six marks a minute
    numbers = engine.statistics("ana")
    closes = [prices[0], *prices[5::6]]
    returns = [b / a - 1 for a, b in pairwise(closes)]
    assert (numbers["period_ns"], numbers["periods_per_year"], numbers["observations"]) == (MINUTE_NS, 98_280, 60)
    assert numbers["sharpe_ratio"] == pytest.approx(stats.sharpe_ratio(returns, periods_per_year=98_280))
    assert numbers["volatility"] == pytest.approx(stats.annualised_volatility(returns, periods_per_year=98_280))
    assert math.isnan(numbers["calmar_ratio"])  # an hour compounded into a year says nothing


def test_the_grid_does_not_depend_on_how_often_prices_come() -> None:
    prices = random_walk(60)
    times = [OPEN_NS + MINUTE_NS * n + 59 * S for n in range(60)]
    often_times = sorted(times + [ts_ns - S * back for ts_ns in times for back in range(1, 50)])
    often = [prices[(ts_ns - OPEN_NS) // MINUTE_NS] for ts_ns in often_times]
    sparse, dense = (all_in(p, t).statistics("ana") for p, t in ((prices, times), (often, often_times)))
    for name in ("sharpe_ratio", "volatility", "observations", "max_drawdown"):
        assert sparse[name] == pytest.approx(dense[name])


def test_a_night_is_one_step() -> None:
    evening = [OPEN_NS + MINUTE_NS * n for n in range(30)]
    morning = [ts_ns + DAY_NS for ts_ns in evening]
    numbers = all_in(random_walk(60), evening + morning).statistics("ana")
    assert (numbers["period_ns"], numbers["observations"]) == (MINUTE_NS, 60)


def test_idle_time_counts_as_idle() -> None:
    """An account that trades for one minute of an hour has 59 returns of zero, not a record of one minute."""
    room = Room("idle", "busy", cash=1_000)
    room.fill("busy", "ACME", 100, 1_000, fee=0)
    room.fill("idle", "ACME", 100, 1_000, fee=0)
    for minute in range(60):
        room.wait(60)
        room.mark(ACME=1_000 + minute % 7)
        if minute == 0:
            room.fill("idle", "ACME", -100, 1_000, fee=0)
    idle, busy = (room.engine.statistics(name) for name in ("idle", "busy"))
    assert idle["observations"] == busy["observations"] == 61
    assert idle["volatility"] < busy["volatility"] / 3


def test_an_account_that_joins_late_is_measured_from_then_on() -> None:
    room = Room("early")
    for minute in range(30):
        room.wait(60)
        room.mark(ACME=1_000 + minute)
    room._fold(AccountOpened(room._next(), room.ts_ns, "late", MICRO, "USD"))
    for minute in range(10):
        room.wait(60)
        room.mark(ACME=1_000 + minute)
    assert room.engine.statistics("early")["observations"] == 40
    assert room.engine.statistics("late")["observations"] == 11


def test_a_longer_record_than_the_curve_keeps_gets_a_coarser_grid() -> None:
    engine = PortfolioEngine(curve_cells_max=50)
    numbers = all_in(random_walk(400), [OPEN_NS + MINUTE_NS * n for n in range(400)], engine=engine).statistics("ana")
    assert numbers["period_ns"] == 15 * MINUTE_NS
    assert numbers["periods_per_year"] == 252 * 26
    assert numbers["observations"] == 27


def test_an_own_year_may_be_named() -> None:
    engine = all_in(random_walk(100), [EPOCH_NS + day * DAY_NS for day in range(100)])
    default, named = engine.statistics("ana"), engine.statistics("ana", periods_per_year=365)
    assert named["periods_per_year"] == 365
    assert named["sharpe_ratio"] == pytest.approx(default["sharpe_ratio"] * math.sqrt(365 / 252))


def test_around_the_clock_markets_have_longer_years() -> None:
    engine = PortfolioEngine()
    engine.apply(RoomOpened(1, 0, "room", (COIN,)))
    engine.apply(AccountOpened(2, 0, "ana", MICRO, "USD"))
    assert engine.statistics("ana")["periods_per_year"] == 365 * 1_440


def test_counts_and_sums_outlive_the_lists() -> None:
    bounded, whole = (Room("ana", engine=PortfolioEngine(history_max=n)) for n in (5, 1_000))
    for room in (bounded, whole):
        for n in range(40):
            room.wait(1)
            room.fill("ana", "ACME", 1 if n % 2 == 0 else -1, 1_000 + (n * 37) % 11)
    assert len(bounded.engine.fills("ana")) == 5
    assert len(bounded.engine.round_trips("ana")) == 6  # and the newest, to which its orders might still add
    assert bounded.engine.round_trips("ana") == whole.engine.round_trips("ana")[-6:]
    few, all_ = (room.engine.statistics("ana") for room in (bounded, whole))
    assert few["fills"] == 40
    assert few["round_trips"] == 20
    assert repr(few) == repr(all_)
