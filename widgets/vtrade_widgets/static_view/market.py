"""What does a still picture tell of the market: price, depth, prints, news, time?

Rules: pieces of :mod:`vtrade.domain.display` from sections of a view; what a view does not hold is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from vtrade.domain.display import Block, Table, Words, facts, number, shortened, units
from vtrade_widgets.static_view import drawings

View = Mapping[str, Any]
LEVELS: Final = 8
PRINTS: Final = 10
HEADLINES: Final = 6
MARKS: Final = 16
HEADLINE_MAX: Final = 160


def decimals(view: View) -> int:
    """Decimals of a price of the instrument."""
    return int((view.get("instrument") or view.get("ladder") or {}).get("decimals", 2))


def price_line(view: View) -> str:
    """The last price and how far it moved."""
    quote = view.get("quote") or {}
    if quote.get("last") is None:
        return "no price yet"
    places, change, change_pct = decimals(view), quote.get("change"), quote.get("change_pct")
    text = number(quote["last"], places)
    if change is not None:
        arrow = "▲" if change > 0 else "▼" if change < 0 else "="
        text += f" {arrow} {number(change, places, signed=True)}"
    return text + (f" ({number(change_pct, signed=True)} %)" if change_pct is not None else "")


def clock_line(view: View) -> str:
    """When it is on this desk, and whether time passes."""
    clock, quote = view.get("clock") or {}, view.get("quote") or {}
    if not clock.get("time"):
        return ""
    state = "playing" if clock.get("playing") else "ended" if clock.get("ended") else "paused"
    if clock.get("playing") and clock.get("speed"):
        state += f" at {clock['speed']:g} x"
    forked = f"branch of {clock['forked']}" if clock.get("forked") else ""
    when = f"{clock.get('date') or ''} {clock['time']}".strip()
    return ", ".join(part for part in (when, state, (quote.get("status") or "").lower(), forked) if part)


def head(view: View) -> Iterator[Block]:
    """Symbol and price; what it is; the touch and the time."""
    instrument, quote = view.get("instrument") or {}, view.get("quote") or {}
    yield Words(f"{view.get('symbol') or ''} {price_line(view)}".strip(), "title")
    about = " · ".join(text for text in (instrument.get("name"), instrument.get("sector")) if text)
    touch, places, currency = "", decimals(view), instrument.get("currency") or ""
    if quote.get("bid") is not None and quote.get("ask") is not None:
        touch = (
            f"bid {number(quote['bid'], places)} × {units(quote.get('bid_size'))}, "
            f"ask {number(quote['ask'], places)} × {units(quote.get('ask_size'))}, "
            f"spread {number(quote.get('spread'), places)} {currency}"
        ).strip()
    told = " | ".join(text for text in (about, touch, clock_line(view)) if text)
    if told:
        yield Words(told, "quiet")


def chart(view: View) -> Iterator[Block]:
    """Candles with own fills, and what is drawn on them."""
    bars = view.get("bars") or {}
    if not bars.get("c"):
        yield Words("No bar yet: nothing has traded.", "quiet")
        return
    marks = view.get("marks") or {}
    yield drawings.candles(bars, marks.get("fills") or [], decimals(view), str(view.get("symbol") or ""))
    position = (marks.get("position") or {}).get("text")
    lines = [*([f"You are {position}"] if position else []), *(row["text"] for row in (marks.get("lines") or [])[:6])]
    if lines:
        yield Words("; ".join(lines) + ".")


def depth(view: View, levels: int = LEVELS) -> Iterator[Block]:
    """The best levels of both sides, with own orders among them."""
    book, places = view.get("depth") or {}, decimals(view)
    bids, asks = (book.get("bids") or [])[:levels], (book.get("asks") or [])[:levels]
    if not bids and not asks:
        note = (view.get("ladder") or {}).get("note")
        if note:
            yield Words(note, "quiet")
        return
    nothing: Sequence[float] = ()
    rows = []
    for n in range(max(len(bids), len(asks))):
        bid, ask = (side[n] if n < len(side) else nothing for side in (bids, asks))
        rows.append(
            (_own(bid), units(bid[1]), number(bid[0], places), number(ask[0], places), units(ask[1]), _own(ask))
            if bid and ask
            else (_own(bid), units(bid[1]), number(bid[0], places), "", "", "")
            if bid
            else ("", "", "", number(ask[0], places), units(ask[1]), _own(ask))
        )
    yield Table(("Yours", "Bid size", "Bid", "Ask", "Ask size", "Yours"), rows, "Depth", 0)


def _own(level: Sequence[float]) -> str:
    return f"you {units(level[2])}" if len(level) > 2 and level[2] else ""


def ladder(view: View) -> Iterator[Block]:
    """Depth, the places of own orders in their queues, and what traded last."""
    told, places = view.get("ladder") or {}, decimals(view)
    spread, balance = told.get("spread") or {}, told.get("balance") or {}
    words = []
    if spread:
        words.append(
            f"spread {number(spread['price'], places)} ({spread['ticks']} tick{'s' if spread['ticks'] != 1 else ''}, "
            f"{number(spread['bps'])} bps)"
        )
    words += [text for text in (balance.get("text"), told.get("note")) if text]
    if words:
        yield Words(" | ".join(words))
    yield from depth(view, 10)
    tick = told.get("tick") or 0.0
    rows = [
        (f"#{row['number']}" if row.get("number") else str(row["id"]), row["side"],
         units(row["quantity"]), number(row["ticks"] * tick, places), row.get("text") or "")
        for row in view.get("ladder_orders") or []
    ]  # fmt: skip
    if rows:
        heads = ("Order", "Side", "Quantity", "Price", "Its place")
        yield Table(heads, rows[:12], "Your orders here", frozenset((0, 1, 4)))
    yield from prints(view)


def prints(view: View) -> Iterator[Block]:
    """What traded last, newest first."""
    told = view.get("prints") or {}
    columns = [list(told.get(name) or [])[-PRINTS:][::-1] for name in ("t", "px", "qty", "side", "own")]
    rows = [
        (_moment(t), number(px, told.get("decimals", 2)), units(qty),
         f"{'buyer' if side > 0 else 'seller' if side < 0 else 'nobody known'} began{', yours' if own else ''}")
        for t, px, qty, side, own in zip(*columns, strict=False)
    ]  # fmt: skip
    if rows:
        yield Table(("Time", "Price", "Size", "Who"), rows, "Last prints", frozenset((0, 3)))
    elif told.get("note"):
        yield Words(told["note"], "quiet")


def _moment(seconds: float) -> str:
    return f"{drawings.clock(seconds, days=False)}:{seconds % 60:06.3f}"


def watch(view: View) -> Iterator[Block]:
    """The instruments in sight."""
    told = view.get("watch") or {}
    lines = {row["symbol"]: drawings.spark(row["points"]) for row in view.get("sparks") or []}
    rows = []
    for row in view.get("watch_rows") or []:
        places, moved = row.get("decimals", 2), row.get("change_pct")
        arrow = "" if moved is None else "▲ " if moved > 0 else "▼ " if moved < 0 else "= "
        span = f"{number(row.get('low'), places)} to {number(row.get('high'), places)}" if row.get("low") else ""
        rows.append(
            (row["symbol"], row.get("name") or "", row.get("sector") or "", number(row.get("last"), places),
             f"{arrow}{number(moved, signed=True)} %" if moved is not None else "", units(row.get("volume")),
             number(row.get("spread_bps")), span, lines.get(row["symbol"], ""), (row.get("status") or "").lower())
        )  # fmt: skip
    if not rows:
        yield Words(f"The list {told.get('list', '')} is empty.".replace("  ", " "), "quiet")
        return
    heads = ("Symbol", "Name", "Sector", "Last", "Change", "Volume", "Spread (bps)", "Range", "Session", "Status")
    more = (told.get("total") or len(rows)) - len(rows)
    title = f"Market watch: {told.get('list') or 'all'}"
    yield Table(heads, rows, title, frozenset((0, 1, 2, 8, 9)), f"and {more} more" if more > 0 else "")


def news(view: View, most: int = HEADLINES) -> Iterator[Block]:
    """Headlines and announcements, newest first."""
    listed = view.get("news") or []
    rows = [
        (row.get("time") or "", row.get("symbol") or "everybody", shortened(row["headline"], HEADLINE_MAX))
        for row in listed[:most]
    ]
    if rows:
        more = f"and {len(listed) - most} older" if len(listed) > most else ""
        yield Table(("Time", "About", "Headline"), rows, "News", 3, more)


def alerts(view: View) -> Iterator[Block]:
    """What the desk's owner waits to be told, what was told, and blocks on offer."""
    waiting = [
        (str(row["id"]), row["symbol"], row["text"], row["state"], row.get("away") or "")
        for row in view.get("alerts") or []
    ]
    if waiting:
        yield Table(("Alert", "Symbol", "Waits for", "State", "How far"), waiting, "Alerts", 5)
    told = [(row["time"], row["symbol"], row["text"]) for row in (view.get("fired") or [])[:8]]
    if told:
        yield Table(("Time", "Symbol", "Told"), told, "Alerts that fired", 3)
    offers = [(row["time"], row["text"]) for row in view.get("tenders") or []]
    if offers:
        yield Table(("Time", "Offer"), offers, "Offered to you", 2)
    if not (view.get("news") or waiting or told or offers):
        yield Words("No news, and no alert is set.", "quiet")


