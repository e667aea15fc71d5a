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
from vtrade.domain.actions import CorporateAction
from vtrade.domain.facts import (
    AccountOpened,
    ActionApplied,
    ActionRecorded,
    AuctionHeld,
    BandsMoved,
    CancelRejected,
    CashMoved,
    CashSettled,
    Fact,
    Fill,
    MarginChanged,
    Marked,
    NewsPublished,
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderRejected,
    OrderReplaced,
    OrderSubmitted,
    OrderTerms,
    OrderTriggered,
    PlayChanged,
    PositionAdjusted,
    ReplaceRejected,
    RoomClosed,
    RoomOpened,
    SessionChanged,
    TenderClosed,
    TenderOffered,
)
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.domain.rules import RoomRules
from vtrade.domain.wire import Wire

__all__ = [
    "WIRE_VERSION", "AccountOpened", "ActionApplied", "ActionRecorded", "AnswerTender", "AuctionHeld",
    "BandsMoved", "CancelOrder", "CancelRejected", "CashMoved", "CashSettled", "ConvertCash", "CorporateAction",
    "Fact", "Fill", "Inbound", "MarginChanged", "Marked", "MarketFrame", "NewsPublished", "OfferTender",
    "OpenAccount", "OpenRoom", "OrderAccepted", "OrderCanceled", "OrderDenied", "OrderExpired", "OrderRejected",
    "OrderReplaced", "OrderSubmitted", "OrderTerms", "OrderTriggered", "PlayChanged", "PositionAdjusted",
    "ReplaceOrder", "ReplaceRejected", "RoomClosed", "RoomCommand", "RoomOpened", "RoomRules", "SessionChanged",
    "SubmitOrder", "TenderClosed", "TenderOffered", "UserAction", "decode_facts", "decode_inbound",
    "encode_facts", "encode_inbound",
]  # fmt: skip

WIRE_VERSION: Final = 2


# --- inbound -----------------------------------------------------------------------------------------------------


class OpenRoom(Wire, frozen=True, tag="room"):
    """First message of every log: the instruments in the order in which market events number them."""

    ts_ns: int
    room: str
    instruments: tuple[Instrument, ...]
    rules: RoomRules = RoomRules()
    seed: int = 0
    tape: str = ""
    forked_from: str = ""
    wire_version: int = WIRE_VERSION


class OpenAccount(Wire, frozen=True, tag="acct"):
    """An account joins with ``cash`` micro-units of money."""

    ts_ns: int
    account: str
    cash: int
    currency: str = "USD"
    limits: RiskLimits = RiskLimits()


class MarketFrame(Wire, frozen=True, tag="mkt"):
    """A batch of market events: the bytes of ``EVENT`` rows; ``ts_ns`` is that of the last row."""

    ts_ns: int
    events: bytes


class SubmitOrder(Wire, frozen=True, tag="submit"):
    """An order as its owner wrote it: quantity and prices in micro-units, ``None`` where not given.

    Attributes
    ----------
    post_only : bool
        Rejected where it would trade at once.
    reduce_only : bool
        Never makes a position larger, nor turns it round.
    display_quantity : int or None
        An iceberg shows so much at a time.
    trail, trail_ppm : int or None
        A trailing stop follows the market at this distance: micro-units of price, or millionths of the price.
    expire_ns : int or None
        When a GTD order expires.
    oco : str
        Orders of an account with the same name here share their quantity: a fill of one lowers the others.
    parent : str
        ``client_order_id`` of the order whose fills bring this one to life; it then only reduces.
    """

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
    post_only: bool = False
    reduce_only: bool = False
    display_quantity: int | None = None
    trail: int | None = None
    trail_ppm: int | None = None
    expire_ns: int | None = None
    oco: str = ""
    parent: str = ""


class CancelOrder(Wire, frozen=True, tag="cancel"):
    """Take the order with this ``client_order_id`` out of the market."""

    ts_ns: int
    account: str
    client_order_id: str


class ReplaceOrder(Wire, frozen=True, tag="replace"):
    """Change quantity (total, not leaves) or prices, in micro-units; ``None`` keeps what is there."""

    ts_ns: int
    account: str
    client_order_id: str
    quantity: int | None = None
    limit_price: int | None = None
    stop_price: int | None = None


class RoomCommand(Wire, frozen=True, tag="cmd"):
    """What an instructor does: ``action`` is start, pause, speed, halt, resume, news, fine, adjust or close.

    ``symbol`` empty means all. News with an ``account`` is private to it. A fine takes ``amount`` micro-units from the
    account, an adjustment gives them (or takes, where negative). For start and speed ``amount`` is the speed in
    millionths of the market's own pace, 0 for as fast as it goes.
    """

    ts_ns: int
    action: str
    symbol: str = ""
    text: str = ""
    account: str = ""
    amount: int = 0


class OfferTender(Wire, frozen=True, tag="tender"):
    """A house offers to trade a block with an account, off the book: ``side`` is what the account would do."""

    ts_ns: int
    tender: str
    account: str
    symbol: str
    side: Side
    quantity: int
    price: int
    expire_ns: int


class AnswerTender(Wire, frozen=True, tag="answer"):
    """The account takes a tender, or leaves it."""

    ts_ns: int
    tender: str
    account: str
    accept: bool


class ConvertCash(Wire, frozen=True, tag="fx"):
    """Change ``amount`` micro-units of one currency into another, at the room's rate and spread."""

    ts_ns: int
    account: str
    sell_currency: str
    buy_currency: str
    amount: int


class UserAction(Wire, frozen=True, tag="act"):
    """What a student does beside trading: lesson_finished, quiz_answered, plan_written, review_written, ..."""

    ts_ns: int
    account: str
    action: str
    subject: str = ""
    value: str = ""


Inbound = (
    OpenRoom
    | OpenAccount
    | MarketFrame
    | SubmitOrder
    | CancelOrder
    | ReplaceOrder
    | RoomCommand
    | UserAction
    | CorporateAction
    | OfferTender
    | AnswerTender
    | ConvertCash
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
