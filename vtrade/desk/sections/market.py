"""What is the market in one instrument? Its terms, the touch, the depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vtrade.desk.sections.sessions import sessions_of
from vtrade.domain.orders import Reason
from vtrade.domain.values import from_micros

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.desk.sections.look import Look

_ELSEWHERE: Final = (
    Reason.WAITING_IN_FLIGHT, Reason.WAITING_FOR_PARENT, Reason.WAITING_FOR_TRIGGER, Reason.WAITING_FOR_AUCTION,
)  # fmt: skip
"""Orders that wait for these stand on no rung of the ladder."""


def symbol(desk: Desk, look: Look) -> str:
    """The instrument looked at."""
    return desk.instruments[look.index(desk)].symbol


def instrument(desk: Desk, look: Look) -> dict[str, Any]:
    """Its terms."""
    i = desk.instruments[look.index(desk)]
    return {
        "symbol": i.symbol, "name": i.name, "sector": i.sector, "currency": i.currency,
        "tick": from_micros(i.tick_size), "lot": from_micros(i.lot_size), "decimals": i.price_decimals,
    }  # fmt: skip


def change(desk: Desk, k: int) -> tuple[float | None, float | None]:
    """Change since the session before, or since the first print where there was none: money and percent."""
    last, base = desk._room.engine.last(k), sessions_of(desk).of(desk, k).base
    if not last or not base:
        return None, None
    return desk.instruments[k].price(last - base), round(100 * (last - base) / base, 3)


def quote(desk: Desk, look: Look) -> dict[str, Any]:
    """Best bid and ask, last print, session."""
    return quote_of(desk, look.index(desk))


def quote_of(desk: Desk, k: int) -> dict[str, Any]:
    """Touch and last print of an instrument."""
    i, engine = desk.instruments[k], desk._room.engine
    bid, bid_size, ask, ask_size = engine.touch(k)
    last = engine.last(k)
    moved, percent = change(desk, k)
    return {
        "bid": i.price(bid) if bid else None, "bid_size": i.quantity(bid_size) if bid else None,
        "ask": i.price(ask) if ask else None, "ask_size": i.quantity(ask_size) if ask else None,
        "last": i.price(last) if last else None, "change": moved, "change_pct": percent,
        "spread": i.price(ask - bid) if bid and ask else None, "status": engine.session(k),
    }  # fmt: skip


def depth(desk: Desk, look: Look) -> dict[str, list[list[float]]]:
    """Price, size and own size of the best levels, bids and asks."""
    k, levels = look.index(desk), look.levels
    i, engine = desk.instruments[k], desk._room.engine
    own: dict[tuple[int, int], int] = {}
    for order in engine.orders.values():
        if order.k != k or order.account.name != desk.account or order.limit is None:
            continue
        if engine.waiting(order.order_id) not in _ELSEWHERE:
            key = (int(order.side), order.limit)
            shown = order.terms.display_quantity if order.terms is not None else 0
            own[key] = own.get(key, 0) + (min(shown, order.leaves) if shown else order.leaves)

    def rows(side: int) -> list[list[float]]:
        return [
            [i.price(px), i.quantity(lots), i.quantity(own.get((side, px), 0))]
            for px, lots in engine.depth(k, side, levels)
        ]

    return {"bids": rows(1), "asks": rows(-1)}
