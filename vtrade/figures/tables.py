"""How does a table look on a page?

Rules: numbers to the right with one count of decimals a column, words to the left, no row numbers; at most so many
rows, and a line that says how many are left out; what is undefined stays empty. Colours are those of the page around
it. Nothing in the HTML changes from run to run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_CELL = "padding:3px 12px 3px 0;border:0;vertical-align:top"


class Table:
    """A table for a page; its text is that of the DataFrame."""

    def __init__(self, frame: pd.DataFrame, *, rows: int, digits: int) -> None:
        self.frame = frame
        self.rows = rows
        self.digits = digits

    def __repr__(self) -> str:
        return self.frame.tail(self.rows).to_string(index=False) if len(self.frame) else "none"

    def _repr_html_(self) -> str:
        if not len(self.frame):
            return "<p><em>None.</em></p>"
        shown = self.frame.tail(self.rows)
        columns = [_column(shown[name], self.digits) for name in shown]
        heads = "".join(
            f'<th style="{_CELL};text-align:{side}">{escape(str(name).replace("_", " "))}</th>'
            for name, (side, _) in zip(shown, columns, strict=True)
        )
        body = "".join(
            "<tr>" + "".join(f'<td style="{_CELL};text-align:{side}">{text}</td>' for side, text in row) + "</tr>"
            for row in zip(*([(side, text) for text in texts] for side, texts in columns), strict=True)
        )
        out = len(self.frame) - len(shown)
        note = f"<p>The last {len(shown):,} of {len(self.frame):,} rows.</p>" if out else ""
        style = "border-collapse:collapse;border:0;font-variant-numeric:tabular-nums"
        return f'<table style="{style}"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{note}'


def table(frame: pd.DataFrame, *, rows: int = 40, digits: int = 4) -> Table:
    """A DataFrame as a table for a page, without its row numbers.

    Parameters
    ----------
    frame : DataFrame
    rows : int
        At most so many are shown, the last ones.
    digits : int
        Most decimals of a number; a column has as many as its numbers need.

    Returns
    -------
    Table
        Shows itself as the last line of a cell.

    Examples
    --------
    >>> import pandas as pd
    >>> page = table(pd.DataFrame({"side": ["buy", "<b>"], "avg_px": [1250.5, 9.25]}))._repr_html_()
    >>> "1,250.50" in page, "9.25" in page, "&lt;b&gt;" in page, "avg px" in page
    (True, True, True, True)
    """
    return Table(frame, rows=rows, digits=digits)


def _column(values: pd.Series[Any], digits: int) -> tuple[str, list[str]]:
    """Where a column stands, and its cells as HTML."""
    from pandas.api.types import is_bool_dtype, is_float_dtype, is_integer_dtype

    if is_bool_dtype(values) or not (is_float_dtype(values) or is_integer_dtype(values)):
        return "left", [escape("" if _absent(value) else str(value)) for value in values]
    if is_integer_dtype(values):
        return "right", ["" if _absent(value) else f"{int(value):,}" for value in values]
    numbers = [float("nan") if _absent(value) else float(value) for value in values]
    places = decimals((number for number in numbers if math.isfinite(number)), most=digits)
    places = 2 if places == 1 else places  # 17.5 reads as money only as 17.50
    return "right", ["" if math.isnan(number) else f"{number + 0.0:,.{places}f}" for number in numbers]


def _absent(value: Any) -> bool:
    return value is None or str(value) == "<NA>" or value != value


def decimals(numbers: Iterable[float], *, most: int = 8) -> int:
    """How many decimals tell these numbers apart, at most ``most``.

    Examples
    --------
    >>> decimals([182.4, 182.25]), decimals([1.0, 2.0]), decimals([1 / 3], most=4)
    (2, 0, 4)
    """
    listed = list(numbers)
    near = 0.5 * 10.0**-most
    return next((n for n in range(most) if all(abs(round(x, n) - x) < near for x in listed)), most)
