"""What did the price do, and what did one do oneself? Bars with indicators, and the marks on them.

Rules: times are seconds of the tape's wall clock at which a bar begins, so that everything stands on a bar; what fell
into the same bar is told together. What a chart may change (an order's price) is told with the order, never decided by
the chart.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from vtrade.desk.sections.chart_bars import offered, series, shortest
from vtrade.desk.sections.words import clock_text, has_account, local_s
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import TRANSITIONS, OrderEvent, Reason, Side
from vtrade.domain.values import NS_PER_S
from vtrade.execution.explain import price_text, units_text
from vtrade.market.bar_series import BarSeries
from vtrade.market.indicators import INDICATORS, PERIOD_MAX, STUDIES_MAX, studies
from vtrade.portfolio.engine import PortfolioEngine

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.desk.sections.look import Look
    from vtrade.execution.blotter import Record

LINES_MAX: Final = 50
"""Working orders that are drawn, the newest."""
HEADLINES_MAX: Final = 5
"""Headlines that are told of one bar."""
MARKED_KEPT: Final = 32
"""Charts of one room whose own fills are remembered."""

_STEPS: Final = {Reason.WAITING_FOR_PARENT: "waits for its parent", Reason.WAITING_IN_FLIGHT: "on its way"}
_TRAILING: Final = "follows the market"


# --- bars ------------------------------------------------------------------------------------------------------------


def bars(desk: Desk, look: Look) -> dict[str, Any]:
    """Candles, oldest first, with a column for each line of the indicators looked at.

    ``seconds`` is the length they have, ``kept`` how many there are in all.
    """
    found = series(desk, look.index(desk), look.bar_s)
    since = max(0, len(found) - look.bars)
    columns: dict[str, Any] = {
        "seconds": max(look.bar_s, shortest(desk)),
        "kept": len(found),
        "t": found.t[since:].tolist(),
        "o": found.open[since:].tolist(),
        "h": found.high[since:].tolist(),
        "l": found.low[since:].tolist(),
        "c": found.close[since:].tolist(),
        "v": found.volume[since:].tolist(),
    }
    for study in studies(look.indicators):
        for key, values in found.along(study).items():
            columns[key] = [None if value != value else value for value in values[since:]]
    return columns


def charting(desk: Desk, look: Look) -> dict[str, Any]:
    """What can be chosen in a chart, and what is: lengths of a bar, indicators, and how each is drawn."""
    return {
        "lengths": [{"seconds": seconds, "text": text} for seconds, text in offered(desk).items()],
        "studies": [
            {
                "name": s.name, "title": s.title, "pane": s.pane, "levels": list(s.levels),
                "lines": [line._asdict() for line in s.lines],
            }
            for s in studies(look.indicators)
        ],
        "families": [
            {
                "name": name, "title": family.title, "about": family.about, "pane": family.pane,
                "parameters": [p._asdict() for p in family.parameters],
            }
            for name, family in INDICATORS.items()
        ],
        "studies_max": STUDIES_MAX, "period_max": PERIOD_MAX,
    }  # fmt: skip


# --- marks -----------------------------------------------------------------------------------------------------------


def marks(desk: Desk, look: Look) -> dict[str, Any]:
    """What stands on the bars: own fills, position, working orders, halts, news."""
    k = look.index(desk)
    i, found = desk.instruments[k], series(desk, k, look.bar_s)
    since = found.t[max(0, len(found) - look.bars)] if len(found) else 0
    mine = has_account(desk)
    return {
        "fills": _fills(desk, i, found, since) if mine else [],
        "position": _position(desk, i) if mine else None,
        "lines": _lines(desk, k) if mine else [],
        "halts": _halts(desk, i, found, since),
        "news": _news(desk, i, found, since),
    }


def _bar(found: BarSeries, local: int) -> int | None:
    """Where the bar begins in which, or after which, a moment falls; ``None`` before the first."""
    at = bisect_right(found.t, local) - 1
    return found.t[at] if at >= 0 else None


class _Marked:
    """Own fills of one chart by bar: lots and sum of ticks x lots bought and sold, and how many of each."""

    def __init__(self) -> None:
        self.seen = 0
        self.bars: dict[int, dict[Side, list[int]]] = {}


_MARKED: Final[WeakKeyDictionary[PortfolioEngine, dict[tuple[str, str, int], _Marked]]] = WeakKeyDictionary()


def _fills(desk: Desk, i: Instrument, found: BarSeries, since: int) -> list[dict[str, Any]]:
    portfolio = desk._room.portfolio
    kept = _MARKED.setdefault(portfolio, {})
    key = (desk.account, i.symbol, found.seconds)
    marked = kept.pop(key, None) or _Marked()
    kept[key] = marked
    if len(kept) > MARKED_KEPT:
        del kept[next(iter(kept))]
    count = portfolio.state(desk.account).fill_count
    if count != marked.seen:
        newer = portfolio.fills(desk.account)[marked.seen - count :]
        marked.seen = count
        for fill in newer:
            if fill.symbol != i.symbol:
                continue
            local = local_s(desk, fill.ts_ns // NS_PER_S)
            begins = local - local % found.seconds if found.seconds else _bar(found, local) or local
            sums = marked.bars.setdefault(begins, {}).setdefault(fill.side, [0, 0, 0])
            sums[0] += fill.last_qty
            sums[1] += fill.last_qty * fill.last_px
            sums[2] += 1
    rows = []
    for begins in reversed(marked.bars):
        if begins < since:
            break
        t = _bar(found, begins)
        for side, (lots, notional, fills) in reversed(marked.bars[begins].items()) if t is not None else ():
            price, quantity = i.price(notional / lots), i.quantity(lots)
            word = "bought" if side == Side.BUY else "sold"
            several = f" in {fills} fills" if fills > 1 else ""
            text = f"{word} {units_text(quantity)} at {price_text(price, i.price_decimals)}{several}"
            rows.append({
                "t": t, "side": side.name.lower(), "quantity": quantity, "price": price, "fills": fills, "text": text,
            })  # fmt: skip
    return rows[::-1]


def _position(desk: Desk, i: Instrument) -> dict[str, Any] | None:
    for p in desk._room.portfolio.positions(desk.account):
        if p.symbol == i.symbol and p.avg_entry_price == p.avg_entry_price:
            word = "long" if p.quantity > 0 else "short"
            text = f"{word} {units_text(abs(p.units))} at {price_text(p.avg_entry_price, i.price_decimals)}"
            return {"quantity": p.units, "avg_entry_price": p.avg_entry_price, "text": text}
    return None


def _lines(desk: Desk, k: int) -> list[dict[str, Any]]:
    """A line for each price of a working order."""
    room = desk._room
    rows: list[dict[str, Any]] = []
    for order in room.engine.orders.values():
        if order.k != k or order.account.name != desk.account:
            continue
        record = room.blotter.find(desk.account, order.order_id)
        if record is not None and record.working:
            rows += _order_lines(desk, record)
    return rows[-LINES_MAX:]


def _order_lines(desk: Desk, r: Record) -> list[dict[str, Any]]:
    i = r.instrument
    if i is None:
        return []
    room, quantity = desk._room, i.quantity(r.leaves)
    waiting, moving = room.engine.waiting(r.order_id), room.on_its_way(desk.account, r.client_order_id)
    may = OrderEvent.REPLACE in TRANSITIONS[r.status] and not room.closed
    trails = bool(r.terms.trail or r.terms.trail_ppm)
    triggered = OrderEvent.TRIGGER not in TRANSITIONS[r.status]
    prices = {"limit": r.limit_price, "stop": None if triggered else desk._stop_price(r)}
    rows = []
    for kind, price in prices.items():
        if price is None:
            continue
        trailing = trails and kind == "stop"
        notes = [_TRAILING if trailing else "", "change on its way" if moving else _STEPS.get(waiting, "")]
        text = f"{r.side.name.lower()} {units_text(quantity)} {kind} {price_text(price, i.price_decimals)}"
        rows.append({
            "id": r.client_order_id, "number": r.order_id, "side": r.side.name.lower(), "kind": kind, "price": price,
            "quantity": quantity, "text": ", ".join([text, *filter(None, notes)]),
            "movable": may and not trailing, "moving": moving,
        })  # fmt: skip
    return rows


def _halts(desk: Desk, i: Instrument, found: BarSeries, since: int) -> list[dict[str, Any]]:
    """Stretches in which nothing could trade, as far as this desk heard of them."""
    rows: list[dict[str, Any]] = []
    began, cause = 0, ""
    for fact in desk._room.sessions:
        if fact.symbol != i.symbol:
            continue
        if fact.status == "HALTED" and not began:
            began, cause = fact.ts_ns, fact.cause
            rows.append(_halt(desk, found, began, None, cause))
        elif fact.status != "HALTED" and began:
            rows[-1] = _halt(desk, found, began, fact.ts_ns, cause)
            began = 0
    return [row for row in rows if row["t"] is not None and row["t"] >= since]


def _halt(desk: Desk, found: BarSeries, began: int, ended: int | None, cause: str) -> dict[str, Any]:
    text = f"halted at {clock_text(desk, began)}" + (f" ({cause})" if cause else "")
    if ended is not None:
        text += f", on again at {clock_text(desk, ended)}"
    until = None if ended is None else _bar(found, local_s(desk, ended // NS_PER_S))
    return {"t": _bar(found, local_s(desk, began // NS_PER_S)), "until": until, "text": text}


def _news(desk: Desk, i: Instrument, found: BarSeries, since: int) -> list[dict[str, Any]]:
    by_bar: dict[int, list[str]] = {}
    for item in desk._room.news:
        if item.symbol not in ("", i.symbol) or item.account not in ("", desk.account):
            continue
        t = _bar(found, local_s(desk, item.ts_ns // NS_PER_S))
        if t is not None and t >= since:
            by_bar.setdefault(t, []).append(f"{clock_text(desk, item.ts_ns)} {item.headline}")
    return [
        {"t": t, "headlines": told[-HEADLINES_MAX:], "more": max(0, len(told) - HEADLINES_MAX)}
        for t, told in sorted(by_bar.items())
    ]
