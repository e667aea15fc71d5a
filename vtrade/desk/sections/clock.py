"""What time is it on this desk, does time pass, and what happened when?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vtrade.desk.sections.words import clock_text, has_account, local_s
from vtrade.domain.values import NS_PER_S
from vtrade.execution.explain import price_text, units_text
from vtrade.services.access import PERMISSIONS, May, Role
from vtrade.services.room import Room

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.desk.sections.look import Look

MARKS_MAX: Final = 200
"""Fills and headlines on the line, the newest of each."""

OWN: Final = ("play", "pause", "speed", "step", "jump", "rewind", "fork")
SHARED: Final = ("play", "pause", "speed")


def clock(desk: Desk, look: Look) -> dict[str, Any]:
    """The simulated clock, how it runs, and what may be done with it."""
    room = desk._room
    shown = desk.now
    going = desk._journey
    return {
        "time": shown[-12:-4], "date": shown[:-13], "playing": room.playing, "speed": room.speed,
        "ended": room.ended, "progress": round(_share(desk, room.now_ns), 4), "forked": desk.forked_from,
        "trouble": room.trouble, "unit_s": room.base_rate(), "can": list(_can(desk)), "shared": room.shared,
        "branch": desk.branches.index(desk), "branches": len(desk.branches),
        "journey": {"to": going.to[-12:-4], "back": going.back, "progress": going.progress}
        if going is not None and going.going else None,
        "stranded": going.trouble if going is not None else "",
    }  # fmt: skip


def _can(desk: Desk) -> tuple[str, ...]:
    room = desk._room
    if isinstance(room, Room) and not room.shared:
        return OWN if room.tape is not None else ()
    role = getattr(room, "role", "")
    return SHARED if role in set(Role) and May.CONDUCT in PERMISSIONS[Role(role)] else ()


def _share(desk: Desk, ts_ns: int) -> float:
    """Where a moment lies on the tape, from 0 to 1."""
    head = desk._room.head
    span = head.end_ns - head.start_ns if head is not None else 0
    if head is None or not span:
        return 1.0
    return min(1.0, max(0.0, (ts_ns - head.start_ns) / span))


def timeline(desk: Desk, look: Look) -> dict[str, Any]:
    """The tape from end to end with what happened on it: own fills, headlines, branches."""
    room, head = desk._room, desk._room.head
    if head is None:
        return {"start": None, "end": None, "marks": [], "branches": []}
    marks: list[dict[str, Any]] = []
    if has_account(desk):
        for fill in room.portfolio.fills(desk.account)[-MARKS_MAX:]:
            k = room.engine.index(fill.symbol)
            i = desk.instruments[k if k is not None else 0]
            side = "buy" if fill.side > 0 else "sell"
            price = price_text(i.price(fill.last_px), i.price_decimals)
            words = f"{units_text(i.quantity(fill.last_qty))} {fill.symbol} at {price}"
            marks.append(_mark(desk, fill.ts_ns, side, f"{'bought' if fill.side > 0 else 'sold'} {words}"))
    news = [n for n in room.news if n.account in ("", desk.account)]
    marks += [_mark(desk, n.ts_ns, "news", n.headline) for n in news[-MARKS_MAX:]]
    return {
        "start": local_s(desk, head.start_ns // NS_PER_S), "end": local_s(desk, head.end_ns // NS_PER_S),
        "start_text": desk._time(head.start_ns)[:-4], "end_text": desk._time(head.end_ns)[:-4],
        "marks": sorted(marks, key=lambda mark: mark["at"]),
        "branches": [
            {"branch": n, "name": f"branch {n}" if n else "original", "at": round(_share(each, each.ts_ns), 4),
             "time": each.now[-12:-4], "nav": each.nav if has_account(each) else None, "shown": each is desk}
            for n, each in enumerate(desk.branches)
        ],
    }  # fmt: skip


def _mark(desk: Desk, ts_ns: int, kind: str, text: str) -> dict[str, Any]:
    return {"at": round(_share(desk, ts_ns), 4), "kind": kind, "time": clock_text(desk, ts_ns), "text": text}


def seq(desk: Desk, look: Look) -> int:
    """Number of changes so far."""
    return desk._room.changes
