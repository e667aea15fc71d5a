"""Do the tables show what the engine knows, in whole units, also when there is nothing to show?"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from tests.portfolio.room import Room
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import AccountOpened, Fill, RoomOpened
from vtrade.domain.orders import Liquidity, Side
from vtrade.domain.values import MICRO
from vtrade.portfolio import PortfolioEngine, PortfolioError, frames

TABLES: list[tuple[Callable[..., pd.DataFrame], dict[str, str]]] = [
    (frames.accounts, frames.ACCOUNTS),
    (frames.positions, frames.POSITIONS),
    (frames.fills, frames.FILLS),
    (frames.round_trips, frames.ROUND_TRIPS),
    (frames.equity_curve, frames.EQUITY_CURVE),
    (frames.exposure, frames.EXPOSURE),
    (frames.statistics, frames.STATISTICS),
    (frames.ledger_entries, frames.LEDGER),
    (frames.cash, frames.CASH),
    (frames.movements, frames.MOVEMENTS),
]


@pytest.fixture
def room() -> Room:
    room = Room("ana", "ben", cash=10_000)
    room.fill("ana", "ACME", 100, 1_000)
    room.fill("ben", "COIN", 1_500, 5_000)
    room.wait(90)
    room.mark(ACME=1_100, COIN=4_900)
    room.fill("ana", "ACME", -40, 1_100)
    room.cash("ana", 3 * MICRO, "dividend", symbol="ACME")
    room.cash("ben", -MICRO, "fine", detail="late")
    return room


def kinds(frame: pd.DataFrame) -> dict[str, str]:
    return {name: str(kind) for name, kind in frame.dtypes.items()}


@pytest.mark.parametrize("table, columns", TABLES)
def test_a_table_without_rows_keeps_its_columns_and_types(
    table: Callable[..., pd.DataFrame], columns: dict[str, str], room: Room
) -> None:
    empty, full = table(PortfolioEngine()), table(room.engine)
    assert len(empty) == 0
    assert len(full) > 0
    assert kinds(empty) == kinds(full) == columns


@pytest.mark.parametrize("table, columns", TABLES)
def test_one_account_or_all(table: Callable[..., pd.DataFrame], columns: dict[str, str], room: Room) -> None:
    room.fill("ben", "COIN", -500, 5_000)
    assert set(table(room.engine)["account"]) == {"ana", "ben"}
    assert set(table(room.engine, "ana")["account"]) == {"ana"}
    with pytest.raises(PortfolioError, match="zoe"):
        table(room.engine, "zoe")


def test_positions(room: Room) -> None:
    ana, ben = frames.positions(room.engine).to_dict("records")
    assert (ana["symbol"], ana["side"], ana["quantity"], ana["avg_entry_price"], ana["mark_price"]) == (
        "ACME", "LONG", 60.0, 10.0, 11.0
    )  # fmt: skip
    assert (ana["cost_basis"], ana["market_value"], ana["unrealized_pnl"], ana["realized_pnl"]) == (600, 660, 60, 40)
    assert (ben["quantity"], ben["market_value"], ben["asset_class"]) == (1.5, 735.0, "Crypto")


def test_money_that_moved(room: Room) -> None:
    room.split("ACME", 1, 7, 7_700)
    rows = frames.movements(room.engine).to_dict("records")
    assert [(row["account"], row["cause"], row["quantity"], row["amount"]) for row in rows] == [
        ("ana", "dividend", 0.0, 3.0),
        ("ben", "fine", 0.0, -1.0),
        ("ana", "split", -52.0, 0.0),
        ("ana", "cash_in_lieu", 0.0, 44.0),  # four sevenths of a share at 77.00
    ]
    assert [row["detail"] for row in rows] == ["", "late", "", ""]
    (ana, ben) = frames.accounts(room.engine).to_dict("records")
    assert (ana["dividends"], ana["other"], ben["fines"]) == (3.0, 44.0, 1.0)


def test_fills_in_order_with_times(room: Room) -> None:
    frame = frames.fills(room.engine, date="2012-06-21")
    assert frame["seq"].is_monotonic_increasing
    assert frame["time"].tolist() == ["2012-06-21 09:30:00.000"] * 2 + ["2012-06-21 09:31:30.000"]
    assert frame["side"].tolist() == ["buy", "buy", "sell"]
    assert frame["price"].tolist() == [10.0, 500.0, 11.0]
    assert frame["quantity"].tolist() == [100.0, 1.5, 40.0]
    assert frame["fee"].tolist() == [0.5, 0.0, 0.2]


def test_round_trips(room: Room) -> None:
    (trip,) = frames.round_trips(room.engine).to_dict("records")
    assert (trip["side"], trip["quantity"], trip["entry_price"], trip["exit_price"]) == ("LONG", 40, 10.0, 11.0)
    assert (trip["gross_pnl"], trip["fees"], trip["net_pnl"]) == (40.0, 0.4, 39.6)
    assert (trip["entry_time"], trip["exit_time"]) == ("09:30:00.000", "09:31:30.000")


def test_equity_curve_never_has_a_positive_drawdown(room: Room) -> None:
    room.wait(1)
    room.mark(ACME=500)
    frame = frames.equity_curve(room.engine, "ana")
    assert frame["nav"].iloc[0] == 10_000
    assert frame["nav"].iloc[-1] == room.engine.account("ana").nav / MICRO
    assert (frame["drawdown"] <= 0).all()
    assert frame["drawdown"].iloc[-1] == pytest.approx(room.engine.account("ana").drawdown)


def test_accounts_and_statistics_tell_the_same(room: Room) -> None:
    accounts = frames.accounts(room.engine).set_index("account")
    numbers = frames.statistics(room.engine).set_index("account")
    for name in ("ana", "ben"):
        view = room.engine.account(name)
        assert accounts.loc[name, "nav"] == numbers.loc[name, "nav"] == view.nav / MICRO
        assert accounts.loc[name, "fees"] == numbers.loc[name, "fees"] == view.fees / MICRO
        assert numbers.loc[name, "net_profit"] == pytest.approx((view.nav - view.deposits) / MICRO)
        assert numbers.loc[name, "fills"] == view.fills


def test_every_posting_of_the_ledger_sums_to_zero(room: Room) -> None:
    frame = frames.ledger_entries(room.engine)
    sums = frame.groupby(["seq", "commodity"])["amount"].sum()
    assert sums.abs().max() < 1e-9
    cash = frame[frame["ledger_account"] == "cash:ana"]["amount"].sum()
    assert cash == pytest.approx(room.engine.account("ana").cash / MICRO)
    assert set(frame["commodity"]) == {"USD", "ACME", "COIN"}
    coins = frame[frame["ledger_account"] == "shares:ben:COIN"]["amount"]
    assert coins.tolist() == [1.5]


def test_a_symbol_named_like_the_currency() -> None:
    """Lots of USD are not micro-units of USD."""
    engine = PortfolioEngine()
    engine.apply(RoomOpened(1, 0, "room", (Instrument.make("USD", tick="0.01"),)))
    engine.apply(AccountOpened(2, 0, "ana", 0, "USD"))
    engine.apply(Fill(3, 0, "ana", "c", 1, "USD", Side.BUY, 500, 7, 0, Liquidity.TAKER, 0, "depth", 0, 0, 0, 0))
    engine.check()
    shares = frames.ledger_entries(engine).set_index("ledger_account").loc["shares:ana:USD", "amount"]
    assert shares == 7


def test_exposure_by_sector_and_by_nonsense(room: Room) -> None:
    frame = frames.exposure(room.engine, "ana", by="sector")
    assert frame.to_dict("records")[0]["group"] == "Tools"
    with pytest.raises(PortfolioError, match="'colour'"):
        frames.exposure(room.engine, by="colour")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ts_ns", "date", "text"),
    [
        (0, "2012-06-21", "2012-06-21 00:00:00.000"),
        (34_200_999_999_999, "2012-06-21", "2012-06-21 09:30:00.999"),
        (86_400_000_000_000 + 1_000_000, "2012-06-30", "2012-07-01 00:00:00.001"),
        (34_200_000_000_000, "", "09:30:00.000"),
        (86_400_000_000_000 * 2, "", "day 3 00:00:00.000"),
        (1_340_285_400_000_000_000, "2012-06-21", "2012-06-21 09:30:00.000"),
        (1_325_428_200_000_000_000, "", "2012-01-01 09:30:00.000"),  # winter: an hour further from Greenwich
    ],
)
def test_moments_as_text(ts_ns: int, date: str, text: str) -> None:
    assert frames.format_ts(ts_ns, date, "America/New_York") == text


@pytest.mark.parametrize(("date", "timezone"), [("21.6.2012", "UTC"), ("", "Mars/Olympus"), ("", "")])
def test_unknown_days_and_zones_are_named(date: str, timezone: str) -> None:
    with pytest.raises(PortfolioError, match="time zone"):
        frames.format_ts(0, date, timezone)
