"""How does a worker live? Take, fold, write, remember; and begin again from a snapshot after whatever happens.

Rules: one thread; one :meth:`Worker.turn` after the other. What a turn folded is written, and only then counts as
taken. Where that fails, the worker throws its state away and begins again from its snapshots, since nobody knows what
was written; folding is the same every time, so nothing is lost and nothing is done twice. A record that cannot be
folded is put aside as a dead letter and counted; it never stops the others. All waits have bounds, and only the
``Clock`` tells how long they are.

A start reads the partition's checkpoint (how far the snapshots of its rooms reach together), the snapshots, and then
the records since. A room whose snapshot is torn, or older than the checkpoint, makes the whole partition be read from
its beginning: slower, and just as right.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from vtrade.domain.topics import partition_of, split_key
from vtrade.domain.values import NS_PER_S
from vtrade.errors import Fenced, ReplayDiffers, Unavailable
from vtrade.ports import Bus, Clock, Membership, Outgoing, Place, SnapshotStore, Taken
from vtrade.services.workers.role import Role, RoomWork
from vtrade.services.workers.trades import TradesGap, dead_letter

POLL_S: Final = 0.05
"""Longest wait for records in a turn."""
RECORDS_MAX: Final = 500
"""Records folded in a turn."""
SNAPSHOT_RECORDS: Final = 2_000
"""Records of a partition after which its rooms are snapshotted."""
SNAPSHOT_S: Final = 30.0
"""Seconds after which they are, if anything happened."""
FEW_RECORDS: Final = 100
"""A turn with more of them is followed by the next one at once."""
RETRY_FIRST_S: Final = 0.2
RETRY_MAX_S: Final = 10.0
"""Pauses before beginning again after a failure: doubled each time, up to this."""

log = logging.getLogger(__name__)


class Checkpoint(msgspec.Struct, frozen=True, array_like=True):
    """How far the snapshots of a partition reach: offsets of what comes next, in all and by room."""

    position: int
    trades_from: int
    epoch: int
    rooms: dict[str, int]


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """A room's snapshot: its state holds everything before ``next_offset``."""

    next_offset: int
    state: bytes


@dataclass
class _Room:
    work: RoomWork
    next_offset: int
    changed: bool = False


@dataclass
class _Part:
    """One partition of ours."""

    number: int
    rooms: dict[str, _Room] = field(default_factory=dict)
    position: int = 0
    since: int = 0
    saved_ns: int = 0


@dataclass
class Counts:
    """What a worker did, for the metrics."""

    taken: int = 0
    written: int = 0
    dead_letters: int = 0
    snapshots: int = 0
    restarts: int = 0
    fenced: int = 0
    turns: int = 0


