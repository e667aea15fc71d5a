"""Who turns inbound messages into facts for a whole class? The execution worker: one fold a room.

Rules: each inbound record is answered by one record on the trades topic, in the same order: told, or passed with the
reason. What was answered before a crash is folded again and not answered again. A worker that takes a partition over
first claims it, then reads what its predecessor had answered: from then on that one's records are void.

A message that the engine refuses, or that nobody can read, changes nothing: where an engine had already moved on
because of it, the room is folded again without it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from vtrade.domain.messages import WIRE_VERSION, Inbound, OpenRoom, decode_inbound
from vtrade.domain.topics import (
    ID,
    INBOUND,
    SENT,
    TRADES,
    VERSION,
    Claim,
    Passed,
    Told,
    Trade,
    decode_trade,
    encode_trade,
    is_readable,
)
from vtrade.errors import Fenced, ReplayDiffers, VTradeError
from vtrade.execution.engine import Engine
from vtrade.ports import Bus, Outgoing, Taken
from vtrade.services.fold import RoomFold
from vtrade.services.workers.ids import SeenIds
from vtrade.services.workers.role import RoomWork
from vtrade.services.workers.trades import dead_letter

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError)
DETAIL_CHARS_MAX: Final = 500
LOOK_TURNS: Final = 40
"""A worker looks for the claims of others every so many turns."""

log = logging.getLogger(__name__)


class RoomState(msgspec.Struct, frozen=True, array_like=True):
    """An execution room in a snapshot; ``engine`` is empty before the room was opened."""

    next_offset: int
    seq: int
    chain: bytes
    engine: bytes
    ids: tuple[str, ...]
    place: tuple[int, int, int]


@dataclass
class _Place:
    """A partition: what was answered there before us, and our epoch."""

    epoch: int
    answered: int
    """Inbound offset up to which, inclusive, answers are on the trades topic; -1 for none."""
    trades_next: int
    holder: str = ""
    """Who was the first to claim ``epoch``; empty where that was before ``trades_next``."""
    last: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """By room: number and chain value of the newest record told before us."""


class ExecutionRoom:
    """One room: an engine, and what to answer."""

    def __init__(self, role: ExecutionRole, room: str, state: RoomState | None) -> None:
        self._role = role
        self.room = room
        self._saved = state
        self._next = 0 if state is None else state.next_offset
        self._begin(state)

    def _begin(self, state: RoomState | None) -> None:
        if state is None:
            self.fold, self._ids = RoomFold(), SeenIds()
        else:
            engine = Engine.restore(state.engine) if state.engine else None
            self.fold = RoomFold(engine, seq=state.seq, chain=state.chain)
            self._ids = SeenIds(state.ids, state.place)

    def take(self, record: Taken) -> list[Outgoing]:
        """Fold one inbound record."""
        answer, dead = self._answer(record)
        self._next = record.offset + 1
        place = self._role.places[record.partition]
        self._role.count(answer)
        known = place.last.get(self.room)
        if known is not None and isinstance(answer, Told) and answer.seq == known[0] and answer.chain != known[1]:
            raise ReplayDiffers(
                f"record {answer.seq} of room {self.room!r} was told before with another chain value; run the version "
                "of VTrade that wrote it, or open the room anew"
            )
        if record.offset <= place.answered:
            return []
        sent = tuple(header for header in record.headers if header[0] == SENT)  # so that whoever reads can tell the lag
        return [Outgoing(TRADES, self.room, encode_trade(answer), sent, record.partition), *dead]

    def _answer(self, record: Taken) -> tuple[Trade, list[Outgoing]]:
        epoch = self._role.places[record.partition].epoch
        try:
            message, message_id = read_inbound(record)
        except NotInbound as error:
            return Passed(epoch, record.offset, "unreadable", str(error)), [dead_letter(record, str(error))]
        if not self.fold.engine.instruments and not isinstance(message, OpenRoom):
            return Passed(epoch, record.offset, "refused", f"room {self.room!r} has not been opened"), []
        if not self._ids.first(message_id, message):
            return Passed(epoch, record.offset, "duplicate", message_id), []
        moves = self.fold.moves(message)
        try:
            entry, _ = self.fold.step(record.value or b"", message)
        except VTradeError as error:
            if moves:
                self._without(record)
            return Passed(epoch, record.offset, "refused", str(error)[:DETAIL_CHARS_MAX]), []
        except Exception as error:  # a message that somebody made up may break anything
            log.exception("room %r: inbound record %d broke the engine", self.room, record.offset)
            self._without(record)
            why = f"it broke the engine ({type(error).__name__}: {error})"[:DETAIL_CHARS_MAX]
            return Passed(epoch, record.offset, "unreadable", why), [dead_letter(record, why)]
        return Told(epoch, record.offset, entry.seq, self.fold.engine.now, entry.chain, entry.facts), []

    def _without(self, record: Taken) -> None:
        """Fold the room again up to a record, and leave that one out; its id stays taken."""
        state, kept = self._saved, self._ids
        start = 0 if state is None else state.next_offset
        self._begin(state)
        for earlier in self._role.bus.read((record.topic, record.partition), start, record.offset):
            if earlier.key == self.room:
                self._again(earlier)
        self._ids = kept

    def _again(self, record: Taken) -> None:
        try:
            message, message_id = read_inbound(record)
        except NotInbound:
            return
        if not self.fold.engine.instruments and not isinstance(message, OpenRoom):
            return
        if not self._ids.first(message_id, message):
            return
        moves = self.fold.moves(message)
        try:
            self.fold.step(record.value or b"", message)
        except VTradeError:  # as it was the first time
            if moves:
                self._without(record)
        except Exception:
            self._without(record)

    def snapshot(self) -> bytes:
        """The room's state."""
        engine = self.fold.engine
        dumped = engine.snapshot() if engine.instruments else b""
        self._saved = RoomState(self._next, self.fold.seq, self.fold.chain, dumped, self._ids.kept, self._ids.place)
        return msgspec.msgpack.encode(self._saved)

    def close(self) -> None:
        """Nothing to let go of."""


