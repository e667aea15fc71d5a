"""How is each fact about an order told in words?

Rules: one home for the words of reasons, waits and causes; a sentence repeats its fact and adds nothing. Where a
refusal names its numbers (``detail``), they are told; else the reason's own words are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vtrade.domain.actions import ActionKind
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import (
    ActionApplied,
    AuctionHeld,
    BandsMoved,
    CancelRejected,
    Fill,
    MarginChanged,
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderRejected,
    OrderReplaced,
    OrderSubmitted,
    OrderTerms,
    OrderTriggered,
    ReplaceRejected,
    SessionChanged,
)  # fmt: skip
from vtrade.domain.orders import OrderType, Reason, Status
from vtrade.domain.values import NS_PER_S, format_micros, plain_micros
from vtrade.execution.blotter import Record
from vtrade.execution.explain_costs import dearer

Clock = Callable[[int], str]
"""Turns nanoseconds into text."""

WAITS: Final = {
    Reason.WAITING_IN_QUEUE: "it waits at its price for somebody to trade with",
    Reason.WAITING_FOR_PRICE: "its price is behind the best one; the market has to come to it",
    Reason.WAITING_FOR_TRIGGER: "its stop price has not been reached",
    Reason.WAITING_FOR_DEPTH: "the visible book is used up; it takes what comes next",
    Reason.WAITING_FOR_BAR: "this market shows bars only; it meets the next bar",
    Reason.WAITING_FOR_OPEN: "the session is closed; it waits for the next open",
    Reason.WAITING_FOR_RESUME: "trading is halted; it waits for the market to resume",
    Reason.WAITING_FOR_AUCTION: "it takes part in the next call auction and in nothing else",
    Reason.WAITING_FOR_PARENT: "it comes to life with the first fill of its parent order",
    Reason.WAITING_IN_FLIGHT: "it is on its way to the venue; nobody there has seen it yet",
}
"""Why an order waits."""

REASONS: Final = {
    Reason.UNKNOWN_SYMBOL: "nothing of that name trades here",
    Reason.PRICE_OFF_TICK: "its price lies between two ticks",
    Reason.QUANTITY_OFF_LOT: "its quantity is no whole number of lots",
    Reason.QUANTITY_NOT_POSITIVE: "its quantity is not above 0",
    Reason.QUANTITY_TOO_LARGE: "its quantity or value is above the account's limit for one order",
    Reason.PRICE_MISSING: "its type needs a price that was not given",
    Reason.PRICE_NOT_ALLOWED: "it names a price that its type has no use for, or that cannot change any more",
    Reason.PRICE_OUT_OF_RANGE: "its price is too far from the market",
    Reason.DUPLICATE_CLIENT_ORDER_ID: "the account has used that name for an order before",
    Reason.UNKNOWN_ACCOUNT: "the account is not open here",
    Reason.INSUFFICIENT_BUYING_POWER: "the account cannot pay for it",
    Reason.CONCENTRATION_LIMIT: "it would put too much of the account into one instrument",
    Reason.SHORT_NOT_ALLOWED: "the account may not sell what it does not hold",
    Reason.TOO_MANY_WORKING_ORDERS: "the account has as many orders in the market as it may",
    Reason.ROOM_CLOSED: "the room is closed",
    Reason.INSTRUCTION_NOT_ALLOWED: "its instructions do not go together, or this room has no use for them",
    Reason.NOTHING_TO_REDUCE: "it may only reduce a position, and there is none to reduce",
    Reason.UNKNOWN_PARENT: "its parent is no working order of the account",
    Reason.NO_LOCATE: "there are not enough lots to borrow for a short sale",
    Reason.MARGIN_CALL: "the account's margin is called: until that is met it may only reduce what it holds",
    Reason.SESSION_CLOSED: "the session is closed",
    Reason.HALTED: "trading is halted",
    Reason.NO_REFERENCE_PRICE: "there is no price yet to measure it by",
    Reason.POST_ONLY_WOULD_TAKE: "it may only provide liquidity, and at its price it would have traded at once",
    Reason.AUCTION_OVER: "the auction it was meant for has been held",
    Reason.DELISTED: "the instrument is not traded any more",
    Reason.UNKNOWN_ORDER: "the account has no such order",
    Reason.ORDER_CLOSED: "the order is final already",
    Reason.NOTHING_TO_CHANGE: "the order has these terms already",
    Reason.QUANTITY_BELOW_FILLED: "more than that is filled already",
    Reason.CANCELED_BY_USER: "its owner asked for it",
    Reason.IMMEDIATE_OR_CANCEL: "what cannot trade at once goes",
    Reason.FILL_OR_KILL: "it could not fill in full at once",
    Reason.SELF_TRADE: "it would have traded with another order of its own account",
    Reason.END_OF_DAY: "the day it was good for is over",
    Reason.GOOD_TILL_DATE: "its own date and time came",
    Reason.NO_AUCTION_FILL: "the auction did not fill it",
    Reason.ONE_CANCELS_OTHER: "another order of its group filled",
    Reason.PARENT_ENDED: "its parent order ended without a fill that it could protect",
    Reason.PARENT_FILLED: "its parent order filled, which brings it to life",
    Reason.REDUCE_ONLY: "the position that it may reduce has shrunk",
    Reason.BEYOND_THE_BOOK: "the visible book is used up, and this room cancels what is left",
    Reason.CORPORATE_ACTION: "a corporate action changed the instrument",
}
"""Why an order was refused, changed or ended."""

CAUSES: Final = {
    "depth": "{shown} were shown at {level}",
    "hidden": "hidden lots stood behind the {shown} shown at {level}",
    "beyond": "past the visible book of {shown}, which ended at {level}, by the square-root law",
    "auction": "the auction crossed {shown} at {level}",
    "queue": "a print of {shown} at {level} got through the queue to it",
    "through": "a print of {shown} at {level} went beyond its price",
    "cross": "the other side came to its price with {shown} at {level}",
    "peer": "met order #{contra} of another participant",
    "bar_open": "at the bar's open {level}, within the {shown} this bar may fill",
    "bar_range": "the bar's price passed it on the way to {level}, within the {shown} this bar may fill",
    "bar_close": "at the bar's close {level}, within the {shown} this bar may fill",
}
"""What justified a fill."""

_SESSIONS: Final = {
    "OPEN": "the session opened",
    "CLOSED": "the session closed",
    "HALTED": "trading was halted",
    "AUCTION": "a call auction began",
}
_EXPIRED: Final = {
    Reason.END_OF_DAY: "expired at the end of the day",
    Reason.GOOD_TILL_DATE: "expired at the time it was good till",
    Reason.NO_AUCTION_FILL: "expired: the auction did not fill it",
}


# --- numbers ---------------------------------------------------------------------------------------------------------


def units_text(units: float) -> str:
    """A quantity in whole units, with all its digits.

    Examples
    --------
    >>> units_text(1_234_567.0), units_text(12_345.67)
    ('1,234,567', '12,345.67')
    """
    return f"{units:,.6f}".rstrip("0").rstrip(".")


def price_text(price: float, decimals: int) -> str:
    """A price with the decimals of its grid, and with all its own where it is off the grid.

    Examples
    --------
    >>> price_text(182.5, 2), price_text(182.005, 2)
    ('182.50', '182.005')
    """
    text = f"{price:,.{decimals}f}"
    return text if float(text.replace(",", "")) == price else units_text(price)


def span_text(ns: int) -> str:
    """A span of time in the unit that fits it.

    Examples
    --------
    >>> span_text(2_000_000), span_text(350_000), span_text(12_500_000_000), span_text(5_400 * 10**9)
    ('2 ms', '350 µs', '12.5 s', '1.5 h')
    """
    for unit, size in (("h", 3_600 * NS_PER_S), ("min", 60 * NS_PER_S), ("s", NS_PER_S), ("ms", 10**6), ("µs", 10**3)):
        if ns >= size:
            return f"{ns / size:.4g} {unit}"
    return f"{ns} ns"


# --- an order --------------------------------------------------------------------------------------------------------


def describe(record: Record) -> str:
    """An order in a few words: ``#3 buy 100 ACME limit 182.43``."""
    name = f"#{record.order_id}" if record.order_id else record.client_order_id
    words = f"{name} {record.side.name.lower()} {units_text(record.quantity_units)} {record.symbol}"
    decimals = record.instrument.price_decimals if record.instrument else 2

    def text(price: float | None) -> str:
        return "" if price is None else price_text(price, decimals)

    match record.type:
        case OrderType.LIMIT:
            return f"{words} limit {text(record.limit_price)}"
        case OrderType.STOP_MARKET:
            return f"{words} stop {text(record.stop_price)}"
        case OrderType.STOP_LIMIT:
            return f"{words} stop {text(record.stop_price)} limit {text(record.limit_price)}"
        case OrderType.TRAILING_STOP_MARKET:
            return f"{words} trailing stop{_trail(record.terms, record.instrument)}"
        case OrderType.MARKET:
            return f"{words} at market"
        case _:
            return words


