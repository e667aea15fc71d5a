"""Do indicators say what their definitions say, and the same whether they are folded at once or as the bars come?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrade.errors import SettingsError
from vtrade.market import bar_series
from vtrade.market.bar_series import BarSeries, wall_clock
from vtrade.market.candles import Candle
from vtrade.market.indicators import INDICATORS, PERIOD_MAX, STUDIES_MAX, fold, indicators, studies, study

NAMES = ("sma:5", "ema:5", "bollinger:5:2", "vwap", "rsi:5", "macd:3:7:4", "atr:5")


def walk(count: int = 300, *, seed: int = 7, days: int = 3) -> pd.DataFrame:
    """Bars of a few days with quiet, wild and silent stretches."""
    luck = np.random.default_rng(seed)
    close = 100 + np.cumsum(luck.normal(0, 0.3, count)).round(2)
    open_ = np.roll(close, 1)
    open_[0] = 100.0
    high = np.maximum(open_, close) + luck.uniform(0, 0.5, count).round(2)
    low = np.minimum(open_, close) - luck.uniform(0, 0.5, count).round(2)
    volume = luck.integers(0, 5, count) * 100.0
    times = pd.date_range("2026-01-05 09:30", periods=count // days, freq="min")
    index = pd.DatetimeIndex([t + pd.Timedelta(days=day) for day in range(days) for t in times])[:count]
    return pd.DataFrame({"open": open_, "high": high, "low": low, "close": close, "volume": volume}, index=index)


def wilder(values: pd.Series[Any], n: int) -> pd.Series[Any]:
    """Wilder's smoothing by pandas: the mean of the first n, then 1/n of the way to each new value."""
    begun = values.copy()
    begun.iloc[: n - 1] = np.nan
    begun.iloc[n - 1] = values.iloc[:n].mean()
    return begun.ewm(alpha=1 / n, adjust=False).mean()


def ema(values: pd.Series[Any], n: int) -> pd.Series[Any]:
    """Exponential average by pandas, begun with the mean of the first n."""
    begun = values.copy()
    begun.iloc[: n - 1] = np.nan
    begun.iloc[n - 1] = values.iloc[:n].mean()
    return begun.ewm(span=n, adjust=False).mean()


def oracle(bars: pd.DataFrame) -> pd.DataFrame:
    """What pandas says, from other formulas than the code's."""
    close = bars["close"]
    rolling = close.rolling(5)
    typical = (bars["high"] + bars["low"] + bars["close"]) / 3
    day = pd.DatetimeIndex(bars.index).date
    money, volume = (typical * bars["volume"]).groupby(day).cumsum(), bars["volume"].groupby(day).cumsum()
    change = close.diff().iloc[1:]
    rs = wilder(change.clip(lower=0), 5) / wilder(-change.clip(upper=0), 5)
    macd = ema(close, 3) - ema(close, 7)
    signal = ema(macd.dropna(), 4).reindex(close.index)
    ranges = pd.concat(
        [bars["high"] - bars["low"], (bars["high"] - close.shift()).abs(), (bars["low"] - close.shift()).abs()], axis=1
    ).max(axis=1)
    return pd.DataFrame({
        "sma:5": rolling.mean(),
        "ema:5": ema(close, 5),
        "bollinger:5:2 middle": rolling.mean(),
        "bollinger:5:2 upper": rolling.mean() + 2 * rolling.std(ddof=0),
        "bollinger:5:2 lower": rolling.mean() - 2 * rolling.std(ddof=0),
        "vwap": (money / volume).where(volume > 0),
        "rsi:5": (100 - 100 / (1 + rs)).reindex(close.index),
        "macd:3:7:4": macd,
        "macd:3:7:4 signal": signal,
        "macd:3:7:4 histogram": macd - signal,
        "atr:5": wilder(ranges, 5),
    })  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_like_pandas(seed: int) -> None:
    bars = walk(seed=seed)
    pd.testing.assert_frame_equal(indicators(bars, NAMES), oracle(bars), check_freq=False, rtol=1e-9, atol=1e-9)


def test_every_indicator_is_compared_with_pandas() -> None:
    assert {name.split(":")[0] for name in NAMES} == set(INDICATORS)


# --- closed forms -----------------------------------------------------------------------------------------------------


def bars_of(closes: list[float], *, spread: float = 0.0, volume: float = 1.0) -> pd.DataFrame:
    close = np.array(closes, dtype=float)
    return pd.DataFrame(
        {"open": close, "high": close + spread, "low": close - spread, "close": close, "volume": volume}
    )


def last(closes: list[float], name: str, **shape: float) -> list[float]:
    return [float(x) for x in indicators(bars_of(closes, **shape), name).iloc[-1]]


def test_a_price_that_stands_still() -> None:
    still = [50.0] * 60
    for name, expected in {
        "sma:10": [50.0], "ema:10": [50.0], "bollinger:10:2": [50.0, 50.0, 50.0], "vwap": [50.0], "rsi:10": [50.0],
        "macd:3:7:4": [0.0, 0.0, 0.0], "atr:10": [0.0],
    }.items():  # fmt: skip
        assert last(still, name) == expected, name