class ExecutionRole:
    """Folds inbound records into facts, for any number of rooms.

    Parameters
    ----------
    bus : Bus
        To claim partitions, and to read again what a refused message had touched.
    worker : str
        Name of this worker, for the claims.
    """

    name = "execution"
    reads: tuple[str, ...] = (INBOUND,)
    keeps = INBOUND

    def __init__(self, bus: Bus, *, worker: str) -> None:
        self.bus = bus
        self._worker = worker
        self.places: dict[int, _Place] = {}
        self.told = self._turns = 0
        self.passed = {"duplicate": 0, "refused": 0, "unreadable": 0}

    def begin(self, partition: int, *, trades_from: int, epoch: int) -> None:
        """Claim a partition and find out what was answered there."""
        place = _Place(epoch, -1, trades_from)
        begins, end = self.bus.ends(TRADES).get(partition, (0, 0))
        place.trades_next = max(trades_from, begins)
        self._scan(place, partition, end)
        epoch = place.epoch + 1
        claim = Outgoing(TRADES, "", encode_trade(Claim(epoch, self._worker)), partition=partition)
        self.bus.write([claim])
        self._scan(place, partition, None)
        self._check_holder(place, partition, epoch)
        self.places[partition] = place

    def _scan(self, place: _Place, partition: int, end: int | None) -> None:
        for record in self.bus.read((TRADES, partition), place.trades_next, end):
            place.trades_next = record.offset + 1
            trade = _trade_of(record)
            if isinstance(trade, Claim):
                if trade.epoch > place.epoch:
                    place.epoch, place.holder = trade.epoch, trade.worker
            elif trade is not None and trade.epoch >= place.epoch:
                place.epoch = trade.epoch
                place.answered = max(place.answered, trade.offset)
                if isinstance(trade, Told):
                    place.last[record.key] = trade.seq, trade.chain

    def open(self, room: str, state: bytes | None) -> RoomWork:
        """A room, new or as a snapshot left it."""
        try:
            known = None if state is None else msgspec.msgpack.decode(state, type=RoomState)
            return ExecutionRoom(self, room, known)
        except (msgspec.MsgspecError, ValueError) as error:
            raise ValueError(f"the snapshot of room {room!r} cannot be used: {error}") from error

    def turn(self, rooms: Mapping[str, RoomWork]) -> Iterable[Outgoing]:
        """Nothing is due by itself, for time comes with messages; but see now and then whether we still write here."""
        self._turns += 1
        if self._turns % LOOK_TURNS == 0 and self.places:
            ends = self.bus.ends(TRADES)
            for partition, place in self.places.items():
                if ends[partition][1] > place.trades_next:
                    self._look(place, partition, ends[partition][1])
        return ()

    def checkpoint(self, partition: int) -> tuple[int, int]:
        """Where answers to what comes next will stand on the trades topic, and our epoch.

        Raises
        ------
        Fenced
            Somebody else has claimed the partition: what we folded since may be void, so nothing of it is kept.
        """
        place = self.places[partition]
        self._look(place, partition)
        return place.trades_next, place.epoch

    def _look(self, place: _Place, partition: int, end: int | None = None) -> None:
        """Read what came on the trades topic since; our own answers, or the claim of somebody who has taken over."""
        epoch = place.epoch
        self._scan(place, partition, end)
        self._check_holder(place, partition, epoch)

    def _check_holder(self, place: _Place, partition: int, epoch: int) -> None:
        if (place.epoch, place.holder) != (epoch, self._worker):
            raise Fenced(
                f"{place.holder or 'somebody else'} has claimed partition {partition} with epoch {place.epoch}; "
                f"{self._worker} lets go of it and begins again"
            )

    def end(self, partition: int) -> None:
        """Somebody else answers there now."""
        self.places.pop(partition, None)

    def count(self, answer: Trade) -> None:
        """Count an answer for the metrics."""
        if isinstance(answer, Passed):
            self.passed[answer.why] += 1
        else:
            self.told += 1

    def figures(self) -> Mapping[str, float]:
        """Records told, and passed by reason."""
        return {"told": self.told, **{f"passed_{why}": count for why, count in self.passed.items()}}


class NotInbound(Exception):
    """An inbound record that is none; the message says why."""


def read_inbound(record: Taken) -> tuple[Inbound, str]:
    """Message and id of an inbound record.

    Raises
    ------
    NotInbound
        If it is of another version, or no message at all.
    """
    headers = dict(record.headers)
    version = headers.get(VERSION, b"?")
    if not is_readable(record.headers):
        raise NotInbound(f"wire version {version.decode(errors='replace')!r}; this VTrade reads {WIRE_VERSION}")
    try:
        message = decode_inbound(record.value or b"")
        message_id = headers.get(ID, b"").decode()
    except UNREADABLE as error:
        raise NotInbound(f"no message ({error})") from None
    if isinstance(message, OpenRoom) and message.room != record.key:
        raise NotInbound(f"it opens room {message.room!r} under the key {record.key!r}")
    return message, message_id


def _trade_of(record: Taken) -> Trade | None:
    try:
        return decode_trade(record.value or b"")
    except UNREADABLE:
        return None
