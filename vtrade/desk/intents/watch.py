"""How does a panel keep what its owner chose? Choices by name, watchlists, alerts; and how does it answer a tender?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vtrade.desk import offbook
from vtrade.desk.alert_terms import AlertError, sentence, words
from vtrade.desk.alerts import alerts_of
from vtrade.desk.intents.fields import text
from vtrade.desk.intents.replies import Reply, ok, refused
from vtrade.desk.preferences import ALERTS, WATCHLISTS, preferences_of
from vtrade.desk.watchlists import ALL, STARRED, watchlists_of
from vtrade.errors import DeskError

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk


def remember(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Keep a choice; where it cannot be kept beyond this desk, that is told once."""
    name = text(intent, "name")
    if name in (ALERTS, WATCHLISTS):
        raise DeskError(f"{name} are not remembered as they are sent; they have intents of their own")
    preferences_of(desk).set(name, intent.get("value"))
    return ok(preferences_of(desk).news())


# --- watchlists ------------------------------------------------------------------------------------------------------


def star(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Put a symbol into a list."""
    name, into = text(intent, "symbol"), str(intent.get("list") or STARRED)
    new = watchlists_of(desk).put(desk, name, into=STARRED if into == ALL else into)
    return _kept(desk, f"{name} is in {into} now" if new else f"{name} is in {into} already")


def unstar(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Take a symbol out of a list, also one that is not traded any more."""
    name, out_of = text(intent, "symbol"), str(intent.get("list") or STARRED)
    gone = watchlists_of(desk).take(desk, name, out_of=STARRED if out_of == ALL else out_of)
    return _kept(desk, f"{name} is no longer in {out_of}" if gone else f"{name} was not in {out_of}")


def watchlist(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Create, rename or delete a list."""
    lists, name = watchlists_of(desk), str(intent.get("name") or "")
    try:
        match intent.get("do"):
            case "create":
                name = lists.create(name)
                said = f"List {name} is there, empty: add symbols to it"
            case "rename":
                to = lists.rename(name, str(intent.get("to") or ""))
                said, name = f"List {name} is called {to} now", to
            case "delete":
                lists.delete(name)
                said, name = f"List {name} is gone; its symbols are still traded", ALL
            case other:
                raise DeskError(f"a watchlist cannot be asked to {other!r}; create, rename or delete it")
    except DeskError as error:
        return refused(str(error), field="name")
    return _kept(desk, said, data={"list": name})


def _kept(desk: Desk, said: str, data: Any = None) -> Reply:
    with desk._room.together():
        pass  # so that every panel of the desk looks again
    trouble = preferences_of(desk).news()
    return ok(f"{said}. {trouble}" if trouble else said, data)


# --- alerts ----------------------------------------------------------------------------------------------------------


def alert(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Set an alert, or arm one again by its number."""
    alerts = alerts_of(desk)
    if intent.get("id") is not None:
        again = alerts.arm(_number(intent))
        return ok(f"Alert {again.id} waits again")
    try:
        new = alerts.set(
            text(intent, "symbol"), text(intent, "kind"), intent.get("value"), window_s=intent.get("window_s") or 0.0,
            once=intent.get("once") is not False,
        )  # fmt: skip
    except AlertError as error:
        return refused(str(error), field=error.field)
    trouble = preferences_of(desk).news()
    said = f"You are told when {words(new, desk.instruments[_index(desk, new.symbol)])}"
    return ok(f"{said}. {trouble}" if trouble else said, {"id": new.id})


def alert_words(desk: Desk, intent: dict[str, Any]) -> Reply:
    """What an alert would do, while it is written; nothing is set."""
    try:
        with desk._room.lock:
            draft, k = alerts_of(desk).draft(
                str(intent.get("symbol") or ""), str(intent.get("kind") or ""), intent.get("value"),
                window_s=intent.get("window_s") or 0.0, once=intent.get("once") is not False,
            )  # fmt: skip
            return ok("", {"fine": True, "text": sentence(draft, desk.instruments[k])})
    except AlertError as error:
        return ok("", {"fine": False, "text": str(error), "field": error.field})


def alert_clear(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Take an alert back; without a number those that have told, and the list of what they told."""
    if intent.get("id") is None:
        alerts_of(desk).clear(fired=True)
        return ok("What has fired was cleared")
    alerts_of(desk).remove(_number(intent))
    return ok("The alert was taken back")


def _number(intent: dict[str, Any]) -> int:
    value = intent["id"]
    if isinstance(value, bool) or not isinstance(value, int):
        raise DeskError(f"there is no alert {value!r:.40}")
    return value


def _index(desk: Desk, symbol: str) -> int:
    return desk._room.engine.index(symbol) or 0


# --- tenders ---------------------------------------------------------------------------------------------------------


def tender(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Take a tender, or leave it."""
    accept = intent.get("accept")
    if accept is not True and accept is not False:
        raise DeskError("a tender is taken with accept: true, or left with accept: false")
    return ok(offbook.answer(desk, text(intent, "tender"), accept=accept))
