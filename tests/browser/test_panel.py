"""Does the panel work where students meet it? The made-up desk in a real JupyterLab, clicked by a real browser."""

from __future__ import annotations

import time

import pytest

pytestmark = pytest.mark.needs("browser")

SETUP = """import sys
sys.path.insert(0, {folder!r})
from fake_desk import FakeDesk
from vtrade_widgets import panel
desk = FakeDesk({options})"""
LIVE = ".vt-desk[data-state=live]"
TICKING = "(least) => Number(document.querySelector('.vt-desk')?.dataset.seq) > least"
RUN_CODE = """(code) => jupyterapp.shell.currentWidget.sessionContext.session.kernel
  .requestExecute({code, silent: true}).done.then((reply) => reply.content.status)"""

START_CODE = """(code) => {
  window.vtSlept = false;
  jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({code})
    .done.then(() => { window.vtSlept = true; });
}"""


@pytest.fixture
def open_panel(lab, page, root):
    """Open a notebook with a panel in it; returns the panel's locator."""

    def opened(name="panel.ipynb", *, options="", show="panel(desk)"):
        setup = SETUP.format(folder=str(root / "tests/widgets"), options=options)
        lab.open(page, lab.notebook(name, setup, show))
        page.wait_for_selector(LIVE, timeout=20_000)
        return page.locator(".vt-desk").first

    return opened


def expect(locator):
    from playwright.sync_api import expect as playwright_expect

    return playwright_expect(locator)


def in_kernel(page, code):
    assert page.evaluate(RUN_CODE, code) == "ok"


def play(page, panel):
    panel.locator(".vt-play").click()
    seen = int(panel.get_attribute("data-seq"))
    page.wait_for_function(TICKING, arg=seen + 5)


def test_the_desk_is_painted_and_a_click_buys(page, open_panel):
    panel = open_panel()
    play(page, panel)
    assert panel.locator(".vt-chart canvas").bounding_box()["height"] > 150
    colours = """(canvas) => new Set(new Uint32Array(canvas.getContext("2d")
      .getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"""
    assert panel.locator(".vt-chart canvas").evaluate(colours) > 4
    expect(panel.locator(".vt-rung:not([disabled])")).to_have_count(20)
    expect(panel.locator("[data-tile=nav] b")).to_have_text("1,000,000.00")

    panel.locator(".vt-buy").click()
    row = panel.locator(".vt-blotter tr[data-status]")
    expect(row).to_have_count(1)
    expect(row).to_have_attribute("data-status", "FILLED")
    expect(row).to_contain_text("● FILLED")
    expect(panel.locator(".vt-message")).to_contain_text("filled at")
    panel.locator("[data-tab=positions]").click()
    expect(panel.locator("tr[data-symbol=ACME]").first).to_contain_text("LONG")
    panel.get_by_role("button", name="Close ACME at market").click()
    panel.locator("[data-tab=orders]").click()
    expect(panel.locator(".vt-blotter tr[data-status=FILLED]")).to_have_count(2)
    assert page.bad == []


def test_a_price_from_the_ladder_rests_changes_and_is_canceled(page, open_panel):
    panel = open_panel()
    level = panel.locator(".vt-rung.vt-bid").nth(4)
    price = level.locator(".vt-level-price").inner_text()
    level.click()
    expect(panel.locator(".vt-types input:checked")).to_have_attribute("value", "limit")
    expect(panel.locator("input.vt-limit")).to_have_value(price)
    expect(panel.locator("input.vt-stop")).to_be_disabled()
    panel.locator(".vt-buy").click()
    row = panel.locator(".vt-blotter tr[data-status]")
    expect(row).to_have_attribute("data-status", "ACCEPTED")
    expect(level).to_contain_text("you 100")

    row.get_by_role("button", name="Change order 1").click()
    panel.locator("input.vt-quantity").fill("250")
    panel.locator(".vt-save").click()
    expect(row).to_contain_text("0 / 250")
    expect(panel.locator(".vt-buy")).to_be_visible()
    row.get_by_role("button", name="Cancel order 1").click()
    expect(row).to_have_attribute("data-status", "CANCELED")
    expect(row.get_by_role("button")).to_have_count(0)
    assert page.bad == []


def test_a_denied_order_says_why(page, open_panel):
    panel = open_panel()
    panel.locator("input.vt-quantity").fill("5000000")
    panel.locator(".vt-buy").click()
    expect(panel.locator(".vt-message")).to_contain_text("Not enough buying power")
    expect(panel.locator(".vt-message")).to_have_attribute("data-kind", "error")
    row = panel.locator(".vt-blotter tr[data-status=DENIED]")
    expect(row).to_contain_text("Not enough buying power")
    expect(panel.locator(".vt-buy")).to_be_enabled()


def test_the_keyboard_is_enough_and_leaves_the_notebook_alone(page, open_panel):
    panel = open_panel()
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    panel.locator("input.vt-quantity").focus()
    page.keyboard.press("ArrowUp")
    expect(panel.locator("input.vt-quantity")).to_have_value("110")
    page.keyboard.press("Shift+B")
    expect(panel.locator(".vt-blotter tr[data-status=FILLED]")).to_have_count(1)
    panel.locator(".vt-sell").focus()
    page.keyboard.press("Enter")
    expect(panel.locator(".vt-blotter tr[data-status=FILLED]")).to_have_count(2)
    panel.locator("[data-tab=orders]").focus()
    page.keyboard.press("ArrowRight")
    expect(panel.locator("[data-tab=positions]")).to_be_focused()
    for key in ("b", "a", "x"):  # notebook commands: add a cell below, above, cut the cell
        page.keyboard.press(key)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    rung = panel.locator(".vt-rung[tabindex='0']")
    rung.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(panel.locator(".vt-types input:checked")).to_have_attribute("value", "limit")


