"""Which number does the kernel use for which word?"""

from __future__ import annotations

from typing import Final

from vtrade.domain.orders import OrderType, Reason, TimeInForce
from vtrade.domain.rules import Beyond, QueueModel

TYPES: Final = {type_: number for number, type_ in enumerate(OrderType)}
TIFS: Final = {tif: number for number, tif in enumerate(TimeInForce)}
QUEUES: Final = {model: number for number, model in enumerate(QueueModel)}
BEYONDS: Final = {rule: number for number, rule in enumerate(Beyond)}
WAITS: Final = (
    Reason.NONE, Reason.WAITING_IN_QUEUE, Reason.WAITING_FOR_PRICE, Reason.WAITING_FOR_TRIGGER,
    Reason.WAITING_FOR_DEPTH, Reason.WAITING_FOR_BAR, Reason.WAITING_FOR_OPEN, Reason.WAITING_FOR_RESUME,
    Reason.WAITING_FOR_AUCTION, Reason.WAITING_FOR_PARENT, Reason.WAITING_IN_FLIGHT,
)  # fmt: skip
CANCELS: Final = {
    1: (Reason.IMMEDIATE_OR_CANCEL, "what could not trade at once is canceled"),
    2: (Reason.FILL_OR_KILL, "the whole quantity was not there at once"),
    3: (Reason.SELF_TRADE, "the next order in the queue is your own"),
    4: (Reason.POST_ONLY_WOULD_TAKE, "it would trade at once, and it is post-only"),
    7: (Reason.ONE_CANCELS_OTHER, "the other order of the pair filled"),
    8: (Reason.PARENT_ENDED, "the order it belongs to ended without a fill"),
    9: (Reason.REDUCE_ONLY, "there is no position left to reduce"),
    10: (Reason.BEYOND_THE_BOOK, "the visible book is used up"),
    11: (Reason.NO_AUCTION_FILL, "the auction is over"),
}
REJECTS: Final = {
    4: (Reason.POST_ONLY_WOULD_TAKE, "it would trade at once; post-only orders never take"),
    5: (Reason.SESSION_CLOSED, "{tif} needs an open market; this one is closed. Use DAY or GTC to wait."),
    6: (Reason.HALTED, "{tif} needs an open market; this one is halted. Use DAY or GTC to wait."),
    11: (Reason.AUCTION_OVER, "the opening auction of this session is over; use AT_THE_CLOSE, DAY or GTC"),
}
RESIZES: Final = {
    -1: Reason.NONE, 0: Reason.PARENT_FILLED, 7: Reason.ONE_CANCELS_OTHER, 8: Reason.PARENT_ENDED,
    9: Reason.REDUCE_ONLY,
}  # fmt: skip
SESSIONS: Final = ("", "OPEN", "CLOSED", "HALTED", "OPEN", "AUCTION")
