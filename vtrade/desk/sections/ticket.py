"""What may an order be here? Types, times in force, what each of them needs, steps, and what the account may do.

Rules: which instructions go together is asked of the engine's own checks, combination by combination, and remembered:
it is the same for every desk. What depends on the moment (money, session) is looked up each time.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from vtrade.desk.sections.words import has_account
from vtrade.domain.accounts import NO_LIMITS
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import SubmitOrder
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.domain.values import MICRO, NS_PER_S, from_micros
from vtrade.execution.explain_words import span_text
from vtrade.execution.risk import asks_refusal, grid_refusal

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.desk.sections.look import Look

TYPE_NAMES: Final = {
    OrderType.MARKET: ("Market", "trades at once at the best prices there are"),
    OrderType.LIMIT: ("Limit", "never trades at a worse price than its limit"),
    OrderType.STOP_MARKET: ("Stop", "sleeps until the market trades at its stop, then trades at market"),
    OrderType.STOP_LIMIT: ("Stop limit", "sleeps until the market trades at its stop, then becomes a limit order"),
    OrderType.TRAILING_STOP_MARKET: ("Trailing", "a stop that follows the market at a distance, and never goes back"),
}
"""What a type is called, and what it does."""
TIF_NAMES: Final = {
    TimeInForce.DAY: ("Day", "until the close"),
    TimeInForce.GTC: ("Till canceled", "until you cancel it"),
    TimeInForce.IOC: ("At once", "what cannot trade at once is canceled"),
    TimeInForce.FOK: ("All at once", "fills in full at once, or not at all"),
    TimeInForce.GTD: ("Till a time", "until a time of the market's clock"),
    TimeInForce.AT_THE_OPEN: ("Opening auction", "takes part in the opening auction only"),
    TimeInForce.AT_THE_CLOSE: ("Closing auction", "takes part in the closing auction only"),
}
FLAGS: Final[dict[str, dict[str, Any]]] = {
    "post_only": {"post_only": True},
    "display": {"display_quantity": MICRO},
    "reduce_only": {"reduce_only": True},
}
"""Instructions, and what they say in an order."""


def ticket(desk: Desk, look: Look) -> dict[str, Any]:
    """What the ticket has fields for, and by which steps and limits; it changes with the instrument only."""
    i = desk.instruments[look.index(desk)]
    trades = has_account(desk)
    return {
        "types": [str(t) for t in OrderType], "tifs": [str(t) for t in TimeInForce],
        "price_step": from_micros(i.tick_size), "quantity_step": from_micros(i.lot_size), "decimals": i.price_decimals,
        "currency": i.currency, "multiplier": i.multiplier, "venue": _venue(desk), "account": trades,
        "limits": _limits(desk) if trades and desk.limits.enabled else [],
    }  # fmt: skip


def kinds(desk: Desk, look: Look) -> dict[str, Any]:
    """What types, times in force and instructions are called, what they need, and which of them go together."""
    return _kinds()


def purse(desk: Desk, look: Look) -> dict[str, Any]:
    """What can be spent, and what is held of the instrument."""
    symbol = desk.instruments[look.index(desk)].symbol
    if not has_account(desk):
        return {"buying_power": None, "money": "", "position": 0.0, "avg_entry_price": None}
    held = next((p for p in desk._room.portfolio.positions(desk.account) if p.symbol == symbol), None)
    engine = desk._room.engine
    return {
        "buying_power": from_micros(engine.buying_power(desk.account)),
        "money": desk._room.portfolio.account(desk.account).currency,
        "position": held.units if held is not None else 0.0,
        "avg_entry_price": held.avg_entry_price if held is not None else None,
    }


def _limits(desk: Desk) -> list[str]:
    """What the account may do, a sentence each."""
    limits = desk.limits
    told = [f"at most {from_micros(limits.max_order_quantity):,.0f} an order"]
    if limits.max_order_notional:
        told.append(f"at most {from_micros(limits.max_order_notional):,.2f} an order")
    if limits.concentration_ppm < MICRO:
        told.append(f"at most {limits.concentration_ppm / 10_000:g} % of NAV in one instrument")
    told.append("may sell short" if limits.allow_short else "may not sell short")
    if limits.initial_margin_ppm < MICRO:
        told.append(f"may buy for {MICRO / limits.initial_margin_ppm:g} times its equity")
    return told


def _venue(desk: Desk) -> list[str]:
    """What is special about this venue, a sentence each."""
    rules = desk.rules
    way = rules.latency
    told = []
    if not way.none:
        longest = way.feed_ns + max((way.entry_ns + way.jitter_ns, *way.recorded))
        told.append(f"orders travel up to {span_text(longest)}")
    if rules.hidden_ppm:
        told.append("levels may hold hidden lots")
    if rules.impact_ppm:
        told.append("trades move the price for those who follow")
    if rules.settlement_days:
        told.append(f"sales settle after {rules.settlement_days} day{'s' if rules.settlement_days > 1 else ''}")
    return told


@lru_cache(maxsize=1)
def _kinds() -> dict[str, Any]:
    """Which types, times in force and instructions go together; as the engine's checks say."""
    types, tifs = list(OrderType), list(TimeInForce)
    return {
        "type_names": {str(t): TYPE_NAMES[t][0] for t in types},
        "type_hints": {str(t): TYPE_NAMES[t][1] for t in types},
        "tif_names": {str(t): TIF_NAMES[t][0] for t in tifs},
        "tif_hints": {str(t): TIF_NAMES[t][1] for t in tifs},
        "fields": {str(t): [name for name in _PRICES if _takes(t, name)] for t in types},
        "tifs_of": _where(""),
        "flags": {name: _where(name) for name in FLAGS},
        "brackets": [str(OrderType.MARKET), str(OrderType.LIMIT)],
    }  # fmt: skip


