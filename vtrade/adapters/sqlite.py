"""How is a room's log kept in one SQLite file?

Rules: one row a message, with the facts it produced, so that both are there or neither; a commit is on the disk (WAL,
``synchronous=FULL``) before :meth:`SqliteLog.append` returns; many messages share one commit. One desk holds a journal
at a time: the lock is the operating system's, so a killed process leaves none behind.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from filelock import FileLock, Timeout

from vtrade.adapters import seal
from vtrade.errors import JournalCorrupt, JournalError, JournalInUse
from vtrade.ports import Entry, Snapshot

APPLICATION_ID: Final = 0x56547264
FORMAT: Final = 1
SNAPSHOTS_KEPT: Final = 64
"""Older snapshots are thinned out, every second one, beyond this number."""

MEMORY: Final = ":memory:"
TEMPORARY: Final = ""
"""What SQLite calls a database that is nobody else's and gone when it is closed. It keeps the newest pages in memory
and the rest in a nameless file, so that a desk without a journal does not grow with all that its market did."""
Rest = tuple[int, int, int]
_MAGIC: Final = b"SQLite format 3\0"

_TABLES = """
CREATE TABLE IF NOT EXISTS log (
    seq INTEGER PRIMARY KEY, message BLOB NOT NULL, facts BLOB NOT NULL, chain BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS snapshots (
    seq INTEGER PRIMARY KEY, state BLOB NOT NULL, state_hash BLOB NOT NULL, chain BLOB NOT NULL) STRICT;
"""


class SqliteLog:
    """A journal file (or ``":memory:"``) behind the ``Log`` port.

    Parameters
    ----------
    path : str or Path
    read_only : bool
        Open for looking only: takes no lock, so a journal in use can be verified.
    max_pages : int
        Refuse to grow beyond so many pages (0: no bound); for tests of a full disk.

    Raises
    ------
    JournalInUse
        Another desk has the file.
    JournalError
        The file is no journal, cannot be opened, or the folder cannot be written.

    Examples
    --------
    >>> with SqliteLog(":memory:") as log:
    ...     log.append([Entry(1, b"message", b"facts", b"chain")])
    ...     [entry.seq for entry in log.read()]
    [1]
    """

    def __init__(self, path: str | Path, *, read_only: bool = False, max_pages: int = 0) -> None:
        self.path = str(path)
        self._lock: FileLock | None = None
        self._db: sqlite3.Connection | None = None
        self._sealable = False
        self._rest: Rest | None = None
        """How the file lay when it was opened to be read as nobody was writing."""
        try:
            if self.path == MEMORY:
                self._db = _connect(TEMPORARY)
            else:
                _check_head(Path(path), read_only=read_only)
                if read_only:
                    self._db, self._rest = _open_to_read(Path(path))
                else:
                    self._take_lock()
                    self._db = _connect(self.path)
            self._prepare(self._db, read_only=read_only, max_pages=max_pages)
        except sqlite3.DatabaseError as error:
            self.close()
            if not read_only and Path(path).is_file():
                _name_what_is_cut_off(self.path)
            raise JournalError(
                f"{self.path} cannot be opened as a journal: {error}. "
                "Check the path and that the folder can be written."
            ) from error
        except BaseException:
            self.close()
            raise

    def _take_lock(self) -> None:
        # links to one journal share one lock, and whichever thread closes it lets go of it
        lock = FileLock(f"{Path(self.path).resolve()}.lock", thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise JournalInUse(
                f"journal {self.path} is in use by another desk: end that one with close_desk(), "
                "or restart its kernel, or give this desk another journal"
            ) from None
        except OSError as error:
            raise JournalError(
                f"journal {self.path} cannot be written: {error.strerror or error}. Choose a folder you may write to."
            ) from error
        self._lock = lock

    def _prepare(self, db: sqlite3.Connection, *, read_only: bool, max_pages: int) -> None:
        known = int(db.execute("PRAGMA application_id").fetchone()[0])
        tables = int(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        if tables and known != APPLICATION_ID:
            raise JournalError(f"{self.path} is a SQLite file, but no VTrade journal; choose another name")
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if tables and version != FORMAT:
            raise JournalError(f"{self.path} has journal format {version}; this VTrade reads format {FORMAT}")
        if read_only:
            if not tables:
                raise JournalError(f"{self.path} is empty, not a VTrade journal")
            return
        if not tables:  # at once, so that a desk killed here leaves an empty file or a journal
            db.executescript(
                f"BEGIN; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; {_TABLES} COMMIT;"
            )
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        if max_pages:
            db.execute(f"PRAGMA max_page_count = {int(max_pages)}")
        db.executescript(_TABLES)
        db.execute(seal.TABLE)
        if self.path != MEMORY:
            seal.break_seal(db)
            self._sealable = True

    def append(self, entries: Sequence[Entry]) -> None:
        """Write all entries or none; on the disk when it returns."""
        rows = [(e.seq, e.message, e.facts, e.chain) for e in entries]
        self._write("INSERT INTO log VALUES (?, ?, ?, ?)", rows)

    @property
    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            raise JournalError(f"journal {self.path} is closed; open it again")
        return self._db

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        db = self._open
        try:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(statement, rows)
            db.execute("COMMIT")
        except BaseException as error:
            with contextlib.suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            if not isinstance(error, sqlite3.Error):
                raise
            raise JournalError(
                f"journal {self.path} could not be written: {error}. Nothing of this was kept; "
                "free some space or check the folder, then try again."
            ) from error

    def read(self, after: int = 0) -> Iterator[Entry]:
        """Entries with ``seq > after``, in order.

        Raises
        ------
        JournalCorrupt
            Where a record cannot be read; ``seq`` is its number.
        """
        last = after
        done = False
        while not done:
            try:
                for row in self._open.execute(
                    "SELECT seq, message, facts, chain FROM log WHERE seq > ? ORDER BY seq", (last,)
                ):
                    if self._moved():
                        break
                    if row[0] <= last or not _all_bytes(row[1:]):
                        raise sqlite3.DatabaseError(f"what stands under number {row[0]} is no record")
                    yield Entry(*row)
                    last = row[0]
                else:
                    done = not self._moved()
            except sqlite3.DatabaseError as error:
                if not self._moved():
                    raise JournalCorrupt(
                        f"journal {self.path}: record {last + 1} cannot be read ({error}); "
                        f"records up to {last} are whole",
                        seq=last + 1,
                    ) from error
            if not done:
                self._look_again()

    def _moved(self) -> bool:
        """Whether a desk came to write while we read without SQLite's locks: what was read since may be torn."""
        return self._rest is not None and _at_rest(Path(self.path)) != self._rest

    def _look_again(self) -> None:
        self._open.close()
        self._db, self._rest = _open_to_read(Path(self.path))

    def _row(self, question: str, *values: object) -> tuple[Any, ...] | None:
        """The first row that answers a question."""
        while True:
            if self._moved():
                self._look_again()
            try:
                row: tuple[Any, ...] | None = self._open.execute(question, values).fetchone()
            except sqlite3.DatabaseError:
                if not self._moved():
                    raise
                continue
            if not self._moved():
                return row

    def last(self) -> Entry | None:
        """The newest entry, or ``None``."""
        try:
            row = self._row("SELECT seq, message, facts, chain FROM log ORDER BY seq DESC LIMIT 1")
        except sqlite3.DatabaseError as error:
            raise JournalCorrupt(f"journal {self.path} cannot be read: {error}") from error
        if row and not _all_bytes(row[1:]):
            raise JournalCorrupt(f"journal {self.path}: what stands under number {row[0]} is no record", seq=row[0])
        return Entry(*row) if row else None

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot; old ones are thinned out."""
        self._write(
            "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)",
            [(snapshot.seq, snapshot.state, snapshot.state_hash, snapshot.chain)],
        )
        with contextlib.suppress(sqlite3.DatabaseError):
            kept = [row[0] for row in self._open.execute("SELECT seq FROM snapshots ORDER BY seq")]
            if len(kept) > SNAPSHOTS_KEPT:
                self._write("DELETE FROM snapshots WHERE seq = ?", [(seq,) for seq in kept[1:-1:2]])

    def load_snapshot(self, at_most: int | None = None) -> Snapshot | None:
        """The newest snapshot with ``seq <= at_most``, or ``None``."""
        bound = 2**62 if at_most is None else at_most
        try:
            row = self._row(
                "SELECT seq, state, state_hash, chain FROM snapshots WHERE seq <= ? ORDER BY seq DESC LIMIT 1", bound
            )
        except sqlite3.DatabaseError:
            return None  # a snapshot is a convenience: the log has everything
        return Snapshot(*row) if row and _all_bytes(row[1:]) else None

    def damage(self) -> str:
        """What is wrong with the file outside its records; empty if nothing is known to be."""
        if self.path == MEMORY or self._sealable or self._moved():
            return ""
        try:
            broken = seal.broken_seal(self._open, Path(self.path))
        except (sqlite3.Error, OSError, TypeError) as error:
            return f"the seal of {self.path} cannot be read ({error})"
        if not broken or self._moved():
            return ""
        return f"{self.path} was changed after it was closed, outside its records"

    def close(self) -> None:
        """Close the file, sealed, and let the next desk have it."""
        if self._db is not None:
            if self._sealable:
                with contextlib.suppress(sqlite3.Error, OSError):  # then it has no seal
                    seal.put_seal(self._db, Path(self.path))
            self._db.close()
            self._db = None
        if self._lock is not None:
            with contextlib.suppress(OSError):
                # while it is held: whoever waits for this very file finds it gone and makes a new one
                Path(self._lock.lock_file).unlink()
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _connect(name: str, *, uri: bool = False) -> sqlite3.Connection:
    return sqlite3.connect(name, uri=uri, isolation_level=None, check_same_thread=False)


def _check_head(path: Path, *, read_only: bool) -> None:
    """Refuse what cannot be a journal before SQLite, which takes one stray byte for an empty file, touches it."""
    if not path.is_file():
        if read_only:
            raise JournalError(f"there is no journal {path}; check the path")
        return
    try:
        with path.open("rb" if read_only else "r+b") as file:
            head = file.read(len(_MAGIC))
    except OSError as error:
        raise JournalError(
            f"journal {path} cannot be {'read' if read_only else 'written'}: {error.strerror or error}. "
            "Check who may use the file, or choose another name."
        ) from error
    if head and head != _MAGIC:
        raise JournalError(f"{path} is no VTrade journal, or its beginning is damaged; choose another name")


def _wal(path: Path) -> Path:
    """The write-ahead log, which SQLite lays beside the file itself, not beside a link to it."""
    return Path(f"{path.resolve()}-wal")


def _at_rest(path: Path) -> Rest | None:
    """How a file lies that nobody writes, or ``None``."""
    if _wal(path).exists():
        return None
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _open_to_read(path: Path) -> tuple[sqlite3.Connection, Rest | None]:
    uri = path.absolute().as_uri()
    # without a write-ahead log nobody is writing: then nothing needs to be laid beside the file to read it
    rest = _at_rest(path)
    db = _connect(f"{uri}?mode=ro{'&immutable=1' if rest else ''}", uri=True)
    db.execute("PRAGMA writable_schema = ON")  # nothing is written; so a file that was cut off can be read up to there
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        # a folder that cannot be written has no place for SQLite's shared memory
        db.close()
        beside = _wal(path)
        if beside.exists() and beside.stat().st_size:
            raise JournalError(
                f"journal {path} has records in {beside} that cannot be read in this folder ({error}); "
                "copy both files to a folder you may write to"
            ) from error
        db = _connect(f"{uri}?mode=ro&immutable=1", uri=True)
        db.execute("PRAGMA writable_schema = ON")
    return db, rest


def _name_what_is_cut_off(path: str) -> None:
    """Raise the error that names the first record that cannot be read, if there is one."""
    found: JournalCorrupt | None = None
    with contextlib.suppress(JournalError), SqliteLog(path, read_only=True) as log:
        try:
            for _ in log.read():
                pass
        except JournalCorrupt as error:
            found = error
    if found is not None:
        raise found


def _all_bytes(values: Sequence[object]) -> bool:
    return all(type(value) is bytes for value in values)
