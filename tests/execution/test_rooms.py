"""What else may be said to a room, and what happens to what makes no sense?"""

from __future__ import annotations

import numpy as np
import pytest

from tests.execution.checks import check_inside
from tests.execution.feed import ACME, BUY, SELL, fills, frame, join, order, room, row
from vtrade.domain import messages as msg
from vtrade.domain.accounts import NO_LIMITS
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import Reason, TimeInForce
from vtrade.domain.rules import Latency, RoomRules
from vtrade.errors import TapeError, VTradeError
from vtrade.execution.engine import Engine
from vtrade.market.dtype import EVENT, Kind, SessionStatus


def names(facts: list[msg.Fact]) -> list[str]:
    return [type(fact).__name__ for fact in facts]


def test_a_log_begins_with_a_room() -> None:
    engine = Engine()
    with pytest.raises(VTradeError, match=r"OpenAccount.*OpenRoom"):
        engine.process(msg.OpenAccount(0, "ana", 0))
    engine.process(msg.OpenRoom(0, "one", (ACME,)))
    with pytest.raises(VTradeError, match=r"'one'.*second.*'two'"):
        engine.process(msg.OpenRoom(0, "two", (ACME,)))


@pytest.mark.parametrize("listed", [(), (ACME, ACME)])
def test_a_room_needs_instruments_each_once(listed: tuple[Instrument, ...]) -> None:
    with pytest.raises(VTradeError, match=r"instrument|twice"):
        Engine().process(msg.OpenRoom(0, "room", listed))


def test_an_account_that_is_opened_twice_is_opened_once() -> None:
    engine = room()
    assert names(engine.process(msg.OpenAccount(0, "ana", 5))) == ["AccountOpened"]
    assert engine.process(msg.OpenAccount(1, "ana", 900)) == []
    assert engine.accounts["ana"].cash == 5


def test_news_and_actions_are_recorded() -> None:
    engine = room()
    assert engine.process(msg.RoomCommand(3, "news", "ACME", "Profits up")) == [
        msg.NewsPublished(3, 3, "ACME", "Profits up")
    ]
    told = engine.process(msg.UserAction(4, "free", "lesson_finished", "01", "3/3"))
    assert told == [msg.ActionRecorded(4, 4, "free", "lesson_finished", "01", "3/3")]


def test_time_never_goes_back() -> None:
    engine = room()
    engine.process(order("a", BUY, 1, limit="10.00", ts=50))
    (fact,) = engine.process(order("b", BUY, 1, limit="10.00", ts=40))
    assert fact.ts_ns == 50


def test_halting_one_instrument_leaves_the_others() -> None:
    engine = room(ACME, Instrument.make("BOLT"))
    told = engine.process(msg.RoomCommand(1, "halt", "BOLT", "news pending"))
    assert [(f.symbol, f.status, f.cause) for f in told] == [("BOLT", "HALTED", "news pending")]  # type: ignore[union-attr]
    assert (engine.session(0), engine.session(1)) == ("OPEN", "HALTED")
    told = engine.process(msg.RoomCommand(2, "resume"))
    assert [(f.symbol, f.status) for f in told if isinstance(f, msg.SessionChanged)][-1] == ("BOLT", "OPEN")
    assert engine.session(1) == "OPEN"


@pytest.mark.parametrize(
    "message",
    [msg.RoomCommand(10**18, "explode"), msg.RoomCommand(10**18, "halt", "ACNE"), msg.MarketFrame(10**18, b"x" * 41)],
)
def test_an_error_changes_nothing(message: msg.Inbound) -> None:
    engine = room()
    engine.process(order("a", BUY, 1, limit="10.00"))
    before = engine.snapshot()
    with pytest.raises(VTradeError):
        engine.process(message)
    assert engine.snapshot() == before
    (fact,) = engine.process(order("b", BUY, 1, limit="10.00", ts=2))
    assert fact.ts_ns == 2


