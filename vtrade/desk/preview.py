"""What would an order do, before it is sent?

Rules: nothing is sent, and nothing changes: neither the state, nor the journal, nor what is remembered of orders. What
is told comes from a throw-away copy of the engine (`vtrade.execution.foresee`), here or at the gateway that has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from vtrade.desk import entry
from vtrade.domain.messages import ReplaceOrder, SubmitOrder
from vtrade.domain.orders import Side
from vtrade.domain.values import Number
from vtrade.errors import DeskError, ValueOffGrid
from vtrade.execution.preview import Preview

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.desk.order import Order

SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}


def preview(
    desk: Desk, side: str, symbol: str, quantity: Number, *, limit: Number | None = None, stop: Number | None = None,
    trail: Number | None = None, trail_bps: Number | None = None, tif: str | None = None,
    good_till: entry.GoodTill | None = None, post_only: bool = False, reduce_only: bool = False,
    display: Number | None = None, oco: str | None = None, parent: Order | str | None = None,
    client_order_id: str | None = None, time_in_force: str | None = None,
) -> Preview:  # fmt: skip
    """What this order would do now, without sending it: fills, costs and money, or why it would be refused.

    Parameters
    ----------
    side : {"buy", "sell"}
    symbol, quantity, limit, stop, trail, trail_bps, tif, good_till, post_only, reduce_only, display, oco, parent
        As those of :meth:`vtrade.desk.desk.Desk.buy`.

    Returns
    -------
    Preview
        Shows itself in a cell; ``walk`` is a table of the levels it goes through.

    Raises
    ------
    ValueOffGrid
        If a number is none, or a word is unknown.

    Examples
    --------
    >>> import vtrade as vt
    >>> from vtrade.desk.preview import preview
    >>> desk = vt.Desk(vt.synthetic(7, symbols=["ACME"], minutes=1))
    >>> seen = preview(desk, "buy", "ACME", 100)
    >>> order = desk.buy("ACME", 100)
    >>> seen.filled == order.filled_quantity, seen.avg_px == order.avg_px
    (True, True)
    >>> preview(desk, "buy", "ACME", 10**6).field
    'quantity'
    >>> desk.close_desk()
    """
    if not isinstance(side, str) or side.lower() not in SIDES:
        raise ValueOffGrid(f"side {side!r} is unknown; choose buy or sell")
    order = entry.message(
        desk, SIDES[side.lower()], symbol, quantity, client_order_id=client_order_id or free_name(desk), limit=limit,
        stop=stop, trail=trail, trail_bps=trail_bps, tif=entry.one_of(tif, time_in_force), good_till=good_till,
        post_only=post_only, reduce_only=reduce_only, display=display, oco=oco, parent=parent,
    )  # fmt: skip
    return foreseen(desk, [order])[0]


def foreseen(desk: Desk, messages: Sequence[SubmitOrder | ReplaceOrder], *, most: bool = False) -> list[Preview]:
    """What messages of this desk would do, one after the other.

    Raises
    ------
    DeskError
        If whoever sits here has no account.
    """
    if desk.account not in desk._room.engine.accounts:
        raise DeskError(f"{desk.account} looks on, without an account: there is nothing to send, nor to preview")
    return desk._room.previewed(messages, most=most)


def free_name(desk: Desk) -> str:
    """A name that no order of this desk has; nothing is taken."""
    known = desk._room.engine.accounts[desk.account].ids if desk.account in desk._room.engine.accounts else {}
    number = 1
    while f"preview{number}" in known:
        number += 1
    return f"preview{number}"


def bracket_orders(
    desk: Desk, symbol: str, quantity: Number, *, limit: Number | None = None, take_profit: Number, stop_loss: Number,
    tif: str | None = None, client_order_id: str,
) -> list[SubmitOrder]:  # fmt: skip
    """The three orders that :meth:`~vtrade.desk.desk.Desk.bracket` sends."""
    side = entry._side_of(take_profit, stop_loss)
    first = entry.message(desk, side, symbol, quantity, limit=limit, tif=tif, client_order_id=client_order_id)
    exits = exit_orders(
        desk, Side(-side), symbol, quantity, take_profit=take_profit, stop_loss=stop_loss, tif="GTC",
        name=client_order_id, parent=client_order_id,
    )  # fmt: skip
    return [first, *exits]


def exit_orders(
    desk: Desk, side: Side, symbol: str, quantity: Number, *, take_profit: Number, stop_loss: Number, tif: str | None,
    name: str, parent: str | None = None, reduce_only: bool = False,
) -> list[SubmitOrder]:  # fmt: skip
    """The two orders of which the first to fill lowers the other."""
    common: dict[str, Any] = {"tif": tif, "oco": f"{name}-exits", "parent": parent, "reduce_only": reduce_only}
    return [
        entry.message(desk, side, symbol, quantity, client_order_id=f"{name}-take-profit", limit=take_profit, **common),
        entry.message(desk, side, symbol, quantity, client_order_id=f"{name}-stop-loss", stop=stop_loss, **common),
    ]


__all__ = ["Preview", "bracket_orders", "exit_orders", "foreseen", "free_name", "preview"]
