"""What happens beside the book: other currencies, tenders, corporate actions of the tape, each told once."""

from __future__ import annotations

from pathlib import Path

import pytest

import vtrade as vt
from tests.cli import small
from tests.desk.conftest import Opener, records, told
from vtrade.domain.actions import ActionKind, CorporateAction
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import ActionApplied, OfferTender, RoomCommand, decode_inbound
from vtrade.domain.orders import Side
from vtrade.errors import DeskError, ValueOffGrid
from vtrade.market.dtype import Kind, empty_events
from vtrade.market.tape import NewsItem, Tape, check_tape

S = small.S
OPEN = small.OPEN_NS
EURO = Instrument.make("BAYR", tick="0.01", currency="EUR")


def market(seconds: int = 20, *actions: CorporateAction, euro: bool = False, splits: int = 0) -> Tape:
    """A quote of 99.99 to 100.01 a second; half of that from second ``splits`` on."""
    instruments = (small.ACME, EURO) if euro else (small.ACME,)
    mids = [5_000 if splits and second >= splits else 10_000 for second in range(seconds)]
    rows = [
        (OPEN + second * S, mid - side, 1_000, 0, k, Kind.QUOTE, side, 0)
        for second, mid in enumerate(mids)
        for k in range(len(instruments))
        for side in (1, -1)
    ]
    events = empty_events(len(rows))
    events[:] = rows
    news = (NewsItem(OPEN + 5 * S, "ACME", "a headline"),)
    return check_tape(
        Tape("a day with actions", instruments, events, "L1", date="2024-03-04", news=news, actions=actions)
    )


def paid(second: float, amount: str = "0.50") -> CorporateAction:
    return CorporateAction(
        OPEN + round(second * S), "ACME", ActionKind.DIVIDEND, amount=round(float(amount) * 1_000_000)
    )


def applied(desk: vt.Desk) -> list[str]:
    return [str(fact.kind) for fact in told(desk) if isinstance(fact, ActionApplied)]


# --- corporate actions -----------------------------------------------------------------------------------------------


def test_a_dividend_reaches_the_holder_at_its_time(open_desk: Opener) -> None:
    desk = open_desk(market(20, paid(5), paid(12.5, "0.25")))
    desk.buy("ACME", 100)
    cash = desk.cash
    desk.step(seconds=4.5)
    assert desk.cash == cash
    desk.step(seconds=1)
    assert desk.cash == pytest.approx(cash + 50)
    desk.run()
    assert desk.cash == pytest.approx(cash + 75)
    assert applied(desk) == ["dividend", "dividend"]
    assert desk.verify().ok


def test_an_action_comes_before_the_market_of_its_moment(open_desk: Opener) -> None:
    split = CorporateAction(OPEN + 10 * S, "ACME", ActionKind.SPLIT, numerator=2)
    desk = open_desk(market(20, split, splits=10))
    desk.buy("ACME", 100)
    rest = desk.sell("ACME", 40, limit=110, tif="GTC")
    desk.run()
    assert desk.positions().quantity[0] == 200
    assert desk.nav == pytest.approx(1_000_000, rel=1e-4), "a split makes nobody rich"
    assert (rest.quantity, rest.limit_price) == (80, 55)
    messages = [decode_inbound(entry.message) for entry in desk._room.runtime.log.read()]
    place = messages.index(split)
    assert all(message.ts_ns < split.ts_ns for message in messages[:place])
    assert str(rest.explain()).count("a split of ACME: 2 for 1") == 1


def test_a_journal_goes_on_behind_the_actions_it_has(open_desk: Opener, tmp_path: Path) -> None:
    tape, path = market(20, paid(5), paid(12)), tmp_path / "mine.vtrade"
    first = open_desk(tape, journal=path)
    first.buy("ACME", 100)
    first.step(seconds=8)
    own = CorporateAction(first.ts_ns, "ACME", ActionKind.DIVIDEND, amount=10_000)
    first._room.submit([own])  # an instructor's, which is none of the tape's
    first.close_desk()
    again = open_desk(tape, journal=path)
    assert applied(again) == ["dividend"] * 2
    again.run()
    assert applied(again) == ["dividend"] * 3
    messages = [decode_inbound(entry.message) for entry in again._room.runtime.log.read()]
    assert [m for m in messages if isinstance(m, CorporateAction)] == [tape.actions[0], own, tape.actions[1]]
    assert again.verify().ok
    branch = again.fork(to=OPEN + 6 * S)
    branch.run()
    assert applied(branch) == ["dividend"] * 2


def test_a_renamed_instrument_keeps_its_journal(open_desk: Opener, tmp_path: Path) -> None:
    rename = CorporateAction(OPEN + 5 * S, "ACME", ActionKind.RENAME, new_symbol="APEX")
    tape, path = market(20, rename), tmp_path / "mine.vtrade"
    first = open_desk(tape, journal=path)
    order = first.buy("ACME", 10)
    first.step(seconds=8)
    assert first.symbols == ["APEX"]
    assert [p["symbol"] for p in first.view()["positions"]] == ["APEX"]
    assert order.explain().costs
    first.close_desk()
    again = open_desk(tape, journal=path)
    assert again.buy("APEX", 10).status == "FILLED"
    again.close_desk()
    view = vt.load_journal(path)
    assert view.symbols == ["APEX"]
    assert len(view.bars("APEX")) == len(again.bars("APEX"))