class Worker:
    """One worker of a role.

    Parameters
    ----------
    role : Role
    bus : Bus
    snapshots : SnapshotStore
    clock : Clock
    name : str
        Of this worker, for logs.
    pace_s : float
        :meth:`run` takes records at most this often while few come, so that they come together; that costs their
        answers so much time, and saves much of the work of a class that sends one order after the other.
    commit_s : float
        How often the group hears how far we got; 0 with every turn, which transactions need. After a crash the snapshot
        says where to go on, and records of other topics are taken again and known by their ids.
    on_turn : callable, optional
        Called after each turn with the number of records it folded and the nanoseconds that took.
    """

    def __init__(
        self, role: Role, bus: Bus, snapshots: SnapshotStore, clock: Clock, *, name: str,
        snapshot_records: int = SNAPSHOT_RECORDS, snapshot_s: float = SNAPSHOT_S, pace_s: float = 0.0,
        commit_s: float = 0.0,
        on_turn: Callable[[int, int], None] | None = None,
    ) -> None:  # fmt: skip
        self.role = role
        self.name = name
        self.counts = Counts()
        self._bus = bus
        self._snapshots = snapshots
        self._clock = clock
        self._on_turn = on_turn
        self._snapshot_records = snapshot_records
        self._snapshot_ns = int(snapshot_s * NS_PER_S)
        self._pace_s = pace_s
        self._commit_ns = int(commit_s * NS_PER_S)
        self._committed_ns = 0
        self._due: dict[Place, int] = {}
        """Where we are and the group does not know yet."""
        self._parts: dict[int, _Part] = {}
        self._member: Membership | None = None
        self._fresh: set[int] = set()
        """Partitions whose snapshots are left alone at the next start: they led into a contradiction."""

    # --- the loop ----------------------------------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set, through every failure that may pass; then drain."""
        retry_s = RETRY_FIRST_S
        while not stop.is_set():
            try:
                began = self._clock.monotonic_ns()
                taken = self.turn()
                retry_s = RETRY_FIRST_S
                left_s = self._pace_s - (self._clock.monotonic_ns() - began) / NS_PER_S
                if left_s > 0 and taken < FEW_RECORDS:
                    stop.wait(left_s)
            except (Unavailable, Fenced, TradesGap) as error:
                log.warning("%s begins again in %.1f s: %s", self.name, retry_s, error)
                stop.wait(retry_s)
                retry_s = min(2 * retry_s, RETRY_MAX_S)
        self.drain()

    def turn(self, wait_s: float = POLL_S) -> int:
        """Take records, fold them, write what came of them; the number folded.

        Raises
        ------
        Unavailable, Fenced, TradesGap
            The worker has let go of everything; the next turn begins again.
        """
        try:
            return self._turn(wait_s)
        except (Unavailable, Fenced, TradesGap) as error:
            self.counts.fenced += isinstance(error, Fenced)
            self.counts.restarts += 1
            if isinstance(error, TradesGap):
                self._fresh.add(partition_of(error.room, self._bus.partitions()))
            self.leave()
            raise

    def _turn(self, wait_s: float) -> int:
        if self._member is None:
            self._member = self._bus.join(
                f"vtrade-{self.role.name}", self.role.reads, on_taken=self._take_over, on_lost=self._let_go
            )
        records = self._member.poll(wait_s, records_max=RECORDS_MAX)
        began = self._clock.monotonic_ns()
        written: list[Outgoing] = []
        for record in records:
            part = self._parts.get(record.partition)
            if part is not None:
                written += self._fold(part, record)
                self._due[record.topic, record.partition] = record.offset + 1
        written += self.role.turn(self.rooms())
        told = self._due if began - self._committed_ns >= self._commit_ns else {}
        if written or told:
            self._member.advance(written, told)
        if told:
            self._due, self._committed_ns = {}, began
        self.counts.taken += len(records)
        self.counts.written += len(written)
        self.counts.turns += 1
        self._snapshot_due()
        if self._on_turn is not None:
            self._on_turn(len(records), self._clock.monotonic_ns() - began)
        return len(records)

    def _fold(self, part: _Part, record: Taken) -> list[Outgoing]:
        room = split_key(record.key)[0]
        keeps = record.topic == self.role.keeps
        if keeps:
            part.position = max(part.position, record.offset + 1)
        place = part.rooms.get(room)
        if place is None:
            place = part.rooms[room] = _Room(self.role.open(room, None), 0)
        if keeps:
            if record.offset < place.next_offset:
                return []
            place.next_offset = record.offset + 1
            place.changed = True
            part.since += 1
        try:
            return place.work.take(record)
        except (Unavailable, Fenced, TradesGap, ReplayDiffers):
            raise
        except Exception as error:  # one record must not stop the rooms of everybody else
            self.counts.dead_letters += 1
            log.exception(
                "%s put aside record %d of %s/%d, room %r", self.name, record.offset, record.topic, record.partition,
                room,
            )  # fmt: skip
            return [dead_letter(record, f"{type(error).__name__}: {error}")]

    def rooms(self) -> dict[str, RoomWork]:
        """Rooms that are ours now."""
        return {name: room.work for part in self._parts.values() for name, room in part.rooms.items() if name}

    @property
    def partitions(self) -> tuple[int, ...]:
        """Partitions that are ours now."""
        return tuple(sorted(self._parts))

    def lag(self) -> dict[Place, int]:
        """Records not taken yet, by partition."""
        return {} if self._member is None else self._member.lag()

    # --- partitions come and go --------------------------------------------------------------------------------------

    def _take_over(self, places: set[Place]) -> None:
        for topic, number in sorted(places):
            if topic == self.role.keeps:
                self._begin(number)

    def _begin(self, number: int) -> None:
        assert self._member is not None
        checkpoint, kept = self._load(number)
        part = _Part(number, position=checkpoint.position, saved_ns=self._clock.monotonic_ns())
        for room, snapshot in kept.items():
            try:
                part.rooms[room] = _Room(self.role.open(room, snapshot.state), snapshot.next_offset)
            except ValueError as error:
                log.warning("%s folds room %r from its first record: %s", self.name, room, error)
                part.position, checkpoint = 0, Checkpoint(0, 0, 0, {})
        if any(place.next_offset < checkpoint.rooms.get(room, 0) for room, place in part.rooms.items()) or (
            checkpoint.rooms.keys() - part.rooms.keys()
        ):
            part.position, checkpoint = 0, Checkpoint(0, 0, 0, {})
        self.role.begin(number, trades_from=checkpoint.trades_from, epoch=checkpoint.epoch)
        self._parts[number] = part
        self._member.seek((self.role.keeps, number), part.position)
        log.info("%s has partition %d from offset %d on, %d rooms", self.name, number, part.position, len(part.rooms))

    def _load(self, number: int) -> tuple[Checkpoint, dict[str, _Kept]]:
        """The newest checkpoint of a partition, and the newest good snapshot of each of its rooms."""
        checkpoint, kept = Checkpoint(0, 0, 0, {}), dict[str, _Kept]()
        if number in self._fresh:
            self._fresh.discard(number)
            return checkpoint, kept
        own = checkpoint_key(number, self._bus.partitions())
        seen = False
        for room, data in self._snapshots.load(self.role.name, number):
            try:
                if room == own:
                    if not seen:
                        checkpoint, seen = msgspec.msgpack.decode(data, type=Checkpoint), True
                elif room not in kept:
                    kept[room] = msgspec.msgpack.decode(data, type=_Kept)
            except msgspec.MsgspecError as error:
                log.warning("%s cannot use a snapshot of %r: %s", self.name, room, error)
        return checkpoint, kept

    def _let_go(self, places: set[Place]) -> None:
        for topic, number in places:
            if topic == self.role.keeps:
                self._end(number)

    def _end(self, number: int) -> None:
        self._due = {where: offset for where, offset in self._due.items() if where[1] != number}
        part = self._parts.pop(number, None)
        if part is not None:
            for place in part.rooms.values():
                place.work.close()
            self.role.end(number)

    # --- snapshots ---------------------------------------------------------------------------------------------------

    def _snapshot_due(self) -> None:
        now = self._clock.monotonic_ns()
        for part in self._parts.values():
            late = now - part.saved_ns >= self._snapshot_ns
            if part.since >= self._snapshot_records or (part.since and late):
                self._save(part)

    def _save(self, part: _Part) -> None:
        part.since, part.saved_ns = 0, self._clock.monotonic_ns()
        try:
            # first: where somebody else has taken over, what was folded since may be void and must not be kept
            trades_from, epoch = self.role.checkpoint(part.number)
            for room, place in part.rooms.items():
                if place.changed and room:
                    kept = _Kept(place.next_offset, place.work.snapshot())
                    self._snapshots.save(self.role.name, room, msgspec.msgpack.encode(kept))
                    place.changed = False
            rooms = {room: place.next_offset for room, place in part.rooms.items() if room}
            point = Checkpoint(part.position, trades_from, epoch, rooms)
            own = checkpoint_key(part.number, self._bus.partitions())
            self._snapshots.save(self.role.name, own, msgspec.msgpack.encode(point))
            self.counts.snapshots += 1
        except Unavailable as error:  # the log has everything; a snapshot only saves time
            log.warning("%s could not keep a snapshot of partition %d: %s", self.name, part.number, error)

    # --- the end -----------------------------------------------------------------------------------------------------

    def leave(self) -> None:
        """Let go of everything at once, as after a failure; the next turn begins again."""
        member, self._member = self._member, None
        self._due = {}
        for number in self.partitions:
            self._end(number)
        if member is not None:
            with contextlib.suppress(Unavailable, Fenced):
                member.close()

    def drain(self) -> None:
        """End in good order: keep snapshots, leave the group, so that another worker goes on at once."""
        try:
            for part in self._parts.values():
                if part.since:
                    self._save(part)
            if self._member is not None and self._due:
                self._member.advance([], self._due)
        except (Fenced, Unavailable) as error:
            log.warning("%s leaves without a snapshot: %s", self.name, error)
        self.leave()

    def figures(self) -> Mapping[str, float]:
        """Numbers for the metrics page."""
        return {**vars(self.counts), "rooms": len(self.rooms()), **self.role.figures()}


def checkpoint_key(number: int, partitions: int) -> str:
    """A name that no room has (none begins with a dot), and that lives on this partition.

    It has no slash, so that it is the whole of what a key says before its first one.

    Examples
    --------
    >>> partition_of(checkpoint_key(3, 8), 8)
    3
    """
    return next(f".{n}" for n in range(1_000_000) if partition_of(f".{n}", partitions) == number)
