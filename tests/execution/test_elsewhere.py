"""Can the bugs that users of other simulators reported happen here? Each has one test that bears its number.

Rules: a test here says the bug in its own words and shows the smallest case; `scenarios/reported_elsewhere.txt` tells
1 to 10 step by step as well, and rank ties are tested against a real Redis in `tests/gamification/test_leaderboard.py`.
"""

from __future__ import annotations

import math
from pathlib import Path

import fakeredis
import numpy as np
import pytest

from tests.execution.feed import BUY, SELL, fills, frame, join, order, room, row
from tests.execution.scenario import read
from vtrade import stats
from vtrade.domain import messages as msg
from vtrade.domain.accounts import NO_LIMITS
from vtrade.domain.orders import Reason, Status
from vtrade.domain.rules import RoomRules
from vtrade.gamification.leaderboard import Leaderboard
from vtrade.market.dtype import Kind, SessionStatus

WHOLE_BARS = RoomRules(bar_volume_share_ppm=1_000_000)


def test_01_two_orders_never_use_the_same_liquidity() -> None:
    engine = room()
    join(engine, "bob", limits=NO_LIMITS)
    engine.process(frame(row(Kind.QUOTE, -1, 1_002, 100)))
    told = [engine.process(order(name, BUY, 80, account=account)) for name, account in (("a", "free"), ("b", "bob"))]
    assert [fills(facts) for facts in told] == [[("a", 1_002, 80)], [("b", 1_002, 20)]]
    assert fills(engine.process(frame(row(Kind.QUOTE, -1, 1_002, 100)))) == [], "the same lots, stated again"


def test_02_a_partial_fill_reaches_the_position() -> None:
    engine = room()
    engine.process(frame(row(Kind.LEVEL, -1, 1_000, 30)))
    engine.process(order("a", BUY, 100, limit="10.00"))
    account = engine.accounts["free"]
    assert (account.positions, account.cash) == ([30], 1_000_000 * 10**6 - 300 * 10**6)


def test_03_a_partly_filled_order_is_never_overfilled() -> None:
    engine = room()
    engine.process(frame(row(Kind.LEVEL, -1, 1_000, 60)))
    engine.process(order("a", BUY, 100, limit="10.00"))
    told = [engine.process(frame(row(Kind.TRADE, -1, 990, 500))) for _ in range(3)]
    assert [fills(facts) for facts in told] == [[("a", 1_000, 40)], [], []]
    assert engine.accounts["free"].positions == [100]


def test_04_a_bar_never_fills_twice() -> None:
    engine = room(rules=WHOLE_BARS)
    engine.process(frame(row(Kind.BAR_OPEN, price=1_000, lots=20), row(Kind.BAR_CLOSE, price=1_000)))
    for name in ("a", "b"):
        engine.process(order(name, BUY, 30, limit="10.10"))
    bar = [row(Kind.BAR_OPEN, price=1_000, lots=20), row(Kind.BAR_HIGH, price=1_020), row(Kind.BAR_LOW, price=990)]
    assert fills(engine.process(frame(*bar, row(Kind.BAR_CLOSE, price=1_000)))) == [("a", 1_000, 20)]


@pytest.mark.parametrize("bars", [False, True], ids=["ticks", "bars"])
def test_05_a_gapped_stop_never_fills_better_than_was_possible(bars: bool) -> None:
    engine = room(rules=WHOLE_BARS)
    kind = Kind.BAR_OPEN if bars else Kind.TRADE
    engine.process(frame(row(kind, price=1_000, lots=500)))
    if bars:
        engine.process(frame(row(Kind.BAR_CLOSE, price=1_000)))
    engine.process(order("a", BUY, 50, stop="10.10"))
    jump = [row(kind, price=1_100, lots=500)]
    facts = engine.process(frame(*([] if bars else [row(Kind.LEVEL, -1, 1_100, 100)]), *jump))
    assert fills(facts) == [("a", 1_100, 50)]


def test_06_the_end_of_the_day_finds_every_sibling() -> None:
    engine = room()
    for i in range(9):
        engine.process(order(f"a{i}", BUY if i % 2 else SELL, 10, limit="10.00" if i % 2 else "11.00"))
    engine.process(msg.CancelOrder(1, "free", "a4"))
    engine.process(frame(row(Kind.TRADE, -1, 1_000, 15)))
    told = engine.process(frame(row(Kind.STATUS, lots=SessionStatus.CLOSED)))
    expired = [fact.client_order_id for fact in told if isinstance(fact, msg.OrderExpired)]
    assert expired == ["a0", "a2", "a3", "a5", "a6", "a7", "a8"]
    assert not engine.orders


