"""Which facts come out of a room?

Rules: facts carry the venue's grid: ticks and lots, money in micro-units; what a decision used that is not in the log
stands in the fact. Fields may be appended with a default, never moved or removed. ``seq`` counts the room's facts,
``ts_ns`` is on the clock of its messages.
"""

from __future__ import annotations

import msgspec

from vtrade.domain.actions import ActionKind
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import Liquidity, OrderType, Reason, Side, TimeInForce
from vtrade.domain.wire import Wire


class RoomOpened(Wire, frozen=True, tag="Room"):
    """The room exists; projections learn the instruments here."""

    seq: int
    ts_ns: int
    room: str
    instruments: tuple[Instrument, ...]
    tape: str = ""
    forked_from: str = ""


class AccountOpened(Wire, frozen=True, tag="Acct"):
    """The account exists and holds ``cash`` micro-units."""

    seq: int
    ts_ns: int
    account: str
    cash: int
    currency: str


class OrderDenied(Wire, frozen=True, tag="Denied"):
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


class OrderSubmitted(Wire, frozen=True, tag="Submitted"):
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


class OrderAccepted(Wire, frozen=True, tag="Accepted"):
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


class OrderRejected(Wire, frozen=True, tag="Rejected"):
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


class OrderTriggered(Wire, frozen=True, tag="Triggered"):
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


class Fill(Wire, frozen=True, tag="Fill"):
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


class OrderReplaced(Wire, frozen=True, tag="Replaced"):
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


class OrderCanceled(Wire, frozen=True, tag="Canceled"):
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


class OrderExpired(Wire, frozen=True, tag="Expired"):
    """The order's time in force ended it."""

    seq: int
    ts_ns: int
    account: str
    client_order_id: str
    order_id: int
    symbol: str
    leaves_quantity: int
    reason: Reason


class CancelRejected(Wire, frozen=True, tag="CancelRej"):
    """The cancel found nothing to cancel."""

    seq: int
    ts_ns: int
    account: str
    client_order_id: str
    reason: Reason
    detail: str


class ReplaceRejected(Wire, frozen=True, tag="ReplaceRej"):
    """The replace was refused; the order stands as it was."""

    seq: int
    ts_ns: int
    account: str
    client_order_id: str
    reason: Reason
    detail: str


class Marked(Wire, frozen=True, tag="Marked"):
    """Marks that changed: pairs of instrument index and price in ticks (last print, else the mid)."""

    seq: int
    ts_ns: int
    marks: tuple[tuple[int, int], ...]


class SessionChanged(Wire, frozen=True, tag="Session"):
    """An instrument's session is now ``OPEN``, ``CLOSED`` or ``HALTED``."""

    seq: int
    ts_ns: int
    symbol: str
    status: str
    cause: str = ""


class PlayChanged(Wire, frozen=True, tag="Play"):
    """The market of a shared room was told to move, to stand still, or how fast to go.

    ``speed`` is in millionths of the market's own pace; 0 is as fast as it goes. It is kept through a pause.
    """

    seq: int
    ts_ns: int
    action: str
    speed: int


class NewsPublished(Wire, frozen=True, tag="News"):
    """A headline or an announcement to the room."""

    seq: int
    ts_ns: int
    symbol: str
    headline: str
    account: str = ""


class ActionRecorded(Wire, frozen=True, tag="Action"):
    """A student's action beside trading, on the record."""

    seq: int
    ts_ns: int
    account: str
    action: str
    subject: str
    value: str


class CashMoved(Wire, frozen=True, tag="Cash"):
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


class ActionApplied(Wire, frozen=True, tag="Applied"):
    """A corporate action, or a currency's rate, holds from now on; fields as in `CorporateAction`."""

    seq: int
    ts_ns: int
    symbol: str
    kind: ActionKind
    numerator: int
    denominator: int
    amount: int
    new_symbol: str


class PositionAdjusted(Wire, frozen=True, tag="Position"):
    """A corporate action or a tender changed a position: lots before and after; what it cost in all is unchanged."""

    seq: int
    ts_ns: int
    account: str
    symbol: str
    lots_before: int
    lots_after: int
    cause: str


class CashSettled(Wire, frozen=True, tag="Settled"):
    """Proceeds of earlier sales are the account's to spend: micro-units of ``currency``."""

    seq: int
    ts_ns: int
    account: str
    currency: str
    amount: int


class MarginChanged(Wire, frozen=True, tag="Margin"):
    """An account's margin is called, met or liquidated; equity and requirement in micro-units of its currency."""

    seq: int
    ts_ns: int
    account: str
    state: str
    equity: int
    required: int
    deadline_ns: int = 0


class AuctionHeld(Wire, frozen=True, tag="Auction"):
    """A call auction crossed ``quantity`` lots at ``price`` ticks; ``surplus`` lots (signed: buys) found nobody."""

    seq: int
    ts_ns: int
    symbol: str
    price: int
    quantity: int
    surplus: int


class BandsMoved(Wire, frozen=True, tag="Bands"):
    """No trade of the instrument may leave ``lower`` .. ``upper`` (ticks; 0 means no band)."""

    seq: int
    ts_ns: int
    symbol: str
    lower: int
    upper: int


class TenderOffered(Wire, frozen=True, tag="Tender"):
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


class TenderClosed(Wire, frozen=True, tag="TenderEnd"):
    """A tender was taken, left, refused by a check or expired."""

    seq: int
    ts_ns: int
    tender: str
    account: str
    taken: bool
    detail: str


class RoomClosed(Wire, frozen=True, tag="RoomClosed"):
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
    | PlayChanged
    | RoomClosed
)
