"""Does an exchange room match agents and participants, order by order, as the naive book does?

Rules: both get the same requests one by one; after each the participants' fills and the whole depth must be equal. What
the naive book does not know (market orders that wait, halts, icebergs) is not sent.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.execution.checks import check_inside
from tests.execution.feed import BUY, SELL, fills, frame, join, room
from tests.execution.naive_book import AGENT, NaiveRoom, Trade
from vtrade.domain import messages as msg
from vtrade.domain.accounts import NO_LIMITS
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import OrderType, TimeInForce
from vtrade.domain.values import MICRO
from vtrade.execution.engine import Engine
from vtrade.market.dtype import EVENT, FLAG_AUCTION, FLAG_IOC, FLAG_MARKET, FLAG_PEGGED, Kind, SessionStatus
from vtrade.market.exchange import exchange

TICK = 10_000
ACCOUNTS = ("ana", "bob", "cyd")


class Both:
    """The engine and the naive book, told the same."""

    def __init__(self, instrument: Instrument | None = None) -> None:
        self.engine: Engine = room(*([instrument] if instrument else []))
        self.tick = self.engine.instruments[0].tick_size
        self.lot = self.engine.instruments[0].lot_size
        self.symbol = self.engine.instruments[0].symbol
        self.naive = NaiveRoom()
        self.count = self.traded = 0
        self.call = "AT_THE_OPEN"
        """How an order is sent that lives for the present auction alone."""
        self.sent: dict[str, tuple[str, int]] = {}
        """Account and lots asked for by each order."""
        for name in ACCOUNTS:
            join(self.engine, name, limits=NO_LIMITS)

    def _same(self, facts: list[msg.Fact], trades: list[Trade]) -> None:
        told = fills(facts)
        parts = [(name, t.price, t.lots) for t in trades for name in (t.taker, t.maker) if not name.startswith("agent")]
        assert told == parts, f"request {self.count}: the engine filled {told}, the naive book {parts}"
        for side in (1, -1):
            assert self.engine.depth(0, side, 10**6) == self.naive.depth(side), f"request {self.count}: side {side}"
        assert self.naive.last is None or self.engine.last(0) == self.naive.last
        self.traded += len(parts)
        self.count += 1

    def row(self, kind: Kind, side: int = 0, price: int = 0, lots: int = 0, oid: int = 0, flags: int = 0) -> None:
        facts = self.engine.process(frame((self.count, price, lots, oid, 0, int(kind), side, flags)))
        self._same(facts, self.naive.row(kind, side, price, lots, oid, flags))

    def submit(self, account: str, side: int, price: int | None, lots: int, tif: str) -> None:
        name = f"o{self.count}"
        self.sent[name] = (account, lots)
        called = self.naive.status == SessionStatus.AUCTION
        if called and (price is None or tif != "DAY"):
            tif, price = self.call, None  # in the naive book's call they end with it
        facts = self.engine.process(
            msg.SubmitOrder(
                self.count, account, name, self.symbol, BUY if side > 0 else SELL,
                OrderType.MARKET if price is None else OrderType.LIMIT, lots * self.lot,
                None if price is None else price * self.tick, None,
                TimeInForce(tif) if price is not None or called else TimeInForce.IOC,
            )
        )  # fmt: skip
        naive_tif = "DAY" if tif == self.call else tif if price is not None else "IOC"
        self._same(facts, self.naive.submit(name, account, side, price, lots, tif=naive_tif))

    def cancel(self, name: str) -> None:
        facts = self.engine.process(msg.CancelOrder(self.count, self.sent[name][0], name))
        left = self.naive.cancel(name)
        canceled = [fact.leaves_quantity for fact in facts if isinstance(fact, msg.OrderCanceled)]
        assert canceled == ([left] if left else [])
        self._same([], [])

    def replace(self, name: str, price: int, left: int) -> None:
        account, asked = self.sent[name]
        order = self.naive.find(name)
        if order is None or (price, left) == (order.price, order.lots) or self.naive.status == SessionStatus.AUCTION:
            return
        filled = asked - order.lots
        self.sent[name] = (account, filled + left)
        facts = self.engine.process(
            msg.ReplaceOrder(self.count, account, name, (filled + left) * self.lot, price * self.tick)
        )
        assert isinstance(facts[0], msg.OrderReplaced), facts[0]
        self._same(facts, self.naive.replace(name, price=price, lots=left))


def at_random(both: Both, luck: np.random.Generator, mid: int, *, wide: int = 6) -> None:
    """One request of a participant."""
    side, lots = 1 - 2 * int(luck.integers(0, 2)), int(luck.integers(1, 30))
    price = mid - side * int(luck.integers(-3, wide))
    what = luck.random()
    mine = [order.name for order in both.naive.orders if order.account != AGENT and order.price is not None]
    if what < 0.15 and mine:
        both.cancel(mine[int(luck.integers(0, len(mine)))])
    elif what < 0.35 and mine:
        name = mine[int(luck.integers(0, len(mine)))]
        order = both.naive.find(name)
        assert order is not None
        assert order.price is not None
        both.replace(name, order.price if what < 0.25 else mid - order.side * int(luck.integers(-3, wide)), lots)
    else:
        tif = ("DAY", "DAY", "DAY", "IOC", "FOK")[int(luck.integers(0, 5))]
        account = ACCOUNTS[int(luck.integers(0, len(ACCOUNTS)))]
        both.submit(account, side, None if luck.random() < 0.15 else max(1, price), lots, tif)


@pytest.mark.parametrize("seed", range(6))
def test_random_agents_and_participants(seed: int) -> None:
    luck, both = np.random.Generator(np.random.PCG64(seed)), Both()
    if seed % 2:
        both.row(Kind.STATUS, lots=SessionStatus.AUCTION)
    for number in range(1, 700):
        if number % 120 == 0:
            called = both.naive.status == SessionStatus.AUCTION
            both.call = "AT_THE_OPEN" if number < 600 else "AT_THE_CLOSE"
            both.row(Kind.STATUS, lots=SessionStatus.OPEN if called else SessionStatus.AUCTION)
        if luck.random() < 0.5:
            at_random(both, luck, 1_000)
            continue
        side, lots = 1 - 2 * int(luck.integers(0, 2)), int(luck.integers(1, 40))
        price, what = 1_000 - side * int(luck.integers(-2, 8)), luck.random()
        if what < 0.2:
            both.row(Kind.CANCEL, oid=int(luck.integers(1, number + 1)))
        elif what < 0.5:
            both.row(Kind.ORDER, side, int(luck.integers(1, 8)), lots, number, FLAG_PEGGED)
        elif what < 0.6:
            both.row(Kind.ORDER, side, price, lots, 0, FLAG_IOC)
        elif what < 0.7:
            both.row(Kind.ORDER, side, 0, lots, 0, FLAG_MARKET)
        else:
            both.row(Kind.ORDER, side, price, lots, number)
        if number % 40 == 0:
            check_inside(both.engine)
    both.row(Kind.STATUS, lots=SessionStatus.CLOSED)
    assert both.naive.orders == []
    assert both.traded > 100


@pytest.mark.parametrize("seed", [3, 8])
def test_the_tape_of_the_background_agents_with_participants(seed: int) -> None:
    tape = exchange(seed, minutes=2, events_per_second=4)
    luck, both = np.random.Generator(np.random.PCG64(seed)), Both(tape.instruments[0])
    for row in tape.events.tolist():
        event = dict(zip(EVENT.names or (), row, strict=True))
        assert event["kind"] in (Kind.ORDER, Kind.CANCEL, Kind.STATUS)
        if both.naive.status == SessionStatus.OPEN and event["kind"] == Kind.STATUS:
            both.call = "AT_THE_CLOSE"
        both.row(
            Kind(event["kind"]), event["side"], event["price"], event["quantity"], event["order_id"], event["flags"]
        )
        if both.naive.last is not None and event["kind"] != Kind.STATUS and luck.random() < 0.3:
            at_random(both, luck, both.naive.last, wide=20)
    check_inside(both.engine)
    assert both.traded > 20


def test_without_participants_nothing_is_told() -> None:
    tape = exchange(5, minutes=2)
    engine = room(*tape.instruments)
    told = engine.process(msg.MarketFrame(int(tape.events["ts_ns"][-1]), tape.events.tobytes()))
    assert {type(fact).__name__ for fact in told} == {"SessionChanged", "AuctionHeld", "Marked"}
    assert not tape.events["flags"].astype(int).max() & FLAG_AUCTION
    check_inside(engine)
    assert Engine.restore(engine.snapshot()).state_hash() == engine.state_hash()


def test_agents_ids_of_any_size_come_back_from_a_snapshot() -> None:
    both = Both()
    for number in range(3_000):
        both.row(Kind.ORDER, -1, 1_000 + number % 7, 1, number + 1)
    twin = Engine.restore(both.engine.snapshot())
    for engine in (twin, both.engine):
        engine.process(frame((1, 0, 0, 2_500, 0, int(Kind.CANCEL), 0, 0)))
    assert twin.state_hash() == both.engine.state_hash()
    assert (
        len(fills(twin.process(msg.SubmitOrder(1, "ana", "a", "ACME", BUY, OrderType.MARKET, 5_000 * MICRO)))) == 2_999
    )


def test_a_cancel_that_names_an_order_of_another_feed_does_nothing() -> None:
    both = Both()
    for number in range(300):
        both.engine.process(frame((1, 1_000, 5, number + 1, 0, int(Kind.ADD), 1, 0)))
    both.engine.process(frame((1, 0, 0, 300, 0, int(Kind.CANCEL), 0, 0)))
    check_inside(both.engine)
    assert both.engine.touch(0)[:2] == (1_000, 1_500)


def test_one_order_may_meet_any_number_of_agents() -> None:
    both = Both()
    rows = [(1, 1_000 + i % 10, 1, i + 1, 0, int(Kind.ORDER), -1, 0) for i in range(6_000)]
    both.engine.process(frame(*rows))
    told = both.engine.process(msg.SubmitOrder(1, "ana", "a", "ACME", BUY, OrderType.MARKET, 6_000 * MICRO))
    assert sum(lots for _, _, lots in fills(told)) == 6_000


@pytest.mark.parametrize("how", ["stop", "auction"])
def test_an_event_may_meet_any_number_of_agents(how: str) -> None:
    both = Both()
    if how == "auction":
        both.engine.process(frame((1, 0, 5, 0, 0, int(Kind.STATUS), 0, 0)))
    rows = [(1, 1_001 + i % 10, 1, i + 1, 0, int(Kind.ORDER), -1, 0) for i in range(6_000)]
    first = (1, 1_000, 1, 9_000, 0, int(Kind.ORDER), -1, 0), (1, 1_000, 1, 9_001, 0, int(Kind.ORDER), 1, 0)
    both.engine.process(frame(*(first if how == "stop" else ()), *rows))
    stop, limit = (1_001 * TICK, None) if how == "stop" else (None, 1_020 * TICK)
    kind = OrderType.STOP_MARKET if how == "stop" else OrderType.LIMIT
    both.engine.process(msg.SubmitOrder(1, "ana", "a", "ACME", BUY, kind, 5_000 * MICRO, limit, stop))
    end = (1, 0, 1, 0, 0, int(Kind.STATUS), 0, 0) if how == "auction" else (1, 1_001, 1, 0, 0, int(Kind.ORDER), 1, 4)
    assert sum(lots for _, _, lots in fills(both.engine.process(frame(end)))) == 5_000
    check_inside(both.engine)
