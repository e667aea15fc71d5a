"""What does the core need from the outside, as Protocols and nothing more?

Rules: adapters stand side by side, each behind one port; engines never see a port, only the runtime does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, runtime_checkable

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


# --- between processes ------------------------------------------------------------------------------------------------

Headers = tuple[tuple[str, bytes], ...]

Place = tuple[str, int]
"""A topic and the number of a partition."""


class Outgoing(msgspec.Struct, frozen=True):
    """A record to be written. Its partition follows from the room in its key, unless it is given."""

    topic: str
    key: str
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None


class Taken(msgspec.Struct, frozen=True):
    """A record as it was read; ``value`` is ``None`` where it deletes its key from a compacted topic."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes | None
    headers: Headers = ()


class Membership(Protocol):
    """One member of a group of workers: which partitions are its own, what comes in there, how far it got."""

    def poll(self, timeout_s: float, *, records_max: int) -> list[Taken]:
        """Records of the partitions that are ours, in order within each; empty after ``timeout_s``.

        Calls the two functions given to :meth:`Bus.join` when partitions come and go, from this very call.
        """

    def seek(self, place: Place, offset: int) -> None:
        """Take the record at ``offset`` next."""

    def pause(self, places: Iterable[Place]) -> None:
        """Bring nothing from there until :meth:`resume`."""

    def resume(self, places: Iterable[Place]) -> None:
        """Bring records from there again."""

    def advance(self, written: Sequence[Outgoing], positions: Mapping[Place, int]) -> None:
        """Write records, and once they are durable remember the offsets of what to take next.

        Where transactions are on, readers see all of it or nothing.

        Raises
        ------
        Fenced
            Somebody else has a partition of ours by now. Nothing may be written any more.
        BusUnavailable
            It is not known to be durable within the deadline; the worker has to recover before it goes on.
        """

    def lag(self) -> dict[Place, int]:
        """Records not taken yet, by partition, as far as known."""

    def close(self) -> None:
        """Leave the group."""


class Bus(Protocol):
    """Ordered, partitioned, durable topics that many processes share: Kafka, or a simulation of it."""

    def partitions(self) -> int:
        """Number of partitions of every topic but the directory."""

    def post(self, record: Outgoing) -> Future[int]:
        """Send one record; the future gives its offset once it is durable.

        Raises
        ------
        Overloaded
            Too much is on its way already; nothing was sent.
        """

    def write(self, records: Sequence[Outgoing]) -> None:
        """Send records and return when all are durable; raises ``BusUnavailable`` after a deadline."""

    def read(self, place: Place, start: int = 0, end: int | None = None) -> Iterator[Taken]:
        """Records from ``start`` up to, not including, ``end`` (by default where the partition ends now)."""

    def ends(self, topic: str) -> dict[int, tuple[int, int]]:
        """By partition: offset of the first record there is, and the one after the last."""

    def follow(self, positions: Mapping[Place, int]) -> Membership:
        """Read partitions from given offsets on, as a member of no group (``advance`` is refused)."""

    def join(
        self, group: str, topics: Sequence[str], *, on_taken: Callable[[set[Place]], None],
        on_lost: Callable[[set[Place]], None],
    ) -> Membership:  # fmt: skip
        """Become a member of a group of workers."""

    def close(self) -> None:
        """Let go of every connection, after what was sent is durable or a deadline has passed."""


class SnapshotStore(Protocol):
    """Where workers keep what they need for a quick start. It may lose things: then a start takes longer."""

    def save(self, role: str, room: str, snapshot: bytes) -> None:
        """Keep the newest snapshot of a room; one before it is kept too."""

    def load(self, role: str, partition: int) -> Iterator[tuple[str, bytes]]:
        """Rooms of a partition with their snapshots, newest first; torn ones are left out."""

    def forget(self, role: str, room: str) -> None:
        """Remove a room's snapshots."""


# --- what a person keeps ----------------------------------------------------------------------------------------------


class PreferenceStore(Protocol):
    """Where the choices of a desk's owner are kept: plain JSON values by name, one document for each desk."""

    def load(self, document: str) -> dict[str, Any]:
        """What is kept under a name; empty where there is nothing.

        Raises
        ------
        Unavailable
            If it cannot be read.
        """

    def update(self, document: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change these names (``None`` removes one) and nothing else; gives all that is kept then.

        Raises
        ------
        Unavailable
            If it cannot be written; nothing has changed.
        """
