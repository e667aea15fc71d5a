"""Which prints does a frame tell of?

Rules: a recorded market prints in its own events. In an exchange room the frames hold requests, and what became of them
is known by the marks and auctions among the facts: there a print has the price of the mark at the end of the frame, and
no quantity unless an auction names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from vtrade.domain.messages import AuctionHeld, Fact, Marked
from vtrade.market.dtype import EVENT, Events, Kind


def has_requests(events: Events) -> bool:
    """Whether events are requests of agents, as in an exchange room."""
    return bool((events["kind"] >= Kind.ORDER).any())


def prints_told(facts: Iterable[Fact], symbols: Sequence[str]) -> Events:
    """Prints of an exchange room, as the facts of a frame tell them.

    Parameters
    ----------
    facts : iterable of Fact
    symbols : sequence of str
        Names of the instruments, by number.

    Returns
    -------
    (n,) array of EVENT

    Examples
    --------
    >>> prints_told([Marked(1, 5, ((0, 1_002),))], ["ACME"])["price"]
    array([1002])
    """
    rows: list[tuple[int, ...]] = []
    for fact in facts:
        if isinstance(fact, AuctionHeld) and fact.quantity and fact.symbol in symbols:
            rows.append((fact.ts_ns, fact.price, fact.quantity, 0, symbols.index(fact.symbol), Kind.TRADE, 0, 0))
        elif isinstance(fact, Marked):
            rows += [(fact.ts_ns, px, 0, 0, k, Kind.TRADE, 0, 0) for k, px in fact.marks]
    return np.array(rows, EVENT)
