"""Does the LOBSTER reader give back exactly what the exchange recorded?"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import numpy as np
import pytest

from vtrade.errors import TapeError
from vtrade.market.dtype import EVENT, FLAG_HIDDEN, Events, Kind, SessionStatus
from vtrade.market.files import columns
from vtrade.market.lobster import load_lobster
from vtrade.market.tape import Tape

DAY = "LOBSTER_SampleFile_{}_2012-06-21_{}.zip"
NAME = "ACME_2020-01-02_34200000_57600000_{}_{}.csv"

# Book rows: ask price, ask size, bid price, bid size, level by level.
MESSAGES = """\
34200.000000001,1,7,10,1000000,1
34200.1,1,8,5,1000200,-1
34200.1,1,9,20,1000100,1
34200.2,4,9,20,1000100,1
34201,5,0,3,1000150,1
34201,5,0,3,1000150,-1
34202,1,10,30,999900,1
34203,3,7,10,1000000,1
34204,3,10,30,999900,1
34205,7,0,0,-1,-1
34206,7,0,0,0,-1
34207,7,0,0,1,-1
34208,6,-1,500,1000150,-1
"""
BOOK = """\
1000300,50,1000000,40,9999999999,0,999800,10
1000200,5,1000000,40,1000300,50,999800,10
1000200,5,1000100,20,1000300,50,1000000,40
1000200,5,1000000,40,1000300,50,999800,10
1000200,5,1000000,40,1000300,50,999800,10
1000200,5,1000000,40,1000300,50,999800,10
1000200,5,1000000,40,1000300,50,999900,30
1000200,5,1000000,30,1000300,50,999900,30
1000200,5,1000000,30,1000300,50,999800,10
1000200,5,1000000,30,1000300,50,999800,10
1000200,5,1000000,30,1000300,50,999800,10
1000200,5,1000000,30,1000300,50,999800,10
1000200,5,1000000,30,1000300,50,999800,10
"""
# What the tape should say, as kind side price quantity order_id; the same moment may hold several rows.
EXPECTED = """\
STATUS  +0      0    1 0
LEVEL   -1  10003   50 0
LEVEL   +1  10000   40 0
LEVEL   +1   9998   10 0
ADD     -1  10002    5 1
ADD     +1  10001   20 2
LEVEL   +1   9998    0 0
EXECUTE +1  10001   20 2
LEVEL   +1   9998   10 0
TRADE   -1  10002    3 0
TRADE   +1  10001    3 0
ADD     +1   9999   30 3
LEVEL   +1   9998    0 0
DELETE  +1  10000   10 0
DELETE  +1   9999   30 3
LEVEL   +1   9998   10 0
STATUS  +0      0    3 0
STATUS  +0      0    3 0
STATUS  +0      0    4 0
TRADE   +0  10002  500 0
STATUS  +0      0    2 0
"""


def pair(folder: Path, messages: str = MESSAGES, book: str = BOOK, levels: int = 2) -> Path:
    """A LOBSTER pair on disk; the path of its message file."""
    (folder / NAME.format("orderbook", levels)).write_text(book)
    path = folder / NAME.format("message", levels)
    path.write_text(messages)
    return path


def told(events: Events) -> str:
    return "".join(
        f"{Kind(e['kind']).name:7} {e['side']:+d} {e['price']:6d} {e['quantity']:4d} {e['order_id']}\n" for e in events
    )


def naive_books(tape: Tape, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Time and visible book after each message: dictionaries of levels and orders, told the rows one by one."""
    sides: dict[int, dict[int, int]] = {1: {}, -1: {}}
    orders: dict[int, tuple[int, int, int]] = {}
    at_level: dict[tuple[int, int], set[int]] = {}
    books: list[list[tuple[int, int]]] = []
    times: list[int] = []

    def look() -> list[tuple[int, int]]:
        asks, bids = sorted(sides[-1].items()), sorted(sides[1].items(), reverse=True)
        assert max(len(asks), len(bids)) <= levels, "the book holds levels that were not recorded"
        empty = [(0, 0)] * levels
        return [x for pair in zip((asks + empty)[:levels], (bids + empty)[:levels], strict=True) for x in pair]

    events = tape.events
    last_ns = 0
    names = ("ts_ns", "kind", "side", "price", "quantity", "order_id")
    for number, row in enumerate(zip(*(events[name].tolist() for name in names), strict=True)):
        ts_ns, kind, side, price, quantity, order = row
        if kind != Kind.LEVEL and number:  # a new message begins: the last one is complete
            books.append(look())
            times.append(last_ns)
        last_ns = ts_ns
        level, here = sides.get(side, {}), at_level.setdefault((side, price), set())
        if kind == Kind.LEVEL:
            level[price] = quantity
            if not quantity:
                for gone in here:
                    del orders[gone]
                here.clear()
        elif kind == Kind.ADD:
            assert order > 0
            assert order not in orders
            level[price] = level.get(price, 0) + quantity
            orders[order] = (side, price, quantity)
            here.add(order)
        elif kind in (Kind.REDUCE, Kind.DELETE, Kind.EXECUTE):
            level[price] -= quantity
            if order:
                left = orders[order][2] - quantity
                assert orders[order][:2] == (side, price), "an id stands for another order"
                assert left >= 0
                assert left == 0 or kind != Kind.DELETE
                orders[order] = (side, price, left)
                if not left:
                    del orders[order]
                    here.discard(order)
        if level.get(price, 1) == 0:
            assert not here, "orders outlive their level"
            del level[price]
    return np.array(times), np.array(books)


