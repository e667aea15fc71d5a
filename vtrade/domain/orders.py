"""What can an order be, and which events may happen to it in which state?

Rules: ``TRANSITIONS`` is the whole lifecycle; a terminal status has an empty row, so an illegal event is one failed
look-up and the order stays as it was. Words are those of FIX.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final

from vtrade.errors import VTradeError


class Side(IntEnum):
    """Direction of an order; the value is the sign of the position it builds."""

    BUY = 1
    SELL = -1


class OrderType(StrEnum):
    """How the price of an order is decided."""

    MARKET = "market"
    LIMIT = "limit"
    STOP_MARKET = "stop_market"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP_MARKET = "trailing_stop_market"


class TimeInForce(StrEnum):
    """How long an order lives."""

    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTD = "GTD"
    AT_THE_OPEN = "AT_THE_OPEN"
    AT_THE_CLOSE = "AT_THE_CLOSE"


class Liquidity(StrEnum):
    """Whether a fill took liquidity or provided it."""

    MAKER = "maker"
    TAKER = "taker"


class Status(StrEnum):
    """Where an order stands."""

    INITIALIZED = "INITIALIZED"
    DENIED = "DENIED"
    SUBMITTED = "SUBMITTED"
    REJECTED = "REJECTED"
    ACCEPTED = "ACCEPTED"
    TRIGGERED = "TRIGGERED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


class OrderEvent(StrEnum):
    """What can happen to an order."""

    SUBMIT = "SUBMIT"
    DENY = "DENY"
    REJECT = "REJECT"
    ACCEPT = "ACCEPT"
    TRIGGER = "TRIGGER"
    PARTIAL_FILL = "PARTIAL_FILL"
    FILL = "FILL"
    REPLACE = "REPLACE"
    CANCEL = "CANCEL"
    EXPIRE = "EXPIRE"


_S, _E = Status, OrderEvent

_WORKING: dict[OrderEvent, Status] = {
    _E.PARTIAL_FILL: _S.PARTIALLY_FILLED,
    _E.FILL: _S.FILLED,
    _E.CANCEL: _S.CANCELED,
    _E.EXPIRE: _S.EXPIRED,
}

TRANSITIONS: Final[dict[Status, dict[OrderEvent, Status]]] = {
    _S.INITIALIZED: {_E.DENY: _S.DENIED, _E.SUBMIT: _S.SUBMITTED},
    _S.SUBMITTED: {
        _E.REJECT: _S.REJECTED,
        _E.ACCEPT: _S.ACCEPTED,
        _E.REPLACE: _S.SUBMITTED,
        _E.CANCEL: _S.CANCELED,
        _E.EXPIRE: _S.EXPIRED,
    },
    _S.ACCEPTED: {**_WORKING, _E.TRIGGER: _S.TRIGGERED, _E.REPLACE: _S.ACCEPTED},
    _S.TRIGGERED: {**_WORKING, _E.REPLACE: _S.TRIGGERED},
    _S.PARTIALLY_FILLED: {**_WORKING, _E.REPLACE: _S.PARTIALLY_FILLED},
    _S.DENIED: {},
    _S.REJECTED: {},
    _S.FILLED: {},
    _S.CANCELED: {},
    _S.EXPIRED: {},
}
"""Status -> event -> next status. A replace that leaves nothing to fill is followed by FILL in the same step."""

TERMINAL: Final = frozenset(status for status, row in TRANSITIONS.items() if not row)
"""Statuses in which nothing can happen any more."""


class IllegalTransition(VTradeError):
    """An event that the order's status does not allow."""


def transition(status: Status, event: OrderEvent) -> Status:
    """Next status of an order.

    Raises
    ------
    IllegalTransition
        If the row of ``status`` has no such event; nothing has changed then.

    Examples
    --------
    >>> transition(Status.ACCEPTED, OrderEvent.FILL)
    <Status.FILLED: 'FILLED'>
    """
    try:
        return TRANSITIONS[status][event]
    except KeyError:
        allowed = ", ".join(TRANSITIONS[status]) or "nothing: it is final"
        raise IllegalTransition(f"an order that is {status} cannot {event}; allowed: {allowed}") from None


