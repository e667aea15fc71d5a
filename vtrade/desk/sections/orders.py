"""What became of the orders, what was filled, and what is held?

Rules: newest first and bounded, with the count of all; which buttons and fields an order has comes from its status and
its type, so that a panel knows no rule of the market. Numbers are those of ``desk.orders()``, ``desk.fills()`` and
``desk.positions()``.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from vtrade.desk.sections.listing import Listing, Own, fill_px, fill_units, listing
from vtrade.desk.sections.words import clock_text, has_account
from vtrade.domain.orders import TRANSITIONS, OrderEvent, OrderType, Status
from vtrade.domain.values import from_micros
from vtrade.execution.explain import price_text
from vtrade.services.orderflags import flags_text

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.desk.sections.look import Look
    from vtrade.execution.blotter import Record
    from vtrade.portfolio.views import PositionView

ORDERS_SHOWN: Final = 50
"""Newest orders of the section ``orders``."""
WORKING_SHOWN: Final = 100
"""Working orders of it that are older than those."""

CAUSES: Final = {
    "depth": "took what was shown", "hidden": "met hidden lots", "beyond": "went past the visible book",
    "auction": "in the auction", "queue": "its turn in the queue", "through": "the price went through it",
    "cross": "the other side came to it", "peer": "met another participant", "bar_open": "at the bar's open",
    "bar_range": "inside the bar", "bar_close": "at the bar's close",
}  # fmt: skip
"""What justified a fill, in a few words."""

_INTENTS: Final = {OrderEvent.CANCEL: "cancel", OrderEvent.REPLACE: "replace"}


def orders(desk: Desk, look: Look) -> list[dict[str, Any]]:
    """The newest orders, and older ones that still work, newest first."""
    kept = listing(desk)
    shown = kept.orders[-ORDERS_SHOWN:]
    if kept.working and len(kept.orders) > len(shown):
        newest = {r.client_order_id for r in shown}
        older = [r for r in kept.working.values() if r.client_order_id not in newest]
        shown = [*older[-WORKING_SHOWN:], *shown]
    return [_row(desk, kept, r)["short"] for r in reversed(shown)]


def _row(desk: Desk, kept: Listing, r: Record) -> dict[str, dict[str, Any]]:
    """An order with all its columns (``long``), and with those that others than its list show (``short``)."""
    engine = desk._room.engine
    now: tuple[Any, ...] = ()
    if r.working:
        stop = engine.stop_price(r.order_id) if r.type == OrderType.TRAILING_STOP_MARKET else None
        now = engine.waiting(r.order_id), stop

    def make(r: Record) -> dict[str, Any]:
        short = _order(desk, r)
        return {"short": short, "long": {**short, **_more(r)}}

    return kept.row(r, now, make)


def _order(desk: Desk, r: Record) -> dict[str, Any]:
    stop = desk._stop_price(r)
    prices = [
        f"{word}{price_text(price, r.instrument.price_decimals if r.instrument else 2)}"
        for word, price in (("", r.limit_price), ("stop ", stop))
        if price is not None
    ]
    may = [word for event, word in _INTENTS.items() if event in TRANSITIONS[r.status]]
    return {
        "id": r.client_order_id, "number": r.order_id, "time": clock_text(desk, r.ts_ns), "symbol": r.symbol,
        "side": r.side.name.lower(), "type": str(r.type), "quantity": r.quantity_units, "filled": r.filled_units,
        "leaves": r.instrument.quantity(r.leaves) if r.instrument else 0.0, "price": ", ".join(prices),
        "limit_price": r.limit_price, "stop_price": stop, "status": str(r.status), "reason": desk._reason(r),
        "avg_px": r.avg_px, "intents": may, "change": _change(r) if "replace" in may else [],
    }  # fmt: skip


def _more(r: Record) -> dict[str, Any]:
    i = r.instrument
    return {
        "tif": str(r.tif), "fees": from_micros(r.fees), "decimals": i.price_decimals if i else 2,
        "tick": from_micros(i.tick_size) if i else 0.01, "lot": from_micros(i.lot_size) if i else 1.0,
        "terms": flags_text(r.terms, i) if i else "",
    }  # fmt: skip


def _change(r: Record) -> list[str]:
    """What of an order can be replaced, by the names of the fields of that intent."""
    sleeps = r.type in (OrderType.STOP_MARKET, OrderType.STOP_LIMIT) and r.status != Status.TRIGGERED
    return [
        "quantity",
        *(["limit_price"] if r.limit_price is not None else []),
        *(["stop_price"] if sleeps and r.stop_price is not None and not r.filled else []),
    ]


def order_list(desk: Desk, look: Look) -> list[dict[str, Any]]:
    """The page of orders that is looked at."""
    kept = listing(desk)
    rows, _ = kept.page_of_orders(look, lambda r: words_of(desk, r))
    return [_row(desk, kept, r)["long"] for r in rows]


def words_of(desk: Desk, r: Record) -> str:
    """What a search looks at: names, status and reason, in small letters."""
    number = f"#{r.order_id}" if r.order_id else ""
    status = str(r.status).replace("_", " ")
    return f"{r.symbol} {r.client_order_id} {number} {status} {r.type} {desk._reason(r)}".lower()


def fills(desk: Desk, look: Look) -> list[dict[str, Any]]:
    """The page of fills that is looked at."""
    kept = listing(desk)
    rows, _ = kept.page_of_fills(look, lambda r: words_of(desk, r))
    return [kept.fill_row(own, lambda own: _fill(desk, own)) for own in rows]


def _fill(desk: Desk, own: Own) -> dict[str, Any]:
    r, fill = own
    i = r.instrument
    return {
        "seq": fill.seq, "id": r.client_order_id, "number": fill.order_id, "time": clock_text(desk, fill.ts_ns),
        "symbol": r.symbol, "side": fill.side.name.lower(), "price": fill_px(own), "quantity": fill_units(own),
        "value": fill_px(own) * fill_units(own), "fee": from_micros(fill.fee), "liquidity": str(fill.liquidity),
        "cause": CAUSES.get(fill.cause, ""), "leaves": i.quantity(fill.leaves_quantity) if i else 0.0,
        "decimals": i.price_decimals if i else 2,
    }  # fmt: skip


def positions(desk: Desk, look: Look) -> list[dict[str, Any]]:
    """What is held, at its marks."""
    if not has_account(desk):
        return []
    decimals = {i.symbol: i.price_decimals for i in desk.instruments}
    return [
        {
            "symbol": p.symbol, "quantity": p.units, "avg_entry_price": _finite(p.avg_entry_price),
            "last": _finite(p.mark_price), "market_value": from_micros(p.market_value),
            "unrealized_pnl": from_micros(p.unrealized_pnl), "realized_pnl": from_micros(p.realized_pnl),
            "fees": from_micros(p.fees), "weight": _finite(p.weight), "currency": p.currency,
            "decimals": decimals.get(p.symbol, 2),
        }
        for p in desk._room.portfolio.positions(desk.account)
    ]  # fmt: skip


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


def tally(desk: Desk, look: Look) -> dict[str, Any]:
    """How many rows there are of each list, which of them are shown, and what the positions come to.

    ``closed_pnl`` is what was realised in instruments that are not held any more; it is part of ``realized_pnl``.
    """
    kept = listing(desk)
    held: list[PositionView] = []
    if has_account(desk):
        held = desk._room.portfolio.positions(desk.account, include_flat=True)
    money = {
        "market_value": sum(p.market_value for p in held),
        "unrealized_pnl": sum(p.unrealized_pnl for p in held),
        "realized_pnl": sum(p.realized_pnl for p in held),
        "fees": sum(p.fees for p in held),
        "closed_pnl": sum(p.realized_pnl for p in held if not p.quantity),
    }
    return {
        "orders": {
            "total": len(kept.orders), "matching": kept.page_of_orders(look, lambda r: words_of(desk, r))[1],
            "from": look.orders_from, **{f"{name}_count": n for name, n in kept.counts.items() if name != "all"},
        },
        "fills": {
            "total": len(kept.fills), "matching": kept.page_of_fills(look, lambda r: words_of(desk, r))[1],
            "from": look.fills_from,
        },
        "positions": {
            "count": sum(1 for p in held if p.quantity), "closed_count": sum(1 for p in held if not p.quantity),
            "currency": desk._room.portfolio.account(desk.account).currency if held else "",
            **{name: from_micros(amount) for name, amount in money.items()},
        },
        "look": {
            "rows": look.blotter_rows, "state": look.blotter_state, "symbol": look.blotter_symbol,
            "side": look.blotter_side, "text": look.blotter_text, "orders_sort": look.orders_sort,
            "fills_sort": look.fills_sort, "story": look.story,
        },
    }  # fmt: skip


def order_symbols(desk: Desk, look: Look) -> list[str]:
    """Symbols of all orders of this account, for a filter."""
    return sorted(listing(desk).symbols)