def _trail(terms: OrderTerms, i: Instrument | None) -> str:
    if terms.trail_ppm:
        return f" {plain_micros(terms.trail_ppm * 100)} % behind"
    return f" {i.price_text(terms.trail)} behind" if terms.trail and i else ""


def reason_text(record: Record, waiting: Reason = Reason.NONE) -> str:
    """Why an order ended or waits, in one line for a table; ``waiting`` is why it waits now, where that is known."""
    if record.status in (Status.FILLED,):
        return ""
    if record.reason:
        return f"{record.reason}: {record.detail}" if record.detail else str(record.reason)
    return WAITS.get(waiting or record.waiting, "")


def _because(reason: Reason, detail: str) -> str:
    words = detail or REASONS.get(reason, "")
    return f"{reason}: {words}" if words else str(reason)


def terms_text(terms: OrderTerms, i: Instrument, show_time: Clock) -> str:
    """What an order asks for beyond type, prices and quantity.

    Examples
    --------
    >>> terms_text(OrderTerms(post_only=True, display_quantity=100), Instrument.make("ACME"), str)
    'post-only: it may only provide; shows 100 at a time'
    """
    said = []
    if terms.post_only:
        said.append("post-only: it may only provide")
    if terms.reduce_only:
        said.append("reduce-only: it may only make a position smaller")
    if terms.display_quantity:
        said.append(f"shows {i.quantity_text(terms.display_quantity)} at a time")
    if terms.expire_ns:
        said.append(f"good till {show_time(terms.expire_ns)}")
    if terms.oco:
        said.append(f"shares its quantity with the orders of group {terms.oco!r}: a fill of one lowers the others")
    if terms.parent:
        said.append(f"child of order {terms.parent!r}")
    return "; ".join(said)


