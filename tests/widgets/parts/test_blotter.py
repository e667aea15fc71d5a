"""Can orders, fills and positions be read, changed and explained in a browser, with hands on the keyboard?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import vtrade as vt
from vtrade.domain.instruments import Instrument
from vtrade.market.recipes import Recipe

pytestmark = pytest.mark.needs("browser")

Stages = Callable[..., Any]


@pytest.fixture(scope="module")
def tape() -> vt.Tape:
    return vt.synthetic(7, symbols=["ACME", "BYTE", "LUMA"], minutes=3, events_per_second=8)


@pytest.fixture
def desk(tape: vt.Tape) -> Iterator[vt.Desk]:
    """A desk with an order of every kind: filled, waiting in the queue, behind it, sleeping, denied."""
    desk = vt.Desk(tape, language_model=None)
    desk.step(seconds=5)
    bid = float(desk.quotes().bid["ACME"])
    desk.buy("ACME", 200, client_order_id="filled")
    desk.buy("ACME", 60, limit=bid, tif="GTC", client_order_id="queued")
    desk.buy("ACME", 30, limit=bid - 1, tif="GTC", client_order_id="behind")
    desk.sell("ACME", 100, stop=bid - 2, tif="GTC", client_order_id="asleep")
    desk.buy("LUMA", 1_000_000, client_order_id="denied")
    yield desk
    desk.close_desk()


def row(shown: Any, name: str) -> Any:
    return shown.part.locator(f'tr[data-id="{name}"]')


@pytest.mark.parametrize(("theme", "width"), [("light", 1200), ("dark", 900), ("light", 230), ("dark", 230)])
def test_it_fits_and_reads_well(stage: Stages, desk: vt.Desk, theme: str, width: int) -> None:
    shown = stage(desk, "blotter", width=width, theme=theme, height=620)
    shown.until("document.querySelectorAll('tr[data-id]').length === 5")
    shown.picture(f"blotter-orders-{theme}-{width}")
    assert shown.axe() == []
    assert shown.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    shown.part.get_by_role("tab", name="Positions").click()
    shown.until("document.querySelector('tr[data-symbol]')")
    shown.picture(f"blotter-positions-{theme}-{width}")
    shown.part.get_by_role("tab", name="Fills").click()
    shown.until("document.querySelector('[aria-label=\"Fills\"] tr[data-id]')")
    shown.part.locator('[aria-label="Fills"] .vt-open').last.click()
    shown.until("document.querySelector('.vt-models')")
    assert "Bought 200 ACME at" in shown.text(".vt-headline")
    shown.picture(f"blotter-story-{theme}-{width}")
    assert shown.axe() == []
    assert shown.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert shown.bad == []


def test_an_order_is_changed_in_its_row(stage: Stages, desk: vt.Desk) -> None:
    shown = stage(desk, "blotter", width=900)
    shown.until("document.querySelector('tr[data-id=behind] .vt-do-change')")
    row(shown, "behind").locator(".vt-do-change").click()
    field = row(shown, "behind").locator('[data-field="limit_price"]')
    field.fill("170.005")
    field.press("Enter")
    shown.until("document.querySelector('tr[data-id=behind] [aria-invalid]')")
    refusal = row(shown, "behind").locator('[data-field="limit_price"] ~ .vt-refusal')
    assert "not on the grid" in refusal.inner_text()
    shown.picture("blotter-refused-change-900")
    assert shown.axe() == []
    assert field.evaluate("(node) => document.activeElement === node")
    desk.step(seconds=1)
    shown.pump(0.2)
    assert field.input_value() == "170.005", "what was typed stays while the market moves"
    field.fill("170")
    row(shown, "behind").locator('[data-field="quantity"]').fill("25")
    field.press("Enter")
    shown.until("!document.querySelector('tr[data-id=behind] input')")
    assert (desk.order("behind").limit_price, desk.order("behind").quantity) == (170.0, 25.0)
    shown.until("document.querySelector('tr[data-id=behind] .vt-c-price').textContent === '170.00'")
    assert shown.page.evaluate("() => document.activeElement.className.includes('vt-do-change')")
    shown.page.keyboard.press("Enter")
    field.fill("1")
    field.press("Escape")
    shown.pump(0.2)
    assert field.count() == 0
    assert desk.order("behind").limit_price == 170.0
    assert shown.bad == []


def test_an_order_that_ends_meanwhile_is_told(stage: Stages, desk: vt.Desk) -> None:
    shown = stage(desk, "blotter", width=900)
    shown.until("document.querySelector('tr[data-id=behind] .vt-do-change')")
    row(shown, "behind").locator(".vt-do-change").click()
    desk.cancel("behind")
    shown.until("!document.querySelector('tr[data-id=behind] input')")
    assert "is CANCELED now" in shown.text(".vt-toast")


def test_hands_on_the_keyboard(stage: Stages, desk: vt.Desk) -> None:
    shown = stage(desk, "blotter", width=900)
    shown.until("document.querySelectorAll('tr[data-id]').length === 5")
    press, active = shown.page.keyboard.press, shown.page.evaluate
    here = "() => document.activeElement.closest('tr')?.dataset.id"
    row(shown, "denied").locator(".vt-open").focus()
    press("ArrowDown")
    press("ArrowDown")
    assert active(here) == "behind"
    press("Tab")
    assert "vt-do-change" in active("() => document.activeElement.className")
    press("Tab")
    press("ArrowDown")
    assert active(here) == "queued"
    assert "vt-do-cancel" in active("() => document.activeElement.className")
    press("Home")
    press("End")
    assert active(here) == "filled"
    press("Enter")
    shown.until("document.querySelector('.vt-models')")
    assert "vt-story-title" in active("() => document.activeElement.className")
    shown.until("document.querySelector('.vt-headline').textContent.startsWith('Bought 200')")
    press("Escape")
    assert active("() => document.querySelector('.vt-story').hidden")
    assert active(here) == "filled", "the focus is back where it came from"
    desk.buy("BYTE", 1)
    shown.until("document.querySelectorAll('tr[data-id]').length === 6")
    assert active(here) == "filled", "a new row takes the focus from nobody"


def test_columns_sort_and_filters_hold(stage: Stages, desk: vt.Desk) -> None:
    shown = stage(desk, "blotter", width=900)
    shown.until("document.querySelectorAll('tr[data-id]').length === 5")
    ids = "[...document.querySelectorAll('tr[data-id]')].map((tr) => tr.dataset.id).join()"
    shown.part.get_by_role("button", name="Filled", exact=True).and_(shown.page.locator(".vt-list-sort")).press("Enter")
    shown.until("document.querySelector('[aria-sort=ascending]')?.dataset.column === 'filled'")
    shown.until(f"{ids}.endsWith('filled')")
    shown.part.locator('.vt-list-segment[data-value="working"]').click()
    shown.until("document.querySelectorAll('tr[data-id]').length === 3")
    shown.part.get_by_label("Search in symbol").fill("stop price")
    shown.until(f"{ids} === 'asleep'")
    assert shown.text(".vt-list-shown") == "showing 1 of 1 that fit, of 5"
    shown.part.get_by_label("Search in symbol").fill("nothing like it")
    shown.until("document.querySelectorAll('tr[data-id]').length === 0")
    shown.picture("blotter-nothing-fits-900")
    assert "Nothing fits this filter." in shown.text(".vt-list-box")
    shown.part.get_by_role("button", name="Show all").click()
    shown.until("document.querySelectorAll('tr[data-id]').length === 5")
    shown.part.get_by_label("Side").select_option("sell")
    shown.until(f"{ids} === 'asleep'")


def test_many_at_once_is_asked_once(stage: Stages, desk: vt.Desk) -> None:
    shown = stage(desk, "blotter", width=900)
    shown.until("document.querySelector('.vt-do-cancel-all')?.textContent === 'Cancel all (3)'")
    shown.part.locator(".vt-do-cancel-all").click()
    assert "Cancel 3 working orders?" in shown.text(".vt-sure-box")
    shown.page.keyboard.press("Escape")
    assert desk.order("queued").working
    shown.part.locator(".vt-do-cancel-all").click()
    shown.page.keyboard.press("Enter")
    shown.until("document.querySelectorAll('tr[data-status=CANCELED]').length === 3")
    shown.until("document.querySelector('.vt-toast')?.textContent.includes('3 orders canceled')")
    shown.part.get_by_role("tab", name="Positions").click()
    shown.until("document.querySelector('tr[data-symbol]')")
    shown.part.locator(".vt-do-flatten").click()
    shown.picture("blotter-flatten-900")
    shown.part.get_by_role("button", name="Yes, flatten").click()
    shown.until("!document.querySelector('tr[data-symbol]')")
    assert desk.positions().empty
    assert "Flat: nothing is held" in shown.text('[role="tabpanel"]:not([hidden])')


def test_a_file_is_written_by_the_browser(stage: Stages, desk: vt.Desk) -> None:
    shown = stage(desk, "blotter", width=900)
    shown.until("document.querySelectorAll('tr[data-id]').length === 5")
    files: list[Any] = []
    shown.page.on("download", lambda file: files.append(file))
    shown.part.locator(".vt-do-csv").click()
    shown.until("document.querySelector('.vt-toast')?.textContent.includes('5 rows')")
    assert files[0].suggested_filename.startswith("vtrade-orders-you-2026-01-05")
    assert Path(files[0].path()).read_text(encoding="utf-8") == desk.orders().to_csv(index=False)
    shown.part.locator(".vt-do-frame").click()
    assert shown.text(".vt-list-export .vt-codetext") == "desk.orders()"


def test_thousands_of_orders_are_turned_in_pages(stage: Stages, tape: vt.Tape) -> None:
    desk = vt.Desk(tape, language_model=None, cash=100_000_000)
    try:
        desk.step(seconds=5)
        for _ in range(150):
            desk.buy("ACME", 1)
        shown = stage(desk, "blotter", width=900)
        shown.until("document.querySelectorAll('tr[data-id]').length === 60")
        assert shown.text(".vt-list-shown") == "showing 60 of 150"
        shown.part.get_by_role("button", name="Older").click()
        shown.until("document.querySelector('tr[data-id]').dataset.id === 'o90'")
        assert shown.text(".vt-list-shown") == "showing 61–120 of 150"
        page = shown.part.locator('[role="tabpanel"]:not([hidden])')
        page.evaluate("(node) => { node.scrollTop = 300; }")
        desk.step(seconds=1)
        shown.pump(0.3)
        assert page.evaluate("(node) => node.scrollTop") == 300, "the page does not jump while the market moves"
        shown.part.get_by_label("Rows of a page").select_option("200")
        shown.until("document.querySelectorAll('tr[data-id]').length === 150")
    finally:
        desk.close_desk()


def test_huge_numbers_and_long_words_fit(stage: Stages) -> None:
    instrument = Instrument.make("LONGSYMBOLXY", name="An instrument whose name goes on and on and does not end soon")
    recipe = Recipe(instrument=instrument, price="180.00")
    tape = vt.synthetic(7, symbols=[recipe], minutes=2, events_per_second=8)
    desk = vt.Desk(tape, language_model=None, cash=2_000_000_000_000)
    try:
        desk.step(seconds=5)
        bid = float(desk.quotes().bid.iloc[0])
        desk.buy("LONGSYMBOLXY", 5)
        desk.buy("LONGSYMBOLXY", 9_000_000, limit=round(bid - 1, 2), client_order_id="a-very-long-name-of-an-order" * 2)
        for width in (230, 900):
            shown = stage(desk, "blotter", width=width)
            shown.until("document.querySelectorAll('tr[data-id]').length === 2")
            shown.picture(f"blotter-huge-{width}")
            assert shown.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
            for name in ("Positions", "Fills"):
                shown.part.get_by_role("tab", name=name).click()
                shown.pump(0.2)
                assert shown.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    finally:
        desk.close_desk()


def test_a_waiting_order_shows_its_queue_live(stage: Stages, desk: vt.Desk) -> None:
    shown = stage(desk, "blotter", width=1200)
    shown.until("document.querySelectorAll('tr[data-id]').length === 5")
    row(shown, "queued").locator(".vt-open").click()
    shown.until("document.querySelector('.vt-story-needs')?.textContent.includes('ahead of it at')")
    assert row(shown, "queued").get_attribute("aria-current") == "true"
    assert "Waiting to buy 60 ACME" in shown.text(".vt-headline")
    ahead = shown.part.locator(".vt-story-queue text").first.text_content()
    assert "ahead" in ahead
    shown.picture("blotter-queue-1200")
    desk.step(seconds=1)
    shown.until(f"document.querySelector('.vt-story-queue text').textContent !== '{ahead}'")
    row(shown, "asleep").locator(".vt-open").click()
    shown.until("document.querySelector('.vt-story-needs').textContent.includes('to its stop')")
    shown.picture("blotter-stop-1200")
    row(shown, "denied").locator(".vt-open").click()
    shown.until("!document.querySelector('.vt-story-mend').hidden")
    assert "free money first" in shown.text(".vt-story-mend")
    shown.picture("blotter-denied-1200")
    assert shown.axe() == []
    assert shown.bad == []
