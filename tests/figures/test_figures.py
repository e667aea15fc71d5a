"""Do figures show what the tables say, in both themes, also where there is nothing to show?"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import vtrade as vt
from vtrade import figures
from vtrade.execution.explain import PARTS, Explanation
from vtrade.execution.whatif import MODELS, Charge
from vtrade.figures import theme
from vtrade.figures.theme import COLOURS, INKS, FigureError, moments, time_axis

BOOK = pd.DataFrame(
    {"bid_size": [300.0, 50.0], "bid": [9.99, 9.98], "ask": [10.01, 10.03], "ask_size": [100.0, float("nan")]}
)
BARS = pd.DataFrame(
    {"open": [10.0, 10.2], "high": [10.3, 10.4], "low": [9.9, 10.1], "close": [10.2, 10.3], "volume": [500.0, 10.0]},
    index=pd.Index(["2026-01-05 09:30:00", "2026-01-05 09:31:00"], name="time"),
)
FILLS = pd.DataFrame(
    {
        "time": ["2026-01-05 09:30:10.000"] * 2 + ["2026-01-05 09:31:10.000"],
        "symbol": ["ACME"] * 3,
        "side": ["buy", "buy", "sell"],
        "price": [10.0, 10.1, 10.3],
        "quantity": [100.0, 300.0, 50.0],
    }
)
CURVE = pd.DataFrame({"time": ["09:30:00", "09:31:00", "09:32:00"], "nav": [100.0, 99.0, 101.0],
                      "drawdown": [0.0, -0.01, 0.0]})  # fmt: skip
EXPOSURE = pd.DataFrame({"group": ["Tech", "Energy"], "long": [900.0, 0.0], "short": [0.0, -200.0],
                         "net": [900.0, -200.0], "weight": [0.09, float("nan")]})  # fmt: skip
COSTS = {"spread": 1.0, "depth": 0.5, "impact": 0.25, "delay": -0.25, "fees": 0.5, "total": 2.0}
BPS = {"spread": 10.0, "depth": 5.0, "impact": 2.5, "delay": -2.5, "fees": 5.0, "total": 20.0}
CHARGES = [
    Charge("charged", 10.015, 1.5, 15.0, "for the 100 that filled"),
    Charge("mid", 10.0, 0.0, 0.0),
    Charge("touch", None, None, None, "would have waited: the best price 10.01 is above its limit"),
    Charge("square_root", None, None, None, "needs daily_volume, daily_volatility"),
]
STORY = Explanation(
    "Order #3 buy 100 ACME at market DAY: FILLED", [], COSTS, 0.5, None, "USD", bps=BPS, alternatives=CHARGES
)  # fmt: skip

DRAWN: dict[str, Callable[[str], Any]] = {
    "book_depth": lambda t: figures.book_depth(BOOK, symbol="ACME", fills=FILLS, limit=10.0, theme=t),
    "price": lambda t: figures.price(BARS, symbol="ACME", fills=FILLS, theme=t),
    "queue": lambda t: figures.queue(["09:30:00", "09:30:01"], [300, 0], [100, 40], theme=t),
    "equity_curve": lambda t: figures.equity_curve(CURVE, currency="USD", theme=t),
    "exposure": lambda t: figures.exposure(EXPOSURE, by="asset_class", currency="USD", theme=t),
    "pnl_histogram": lambda t: figures.pnl_histogram([-2.0, 1.0, 1.5, float("nan")], theme=t),
    "cost_waterfall": lambda t: figures.cost_waterfall(STORY, theme=t),
    "model_comparison": lambda t: figures.model_comparison(STORY, theme=t),
}
EMPTY: dict[str, Callable[[], Any]] = {
    "book_depth": lambda: figures.book_depth(BOOK.iloc[:0]),
    "price": lambda: figures.price(BARS.iloc[:0], fills=FILLS.iloc[:0]),
    "queue": lambda: figures.queue([], [], []),
    "equity_curve": lambda: figures.equity_curve(CURVE.iloc[:1]),
    "exposure": lambda: figures.exposure(EXPOSURE.iloc[:0]),
    "pnl_histogram": lambda: figures.pnl_histogram([]),
    "cost_waterfall": lambda: figures.cost_waterfall({}),
    "model_comparison": lambda: figures.model_comparison(CHARGES[2:]),
}


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", INKS)
def test_everything_can_be_read(name: str) -> None:
    ink = INKS[name]
    assert min(contrast(ink.text, ink.paper), contrast(ink.muted, ink.paper)) >= 4.5
    assert min(contrast(colour, ink.paper) for colour in COLOURS) >= 3.5


@pytest.mark.parametrize("name", DRAWN)
def test_themes_differ_in_paper_and_ink_only(name: str) -> None:
    light, dark = DRAWN[name]("light"), DRAWN[name]("dark")
    assert light.layout.template.layout.paper_bgcolor != dark.layout.template.layout.paper_bgcolor

    def stripped(figure: Any, look: str) -> str:
        plain = figure.to_plotly_json()
        del plain["layout"]["template"]
        text = json.dumps(plain, default=lambda value: np.asarray(value).tolist())
        for colour in (INKS[look].paper, INKS[look].text):
            text = text.replace(colour, "INK")
        return text

    assert stripped(light, "light") == stripped(dark, "dark")


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_small_and_the_same_each_time(name: str) -> None:
    one, two = DRAWN[name]("light").to_json(), DRAWN[name]("light").to_json()
    assert one == two
    assert len(one) < 10_000


@pytest.mark.parametrize("name", EMPTY)
def test_nothing_to_draw_is_said(name: str) -> None:
    figure = EMPTY[name]()
    assert len(figure.data) == 0
    assert len(figure.layout.annotations[0].text) > 10


def test_unknown_theme() -> None:
    with pytest.raises(FigureError, match="no theme 'sepia'; choose one of light, dark"):
        figures.pnl_histogram([1.0], theme="sepia")


# --- one by one ------------------------------------------------------------------------------------------------------


def test_the_book_shows_sizes_at_prices_and_what_was_taken() -> None:
    bids, asks, taken, limit = DRAWN["book_depth"]("light").data
    assert (list(bids.x), list(bids.y)) == ([9.99, 9.98], [300.0, 50.0])
    assert (list(asks.x), list(asks.y)) == ([10.01], [100.0]), "a level without a size is not drawn"
    assert dict(zip(taken.x, taken.y, strict=True)) == {10.0: 100.0, 10.1: 300.0, 10.3: 50.0}
    assert set(limit.x) == {10.0}
    assert "spread 0.02" in DRAWN["book_depth"]("light").layout.annotations[0].text


def test_a_one_sided_book_has_no_mid() -> None:
    figure = figures.book_depth(BOOK.assign(ask=float("nan")))
    assert not figure.layout.annotations
    assert len(figure.data[1].x) == 0


def test_fills_of_one_moment_are_one_mark_at_their_average() -> None:
    candles, bought, sold = DRAWN["price"]("light").data
    assert candles.type == "candlestick"
    assert list(bought.y) == [pytest.approx(10.075)]
    assert list(bought.customdata) == [400.0]
    assert (bought.marker.symbol, sold.marker.symbol) == ("triangle-up", "triangle-down")
    assert list(sold.x) == ["2026-01-05T09:31:10.000"]


def test_fills_of_other_symbols_are_left_out() -> None:
    assert len(figures.price(BARS, symbol="FUEL", fills=FILLS).data) == 1


def test_many_bars_are_a_line() -> None:
    times = [f"{dt.date(2000, 1, 1) + dt.timedelta(days=n)} 09:30:00" for n in range(500)]
    bars = pd.DataFrame({"open": 1.0, "high": 1.0, "low": 1.0, "close": np.arange(500.0), "volume": 0.0}, index=times)
    (line,) = figures.price(bars).data
    assert line.mode == "lines"
    assert list(line.y[-2:]) == [498.0, 499.0]


def test_the_curve_has_value_and_drawdown_on_one_clock() -> None:
    nav, drawdown = DRAWN["equity_curve"]("light").data
    assert list(nav.y) == [100.0, 99.0, 101.0]
    assert list(drawdown.y) == [0.0, -0.01, 0.0]
    assert list(nav.x) == list(drawdown.x)


def test_exposure_keeps_long_and_short_apart() -> None:
    figure = DRAWN["exposure"]("light")
    assert {trace.name: float(np.sum(trace.x)) for trace in figure.data} == {"long": 900.0, "short": -200.0}
    assert [note.text for note in figure.layout.annotations] == ["−200", "900 (+9.0% of NAV)"]
    assert figure.layout.title.text == "Exposure by asset class"


@pytest.mark.parametrize("scale", [1e-5, 1.0, 3_000.0])
def test_no_bar_holds_both_profit_and_loss(scale: float) -> None:
    values = scale * np.array([-3.3, -0.01, 0.0, 0.02, 7.1])
    lost, won = figures.pnl_histogram(values).data
    assert lost.name == "lost"
    assert (int(np.sum(lost.y)), int(np.sum(won.y))) == (2, 3)
    assert max(lost.x) < 0 < min(won.x)


def test_the_waterfall_is_the_explanation() -> None:
    figure = DRAWN["cost_waterfall"]("light")
    (bars,) = figure.data
    assert list(bars.y) == [1.0, 0.5, 0.25, -0.25, 0.5, 2.0]
    assert sum(bars.y[:-1]) == bars.y[-1]
    assert list(bars.text) == [
        "+1.00<br>+10.00 bps", "+0.50<br>+5.00 bps", "+0.25<br>+2.50 bps", "−0.25<br>−2.50 bps", "+0.50<br>+5.00 bps",
        "+2.00<br>+20.00 bps",
    ]  # fmt: skip
    assert figure.layout.title.text == "What it cost: #3 buy 100 ACME at market DAY"
    assert figure.layout.yaxis.title.text == "cost in USD"


def test_the_waterfall_knows_every_part_and_takes_plain_numbers() -> None:
    from vtrade.figures.costs import LABELS
    from vtrade.figures.costs import PARTS as DRAWN_PARTS

    assert tuple(DRAWN_PARTS) == PARTS
    assert set(LABELS) == set(MODELS)
    (bars,) = figures.cost_waterfall({"spread": 1.0, "fees": 0.5, "total": 1.5}).data
    assert list(bars.text) == ["+1.00", "0.00", "0.00", "0.00", "+0.50", "+1.50"]


def test_models_stand_beside_what_was_charged() -> None:
    figure = DRAWN["model_comparison"]("light")
    (bars,) = figure.data
    assert list(bars.x) == [15.0, 0.0, 0.0, 0.0]
    assert list(bars.text) == [" +15.00 bps at 10.0150", " 0.00 bps at 10.0000", "", ""]
    assert len(set(bars.marker.color[1:])) == 1
    assert bars.marker.color[0] not in bars.marker.color[1:]
    assert [note.text.strip() for note in figure.layout.annotations] == [
        "would have waited: the best price 10.01 is above its limit", "needs daily volume, daily volatility"
    ]  # fmt: skip
    assert figure.layout.title.text == "Beside other models: #3 buy 100 ACME at market DAY"
    assert figures.model_comparison(CHARGES).layout.title.text == "Beside other models"


@pytest.mark.parametrize("bps", [15.0, -15.0])
def test_the_words_of_a_model_have_room(bps: float) -> None:
    figure = figures.model_comparison([Charge("charged", 9.9, 1.0, bps), *CHARGES[2:]])
    low, high = figure.layout.xaxis.range
    assert (high > 20.0) if bps > 0 else (low < -20.0)
    assert {note.xanchor for note in figure.layout.annotations} == {"left" if bps > 0 else "right"}


def test_a_queue_needs_one_of_each() -> None:
    with pytest.raises(FigureError, match="2 times, 1 places ahead and 2 quantities do not match"):
        figures.queue(["09:30:00", "09:30:01"], [1], [1, 2])


def test_figures_take_what_a_desk_gives() -> None:
    desk = vt.Desk(vt.synthetic(3, symbols=["ACME", "LUMA"], minutes=2), language_model=None)
    for draw in (
        lambda: figures.book_depth(desk.book("LUMA"), symbol="LUMA", fills=desk.fills()),
        lambda: figures.price(desk.bars("ACME", 5), symbol="ACME", fills=desk.fills()),
        lambda: figures.equity_curve(desk.equity_curve(), currency="USD"),
        lambda: figures.exposure(desk.exposure("sector")),
        lambda: figures.pnl_histogram(desk.round_trips()["net_pnl"]),
        lambda: figures.table(desk.orders()),
    ):
        draw()
    order = desk.buy("ACME", 100)
    desk.buy("LUMA", 12.34)
    desk.step(seconds=30)
    desk.close("ACME")
    assert figures.cost_waterfall(order.explain()).data
    assert figures.model_comparison(order.explain()).data
    assert figures.equity_curve(desk.equity_curve()).data
    assert figures.exposure(desk.exposure()).data
    assert figures.pnl_histogram(desk.round_trips()["net_pnl"]).data
    assert "12.34" in figures.table(desk.fills())._repr_html_()
    desk.close_desk()


# --- times, tables, words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "form"),
    [
        (["09:30:00", "09:30:04"], "%H:%M:%S.%1f"),
        (["09:30:00", "09:34:00"], "%H:%M:%S"),
        (["2026-01-05 09:30:00", "2026-01-05 15:30:00"], "%H:%M"),
        (["2012-06-21 09:30:00", "2012-06-22 09:30:00"], None),
        (["09:30:00", "day 2 09:30:00"], "day %-d, %H:%M"),
    ],
)
def test_a_clock_shows_what_tells_moments_apart(times: list[str], form: str | None) -> None:
    axis = time_axis(moments(times))
    assert axis.get("tickformat") == form
    assert "1970" not in json.dumps(axis)


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(FigureError, match="'noon' is no time"):
        moments(["noon"])


def test_a_table_counts_what_it_leaves_out() -> None:
    frame = pd.DataFrame({"n": range(50), "price": [1.5] * 50, "why": [None] * 49 + ["<script>"]})
    page = figures.table(frame, rows=3)._repr_html_()
    assert "The last 3 of 50 rows." in page
    assert page.count("<tr>") == 4
    assert "1.50" in page
    assert "&lt;script&gt;" in page
    assert "nan" not in page.lower().replace("tabular-nums", "")
    assert "None." in figures.table(frame.iloc[:0])._repr_html_()


def test_sharpe_is_told_with_its_error() -> None:
    found = {"sharpe_ratio": 1.0, "sharpe_ratio_standard_error": 0.6, "observations": 40, "periods_per_year": 252.0,
             "period_ns": 24 * 3600 * 10**9}  # fmt: skip
    assert "**1.00**, give or take **0.60**" in figures.sharpe_words(found)
    assert "it may well be luck" in figures.sharpe_words(found)
    assert "luck alone seldom" in figures.sharpe_words({**found, "sharpe_ratio_standard_error": 0.4})
    assert "too few" in figures.sharpe_words({**found, "sharpe_ratio": float("nan")})
    assert "5 minutes" in figures.sharpe_words({**found, "period_ns": 300 * 10**9})


def test_undefined_statistics_are_said_to_be() -> None:
    frame = figures.statistics_table({"hit_rate": float("nan"), "profit_factor": float("inf"), "turnover": 1.5}).frame
    assert frame["value"].tolist() == ["not defined", "beyond measure: nothing to divide by", "1.50"]


def test_every_statistic_of_an_account_is_explained() -> None:
    from vtrade.figures.statistics import MEANINGS
    from vtrade.portfolio.frames import STATISTICS

    assert set(MEANINGS) <= set(STATISTICS)


def test_the_package_lists_what_it_offers() -> None:
    assert set(DRAWN) | {"table", "template", "statistics_table", "sharpe_words"} == set(figures.__all__)
    assert theme.HEIGHT > 0
