"""Does everybody see what an account owns, exactly and soon, whatever happens to the worker and to Redis?

Rules: what is shown is compared with an engine that folded every fact by itself; Redis is the embedded one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec
import pytest

from tests.services.room import ACCOUNTS, MID, book_frame, buy, messages, opening
from tests.services.workers.records import HandClock, S, take_all, told, trade
from vtrade.adapters.hot import HotState
from vtrade.adapters.redis import RedisUnavailable, embedded_redis
from vtrade.domain.messages import AccountOpened, Fact, Marked, OpenAccount, RoomOpened, encode_facts
from vtrade.domain.portfolio_wire import AccountDelta, AccountFull, decode_account
from vtrade.domain.topics import PORTFOLIO, Claim, Told, decode_trade
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.portfolio.views import AccountView, PositionView
from vtrade.ports import Outgoing, Taken
from vtrade.services.workers import portfolio as module
from vtrade.services.workers.account_views import FULL_EVERY, read_hot_view
from vtrade.services.workers.portfolio import PortfolioRole, PortfolioRoom, new_engine
from vtrade.services.workers.runner import Worker
from vtrade.services.workers.trades import TradesGap, TradesReader

ROOM = told(messages(5, 150))
VIEW = msgspec.msgpack.Decoder(AccountView, strict=False)
POSITIONS = msgspec.msgpack.Decoder(list[PositionView], strict=False)


class Desk:
    """A worker with one room and the Redis it shows it in."""

    def __init__(self, *, cache: object = None, clock: HandClock | None = None, shows: bool = True) -> None:
        self.clock = clock or HandClock()
        self.cache = cache if cache is not None else embedded_redis()
        self.broken: Exception | None = None
        self.role = PortfolioRole(self._hot if shows else None, clock=self.clock, partitions=1)
        self.role.begin(0, trades_from=0, epoch=0)
        self.room = self.role.open("test", None)
        self.written: list[Outgoing] = []

    def _hot(self, room: str, projection: str) -> HotState:
        hot = HotState(self.cache, room, projection, clock=self.clock)
        for name in ("publish", "replace_all", "beat"):
            setattr(hot, name, self._maybe(getattr(hot, name)))
        return hot

    def _maybe(self, call):
        def called(*values, **options):
            if self.broken is not None:
                raise self.broken
            return call(*values, **options)

        return called

    @property
    def hot(self) -> HotState:
        return HotState(self.cache, "test", "portfolio", clock=self.clock)

    def take(self, records: Iterable[Taken]) -> None:
        take_all(self.room, list(records))

    def mark(self, ticks: int, *, joins: str = "") -> None:
        """``BETA`` has a new price, and somebody may join."""
        seq, ts_ns = self.room.engine.seq, self.room.engine.ts_ns + S
        facts: list[Fact] = [Marked(seq + 1, ts_ns, ((1, ticks),))]
        if joins:
            facts.append(AccountOpened(seq + 2, ts_ns, joins, 5, "USD"))
        line = self.room.line.seq + 1
        self.take([trade(Told(1, 0, line, ts_ns, b"", encode_facts(facts)), key="test")])

    def turn(self, seconds: float = 1.1, turns: int = 1) -> list[Outgoing]:
        written: list[Outgoing] = []
        for _ in range(turns):
            self.clock(seconds)
            written += self.role.turn({"test": self.room})
        self.written += written
        return written


def engine_of(records: Iterable[Taken]) -> PortfolioEngine:
    engine = new_engine()
    for heard in TradesReader().read(records, {}):
        engine.apply_all(heard.facts)
    return engine


def same(one: msgspec.Struct, other: msgspec.Struct) -> bool:
    pairs = zip(msgspec.structs.astuple(one), msgspec.structs.astuple(other), strict=True)
    return all(a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b)) for a, b in pairs)


def check_shown(desk: Desk, engine: PortfolioEngine) -> None:
    """Redis has every account as the engine knows it, and the standings."""
    shown = desk.hot.views(engine.accounts)
    assert list(shown) == list(engine.accounts)
    for name, (_, data) in shown.items():
        as_of, account, positions = read_hot_view(data)
        assert same(account, engine.account(name)), name
        expected = engine.positions(name)
        assert len(positions) == len(expected)
        assert all(same(a, b) for a, b in zip(positions, expected, strict=True))
        assert as_of.seq <= engine.seq
    board = {row.account: row.score for row in desk.hot.leaderboard("nav").top(100)}
    assert board == {name: engine.account(name).nav for name in engine.accounts}


def retold(records: Iterable[Outgoing]) -> dict[str, tuple[dict[str, object], dict[str, PositionView]]]:
    """What a reader of the portfolio topic knows: money, and positions by symbol."""
    known: dict[str, tuple[int, dict[str, object], dict[str, PositionView]]] = {}
    for record in records:
        assert record.topic == PORTFOLIO
        room, _, name = record.key.partition("/")
        assert room == "test"
        change = decode_account(record.value or b"")
        positions = {p.symbol: p for p in POSITIONS.decode(change.positions)}
        if isinstance(change, AccountFull):
            money = msgspec.structs.asdict(VIEW.decode(change.account))
        else:
            before, money, held = known[name]
            assert change.after == before
            money = {**money, **change.money}
            positions = {s: p for s, p in {**held, **positions}.items() if s not in change.gone}
        known[name] = change.seq, money, positions
    return {name: (money, positions) for name, (_, money, positions) in known.items()}


# --- what is shown and told ----------


def test_what_is_shown_is_what_the_facts_say_after_every_few_records():
    desk = Desk()
    for at in range(0, len(ROOM), 7):
        desk.take(ROOM[at : at + 7])
        desk.turn()
        check_shown(desk, engine_of(ROOM[: at + 7]))
    assert desk.hot.mark().seq == engine_of(ROOM).seq
    assert desk.hot.mark().epoch == 1
    assert any(engine_of(ROOM).positions(name) for name in ACCOUNTS)


def test_a_reader_of_the_topic_knows_the_same_from_full_records_and_deltas():
    desk = Desk()
    for record in ROOM:
        desk.take([record])
        desk.turn()
    engine = engine_of(ROOM)
    known = retold(desk.written)
    assert set(known) == set(engine.accounts)
    for name, (money, positions) in known.items():
        assert same(AccountView(**money), engine.account(name))
        now = {p.symbol: p for p in engine.positions(name)}
        assert set(positions) == set(now)
        for symbol, position in positions.items():
            assert same(msgspec.structs.replace(position, weight=now[symbol].weight), now[symbol])
    kinds = [type(decode_account(r.value or b"")) for r in desk.written]
    assert kinds.count(AccountDelta) > 3 * kinds.count(AccountFull)


def test_an_account_is_told_in_full_now_and_then():
    desk = Desk(shows=False)
    desk.take(told([*opening(), book_frame(S), buy("c1", units=5)]))
    desk.turn()
    for n in range(2 * FULL_EVERY + 10):
        desk.mark(MID + 1 + n % 5)
        desk.turn()
    ana = [decode_account(r.value or b"") for r in desk.written if r.key == "test/ana"]
    fulls = [n for n, record in enumerate(ana) if isinstance(record, AccountFull)]
    assert fulls == [0, FULL_EVERY + 1, 2 * FULL_EVERY + 2]


def test_what_did_not_change_is_not_told_again():
    desk = Desk()
    desk.take(ROOM)
    assert desk.turn(turns=4)
    before = desk.role.views
    assert desk.turn(turns=20) == []
    assert desk.role.views == before


def test_who_dealt_is_told_at_once_and_who_only_moved_with_the_market_a_second_later():
    desk = Desk()
    desk.take(told([*opening(), book_frame(S), buy("c1", units=10), buy("c2", account="ben", units=10)]))
    desk.turn(0.3, turns=6)
    desk.mark(MID + 9)
    assert {r.key for r in desk.turn(1.1)} == {"test/ana", "test/ben"}
    desk.mark(MID + 19)
    assert desk.turn(0.3) == []
    desk.mark(MID + 29, joins="cai")
    assert [r.key for r in desk.turn(0.3)] == ["test/cai"]
    standings = {row.account: row.score for row in desk.hot.leaderboard("nav").top(9)}
    assert standings["ana"] == desk.room.engine.account("ana").nav
    desk.turn(1.1, turns=4)
    check_shown(desk, desk.room.engine)


def test_a_big_room_is_shown_in_parts_and_all_of_it_in_the_end(monkeypatch):
    monkeypatch.setattr(module, "VIEWS_MAX", 10)
    monkeypatch.setattr(module, "SMALL_ROOM", 20)
    joined = [OpenAccount(0, f"a{n:03}", 10**9) for n in range(60)]
    bought = [buy(f"c{n}", account=f"a{n:03}", units=1 + n % 3) for n in range(60)]
    desk = Desk()
    desk.take(told([*opening(), *joined, book_frame(S, lots=5_000), *bought]))
    desk.turn()
    sizes = []
    for n in range(8):
        desk.mark(MID + 50 + n)
        sizes.append(len(desk.turn(0.6)))
    assert max(sizes) == 10
    desk.turn(1.1, turns=12)
    check_shown(desk, desk.room.engine)
    assert set(retold(desk.written)) == set(desk.room.engine.accounts)


# --- copies, old writers, crashes ----------


def test_copies_and_records_of_a_replaced_writer_do_nothing():
    desk, plain = Desk(), Desk()
    plain.take(ROOM)
    half = len(ROOM) // 2
    desk.take([*ROOM[:half], *ROOM[:half]])
    before = desk.room.snapshot()
    take_all(desk.role.open("", None), [trade(Claim(3, "w3"))])  # claims have no room
    lie = encode_facts([AccountOpened(10_000, 0, "ghost", 5, "USD")])
    desk.take([trade(Told(2, 0, desk.room.line.seq + 1, 0, b"", lie), key="test")])
    desk.take(ROOM[half:])
    assert desk.room.snapshot() == before
    assert desk.role.figures()["stale"] == 1 + len(ROOM) - half
    desk.take([trade(msgspec.structs.replace(decode_trade(r.value or b""), epoch=3), key=r.key) for r in ROOM])
    assert desk.room.snapshot() == plain.room.snapshot()


@pytest.mark.parametrize("cut", [1, 5, 40, len(ROOM) - 1])
def test_a_restored_room_equals_one_that_folded_everything(cut):
    whole, first = Desk(), Desk()
    whole.take(ROOM)
    first.take(ROOM[:cut])
    first.turn()
    second = Desk(cache=first.cache, clock=first.clock)
    offset, epoch = first.role.checkpoint(0)
    second.role.begin(0, trades_from=offset, epoch=epoch)
    second.room = second.role.open("test", first.room.snapshot())
    assert second.room.snapshot() == first.room.snapshot()
    second.take(ROOM[max(0, cut - 3) :])
    assert second.room.snapshot() == whole.room.snapshot()
    second.turn(turns=3)
    check_shown(second, whole.room.engine)
    assert set(retold(second.written)) == set(whole.room.engine.accounts)


def test_a_gap_asks_for_the_whole_log_once_and_then_stops_only_this_room(caplog):
    desk = Desk()
    desk.take(ROOM[:40])
    desk.room = desk.role.open("test", desk.room.snapshot())
    gap = [r for r in ROOM if not isinstance(t := decode_trade(r.value), Told) or t.seq != desk.room.line.seq + 1]
    with pytest.raises(TradesGap, match=r"room 'test': its snapshot and record \d+ do not fit"):
        desk.take(gap)
    desk.room = desk.role.open("test", None)
    desk.take(gap)
    good = desk.room.line.seq
    assert "record" in desk.room.line.trouble
    assert "stands still" in caplog.text
    assert caplog.records[-1].room == "test"
    other = desk.role.open("other", None)
    take_all(other, told(opening(), room="other"))
    desk.role.turn({"test": desk.room, "other": other})
    assert desk.role.figures()["rooms_halted"] == 1
    assert other.line.seq == 4
    again = desk.role.open("test", desk.room.snapshot())
    take_all(again, ROOM)
    assert (again.line.seq, again.line.trouble) == (good, desk.room.line.trouble)


def test_facts_that_contradict_what_came_before_stop_only_this_room():
    desk = Desk()
    desk.take(ROOM[:10])
    twice = encode_facts([RoomOpened(10_000, 0, "test", ())])
    seq = desk.room.line.seq
    desk.take([trade(Told(1, 0, seq + 1, 0, b"", twice), key="test")])
    assert "opens twice" in desk.room.line.trouble
    desk.take([trade(Told(1, 0, seq + 1, 0, b"", b"\xc1"), key="test")])
    assert desk.room.line.seq == seq


@pytest.mark.parametrize("state", [b"", b"\xc1", b"\x90", (7, 0, b"", 0, "", b""), (1, 0, b"", 0, "", b"x")])
def test_a_damaged_snapshot_is_refused(state):
    state = state if isinstance(state, bytes) else msgspec.msgpack.encode(state)
    with pytest.raises(ValueError, match="snapshot"):
        Desk().role.open("test", state)


# --- Redis that fails ----------


@pytest.mark.parametrize("how", ["wiped", "some keys lost", "old"])
def test_a_redis_that_forgot_is_written_anew(how):
    desk = Desk()
    desk.take(ROOM[:60])
    desk.turn(turns=2)
    kept = {key: desk.cache.dump(key) for key in desk.cache.scan_iter()}
    desk.take(ROOM[60:100])
    desk.turn(turns=2)
    if how == "wiped":
        desk.cache.flushall()
    elif how == "some keys lost":
        desk.cache.delete(next(k for k in desk.cache.scan_iter() if k.endswith(b":ranking")))
    else:
        desk.cache.flushall()
        for key, value in kept.items():
            desk.cache.restore(key, 0, value)
    desk.turn(turns=3)  # nothing happens in the room
    check_shown(desk, desk.room.engine)
    assert desk.role.figures()["redis_healed"] == 1
    desk.take(ROOM[100:])
    desk.turn(turns=3)
    check_shown(desk, engine_of(ROOM))


@pytest.mark.parametrize("error", [RedisUnavailable("no Redis answers"), OSError("reset"), RuntimeError("what?")])
def test_without_redis_folding_and_telling_go_on_and_everything_is_shown_when_it_is_back(error, caplog):
    desk = Desk()
    desk.take(ROOM[:50])
    desk.turn(turns=2)
    desk.broken = error
    for record in ROOM[50:100]:
        desk.take([record])
        desk.turn(0.3)
    figures = desk.role.figures()
    assert figures["redis_down"] == 1
    assert 3 <= figures["redis_failed"] <= 8  # in 15 seconds
    assert caplog.text.count("not kept up") == 1
    engine = engine_of(ROOM[:100])
    assert desk.room.engine.snapshot() == engine.snapshot()
    desk.turn(1.1, turns=3)
    assert {n: m["nav"] for n, (m, _) in retold(desk.written).items()} == {
        n: engine.account(n).nav for n in engine.accounts
    }
    desk.broken = None
    desk.turn(1.1, turns=20)
    check_shown(desk, engine)
    assert desk.role.figures()["redis_down"] == 0


def test_the_values_tell_how_late_they_are():
    desk = Desk()
    sent = desk.clock.wall_ns() - 3 * S
    desk.take(told(messages(5, 20), sent_ns=sent))
    desk.turn(0.3)
    as_of, _, _ = read_hot_view(desk.hot.view("ana")[1])
    assert as_of.lag_s == pytest.approx(3.0)
    assert (as_of.seq, as_of.ts_ns) == (desk.room.engine.seq, desk.room.engine.ts_ns)
    assert desk.role.figures()["lag_seconds"] == pytest.approx(3.0)
    assert desk.role.figures()["nav_lag_seconds"] == 0
    desk.broken = RedisUnavailable("no")
    desk.take(told(messages(5, 25))[25:])
    desk.turn(0.5, turns=10)
    assert desk.role.figures()["nav_lag_seconds"] == pytest.approx(5.0, abs=0.6)


def test_an_old_worker_does_not_overwrite_what_a_newer_one_shows():
    new = Desk()
    new.role.begin(0, trades_from=0, epoch=4)
    new.take([trade(msgspec.structs.replace(decode_trade(r.value), epoch=4), key=r.key) for r in ROOM])
    new.turn(turns=2)
    old = Desk(cache=new.cache, clock=new.clock)
    old.take(ROOM[:80])
    old.turn(turns=5)
    check_shown(new, engine_of(ROOM))
    assert old.role.figures()["redis_fenced"] > 0


def test_numbers_beyond_64_bits_are_shown_exactly():
    desk = Desk()
    desk.take([trade(Told(1, 0, 1, 0, b"", encode_facts([RoomOpened(1, 0, "test", ())])), key="test")])
    desk.room.engine.apply(AccountOpened(2, 0, "rich", 2**70, "USD"))
    desk.turn(turns=2)
    assert read_hot_view(desk.hot.view("rich")[1])[1].nav == 2**70
    assert desk.hot.leaderboard("nav").score("rich") == 2**63 - 1


def test_the_role_is_one_the_runner_takes():
    role = Desk().role
    assert isinstance(role.open("x", None), PortfolioRoom)
    Worker(role, None, None, HandClock(), name="w")  # type: ignore[arg-type]
