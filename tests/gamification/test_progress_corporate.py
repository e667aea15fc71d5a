"""Are splits, dividends, fines and other currencies judged for what they are?"""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.portfolio.room import ABROAD, Room
from tests.portfolio.test_recomputation import ACCOUNTS, SYMBOLS, courses, fresh, happen
from vtrade.domain import messages as m
from vtrade.domain.actions import ActionKind
from vtrade.domain.values import MICRO
from vtrade.errors import RuleError
from vtrade.gamification.engine import ProgressEngine
from vtrade.gamification.progress import XpGained
from vtrade.gamification.rules import load_rules
from vtrade.gamification.state import value


def paid_for(events):
    """What XP were paid for."""
    return [event.id for event in events if isinstance(event, XpGained)]


def apply(r, symbol, kind, *, of=1, per=1, amount=0, new_symbol=""):
    return r.say(
        m.ActionApplied, symbol=symbol, kind=kind, numerator=of, denominator=per, amount=amount, new_symbol=new_symbol
    )


def cash(r, amount, cause, *, symbol="", currency="USD"):
    return r.say(m.CashMoved, account="ana", currency=currency, amount=amount, cause=cause, symbol=symbol)


def adjust(r, symbol, before, after, cause):
    return r.say(m.PositionAdjusted, account="ana", symbol=symbol, lots_before=before, lots_after=after, cause=cause)


def invested(room):
    """A session with a tenth of the money in ACME, long enough to count."""
    r = room().attend()
    r.buy(100, price=10_000)
    r.wait(600)
    return r


RULES = load_rules()
GOOD = {"shallow_drawdown", "small_positions"}


def test_a_split_is_neither_a_fall_nor_a_bet(room):
    r = invested(room)
    apply(r, "ACME", ActionKind.SPLIT, of=7)
    adjust(r, "ACME", 100, 700, "split")
    r.mark(1_429, 10_000, 10_000)
    r.buy(1, symbol="BOLT", price=10_000)
    r.wait(600)
    assert set(paid_for(r.status("CLOSED"))) >= GOOD
    assert r.engine._state.accounts["ana"].held == {0: 700, 1: 1}


def test_a_dividend_and_its_fall_of_the_price_are_no_drawdown(room):
    r = room().attend()
    r.buy(300, price=10_000)
    r.wait(600)
    cash(r, 6_000 * MICRO, "dividend", symbol="ACME")  # 20 a share
    r.mark(8_000, 10_000, 10_000)
    r.wait(600)
    assert "shallow_drawdown" in paid_for(r.status("CLOSED"))


def test_the_fall_alone_is_a_drawdown(room):
    r = room().attend()
    r.buy(300, price=10_000)
    r.wait(600)
    r.mark(8_000, 10_000, 10_000)
    r.wait(600)
    assert "shallow_drawdown" not in paid_for(r.status("CLOSED"))


@pytest.mark.parametrize(("cause", "kept"), [("fine", False), ("borrow_fee", False), ("adjustment", True)])
def test_a_fine_is_a_loss_and_an_adjustment_is_none(room, cause, kept):
    r = invested(room)
    cash(r, -20_000 * MICRO, cause)  # a fifth of the money, and no mark after it
    assert ("shallow_drawdown" in paid_for(r.status("CLOSED"))) is kept


def test_a_delisting_for_nothing_is_a_loss(room):
    r = invested(room)
    apply(r, "ACME", ActionKind.DELISTING)
    adjust(r, "ACME", 100, 0, "delisting")
    r.wait(600)
    assert "shallow_drawdown" not in paid_for(r.status("CLOSED"))
    assert r.engine._state.accounts["ana"].held == {}


def test_a_delisting_that_pays_is_a_sale(room):
    r = invested(room)
    apply(r, "ACME", ActionKind.DELISTING, amount=100 * MICRO)
    adjust(r, "ACME", 100, 0, "delisting")
    cash(r, 10_000 * MICRO, "delisting", symbol="ACME")
    assert set(paid_for(r.status("CLOSED"))) >= GOOD


def test_a_tender_opens_a_position_that_counts(room):
    r = room().attend()
    adjust(r, "ACME", 0, 100, "tender")
    cash(r, -10_000 * MICRO, "tender", symbol="ACME")
    r.wait(600)
    r.mark(10_000, 10_000, 10_000)
    assert set(paid_for(r.status("CLOSED"))) >= GOOD


def test_a_tender_too_large_is_a_bet(room):
    r = room().attend()
    adjust(r, "ACME", 0, 900, "tender")
    cash(r, -90_000 * MICRO, "tender", symbol="ACME")
    r.wait(600)
    assert "small_positions" not in paid_for(r.status("CLOSED"))


def test_a_rename_changes_nothing_but_the_name(room):
    r = invested(room)
    apply(r, "ACME", ActionKind.RENAME, new_symbol="APEX")
    r.sell(50, symbol="APEX", price=10_000)
    assert r.engine._state.accounts["ana"].held == {0: 50}
    assert r.status("CLOSED", ("BOLT", "CORN")) == []  # APEX is still open
    assert set(paid_for(r.status("CLOSED", ("APEX",)))) >= GOOD


def test_a_fall_of_a_currency_is_a_fall():
    room = Room("ana", cash=1_000, listed=ABROAD)
    engine = ProgressEngine(RULES)
    room.rate("EUR", 1_250_000)
    room.mark(SAP=10_000)
    room.fill("ana", "SAP", 4, 10_000, fee=0)
    room.mark(SAP=10_001)
    room.rate("EUR", 1_000_000)
    for fact in room.facts:
        engine.apply(fact)
    account = engine._state.accounts["ana"]
    assert account.nav == room.engine.account("ana").nav == 1_000 * MICRO + 4 * 10_000
    assert account.drawdown_ppm == 10  # 0.05 dollars of 1,000.05 are now 0.04
    assert account.share_ppm == 500_025  # 500.05 of 1,000.05 before the fall, rounded up


@given(courses)
@settings(max_examples=60)
def test_progress_values_accounts_as_the_portfolio_does(course: list[tuple[Any, ...]]) -> None:
    """From the first marks on; before them the one takes the first fill, the other the last."""
    room, engine = fresh(), ProgressEngine(RULES)
    room.mark(**dict.fromkeys(SYMBOLS, 100))
    done = 0
    for step in course:
        happen(room, *step)
        for fact in room.facts[done:]:
            engine.apply(fact)
        done = len(room.facts)
        for name in ACCOUNTS:
            account = engine._state.accounts[name]
            nav, _ = value(account, engine._worth, engine._state)
            assert nav == room.engine.account(name).nav


@given(courses, st.integers(1, 7))
@settings(max_examples=40)
def test_a_snapshot_between_facts_goes_on_as_if_nothing_had_happened(course: list[tuple[Any, ...]], every: int) -> None:
    room = fresh()
    for step in course:
        happen(room, *step)
    whole = ProgressEngine(RULES)
    again = ProgressEngine(RULES)
    for fact in room.facts:
        whole.apply(fact)
        again.apply(fact)
        if fact.seq % every == 0:
            again = ProgressEngine.restore(again.snapshot(), RULES)
    assert again.state_hash() == whole.state_hash()


def test_a_snapshot_of_before_there_were_currencies_is_refused(room):
    fields = msgspec.msgpack.decode(room().engine.snapshot())
    with pytest.raises(RuleError, match="earlier version"):
        ProgressEngine.restore(msgspec.msgpack.encode(fields[:14]))
