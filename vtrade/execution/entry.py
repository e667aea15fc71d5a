"""How does an order whose words are in order become a row of the kernel?

Rules: everything is measured first and nothing is changed by a refusal. A child names a parent that works on the other
side of the same instrument; it then only reduces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vtrade.domain import messages as msg
from vtrade.domain.orders import Reason, Status
from vtrade.domain.values import MICRO, divide
from vtrade.execution import codes, risk
from vtrade.execution import layout as at
from vtrade.execution.agenda import Errand
from vtrade.execution.risk import Account
from vtrade.execution.working import Working

if TYPE_CHECKING:
    from vtrade.execution.engine import Engine

_SENT: Final = [
    at.O_LEAVES, at.O_SHOWN, at.O_LIMIT, at.O_SIDE, at.O_INST, at.O_ACCOUNT, at.O_ID, at.O_TYPE, at.O_TIF, at.O_STOP,
    at.O_DISPLAY, at.O_FLAGS, at.O_TRAIL, at.O_TRAIL_PPM, at.O_QUANTITY, at.O_GROUP, at.O_PARENT, at.O_MARK,
]  # fmt: skip
_NO_TERMS: Final = msg.OrderTerms()


def send(engine: Engine, account: Account, m: msg.SubmitOrder) -> risk.Refusal | None:
    """Send an order whose terms are in order; the refusal where its price or the account's money forbid it."""
    k = engine._index[m.symbol]
    instrument = engine.instruments[k]
    tick, lot = instrument.tick_size, instrument.lot_size
    limit = None if m.limit_price is None else m.limit_price // tick
    stop = None if m.stop_price is None else m.stop_price // tick
    reference = engine._reference(k, m.side)
    refusal = engine._price_refusal(k, limit, stop, reference)
    if refusal is not None:
        return refusal
    if account.limits.enabled and not (reference or limit or stop):
        return Reason.NO_REFERENCE_PRICE, "there is no price yet to measure the order by; use a limit order or wait"
    parent, filled = 0, 0
    if m.parent:
        parent, filled, refusal = _parent(engine, account, m)
        if refusal is not None:
            return refusal
    terms = _terms(m, tick, lot)
    lots = m.quantity // lot
    starts = stop
    if terms is not None and reference and (terms.trail or terms.trail_ppm):
        starts = max(1, reference + m.side * max(1, terms.trail, divide(reference * terms.trail_ppm, MICRO)))
    worst = risk.worst_price(account.limits, m.side, limit, starts, reference)
    kind = codes.TYPES[m.type]
    flags = (at.POST_ONLY if m.post_only else 0) | (at.REDUCE_ONLY if m.reduce_only or m.parent else 0)
    row = engine._row
    row[:] = 0
    row[_SENT] = (
        lots, lots, limit if limit is not None else (worst if kind == at.MARKET else 0), 0 if m.side > 0 else 1, k,
        account.index, engine.next_order_id, kind, codes.TIFS[m.time_in_force], stop or 0,
        terms.display_quantity if terms else 0, flags, terms.trail if terms else 0, terms.trail_ppm if terms else 0,
        lots, _group(engine, account, m.oco), parent, filled,
    )  # fmt: skip
    engine._make_room(k)
    if engine._book.own.shape[0] <= engine._book.room[at.SLOTS]:
        engine._book = engine._book._replace(own=at.grown(engine._book.own, engine._book.own.shape[0] + 1))
        engine._fit_rings()
    order = Working(
        engine.next_order_id, account, m.client_order_id, k, m.side, m.type, m.time_in_force, lots, limit, stop, terms
    )
    due = engine.venue.due(engine, account, order.order_id)
    code = engine._kernel.submit(
        engine._book, row, worst, reference or limit or stop or 0, engine.now, int(due > engine.now)
    )
    if code > 0:
        return risk.in_words(engine, code, k, account)
    engine.next_order_id += 1
    order.slot = -code
    engine.orders[order.order_id] = order
    account.ids[m.client_order_id] = order
    if parent > 0:
        engine._book.own[engine.orders[parent].slot, at.O_FAMILY] = 1
    if due > engine.now and not parent:
        engine.agenda.add(Errand(due, "land", order_id=order.order_id))
        bid, _, ask, _ = engine.touch(k)
        engine.tell(
            msg.OrderSubmitted(
                engine.next_seq(), engine.now, account.name, m.client_order_id, order.order_id, m.symbol, m.side, lots,
                due, m.type, limit, stop, m.time_in_force, bid, ask, terms,
            )
        )  # fmt: skip
    if terms is not None and terms.expire_ns:
        engine.agenda.add(Errand(terms.expire_ns, "expire", order_id=order.order_id))
    engine._drain()
    return None


def _terms(m: msg.SubmitOrder, tick: int, lot: int) -> msg.OrderTerms | None:
    """What an order asks for beyond the usual, ``None`` for nothing."""
    terms = msg.OrderTerms(
        m.post_only, m.reduce_only, (m.display_quantity or 0) // lot, (m.trail or 0) // tick, m.trail_ppm or 0,
        m.expire_ns or 0, m.oco, m.parent,
    )  # fmt: skip
    return None if terms == _NO_TERMS else terms


def _group(engine: Engine, account: Account, name: str) -> int:
    """Number of a one-cancels-other group."""
    if not name:
        return 0
    if name not in account.groups:
        account.groups[name] = engine.next_group
        engine.next_group += 1
    return account.groups[name]


def _parent(engine: Engine, account: Account, m: msg.SubmitOrder) -> tuple[int, int, risk.Refusal | None]:
    """The parent's order id and filled lots."""
    parent = account.ids.get(m.parent)
    if parent == Status.FILLED:
        return 0, 0, None  # it has nothing more to bring to life: the child works at once
    if not isinstance(parent, Working):
        state_of = f"is {parent} already" if parent is not None else "is not known"
        return 0, 0, (Reason.UNKNOWN_PARENT, f"parent {m.parent!r} {state_of}; name an order that works")
    if engine.instruments[parent.k].symbol != m.symbol or parent.side == m.side:
        return 0, 0, (Reason.UNKNOWN_PARENT, f"parent {m.parent!r} must be on the other side of {m.symbol}")
    return parent.order_id, parent.filled, None
