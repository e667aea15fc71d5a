"""What do the places look like where workers keep snapshots, and the clocks they look at, on a bad day?

Rules: a shelf loses, tears and mixes up what it was given, and says so only as the real one does: what is torn it
leaves out. A clock that only grows may jump ahead; the wall clock may say anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.sim.bus import SimBus
from vtrade.domain.topics import partition_of
from vtrade.domain.values import NS_PER_S
from vtrade.errors import BusUnavailable

KEPT: Final = 2
WALL_NS: Final = 1_790_000_000_000_000_000
JUMP_NS: Final = 100 * 86_400 * NS_PER_S
FOREIGN: Final = b"\xc1 this was written by another program"


class Shelf:
    """Snapshots of all workers by role and room, newest first, the newest room last; ``None`` is one that is torn."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], list[bytes | None]] = {}

    def put(self, role: str, room: str, snapshot: bytes | None) -> None:
        """Keep a snapshot, and one before it."""
        before = self.kept.pop((role, room), [])
        self.kept[role, room] = [snapshot, *before][:KEPT]

    def wipe(self) -> None:
        """Everything is gone."""
        self.kept.clear()


class SimStore:
    """A worker's way to the shelf, behind the ``SnapshotStore`` port."""

    def __init__(self, bus: SimBus, shelf: Shelf) -> None:
        self._bus = bus
        self._shelf = shelf

    def _reach(self, call: str) -> None:
        self._bus.port(call)
        if self._bus.cut:
            raise BusUnavailable(f"the snapshots do not answer {self._bus.name} (cut off)")

    def save(self, role: str, room: str, snapshot: bytes) -> None:
        self._reach("save")
        faults = self._bus.faults
        faults.seen["snapshot_saved"] += 1
        if faults.happens("snapshot_lost"):
            return
        self._shelf.put(role, room, None if faults.happens("snapshot_torn") else snapshot)
        self._bus.port("saved")

    def load(self, role: str, partition: int) -> Iterator[tuple[str, bytes]]:
        self._reach("load")
        faults = self._bus.faults
        for (of, room), kept in reversed(list(self._shelf.kept.items())):
            if of != role or partition_of(room, self._bus.broker.partitions) != partition:
                continue
            if faults.happens("snapshot_gone"):
                continue
            skipped = int(faults.happens("snapshot_stale"))
            for data in kept[skipped:]:
                if data is not None:
                    faults.seen["snapshot_loaded"] += 1
                    yield room, FOREIGN if faults.happens("snapshot_foreign") else data

    def forget(self, role: str, room: str) -> None:
        self._reach("forget")
        self._shelf.kept.pop((role, room), None)


class SimClock:
    """A process's clock, behind the ``Clock`` port."""

    def __init__(self, bus: SimBus) -> None:
        self._bus = bus
        self._ahead_ns = self._wall_off_ns = 0

    def jump(self) -> None:
        """The clock is set, or the machine slept."""
        luck = self._bus.faults.luck
        self._ahead_ns += luck.choice((0, luck.randrange(100 * NS_PER_S)))
        self._wall_off_ns = luck.randrange(-JUMP_NS, JUMP_NS)

    def monotonic_ns(self) -> int:
        return self._bus.broker.now_ns + self._ahead_ns

    def wall_ns(self) -> int:
        return WALL_NS + self._bus.broker.now_ns + self._wall_off_ns

    def sleep(self, seconds: float) -> None:
        self._bus.port("sleep")
        self._bus.broker.pass_time(int(seconds * NS_PER_S))
