"""What does the core need from the outside, as Protocols and nothing more?

Rules: adapters stand side by side, each behind one port; engines never see a port, only the runtime does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from vtrade.domain.messages import Fact, Inbound


class Entry(msgspec.Struct, frozen=True):
    """One record of a log: a message, the facts it produced, and the chain value after both.

    ``seq`` counts records from 1 without gaps; ``chain`` is SHA-256 over the previous chain value, the message and
    the facts, as they stand on the wire.
    """

    seq: int
    message: bytes
    facts: bytes
    chain: bytes


class Snapshot(msgspec.Struct, frozen=True):
    """An engine's state after record ``seq``, with its hash and the chain value it belongs to."""

    seq: int
    state: bytes
    state_hash: bytes
    chain: bytes


@runtime_checkable
class Log(Protocol):
    """An ordered, durable, append-only record of a room."""

    def append(self, entries: Sequence[Entry]) -> None:
        """Write all entries or none; durable when it returns."""

    def read(self, after: int = 0) -> Iterator[Entry]:
        """Entries with ``seq > after``, in order."""

    def last(self) -> Entry | None:
        """The newest entry, or ``None`` for an empty log."""

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot; the newest ones win."""

    def load_snapshot(self, at_most: int | None = None) -> Snapshot | None:
        """The newest snapshot with ``seq <= at_most``, or ``None``."""

    def damage(self) -> str:
        """What is wrong with the storage outside the records; empty if nothing is known to be."""

    def close(self) -> None:
        """Let go of every resource."""


class Clock(Protocol):
    """Where the shell, never the core, learns the time."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that only grow."""

    def wall_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Projection(Protocol):
    """Anything downstream of the facts that can be thrown away and rebuilt."""

    def apply(self, facts: Iterable[Fact]) -> None:
        """Fold facts, in order."""


class Feed(Protocol):
    """Where market messages come from."""

    def read(self, until_ns: int) -> Iterator[Inbound]:
        """Messages up to and including ``until_ns``."""
