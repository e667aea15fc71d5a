"""How does one process serve the rooms of a class, with no server behind it? A journal a room, and one writer each.

Rules: messages of participants wait in a bounded queue for the one thread that writes them, many to a commit; what
cannot belong to the room fails alone. A message with the id of an earlier one gives that one's answer: orders have a
name in the engine too (``client_order_id``), ids of everything else are written beside the journal before the record
they name, with its hash, so that an id counts only where its record is there. Playing follows the facts: start, pause
and speed are in the journal, and a room that was playing goes on playing when it is opened again.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final, NamedTuple, Protocol
from urllib.parse import quote
from weakref import WeakValueDictionary

from vtrade.domain.messages import (
    Fact,
    Inbound,
    OpenRoom,
    PlayChanged,
    RoomClosed,
    RoomCommand,
    SubmitOrder,
    decode_facts,
    decode_inbound,
)
from vtrade.domain.values import MICRO, to_micros
from vtrade.errors import DeskError, JournalError, Overloaded, TapeError, Unavailable, VTradeError
from vtrade.gamification.leaderboard import Leaderboard
from vtrade.market.tape import Tape, TapeHead
from vtrade.ports import Clock, Entry, Log
from vtrade.services.pace import SPEED_MAX, as_speed
from vtrade.services.room import Room
from vtrade.services.runtime import BATCH_MAX
from vtrade.services.shared import Follower, Posted, SharedRoom

QUEUE_MAX: Final = 4_096
"""Messages that wait to be written, per room."""
IDS_MAX: Final = 20_000
"""Ids of messages that are remembered, per room; the oldest go first."""
ROOMS_OPEN_MAX: Final = 256
"""Rooms that are in memory at once."""
CLOSE_S: Final = 30.0
"""Longest wait for the writer when a room is closed, in seconds."""
DIGEST: Final = 16
"""Bytes of a message's hash that are kept with its id."""

STOPPING: Final = "this room is being closed here; try again in a moment"

Answer = tuple[int, list[Fact]]


class Ids(Protocol):
    """Where the ids of messages are kept; see :class:`vtrade.adapters.register.SqliteRegister`."""

    def items(self, prefix: str = "") -> dict[str, bytes]:
        """All of them."""

    def put_many(self, values: Mapping[str, bytes | None]) -> None:
        """Keep some and forget others, durably."""

    def close(self) -> None:
        """Let go of them."""


class _Sent(NamedTuple):
    message: Inbound
    message_id: str
    posted: Posted

    def answer(self, answer: Answer) -> None:
        self.posted.durable.set_result(answer[0])
        self.posted.told.set_result(answer)

    def fail(self, error: BaseException) -> None:
        self.posted.durable.set_exception(error)
        self.posted.told.set_exception(error)