# --- facts -----------------------------------------------------------------------------------------------------------


def line(fact: object, instrument: Instrument | None, show_time: Clock = str) -> str:
    """One fact as a sentence; empty where it says nothing about an order."""
    match fact:
        case OrderDenied():
            return f"denied by our own check, {_because(fact.reason, fact.detail)}"
        case OrderRejected():
            return f"rejected by the venue, {_because(fact.reason, fact.detail)}"
        case CancelRejected():
            return f"a cancel was refused, {_because(fact.reason, fact.detail)}"
        case ReplaceRejected():
            return f"a replace was refused, {_because(fact.reason, fact.detail)}"
        case OrderExpired():
            return _EXPIRED.get(fact.reason, f"expired, {_because(fact.reason, '')}")
        case OrderCanceled():
            return f"canceled, {_because(fact.reason, fact.detail)}"
        case OrderSubmitted():
            way = f", {span_text(fact.due_ns - fact.ts_ns)} away" if fact.due_ns > fact.ts_ns else ""
            return f"sent: it passed our own checks and reaches the venue at {show_time(fact.due_ns)}{way}"
        case SessionChanged():
            words = _SESSIONS.get(fact.status, f"the session is {fact.status}")
            return f"{words}: {fact.cause}" if fact.cause else words
        case MarginChanged():
            equity, required = format_micros(fact.equity), format_micros(fact.required)
            return f"the account's margin was {fact.state}: equity {equity}, required {required}"
        case ActionApplied():
            return _action_line(fact)
        case _:
            return _venue_line(fact, instrument, show_time) if instrument is not None else ""


def _action_line(fact: ActionApplied) -> str:
    match fact.kind:
        case ActionKind.SPLIT:
            return f"a split of {fact.symbol}: {fact.numerator} for {fact.denominator}"
        case ActionKind.RENAME:
            return f"{fact.symbol} is called {fact.new_symbol} from now on"
        case ActionKind.DIVIDEND:
            return f"{fact.symbol} paid a dividend of {plain_micros(fact.amount)} a unit"
        case ActionKind.DELISTING:
            return f"{fact.symbol} was delisted"
        case _:
            return ""


