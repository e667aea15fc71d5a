"""Does the blotter tell of every order what the engine knows, and nothing else?"""

from __future__ import annotations

import numpy as np
import pytest

from tests.execution.told import BUY, MAKER, MS, SELL, Told
from vtrade.domain.accounts import NO_LIMITS
from vtrade.domain.actions import ActionKind
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import (
    ActionApplied,
    BandsMoved,
    CancelOrder,
    Fact,
    Fill,
    MarketFrame,
    OpenAccount,
    OpenRoom,
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderRejected,
    OrderReplaced,
    OrderTerms,
    OrderTriggered,
    ReplaceOrder,
    SessionChanged,
    SubmitOrder,
)  # fmt: skip
from vtrade.domain.orders import TERMINAL, OrderType, Reason, Side, Status, TimeInForce
from vtrade.domain.values import MICRO
from vtrade.execution.blotter import Blotter
from vtrade.execution.engine import Engine
from vtrade.market.dtype import Kind, SessionStatus, empty_events

ACME = Instrument.make("ACME")
COIN = Instrument.make("COIN", tick="0.1", lot="0.001")


class Market:
    """An engine, its facts, and the blotter that follows them."""

    def __init__(self, *accounts: str) -> None:
        self.engine, self.blotter, self.facts, self.ts = Engine(), Blotter(), [], 0
        self.send(OpenRoom(0, "room", (ACME, COIN)))
        for account in accounts or ("ana",):
            self.send(OpenAccount(0, account, 10**13, limits=NO_LIMITS))

    def send(self, message: object) -> list[Fact]:
        facts = self.engine.process(message)  # type: ignore[arg-type]
        self.blotter.apply(facts)
        self.facts += facts
        return facts

    def rows(self, *rows: tuple[Kind, int, int, int]) -> None:
        """Feed rows: kind, side, price, quantity."""
        events = empty_events(len(rows))
        self.ts += 1_000
        for event, (kind, side, price, quantity) in zip(events, rows, strict=True):
            event["ts_ns"], event["kind"], event["side"], event["price"], event["quantity"] = (
                self.ts, kind, side, price, quantity
            )  # fmt: skip
        self.send(MarketFrame(self.ts, events.tobytes()))

    def submit(
        self, name: str, side: Side = Side.BUY, lots: int = 10, limit: int | None = None, *, account: str = "ana",
        symbol: str = "ACME", stop: int | None = None, tif: TimeInForce = TimeInForce.DAY,
    ) -> None:  # fmt: skip
        types = {(False, False): OrderType.MARKET, (True, False): OrderType.LIMIT, (False, True): OrderType.STOP_MARKET,
                 (True, True): OrderType.STOP_LIMIT}  # fmt: skip
        instrument = {"ACME": ACME, "COIN": COIN}.get(symbol, ACME)
        self.send(
            SubmitOrder(
                self.ts, account, name, symbol, side, types[limit is not None, stop is not None],
                lots * instrument.lot_size, None if limit is None else limit * instrument.tick_size,
                None if stop is None else stop * instrument.tick_size, tif,
            )
        )  # fmt: skip


@pytest.fixture
def market() -> Market:
    market = Market("ana", "ben")
    market.rows((Kind.LEVEL, 1, 1_000, 50), (Kind.LEVEL, -1, 1_004, 60), (Kind.LEVEL, -1, 1_005, 70))
    return market


def test_a_filled_order(market: Market) -> None:
    market.submit("a1", lots=100)
    record = market.blotter.records["ana", "a1"]
    assert (record.status, record.filled, record.leaves, record.working) == (Status.FILLED, 100, 0, False)
    assert record.avg_px == pytest.approx((60 * 10.04 + 40 * 10.05) / 100)
    assert record.notional == 60 * 1_004 + 40 * 1_005
    assert [fill.last_qty for fill in record.fills] == [60, 40]
    assert record.fees == sum(fill.fee for fill in record.fills)
    assert (record.reason, record.waiting) == (Reason.NONE, Reason.NONE)
    assert record.instrument == ACME


