"""What is a tape: recorded or generated market data, ready to be replayed.

Rules: a tape is a value that never changes after it was checked; every reader ends in :func:`check_tape`, so that an
engine never meets a row out of time order, an unknown kind or a price that is not a price.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np

from vtrade.domain import display
from vtrade.domain.actions import CorporateAction
from vtrade.domain.instruments import Instrument
from vtrade.domain.values import NS_PER_S, plain_micros
from vtrade.errors import TapeError
from vtrade.market.dtype import (
    EVENT,
    FLAG_MARKET,
    FLAG_PEGGED,
    MAX_ORDER_ID,
    MAX_PRICE_TICKS,
    MAX_QUANTITY_LOTS,
    Events,
    Kind,
)

INSTRUMENTS_SHOWN: Final = 20
"""Instruments that the HTML of a tape lists."""
DEPTHS: Final = {
    "L1": "best bid and ask (L1)", "L2": "price levels (L2)", "L3": "single orders (L3)", "bars": "bars",
    "exchange": "seeded agents that trade here",
}  # fmt: skip


@dataclass(frozen=True)
class NewsItem:
    """A headline that reaches the room at ``ts_ns``; ``symbol`` empty means the whole market."""

    ts_ns: int
    symbol: str
    headline: str


class TapeHead(msgspec.Struct, frozen=True):
    """What one may know of a tape before it was played: see :class:`Tape`."""

    name: str
    depth: str
    date: str
    timezone: str
    start_ns: int
    end_ns: int
    rate: float = 1.0
    """Simulated seconds in a real one at the market's own pace."""


@dataclass(frozen=True)
class Tape:
    """Market events with the instruments they are about.

    Attributes
    ----------
    name : str
        What was loaded, as a person would say it (``"AMZN 2012-06-21, 5 levels"``).
    instruments : tuple of Instrument
        ``events["instrument"]`` counts into it.
    events : (N,) array of ``EVENT``
        Read-only, in time order.
    depth : {"L1", "L2", "L3", "bars", "exchange"}
        What kind of market data the events are.
    date : str
        ISO date of the tape's day where ``ts_ns`` counts from midnight; empty where it counts from the Unix epoch.
    timezone : str
        Zone in which times are shown (an IANA name).
    news : tuple of NewsItem
    actions : tuple of CorporateAction
        Splits, dividends, renames and delistings, in time order, on the same clock as the events.
    """

    name: str
    instruments: tuple[Instrument, ...]
    events: Events
    depth: str
    date: str = ""
    timezone: str = "America/New_York"
    news: tuple[NewsItem, ...] = field(default=())
    actions: tuple[CorporateAction, ...] = field(default=())

    def __len__(self) -> int:
        return int(self.events.shape[0])

    def __repr__(self) -> str:
        symbols = ", ".join(i.symbol for i in self.instruments[:6]) + (", ..." if len(self.instruments) > 6 else "")
        return f"Tape({self.name!r}, {self.depth}, {len(self):,} events, {symbols})"

    def _repr_html_(self) -> str:
        counts = np.bincount(self.events["instrument"], minlength=len(self.instruments)).tolist()
        told = {
            "data": DEPTHS.get(self.depth, self.depth), "events": f"{len(self):,}", "day": self.date,
            "time": f"{_span_text(self.end_ns - self.start_ns)}, zone {self.timezone}"
            if len(self)
            else "",
            "headlines": f"{len(self.news):,}" if self.news else "",
            "corporate actions": f"{len(self.actions):,}" if self.actions else "",
        }  # fmt: skip
        rows = [
            (i.symbol, i.name, i.sector, f"{plain_micros(i.tick_size)} {i.currency}",
             f"{counts[k]:,}")
            for k, i in enumerate(self.instruments[:INSTRUMENTS_SHOWN])
        ]  # fmt: skip
        left = len(self.instruments) - len(rows)
        heads = ("Symbol", "Name", "Sector", "Tick", "Events")
        note = f"and {left:,} more instruments" if left > 0 else ""
        return display.html(
            [display.facts(told, title=f"Tape {self.name}"), display.Table(heads, rows, words=3, note=note)]
        )

    @property
    def head(self) -> TapeHead:
        """Everything but what is on it."""
        return TapeHead(self.name, self.depth, self.date, self.timezone, self.start_ns, self.end_ns)

    @property
    def start_ns(self) -> int:
        """Time of the first event, 0 for an empty tape."""
        return int(self.events["ts_ns"][0]) if len(self) else 0

    @property
    def end_ns(self) -> int:
        """Time of the last event, 0 for an empty tape."""
        return int(self.events["ts_ns"][-1]) if len(self) else 0


