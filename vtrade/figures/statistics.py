"""What do the statistics of an account say, in words?

Rules: each number stands beside what it means; what is undefined is said to be, never shown as a number. A Sharpe
ratio is never told without its standard error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from vtrade.figures.tables import Table, table

MINUTE_NS: Final = 60 * 10**9
DAY_NS: Final = 24 * 60 * MINUTE_NS
ERRORS_APART: Final = 2.0
"""So many standard errors from zero are taken for more than luck."""

MEANINGS: Final = {
    "net_profit": ("{:+,.2f}", "value at the end less what was paid in"),
    "total_return": ("{:+.4%}", "the same, as a share of what was paid in"),
    "volatility": ("{:.2%}", "how much returns vary, brought to a year"),
    "sharpe_ratio": ("{:.2f}", "mean return by its variation, brought to a year"),
    "sharpe_ratio_standard_error": ("{:.2f}", "how far off that may easily be"),
    "sortino_ratio": ("{:.2f}", "as Sharpe, but only losses count as variation"),
    "calmar_ratio": ("{:.2f}", "yearly return by the deepest drawdown; daily data only"),
    "max_drawdown": ("{:.4%}", "deepest fall below the highest value so far"),
    "value_at_risk": ("{:.4%}", "loss of one step that 95 % of steps stay under"),
    "expected_shortfall": ("{:.4%}", "mean loss of the other 5 %"),
    "hit_rate": ("{:.1%}", "round trips that made money, after fees"),
    "profit_factor": ("{:.2f}", "what those made, by what the others lost"),
    "slippage_bps": ("{:+.2f}", "fills against the mid on arrival; above zero is a cost"),
    "turnover": ("{:.2f}", "bought and sold, by what was paid in"),
}
"""Statistic -> how it is written, and what it says."""


def statistics_table(statistics: Mapping[str, Any]) -> Table:
    """Statistics with what they mean.

    Parameters
    ----------
    statistics : mapping of str to number
        Money in whole units, as a row of ``vt.load_journal(path).statistics()`` has it; those of :data:`MEANINGS` that
        are there are shown.

    Returns
    -------
    Table

    Examples
    --------
    >>> print(statistics_table({"total_return": 0.0125, "hit_rate": float("nan")}).frame["value"].tolist())
    ['+1.2500%', 'not defined']
    """
    import pandas as pd

    rows = [
        (name, _written(form, float(statistics[name])), words)
        for name, (form, words) in MEANINGS.items()
        if name in statistics
    ]
    return table(pd.DataFrame(rows, columns=["statistic", "value", "what it says"], dtype="str"))


def _written(form: str, value: float) -> str:
    if math.isnan(value):
        return "not defined"
    return form.format(value) if math.isfinite(value) else "beyond measure: nothing to divide by"


def sharpe_words(statistics: Mapping[str, Any]) -> str:
    """What the Sharpe ratio is worth, as one or two sentences of Markdown.

    Parameters
    ----------
    statistics : mapping of str to number
        With ``sharpe_ratio, sharpe_ratio_standard_error, observations, period_ns, periods_per_year``.

    Examples
    --------
    >>> found = {"sharpe_ratio": 1.5, "sharpe_ratio_standard_error": 0.5, "observations": 252}
    >>> sharpe_words({**found, "period_ns": DAY_NS, "periods_per_year": 252.0})[:58]
    'Sharpe ratio **1.50**, give or take **0.50** (one standard'
    """
    ratio, error = float(statistics["sharpe_ratio"]), float(statistics["sharpe_ratio_standard_error"])
    n = int(statistics["observations"])
    if not (math.isfinite(ratio) and math.isfinite(error)):
        return f"{n:,} returns are too few, or too much alike, to measure a Sharpe ratio."
    unit, word = (MINUTE_NS, "minute") if statistics["period_ns"] < DAY_NS else (DAY_NS, "day")
    width = statistics["period_ns"] / unit
    step = f"one {word}" if width == 1 else f"{width:g} {word}s"
    told = (
        f"Sharpe ratio **{ratio:.2f}**, give or take **{error:.2f}** (one standard error), from {n:,} returns of "
        f"{step} each; {statistics['periods_per_year']:,.0f} of those make a year. That is "
    )
    if abs(ratio) < ERRORS_APART * error:
        return f"{told}less than two standard errors from zero: it may well be luck."
    return f"{told}more than two standard errors from zero: luck alone seldom does that."
