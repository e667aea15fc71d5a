"""What does a desk look like where nothing is alive: in a report, on a printed page, on a web page?

Rules: text and HTML from one view, with the standard library only; all text is escaped; colours are those of the page
around it, so it reads on light and on dark; meaning is carried by words, signs and arrows. What is absent is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

MINUS: Final = "\u2212"
_MUTED: Final = "opacity:.72"
_CELL: Final = "padding:2px 10px 2px 0;border:0"
_CHART_WIDTH, _CHART_HEIGHT, _PLOT_WIDTH = 640, 180, 570


def static_text(view: Mapping[str, Any]) -> str:
    """One paragraph of plain text about a view.

    Examples
    --------
    >>> print(static_text({"symbol": "ACME", "quote": {"last": 10.5, "change": 0.5, "change_pct": 5.0}}))
    ACME 10.50 ▲ +0.50 (+5.00 %)
    """
    parts = [f"{view.get('symbol', '')} {_price_line(view)}".strip()]
    clock, account = view.get("clock") or {}, view.get("account") or {}
    if clock.get("time"):
        parts.append(f"at {clock.get('date', '')} {clock['time']}".replace("  ", " "))
    if account:
        parts.append(
            f"NAV {_number(account.get('nav'))} {account.get('currency', '')}, P&L {_signed(account.get('pnl'))}"
        )
    if view.get("positions"):
        parts.append(
            "positions: " + ", ".join(f"{_quantity(row['quantity'])} {row['symbol']}" for row in view["positions"])
        )
    if view.get("orders"):
        parts.append(f"{len(view['orders'])} orders")
    return " | ".join(parts)


def static_html(view: Mapping[str, Any]) -> str:
    """A still picture of a view as one piece of HTML without scripts, links or style sheets.

    Parameters
    ----------
    view : mapping
        What ``desk.view()`` returns.

    Returns
    -------
    str

    Examples
    --------
    >>> page = static_html({"symbol": "A<B", "quote": {"last": 10.5, "change": 0.5, "change_pct": 5.0}})
    >>> "A&lt;B" in page, "▲ +0.50" in page, "<script" in page
    (True, True, False)
    """
    bars = view.get("bars") or {}
    pieces = [
        _head(view),
        _account(view.get("account") or {}),
        _chart(bars, _decimals(view)) if bars.get("c") else "",
        _side_by_side([_depth(view), _standings(view.get("standings") or [])]),
        _table("Positions", _POSITIONS, view.get("positions") or []),
        _table("Orders", _ORDERS, (view.get("orders") or [])[:10], more=len(view.get("orders") or []) - 10),
        f'<p style="margin:8px 0 0;font-size:12px;{_MUTED}">A still picture: run the notebook to trade.</p>',
    ]
    font = "font-family:system-ui,sans-serif;font-size:13px;line-height:1.45;font-variant-numeric:tabular-nums"
    style = f"{font};max-width:900px"
    return f'<div class="vtrade-still" style="{style}">{"".join(pieces)}</div>'


def _head(view: Mapping[str, Any]) -> str:
    clock, instrument, quote = view.get("clock") or {}, view.get("instrument") or {}, view.get("quote") or {}
    about = " · ".join(text for text in (instrument.get("name"), instrument.get("sector")) if text)
    when = " ".join(
        text for text in (clock.get("date"), clock.get("time"), quote.get("status"), clock.get("forked")) if text
    )
    decimals = _decimals(view)
    market = ""
    if quote.get("bid") is not None and quote.get("ask") is not None:
        market = f"bid {_number(quote['bid'], decimals)} × {_quantity(quote.get('bid_size'))}, " + (
            f"ask {_number(quote['ask'], decimals)} × {_quantity(quote.get('ask_size'))}"
        )
    return (
        f'<p style="margin:0 0 6px"><b style="font-size:20px">{escape(str(view.get("symbol", "")))}</b> '
        f'<span style="font-size:20px">{escape(_price_line(view))}</span><br>'
        f'<span style="{_MUTED}">{escape(" | ".join(text for text in (about, market, when) if text))}</span></p>'
    )


def _account(account: Mapping[str, Any]) -> str:
    if not account:
        return ""
    names = {
        "nav": "NAV",
        "pnl": "P&L",
        "cash": "Cash",
        "reserved": "Reserved",
        "buying_power": "Buying power",
        "fees": "Fees",
    }
    cells = [
        f'<td style="{_CELL};text-align:left"><span style="{_MUTED}">{escape(title)}</span><br>'
        f"<b>{escape((_signed if name == 'pnl' else _number)(account[name]))}</b></td>"
        for name, title in names.items()
        if account.get(name) is not None
    ]
    return f'<table style="border-collapse:collapse;margin:0 0 8px"><tr>{"".join(cells)}</tr></table>'


def _chart(bars: Mapping[str, Any], decimals: int) -> str:
    """Closing prices as a line, with the highest, the lowest and the last one named."""
    closes: Sequence[float] = bars["c"]
    low, high = min(closes), max(closes)
    spread = (high - low) or 1.0
    top, height = 10.0, _CHART_HEIGHT - 40.0
    step = _PLOT_WIDTH / max(1, len(closes) - 1)

    def y(price: float) -> float:
        return round(top + height * (high - price) / spread, 1)

    line = " ".join(f"{round(index * step, 1)},{y(close)}" for index, close in enumerate(closes))
    labels: list[float] = []
    for price in (closes[-1], high, low):
        if all(abs(y(price) - y(other)) >= 13 for other in labels):
            labels.append(price)
    axis = "".join(
        f'<text x="{_PLOT_WIDTH + 6}" y="{y(price) + 4}" font-size="11" fill="currentColor">{_number(price, decimals)}'
        f"{' last' if price == closes[-1] else ''}</text>"
        for price in labels
    )
    volumes = bars.get("v") or []
    tall = 20 / (max(volumes, default=0) or 1)
    wide = round(max(1.0, step * 0.6), 1)
    volume = "".join(
        f'<rect x="{round(index * step, 1)}" y="{round(_CHART_HEIGHT - 6 - tall * size, 1)}" width="{wide}" '
        f'height="{round(tall * size, 1)}" fill="currentColor" opacity=".3"/>'
        for index, size in enumerate(volumes)
    )
    span = f"from {_number(low, decimals)} to {_number(high, decimals)}"
    told = f"Price line: {len(closes)} bars, {span}, last {_number(closes[-1], decimals)}"
    return (
        f'<svg role="img" aria-label="{told}" viewBox="0 0 {_CHART_WIDTH} {_CHART_HEIGHT}" width="{_CHART_WIDTH}" '
        f'height="{_CHART_HEIGHT}" style="max-width:100%;display:block;margin:0 0 8px"><title>{told}</title>'
        f'<polyline points="{line}" fill="none" stroke="currentColor" stroke-width="1.5"/>{volume}{axis}</svg>'
    )


def _depth(view: Mapping[str, Any]) -> str:
    depth = view.get("depth") or {}
    bids, asks = (depth.get("bids") or [])[:5], (depth.get("asks") or [])[:5]
    if not bids and not asks:
        return ""
    decimals = _decimals(view)
    rows = []
    for index in range(max(len(bids), len(asks))):
        bid = bids[index] if index < len(bids) else None
        ask = asks[index] if index < len(asks) else None
        rows.append(
            [
                (_quantity(bid[1]) + _own(bid)) if bid else "",
                _number(bid[0], decimals) if bid else "",
                _number(ask[0], decimals) if ask else "",
                (_quantity(ask[1]) + _own(ask)) if ask else "",
            ]
        )
    return _rows("Depth", ["Bid size", "Bid", "Ask", "Ask size"], rows, words=0)


def _own(level: Sequence[Any]) -> str:
    return f" (you {_quantity(level[2])})" if len(level) > 2 and level[2] else ""


def _standings(standings: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [f"{row['rank']}", f"{row['name']}{' (you)' if row.get('me') else ''}", _number(row["score"], 0)]
        for row in standings[:6]
    ]
    return _rows("Standings", ["Rank", "Name", "Score"], rows, words=2) if rows else ""


_POSITIONS: Final = {
    "symbol": "Symbol", "quantity": "Quantity", "avg_entry_price": "Avg entry", "last": "Last",
    "market_value": "Market value", "unrealized_pnl": "Unrealised P&L", "realized_pnl": "Realised P&L",
}  # fmt: skip
_ORDERS: Final = {
    "id": "Order", "time": "Time", "symbol": "Symbol", "side": "Side", "type": "Type", "quantity": "Quantity",
    "filled": "Filled", "price": "Price", "status": "Status", "avg_px": "Avg px", "reason": "Reason",
}  # fmt: skip
_WORDS: Final = frozenset({"id", "time", "symbol", "side", "type", "status", "reason"})


def _table(title: str, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], *, more: int = 0) -> str:
    if not rows:
        return ""
    cells = []
    for row in rows:
        shown = []
        for name in columns:
            value = row.get("number") or row.get(name) if name == "id" else row.get(name)
            if value is None or isinstance(value, str):
                shown.append((value or "").replace("_", " ") if name in ("type", "status") else value or "")
            elif name.endswith("_pnl"):
                shown.append(_signed(value))
            else:
                shown.append(_quantity(value) if name in ("id", "quantity", "filled") else _number(value))
        cells.append(shown)
    words = [index for index, name in enumerate(columns) if name in _WORDS]
    page = _rows(title, list(columns.values()), cells, words=words)
    return page + (f'<p style="margin:0 0 8px;{_MUTED}">and {more} older</p>' if more > 0 else "")


def _rows(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], *, words: int | Sequence[int]) -> str:
    """A small table; columns named in ``words`` (or the first so many) are text, the others numbers."""
    texts = range(words) if isinstance(words, int) else words
    align = ["left" if index in texts else "right" for index in range(len(heads))]

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f'<{tag} style="{_CELL};text-align:{align[index]}">{escape(text)}</{tag}>' for index, text in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    caption = (
        f'<caption style="text-align:left;font-weight:600;padding:4px 0;caption-side:top">{escape(title)}</caption>'
    )
    style = "border-collapse:collapse;margin:0 0 8px;font-size:13px"
    return f'<table style="{style}">{caption}<thead><tr>{cells("th", heads)}</tr></thead><tbody>{body}</tbody></table>'


def _side_by_side(pieces: Iterable[str]) -> str:
    shown = [piece for piece in pieces if piece]
    return f'<div style="display:flex;flex-wrap:wrap;gap:0 40px">{"".join(shown)}</div>' if shown else ""


def _price_line(view: Mapping[str, Any]) -> str:
    quote = view.get("quote") or {}
    decimals = _decimals(view)
    if quote.get("last") is None:
        return "no price yet"
    change, percent = quote.get("change"), quote.get("change_pct")
    text = _number(quote["last"], decimals)
    if change is not None:
        arrow = "▲" if change > 0 else "▼" if change < 0 else "="
        text += f" {arrow} {_signed(change, decimals)}"
    return text + (f" ({_signed(percent)} %)" if percent is not None else "")


def _decimals(view: Mapping[str, Any]) -> int:
    return int((view.get("instrument") or {}).get("decimals", 2))


def _number(value: float | None, decimals: int = 2) -> str:
    return "" if value is None else f"{value:,.{decimals}f}".replace("-", MINUS)


def _signed(value: float | None, decimals: int = 2) -> str:
    if value is None:
        return ""
    text = f"{value:+,.{decimals}f}".replace("-", MINUS)
    return text if any(digit in text for digit in "123456789") else text[1:]


def _quantity(value: float | None) -> str:
    return "" if value is None else f"{value:,.6f}".rstrip("0").rstrip(".").replace("-", MINUS)
