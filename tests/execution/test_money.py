"""Can an account spend what it does not have, and can it always do what it may?"""

from __future__ import annotations

import pytest

from tests.execution.checks import check_inside
from tests.execution.feed import ACME, BUY, SELL, fills, frame, join, order, room, row
from vtrade.domain import messages as msg
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.orders import Reason, TimeInForce
from vtrade.domain.values import MICRO
from vtrade.execution.engine import Engine
from vtrade.market.dtype import Kind

ALL = RiskLimits(concentration_ppm=1_000_000)
SHORT = RiskLimits(concentration_ppm=1_000_000, allow_short=True)


def reason(facts: list[msg.Fact]) -> Reason | None:
    return next((fact.reason for fact in facts if isinstance(fact, msg.OrderDenied | msg.ReplaceRejected)), None)


@pytest.mark.parametrize("kind", ["limit", "market", "stop", "stop limit"])
def test_a_buy_never_costs_more_than_it_reserved(kind: str) -> None:
    acme = Instrument.make("ACME", fees=FeeSchedule.per_share("0.01"))
    engine = room(acme)
    join(engine, "ana", cash=1_101, limits=ALL)
    engine.process(
        frame(row(Kind.LEVEL, -1, 1_000, 50), row(Kind.LEVEL, -1, 1_100, 50), row(Kind.TRADE, price=999, lots=1))
    )
    prices = {"limit": {"limit": "11.00"}, "market": {}, "stop": {"stop": "10.00"},
              "stop limit": {"stop": "10.00", "limit": "11.00"}}[kind]  # fmt: skip
    engine.process(order("a", BUY, 100, account="ana", **prices))
    if "stop" in kind:
        assert engine.accounts["ana"].reserved == 1_101 * MICRO
        engine.process(frame(row(Kind.TRADE, price=1_000, lots=1)))
    assert engine.accounts["ana"].positions == [100]
    assert engine.accounts["ana"].cash == (1_101 - 500 - 550 - 1) * MICRO
    assert engine.accounts["ana"].reserved == 0


def test_a_market_buy_stops_at_its_collar() -> None:
    engine = room()
    join(engine, "ana", limits=ALL)
    engine.process(frame(row(Kind.LEVEL, -1, 1_000, 50), row(Kind.LEVEL, -1, 1_101, 50)))
    assert fills(engine.process(order("a", BUY, 100, account="ana"))) == [("a", 1_000, 50)]
    assert engine.waiting(1) == Reason.WAITING_FOR_PRICE
    assert fills(engine.process(frame(row(Kind.LEVEL, -1, 1_099, 20)))) == [("a", 1_099, 20)]
    check_inside(engine)


def test_reserved_money_cannot_be_spent_twice() -> None:
    engine = room()
    join(engine, "ana", cash=1_000, limits=ALL)
    assert reason(engine.process(order("a", BUY, 60, limit="10.00", account="ana"))) is None
    assert reason(engine.process(order("b", BUY, 41, limit="10.00", account="ana"))) == Reason.INSUFFICIENT_BUYING_POWER
    assert reason(engine.process(order("c", BUY, 40, limit="10.00", account="ana"))) is None
    assert engine.buying_power("ana") == 0
    engine.process(msg.CancelOrder(1, "ana", "a"))
    assert engine.buying_power("ana") == 600 * MICRO


