"""What did an order cost, and which part of it for what?

Rules: costs are measured against the mid when the order was sent where that is known (``decision``), else against the
mid when it came (``arrival``; the one side there was where the other was empty, the last mark where both were, as on
bars). They are in micro-units, positive is a cost, and the parts add up exactly:

- ``spread``: from the mid to the touch, for what took from the book; from the mid at the fill, for what rested
  (negative where it earned that); none in an auction and on bars, where there is one price;
- ``depth``: beyond the touch, into the visible book;
- ``impact``: what the room's own trading made it dearer, and what lay past the visible book;
- ``delay``: how the mid moved between the decision, or arrival, and the fill: the way to the venue too;
- ``fees``.

Lots that took from the book at one moment are measured from the touch before the first of them.

References
----------
Perold, A. (1988). The implementation shortfall: paper versus reality. Journal of Portfolio Management 14(3).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from vtrade.domain.actions import ActionKind
from vtrade.domain.messages import ActionApplied, Fill, OrderAccepted, OrderTriggered
from vtrade.domain.orders import Liquidity
from vtrade.domain.values import divide
from vtrade.execution.blotter import Record

PARTS: Final = ("spread", "depth", "impact", "delay", "fees")

ONE_PRICE: Final = frozenset({"auction", "bar_open", "bar_range", "bar_close"})
"""Causes of fills at a price that is the same for buyers and sellers."""


class Piece(NamedTuple):
    """One fill's cost by part, in half ticks times lots; ``base`` is what it was worth on arrival."""

    fill: Fill
    spread: int
    depth: int
    impact: int
    delay: int
    way: int
    """What of the delay is the way to the venue."""
    base: int


def dearer(fill: Fill) -> int:
    """Ticks of a fill's price that are impact.

    Examples
    --------
    >>> from vtrade.domain.orders import Side
    >>> dearer(Fill(9, 0, "ana", "c1", 1, "ACME", Side.SELL, 997, 10, 0, Liquidity.TAKER, 0, "beyond", 0, 0, 1_000, 5))
    3
    """
    if fill.cause == "beyond" and fill.evidence_px:
        return max(fill.impact, int(fill.side) * (fill.last_px - fill.evidence_px))
    return fill.impact


def pieces(record: Record) -> Iterator[Piece]:
    """Each fill with its cost by part; nothing where there was no price to measure from."""
    arrival, decision = record.arrival, record.decision
    side = int(record.side)
    moment, bid, ask, mid_then = -1, 0, 0, 0
    accepted = False
    for fact in record.history:
        match fact:
            case OrderAccepted():
                accepted = True
                moment, bid, ask, mid_then = fact.ts_ns, fact.bid, fact.ask, arrival
            case OrderTriggered():
                moment, bid, ask, mid_then = fact.ts_ns, fact.bid, fact.ask, 0
            case ActionApplied(kind=ActionKind.SPLIT):
                arrival, decision = (divide(x * fact.denominator, fact.numerator) for x in (arrival, decision))
            case Fill() if accepted and arrival:
                px, lots, impact = 2 * fact.last_px, fact.last_qty, 2 * dearer(fact)
                takes = fact.liquidity == Liquidity.TAKER and fact.cause not in ONE_PRICE
                if takes and fact.ts_ns != moment:
                    moment, bid, ask, mid_then = fact.ts_ns, fact.bid, fact.ask, 0
                touch = 2 * (ask if side > 0 else bid) if takes else 0
                if touch:
                    mid = mid_then or (bid + ask if bid and ask else touch)
                    spread, depth = side * (touch - mid), side * (px - touch) - impact
                else:
                    two_sided = fact.bid and fact.ask and fact.cause not in ONE_PRICE
                    mid = fact.bid + fact.ask if two_sided else px - side * impact
                    spread, depth = side * (px - mid) - impact, 0
                way = side * (arrival - decision) if decision else 0
                delay = side * (mid - arrival) + way
                yield Piece(fact, *(n * lots for n in (spread, depth, impact, delay, way, arrival)))
            case _:
                pass


def costs(record: Record) -> dict[str, int]:
    """Cost parts of a record's fills in micro-units, and their ``total``; empty where they cannot be measured."""
    instrument = record.instrument
    found = list(pieces(record))
    if not found or instrument is None:
        return {}
    value = instrument.tick_value
    halves = {name: sum(getattr(piece, name) for piece in found) for name in PARTS if name != "fees"}
    total = divide(sum(halves.values()) * value, 2)
    parts = {name: divide(n * value, 2) for name, n in halves.items()}
    parts["spread"] += total - sum(parts.values())  # the last half micro-unit
    return {**parts, "fees": record.fees, "total": total + record.fees}


def base(record: Record) -> float:
    """What the filled lots were worth on arrival, micro-units; 0 where that is not known."""
    instrument = record.instrument
    return 0.0 if instrument is None else sum(piece.base for piece in pieces(record)) * instrument.tick_value / 2


def cost_bps(record: Record) -> dict[str, float]:
    """:func:`costs` in basis points of what the filled lots were worth on arrival."""
    parts, worth = costs(record), base(record)
    return {name: amount / worth * 1e4 for name, amount in parts.items()} if worth else {}


def slippage_bps(record: Record) -> float | None:
    """Slippage against the arrival mid, in basis points; positive is a cost.

    Without fees, and without what happened before arrival.
    """
    found = list(pieces(record))
    worth = sum(piece.base for piece in found)
    if not worth or record.instrument is None:
        return None
    paid = sum(p.spread + p.depth + p.impact + p.delay - p.way for p in found)
    return paid / worth * 1e4
