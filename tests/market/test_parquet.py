"""Is a tape that was saved the tape that is loaded?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vtrade.domain.actions import ActionKind, CorporateAction
from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.errors import TapeError
from vtrade.market.dtype import Kind, empty_events
from vtrade.market.load import load_tape
from vtrade.market.parquet import METADATA_KEY, save_tape
from vtrade.market.sample import load_sample
from vtrade.market.tape import NewsItem, Tape, check_tape


def small() -> Tape:
    events = empty_events(3)
    events["ts_ns"], events["kind"], events["price"], events["quantity"] = [1, 2, 2**62], Kind.TRADE, [5, 2**40, 7], 3
    events["side"], events["flags"], events["order_id"] = [1, -1, 0], [0, 1, 65535], [0, 9, 2**27]
    coin = Instrument.make("COIN", lot="0.0001", calendar="24/7", fees=FeeSchedule.bps("2.5"), currency="EUR")
    news = (NewsItem(5, "COIN", 'Zoë says "up" \N{ROCKET}'), NewsItem(6, "", "quiet"))
    return check_tape(Tape("a tape", (coin,), events, "L3", "2024-01-02", "Europe/Paris", news))


def same(left: Tape, right: Tape) -> bool:
    fields = ("name", "instruments", "depth", "date", "timezone", "news", "actions")
    return all(getattr(left, f) == getattr(right, f) for f in fields) and np.array_equal(left.events, right.events)


def test_a_tape_survives(tmp_path: Path) -> None:
    tape = small()
    assert save_tape(tape, tmp_path / "t.parquet") == tmp_path / "t.parquet"
    again = load_tape(tmp_path / "t.parquet")
    assert same(again, tape)
    assert not again.events.flags.writeable
    empty = check_tape(Tape("empty", tape.instruments, empty_events(0), "L1"))
    assert same(load_tape(save_tape(empty, tmp_path / "e.parquet")), empty)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["e.parquet", "t.parquet"]


def test_corporate_actions_survive(tmp_path: Path) -> None:
    tape = small()
    actions = (
        CorporateAction(1, "COIN", ActionKind.SPLIT, numerator=7),
        CorporateAction(1, "EUR", ActionKind.RATE, amount=1_080_000),
        CorporateAction(2, "COIN", ActionKind.RENAME, new_symbol="KOIN"),
        CorporateAction(3, "KOIN", ActionKind.DIVIDEND, amount=205_000),
        CorporateAction(4, "KOIN", ActionKind.DELISTING),
    )
    acted = check_tape(replace(tape, actions=actions))
    path = save_tape(acted, tmp_path / "t.parquet")
    assert same(load_tape(path), acted)
    assert b'"version":2' in pq.read_schema(path).metadata[METADATA_KEY]
    assert b'"version":1' in pq.read_schema(save_tape(tape, path)).metadata[METADATA_KEY]
    table = pq.read_table(save_tape(acted, path))
    head = table.schema.metadata[METADATA_KEY]
    for old, new in ((b'"split",7', b'"split",0'), (b'"rename"', b'"renaming"'), (b'"KOIN",', b'"COIN2",')):
        pq.write_table(table.replace_schema_metadata({METADATA_KEY: head.replace(old, new)}), path)
        with pytest.raises(TapeError, match=r"description is damaged|is about 'COIN2', not on the tape"):
            load_tape(path)


def test_a_tape_of_several_instruments_survives(tmp_path: Path) -> None:
    tape = load_sample("AAPL,FB", start="2012-01-01")
    assert same(load_tape(f"parquet:{save_tape(tape, tmp_path / 't.parquet')}"), tape)


def test_a_parquet_table_of_bars_is_read_as_bars(tmp_path: Path) -> None:
    days = pd.DatetimeIndex(["2024-01-02", "2024-01-03"], name="Date")
    bars = pd.DataFrame({"Open": 10.0, "High": 11.0, "Low": 9.0, "Close": 10.0, "Volume": 5}, index=days)
    bars.to_parquet(tmp_path / "acme.parquet")
    assert repr(load_tape(tmp_path / "acme.parquet")).startswith("Tape('ACME 2024-01-02 to 2024-01-03, daily'")
    assert load_tape(tmp_path / "acme.parquet", symbol="X").instruments[0].symbol == "X"


def test_truncated_or_foreign_files_are_refused(tmp_path: Path) -> None:
    path = save_tape(small(), tmp_path / "t.parquet")
    whole = path.read_bytes()
    for data in (b"", b"PAR1", whole[:-20], whole[: len(whole) // 2], b"a,b\n1,2\n" * 9):
        path.write_bytes(data)
        with pytest.raises(TapeError, match=r"t\.parquet: not a readable Parquet file"):
            load_tape(path)
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(TapeError, match="has no column for date, open, high, low, close, volume"):
        load_tape(path)


def test_a_damaged_or_newer_tape_is_refused(tmp_path: Path) -> None:
    path = save_tape(small(), tmp_path / "t.parquet")
    table = pq.read_table(path)
    head = table.schema.metadata[METADATA_KEY]
    for changed, said in (
        (table.replace_schema_metadata({METADATA_KEY: head[:-5]}), "description is damaged"),
        (
            table.replace_schema_metadata({METADATA_KEY: head.replace(b'"tick_size":10000', b'"tick_size":0')}),
            "damaged",
        ),
        (table.replace_schema_metadata({METADATA_KEY: head.replace(b'"version":1', b'"version":3')}), "newer VTrade"),
        (table.drop_columns(["price"]), "column 'price' is missing, not int64"),
        (table.set_column(1, "price", pa.array([5, None, 7])), "column 'price' has missing values"),
        (table.set_column(1, "price", pa.array([5.5, 6.0, 7.0])), "column 'price' is double, not int64"),
        (table.set_column(0, "ts_ns", pa.array([5, 4, 7])), "event 1 goes back in time"),
    ):
        pq.write_table(changed, path)
        with pytest.raises(TapeError, match=said):
            load_tape(path)


def test_writing_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_tape(small(), tmp_path / "t.parquet")
    before = path.read_bytes()

    def full(table: pa.Table, where: Path, **_: object) -> None:
        Path(where).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(TapeError, match=r"cannot be written .*No space left"):
        save_tape(small(), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.parquet"]
    with pytest.raises(TapeError, match=r"end the name in \.parquet"):
        save_tape(small(), tmp_path / "t.csv")
    with pytest.raises(TapeError, match="cannot be written"):
        save_tape(small(), tmp_path / "nowhere" / "t.parquet")


def test_options_of_bars_do_not_apply_to_a_saved_tape(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="is a whole tape, so symbol cannot be set"):
        load_tape(save_tape(small(), tmp_path / "t.parquet"), symbol="X")
