"""Does each model charge what its formula says, and does it say so where it cannot?"""

from __future__ import annotations

import json
from math import ceil, sqrt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.execution.told import ACME, BUY, COIN, INDEX, MAKER, MS, SELL, Told
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import OrderTriggered
from vtrade.domain.orders import OrderType, Reason, Side
from vtrade.execution.explain import costs
from vtrade.execution.impact import ImpactNotAllowed
from vtrade.execution.whatif import (
    MODELS,
    Charge,
    MarketContext,
    arrival_context,
    beyond_price,
    charges,
    charges_frame,
    split_told,
)  # fmt: skip

ASKS = ((1_004, 60), (1_006, 40), (1_010, 400))
FULL = {"daily_volume": 1e6, "daily_volatility": 0.02, "shares_outstanding": 1e8, "days": 0.1, "bar_price": 1_003,
        "bar_volume": 40_000}  # fmt: skip


def market_buy(lots: int = 100, **over: object) -> Told:
    return Told().mark(1_003).accepted(BUY, lots, 1_000, 1_004, **over)  # type: ignore[arg-type]


def by_name(told: list[Charge]) -> dict[str, Charge]:
    assert [c.model for c in told] == [name for name in MODELS if name in {c.model for c in told}]
    return {charge.model: charge for charge in told}


def test_every_model_by_hand() -> None:
    told = market_buy().fill(1_004, 60).fill(1_006, 40)
    found = by_name(charges(told.record, arrival_context(told.record, levels=ASKS, **FULL)))
    assert set(found) == set(MODELS)
    prices = {name: charge.price for name, charge in found.items()}
    assert prices == {
        "charged": pytest.approx(10.048),
        "paper": 10.03,
        "mid": 10.02,
        "touch": 10.04,
        "book": pytest.approx(10.048),
        "book_and_beyond": pytest.approx(10.048),
        "square_root": pytest.approx(10.02 * (1 + 0.02 * sqrt(100 / 1e6))),
        "almgren_2005": pytest.approx(
            10.02 * (1 + 0.02 * (0.314 / 2 * 1e-4 * 100**0.25 + 0.142 * (100 / (1e6 * 0.1)) ** 0.6))
        ),
        "volume_share": pytest.approx(10.03 * (1 + 0.1 * (100 / 40_000) ** 2)),
    }
    for charge in found.values():
        assert charge.price is not None
        assert charge.cost == pytest.approx((charge.price - 10.02) * 100)
        assert charge.bps == pytest.approx(1e4 * (charge.price / 10.02 - 1))


def test_a_sell_pays_on_the_other_side() -> None:
    told = Told().mark(1_001).accepted(SELL, 100, 1_000, 1_004).fill(1_000, 50).fill(999, 50)
    found = by_name(charges(told.record, arrival_context(told.record, **FULL)))
    assert found["touch"].price == 10.00
    assert found["book"].price == pytest.approx(9.995)
    for name in ("touch", "book", "square_root", "almgren_2005", "charged"):
        assert (found[name].cost or 0) > 0, name
    assert (found["paper"].cost, found["square_root"].price) == (
        pytest.approx(1.0), pytest.approx(10.02 * (1 - 0.02 * 0.01))
    )  # fmt: skip


def test_what_was_charged_is_what_explain_says() -> None:
    told = market_buy().fill(1_004, 60).fill(1_007, 40, impact=2)
    parts = costs(told.record)
    charged = charges(told.record)[0]
    assert charged.cost == pytest.approx((parts["total"] - parts["fees"]) / 1e6)
    assert charged.price == pytest.approx(told.record.avg_px)


@given(
    side=st.sampled_from([BUY, SELL]), half=st.integers(1, 20), instrument=st.sampled_from([ACME, COIN, INDEX]),
    levels=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 90)), min_size=1, max_size=6), rest=st.integers(0, 80),
)  # fmt: skip
def test_a_market_order_in_a_still_book_is_charged_what_the_walk_says(
    side: Side, half: int, instrument: Instrument, levels: list[tuple[int, int]], rest: int
) -> None:
    bid, ask = 1_000 - half, 1_000 + half
    shown, price = [], (ask if side is BUY else bid) - int(side)
    for step, lots in levels:
        price += int(side) * step
        shown.append((price, lots))
    quantity = sum(lots for _, lots in shown) + rest
    first = abs(shown[0][0] - (ask if side is BUY else bid))
    bid, ask = (bid, ask + first) if side is BUY else (bid - first, ask)
    waiting = Reason.WAITING_FOR_DEPTH if rest else Reason.NONE
    told = Told(instrument).accepted(side, quantity, bid, ask, waiting=waiting)
    for px, lots in shown:
        told.fill(px, lots)
    found = by_name(charges(told.record))
    assert found["book"].cost == pytest.approx(found["charged"].cost)
    order = [found[name].cost or 0.0 for name in ("mid", "touch", "book", "book_and_beyond")]
    assert order == sorted(order)
    assert order[0] == 0.0


