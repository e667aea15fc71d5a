"""Where does a resting order stand in its queue, and how sure is that?

Rules:

- Nothing is changed and nothing is kept that counts: a place is computed from the engine's state, from the facts that
  tell when the order came to its queue, and from the rows of the feed since then. Whoever asks later, or after the
  journal was opened again, gets the same numbers.
- Where the feed names every order, and in an exchange room, the place is exact. Where it tells only level totals, a
  decrease that no print explains may have come from ahead of us or from behind. ``low`` takes all of them from ahead,
  ``high`` as few as the total allows; the room's queue model lies in between. Participants of the room are counted
  exactly in all three.
- A total that the feed never showed tells nothing: the queue there may be empty or long, and ``high`` is then unknown
  until the level comes into sight.

Each order that is asked for is followed row by row, only at its own level and all orders in one pass, so that asking
again costs what is new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from vtrade.domain.messages import OrderAccepted, OrderReplaced
from vtrade.domain.orders import Liquidity
from vtrade.execution import layout as at
from vtrade.market.dtype import Events, Kind, SessionStatus

if TYPE_CHECKING:
    from vtrade.execution.blotter import Record
    from vtrade.execution.engine import Engine
    from vtrade.execution.working import Working

FOLLOWED_MAX: Final = 4_096
"""Orders that are followed at a time; those that were asked for longest ago go first."""
BACK_ROWS_MAX: Final = 2_000_000
"""Rows of the feed that are read to catch up with an order; what came longer ago counts as not known."""
LOOK_BACK: Final = 4_096
"""Rows read at a time when the total that an order met is looked for; twice as many each time."""
LOOK_BACK_MAX: Final = 65_536
"""Rows that are read for it in all; a level that was stated longer ago is as the order's own story tells it."""

EXACT: Final = "orders"
BOOK: Final = "book"
TOTALS: Final = "totals"
SIGHT: Final = "sight"

FAR_TICKS: Final = 65_536
"""Beyond so many ticks from the best price nobody looks for the worst one that the feed shows."""
SPAN: Final = 256
"""Prices looked through at first; four times as many each time."""

WORDS: Final = {
    EXACT: "exact: the feed names every order",
    BOOK: "exact: everybody here meets in one book",
    TOTALS: "estimated: the feed tells level totals only, so nobody knows whether those who canceled stood ahead",
    SIGHT: "not known: the feed shows nothing at this price, so nobody knows who waits there",
}
"""Why a place is as sure as it is."""

_MANY: Final = 2**62


class QueuePlace(NamedTuple):
    """A place in a queue, lots.

    Attributes
    ----------
    ahead : int
        That trade before the order, by the room's queue model: what the engine goes by.
    low, high : int
        The least and the most that can be ahead; ``high`` is -1 where nobody knows.
    why : str
        A key of :data:`WORDS`.
    """

    ahead: int
    low: int
    high: int
    why: str


class Stay:
    """An order's stay at one level, followed through the rows of the feed.

    Attributes
    ----------
    low, high : int
        Lots of the feed ahead of it, at least and at most.
    total : int
        What the feed last showed at the level.
    printed : int
        Lots of prints since it showed that.
    """

    __slots__ = ("arrival", "high", "k", "low", "price", "printed", "side", "total")

    def __init__(self, arrival: int, k: int, side: int, price: int, total: int, *, seen: bool = True) -> None:
        self.arrival, self.k, self.side, self.price = arrival, k, side, price
        self.total = self.low = total
        self.high = total if seen else _MANY
        self.printed = 0

    def states(self, total: int) -> None:
        """The feed states the level's total."""
        change = total - (self.total - self.printed)
        self.low = min(self.low + min(change, 0), total) if self.low + min(change, 0) > 0 else 0
        self.high = total if self.high == _MANY and total else min(self.high, total) if self.high != _MANY else _MANY
        self.total, self.printed = total, 0

    def prints(self, lots: int, *, sure: bool) -> None:
        """So much traded at the level; ``sure`` where it was this side that rested."""
        self.low = max(0, self.low - lots)
        if sure:
            self.printed = min(self.total, self.printed + lots)
            if self.high != _MANY:
                self.high = max(0, self.high - lots)

    def take(self, kind: int, side: int, price: int, lots: int) -> None:
        """Follow one row of the feed about this instrument."""
        if kind == Kind.TRADE:
            if side != self.side and price == self.price:
                self.prints(lots, sure=side == -self.side)
        elif kind == Kind.STATUS:
            if lots == SessionStatus.CLOSED:  # the feed's orders are gone
                self.total = self.low = self.high = self.printed = 0
        elif side == self.side:
            if price == self.price and (kind == Kind.LEVEL or lots):
                self.states(lots)
            elif kind == Kind.QUOTE:
                if not lots or (self.price - price) * self.side > 0:
                    self.states(0)  # the best price is worse than this one now, so nobody waits here
                else:
                    self.total = self.low = 0  # out of sight: all of those ahead may leave unseen


