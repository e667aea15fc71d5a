"""Which paper, ink and colours do all figures share?

Rules: one set of colours for data, legible on light and on dark paper (3.5 to 1 or better on both); up and down are
those of the panel's meaning, and always come with a word, a sign or a shape. Paper and ink come in two themes.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vtrade.errors import VTradeError

if TYPE_CHECKING:
    import plotly.graph_objects as go

UP: Final = "#16926a"
DOWN: Final = "#d8524a"
ACCENT: Final = "#3b7ddd"
WARM: Final = "#b87a14"
VIOLET: Final = "#8f63d2"
TEAL: Final = "#1d8fa8"
QUIET: Final = "#788593"

COLOURS: Final = (ACCENT, WARM, VIOLET, TEAL, UP, DOWN, QUIET)
"""Of the data, the same in both themes."""

FONT: Final = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
HEIGHT: Final = 340
"""Of a figure with one part, in pixels."""


class FigureError(VTradeError, ValueError):
    """A figure was asked for something that cannot be drawn."""


@dataclass(frozen=True)
class Ink:
    """What differs between light and dark: paper, text, muted text, lines of the grid."""

    paper: str
    text: str
    muted: str
    line: str


INKS: Final = {
    "light": Ink("#ffffff", "#16202b", "#52606d", "#e3e8ed"),
    "dark": Ink("#141a21", "#e8edf2", "#9dabb9", "#29333e"),
}


def ink(theme: str) -> Ink:
    """Paper and ink of a theme.

    Raises
    ------
    FigureError
        If there is no such theme.
    """
    try:
        return INKS[theme]
    except KeyError:
        raise FigureError(f"there is no theme {theme!r}; choose one of {', '.join(INKS)}") from None


def template(theme: str = "light") -> go.layout.Template:
    """The plotly template of a theme, for figures of your own.

    Parameters
    ----------
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.layout.Template

    Raises
    ------
    FigureError
        If there is no such theme.

    Examples
    --------
    >>> template("light").layout.colorway == template("dark").layout.colorway
    True
    """
    import plotly.graph_objects as go

    look = ink(theme)
    axis = {
        "gridcolor": look.line, "linecolor": look.line, "zerolinecolor": look.muted, "zerolinewidth": 1,
        "tickfont": {"color": look.muted, "size": 12}, "title": {"font": {"color": look.muted, "size": 12}},
        "automargin": True,
    }  # fmt: skip
    return go.layout.Template(
        layout={
            "colorway": list(COLOURS),
            "paper_bgcolor": look.paper,
            "plot_bgcolor": look.paper,
            "font": {"family": FONT, "size": 13, "color": look.text},
            "title": {"x": 0, "xref": "container", "xanchor": "left", "pad": {"l": 14}, "font": {"size": 15}},
            "margin": {"l": 56, "r": 24, "t": 56, "b": 44},
            "hoverlabel": {"font": {"family": FONT, "size": 12}},
            "legend": {
                "orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom",
                "font": {"color": look.muted, "size": 12},
            },
            "bargap": 0.12,
            "separators": ".,",
            "xaxis": axis,
            "yaxis": axis,
            "annotationdefaults": {"font": {"color": look.muted, "size": 12}, "showarrow": False},
        }
    )  # fmt: skip


def new(title: str, theme: str, **layout: Any) -> go.Figure:
    """An empty figure in a theme."""
    import plotly.graph_objects as go

    chosen = {"height": HEIGHT, **layout}
    return go.Figure(layout={"template": template(theme), "title": {"text": title}, **chosen})


def blank(title: str, why: str, theme: str) -> go.Figure:
    """A figure that says why there is nothing to draw.

    Examples
    --------
    >>> blank("Fills", "No order has filled.", "light").layout.annotations[0].text
    'No order has filled.'
    """
    figure = new(title, theme, height=180)
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    return figure.add_annotation(text=why, x=0.5, y=0.5, xref="paper", yref="paper", font={"size": 14})


def moments(times: Iterable[str]) -> list[str]:
    """Times as tables show them, as ISO moments that an axis understands.

    A clock without a date is put on the first days of 1970, which :func:`time_axis` then does not print.

    Examples
    --------
    >>> moments(["2012-06-21 09:30:00.017", "09:30:00.017", "day 2 09:30:00"])
    ['2012-06-21T09:30:00.017', '1970-01-01T09:30:00.017', '1970-01-02T09:30:00']
    """
    out = []
    for text in times:
        found = re.fullmatch(r"(?:(\d{4}-\d\d-\d\d) |day (\d+) )?(\d\d:\d\d:\d\d(?:\.\d+)?)", text)
        if found is None:
            raise FigureError(f'{text!r} is no time; give "2012-06-21 09:30:00.017" or "09:30:00.017"')
        date = found[1] or str(dt.date(1970, 1, 1) + dt.timedelta(days=int(found[2] or 1) - 1))
        out.append(f"{date}T{found[3]}")
    return out


def time_axis(shown: list[str]) -> dict[str, Any]:
    """Settings of a time axis: no more of the date and the clock than tells moments apart."""
    if not shown:
        return {"type": "date"}
    first, last = (dt.datetime.fromisoformat(text) for text in (min(shown), max(shown)))
    dated = first.year > 1970
    if first.date() != last.date():
        return {"type": "date"} if dated else {"type": "date", "tickformat": "day %-d, %H:%M"}
    span = last - first
    clock = next(
        (form for most, form in ((10, "%H:%M:%S.%1f"), (480, "%H:%M:%S")) if span < dt.timedelta(seconds=most)), "%H:%M"
    )
    axis: dict[str, Any] = {"type": "date", "tickformat": clock, "hoverformat": "%H:%M:%S.%L"}
    if dated:
        axis["title"] = {"text": f"{first.date()}"}
    return axis


def money(value: float) -> str:
    """An amount with a sign, as words in a figure show it.

    Examples
    --------
    >>> money(-1234.5), money(0)
    ('−1,234.50', '0.00')
    """
    text = f"{value:+,.2f}".replace("-", "−")
    return text if any(digit in text for digit in "123456789") else "0.00"
