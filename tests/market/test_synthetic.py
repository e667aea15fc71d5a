"""Is the synthetic market a real order book, the same on every machine, and does it look like a market?"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.errors import TapeError, ValueOffGrid
from vtrade.market import synthetic as module
from vtrade.market import synthetic_kernel as kernel
from vtrade.market.dtype import EVENT, Events, Kind, SessionStatus
from vtrade.market.recipes import ACME, RECIPES, Recipe
from vtrade.market.synthetic import DEFAULT_SYMBOLS, simulate, synthetic
from vtrade.market.synthetic_news import stories
from vtrade.market.tape import Tape

Floats = NDArray[np.float64]
NS = 1_000_000_000
HALF_PAST_NINE = 34_200 * NS
PER_YEAR = 252 * 23_400

SMALL = {"symbols": ("ACME", "LUMA"), "minutes": 2}
SMALL_SHA = "13aacdeb6419d902f8c545c93b0f4151ce24ebc226edc7a78dadd9423d73015d"
"""SHA-256 of the rows of seed 5; a change here is a new market for everybody and belongs in the changelog."""

PROGRAM = """
import hashlib, sys
from vtrade.market.synthetic import synthetic
assert "numba" not in sys.modules
tape = synthetic(5, symbols=("ACME", "LUMA"), minutes=2)
print(hashlib.sha256(tape.events.tobytes()).hexdigest(), [item.headline for item in tape.news])
"""


def sha(tape: Tape) -> str:
    return hashlib.sha256(tape.events.tobytes()).hexdigest()


# --- a real order book -----------------------------------------------------------------------------------------------


class NaiveBook:
    """Price-time priority in the plainest words: per side a list of [price, order_id, quantity] in order of arrival."""

    def __init__(self) -> None:
        self.sides: dict[int, list[list[int]]] = {1: [], -1: []}

    def best(self, side: int) -> int | None:
        return max((order[0] * side for order in self.sides[side]), default=None)

    def queue(self) -> dict[tuple[int, int], list[tuple[int, int]]]:
        levels = defaultdict(list)
        for side, orders in self.sides.items():
            for price, order_id, quantity in orders:
                levels[side, price].append((order_id, quantity))
        return dict(levels)

    def apply(self, kind: int, side: int, price: int, quantity: int, order_id: int) -> None:
        assert quantity > 0
        orders = self.sides[side]
        if kind == Kind.ADD:
            orders.append([price, order_id, quantity])
        else:
            order = next(order for order in orders if order[1] == order_id)
            assert order[0] == price
            if kind == Kind.EXECUTE:
                assert order is next(other for other in orders if other[0] * side == self.best(side))
                assert quantity <= order[2]
            elif kind == Kind.DELETE:
                assert quantity == order[2]
            else:
                assert kind == Kind.REDUCE
                assert quantity < order[2]
            order[2] -= quantity
            if order[2] == 0:
                orders.remove(order)
        bid, ask = self.best(1), self.best(-1)
        assert bid is None or ask is None or bid < -ask


def rows_of(tape: Tape) -> list[tuple[int, ...]]:
    columns = ("instrument", "kind", "side", "price", "quantity", "order_id")
    return list(zip(*(tape.events[column].tolist() for column in columns), strict=True))


def test_replaying_the_rows_gives_the_agents_own_book() -> None:
    symbols = ("ACME", "WELL", "LUMA")
    tape, world = simulate(3, [RECIPES[symbol] for symbol in symbols], 80, 30.0, HALF_PAST_NINE, "2026-01-05", True)
    books = [NaiveBook() for _ in symbols]
    live: set[int] = set()
    most = reused = 0
    seen: set[int] = set()
    for instrument, kind, side, price, quantity, order_id in rows_of(tape):
        if kind == Kind.STATUS:
            continue
        if kind == Kind.ADD:
            assert order_id not in live
            reused += order_id in seen
            live.add(order_id)
            seen.add(order_id)
        assert order_id in live
        books[instrument].apply(kind, side, price, quantity, order_id)
        if not any(order[1] == order_id for order in books[instrument].sides[side]):
            live.remove(order_id)
        most = max(most, len(live))
    assert seen == set(range(1, most + 1)), "ids are dense, and no higher than the most orders that ever rested at once"
    assert reused > most

    for i, book in enumerate(books):
        own = {}
        bottom = int(world.value[i, kernel.FLOOR])
        for level, (order, _) in enumerate(world.levels[i].tolist()):
            while order:
                price, quantity, side, after = world.orders[order, :4].tolist()
                own.setdefault((side, price + bottom), []).append((order, quantity))
                assert price == level
                order = after
        assert own == book.queue()


def test_sessions_frame_the_tape_and_one_action_has_one_time() -> None:
    tape = synthetic(2, symbols=["ACME", "BYTE"], minutes=1, start="10:15:30", date="2025-07-01")
    events = tape.events
    begin = (10 * 3600 + 15 * 60 + 30) * NS
    status = events[events["kind"] == Kind.STATUS]
    assert status.tolist() == [
        (begin, 0, SessionStatus.OPEN, 0, 0, Kind.STATUS, 0, 0),
        (begin, 0, SessionStatus.OPEN, 0, 1, Kind.STATUS, 0, 0),
        (begin + 60 * NS, 0, SessionStatus.CLOSED, 0, 0, Kind.STATUS, 0, 0),
        (begin + 60 * NS, 0, SessionStatus.CLOSED, 0, 1, Kind.STATUS, 0, 0),
    ]
    assert (events[[0, 1, -2, -1]] == status).all()
    assert (tape.date, tape.timezone, tape.depth) == ("2025-07-01", "America/New_York", "L3")
    assert set(events["kind"].tolist()) == {Kind.STATUS, Kind.ADD, Kind.REDUCE, Kind.DELETE, Kind.EXECUTE}
    assert not events.flags.writeable
    groups = events[2:-2]
    for ts_ns in np.unique(groups["ts_ns"]).tolist():
        assert len(set(groups["instrument"][groups["ts_ns"] == ts_ns].tolist())) == 1


def test_a_marketable_order_rests_what_it_could_not_fill() -> None:
    events = synthetic(4, symbols=["ACME"], minutes=10).events
    after_fill = np.flatnonzero((events["kind"][:-1] == Kind.EXECUTE) & (events["kind"][1:] == Kind.ADD))
    rested = [
        row for row in after_fill.tolist()
        if events["ts_ns"][row] == events["ts_ns"][row + 1] and events["side"][row] == -events["side"][row + 1]
        and (events["price"][row + 1] - events["price"][row]) * events["side"][row + 1] >= 0
    ]  # fmt: skip
    assert len(rested) > 10


# --- the same on every machine ---------------------------------------------------------------------------------------


def test_the_rows_of_a_seed_never_change() -> None:
    assert sha(synthetic(5, **SMALL)) == SMALL_SHA


@pytest.mark.parametrize("jit", ["0", "1"], ids=["compiled", "interpreted"])
def test_another_process_makes_the_same_tape_and_needs_no_compiler_to_be_imported(root: Path, jit: str) -> None:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": jit}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    ours = synthetic(5, **SMALL)
    assert done.stdout.strip() == f"{sha(ours)} {[item.headline for item in ours.news]}"


def test_what_is_asked_for_decides_the_tape() -> None:
    usual = synthetic(5, **SMALL)
    others = [
        synthetic(6, **SMALL),
        synthetic(5, symbols=("ACME", "LUMA"), minutes=2.5),
        synthetic(5, symbols=("ACME", "FUEL"), minutes=2),
        synthetic(5, **SMALL, start="12:00"),
        synthetic(5, **SMALL, events_per_second=10),
    ]
    assert len({sha(tape) for tape in (usual, *others)}) == 6
    assert sha(synthetic(5, **SMALL, date="2031-12-31")) == sha(usual)


def test_a_small_buffer_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = sha(synthetic(5, **SMALL))

    def few(n: int) -> Events:
        return np.zeros(min(n, 700), dtype=EVENT)

    monkeypatch.setattr(module, "empty_events", few)
    assert sha(synthetic(5, **SMALL)) == usual


# --- it looks like a market ------------------------------------------------------------------------------------------


class Watch(NamedTuple):
    """A tape as somebody saw it who looked once a second: (instruments, seconds) each."""

    tape: Tape
    mid: Floats
    spread: Floats
    levels: Floats  # of the side that had fewer


def watch(tape: Tape) -> Watch:
    events, n = tape.events, len(tape.instruments)
    seconds = (tape.end_ns - tape.start_ns) // NS
    seen = np.full((3, n, seconds), np.nan)
    books: list[dict[int, Counter[int]]] = [{1: Counter(), -1: Counter()} for _ in range(n)]
    second = np.minimum((events["ts_ns"] - tape.start_ns) // NS, seconds).tolist()
    looked = 0
    for now, (instrument, kind, side, price, quantity, _) in zip(second, rows_of(tape), strict=True):
        while looked < now:
            for i, book in enumerate(books):
                bids, asks = book[1], book[-1]
                bid, ask = max(bids), min(asks)
                seen[:, i, looked] = (bid + ask) / 2, ask - bid, min(len(bids), len(asks))
            looked += 1
        if kind != Kind.STATUS:
            levels = books[instrument][side]
            left = levels[price] + (quantity if kind == Kind.ADD else -quantity)
            if left:
                levels[price] = left
            else:
                del levels[price]
    return Watch(tape, *seen)


def returns(mid: Floats, every_s: int) -> Floats:
    return np.diff(np.log(mid[..., 10::every_s]), axis=-1)


def autocorrelation(x: Floats, lag: int) -> float:
    centred = x - x.mean()
    return float((centred[lag:] * centred[:-lag]).sum() / (centred * centred).sum())


def excess_kurtosis(x: Floats) -> float:
    centred = x - x.mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2 - 3)


def orders_that_took(events: Events) -> tuple[Floats, Floats]:
    """Sign and size of each order that traded: the fills of one moment are one order."""
    fills = events[events["kind"] == Kind.EXECUTE]
    _, first = np.unique(fills["ts_ns"], return_index=True)
    return -fills["side"][first].astype(float), np.add.reduceat(fills["quantity"], first).astype(float)


@pytest.fixture(scope="module")
def hours() -> list[Watch]:
    return [watch(synthetic(seed)) for seed in (7, 8, 9)]


def each(hours: list[Watch]) -> list[tuple[str, Events, Floats]]:
    return [
        (f"seed {watch.tape.name} {instrument.symbol}", watch.tape.events[watch.tape.events["instrument"] == i],
         watch.mid[i])
        for watch in hours for i, instrument in enumerate(watch.tape.instruments)
    ]  # fmt: skip


def test_the_default_hour_is_worth_watching(hours: list[Watch]) -> None:
    for hour in hours:
        assert 250_000 < len(hour.tape) < 600_000
        assert [instrument.symbol for instrument in hour.tape.instruments] == list(DEFAULT_SYMBOLS)
        assert len({instrument.asset_class for instrument in hour.tape.instruments}) > 1
        assert {bool(instrument.fees.per_unit) for instrument in hour.tape.instruments} == {True, False}
        assert max(Counter(instrument.sector for instrument in hour.tape.instruments).values()) > 1
        assert int(hour.tape.events["order_id"].max()) < 1_500


def test_spreads_are_a_few_ticks_and_depth_is_there(hours: list[Watch]) -> None:
    for hour in hours:
        assert (hour.spread >= 1).all()
        assert ((hour.spread.mean(axis=1) >= 1) & (hour.spread.mean(axis=1) < 6)).all()
        assert ((hour.levels >= 5).mean(axis=1) > 0.99).all()
        liquid, thin = hour.spread.std(axis=1).max(), hour.spread.std(axis=1).min()
        assert liquid > thin > 0


def test_volatility_is_believable(hours: list[Watch]) -> None:
    for name, _, mid in each(hours):
        annual = float(returns(mid, 10).std()) * (PER_YEAR / 10) ** 0.5
        assert 0.15 < annual < 0.8, (name, annual)


def test_returns_have_fat_tails_and_no_memory(hours: list[Watch]) -> None:
    tens = [returns(mid, 10) for _, _, mid in each(hours)]
    assert np.mean([excess_kurtosis(r) for r in tens]) > 1.5
    assert all(excess_kurtosis(r) > 0.3 for r in tens)
    for lag in (1, 2, 3):
        assert abs(np.mean([autocorrelation(r, lag) for r in tens])) < 0.06
    assert abs(np.mean([autocorrelation(returns(mid, 60), 1) for _, _, mid in each(hours)])) < 0.15


def test_volatility_comes_in_clusters(hours: list[Watch]) -> None:
    sizes = [np.abs(returns(mid, 10)) for _, _, mid in each(hours)]
    for lag in range(1, 9):  # independent returns would give 0 with a standard error of 0.014
        assert np.mean([autocorrelation(size, lag) for size in sizes]) > 0.06, lag


def test_a_sector_moves_together(hours: list[Watch]) -> None:
    instruments = hours[0].tape.instruments
    same, other = [], []
    for hour in hours:
        together = np.corrcoef(returns(hour.mid, 30))
        for i in range(len(instruments)):
            for j in range(i):
                (same if instruments[i].sector == instruments[j].sector else other).append(together[i, j])
    assert np.mean(same) > np.mean(other) + 0.15
    assert np.mean(other) > 0.03


def test_one_side_tends_to_follow_itself_and_sizes_have_a_heavy_tail(hours: list[Watch]) -> None:
    for name, events, _ in each(hours):
        signs, sizes = orders_that_took(events)
        assert len(signs) > 500, name
        assert abs(signs.mean()) < 0.4, name
        assert all(autocorrelation(signs, lag) > 0.05 for lag in (1, 2, 3)), name
        assert np.quantile(sizes, 0.99) > 5 * np.median(sizes), name
        assert sizes.max() > 15 * np.median(sizes), name


def test_most_orders_are_canceled(hours: list[Watch]) -> None:
    for name, events, _ in each(hours):
        kinds = Counter(events["kind"].tolist())
        cancels = kinds[Kind.DELETE] + kinds[Kind.REDUCE]
        assert cancels > max(kinds[Kind.ADD], 4 * kinds[Kind.EXECUTE]), name
        assert kinds[Kind.EXECUTE] > 0.02 * len(events), name


def test_activity_comes_in_bursts(hours: list[Watch]) -> None:
    for name, events, _ in each(hours):
        counts = np.bincount((events["ts_ns"] - HALF_PAST_NINE) // NS, minlength=3_600)[10:3_600].astype(float)
        assert counts.var() > 3 * counts.mean(), name  # a Poisson process has 1
        assert autocorrelation(counts, 5) > 0.05, name


def test_a_day_is_busy_at_both_ends_and_ids_stay_few() -> None:
    tape = synthetic(1, symbols=["ACME", "BYTE"], minutes=390, events_per_second=3)
    assert tape.end_ns == 16 * 3600 * NS
    halves = np.bincount((tape.events["ts_ns"][:-2] - HALF_PAST_NINE) // (1_800 * NS))
    noon = halves[4:9].mean()
    assert halves[0] > 1.5 * noon
    assert halves[-1] > 1.2 * noon
    assert int(tape.events["order_id"].max()) < 600
    assert 0.7 < len(tape) / (3 * 2.7 * 23_400) < 1.5


# --- news ------------------------------------------------------------------------------------------------------------


def test_a_headline_comes_with_the_move_it_is_about(hours: list[Watch]) -> None:
    right = total = 0
    for hour in hours:
        assert 1 <= len(hour.tape.news) <= 25
        seed = int(hour.tape.name.split()[-1])
        instruments = hour.tape.instruments
        told = stories(seed, instruments, np.ones((len(instruments), 3)), 3_600)
        assert [story.headline for story in told] == [item.headline for item in hour.tape.news]
        for story, item in zip(told, hour.tape.news, strict=True):
            assert item.ts_ns == HALF_PAST_NINE + (4 * story.second + story.quarter) * NS // 4
            if item.symbol and story.second < 3_500:
                i = [instrument.symbol for instrument in instruments].index(item.symbol)
                if abs(story.jumps[i]) > 0.0012:
                    move = hour.mid[i, story.second + 75] / hour.mid[i, story.second - 1] - 1
                    right += move * story.jumps[i] > 0
                    total += 1
    assert total >= 5
    assert right / total > 0.75


def test_without_news_nobody_speaks() -> None:
    loud, quiet = (synthetic(3, symbols=["ACME"], minutes=6, news=news) for news in (True, False))
    assert [item.symbol for item in loud.news] == ["", "ACME"]
    assert quiet.news == ()
    before = int((loud.events["ts_ns"] < loud.news[1].ts_ns).sum())  # the first story moved nothing
    assert (loud.events[:before] == quiet.events[:before]).all()
    assert sha(loud) != sha(quiet)


def test_no_word_gives_the_direction_away_and_yet_headlines_inform() -> None:
    instruments = [recipe.instrument for recipe in RECIPES.values()]
    ups: dict[str, list[bool]] = defaultdict(list)
    for seed in range(40):
        for story in stories(seed, instruments, np.ones((len(instruments), 3)), 23_400):
            move = float(story.jumps.sum())
            for word in set(story.headline.lower().replace(",", "").replace(";", "").split()):
                if move:
                    ups[word].append(move > 0)
    shares = {word: float(np.mean(seen)) for word, seen in ups.items() if len(seen) >= 40}
    assert len(shares) > 80
    assert 0.1 < min(shares.values()) < 0.35
    assert 0.65 < max(shares.values()) < 0.9


# --- instruments and bad input ---------------------------------------------------------------------------------------


def test_a_recipe_of_your_own() -> None:
    euro = Instrument.make("EURX", tick="0.0001", lot=1_000, asset_class="FX", fees=FeeSchedule.bps("0.2"))
    recipe = Recipe(instrument=euro, price="1.0825", volatility=0.08, round_lot=10)
    tape = synthetic(1, symbols=[recipe, "WIDE"], minutes=1)
    assert [instrument.symbol for instrument in tape.instruments] == ["EURX", "WIDE"]
    prices = tape.events["price"][(tape.events["instrument"] == 0) & (tape.events["kind"] == Kind.EXECUTE)]
    assert len(prices)
    assert (np.abs(prices - 10_825) < 100).all()


def test_every_known_instrument_trades() -> None:
    tape = synthetic(1, symbols=list(RECIPES), minutes=1)
    traded = tape.events["instrument"][tape.events["kind"] == Kind.EXECUTE]
    assert set(traded.tolist()) == set(range(len(RECIPES)))


@pytest.mark.parametrize(
    "options, names",
    [
        ({"symbols": ["ACME", "NOPE"]}, "'NOPE'.*ACME"),
        ({"symbols": []}, "at least one"),
        ({"symbols": ["ACME", "ACME"]}, "only once"),
        ({"minutes": 0}, "0 minutes"),
        ({"minutes": -5}, "-5 minutes"),
        ({"minutes": float("nan")}, "nan minutes"),
        ({"minutes": float("inf")}, "inf minutes"),
        ({"minutes": 871}, "before midnight"),
        ({"events_per_second": 0}, "events_per_second 0"),
        ({"events_per_second": float("nan")}, "events_per_second nan"),
        ({"events_per_second": 1e9}, "events_per_second"),
        ({"events_per_second": 1_000, "minutes": 870}, "events are more than"),
        ({"start": "25:00"}, "'25:00'.*09:30"),
        ({"date": "5 January"}, "'5 January'.*2026-01-05"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(options: dict[str, object], names: str) -> None:
    with pytest.raises(TapeError, match=names):
        synthetic(1, **options)


@pytest.mark.parametrize("seed", [-1, 2**64, "7", 1.5])
def test_a_seed_that_is_none_is_refused(seed: object) -> None:
    with pytest.raises(ValueOffGrid, match="seed"):
        synthetic(seed, **SMALL)


@pytest.mark.parametrize(
    "change, names",
    [
        ({"price": "182.405"}, "182.405.*whole ticks"),
        ({"price": "1.99"}, "200 to 400,000"),
        ({"price": "4000.01"}, "200 to 400,000"),
        ({"volatility": 0.0}, "volatility 0.0"),
        ({"volatility": float("nan")}, "volatility nan"),
        ({"activity": 0}, "activity 0"),
        ({"width": 99}, "width 99"),
        ({"round_lot": 0}, "round lot 0"),
        ({"market": 0.8, "sector": 0.3}, "together at most 1"),
        ({"market": float("nan")}, "market nan"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(change: dict[str, object], names: str) -> None:
    with pytest.raises(TapeError, match=names):
        Recipe(**{"instrument": ACME, "price": "182.40", **change})
