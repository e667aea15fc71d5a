"""How does a panel talk with the coach, and how does a student confirm what it put forward?

Rules: a question is answered in the background and seen in the sections of the coach. A card is confirmed with the
ticket that came when it was shown to a person; no other intent gives one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vtrade.desk import coach as talk
from vtrade.desk.intents.fields import text
from vtrade.desk.intents.orders import told
from vtrade.desk.intents.replies import Reply, ok, refused
from vtrade.errors import DeskError

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk


def ask(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Have a question answered."""
    question = intent.get("question")
    if not isinstance(question, str):
        return refused("the question is missing; write one", field="question")
    try:
        return ok(talk.start(desk, question))
    except DeskError as error:
        return refused(str(error), field="question")


def hint(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Have the next hint told."""
    return ok(talk.next_hint(desk))


def stop(desk: Desk, intent: dict[str, Any]) -> Reply:
    """End the answer that is being written."""
    return ok(talk.stop(desk))


def forget(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Forget the conversation."""
    return ok(talk.forget(desk))


def show_proposal(desk: Desk, intent: dict[str, Any]) -> Reply:
    """A card is shown to a person now: the ticket that confirms it, and for how many seconds it is good."""
    ticket, left_s = talk.show_card(desk, text(intent, "id"))
    return ok("", data={"ticket": ticket, "left_s": round(left_s, 3)})


def confirm_proposal(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Send the order of a card, with its ticket."""
    order = talk.confirm(desk, text(intent, "id"), text(intent, "ticket"))
    return told(desk, order.client_order_id)


def discard_proposal(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Let a card go."""
    talk.discard(desk, text(intent, "id"))
    return ok("discarded; nothing was sent")
