"""Does a desk behind a gateway tell the same as one in the room, whatever happens on the way?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import msgspec
import pytest

from tests.services.loopback import Class, SharedOver, class_tape, posted, seen, until, vt
from vtrade.desk.desk import Desk
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.actions import ActionKind
from vtrade.domain.messages import (
    CancelOrder,
    ConvertCash,
    CorporateAction,
    OfferTender,
    OrderDenied,
    RoomCommand,
    SubmitOrder,
)
from vtrade.domain.orders import OrderType, Side, Status
from vtrade.domain.rules import RoomRules
from vtrade.domain.stream import PROTOCOL, Bye, Market, Welcome, encode_frame, unbundled
from vtrade.domain.values import MICRO, NS_PER_S
from vtrade.errors import AccessDenied, DeskError, Unavailable, VTradeError
from vtrade.services import inquiry, remote
from vtrade.services.remote import RemoteRoom

PEOPLE = {
    "ana": RiskLimits(),
    "ben": RiskLimits.make(leverage=3, allow_short=True, concentration=1),
    "cai": RiskLimits(enabled=False),
}
RULES = {
    "plain": RoomRules(),
    "slow": RoomRules.make(latency_ms=40),
    "deep": RoomRules.make(hidden=0.2, resilience_s=2, impact=0.5, queue_model="power"),
    "settled": RoomRules.make(settlement_days=1, beyond="square_root"),
}


@pytest.fixture(scope="module")
def tape() -> vt.Tape:
    return class_tape(vt.synthetic(7, symbols=["ACME", "BYTE", "LUMA"], minutes=3, events_per_second=6))


Opener = Callable[..., Class]


@pytest.fixture
def open_class(tape: vt.Tape, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opener]:
    """Classes, closed at the end; whoever was dropped comes back at once."""
    monkeypatch.setattr(remote, "BACK_S", 0.01)
    monkeypatch.setattr(remote, "RETRY_S", 0.001)
    classes: list[Class] = []

    def opener(which: vt.Tape = tape, *, rules: RoomRules | None = None, every_s: float = 0.0) -> Class:
        classes.append(Class(SharedOver(which, PEOPLE, rules=rules), every_s=every_s))
        return classes[-1]

    yield opener
    for one in classes:
        one.close()


def same(desk: Desk, near: Desk) -> None:
    """Both show the same, number for number and word for word."""
    here, there = seen(desk), seen(near)
    for name, told in there.items():
        assert repr(here[name]) == repr(told), name


def one_step(luck: Random, school: Class, desks: dict[str, Desk], number: int) -> None:
    """Something happens: somebody trades, the market moves, the instructor acts."""
    room = school.room
    name = luck.choice(list(desks))
    desk = desks[name]
    symbol = luck.choice(desk.symbols)
    k = room.engine.index(symbol)
    assert k is not None
    mid = sum(room.engine.touch(k)[::2]) / 2 * desk.instruments[k].tick_size / 1e6 or 100.0
    what = luck.random()
    if what < 0.45:
        options: dict[str, Any] = {}
        if luck.random() < 0.6:
            options["limit"] = round(mid * luck.uniform(0.998, 1.002), 2)
        if luck.random() < 0.2:
            options["stop"] = round(mid * luck.uniform(0.995, 1.005), 2)
        elif luck.random() < 0.1:
            options = {"trail": 0.5}
        elif luck.random() < 0.1:
            options |= {"post_only": True, "display": 10} if "limit" in options else {}
        options["tif"] = luck.choice(["DAY", "GTC", "IOC", None])
        side = desk.buy if luck.random() < 0.6 else desk.sell
        side(symbol, luck.choice([1, 10, 250, 5_000, 0.5]), **options)
    elif what < 0.60:
        known = desk._room.blotter.of(name)
        if known:
            order = luck.choice(known).client_order_id
            if luck.random() < 0.5:
                desk.cancel(order)
            else:
                desk.replace(order, quantity=luck.randint(1, 300), limit=round(mid * 0.999, 2))
    elif what < 0.85:
        room.advance(room.now_ns + luck.choice([1, 1_000_000, NS_PER_S, 9 * NS_PER_S]))
    elif what < 0.9:
        desk.record(luck.choice(["plan_written", "lesson_finished"]), subject=f"lesson {number % 3}", value="x" * 50)
    else:
        now = room.now_ns
        soon = now + 20 * NS_PER_S
        posted(
            room,
            [
                luck.choice(
                    [
                        RoomCommand(now, "news", symbol=symbol, text=f"headline {number}"),
                        RoomCommand(now, "news", text=f"psst {number}", account=name),
                        RoomCommand(now, "fine", account=name, amount=3 * MICRO, text="late"),
                        RoomCommand(now, "adjust", account=name, amount=5 * MICRO),
                        RoomCommand(now, luck.choice(["halt", "resume"]), symbol=symbol),
                        RoomCommand(now, "speed", amount=2 * MICRO),
                        OfferTender(now, f"t{number}", name, symbol, Side.BUY, 10 * MICRO, round(mid) * MICRO, soon),
                        CorporateAction(now, symbol, ActionKind.DIVIDEND, amount=100_000),
                    ]
                )
            ],
        )
        for tender in list(desk._room.tenders)[:1]:
            if desk._room.tenders[tender].account == name and luck.random() < 0.7:
                desk.answer(tender, accept=luck.random() < 0.8)


@pytest.mark.parametrize("rules", list(RULES))
@pytest.mark.parametrize("drops", [False, True], ids=["whole", "dropped"])
def test_a_remote_desk_tells_the_same(open_class: Opener, rules: str, drops: bool) -> None:
    luck = Random(f"{rules} {drops}")
    school = open_class(rules=RULES[rules])
    desks = {name: school.join(name) for name in ("ana", "ben")}
    desks["cai"] = school.near("cai")
    for number in range(120):
        if drops and number % 9 == 0:
            school.ways[luck.choice(["ana", "ben"])].drop()
        if drops and number % 31 == 5:
            school.ways["ben"].lost_answers = 2
        one_step(luck, school, desks, number)
        if number % 40 == 39:
            school.settle()
            for name in ("ana", "ben"):
                same(desks[name], school.near(name))
    assert len(school.room.blotter.of("ana")) > 10


@pytest.mark.parametrize("seed", [1, 2])
def test_a_desk_that_comes_late_or_comes_back_anew_tells_the_same(open_class: Opener, seed: int) -> None:
    luck = Random(seed)
    school = open_class(rules=RULES["slow"])
    desks = {name: school.near(name) for name in PEOPLE}
    for number in range(60):
        one_step(luck, school, desks, number)
    desks["ana"] = school.join("ana")
    school.settle()
    same(desks["ana"], school.near("ana"))
    for number in range(60, 120):
        one_step(luck, school, desks, number)
        if number == 90:  # nothing is remembered for it: it begins anew
            school.streams._forget()
            while school.streams._floor <= school.remotes["ana"].seq:
                one_step(luck, school, {"cai": desks["cai"]}, number)
                school.streams._forget()
            school.ways["ana"].drop()
    school.settle()
    same(desks["ana"], school.near("ana"))
    assert school.ways["ana"].opened[-1] is not None


def test_bars_splits_and_renames(open_class: Opener) -> None:
    daily = class_tape(vt.load_tape("sample:AAPL,IBM", start="2012-01-03", end="2012-02-28"))
    school = open_class(daily)
    desk = school.join("ana")
    for number in range(12):
        school.room.step()
        order = desk.buy("AAPL" if number % 2 else "IBM", 3)
        assert order.status in (Status.ACCEPTED, Status.FILLED)
    now = school.room.now_ns
    posted(
        school.room,
        [
            CorporateAction(now, "AAPL", ActionKind.SPLIT, numerator=7),
            CorporateAction(now, "IBM", ActionKind.RENAME, new_symbol="IBMX"),
        ],
    )
    desk.buy("AAPL", 10, limit=1)
    for _ in range(3):
        school.room.step()
    school.settle()
    assert desk.symbols == ["AAPL", "IBMX"]
    same(desk, school.near("ana"))
    desk.buy("IBMX", 2)
    late = school.join("ana")
    school.settle()
    same(late, school.near("ana"))
    assert late.bars("AAPL", 86_400).equals(desk.bars("AAPL", 86_400))


def test_an_exchange_room(open_class: Opener) -> None:
    school = open_class(class_tape(vt.load_tape("exchange:3", minutes=2, symbols=["ACME", "BYTE"])))
    desk, other = school.join("ana"), school.near("cai")
    for number in range(8):
        bid = desk.book("ACME").bid[0]
        mine = desk.sell("ACME", 1, limit=bid) if number % 2 else desk.buy("ACME", 20)
        other.sell("ACME", 5, limit=round(bid - 0.05, 2))
        desk.buy("ACME", 10, limit=round(bid + 0.2, 2))
        school.room.advance(school.room.now_ns + 2 * NS_PER_S)
        assert mine.status
        school.settle()
    same(desk, school.near("ana"))
    peers = [fill for r in desk._room.blotter.of("ana") for fill in r.fills if fill.cause == "peer"]
    assert {fill.contra_order_id for fill in peers} <= {0, -1}


# --- reading one's own writes ----------------------------------------------------------------------------------------


def test_everything_of_an_order_is_known_when_it_returns(open_class: Opener) -> None:
    school = open_class()
    desk = school.join("ana")
    order = desk.buy("ACME", 100)
    near = school.near("ana")
    assert order.status == Status.FILLED
    assert (desk.cash, desk.buying_power, desk.nav) == (near.cash, near.buying_power, near.nav)
    assert desk.fills().equals(near.fills())
    assert desk.positions().equals(near.positions())
    waiting = desk.buy("ACME", 10, limit=150)
    assert desk.buying_power == near.buying_power
    assert waiting.reason == near.order(waiting.client_order_id).reason
    waiting.cancel()
    assert waiting.status == Status.CANCELED
    assert desk.buying_power == near.buying_power


def test_a_change_on_its_way_is_told_at_once(open_class: Opener) -> None:
    school = open_class(rules=RULES["slow"])
    desk = school.join("ana")
    order = desk.buy("ACME", 10, limit=150)
    school.room.advance(school.room.now_ns + NS_PER_S)
    order.cancel()
    assert desk._room.on_its_way("ana", order.client_order_id)
    assert "on its way" in desk.handle({"intent": "cancel", "id": order.client_order_id})["text"]
    school.room.advance(school.room.now_ns + NS_PER_S)
    school.settle()
    assert not desk._room.on_its_way("ana", order.client_order_id)
    assert order.status == Status.CANCELED


def test_every_way_to_trade(open_class: Opener) -> None:
    school = open_class()
    desk = school.join("ana")
    entry, target, guard = desk.bracket("ACME", 10, take_profit=300, stop_loss=100)
    assert (entry.status, target.working, guard.working) == (Status.FILLED, True, True)
    desk.buy("BYTE", 10)
    desk.oco("BYTE", take_profit=500, stop_loss=1)
    assert len(desk.close()) == 2
    assert desk.positions().empty
    assert (
        desk.submit_many(
            [
                SubmitOrder(0, "ana", f"many{n}", "LUMA", Side.BUY, OrderType.MARKET, MICRO)
                for n in range(remote.COMMANDS_MAX + 3)
            ]
        )[-1].filled_quantity
        == 1
    )
    assert desk.order("many0").review().text
    assert desk.ask("why did many0 fill?").text
    assert desk.handle({"intent": "submit", "symbol": "ACME", "side": "buy", "quantity": 1})["kind"] == "ok"
    assert desk.view()["account"]["account"] == "ana"
    assert "NAV" in repr(desk)
    school.settle()
    same(desk, school.near("ana"))


def test_refusals_are_those_of_the_room(open_class: Opener) -> None:
    school = open_class()
    desk = school.join("ana")
    denied = desk.sell("ACME", 10)
    assert denied.status == Status.DENIED
    with pytest.raises(DeskError, match="is no money of this room"):
        desk.convert(1, "USD", "EUR")
    assert desk._room.submit([ConvertCash(0, "ana", "USD", "EUR", 5)])[0]
    with pytest.raises(DeskError, match="there is no tender"):
        desk.answer("t1", accept=True)
    with pytest.raises(DeskError, match="cannot send for 'ben'"):
        desk._room.submit([CancelOrder(0, "ben", "o1")])
    assert desk.handle({"intent": "step"})["kind"] == "error"
    for call in (desk.run, desk.step, desk.rewind, desk.fork, desk.verify):
        with pytest.raises(DeskError, match="shared"):
            call()
    with pytest.raises(DeskError, match="instructor exports the journal"):
        _ = desk.state_hash
    with pytest.raises(AccessDenied, match="its instructor starts"):
        desk.play()
    with pytest.raises(AccessDenied, match="your role here is student"):
        desk.pause()
    with pytest.raises(DeskError, match="speed"):
        desk.play(0)
    with pytest.raises(DeskError, match="streams 10 levels"):
        desk.book("ACME", 50)
    assert len(desk.book("ACME", 3)) == 3
    with pytest.raises(DeskError, match="no leaderboard by 'luck'"):
        desk.leaderboard("luck")


def test_leaderboards_beyond_what_is_streamed(open_class: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vtrade.services.streams.STANDINGS", 2)
    school = open_class()
    desk = school.join("ana")
    desk.buy("ACME", 100)
    school.settle()
    near = school.near("ana")
    assert desk.leaderboard("nav", 2).equals(near.leaderboard("nav", 2))
    assert desk.leaderboard("nav", 3).equals(near.leaderboard("nav", 3))
    assert desk._room.rank("nav").around("ana", 1) == near._room.rank("nav").around("ana", 1)
    with pytest.raises(DeskError, match="not around others"):
        desk._room.rank("xp").around("ben")
    with pytest.raises(DeskError, match="1,000 or fewer"):
        desk.leaderboard("xp", inquiry.ROWS_MAX + 1)


def test_an_order_whose_name_is_no_address(open_class: Opener) -> None:
    school = open_class()
    desk = school.join("ana")
    for name in ("a/b", "über ü?&=#%2F", "..", "7"):
        order = desk.buy("ACME", 1, client_order_id=name)
        assert str(order.explain()) == str(school.near("ana").order(name)._desk._explain(order._record))
    assert desk.sell("BYTE", 1, client_order_id="c/d").explain().title.startswith("Order c/d")


# --- staff and onlookers ---------------------------------------------------------------------------------------------


def test_staff_see_every_account(open_class: Opener) -> None:
    school = open_class()
    students = {name: school.join(name) for name in ("ana", "ben")}
    luck = Random(5)
    for number in range(40):
        one_step(luck, school, students, number)
    school.join("tina", "instructor")
    room = school.remotes["tina"]
    for number in range(40, 80):
        one_step(luck, school, students, number)
    school.settle()
    assert set(room.engine.accounts) == set(PEOPLE)
    for name in PEOPLE:
        assert repr(room.portfolio.account(name)) == repr(school.room.portfolio.account(name))
        assert [r.facts for r in room.blotter.of(name)] == [r.facts for r in school.room.blotter.of(name)]
        assert room.progress.progress(name) == school.room.progress.progress(name)
    record = room.blotter.of("ana")[-1]
    assert room.explained(record) == school.near("ana")._explain(record)
    with pytest.raises(DeskError, match="is told to 'ana' alone"):
        _ = room.engine.accounts["ana"].reserved


def test_staff_move_the_market(open_class: Opener) -> None:
    school = open_class()
    school.join("tina", "instructor")
    student = school.join("ana")
    room = school.remotes["tina"]
    room.play(5)
    assert school.room.views.play is not None
    assert (school.room.views.play.action, school.room.views.play.speed) == ("start", 5 * MICRO)
    room.submit([RoomCommand(0, "news", text="hello")])
    with pytest.raises(DeskError, match="names account 'zoe'"):
        room.submit([RoomCommand(0, "fine", account="zoe", amount=MICRO)])
    room.pause()
    assert school.room.views.play.action == "pause"
    school.settle()
    assert [news["headline"] for news in student.view()["news"]] == ["hello"]


def test_an_onlooker_sees_the_market_and_nobody(open_class: Opener) -> None:
    school = open_class()
    school.join("ana").buy("ACME", 10)
    school.join("olga", "observer")
    room = school.remotes["olga"]
    school.room.advance(school.room.now_ns + 9 * NS_PER_S)
    school.settle()
    assert (room.account, dict(room.engine.accounts), room.blotter.records, room.portfolio.accounts) == ("", {}, {}, ())
    assert room.engine.touch(0) == school.room.engine.touch(0)
    assert room.candles.of(0) == school.room.candles.of(0)


# --- on bad days -----------------------------------------------------------------------------------------------------


def test_an_answer_that_was_lost_is_asked_for_again(open_class: Opener) -> None:
    school = open_class()
    desk = school.join("ana")
    way = school.ways["ana"]
    way.lost_answers = 3
    order = desk.buy("ACME", 10, client_order_id="mine")
    assert order.filled_quantity == 10
    assert len(way.bodies) == 4
    assert len({msgspec.json.decode(body)["id"] for body in way.bodies}) == 1
    assert len(school.near("ana").fills()) == len(desk.fills()) == 1
    way.lost_answers = 2
    desk.record("plan_written", value="buy low")
    assert len(way.bodies) == 7
    assert school.room.seq == [r.told.result()[0] for r in school.room.ids.values()][-1]


def test_what_may_have_arrived_can_be_sent_again(open_class: Opener) -> None:
    school = open_class()
    desk = school.join("ana")
    school.ways["ana"].lost_answers = remote.TRIES_MAX
    with pytest.raises(Unavailable, match="may have arrived or not") as error:
        desk.buy("ACME", 10, client_order_id="mine")
    assert "mine" in str(error.value)
    until(lambda: "mine" in desk._room.engine.accounts["ana"].ids)  # it did arrive, and the stream told of it
    with pytest.raises(DeskError, match="used before"):
        desk.buy("ACME", 10, client_order_id="mine")
    assert desk.order("mine").filled_quantity == 10


def test_a_second_copy_of_an_order_that_got_through_is_no_error(open_class: Opener) -> None:
    school = open_class()
    desk = school.join("ana")
    room = school.remotes["ana"]
    school.ways["ana"].lost_answers = remote.TRIES_MAX
    order = SubmitOrder(0, "ana", "mine", "ACME", Side.BUY, OrderType.MARKET, 10 * MICRO)
    with pytest.raises(Unavailable):
        room.submit([order])
    facts = room.submit([order])[0]
    assert any(isinstance(fact, OrderDenied) for fact in facts)
    assert desk.order("mine").status == Status.FILLED
    assert len(desk.fills()) == 1


def test_two_desks_of_one_account_do_not_share_a_name_unnoticed(open_class: Opener) -> None:
    school = open_class()
    desk = school.join("ana")
    room = school.remotes["ana"]
    school.ways["ana"].cut_after = 0  # it does not hear of the other desk's order
    posted(school.room, [SubmitOrder(0, "ana", "o1", "BYTE", Side.BUY, OrderType.MARKET, MICRO)])
    with pytest.raises(DeskError, match="was used meanwhile by another desk of yours"):
        room.submit([SubmitOrder(0, "ana", "o1", "ACME", Side.BUY, OrderType.MARKET, 10 * MICRO)])
    assert desk.order("o1").symbol == "BYTE"


def test_an_outcome_that_is_not_known_yet(open_class: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "HEAR_S", 0.05)
    school = open_class()
    desk = school.join("ana")
    school.ways["ana"].durable_only = 1
    assert desk.buy("ACME", 10).filled_quantity == 10  # the stream told of it
    school.ways["ana"].durable_only = 1
    with pytest.raises(Unavailable, match="is safe in the room's log, but what became of it is not known yet"):
        desk.record("plan_written", value="wait")
    school.settle()
    same(desk, school.near("ana"))


def test_a_connection_that_is_lost_says_so_and_comes_back(open_class: Opener) -> None:
    school = open_class()
    desk = school.join("ana")
    room, way = school.remotes["ana"], school.ways["ana"]
    heard: list[str] = []
    stop = desk.on_change(lambda: heard.append(room.trouble))
    way.down = True
    way.drop()
    until(lambda: any("connection lost" in text and "trying again" in text for text in heard))
    assert "connection lost" in desk.view()["clock"]["trouble"]
    with pytest.raises(Unavailable, match="nobody answers"):
        desk.buy("ACME", 10, client_order_id="mine")
    school.near("ana").buy("BYTE", 5, client_order_id="near")
    way.down = False
    until(lambda: not room.trouble)
    school.settle()
    assert desk.order("near").filled_quantity == 5
    assert desk.buy("ACME", 10, client_order_id="mine").filled_quantity == 10
    stop()
    school.settle()
    same(desk, school.near("ana"))


def test_a_stream_that_breaks_anywhere_goes_on(open_class: Opener) -> None:
    school = open_class()
    desk = school.join("ana")
    way = school.ways["ana"]
    for frames in range(5):
        way.cut_after = frames
        for _ in range(50):
            desk.buy("ACME", 1)
            school.room.advance(school.room.now_ns + 50_000_000)
            school.streams.pump()
            if way.cut_after < 0:
                break
        school.settle()
        same(desk, school.near("ana"))
    assert len(way.opened) == 6


def test_a_hole_in_the_candles_is_noticed(open_class: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    school = open_class()
    desk = school.join("ana")
    school.settle()
    school.room.advance(school.room.now_ns + 9 * NS_PER_S)
    monkeypatch.setattr(school.streams._outlook, "_floor", school.room.seq)
    school.settle()
    assert school.ways["ana"].opened[1:] == [None]
    same(desk, school.near("ana"))


@pytest.mark.parametrize(
    "frames, error, words",
    [
        ([Welcome("r", "ana", "student", False, 1, PROTOCOL + 1)], DeskError, "version 2 of the stream"),
        ([Bye("your token was revoked", again=False)], AccessDenied, "your token was revoked"),
        ([b"nonsense"], Unavailable, "sent what is no frame"),
        ([Market(1, 0, 0, False, 1.0, False, False, "", (), ())], Unavailable, "before it told of the room"),
        ([Bye("come back", again=True)], Unavailable, "come back"),
    ],
)
def test_a_gateway_that_speaks_otherwise(frames: list[Any], error: type[VTradeError], words: str) -> None:
    class Odd:
        where = "http://odd"

        def stream(self, path: str, query: object) -> Any:
            class Told(list[bytes]):
                def close(self) -> None:
                    pass

            return Told(one if isinstance(one, bytes) else encode_frame(one) for one in frames)

        def close(self) -> None:
            pass

    with pytest.raises(error, match=words):
        RemoteRoom(Odd(), "r", start_s=0.3)  # type: ignore[arg-type]


def test_nothing_can_be_sent_after_the_end(open_class: Opener) -> None:
    school = open_class()
    desk = school.join("ana")
    order = desk.buy("ACME", 10)
    before = str(desk)
    desk.close_desk()
    assert (desk.closed, str(desk), order.filled_quantity) == (True, before, 10)
    with pytest.raises(DeskError, match="this desk is closed"):
        desk.buy("ACME", 10)


def test_the_pump_drives_a_desk_by_itself(open_class: Opener) -> None:
    school = open_class(every_s=0.01)
    desk = school.join("ana")
    heard: list[int] = []
    desk.on_change(lambda: heard.append(desk.ts_ns))
    school.room.play(60)
    until(lambda: desk.playing and len(set(heard)) > 5)
    desk.buy("ACME", 10)
    school.room.pause()
    until(lambda: not desk.playing and desk.ts_ns == school.room.now_ns)
    until(lambda: desk.quotes().equals(school.near("ana").quotes()))


def test_frames_are_small(open_class: Opener) -> None:
    school = open_class()
    school.join("ana")
    school.room.advance(school.room.now_ns + 9 * NS_PER_S)
    school.settle()
    assert isinstance(unbundled(school.ways["ana"].frames[0])[0], Welcome)
    assert max(len(data) for data in school.ways["ana"].frames) < 20_000