class HostedRoom(Room):
    """A room that many share, in this process. It is a room with a writer in front, hence the inheritance.

    Parameters
    ----------
    name : str
    log, tape, opening, clock, leaderboards
        As of :class:`vtrade.services.room.Room`.
    ids : Ids
        Where ids of messages are kept; closed with the room.
    reader : callable
        Opens the log a second time, to be read while it is written.
    """

    shared = True

    def __init__(
        self, name: str, log: Log, tape: Tape | None, *, opening: Iterable[Inbound], clock: Clock,
        leaderboards: dict[str, Leaderboard], ids: Ids, reader: Callable[[], Log],
    ) -> None:  # fmt: skip
        self.name = name
        self._ids_kept = ids
        self._reader = reader
        self._ids: dict[str, bytes] = dict(sorted(ids.items().items(), key=lambda pair: pair[1]))
        self._playing_wanted = False
        self._pace = MICRO
        self._obeying = False
        self._ending = False
        self._gate = threading.Lock()
        self._queue: queue.SimpleQueue[_Sent | None] = queue.SimpleQueue()
        super().__init__(log, tape, opening=opening, clock=clock, leaderboards=leaderboards)
        self._obeying = True
        with self.lock:
            self._obey()
        self._writer = threading.Thread(target=self._write, name=f"vtrade-writer-{name}", daemon=True)
        self._writer.start()

    @property
    def seq(self) -> int:
        """Number of the newest record that was folded."""
        return self.runtime.heard

    def entries(self) -> Iterator[Entry]:
        """Every record of the room so far, as a journal holds them."""
        log = self._reader()
        try:
            yield from log.read()
        finally:
            log.close()

    # --- messages in ---------------------------------------------------------------------------------------------

    def post(self, message: Inbound, *, message_id: str = "") -> Posted:
        """Send a message; one with the ``message_id`` of an earlier one does nothing and gives that one's answer.

        Raises
        ------
        Overloaded
            Too much is waiting; nothing was sent.
        Unavailable
            The room is being closed.
        """
        posted = Posted(Future(), Future())
        with self._gate:  # nothing can get behind the end of the queue
            if self._ending:
                raise Unavailable(STOPPING)
            if self._queue.qsize() >= QUEUE_MAX:
                raise Overloaded(f"{QUEUE_MAX:,} messages are waiting in room {self.name!r}; send again in a moment")
            self._queue.put(_Sent(message, message_id, posted))
        return posted

    def _write(self) -> None:
        ended = False
        while not ended:
            batch: list[_Sent] = []
            taken = self._queue.get()
            while taken is not None:
                batch.append(taken)
                if len(batch) >= BATCH_MAX:
                    break
                try:
                    taken = self._queue.get_nowait()
                except queue.Empty:
                    break
            ended = taken is None
            if batch:
                self._commit(batch)

    def _commit(self, batch: list[_Sent]) -> None:
        answers: list[Answer | BaseException]
        try:
            with self.together():
                self._open()
                answers = self._answers(batch)
        except Exception as error:
            if not isinstance(error, VTradeError):
                logging.getLogger(__name__).exception("a batch of room %s failed", self.name)
                error = VTradeError("this could not be written; nothing of it was done")
            answers = [error] * len(batch)
        for sent, answer in zip(batch, answers, strict=True):
            if isinstance(answer, BaseException):
                sent.fail(answer)
            else:
                sent.answer(answer)

    def _answers(self, batch: list[_Sent]) -> list[Answer | BaseException]:
        """Write what is new; the answer of each."""
        answers: dict[int, Answer | BaseException] = {}
        fresh: list[int] = []
        first: dict[str, int] = {}
        for n, sent in enumerate(batch):
            name = sent.message_id
            known = self._answer_before(name) if name in self._ids else None
            if known is not None:
                answers[n] = known
            elif name and name in first:
                continue  # its twin is in this very batch
            else:
                fresh.append(n)
                if name:
                    first[name] = n
        results = self.runtime.submit_each(
            [batch[n].message for n in fresh],
            before=lambda done: self._remember([(batch[fresh[k]], entry) for k, entry in done]),
        )
        for n, result in zip(fresh, results, strict=True):
            answers[n] = result if isinstance(result, BaseException) else (result[0].seq, result[1])
        return [answers[n] if n in answers else answers[first[batch[n].message_id]] for n in range(len(batch))]

    # --- ids -----------------------------------------------------------------------------------------------------

    def _remember(self, written: list[tuple[_Sent, Entry]]) -> None:
        """Keep ids before their records are written; those of orders only in memory, the engine has its own."""
        durable: dict[str, bytes | None] = {}
        for sent, entry in written:
            if sent.message_id:
                value = entry.seq.to_bytes(8, "big") + _digest(entry.message)
                self._ids[sent.message_id] = value
                if not isinstance(sent.message, SubmitOrder):
                    durable[sent.message_id] = value
        if durable:
            for name in tuple(self._ids)[: max(0, len(self._ids) - IDS_MAX)]:
                del self._ids[name]
                durable.setdefault(name, None)
            self._ids_kept.put_many(durable)
        elif len(self._ids) > 2 * IDS_MAX:  # orders alone: forgetting them needs no disk, but is done in strides
            for name in tuple(self._ids)[: len(self._ids) - IDS_MAX]:
                del self._ids[name]

    def _answer_before(self, message_id: str) -> Answer | None:
        """The answer of the message that had this id, if its record is there."""
        value = self._ids[message_id]
        seq = int.from_bytes(value[:8], "big")
        entry = next(self.runtime.log.read(seq - 1), None)
        if entry is None or entry.seq != seq or _digest(entry.message) != value[8:]:
            return None
        return seq, decode_facts(entry.facts)

    # --- followers and playing -----------------------------------------------------------------------------------

    def follow(self, follower: Follower) -> Callable[[], None]:
        """Have ``follower`` called with each record from now on, in order, under the lock; returns how to stop."""

        def heard(seq: int, message: Inbound, facts: list[Fact]) -> None:
            try:
                follower(seq, message, facts)
            except Exception:  # the record is written: somebody's trouble with it is his own
                logging.getLogger(__name__).exception("a follower of room %s failed", self.name)

        with self.lock:
            self.followers.append(heard)

        def stop() -> None:
            with self.lock, contextlib.suppress(ValueError):
                self.followers.remove(heard)

        return stop

    def _publish(self, message: Inbound, facts: list[Fact]) -> None:
        super()._publish(message, facts)
        changed = False
        for fact in facts:
            if isinstance(fact, PlayChanged):
                changed = True
                self._pace = fact.speed
                self._playing_wanted = fact.action == "start" or (fact.action == "speed" and self._playing_wanted)
            elif isinstance(fact, RoomClosed):
                changed, self._playing_wanted = True, False
        if changed and self._obeying:
            self._obey()

    def _obey(self) -> None:
        """Play, or stand still, as the facts say; under the lock."""
        self.speed = as_speed(self._pace) or float(SPEED_MAX)
        if not self._playing_wanted:
            self._stop.set()  # the playing thread sees it before it does anything more; nobody waits for it
            self._thread = None
        elif not self.playing:
            try:
                super().play(self.speed)
            except DeskError as error:
                self.trouble = f"The market does not play: {error}"

    def play(self, speed: float) -> None:
        """Let the market move, for everybody; it is on the record."""
        self.submit([RoomCommand(self.now_ns, "start", amount=to_micros(speed, what="speed"))])

    def pause(self) -> None:
        """Let the market stand still, for everybody."""
        if self._ending:
            super().pause()
        else:
            self.submit([RoomCommand(self.now_ns, "pause", amount=self._pace)])

    def close(self) -> None:
        """Write what was taken, stop playing, let go of the journal."""
        with self._gate:
            if self._ending:
                return
            self._ending = True
            self._queue.put(None)
        self._writer.join(CLOSE_S)
        try:
            super().close()
        finally:
            self._ids_kept.close()