_PRICES: Final[dict[str, dict[str, Any]]] = {
    "limit_price": {"limit_price": MICRO},
    "stop_price": {"stop_price": MICRO},
    "trail": {"trail": MICRO},
}
"""Prices, and what they say in an order."""


def _order(type_: OrderType, tif: TimeInForce, **more: Any) -> SubmitOrder:
    """An order of a type with everything that the type needs."""
    prices: dict[str, Any] = {
        "limit_price": MICRO if type_ in (OrderType.LIMIT, OrderType.STOP_LIMIT) else None,
        "stop_price": MICRO if type_ in (OrderType.STOP_MARKET, OrderType.STOP_LIMIT) else None,
        "trail": MICRO if type_ == OrderType.TRAILING_STOP_MARKET else None,
        "expire_ns": NS_PER_S if tif == TimeInForce.GTD else None,
    }
    return SubmitOrder(0, "", "", "A", Side.BUY, type_, MICRO, time_in_force=tif, **(prices | more))


_ONE: Final = Instrument.make("A")


def _allowed(m: SubmitOrder) -> bool:
    grid = grid_refusal(_ONE, m.type, m.quantity, m.limit_price, m.stop_price, NO_LIMITS)
    return grid is None and asks_refusal(m, _ONE, 0) is None


def _where(flag: str) -> dict[str, list[str]]:
    """Types with which an instruction goes, and with which times in force."""
    found = {str(t): [str(tif) for tif in TimeInForce if _goes(t, tif, flag)] for t in OrderType}
    return {type_: tifs for type_, tifs in found.items() if tifs}


def _goes(type_: OrderType, tif: TimeInForce, flag: str = "") -> bool:
    return _allowed(_order(type_, tif, **FLAGS.get(flag, {})))


def _takes(type_: OrderType, price: str) -> bool:
    """Whether a type has to have this price: without it the order would be refused."""
    return not _allowed(_order(type_, TimeInForce.DAY, **dict.fromkeys(_PRICES[price])))
