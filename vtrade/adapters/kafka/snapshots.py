"""Where are the snapshots of rooms, so that a worker starts quickly?

Rules: a snapshot stands in pieces on one compacted topic, in one of two places of its room, and the older one is
written over; its heading comes last and carries the digest of the whole. So whatever is torn, or half written over,
does not fit its heading and is left out, and the one before is still whole. A partition is read once, from its first
record to its last. Nothing here needs Kafka in particular: any ``Bus`` will do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

import msgspec

from vtrade.domain.topics import SNAPSHOTS, partition_of
from vtrade.domain.wire import Wire
from vtrade.errors import SettingsError
from vtrade.ports import Bus, Outgoing, Taken

PIECE_BYTES: Final = 524_288
"""Largest piece of a snapshot."""
PIECES_MAX: Final = 4_096
"""A snapshot is never longer than this many pieces (2 GB)."""
SLOTS: Final = ("a", "b")
ROOMS_MAX: Final = 100_000
"""Rooms whose slots are remembered; of others the partition is read before the next one is saved."""


class Heading(Wire, frozen=True, tag="snapshot"):
    """What makes pieces a snapshot: how many, how many bytes, and the SHA-256 of all."""

    pieces: int
    size: int
    digest: bytes


class _Slot:
    """One of the two places of a room while its partition is read."""

    __slots__ = ("offset", "parts", "pieces", "state")

    def __init__(self) -> None:
        self.parts: dict[int, bytes] = {}
        self.pieces = 0
        self.state: bytes | None = None
        self.offset = -1

    def take(self, number: int, piece: bytes | None) -> None:
        """A piece takes the place of what was there, so a snapshot that was whole is no more."""
        if piece is not None:
            self.parts[number] = piece
            self.pieces = max(self.pieces, number + 1)
            self.state = None
        elif number < self.pieces:  # what was left of a longer one goes after the heading, from its end on
            self.parts.pop(number, None)
            self.pieces = number

    def head(self, value: bytes | None, offset: int) -> None:
        """A heading has come: is the snapshot whole?"""
        self.state = _whole(value, self.parts)
        self.offset = offset if self.state is not None else -1
        if self.state is not None:
            self.parts = {}


class _Known(msgspec.Struct):
    """What is known of a room's slots: how many pieces stand in each, and which one is the newest."""

    pieces: list[int]
    newest: int


