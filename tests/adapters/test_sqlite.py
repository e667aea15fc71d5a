"""Is a SQLite journal a log, and what does it say to files it cannot trust, and to a second desk?

Rules: the tests write with real files, real locks and real processes.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from filelock import FileLock

from tests.adapters.log_contract import DurableLogContract, LogContract, entry, seqs, snapshot
from vtrade.adapters.sqlite import APPLICATION_ID, FORMAT, MEMORY, SNAPSHOTS_KEPT, SqliteLog
from vtrade.errors import JournalCorrupt, JournalError, JournalInUse
from vtrade.ports import Log


class TestFile(DurableLogContract):
    def open(self, folder: Path) -> Log:
        return SqliteLog(folder / "j.vtrade")


class TestMemory(LogContract):
    def open(self, folder: Path) -> Log:
        return SqliteLog(MEMORY)

    def test_two_desks_in_memory_do_not_meet(self, tmp_path: Path) -> None:
        with SqliteLog(MEMORY) as one, SqliteLog(MEMORY) as two:
            one.append([entry(1)])
            assert two.last() is None

    def test_it_leaves_no_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with SqliteLog(MEMORY) as log:
            log.append([entry(1)])
        assert list(tmp_path.iterdir()) == []

    def test_it_does_not_hold_all_it_was_told_in_memory(self) -> None:
        before = psutil.Process().memory_info().rss
        with SqliteLog(MEMORY) as log:
            for n in range(60):
                log.append([entry(n + 1, size=500_000)])
            assert psutil.Process().memory_info().rss - before < 30_000_000, "of sixty megabytes"
            assert seqs(log) == list(range(1, 61))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "j.vtrade"


def write(path: Path, count: int = 3, *, size: int = 3) -> None:
    with SqliteLog(path) as log:
        log.append([entry(n, size=size) for n in range(1, count + 1)])


def by_hand(path: Path, *statements: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        db.execute(statement)
    db.close()


def copy_with_wal(path: Path, to: Path) -> Path:
    """The files as a crash would leave them."""
    for ending in ("", "-wal"):
        shutil.copyfile(f"{path}{ending}", f"{to}{ending}")
    return to


def asked(log: SqliteLog, statement: str) -> Any:
    """What the log's own connection answers, in one word."""
    assert log._db is not None
    row = log._db.execute(statement).fetchone()
    return row[0] if row else None


# --- how it is kept ----------------------------------------------------------------------------------------------


def test_a_commit_is_on_the_disk_before_append_returns(path: Path) -> None:
    with SqliteLog(path) as log:
        assert asked(log, "PRAGMA journal_mode") == "wal"
        assert asked(log, "PRAGMA synchronous") == 2  # FULL
        for n in range(1, 6):
            log.append([entry(n)])
            with SqliteLog(copy_with_wal(path, path.with_name(f"copy{n}")), read_only=True) as copy:
                assert seqs(copy) == list(range(1, n + 1))


def test_thinning_bounds_what_is_kept(path: Path) -> None:
    with SqliteLog(path) as log:
        for n in range(1, 4 * SNAPSHOTS_KEPT):
            log.save_snapshot(snapshot(n))
            assert asked(log, "SELECT count(*) FROM snapshots") <= SNAPSHOTS_KEPT


def test_what_is_not_committed_is_not_there(path: Path) -> None:
    with SqliteLog(path) as log:
        log.append([entry(1)])
        asked(log, "BEGIN IMMEDIATE")
        asked(log, "INSERT INTO log VALUES (2, x'00', x'00', x'00')")
        copy = copy_with_wal(path, path.with_name("copy"))
        asked(log, "ROLLBACK")
    with SqliteLog(copy) as found:
        assert seqs(found) == [1]


# --- files that are no journal -----------------------------------------------------------------------------------


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    "content", [b"x", b"\n", b"hello", b"ts_ns,account\n" * 300, b"SQLite format 3", b"SQLite format 3\0" + b"\0" * 84,
                b"SQLite format 3\0" + b"\xff" * 5_000, bytes(4_096)]
)  # fmt: skip
def test_a_file_that_is_no_journal_stays_as_it_is(path: Path, content: bytes, read_only: bool) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"j\.vtrade"):
        SqliteLog(path, read_only=read_only)
    assert path.read_bytes() == content
    assert sorted(p.name for p in path.parent.iterdir() if not p.name.endswith(".lock")) == ["j.vtrade"]


@pytest.mark.parametrize("read_only", [False, True])
def test_another_sqlite_file_stays_as_it_is(path: Path, read_only: bool) -> None:
    by_hand(path, "CREATE TABLE accounts (name TEXT)", "INSERT INTO accounts VALUES ('ana')")
    content = path.read_bytes()
    with pytest.raises(JournalError, match="no VTrade journal"):
        SqliteLog(path, read_only=read_only)
    assert path.read_bytes() == content


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("version", [0, FORMAT + 1, -1])
def test_another_format_is_named(path: Path, version: int, read_only: bool) -> None:
    write(path)
    by_hand(path, f"PRAGMA user_version = {version}")
    content = path.read_bytes()
    with pytest.raises(JournalError, match=f"format {version}; this VTrade reads format {FORMAT}"):
        SqliteLog(path, read_only=read_only)
    assert path.read_bytes() == content


