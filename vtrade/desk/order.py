"""What does a notebook hold of one order? A handle that always tells the order as it is now."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final

from vtrade.domain import display
from vtrade.domain.orders import OrderType, Status, TimeInForce
from vtrade.domain.values import Number, from_micros
from vtrade.errors import DeskError
from vtrade.execution.explain import Explanation, describe, units_text

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.execution.blotter import Blotter, Record
    from vtrade.tutor.answer import Answer


DIGITS_MAX: Final = 18


def order_number(order: object) -> int | None:
    """The venue's number that ``3``, ``"3"`` or ``"#3"`` names, ``None`` where it is none."""
    if isinstance(order, str):
        digits = order.removeprefix("#")
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= DIGITS_MAX else None
    try:
        return operator.index(order)  # type: ignore[arg-type]
    except TypeError:
        return None


def find_record(blotter: Blotter, account: str, order: object) -> Record | None:
    """An account's order by its own name, or by the venue's number in any form; its name comes first."""
    record = blotter.find(account, order) if isinstance(order, str) else None
    number = order_number(order)
    if record is None and number is not None:
        record = blotter.find(account, number)
    return record


def terms_of(desk: Desk, record: Record) -> dict[str, Any]:
    """What an order asks for beyond type, quantity and prices, in whole units; only what it does ask for."""
    terms, i = record.terms, record.instrument
    if i is None:
        return {}
    told = {
        "post_only": terms.post_only, "reduce_only": terms.reduce_only, "display": i.quantity(terms.display_quantity),
        "trail": i.price(terms.trail), "trail_bps": terms.trail_ppm / 100,
        "good_till": desk._time(terms.expire_ns) if terms.expire_ns else "", "oco": terms.oco, "parent": terms.parent,
    }  # fmt: skip
    return {name: value for name, value in told.items() if value}


def in_short(order: Order) -> str:
    """An order and how it stands, without its name and its reason.

    Examples
    --------
    >>> import vtrade as vt
    >>> desk = vt.Desk(vt.synthetic(7, symbols=["ACME"], minutes=1))
    >>> in_short(desk.buy("ACME", 100, limit=170))
    'buy 100 ACME limit 170.00: ACCEPTED'
    >>> desk.close_desk()
    """
    r = order._record
    return f"{describe(r).removeprefix(f'#{r.order_id} ').removeprefix(f'{r.client_order_id} ')}: {r.status}"


def cells_of(order: Order) -> dict[str, str]:
    """What a page shows of an order, by name; numbers with their units."""
    r = order._record
    currency = r.instrument.currency if r.instrument else ""
    return {
        "order": describe(r), "filled": f"{units_text(r.filled_units)} of {units_text(r.quantity_units)}",
        "average price": f"{display.number(r.avg_px, 4)} {currency}".strip() if r.filled else "",
        "fees": f"{display.number(from_micros(r.fees))} {currency}".strip(),
        "status": str(r.status).replace("_", " ").lower(), "why": order._desk._reason(r),
    }  # fmt: skip


class Order:
    """One order of a desk; quantities in units, prices and money in whole units."""

    def __init__(self, desk: Desk, client_order_id: str) -> None:
        self._desk = desk
        self.client_order_id = client_order_id

    @property
    def _record(self) -> Record:
        return self._desk._record(self.client_order_id)

    @property
    def id(self) -> int | None:
        """The venue's number, ``None`` where the order was denied."""
        return self._record.order_id or None

    @property
    def status(self) -> Status:
        """Where the order stands."""
        return self._record.status

    @property
    def working(self) -> bool:
        """Whether it is still in the market."""
        return self._record.working

    @property
    def symbol(self) -> str:
        """What it trades."""
        return self._record.symbol

    @property
    def side(self) -> str:
        """``"buy"`` or ``"sell"``."""
        return self._record.side.name.lower()

    @property
    def quantity(self) -> float:
        """Units asked for."""
        return self._record.quantity_units

    @property
    def type(self) -> OrderType:
        """How its price is decided."""
        return self._record.type

    @property
    def time_in_force(self) -> TimeInForce:
        """How long it lives."""
        return self._record.tif

    @property
    def instructions(self) -> dict[str, Any]:
        """What else it asks for: ``post_only``, ``display``, ``trail``, ``good_till``, ``oco``, ``parent``, ..."""
        return terms_of(self._desk, self._record)

    @property
    def limit_price(self) -> float | None:
        """Worst price, ``None`` for an order at market."""
        return self._record.limit_price

    @property
    def stop_price(self) -> float | None:
        """Price at which a stop wakes up, ``None`` for other orders; that of a trailing stop moves."""
        return self._desk._stop_price(self._record)

    @property
    def filled_quantity(self) -> float:
        """Units filled."""
        return self._record.filled_units

    @property
    def leaves_quantity(self) -> float:
        """Units that may still fill."""
        record = self._record
        return record.instrument.quantity(record.leaves) if record.instrument else 0.0

    @property
    def avg_px(self) -> float | None:
        """Average fill price."""
        return self._record.avg_px

    @property
    def fees(self) -> float:
        """Fees so far."""
        return from_micros(self._record.fees)

    @property
    def reason(self) -> str:
        """Why it ended without filling, or why it waits."""
        return self._desk._reason(self._record)

    def explain(self) -> Explanation:
        """Why it filled, waits or failed, and what it cost; from the recorded facts."""
        story = self._desk._explain(self._record)
        if not self._desk.closed:
            self._desk.record("explanation_read", subject=self.client_order_id)
        return story

    def review(self) -> Answer:
        """The tutor's review: what happened, what it cost, what to think about; goes on the record."""
        return self._desk._review(self)

    def cancel(self) -> Order:
        """Take the rest out of the market."""
        self._desk.cancel(self)
        return self

    def replace(
        self, *, quantity: Number | None = None, limit: Number | None = None, stop: Number | None = None
    ) -> Order:
        """Change the terms; fewer keeps the place in the queue, anything else goes to the back."""
        self._desk.replace(self, quantity=quantity, limit=limit, stop=stop)
        return self

    def __repr__(self) -> str:
        try:
            r = self._record
        except DeskError:
            return f"Order {self.client_order_id}: not on this desk any more: it was rewound"
        filled = f", {units_text(r.filled_units)} filled at {r.avg_px:.4f}" if r.filled else ""
        reason = self._desk._reason(r)
        why = f", {reason}" if r.status != Status.FILLED and reason else ""
        return f"Order {describe(r)}: {r.status}{filled}{why}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        try:
            cells = cells_of(self)
        except DeskError:
            return {"text/plain": repr(self)}
        title = f"Order {cells.pop('order')}"
        return {"text/plain": repr(self), "text/html": display.html([display.facts(cells, title=title)])}
