"""What may the house do with money and blocks, and what does it refuse?"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.execution.feed import ACME, BUY, SELL, fills, row
from tests.execution.witness import CASH, DAY, MARGIN, S, Witness, kinds, of
from vtrade.domain import messages as msg
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.actions import ActionKind
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import OrderType, Reason, Side, TimeInForce
from vtrade.domain.rules import RoomRules
from vtrade.domain.values import MICRO
from vtrade.errors import VTradeError
from vtrade.market.dtype import Kind, SessionStatus

GTC = TimeInForce.GTC
SAP = Instrument.make("SAP", currency="EUR")
SPREAD = RoomRules(fx_spread_ppm=1_000)


def tender(
    w: Witness, name: str = "t", *, side: Side = BUY, units: int = 100, price: str = "9.50", account: str = "ana",
    symbol: str = "ACME", seconds: int = 60,
) -> list[msg.Fact]:  # fmt: skip
    micros = round(float(price) * MICRO)
    return w.say(msg.OfferTender(w.ts, name, account, symbol, side, units * MICRO, micros, w.ts + seconds * S))


def answer(w: Witness, name: str = "t", *, accept: bool = True, account: str = "ana") -> list[msg.Fact]:
    return w.say(msg.AnswerTender(w.ts, name, account, accept))


def reason(facts: list[msg.Fact]) -> Reason | None:
    return next((fact.reason for fact in of(msg.OrderDenied, facts)), None)


def started(*, cash: float = 10_000, limits: RiskLimits = CASH) -> Witness:
    w = Witness()
    w.join("ana", cash=cash, limits=limits)
    w.book(999, 1_001)
    w.print(1_000)
    return w


# --- tenders ---------------------------------------------------------------------------------------------------------


def test_a_tender_is_taken() -> None:
    w = started()
    (offered,) = tender(w)
    assert isinstance(offered, msg.TenderOffered)
    assert (offered.quantity, offered.price) == (100, 950)
    told = answer(w)
    assert kinds(told) == ["PositionAdjusted", "CashMoved", "TenderClosed"]
    assert w.units("ana") == 10_000 - 950
    assert w.engine.accounts["ana"].positions == [100]
    assert w.portfolio.account("ana").nav == 10_050 * MICRO
    assert w.portfolio.account("ana").realized_pnl == 0


def test_a_tender_is_left_or_expires() -> None:
    w = started()
    tender(w)
    assert [(f.taken, f.detail) for f in of(msg.TenderClosed, answer(w, accept=False))] == [(False, "declined")]
    tender(w, "u", seconds=10)
    w.wait(10)
    assert kinds(answer(w, "u"))[-1] == "TenderClosed"
    tender(w, "v", seconds=10)
    w.wait(11)
    assert [(f.taken, f.detail) for f in of(msg.TenderClosed, w.print(1_000))] == [(False, "expired")]
    told = answer(w, "v")
    assert [(f.account, "closed before" in f.headline) for f in of(msg.NewsPublished, told)] == [("ana", True)]
    assert w.engine.accounts["ana"].positions == [100]


@pytest.mark.parametrize(
    "limits, side, units, price, named",
    [
        (CASH, BUY, 1_100, "9.50", Reason.INSUFFICIENT_BUYING_POWER),
        (RiskLimits(), BUY, 500, "9.50", Reason.CONCENTRATION_LIMIT),
        (CASH, SELL, 10, "9.50", Reason.SHORT_NOT_ALLOWED),
        (MARGIN, SELL, 3_000, "9.50", Reason.INSUFFICIENT_BUYING_POWER),
    ],
)
def test_a_tender_passes_the_checks_of_an_order(
    limits: RiskLimits, side: Side, units: int, price: str, named: Reason
) -> None:
    w = started(limits=limits)
    tender(w, side=side, units=units, price=price)
    before = w.engine.accounts["ana"].cash
    (closed,) = of(msg.TenderClosed, answer(w))
    assert not closed.taken
    assert closed.detail.startswith(named)
    assert w.engine.accounts["ana"].cash == before


def test_what_works_counts_in_a_tender() -> None:
    w = started(cash=1_000)
    w.order("a", BUY, 60, limit="9.00", account="ana")
    tender(w, units=50)
    assert not of(msg.TenderClosed, answer(w))[0].taken
    w.say(msg.CancelOrder(w.ts, "ana", "a"))
    tender(w, "u", units=50)
    assert of(msg.TenderClosed, answer(w, "u"))[0].taken


def test_nobody_takes_the_tender_of_another() -> None:
    w = started()
    w.join("bob")
    tender(w)
    (refused,) = answer(w, account="bob")
    assert isinstance(refused, msg.NewsPublished)
    assert refused.account == "bob"
    assert "bob" not in repr(w.engine.venue.tenders)
    assert of(msg.TenderClosed, answer(w))[0].taken


def test_a_tender_that_is_offered_twice_is_offered_once() -> None:
    w = started()
    tender(w)
    assert tender(w) == []
    with pytest.raises(VTradeError, match="other terms"):
        tender(w, units=50)


@pytest.mark.parametrize(
    "bad, named",
    [
        ({"account": "eve"}, "known: free, ana"),
        ({"symbol": "NONE"}, "trades ACME"),
        ({"units": 0}, "lots"),
        ({"price": "9.505"}, "grid"),
        ({"seconds": -5}, "later time"),
    ],
)
def test_a_tender_that_makes_no_sense(bad: dict, named: str) -> None:
    w = started()
    w.wait(10)
    with pytest.raises(VTradeError, match=named):
        tender(w, **bad)
    tender(w)


def test_a_tender_of_what_has_no_price_yet() -> None:
    w = Witness()
    w.join("ana")
    tender(w)
    told = answer(w)
    assert [f.marks for f in of(msg.Marked, told)] == [((0, 950),)]
    assert w.engine.marks == [950]


def test_orders_that_reduce_follow_a_tender() -> None:
    w = started()
    w.order("in", BUY, 100, limit="10.01", account="ana")
    for name, units in (("out", 80), ("also", 30)):
        w.say(
            msg.SubmitOrder(
                w.ts, "ana", name, "ACME", SELL, OrderType.LIMIT, units * MICRO, 11_000_000, time_in_force=GTC,
                reduce_only=True,
            )
        )  # fmt: skip
    tender(w, side=SELL, units=60)
    told = answer(w)
    assert [(f.client_order_id, f.leaves_quantity, f.reason) for f in of(msg.OrderReplaced, told)] == [
        ("out", 40, Reason.REDUCE_ONLY)
    ]
    tender(w, "u", side=SELL, units=40)
    assert [f.reason for f in of(msg.OrderCanceled, answer(w, "u"))] == [Reason.REDUCE_ONLY] * 2


def test_a_split_ends_a_tender() -> None:
    w = started()
    tender(w)
    assert [f.detail for f in of(msg.TenderClosed, w.split(2, 1))] == ["ACME was split"]
    assert kinds(answer(w)) == ["NewsPublished"]


# --- currencies ------------------------------------------------------------------------------------------------------


def abroad(rules: RoomRules = SPREAD, *, cash: float = 2_000, currency: str = "USD") -> Witness:
    w = Witness(ACME, SAP, rules=rules)
    w.join("ana", cash=cash, currency=currency)
    w.act(ActionKind.RATE, "EUR", amount=1_250_000)
    w.book(999, 1_000, k=1)
    w.print(1_000, k=1)
    return w


def test_money_is_changed_at_the_rate_less_the_spread() -> None:
    w = abroad()
    told = w.say(msg.ConvertCash(w.ts, "ana", "USD", "EUR", 1_000 * MICRO))
    assert [(f.currency, f.amount, f.cause) for f in of(msg.CashMoved, told)] == [
        ("USD", -1_000 * MICRO, "fx"), ("EUR", 799_200_000, "fx")
    ]  # fmt: skip
    w.say(msg.ConvertCash(w.ts, "ana", "EUR", "USD", 799_200_000))
    assert w.engine.accounts["ana"].balances == {"USD": 1_998_001_000, "EUR": 0}


@pytest.mark.parametrize(
    "account, sell, buy, amount, named",
    [
        ("eve", "USD", "EUR", 1, "not in this room"),
        ("ana", "USD", "CHF", 1, "known: USD, EUR"),
        ("ana", "USD", "USD", 1, "two currencies"),
        ("ana", "USD", "EUR", 0, "more than 0"),
        ("ana", "USD", "EUR", 2_001, "you hold 2,000.00 USD"),
        ("ana", "EUR", "USD", 1, "you hold 0.00 EUR"),
    ],
)
def test_a_conversion_that_is_refused_says_why(account: str, sell: str, buy: str, amount: int, named: str) -> None:
    w = abroad()
    (fact,) = w.say(msg.ConvertCash(w.ts, account, sell, buy, amount * MICRO))
    assert isinstance(fact, msg.NewsPublished)
    assert fact.account == account
    assert named in fact.headline


def test_a_buy_abroad_is_paid_from_home() -> None:
    w = abroad()
    told = w.order("a", BUY, 100, limit="10.00", symbol="SAP", account="ana")
    # 1,000 EUR cost 1,250 USD, and 1 / 0.999 of it with the spread
    assert [(f.currency, f.amount) for f in of(msg.CashMoved, told)] == [
        ("USD", -1_251_251_251),
        ("EUR", 1_000 * MICRO),
    ]
    assert w.engine.accounts["ana"].balances == {"USD": 748_748_749, "EUR": 0}
    told = w.order("b", SELL, 50, limit="9.99", symbol="SAP", account="ana")
    assert of(msg.CashMoved, told) == []
    assert w.engine.accounts["ana"].balances["EUR"] == 499_500_000
    w.feed(row(Kind.QUOTE, -1, 500, 1_000, k=0))
    w.order("c", BUY, 200, limit="5.00", account="ana")
    assert w.engine.accounts["ana"].balances["USD"] == 0
    assert 0 < w.engine.accounts["ana"].balances["EUR"] < 300 * MICRO


def test_a_margin_account_may_owe_abroad() -> None:
    w = abroad()
    w.join("bob", limits=MARGIN)
    assert of(msg.CashMoved, w.order("a", BUY, 100, limit="10.00", symbol="SAP", account="bob")) == []
    assert w.engine.accounts["bob"].balances["EUR"] == -1_000 * MICRO


@pytest.mark.parametrize("cash, fits", [(1_251, False), (1_252, True)])
def test_the_spread_must_be_there_too(cash: int, fits: bool) -> None:
    w = abroad(cash=cash)
    told = w.order("a", BUY, 100, limit="10.00", symbol="SAP", account="ana")
    assert reason(told) is (None if fits else Reason.INSUFFICIENT_BUYING_POWER)
    assert min(w.engine.accounts["ana"].balances.values()) >= 0


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 90), st.integers(990, 1_010)), max_size=14),
    st.sampled_from([0, 1_000, 20_000]),
    st.sampled_from(["USD", "EUR"]),
)
def test_a_cash_account_owes_no_currency(steps: list[tuple[int, int, int]], spread: int, currency: str) -> None:
    w = abroad(RoomRules(fx_spread_ppm=spread, settlement_days=1), currency=currency)
    w.book(999, 1_000, lots=50)
    w.print(1_000)
    for n, (what, units, price) in enumerate(steps):
        symbol = ("ACME", "SAP")[units % 2]
        if what < 4:
            side = (BUY, BUY, SELL, BUY)[what]
            w.order(f"o{n}", side, units, limit=price / 100, symbol=symbol, account="ana", tif=GTC)
        elif what == 4:
            pair = ("USD", "EUR") if units % 2 else ("EUR", "USD")
            w.say(msg.ConvertCash(w.ts, "ana", *pair, units * price * 10_000))
        else:
            w.wait(units * 2_000)
            w.book(price - 1, price, k=units % 2, lots=units)
            w.print(price, 30, k=units % 2)
        assert min(w.engine.accounts["ana"].balances.values()) >= 0


# --- fines and settlement ------------------------------------------------------------------------------------------


def test_fines_and_adjustments() -> None:
    w = started()
    told = w.say(msg.RoomCommand(w.ts, "fine", account="ana", amount=250 * MICRO, text="too late"))
    told += w.say(msg.RoomCommand(w.ts, "adjust", account="ana", amount=-50 * MICRO))
    told += w.say(msg.RoomCommand(w.ts, "adjust", account="ana", amount=100 * MICRO))
    assert [(f.amount // MICRO, f.cause, f.detail) for f in of(msg.CashMoved, told)] == [
        (-250, "fine", "too late"), (-50, "adjustment", ""), (100, "adjustment", "")
    ]  # fmt: skip
    assert w.units("ana") == 9_800


@pytest.mark.parametrize(
    "command, named",
    [
        (msg.RoomCommand(9, "fine", account="eve", amount=1), "known: free, ana"),
        (msg.RoomCommand(9, "fine", account="ana", amount=-1), "above 0"),
        (msg.RoomCommand(9, "adjust", account="ana"), "above 0"),
        (msg.RoomCommand(9, "adjust", account="ana", amount=2**61), "cannot count"),
    ],
)
def test_a_fine_that_makes_no_sense(command: msg.RoomCommand, named: str) -> None:
    w = started()
    before = w.engine.snapshot()
    with pytest.raises(VTradeError, match=named):
        w.engine.process(command)
    assert w.engine.snapshot() == before


@pytest.mark.parametrize("days", [1, 2])
def test_proceeds_settle_with_a_later_session(days: int) -> None:
    w = Witness(rules=RoomRules(settlement_days=days))
    w.join("ana", cash=1_000)
    w.feed(row(Kind.STATUS, lots=SessionStatus.OPEN))
    w.book(1_000, 1_000)
    w.print(1_000)
    w.order("in", BUY, 100, limit="10.00", account="ana")
    w.order("out", SELL, 40, limit="10.00", account="ana")
    assert (w.units("ana"), w.engine.buying_power("ana")) == (400, 0)
    assert reason(w.order("more", BUY, 1, limit="9.00", account="ana")) == Reason.INSUFFICIENT_BUYING_POWER
    for day in range(1, days + 1):
        w.feed(row(Kind.STATUS, lots=SessionStatus.HALTED), row(Kind.STATUS, lots=SessionStatus.RESUMED))
        w.feed(row(Kind.STATUS, lots=SessionStatus.CLOSED))
        w.ts = 3 * day * DAY
        assert of(msg.CashSettled, w.told) == []
        told = w.feed(row(Kind.STATUS, lots=SessionStatus.OPEN))
    assert [(f.account, f.amount) for f in of(msg.CashSettled, told)] == [("ana", 400 * MICRO)]
    assert w.engine.buying_power("ana") == 400 * MICRO


def test_without_sessions_proceeds_settle_by_the_clock() -> None:
    w = Witness(rules=RoomRules(settlement_days=1))
    w.join("ana", cash=1_000)
    w.join("bob", limits=MARGIN)
    w.book(1_000, 1_000)
    w.print(1_000)
    w.order("in", BUY, 100, limit="10.00", account="ana")
    w.order("out", SELL, 40, limit="10.00", account="ana")
    w.order("short", SELL, 40, limit="10.00", account="bob")
    w.ts = DAY
    assert of(msg.CashSettled, w.print(1_000)) == []
    w.ts = DAY + 1
    assert [(f.account, f.amount, f.ts_ns) for f in of(msg.CashSettled, w.print(1_000))] == [("ana", 400 * MICRO, DAY)]


def test_what_was_sold_before_a_delisting_settles() -> None:
    w = Witness(rules=RoomRules(settlement_days=2))
    w.join("ana", cash=1_000)
    w.feed(row(Kind.STATUS, lots=SessionStatus.OPEN))
    w.book(1_000, 1_000)
    w.order("in", BUY, 100, limit="10.00", account="ana")
    w.order("out", SELL, 100, limit="10.00", account="ana")
    w.act(ActionKind.DELISTING)
    w.ts = 2 * DAY + 1
    assert len(of(msg.CashSettled, w.print(1_000))) == 1


def test_fees_are_not_held_back_twice() -> None:
    from vtrade.domain.instruments import FeeSchedule

    w = Witness(Instrument.make("ACME", fees=FeeSchedule.bps(10)), rules=RoomRules(settlement_days=1))
    w.join("ana", cash=1_001)
    w.book(1_000, 1_000)
    w.order("in", BUY, 100, limit="10.00", account="ana")
    assert fills(w.order("out", SELL, 100, limit="10.00", account="ana")) == [("out", 1_000, 100)]
    assert (w.engine.accounts["ana"].cash, w.engine.buying_power("ana")) == (999 * MICRO, 0)
