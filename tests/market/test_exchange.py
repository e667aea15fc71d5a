"""Do the agents of an exchange room make a market: sane, the same everywhere, and with impact that is a square root?"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from bisect import bisect_left, insort
from collections import deque
from math import log
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.execution.naive_book import NaiveRoom
from vtrade.errors import TapeError, ValueOffGrid
from vtrade.market.dtype import FLAG_IOC, FLAG_MARKET, FLAG_PEGGED, Events, Kind, SessionStatus
from vtrade.market.exchange import exchange, insight, with_metaorder
from vtrade.market.exchange_agents import REACH, rows_per_s
from vtrade.market.exchange_clock import US, MarketTime, arrivals, waits
from vtrade.market.recipes import RECIPES, Recipe
from vtrade.market.tape import Tape

Floats = NDArray[np.float64]
NS = 1_000_000_000
PER_YEAR = 252 * 23_400
ROUND_LOT = RECIPES["ACME"].round_lot

SMALL = {"symbols": ("ACME", "LUMA"), "minutes": 2}
SMALL_SHA = "4c1619ff5e34aeecc5b7cfd49f40fe329119e6eca91ddf0f2f829042624e03ba"
"""SHA-256 of the rows of seed 5; a change here is a new market for everybody and belongs in the changelog."""

PROGRAM = """
import hashlib, sys
from vtrade.market.exchange import exchange
assert "numba" not in sys.modules
tape = exchange(5, symbols=("ACME", "LUMA"), minutes=2)
print(hashlib.sha256(tape.events.tobytes()).hexdigest(), [item.headline for item in tape.news])
"""


def sha(tape: Tape) -> str:
    return hashlib.sha256(tape.events.tobytes()).hexdigest()


# --- a room that is quick enough for an hour -------------------------------------------------------------------------


class Level(NamedTuple):
    queue: deque[list[int]]
    """Orders ``[lots, order_id]`` in order of time; canceled ones have no lots left."""
    total: list[int]


class Room:
    """The rules of :class:`NaiveRoom` for agents alone, with a queue per price and the prices kept in order."""

    def __init__(self) -> None:
        self.prices: dict[int, list[int]] = {1: [], -1: []}  # times the side's sign, so the best is the last
        self.levels: dict[tuple[int, int], Level] = {}
        self.where: dict[int, tuple[int, int, list[int]]] = {}
        self.calling = False
        self.last = 0
        self.taken: list[tuple[int, int]] = []
        """Price and lots of what the row before traded."""

    def best(self, side: int) -> int:
        return self.prices[side][-1] * side

    def depth(self, side: int) -> list[tuple[int, int]]:
        return [(price * side, self.levels[side, price * side].total[0]) for price in reversed(self.prices[side])]

    def row(self, kind: int, side: int, price: int, quantity: int, order_id: int, flags: int) -> None:
        self.taken = []
        if kind == Kind.STATUS:
            if self.calling:
                self._uncross()
            self.calling = quantity == SessionStatus.AUCTION
        elif kind == Kind.CANCEL:
            at, limit, order = self.where.pop(order_id)
            lots, order[0] = order[0], 0
            self._less(at, limit, lots)
        else:
            limit = price
            if flags & FLAG_MARKET:
                limit = 2**40 * side
            elif flags & FLAG_PEGGED:
                base = self.best(-side) if self.prices[-side] else self.last
                limit = max(1, base - side * price)
            while quantity and not self.calling and self.prices[-side]:
                here = self.best(-side)
                if here * side > limit * side:
                    break
                quantity -= self._take(-side, here, quantity)
                self.last = here
            if not flags & (FLAG_MARKET | FLAG_IOC):
                order = [quantity, order_id]
                if order_id:
                    self.where[order_id] = (side, limit, order)
                if quantity:
                    self._rest(side, limit, order)

    def _rest(self, side: int, price: int, order: list[int]) -> None:
        level = self.levels.get((side, price))
        if level is None:
            level = self.levels[side, price] = Level(deque(), [0])
            insort(self.prices[side], price * side)
        level.queue.append(order)
        level.total[0] += order[0]

    def _take(self, side: int, price: int, lots: int) -> int:
        queue = self.levels[side, price].queue
        while not queue[0][0]:
            queue.popleft()
        part = min(lots, queue[0][0])
        queue[0][0] -= part
        self.taken.append((price, part))
        self._less(side, price, part)
        return part

    def _less(self, side: int, price: int, lots: int) -> None:
        if lots:
            total = self.levels[side, price].total
            total[0] -= lots
            if total[0] == 0:
                del self.levels[side, price]
                del self.prices[side][bisect_left(self.prices[side], price * side)]

    def _uncross(self) -> None:
        bids, asks = dict(self.depth(1)), dict(self.depth(-1))
        if not bids or not asks or max(bids) < min(asks):
            return
        ticks = range(min(asks), max(bids) + 1)
        found = []
        for tick in ticks:
            bought = sum(lots for price, lots in bids.items() if price >= tick)
            sold = sum(lots for price, lots in asks.items() if price <= tick)
            found.append((-min(bought, sold), abs(bought - sold), tick))
        ties = [tick for volume, surplus, tick in found if (volume, surplus) == min(found)[:2]]
        before = self.last or ties[0]
        self.last = min(ties, key=lambda tick: (abs(tick - before), tick))
        left = volume = -min(found)[0]
        while left:
            part = min(left, self.levels[1, self.best(1)].total[0], self.levels[-1, self.best(-1)].total[0])
            for side in (1, -1):
                here, due = self.best(side), part
                while due:
                    due -= self._take(side, here, due)
            left -= part
        self.taken = [(self.last, volume)]


class Watch(NamedTuple):
    """A tape as somebody saw it: mid and spread once a second of continuous trading; trades row by row."""

    tape: Tape
    mid: Floats
    spread: Floats
    auctions: list[tuple[int, int]]
    volume: int
    cumulated: Floats
    """Mean lots within 1, 2, ... ticks of the mid, on either side."""


def rows_of(events: Events) -> list[tuple[int, ...]]:
    columns = ("kind", "side", "price", "quantity", "order_id", "flags")
    return list(zip(*(events[column].tolist() for column in columns), strict=True))


def watch(tape: Tape, *, reach: int = 120) -> Watch:
    room, mid, spread, auctions, volume = Room(), [], [], [], 0
    shapes = []
    opened = int(tape.events["ts_ns"][tape.events["kind"] == Kind.STATUS][1])
    next_ns = opened + NS
    for ts_ns, row in zip(tape.events["ts_ns"].tolist(), rows_of(tape.events), strict=True):
        while not room.calling and next_ns <= ts_ns:
            bid, ask = room.best(1), room.best(-1)
            mid.append((bid + ask) / 2)
            spread.append(ask - bid)
            if len(mid) % 30 == 0:
                for side in (1, -1):
                    prices, lots = np.array(room.depth(side)).T
                    away = np.abs(prices - mid[-1])
                    shapes.append([float(lots[away <= d].sum()) for d in range(1, reach)])
            next_ns += NS
        was_calling = room.calling
        room.row(*row)
        if was_calling and row[0] == Kind.STATUS:
            auctions += room.taken
        else:
            volume += sum(lots for _, lots in room.taken)
    return Watch(tape, np.array(mid), np.array(spread), auctions, volume, np.mean(shapes, axis=0))


def slope(x: Floats | list[float], y: Floats | list[float]) -> float:
    """Exponent of a power law."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def autocorrelation(x: Floats, lag: int) -> float:
    centred = x - x.mean()
    return float((centred[lag:] * centred[:-lag]).sum() / (centred * centred).sum())