# --- the book --------------------------------------------------------------------------------------------------------


def test_more_than_the_visible_book() -> None:
    told = market_buy(900)
    found = by_name(charges(told.record, arrival_context(told.record, levels=ASKS)))
    assert "charged" not in found, "nothing filled: nothing was charged"
    assert found["book"].price == pytest.approx((60 * 10.04 + 40 * 10.06 + 400 * 10.10) / 500)
    assert found["book"].note == "500 of 900 fill, the rest waits"
    assert found["book_and_beyond"].note == "400 beyond the visible book"
    ticks = 2 / 3 * 6 * (900**1.5 - 500**1.5) / (sqrt(500) * 400)
    beyond = 1_004 + ceil(ticks)
    money = 60 * 1_004 + 40 * 1_006 + 400 * 1_010 + 400 * max(beyond, 1_010)
    assert found["book_and_beyond"].price == pytest.approx(money / 900 / 100)
    assert found["touch"].note == "840 more than were there"


@given(lots=st.integers(1, 5_000), more=st.integers(1, 5_000), side=st.sampled_from([1, -1]))
def test_beyond_the_book_more_costs_more_and_nobody_gets_a_better_price_than_the_last_level(
    lots: int, more: int, side: int
) -> None:
    levels = [(1_000 + side * n, 40) for n in range(5)]
    near = side * (beyond_price(levels, lots, side=side, spread=2) - 1_000)
    far = side * (beyond_price(levels, lots + more, side=side, spread=2) - 1_000)
    assert 4 <= near <= far


def test_a_limit_holds_in_every_model_that_trades() -> None:
    told = market_buy(200, type_=OrderType.LIMIT, limit=1_004, waiting=Reason.WAITING_IN_QUEUE).fill(1_004, 60)
    context = arrival_context(told.record, levels=ASKS)
    found = by_name(charges(told.record, context))
    assert found["book"].note == ""
    assert found["charged"].note == "for the 60 that filled"
    unfilled = market_buy(200, type_=OrderType.LIMIT, limit=1_002, waiting=Reason.WAITING_IN_QUEUE).record
    found = by_name(charges(unfilled, arrival_context(unfilled, levels=ASKS, **FULL)))
    assert found["mid"].price == 10.02
    for name in ("paper", "touch", "book", "book_and_beyond", "volume_share"):
        assert found[name].price is None, name
        assert found[name].note.startswith("would have waited: the "), name
        assert found[name].note.endswith(" is above its limit"), name
    whole = market_buy(200, type_=OrderType.LIMIT, limit=1_006).record
    found = by_name(charges(whole, arrival_context(whole, levels=ASKS)))
    assert found["book"].note == "100 of 200 fill, the rest waits"
    assert found["book_and_beyond"].note == "100 wait at its limit"


def test_levels_come_from_the_fills_where_these_are_enough() -> None:
    enough = market_buy().fill(1_004, 60, shown=60).fill(1_006, 40, shown=75)
    assert arrival_context(enough.record).levels == ((1_004, 60), (1_006, 75))
    hidden = market_buy().fill(1_004, 60, shown=60).fill(1_004, 40, cause="hidden", shown=60)
    assert arrival_context(hidden.record).levels == (), "who knows what stood behind"
    assert by_name(charges(hidden.record))["book"].note == "needs levels"
    gone = market_buy(200, waiting=Reason.WAITING_FOR_DEPTH).fill(1_004, 60).fill(1_006, 40, ts=700)
    assert arrival_context(gone.record).levels == ((1_004, 60),)
    assert by_name(charges(gone.record))["book"].note == "60 of 100 fill, the rest waits"


def test_a_stop_is_compared_where_it_woke_up() -> None:
    told = market_buy(50, type_=OrderType.STOP_MARKET, stop=1_020)
    told.add(OrderTriggered, 1_020, 1_021, 1_019, 1_023, Reason.NONE, ts=500).fill(1_023, 50, ts=500)
    found = by_name(charges(told.record))
    assert (found["paper"].price, found["mid"].price, found["touch"].price) == (10.21, 10.21, 10.23)
    assert found["touch"].cost == pytest.approx(found["charged"].cost), "all against the same arrival"


