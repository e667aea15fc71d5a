"""What must hold after every message, whatever came before?

Rules: everything is counted again from scratch, in plain Python, from the arrays or from the facts; nothing of the
kernel's own bookkeeping is trusted. :func:`check_inside` looks at one engine, :class:`Ledger` at the facts it told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import (
    AccountOpened,
    Fact,
    Fill,
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderRejected,
    OrderReplaced,
    OrderSubmitted,
    OrderTriggered,
    RoomOpened,
)  # fmt: skip
from vtrade.domain.orders import TERMINAL, OrderEvent, OrderType, Side, Status, transition
from vtrade.domain.values import MICRO
from vtrade.execution import layout as at
from vtrade.execution.engine import Engine


def check_inside(engine: Engine) -> None:
    """The kernel's bookkeeping and the engine's, recounted."""
    book = engine._book
    assert book.room[at.OUT_COUNT] == 0, "facts are left in the kernel"
    found: dict[int, tuple[str, int, int]] = {}
    for k in range(len(engine.instruments)):
        _check_levels(engine, k)
        _walk_queues(engine, k, found)
    _check_orders(engine, found)
    _check_accounts(engine)
    for k in range(len(engine.instruments)):
        _check_nothing_waits_that_could_trade(engine, k)


def _check_levels(engine: Engine, k: int) -> None:
    book, inst = engine._book, engine._book.inst[k]
    window = book.level.shape[2]
    shown, taken = book.level[k, :, :, at.QTY], book.level[k, :, :, at.TAKEN]
    assert (shown >= 0).all(), "a level shows less than nothing"
    assert (taken >= 0).all(), "less than nothing is taken from a level"
    assert (taken <= shown).all(), "more is taken from a level than it shows"
    for s in (0, 1):
        for column, count, best in ((at.QTY, at.LEVELS, at.BEST), (at.HEAD, at.OWN_LEVELS, at.OWN_BEST)):
            used = np.flatnonzero(book.level[k, s, :, column])
            assert inst[count + s] == used.size, f"side {s}: {inst[count + s]} levels counted, {used.size} stand"
            top = (used[-1] if s == 0 else used[0]) if used.size else (-1 if s == 0 else window)
            assert inst[best + s] == top, f"side {s}: best level {inst[best + s]} is kept, {top} is best"


def _walk(engine: Engine, first: int, last: int) -> list[int]:
    """Slots of a linked list, checked both ways."""
    own = engine._book.own
    slots, before, slot = [], 0, first
    while slot:
        assert own[slot, at.O_PREV] == before, f"slot {slot} points back to {own[slot, at.O_PREV]}, not {before}"
        assert len(slots) < len(own), "a queue runs in a circle"
        slots.append(slot)
        before, slot = slot, int(own[slot, at.O_NEXT])
    assert last == before, f"the last of a queue is kept as {last}, but is {before}"
    return slots


def _walk_queues(engine: Engine, k: int, found: dict[int, tuple[str, int, int]]) -> None:
    book, inst = engine._book, engine._book.inst[k]
    base, own = int(inst[at.BASE]), book.own
    here = 0
    for s in (0, 1):
        assert not (book.level[k, s, :, at.LOTS] * (book.level[k, s, :, at.HEAD] == 0)).any()
        for p in np.flatnonzero(book.level[k, s, :, at.HEAD]):
            arrivals, lots = [], 0
            for slot in _walk(engine, *(int(book.level[k, s, p, end]) for end in (at.HEAD, at.TAIL))):
                assert slot not in found, f"slot {slot} stands in two queues"
                found[slot] = ("level", s, base + int(p))
                row = own[slot]
                assert row[at.O_WHERE] == at.AT_LEVEL
                assert row[at.O_LIMIT] == base + p, f"an order at {row[at.O_LIMIT]} stands at {base + int(p)}"
                assert row[at.O_AHEAD] >= 0
                assert 0 < row[at.O_SHOWN] <= row[at.O_LEAVES]
                lots += int(row[at.O_SHOWN])
                arrivals.append(int(row[at.O_ARRIVAL]))
                here += 1
            assert arrivals == sorted(arrivals), "a queue is not in order of arrival"
            assert lots == book.level[k, s, p, at.LOTS], "a level counts other lots than its orders show"
    places = (at.IN_MARKET, at.IN_MARKET, at.IN_STOPS, at.IN_HELD, at.IN_OPEN, at.IN_CLOSE)
    for which, where in enumerate(places):
        for slot in _walk(engine, int(inst[at.LISTS + 2 * which]), int(inst[at.LISTS + 2 * which + 1])):
            assert slot not in found, f"slot {slot} stands in two queues"
            found[slot] = ("list", int(own[slot, at.O_SIDE]), which)
            assert own[slot, at.O_WHERE] == where
            assert own[slot, at.O_LEAVES] > 0, "an order of nothing waits"
            assert which > 1 or own[slot, at.O_SIDE] == which, "a market order waits on the wrong side"
            here += 1
    for where, name in ((at.IN_FLIGHT, "flight"), (at.IN_PARENT, "parent")):
        for slot in np.flatnonzero((own[:, at.O_WHERE] == where) & (own[:, at.O_INST] == k)).tolist():
            assert own[slot, [at.O_NEXT, at.O_PREV]].tolist() == [0, 0]
            assert (own[slot, at.O_LEAVES] > 0) == (where == at.IN_FLIGHT)
            found[slot] = (name, int(own[slot, at.O_SIDE]), 0)
            here += 1
    here -= sum(own[slot, at.O_ACCOUNT] < 0 and own[slot, at.O_INST] == k for slot in found)
    for slot, (_, side, _) in found.items():
        if own[slot, at.O_INST] == k:
            assert own[slot, at.O_SIDE] == side
    stops = len(_walk(engine, int(inst[at.LISTS + 4]), int(inst[at.LISTS + 5])))
    assert inst[at.STOPS] == stops, f"{inst[at.STOPS]} stops counted, {stops} wait"
    assert inst[at.OWN_COUNT] == here, f"{inst[at.OWN_COUNT]} orders counted, {here} stand"


def _check_agents(engine: Engine, slots: set[int]) -> None:
    book = engine._book
    names = [-int(book.own[slot, at.O_ID]) for slot in slots]
    for slot, name in zip(slots, names, strict=True):
        assert book.own[slot, at.O_WHERE] == at.AT_LEVEL
        assert name == 0 or names.count(name) > 1 or book.feed[name, 0] == slot, f"agent's order {name} is lost"


def _check_orders(engine: Engine, found: dict[int, tuple[str, int, int]]) -> None:
    own = engine._book.own
    agents = {slot for slot in found if own[slot, at.O_ACCOUNT] < 0}
    _check_agents(engine, agents)
    found = {slot: place for slot, place in found.items() if slot not in agents}
    slots = {order.slot for order in engine.orders.values()}
    assert slots == found.keys(), f"orders without a place: {slots - found.keys()}, places: {found.keys() - slots}"
    assert len(slots) == len(engine.orders) == engine._book.room[at.LIVE]
    free, slot = set(), int(engine._book.room[at.FREE])
    while slot:
        assert slot not in free, "the free slots run in a circle"
        free.add(slot)
        slot = int(own[slot, at.O_NEXT])
    assert not (slots | agents) & free, "a slot is free and used"
    used = engine._book.room[at.SLOTS] - 1
    assert used == len(slots) + len(agents) + len(free), "a slot is lost"
    assert engine._book.room[at.ICEBERGS] == sum(own[slot, at.O_DISPLAY] > 0 for slot in slots)
    assert not own[list(slots), at.O_PENDING].any(), "a change is not told"
    for order in engine.orders.values():
        row = own[order.slot]
        assert order.status not in TERMINAL
        assert 0 <= order.filled < order.quantity, f"{order.filled} of {order.quantity} filled, and it still works"
        assert (row[at.O_QUANTITY], row[at.O_FILLED]) == (order.quantity, order.filled)
        if row[at.O_PARENT]:
            assert row[at.O_MARK] - order.filled == row[at.O_LEAVES], "a child works more than its parent filled"
            assert row[at.O_LEAVES] <= order.leaves
        else:
            assert row[at.O_LEAVES] == order.leaves, f"{row[at.O_LEAVES]} lots left in the kernel, {order.leaves} told"
        assert (row[at.O_WHERE] == at.IN_FLIGHT) == (order.status == Status.SUBMITTED)
        assert row[at.O_INST] == order.k
        assert row[at.O_SIDE] == (0 if order.side > 0 else 1)
        assert row[at.O_ACCOUNT] == order.account.index
        assert order.account.ids[order.client_order_id] is order
        assert row[at.O_ID] == order.order_id


def reserve(instrument: Instrument, side: int, worst: int, lots: int) -> int:
    """What an order of a cash account ties up: its cost at its worst price, two micro-units a lot for each rounding."""
    price = worst or 1
    fees = instrument.fees
    rounded = (
        (fees.per_unit * instrument.lot_size) % MICRO > 0,
        (fees.per_notional_ppm * instrument.tick_value) % MICRO > 0,
        (fees.per_contract * instrument.lot_size) % MICRO > 0,
    )
    charged = instrument.fee(price, lots) + 2 * sum(rounded) * lots
    return max(0, instrument.notional(price, lots) * side + charged) if lots else 0


def _check_accounts(engine: Engine) -> None:
    for account in engine.accounts.values():
        mine = [order for order in engine.orders.values() if order.account is account]
        assert account.working == len(mine)
        plain = [o for o in mine if not engine._book.own[o.slot, at.O_FLAGS] & at.REDUCE_ONLY]
        for k in range(len(engine.instruments)):
            assert account.buying[k] == sum(o.leaves for o in plain if o.k == k and o.side > 0)
            assert account.selling[k] == sum(o.leaves for o in plain if o.k == k and o.side < 0)
            _check_reducing(engine, account.index, k, [o.slot for o in mine if o not in plain and o.k == k])
        due = 0
        if account.limits.enabled:
            own = engine._book.own
            due = sum(reserve(engine.instruments[o.k], o.side, int(own[o.slot, at.O_WORST]), o.leaves) for o in plain)
            assert due == sum(int(own[o.slot, at.O_RESERVED]) for o in mine)
        assert account.reserved == due, f"{account.name}: reserved {account.reserved}, not {due}"
        if account.limits.enabled:
            assert account.reserved >= 0
            if not account.limits.on_margin:  # what a margin call closes may cost more than there is
                assert account.cash >= account.reserved, f"{account.name}: {account.cash} < {account.reserved}"
            assert account.limits.allow_short or min(account.positions) >= 0, f"{account.name} is short"


def _check_reducing(engine: Engine, account: int, k: int, slots: list[int]) -> None:
    """No order that may only reduce asks for more than there is to reduce."""
    book = engine._book
    held = int(book.pos[account, k, at.P_LOTS])
    assert book.pos[account, k, at.P_REDUCING] == len(slots)
    for slot in slots:
        can = max(0, -held if book.own[slot, at.O_SIDE] == 0 else held)
        assert book.own[slot, at.O_LEAVES] <= can, f"{book.own[slot, at.O_LEAVES]} would reduce a position of {held}"


def _check_nothing_waits_that_could_trade(engine: Engine, k: int) -> None:
    """In an open market of ticks, no participant's order stands across the feed or another participant's order."""
    book, inst = engine._book, engine._book.inst[k]
    if inst[at.BAR_NO] or inst[at.STATE] > at.S_OPEN:
        return
    base = int(inst[at.BASE])
    free = book.level[k, :, :, at.QTY] - book.level[k, :, :, at.TAKEN]
    if book.room[at.IMPACT_PPM]:
        free[:] = 0  # dearer than it looks
    orders = [o for o in engine.orders.values() if o.k == k]
    where = {o.order_id: int(book.own[o.slot, at.O_WHERE]) for o in orders}
    resting = [o for o in orders if where[o.order_id] == at.AT_LEVEL]
    for order in orders:
        if where[order.order_id] not in (at.AT_LEVEL, at.IN_MARKET):
            continue
        limit = int(book.own[order.slot, at.O_LIMIT])
        s = 1 if order.side > 0 else 0
        levels = [base + int(p) for p in np.flatnonzero(free[s])]
        levels += [int(book.own[o.slot, at.O_LIMIT]) for o in resting
                   if o.side != order.side and o.account is not order.account]  # fmt: skip
        agents = (book.own[:, at.O_WHERE] == at.AT_LEVEL) & (book.own[:, at.O_ACCOUNT] < 0)
        agents &= (book.own[:, at.O_INST] == k) & (book.own[:, at.O_SIDE] == s)
        levels += book.own[agents, at.O_LIMIT].tolist()
        low, high = int(inst[at.LOW_BAND]), int(inst[at.HIGH_BAND])
        levels = [price for price in levels if low <= price <= (high or price)]
        if order.side > 0:
            can = [price for price in levels if limit == 0 or price <= limit]
        else:
            can = [price for price in levels if limit == 0 or price >= limit]
        assert not can, f"order {order.client_order_id} waits, though it could trade at {can}"


@dataclass
class Told:
    """An order as its facts tell it."""

    account: str
    side: Side
    type: OrderType | None
    quantity: int
    limit: int | None
    status: Status
    filled: int = 0
    symbol: str = ""
    reduces: bool = False


@dataclass
class Ledger:
    """Cash, shares and orders as the facts alone give them."""

    instruments: dict[str, Instrument] = field(default_factory=dict)
    cash: dict[str, int] = field(default_factory=dict)
    positions: dict[tuple[str, str], int] = field(default_factory=dict)
    orders: dict[int, Told] = field(default_factory=dict)
    refused: set[tuple[str, str]] = field(default_factory=set)
    seq: int = 0

    def fold(self, facts: Iterable[Fact]) -> None:
        """Fold facts; every order follows the table of transitions."""
        for fact in facts:
            assert fact.seq == self.seq + 1, f"fact {fact.seq} follows {self.seq}"
            self.seq = fact.seq
            match fact:
                case RoomOpened():
                    self.instruments = {i.symbol: i for i in fact.instruments}
                case AccountOpened():
                    self.cash[fact.account] = fact.cash
                case OrderSubmitted():
                    assert fact.order_id not in self.orders
                    assert fact.due_ns > fact.ts_ns
                    self.orders[fact.order_id] = Told(
                        fact.account, fact.side, None, fact.quantity, None, Status.SUBMITTED, symbol=fact.symbol
                    )
                case OrderAccepted():
                    told = self._arrived(fact)
                    told.status = transition(told.status, OrderEvent.ACCEPT)
                    told.type, told.limit = fact.type, fact.limit_price
                    told.reduces = fact.terms is not None and (fact.terms.reduce_only or bool(fact.terms.parent))
                case OrderRejected():
                    told = self._arrived(fact)
                    told.status = transition(told.status, OrderEvent.REJECT)
                case OrderDenied():
                    self.refused.add((fact.account, fact.client_order_id))
                case OrderTriggered():
                    self._happens(fact.order_id, OrderEvent.TRIGGER)
                case OrderCanceled():
                    self._ends(fact.order_id, OrderEvent.CANCEL, fact.leaves_quantity)
                case OrderExpired():
                    self._ends(fact.order_id, OrderEvent.EXPIRE, fact.leaves_quantity)
                case OrderReplaced():
                    self._replaced(fact)
                case Fill():
                    self._filled(fact)

    def _arrived(self, fact: OrderAccepted | OrderRejected) -> Told:
        """An order as it was sent, and nothing of it has changed on the way unless that was told."""
        if fact.order_id not in self.orders:
            submitted = transition(Status.INITIALIZED, OrderEvent.SUBMIT)
            self.orders[fact.order_id] = Told(
                fact.account, fact.side, None, fact.quantity, fact.limit_price, submitted, symbol=fact.symbol
            )
        told = self.orders[fact.order_id]
        assert (told.account, told.side, told.symbol) == (fact.account, fact.side, fact.symbol)
        assert told.quantity == fact.quantity
        return told

    def _happens(self, order_id: int, event: OrderEvent) -> Told:
        order = self.orders[order_id]
        order.status = transition(order.status, event)
        return order

    def _ends(self, order_id: int, event: OrderEvent, leaves: int) -> None:
        order = self._happens(order_id, event)
        assert leaves == order.quantity - order.filled

    def _replaced(self, fact: OrderReplaced) -> None:
        order = self._happens(fact.order_id, OrderEvent.REPLACE)
        order.quantity, order.limit = fact.quantity, fact.limit_price
        assert fact.leaves_quantity == order.quantity - order.filled >= 0
        if fact.leaves_quantity == 0:
            self._happens(fact.order_id, OrderEvent.FILL)

    def _filled(self, fact: Fill) -> None:
        order, instrument = self.orders[fact.order_id], self.instruments[fact.symbol]
        assert fact.last_qty > 0
        assert (fact.account, fact.side) == (order.account, order.side)
        order.filled += fact.last_qty
        assert order.filled <= order.quantity, f"order {fact.order_id} is filled beyond its quantity"
        assert fact.leaves_quantity == order.quantity - order.filled
        if order.limit is not None:
            assert fact.last_px <= order.limit if fact.side > 0 else fact.last_px >= order.limit, "worse than the limit"
        self._happens(fact.order_id, OrderEvent.PARTIAL_FILL if fact.leaves_quantity else OrderEvent.FILL)
        assert fact.fee == instrument.fee(fact.last_px, fact.last_qty)
        signed = fact.last_qty * fact.side
        self.cash[fact.account] -= instrument.notional(fact.last_px, signed) + fact.fee
        key = (fact.account, fact.symbol)
        before = self.positions.get(key, 0)
        self.positions[key] = before + signed
        if order.reduces:
            assert abs(before + signed) == abs(before) - fact.last_qty, "an order that only reduces did more"

    def check(self, engine: Engine) -> None:
        """The engine's accounts and orders are those of the facts."""
        assert {name: account.cash for name, account in engine.accounts.items()} == self.cash
        for name, account in engine.accounts.items():
            told = [self.positions.get((name, i.symbol), 0) for i in engine.instruments]
            assert account.positions == told, f"{name} holds {account.positions}, the facts say {told}"
        working = {order_id: order for order_id, order in self.orders.items() if order.status not in TERMINAL}
        assert engine.orders.keys() == working.keys()
        for order_id, order in working.items():
            kept = engine.orders[order_id]
            assert (kept.status, kept.quantity, kept.filled) == (order.status, order.quantity, order.filled)
            assert kept.limit == order.limit or order.status == Status.SUBMITTED
