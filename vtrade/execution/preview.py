"""What is told about an order before it is sent? Its fills, its costs and the money afterwards, or why it is refused.

Rules: an account is told what it could have seen or worked out: hidden lots, and what others have not shown, are not in
it, so the real fill is never smaller. What would only happen later (a limit that rests, a stop) is an estimate and is
called one; a sentence repeats a number and adds none. Numbers are whole units, money in the instrument's currency
unless it is said otherwise; none is NaN, so that a preview travels as it is.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from vtrade.domain.orders import OrderType, Reason, Status
from vtrade.domain.values import NS_PER_S
from vtrade.execution.explain_words import REASONS, WAITS, price_text, span_text, units_text

if TYPE_CHECKING:
    import pandas as pd

_REFUSED: Final = (Status.DENIED, Status.REJECTED)
_MORE: Final = 2
"""Digits of an average price beyond those of a price."""


class Step(msgspec.Struct, frozen=True):
    """One price of the walk through the book.

    Attributes
    ----------
    price : float
        What is paid there; with the ticks that earlier orders have made it dearer.
    size : float
        Units that are shown; 0 beyond the visible book.
    take, cumulative : float
        Units taken here, and so far.
    average : float or None
        Price of what was taken so far.
    beyond : bool
        Whether this is past the visible book, or the sum of many levels.
    """

    price: float
    size: float
    take: float
    cumulative: float
    average: float | None = None
    beyond: bool = False


class Most(msgspec.Struct, frozen=True):
    """How many units could be asked for.

    Attributes
    ----------
    quantity : float
        The most that would not be denied.
    by_power : float
        The most that buying power alone allows.
    detail : str
        Why more would be denied.
    """

    quantity: float
    by_power: float
    detail: str = ""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What an order would do if it came to the market now.

    Attributes
    ----------
    symbol, side, type, time_in_force : str
    quantity : float
        Units asked for.
    change : bool
        Whether this is a change of an order that works.
    limit_price, stop_price : float or None
    currency, money : str
        Of the instrument (prices, costs, fees), and of the account (cash, buying power).
    decimals : int
        Of a price.
    status : str
        Where the order would stand.
    reason, detail, field : str
        Why it would be refused or end, a sentence about it, and the part of the order at fault.
    filled, leaves : float
        Units that fill at once, and that go on working.
    avg_px, worst_px : float or None
        Of the fills.
    levels : tuple of Step
        Through the visible book, level by level.
    mid : float or None
        Before the order, or the last price where there is no mid.
    mid_after : float or None
    slippage_bps : float or None
        Of the fills against the mid; positive is a cost.
    moved_bps : float or None
        How far the mid would have moved against the order.
    lasting_ticks : float
        What this order would make the next one pay more, in rooms with lasting impact.
    costs : dict of str to float
        Of the fills: ``spread, depth, impact, delay, fees, total``.
    fees, maker, taker : float
        Fees of the fills, and units by who provided and who took.
    waiting : str
        Why the rest waits.
    wakes_at : float or None
        Where a stop stands.
    queue_ahead : float or None
        Units before it at its price.
    keeps_place : bool
        Whether a change leaves the order where it stands in the queue.
    rest_price, rest_fees : float or None
        Where the rest would trade, as an estimate, and its fees there.
    cash, cash_after, power, power_after : float
        Money, and buying power.
    position, position_after : float
    margin, margin_after : float or None
        What positions must keep, as a share of equity; ``None`` for a cash account.
    way_s : float
        Seconds that the order travels, at most; the market may move meanwhile.
    hides : bool
        Whether this venue may hold lots that nobody sees.
    most : Most or None
        Where it was asked for.
    """

    symbol: str = ""
    side: str = ""
    type: str = ""
    time_in_force: str = ""
    quantity: float = 0.0
    change: bool = False
    limit_price: float | None = None
    stop_price: float | None = None
    currency: str = ""
    money: str = ""
    decimals: int = 2
    status: str
    reason: str = ""
    detail: str = ""
    field: str = ""
    filled: float = 0.0
    leaves: float = 0.0
    avg_px: float | None = None
    worst_px: float | None = None
    levels: tuple[Step, ...] = ()
    mid: float | None = None
    mid_after: float | None = None
    slippage_bps: float | None = None
    moved_bps: float | None = None
    lasting_ticks: float = 0.0
    costs: dict[str, float] = {}
    fees: float = 0.0
    maker: float = 0.0
    taker: float = 0.0
    waiting: str = ""
    wakes_at: float | None = None
    queue_ahead: float | None = None
    keeps_place: bool = False
    rest_price: float | None = None
    rest_fees: float | None = None
    cash: float = 0.0
    cash_after: float = 0.0
    power: float = 0.0
    power_after: float = 0.0
    position: float = 0.0
    position_after: float = 0.0
    margin: float | None = None
    margin_after: float | None = None
    way_s: float = 0.0
    hides: bool = False
    most: Most | None = None

    @property
    def refused(self) -> bool:
        """Whether it would be denied, or rejected by the venue."""
        return self.status in _REFUSED

    @property
    def walk(self) -> pd.DataFrame:
        """The walk as a table: ``price, size, take, cumulative, average, beyond``."""
        import pandas as pd

        columns = {"price": "float64", "size": "float64", "take": "float64", "cumulative": "float64",
                   "average": "float64", "beyond": "bool"}  # fmt: skip
        rows = [msgspec.structs.astuple(step) for step in self.levels]
        return pd.DataFrame(rows, columns=list(columns)).astype(columns)

    def __str__(self) -> str:
        return _text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _page(self)


