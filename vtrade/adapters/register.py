"""Where are rooms and tokens kept without a server: in one SQLite file, or in memory?

Rules: a change is on the disk (WAL, ``synchronous=FULL``) before :meth:`SqliteRegister.put` returns. One process holds
the file; the lock is the operating system's, so a killed one leaves none behind. Everything is in memory too, so that a
look-up never waits for the disk.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from vtrade.errors import JournalError, JournalInUse, VTradeError

APPLICATION_ID: Final = 0x56547267
KEY_MAX: Final = 512
"""Characters of a key."""
VALUE_MAX: Final = 65_536
"""Bytes of a value."""
_TABLE: Final = "CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID"

Listener = Callable[[str, bytes | None], None]


class MemoryRegister:
    """A register that ends with the process.

    Examples
    --------
    >>> register = MemoryRegister()
    >>> register.put("room/algebra", b"1")
    >>> register.get("room/algebra"), register.items("room/"), register.get("room/geometry")
    (b'1', {'room/algebra': b'1'}, None)
    """

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []

    def put(self, key: str, value: bytes | None) -> None:
        """Keep a value, or remove it."""
        self.put_many({key: value})

    def put_many(self, values: Mapping[str, bytes | None]) -> None:
        """Keep several values, all of them or none."""
        for key, value in values.items():
            _check(key, value)
        with self._lock:
            self._write(values)
            for key, value in values.items():
                if value is None:
                    self._values.pop(key, None)
                else:
                    self._values[key] = value
            for key, value in values.items():
                self._tell(key, value)

    def get(self, key: str) -> bytes | None:
        """The value, ``None`` where there is none."""
        with self._lock:
            return self._values.get(key)

    def items(self, prefix: str = "") -> dict[str, bytes]:
        """Values whose keys begin with ``prefix``."""
        with self._lock:
            return {key: value for key, value in self._values.items() if key.startswith(prefix)}

    def watch(self, listener: Listener) -> Callable[[], None]:
        """Hear of changes; returns how to stop."""
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    def close(self) -> None:
        """Let go of it."""

    def _write(self, values: Mapping[str, bytes | None]) -> None:
        """Make it durable, or raise and change nothing."""

    def _tell(self, key: str, value: bytes | None) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(key, value)
            except Exception:  # what was kept is kept
                logging.getLogger(__name__).exception("a listener of the register failed")


class SqliteRegister(MemoryRegister):
    """A register in one SQLite file. It is the one in memory with a disk behind it, hence the inheritance.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    JournalInUse
        Another process has the file.
    JournalError
        The file is no register, or cannot be read or written.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path)
        self._file_lock = FileLock(f"{self.path}.lock", thread_local=False)
        try:
            self._file_lock.acquire(timeout=0)
        except Timeout:
            raise JournalInUse(
                f"{self.path} is in use by another gateway; stop that one, or give this one a folder of its own"
            ) from None
        except OSError as error:
            raise JournalError(f"{self.path} cannot be written: {error.strerror or error}; check the folder") from error
        try:
            self._db = _opened(self.path)
            self._values = dict(self._db.execute("SELECT key, value FROM kept"))
        except sqlite3.Error as error:
            self._file_lock.release()
            raise JournalError(f"{self.path} cannot be opened as a register: {error}; check the path") from error
        except BaseException:
            self._file_lock.release()
            raise

    def _write(self, values: Mapping[str, bytes | None]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for key, value in values.items():
                    if value is None:
                        self._db.execute("DELETE FROM kept WHERE key = ?", (key,))
                    else:
                        self._db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, value))
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise JournalError(
                f"{self.path} could not be written: {error}. Nothing was changed; free some space, then try again."
            ) from error

    def close(self) -> None:
        """Close the file and let the next process have it."""
        with self._lock:
            self._db.close()
            self._file_lock.release()


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        known = int(db.execute("PRAGMA application_id").fetchone()[0])
        tables = int(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        if tables and known != APPLICATION_ID:
            raise JournalError(f"{path} is a SQLite file, but no register of VTrade; choose another name")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        if not tables:
            db.executescript(f"BEGIN; PRAGMA application_id = {APPLICATION_ID}; {_TABLE}; COMMIT;")
        path.chmod(0o600)
    except BaseException:
        db.close()
        raise
    return db


def _check(key: str, value: bytes | None) -> None:
    if not 0 < len(key) <= KEY_MAX:
        raise VTradeError(f"a key of {len(key)} characters cannot be kept; give 1 to {KEY_MAX}")
    if value is not None and len(value) > VALUE_MAX:
        raise VTradeError(f"the value of {key!r} has {len(value):,} bytes; give at most {VALUE_MAX:,}")
