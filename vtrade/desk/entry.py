"""What does a person's order mean as a message, and how are orders that belong together sent?

Rules: words and numbers are read here and nowhere else; what cannot be read is one error that names it and the mend,
and then nothing was sent. Whether an order may trade is decided by the engine, which answers with a fact. Orders that
belong together are sent while the market stands still.
"""

from __future__ import annotations

import datetime as dt
import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from vtrade.desk import checks
from vtrade.desk.order import cells_of, in_short
from vtrade.desk.sections.words import parse_moment
from vtrade.domain.display import Table, called, html
from vtrade.domain.messages import ReplaceOrder, SubmitOrder
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.domain.values import Number, to_micros
from vtrade.errors import DeskError, ValueOffGrid
from vtrade.services.orderflags import ppm_of_bps

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.desk.order import Order

GoodTill = str | float | dt.datetime | dt.timedelta
"""A moment (``"15:30"``, a datetime), or so many simulated seconds from now."""

_TYPES: Final = {
    (False, False): OrderType.MARKET, (True, False): OrderType.LIMIT,
    (False, True): OrderType.STOP_MARKET, (True, True): OrderType.STOP_LIMIT,
}  # fmt: skip
"""Type of an order by whether it has a limit, and a stop."""


class Bracket(NamedTuple):
    """An entry and the two ways out; a fill of one way out lowers the other."""

    entry: Order
    take_profit: Order
    stop_loss: Order

    def __repr__(self) -> str:
        return called("Bracket", *_short(self))

    def _repr_html_(self) -> str:
        return _page("Bracket", self)


class Exits(NamedTuple):
    """Two ways out of a position; a fill of one lowers the other."""

    take_profit: Order
    stop_loss: Order

    def __repr__(self) -> str:
        return called("Exits", *_short(self))

    def _repr_html_(self) -> str:
        return _page("Exits", self)


def _short(orders: Bracket | Exits) -> list[str]:
    """Each order in a few words."""
    return [f"{name.replace('_', ' ')} {in_short(order)}" for name, order in zip(orders._fields, orders, strict=True)]


def _page(title: str, orders: Bracket | Exits) -> str:
    rows = [
        (name.replace("_", " "), *cells_of(order).values()) for name, order in zip(orders._fields, orders, strict=True)
    ]
    heads = ("", *(name.capitalize() for name in cells_of(orders[0])))
    return html([Table(heads, rows, title, frozenset((0, 1, 5, 6)))])


def message(
    desk: Desk, side: Side, symbol: str, quantity: Number, *, client_order_id: str, limit: Number | None = None,
    stop: Number | None = None, trail: Number | None = None, trail_bps: Number | None = None, tif: str | None = None,
    good_till: GoodTill | None = None, post_only: bool = False, reduce_only: bool = False,
    display: Number | None = None, oco: str | None = None, parent: Order | str | None = None,
    type_: OrderType | None = None,
) -> SubmitOrder:  # fmt: skip
    """An order as its owner wrote it, as a message."""
    if type_ is None:
        trails = trail is not None or trail_bps is not None
        type_ = OrderType.TRAILING_STOP_MARKET if trails else _TYPES[limit is not None, stop is not None]
    if trail is not None and trail_bps is not None:
        raise ValueOffGrid("trail is a distance in money, trail_bps one in basis points: give one of them")
    return SubmitOrder(
        desk._room.now_ns, desk.account, client_order_id, str(symbol), side, type_,
        to_micros(quantity, what="quantity"), _micros(limit, "limit price"), _micros(stop, "stop price"),
        time_in_force(tif, good_till=good_till), post_only=_flag(post_only, "post_only"),
        reduce_only=_flag(reduce_only, "reduce_only"), display_quantity=_micros(display, "display"),
        trail=_micros(trail, "trail"), trail_ppm=None if trail_bps is None else ppm_of_bps(trail_bps),
        expire_ns=None if good_till is None else expiry_ns(desk, good_till), oco=_name(oco, "oco"),
        parent=_name(parent, "parent"),
    )  # fmt: skip