def _span_text(span_ns: int) -> str:
    """How long a tape is.

    Examples
    --------
    >>> _span_text(3_600_000_000_000), _span_text(90_000_000_000), _span_text(5 * 86_400_000_000_000)
    ('1 h 00 min', '1 min 30 s', '5 days')
    """
    seconds = span_ns // NS_PER_S
    if seconds >= 2 * 86_400:
        return f"{seconds // 86_400:,} days"
    if seconds >= 3_600:
        return f"{seconds // 3_600} h {seconds // 60 % 60:02d} min"
    return f"{seconds // 60} min {seconds % 60:02d} s"


def check_tape(tape: Tape) -> Tape:
    """Refuse a tape an engine could not trust; otherwise freeze its events and hand it back.

    Raises
    ------
    TapeError
        Naming the first row that is wrong, and why.
    """
    events = tape.events
    if events.dtype != EVENT:
        raise TapeError(f"{tape.name}: events have dtype {events.dtype}, not vtrade.market.dtype.EVENT")
    if not tape.instruments:
        raise TapeError(f"{tape.name}: the tape names no instrument")
    if len(events):
        ids = events["order_id"]
        kinds = np.array(sorted(Kind), dtype=np.uint8)
        priced = events["kind"] != Kind.STATUS
        by_id = (events["kind"] == Kind.REDUCE) | (events["kind"] == Kind.DELETE) | (events["kind"] == Kind.CANCEL)
        by_id |= (events["kind"] == Kind.ORDER) & (events["flags"] & (FLAG_MARKET | FLAG_PEGGED) > 0)
        emptied = (events["kind"] == Kind.QUOTE) & (events["quantity"] == 0)
        checks = (
            ("an unknown kind", ~np.isin(events["kind"], kinds)),
            ("an instrument the tape does not name", events["instrument"].astype(np.uint32) >= len(tape.instruments)),
            ("a side that is not -1, 0 or +1", (events["side"] < -1) | (events["side"] > 1)),
            (
                "a price outside 1 .. 2**40 ticks",
                priced & ~by_id & ~emptied & ((events["price"] < 1) | (events["price"] > MAX_PRICE_TICKS)),
            ),
            ("a quantity outside 0 .. 2**40 lots", (events["quantity"] < 0) | (events["quantity"] > MAX_QUANTITY_LOTS)),
            (
                f"an order id outside 0 .. {MAX_ORDER_ID}",
                (ids < 0) | (ids > MAX_ORDER_ID),
            ),
        )
        for what, bad in checks:
            if bad.any():
                row = int(np.argmax(bad))
                raise TapeError(f"{tape.name}: event {row} has {what}: {events[row]}; mend or drop that row")
        backwards = np.diff(events["ts_ns"]) < 0
        if backwards.any():
            row = int(np.argmax(backwards)) + 1
            raise TapeError(
                f"{tape.name}: event {row} goes back in time ({int(events['ts_ns'][row])} after "
                f"{int(events['ts_ns'][row - 1])}); sort the data by time"
            )
    for number, (before, item) in enumerate(pairwise(tape.news), start=1):
        if item.ts_ns < before.ts_ns:
            raise TapeError(
                f"{tape.name}: headline {number} goes back in time ({item.ts_ns} after {before.ts_ns}); "
                "sort the news by time"
            )
    symbols = {instrument.symbol for instrument in tape.instruments}
    for number, action in enumerate(tape.actions):
        if number and action.ts_ns < tape.actions[number - 1].ts_ns:
            raise TapeError(f"{tape.name}: corporate action {number} goes back in time; sort the actions by time")
        if action.kind != "rate" and action.symbol not in symbols:
            raise TapeError(f"{tape.name}: corporate action {number} is about {action.symbol!r}, not on the tape")
        symbols.add(action.new_symbol)
    events.flags.writeable = False
    return tape
