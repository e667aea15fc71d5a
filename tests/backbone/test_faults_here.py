"""What becomes of a class when clocks jump, and when the disk of a class in one process is full?

Rules: nothing is killed here, so everything is in this process: the clock of the workers is one that jumps, and the
system itself refuses what would make a file longer.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.adapters.test_disk import no_file_beyond
from tests.backbone.crew import own_settings, until
from tests.backbone.faultcheck import check
from tests.backbone.faultworld import SPEED, TAPE, World, made_tape, opening, world
from tests.backbone.students import Students
from tests.servers import Server
from vtrade.adapters.clock import SystemClock
from vtrade.adapters.hot import HotState
from vtrade.adapters.register import SqliteRegister
from vtrade.adapters.sqlite import SqliteLog
from vtrade.bootstrap.backbone import load_room_tape, open_bus, snapshot_store
from vtrade.bootstrap.gateway import boards
from vtrade.domain import messages as msg
from vtrade.domain.messages import decode_facts
from vtrade.domain.values import NS_PER_S
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.services.hosted import HostedRooms
from vtrade.services.pace import head_of
from vtrade.services.runtime import verify
from vtrade.services.workers.execution import ExecutionRole
from vtrade.services.workers.feed import FeedRole
from vtrade.services.workers.gamification import GamificationRole
from vtrade.services.workers.portfolio import PortfolioRole
from vtrade.services.workers.role import Role
from vtrade.services.workers.runner import Worker

pytestmark = pytest.mark.timeout(300)


class JumpingClock(SystemClock):
    """A wall clock that is in another year each time it is looked at."""

    def __init__(self) -> None:
        self.looks = count()

    def wall_ns(self) -> int:
        """Some time or other."""
        days = next(self.looks) * 17 % 41 * 365 - 20 * 365
        return max(1, super().wall_ns() + days * 86_400 * NS_PER_S)


@contextlib.contextmanager
def at_work_here(here: World, clock: JumpingClock) -> Iterator[list[Worker]]:
    """Workers of all roles in this process, each with a connection and a thread of its own."""
    bus = open_bus(here.settings, client="jumping")

    def hot(room: str, projection: str) -> HotState:
        return HotState(here.cache, room, projection, clock=clock)

    roles: list[Role] = [
        ExecutionRole(bus, worker="execution@here"),
        PortfolioRole(hot, clock=clock, partitions=bus.partitions()),
        GamificationRole(hot, clock=clock, partitions=bus.partitions()),
        FeedRole(load_room_tape(here.settings), clock=clock),
    ]
    stop = threading.Event()
    workers = [
        Worker(role, bus, snapshot_store(bus), clock, name=f"{role.name}@here", snapshot_s=1.0) for role in roles
    ]
    threads = [threading.Thread(target=worker.run, args=(stop,), daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        yield workers
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
        bus.close()


@pytest.mark.needs("kafka", "redis")
def test_a_wall_clock_that_jumps_changes_nothing(kafka_server: Server, redis_server: Server, tmp_path: Path) -> None:
    settings = own_settings(kafka_server.settings, redis_server.url, tmp_path, prefix="clocks")
    clock = JumpingClock()
    with world(settings, tmp_path, roles=()) as here, at_work_here(here, clock) as workers:
        until(lambda: all(len(worker.partitions) == 2 for worker in workers), "all at work")
        with here.lesson("clock jumps") as lesson:
            lesson.answered(100)
            lesson.played(10)
            check(lesson)
        assert [worker.counts.restarts for worker in workers] == [0, 0, 0, 0]
    assert next(clock.looks) > 100


# --- a full disk -----------------------------------------------------------------------------------------------------


def test_a_full_disk_under_a_class_in_one_process(tmp_path: Path) -> None:
    rooms = HostedRooms(
        tmp_path / "rooms", open_log=SqliteLog, open_ids=SqliteRegister, load=lambda spec: made_tape(),
        open_reader=lambda path: SqliteLog(path, read_only=True), clock=SystemClock(), leaderboards=boards,
    )  # fmt: skip
    tape = made_tape()
    room = rooms.create("disk", opening("disk"), tape=TAPE, head=head_of(tape))
    room.play(SPEED)
    students = Students(lambda request: room.post(request.message, message_id=request.id).durable, lambda: room.now_ns)
    students.more(100)
    for extra in (0, 3_000, 20_000):
        biggest = max(path.stat().st_size for path in (tmp_path / "rooms").iterdir())
        known = students.unknown
        with no_file_beyond(biggest + extra):
            until(lambda k=known: students.unknown > k + 3, "the disk is full")  # type: ignore[misc]
        students.more(50)
    students.stop()
    state_hash = room.engine.state_hash()
    entries = list(room.entries())
    rooms.close()
    (journal,) = (tmp_path / "rooms").glob("*.vtrade")
    with SqliteLog(journal) as log:
        verdict = verify(log)
        assert verdict.ok, verdict
        assert verdict.state_hash == state_hash
        assert list(log.read()) == entries
    written = Counter(entry.message for entry in entries)
    wanted = Counter(msg.encode_inbound(request.message) for request in students.acknowledged)
    assert {wire: written[wire] for wire in wanted} == wanted, "lost, or written twice"
    books = PortfolioEngine()
    for entry in entries:
        books.apply_all(decode_facts(entry.facts))
    books.check()
