"""What does a desk look like where nothing is alive: in a report, on a printed page, on a web page?

Rules: text and HTML from the same pieces of one view, without a script, a style sheet or an address; all text is
escaped; ink is that of the page around it, so it reads on light and on dark; meaning is carried by words, signs and
shapes. Drawings are images of their own, each told in a sentence, and every number of a drawing's story stands there
too: a page that cleans HTML (a notebook nobody has trusted yet, a repository's web page) leaves tables and sentences.
What is absent is left out; nothing is ever an empty box.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from vtrade.domain.display import Beside, Piece, Words, html, number, text, units
from vtrade_widgets.static_view import market, own

View = Mapping[str, Any]
HEAD: Final = ("clock", "symbol", "instrument", "quote")
LIVE: Final = "A still picture: run the notebook to trade."


class Still(NamedTuple):
    """A part that stands still.

    Attributes
    ----------
    sections : tuple of str
        Sections of the view that it tells of.
    pieces : callable
        Its pieces, from a view.
    """

    sections: tuple[str, ...]
    pieces: Callable[[View], Iterator[Piece]]


def _desk(view: View) -> Iterator[Piece]:
    yield from market.head(view)
    yield from own.account(view)
    drawn = list(market.chart(view)) if (view.get("bars") or {}).get("c") else []
    yield Beside([drawn, list(market.depth(view))])
    yield from own.positions(view)
    yield from own.orders(view)
    yield from own.fills(view)
    yield Beside([list(own.equity(view)), [*own.progress(view), *own.standings(view)]])
    yield from market.news(view, 4)


def _chart(view: View) -> Iterator[Piece]:
    yield from market.head(view)
    yield from market.chart(view)


def _ladder(view: View) -> Iterator[Piece]:
    yield from market.head(view)
    yield from market.ladder(view)


def _ticket(view: View) -> Iterator[Piece]:
    yield from market.head(view)
    yield from own.ticket(view)


def _account(view: View) -> Iterator[Piece]:
    yield from list(own.account(view)) or [Words("Nothing is known of an account.", "quiet")]
    yield from own.equity(view)
    yield Beside([list(own.money(view)), list(own.exposure(view))])


def _progress(view: View) -> Iterator[Piece]:
    pieces = [*own.progress(view, whole=True), *own.standings(view)]
    yield from pieces or [Words("Nobody here has an account, so there is no progress to show.", "quiet")]


def _news(view: View) -> Iterator[Piece]:
    yield from market.news(view, 20)
    yield from market.alerts(view)


STILLS: Final[dict[str, Still]] = {
    "desk": Still(
        (*HEAD, "account", "bars", "marks", "depth", "equity", "positions", "orders", "fills", "tally", "progress",
         "standings", "ranking", "news"),
        _desk,
    ),
    "watch": Still(("watch", "watch_rows", "sparks"), market.watch),
    "chart": Still((*HEAD, "bars", "marks"), _chart),
    "ladder": Still((*HEAD, "ladder", "ladder_orders", "depth", "prints"), _ladder),
    "ticket": Still((*HEAD, "ticket", "kinds", "purse"), _ticket),
    "blotter": Still(("orders", "fills", "positions", "tally"), own.blotter),
    "account": Still(("account", "funds", "exposure", "equity"), _account),
    "progress": Still(("progress", "learning", "standings", "ranking"), _progress),
    "coach": Still(("coach", "coach_turns", "coach_text"), own.coach),
    "news": Still(("news", "alerts", "fired", "tenders"), _news),
    "time": Still(("clock", "timeline", "quote"), market.time),
}  # fmt: skip
"""Parts of a desk by name."""


def static_sections(part: str = "desk") -> tuple[str, ...]:
    """Sections of a view that a still picture of a part tells of."""
    return STILLS[part].sections


def static_text(view: View, part: str = "desk") -> str:
    """A view as plain text: one line for a whole desk, the tables of a part.

    Parameters
    ----------
    view : mapping
        What ``desk.view()`` returns.
    part : str
        ``"desk"``, or a part of it such as ``"ladder"``.

    Examples
    --------
    >>> print(static_text({"symbol": "ACME", "quote": {"last": 10.5, "change": 0.5, "change_pct": 5.0}}))
    ACME 10.50 ▲ +0.50 (+5.00 %)
    """
    return _line(view) if part == "desk" else text(STILLS[part].pieces(view))


def static_html(view: View, part: str = "desk") -> str:
    """A still picture of a view as one piece of HTML without scripts, links or style sheets.

    Parameters
    ----------
    view : mapping
        What ``desk.view()`` returns.
    part : str
        ``"desk"``, or a part of it such as ``"ladder"``.

    Examples
    --------
    >>> page = static_html({"symbol": "A<B", "quote": {"last": 10.5, "change": 0.5, "change_pct": 5.0}})
    >>> "A&lt;B" in page, "▲ +0.50" in page, "<script" in page
    (True, True, False)
    """
    return html([*STILLS[part].pieces(view), Words(LIVE, "quiet")], label="vtrade-still")


def static_trouble(why: str) -> str:
    """What stands where a desk could not be looked at.

    Examples
    --------
    >>> "cannot be shown: it &lt;broke&gt;." in static_trouble("it <broke>.")
    True
    """
    return html([Words(f"The desk cannot be shown: {why}")], label="vtrade-still")


def _line(view: View) -> str:
    parts = [f"{view.get('symbol') or ''} {market.price_line(view)}".strip()]
    clock, account = view.get("clock") or {}, view.get("account") or {}
    if clock.get("time"):
        parts.append(f"at {clock.get('date') or ''} {clock['time']}".replace("  ", " "))
    if account.get("nav") is not None:
        money = f"NAV {number(account['nav'])} {account.get('currency') or ''}".rstrip()
        parts.append(f"{money}, P&L {number(account.get('pnl'), signed=True)}")
    if view.get("positions"):
        held = ", ".join(f"{units(row['quantity'])} {row['symbol']}" for row in view["positions"])
        parts.append(f"positions: {held}")
    if view.get("orders"):
        parts.append(f"{len(view['orders'])} order{'s' if len(view['orders']) != 1 else ''}")
    return " | ".join(parts)
