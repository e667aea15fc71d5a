"""Do candles that are folded as prints arrive equal those that pandas makes of the whole tape?"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vtrade as vt
from vtrade.domain.values import NS_PER_S
from vtrade.market import candles as module
from vtrade.market.candles import Candle, Candles
from vtrade.market.dtype import FLAG_HIDDEN, Events, Kind, empty_events


def made(rows: Iterable[tuple[int, int, int]], kind: Kind = Kind.TRADE) -> Events:
    """Prints: nanoseconds, price, quantity."""
    rows = list(rows)
    events = empty_events(len(rows))
    events["kind"] = kind
    if rows:
        events["ts_ns"], events["price"], events["quantity"] = zip(*rows, strict=True)
    return events


def folded(events: Events, *, instruments: int = 1, chunk: int | None = None) -> Candles:
    candles = Candles(instruments)
    for start in range(0, max(1, len(events)), chunk or max(1, len(events))):
        candles.update(events[start : start + (chunk or max(1, len(events)))])
    return candles


def resampled(events: Events, k: int, seconds: int) -> list[Candle]:
    """What pandas makes of the visible prints."""
    prints = events[
        (events["instrument"] == k)
        & np.isin(events["kind"], (Kind.TRADE, Kind.EXECUTE))
        & (events["flags"] & FLAG_HIDDEN == 0)
    ]
    if not len(prints):
        return []
    starts = prints["ts_ns"] // NS_PER_S // seconds * seconds
    table = pd.DataFrame({"price": prints["price"], "quantity": prints["quantity"]}).groupby(starts)
    prices = table.price.ohlc()
    rows = zip(
        prices.index, prices.open, prices.high, prices.low, prices.close, table.quantity.sum(), strict=True
    )  # fmt: skip
    return [(int(t), int(o), int(h), int(low), int(c), int(v)) for t, o, h, low, c, v in rows]


@pytest.fixture(scope="module")
def events() -> Events:
    tape = vt.synthetic(7, symbols=["ACME", "LUMA"], minutes=4, events_per_second=10)
    changed = tape.events.copy()
    executed = np.flatnonzero(changed["kind"] == Kind.EXECUTE)
    changed["flags"][executed[::7]] |= FLAG_HIDDEN
    changed["kind"][executed[::3]] = Kind.TRADE
    return changed


@pytest.mark.parametrize("seconds", [1, 2, 5, 7, 60, 61, 3_600, 86_400])
@pytest.mark.parametrize("k", [0, 1])
def test_like_pandas(events: Events, k: int, seconds: int) -> None:
    expected = resampled(events, k, seconds)
    assert expected
    assert folded(events, instruments=2).of(k, seconds=seconds) == expected


@pytest.mark.parametrize("chunk", [1, 13, 512])
def test_it_does_not_matter_how_the_prints_arrive(events: Events, chunk: int) -> None:
    whole, pieces = folded(events, instruments=2), folded(events, instruments=2, chunk=chunk)
    for k in (0, 1):
        assert whole.of(k, seconds=5) == pieces.of(k, seconds=5)
        assert whole.first(k) == pieces.first(k)


@given(
    rows=st.lists(st.tuples(st.integers(0, 40 * NS_PER_S), st.integers(1, 500), st.integers(1, 90)), max_size=40),
    seconds=st.integers(1, 25),
    last=st.integers(1, 8),
)
def test_any_prints_like_pandas(rows: list[tuple[int, int, int]], seconds: int, last: int) -> None:
    events = made(sorted(rows, key=lambda row: row[0]))
    candles = folded(events)
    expected = resampled(events, 0, seconds)
    assert candles.of(0, seconds=seconds) == expected
    assert candles.of(0, seconds=seconds, last=last) == expected[-last:]


@pytest.mark.parametrize("seconds", [1, 5, 60])
@pytest.mark.parametrize("last", [1, 2, 5, 1_000])
def test_the_last_ones(events: Events, seconds: int, last: int) -> None:
    assert folded(events, instruments=2).of(0, seconds=seconds, last=last) == resampled(events, 0, seconds)[-last:]


def test_what_is_no_print_is_no_candle() -> None:
    candles = Candles(1)
    for kind in (Kind.ADD, Kind.REDUCE, Kind.DELETE, Kind.LEVEL, Kind.QUOTE, Kind.STATUS):
        candles.update(made([(5 * NS_PER_S, 100, 10)], kind))
    hidden = made([(5 * NS_PER_S, 100, 10)])
    hidden["flags"] = FLAG_HIDDEN
    candles.update(hidden)
    assert candles.of(0) == []
    assert candles.first(0) == 0


def test_no_prints_no_candles() -> None:
    candles = Candles(2)
    candles.update(empty_events(0))
    assert candles.of(1) == candles.of(1, seconds=60) == candles.of(1, seconds=60, last=3) == []
    assert Candles(0).update(empty_events(0)) is None


def test_first_is_the_first_price_ever_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CANDLES_MAX", 10)
    candles = Candles(1)
    for second in range(40):
        candles.update(made([(second * NS_PER_S, 100 + second, 1)]))
    assert candles.first(0) == 100
    assert candles.of(0) == [(s, 100 + s, 100 + s, 100 + s, 100 + s, 1) for s in range(30, 40)]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CANDLES_MAX", 50)
    candles = Candles(1)
    candles.update(made([(second * NS_PER_S, 100, 1) for second in range(400)]))
    assert len(candles.of(0)) == 50
    assert sum(row[5] for row in candles.of(0, seconds=60)) == 50


def test_a_candle_handed_out_does_not_change_later() -> None:
    candles = Candles(1)
    candles.update(made([(0, 100, 1)]))
    before = candles.of(0)
    candles.update(made([(1, 200, 1)]))
    assert before == [(0, 100, 100, 100, 100, 1)]
    assert candles.of(0) == [(0, 100, 200, 100, 200, 2)]


# --- bars -------------------------------------------------------------------------------------------------------------


def test_bars_stay_as_they_are() -> None:
    tape = vt.load_tape("sample:AAPL,IBM", start="2012-01-03", end="2012-03-30")
    candles = folded(tape.events, instruments=2, chunk=7)
    for k, instrument in enumerate(tape.instruments):
        bars = tape.events[tape.events["instrument"] == k]
        opens, closes = bars[bars["kind"] == Kind.BAR_OPEN], bars[bars["kind"] == Kind.BAR_CLOSE]
        rows = candles.of(k)
        assert [row[1] for row in rows] == opens["price"].tolist()
        assert [row[4] for row in rows] == closes["price"].tolist()
        assert [row[5] for row in rows] == opens["quantity"].tolist()
        highs = bars["price"][bars["kind"] == Kind.BAR_HIGH].tolist()
        assert [row[2] for row in rows] == highs
        assert candles.of(k, seconds=60) == candles.of(k, seconds=10**6) == rows
        assert candles.of(k, seconds=60, last=5) == rows[-5:]
        assert candles.first(k) == rows[0][1], instrument


def test_a_bar_that_is_not_over_shows_what_is_known() -> None:
    events = made([(0, 100, 5_000), (10, 110, 0), (10, 95, 0), (10, 105, 0)])
    events["kind"] = [Kind.BAR_OPEN, Kind.BAR_HIGH, Kind.BAR_LOW, Kind.BAR_CLOSE]
    candles, seen = Candles(1), []
    for n in range(4):
        candles.update(events[n : n + 1])
        seen.append(candles.of(0)[0][1:5])
    assert seen == [(100, 100, 100, 100), (100, 110, 100, 110), (100, 110, 95, 95), (100, 110, 95, 105)]
    assert candles.of(0)[0][5] == 5_000
