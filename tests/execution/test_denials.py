"""Does every refusal name the value and the mend, and is every reason reachable?"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec
import pytest

from tests.execution.checks import check_inside
from tests.execution.feed import ACME, BUY, SELL, frame, join, order, room, row
from vtrade.domain import messages as msg
from vtrade.domain.accounts import NO_LIMITS, RiskLimits
from vtrade.domain.actions import ActionKind, CorporateAction
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import OrderType, Reason, TimeInForce
from vtrade.domain.values import MICRO
from vtrade.execution.engine import Engine
from vtrade.market.dtype import Kind, SessionStatus

R = Reason
MARKET = (row(Kind.LEVEL, 1, 1_000, 100), row(Kind.LEVEL, -1, 1_002, 100), row(Kind.TRADE, price=1_001, lots=1))


class Case(NamedTuple):
    """A message that is refused, why, and words its sentence must have."""

    reason: Reason
    message: msg.SubmitOrder | msg.CancelOrder | msg.ReplaceOrder
    words: tuple[str, ...]
    limits: RiskLimits = RiskLimits()
    before: tuple[msg.Inbound, ...] = ()
    rows: tuple = MARKET
    listed: Instrument = ACME


SCARCE = msgspec.structs.replace(ACME, borrowable=5)


def special(
    kind: OrderType = OrderType.TRAILING_STOP_MARKET,
    *,
    quantity: int = 10,
    limit_price: int = 10_000_000,
    **asks: object,
) -> msg.SubmitOrder:
    """A buy of ``ana`` that asks for something beyond the usual."""
    limit = limit_price if kind == OrderType.LIMIT else None
    return msg.SubmitOrder(1, "ana", "a", "ACME", BUY, kind, quantity * MICRO, limit, **asks)  # type: ignore[arg-type]


def ana(name: str, *terms: object, **more: object) -> msg.SubmitOrder:
    return order(name, *terms, account="ana", **more)  # type: ignore[arg-type]


CASES = [
    Case(R.UNKNOWN_ACCOUNT, order("a", BUY, 1, account="nobody"), ("'nobody'", "room")),
    Case(R.UNKNOWN_SYMBOL, ana("a", BUY, 1, symbol="ACNE"), ("'ACNE'", "ACME")),
    Case(R.PRICE_OFF_TICK, ana("a", BUY, 1, limit="10.005"), ("limit price 10.005", "0.01", "10", "10.01")),
    Case(R.PRICE_OFF_TICK, ana("a", BUY, 1, limit="0"), ("limit price 0", "0.01")),
    Case(R.PRICE_OFF_TICK, ana("a", BUY, 1, limit="-5"), ("limit price -5", "0.01")),
    Case(R.PRICE_OFF_TICK, ana("a", SELL, 1, stop="9.999"), ("stop price 9.999", "9.99", "10")),
    Case(R.QUANTITY_OFF_LOT, ana("a", BUY, 1.5), ("1.5", "lot 1")),
    Case(R.QUANTITY_NOT_POSITIVE, ana("a", BUY, 0), ("quantity 0", "more than 0")),
    Case(R.QUANTITY_NOT_POSITIVE, ana("a", BUY, -3), ("quantity -3", "more than 0")),
    Case(R.QUANTITY_TOO_LARGE, ana("a", BUY, 1_000_001), ("1000001", "1000000")),
    Case(
        R.QUANTITY_TOO_LARGE, ana("a", BUY, 100, limit="10.00"), ("1,002.00", "500.00"),
        RiskLimits(max_order_notional=500 * MICRO),
    ),
    Case(R.PRICE_MISSING, ana("a", BUY, 1, kind=OrderType.LIMIT), ("limit order", "limit price")),
    Case(R.PRICE_MISSING, ana("a", BUY, 1, kind=OrderType.STOP_MARKET), ("stop price",)),
    Case(R.PRICE_MISSING, ana("a", BUY, 1, limit="10.00", kind=OrderType.STOP_LIMIT), ("stop price",)),
    Case(R.PRICE_MISSING, ana("a", BUY, 1, stop="10.00", kind=OrderType.STOP_LIMIT), ("limit price",)),
    Case(R.PRICE_NOT_ALLOWED, ana("a", BUY, 1, limit="10.00", kind=OrderType.MARKET), ("limit price", "leave it out")),
    Case(R.PRICE_NOT_ALLOWED, ana("a", BUY, 1, limit="9.00", stop="9.00", kind=OrderType.LIMIT), ("stop price",)),
    Case(R.PRICE_OUT_OF_RANGE, ana("a", BUY, 1, limit="100.30"), ("100.30", "10.02", "decimal point")),
    Case(R.PRICE_OUT_OF_RANGE, ana("a", BUY, 1, limit="1.00"), ("1.00", "10.02")),
    Case(R.PRICE_OUT_OF_RANGE, ana("a", SELL, 1, stop="0.50"), ("0.50", "10.00")),
    Case(
        R.DUPLICATE_CLIENT_ORDER_ID, ana("twin", BUY, 1), ("'twin'", "before"),
        before=(ana("twin", BUY, 1, limit="9.00"),),
    ),
    Case(R.INSUFFICIENT_BUYING_POWER, ana("a", BUY, 1_100, limit="10.00"), ("11,000.00 USD", "10,000.00"),
         RiskLimits(concentration_ppm=1_000_000)),
    Case(R.CONCENTRATION_LIMIT, ana("a", BUY, 300, limit="10.00"), ("ACME", "3,006.00", "25 %", "2,500.00")),
    Case(R.SHORT_NOT_ALLOWED, ana("a", SELL, 1), ("hold 0 ACME", "sell 0 more", "short")),
    Case(
        R.TOO_MANY_WORKING_ORDERS, ana("c", BUY, 1, limit="9.00"), ("2 orders", "cancel"),
        RiskLimits(max_working_orders=2),
        before=(ana("a", BUY, 1, limit="9.00"), ana("b", BUY, 1, limit="9.00")),
    ),
    Case(R.ROOM_CLOSED, ana("a", BUY, 1), ("closed",), before=(msg.RoomCommand(1, "close"),)),
    Case(R.ROOM_CLOSED, msg.CancelOrder(1, "ana", "a"), ("closed",),
         before=(ana("a", BUY, 1, limit="9.00"), msg.RoomCommand(1, "close"))),
    Case(R.ROOM_CLOSED, msg.ReplaceOrder(1, "ana", "a", 2 * MICRO), ("closed",),
         before=(ana("a", BUY, 1, limit="9.00"), msg.RoomCommand(1, "close"))),
    Case(R.NO_REFERENCE_PRICE, ana("a", BUY, 1), ("no price yet", "limit order"), rows=()),
    Case(R.SESSION_CLOSED, ana("a", BUY, 1, limit="10.00", tif=TimeInForce.IOC), ("IOC", "closed", "DAY"),
         rows=(*MARKET, row(Kind.STATUS, lots=SessionStatus.CLOSED))),
    Case(R.HALTED, ana("a", BUY, 1, tif=TimeInForce.FOK), ("FOK", "halted", "GTC"),
         rows=(*MARKET, row(Kind.STATUS, lots=SessionStatus.HALTED))),
    Case(R.UNKNOWN_ORDER, msg.CancelOrder(1, "ana", "zz"), ("'zz'", "'ana'")),
    Case(R.UNKNOWN_ORDER, msg.ReplaceOrder(1, "nobody", "zz", MICRO), ("'zz'", "'nobody'")),
    Case(R.ORDER_CLOSED, msg.CancelOrder(1, "ana", "a"), ("'a'", "FILLED"), before=(ana("a", BUY, 1),)),
    Case(R.ORDER_CLOSED, msg.ReplaceOrder(1, "ana", "a", MICRO), ("'a'", "DENIED"), before=(ana("a", BUY, 0),)),
    Case(R.NOTHING_TO_CHANGE, msg.ReplaceOrder(1, "ana", "a", MICRO), ("already",),
         before=(ana("a", BUY, 1, limit="9.00"),)),
    Case(R.QUANTITY_BELOW_FILLED, msg.ReplaceOrder(1, "ana", "a", 99 * MICRO), ("100", "99", "Cancel"),
         before=(ana("a", BUY, 110, limit="10.02"),)),
    Case(R.PRICE_OFF_TICK, msg.ReplaceOrder(1, "ana", "a", None, 10_005_000), ("10.005",),
         before=(ana("a", BUY, 1, limit="9.00"),)),
    Case(R.PRICE_MISSING, ana("a", SELL, 1, kind=OrderType.TRAILING_STOP_MARKET), ("trail", "one of them")),
    Case(R.PRICE_OFF_TICK, special(trail=5_000), ("0.005", "tick 0.01")),
    Case(R.INSTRUCTION_NOT_ALLOWED, special(trail_ppm=MICRO), ("1000000", "100 %")),
    Case(R.INSTRUCTION_NOT_ALLOWED, special(OrderType.MARKET, trail=10_000), ("market order", "trailing_stop_market")),
    Case(R.INSTRUCTION_NOT_ALLOWED, special(OrderType.MARKET, post_only=True), ("limit orders", "DAY")),
    Case(R.INSTRUCTION_NOT_ALLOWED, special(OrderType.MARKET, display_quantity=MICRO), ("limit orders", "market")),
    Case(R.QUANTITY_OFF_LOT, special(OrderType.LIMIT, display_quantity=11 * MICRO), ("display_quantity 11",)),
    Case(R.INSTRUCTION_NOT_ALLOWED, special(OrderType.LIMIT, quantity=202, display_quantity=2 * MICRO), ("100", "2")),
    Case(R.INSTRUCTION_NOT_ALLOWED, special(OrderType.LIMIT, time_in_force=TimeInForce.GTD), ("GTD", "expire_ns")),
    Case(R.INSTRUCTION_NOT_ALLOWED, special(OrderType.LIMIT, time_in_force=TimeInForce.GTD, expire_ns=1), ("to come",)),
    Case(R.INSTRUCTION_NOT_ALLOWED, special(OrderType.LIMIT, expire_ns=9), ("GTD", "DAY")),
    Case(R.INSTRUCTION_NOT_ALLOWED, ana("a", BUY, 1, stop="11.00", tif=TimeInForce.AT_THE_OPEN), ("AT_THE_OPEN",)),
    Case(R.INSTRUCTION_NOT_ALLOWED, special(OrderType.LIMIT, time_in_force=TimeInForce.AT_THE_CLOSE, post_only=True),
         ("AT_THE_CLOSE", "leave")),
    Case(
        R.INSTRUCTION_NOT_ALLOWED, special(OrderType.LIMIT, time_in_force=TimeInForce.IOC, parent="p"),
        ("child", "IOC"),
    ),
    Case(R.INSTRUCTION_NOT_ALLOWED, msg.ReplaceOrder(1, "ana", "a", 101 * MICRO), ("100 slices",),
         before=(special(OrderType.LIMIT, display_quantity=MICRO),)),
    Case(R.NOTHING_TO_REDUCE, special(OrderType.LIMIT, reduce_only=True), ("0 ACME", "no more than that")),
    Case(R.UNKNOWN_PARENT, special(OrderType.LIMIT, parent="p"), ("'p'", "not known", "that works")),
    Case(R.UNKNOWN_PARENT, special(OrderType.LIMIT, parent="p"), ("'p'", "CANCELED", "that works"),
         before=(ana("p", SELL, 1, limit="11.00"), msg.CancelOrder(1, "ana", "p")),
         limits=RiskLimits(allow_short=True)),
    Case(R.UNKNOWN_PARENT, special(OrderType.LIMIT, parent="p"), ("'p'", "other side"),
         before=(ana("p", BUY, 1, limit="9.00"),)),
    Case(R.POST_ONLY_WOULD_TAKE, special(OrderType.LIMIT, post_only=True, limit_price=10_020_000), ("never take",)),
    Case(R.AUCTION_OVER, special(OrderType.LIMIT, time_in_force=TimeInForce.AT_THE_OPEN), ("over", "AT_THE_CLOSE"),
         rows=(row(Kind.STATUS, lots=SessionStatus.OPEN), *MARKET)),
    Case(R.DELISTED, ana("a", BUY, 1), ("ACME", "delisted"),
         before=(CorporateAction(1, "ACME", ActionKind.DELISTING, amount=0),)),
    Case(R.NO_LOCATE, ana("a", SELL, 6), ("5 ACME", "borrow", "fewer"), RiskLimits(allow_short=True), listed=SCARCE),
    Case(R.MARGIN_CALL, ana("b", SELL, 1, limit="20.00"), ("margin is called", "make positions smaller"),
         RiskLimits(allow_short=True, concentration_ppm=MICRO * 10),
         before=(ana("a", SELL, 100), frame(row(Kind.LEVEL, 1, 1_000, 0), row(Kind.TRADE, price=8_500, lots=1)))),
    Case(R.INSUFFICIENT_BUYING_POWER, msg.ReplaceOrder(1, "ana", "a", 2_000 * MICRO), ("18,000.00",),
         RiskLimits(concentration_ppm=1_000_000), before=(ana("a", BUY, 1, limit="9.00"),)),
]  # fmt: skip


def setting(case: Case) -> Engine:
    engine = room(case.listed)
    join(engine, "ana", cash=10_000, limits=case.limits)
    for message in (*([frame(*case.rows)] if case.rows else []), *case.before):
        engine.process(message)
    return engine


@pytest.mark.parametrize("case", CASES, ids=[f"{i} {case.reason}" for i, case in enumerate(CASES)])
def test_a_refusal_names_the_value_and_the_mend_and_changes_nothing(case: Case) -> None:
    engine = setting(case)
    before = {name: (a.cash, a.reserved, a.positions, a.working) for name, a in engine.accounts.items()}
    depth = engine.depth(0, 1, 99), engine.depth(0, -1, 99)
    facts = engine.process(case.message)
    assert len(facts) == 1
    fact = facts[0]
    assert isinstance(fact, msg.OrderDenied | msg.OrderRejected | msg.CancelRejected | msg.ReplaceRejected)
    assert fact.reason == case.reason
    for word in case.words:
        assert word in fact.detail, f"{fact.detail!r} does not say {word!r}"
    assert len(fact.detail) < 200
    assert {name: (a.cash, a.reserved, a.positions, a.working) for name, a in engine.accounts.items()} == before
    assert (engine.depth(0, 1, 99), engine.depth(0, -1, 99)) == depth
    check_inside(engine)


def test_every_reason_to_refuse_is_covered() -> None:
    waits_and_ends = {reason for reason in Reason if reason.startswith("WAITING")}
    waits_and_ends |= {
        R.NONE, R.CANCELED_BY_USER, R.IMMEDIATE_OR_CANCEL, R.FILL_OR_KILL, R.SELF_TRADE, R.END_OF_DAY, R.GOOD_TILL_DATE,
        R.NO_AUCTION_FILL, R.ONE_CANCELS_OTHER, R.PARENT_ENDED, R.PARENT_FILLED, R.REDUCE_ONLY, R.BEYOND_THE_BOOK,
        R.CORPORATE_ACTION,
    }  # fmt: skip
    assert {case.reason for case in CASES} == set(Reason) - waits_and_ends


def test_numbers_in_a_denial_are_as_the_owner_wrote_them() -> None:
    engine = setting(CASES[2])
    (fact,) = engine.process(ana("odd", SELL, 1.25, limit="10.005", tif=TimeInForce.GTC))
    assert isinstance(fact, msg.OrderDenied)
    assert (fact.quantity, fact.limit_price, fact.stop_price) == (1_250_000, 10_005_000, None)
    assert (fact.side, fact.type, fact.time_in_force) == (SELL, OrderType.LIMIT, TimeInForce.GTC)


def test_a_denied_id_stays_used() -> None:
    engine = setting(CASES[1])
    assert [f.reason for f in engine.process(ana("x", BUY, 0))] == [R.QUANTITY_NOT_POSITIVE]  # type: ignore[union-attr]
    assert [f.reason for f in engine.process(ana("x", BUY, 1))] == [R.DUPLICATE_CLIENT_ORDER_ID]  # type: ignore[union-attr]


@pytest.mark.parametrize("limits", [RiskLimits(concentration_ppm=1_000_000), NO_LIMITS], ids=["limits", "no limits"])
@pytest.mark.parametrize("rows", [MARKET, ()], ids=["market", "no market"])
@pytest.mark.parametrize("tick", ["0.01", "0.000001"])
def test_absurd_numbers_are_denied(limits: RiskLimits, rows: tuple, tick: str) -> None:
    engine = room(Instrument.make("ACME", tick=tick))
    join(engine, "ana", limits=limits)
    if rows:
        engine.process(frame(*rows))
    huge = (2**63 - 1, 2**63, 2**64 - 1)
    for i, value in enumerate(huge):
        absurd = [
            msg.SubmitOrder(1, "ana", f"a{i}", "ACME", BUY, OrderType.LIMIT, MICRO, value // 10_000 * 10_000),
            msg.SubmitOrder(
                1, "ana", f"b{i}", "ACME", SELL, OrderType.STOP_MARKET, MICRO, None, value // 10_000 * 10_000
            ),
            msg.SubmitOrder(
                1, "ana", f"c{i}", "ACME", BUY, OrderType.STOP_LIMIT, MICRO, MICRO, value // 10_000 * 10_000
            ),
            msg.SubmitOrder(1, "ana", f"d{i}", "ACME", BUY, OrderType.LIMIT, value // MICRO * MICRO, MICRO),
            msg.SubmitOrder(1, "ana", f"e{i}", "ACME", SELL, OrderType.MARKET, value // MICRO * MICRO),
        ]
        for message in absurd:
            (fact,) = engine.process(message)
            assert isinstance(fact, msg.OrderDenied), fact
            assert re.search(r"\d", fact.detail)
    assert not engine.orders
    check_inside(engine)


@pytest.mark.parametrize("quantity, price", [(2**40, "100.00"), (10**9, "100000.00"), (2**40, "0.01")])
def test_sums_stay_countable(quantity: int, price: str) -> None:
    """Accounts without limits, too, are kept where every sum fits into 64 bits."""
    engine = room()
    join(engine, "other", limits=NO_LIMITS)
    for i in range(40):
        engine.process(order(f"a{i}", SELL, quantity, limit=price, account="other"))
        engine.process(order(f"b{i}", BUY, quantity, limit=price))
        engine.process(order(f"c{i}", BUY, quantity))
    assert all(abs(account.cash) < 2**62 for account in engine.accounts.values())
    assert Engine.restore(engine.snapshot()).state_hash() == engine.state_hash()