@pytest.fixture(scope="module")
def quarters() -> list[Watch]:
    return [watch(exchange(seed, minutes=15)) for seed in (1, 2, 3, 4)]


# --- well-formed, and the same on every machine ----------------------------------------------------------------------


def test_the_rows_of_a_seed_never_change() -> None:
    assert sha(exchange(5, **SMALL)) == SMALL_SHA


def test_another_process_makes_the_same_tape_and_needs_no_compiler(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=root, env=dict(os.environ), capture_output=True, text=True, check=True
    )
    ours = exchange(5, **SMALL)
    assert done.stdout.strip() == f"{sha(ours)} {[item.headline for item in ours.news]}"


def test_what_is_asked_for_decides_the_tape() -> None:
    usual = exchange(5, **SMALL)
    others = [
        exchange(6, **SMALL),
        exchange(5, symbols=("ACME", "LUMA"), minutes=2.5),
        exchange(5, symbols=("ACME", "FUEL"), minutes=2),
        exchange(5, **SMALL, start="12:00"),
        exchange(5, **SMALL, events_per_second=10),
    ]
    assert len({sha(tape) for tape in (usual, *others)}) == 6
    assert sha(exchange(5, **SMALL, date="2031-12-31")) == sha(usual)


def test_calls_frame_the_day_and_hold_plain_limit_orders_alone() -> None:
    tape = exchange(3, symbols=("ACME", "BYTE"), minutes=3, start="10:15", date="2025-07-01")
    events, begin = tape.events, (10 * 3600 + 15 * 60) * NS
    status = events[events["kind"] == Kind.STATUS]
    moments = [begin, begin + 30 * NS, begin + 150 * NS, begin + 180 * NS]
    phases = [SessionStatus.AUCTION, SessionStatus.OPEN, SessionStatus.AUCTION, SessionStatus.CLOSED]
    for instrument in (0, 1):
        mine = status[status["instrument"] == instrument]
        assert (mine["ts_ns"].tolist(), mine["quantity"].tolist()) == (moments, phases)
    assert (tape.depth, tape.date, tape.start_ns, tape.end_ns) == ("exchange", "2025-07-01", begin, moments[-1])

    orders = events[events["kind"] == Kind.ORDER]
    calling = (orders["ts_ns"] < moments[1]) | (orders["ts_ns"] >= moments[2])
    assert set(orders["flags"][calling].tolist()) == {0}
    assert set(orders["flags"][~calling].tolist()) == {FLAG_PEGGED, FLAG_MARKET, FLAG_IOC}
    assert not calling[orders["flags"] == FLAG_PEGGED].any()
    assert (orders["price"][orders["flags"] == FLAG_MARKET] == 0).all()
    assert (orders["price"][orders["flags"] != FLAG_MARKET] >= 1).all()
    assert (orders["quantity"] >= 1).all()
    assert set(events["kind"].tolist()) == {Kind.STATUS, Kind.ORDER, Kind.CANCEL}


