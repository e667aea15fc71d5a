"""How much may one of many do? Token buckets by name, in a table that never grows beyond a bound.

Rules: a bucket holds so many tokens and refills at a rate; what it cannot pay is refused with the time after which it
can. A request larger than the whole bucket is let through when the bucket is full, and paid for afterwards. The names
heard of longest ago are forgotten first: they begin again with a full bucket.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Final

from vtrade.domain.values import NS_PER_S
from vtrade.ports import Clock

NAMES_MAX: Final = 20_000
"""Buckets that are remembered."""


class Buckets:
    """Token buckets by name.

    Parameters
    ----------
    clock : Clock
    per_s : float
        Tokens that come back in a second.
    burst : float
        Tokens of a full bucket.

    Examples
    --------
    >>> class Still:
    ...     ns = 0
    ...     def monotonic_ns(self): return self.ns
    >>> buckets = Buckets(clock := Still(), per_s=10, burst=2)
    >>> buckets.take("ana"), buckets.take("ana"), buckets.take("ana"), buckets.take("ben")
    (0.0, 0.0, 0.1, 0.0)
    >>> clock.ns += 100_000_000
    >>> buckets.take("ana")
    0.0
    """

    def __init__(self, clock: Clock, *, per_s: float, burst: float) -> None:
        self._clock = clock
        self.per_s = per_s
        self.burst = burst
        self._held: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, name: str, cost: float = 1.0, *, factor: float = 1.0) -> float:
        """Pay for something; 0 where that was possible, else the seconds after which it will be. Nothing is paid then.

        Parameters
        ----------
        factor : float
            So many times the rate and the size of a usual bucket.
        """
        now = self._clock.monotonic_ns()
        burst, per_s = self.burst * factor, self.per_s * factor
        held, then = self._held.get(name, (burst, now))
        held = min(burst, held + (now - then) / NS_PER_S * per_s)
        wanted = min(cost, burst)
        if held + 1e-9 < wanted:
            return round((wanted - held) / per_s, 3)
        self._held[name] = (held - cost, now)
        self._held.move_to_end(name)
        if len(self._held) > NAMES_MAX:
            self._held.popitem(last=False)
        return 0.0


class Places:
    """So many at once, in all and of each name.

    Examples
    --------
    >>> places = Places(3, each=2)
    >>> [places.enter(name) for name in ("ana", "ana", "ana", "ben", "cai")]
    [True, True, False, True, False]
    >>> places.leave("ana")
    >>> places.enter("cai"), places.taken
    (True, 3)
    """

    def __init__(self, most: int, *, each: int) -> None:
        self.most = most
        self.each = each
        self.taken = 0
        self._of: Counter[str] = Counter()

    def enter(self, name: str) -> bool:
        """Take a place, if there is one."""
        if self.taken >= self.most or self._of[name] >= self.each:
            return False
        self.taken += 1
        self._of[name] += 1
        return True

    def leave(self, name: str) -> None:
        """Give a place back."""
        self.taken -= 1
        self._of[name] -= 1
        if not self._of[name]:
            del self._of[name]