def change(
    desk: Desk, client_order_id: str, quantity: Number | None, limit: Number | None, stop: Number | None
) -> ReplaceOrder:
    """New terms for an order, as a message; ``None`` keeps what is there."""
    return ReplaceOrder(
        desk._room.now_ns, desk.account, client_order_id, _micros(quantity, "quantity"), _micros(limit, "limit price"),
        _micros(stop, "stop price"),
    )  # fmt: skip


def time_in_force(tif: str | None, *, good_till: GoodTill | None = None) -> TimeInForce:
    """How long an order lives: what was said, ``GTD`` with an end, else ``DAY``.

    Examples
    --------
    >>> time_in_force("gtc"), time_in_force(None, good_till=60.0)
    (<TimeInForce.GTC: 'GTC'>, <TimeInForce.GTD: 'GTD'>)
    """
    if tif is None:
        return TimeInForce.DAY if good_till is None else TimeInForce.GTD
    try:
        found = TimeInForce(str(tif).upper())
    except ValueError:
        raise ValueOffGrid(f"time in force {tif!r} is unknown; choose one of {', '.join(TimeInForce)}") from None
    if found == TimeInForce.GTD and good_till is None:
        raise ValueOffGrid('time in force GTD needs an end; give good_till, such as good_till="15:30", or seconds')
    return found


def one_of(tif: str | None, long: str | None) -> str | None:
    """The time in force under either of its names."""
    if tif is not None and long is not None and str(tif).upper() != str(long).upper():
        raise ValueOffGrid(f"tif {tif!r} and time_in_force {long!r} are two names of one thing; give one of them")
    return tif if long is None else long


def expiry_ns(desk: Desk, good_till: GoodTill) -> int:
    """The moment on the desk's clock at which an order ends."""
    if isinstance(good_till, dt.datetime):
        tape = desk._room.head
        if good_till.tzinfo is not None:
            good_till = good_till.astimezone(ZoneInfo(tape.timezone if tape else "UTC")).replace(tzinfo=None)
        return parse_moment(desk, good_till.isoformat(sep=" "))
    if isinstance(good_till, str):
        return parse_moment(desk, good_till)
    if isinstance(good_till, dt.timedelta):
        good_till = good_till.total_seconds()
    if isinstance(good_till, numbers.Real) and not isinstance(good_till, bool):
        return desk._room.now_ns + checks.span_ns(float(good_till))
    raise ValueOffGrid(f'good_till {good_till!r} is no time; give "15:30", a datetime, or seconds from now')


def _micros(value: Number | None, what: str) -> int | None:
    return None if value is None else to_micros(value, what=what)


def _flag(value: object, what: str) -> bool:
    if value is True or value is False or type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    raise ValueOffGrid(f"{what} {value!r} is not True or False")


def _name(value: Order | str | None, what: str) -> str:
    name = getattr(value, "client_order_id", value)
    if name is None:
        return ""
    if not isinstance(name, str) or not name.strip():
        raise ValueOffGrid(f"{what} {value!r} is no name; give text such as 'exits'")
    return name


# --- sending ---------------------------------------------------------------------------------------------------------


def submit(
    desk: Desk, side: Side, symbol: str, quantity: Number, *, client_order_id: str | None = None, **asked: Any
) -> Order:
    """Send an order; it is durable when this returns."""
    if not isinstance(client_order_id, str | None):
        raise ValueOffGrid(f"client_order_id {client_order_id!r} is not text; put it in quotes or leave it out")
    with desk._room.together():
        name = str(client_order_id or _free(desk))
        order = message(desk, side, symbol, quantity, client_order_id=name, **asked)
        _check_free(desk, name)
        desk._room.submit([order])
    return desk._order(name)


def _known(desk: Desk) -> Mapping[str, object]:
    return desk._room.engine.accounts[desk.account].ids


def _free(desk: Desk) -> str:
    while True:
        desk._ids += 1
        if f"o{desk._ids}" not in _known(desk):
            return f"o{desk._ids}"


def _check_free(desk: Desk, name: str) -> None:
    if name in _known(desk):
        raise DeskError(f"client_order_id {name!r} was used before on this desk; leave it out or choose another")


