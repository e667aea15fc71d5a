"""What becomes of a class whose workers are killed, stopped, frozen and thawed while it trades?

Rules: real processes on a real Kafka and a real Redis; one crew for all tests of this file, mended by each, and
replaced after a test that failed. Each test shows that its fault has happened, and ends with :func:`check`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.backbone.crew import own_settings, until
from tests.backbone.faultcheck import check
from tests.backbone.faultworld import ROLES, Lesson, Worlds, world
from tests.backbone.reckoning import answers_of
from tests.servers import Server
from vtrade.domain.topics import SNAPSHOTS, TRADES, Told, encode_trade
from vtrade.ports import Outgoing

pytestmark = [pytest.mark.needs("kafka", "redis"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def worlds(kafka_server: Server, redis_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    folder = tmp_path_factory.mktemp("workers")
    worlds = Worlds(own_settings(kafka_server.settings, redis_server.url, folder, prefix="workers"), folder)
    yield worlds
    worlds.close()


def has_snapshot(lesson: Lesson, role: str) -> None:
    """Wait until a role could start from its snapshots."""
    until(lambda: lesson.checkpoint(role) > 0, f"a snapshot of {role}", look_s=0.1)


def took_over(lesson: Lesson, name: str, times: int) -> int:
    """Wait until a worker has taken the room's partition over so many times; the offset where it began."""
    crew, number = lesson.world.crew, lesson.partition
    until(lambda: len(crew.takeovers(name, number)) >= times, f"{name} has partition {number}")
    return crew.takeovers(name, number)[-1]


# --- kill -9 ---------------------------------------------------------------------------------------------------------


def killed_and_replaced(lesson: Lesson, role: str) -> None:
    """Kill the worker of a role while the class trades; another one goes on from its snapshot."""
    crew = lesson.world.crew
    has_snapshot(lesson, role)
    times = len(crew.takeovers(role, lesson.partition))
    lesson.answered(50)
    crew.kill(role)
    crew.worker(role)
    assert took_over(lesson, role, times + 1) > 0, f"{role} did not begin from its snapshot"
    lesson.answered(50)
    lesson.students.more(20)


@pytest.mark.parametrize("role", ROLES)
def test_a_killed_worker_is_replaced_and_nothing_is_lost(worlds: Worlds, role: str) -> None:
    with worlds.get().lesson(f"kill {role}") as lesson:
        killed_and_replaced(lesson, role)
        lesson.played(5)
        verdict = check(lesson)
    assert verdict.passed["duplicate"] > 0
    assert verdict.rows > 100


def test_a_killed_worker_with_transactions(kafka_server: Server, redis_server: Server, tmp_path: Path) -> None:
    settings = own_settings(kafka_server.settings, redis_server.url, tmp_path, prefix="transactions")
    settings = msgspec.structs.replace(settings, kafka_transactions=True)
    with world(settings, tmp_path) as here, here.lesson("all or nothing") as lesson:
        killed_and_replaced(lesson, "execution")
        verdict = check(lesson)
    assert verdict.answers.copies == 0, "a transaction was half done"


def test_killed_while_starting_and_with_torn_snapshots(worlds: Worlds) -> None:
    with worlds.get().lesson("kill, and kill again") as lesson:
        crew, bus, number = lesson.world.crew, lesson.world.bus, lesson.partition
        has_snapshot(lesson, "execution")
        times = len(crew.takeovers("execution", number))
        crew.kill("execution")
        crew.worker("execution")
        pages = crew.log("execution").count("metrics at")
        until(lambda: crew.log("execution").count("metrics at") > pages, "the first replacement up")
        crew.kill("execution")  # before it has anything
        crew.worker("execution")
        took_over(lesson, "execution", times + 1)
        crew.kill("execution")  # right after its claim
        for slot in "ab":
            bus.write([Outgoing(SNAPSHOTS, f"{lesson.name}/execution/{slot}/0", b"torn", partition=number)])
        assert lesson.kept("execution") is None
        crew.worker("execution")
        assert took_over(lesson, "execution", times + 2) == 0, "it trusted a torn snapshot"
        lesson.answered(50)
        verdict = check(lesson)
    assert len({claim.worker for claim in verdict.answers.claims}) >= 3


# --- stopped and frozen ----------------------------------------------------------------------------------------------


def test_a_worker_that_is_asked_to_stop_hands_over_at_once(worlds: Worlds) -> None:
    with worlds.get().lesson("good order") as lesson:
        crew = lesson.world.crew
        for role in ROLES:
            has_snapshot(lesson, role)
            times = len(crew.takeovers(role, lesson.partition))
            lesson.answered(10)
            assert crew.stop(role) == 0
            left = lesson.checkpoint(role)
            crew.worker(role)
            assert took_over(lesson, role, times + 1) == left, f"{role} did not go on where the one before ended"
        lesson.answered(20)
        check(lesson)


def owner(lesson: Lesson, *names: str) -> str:
    """Who of these took the room's partition over last."""
    crew, number = lesson.world.crew, lesson.partition
    lines = {name: [li for li in crew.log(name).splitlines() if f"has partition {number} from" in li] for name in names}
    return max((name for name in names if lines[name]), key=lambda name: lines[name][-1])


def test_a_frozen_worker_is_replaced_and_comes_back_as_a_good_citizen(worlds: Worlds) -> None:
    with worlds.get().lesson("zombie") as lesson:
        crew, bus, number = lesson.world.crew, lesson.world.bus, lesson.partition
        crew.worker("execution", "execution2")
        until(lambda: any(crew.takeovers("execution2", n) for n in (0, 1)), "two share the work")
        zombie = owner(lesson, "execution", "execution2")
        heir = "execution2" if zombie == "execution" else "execution"
        lesson.answered(20)
        times = len(crew.takeovers(heir, number))
        crew.freeze(zombie)
        took_over(lesson, heir, times + 1)
        lesson.answered(50)
        crew.thaw(zombie)
        old = answers_epoch(lesson) - 1
        void = Told(old, 10**9, 10**9, 0, bytes(32), b"")  # what it could still have had on its lips
        bus.write([Outgoing(TRADES, lesson.name, encode_trade(void), partition=number)])
        until(lambda: fresh_takeover(crew.log(zombie), crew.log(heir)), f"{zombie} has work again")
        lesson.answered(50)
        assert crew.ended() == []
        assert crew.stop("execution2") == 0
        lesson.answered(20)
        verdict = check(lesson)
    assert verdict.answers.stale >= 1
    assert len({claim.worker for claim in verdict.answers.claims}) >= 2
    assert 10**9 not in verdict.answers.valid


def answers_epoch(lesson: Lesson) -> int:
    """The epoch of the newest claim on the room's partition."""
    return answers_of(list(lesson.world.bus.read((TRADES, lesson.partition)))).claims[-1].epoch


def fresh_takeover(log: str, other: str) -> bool:
    """Whether the newest takeover in a log is newer than all in another."""
    newest = [max((li for li in text.splitlines() if " has partition " in li), default="") for text in (log, other)]
    return newest[0] > newest[1]
