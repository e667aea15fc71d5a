"""Does the blotter tell of every order what the engine knows, and nothing else?"""

from __future__ import annotations

import numpy as np
import pytest

from vtrade.domain.accounts import NO_LIMITS
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import (
    CancelOrder,
    Fact,
    Fill,
    MarketFrame,
    OpenAccount,
    OpenRoom,
    OrderAccepted,
    OrderDenied,
    OrderRejected,
    ReplaceOrder,
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
