"""Can a student trade from the desk, in a real JupyterLab, by mouse and by keyboard, on good days and on bad ones?

Rules: one notebook and one kernel for the whole file; each test puts a new desk into its second cell. Each test ends
with no error on the page's console and nothing asked for outside this machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.running import process
from vtrade.bench import lab as labs

pytestmark = pytest.mark.needs("browser")

LIVE = ".vt-desk[data-state=live]"
PAINT_MS = 60_000
MARKET = 'vt.synthetic(7, symbols=["ACME", "BYTE", "LUMA"], minutes=20, events_per_second=8)'
SETUP = f"import vtrade as vt\nmarket = {MARKET}\ndesk = vt.Desk(market, language_model=None)"
RUN = """(code) => new Promise((resolve) => {
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const asked = kernel.requestExecute({ code, store_history: false });
  let said = "";
  asked.onIOPub = (message) => {
    if (message.header.msg_type === "stream") said += message.content.text;
    if (message.header.msg_type === "error") said += `ERROR ${message.content.ename}: ${message.content.evalue}`;
  };
  asked.done.then(() => resolve(said));
})"""
SHOW = """async () => {
  jupyterapp.shell.currentWidget.content.activeCellIndex = 1;
  await jupyterapp.commands.execute("notebook:run-cell");
}"""
START = """(code) => {
  window.vtSlept = false;
  jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({ code })
    .done.then(() => { window.vtSlept = true; });
}"""


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect as playwright_expect

    return playwright_expect(locator)


class Shown:
    """A desk in a notebook: the page, the panel, and its kernel."""

    def __init__(self, page: Any) -> None:
        self.page = page

    @property
    def panel(self) -> Any:
        return self.page.locator(".vt-desk").first

    def run(self, code: str) -> str:
        """Run code in the kernel; what it printed."""
        said = str(self.page.evaluate(RUN, code))
        assert not said.startswith("ERROR"), said
        return said.strip()

    def show(self) -> None:
        self.page.evaluate(SHOW)
        self.page.wait_for_selector(LIVE, timeout=PAINT_MS)
        self.page.wait_for_function("() => document.querySelectorAll('.vt-desk').length === 1")

    def find(self, selector: str) -> Any:
        return self.panel.locator(selector)

    @property
    def alarm(self) -> Any:
        return self.page.locator(".vt-desk > .vt-alarm").first

    def status(self, name: str) -> str:
        return self.run(f"print(desk.order({name!r}).status.name)")

    def rung(self, side: str) -> Any:
        """The best place to put an order that waits: on the own side of the touch."""
        best = "bid" if side == "buy" else "ask"
        return self.find(f'[data-best="{best}"] .vt-place-{side}')


@pytest.fixture(scope="module")
def notebook(lab: labs.Lab, browser: Any) -> Iterator[Any]:
    page = labs.new_page(browser, width=1560, height=1300)
    lab.open(page, lab.notebook("trading.ipynb", SETUP, "desk"))
    page.wait_for_selector(LIVE, timeout=PAINT_MS)
    yield page
    labs.shut(page)


@pytest.fixture
def shown(notebook: Any) -> Iterator[Shown]:
    """A new desk, 30 seconds into its market."""
    made = Shown(notebook)
    made.run("desk.close_desk()\ndesk = vt.Desk(market, language_model=None)\ndesk.step(seconds=30);")
    made.show()
    made.find("[data-tab=blotter]").click()  # a desk remembers which tab was open
    yield made
    assert notebook.bad == []
    notebook.bad.clear()


Picture = Callable[[str], None]


@pytest.fixture
def picture(notebook: Any, tmp_path_factory: pytest.TempPathFactory) -> Picture:
    import os

    folder = Path(os.environ.get("VTRADE_PICTURES") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)

    def take(name: str) -> None:
        notebook.locator(".vt-desk").first.screenshot(path=folder / f"{name}.png")

    return take


# --- orders -----------------------------------------------------------------------------------------------------------


def send(shown: Shown) -> None:
    """Press the ticket's button once its preview is there."""
    expect(shown.find(".vt-foresee-text")).not_to_be_empty(timeout=10_000)
    shown.find(".vt-send").click()


