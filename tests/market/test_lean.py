"""Do LEAN's files become the tape that their minutes and days describe?"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from vtrade.errors import TapeError
from vtrade.market.dtype import Events, Kind, SessionStatus
from vtrade.market.lean import load_lean
from vtrade.market.lean_factors import dividend_of, split_of
from vtrade.market.tape import Tape

# ms since midnight in New York; 34140000 is 09:29, 34200000 is 09:30, 57540000 is 15:59, 57600000 is 16:00.
TRADES = """\
14400000,6455700,6455700,922300,924200,600
34200000,1000000,1001000,999000,1000500,100
34260000,1000500,1000550,1000000,1000050,50
57540000,1000000,1002000,1000000,1002000,70
57600000,1002000,1002000,1002000,1002000,999
"""
QUOTES = """\
34140000,1,1,1,999900,300,1,1,1,1000100,200
34200000,1,1,1,1000300,500,1,1,1,1000500,400
34260000,1,1,1,999900,100,1,1,1,1000200,600
57540000,,,,,,1,1,1,1002100,700
57600000,1,1,1,1001900,800,1,1,1,1002200,900
"""
DAILY = "20140606 00:00,6499000,6514400,6444700,6455700,100\n20140609 00:00,927000,938800,917500,937000,700\n"


def packed(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.csv", text)
    return path


def minutes(folder: Path, *, trades: str = TRADES, quotes: str = QUOTES, day: str = "20140609") -> Path:
    folder = folder / "minute" / "acme"
    for what, text in (("trade", trades), ("quote", quotes)):
        if text:
            packed(folder, f"{day}_{what}", text)
    return folder


def told(events: Events) -> list[str]:
    stamps = events["ts_ns"].astype("datetime64[ns]").astype("datetime64[m]").astype(str)
    return [f"{s[11:]} {Kind(e['kind']).name:6} {e['side']:+d} {e['price']:5d} {e['quantity']}"
            for s, e in zip(stamps, events, strict=True)]  # fmt: skip


def test_both_files_give_quotes_and_prints(tmp_path: Path) -> None:
    tape = load_lean(minutes(tmp_path))
    assert told(tape.events) == [
        "13:30 STATUS +0     0 1",
        "13:30 QUOTE  -1 10001 200",  # what stood at the open
        "13:30 QUOTE  +1  9999 300",
        "13:31 TRADE  +1 10005 100",
        "13:31 QUOTE  -1 10005 400",  # both rise: the ask makes room
        "13:31 QUOTE  +1 10003 500",
        "13:32 TRADE  -1 10000 50",  # half a cent rounds to even
        "13:32 QUOTE  +1  9999 100",
        "13:32 QUOTE  -1 10002 600",
        "20:00 TRADE  +0 10020 70",  # no bid to compare with
        "20:00 QUOTE  +1     0 0",
        "20:00 QUOTE  -1 10021 700",
        "20:00 STATUS +0     0 2",
    ]
    assert (tape.depth, tape.name) == ("L1", "ACME 2014-06-09, minute quotes and trades")


def test_trades_alone_are_bars_and_quotes_alone_are_quotes(tmp_path: Path) -> None:
    folder = minutes(tmp_path)
    bars = load_lean(folder, use="trade")
    assert bars.depth == "bars"
    assert told(bars.events)[:6] == [
        "13:30 STATUS +0     0 1",
        "13:30 BAR_OPEN +0 10000 100",
        "13:31 BAR_HIGH +0 10010 0",
        "13:31 BAR_LOW +0  9990 0",
        "13:31 BAR_CLOSE +0 10005 0",
        "13:31 BAR_OPEN +0 10005 50",
    ]
    assert bars.events.tobytes() == load_lean(folder / "20140609_trade.zip").events.tobytes()
    quotes = load_lean(folder / "20140609_quote.zip")
    assert quotes.depth == "L1"
    assert not (quotes.events["kind"] == Kind.TRADE).any()
    assert quotes.events.tobytes() == load_lean(folder, use="quote").events.tobytes()


def test_extended_hours_are_read_on_demand_and_repair_nothing(tmp_path: Path) -> None:
    bars = load_lean(minutes(tmp_path), use="trade", extended=True)
    assert told(bars.events)[:5] == [
        "08:00 STATUS +0     0 1",
        "08:00 BAR_OPEN +0 64557 600",  # the split is on this day: LEAN's first minute holds a print from before it
        "08:01 BAR_HIGH +0 64557 0",
        "08:01 BAR_LOW +0  9223 0",
        "08:01 BAR_CLOSE +0  9242 0",
    ]
    both = load_lean(minutes(tmp_path), extended=True)
    assert told(both.events)[0] == "08:01 STATUS +0     0 1"
    assert told(both.events)[-1] == "20:01 STATUS +0     0 2"


def test_a_day_of_a_folder(tmp_path: Path) -> None:
    minutes(tmp_path, day="20140606")
    folder = minutes(tmp_path)
    one = load_lean(f"{folder}:20140606")
    assert one.name == "ACME 2014-06-06, minute quotes and trades"
    assert one.events.tobytes() == load_lean(folder, day="20140606").events.tobytes()
    both = load_lean(folder)
    assert both.name == "ACME 2014-06-06 to 2014-06-09, minute quotes and trades"
    assert len(both) == 2 * len(one)
    with pytest.raises(TapeError, match=r"has no day 20140607; did you mean .*'20140606'"):
        load_lean(f"{folder}:20140607")


def test_days_that_lack_a_file(tmp_path: Path) -> None:
    minutes(tmp_path, day="20140606", quotes="")
    folder = minutes(tmp_path)
    assert load_lean(folder).depth == "bars"
    with pytest.raises(TapeError, match=r"20140606_quote\.zip missing"):
        load_lean(folder, use="both")
    minutes(tmp_path, day="20140605", trades="")
    with pytest.raises(TapeError, match="trade and quote files of the same days missing"):
        load_lean(folder)
    with pytest.raises(TapeError, match="use='trades' is not known; did you mean 'trade'"):
        load_lean(folder, use="trades")


def test_daily_bars(tmp_path: Path) -> None:
    tape = load_lean(packed(tmp_path, "aapl", DAILY))
    assert told(tape.events)[:6] == [
        "13:30 STATUS +0     0 1",
        "13:30 BAR_OPEN +0 64990 100",
        "20:00 BAR_HIGH +0 65144 0",
        "20:00 BAR_LOW +0 64447 0",
        "20:00 BAR_CLOSE +0 64557 0",
        "20:00 STATUS +0     0 2",
    ]
    assert tape.instruments[0].name == "Apple"


@pytest.mark.parametrize(
    "trades, said",
    [
        (
            TRADES.replace("34260000", "34200000"),
            "row 3, column 'time': 34200000 ms is not a later time of the same day",
        ),
        (TRADES.replace("57600000", "86400000"), "row 5, column 'time': 86400000"),
        (TRADES.replace("1001000,999000", "999500,999000"), "row 2: open 1000000, high 999500, .*do not make a bar"),
        (TRADES.replace(",100\n", ",-100\n"), "row 2, column 'volume': -100 is negative"),
        (TRADES.replace("1000500,100", "nan,100"), "row 2, column 'close': 'nan' is not a whole number"),
        (TRADES[:-9], "row 5 has 5 of 6 columns"),
        (TRADES[:43], "no minute of the regular session"),
        ("\n", "the file is empty"),
    ],
)
def test_bad_minutes_are_refused_by_row_and_column(tmp_path: Path, trades: str, said: str) -> None:
    with pytest.raises(TapeError, match=said):
        load_lean(minutes(tmp_path, trades=trades, quotes=""))


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("20140609 00:00", "20140606 00:00", "row 2: 2014-06-06 is not after the day before it"),
        ("20140609 00:00", "tomorrow", "LEAN writes days as '20140605 00:00'"),
        ("917500", "0", "row 2: .*do not make a bar"),
    ],
)
def test_bad_days_are_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(TapeError, match=said):
        load_lean(packed(tmp_path, "aapl", DAILY.replace(old, new)))


def test_files_that_are_not_lean(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="LEAN writes days as"):
        load_lean(minutes(tmp_path / "a", day="20140699"))
    with pytest.raises(TapeError, match="holds no LEAN minute file"):
        load_lean(tmp_path)
    path = packed(tmp_path, "aapl", DAILY)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("second.csv", DAILY)
    with pytest.raises(TapeError, match="not one CSV of LEAN data"):
        load_lean(path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(TapeError, match="not a readable zip"):
        load_lean(path)


FACTORS = "20140605,0.9,0.0357143,647\n20140606,0.9045226,0.0357143,645.57\n20501231,1,0.25,0\n"


def noted(folder: Path, text: str, *, kind: str = "factor_files", name: str = "acme") -> Path:
    (folder / kind).mkdir(exist_ok=True)
    path = folder / kind / f"{name}.csv"
    path.write_text(text)
    return path


def happened(tape: Tape) -> list[str]:
    stamps = [str(np.datetime64(action.ts_ns, "ns").astype("datetime64[m]")) for action in tape.actions]
    return [
        f"{s[5:]} {a.symbol} {a.kind} "
        + {"split": f"{a.numerator}:{a.denominator}", "rename": a.new_symbol}.get(a.kind, f"{a.amount}")
        for s, a in zip(stamps, tape.actions, strict=True)
    ]


def test_factor_files_become_actions_at_the_open(tmp_path: Path) -> None:
    minutes(tmp_path, day="20140605")
    minutes(tmp_path, day="20140606")
    folder = minutes(tmp_path)
    assert load_lean(folder).actions == ()
    path = noted(tmp_path, FACTORS)
    assert happened(load_lean(folder)) == [
        "06-06T13:30 ACME dividend 3235000",
        "06-09T13:30 ACME dividend 61637300",
        "06-09T13:30 ACME split 7:1",
    ]
    assert happened(load_lean(folder, extended=True, use="trade"))[0] == "06-06T08:00 ACME dividend 3235000"
    assert happened(load_lean(f"{folder}:20140605")) == []
    assert happened(load_lean(f"{folder}:20140606")) == ["06-06T13:30 ACME dividend 3235000"]
    assert happened(load_lean(f"{folder}:20140609"))[-1] == "06-09T13:30 ACME split 7:1"  # after a weekend
    assert load_lean(folder, factors="none").actions == ()
    elsewhere = path.rename(tmp_path / "own.csv")
    assert len(load_lean(folder, factors=elsewhere).actions) == 3
    assert load_lean(folder).actions == ()


def test_an_action_of_a_day_without_data_comes_with_the_next_day(tmp_path: Path) -> None:
    minutes(tmp_path, day="20140605")
    folder = minutes(tmp_path, day="20140610")
    noted(tmp_path, FACTORS)
    assert [line[:11] for line in happened(load_lean(folder))] == ["06-10T13:30"] * 3
    assert happened(load_lean(f"{folder}:20140610")) == []  # it was on the 9th
    noted(tmp_path, "20140703,1,0.5,10\n20501231,1,1,0\n")
    holiday = minutes(tmp_path, day="20140707")  # the 4th of July, and a weekend
    assert happened(load_lean(f"{holiday}:20140707")) == ["07-07T13:30 ACME split 2:1"]


def test_adjusted_prices_are_those_of_the_last_day(tmp_path: Path) -> None:
    minutes(tmp_path, day="20140606")
    folder = minutes(tmp_path)
    with pytest.raises(TapeError, match=r"cannot be adjusted without factors; put factor_files/acme\.csv beside"):
        load_lean(folder, adjusted=True)
    noted(tmp_path, "20140606,0.5,0.0357143,100\n20501231,1,0.25,0\n")
    tape = load_lean(folder, adjusted=True)
    assert (tape.actions, tape.instruments[0].tick_size) == ((), 100)
    assert tape.name.endswith("minute quotes and trades, adjusted")
    assert told(tape.events)[1:6] == [
        "13:30 QUOTE  -1 71436 1400",  # 100.01 / 14, up
        "13:30 QUOTE  +1 71421 2100",  # 99.99 / 14, down
        "13:31 TRADE  +1 71464 700",
        "13:31 QUOTE  -1 71465 2800",
        "13:31 QUOTE  +1 71450 3500",
    ]
    last = told(tape.events)[len(tape) // 2 :]
    assert last[1:4] == ["13:30 QUOTE  -1 1000100 200", "13:30 QUOTE  +1 999900 300", "13:31 TRADE  +1 1000500 100"]
    bars = load_lean(folder, adjusted=True, use="trade")
    assert told(bars.events)[1:5] == [
        "13:30 BAR_OPEN +0 71429 700",
        "13:31 BAR_HIGH +0 71500 0",
        "13:31 BAR_LOW +0 71357 0",
        "13:31 BAR_CLOSE +0 71464 0",
    ]
    daily = load_lean(packed(tmp_path, "acme", DAILY), adjusted=True)
    assert daily.name == "ACME 2014-06-06 to 2014-06-09, daily, adjusted"
    assert told(daily.events)[1] == "13:30 BAR_OPEN +0 464214 700"


def test_map_files_rename_and_delist(tmp_path: Path) -> None:
    minutes(tmp_path, day="20140606")
    folder = minutes(tmp_path)
    noted(tmp_path, FACTORS)
    noted(tmp_path, "20040819,old\n20140606,old\n20501231,acme,Q\n", kind="map_files")
    tape = load_lean(folder)
    assert tape.instruments[0].symbol == "OLD"
    assert happened(tape) == [
        "06-06T13:30 OLD dividend 3235000",
        "06-09T13:30 OLD dividend 61637300",
        "06-09T13:30 OLD split 7:1",
        "06-09T13:30 OLD rename ACME",
    ]
    assert happened(load_lean(folder, symbol="ACME"))[-1] == "06-09T13:30 ACME split 7:1"
    noted(tmp_path, "20040819,acme\n20140609,acme\n", kind="map_files")
    assert happened(load_lean(folder))[-1] == "06-09T20:00 ACME delisting 100200000"
    assert happened(load_lean(folder, use="quote"))[-1] == "06-09T20:00 ACME delisting 0"
    assert happened(load_lean(f"{folder}:20140606")) == ["06-06T13:30 ACME dividend 3235000"]


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "the file is empty"),
        ("20140606,0.9\n", "row 1: '20140606,0.9' is not 'YYYYMMDD,...' of 3 columns"),
        ("20140606,0.9,1,5\n2050", "row 2: '2050' is not 'YYYYMMDD"),
        ("20141306,0.9,1,5\n", "row 1: '20141306,0.9,1,5' is not 'YYYYMMDD"),
        ("20140606,0.9,1,5\n20140606,1,1,5\n", "row 2: 20140606 is not after the day above it"),
        ("20140606,0,1,5\n", "row 1: '20140606,0,1,5' has no positive factors"),
        ("20140606,1,x,5\n", "row 1: '20140606,1,x,5' has no positive factors"),
        ("20140606,1,nan,5\n", "has no positive factors"),
        ("20140605,0.9,1\n20501231,1,1\n", "row 1 gives a dividend of 0 with a close of 0; .*pass factors='none'"),
        ("20140605,1.1,1,50\n20501231,1,1,0\n", "row 1 gives a dividend of -5 with a close of 50"),
    ],
)
def test_bad_factor_files_are_refused_by_row(tmp_path: Path, text: str, said: str) -> None:
    minutes(tmp_path, day="20140605")
    folder = minutes(tmp_path, day="20140606")
    noted(tmp_path, text)
    with pytest.raises(TapeError, match=said):
        load_lean(folder)
    assert load_lean(folder, factors="none").actions == ()
    with pytest.raises(TapeError, match="no such file"):
        load_lean(folder, factors=tmp_path / "nothing.csv")


@pytest.mark.parametrize(
    "before, after, ratio",
    [(1 / 7, 1, 7), (0.0357143, 0.25, 7), (0.00892857, 0.0178571, 2), (2 / 3, 1, 1.5), (1, 0.1, 0.1),
     (0.952381, 1, 1.05), (0.4995005, 1, 2.002), (1, 1, 1)],
)  # fmt: skip
def test_splits_are_whole_numbers(before: float, after: float, ratio: float) -> None:
    assert float(split_of(before, after)) == ratio


def test_dividends_are_those_that_were_paid() -> None:
    assert dividend_of(0.9949942, 0.9967882, 455.61) == 820_000
    assert dividend_of(0.9967882, 0.9985079, 119.03) == 205_000  # no whole cent
    assert dividend_of(1, 1, 100) == 0


def volume(tape: Tape) -> int:
    return int(tape.events["quantity"][np.isin(tape.events["kind"], (Kind.TRADE, Kind.BAR_OPEN))].sum())


@pytest.mark.needs("data")
def test_real_minutes(data_dir: Path) -> None:
    folder = data_dir / "lean" / "minute" / "aapl"
    split = load_lean(f"{folder}:20140609")
    prices = split.events["price"][split.events["kind"] == Kind.TRADE]
    assert len(prices) == 390
    assert prices.max() < 9_500  # the pre-split print of 04:00 is not part of the session
    status = split.events[split.events["kind"] == Kind.STATUS]
    assert status["quantity"].tolist() == [SessionStatus.OPEN, SessionStatus.CLOSED]
    assert status["ts_ns"].astype("datetime64[ns]").astype("datetime64[s]").astype(str).tolist() == [
        "2014-06-09T13:30:00", "2014-06-09T20:00:00",
    ]  # fmt: skip
    assert volume(split) == volume(load_lean(f"{folder}:20140609", use="trade"))
    everything = load_lean(f"{folder}:20140609", use="trade", extended=True)
    assert everything.events["price"].max() == 64_557
    assert len(load_lean(folder)) > 2.5 * len(split)


@pytest.mark.needs("data")
def test_real_quotes_never_cross(data_dir: Path) -> None:
    tape = load_lean(data_dir / "lean" / "minute" / "spy")
    best = {1: 0, -1: 2**40}
    for kind, side, price in zip(*(tape.events[n].tolist() for n in ("kind", "side", "price")), strict=True):
        if kind == Kind.QUOTE:
            best[side] = price
            assert best[1] <= best[-1]


@pytest.mark.needs("data")
def test_real_days(data_dir: Path) -> None:
    tape = load_lean(data_dir / "lean" / "daily" / "aapl.zip")
    assert int((tape.events["kind"] == Kind.BAR_CLOSE).sum()) == 5_849
    assert tape.name == "AAPL 1998-01-02 to 2021-03-31, daily, as traded"


@pytest.mark.needs("data")
def test_real_splits_and_dividends(data_dir: Path) -> None:
    minute = load_lean(data_dir / "lean" / "minute" / "aapl")
    assert happened(minute) == ["06-09T13:30 AAPL split 7:1"]
    assert happened(load_lean(data_dir / "lean" / "minute" / "aapl" / "20140609_trade.zip")) == happened(minute)
    assert load_lean(data_dir / "lean" / "minute" / "spy").actions == ()
    apple = load_lean(data_dir / "lean" / "daily" / "aapl.zip")
    days = {str(np.datetime64(a.ts_ns, "ns"))[:10]: a for a in apple.actions}
    assert {day: a.numerator for day, a in days.items() if a.kind == "split"} == {
        "2000-06-21": 2, "2005-02-28": 2, "2014-06-09": 7, "2020-08-31": 4,
    }  # fmt: skip
    assert all(a.denominator == 1 for a in apple.actions)
    paid = {day: a.amount / 1e6 for day, a in days.items() if a.kind == "dividend"}
    assert (len(paid), paid["2012-08-09"], paid["2014-05-08"], paid["2021-02-05"]) == (35, 2.65, 3.29, 0.205)
    ibm = [a.amount for a in load_lean(data_dir / "lean" / "daily" / "ibm.zip").actions if a.kind == "dividend"]
    assert len(ibm) == 93
    assert not any(amount % 10_000 for amount in ibm)  # it always paid whole cents


@pytest.mark.needs("data")
def test_real_prices_adjusted_for_the_split(data_dir: Path) -> None:
    folder = data_dir / "lean" / "minute" / "aapl"
    raw, adjusted = load_lean(folder), load_lean(folder, adjusted=True)
    assert len(raw) == len(adjusted)
    prints = [tape.events[tape.events["kind"] == Kind.TRADE] for tape in (raw, adjusted)]
    before = prints[0]["price"] > 60_000
    assert prints[1]["price"][~before].tolist() == (prints[0]["price"][~before] * 100).tolist()
    assert (
        np.abs(prints[1]["price"][before] - prints[0]["price"][before] * 100 / 7).max() <= 8
    )  # a cent's rounding, / 7
    assert prints[1]["quantity"][before].tolist() == (prints[0]["quantity"][before] * 7).tolist()
