"""After whatever happened to a class: was anything lost, doubled or reckoned otherwise?

Rules: the inbound log alone says what should have come of each request; it is worked out once more, by the plain
:mod:`reckoning` and by an embedded runtime over SQLite, and everything that workers wrote, kept or showed is held
against that.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from tests.backbone.crew import until
from tests.backbone.faultworld import Lesson
from tests.backbone.reckoning import Answers, Due, Reckoning, answers_of
from tests.backbone.students import ACCOUNTS
from vtrade.adapters.clock import SystemClock
from vtrade.adapters.hot import HotState
from vtrade.adapters.redis import embedded_redis
from vtrade.adapters.sqlite import MEMORY, SqliteLog
from vtrade.domain import messages as msg
from vtrade.domain.messages import Fact, decode_inbound
from vtrade.domain.topics import (
    ACTIONS,
    DEAD_LETTERS,
    INBOUND,
    PROGRESS,
    TRADES,
    Passed,
    split_key,
)
from vtrade.execution.engine import Engine
from vtrade.gamification.engine import ProgressEngine
from vtrade.gamification.leaderboard import Leaderboard
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.ports import Taken
from vtrade.services.joined import entries_of
from vtrade.services.runtime import Runtime
from vtrade.services.workers.account_views import read_hot_view
from vtrade.services.workers.execution import RoomState
from vtrade.services.workers.gamification import decode_events, read_hot_progress
from vtrade.services.workers.line import LineState
from vtrade.services.workers.places import message_id
from vtrade.services.workers.portfolio import PortfolioRole

BEGINNINGS: Final = (msg.OrderAccepted, msg.OrderDenied, msg.OrderRejected)
QUIET_S: Final = 0.4
"""No record for so long, with everything answered: nothing is on its way."""
SHOWN_S: Final = 40.0
"""Longest wait until Redis shows the end of a class; workers that could not reach it wait for up to 15 s."""


class Verdict(NamedTuple):
    """What was found at the end of a lesson, for further questions."""

    answers: Answers
    told: int
    facts: list[Fact]
    passed: Counter[str]
    rows: int
    """Market events that the room had."""


def come_to_rest(lesson: Lesson) -> None:
    """Stop the market and the students, and wait until nothing is on its way any more."""
    room, bus, number = lesson.room, lesson.world.bus, lesson.partition
    lesson.students.stop()
    room.post(msg.RoomCommand(room.now_ns, "pause", amount=1), message_id="pause").durable.result(60)
    forwarded = {request.id for request in lesson.students.acknowledged if request.topic == ACTIONS}
    seen: list[Any] = [None, 0.0]

    def at_rest() -> bool:
        ends = [bus.ends(topic)[number] for topic in (INBOUND, TRADES, ACTIONS)]
        if ends != seen[0]:
            seen[:] = [ends, time.monotonic()]
            return False
        if time.monotonic() - seen[1] < QUIET_S:
            return False
        inbound = list(bus.read((INBOUND, number)))
        passed_on = {message_id(record.headers) for record in inbound if record.key == lesson.name}
        answered = answers_of(list(bus.read((TRADES, number)))).valid
        return forwarded <= passed_on and all(record.offset in answered for record in inbound)

    until(at_rest, f"{lesson.name} at rest", look_s=0.1)


def check(lesson: Lesson) -> Verdict:
    """Bring a class to its end and hold everything against the embedded engine."""
    come_to_rest(lesson)
    world, number, room = lesson.world, lesson.partition, lesson.name
    inbound = [r for r in world.bus.read((INBOUND, number)) if r.key == room]
    answers = answers_of([r for r in world.bus.read((TRADES, number)) if r.key in (room, "")])
    reckoning = Reckoning(room)
    dues = {record.offset: reckoning.take(record) for record in inbound}
    _check_answers(dues, answers)
    _check_acknowledged(lesson, inbound, dues)
    _check_tape(lesson, inbound, dues)
    engine = _check_embedded(lesson, reckoning)
    portfolio, progress = _check_books(reckoning, engine)
    _check_kept(lesson, engine, portfolio, progress, reckoning)
    _check_shown(lesson, portfolio, progress)
    _check_progress_topic(lesson, reckoning.facts)
    letters = [r for r in world.bus.read((DEAD_LETTERS, number)) if split_key(r.key)[0] == room]
    assert len(letters) == lesson.dead_letters, [dict(r.headers) for r in letters]
    passed = Counter(due.why for due in dues.values() if due.told is None)
    return Verdict(answers, len(reckoning.kept), reckoning.facts, passed, reckoning.rows)


def _check_answers(dues: dict[int, Due], answers: Answers) -> None:
    """Each inbound record has the one answer that it has to have."""
    assert answers.in_order, "answers are out of order"
    for offset, due in dues.items():
        answer = answers.valid[offset]
        if due.told is None:
            assert isinstance(answer, Passed), (due, answer)
            assert answer.why == due.why, (due, answer)
        else:
            assert msgspec.structs.replace(answer, epoch=0) == due.told, f"inbound {offset} was answered otherwise"


def _check_acknowledged(lesson: Lesson, inbound: list[Taken], dues: dict[int, Due]) -> None:
    """What was acknowledged is in the log, and did something exactly once."""
    effective: Counter[str] = Counter()
    places = {record.offset: dues[record.offset].id for record in inbound}
    for due in dues.values():
        effective[due.id] += due.why != "duplicate"
    done = lesson.students.acknowledged
    assert done
    lost = [request.id for request in done if not effective[request.id]]
    doubled = [request.id for request in done if effective[request.id] > 1]
    assert not lost, f"acknowledged and lost: {lost}"
    assert not doubled, f"applied twice: {doubled}"
    moved = [r.id for r in done if r.topic == INBOUND and places.get(r.place) != r.id]
    assert not moved, f"not where they were acknowledged: {moved}"
    assert any(request.twice for request in done), "nobody pressed twice"


def _check_tape(lesson: Lesson, inbound: list[Taken], dues: dict[int, Due]) -> None:
    """The market that the room had is the tape's beginning, each event once."""
    played = b"".join(
        message.events
        for record in inbound
        if dues[record.offset].told is not None
        and isinstance(message := decode_inbound(record.value or b""), msg.MarketFrame)
    )
    whole = lesson.world.tape.events.tobytes()
    assert played == whole[: len(played)], "the market has holes or copies"


