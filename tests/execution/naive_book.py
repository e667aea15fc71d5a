"""How do agents and participants trade in one book, told as plainly as possible? The reference for exchange rooms.

Rules: a dictionary of orders and sorted look-ups, one loop over everything, no thought for speed; nothing here is
shared with the engine. Price, then time. A feed's row is an order request (:meth:`NaiveRoom.row`); agents have no
identity, so they may trade with each other and with themselves, while a participant never meets an own order: the
newcomer's rest is canceled then. In a call phase limit orders and participants' market orders collect, agents' orders
that could not rest are lost, the uncross looks at no account, and its buyers are called the takers. The close ends
every order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.execution.naive import Resting, Trade, reachable, traded
from vtrade.market.dtype import FLAG_IOC, FLAG_MARKET, FLAG_PEGGED, Kind, SessionStatus

AGENT = "agents"


@dataclass(eq=False)
class Order(Resting):
    """An order in the room; ``price`` ``None`` takes any."""

    keep: bool
    """Whether what cannot trade rests."""


@dataclass
class NaiveRoom:
    """One instrument of an exchange room."""

    last: int | None = None
    """Price of the last trade; to begin with, a reference price if there is one."""
    bands: tuple[int, int] | None = None
    """Lowest and highest price at which anything may trade; a price beyond is brought to the band."""
    status: int = SessionStatus.OPEN
    orders: list[Order] = field(default_factory=list)
    """Everything that rests, in order of time."""
    by_id: dict[int, Order] = field(default_factory=dict)
    surplus: int = 0
    """Lots that found nobody in the last auction at its price: positive where buyers were left."""

    # --- what comes in ---------------------------------------------------------------------------------------------

    def row(
        self, kind: int, side: int = 0, price: int = 0, quantity: int = 0, order_id: int = 0, flags: int = 0
    ) -> list[Trade]:
        """The trades that a row of an exchange tape brings about."""
        if kind == Kind.STATUS:
            return self.phase(quantity)
        if kind == Kind.CANCEL:
            order = self.by_id.pop(order_id, None)
            if order is not None and order in self.orders:
                self.orders.remove(order)
            return []
        assert kind == Kind.ORDER, f"a tape of an exchange room holds no rows of kind {kind}"
        limit: int | None = price
        if flags & FLAG_MARKET:
            limit = None
        elif flags & FLAG_PEGGED:
            other = self.best(-side)
            base = self.last if other is None else other
            if base is None:
                return []
            limit = max(1, base - side * price)
        if self.status == SessionStatus.AUCTION and flags & (FLAG_MARKET | FLAG_IOC):
            return []
        order = Order(f"agent {order_id}", AGENT, side, limit, quantity, not flags & (FLAG_MARKET | FLAG_IOC))
        if order_id:
            self.by_id[order_id] = order
        return self._arrive(order)

    def submit(
        self, name: str, account: str, side: int, price: int | None, lots: int, *, tif: str = "DAY"
    ) -> list[Trade]:
        """A participant's order; what is left of a market order is canceled, and a FOK fills whole or not at all."""
        order = Order(name, account, side, price, lots, tif == "DAY" and price is not None)
        if tif == "FOK" and reachable(order, self._opposite(order)) < lots:
            return []
        return self._arrive(order)

    def cancel(self, name: str) -> int:
        """Lots of a participant's order that are taken out; 0 where it is gone."""
        order = self.find(name)
        if order is None:
            return 0
        self.orders.remove(order)
        return order.lots

    def replace(self, name: str, *, price: int | None = None, lots: int | None = None) -> list[Trade]:
        """Change a resting order; fewer lots at the same price keep the place in the queue, all else loses it."""
        order = self.find(name)
        if order is None:
            return []
        new_price = order.price if price is None else price
        new_lots = order.lots if lots is None else lots
        if new_price == order.price and new_lots <= order.lots:
            order.lots = new_lots
            return []
        self.orders.remove(order)
        return self._arrive(Order(order.name, order.account, order.side, new_price, new_lots, order.keep))

    def phase(self, status: int) -> list[Trade]:
        """The session moves on; leaving a call phase uncrosses."""
        before, self.status = self.status, status
        called = before == SessionStatus.AUCTION and status != SessionStatus.AUCTION
        trades = self._uncross() if called else []
        if status == SessionStatus.CLOSED:
            self.orders.clear()
        return trades

    # --- what can be seen ------------------------------------------------------------------------------------------

    def best(self, side: int) -> int | None:
        prices = [order.price * side for order in self.orders if order.side == side and order.price is not None]
        return max(prices) * side if prices else None

    def depth(self, side: int) -> list[tuple[int, int]]:
        """Price and lots of each level, best first."""
        levels: dict[int, int] = {}
        for order in self.orders:
            if order.side == side and order.price is not None:
                levels[order.price] = levels.get(order.price, 0) + order.lots
        return sorted(levels.items(), reverse=side > 0)

    def find(self, name: str) -> Order | None:
        return next((order for order in self.orders if order.name == name), None)

    # --- matching --------------------------------------------------------------------------------------------------

    def _arrive(self, order: Order) -> list[Trade]:
        if self.status == SessionStatus.CLOSED:
            return []
        if self.bands is not None and order.price is not None:
            low, high = self.bands
            order.price = min(order.price, high) if order.side > 0 else max(order.price, low)
        if self.status == SessionStatus.AUCTION:
            self.orders.append(order)
            return []
        trades: list[Trade] = []
        for other in self._opposite(order):
            if order.lots == 0:
                break
            if other.account == order.account != AGENT:
                return trades
            assert other.price is not None
            trades.append(self._trade(order, other, other.price))
        if order.lots and order.keep:
            self.orders.append(order)
        return trades

    def _opposite(self, order: Order) -> list[Order]:
        """Resting orders that a newcomer may trade with, in their turn."""
        limit = order.price
        if limit is None and self.bands is not None:
            limit = self.bands[1] if order.side > 0 else self.bands[0]
        others = [
            other
            for other in self.orders
            if other.side != order.side
            and other.price is not None
            and (limit is None or other.price * order.side <= limit * order.side)
            and (self.bands is None or self.bands[0] <= other.price <= self.bands[1])
        ]
        return sorted(others, key=lambda other: (other.price or 0) * order.side)  # stable: earlier ones stay first

    def _trade(self, taker: Order, maker: Order, price: int) -> Trade:
        trade = traded(taker, maker, price)
        for order in (taker, maker):
            if order.lots == 0 and order in self.orders:
                self.orders.remove(order)
        self.last = price
        return trade

    # --- the auction -----------------------------------------------------------------------------------------------

    def auction_price(self) -> int | None:
        """Price of most volume, then of least surplus, then nearest to the last price, then the lowest.

        Every tick from the lowest to the highest price in the book is looked at, and the last price where it lies
        between, so a price at which nobody quotes may win. Without a last price, the lowest of the best ones is taken.
        """
        prices = [order.price for order in self.orders if order.price is not None]
        if not prices and self.last is not None:
            prices = [self.last]  # only orders at any price: they meet at the last one
        ticks = range(min(prices), max(prices) + 1) if prices else range(0)
        if self.bands is not None:
            ticks = range(max(ticks.start, self.bands[0]), min(ticks.stop, self.bands[1] + 1))
        if not ticks or max(self._volume(tick) for tick in ticks) == 0:
            return None
        most = max(self._volume(tick) for tick in ticks)
        ticks_left = [tick for tick in ticks if self._volume(tick) == most]
        least = min(abs(self._surplus(tick)) for tick in ticks_left)
        ticks_left = [tick for tick in ticks_left if abs(self._surplus(tick)) == least]
        last = ticks_left[0] if self.last is None else self.last
        return min(ticks_left, key=lambda tick: (abs(tick - last), tick))

    def _wanted(self, side: int, price: int) -> int:
        return sum(
            order.lots
            for order in self.orders
            if order.side == side and (order.price is None or order.price * side >= price * side)
        )

    def _volume(self, price: int) -> int:
        return min(self._wanted(1, price), self._wanted(-1, price))

    def _surplus(self, price: int) -> int:
        return self._wanted(1, price) - self._wanted(-1, price)

    def _uncross(self) -> list[Trade]:
        price = self.auction_price()
        trades: list[Trade] = []
        self.surplus = 0
        if price is not None:
            left, self.surplus = self._volume(price), self._surplus(price)
            buyers, sellers = self._in_turn(1), self._in_turn(-1)
            while left:
                trades.append(self._trade(buyers[0], sellers[0], price))
                left -= trades[-1].lots
                buyers = [order for order in buyers if order.lots]
                sellers = [order for order in sellers if order.lots]
        self.orders = [order for order in self.orders if order.keep]  # orders for the auction alone end with it
        return trades

    def _in_turn(self, side: int) -> list[Order]:
        """A side's orders: those at any price first, then by price, then by time."""
        mine = [order for order in self.orders if order.side == side]
        return sorted(mine, key=lambda order: (order.price is not None, -side * (order.price or 0)))