def test_a_closed_room_plays_on_without_actions(open_desk: Opener) -> None:
    desk = open_desk(market(20, paid(12)))
    desk._room.submit([RoomCommand(desk.ts_ns, "close")])
    desk.run()
    assert desk.ended
    assert applied(desk) == []


# --- other money -----------------------------------------------------------------------------------------------------


@pytest.fixture
def abroad(open_desk: Opener) -> vt.Desk:
    rate = CorporateAction(OPEN, "EUR", ActionKind.RATE, amount=1_250_000)
    return open_desk(market(20, rate, euro=True))


def test_money_is_changed_at_the_rooms_rate(abroad: vt.Desk) -> None:
    assert abroad.balances == {"USD": 1_000_000.0, "EUR": 0.0}
    assert abroad.convert(12_500, "USD", "EUR") == {"USD": 987_500.0, "EUR": 10_000.0}
    assert abroad.buy("BAYR", 50).status == "FILLED"
    assert abroad.verify().ok


@pytest.mark.parametrize(
    "ask, error, says",
    [
        ((-5, "USD", "EUR"), ValueOffGrid, "amount -5 must be above 0; swap the currencies"),
        (("much", "USD", "EUR"), ValueOffGrid, "amount 'much' is not a number"),
        ((5, "USD", "GBP"), DeskError, "'GBP' is no money of this room; it has USD, EUR"),
        ((2_000_000, "USD", "EUR"), DeskError, "2000000 USD were not changed into EUR: "),
        ((5, "USD", "USD"), DeskError, "5 USD were not changed into USD: "),
    ],
)
def test_money_that_is_not_changed_says_why(
    abroad: vt.Desk, ask: tuple[object, str, str], error: type[Exception], says: str
) -> None:
    before = abroad.balances
    with pytest.raises(error, match=says):
        abroad.convert(*ask)  # type: ignore[arg-type]
    assert abroad.balances == before


# --- tenders ---------------------------------------------------------------------------------------------------------


def offered(desk: vt.Desk, name: str = "t1", *, account: str = "you", quantity: int = 500) -> None:
    desk._room.submit(
        [OfferTender(desk.ts_ns, name, account, "ACME", Side.BUY, quantity * 10**6, 99_500_000, OPEN + 10 * S)]
    )


def test_a_tender_is_shown_and_taken(open_desk: Opener) -> None:
    desk = open_desk(market())
    assert desk.tenders().empty
    offered(desk)
    assert desk.tenders().loc["t1"].to_dict() == {
        "symbol": "ACME", "side": "buy", "quantity": 500.0, "price": 99.5, "good_till": "2024-03-04 09:30:10.000",
    }  # fmt: skip
    assert desk.answer("t1", accept=True) == "tender t1 was taken: 500 at 99.50"
    assert desk.positions().quantity[0] == 500
    assert desk.tenders().empty
    with pytest.raises(DeskError, match="no tender 't1' open to this desk"):
        desk.answer("t1", accept=True)


def test_a_tender_may_be_left_refused_or_forgotten(open_desk: Opener) -> None:
    desk = open_desk(market())
    offered(desk, "left")
    offered(desk, "too large", quantity=50_000)
    offered(desk, "forgotten")
    assert desk.answer("left", accept=False).startswith("tender left was not taken")
    assert "INSUFFICIENT_BUYING_POWER" in desk.answer("too large", accept=True)
    assert desk.tenders().index.tolist() == ["forgotten"]
    desk.run()
    assert desk.tenders().empty
    assert desk.positions().empty


def test_a_tender_is_nobody_elses(open_desk: Opener) -> None:
    desk = open_desk(market())
    before = records(desk)
    with pytest.raises(ValueOffGrid, match="accept 1 is not True or False"):
        desk.answer("t1", accept=1)  # type: ignore[arg-type]
    with pytest.raises(DeskError, match=r"desk\.tenders\(\) lists them"):
        desk.answer("t1", accept=True)
    assert records(desk) == before


def test_news_for_somebody_else_is_not_shown(open_desk: Opener) -> None:
    desk = open_desk(market())
    for account in ("", "you", "ben"):
        desk._room.submit([RoomCommand(desk.ts_ns, "news", "ACME", f"for {account or 'all'}", account)])
    assert [item["headline"] for item in desk.view()["news"]] == ["for you", "for all"]


# --- who may do what -------------------------------------------------------------------------------------------------


def test_a_margin_account_may_do_more(open_desk: Opener) -> None:
    desk = open_desk(market(), limits=vt.RiskLimits.make(leverage=2, allow_short=True, concentration=5), cash=50_000)
    assert desk.limits.initial_margin_ppm == 500_000
    assert desk.buying_power == pytest.approx(50_000), "money of one's own, which a margin account spends by halves"
    assert desk.buy("ACME", 900).status == "FILLED"
    assert desk.cash < 0
    desk.close()
    assert desk.sell("ACME", 300).status == "FILLED"
    assert desk.positions().quantity[0] == -300
    assert desk.verify().ok
