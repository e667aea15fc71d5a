"""What does a ticket ask for? Its fields, read one by one, so that a wrong one is named.

Rules: a field that cannot be read is one sentence and the name of the field; then nothing is sent. Whether an order may
trade is decided by the engine alone. Numbers come as they were typed.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vtrade.desk import entry
from vtrade.desk.intents.fields import number, one_of, text
from vtrade.desk.preview import bracket_orders, exit_orders, free_name
from vtrade.domain.messages import ReplaceOrder, SubmitOrder
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.domain.values import to_micros
from vtrade.errors import DeskError, VTradeError

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk

NUMBER_MAX: Final = 40
"""Characters of a number."""
SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}
TYPES: Final = {str(t): t for t in OrderType}
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")


class WrongField(DeskError):
    """A field that cannot be read, or that does not go with the others."""

    def __init__(self, text: str, field: str) -> None:
        super().__init__(text)
        self.field = field


@contextlib.contextmanager
def at_fault(field: str) -> Iterator[None]:
    """What goes wrong in here is the fault of this field."""
    try:
        yield
    except WrongField:
        raise
    except VTradeError as error:
        raise WrongField(str(error), field) from None


def amount(intent: dict[str, Any], field: str, what: str) -> Any:
    """A number as it was typed, ``None`` for an empty field.

    Raises
    ------
    WrongField
        If it is none.

    Examples
    --------
    >>> amount({"quantity": " 100 "}, "quantity", "quantity")
    '100'
    >>> amount({"quantity": "1,000"}, "quantity", "quantity")
    Traceback (most recent call last):
        ...
    vtrade.desk.intents.asked.WrongField: quantity '1,000' has a comma in it; write 1000
    """
    with at_fault(field):
        value = number(intent.get(field), what)
        if isinstance(value, str):
            value = value.strip().replace("\N{MINUS SIGN}", "-")
            if len(value) > NUMBER_MAX:
                raise WrongField(f"{what} has {len(value)} characters; give a number such as 12.34", field)
            if "," in value:
                plain = value.replace(",", "" if _GROUPED.fullmatch(value) else ".")
                raise WrongField(f"{what} {value!r} has a comma in it; write {plain}", field)
        if value is None or value == "":
            return None
        to_micros(value, what=what)
    return value


class Asked(NamedTuple):
    """An order as :func:`vtrade.desk.entry.message` takes it."""

    side: Side
    symbol: str
    quantity: Any
    terms: dict[str, Any]

    def message(self, desk: Desk, name: str) -> SubmitOrder:
        """The order under this name."""
        return entry.message(desk, self.side, self.symbol, self.quantity, client_order_id=name, **self.terms)


def order_of(desk: Desk, intent: dict[str, Any]) -> Asked:
    """The order that a ticket asks for.

    Raises
    ------
    WrongField
        Naming the field that cannot be read.
    """
    quantity = amount(intent, "quantity", "quantity")
    if quantity is None:
        raise WrongField("the quantity is empty; give how many to trade", "quantity")
    with at_fault("symbol"):
        symbol = text(intent, "symbol")
    with at_fault("side"):
        side = one_of(intent, "side", "", SIDES)
    with at_fault("type"):
        type_ = one_of(intent, "type", "market", TYPES)
    terms: dict[str, Any] = {
        "limit": amount(intent, "limit_price", "limit price"), "stop": amount(intent, "stop_price", "stop price"),
        "trail": amount(intent, "trail", "trail"), "trail_bps": amount(intent, "trail_bps", "trail"),
        "display": amount(intent, "display", "display"), "type_": type_,
    }  # fmt: skip
    tif, good_till = intent.get("tif") or None, intent.get("good_till") or None
    with at_fault("tif"):
        terms["tif"] = None if tif is None else str(tif)
        entry.time_in_force(terms["tif"], good_till=good_till or "some time")
    with at_fault("good_till"):
        if good_till is None and str(tif).upper() == TimeInForce.GTD:
            raise WrongField("a GTD order ends at a time; give it, such as 15:30", "good_till")
        entry.time_in_force(terms["tif"], good_till=good_till)
        terms["good_till"] = good_till
        if good_till is not None:
            entry.expiry_ns(desk, good_till)
    for field in ("post_only", "reduce_only"):
        with at_fault(field):
            terms[field] = entry._flag(intent.get(field) or False, field)
    for field in ("oco", "parent"):
        with at_fault(field):
            terms[field] = intent.get(field) or None
            entry._name(terms[field], field)
    with at_fault("trail"):
        asked = Asked(side, symbol, quantity, terms)
        asked.message(desk, "checked")
    return asked


class Exits(NamedTuple):
    """Where a position is left, as typed."""

    take_profit: Any
    stop_loss: Any


def exits_of(intent: dict[str, Any]) -> Exits:
    """Both ways out; an empty one is named."""
    told = []
    for field, what in (("take_profit", "take profit"), ("stop_loss", "stop loss")):
        value = amount(intent, field, what)
        if value is None:
            raise WrongField(f"the {what} is empty; give the price at which to leave", field)
        told.append(value)
    return Exits(*told)


def right_sides(exits: Exits, side: int, doing: str) -> None:
    """Refuse ways out of a position on this side that would lose where they should win."""
    target, guard = (to_micros(price) for price in exits)
    if (target - guard) * side <= 0:
        above, below = ("take profit", "stop loss") if side > 0 else ("stop loss", "take profit")
        text = f"{doing} the {above} lies above the {below}; they are {exits.take_profit} and {exits.stop_loss}"
        raise WrongField(text, "take_profit")


def bracket_of(desk: Desk, intent: dict[str, Any]) -> tuple[Asked, Exits]:
    """An entry at market or at a limit, and its ways out, on the right sides of it."""
    asked, exits = order_of(desk, intent), exits_of(intent)
    if asked.terms["type_"] not in (OrderType.MARKET, OrderType.LIMIT):
        raise WrongField("a bracket is entered at market or at a limit; choose one of these types", "type")
    right_sides(exits, asked.side, "to buy," if asked.side > 0 else "to sell,")
    target, guard = (to_micros(price) for price in exits)
    limit = asked.terms["limit"]
    if limit is not None and not min(target, guard) < to_micros(limit) < max(target, guard):
        field = "stop_loss" if (to_micros(limit) - guard) * asked.side <= 0 else "take_profit"
        raise WrongField(f"the entry at {limit} does not lie between {exits[1]} and {exits[0]}; move one", field)
    return asked, exits


def messages_of(desk: Desk, intent: dict[str, Any]) -> list[SubmitOrder | ReplaceOrder]:
    """What a ticket would send: an order, an entry with two ways out, two ways out, or a change.

    Raises
    ------
    WrongField
        Naming the field that cannot be read.
    """
    if intent.get("id"):
        return [
            entry.change(
                desk, text(intent, "id"), amount(intent, "quantity", "quantity"),
                amount(intent, "limit_price", "limit price"), amount(intent, "stop_price", "stop price"),
            )
        ]  # fmt: skip
    name = free_name(desk)
    if intent.get("plan") == "bracket":
        asked, exits = bracket_of(desk, intent)
        with at_fault("take_profit"):
            return [
                *bracket_orders(
                    desk, asked.symbol, asked.quantity, limit=asked.terms["limit"], tif=asked.terms["tif"],
                    take_profit=exits.take_profit, stop_loss=exits.stop_loss, client_order_id=name,
                )
            ]  # fmt: skip
    if intent.get("plan") == "exits":
        with at_fault("symbol"):
            symbol = text(intent, "symbol")
        held = held_units(desk, symbol)
        quantity = amount(intent, "quantity", "quantity")
        if not held:
            raise WrongField(f"there is no position in {symbol} to leave", "symbol")
        exits = exits_of(intent)
        right_sides(exits, 1 if held > 0 else -1, f"you are {'long' if held > 0 else 'short'}, so")
        with at_fault("take_profit"):
            return [
                *exit_orders(
                    desk, Side.SELL if held > 0 else Side.BUY, symbol, abs(held) if quantity is None else quantity,
                    take_profit=exits.take_profit, stop_loss=exits.stop_loss, tif="GTC", name=name, reduce_only=True,
                )
            ]  # fmt: skip
    return [order_of(desk, intent).message(desk, name)]


def held_units(desk: Desk, symbol: str) -> float:
    """Units of the position in an instrument; below 0 for a short one."""
    return next((p.units for p in desk._room.portfolio.positions(desk.account) if p.symbol == symbol), 0.0)
