"""What does the engine remember of an order while it works?"""

from __future__ import annotations

from vtrade.domain.orders import OrderType, Side, Status, TimeInForce
from vtrade.execution import layout as at
from vtrade.execution.risk import Account


class Working:
    """One order as the engine carries it; facts tell everybody else."""

    __slots__ = ("account", "client_order_id", "filled", "k", "limit", "order_id", "quantity", "reserved", "side",
                 "slot", "status", "stop", "tif", "type", "worst")  # fmt: skip

    def __init__(
        self, order_id: int, account: Account, client_order_id: str, k: int, side: Side, type_: OrderType,
        tif: TimeInForce, quantity: int, limit: int | None, stop: int | None, worst: int,
    ) -> None:  # fmt: skip
        self.order_id = order_id
        self.account = account
        self.client_order_id = client_order_id
        self.k = k
        self.side = side
        self.type = type_
        self.tif = tif
        self.quantity = quantity
        self.limit = limit
        self.stop = stop
        self.worst = worst
        self.filled = 0
        self.reserved = 0
        self.slot = 0
        self.status = Status.SUBMITTED

    @property
    def leaves(self) -> int:
        """Lots still to fill."""
        return self.quantity - self.filled


def in_order(rows: list[list[int]], by_slot: list[Working | None]) -> list[list[int]]:
    """A close expires orders slot by slot, and slots are no state: tell them in the order in which they came."""

    def came(row: list[int]) -> int:
        order = by_slot[row[at.X_SLOT]]
        return order.order_id if order else 0

    ordered: list[list[int]] = []
    expired: list[list[int]] = []
    for row in rows:
        if row[at.X_WHAT] == at.EXPIRED:
            expired.append(row)
            continue
        ordered += sorted(expired, key=came)
        expired = []
        ordered.append(row)
    return ordered + sorted(expired, key=came)
