"""What may a panel ask of a desk? Named intents, each with one answer.

Rules: an intent comes from outside: whatever is in it, the answer is a sentence and never an exception, and nothing is
half done. An intent answers soon; what takes long goes on by itself and is seen in a section.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from vtrade.desk.intents import coach, export, orders, preview, ticket, time, watch
from vtrade.desk.intents.replies import Reply, refused
from vtrade.errors import DeskError, VTradeError

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk

INTENTS: Final[dict[str, Callable[[Desk, dict[str, Any]], Reply]]] = {
    "submit": ticket.submit,
    "bracket": ticket.bracket,
    "exits": ticket.exits,
    "preview": preview.preview,
    "size": preview.size,
    "cancel": orders.cancel,
    "replace": orders.replace,
    "close": orders.close,
    "cancel_all": orders.cancel_all,
    "flatten": orders.flatten,
    "explained": orders.explained,
    "export": export.export,
    "play": time.play,
    "pause": time.pause,
    "step": time.step,
    "rewind": time.rewind,
    "jump": time.jump,
    "fork": time.fork,
    "remember": watch.remember,
    "star": watch.star,
    "unstar": watch.unstar,
    "watchlist": watch.watchlist,
    "alert": watch.alert,
    "alert_words": watch.alert_words,
    "alert_clear": watch.alert_clear,
    "tender": watch.tender,
    "ask": coach.ask,
    "hint": coach.hint,
    "stop": coach.stop,
    "forget": coach.forget,
    "show_proposal": coach.show_proposal,
    "confirm_proposal": coach.confirm_proposal,
    "discard_proposal": coach.discard_proposal,
}


def handle(desk: Desk, intent: Any) -> dict[str, Any]:
    """Do what a panel asks for; tell how it went."""
    try:
        if not isinstance(intent, dict) or not isinstance(intent.get("intent"), str):
            raise DeskError('a panel asks with a dictionary such as {"intent": "pause"}')
        act = INTENTS.get(intent["intent"])
        if act is None:
            raise DeskError(f"a panel cannot ask for {intent['intent']!r}")
        return dict(act(desk, intent))
    except VTradeError as error:
        return dict(refused(str(error)))
    except Exception as error:  # an intent comes from outside, and its reader has to hear of it whatever happens
        return dict(refused(f"that could not be done ({type(error).__name__}: {error})"))