def test_reloads_bring_everything_back(page, open_panel):
    panel = open_panel("reload.ipynb")
    play(page, panel)
    page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    for bought in (1, 2, 3):
        panel.locator(".vt-buy").click()
        expect(panel.locator(".vt-blotter tr[data-status=FILLED]")).to_have_count(bought)
        page.reload()
        page.wait_for_selector(LIVE, timeout=30_000)
        expect(page.locator(".vt-blotter tr[data-status=FILLED]")).to_have_count(bought)
        page.wait_for_function(TICKING, arg=int(panel.get_attribute("data-seq")) + 3)


def test_clicks_count_while_a_cell_runs(page, open_panel):
    panel = open_panel()
    page.evaluate(START_CODE, "import time; time.sleep(6); slept = True")
    page.wait_for_function("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'busy'")
    play(page, panel)
    panel.locator(".vt-buy").click()
    expect(panel.locator(".vt-blotter tr[data-status=FILLED]")).to_have_count(1, timeout=3000)
    assert page.evaluate("() => window.vtSlept") is False
    page.wait_for_function("() => window.vtSlept")


def test_a_second_view_is_as_live_as_the_first(page, open_panel):
    open_panel()
    in_kernel(page, "desk.handle({'intent': 'play', 'speed': 1})")
    page.evaluate("""() => {
      const notebook = jupyterapp.shell.currentWidget.content;
      notebook.activeCellIndex = 1;
      return jupyterapp.commands.execute('notebook:create-output-view');
    }""")
    expect(page.locator(LIVE)).to_have_count(2)
    second = page.locator(".vt-desk").nth(1)
    second.locator(".vt-buy").click()
    for view in page.locator(".vt-desk").all():
        expect(view.locator(".vt-blotter tr[data-status=FILLED]")).to_have_count(1)
    one, other = (int(view.get_attribute("data-seq")) for view in page.locator(".vt-desk").all())
    assert abs(one - other) <= 3
    assert page.bad == []


def test_it_follows_the_theme_unless_told_otherwise(page, open_panel):
    panel = open_panel(show="shown = panel(desk)\nshown")
    ground = "(node) => getComputedStyle(node.querySelector('.vt-header')).backgroundColor"
    change = "(theme) => jupyterapp.commands.execute('apputils:change-theme', {theme})"
    expect(panel).to_have_attribute("data-theme", "light")
    light = panel.evaluate(ground)
    page.evaluate(change, "JupyterLab Dark")
    expect(panel).to_have_attribute("data-theme", "dark")
    assert panel.evaluate(ground) != light
    in_kernel(page, "shown.theme = 'light'")
    expect(panel).to_have_attribute("data-theme", "light")
    assert panel.evaluate(ground) == light
    page.evaluate(change, "JupyterLab Light")


def test_a_desk_on_which_nothing_happened_explains_itself(page, open_panel):
    panel = open_panel(options="empty=True")
    expect(panel.locator(".vt-chart .vt-empty")).to_be_visible()
    expect(panel.locator(".vt-ladder .vt-empty")).to_be_visible()
    expect(panel.locator(".vt-blotter .vt-empty").first).to_contain_text("No orders yet")
    expect(panel.locator(".vt-buy")).to_contain_text("no price")
    assert page.bad == []


def test_a_closed_desk_is_told(page, open_panel):
    panel = open_panel()
    in_kernel(page, "desk.shut()")
    expect(panel.locator(".vt-alarm")).to_contain_text("This desk is closed")
    expect(panel).to_have_attribute("data-state", "closed")
    assert page.bad == []


def test_a_click_without_an_answer_is_told(page, open_panel):
    panel = open_panel()
    in_kernel(page, "desk.lock.acquire()")  # a desk that is stuck
    panel.locator(".vt-buy").click()
    expect(panel.locator(".vt-buy")).to_be_disabled()
    expect(panel.locator(".vt-alarm")).to_contain_text("does not answer", timeout=10_000)
    expect(panel.locator(".vt-buy")).to_be_enabled()


def test_narrow_panels_stack_and_hide_nothing(page, open_panel):
    panel = open_panel()
    for width in (1600, 1500, 1000, 700):
        page.set_viewport_size({"width": width, "height": 1000})
        page.wait_for_timeout(250)
        frame = panel.bounding_box()
        for part in (".vt-chart", ".vt-ladder", ".vt-ticket", ".vt-blotter", ".vt-transport"):
            box = panel.locator(part).bounding_box()
            assert box["x"] >= frame["x"] - 1, (width, part)
            assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 1, (width, part)
        chart, ticket = panel.locator(".vt-chart").bounding_box(), panel.locator(".vt-ticket").bounding_box()
        assert (ticket["y"] > chart["y"]) == (frame["width"] < 900), (width, frame["width"])


def test_traffic_stays_small(page, open_panel):
    """A playing market: at most 20 messages and 100 kB a second arrive, as counted on the wire."""
    panel = open_panel()
    play(page, panel)
    first, start = int(panel.get_attribute("data-seq")), time.monotonic()
    page.wait_for_timeout(3000)
    messages, seconds = int(panel.get_attribute("data-seq")) - first, time.monotonic() - start
    received = sum(size for at, size in page.frames_in if at >= start)
    assert 5 <= messages / seconds <= 20
    assert received / seconds <= 100_000
