"""How does a panel move the market's clock?

Rules: what takes a moment is done at once; going far is a journey, which is seen in the section ``clock``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vtrade.desk import branching, journey
from vtrade.desk.intents.fields import number, real
from vtrade.desk.intents.replies import Reply, ok, refused
from vtrade.domain.values import NS_PER_S
from vtrade.errors import DeskError

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk


def play(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Let the market move by itself."""
    desk.play(real(intent.get("speed") or 1.0, "speed"))
    return refused("the tape has ended: rewind to play again") if desk.ended else ok("playing")


def pause(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Stand still, on a journey too."""
    journey.stop(desk)
    desk.pause()
    return ok("paused")


def step(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Move on a little, at once: so many ``seconds`` or ``events``, or without either to the next event."""
    if intent.get("events") is not None:
        desk.step(events=int(real(intent["events"], "events")))
    elif intent.get("seconds") is not None:
        desk.step(seconds=real(intent["seconds"], "seconds") * desk._room.base_rate())
    else:
        desk.step()
    return ok(f"stepped to {desk.now}")


def rewind(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Go back so many ``seconds`` (60), or to a moment as :func:`jump` reads it, in a journal of its own."""
    if any(intent.get(name) not in (None, "") for name in ("to", "share")):
        target = _moment(desk, intent)
        if target > desk.ts_ns:
            return refused("that has not happened yet on this desk; jump goes ahead", field="to")
        return _set_out(desk, target)
    desk.rewind(seconds=real(intent.get("seconds") or 60.0, "seconds") * desk._room.base_rate())
    return ok(f"rewound to {desk.now}" + ("; the journal of before is kept" if desk.journal else ""))


def jump(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Go to a moment: ``to`` as text (``"10:30"``), or ``share`` of the tape from 0 to 1; back is a rewind."""
    return _set_out(desk, _moment(desk, intent))


def fork(desk: Desk, intent: dict[str, Any]) -> Reply:
    """Make a branch from now, or from a moment of the past; its number is in ``data``."""
    asked = any(intent.get(name) not in (None, "") for name in ("to", "share"))
    made = journey.branch(desk, _moment(desk, intent) if asked else None)
    number_ = desk.branches.index(made)
    return ok(f"branch {number_} goes its own way from {made.now}", data={"branch": number_})


def _set_out(desk: Desk, target: int) -> Reply:
    going = journey.travel(desk, target)
    return ok(f"on the way to {going.to}")


def _moment(desk: Desk, intent: dict[str, Any]) -> int:
    head = branching.own_room(desk).head
    if head is None:
        raise DeskError("there is no tape here, so that no moment of it can be gone to")
    if intent.get("share") is not None:
        share = real(intent["share"], "share of the tape")
        if not 0 <= share <= 1:
            raise DeskError(f"share {share} of the tape is not between 0 and 1")
        return head.start_ns + int(share * (head.end_ns - head.start_ns)) // NS_PER_S * NS_PER_S
    to = number(intent.get("to"), "moment")
    if to is None:
        raise DeskError('give a moment, such as "10:30" or "10:30:05"')
    return branching.moment_ns(desk, str(to).strip())
