"""Was a journal file changed where no record stands? A digest of the whole file, kept in the file.

Rules: records are proven by their chain; what is left of a page is part of no record, and a byte changed there does no
harm, but it shows that somebody was at the file. A journal is sealed when it is closed in good order: the digest runs
over every byte but those of the seal's own page and the two counters that SQLite changes in the head of the file. A
journal in use, or one whose desk was killed, has no seal.
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

_CHUNK: Final = 1 << 20


def break_seal(db: sqlite3.Connection) -> None:
    """The journal is going to change."""
    db.execute("INSERT OR REPLACE INTO seal VALUES (1, ?, zeroblob(32))", (OPEN,))


def put_seal(db: sqlite3.Connection, path: Path) -> None:
    """Seal a journal that is about to be closed."""
    busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        return  # somebody reads: the file is not yet what it will be
    digest = _digest(db, path)
    db.execute("UPDATE seal SET seq = (SELECT coalesce(max(seq), 0) FROM log), digest = ?", (digest,))


def broken_seal(db: sqlite3.Connection, path: Path) -> bool:
    """Whether the file differs from what was sealed; False where there is no seal to compare with."""
    beside = Path(f"{path.resolve()}-wal")
    if beside.exists() and beside.stat().st_size:
        return False
    row = db.execute("SELECT seq, digest FROM seal").fetchone()
    last = db.execute("SELECT coalesce(max(seq), 0) FROM log").fetchone()[0]
    broken = row is not None and row[0] != OPEN and (row[0] != last or row[1] != _digest(db, path))
    # a desk that came meanwhile breaks the seal itself
    return broken and not (beside.exists() and beside.stat().st_size)


def _digest(db: sqlite3.Connection, path: Path) -> bytes:
    size = int(db.execute("PRAGMA page_size").fetchone()[0])
    page = int(db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'seal'").fetchone()[0])
    skipped = ((page - 1) * size, page * size)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        start = 0
        while chunk := bytearray(file.read(_CHUNK)):
            for low, high in (*_COUNTERS, skipped):
                a, z = max(low - start, 0), min(high - start, len(chunk))
                if a < z:
                    chunk[a:z] = bytes(z - a)
            digest.update(chunk)
            start += len(chunk)
    return digest.digest()
