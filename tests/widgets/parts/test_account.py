"""Can an account be read at a glance, with the keyboard, in the dark, in a narrow strip, and without its colours?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import vtrade as vt
from tests.desk.test_account_sections import falling
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.instruments import Instrument

pytestmark = pytest.mark.needs("browser")


@pytest.fixture(scope="module", autouse=True)
def _own_preferences(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is chosen here stays here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VTRADE_PREFERENCES", str(tmp_path_factory.mktemp("preferences")))
        yield


@pytest.fixture(scope="module")
def market() -> vt.Tape:
    return vt.synthetic(5, minutes=100, events_per_second=1)


@pytest.fixture(scope="module")
def busy(market: vt.Tape) -> Iterator[vt.Desk]:
    """A desk on margin that holds and owes."""
    limits = RiskLimits.make(leverage=4, allow_short=True, concentration=1)
    desk = vt.Desk(market, language_model=None, limits=limits, cash=200_000)
    desk.run(until="09:32")
    for place, symbol in enumerate(desk.symbols):
        price = float(desk.quotes().ask[symbol])
        (desk.sell if place % 3 == 2 else desk.buy)(symbol, max(1, int(60_000 / (place + 1) / price)))
    desk.buy(desk.symbols[1], 10, limit=float(desk.quotes().bid[desk.symbols[1]]) - 5, tif="GTC")
    desk.run(until="10:40")
    yield desk
    desk.close_desk()


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 640), ("light", 230)])
def test_it_looks_right_everywhere(stage: Callable[..., Any], busy: vt.Desk, theme: str, width: int) -> None:
    shown = stage(busy, "account", width=width, theme=theme, height=900)
    shown.until(
        "document.querySelector('.vt-share-slice') && document.querySelector('.vt-equity-line')?.getAttribute('d')"
    )
    assert shown.text(".vt-money-value").replace(",", "") == f"{busy.nav:.2f}"
    shown.picture(f"account-{theme}-{width}")
    overflowing = shown.page.evaluate(
        "() => [...document.querySelectorAll('.vt-account-part *')].filter((n) => n.getBoundingClientRect().right > "
        "document.querySelector('.vt-desk').getBoundingClientRect().right + 0.5 && !n.closest('.vt-table-box'))"
        ".map((n) => n.className)"
    )
    assert overflowing == []
    assert shown.axe() == []
    assert shown.bad == []


def test_short_is_told_apart_without_colour(stage: Callable[..., Any], busy: vt.Desk) -> None:
    shown = stage(busy, "account", width=760)
    shown.until("document.querySelector('.vt-share-slice')")
    shorts = (busy.exposure("sector").short < 0).sum()
    assert shorts
    assert shown.part.locator(".vt-share-stripes").count() == shorts
    assert shown.part.locator(".vt-share-side", has_text="− short").count() == shorts


def test_exposure_is_chosen_and_shown_as_a_table(stage: Callable[..., Any], busy: vt.Desk) -> None:
    shown = stage(busy, "account", width=760)
    shown.part.get_by_role("radio", name="Instrument").click()
    shown.part.get_by_role("radio", name="Table").click()
    shown.until("document.querySelector('.vt-exposure tbody tr[data-key=\"ACME\"]')")
    table = busy.exposure("instrument")
    rows = shown.part.locator(".vt-exposure tbody tr")
    assert [rows.nth(n).get_attribute("data-key") for n in range(rows.count())] == table.group.tolist()
    shown.part.get_by_role("radio", name="Table").press("ArrowLeft")
    shown.until("document.querySelector('.vt-map-tile')")
    assert shown.part.locator(".vt-map-tile").count() == len(table)
    shown.picture("account-treemap")
    assert shown.axe() == []
    shown.part.get_by_role("radio", name="Map").press("ArrowLeft")
    shown.until("document.querySelector('.vt-share-slice')")
    shown.pump()  # the next desk panel remembers the ring


def test_the_curve_is_read_with_the_keyboard(stage: Callable[..., Any], busy: vt.Desk) -> None:
    shown = stage(busy, "account", width=760)
    shown.until("document.querySelector('.vt-equity-readout')?.textContent")
    curve = busy.view(sections=["equity"])["equity"]
    plot = shown.part.locator(".vt-equity-plot")
    plot.press("Home")
    assert f"NAV {curve['nav'][0]:,.2f} USD" in shown.text(".vt-equity-readout")
    plot.press("ArrowRight")
    assert f"NAV {curve['nav'][1]:,.2f} USD" in shown.text(".vt-equity-readout")
    assert plot.get_attribute("aria-valuetext") == shown.text(".vt-equity-readout")
    plot.press("End")
    assert plot.get_attribute("aria-valuenow") == str(len(curve["t"]) - 1)


def test_an_account_that_did_nothing(stage: Callable[..., Any], market: vt.Tape) -> None:
    desk = vt.Desk(market, language_model=None, cash=0)
    shown = stage(desk, "account", width=520, theme="dark")
    assert "No position, so nothing is at risk" in shown.text(".vt-exposure")
    assert "The value has not moved yet" in shown.text(".vt-equity")
    assert "cash account" in shown.text(".vt-margin")
    shown.picture("account-empty")
    assert shown.axe() == []
    desk.close_desk()


def test_huge_money_and_long_symbols_fit(stage: Callable[..., Any]) -> None:
    long = Instrument.make("WIDGETWORKSX", tick="0.01", sector="Communication Services and Media")
    desk = vt.Desk(
        falling(*range(100_000, 99_000, -50), instrument=long),
        language_model=None,
        cash=1_000_000_000_000,
        limits=RiskLimits.make(concentration=1),
    )
    desk.buy("WIDGETWORKSX", 400)
    desk.run()
    shown = stage(desk, "account", width=230)
    shown.part.get_by_role("radio", name="Instrument").click()
    shown.until("document.querySelector('.vt-share-name')?.textContent === 'WIDGETWORKSX'")
    shown.picture("account-huge")
    too_wide = shown.page.evaluate(
        "() => [...document.querySelectorAll('.vt-account-part :is(dd, b, strong, h3, .vt-equity-readout)')]"
        ".filter((n) => n.offsetParent && n.scrollWidth > n.clientWidth + 1 && n.clientWidth)"
        ".map((n) => n.className + ': ' + n.textContent)"
    )
    assert too_wide == []
    assert shown.part.evaluate("(n) => n.scrollWidth <= n.clientWidth")
    assert f"{desk.nav:,.2f}" == shown.text(".vt-money-value")
    desk.close_desk()
