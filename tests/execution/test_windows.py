"""Does the market stay whole wherever its prices go?"""

from __future__ import annotations

import numpy as np
import pytest

from tests.execution.checks import check_inside
from tests.execution.feed import BUY, SELL, fills, frame, join, levels, order, room, row
from vtrade.domain import messages as msg
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import Reason, TimeInForce
from vtrade.execution import layout as at
from vtrade.execution.engine import Engine
from vtrade.market.dtype import Kind, SessionStatus

TEN = tuple(Instrument.make(f"I{k}") for k in range(10))


def both(engine: Engine, message: msg.Inbound) -> list[msg.Fact]:
    """Process in the engine and in one restored from its snapshot; check both."""
    twin = Engine.restore(engine.snapshot())
    facts = engine.process(message)
    assert twin.process(message) == facts
    assert twin.state_hash() == engine.state_hash()
    check_inside(engine)
    check_inside(twin)
    return facts


# --- how much there is to tell ---------------------------------------------------------------------------------------


def test_an_order_may_take_any_number_of_levels() -> None:
    engine = room()
    engine.process(levels(-1, range(1_000, 7_000)))
    assert fills(both(engine, order("a", BUY, 6_000))) == [("a", 1_000 + i, 1) for i in range(6_000)]


def test_a_stop_may_take_any_number_of_levels() -> None:
    engine = room()
    engine.process(levels(-1, range(1_000, 7_000)))
    engine.process(frame(row(Kind.TRADE, price=1_000, lots=1)))
    engine.process(order("a", BUY, 6_000, stop="10.50"))
    assert len(fills(both(engine, frame(row(Kind.TRADE, price=1_050, lots=1))))) == 6_000


def test_held_orders_may_take_any_number_of_levels() -> None:
    engine = room()
    join(engine, "ana")
    engine.process(frame(row(Kind.STATUS, lots=SessionStatus.HALTED)))
    engine.process(levels(-1, range(1_000, 7_000)))
    for i in range(100):
        engine.process(order(f"a{i}", BUY, 60))
    assert len(fills(both(engine, msg.RoomCommand(1, "resume")))) == 6_000


def test_a_replace_may_take_any_number_of_levels() -> None:
    engine = room()
    engine.process(levels(-1, range(1_000, 7_000)))
    engine.process(order("a", BUY, 6_000, limit="9.99"))
    assert len(fills(both(engine, msg.ReplaceOrder(1, "free", "a", limit_price=70_000_000)))) == 6_000


def test_one_frame_may_tell_more_than_there_is_room_for() -> None:
    engine = room()
    rows = []
    for i in range(3_000):
        engine.process(order(f"a{i}", BUY, 2, limit="10.00"))
        rows += [row(Kind.TRADE, -1, 1_000, 1), row(Kind.TRADE, -1, 1_000, 1)]
    told = fills(both(engine, frame(*rows)))
    assert told == [(f"a{i}", 1_000, 1) for i in range(3_000) for _ in range(2)]


def test_an_empty_quote_is_never_skipped() -> None:
    """Also where the kernel has to stop before it to tell what it has."""
    engine = room()
    for i in range(600):
        engine.process(order(f"a{i}", BUY, 10, limit="10.00"))
    rows = [row(Kind.QUOTE, -1, 1_002, 100)]
    for _ in range(400):
        rows += [row(Kind.TRADE, -1, 1_000, 10), row(Kind.QUOTE, -1), row(Kind.QUOTE, -1, 1_002, 100)]
    rows += [row(Kind.QUOTE, -1)]
    both(engine, frame(*rows))
    assert engine.touch(0)[2:] == (0, 0)
    assert engine.unreachable == 0


