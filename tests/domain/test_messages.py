"""Does every message and fact survive the wire, and is what is none refused?"""

from __future__ import annotations

from enum import Enum
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtrade.domain import messages as msg
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.actions import ActionKind, CorporateAction
from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.domain.rules import Beyond, Latency, QueueModel, RoomRules
from vtrade.domain.values import MICRO, NS_PER_S

INBOUND = get_args(msg.Inbound)
FACTS = get_args(msg.Fact)

BASIC: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**63), 2**63 - 1),
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    bytes: st.binary(max_size=12),
    bool: st.booleans(),
    type(None): st.none(),
    Instrument: st.builds(
        Instrument.make, st.sampled_from(["ACME", "ÅÄÖ", "BRK.B"]), tick=st.sampled_from(["0.01", "0.25", 1]),
        multiplier=st.integers(1, 100), currency=st.sampled_from(["USD", "EUR"]),
        fees=st.sampled_from([FeeSchedule(), FeeSchedule.maker_taker(-1, "2.5", tiers=[(1_000, -2, 2)])]),
    ),
    RoomRules: st.builds(
        RoomRules,
        bar_volume_share_ppm=st.integers(0, MICRO), queue_model=st.sampled_from(list(QueueModel)),
        beyond=st.sampled_from(list(Beyond)), hidden_ppm=st.integers(0, MICRO), luld_ppm=st.integers(0, MICRO - 1),
        latency=st.builds(
            Latency, entry_ns=st.integers(0, NS_PER_S), recorded=st.lists(st.integers(0, NS_PER_S)).map(tuple)
        ),
        settlement_days=st.integers(0, 1), extended_hours=st.booleans(),
    ),
    RiskLimits: st.builds(
        RiskLimits.make, leverage=st.sampled_from([1, "1.5", 4]), allow_short=st.booleans(),
        enabled=st.booleans(), margin_call_s=st.integers(0, 86_400),
    ),
}  # fmt: skip
ACTIONS = st.builds(
    CorporateAction, st.integers(0, 2**62), st.text("ABC", min_size=1), st.sampled_from(list(ActionKind)),
    numerator=st.integers(1, MICRO), denominator=st.integers(1, MICRO), amount=st.integers(1, 2**62),
    new_symbol=st.text("ABC", min_size=1),
)  # fmt: skip


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type hint that stands in a message."""
    if hint in BASIC:
        return BASIC[hint]
    if isinstance(hint, UnionType):
        return st.one_of(*map(values, get_args(hint)))
    if get_origin(hint) is tuple:
        first, *rest = get_args(hint)
        if rest == [...]:
            return st.lists(values(first), max_size=3).map(tuple)
        return st.tuples(*map(values, (first, *rest)))
    if issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    if hint is CorporateAction:
        return ACTIONS
    return st.builds(hint, **{name: values(kind) for name, kind in get_type_hints(hint).items()})


@pytest.mark.parametrize("kind", INBOUND, ids=lambda kind: kind.__name__)
@settings(max_examples=15)
@given(data=st.data())
def test_inbound_survives_the_wire(kind: type, data: st.DataObject) -> None:
    message = data.draw(values(kind))
    wire = msg.encode_inbound(message)
    assert msg.decode_inbound(wire) == message
    assert msg.encode_inbound(msg.decode_inbound(wire)) == wire
    assert type(msg.decode_inbound(wire)) is kind


@pytest.mark.parametrize("kind", FACTS, ids=lambda kind: kind.__name__)
@settings(max_examples=15)
@given(data=st.data())
def test_facts_survive_the_wire(kind: type, data: st.DataObject) -> None:
    facts = data.draw(st.lists(values(kind), max_size=3))
    wire = msg.encode_facts(facts)
    assert msg.decode_facts(wire) == facts
    assert msg.encode_facts(msg.decode_facts(wire)) == wire


def test_tags_are_short_unique_and_stay() -> None:
    tags = {kind.__struct_config__.tag: kind.__name__ for kind in (*INBOUND, *FACTS)}
    assert len(tags) == len(INBOUND) + len(FACTS), "two kinds share a tag"
    assert set(tags) == set(
        "room acct mkt submit cancel replace cmd act action tender answer fx "
        "Room Acct Denied Submitted Accepted Rejected Triggered Fill Replaced Canceled Expired CancelRej ReplaceRej "
        "Marked Session News Action Cash Applied Position Settled Margin Auction Bands Tender TenderEnd "
        "Play RoomClosed".split()
    )


def test_every_fact_begins_with_its_number_and_time() -> None:
    for kind in FACTS:
        assert kind.__struct_fields__[:2] == ("seq", "ts_ns"), kind.__name__
    for kind in INBOUND:
        assert kind.__struct_fields__[0] == "ts_ns", kind.__name__


@pytest.mark.parametrize(
    "junk",
    [b"", b"\x00", b"hello", msgspec.msgpack.encode({"ts_ns": 1}), msgspec.msgpack.encode(["nothing", 1]),
     msgspec.msgpack.encode(["cancel", "now", "ana", "c1"]), msgspec.msgpack.encode(["cancel", 1]),
     msg.encode_inbound(msg.CancelOrder(1, "ana", "c1"))[:-1]],
)  # fmt: skip
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        msg.decode_inbound(junk)
    with pytest.raises(msgspec.DecodeError):
        msg.decode_facts(junk)


def test_an_unknown_word_is_refused() -> None:
    good = msg.SubmitOrder(1, "ana", "c1", "ACME", Side.BUY, OrderType.LIMIT, 10, 5, None, TimeInForce.GTC)
    wire = msgspec.msgpack.decode(msg.encode_inbound(good))
    for at, word in ((5, 2), (6, "limits"), (7, "ten"), (7, 1.5), (10, "GTX")):
        bad = [*wire[:at], word, *wire[at + 1 :]]
        with pytest.raises(msgspec.DecodeError):
            msg.decode_inbound(msgspec.msgpack.encode(bad))


def test_fields_that_came_later_may_be_missing() -> None:
    """An old journal has shorter arrays: what stands at the end has a default."""
    wire = msgspec.msgpack.decode(
        msg.encode_inbound(msg.SubmitOrder(1, "ana", "c1", "ACME", Side.BUY, OrderType.MARKET, 10))
    )
    short = msgspec.msgpack.encode(wire[:8])
    assert msg.decode_inbound(short) == msg.SubmitOrder(1, "ana", "c1", "ACME", Side.BUY, OrderType.MARKET, 10)


def test_messages_are_values() -> None:
    message = msg.CancelOrder(1, "ana", "c1")
    assert message == msg.CancelOrder(1, "ana", "c1")
    assert len({message, msg.CancelOrder(1, "ana", "c1")}) == 1
    with pytest.raises(AttributeError):
        message.account = "bob"  # type: ignore[misc]
