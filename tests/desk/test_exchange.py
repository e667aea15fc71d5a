"""Is a desk in an exchange room a market like any other: a first price, candles, other people, the same twice?"""

from __future__ import annotations

from pathlib import Path

import pytest

import vtrade as vt
from tests.desk.conftest import Opener, told
from vtrade.domain.messages import AuctionHeld
from vtrade.domain.orders import Status
from vtrade.market.exchange import exchange


@pytest.fixture(scope="session")
def crowd() -> vt.Tape:
    """Two instruments for six minutes, with a call of half a minute at both ends."""
    return exchange(5, symbols=["ACME", "BYTE"], minutes=6, events_per_second=12)


@pytest.fixture
def desk(open_desk: Opener, crowd: vt.Tape) -> vt.Desk:
    return open_desk(crowd)


def test_a_desk_begins_behind_the_opening_auctions(desk: vt.Desk, crowd: vt.Tape) -> None:
    auctions = [fact for fact in told(desk) if isinstance(fact, AuctionHeld)]
    assert {fact.symbol for fact in auctions} == {"ACME", "BYTE"}
    quotes = desk.quotes()
    assert quotes.status.tolist() == ["OPEN", "OPEN"]
    assert quotes["last"].notna().all()
    assert (quotes.bid < quotes.ask).all()
    assert desk.ts_ns == auctions[0].ts_ns == crowd.start_ns + 30 * 10**9
    first = desk.bars("ACME")
    assert first.volume.sum() == auctions[0].quantity
    assert first.open.iloc[0] == desk.instruments[0].price(auctions[0].price)


def test_one_trades_with_the_others(desk: vt.Desk) -> None:
    order = desk.buy("ACME", 100)
    assert order.status == Status.FILLED
    assert {fill.cause for fill in order._record.fills} == {"peer"}
    rest = desk.sell("ACME", 100, limit=float(desk.quotes().ask["ACME"]))
    desk.step(seconds=60)
    assert rest.filled_quantity > 0, "somebody came"
    assert desk.verify().ok


def test_candles_follow_the_marks(desk: vt.Desk) -> None:
    desk.step(seconds=120)
    bars = desk.bars("ACME")
    assert len(bars) == 3
    assert bars.close.iloc[-1] == desk.quotes()["last"]["ACME"]
    assert ((bars.low <= bars.close) & (bars.close <= bars.high)).all()
    assert bars.high.iloc[-1] > bars.low.iloc[-1]


def test_how_fast_it_was_played_makes_no_difference_to_what_happened(open_desk: Opener, crowd: vt.Tape) -> None:
    one, two = open_desk(crowd), open_desk(crowd)
    one.run("09:33")
    while two.ts_ns < one.ts_ns:
        two.step(seconds=1)
    assert two._room.rows == one._room.rows
    assert one.quotes().equals(two.quotes())
    assert one.bars("BYTE").equals(two.bars("BYTE"))


def test_a_journal_of_it_goes_on_and_tells_the_same(open_desk: Opener, crowd: vt.Tape, tmp_path: Path) -> None:
    path = tmp_path / "crowd.vtrade"
    first = open_desk(crowd, journal=path)
    first.buy("BYTE", 50)
    first.step(seconds=30)
    bars, now = first.bars("BYTE"), first.ts_ns
    first.close_desk()
    again = open_desk(crowd, journal=path)
    assert again.ts_ns == now
    assert again.bars("BYTE").equals(bars)
    view = vt.load_journal(path)
    assert view.bars("BYTE").reset_index(drop=True).equals(bars.reset_index(drop=True))
    again.run()
    assert again.ended
    assert again.quotes().status.tolist() == ["CLOSED", "CLOSED"]
    assert again.verify().ok


def test_an_exchange_by_name_with_realistic_rules(open_desk: Opener) -> None:
    desk = open_desk("exchange:3", rules="realistic")
    order = desk.buy(desk.symbols[0], 10)
    assert order.status == Status.SUBMITTED
    desk.step(seconds=1)
    assert order.status == Status.FILLED