class Reason(StrEnum):
    """Why an order was denied, rejected, canceled, expired or is waiting. One home for the words shown to people."""

    # denied by our own checks
    UNKNOWN_SYMBOL = "UNKNOWN_SYMBOL"
    PRICE_OFF_TICK = "PRICE_OFF_TICK"
    QUANTITY_OFF_LOT = "QUANTITY_OFF_LOT"
    QUANTITY_NOT_POSITIVE = "QUANTITY_NOT_POSITIVE"
    QUANTITY_TOO_LARGE = "QUANTITY_TOO_LARGE"
    PRICE_MISSING = "PRICE_MISSING"
    PRICE_NOT_ALLOWED = "PRICE_NOT_ALLOWED"
    PRICE_OUT_OF_RANGE = "PRICE_OUT_OF_RANGE"
    DUPLICATE_CLIENT_ORDER_ID = "DUPLICATE_CLIENT_ORDER_ID"
    UNKNOWN_ACCOUNT = "UNKNOWN_ACCOUNT"
    INSUFFICIENT_BUYING_POWER = "INSUFFICIENT_BUYING_POWER"
    CONCENTRATION_LIMIT = "CONCENTRATION_LIMIT"
    SHORT_NOT_ALLOWED = "SHORT_NOT_ALLOWED"
    TOO_MANY_WORKING_ORDERS = "TOO_MANY_WORKING_ORDERS"
    ROOM_CLOSED = "ROOM_CLOSED"
    INSTRUCTION_NOT_ALLOWED = "INSTRUCTION_NOT_ALLOWED"
    NOTHING_TO_REDUCE = "NOTHING_TO_REDUCE"
    UNKNOWN_PARENT = "UNKNOWN_PARENT"
    NO_LOCATE = "NO_LOCATE"
    MARGIN_CALL = "MARGIN_CALL"
    # rejected by the venue
    SESSION_CLOSED = "SESSION_CLOSED"
    HALTED = "HALTED"
    NO_REFERENCE_PRICE = "NO_REFERENCE_PRICE"
    POST_ONLY_WOULD_TAKE = "POST_ONLY_WOULD_TAKE"
    AUCTION_OVER = "AUCTION_OVER"
    DELISTED = "DELISTED"
    # cancels and replaces that were refused
    UNKNOWN_ORDER = "UNKNOWN_ORDER"
    ORDER_CLOSED = "ORDER_CLOSED"
    NOTHING_TO_CHANGE = "NOTHING_TO_CHANGE"
    QUANTITY_BELOW_FILLED = "QUANTITY_BELOW_FILLED"
    # why an order ended without filling in full
    CANCELED_BY_USER = "CANCELED_BY_USER"
    IMMEDIATE_OR_CANCEL = "IMMEDIATE_OR_CANCEL"
    FILL_OR_KILL = "FILL_OR_KILL"
    SELF_TRADE = "SELF_TRADE"
    END_OF_DAY = "END_OF_DAY"
    GOOD_TILL_DATE = "GOOD_TILL_DATE"
    NO_AUCTION_FILL = "NO_AUCTION_FILL"
    ONE_CANCELS_OTHER = "ONE_CANCELS_OTHER"
    PARENT_ENDED = "PARENT_ENDED"
    PARENT_FILLED = "PARENT_FILLED"
    REDUCE_ONLY = "REDUCE_ONLY"
    BEYOND_THE_BOOK = "BEYOND_THE_BOOK"
    CORPORATE_ACTION = "CORPORATE_ACTION"
    # why an order waits
    WAITING_IN_QUEUE = "WAITING_IN_QUEUE"
    WAITING_FOR_PRICE = "WAITING_FOR_PRICE"
    WAITING_FOR_TRIGGER = "WAITING_FOR_TRIGGER"
    WAITING_FOR_DEPTH = "WAITING_FOR_DEPTH"
    WAITING_FOR_BAR = "WAITING_FOR_BAR"
    WAITING_FOR_OPEN = "WAITING_FOR_OPEN"
    WAITING_FOR_RESUME = "WAITING_FOR_RESUME"
    WAITING_FOR_AUCTION = "WAITING_FOR_AUCTION"
    WAITING_FOR_PARENT = "WAITING_FOR_PARENT"
    WAITING_IN_FLIGHT = "WAITING_IN_FLIGHT"
    NONE = ""
