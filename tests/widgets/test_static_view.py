"""Does the still picture tell the same story without a browser's help?"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest

import vtrade as vt
from tests.widgets.fake_desk import FakeDesk
from vtrade.desk.sections import SECTIONS
from vtrade.domain.display import svg
from vtrade_widgets import static_html, static_text
from vtrade_widgets.static_view import STILLS, drawings, static_sections

BYTES_MAX = 60_000
PARTS = sorted(STILLS)


@pytest.fixture
def view() -> dict[str, Any]:
    desk = FakeDesk()
    desk.handle({"intent": "submit", "symbol": "ACME", "side": "buy", "type": "market", "quantity": "100"})
    desk.handle(
        {"intent": "submit", "symbol": "ACME", "side": "sell", "type": "limit", "quantity": "50", "limit_price": "999"}
    )
    made = desk.view("ACME")
    desk.shut()
    return made


@pytest.fixture(scope="module")
def desk() -> Iterator[vt.Desk]:
    """A desk on which much has happened."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VTRADE_PREFERENCES", "off")
        busy = vt.Desk(vt.synthetic(7, minutes=150), language_model=None)
        for n in range(40):
            busy.step(seconds=200)
            busy.buy("ACME", 100) if n % 3 else busy.sell("ACME", 100)
        touch = busy.quotes().loc["ACME"]
        busy.buy("ACME", 100, limit=round(float(touch["bid"]) - 0.02, 2))
        busy.sell("ACME", 100, limit=round(float(touch["ask"]) + 0.03, 2))
        busy.buy("ACME", 10**7)
        busy.step(seconds=5)
        yield busy
        busy.close_desk()


def page_of(desk: vt.Desk, part: str) -> str:
    return static_html(desk.view(sections=static_sections(part)), part)


