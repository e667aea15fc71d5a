"""Does a replay tell the truth in its tables, the same twice, and does it leave nothing half done?"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli import small
from vtrade.adapters.sqlite import SqliteLog
from vtrade.domain.accounts import NO_LIMITS
from vtrade.domain.messages import OpenRoom, decode_inbound
from vtrade.errors import JournalError, JournalInUse
from vtrade.market.load import load_tape
from vtrade.services.orderfile import read_orders
from vtrade.services.replay import (
    ACCOUNT_COLUMNS,
    FILL_COLUMNS,
    JOURNAL,
    ORDER_COLUMNS,
    TABLES,
    ReplayError,
    ReplayInterrupted,
    ReplayResult,
    replay,
)  # fmt: skip
from vtrade.services.runtime import verify

row = small.row


def run(folder: Path, *rows: dict[str, object], **options: object) -> ReplayResult:
    orders = read_orders(small.orders_file(folder / "in.csv", *rows), tape=small.tape())
    settings = {"out": folder / "out", "open_log": SqliteLog, **options}
    return replay(small.tape(), orders.messages, **settings)


def checked(journal: Path) -> bool:
    with SqliteLog(journal, read_only=True) as log:
        return verify(log).ok


def test_an_order_sees_every_event_up_to_its_own_moment(tmp_path: Path) -> None:
    run(
        tmp_path,
        row(3, "at the quote"),
        {**row(3, "just before"), "ts_ns": small.OPEN_NS + 3 * small.S - 1},
        row(3.5, "after"),
    )
    fills = {fill["client_order_id"]: fill for fill in small.table(tmp_path / "out" / "fills.csv")}
    assert fills["just before"]["price"] == "100.03"  # second 2 quotes 100.02
    assert fills["at the quote"]["price"] == fills["after"]["price"] == "100.04"
    assert fills["at the quote"]["ts_ns"] == str(small.OPEN_NS + 3 * small.S)


def test_the_tables_say_what_happened(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        row(0, "a1", quantity=100),
        row(1, "a2", side="sell", quantity=40),
        row(2, "a3", type="limit", quantity=7, limit_price=99.5, time_in_force="GTC"),
        row(3, "a4", type="limit", quantity=5, limit_price=99),
        row(4, "a4", action="cancel"),
        row(5, "a3", action="replace", quantity=9),
        row(6, "b1", account="ben", quantity=1),
    )
    out = tmp_path / "out"
    assert [path.read_text().splitlines()[0].split(",") for path in map(out.joinpath, TABLES)] == [
        list(FILL_COLUMNS), list(ORDER_COLUMNS), list(ACCOUNT_COLUMNS),
    ]  # fmt: skip
    first = small.table(out / "fills.csv")[0]
    assert first == {
        "seq": first["seq"], "ts_ns": str(small.OPEN_NS), "account": "ana", "client_order_id": "a1", "order_id": "1",
        "symbol": "ACME", "side": "buy", "price": "100.01", "quantity": "100", "fee": "0.5", "liquidity": "taker",
        "leaves_quantity": "0",
    }  # fmt: skip
    orders = {order["client_order_id"]: order for order in small.table(out / "orders.csv")}
    assert [order["status"] for order in orders.values()] == ["FILLED", "FILLED", "ACCEPTED", "CANCELED", "FILLED"]
    assert (orders["a1"]["avg_px"], orders["a1"]["fees"]) == ("100.01", "0.5")
    assert (orders["a3"]["quantity"], orders["a3"]["limit_price"], orders["a3"]["filled_quantity"]) == (
        "9",
        "99.5",
        "0",
    )
    assert orders["a3"]["reason"] == "WAITING_FOR_PRICE"
    assert orders["a3"]["avg_px"] == ""
    assert orders["a4"]["reason"] == "CANCELED_BY_USER"
    ana, ben = small.table(out / "account.csv")
    # bought 100 at 100.01, sold 40 at 100.00, fees 0.005 a share; 60 are worth the last mid
    cash = Decimal(1_000_000) - 100 * Decimal("100.01") + 40 * Decimal("100.00") - Decimal("0.70")
    value = 60 * Decimal(small.ticks(59)) / 100
    assert (Decimal(ana["cash"]), Decimal(ana["market_value"])) == (cash, value)
    assert Decimal(ana["nav"]) == cash + value
    assert (ana["fees"], ana["fills"], ana["currency"]) == ("0.7", "2", "USD")
    assert (ben["account"], ben["fees"]) == ("ben", "0.005")
    assert (result.orders, result.fills, result.events) == (5, 3, 120)
    assert result.statuses == {"ACCEPTED": 1, "CANCELED": 1, "FILLED": 3}


def test_every_refused_order_has_a_row_with_its_reason(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        row(0, "fine"),
        row(1, "symbol", symbol="NOPE"),
        row(1, "tick", type="limit", limit_price="99.995"),
        row(1, "zero", quantity=0),
        row(1, "huge", quantity=9_000_000),
        row(1, "price", type="limit"),
        row(1, "fine", quantity=77),
        row(1, "short", side="sell", quantity=11),
        row(1, "ghost", action="cancel"),
    )
    orders = small.table(tmp_path / "out" / "orders.csv")
    assert [(o["client_order_id"], o["status"], o["reason"]) for o in orders] == [
        ("fine", "FILLED", ""),
        ("symbol", "DENIED", "UNKNOWN_SYMBOL"),
        ("tick", "DENIED", "PRICE_OFF_TICK"),
        ("zero", "DENIED", "QUANTITY_NOT_POSITIVE"),
        ("huge", "DENIED", "QUANTITY_TOO_LARGE"),
        ("price", "DENIED", "PRICE_MISSING"),
        ("fine", "DENIED", "DUPLICATE_CLIENT_ORDER_ID"),
        ("short", "DENIED", "SHORT_NOT_ALLOWED"),
    ]
    assert (orders[2]["limit_price"], orders[2]["order_id"], orders[6]["quantity"]) == ("99.995", "", "77")
    assert all(order["detail"] for order in orders[1:])
    assert (result.orders, result.statuses, result.refused_changes) == (8, {"DENIED": 7, "FILLED": 1}, 1)


def test_twice_is_the_same_to_the_byte(tmp_path: Path) -> None:
    rows = [
        row(second / 3, f"c{second}", side=("buy", "sell")[second % 2], quantity=1 + second) for second in range(60)
    ]
    one, two = (run(tmp_path, *rows, out=tmp_path / name) for name in ("one", "two"))
    assert one.state_hash == two.state_hash
    assert (one.records, one.fills) == (two.records, two.fills)
    for name in TABLES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert checked(one.journal)


def test_a_file_grouped_by_account_means_the_same_as_one_in_time_order(tmp_path: Path) -> None:
    rows = [row(second, f"{account}{second}", account=account) for account in ("ana", "ben") for second in range(5)]
    grouped = run(tmp_path, *rows, out=tmp_path / "grouped")
    timely = run(tmp_path, *sorted(rows, key=lambda r: r["ts_ns"]), out=tmp_path / "timely")
    assert grouped.state_hash == timely.state_hash


def test_limits_can_be_lifted_and_cash_chosen(tmp_path: Path) -> None:
    greedy = row(1, "a", quantity=400)
    poor = run(tmp_path, greedy, out=tmp_path / "poor", cash="30000.5")
    free = run(tmp_path, greedy, out=tmp_path / "free", cash="30000.5", limits=NO_LIMITS)
    assert (poor.statuses, free.statuses) == ({"DENIED": 1}, {"FILLED": 1})
    assert small.table(tmp_path / "poor" / "orders.csv")[0]["reason"] == "INSUFFICIENT_BUYING_POWER"
    assert small.table(tmp_path / "free" / "account.csv")[0]["deposits"] == "30000.5"
    with pytest.raises(ReplayError, match="cash -1 is negative"):
        run(tmp_path, greedy, out=tmp_path / "debt", cash=-1)
    assert not (tmp_path / "debt").exists()


def test_no_orders_is_a_market_and_three_empty_tables(tmp_path: Path) -> None:
    result = replay(small.tape(), out=tmp_path, open_log=SqliteLog)
    assert (result.orders, result.accounts, result.events) == (0, (), 120)
    assert [len((tmp_path / name).read_text().splitlines()) for name in TABLES] == [1, 1, 1]


def test_the_journal_names_its_tape(tmp_path: Path) -> None:
    run(tmp_path, tape_name="parquet:small.parquet")
    with SqliteLog(tmp_path / "out" / JOURNAL, read_only=True) as log:
        room = decode_inbound(next(log.read()).message)
    assert isinstance(room, OpenRoom)
    assert room.tape == "parquet:small.parquet"


# --- what is there already -------------------------------------------------------------------------------------------


def test_results_of_another_run_stay_unless_they_may_go(tmp_path: Path) -> None:
    run(tmp_path, row(1, "old", quantity=3))
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(ReplayError, match=r"holds the results of another run \(journal\.vtrade, fills\.csv"):
        run(tmp_path, row(1, "new"))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    run(tmp_path, row(1, "new"), overwrite=True)
    assert [fill["client_order_id"] for fill in small.table(tmp_path / "out" / "fills.csv")] == ["new"]
    assert checked(tmp_path / "out" / JOURNAL)


def test_even_then_the_input_stays(tmp_path: Path) -> None:
    mine = small.orders_file(tmp_path / "orders.csv", row(1, "mine"))
    before = mine.read_bytes()
    with pytest.raises(ReplayError, match=r"orders\.csv was read for this replay"):
        replay(
            small.tape(), read_orders(mine).messages, out=tmp_path, open_log=SqliteLog, overwrite=True, inputs=[mine]
        )  # fmt: skip
    assert mine.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["orders.csv"]


def test_a_journal_in_use_is_not_replaced(tmp_path: Path) -> None:
    result = run(tmp_path, row(1, "old"))
    with SqliteLog(result.journal), pytest.raises(JournalInUse):
        run(tmp_path, row(1, "new"), overwrite=True)
    assert small.table(tmp_path / "out" / "fills.csv")[0]["client_order_id"] == "old"


def test_a_broken_journal_may_be_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / JOURNAL).write_bytes(b"no journal at all" * 100)
    assert run(tmp_path, row(1, "new"), overwrite=True).fills == 1


# --- stopping and failing --------------------------------------------------------------------------------------------


def test_stopping_keeps_what_was_committed_and_writes_no_table(tmp_path: Path) -> None:
    rows = [row(number / 100, f"c{number}", quantity=1) for number in range(3_000)]
    with pytest.raises(ReplayInterrupted) as caught:
        run(tmp_path, *rows, stop=lambda: True)
    text = str(caught.value)
    assert text.startswith("stopped at 09:30:")
    assert "of 120 events and" in text
    assert "of 3,000 orders" in text
    assert [path.name for path in (tmp_path / "out").iterdir()] == [JOURNAL]
    with SqliteLog(tmp_path / "out" / JOURNAL, read_only=True) as log:
        verdict = verify(log)
    assert verdict.ok
    assert 0 < verdict.records < 3_000


def test_ctrl_c_in_a_notebook_does_the_same(tmp_path: Path) -> None:
    def impatient(done: int, total: int) -> None:
        assert 0 < done < total
        raise KeyboardInterrupt

    rows = [row(number / 100, f"c{number}", quantity=1) for number in range(3_000)]
    with pytest.raises(ReplayInterrupted, match="keeps these, no table was written"):
        run(tmp_path, *rows, progress=impatient)
    assert checked(tmp_path / "out" / JOURNAL)


def test_progress_ends_at_the_total(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    run(tmp_path, row(1, "a"), row(2, "b"), progress=lambda done, total: heard.append((done, total)))
    assert heard[-1] == (122, 122)


def test_a_full_disk_leaves_no_table(tmp_path: Path) -> None:
    rows = [row(number / 100, f"c{number}", quantity=1) for number in range(5_000)]
    with pytest.raises(JournalError, match="could not be written"):
        run(tmp_path, *rows, open_log=lambda path: SqliteLog(path, max_pages=150))
    assert [path.name for path in (tmp_path / "out").iterdir()] == [JOURNAL]
    assert checked(tmp_path / "out" / JOURNAL)


def test_tables_are_written_all_or_none(tmp_path: Path) -> None:
    (tmp_path / "out" / ".account.csv.part").mkdir(parents=True)
    with pytest.raises(ReplayError, match="the tables cannot be written: Is a directory; the journal is whole"):
        run(tmp_path, row(1, "a"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".account.csv.part", JOURNAL]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReplayError, match=r"file/out cannot be written: .+; choose another folder"):
        run(tmp_path, row(1, "a"), out=tmp_path / "file" / "out")


# --- a real day ------------------------------------------------------------------------------------------------------


def test_a_real_day_adds_up(tmp_path: Path, data_dir: Path) -> None:
    """Cash, shares, fees and averages worked out again from the rows of fills.csv."""
    market = load_tape(f"lobster:{data_dir / 'lobster' / 'LOBSTER_SampleFile_AMZN_2012-06-21_5.zip'}")
    step = (market.end_ns - market.start_ns) // 400
    kinds = [("market", ""), ("limit", "223.5"), ("stop_market", ""), ("limit", "221.75")]
    rows = [
        {
            "ts_ns": market.start_ns + step * (number + 1), "account": f"a{number % 3}",
            "client_order_id": f"c{number}", "symbol": "AMZN", "side": ("buy", "sell", "buy")[number % 3],
            "type": kinds[number % 4][0], "quantity": 1 + number % 150, "limit_price": kinds[number % 4][1],
            "stop_price": "222.5" if number % 4 == 2 else "", "time_in_force": ("DAY", "GTC", "IOC")[number // 7 % 3],
        }
        for number in range(398)
    ]  # fmt: skip
    orders = read_orders(small.orders_file(tmp_path / "in.csv", *rows), tape=market)
    result = replay(market, orders.messages, out=tmp_path, open_log=SqliteLog, limits=NO_LIMITS)
    assert result.fills > 200
    cash: defaultdict[str, Decimal] = defaultdict(lambda: Decimal(1_000_000))
    shares: defaultdict[str, int] = defaultdict(int)
    fees: defaultdict[str, Decimal] = defaultdict(Decimal)
    filled: defaultdict[str, int] = defaultdict(int)
    worth: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fill in small.table(tmp_path / "fills.csv"):
        sign = 1 if fill["side"] == "buy" else -1
        quantity, money = int(fill["quantity"]), int(fill["quantity"]) * Decimal(fill["price"])
        cash[fill["account"]] -= sign * money + Decimal(fill["fee"])
        shares[fill["account"]] += sign * quantity
        fees[fill["account"]] += Decimal(fill["fee"])
        filled[fill["client_order_id"]] += quantity
        worth[fill["client_order_id"]] += money
        assert fill["leaves_quantity"] == str(
            1 + int(fill["client_order_id"][1:]) % 150 - filled[fill["client_order_id"]]
        )
    accounts = small.table(tmp_path / "account.csv")
    assert {a["account"]: (Decimal(a["cash"]), Decimal(a["fees"])) for a in accounts} == {
        name: (cash[name], fees[name]) for name in ("a0", "a1", "a2")
    }
    last = {Decimal(a["market_value"]) / shares[a["account"]] for a in accounts if shares[a["account"]]}
    assert len(last) == 1, "one mark values every position"
    assert 215 < last.pop() < 230
    table = small.table(tmp_path / "orders.csv")
    assert len(table) == 398
    for order in table:
        name = order["client_order_id"]
        assert int(order["filled_quantity"]) == filled[name] <= int(order["quantity"])
        assert (order["status"] == "FILLED") == (filled[name] == int(order["quantity"]))
        if filled[name]:
            assert abs(Decimal(order["avg_px"]) - worth[name] / filled[name]) <= Decimal("0.0000005")