# --- in words --------------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """A line of a preview: its name, and what stands beside it."""

    name: str
    value: str


def headline(p: Preview) -> str:
    """What happens, in a sentence.

    Examples
    --------
    >>> headline(Preview(symbol="ACME", side="buy", quantity=5.0, status="DENIED", detail="the room is closed"))
    'Denied: the room is closed.'
    """
    if p.refused:
        if p.change:
            return _sentence(f"the change is refused: {p.detail}")
        return _sentence(f"{'denied' if p.status == Status.DENIED else 'the venue rejects it'}: {p.detail}")
    parts = []
    if p.filled and p.avg_px is not None:
        many = len({step.price for step in p.levels if step.take})
        levels = f", through {many} prices" if many > 1 else ""
        share = "all" if p.filled == p.quantity else f"{units_text(p.filled)} of"
        parts.append(f"{share} {units_text(p.quantity)} fill at once at {average(p, p.avg_px)}{levels}")
    if p.leaves:
        rest = f"the other {units_text(p.leaves)} stay" if p.filled else "nothing fills at once"
        parts.append(f"{rest}: {waits(p)}")
    elif p.status in (Status.CANCELED, Status.EXPIRED):
        what = "the rest is canceled" if p.filled else "nothing fills and it is canceled"
        parts.append(f"{what}: {p.detail or REASONS.get(Reason(p.reason), '')}")
    if p.keeps_place:
        parts.append("it keeps its place in the queue")
    elif p.change and p.leaves:
        parts.append("it goes to the back of the queue")
    return _sentence("; ".join(parts))


def waits(p: Preview) -> str:
    """Why the rest waits, with the numbers that matter."""
    text = WAITS.get(Reason(p.waiting), "it waits")
    if p.waiting == Reason.WAITING_FOR_TRIGGER and p.wakes_at is not None:
        moves = " now, and follows the market" if p.type == OrderType.TRAILING_STOP_MARKET else ""
        return f"it sleeps until the market trades at {price_text(p.wakes_at, p.decimals)}{moves}"
    if p.waiting == Reason.WAITING_IN_QUEUE and p.queue_ahead is not None:
        return f"{text}, behind {units_text(p.queue_ahead)}" if p.queue_ahead else f"{text}, first in the queue"
    return text


def average(p: Preview, price: float) -> str:
    """An average price; with more digits where it lies between ticks."""
    plain = price_text(round(price, p.decimals), p.decimals)
    return (
        plain
        if abs(price - round(price, p.decimals)) < 1e-9
        else price_text(round(price, p.decimals + _MORE), p.decimals)
    )