def recorded_books(data: bytes, levels: int) -> np.ndarray:
    """Orderbook rows as (N, 2 x levels, 2), empty levels zero."""
    table = np.fromstring(data.replace(b"\n", b","), sep=",", dtype=np.int64).reshape(-1, 2 * levels, 2)
    table[:, :, 0] //= 100
    table[table[:, :, 1] == 0] = 0
    return table


def member(path: Path, word: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(next(n for n in archive.namelist() if word in n))


@pytest.fixture
def day(data_dir: Path) -> Callable[[str, int], Path]:
    return lambda symbol, levels: data_dir / "lobster" / DAY.format(symbol, levels)


def test_each_message_becomes_the_rows_that_lead_to_the_recorded_book(tmp_path: Path) -> None:
    tape = load_lobster(pair(tmp_path))
    assert told(tape.events) == EXPECTED
    assert (tape.depth, tape.date, tape.name) == ("L3", "2020-01-02", "ACME 2020-01-02, 2 levels")
    assert (tape.instruments[0].symbol, tape.instruments[0].tick_size) == ("ACME", 10_000)
    assert tape.events["ts_ns"][[0, -1]].tolist() == [34_200_000_000_001, 34_208 * 10**9]
    assert naive_books(tape, 2)[1][0].tolist() == [[10003, 50], [10000, 40], [0, 0], [9998, 10]]


def test_hidden_prints_between_ticks_round_to_the_aggressors_better_side(tmp_path: Path) -> None:
    hidden = load_lobster(pair(tmp_path)).events
    hidden = hidden[hidden["flags"] == FLAG_HIDDEN]
    assert [(e["side"], e["price"]) for e in hidden] == [(-1, 10_002), (1, 10_001)]  # 100.015: a seller, then a buyer


def test_a_visible_price_below_a_cent_makes_the_grid_finer(tmp_path: Path) -> None:
    tape = load_lobster(pair(tmp_path, "34200.5,1,1,10,5001,1\n", "5099,7,5001,10\n", levels=1))
    assert tape.instruments[0].tick_size == 100
    assert told(tape.events[1:3]) == "LEVEL   -1   5099    7 0\nLEVEL   +1   5001   10 0\n"


@pytest.mark.parametrize(
    "first, expected",
    [
        ("34200.5,4,1,10,1000000,-1\n", "TRADE   +1  10000   10 0\n"),
        ("34200.5,5,0,10,1000000,1\n", "TRADE   -1  10000   10 0\n"),
        ("34200.5,2,1,10,1000000,-1\n", ""),
    ],
)
def test_a_first_message_shows_only_as_a_print(tmp_path: Path, first: str, expected: str) -> None:
    tape = load_lobster(pair(tmp_path, first, "1000100,7,999900,10\n", levels=1))
    assert told(tape.events[3:-1]) == expected


def test_an_order_used_up_or_used_twice_is_not_referred_to_again(tmp_path: Path) -> None:
    messages = (
        "34200,1,1,10,1000000,1\n34201,1,5,10,1000000,1\n34202,4,5,4,1000000,1\n34203,4,5,6,1000000,1\n"
        "34204,3,5,1,1000000,1\n34205,1,5,8,1000000,1\n34206,2,5,3,1000000,1\n"
    )
    sizes = (10, 20, 16, 10, 9, 17, 14)
    book = "".join(f"1000100,7,1000000,{size}\n" for size in sizes)
    tape = load_lobster(pair(tmp_path, messages, book, levels=1))
    assert tape.events["order_id"].tolist() == [0, 0, 0, 1, 1, 1, 0, 2, 2, 0]


def test_times_are_exact(tmp_path: Path) -> None:
    texts = ["34200.000000001", "34200.1", "34200", "57599.999999999", "43002.632812672004", "86399.9999999995", "1E2"]
    data = "".join(f"{t},1\n" for t in texts).encode()
    times, ones = columns(data, {"time": "seconds", "one": "int"}, where="demo")
    exact = [int((Decimal(t) * 10**9).to_integral_value(ROUND_HALF_EVEN)) for t in texts]
    assert times.tolist() == exact
    assert ones.tolist() == [1] * len(texts)


@pytest.mark.parametrize(
    "spoil, said",
    [
        (
            lambda m, b: (m.replace("34201,5,0,3,1000150,1\n", "34199,5,0,3,1000150,1\n"), b),
            "row 5, column 'time': .* goes back in time",
        ),
        (lambda m, b: (m.replace("34202,1", "34202,9"), b), "row 7, column 'type': 9"),
        (lambda m, b: (m.replace("34203,3,7,10,", "34203,3,7,0,"), b), "row 8, column 'size': 0"),
        (lambda m, b: (m.replace("34203,3,7,10,1000000", "34203,3,7,10,-5"), b), "row 8, column 'price': -5"),
        (
            lambda m, b: (m.replace("34203,3,7,10,1000000,1", "34203,3,7,10,1000000,0"), b),
            "row 8, column 'direction': 0",
        ),
        (
            lambda m, b: (m.replace("1000200,-1", "nan,-1"), b),
            "message.*row 2, column 'price': 'nan' is not a whole number",
        ),
        (lambda m, b: (m.replace("34202,1,10,30,999900,1", "34202,1,10,30,,1"), b), "row 7, column 'price': ''"),
        (lambda m, b: (m[: m.rindex("34208") + 9], b), "row 13 has 3 of 6 columns .* truncated"),
        (lambda m, b: (m[: m.rindex("34208")], b), "12 messages but 13 orderbook rows.*truncated"),
        (lambda m, b: (m, b[: -len("999800,10\n")]), "orderbook.*row 13 has 7 of 8 columns"),
        (lambda m, b: (m, b.replace("1000300,50,1000000,40,", "999700,50,1000000,40,")), ""),
        (
            lambda m, b: (m, b.replace("1000100,20,1000300,50", "999900,20,1000300,50")),
            "row 3 has levels out of price order",
        ),
        (lambda m, b: (m, b.replace("1000200,5,1000000,40", "1000200,-5,1000000,40", 1)), "row 2 has a negative size"),
        (lambda m, b: ("", b), "empty"),
        (lambda m, b: (m, ""), "empty"),
        (lambda m, b: (b, m), "orderbook"),
    ],
)
def test_a_spoilt_pair_is_refused_by_row_and_column(
    tmp_path: Path, spoil: Callable[[str, str], tuple[str, str]], said: str
) -> None:
    path = pair(tmp_path, *spoil(MESSAGES, BOOK))
    if not said:  # a locked or crossed book is what some venues record in a halt: it is read as it is
        assert len(load_lobster(path))
        return
    with pytest.raises(TapeError, match=said):
        load_lobster(path)


def test_every_way_to_name_a_pair_gives_the_same_tape(tmp_path: Path) -> None:
    message = pair(tmp_path)
    book = message.with_name(NAME.format("orderbook", 2))
    packed = tmp_path / "day.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in (message, book):
            archive.write(path, f"folder/{path.name}")
    tapes = [load_lobster(path) for path in (message, book, packed, tmp_path)]
    assert all(tape.events.tobytes() == tapes[0].events.tobytes() and tape.name == tapes[0].name for tape in tapes)


def test_a_pair_without_its_half_or_its_name(tmp_path: Path) -> None:
    message = pair(tmp_path)
    message.with_name(NAME.format("orderbook", 2)).rename(tmp_path / "a_orderbook.csv")
    with pytest.raises(TapeError, match="no such file"):
        load_lobster(message)
    message.rename(tmp_path / "a_message.csv")
    with pytest.raises(TapeError, match="pass symbol="):
        load_lobster(tmp_path / "a_message.csv")
    assert load_lobster(tmp_path / "a_message.csv", symbol="ACME").name == "ACME, 2 levels"
    (tmp_path / "other.csv").write_text("1,2\n")
    with pytest.raises(TapeError, match="not a LOBSTER file"):
        load_lobster(tmp_path / "other.csv")


def test_a_truncated_or_foreign_zip(tmp_path: Path) -> None:
    packed = tmp_path / "day.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a_message_1.csv", MESSAGES)
    with pytest.raises(TapeError, match="not one message and one orderbook file"):
        load_lobster(packed)
    packed.write_bytes(packed.read_bytes()[:-30])
    with pytest.raises(TapeError, match="not a readable zip"):
        load_lobster(packed)


