"""Is what students earn told once, shown to them and in the standings, and does what they do beside trading count?

Rules: what is told and shown is compared with an engine that folded every fact by itself; Redis is the embedded one.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from tests.services.room import messages
from tests.services.workers.records import HandClock, take_all, told, trade
from vtrade.adapters.hot import HotState
from vtrade.adapters.redis import RedisUnavailable, embedded_redis
from vtrade.domain.messages import (
    ActionRecorded,
    CancelOrder,
    UserAction,
    decode_facts,
    decode_inbound,
    encode_facts,
    encode_inbound,
)
from vtrade.domain.topics import ACTIONS, DEAD_LETTERS, INBOUND, PROGRESS, Claim, Told, decode_trade, inbound_headers
from vtrade.gamification.engine import ProgressEngine
from vtrade.gamification.progress import ProgressEvent
from vtrade.gamification.rules import load_rules
from vtrade.ports import Outgoing, Taken
from vtrade.services.workers.gamification import (
    ACTION_BYTES_MAX,
    GamificationRole,
    decode_events,
    read_hot_progress,
)
from vtrade.services.workers.trades import TradesReader

ROOM = told(
    [
        *messages(5, 120),
        UserAction(10**15, "ana", "lesson_finished", "01_orders_and_the_book"),
        UserAction(10**15, "ben", "lesson_finished", "02"),
        UserAction(10**15, "ana", "lesson_finished", "01_orders_and_the_book"),
    ]
)


class Desk:
    """A worker with one room and the Redis it shows it in."""

    def __init__(self, *, cache: object = None, clock: HandClock | None = None, rules: object = None) -> None:
        self.clock = clock or HandClock()
        self.cache = cache if cache is not None else embedded_redis()
        self.role = GamificationRole(self._hot, clock=self.clock, partitions=1, rules=rules)
        self.role.begin(0, trades_from=0, epoch=0)
        self.room = self.role.open("test", None)

    def _hot(self, room: str, projection: str) -> HotState:
        return HotState(self.cache, room, projection, clock=self.clock)

    @property
    def hot(self) -> HotState:
        return HotState(self.cache, "test", "gamification", clock=self.clock)

    def take(self, records: Iterable[Taken]) -> list[Outgoing]:
        return take_all(self.room, list(records))

    def turn(self, turns: int = 1, seconds: float = 1.1) -> None:
        for _ in range(turns):
            self.clock(seconds)
            assert list(self.role.turn({"test": self.room})) == []


def folded(records: Iterable[Taken]) -> tuple[ProgressEngine, list[ProgressEvent]]:
    engine, events = ProgressEngine(), []
    for heard in TradesReader().read(records, {}):
        for fact in heard.facts:
            events += engine.apply(fact)
    return engine, events


def check_shown(desk: Desk, engine: ProgressEngine) -> None:
    shown = desk.hot.views(engine.accounts)
    assert {n: read_hot_progress(data).progress for n, (_, data) in shown.items()} == {
        n: engine.progress(n) for n in engine.accounts
    }
    assert {row.account: row.score for row in desk.hot.leaderboard("xp").top(99)} == engine.scores()


def action(
    message: object = None, *, key: str = "test/ana", headers: object = None, value: bytes | None = None
) -> Taken:
    message = message or UserAction(5, "ana", "lesson_finished", "01")
    value = encode_inbound(message) if value is None else value
    return Taken(ACTIONS, 3, 17, key, value, inbound_headers("") if headers is None else headers)


# --- what is told and shown ----------


def test_everything_that_was_earned_is_told_once_under_the_account_that_earned_it():
    desk = Desk()
    written = desk.take(ROOM)
    engine, events = folded(ROOM)
    assert len(events) > 5
    heard = []
    for record in written:
        assert record.topic == PROGRESS
        of_one = decode_events(record.value or b"")
        assert {f"test/{event.account}" for event in of_one} == {record.key}
        heard += of_one
    assert sorted(heard, key=lambda e: (e.seq, e.account)) == sorted(events, key=lambda e: (e.seq, e.account))
    assert desk.room.engine.snapshot() == engine.snapshot()
    assert desk.role.figures()["events"] == len(events)


def test_what_is_shown_is_what_the_facts_say_after_every_few_records():
    desk = Desk()
    for at in range(0, len(ROOM), 9):
        desk.take(ROOM[at : at + 9])
        desk.turn()
        check_shown(desk, folded(ROOM[: at + 9])[0])
    assert max(desk.room.engine.scores().values()) > 0


def test_the_same_records_give_the_same_output_and_copies_give_none():
    one, two = Desk(), Desk()
    assert one.take(ROOM) == two.take(ROOM)
    before = one.room.snapshot()
    assert one.take(ROOM) == []
    assert one.room.snapshot() == before == two.room.snapshot()


def test_records_of_a_replaced_writer_are_void():
    desk = Desk()
    desk.take(ROOM)
    before = desk.room.snapshot()
    take_all(desk.role.open("", None), [trade(Claim(2, "w2"))])
    lie = encode_facts([ActionRecorded(10**6, 10**16, "ana", "lesson_finished", "03", "")])
    assert desk.take([trade(Told(1, 0, desk.room.line.seq + 1, 0, b"", lie), key="test")]) == []
    assert desk.room.snapshot() == before
    assert desk.role.figures()["stale"] == 1


@pytest.mark.parametrize("cut", [1, 50, len(ROOM) - 2])
def test_a_restored_room_equals_one_that_folded_everything(cut):
    whole, first = Desk(), Desk()
    expected = whole.take(ROOM)
    written = first.take(ROOM[:cut])
    first.turn()
    second = Desk(cache=first.cache, clock=first.clock)
    second.role.begin(0, trades_from=cut, epoch=1)
    second.room = second.role.open("test", first.room.snapshot())
    written += second.take(ROOM[max(0, cut - 4) :])
    assert written == expected
    assert second.room.snapshot() == whole.room.snapshot()
    second.turn(3)
    check_shown(second, whole.room.engine)


def test_a_damaged_snapshot_is_refused_and_so_is_one_of_other_rules():
    state = Desk().room.snapshot()
    with pytest.raises(ValueError, match="snapshot"):
        Desk().role.open("test", state[:-3])
    rules = load_rules()
    other = msgspec.structs.replace(rules, missions=rules.missions[:-1])
    with pytest.raises(ValueError, match="under rules"):
        Desk(rules=other).role.open("test", state)


def test_facts_of_a_record_that_was_folded_in_part_count_once():
    """Where the engine had a record's first facts already, only the others are folded."""
    records = [decode_trade(r.value or b"") for r in ROOM]
    last = next(r for r in reversed(records) if isinstance(r, Told) and len(decode_facts(r.facts)) == 1)
    [fact] = decode_facts(last.facts)
    twice = encode_facts([fact, fact])
    desk, plain = Desk(), Desk()
    for to, facts in ((desk, twice), (plain, last.facts)):
        for record in records:
            if isinstance(record, Told) and record.seq < last.seq:
                to.take([trade(record, key="test")])
        to.take([trade(Told(1, 0, last.seq, last.ts_ns, last.chain, facts), key="test")])
    assert desk.room.engine.snapshot() == plain.room.engine.snapshot()


