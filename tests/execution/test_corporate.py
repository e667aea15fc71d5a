"""What do splits, dividends, renames, delistings and rates do to a room?"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.execution.feed import ACME, BUY, SELL, fills, row
from tests.execution.witness import CASH, MARGIN, Witness, kinds, of
from vtrade.domain import messages as msg
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.actions import ActionKind, CorporateAction
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import OrderType, Reason, TimeInForce
from vtrade.domain.rules import Latency, RoomRules
from vtrade.domain.values import MICRO
from vtrade.errors import VTradeError
from vtrade.market.dtype import Kind, SessionStatus

GTC = TimeInForce.GTC
BOLT = Instrument.make("BOLT")
SAP = Instrument.make("SAP", currency="EUR")


def replaced(facts: list[msg.Fact]) -> list[tuple[str, int, int | None, int | None, int]]:
    rows = of(msg.OrderReplaced, facts)
    assert all(fact.reason == Reason.CORPORATE_ACTION for fact in rows)
    return [(f.client_order_id, f.quantity, f.limit_price, f.stop_price, f.leaves_quantity) for f in rows]


def canceled(facts: list[msg.Fact]) -> list[tuple[str, Reason]]:
    return [(fact.client_order_id, fact.reason) for fact in of(msg.OrderCanceled, facts)]


# --- splits ----------------------------------------------------------------------------------------------------------


def test_seven_for_one() -> None:
    w = Witness()
    w.join("ana")
    w.book(64_556, 64_558)
    w.print(64_558)
    w.order("in", BUY, 10, account="ana", limit="645.58")
    cash = w.engine.accounts["ana"].cash
    told = w.split(7, 1)
    assert kinds(told) == ["ActionApplied", "PositionAdjusted"]
    assert (w.engine.accounts["ana"].positions, w.engine.accounts["ana"].cash) == ([70], cash)
    assert w.engine.marks == [9_223] == [w.portfolio.mark("ACME")]
    assert w.engine.touch(0) == (0, 0, 0, 0)
    assert w.portfolio.account("ana").nav == 1_000_000 * MICRO


def test_a_mark_that_stays_on_the_grid_is_told() -> None:
    w = Witness()
    w.book(1_000, 1_002)
    assert of(msg.Marked, w.split(2, 1)) == []
    w.print(1_004)
    assert of(msg.Marked, w.split(2, 1))[0].marks == ((0, 502),)


@pytest.mark.parametrize("side, paid", [(BUY, 5), (SELL, -5)])
def test_a_fraction_is_paid_for(side: object, paid: int) -> None:
    w = Witness()
    w.join("ana", limits=MARGIN)
    w.book(1_000, 1_000)
    w.print(1_000)
    w.order("in", side, 7, account="ana")
    before = w.engine.accounts["ana"].cash
    told = w.split(3, 2)
    assert w.engine.accounts["ana"].positions == [10 if side == BUY else -10]
    (moved,) = [f for f in of(msg.CashMoved, told) if f.account == "ana"]
    assert moved.cause == "cash_in_lieu"
    assert moved.amount == w.engine.accounts["ana"].cash - before == Fraction(paid * MICRO * 2, 3).__round__()


def test_a_reverse_split_may_leave_nothing() -> None:
    w = Witness()
    w.join("ana")
    w.book(100, 100)
    w.print(100)
    w.order("in", BUY, 3, account="ana", limit="1.00")
    told = w.split(1, 10)
    assert [f.lots_after for f in of(msg.PositionAdjusted, told) if f.account == "ana"] == [0]
    assert w.units("ana") == 1_000_000
    assert w.engine.accounts["ana"].positions == [0]


def test_orders_follow_a_split() -> None:
    w = Witness()
    w.join("ana")
    w.book(1_000, 1_010)
    w.print(1_004)
    w.order("l", BUY, 10, limit="9.90", account="ana", tif=GTC)
    w.order("s", BUY, 11, stop="10.50", account="ana")
    w.order("sl", BUY, 12, stop="10.51", limit="10.60", account="ana")
    w.order("m", SELL, 5, limit="10.11")
    assert replaced(w.split(2, 1)) == [
        ("l", 20, 495, None, 20), ("s", 22, None, 525, 22), ("sl", 24, 530, 526, 24), ("m", 10, 506, None, 10)
    ]  # fmt: skip
    w.book(500, 504)
    assert fills(w.print(494, 50)) == [("l", 495, 20)]
    w.feed(row(Kind.QUOTE, 1, 500, 0), row(Kind.QUOTE, -1, 507, 100))
    assert fills(w.print(525)) == [("m", 506, 1), ("s", 506, 9), ("m", 506, 9), ("s", 507, 13)]
    assert fills(w.print(526)) == [("sl", 507, 24)]


def test_market_orders_wait_on_over_a_split() -> None:
    w = Witness()
    w.feed(row(Kind.QUOTE, -1, 1_004, 100), row(Kind.TRADE, price=1_004, lots=1))
    assert [f.waiting for f in of(msg.OrderAccepted, w.order("sell", SELL, 6))] == [Reason.WAITING_FOR_DEPTH]
    assert replaced(w.split(2, 1)) == [("sell", 12, None, None, 12)]
    assert fills(w.book(500, 504)) == [("sell", 500, 12)]


def test_what_filled_before_stays_filled() -> None:
    w = Witness()
    w.book(1_000, 1_004)
    w.order("a", BUY, 10, limit="10.00", tif=GTC)
    assert fills(w.print(999, 4)) == [("a", 1_000, 4)]
    assert replaced(w.split(3, 1)) == [("a", 30, 333, None, 18)]
    (order,) = w.engine.orders.values()
    assert (order.filled, order.leaves) == (12, 18)
    assert fills(w.print(332, 50)) == [("a", 333, 18)]
    assert w.engine.accounts["free"].positions == [30]


def test_the_turn_in_the_queue_stays() -> None:
    w = Witness()
    for name in ("bob", "cyd", "dan"):
        w.join(name)
        w.order(name, BUY, 10, limit="10.00", account=name, tif=GTC)
    w.split(2, 1)
    w.book(499, 502)
    assert fills(w.print(500, 45)) == [("bob", 500, 20), ("cyd", 500, 20), ("dan", 500, 5)]


def test_orders_that_cannot_be_split_are_canceled() -> None:
    w = Witness()
    w.book(1_000, 1_004)
    w.print(1_000)
    w.order("small", BUY, 9, limit="9.00", tif=GTC)
    w.order("fine", BUY, 10, limit="9.00", tif=GTC)
    assert canceled(w.split(1, 10)) == [("small", Reason.CORPORATE_ACTION)]
    w.print(10_000)
    w.order("low", BUY, 10, limit="20.00", tif=GTC)
    told = w.split(1_000_000, 1)
    assert canceled(told) == [("fine", Reason.CORPORATE_ACTION), ("low", Reason.CORPORATE_ACTION)]
    assert w.engine.orders == {}


def test_an_order_on_its_way_does_not_arrive() -> None:
    w = Witness(rules=RoomRules(latency=Latency(entry_ns=1_000)))
    w.print(1_000)
    w.order("a", BUY, 10, limit="10.00")
    assert canceled(w.split(2, 1)) == [("a", Reason.CORPORATE_ACTION)]
    w.wait(1)
    assert fills(w.print(400, 100)) == []


def test_a_stop_is_not_reached_by_rounding() -> None:
    w = Witness()
    w.book(1_003, 1_007)
    w.print(1_005)
    w.order("down", SELL, 10, stop="10.04", tif=GTC)
    w.order("up", BUY, 10, stop="10.06", tif=GTC)
    assert [r[3] for r in replaced(w.split(2, 1))] == [501, 503]
    assert of(msg.OrderTriggered, w.print(502)) == []
    assert len(of(msg.OrderTriggered, w.print(501))) == 1


def test_orders_that_rounding_brings_together_trade() -> None:
    w = Witness()
    w.join("ana")
    w.book(1_000, 1_010)
    w.order("b", BUY, 10, limit="10.03", account="ana", tif=GTC)
    w.order("s", SELL, 4, limit="10.04", tif=GTC)
    told = w.split(2, 1)
    assert fills(told) == [("s", 502, 8), ("b", 502, 8)]
    assert [o.leaves for o in w.engine.orders.values()] == [12]


@pytest.mark.parametrize("status", [SessionStatus.HALTED, SessionStatus.CLOSED])
def test_orders_brought_together_in_a_break_trade_after_it(status: SessionStatus) -> None:
    w = Witness()
    w.join("ana")
    w.order("b", BUY, 10, limit="10.03", account="ana", tif=GTC)
    w.order("s", SELL, 4, limit="10.04", tif=GTC)
    w.feed(row(Kind.STATUS, lots=status))
    assert fills(w.split(2, 1)) == []
    assert sorted(fills(w.feed(row(Kind.STATUS, lots=SessionStatus.OPEN)))) == [("b", 502, 8), ("s", 502, 8)]


def test_a_rounded_price_that_cannot_be_paid() -> None:
    w = Witness()
    w.join("ana", cash="10.03")
    w.book(1_000, 1_010)
    w.order("b", BUY, 1, limit="10.03", account="ana", tif=GTC)
    assert canceled(w.split(2, 1)) == [("b", Reason.CORPORATE_ACTION)]
    assert w.engine.accounts["ana"].reserved == 0


def test_brackets_and_icebergs_follow() -> None:
    w = Witness()
    w.book(1_000, 1_010)
    ice = msg.SubmitOrder(
        0, "free", "ice", "ACME", BUY, OrderType.LIMIT, 100 * MICRO, 10_000_000, time_in_force=GTC,
        display_quantity=10 * MICRO,
    )  # fmt: skip
    w.say(ice)
    child = {"parent": "ice", "oco": "pair", "time_in_force": GTC}
    w.say(msg.SubmitOrder(0, "free", "up", "ACME", SELL, OrderType.LIMIT, 100 * MICRO, 11_000_000, **child))
    w.say(msg.SubmitOrder(0, "free", "dn", "ACME", SELL, OrderType.STOP_MARKET, 100 * MICRO, None, 9_000_000, **child))
    trail = msg.SubmitOrder(
        0, "free", "tr", "ACME", SELL, OrderType.TRAILING_STOP_MARKET, 5 * MICRO, trail=400_000, time_in_force=GTC
    )
    w.say(trail)
    w.feed(row(Kind.QUOTE, 1, 1_000, 0))
    for _ in range(3):
        assert fills(w.print(1_000, 10, side=-1)) == [("ice", 1_000, 10)]
    told = w.split(2, 1)
    assert replaced(told) == [
        ("ice", 200, 500, None, 140), ("up", 200, 550, None, 200), ("dn", 200, None, 450, 200),
        ("tr", 10, None, None, 10),
    ]  # fmt: skip
    assert w.engine.stop_price(4) == 480
    assert w.engine.orders[1].terms is not None
    assert w.engine.orders[1].terms.display_quantity == 20
    w.book(540, 545)
    assert fills(w.feed(row(Kind.QUOTE, 1, 550, 500)))[0] == ("up", 550, 60)
    assert [o.client_order_id for o in w.engine.orders.values()] == ["ice", "up", "dn", "tr"]


def test_agents_orders_go_with_a_split() -> None:
    w = Witness()
    w.feed(row(Kind.ORDER, 1, 1_000, 50, oid=1), row(Kind.ORDER, -1, 1_010, 50, oid=2))
    w.order("a", BUY, 10, limit="10.00", tif=GTC)
    w.split(2, 1)
    assert w.engine.touch(0) == (500, 20, 0, 0)
    assert fills(w.feed(row(Kind.CANCEL, oid=1), row(Kind.ORDER, -1, 499, 5, oid=3))) == [("a", 500, 5)]


def test_what_can_be_borrowed_is_split_too() -> None:
    w = Witness(Instrument(symbol="ACME", tick_size=10_000, borrowable=100))
    w.book(1_000, 1_002)
    w.order("a", SELL, 60)
    w.split(2, 1)
    assert w.engine.instruments[0].borrowable == 200
    w.book(500, 501)
    (denied,) = w.order("b", SELL, 81)
    assert isinstance(denied, msg.OrderDenied)
    assert denied.reason == Reason.NO_LOCATE
    assert fills(w.order("c", SELL, 80)) == [("c", 500, 80)]


# --- the other actions -----------------------------------------------------------------------------------------------


def test_a_dividend_is_paid_to_holders_and_owed_by_shorts() -> None:
    w = Witness()
    w.join("ana")
    w.join("bob", limits=MARGIN)
    w.join("cyd")
    w.book(1_000, 1_000)
    w.order("a", BUY, 100, account="ana", limit="10.00")
    w.order("b", SELL, 40, account="bob")
    told = w.act(ActionKind.DIVIDEND, amount=250_001)
    assert [(f.account, f.amount, f.cause, f.symbol) for f in of(msg.CashMoved, told)] == [
        ("ana", 25_000_100, "dividend", "ACME"), ("bob", -10_000_040, "dividend", "ACME")
    ]  # fmt: skip
    assert w.units("cyd") == 1_000_000


def test_a_rename_changes_the_symbol_and_nothing_else() -> None:
    w = Witness(ACME, BOLT)
    w.book(1_000, 1_002)
    w.order("a", BUY, 10, limit="9.90", tif=GTC)
    w.order("b", BUY, 10)
    assert kinds(w.act(ActionKind.RENAME, new_symbol="NEW")) == ["ActionApplied"]
    assert fills(w.print(980, 100)) == [("a", 990, 10)]
    (denied,) = w.order("c", BUY, 1)
    assert isinstance(denied, msg.OrderDenied)
    assert denied.reason == Reason.UNKNOWN_SYMBOL
    assert len(w.order("d", BUY, 1, symbol="NEW", limit="5.00")) == 1
    w.act(ActionKind.RENAME, "BOLT", new_symbol="ACME")
    assert w.engine.index("ACME") == 1


def test_a_delisting_ends_everything() -> None:
    w = Witness(ACME, BOLT)
    w.join("ana", limits=MARGIN)
    w.book(1_000, 1_002)
    w.order("in", BUY, 10)
    w.order("short", SELL, 10, account="ana")
    w.order("rest", BUY, 10, limit="9.00", account="ana")
    told = w.act(ActionKind.DELISTING, amount=2_000_000)
    assert canceled(told) == [("rest", Reason.DELISTED)]
    assert [(f.account, f.amount) for f in of(msg.CashMoved, told)] == [("free", 20 * MICRO), ("ana", -20 * MICRO)]
    assert [f.lots_after for f in of(msg.PositionAdjusted, told)] == [0, 0]
    assert w.engine.session(0) == "CLOSED"
    (denied,) = w.order("again", BUY, 1)
    assert isinstance(denied, msg.OrderDenied)
    assert denied.reason == Reason.DELISTED
    w.feed(row(Kind.STATUS, lots=SessionStatus.OPEN))
    assert kinds(w.order("still", BUY, 1)) == ["OrderDenied"]
    assert kinds(w.order("other", BUY, 1, symbol="BOLT", limit="5.00")) == ["OrderAccepted"]


def test_a_rate_revalues_what_is_reserved() -> None:
    w = Witness(ACME, SAP)
    w.join("ana", cash=2_000)
    w.act(ActionKind.RATE, "EUR", amount=1_100_000)
    w.order("a", BUY, 100, limit="10.00", symbol="SAP", account="ana", tif=GTC)
    assert w.engine.accounts["ana"].reserved == 1_100 * MICRO
    w.act(ActionKind.RATE, "EUR", amount=1_200_000)
    assert w.engine.accounts["ana"].reserved == 1_200 * MICRO
    assert w.engine.buying_power("ana") == 800 * MICRO


@pytest.mark.parametrize(
    "action, named",
    [
        (CorporateAction(9, "NONE", ActionKind.SPLIT, 2), "known: ACME, BOLT"),
        (CorporateAction(9, "NONE", ActionKind.DIVIDEND, amount=1), "known: ACME, BOLT"),
        (CorporateAction(9, "ACME", ActionKind.RENAME, new_symbol="BOLT"), "another instrument"),
        (CorporateAction(9, "ACME", ActionKind.RENAME, new_symbol=" X"), "blanks"),
        (CorporateAction(9, "CHF", ActionKind.RATE, amount=1), "known: USD"),
        (CorporateAction(9, "USD", ActionKind.RATE, amount=2), "first currency"),
        (CorporateAction(9, "ACME", ActionKind.DIVIDEND, amount=2**62), "cannot count"),
    ],
)
def test_what_makes_no_sense_changes_nothing(action: CorporateAction, named: str) -> None:
    w = Witness(ACME, BOLT)
    w.book(1_000, 1_000)
    w.order("a", BUY, 100)
    before = w.engine.snapshot()
    with pytest.raises(VTradeError, match=named):
        w.engine.process(action)
    assert w.engine.snapshot() == before
    w.order("b", BUY, 1, limit="9.00")


# --- properties ------------------------------------------------------------------------------------------------------

ratios = st.tuples(st.integers(1, 12), st.integers(1, 12))
asked = st.lists(
    st.tuples(st.sampled_from(["free", "ana", "bob"]), st.sampled_from([BUY, SELL]), st.integers(1, 40),
              st.integers(0, 5), st.integers(985, 1_015), st.integers(1, 30)),
    max_size=10,
)  # fmt: skip


def started(orders: list[tuple[str, object, int, int, int, int]]) -> Witness:
    w = Witness()
    w.join("ana", cash=3_000, limits=CASH)
    w.join("bob", cash=2_000, limits=MARGIN)
    w.book(999, 1_002, lots=60)
    w.print(1_001)
    for n, (account, side, units, kind, price, more) in enumerate(orders):
        prices = ({}, {"limit": price / 100}, {"limit": price / 100}, {"stop": price / 100})[min(kind, 3)]
        if kind == 4:
            prices = {"stop": price / 100, "limit": (price + more - 15) / 100}
        w.order(f"o{n}", side, units, account=account, tif=GTC, **prices)
        if kind == 5:
            w.print(price, more)
    return w


def exact_worth(w: Witness, mark: Fraction) -> dict[str, Fraction]:
    value = ACME.tick_value
    return {name: a.cash + a.positions[0] * mark * value for name, a in w.engine.accounts.items()}


@settings(max_examples=60)
@given(asked, ratios)
def test_a_split_makes_nobody_richer(
    orders: list[tuple[str, object, int, int, int, int]], ratio: tuple[int, int]
) -> None:
    """At the exact price after it, and in the portfolio, nobody's worth moves by more than half a micro-unit."""
    w = started(orders)
    n, d = ratio
    mark = Fraction(w.engine.marks[0])
    before, navs = exact_worth(w, mark), {name: w.portfolio.account(name).nav for name in w.engine.accounts}
    told = w.say(CorporateAction(w.ts, "ACME", ActionKind.SPLIT, n, d))
    traded = {fact.account for fact in of(msg.Fill, told)}
    after = exact_worth(w, mark * d / n)
    for name in w.engine.accounts.keys() - traded:
        assert abs(after[name] - before[name]) <= Fraction(1, 2)
        assert abs(w.portfolio.account(name).nav - navs[name]) <= 1
    w.book(n * 70, n * 70 + 3)
    w.print(n * 70, 500)
    w.print(1_300, 500)


