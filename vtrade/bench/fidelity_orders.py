"""Which orders of a recorded market have a fate that the tape tells, and what would a feed without order ids say?

Rules: the orders are those submitted in sight of an L3 tape and then executed in full or canceled in full; of the
others nobody knows when they would have been filled. *Contested* are those at whose level something traded while they
lived; the others fill in no model. A feed of *levels only* tells the same messages as totals of levels and prints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtrade.market.dtype import Events, Kind

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Known:
    """Real orders whose fate a tape tells, in the order in which they came; rows are those of the tape.

    Attributes
    ----------
    born, end : (n,) int64
        Rows of the submission and of the last execution or the cancel.
    side, price, lots : (n,) int64
    filled, contested : (n,) bool
    at, by, of : (m,) int64
        Every row about one of the orders, by how many lots it grew there, and which one it is.
    """

    born: Ints
    end: Ints
    side: Ints
    price: Ints
    lots: Ints
    filled: Flags
    contested: Flags
    at: Ints
    by: Ints
    of: Ints

    def __len__(self) -> int:
        return len(self.born)

    def only(self, chosen: Flags) -> Known:
        """Those where ``chosen`` is true."""
        number = np.cumsum(chosen) - 1
        kept = chosen[self.of]
        names = ("born", "end", "side", "price", "lots", "filled", "contested")
        columns = {name: getattr(self, name)[chosen] for name in names}
        return Known(**columns, at=self.at[kept], by=self.by[kept], of=number[self.of[kept]])


def known_fates(events: Events) -> Known:
    """The orders of an L3 tape that were executed in full or canceled in full.

    Examples
    --------
    >>> from vtrade.market.dtype import empty_events
    >>> rows = empty_events(3)
    >>> rows["kind"], rows["order_id"], rows["quantity"] = (Kind.ADD, Kind.ADD, Kind.EXECUTE), (1, 2, 1), (5, 5, 5)
    >>> rows["side"], rows["price"] = 1, 100
    >>> orders = known_fates(rows)
    >>> orders.born.tolist(), orders.end.tolist(), orders.filled.tolist(), orders.contested.tolist()
    ([0], [2], [True], [True])
    """
    kind, name, lots = events["kind"], events["order_id"], events["quantity"]
    rows = np.flatnonzero((kind <= Kind.EXECUTE) & (name > 0))
    ids = int(name.max(initial=0)) + 1
    born, end = np.full(ids, -1, np.int64), np.full(ids, -1, np.int64)
    came, traded, left = (np.zeros(ids, np.int64) for _ in range(3))
    sums = ((came, kind == Kind.ADD), (traded, kind == Kind.EXECUTE), (left, kind != Kind.ADD))
    for total, which in sums:
        mine = rows[which[rows]]
        np.add.at(total, name[mine], lots[mine])
    np.maximum.at(end, name[rows], rows)
    added = rows[kind[rows] == Kind.ADD]
    born[name[added]] = added
    known = (born >= 0) & (came == left) & ((traded == came) | (traded == 0)) & (came > 0)
    chosen = np.flatnonzero(known)
    chosen = chosen[np.argsort(born[chosen])]
    born, end = born[chosen], end[chosen]
    number = np.full(ids, -1, np.int64)
    number[chosen] = np.arange(len(chosen))
    rows = rows[number[name[rows]] >= 0]
    level = 2 * events["price"] + (events["side"] > 0)
    prints = np.flatnonzero(kind == Kind.EXECUTE)
    count = len(events)
    places = np.sort(level[prints] * count + prints)
    during = np.searchsorted(places, level[born] * count + end + 1) - np.searchsorted(
        places, level[born] * count + born
    )
    return Known(
        born=born, end=end, side=events["side"][born].astype(np.int64), price=events["price"][born], lots=lots[born],
        filled=traded[chosen] > 0, contested=during > 0, at=rows,
        by=np.where(kind[rows] == Kind.ADD, lots[rows], -lots[rows]), of=number[name[rows]],
    )  # fmt: skip


def levels_only(events: Events) -> tuple[Events, Ints]:
    """An L3 tape as a feed of level totals and prints.

    Returns
    -------
    rows : (m,) EVENT
        For each message the new total of its level, and for an execution the print before it.
    first : (n + 1,) int64
        The first row of each message.

    Examples
    --------
    >>> from vtrade.market.dtype import empty_events
    >>> rows = empty_events(2)
    >>> rows["kind"], rows["order_id"], rows["quantity"] = (Kind.ADD, Kind.EXECUTE), 1, (5, 2)
    >>> rows["side"], rows["price"] = 1, 100
    >>> made, first = levels_only(rows)
    >>> [(Kind(row["kind"]).name, int(row["side"]), int(row["quantity"])) for row in made], first.tolist()
    ([('LEVEL', 1, 5), ('TRADE', -1, 2), ('LEVEL', 1, 3)], [0, 1, 3])
    """
    kind = events["kind"]
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(1 + (kind == Kind.EXECUTE))])
    made = events[np.repeat(np.arange(len(events)), np.diff(first))]
    prints = first[:-1][kind == Kind.EXECUTE]
    totals: dict[tuple[int, int], int] = {}
    found = []
    columns = (kind, events["side"], events["price"], events["quantity"])
    for what, side, price, lots in zip(*(column.tolist() for column in columns), strict=True):
        if what > Kind.LEVEL:
            found.append(lots)
            continue
        old = totals.get((side, price), 0)
        new = lots if what == Kind.LEVEL else old + lots if what == Kind.ADD else max(0, old - lots)
        totals[side, price] = new
        found.append(new)
    last = first[1:] - 1
    made["kind"][last[kind <= Kind.LEVEL]] = Kind.LEVEL
    made["quantity"][last] = found
    made["kind"][prints] = Kind.TRADE
    made["side"][prints] *= -1
    made["order_id"] = 0
    return made, first


def passed_over(events: Events, known: Known) -> Flags:
    """(n,) bool: which real orders the market passed over: a younger one of the same level traded before them."""
    born = np.full(int(events["order_id"].max(initial=0)) + 1, -1, np.int64)
    added = np.flatnonzero(events["kind"] == Kind.ADD)
    born[events["order_id"][added]] = added
    prints = np.flatnonzero((events["kind"] == Kind.EXECUTE) & (events["order_id"] > 0))
    level = 2 * events["price"] + (events["side"] > 0)
    prints = prints[np.argsort(level[prints], kind="stable")]
    found = np.zeros(len(known), np.bool_)
    mine = 2 * known.price + (known.side > 0)
    low, high = (np.searchsorted(level[prints], mine, side=side) for side in ("left", "right"))
    for order in np.flatnonzero(known.contested).tolist():
        some = prints[low[order] : high[order]]
        some = some[np.searchsorted(some, known.born[order]) : np.searchsorted(some, known.end[order])]
        found[order] = bool((born[events["order_id"][some]] > known.born[order]).any())
    return found
