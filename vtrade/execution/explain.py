"""Why did this order fill, wait or fail, and what did it cost? Answers from the recorded facts alone.

Rules: every sentence repeats a fact; nothing is guessed. Costs are measured against the mid price when the order came
(``arrival``; the one side there was where the other was empty, the last mark where both were, as on bars), in
micro-units, positive is a cost, and the parts add up exactly:

- ``spread``: from the mid to the touch, for what traded at once; from the mid at the fill, for what traded later
  (negative where a resting order earned it);
- ``depth``: beyond the touch, into the book;
- ``delay``: how the mid moved between arrival and a later fill;
- ``fees``.

References
----------
Perold, A. (1988). The implementation shortfall: paper versus reality. Journal of Portfolio Management 14(3).
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import (
    CancelRejected,
    Fill,
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderRejected,
    OrderReplaced,
    OrderTriggered,
    ReplaceRejected,
)  # fmt: skip
from vtrade.domain.orders import Liquidity, OrderType, Reason, Status
from vtrade.domain.values import divide, format_micros, from_micros
from vtrade.execution.blotter import Record

PARTS: Final = ("spread", "depth", "delay", "fees")

WAITS: Final = {
    Reason.WAITING_IN_QUEUE: "it waits at its price for somebody to trade with",
    Reason.WAITING_FOR_PRICE: "its price is behind the best one; the market has to come to it",
    Reason.WAITING_FOR_TRIGGER: "its stop price has not been reached",
    Reason.WAITING_FOR_DEPTH: "the visible book is used up; it takes what comes next",
    Reason.WAITING_FOR_BAR: "this market shows bars only; it meets the next bar",
    Reason.WAITING_FOR_OPEN: "the session is closed; it waits for the next open",
    Reason.WAITING_FOR_RESUME: "trading is halted; it waits for the market to resume",
}

_CAUSES: Final = {
    "depth": "{shown} were shown at {level}",
    "queue": "a print of {shown} at {level} got through the queue to it",
    "through": "a print of {shown} at {level} went beyond its price",
    "cross": "the other side came to its price with {shown} at {level}",
    "peer": "met order #{contra} of another participant",
    "bar_open": "at the bar's open {level}, within the {shown} this bar may fill",
    "bar_range": "the bar's price passed it on the way to {level}, within the {shown} this bar may fill",
    "bar_close": "at the bar's close {level}, within the {shown} this bar may fill",
}


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
        Spread, depth and delay against the arrival mid, in basis points of the notional there; without fees.
    queue_ahead : float or None
        Units ahead of a resting order now.
    """

    title: str
    lines: list[str]
    costs: dict[str, float] = field(default_factory=dict)
    slippage_bps: float | None = None
    queue_ahead: float | None = None
    currency: str = ""
    against: str = "arrival mid"

    def __str__(self) -> str:
        text = [self.title, *(f"  - {line}" for line in self.lines)]
        if self.costs:
            parts = ", ".join(f"{name} {self.costs[name]:+,.2f}" for name in PARTS)
            bps = "" if self.slippage_bps is None else f" (slippage {self.slippage_bps:+.2f} bps)"
            text.append(
                f"  cost against the {self.against}: {self.costs['total']:+,.2f} {self.currency} = {parts}{bps}"
            )
        return "\n".join(text)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in self.lines)
        table = ""
        if self.costs:
            cells = "".join(
                f"<tr><td>{name}</td><td style='text-align:right'>{self.costs[name]:+,.2f}</td></tr>"
                for name in (*PARTS, "total")
            )
            bps = "" if self.slippage_bps is None else f", slippage {self.slippage_bps:+.2f} bps"
            caption = f"<caption style='white-space:nowrap'>cost in {html.escape(self.currency)}{bps}</caption>"
            table = f"<table>{caption}{cells}</table>"
        return f"<b>{html.escape(self.title)}</b><ul>{lines}</ul>{table}"


def costs(record: Record) -> dict[str, int]:
    """Cost parts of a record's fills in micro-units; empty where they cannot be measured."""
    accepted = next((f for f in record.facts if isinstance(f, OrderAccepted)), None)
    instrument = record.instrument
    arrival = record.arrival  # twice the mid
    if accepted is None or instrument is None or not record.fills or not arrival:
        return {}
    side, value = int(record.side), instrument.tick_value
    touch = 2 * (accepted.ask if side > 0 else accepted.bid)
    triggered = any(isinstance(fact, OrderTriggered) for fact in record.facts)
    halves = {"spread": 0, "depth": 0, "delay": 0}  # half ticks x lots
    for fill in record.fills:
        px, lots = 2 * fill.last_px, fill.last_qty
        at_once = touch and fill.ts_ns == accepted.ts_ns and fill.liquidity == Liquidity.TAKER
        if at_once and not triggered:
            halves["spread"] += side * (touch - arrival) * lots
            halves["depth"] += side * (px - touch) * lots
        else:
            mid = fill.bid + fill.ask if fill.bid and fill.ask else px
            halves["delay"] += side * (mid - arrival) * lots
            halves["spread"] += side * (px - mid) * lots
    total = divide(sum(halves.values()) * value, 2)
    parts = {name: divide(n * value, 2) for name, n in halves.items()}
    parts["spread"] += total - sum(parts.values())  # the last half micro-unit
    return {**parts, "fees": record.fees, "total": total + record.fees}


def slippage_bps(record: Record) -> float | None:
    """Slippage against the arrival mid, in basis points; positive is a cost."""
    parts = costs(record)
    if not parts or record.instrument is None:
        return None
    base = record.arrival * record.filled * record.instrument.tick_value / 2
    return (parts["total"] - parts["fees"]) / base * 1e4