@settings(max_examples=30)
@given(asked, st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=6))
def test_money_is_conserved_whatever_happens(
    orders: list[tuple[str, object, int, int, int, int]], actions: list[tuple[int, int, int]]
) -> None:
    """The witness finds every micro-unit in the ledger; so all accounts and the house's together are zero."""
    w = started(orders)
    for what, a, b in actions:
        w.wait(60)
        symbol = w.engine.instruments[0].symbol
        match what:
            case 0 | 1:
                w.split(a, b, symbol)
            case 2:
                w.act(ActionKind.DIVIDEND, symbol, amount=a * 111_111 + b)
            case 3:
                w.act(ActionKind.RENAME, symbol, new_symbol=f"{symbol}{a}")
            case 4:
                w.print(900 + 20 * a, 10 * b)
            case _:
                w.order(f"x{len(w.told)}", BUY if a > 4 else SELL, b, account="bob", symbol=symbol)
    w.act(ActionKind.DELISTING, w.engine.instruments[0].symbol, amount=1_234_567)
    assert all(account.positions == [0] for account in w.engine.accounts.values())
    assert w.engine.orders == {}


def test_limits_of_a_cash_account_hold_after_a_split() -> None:
    w = Witness()
    w.join("ana", cash=1_000, limits=RiskLimits(concentration_ppm=10 * MICRO))
    w.book(999, 1_001)
    w.print(1_001)
    w.order("a", BUY, 50, account="ana", limit="10.01")
    w.order("s", SELL, 50, account="ana", limit="10.05", tif=GTC)
    w.split(2, 1)
    (denied,) = w.order("t", SELL, 1, account="ana", limit="5.00")
    assert isinstance(denied, msg.OrderDenied)
    assert denied.reason == Reason.SHORT_NOT_ALLOWED
