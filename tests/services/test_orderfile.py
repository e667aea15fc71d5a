"""Does an order file say what its author meant, and does a slip in it get one helpful sentence?"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli import small
from vtrade.domain.messages import CancelOrder, ReplaceOrder, SubmitOrder
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.errors import OrderFileError
from vtrade.market.load import load_tape
from vtrade.services.orderfile import COLUMNS, read_orders

T = small.OPEN_NS
HEADER = ",".join(COLUMNS)


def read(folder: Path, *lines: str, header: str = HEADER, tape: object = None) -> tuple[object, ...]:
    path = folder / "o.csv"
    path.write_text("\n".join([header, *lines]), encoding="utf-8")
    return read_orders(path, tape=tape).messages


def trouble(folder: Path, *lines: str, header: str = HEADER, tape: object = None) -> str:
    with pytest.raises(OrderFileError) as caught:
        read(folder, *lines, header=header, tape=tape)
    text = str(caught.value)
    assert text.startswith(str(folder / "o.csv"))
    assert "\n" not in text
    return text.removeprefix(str(folder / "o.csv")).lstrip(",: ")


def test_each_action_becomes_its_message(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        f"{T},ana,a1,submit,AMZN,buy,stop_limit,2.5,223.95,223.9,GTC,",
        f"{T},ana,a1,replace,,,,3,,0.000001,,",
        f"{T},ana,a1,cancel,,,,,,,,",
    )
    assert found == (
        SubmitOrder(
            T, "ana", "a1", "AMZN", Side.BUY, OrderType.STOP_LIMIT, 2_500_000, 223_950_000, 223_900_000,
            TimeInForce.GTC,
        ),
        ReplaceOrder(T, "ana", "a1", 3_000_000, None, 1),
        CancelOrder(T, "ana", "a1"),
    )  # fmt: skip


def test_only_needed_columns_in_any_order_and_case(tmp_path: Path) -> None:
    header = " Quantity,TYPE,side,symbol,client_order_id,account,ts_ns"
    assert read(tmp_path, f'7,Market,SELL," AMZN ",x, ben ,{T}', header=header) == (
        SubmitOrder(T, "ben", "x", "AMZN", Side.SELL, OrderType.MARKET, 7_000_000),
    )


def test_words_may_be_written_as_people_write_them(tmp_path: Path) -> None:
    (order,) = read(tmp_path, f"{T},ana,a1,Submit,AMZN,Buy,Stop-Market,1,,224,gtc,")
    assert (order.type, order.time_in_force) == (OrderType.STOP_MARKET, TimeInForce.GTC)


def test_a_file_from_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    path.write_bytes(b"\xef\xbb\xbf" + f"{HEADER}\r\n{T},ana,a1,,AMZN,buy,market,1,,,,\r\n\r\n".encode())
    assert [order.client_order_id for order in read_orders(path).messages] == ["a1"]


def test_rows_are_sorted_by_time_and_ties_keep_their_order(tmp_path: Path) -> None:
    path = small.orders_file(
        tmp_path / "o.csv",
        small.row(5, "ana-late"), small.row(9, "ana-last"),
        small.row(5, "ben-late", account="ben"), small.row(1, "ben-first", account="ben"),
    )  # fmt: skip
    found = read_orders(path)
    assert [order.client_order_id for order in found.messages] == ["ben-first", "ana-late", "ben-late", "ana-last"]
    assert found.moved == 2


def test_what_an_order_asks_for_beyond_its_prices(tmp_path: Path) -> None:
    trailing, shy, bound, call, child = read(
        tmp_path,
        f"{T},ana,a1,,AMZN,sell,trailing_stop_market,5,,,GTC,trail=0.5",
        f"{T},ana,a2,,AMZN,buy,limit,500,223.95,,, post_only ; display_quantity = 100;",
        f"{T},ana,a3,,AMZN,buy,limit,5,223.95,,gtd,expire_ns={T + 60}",
        f"{T},ana,a4,,AMZN,buy,market,5,,,At-The-Close,reduce_only",
        f"{T},ana,a5,,AMZN,sell,trailing-stop-market,5,,,,trail_bps=12.5;oco=exits;parent=a2",
    )
    assert trailing == SubmitOrder(
        T, "ana", "a1", "AMZN", Side.SELL, OrderType.TRAILING_STOP_MARKET, 5_000_000, None, None, TimeInForce.GTC,
        trail=500_000,
    )  # fmt: skip
    assert (shy.post_only, shy.display_quantity) == (True, 100_000_000)
    assert (bound.time_in_force, bound.expire_ns) == (TimeInForce.GTD, T + 60)
    assert (call.time_in_force, call.reduce_only) == (TimeInForce.AT_THE_CLOSE, True)
    assert (child.trail, child.trail_ppm, child.oco, child.parent) == (None, 1_250, "exits", "a2")


def test_what_cannot_trade_is_left_to_the_engine(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        f"{T},ana,a1,submit,NOPE,buy,limit,0,223.95001,,,",
        f"{T},ana,a2,submit,AMZN,buy,market,-5,,,,",
        f"{T},ana,a3,submit,AMZN,buy,limit,1,,,,",
    )
    assert [(order.quantity, order.limit_price) for order in found] == [
        (0, 223_950_010),
        (-5_000_000, None),
        (10**6, None),
    ]


@pytest.mark.parametrize(
    "line, says",
    [
        (f"{T}.0,a,b,,X,buy,market,1,,,,", ["row 2, column ts_ns: '34200000000000.0'", "whole number", "int64"]),
        ("3.42e13,a,b,,X,buy,market,1,,,,", ["column ts_ns: '3.42e13'"]),
        (f"{2**63},a,b,,X,buy,market,1,,,,", ["column ts_ns: 9223372036854775808"]),
        (f"{T},,b,,X,buy,market,1,,,,", ["column account: ''", "give a name"]),
        (f"{T},a,,,X,buy,market,1,,,,", ["column client_order_id: ''"]),
        (f"{T},a,b,sumbit,X,buy,market,1,,,,", ["column action: 'sumbit'", "did you mean 'submit'"]),
        (f"{T},a,b,,,buy,market,1,,,,", ["column symbol: ''"]),
        (f"{T},a,b,,X,byu,market,1,,,,", ["column side: 'byu'", "did you mean 'buy'"]),
        (f"{T},a,b,,X,,market,1,,,,", ["column side: ''", "is empty", "buy, sell"]),
        (f"{T},a,b,,X,buy,lmit,1,,,,", ["column type: 'lmit'", "did you mean 'limit'"]),
        (f"{T},a,b,,X,buy,peg,1,,,,", ["column type: 'peg'", "take one of market, limit, stop_market, stop_limit"]),
        (f"{T},a,b,,X,buy,market,1,,,never,", ["column time_in_force: 'never'", "is not known", "gtd, at_the_open"]),
        (f"{T},a,b,,X,buy,market,1,,,,hurry", ["column flags: 'hurry'", "unknown flag 'hurry'", "post_only, reduce"]),
        (f"{T},a,b,,X,buy,market,1,,,,oco=a;post_onyl", ["unknown flag 'post_onyl'", "did you mean 'post_only'?"]),
        (f"{T},a,b,,X,buy,market,1,,,,post_only=yes", ["post_only the value 'yes'", "it takes none"]),
        (f"{T},a,b,,X,buy,market,1,,,,trail", ["gives trail no value; write trail=..."]),
        (f"{T},a,b,,X,buy,market,1,,,,trail=wide", ["column flags: 'trail=wide'", "trail 'wide' is not a number"]),
        (f"{T},a,b,,X,buy,market,1,,,,trail_bps=0.001", ["trail_bps 0.001 is finer than 0.01"]),
        (f"{T},a,b,,X,buy,market,1,,,,trail_bps=5;trail_bps=6", ["names trail_bps twice; drop one"]),
        (f"{T},a,b,,X,buy,market,1,,,,expire_ns=3.5e13", ["expire_ns=3.5e13", "not a whole number of nanoseconds"]),
        (f"{T},a,b,,X,buy,market,1,,,,expire_ns={2**63}", ["is not a whole number of nanoseconds"]),
        (f"{T},a,b,cancel,,,,,,,,post_only", ["column flags: 'post_only'", "beside a cancel"]),
        (f"{T},a,b,replace,,,,5,,,,oco=x", ["column flags: 'oco=x'", "beside a replace"]),
        (f"{T},a,b,,X,buy,market,,,,,", ["column quantity: ''", "how many"]),
        (f"{T},a,b,,X,buy,market,ten,,,,", ["column quantity: 'ten'", "is not a number"]),
        (f"{T},a,b,,X,buy,market,nan,,,,", ["column quantity: 'nan'", "is not a finite number"]),
        (f'{T},a,b,,X,buy,limit,1,"1,000",,,', ["column limit_price: '1,000'", "is not a number"]),
        (f"{T},a,b,,X,buy,stop_market,1,,1e20,,", ["column stop_price: '1e20'", "beyond what VTrade counts"]),
        (f"{T},a,b,,X,buy,limit,1,0.1234567,,,", ["column limit_price: '0.1234567'", "more than six decimals"]),
        (f"{T},a,b,,X,buy,market", ["row 2: has 7 cells", "12 columns", "cut off"]),
    ],
)  # fmt: skip
def test_a_bad_cell_is_named_with_its_mend(tmp_path: Path, line: str, says: list[str]) -> None:
    text = trouble(tmp_path, line)
    assert text.startswith("row 2")
    for part in says:
        assert part in text


def test_the_row_is_counted_as_an_editor_counts(tmp_path: Path) -> None:
    good = f"{T},ana,a1,,AMZN,buy,market,1,,,,"
    assert trouble(tmp_path, good, "", good, f"{T},ana,a2,,AMZN,bye,market,1,,,,").startswith("row 5, column side")


@pytest.mark.parametrize(
    "header, says",
    [
        ("", "is empty"),
        (HEADER.replace("limit_price", "limitprice"), "unknown column 'limitprice'; did you mean 'limit_price'?"),
        (HEADER + ",colour", "unknown column 'colour'; the columns are ts_ns"),
        (HEADER + ",side", "column 'side' is there twice"),
        (HEADER.replace("symbol,side,", ""), "the header lacks symbol, side"),
        (HEADER.replace(",", ";"), "not separated by commas"),
    ],
)
def test_a_bad_header_is_named_with_its_mend(tmp_path: Path, header: str, says: str) -> None:
    assert says in trouble(tmp_path, header=header)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(OrderFileError, match=r"no\.csv: no such order file"):
        read_orders(tmp_path / "no.csv")
    with pytest.raises(OrderFileError, match="cannot be read as an order file"):
        read_orders(tmp_path)
    book = tmp_path / "book.xlsx"
    book.write_bytes(b"PK\x03\x04" + bytes(range(256)))
    with pytest.raises(OrderFileError, match="not text in UTF-8"):
        read_orders(book)
    broken = tmp_path / "broken.csv"
    broken.write_text(f'{HEADER}\n{T},a,"b"c,,X,buy,market,1,,,,', encoding="utf-8")
    with pytest.raises(OrderFileError, match=r"near row 2: is not CSV"):
        read_orders(broken)


def test_no_rows_are_no_orders(tmp_path: Path) -> None:
    assert read(tmp_path) == ()


def test_epoch_times_for_a_tape_that_counts_from_midnight(tmp_path: Path) -> None:
    market = small.tape()
    epoch = 1_709_562_600 * small.S  # 2024-03-04 09:30 in New York
    text = trouble(tmp_path, f"{epoch},ana,a1,,ACME,buy,market,1,,,,", tape=market)
    assert f"row 2, column ts_ns: {epoch}" in text
    assert "34200000000000 (09:30:00) to 34259000000000 (09:30:59)" in text
    assert "since midnight of 2024-03-04" in text
    shift = int(text.partition("subtract ")[2].split()[0])
    assert epoch - shift == small.OPEN_NS


def test_midnight_times_for_a_tape_that_counts_from_the_epoch(tmp_path: Path) -> None:
    market = load_tape("sample:AAPL", start="2013-01-02", end="2013-01-04")
    text = trouble(tmp_path, f"{T},ana,a1,,AAPL,buy,market,1,,,,", tape=market)
    assert "since 1970-01-01 in UTC" in text
    assert "2013-01-02" in text
    assert "seems to count from a midnight" in text


def test_up_to_a_day_beside_the_tape_is_fine(tmp_path: Path) -> None:
    market = small.tape()
    day = 24 * 3600 * small.S
    line = "{},ana,{},,ACME,buy,market,1,,,,"
    assert len(read(tmp_path, line.format(0, "early"), line.format(market.end_ns + day, "late"), tape=market)) == 2
    assert "more than a day away" in trouble(tmp_path, line.format(market.end_ns + day + 1, "later"), tape=market)
