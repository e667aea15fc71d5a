"""Does what a person asks in JSON become exactly that message, or one error that names the field?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtrade.domain.accounts import RiskLimits
from vtrade.domain.actions import ActionKind
from vtrade.domain.messages import (
    AnswerTender,
    CancelOrder,
    ConvertCash,
    CorporateAction,
    Inbound,
    MarketFrame,
    OfferTender,
    OpenAccount,
    OpenRoom,
    ReplaceOrder,
    RoomCommand,
    SubmitOrder,
    UserAction,
)
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.domain.values import INT64_MAX, MICRO
from vtrade.errors import ValueOffGrid
from vtrade.services import commands as c

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=c.ID_MAX)
MAYBE = st.text(st.characters(exclude_categories=["Cs"]), max_size=c.ID_MAX)
SYMBOLS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=c.SYMBOL_MAX)
MAYBE_SYMBOLS = MAYBE.map(lambda text: text[: c.SYMBOL_MAX])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
MICROS = st.integers(-INT64_MAX, INT64_MAX)
SOME = st.none() | MICROS
MOMENTS = st.integers(0, INT64_MAX)
BPS = st.integers(-(10**12), 10**12)
SIDES = st.sampled_from(Side)
PPM = st.integers(10_000, 250_000)

MESSAGES: st.SearchStrategy[Inbound] = st.one_of(
    st.builds(
        SubmitOrder, st.just(7), st.just("ana"), NAMES, SYMBOLS, SIDES, st.sampled_from(OrderType), MICROS, SOME, SOME,
        st.sampled_from(TimeInForce), st.booleans(), st.booleans(), SOME, SOME, st.none() | BPS, st.none() | MOMENTS,
        MAYBE, MAYBE,
    ),
    st.builds(CancelOrder, st.just(7), st.just("ana"), NAMES),
    st.builds(ReplaceOrder, st.just(7), st.just("ana"), NAMES, SOME, SOME, SOME),
    st.builds(UserAction, st.just(7), st.just("ana"), SYMBOLS, TEXTS, TEXTS),
    st.builds(ConvertCash, st.just(7), st.just("ana"), SYMBOLS, SYMBOLS, MICROS),
    st.builds(AnswerTender, st.just(7), NAMES, st.just("ana"), st.booleans()),
    st.builds(RoomCommand, st.just(7), st.sampled_from(c.ROOM_ACTIONS), MAYBE_SYMBOLS, TEXTS, MAYBE, MICROS),
    st.builds(OfferTender, st.just(7), NAMES, NAMES, SYMBOLS, SIDES, MICROS, MICROS, MOMENTS),
    st.builds(
        OpenAccount, st.just(7), NAMES, MICROS, SYMBOLS,
        st.builds(RiskLimits, enabled=st.booleans(), allow_short=st.booleans(), maintenance_margin_ppm=PPM),
    ),
    st.builds(
        CorporateAction, st.just(7), SYMBOLS, st.just(ActionKind.SPLIT), st.integers(1, MICRO), st.integers(1, MICRO),
        st.integers(0, INT64_MAX), MAYBE_SYMBOLS,
    ),
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(MESSAGES, min_size=1, max_size=4), MAYBE)
def test_there_and_back_nothing_changes(messages: list[Inbound], request: str) -> None:
    body = c.read_body(c.write_body(messages, request=request))
    assert body.id == request
    assert [c.to_message(command, account="ana", ts_ns=7) for command in body.commands] == messages


def test_every_type_has_its_message() -> None:
    kinds = {kind.__struct_config__.tag for kind in c.AnyCommand.__args__}
    assert kinds == {
        "submit", "cancel", "replace", "action", "convert", "answer", "room", "tender", "open_account", "corporate"
    }  # fmt: skip
    assert {kind.__struct_config__.tag for kind in c.FOR_INSTRUCTORS} == {"room", "tender", "open_account", "corporate"}


@pytest.mark.parametrize("message", [MarketFrame(0, b""), OpenRoom(0, "r", ())])
def test_what_nobody_can_ask_for(message: Inbound) -> None:
    with pytest.raises(ValueOffGrid, match=type(message).__name__):
        c.from_message(message)


@pytest.mark.parametrize("number", ["10.25", 10.25, "1025e-2", Decimal("10.25")])
def test_a_price_in_any_dress(number: Any) -> None:
    command = {"type": "replace", "client_order_id": "o1", "limit_price": number}
    body = c.read_body(msgspec.json.encode({"commands": [command]}))
    assert c.to_message(body.commands[0], account="ana", ts_ns=1) == ReplaceOrder(1, "ana", "o1", None, 10_250_000)


def test_who_asks_and_when_is_never_in_a_body() -> None:
    for field, value in (("account", "ben"), ("ts_ns", 5)):
        with pytest.raises(ValueOffGrid, match=f"unknown field `{field}`"):
            read({"type": "cancel", "client_order_id": "o1", field: value})


def test_an_instructor_names_the_account_of_another() -> None:
    fine = read({"type": "room", "action": "fine", "account": "ben", "amount": "12.5"})
    assert c.to_message(fine, account="tina", ts_ns=1) == RoomCommand(1, "fine", account="ben", amount=12_500_000)
    opened = read({"type": "open_account", "account": "zoe", "cash": 10, "limits": {"allow_short": True}})
    assert c.to_message(opened, account="tina", ts_ns=1) == OpenAccount(
        1, "zoe", 10 * MICRO, limits=RiskLimits(allow_short=True)
    )


@pytest.mark.parametrize(
    "action, given, amount",
    [("start", {}, MICRO), ("speed", {"speed": "2.5"}, 2_500_000), ("start", {"speed": 0}, 0), ("pause", {}, 0),
     ("adjust", {"amount": -3}, -3 * MICRO), ("news", {"text": "hello"}, 0)],
)  # fmt: skip
def test_the_pace_of_a_room(action: str, given: dict[str, Any], amount: int) -> None:
    message = c.to_message(read({"type": "room", "action": action, **given}), account="", ts_ns=1)
    assert isinstance(message, RoomCommand)
    assert (message.action, message.amount) == (action, amount)


def read(command: dict[str, Any]) -> c.AnyCommand:
    return c.read_body(msgspec.json.encode({"commands": [command]})).commands[0]


SUBMIT: dict[str, Any] = {"type": "submit", "client_order_id": "o1", "symbol": "A", "side": "buy", "quantity": 1}


@pytest.mark.parametrize(
    "change, words",
    [
        ({"quantity": True}, "commands[0].quantity true"),
        ({"quantity": None}, "commands[0].quantity null"),
        ({"quantity": "1" * 41}, 'commands[0].quantity "11111'),
        ({"quantity": "nan"}, "quantity 'nan' is not a finite number"),
        ({"quantity": "0.0000001"}, "quantity 0.0000001 has more than six decimals"),
        ({"quantity": 10**20}, "quantity 100000000000000000000 is beyond"),
        ({"quantity": "ten"}, "quantity 'ten' is not a number"),
        ({"side": "hold"}, 'commands[0].side "hold"'),
        ({"order_type": "magic"}, 'commands[0].order_type "magic"'),
        ({"time_in_force": "LATER"}, 'commands[0].time_in_force "LATER"'),
        ({"client_order_id": ""}, 'commands[0].client_order_id ""'),
        ({"client_order_id": "x" * 129}, 'commands[0].client_order_id "xxx'),
        ({"client_order_id": 5}, "commands[0].client_order_id 5"),
        ({"symbol": "S" * 65}, "commands[0].symbol"),
        ({"expire_ns": -1}, "commands[0].expire_ns -1"),
        ({"expire_ns": 2**63}, "commands[0].expire_ns 9223372036854775808"),
        ({"trail_bps": "0.001"}, "trail_bps 0.001 is finer than 0.01"),
        ({"post_only": "yes"}, 'commands[0].post_only "yes"'),
        ({"colour": "red"}, "unknown field `colour`"),
        ({"type": "sing"}, 'commands[0].type "sing"'),
        ({"type": "room", "action": "dance"}, ""),
    ],
)
def test_one_error_that_names_the_field_and_the_value(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueOffGrid) as error:
        c.to_message(read({**SUBMIT, **change}), account="ana", ts_ns=1)
    assert words in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    "command, words",
    [
        ({"type": "room", "action": "dance"}, 'commands[0].action "dance"'),
        ({"type": "room", "action": "start", "amount": 5}, "amount 5 means nothing to 'start'; give speed"),
        ({"type": "room", "action": "fine", "speed": 5}, "speed 5 means nothing to 'fine'; give amount"),
        ({"type": "room", "action": "news", "text": "x" * 2001}, "commands[0].text"),
        ({"type": "open_account", "account": "a", "cash": 1, "limits": {"luck": 1}}, "limits.luck 1 is unknown"),
        ({"type": "open_account", "account": "a", "cash": 1, "limits": {"enabled": 1}}, "limits:"),
        (
            {"type": "open_account", "account": "a", "cash": 1, "limits": {"initial_margin_ppm": 0}},
            "initial_margin_ppm 0 must be from",
        ),
        ({"type": "corporate", "symbol": "A", "kind": "split", "numerator": 0}, "commands[0].numerator 0"),
        ({"type": "corporate", "symbol": "A", "kind": "rename"}, "a rename needs new_symbol"),
        ({"type": "corporate", "symbol": "A", "kind": "dividend", "amount": -1}, "give an amount above 0"),
    ],
)
def test_errors_of_instructors(command: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueOffGrid) as error:
        c.to_message(read(command), account="tina", ts_ns=1)
    assert words in str(error.value)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"5", b"\xff\xfe", b'{"commands": []}', b"{" * 200_000, b'{"commands":' + b"[" * 200_000,
        b'{"commands": [{"type": "cancel", "client_order_id": "\\ud800"}]}', b'{"commands": {"0": 1}}',
        b'{"commands": [1e999]}', b'{"commands": [{"type": "convert", "amount": 1' + b"0" * 5_000 + b"}]}",
        b'{"commands": [{}]}', b'{"commands": [{"type": "cancel", "client_order_id": "a"}], "wait_s": 31}',
        b'{"commands": [{"type": "cancel", "client_order_id": "a"}], "wait_s": -1}',
        b'{"commands": [{"type": "cancel", "client_order_id": "a"}], "sudo": true}',
        msgspec.json.encode({"commands": [SUBMIT] * 101}),
    ],
)  # fmt: skip
def test_bodies_that_are_none(body: bytes) -> None:
    with pytest.raises(ValueOffGrid) as error:
        c.read_body(body)
    assert len(str(error.value)) < 400


@given(st.binary(max_size=200))
def test_any_bytes_are_a_body_or_one_error(data: bytes) -> None:
    with pytest.raises(ValueOffGrid):
        c.read_body(data)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
FIELDS = sorted({field for kind in c.AnyCommand.__args__ for field in kind.__struct_fields__})


@settings(max_examples=300)
@given(
    kind=st.sampled_from([kind.__struct_config__.tag for kind in c.AnyCommand.__args__]),
    fields=st.dictionaries(st.sampled_from(FIELDS), JSON),
)
def test_any_command_is_one_message_or_one_error(kind: str, fields: dict[str, Any]) -> None:
    try:
        data = msgspec.json.encode({"commands": [{**fields, "type": kind}]})
    except (UnicodeEncodeError, ValueError, OverflowError):
        return
    try:
        message = c.to_message(c.read_body(data).commands[0], account="ana", ts_ns=7)
    except ValueOffGrid:
        return
    assert c.from_message(message)["type"] == kind


def test_ids_of_messages_cannot_meet() -> None:
    asked = [("a", "b/1", 1), ("a/b", "1", 1), ("a", "b", 11), ("a", "b/1/1", 1), ("a/b", "1/1", 1)]
    told = {c.message_id(account, request, number) for account, request, number in asked}
    assert len(told) == 5


def test_replies_there_and_back() -> None:
    reply = c.Reply(results=(c.Result(status="told", seq=4), c.Result(status="refused", detail="no")))
    assert c.read_reply(msgspec.json.encode(reply)) == reply


def test_the_schemas_name_every_command() -> None:
    told = c.schemas()
    assert {"Body", "Reply", "Result", "Submit", "Cancel", "Replace", "Action", "Convert", "Answer", "Room", "Tender",
            "Open", "Corporate"} <= set(told)  # fmt: skip
    assert told["Body"]["properties"]["commands"]["maxItems"] == c.COMMANDS_MAX
    assert told["Submit"]["additionalProperties"] is False
