"""Does the still picture tell the same story without a browser's help?"""

import re

import nbclient
import nbconvert
import nbformat
import pytest

from tests.widgets.fake_desk import FakeDesk
from vtrade_widgets import static_html, static_text


@pytest.fixture
def view():
    desk = FakeDesk()
    desk.handle({"intent": "submit", "symbol": "ACME", "side": "buy", "type": "market", "quantity": "100"})
    desk.handle(
        {"intent": "submit", "symbol": "ACME", "side": "sell", "type": "limit", "quantity": "50", "limit_price": "999"}
    )
    made = desk.view("ACME")
    desk.shut()
    return made


def test_it_shows_price_account_depth_positions_and_orders(view):
    page = static_html(view)
    for told in (
        "ACME",
        "Acme Industries",
        "NAV",
        "Buying power",
        "Depth",
        "Positions",
        "Orders",
        "FILLED",
        "Standings",
        "<svg",
    ):
        assert told in page
    assert f"{view['quote']['last']:,.2f}" in page
    assert f"{view['account']['nav']:,.2f}" in page
    assert page.count("<table") == page.count("</table>")


def test_it_needs_nothing_from_outside(view):
    page = static_html(view)
    assert "<script" not in page
    assert re.findall(r"(?:src|href)=", page) == []
    assert "class=" in page


def test_names_from_outside_are_only_text(view):
    evil = "<img src=x onerror=alert(1)>"
    view["instrument"]["name"] = view["standings"][0]["name"] = view["orders"][0]["reason"] = evil
    assert "<img" not in static_html(view)
    assert static_html(view).count("&lt;img") == 3


def test_an_empty_desk_has_a_picture_too():
    desk = FakeDesk(empty=True)
    page = static_html(desk.view("ACME"))
    assert "no price yet" in page
    assert "<svg" not in page
    assert static_html({}) != ""
    assert static_text({}) == "no price yet"


def test_text_tells_the_state_on_one_line(view):
    text = static_text(view)
    assert "\n" not in text
    assert text.startswith(f"ACME {view['quote']['last']:.2f}")
    assert "positions: 100 ACME" in text


def test_a_price_that_never_moved_is_a_level_line(view):
    view["bars"] = {"seconds": 60, **{name: [5.0, 5.0] for name in "tohlcv"}}
    assert "from 5.00 to 5.00" in static_html(view)


def test_a_report_without_a_browser_shows_the_picture(tmp_path, root):
    """As papermill and nbconvert do it: run without widget state, convert, and find the picture, not a blank."""
    source = f"import sys; sys.path.insert(0, {str(root / 'tests/widgets')!r})\nfrom fake_desk import FakeDesk\n"
    source += "from vtrade_widgets import panel\npanel(FakeDesk())"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbclient.NotebookClient(notebook, timeout=60, store_widget_state=False).execute()
    page, _ = nbconvert.HTMLExporter(template_name="lab").from_notebook_node(notebook)
    assert 'class="vtrade-still"' in page
    assert "Acme Industries" in page
    assert len(nbformat.writes(notebook)) < 40_000
