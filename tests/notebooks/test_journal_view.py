"""Does a journal tell, read again, what the desk said while it traded?"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import vtrade as vt
from vtrade.errors import DeskError, JournalCorrupt, JournalError


@pytest.fixture(scope="module")
def tape() -> vt.Tape:
    return vt.synthetic(4, symbols=["ACME", "FUEL"], minutes=6)


def traded(tape: vt.Tape, path: Path | None = None) -> vt.Desk:
    desk = vt.Desk(tape, journal=path, language_model=None)
    desk.buy("ACME", 500)
    desk.buy("FUEL", 400, limit=desk.book("FUEL", 1).bid[0])
    desk.buy("FUEL", 100_000)
    desk.step(seconds=120)
    desk.sell("ACME", 200)
    desk.cancel("o2") if desk.order("o2").working else desk.cancel("o1")
    desk.step(seconds=60)
    return desk


def test_tables_are_those_of_the_desk(tape: vt.Tape, tmp_path: Path) -> None:
    desk = traded(tape, tmp_path / "mine.vtrade")
    view = vt.load_journal(tmp_path / "mine.vtrade")  # while the desk holds it
    assert view.accounts == ("you",)
    assert view.symbols == desk.symbols
    for name in ("positions", "exposure", "equity_curve", "fills", "round_trips"):
        mine, its = getattr(desk, name)(), getattr(view, name)("you")
        drop = [column for column in mine if column.endswith("time")]  # a journal has the clock, not the date
        pd.testing.assert_frame_equal(mine.drop(columns=drop), its.drop(columns=drop))
    orders = view.orders("you").drop(columns=["account", "time"])
    pd.testing.assert_frame_equal(
        orders, desk.orders().iloc[::-1].reset_index(drop=True).drop(columns="time"), check_dtype=True
    )
    pd.testing.assert_frame_equal(
        view.bars("ACME", 30).reset_index(drop=True), desk.bars("ACME", 30).reset_index(drop=True)
    )
    mine, its = desk.order("o1").explain(), view.explain("you", "o1")
    assert (mine.title, mine.costs, mine.bps, mine.slippage_bps) == (its.title, its.costs, its.bps, its.slippage_bps)
    assert [(c.model, c.cost) for c in its.alternatives] == [(c.model, c.cost) for c in mine.alternatives]
    assert float(view.account_table().nav[0]) == desk.nav
    desk.close_desk()


def test_costs_add_up_and_agree_with_the_orders(tape: vt.Tape, tmp_path: Path) -> None:
    desk = traded(tape, tmp_path / "mine.vtrade")
    costs = vt.load_journal(tmp_path / "mine.vtrade").costs("you").set_index("client_order_id")
    assert set(costs.index) == {name for name in ("o1", "o2", "o3", "o4") if desk.order(name).filled_quantity}
    np.testing.assert_allclose(costs.spread + costs.depth + costs.delay + costs.fees, costs.total, atol=1e-9)
    for name, row in costs.iterrows():
        assert row.total == desk.order(str(name)).explain().costs["total"]
    desk.close_desk()


def test_refusals_name_what_and_why(tape: vt.Tape, tmp_path: Path) -> None:
    desk = traded(tape, tmp_path / "mine.vtrade")
    desk.cancel("o1")
    desk.close_desk()
    refused = vt.load_journal(tmp_path / "mine.vtrade").refusals()
    assert {("order", "INSUFFICIENT_BUYING_POWER"), ("cancel", "ORDER_CLOSED")} <= set(
        zip(refused.what, refused.reason, strict=True)
    )
    order = refused[refused.what == "order"].iloc[0]
    assert (order.symbol, order.side, order.quantity) == ("FUEL", "buy", 100_000)


def test_the_account_table_is_account_csv(tmp_path: Path, tape: vt.Tape) -> None:
    from vtrade.adapters.sqlite import SqliteLog
    from vtrade.services.orderfile import read_orders
    from vtrade.services.replay import replay

    file = tmp_path / "orders.csv"
    file.write_text(
        "ts_ns,account,client_order_id,symbol,side,type,quantity\n"
        "34260000000000,ana,a1,ACME,buy,market,333\n34261000000000,ben,b1,ACME,sell,market,5\n",
        encoding="utf-8",
    )
    replay(tape, read_orders(file).messages, out=tmp_path / "out", open_log=SqliteLog)
    table = vt.load_journal(tmp_path / "out" / "journal.vtrade").account_table()
    written = list(csv.DictReader((tmp_path / "out" / "account.csv").read_text(encoding="utf-8").splitlines()))
    assert table.to_dict("records") == written
    assert len(written) == 2


def test_a_changed_record_is_named(tape: vt.Tape, tmp_path: Path) -> None:
    import sqlite3

    traded(tape, tmp_path / "mine.vtrade").close_desk()
    with sqlite3.connect(tmp_path / "mine.vtrade") as db:
        db.execute("UPDATE log SET message = CAST(message || x'00' AS BLOB) WHERE seq = 7")
    db.close()
    with pytest.raises(JournalCorrupt, match="record 7 was changed") as caught:
        vt.load_journal(tmp_path / "mine.vtrade")
    assert caught.value.seq == 7


def test_a_missing_record_is_named(tape: vt.Tape, tmp_path: Path) -> None:
    import sqlite3

    traded(tape, tmp_path / "mine.vtrade").close_desk()
    with sqlite3.connect(tmp_path / "mine.vtrade") as db:
        db.execute("DELETE FROM log WHERE seq = 5")
    db.close()
    with pytest.raises(JournalCorrupt, match="record 5 is missing"):
        vt.load_journal(tmp_path / "mine.vtrade")


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    from vtrade.adapters.sqlite import SqliteLog

    with pytest.raises(JournalError, match="there is no journal"):
        vt.load_journal(tmp_path / "none.vtrade")
    (tmp_path / "text.vtrade").write_text("not a journal, but long enough to look like a file " * 9, encoding="utf-8")
    with pytest.raises(JournalError, match="no VTrade journal"):
        vt.load_journal(tmp_path / "text.vtrade")
    SqliteLog(tmp_path / "empty.vtrade").close()
    with pytest.raises(JournalError, match="empty"):
        vt.load_journal(tmp_path / "empty.vtrade")


def test_unknown_names_are_told(tape: vt.Tape, tmp_path: Path) -> None:
    traded(tape, tmp_path / "mine.vtrade").close_desk()
    view = vt.load_journal(tmp_path / "mine.vtrade")
    with pytest.raises(vt.VTradeError, match="'zoe' is not in this room; accounts: you"):
        view.orders("zoe")
    with pytest.raises(DeskError, match="'NOPE' is not in"):
        view.bars("NOPE")
    with pytest.raises(DeskError, match="no order 'o99'"):
        view.explain("you", "o99")


def test_reading_leaves_no_trace(tape: vt.Tape, tmp_path: Path) -> None:
    traded(tape, tmp_path / "mine.vtrade").close_desk()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    vt.load_journal(tmp_path / "mine.vtrade")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_daily_history_has_its_dates(tmp_path: Path) -> None:
    tape = vt.load_tape("sample:IBM", start="2012-01-03", end="2012-03-30")
    desk = vt.Desk(tape, journal=tmp_path / "days.vtrade", language_model=None)
    desk.buy("IBM", 50)
    desk.run()
    desk.close_desk()
    view = vt.load_journal(tmp_path / "days.vtrade")
    assert view.fills().time[0].startswith("2012-01-0")
    assert view.now.startswith("2012-03-30 16:00")
    (cost,) = view.costs().itertuples()
    assert cost.depth == 0, "bars show no depth"
    assert cost.total == pytest.approx(cost.spread + cost.delay + cost.fees)
    assert cost.slippage_bps == pytest.approx(float(view.account_table().slippage_bps[0]))
    assert view.costs()["fees"].sum() == float(view.account_table().fees[0])