@pytest.mark.parametrize("kind", [Kind.TRADE, Kind.LEVEL, Kind.QUOTE, Kind.BAR_OPEN, Kind.ADD], ids=lambda k: k.name)
def test_07_a_null_price_neither_crashes_nor_trades(kind: Kind) -> None:
    engine = room()
    engine.process(order("a", BUY, 10, limit="10.00"))
    engine.process(order("b", SELL, 10, stop="9.00"))
    assert engine.process(frame(row(kind, -1, 0, 50, oid=1))) == []
    assert [o.client_order_id for o in engine.orders.values()] == ["a", "b"]


def test_08_an_order_that_does_not_fill_says_why() -> None:
    engine = room()
    engine.process(frame(row(Kind.LEVEL, 1, 1_000, 100), row(Kind.LEVEL, -1, 1_002, 100)))
    engine.process(order("queue", BUY, 10, limit="10.00"))
    engine.process(order("price", BUY, 10, limit="9.00"))
    engine.process(order("trigger", SELL, 10, stop="9.00"))
    engine.process(order("depth", BUY, 200))
    waits = {o.client_order_id: engine.waiting(o.order_id) for o in engine.orders.values()}
    assert waits == {
        "queue": Reason.WAITING_IN_QUEUE, "price": Reason.WAITING_FOR_PRICE, "trigger": Reason.WAITING_FOR_TRIGGER,
        "depth": Reason.WAITING_FOR_DEPTH,
    }  # fmt: skip


def test_09_an_order_filled_to_the_exact_quantity_is_closed() -> None:
    engine = room()
    engine.process(order("a", BUY, 100, limit="10.00"))
    for lots in (60, 40):
        engine.process(frame(row(Kind.LEVEL, -1, 1_000, 0), row(Kind.LEVEL, -1, 1_000, lots)))
    assert engine.accounts["free"].ids["a"] == Status.FILLED
    assert not engine.orders
    assert engine.depth(0, 1, 9) == []


def test_10_nothing_fills_without_a_print_or_a_cross() -> None:
    engine = room()
    engine.process(frame(row(Kind.LEVEL, 1, 1_000, 100), row(Kind.LEVEL, -1, 1_002, 100)))
    engine.process(order("a", BUY, 10, limit="10.00"))
    quiet = [row(Kind.LEVEL, 1, 1_000, lots) for lots in (50, 10, 1, 0)]
    quiet += [row(Kind.LEVEL, -1, 1_002, 0), row(Kind.LEVEL, -1, 1_001, 500), row(Kind.TRADE, 1, 1_001, 500)]
    assert fills(engine.process(frame(*quiet))) == []
    assert fills(engine.process(frame(row(Kind.TRADE, -1, 1_000, 4)))) == [("a", 1_000, 4)]


@pytest.mark.parametrize(
    ("returns", "sharpe", "yearly"),
    [
        ([], math.nan, math.nan),
        ([0.01], math.nan, 1.01**252 - 1),
        ([0.0, 0.0, 0.0], math.nan, 0.0),
        ([0.01, 0.01, 0.01], math.inf, 1.01**252 - 1),
        ([-0.01, -0.01], -math.inf, 0.99**252 - 1),
        ([0.5, -1.0], -0.25 / (math.sqrt(1.125)) * math.sqrt(252), -1.0),
    ],
    ids=["nothing", "one", "flat", "always the same gain", "always the same loss", "all is lost"],
)
def test_11_sharpe_and_yearly_growth_of_unusual_returns(returns: list[float], sharpe: float, yearly: float) -> None:
    assert stats.sharpe_ratio(np.array(returns), periods_per_year=252) == pytest.approx(sharpe, nan_ok=True)
    assert stats.annualised_return(np.array(returns), periods_per_year=252) == pytest.approx(yearly, nan_ok=True)


def test_12_ties_above_900720_points_are_kept() -> None:
    board = Leaderboard(fakeredis.FakeStrictRedis(), "room")
    board.update_many({"late": 900_721, "early": 900_721, "above": 900_722, "below": 900_720})
    assert [(r.rank, r.account) for r in board.top(4)] == [(1, "above"), (2, "early"), (2, "late"), (4, "below")]


def test_every_bug_of_the_engine_is_a_scenario_too() -> None:
    titles = [s.title for s in read(Path(__file__).with_name("scenarios") / "reported_elsewhere.txt")]
    assert {int(title.split()[0]) for title in titles} == set(range(1, 11))
