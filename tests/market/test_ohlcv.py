"""Do tables of bars become honest tapes, and are bad rows refused by name?"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vtrade.domain.instruments import FeeSchedule
from vtrade.errors import TapeError
from vtrade.market.dtype import Kind
from vtrade.market.ohlcv import from_ohlcv
from vtrade.market.tape import Tape

DAILY = """\
Date,Open,High,Low,Close,Adj Close,Volume
2024-07-02,10.00,10.60,9.80,10.50,5.25,1000
2024-07-03,10.50,10.55,10.10,10.20,5.10,900
2024-07-05,10.20,10.90,10.20,10.80,10.80,1100
"""
MINUTES = """\
time,o,h,l,c,v
2024-07-03 12:58,10,11,9,10,5
2024-07-03 12:59,10,11,9,10,5
2024-07-05 09:30,10,11,9,10,5
2024-07-05 09:31,10,11,9,10,5
2024-07-05 09:40,10,11,9,10,5
"""


def written(folder: Path, text: str, name: str = "ACME.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def told(tape: Tape, instrument: int = 0) -> list[str]:
    events = tape.events[tape.events["instrument"] == instrument]
    stamps = events["ts_ns"].astype("datetime64[ns]").astype("datetime64[m]")
    return [f"{s} {Kind(e['kind']).name} {e['price']} {e['quantity']}" for s, e in zip(stamps, events, strict=True)]


def frame(**columns: Any) -> pd.DataFrame:
    base = {"Open": [10.0, 10.5], "High": [11.0, 11.0], "Low": [9.0, 9.0], "Close": [10.5, 10.0], "Volume": [100, 200]}
    return pd.DataFrame({"Date": ["2024-01-02", "2024-01-03"], **base, **columns})


def test_a_daily_bar_lasts_a_session_and_visits_the_nearer_extreme_first(tmp_path: Path) -> None:
    tape = from_ohlcv(written(tmp_path, DAILY))
    assert told(tape)[:12] == [
        "2024-07-02T13:30 STATUS 0 1",
        "2024-07-02T13:30 BAR_OPEN 1000 1000",
        "2024-07-02T20:00 BAR_LOW 980 0",
        "2024-07-02T20:00 BAR_HIGH 1060 0",
        "2024-07-02T20:00 BAR_CLOSE 1050 0",
        "2024-07-02T20:00 STATUS 0 2",
        "2024-07-03T13:30 STATUS 0 1",
        "2024-07-03T13:30 BAR_OPEN 1050 900",
        "2024-07-03T17:00 BAR_HIGH 1055 0",  # a half day
        "2024-07-03T17:00 BAR_LOW 1010 0",
        "2024-07-03T17:00 BAR_CLOSE 1020 0",
        "2024-07-03T17:00 STATUS 0 2",
    ]
    assert (tape.name, tape.depth, tape.date) == ("ACME 2024-07-02 to 2024-07-05, daily", "bars", "")
    assert tape.instruments[0].fees == FeeSchedule.per_share("0.005")


def test_intraday_bars_end_with_the_next_one_the_session_or_their_length(tmp_path: Path) -> None:
    tape = from_ohlcv(written(tmp_path, MINUTES))
    closes = [row for row in told(tape) if "CLOSE" in row or "STATUS" in row]
    assert closes == [
        "2024-07-03T16:58 STATUS 0 1",
        "2024-07-03T16:59 BAR_CLOSE 1000 0",
        "2024-07-03T17:00 BAR_CLOSE 1000 0",
        "2024-07-03T17:00 STATUS 0 2",
        "2024-07-05T13:30 STATUS 0 1",
        "2024-07-05T13:31 BAR_CLOSE 1000 0",
        "2024-07-05T13:32 BAR_CLOSE 1000 0",
        "2024-07-05T13:41 BAR_CLOSE 1000 0",
        "2024-07-05T13:41 STATUS 0 2",
    ]
    hourly = MINUTES.replace("12:59", "13:58").replace("09:31", "10:30").replace("09:40", "11:30")
    spilled = from_ohlcv(written(tmp_path, hourly))  # the bar of 12:58 would last beyond 13:00, the early close
    assert [row[:26] for row in told(spilled)[:5]][-1] == "2024-07-03T17:00 BAR_CLOSE"


def test_label_right_means_that_a_time_is_its_bars_end(tmp_path: Path) -> None:
    rows = told(from_ohlcv(written(tmp_path, MINUTES), label="right"))
    assert [row for row in rows if "BAR_OPEN" in row or "BAR_CLOSE" in row][:4] == [
        "2024-07-03T16:57 BAR_OPEN 1000 5",
        "2024-07-03T16:58 BAR_CLOSE 1000 0",
        "2024-07-03T16:58 BAR_OPEN 1000 5",
        "2024-07-03T16:59 BAR_CLOSE 1000 0",
    ]


def test_at_one_moment_bars_end_before_bars_begin() -> None:
    day = pd.date_range("2024-01-01", periods=3, freq="h", tz="UTC", name="Datetime")
    bars = pd.DataFrame({"Open": 10.0, "High": 11.0, "Low": 9.0, "Close": 10.0, "Volume": 0.25}, index=day)
    tape = from_ohlcv(bars, symbol="COIN", calendar="24/7", lot="0.01")
    assert [Kind(k).name for k in tape.events["kind"]] == [
        "STATUS", *(["BAR_OPEN", "BAR_HIGH", "BAR_LOW", "BAR_CLOSE"] * 3), "STATUS",
    ]  # fmt: skip
    assert tape.events["quantity"][1] == 25
    assert tape.timezone == "UTC"
    assert tape.instruments[0].fees == FeeSchedule()


@pytest.mark.parametrize(
    "column, values",
    [
        ("Date", ["2024-01-02", "2024-01-03"]),
        ("date", ["01/02/2024", "01/03/2024"]),
        ("DATE", [20240102, 20240103]),
        ("Datetime", ["2024-01-02 00:00:00-05:00", "2024-01-03 00:00:00-05:00"]),
        ("timestamp", [1704153600, 1704240000]),
        ("Open Time", [1704153600000, 1704240000000]),
        ("<Date>", ["2024.01.02", "2024.01.03"]),
        ("time", pd.to_datetime(["2024-01-02", "2024-01-03"])),
        ("ts", pd.to_datetime(["2024-01-02", "2024-01-03"], utc=True)),
    ],
)
def test_days_in_many_spellings(column: str, values: Any) -> None:
    bars = frame().drop(columns="Date").rename(columns=lambda c: f"<{c.upper()}>")
    bars.insert(0, column, values)
    assert from_ohlcv(bars, symbol="A").events.tobytes() == from_ohlcv(frame(), symbol="A").events.tobytes()


def test_offsets_that_change_with_the_season_are_understood(tmp_path: Path) -> None:
    text = ("Date,Open,High,Low,Close,Volume\n2024-03-08 00:00:00-05:00,10,11,9,10,5\n"
            "2024-03-11 00:00:00-04:00,10,11,9,10,5\n")  # fmt: skip
    rows = [row for row in told(from_ohlcv(written(tmp_path, text))) if "OPEN" in row]
    assert [row[:16] for row in rows] == ["2024-03-08T14:30", "2024-03-11T13:30"]


def test_day_and_time_of_day_in_two_columns(tmp_path: Path) -> None:
    text = "Date;Time;Open;High;Low;Close;Volume\n" + "".join(f"2024.01.02;09:3{n};10;11;9;10;5\n" for n in range(3))
    assert told(from_ohlcv(written(tmp_path, text)))[1] == "2024-01-02T14:30 BAR_OPEN 1000 5"


def test_money_signs_and_thousands_of_a_brokers_export(tmp_path: Path) -> None:
    text = 'Date,Close/Last,Volume,Open,High,Low\n01/02/2024,"$1,010.50","1,234,567",$1000.00,$1020.00,$990.00\n'
    assert told(from_ohlcv(written(tmp_path, text)))[1:5:3] == [
        "2024-01-02T14:30 BAR_OPEN 100000 1234567", "2024-01-02T21:00 BAR_CLOSE 101050 0",
    ]  # fmt: skip


@pytest.mark.parametrize("ticker_first", [False, True])
def test_yfinance_tables_of_several_tickers(tmp_path: Path, ticker_first: bool) -> None:
    names = pd.MultiIndex.from_product([["Open", "High", "Low", "Close", "Volume"], ["AAPL", "ACME"]],
                                       names=["Price", "Ticker"])  # fmt: skip
    nan = np.nan
    rows = [[10, 20, 11, 21, 9, 19, 10.5, 20.5, 100, 200], [10, nan, 11, nan, 9, nan, 10.5, nan, 100, nan]]
    days = pd.DatetimeIndex(["2024-01-02", "2024-01-03"], name="Date", tz="America/New_York")
    table = pd.DataFrame(rows, index=days, columns=names)
    if ticker_first:
        table = table.swaplevel(axis=1)
    tape = from_ohlcv(table)
    assert [i.symbol for i in tape.instruments] == ["AAPL", "ACME"]
    assert (len(told(tape, 0)), len(told(tape, 1))) == (12, 6)  # ACME did not trade on the second day
    table.to_csv(tmp_path / "prices.csv")
    assert from_ohlcv(tmp_path / "prices.csv").events.tobytes() == tape.events.tobytes()


def test_a_symbol_column_puts_instruments_on_one_time_line() -> None:
    both = pd.concat([frame(Ticker=["IBM"] * 2), frame(Ticker=["ACME"] * 2)])
    tape = from_ohlcv(both)
    assert [i.symbol for i in tape.instruments] == ["IBM", "ACME"]
    assert tape.instruments[0].sector == "Information Technology"
    assert (np.diff(tape.events["ts_ns"]) >= 0).all()
    assert from_ohlcv(both, symbol="ACME").instruments[0].symbol == "ACME"
    with pytest.raises(TapeError, match="no symbol 'ACNE'; did you mean 'ACME'"):
        from_ohlcv(both, symbol="ACNE")


def test_adjusted_prices_end_as_traded(tmp_path: Path) -> None:
    rows = told(from_ohlcv(written(tmp_path, DAILY), adjusted=True))
    assert [row.split(" ", 1)[1] for row in rows if "BAR_OPEN" in row or "BAR_CLOSE" in row] == [
        "BAR_OPEN 500 2000", "BAR_CLOSE 525 0", "BAR_OPEN 525 1800", "BAR_CLOSE 510 0",
        "BAR_OPEN 1020 1100", "BAR_CLOSE 1080 0",
    ]  # fmt: skip
    with pytest.raises(TapeError, match="cannot be adjusted without an adjusted close"):
        from_ohlcv(frame(), symbol="A", adjusted=True)


def test_float_noise_is_rounded_to_the_tick_before_bars_are_checked() -> None:
    noisy = frame(High=[10.4999999, 11.0], Open=[10.0049999, 10.5], Low=[10.000000001, 9.0])
    assert from_ohlcv(noisy, symbol="A").events["price"][[1, 2, 3]].tolist() == [1000, 1000, 1050]


def test_prices_below_a_cent_ask_for_a_finer_tick() -> None:
    penny = frame(Open=[0.5] * 2, High=[0.5251] * 2, Low=[0.5] * 2, Close=[0.5251] * 2)
    with pytest.raises(TapeError, match=r"row 1 .*'high': a tick of 0.01 is too coarse .* tick='0.0001'"):
        from_ohlcv(penny, symbol="A")
    assert from_ohlcv(penny, symbol="A", tick="0.0001").events["price"][3] == 5251


@pytest.mark.parametrize(
    "old, new, said",
    [
        (
            "10.55",
            "nan",
            r"ACME.csv: row 2 \(2024-07-03\), column 'High': 'nan' is not a positive number; mend or drop",
        ),
        ("10.55", "", "row 2 .*column 'High': ''"),
        ("10.55", "-10.55", "row 2 .*column 'High': '-10.55' is not a positive number"),
        ("10.55", "inf", "row 2 .*column 'High': 'inf'"),
        ("10.55", "ten", "row 2 .*column 'High': 'ten'"),
        ("10.55", "0", "row 2 .*column 'High': '0'"),
        ("10.55", "10.05", r"row 2 .*the high is below the low \(open 10.5, high 10.05, low 10.1"),
        ("10.50,10.55", "10.60,10.55", "row 2 .*the open is not between low and high"),
        ("10.20,5.10", "10.05,5.10", "row 2 .*the close is not between low and high"),
        ("900", "-900", "row 2 .*column 'Volume': '-900' is not a number"),
        ("2024-07-03", "2024-07-02", r"row 2 \(2024-07-02\) repeats the time of the row above it"),
        ("2024-07-03", "2024-07-09", r"row 3 \(2024-07-05\) is before the time of the row above it; sort"),
        ("2024-07-03", "2024-17-03", "row 2: '2024-17-03' is not a date or time like the others"),
        ("2024-07-03", "July the third", "row 2: 'July the third' is not a date"),
        ("Date,Open", "Date,Opne", "has no column for open .*did you mean 'Opne'"),
        ("Date", "When", "has no column for date .*rename the columns to Date, Open"),
        ("10.20,5.10,900", "10.20,5.10,900,1,2", "cannot be read as CSV .*line 3"),
        ("10.80,10.80,1100\n", "10.80,10.80", r"row 3 .*column 'Volume': '' .*is the last line cut off\?"),
        ("10.80,10.80,1100\n", "10.8", r"row 3 .*column 'Volume': '' .*is the last line cut off\?"),
    ],
)
def test_a_bad_row_is_refused_by_row_and_column(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in DAILY
    with pytest.raises(TapeError, match=said):
        from_ohlcv(written(tmp_path, DAILY.replace(old, new)))


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("Date,Open,High,Low,Close,Volume\n", "has no rows"),
        (",Open,High,Low,Close,Volume\n,1,1,1,1,1\n", "no column for date"),
        ("Symbol,Date,Open,High,Low,Close,Volume\n,2024-01-02,1,1,1,1,1\n", "row 1, column 'Symbol' is empty"),
        ("Date,Open,High,Low,Close,Volume\n2024-01-02 09:30,1,1,1,1,1\n", "how long one intraday bar lasts"),
        ("Date,Open,High,Low,Close,Volume\n2024-01-01,1,1,1,1,1\n2024-01-08,1,1,1,1,1\n", "about 7 days apart"),
    ],
)
def test_a_file_without_bars(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(TapeError, match=said):
        from_ohlcv(written(tmp_path, text))


def test_files_that_are_not_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(TapeError, match="not a text file"):
        from_ohlcv(path)
    packed = tmp_path / "ACME.csv.gz"
    packed.write_bytes(gzip.compress(DAILY.encode()))
    assert from_ohlcv(packed).instruments[0].symbol == "ACME"
    packed.write_bytes(packed.read_bytes()[:40])
    with pytest.raises(TapeError, match="cannot be read"):
        from_ohlcv(packed)


def test_wrong_options() -> None:
    with pytest.raises(TapeError, match="label='middle' is not known"):
        from_ohlcv(frame(), symbol="A", label="middle")
    with pytest.raises(TapeError, match="pass symbol="):
        from_ohlcv(frame())
    with pytest.raises(TapeError, match="unknown time zone"):
        from_ohlcv(frame(), symbol="A", timezone="Mars/Olympus")


@pytest.mark.needs("data")
def test_a_real_table_of_five_shares(data_dir: Path) -> None:
    tape = from_ohlcv(data_dir / "daily" / "bokeh_stocks.csv.gz")
    assert sorted(i.symbol for i in tape.instruments) == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    assert int((tape.events["kind"] == Kind.BAR_CLOSE).sum()) == 12_154