def test_a_straight_line() -> None:
    """Of a + b i an average of n lags (n - 1) / 2 bars, however it is weighted over a window or for ever."""
    line = [10.0 + 0.5 * i for i in range(900)]
    end = line[-1]
    assert last(line, "sma:21") == pytest.approx([end - 0.5 * 10])
    assert last(line, "ema:21") == pytest.approx([end - 0.5 * 10]), "an EMA lags (1 - alpha) / alpha"
    assert last(line, "macd:11:21:5") == pytest.approx([0.5 * (10 - 5), 2.5, 0.0])
    assert last(line, "rsi:14") == [100.0]
    assert last(line[::-1], "rsi:14") == [0.0]
    assert last(line, "atr:14", spread=0.25) == pytest.approx([0.75]), "from close to the next high"
    root = 0.5 * math.sqrt((20**2 - 1) / 12)
    middle = end - 0.5 * 9.5
    assert last(line, "bollinger:20:2") == pytest.approx([middle, middle + 2 * root, middle - 2 * root])


def test_up_and_down_in_turn() -> None:
    """Rises of 2 and falls of 1 in turn: right after a rise Wilder's averages stand in the ratio 2 : (1 - 1/n)."""
    n = 14
    closes = np.cumsum([0.0] + [2.0, -1.0] * 400 + [2.0]).tolist()
    keep = 1 - 1 / n
    assert last(closes, f"rsi:{n}") == pytest.approx([100 * 2 / (2 + keep)])


def test_vwap_begins_anew_each_day() -> None:
    bars = bars_of([10, 20, 40, 80])
    bars["volume"] = [1.0, 3.0, 0.0, 2.0]
    bars.index = pd.Index(["2026-01-05 09:30", "2026-01-05 09:31", "2026-01-06 09:30", "2026-01-06 09:31"])
    found = indicators(bars, "vwap")["vwap"].tolist()
    assert found[:2] == [10.0, 17.5]
    assert math.isnan(found[2])
    assert found[3] == 80.0


@pytest.mark.parametrize(
    ("name", "first"),
    [("sma:5", 4), ("ema:5", 4), ("bollinger:5", 4), ("vwap", 0), ("rsi:5", 5), ("macd:3:7:4", 6), ("atr:5", 4)],
)
def test_it_says_nothing_before_it_has_seen_enough(name: str, first: int) -> None:
    bars = walk(40, days=1).assign(volume=1.0)
    found = indicators(bars, name).iloc[:, 0]
    assert found.iloc[:first].isna().all()
    assert found.iloc[first:].notna().all()
    assert indicators(bars.iloc[:0], name).empty


@pytest.mark.parametrize("name", NAMES)
def test_the_past_does_not_know_the_future(name: str) -> None:
    bars = walk(60)
    pd.testing.assert_frame_equal(indicators(bars, name).iloc[:40], indicators(bars.iloc[:40], name))


# --- names ------------------------------------------------------------------------------------------------------------


def test_names_carry_their_parameters() -> None:
    told = [s.name for s in studies(["sma", "SMA:20", "ema: 9", "bollinger:20:2.0", "macd:5", "vwap"])]
    assert told == ["sma:20", "ema:9", "bollinger:20:2", "macd:5:26:9", "vwap"]
    assert [study(name).pane for name in INDICATORS] == ["price", "price", "price", "price", "rsi", "macd", "atr"]
    for name in INDICATORS:
        assert study(study(name).name).name == study(name).name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "is unknown"),
        ("sma20", "'sma20' is unknown"),
        ("sma:", "period ''"),
        ("sma:0", "whole number from 1 to 500"),
        (f"sma:{PERIOD_MAX + 1}", "'501'"),
        ("sma:2.5", "whole number"),
        ("sma:nan", "whole number"),
        ("sma:-3", "'-3'"),
        ("sma:5:6", "more parameters"),
        ("vwap:1", "more parameters"),
        ("bollinger:1", "from 2 to 500"),
        ("bollinger:20:nan", "width 'nan'"),
        ("bollinger:20:inf", "width 'inf'"),
        ("bollinger:20:0", "0.1 to 10"),
        ("macd:26:12:9", "fast period 26 is not below the slow one 12"),
        ("macd:12:12", "not below"),
        ("rsi:" + "9" * 5_000, "is not a whole number"),
        (7, "names no indicator"),
        (None, "names no indicator"),
    ],
)
def test_a_name_that_cannot_be(name: Any, said: str) -> None:
    with pytest.raises(SettingsError) as told:
        study(name)
    assert said in str(told.value)
    assert len(str(told.value)) < 250


def test_too_many_or_none_at_all() -> None:
    with pytest.raises(SettingsError, match="more than the 8 that fit"):
        studies(f"sma:{n}" for n in range(1, STUDIES_MAX + 2))
    with pytest.raises(SettingsError, match="is no list of indicators"):
        studies(5)  # type: ignore[arg-type]
    assert indicators(walk(6), []).shape == (6, 0)


