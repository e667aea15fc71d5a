"""Are money and fees of an instrument exact?"""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.values import MICRO
from vtrade.errors import ValueOffGrid


@pytest.mark.parametrize(
    "terms, tick_value, decimals",
    [
        ({}, 10_000, 2),
        ({"tick": "0.25", "multiplier": 50}, 12_500_000, 2),
        ({"tick": "0.1", "lot": "0.00001"}, 1, 1),
        ({"tick": "0.0001"}, 100, 4),
        ({"tick": 1}, 1_000_000, 0),
        ({"tick": "0.000001"}, 1, 6),
    ],
)
def test_one_tick_of_one_lot(terms: dict, tick_value: int, decimals: int) -> None:
    instrument = Instrument.make("X", **terms)
    assert (instrument.tick_value, instrument.price_decimals) == (tick_value, decimals)


@pytest.mark.parametrize(
    "terms, words",
    [
        ({"symbol": ""}, "symbol ''"),
        ({"symbol": " X"}, "symbol ' X'"),
        ({"tick": 0}, "tick_size 0 must be positive"),
        ({"tick": "-0.01"}, "tick_size -10000 must be positive"),
        ({"lot": 0}, "lot_size 0 must be positive"),
        ({"multiplier": 0}, "multiplier 0 must be positive"),
        ({"tick": "0.0001", "lot": "0.001"}, "less than a micro-unit"),
        ({"tick": "0.0000001"}, "X tick 0.0000001 has more than six decimals"),
        ({"tick": "many"}, "X tick 'many' is not a number"),
    ],
)
def test_what_cannot_be_an_instrument(terms: dict, words: str) -> None:
    with pytest.raises(ValueOffGrid, match=words):
        Instrument.make(**{"symbol": "X", **terms})


@given(
    st.sampled_from(["0.01", "0.05", "0.25", "0.0001"]), st.sampled_from([1, "0.1", 100]), st.integers(1, 100),
    st.integers(1, 10**7), st.integers(-(10**6), 10**6),
)  # fmt: skip
def test_notional_is_exact(tick: str, lot: int | str, multiplier: int, ticks: int, lots: int) -> None:
    instrument = Instrument.make("X", tick=tick, lot=lot, multiplier=multiplier)
    assert instrument.notional(ticks, lots) == Fraction(tick) * Fraction(lot) * multiplier * ticks * lots * MICRO


@pytest.mark.parametrize(
    "schedule, ticks, lots, fee",
    [
        (FeeSchedule(), 10_000, 100, 0),
        (FeeSchedule.per_share("0.005"), 10_000, 100, 500_000),
        (FeeSchedule.bps("2.5"), 10_000, 100, 2_500_000),
        (FeeSchedule.bps("0.01"), 10_000, 1, 100),
        (FeeSchedule.contract("1.25"), 10_000, 3, 3_750_000),
        (FeeSchedule(per_unit=1, per_notional_ppm=1, per_contract=1), 10_000, 3, 3 + 300 + 3),
    ],
)
def test_fees_add_up(schedule: FeeSchedule, ticks: int, lots: int, fee: int) -> None:
    assert Instrument.make("X", fees=schedule).fee(ticks, lots) == fee


@given(st.integers(0, 10**4), st.integers(0, 10**4), st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_fee_is_rounded_half_to_even_and_never_negative(unit: int, ppm: int, ticks: int, lots: int) -> None:
    instrument = Instrument.make("X", lot="0.1", tick="0.1", fees=FeeSchedule(per_unit=unit, per_notional_ppm=ppm))
    notional = instrument.notional(ticks, lots)
    assert instrument.fee(ticks, lots) == round(Fraction(lots * unit, 10)) + round(Fraction(notional * ppm, MICRO)) >= 0


def test_who_provides_and_who_takes() -> None:
    schedule = FeeSchedule.maker_taker("-0.2", "0.3")
    assert (schedule.maker_ppm, schedule.taker_ppm, schedule.per_notional_ppm, schedule.tiers) == (-20, 30, 0, ())
    tiered = FeeSchedule.maker_taker(10, 10, tiers=[(1_000_000, 8, 10), ("5e6", "-1", "7.5")])
    assert tiered.tiers == ((10**12, 800, 1_000), (5 * 10**12, -100, 750))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(tiered), type=FeeSchedule) == tiered


def test_least_and_most_of_an_order() -> None:
    schedule = FeeSchedule.per_share("0.005", minimum=1, cap_bps=100)
    assert (schedule.per_unit, schedule.minimum, schedule.cap_ppm) == (5_000, MICRO, 10_000)
    assert Instrument.make("X", fees=schedule).fee(10_000, 10) == 50_000  # of the fill; the order's least comes on top


@pytest.mark.parametrize(
    "terms, words",
    [
        ({"per_unit": -1}, "fee per_unit -1"),
        ({"minimum": -1}, "fee minimum -1"),
        ({"cap_ppm": 10**12 + 1}, "fee cap_ppm 1000000000001"),
        ({"maker_ppm": -MICRO - 1}, "above 100 %"),
        ({"taker_ppm": MICRO + 1}, "above 100 %"),
        ({"tiers": ((5, 0, 2 * MICRO),)}, "above 100 %"),
        ({"tiers": ((5, 1, 1), (5, 0, 0))}, "must rise"),
        ({"tiers": ((6, 1, 1), (5, 0, 0))}, "must rise"),
        ({"tiers": tuple((n, 0, 0) for n in range(9))}, "at most 8"),
    ],
)
def test_fees_that_are_none(terms: dict, words: str) -> None:
    with pytest.raises(ValueOffGrid, match=words):
        FeeSchedule(**terms)


def test_bps_below_a_hundredth_are_rounded() -> None:
    assert FeeSchedule.bps("0.014").per_notional_ppm == 1
    assert FeeSchedule.bps(1).per_notional_ppm == 100


def test_prices_and_quantities_as_text() -> None:
    acme, coin = Instrument.make("ACME"), Instrument.make("COIN", tick="0.5", lot="0.001")
    assert acme.price_text(1_234_567) == "12,345.67"
    assert coin.price_text(3) == "1.5"
    assert (acme.quantity_text(1_500), coin.quantity_text(1_500), coin.quantity_text(2_000)) == ("1,500", "1.5", "2")
    assert (acme.price(1_005), coin.quantity(5)) == (10.05, 0.005)


def test_an_instrument_is_a_value() -> None:
    one, two = Instrument.make("ACME", sector="Tools"), Instrument.make("ACME", sector="Tools")
    assert one == two
    assert hash(one) == hash(two)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Instrument) == one
    with pytest.raises(AttributeError):
        one.tick_size = 5  # type: ignore[misc]


def test_a_bad_instrument_does_not_come_off_the_wire() -> None:
    wire = msgspec.msgpack.encode({"symbol": "X", "tick_size": 0})
    with pytest.raises((msgspec.ValidationError, ValueOffGrid), match="tick_size 0"):
        msgspec.msgpack.decode(wire, type=Instrument)
