"""Does the ledger balance, refuse what does not, and tell a posting leg by leg?"""

from __future__ import annotations

import pytest

from tests.portfolio.room import Room
from vtrade.domain.values import MICRO
from vtrade.portfolio import Ledger, PortfolioError
from vtrade.portfolio.ledger import deposit_legs


def test_legs_that_do_not_sum_to_zero_change_nothing() -> None:
    ledger = Ledger()
    ledger.post(deposit_legs("ana", "USD", 100))
    before = ledger.balances()
    with pytest.raises(PortfolioError, match="5 USD"):
        ledger.post([((("cash", "ana"), "USD"), 5), ((("external",), "EUR"), -5)])
    assert ledger.balances() == before


def test_a_broken_ledger_is_named() -> None:
    ledger = Ledger()
    ledger.post(deposit_legs("ana", "USD", 100))
    ledger._balances[("cash", "ana"), "USD"] += 1
    with pytest.raises(PortfolioError, match="1 USD too much"):
        ledger.check()


def test_balances_that_do_not_sum_to_zero_are_not_loaded() -> None:
    with pytest.raises(PortfolioError, match="not to 0"):
        Ledger().load([((("cash", "ana"), "USD"), 1)])


def test_a_purchase_leg_by_leg() -> None:
    room = Room("ana", cash=1_000)
    room.fill("ana", "ACME", 3, 10_000, fee=15_000)
    deposit, purchase = room.engine.ledger_entries("ana")
    assert (deposit.kind, purchase.kind, purchase.seq) == ("deposit", "fill", room.seq)
    assert dict(purchase.legs) == {
        (("cash", "ana"), "USD"): -300 * MICRO - 15_000,
        (("market", "ACME"), "USD"): 300 * MICRO,
        (("venue_fees",), "USD"): 15_000,
        (("shares", "ana", "ACME"), "ACME"): 3,
        (("market", "ACME"), "ACME"): -3,
    }


def test_entries_add_up_to_the_balances() -> None:
    room = Room("ana", "ben")
    for account, lots, px in (("ana", 5, 10_000), ("ben", -7, 10_010), ("ana", -5, 10_020), ("ben", 7, 10_000)):
        room.fill(account, "ACME", lots, px)
    again = Ledger()
    for account in room.engine.accounts:
        for entry in room.engine.ledger_entries(account):
            again.post(entry.legs)
    assert again.balances() == room.engine.ledger.balances()
    assert set(again.totals().values()) == {0}
    assert again.balance(("venue_fees",), "USD") == 24 * 5_000
