"""Which messages enter a room, which facts come out, and how do both look on the wire?

Rules: every message and fact is one frozen tagged struct that is value, pattern and wire form at once (MessagePack
arrays: fields may be appended with a default, never moved or removed). Inbound messages carry what people say, in
micro-units, so that a price off the grid is refused by a fact and not lost. Facts carry the venue's grid: ticks and
lots, money in micro-units. Anything a decision used that is not in the log stands in the fact.

``ts_ns`` is nanoseconds: since the Unix epoch, or since midnight of the tape's day where the tape has no date.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from vtrade.domain.accounts import RiskLimits
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import Liquidity, OrderType, Reason, Side, TimeInForce

WIRE_VERSION: Final = 1


class RoomRules(msgspec.Struct, frozen=True, kw_only=True):
    """Rules of the venue in this room.

    Attributes
    ----------
    bar_volume_share_ppm : int
        On bars, participants together may take this share of a bar's volume (100_000 = 10 %).
    """

    bar_volume_share_ppm: int = 100_000


class _Wire(msgspec.Struct, frozen=True, array_like=True, tag_field="t"):
    """Base of everything that goes over the wire."""


# --- inbound -----------------------------------------------------------------------------------------------------


class OpenRoom(_Wire, frozen=True, tag="room"):
    """First message of every log: the instruments in the order in which market events number them."""

    ts_ns: int
    room: str
    instruments: tuple[Instrument, ...]
    rules: RoomRules = RoomRules()
    seed: int = 0
    tape: str = ""
    forked_from: str = ""
    wire_version: int = WIRE_VERSION


class OpenAccount(_Wire, frozen=True, tag="acct"):
    """An account joins with ``cash`` micro-units of money."""

    ts_ns: int
    account: str
    cash: int
    currency: str = "USD"
    limits: RiskLimits = RiskLimits()


class MarketFrame(_Wire, frozen=True, tag="mkt"):
    """A batch of market events: the bytes of ``EVENT`` rows; ``ts_ns`` is that of the last row."""

    ts_ns: int
    events: bytes


class SubmitOrder(_Wire, frozen=True, tag="submit"):
    """An order as its owner wrote it: quantity and prices in micro-units, ``None`` where not given."""

    ts_ns: int
    account: str
    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    quantity: int
    limit_price: int | None = None
    stop_price: int | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    flags: str = ""


class CancelOrder(_Wire, frozen=True, tag="cancel"):
    """Take the order with this ``client_order_id`` out of the market."""

    ts_ns: int
    account: str
    client_order_id: str


class ReplaceOrder(_Wire, frozen=True, tag="replace"):
    """Change quantity (total, not leaves) or prices, in micro-units; ``None`` keeps what is there."""

    ts_ns: int
    account: str
    client_order_id: str
    quantity: int | None = None
    limit_price: int | None = None
    stop_price: int | None = None


class RoomCommand(_Wire, frozen=True, tag="cmd"):
    """What an instructor does: ``action`` is halt, resume, news or close; ``symbol`` empty means all."""

    ts_ns: int
    action: str
    symbol: str = ""
    text: str = ""


class UserAction(_Wire, frozen=True, tag="act"):
    """What a student does beside trading: lesson_finished, quiz_answered, plan_written, review_written, ..."""

    ts_ns: int
    account: str
    action: str
    subject: str = ""
    value: str = ""


Inbound = OpenRoom | OpenAccount | MarketFrame | SubmitOrder | CancelOrder | ReplaceOrder | RoomCommand | UserAction

# --- facts -------------------------------------------------------------------------------------------------------


class RoomOpened(_Wire, frozen=True, tag="Room"):
    """The room exists; projections learn the instruments here."""

    seq: int
    ts_ns: int
    room: str
    instruments: tuple[Instrument, ...]
    tape: str = ""
    forked_from: str = ""


class AccountOpened(_Wire, frozen=True, tag="Acct"):
    """The account exists and holds ``cash`` micro-units."""

    seq: int
    ts_ns: int
    account: str
    cash: int
    currency: str


class OrderDenied(_Wire, frozen=True, tag="Denied"):
    """Our own check refused the order; it never reached the venue. Numbers as the owner wrote them (micro-units)."""

    seq: int
    ts_ns: int
    account: str
    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    quantity: int
    limit_price: int | None
    stop_price: int | None
    time_in_force: TimeInForce
    reason: Reason
    detail: str


class OrderAccepted(_Wire, frozen=True, tag="Accepted"):
    """The venue took the order. Ticks and lots; touch as seen on arrival (0 where a side was empty).

    ``queue_ahead`` is the number of lots that trade before what rested of this order, -1 where nothing rested;
    ``waiting`` says why what is left did not fill at once (``NONE`` where nothing is left).
    """

    seq: int
    ts_ns: int
    account: str
    client_order_id: str
    order_id: int
    symbol: str
    side: Side
    type: OrderType
    quantity: int
    limit_price: int | None
    stop_price: int | None
    time_in_force: TimeInForce
    bid: int
    bid_size: int
    ask: int
    ask_size: int
    queue_ahead: int
    waiting: Reason


class OrderRejected(_Wire, frozen=True, tag="Rejected"):
    """The venue refused the order; quantity in lots."""

    seq: int
    ts_ns: int
    account: str
    client_order_id: str
    order_id: int
    symbol: str
    side: Side
    type: OrderType
    quantity: int
    limit_price: int | None
    stop_price: int | None
    time_in_force: TimeInForce
    reason: Reason
    detail: str


class OrderTriggered(_Wire, frozen=True, tag="Triggered"):
    """A stop's condition was met by ``trigger_price`` (ticks)."""

    seq: int
    ts_ns: int
    account: str
    client_order_id: str
    order_id: int
    symbol: str
    stop_price: int
    trigger_price: int
    bid: int
    ask: int
    waiting: Reason


