"""Does whatever comes over a wire become a value or the one error it may, and nothing else?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vtrade.domain.messages import (
    CancelOrder,
    MarketFrame,
    NewsPublished,
    OpenAccount,
    SubmitOrder,
    decode_facts,
    decode_inbound,
    encode_facts,
    encode_inbound,
)
from vtrade.domain.orders import OrderType, Side
from vtrade.domain.stream import Bye, CandleBlock, Part, Welcome, decode_frame, encode_frame, from_parts, in_parts
from vtrade.domain.topics import Claim, Passed, Told, decode_trade, encode_trade
from vtrade.errors import Unavailable, ValueOffGrid
from vtrade.gateway import answers
from vtrade.services.commands import read_body, read_reply, to_message, write_body

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError)
"""What a decoder of the wire may raise; both are handled wherever bytes of others are read."""

DECODERS: dict[str, tuple[Callable[[bytes], Any], tuple[type[Exception], ...], list[bytes]]] = {
    "inbound": (
        decode_inbound,
        UNREADABLE,
        [
            encode_inbound(SubmitOrder(5, "ana", "o", "ACME", Side.BUY, OrderType.LIMIT, 10, 20)),
            encode_inbound(OpenAccount(5, "ana", 100)),
            encode_inbound(MarketFrame(5, b"\0" * 40)),
        ],
    ),
    "facts": (decode_facts, UNREADABLE, [encode_facts([NewsPublished(1, 2, "ACME", "hello", "ana")])]),
    "trade": (
        decode_trade,
        UNREADABLE,
        [encode_trade(one) for one in (Claim(1, "w"), Passed(1, 2, "refused"), Told(1, 2, 3, 4, b"c", b"f"))],
    ),
    "frame": (
        decode_frame,
        UNREADABLE,
        [encode_frame(Welcome("r", "a", "ta", True, 5)), encode_frame(Bye("x")), *in_parts(CandleBlock(False, ()))],
    ),
    "body": (read_body, (ValueOffGrid,), [write_body([CancelOrder(5, "ana", "o")], request="r")]),
    "reply": (read_reply, UNREADABLE, [b'{"results":[{"status":"told","seq":5,"detail":""}]}']),
    "hello": (lambda data: answers.read(data, answers.Hello), (ValueOffGrid,), [b'{"token":"vtr_x"}']),
    "room": (lambda data: answers.read(data, answers.NewRoom), (ValueOffGrid,), [b'{"name":"a","cash":"5"}']),
    "roster": (lambda data: answers.read(data, answers.Enrolment), (ValueOffGrid,), [b'{"accounts":["a"],"days":5}']),
}  # fmt: skip


LIES = [
    b"",
    b"\xc1",
    b"\x91" * 5_000,
    b"[" * 50_000,
    b"\xdf\xff\xff\xff\xff",
    b'{"a":' * 20_000,
    b"\xdb\xff\xff\xff\xff",
]


@st.composite
def spoilt(draw: st.DrawFn, samples: list[bytes]) -> bytes:
    """Good bytes with a few of them changed, cut or doubled; or no good bytes at all."""
    data = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(("change", "cut", "add", "double")))
        if kind == "change" and data:
            data[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del data[at : at + draw(st.integers(1, 8))]
        elif kind == "add":
            data[at:at] = draw(st.binary(max_size=8))
        else:
            data[at:at] = data[at : at + 16]
    return bytes(data) if draw(st.booleans()) else draw(st.binary(max_size=60))


@pytest.mark.parametrize("name", DECODERS)
@settings(max_examples=300)
@given(data=st.data())
def test_any_bytes_are_a_value_or_the_one_error(name: str, data: st.DataObject) -> None:
    decode, errors, samples = DECODERS[name]
    blob = data.draw(spoilt(samples))
    try:
        decode(blob)
    except errors as error:
        told = str(error)
    else:
        told = "fine"
    assert told


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize(
    "blob",
    [b"", b"\xc1", b"\x91" * 5_000, b"[" * 50_000, b"\xdf\xff\xff\xff\xff", b'{"a":' * 20_000, b"\xdb\xff\xff\xff\xff"],
)
def test_deep_and_long_lies_are_errors(name: str, blob: bytes) -> None:
    decode, errors, _ = DECODERS[name]
    with pytest.raises((*errors, RecursionError) if name not in ("body", "hello", "room", "roster") else errors):
        decode(blob)


@given(
    st.lists(
        st.builds(
            Part,
            st.sampled_from(["snapshot", "candles", "x"]),
            st.integers(-1, 3),
            st.integers(-1, 3),
            st.binary(max_size=40),
        ),
        min_size=1,
        max_size=4,
    )
)
@example([Part("candles", 0, 1, b"")])
def test_parts_fit_together_or_are_refused(parts: list[Part]) -> None:
    with pytest.raises(Unavailable):
        from_parts(parts)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("client_order_id", "symbol", "side", "quantity", "order_type", "limit_price", "trail_bps", "expire_ns", "oco",
          "action", "speed", "amount", "account", "limits", "kind", "numerator", "cash", "tender", "text")  # fmt: skip
TYPES = ("submit", "cancel", "replace", "action", "convert", "answer", "room", "tender", "open_account", "corporate")
GOOD: dict[str, Any] = {
    "client_order_id": "o", "symbol": "ACME", "side": "buy", "quantity": "5", "action": "start", "account": "ana",
    "tender": "t", "price": 5, "expire_ns": 5, "accept": True, "amount": "7.5", "sell": "USD", "buy": "EUR", "cash": 5,
    "kind": "split", "numerator": 2,
}  # fmt: skip


@settings(max_examples=300)
@given(st.sampled_from(TYPES), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4), st.booleans())
def test_any_command_is_a_message_that_can_be_kept_or_an_error(kind: str, fields: dict[str, Any], filled: bool) -> None:
    command = {"type": kind, **(GOOD if filled else {}), **fields}
    try:
        body = read_body(msgspec.json.encode({"commands": [command]}))
        message = to_message(body.commands[0], account="ana", ts_ns=5)
        back = decode_inbound(encode_inbound(message))
    except ValueOffGrid as error:
        told = str(error)
    else:
        assert back == message
        told = "fine"
    assert told


@pytest.mark.parametrize("kind", TYPES)
def test_every_command_has_a_good_form(kind: str) -> None:
    from vtrade.services.commands import AnyCommand

    struct = next(s for s in AnyCommand.__args__ if s.__struct_config__.tag == kind)
    known = {name: GOOD[name] for name in struct.__struct_fields__ if name in GOOD}
    body = read_body(msgspec.json.encode({"commands": [{"type": kind, **known}]}))
    if kind == "room":
        known.pop("amount", None)
        body = read_body(msgspec.json.encode({"commands": [{"type": kind, **known}]}))
    message = to_message(body.commands[0], account="ana", ts_ns=5)
    assert decode_inbound(encode_inbound(message)) == message