def test_an_order_that_waits_and_is_changed(market: Market) -> None:
    market.submit("a1", limit=1_000)
    record = market.blotter.records["ana", "a1"]
    assert (record.status, record.waiting, record.limit_price) == (Status.ACCEPTED, Reason.WAITING_IN_QUEUE, 10.0)
    market.send(ReplaceOrder(market.ts, "ana", "a1", 25 * MICRO, 9_990_000))
    assert (record.quantity, record.quantity_units, record.limit, record.limit_price) == (25, 25.0, 999, 9.99)
    assert record.waiting == Reason.WAITING_FOR_PRICE
    market.send(CancelOrder(market.ts, "ana", "a1"))
    assert (record.status, record.reason, record.leaves) == (Status.CANCELED, Reason.CANCELED_BY_USER, 0)
    market.send(CancelOrder(market.ts, "ana", "a1"))
    assert record.status == Status.CANCELED
    assert type(record.facts[-1]).__name__ == "CancelRejected"


def test_replacing_down_to_what_is_filled_fills(market: Market) -> None:
    market.submit("a1", lots=80, limit=1_004)
    record = market.blotter.records["ana", "a1"]
    assert (record.status, record.filled) == (Status.PARTIALLY_FILLED, 60)
    market.send(ReplaceOrder(market.ts, "ana", "a1", 60 * MICRO))
    assert (record.status, record.leaves, record.working) == (Status.FILLED, 0, False)


def test_denied_and_rejected_orders(market: Market) -> None:
    market.submit("a1", symbol="NOPE")
    denied = market.blotter.records["ana", "a1"]
    assert (denied.status, denied.order_id, denied.instrument, denied.quantity_units) == (Status.DENIED, 0, None, 10.0)
    assert (denied.filled_units, denied.avg_px, denied.leaves) == (0.0, None, 0)
    market.rows((Kind.STATUS, 0, 0, int(SessionStatus.CLOSED)))
    market.submit("a2", tif=TimeInForce.IOC)
    rejected = market.blotter.records["ana", "a2"]
    assert (rejected.status, rejected.reason) == (Status.REJECTED, Reason.SESSION_CLOSED)
    assert rejected.order_id
    assert market.blotter.find("ana", rejected.order_id) is rejected


def test_a_name_used_twice_does_not_hide_the_first_order(market: Market) -> None:
    market.submit("a1", limit=1_000)
    market.submit("a1", limit=990)
    record = market.blotter.records["ana", "a1"]
    assert (record.status, record.limit) == (Status.ACCEPTED, 1_000)
    assert isinstance(record.facts[-1], OrderDenied)
    market.submit("a1", Side.SELL, symbol="NOPE")
    assert record.side is Side.BUY
    assert len(market.blotter.of("ana")) == 1


def test_accounts_do_not_see_each_other(market: Market) -> None:
    market.submit("x", limit=1_000)
    market.submit("x", limit=1_001, account="ben")
    ana, ben = market.blotter.find("ana", "x"), market.blotter.find("ben", "x")
    assert ana is not None
    assert ben is not None
    assert (ana.limit, ben.limit) == (1_000, 1_001)
    assert market.blotter.find("ana", ben.order_id) is None
    assert market.blotter.of("ben") == [ben]
    assert market.blotter.of("cai") == []
    assert market.blotter.find("cai", "x") is None


def test_a_stranger_s_order_is_kept_under_its_name(market: Market) -> None:
    market.submit("z", account="zoe")
    record = market.blotter.records["zoe", "z"]
    assert (record.status, record.reason) == (Status.DENIED, Reason.UNKNOWN_ACCOUNT)


