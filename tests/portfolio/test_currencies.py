"""Is money of several currencies added up at the last rates, exactly?"""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.portfolio.room import ABROAD, SAP, Room
from vtrade.domain.values import MICRO
from vtrade.portfolio import PortfolioEngine, frames


def abroad(*accounts: str, currencies: tuple[str, ...] = (), cash: float = 1_000) -> Room:
    return Room(*accounts, cash=cash, listed=ABROAD, currencies=currencies)


def test_without_a_rate_all_money_is_alike() -> None:
    room = abroad("ana")
    room.fill("ana", "SAP", 2, 10_000, fee=5)
    room.mark(SAP=10_100)
    view = room.engine.account("ana")
    assert view.cash_by_currency == {"USD": 1_000 * MICRO, "EUR": -200 * MICRO - 5}
    assert (view.cash, view.nav, view.fees) == (800 * MICRO - 5, 1_002 * MICRO - 5, 5)
    room.engine.check()


def test_a_purchase_abroad() -> None:
    """500 dollars become 400 euros at 1.25; four shares at 100.00; the share rises, then the euro falls."""
    room = abroad("ana")
    room.rate("EUR", 1_250_000)
    room.convert("ana", 500 * MICRO, "USD", 400 * MICRO, "EUR")
    room.fill("ana", "SAP", 4, 10_000, fee=0)
    assert room.engine.account("ana").nav == 1_000 * MICRO
    room.mark(SAP=11_000)
    view = room.engine.account("ana")
    assert view.cash_by_currency == {"USD": 500 * MICRO, "EUR": 0}
    assert (view.nav, view.unrealized_pnl, view.currency_pnl) == (1_050 * MICRO, 50 * MICRO, 0)
    room.rate("EUR", 1_000_000)
    view = room.engine.account("ana")
    assert (view.nav, view.unrealized_pnl, view.currency_pnl) == (940 * MICRO, 40 * MICRO, -100 * MICRO)
    (held,) = room.engine.positions("ana")
    assert (held.currency, held.avg_entry_price, held.mark_price) == ("EUR", 100.0, 110.0)
    assert (held.market_value, held.cost_basis, held.weight) == (440 * MICRO, 400 * MICRO, 440 / 940)
    assert (view.max_drawdown, view.gross_exposure) == ((940 - 1_050) / 1_050, 440 * MICRO)
    room.engine.check()


def test_the_other_way_round() -> None:
    """A European trades dollars' shares: the room counts in dollars, the account in euros."""
    room = abroad("eva", currencies=("EUR",))
    room.rate("EUR", 1_250_000)
    assert room.engine.account("eva").nav == 1_000 * MICRO
    room.fill("eva", "ACME", 10, 1_000, fee=0)
    room.mark(ACME=1_500)
    view = room.engine.account("eva")
    assert view.cash_by_currency == {"EUR": 1_000 * MICRO, "USD": -100 * MICRO}
    assert view.nav == 1_040 * MICRO  # 50 dollars are 40 euros
    room.rate("EUR", 1_000_000)
    assert room.engine.account("eva").nav == 1_050 * MICRO
    room.rate("JPY", 10_000)
    room.fill("eva", "SONY", 2, 6_000, fee=0)  # two at 3,000 yen: 60 dollars, and euros now
    assert room.engine.account("eva").traded_notional == 80 * MICRO + 60 * MICRO
    room.engine.check()


@pytest.mark.parametrize(
    ("amount", "rate", "worth"),
    [(1, 1_500_000, 2), (3, 1_500_000, 4), (5, 1_500_000, 8), (-1, 1_500_000, -2), (1, 500_000, 0), (3, 500_000, 2)],
)
def test_a_currency_is_turned_over_by_one_division_half_to_even(amount: int, rate: int, worth: int) -> None:
    room = abroad("ana")
    room.rate("EUR", rate)
    room.cash("ana", amount, "other", currency="EUR")
    assert room.engine.account("ana").nav == 1_000 * MICRO + worth