def bare(page: str) -> str:
    """What is left where every style, picture and drawing is taken out, as pages of strangers do."""
    without = re.sub(r"<svg.*?</svg>|<img[^>]*>", "", page, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", without))


def test_it_shows_price_account_depth_positions_and_orders(view: dict[str, Any]) -> None:
    page = static_html(view)
    for told in (
        "ACME", "Acme Industries", "NAV", "Buying power", "Depth", "Positions", "Working orders", "Last orders",
        "filled", "Standings", "<img",
    ):  # fmt: skip
        assert told in page
    assert f"{view['quote']['last']:,.2f}" in page
    assert f"{view['account']['nav']:,.2f}" in page
    assert page.count("<table") == page.count("</table>")


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_a_picture_of_its_own(desk: vt.Desk, part: str) -> None:
    """Small, whole, without anything that runs or is fetched, and the same each time."""
    page = page_of(desk, part)
    assert len(page.encode()) <= BYTES_MAX
    assert not re.search(r"<(script|style|link|iframe|object)|\bon\w+=|https?://|url\(", page)
    assert all(place.startswith("data:image/svg+xml;base64,") for place in re.findall(r'(?:src|href)="([^"]*)', page))
    assert page_of(desk, part) == page
    assert len(bare(page)) > 60, "words stand there without any picture"
    text = static_text(desk.view(sections=static_sections(part)), part)
    assert text.strip()
    assert not re.search(r"\b(nan|None|null|undefined)\b|0x[0-9a-f]{6}", text + bare(page))


TOLD = {
    "desk": ("NAV", "Depth", "bars of 1 minute", "Your fills", "Positions", "Working orders", "Last fills", "drawdown"
             " now|high-water mark", "Level 1", "News"),
    "watch": ("Market watch", "Fuelstone Energy", "Spread (bps)", "▲|▼"),
    "chart": ("bars of 1 minute", "volume", "buys", "You are long"),
    "ladder": ("spread", "Depth", "you 100", "Your orders here", "Last prints"),
    "ticket": ("buying power", "price step", "trades at once", "25 % of NAV"),
    "blotter": ("Positions", "Working orders", "denied", "Last fills", "taker"),
    "account": ("NAV", "high-water mark", "realised P&amp;L", "Exposure by sector", "leverage"),
    "progress": ("Level 1", "Missions", "Streak", "Standings"),
    "coach": ("Coach", "You could ask"),
    "news": ("News", "Byte Foundry"),
    "time": ("paused", "What happened", "▲ fill", "played"),
}  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_what_matters_stands_there_in_words(desk: vt.Desk, part: str) -> None:
    words = bare(page_of(desk, part))
    for told in TOLD[part]:
        assert re.search(told.replace("(", r"\(").replace(")", r"\)"), words), f"{part} does not tell {told!r}"


def test_numbers_are_those_of_the_desk(desk: vt.Desk) -> None:
    words, last = bare(page_of(desk, "desk")), desk.quotes().loc["ACME", "last"]
    assert f"{desk.nav:,.2f}" in words
    assert f"{desk.buying_power:,.2f}" in words
    assert f"ACME {last:,.2f}" in words
    for price in desk.book("ACME", 3)["bid"]:
        assert f"{price:,.2f}" in words
    newest = desk.fills().iloc[-1]
    assert f"{newest['price']:,.2f}" in bare(page_of(desk, "blotter"))


def test_sections_exist(desk: vt.Desk) -> None:
    assert {name for still in STILLS.values() for name in still.sections} <= SECTIONS.keys()


def test_pages_that_clean_html_keep_the_tables(desk: vt.Desk) -> None:
    """As pages do that show the notebooks of strangers."""
    from nbconvert.filters import clean_html

    kept = clean_html(page_of(desk, "desk"))
    assert f"{desk.nav:,.2f}" in kept
    assert kept.count("<table") >= 5
    assert "Working orders" in kept


def test_pictures_are_drawings_that_a_browser_reads(desk: vt.Desk) -> None:
    for part in ("desk", "chart", "account"):
        drawn = re.findall(r'<img alt="([^"]+)".*?base64,([^"]+)"', page_of(desk, part))
        assert drawn
        for told, data in drawn:
            root = ElementTree.fromstring(base64.b64decode(data))
            assert root.tag == "{http://www.w3.org/2000/svg}svg"
            assert len(told) > 40
            assert {each.tag.split("}")[1] for each in root.iter()} <= {"svg", "title", "path", "text"}


def test_candles_rise_hollow_and_fall_filled() -> None:
    bars = {"seconds": 60, "t": [0, 60], "o": [10.0, 12.0], "h": [12.0, 13.0], "l": [9.0, 8.0], "c": [12.0, 9.0],
            "v": [5.0, 0.0]}  # fmt: skip
    fills = [{"t": 0, "side": "buy", "price": 11.0}, {"t": 60, "side": "sell", "price": 10.0}]
    picture = drawings.candles(bars, fills, 2, "ACME")
    assert picture.told == (
        "ACME: 2 bars of 1 minute, 00:00 to 00:01: from 10.00 to 9.00, between 8.00 and 13.00; volume 5. "
        "Your fills: ▲ 1 buy, ▼ 1 sale."
    )
    assert picture.drawing.count(f'stroke="{drawings.UP}" fill="none"') == 2, "wick and hollow body"
    assert f'stroke="{drawings.DOWN}" fill="{drawings.DOWN}"' in picture.drawing
    buy, sell = re.findall(r'd="M[\d.]+ ([\d.]+)l-5 (-?\d+)h10z"', picture.drawing)
    assert (int(buy[1]), int(sell[1])) == (9, -9), "a purchase points up, a sale down"
    assert float(buy[0]) < float(sell[0]), "the dearer one stands higher"


def test_the_shade_lies_between_the_high_water_mark_and_the_value() -> None:
    curve = {"t": [0.0, 60.0, 120.0], "nav": [100.0, 90.0, 95.0], "high": [100.0, 100.0, 100.0], "currency": "USD",
             "now": -0.05, "max_drawdown": -0.1}  # fmt: skip
    picture = drawings.equity(curve)
    assert "NAV from 100.00 to 95.00 USD" in picture.told
    assert "now -5.00 %, at worst -10.00 %" in picture.told
    shade = re.search(r'<path d="M([^"]+)z" fill="#d8524a"', picture.drawing)
    assert shade
    heights = [float(point.split()[1]) for point in shade[1].split("L")]
    assert (min(heights), max(heights)) == (10.0, 122.0), "from the mark at the top to the lowest value"
    ElementTree.fromstring(svg(picture))


@pytest.mark.parametrize("price", [1e-6, 5.0, 1e12])
def test_prices_of_any_size_are_drawn(price: float) -> None:
    flat = {"seconds": 1, "t": [0], **{name: [price] for name in "ohlc"}, "v": [1e15]}
    picture = drawings.candles(flat, [], 6 if price < 1 else 2, "X" * 12)
    coordinates = [float(x) for x in re.findall(r"[MHV ](-?[\d.]+)", picture.drawing)]
    assert all(-1 <= x <= drawings.WIDTH for x in coordinates)
    places = [
        float(x) + drawings.LETTER * len(name) for x, name in re.findall(r'x="([\d.]+)"[^>]*>([^<]+)<', picture.drawing)
    ]
    assert max(places) <= drawings.WIDTH + 6, "no name is cut off"


def test_names_from_outside_are_only_text(view: dict[str, Any]) -> None:
    evil = "<img src=x onerror=alert(1)>"
    view["instrument"]["name"] = view["standings"][0]["name"] = view["orders"][0]["reason"] = evil
    view["news"] = [{"time": "09:30:00", "symbol": "", "headline": evil}]
    page = static_html(view)
    assert "<img src=x" not in page
    assert page.count("&lt;img") == 4


def test_an_empty_desk_has_a_picture_too() -> None:
    desk = FakeDesk(empty=True)
    page = static_html(desk.view("ACME"))
    assert "no price yet" in page
    assert "<img" not in page
    assert static_text({}) == "no price yet"
    desk.shut()


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_knows_nothing_says_so(part: str) -> None:
    for view in ({}, dict.fromkeys(static_sections(part))):
        assert len(bare(static_html(view, part)).replace("A still picture: run the notebook to trade.", "")) > 8, part
        assert static_text(view, part)


def test_who_only_looks_on_is_told() -> None:
    view = {"account": {"account": "teacher", "nav": None}, "progress": {"level": 0}, "standings": []}
    assert "teacher looks on, without an account" in bare(static_html(view, "account"))
    assert "Nobody here has an account" in bare(static_html(view, "progress"))


def test_text_tells_the_state_on_one_line(view: dict[str, Any]) -> None:
    text = static_text(view)
    assert "\n" not in text
    assert text.startswith(f"ACME {view['quote']['last']:.2f}")
    assert "positions: 100 ACME" in text


def test_a_panel_shows_its_own_part(desk: vt.Desk, front_end: None) -> None:
    """Where a widget is alive it comes first; beside it stand text and HTML of that very part."""
    asked: list[tuple[str, ...]] = []
    view = desk.view
    for part, told in (("ladder", "Your orders here"), ("blotter", "Last fills"), ("news", "Headline")):
        panel = desk.panel(part)
        panel._desk = type("Spy", (), {"view": lambda _, *a, **k: asked.append(k["sections"]) or view(*a, **k)})()
        data, _ = panel._repr_mimebundle_()
        panel.close()
        assert asked.pop() == static_sections(part), "it asks for what it shows"
        assert data["application/vnd.jupyter.widget-view+json"]["model_id"]
        assert told in data["text/html"]
        assert told in data["text/plain"]
        assert len(json.dumps(data)) < BYTES_MAX + 20_000


def test_a_panel_whose_desk_fails_says_why(desk: vt.Desk, front_end: None) -> None:
    panel = desk.panel("ladder")
    panel._desk = None
    data, _ = panel._repr_mimebundle_()
    panel.close()
    assert data["text/plain"].startswith("DepthLadder('ladder', symbol='ACME'): ")
    assert "text/html" in data
    assert "The desk cannot be shown" in data["text/html"]
