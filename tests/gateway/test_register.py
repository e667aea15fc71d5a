"""Do all registers keep what they are given: in memory, in a file, on a bus that others write too?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from vtrade.adapters.register import MemoryRegister, SqliteRegister
from vtrade.errors import BusUnavailable, JournalError, JournalInUse, VTradeError
from vtrade.ports import Outgoing, Place, Taken
from vtrade.services.register import BusRegister


class Topic:
    """A bus with one partition that keeps everything in a list; ``deaf`` ones write and are never read."""

    def __init__(self, *, deaf: bool = False) -> None:
        self.records: list[Taken] = []
        self.news = threading.Condition()
        self.deaf = deaf

    def post(self, record: Outgoing) -> Future[int]:
        done: Future[int] = Future()
        with self.news:
            taken = Taken(record.topic, 0, len(self.records), record.key, record.value)
            self.records.append(taken)
            self.news.notify_all()
        done.set_result(taken.offset)
        return done

    def read(self, place: Place, start: int = 0, end: int | None = None) -> Iterator[Taken]:
        return iter(self.records[start:end])

    def follow(self, positions: Mapping[Place, int]) -> Reader:
        return Reader(self, next(iter(positions.values())))


class Reader:
    def __init__(self, topic: Topic, at: int) -> None:
        self.topic, self.at = topic, at

    def poll(self, timeout_s: float, *, records_max: int) -> list[Taken]:
        with self.topic.news:
            self.topic.news.wait_for(lambda: len(self.topic.records) > self.at and not self.topic.deaf, timeout_s)
            if self.topic.deaf:
                return []
            found = self.topic.records[self.at : self.at + records_max]
        self.at += len(found)
        return found

    def close(self) -> None:
        pass


Make = Callable[[], Any]


@pytest.fixture(params=["memory", "sqlite", "bus"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Opens the same register again and again; the one before is closed."""
    topic, memory = Topic(), MemoryRegister()
    opened: list[Any] = []

    def again() -> Any:
        if opened:
            opened[-1].close()
        kinds: dict[str, Make] = {
            "memory": lambda: memory,
            "sqlite": lambda: SqliteRegister(tmp_path / "register.db"),
            "bus": lambda: BusRegister(topic),  # type: ignore[arg-type]
        }
        opened.append(kinds[request.param]())
        return opened[-1]

    yield again
    for register in opened:
        register.close()


class TestRegister:
    """What every register does."""

    def test_keeps_values(self, make: Make) -> None:
        register = make()
        register.put("room/a", b"1")
        register.put("room/b", b"2")
        register.put("token/c", b"3")
        register.put("room/a", b"4")
        assert register.get("room/a") == b"4"
        assert register.get("room/none") is None
        assert register.items("room/") == {"room/a": b"4", "room/b": b"2"}
        register.put("room/b", None)
        register.put("room/b", None)
        assert register.get("room/b") is None

    def test_remembers(self, make: Make) -> None:
        register = make()
        register.put("ä/ключ", b"\0\xff")
        register.put("gone", b"x")
        register.put("gone", None)
        assert make().items() == {"ä/ключ": b"\0\xff"}

    def test_tells_of_changes_until_told_not_to(self, make: Make) -> None:
        register, heard = make(), []
        done = threading.Event()

        def listen(key: str, value: bytes | None) -> None:
            heard.append((key, value))
            if key == "last":
                done.set()

        stop = register.watch(listen)
        register.watch(lambda key, value: 1 / 0)
        register.put("a", b"1")
        register.put("a", None)
        register.put("last", b"")
        assert done.wait(10)
        stop()
        stop()
        register.put("b", b"2")
        assert heard == [("a", b"1"), ("a", None), ("last", b"")]

    def test_refuses_what_is_too_large(self, make: Make) -> None:
        register = make()
        for key, value in (("", b""), ("k" * 600, b""), ("k", b"v" * 70_000)):
            with pytest.raises(VTradeError):
                register.put(key, value)
        assert register.items() == {}

    def test_many_threads_may_write(self, make: Make) -> None:
        register = make()
        threads = [
            threading.Thread(target=lambda n=n: [register.put(f"{n}/{i}", b"x") for i in range(20)]) for n in range(5)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(register.items()) == 100


def test_two_gateways_on_a_bus_see_the_same(tmp_path: Path) -> None:
    topic = Topic()
    one, two = BusRegister(topic), BusRegister(topic)  # type: ignore[arg-type]
    one.put("a", b"1")
    two.put("b", b"2")
    assert two.get("a") == b"1", "whoever wrote has read what came before"
    assert two.items() == {"a": b"1", "b": b"2"}
    one.close()
    two.close()


def test_a_change_that_does_not_come_back_is_not_said_to_be_made() -> None:
    register = BusRegister(Topic(deaf=True), put_s=0.2)  # type: ignore[arg-type]
    with pytest.raises(BusUnavailable, match="read back"):
        register.put("a", b"1")
    register.close()


def test_one_process_holds_the_file(tmp_path: Path) -> None:
    first = SqliteRegister(tmp_path / "register.db")
    with pytest.raises(JournalInUse):
        SqliteRegister(tmp_path / "register.db")
    first.close()
    SqliteRegister(tmp_path / "register.db").close()
    assert (tmp_path / "register.db").stat().st_mode & 0o077 == 0, "others may read who is who"


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to be one" * 100, b"SQLite format 3\0" + b"\xff" * 500]
)
def test_what_is_no_register_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "register.db").write_bytes(content)
    with pytest.raises(JournalError, match=r"register\.db"):
        SqliteRegister(tmp_path / "register.db")


def test_several_changes_are_made_together(tmp_path: Path) -> None:
    register = SqliteRegister(tmp_path / "register.db")
    changes: Sequence[Mapping[str, bytes | None]] = ({"a": b"1", "b": b"2"}, {"a": None, "c": b"3"})
    for change in changes:
        register.put_many(change)
    with pytest.raises(VTradeError):
        register.put_many({"d": b"4", "": b"5"})
    register.close()
    again = SqliteRegister(tmp_path / "register.db")
    assert again.items() == {"b": b"2", "c": b"3"}
    again.close()
