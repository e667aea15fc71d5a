"""How do a market, an account and a cost look as pictures?

Rules: a figure is a function of plain tables and numbers, those that ``desk.book()``, ``desk.fills()`` and their like
give, and returns a plotly figure; it asks nothing and decides nothing. Light and dark differ in paper and ink only.
Meaning is never told by colour alone. Where there is nothing to draw, the figure says so. plotly is imported when the
first figure is drawn.

>>> from vtrade import figures
>>> figure = figures.cost_waterfall({"spread": 1.0, "depth": 0.0, "delay": 0.0, "fees": 0.5, "total": 1.5})
>>> figure.data[0].type
'waterfall'
"""

from vtrade.figures.costs import cost_waterfall, model_comparison
from vtrade.figures.market import book_depth, price, queue
from vtrade.figures.money import equity_curve, exposure, pnl_histogram
from vtrade.figures.statistics import sharpe_words, statistics_table
from vtrade.figures.tables import table
from vtrade.figures.theme import template

__all__ = [
    "book_depth", "cost_waterfall", "equity_curve", "exposure", "model_comparison", "pnl_histogram", "price", "queue",
    "sharpe_words", "statistics_table", "table", "template",
]  # fmt: skip