def _digest(message: bytes) -> bytes:
    return hashlib.sha256(message).digest()[:DIGEST]


# --- all rooms -------------------------------------------------------------------------------------------------------


class HostedRooms:
    """The rooms of a folder: one journal each, opened when somebody comes.

    Parameters
    ----------
    folder : Path
        Made where it is not there.
    open_log : callable
        Opens a journal by path.
    open_ids : callable
        Opens the ids beside it by path.
    open_reader : callable
        Opens a journal by path to be read while it is in use.
    load : callable
        Gives the tape of a name; a tape that several rooms play is in memory once.
    clock : Clock
    leaderboards : callable
        Makes empty leaderboards for a room, by name.
    """

    def __init__(
        self, folder: Path, *, open_log: Callable[[str | None], Log], open_ids: Callable[[str], Ids],
        open_reader: Callable[[str], Log], load: Callable[[str], Tape], clock: Clock,
        leaderboards: Callable[[], dict[str, Leaderboard]],
    ) -> None:  # fmt: skip
        self.folder = folder
        self._open_log, self._open_ids, self._load = open_log, open_ids, load
        self._open_reader = open_reader
        self._clock, self._leaderboards = clock, leaderboards
        self._rooms: dict[str, HostedRoom] = {}
        self._tapes: WeakValueDictionary[str, Tape] = WeakValueDictionary()
        self._lock = threading.RLock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(
                f"the folder {folder} cannot be made: {error.strerror or error}; choose another"
            ) from error

    def path(self, name: str) -> Path:
        """Journal of a room.

        Examples
        --------
        >>> from tempfile import mkdtemp
        >>> parts = dict.fromkeys(("open_log", "open_ids", "open_reader", "load", "clock", "leaderboards"))
        >>> rooms = HostedRooms(Path(mkdtemp()), **parts)
        >>> rooms.path("../a b").name
        '%2E%2E%2Fa%20b.vtrade'
        """
        return self.folder / f"{quote(name, safe='').replace('.', '%2E')}.vtrade"

    def open(self, name: str) -> SharedRoom:
        """A room that exists.

        Raises
        ------
        DeskError
            If there is no such room.
        """
        with self._lock:
            room = self._rooms.get(name)
            if room is not None and not room.closed:
                return room
            path = self.path(name)
            if not path.is_file():
                raise DeskError(f"there is no room {name!r} here")
            return self._made(name, path, (), None)

    def create(self, name: str, opening: Sequence[Inbound], *, tape: str, head: TapeHead | None) -> SharedRoom:
        """A new room that begins with these messages; what its tape is called is in the first of them.

        Raises
        ------
        DeskError
            If there is one of that name already.
        """
        with self._lock:
            path = self.path(name)
            if path.is_file() and path.stat().st_size:
                raise DeskError(f"there is a journal of a room {name!r} already; choose another name")
            loaded = self._tape(tape)
            try:
                room = self._made(name, path, opening, loaded)
                room.start()
            except BaseException:
                self.release(name)
                path.unlink(missing_ok=True)
                raise
            return room

    def _made(self, name: str, path: Path, opening: Sequence[Inbound], tape: Tape | None) -> HostedRoom:
        self._make_place()
        log = self._open_log(str(path))
        try:
            if not opening:
                tape = self._tape_of(log)
            ids = self._open_ids(str(path.with_suffix(".ids")))
            try:
                room = HostedRoom(
                    name, log, tape, opening=opening, clock=self._clock, leaderboards=self._leaderboards(), ids=ids,
                    reader=lambda: self._open_reader(str(path)),
                )  # fmt: skip
            except BaseException:
                ids.close()
                raise
        except BaseException:
            log.close()
            raise
        self._rooms[name] = room
        return room

    def _tape_of(self, log: Log) -> Tape | None:
        first = next(log.read(), None)
        if first is None:
            raise DeskError("this room has no beginning: it was being made when the gateway was stopped")
        opening = decode_inbound(first.message)
        if not isinstance(opening, OpenRoom):
            raise JournalError("its journal does not begin with a room; run `vtrade verify` for the details")
        try:
            return self._tape(opening.tape)
        except TapeError as error:  # it can be looked at and traded; nothing plays
            logging.getLogger(__name__).warning("a room has no tape to play: %s", error)
            return None

    def _tape(self, name: str) -> Tape:
        tape = self._tapes.get(name)
        if tape is None:
            tape = self._tapes[name] = self._load(name)
        return tape

    def _make_place(self) -> None:
        """Let go of a room that nobody follows and that stands still, where there are too many."""
        if len(self._rooms) < ROOMS_OPEN_MAX:
            return
        for name, room in tuple(self._rooms.items()):
            if not room.followers and not room.playing:
                self.release(name)
                return
        raise Overloaded(f"{ROOMS_OPEN_MAX} rooms are busy here; try again later, or use a second gateway")

    def entries(self, name: str) -> Iterator[Entry]:
        """Records of a room as they are now, from the first."""
        path = self.path(name)
        if not path.is_file():
            raise DeskError(f"there is no room {name!r} here")
        log = self._open_reader(str(path))
        try:
            yield from log.read()
        finally:
            log.close()

    def release(self, name: str) -> None:
        """Close a room here; its journal stays."""
        with self._lock:
            room = self._rooms.pop(name, None)
        if room is not None:
            room.close()

    def close(self) -> None:
        """Close all rooms."""
        for name in tuple(self._rooms):
            try:
                self.release(name)
            except VTradeError as error:
                logging.getLogger(__name__).warning("room %s could not be closed: %s", name, error)


__all__ = ["IDS_MAX", "QUEUE_MAX", "ROOMS_OPEN_MAX", "HostedRoom", "HostedRooms", "Ids"]