class Places:
    """Places of orders in one room, followed from one question to the next."""

    def __init__(self) -> None:
        self._stays: dict[int, Stay] = {}
        self._worst: dict[tuple[int, int], tuple[tuple[int, int, int], int]] = {}
        """The worst price that the feed shows of a side, by instrument and side, and when it was looked for."""
        self._rows = 0
        """Rows of the feed up to which all stays were followed."""

    def of(self, engine: Engine, record: Record | None, events: Events | None) -> QueuePlace | None:
        """Where an order stands.

        Parameters
        ----------
        engine : Engine
        record : Record or None
            The order's story.
        events : (n,) array of EVENT, or None
            The feed so far; ``None`` where it is not kept: then only the level's total bounds the place.

        Returns
        -------
        QueuePlace or None
            ``None`` for an order that stands in no queue, as on bars.
        """
        order = engine.orders.get(record.order_id) if record is not None else None
        if record is None or order is None or engine._book.inst[order.k, at.BAR_NO]:
            return None
        best = engine.queue_ahead(order.order_id)
        if best is None:
            return None
        book = engine._book
        own = book.own[order.slot]
        s = int(own[at.O_SIDE])
        level = book.level[order.k, s, int(own[at.O_LIMIT]) - int(book.inst[order.k, at.BASE])]
        shown, taken, feed = int(level[at.QTY]), int(level[at.TAKEN]), int(own[at.O_AHEAD])
        peers = best - max(0, feed - taken)
        ids = int(book.inst[order.k, at.HAS_IDS])
        hidden = not shown and ids != at.EXCHANGE and self._hidden(engine, order.k, s, int(own[at.O_LIMIT]))
        if ids:
            if not hidden:
                return QueuePlace(best, best, best, BOOK if ids == at.EXCHANGE else EXACT)
            return QueuePlace(best, peers, best if feed > taken else -1, SIGHT)
        stay = self._stay(record, order, own, events, shown, peers=peers, hidden=hidden)
        low = min(best, peers + max(0, stay.low - taken))
        if hidden:
            return QueuePlace(best, peers, -1, SIGHT)
        high = shown if stay.high == _MANY else stay.high
        return QueuePlace(best, low, max(best, peers + max(0, high - taken)), TOTALS)

    def _stay(
        self, record: Record, order: Working, own: at.I8, events: Events | None, shown: int, *, peers: int,
        hidden: bool,
    ) -> Stay:  # fmt: skip
        """An order's stay, brought up to the newest row."""
        arrival, price, side = int(own[at.O_ARRIVAL]), int(own[at.O_LIMIT]), int(order.side)
        if events is None:
            unknown = Stay(arrival, order.k, side, price, shown)
            unknown.low = 0
            return unknown
        self._catch_up(events)
        stay = self._stays.get(order.order_id)
        if stay is not None and (stay.arrival, stay.price) == (arrival, price):
            return stay
        begun, fresh = _begun(record, order, arrival, price, events, peers=peers, hidden=hidden)
        _follow(events[begun:], [fresh])
        self._stays.pop(order.order_id, None)
        self._stays[order.order_id] = fresh
        if len(self._stays) > FOLLOWED_MAX:
            del self._stays[next(iter(self._stays))]
        return fresh

    def _hidden(self, engine: Engine, k: int, s: int, price: int) -> bool:
        """Whether a price is worse than all that the feed shows on a side, so that it may just be out of sight."""
        inst, moment = engine._book.inst[k], (engine.seq, engine.now, self._rows)
        if not inst[at.LEVELS + s]:
            return bool(inst[at.STATE] != at.S_CLOSED)
        known = self._worst.get((k, s))
        if known is None or known[0] != moment:
            known = self._worst[k, s] = moment, _worst(engine._book, k, s)
        return price < known[1] if s == 0 else price > known[1]

    def _catch_up(self, events: Events) -> None:
        """Follow every order through the rows that are new."""
        if len(events) < self._rows:
            self._stays.clear()
        elif len(events) > self._rows and self._stays:
            _follow(events[self._rows :], list(self._stays.values()))
        self._rows = len(events)


