"""Is a thin margin called, met or liquidated, and what does borrowing cost?"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.execution.feed import ACME, BUY, SELL, fills, row
from tests.execution.witness import DAY, MARGIN, S, Witness, kinds, of
from vtrade.domain import messages as msg
from vtrade.domain.accounts import NO_LIMITS, RiskLimits
from vtrade.domain.actions import ActionKind
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import Reason, TimeInForce
from vtrade.domain.rules import RoomRules
from vtrade.domain.values import MICRO
from vtrade.execution.margin import daily
from vtrade.market.dtype import Kind, SessionStatus

BOLT = Instrument.make("BOLT")
GTC = TimeInForce.GTC
LENT = Instrument(symbol="ACME", tick_size=10_000, borrow_rate_ppm=36_000)


def states(facts: list[msg.Fact]) -> list[tuple[str, str]]:
    return [(fact.account, fact.state) for fact in of(msg.MarginChanged, facts)]


def reason(facts: list[msg.Fact]) -> Reason | None:
    return next((fact.reason for fact in of(msg.OrderDenied, facts)), None)


def leveraged(*instruments: Instrument, limits: RiskLimits = MARGIN) -> Witness:
    """Ana has 1,000 and holds 180 at 10.00: she owes 800."""
    w = Witness(*instruments)
    w.join("ana", cash=1_000, limits=limits)
    w.book(999, 1_000)
    w.print(1_000)
    w.order("in", BUY, 180, account="ana", limit="10.00")
    assert w.units("ana") == -800
    return w


def test_a_call_is_made_and_met() -> None:
    w = leveraged()
    assert states(w.print(600)) == []
    told = w.print(590)
    (called,) = of(msg.MarginChanged, told)
    # 180 x 5.90 - 800 = 262, and a quarter of 1,062 is 265.50
    assert (called.state, called.equity, called.required) == ("called", 262 * MICRO, 265_500_000)
    assert called.deadline_ns == w.ts + 3_600 * S
    w.wait(3_000)
    assert states(w.print(600)) == [("ana", "met")]
    w.wait(3_000)
    assert states(w.print(600)) == []


def test_a_call_that_is_not_met_is_liquidated_at_its_deadline() -> None:
    w = leveraged()
    w.book(589, 591)
    w.order("rest", BUY, 1, limit="5.00", account="ana", tif=GTC)
    assert states(w.print(590)) == [("ana", "called")]
    w.wait(3_600)
    assert states(w.print(590)) == []
    w.wait(1)
    told = w.print(590)
    assert kinds(told) == ["OrderCanceled", "OrderAccepted", "Fill", "MarginChanged"]
    assert [fact.reason for fact in of(msg.OrderCanceled, told)] == [Reason.MARGIN_CALL]
    assert fills(told) == [("liquidation-1", 589, 180)]
    assert states(told) == [("ana", "liquidated")]
    assert w.engine.accounts["ana"].cash == 260_200_000
    assert reason(w.order("again", BUY, 1, account="ana")) is None


def test_below_half_the_requirement_there_is_no_time() -> None:
    w = leveraged()
    w.book(499, 501)
    told = w.print(500)
    assert states(told) == [("ana", "called"), ("ana", "liquidated")]
    assert w.engine.accounts["ana"].positions == [0]


def test_a_call_that_gets_worse_is_not_waited_for() -> None:
    w = leveraged()
    w.book(480, 590)
    assert states(w.print(590)) == [("ana", "called")]
    assert states(w.print(500)) == [("ana", "liquidated")]
    assert w.engine.accounts["ana"].positions == [0]


def test_the_largest_position_goes_first_until_the_rest_is_covered() -> None:
    w = Witness(ACME, BOLT)
    w.join("ana", cash=1_000, limits=MARGIN)
    for k, price in ((0, 1_000), (1, 1_000)):
        w.book(price - 1, price, k=k)
        w.print(price, k=k)
    w.order("a", BUY, 130, account="ana", limit="10.00")
    w.order("b", BUY, 60, account="ana", limit="10.00", symbol="BOLT")
    w.book(458, 462)
    assert states(w.print(460)) == [("ana", "called")]
    assert states(w.print(320)) == [("ana", "liquidated")]
    assert w.engine.accounts["ana"].positions == [130, 0]
    equity, required = of(msg.MarginChanged, w.told)[-1].equity, of(msg.MarginChanged, w.told)[-1].required
    assert equity >= required


@pytest.mark.parametrize("low", [False, True])
def test_shorts_are_bought_back(low: bool) -> None:
    w = Witness()
    w.join("ana", cash=1_000, limits=MARGIN)
    w.book(1_000, 1_001)
    w.print(1_000)
    w.order("a", SELL, 150, account="ana")
    w.book(1_600, 1_601)
    told = w.print(1_200 if low else 1_600)
    # 2,500 - 1,800 = 700 covers 30 % of 1,800; 2,500 - 2,400 = 100 is less than half of 720
    assert states(told) == ([] if low else [("ana", "called"), ("ana", "liquidated")])
    assert w.engine.accounts["ana"].positions == [-150 if low else 0]


def test_what_opens_is_denied_during_a_call() -> None:
    w = leveraged()
    w.print(590)
    assert reason(w.order("more", BUY, 1, account="ana", limit="1.00")) == Reason.MARGIN_CALL
    assert reason(w.order("turn", SELL, 181, account="ana", limit="9.00")) == Reason.MARGIN_CALL
    assert reason(w.order("out", SELL, 100, account="ana", limit="9.00", tif=GTC)) is None
    assert reason(w.order("too much", SELL, 81, account="ana", limit="9.00")) == Reason.MARGIN_CALL
    assert reason(w.order("others", BUY, 1)) is None
    w.say(msg.RoomCommand(w.ts, "adjust", account="ana", amount=100 * MICRO))
    assert states(w.print(590)) == [("ana", "met")]
    assert reason(w.order("then", SELL, 80, account="ana", limit="9.00")) is None


def test_liquidation_waits_for_an_open_market() -> None:
    w = leveraged()
    w.feed(row(Kind.TRADE, price=500, lots=1), row(Kind.STATUS, lots=SessionStatus.HALTED))
    assert w.engine.accounts["ana"].positions == [180]
    assert len(w.engine.orders) == 1
    assert states(w.told) == [("ana", "called"), ("ana", "liquidated")]
    w.wait(60)
    assert fills(w.print(500)) == []
    assert len(w.engine.orders) == 1
    told = w.feed(row(Kind.STATUS, lots=SessionStatus.RESUMED), row(Kind.QUOTE, 1, 505, 1_000))
    assert sum(lots for _, _, lots in fills(told)) == 180
    assert states(told) == [("ana", "met")]


def test_liquidation_is_tried_again_where_the_book_was_thin() -> None:
    w = Witness(rules=RoomRules.make(beyond="cancel"))
    w.join("ana", cash=1_000, limits=MARGIN)
    w.book(999, 1_000)
    w.print(1_000)
    w.order("in", BUY, 180, account="ana", limit="10.00")
    w.book(499, 501, lots=50)
    w.print(500)
    assert w.engine.accounts["ana"].positions == [130]
    w.book(499, 501, lots=30)
    w.book(498, 501, lots=200)
    assert w.engine.accounts["ana"].positions == [0]
    names = [f.client_order_id for f in of(msg.OrderAccepted, w.told) if f.account == "ana"]
    assert names[:3] == ["in", "liquidation-1", "liquidation-2"]


def test_cash_accounts_and_studies_are_not_watched() -> None:
    w = Witness()
    w.join("ana", cash=1_000)
    w.join("lab", cash=0, limits=NO_LIMITS)
    w.book(1_000, 1_000)
    w.print(1_000)
    w.order("a", BUY, 100, account="ana", limit="10.00")
    w.order("b", BUY, 1_000, account="lab", limit="10.00")
    assert states(w.print(1)) == []
    assert w.engine.venue.watched.accounts == []


def test_an_order_name_that_is_taken_is_left_alone() -> None:
    w = leveraged()
    w.order("liquidation-1", SELL, 1, account="ana", limit="20.00")
    w.book(499, 501)
    w.print(500)
    assert fills(w.told)[-1] == ("liquidation-2", 499, 180)


# --- what borrowing costs -----------------------------------------------------------------------------------------


def moved(facts: list[msg.Fact]) -> list[tuple[str, int, str]]:
    return [(fact.account, fact.amount, fact.cause) for fact in of(msg.CashMoved, facts)]


def test_a_day_of_borrowing_is_a_year_over_360() -> None:
    assert daily(1_000_000 * MICRO, 36_000, 1) == 100 * MICRO
    assert daily(1_000_000 * MICRO, 36_000, 3) == 300 * MICRO
    assert daily(-5, 36_000, 1) == 0


def test_shorts_pay_each_night_once() -> None:
    w = Witness(LENT)
    w.ts = 10 * S
    w.book(1_000, 1_000)
    w.print(1_000)
    w.order("a", SELL, 100)
    night = -100_000  # 1,000 x 3.6 % / 360
    w.ts = 12 * 3_600 * S
    assert moved(w.feed(row(Kind.STATUS, lots=SessionStatus.CLOSED))) == [("free", night, "borrow_fee")]
    w.ts = DAY + 5 * S
    assert moved(w.feed(row(Kind.STATUS, lots=SessionStatus.OPEN))) == []
    w.ts = 4 * DAY + 5 * S
    assert moved(w.print(1_000)) == [("free", night, "borrow_fee")] * 3
    w.order("b", BUY, 100, limit="20.00")
    w.book(900, 1_000)
    w.ts = 6 * DAY
    assert moved(w.print(1_000)) == []


def test_what_is_sold_short_in_the_morning_was_not_borrowed_over_night() -> None:
    w = Witness(LENT)
    w.book(1_000, 1_000)
    w.print(1_000)
    w.ts = DAY + S
    assert moved(w.order("a", SELL, 100)) == []
    assert moved(w.print(1_000)) == []
    w.ts = 2 * DAY + S
    assert len(moved(w.print(1_000))) == 1


def test_owed_money_pays_interest() -> None:
    limits = RiskLimits(
        concentration_ppm=10 * MICRO, initial_margin_ppm=500_000, maintenance_margin_ppm=250_000,
        margin_rate_ppm=72_000,
    )  # fmt: skip
    w = leveraged(limits=limits)
    w.ts = 2 * DAY
    assert moved(w.print(1_000)) == [("ana", -160_000, "margin_interest")]
    w.wait(1)
    # the second night is charged on what is owed by then
    assert moved(w.print(1_000)) == [("ana", -160_032, "margin_interest")]


def test_a_closed_room_charges_nothing() -> None:
    w = Witness(LENT)
    w.book(1_000, 1_000)
    w.print(1_000)
    w.order("a", SELL, 100)
    w.print(1_000)
    w.say(msg.RoomCommand(w.ts, "close"))
    w.ts = 3 * DAY
    assert w.print(1_000) == []


# --- properties ------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2), st.integers(1, 120), st.integers(300, 1_700)), max_size=14)
)
def test_calls_follow_the_requirement(steps: list[tuple[int, int, int, int]]) -> None:
    """After each frame every account is covered, or called; and nobody who is covered is."""
    lent = Instrument(symbol="ACME", tick_size=10_000, borrow_rate_ppm=500_000)
    w = Witness(lent, BOLT)
    limits = RiskLimits(
        concentration_ppm=10 * MICRO, initial_margin_ppm=500_000, allow_short=True, margin_rate_ppm=90_000
    )
    w.join("ana", cash=1_000, limits=limits)
    w.join("bob", cash=900, limits=limits)
    for k in range(2):
        w.book(995, 1_005, k=k, lots=90)
        w.print(1_000, k=k)
    for n, (what, who, units, price) in enumerate(steps):
        account, k = ("ana", "bob", "ana")[who], n % 2
        if what < 3:
            w.order(f"o{n}", BUY if what else SELL, units, account=account, symbol=("ACME", "BOLT")[k])
        elif what == 3:
            w.wait(40_000)
        elif what == 4:
            w.act(ActionKind.SPLIT, ("ACME", "BOLT")[k], numerator=units % 4 + 1, denominator=units % 3 + 1)
        w.book(price - 5, price + 5, k=k, lots=units)
        w.print(price, k=k)
        engine = w.engine
        for name in ("ana", "bob"):
            limits = engine.accounts[name].limits
            equity, required = engine._kernel.margin(
                engine._book, engine.accounts[name].index, limits.maintenance_margin_ppm, limits.short_maintenance_ppm
            )
            if equity >= required:
                assert name not in engine.venue.calls or engine.venue.calls[name].liquidating
            elif any(engine.accounts[name].positions):
                assert name in engine.venue.calls