def test_cancels_of_orders_nobody_knows_do_nothing(market: Market) -> None:
    before = dict(market.blotter.records)
    market.send(CancelOrder(market.ts, "ana", "ghost"))
    market.send(ReplaceOrder(market.ts, "zoe", "ghost", MICRO))
    assert market.blotter.records == before


@pytest.mark.parametrize("seed", range(6))
def test_after_a_wild_session_blotter_and_engine_agree(seed: int) -> None:
    luck = np.random.Generator(np.random.Philox(key=seed))
    market = Market("ana", "ben")
    market.rows(
        *[(Kind.LEVEL, 1, 1_000 - n, 40) for n in range(5)], *[(Kind.LEVEL, -1, 1_004 + n, 40) for n in range(5)]
    )
    market.submit("none at all", lots=0)
    for n in range(250):
        account = ("ana", "ben")[int(luck.integers(2))]
        side = Side.BUY if luck.integers(2) else Side.SELL
        act = int(luck.integers(8))
        near = 1_002 + int(luck.integers(-6, 7))
        names = [record.client_order_id for record in market.blotter.of(account)]
        some = names[int(luck.integers(len(names)))] if names else "none"
        if act < 3:
            tif = list(TimeInForce)[int(luck.integers(4))]
            stop = near if luck.integers(4) == 0 else None
            limit = near + int(luck.integers(-3, 4)) if luck.integers(3) else None
            market.submit(f"n{n}", side, int(luck.integers(0, 90)), limit, account=account, stop=stop, tif=tif)
        elif act == 3:
            market.send(CancelOrder(market.ts, account, some))
        elif act == 4:
            market.send(ReplaceOrder(market.ts, account, some, int(luck.integers(1, 90)) * MICRO))
        elif act == 5:
            market.rows((Kind.TRADE, int(side), near, int(luck.integers(1, 60))))
        elif act == 6:
            market.rows((Kind.LEVEL, 1, 990 + int(luck.integers(12)), int(luck.integers(0, 60))))
        else:
            market.rows((Kind.LEVEL, -1, 1_003 + int(luck.integers(12)), int(luck.integers(0, 60))))
    market.rows((Kind.STATUS, 0, 0, int(SessionStatus.CLOSED)))
    records = market.blotter.records
    asked = [fact for fact in market.facts if isinstance(fact, OrderAccepted | OrderDenied | OrderRejected)]
    assert set(records) == {(fact.account, fact.client_order_id) for fact in asked}
    assert {record.order_id for record in records.values() if record.working} == set(market.engine.orders)
    for record in records.values():
        fills = [f for f in market.facts if isinstance(f, Fill) and f.order_id == record.order_id and record.order_id]
        assert record.fills == fills
        assert record.filled == sum(f.last_qty for f in fills) <= record.quantity or not fills
        assert record.fees == sum(f.fee for f in fills)
        working = market.engine.orders.get(record.order_id)
        known = market.engine.accounts[record.account].ids[record.client_order_id]
        if working is not None:
            assert (record.status, record.leaves, record.limit, record.stop) == (
                working.status, working.leaves, working.limit, working.stop
            )  # fmt: skip
        else:
            assert record.status == known
            assert record.status in TERMINAL
            assert record.leaves == 0
    statuses = {record.status for record in records.values()}
    assert statuses >= {Status.FILLED, Status.CANCELED, Status.EXPIRED, Status.DENIED}


def test_facts_come_again_from_a_log_the_same_way(market: Market) -> None:
    market.submit("a1", lots=100)
    market.submit("a2", limit=990)
    again = Blotter()
    for fact in market.facts:
        again.apply([fact])
    assert list(again.records) == list(market.blotter.records)
    for key, record in again.records.items():
        other = market.blotter.records[key]
        assert all(getattr(record, name) == getattr(other, name) for name in record.__slots__)


# --- facts made by hand: on the way, terms, corporate actions --------------------------------------------------------