def _venue_line(fact: object, i: Instrument, show_time: Clock) -> str:
    match fact:
        case OrderAccepted():
            return _accepted_line(fact, i, show_time)
        case OrderTriggered():
            return f"triggered: {i.price_text(fact.trigger_price)} reached the stop {i.price_text(fact.stop_price)}"
        case OrderReplaced():
            return _replaced_line(fact, i)
        case AuctionHeld():
            side = "buy" if fact.surplus > 0 else "sell"
            left = f"; {i.quantity_text(abs(fact.surplus))} more to {side} found nobody" if fact.surplus else ""
            if not fact.quantity:
                return f"an auction was held and nothing crossed{left}"
            return f"an auction crossed {i.quantity_text(fact.quantity)} at {i.price_text(fact.price)}{left}"
        case Fill():
            return _fill_line(fact, i)
        case _:
            return ""


def _accepted_line(fact: OrderAccepted, i: Instrument, show_time: Clock) -> str:
    def side(price: int, size: int) -> str:
        return f"{i.price_text(price)} x {i.quantity_text(size)}" if price else "nobody"

    text = f"accepted; bid {side(fact.bid, fact.bid_size)}, ask {side(fact.ask, fact.ask_size)}"
    if fact.waiting == Reason.WAITING_FOR_BAR:
        text = "accepted"
    elif fact.queue_ahead > 0:
        text += f"; {i.quantity_text(fact.queue_ahead)} ahead in the queue"
    elif fact.queue_ahead == 0:
        text += "; first in the queue at its price"
    terms = terms_text(fact.terms, i, show_time) if fact.terms else ""
    return "; ".join(filter(None, (text, WAITS.get(fact.waiting, ""), terms)))


def _replaced_line(fact: OrderReplaced, i: Instrument) -> str:
    asked = not fact.reason
    text = "replaced" if asked else f"changed by the venue, {_because(fact.reason, '')}"
    text += f": quantity {i.quantity_text(fact.quantity)}" if asked else f"; quantity {i.quantity_text(fact.quantity)}"
    text += f", limit {i.price_text(fact.limit_price)}" if fact.limit_price else ""
    text += f", stop {i.price_text(fact.stop_price)}" if fact.stop_price else ""
    if not asked and not fact.leaves_quantity:
        return f"{text}; nothing is left"
    if fact.queue_ahead < 0 and not asked:
        return text
    return f"{text}; {'kept its place' if fact.kept_priority else 'went to the back of the queue'}"


def _fill_line(fact: Fill, i: Instrument) -> str:
    cause = fact.cause if fact.cause != "beyond" or fact.evidence_px else ""
    words = CAUSES.get(cause, "past the visible book, by the square-root law")
    if fact.cause == "peer" and not fact.contra_order_id:
        words = "met an agent of this room"
    why = words.format(
        shown=i.quantity_text(fact.evidence_qty), level=i.price_text(fact.evidence_px), contra=fact.contra_order_id
    )
    extra = dearer(fact)
    if extra:
        what = "further out" if fact.cause == "beyond" else "dearer by the room's own impact"
        why += f", {i.price_text(extra)} {what}"
    rest = f", {i.quantity_text(fact.leaves_quantity)} left" if fact.leaves_quantity else ""
    fee = "rebate " if fact.fee < 0 else "fee "
    return (
        f"filled {i.quantity_text(fact.last_qty)} at {i.price_text(fact.last_px)} as {fact.liquidity}: {why}; "
        f"{fee}{format_micros(abs(fact.fee))} {i.currency}{rest}"
    )


def bands_text(record: Record, bands: BandsMoved) -> str:
    """What price bands mean for a working order; empty where there are none."""
    i = record.instrument
    if i is None or not (bands.lower or bands.upper):
        return ""
    low = i.price_text(bands.lower) if bands.lower else "0"
    text = f"no trade may leave the price bands {low} .. {i.price_text(bands.upper) if bands.upper else 'any price'}"
    limit = record.limit
    if limit and ((bands.upper and limit > bands.upper) or limit < bands.lower):
        text += f"; its limit {i.price_text(limit)} is outside"
    return text
