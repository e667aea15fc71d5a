"""What does the engine remember of an order while it works?"""

from __future__ import annotations

from vtrade.domain.messages import OrderTerms
from vtrade.domain.orders import OrderType, Side, Status, TimeInForce
from vtrade.execution import layout as at
from vtrade.execution.risk import Account


class Working:
    """One order as the engine carries it; facts tell everybody else, and the kernel counts in its row ``slot``."""

    __slots__ = ("account", "client_order_id", "filled", "k", "limit", "order_id", "quantity", "side", "slot", "status",
                 "stop", "terms", "tif", "type")  # fmt: skip

    def __init__(
        self, order_id: int, account: Account, client_order_id: str, k: int, side: Side, type_: OrderType,
        tif: TimeInForce, quantity: int, limit: int | None, stop: int | None, terms: OrderTerms | None,
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
        self.terms = terms
        self.filled = 0
        self.slot = 0
        self.status = Status.SUBMITTED

    @property
    def leaves(self) -> int:
        """Lots still to fill."""
        return self.quantity - self.filled


def in_order(rows: list[list[int]]) -> list[list[int]]:
    """A close expires orders slot by slot, and slots are no state: tell them in the order in which they came."""
    ordered: list[list[int]] = []
    expired: list[list[int]] = []
    for row in rows:
        if row[at.X_WHAT] == at.EXPIRED:
            expired.append(row)
            continue
        ordered += sorted(expired, key=_came)
        expired = []
        ordered.append(row)
    return ordered + sorted(expired, key=_came)


def _came(row: list[int]) -> int:
    return row[at.X_ID]