def test_an_order_on_its_way_and_its_arrival() -> None:
    told = Told().sent(BUY, 100, ts=100, due=100 + 2 * MS, type_=OrderType.LIMIT, limit=999, decision=2_000)
    record = told.record
    assert (record.status, record.waiting, record.working) == (Status.SUBMITTED, Reason.WAITING_IN_FLIGHT, True)
    assert (record.order_id, record.quantity, record.quantity_units, record.leaves) == (7, 100, 100.0, 100)
    assert (record.type, record.tif, record.limit, record.limit_price) == (
        OrderType.LIMIT, TimeInForce.DAY, 999, 9.99
    )  # fmt: skip
    assert (record.decision, record.arrival) == (2_000, 0), "the mid when it was sent is known, the arrival is not yet"
    told.accepted(BUY, 100, 1_000, 1_004, ts=100 + 2 * MS, type_=OrderType.LIMIT, limit=999,
                  waiting=Reason.WAITING_FOR_PRICE)  # fmt: skip
    record = told.record
    assert (record.status, record.waiting) == (Status.ACCEPTED, Reason.WAITING_FOR_PRICE)
    assert (record.type, record.tif, record.limit_price) == (OrderType.LIMIT, TimeInForce.DAY, 9.99)
    assert (record.ts_ns, record.arrival) == (100, 2_004), "it was sent at its own time, and met the market later"
    assert len(record.facts) == 2
    assert list(told.blotter.records) == [("ana", "c1")]


def test_an_order_may_be_rejected_or_canceled_on_its_way() -> None:
    told = Told().sent(BUY, 100, ts=100, due=900)
    told.add(OrderRejected, BUY, OrderType.LIMIT, 100, 999, None, TimeInForce.GTC, Reason.HALTED, "no", ts=900)
    record = told.record
    assert (record.status, record.reason, record.detail, record.waiting) == (
        Status.REJECTED, Reason.HALTED, "no", Reason.NONE
    )  # fmt: skip
    assert (record.type, record.leaves) == (OrderType.LIMIT, 0)
    canceled = Told().sent(BUY, 100, ts=100, due=900).add(OrderCanceled, 100, Reason.CANCELED_BY_USER, "").record
    assert (canceled.status, canceled.waiting) == (Status.CANCELED, Reason.NONE)


def test_a_name_used_again_while_the_first_order_is_on_its_way() -> None:
    told = Told().sent(BUY, 100, ts=100, due=900).denied("ACME", Reason.DUPLICATE_CLIENT_ORDER_ID, "used")
    record = told.record
    assert (record.status, record.side) == (Status.SUBMITTED, Side.BUY)
    assert isinstance(record.facts[-1], OrderDenied)
    assert told.accepted(BUY, 100, 1_000, 1_004).record.status == Status.ACCEPTED


def test_terms_and_the_last_price_on_arrival_are_kept() -> None:
    told = Told().mark(1_003).accepted(BUY, 100, 1_000, 1_004, post_only=True, oco="exit")
    assert told.record.terms == OrderTerms(post_only=True, oco="exit")
    assert told.record.mark == 1_003
    assert Told().accepted(BUY, 100, 1_000, 1_004).record.terms == OrderTerms()


def test_a_trailing_stop_shows_where_it_was_triggered() -> None:
    told = Told().accepted(SELL, 100, 1_000, 1_004, type_=OrderType.TRAILING_STOP_MARKET, stop=950, trail=50)
    assert told.record.stop_price == 9.50
    told.add(OrderTriggered, 970, 969, 968, 970, Reason.WAITING_FOR_DEPTH, ts=500)
    assert (told.record.stop, told.record.status, told.record.waiting) == (
        970, Status.TRIGGERED, Reason.WAITING_FOR_DEPTH
    )  # fmt: skip


