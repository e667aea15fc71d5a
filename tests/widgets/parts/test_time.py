"""Can the market be played, jumped through and branched from the panel, by mouse and by keyboard?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import vtrade as vt

pytestmark = pytest.mark.needs("browser")


@pytest.fixture
def desk() -> Iterator[vt.Desk]:
    made = vt.Desk(vt.synthetic(7, symbols=["ACME"], minutes=10, events_per_second=8), language_model=None)
    made.buy("ACME", 100)
    made.step(seconds=60)
    yield made
    for each in made.branches:
        each.close_desk()


def test_play_step_jump_and_fork(desk, stage):
    shown = stage(desk, "time", width=1200, height=200)
    before, now = desk.ts_ns, shown.text(".vt-time")
    shown.part.locator(".vt-step").click()
    shown.until(f"document.querySelector('.vt-time').textContent !== '{now}'")
    assert desk.ts_ns == before + 10_000_000_000
    shown.part.locator(".vt-jump-to").fill("09:35")
    shown.page.keyboard.press("Enter")
    shown.until("document.querySelector('.vt-time').textContent === '09:35:00'")
    shown.part.locator(".vt-jump-to").fill("soon")
    shown.page.keyboard.press("Enter")
    shown.until("document.querySelector('.vt-tl-error')?.textContent.includes('is no time')")
    assert shown.part.locator(".vt-jump-to").get_attribute("aria-invalid") == "true"
    shown.part.locator(".vt-fork").click()
    shown.until("document.querySelector('.vt-branches')?.value === '1'")
    assert len(desk.branches) == 2
    shown.part.locator(".vt-play").click()
    shown.until("document.querySelector('.vt-play').textContent === 'Pause'")
    assert desk.branches[1].playing
    assert not desk.playing
    shown.part.locator(".vt-play").click()
    shown.until("document.querySelector('.vt-play').textContent === 'Play'")
    shown.part.locator(".vt-branches").select_option("0")
    shown.until("document.querySelector('.vt-branches')?.value === '0'")
    assert shown.bad == []


def test_the_line_by_keyboard(desk, stage):
    shown = stage(desk, "time", width=900, height=200, theme="dark")
    shown.part.locator("[role=slider]").focus()
    for _ in range(5):
        shown.page.keyboard.press("PageUp")
    assert "press Enter to go there" in shown.part.locator("[role=slider]").get_attribute("aria-valuetext")
    shown.page.keyboard.press("Enter")
    shown.until("Number(document.querySelector('[role=slider]').getAttribute('aria-valuenow')) >= 55")
    shown.page.keyboard.press("Home")
    shown.page.keyboard.press("Escape")
    shown.pump()
    assert desk.now > "2026-01-05 09:35"
    assert shown.bad == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 300])
def test_it_is_accessible_and_fits(desk, stage, theme, width):
    desk.handle({"intent": "fork"})
    shown = stage(desk, "time", width=width, height=400, theme=theme)
    assert shown.axe() == []
    assert shown.page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    shown.picture(f"time-{width}-{theme}")
    assert shown.bad == []
