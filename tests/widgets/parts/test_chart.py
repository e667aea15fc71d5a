"""Does the chart show bars, indicators, fills, orders and news in a browser, and can an order be moved on it?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import vtrade as vt
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.messages import RoomCommand

pytestmark = pytest.mark.needs("browser")

LINES = ".vt-line:not([hidden])"
BARS = {1: "1 s", 5: "5 s", 60: "1 min"}
HANDLE = ".vt-line[data-kind={}] .vt-line-handle"


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[vt.Desk]:
    """Some minutes of one share with fills, a limit, a stop and a headline; money for little more."""
    monkeypatch.setenv("VTRADE_PREFERENCES", "off")
    tape = vt.synthetic(7, symbols=["ACME", "BYTE"], minutes=8, events_per_second=6)
    made = vt.Desk(tape, language_model=None, cash=20_000, limits=RiskLimits.make(concentration=1))
    made.step(seconds=200)
    made.buy("ACME", 10)
    room: Any = made._room
    room.submit([RoomCommand(made.ts_ns, "news", "ACME", "Robots learn to knit")])
    made.step(seconds=60)
    made.sell("ACME", 4)
    bid = float(made.quotes().bid["ACME"])
    made.buy("ACME", 90, limit=round(bid - 0.2, 2), client_order_id="rest")
    made.sell("ACME", 6, stop=round(bid - 0.4, 2), client_order_id="guard")
    yield made
    made.close_desk()


Chart = Callable[..., Any]


@pytest.fixture
def chart(stage: Callable[..., Any], desk: vt.Desk) -> Chart:
    """Put the chart on a page, and look at something with it."""

    def put(*, width: int = 900, theme: str = "light", **look: Any) -> Any:
        shown = stage(desk, "chart", width=width, theme=theme)
        if look:
            shown.panel.take({"look": look, "view": "test", "request": "look"})
        shown.until(f"document.querySelectorAll('{LINES}').length === 2")
        shown.until(f"document.querySelector('.vt-plot-focus').ariaLabel.includes('of {BARS[look.get('bar_s', 60)]}')")
        return shown

    return put


def look(shown: Any) -> dict[str, Any]:
    """What the panel looks at."""
    return dict(shown.panel._look)


def price(desk: vt.Desk, name: str, column: str) -> float:
    return float(desk.orders().set_index("client_order_id")[column][name])


@pytest.mark.parametrize(("theme", "width"), [("light", 1100), ("dark", 320)])
def test_what_it_looks_like(chart: Chart, theme: str, width: int) -> None:
    shown = chart(width=width, theme=theme, indicators=["ema:9", "bollinger", "rsi", "macd"], bar_s=5)
    shown.until("document.querySelectorAll('.vt-readout').length === 3")
    assert shown.page.locator(LINES).count() == 2
    assert "EMA 9" in shown.text(".vt-readout-row:nth-child(2)")
    label = shown.page.locator(".vt-plot-focus").get_attribute("aria-label")
    assert label.startswith("ACME, ")
    assert "long 6 at" in label
    assert "2 order lines" in label
    box = shown.page.locator(".vt-chart-box").bounding_box()
    assert box["height"] > 300
    assert box["width"] <= width
    assert shown.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    shown.picture(f"chart-{theme}-{width}")
    assert shown.axe() == []
    assert shown.bad == []


def test_an_order_is_moved_with_the_pointer(chart: Chart, desk: vt.Desk) -> None:
    shown = chart(bar_s=5)
    before = price(desk, "rest", "limit_price")
    box = shown.page.locator(HANDLE.format("limit")).bounding_box()
    x, y = box["x"] + 20, box["y"] + box["height"] / 2
    shown.page.mouse.move(x, y)
    shown.page.mouse.down()
    shown.page.mouse.move(x, y + 40, steps=4)
    assert shown.page.locator(".vt-line[data-kind=limit]").get_attribute("data-state") == "draft"
    shown.picture("chart-drag")
    assert price(desk, "rest", "limit_price") == before, "nothing is sent before it is let go"
    shown.page.mouse.up()
    shown.until("document.querySelector('.vt-line[data-kind=limit]').dataset.state === 'still'")
    after = price(desk, "rest", "limit_price")
    assert after < before
    assert f"@ {after:.2f}" in shown.text(HANDLE.format("limit"))
    assert after == pytest.approx(round(after, 2), abs=1e-9)


def test_an_order_is_moved_with_the_keyboard(chart: Chart, desk: vt.Desk) -> None:
    shown = chart(bar_s=5)
    before = price(desk, "guard", "stop_price")
    handle = shown.page.locator(HANDLE.format("stop"))
    handle.focus()
    shown.page.keyboard.press("Shift+ArrowDown")
    assert handle.get_attribute("aria-valuetext") == f"{before - 0.1:.2f}; Enter sends, Escape gives up"
    shown.page.keyboard.press("Escape")
    assert handle.get_attribute("aria-valuetext") == f"{before:.2f}"
    for _ in range(3):
        shown.page.keyboard.press("ArrowDown")
    shown.page.keyboard.press("Enter")
    shown.until(f"document.querySelector('{HANDLE.format('stop')}').textContent.includes('{before - 0.03:.2f}')")
    shown.until("document.querySelector('.vt-line[data-kind=stop]').dataset.state === 'still'")
    assert price(desk, "guard", "stop_price") == pytest.approx(before - 0.03)
    assert shown.page.evaluate(f"document.activeElement === document.querySelector('{HANDLE.format('stop')}')")


def test_a_refused_change_comes_back_with_its_reason(chart: Chart, desk: vt.Desk) -> None:
    shown = chart(bar_s=5)
    desk.buy("BYTE", 30, limit=1, client_order_id="other")
    before = price(desk, "rest", "limit_price")
    handle = shown.page.locator(HANDLE.format("limit"))
    handle.focus()
    for _ in range(700):
        shown.page.keyboard.press("PageUp")
    shown.page.keyboard.press("Enter")
    assert shown.page.locator(".vt-line[data-kind=limit]").get_attribute("data-state") == "pending"
    shown.until("document.querySelector('.vt-line-note:not([hidden])')")
    assert "buying power" in shown.text(".vt-line-note:not([hidden])")
    assert price(desk, "rest", "limit_price") == before
    assert f"@ {before:.2f}" in handle.inner_text()
    shown.picture("chart-refused")
    assert shown.axe() == []


def test_indicators_and_lengths_are_chosen_by_keyboard(chart: Chart) -> None:
    shown = chart()
    shown.page.locator("[role=radio][aria-checked=true]").focus()
    shown.page.keyboard.press("ArrowLeft")
    shown.until("document.querySelector('[role=radio][aria-checked=true]').textContent === '15 s'")
    shown.page.keyboard.press("Tab")
    shown.page.keyboard.press("Enter")
    period = shown.page.locator("[aria-label='Exponential average, period']")
    period.fill("0")
    period.press("Enter")
    shown.until("document.querySelector('.vt-study-wrong:not([hidden])')")
    assert "from 1 to 500" in shown.text(".vt-study-wrong")
    period.fill("7")
    period.press("Enter")
    shown.until("document.querySelectorAll('.vt-study-active li').length === 1")
    assert look(shown)["indicators"] == ["ema:7"]
    assert shown.axe() == []
    shown.picture("chart-menu")
    shown.page.locator("[aria-label='Remove EMA 7']").press("Enter")
    shown.until("document.querySelectorAll('.vt-study-active li').length === 0")
    shown.page.keyboard.press("Escape")
    assert not shown.page.locator(".vt-study-menu").is_visible()
    assert shown.page.evaluate("document.activeElement.className") == "vt-study-opener"


def test_history_now_and_news(chart: Chart, desk: vt.Desk) -> None:
    shown = chart(width=600, bar_s=1, bars=60)
    shown.until("document.querySelector('.vt-plot-focus').getAttribute('aria-label').includes('60 bars')")
    news = shown.page.locator(".vt-event:visible")
    assert news.count() == 1
    news.focus()
    assert "Robots learn to knit" in shown.text(".vt-event-tip")
    plot = shown.page.locator(".vt-plot-focus")
    plot.focus()
    shown.page.keyboard.press("ArrowLeft")
    assert ", O " in shown.text(".vt-chart-spoken")
    shown.page.keyboard.press("Home")
    shown.until("!document.querySelector('.vt-plot-focus').getAttribute('aria-label').includes('60 bars')")
    assert look(shown)["bars"] > 60
    shown.page.keyboard.press("Home")
    shown.until("!document.querySelector('.vt-now').hidden")
    before = shown.text(".vt-readout-when")
    desk.step(seconds=5)
    shown.pump(0.4)
    assert shown.text(".vt-readout-when") == before, "where one looks stays in sight while the market goes on"
    assert not shown.page.locator(".vt-now").is_hidden()
    shown.page.locator(".vt-now").press("Enter")
    shown.until("document.querySelector('.vt-now').hidden")
    assert shown.bad == []


def test_an_order_that_ends_takes_its_line_along(chart: Chart, desk: vt.Desk) -> None:
    shown = chart()
    shown.page.locator(HANDLE.format("limit")).focus()
    desk.cancel("rest")
    shown.until(f"document.querySelectorAll('{LINES}').length === 1")
    assert shown.page.evaluate("document.activeElement.className") == "vt-plot-focus"
    desk.rewind(seconds=1_000)
    shown.until(f"document.querySelectorAll('{LINES}').length === 0")
    assert "No prices yet" in shown.text(".vt-empty:not([hidden])")
    assert shown.bad == []
