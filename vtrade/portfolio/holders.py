"""Who holds how much of each instrument, as arrays that a mark can be multiplied with?

Rules: the holders of one instrument in one block of accounts stand side by side in a *region*, in no order. A region
that is full moves to the end of the pool with twice the room; a pool that is full is packed into one twice as large. So
a change of one position costs time per holder in its region, and nothing per account of the room.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from vtrade.portfolio.layout import BLOCK_BITS

REGION_FIRST: Final = 4
"""Holders of an instrument in a block there is room for at first."""

T = TypeVar("T", bound=np.generic)


def grown(old: NDArray[T], length: int, fill: int = 0) -> NDArray[T]:
    """The same rows and more of them, up to ``length``, filled with ``fill``.

    Examples
    --------
    >>> grown(np.array([7, 8]), 4)
    array([7, 8, 0, 0])
    """
    new = np.full((length, *old.shape[1:]), fill, dtype=old.dtype)
    new[: len(old)] = old
    return new


def _spread(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Row numbers of regions, one region after the other."""
    return np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())


class Holders:
    """Slots of accounts and what a tick is worth to each, by instrument.

    Examples
    --------
    >>> holders = Holders(2)
    >>> holders.blocks(1)
    >>> for slot, worth in ((5, 100), (9, -300), (5, 0)):
    ...     holders.put(slot, 1, worth)
    >>> [(slots.tolist(), worth.tolist()) for slots, worth in holders.of(1)]
    [([9], [-300])]
    """

    def __init__(self, instruments: int) -> None:
        self.instruments = instruments
        self.start = np.zeros(0, dtype=np.int64)
        self.count = np.zeros(0, dtype=np.int64)
        self.size = np.zeros(0, dtype=np.int64)
        self.slot = np.zeros(0, dtype=np.uint32)
        self.worth = np.zeros(0, dtype=np.int64)
        self.used = 0

    def blocks(self, blocks: int) -> None:
        """Room for so many blocks of accounts."""
        regions = blocks * self.instruments
        self.start, self.count, self.size = (grown(part, regions) for part in (self.start, self.count, self.size))

    def of(self, index: int) -> Iterator[tuple[NDArray[np.uint32], NDArray[np.int64]]]:
        """Per block: the holders of an instrument and what a tick is worth to them."""
        for region in range(index, len(self.start), self.instruments):
            if self.count[region]:
                rows = slice(int(self.start[region]), int(self.start[region] + self.count[region]))
                yield self.slot[rows], self.worth[rows]

    def put(self, slot: int, index: int, worth: int) -> None:
        """A tick of the instrument is worth so much to an account from now on; 0 takes it out."""
        region = (slot >> BLOCK_BITS) * self.instruments + index
        start, count = int(self.start[region]), int(self.count[region])
        (found,) = (self.slot[start : start + count] == slot).nonzero()
        if not worth:
            if len(found):
                row, last = start + int(found[0]), start + count - 1
                self.slot[row], self.worth[row] = self.slot[last], self.worth[last]
                self.count[region] -= 1
            return
        if len(found):
            self.worth[start + int(found[0])] = worth
            return
        if count == self.size[region]:
            start = self._move(region, max(REGION_FIRST, 2 * count))
        self.slot[start + count], self.worth[start + count] = slot, worth
        self.count[region] += 1

    def _move(self, region: int, size: int) -> int:
        """Give a region so much room at the end of the pool."""
        if self.used + size > len(self.slot):
            self._pack(size)
        old, new, count = int(self.start[region]), self.used, int(self.count[region])
        self.slot[new : new + count] = self.slot[old : old + count]
        self.worth[new : new + count] = self.worth[old : old + count]
        self.start[region], self.size[region] = new, size
        self.used += size
        return new

    def _pack(self, more: int) -> None:
        """A pool in which the regions stand side by side, and as much room again behind them."""
        live = np.flatnonzero(self.count)
        counts, sizes = self.count[live], self.size[live]
        starts = np.cumsum(sizes) - sizes
        old, new = _spread(self.start[live], counts), _spread(starts, counts)
        slot, worth = self.slot[old], self.worth[old]
        self.used = int(sizes.sum())
        room = 2 * self.used + more
        self.slot, self.worth = np.zeros(room, dtype=np.uint32), np.zeros(room, dtype=np.int64)
        self.slot[new], self.worth[new] = slot, worth
        self.size[:] = 0
        self.start[live], self.size[live] = starts, sizes

    def load(self, slots: NDArray[np.int64], indices: NDArray[np.int64], worth: NDArray[np.int64]) -> None:
        """Take over many positions at once, none of them 0, in place of what is there."""
        regions = (slots >> BLOCK_BITS) * self.instruments + indices
        order = np.lexsort((slots, regions))
        self.count = np.bincount(regions, minlength=len(self.start)).astype(np.int64)
        self.size = self.count + (self.count >> 3)
        self.start = np.cumsum(self.size) - self.size
        self.used = int(self.size.sum())
        rows = _spread(self.start, self.count)
        self.slot, self.worth = np.zeros(self.used, dtype=np.uint32), np.zeros(self.used, dtype=np.int64)
        self.slot[rows], self.worth[rows] = slots[order], worth[order]