def _follow(rows: Events, stays: list[Stay]) -> None:
    """Tell the stays of rows of the feed, oldest first."""
    kinds, prices = rows["kind"], rows["price"]
    at_level = (kinds == Kind.LEVEL) | (kinds == Kind.TRADE)
    wanted = sorted({stay.price for stay in stays})
    if len(wanted) == 1:
        at_level &= prices == wanted[0]
    else:
        places = np.searchsorted(wanted, prices)
        at_level &= np.array([*wanted, -1])[places] == prices
    found = rows[at_level | (kinds == Kind.QUOTE) | (kinds == Kind.STATUS)]
    by_price: dict[tuple[int, int], list[Stay]] = {}
    by_instrument: dict[int, list[Stay]] = {}
    for stay in stays:
        by_price.setdefault((stay.k, stay.price), []).append(stay)
        by_instrument.setdefault(stay.k, []).append(stay)
    for k, kind, side, price, lots in zip(
        found["instrument"].tolist(), found["kind"].tolist(), found["side"].tolist(), found["price"].tolist(),
        found["quantity"].tolist(), strict=True,
    ):  # fmt: skip
        everywhere = kind in (Kind.QUOTE, Kind.STATUS)
        for stay in by_instrument.get(k, ()) if everywhere else by_price.get((k, price), ()):
            stay.take(kind, side, price, lots)


def _begun(
    record: Record, order: Working, arrival: int, price: int, events: Events, *, peers: int, hidden: bool
) -> tuple[int, Stay]:
    """From which row on an order stands where it stands, and what the level showed then."""
    since, touch, met = 0, 0, 0
    for fact in record.facts:
        if isinstance(fact, OrderAccepted):
            since, touch, met = fact.ts_ns, fact.bid if order.side > 0 else fact.ask, fact.queue_ahead
        elif isinstance(fact, OrderReplaced) and not fact.kept_priority:
            since, touch, met = fact.ts_ns, 0, fact.queue_ahead
    if order.terms is not None and order.terms.display_quantity:  # the next slice goes to the back
        since = max([since, *(fill.ts_ns for fill in record.fills if fill.liquidity == Liquidity.MAKER)])
    row = _row_after(events, since)
    side = int(order.side)
    late = len(events) - row > BACK_ROWS_MAX
    if late:
        row = len(events) - BACK_ROWS_MAX
    shown = _shown_at(events, row, order.k, side, price)
    total = max(0, met - peers) if shown is None else shown
    if row < len(events):  # how it looked then is not known now
        hidden = hidden or (touch > 0 and (touch - price) * side > 0)
    stay = Stay(arrival, order.k, side, price, total, seen=total > 0 or not hidden)
    if late:
        stay.low = 0
    return row, stay


def _row_after(events: Events, ts_ns: int) -> int:
    """The first row later than a moment; what came at the moment itself was there before the order."""
    times = events["ts_ns"]
    low, high = 0, len(times)
    while low < high:
        middle = (low + high) // 2
        if times[middle] > ts_ns:
            high = middle
        else:
            low = middle + 1
    return low


def _shown_at(events: Events, row: int, k: int, side: int, price: int) -> int | None:
    """What the feed showed at a level before a row; ``None`` where it never did within the rows that are read."""
    end, span = row, LOOK_BACK
    while end > 0 and row - end < LOOK_BACK_MAX:
        begin = max(0, end - span)
        rows = events[begin:end]
        kinds = rows["kind"]
        of_side = (rows["instrument"] == k) & (rows["side"] == side)
        found = np.flatnonzero(of_side & ((kinds == Kind.QUOTE) | ((kinds == Kind.LEVEL) & (rows["price"] == price))))
        if found.size:
            last = rows[int(found[-1])]
            return int(last["quantity"]) if int(last["price"]) == price else 0
        end, span = begin, 2 * span
    return None


def _worst(book: at.Book, k: int, s: int) -> int:
    """The worst price that the feed shows on a side, ticks; looked for from the best one on."""
    inst = book.inst[k]
    left, best, step = int(inst[at.LEVELS + s]), int(inst[at.BEST + s]), -1 if s == 0 else 1
    low = high = best + 1 if s == 0 else best
    span, worst = SPAN, best
    while left > 0 and abs(worst - best) < FAR_TICKS:
        if step < 0:
            low, high = max(0, low - span), low
        else:
            low, high = high, min(book.level.shape[2], high + span)
        if low == high:
            break
        used = np.flatnonzero(book.level[k, s, low:high, at.QTY])
        left -= len(used)
        if len(used):
            worst = low + int(used[0] if s == 0 else used[-1])
        span *= 4
    return worst + int(inst[at.BASE])
