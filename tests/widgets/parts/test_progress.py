"""Can a student see what was learned, what is next, and where one stands, without being told twice?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import vtrade as vt
from tests.services.loopback import SharedOver, wiring
from vtrade.desk.desk import Desk
from vtrade.domain.accounts import RiskLimits

pytestmark = pytest.mark.needs("browser")


@pytest.fixture(scope="module", autouse=True)
def _own_preferences(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is chosen here stays here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VTRADE_PREFERENCES", str(tmp_path_factory.mktemp("preferences")))
        yield


PLAN = "buy a little and see what the book does"


@pytest.fixture
def desk() -> Iterator[vt.Desk]:
    tape = vt.synthetic(7, symbols=["ACME", "BYTE", "LUMA"], minutes=3, events_per_second=8)
    one = vt.Desk(tape, language_model=None, account="ana")
    yield one
    one.close_desk()


@pytest.fixture(scope="module")
def crowd() -> Iterator[Desk]:
    """The desk of one of forty who trade in a room, somewhere in the middle."""
    tape = vt.synthetic(5, minutes=60, events_per_second=1)
    names = [f"trader{n:02d}" for n in range(40)]
    room = SharedOver(tape, dict.fromkeys(names, RiskLimits()), tape_name="a tape")
    for place, name in enumerate(names):
        one = Desk.on(room, name, wiring())
        for symbol in one.symbols[place % 3 : place % 3 + 2]:
            one.buy(symbol, 10 + 7 * place)
    room.run()
    mine = Desk.on(room, room.rank("nav").top(30)[-1].account, wiring())
    yield mine
    room.close()


def toasts(shown: Any) -> list[str]:
    return [str(text) for text in shown.part.locator(".vt-toast[data-kind=badge] .vt-toast-text").all_inner_texts()]


def test_a_badge_is_told_once(stage: Callable[..., Any], desk: vt.Desk) -> None:
    shown = stage(desk, "progress", width=760, height=900)
    shown.until("document.querySelector('.vt-mission')")
    assert toasts(shown) == []
    desk.record("plan_written", value=PLAN)
    shown.until("document.querySelector('.vt-toast[data-kind=badge]')")
    assert toasts(shown) == ["Badge earned: On paper"]
    shown.part.get_by_role("tab", name="Badges").click()
    medal = shown.part.locator(".vt-medal[data-earned]")
    assert "On paper" in medal.inner_text()
    assert "earned" in medal.inner_text()
    assert "not yet: 0 of 10" in shown.part.locator(".vt-medal", has_text="Curious").inner_text()
    shown.picture("progress-badges")
    assert shown.axe() == []
    shown.close()
    again = stage(desk, "progress", width=760)  # as after a reload
    again.until("document.querySelector('.vt-medal[data-earned]')")
    again.pump(1.0)
    assert toasts(again) == []
    assert again.part.locator(".vt-tabs [aria-selected=true]").inner_text().startswith("Badges"), "the page is kept"
    assert again.bad == []


@pytest.mark.parametrize(("theme", "width"), [("light", 1100), ("dark", 600), ("dark", 230)])
def test_it_looks_right_everywhere(stage: Callable[..., Any], crowd: Desk, theme: str, width: int) -> None:
    shown = stage(crowd, "progress", width=width, theme=theme, height=900)
    shown.until("document.querySelector('.vt-mission') && document.querySelector('.vt-standings tbody tr')")
    shown.part.get_by_role("radio", name="Account value").click()
    shown.until("document.querySelector('.vt-standings [data-gap]')")
    shown.picture(f"progress-{theme}-{width}")
    overflowing = shown.page.evaluate(
        "() => [...document.querySelectorAll('.vt-progress-part *')].filter((n) => n.getBoundingClientRect().right > "
        "document.querySelector('.vt-desk').getBoundingClientRect().right + 0.5 && "
        "!n.closest('.vt-table-box, .vt-tabs')).map((n) => n.className)"
    )
    assert overflowing == []
    assert shown.axe() == []
    assert shown.bad == []


def test_the_own_row_is_pinned_with_its_certainty(stage: Callable[..., Any], crowd: Desk) -> None:
    shown = stage(crowd, "progress", width=900)
    shown.until("document.querySelector('.vt-standings tbody tr')")
    shown.part.get_by_role("radio", name="Account value").click()
    shown.until("document.querySelector('.vt-standings [data-gap]')")
    mine = shown.part.locator(".vt-standings [data-me]").inner_text()
    row = crowd._room.rank("nav").around(crowd.account, 0)[0]
    assert mine.split("\t")[0].strip() == str(row.rank)
    assert f"{crowd.account} (you)" in mine
    told = crowd.view(sections=["ranking"], board="nav")["ranking"]
    assert shown.text(".vt-rank-doubt") == told["text"]
    assert f"Ranks {told['best']} to {told['worst']}" in told["text"]
    assert f"Rank {row.rank} of 40" in shown.text(".vt-own-place")


def test_alone_in_a_room(stage: Callable[..., Any], desk: vt.Desk) -> None:
    shown = stage(desk, "progress", width=900, theme="dark")
    shown.until("document.querySelector('.vt-mission')")
    assert "You are alone in this room" in shown.text(".vt-standings")
    shown.picture("progress-alone")
    assert shown.axe() == []
