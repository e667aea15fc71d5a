"""What does an order book look like that is told in depth diffs, tickers and snapshots, each late in its own way?

Rules: prices and quantities are whole numbers of 1e-8 and never pass through a float. Every change of a level becomes
one row; levels that go are told before levels that come, so that the book is not crossed in between. What to believe
when messages disagree is said in :mod:`vtrade.market.binance`.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

import msgspec

from vtrade.market.dtype import Kind

UNITS: Final = 100_000_000
"""Binance writes eight decimals."""

DIFFS_KEPT: Final = 1_000
"""Diffs with which a late snapshot can be brought up to date."""

ROW: Final = 5
"""Numbers of a row: line, kind, price, quantity, side."""

Levels = dict[int, int]
Pairs = list[tuple[str, str]]


class Message(
    msgspec.Struct,
    gc=False,
    rename={
        "event": "e", "event_ms": "E", "symbol": "s", "first": "U", "last": "u", "before": "pu", "bid": "b", "ask": "a",
        "bid_size": "B", "ask_size": "A", "trade": "t", "price": "p", "quantity": "q", "trade_ms": "T",
        "buyer_made": "m", "snapshot": "lastUpdateId",
    },
):  # fmt: skip
    """Any message of the capture; what a message does not have keeps its default."""

    stream: str = ""
    data: Message | None = None
    event: str = ""
    event_ms: int = 0
    symbol: str = ""
    first: int = 0
    last: int = 0
    before: int = -1
    bid: str | int | Pairs = ""
    ask: str | int | Pairs = ""
    bid_size: str = ""
    ask_size: str = ""
    trade: int = 0
    price: str = ""
    quantity: str = ""
    trade_ms: int = 0
    buyer_made: bool = False
    snapshot: int = 0
    bids: Pairs = []
    asks: Pairs = []


@dataclass(frozen=True)
class Gap:
    """Updates that never arrived.

    Attributes
    ----------
    line : int
        The message before which they are missing, counted from 0 over all files.
    missing : int
        How many update numbers.
    """

    line: int
    missing: int


def units(text: str) -> int:
    """A decimal as a whole number of 1e-8, exactly.

    Raises
    ------
    ValueError
        If it is not a number, is negative, or has more than eight decimals.

    Examples
    --------
    >>> units("61837.63000000"), units("0.5"), units("7")
    (6183763000000, 50000000, 700000000)
    """
    if text[-9:-8] == ".":
        number = int(text[:-9] + text[-8:])
    else:
        whole, _, part = text.partition(".")
        if len(part) > 8:
            raise ValueError(f"{text[:40]!r} has more than eight decimals")
        number = int(whole + part.ljust(8, "0"))
    if number < 0:
        raise ValueError(f"{text[:40]!r} is negative")
    return number


class DepthBook:
    """The book as far as it is known; what changes is written to ``rows``.

    Attributes
    ----------
    rows : array of int64
        ``ROW`` numbers for each change: line, kind, price, quantity, side (+1 bid, -1 ask).
    line : int
        Of the message at hand.
    gaps : list of Gap
    late, damaged, unused : int
        Messages older than what was known, messages that were locked, crossed or zero, and snapshots that joined
        nothing.

    Examples
    --------
    >>> book = DepthBook()
    >>> book.ticker(Message(last=7, bid="10.0", bid_size="2", ask="10.1", ask_size="3"))
    >>> book.best(0) / UNITS, book.best(1) / UNITS
    (10.0, 10.1)
    """

    def __init__(self) -> None:
        self.rows: array[int] = array("q")
        self.line = 0
        self.gaps: list[Gap] = []
        self.late = self.damaged = self.unused = 0
        self._levels: tuple[Levels, Levels] = ({}, {})
        self._heaps: tuple[list[int], list[int]] = ([], [])  # best first, negative for bids; some levels may be gone
        self._last = 0  # the update up to which diffs and snapshots are in the book
        self._recent: deque[Message] = deque(maxlen=DIFFS_KEPT)
        self._touched = 0  # the update of the newest ticker, and what it said
        self._touch: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))

    def best(self, side: int) -> int:
        """Best price of side 0 (bids) or 1 (asks), 0 if it is empty."""
        heap, levels = self._heaps[side], self._levels[side]
        while heap and abs(heap[0]) not in levels:
            heappop(heap)
        return abs(heap[0]) if heap else 0

    def trade(self, message: Message) -> None:
        """A trade; the seller is the aggressor where the buyer was the maker."""
        price, quantity = units(message.price), units(message.quantity)
        if price and quantity:
            self.rows.extend((self.line, Kind.TRADE, price, quantity, -1 if message.buyer_made else 1))
        else:
            self.damaged += 1

    def ticker(self, message: Message) -> None:
        """The best level of both sides."""
        if not isinstance(message.bid, str) or not isinstance(message.ask, str):
            raise ValueError("a bookTicker without best prices")
        bid, ask = units(message.bid), units(message.ask)
        touch = (bid, units(message.bid_size)), (ask, units(message.ask_size))
        if not all(touch[0] + touch[1]) or bid >= ask:
            self.damaged += 1
        elif message.last <= max(self._last, self._touched):
            self.late += 1
        else:
            for side, (price, _) in enumerate(touch):
                while (best := self.best(side)) and (best > price if side == 0 else best < price):
                    self._set(side, best, 0)
            for side, (price, quantity) in enumerate(touch):
                self._set(side, price, quantity)
            self._touched, self._touch = message.last, touch

    def diff(self, message: Message) -> None:
        """Totals of the levels that changed."""
        if message.last < message.first:
            raise ValueError(f"a diff from update {message.first} to {message.last}")
        if message.last <= self._last:
            self.late += 1
            return
        joins = message.before == self._last if message.before >= 0 else message.first <= self._last + 1
        if self._last and not joins:
            self.gaps.append(Gap(self.line, max(message.first - self._last - 1, 1)))
            self.clear()
        self._last = message.last
        old = message.last < self._touched
        changes = [
            (quantity, side, price)
            for side in (0, 1)
            for price, quantity in _pairs(message, side)
            if not (old and _inside(side, price, self._touch[side][0]))
        ]
        was = [(side, price, self._levels[side].get(price, 0)) for _, side, price in changes]
        mark = len(self.rows)
        for gone in (True, False):
            for quantity, side, price in changes:
                if (quantity == 0) == gone:
                    self._set(side, price, quantity)
        if 0 < self.best(1) <= self.best(0):
            for side, price, quantity in reversed(was):
                self._set(side, price, quantity)
            del self.rows[mark:]
            self.damaged += 1
            self.clear()
        else:
            self._recent.append(message)

    def state(self, message: Message) -> None:
        """A snapshot of the best levels, brought up to date with the diffs that are newer."""
        at = message.snapshot
        later = [diff for diff in self._recent if diff.last > at]
        if at < self._last and not (later and later[0].first <= at + 1):
            self.unused += 1
            return
        target: list[Levels] = []
        for side in (0, 1):
            levels = dict(_numbers(message.asks if side else message.bids))
            if at <= self._last:  # beyond the snapshot's last level the diffs still tell
                edge = (max if side else min)(levels, default=0)
                levels |= {p: q for p, q in self._levels[side].items() if edge and (p > edge if side else p < edge)}
            for diff in later:
                levels.update(_pairs(diff, side))
            if self._touched > max(at, self._last):
                price, quantity = self._touch[side]
                levels = {p: q for p, q in levels.items() if not _inside(side, p, price)} | {price: quantity}
            target.append({p: q for p, q in levels.items() if q})
        if not all(target) or max(target[0]) >= min(target[1]):
            self.damaged += 1
            return
        self._last = max(self._last, at)
        for side in (0, 1):
            for price in [p for p in self._levels[side] if p not in target[side]]:
                self._set(side, price, 0)
        for side in (0, 1):
            for price, quantity in target[side].items():
                self._set(side, price, quantity)

    def clear(self) -> None:
        """Forget all levels."""
        for side in (0, 1):
            for price in list(self._levels[side]):
                self._set(side, price, 0)
        self._recent.clear()

    def _set(self, side: int, price: int, quantity: int) -> None:
        levels = self._levels[side]
        if levels.get(price, 0) == quantity:
            return
        if not quantity:
            del levels[price]
        else:
            if price not in levels:
                heappush(self._heaps[side], price if side else -price)
            levels[price] = quantity
        self.rows.extend((self.line, Kind.LEVEL, price, quantity, -1 if side else 1))


def _inside(side: int, price: int, touch: int) -> bool:
    """At the touch or better."""
    return price <= touch if side else price >= touch


def _pairs(message: Message, side: int) -> Iterable[tuple[int, int]]:
    pairs = message.ask if side else message.bid
    if not isinstance(pairs, list):
        raise ValueError("a diff without levels")
    return _numbers(pairs)


def _numbers(pairs: Pairs) -> list[tuple[int, int]]:
    out = [(units(price), units(quantity)) for price, quantity in pairs]
    if any(price == 0 for price, _ in out):
        raise ValueError("a level with price 0")
    return out
