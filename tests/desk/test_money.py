"""Do a desk's tables and numbers agree with one another, to the cent, and keep their columns when empty?"""

from __future__ import annotations

import math

import pandas as pd
import pytest

import vtrade as vt
from tests.desk.conftest import Opener
from vtrade.errors import DeskError

TABLES = {
    "orders": lambda desk: desk.orders(),
    "fills": lambda desk: desk.fills(),
    "positions": lambda desk: desk.positions(),
    "round_trips": lambda desk: desk.round_trips(),
    "bars": lambda desk: desk.bars("ACME"),
    "equity_curve": lambda desk: desk.equity_curve(),
    "exposure": lambda desk: desk.exposure(),
    "quotes": lambda desk: desk.quotes(),
    "book": lambda desk: desk.book("ACME"),
    "leaderboard": lambda desk: desk.leaderboard(),
}
COLUMNS = {
    "orders": "order_id client_order_id time symbol side type tif quantity filled limit_price stop_price avg_px fees "
    "slippage_bps status reason good_till instructions",
    "bars": "open high low close volume",
    "quotes": "name sector bid_size bid ask ask_size last status",
    "book": "bid_size bid ask ask_size",
    "leaderboard": "rank account score moved",
}


def busy(desk: vt.Desk) -> vt.Desk:
    desk.buy("ACME", 300)
    desk.buy("LUMA", "20.50")
    desk.buy("BYTE", 100, limit=float(desk.quotes().bid["BYTE"]))
    desk.run(until="09:31:20")
    desk.sell("ACME", 100)
    desk.run(until="09:32:20")
    desk.sell("ACME", 100)
    desk.buy("NOPE", 1)
    desk.buy("ACME", 10, limit=180, stop=190)
    return desk


# --- columns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_table_has_the_columns_and_types_of_a_full_one(open_desk: Opener, name: str) -> None:
    empty, full = TABLES[name](open_desk()), TABLES[name](busy(open_desk()))
    assert len(full)
    assert empty.columns.tolist() == full.columns.tolist()
    assert empty.dtypes.tolist() == full.dtypes.tolist()
    assert empty.index.names == full.index.names
    if name in COLUMNS:
        assert full.columns.tolist() == COLUMNS[name].split()


@pytest.mark.parametrize("name", TABLES)
def test_a_closed_market_keeps_the_columns(open_desk: Opener, daily: vt.Tape, name: str) -> None:
    one = open_desk()
    one.run()
    assert TABLES[name](one).dtypes.tolist() == TABLES[name](busy(open_desk())).dtypes.tolist()


def test_a_table_is_a_copy(desk: vt.Desk) -> None:
    busy(desk)
    for make in TABLES.values():
        table = make(desk)
        table.iloc[:, 0] = table.iloc[0, 0]
        table.drop(table.index, inplace=True)
        assert len(make(desk))


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_cash_positions_fees_and_profit_add_up(desk: vt.Desk) -> None:
    busy(desk)
    positions, fills, account = desk.positions(), desk.fills(), desk.view()["account"]
    assert desk.nav == pytest.approx(desk.cash + positions.market_value.sum(), abs=1e-6)
    signed = fills.quantity.where(fills.side == "buy", -fills.quantity)
    assert desk.cash == pytest.approx(1_000_000 - (signed * fills.price).sum() - fills.fee.sum(), abs=1e-6)
    assert account["fees"] == pytest.approx(fills.fee.sum())
    trips = desk.round_trips()
    assert account["realized_pnl"] == pytest.approx(trips.gross_pnl.sum())
    assert account["unrealized_pnl"] == pytest.approx(positions.unrealized_pnl.sum())
    assert trips.net_pnl.sum() == pytest.approx(trips.gross_pnl.sum() - trips.fees.sum())
    orders = desk.orders()
    assert orders.fees.sum() == pytest.approx(fills.fee.sum())
    by_order = fills.groupby("client_order_id").quantity.sum()
    for row in orders.itertuples():
        assert row.filled == pytest.approx(by_order.get(row.client_order_id, 0.0))
    marks = desk.quotes()["last"]
    for row in positions.itertuples():
        assert row.mark_price == pytest.approx(marks[row.symbol])
        assert row.market_value == pytest.approx(row.quantity * row.mark_price)
        assert row.weight == pytest.approx(row.market_value / desk.nav)


def test_statistics_are_in_whole_units(desk: vt.Desk) -> None:
    busy(desk)
    values = desk.statistics()
    fills = desk.fills()
    assert values["nav"] == pytest.approx(desk.nav)
    assert values["deposits"] == 1_000_000
    assert values["net_profit"] == pytest.approx(desk.nav - 1_000_000)
    assert values["fees"] == pytest.approx(fills.fee.sum())
    assert values["traded_notional"] == pytest.approx((fills.price * fills.quantity).sum())
    assert values["total_return"] == pytest.approx(desk.nav / 1_000_000 - 1)
    assert values["turnover"] == pytest.approx(values["traded_notional"] / 1_000_000)
    assert (values["fills"], values["round_trips"]) == (len(fills), len(desk.round_trips()))
    assert values["hit_rate"] == pytest.approx((desk.round_trips().net_pnl > 0).mean())
    assert "account" not in values.index


