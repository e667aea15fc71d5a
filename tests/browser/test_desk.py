"""Does the real desk trade from the panel? Open a notebook, press Buy, and the fill stands in the blotter."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.needs("browser")

LIVE = ".vt-desk[data-state=live]"


def test_press_buy_and_the_fill_shows_in_the_blotter(lab, page):
    from playwright.sync_api import expect

    lab.open(page, lab.notebook("real.ipynb", "import vtrade as vt\ndesk = vt.Desk()", "desk"))
    page.wait_for_selector(LIVE, timeout=150_000)
    panel = page.locator(".vt-desk").first
    expect(panel.locator(".vt-rung.vt-ask:not([disabled])").first).to_be_visible(timeout=30_000)
    assert panel.locator(".vt-chart canvas").bounding_box()["height"] > 150
    panel.locator(".vt-buy").click()
    row = panel.locator(".vt-blotter tr[data-status]").first
    panel.locator(".vt-play").click()
    expect(row).to_have_attribute("data-status", "FILLED", timeout=30_000)
    panel.locator("[data-tab=positions]").click()
    expect(panel.locator(".vt-blotter [role=tabpanel]:not([hidden])")).to_contain_text("LONG")
    seq = int(panel.get_attribute("data-seq"))
    page.wait_for_function("(seq) => Number(document.querySelector('.vt-desk').dataset.seq) > seq + 5", arg=seq)
    assert page.bad == []
