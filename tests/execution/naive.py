"""How does an exchange match, told as plainly as possible? The reference that the engine is compared with.

Rules: dictionaries and lists, one loop over every order, no thought for speed. Nothing here is shared with the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


class Trade(NamedTuple):
    """One execution between two orders."""

    taker: str
    maker: str
    price: int
    lots: int


@dataclass(eq=False)
class Resting:
    """An order in the naive book; ``price`` ``None`` waits for anybody at any price."""

    name: str
    account: str
    side: int
    price: int | None
    lots: int


def reachable(order: Resting, others: Iterable[Resting]) -> int:
    """Lots that a newcomer meets before an order of its own account."""
    lots = 0
    for other in others:
        if other.account == order.account:
            break
        lots += other.lots
    return lots


def traded(taker: Resting, maker: Resting, price: int) -> Trade:
    """What two orders trade; both have that much less."""
    lots = min(taker.lots, maker.lots)
    taker.lots -= lots
    maker.lots -= lots
    return Trade(taker.name, maker.name, price, lots)


@dataclass
class NaiveExchange:
    """Price, then time; nobody trades with oneself: the newcomer's rest is canceled then."""

    working: dict[str, Resting] = field(default_factory=dict)
    levels: dict[int, dict[int, list[Resting]]] = field(default_factory=lambda: {1: {}, -1: {}})
    """Side, price, and the orders there in order of time."""
    waiting: list[Resting] = field(default_factory=list)
    """Market orders that found nothing."""

    def submit(
        self, name: str, account: str, side: int, price: int | None, lots: int, *, tif: str = "DAY"
    ) -> tuple[list[Trade], int]:
        """The trades of a newcomer, and the lots of it that were canceled at once."""
        order = Resting(name, account, side, price, lots)
        if tif == "FOK" and reachable(order, self._opposite(order)) < lots:
            return [], lots
        trades = []
        for other in self._opposite(order):
            if order.lots == 0:
                break
            if other.account == account:
                return trades, order.lots
            assert other.price is not None
            trades.append(self._trade(order, other, other.price))
        if order.lots == 0:
            return trades, 0
        if price is not None:
            others = [other for other in self.waiting if other.side != side and other.account != account]
            trades += [self._trade(other, order, price) for other in others if order.lots]
        if tif in ("IOC", "FOK"):
            return trades, order.lots
        if price is None:
            self.waiting.append(order)
        elif order.lots:
            self.levels[side].setdefault(price, []).append(order)
        if order.lots:
            self.working[name] = order
        return trades, 0

    def cancel(self, name: str) -> int | None:
        """Lots taken out, or ``None`` where no such order works."""
        order = self.working.get(name)
        if order is None:
            return None
        self._out(order)
        return order.lots

    def depth(self, side: int) -> list[tuple[int, int]]:
        """Price and lots of each level, best first."""
        rows = [(price, sum(order.lots for order in level)) for price, level in self.levels[side].items()]
        return sorted(rows, reverse=side > 0)

    def _opposite(self, order: Resting) -> list[Resting]:
        """Orders that a newcomer may trade with, in their turn."""
        levels = self.levels[-order.side]
        prices = [p for p in levels if order.price is None or p * order.side <= order.price * order.side]
        return [other for price in sorted(prices, key=lambda p: p * order.side) for other in levels[price]]

    def _trade(self, taker: Resting, maker: Resting, price: int) -> Trade:
        trade = traded(taker, maker, price)
        for order in (taker, maker):
            if order.lots == 0 and order.name in self.working:
                self._out(order)
        return trade

    def _out(self, order: Resting) -> None:
        del self.working[order.name]
        if order.price is None:
            self.waiting.remove(order)
            return
        level = self.levels[order.side][order.price]
        level.remove(order)
        if not level:
            del self.levels[order.side][order.price]


@dataclass
class NaiveQueues:
    """The feed's orders and passive participants, one list a price, each entry ``[name, lots, ours]``.

    The feed's orders never trade with ours; they show which lots traded, and ours before these traded first. The feed
    executes the first of its orders at a price.
    """

    levels: dict[tuple[int, int], list[list[object]]] = field(default_factory=dict)

    def join(self, side: int, price: int, name: str, lots: int, *, ours: bool) -> None:
        self.levels.setdefault((side, price), []).append([name, lots, ours])

    def leave(self, side: int, price: int, name: str, lots: int) -> None:
        """Some lots of an entry are canceled."""
        level = self.levels[side, price]
        entry = next(e for e in level if e[0] == name)
        entry[1] = int(str(entry[1])) - lots
        if entry[1] == 0:
            level.remove(entry)

    def execute(self, side: int, price: int, name: str, lots: int) -> list[tuple[str, int, int]]:
        """Our fills ``(name, price, lots)`` when lots of the feed's ``name`` trade at ``price``."""
        fills = []
        left = lots
        for level_price, entry in list(self._ours_before(side, price, name)):
            part = min(left, int(str(entry[1])))
            if part:
                fills.append((str(entry[0]), level_price, part))
                left -= part
                self.leave(side, level_price, str(entry[0]), part)
        self.leave(side, price, name, lots)
        return fills

    def ahead(self, side: int, price: int, name: str) -> int:
        """Lots before one of ours."""
        lots = 0
        for entry in self.levels[side, price]:
            if entry[0] == name:
                break
            lots += int(str(entry[1]))
        return lots

    def first(self, side: int, price: int) -> str | None:
        """The feed's order whose turn it is."""
        return next((str(e[0]) for e in self.levels.get((side, price), []) if not e[2]), None)

    def _ours_before(self, side: int, price: int, name: str) -> Iterator[tuple[int, list[object]]]:
        for level_price in sorted((p for s, p in self.levels if s == side), key=lambda p: -p * side):
            if level_price * side < price * side:
                return
            for entry in self.levels[side, level_price]:
                if entry[0] == name:
                    return
                if entry[2]:
                    yield level_price, entry
