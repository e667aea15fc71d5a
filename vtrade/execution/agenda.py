"""What is due when: messages on their way, orders that expire, margin calls, proceeds that settle?

Rules: time is simulated; what is due first is done first, and among equals what was asked for first. Something due at a
moment happens after everything else of that moment.
"""

from __future__ import annotations

import heapq
from typing import Any

import msgspec


class Errand(msgspec.Struct, frozen=True, array_like=True):
    """One thing to do at ``due_ns``; the other fields are what it is about."""

    due_ns: int
    what: str
    order_id: int = 0
    name: str = ""
    amount: int = 0
    detail: str = ""
    message: Any = None


class Agenda:
    """Errands in the order in which they are due.

    Examples
    --------
    >>> agenda = Agenda()
    >>> agenda.add(Errand(9, "expire", order_id=2))
    >>> agenda.add(Errand(5, "land", order_id=3))
    >>> agenda.due_ns, agenda.pop().order_id, len(agenda)
    (5, 3, 1)
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Errand]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def due_ns(self) -> int:
        """When the next errand is due; only where there is one."""
        return self._heap[0][0]

    def add(self, errand: Errand) -> None:
        """Put an errand in its place."""
        self._count += 1
        heapq.heappush(self._heap, (errand.due_ns, self._count, errand))

    def pop(self) -> Errand:
        """Take the next errand out."""
        return heapq.heappop(self._heap)[2]

    def all(self) -> list[Errand]:
        """Every errand, in the order in which they will be done."""
        return [entry[2] for entry in sorted(self._heap)]
