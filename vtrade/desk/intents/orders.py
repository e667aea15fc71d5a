"""How does a panel change orders that are there?

Rules: a refusal names the field that caused it, so that its words can stand beside that field. What concerns many
orders is done while the market stands still, and is told in one sentence with its counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vtrade.desk.intents.fields import number, text
from vtrade.desk.intents.replies import Reply, ok, refused
from vtrade.domain.messages import CancelOrder, CancelRejected, ReplaceRejected
from vtrade.domain.orders import Reason, Side, Status
from vtrade.domain.values import to_micros
from vtrade.errors import DeskError, ValueOffGrid

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.execution.blotter import Record

FIELDS: Final = {"quantity": "quantity", "limit_price": "limit price", "stop_price": "stop price"}
"""What a replace may change, by the name of the field, and how it is called."""

_ABOUT_QUANTITY: Final = frozenset({
    Reason.QUANTITY_OFF_LOT, Reason.QUANTITY_NOT_POSITIVE, Reason.QUANTITY_TOO_LARGE, Reason.QUANTITY_BELOW_FILLED,
    Reason.INSUFFICIENT_BUYING_POWER, Reason.CONCENTRATION_LIMIT, Reason.SHORT_NOT_ALLOWED, Reason.NO_LOCATE,
    Reason.NOTHING_TO_REDUCE, Reason.MARGIN_CALL,
})  # fmt: skip
_ABOUT_PRICE: Final = frozenset({
    Reason.PRICE_OFF_TICK, Reason.PRICE_MISSING, Reason.PRICE_NOT_ALLOWED, Reason.PRICE_OUT_OF_RANGE,
    Reason.POST_ONLY_WOULD_TAKE,
})  # fmt: skip


def cancel(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Take an order out of the market."""
    order = desk.order(text(intent, "id"))
    facts = len(desk._record(order.client_order_id).facts)
    desk.cancel(order)
    return told(desk, order.client_order_id, after=facts)


def replace(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Give an order other terms."""
    order = desk.order(text(intent, "id"))
    terms = {}
    for field, name in FIELDS.items():
        try:
            terms[field] = number(intent.get(field), name)
            if terms[field] is not None:
                to_micros(terms[field], what=name)
        except (DeskError, ValueOffGrid) as error:
            return refused(str(error), field=field)
    facts = len(desk._record(order.client_order_id).facts)
    desk.replace(order, quantity=terms["quantity"], limit=terms["limit_price"], stop=terms["stop_price"])
    record = desk._record(order.client_order_id)
    last = record.facts[-1]
    if len(record.facts) > facts and isinstance(last, ReplaceRejected):
        return refused(last.detail, field=_field(record, last.reason, terms))
    return told(desk, order.client_order_id, after=facts)


def _field(record: Record, reason: Reason, terms: dict[str, Any]) -> str:
    """The field that a refusal is about; empty where it is about none."""
    if reason in _ABOUT_QUANTITY:
        return "quantity" if terms["quantity"] is not None else _price_field(record, terms)
    return _price_field(record, terms) if reason in _ABOUT_PRICE else ""


def _price_field(record: Record, terms: dict[str, Any]) -> str:
    """Of the prices that were given, the one that is off the grid; else the first."""
    given = [field for field in ("limit_price", "stop_price") if terms[field] is not None]
    i = record.instrument
    off = [field for field in given if i is not None and to_micros(terms[field], what=field) % i.tick_size]
    return (off or given or [""])[0]


def close(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Close the position in a symbol, or all."""
    orders = desk.close(intent.get("symbol"))
    return ok(f"{len(orders)} closing order(s) sent") if orders else refused("there is no position to close")


def cancel_all(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Take every working order out of the market; those of a ``symbol`` or a ``side`` only, where one is named."""
    symbol, side = intent.get("symbol") or "", intent.get("side") or ""
    if symbol and symbol not in desk.symbols:
        return refused(f"{symbol!r} is not traded here; known: {', '.join(desk.symbols)}")
    if side not in ("", "buy", "sell"):
        return refused(f"side {side!r} is unknown; choose one of buy, sell")
    with desk._room.together():
        names = [
            r.client_order_id for r in _working(desk)
            if symbol in ("", r.symbol) and (not side or r.side == Side[side.upper()])
        ]  # fmt: skip
        if not names:
            return refused("there is no working order to cancel")
        _send_cancels(desk, names)
    return _canceled(desk, names)


def flatten(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Leave the market: every working order is canceled, then every position is closed."""
    with desk._room.together():
        names = [r.client_order_id for r in _working(desk)]
        _send_cancels(desk, names)
        orders = desk.close()
    parts = [_canceled(desk, names)["text"]] if names else []
    refusals = [f"{o.symbol}: {o.reason}" for o in orders if o.status in (Status.DENIED, Status.REJECTED)]
    if orders:
        parts.append(f"{_count(len(orders), 'closing order')} sent")
    if refusals:
        return refused("; ".join([*parts, f"refused: {refusals[0]}"]))
    return ok("; ".join(parts)) if parts else refused("there is no working order and no position: you are flat")


def _working(desk: Desk) -> list[Record]:
    return [r for r in desk._room.blotter.of(desk.account) if r.working]


def _send_cancels(desk: Desk, names: list[str]) -> None:
    now = desk._room.now_ns
    desk._room.submit([CancelOrder(now, desk.account, name) for name in names])


def _canceled(desk: Desk, names: list[str]) -> Reply:
    """What became of many cancels."""
    records = [desk._record(name) for name in names]
    refusals = [r.facts[-1] for r in records if r.working and isinstance(r.facts[-1], CancelRejected)]
    flying = sum(1 for r in records if r.working) - len(refusals)
    gone = len(names) - flying - len(refusals)
    words = [f"{_count(gone, 'order')} canceled"] if gone else []
    words += [f"{_count(flying, 'cancel')} on the way to the venue"] if flying else []
    if refusals:
        return refused("; ".join([*words, f"{_count(len(refusals), 'cancel')} refused: {refusals[0].detail}"]))
    return ok("; ".join(words))


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def explained(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Somebody read the explanation of an order: that goes on the record, as ``order.explain()`` does."""
    record = desk._record(desk.order(text(intent, "id")).client_order_id)
    if not desk.closed:
        desk.record("explanation_read", subject=record.client_order_id)
    return ok("")


def told(desk: Desk, client_order_id: str, *, after: int = 0) -> Reply:
    """How an order stands, for the message line; a refusal that was told before ``after`` facts is an old one."""
    record = desk._record(client_order_id)
    story = repr(desk.order(client_order_id)).removeprefix("Order ")
    if record.working and desk.ended and record.waiting == Reason.WAITING_FOR_OPEN:
        story += ". The tape has ended, so no open will come: rewind to trade on"
    if desk._room.on_its_way(desk.account, client_order_id):
        story += ". A change is on its way to the venue"
    last = record.facts[-1]
    if len(record.facts) > after and isinstance(last, CancelRejected | ReplaceRejected):
        return refused(last.detail)
    return refused(story) if record.status in (Status.DENIED, Status.REJECTED) else ok(story)
