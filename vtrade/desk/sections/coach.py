"""What does the panel of the coach show? The talk so far, growing while an answer is written, and the cards in it.

Rules: three sections, so that little is sent again: the state, a row for each question, and the texts in pieces of
which only the last one of an answer grows. Texts are of the student, the tutor, or a language model: data, never
markup. No ticket of a card is in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vtrade.desk import coach as talk
from vtrade.desk.sections.listing import STATES, listing
from vtrade.execution.blotter import Record
from vtrade.tutor.dialogue import NO_MODEL

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.desk.sections.look import Look

PIECE_CHARACTERS: Final = 400
"""A text travels in pieces of this size; those that are full do not change any more."""
TEXT_SHOWN: Final = 24_000
"""Characters of answers that are shown, the newest first."""
FIRST_QUESTIONS: Final = 4

OFFLINE: Final = "offline coach"
WHY_OFFLINE: Final = (
    "No language model is set up, so the coach answers offline, from your own orders and account. To use one, set "
    "OPENAI_API_KEY before the desk is opened."
)


def coach(desk: Desk, look: Look) -> dict[str, Any]:
    """Who answers, whether it is at it, what could be asked first, and the cards."""
    conversation = talk.of(desk)
    with conversation.lock:
        conversation.give_up(desk)
        busy, empty = bool(conversation.writing), not conversation.said
    model = desk._wiring.model()
    refusal = talk.why_not(desk)
    return {
        "source": OFFLINE if model is None else model.name, "online": model is not None,
        "why": refusal or (WHY_OFFLINE if model is None else ""), "may_ask": not refusal, "busy": busy,
        "first": first_questions(desk) if empty and not refusal else [], "cards": talk.cards_of(desk),
    }  # fmt: skip


def coach_turns(desk: Desk, look: Look) -> list[dict[str, Any]]:
    """A row for each question, oldest first."""
    conversation = talk.of(desk)
    with conversation.lock:
        shown = _shown(conversation)
        last = shown[-1].id if shown else ""
        return [_turn(said, last) for said in shown]


def _turn(said: talk.Said, last: str) -> dict[str, Any]:
    return {
        "id": said.id, "question": said.question, "state": said.state, "writing": said.state == talk.WRITING,
        "source": OFFLINE if said.source == "offline" else said.source,
        "notices": [notice for notice in said.notices if notice != NO_MODEL], "evidence": list(said.evidence),
        "hint": said.hint_level, "more_hints": said.id == last and talk.more_hints(said), "cards": list(said.proposals),
    }  # fmt: skip


def coach_text(desk: Desk, look: Look) -> list[dict[str, str]]:
    """The texts of the answers in pieces, in order; ``id`` is the question's, with the number of the piece."""
    conversation = talk.of(desk)
    with conversation.lock:
        return [
            {"id": f"{said.id}.{n}", "turn": said.id, "text": said.text[at : at + PIECE_CHARACTERS]}
            for said in _shown(conversation)
            for n, at in enumerate(range(0, len(said.text), PIECE_CHARACTERS))
        ]


def _shown(conversation: talk.Coach) -> list[talk.Said]:
    """The newest turns that fit, oldest first; the newest always."""
    left = TEXT_SHOWN
    shown: list[talk.Said] = []
    for said in reversed(conversation.said):
        left -= len(said.text)
        if left < 0 and shown:
            break
        shown.append(said)
    return shown[::-1]


def first_questions(desk: Desk) -> list[str]:
    """Questions that the student's own orders and positions give rise to."""
    kept = listing(desk)
    newest = kept.orders[-50:][::-1]
    waiting = next((r for r in reversed(kept.working.values()) if not r.filled), None)
    asked = [_about(waiting, "Why is order {} still waiting?")]
    asked.append(_about(next((r for r in newest if STATES["refused"](r)), None), "Why was order {} refused?"))
    asked.append(_about(next((r for r in newest if r.filled), None), "What did order {} cost me?"))
    held = desk._room.portfolio.positions(desk.account)
    if held:
        largest = max(held, key=lambda p: abs(p.market_value))
        asked.append(f"How would I protect my position in {largest.symbol}?")
    asked += ["What is a limit order?", "What is my buying power?", "What should I do next?", "What can you do?"]
    return [question for question in asked if question][:FIRST_QUESTIONS]


def _about(record: Record | None, question: str) -> str:
    return "" if record is None else question.format(record.order_id or record.client_order_id)
