"""Does a tape's name lead to the right reader, and a wrong name to the right one?"""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from vtrade.errors import TapeError
from vtrade.market.load import READERS, load_tape
from vtrade.market.sample import load_sample

BARS = "Date,Open,High,Low,Close,Volume\n2024-01-02,10,11,9,10,5\n"
TRADES = "34200000,1000000,1001000,999000,1000500,100\n"
QUOTES = "DT,EX,BID,BIDSIZ,OFR,OFRSIZ,SYMBOL\n2018-01-02 09:31:00,N,10.00,3,10.02,2,ACME\n"
PRINTS = "DT,EX,SYMBOL,COND,SIZE,PRICE,CORR\n2018-01-02 09:31:01,N,ACME,,100,10.02,0\n"
CAPTURE = '1723161253937085768 {"e":"trade","s":"BTCUSDT","t":1,"p":"10","q":"1"}\n'
MESSAGE, BOOK = "ACME_2020-01-02_0_1_message_1.csv", "ACME_2020-01-02_0_1_orderbook_1.csv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bars.csv").write_text(BARS)
    (tmp_path / "lobster").mkdir()
    (tmp_path / "lobster" / MESSAGE).write_text("34200.5,1,1,10,1000000,1\n")
    (tmp_path / "lobster" / BOOK).write_text("1000100,7,1000000,10\n")
    (tmp_path / "lean").mkdir()
    (tmp_path / "lean" / "20140609_trade.csv").write_text(TRADES)
    (tmp_path / "taq").mkdir()
    (tmp_path / "taq" / "q.csv").write_text(QUOTES)
    (tmp_path / "taq" / "t.csv").write_text(PRINTS)
    (tmp_path / "live").mkdir()
    for day in ("20240808", "20240809"):
        (tmp_path / "live" / f"btc_{day}.gz").write_bytes(gzip.compress(CAPTURE.encode()))
    return tmp_path


@pytest.mark.parametrize("spec, depth", [
    ("{}/bars.csv", "bars"), ("ohlcv:{}/bars.csv", "bars"), ("OHLCV:{}/bars.csv", "bars"),
    ("{}/lobster", "L3"), ("lobster:{}/lobster/" + MESSAGE, "L3"), ("{}/lobster/" + BOOK, "L3"),
    ("{}/lean", "bars"), ("lean:{}/lean:20140609", "bars"), ("{}/lean:20140609", "bars"),
    ("{}/lean/20140609_trade.csv", "bars"),
    ("{}/taq", "L1"), ("taq:{}/taq", "L1"), ("{}/taq/q.csv", "L1"), ("{}/taq/t.csv", "L1"),
    ("{}/taq/q.csv+t.csv", "L1"),
    ("binance:{}/live", "L2"), ("{}/live", "L2"), ("{}/live:20240809", "L2"), ("{}/live/btc_20240808.gz", "L2"),
    ("binance:{0}/live/btc_20240808.gz+{0}/live/btc_20240809.gz", "L2"),
    ("sample:FB", "bars"), ("sample:fb,ibm", "bars"),
])  # fmt: skip
def test_names_lead_to_readers(folder: Path, spec: str, depth: str) -> None:
    assert load_tape(spec.format(folder)).depth == depth


def test_a_tape_and_a_frame_are_taken_as_they_are(folder: Path) -> None:
    tape = load_sample("FB")
    assert load_tape(tape) is tape
    assert load_tape(pd.read_csv(folder / "bars.csv"), symbol="ACME").instruments[0].symbol == "ACME"
    assert load_tape(folder / "bars.csv", symbol="X").instruments[0].symbol == "X"
    with pytest.raises(TapeError, match="loaded already, so symbol cannot be set"):
        load_tape(tape, symbol="X")


@pytest.mark.parametrize(
    "spec, said",
    [
        ("lobstr:x.zip", "unknown format 'lobstr' in 'lobstr:x.zip'; did you mean 'lobster'?"),
        (
            "zzz:x",
            "unknown format 'zzz' .* the formats are lobster, lean, .*, parquet, sample, synthetic, exchange",
        ),
        ("ohlcv:{}/bras.csv", "bras.csv: no such file; did you mean 'bars.csv'?"),
        ("{}/bras.csv", "bras.csv: no such file; did you mean 'bars.csv'?"),
        ("{}/qqqqq.parquet", "no such file; check the path"),
        ("lobster:{}/nowhere/x.zip", "the folder .*nowhere does not exist"),
        ("lean:", "'lean:' names no file; write lean:FOLDER:YYYYMMDD"),
        ("binanse:x.gz", "unknown format 'binanse' in 'binanse:x.gz'; did you mean 'binance'?"),
        ("binance:", "'binance:' names no file; write binance:FILE.gz"),
        ("taq:", "'taq:' names no file; write taq:FOLDER"),
        ("taq:{}/bars.csv", "bars.csv: has no column DT, .*quotes have DT,EX,SYMBOL,BID"),
        ("binance:{}/bars.csv", "bars.csv: line 1 is damaged"),
        ("{}/live/btc_20240807.gz", "no such file; did you mean 'btc_2024080"),
        ("sample:", "'sample:' names no market; write sample:AAPL"),
        ("sample:APPL", "no sample 'APPL'; did you mean 'AAPL'?"),
        ("AAPL", "did you mean 'sample:AAPL'?"),
        ("synthetic:seven", "synthetic:seven: the seed is a whole number, such as synthetic:7"),
        ("exchange:", "'exchange:' names no market; write exchange:7"),
        ("exchange:-7", "exchange:-7: the seed is a whole number, such as exchange:7"),
        ("{}", "its name does not tell what it holds; prefix the format"),
    ],
)
def test_wrong_names_are_answered_with_right_ones(folder: Path, spec: str, said: str) -> None:
    with pytest.raises(TapeError) as caught:
        load_tape(spec.format(folder))
    assert re.search(said.replace("?", r"\?"), str(caught.value))


@pytest.mark.parametrize("nothing", [None, 7, ["a.csv"]])
def test_things_that_name_no_tape(nothing: object) -> None:
    with pytest.raises(TapeError, match="a tape is named by text, a path, a DataFrame or a Tape"):
        load_tape(nothing)  # type: ignore[arg-type]


def test_a_bad_zip_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "day.zip").write_bytes(b"PK not really")
    with pytest.raises(TapeError, match="not a readable zip"):
        load_tape(tmp_path / "day.zip")


def test_the_synthetic_market_is_seeded_by_its_name() -> None:
    assert load_tape("synthetic:7").events.tobytes() == load_tape("synthetic:7").events.tobytes()
    assert set(READERS) == {"lobster", "lean", "binance", "taq", "ohlcv", "parquet", "sample", "synthetic", "exchange"}


def test_an_exchange_room_is_seeded_by_its_name() -> None:
    tape = load_tape("exchange:11", minutes=1)
    assert (tape.depth, tape.name) == ("exchange", "exchange 11")
    assert tape.events.tobytes() == load_tape("exchange:11", minutes=1).events.tobytes()
    assert tape.events.tobytes() != load_tape("exchange:12", minutes=1).events.tobytes()


def test_importing_the_readers_loads_nothing_heavy() -> None:
    code = (
        "import sys, vtrade.market.load; "
        "heavy = {'pandas', 'pyarrow', 'numba', 'exchange_calendars', 'bokeh_sampledata'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