def rows(p: Preview) -> list[Row]:
    """The numbers, a line each; nothing that does not apply."""
    if p.refused:
        return []
    told = []
    if p.filled and p.avg_px is not None:
        told.append(Row("average price", average(p, p.avg_px)))
        if p.slippage_bps is not None:
            told.append(
                Row("against the mid", f"{p.slippage_bps:+.1f} bps, {p.costs['total'] - p.costs['fees']:+,.2f}")
            )
    elif p.rest_price is not None:
        told.append(Row("would trade near" if _at_market(p) else "trades at", price_text(p.rest_price, p.decimals)))
    if p.moved_bps:
        told.append(Row("moves the mid by", f"{p.moved_bps:+.1f} bps"))
    if p.lasting_ticks >= 0.05:
        told.append(Row("dearer for the next", f"{p.lasting_ticks:.1f} ticks"))
    told.append(Row("fees", _fees(p)))
    if p.filled and round(p.cash_after, 2) != round(p.power_after, 2):
        told.append(Row("cash after", f"{p.cash_after:,.2f}"))
    told.append(Row("power after", f"{p.power_after:,.2f} ({p.power_after - p.power:+,.2f})"))
    if p.position_after != p.position:
        told.append(Row("position after", f"{units_text(p.position_after)} (now {units_text(p.position)})"))
    if p.margin_after is not None:
        before = f" (now {p.margin:.0%})" if p.margin is not None else ""
        told.append(Row("margin used", f"{p.margin_after:.0%} of equity{before}"))
    return told


def _fees(p: Preview) -> str:
    if p.filled and not p.leaves:
        return f"{p.fees:,.2f}"
    rest = "" if p.rest_fees is None else f"about {p.rest_fees:,.2f}{' for the rest' if p.filled else ' if it fills'}"
    return ", ".join(filter(None, (f"{p.fees:,.2f}" if p.filled else "", rest))) or "0.00"


def _at_market(p: Preview) -> bool:
    return p.type not in (OrderType.LIMIT, OrderType.STOP_LIMIT)


def notes(p: Preview) -> list[str]:
    """What a reader should know about these numbers."""
    told: list[str] = []
    if p.refused:
        return told
    if p.way_s > 0:
        told.append(f"It travels up to {span_text(round(p.way_s * NS_PER_S))}; the market may move meanwhile.")
    if p.hides and p.filled < p.quantity and (p.filled or p.reason == Reason.FILL_OR_KILL):
        told.append("Lots that nobody shows may fill more of it.")
    if p.leaves and p.rest_price is not None and not p.filled:
        told.append("What happens later is an estimate.")
    return told


def head(p: Preview) -> str:
    """The order in a few words: ``buy 100 ACME limit 182.43 DAY``."""
    words = f"{p.side} {units_text(p.quantity)} {p.symbol} {p.type.replace('_', ' ')}".strip()
    for word, price in (("stop", p.stop_price), ("limit", p.limit_price)):
        if price is not None:
            named = "" if word in p.type and p.type != OrderType.STOP_LIMIT else f"{word} "
            words += f" {named}{price_text(price, p.decimals)}"
    return f"{words} {p.time_in_force}".strip()


def walk_cells(p: Preview, step: Step) -> tuple[str, str, str, str]:
    """Price, size, take and cumulative of a step, as text."""
    size = "-" if step.beyond else units_text(step.size)
    taken = units_text(step.take) if step.take else "-"
    return average(p, step.price), size, taken, units_text(step.cumulative)


def _text(p: Preview) -> str:
    """All of it as plain text."""
    lines = [f"Preview: {head(p)}", f"  {headline(p)}"]
    lines += [f"  {row.name:<20} {row.value}" for row in rows(p)]
    if p.levels:
        cells = [("price", "shown", "take", "so far"), *(walk_cells(p, step) for step in p.levels)]
        wide = [max(len(row[n]) for row in cells) for n in range(4)]
        lines += ["  " + "  ".join(f"{cell:>{wide[n]}}" for n, cell in enumerate(row)) for row in cells]
    return "\n".join([*lines, *(f"  {note}" for note in notes(p))])


def _page(p: Preview) -> str:
    """All of it as HTML."""
    right = "style='text-align:right'"
    body = "".join(f"<tr><td>{html.escape(r.name)}</td><td {right}>{html.escape(r.value)}</td></tr>" for r in rows(p))
    walk = ""
    if p.levels:
        names = "".join(f"<th {right}>{name}</th>" for name in ("price", "shown", "take", "so far"))
        steps = "".join(
            "<tr>" + "".join(f"<td {right}>{cell}</td>" for cell in walk_cells(p, step)) + "</tr>" for step in p.levels
        )
        walk = f"<table><thead><tr>{names}</tr></thead><tbody>{steps}</tbody></table>"
    said = "".join(f"<p><small>{html.escape(note)}</small></p>" for note in notes(p))
    return (
        f"<b>Preview: {html.escape(head(p))}</b><p>{html.escape(headline(p))}</p>"
        f"{f'<table>{body}</table>' if body else ''}{walk}{said}"
    )


def _sentence(words: str) -> str:
    words = words.strip()
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith('.') else '.'}" if words else ""
