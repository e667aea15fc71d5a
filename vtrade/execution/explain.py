"""Why did this order fill, wait or fail, and what did it cost? Answers from the recorded facts alone.

Rules: every sentence repeats a fact; nothing is guessed. The words stand in ``explain_words``, the split of the cost
in ``explain_costs``, what passed while an order waited in ``explain_queue``, and what other models would have charged
in ``whatif``; this module puts them together and is the face of all of them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from vtrade.domain import display
from vtrade.domain.messages import (
    Fact,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderRejected,
    OrderSubmitted,
    SessionChanged,
)  # fmt: skip
from vtrade.domain.orders import Reason
from vtrade.domain.values import from_micros
from vtrade.execution.blotter import Record
from vtrade.execution.explain_costs import PARTS, cost_bps, costs, slippage_bps
from vtrade.execution.explain_queue import Passed, Prints, passed, queue_lines
from vtrade.execution.explain_words import (
    CAUSES,
    REASONS,
    WAITS,
    Clock,
    bands_text,
    describe,
    line,
    price_text,
    reason_text,
    span_text,
    units_text,
)  # fmt: skip
from vtrade.execution.whatif import Charge, MarketContext, charges, split_told

__all__ = [
    "CAUSES",
    "PARTS",
    "REASONS",
    "WAITS",
    "Charge",
    "Explanation",
    "MarketContext",
    "Passed",
    "Prints",
    "cost_bps",
    "costs",
    "describe",
    "explain",
    "passed",
    "price_text",
    "reason_text",
    "slippage_bps",
    "span_text",
    "units_text",
]


@dataclass(frozen=True)
class Explanation:
    """An order's story and its costs.

    Attributes
    ----------
    title : str
    lines : list of str
        What happened, in time order.
    costs : dict of str to float
        Money units by part, and ``total``; empty where nothing filled or nothing had a price on arrival.
    slippage_bps : float or None
        Against the arrival mid, in basis points of the notional there; without fees and the way to the venue.
    queue_ahead : float or None
        Units ahead of a resting order now.
    currency, against : str
        Of the costs, and what they are measured against.
    bps : dict of str to float
        ``costs`` in basis points of what the filled quantity was worth on arrival.
    alternatives : list of Charge
        What was charged, and what other models would have charged.
    decimals : int
        Of a price.
    """

    title: str
    lines: list[str]
    costs: dict[str, float] = field(default_factory=dict)
    slippage_bps: float | None = None
    queue_ahead: float | None = None
    currency: str = ""
    against: str = "arrival mid"
    bps: dict[str, float] = field(default_factory=dict)
    alternatives: list[Charge] = field(default_factory=list)
    decimals: int = 2

    def __str__(self) -> str:
        text = [self.title, *(f"  - {line}" for line in self.lines)]
        if self.costs:
            parts = ", ".join(f"{name} {self.costs.get(name, 0.0):+,.2f}" for name in PARTS)
            bps = "" if self.slippage_bps is None else f" (slippage {self.slippage_bps:+.2f} bps)"
            text.append(
                f"  cost against the {self.against}: {self.costs['total']:+,.2f} {self.currency} = {parts}{bps}"
            )
        if self.bps:
            parts = ", ".join(f"{name} {self.bps[name]:+.2f}" for name in PARTS)
            text.append(f"  in bps of what it was worth then: {self.bps['total']:+.2f} = {parts}")
        return "\n".join([*text, *self._alternatives_text()])

    def __repr__(self) -> str:
        cost = f"cost {self.costs['total']:+,.2f} {self.currency}".rstrip() if self.costs else ""
        bps = "" if self.slippage_bps is None else f"slippage {self.slippage_bps:+.2f} bps"
        return display.called("Explanation", self.title, cost, bps)

    _repr_pretty_ = display.pretty

    def _alternatives_text(self) -> list[str]:
        rows, needs = split_told(self.alternatives)
        if not any(charge.price is not None for charge in rows):
            return []
        cells = [(c.model, *self._cells(c), c.note) for c in rows]
        wide = [max(len(row[n]) for row in cells) for n in range(4)]
        text = [f"  what other models would have charged, without fees ({self.currency}, bps):"]
        for model, price, cost, bps, note in cells:
            row = f"    {model:<{wide[0]}}  {price:>{wide[1]}}  {cost:>{wide[2]}}  {bps:>{wide[3]}}  {note}"
            text.append(row.rstrip())
        return [*text, *(f"    {', '.join(models)}: {note}" for note, models in needs.items())]

    def _cells(self, charge: Charge) -> tuple[str, str, str]:
        if charge.price is None or charge.cost is None or charge.bps is None:
            return "-", "-", "-"
        return f"{charge.price:,.{self.decimals + 2}f}", f"{charge.cost:+,.2f}", f"{charge.bps:+.2f}"

    def _repr_html_(self) -> str:
        pieces = [display.Words(self.title, "strong"), display.Words("\n".join(f"• {line}" for line in self.lines))]
        return display.html([*pieces, *self._costs_page(), *self._alternatives_page()])

    def _costs_page(self) -> list[display.Piece]:
        """The cost as a waterfall: each part begins where the one before it ended; a gain is hollow."""
        if not self.costs:
            return []
        parts = {name: self.costs.get(name, 0.0) for name in PARTS}
        ends = list(itertools.accumulate(parts.values()))
        low, high = min(0.0, *ends), max(0.0, *ends)
        rows = [
            (name, display.Bar(end - cost, end, low, high), *self._amounts(name))
            for (name, cost), end in zip(parts.items(), ends, strict=True)
        ]
        rows.append(("total", display.Bar(0.0, self.costs["total"], low, high), *self._amounts("total")))
        slipped = "" if self.slippage_bps is None else f"; slippage {self.slippage_bps:+.2f} bps"
        return [
            display.Table(
                ("Part", " ", self.currency or "money units", "bps"), rows,
                f"Cost against the {self.against}{slipped}", 2,
                "Filled bars cost, hollow ones earned.",
            )
        ]  # fmt: skip

    def _amounts(self, name: str) -> tuple[str, str]:
        return f"{self.costs.get(name, 0.0):+,.2f}", f"{self.bps[name]:+.2f} bps" if self.bps else ""

    def _alternatives_page(self) -> list[display.Piece]:
        rows, needs = split_told(self.alternatives)
        if not any(charge.price is not None for charge in rows):
            return []
        lacks = "; ".join(f"{', '.join(models)}: {note}" for note, models in needs.items())
        heads = ("Model", "Price", self.currency or "money units", "bps", "Note")
        told = [(c.model, *self._cells(c), c.note) for c in rows]
        title = "What other models would have charged, without fees"
        return [display.Table(heads, told, title, frozenset((0, 4)), lacks)]


def explain(
    record: Record,
    *,
    show_time: Clock = str,
    waiting: Reason = Reason.NONE,
    queue_ahead: int | None = None,
    prints: Prints | None = None,
    market: MarketContext | None = None,
) -> Explanation:
    """Tell an order's story.

    Parameters
    ----------
    record : Record
    show_time : callable
        Turns nanoseconds into text.
    waiting : Reason
        Why a working order waits now.
    queue_ahead : int, optional
        Lots ahead of it now.
    prints : (n, 4) array or rows, optional
        Prints of its instrument since it came: ts_ns, price in ticks, lots, aggressor (+1, -1, 0 unknown).
    market : MarketContext, optional
        What is known of the market for the models it is compared with; what the facts tell where it is left out
        (:func:`vtrade.execution.whatif.arrival_context` adds to that).
    """
    instrument = record.instrument
    title = f"Order {describe(record)} {record.tif or ''}".rstrip() + f": {record.status}"
    lines = _story(record, show_time)
    reason = (waiting or record.waiting) if record.working else Reason.NONE
    ahead = None
    if record.working and instrument is not None:
        if reason in WAITS:
            lines.append(f"now {WAITS[reason]}")
        bands = bands_text(record, record.bands) if record.bands is not None else ""
        lines += [f"now {bands}"] if bands else []
        if queue_ahead is not None and reason != Reason.WAITING_FOR_BAR:
            ahead = instrument.quantity(queue_ahead)
    place = queue_ahead if ahead is not None else None
    lines += queue_lines(record, show_time=show_time, prints=prints, ahead_now=place, waiting=reason)
    parts = {key: from_micros(value) for key, value in costs(record).items()}
    return Explanation(
        title, lines, parts, slippage_bps(record), ahead, instrument.currency if instrument else "", _against(record),
        cost_bps(record), charges(record, market), instrument.price_decimals if instrument else 2,
    )  # fmt: skip


def _against(record: Record) -> str:
    """What the costs are measured against, in words."""
    if record.decision:
        return "mid when it was sent"
    accepted = next((f for f in record.facts if isinstance(f, OrderAccepted)), None)
    return "arrival mid" if accepted is not None and accepted.bid and accepted.ask else "price on arrival"


def _story(record: Record, show_time: Clock) -> list[str]:
    """The facts in time order, a line each."""
    facts = record.history
    lines = []
    sent: OrderSubmitted | None = None
    for n, fact in enumerate(facts):
        text = "" if _told_next(fact, facts[n + 1 :]) else line(fact, record.instrument, show_time)
        if isinstance(fact, OrderSubmitted):
            sent = fact
        elif isinstance(fact, OrderAccepted | OrderRejected) and sent is not None:
            text += f"; {span_text(fact.ts_ns - sent.ts_ns)} on the way"
            if isinstance(fact, OrderAccepted):
                text += _drift(record)
        if text:
            lines.append(f"{show_time(fact.ts_ns)} {text}")
    return lines


def _drift(record: Record) -> str:
    """How the mid moved while the order was on its way."""
    i = record.instrument
    if i is None or not record.decision or not record.arrival:
        return ""
    then, now = (f"{i.price(x / 2):,.{i.price_decimals + 1}f}" for x in (record.decision, record.arrival))
    return f", while the mid stayed at {now}" if then == now else f", while the mid moved from {then} to {now}"


def _told_next(fact: Fact, after: list[Fact]) -> bool:
    """Whether the end of the order, told next, says all that a session's change says."""
    end = after[0] if after else None
    same = isinstance(fact, SessionChanged) and isinstance(end, OrderExpired | OrderCanceled)
    return same and end is not None and end.ts_ns == fact.ts_ns