def explain(
    record: Record,
    *,
    show_time: Callable[[int], str] = str,
    waiting: Reason = Reason.NONE,
    queue_ahead: int | None = None,
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
    """
    instrument = record.instrument
    title = f"Order {describe(record)} {record.tif}: {record.status}"
    lines = [f"{show_time(fact.ts_ns)} {line}" for fact in record.facts if (line := _line(fact, instrument))]
    ahead = None
    if record.working and instrument is not None:
        reason = waiting or record.waiting
        if reason in WAITS:
            lines.append(f"now {WAITS[reason]}")
        if queue_ahead is not None and reason != Reason.WAITING_FOR_BAR:
            ahead = instrument.quantity(queue_ahead)
            lines.append(f"now {instrument.quantity_text(queue_ahead)} are ahead of it in the queue")
    parts = {key: from_micros(value) for key, value in costs(record).items()}
    currency = instrument.currency if instrument else ""
    accepted = next((f for f in record.facts if isinstance(f, OrderAccepted)), None)
    two_sided = accepted is not None and accepted.bid and accepted.ask
    against = "arrival mid" if two_sided else "price on arrival"
    return Explanation(title, lines, parts, slippage_bps(record), ahead, currency, against)


def units_text(units: float) -> str:
    """A quantity in whole units, with all its digits.

    Examples
    --------
    >>> units_text(1_234_567.0), units_text(12_345.67)
    ('1,234,567', '12,345.67')
    """
    return f"{units:,.6f}".rstrip("0").rstrip(".")


def price_text(price: float, decimals: int) -> str:
    """A price with the decimals of its grid, and with all its own where it is off the grid.

    Examples
    --------
    >>> price_text(182.5, 2), price_text(182.005, 2)
    ('182.50', '182.005')
    """
    text = f"{price:,.{decimals}f}"
    return text if float(text.replace(",", "")) == price else units_text(price)


def describe(record: Record) -> str:
    """An order in a few words: ``#3 buy 100 ACME limit 182.43``."""
    name = f"#{record.order_id}" if record.order_id else record.client_order_id
    words = f"{name} {record.side.name.lower()} {units_text(record.quantity_units)} {record.symbol}"
    decimals = record.instrument.price_decimals if record.instrument else 2

    def text(price: float | None) -> str:
        return "" if price is None else price_text(price, decimals)

    match record.type:
        case OrderType.LIMIT:
            return f"{words} limit {text(record.limit_price)}"
        case OrderType.STOP_MARKET:
            return f"{words} stop {text(record.stop_price)}"
        case OrderType.STOP_LIMIT:
            return f"{words} stop {text(record.stop_price)} limit {text(record.limit_price)}"
        case _:
            return f"{words} at market"


def _line(fact: object, instrument: Instrument | None) -> str:
    """One fact as a sentence."""
    match fact:
        case OrderDenied():
            return f"denied by our own check, {fact.reason}: {fact.detail}"
        case OrderRejected():
            return f"rejected by the venue, {fact.reason}: {fact.detail}"
        case CancelRejected():
            return f"a cancel was refused, {fact.reason}: {fact.detail}"
        case ReplaceRejected():
            return f"a replace was refused, {fact.reason}: {fact.detail}"
        case OrderExpired():
            return "expired at the end of the day"
        case OrderCanceled():
            return f"canceled, {fact.reason}" + (f": {fact.detail}" if fact.detail else "")
        case _:
            return _venue_line(fact, instrument) if instrument is not None else ""


def _venue_line(fact: object, i: Instrument) -> str:
    def side(price: int, size: int) -> str:
        return f"{i.price_text(price)} x {i.quantity_text(size)}" if price else "nobody"

    match fact:
        case OrderAccepted():
            text = f"accepted; bid {side(fact.bid, fact.bid_size)}, ask {side(fact.ask, fact.ask_size)}"
            if fact.waiting == Reason.WAITING_FOR_BAR:
                return f"accepted; {WAITS[fact.waiting]}"
            if fact.queue_ahead > 0:
                text += f"; {i.quantity_text(fact.queue_ahead)} ahead in the queue"
            elif fact.queue_ahead == 0:
                text += "; first in the queue at its price"
            return text + (f"; {WAITS[fact.waiting]}" if fact.waiting in WAITS else "")
        case OrderTriggered():
            return f"triggered: {i.price_text(fact.trigger_price)} reached the stop {i.price_text(fact.stop_price)}"
        case OrderReplaced():
            kept = "kept its place" if fact.kept_priority else "went to the back of the queue"
            text = f"replaced: quantity {i.quantity_text(fact.quantity)}"
            text += f", limit {i.price_text(fact.limit_price)}" if fact.limit_price else ""
            text += f", stop {i.price_text(fact.stop_price)}" if fact.stop_price else ""
            return f"{text}; {kept}"
        case Fill():
            why = _CAUSES[fact.cause].format(
                shown=i.quantity_text(fact.evidence_qty), level=i.price_text(fact.evidence_px),
                contra=fact.contra_order_id,
            )  # fmt: skip
            rest = f", {i.quantity_text(fact.leaves_quantity)} left" if fact.leaves_quantity else ""
            return (
                f"filled {i.quantity_text(fact.last_qty)} at {i.price_text(fact.last_px)} as {fact.liquidity}: {why}; "
                f"fee {format_micros(fact.fee)} {i.currency}{rest}"
            )
        case _:
            return ""


def reason_text(record: Record, waiting: Reason = Reason.NONE) -> str:
    """Why an order ended or waits, in one line for a table; ``waiting`` is why it waits now, where that is known."""
    if record.status in (Status.FILLED,):
        return ""
    if record.reason:
        return f"{record.reason}: {record.detail}" if record.detail else str(record.reason)
    return WAITS.get(waiting or record.waiting, "")
