"""Do values that stand in arrays follow the facts exactly as those in Python objects do?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.portfolio.room import ABROAD, FEES, LISTED, Room
from tests.portfolio.test_recomputation import ACCOUNTS, CASH, Course, courses, happen
from vtrade.domain.instruments import Instrument
from vtrade.domain.luck import generator
from vtrade.domain.messages import Fact
from vtrade.domain.orders import Side
from vtrade.domain.values import MICRO
from vtrade.portfolio import PortfolioEngine, kernel, layout
from vtrade.portfolio.board import PENDING_MAX, Board
from vtrade.portfolio.holders import Holders
from vtrade.portfolio.seat import Seat

NOBODY_SITS = 10**9
S = 1_000_000_000


def plain(**options: int) -> PortfolioEngine:
    return PortfolioEngine(seats_from=NOBODY_SITS, **options)


def seated(**options: int) -> PortfolioEngine:
    return PortfolioEngine(seats_from=1, **options)


def board(engine: PortfolioEngine) -> Board:
    found = engine._books.board
    assert found is not None
    return found


def sits(engine: PortfolioEngine, account: str) -> bool:
    return isinstance(engine.state(account).track, Seat)


def assert_equal(one: PortfolioEngine, other: PortfolioEngine) -> None:
    """Everything that can be asked is the same."""
    assert one.snapshot() == other.snapshot()
    assert one.navs() == other.navs()
    for name in one.accounts:
        assert repr(one.account(name)) == repr(other.account(name))
        assert repr(one.positions(name)) == repr(other.positions(name))
        assert repr(one.statistics(name)) == repr(other.statistics(name))
        for mine, theirs in zip(one.equity_curve(name), other.equity_curve(name), strict=True):
            assert mine.tolist() == theirs.tolist()


def check_positions(engine: PortfolioEngine) -> None:
    """The arrays hold the positions that the accounts hold, each once."""
    arrays = board(engine)
    for index, _ in enumerate(engine.instruments):
        found = {}
        for slots, worth in arrays.holders.of(index):
            for slot, value in zip(slots.tolist(), worth.tolist(), strict=True):
                account = arrays.accounts[slot]
                assert account is not None
                assert account.name not in found
                found[account.name] = value
        holdings = {name: engine.state(name).holdings.get(index) for name in engine.accounts if sits(engine, name)}
        assert found == {n: h.lots.quantity * h.tick_value for n, h in holdings.items() if h and h.lots.quantity}
        assert all(abs(worth) <= arrays.reach[index] for worth in found.values())


@given(courses, st.sampled_from([2, 3, 7, 4_096]))
@settings(max_examples=120)
def test_whatever_happens_both_say_the_same_after_every_fact(course: Course, bound: int) -> None:
    """Several currencies, splits, tenders, rates, adjustments; facts folded one by one, everything asked in between."""
    room = Room(
        *ACCOUNTS, cash=CASH / MICRO, listed=ABROAD, currencies=tuple(ACCOUNTS.values()),
        engine=plain(curve_cells_max=bound),
    )  # fmt: skip
    other = seated(curve_cells_max=bound)
    other.apply_all(room.facts)
    assert all(sits(other, name) for name in ACCOUNTS)
    done = len(room.facts)
    for step in course:
        happen(room, *step)
        for fact in room.facts[done:]:
            other.apply(fact)
        done = len(room.facts)
        other.check()
        check_positions(other)
    assert_equal(other, room.engine)


def at_home(course: Course) -> Course:
    """The same in one currency, so that nobody leaves."""
    return [(*step[:-1], "USD") if step[0] == "cash" else step for step in course if step[0] not in ("convert", "rate")]


DOLLARS = tuple(
    Instrument.make(i.symbol, tick=t, lot=lot, sector=i.sector, fees=FEES)
    for i, t, lot in zip(ABROAD, ("0.01", "0.1", "0.01", "0.5"), ("1", "0.001", "1", "1"), strict=True)
)


@given(courses, st.sampled_from([2, 5, 4_096]), st.integers(1, 4))
@settings(max_examples=120)
def test_runs_that_wait_to_be_folded(course: Course, bound: int, seats_from: int) -> None:
    """Nobody asks anything before the end: marks wait in runs, fills and the like come in between."""
    room = Room(*ACCOUNTS, cash=CASH / MICRO, listed=DOLLARS, engine=plain(curve_cells_max=bound))
    for step in at_home(course):
        happen(room, *step)
    other = PortfolioEngine(seats_from=seats_from, curve_cells_max=bound)
    other.apply_all(room.facts)
    other.check()
    assert all(sits(other, name) == (seats_from <= 3) for name in ACCOUNTS)
    assert_equal(other, room.engine)


@given(courses, courses)
@settings(max_examples=40)
def test_a_snapshot_does_not_tell_how_values_were_kept(before: Course, after: Course) -> None:
    room = Room(*ACCOUNTS, cash=CASH / MICRO, listed=DOLLARS, engine=seated(curve_cells_max=5))
    for step in at_home(before):
        happen(room, *step)
    saved, done = room.engine.snapshot(), len(room.facts)
    both = [PortfolioEngine.restore(saved, seats_from=n) for n in (1, NOBODY_SITS)]
    assert [engine.snapshot() for engine in both] == [saved, saved]
    check_positions(both[0])
    for step in at_home(after):
        happen(room, *step)
    for engine in both:
        engine.apply_all(room.facts[done:])
        assert_equal(engine, room.engine)


# --- many accounts ---------------------------------------------------------------------------------------------------


def crowd(accounts: int, steps: int, *, seed: int, gap_s: float = 0.02) -> list[Fact]:
    """A day of a room with many accounts: fills, marks alone and together, closings of positions."""
    luck = generator(seed, "crowd")
    room = Room(*(f"a{n}" for n in range(accounts)), engine=plain())
    symbols = [instrument.symbol for instrument in LISTED]
    prices = dict.fromkeys(symbols, 1_000)
    room.mark(**prices)
    for _ in range(steps):
        room.wait(float(luck.random()) * gap_s)
        symbol = symbols[int(luck.integers(len(symbols)))]
        if luck.random() < 0.4:
            name = f"a{int(luck.integers(accounts))}"
            held = room.lots(name, symbol)
            lots = (
                -held if held and luck.random() < 0.5 else int(luck.integers(1, 9)) * (1 if luck.random() < 0.7 else -1)
            )
            room.fill(name, symbol, lots, prices[symbol], fee=7)
        else:
            chosen = symbols if luck.random() < 0.2 else [symbol]
            for each in chosen:
                prices[each] = max(1, prices[each] + int(luck.integers(-9, 10)))
            room.mark(**{each: prices[each] for each in chosen})
    return room.facts


@pytest.mark.parametrize(("bound", "gap_s"), [(4_096, 0.02), (3, 5.0), (40, 30.0)])
def test_a_crowd(bound: int, gap_s: float) -> None:
    facts = crowd(300, 1_500, seed=7, gap_s=gap_s)
    engines = [plain(curve_cells_max=bound), PortfolioEngine(curve_cells_max=bound)]
    for engine in engines:
        engine.apply_all(facts)
        engine.check()
    check_positions(engines[1])
    assert all(sits(engines[1], name) for name in engines[1].accounts)
    assert_equal(*engines)
    restored = PortfolioEngine.restore(engines[1].snapshot())
    check_positions(restored)
    assert_equal(restored, engines[0])


def test_room_grows_with_the_accounts_and_with_their_cells() -> None:
    """More accounts than there were seats at first, more cells than there was room for."""
    engines = plain(curve_cells_max=100), seated(curve_cells_max=100)
    room = Room(*(f"a{n}" for n in range(1_300)), engine=engines[0])
    arrays = None
    for number in range(3 * PENDING_MAX):
        room.wait(1.5)
        room.mark(ACME=1_000 + number % 37)
        if number % 10 == 0:
            room.fill(f"a{number % 1_300}", "ACME", 1 + number % 3, 1_000, fee=0)
    engines[1].apply_all(room.facts)
    arrays = board(engines[1])
    assert len(arrays.hot) >= 1_300
    assert arrays.rows.shape[1] <= 100
    for name in ("a0", "a10", "a1290", "a7"):
        assert engines[1].equity_curve(name)[1].tolist() == engines[0].equity_curve(name)[1].tolist()
    assert engines[1].state_hash() == engines[0].state_hash()


def test_room_for_cells_is_found_where_none_was_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vtrade.portfolio.board.ROOM_FIRST_BYTES", 0)
    facts = crowd(5, 900, seed=3, gap_s=4.0)
    one, other = plain(), seated()
    one.apply_all(facts)
    other.apply_all(facts[:40])
    assert board(other).rows.shape[1] < 64
    other.apply_all(facts[40:])
    assert board(other).rows.shape[1] >= 128
    assert_equal(one, other)


# --- amounts of any size ---------------------------------------------------------------------------------------------


def both_rooms(**options: Any) -> tuple[Room, Room]:
    return Room("ana", "ben", engine=plain(), **options), Room("ana", "ben", engine=seated(), **options)


@pytest.mark.parametrize(
    ("cash", "lots", "px", "next_px"),
    [
        (1e12, 1, 1_000, 1_001),  # the value is too large from the start
        (2_251_799_813.0, 10_000, 1_000, 900_000),  # it grows too large
        (100_000, 2**40, 1_000, 1_001),  # the position is too large
        (100_000, 1_000, 1_000, 2**50),  # the mark jumps too far
        (100_000, -1_000, 2**60, 1_000),
        (100_000, 2**40, 2**40, 2**41),
    ],
)
def test_who_is_too_large_for_the_arrays_leaves_them(cash: float, lots: int, px: int, next_px: int) -> None:
    rooms = both_rooms(cash=cash)
    for room in rooms:
        room.mark(ACME=px, BOLT=500)
        room.fill("ana", "ACME", lots, px, fee=3)
        room.fill("ben", "BOLT", 1, 500, fee=1)
        room.fill("ben", "ACME", 1, px, fee=1)
        for ticks in (next_px, next_px - 1, px, next_px + 5):
            room.wait(0.4)
            room.mark(ACME=ticks)
            room.mark(ACME=ticks + 1, BOLT=500 + ticks % 7)
        room.cash("ana", 5, "adjustment")
        room.engine.check()
    assert not sits(rooms[1].engine, "ana")
    assert_equal(rooms[0].engine, rooms[1].engine)
    again = PortfolioEngine.restore(rooms[1].engine.snapshot(), seats_from=1)
    assert_equal(again, rooms[0].engine)


def test_an_adjustment_that_is_too_large() -> None:
    rooms = both_rooms()
    for room in rooms:
        room.mark(ACME=1_000)
        room.cash("ana", 2**70, "adjustment")
        room.mark(ACME=1_001)
    assert not sits(rooms[1].engine, "ana")
    assert sits(rooms[1].engine, "ben")
    assert_equal(rooms[0].engine, rooms[1].engine)


def test_a_seat_is_taken_again() -> None:
    rooms = both_rooms(listed=ABROAD)
    for room in rooms:
        room.mark(ACME=1_000, SAP=10_000)
        room.fill("ana", "ACME", 5, 1_000)
        room.fill("ana", "SAP", 1, 10_000)
        room.mark(ACME=1_010)
        room.open("cy")
        room.fill("cy", "ACME", -3, 1_010)
        room.wait(2)
        room.mark(ACME=990)
    arrays = board(rooms[1].engine)
    assert [account and account.name for account in arrays.accounts] == ["cy", "ben"]
    check_positions(rooms[1].engine)
    assert_equal(rooms[0].engine, rooms[1].engine)


def test_a_run_is_cut_before_it_could_overflow() -> None:
    """Each mark is harmless, all of them together would be too far."""
    rooms = both_rooms(cash=2e9)
    for room in rooms:
        room.mark(ACME=1_000)
        room.fill("ana", "ACME", 10**6, 1_000, fee=0)
        for number in range(400):
            room.mark(ACME=1_000 + 50_000 * (number % 2))
    assert_equal(rooms[0].engine, rooms[1].engine)


# --- the parts -------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 2_500), st.integers(0, 2), st.integers(-3, 3)), max_size=200))
def test_holders_are_who_was_put_there(puts: list[tuple[int, int, int]]) -> None:
    holders, told = Holders(3), dict[tuple[int, int], int]()
    holders.blocks(3)
    for slot, index, worth in puts:
        holders.put(slot, index, worth)
        told[slot, index] = worth
    found = [
        ((slot, index), worth)
        for index in range(3)
        for slots, worths in holders.of(index)
        for slot, worth in zip(slots.tolist(), worths.tolist(), strict=True)
    ]
    assert sorted(found) == sorted((key, worth) for key, worth in told.items() if worth)
    again = Holders(3)
    again.blocks(3)
    again.load(*np.array([(*key, worth) for key, worth in found], dtype=np.int64).reshape(-1, 3).T)
    for index in range(3):
        assert {int(s) for slots, _ in again.of(index) for s in slots} == {s for (s, at), _ in found if at == index}


def test_columns_do_not_overlap() -> None:
    hot = [layout.NAV, layout.CEILING, layout.FLOOR, layout.LAST_NS]
    cold = [
        layout.HIGH_WATER, layout.DIP, layout.STRAYED, layout.LAST, layout.WIDTH, layout.CLOSED, layout.FIRST_NS,
        layout.FIRST, layout.HIGH_NS, layout.HIGH, layout.LOW_NS, layout.LOW,
    ]  # fmt: skip
    assert (sorted(hot), sorted(cold)) == (list(range(layout.HOT)), list(range(layout.COLD)))


def test_the_kernel_is_compiled_anew_where_nothing_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def no_folder(**options: Any) -> Any:
        asked.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(kernel, "_njit", no_folder)
    assert kernel.compiled(len) is len
    assert [options.get("cache", False) for options in asked] == [True, False]


SMALL = """
import sys
from tests.portfolio.room import Room
room = Room(*(f"a{n}" for n in range(40)))
room.fill("a1", "ACME", 5, 1_000)
room.mark(ACME=1_001)
room.engine.check()
print("numba" in sys.modules)
"""
PLAIN_SOURCE = """
from tests.portfolio.test_board import crowd, seated
engine = seated(curve_cells_max=6)
engine.apply_all(crowd(12, 400, seed=5, gap_s=2.0))
engine.check()
print(engine.state_hash().hex())
"""


def run(root: Path, code: str, **variables: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(root), **variables}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_small_room_waits_for_no_compiler(root: Path) -> None:
    assert run(root, SMALL) == "False"


def test_the_kernel_as_plain_python(root: Path) -> None:
    engine = plain(curve_cells_max=6)
    engine.apply_all(crowd(12, 400, seed=5, gap_s=2.0))
    assert run(root, PLAIN_SOURCE, NUMBA_DISABLE_JIT="1") == engine.state_hash().hex()


# --- who has changed -------------------------------------------------------------------------------------------------


@given(courses, st.sampled_from([1, NOBODY_SITS]))
@settings(max_examples=80)
def test_who_is_not_named_has_not_changed(course: Course, seats_from: int) -> None:
    room = Room(
        *ACCOUNTS, cash=CASH / MICRO, listed=ABROAD, currencies=tuple(ACCOUNTS.values()),
        engine=PortfolioEngine(seats_from=seats_from),
    )  # fmt: skip
    engine = room.engine

    def seen(name: str) -> str:
        return repr((engine.account(name), engine.positions(name), engine.exposure(name), engine.equity_curve(name)))

    assert engine.changed() == list(ACCOUNTS)
    for step in course:
        before = {name: seen(name) for name in ACCOUNTS}
        happen(room, *step)
        changed = engine.changed()
        assert changed == [name for name in ACCOUNTS if name in changed]
        assert {name for name in ACCOUNTS if seen(name) != before[name]} <= set(changed)
        assert engine.changed() == []
        assert engine.navs() == {name: engine.account(name).nav for name in ACCOUNTS}


@pytest.mark.parametrize("seats_from", [1, NOBODY_SITS])
def test_only_those_are_named_to_whom_something_happened(seats_from: int) -> None:
    room = Room("ana", "ben", "cy", engine=PortfolioEngine(seats_from=seats_from))
    room.mark(ACME=1_000, BOLT=500)
    room.engine.changed()
    room.fill("ana", "ACME", 5, 1_000)
    assert room.engine.changed() == ["ana"]
    room.fill("ben", "BOLT", 5, 500)
    room.mark(ACME=1_001)
    assert room.engine.changed() == ["ana", "ben"]
    room.mark(ACME=1_001, INDEX=7)
    room.accept("cy", "ACME", Side.BUY, 5)
    assert room.engine.changed() == []
    room.mark(BOLT=501)
    assert room.engine.changed() == ["ben"]
    assert PortfolioEngine.restore(room.engine.snapshot()).changed() == ["ana", "ben", "cy"]


def test_a_disk_that_is_full_costs_no_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeping what was compiled fails once; what was compiled is there all the same."""
    full = [OSError(28, "No space left on device")]
    fold = kernel.fold

    def failing(*arguments: Any) -> int:
        if full:
            raise full.pop()
        return fold(*arguments)

    monkeypatch.setattr(kernel, "fold", failing)
    one, other = both_rooms()
    for room in (one, other):
        room.mark(ACME=1_000)
        room.fill("ana", "ACME", 3, 1_000)
        room.mark(ACME=1_005)
    assert not full
    assert_equal(one.engine, other.engine)


def test_what_was_compiled_from_other_sources_is_not_used() -> None:
    stamp = kernel.stamp()
    files = [Path(kernel.__file__).with_name(name) for name in ("kernel.py", "layout.py", "curve.py")]
    assert stamp[1] == sum(file.stat().st_size for file in files)
    kept = getattr(getattr(kernel.fold, "_cache", None), "_cache_file", None)
    if not os.environ.get("NUMBA_DISABLE_JIT"):
        assert kept is not None
        assert kept._source_stamp == stamp
