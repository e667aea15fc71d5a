"""Can orders be placed, moved and taken back on the ladder, by pointer and by keyboard, and never by accident?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import vtrade as vt
from vtrade.domain.orders import Status

pytestmark = pytest.mark.needs("browser")

OVERFLOWING = """() => [...document.querySelectorAll('.vt-ladder *')].filter((n) => !n.closest('[hidden]')
  && n.getBoundingClientRect().right > document.querySelector('.vt-desk').getBoundingClientRect().right + 0.5)
  .map((n) => n.className)"""
PRICES = """() => [...document.querySelectorAll('.vt-rung[data-ticks]')].map((n) =>
  [n.dataset.ticks, Math.round(n.getBoundingClientRect().top)].join(' at '))"""


@pytest.fixture(autouse=True)
def _own_preferences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is chosen here stays here."""
    monkeypatch.setenv("VTRADE_PREFERENCES", str(tmp_path))


@pytest.fixture(scope="module")
def market() -> vt.Tape:
    return vt.synthetic(7, symbols=["ACME"], minutes=3)


@pytest.fixture
def desk(market: vt.Tape) -> Iterator[vt.Desk]:
    """Forty seconds into the day, one own fill, two orders in their queues."""
    made = vt.Desk(market, language_model=None)
    made.step(seconds=40)
    made.buy("ACME", 50)
    yield made
    made.close_desk()


def resting(desk: vt.Desk, *ticks: int) -> list[Any]:
    """Own buy orders so many ticks below the best bid."""
    bid = float(desk.book("ACME").bid[0])
    return [desk.buy("ACME", 100 * (n + 1), limit=round(bid - away / 100, 2)) for n, away in enumerate(ticks)]


def said(shown: Any) -> str:
    return str(shown.text(".vt-ladder-said"))


@pytest.mark.parametrize(("theme", "width"), [("light", 900), ("dark", 320), ("light", 230)])
def test_it_looks_right(stage: Callable[..., Any], desk: vt.Desk, theme: str, width: int) -> None:
    resting(desk, 1, 3)
    shown = stage(desk, "ladder", width=width, theme=theme, height=720)
    shown.until("document.querySelectorAll('.vt-ladder-list li').length === 2")
    shown.picture(f"ladder-{theme}-{width}")
    ahead = desk._room.engine.queue_ahead(2)
    assert ahead
    assert f"{ahead:,} ahead" in shown.text(".vt-ladder-orders")
    assert "2 ticks" in shown.text(".vt-ladder-spread")
    assert "you" in shown.text(".vt-print[data-own] .vt-print-side")
    assert shown.page.evaluate(OVERFLOWING) == []
    assert shown.axe() == []
    assert shown.bad == []


def test_an_order_is_shown_before_it_goes(stage: Callable[..., Any], desk: vt.Desk) -> None:
    shown = stage(desk, "ladder", width=286)
    bid = desk._room.engine.touch(0)[0]
    rung = shown.page.locator(f'[data-ticks="{bid - 1}"]')
    shown.page.fill(".vt-ladder-lots", "70")
    shown.page.keyboard.press("Tab")
    rung.locator(".vt-place-buy").click()
    price = desk.instruments[0].price_text(bid - 1)
    assert shown.text(".vt-ask-words") == f"Buy 70 ACME at {price}"
    assert len(desk.orders()) == 1, "nothing is sent yet"
    shown.picture("ladder-ask")
    assert shown.axe() == []
    shown.page.keyboard.press("Escape")
    assert not shown.page.locator(".vt-ask").is_visible()
    rung.locator(".vt-place-buy").click()
    shown.page.keyboard.press("Enter")
    shown.until(f"document.querySelector('[data-ticks=\"{bid - 1}\"] .vt-cell-mine-buy .vt-mine:not([hidden])')")
    order = desk.order("o2")
    assert (order.status, order.quantity, order.limit_price) == (Status.ACCEPTED, 70, float(price))


