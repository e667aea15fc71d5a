"""What became of every order? A projection of the facts, one record an order.

Rules: a record only repeats what facts say; its status follows ``TRANSITIONS``. An order is known by its account and
``client_order_id``; one that was denied has no order id.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import (
    CancelRejected,
    Fact,
    Fill,
    Marked,
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderRejected,
    OrderReplaced,
    OrderTriggered,
    ReplaceRejected,
    RoomOpened,
)  # fmt: skip
from vtrade.domain.orders import TERMINAL, OrderEvent, OrderType, Reason, Side, Status, TimeInForce, transition
from vtrade.domain.values import from_micros

Key = tuple[str, str]


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
    arrival : int
        Twice the price in ticks that the order met: the mid, the one side there was, or the mark, as on bars; 0 where
        there was none.
    notional : int
        Sum of ticks x lots over the fills.
    facts : list of Fact
        Everything told about this order, in order.
    """

    __slots__ = (
        "account",
        "arrival",
        "client_order_id",
        "detail",
        "facts",
        "fees",
        "filled",
        "fills",
        "instrument",
        "limit",
        "limit_price",
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
        "tif",
        "ts_ns",
        "type",
        "waiting",
    )  # fmt: skip

    def __init__(self, fact: OrderDenied | OrderAccepted | OrderRejected, instrument: Instrument | None) -> None:
        self.account = fact.account
        self.client_order_id = fact.client_order_id
        self.symbol = fact.symbol
        self.side: Side = fact.side
        self.type: OrderType = fact.type
        self.tif: TimeInForce = fact.time_in_force
        self.ts_ns = fact.ts_ns
        self.instrument = instrument
        self.arrival = 0
        self.order_id = 0
        self.quantity = 0
        self.limit: int | None = None
        self.stop: int | None = None
        self.filled = 0
        self.notional = 0
        self.fees = 0
        self.reason = Reason.NONE
        self.detail = ""
        self.waiting = Reason.NONE
        self.fills: list[Fill] = []
        self.facts: list[Fact] = [fact]
        if isinstance(fact, OrderDenied) or instrument is None:
            self.quantity_units = from_micros(fact.quantity)
            self.limit_price = None if fact.limit_price is None else from_micros(fact.limit_price)
            self.stop_price = None if fact.stop_price is None else from_micros(fact.stop_price)
        else:
            self.order_id = fact.order_id
            self.quantity, self.limit, self.stop = fact.quantity, fact.limit_price, fact.stop_price
            self._in_units()
        if isinstance(fact, OrderAccepted):
            self.status = Status.ACCEPTED
            self.waiting = fact.waiting
        else:
            self.status = Status.DENIED if isinstance(fact, OrderDenied) else Status.REJECTED
            self.reason, self.detail = fact.reason, fact.detail

    def _in_units(self) -> None:
        assert self.instrument is not None
        self.quantity_units = self.instrument.quantity(self.quantity)
        self.limit_price = None if self.limit is None else self.instrument.price(self.limit)
        self.stop_price = None if self.stop is None else self.instrument.price(self.stop)

    @property
    def leaves(self) -> int:
        """Lots that may still fill; 0 once the order is final."""
        return 0 if self.status in TERMINAL else self.quantity - self.filled

    @property
    def working(self) -> bool:
        """Whether the order is in the market."""
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

    def add(self, fact: Any) -> None:
        """Take in one more fact about this order."""
        self.facts.append(fact)
        match fact:
            case Fill():
                self.fills.append(fact)
                self.filled += fact.last_qty
                self.notional += fact.last_px * fact.last_qty
                self.fees += fact.fee
                event = OrderEvent.PARTIAL_FILL if fact.leaves_quantity else OrderEvent.FILL
                self.status = transition(self.status, event)
                if not fact.leaves_quantity:
                    self.waiting = Reason.NONE
            case OrderTriggered():
                self.status = transition(self.status, OrderEvent.TRIGGER)
                self.waiting = fact.waiting
            case OrderReplaced():
                self.status = transition(self.status, OrderEvent.REPLACE)
                self.quantity, self.limit, self.stop = fact.quantity, fact.limit_price, fact.stop_price
                self.waiting = fact.waiting
                self._in_units()
                if not fact.leaves_quantity and self.filled == self.quantity:
                    self.status = transition(self.status, OrderEvent.FILL)
            case OrderCanceled():
                self.status = transition(self.status, OrderEvent.CANCEL)
                self.reason, self.detail, self.waiting = fact.reason, fact.detail, Reason.NONE
            case OrderExpired():
                self.status = transition(self.status, OrderEvent.EXPIRE)
                self.reason, self.waiting = fact.reason, Reason.NONE
            case _:
                pass


class Blotter:
    """All orders of a room, in the order in which they came."""

    def __init__(self) -> None:
        self.records: dict[Key, Record] = {}
        self._by_order_id: dict[int, Record] = {}
        self._instruments: dict[str, Instrument] = {}
        self._marks: dict[str, int] = {}

    def apply(self, facts: Iterable[Fact]) -> None:
        """Fold facts, in order."""
        for fact in facts:
            match fact:
                case Fill() | OrderTriggered() | OrderReplaced() | OrderCanceled() | OrderExpired():
                    self._by_order_id[fact.order_id].add(fact)
                    if isinstance(fact, Fill):
                        self._marks.setdefault(fact.symbol, fact.last_px)
                case OrderAccepted() | OrderRejected() | OrderDenied():
                    key = (fact.account, fact.client_order_id)
                    if key in self.records:
                        self.records[key].facts.append(fact)  # a second order under the same id was denied
                        continue
                    record = Record(fact, self._instruments.get(fact.symbol))
                    self.records[key] = record
                    if isinstance(fact, OrderAccepted):
                        one = fact.bid or fact.ask or self._marks.get(fact.symbol, 0)
                        record.arrival = fact.bid + fact.ask if fact.bid and fact.ask else 2 * one
                    if record.order_id:
                        self._by_order_id[record.order_id] = record
                case CancelRejected() | ReplaceRejected():
                    known = self.records.get((fact.account, fact.client_order_id))
                    if known is not None:
                        known.facts.append(fact)
                case Marked():
                    symbols = list(self._instruments)
                    self._marks.update((symbols[k], px) for k, px in fact.marks)
                case RoomOpened():
                    self._instruments = {i.symbol: i for i in fact.instruments}
                case _:
                    pass

    def find(self, account: str, order: int | str) -> Record | None:
        """An account's order by order id or ``client_order_id``."""
        if isinstance(order, int):
            record = self._by_order_id.get(order)
            return record if record is not None and record.account == account else None
        return self.records.get((account, order))

    def of(self, account: str) -> list[Record]:
        """An account's orders, oldest first."""
        return [record for (owner, _), record in self.records.items() if owner == account]