@pytest.mark.parametrize(
    "bad",
    [
        row(Kind.LEVEL, 1, 1_000, 5, k=1),
        row(Kind.LEVEL, 1, 1_000, 5, k=-1),
        row(Kind.ADD, 1, 1_000, 5, oid=-1),
        row(Kind.ADD, 1, 1_000, 5, oid=2**50),
        row(Kind.LEVEL, 1, 1_000, -5),
        row(Kind.LEVEL, 1, 2**50, 5),
        row(Kind.TRADE, 1, 1_000, 2**62),
        row(Kind.LEVEL, 0, 1_000, 5),
        row(Kind.QUOTE, 5, 1_000, 5),
        row(Kind.TRADE, -2, 1_000, 5),
        row(Kind.STATUS, lots=0),
        row(Kind.STATUS, lots=6),
        row(Kind.ORDER, 0, 1_000, 5),
        row(Kind.ORDER, 1, 2**41, 5),
        (1, 1_000, 5, 0, 0, 0, 1, 0),
        (1, 1_000, 5, 0, 0, 15, 1, 0),
        (1, 1_000, 5, 0, 0, 99, 1, 0),
    ],
    ids=["instrument", "no instrument", "order id", "huge order id", "quantity", "huge price", "huge print", "no side",
         "side", "aggressor", "no status", "status", "agent's side", "agent's price", "kind 0", "kind 15", "kind 99"],
)  # fmt: skip
def test_a_damaged_frame_is_refused(bad: tuple) -> None:
    engine = room()
    before = engine.snapshot()
    with pytest.raises(TapeError, match=r"(row|event) 1 "):
        engine.process(frame(row(Kind.LEVEL, 1, 1_000, 5), bad))
    assert engine.snapshot() == before


def test_an_empty_frame_is_nothing() -> None:
    engine = room()
    assert engine.process(msg.MarketFrame(5, b"")) == []


def test_a_closed_room_stands_still() -> None:
    engine = room()
    engine.process(frame(row(Kind.LEVEL, -1, 1_002, 100), row(Kind.TRADE, price=1_001, lots=1)))
    engine.process(order("a", BUY, 10, limit="10.00"))
    assert names(engine.process(msg.RoomCommand(2, "close", text="bell"))) == ["RoomClosed"]
    accounts = {name: (a.cash, a.positions) for name, a in engine.accounts.items()}
    marks = list(engine.marks)
    for message in (
        msg.RoomCommand(3, "close"),
        frame(row(Kind.TRADE, price=900, lots=500), row(Kind.LEVEL, -1, 950, 100)),
        order("b", BUY, 1),
        msg.ReplaceOrder(4, "free", "a", None, 12_000_000),
        msg.CancelOrder(4, "free", "a"),
        msg.RoomCommand(5, "resume"),
    ):
        told = engine.process(message)
        assert all(getattr(fact, "reason", None) == Reason.ROOM_CLOSED for fact in told), told
    assert {name: (a.cash, a.positions) for name, a in engine.accounts.items()} == accounts
    assert engine.marks == marks
    check_inside(engine)


def test_what_is_on_its_way_to_a_closed_room_does_not_arrive() -> None:
    engine = room(rules=RoomRules(latency=Latency(entry_ns=1_000)))
    engine.process(frame(row(Kind.LEVEL, -1, 1_002, 100)))
    engine.process(order("a", BUY, 10))
    engine.process(msg.RoomCommand(2, "close"))
    assert engine.process(frame(row(Kind.TRADE, price=900, lots=500, ts=9_000))) == []


def test_marks_are_the_last_print_else_the_mid() -> None:
    engine = room()
    assert engine.process(frame(row(Kind.LEVEL, 1, 1_000, 1))) == []
    assert engine.process(frame(row(Kind.LEVEL, -1, 1_003, 1))) == [msg.Marked(3, 1, ((0, 1_002),))]
    assert engine.process(frame(row(Kind.TRADE, price=990, lots=1))) == [msg.Marked(4, 1, ((0, 990),))]
    assert engine.process(frame(row(Kind.TRADE, price=990, lots=1))) == []


def test_the_close_of_one_instrument_expires_only_its_orders() -> None:
    engine = room(ACME, Instrument.make("BOLT"))
    for i in range(4):
        engine.process(order(f"a{i}", BUY, 1, limit="10.00", symbol=("ACME", "BOLT")[i % 2]))
    told = engine.process(frame(row(Kind.STATUS, lots=SessionStatus.CLOSED, k=1)))
    assert [f.client_order_id for f in told if isinstance(f, msg.OrderExpired)] == ["a1", "a3"]
    assert [o.client_order_id for o in engine.orders.values()] == ["a0", "a2"]
    check_inside(engine)