# --- Redis that fails ----------


def test_a_wiped_redis_heals_without_trade():
    desk = Desk()
    desk.take(ROOM)
    desk.turn(2)
    desk.cache.flushall()
    desk.turn(3)
    check_shown(desk, folded(ROOM)[0])
    assert desk.role.figures()["redis_healed"] == 1


def test_without_redis_progress_goes_on_and_is_shown_when_it_is_back(monkeypatch):
    desk = Desk()
    desk.take(ROOM[:40])
    desk.turn(2)

    def no(*_: object, **__: object) -> None:
        raise RedisUnavailable("no Redis answers")

    with monkeypatch.context() as patch:
        for name in ("publish", "replace_all", "beat"):
            patch.setattr(HotState, name, no)
        for record in ROOM[40:]:
            desk.take([record])
            desk.turn(seconds=0.3)
        assert desk.role.figures()["redis_down"] == 1
    desk.turn(20)
    check_shown(desk, folded(ROOM)[0])


# --- actions ----------


def test_an_action_goes_into_the_log_of_its_room_under_an_id_of_its_own():
    desk = Desk()
    [sent] = desk.take([action(headers=inbound_headers("", sent_ns=7))])
    assert (sent.topic, sent.key) == (INBOUND, "test")
    assert decode_inbound(sent.value or b"") == UserAction(5, "ana", "lesson_finished", "01")
    assert dict(sent.headers) == {"v": b"2", "id": b"actions/3/17", "at": b"7"}
    assert desk.take([action()])[0].headers == inbound_headers("actions/3/17")
    assert desk.room.snapshot() == Desk().room.snapshot()
    assert desk.role.figures()["actions"] == 2


def test_an_action_with_an_id_keeps_it():
    [sent] = Desk().take([action(headers=inbound_headers("gateway/5"))])
    assert dict(sent.headers)["id"] == b"gateway/5"


@pytest.mark.parametrize(
    "record, why",
    [
        (action(key="test/ben"), "an action of 'ana' under the key 'test/ben'"),
        (action(key="test"), "an action of 'ana' under the key 'test'"),
        (action(key="/ana"), "under the key '/ana'"),
        (action(CancelOrder(5, "ana", "c1")), "CancelOrder is no action"),
        (action(value=b"\xc1"), "no action"),
        (action(value=b""), "no action"),
        (action(headers=()), "wire version '', not 2"),
        (action(headers=(("v", b"99"),)), "wire version '99', not 2"),
        (action(headers=(("v", b"\xff"),)), "wire version"),
        (action(UserAction(5, "ana", "plan_written", "x", "y" * ACTION_BYTES_MAX)), "an action of 65"),
    ],
)
def test_an_action_that_cannot_be_used_is_put_aside_with_the_reason(record, why):
    desk = Desk()
    [letter] = desk.take([record])
    headers = dict(letter.headers)
    assert (letter.topic, letter.key, letter.value) == (DEAD_LETTERS, record.key, record.value)
    assert why in headers["why"].decode()
    assert headers["from"] == b"vtrade.actions/3/17"
    assert desk.role.figures()["actions_refused"] == 1


def test_an_action_counts_once_the_room_has_told_it():
    desk = Desk()
    desk.take(ROOM[:5])
    [sent] = desk.take([action(UserAction(9, "ana", "lesson_finished", "01_orders_and_the_book"))])
    assert desk.room.engine.progress("ana").xp == 0
    room = [*messages(5, 0), decode_inbound(sent.value or b"")]
    fresh = Desk()
    fresh.take(told(room))
    assert fresh.room.engine.progress("ana").xp > 0