def test_ids_are_dense_and_nobody_shares_one() -> None:
    events = exchange(3, symbols=("ACME", "BYTE"), minutes=5).events
    live: dict[int, int] = {}
    seen: set[int] = set()
    again = most = 0
    for kind, order_id, instrument in zip(
        *(events[c].tolist() for c in ("kind", "order_id", "instrument")), strict=True
    ):
        if kind == Kind.CANCEL:
            assert live.pop(order_id) == instrument
        elif order_id:
            assert order_id not in live
            live[order_id] = instrument
            again += order_id in seen
            seen.add(order_id)
            most = max(most, len(live))
    assert seen == set(range(1, most + 1))
    assert again > most // 2


def test_the_quick_room_of_these_tests_is_the_naive_one() -> None:
    tape = exchange(2, symbols=["LUMA"], minutes=0.75, events_per_second=20)
    naive, quick, trades = NaiveRoom(), Room(), 0
    for row in rows_of(tape.events[:-1]):  # at the close the naive room lets everybody go
        theirs = naive.row(*row)
        quick.row(*row)
        ours = sum(lots for _, lots in quick.taken)
        assert ours == sum(trade.lots for trade in theirs)
        assert not theirs or quick.last == naive.last
        trades += len(theirs)
    assert trades > 50
    assert (quick.depth(1), quick.depth(-1)) == (naive.depth(1), naive.depth(-1))


# --- time ------------------------------------------------------------------------------------------------------------


def test_waits_are_the_logarithm() -> None:
    u = (np.arange(1, 2_000) - 0.5) / 2_000
    assert np.abs(waits(u) - np.array([-log(x) for x in u])).max() < 1e-8


def test_arrivals_come_at_their_rate_and_a_longer_day_begins_with_the_shorter_one() -> None:
    short, long = (arrivals(3, "test", 5.0, seconds * US) for seconds in (1_000, 2_000))
    assert abs(len(long) - 10_000) < 400
    assert (long[: len(short)] == short).all()
    assert short[-1] < 1_000 * US