def time(view: View) -> Iterator[Block]:
    """Where the clock stands on the tape, and what happened when."""
    clock, line = view.get("clock") or {}, view.get("timeline") or {}
    share = clock.get("progress")
    yield Words(clock_line(view) or "no time yet", "title")
    pairs = {
        "tape": " to ".join(text for text in (line.get("start_text"), line.get("end_text")) if text),
        "played": f"{number(100 * share, 0)} %" if share is not None else "",
    }
    if any(pairs.values()):
        yield facts(pairs)
    branches = line.get("branches") or []
    if len(branches) > 1:
        rows = [
            (row["name"] + (" (this one)" if row.get("shown") else ""), row["time"], number(row.get("nav")))
            for row in branches
        ]
        yield Table(("Branch", "Time", "NAV"), rows, "Branches", 2)
    words = {"buy": "▲ fill", "sell": "▼ fill", "news": "news"}
    marks = line.get("marks") or []
    rows = [
        (row["time"], words.get(row["kind"], row["kind"]), shortened(row["text"], HEADLINE_MAX))
        for row in marks[::-1][:MARKS]
    ]
    if rows:
        more = f"and {len(marks) - MARKS} earlier" if len(marks) > MARKS else ""
        yield Table(("Time", "What", ""), rows, "What happened", 3, more)