class Fill(_Wire, frozen=True, tag="Fill"):
    """One execution: ``last_qty`` lots at ``last_px`` ticks for ``fee`` micro-units.

    ``cause`` is what justified it: ``depth`` (took a visible level), ``queue`` (a print reached our place in the
    queue), ``through`` (a print beyond our price), ``cross`` (the other side came to our price), ``peer`` (another
    participant), ``bar_open``, ``bar_range``, ``bar_close``. ``bid``/``ask`` are the touch just before; ``evidence_px``
    and ``evidence_qty`` the level, print or bar point used, in ticks and lots; ``contra_order_id`` the other
    participant's order, or 0.
    """

    seq: int
    ts_ns: int
    account: str
    client_order_id: str
    order_id: int
    symbol: str
    side: Side
    last_px: int
    last_qty: int
    fee: int
    liquidity: Liquidity
    leaves_quantity: int
    cause: str
    bid: int
    ask: int
    evidence_px: int
    evidence_qty: int
    contra_order_id: int = 0


class OrderReplaced(_Wire, frozen=True, tag="Replaced"):
    """New terms hold; ``kept_priority`` is true only where the quantity was lowered and nothing else changed."""

    seq: int
    ts_ns: int
    account: str
    client_order_id: str
    order_id: int
    symbol: str
    quantity: int
    limit_price: int | None
    stop_price: int | None
    leaves_quantity: int
    kept_priority: bool
    queue_ahead: int
    waiting: Reason


class OrderCanceled(_Wire, frozen=True, tag="Canceled"):
    """The rest of the order is out of the market."""

    seq: int
    ts_ns: int
    account: str
    client_order_id: str
    order_id: int
    symbol: str
    leaves_quantity: int
    reason: Reason
    detail: str


class OrderExpired(_Wire, frozen=True, tag="Expired"):
    """The order's time in force ended it."""

    seq: int
    ts_ns: int
    account: str
    client_order_id: str
    order_id: int
    symbol: str
    leaves_quantity: int
    reason: Reason


class CancelRejected(_Wire, frozen=True, tag="CancelRej"):
    """The cancel found nothing to cancel."""

    seq: int
    ts_ns: int
    account: str
    client_order_id: str
    reason: Reason
    detail: str


class ReplaceRejected(_Wire, frozen=True, tag="ReplaceRej"):
    """The replace was refused; the order stands as it was."""

    seq: int
    ts_ns: int
    account: str
    client_order_id: str
    reason: Reason
    detail: str


class Marked(_Wire, frozen=True, tag="Marked"):
    """Marks that changed: pairs of instrument index and price in ticks (last print, else the mid)."""

    seq: int
    ts_ns: int
    marks: tuple[tuple[int, int], ...]


class SessionChanged(_Wire, frozen=True, tag="Session"):
    """An instrument's session is now ``OPEN``, ``CLOSED`` or ``HALTED``."""

    seq: int
    ts_ns: int
    symbol: str
    status: str
    cause: str = ""


class NewsPublished(_Wire, frozen=True, tag="News"):
    """A headline or an announcement to the room."""

    seq: int
    ts_ns: int
    symbol: str
    headline: str


class ActionRecorded(_Wire, frozen=True, tag="Action"):
    """A student's action beside trading, on the record."""

    seq: int
    ts_ns: int
    account: str
    action: str
    subject: str
    value: str


class RoomClosed(_Wire, frozen=True, tag="RoomClosed"):
    """Nothing can happen in this room any more."""

    seq: int
    ts_ns: int
    cause: str


Fact = (
    RoomOpened
    | AccountOpened
    | OrderDenied
    | OrderAccepted
    | OrderRejected
    | OrderTriggered
    | Fill
    | OrderReplaced
    | OrderCanceled
    | OrderExpired
    | CancelRejected
    | ReplaceRejected
    | Marked
    | SessionChanged
    | NewsPublished
    | ActionRecorded
    | RoomClosed
)

_encoder = msgspec.msgpack.Encoder()
_inbound_decoder: msgspec.msgpack.Decoder[Inbound] = msgspec.msgpack.Decoder(Inbound)
_facts_decoder: msgspec.msgpack.Decoder[list[Fact]] = msgspec.msgpack.Decoder(list[Fact])


def encode_inbound(message: Inbound) -> bytes:
    """The wire form of one inbound message.

    Examples
    --------
    >>> decode_inbound(encode_inbound(CancelOrder(5, "ana", "c1")))
    CancelOrder(ts_ns=5, account='ana', client_order_id='c1')
    """
    return _encoder.encode(message)


def decode_inbound(data: bytes) -> Inbound:
    """Read one inbound message; raises ``msgspec.DecodeError`` on bytes that are none."""
    return _inbound_decoder.decode(data)


def encode_facts(facts: Sequence[Fact]) -> bytes:
    """The wire form of the facts that one inbound message produced."""
    return _encoder.encode(facts)


def decode_facts(data: bytes) -> list[Fact]:
    """Read the facts of one inbound message; raises ``msgspec.DecodeError`` on bytes that are none."""
    return _facts_decoder.decode(data)