def generated_day(seed: int, levels: int, n: int) -> tuple[str, str]:
    """A LOBSTER pair as the exchange would cut it from a deeper book: only what touches the visible levels is told."""
    luck = np.random.Generator(np.random.Philox(key=seed))
    orders: dict[int, tuple[int, int, int]] = {}
    messages, books = [], []

    def window() -> list[tuple[int, int]]:
        found: list[list[tuple[int, int]]] = []
        for side in (-1, 1):
            total: dict[int, int] = {}
            for where, price, size in orders.values():
                if where == side:
                    total[price] = total.get(price, 0) + size
            best = sorted(total.items(), reverse=side > 0)[:levels]
            found.append(best + [(side * -9999999999, 0)] * (levels - len(best)))
        return [x for pair in zip(*found, strict=True) for x in pair]

    before = window()
    for number in range(1, n + 1):
        side = int(luck.choice([-1, 1]))
        mine = [o for o, (where, _, _) in orders.items() if where == side]
        if len(mine) < 6 or luck.random() < 0.45:
            price, size = 1_000_000 - side * 100 * int(luck.integers(1, 12)), int(luck.integers(1, 9)) * 10
            orders[number] = (side, price, size)
            told_as = (1, number, size, price)
        else:
            execute = luck.random() < 0.4
            order = (max if side > 0 else min)(mine, key=lambda o: orders[o][1]) if execute else int(luck.choice(mine))
            _, price, left = orders[order]
            size = left if luck.random() < 0.6 else int(luck.integers(1, left + 1))
            orders[order] = (side, price, left - size)
            told_as = (4 if execute else 3 if size == left else 2, order, size, price)
            if size == left:
                del orders[order]
        after = window()
        if after != before:
            messages.append("{},{},{},{},{},{}".format(34200 + number / 1000, *told_as, side))
            books.append(",".join(f"{price},{size}" for price, size in after))
        before = after
    return "\n".join(messages) + "\n", "\n".join(books) + "\n"


