"""What can be read off the matching state, changing nothing?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from vtrade.domain.orders import Reason
from vtrade.execution import codes
from vtrade.execution import layout as at
from vtrade.execution.working import Working

if TYPE_CHECKING:
    from vtrade.execution.engine import Engine

_SPAN: Final = 256
"""Prices that are looked at first, from the best one on; four times as many each time after."""


def depth(book: at.Book, k: int, side: int, levels: int) -> list[tuple[int, int]]:
    """Best levels of a side (+1 bids, -1 asks): price in ticks, lots a newcomer could trade with."""
    if book.inst[k, at.BAR_NO]:
        return []
    s = 0 if side > 0 else 1
    window = book.level.shape[2]
    feed, own = int(book.inst[k, at.LEVELS + s]), int(book.inst[k, at.OWN_LEVELS + s])
    best = [int(book.inst[k, column + s]) for column, count in ((at.BEST, feed), (at.OWN_BEST, own)) if count]
    left = feed + own
    if not left:
        return []
    base, found, span = int(book.inst[k, at.BASE]), list[tuple[int, int]](), _SPAN
    low = high = max(best) + 1 if s == 0 else min(best)
    while len(found) < levels and left > 0 and (low > 0 if s == 0 else high < window):
        if s == 0:
            low, high = max(0, low - span), low
        else:
            low, high = high, min(window, high + span)
        rows = book.level[k, s, low:high]
        left -= int(np.count_nonzero(rows[:, at.QTY]) + np.count_nonzero(rows[:, at.HEAD]))
        lots = rows[:, at.QTY] - rows[:, at.TAKEN] + rows[:, at.LOTS]
        used = np.flatnonzero(lots > 0)[:: -1 if s == 0 else 1][: levels - len(found)]
        found += [(base + low + p, n) for p, n in zip(used.tolist(), lots[used].tolist(), strict=True)]
        span *= 4
    return found


def volume(engine: Engine, k: int) -> int:
    """Lots of an instrument that have printed so far."""
    return int(engine._book.inst[k, at.VOLUME])


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
