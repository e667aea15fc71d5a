"""When does trading pause, where may prices go, and does a venue that comes back from a snapshot go on the same?"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.execution.feed import ACME, BUY, SELL, fills, row
from tests.execution.witness import DAY, S, Witness, kinds, of
from vtrade.domain import messages as msg
from vtrade.domain.accounts import NO_LIMITS, RiskLimits
from vtrade.domain.actions import ActionKind
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import Reason, TimeInForce
from vtrade.domain.rules import Latency, RoomRules
from vtrade.domain.values import MICRO
from vtrade.execution.engine import Engine
from vtrade.market.dtype import FLAG_IOC, Kind, SessionStatus

BOLT = Instrument.make("BOLT")
GTC = TimeInForce.GTC
BANDS = RoomRules(luld_ppm=50_000)


class Floor(Witness):
    """An exchange room with agents who ask for what they are told to."""

    oid = 0

    def ask(self, side: int, price: int, lots: int, *, k: int = 0, once: bool = False) -> tuple[int, ...]:
        self.oid += 1
        request = row(Kind.ORDER, side, price, lots, oid=self.oid, k=k)
        return (*request[:-1], FLAG_IOC) if once else request

    def agents(self, *asked: tuple[int, int, int], k: int = 0) -> list[msg.Fact]:
        return self.feed(*(self.ask(*one, k=k) for one in asked))

    def trade(self, price: int, lots: int = 1, *, k: int = 0) -> list[msg.Fact]:
        return self.feed(self.ask(-1, price, lots, k=k), self.ask(1, price, lots, k=k, once=True))


def bands(facts: list[msg.Fact]) -> list[tuple[str, int, int]]:
    return [(fact.symbol, fact.lower, fact.upper) for fact in of(msg.BandsMoved, facts)]


def sessions(facts: list[msg.Fact]) -> list[tuple[str, str, str]]:
    return [(fact.symbol, fact.status, fact.cause) for fact in of(msg.SessionChanged, facts)]


def test_bands_stand_around_the_first_price() -> None:
    w = Floor(rules=BANDS)
    assert bands(w.agents((1, 990, 5), (-1, 1_010, 5))) == []
    assert bands(w.trade(1_000)) == [("ACME", 950, 1_050)]


def test_no_trade_leaves_the_bands() -> None:
    w = Floor(rules=BANDS)
    w.trade(1_000)
    w.agents((-1, 1_050, 5), (-1, 1_051, 5))
    assert fills(w.order("a", BUY, 10)) == [("a", 1_050, 5)]
    assert w.engine.orders


def test_who_asks_below_the_band_waits() -> None:
    w = Floor(rules=BANDS)
    w.trade(1_000)
    w.agents((-1, 940, 5), (-1, 1_010, 5))
    assert fills(w.order("a", BUY, 3, limit="10.20")) == [("a", 1_010, 3)]
    assert w.engine.last(0) == 1_010


def test_who_waits_for_depth_gets_none_outside_the_bands() -> None:
    w = Floor(rules=BANDS)
    w.trade(1_000)
    w.join("lab", limits=NO_LIMITS)
    w.order("a", BUY, 3)
    assert fills(w.order("b", SELL, 3, limit="10.90", account="lab")) == []
    assert [px for _, px, _ in fills(w.order("c", SELL, 3, limit="10.40", account="lab"))] == [1_040, 1_040]


def test_the_reference_follows_the_average_of_five_minutes() -> None:
    w = Floor(rules=BANDS)
    w.trade(1_000, 10)
    w.wait(60)
    assert bands(w.trade(1_009, 100)) == []
    w.wait(60)
    # (1,009 x 100 + 1,030 x 100) / 200 is 1,019.5, which is 2 % away
    assert bands(w.trade(1_030, 100)) == [("ACME", 969, 1_071)]
    w.wait(301)
    assert bands(w.trade(1_031, 1)) == [("ACME", 979, 1_083)]


def test_a_price_that_stands_at_a_band_pauses_trade() -> None:
    w = Floor(rules=BANDS)
    w.trade(1_000)
    w.agents((1, 1_050, 50))
    w.wait(10)
    assert sessions(w.agents((1, 900, 1))) == []
    w.wait(5)
    told = w.agents((1, 900, 1))
    assert sessions(told) == [("ACME", "HALTED", "LULD"), ("ACME", "AUCTION", "LULD")]
    assert bands(told) == [("ACME", 0, 0)]
    w.order("s", SELL, 20, limit="10.70", tif=GTC)
    w.agents((1, 1_080, 30))
    w.wait(300)
    assert sessions(w.agents((1, 900, 1))) == []
    w.wait(1)
    told = w.agents((1, 900, 1))
    assert sessions(told) == [("ACME", "OPEN", "LULD")]
    assert fills(told) == [("s", 1_070, 20)]
    assert w.engine.last(0) == fills(told)[0][1]
    assert bands(told)[0][1] < w.engine.last(0) < bands(told)[0][2]


def test_a_touch_that_leaves_the_band_in_time_pauses_nothing() -> None:
    w = Floor(rules=BANDS)
    w.trade(1_000)
    w.agents((1, 1_050, 50))
    w.wait(14)
    w.feed(row(Kind.CANCEL, oid=w.oid))
    w.wait(2)
    w.agents((1, 1_050, 50))
    w.wait(14)
    assert sessions(w.agents((1, 900, 1))) == []


def test_an_instructor_ends_a_pause_early() -> None:
    w = Floor(rules=BANDS)
    w.trade(1_000)
    w.agents((1, 1_050, 50))
    w.wait(15)
    w.agents((1, 900, 1))
    w.say(msg.RoomCommand(w.ts, "halt", text="wait for me"))
    w.wait(400)
    assert sessions(w.agents((1, 900, 1))) == []
    assert w.engine.session(0) == "HALTED"
    told = w.say(msg.RoomCommand(w.ts, "resume"))
    assert sessions(told) == [("ACME", "OPEN", "")]


def test_a_close_ends_a_pause() -> None:
    w = Floor(rules=BANDS)
    w.trade(1_000)
    w.agents((1, 1_050, 50))
    w.wait(15)
    w.agents((1, 900, 1))
    assert sessions(w.feed(row(Kind.STATUS, lots=SessionStatus.CLOSED))) == [("ACME", "CLOSED", "")]
    w.wait(400)
    assert sessions(w.agents((1, 900, 1))) == []


def test_a_renamed_instrument_resumes() -> None:
    w = Floor(rules=BANDS)
    w.trade(1_000)
    w.agents((1, 1_050, 50))
    w.wait(15)
    w.agents((1, 900, 1))
    w.act(ActionKind.RENAME, new_symbol="NEW")
    w.wait(301)
    assert sessions(w.agents((1, 900, 1))) == [("NEW", "OPEN", "LULD")]


def test_bands_follow_a_split() -> None:
    w = Floor(rules=BANDS)
    w.trade(1_000)
    assert bands(w.split(2, 1)) == [("ACME", 475, 525)]
    assert bands(w.trade(510)) == [("ACME", 484, 536)]


def test_a_replay_room_has_no_bands() -> None:
    w = Witness(rules=BANDS)
    w.book(1_000, 1_002)
    assert bands(w.print(1_001)) == []


def test_the_market_breaks_at_seven_thirteen_and_twenty() -> None:
    w = Floor(ACME, BOLT, rules=RoomRules(luld_ppm=900_000))
    for k in (0, 1):
        w.trade(1_000, k=k)
    w.trade(861)
    assert sessions(w.told) == []
    told = w.trade(999, k=1)
    assert {s[:2] for s in sessions(told)} == {
        ("ACME", "HALTED"),
        ("ACME", "AUCTION"),
        ("BOLT", "HALTED"),
        ("BOLT", "AUCTION"),
    }
    assert "level 1" in sessions(told)[0][2]
    w.wait(901)
    assert len(sessions(w.agents((1, 10, 1)))) == 2
    w.trade(740)
    assert w.engine.session(0) == "AUCTION"
    w.wait(901)
    w.agents((1, 10, 1))
    told = w.trade(590)
    assert [s[1] for s in sessions(told)] == ["HALTED", "HALTED"]
    w.wait(5_000)
    assert sessions(w.agents((1, 10, 1))) == []
    w.feed(*(row(Kind.STATUS, lots=SessionStatus.CLOSED, k=k) for k in (0, 1)))
    w.wait(50_000)
    w.feed(*(row(Kind.STATUS, lots=SessionStatus.OPEN, k=k) for k in (0, 1)))
    assert sessions(w.trade(580)) == []
    assert sessions(w.trade(570)) == []
    assert w.engine.session(0) == "OPEN"


def test_an_instruments_halt_outlasts_the_breaker() -> None:
    w = Floor(ACME, BOLT, rules=RoomRules(luld_ppm=900_000))
    for k in (0, 1):
        w.trade(1_000, k=k)
    w.say(msg.RoomCommand(w.ts, "halt", "BOLT"))
    w.trade(700)
    w.wait(5_000)
    w.agents((1, 10, 1))
    assert w.engine.session(1) == "HALTED"


def test_extended_hours_follow_a_close() -> None:
    w = Witness(rules=RoomRules(extended_hours=True))
    w.feed(row(Kind.STATUS, lots=SessionStatus.OPEN))
    w.book(1_000, 1_002)
    w.order("day", BUY, 1, limit="10.00")
    w.order("gtc", BUY, 1, limit="10.00", tif=GTC)
    told = w.feed(row(Kind.STATUS, lots=SessionStatus.CLOSED))
    assert [(s[1], s[2]) for s in sessions(told)] == [("CLOSED", ""), ("OPEN", "extended hours")]
    assert fills(w.print(1_000, 5, side=-1)) == [("gtc", 1_000, 1)]
    told = w.feed(row(Kind.STATUS, lots=SessionStatus.OPEN))
    assert sessions(told) == [("ACME", "OPEN", "")]


def test_latency_is_the_orders_own() -> None:
    rules = RoomRules(latency=Latency(entry_ns=1_000, jitter_ns=5_000))
    first, second = Witness(rules=rules), Witness(rules=rules)
    (a,) = of(msg.OrderSubmitted, first.order("a", BUY, 1, limit="9.00"))
    (b,) = of(msg.OrderSubmitted, second.order("x", BUY, 3, limit="8.00"))
    assert a.due_ns == b.due_ns
    assert 1_000 <= a.due_ns <= 6_001


def test_a_venue_keeps_its_bytes() -> None:
    w = Floor(ACME, BOLT, rules=RoomRules(luld_ppm=50_000, settlement_days=2))
    w.join("ana", cash=1_000)
    w.trade(1_000)
    w.order("a", BUY, 10, limit="10.00", account="ana", tif=GTC)
    w.trade(999, 20)
    data = w.engine.venue.dump()
    fresh = Engine().venue
    assert fresh.dump() != data
    fresh.load(data)
    assert fresh.dump() == data


EVERYTHING = RoomRules(
    luld_ppm=60_000, settlement_days=1, fx_spread_ppm=500, latency=Latency(entry_ns=2 * S, jitter_ns=3 * S)
)
TIGHT = RiskLimits(
    concentration_ppm=10 * MICRO, initial_margin_ppm=500_000, maintenance_margin_ppm=480_000, allow_short=True,
    short_maintenance_ppm=480_000, margin_rate_ppm=90_000, margin_call_s=60,
)  # fmt: skip
LENT = Instrument(symbol="ACME", tick_size=10_000, borrow_rate_ppm=400_000, borrowable=5_000)
ABROAD = Instrument.make("SAP", currency="EUR")


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 13), st.integers(0, 3), st.integers(1, 60), st.integers(900, 1_100)),
        min_size=5, max_size=25,
    )
)  # fmt: skip
def test_everything_at_once(steps: list[tuple[int, int, int, int]]) -> None:
    """Bands, pauses, calls, tenders, splits, rates, settlement, delays: at each message a twin tells the same."""
    w = Floor(LENT, ABROAD, rules=EVERYTHING)
    w.join("ana", cash=2_000)
    w.join("bob", cash=500, limits=TIGHT)
    w.join("eve", cash=400, limits=TIGHT, currency="EUR")
    w.act(ActionKind.RATE, "EUR", amount=1_200_000)
    for k in (0, 1):
        w.agents((1, 995, 300), (-1, 1_005, 300), k=k)
        w.trade(1_000, k=k)
    for n, (what, who, units, price) in enumerate(steps):
        account, k = ("free", "ana", "bob", "eve")[who], units % 2
        symbol = w.engine.instruments[k].symbol
        match what:
            case 0 | 1 | 2:
                side, limits = (BUY, SELL)[what % 2], ({}, {"limit": price / 100})[n % 2]
                w.order(f"o{n}", side, units, account=account, symbol=symbol, tif=GTC, **limits)
            case 3 | 4:
                w.wait(units)
                w.agents((1, price - 3, units), (-1, price + 3, units), k=k)
            case 5 | 6:
                w.wait(20)
                w.trade(price, units, k=k)
            case 7:
                w.say(
                    msg.OfferTender(w.ts, f"t{n}", account, symbol, BUY, units * MICRO, price * 10_000, w.ts + 50 * S)
                )
                w.say(msg.AnswerTender(w.ts, f"t{n}", account, units % 3 > 0))
            case 8:
                w.say(msg.ConvertCash(w.ts, account, "USD", "EUR", units * MICRO))
            case 9:
                w.split(units % 3 + 1, units % 2 + 1, symbol)
            case 10:
                w.act(ActionKind.RATE, "EUR", amount=price * 1_200)
            case 11:
                w.wait(units * 3_000)
                w.feed(row(Kind.STATUS, lots=(SessionStatus.CLOSED, SessionStatus.OPEN)[n % 2], k=k))
            case 12:
                w.act(ActionKind.DIVIDEND, symbol, amount=units * 1_001)
            case _:
                w.say(msg.RoomCommand(w.ts, "fine", account=account, amount=units * MICRO))
    w.ts += DAY
    w.agents((1, 10, 1))
    for k in (0, 1):
        w.act(ActionKind.DELISTING, w.engine.instruments[k].symbol, amount=9_000_001)
    assert w.engine.orders == {}
    denied = of(msg.OrderDenied, w.order("late", BUY, 1))
    assert [fact.reason for fact in denied] == [Reason.DELISTED]
    assert kinds(w.say(msg.RoomCommand(w.ts, "close")))[-1] == "RoomClosed"