# --- prices that wander ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.LEVEL, Kind.QUOTE])
def test_a_market_wanders_over_a_hundred_thousand_ticks(kind: Kind) -> None:
    engine = room()
    engine.process(order("far", BUY, 1, limit="1.00", tif=TimeInForce.GTC))
    luck = np.random.Generator(np.random.PCG64(5))
    seen = []
    for i in range(300):
        price = 60_000 + int(luck.integers(-3_000, 3_001)) + (i % 150) * 800 * (-1) ** (i // 150) // 2
        price = max(1_000, price)
        seen.append(price)
        rows = [row(kind, -1, price + 1, 20 + i), row(kind, 1, price, 10)]
        engine.process(frame(*rows))
        bid, _, ask, _ = engine.touch(0)
        assert (bid, ask) == (price, price + 1)
        assert fills(engine.process(order(f"a{i}", BUY, 10))) == [(f"a{i}", price + 1, 10)]
        if kind == Kind.LEVEL:
            engine.process(frame(row(kind, -1, price + 1, 0), row(kind, 1, price, 0)))
        if i % 40 == 0:
            check_inside(engine)
            assert Engine.restore(engine.snapshot()).state_hash() == engine.state_hash()
    assert max(seen) - min(seen) > 100_000
    assert engine.depth(0, 1, 9)[-1] == (100, 1)
    assert engine.unreachable == 0


def test_a_wide_book_survives_a_snapshot() -> None:
    engine = room()
    engine.process(frame(row(Kind.LEVEL, 1, 100, 5), row(Kind.LEVEL, -1, 10_000, 5)))
    both(engine, frame(row(Kind.LEVEL, -1, 10_100, 5)))
    assert Engine.restore(engine.snapshot()).depth(0, -1, 5) == [(10_000, 5), (10_100, 5)]


def test_a_held_limit_waits_wherever_the_market_goes() -> None:
    engine = room()
    engine.process(frame(row(Kind.STATUS, lots=SessionStatus.CLOSED)))
    both(engine, order("a", BUY, 10, limit="100.00", tif=TimeInForce.GTC))
    both(engine, frame(row(Kind.LEVEL, -1, 20_000, 5), row(Kind.LEVEL, 1, 19_900, 5)))
    both(engine, frame(row(Kind.STATUS, lots=SessionStatus.OPEN)))
    assert engine.depth(0, 1, 5) == [(19_900, 5), (10_000, 10)]


def test_a_stop_limit_waits_wherever_the_market_goes() -> None:
    engine = room()
    both(engine, frame(row(Kind.TRADE, price=10_000, lots=1)))
    both(engine, order("a", SELL, 10, stop="99.90", limit="80.00"))
    both(engine, frame(row(Kind.LEVEL, -1, 12_100, 5)))
    both(engine, frame(row(Kind.LEVEL, -1, 12_100, 0), row(Kind.LEVEL, -1, 14_000, 5)))
    both(engine, frame(row(Kind.TRADE, price=9_990, lots=1)))
    assert engine.depth(0, -1, 5) == [(8_000, 10), (14_000, 5)]


def test_a_stop_limit_on_bars_waits_wherever_the_market_goes() -> None:
    engine = room(rules=msg.RoomRules(bar_volume_share_ppm=1_000_000))
    both(engine, frame(row(Kind.BAR_OPEN, price=10_000, lots=100), row(Kind.BAR_CLOSE, price=10_000)))
    both(engine, order("a", SELL, 10, stop="99.90", limit="80.00"))
    both(engine, order("b", BUY, 10, limit="140.00"))
    both(engine, order("c", SELL, 10, limit="400.00"))
    told = both(engine, frame(row(Kind.BAR_OPEN, price=9_900, lots=100)))
    assert fills(told) == [("a", 9_900, 10), ("b", 9_900, 10)]


# --- stub quotes and slips -------------------------------------------------------------------------------------------

STUBS = [row(Kind.QUOTE, -1, 19_999_999, 1), row(Kind.QUOTE, 1, 1, 1)]
REAL = [row(Kind.QUOTE, 1, 10_000, 100), row(Kind.QUOTE, -1, 10_002, 200)]


@pytest.mark.parametrize("real", [REAL, REAL[::-1]], ids=["bid first", "ask first"])
@pytest.mark.parametrize("stubs", [STUBS, STUBS[::-1]], ids=["stub ask first", "stub bid first"])
def test_stub_quotes_before_the_market_do_not_hide_it(stubs: list, real: list) -> None:
    engine = room(*TEN)
    for quote in (*stubs, *real):
        both(engine, frame(quote))
    assert engine.touch(0) == (10_000, 100, 10_002, 200)
    assert fills(both(engine, order("a", BUY, 50, symbol="I0"))) == [("a", 10_002, 50)]


@pytest.mark.parametrize("number", range(3))
def test_stub_orders_before_the_market_do_not_hide_it(number: int) -> None:
    engine = room(*TEN)
    stubs = [
        row(Kind.ADD, -1, 19_999_999, 1, oid=1),
        row(Kind.ADD, -1, 19_999_998, 1, oid=2),
        row(Kind.ADD, 1, 1, 1, oid=3),
    ]
    real = [row(Kind.ADD, 1, 10_000, 100, oid=4), row(Kind.ADD, -1, 10_002, 200, oid=5)]
    for event in (*stubs[number:], *stubs[:number], *real):
        both(engine, frame(event))
    assert engine.touch(0) == (10_000, 100, 10_002, 200)
    for oid, price in ((1, 19_999_999), (2, 19_999_998)):
        both(engine, frame(row(Kind.DELETE, -1, price, 1, oid=oid)))
    assert engine.touch(0) == (10_000, 100, 10_002, 200)


@pytest.mark.parametrize("printed", [False, True])
def test_stub_quotes_behind_the_market_do_not_hide_it(printed: bool) -> None:
    engine = room(*TEN)
    market = [row(Kind.LEVEL, 1, 10_000, 100), row(Kind.LEVEL, -1, 10_002, 200)]
    both(engine, frame(*market, *([row(Kind.TRADE, price=10_001, lots=1)] if printed else [])))
    both(engine, frame(row(Kind.LEVEL, -1, 19_999_999, 7), row(Kind.LEVEL, 1, 1, 7)))
    assert engine.touch(0) == (10_000, 100, 10_002, 200)
    assert engine.unreachable == 1, "the stub ask is counted as out of reach"


def test_an_order_far_away_does_not_hide_the_market() -> None:
    """Before the first quote nothing tells that its price is a slip."""
    engine = room(*TEN)
    join(engine, "ana")
    join(engine, "bob")
    both(engine, order("slip", BUY, 1, limit="240000", account="ana", symbol="I0"))
    told = both(engine, frame(row(Kind.LEVEL, 1, 10_000, 100)))
    both(engine, frame(row(Kind.LEVEL, -1, 10_002, 100)))
    assert engine.touch(0) == (10_000, 100, 10_002, 100)
    canceled = [fact for fact in told if isinstance(fact, msg.OrderCanceled)]
    assert [(fact.client_order_id, fact.reason) for fact in canceled] == [("slip", Reason.PRICE_OUT_OF_RANGE)]
    assert engine.accounts["ana"].reserved == 0
    assert fills(both(engine, order("b", BUY, 5, account="bob", symbol="I0"))) == [("b", 10_002, 5)]


def test_memory_stays_bounded() -> None:
    engine = room()
    both(engine, frame(row(Kind.LEVEL, 1, 10_000, 1), row(Kind.TRADE, price=10_000, lots=1)))
    for price in (2**39, 2**40, 99_000_000):
        both(engine, frame(row(Kind.LEVEL, -1, price, 1)))
    assert engine.unreachable == 3
    assert engine._book.level.shape[2] == at.WINDOW_MIN
    both(engine, frame(row(Kind.LEVEL, -1, 60_000, 1)))
    book = engine._book
    assert book.level.nbytes < 20_000_000


@pytest.mark.parametrize("instruments", [1, 10])
def test_an_order_cannot_take_all_the_memory(instruments: int) -> None:
    """Nearly ten times the market is allowed; its window must still leave the machine alone."""
    engine = room(*TEN[:instruments])
    engine.process(frame(row(Kind.LEVEL, -1, 1_500_000, 5), row(Kind.TRADE, price=1_500_000, lots=1)))
    engine.process(order("a", SELL, 1, limit="149000", symbol="I0"))
    engine.process(order("b", BUY, 1, limit="1501", symbol="I0"))
    book = engine._book
    assert book.level.nbytes < 300_000_000
    assert fills(engine.process(order("c", BUY, 5, symbol="I0"))) == [("c", 1_500_000, 5)]