def test_market_time_goes_there_and_back() -> None:
    time = MarketTime(5 * NS, np.array([0, 1_500_000, 1_600_000, 4_000_000]))
    there = np.arange(0, 4_000_000, 1_234)
    clock = time.clock(there)
    assert (np.diff(clock) >= 0).all()
    assert (clock[0], time.clock(np.array([1_600_000]))[0]) == (5 * NS, 7 * NS)
    assert max(abs(time.market(int(c)) - t) for c, t in zip(clock, there, strict=True)) <= 1


# --- it looks like a market ------------------------------------------------------------------------------------------


def test_the_usual_hour() -> None:
    tape = exchange(7)
    assert 200_000 < len(tape) < 250_000
    assert int(tape.events["order_id"].max()) < 8_000
    assert 0.4 < (tape.events["kind"] == Kind.CANCEL).mean() < 0.5
    assert rows_per_s() < 100


def test_spreads_are_a_few_ticks_and_the_book_is_never_empty(quarters: list[Watch]) -> None:
    for quarter in quarters:
        assert len(quarter.mid) >= 835, "looked at both sides every second"
        assert (quarter.spread >= 1).all()
        assert 2 < quarter.spread.mean() < 7
        assert quarter.volume > 300 * ROUND_LOT


def test_prices_move_as_much_as_they_should_and_stay_near_the_value(quarters: list[Watch]) -> None:
    for quarter in quarters:
        returns = np.diff(np.log(quarter.mid[::10]))
        assert 0.1 < returns.std() * (PER_YEAR / 10) ** 0.5 < 0.6, quarter.tape.name
        seen = insight(int(quarter.tape.name.split()[-1]), minutes=15)
        worth = seen.values[(31 + np.arange(len(quarter.mid))) * 4, 0]
        assert np.abs(quarter.mid / worth - 1).max() < 0.01


def test_returns_have_little_memory_and_fat_tails(quarters: list[Watch]) -> None:
    tens = [np.diff(quarter.mid[::10]) for quarter in quarters]
    assert abs(np.mean([autocorrelation(r, 1) for r in tens])) < 0.25
    assert abs(np.mean([autocorrelation(r, 3) for r in tens])) < 0.15
    assert abs(np.mean([autocorrelation(np.diff(quarter.mid[::60]), 1) for quarter in quarters])) < 0.4
    together = np.concatenate([r / r.std() for r in tens])
    assert (together**4).mean() > 3


def test_one_side_follows_itself_for_long_and_sizes_have_a_heavy_tail() -> None:
    events = exchange(8).events
    takes = events[(events["flags"] == FLAG_MARKET)]
    signs = takes["side"].astype(float)
    assert autocorrelation(signs, 1) > 0.15
    assert all(autocorrelation(signs, lag) > 0.02 for lag in (5, 10, 20))
    sizes = takes["quantity"]
    assert np.quantile(sizes, 0.99) > 10 * np.median(sizes)


def test_liquidity_is_a_v(quarters: list[Watch]) -> None:
    within = np.mean([quarter.cumulated for quarter in quarters], axis=0)
    distance = np.arange(1, len(within) + 1)
    assert slope(distance[9:], within[9:]) == pytest.approx(2, abs=0.2)
    assert slope(distance[30:], within[30:]) == pytest.approx(2, abs=0.2)


def test_auctions_find_the_value(quarters: list[Watch]) -> None:
    for quarter in quarters:
        values = insight(int(quarter.tape.name.split()[-1]), minutes=15).values[:, 0]
        assert len(quarter.auctions) == 2
        for (price, lots), worth in zip(quarter.auctions, (values[0], values[-1]), strict=True):
            assert abs(price / worth - 1) < 0.002
            assert 50 * ROUND_LOT < lots < 400 * ROUND_LOT


# --- impact ----------------------------------------------------------------------------------------------------------

SIZES = [30, 100, 300, 1_000, 3_000]
"""Round lots: two decades."""


def last_price(depth: list[tuple[int, int]], lots: int) -> int:
    """Where a market order ends that walks a side of the book."""
    for price, there in depth:
        lots -= there
        if lots <= 0:
            return price
    raise AssertionError("the order is larger than the book")


