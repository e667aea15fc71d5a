"""Which number does the kernel use for which word?"""

from __future__ import annotations

from typing import Final

from vtrade.domain.orders import OrderType, Reason, TimeInForce

TYPES: Final = {OrderType.MARKET: 0, OrderType.LIMIT: 1, OrderType.STOP_MARKET: 2, OrderType.STOP_LIMIT: 3}
TIFS: Final = {TimeInForce.DAY: 0, TimeInForce.GTC: 1, TimeInForce.IOC: 2, TimeInForce.FOK: 3}
WAITS: Final = (
    Reason.NONE, Reason.WAITING_IN_QUEUE, Reason.WAITING_FOR_PRICE, Reason.WAITING_FOR_TRIGGER,
    Reason.WAITING_FOR_DEPTH, Reason.WAITING_FOR_BAR, Reason.WAITING_FOR_OPEN, Reason.WAITING_FOR_RESUME,
)  # fmt: skip
CANCELS: Final = {
    1: (Reason.IMMEDIATE_OR_CANCEL, "what could not trade at once is canceled"),
    2: (Reason.FILL_OR_KILL, "the whole quantity was not there at once"),
    3: (Reason.SELF_TRADE, "the next order in the queue is your own"),
}
SESSIONS: Final = ("", "OPEN", "CLOSED", "HALTED")