def test_one_click_sends_what_rests_and_still_asks_before_it_takes(stage: Callable[..., Any], desk: vt.Desk) -> None:
    shown = stage(desk, "ladder", width=286)
    shown.page.select_option(".vt-ladder-mode", "click")
    bid, _, ask, _ = desk._room.engine.touch(0)
    shown.page.locator(f'[data-ticks="{bid}"] .vt-place-buy').click()
    shown.until("document.querySelector('.vt-ladder-list li')")
    assert len(desk.orders()) == 2
    shown.page.locator(f'[data-ticks="{ask}"] .vt-place-buy').click()
    assert "at once" in shown.text(".vt-ask-hint")
    assert len(desk.orders()) == 2
    kept = [each for each in shown.sent if each.get("intent") == "remember"]
    assert [(each["name"], each["value"]) for each in kept] == [("ladder.press", "click")]


def test_a_refusal_is_told_on_the_ladder(stage: Callable[..., Any], desk: vt.Desk) -> None:
    shown = stage(desk, "ladder", width=286)
    shown.page.fill(".vt-ladder-lots", "9,000,000")
    shown.page.keyboard.press("Tab")
    shown.page.locator('[data-best="bid"] .vt-place-buy').click()
    shown.page.keyboard.press("Enter")
    shown.until("document.querySelector('.vt-ladder-said').dataset.kind === 'error'")
    assert "Buy 9,000,000" in said(shown)
    assert "DENIED" in said(shown) or "buying power" in said(shown)
    shown.page.fill(".vt-ladder-lots", "plenty")
    shown.page.keyboard.press("Tab")
    assert 'not "plenty"' in said(shown)


def test_an_order_is_dragged_to_another_price(stage: Callable[..., Any], desk: vt.Desk) -> None:
    (order,) = resting(desk, 3)
    shown = stage(desk, "ladder", width=420)
    chip = shown.page.locator(".vt-mine:visible")
    shown.until("document.querySelector('.vt-mine:not([hidden])')")
    ticks = int(chip.locator("xpath=ancestor::*[@data-ticks]").get_attribute("data-ticks"))
    start, target = chip.bounding_box(), shown.page.locator(f'[data-ticks="{ticks + 2}"]').bounding_box()
    shown.page.mouse.move(start["x"] + 8, start["y"] + 8)
    shown.page.mouse.down()
    shown.page.mouse.move(target["x"] + 90, target["y"] + 10, steps=6)
    assert shown.page.locator(f'[data-ticks="{ticks + 2}"][data-target="buy"]').count() == 1
    shown.picture("ladder-dragged")
    shown.page.mouse.up()
    shown.until(f"document.querySelector('[data-ticks=\"{ticks + 2}\"] .vt-mine:not([hidden])')")
    assert order.limit_price == desk.instruments[0].price(ticks + 2)
    start = shown.page.locator(".vt-mine:visible").bounding_box()
    shown.page.mouse.move(start["x"] + 8, start["y"] + 8)
    shown.page.mouse.down()
    shown.page.mouse.move(start["x"] + 8, start["y"] + 60, steps=4)
    shown.page.keyboard.press("Escape")
    shown.page.mouse.up()
    shown.pump(0.3)
    assert order.limit_price == desk.instruments[0].price(ticks + 2), "Escape leaves it"


def test_the_keyboard_alone_places_moves_and_cancels(stage: Callable[..., Any], desk: vt.Desk) -> None:
    shown = stage(desk, "ladder", width=286)
    shown.until("document.querySelector('.vt-rungs [tabindex=\"0\"]')")
    assert shown.page.locator('.vt-rungs [tabindex="0"]').count() == 1
    shown.page.locator('.vt-rungs [tabindex="0"]').focus()
    bid = desk._room.engine.touch(0)[0]
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        shown.page.keyboard.press(key)
    assert desk.instruments[0].price_text(bid - 2) in shown.text(".vt-ask-words")
    shown.page.keyboard.press("Enter")
    shown.until("document.querySelector('.vt-mine:not([hidden])')")
    assert shown.page.evaluate("document.activeElement.className").startswith("vt-place"), "back where it came from"
    for key in ("ArrowLeft", "Enter", "ArrowUp", "Enter"):
        shown.page.keyboard.press(key)
    shown.until(f"document.querySelector('[data-ticks=\"{bid - 1}\"] .vt-mine:not([hidden])')")
    order = desk.order("o2")
    assert order.limit_price == desk.instruments[0].price(bid - 1)
    shown.page.locator(".vt-mine:visible").focus()
    shown.page.keyboard.press("Delete")
    shown.until("!document.querySelector('.vt-ladder-list li')")
    assert order.status == Status.CANCELED