@pytest.mark.parametrize("levels", [1, 2, 4])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_books_cut_from_a_deeper_one_come_out_exact(tmp_path: Path, seed: int, levels: int) -> None:
    messages, book = generated_day(seed, levels, 600)
    tape = load_lobster(pair(tmp_path, messages, book, levels=levels))
    _, books = naive_books(tape, levels)
    assert (books == recorded_books(book.encode(), levels)).all()
    refers = np.isin(tape.events["kind"], (Kind.REDUCE, Kind.DELETE, Kind.EXECUTE))
    assert (tape.events["order_id"][refers] > 0).any()


@pytest.mark.needs("data")
@pytest.mark.parametrize("symbol, levels", [("AMZN", 5), ("AAPL", 1), ("AMZN", 1)])
def test_the_rows_lead_to_every_recorded_book(day: Callable[[str, int], Path], symbol: str, levels: int) -> None:
    path = day(symbol, levels)
    _, books = naive_books(load_lobster(path), levels)
    recorded = recorded_books(member(path, "orderbook"), levels)
    if len(books) == len(recorded) + 1:  # the first message is a print, so the opening state is looked at twice
        books = books[1:]
    assert books.shape == recorded.shape
    assert (books == recorded).all()


@pytest.mark.needs("data")
@pytest.mark.parametrize(
    "symbol, prints, shares, spread, vwap",
    [
        ("AAPL", 34_990, 2_850_140, 0.1513, 582.6257),
        ("AMZN", 11_419, 810_755, 0.1285, 222.6401),
    ],
)
def test_published_counts_spread_and_vwap(
    day: Callable[[str, int], Path], symbol: str, prints: int, shares: int, spread: float, vwap: float
) -> None:
    tape = load_lobster(day(symbol, 1))
    events = tape.events
    executed = (events["kind"] == Kind.EXECUTE) | (events["kind"] == Kind.TRADE)
    assert (int(executed.sum()), int(events["quantity"][executed].sum())) == (prints, shares)
    seen = events[executed & (events["flags"] == 0)]
    paid = float((seen["price"] * seen["quantity"]).sum()) * 0.01
    assert paid / float(seen["quantity"].sum()) == pytest.approx(vwap, abs=5e-5)
    times, books = naive_books(tape, 1)
    gaps, held = (books[:-1, 0, 0] - books[:-1, 1, 0]) * 0.01, np.diff(times)
    assert float((gaps * held).sum() / held.sum()) == pytest.approx(spread, abs=5e-5)


@pytest.mark.needs("data")
def test_a_real_day_is_exact_in_time(day: Callable[[str, int], Path]) -> None:
    path = day("AMZN", 5)
    tape = load_lobster(path)
    events = tape.events
    assert tape.name == "AMZN 2012-06-21, 5 levels"
    assert tape.instruments[0].sector == "Consumer Discretionary"
    assert events.dtype == EVENT
    assert not events.flags.writeable
    messages = member(path, "message").decode().splitlines()
    times = [int((Decimal(line.split(",")[0]) * 10**9).to_integral_value(ROUND_HALF_EVEN)) for line in messages]
    said = events["ts_ns"][(events["kind"] != Kind.LEVEL)]
    assert said[1:-1].tolist() == times  # the first message of this day is a print, so each has its row
    assert events["quantity"][[0, -1]].tolist() == [SessionStatus.OPEN, SessionStatus.CLOSED]
