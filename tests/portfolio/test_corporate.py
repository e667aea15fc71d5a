"""Do splits, renames, delistings, tenders and dividends leave each account with what it is owed, to the micro-unit?"""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.portfolio.room import ACME, OPEN_NS, Room
from vtrade.domain.actions import ActionKind
from vtrade.domain.messages import ActionApplied, CashMoved, Fact, PositionAdjusted, RoomClosed
from vtrade.domain.orders import Side
from vtrade.domain.values import MICRO
from vtrade.portfolio import Ledger, PortfolioEngine, PortfolioError, frames

CENT = ACME.tick_value


def nav(room: Room, account: str = "ana") -> int:
    return room.engine.account(account).nav


def position(room: Room, symbol: str, account: str = "ana") -> Any:
    return next(view for view in room.engine.positions(account) if view.symbol == symbol)


# --- splits --------------------------------------------------------------------------------------------------------


def test_seven_for_one() -> None:
    """As Apple's in June 2014: 645.57 on Friday, 92.22 on Monday."""
    room = Room("ana", "ben")
    room.fill("ana", "ACME", 10, 60_001, fee=70)
    room.fill("ana", "ACME", 5, 63_007, fee=35)
    room.fill("ben", "ACME", -3, 64_000, fee=0)
    room.mark(ACME=64_557)
    before, cost = nav(room), (10 * 60_001 + 5 * 63_007) * CENT
    room.action("ACME", ActionKind.SPLIT, of=7)
    assert (nav(room), room.engine.mark("ACME")) == (before, 9_222)  # 9,222.43 on the grid
    room.adjust("ana", "ACME", 105, "split")
    assert nav(room) == before
    held = position(room, "ACME")
    assert (held.quantity, held.cost_basis) == (105, cost)
    assert held.avg_entry_price == pytest.approx(cost / 105 / MICRO, rel=1e-15)
    room.adjust("ben", "ACME", -21, "split")
    room.engine.check()
    room.mark(ACME=9_222)
    assert nav(room) - before == 105 * 9_222 * CENT - 15 * 64_557 * CENT
    assert nav(room, "ben") == 100_000 * MICRO + (3 * 64_000 - 21 * 9_222) * CENT
    room.fill("ana", "ACME", -105, 9_300, fee=0)
    first, second = room.engine.round_trips("ana")
    assert (first.quantity, first.entry_px, first.gross_pnl) == (
        70,
        pytest.approx(600.01 / 7),
        (70 * 9_300 - 10 * 60_001) * CENT,
    )
    assert (second.quantity, second.gross_pnl) == (35, (35 * 9_300 - 5 * 63_007) * CENT)
    assert first.fees + second.fees == 105
    room.engine.check()


def test_a_part_of_a_lot_after_a_split_leaves_the_rest_of_its_cost() -> None:
    room = Room("ana")
    room.fill("ana", "ACME", 1, 10_000, fee=0)
    room.split("ACME", 7, 1, 1_428)
    sold = [1, 2, 4]
    for lots in sold:
        room.fill("ana", "ACME", -lots, 1_500, fee=0)
        room.engine.check()
    trips = room.engine.round_trips("ana")
    costs = [trip.quantity * 1_500 * CENT - trip.gross_pnl for trip in trips]
    assert costs == [14_285_714, 28_571_429, 57_142_857]  # 100.00 in sevenths
    assert sum(trip.gross_pnl for trip in trips) == (7 * 1_500 - 10_000) * CENT


def test_what_was_traded_before_a_split_is_told_as_it_was_traded() -> None:
    room = Room("ana")
    entry = room.fill("ana", "ACME", 10, 1_000, fee=0)
    leave = room.fill("ana", "ACME", -4, 1_100, fee=0, leaves=6)
    room.split("ACME", 2, 1, 550)
    room.fill("ana", "ACME", -6, 560, fee=0, order_id=leave)  # the same two orders, in halves
    before, after = room.engine.round_trips("ana")
    assert (before.quantity, before.entry_px, before.exit_px, before.gross_pnl) == (4, 10.0, 11.0, 400 * CENT)
    assert (after.quantity, after.entry_px, after.exit_px, after.gross_pnl) == (6, 5.0, 5.6, 360 * CENT)
    assert (after.entry_order_id, after.exit_order_id) == (entry, leave)
    assert [fill.last_qty for fill in room.engine.fills("ana")] == [10, 4, 6]
    assert room.engine.account("ana").round_trips == 2


