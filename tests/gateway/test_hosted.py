"""Does a room of many in one process keep its promises: durable, once, each on its own, and playing on after a stop?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from vtrade.adapters.sqlite import SqliteLog
from vtrade.bootstrap.gateway import embedded_parts
from vtrade.domain.messages import (
    CancelOrder,
    Fill,
    Inbound,
    MarketFrame,
    NewsPublished,
    OpenAccount,
    OpenRoom,
    OrderDenied,
    RoomCommand,
    SubmitOrder,
)
from vtrade.domain.orders import OrderType, Side
from vtrade.domain.values import MICRO
from vtrade.errors import DeskError, JournalError, Overloaded, Unavailable, VTradeError
from vtrade.gateway.state import Parts
from vtrade.market.tape import Tape
from vtrade.services import hosted
from vtrade.services.hosted import HostedRoom, HostedRooms
from vtrade.services.pace import head_of
from vtrade.services.runtime import verify

WAIT_S = 30
TAPE = "synthetic:41"


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Tape:
    parts = embedded_parts(data=tmp_path_factory.mktemp("tape"))
    loaded = parts.library.load(TAPE)
    close(parts)
    return loaded


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = embedded_parts(data=tmp_path)
    yield made
    close(made)


def close(parts: Parts) -> None:
    parts.rooms.close()
    for closer in parts.closers:
        closer()


def new_room(parts: Parts, tape: Tape, name: str = "algebra") -> HostedRoom:
    opening: Sequence[Inbound] = [
        OpenRoom(tape.start_ns, name, tape.instruments, seed=1, tape=TAPE),
        *(OpenAccount(tape.start_ns, account, 10**12) for account in ("ana", "ben")),
    ]
    room = parts.rooms.create(name, opening, tape=TAPE, head=head_of(tape))
    assert isinstance(room, HostedRoom)
    return room


def buy(room: HostedRoom, name: str, account: str = "ana", quantity: int = 10 * MICRO) -> SubmitOrder:
    symbol = room.engine.instruments[0].symbol
    return SubmitOrder(room.now_ns, account, name, symbol, Side.BUY, OrderType.MARKET, quantity)


def told(posted: Any) -> tuple[int, list[Any]]:
    result: tuple[int, list[Any]] = posted.told.result(WAIT_S)
    assert posted.durable.result(WAIT_S) == result[0]
    return result


def say(room: HostedRoom, text: str, **options: Any) -> tuple[int, list[Any]]:
    return told(room.post(RoomCommand(room.now_ns, "news", text=text), **options))


def test_a_message_is_durable_when_it_is_said_to_be(parts: Parts, tape: Tape) -> None:
    room = new_room(parts, tape)
    seq, facts = told(room.post(buy(room, "o1")))
    assert any(isinstance(fact, Fill) for fact in facts)
    kept = list(parts.entries("algebra"))
    assert kept[-1].seq == seq == room.seq
    room.close()
    log = SqliteLog(parts.rooms.path("algebra"), read_only=True)  # type: ignore[attr-defined]
    assert verify(log).ok
    log.close()


def test_what_cannot_belong_to_the_room_fails_alone(parts: Parts, tape: Tape) -> None:
    room = new_room(parts, tape)
    with room.lock:  # so that all of them are in one batch
        posts = [
            room.post(buy(room, "a")),
            room.post(RoomCommand(room.now_ns, "fine", account="nobody", amount=5)),
            room.post(MarketFrame(0, b"no events at all")),
            room.post(SubmitOrder(room.now_ns, "ana", "\ud800", "X", Side.BUY, OrderType.MARKET, 1)),
            room.post(buy(room, "b", "ben")),
        ]
    good = [posts[0], posts[-1]]
    assert [told(one)[1] != [] for one in good] == [True, True]
    for one in posts[1:-1]:
        assert isinstance(one.durable.exception(WAIT_S), VTradeError)
        assert isinstance(one.told.exception(WAIT_S), VTradeError)
    assert set(room.engine.accounts["ana"].ids) == {"a"}


def test_one_message_that_breaks_the_engine_does_not_take_the_others_along(
    parts: Parts, tape: Tape, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = new_room(parts, tape)
    engine = type(room.engine)
    process = engine.process

    def breaks(self: Any, message: Inbound) -> Any:
        facts = process(self, message)
        if isinstance(message, RoomCommand) and message.text == "poison":
            raise ZeroDivisionError
        return facts

    monkeypatch.setattr(engine, "process", breaks)
    with room.lock:
        first = room.post(buy(room, "a"))
        poison = room.post(RoomCommand(room.now_ns, "news", text="poison"))
        last = room.post(buy(room, "b"))
    assert told(first)[0] + 1 == told(last)[0]
    assert "ZeroDivisionError" in str(poison.told.exception(WAIT_S))
    assert [news.headline for news in room.news if news.headline == "poison"] == []


def test_an_id_counts_once(parts: Parts, tape: Tape) -> None:
    room = new_room(parts, tape)
    first = say(room, "hello", message_id="r1")
    assert say(room, "hello", message_id="r1") == first
    assert say(room, "something else", message_id="r1") == first
    with room.lock:
        twins = [room.post(buy(room, "o"), message_id="r2") for _ in range(3)]
    assert told(twins[0]) == told(twins[1]) == told(twins[2])
    assert room.seq == first[0] + 1
    assert say(room, "hello", message_id="r3")[0] == room.seq
    assert say(room, "hello")[0] == room.seq


def test_ids_are_remembered_by_the_next_process(parts: Parts, tape: Tape, tmp_path: Path) -> None:
    room = new_room(parts, tape)
    first = say(room, "hello", message_id="r1")
    order = told(room.post(buy(room, "o1"), message_id="r2"))
    close(parts)
    again = embedded_parts(data=tmp_path)
    room = again.rooms.open("algebra")  # type: ignore[assignment]
    before = room.seq
    assert say(room, "hello", message_id="r1") == first
    assert room.seq == before
    facts = told(room.post(buy(room, "o1"), message_id="r2"))[1]
    assert [type(fact) for fact in facts] == [OrderDenied], "the engine knows the order by its own name"
    assert sum(isinstance(fact, Fill) for fact in order[1]) == len(room.blotter.of("ana")[0].fills)
    close(again)


def test_an_id_without_its_record_does_not_count(parts: Parts, tape: Tape, tmp_path: Path) -> None:
    room = new_room(parts, tape)
    room.runtime.log.append = _fails  # type: ignore[method-assign]
    posted = room.post(RoomCommand(room.now_ns, "news", text="lost"), message_id="r1")
    assert isinstance(posted.durable.exception(WAIT_S), JournalError)
    del room.runtime.log.append
    assert "lost" not in [news.headline for news in room.news]
    seq, facts = say(room, "found", message_id="r1")
    assert [fact.headline for fact in facts if isinstance(fact, NewsPublished)] == ["found"]
    close(parts)
    again = embedded_parts(data=tmp_path)
    assert again.rooms.open("algebra").seq >= seq
    close(again)


def _fails(entries: Any) -> None:
    raise JournalError("the disk is full")


def test_only_so_many_messages_wait(parts: Parts, tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosted, "QUEUE_MAX", 3)
    room = new_room(parts, tape)
    posts: list[Any] = []

    def flood() -> None:
        for n in range(600):
            posts.append(room.post(buy(room, f"o{n}")))  # noqa: PERF401

    with room.lock, pytest.raises(Overloaded, match="send again"):
        flood()
    assert 3 <= len(posts) < 300
    seqs = [told(one)[0] for one in posts]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


def test_ids_do_not_grow_for_ever(parts: Parts, tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosted, "IDS_MAX", 5)
    room = new_room(parts, tape)
    for n in range(12):
        say(room, f"{n}", message_id=f"n{n}")
    assert len(room._ids) <= 6
    assert len(room._ids_kept.items()) <= 6
    for n in range(30):
        told(room.post(CancelOrder(room.now_ns, "ana", f"{n}"), message_id=f"c{n}"))
        told(room.post(buy(room, f"o{n}", quantity=MICRO), message_id=f"o{n}"))
    assert len(room._ids) <= 11


def until(condition: Callable[[], bool], room: HostedRoom) -> None:
    """Wait for something that changes of a room bring about."""
    moved = threading.Event()
    stop = room.on_change(moved.set)
    try:
        while not condition():
            assert moved.wait(WAIT_S)
            moved.clear()
    finally:
        stop()


def conduct(room: HostedRoom, action: str, speed: int = MICRO) -> None:
    told(room.post(RoomCommand(room.now_ns, action, amount=speed)))


def test_the_market_obeys_the_record(parts: Parts, tape: Tape) -> None:
    room = new_room(parts, tape)
    assert not room.playing
    conduct(room, "speed", 4 * MICRO)
    assert (room.playing, room.speed) == (False, 4.0)
    conduct(room, "start", 60 * MICRO)
    then = room.now_ns
    until(lambda: room.now_ns > then, room)
    assert (room.playing, room.speed) == (True, 60.0)
    conduct(room, "pause", MICRO)
    assert not room.playing
    conduct(room, "start", 0)
    until(lambda: room.ended, room)
    assert not room.playing


@pytest.mark.parametrize("plays", [True, False])
def test_after_a_stop_it_plays_on_if_it_played(parts: Parts, tape: Tape, tmp_path: Path, plays: bool) -> None:
    room = new_room(parts, tape)
    conduct(room, "start", 2 * MICRO)
    if not plays:
        conduct(room, "pause", 2 * MICRO)
    then = room.now_ns
    close(parts)
    again = embedded_parts(data=tmp_path)
    room = again.rooms.open("algebra")  # type: ignore[assignment]
    assert room.playing == plays
    assert room.speed == 2.0
    if plays:
        until(lambda: room.now_ns > then, room)
    close(again)


def test_followers_hear_each_record_in_order_and_one_that_fails_is_alone_with_it(parts: Parts, tape: Tape) -> None:
    room = new_room(parts, tape)
    heard: list[int] = []
    room.follow(lambda seq, message, facts: 1 // 0)
    stop = room.follow(lambda seq, message, facts: heard.append(seq))
    first = room.seq
    for n in range(5):
        told(room.post(buy(room, f"o{n}", quantity=MICRO)))
    assert heard == list(range(first + 1, first + 6))
    stop()
    say(room, "unheard")
    assert heard[-1] == first + 5


def test_what_was_taken_is_finished_when_a_room_closes(parts: Parts, tape: Tape) -> None:
    room = new_room(parts, tape)
    posts = [room.post(buy(room, f"o{n}", quantity=MICRO)) for n in range(200)]
    parts.rooms.release("algebra")
    assert [told(one)[0] for one in posts] == sorted(told(one)[0] for one in posts)
    with pytest.raises(Unavailable):
        room.post(buy(room, "late"))
    assert parts.rooms.open("algebra").seq >= told(posts[-1])[0]


def test_rooms_are_found_by_name_and_nothing_else(parts: Parts, tape: Tape, tmp_path: Path) -> None:
    new_room(parts, tape)
    with pytest.raises(DeskError, match="already"):
        new_room(parts, tape)
    for name in ("nobody", "../rooms/algebra", "algebra.vtrade", "", "."):
        with pytest.raises(DeskError):
            parts.rooms.open(name)
    inside = tmp_path / "rooms"
    assert isinstance(parts.rooms, HostedRooms)
    for name in ("../../evil", "/etc/passwd", "a/b", "."):
        assert parts.rooms.path(name).parent == inside


def test_a_room_that_stands_still_makes_place(parts: Parts, tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosted, "ROOMS_OPEN_MAX", 2)
    first = new_room(parts, tape, "one")
    second = new_room(parts, tape, "two")
    first.follow(lambda seq, message, facts: None)
    new_room(parts, tape, "three")
    assert (first.closed, second.closed) == (False, True)
    parts.rooms.open("three").follow(lambda seq, message, facts: None)
    with pytest.raises(Overloaded):
        parts.rooms.open("two")


def test_a_room_whose_tape_is_gone_can_be_traded_but_not_played(parts: Parts, tape: Tape, tmp_path: Path) -> None:
    new_room(parts, tape)
    close(parts)
    again = embedded_parts(data=tmp_path)
    assert isinstance(again.rooms, HostedRooms)
    again.rooms._load = lambda name: again.library.load("gone.parquet")
    room = again.rooms.open("algebra")
    assert isinstance(room, HostedRoom)
    told(room.post(buy(room, "o")))
    conduct(room, "start")
    assert not room.playing
    assert "no tape" in room.trouble
    close(again)
