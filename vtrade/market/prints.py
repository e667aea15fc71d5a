"""What traded last, print by print? Time and sales as they arrive: for eyes, never for decisions.

Rules: the newest prints of every instrument are kept, numbered from 1 on without a gap, so that whoever looks again can
ask for what is new and sees how many passed meanwhile. A print has the side of its aggressor where the feed tells it.
Prints of hidden orders count: they traded. Bars tell no prints.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple

import numpy as np

from vtrade.market.dtype import Events, Kind

PRINTS_KEPT: Final = 500
"""Prints kept for an instrument; the oldest go first."""


class Print(NamedTuple):
    """One print.

    Attributes
    ----------
    n : int
        Its number among the prints of its instrument, from 1 on.
    ts_ns : int
    price : int
        Ticks.
    lots : int
        0 where nobody told how many.
    side : int
        Of the aggressor: +1 bought, -1 sold, 0 not known.
    """

    n: int
    ts_ns: int
    price: int
    lots: int
    side: int


class Prints:
    """Time and sales of every instrument.

    Examples
    --------
    >>> from vtrade.market.dtype import empty_events
    >>> events = empty_events(2)
    >>> events["kind"], events["price"], events["quantity"], events["side"] = Kind.TRADE, [100, 102], 5, [1, -1]
    >>> prints = Prints(1)
    >>> prints.update(events)
    >>> prints.of(0, last=1)
    [Print(n=2, ts_ns=0, price=102, lots=5, side=-1)]
    >>> [one.price for one in prints.since(0, 0)]
    [100, 102]
    """

    def __init__(self, instruments: int) -> None:
        self._rows: list[deque[Print]] = [deque(maxlen=PRINTS_KEPT) for _ in range(instruments)]
        self._count = [0] * instruments
        self._volume: list[int | None] = [None] * instruments

    def update(self, events: Events) -> None:
        """Fold market events, in order."""
        kinds = events["kind"]
        picked = events[(kinds == Kind.TRADE) | (kinds == Kind.EXECUTE)]
        if not len(picked):
            return
        instruments = picked["instrument"]
        for k in np.unique(instruments).tolist():
            mine = picked[instruments == k]
            newest = mine[-PRINTS_KEPT:]
            # the side of an execution is that of the order that rested
            sides = np.where(newest["kind"] == Kind.EXECUTE, -newest["side"], newest["side"])
            first = self._count[k] + len(mine) - len(newest) + 1
            self._rows[k].extend(
                map(
                    Print, range(first, first + len(newest)), newest["ts_ns"].tolist(), newest["price"].tolist(),
                    newest["quantity"].tolist(), sides.tolist(),
                )
            )  # fmt: skip
            self._count[k] += len(mine)

    def sized(self, k: int, ts_ns: int, price: int, volume: int, *, at_once: bool = True) -> None:
        """So much has traded of an instrument in all by now: what is new gets a row, or gives the newest its size.

        For books whose events are requests: who traded with whom is not told there, only how much and where the price
        went. Counting begins with the first volume that is told, and anew where what is new did not come ``at_once``:
        nobody knows then how much of it belongs to which price.
        """
        before, self._volume[k] = self._volume[k], volume
        if before is None or volume <= before or not at_once:
            return
        rows = self._rows[k]
        if rows and not rows[-1].lots and rows[-1].price == price:
            rows[-1] = rows[-1]._replace(lots=volume - before)
        else:
            self.put(k, [Print(self._count[k] + 1, ts_ns, price, volume - before, 0)])

    def put(self, k: int, rows: Iterable[tuple[int, int, int, int, int]]) -> None:
        """Prints that somebody else numbered; those that are known already are passed over.

        Who began to count anew tells later prints under smaller numbers: they are new.
        """
        while len(self._rows) <= k:
            self._rows.append(deque(maxlen=PRINTS_KEPT))
            self._count.append(0)
            self._volume.append(None)
        for row in rows:
            newest = self._rows[k][-1].ts_ns if self._rows[k] else -1
            if row[0] > self._count[k] or row[1] > newest:
                self._rows[k].append(Print(*row))
                self._count[k] = row[0]

    def of(self, k: int, *, last: int = PRINTS_KEPT) -> list[Print]:
        """The newest prints of an instrument, oldest first."""
        rows = self._rows[k] if k < len(self._rows) else ()
        return list(islice(rows, max(0, len(rows) - last), None))

    def since(self, k: int, n: int) -> list[Print]:
        """Those after print number ``n``, as far as they are kept."""
        return self.of(k, last=max(0, self.count(k) - n))

    def count(self, k: int) -> int:
        """Prints of an instrument so far."""
        return self._count[k] if k < len(self._count) else 0
