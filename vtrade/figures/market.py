"""What did the market look like, and where did my orders stand in it?

Rules: prices and sizes in whole units, as the tables of a desk have them. Own fills are drawn over the market, never
mixed into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from vtrade.figures.tables import decimals
from vtrade.figures.theme import ACCENT, DOWN, QUIET, UP, VIOLET, FigureError, blank, ink, moments, new, time_axis

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

CANDLES_MAX: Final = 400
"""More bars than this are drawn as a line of closes."""


def book_depth(
    book: pd.DataFrame, *, symbol: str = "", fills: pd.DataFrame | None = None, limit: float | None = None,
    theme: str = "light",
) -> go.Figure:  # fmt: skip
    """The order book: how much is shown at each price.

    Parameters
    ----------
    book : DataFrame
        Columns ``bid_size, bid, ask, ask_size``, best level first, as ``desk.book(symbol)`` gives them.
    symbol : str
    fills : DataFrame, optional
        Columns ``price`` and ``quantity``: what an order took out of this book, drawn over it.
    limit : float, optional
        Price of an order of yours, drawn as a line.
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure

    Examples
    --------
    >>> import pandas as pd
    >>> book = pd.DataFrame({"bid_size": [300.0], "bid": [9.99], "ask": [10.01], "ask_size": [100.0]})
    >>> [trace.name for trace in book_depth(book).data]
    ['bids: who wants to buy', 'asks: who wants to sell']
    """
    import plotly.graph_objects as go

    title = f"{symbol} order book" if symbol else "Order book"
    bids = book[["bid", "bid_size"]].dropna().to_numpy(float)
    asks = book[["ask", "ask_size"]].dropna().to_numpy(float)
    if not len(bids) and not len(asks):
        return blank(title, "This market shows no orders: there is no book to draw.", theme)
    levels = sorted({*bids[:, 0], *asks[:, 0]})
    gaps = [b - a for a, b in pairwise(levels)]
    width = 0.86 * min(gaps, default=0.01)
    figure = new(title, theme, barmode="overlay", bargap=0)
    for rows, name, colour in (
        (bids, "bids: who wants to buy", UP),
        (asks, "asks: who wants to sell", DOWN),
    ):
        figure.add_bar(
            x=rows[:, 0], y=rows[:, 1], width=width, name=name, marker={"color": colour, "opacity": 0.55},
            hovertemplate="%{y:,.6~f} at %{x}<extra></extra>",
        )  # fmt: skip
    if fills is not None and len(fills):
        taken = fills.groupby("price", sort=True)["quantity"].sum()
        figure.add_bar(
            x=taken.index.to_numpy(float), y=taken.to_numpy(float), width=width, name="what your order took",
            marker={
                "color": ACCENT, "line": {"color": ACCENT, "width": 1.5},
                "pattern": {"shape": "/", "bgcolor": ACCENT, "fgcolor": ink(theme).paper, "size": 7, "solidity": 0.2},
            },
            hovertemplate="you took %{y:,.6~f} at %{x}<extra></extra>",
        )  # fmt: skip
    if len(bids) and len(asks):
        mid = (bids[0, 0] + asks[0, 0]) / 2
        figure.add_vline(mid, line={"color": QUIET, "dash": "dot", "width": 1})
        figure.add_annotation(
            x=mid, y=1, yref="paper", yanchor="bottom", text=f"mid, spread {asks[0, 0] - bids[0, 0]:.6g}"
        )
    if limit is not None:
        figure.add_trace(_line_at(go, limit, max([*bids[:, 1], *asks[:, 1]]), "your limit"))
    figure.update_xaxes(title_text="price", tickformat=f".{decimals(levels)}f")
    figure.update_yaxes(title_text="units shown", rangemode="tozero", tickformat=",")
    figure.update_layout(legend={"y": 1.08})
    return figure


def _line_at(go: object, x: float, top: float, name: str) -> object:
    """An upright line that the legend names."""
    return go.Scatter(  # type: ignore[attr-defined]
        x=[x, x], y=[0, top], name=name, mode="lines", line={"color": VIOLET, "width": 2, "dash": "dash"},
        hovertemplate=f"{name} %{{x}}<extra></extra>",
    )  # fmt: skip


def price(
    bars: pd.DataFrame, *, symbol: str = "", fills: pd.DataFrame | None = None, theme: str = "light"
) -> go.Figure:
    """Prices over time, with own fills on them.

    Parameters
    ----------
    bars : DataFrame
        Columns ``open, high, low, close, volume`` by time, as ``desk.bars(symbol)`` gives them; many bars
        become a line.
    symbol : str
        Also chooses among ``fills``, where they have a column ``symbol``.
    fills : DataFrame, optional
        Columns ``time, side, price, quantity``, as ``desk.fills()`` gives them.
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
    """
    title = f"{symbol} price" if symbol else "Price"
    title += " and fills" if fills is not None else ""
    mine = _of(fills, symbol)
    if not len(bars) and (mine is None or not len(mine)):
        return blank(title, "Nothing has traded yet.", theme)
    at = moments(bars.index)
    figure = new(title, theme, height=400, hovermode="closest", xaxis={"rangeslider": {"visible": False}})
    if len(bars) > CANDLES_MAX:
        figure.add_scatter(
            x=at, y=bars["close"].to_numpy(float), mode="lines", name="close", line={"color": QUIET, "width": 1.5}
        )
    elif len(bars):
        figure.add_candlestick(
            x=at, open=bars["open"], high=bars["high"], low=bars["low"], close=bars["close"], name="market",
            increasing={"line": {"color": UP, "width": 1}, "fillcolor": ink(theme).paper},
            decreasing={"line": {"color": DOWN, "width": 1}, "fillcolor": DOWN},
            showlegend=False,
        )  # fmt: skip
    shown = list(at)
    if mine is not None:
        shown += _add_fills(figure, mine, theme)
    seen = [*bars["close"].tolist()[-200:], *(mine["price"].tolist()[-200:] if mine is not None else ())]
    figure.update_xaxes(**time_axis(shown)).update_yaxes(title_text="price", tickformat=f",.{decimals(seen)}f")
    return figure


def _of(fills: pd.DataFrame | None, symbol: str) -> pd.DataFrame | None:
    if fills is None or not symbol or "symbol" not in fills:
        return fills
    return fills[fills["symbol"] == symbol]


def _add_fills(figure: go.Figure, fills: pd.DataFrame, theme: str) -> list[str]:
    """Triangles where the own fills were, one for all of a moment at their average price; returns the moments."""
    shown: list[str] = []
    for side, shape, colour, word in (("buy", "triangle-up", UP, "bought"), ("sell", "triangle-down", DOWN, "sold")):
        rows = fills[fills["side"] == side]
        if not len(rows):
            continue
        paid = (rows["price"] * rows["quantity"]).groupby(rows["time"], sort=False).sum()
        quantity = rows.groupby("time", sort=False)["quantity"].sum()
        at = moments(quantity.index)
        shown += at
        figure.add_scatter(
            x=at, y=(paid / quantity).to_numpy(float), mode="markers", name=word,
            marker={"symbol": shape, "size": 12, "color": colour, "line": {"color": ink(theme).text, "width": 1.2}},
            customdata=quantity.to_numpy(float),
            hovertemplate=f"{word} %{{customdata:,.6~f}} at %{{y:,.6~f}}<br>%{{x|%H:%M:%S.%L}}<extra></extra>",
        )  # fmt: skip
    return shown


def queue(
    times: Sequence[str], ahead: Sequence[float], waiting: Sequence[float], *, title: str = "Your place in the queue",
    theme: str = "light",
) -> go.Figure:  # fmt: skip
    """A resting order's place in the queue over time.

    Parameters
    ----------
    times : sequence of str
    ahead : sequence of float
        Units that trade before the order at each time, not negative.
    waiting : sequence of float
        Units of the order that have not filled, not negative.
    title : str
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    FigureError
        If the three are not of one length.

    Examples
    --------
    >>> len(queue(["09:30:00", "09:30:01"], [300, 0], [100, 40]).data)
    2
    """
    if not len(times) == len(ahead) == len(waiting):
        raise FigureError(
            f"{len(times)} times, {len(ahead)} places ahead and {len(waiting)} quantities do not match; "
            "give one of each for every moment"
        )
    if not len(times):
        return blank(title, "The order never rested in a queue.", theme)
    at = moments(times)
    figure = new(title, theme, hovermode="x unified")
    for values, name, colour in ((ahead, "ahead of you", QUIET), (waiting, "yours, still waiting", ACCENT)):
        figure.add_scatter(
            x=at, y=[float(v) for v in values], name=name, mode="lines", stackgroup="queue",
            line={"shape": "hv", "width": 1, "color": colour}, hovertemplate="%{y:,.6~f}",
        )  # fmt: skip
    figure.update_xaxes(**time_axis(at)).update_yaxes(
        title_text="units at your price", rangemode="tozero", tickformat=","
    )
    return figure
