"""What does the engine remember of an order while it works?"""

from __future__ import annotations

from vtrade.domain.orders import OrderType, Side, Status, TimeInForce
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
