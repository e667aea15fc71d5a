"""Are a venue's rules, delays and an account's limits exact, and is what cannot be refused with a mend?"""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrade.domain.accounts import NO_LIMITS, RiskLimits
from vtrade.domain.actions import ActionKind, CorporateAction
from vtrade.domain.messages import decode_inbound, encode_inbound
from vtrade.domain.rules import Beyond, Latency, QueueModel, RoomRules
from vtrade.domain.values import MICRO, NS_PER_S
from vtrade.errors import ValueOffGrid

# --- rules of the venue --------------------------------------------------------------------------------------------


def test_the_plainest_venue_does_nothing_to_orders() -> None:
    rules = RoomRules()
    assert rules.latency.none
    assert (rules.hidden_ppm, rules.resilience_ns, rules.impact_ppm, rules.luld_ppm, rules.settlement_days) == (0,) * 5
    assert (rules.queue_model, rules.beyond, rules.extended_hours) == (QueueModel.RISK_AVERSE, Beyond.REST, False)


def test_rules_from_a_persons_numbers() -> None:
    rules = RoomRules.make(
        queue_model="power", beyond="square_root", hidden="0.25", resilience_s=1.5, impact="0.1",
        impact_half_life_s=30, latency_ms="0.25", luld_ppm=50_000, settlement_days=1,
    )  # fmt: skip
    assert (rules.queue_model, rules.beyond) == (QueueModel.POWER, Beyond.SQUARE_ROOT)
    assert (rules.hidden_ppm, rules.impact_ppm) == (250_000, 100_000)
    assert (rules.resilience_ns, rules.impact_half_life_ns) == (1_500_000_000, 30 * NS_PER_S)
    assert rules.latency.entry_ns == 250_000
    assert (rules.luld_ppm, rules.settlement_days) == (50_000, 1)
    assert RoomRules.make() == RoomRules()


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (
            {"queue_model": "first"},
            "'first' is not a valid QueueModel; queue models: risk_averse, power, log, inferred",
        ),
        ({"beyond": "sky"}, "'sky'.*beyond: rest, cancel, square_root"),
        ({"hidden": -1}, "hidden_ppm -1000000 must be from 0"),
        ({"hidden": "some"}, "hidden 'some' is not a number"),
        ({"impact_half_life_s": 0}, "impact_half_life_ns 0 must be from 1"),
        ({"bar_volume_share_ppm": MICRO + 1}, "bar_volume_share_ppm 1000001"),
        ({"queue_power_milli": 0}, "queue_power_milli 0"),
        ({"luld_ppm": MICRO}, "luld_ppm 1000000"),
        ({"settlement_days": -1}, "settlement_days -1"),
        ({"fx_spread_ppm": 100_001}, "fx_spread_ppm 100001"),
        ({"latency_ms": -1}, "latency entry_ns -1000000"),
    ],
)
def test_rules_that_are_none(terms: dict, words: str) -> None:
    with pytest.raises(ValueOffGrid, match=words):
        RoomRules.make(**terms)


def test_bad_rules_do_not_come_off_the_wire() -> None:
    good = msgspec.msgpack.encode(RoomRules(luld_ppm=50_000))
    assert msgspec.msgpack.decode(good, type=RoomRules) == RoomRules(luld_ppm=50_000)
    bad = msgspec.msgpack.encode({"luld_ppm": MICRO})
    with pytest.raises((msgspec.ValidationError, ValueOffGrid), match="luld_ppm"):
        msgspec.msgpack.decode(bad, type=RoomRules)


@pytest.mark.parametrize(
    ("latency", "none", "round_trip_ns"),
    [
        (Latency(), True, 0),
        (Latency(feed_ns=1, entry_ns=2, ack_ns=4, jitter_ns=100), False, 7),
        (Latency(ack_ns=5), True, 5),  # what comes back later changes nothing in the market
        (Latency(recorded=(7, 9)), False, 0),
        (Latency(jitter_ns=1), False, 0),
    ],
)
def test_delays(latency: Latency, none: bool, round_trip_ns: int) -> None:
    assert (latency.none, latency.round_trip_ns) == (none, round_trip_ns)


