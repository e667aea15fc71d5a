"""How does a ticket send orders?

Rules: nothing is half done: a bracket whose exits would be refused is not entered. Every refusal names the field that
caused it. An order that was sent before under the same name is not sent again, and its story is told instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from vtrade.desk import entry
from vtrade.desk.intents import asked
from vtrade.desk.intents.orders import told
from vtrade.desk.intents.replies import Reply, ok, refused
from vtrade.desk.preview import Preview, foreseen
from vtrade.domain.messages import ReplaceOrder, SubmitOrder
from vtrade.domain.orders import Side, Status
from vtrade.execution.faults import field_of

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk

_OF_BOTH: Final = ("quantity", "reduce_only", "symbol")
"""Faults that are not those of one exit's price."""
_EXIT_FIELDS: Final = {"-take-profit": "take_profit", "-stop-loss": "stop_loss"}


def submit(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Send an order."""
    try:
        order = asked.order_of(desk, intent)
    except asked.WrongField as error:
        return refused(str(error), field=error.field)
    name = intent.get("client_order_id") or None
    again = sent_before(desk, name)
    if again is not None:
        return again
    sent = desk._submit(order.side, order.symbol, order.quantity, client_order_id=name, **order.terms)
    return sent_reply(desk, order.message(desk, sent.client_order_id))


def bracket(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Enter a position together with its two ways out, all or nothing."""
    try:
        order, exits = asked.bracket_of(desk, intent)
        wrong = first_refused(desk, {**intent, "plan": "bracket"})
    except asked.WrongField as error:
        return refused(str(error), field=error.field)
    name = intent.get("client_order_id") or None
    again = sent_before(desk, name)
    if again is not None:
        return again
    if wrong is not None:
        return wrong
    sent = entry.bracket(
        desk, order.symbol, order.quantity, limit=order.terms["limit"], take_profit=exits.take_profit,
        stop_loss=exits.stop_loss, tif=order.terms["tif"], client_order_id=name,
    )  # fmt: skip
    for one in sent:
        reply = told(desk, one.client_order_id)
        if reply["kind"] == "error":
            return reply
    story = repr(sent.entry).removeprefix("Order ")
    return ok(f"{story}; out at {exits.take_profit} or {exits.stop_loss}", data={"id": sent.entry.client_order_id})


def exits(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Two ways out of a position that is open; what one of them fills the other loses."""
    try:
        ways = asked.exits_of(intent)
        wrong = first_refused(desk, {**intent, "plan": "exits"})
    except asked.WrongField as error:
        return refused(str(error), field=error.field)
    if wrong is not None:
        return wrong
    symbol = str(intent["symbol"])
    quantity = asked.amount(intent, "quantity", "quantity")
    sent = entry.oco(
        desk, symbol, quantity, take_profit=ways.take_profit, stop_loss=ways.stop_loss, tif="GTC"
    )  # fmt: skip
    for one in sent:
        reply = told(desk, one.client_order_id)
        if reply["kind"] == "error":
            return reply
    return ok(f"{symbol} is left at {ways.take_profit} or {ways.stop_loss}, whichever comes first")


# --- refusals --------------------------------------------------------------------------------------------------------


def sent_before(desk: Desk, name: Any) -> Reply | None:
    """What became of the order that was sent under this name, where there is one."""
    if not isinstance(name, str) or name not in entry._known(desk):
        return None
    record = desk._room.blotter.find(desk.account, name)
    story = (
        repr(desk.order(name)).removeprefix("Order ") if record is not None else "what became of it is not known yet"
    )
    text = f"client_order_id {name!r} was used before, nothing was sent twice: {story}"
    return refused(text, field="client_order_id", data={"sent": record is not None})


def sent_reply(desk: Desk, order: SubmitOrder) -> Reply:
    """How an order stands that was just sent; where it was refused, the field at fault."""
    reply = told(desk, order.client_order_id)
    record = desk._record(order.client_order_id)
    if record.status not in (Status.DENIED, Status.REJECTED):
        reply["data"] = {"id": order.client_order_id}
        return reply
    field = field_of(
        order, record.reason, instrument=record.instrument, reference=reference(desk, order), now=desk._room.now_ns
    )
    return refused(reply["text"], field=field, data={"detail": sentence(record.detail or reply["text"])})


def reference(desk: Desk, order: SubmitOrder) -> int:
    """The market in ticks that an order is measured by; 0 where there is none."""
    engine = desk._room.engine
    k = engine.index(order.symbol)
    if k is None:
        return 0
    bid, _, ask, _ = engine.touch(k)
    return (ask if order.side == Side.BUY else bid) or engine.last(k)


def field_at_fault(order: SubmitOrder | ReplaceOrder, preview: Preview) -> str:
    """The field of the ticket that a refused order is about: of an exit, that exit's price."""
    for ending, field in _EXIT_FIELDS.items():
        if order.client_order_id.endswith(ending):
            return "quantity" if preview.field in _OF_BOTH else field
    return preview.field


def first_refused(desk: Desk, intent: dict[str, Any]) -> Reply | None:
    """Why the first of several orders would be refused, before any of them is sent."""
    messages = asked.messages_of(desk, intent)
    return refusal_of(messages, foreseen(desk, messages))


def refusal_of(messages: Sequence[SubmitOrder | ReplaceOrder], previews: Sequence[Preview]) -> Reply | None:
    """The refusal of the first order that would be refused."""
    for message, preview in zip(messages, previews, strict=True):
        if preview.refused:
            text = sentence(preview.detail)
            return refused(text, field=field_at_fault(message, preview), data={"detail": text})
    return None


def sentence(words: str) -> str:
    """Words as a sentence of their own.

    Examples
    --------
    >>> sentence("the room is closed")
    'The room is closed.'
    """
    words = words.strip()
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith('.') else '.'}" if words else ""