def _check_embedded(lesson: Lesson, reckoning: Reckoning) -> Engine:
    """A runtime over SQLite, fed the same messages, writes the same records and comes to the same state."""
    world, room = lesson.world, lesson.room
    entries = list(room.entries())
    assert entries == list(entries_of(world.bus, lesson.name, room._beginning))
    with SqliteLog(MEMORY) as log:
        runtime = Runtime(log)
        runtime.submit_many([decode_inbound(entry.message) for entry in entries], batch=1_024)
        assert list(log.read()) == entries, "the embedded engine writes other records"
    state_hash = runtime.engine.state_hash()
    assert state_hash == reckoning.fold.engine.state_hash()
    until(lambda: room.seq == entries[-1].seq, "this gateway has followed")
    with room.lock:
        assert room.trouble == ""
        assert (room.fold.chain, room.engine.state_hash()) == (entries[-1].chain, state_hash), "the gateway's state"
    return runtime.engine


def _check_books(reckoning: Reckoning, engine: Engine) -> tuple[PortfolioEngine, ProgressEngine]:
    """The room's books add up to nothing, and no order was begun twice."""
    begun = Counter((f.account, f.client_order_id) for f in reckoning.facts if isinstance(f, BEGINNINGS))
    assert begun
    assert max(begun.values()) == 1, begun.most_common(3)
    assert any(isinstance(fact, msg.Fill) for fact in reckoning.facts), "nobody dealt"
    portfolio, progress = PortfolioEngine(), ProgressEngine()
    for fact in reckoning.facts:
        portfolio.apply(fact)
        progress.apply(fact)
    portfolio.check()
    for name, account in engine.accounts.items():
        held = {currency: amount for currency, amount in account.balances.items() if amount}
        assert {c: a for c, a in portfolio.account(name).cash_by_currency.items() if a} == held
    return portfolio, progress


