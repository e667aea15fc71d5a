"""How did the account do, and what does it hold?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from vtrade.figures.theme import ACCENT, DOWN, QUIET, UP, blank, ink, moments, money, new, time_axis

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

BINS: Final = 24
"""About so many bars in a histogram."""


def equity_curve(curve: pd.DataFrame, *, currency: str = "", theme: str = "light") -> go.Figure:
    """Net asset value over time, and below it how far it stood under its highest value so far.

    Parameters
    ----------
    curve : DataFrame
        Columns ``time, nav, drawdown`` (a share, never positive), as ``desk.equity_curve()`` gives them.
    currency : str
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure

    Examples
    --------
    >>> import pandas as pd
    >>> curve = pd.DataFrame({"time": ["09:30:00", "09:31:00"], "nav": [100.0, 99.0], "drawdown": [0.0, -0.01]})
    >>> [trace.name for trace in equity_curve(curve).data]
    ['NAV', 'drawdown']
    """
    from plotly.subplots import make_subplots

    title = "Net asset value and drawdown"
    if len(curve) < 2:
        return blank(title, "The value of this account has not moved yet.", theme)
    at = moments(curve["time"])
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.06)
    figure.update_layout(new(title, theme, height=420, hovermode="x unified", showlegend=False).layout)
    nav, drawdown = curve["nav"].to_numpy(float), curve["drawdown"].to_numpy(float)
    figure.add_scatter(
        x=at, y=nav, name="NAV", mode="lines", line={"shape": "hv", "color": ACCENT, "width": 1.8},
        hovertemplate="%{y:,.2f}", row=1, col=1,
    )  # fmt: skip
    figure.add_hline(nav[0], line={"color": QUIET, "dash": "dot", "width": 1}, row=1, col=1)
    figure.add_annotation(
        x=1, xref="x domain", y=nav[0], yref="y", xanchor="right", yanchor="bottom", text="start", row=1, col=1
    )
    figure.add_scatter(
        x=at, y=drawdown, name="drawdown", mode="lines", fill="tozeroy",
        line={"shape": "hv", "color": DOWN, "width": 1}, hovertemplate="%{y:.3%}", row=2, col=1,
    )  # fmt: skip
    figure.update_xaxes(**time_axis(at))
    figure.update_xaxes(title_text="", row=1, col=1)
    figure.update_yaxes(title_text=f"NAV {currency}".strip(), tickformat=",.6~f", row=1, col=1)
    deepest = -float(drawdown.min())
    figure.update_yaxes(
        title_text="drawdown", tickformat=_share(deepest), range=[-1.2 * (deepest or 0.01), 0], nticks=4, row=2, col=1
    )
    return figure


def _share(size: float) -> str:
    """How many digits a percentage of this size needs on an axis."""
    if not size > 0:
        return ".0%"
    return f".{max(0, min(6, 1 - math.floor(math.log10(100 * size))))}%"


def exposure(table: pd.DataFrame, *, by: str = "sector", currency: str = "", theme: str = "light") -> go.Figure:
    """What the account has riding on each group: long to the right, short to the left.

    Parameters
    ----------
    table : DataFrame
        Columns ``group, long, short`` (not positive), ``net, weight`` (net as a share of NAV), as
        ``desk.exposure(by)`` gives them.
    by : str
        What the groups are, for the title.
    currency : str
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
    """
    title = f"Exposure by {by.replace('_', ' ')}"
    if not len(table):
        return blank(title, "Nothing is held, so nothing is at risk.", theme)
    rows = table.iloc[::-1]
    figure = new(title, theme, height=150 + 40 * len(rows), barmode="relative")
    for column, colour, word in (("long", UP, "long"), ("short", DOWN, "short")):
        amounts = rows[column].to_numpy(float)
        if amounts.any():
            figure.add_bar(
                y=rows["group"], x=amounts, orientation="h", name=word, marker={"color": colour, "opacity": 0.75},
                hovertemplate=f"%{{y}}: {word} %{{x:,.2f}}<extra></extra>",
            )  # fmt: skip
    ends = [max(0.0, float(amount)) for amount in rows["long"]]
    for group, net, weight, end in zip(rows["group"], rows["net"], rows["weight"], ends, strict=True):
        share = f" ({weight:+.1%} of NAV)".replace("-", "−") if math.isfinite(weight) else ""
        figure.add_annotation(
            x=end, y=group, xanchor="left", xshift=8, text=f"{net:,.0f}".replace("-", "−") + share, showarrow=False
        )
    widest = max([*ends, 1.0])
    low = min([0.0, *rows["short"].to_numpy(float)])
    figure.update_xaxes(
        title_text=currency, tickformat=",.6~s", zeroline=True, range=[low * 1.05, widest + 0.4 * (widest - low)]
    )
    return figure


def pnl_histogram(pnl: Sequence[float], *, currency: str = "", theme: str = "light") -> go.Figure:
    """How often how much was won or lost.

    Parameters
    ----------
    pnl : sequence of float
        Profit of each round trip after fees, as in ``desk.round_trips()["net_pnl"]``; NaN are left out.
    currency : str
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure

    Notes
    -----
    Bars begin and end at whole multiples of one width, so that none holds both profits and losses; a round trip that
    made exactly nothing counts as no loss.

    Examples
    --------
    >>> figure = pnl_histogram([-2.0, 1.0, 1.5])
    >>> [int(sum(trace.y)) for trace in figure.data]
    [1, 2]
    """
    import numpy as np

    title = "Profit and loss of round trips, after fees"
    values = np.asarray(pnl, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return blank(title, "No position has been closed yet.", theme)
    width = _bin_width(float(values.min()), float(values.max()))
    cells, counts = np.unique(np.floor(values / width).astype(np.int64), return_counts=True)
    figure = new(title, theme, bargap=0.04, barmode="overlay")
    for lost, colour, word in ((True, DOWN, "lost"), (False, UP, "won")):
        chosen = (cells < 0) == lost
        if chosen.any():
            centres = (cells[chosen] + 0.5) * width
            figure.add_bar(
                x=centres, y=counts[chosen], width=width * 0.96, name=word,
                marker={"color": colour, "opacity": 0.75}, hovertemplate="%{y} round trips<extra></extra>",
            )  # fmt: skip
    mean = float(values.mean())
    figure.add_vline(mean, line={"color": ink(theme).text, "dash": "dash", "width": 1})
    figure.add_annotation(
        x=mean, y=1, yref="paper", yanchor="bottom", xanchor="left", text=f"mean {money(mean)}", showarrow=False
    )
    figure.update_xaxes(title_text=currency, tickformat=",.6~f", zeroline=True)
    figure.update_yaxes(title_text="round trips", rangemode="tozero", tickformat=",d")
    if counts.max() <= 5:
        figure.update_yaxes(dtick=1)
    return figure


def _bin_width(low: float, high: float) -> float:
    """A width of 1, 2 or 5 times a power of ten that makes about ``BINS`` bars."""
    raw = max((high - low) / BINS, max(abs(low), abs(high)) / 100, 1e-6)
    power: float = 10.0 ** math.floor(math.log10(raw))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= raw * (1 - 1e-9))
