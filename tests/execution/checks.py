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
            assert which > 1 or own[slot, at.O_SIDE] == which, "a market order waits on the wrong side"
            here += 1
    for slot, (_, side, _) in found.items():
        if own[slot, at.O_INST] == k:
            assert own[slot, at.O_SIDE] == side
    stops = len(_walk(engine, int(inst[at.LISTS + 4]), int(inst[at.LISTS + 5])))
    assert inst[at.STOPS] == stops, f"{inst[at.STOPS]} stops counted, {stops} wait"
    assert inst[at.OWN_COUNT] == here, f"{inst[at.OWN_COUNT]} orders counted, {here} stand"


def _check_orders(engine: Engine, found: dict[int, tuple[str, int, int]]) -> None:
    own = engine._book.own
    slots = {order.slot for order in engine.orders.values()}
    assert slots == found.keys(), f"orders without a place: {slots - found.keys()}, places: {found.keys() - slots}"
    assert len(slots) == len(engine.orders) == engine._book.room[at.LIVE]
    free, slot = set(), int(engine._book.room[at.FREE])
    while slot:
        assert slot not in free, "the free slots run in a circle"
        free.add(slot)
        slot = int(own[slot, at.O_NEXT])
    assert not slots & free, "a slot is free and used"
    for order in engine.orders.values():
        row = own[order.slot]
        assert order.status not in TERMINAL
        assert 0 <= order.filled < order.quantity, f"{order.filled} of {order.quantity} filled, and it still works"
        assert row[at.O_LEAVES] == order.leaves, f"{row[at.O_LEAVES]} lots left in the kernel, {order.leaves} outside"
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
        for k in range(len(engine.instruments)):
            assert account.buying[k] == sum(o.leaves for o in mine if o.k == k and o.side > 0)
            assert account.selling[k] == sum(o.leaves for o in mine if o.k == k and o.side < 0)
        due = 0
        if account.limits.enabled:
            own = engine._book.own
            due = sum(reserve(engine.instruments[o.k], o.side, int(own[o.slot, at.O_WORST]), o.leaves) for o in mine)
            assert due == sum(int(own[o.slot, at.O_RESERVED]) for o in mine)
        assert account.reserved == due, f"{account.name}: reserved {account.reserved}, not {due}"
        if account.limits.enabled:
            assert account.cash >= account.reserved >= 0, f"{account.name}: {account.cash} < {account.reserved}"
            assert account.limits.allow_short or min(account.positions) >= 0, f"{account.name} is short"


def _check_nothing_waits_that_could_trade(engine: Engine, k: int) -> None:
    """In an open market of ticks, no participant's order stands across the feed or another participant's order."""
    book, inst = engine._book, engine._book.inst[k]
    if inst[at.BAR_NO] or inst[at.STATE] > at.S_OPEN:
        return
    base = int(inst[at.BASE])
    free = book.level[k, :, :, at.QTY] - book.level[k, :, :, at.TAKEN]
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
    type: OrderType
    quantity: int
    limit: int | None
    status: Status
    filled: int = 0


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
                case OrderAccepted():
                    assert fact.order_id not in self.orders
                    accepted = transition(transition(Status.INITIALIZED, OrderEvent.SUBMIT), OrderEvent.ACCEPT)
                    self.orders[fact.order_id] = Told(
                        fact.account, fact.side, fact.type, fact.quantity, fact.limit_price, accepted
                    )
                case OrderRejected():
                    assert fact.order_id not in self.orders
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
        self.positions[key] = self.positions.get(key, 0) + signed

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
            assert (kept.status, kept.quantity, kept.filled, kept.limit) == (
                order.status, order.quantity, order.filled, order.limit
            )  # fmt: skip
