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
from typing import Final, Self

from filelock import FileLock, Timeout

from vtrade.errors import JournalCorrupt, JournalError, JournalInUse
from vtrade.ports import Entry, Snapshot

APPLICATION_ID: Final = 0x56547264
FORMAT: Final = 1
SNAPSHOTS_KEPT: Final = 64
"""Older snapshots are thinned out, every second one, beyond this number."""

MEMORY: Final = ":memory:"

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
        in_memory = self.path == MEMORY
        try:
            if in_memory:
                self._db = sqlite3.connect(MEMORY, isolation_level=None, check_same_thread=False)
            elif read_only:
                if not Path(path).is_file():
                    raise JournalError(f"there is no journal {self.path}; check the path")
                self._db = self._open_to_read(Path(path))
            else:
                self._take_lock()
                self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            self._prepare(read_only=read_only, max_pages=max_pages)
        except sqlite3.DatabaseError as error:
            self._release()
            raise JournalError(
                f"{self.path} cannot be opened as a journal: {error}. "
                "Check the path and that the folder can be written."
            ) from error
        except JournalError:
            self._release()
            raise

    def _open_to_read(self, path: Path) -> sqlite3.Connection:
        uri = path.absolute().as_uri()
        db = sqlite3.connect(f"{uri}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
        try:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            # a folder that cannot be written has no place for SQLite's shared memory
            db.close()
            db = sqlite3.connect(f"{uri}?mode=ro&immutable=1", uri=True, isolation_level=None, check_same_thread=False)
        return db

    def _take_lock(self) -> None:
        lock = FileLock(f"{self.path}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise JournalInUse(
                f"journal {self.path} is in use by another desk; close that one, or give this desk another journal"
            ) from None
        except OSError as error:
            raise JournalError(
                f"journal {self.path} cannot be written: {error.strerror or error}. Choose a folder you may write to."
            ) from error
        self._lock = lock

    def _prepare(self, *, read_only: bool, max_pages: int) -> None:
        known = int(self._db.execute("PRAGMA application_id").fetchone()[0])
        tables = int(self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        if tables and known != APPLICATION_ID:
            raise JournalError(f"{self.path} is a SQLite file, but no VTrade journal; choose another name")
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        if tables and version != FORMAT:
            raise JournalError(f"{self.path} has journal format {version}; this VTrade reads format {FORMAT}")
        if read_only:
            if not tables:
                raise JournalError(f"{self.path} is empty, not a VTrade journal")
            return
        if not tables:
            self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {FORMAT}")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        if max_pages:
            self._db.execute(f"PRAGMA max_page_count = {int(max_pages)}")
        self._db.executescript(_TABLES)

    def append(self, entries: Sequence[Entry]) -> None:
        """Write all entries or none; on the disk when it returns."""
        rows = [(e.seq, e.message, e.facts, e.chain) for e in entries]
        self._write("INSERT INTO log VALUES (?, ?, ?, ?)", rows)

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(statement, rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
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
        try:
            for seq, message, facts, chain in self._db.execute(
                "SELECT seq, message, facts, chain FROM log WHERE seq > ? ORDER BY seq", (after,)
            ):
                yield Entry(seq, message, facts, chain)
                last = seq
        except sqlite3.DatabaseError as error:
            raise JournalCorrupt(
                f"journal {self.path}: record {last + 1} cannot be read ({error}); records up to {last} are whole",
                seq=last + 1,
            ) from error

    def last(self) -> Entry | None:
        """The newest entry, or ``None``."""
        try:
            row = self._db.execute("SELECT seq, message, facts, chain FROM log ORDER BY seq DESC LIMIT 1").fetchone()
        except sqlite3.DatabaseError as error:
            raise JournalCorrupt(f"journal {self.path} cannot be read: {error}") from error
        return Entry(*row) if row else None

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot; old ones are thinned out."""
        self._write(
            "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)",
            [(snapshot.seq, snapshot.state, snapshot.state_hash, snapshot.chain)],
        )
        kept = [row[0] for row in self._db.execute("SELECT seq FROM snapshots ORDER BY seq")]
        if len(kept) > SNAPSHOTS_KEPT:
            self._write("DELETE FROM snapshots WHERE seq = ?", [(seq,) for seq in kept[1:-1:2]])

    def load_snapshot(self, at_most: int | None = None) -> Snapshot | None:
        """The newest snapshot with ``seq <= at_most``, or ``None``."""
        bound = 2**62 if at_most is None else at_most
        try:
            row = self._db.execute(
                "SELECT seq, state, state_hash, chain FROM snapshots WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (bound,)
            ).fetchone()
        except sqlite3.DatabaseError:
            return None  # a snapshot is a convenience: the log has everything
        return Snapshot(*row) if row else None

    def close(self) -> None:
        """Close the file and let the next desk have it."""
        self._db.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            with contextlib.suppress(OSError):
                Path(f"{self.path}.lock").unlink()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