def bracket(
    desk: Desk, symbol: str, quantity: Number, *, limit: Number | None, take_profit: Number, stop_loss: Number,
    tif: str | None, client_order_id: str | None,
) -> Bracket:  # fmt: skip
    """Send an entry, and two exits that come to life with its fills."""
    side = _side_of(take_profit, stop_loss)
    target, guard = (to_micros(p, what=w) for p, w in ((take_profit, "take_profit"), (stop_loss, "stop_loss")))
    if limit is not None and not min(target, guard) < to_micros(limit, what="limit price") < max(target, guard):
        raise ValueOffGrid(
            f"the entry at {limit} does not lie between stop_loss {stop_loss} and take_profit {take_profit}; move one"
        )
    with desk._room.together():
        entry = submit(desk, side, symbol, quantity, limit=limit, tif=tif, client_order_id=client_order_id)
        exits = _exits(
            desk, Side(-side), symbol, quantity, take_profit, stop_loss, name=entry.client_order_id, tif="GTC",
            parent=entry.client_order_id,
        )  # fmt: skip
    return Bracket(entry, *exits)


def oco(
    desk: Desk, symbol: str, quantity: Number | None, *, take_profit: Number, stop_loss: Number, tif: str | None
) -> Exits:
    """Send two exits from a position of which the first to fill lowers the other."""
    with desk._room.together():
        held = {p.symbol: p.units for p in desk._room.portfolio.positions(desk.account)}
        units = held.get(symbol, 0.0)
        if not units:
            raise DeskError(f"there is no position in {symbol!r} to leave; desk.bracket(...) enters one with its exits")
        side = Side.SELL if units > 0 else Side.BUY
        if _side_of(take_profit, stop_loss) == side:
            above, below = ("take_profit", "stop_loss") if units > 0 else ("stop_loss", "take_profit")
            raise ValueOffGrid(
                f"you are {'long' if units > 0 else 'short'} {symbol}, so {above} must lie above {below}; "
                f"they are {take_profit} and {stop_loss}"
            )
        name = _free(desk)
        quantity = abs(units) if quantity is None else quantity
        return _exits(desk, side, symbol, quantity, take_profit, stop_loss, name=name, tif=tif, reduce_only=True)


def _side_of(take_profit: Number, stop_loss: Number) -> Side:
    """The side that profits when the price goes from the stop to the target."""
    target, guard = to_micros(take_profit, what="take_profit"), to_micros(stop_loss, what="stop_loss")
    if target == guard:
        raise ValueOffGrid(f"take_profit and stop_loss are both {take_profit}; to buy, take_profit is the higher one")
    return Side.BUY if target > guard else Side.SELL


def _exits(
    desk: Desk, side: Side, symbol: str, quantity: Number, take_profit: Number, stop_loss: Number, *, name: str,
    tif: str | None, parent: str | None = None, reduce_only: bool = False,
) -> Exits:  # fmt: skip
    names = f"{name}-take-profit", f"{name}-stop-loss"
    for one in names:
        _check_free(desk, one)
    common: dict[str, Any] = {
        "tif": tif, "oco": f"{name}-exits", "parent": parent, "reduce_only": reduce_only
    }  # fmt: skip
    desk._room.submit(
        [
            message(desk, side, symbol, quantity, client_order_id=names[0], limit=take_profit, **common),
            message(desk, side, symbol, quantity, client_order_id=names[1], stop=stop_loss, **common),
        ]
    )
    return Exits(desk._order(names[0]), desk._order(names[1]))


def close(desk: Desk, symbol: str | None) -> list[Order]:
    """Close positions at market; working orders on that side are canceled first."""
    orders = []
    with desk._room.together():
        held = desk._room.portfolio.positions(desk.account)
        if symbol is not None and symbol not in desk.symbols:
            raise DeskError(f"{symbol!r} is not traded here; known: {', '.join(desk.symbols)}")
        for position in held:
            if symbol not in (None, position.symbol):
                continue
            side = Side.SELL if position.units > 0 else Side.BUY
            for record in desk._room.blotter.of(desk.account):
                if record.working and record.symbol == position.symbol and record.side == side:
                    desk.cancel(record.client_order_id)
            orders.append(submit(desk, side, position.symbol, abs(position.units)))
    return orders
