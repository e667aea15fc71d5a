"""How does what the kernel told about an order become a fact?

Rules: one row, one fact (a first fill may mark its instrument too); the order itself follows the transitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vtrade.domain import messages as msg
from vtrade.domain.orders import Liquidity, OrderEvent, Reason, transition
from vtrade.execution import codes
from vtrade.execution import layout as at
from vtrade.execution.working import Working

if TYPE_CHECKING:
    from vtrade.execution.engine import Engine


def told(engine: Engine, order: Working, row: list[int]) -> None:
    """What happened to an order, other than a fill."""
    what = row[at.X_WHAT]
    head = (engine.next_seq(), row[at.X_TS], order.account.name, order.client_order_id, order.order_id,
            engine.instruments[order.k].symbol)  # fmt: skip
    if what == at.ACCEPTED:
        order.status = transition(order.status, OrderEvent.ACCEPT)
        engine.tell(
            msg.OrderAccepted(
                *head, order.side, order.type, order.quantity, order.limit, order.stop, order.tif, row[at.X_BID],
                row[at.X_BID_SIZE], row[at.X_ASK], row[at.X_ASK_SIZE], row[at.X_AHEAD],
                codes.WAITS[row[at.X_WAIT]], order.terms,
            )
        )  # fmt: skip
    elif what == at.REJECTED:
        reason, detail = codes.REJECTS[row[at.X_CAUSE]]
        engine.ended(order, OrderEvent.REJECT)
        engine.tell(
            msg.OrderRejected(
                *head, order.side, order.type, order.quantity, order.limit, order.stop, order.tif, reason,
                detail.format(tif=order.tif),
            )
        )  # fmt: skip
    elif what == at.TRIGGERED:
        order.status = transition(order.status, OrderEvent.TRIGGER)
        waiting = codes.WAITS[row[at.X_EV_QTY]]
        engine.tell(msg.OrderTriggered(*head, row[at.X_CONTRA], row[at.X_PX], row[at.X_BID], row[at.X_ASK], waiting))
    elif what == at.RESIZED:
        order.quantity = row[at.X_QUANTITY]
        order.status = transition(order.status, OrderEvent.REPLACE)
        engine.tell(
            msg.OrderReplaced(
                *head, order.quantity, order.limit, order.stop, row[at.X_LEAVES],
                bool(row[at.X_TAKER]) or row[at.X_CAUSE] > 0, row[at.X_AHEAD], codes.WAITS[row[at.X_WAIT]],
                codes.RESIZES[row[at.X_CAUSE]],
            )
        )  # fmt: skip
        if order.leaves == 0:
            engine.ended(order, OrderEvent.FILL)
    elif what == at.CANCELED:
        engine.tell(msg.OrderCanceled(*head, order.leaves, *codes.CANCELS[row[at.X_CAUSE]]))
        engine.ended(order, OrderEvent.CANCEL)
    else:
        reason = Reason.NO_AUCTION_FILL if row[at.X_CAUSE] else Reason.END_OF_DAY
        engine.tell(msg.OrderExpired(*head, order.leaves, reason))
        engine.ended(order, OrderEvent.EXPIRE)


def filled(engine: Engine, order: Working, row: list[int]) -> None:
    """A fill; its money is settled already."""
    k = order.k
    px, qty = row[at.X_PX], row[at.X_QTY]
    order.filled += qty
    leaves = row[at.X_LEAVES]
    engine.tell(
        msg.Fill(
            engine.next_seq(), row[at.X_TS], order.account.name, order.client_order_id, order.order_id,
            engine.instruments[k].symbol, order.side, px, qty, row[at.X_FEE],
            Liquidity.TAKER if row[at.X_TAKER] else Liquidity.MAKER, leaves, at.CAUSES[row[at.X_CAUSE]],
            row[at.X_BID], row[at.X_ASK], row[at.X_EV_PX], row[at.X_EV_QTY], row[at.X_CONTRA], row[at.X_IMPACT],
        )
    )  # fmt: skip
    if leaves:
        order.status = transition(order.status, OrderEvent.PARTIAL_FILL)
    else:
        engine.ended(order, OrderEvent.FILL)
    if not engine._book.inst[k, at.MARK]:  # no print and no two sides yet: a position is never worth nothing
        engine._book.inst[k, at.MARK] = px
        engine.tell(msg.Marked(engine.next_seq(), row[at.X_TS], ((k, px),)))
    engine.venue.sold(engine, order, px, qty)
