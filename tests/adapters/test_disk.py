"""What does a journal say to a folder, a file and a disk that cannot be written, and is nothing lost by it?

Rules: the system itself refuses. Where the tests run as root, whom no permission stops, they go without that power for
a moment (:func:`as_nobody`); a full disk is a bound on the size of a file, or on the pages of a journal.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.log_contract import entry, seqs, snapshot
from tests.adapters.test_sqlite import copy_with_wal, write
from vtrade.adapters.sqlite import SqliteLog
from vtrade.errors import JournalError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "j.vtrade"


# --- folders and files that cannot be written ----------------------------------------------------------------------


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's power to write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that nobody can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="vtrade-journal-"))
    folder.chmod(0o777)
    yield folder
    folder.chmod(0o777)
    shutil.rmtree(folder)


def test_a_new_journal_in_a_read_only_folder(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with as_nobody(), pytest.raises(JournalError, match=r"cannot be written: Permission denied\. Choose a folder"):
        SqliteLog(open_folder / "j")
    assert list(open_folder.iterdir()) == []


def test_a_journal_in_a_read_only_folder_can_be_looked_at(open_folder: Path) -> None:
    write(open_folder / "j")
    (open_folder / "j").chmod(0o444)
    open_folder.chmod(0o555)
    with as_nobody():
        with pytest.raises(JournalError, match="cannot be written"):
            SqliteLog(open_folder / "j")
        with SqliteLog(open_folder / "j", read_only=True) as log:
            assert seqs(log) == [1, 2, 3]


@pytest.mark.parametrize("with_index", [True, False])
def test_a_read_only_folder_after_a_crash_hides_no_record(open_folder: Path, with_index: bool) -> None:
    """What is only in the write-ahead log counts: what is handed in after a crash must not verify as a shorter one."""
    with SqliteLog(open_folder / "old") as log:
        log.append([entry(n) for n in range(1, 6)])
        copy_with_wal(open_folder / "old", open_folder / "j")
        if with_index:
            shutil.copyfile(open_folder / "old-shm", open_folder / "j-shm")
    for path in open_folder.iterdir():
        path.chmod(0o444)
    open_folder.chmod(0o555)
    found, said = [1, 2, 3, 4, 5], "j-wal"
    with as_nobody():
        try:
            with SqliteLog(open_folder / "j", read_only=True) as log:
                found = seqs(log)
        except JournalError as error:
            said = str(error) if not with_index else "nothing, though SQLite needs no other file than these"
    assert found == [1, 2, 3, 4, 5]
    assert "j-wal" in said, "the error does not say where the records are"


def test_a_write_ahead_log_that_cannot_be_read_is_not_passed_over(open_folder: Path) -> None:
    with SqliteLog(open_folder / "old") as log:
        log.append([entry(n) for n in range(1, 6)])
        copy_with_wal(open_folder / "old", open_folder / "j")
    (open_folder / "j").chmod(0o444)
    (open_folder / "j-wal").chmod(0o000)
    open_folder.chmod(0o555)
    with as_nobody(), pytest.raises(JournalError), SqliteLog(open_folder / "j", read_only=True) as log:
        log.last()


def test_a_read_only_file_is_refused_at_once(open_folder: Path) -> None:
    write(open_folder / "j")
    (open_folder / "j").chmod(0o444)
    with as_nobody(), pytest.raises(JournalError):
        SqliteLog(open_folder / "j")
    with SqliteLog(open_folder / "j", read_only=True) as log:
        assert seqs(log) == [1, 2, 3]


# --- full disk ---------------------------------------------------------------------------------------------------


def test_a_full_journal_refuses_the_batch_and_keeps_the_rest(path: Path) -> None:
    with SqliteLog(path, max_pages=8) as log:
        log.append([entry(1), entry(2)])
        with pytest.raises(JournalError, match=r"could not be written: .*full.*Nothing of this was kept"):
            log.append([entry(n, size=9_000) for n in range(3, 9)])
        assert list(log.read()) == [entry(1), entry(2)]
        log.append([entry(3)])
        log._db.execute("PRAGMA max_page_count = 1000")  # type: ignore[union-attr]
        log.append([entry(n, size=9_000) for n in range(4, 10)])
        assert seqs(log) == list(range(1, 10))
    with SqliteLog(path) as log:
        assert seqs(log) == list(range(1, 10))


def test_a_full_journal_refuses_a_snapshot_and_keeps_the_records(path: Path) -> None:
    with SqliteLog(path, max_pages=8) as log:
        log.append([entry(1)])
        log.save_snapshot(snapshot(1))
        with pytest.raises(JournalError, match="full"):
            log.save_snapshot(snapshot(2, state=b"x" * 100_000))
        assert log.load_snapshot() == snapshot(1)
        log.append([entry(2)])
        assert seqs(log) == [1, 2]


@contextlib.contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """The system refuses to let any file of this process grow beyond ``size`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_disk_that_takes_no_more(path: Path) -> None:
    """The system itself refuses in the middle of a commit."""
    with SqliteLog(path) as log:
        log.append([entry(1), entry(2)])
        caught: list[JournalError] = []
        for extra in (1_000, 5_000, 30_000):
            with no_file_beyond(Path(f"{path}-wal").stat().st_size + extra):
                try:
                    log.append([entry(n, size=5_000) for n in range(3, 20)])
                except JournalError as error:
                    caught.append(error)
            assert list(log.read()) == [entry(1), entry(2)]
        assert len(caught) == 3
        log.append([entry(3)])
    with SqliteLog(path) as log:
        assert list(log.read()) == [entry(1), entry(2), entry(3)]


def test_a_disk_that_takes_no_more_when_the_journal_is_opened(path: Path) -> None:
    write(path, 40, size=2_000)
    content = path.read_bytes()
    with no_file_beyond(16), pytest.raises(JournalError, match=r"j\.vtrade"):
        SqliteLog(path)
    assert path.read_bytes() == content
    with SqliteLog(path) as log:
        assert seqs(log) == list(range(1, 41))


def test_a_disk_that_takes_no_more_when_the_journal_is_closed(path: Path) -> None:
    """Nothing of it needs the close; and the journal is let go of."""
    log = SqliteLog(path)
    log.append([entry(n, size=2_000) for n in range(1, 41)])
    with no_file_beyond(16):
        log.close()
    with SqliteLog(path) as again:
        assert list(again.read()) == [entry(n, size=2_000) for n in range(1, 41)]


def test_somebody_who_holds_the_file_with_another_tool(path: Path) -> None:
    with SqliteLog(path) as log:
        log.append([entry(1)])
        log._db.execute("PRAGMA busy_timeout = 20")  # type: ignore[union-attr]
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match=r"locked.*Nothing of this was kept"):
            log.append([entry(2)])
        assert seqs(log) == [1]
        other.execute("ROLLBACK")
        other.close()
        log.append([entry(2)])
        assert seqs(log) == [1, 2]
