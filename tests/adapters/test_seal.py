"""Is a byte changed where no record stands noticed, and is an honest journal never accused?

Rules: a journal is sealed when its desk closes it; a killed desk leaves it without a seal, and that is no damage.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.log_contract import entry, seqs
from tests.adapters.test_sqlite import by_hand, held_by_another_process, write
from vtrade.adapters import seal
from vtrade.adapters.sqlite import SqliteLog


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "j.vtrade"


def sealed(path: Path) -> bool:
    """Whether a byte changed in the empty part of a page is noticed."""
    copy = path.with_name("changed")
    content = bytearray(path.read_bytes())
    content[3_000] ^= 1  # between the schema and its page's end
    copy.write_bytes(content)
    with SqliteLog(copy, read_only=True) as log:
        return log.damage() != ""


def test_a_closed_journal_is_sealed(path: Path) -> None:
    write(path, 30)
    with SqliteLog(path, read_only=True) as log:
        assert log.damage() == ""
    assert sealed(path)
    with SqliteLog(path) as desk:
        desk.append([entry(31)])
    with SqliteLog(path, read_only=True) as log:
        assert log.damage() == ""
    assert sealed(path)


def test_a_journal_whose_desk_was_killed_has_no_seal_and_no_damage(path: Path) -> None:
    write(path, 30)
    with held_by_another_process(path) as child:
        child.kill()
        child.wait()
    with SqliteLog(path, read_only=True) as log:
        assert log.damage() == ""
        assert seqs(log) == list(range(1, 31))
    SqliteLog(path).close()
    assert sealed(path)


@pytest.mark.parametrize("leaves", ["before", "while sealing", "after"])
def test_a_reader_beside_a_closing_desk_is_no_damage(path: Path, monkeypatch: pytest.MonkeyPatch, leaves: str) -> None:
    """It holds back what the desk would write into the file; sealed or not, the file is as it should be."""
    desk = SqliteLog(path)
    desk.append([entry(n, size=900) for n in range(1, 50)])
    looker = SqliteLog(path, read_only=True)
    reader = looker.read()
    next(reader)
    desk.append([entry(n, size=900) for n in range(50, 99)])

    def leave() -> None:
        reader.close()  # type: ignore[attr-defined]
        looker.close()

    digest = seal._digest

    def digest_and_leave(*arguments: Any) -> bytes:
        value = digest(*arguments)
        leave()
        return value

    with monkeypatch.context() as patch:
        if leaves == "before":
            leave()
        elif leaves == "while sealing":
            patch.setattr(seal, "_digest", digest_and_leave)
        start = time.perf_counter()
        desk.close()
        assert time.perf_counter() - start < 3, "the desk waited for its reader"
    leave()
    with SqliteLog(path, read_only=True) as log:
        assert log.damage() == ""
        assert seqs(log) == list(range(1, 99))
    with SqliteLog(path) as again:
        again.append([entry(99)])
    with SqliteLog(path, read_only=True) as log:
        assert log.damage() == ""
    assert sealed(path)


class Crowded:
    """A connection beside which a reader comes after the first ``come`` words of sealing and leaves after ``go``."""

    def __init__(self, path: Path, db: Any, *, come: int, go: int) -> None:
        self.path, self.db, self.come, self.go = path, db, come, go
        self.words = 0

    def execute(self, statement: str, *values: Any) -> Any:
        found = self.db.execute(statement, *values)
        if statement.startswith(("PRAGMA wal", "UPDATE")):
            if self.words == self.come:
                self.looker = SqliteLog(self.path, read_only=True)
                self.reader = self.looker.read()
                next(self.reader)
            if self.words == self.go:
                self.leave()
            self.words += 1
        return found

    def leave(self) -> None:
        self.reader.close()  # type: ignore[attr-defined]
        self.looker.close()


@pytest.mark.parametrize("come", range(3))
@pytest.mark.parametrize("go", range(3))
def test_a_reader_that_comes_and_goes_while_a_journal_is_sealed(path: Path, come: int, go: int) -> None:
    desk = SqliteLog(path)
    desk.append([entry(n, size=900) for n in range(1, 50)])
    assert desk._db is not None
    crowded = Crowded(path, desk._db, come=min(come, go), go=go)
    seal.put_seal(crowded, path)  # type: ignore[arg-type]
    crowded.leave()  # at the latest
    desk._sealable = False  # it was sealed just now
    desk.close()
    with SqliteLog(path, read_only=True) as log:
        assert log.damage() == ""
        assert seqs(log) == list(range(1, 50))
    SqliteLog(path).close()
    assert sealed(path)


@pytest.mark.parametrize("statement", ["UPDATE seal SET digest = zeroblob(32)", "UPDATE seal SET digest = x'00'",
                                       "UPDATE seal SET seq = seq + 1", "DROP TABLE seal"])  # fmt: skip
def test_a_seal_that_somebody_was_at(path: Path, statement: str) -> None:
    write(path)
    by_hand(path, statement)
    with SqliteLog(path, read_only=True) as log:
        assert "seal" in log.damage() or "was changed after it was closed" in log.damage()
        assert seqs(log) == [1, 2, 3]
    SqliteLog(path).close()
    with SqliteLog(path, read_only=True) as log:
        assert log.damage() == ""
