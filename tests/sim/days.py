"""How is a day lived and judged, and how is one repeated that went wrong?"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from tests.sim.checks import check
from tests.sim.world import World

SHOWN: int = 40
"""Newest lines of the trace that are shown of a day that went wrong."""


class Day(NamedTuple):
    """What a seed gave.

    Attributes
    ----------
    seed : int
    trace_hash : str
        SHA-256 of everything that happened.
    seen : Counter of str
        How often each thing happened.
    why : str
        What went wrong; empty if nothing did.
    trace : list of str
        Its newest lines.
    """

    seed: int
    trace_hash: str
    seen: Counter[str]
    why: str
    trace: list[str]

    def __str__(self) -> str:
        if not self.why:
            return f"seed {self.seed}: all promises kept"
        tail = "\n".join(self.trace[-SHOWN:])
        return (
            f"seed {self.seed}: {self.why}\n"
            f"to live this day again, alone and with its whole trace:\n"
            f"  python -m tests.sim --seed {self.seed} --trace\n"
            f"the end of the trace:\n{tail}"
        )


def live(seed: int, **variant: Any) -> Day:
    """Live through the day of a seed, and check every promise; ``variant`` as for :class:`World`."""
    world = World(seed, **variant)
    why = ""
    try:
        seen = Counter(world.run().faults.seen)
        seen += check(world)
    except Exception as error:  # whatever was raised: the day went wrong, and its seed says how
        why = f"{type(error).__name__}: {error}"
        seen = Counter(world.faults.seen)
    return Day(seed, world.faults.trace_hash, seen, why, list(world.faults.lines))