# --- what is not known -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "missing"),
    [
        ("paper", ["last"]),
        ("mid", ["bid"]),
        ("mid", ["ask"]),
        ("touch", ["ask"]),
        ("book", ["ask", "ask_size"]),
        ("square_root", ["daily_volume"]),
        ("square_root", ["daily_volume", "daily_volatility"]),
        ("almgren_2005", ["shares_outstanding", "days"]),
        ("volume_share", ["bar_volume"]),
    ],
)
def test_a_model_names_what_it_lacks_and_does_not_guess(model: str, missing: list[str]) -> None:
    told = market_buy(50).fill(1_004, 50)
    known: dict[str, object] = {"bid": 1_000, "bid_size": 50, "ask": 1_004, "ask_size": 60, "last": 1_003, **FULL}
    context = MarketContext(**{**known, **dict.fromkeys(missing, 0)})  # type: ignore[arg-type]
    charge = by_name(charges(told.record, context))[model]
    assert (charge.price, charge.cost, charge.bps) == (None, None, None)
    assert charge.note == f"needs {', '.join(missing)}"
    assert by_name(charges(told.record, MarketContext(**known)))[model].price is not None  # type: ignore[arg-type]


def test_models_that_lack_facts_are_told_together() -> None:
    told = market_buy(50).fill(1_004, 50)
    rows, needs = split_told(charges(told.record))
    assert [c.model for c in rows] == ["charged", "paper", "mid", "touch", "book", "book_and_beyond"]
    assert needs == {
        "needs daily_volume, daily_volatility": ["square_root"],
        "needs daily_volume, daily_volatility, shares_outstanding, days": ["almgren_2005"],
        "needs bar_price, bar_volume": ["volume_share"],
    }


def test_orders_that_met_no_market_are_compared_with_nothing() -> None:
    assert charges(Told().denied("ACME", Reason.UNKNOWN_SYMBOL, "no").record) == []
    assert charges(Told().sent(BUY, 10, ts=1, due=9).record) == []
    assert charges(Told().accepted(BUY, 10, 0, 0, waiting=Reason.WAITING_FOR_BAR).record) == []


def test_nonsense_is_refused() -> None:
    told = market_buy(50).fill(1_004, 50)
    with pytest.raises(ImpactNotAllowed, match="volume -1"):
        charges(told.record, arrival_context(told.record, daily_volume=-1.0, daily_volatility=0.02))


# --- money, units, tables --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("instrument", [ACME, COIN, INDEX], ids=lambda i: i.symbol)
def test_charges_are_money_whatever_the_tick_lot_and_multiplier(instrument: Instrument) -> None:
    told = Told(instrument).accepted(BUY, 30, 1_000, 1_004).fill(1_004, 30)
    charge = by_name(charges(told.record))["touch"]
    assert charge.price == pytest.approx(instrument.price(1_004))
    assert charge.cost == pytest.approx(instrument.notional(2, 30) / 1e6)
    assert charge.bps == pytest.approx(1e4 * 2 / 1_002)


def test_the_way_to_the_venue_counts_in_every_model_alike() -> None:
    told = Told().sent(BUY, 50, ts=1, due=2 * MS, decision=2_000).accepted(BUY, 50, 1_000, 1_004).fill(1_004, 50)
    found = by_name(charges(told.record))
    assert (found["mid"].cost, found["touch"].cost) == (pytest.approx(1.0), pytest.approx(2.0))
    assert found["charged"].cost == found["touch"].cost


def test_after_a_split_all_is_told_on_the_grid_of_arrival() -> None:
    told = Told().accepted(BUY, 100, 1_393, 1_407, type_=OrderType.LIMIT, limit=1_400)
    told.fill(1_400, 50, MAKER, ts=200, bid=1_393, ask=1_407, cause="queue").split(7, 1, ts=300, limit=200)
    told.fill(200, 350, MAKER, ts=400, bid=199, ask=201, cause="queue")
    found = by_name(charges(told.record))
    assert (found["charged"].price, found["charged"].cost) == (pytest.approx(14.00), pytest.approx(0.0))
    assert found["charged"].note == "for the 100 that filled"
    assert found["mid"].cost == pytest.approx(0.0)


def test_a_table_of_charges() -> None:
    told = market_buy(50).fill(1_004, 50)
    frame = charges_frame(charges(told.record))
    assert list(frame.columns) == ["model", "price", "cost", "bps", "note"]
    assert frame.set_index("model").loc["touch", "price"] == 10.04
    assert frame.set_index("model")["price"].isna().sum() == 3
    assert charges_frame([]).empty


# --- published figures -----------------------------------------------------------------------------------------------


def test_almgren_as_published(data_dir: Path) -> None:
    told = json.loads((data_dir / "reference/reference_numbers.json").read_text())["almgren_2005"]
    for name in ("IBM", "DRI"):
        stock = told[name]
        record = Told().mark(10_000).accepted(BUY, stock["X"], 9_999, 10_001).record
        for days, _, cost_bps in stock["T_K_J_bp"]:
            context = arrival_context(
                record, daily_volume=stock["ADV"], daily_volatility=stock["sigma_pct"] / 100,
                shares_outstanding=stock["Theta"], days=days,
            )  # fmt: skip
            charge = by_name(charges(record, context))["almgren_2005"]
            assert charge.bps == pytest.approx(cost_bps, abs=0.5), (name, days)