def test_bars_that_are_none() -> None:
    bars = walk(9)
    with pytest.raises(SettingsError, match="without volume"):
        indicators(bars.drop(columns="volume"), "sma")
    bars.loc[bars.index[3], "low"] = math.nan
    with pytest.raises(SettingsError, match="holds a number that is none"):
        indicators(bars, "sma")


# --- bars as they come ------------------------------------------------------------------------------------------------

candles = st.lists(
    st.tuples(st.integers(0, 4), st.integers(1, 300), st.integers(0, 9), st.integers(0, 9), st.integers(0, 99)),
    min_size=1, max_size=60,
).map(
    lambda rows: [
        (sum(gap + 1 for gap, *_ in rows[: n + 1]), px, px + up, max(1, px - down), px, volume)
        for n, (_, px, up, down, volume) in enumerate(rows)
    ]
)  # fmt: skip


@given(rows=candles, cuts=st.lists(st.integers(1, 7), min_size=1, max_size=40), seconds=st.sampled_from([1, 5, 17]))
def test_it_does_not_matter_how_the_bars_come(rows: list[Candle], cuts: list[int], seconds: int) -> None:
    chosen = [study(name) for name in ("sma:3", "ema:3", "bollinger:3", "vwap", "rsi:3", "macd:2:3:2", "atr:3")]
    whole, pieces = BarSeries(seconds), BarSeries(seconds)
    whole.take(rows)
    at = 0
    for cut in cuts * len(rows):
        if at >= len(rows):
            break
        half = (*rows[at][:5], rows[at][5] // 2)
        pieces.take([half])  # the newest candle is not over yet
        for one in chosen:
            pieces.along(one)
        pieces.take(rows[max(0, at) : at + cut])
        at += cut
    for one in chosen:
        told, expected = pieces.along(one), fold(one, whole)
        assert {key: [repr(x) for x in column] for key, column in told.items()} == {
            key: [repr(x) for x in column] for key, column in expected.items()
        }, one.name
    assert list(pieces.volume) == list(whole.volume)
    assert sum(whole.volume) == sum(row[5] for row in rows)


def test_another_past_begins_anew() -> None:
    series = BarSeries(60)
    series.take([(60, 10, 10, 10, 10, 1), (120, 11, 11, 11, 11, 1)])
    assert list(series.along(study("sma:2"))["sma:2"])[1] == 10.5
    series.take([(60, 20, 20, 20, 20, 1)])
    assert (list(series.t), list(series.close)) == ([60], [20.0])
    assert np.isnan(series.along(study("sma:2"))["sma:2"]).all()


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar_series, "BARS_KEPT", 50)
    monkeypatch.setattr(bar_series, "BARS_DROPPED", 10)
    series, full = BarSeries(1), []
    one = study("ema:5")
    for t in range(1, 200):
        row = (t, 100 + t % 7, 110, 90, 100 + t % 7, 1)
        full.append(row)
        series.take([row])
        series.along(one)
        assert len(series) <= 60
    kept = series.along(one)["ema:5"]
    monkeypatch.setattr(bar_series, "BARS_KEPT", 1_000)
    whole = BarSeries(1)
    whole.take(full)
    assert list(kept) == list(fold(one, whole)["ema:5"])[-len(kept) :], "what a bar was told stays"
    for n in range(1, 3 * bar_series.STUDIES_KEPT):
        series.along(study(f"sma:{n}"))
    assert len(series._studies) == bar_series.STUDIES_KEPT


def test_days_are_those_of_the_wall_clock() -> None:
    """Two trades in New York, 20:00 on the 5th and 00:30 on the 6th, are on one day in Greenwich."""
    five = int(pd.Timestamp("2026-01-05 20:00", tz="America/New_York").timestamp())
    series = BarSeries(86_400, wall=wall_clock("America/New_York"))
    series.take([(five, 10, 10, 10, 10, 1), (five + 4 * 3_600 + 1_800, 11, 11, 11, 11, 1)])
    assert [pd.Timestamp(t, unit="s").isoformat() for t in series.t] == ["2026-01-05T00:00:00", "2026-01-06T00:00:00"]
    assert [pd.Timestamp(t, unit="s", tz="America/New_York").hour for t in series.start] == [0, 0]


def test_a_clock_that_is_set_back_lengthens_a_bar() -> None:
    """At 02:00 on 1 November 2026 the clocks of New York go back to 01:00: times still rise."""
    begin = int(pd.Timestamp("2026-11-01 00:30", tz="America/New_York").timestamp())
    series = BarSeries(1_800, wall=wall_clock("America/New_York"))
    series.take([(begin + 1_800 * n, 10, 10, 10, 10, 1) for n in range(8)])
    assert list(series.t) == sorted(set(series.t))
    assert sum(series.volume) == 8
