"""What does a replace ask for, on the instrument's grid, and can it be asked at all?"""

from __future__ import annotations

from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import ReplaceOrder
from vtrade.domain.orders import Reason
from vtrade.domain.values import plain_micros
from vtrade.execution.risk import SLICES_MAX, Refusal, grid_refusal
from vtrade.execution.working import Working

Terms = tuple[int, int | None, int | None]
"""Quantity in lots, limit and stop price in ticks."""


def new_terms(
    order: Working, m: ReplaceOrder, instrument: Instrument, *, triggered: bool
) -> tuple[Terms, Refusal | None]:
    """The terms an order would have after a replace, and why it cannot have them, or ``None``."""
    tick, lot = instrument.tick_size, instrument.lot_size

    def price(asked: int | None, now: int | None) -> int | None:
        return asked if asked is not None else None if now is None else now * tick

    quantity = order.quantity * lot if m.quantity is None else m.quantity
    limit, stop = price(m.limit_price, order.limit), price(m.stop_price, order.stop)
    terms = (
        quantity // lot,
        None if limit is None else limit // tick,
        None if stop is None else stop // tick,
    )
    refusal = grid_refusal(instrument, order.type, quantity, limit, stop, order.account.limits)
    if refusal is None and triggered and terms[2] != order.stop:
        refusal = Reason.PRICE_NOT_ALLOWED, "the stop has triggered already; only the quantity and the limit can change"
    shown = order.terms.display_quantity if order.terms else 0
    if refusal is None and shown and terms[0] > SLICES_MAX * shown:
        refusal = (
            Reason.INSTRUCTION_NOT_ALLOWED,
            (f"{instrument.quantity_text(shown)} are shown at a time; more than {SLICES_MAX} slices are too many"),
        )
    if refusal is None and terms == (order.quantity, order.limit, order.stop):
        refusal = Reason.NOTHING_TO_CHANGE, "the order has these terms already"
    if refusal is None and terms[0] < order.filled:
        refusal = (
            Reason.QUANTITY_BELOW_FILLED,
            f"{instrument.quantity_text(order.filled)} are filled already; "
            f"{plain_micros(quantity)} would be fewer. Cancel the rest instead.",
        )
    return terms, refusal
