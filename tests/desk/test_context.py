"""What a desk knows of the market around an order: is it what the engine saw, and do the models get their numbers?"""

from __future__ import annotations

import numpy as np
import pytest

import vtrade as vt
from tests.cli import small
from tests.desk.conftest import Opener
from tests.desk.test_instructions import quotes
from vtrade.desk import context
from vtrade.market.dtype import FLAG_HIDDEN, Kind, empty_events


@pytest.mark.parametrize("seconds", [0.5, 7, 42, 100])
def test_levels_of_the_tape_are_those_of_the_book(desk: vt.Desk, seconds: float) -> None:
    desk.step(seconds=seconds)
    engine = desk._room.runtime.engine
    events = context.played(desk)
    assert events is not None
    for k in range(len(desk.symbols)):
        for side in (1, -1):
            assert list(context.levels_at(events, k, side, desk.ts_ns)) == engine.depth(k, side, 10_000)


def test_levels_of_real_messages_are_those_of_the_book(open_desk: Opener, amzn: vt.Tape) -> None:
    desk = open_desk(amzn)
    desk.run(int(amzn.events["ts_ns"][5_000]))
    events = context.played(desk)
    assert events is not None
    for side in (1, -1):
        assert list(context.levels_at(events, 0, side, desk.ts_ns)) == desk._room.runtime.engine.depth(0, side, 10_000)


def test_a_quote_is_the_only_level(open_desk: Opener) -> None:
    desk = open_desk(quotes(100, 101))
    events = context.played(desk)
    assert events is not None
    assert context.levels_at(events, 0, -1, desk.ts_ns) == ((10_001, 500),)
    assert context.levels_at(events, 0, -1, small.OPEN_NS - 1) == ()


def test_a_total_replaces_and_the_rest_adds_up() -> None:
    events = empty_events(7)
    events["side"], events["price"], events["ts_ns"] = 1, 100, np.arange(7)
    events["kind"] = [Kind.ADD, Kind.LEVEL, Kind.ADD, Kind.REDUCE, Kind.EXECUTE, Kind.EXECUTE, Kind.DELETE]
    events["quantity"] = [50, 30, 20, 5, 10, 7, 35]
    events["flags"][5] = FLAG_HIDDEN
    expected = [50, 30, 50, 45, 35, 35, 0]
    found = [context.levels_at(events, 0, 1, ts) for ts in range(7)]
    assert found == [((100, lots),) if lots else () for lots in expected]


def test_prints_that_passed_are_in_the_explanation(desk: vt.Desk) -> None:
    bid = float(desk.quotes().bid["ACME"])
    order = desk.buy("ACME", 100, limit=bid - 5)
    desk.step(seconds=60)
    prints = context.prints_since(desk, order._record)
    assert prints is not None
    bars = desk.bars("ACME", 1)
    assert prints[:, 2].sum() == pytest.approx(bars.volume.sum(), rel=0.05), "but for what came before the order"
    assert set(np.unique(prints[:, 3])) <= {-1, 0, 1}
    assert f"{len(prints)} prints passed and none reached it" in str(order.explain())


def test_alternatives_have_numbers(desk: vt.Desk) -> None:
    desk.step(seconds=120)
    order = desk.buy("ACME", 1_200)
    found = {charge.model: charge for charge in order.explain().alternatives}
    for model in ("charged", "paper", "mid", "touch", "book", "book_and_beyond", "square_root", "volume_share"):
        assert found[model].price is not None, found[model]
    assert found["book"].cost == pytest.approx(found["charged"].cost)
    assert found["mid"].cost == 0
    assert found["square_root"].cost > 0
    assert "shares_outstanding" in found["almgren_2005"].note


def test_a_resting_order_is_compared_with_the_levels_it_came_to(desk: vt.Desk) -> None:
    desk.step(seconds=5)
    ask, size = desk.quotes()[["ask", "ask_size"]].loc["ACME"]
    book = desk.book("ACME", 20)
    quantity = int(size) + int(book.ask_size[1])
    order = desk.buy("ACME", quantity, limit=float(ask) - 5)
    context_seen = context.market_of(desk, order._record)
    assert context_seen is not None
    assert [px for px, _ in context_seen.levels[:2]] == [round(price * 100) for price in book.ask[:2]]
    assert [lots for _, lots in context_seen.levels[:2]] == book.ask_size[:2].tolist()


def test_a_level_that_was_taken_from_is_not_told_twice(desk: vt.Desk) -> None:
    """The tape still shows what this desk took, so its levels are not those that the second order met."""
    desk.step(seconds=5)
    desk.buy("ACME", 10)
    second = desk.buy("ACME", 10, limit=100)
    found = context.market_of(desk, second._record)
    assert found is not None
    assert found.levels == ()
    assert found.ask_size == second._record.facts[0].ask_size


def test_days_are_counted_on_daily_bars(open_desk: Opener, daily: vt.Tape) -> None:
    desk = open_desk(daily)
    for _ in range(30):
        desk.step()
    order = desk.buy("AAPL", 100)
    desk.step()
    record = order._record
    found = context.market_of(desk, record)
    assert found is not None
    bars = desk.bars("AAPL")
    assert found.daily_volume == pytest.approx(bars.volume.mean())
    assert found.daily_volatility == pytest.approx(np.sqrt((np.log(bars.close).diff().dropna() ** 2).mean()))
    assert found.bar_volume == bars.volume.iloc[-1]
    assert context.prints_since(desk, record) is None
    charged = {charge.model: charge for charge in order.explain().alternatives}
    assert charged["volume_share"].price is not None


def test_an_order_that_never_got_there_has_no_market(desk: vt.Desk) -> None:
    denied = desk.buy("NOPE", 10)
    assert context.market_of(desk, denied._record) is None
    assert denied.explain().alternatives == []


def test_too_little_is_not_made_up() -> None:
    assert context.day_of([(0, 1, 1, 1, 1, 5)] * 3, seconds=60, session_s=23_400) == {}
    flat = [(60 * n, 100, 100, 100, 100, 0) for n in range(20)]
    assert context.day_of(flat, seconds=60, session_s=23_400) == {}