def test_cash_for_a_fraction_takes_its_place() -> None:
    room = Room("ana")
    room.fill("ana", "ACME", 4, 1_000, fee=0)
    room.fill("ana", "ACME", 6, 1_300, fee=0)
    room.mark(ACME=1_200)
    before, depth = nav(room), room.engine.account("ana").max_drawdown
    room.action("ACME", ActionKind.SPLIT, of=1, per=3)
    room.adjust("ana", "ACME", 3, "split")
    room.cash("ana", 12 * MICRO, "cash_in_lieu", symbol="ACME")
    assert nav(room) == before
    room.engine.check()
    room.mark(ACME=3_600)
    view = room.engine.account("ana")
    assert (view.nav, view.other, view.realized_pnl) == (before, 12 * MICRO, 0)
    assert position(room, "ACME").cost_basis == 118 * MICRO
    assert (view.drawdown, view.max_drawdown) == (depth, depth)
    room.fill("ana", "ACME", -3, 3_600, fee=0)
    assert [(trip.quantity, trip.gross_pnl) for trip in room.engine.round_trips("ana")] == [
        (1, -4 * MICRO),  # four thirds of a new share were 40.00: one keeps all of it
        (2, -6 * MICRO),
    ]
    room.engine.check()


def test_a_split_that_leaves_nothing_is_a_sale() -> None:
    room = Room("ana", "ben")
    room.fill("ana", "ACME", 2, 1_000, fee=0)
    room.fill("ben", "ACME", -5, 1_000, fee=0)
    room.mark(ACME=900)
    room.split("ACME", 1, 10, 9_000)
    assert (nav(room), nav(room, "ben")) == (100_000 * MICRO - 2 * MICRO, 100_000 * MICRO + 5 * MICRO)
    assert room.engine.positions("ana") == room.engine.positions("ben") == []
    (trip,) = room.engine.round_trips("ana")
    assert (trip.quantity, trip.entry_px, trip.exit_px, trip.gross_pnl) == (2, 10.0, 9.0, -2 * MICRO)
    assert trip.exit_order_id < 0
    assert room.engine.account("ana").other == 0
    room.engine.check()


def test_a_split_of_what_has_no_mark_yet() -> None:
    room = Room("ana")
    room.action("BOLT", ActionKind.SPLIT, of=2)
    assert room.engine.mark("BOLT") == 0
    room.fill("ana", "ACME", 3, 1_001, fee=0)
    room.action("ACME", ActionKind.SPLIT, of=2)
    room.adjust("ana", "ACME", 6, "split")
    assert nav(room) == 100_000 * MICRO
    room.fill("ana", "ACME", 1, 500, fee=0)  # the price of the fill is news
    assert nav(room) == (100_000 * 100 + 6 * 500 - 3 * 1_001) * CENT
    room.engine.check()


def test_a_penny_does_not_split_to_nothing() -> None:
    room = Room("ana")
    room.fill("ana", "ACME", 3, 1, fee=0)
    room.mark(ACME=1)
    room.action("ACME", ActionKind.SPLIT, of=100)
    assert room.engine.mark("ACME") == 1
    assert nav(room) == 100_000 * MICRO


# --- renames -------------------------------------------------------------------------------------------------------


