"""Was a journal file changed where no record stands? A digest of the whole file, kept in the file.

Rules: records are proven by their chain; what is left of a page is part of no record, and a byte changed there does no
harm, but it shows that somebody was at the file. A journal is sealed when it is closed in good order: the digest runs
over every byte but its own and the two counters that SQLite changes in the head of the file. A journal in use, or one
whose desk was killed, has no seal.
"""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from typing import Final

TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS seal (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, digest BLOB NOT NULL) STRICT"
)

OPEN: Final = -1
"""``seq`` of a journal that is not sealed."""

_COUNTERS: Final = ((24, 28), (92, 100))
"""Bytes of the file's head that SQLite counts changes in."""

_UNSET: Final = b"the digest of the file goes here."[:32]


def break_seal(db: sqlite3.Connection) -> None:
    """The journal is going to change."""
    db.execute("INSERT OR REPLACE INTO seal VALUES (1, ?, ?)", (OPEN, _UNSET))


def put_seal(db: sqlite3.Connection, path: Path) -> None:
    """Seal a journal that is about to be closed."""
    db.execute("PRAGMA busy_timeout = 0")  # a desk does not wait for its readers to close
    db.execute("UPDATE seal SET seq = (SELECT coalesce(max(seq), 0) FROM log), digest = ?", (_UNSET,))
    busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if not busy:  # while somebody reads, the file is not yet what it will be
        db.execute("UPDATE seal SET digest = ?", (_digest(db, path, _UNSET),))


def broken_seal(db: sqlite3.Connection, path: Path) -> bool:
    """Whether the file differs from what was sealed; False where there is no seal to compare with."""
    beside = Path(f"{path.resolve()}-wal")
    if beside.exists() and beside.stat().st_size:
        return False
    row = db.execute("SELECT seq, digest FROM seal").fetchone()
    last = db.execute("SELECT coalesce(max(seq), 0) FROM log").fetchone()[0]
    if row is None or row[0] == OPEN or row[1] == _UNSET:
        return False
    broken = row[0] != last or row[1] != _digest(db, path, row[1])
    # a desk that came meanwhile breaks the seal itself
    return bool(broken) and not (beside.exists() and beside.stat().st_size > 0)


def _digest(db: sqlite3.Connection, path: Path, own: bytes) -> bytes:
    """SHA-256 of the file as it is with an unset digest; ``own`` is the one that stands in it."""
    size = int(db.execute("PRAGMA page_size").fetchone()[0])
    number = int(db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'seal'").fetchone()[0])
    digest = hashlib.sha256()
    with path.open("rb") as file:
        page = 0
        while chunk := file.read(size):
            page += 1
            if page == 1:
                head = bytearray(chunk)
                for low, high in _COUNTERS:
                    head[low:high] = bytes(high - low)
                chunk = bytes(head)
            if page == number:
                chunk = chunk.replace(own, _UNSET)
            digest.update(chunk)
    return digest.digest()
