"""What did trading cost, part by part, and what would other models have charged?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from vtrade.figures.theme import ACCENT, DOWN, HEIGHT, QUIET, UP, blank, ink, money, new

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from vtrade.execution.explain import Explanation
    from vtrade.execution.whatif import Charge

PARTS: Final = {
    "spread": "from the mid to the best price",
    "depth": "beyond the best price, into the book",
    "impact": "what trading itself made it dearer",
    "delay": "how the mid moved before the fill",
    "fees": "what the venue charges",
}
"""Parts of a cost, and what each is for."""

LABELS: Final = {
    "charged": "<b>this order</b>",
    "paper": "paper game: the last price",
    "mid": "the mid",
    "touch": "the best price, without end",
    "book": "the visible book",
    "book_and_beyond": "the book and beyond it",
    "square_root": "square-root law",
    "almgren_2005": "Almgren 2005",
    "volume_share": "volume share of a bar",
}
"""Models of execution, as a figure names them."""

ROW: Final = 34
"""Height of a model's row, in pixels."""

LINE: Final = 16
"""Letters that fit under a bar of the waterfall."""


def cost_waterfall(
    costs: Explanation | Mapping[str, float], *, title: str = "", currency: str = "",
    bps: Mapping[str, float] | None = None, theme: str = "light",
) -> go.Figure:  # fmt: skip
    """Costs against the mid on arrival, part by part to their sum; what is below zero was earned.

    Parameters
    ----------
    costs : Explanation or mapping
        ``order.explain()``, or its ``costs``: the parts ``spread, depth, impact, delay, fees`` (one that is left out
        is 0) and ``total``, money units.
    title : str
        The order's own where it is left out.
    currency : str
    bps : mapping, optional
        The same parts in basis points, written under the money; the explanation's own where it is left out.
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure

    Examples
    --------
    >>> figure = cost_waterfall({"spread": 1.0, "depth": 0.5, "delay": -0.25, "fees": 0.5, "total": 1.75})
    >>> list(figure.data[0].y)
    [1.0, 0.5, 0.0, -0.25, 0.5, 1.75]
    """
    import plotly.graph_objects as go

    parts: Mapping[str, float]
    if isinstance(costs, Mapping):
        parts = costs
    else:
        parts = costs.costs
        title = title or f"What it cost: {_order(costs.title)}"
        currency = currency or costs.currency
        bps = costs.bps if bps is None else bps
    title = title or "What it cost"
    if not parts:
        why = "Nothing filled, or there was no price on arrival: there is no cost to measure."
        return blank(title, why, theme)
    names = [*PARTS, "total"]
    amounts = [float(parts.get(name, 0.0)) for name in names]
    figure = new(title, theme, showlegend=False, height=HEIGHT + 40)
    figure.add_trace(
        go.Waterfall(
            x=[f"<b>{name}</b><br>{_broken(PARTS.get(name, 'cost in all' if amounts[-1] >= 0 else 'earned in all'))}"
               for name in names],
            y=amounts,
            measure=["relative"] * len(PARTS) + ["total"],
            text=[money(amount) + (f"<br>{money(bps[name])} bps" if bps and name in bps else "")
                  for name, amount in zip(names, amounts, strict=True)],
            textposition="outside",
            cliponaxis=False,
            increasing={"marker": {"color": DOWN}},
            decreasing={"marker": {"color": UP}},
            totals={"marker": {"color": ACCENT}},
            connector={"line": {"width": 1, "dash": "dot", "color": QUIET}},
            hovertemplate="%{text}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_xaxes(tickangle=0)
    figure.update_yaxes(title_text=f"cost in {currency}" if currency else "cost", zeroline=True)
    return figure


def model_comparison(charges: Explanation | Sequence[Charge], *, title: str = "", theme: str = "light") -> go.Figure:
    """What was charged, beside what other models of execution would have charged for the same order.

    Parameters
    ----------
    charges : Explanation or sequence of Charge
        ``order.explain()``, or its ``alternatives``.
    title : str
        The order's own where it is left out.
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
        Basis points against the arrival, without fees; a model that cannot tell says why in its row.

    Examples
    --------
    >>> from vtrade.execution.whatif import Charge
    >>> figure = model_comparison([Charge("charged", 10.05, 3.0, 29.9), Charge("mid", 10.02, 0.0, 0.0)])
    >>> list(figure.data[0].x)
    [29.9, 0.0]
    """
    import plotly.graph_objects as go

    told: Sequence[Charge]
    if isinstance(charges, Sequence):
        told = charges
    else:
        told = charges.alternatives
        title = title or f"Beside other models: {_order(charges.title)}"
    title = title or "Beside other models"
    if not any(charge.bps is not None for charge in told):
        why = "The order met no price to compare with, or no model has what it needs."
        return blank(title, why, theme)
    values = [0.0 if charge.bps is None else charge.bps for charge in told]
    figure = new(title, theme, showlegend=False, height=110 + ROW * len(told), bargap=0.35)
    figure.add_trace(
        go.Bar(
            x=values,
            y=[LABELS.get(charge.model, charge.model) for charge in told],
            orientation="h",
            marker={"color": [ACCENT if charge.model == "charged" else QUIET for charge in told]},
            text=[
                "" if charge.bps is None else f" {money(charge.bps)} bps at {_digits(charge.price)}" for charge in told
            ],
            textposition="outside",
            textfont={"color": ink(theme).text},
            cliponaxis=False,
            hovertext=[charge.note or LABELS.get(charge.model, charge.model) for charge in told],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    room = "left" if max(0.0, *values) >= -min(0.0, *values) else "right"
    for charge in told:
        if charge.bps is None:
            figure.add_annotation(
                x=0, y=LABELS.get(charge.model, charge.model), text=f" {_short(charge.note)} ", xanchor=room,
                font={"size": 11},
            )  # fmt: skip
    words = "basis points against the arrival, without fees; a cost is above zero"
    figure.update_xaxes(title_text=words, zeroline=True, range=_span(values))
    figure.update_yaxes(autorange="reversed", showgrid=False, ticklabelstandoff=6)
    return figure


def _order(title: str) -> str:
    """The order's own words in an explanation's title."""
    return title.partition(":")[0].removeprefix("Order ")


def _short(note: str, most: int = 70) -> str:
    """A note that fits into a row; the names of what is missing are told as words."""
    text = note.replace("_", " ")
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _span(values: Sequence[float]) -> list[float]:
    """A range with room for the words beside the bars."""
    low, high = min(0.0, *values), max(0.0, *values)
    room = (high - low) or 1.0
    wide = 0.65 if low < 0 < high else 0.45
    return [low - (wide if low < 0 else 0.02) * room, high + (wide if high > 0 or not low else 0.02) * room]


def _digits(price: float | None) -> str:
    """A price with six digits, two of them after the point at least."""
    return "" if price is None else f"{price:,.{max(2, 6 - len(str(int(abs(price)))))}f}"


def _broken(words: str) -> str:
    """Words on short lines, so that they fit under a bar."""
    lines: list[str] = []
    for word in words.split():
        if lines and len(lines[-1]) + 1 + len(word) <= LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "<br>".join(lines)
