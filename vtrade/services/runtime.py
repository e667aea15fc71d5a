"""How does a message become durable facts? Take, process, append, publish: the one loop.

Rules: what :meth:`Runtime.submit` returns is on the disk. A message is applied and written together or not at all:
where the log refuses, the engine goes back to what the log has. Projections see facts only after they are durable. One
thread at a time holds the lock; nothing here reads a clock.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from vtrade.domain import display
from vtrade.domain.messages import Fact, Inbound, decode_facts, decode_inbound, encode_facts, encode_inbound
from vtrade.errors import JournalCorrupt, JournalError, ValueOffGrid, VTradeError
from vtrade.execution.engine import Engine
from vtrade.ports import Entry, Log, Projection, Snapshot
from vtrade.services.fold import GENESIS, RoomFold, link

SNAPSHOT_EVERY: Final = 512
"""Least number of records between two snapshots."""

SNAPSHOT_RATIO: Final = 8
"""A snapshot waits until the log has grown by so many times the size of the last one, so that a room with many orders
does not spend its time on snapshots."""

BATCH_MAX: Final = 256
"""Messages that share one commit."""

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError)
"""What decoding damaged bytes may raise."""


class Runtime:
    """One room: an engine, its log and what hangs on its facts.

    Parameters
    ----------
    log : Log
        Empty for a new room, else the room goes on where the log ends.
    projections : sequence of Projection
        Fed every fact from the first, also those of before.
    on_message : callable, optional
        Sees each inbound message with its facts, after they are durable and when the log is read again.
    at_once : bool
        Do not wait for the kernel to be compiled: somebody is looking.
    """

    def __init__(
        self,
        log: Log,
        *,
        projections: Sequence[Projection] = (),
        on_message: Callable[[Inbound, list[Fact]], None] | None = None,
        snapshot_every: int = SNAPSHOT_EVERY,
        at_once: bool = False,
    ) -> None:
        self.log = log
        self._at_once = at_once
        self.lock = threading.RLock()
        self._projections = tuple(projections)
        self._on_message = on_message
        self._snapshot_every = snapshot_every
        self._fold = RoomFold()
        self._snapshot_seq = 0
        self._snapshot_bytes = 0
        self._bytes_since = 0
        self._heard = (0, GENESIS)
        self._tell_the_rest()
        self._recover()

    @property
    def engine(self) -> Engine:
        """The engine, as far as the log goes."""
        return self._fold.engine

    @property
    def seq(self) -> int:
        """Number of the newest record."""
        return self._fold.seq

    @property
    def heard(self) -> int:
        """Number of the newest record that everybody was told of."""
        return self._heard[0]

    @property
    def chain(self) -> bytes:
        """Chain value after it."""
        return self._fold.chain

    def submit(self, messages: Iterable[Inbound]) -> list[list[Fact]]:
        """Process messages in order; returns the facts of each once all are durable.

        Raises
        ------
        VTradeError
            If a message cannot belong to this log. None of the messages was applied.
        JournalError
            If the log could not be written. None of the messages was applied.
        """
        with self.lock, _undisturbed():
            batch = [_kept(message) for message in messages]
            entries: list[Entry] = []
            results: list[list[Fact]] = []
            try:
                for wire, message in batch:
                    entry, facts = self._fold.step(wire, message)
                    entries.append(entry)
                    results.append(facts)
                if entries:
                    self.log.append(entries)
            except BaseException:
                # the engine may be ahead of the log, or the log further than it said: go to what is durable
                self._recover()
                self._tell_the_rest()
                raise
            self._written(
                (entry, message, facts) for entry, (_, message), facts in zip(entries, batch, results, strict=True)
            )
            return results

    def submit_each(
        self, messages: Sequence[Inbound], *, before: Callable[[list[tuple[int, Entry]]], None]
    ) -> list[tuple[Entry, list[Fact]] | VTradeError]:
        """Process messages in one commit, where each that cannot belong to the log fails alone.

        Parameters
        ----------
        before : callable
            Sees the records (with the place of each among ``messages``) right before they are written.

        Returns
        -------
        list
            Of each message its record and facts, or why it was refused.

        Raises
        ------
        JournalError
            If the log could not be written. None of the messages was applied.
        """
        with self.lock, _undisturbed():
            refused: dict[int, VTradeError] = {}
            kept: dict[int, tuple[bytes, Inbound]] = {}
            for n, message in enumerate(messages):
                try:
                    kept[n] = _kept(message)
                except VTradeError as error:
                    refused[n] = error
            try:
                while (done := self._stepped(kept, refused)) is None:
                    self._recover()  # one that was refused has moved the engine: begin again without it
                if done:
                    records = [(n, entry) for n, (entry, _) in done.items()]
                    before(records)
                    self.log.append([entry for _, entry in records])
            except BaseException:
                self._recover()
                self._tell_the_rest()
                raise
            self._written((entry, kept[n][1], facts) for n, (entry, facts) in done.items())
            return [refused[n] if n in refused else done[n] for n in range(len(messages))]

    def _stepped(
        self, kept: dict[int, tuple[bytes, Inbound]], refused: dict[int, VTradeError]
    ) -> dict[int, tuple[Entry, list[Fact]]] | None:
        """Fold messages by their places; those that are refused leave ``kept``. ``None``: one has moved the engine."""
        done: dict[int, tuple[Entry, list[Fact]]] = {}
        for n, (wire, message) in tuple(kept.items()):
            moves = self._fold.moves(message)
            try:
                done[n] = self._fold.step(wire, message)
                continue
            except VTradeError as error:
                refused[n] = error
            except Exception as error:  # a message that somebody made up may break anything, but not the room
                logging.getLogger(__name__).exception("a %s could not be applied", type(message).__name__)
                refused[n] = VTradeError(f"this {type(message).__name__} could not be applied ({type(error).__name__})")
                moves = True
            del kept[n]
            if moves:
                return None
        return done

    def _written(self, records: Iterable[tuple[Entry, Inbound, list[Fact]]]) -> None:
        """Tell everybody of records that are durable now, and keep a snapshot where it is time."""
        for entry, message, facts in records:
            self._publish(entry, message, facts)
            self._bytes_since += len(entry.message) + len(entry.facts)
        due = self.seq - self._snapshot_seq >= self._snapshot_every
        if due and self._bytes_since >= SNAPSHOT_RATIO * self._snapshot_bytes:
            self.save_snapshot()

    def submit_many(self, messages: Iterable[Inbound], *, batch: int = BATCH_MAX) -> list[list[Fact]]:
        """As :meth:`submit`, in commits of ``batch`` messages: an error keeps the batches before it."""
        results: list[list[Fact]] = []
        pending: list[Inbound] = []
        for message in messages:
            pending.append(message)
            if len(pending) >= batch:
                results += self.submit(pending)
                pending = []
        return results + (self.submit(pending) if pending else [])

    def save_snapshot(self) -> None:
        """Write the engine's state beside the log, so that the next start need not fold everything."""
        with self.lock:
            state = self.engine.snapshot()
            with contextlib.suppress(JournalError):  # the log has everything; a snapshot only saves time
                self.log.save_snapshot(Snapshot(self.seq, state, hashlib.sha256(state).digest(), self.chain))
            self._snapshot_seq, self._snapshot_bytes, self._bytes_since = self.seq, len(state), 0

    def close(self) -> None:
        """Snapshot what is new and let go of the log."""
        with self.lock:
            if self.seq > self._snapshot_seq:
                self.save_snapshot()
            self.log.close()

    # --- after a start or a failed write ------------------------------------------------------------------------

    def _recover(self) -> None:
        """Bring the engine to the end of the log: newest good snapshot, then the tail."""
        snapshot, engine, bad = self._newest_good()
        self._fold = fold = RoomFold(engine, seq=snapshot.seq, chain=snapshot.chain) if snapshot else RoomFold()
        fold.engine.at_once = self._at_once
        self._snapshot_seq = self.seq
        self._snapshot_bytes = len(snapshot.state) if snapshot else 0
        self._bytes_since = 0
        for entry in self.log.read(self.seq):
            _check_link(self.seq, self.chain, entry)
            try:
                self.engine.process(decode_inbound(entry.message))
            except (msgspec.MsgspecError, VTradeError, ValueError) as error:
                raise _corrupt(entry.seq, f"cannot be applied ({error})") from error
            fold.seq, fold.chain = entry.seq, entry.chain
            if self.seq in bad:
                self.save_snapshot()  # in place of the damaged one

    def _newest_good(self) -> tuple[Snapshot | None, Engine | None, set[int]]:
        """The newest snapshot that is whole and belongs to this log, its engine, and where newer ones do not."""
        bad: set[int] = set()
        for snapshot in _snapshots(self.log):
            if hashlib.sha256(snapshot.state).digest() == snapshot.state_hash:
                record = next(self.log.read(snapshot.seq - 1), None)
                if record is None:
                    last = self.log.last()
                    first = last.seq + 1 if last else 1
                    raise _corrupt(first, f"is missing: a snapshot was taken after record {snapshot.seq}")
                with contextlib.suppress(ValueError, msgspec.DecodeError):
                    if (record.seq, record.chain) == (snapshot.seq, snapshot.chain):
                        return snapshot, Engine.restore(snapshot.state), bad
            bad.add(snapshot.seq)
        return None, None, bad

    def _publish(self, entry: Entry, message: Inbound, facts: list[Fact]) -> None:
        self._heard = entry.seq, entry.chain
        for projection in self._projections:
            projection.apply(facts)
        if self._on_message is not None:
            self._on_message(message, facts)

    def _tell_the_rest(self) -> None:
        """Publish what is in the log and was not heard yet, record by record as its chain is found whole."""
        if not self._projections and self._on_message is None:
            return
        for entry in self.log.read(self._heard[0]):
            _check_link(*self._heard, entry)
            try:
                message, facts = decode_inbound(entry.message), decode_facts(entry.facts)
            except UNREADABLE as error:
                raise _corrupt(entry.seq, f"cannot be read ({error})") from error
            self._publish(entry, message, facts)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let Ctrl-C wait until a batch is on the disk and everybody has heard of it."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    came: list[Any] = []
    signal.signal(signal.SIGINT, lambda *call: came.append(call))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if came:
            handler(*came[0])


