"""Strategies of the tests, importable by other processes."""

from __future__ import annotations

from typing import Any

from vtrade.research.strategy import cancel_all, limit, market, strategy


@strategy(state=1)
def alternate(m: Any, p: Any, state: Any, orders: Any) -> int:
    """After every so many moments buy and offer one lot, or sell and bid for one, in turn."""
    if m.step % p.every:
        return 0
    side = 1 - 2 * ((m.step // p.every) % 2)
    n = cancel_all(orders, 0)
    n = market(orders, n, side, p.lots)
    return limit(orders, n, -side, p.lots, (m.ask if side > 0 else m.bid) or m.last)


@strategy
def divides(m: Any, p: Any, state: Any, orders: Any) -> int:
    """Fails at a step."""
    return 1 // (p.at - m.step) * 0


@strategy
def too_far(m: Any, p: Any, state: Any, orders: Any) -> int:
    """Writes behind its memory."""
    state[len(state) + m.step] = 1.0
    return 0


@strategy
def greedy(m: Any, p: Any, state: Any, orders: Any) -> int:
    """Asks for more than it may."""
    return len(orders) + 1


@strategy
def untypable(m: Any, p: Any, state: Any, orders: Any) -> int:
    """Reads what is not there."""
    return int(m.no_such_thing)


class Alternate:
    """The same in Python."""

    def __init__(self, every: int, lots: int = 1) -> None:
        self.every, self.lots, self.turns = every, lots, 0

    def on_tick(self, m: Any) -> None:
        """After each moment."""
        if m.step % self.every == 0:
            side = 1 - 2 * ((m.step // self.every) % 2)
            m.cancel_all()
            m.order(side, self.lots)
            m.order(-side, self.lots, limit=(m.ask if side > 0 else m.bid) or m.last)

    def on_wake(self, m: Any) -> None:
        """Whenever it is woken."""
        self.turns += 1
        side = 1 - 2 * (self.turns % 2)
        m.cancel_all()
        m.order(side, self.lots)
        m.order(-side, self.lots, limit=(m.ask if side > 0 else m.bid) or m.last)


def every_kind(m: Any) -> None:
    """One order of each type, and a cancel of one that may be gone."""
    mid = m.last or m.bid
    m.cancel(m.next_id - 3)
    m.buy(2, limit=mid - 1, post_only=True)
    m.sell(1, stop=mid - 5)
    m.buy(1, stop=mid + 4, limit=mid + 6, tif="GTC")
    m.sell(1, trail=5)
    m.buy(3, limit=mid + 1, tif="IOC")
    m.buy(50, limit=mid, tif="FOK")
    m.sell(1, reduce_only=True)
    m.buy(0)
    m.buy(1, limit=100 * mid)
    m.buy(10**12)
