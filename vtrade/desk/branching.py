"""How does a desk move along its tape, and what does a branch of it begin with?

Rules: only a market of one's own can be moved. A branch is a log of its own whose first messages are those of the old
one up to a moment, so it tells the same facts up to there; the old log stays as it is.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from vtrade.desk import checks
from vtrade.desk.sections.words import parse_moment
from vtrade.domain.messages import Inbound, MarketFrame, OpenRoom, decode_inbound
from vtrade.errors import DeskError
from vtrade.market.dtype import EVENT
from vtrade.services.room import CLOSED, NO_TAPE, Room

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk


def moment_ns(desk: Desk, when: str | int) -> int:
    """Nanoseconds of a moment of the tape's day given as ``"HH:MM[:SS]"`` or a date and time."""
    if isinstance(when, str):
        return parse_moment(desk, when)
    try:
        return operator.index(when)
    except TypeError:
        raise DeskError(f'{when!r} is no time; write "10:30", or whole nanoseconds') from None


def own_room(desk: Desk) -> Room:
    """The room of a desk that has it for itself.

    Raises
    ------
    DeskError
        If others trade there too.
    """
    if not isinstance(desk._room, Room) or desk._room.shared:
        raise DeskError(
            "this market is shared: it goes on for everybody, at the pace of its instructor; "
            "vt.Desk(...) is a market of your own, to step through and rewind"
        )
    return desk._room


def step(desk: Desk, events: int | None = None, *, seconds: float | None = None) -> Desk:
    """Move on at once.

    Parameters
    ----------
    events : int, optional
        So many market events.
    seconds : float, optional
        So many simulated seconds. Without either, to the next event; on a bar tape, to the end of the next bar.
    """
    if events is not None and seconds is not None:
        raise DeskError("step by events or by seconds, not by both")
    room = own_room(desk)
    if seconds is not None:
        room.advance(room.now_ns + checks.span_ns(seconds))
    elif events is not None:
        room.step_events(checks.count(events, "events"))
    else:
        room.step()
    return desk


def run(desk: Desk, until: str | int | None = None) -> Desk:
    """Play to a moment (``"10:30"``, or nanoseconds), or to the end of the tape, at once."""
    room = own_room(desk)
    if room.tape is None:
        raise DeskError(NO_TAPE)
    if until is None:
        room.run()
        return desk
    end = moment_ns(desk, until)
    if end < room.now_ns:
        raise DeskError(f"{until} is in the past of this desk ({desk.now}); desk.rewind() goes back")
    room.advance(end)
    return desk


def target_ns(desk: Desk, to: str | int | None) -> int:
    """The moment at which a branch leaves; the beginning where none is named."""
    beginning = head.start_ns if (head := own_room(desk).head) else 0
    target = beginning if to is None else moment_ns(desk, to)
    if target > desk.ts_ns:
        raise DeskError(f"{to} has not happened yet on this desk ({desk.now}); desk.run(until=...) goes forward")
    return max(beginning, target)


def messages_until(desk: Desk, target: int) -> list[Inbound]:
    """The messages up to a moment, as the beginning of another log."""
    kept: list[Inbound] = []
    own = own_room(desk)
    with own.lock:
        if own.closed:
            raise DeskError(CLOSED)
        room = own.runtime
        name = f"{room.engine.room} at {desk._time(target)}"
        for entry in room.log.read():
            message = decode_inbound(entry.message)
            if isinstance(message, OpenRoom):
                kept.append(msgspec.structs.replace(message, forked_from=name))
            elif message.ts_ns <= target:
                kept.append(message)
            elif isinstance(message, MarketFrame):
                events = np.frombuffer(message.events, dtype=EVENT)
                early = events[events["ts_ns"] <= target]
                if len(early):
                    kept.append(MarketFrame(int(early["ts_ns"][-1]), early.tobytes()))
    return kept


def rewound(desk: Desk, target: int) -> tuple[Room, str | None]:
    """A room that goes on from an earlier moment, in the place of the desk's own, and the path of its journal."""
    old, wiring = own_room(desk), desk._wiring
    old.pause()
    branch = messages_until(desk, target)
    journal = None if desk.journal is None else wiring.next_path(desk.journal)
    log = wiring.open_log(journal)
    try:
        room = Room(log, old.tape, opening=branch, clock=wiring.clock, leaderboards=wiring.leaderboards())
    except BaseException:
        log.close()
        raise
    room.catch_up(target)
    room.changes = old.changes
    room.listeners = old.listeners
    return room, journal
