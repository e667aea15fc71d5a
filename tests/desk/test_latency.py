"""Where messages take time: is an order shown on its way, does it arrive without an event, and is its delay told?"""

from __future__ import annotations

from pathlib import Path

import pytest

import vtrade as vt
from tests.cli import small
from tests.desk.conftest import Opener, records, told
from tests.desk.test_instructions import quotes
from vtrade.domain.messages import OrderSubmitted
from vtrade.domain.orders import OrderType, Reason, Status, TimeInForce

SLOW = {"latency_ms": 250}


@pytest.fixture
def desk(open_desk: Opener) -> vt.Desk:
    """A quote a second, and a quarter of a second to the venue."""
    return open_desk(quotes(100, 101, 102, 103), rules=SLOW)


def test_an_order_is_shown_on_its_way(desk: vt.Desk) -> None:
    order = desk.buy("ACME", 10, limit="100.50", display=5, oco="pair")
    assert (order.status, order.type, order.time_in_force) == (Status.SUBMITTED, OrderType.LIMIT, TimeInForce.DAY)
    assert (order.limit_price, order.leaves_quantity, order.instructions) == (
        100.5,
        10,
        {"display": 5.0, "oco": "pair"},
    )
    (row,) = desk.view()["orders"]
    assert (row["status"], row["price"], row["filled"]) == ("SUBMITTED", "100.50", 0.0)
    assert "cancel" in row["intents"]
    assert [side[2] for side in desk.view()["depth"]["bids"]] == [0.0], "it is on no rung yet"
    table = desk.orders()
    assert (table.status[0], table.type[0], table.limit_price[0]) == ("SUBMITTED", "limit", 100.5)
    assert table.reason[0] == "it is on its way to the venue; nobody there has seen it yet"
    assert "SUBMITTED" in str(desk)
    assert order.explain().costs == {}


def test_the_fact_says_what_was_sent_and_what_was_seen(desk: vt.Desk) -> None:
    desk.sell("ACME", 10, stop=99, limit=98, tif="GTC")
    desk.buy("ACME", 10, stop=110)
    (fact,) = [fact for fact in told(desk) if isinstance(fact, OrderSubmitted)]
    assert (fact.type, fact.stop_price, fact.limit_price) == (OrderType.STOP_MARKET, 11_000, None)
    assert (fact.time_in_force, fact.bid, fact.ask) == (TimeInForce.DAY, 9_999, 10_001)
    assert fact.due_ns - fact.ts_ns == 250_000_000
    assert desk._room.blotter.find("you", "o2").decision == 20_000


def test_it_arrives_when_its_time_has_come_though_nothing_happens_in_the_market(desk: vt.Desk) -> None:
    order = desk.buy("ACME", 10)
    desk.step(seconds=0.2)
    assert order.status == Status.SUBMITTED
    desk.step(seconds=0.2)
    assert (order.status, order.avg_px) == (Status.FILLED, 100.01)
    assert desk.verify().ok


def test_a_step_goes_to_the_arrival_where_that_comes_first(desk: vt.Desk) -> None:
    start = desk.ts_ns
    order = desk.buy("ACME", 10)
    desk.step()
    assert desk.ts_ns == start + 250_000_001
    assert order.status == Status.FILLED
    desk.step()
    assert desk.ts_ns == small.OPEN_NS + small.S, "the next quote"


def test_the_market_moves_on_meanwhile_and_the_explanation_calls_that_delay(desk: vt.Desk) -> None:
    desk.step(seconds=0.9)
    order = desk.buy("ACME", 10)
    desk.step(seconds=1)
    story = order.explain()
    assert order.avg_px == 101.01
    assert story.costs["delay"] == pytest.approx(10.0)
    assert story.costs["total"] == pytest.approx(10 * 1.01 + order.fees)
    assert story.against == "mid when it was sent"
    assert "250 ms on the way, while the mid moved from 100.000 to 101.000" in str(story)


def test_at_the_end_of_the_tape_what_is_on_its_way_still_arrives(open_desk: Opener) -> None:
    desk = open_desk(quotes(100, 101), rules=SLOW)
    desk.run()
    order = desk.buy("ACME", 10)
    assert (desk.ended, order.status) == (True, Status.SUBMITTED)
    desk.step()
    assert (order.status, order.avg_px) == (Status.FILLED, 101.01)
    before, end = records(desk), desk.ts_ns
    desk.step()
    desk.step(seconds=100)
    assert (records(desk), desk.ts_ns) == (before, end), "then time stands still"
    desk.close("ACME")
    desk.step(seconds=100)
    assert desk.positions().empty


def test_a_cancel_travels_too_and_says_so(desk: vt.Desk) -> None:
    order = desk.buy("ACME", 10, limit=90)
    desk.step()
    assert desk.handle({"intent": "cancel", "id": order.client_order_id})["text"].endswith(
        ". A change is on its way to the venue"
    )
    assert order.working
    desk.step()
    assert (order.status, order.reason) == (Status.CANCELED, str(Reason.CANCELED_BY_USER))


def test_a_cancel_sent_at_once_arrives_after_its_order(desk: vt.Desk) -> None:
    order = desk.buy("ACME", 10, limit=90)
    order.cancel()
    assert order.status == Status.SUBMITTED
    desk.step(seconds=0.5)
    assert order.status == Status.CANCELED
    assert desk.verify().ok


def test_a_desk_that_is_opened_again_still_has_it_on_its_way(tmp_path: Path, open_desk: Opener) -> None:
    tape, path = quotes(100, 101, 102), tmp_path / "slow.vtrade"
    first = open_desk(tape, rules=SLOW, journal=path)
    first.buy("ACME", 10)
    first.close_desk()
    again = open_desk(tape, journal=path)
    (order,) = [again.order(name) for name in again.orders().client_order_id]
    assert order.status == Status.SUBMITTED
    branch = again.fork()
    for desk in (again, branch):
        desk.step(seconds=0.3)
        assert desk.order("o1").avg_px == 100.01
    assert again.verify().ok
