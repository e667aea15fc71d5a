"""Can the market be watched from the page: lists, search, order, keys, and five hundred instruments at once?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import vtrade as vt
from vtrade.domain.instruments import Instrument
from vtrade.market.dtype import EVENT, Kind

pytestmark = pytest.mark.needs("browser")
START_NS = 34_200 * 10**9


@pytest.fixture(autouse=True)
def _kept_here(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VTRADE_PREFERENCES", str(tmp_path / "preferences"))


@pytest.fixture
def desk() -> Iterator[vt.Desk]:
    made = vt.Desk(
        vt.synthetic(7, symbols=["ACME", "BYTE", "LUMA"], minutes=4, events_per_second=6), language_model=None
    )
    made.step(seconds=90)
    yield made
    made.close_desk()


def many(count: int = 500) -> vt.Tape:
    """So many instruments that each print once a second."""
    instruments = tuple(
        Instrument.make(f"SYM{k:03d}", name=f"Company number {k}", sector=f"Sector {k % 9}") for k in range(count)
    )
    rows = np.zeros(count * 30, EVENT)
    at = np.arange(len(rows))
    rows["ts_ns"] = START_NS + at * (10**9 // count)
    rows["instrument"] = at % count
    rows["kind"] = Kind.TRADE
    rows["price"] = 10_000 + rows["instrument"] + (at // count) * (1 - 2 * (rows["instrument"] % 2))
    rows["quantity"] = 100
    return vt.Tape("many", instruments, rows, "L1")


def rows_of(shown: Any) -> list[str]:
    found: list[str] = shown.page.evaluate(
        "() => [...document.querySelectorAll('.vt-watch-row')].map((row) => row.dataset.symbol)"
    )
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_shows_what_trades_and_takes_the_keyboard(stage: Callable[..., Any], desk: vt.Desk, theme: str) -> None:
    shown = stage(desk, "watch", width=1400, height=520, theme=theme)
    shown.until("document.querySelectorAll('.vt-watch-row').length === 3")
    shown.until("document.querySelector('.vt-spark-line')?.getAttribute('points')")
    shown.picture(f"watch-wide-{theme}")
    assert rows_of(shown) == desk.symbols
    shown.page.focus(".vt-watch-find")
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        shown.page.keyboard.press(key)
    shown.until(f"document.querySelector('.vt-watch-row[aria-current]')?.dataset.symbol === '{desk.symbols[1]}'")
    assert shown.panel.symbol == desk.symbols[1]
    shown.page.keyboard.press("s")
    shown.until("document.querySelectorAll('.vt-star[aria-pressed=true]').length === 1")
    shown.page.select_option(".vt-watch-list", "Starred")
    shown.until("document.querySelectorAll('.vt-watch-row').length === 1")
    assert rows_of(shown) == [desk.symbols[1]]
    assert shown.axe() == []
    assert shown.bad == []


def test_lists_are_made_named_and_filled(stage: Callable[..., Any], desk: vt.Desk) -> None:
    from vtrade.desk.preferences import preferences_of

    shown = stage(desk, "watch", width=300, height=620)
    shown.until("document.querySelectorAll('.vt-watch-row').length === 3")
    shown.picture("watch-narrow-light")
    shown.page.click("[data-form=create]")
    shown.page.keyboard.type("Robots")
    shown.page.keyboard.press("Enter")
    shown.until("document.querySelector('.vt-watch-list').value === 'Robots'")
    shown.until("document.querySelector('.vt-empty')?.checkVisibility()")
    shown.page.click("[data-form=add]")
    shown.page.keyboard.type("nobody")
    shown.page.keyboard.press("Enter")
    shown.until("document.querySelector('.vt-field-error')?.textContent.includes('NOBODY')")
    shown.page.fill(".vt-watch-form input", "acme")
    shown.page.keyboard.press("Enter")
    shown.until("document.querySelectorAll('.vt-watch-row').length === 1")
    preferences_of(desk).set("watchlists", {"Robots": ["ACME", "GONEINC"]})
    desk.step(seconds=1)
    shown.until("document.querySelector('.vt-watch-gone button')?.checkVisibility()")
    shown.picture("watch-gone-light")
    assert shown.axe() == []
    shown.page.click(".vt-watch-gone button")
    shown.until("!document.querySelector('.vt-watch-gone button')")
    assert preferences_of(desk).get("watchlists")["Robots"] == ["ACME"]
    assert shown.bad == []


def test_five_hundred_instruments_are_a_window_of_rows(stage: Callable[..., Any]) -> None:
    desk = vt.Desk(many(), language_model=None)
    desk.step(seconds=10)
    shown = stage(desk, "watch", width=900, height=520)
    shown.until("document.querySelectorAll('.vt-watch-row').length > 10")
    assert len(rows_of(shown)) <= 120
    shown.page.focus(".vt-watch-find")
    shown.page.keyboard.press("ArrowDown")
    shown.page.keyboard.press("End")
    shown.until("document.activeElement.dataset.symbol === 'SYM499'")
    assert len(rows_of(shown)) <= 120
    shown.page.click("th[data-sort=change_pct] button")
    shown.until("document.querySelector('th[data-sort=change_pct]').getAttribute('aria-sort') === 'descending'")
    shown.page.evaluate("document.querySelector('.vt-watch-box').scrollTop = 0")
    shown.until("document.querySelector('.vt-watch-row[aria-rowindex=\"2\"]')?.dataset.symbol === 'SYM000'")
    shown.picture("watch-many-light")
    shown.page.fill(".vt-watch-find", "sym07")
    shown.until("document.querySelectorAll('.vt-watch-row').length === 10")
    shown.page.fill(".vt-watch-find", "nothing at all")
    shown.until("document.querySelector('.vt-watch > .vt-empty')?.checkVisibility()")
    assert shown.bad == []
    desk.close_desk()
