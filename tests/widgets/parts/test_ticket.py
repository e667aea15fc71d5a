"""Can an order be made, looked at, confirmed, sent and corrected in the ticket: by mouse or keyboard, in any width?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import vtrade as vt

pytestmark = pytest.mark.needs("browser")

Put = Callable[..., Any]

OVERFLOW = """() => [...document.querySelectorAll('.vt-ticket *')].filter((n) => n.getBoundingClientRect().right >
  document.querySelector('.vt-desk').getBoundingClientRect().right + 0.5 && !n.closest('.vt-foresee'))
  .map((n) => n.className)"""


@pytest.fixture(scope="module")
def market() -> vt.Tape:
    return vt.synthetic(7, symbols=["ACME", "BYTE"], minutes=4, events_per_second=8)


@pytest.fixture
def desk(market: vt.Tape) -> Iterator[vt.Desk]:
    made = vt.Desk(market, language_model=None)
    made.step(seconds=20)
    yield made
    made.close_desk()


@pytest.fixture(autouse=True)
def asked_first(desk: vt.Desk) -> None:
    """Nobody asked for a question before."""
    desk.handle({"intent": "remember", "name": "ticket_confirm", "value": False})


def seen(shown: Any, words: str) -> None:
    shown.until(f"document.querySelector('.vt-foresee-text').textContent.includes({words!r})")


def said(shown: Any, words: str) -> None:
    shown.until(f"document.querySelector('.vt-message').textContent.includes({words!r})")


def wrong(shown: Any, field: str) -> str:
    """The refusal beside a field, as a screen reader finds it."""
    shown.until(f"document.querySelector('.vt-{field}').getAttribute('aria-invalid') === 'true'")
    told_by = f"document.querySelector('.vt-{field}').getAttribute('aria-describedby')"
    text = shown.page.evaluate(f"() => document.getElementById({told_by}).textContent")
    return str(text)


@pytest.mark.parametrize(("theme", "width"), [("light", 360), ("dark", 230)])
def test_it_looks_right_everywhere(stage: Put, desk: vt.Desk, theme: str, width: int) -> None:
    shown = stage(desk, "ticket", width=width, theme=theme, height=960)
    seen(shown, "All 100 fill at once")
    shown.picture(f"ticket-{theme}-{width}")
    shown.part.locator(".vt-plans label", has_text="Bracket").click()
    shown.part.locator(".vt-quantity").fill("1000000000000")
    shown.part.locator(".vt-take_profit").fill("190")
    shown.part.locator(".vt-stop_loss").fill("170")
    assert "Buying power" in wrong(shown, "quantity") or "quantity" in wrong(shown, "quantity").lower()
    shown.picture(f"ticket-refused-{theme}-{width}")
    assert shown.page.evaluate(OVERFLOW) == []
    assert shown.axe() == []
    assert shown.bad == []


def test_a_type_shows_what_it_needs_and_the_rest_stays_in_place(stage: Put, desk: vt.Desk) -> None:
    shown = stage(desk, "ticket", width=300, height=960)
    names = ("limit_price", "stop_price", "trail", "take_profit", "good_till", "display")

    def fields() -> set[str]:
        return {name for name in names if shown.part.locator(f".vt-{name}").is_visible()}

    seen(shown, "fill at once")
    assert fields() == set()
    for type_, expected in (("Limit", {"limit_price"}), ("Stop", {"stop_price"}),
                            ("Stop limit", {"limit_price", "stop_price"}), ("Trailing", {"trail"})):  # fmt: skip
        shown.part.get_by_label(type_, exact=True).check()
        assert fields() == expected, type_
    shown.part.locator(".vt-tif").select_option("GTD")
    assert fields() == {"trail", "good_till"}
    height = "document.querySelector('.vt-ticket').getBoundingClientRect().height"
    shown.part.locator(".vt-trail").fill("1")
    shown.part.locator(".vt-good_till").fill("15:30")
    seen(shown, "sleeps until")
    before = shown.page.evaluate(f"() => {height}")
    shown.part.locator(".vt-trail").fill("2")
    shown.pump(0.5)
    assert shown.page.evaluate(f"() => {height}") == before, "a preview moved the ticket"


def test_an_order_with_the_keyboard_alone(stage: Put, desk: vt.Desk) -> None:
    shown = stage(desk, "ticket", width=300, height=960)
    seen(shown, "fill at once")
    shown.part.locator(".vt-types input").first.focus()
    shown.page.keyboard.press("s")
    seen(shown, "may not sell short")
    assert "may not sell short" in wrong(shown, "quantity")
    shown.page.keyboard.press("b")
    shown.part.locator(".vt-quantity").focus()
    shown.page.keyboard.press("ArrowUp")
    shown.page.keyboard.press("Shift+ArrowUp")
    assert shown.part.locator(".vt-quantity").input_value() == "111"
    shown.page.keyboard.press("Enter")
    said(shown, "Enter again sends")
    seen(shown, "All 111 fill")
    assert desk.orders().empty, "an order that was not looked at was sent"
    shown.page.keyboard.press("Enter")
    said(shown, "FILLED")
    assert desk.positions().quantity.tolist() == [111]
    shown.page.keyboard.press("Escape")
    assert shown.part.locator(".vt-quantity").input_value() == ""


def test_a_double_click_is_one_order(stage: Put, desk: vt.Desk) -> None:
    shown = stage(desk, "ticket", width=300, height=960)
    seen(shown, "fill at once")
    shown.part.locator(".vt-send").dblclick()
    said(shown, "FILLED")
    shown.pump(0.5)
    assert len(desk.orders()) == 1
    assert desk.orders().client_order_id.iloc[0].startswith("p-")


def test_a_lost_answer_is_not_a_second_order(stage: Put, desk: vt.Desk) -> None:
    shown = stage(desk, "ticket", width=300, height=960)
    seen(shown, "fill at once")
    reply, shown.panel.send = shown.panel.send, lambda message: None
    shown.part.locator(".vt-send").click()
    said(shown, "waiting")
    assert shown.part.locator(".vt-send").is_disabled()
    shown.page.wait_for_timeout(6_300)
    shown.panel.send = reply
    said(shown, "No answer came")
    shown.part.locator(".vt-send").click()
    said(shown, "nothing was sent twice")
    assert len(desk.orders()) == 1


def test_a_question_first_where_it_is_wanted(stage: Put, desk: vt.Desk) -> None:
    shown = stage(desk, "ticket", width=300, height=960)
    seen(shown, "fill at once")
    shown.part.locator(".vt-asks input").check()
    shown.part.locator(".vt-send").click()
    shown.until("!document.querySelector('.vt-confirm').hidden")
    assert shown.text(".vt-confirm-text").startswith("Buy 100 ACME market DAY?")
    assert shown.axe() == []
    for expected in ("Back", "Send", "Back"):
        shown.page.keyboard.press("Tab")
        assert shown.page.evaluate("() => document.activeElement.textContent") == expected
    shown.page.keyboard.press("Escape")
    assert desk.orders().empty
    assert "vt-send" in shown.page.evaluate("() => document.activeElement.className")
    shown.page.keyboard.press("Enter")
    shown.until("!document.querySelector('.vt-confirm').hidden")
    shown.page.keyboard.press("Enter")
    said(shown, "FILLED")
    assert len(desk.orders()) == 1
    again = stage(desk, "ticket", width=300, height=960)
    again.until("document.querySelector('.vt-asks input').checked")


def test_a_bracket_and_the_exits_of_what_is_held(stage: Put, desk: vt.Desk) -> None:
    shown = stage(desk, "ticket", width=300, height=960)
    seen(shown, "fill at once")
    shown.part.locator(".vt-plans label", has_text="Bracket").click()
    shown.part.locator(".vt-take_profit").fill("190")
    shown.part.locator(".vt-stop_loss").fill("170")
    shown.until("document.querySelector('[data-field=take_profit] .vt-note').textContent.includes('%')")
    shown.part.locator(".vt-send").click()
    said(shown, "out at 190 or 170")
    assert len(desk.orders()) == 3
    shown.until("[...document.querySelectorAll('.vt-plans span')].some((n) => n.textContent === 'Exits')")


def test_a_price_of_the_ladder_and_a_share_of_the_money_are_taken(stage: Put, desk: vt.Desk) -> None:
    shown = stage(desk, "desk", width=1300, height=1100)
    seen(shown, "fill at once")
    shown.part.locator(".vt-ticket .vt-chip", has_text="25%").click()
    said(shown, "% of your buying power")
    assert int(shown.part.locator(".vt-ticket .vt-quantity").input_value()) > 100
    shown.page.keyboard.press("Escape")
    assert shown.bad == []


def test_a_working_order_is_changed_or_left_as_it_is(stage: Put, desk: vt.Desk) -> None:
    desk.buy("ACME", 100, limit=150, client_order_id="mine")
    shown = stage(desk, "ticket", width=300, height=960)
    seen(shown, "fill at once")
    shown.part.locator(".vt-works").select_option("mine")
    seen(shown, "order has these terms already")
    assert shown.text(".vt-changing").startswith("Changing order #1: buy 100 ACME.")
    assert not shown.part.locator(".vt-side-choice").is_visible()
    shown.part.locator(".vt-limit_price").fill("150.005")
    assert "grid of 0.01" in wrong(shown, "limit_price")
    shown.part.locator(".vt-limit_price").fill("150")
    shown.part.locator(".vt-quantity").fill("40")
    seen(shown, "keeps its place in the queue")
    shown.part.locator(".vt-send", has_text="Save change").click()
    said(shown, "buy 40 ACME limit 150")
    assert desk.order("mine").quantity == 40
    shown.until("document.querySelector('.vt-changing').hidden")
    shown.part.locator(".vt-works").select_option("mine")
    shown.page.keyboard.press("Escape")
    shown.until("document.querySelector('.vt-changing').hidden")
    assert shown.part.locator(".vt-send").inner_text().startswith("Buy")