@pytest.mark.parametrize("name", ["feed_ns", "entry_ns", "ack_ns", "jitter_ns"])
def test_nothing_arrives_before_it_was_sent(name: str) -> None:
    for ns in (-1, 3_600 * NS_PER_S + 1):
        with pytest.raises(ValueOffGrid, match=f"{name} {ns}"):
            Latency(**{name: ns})
    with pytest.raises(ValueOffGrid, match="recorded latency"):
        Latency(recorded=(1, -1))


# --- limits of an account ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leverage", "initial", "maintenance"),
    [
        (1, MICRO, 250_000),
        (2, 500_000, 250_000),
        ("1.5", 666_667, 250_000),
        (4, 250_000, 250_000),
        (10, 100_000, 100_000),
    ],
)
def test_leverage_is_initial_margin(leverage: int | str, initial: int, maintenance: int) -> None:
    limits = RiskLimits.make(leverage=leverage)
    assert (limits.initial_margin_ppm, limits.maintenance_margin_ppm) == (initial, maintenance)


def test_limits_from_a_persons_numbers() -> None:
    limits = RiskLimits.make(
        concentration="0.4", max_order_notional=50_000, max_order_quantity="0.5", margin_rate_ppm=60_000, enabled=False
    )
    assert (limits.concentration_ppm, limits.max_order_notional) == (400_000, 50_000 * MICRO)
    assert (limits.max_order_quantity, limits.margin_rate_ppm, limits.enabled) == (500_000, 60_000, False)
    assert RiskLimits.make() == RiskLimits()
    assert RiskLimits.make(leverage=2, maintenance_margin_ppm=300_000).maintenance_margin_ppm == 300_000


def test_whose_margin_is_watched() -> None:
    assert not RiskLimits().on_margin
    assert not NO_LIMITS.on_margin
    assert RiskLimits.make(leverage=2).on_margin
    assert RiskLimits.make(allow_short=True).on_margin


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"leverage": "0.5"}, "leverage 0.5 must be 1"),
        ({"leverage": 1_000}, "initial_margin_ppm 1000 must be"),
        ({"leverage": 2, "maintenance_margin_ppm": 600_000}, "maintenance margin is above initial margin"),
        ({"short_margin_ppm": 20_000_000}, "short_margin_ppm 20000000"),
        ({"short_margin_ppm": 200_000}, "maintenance margin is above initial margin"),
        ({"concentration": "lots"}, "concentration 'lots' is not a number"),
    ],
)
def test_limits_that_are_none(terms: dict, words: str) -> None:
    with pytest.raises(ValueOffGrid, match=words):
        RiskLimits.make(**terms)


# --- corporate actions ---------------------------------------------------------------------------------------------


@given(st.integers(1, MICRO), st.integers(1, MICRO), st.integers(0, 2**62))
def test_an_action_is_a_value_and_an_inbound_message(numerator: int, denominator: int, amount: int) -> None:
    action = CorporateAction(7, "ACME", ActionKind.SPLIT, numerator=numerator, denominator=denominator, amount=amount)
    assert decode_inbound(encode_inbound(action)) == action
    assert hash(action) == hash(decode_inbound(encode_inbound(action)))


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"kind": ActionKind.SPLIT, "numerator": 0}, "split of 0 for 1"),
        ({"kind": ActionKind.SPLIT, "denominator": 0}, "split of 1 for 0"),
        ({"kind": ActionKind.SPLIT, "numerator": MICRO + 1}, "split of 1000001 for 1"),
        ({"kind": ActionKind.DIVIDEND, "amount": -1}, "dividend of -1 micro-units"),
        ({"kind": ActionKind.RATE}, "rate of 0 micro-units"),
        ({"kind": ActionKind.RENAME}, "needs new_symbol"),
    ],
)
def test_actions_that_are_none(terms: dict, words: str) -> None:
    with pytest.raises(ValueOffGrid, match=f"ACME.*{words}"):
        CorporateAction(0, "ACME", **terms)


def test_a_bad_action_does_not_come_off_the_wire() -> None:
    wire = msgspec.msgpack.decode(encode_inbound(CorporateAction(0, "ACME", ActionKind.SPLIT, numerator=7)))
    wire[4] = 0
    with pytest.raises((msgspec.DecodeError, ValueOffGrid), match="split of 0 for 1"):
        decode_inbound(msgspec.msgpack.encode(wire))


def test_worthless_is_an_amount() -> None:
    assert CorporateAction(0, "ACME", ActionKind.DELISTING).amount == 0
