"""What does a whole day of everything look like, from one seed? Run as a program it prints what must never differ.

Rules: a seed gives a stream of a few hundred messages over all families of feed; nothing but the seed decides.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence

import numpy as np

from tests.execution.streams import BOUNDS, FAMILIES, LISTED, RULES, Step, stream
from vtrade.domain import messages as msg
from vtrade.execution.engine import Engine


def chance(seed: int, count: int) -> tuple[tuple[str, ...], list[Step]]:
    """Families and steps of a seed."""
    luck = np.random.Generator(np.random.PCG64(seed))
    kinds = tuple(FAMILIES[i] for i in luck.integers(0, len(FAMILIES), len(LISTED)))
    rows = luck.integers(0, BOUNDS, (count, len(BOUNDS))).tolist()
    return kinds, [(a, b, c, d, e, f) for a, b, c, d, e, f in rows]


def day(seed: int, count: int = 300, *, wild: bool = False) -> list[msg.Inbound]:
    """The log of a seed."""
    kinds, steps = chance(seed, count)
    return stream(kinds, steps, rules=seed % len(RULES), wild=wild)


def digest(messages: Sequence[msg.Inbound]) -> str:
    """State hash, and SHA-256 of all facts as they go over the wire."""
    engine, told = Engine(), hashlib.sha256()
    for message in messages:
        told.update(msg.encode_facts(engine.process(msg.decode_inbound(msg.encode_inbound(message)))))
    return f"{engine.state_hash()} {told.hexdigest()}"


if __name__ == "__main__":
    sys.stdout.write(" ".join(digest(day(seed, wild=True)) for seed in range(int(sys.argv[1]))))