def test_a_cross_cancels(stage: Callable[..., Any], desk: vt.Desk) -> None:
    first, second = resting(desk, 1, 3)
    shown = stage(desk, "ladder", width=286)
    shown.until("document.querySelectorAll('.vt-ladder-list li').length === 2")
    shown.page.locator(".vt-ladder-cancel").last.click()
    shown.until("document.querySelectorAll('.vt-ladder-list li').length === 1")
    assert (first.status, second.status) == (Status.ACCEPTED, Status.CANCELED)


def test_prices_stand_still_under_the_pointer(stage: Callable[..., Any], desk: vt.Desk) -> None:
    shown = stage(desk, "ladder", width=286)
    shown.until("document.querySelector('[data-best=\"bid\"]')")
    shown.page.locator('[data-best="bid"] .vt-place-sell').hover()
    before = shown.page.evaluate(PRICES)
    bid = desk._room.engine.touch(0)[0]
    desk.step(seconds=90)
    assert abs(desk._room.engine.touch(0)[0] - bid) > 8, "the market went somewhere"
    shown.until(f"document.querySelector('[data-best=\"bid\"]')?.dataset.ticks !== '{bid}'")
    assert shown.page.evaluate(PRICES) == before
    shown.page.locator(".vt-ladder-back").click()
    rect = shown.page.locator('[data-best="bid"]').bounding_box()
    box = shown.page.locator(".vt-rungs").bounding_box()
    assert box["y"] + 0.2 * box["height"] < rect["y"] < box["y"] + 0.8 * box["height"]


def test_time_and_sales_wait_for_a_reader(stage: Callable[..., Any], desk: vt.Desk) -> None:
    shown = stage(desk, "ladder", width=320)
    shown.until("document.querySelectorAll('.vt-prints-rows .vt-print').length > 20")
    shown.page.locator(".vt-prints-rows .vt-print").nth(3).hover()
    first = shown.text(".vt-prints-rows .vt-print")
    count = desk._room.prints.count(0)
    desk.step(seconds=10)
    came = desk._room.prints.count(0) - count
    assert came
    shown.until("!document.querySelector('.vt-prints-newer').hidden")
    assert shown.text(".vt-prints-newer") == (f"{came} newer" if came < 60 else "60+ newer")
    assert shown.text(".vt-prints-rows .vt-print") == first
    shown.page.locator(".vt-prints-newer").click()
    assert shown.text(".vt-prints-rows .vt-print") != first
    assert shown.page.locator(".vt-prints-rows .vt-print").count() <= 60
    shown.page.fill(".vt-prints-least", "200")
    shown.until(
        "[...document.querySelectorAll('.vt-print:not([data-own]) .vt-print-qty')]"
        ".every((n) => Number(n.textContent.replaceAll(',', '')) >= 200)"
    )
    shown.page.fill(".vt-prints-least", "big")
    shown.until("!document.querySelector('.vt-prints-wrong').hidden")


def test_a_sparse_book_is_folded_and_can_be_opened(stage: Callable[..., Any], data_dir: Path) -> None:
    desk = vt.Desk(f"lobster:{data_dir / 'lobster' / 'LOBSTER_SampleFile_AMZN_2012-06-21_5.zip'}", language_model=None)
    desk.step(seconds=120)
    shown = stage(desk, "ladder", width=286, theme="dark")
    shown.until("document.querySelector('.vt-gap:not([hidden])')")
    shown.picture("ladder-sparse")
    gap = shown.page.locator(".vt-gap:visible").first
    empty = int(gap.inner_text().removeprefix("⋮ ").replace(",", ""))
    rungs = shown.page.locator(".vt-rung[data-ticks]:visible").count()
    gap.focus()
    shown.page.keyboard.press("Enter")
    shown.until(f"document.querySelectorAll('.vt-rung[data-ticks]').length >= {rungs + min(empty, 40)}")
    assert shown.axe() == []
    desk.close_desk()


def test_bars_say_why_there_is_no_depth(stage: Callable[..., Any]) -> None:
    desk = vt.Desk("sample:AAPL", language_model=None)
    shown = stage(desk, "ladder", width=286)
    shown.until("document.querySelector('.vt-ladder-note:not([hidden])')")
    assert "bars" in shown.text(".vt-ladder-note")
    assert "single trades" in shown.text(".vt-prints .vt-empty")
    shown.picture("ladder-bars")
    assert shown.bad == []
    desk.close_desk()
