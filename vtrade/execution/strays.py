"""A price does not fit in one window with what stands: which of the two is the stray one?

Rules: the answer depends on the book alone. A stub bid is far too low and a stub ask far too high, never the other way
round; so a low cluster with an ask in it is real, and a high cluster with a bid in it. What has traded is real before
all. Where nothing tells, the newer row is believed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vtrade.execution.layout import BASE, LAST, LEVEL_COLS, QTY, WINDOW_BYTES_MAX, WINDOW_MIN, Book
from vtrade.market.dtype import Kind

Level = tuple[int, int]
"""Side (0 bid, 1 ask) and price in ticks."""


def span_max(instruments: int) -> int:
    """Ticks that the largest window of a room with so many instruments holds."""
    wide = WINDOW_MIN
    while 2 * wide * 2 * 8 * LEVEL_COLS * instruments <= WINDOW_BYTES_MAX:
        wide *= 2
    return wide


def to_forget(book: Book, k: int, event: Any) -> list[Level] | None:
    """The feed's levels that must go for an event's row to fit; ``None`` where the row itself is the stray one."""
    price, side = int(event["price"]), 0 if event["side"] > 0 else 1
    if price < 1 or event["quantity"] == 0 or event["kind"] not in (Kind.ADD, Kind.LEVEL, Kind.QUOTE):
        return None
    base, span = int(book.inst[k, BASE]), span_max(len(book.inst))
    far = [
        (s, base + int(p))
        for s in (0, 1)
        for p in np.flatnonzero(book.level[k, s, :, QTY])
        if abs(base + int(p) - price) >= span
    ]
    # a quote takes the other levels of its side away itself
    rivals = [(s, p) for s, p in far if s != side] if event["kind"] == Kind.QUOTE else far
    return None if _is_stray(book, k, (side, price), rivals) else far


def _is_stray(book: Book, k: int, row: Level, far: list[Level]) -> bool:
    """Whether the row is the stray one, and not the ``far`` levels."""
    if not far:
        return False
    side, price = row
    last = int(book.inst[k, LAST])
    if last > 0:
        return abs(price - last) > min(abs(p - last) for _, p in far)
    sides = {s for s, _ in far}
    low, high = (sides, {side}) if price > far[0][1] else ({side}, sides)
    if 1 in low:
        return price > far[0][1]
    if 0 in high:
        return price < far[0][1]
    return False
