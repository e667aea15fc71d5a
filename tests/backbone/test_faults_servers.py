"""What becomes of a class whose Kafka and Redis are late, stopped, killed, wiped, full or short of a topic?

Rules: servers of our own, which the tests of this file break one after the other, with one crew; each test mends what
it broke, shows that its fault has happened, and ends with :func:`check`.
"""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests import servers
from tests.backbone.crew import Crew, own_settings, until
from tests.backbone.faultcheck import check
from tests.backbone.faultworld import ROLES, Lesson, World, Worlds
from tests.conftest import demand
from vtrade.adapters.kafka.connecting import connect
from vtrade.adapters.kafka.topics import ensure_topics
from vtrade.bootstrap.backbone import rebuild_rooms
from vtrade.domain.topics import PORTFOLIO
from vtrade.services.settings import kafka_settings
from vtrade.services.stack.local import LocalStack

pytestmark = [pytest.mark.needs("kafka", "redis", "java"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Servers that are not started yet: the first test wants workers to wait for them."""
    for name in ("java", "kafka", "redis"):
        demand(name)
    stack = servers.new_stack(tmp_path_factory.mktemp("servers"))
    yield stack
    stack.down()


@pytest.fixture(scope="module")
def worlds(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    folder = tmp_path_factory.mktemp("crews")
    worlds = Worlds(own_settings(stack.settings, stack.redis, folder, prefix="servers"), folder)
    yield worlds
    worlds.close()


@pytest.fixture
def here(stack: LocalStack, worlds: Worlds) -> World:
    """A world on servers that run."""
    stack.up(servers_only=True)
    return worlds.get()


def more_than(crew: Crew, name: str, words: str, before: int = 0) -> None:
    """Wait until a worker has said something more often than before."""
    until(lambda: crew.log(name).count(words) > before, f"{name} says {words!r}")


# --- not there yet ---------------------------------------------------------------------------------------------------


def test_workers_wait_for_servers_that_come_later(stack: LocalStack, tmp_path: Path) -> None:
    settings = own_settings(stack.settings, stack.redis, tmp_path, prefix="late")
    with Crew(settings, tmp_path) as crew:
        for role in ROLES:
            crew.worker(role)
        for role in ROLES:
            more_than(crew, role, "no Kafka answers at VTRADE_KAFKA=")
            assert "vtrade stack up --local" in crew.log(role)
        stack.start("kafka")
        for role in ("portfolio", "gamification"):
            more_than(crew, role, "VTRADE_REDIS")
        stack.start("redis")
        for role in ROLES:
            more_than(crew, role, "has partition 0 from offset 0")
        for role in ROLES:
            assert crew.stop(role) == 0
            assert "Traceback" not in crew.log(role)


# --- Kafka -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_a_broker_that_is_started_again_in_the_middle_of_trading(stack: LocalStack, here: World, how: str) -> None:
    with here.lesson(f"broker {how}") as lesson:
        lesson.answered(50)
        pid = stack.pid("kafka")
        if how == "stopped":
            assert stack.stop("kafka") == "stopped"
        else:
            stack.kill("kafka")
        stack.start("kafka")
        assert stack.pid("kafka") != pid
        lesson.answered(50)
        lesson.played(5)
        check(lesson)


@contextlib.contextmanager
def no_file_beyond(pid: int, size: int) -> Iterator[None]:
    """The system lets no file of a process grow beyond ``size`` bytes, as on a disk that is full."""
    process = psutil.Process(pid)
    soft, hard = process.rlimit(resource.RLIMIT_FSIZE)
    process.rlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.rlimit(resource.RLIMIT_FSIZE, (soft, hard))


def runs(stack: LocalStack, name: str) -> bool:
    """Whether a server of a stack is still there."""
    return next(part.state != "stopped" for part in stack.status() if part.part == name)


def test_a_disk_of_the_broker_that_takes_no_more(stack: LocalStack, here: World) -> None:
    with here.lesson("full disk") as lesson:
        lesson.answered(50)
        sizes = [path.stat().st_size for path in stack.folder.glob(f"kafka/data/*.inbound-{lesson.partition}/*.log")]
        with no_file_beyond(stack.pid("kafka"), max(sizes) + 2_048):  # in the middle of a batch
            until(lambda: not runs(stack, "kafka"), "Kafka gives up")
        known = len(lesson.students.acknowledged)
        stack.start("kafka")
        until(lambda: len(lesson.students.acknowledged) > known + 50, "students are heard again")
        lesson.answered(50)
        check(lesson)


def test_a_topic_that_somebody_deleted(here: World) -> None:
    with here.lesson("topic deleted") as lesson:
        connection = kafka_settings(here.settings)
        name = connection.on_broker(PORTFOLIO)
        said = here.crew.log("portfolio").count(name)
        admin = connect(connection)
        try:
            admin.delete_topics([name])
            more_than(here.crew, "portfolio", name, said)
            lesson.answered(50)  # the others go on
        finally:
            admin.close()
            assert ensure_topics(connection).created == (name,)
        lesson.answered(20)
        until(lambda: here.bus.ends(PORTFOLIO)[lesson.partition][1] >= 10, "accounts are told again")
        check(lesson)


# --- Redis -----------------------------------------------------------------------------------------------------------


def healed(world: World) -> dict[str, float]:
    """How often workers found the state of a room missing."""
    return {role: world.crew.figures(role)[f"vtrade_{role}_redis_healed"] for role in ("portfolio", "gamification")}


def test_a_redis_that_is_wiped_heals_by_itself(here: World) -> None:
    with here.lesson("flushed") as lesson:
        lesson.answered(50)
        before = healed(here)
        here.cache.flushall()
        until(lambda: all(healed(here)[role] > before[role] for role in before), "both noticed", look_s=0.2)
        lesson.answered(20)
        check(lesson)
        here.cache.flushall()  # in a room in which nothing happens any more
        check(lesson)
        rebuilt = {one.projection for one in rebuild_rooms(here.settings, lesson.name)}
        assert rebuilt == {"portfolio", "gamification"}
        check(lesson)


def test_a_redis_that_is_killed_and_comes_back_empty(stack: LocalStack, here: World) -> None:
    with here.lesson("redis killed") as lesson:
        lesson.answered(20)
        stack.kill("redis")
        for role in ("portfolio", "gamification"):
            more_than(here.crew, role, "what students look at is not kept up")
            folded = folded_by(lesson, role)
            until(lambda r=role, f=folded: folded_by(lesson, r) > f + 20, f"{role} folds on", look_s=0.2)  # type: ignore[misc]
        stack.start("redis")
        for role in ("portfolio", "gamification"):
            more_than(here.crew, role, "what students look at is kept up again")
        lesson.answered(20)
        check(lesson)


def folded_by(lesson: Lesson, role: str) -> int:
    """How far a role has folded the room, as its newest snapshot says."""
    found = lesson.kept(role)
    return 0 if found is None else found[0]
