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
    lots = book.level_qty[k, s] - book.level_taken[k, s]
    used = np.flatnonzero((lots > 0) | (book.head[k, s] != 0))
    best = used[::-1][:levels] if s == 0 else used[:levels]
    base = int(book.inst[k, at.BASE])
    rows = []
    for p in best:
        size = int(lots[p])
        m = int(book.head[k, s, p])
        while m:
            size += int(book.own[m, at.O_LEAVES])
            m = int(book.own[m, at.O_NEXT])
        rows.append((base + int(p), size))
    return rows


def waiting(book: at.Book, order: Working, touch: tuple[int, int, int, int]) -> Reason:
    """Why a working order waits, now."""
    inst = book.inst[order.k]
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
