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
from vtrade.domain.actions import ActionKind, CorporateAction
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import Liquidity, OrderType, Reason, Side, TimeInForce
from vtrade.domain.rules import RoomRules

WIRE_VERSION: Final = 2


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
    """What an instructor does: ``action`` is halt, resume, news, fine, adjust or close.

    ``symbol`` empty means all. News with an ``account`` is private to it. A fine takes ``amount`` micro-units from the
    account, an adjustment gives them (or takes, where negative).
    """

    ts_ns: int
    action: str
    symbol: str = ""
    text: str = ""
    account: str = ""
    amount: int = 0


class OfferTender(_Wire, frozen=True, tag="tender"):
    """A house offers to trade a block with an account, off the book: ``side`` is what the account would do."""

    ts_ns: int
    tender: str
    account: str
    symbol: str
    side: Side
    quantity: int
    price: int
    expire_ns: int


class AnswerTender(_Wire, frozen=True, tag="answer"):
    """The account takes a tender, or leaves it."""

    ts_ns: int
    tender: str
    account: str
    accept: bool


class ConvertCash(_Wire, frozen=True, tag="fx"):
    """Change ``amount`` micro-units of one currency into another, at the room's rate and spread."""

    ts_ns: int
    account: str
    sell_currency: str
    buy_currency: str
    amount: int


class UserAction(_Wire, frozen=True, tag="act"):
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


class OrderTerms(msgspec.Struct, frozen=True, array_like=True):
    """What an order asks for beyond its type, prices and quantity: lots, ticks and nanoseconds; 0 where it does not."""

    post_only: bool = False
    reduce_only: bool = False
    display_quantity: int = 0
    trail: int = 0
    trail_ppm: int = 0
    expire_ns: int = 0
    oco: str = ""
    parent: str = ""


class OrderSubmitted(_Wire, frozen=True, tag="Submitted"):
    """The order passed our own checks and is on its way; it reaches the venue at ``due_ns``.

    Ticks and lots; touch as it was when the order was sent (0 where a side was empty).
    """

    seq: int
    ts_ns: int
    account: str
    client_order_id: str
    order_id: int
    symbol: str
    side: Side
    quantity: int
    due_ns: int
    type: OrderType = OrderType.MARKET
    limit_price: int | None = None
    stop_price: int | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    bid: int = 0
    ask: int = 0
    terms: OrderTerms | None = None


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
    terms: OrderTerms | None = None


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

    ``cause`` is what justified it: ``depth`` (took a visible level), ``hidden`` (hidden lots there), ``beyond`` (past
    the visible book, by the square-root law), ``auction``, ``queue`` (a print reached our place in the
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
    impact: int = 0
    """Ticks by which the room's own impact made this fill dearer than the level."""


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
    reason: Reason = Reason.NONE
    """Why the engine itself changed the order; ``NONE`` where its owner asked."""


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
    account: str = ""


class ActionRecorded(_Wire, frozen=True, tag="Action"):
    """A student's action beside trading, on the record."""

    seq: int
    ts_ns: int
    account: str
    action: str
    subject: str
    value: str


class CashMoved(_Wire, frozen=True, tag="Cash"):
    """Money of an account that moved without a fill: ``amount`` micro-units of ``currency``, positive is received.

    ``cause``: dividend, borrow_fee, margin_interest, fx, fine, adjustment, delisting, cash_in_lieu, tender.
    """

    seq: int
    ts_ns: int
    account: str
    currency: str
    amount: int
    cause: str
    symbol: str = ""
    detail: str = ""


class ActionApplied(_Wire, frozen=True, tag="Applied"):
    """A corporate action, or a currency's rate, holds from now on; fields as in `CorporateAction`."""

    seq: int
    ts_ns: int
    symbol: str
    kind: ActionKind
    numerator: int
    denominator: int
    amount: int
    new_symbol: str


class PositionAdjusted(_Wire, frozen=True, tag="Position"):
    """A corporate action or a tender changed a position: lots before and after; what it cost in all is unchanged."""

    seq: int
    ts_ns: int
    account: str
    symbol: str
    lots_before: int
    lots_after: int
    cause: str


class CashSettled(_Wire, frozen=True, tag="Settled"):
    """Proceeds of earlier sales are the account's to spend: micro-units of ``currency``."""

    seq: int
    ts_ns: int
    account: str
    currency: str
    amount: int


class MarginChanged(_Wire, frozen=True, tag="Margin"):
    """An account's margin is called, met or liquidated; equity and requirement in micro-units of its currency."""

    seq: int
    ts_ns: int
    account: str
    state: str
    equity: int
    required: int
    deadline_ns: int = 0


class AuctionHeld(_Wire, frozen=True, tag="Auction"):
    """A call auction crossed ``quantity`` lots at ``price`` ticks; ``surplus`` lots (signed: buys) found nobody."""

    seq: int
    ts_ns: int
    symbol: str
    price: int
    quantity: int
    surplus: int


class BandsMoved(_Wire, frozen=True, tag="Bands"):
    """No trade of the instrument may leave ``lower`` .. ``upper`` (ticks; 0 means no band)."""

    seq: int
    ts_ns: int
    symbol: str
    lower: int
    upper: int


class TenderOffered(_Wire, frozen=True, tag="Tender"):
    """A block offered to an account off the book: lots and ticks; open until ``expire_ns``."""

    seq: int
    ts_ns: int
    tender: str
    account: str
    symbol: str
    side: Side
    quantity: int
    price: int
    expire_ns: int


class TenderClosed(_Wire, frozen=True, tag="TenderEnd"):
    """A tender was taken, left, refused by a check or expired."""

    seq: int
    ts_ns: int
    tender: str
    account: str
    taken: bool
    detail: str


class RoomClosed(_Wire, frozen=True, tag="RoomClosed"):
    """Nothing can happen in this room any more."""

    seq: int
    ts_ns: int
    cause: str


Fact = (
    RoomOpened
    | AccountOpened
    | OrderDenied
    | OrderSubmitted
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
    | CashMoved
    | ActionApplied
    | PositionAdjusted
    | CashSettled
    | MarginChanged
    | AuctionHeld
    | BandsMoved
    | TenderOffered
    | TenderClosed
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