def test_slippage_of_the_account_is_that_of_its_orders_by_notional(desk: vt.Desk) -> None:
    order = desk.buy("LUMA", float(desk.book("LUMA").ask_size[0]) + 1)
    only = desk.statistics()["slippage_bps"]
    assert only == pytest.approx(order.explain().slippage_bps)
    assert only == pytest.approx(desk.orders().slippage_bps[0])
    desk.sell("LUMA", 3)
    desk.run(until="09:31")
    desk.buy("ACME", 200, limit=float(desk.quotes().bid["ACME"]))
    desk.run(until="09:32:30")
    done = desk.orders()
    done = done[done.filled > 0]
    assert len(done) == 3
    base = [story.costs["total"] - story.costs["fees"] for story in (desk.order(n).explain() for n in done.order_id)]
    arrivals = [1e4 * cost / bps if bps else float("nan") for cost, bps in zip(base, done.slippage_bps, strict=True)]
    assert desk.statistics()["slippage_bps"] == pytest.approx(1e4 * sum(base) / sum(arrivals))


def test_the_equity_curve_ends_at_nav_and_never_lies_above_its_peak(desk: vt.Desk) -> None:
    busy(desk)
    curve = desk.equity_curve()
    assert curve.nav.iloc[-1] == pytest.approx(desk.nav)
    assert curve.nav.iloc[0] == 1_000_000
    assert curve.ts_ns.is_monotonic_increasing
    assert (curve.drawdown <= 0).all()


@pytest.mark.parametrize("by", ["instrument", "sector", "asset_class"])
def test_exposure_adds_up_however_it_is_grouped(desk: vt.Desk, by: str) -> None:
    busy(desk)
    assert desk.exposure(by=by).net.sum() == pytest.approx(desk.positions().market_value.sum())
    groups = {"instrument": {"ACME", "LUMA", "BYTE"}, "sector": {"Information Technology", "Digital Assets"},
              "asset_class": {"Equity", "Crypto"}}  # fmt: skip
    assert set(desk.exposure(by=by).group) <= groups[by]


def test_exposure_by_something_else(desk: vt.Desk) -> None:
    with pytest.raises(DeskError, match="instrument, sector or asset_class"):
        desk.exposure(by="colour")


def test_the_book_is_sorted_and_agrees_with_the_quotes(desk: vt.Desk) -> None:
    for symbol in desk.symbols:
        book, quote = desk.book(symbol, 20), desk.quotes().loc[symbol]
        assert (book.bid[0], book.bid_size[0], book.ask[0], book.ask_size[0]) == (
            quote.bid, quote.bid_size, quote.ask, quote.ask_size
        )  # fmt: skip
        assert book.bid.dropna().is_monotonic_decreasing
        assert book.ask.dropna().is_monotonic_increasing
        assert len(desk.book(symbol, 3)) == 3


def test_bars_of_any_length_hold_the_same_volume(desk: vt.Desk) -> None:
    busy(desk)
    volumes = {desk.bars("ACME", seconds).volume.sum() for seconds in (1, 7, 60, 3_600)}
    assert len(volumes) == 1
    assert desk.bars("ACME", 60).index.tolist() == [f"2026-01-05 09:{m}:00" for m in (30, 31, 32)]
    assert desk.bars("ACME").close.iloc[-1] == desk.quotes()["last"]["ACME"]


def test_leaderboards(desk: vt.Desk) -> None:
    desk.record("plan_written", value="Buy ACME and hold it for two minutes.")
    busy(desk)
    by_xp, by_nav = desk.leaderboard(), desk.leaderboard("nav")
    assert by_xp.score[0] == desk.progress.xp > 0
    assert by_nav.score[0] == pytest.approx(desk.nav)
    assert by_xp["rank"].tolist() == by_nav["rank"].tolist() == [1]
    assert desk.leaderboard(n=0).empty
    with pytest.raises(DeskError, match="xp, nav"):
        desk.leaderboard("luck")


def test_progress_reads_and_counts(desk: vt.Desk) -> None:
    assert desk.progress.xp == 0
    desk.record("plan_written", value="too short")
    assert desk.progress.xp == 0
    desk.record("plan_written", value="Buy one share of ACME, because it is there.")
    desk.buy("ACME", 1).explain()
    assert desk.progress.xp > 0
    assert "level" in str(desk.progress)
    assert desk.view()["progress"]["xp"] == desk.progress.xp


def test_a_short_position_ties_up_money(open_desk: Opener) -> None:
    desk = open_desk(limits=vt.RiskLimits(allow_short=True))
    desk.sell("ACME", 100)
    position = desk.positions().iloc[0]
    assert position.market_value < 0
    assert desk.nav == pytest.approx(desk.cash + position.market_value)
    assert desk.buying_power == pytest.approx(desk.cash + 1.5 * position.market_value)
    assert desk.exposure().short[0] == pytest.approx(position.market_value)


def test_money_on_daily_bars(open_desk: Opener, daily: vt.Tape) -> None:
    desk = open_desk(daily)
    order = desk.buy("AAPL", 100)
    desk.run(until="2012-02-15 17:00")
    desk.close()
    desk.run()
    (trip,) = desk.round_trips().itertuples()
    assert trip.net_pnl == pytest.approx(100 * (trip.exit_price - trip.entry_price) - trip.fees)
    assert desk.nav == desk.cash == pytest.approx(1_000_000 + trip.net_pnl)
    assert trip.entry_price == order.avg_px
    assert math.isfinite(desk.statistics()["sharpe_ratio"])
    assert len(desk.equity_curve()) > 20


def test_what_an_order_cost_on_bars_is_told_alike_everywhere(open_desk: Opener, daily: vt.Tape) -> None:
    desk = open_desk(daily)
    order = desk.buy("AAPL", 100)
    desk.step()
    account, story = desk.statistics()["slippage_bps"], order.explain().slippage_bps
    assert (story is None) == pd.isna(account)
    if story is not None:
        assert story == pytest.approx(account)