def _check_kept(
    lesson: Lesson, engine: Engine, portfolio: PortfolioEngine, progress: ProgressEngine, reckoning: Reckoning
) -> None:
    """What the workers hold of the room, as their newest snapshots say, is the embedded state, byte for byte."""
    seq = reckoning.fold.seq
    short = PortfolioRole(None, clock=SystemClock(), partitions=1).open(lesson.name, None).engine
    short.apply_all(reckoning.facts)  # workers keep shorter curves than a desk
    assert [short.account(name).nav for name in ACCOUNTS] == [portfolio.account(name).nav for name in ACCOUNTS]

    def kept(role: str, kind: Any) -> Any:
        found = lesson.kept(role)
        return None if found is None else msgspec.msgpack.decode(found[1], type=kind)

    for role, kind, expected in (
        ("execution", RoomState, engine.snapshot()),
        ("portfolio", LineState, short.snapshot()),
        ("gamification", LineState, progress.snapshot()),
    ):
        until(
            lambda role=role, kind=kind: (s := kept(role, kind)) is not None and s.seq == seq,  # type: ignore[misc]
            f"a snapshot of {role} with all {seq} records", look_s=0.2,
        )  # fmt: skip
        state = kept(role, kind)
        assert state.chain == reckoning.fold.chain
        assert state.engine == expected, f"the {role} worker is in another state"


def _check_shown(lesson: Lesson, portfolio: PortfolioEngine, progress: ProgressEngine) -> None:
    """Redis shows what follows from the facts, and so do the standings."""
    clock, room = SystemClock(), lesson.name
    money, points = (HotState(lesson.world.cache, room, name, clock=clock) for name in ("portfolio", "gamification"))
    _until_equal(
        lambda: {name: read_hot_view(view)[1:] for name, (_, view) in money.views(ACCOUNTS).items()},
        {name: (portfolio.account(name), portfolio.positions(name)) for name in ACCOUNTS}, "accounts shown",
    )  # fmt: skip
    _until_equal(
        lambda: {
            name: msgspec.to_builtins(read_hot_progress(view).progress)
            for name, (_, view) in points.views(ACCOUNTS).items()
        },
        {name: msgspec.to_builtins(progress.progress(name)) for name in ACCOUNTS}, "progress shown",
    )  # fmt: skip
    scores = {"nav": {name: portfolio.account(name).nav for name in ACCOUNTS}, "xp": progress.scores()}
    for by, state in (("nav", money), ("xp", points)):
        embedded = Leaderboard(embedded_redis(), by)
        embedded.update_many(scores[by])
        _until_equal(lambda s=state, b=by: s.leaderboard(b).top(50), embedded.top(50), f"standings by {by}")  # type: ignore[misc]
    last = len(ACCOUNTS), True
    for state, seq in ((money, portfolio.seq), (points, 1)):
        _until_equal(lambda s=state, n=seq: (m := s.mark()) and (m.accounts, m.seq >= n), last, "mark")  # type: ignore[misc]


def _until_equal(shown: Callable[[], Any], expected: Any, what: str) -> None:
    found: list[Any] = [None]

    def equal() -> bool:
        found[0] = shown()
        return bool(repr(found[0]) == repr(expected))

    with contextlib.suppress(AssertionError):
        until(equal, what, within_s=SHOWN_S, look_s=0.1)
    assert repr(found[0]) == repr(expected), what


def _check_progress_topic(lesson: Lesson, facts: list[Fact]) -> None:
    """Everything that was earned was told on its topic; a copy is a copy of something that was."""
    engine = ProgressEngine()
    earned = {msgspec.msgpack.encode(event) for fact in facts for event in engine.apply(fact)}

    def told() -> set[bytes]:
        return {
            msgspec.msgpack.encode(event)
            for record in lesson.world.bus.read((PROGRESS, lesson.partition))
            if split_key(record.key)[0] == lesson.name
            for event in decode_events(record.value or b"")
        }

    until(lambda: told() >= earned, "everything earned is told", within_s=40, look_s=0.2)
    assert told() == earned