def test_another_application_is_refused(path: Path) -> None:
    write(path)
    by_hand(path, f"PRAGMA application_id = {APPLICATION_ID + 1}")
    with pytest.raises(JournalError, match="no VTrade journal"):
        SqliteLog(path)


def test_an_empty_file_may_become_a_journal_but_is_none(path: Path) -> None:
    path.touch()
    with pytest.raises(JournalError, match="is empty"):
        SqliteLog(path, read_only=True)
    write(path)
    with SqliteLog(path, read_only=True) as log:
        assert seqs(log) == [1, 2, 3]


def test_a_journal_without_records_is_a_journal(path: Path) -> None:
    SqliteLog(path).close()
    with SqliteLog(path, read_only=True) as log:
        assert log.last() is None


def test_looking_for_a_journal_that_is_not_there_makes_none(path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        SqliteLog(path, read_only=True)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("read_only", [False, True])
def test_a_folder_is_no_journal(path: Path, read_only: bool) -> None:
    path.mkdir()
    with pytest.raises(JournalError):
        SqliteLog(path, read_only=read_only)


def test_a_journal_cannot_lie_under_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    with pytest.raises(JournalError, match="cannot be written"):
        SqliteLog(tmp_path / "file" / "j.vtrade")


def test_a_refused_file_can_be_opened_once_it_is_mended(path: Path) -> None:
    write(path)
    by_hand(path, f"PRAGMA user_version = {FORMAT + 1}")
    for _ in range(3):
        with pytest.raises(JournalError, match="format"):
            SqliteLog(path)
    by_hand(path, f"PRAGMA user_version = {FORMAT}")
    with SqliteLog(path) as log:
        assert seqs(log) == [1, 2, 3]


def test_a_refused_file_is_let_go(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_hand(path, "CREATE TABLE t (x)")
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def remember(*args: Any, **options: Any) -> sqlite3.Connection:
        opened.append(connect(*args, **options))
        return opened[-1]

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", remember)
        for read_only in (True, False):
            with pytest.raises(JournalError):
                SqliteLog(path, read_only=read_only)
    assert opened
    for db in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            db.execute("SELECT 1")


# --- a second desk -----------------------------------------------------------------------------------------------

HOLD = """
import sys
from vtrade.adapters.sqlite import SqliteLog
log = SqliteLog(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
log.close()
"""


@contextlib.contextmanager
def held_by_another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        yield child
        if child.poll() is None:
            child.communicate("")


def test_two_processes_on_one_journal(path: Path) -> None:
    write(path)
    with held_by_another_process(path) as child:
        with pytest.raises(JournalInUse, match=r"j\.vtrade is in use by another desk: end that one"):
            SqliteLog(path)
        with SqliteLog(path, read_only=True) as looker:
            assert seqs(looker) == [1, 2, 3]
        child.communicate("")
        assert child.returncode == 0
        write_more = SqliteLog(path)
        write_more.append([entry(4)])
        write_more.close()


def test_a_killed_desk_leaves_no_lock_behind(path: Path) -> None:
    with held_by_another_process(path) as child:
        child.kill()
        child.wait()
        with SqliteLog(path) as log:
            log.append([entry(1)])


def test_the_same_journal_under_another_name(path: Path) -> None:
    """Through a link, and by a way round."""
    with SqliteLog(path):
        link = path.with_name("link")
        link.symlink_to(path)
        folder = path.parent / "folder"
        folder.mkdir()
        linked_folder = path.parent / "linked"
        linked_folder.symlink_to(path.parent)
        for name in (link, folder / ".." / path.name, linked_folder / path.name):
            with pytest.raises(JournalInUse):
                SqliteLog(name)


def test_a_relative_name_is_the_same_journal(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    with SqliteLog("j.vtrade") as log:
        monkeypatch.chdir("/")
        with pytest.raises(JournalInUse):
            SqliteLog(path)
        log.append([entry(1)])
    SqliteLog(path).close()


def test_the_next_desk_is_alone_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third desk comes while the first is leaving and the second has just come in."""
    first = SqliteLog(path)
    second: list[SqliteLog] = []
    release = FileLock.release

    def release_and_let_in(lock: Any, force: bool = False) -> None:
        release(lock, force)
        if not second:
            second.append(SqliteLog(path))

    with monkeypatch.context() as patch:
        patch.setattr(FileLock, "release", release_and_let_in)
        first.close()
    assert second
    with second[0] as holder:
        with pytest.raises(JournalInUse):
            SqliteLog(path)
        holder.append([entry(1)])


def test_looking_takes_no_lock(path: Path) -> None:
    write(path)
    with SqliteLog(path, read_only=True), SqliteLog(path, read_only=True), SqliteLog(path) as desk:
        desk.append([entry(4)])


def test_looking_cannot_write(path: Path) -> None:
    write(path)
    with SqliteLog(path, read_only=True) as log:
        with pytest.raises(JournalError):
            log.append([entry(4)])
        assert seqs(log) == [1, 2, 3]


def test_a_desk_may_come_while_somebody_looks(path: Path) -> None:
    """Also to a journal at rest, and write it full, and go: the reader reads on, and takes nothing for damage."""
    write(path, 200, size=900)
    with SqliteLog(path, read_only=True) as looker:
        reader = looker.read()
        seen = [next(reader) for _ in range(20)]
        with SqliteLog(path) as desk:
            desk.append([entry(n, size=900) for n in range(201, 1_500)])
            for n in range(100, 200):
                desk.save_snapshot(snapshot(n, state=b"x" * 3_000))
            seen += [next(reader) for _ in range(5)]
        seen += list(reader)
        assert seen == [entry(n, size=900) for n in range(1, len(seen) + 1)]
        assert looker.damage() == ""
        assert len(seen) in (200, 1_499)
        assert seqs(looker) == list(range(1, 1_500))
        assert looker.last() == entry(1_499, size=900)
        found = looker.load_snapshot()
        assert found is not None
        assert found.seq == 199


def test_a_journal_in_use_shows_all_its_records_under_another_name(path: Path) -> None:
    link = path.parent / "elsewhere" / "link"
    link.parent.mkdir()
    link.symlink_to(path)
    with SqliteLog(path) as desk:
        desk.append([entry(1), entry(2)])
        with SqliteLog(link, read_only=True) as looker:
            assert seqs(looker) == [1, 2]
    with SqliteLog(link, read_only=True) as looker:
        assert looker.damage() == ""


# --- damaged files -----------------------------------------------------------------------------------------------


def test_a_file_cut_off_in_the_middle_names_the_record(path: Path) -> None:
    write(path, 60, size=2_000)
    content = path.read_bytes()
    for part in (0.95, 0.7, 0.4):
        path.write_bytes(content[: int(len(content) * part)])
        with SqliteLog(path, read_only=True) as log, pytest.raises(JournalCorrupt) as caught:
            list(log.read())
        assert caught.value.seq is not None
        assert 1 <= caught.value.seq <= 60 * part + 1
        assert f"record {caught.value.seq} " in str(caught.value)


def test_a_file_cut_off_in_the_middle_is_refused_with_the_record(path: Path) -> None:
    write(path, 60, size=2_000)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(JournalCorrupt) as caught, SqliteLog(path) as log:
        list(log.read())
    assert caught.value.seq is not None
    assert f"record {caught.value.seq} " in str(caught.value)


@pytest.mark.parametrize("size", [1, 50, 99, 100, 512, 1_000, 4_095])
def test_a_file_cut_off_in_its_first_page_is_a_journal_error(path: Path, size: int) -> None:
    write(path, 5)
    path.write_bytes(path.read_bytes()[:size])
    content = path.read_bytes()
    for read_only in (True, False):
        with pytest.raises(JournalError), SqliteLog(path, read_only=read_only) as log:
            list(log.read())
    assert path.read_bytes() == content


def test_a_table_that_is_missing(path: Path) -> None:
    write(path)
    by_hand(path, "DROP TABLE log")
    with SqliteLog(path, read_only=True) as log, pytest.raises(JournalCorrupt):
        list(log.read())
    write(path)
    by_hand(path, "DROP TABLE snapshots")
    with SqliteLog(path, read_only=True) as log:
        assert log.load_snapshot() is None
        assert seqs(log) == [1, 2, 3]


@pytest.mark.parametrize("column", ["message", "facts", "chain"])
@pytest.mark.parametrize("value", ["'text'", "5", "1.5", "NULL"])
def test_a_record_that_holds_something_else_than_bytes(path: Path, column: str, value: str) -> None:
    """A flipped bit may turn bytes into text or a number."""
    write(path)
    by_hand(
        path,
        "CREATE TABLE loose (seq INTEGER PRIMARY KEY, message, facts, chain)",
        "INSERT INTO loose SELECT * FROM log",
        f"UPDATE loose SET {column} = {value} WHERE seq = 2",
        "DROP TABLE log",
        "ALTER TABLE loose RENAME TO log",
    )
    with SqliteLog(path, read_only=True) as log:
        with pytest.raises(JournalCorrupt) as caught:
            list(log.read())
        assert caught.value.seq == 2


def test_a_snapshot_that_holds_something_else_than_bytes_is_none(path: Path) -> None:
    with SqliteLog(path) as log:
        log.save_snapshot(snapshot(1))
    by_hand(
        path,
        "CREATE TABLE loose (seq INTEGER PRIMARY KEY, state, state_hash, chain)",
        "INSERT INTO loose SELECT * FROM snapshots",
        "UPDATE loose SET state = 'text'",
        "DROP TABLE snapshots",
        "ALTER TABLE loose RENAME TO snapshots",
    )
    with SqliteLog(path, read_only=True) as log:
        found = log.load_snapshot()
        assert found is None or type(found.state) is bytes
