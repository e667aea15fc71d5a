"""Is the whole desk one thing: every part in its place, at every width, remembered, and readable for everybody?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import vtrade as vt

pytestmark = pytest.mark.needs("browser")

TABS = ("blotter", "account", "watch", "news", "progress", "coach")
OVERFLOW = """() => {
  const frame = document.querySelector(".vt-desk").getBoundingClientRect();
  return [...document.querySelectorAll(".vt-desk :is(section, header, form, button, input, select, table)")]
    .filter((node) => node.offsetParent && !node.closest(".vt-tabs, .vt-table-box, .vt-rungs, .vt-page"))
    .filter((node) => node.getBoundingClientRect().right > frame.right + 1)
    .map((node) => node.className || node.tagName);
}"""


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Iterator[vt.Desk]:
    monkeypatch.setenv("VTRADE_PREFERENCES", str(tmp_path))
    made = vt.Desk(vt.synthetic(7, minutes=30), language_model=None)
    made.step(seconds=600)
    made.buy("ACME", 300)
    made.sell("ACME", 100)
    made.buy("BYTE", 200)
    made.buy("ACME", 200, limit=float(made.quotes().bid["ACME"]) - 0.05)
    made.sell("ACME", 200, stop=float(made.quotes().bid["ACME"]) - 0.5)
    made.step(seconds=20)
    yield made
    made.close_desk()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_tab_is_accessible_in_both_themes(desk, stage, theme):
    shown = stage(desk, "desk", width=1600, height=1180, theme=theme)
    for tab in TABS:
        shown.part.locator(f"[data-tab={tab}]").first.click()
        shown.pump(0.8)
        shown.picture(f"desk-{tab}-{theme}")
        assert shown.axe() == [], tab
    assert shown.bad == []


@pytest.mark.parametrize("width", [1600, 1000, 700, 300])
def test_nothing_sticks_out(desk, stage, width):
    shown = stage(desk, "desk", width=width, height=1000)
    shown.pump(0.8)
    assert shown.page.evaluate(OVERFLOW) == []
    assert shown.page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    shown.picture(f"desk-{width}")
    assert shown.bad == []


def test_the_layout_is_there_again(desk, stage):
    shown = stage(desk, "desk", width=1600, height=1000)
    shown.pump(0.5)
    shown.part.locator("[data-tab=account]").click()
    shown.part.locator("[data-tab=news]").click()
    shown.part.locator(".vt-splitter").focus()
    for _ in range(3):
        shown.page.keyboard.press("ArrowUp")
    shown.pump(0.5)
    shown.close()
    again = stage(desk, "desk", width=1600, height=1000)
    again.until("document.querySelector('[data-tab=account]').getAttribute('aria-selected') === 'true'")
    assert again.part.locator("[data-tab=news]").get_attribute("aria-selected") == "true"
    assert again.part.locator(".vt-splitter").get_attribute("aria-valuenow") == "360"


def test_only_what_is_in_sight_is_asked_for(desk, stage):
    shown = stage(desk, "desk", width=1000, height=1000)
    shown.part.locator("[data-tab=account]").click()
    shown.until("document.querySelector('.vt-account-part')?.textContent.includes('Margin')")
    shown.pump(0.5)
    needs = [message["needs"] for message in shown.sent if "needs" in message]
    assert "funds" not in needs[0]
    assert "funds" in needs[-1]
    assert "order_list" not in needs[-1]


def test_a_price_from_the_ladder_and_a_story_reach_the_neighbours(desk, stage):
    shown = stage(desk, "desk", width=1600, height=1100)
    shown.pump(0.5)
    shown.part.locator('[data-best="bid"] .vt-place-buy').click()
    shown.part.locator(".vt-ask-ticket").click()
    shown.until("document.querySelector('.vt-ticket .vt-limit_price')?.value")
    shown.part.locator(".vt-blotter .vt-open").first.click()
    shown.until("document.querySelector('.vt-story')?.textContent.length > 40")
    shown.picture("desk-story")
    assert shown.bad == []


def test_two_desks_keep_to_themselves(desk, stage):
    other = vt.Desk(vt.synthetic(8, symbols=["LUMA"], minutes=5), account="ben", language_model=None)
    one, two = stage(desk, "desk", width=1000), stage(other, "desk", width=1000)
    assert "ACME" in one.text(".vt-header")
    assert "LUMA" in two.text(".vt-header")
    assert one.bad == two.bad == []
    other.close_desk()