def test_an_order_that_the_venue_lowers_to_nothing_is_filled_with_what_it_has() -> None:
    told = Told().accepted(SELL, 100, 1_000, 1_004, type_=OrderType.LIMIT, limit=1_010, reduce_only=True)
    told.fill(1_010, 40, MAKER, ts=200)
    told.add(OrderReplaced, 40, 1_010, None, 0, True, -1, Reason.NONE, Reason.REDUCE_ONLY, ts=300)
    assert (told.record.status, told.record.filled, told.record.leaves) == (Status.FILLED, 40, 0)


def test_a_split_puts_a_working_order_on_the_new_grid() -> None:
    told = Told().accepted(BUY, 100, 1_393, 1_407, type_=OrderType.LIMIT, limit=1_400).fill(1_400, 50, MAKER, ts=200)
    told.split(7, 1, ts=300, limit=200)
    record = told.record
    assert (record.quantity, record.filled, record.leaves, record.limit_price) == (700, 350, 350, 2.0)
    assert record.avg_px == pytest.approx(2.0)
    assert record.fills[0].last_px == 1_400, "a fact stays as it was"
    assert [type(fact).__name__ for fact in record.history] == [
        "OrderAccepted", "Fill", "ActionApplied", "OrderReplaced"
    ]  # fmt: skip


def test_a_split_moves_the_last_price_for_those_who_come_after() -> None:
    told = Told().mark(1_400).about(ActionApplied, ActionKind.SPLIT, 7, 1, 0, "", ts=50).accepted(BUY, 10, 0, 0)
    assert (told.record.mark, told.record.arrival) == (200, 400)


def test_a_rename_moves_working_orders_and_no_others() -> None:
    told = Told().accepted(BUY, 100, 1_000, 1_004, type_=OrderType.LIMIT, limit=1_000)
    told.about(ActionApplied, ActionKind.RENAME, 1, 1, 0, "NOVA", ts=300)
    blotter = told.blotter
    record = blotter.find("ana", "c1")
    assert record is not None
    assert record.instrument is not None
    assert (record.symbol, record.instrument.symbol) == ("NOVA", "NOVA")
    late = Fill(50, 400, "ana", "c1", 7, "NOVA", BUY, 1_000, 100, 0, MAKER, 0, "queue", 1_000, 1_004, 1_000, 100)
    blotter.apply([late])
    assert record.status == Status.FILLED
    told.add(OrderExpired, 100, Reason.END_OF_DAY, ts=200)
    told.facts.sort(key=lambda fact: getattr(fact, "ts_ns", 0))
    assert told.record.symbol == "ACME", "an order that was final keeps the name it traded under"


def test_after_a_rename_marks_still_find_their_instrument() -> None:
    told = Told().about(ActionApplied, ActionKind.RENAME, 1, 1, 0, "NOVA", ts=50)
    told.mark(1_234)
    blotter = told.blotter
    blotter.apply(
        [
            OrderAccepted(60, 60, "ana", "n1", 8, "NOVA", BUY, OrderType.MARKET, 5, None, None, TimeInForce.DAY,
                          0, 0, 0, 0, -1, Reason.WAITING_FOR_BAR)
        ]
    )  # fmt: skip
    record = blotter.records["ana", "n1"]
    assert record.instrument is not None
    assert (record.mark, record.arrival, record.instrument.symbol) == (1_234, 2_468, "NOVA")


def test_only_working_orders_hear_of_their_instrument() -> None:
    told = Told().accepted(BUY, 100, 1_000, 1_004, type_=OrderType.LIMIT, limit=1_000)
    told.about(SessionChanged, "HALTED", "", ts=200).about(BandsMoved, 950, 1_050, ts=250)
    told.add(OrderCanceled, 100, Reason.CANCELED_BY_USER, "", ts=300)
    told.about(SessionChanged, "OPEN", "", ts=400).about(BandsMoved, 960, 1_060, ts=450)
    record = told.record
    assert [fact.ts_ns for fact in record.around] == [200]
    assert record.bands is not None
    assert record.bands.lower == 950
    assert [fact.seq for fact in record.history] == sorted(fact.seq for fact in record.history)