def test_the_touch_on_a_fact_is_the_one_before_it() -> None:
    engine = room()
    engine.process(frame(row(Kind.LEVEL, 1, 1_000, 5), row(Kind.LEVEL, -1, 1_002, 5), row(Kind.LEVEL, -1, 1_004, 5)))
    accepted, first, second = engine.process(order("a", BUY, 8))
    assert isinstance(accepted, msg.OrderAccepted)
    assert (accepted.bid, accepted.bid_size, accepted.ask, accepted.ask_size) == (1_000, 5, 1_002, 5)
    assert isinstance(first, msg.Fill)
    assert isinstance(second, msg.Fill)
    assert [(f.bid, f.ask) for f in (first, second)] == [(1_000, 1_002), (1_000, 1_004)]
    assert [(f.evidence_px, f.evidence_qty) for f in (first, second)] == [(1_002, 5), (1_004, 5)]


def test_participants_that_trade_name_each_other() -> None:
    engine = room()
    join(engine, "bob", limits=NO_LIMITS)
    (ask,) = engine.process(order("b", SELL, 1, limit="10.00", account="bob"))
    told = engine.process(order("a", BUY, 1))
    assert [(f.order_id, f.contra_order_id) for f in told if isinstance(f, msg.Fill)] == [(2, 1), (1, 2)]
    assert isinstance(ask, msg.OrderAccepted)
    assert engine.accounts["bob"].positions == [-1]


def test_a_frame_of_many_rows_is_the_rows_one_by_one() -> None:
    engine, single = room(), room()
    rows = [row(Kind.LEVEL, -1, 1_002 + i % 7, i % 11, ts=i) for i in range(500)]
    assert frame(*rows).ts_ns == 499
    engine.process(frame(*rows))
    for each in rows:
        single.process(frame(each))
    assert engine.depth(0, -1, 99) == single.depth(0, -1, 99)
    assert len(np.frombuffer(frame(*rows).events, EVENT)) == 500


def test_day_orders_expire_and_good_till_cancel_stay_over_many_days() -> None:
    engine = room()
    engine.process(order("g", BUY, 10, limit="10.00", tif=TimeInForce.GTC))
    for day in range(5):
        engine.process(order(f"d{day}", BUY, 10, limit="9.00"))
        told = engine.process(frame(row(Kind.STATUS, lots=SessionStatus.CLOSED)))
        assert [f.client_order_id for f in told if isinstance(f, msg.OrderExpired)] == [f"d{day}"]
        engine.process(frame(row(Kind.STATUS, lots=SessionStatus.OPEN)))
    assert fills(engine.process(frame(row(Kind.TRADE, -1, 1_000, 10)))) == [("g", 1_000, 10)]


@pytest.mark.parametrize("price", [0, -1_000])
@pytest.mark.parametrize(
    "kind",
    [Kind.TRADE, Kind.BAR_OPEN, Kind.BAR_LOW, Kind.LEVEL, Kind.QUOTE, Kind.ADD, Kind.EXECUTE],
    ids=lambda k: k.name,
)
def test_a_null_price_is_no_price(kind: Kind, price: int) -> None:
    """Real tapes have them: nothing fills, nothing triggers, nothing is marked, nothing breaks."""
    engine = room()
    bars = kind.name.startswith("BAR")
    start = [row(Kind.BAR_OPEN, price=1_000, lots=100)] if bars else [row(Kind.LEVEL, 1, 1_000, 5)]
    engine.process(frame(*start, row(Kind.TRADE, price=1_000, lots=1)))
    engine.process(order("a", BUY, 10, limit="10.00"))
    engine.process(order("b", SELL, 10, stop="9.00"))
    assert engine.process(frame(row(kind, -1, price, 50, oid=1))) == []
    assert (engine.marks, engine.last(0), engine.unreachable) == ([1_000], 1_000, 1)
    check_inside(engine)