def test_after_a_rename_all_goes_on_under_the_new_symbol() -> None:
    room = Room("ana", "ben")
    room.fill("ana", "ACME", 10, 1_000)
    room.fill("ana", "ACME", -4, 1_100)
    room.fill("ben", "ACME", 1, 1_000)
    room.cash("ana", MICRO, "dividend", symbol="ACME")
    hashed = room.engine.state_hash()
    room.action("ACME", ActionKind.RENAME, new_symbol="APEX")
    assert room.engine.state_hash() != hashed
    assert [i.symbol for i in room.engine.instruments] == ["APEX", "BOLT", "COIN", "INDEX"]
    assert {fill.symbol for fill in room.engine.fills("ana")} == {"APEX"}
    assert {trip.symbol for trip in room.engine.round_trips("ana")} == {"APEX"}
    room.mark(APEX=1_200)
    room.fill("ana", "APEX", -6, 1_200)
    assert [trip.gross_pnl for trip in room.engine.round_trips("ana")] == [4 * MICRO, 12 * MICRO]
    assert room.engine.mark("APEX") == 1_200
    assert [view.symbol for view in room.engine.positions("ben")] == ["APEX"]
    with pytest.raises(PortfolioError, match="'ACME' is not in this room"):
        room.engine.mark("ACME")
    room.engine.check()
    assert not [key for key, _ in room.engine.ledger.balances() if "ACME" in (*key[0], key[1])]
    assert set(frames.fills(room.engine)["symbol"]) == {"APEX"}
    assert set(frames.movements(room.engine)["symbol"]) == {"APEX"}


def test_a_symbol_may_be_used_again() -> None:
    room = Room("ana")
    room.fill("ana", "ACME", 10, 1_000)
    room.fill("ana", "BOLT", 20, 100)
    room.action("ACME", ActionKind.RENAME, new_symbol="APEX")
    room.action("BOLT", ActionKind.RENAME, new_symbol="ACME")
    room.fill("ana", "ACME", -20, 110)
    assert [(view.symbol, view.quantity) for view in room.engine.positions("ana")] == [("APEX", 10)]
    assert entries_add_up(room)
    room.engine.check()


# --- money ---------------------------------------------------------------------------------------------------------


def entries_add_up(room: Room) -> bool:
    again = Ledger()
    for account in room.engine.accounts:
        for entry in room.engine.ledger_entries(account):
            again.post(entry.legs)
    kept = [(key, amount) for key, amount in room.engine.ledger.balances() if amount]
    return [(key, amount) for key, amount in again.balances() if amount] == kept


