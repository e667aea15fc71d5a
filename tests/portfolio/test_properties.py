"""Whatever is traded, in whatever order: is nothing made and nothing lost?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.portfolio.room import LISTED, Room
from vtrade import stats
from vtrade.domain.orders import Side
from vtrade.domain.values import MICRO
from vtrade.portfolio import PortfolioEngine

ACCOUNTS = ("ana", "ben", "cy")
CASH = 10_000 * MICRO

fills = st.tuples(
    st.just("fill"),
    st.sampled_from(ACCOUNTS),
    st.sampled_from([instrument.symbol for instrument in LISTED]),
    st.integers(-50, 50).filter(bool),
    st.integers(1, 2_000),
    st.integers(0, 3 * MICRO),
)
marks = st.tuples(
    st.just("mark"),
    st.dictionaries(st.sampled_from([instrument.symbol for instrument in LISTED]), st.integers(1, 2_000), min_size=1),
)
waits = st.tuples(st.just("wait"), st.sampled_from([0.001, 0.4, 1.0, 61.0, 7_200.0]))
sequels = st.lists(st.one_of(fills, marks, waits), max_size=40)
Sequel = list[tuple[Any, ...]]


def play(room: Room, sequel: Sequel) -> Room:
    for what, *rest in sequel:
        if what == "fill":
            account, symbol, lots, px, fee = rest
            order_id = room.accept(account, symbol, Side(lots // abs(lots)), abs(lots), bid=px, ask=px + 1)
            room.fill(account, symbol, lots, px, fee=fee, order_id=order_id)
        elif what == "mark":
            room.mark(**rest[0])
        else:
            room.wait(rest[0])
    return room


def fresh() -> Room:
    return Room(*ACCOUNTS, cash=CASH / MICRO)


@given(sequels)
def test_cash_and_shares_are_conserved(sequel: Sequel) -> None:
    engine = play(fresh(), sequel).engine
    engine.check()
    assert set(engine.ledger.totals().values()) <= {0}
    held = [engine.positions(name) for name in ACCOUNTS]
    for instrument in LISTED:
        symbol = instrument.symbol
        lots = sum(view.quantity for views in held for view in views if view.symbol == symbol)
        assert lots == -engine.ledger.balance(("market", symbol), symbol)
    cash = sum(engine.account(name).cash for name in ACCOUNTS)
    paid = engine.ledger.balance(("venue_fees",), "USD")
    market = sum(engine.ledger.balance(("market", instrument.symbol), "USD") for instrument in LISTED)
    assert cash + paid + market == 3 * CASH
    assert paid == sum(engine.account(name).fees for name in ACCOUNTS)


@given(sequels)
def test_value_is_cash_and_positions_at_their_marks_after_every_fact(sequel: Sequel) -> None:
    """A naive book beside the engine: lots and cash in dictionaries, everything valued anew each time."""
    room = fresh()
    cash = dict.fromkeys(ACCOUNTS, CASH)
    lots: dict[tuple[str, str], int] = {}
    prices: dict[str, int] = {}
    marked: set[str] = set()
    tick_value = {instrument.symbol: instrument.tick_value for instrument in LISTED}
    for step in sequel:
        play(room, [step])
        if step[0] == "fill":
            _, account, symbol, quantity, px, fee = step
            cash[account] -= quantity * px * tick_value[symbol] + fee
            lots[account, symbol] = lots.get((account, symbol), 0) + quantity
            if symbol not in marked:
                prices[symbol] = px
        elif step[0] == "mark":
            prices.update(step[1])
            marked.update(step[1])
        for name in ACCOUNTS:
            worth = sum(n * prices[symbol] * tick_value[symbol] for (who, symbol), n in lots.items() if who == name)
            view = room.engine.account(name)
            assert (view.cash, view.market_value, view.nav) == (cash[name], worth, cash[name] + worth)
            assert view.realized_pnl + view.unrealized_pnl - view.fees == view.nav - CASH


@given(sequels)
def test_exact_peaks_and_drawdowns(sequel: Sequel) -> None:
    room = fresh()
    path = [CASH]
    for step in sequel:
        play(room, [step])
        path.append(room.engine.account("ana").nav)
    view = room.engine.account("ana")
    high, deepest = CASH, 0.0
    for nav in path:
        high = max(high, nav)
        deepest = min(deepest, (nav - high) / high)
    assert (view.high_water_mark, view.max_drawdown, view.drawdown) == (high, deepest, (nav - high) / high)
    assert view.drawdown <= 0
    times, values = room.engine.equity_curve("ana")
    assert (values[0], values[-1], values.max(), values.min()) == (CASH, path[-1], max(path), min(path))
    assert (np.diff(times) >= 0).all()


@given(sequels, sequels)
@settings(max_examples=40)
def test_a_snapshot_goes_on_as_if_nothing_had_happened(before: Sequel, after: Sequel) -> None:
    whole = play(fresh(), before)
    saved = whole.engine.snapshot()
    restored = PortfolioEngine.restore(saved)
    assert restored.snapshot() == saved
    done = len(whole.facts)
    play(whole, after)
    restored.apply_all(whole.facts[done:])
    assert restored.state_hash() == whole.engine.state_hash()
    for name in ACCOUNTS:
        assert restored.round_trips(name) == whole.engine.round_trips(name)
        assert restored.account(name).nav == whole.engine.account(name).nav
    restored.check()


@given(sequels, st.integers(1, 9))
@settings(max_examples=40)
def test_facts_that_come_again_change_nothing(sequel: Sequel, window: int) -> None:
    room = play(fresh(), sequel)
    again = PortfolioEngine()
    for start in range(0, len(room.facts), window):
        again.apply_all(room.facts[max(0, start - window) : start + window])
    assert again.state_hash() == room.engine.state_hash()


@given(sequels)
def test_statistics_never_fail_and_agree_with_the_round_trips(sequel: Sequel) -> None:
    engine = play(fresh(), sequel).engine
    for name in ACCOUNTS:
        numbers = engine.statistics(name)
        profits = [trip.net_pnl for trip in engine.round_trips(name)]
        assert numbers["round_trips"] == len(profits) == engine.account(name).round_trips
        assert numbers["hit_rate"] == pytest.approx(stats.hit_rate(profits), nan_ok=True)
        assert numbers["profit_factor"] == pytest.approx(stats.profit_factor(profits), nan_ok=True)


CODE = """
from tests.portfolio.room import Room
room = Room("ana", "ben")
for n in range(200):
    room.wait(0.7)
    room.fill(("ana", "ben")[n % 3 == 0], ("ACME", "BOLT", "COIN")[n % 3], (n * 7) % 19 - 9 or 1, 900 + n * n % 200)
    room.mark(ACME=1000 + n % 17, COIN=900 + n % 5)
print(room.engine.state_hash().hex())
"""


def test_same_facts_give_the_same_bytes_in_every_process(root: Path) -> None:
    hashes = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        done = subprocess.run(
            [sys.executable, "-c", CODE], cwd=root, env=environment, capture_output=True, text=True, check=True
        )
        hashes.add(done.stdout)
    assert len(hashes) == 1
