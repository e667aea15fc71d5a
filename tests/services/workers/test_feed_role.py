"""Does a shared room's market play once, at its pace, and go on where it stood, whatever happens to the worker?

Rules: the room's log is a list; what a worker writes is read back when a test says so. What reached the room is judged
as the execution worker judges it: by ids, in order.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from tests.services.test_feed import expected, tape, told
from tests.services.workers.records import HandClock, Log, S, take_all
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import CancelOrder, MarketFrame, OpenRoom, RoomCommand, decode_inbound
from vtrade.domain.values import MICRO
from vtrade.errors import TapeError
from vtrade.market.dtype import EVENT
from vtrade.market.tape import Tape
from vtrade.ports import Outgoing, Taken
from vtrade.services.workers import feed as feeding
from vtrade.services.workers.feed import AHEAD_FRAMES_MAX, AHEAD_ROWS_MAX, FRAMES_A_TURN, FeedRole, FeedRoom
from vtrade.services.workers.ids import SeenIds
from vtrade.services.workers.places import Place, message_id, place_of

ACME = (Instrument.make("ACME"),)
OPEN = OpenRoom(0, "test", ACME, tape="the tape")
MINUTE = tape([n * S // 10 for n in range(600)], news=[30 * S + 5], actions=[40 * S])
BIG = tape([n * 1_000 for n in range(400_000)])


def start(speed: float = 1.0) -> RoomCommand:
    return RoomCommand(0, "start", amount=int(speed * MICRO))


class Play:
    """A worker with one room, its log and its clock."""

    def __init__(
        self, of: Tape | Exception = MINUTE, *, log: Log | None = None, clock: HandClock | None = None,
        state: bytes | None = None, after: int = 0,
    ) -> None:  # fmt: skip
        self.asked: list[str] = []
        self.tape = of
        self.clock = clock or HandClock()
        self.log = log or Log()
        self.role = FeedRole(self._load, clock=self.clock)
        self.room = self.role.open("test", state)
        assert isinstance(self.room, FeedRoom)
        take_all(self.room, self.log.records[after:])

    def _load(self, name: str) -> Tape:
        self.asked.append(name)
        if isinstance(self.tape, Exception):
            raise self.tape
        return self.tape

    def turn(self, seconds: float = 0.05) -> list[Outgoing]:
        """A turn whose records nobody has read back yet."""
        self.clock(seconds)
        return list(self.role.turn({"test": self.room}))

    def go(self, turns: int, seconds: float = 0.05) -> list[Outgoing]:
        """Turns whose records come back at once."""
        written: list[Outgoing] = []
        for _ in range(turns):
            due = self.turn(seconds)
            take_all(self.room, self.log.write(due))
            written += due
        return written

    def say(self, *messages, name: str = "") -> None:
        take_all(self.room, self.log.say(*messages, name=name))

    def ready(self, speed: float = 1.0) -> Play:
        """Open the room, start it, and wait until the tape is there and the mark has come back."""
        self.say(OPEN, start(speed))
        return self.begin()

    def begin(self) -> Play:
        deadline = time.monotonic() + 20
        while self.room._feed is None and time.monotonic() < deadline:
            self.turn(0)
            threading.Event().wait(0.002)
        self.go(1, 0)  # the mark
        return self


def heard(records: Iterable[Taken | Outgoing]) -> list[tuple[int, str]]:
    """What the tape brought to the room, each message once."""
    seen = SeenIds()
    messages = [(message_id(r.headers), decode_inbound(r.value or b"")) for r in records]
    kept = [m for name, m in messages if place_of(name) is not None and seen.first(name, m)]
    return told(kept)


def times(records: Sequence[Outgoing]) -> list[int]:
    return [decode_inbound(r.value or b"").ts_ns for r in records]


def test_a_started_room_hears_the_whole_tape_once_and_in_order():
    play = Play().ready(4)
    play.go(400)
    assert heard(play.log.records) == expected(MINUTE)
    assert play.role.figures()["events_played"] == 600
    assert play.asked == ["the tape"]


def test_nothing_plays_before_the_start_nor_after_a_pause():
    play = Play()
    play.say(OPEN)
    assert play.go(5) == []
    assert play.asked == []
    play.say(start())
    play.begin().go(20)
    place = play.room.state.place
    assert place.rows > 5
    play.say(RoomCommand(0, "pause"))
    assert play.go(40) == []
    play.say(start())
    play.go(20)
    assert play.room.state.rows > place.rows


@pytest.mark.parametrize("speed", [0.5, 1, 8])
def test_the_market_moves_at_its_speed(speed):
    play = Play().ready(speed)
    play.go(41)  # two seconds, after the first step that begins to measure
    assert play.room.state.at_ns == pytest.approx(2 * S * speed, abs=0.11 * S * speed + 0.1 * S)


def test_a_new_speed_holds_from_then_on():
    play = Play().ready(1)
    play.go(20)
    before = play.room.state.at_ns
    play.say(RoomCommand(0, "speed", amount=10 * MICRO))
    play.go(20)
    assert play.room.state.at_ns - before == pytest.approx(10 * S, abs=0.6 * S)


def test_a_night_is_passed_over():
    play = Play(tape([0, 1 * S, 40_000 * S, 40_001 * S])).ready(1)
    play.go(60)
    assert [ts for ts, _ in heard(play.log.records)] == [0, 1 * S, 40_000 * S, 40_001 * S]


def test_a_process_that_was_stopped_does_not_make_up_for_it():
    play = Play().ready(1)
    play.go(20)
    before = play.room.state.at_ns
    play.go(1, 3_600)
    assert play.room.state.at_ns - before <= 1.1 * S


def test_frames_of_an_exchange_room_end_with_every_second():
    play = Play(tape([n * S // 4 for n in range(40)], depth="exchange")).ready(0)
    play.go(3)
    frames = [decode_inbound(r.value or b"") for r in play.log.records if place_of(message_id(r.headers))]
    assert [len(f.events) // EVENT.itemsize for f in frames] == [4] * 10


# --- as fast as it goes ----------


def test_as_fast_as_it_goes_brings_the_whole_tape_without_waiting():
    play = Play(BIG).ready(0)
    for _ in range(200):
        play.go(1, 0)
    rows = np.concatenate(
        [
            np.frombuffer(m.events, EVENT)
            for r in play.log.records
            if isinstance(m := decode_inbound(r.value or b""), MarketFrame)
        ]
    )
    assert rows.tobytes() == BIG.events.tobytes()


def test_no_more_is_on_the_way_than_the_bound_and_no_more_written_a_turn():
    play = Play(BIG).ready(0)
    turns = [play.turn(0) for _ in range(30)]
    assert max(map(len, turns)) <= FRAMES_A_TURN
    sent = [r for turn in turns for r in turn]
    frames = [decode_inbound(r.value or b"") for r in sent]
    rows = sum(len(f.events) // EVENT.itemsize for f in frames)
    assert len(sent) <= AHEAD_FRAMES_MAX
    assert AHEAD_ROWS_MAX <= rows < AHEAD_ROWS_MAX + 512
    assert turns[-1] == []
    assert play.role.figures()["ahead_events"] == rows
    take_all(play.room, play.log.write(sent[:10]))
    assert len(play.turn(0)) == 10


def test_the_clock_slows_down_where_the_log_does_not_take_the_market_fast_enough(monkeypatch):
    monkeypatch.setattr(feeding, "AHEAD_FRAMES_MAX", 3)
    play = Play().ready(1)
    sent = [r for _ in range(100) for r in play.turn()]
    assert len(sent) == 3
    take_all(play.room, play.log.write(sent))
    more = play.go(2)
    assert max(times(more)) <= max(times(sent)) + 0.2 * S


def test_all_rooms_of_a_worker_share_what_is_written_a_turn(monkeypatch):
    monkeypatch.setattr(feeding, "TURN_FRAMES_MAX", 150)
    plays = [Play(BIG).ready(0) for _ in range(3)]
    role = plays[0].role
    rooms = {str(n): play.room for n, play in enumerate(plays)}
    written = [len(role.turn(rooms)) for _ in range(3)]
    assert max(written) <= 150
    assert all(play.room.ahead_rows for play in plays)


# --- crashes, copies and second feeds ----------


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("snapshot", [False, True])
def test_a_worker_that_takes_over_goes_on_where_the_log_stood(snapshot, lost):
    play = Play().ready(2)
    play.go(50)
    state, after = (play.room.snapshot(), len(play.log.records)) if snapshot else (None, 0)
    play.go(50)
    if lost:
        play.turn()  # written by nobody
    stood = play.room.state
    later = Play(log=play.log, clock=play.clock, state=state, after=after)
    assert later.room.snapshot() == play.room.snapshot()
    later.clock(9_000)
    later.begin()
    assert later.room.state.at_ns <= stood.at_ns + 0.2 * S
    later.go(520)
    assert heard(later.log.records) == expected(MINUTE)


def test_a_worker_that_takes_over_waits_until_it_has_read_what_the_one_before_wrote():
    play = Play().ready(2)
    play.go(20)
    late = play.turn()  # on its way while the next worker starts
    assert late
    later = Play(log=play.log, clock=play.clock)
    while later.room._feed is None:
        later.turn(0)
    [mark] = later.turn()
    assert later.turn() == []
    records = later.log.write([*late, mark])
    take_all(later.room, records)
    later.go(600)
    assert heard(later.log.records) == expected(MINUTE)


def test_two_workers_that_play_the_same_room_bring_each_event_once():
    one = Play(clock=HandClock()).ready(2)
    two = Play(log=one.log, clock=HandClock())
    two.begin()
    take_all(one.room, one.log.records[-1:])
    plays = [one, two]
    for n in range(900):
        due = [play.turn(0.05 + 0.013 * i) for i, play in enumerate(plays)]
        records = one.log.write(due[n % 2] + due[1 - n % 2])
        for play in plays:
            take_all(play.room, records)
    assert heard(one.log.records) == expected(MINUTE)
    assert one.room.snapshot() == two.room.snapshot()
    assert one.role.figures()["copies"] > 0


def test_what_does_not_come_back_is_sent_again_byte_for_byte():
    play = Play().ready(1)
    play.go(10)
    lost = [r for _ in range(5) for r in play.turn()]
    again = play.turn(11)
    assert [r.value for r in again] == [r.value for r in lost]
    assert [message_id(r.headers) for r in again] == [message_id(r.headers) for r in lost]
    take_all(play.room, play.log.write([*lost, *again]))
    play.go(1_300)
    assert heard(play.log.records) == expected(MINUTE)


def test_a_mark_that_got_lost_is_sent_again():
    play = Play()
    play.say(OPEN, start())
    while play.room._feed is None:
        play.turn(0)
    [first] = play.turn()
    assert play.turn(1) == []
    assert message_id(play.turn(10)[0].headers) == message_id(first.headers)


def test_a_copy_of_an_old_command_does_nothing():
    play = Play()
    play.say(OPEN)
    pause = play.log.say(RoomCommand(0, "pause"), name="teacher/2")
    take_all(play.room, pause)
    play.say(start(), name="teacher/3")
    play.begin().go(10)
    take_all(play.room, play.log.write([Outgoing("", r.key, r.value, r.headers) for r in pause]))
    assert play.room.state.playing


# --- time, the end, and what is not for the feed ----------


def test_time_is_told_in_a_quiet_market_more_often_while_somebody_trades():
    play = Play(tape([0, 200 * S, 201 * S])).ready(1)
    play.go(20)
    quiet = play.go(100)
    assert 4 <= len(quiet) <= 6
    assert all(decode_inbound(r.value or b"").events == b"" for r in quiet)
    play.say(CancelOrder(0, "ana", "c1"))
    busy = play.go(20)
    assert len(busy) >= 19
    assert times(busy) == sorted(times(busy))
    assert play.room.state.rows == 1


def test_a_room_that_was_closed_plays_no_more():
    play = Play().ready(1)
    play.go(10)
    play.say(RoomCommand(0, "close"))
    play.say(start())
    assert play.go(40) == []
    assert play.room.state.closed


def test_a_tape_that_has_ended_is_silent():
    play = Play(tape([0, S])).ready(0)
    play.go(5)
    assert play.go(200) == []
    play.say(CancelOrder(0, "ana", "c1"))
    assert 15 <= len(play.go(60)) <= 25  # for a second, for those still on the way


@pytest.mark.parametrize("amount", [-1, 10**12])
@pytest.mark.parametrize("action", ["start", "speed", "pause"])
def test_a_speed_that_the_room_refuses_changes_nothing(action, amount):
    play = Play()
    play.say(OPEN)
    before = play.room.snapshot()
    play.say(RoomCommand(0, action, amount=amount))
    assert play.room.snapshot() == before


def test_what_comes_before_the_room_is_opened_is_not_followed():
    play = Play()
    play.say(start(), OPEN)
    assert not play.room.state.playing
    assert play.go(3) == []


@pytest.mark.parametrize("value", [b"", b"\xc1", b"\x97\xa3cmd", b"\x98\xa4room\xff", None])
def test_damaged_records_are_left_to_the_room(value):
    play = Play()
    play.say(OPEN)
    before = play.room.snapshot()
    for name in (b"", b"feed/0/0/0", b"feed/time/1", b"feed/x/y/z", b"feed/1/2/3/4", b"\xff", b"feed/trouble/\xff"):
        assert play.room.take(Taken("vtrade.inbound", 0, 9, "test", value, (("id", name),))) == []
    assert play.room.snapshot() == before


def test_a_damaged_snapshot_is_refused():
    with pytest.raises(ValueError, match="room 'test': the snapshot of its feed"):
        FeedRole(lambda name: MINUTE, clock=HandClock()).open("test", b"\xc1")
    with pytest.raises(ValueError, match="version 9"):
        FeedRole(lambda name: MINUTE, clock=HandClock()).open("test", b"\x91\x09")


# --- tapes that cannot be played ----------


def until_said(play: Play) -> list[Outgoing]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if written := play.go(1):
            return written
        threading.Event().wait(0.002)
    return []


@pytest.mark.parametrize(
    "of, why",
    [
        (TapeError("x.zip: no such file"), "the market cannot play: x.zip: no such file"),
        (RuntimeError("/home/teacher/secret"), "the market cannot play: RuntimeError"),
        (
            Tape("other", (Instrument.make("BETA"),), MINUTE.events, "L2"),
            "the market cannot play: the tape 'other' is about BETA, the room about ACME",
        ),
    ],
)
def test_a_room_is_told_once_that_its_tape_cannot_be_played(of, why, caplog):
    play = Play(of)
    play.say(OPEN, start())
    [news] = until_said(play)
    message = decode_inbound(news.value or b"")
    assert isinstance(message, RoomCommand)
    assert message.action == "news"
    assert message.text.startswith(why)
    assert "cannot play" in caplog.text
    assert play.go(50) == []
    assert play.role.figures()["tapes_failed"] == 1
    again = Play(of, log=play.log)
    assert again.go(50, 0.2) == []


def test_a_room_that_is_started_again_tries_again():
    play = Play(TapeError("gone"))
    play.say(OPEN, start())
    assert until_said(play)
    play.tape = MINUTE
    play.say(start())
    play.begin().go(1_400)
    assert heard(play.log.records) == expected(MINUTE)


def test_playing_goes_on_in_other_rooms_while_a_tape_is_read():
    gate = threading.Event()

    def load(name: str) -> Tape:
        if name == "slow":
            assert gate.wait(20)
        return MINUTE

    clock, log = HandClock(), Log()
    role = FeedRole(load, clock=clock)
    quick, slow = role.open("quick", None), role.open("slow", None)
    rooms = {"quick": quick, "slow": slow}
    take_all(quick, log.say(OpenRoom(0, "quick", ACME, tape="minute"), start(0)))
    while quick._feed is None:
        role.turn(rooms)
    take_all(slow, log.say(OpenRoom(0, "slow", ACME, tape="slow"), start(0)))
    for _ in range(5):
        clock(0.05)
        due = role.turn(rooms)
        assert {r.key for r in due} <= {"quick"}
        take_all(quick, log.write(due))
    assert quick.state.place == Place(600, 1, 1)
    gate.set()
    deadline = time.monotonic() + 20
    while slow._feed is None and time.monotonic() < deadline:
        role.turn(rooms)
    assert [r.key for r in role.turn(rooms)] == ["slow"]
    assert slow._feed.tape is quick._feed.tape
