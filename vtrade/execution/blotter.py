"""What became of every order? A projection of the facts, one record an order.

Rules: a record only repeats what facts say; its status follows ``TRANSITIONS``. An order is known by its account and
``client_order_id``; one that was denied has no order id. Quantity, prices and what has filled are on the grid of now:
a split puts a working order on a new one; the fills keep the ticks and lots of their time. What happened to the
instrument while an order worked (halts, auctions, corporate actions) stands beside its own facts, in ``around``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from vtrade.domain.actions import ActionKind
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import (
    ActionApplied,
    AuctionHeld,
    BandsMoved,
    CancelRejected,
    Fact,
    Fill,
    MarginChanged,
    Marked,
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderRejected,
    OrderReplaced,
    OrderSubmitted,
    OrderTerms,
    OrderTriggered,
    ReplaceRejected,
    RoomOpened,
    SessionChanged,
)  # fmt: skip
from vtrade.domain.orders import TERMINAL, OrderEvent, OrderType, Reason, Side, Status, TimeInForce, transition
from vtrade.domain.values import divide, from_micros

Key = tuple[str, str]

PLAIN: Final = OrderTerms()
"""The terms of an order that asks for nothing special."""


class Record:
    """One order as the facts tell it; ticks and lots, money in micro-units.

    Attributes
    ----------
    order_id : int
        0 where the order was denied.
    instrument : Instrument or None
        ``None`` where the symbol is unknown.
    quantity_units : float
        Quantity in whole units, as its owner wrote it.
    quantity, limit, stop : int or None
        On the instrument's grid; as written and off the grid for a denied order they are 0 and ``None``.
    terms : OrderTerms
        What it asks for beyond that.
    arrival : int
        Twice the price in ticks that the order met: the mid, the one side there was, or the mark, as on bars; 0 where
        there was none. On the grid of that moment, as are ``decision`` and ``mark``.
    decision : int
        Twice the mid when the order was sent, where that is known; else 0.
    mark : int
        Last price when the order came, or 0.
    filled : int
        Lots.
    notional : int
        Sum of ticks x lots over the fills.
    bands : BandsMoved or None
        The price bands that hold, or held when the order ended.
    facts : list of Fact
        Everything told about this order, in order.
    around : tuple of Fact
        What happened to its instrument, or to its account's margin, and bears on it.
    """

    __slots__ = (
        "account",
        "around",
        "arrival",
        "bands",
        "client_order_id",
        "decision",
        "detail",
        "facts",
        "fees",
        "filled",
        "fills",
        "instrument",
        "limit",
        "limit_price",
        "mark",
        "notional",
        "order_id",
        "quantity",
        "quantity_units",
        "reason",
        "side",
        "status",
        "stop",
        "stop_price",
        "symbol",
        "terms",
        "tif",
        "ts_ns",
        "type",
        "waiting",
    )  # fmt: skip

    def __init__(
        self, fact: OrderDenied | OrderSubmitted | OrderAccepted | OrderRejected, instrument: Instrument | None
    ) -> None:
        self.account = fact.account
        self.client_order_id = fact.client_order_id
        self.symbol = fact.symbol
        self.side: Side = fact.side
        self.type: OrderType = fact.type
        self.tif: TimeInForce = fact.time_in_force
        self.ts_ns = fact.ts_ns
        self.instrument = instrument
        self.terms = PLAIN
        self.arrival = 0
        self.decision = 0
        self.mark = 0
        self.order_id = 0
        self.quantity = 0
        self.quantity_units = 0.0
        self.limit: int | None = None
        self.stop: int | None = None
        self.limit_price: float | None = None
        self.stop_price: float | None = None
        self.filled = 0
        self.notional = 0
        self.fees = 0
        self.reason = Reason.NONE
        self.detail = ""
        self.waiting = Reason.NONE
        self.status = Status.INITIALIZED if isinstance(fact, OrderDenied) else Status.SUBMITTED
        self.bands: BandsMoved | None = None
        self.fills: list[Fill] = []
        self.facts: list[Fact] = []
        self.around: tuple[Fact, ...] = ()
        if isinstance(fact, OrderSubmitted):
            self.order_id = fact.order_id
            self.terms = fact.terms or PLAIN
            self.decision = fact.bid + fact.ask if fact.bid and fact.ask else 0
            self._on_grid(fact.quantity, fact.limit_price, fact.stop_price)
            self.waiting = Reason.WAITING_IN_FLIGHT
            self.facts.append(fact)
        elif isinstance(fact, OrderDenied):
            self.facts.append(fact)
            self._as_written(fact)
            self._step(OrderEvent.DENY)
            self.reason, self.detail = fact.reason, fact.detail
        else:
            self.arrived(fact)

    def arrived(self, fact: OrderAccepted | OrderRejected) -> None:
        """The order reached the venue, which took or refused it."""
        self.facts.append(fact)
        if self.instrument is None:
            self._as_written(fact)
        else:
            self.type, self.tif, self.order_id = fact.type, fact.time_in_force, fact.order_id
            self._on_grid(fact.quantity, fact.limit_price, fact.stop_price)
        if isinstance(fact, OrderAccepted):
            self._step(OrderEvent.ACCEPT)
            self.terms = fact.terms or PLAIN
            self.waiting = fact.waiting
        else:
            self._step(OrderEvent.REJECT)
            self.reason, self.detail, self.waiting = fact.reason, fact.detail, Reason.NONE

    def _as_written(self, fact: OrderDenied | OrderAccepted | OrderRejected) -> None:
        """What an order asks for in micro-units, where there is no grid to put it on."""
        self.quantity_units = from_micros(fact.quantity)
        self.limit_price = None if fact.limit_price is None else from_micros(fact.limit_price)
        self.stop_price = None if fact.stop_price is None else from_micros(fact.stop_price)

    def _on_grid(self, quantity: int, limit: int | None, stop: int | None) -> None:
        self.quantity, self.limit, self.stop = quantity, limit, stop
        if self.instrument is None:
            return
        self.quantity_units = self.instrument.quantity(quantity)
        self.limit_price = None if limit is None else self.instrument.price(limit)
        self.stop_price = None if stop is None else self.instrument.price(stop)

    def _step(self, event: OrderEvent) -> None:
        self.status = transition(self.status, event)

    @property
    def leaves(self) -> int:
        """Lots that may still fill; 0 once the order is final."""
        return 0 if self.status in TERMINAL else self.quantity - self.filled

    @property
    def working(self) -> bool:
        """Whether the order is in the market, or on its way there."""
        return self.status not in TERMINAL

    @property
    def avg_px(self) -> float | None:
        """Average fill price in money units."""
        if not self.filled or self.instrument is None:
            return None
        return self.notional * self.instrument.tick_size / self.filled / 1e6

    @property
    def filled_units(self) -> float:
        """Filled quantity in whole units."""
        return self.instrument.quantity(self.filled) if self.instrument else 0.0

    @property
    def history(self) -> list[Fact]:
        """Its own facts and those around it, in the order in which they happened."""
        return sorted([*self.facts, *self.around], key=lambda fact: fact.seq) if self.around else self.facts

    def add(self, fact: Any) -> None:
        """Take in one more fact about this order."""
        self.facts.append(fact)
        match fact:
            case Fill():
                self.fills.append(fact)
                self.filled += fact.last_qty
                self.notional += fact.last_px * fact.last_qty
                self.fees += fact.fee
                self._step(OrderEvent.PARTIAL_FILL if fact.leaves_quantity else OrderEvent.FILL)
                if not fact.leaves_quantity:
                    self.waiting = Reason.NONE
            case OrderTriggered():
                self._step(OrderEvent.TRIGGER)
                self.waiting = fact.waiting
                if fact.stop_price != self.stop:  # a trailing one, which has moved till now
                    self._on_grid(self.quantity, self.limit, fact.stop_price)
            case OrderReplaced():
                self._step(OrderEvent.REPLACE)
                self.waiting = fact.waiting
                self._on_grid(fact.quantity, fact.limit_price, fact.stop_price)
                if fact.reason == Reason.CORPORATE_ACTION:
                    self.filled = fact.quantity - fact.leaves_quantity
                if not fact.leaves_quantity and self.filled == self.quantity:
                    self._step(OrderEvent.FILL)
            case OrderCanceled():
                self._step(OrderEvent.CANCEL)
                self.reason, self.detail, self.waiting = fact.reason, fact.detail, Reason.NONE
            case OrderExpired():
                self._step(OrderEvent.EXPIRE)
                self.reason, self.waiting = fact.reason, Reason.NONE
            case _:
                pass


class Blotter:
    """All orders of a room, in the order in which they came."""

    def __init__(self) -> None:
        self.records: dict[Key, Record] = {}
        self._by_order_id: dict[int, Record] = {}
        self._working: dict[str, dict[int, Record]] = {}
        self._instruments: dict[str, Instrument] = {}
        self._marks: dict[str, int] = {}
        self._bands: dict[str, BandsMoved] = {}
        self._margins: dict[str, MarginChanged] = {}

    def apply(self, facts: Iterable[Fact]) -> None:
        """Fold facts, in order."""
        for fact in facts:
            match fact:
                case Fill() | OrderTriggered() | OrderReplaced() | OrderCanceled() | OrderExpired():
                    record = self._by_order_id[fact.order_id]
                    record.add(fact)
                    if not record.working:
                        self._ended(record)
                    if isinstance(fact, Fill):
                        self._marks.setdefault(fact.symbol, fact.last_px)
                case OrderSubmitted() | OrderAccepted() | OrderRejected() | OrderDenied():
                    self._order(fact)
                case CancelRejected() | ReplaceRejected():
                    known = self.records.get((fact.account, fact.client_order_id))
                    if known is not None:
                        known.facts.append(fact)
                case Marked():
                    symbols = list(self._instruments)
                    self._marks.update((symbols[k], px) for k, px in fact.marks)
                case SessionChanged() | AuctionHeld() | BandsMoved() | ActionApplied():
                    self._instrument(fact)
                case MarginChanged():
                    self._margins[fact.account] = fact
                case RoomOpened():
                    self._instruments = {i.symbol: i for i in fact.instruments}
                case _:
                    pass

    def _order(self, fact: OrderSubmitted | OrderAccepted | OrderRejected | OrderDenied) -> None:
        """An order came, or reached the venue."""
        key = (fact.account, fact.client_order_id)
        record = self.records.get(key)
        if record is None:
            record = self.records[key] = Record(fact, self._instruments.get(fact.symbol))
            if record.order_id:
                self._by_order_id[record.order_id] = record
        elif isinstance(fact, OrderAccepted | OrderRejected) and fact.order_id == record.order_id:
            record.arrived(fact)
        else:
            record.facts.append(fact)  # a second order under the same id was denied
            return
        if isinstance(fact, OrderAccepted):
            record.mark = self._marks.get(fact.symbol, 0)
            one = fact.bid or fact.ask or record.mark
            record.arrival = fact.bid + fact.ask if fact.bid and fact.ask else 2 * one
            margin = self._margins.get(fact.account)
            if margin is not None and margin.ts_ns == fact.ts_ns:
                record.around += (margin,)
        if record.working:
            record.bands = self._bands.get(record.symbol)
            self._working.setdefault(record.symbol, {})[record.order_id] = record
        else:
            self._ended(record)

    def _ended(self, record: Record) -> None:
        self._working.get(record.symbol, {}).pop(record.order_id, None)

    def _instrument(self, fact: SessionChanged | AuctionHeld | BandsMoved | ActionApplied) -> None:
        """Something happened to an instrument: its working orders hear of it."""
        working = self._working.get(fact.symbol, {})
        if isinstance(fact, BandsMoved):
            self._bands[fact.symbol] = fact
            for record in working.values():
                record.bands = fact
            return
        for record in working.values():
            record.around += (fact,)
        if not isinstance(fact, ActionApplied):
            return
        if fact.kind == ActionKind.SPLIT and fact.symbol in self._marks:
            self._marks[fact.symbol] = divide(self._marks[fact.symbol] * fact.denominator, fact.numerator)
        if fact.kind == ActionKind.RENAME and fact.symbol in self._instruments:
            self._renamed(fact.symbol, fact.new_symbol)

    def _renamed(self, old: str, new: str) -> None:
        instrument = msgspec.structs.replace(self._instruments[old], symbol=new)
        # marks name instruments by their number, so the order stays
        self._instruments = {i.symbol: i for i in (instrument if s == old else i for s, i in self._instruments.items())}
        tables: tuple[dict[str, Any], ...] = self._marks, self._bands, self._working
        for table in tables:
            if old in table:
                table[new] = table.pop(old)
        for record in self._working.get(new, {}).values():
            record.symbol, record.instrument = new, instrument

    def find(self, account: str, order: int | str) -> Record | None:
        """An account's order by order id or ``client_order_id``."""
        if isinstance(order, int):
            record = self._by_order_id.get(order)
            return record if record is not None and record.account == account else None
        return self.records.get((account, order))

    def numbered(self, order_id: int) -> Record | None:
        """Anybody's order by its number."""
        return self._by_order_id.get(order_id)

    def of(self, account: str) -> list[Record]:
        """An account's orders, oldest first."""
        return [record for (owner, _), record in self.records.items() if owner == account]
