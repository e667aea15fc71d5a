"""Which part of an order is at fault when it is refused?

Rules: the reason says it, wherever it can; where a reason may be about several parts, the engine's own checks are asked
again without each of them. A part is named as the ticket names its fields; empty where no single part is at fault.
"""

from __future__ import annotations

from typing import Final

import msgspec

from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import ReplaceOrder, SubmitOrder
from vtrade.domain.orders import OrderType, Reason, TimeInForce
from vtrade.domain.values import on_grid
from vtrade.execution import risk

FIELDS: Final = (
    "symbol", "side", "type", "quantity", "limit_price", "stop_price", "trail", "tif", "good_till", "display",
    "post_only", "reduce_only", "oco", "parent", "client_order_id",
)  # fmt: skip
"""Parts of an order that can be at fault."""

_BY_REASON: Final = {
    Reason.UNKNOWN_SYMBOL: "symbol",
    Reason.DELISTED: "symbol",
    Reason.QUANTITY_OFF_LOT: "quantity",
    Reason.QUANTITY_NOT_POSITIVE: "quantity",
    Reason.QUANTITY_TOO_LARGE: "quantity",
    Reason.QUANTITY_BELOW_FILLED: "quantity",
    Reason.INSUFFICIENT_BUYING_POWER: "quantity",
    Reason.CONCENTRATION_LIMIT: "quantity",
    Reason.SHORT_NOT_ALLOWED: "quantity",
    Reason.NO_LOCATE: "quantity",
    Reason.FILL_OR_KILL: "quantity",
    Reason.NOTHING_TO_REDUCE: "reduce_only",
    Reason.MARGIN_CALL: "side",
    Reason.NO_REFERENCE_PRICE: "type",
    Reason.SESSION_CLOSED: "tif",
    Reason.HALTED: "tif",
    Reason.AUCTION_OVER: "tif",
    Reason.POST_ONLY_WOULD_TAKE: "limit_price",
    Reason.SELF_TRADE: "limit_price",
    Reason.UNKNOWN_PARENT: "parent",
    Reason.DUPLICATE_CLIENT_ORDER_ID: "client_order_id",
}
_LIMITED: Final = (OrderType.LIMIT, OrderType.STOP_LIMIT)
_PLAIN: Final = {
    "display": {"display_quantity": None},
    "post_only": {"post_only": False},
    "good_till": {"time_in_force": TimeInForce.DAY, "expire_ns": None},
    "trail": {"trail": None, "trail_ppm": None},
    "parent": {"parent": ""},
    "tif": {"time_in_force": TimeInForce.DAY, "expire_ns": None},
}
"""An order without this part, as changes of it."""


def field_of(
    order: SubmitOrder | ReplaceOrder,
    reason: Reason,
    *,
    instrument: Instrument | None,
    reference: int = 0,
    now: int = 0,
) -> str:
    """The part of an order that a refusal is about.

    Parameters
    ----------
    order : SubmitOrder or ReplaceOrder
        As it was sent.
    reason : Reason
        Why it was refused.
    instrument : Instrument or None
        ``None`` where the symbol is unknown.
    reference : int
        The market in ticks, 0 for none.
    now : int
        Nanoseconds on the room's clock.

    Returns
    -------
    str
        One of :data:`FIELDS`; empty where no single part is at fault.

    Examples
    --------
    >>> from vtrade.domain.orders import Side
    >>> order = SubmitOrder(0, "ana", "a", "ACME", Side.BUY, OrderType.LIMIT, 5_000_000, 10_005_000)
    >>> field_of(order, Reason.PRICE_OFF_TICK, instrument=Instrument.make("ACME"))
    'limit_price'
    """
    if reason in _BY_REASON:
        field = _BY_REASON[reason]
        shows = isinstance(order, SubmitOrder) and order.display_quantity is not None
        if reason == Reason.QUANTITY_OFF_LOT and shows and instrument is not None:
            return "quantity" if not on_grid(order.quantity or 0, instrument.lot_size) else "display"
        return field
    if instrument is None:
        return ""
    if reason in (Reason.PRICE_OFF_TICK, Reason.PRICE_OUT_OF_RANGE, Reason.PRICE_NOT_ALLOWED, Reason.PRICE_MISSING):
        return _price_at_fault(order, reason, instrument, reference)
    if reason == Reason.INSTRUCTION_NOT_ALLOWED and isinstance(order, SubmitOrder):
        for field, without in _PLAIN.items():
            if field == "good_till" and order.time_in_force != TimeInForce.GTD and order.expire_ns is None:
                continue
            if field == "trail" and order.type == OrderType.TRAILING_STOP_MARKET:
                return field
            if risk.asks_refusal(msgspec.structs.replace(order, **without), instrument, now) is None:  # type: ignore[arg-type]
                return field
    return ""


def _price_at_fault(order: SubmitOrder | ReplaceOrder, reason: Reason, instrument: Instrument, reference: int) -> str:
    prices = {"limit_price": order.limit_price, "stop_price": order.stop_price}
    if reason == Reason.PRICE_MISSING and isinstance(order, SubmitOrder):
        if order.type == OrderType.TRAILING_STOP_MARKET:
            return "trail"
        return "limit_price" if order.type in _LIMITED and order.limit_price is None else "stop_price"
    if reason == Reason.PRICE_NOT_ALLOWED:
        takes_limit = isinstance(order, ReplaceOrder) or order.type in _LIMITED
        return "limit_price" if order.limit_price is not None and not takes_limit else "stop_price"
    tick = instrument.tick_size
    for field, price in prices.items():
        if price is None:
            continue
        if reason == Reason.PRICE_OFF_TICK and (price <= 0 or not on_grid(price, tick)):
            return field
        if reason == Reason.PRICE_OUT_OF_RANGE and risk.range_refusal(instrument, (price // tick,), reference):
            return field
    if reason == Reason.PRICE_OUT_OF_RANGE:
        return "limit_price" if order.limit_price is not None else "stop_price"
    return "trail"
