"""What goes wrong in a simulated day, and when? One seed decides all of it.

Rules: every decision is drawn from one ``random.Random`` in the order in which it is needed, and is written into the
trace, so the same seed tells the same day to the byte. Each day has a weather of its own: some kinds of trouble never
come, some are frequent. Whatever happened is counted, because a simulation in which nothing happens proves nothing.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter, deque
from collections.abc import MutableSequence, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

RATES: Final = {
    # in any call that a worker makes to what is outside
    "crash": 0.0015,
    "pause": 0.004,
    # on the way to the log
    "late": 0.35,
    "rejected": 0.01,
    "broken_off": 0.012,
    "ack_lost": 0.015,
    "lands_later": 0.5,
    "commit_lost": 0.012,
    "read_broken_off": 0.004,
    # in a group of workers
    "rebalance": 0.01,
    "slow_poll": 0.08,
    "short_poll": 0.3,
    # between two steps of the day
    "cut": 0.006,
    "deaf": 0.3,
    "killed": 0.006,
    "stopped": 0.004,
    "started_more": 0.004,
    "clock_jump": 0.01,
    "gateway_crash": 0.01,
    "sent_twice": 0.08,
    "poison": 0.012,
    "feed_twice": 0.12,
    # where snapshots and views are kept
    "snapshot_lost": 0.08,
    "snapshot_torn": 0.12,
    "snapshot_stale": 0.15,
    "snapshot_gone": 0.05,
    "snapshot_foreign": 0.03,
    "shelf_wiped": 0.004,
    "redis_wiped": 0.01,
    "redis_stale": 0.006,
    "redis_away": 0.01,
}
"""Probability of each kind of trouble, each time it could come, on a day of middling weather."""

WEATHER: Final = (0.0, 0.5, 1.0, 1.0, 3.0)
"""What a day multiplies each rate with."""
RATE_MAX: Final = 0.75
TRACE_KEPT: Final = 4_000


class SimCrash(BaseException):
    """A process ended in the middle of what it did; no ``except Exception`` of its own can stop that."""


class Faults:
    """Decides what happens.

    Attributes
    ----------
    luck : random.Random
        The one source of chance.
    seen : Counter of str
        How often each thing happened.
    calm : bool
        Nothing goes wrong any more.
    lines : deque of str
        The newest lines of the trace.
    """

    def __init__(self, seed: int, *, calm: bool = False) -> None:
        self.luck = random.Random(seed)
        self.calm = calm
        self.rates = {kind: min(rate * self.luck.choice(WEATHER), RATE_MAX) for kind, rate in RATES.items()}
        self.seen: Counter[str] = Counter()
        self.lines: deque[str] = deque(maxlen=TRACE_KEPT)
        self._trace = hashlib.sha256()

    def happens(self, kind: str, *, times: float = 1.0) -> bool:
        """Whether trouble of a kind comes now; ``times`` as often as usual."""
        if self.calm or self.luck.random() >= self.rates[kind] * times:
            return False
        self.count(kind)
        return True

    def count(self, what: str) -> None:
        """Something happened."""
        self.seen[what] += 1
        self.note("!", what)

    def note(self, *what: object) -> None:
        """Write a line into the trace."""
        line = " ".join(map(str, what))
        self.lines.append(line)
        self._trace.update(line.encode() + b"\n")

    @property
    def trace_hash(self) -> str:
        """SHA-256 of the whole trace so far."""
        return self._trace.hexdigest()

    def below(self, bound: int) -> int:
        """A whole number from 0 up to, not including, ``bound``."""
        return self.luck.randrange(bound)

    def choice(self, items: Sequence[T]) -> T:
        """One of several."""
        return items[self.luck.randrange(len(items))]

    def shuffle(self, items: MutableSequence[T]) -> None:
        """Put a list into some order."""
        self.luck.shuffle(items)
