"""Does one follower feed many streams, each in order, and none for ever?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.services.loopback import SharedOver, class_tape, posted, until, vt
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.messages import (
    CancelOrder,
    Fill,
    NewsPublished,
    OrderAccepted,
    OrderDenied,
    RoomCommand,
    SubmitOrder,
)
from vtrade.domain.orders import OrderType, Reason, Side
from vtrade.domain.rules import RoomRules
from vtrade.domain.stream import (
    Bye,
    Facts,
    Frame,
    Market,
    Own,
    Part,
    Standings,
    Told,
    Welcome,
    unbundled,
)
from vtrade.domain.values import MICRO, NS_PER_S
from vtrade.errors import DeskError, VTradeError
from vtrade.services import outlook, streams
from vtrade.services.access import Role
from vtrade.services.streams import NOT_SERVED, RANKS_EVERY, TOO_SLOW, Connection, RoomStreams

PEOPLE = {"ana": RiskLimits(), "ben": RiskLimits.make(leverage=2, allow_short=True)}


@pytest.fixture(scope="module")
def tape() -> vt.Tape:
    return class_tape(vt.synthetic(7, symbols=["ACME", "BYTE"], minutes=3, events_per_second=6))


Opener = Callable[..., tuple[SharedOver, RoomStreams]]


@pytest.fixture
def open_room(tape: vt.Tape) -> Iterator[Opener]:
    opened: list[tuple[SharedOver, RoomStreams]] = []

    def opener(*, rules: RoomRules | None = None, every_s: float = 0.0) -> tuple[SharedOver, RoomStreams]:
        room = SharedOver(tape, PEOPLE, rules=rules)
        opened.append((room, RoomStreams(room, every_s=every_s)))
        return opened[-1]

    yield opener
    for room, hub in opened:
        hub.close()
        room.close()


def order(account: str, name: str, *, limit: float | None = None, symbol: str = "ACME", units: int = 10) -> SubmitOrder:
    kind = OrderType.MARKET if limit is None else OrderType.LIMIT
    price = None if limit is None else round(limit * MICRO)
    return SubmitOrder(0, account, name, symbol, Side.BUY, kind, units * MICRO, price)


def taken(connection: Connection) -> list[Frame]:
    return [frame for data in connection.take() for frame in unbundled(data)]


def of(frames: list[Frame], kind: type[Any]) -> list[Any]:
    return [frame for frame in frames if isinstance(frame, kind)]


def records(frames: list[Frame]) -> list[Told]:
    return [record for frame in of(frames, Facts) for record in frame.records]


def test_a_newcomer_is_told_everything_once(open_room: Opener) -> None:
    room, hub = open_room()
    posted(room, [order("ana", "o1"), order("ben", "b1")])
    ana = hub.connect("ana", "student")
    frames = taken(ana)
    assert frames[0] == Welcome(room.name, "ana", "student", False, room.seq)
    assert [type(frame) for frame in frames[1:3]] == [Part, Part]
    assert len(of(frames, Market)) == len(of(frames, Standings)) == 1
    assert records(frames) == []
    hub.pump()
    assert [type(frame) for frame in taken(ana)] == [Own]
    hub.pump()
    assert taken(ana) == []


def test_own_facts_go_out_at_once_and_public_ones_with_the_pump(open_room: Opener) -> None:
    room, hub = open_room()
    ana, ben = hub.connect("ana", "student"), hub.connect("ben", "student")
    hub.pump()
    taken(ana), taken(ben)
    woken: list[str] = []
    ana.on_ready, ben.on_ready = (lambda: woken.append("ana")), (lambda: woken.append("ben"))
    posted(room, [order("ana", "o1")])
    assert woken == ["ana"]
    (record,) = records(taken(ana))
    assert {type(fact) for fact in record.facts} == {OrderAccepted, Fill}
    assert record.money is not None
    assert record.money.cash == room.engine.accounts["ana"].cash
    assert taken(ben) == []
    posted(room, [RoomCommand(0, "news", text="hello")])
    assert woken == ["ana"]
    hub.pump()
    assert woken == ["ana", "ana", "ben"] or woken == ["ana", "ben", "ana"]
    for one in (ana, ben):
        assert [fact.headline for record in records(taken(one)) for fact in record.facts] == ["hello"]


def test_what_is_public_is_encoded_once_for_everybody(open_room: Opener) -> None:
    room, hub = open_room()
    everybody = [hub.connect("ana", "student") for _ in range(3)] + [hub.connect("", "observer")]
    hub.pump()
    for one in everybody:
        one.take()
    posted(room, [RoomCommand(0, "news", text="hello")])
    room.advance(room.now_ns + NS_PER_S)
    hub.pump()
    first, *others = [one.take() for one in everybody]
    assert all(frames == first for frames in others)
    assert len(hub._batches) == len(hub._outlook._frames) == 1


def test_facts_come_in_order_whoever_they_are_for(open_room: Opener) -> None:
    room, hub = open_room()
    ana = hub.connect("ana", "student")
    hub.pump()
    taken(ana)
    for n in range(5):
        posted(room, [RoomCommand(0, "news", text=f"n{n}"), order("ana", f"o{n}"), order("ben", f"b{n}")])
    told = records(taken(ana))
    assert [record.seq for record in told] == sorted({record.seq for record in told})
    seqs = [fact.seq for record in told for fact in record.facts]
    assert seqs == sorted(seqs)
    headlines = [fact.headline for record in told for fact in record.facts if isinstance(fact, NewsPublished)]
    assert headlines == [f"n{n}" for n in range(5)]


def test_a_request_without_any_fact_is_told_of_too(open_room: Opener) -> None:
    room, hub = open_room(rules=RoomRules.make(latency_ms=50))
    ana = hub.connect("ana", "student")
    posted(room, [order("ana", "o1", limit=150)])
    room.advance(room.now_ns + NS_PER_S)
    hub.pump()
    taken(ana)
    posted(room, [CancelOrder(0, "ana", "o1")])
    (record,) = records(taken(ana))
    assert (record.seq, record.facts) == (room.seq, [])
    assert record.money.on_its_way == ("o1",)
    room.advance(room.now_ns + NS_PER_S)
    (record,) = [record for record in records(taken(ana)) if record.facts and record.money]
    assert record.money.on_its_way == ()


def test_a_stream_goes_on_where_it_was_dropped(open_room: Opener) -> None:
    room, hub = open_room()
    ana = hub.connect("ana", "student")
    taken(ana)
    heard = room.seq
    ana.close()
    assert len(hub) == 0
    posted(room, [order("ana", "o1"), order("ben", "b1"), RoomCommand(0, "news", text="hello")])
    again = hub.connect("ana", "student", after=heard)
    frames = taken(again)
    assert frames[0] == Welcome(room.name, "ana", "student", True, heard)
    assert of(frames, Part) == []
    assert [type(fact).__name__ for record in records(frames) for fact in record.facts] == [
        "OrderAccepted", "Fill", "NewsPublished"
    ]  # fmt: skip
    (market,) = of(frames, Market)
    assert market.since <= heard
    assert len(market.quotes) == 2


@pytest.mark.parametrize("after", [-1, 10**12])
def test_what_is_too_long_ago_or_has_not_been_begins_anew(open_room: Opener, after: int) -> None:
    _, hub = open_room()
    frames = taken(hub.connect("ana", "student", after=after))
    assert not frames[0].resumed  # type: ignore[union-attr]
    assert of(frames, Part)


def test_who_is_too_slow_is_sent_away(open_room: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "RECORDS_MAX", 20)
    room, hub = open_room()
    slow, quick = hub.connect("ana", "student"), hub.connect("ana", "student")
    taken(slow)
    for n in range(25):
        posted(room, [order("ana", f"o{n}", limit=150)])
        taken(quick)
    assert taken(slow) == [Bye(TOO_SLOW)]
    assert slow.closed
    assert slow.take() == []
    assert not quick.closed
    assert len(hub) == 1
    assert len(hub._ring) <= 20
    assert sum(len(items) for items in hub._personal.values()) <= 20


def test_what_was_missed_is_cut_into_frames(open_room: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "FRAME_FACTS_MAX", 10)
    room, hub = open_room()
    heard = room.seq
    posted(room, [order("ana", f"o{n}") for n in range(30)])
    frames = of(taken(hub.connect("ana", "student", after=heard)), Facts)
    assert len(frames) > 3
    assert max(sum(len(record.facts) for record in frame.records) for frame in frames) <= 10
    assert [record.seq for record in records(frames)] == list(range(heard + 1, heard + 31))


def test_the_market_is_told_as_it_is_and_not_as_it_was(open_room: Opener) -> None:
    room, hub = open_room()
    slow = hub.connect("", "observer")
    taken(slow)
    for _ in range(20):
        room.advance(room.now_ns + NS_PER_S)
        hub.pump()
    (market,) = of(taken(slow), Market)
    assert market.now_ns == room.now_ns
    assert {quote.k: quote.touch for quote in market.quotes}[0] == room.engine.touch(0)
    hub.pump()
    assert of(taken(slow), Market) == []
    posted(room, [order("ana", "o1", symbol="BYTE", units=50)])
    hub.pump()
    (market,) = of(taken(slow), Market)
    assert [quote.k for quote in market.quotes] == [1]
    assert market.candles == ()


def test_candles_of_all_turns_reach_whoever_was_slow(open_room: Opener) -> None:
    room, hub = open_room()
    slow = hub.connect("", "observer")
    before = of(taken(slow), Market)[0].seq
    for _ in range(12):
        room.advance(room.now_ns + 2 * NS_PER_S)
        hub.pump()
    (market,) = of(taken(slow), Market)
    assert market.since <= before
    assert dict.fromkeys(told.k for told in market.candles).keys() == {0, 1}
    for told in market.candles:
        assert list(told.rows) == room.candles.of(told.k)


def test_old_candles_are_forgotten_and_that_is_told(open_room: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlook, "LOOKS_KEPT", 4)
    monkeypatch.setattr(outlook, "TRIM_EVERY", 8)
    room, hub = open_room()
    slow = hub.connect("", "observer")
    before = of(taken(slow), Market)[0].seq
    for _ in range(24):
        room.advance(room.now_ns + NS_PER_S)
        hub.pump()
    (market,) = of(taken(slow), Market)
    assert market.since > before
    late = taken(hub.connect("", "observer"))
    assert of(late, Market)[0].since <= late[0].seq  # type: ignore[union-attr]


def test_newcomers_share_the_candles(open_room: Opener) -> None:
    room, hub = open_room()
    room.advance(room.now_ns + 20 * NS_PER_S)
    frames = [hub.connect(name, "student").take() for name in ("ana", "ben")]
    told = [[f for data in one for f in unbundled(data) if isinstance(f, Part)] for one in frames]
    candles = [[part for part in parts if part.what == "candles"] for parts in told]
    assert candles[0]
    assert candles[0] == candles[1]
    assert hub._outlook.block()[1] is hub._outlook.block()[1]


def test_own_orders_are_looked_at_only_when_something_moved(open_room: Opener) -> None:
    room, hub = open_room()
    ana, ben = hub.connect("ana", "student"), hub.connect("ben", "student")
    bid = room.engine.touch(0)[0] / 100
    posted(room, [order("ana", "o1", limit=bid), order("ben", "b1", limit=bid, symbol="BYTE")])
    hub.pump()
    (own,) = of(taken(ana), Own)
    assert own.orders[0].order_id == 1
    assert own.orders[0].waiting == room.engine.waiting(1)
    assert own.orders[0].queue_ahead == room.engine.queue_ahead(1)
    hub.pump()
    assert taken(ana) == []
    taken(ben)
    posted(room, [order("ben", "b2", units=5)])  # moves what is ahead of nobody: ana hears of it only if it matters
    hub.pump()
    assert of(taken(ana), Own) == []
    assert of(taken(ben), Own) != []


def test_looking_at_many_orders_takes_several_turns(open_room: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LOOKS_MAX", 3)
    room, hub = open_room()
    posted(room, [order("ana", f"o{n}", limit=150) for n in range(5)])
    posted(room, [order("ben", f"b{n}", limit=150) for n in range(5)])
    ana, ben = hub.connect("ana", "student"), hub.connect("ben", "student")
    hub.pump()
    assert [len(of(taken(one), Own)) for one in (ana, ben)] == [1, 0]
    hub.pump()
    assert [len(of(taken(one), Own)) for one in (ana, ben)] == [0, 1]


def test_standings_come_once_in_a_while(open_room: Opener) -> None:
    room, hub = open_room()
    ana = hub.connect("ana", "student")
    (first,) = of(taken(ana), Standings)
    assert set(first.boards) == {"xp", "nav"}
    assert set(first.whole) == {"xp", "nav"}
    told = []
    for n in range(3 * RANKS_EVERY):
        posted(room, [order("ana", f"o{n}")])
        hub.pump()
        told += of(taken(ana), Standings)
    assert 2 <= len(told) <= 3
    assert [row.account for row in told[-1].boards["nav"]] == ["ben", "ana"]


def test_without_a_leaderboard_everything_else_goes_on(open_room: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(by: str) -> Any:
        raise VTradeError("the leaderboard is not there")

    room, _ = open_room()
    monkeypatch.setattr(room, "rank", away)
    hub = RoomStreams(room, every_s=0)
    ana = hub.connect("ana", "student")
    hub.pump()
    assert of(taken(ana), Standings) == []
    posted(room, [order("ana", "o1")])
    assert len(records(taken(ana))) == 1
    hub.close()


def test_a_margin_account_hears_of_its_buying_power(open_room: Opener) -> None:
    room, hub = open_room()
    ben = hub.connect("ben", "student")
    posted(room, [order("ben", "b1", units=900)])
    hub.pump()
    taken(ben)
    powers = set()
    for _ in range(20):
        room.advance(room.now_ns + 3 * NS_PER_S)
        hub.pump()
        powers |= {own.money.buying_power for own in of(taken(ben), Own)}
    assert len(powers) > 1
    assert room.engine.buying_power("ben") in powers


def test_refusals_are_private(open_room: Opener) -> None:
    room, hub = open_room()
    ana, ben = hub.connect("ana", "student"), hub.connect("ben", "student")
    taken(ana), taken(ben)
    posted(room, [order("ana", "o1", units=900_000)])
    (record,) = records(taken(ana))
    (denied,) = record.facts
    assert isinstance(denied, OrderDenied)
    assert denied.reason in (Reason.INSUFFICIENT_BUYING_POWER, Reason.CONCENTRATION_LIMIT)
    hub.pump()
    assert records(taken(ben)) == []


def test_staff_hear_of_everything(open_room: Opener) -> None:
    room, hub = open_room()
    heard = room.seq
    tina = hub.connect("tina", "ta")
    assert of(taken(tina), Welcome)[0].account == ""
    posted(room, [order("ana", "o1"), order("ben", "b1"), CancelOrder(0, "ben", "none")])
    hub.pump()
    told = records(taken(tina))
    assert [record.seq for record in told] == [heard + 1, heard + 2, heard + 3]
    assert {fact.account for record in told for fact in record.facts} == {"ana", "ben"}


def test_the_end_is_told(open_room: Opener) -> None:
    room, hub = open_room()
    ana, ben = hub.connect("ana", "student"), hub.connect("ben", "student")
    taken(ana)
    ana.end("your token was revoked", again=False)
    assert taken(ana) == [Bye("your token was revoked", again=False)]
    assert len(hub) == 1
    hub.close()
    assert of(taken(ben), Bye) == [Bye(NOT_SERVED)]
    with pytest.raises(DeskError, match="not served here any more"):
        hub.connect("ana", "student")
    posted(room, [order("ana", "o1")])
    assert taken(ana) == []


def test_a_reader_that_waits_is_woken(open_room: Opener) -> None:
    room, hub = open_room(every_s=0.005)
    ana = hub.connect("ana", "student")
    until(lambda: not ana.take(0.05))
    posted(room, [RoomCommand(0, "news", text="hello")])
    frames: list[Frame] = []
    until(lambda: frames.extend(f for data in ana.take(1.0) for f in unbundled(data)) or records(frames))
    assert records(frames)[0].facts[0].headline == "hello"  # type: ignore[union-attr]


def test_a_turn_that_fails_does_not_stop_the_pump(open_room: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    room, hub = open_room(every_s=0.005)
    failed: list[int] = []
    look = hub._outlook.look

    def broken() -> set[int]:
        if len(failed) < 2:
            failed.append(1)
            raise ValueError("bad luck")
        return look()

    ana = hub.connect("ana", Role.STUDENT)
    until(lambda: not ana.take(0.05))
    monkeypatch.setattr(hub._outlook, "look", broken)
    room.advance(room.now_ns + NS_PER_S)
    until(lambda: len(failed) == 2 or hub._dirty.set())
    hub._dirty.set()
    until(lambda: of([f for data in ana.take(0.05) for f in unbundled(data)], Market))
