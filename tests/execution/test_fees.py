"""Does an order pay what its venue's schedule says, however it fills?"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.execution.feed import BUY, SELL, row
from tests.execution.witness import CASH, Witness, of
from vtrade.domain import messages as msg
from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.orders import Liquidity, TimeInForce
from vtrade.domain.values import MICRO
from vtrade.market.dtype import Kind

GTC = TimeInForce.GTC


def room(fees: FeeSchedule, **grid: object) -> Witness:
    w = Witness(Instrument.make("ACME", fees=fees, **grid))  # type: ignore[arg-type]
    w.ts = 1
    w.book(1_000, 1_002)
    return w


def paid(facts: list[msg.Fact]) -> list[tuple[str, int]]:
    return [(fact.liquidity.value, fact.fee) for fact in of(msg.Fill, facts)]


def test_who_provides_and_who_takes_pay_their_own() -> None:
    w = room(FeeSchedule.maker_taker("-0.2", "0.3"))
    assert paid(w.order("t", BUY, 10)) == [("taker", 3_006)]
    w.order("m", BUY, 10, limit="10.00")
    w.feed(row(Kind.QUOTE, 1, 1_000, 0))
    assert paid(w.print(1_000, 10, side=-1)) == [("maker", -2_000)]
    assert w.engine.accounts["free"].cash == (1_000_000 * MICRO) - 100_200_000 - 3_006 - 100 * MICRO + 2_000


def test_parts_add_up() -> None:
    w = room(FeeSchedule(per_unit=5_000, per_notional_ppm=10, per_contract=1_250_000, taker_ppm=100))
    assert paid(w.order("a", BUY, 10)) == [("taker", 50_000 + 1_002 + 12_500_000 + 10_020)]


def test_tiers_count_what_was_traded_before() -> None:
    w = room(FeeSchedule.maker_taker(1, 10, tiers=[(1_000, 1, 8), (2_000, 1, 5)]))
    fees = [paid(w.order(f"a{n}", BUY, 60))[0][1] for n in range(5)]
    # 601.20 each time: what was traded before decides, so the third order is the first of the second tier
    notional = Fraction(60 * 1_002 * 10_000)
    assert fees == [round(notional * bps / 10_000) for bps in (10, 10, 8, 8, 5)]


def test_a_minimum_is_that_of_the_order() -> None:
    w = room(FeeSchedule.per_share("0.01", minimum=1))
    w.feed(row(Kind.QUOTE, -1, 1_002, 40))
    w.order("a", BUY, 250, limit="10.02")
    fees = [paid(w.told)[0][1]]
    for _ in range(3):
        w.feed(row(Kind.QUOTE, -1, 1_003, 10))
        fees += [fee for _, fee in paid(w.feed(row(Kind.QUOTE, -1, 1_002, 70)))]
    assert fees == [1_000_000, 100_000, 700_000, 700_000]
    assert sum(fees) == 2_500_000


def test_a_cap_is_a_share_of_what_the_order_traded() -> None:
    w = room(FeeSchedule.per_share(1, cap_bps=100))
    assert paid(w.order("a", BUY, 100)) == [("taker", 10_020_000)]


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_cash_account_has_what_its_fees_cost(side: object) -> None:
    w = room(FeeSchedule(per_unit=3, per_notional_ppm=7, taker_ppm=11, maker_ppm=-5, minimum=700_000))
    w.join("ana", cash=5_000, limits=CASH)
    w.order("in", BUY, 300, limit="10.02", account="ana")
    w.order("x", side, 100, limit="10.01", account="ana", tif=GTC)
    for _ in range(6):
        w.print(1_001, 7)
    assert w.engine.accounts["ana"].cash >= w.engine.accounts["ana"].reserved >= 0


parts = st.builds(
    FeeSchedule,
    per_unit=st.sampled_from([0, 1, 4_999, 5_000]),
    per_notional_ppm=st.sampled_from([0, 1, 33, 250]),
    per_contract=st.sampled_from([0, 7, 850_000]),
    maker_ppm=st.sampled_from([-20, 0, 15]),
    taker_ppm=st.sampled_from([0, 30, 101]),
    minimum=st.sampled_from([0, 1_000_000]),
    cap_ppm=st.sampled_from([0, 5_000]),
    tiers=st.sampled_from([(), ((0, -10, 20), (1_000 * MICRO, -30, 11))]),
)


def half_even(value: Fraction) -> int:
    return round(value)


@settings(max_examples=60)
@given(parts, st.lists(st.tuples(st.integers(1, 90), st.integers(1, 30), st.integers(990, 1_010)), max_size=8))
def test_fees_are_those_of_the_schedule(fees: FeeSchedule, steps: list[tuple[int, int, int]]) -> None:
    """Counted again from the fills alone, in fractions."""
    w = room(fees, lot="0.1")
    for n, (units, print_lots, price) in enumerate(steps):
        w.order(f"o{n}", BUY if n % 3 else SELL, units, limit=price / 100, tif=GTC)
        w.print(price - 1, print_lots, side=-1)
        w.book(price - 2, price + 1, lots=40)
    traded, raw, charged, worth = 0, {}, {}, {}
    value = 1_000  # micro-units of a tick of a lot
    for fill in of(msg.Fill, w.told):
        notional = fill.last_px * fill.last_qty * value
        maker = fill.liquidity is Liquidity.MAKER
        ppm = fees.maker_ppm if maker else fees.taker_ppm
        for least, of_maker, of_taker in fees.tiers:
            if traded >= least:
                ppm = of_maker if maker else of_taker
        units = Fraction(fill.last_qty, 10)
        basic = sum(
            half_even(part)
            for part in (
                units * fees.per_unit, Fraction(notional * fees.per_notional_ppm, MICRO), units * fees.per_contract,
                Fraction(notional * ppm, MICRO),
            )
        )  # fmt: skip
        key = fill.order_id
        raw[key] = raw.get(key, 0) + basic
        worth[key] = worth.get(key, 0) + notional
        due = raw[key]
        if fees.minimum or fees.cap_ppm:
            due = max(due, fees.minimum)
            if fees.cap_ppm:
                due = min(due, half_even(Fraction(worth[key] * fees.cap_ppm, MICRO)))
        assert fill.fee == due - charged.get(key, 0)
        charged[key] = due
        traded += notional
