"""What does a ticket show before it sends, and how many is a part of what one can pay for?

Rules: looking sends nothing and changes nothing. A field that cannot be read, and an order that would be refused, are
part of the picture and not errors: whoever types is not interrupted. All texts are ready to be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vtrade.desk.intents import asked
from vtrade.desk.intents.fields import real
from vtrade.desk.intents.replies import Reply, ok, refused
from vtrade.desk.intents.ticket import refusal_of, sentence
from vtrade.desk.preview import Preview, foreseen, free_name
from vtrade.domain.messages import ReplaceOrder, SubmitOrder
from vtrade.domain.values import to_micros
from vtrade.execution.explain_words import units_text
from vtrade.execution.preview import head, headline, notes, rows, walk_cells

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk

LEVELS_SHOWN: Final = 12
"""Rows of the walk that a ticket shows; those between are one row."""


def preview(desk: Desk, intent: dict[str, Any]) -> Reply:
    """What the ticket would send, tried."""
    if not intent.get("id") and str(intent.get("quantity") or "").strip() == "" and intent.get("plan") != "exits":
        return ok("", data={"empty": True, "text": "Give a quantity to see what the order would do."})
    try:
        messages = asked.messages_of(desk, intent)
    except asked.WrongField as error:
        text = sentence(str(error))
        return ok(text, data={"refused": True, "unread": True, "text": text, "field": error.field})
    previews = foreseen(desk, messages)
    first = previews[0]
    no = refusal_of(messages, previews)
    told: dict[str, Any] = {"refused": no is not None, "text": headline(first), "confirm": _confirm(previews, intent)}
    if intent.get("plan") == "exits" and no is None:
        held = f"{units_text(first.quantity)} {first.symbol}"
        told["text"] = f"{held} are left at one of two prices, whichever comes first; the other order goes then."
    if no is not None:
        told |= {"text": no["text"], "field": no.get("field", "")}
    if not first.refused:
        told |= {
            "rows": [[row.name, row.value] for row in rows(first)], "levels": _levels(first), "notes": notes(first),
            "exits": _exits(messages, previews),
        }  # fmt: skip
        if first.status == "CANCELED" and not first.filled:
            told |= {"refused": True, "field": first.field}
    return ok(told["text"], data=told)


def _levels(p: Preview) -> list[dict[str, Any]]:
    """The walk as rows of text, with what share of the largest is shown and taken."""
    steps = list(p.levels)
    if len(steps) > LEVELS_SHOWN:
        steps = [*steps[: LEVELS_SHOWN - 3], None, *steps[-2:]]  # type: ignore[list-item]
    largest = max((max(step.size, step.take) for step in p.levels), default=1.0)
    told: list[dict[str, Any]] = []
    for step in steps:
        if step is None:
            hidden = len(p.levels) - LEVELS_SHOWN + 1
            told.append({"more": f"{hidden} more prices"})
            continue
        price, size, take, cumulative = walk_cells(p, step)
        told.append(
            {"price": price, "size": size, "take": take, "cumulative": cumulative, "beyond": step.beyond,
             "shown": round(step.size / largest, 4), "taken": round(step.take / largest, 4)}
        )  # fmt: skip
    return told


def _exits(messages: Sequence[SubmitOrder | ReplaceOrder], previews: Sequence[Preview]) -> list[dict[str, str]]:
    """How far the ways out are from the way in, in money and percent."""
    told = []
    first = previews[0]
    start = first.avg_px or first.rest_price or first.mid
    for message, p in zip(messages, previews, strict=True):
        for ending, field in (("-take-profit", "take_profit"), ("-stop-loss", "stop_loss")):
            price = p.limit_price if field == "take_profit" else p.stop_price
            if message.client_order_id.endswith(ending) and price is not None and start:
                away = price - (start if len(previews) > 2 or p.mid is None else p.mid)
                base = price - away
                gain = away * p.quantity * (1 if p.side == "sell" else -1)
                text = f"{away:+,.{p.decimals}f} ({away / base:+.2%}), {gain:+,.2f} {p.currency}"
                told.append({"field": field, "text": text})
    return told


def _confirm(previews: Sequence[Preview], intent: dict[str, Any]) -> str:
    """The question before sending."""
    p = previews[0]
    if p.change:
        return f"Change to {head(p)}?"
    out = f", out at {intent.get('take_profit')} or {intent.get('stop_loss')}" if len(previews) > 1 else ""
    price = p.avg_px or p.rest_price
    worth = f" About {price * (p.filled or p.leaves):,.2f} {p.currency}." if price and (p.filled or p.leaves) else ""
    if intent.get("plan") == "exits":
        return f"Leave {units_text(p.quantity)} {p.symbol} at {intent.get('take_profit')} or {intent.get('stop_loss')}?"
    words = head(p)
    return f"{words[:1].upper()}{words[1:]}{out}?{worth}"


# --- how many --------------------------------------------------------------------------------------------------------


def size(desk: Desk, intent: dict[str, Any]) -> Reply:
    """How many units a share of the buying power is; for an order that closes a position, a share of that."""
    try:
        share = real(intent.get("share"), "share")
        if not 0 < share <= 1:
            raise asked.WrongField(f"share {share:g} is not above 0 and up to 1 (all of it)", "quantity")
        order = asked.order_of(desk, {**intent, "quantity": intent.get("quantity") or 1})
    except asked.WrongField as error:
        return refused(str(error), field=error.field)
    lot = next((i.lot_size for i in desk.instruments if i.symbol == order.symbol), 0)
    if not lot:
        return refused(f"{order.symbol!r} is not traded here; known: {', '.join(desk.symbols)}", field="symbol")
    held = asked.held_units(desk, order.symbol)
    closes = held * order.side < 0
    [p] = foreseen(desk, [_plain(order.message(desk, free_name(desk)), lot)], most=True)
    most = p.most
    assert most is not None
    whole = abs(held) if closes else most.by_power
    wanted = to_micros(round(whole * share, 6)) // lot * lot
    room = to_micros(round(most.quantity, 6))
    quantity = min(wanted, room)
    of = (
        f"{share:.0%} of your {units_text(abs(held))} {order.symbol}" if closes else f"{share:.0%} of your buying power"
    )
    if quantity <= 0:
        why = most.detail if room <= 0 else f"{of} is less than one lot"
        return refused(sentence(why), field=p.field or "quantity")
    text = f"{units_text(quantity / 1e6)} is {of}" if quantity == wanted else (
        f"{units_text(quantity / 1e6)} is the most, less than {of}: {most.detail}"
    )  # fmt: skip
    return ok(text, data={"quantity": quantity / 1e6, "capped": quantity < wanted})


def _plain(order: SubmitOrder, lot: int) -> SubmitOrder:
    """The order for one lot, without what depends on its size."""
    return msgspec.structs.replace(order, quantity=lot, display_quantity=None)