def test_a_market_order_fills_and_shows(shown: Shown) -> None:
    send(shown)
    expect(shown.find(".vt-blotter tr[data-status=FILLED]")).to_have_count(1, timeout=10_000)
    assert shown.run("print(int(desk.positions().quantity.sum()))") == "100"
    assert shown.panel.locator(".vt-chart canvas").first.bounding_box()["height"] > 150


def test_a_limit_from_the_ladder_is_placed_and_dragged(shown: Shown) -> None:
    shown.rung("buy").click()
    expect(shown.find(".vt-ask-words")).to_contain_text("Buy 100")
    shown.find(".vt-ask-send").click()
    chip = shown.find(".vt-mine:visible").first
    expect(chip).to_be_visible(timeout=10_000)
    expect(chip).to_contain_text("100")
    before = float(shown.run("print(desk.orders().limit_price.iloc[0])"))
    box = chip.bounding_box()
    row = shown.find(".vt-rung").first.bounding_box()["height"]
    mouse = shown.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse.down()
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 + 2 * row, steps=8)
    mouse.up()
    shown.page.wait_for_timeout(500)
    after = float(shown.run("print(desk.orders().limit_price.iloc[0])"))
    assert after < before
    assert shown.run("print(desk.orders().status.iloc[0])") == "ACCEPTED"


def test_a_partial_fill_is_told(shown: Shown) -> None:
    limit = "float(desk.book('ACME').ask.iloc[0])"
    shown.run(f"desk.buy('ACME', 1_200, limit={limit}, client_order_id='large')")
    assert shown.status("large") == "PARTIALLY_FILLED"
    row = shown.find('.vt-blotter tr[data-id="large"]')
    expect(row).to_have_attribute("data-status", "PARTIALLY_FILLED")
    expect(row).to_contain_text("/ 1,200")


def test_an_order_is_canceled_from_its_row(shown: Shown) -> None:
    shown.run("desk.buy('ACME', 10, limit=150, client_order_id='far')")
    row = shown.find('.vt-blotter tr[data-id="far"]')
    expect(row).to_have_attribute("data-status", "ACCEPTED")
    row.locator(".vt-do-cancel").click()
    expect(row).to_have_attribute("data-status", "CANCELED")
    assert shown.status("far") == "CANCELED"


def test_a_denied_order_says_why_beside_its_field(shown: Shown) -> None:
    quantity = shown.find("input.vt-quantity")
    quantity.fill("900000")
    send(shown)
    error = shown.find('.vt-ticket [data-field="quantity"] .vt-error')
    expect(error).to_contain_text("buying power", timeout=10_000)
    expect(quantity).to_have_attribute("aria-invalid", "true")
    assert shown.run("print(len(desk.positions()))") == "0"


def test_a_bracket_brings_its_two_exits(shown: Shown) -> None:
    shown.run("entry, target, guard = desk.bracket('ACME', 100, take_profit=200, stop_loss=150)")
    rows = shown.find(".vt-blotter tr[data-status]")
    expect(rows).to_have_count(3)
    expect(shown.find(".vt-blotter tr[data-status=ACCEPTED]")).to_have_count(2)


def test_a_trade_with_nothing_but_the_keyboard(shown: Shown) -> None:
    page = shown.page
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    shown.find("input.vt-quantity").focus()
    page.keyboard.press("ArrowUp")
    expect(shown.find("input.vt-quantity")).not_to_have_value("100")
    page.keyboard.press("Enter")
    shown.page.wait_for_timeout(600)
    page.keyboard.press("Enter")
    expect(shown.find(".vt-blotter tr[data-status=FILLED]")).to_have_count(1, timeout=10_000)
    shown.find("[data-tab=blotter]").focus()
    page.keyboard.press("ArrowRight")
    expect(shown.find("[data-tab=account]")).to_be_focused()
    for key in ("b", "a", "x"):  # notebook commands: add a cell below, above, cut the cell
        page.keyboard.press(key)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells


# --- time -------------------------------------------------------------------------------------------------------------


