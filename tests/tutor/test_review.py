"""Does a review say what happened, what it cost, what to consider, and ask one question?"""

from __future__ import annotations

import msgspec
import pytest

from vtrade.tutor.evidence import AccountEvidence, Evidence, FillEvidence, OrderEvidence, PositionEvidence
from vtrade.tutor.offline import answer_offline
from vtrade.tutor.review import CONSIDERATIONS_MAX, considerations, review_order

BASE = OrderEvidence(
    order_id="9", symbol="ACME", side="buy", type="limit", quantity=100, status="FILLED", filled=100, avg_px=100.0,
    limit_price=100.0, arrival_bid=99.99, arrival_bid_size=500, arrival_ask=100.0, arrival_ask_size=500, tick=0.01,
    fills=(FillEvidence(time="10:00:00", price=100.0, quantity=100),),
)  # fmt: skip


def changed(**fields: object) -> OrderEvidence:
    return msgspec.structs.replace(BASE, **fields)


def maker(price: float = 100.0) -> tuple[FillEvidence, ...]:
    return (FillEvidence(time="10:00:00", price=price, quantity=100, liquidity="maker", cause="queue"),)


def test_every_review_has_its_parts_in_order_and_one_question(evidence: Evidence) -> None:
    for order in evidence.orders():
        text = review_order(order, evidence.account()).text
        heads = ["**What happened**", "**What it cost**", "**Next time, consider**", "**A question to think about**"]
        assert [text.index(head) for head in heads] == sorted(text.index(head) for head in heads)
        closing = text.rpartition("**A question to think about**")[2]
        assert closing.count("?") == 1
        assert text.count("\n- ") <= CONSIDERATIONS_MAX + len(order.costs)


def test_walking_the_book_is_the_first_thing_to_consider(evidence: Evidence) -> None:
    order = evidence.order("1")
    assert order is not None
    review = review_order(order, evidence.account())
    assert "You took 500 when 200 were showing at the best price" in review.text
    assert "That part cost 10.00 USD." in review.text
    assert review.text.endswith("What did you gain by having all of it at once?")
    assert {used.source for used in review.evidence} == {"order 1", "order 1 explained", "account"}


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (changed(arrival_bid=99.80), "You crossed a spread of 20.0 bps"),
        (changed(status="ACCEPTED", filled=0, fills=(), limit_price=99.0), "100 ticks (100.0 bps) from the price"),
        (
            changed(status="ACCEPTED", filled=0, fills=(), queue_ahead=5000),
            "5,000 stood ahead of your 100 in the queue",
        ),
        (changed(status="ACCEPTED", filled=40), "60 still wait"),
        (changed(fills=maker()), "You waited and the other side paid the spread"),
        (changed(costs={"spread": 0.5, "fees": 1.5}), "Fees were 75 % of the cost"),
        (changed(), "You traded at once and paid the spread for certainty"),
        (
            changed(status="CANCELED", filled=0, fills=(), reason="IMMEDIATE_OR_CANCEL"),
            "The touch showed 500 for your 100",
        ),
        (changed(type="stop_market", stop_price=99.95), "5 ticks (5.0 bps) beyond the stop"),
        (changed(status="DENIED", filled=0, fills=(), reason="PRICE_OFF_TICK"), "Round the price to the tick"),
    ],
)
def test_each_check_speaks_when_its_evidence_is_there(order: OrderEvidence, said: str) -> None:
    assert said in " ".join(item.text for item in considerations(order, None))


@pytest.mark.parametrize(
    ("order", "unsaid"),
    [
        (changed(), "crossed a spread"),
        (changed(), "walked"),
        (changed(status="ACCEPTED", filled=0, fills=(), limit_price=99.99), "from the price at which"),
        (changed(queue_ahead=0), "in the queue"),
        (changed(fills=maker()), "You traded at once"),
        (changed(type="stop_market", stop_price=100.0), "beyond the stop"),
        (changed(type="stop_market", stop_price=100.05), "beyond the stop"),
        (changed(costs={"spread": 1.5, "fees": 0.5}), "Fees were"),
    ],
)
def test_and_is_silent_when_it_is_not(order: OrderEvidence, unsaid: str) -> None:
    assert unsaid not in " ".join(item.text for item in considerations(order, None))


def test_a_sell_is_judged_against_the_bid() -> None:
    fills = (
        FillEvidence(time="", price=99.99, quantity=300),
        FillEvidence(time="", price=99.90, quantity=200),
    )
    order = changed(
        side="sell",
        type="market",
        limit_price=None,
        quantity=500,
        filled=500,
        avg_px=99.954,
        fills=fills,
        arrival_bid_size=300,
    )
    text = review_order(order).text
    assert "You took 500 when 300 were showing" in text
    assert "3.6 ticks (3.6 bps) worse than the best bid on arrival" in text


def test_concentration_is_seen_only_with_the_account() -> None:
    position = PositionEvidence(symbol="ACME", quantity=100, market_value=22_000.0)
    account = AccountEvidence(
        nav=100_000.0, cash=78_000.0, buying_power=78_000.0, positions=(position,), concentration_limit=0.25
    )
    assert "ACME is now 22.0 % of your NAV, beside a limit of 25.0 %" in review_order(BASE, account).text
    assert "of your NAV" not in review_order(BASE).text


def test_a_review_is_also_an_answer_to_a_question(evidence: Evidence) -> None:
    order = evidence.order("1")
    assert order is not None
    asked = answer_offline("please review order 1", evidence)
    assert asked.text == review_order(order, evidence.account()).text
