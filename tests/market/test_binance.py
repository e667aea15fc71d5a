"""Does a raw capture of Binance become the book and the prints that it saw, whatever is wrong with it?"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vtrade.errors import TapeError
from vtrade.market.binance import load_binance, read_binance
from vtrade.market.dtype import Events, Kind, SessionStatus
from vtrade.market.tape import Tape

T0 = 1_723_161_253_000_000_000
BEHIND_MS = 1_270
Levels = list[tuple[str, str]]


def at(ms: float) -> int:
    return T0 + round(ms * 1_000_000)


def line(ms: float, message: dict[str, Any]) -> str:
    return f"{at(ms)} {json.dumps(message)}"


def wrapped(ms: float, stream: str, data: dict[str, Any]) -> str:
    return line(ms, {"stream": f"btcusdt@{stream}", "data": {"s": "BTCUSDT", **data}})


def diff(ms: float, first: int, last: int, bids: Levels = (), asks: Levels = (), *, took: int = 5) -> str:  # type: ignore[assignment]
    event = T0 // 10**6 + round(ms) + BEHIND_MS - took
    return wrapped(ms, "depth", {"e": "depthUpdate", "E": event, "U": first, "u": last, "b": bids, "a": asks})


def ticker(ms: float, update: int, bid: str, size: str, ask: str, ask_size: str) -> str:
    return wrapped(ms, "bookTicker", {"u": update, "b": bid, "B": size, "a": ask, "A": ask_size})


def trade(ms: float, number: int, price: str, quantity: str, *, buyer_made: bool = False, took: int = 5) -> str:
    event = T0 // 10**6 + round(ms) + BEHIND_MS - took
    data = {"e": "trade", "E": event, "t": number, "p": price, "q": quantity, "T": event, "m": buyer_made}
    return wrapped(ms, "trade", data)


def snapshot(ms: float, update: int, bids: Levels, asks: Levels) -> str:
    return line(ms, {"lastUpdateId": update, "bids": bids, "asks": asks})


def kept(folder: Path, *lines: str, name: str = "btc_20240808.gz") -> Path:
    path = folder / name
    data = "".join(f"{one}\n" for one in lines).encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def told(events: Events) -> list[str]:
    return [
        f"{(e['ts_ns'] - T0) / 1e6:g} {Kind(e['kind']).name} {e['side']:+d} {e['price']} {e['quantity']}"
        for e in events[1:-1]
    ]


def final(tape: Tape) -> tuple[dict[int, int], dict[int, int]]:
    """Bids and asks after the last row, by price in ticks."""
    book: dict[int, dict[int, int]] = {1: {}, -1: {}}
    for kind, side, price, quantity in zip(
        *(tape.events[n].tolist() for n in ("kind", "side", "price", "quantity")), strict=True
    ):
        if kind == Kind.LEVEL:
            book[side][price] = quantity
    return tuple({p: q for p, q in book[side].items() if q} for side in (1, -1))  # type: ignore[return-value]


def test_a_capture_becomes_levels_and_prints(tmp_path: Path) -> None:
    path = kept(
        tmp_path,
        diff(0, 1, 5, [("100.00", "2.00000000"), ("99.99", "1.0")], [("100.02", "3.0")]),
        ticker(1, 6, "100.00", "1.5", "100.01", "0.5"),
        trade(2, 1, "100.01", "0.2"),
        trade(2, 2, "100.00", "0.1", buyer_made=True),
        diff(3, 6, 9, [("100.00", "0.00000000")], [("100.01", "0.3")]),
    )
    tape = load_binance(path)
    assert told(tape.events) == [
        "0 LEVEL +1 10000 20000",
        "0 LEVEL +1 9999 10000",
        "0 LEVEL -1 10002 30000",
        "1 LEVEL +1 10000 15000",
        "1 LEVEL -1 10001 5000",
        "2 TRADE +1 10001 2000",
        "2 TRADE -1 10000 1000",
        "3 LEVEL +1 10000 0",
        "3 LEVEL -1 10001 3000",
    ]
    coin = tape.instruments[0]
    assert (coin.tick_size, coin.lot_size, coin.currency, coin.asset_class, coin.calendar) == (
        10_000, 100, "USDT", "Crypto", "24/7",
    )  # fmt: skip
    assert tape.events["quantity"][[0, -1]].tolist() == [SessionStatus.OPEN, SessionStatus.CLOSED]
    assert (tape.depth, tape.date, tape.name) == ("L2", "", "BTCUSDT 2024-08-08 23:54 to 23:54 UTC, local clock")


def test_a_ticker_takes_away_what_was_better_and_an_older_diff_does_not_bring_it_back(tmp_path: Path) -> None:
    tape, report = read_binance(
        kept(
            tmp_path,
            diff(0, 1, 5, [("100.00", "2"), ("99.99", "1")], [("100.02", "3"), ("100.03", "4")]),
            ticker(1, 9, "99.99", "7", "100.03", "5"),
            diff(2, 6, 8, [("100.00", "1"), ("99.99", "6"), ("99.98", "3")], [("100.02", "2")]),
            ticker(3, 9, "99.97", "1", "100.04", "1"),
        )
    )
    assert final(tape) == ({9999: 70_000, 9998: 30_000}, {10003: 50_000})
    assert report.late == 1


def test_a_late_snapshot_is_brought_up_to_date(tmp_path: Path) -> None:
    lines = [
        diff(0, 1, 5, [("100.00", "2"), ("90.00", "1")], [("100.02", "3"), ("100.05", "0.0")]),
        diff(1, 6, 9, [("99.98", "5")], [("100.02", "0"), ("100.04", "6")]),
        snapshot(2, 6, [("100.00", "2"), ("99.97", "8")], [("100.02", "3"), ("100.06", "9")]),
    ]
    tape, report = read_binance(kept(tmp_path, *lines))
    assert final(tape) == ({10000: 20_000, 9998: 50_000, 9997: 80_000, 9000: 10_000}, {10004: 60_000, 10006: 90_000})
    assert (report.snapshots, report.unused) == (1, 0)
    lines[2] = snapshot(2, 3, [("100.00", "2")], [("100.02", "3")])  # the diffs since are there from update 1 on
    assert read_binance(kept(tmp_path, *lines))[1].unused == 0
    lines[0] = diff(0, 5, 5, [("100.00", "2")], [("100.02", "3")])  # now update 4 is missing
    tape, report = read_binance(kept(tmp_path, *lines))
    assert report.unused == 1
    assert final(tape) == ({10000: 20_000, 9998: 50_000}, {10004: 60_000})


def test_a_gap_empties_the_book_and_is_told(tmp_path: Path) -> None:
    tape, report = read_binance(
        kept(
            tmp_path,
            diff(0, 1, 5, [("100.00", "2")], [("100.02", "3")]),
            diff(1, 8, 9, [("99.98", "5")], [("100.04", "6")]),
            diff(2, 9, 9, [("99.90", "1")], []),
        )
    )
    assert final(tape) == ({9998: 50_000}, {10004: 60_000})
    assert [(gap.line, gap.missing) for gap in report.gaps] == [(1, 2)]
    assert report.late == 1
    assert tape.name.endswith("local clock, 1 gap")


def test_futures_say_which_update_came_before(tmp_path: Path) -> None:
    def future(ms: int, first: int, last: int, before: int, bid: str) -> str:
        data = {"e": "depthUpdate", "E": 1, "U": first, "u": last, "pu": before, "b": [(bid, "1")], "a": []}
        return wrapped(ms, "depth", data)

    whole = read_binance(kept(tmp_path, future(0, 1, 5, 0, "100.00"), future(1, 20, 25, 5, "99.00")))
    assert (whole[1].gaps, len(final(whole[0])[0])) == ((), 2)
    broken = read_binance(kept(tmp_path, future(0, 1, 5, 0, "100.00"), future(1, 20, 25, 19, "99.00")))
    assert (len(broken[1].gaps), len(final(broken[0])[0])) == (1, 1)


@pytest.mark.parametrize(
    "bad",
    [
        ticker(1, 6, "100.02", "1", "100.02", "1"),
        ticker(1, 6, "100.03", "1", "100.02", "1"),
        ticker(1, 6, "0.00000000", "0.0", "100.02", "1"),
        ticker(1, 6, "100.00", "1", "100.02", "0.00"),
        trade(1, 1, "0.0", "1.0"),
        trade(1, 1, "100.0", "0.0"),
        snapshot(1, 6, [("100.02", "1")], [("100.02", "1")]),
        snapshot(1, 6, [], [("100.02", "1")]),
    ],
)
def test_locked_crossed_and_zero_messages_are_left_out_and_counted(tmp_path: Path, bad: str) -> None:
    good = diff(0, 1, 5, [("100.00", "2")], [("100.02", "3")])
    tape, report = read_binance(kept(tmp_path, good, bad))
    assert report.damaged == 1
    assert final(tape) == ({10000: 20_000}, {10002: 30_000})
    assert not (tape.events["kind"] == Kind.TRADE).any()


@pytest.mark.parametrize("bid", ["100.02", "100.05"])
def test_a_diff_that_would_lock_or_cross_the_book_empties_it(tmp_path: Path, bid: str) -> None:
    path = kept(
        tmp_path,
        diff(0, 1, 5, [("100.00", "2")], [("100.02", "3")]),
        diff(1, 6, 6, [("99.99", "1"), (bid, "1"), ("100.00", "9")], []),
        diff(2, 7, 7, [("99.98", "4")], []),
    )
    tape, report = read_binance(path)
    assert report.damaged == 1
    assert told(tape.events) == [
        "0 LEVEL +1 10000 20000",
        "0 LEVEL -1 10002 30000",
        "1 LEVEL +1 10000 0",
        "1 LEVEL -1 10002 0",
        "2 LEVEL +1 9998 40000",
    ]


def test_prints_are_counted_by_their_numbers(tmp_path: Path) -> None:
    tape, report = read_binance(
        kept(tmp_path, *(trade(n, number, "10", "1") for n, number in enumerate((7, 8, 8, 6, 12))))
    )
    assert int((tape.events["kind"] == Kind.TRADE).sum()) == 3
    assert (report.trades, report.trades_repeated, report.trades_missing) == (5, 2, 3)


def test_small_quantities_round_to_lots_but_never_to_nothing(tmp_path: Path) -> None:
    quantities = ("0.00001", "0.00014", "0.00015", "0.00025", "0.00026", "1.00004")
    tape, report = read_binance(kept(tmp_path, *(trade(n, n + 1, "10", q) for n, q in enumerate(quantities))))
    assert tape.events["quantity"][1:-1].tolist() == [1, 1, 2, 2, 3, 10_000]
    assert report.volume == pytest.approx(1.00085)
    assert report.rounded == pytest.approx(0.0009 + 1 - 1.00085)
    level = load_binance(kept(tmp_path, diff(0, 1, 1, [("10", "0.00000001")], [])))
    assert final(level) == ({1000: 1}, {})


def test_the_grid_follows_the_prices_or_the_reader(tmp_path: Path) -> None:
    fine = load_binance(kept(tmp_path, trade(0, 1, "0.12345000", "7.0"))).instruments[0]
    assert (fine.tick_size, fine.lot_size) == (10, 100_000)
    path = kept(tmp_path, trade(0, 1, "100.05", "7.0"))
    chosen = load_binance(path, tick="0.05", lot="0.001")
    assert (chosen.events["price"][1], chosen.events["quantity"][1]) == (2001, 7000)
    with pytest.raises(TapeError, match=r"the price 100\.05000000 is not on a tick of 0\.1; pass a finer tick"):
        load_binance(path, tick="0.1")
    with pytest.raises(TapeError, match="VTrade counts six decimals"):
        load_binance(kept(tmp_path, trade(0, 1, "0.00001378", "7.0")))


def test_far_levels_are_left_out_on_demand(tmp_path: Path) -> None:
    path = kept(
        tmp_path,
        ticker(0, 1, "100.00", "1", "100.02", "1"),
        diff(1, 1, 2, [("98.00", "1"), ("97.99", "1"), ("1.00", "2")], [("103.00", "1")]),
    )
    tape, report = read_binance(path)
    assert (set(final(tape)[0]), set(final(tape)[1]), report.far) == ({10000, 9800}, {10002}, 3)
    assert len(load_binance(path, band_bps=0)) == len(tape) + 3
    assert set(final(load_binance(path, band_bps=9_900))[0]) == {10000, 9800, 9799, 100}
    with pytest.raises(TapeError, match="band_bps=-1 is negative"):
        load_binance(path, band_bps=-1)


def test_the_clock_is_never_subtracted_naively(tmp_path: Path) -> None:
    path = kept(
        tmp_path,
        ticker(0, 1, "100.00", "1", "100.02", "1"),
        trade(10, 1, "100.02", "1", took=9),
        trade(11, 2, "100.02", "1", took=5),
        ticker(12, 2, "100.00", "1", "100.02", "2"),
        trade(14, 3, "100.02", "1", took=15),  # happened before what came before it
        ticker(30, 3, "100.00", "1", "100.02", "3"),
    )
    local, report = read_binance(path)
    assert (local.events["ts_ns"][1:-1] - T0).tolist() == [0, 0, *(ms * 10**6 for ms in (10, 11, 12, 14, 30))]
    assert report.behind_ns == (BEHIND_MS - 5) * 10**6
    assert report.latency_ns == 4 * 10**6  # beyond the fastest
    exchange = load_binance(path, clock="exchange")
    stamps = (exchange.events["ts_ns"][1:-1] - T0 - BEHIND_MS * 10**6) / 10**6
    assert stamps.tolist() == [-5, -5, 1, 6, 6, 6, 25]
    for name in ("kind", "price", "quantity", "side"):
        assert (exchange.events[name] == local.events[name]).all()


def test_a_local_clock_that_runs_back_is_held(tmp_path: Path) -> None:
    tape, report = read_binance(kept(tmp_path, *(trade(ms, n, "10", "1") for n, ms in enumerate((5, 3, 6), start=1))))
    assert ((tape.events["ts_ns"][1:-1] - T0) // 10**6).tolist() == [5, 5, 6]
    assert report.clock_back == 1


def test_files_that_follow_each_other(tmp_path: Path) -> None:
    first = kept(tmp_path, diff(0, 1, 5, [("100.00", "2")], [("100.02", "3")]))
    second = kept(tmp_path, diff(9, 6, 7, [("99.00", "2")], []), name="btc_20240809.txt")
    both = load_binance(tmp_path)
    assert final(both)[0] == {10000: 20_000, 9900: 20_000}
    assert both.events.tobytes() == load_binance(f"{first}+{second}").events.tobytes()
    assert both.events.tobytes() == load_binance(f"{first}+{second.name}").events.tobytes()
    assert len(load_binance(f"{tmp_path}:20240809")) == len(load_binance(tmp_path, day="20240809")) == 3
    with pytest.raises(TapeError, match=r"begins before .*txt ends; name the files in the order of their times"):
        load_binance(f"{second}+{first}")
    with pytest.raises(TapeError, match=r"has no capture of 20240810; it has btc_20240808\.gz, btc_20240809\.txt"):
        load_binance(f"{tmp_path}:20240810")
    with pytest.raises(TapeError, match=r"btc_20240810\.gz: no such file; did you mean"):
        load_binance(f"{first}+btc_20240810.gz")


def test_other_streams_and_symbols(tmp_path: Path) -> None:
    candle = wrapped(0, "kline_1m", {"e": "kline", "E": 1})
    other = trade(1, 1, "10", "1").replace("BTCUSDT", "ETHUSDC")
    bare = line(2, json.loads(trade(2, 1, "10", "1").split(" ", 1)[1])["data"])
    path = kept(tmp_path, candle, other, bare)
    with pytest.raises(TapeError, match="holds several symbols; pass symbol= one of BTCUSDT, ETHUSDC"):
        load_binance(path)
    with pytest.raises(TapeError, match="has no symbol 'ETHUSDT'; did you mean 'ETHUSDC'"):
        load_binance(path, symbol="ethusdt")
    tape, report = read_binance(path, symbol="ethusdc")
    assert (len(tape), report.others, tape.instruments[0].currency) == (3, 2, "USDC")
    assert len(load_binance(path, symbol="BTCUSDT")) == 3
    with pytest.raises(TapeError, match="holds no quote, level or print of BTCUSDT"):
        load_binance(kept(tmp_path, candle))
    with pytest.raises(TapeError, match="is it a capture of Binance's streams"):
        load_binance(kept(tmp_path, line(0, {"result": None, "id": 1})))


@pytest.mark.parametrize(
    "bad",
    [
        trade(1, 2, "10", "1")[:-9],
        "{}",
        "soon {}",
        f"{T0}",
        f"{2**63} {{}}",
        f"-5 {trade(1, 2, '10', '1').split(' ', 1)[1]}",
        trade(1, 2, "ten", "1"),
        trade(1, 2, "-10", "1"),
        trade(1, 2, "10.123456789", "1"),
        diff(1, 5, 4),
        diff(1, 1, 1, [("0.0", "1")]),
        diff(1, 1, 1, [("100.00", "nan")]),
        diff(1, 1, 1, [["100.00"]]),  # type: ignore[list-item]
        wrapped(1, "depth", {"e": "depthUpdate", "U": 1, "u": 2, "b": "none", "a": []}),
        wrapped(1, "bookTicker", {"u": 1, "b": [], "B": "1", "a": "1", "A": "1"}),
    ],
)
def test_a_damaged_line_is_one_error_with_its_number(tmp_path: Path, bad: str) -> None:
    path = kept(tmp_path, trade(0, 1, "10", "1"), "", bad, trade(2, 3, "10", "1"))
    with pytest.raises(TapeError, match=r"btc_20240808\.gz: line 3.*drop"):
        load_binance(path)


def test_a_damaged_line_of_the_second_file_is_named_there(tmp_path: Path) -> None:
    first = kept(tmp_path, trade(0, 1, "10", "1"), trade(1, 2, "10", "1"))
    second = kept(tmp_path, trade(2, 3, "10", "1"), trade(3, 4, "ten", "1"), name="b.gz")
    with pytest.raises(TapeError, match=r"b\.gz: line 2 is damaged"):
        load_binance(f"{first}+{second}")


def test_truncated_empty_and_foreign_files(tmp_path: Path) -> None:
    path = kept(tmp_path, *(trade(n, n + 1, "10", "1") for n in range(50)))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TapeError, match=r"btc_20240808\.gz: cannot be read .*fetch the file again"):
        load_binance(path)
    with pytest.raises(TapeError, match="the file is empty"):
        load_binance(kept(tmp_path, "", ""))
    with pytest.raises(TapeError, match="line 1 is damaged"):
        load_binance(kept(tmp_path, "Date,Open,High"))
    with pytest.raises(TapeError, match="clock='exchnage' is not known; did you mean 'exchange'"):
        load_binance(path, clock="exchnage")
    quotes = kept(tmp_path, ticker(0, 1, "100.00", "1", "100.02", "1"))
    assert read_binance(quotes)[1].behind_ns == 0
    with pytest.raises(TapeError, match="no message carries the exchange's time; take clock='local'"):
        load_binance(quotes, clock="exchange")


def as_binance_says(path: Path) -> Iterator[tuple[int, str, Any]]:
    """Local time and what must be true then: the whole book after each diff, or the touch after each ticker.

    The book is kept as Binance's own guide tells: a snapshot, and all diffs that are newer. The same dictionaries are
    handed out again and again.
    """
    known: tuple[dict[str, str], dict[str, str]] | None = None
    since: list[dict[str, Any]] = []
    for text in gzip.decompress(path.read_bytes()).splitlines():
        stamp, _, rest = text.partition(b" ")
        message = json.loads(rest)
        data = message.get("data", message)
        if "lastUpdateId" in data:
            known = dict(data["bids"]), dict(data["asks"])
            newer = [d for d in since if d["u"] > data["lastUpdateId"]]
        elif data.get("e") == "depthUpdate":
            since.append(data)
            newer = [data]
        else:
            if "B" in data:
                yield int(stamp), "touch", (data["b"], data["a"])
            continue
        if known is not None:
            for one in newer:
                for levels, side in zip(known, "ba", strict=True):
                    levels.update(one[side])
            yield int(stamp), "book", known


def cents(price: str) -> int:
    return round(float(price) * 100)


@pytest.mark.needs("data")
def test_a_real_book_is_the_one_that_the_exchange_meant(data_dir: Path) -> None:
    path = data_dir / "binance" / "spot_btcusdt_20240808.gz"
    tape, report = read_binance(path, band_bps=0)
    assert (report.gaps, report.damaged, report.unused, report.trades_missing) == ((), 0, 0, 0)
    events = tape.events[tape.events["kind"] == Kind.LEVEL]
    times = events["ts_ns"]
    book: dict[int, set[int]] = {1: set(), -1: set()}
    done, touch = 0, {1: 0, -1: 0}
    compared = {"touch": 0, "book": 0}
    for number, (stamp, what, expected) in enumerate(as_binance_says(path)):
        if what == "touch":
            touch = dict(zip((1, -1), map(cents, expected), strict=True))
        if number % 97:  # all rows are applied, and the book is looked at every now and then
            continue
        until = int(np.searchsorted(times, stamp, side="right"))
        for side, price, quantity in zip(
            *(events[n][done:until].tolist() for n in ("side", "price", "quantity")), strict=True
        ):
            (book[side].add if quantity else book[side].discard)(price)
        done = until
        compared[what] += 1
        assert max(book[1]) < min(book[-1])
        if what == "touch":
            assert touch == {1: max(book[1]), -1: min(book[-1])}
        else:  # at the touch and inside it, a diff that is older than the ticker does not count
            for side, levels in zip((1, -1), expected, strict=True):
                deep = {cents(p) for p, q in levels.items() if float(q)}
                assert {p for p in deep if (touch[side] - p) * side > 0} == book[side] - {touch[side]}
                assert len(book[side]) > 500
    assert min(compared.values()) > 20


@pytest.mark.needs("data")
def test_two_real_files_join_without_a_gap(data_dir: Path) -> None:
    tape, report = read_binance(data_dir / "binance")
    assert (report.lines, report.diffs, report.tickers) == (99_574, 6_495, 73_174)
    assert (report.trades, report.snapshots, report.others) == (19_904, 1, 0)
    assert (report.gaps, report.late, report.damaged, report.trades_missing, report.clock_back) == ((), 0, 0, 0, 0)
    assert 1.27e9 < report.behind_ns < 1.28e9
    assert 0 < report.latency_ns < 2e7
    assert abs(report.rounded) < 0.0005 * report.volume
    assert int((tape.events["kind"] == Kind.TRADE).sum()) == 19_904
    assert len(final(tape)[0]) > 1_000
    exchange = load_binance(data_dir / "binance", clock="exchange")
    later = exchange.events["ts_ns"] - tape.events["ts_ns"]
    assert 1.1e9 < later.min() <= later.max() < 1.3e9
