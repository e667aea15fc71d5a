"""What can be done about a refusal, and what has to happen before a waiting order trades?

Rules: every reason of a refusal has its mend, in one sentence; what has to happen is told in the numbers of now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vtrade.domain.messages import OrderAccepted, OrderReplaced
from vtrade.domain.orders import OrderType, Reason
from vtrade.execution.blotter import Record
from vtrade.execution.explain import WAITS, price_text, units_text

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.domain.instruments import Instrument

MENDS: Final = {
    Reason.UNKNOWN_SYMBOL: "Choose one of the symbols in the market watch.",
    Reason.PRICE_OFF_TICK: "Round the price to the instrument's tick and send it again.",
    Reason.QUANTITY_OFF_LOT: "Round the quantity to whole lots and send it again.",
    Reason.QUANTITY_NOT_POSITIVE: "Ask for more than 0; to take the other side, press the other button.",
    Reason.QUANTITY_TOO_LARGE: "Send a smaller quantity, or several orders one after the other.",
    Reason.PRICE_MISSING: "Fill in the price that this type needs, or choose a market order.",
    Reason.PRICE_NOT_ALLOWED: "Leave that price out, or choose a type that uses it.",
    Reason.PRICE_OUT_OF_RANGE: "Look at the best bid and ask, and check the decimal point.",
    Reason.DUPLICATE_CLIENT_ORDER_ID: "Leave the name out, or choose another.",
    Reason.UNKNOWN_ACCOUNT: "Ask whoever runs the room to open the account.",
    Reason.INSUFFICIENT_BUYING_POWER: "Send fewer, or free money first: cancel a waiting order or close a position.",
    Reason.CONCENTRATION_LIMIT: "Send fewer of this instrument, or spread the money over others.",
    Reason.SHORT_NOT_ALLOWED: "Sell no more than you hold and have not offered already.",
    Reason.TOO_MANY_WORKING_ORDERS: "Cancel orders that you do not need any more, then send it again.",
    Reason.ROOM_CLOSED: "Nothing can be traded here any more; look at what happened.",
    Reason.INSTRUCTION_NOT_ALLOWED: "Leave the instruction out, or choose a type that it fits.",
    Reason.NOTHING_TO_REDUCE: "Leave reduce-only out, or send it on the side that makes the position smaller.",
    Reason.UNKNOWN_PARENT: "Name an order of yours that still works as its parent, or leave the parent out.",
    Reason.NO_LOCATE: "Sell fewer short; there are no more to borrow.",
    Reason.MARGIN_CALL: "Send orders that make positions smaller, until the margin is met.",
    Reason.SESSION_CLOSED: "Wait for the session to open, or send an order that may wait for it (GTC).",
    Reason.HALTED: "Wait until trading resumes.",
    Reason.NO_REFERENCE_PRICE: "Wait for the first quote or print, or give a limit price.",
    Reason.POST_ONLY_WOULD_TAKE: "Choose a price that does not cross the spread, or leave post-only out.",
    Reason.AUCTION_OVER: "Send a DAY order now, or wait for the next auction.",
    Reason.DELISTED: "Choose another instrument; this one is not traded any more.",
}
"""What to do about a refusal."""

MEND_OTHERWISE: Final = "Change what the reason names, and send it again."


def needs(desk: Desk, r: Record, waiting: Reason, ahead: int | None) -> str:
    """What has to happen before a waiting order trades."""
    i, k = r.instrument, desk._room.engine.index(r.symbol)
    if i is None or k is None:
        return ""
    other = "seller" if r.side > 0 else "buyer"
    match waiting:
        case Reason.WAITING_IN_QUEUE if ahead is not None:
            price = i.price_text(r.limit or 0)
            if not ahead:
                return f"It is first in the queue: the next {other} who comes to {price} trades with it."
            return (
                f"{i.quantity_text(ahead)} ahead of it at {price} must trade or be canceled first; "
                f"then the next {other} trades with it."
            )
        case Reason.WAITING_FOR_PRICE | Reason.WAITING_FOR_TRIGGER:
            return _way(desk, r, i, k, waiting)
        case _:
            words = WAITS.get(waiting, "")
            return f"{words[:1].upper()}{words[1:]}." if words else ""


def distance(desk: Desk, r: Record, waiting: Reason) -> dict[str, Any] | None:
    """How far the market is from an order that waits for a price: ``now``, ``goal``, ``start``, all in prices."""
    i, k = r.instrument, desk._room.engine.index(r.symbol)
    if i is None or k is None or waiting not in (Reason.WAITING_FOR_PRICE, Reason.WAITING_FOR_TRIGGER):
        return None
    now, goal, what = _gap(desk, r, k, waiting)
    if not now or not goal:
        return None
    start = i.price(r.arrival) / 2 if r.arrival else i.price(now)
    return {
        "what": what, "now": i.price(now), "goal": i.price(goal), "start": start, "decimals": i.price_decimals,
        "goal_word": "stop" if waiting == Reason.WAITING_FOR_TRIGGER else "limit",
    }  # fmt: skip


def _gap(desk: Desk, r: Record, k: int, waiting: Reason) -> tuple[int, int, str]:
    """Where the market is, where it has to come, and what of it that is."""
    engine = desk._room.engine
    if waiting == Reason.WAITING_FOR_TRIGGER:
        return engine.last(k), engine.stop_price(r.order_id) or r.stop or 0, "last price"
    bid, _, ask, _ = engine.touch(k)
    return (bid, r.limit or 0, "best bid") if r.side > 0 else (ask, r.limit or 0, "best ask")


def _way(desk: Desk, r: Record, i: Instrument, k: int, waiting: Reason) -> str:
    now, goal, what = _gap(desk, r, k, waiting)
    if not now or not goal:
        return f"{WAITS[waiting][:1].upper()}{WAITS[waiting][1:]}."
    gap = now - goal
    here, there, away = i.price_text(now), i.price_text(goal), i.price_text(abs(gap))
    if waiting == Reason.WAITING_FOR_TRIGGER:
        follows = ", which follows the market" if r.type == OrderType.TRAILING_STOP_MARKET else ""
        if not gap:
            return f"The {what} stands at its stop {there}{follows}; the next print there wakes it."
        return f"The {what} {here} has to {'fall' if gap > 0 else 'rise'} by {away} to its stop {there}{follows}."
    if gap * int(r.side) <= 0:
        return f"Its limit {there} is at or beyond the {what} {here}; the next order from the other side meets it."
    return f"The {what} {here} has to {'fall' if gap > 0 else 'rise'} by {away} to its limit {there}."


def entry_ahead(r: Record) -> int | None:
    """Lots ahead of an order when it came to its place in the queue."""
    found = None
    for fact in r.facts:
        match fact:
            case OrderAccepted() | OrderReplaced(kept_priority=False) if fact.queue_ahead >= 0 and fact.limit_price:
                found = fact.queue_ahead
            case _:
                pass
    return found


def at_text(r: Record) -> str:
    """Average price of what filled, with a digit or two more than the grid where it is off it."""
    if r.avg_px is None or r.instrument is None:
        return ""
    decimals = r.instrument.price_decimals
    exact = len({fill.last_px for fill in r.fills}) == 1
    return price_text(r.avg_px, decimals) if exact else f"{r.avg_px:,.{decimals + 2}f}"


def amount_text(r: Record, units: float) -> str:
    """``100 ACME``."""
    return f"{units_text(units)} {r.symbol}"