@pytest.mark.parametrize(
    "fees",
    [FeeSchedule(per_notional_ppm=1), FeeSchedule(per_notional_ppm=1, per_unit=1), FeeSchedule(per_notional_ppm=3)],
    ids=["one part", "two parts", "another rate"],
)
@pytest.mark.parametrize("size", [1, 3, 7])
def test_fees_of_many_small_fills_are_reserved(fees: FeeSchedule, size: int) -> None:
    """Each fill rounds its fee; together that may be more than the fee of the whole."""
    dust = Instrument.make("DUST", tick="0.000001", fees=fees)
    for price in (600_000, 620_000, 1_500_000):
        engine = room(dust)
        cash = dust.notional(price, 300) + dust.fee(price, 300)
        for extra in range(0, 1_500, 50):
            name = f"ana{extra}"
            engine.process(msg.OpenAccount(0, name, cash + extra, "USD", ALL))
            bought = order(
                "a", BUY, 300, limit=f"{price / MICRO:.6f}", account=name, symbol="DUST", tif=TimeInForce.GTC
            )
            if reason(engine.process(bought)) is None:
                break
        else:
            pytest.fail("a reserve of more than five micro-units a lot is too much")
        for _ in range(300 // size + 1):
            engine.process(frame(row(Kind.TRADE, -1, price, size)))
            account = engine.accounts[name]
            assert account.cash >= account.reserved >= 0
        assert account.positions == [300]


@pytest.mark.parametrize("cash, sells", [(1_100, False), (1_149, False), (1_150, True)])
def test_a_sell_whose_fees_exceed_its_proceeds(cash: int, sells: bool) -> None:
    """Costs money, which must be there and is reserved."""
    engine = room(Instrument.make("ACME", fees=FeeSchedule.per_share(1)))
    join(engine, "ana", cash=cash, limits=ALL)
    engine.process(frame(row(Kind.LEVEL, -1, 1_000, 100)))
    engine.process(order("in", BUY, 100, limit="10.00", account="ana"))
    account = engine.accounts["ana"]
    assert account.cash == (cash - 1_100) * MICRO
    engine.process(frame(row(Kind.LEVEL, -1, 1_000, 0), row(Kind.TRADE, price=50, lots=1)))
    refused = reason(engine.process(order("out", SELL, 100, limit="0.50", account="ana")))
    assert refused is (None if sells else Reason.INSUFFICIENT_BUYING_POWER)
    assert account.reserved == (50 * MICRO if sells else 0)
    engine.process(frame(row(Kind.LEVEL, 1, 50, 100)))
    assert (account.cash, account.positions) == ((0, [0]) if sells else ((cash - 1_100) * MICRO, [100]))
    check_inside(engine)


def test_a_short_position_can_be_bought_back() -> None:
    engine = room()
    join(engine, "ana", cash=1_000, limits=SHORT)
    engine.process(frame(row(Kind.LEVEL, 1, 1_000, 100), row(Kind.TRADE, price=1_000, lots=1)))
    engine.process(order("a", SELL, 100, account="ana"))
    assert engine.accounts["ana"].positions == [-100]
    assert engine.buying_power("ana") == 500 * MICRO
    engine.process(frame(row(Kind.LEVEL, 1, 1_000, 0), row(Kind.LEVEL, -1, 1_010, 500)))
    assert fills(engine.process(order("b", BUY, 100, account="ana"))) == [("b", 1_010, 100)]
    assert engine.accounts["ana"].positions == [0]
    assert engine.accounts["ana"].cash == 990 * MICRO


def test_buying_back_never_overdraws() -> None:
    engine = room()
    join(engine, "ana", cash=1_000, limits=SHORT)
    engine.process(frame(row(Kind.LEVEL, 1, 1_000, 100), row(Kind.TRADE, price=1_000, lots=1)))
    engine.process(order("a", SELL, 100, account="ana"))
    engine.process(frame(row(Kind.LEVEL, 1, 1_000, 0), row(Kind.LEVEL, -1, 3_000, 500)))
    denied = engine.process(order("b", BUY, 100, account="ana"))
    assert reason(denied) == Reason.INSUFFICIENT_BUYING_POWER
    assert fills(engine.process(order("c", BUY, 60, limit="30.00", account="ana"))) == [("c", 3_000, 60)]
    assert engine.accounts["ana"].cash == 200 * MICRO


def test_working_short_sells_add_up() -> None:
    engine = room(ACME, Instrument.make("BOLT"))
    join(engine, "ana", cash=1_000, limits=SHORT)
    engine.process(frame(row(Kind.TRADE, price=1_000, lots=1), row(Kind.TRADE, price=1_000, lots=1, k=1)))
    assert reason(engine.process(order("a", SELL, 100, limit="10.00", account="ana"))) is None
    assert reason(engine.process(order("b", SELL, 100, limit="10.00", account="ana", symbol="BOLT"))) is None
    for symbol in ("ACME", "BOLT"):
        refused = engine.process(order(f"c {symbol}", SELL, 10, limit="10.00", account="ana", symbol=symbol))
        assert reason(refused) == Reason.INSUFFICIENT_BUYING_POWER


def test_a_sell_of_what_one_holds_ties_nothing_up() -> None:
    engine = room()
    join(engine, "ana", cash=1_000, limits=ALL)
    engine.process(frame(row(Kind.LEVEL, -1, 1_000, 100)))
    engine.process(order("a", BUY, 100, limit="10.00", account="ana"))
    assert engine.accounts["ana"].cash == 0
    assert reason(engine.process(order("b", SELL, 100, limit="11.00", account="ana"))) is None
    assert engine.accounts["ana"].reserved == 0


def concentration(engine: Engine, side: int, units: int, name: str) -> Reason | None:
    return reason(engine.process(order(name, BUY if side > 0 else SELL, units, limit="10.00", account="ana")))


def test_concentration_counts_what_is_held_and_what_works() -> None:
    engine = room()
    join(engine, "ana", cash=10_000)
    engine.process(frame(row(Kind.LEVEL, -1, 1_000, 100), row(Kind.TRADE, price=1_000, lots=1)))
    assert concentration(engine, 1, 251, "a") == Reason.CONCENTRATION_LIMIT
    assert concentration(engine, 1, 100, "b") is None
    assert engine.accounts["ana"].positions == [100]
    assert concentration(engine, 1, 100, "c") is None
    assert concentration(engine, 1, 51, "d") == Reason.CONCENTRATION_LIMIT
    assert concentration(engine, 1, 50, "e") is None
    assert concentration(engine, -1, 100, "f") is None, "selling lowers it"


def test_a_position_that_outgrew_its_limit_can_be_lowered() -> None:
    engine = room()
    join(engine, "ana", cash=10_000)
    engine.process(frame(row(Kind.LEVEL, -1, 1_000, 250), row(Kind.TRADE, price=1_000, lots=1)))
    assert concentration(engine, 1, 250, "a") is None
    engine.process(frame(row(Kind.LEVEL, 1, 1_900, 5), row(Kind.TRADE, price=1_900, lots=1)))
    assert reason(engine.process(order("b", SELL, 10, limit="19.00", account="ana"))) is None
    assert reason(engine.process(order("c", BUY, 1, limit="19.00", account="ana"))) == Reason.CONCENTRATION_LIMIT


def test_the_engine_agrees_with_its_facts_on_fees() -> None:
    acme = Instrument.make("ACME", fees=FeeSchedule(per_unit=5_000, per_notional_ppm=100, per_contract=250_000))
    engine = room(acme)
    engine.process(frame(row(Kind.LEVEL, -1, 1_000, 100)))
    facts = engine.process(order("a", BUY, 100))
    fee = next(fact.fee for fact in facts if isinstance(fact, msg.Fill))
    assert fee == 100 * 5_000 + 1_000 * MICRO // 10_000 + 100 * 250_000
    assert engine.accounts["free"].cash == 1_000_000 * MICRO - 1_000 * MICRO - fee


def test_what_is_bought_before_the_first_mark_is_worth_its_price() -> None:
    """One side of the market, nothing printed: there is no mid, but somebody has just paid a price."""
    engine = room()
    join(engine, "ana", cash=10_000)
    join(engine, "bob", cash=1_000, limits=SHORT)
    engine.process(frame(row(Kind.LEVEL, -1, 1_000, 500)))
    assert concentration(engine, 1, 100, "a") is None
    assert concentration(engine, 1, 150, "b") is None, "the position counts in the NAV it is measured by"
    engine = room()
    join(engine, "bob", cash=1_000, limits=SHORT)
    engine.process(frame(row(Kind.LEVEL, 1, 1_000, 5_000)))
    assert fills(engine.process(order("a", SELL, 200, account="bob"))) == [("a", 1_000, 200)]
    refused = reason(engine.process(order("b", SELL, 1, account="bob")))
    assert refused == Reason.INSUFFICIENT_BUYING_POWER, "a short position ties up its cover, marked or not"