def test_one_large_order_moves_the_price_by_the_square_root_of_its_size() -> None:
    reached: dict[int, list[float]] = {size: [] for size in SIZES}
    for seed in range(30, 50):
        room, tape = Room(), exchange(seed, minutes=2, news=False)
        looks = iter([tape.start_ns + second * NS for second in (45, 65, 85)])
        next_ns = next(looks)
        for ts_ns, row in zip(tape.events["ts_ns"].tolist(), rows_of(tape.events), strict=True):
            if ts_ns >= next_ns:
                mid = (room.best(1) + room.best(-1)) / 2
                for size in SIZES:
                    for side in (1, -1):
                        reached[size].append(side * (last_price(room.depth(-side), size * ROUND_LOT) - mid))
                next_ns = next(looks, 2**62)
                if next_ns == 2**62:
                    break
            room.row(*row)
    assert slope(SIZES, [float(np.mean(reached[size])) for size in SIZES]) == pytest.approx(0.5, abs=0.05)


def peak(tape: Tape, *, side: int, size: int, start_ns: int, pieces: int) -> tuple[float, float]:
    """Last price of a parent order, and its average price, against the mid on arrival; ticks, a cost is positive."""
    more = with_metaorder(
        tape, symbol="ACME", side=side, quantity=size * ROUND_LOT, start_ns=start_ns, pieces=pieces, every_ns=NS
    )
    first = np.searchsorted(tape.events["ts_ns"], start_ns + NS * np.arange(pieces)) + np.arange(pieces)
    mine = set(first.tolist())
    room, arrival, spent, filled = Room(), 0.0, 0, 0
    for number, row in enumerate(rows_of(more.events[: max(mine) + 1])):
        arrival = arrival or ((room.best(1) + room.best(-1)) / 2 if number in mine else 0.0)
        room.row(*row)
        if number in mine:
            spent += sum(price * lots for price, lots in room.taken)
            filled += sum(lots for _, lots in room.taken)
    assert filled == size * ROUND_LOT
    return side * (room.last - arrival), side * (spent / filled - arrival)


