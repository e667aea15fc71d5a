"""Do raw TAQ quotes and trades become the best quotes and the prints that count?"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from vtrade.errors import TapeError
from vtrade.market.dtype import FLAG_AUCTION, FLAG_HIDDEN, Events, Kind, SessionStatus
from vtrade.market.files import Ints
from vtrade.market.taq import load_taq, read_taq, tick_test
from vtrade.market.taq_read import Table, read_tables

Q_HEAD, T_HEAD = "DT,EX,BID,BIDSIZ,OFR,OFRSIZ,SYMBOL", "DT,EX,SYMBOL,COND,SIZE,PRICE,CORR"
DAY = "2018-01-02"


def quote(time: str, exchange: str, bid: str, bid_size: int, ask: str, ask_size: int, symbol: str = "ACME") -> str:
    return f"{DAY} {time},{exchange},{bid},{bid_size},{ask},{ask_size},{symbol}"


def trade(
    time: str, price: str, size: int = 100, condition: str = "", corrected: str = "0", exchange: str = "N"
) -> str:
    return f"{DAY} {time},{exchange},ACME,{condition},{size},{price},{corrected}"


def kept(folder: Path, quotes: list[str], trades: list[str]) -> Path:
    for name, head, rows in (("q.csv.gz", Q_HEAD, quotes), ("t.csv.gz", T_HEAD, trades)):
        (folder / name).unlink(missing_ok=True)
        if rows:
            (folder / name).write_bytes(gzip.compress("\n".join([head, *rows, ""]).encode()))
    return folder


def told(events: Events) -> list[str]:
    stamps = events["ts_ns"].astype("datetime64[ns]").astype("datetime64[ms]").astype(str)
    return [
        f"{s[11:].removesuffix('.000')} {Kind(e['kind']).name} {e['side']:+d} {e['price']} {e['quantity']}"
        + (f" /{e['flags']}" if e["flags"] else "")
        for s, e in zip(stamps, events, strict=True)
    ]


STANDS = [quote("09:29:00", "N", "10.00", 3, "10.02", 2)]


def test_the_best_of_all_exchanges_with_the_sizes_of_all_at_it(tmp_path: Path) -> None:
    quotes = [
        quote("09:28:00", "N", "9.90", 1, "10.10", 1),
        quote("09:29:00", "N", "10.00", 3, "10.03", 2),
        quote("09:29:30", "P", "10.00", 4, "10.02", 1),
        quote("09:30:01", "P", "10.01", 1, "10.03", 5),
        quote("09:30:02", "N", "10.02", 1, "10.04", 1),  # both rise: the ask makes room
        quote("09:30:03", "P", "9.00", 1, "10.04", 5),
        quote("16:00:01", "P", "9.00", 1, "10.05", 5),
    ]
    tape, report = read_taq(kept(tmp_path, quotes, []))
    assert told(tape.events) == [
        "14:30:00 STATUS +0 0 1",
        "14:30:00 QUOTE -1 1002 100",
        "14:30:00 QUOTE +1 1000 700",
        "14:30:01 QUOTE -1 1003 700",
        "14:30:01 QUOTE +1 1001 100",
        "14:30:02 QUOTE -1 1003 500",
        "14:30:02 QUOTE +1 1002 100",
        "14:30:03 QUOTE -1 1004 600",
        "21:00:00 STATUS +0 0 2",
    ]
    assert (report.quotes, report.crossed, report.stale) == (7, 0, 0)
    assert (tape.depth, tape.name) == ("L1", "ACME 2018-01-02, best of all exchanges")
    alone = load_taq(tmp_path, exchange="P")
    assert told(alone.events)[1:5] == [
        "14:30:00 QUOTE -1 1002 100", "14:30:00 QUOTE +1 1000 400",
        "14:30:01 QUOTE -1 1003 500", "14:30:01 QUOTE +1 1001 100",
    ]  # fmt: skip
    assert alone.name == "ACME 2018-01-02, exchange P"
    assert load_taq(tmp_path, exchange="P", round_lot=1).events["quantity"][2] == 4


def test_locked_crossed_zero_and_stale_quotes(tmp_path: Path) -> None:
    quotes = [
        *STANDS,
        quote("09:30:01", "N", "10.02", 9, "10.02", 9),  # locked in itself
        quote("09:30:02", "N", "10.05", 9, "10.02", 9),  # crossed
        quote("09:30:03", "P", "10.02", 1, "10.05", 1),  # locks N's offer: that one is stale
        quote("09:30:04", "K", "9.95", 1, "9.99", 1),  # crosses the bids of N and P
        quote("09:30:05", "K", "0.00", 0, "0.00", 0),  # and goes
        quote("09:30:06", "N", "10.01", 1, "10.04", 0),
    ]
    tape, report = read_taq(kept(tmp_path, quotes, []))
    assert told(tape.events)[3:-1] == [
        "14:30:03 QUOTE -1 1005 100",
        "14:30:03 QUOTE +1 1002 100",
        "14:30:04 QUOTE +1 995 100",
        "14:30:04 QUOTE -1 999 100",
        "14:30:05 QUOTE +1 0 0",
        "14:30:05 QUOTE -1 1005 100",
        "14:30:06 QUOTE +1 1001 100",
    ]
    assert (report.quotes, report.crossed, report.stale, report.withdrawn) == (7, 2, 3, 2)


def test_each_day_begins_with_nothing(tmp_path: Path) -> None:
    next_day = quote("09:30:05", "P", "11.00", 1, "11.02", 1).replace(DAY, "2018-01-03")
    tape = load_taq(kept(tmp_path, [*STANDS, next_day], []))
    assert told(tape.events)[3:] == [
        "21:00:00 STATUS +0 0 2",
        "14:30:00 STATUS +0 0 1",
        "14:30:05 QUOTE -1 1102 100",
        "14:30:05 QUOTE +1 1100 100",
        "21:00:00 STATUS +0 0 2",
    ]
    assert tape.name.startswith("ACME 2018-01-02 to 2018-01-03")


@pytest.mark.parametrize(
    "row, what",
    [
        (trade("09:31:00", "10.01", corrected="8"), "corrected"),
        (trade("09:31:00", "10.01", corrected="10"), "corrected"),
        (trade("09:31:00", "10.01", corrected="01"), "corrected"),
        (trade("09:31:00", "10.01", condition="4 I"), "conditions"),
        (trade("09:31:00", "10.01", condition="@ Z"), "conditions"),
        (trade("16:00:01", "10.01", condition="M"), "conditions"),
        (trade("09:31:00", "0.00"), "zero"),
        (trade("09:31:00", "10.01", size=0), "zero"),
        (trade("09:29:59", "10.01"), "outside"),
        (trade("16:00:01", "10.01"), "outside"),
        (trade("09:31:00", "10.05"), "through"),
        (trade("09:31:00", "9.97"), "through"),
        (trade("09:31:00", "1.00"), "through"),
    ],
)
def test_prints_that_are_dropped_are_counted(tmp_path: Path, row: str, what: str) -> None:
    rows = sorted([row, trade("09:30:30", "10.01"), trade("09:32:00", "10.01")])
    tape, report = read_taq(kept(tmp_path, STANDS, rows))
    assert int((tape.events["kind"] == Kind.TRADE).sum()) == 2
    dropped = {name: getattr(report, name) for name in ("corrected", "conditions", "zero", "outside", "through")}
    assert dropped == dict.fromkeys(dropped, 0) | {what: 1}


@pytest.mark.parametrize("condition", ["", "@", "F", "FI", "F I", "@  I", "E", "NA"])
@pytest.mark.parametrize("corrected", ["0", "00", ""])
def test_prints_that_count(tmp_path: Path, condition: str, corrected: str) -> None:
    rows = [trade("09:31:00", "10.02", condition=condition, corrected=corrected)]
    assert told(load_taq(kept(tmp_path, STANDS, rows)).events)[3] == "14:31:00 TRADE +1 1002 100"


def test_how_far_through_the_quotes_a_print_may_be(tmp_path: Path) -> None:
    folder = kept(tmp_path, STANDS, [trade("09:31:00", "10.045"), trade("09:31:01", "10.25")])
    assert [read_taq(folder, through_bps=bps)[1].through for bps in (0, 10, 30, 500)] == [2, 2, 1, 0]
    with pytest.raises(TapeError, match="through_bps=-1 is negative"):
        load_taq(folder, through_bps=-1)


def test_auctions_and_prints_off_exchange_are_flagged(tmp_path: Path) -> None:
    rows = [
        trade("09:30:01", "10.50", 5_000, "O"),
        trade("09:31:00", "10.02", exchange="D"),
        trade("16:00:07", "10.40", 9_000, "6"),
        trade("16:00:08", "10.02"),
    ]
    tape, report = read_taq(kept(tmp_path, STANDS, rows))
    assert [row for row in told(tape.events) if "QUOTE" not in row] == [
        "14:30:00 STATUS +0 0 1",
        f"14:30:01 TRADE +0 1050 5000 /{FLAG_AUCTION}",
        f"14:31:00 TRADE +1 1002 100 /{FLAG_HIDDEN}",
        f"21:00:07 TRADE +0 1040 9000 /{FLAG_AUCTION}",
        "21:00:07 STATUS +0 0 2",
    ]
    assert report.outside == 1


def test_who_was_the_aggressor(tmp_path: Path) -> None:
    quotes = [*STANDS, quote("09:31:00", "N", "10.02", 1, "10.04", 1), quote("09:40:00", "N", "0", 0, "10.04", 1)]
    rows = [
        trade("09:30:10", "10.01"),  # at the middle, and nothing before it
        trade("09:30:20", "10.02"),
        trade("09:30:30", "10.01"),  # at the middle: down from 10.02
        trade("09:30:31", "10.01"),
        trade("09:31:00", "10.02"),  # the quote of the same moment comes after it
        trade("09:31:01", "10.03"),  # at the middle: up
        trade("09:40:01", "10.02"),  # no bid: the tick test
    ]
    folder = kept(tmp_path, quotes, rows)
    sides = {
        rule: tape.events["side"][tape.events["kind"] == Kind.TRADE].tolist()
        for rule in ("lee-ready", "tick", "none")
        for tape in [load_taq(folder, side=rule)]
    }
    assert sides == {
        "lee-ready": [0, 1, -1, -1, 1, 1, -1],
        "tick": [0, 1, -1, -1, 1, 1, -1],
        "none": [0] * 7,
    }
    up = kept(tmp_path, STANDS, [trade("09:31:00", "10.00"), trade("09:31:01", "10.005"), trade("09:31:02", "10.002")])
    assert load_taq(up).events["side"][3:6].tolist() == [-1, -1, -1]
    assert load_taq(up, side="tick").events["side"][3:6].tolist() == [0, 1, -1]
    with pytest.raises(TapeError, match="side='ticks' is not known; did you mean 'tick'"):
        load_taq(folder, side="ticks")


def test_prints_between_ticks_never_claim_a_level_they_did_not_reach(tmp_path: Path) -> None:
    rows = [trade("09:31:00", "10.0001"), trade("09:31:01", "10.0199"), trade("09:31:02", "10.0100")]
    tape, report = read_taq(kept(tmp_path, STANDS, rows))
    assert told(tape.events)[3:5] == ["14:31:00 TRADE -1 1001 100", "14:31:01 TRADE +1 1001 100"]
    assert report.rounded == 2
    plain = load_taq(kept(tmp_path, [], [trade("09:31:00", "10.005"), trade("09:31:01", "10.015")]), side="none")
    assert plain.events["price"][1:3].tolist() == [1000, 1002]
    penny = load_taq(kept(tmp_path, [quote("09:31:00", "N", "0.1234", 1, "0.13", 1)], []))
    assert (penny.instruments[0].tick_size, penny.events["price"][2]) == (100, 1234)


def test_a_print_comes_before_the_quotes_it_caused(tmp_path: Path) -> None:
    quotes = [*STANDS, quote("09:31:00", "N", "10.00", 3, "10.05", 2)]
    rows = told(load_taq(kept(tmp_path, quotes, [trade("09:31:00", "10.02")])).events)
    assert rows[3:5] == ["14:31:00 TRADE +1 1002 100", "14:31:00 QUOTE -1 1005 200"]


def test_the_zone_is_found_out_or_told(tmp_path: Path) -> None:
    utc = [quote("14:30:01", "N", "10.00", 3, "10.02", 2), quote("23:59:00", "N", "10.01", 3, "10.02", 2)]
    tape = load_taq(kept(tmp_path, utc, []))
    assert told(tape.events)[1] == "14:30:01 QUOTE -1 1002 200"
    assert len(tape) == 4  # 18:59 in New York is after the close
    assert len(load_taq(tmp_path, extended=True)) == 5
    day = kept(tmp_path, utc[:1], [])
    assert told(load_taq(day).events)[1].startswith("19:30:01")
    assert told(load_taq(day, timezone="UTC").events)[1].startswith("14:30:01")
    with pytest.raises(TapeError, match="unknown time zone 'America/NewYork'; did you mean"):
        load_taq(day, timezone="America/NewYork")
    night = [quote("00:30:00", "N", "10.00", 3, "10.02", 2), quote("07:00:00", "N", "10.00", 3, "10.02", 2)]
    with pytest.raises(TapeError, match="neither in New York nor in UTC; pass timezone"):
        load_taq(kept(tmp_path, night, []))
    with pytest.raises(TapeError, match="no quote or print of ACME in the regular session; try extended=True"):
        load_taq(kept(tmp_path, [quote("16:30:00", "N", "10.00", 3, "10.02", 2)], []))


def test_symbols_exchanges_and_files(tmp_path: Path) -> None:
    folder = kept(
        tmp_path, [*STANDS, quote("09:31:00", "N", "7.00", 1, "7.01", 1, "IBM")], [trade("09:32:00", "10.02")]
    )
    with pytest.raises(TapeError, match="holds several symbols; pass symbol= one of ACME, IBM"):
        load_taq(folder)
    with pytest.raises(TapeError, match="has no symbol 'ACNE'; did you mean 'ACME'"):
        load_taq(folder, symbol="ACNE")
    assert load_taq(folder, symbol="IBM").instruments[0].name == "IBM"
    with pytest.raises(TapeError, match="has no row of exchange 'n'; it has N"):
        load_taq(folder, symbol="ACME", exchange="n")
    both = load_taq(folder, symbol="ACME")
    assert both.events.tobytes() == load_taq(f"{folder}/q.csv.gz+t.csv.gz", symbol="ACME").events.tobytes()
    assert not (load_taq(folder / "q.csv.gz", symbol="ACME").events["kind"] == Kind.TRADE).any()
    assert not (load_taq(folder / "t.csv.gz").events["kind"] == Kind.QUOTE).any()
    with pytest.raises(TapeError, match="round_lot=0"):
        load_taq(folder, round_lot=0)


def test_a_day_in_several_files(tmp_path: Path) -> None:
    first = f"{Q_HEAD}\n{STANDS[0]}\n"
    more = (
        f"EX,{Q_HEAD.replace(',EX', '')},MORE\nP,{quote('09:31:00', 'P', '10.01', 1, '10.02', 1).replace(',P', '')},7\n"
    )
    (tmp_path / "q_20180102_a.csv").write_text(first)
    (tmp_path / "q_20180102_b.csv").write_text(more)
    tape = load_taq(f"{tmp_path}:20180102")
    assert told(tape.events)[3:5] == ["14:31:00 QUOTE -1 1002 300", "14:31:00 QUOTE +1 1001 100"]
    (tmp_path / "q_20180102_c.csv").write_text(first)
    with pytest.raises(TapeError, match=r"c\.csv: begins before the quotes of the file before it end"):
        load_taq(tmp_path)
    with pytest.raises(TapeError, match=r"has no TAQ file of 20180103; it has q_20180102_a\.csv"):
        load_taq(tmp_path, day="20180103")


@pytest.mark.parametrize(
    "rows, said",
    [
        ([quote("09:31:00", "N", "ten", 1, "10.02", 1)], "row 2, column 'BID': 'ten' is not a price"),
        ([quote("09:31:00", "N", "10.0000001", 1, "10.02", 1)], "row 2, column 'BID': '10.0000001' is not a price"),
        ([quote("09:31:00", "N", "-10", 1, "10.02", 1)], "row 2, column 'BID': -10000000 is no price or size"),
        ([quote("09:31:00", "N", "10", 1, "nan", 1)], "row 2, column 'OFR': 'nan' is not a price"),
        ([quote("09:31:00", "N", "", 1, "10.02", 1)], "row 2, column 'BID': '' is not a price"),
        ([quote("9 o'clock", "N", "10", 1, "10.02", 1)], "row 2, column 'DT': \"2018-01-02 9 o'clock\" is not a time"),
        ([quote("09:31:00", "", "10", 1, "10.02", 1)], "row 2, column 'EX': '' is not a word"),
        ([quote("09:28:00", "N", "10", 1, "10.02", 1)], "row 2, column 'DT': 2018-01-02T09:28.* goes back in time"),
        ([quote("09:31:00", "N", "10", 1, "10.02", 1)[:30]], "row 2 has 5 of 7 columns .* may be truncated"),
    ],
)
def test_bad_rows_are_refused_by_row_and_column(tmp_path: Path, rows: list[str], said: str) -> None:
    with pytest.raises(TapeError, match=said):
        load_taq(kept(tmp_path, [*STANDS, *rows], []))


def test_files_that_are_not_taq(tmp_path: Path) -> None:
    folder = kept(tmp_path, STANDS * 40, [])
    packed = folder / "q.csv.gz"
    packed.write_bytes(packed.read_bytes()[:-12])
    with pytest.raises(TapeError, match=r"q\.csv\.gz: cannot be read .*fetch the file again"):
        load_taq(folder)
    packed.write_bytes(gzip.compress(Q_HEAD.replace("OFRSIZ", "OFERSIZ").encode()))
    with pytest.raises(TapeError, match="has no column OFRSIZ; did you mean 'OFERSIZ'"):
        load_taq(folder)
    packed.write_bytes(gzip.compress(Q_HEAD.encode()))
    with pytest.raises(TapeError, match="has no rows"):
        load_taq(folder)
    packed.write_bytes(gzip.compress(b""))
    with pytest.raises(TapeError, match="the file is empty"):
        load_taq(folder)


@pytest.mark.needs("data")
def test_a_real_sample(data_dir: Path) -> None:
    tape, report = read_taq(data_dir / "taq")
    assert (report.quotes, report.trades) == (131_401, 77_263)
    assert (report.corrected, report.withdrawn) == (2, 96)
    assert report.outside + report.conditions < 0.02 * report.trades
    assert report.through < 30
    best = {1: 0, -1: 0}
    for kind, side, price, quantity in zip(
        *(tape.events[n].tolist() for n in ("kind", "side", "price", "quantity")), strict=True
    ):
        if kind == Kind.QUOTE:
            best[side] = price if quantity else 0
            assert not 0 < best[-1] <= best[1]
        elif kind == Kind.STATUS:
            best = {1: 0, -1: 0}
    auctions = tape.events[(tape.events["flags"] & FLAG_AUCTION) > 0]
    assert auctions["quantity"].tolist() == [103_504, 443_901, 90_601, 300_363]
    status = tape.events[tape.events["kind"] == Kind.STATUS]
    assert status["quantity"].tolist() == [SessionStatus.OPEN, SessionStatus.CLOSED] * 2


def by_moment(ts_ns: Ints, values: Ints) -> tuple[Ints, np.ndarray]:
    """Moments, and the median of each."""
    moments, first = np.unique(ts_ns, return_index=True)
    return moments, np.array([np.median(part) for part in np.split(values, first[1:])])


@pytest.mark.needs("data")
def test_the_columns_give_the_published_spreads(data_dir: Path) -> None:
    """As published: exchange N, quotes and prints of one moment merged by their medians, no lag."""
    published = json.loads((data_dir / "reference" / "reference_numbers.json").read_text())["highfrequency_taq"]

    def some(table: Table | None, **words: set[str]) -> Table:
        assert table is not None
        for name, wanted in words.items():
            said = np.array([word.replace(" ", "") in wanted for word in table.words[name]])
            table = table.take(np.flatnonzero(said[table.codes[name]]))
        return table

    quotes, trades, _ = read_tables(sorted((data_dir / "taq").iterdir()))
    quotes = some(quotes, EX={"N"})
    trades = some(trades, EX={"N"}, CORR={"0"}, COND={"", "@", "E", "@E", "F", "FI", "@F", "@FI", "I", "@I"})
    moments, bid = by_moment(quotes.numbers["DT"], quotes.numbers["BID"])
    ask = by_moment(quotes.numbers["DT"], quotes.numbers["OFR"])[1]
    at, price = by_moment(trades.numbers["DT"], trades.numbers["PRICE"])
    stood = np.searchsorted(moments, at, side="right") - 1
    bid, ask = bid[stood], ask[stood]
    middle = (bid + ask) / 2
    assert middle.mean() / 1e6 == pytest.approx(published["mean midpoints"], rel=1e-9)
    assert (ask - bid).mean() / 1e6 == pytest.approx(published["mean quotedSpread"], rel=1e-9)
    assert 2 * np.abs(price - middle).mean() / 1e6 == pytest.approx(published["mean effectiveSpread"], rel=1e-9)

    # The tape tells each quote of a moment instead of their median, and the last one stands.
    tape = load_taq(data_dir / "taq", exchange="N", through_bps=0)
    shown = {side: tape.events[(tape.events["kind"] == Kind.QUOTE) & (tape.events["side"] == side)] for side in (1, -1)}
    prints = tape.events[(tape.events["kind"] == Kind.TRADE) & (tape.events["flags"] == 0)]
    assert np.array_equal(np.unique(prints["ts_ns"]), at)
    best = {s: q["price"][np.searchsorted(q["ts_ns"], at, side="right") - 1] / 100 for s, q in shown.items()}
    assert ((best[1] + best[-1]) / 2).mean() == pytest.approx(published["mean midpoints"], rel=1e-5)
    assert (best[-1] - best[1]).mean() == pytest.approx(published["mean quotedSpread"], rel=0.03)
    assert prints["side"].mean() == pytest.approx(published["mean direction"], abs=0.05)


def test_the_tick_test_looks_at_one_day() -> None:
    price, day = np.array([5, 5, 6, 6, 5, 9, 9, 8]), np.array([0, 0, 0, 0, 0, 1, 1, 1])
    assert tick_test(price, day).tolist() == [0, 0, 1, 1, -1, 0, 0, -1]
    assert tick_test(price[:0], day[:0]).tolist() == []
