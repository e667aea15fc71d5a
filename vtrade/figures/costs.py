"""What did trading cost, part by part?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from vtrade.figures.theme import ACCENT, DOWN, UP, blank, money, new

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from vtrade.execution.explain import Explanation

PARTS: Final = {
    "spread": "from the mid to the best price",
    "depth": "beyond the best price, into the book",
    "delay": "how the mid moved before the fill",
    "fees": "what the venue charges",
}
"""Parts of a cost, and what each is for."""


def cost_waterfall(
    costs: Explanation | Mapping[str, float], *, title: str = "", currency: str = "", theme: str = "light"
) -> go.Figure:
    """Costs against the mid on arrival, part by part to their sum; what is below zero was earned.

    Parameters
    ----------
    costs : Explanation or mapping
        ``order.explain()``, or its ``costs``: the parts ``spread, depth, delay, fees`` and ``total``, money units.
    title : str
        The order's own where it is left out.
    currency : str
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure

    Examples
    --------
    >>> figure = cost_waterfall({"spread": 1.0, "depth": 0.5, "delay": -0.25, "fees": 0.5, "total": 1.75})
    >>> list(figure.data[0].measure)
    ['relative', 'relative', 'relative', 'relative', 'total']
    """
    import plotly.graph_objects as go

    parts: Mapping[str, float]
    if isinstance(costs, Mapping):
        parts = costs
    else:
        parts = costs.costs
        title = title or f"What it cost: {costs.title.partition(':')[0].removeprefix('Order ')}"
        currency = currency or costs.currency
    title = title or "What it cost"
    if not parts:
        why = "Nothing filled, or there was no price on arrival: there is no cost to measure."
        return blank(title, why, theme)
    names = [*PARTS, "total"]
    amounts = [float(parts[name]) for name in names]
    figure = new(title, theme, showlegend=False)
    figure.add_trace(
        go.Waterfall(
            x=[f"<b>{name}</b><br>{_broken(PARTS.get(name, 'cost in all' if amounts[-1] >= 0 else 'earned in all'))}"
               for name in names],
            y=amounts,
            measure=["relative"] * len(PARTS) + ["total"],
            text=[money(amount) for amount in amounts],
            textposition="outside",
            cliponaxis=False,
            increasing={"marker": {"color": DOWN}},
            decreasing={"marker": {"color": UP}},
            totals={"marker": {"color": ACCENT}},
            connector={"line": {"width": 1, "dash": "dot"}},
            hovertemplate="%{text}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(title_text=f"cost in {currency}" if currency else "cost", zeroline=True)
    return figure


def _broken(words: str) -> str:
    """Words on two lines, so that they fit under a bar."""
    half = words.find(" ", len(words) // 2 - 2)
    return words if half < 0 else f"{words[:half]}<br>{words[half + 1 :]}"
