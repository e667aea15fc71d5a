"""Can a student talk with the coach from a panel, and is an order confirmed there by a person, once?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

import vtrade as vt
from vtrade.tutor.dialogue import Chunk, Done, Message, TextDelta
from vtrade.tutor.tools import Tool

pytestmark = pytest.mark.needs("browser")

HOSTILE = '<img src=x onerror="window.bad=1"> **Bold** [link](javascript:window.bad=2) `code`\n\n- one\n- two\n\n'


class Writer:
    """A model that writes in pieces, each when the test says so."""

    name = "a-model-with-a-long-name-that-has-no-space-in-it"

    def __init__(self, *pieces: str) -> None:
        self.pieces = pieces
        self.turn = threading.Semaphore(0)

    def stream(self, messages: Sequence[Message], tools: Sequence[Tool], *, timeout_s: float) -> Iterator[Chunk]:
        for piece in self.pieces:
            assert self.turn.acquire(timeout=20)
            yield TextDelta(piece)
        yield Done()


@pytest.fixture
def open_desk() -> Iterator[Callable[..., vt.Desk]]:
    """Desks that are closed again."""
    desks: list[vt.Desk] = []

    def opener(model: Any = None) -> vt.Desk:
        desks.append(vt.Desk("synthetic:7", language_model=model))
        return desks[-1]

    yield opener
    for desk in desks:
        desk.close_desk()


def ask(shown: Any, question: str) -> None:
    shown.page.keyboard.press("Escape")
    shown.part.locator("textarea").click()
    shown.page.keyboard.type(question)
    shown.page.keyboard.press("Enter")


DONE = "document.querySelector('.vt-turn:last-child')?.dataset.state === 'done'"


@pytest.mark.parametrize(("width", "theme"), [(900, "light"), (420, "dark"), (230, "light")])
def test_a_proposal_is_confirmed_by_hand(
    stage: Callable[..., Any], open_desk: Callable[..., vt.Desk], width: int, theme: str
) -> None:
    desk = open_desk()
    desk.buy("ACME", 100)
    desk.buy("ACME", 50, limit=150)
    shown = stage(desk, "coach", width=width, height=640, theme=theme)
    assert shown.part.locator(".vt-suggestion").first.inner_text() == "Why is order 2 still waiting?"
    shown.picture(f"coach-new-{theme}-{width}")
    assert shown.axe() == []
    shown.part.locator(".vt-suggestion").first.click()
    shown.until(DONE)
    shown.part.locator(".vt-evidence summary").click()
    assert shown.part.locator(".vt-cite").first.inner_text() == "order 2"
    ask(shown, "How would I protect my position in ACME?")
    shown.until("document.querySelectorAll('.vt-turn').length === 2 && " + DONE)
    shown.until("!document.querySelector('.vt-proposal .vt-coach-main').ariaDisabled")
    shown.picture(f"coach-card-{theme}-{width}")
    assert shown.axe() == []
    assert "offline coach answered: First a question back" in shown.text("[role=status].vt-unseen")
    yes = shown.part.get_by_role("button", name="Confirm and send: sell 100 ACME")
    yes.focus()
    shown.page.keyboard.press("Enter")
    shown.until("document.querySelector('.vt-proposal').dataset.state === 'confirmed'")
    order = desk.order("proposal-1")
    assert (order.side, order.quantity, order.working) == ("sell", 100, True)
    assert len(desk.orders()) == 3
    assert "Confirmed: #3 sell 100 ACME" in shown.text("[role=status].vt-unseen")
    assert shown.page.evaluate("() => document.activeElement.textContent") == "Show the order", "the focus is not lost"
    shown.picture(f"coach-confirmed-{theme}-{width}")
    visible = "e.clientWidth > 0 && e.checkVisibility() && !e.closest('.vt-unseen, svg')"
    over = "e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX === 'visible'"
    found = f"[...document.querySelectorAll('.vt-desk *')].filter((e) => {visible} && {over})"
    assert shown.page.evaluate(f"() => {found}.map((e) => e.outerHTML.slice(0, 120))") == []
    assert shown.page.evaluate("() => document.querySelector('main').scrollWidth") <= width
    assert shown.bad == []


def test_evidence_opens_the_order_that_it_is_about(
    stage: Callable[..., Any], open_desk: Callable[..., vt.Desk]
) -> None:
    desk = open_desk()
    desk.buy("ACME", 100)
    shown = stage(desk, "coach", width=420, height=640, theme="dark")
    ask(shown, "What did order 1 cost me?")
    shown.until(DONE)
    shown.part.locator(".vt-evidence summary").click()
    cited = shown.part.locator(".vt-cite").first
    cited.focus()
    shown.page.keyboard.press("Enter")
    shown.until("document.querySelector('.vt-headline')?.textContent.includes('100 ACME')")
    shown.picture("coach-story-dark-420")
    assert shown.axe() == []
    shown.page.keyboard.press("Escape")
    shown.until("!document.querySelector('.vt-coach-log').hidden")
    assert shown.page.evaluate("() => document.activeElement.textContent") == "order 1"
    assert shown.bad == []


def test_text_grows_is_never_markup_and_the_reader_stays_where_they_scrolled(
    stage: Callable[..., Any], open_desk: Callable[..., vt.Desk]
) -> None:
    model = Writer(HOSTILE, *["More and more of it, line by line.\n\n"] * 40, "The end.")
    desk = open_desk(model)
    shown = stage(desk, "coach", width=420, height=600)
    ask(shown, "Tell me about **everything**\n")
    model.turn.release()
    shown.until("document.querySelectorAll('.vt-said li').length === 2")
    assert shown.text(".vt-said strong") == "Bold"
    assert shown.text(".vt-said code") == "code"
    assert shown.text(".vt-asked") == "Tell me about **everything**"
    assert '<img src=x onerror="window.bad=1">' in shown.text(".vt-said p")
    assert shown.part.locator(".vt-said img, .vt-said a").count() == 0
    assert shown.page.evaluate("() => window.bad") is None
    assert shown.part.get_by_role("button", name="Stop").is_visible()
    assert shown.text("[role=status].vt-unseen") == "", "nothing is read out piece by piece"
    for _ in range(20):
        model.turn.release()
    log = "document.querySelector('.vt-coach-log')"
    at_end = f"{log}.scrollHeight - {log}.scrollTop - {log}.clientHeight < 33"
    shown.until("document.querySelectorAll('.vt-said > p').length > 18")
    assert shown.page.evaluate(f"() => {at_end}"), "it follows what is written"
    shown.page.evaluate("() => { document.querySelector('.vt-coach-log').scrollTop = 0; }")
    shown.pump(0.2)
    for _ in range(25):
        model.turn.release()
    shown.until(DONE)
    assert shown.page.evaluate("() => document.querySelector('.vt-coach-log').scrollTop") == 0
    shown.part.get_by_role("button", name="↓ Newest").click()
    assert shown.page.evaluate(f"() => {at_end}")
    assert "answered:" in shown.text("[role=status].vt-unseen")
    shown.picture("coach-long-light-420")
    assert shown.bad == []


def test_an_answer_is_stopped_and_the_talk_forgotten(
    stage: Callable[..., Any], open_desk: Callable[..., vt.Desk]
) -> None:
    model = Writer("It begins.", "Never.")
    desk = open_desk(model)
    shown = stage(desk, "coach", width=600, height=600, theme="dark")
    ask(shown, "one")
    model.turn.release()
    shown.until("document.querySelector('.vt-said p')")
    ask(shown, "two")
    shown.until("document.querySelector('.vt-coach-error').textContent.includes('still answering')")
    assert shown.part.locator("textarea").input_value() == "two", "what was refused is not lost"
    shown.picture("coach-busy-dark-600")
    assert shown.axe() == []
    shown.part.get_by_role("button", name="Stop").click()
    shown.until("document.querySelector('.vt-turn').dataset.state === 'stopped'")
    shown.part.get_by_role("button", name="Forget").click()
    shown.part.get_by_role("button", name="Forget all of it?").click()
    shown.until("document.querySelectorAll('.vt-turn').length === 0")
    assert shown.part.locator(".vt-suggestion").count() > 0
    model.turn.release()
    assert shown.bad == []


def test_hints_come_one_by_one_and_a_card_is_discarded(
    stage: Callable[..., Any], open_desk: Callable[..., vt.Desk]
) -> None:
    desk = open_desk()
    shown = stage(desk, "coach", width=420, height=700)
    ask(shown, "Should I buy ACME?")
    for level in (1, 2, 3):
        shown.until(f"document.querySelectorAll('.vt-turn').length === {level} && " + DONE)
        assert f"Hint {level} of 3" in shown.part.locator(".vt-said").last.inner_text()
        if level < 3:
            shown.part.get_by_role("button", name="One more hint").click()
    assert not shown.part.get_by_role("button", name="One more hint").is_visible()
    assert shown.part.locator(".vt-proposal").count() == 0
    ask(shown, "buy 5 ACME for me")
    shown.until("document.querySelector('.vt-proposal')")
    shown.part.get_by_role("button", name="Discard: buy 5 ACME").click()
    shown.until("document.querySelector('.vt-proposal').dataset.state === 'discarded'")
    assert len(desk.orders()) == 0
    assert shown.bad == []