def _kept(message: Inbound) -> tuple[bytes, Inbound]:
    """A message's wire form, and the message as it will be read again: what cannot be read must not get in."""
    try:
        wire = encode_inbound(message)
        return wire, decode_inbound(wire)
    except (msgspec.MsgspecError, TypeError, OverflowError, UnicodeError) as error:
        raise ValueOffGrid(
            f"this {type(message).__name__} cannot be kept in a journal ({error}); nothing of it was done"
        ) from error


def _check_link(seq: int, chain: bytes, entry: Entry) -> None:
    if entry.seq != seq + 1:
        raise _corrupt(seq + 1, f"is missing: the next one found is {entry.seq}")
    if link(chain, entry.message, entry.facts) != entry.chain:
        raise _corrupt(entry.seq, "was changed: its chain value does not fit")


def _corrupt(seq: int, why: str) -> JournalCorrupt:
    return JournalCorrupt(f"record {seq} {why}; run `vtrade verify` for the details", seq=seq)


# --- proof -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What :func:`verify` found.

    Attributes
    ----------
    ok : bool
    records, facts : int
        How many were recomputed and found equal.
    state_hash : str
        Of the engine after the last good record.
    record : int or None
        Number of the first record that differs; ``None`` also where the file was changed outside its records.
    fact_seq : int or None
        ``seq`` of the first fact that differs.
    why : str
    """

    ok: bool
    records: int
    facts: int
    state_hash: str
    record: int | None = None
    fact_seq: int | None = None
    why: str = ""

    def __str__(self) -> str:
        if self.ok:
            return f"{self.records:,} records and {self.facts:,} facts recomputed, all equal; state {self.state_hash}"
        if self.record is None:
            return f"{self.why}; all {self.records:,} records are equal"
        return f"record {self.record} differs: {self.why} ({self.records:,} records before it are equal)"

    def __repr__(self) -> str:
        if not self.ok:
            return display.called("Verdict", str(self))
        counts = f"{self.records:,} records", f"{self.facts:,} facts"
        return display.called("Verdict", "all equal", *counts, f"state {self.state_hash[:12]}")

    def _repr_html_(self) -> str:
        verdict = "✓ All is as it was recorded" if self.ok else "✗ This is not what was recorded"
        return display.html([display.Words(verdict, "strong"), display.Words(f"{self}.")])


def verify(log: Log, *, progress: Callable[[int], None] | None = None) -> Verdict:
    """Recompute everything in a log from its inputs and compare, up to the first difference.

    Parameters
    ----------
    log : Log
    progress : callable, optional
        Called with the number of each record.
    """
    engine = Engine()
    seq, chain, facts_seen = 0, GENESIS, 0
    # before the records: whoever writes meanwhile has written the records of these
    marks = {snapshot.seq: _mark(snapshot) for snapshot in _snapshots(log)}

    def bad(record: int, why: str, fact_seq: int | None = None) -> Verdict:
        state = engine.state_hash() if engine.instruments else ""
        return Verdict(False, seq, facts_seen, state, record, fact_seq, why)

    try:
        for entry in log.read():
            if entry.seq != seq + 1:
                return bad(seq + 1, f"it is missing; the next one found is {entry.seq}")
            try:
                recomputed = engine.process(decode_inbound(entry.message))
            except UNREADABLE as error:
                return bad(entry.seq, f"its message cannot be read ({error})")
            except Exception as error:  # a message that somebody made up may break anything
                return bad(entry.seq, f"its message cannot be applied ({error or type(error).__name__})")
            if encode_facts(recomputed) != entry.facts:
                return bad(entry.seq, *_first_difference(entry.facts, recomputed))
            if link(chain, entry.message, entry.facts) != entry.chain:
                return bad(entry.seq, "its chain value does not fit its content")
            seq, chain = entry.seq, entry.chain
            facts_seen += len(recomputed)
            if seq in marks and marks.pop(seq) != _mark_of(engine, chain):
                seq -= 1  # those before it are whole
                return bad(seq + 1, "the snapshot taken after it was changed")
            if progress is not None:
                progress(seq)
    except JournalCorrupt as error:
        return bad(error.seq or seq + 1, str(error))
    if not seq:
        return bad(1, "the journal is empty")
    if marks:
        return bad(seq + 1, f"it is missing; a snapshot was taken after record {max(marks)}")
    damage = log.damage()
    if damage:
        return Verdict(False, seq, facts_seen, engine.state_hash(), None, None, damage)
    return Verdict(True, seq, facts_seen, engine.state_hash())


def _snapshots(log: Log) -> Iterator[Snapshot]:
    snapshot = log.load_snapshot()
    while snapshot is not None:
        yield snapshot
        snapshot = log.load_snapshot(snapshot.seq - 1)


def _mark(snapshot: Snapshot) -> tuple[bytes, bytes, bytes]:
    return hashlib.sha256(snapshot.state).digest(), snapshot.state_hash, snapshot.chain


def _mark_of(engine: Engine, chain: bytes) -> tuple[bytes, bytes, bytes]:
    state_hash = hashlib.sha256(engine.snapshot()).digest()
    return state_hash, state_hash, chain


def _first_difference(stored: bytes, recomputed: list[Fact]) -> tuple[str, int | None]:
    try:
        told = decode_facts(stored)
    except UNREADABLE as error:
        return f"its facts cannot be read ({error})", recomputed[0].seq if recomputed else None
    for have, want in zip(told, recomputed, strict=False):
        if have != want:
            return f"fact {want.seq} is {have}, recomputed {want}", want.seq
    if len(told) == len(recomputed):
        return "its facts are written in other bytes than they would be", None
    number = min(len(told), len(recomputed))
    extra = (told if len(told) > number else recomputed)[number]
    return f"fact {extra.seq} is {'too many' if len(told) > number else 'missing'}: {extra}", extra.seq