def test_cash_and_positions_are_turned_over_together() -> None:
    """Half a micro-unit on each side is one, and not two halves rounded away."""
    room = abroad("ana")
    room.rate("EUR", 500_000)
    room.cash("ana", 1, "other", currency="EUR")
    room.fill("ana", "SAP", 1, 1, fee=0)
    room.mark(SAP=3)
    room.cash("ana", 2, "dividend", symbol="SAP", currency="EUR")
    worth = Fraction(3 + 2 * SAP.tick_value, 2)
    assert room.engine.account("ana").nav - 1_000 * MICRO == round(worth)
    room.engine.check()


def test_a_conversion_is_no_drawdown_and_its_spread_a_loss_on_currencies() -> None:
    room = abroad("ana")
    room.rate("EUR", 1_250_000)
    room.mark(SAP=100)
    room.convert("ana", 1_000 * MICRO, "USD", 796 * MICRO, "EUR")
    room.mark(SAP=101)
    view = room.engine.account("ana")
    assert (view.nav, view.currency_pnl, view.cash) == (995 * MICRO, -5 * MICRO, 995 * MICRO)
    assert view.max_drawdown == -0.005
    assert room.engine.ledger.balance(("moved", "fx"), "EUR") == -796 * MICRO
    assert set(room.engine.ledger.totals().values()) == {0}


def test_an_adjustment_in_another_currency_counts_at_the_rate_of_then() -> None:
    room = abroad("ana")
    room.rate("EUR", 2 * MICRO)
    room.cash("ana", 500 * MICRO, "adjustment", currency="EUR")
    room.rate("EUR", MICRO)
    view = room.engine.account("ana")
    assert (view.deposits, view.nav, view.currency_pnl) == (2_000 * MICRO, 1_500 * MICRO, -500 * MICRO)
    assert view.total_return == -0.25
    room.engine.check()


def test_money_by_currency_as_a_table() -> None:
    room = abroad("ana", "ben")
    room.rate("EUR", 1_250_000)
    room.convert("ana", 500 * MICRO, "USD", 400 * MICRO, "EUR")
    rows = frames.cash(room.engine).to_dict("records")
    assert [(row["account"], row["currency"], row["cash"], row["rate"], row["value"]) for row in rows] == [
        ("ana", "USD", 500.0, 1.0, 500.0),
        ("ana", "EUR", 400.0, 1.25, 500.0),
        ("ben", "USD", 1_000.0, 1.0, 1_000.0),
    ]
    assert room.engine.rates == {"EUR": 1_250_000}
    assert frames.movements(room.engine)["amount"].tolist() == [-500.0, 400.0]


def test_currencies_go_into_a_snapshot_and_back() -> None:
    room = abroad("ana", "eva", currencies=("USD", "EUR"))
    room.rate("EUR", 1_333_333)
    room.fill("ana", "SAP", 7, 1_003, fee=11)
    room.fill("eva", "SONY", 3, 777, fee=13)
    room.mark(SAP=1_007)
    again = PortfolioEngine.restore(room.engine.snapshot())
    again.check()
    assert [repr(again.account(name)) for name in ("ana", "eva")] == [
        repr(room.engine.account(name)) for name in ("ana", "eva")
    ]
    assert again.state_hash() == room.engine.state_hash()


def test_other_accounts_do_not_feel_a_rate() -> None:
    room = abroad("ana", "ben")
    room.convert("ana", 500 * MICRO, "USD", 400 * MICRO, "EUR")
    before = room.engine.equity_curve("ben")[0].tolist()
    room.wait(10)
    room.rate("EUR", 1_500_000)
    assert room.engine.account("ana").nav == 1_100 * MICRO
    assert room.engine.equity_curve("ben")[0].tolist() == before
    assert room.engine.account("ben").nav == 1_000 * MICRO