CAUSES = {
    "dividend": ("dividends", 1),
    "borrow_fee": ("borrow_fees", -1),
    "margin_interest": ("interest", -1),
    "fine": ("fines", -1),
    "adjustment": ("deposits", 1),
    "fx": ("currency_pnl", 1),
    "cash_in_lieu": ("other", 1),
    "lottery": ("other", 1),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_money_that_moves_is_counted_by_its_cause(cause: str) -> None:
    room = Room("ana", "ben")
    before = room.engine.account("ana")
    room.cash("ana", -7, cause, symbol="ACME")
    view = room.engine.account("ana")
    field, sign = CAUSES[cause]
    assert (view.cash, view.nav) == (before.cash - 7, before.nav - 7)
    assert getattr(view, field) - getattr(before, field) == -7 * sign
    assert room.engine.ledger.balance(("moved", cause), "USD") == 7
    assert repr(room.engine.account("ben")) == repr(Room("ana", "ben").engine.account("ben"))
    assert [entry.kind for entry in room.engine.ledger_entries("ana")] == ["deposit", cause]
    assert entries_add_up(room)
    room.engine.check()


def test_what_a_holding_brought_and_cost() -> None:
    room = Room("ana", "ben")
    room.fill("ana", "ACME", 10, 1_000, fee=0)
    room.fill("ben", "ACME", -10, 1_000, fee=0)
    room.cash("ana", 5 * MICRO, "dividend", symbol="ACME")
    room.cash("ben", -5 * MICRO, "dividend", symbol="ACME")
    room.cash("ben", -1_234, "borrow_fee", symbol="ACME")
    room.cash("ben", -99, "margin_interest")
    ana, ben = position(room, "ACME"), position(room, "ACME", "ben")
    assert (ana.dividends, ana.borrow_fees) == (5 * MICRO, 0)
    assert (ben.dividends, ben.borrow_fees) == (-5 * MICRO, 1_234)
    view = room.engine.account("ben")
    assert (view.dividends, view.borrow_fees, view.interest) == (-5 * MICRO, 1_234, 99)
    assert view.nav == 95 * MICRO + 99_900 * MICRO - 1_234 - 99
    table = frames.accounts(room.engine).set_index("account")
    assert table.loc["ben", "borrow_fees"] == 0.001234
    assert frames.positions(room.engine)["dividends"].tolist() == [5.0, -5.0]


def test_a_dividend_is_not_a_peak() -> None:
    """What falls off the price on the ex-date was no gain, so it is no drawdown."""
    room = Room("ana", cash=1_000)
    room.fill("ana", "ACME", 100, 1_000, fee=0)
    room.mark(ACME=1_000)
    room.cash("ana", 20 * MICRO, "dividend", symbol="ACME")
    assert nav(room) == 1_020 * MICRO
    room.mark(ACME=980)
    view = room.engine.account("ana")
    assert (view.nav, view.high_water_mark, view.max_drawdown) == (1_000 * MICRO, 1_000 * MICRO, 0)


def test_a_fine_is_a_loss_and_an_adjustment_is_none() -> None:
    room = Room("ana", "ben", cash=1_000)
    room.cash("ana", -100 * MICRO, "fine", detail="late homework")
    room.cash("ben", -100 * MICRO, "adjustment")
    room.mark(ACME=1_000)
    ana, ben = (room.engine.account(name) for name in ("ana", "ben"))
    assert (ana.total_return, ana.max_drawdown, ana.deposits, ana.fines) == (-0.1, -0.1, 1_000 * MICRO, 100 * MICRO)
    assert (ben.total_return, ben.max_drawdown, ben.deposits, ben.nav) == (0, 0, 900 * MICRO, 900 * MICRO)
    assert room.engine.movements("ana")[0].detail == "late homework"


def test_returns_are_time_weighted() -> None:
    """+10 %, then a million from outside, then -10 %: as for somebody who had one share all the time."""
    room = Room("ana", "ben", cash=1_000)
    for name in ("ana", "ben"):
        room.fill(name, "ACME", 100, 1_000, fee=0)
    room.wait(60)
    room.mark(ACME=1_100)
    room.cash("ana", 1_100 * MICRO, "adjustment")
    room.fill("ana", "ACME", 100, 1_100, fee=0)
    for px in (1_050, 990):
        room.wait(60)
        room.mark(ACME=px)
    ana, ben = (room.engine.account(name) for name in ("ana", "ben"))
    assert ana.nav == 2 * ben.nav == 1_980 * MICRO
    assert ana.total_return == pytest.approx(ben.total_return)
    assert (ana.high_water_mark, ana.max_drawdown) == (2 * ben.high_water_mark, ben.max_drawdown)
    one, other = (room.engine.statistics(name) for name in ("ana", "ben"))
    for name in ("total_return", "volatility", "sharpe_ratio", "value_at_risk", "max_drawdown", "observations"):
        assert one[name] == pytest.approx(other[name]), name
    assert one["net_profit"] == -120 * MICRO  # in money: 10 % of twice as much was lost


def test_published_time_weighted_returns() -> None:
    """Two textbook accounts, per period: 10.75 % (money-weighted 9.39 %) and 30.38 % (20.52 %)."""
    room = Room("ana", cash=200)
    room.fill("ana", "ACME", 1, 20_000, fee=0)
    room.mark(ACME=22_500)
    room.cash("ana", 5 * MICRO, "dividend", symbol="ACME")
    room.cash("ana", 220 * MICRO, "adjustment")  # the dividend goes out, the price of another share comes in
    room.fill("ana", "ACME", 1, 22_500, fee=0)
    room.mark(ACME=23_500)
    room.cash("ana", 10 * MICRO, "dividend", symbol="ACME")
    assert math.sqrt(1 + room.engine.account("ana").total_return) - 1 == pytest.approx(0.1075, abs=5e-5)
    room = Room("ana", cash=200)
    room.fill("ana", "ACME", 4, 5_000, fee=0)
    room.fill("ana", "ACME", -2, 5_000, fee=0)
    room.cash("ana", -100 * MICRO, "adjustment")
    room.mark(ACME=8_000)
    room.cash("ana", 10 * MICRO, "dividend", symbol="ACME")
    assert math.sqrt(1 + room.engine.account("ana").total_return) - 1 == pytest.approx(0.3038, abs=5e-5)


def test_money_from_outside_for_who_has_nothing() -> None:
    room = Room("ana", cash=0)
    room.cash("ana", 500 * MICRO, "adjustment")
    room.fill("ana", "ACME", 10, 1_000, fee=0)
    room.mark(ACME=500)
    view = room.engine.account("ana")
    assert (view.high_water_mark, view.max_drawdown, view.deposits) == (500 * MICRO, -0.1, 500 * MICRO)
    assert view.total_return == -0.1
    assert all(not math.isinf(value) for value in room.engine.statistics("ana").values())


def test_the_end_of_the_room_looks_at_what_moved_last() -> None:
    room = Room("ana", cash=1_000)
    room.wait(5)
    room.cash("ana", -100 * MICRO, "fine")
    room._fold(RoomClosed(room._next(), room.ts_ns, "end of tape"))
    times, values = room.engine.equity_curve("ana")
    assert (times.tolist(), values.tolist()) == ([OPEN_NS, room.ts_ns], [1_000 * MICRO, 900 * MICRO])


# --- tenders and delistings ----------------------------------------------------------------------------------------


def test_a_tender_is_a_purchase_off_the_book() -> None:
    room = Room("ana")
    room.mark(ACME=1_000)
    room.tender("ana", "ACME", 50, 980)
    held = position(room, "ACME")
    assert (held.quantity, held.cost_basis, held.avg_entry_price) == (50, 490 * MICRO, 9.8)
    room.tender("ana", "ACME", -80, 1_010)  # sells the block, and goes short
    view = room.engine.account("ana")
    assert (view.realized_pnl, view.fills, view.traded_notional, view.other) == (15 * MICRO, 0, 0, 0)
    assert position(room, "ACME").cost_basis == -303 * MICRO
    (trip,) = room.engine.round_trips("ana")
    assert (trip.side, trip.quantity, trip.entry_px, trip.exit_px) == (Side.BUY, 50, 9.8, 10.1)
    room.fill("ana", "ACME", 30, 1_000, fee=0)
    assert nav(room) == 100_000 * MICRO + 18 * MICRO
    assert entries_add_up(room)
    room.engine.check()


def test_a_tender_of_what_was_never_priced_is_its_price() -> None:
    room = Room("ana")
    room.tender("ana", "BOLT", 10, 300)
    assert (nav(room), room.engine.mark("BOLT")) == (100_000 * MICRO, 300)
    room.engine.check()


def test_lots_wait_for_their_money() -> None:
    room = Room("ana")
    room.mark(ACME=1_000)
    before = room.engine.account("ana")
    room.adjust("ana", "ACME", 50, "tender")
    assert repr(room.engine.account("ana")) == repr(before)
    room.engine.check()
    again = PortfolioEngine.restore(room.engine.snapshot())
    for engine in (room.engine, again):
        engine.apply(CashMoved(room.seq + 1, room.ts_ns, "ana", "USD", -490 * MICRO, "tender", "ACME"))
        assert engine.account("ana").nav == before.nav + 10 * MICRO
    assert again.state_hash() == room.engine.state_hash()


def test_a_delisting_pays_for_the_position() -> None:
    room = Room("ana", "ben", "cy")
    room.fill("ana", "COIN", 1_500, 5_000, fee=0)
    room.fill("ben", "COIN", -500, 5_000, fee=0)
    room.mark(COIN=4_000)
    room.delist("COIN", 100 * MICRO)
    assert [room.engine.account(name).nav // MICRO for name in ("ana", "ben", "cy")] == [99_400, 100_200, 100_000]
    assert [room.engine.account(name).realized_pnl // MICRO for name in ("ana", "ben", "cy")] == [-600, 200, 0]
    assert all(room.engine.positions(name) == [] for name in ("ana", "ben"))
    (trip,) = room.engine.round_trips("ben")
    assert (trip.side, trip.quantity, trip.exit_px) == (Side.SELL, 500, 100.0)
    assert entries_add_up(room)
    room.mark(COIN=3_000)
    assert nav(room) == 99_400 * MICRO
    room.engine.check()


def test_worthless_shares_need_no_money() -> None:
    room = Room("ana")
    room.fill("ana", "ACME", 10, 1_000, fee=0)
    room.action("ACME", ActionKind.DELISTING)
    room.adjust("ana", "ACME", 0, "delisting")
    room.mark(BOLT=100)
    assert room.engine.positions("ana") == []
    assert nav(room) == 99_900 * MICRO
    room.mark(BOLT=101)
    assert room.engine.account("ana").max_drawdown == -0.001
    room.engine.check()


# --- facts that do not fit -----------------------------------------------------------------------------------------

NS = OPEN_NS


@pytest.mark.parametrize(
    ("fact", "named"),
    [
        (CashMoved(9, NS, "zoe", "USD", 1, "fine"), "'zoe'"),
        (CashMoved(9, NS, "ana", "USD", -1, "tender", "ACME"), "no position of 'ACME' was adjusted"),
        (CashMoved(9, NS, "ana", "USD", -1, "delisting", "BOLT"), "no position of 'BOLT' was adjusted"),
        (PositionAdjusted(9, NS, "zoe", "ACME", 10, 70, "split"), "'zoe'"),
        (PositionAdjusted(9, NS, "ana", "NOPE", 10, 70, "split"), "'NOPE'"),
        (PositionAdjusted(9, NS, "ana", "ACME", 11, 77, "split"), "'ana' holds 10"),
        (PositionAdjusted(9, NS, "ana", "ACME", 10, -70, "split"), "10 to -70"),
        (PositionAdjusted(9, NS, "ana", "BOLT", 0, 7, "split"), "7 lots of 'BOLT'"),
        (ActionApplied(9, NS, "NOPE", ActionKind.SPLIT, 7, 1, 0, ""), "'NOPE'"),
        (ActionApplied(9, NS, "ACME", ActionKind.SPLIT, 0, 1, 0, ""), "0 for 1"),
        (ActionApplied(9, NS, "ACME", ActionKind.RENAME, 1, 1, 0, "BOLT"), "cannot become 'BOLT'"),
        (ActionApplied(9, NS, "ACME", ActionKind.RENAME, 1, 1, 0, ""), "cannot become ''"),
        (ActionApplied(9, NS, "EUR", ActionKind.RATE, 1, 1, 0, ""), "is no rate"),
        (ActionApplied(9, NS, "USD", ActionKind.RATE, 1, 1, 2, ""), "first currency is 1"),
    ],
)
def test_a_contradiction_changes_nothing(fact: Fact, named: str) -> None:
    room = Room("ana")
    room.fill("ana", "ACME", 10, 1_000)
    before = room.engine.snapshot()
    with pytest.raises(PortfolioError, match=named):
        room.engine.apply(fact)
    assert room.engine.snapshot() == before


def test_a_wrong_total_is_found_and_named() -> None:
    room = Room("ana")
    room.cash("ana", -5, "fine")
    room.engine.state("ana").home.fines += 1
    room.engine.state("ana").home.other += 1
    with pytest.raises(PortfolioError, match="of the accounts and of the ledger differ"):
        room.engine.check()
