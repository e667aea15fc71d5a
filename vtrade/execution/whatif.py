"""What would each other model of execution have charged for the same order?

Rules: every model sees the facts of the order and a :class:`MarketContext` and nothing else; one that lacks a number
says which, and never guesses. Prices are compared with the same arrival as the order's own cost, fees left out. Models
that trade with a book keep the order's limit; a law of impact speaks of an average order and knows no limit. Models
answer for the lots that filled, so that they stand beside what was charged; where nothing filled, for the whole order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any, Final

from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import Fill, OrderAccepted, OrderTriggered
from vtrade.domain.orders import Liquidity, Reason
from vtrade.domain.values import MICRO, divide, from_micros
from vtrade.execution.blotter import Record
from vtrade.execution.explain_costs import pieces
from vtrade.execution.impact import almgren_2005, square_root_bps, volume_allowance, volume_share_bps

if TYPE_CHECKING:
    import pandas as pd

Level = tuple[int, int]
"""Price in ticks, lots."""

MODELS: Final = {
    "charged": "what this order was charged",
    "paper": "everything at the quoted last price, whatever its size: the paper game",
    "mid": "everything halfway between bid and ask",
    "touch": "everything at the best price, as if it had no end",
    "book": "the visible levels, one after the other",
    "book_and_beyond": "the visible levels, then the square-root law on the scale of the book",
    "square_root": "the square-root law: Y x volatility x sqrt(size / volume)",
    "almgren_2005": "Almgren and others 2005, worked over part of a day",
    "volume_share": "a share of a bar's volume, dearer with its square",
}
"""Models by name, in the order in which they are told."""


@dataclass(frozen=True, kw_only=True)
class MarketContext:
    """What the models may know of the market; 0 and empty mean unknown.

    Attributes
    ----------
    bid, bid_size, ask, ask_size : int
        Best prices (ticks) and lots there when the order could trade first.
    last : int
        Last price then, ticks: what a paper game quotes.
    levels : tuple of (int, int)
        All visible levels of the side the order would take from, best first: ticks, lots.
    daily_volume : float
        Lots that the market trades in a day.
    daily_volatility : float
        Standard deviation of daily returns, a fraction (0.02 = 2 %).
    shares_outstanding : float
        Units that exist.
    days : float
        Part of a day's volume over which the order would be worked.
    bar_price, bar_volume : int
        A bar's price (ticks) and volume (lots).
    bar_share : float
        Share of a bar that one order may have.
    prefactor : float
        ``Y`` of the square-root law.

    Examples
    --------
    >>> MarketContext(bid=1_000, ask=1_004).mid
    1002.0
    """

    bid: int = 0
    bid_size: int = 0
    ask: int = 0
    ask_size: int = 0
    last: int = 0
    levels: tuple[Level, ...] = ()
    daily_volume: float = 0.0
    daily_volatility: float = 0.0
    shares_outstanding: float = 0.0
    days: float = 0.0
    bar_price: int = 0
    bar_volume: int = 0
    bar_share: float = 0.025
    prefactor: float = 1.0

    @property
    def mid(self) -> float:
        """Halfway between bid and ask in ticks; 0 where a side is unknown."""
        return (self.bid + self.ask) / 2 if self.bid and self.ask else 0.0


@dataclass(frozen=True)
class Charge:
    """What a model would have charged.

    Attributes
    ----------
    model : str
        A name in ``MODELS``.
    price : float or None
        Average price in money units; ``None`` where the model cannot tell or would not have filled.
    cost : float or None
        Money units against the order's own benchmark, without fees; positive is a cost.
    bps : float or None
        The same in basis points of what those lots were worth on arrival.
    note : str
        What to know of it; begins with ``needs`` where facts are missing.
    """

    model: str
    price: float | None
    cost: float | None
    bps: float | None
    note: str = ""


@dataclass(frozen=True)
class _Case:
    """The order as the models see it: ticks and lots."""

    side: int
    lots: int
    limit: int | None
    market: MarketContext
    instrument: Instrument

    @property
    def touch(self) -> int:
        return self.market.ask if self.side > 0 else self.market.bid

    @property
    def touch_size(self) -> int:
        return self.market.ask_size if self.side > 0 else self.market.bid_size

    def within(self, price: float) -> bool:
        return not self.limit or self.side * (price - self.limit) <= 0

    def lots_text(self, lots: int) -> str:
        return self.instrument.quantity_text(lots)

    def missing(self, *names: str) -> str:
        lacks = [name for name in names if not getattr(self.market, name)]
        return f"needs {', '.join(lacks)}" if lacks else ""


Answer = tuple[float, int, str]
"""Average price in ticks (0: none), lots, note."""


# --- what the market showed ------------------------------------------------------------------------------------------


def arrival_context(record: Record, **known: Any) -> MarketContext:
    """What the record's facts tell of the market when the order could trade first.

    Parameters
    ----------
    record : Record
    **known
        Fields of :class:`MarketContext` that are known from elsewhere; they win.

    Returns
    -------
    MarketContext
        The touch when the order came, or when its stop was triggered; the levels it took from, where they are all that
        the models can need.
    """
    accepted = next((f for f in record.facts if isinstance(f, OrderAccepted)), None)
    triggered = next((f for f in record.facts if isinstance(f, OrderTriggered)), None)
    if accepted is None:
        return MarketContext(**known)
    seen = MarketContext(
        bid=accepted.bid, bid_size=accepted.bid_size, ask=accepted.ask, ask_size=accepted.ask_size, last=record.mark
    )  # fmt: skip
    if triggered is not None:
        seen = MarketContext(bid=triggered.bid, ask=triggered.ask, last=triggered.trigger_price)
    moment = (triggered or accepted).ts_ns
    taken = [f for f in record.fills if f.ts_ns == moment and f.liquidity == Liquidity.TAKER]
    return replace(replace(seen, levels=_levels(record, taken)), **known)


def _levels(record: Record, taken: Sequence[Fill]) -> tuple[Level, ...]:
    """The levels that fills name, where these are enough: they cover the order, or nothing was visible behind."""
    shown: dict[int, int] = {}
    for fill in taken:
        if fill.cause == "depth":
            shown.setdefault(fill.evidence_px, fill.evidence_qty)
    used_up = any(fill.cause == "beyond" for fill in taken) or any(
        isinstance(f, OrderAccepted | OrderTriggered) and f.waiting == Reason.WAITING_FOR_DEPTH for f in record.facts
    )
    enough = used_up or record.reason == Reason.BEYOND_THE_BOOK or sum(shown.values()) >= record.filled
    return tuple(shown.items()) if enough else ()


# --- the models ------------------------------------------------------------------------------------------------------


def _at(case: _Case, price: float, what: str, note: str = "") -> Answer:
    """The whole order at one price, unless its limit forbids."""
    if case.within(price):
        return price, case.lots, note
    side = "above" if case.side > 0 else "below"
    return 0.0, 0, f"would have waited: the {what} {case.instrument.price_text(price)} is {side} its limit"


def _paper(case: _Case) -> Answer:
    missing = case.missing("last")
    return (0.0, 0, missing) if missing else _at(case, case.market.last, "last price", "no spread, no depth, no queue")


def _mid(case: _Case) -> Answer:
    missing = case.missing("bid", "ask")
    return (0.0, 0, missing) if missing else _at(case, case.market.mid, "mid", "no spread, no depth")


def _touch(case: _Case) -> Answer:
    missing = case.missing("ask" if case.side > 0 else "bid")
    if missing:
        return 0.0, 0, missing
    over = case.lots - case.touch_size
    beyond = f"{case.lots_text(over)} more than were there" if case.touch_size and over > 0 else ""
    return _at(case, case.touch, "best price", beyond)


def _visible(case: _Case) -> tuple[tuple[Level, ...], str]:
    """The levels there were, and what is missing where they are not known."""
    if case.market.levels:
        return case.market.levels, ""
    name = "ask" if case.side > 0 else "bid"
    missing = case.missing(name, f"{name}_size")
    if not missing and case.within(case.touch) and case.touch_size < case.lots:
        missing = case.missing("levels")
    return ((case.touch, case.touch_size),), missing


def _walk(case: _Case, levels: Sequence[Level]) -> tuple[int, int]:
    """Ticks times lots, and lots, of a walk through the levels within the limit."""
    money = lots = 0
    for price, size in levels:
        if lots == case.lots or not case.within(price):
            break
        take = min(size, case.lots - lots)
        money, lots = money + take * price, lots + take
    return money, lots


def _book(case: _Case) -> Answer:
    levels, missing = _visible(case)
    if missing:
        return 0.0, 0, missing
    money, lots = _walk(case, levels)
    if not lots:
        return _at(case, levels[0][0], "best price")
    part = f"{case.lots_text(lots)} of {case.lots_text(case.lots)} fill, the rest waits"
    return money / lots, lots, "" if lots == case.lots else part


def _book_and_beyond(case: _Case) -> Answer:
    levels, missing = _visible(case)
    if missing:
        return 0.0, 0, missing
    money, lots = _walk(case, levels)
    rest = case.lots - lots
    if not lots:
        return _at(case, levels[0][0], "best price")
    if not rest:
        return money / lots, lots, "nothing of it was beyond the visible book"
    if lots < sum(size for _, size in levels):
        return money / lots, lots, f"{case.lots_text(rest)} wait at its limit"
    missing = case.missing("bid", "ask")
    if missing:
        return 0.0, 0, missing
    price = beyond_price(levels, rest, side=case.side, spread=case.market.ask - case.market.bid)
    if not case.within(price):
        return money / lots, lots, f"{case.lots_text(rest)} wait at its limit"
    return (money + rest * price) / case.lots, case.lots, f"{case.lots_text(rest)} beyond the visible book"


def beyond_price(levels: Sequence[Level], lots: int, *, side: int, spread: int) -> int:
    """Price of lots that no visible level can fill, by the square-root law on the book's own scale.

    Parameters
    ----------
    levels : sequence of (int, int)
        The visible side, best first: ticks, lots.
    lots : int
        Lots wanted beyond it, > 0.
    side : int
        +1 buys, -1 sells.
    spread : int
        Ticks between bid and ask.

    Returns
    -------
    int
        Ticks; as :func:`vtrade.execution.engine.Engine` charges it in a room with ``Beyond.SQUARE_ROOT``.

    Notes
    -----
    A book whose ``V`` visible lots reach ``R`` ticks, and that goes on so, moves by ``R sqrt(q / V)`` when ``q`` lots
    are taken. The lots from ``V`` to ``V + lots`` cost the average along the way, rounded up to a tick, and never less
    than the last visible level.

    Examples
    --------
    >>> beyond_price([(1_004, 60), (1_005, 40)], 300, side=1, spread=4)
    1011
    """
    best, edge = levels[0][0], levels[-1][0]
    start = float(sum(size for _, size in levels))
    end = start + lots
    reach = max(abs(edge - best), spread, 1)
    ticks = 2.0 / 3.0 * reach * (end * sqrt(end) - start * sqrt(start)) / (sqrt(start) * lots)
    far = best + side * ceil(ticks)
    return max(far, edge) if side > 0 else max(1, min(far, edge))


def _root_bps(case: _Case, lots: int) -> float:
    m = case.market
    return square_root_bps(lots, volume=m.daily_volume, volatility=m.daily_volatility, prefactor=m.prefactor)


def _square_root(case: _Case) -> Answer:
    missing = case.missing("bid", "ask", "daily_volume", "daily_volatility")
    if missing:
        return 0.0, 0, missing
    share = case.lots / case.market.daily_volume
    return case.market.mid * (1 + case.side * _root_bps(case, case.lots) / 1e4), case.lots, f"{share:.3%} of a day"


def _almgren_2005(case: _Case) -> Answer:
    missing = case.missing("bid", "ask", "daily_volume", "daily_volatility", "shares_outstanding", "days")
    if missing:
        return 0.0, 0, missing
    m, i = case.market, case.instrument
    per_lot = from_micros(i.lot_size)
    found = almgren_2005(
        case.lots * per_lot, days=m.days, volume=m.daily_volume * per_lot, shares_outstanding=m.shares_outstanding,
        volatility=m.daily_volatility,
    )  # fmt: skip
    return m.mid * (1 + case.side * found.cost_bps / 1e4), case.lots, f"worked over {m.days:g} of a day's volume"


def _volume_share(case: _Case) -> Answer:
    m = case.market
    missing = case.missing("bar_price", "bar_volume")
    if missing:
        return 0.0, 0, missing
    allowed = min(case.lots, volume_allowance(m.bar_volume, limit_ppm=round(m.bar_share * 1e6)))
    if not allowed:
        return 0.0, 0, f"would have waited: {m.bar_share:.3%} of the bar is less than a lot"
    price = m.bar_price * (1 + case.side * volume_share_bps(allowed, bar_volume=m.bar_volume, limit=m.bar_share) / 1e4)
    if not case.within(price):
        return _at(case, price, "bar's price")
    part = f"{case.lots_text(allowed)} of {case.lots_text(case.lots)} in this bar, the rest in later ones"
    return price, allowed, "" if allowed == case.lots else part


_MODELS: Final[dict[str, Callable[[_Case], Answer]]] = {
    "paper": _paper,
    "mid": _mid,
    "touch": _touch,
    "book": _book,
    "book_and_beyond": _book_and_beyond,
    "square_root": _square_root,
    "almgren_2005": _almgren_2005,
    "volume_share": _volume_share,
}


# --- all of them -----------------------------------------------------------------------------------------------------


def charges(record: Record, context: MarketContext | None = None) -> list[Charge]:
    """What was charged, and what each other model would have charged.

    Parameters
    ----------
    record : Record
    context : MarketContext, optional
        What is known of the market; :func:`arrival_context` of the record where it is left out.

    Returns
    -------
    list of Charge
        In the order of ``MODELS``, ``charged`` only where something filled; empty where the order never reached the
        venue, or met no price to measure from.

    References
    ----------
    See :func:`vtrade.execution.impact.square_root_bps`, :func:`vtrade.execution.impact.almgren_2005` and
    :func:`vtrade.execution.impact.volume_share_bps`.
    """
    instrument = record.instrument
    accepted = next((f for f in record.facts if isinstance(f, OrderAccepted)), None)
    if instrument is None or not record.arrival or accepted is None:
        return []
    market = arrival_context(record) if context is None else context
    found = list(pieces(record))
    # in the lots of arrival, whatever a split has made of them since
    filled = divide(sum(piece.base for piece in found), record.arrival)
    case = _Case(int(record.side), filled or accepted.quantity, accepted.limit_price, market, instrument)
    benchmark = (record.decision or record.arrival) / 2
    worth = record.arrival / 2 * instrument.tick_value  # of a lot
    told = []
    if filled:
        paid = sum(p.spread + p.depth + p.impact + p.delay for p in found) / 2
        price = instrument.price(benchmark + case.side * paid / filled)
        cost = paid * instrument.tick_value
        note = f"for the {instrument.quantity_text(filled)} that filled"
        told.append(Charge("charged", price, cost / MICRO, cost / (worth * filled) * 1e4, note))
    for name, model in _MODELS.items():
        price, lots, note = model(case)
        if not lots:
            told.append(Charge(name, None, None, None, note))
            continue
        cost = case.side * (price - benchmark) * lots * instrument.tick_value
        told.append(Charge(name, instrument.price(price), cost / MICRO, cost / (worth * lots) * 1e4, note))
    return told


def charges_frame(told: Sequence[Charge]) -> pd.DataFrame:
    """Charges as a table: ``model, price, cost, bps, note``; NaN where a model has no answer.

    Examples
    --------
    >>> charges_frame([Charge("mid", 10.02, 0.0, 0.0)]).loc[0, "price"]
    np.float64(10.02)
    """
    import pandas as pd

    columns = {"model": "str", "price": "float64", "cost": "float64", "bps": "float64", "note": "str"}
    rows = [(c.model, c.price, c.cost, c.bps, c.note) for c in told]
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


def split_told(told: Sequence[Charge]) -> tuple[list[Charge], dict[str, list[str]]]:
    """Charges that have something to say, and the models that lack facts, by what they need."""
    needs: dict[str, list[str]] = {}
    for charge in told:
        if charge.note.startswith("needs "):
            needs.setdefault(charge.note, []).append(charge.model)
    return [charge for charge in told if not charge.note.startswith("needs ")], needs