def test_rewind_and_fork(shown: Shown, picture: Picture) -> None:
    shown.run("desk.step(seconds=300); desk.buy('ACME', 10)")
    expect(shown.find(".vt-blotter tr[data-status=FILLED]")).to_have_count(1)
    now = shown.run("print(desk.now[11:19])")
    shown.find(".vt-rewind").click()
    expect(shown.find(".vt-time")).not_to_have_text(now)
    expect(shown.find(".vt-blotter tr[data-status=FILLED]")).to_have_count(0)
    shown.find(".vt-fork").click()
    expect(shown.find(".vt-branches")).to_have_value("1")
    expect(shown.find(".vt-board[data-forked]")).to_be_visible()
    picture("desk-forked")
    assert shown.run("print(len(desk.branches))") == "2"
    shown.find(".vt-branches").select_option("0")
    expect(shown.find(".vt-branches")).to_have_value("0")
    shown.run("[each.close_desk() for each in desk.branches[1:]];")


# --- pages, views, themes ---------------------------------------------------------------------------------------------


def test_a_reload_brings_everything_back(shown: Shown) -> None:
    page = shown.page
    shown.run("desk.play(5); desk.buy('ACME', 10)")
    page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    shown.find("[data-tab=account]").click()
    shown.page.wait_for_timeout(300)
    page.reload()
    page.wait_for_selector(LIVE, timeout=PAINT_MS)
    expect(shown.find("[data-tab=account]")).to_have_attribute("aria-selected", "true", timeout=10_000)
    shown.find("[data-tab=blotter]").click()
    expect(shown.find(".vt-blotter tr[data-status=FILLED]")).to_have_count(1)
    seen = int(shown.panel.get_attribute("data-seq"))
    page.wait_for_function("(n) => Number(document.querySelector('.vt-desk').dataset.seq) > n + 5", arg=seen)
    send(shown)
    expect(shown.find(".vt-blotter tr[data-status=FILLED]")).to_have_count(2, timeout=10_000)
    shown.run("desk.pause();")


def test_two_views_are_equally_alive(shown: Shown) -> None:
    page = shown.page
    page.evaluate("""() => {
      jupyterapp.shell.currentWidget.content.activeCellIndex = 1;
      return jupyterapp.commands.execute('notebook:create-output-view');
    }""")
    expect(page.locator(LIVE)).to_have_count(2)
    second = page.locator(".vt-desk").nth(1)
    expect(second.locator(".vt-foresee-text")).not_to_be_empty(timeout=10_000)
    second.locator(".vt-send").click()
    for view in page.locator(".vt-desk").all():
        expect(view.locator(".vt-blotter tr[data-status=FILLED]")).to_have_count(1, timeout=10_000)
    page.evaluate("""() => {
      const views = [...jupyterapp.shell.widgets('main')];
      views.find((each) => each.title.label.startsWith('Output View'))?.close();
    }""")
    expect(page.locator(LIVE)).to_have_count(1)


def test_it_follows_the_theme_unless_told_otherwise(shown: Shown, picture: Picture) -> None:
    page = shown.page
    ground = "(node) => getComputedStyle(node.querySelector('.vt-header')).backgroundColor"
    change = "(theme) => jupyterapp.commands.execute('apputils:change-theme', {theme})"
    shown.run("desk.step(seconds=240); desk.buy('ACME', 100); desk.sell('ACME', 30, limit=400)")
    expect(shown.panel).to_have_attribute("data-theme", "light")
    light = shown.panel.evaluate(ground)
    picture("desk-light")
    page.evaluate(change, "JupyterLab Dark")
    expect(shown.panel).to_have_attribute("data-theme", "dark")
    assert shown.panel.evaluate(ground) != light
    page.wait_for_timeout(400)
    picture("desk-dark")
    shown.run("desk._panel.theme = 'light'")
    expect(shown.panel).to_have_attribute("data-theme", "light")
    page.evaluate(change, "JupyterLab Light")


