"""What passed in the market while an order waited?

Rules: counts of prints that are on record, and the places in the queue that facts name; who canceled is told only
where the count leaves no other way. Prints at the very nanosecond of arrival may have come before it and do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import Fact, OrderAccepted, OrderReplaced, OrderTriggered
from vtrade.domain.orders import Liquidity, OrderType, Reason
from vtrade.execution.blotter import Record
from vtrade.execution.explain_words import Clock

Prints = Iterable[Sequence[int]] | Any
"""Rows of ts_ns, price in ticks, lots, aggressor (+1 bought, -1 sold, 0 unknown): an (n, 4) array will do."""


class Passed(NamedTuple):
    """Prints between two moments, seen from an order at a price.

    Attributes
    ----------
    prints, lots : int
        All of them.
    at_count, at_lots : int
        Those that could have met the order's queue: at its price, and not by an aggressor of its own side.
    through_count, through_lots : int
        Beyond its price.
    nearest, last : int
        The most favourable price for reaching it and the last one, ticks; 0 where nothing printed.
    """

    prints: int = 0
    lots: int = 0
    at_count: int = 0
    at_lots: int = 0
    through_count: int = 0
    through_lots: int = 0
    nearest: int = 0
    last: int = 0


def passed(prints: Prints, *, price: int, side: int, since: int, until: int | None = None) -> Passed:
    """Count prints after ``since`` and up to ``until`` (ns).

    Parameters
    ----------
    prints : (n, 4) array or rows
        ts_ns, price (ticks), lots, aggressor.
    price : int
        The order's limit, ticks.
    side : int
        +1 where lower prints are good for the order (a resting buy), -1 where higher ones are.

    Examples
    --------
    >>> rows = [(5, 1_000, 30, -1), (6, 1_000, 10, 1), (7, 999, 5, -1), (9, 1_001, 8, 1)]
    >>> seen = passed(rows, price=1_000, side=1, since=4, until=8)
    >>> seen.prints, seen.at_lots, seen.through_lots, seen.nearest, seen.last
    (3, 30, 5, 999, 999)
    """
    rows = prints.tolist() if hasattr(prints, "tolist") else prints
    count = lots = at_count = at_lots = through_count = through_lots = nearest = last = 0
    for ts, px, quantity, aggressor in rows:
        if ts <= since or (until is not None and ts > until):
            continue
        count, lots, last = count + 1, lots + quantity, px
        nearest = px if not nearest or side * (px - nearest) < 0 else nearest
        if px == price and aggressor != side:
            at_count, at_lots = at_count + 1, at_lots + quantity
        elif side * (px - price) < 0:
            through_count, through_lots = through_count + 1, through_lots + quantity
    return Passed(count, lots, at_count, at_lots, through_count, through_lots, nearest, last)


def _entry(facts: Sequence[Fact]) -> tuple[int, int, int] | None:
    """When the order came to its place in the queue, at which price, and how many lots were ahead then."""
    found = None
    for fact in facts:
        match fact:
            case OrderAccepted() | OrderReplaced(kept_priority=False) if fact.queue_ahead >= 0 and fact.limit_price:
                found = fact.ts_ns, fact.limit_price, fact.queue_ahead
            case _:
                pass
    return found


def queue_lines(
    record: Record, *, show_time: Clock, prints: Prints | None, ahead_now: int | None, waiting: Reason
) -> list[str]:
    """What is known of an order's wait: place at entry and now, and the prints that passed."""
    i = record.instrument
    if i is None:
        return []
    if prints is not None and waiting == Reason.WAITING_FOR_TRIGGER and record.stop:
        return [_stop_line(record, i, prints)]
    now = f"now {i.quantity_text(ahead_now)} are ahead of it in the queue" if ahead_now is not None else ""
    entry = _entry(record.facts)
    if prints is None or entry is None or (not record.working and not _rested(record)):
        return [now] if now else []
    since, price, ahead = entry
    until = None if record.working else _first_rest(record)
    side = int(record.side)
    seen = passed(prints, price=price, side=side, since=since, until=until)
    left = "" if until is None else f" until {show_time(until)}"
    text = f"since {show_time(since)}{left}"
    if not seen.prints:
        told = [f"{text} nothing has printed"]
    elif seen.at_count or seen.through_count:
        at = f"{_prints(seen.at_count)} of {i.quantity_text(seen.at_lots)} came at its price"
        beyond = f"{_prints(seen.through_count)} of {i.quantity_text(seen.through_lots)} beyond it"
        told = [f"{text} " + " and ".join(filter(None, (at * bool(seen.at_count), beyond * bool(seen.through_count))))]
    else:
        away = i.price_text(abs(seen.nearest - price))
        near = f", {away} away" if seen.nearest != price else ", by its own side"
        told = [
            f"{text} {_prints(seen.prints)} passed and none reached it: "
            f"the nearest was at {i.price_text(seen.nearest)}{near}"
        ]
    if ahead_now is None:
        return told
    gone = ahead - ahead_now
    if gone > 0:
        now += f", of {i.quantity_text(ahead)} when it came"
        unsold = gone - seen.at_lots - seen.through_lots
        now += f"; at least {i.quantity_text(unsold)} of those were canceled" if unsold > 0 else ""
    return [*told, now]


def _rested(record: Record) -> bool:
    return any(fill.liquidity == Liquidity.MAKER for fill in record.fills) or not record.fills


def _first_rest(record: Record) -> int:
    """When what rested filled first, or the order ended."""
    return next((f.ts_ns for f in record.fills if f.liquidity == Liquidity.MAKER), record.facts[-1].ts_ns)


def _prints(count: int) -> str:
    return f"{count:,} print{'s' if count != 1 else ''}"


def _stop_line(record: Record, i: Instrument, prints: Prints) -> str:
    """How near the market came to a stop that still sleeps."""
    came = next((f.ts_ns for f in reversed(record.facts) if isinstance(f, OrderAccepted | OrderTriggered)), 0)
    stop = record.stop or 0
    side = -int(record.side)  # a buy stop wants higher prints
    seen = passed(prints, price=stop, side=side, since=came)
    if not seen.prints:
        return "nothing has printed since it came"
    which = "highest" if side < 0 else "lowest"
    text = f"the {which} of {_prints(seen.prints)} since it came is {i.price_text(seen.nearest)}"
    if record.type == OrderType.TRAILING_STOP_MARKET:
        return f"{text}; the last is {i.price_text(seen.last)}"
    return f"{text}, {i.price_text(abs(stop - seen.nearest))} short of its stop"
