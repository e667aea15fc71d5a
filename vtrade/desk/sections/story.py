"""Why did this order fill, wait or fail? The explanation that is open in a panel.

Rules: what the facts of the order tell is there at once; what needs the tape or a gateway (what passed meanwhile, what
other models would have charged) is fetched on the side and follows, and is fetched again when the order changed, at
most every :data:`AGAIN_S` while the market plays. Where it cannot be had, the rest stays and a sentence says so.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from vtrade.desk.errands import errands, tell
from vtrade.desk.sections.mends import MEND_OTHERWISE, MENDS, amount_text, at_text, distance, entry_ahead, needs
from vtrade.domain.orders import Reason, Status
from vtrade.domain.values import NS_PER_S
from vtrade.errors import VTradeError
from vtrade.execution.explain import PARTS, REASONS, WAITS, Explanation, describe, explain, price_text
from vtrade.execution.whatif import split_told

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.desk.sections.look import Look
    from vtrade.execution.blotter import Record
    from vtrade.services.shared import DeskRoom

AGAIN_S: Final = 2.0
"""Shortest time between two fetches of one story, seconds."""
STILL_AGAIN_S: Final = 6.0
"""The same for an order that waits as before, while the market moves."""
AFTER_FAILURE_S: Final = 10.0
"""The same after one that failed."""
STORIES_MAX: Final = 8
"""Stories that are remembered."""
FACTS_MAX: Final = 60
"""Facts of a story that are sent: the first half and the last."""

PART_WORDS: Final = {
    "spread": "from the mid to the best price", "depth": "beyond the best price, into the book",
    "impact": "what own trading moved, and what lay past the book", "delay": "how the mid moved meanwhile",
    "fees": "fees, less rebates",
}  # fmt: skip
"""What each part of a cost is."""

_TIMED: Final = re.compile(r"^(?:(\d{4}-\d\d-\d\d|day \d+) )?(\d\d:\d\d:\d\d\.\d{3}) (.*)$", re.DOTALL)

Stamp = tuple[Any, ...]


@dataclass
class Told:
    """A story as far as it is known.

    Attributes
    ----------
    stamp : tuple
        What the quick part was made from.
    quick, full : dict
        Made here at once; and fetched, ``None`` before that.
    full_stamp : tuple
        What the fetched part was asked for.
    asked_ns, seen_ns : int
        When, on the clock outside (0 never), and at which simulated time.
    trouble : str
        Why the last fetch failed.
    """

    room: DeskRoom
    stamp: Stamp = ()
    quick: dict[str, Any] = field(default_factory=dict)
    full: dict[str, Any] | None = None
    full_stamp: Stamp = ()
    asked_ns: int = 0
    seen_ns: int = 0
    running: bool = False
    trouble: str = ""


def story(desk: Desk, look: Look) -> dict[str, Any] | None:
    """What is told of the order whose explanation is open, ``None`` where none is.

    ``state`` is ``"loading"`` while more is on its way, ``"ready"``, ``"partial"`` where the rest could not be had
    (``trouble`` says why), or ``"gone"`` where there is no such order.
    """
    if not look.story:
        return None
    record = desk._room.blotter.find(desk.account, look.story)
    if record is None:
        return {"id": look.story, "state": "gone"}
    waiting = _waiting(desk, record)
    told = _known(desk, record.client_order_id)
    stamp = len(record.facts), len(record.around), str(record.status), str(waiting)
    if told.stamp != stamp:
        told.stamp = stamp
        told.quick = told_of(explain(record, show_time=desk._time, waiting=waiting))
    _fetch(desk, record, told)
    full = told.full or {}
    return {
        "id": record.client_order_id, "number": record.order_id, "symbol": record.symbol,
        "side": record.side.name.lower(), "order": describe(record),
        "state": "partial" if told.trouble else "loading" if told.full is None else "ready",
        "trouble": told.trouble, "mend": _mend(record), **told.quick,
        **{name: full[name] for name in ("notes", "alternatives", "lacking") if name in full},
    }  # fmt: skip


def story_now(desk: Desk, look: Look) -> dict[str, Any] | None:
    """What of that changes with the market: how the order stands, its place in the queue, what has to happen."""
    if not look.story:
        return None
    record = desk._room.blotter.find(desk.account, look.story)
    if record is None:
        text = "This order is not on this desk: it was rewound, or it belongs to another account."
        return {"id": look.story, "status": "", "headline": text, "queue": None}
    waiting = _waiting(desk, record)
    ahead = desk._room.engine.queue_ahead(record.order_id) if record.working else None
    return {
        "id": record.client_order_id, "status": str(record.status), "reason": str(record.reason or waiting),
        "headline": headline(record, waiting), "queue": _queue(desk, record, waiting, ahead),
    }  # fmt: skip


def _waiting(desk: Desk, record: Record) -> Reason:
    return (desk._room.engine.waiting(record.order_id) or record.waiting) if record.working else Reason.NONE


def _known(desk: Desk, name: str) -> Told:
    """What is known of a story; the newest few are kept, and none of a room that was left by going back in time."""
    kept: OrderedDict[str, Told] = vars(desk).setdefault("_stories", OrderedDict())
    told = kept.pop(name, None)
    if told is None or told.room is not desk._room:
        told = Told(desk._room)
    kept[name] = told
    while len(kept) > STORIES_MAX:
        kept.popitem(last=False)
    return told


def _fetch(desk: Desk, record: Record, told: Told) -> None:
    """Have the slow part made on the side, where it is due."""
    now = desk._wiring.clock.monotonic_ns()
    fresh = told.full_stamp == told.stamp and not told.trouble
    moved = record.working and told.room.now_ns != told.seen_ns  # prints may have passed, though it stands as it did
    if told.running or (fresh and not moved):
        return
    pause_s = AFTER_FAILURE_S if told.trouble else STILL_AGAIN_S if fresh else AGAIN_S if told.room.playing else 0.0
    if told.asked_ns and now - told.asked_ns < pause_s * NS_PER_S:
        return
    stamp, room = told.stamp, desk._room

    def work() -> None:
        full: dict[str, Any] | None = None
        trouble = ""
        try:
            full = told_of(desk._explain(record))
        except VTradeError as error:
            trouble = str(error)
        finally:
            with room.lock:
                told.running = False
                told.trouble = trouble
                if full is not None:
                    told.full, told.full_stamp = full, stamp
            tell(desk)

    told.running = errands(desk).start(f"story {record.client_order_id}", work) is not None
    if told.running:
        told.asked_ns, told.seen_ns = now, room.now_ns


# --- an explanation as plain values ----------------------------------------------------------------------------------


def told_of(story: Explanation) -> dict[str, Any]:
    """What a panel shows of an explanation."""
    facts, notes = [], []
    for line in story.lines:
        timed = _TIMED.match(line)
        if timed:
            facts.append({"day": timed[1] or "", "time": timed[2], "text": timed[3]})
        else:
            notes.append(line)
    half = FACTS_MAX // 2
    left_out = max(0, len(facts) - FACTS_MAX)
    rows, lacking = split_told(story.alternatives)
    return {
        "title": story.title,
        "facts": [*facts[:half], *facts[-half:]] if left_out else facts,
        "facts_left_out": left_out,
        "notes": notes,
        "costs": _costs(story),
        "alternatives": [
            {"model": c.model.replace("_", " "), "price": _number(c.price), "cost": _number(c.cost),
             "bps": _number(c.bps), "note": c.note}
            for c in rows
        ] if any(c.price is not None for c in rows) else [],
        "lacking": [
            {"models": [model.replace("_", " ") for model in models], "note": note} for note, models in lacking.items()
        ],
        "decimals": story.decimals,
    }  # fmt: skip


def _costs(story: Explanation) -> dict[str, Any] | None:
    if not story.costs or not all(map(isfinite, story.costs.values())):
        return None
    return {
        "currency": story.currency, "against": story.against, "slippage_bps": _number(story.slippage_bps),
        "parts": [
            {"name": name, "words": PART_WORDS[name], "money": story.costs.get(name, 0.0),
             "bps": _number(story.bps.get(name))}
            for name in PARTS
        ],
        "total": {"money": story.costs["total"], "bps": _number(story.bps.get("total"))},
    }  # fmt: skip


def _number(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


# --- words -----------------------------------------------------------------------------------------------------------


def headline(r: Record, waiting: Reason) -> str:
    """What became of an order, in one sentence.

    A fill tells how much of it and at which price; what did not fill, why.
    """
    did = "Bought" if r.side > 0 else "Sold"
    to = "buy" if r.side > 0 else "sell"
    why = r.detail or REASONS.get(r.reason, "")
    because = f": {why}" if why else ""
    if r.status == Status.DENIED:
        return f"Denied by our own check, before it reached the market{because}."
    if r.status == Status.REJECTED:
        return f"Rejected by the venue{because}."
    wanted = amount_text(r, r.quantity_units)
    ended = {Status.CANCELED: "canceled", Status.EXPIRED: "expired"}.get(r.status, "")
    if not r.filled:
        if ended:
            return f"{ended.capitalize()}; nothing of the {wanted} was {did.lower()}{because}."
        waits = WAITS.get(waiting, "")
        return f"Waiting to {to} {wanted}{_terms(r)}{f': {waits}' if waits else ''}."
    times = f"in {len(r.fills)} fills" if len(r.fills) > 1 else "in one fill"
    average = " on average" if len({fill.last_px for fill in r.fills}) > 1 else ""
    done = f"{did} {amount_text(r, r.filled_units)} at {at_text(r)}{average}, {times}"
    if r.status == Status.FILLED:
        return f"{done}."
    rest = f"the rest of {wanted}"
    if ended:
        return f"{done}; {rest} {'was ' if ended == 'canceled' else ''}{ended}{because}."
    waits = WAITS.get(waiting, "")
    return f"{done}; {rest} waits{f': {waits}' if waits else ''}."


def _terms(r: Record) -> str:
    decimals = r.instrument.price_decimals if r.instrument else 2
    if r.limit_price is not None:
        return f" at {price_text(r.limit_price, decimals)}"
    return ""


def _mend(r: Record) -> str:
    if r.status not in (Status.DENIED, Status.REJECTED):
        return ""
    return MENDS.get(r.reason, MEND_OTHERWISE)


def _queue(desk: Desk, r: Record, waiting: Reason, ahead: int | None) -> dict[str, Any] | None:
    """The place of a waiting order: who stands before it, or how far the market is."""
    i = r.instrument
    if not r.working or i is None:
        return None
    queued = waiting == Reason.WAITING_IN_QUEUE and ahead is not None
    first = entry_ahead(r) if queued else None
    return {
        "needs": needs(desk, r, waiting, ahead if queued else None),
        "ahead": i.quantity(ahead) if queued and ahead is not None else None,
        "first": i.quantity(max(first, ahead or 0)) if first is not None else None,
        "leaves": i.quantity(r.leaves), "price": r.limit_price, "decimals": i.price_decimals,
        "distance": distance(desk, r, waiting),
    }  # fmt: skip
