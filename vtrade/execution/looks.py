"""What can be read off the matching state, changing nothing?"""

from __future__ import annotations

import numpy as np

from vtrade.domain.orders import Reason
from vtrade.execution import codes
from vtrade.execution import layout as at
from vtrade.execution.working import Working


def depth(book: at.Book, k: int, side: int, levels: int) -> list[tuple[int, int]]:
    """Best levels of a side (+1 bids, -1 asks): price in ticks, lots a newcomer could trade with."""
    if book.inst[k, at.BAR_NO]:
        return []
    s = 0 if side > 0 else 1
    lots = book.level[k, s, :, at.QTY] - book.level[k, s, :, at.TAKEN] + book.level[k, s, :, at.LOTS]
    used = np.flatnonzero(lots > 0)
    best = used[::-1][:levels] if s == 0 else used[:levels]
    base = int(book.inst[k, at.BASE])
    return [(base + int(p), int(lots[p])) for p in best]


def waiting(book: at.Book, order: Working, touch: tuple[int, int, int, int]) -> Reason:
    """Why a working order waits, now."""
    inst = book.inst[order.k]
    if book.own[order.slot, at.O_WHERE] in (at.IN_FLIGHT, at.IN_PARENT, at.IN_OPEN, at.IN_CLOSE):
        return codes.WAITS[int(book.own[order.slot, at.O_WAIT])]
    if inst[at.STATE] == at.S_AUCTION:
        return Reason.WAITING_FOR_AUCTION
    if inst[at.STATE] == at.S_CLOSED:
        return Reason.WAITING_FOR_OPEN
    if inst[at.STATE] == at.S_HALTED:
        return Reason.WAITING_FOR_RESUME
    where = int(book.own[order.slot, at.O_WHERE])
    if inst[at.BAR_NO] == 0 and where == at.AT_LEVEL:
        limit = int(book.own[order.slot, at.O_LIMIT])
        first = limit >= touch[0] if order.side > 0 else limit <= touch[2]
        return Reason.WAITING_IN_QUEUE if first else Reason.WAITING_FOR_PRICE
    if where == at.IN_MARKET:
        # there is depth, or a bar's price, but beyond the collar
        offered = int(inst[at.LAST]) if inst[at.BAR_NO] else touch[2 if order.side > 0 else 0]
        collar = int(book.own[order.slot, at.O_LIMIT])
        if offered and (inst[at.BAR_NO] == 0 or (collar and (offered - collar) * order.side > 0)):
            return Reason.WAITING_FOR_PRICE
    return codes.WAITS[int(book.own[order.slot, at.O_WAIT])]