class KafkaSnapshots:
    """Snapshots on a compacted topic of a bus.

    Parameters
    ----------
    bus : Bus
        Where the topic is.
    piece_bytes : int
        Largest piece.
    """

    def __init__(self, bus: Bus, *, piece_bytes: int = PIECE_BYTES) -> None:
        self._bus = bus
        self._piece_bytes = piece_bytes
        self._known: dict[tuple[str, str], _Known] = {}

    def save(self, role: str, room: str, snapshot: bytes) -> None:
        """Keep the newest snapshot of a room; one before it is kept too.

        Raises
        ------
        BusUnavailable
            If it is not known to be durable; then the one before still is.
        """
        size = self._piece_bytes
        pieces = [snapshot[start : start + size] for start in range(0, len(snapshot), size)]
        if len(pieces) > PIECES_MAX:
            raise SettingsError(
                f"a snapshot of {len(snapshot):,} bytes of room {room} is larger than {PIECES_MAX * size:,}; the room "
                "is folded from its log instead"
            )
        known = self._slots(role, room)
        slot = 1 - known.newest
        key = _key(role, room, slot)
        stale = range(len(pieces), known.pieces[slot])
        known.pieces[slot] = max(len(pieces), known.pieces[slot])
        self._bus.write([Outgoing(SNAPSHOTS, f"{key}/{number}", piece) for number, piece in enumerate(pieces)])
        heading = Heading(len(pieces), len(snapshot), hashlib.sha256(snapshot).digest())
        self._bus.write([Outgoing(SNAPSHOTS, key, msgspec.msgpack.encode(heading))])
        known.newest = slot
        if stale:
            self._bus.write([Outgoing(SNAPSHOTS, f"{key}/{number}", None) for number in stale])
            known.pieces[slot] = len(pieces)

    def load(self, role: str, partition: int) -> Iterator[tuple[str, bytes]]:
        """Snapshots of a partition's rooms, newest first; a room's older one comes too, after its newest.

        Raises
        ------
        BusUnavailable
            If the partition cannot be read.
        """
        found = self._read(role, partition)
        whole = [
            (slot.offset, room, slot.state) for room, slots in found.items() for slot in slots if slot.state is not None
        ]
        for room, slots in found.items():
            self._know(role, room, slots)
        found.clear()
        for _, room, state in sorted(whole, key=lambda snapshot: -snapshot[0]):
            yield room, state

    def forget(self, role: str, room: str) -> None:
        """Remove a room's snapshots."""
        known = self._slots(role, room)
        keys = [_key(role, room, slot) for slot in range(len(SLOTS))]
        self._bus.write([Outgoing(SNAPSHOTS, key, None) for key in keys])
        self._bus.write([
            Outgoing(SNAPSHOTS, f"{key}/{number}", None)
            for key, pieces in zip(keys, known.pieces, strict=True)
            for number in range(pieces)
        ])  # fmt: skip
        self._known.pop((role, room), None)

    # --- reading -----------------------------------------------------------------------------------------------------

    def _read(self, role: str, partition: int, only: str | None = None) -> dict[str, list[_Slot]]:
        """Both slots of each room of a partition, as they stand at its end."""
        found: dict[str, list[_Slot]] = {}
        for record in self._bus.read((SNAPSHOTS, partition)):
            named = _named(record)
            if named is None or named[1] != role or only not in (None, named[0]):
                continue
            room, _, slot, number = named
            here = found.setdefault(room, [_Slot(), _Slot()])[slot]
            if number is None:
                here.head(record.value, record.offset)
            else:
                here.take(number, record.value)
        return found

    def _slots(self, role: str, room: str) -> _Known:
        known = self._known.get((role, room))
        if known is None:
            found = self._read(role, partition_of(room, self._bus.partitions()), only=room)
            known = self._know(role, room, found.get(room, [_Slot(), _Slot()]))
        return known

    def _know(self, role: str, room: str, slots: list[_Slot]) -> _Known:
        newest = 0 if slots[0].offset >= slots[1].offset else 1
        pieces = [slot.pieces for slot in slots]
        while len(self._known) >= ROOMS_MAX:
            del self._known[next(iter(self._known))]
        known = self._known[role, room] = _Known(pieces, newest)
        return known


def _key(role: str, room: str, slot: int) -> str:
    return f"{room}/{role}/{SLOTS[slot]}"


def _named(record: Taken) -> tuple[str, str, int, int | None] | None:
    """Room, role, slot and piece (``None`` for the heading) of a record; ``None`` for what is none of ours."""
    match record.key.split("/"):
        case [room, role, slot] if slot in SLOTS:
            return room, role, SLOTS.index(slot), None
        case [room, role, slot, number] if slot in SLOTS and number.isdecimal() and len(number) < 6:
            return room, role, SLOTS.index(slot), int(number)
    return None


def _whole(value: bytes | None, parts: dict[int, bytes]) -> bytes | None:
    """The snapshot that a heading and its pieces make, or ``None`` where they do not fit."""
    if value is None:
        return None
    try:
        heading = msgspec.msgpack.decode(value, type=Heading)
    except msgspec.MsgspecError:
        return None
    if heading.pieces > len(parts):
        return None
    state = b"".join(parts.get(number, b"") for number in range(heading.pieces))
    fits = len(state) == heading.size and hashlib.sha256(state).digest() == heading.digest
    return state if fits else None
