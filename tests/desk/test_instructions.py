"""Does an order do what was asked for beyond its price: trail, hide, wait, end, protect, belong together?"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

import vtrade as vt
from tests.cli import small
from tests.desk.conftest import Opener, records
from vtrade.domain.messages import SubmitOrder, decode_inbound
from vtrade.domain.orders import OrderType, Status, TimeInForce
from vtrade.errors import DeskError, ValueOffGrid
from vtrade.market.dtype import Kind, empty_events
from vtrade.market.tape import Tape, check_tape


def quotes(*mids: float, depth: int = 500) -> Tape:
    """A market that quotes a cent around each mid, a second apart, and prints at the mid."""
    events = empty_events(3 * len(mids))
    for second, mid in enumerate(mids):
        ts, px = small.OPEN_NS + second * small.S, round(mid * 100)
        events[3 * second] = (ts, px - 1, depth, 0, 0, Kind.QUOTE, 1, 0)
        events[3 * second + 1] = (ts, px + 1, depth, 0, 0, Kind.QUOTE, -1, 0)
        events[3 * second + 2] = (ts, px, 10, 0, 0, Kind.TRADE, 0, 0)
    return check_tape(Tape("a short day", (small.ACME,), events, "L1", date="2024-03-04"))


def sent(desk: vt.Desk) -> SubmitOrder:
    """The last order in the journal, as it was written."""
    messages = [decode_inbound(entry.message) for entry in desk._room.runtime.log.read()]
    return [message for message in messages if isinstance(message, SubmitOrder)][-1]


# --- words and numbers -----------------------------------------------------------------------------------------------


def test_every_option_reaches_the_journal(desk: vt.Desk) -> None:
    desk.buy("ACME", 500, limit=150, display=100, post_only=True, good_till=30, oco="pair")
    found = sent(desk)
    assert (found.type, found.time_in_force, found.post_only) == (OrderType.LIMIT, TimeInForce.GTD, True)
    assert (found.display_quantity, found.expire_ns, found.oco) == (100_000_000, desk.ts_ns + 30 * 10**9, "pair")
    parent = desk.buy("ACME", 10, limit=150, time_in_force="gtc")
    desk.sell("ACME", 10, trail_bps="12.5", parent=parent, reduce_only=np.bool_(True), tif="GTC", time_in_force="gtc")
    found = sent(desk)
    assert (found.type, found.trail, found.trail_ppm) == (OrderType.TRAILING_STOP_MARKET, None, 1_250)
    assert (found.parent, found.reduce_only) == (parent.client_order_id, True)
    desk.sell("ACME", 10, trail="0.05")
    assert sent(desk).trail == 50_000


@pytest.mark.parametrize(
    "options, says",
    [
        ({"trail": 1, "trail_bps": 5}, "give one of them"),
        ({"trail": "wide"}, "trail 'wide' is not a number"),
        ({"trail_bps": "0.001"}, "finer than 0.01"),
        ({"tif": "DAY", "time_in_force": "GTC"}, "two names of one thing"),
        ({"tif": "GTD"}, 'GTD needs an end; give good_till, such as good_till="15:30"'),
        ({"good_till": True}, "good_till True is no time"),
        ({"good_till": [5]}, r"good_till \[5\] is no time"),
        ({"post_only": "yes"}, "post_only 'yes' is not True or False"),
        ({"reduce_only": 1}, "reduce_only 1 is not True or False"),
        ({"display": "half"}, "display 'half' is not a number"),
        ({"oco": 5}, "oco 5 is no name"),
        ({"oco": " "}, "oco ' ' is no name"),
        ({"parent": 7}, "parent 7 is no name"),
    ],
)
def test_what_cannot_be_read_is_said_and_not_sent(desk: vt.Desk, options: dict[str, Any], says: str) -> None:
    before = records(desk)
    with pytest.raises(ValueOffGrid, match=says):
        desk.buy("ACME", 10, **options)
    assert records(desk) == before


@pytest.mark.parametrize("seconds", [0, -5, float("nan")])
def test_an_end_is_still_to_come(desk: vt.Desk, seconds: float) -> None:
    with pytest.raises(DeskError, match="no number of seconds above 0"):
        desk.buy("ACME", 10, good_till=seconds)


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"limit": 150, "trail": 1}, "PRICE_NOT_ALLOWED"),
        ({"trail": "0.001"}, "PRICE_OFF_TICK"),
        ({"post_only": True}, "INSTRUCTION_NOT_ALLOWED"),
        ({"display": 5}, "INSTRUCTION_NOT_ALLOWED"),
        ({"limit": 150, "display": 11}, "QUANTITY_OFF_LOT"),
        ({"limit": 150, "good_till": 5, "tif": "DAY"}, "INSTRUCTION_NOT_ALLOWED"),
        ({"stop": 300, "tif": "AT_THE_CLOSE"}, "INSTRUCTION_NOT_ALLOWED"),
        ({"parent": "nobody"}, "UNKNOWN_PARENT"),
        ({"reduce_only": True}, "NOTHING_TO_REDUCE"),
    ],
)
def test_what_cannot_be_done_is_an_order_with_its_reason(desk: vt.Desk, options: dict[str, Any], reason: str) -> None:
    order = desk.buy("ACME", 10, **options)
    assert order.status == Status.DENIED
    assert order.reason.startswith(f"{reason}: ")
    assert reason in str(order.explain())


@pytest.mark.parametrize(
    "end",
    [
        "09:31", "2026-01-05 09:31", dt.datetime(2026, 1, 5, 9, 31), dt.timedelta(minutes=1), 60, 60.0,
        dt.datetime(2026, 1, 5, 14, 31, tzinfo=dt.UTC),
    ],
)  # fmt: skip
def test_an_end_may_be_a_time_a_moment_or_a_span(open_desk: Opener, tape: vt.Tape, end: Any) -> None:
    desk = open_desk()
    start = desk.ts_ns
    order = desk.buy("ACME", 10, limit=150, good_till=end)
    spans = isinstance(end, int | float | dt.timedelta)
    assert sent(desk).expire_ns == (start if spans else tape.start_ns) + 60 * 10**9
    assert order.time_in_force == TimeInForce.GTD
    assert order.instructions["good_till"].startswith("2026-01-05 09:31:00")


# --- what they do ----------------------------------------------------------------------------------------------------


def test_a_trailing_stop_follows_and_then_sells(open_desk: Opener) -> None:
    desk = open_desk(quotes(100, 101, 103, 102.5, 101.5, 100))
    desk.buy("ACME", 50)
    stop = desk.sell("ACME", 50, trail=1)
    stops = []
    while stop.working:
        stops.append(stop.stop_price)
        assert desk.orders().stop_price[0] == stop.stop_price
        assert desk.view()["orders"][0]["price"] == f"stop {stop.stop_price:.2f}"
        desk.step(seconds=1)
    assert stops == [99, 100, 102, 102]
    assert (stop.status, stop.avg_px) == (Status.FILLED, 101.49)
    assert desk.positions().empty
    assert stop.instructions == {"trail": 1.0}


def test_an_order_good_till_a_moment_ends_there_without_any_event(open_desk: Opener) -> None:
    desk = open_desk(quotes(100, 101))
    order = desk.buy("ACME", 10, limit=90, good_till=0.5)
    desk.step(seconds=0.4)
    assert order.working
    desk.step(seconds=0.2)
    assert (order.status, order.reason.split(":")[0]) == (Status.EXPIRED, "GOOD_TILL_DATE")
    assert "expired at the time it was good till" in str(order.explain())
    assert desk.verify().ok


def test_a_post_only_order_never_takes(open_desk: Opener) -> None:
    desk = open_desk(quotes(100, 100))
    shy = desk.buy("ACME", 10, limit="100.01", post_only=True)
    assert (shy.status, shy.reason.split(":")[0]) == (Status.REJECTED, "POST_ONLY_WOULD_TAKE")
    assert desk.buy("ACME", 10, limit="100.00", post_only=True).working


def test_the_ladder_shows_what_an_iceberg_shows(open_desk: Opener) -> None:
    desk = open_desk(quotes(100, 100, 100))
    order = desk.buy("ACME", 500, limit="100.00", display=100)
    bids = {row[0]: row[1:] for row in desk.view()["depth"]["bids"]}
    assert bids[100.0] == [100.0, 100.0]
    assert order.leaves_quantity == 500
    assert order.instructions == {"display": 100.0}


def test_orders_that_wait_elsewhere_are_on_no_rung(open_desk: Opener) -> None:
    desk = open_desk(quotes(100, 100, 100))
    desk.bracket("ACME", 100, limit="99.50", take_profit="100.01", stop_loss=99)
    depth = desk.view()["depth"]
    assert [row for row in depth["asks"] if row[2]] == []
    assert [row for row in depth["bids"] if row[2]] == [[99.5, 100.0, 100.0]]


# --- orders that belong together -------------------------------------------------------------------------------------


def test_a_bracket_takes_its_profit_and_lets_the_stop_go(open_desk: Opener) -> None:
    desk = open_desk(quotes(100, 100.5, 101.5))
    entry, target, guard = desk.bracket("ACME", 100, take_profit=101, stop_loss=99)
    assert (entry.status, entry.side, target.side, guard.side) == (Status.FILLED, "buy", "sell", "sell")
    assert (target.type, guard.type, guard.time_in_force) == (OrderType.LIMIT, OrderType.STOP_MARKET, TimeInForce.GTC)
    desk.run()
    assert (target.status, target.avg_px) == (Status.FILLED, 101.0)
    assert (guard.status, guard.reason.split(":")[0]) == (Status.CANCELED, "ONE_CANCELS_OTHER")
    assert desk.positions().empty


def test_a_bracket_stops_its_loss_and_lets_the_target_go(open_desk: Opener) -> None:
    desk = open_desk(quotes(100, 99.5, 98.5))
    _, target, guard = desk.bracket("ACME", 100, take_profit=101, stop_loss=99)
    desk.run()
    assert (guard.status, target.status) == (Status.FILLED, Status.CANCELED)
    assert desk.positions().empty


def test_the_exits_of_a_bracket_sleep_until_its_entry_fills(open_desk: Opener) -> None:
    desk = open_desk(quotes(100, 99.5, 98.9, 102))
    bracket = desk.bracket("ACME", 100, limit=99, take_profit=101, stop_loss=98)
    assert [order.reason for order in bracket[1:]] == ["it comes to life with the first fill of its parent order"] * 2
    assert {tuple(row["intents"]) for row in desk.view()["orders"]} == {("cancel", "replace")}
    desk.run()
    assert [order.status for order in bracket] == [Status.FILLED, Status.FILLED, Status.CANCELED]
    assert (bracket.entry.avg_px, bracket.take_profit.avg_px) == (99.0, 101.0)


def test_a_short_bracket_sells_first(open_desk: Opener) -> None:
    desk = open_desk(quotes(100, 99.5, 98.5), limits=vt.RiskLimits.make(allow_short=True))
    entry, target, _ = desk.bracket("ACME", 100, take_profit=99, stop_loss=101)
    assert (entry.side, target.side, desk.positions().quantity[0]) == ("sell", "buy", -100)
    desk.run()
    assert target.status == Status.FILLED
    assert desk.positions().empty


def test_a_bracket_whose_entry_is_denied_is_three_orders_that_say_why(desk: vt.Desk) -> None:
    bracket = desk.bracket("ACME", 900_000, take_profit=200, stop_loss=150)
    assert {order.status for order in bracket} == {Status.DENIED}
    assert "is DENIED already" in bracket.take_profit.reason


@pytest.mark.parametrize(
    "terms, says",
    [
        ({"take_profit": 100, "stop_loss": 100}, "take_profit and stop_loss are both 100"),
        ({"take_profit": 110, "stop_loss": 90, "limit": 111}, "the entry at 111 does not lie between"),
        ({"take_profit": "up", "stop_loss": 90}, "take_profit 'up' is not a number"),
    ],
)
def test_a_bracket_that_is_none_sends_nothing(desk: vt.Desk, terms: dict[str, Any], says: str) -> None:
    before = records(desk)
    with pytest.raises(ValueOffGrid, match=says):
        desk.bracket("ACME", 10, **terms)
    assert records(desk) == before


def test_exits_for_a_position_that_is_there(open_desk: Opener) -> None:
    desk = open_desk(quotes(100, 100.5, 101.5))
    with pytest.raises(DeskError, match=r"no position in 'ACME' to leave; desk\.bracket"):
        desk.oco("ACME", take_profit=101, stop_loss=99)
    desk.buy("ACME", 80)
    with pytest.raises(ValueOffGrid, match="you are long ACME, so take_profit must lie above stop_loss"):
        desk.oco("ACME", take_profit=99, stop_loss=101)
    target, guard = desk.oco("ACME", take_profit=101, stop_loss=99)
    assert (target.quantity, guard.quantity) == (80, 80)
    assert target.instructions["oco"] == guard.instructions["oco"]
    desk.run()
    assert (target.status, guard.status) == (Status.FILLED, Status.CANCELED)
    assert desk.positions().empty
    assert desk.verify().ok


def test_the_table_of_orders_says_what_was_asked_for(open_desk: Opener) -> None:
    desk = open_desk(quotes(100, 100))
    desk.buy("ACME", 500, limit="99.00", display=100, post_only=True, good_till="09:30:30")
    desk.buy("ACME", 10)
    desk.sell("ACME", 10, trail_bps=50, oco="exits")
    table = desk.orders().iloc[::-1].reset_index(drop=True)
    assert table.instructions.tolist() == ["post_only;display_quantity=100", "", "trail_bps=50;oco=exits"]
    assert table.good_till.tolist() == ["2024-03-04 09:30:30.000", "", ""]
    assert table.type.tolist() == ["limit", "market", "trailing_stop_market"]
    assert table.tif.tolist() == ["GTD", "DAY", "DAY"]


# --- by a panel ------------------------------------------------------------------------------------------------------


def test_a_panel_may_ask_for_all_of_it(open_desk: Opener) -> None:
    desk = open_desk(quotes(100, 100))
    ask = {"intent": "submit", "symbol": "ACME", "side": "buy", "quantity": "100"}
    assert (
        desk.handle({**ask, "type": "limit", "limit_price": "99", "display": "10", "post_only": True})["kind"] == "ok"
    )
    found = sent(desk)
    assert (found.display_quantity, found.post_only, found.time_in_force) == (10_000_000, True, TimeInForce.DAY)
    assert desk.handle({**ask, "type": "limit", "limit_price": "99", "good_till": "09:31", "tif": ""})["kind"] == "ok"
    assert sent(desk).time_in_force == TimeInForce.GTD
    assert desk.handle({**ask, "type": "trailing_stop_market", "trail": "0.50"})["kind"] == "ok"
    assert sent(desk).trail == 500_000
    told = desk.handle({**ask, "type": "trailing_stop_market"})
    assert told["kind"] == "error"
    assert "PRICE_MISSING" in told["text"]
    assert desk.handle({**ask, "post_only": "maybe"}) == {
        "kind": "error", "text": "post_only 'maybe' is not True or False", "field": "post_only"
    }  # fmt: skip


def test_the_ticket_offers_what_it_has_fields_for(desk: vt.Desk) -> None:
    view = desk.view(sections=("ticket", "kinds"))
    ticket = {**view["ticket"], **view["kinds"]}
    prices = {"limit_price": 150, "stop_price": 300, "trail": 1}
    for type_ in ticket["types"]:
        for tif in ticket["tifs_of"][type_]:
            told = desk.handle(
                {"intent": "submit", "symbol": "ACME", "side": "buy", "quantity": 1, "type": type_, "tif": tif,
                 "good_till": 600.0 if tif == "GTD" else "", **{name: prices[name] for name in ticket["fields"][type_]}}
            )  # fmt: skip
            assert told["kind"] == "ok" or "AUCTION" in told["text"], (type_, tif, told)