def test_no_width_hides_or_overflows(shown: Shown) -> None:
    for width in (1900, 1560, 1250, 960):
        shown.page.set_viewport_size({"width": width, "height": 1300})
        shown.page.wait_for_timeout(350)
        frame = shown.panel.bounding_box()
        for part in (".vt-header", ".vt-clockwork", ".vt-chart", ".vt-ladder", ".vt-ticket", ".vt-lower"):
            box = shown.find(part).first.bounding_box()
            assert box["x"] >= frame["x"] - 1, (width, part)
            assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 1, (width, part)
    shown.page.set_viewport_size({"width": 1560, "height": 1300})


# --- bad days ---------------------------------------------------------------------------------------------------------


def test_clicks_count_while_a_cell_runs(shown: Shown) -> None:
    page = shown.page
    expect(shown.find(".vt-foresee-text")).not_to_be_empty(timeout=10_000)
    page.evaluate(START, "import time; time.sleep(5); slept = True")
    page.wait_for_function("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'busy'")
    shown.find(".vt-send").click()
    expect(shown.find(".vt-blotter tr[data-status=FILLED]")).to_have_count(1, timeout=3000)
    assert page.evaluate("() => window.vtSlept") is False
    page.wait_for_function("() => window.vtSlept")


def test_a_closed_desk_says_so(shown: Shown) -> None:
    shown.run("desk.close_desk()")
    expect(shown.alarm).to_contain_text("This desk is closed")
    expect(shown.panel).to_have_attribute("data-state", "closed")


def test_a_desk_that_is_stuck_is_told_and_heals(shown: Shown) -> None:
    expect(shown.find(".vt-foresee-text")).not_to_be_empty(timeout=10_000)
    shown.run("import threading\nfree = threading.Event()\ndef hold():\n    with desk._room.lock: free.wait(20)\n"
              "threading.Thread(target=hold).start()")  # fmt: skip
    shown.find(".vt-send").click()
    expect(shown.alarm).to_contain_text("does not answer", timeout=10_000)
    shown.run("free.set()")
    expect(shown.alarm).to_be_hidden(timeout=10_000)
    expect(shown.find(".vt-blotter tr[data-status=FILLED]")).to_have_count(1, timeout=10_000)
    assert shown.run("print(len(desk.orders()))") == "1"


def test_a_lost_gateway_is_told_and_healed_without_a_second_order(shown: Shown, tmp_path: Path) -> None:
    """The desk of a student whose gateway is killed in the middle, and comes back at the same address."""
    import httpx

    def call(path: str, **body: Any) -> Any:
        return httpx.post(url + path, json=body, headers={"authorization": f"Bearer {owner}"}, timeout=60).json()

    with process(tmp_path) as (child, url, owner):
        call("/v1/rooms", name="class", tape="sample:AAPL")
        token = call("/v1/rooms/class/members", accounts=["ana"])["members"][0]["token"]
        shown.run(f"desk.close_desk()\ndesk = vt.connect('{url}/rooms/class', token='{token}')")
        shown.show()
        expect(shown.find(".vt-foresee-text")).not_to_be_empty(timeout=15_000)
        child.kill()
        child.wait()
        expect(shown.alarm).to_contain_text(re.compile("connection lost|gateway", re.IGNORECASE), timeout=20_000)
        shown.find(".vt-send").click()
        expect(shown.find(".vt-message, .vt-toast").first).not_to_be_empty(timeout=20_000)
    with process(tmp_path, port=int(url.rsplit(":", 1)[1])) as (_, again, _):
        assert again == url
        expect(shown.alarm).to_be_hidden(timeout=40_000)
        assert int(shown.run("print(len(desk.orders()))")) <= 1
        shown.run("desk.close_desk()")
    shown.page.bad.clear()


def test_a_kernel_that_was_restarted_is_told_and_the_cell_brings_the_desk_back(shown: Shown) -> None:
    page = shown.page
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.wait_for_function(labs.IDLE, timeout=PAINT_MS)
    shown.find(".vt-play").click()
    expect(shown.alarm).to_contain_text("run this cell again", timeout=15_000)
    shown.run(SETUP)
    shown.show()
    send(shown)
    expect(shown.find(".vt-blotter tr[data-status=FILLED]")).to_have_count(1, timeout=10_000)
    page.bad.clear()  # JupyterLab itself says that the old comm is gone