def test_a_parent_order_at_a_steady_pace_does_too() -> None:
    sizes = [60, 240, 960]
    peaks: dict[int, list[tuple[float, float]]] = {size: [] for size in sizes}
    for seed in range(60, 68):
        tape = exchange(seed, minutes=2.5, news=False)
        for size in sizes:
            for side in (1, -1):  # both, so that where the market would have gone anyway cancels out
                found = peak(tape, side=side, size=size, start_ns=tape.start_ns + 75 * NS, pieces=size // 20)
                peaks[size].append(found)
    for which in (0, 1):
        means = [float(np.mean([pair[which] for pair in peaks[size]])) for size in sizes]
        assert slope(sizes, means) == pytest.approx(0.5, abs=0.1)


def test_a_metaorder_is_rows_between_rows() -> None:
    tape = exchange(1, minutes=1)
    start_ns = tape.start_ns + 20 * NS
    more = with_metaorder(tape, symbol="ACME", side=-1, quantity=10, start_ns=start_ns, pieces=3, every_ns=NS)
    mine = more.events[(more.events["flags"] == FLAG_MARKET) & ~np.isin(more.events["ts_ns"], tape.events["ts_ns"])]
    assert mine["quantity"].tolist() == [3, 3, 4]
    assert mine["ts_ns"].tolist() == [start_ns, start_ns + NS, start_ns + 2 * NS]
    assert set(mine["side"].tolist()) == {-1}
    assert len(more) == len(tape) + 3


# --- what is known ---------------------------------------------------------------------------------------------------


def test_some_know_before_the_headline_and_act_on_it() -> None:
    early = told = toward = 0
    for seed in range(20, 32):
        seen, tape = insight(seed, minutes=30), exchange(seed, minutes=30)
        headlines = {(item.ts_ns, item.headline) for item in tape.news}
        told += len(headlines)
        limits = tape.events[tape.events["flags"] == FLAG_IOC]
        for item in seen.private:
            assert (item.public_ns, item.headline) in headlines
            assert tape.start_ns + 30 * NS <= item.known_ns < item.public_ns
            step = int(np.searchsorted(seen.ts_ns, item.known_ns))
            (moved,) = item.moves
            assert moved[0] == "ACME"
            jump = seen.values[step + 1, 0] / seen.values[step, 0] - 1
            assert jump == pytest.approx(moved[1], abs=0.0006)
            early += 1
            before, after = (mean_limit(limits, item.known_ns + seconds * NS) for seconds in (-10, 0))
            toward += (after - before) * jump > 0
    assert 0.2 * told < early < 0.7 * told
    assert toward > 0.7 * early


def mean_limit(limits: Events, from_ns: int) -> float:
    """Where the informed would trade, in the ten seconds from a moment on; the last known one before the open."""
    prices = limits["price"][(limits["ts_ns"] >= from_ns) & (limits["ts_ns"] < from_ns + 10 * NS)]
    return float(prices.mean() if len(prices) else limits["price"][:10].mean())


def test_without_news_nothing_is_told_or_leaked() -> None:
    quiet, seen = exchange(7, minutes=20, news=False), insight(7, minutes=20, news=False)
    assert (quiet.news, seen.private) == ((), ())
    assert np.abs(np.diff(seen.values[:, 0])).max() < 10
    assert len(exchange(2).news) > 1


def test_the_value_is_where_the_price_starts_and_sectors_move_together() -> None:
    same, other = [], []
    for seed in range(6):
        seen = insight(seed, symbols=("ACME", "BYTE", "FUEL"), minutes=30, news=False)
        assert seen.values[0].tolist() == [RECIPES[symbol].start for symbol in seen.symbols]
        together = np.corrcoef(np.diff(np.log(seen.values[::40]), axis=0).T)
        same.append(together[0, 1])
        other.append(together[0, 2])
    assert np.mean(same) > np.mean(other) + 0.15
    assert np.mean(other) > 0.05


# --- instruments and bad input ---------------------------------------------------------------------------------------


def test_coarse_and_cheap_instruments_trade_as_well() -> None:
    cheap = Recipe(instrument=RECIPES["LUMA"].instrument, price="2.50", volatility=0.8, round_lot=1)
    quarter = watch(exchange(1, symbols=[cheap], minutes=4), reach=20)
    assert quarter.volume > 0
    assert (quarter.spread >= 1).all()
    assert (np.abs(quarter.mid / 250 - 1) < 0.05).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"minutes": 0.1}, "under 30 seconds"),
        ({"minutes": float("nan")}, "under 30 seconds"),
        ({"start": "23:30"}, "midnight"),
        ({"start": "noon"}, "not a time of day"),
        ({"events_per_second": 0.5}, "not 1 to 500"),
        ({"minutes": 390, "events_per_second": 500, "symbols": list(RECIPES)}, "more than 50,000,000"),
        ({"date": "5 January"}, "not an ISO date"),
        ({"symbols": ["NOPE"]}, "no synthetic instrument 'NOPE'"),
        ({"symbols": []}, "at least one"),
    ],
)
def test_nonsense_is_refused(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(TapeError, match=words):
        exchange(1, **arguments)
    with pytest.raises(TapeError, match=words):
        insight(1, **arguments)


def test_a_seed_is_a_whole_number() -> None:
    with pytest.raises(ValueOffGrid, match="seed"):
        exchange(-1, minutes=1)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"symbol": "FUEL"}, "'FUEL' is no instrument"),
        ({"side": 0}, "side 1 or -1"),
        ({"pieces": 9}, "as many as lots"),
        ({"every_ns": -1}, "as many as lots"),
        ({"start_ns": 0}, "not within the tape"),
        ({"every_ns": 60 * NS}, "not within the tape"),
    ],
)
def test_a_metaorder_that_is_none_is_refused(changed: dict[str, object], words: str) -> None:
    tape = exchange(1, minutes=1)
    usual = {"symbol": "ACME", "side": 1, "quantity": 5, "start_ns": tape.start_ns + 20 * NS, "pieces": 2}
    with pytest.raises(TapeError, match=words):
        with_metaorder(tape, **{**usual, **changed})


def test_orders_come_from_near_and_far() -> None:
    events = exchange(1, minutes=5).events
    pegs = events["price"][events["flags"] == FLAG_PEGGED]
    near, middle, far = (((pegs > low) & (pegs <= low + 40)).sum() for low in (0, 100, 200))
    assert near > 2 * middle > 2 * far > 0
    assert REACH < pegs.max() < 3 * REACH
