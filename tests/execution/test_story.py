"""Does a story name the venue's own doings, the way there, what passed meanwhile and everything around an order?"""

from __future__ import annotations

import numpy as np
import pytest

from tests.execution.told import BUY, MAKER, MS, SELL, Told
from vtrade.domain.actions import ActionKind
from vtrade.domain.messages import (
    ActionApplied,
    AuctionHeld,
    BandsMoved,
    MarginChanged,
    OrderCanceled,
    OrderExpired,
    OrderReplaced,
    OrderTriggered,
    SessionChanged,
)  # fmt: skip
from vtrade.domain.orders import OrderType, Reason, Side, TimeInForce
from vtrade.execution.explain import (
    CAUSES,
    REASONS,
    WAITS,
    cost_bps,
    costs,
    describe,
)  # fmt: skip
from vtrade.execution.layout import CAUSES as ENGINE_CAUSES

# --- what the venue, the room and the way there add ------------------------------------------------------------------


def test_impact_is_told_apart_from_depth() -> None:
    told = Told().accepted(BUY, 300, 1_000, 1_004).fill(1_006, 100, level=1_004, impact=2)
    told.fill(1_007, 200, level=1_005, impact=2)
    parts = costs(told.record)
    assert parts["spread"] == 300 * 2 * 10_000
    assert parts["depth"] == 200 * 1 * 10_000
    assert parts["impact"] == 300 * 2 * 10_000
    assert "0.02 dearer by the room's own impact" in told.lines()[1]


@pytest.mark.parametrize(("side", "edge", "px"), [(BUY, 1_006, 1_015), (SELL, 998, 989)])
def test_what_lay_beyond_the_book_is_impact(side: Side, edge: int, px: int) -> None:
    told = Told().accepted(side, 300, 1_000, 1_004).fill(edge, 100)
    told.fill(px, 200, cause="beyond", level=edge, shown=400)
    parts = costs(told.record)
    assert parts["depth"] == 300 * 2 * 10_000
    assert parts["impact"] == 200 * 9 * 10_000
    assert "0.09 further out" in told.lines()[-1]


def test_a_stop_that_walks_the_book_later_pays_spread_and_depth_there() -> None:
    told = Told().accepted(BUY, 100, 1_000, 1_004, type_=OrderType.STOP_MARKET, stop=1_020)
    told.add(OrderTriggered, 1_020, 1_021, 1_019, 1_023, Reason.NONE, ts=500)
    told.fill(1_023, 60, ts=500, bid=1_019, ask=1_023).fill(1_025, 40, ts=500, bid=1_019, ask=1_025)
    parts = costs(told.record)
    assert parts["delay"] == 100 * 19 * 10_000
    assert parts["spread"] == 100 * 2 * 10_000
    assert parts["depth"] == 40 * 2 * 10_000


def test_an_auction_has_one_price_and_no_spread() -> None:
    told = Told().accepted(SELL, 100, 1_000, 1_004, tif=TimeInForce.AT_THE_CLOSE, waiting=Reason.WAITING_FOR_AUCTION)
    told.about(AuctionHeld, 996, 12_000, 3_000, ts=900).fill(996, 100, ts=900, bid=1_000, ask=1_004, cause="auction")
    parts = costs(told.record)
    assert (parts["spread"], parts["depth"], parts["delay"]) == (0, 0, 100 * 6 * 10_000)
    lines = told.lines()
    assert "takes part in the next call auction" in lines[0]
    assert lines[1] == "900 an auction crossed 12,000 at 9.96; 3,000 more to buy found nobody"


def test_the_way_to_the_venue_is_delay() -> None:
    told = Told().sent(BUY, 100, ts=100, due=100 + 2 * MS, decision=2_000)
    told.accepted(BUY, 100, 1_000, 1_004, ts=100 + 2 * MS).fill(1_004, 100, ts=100 + 2 * MS)
    story = told.story()
    parts = costs(told.record)
    assert (parts["delay"], parts["spread"]) == (100 * 2 * 10_000, 100 * 2 * 10_000)
    assert story.slippage_bps == pytest.approx(1e4 * 200 / 100_200), "against arrival, whatever happened before"
    assert story.slippage_bps == pytest.approx(told.account_slippage)
    assert story.against == "mid when it was sent"
    assert story.lines[0] == "100 sent: it passed our own checks and reaches the venue at 2000100, 2 ms away"
    assert story.lines[1].endswith("; 2 ms on the way, while the mid moved from 10.000 to 10.020")
    blind = Told().sent(BUY, 100, ts=100, due=100 + 2 * MS)
    blind.accepted(BUY, 100, 1_000, 1_004, ts=100 + 2 * MS).fill(1_004, 100, ts=100 + 2 * MS)
    assert costs(blind.record)["delay"] == 0, "an unknown mid is not made up"
    assert blind.lines()[1].endswith("; 2 ms on the way")


def test_an_order_on_its_way_says_so() -> None:
    story = Told().sent(SELL, 100, ts=100, due=900).story(waiting=Reason.WAITING_IN_FLIGHT)
    assert story.title == "Order #7 sell 100 ACME at market DAY: SUBMITTED"
    assert story.lines[-1] == f"now {WAITS[Reason.WAITING_IN_FLIGHT]}"
    assert (story.costs, story.bps, story.alternatives) == ({}, {}, [])


def test_every_reason_has_its_words() -> None:
    assert set(REASONS) | set(WAITS) | {Reason.NONE} == set(Reason)
    assert not set(REASONS) & set(WAITS)


def test_every_cause_of_the_engine_is_known() -> None:
    assert set(ENGINE_CAUSES) - {""} <= set(CAUSES)


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_a_refusal_without_numbers_is_told_in_words(reason: Reason) -> None:
    assert Told().denied("ACME", reason, "").lines() == [f"5 denied by our own check, {reason}: {REASONS[reason]}"]
    told = Told().accepted(BUY, 50, 1_000, 1_004).add(OrderCanceled, 50, reason, "")
    assert told.lines()[-1] == f"100 canceled, {reason}: {REASONS[reason]}"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.END_OF_DAY, "expired at the end of the day"),
        (Reason.GOOD_TILL_DATE, "expired at the time it was good till"),
        (Reason.NO_AUCTION_FILL, "expired: the auction did not fill it"),
        (Reason.DELISTED, "expired, DELISTED: the instrument is not traded any more"),
    ],
)
def test_every_expiry_has_its_words(reason: Reason, words: str) -> None:
    told = Told().accepted(BUY, 50, 1_000, 1_004).add(OrderExpired, 50, reason, ts=700)
    assert told.lines()[-1] == f"700 {words}"


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"post_only": True}, "post-only: it may only provide"),
        ({"reduce_only": True}, "reduce-only: it may only make a position smaller"),
        ({"display_quantity": 1_000}, "shows 1,000 at a time"),
        ({"expire_ns": 4_711}, "good till t4711"),
        ({"oco": "exit"}, "group 'exit': a fill of one lowers the others"),
        ({"parent": "entry"}, "child of order 'entry'"),
    ],
)
def test_every_term_is_told(terms: dict[str, object], words: str) -> None:
    told = Told().accepted(BUY, 50, 1_000, 1_004, **terms)  # type: ignore[arg-type]
    assert words in told.story(show_time=lambda ts: f"t{ts}").lines[0]


@pytest.mark.parametrize(
    ("terms", "words"),
    [({"trail": 50}, "trailing stop 0.50 behind"), ({"trail_ppm": 12_500}, "trailing stop 1.25 % behind")],
)
def test_a_trailing_stop_in_a_few_words(terms: dict[str, object], words: str) -> None:
    told = Told().accepted(SELL, 100, 1_000, 1_004, type_=OrderType.TRAILING_STOP_MARKET, stop=950, **terms)  # type: ignore[arg-type]
    assert describe(told.record) == f"#7 sell 100 ACME {words}"
    told.add(OrderTriggered, 970, 969, 968, 970, Reason.NONE, ts=500)
    assert told.record.stop_price == 9.70
    assert told.lines()[-1] == "500 triggered: 9.69 reached the stop 9.70"


@pytest.mark.parametrize(
    ("reason", "rest", "words"),
    [
        (
            Reason.ONE_CANCELS_OTHER, (30, 1_001, None, 30, True, 3, Reason.WAITING_IN_QUEUE),
            "changed by the venue, ONE_CANCELS_OTHER: another order of its group filled; quantity 30, limit 10.01; "
            "kept its place",
        ),
        (
            Reason.REDUCE_ONLY, (0, 1_001, None, 0, True, -1, Reason.NONE),
            "changed by the venue, REDUCE_ONLY: the position that it may reduce has shrunk; quantity 0, limit 10.01; "
            "nothing is left",
        ),
        (
            Reason.CORPORATE_ACTION, (350, 143, None, 350, False, -1, Reason.WAITING_FOR_OPEN),
            "changed by the venue, CORPORATE_ACTION: a corporate action changed the instrument; quantity 350, "
            "limit 1.43",
        ),
    ],
)  # fmt: skip
def test_what_the_venue_changes_says_why(reason: Reason, rest: tuple[object, ...], words: str) -> None:
    told = Told().accepted(BUY, 50, 1_000, 1_004, type_=OrderType.LIMIT, limit=1_000)
    assert told.add(OrderReplaced, *rest, reason, ts=300).lines()[1] == f"300 {words}"


def test_what_happens_around_an_order_is_told_in_its_place() -> None:
    told = Told().accepted(BUY, 50, 1_000, 1_004, type_=OrderType.LIMIT, limit=1_000, waiting=Reason.WAITING_IN_QUEUE)
    told.about(SessionChanged, "HALTED", "price band", ts=200).about(SessionChanged, "OPEN", "", ts=300)
    told.about(ActionApplied, ActionKind.DIVIDEND, 1, 1, 250_000, "", ts=350).fill(1_000, 50, MAKER, ts=400)
    assert [line.partition(": fee")[0] for line in told.lines()[1:4]] == [
        "200 trading was halted: price band", "300 the session opened", "350 ACME paid a dividend of 0.25 a unit",
    ]  # fmt: skip
    assert told.lines()[4].startswith("400 filled 50")


def test_the_close_that_ends_an_order_is_told_once() -> None:
    told = Told().accepted(BUY, 50, 1_000, 1_004).about(SessionChanged, "CLOSED", "", ts=900)
    told.add(OrderExpired, 50, Reason.END_OF_DAY, ts=900)
    assert told.lines()[1:] == ["900 expired at the end of the day"]


def test_price_bands_are_told_while_an_order_works() -> None:
    told = Told().about(BandsMoved, 950, 1_050, ts=50)
    told.accepted(BUY, 50, 1_000, 1_004, type_=OrderType.LIMIT, limit=940, waiting=Reason.WAITING_FOR_PRICE)
    assert told.lines()[-1] == "now no trade may leave the price bands 9.50 .. 10.50; its limit 9.40 is outside"
    told.about(BandsMoved, 930, 1_030, ts=150)
    assert told.lines()[-1] == "now no trade may leave the price bands 9.30 .. 10.30"
    told.about(BandsMoved, 0, 0, ts=160)
    assert "bands" not in "".join(told.lines())


def test_a_liquidation_names_the_margin() -> None:
    told = Told()
    told.facts.append(MarginChanged(3, 100, "ana", "liquidated", 4_000_000_000, 5_000_000_000))
    told.seq = 3
    told.accepted(SELL, 100, 1_000, 1_004).fill(1_000, 100)
    assert told.lines()[0] == "100 the account's margin was liquidated: equity 4,000.00, required 5,000.00"


def test_a_split_between_two_fills_costs_what_was_paid() -> None:
    told = Told().accepted(BUY, 100, 1_393, 1_407, type_=OrderType.LIMIT, limit=1_400, ahead=0)
    told.fill(1_400, 50, MAKER, ts=200, bid=1_393, ask=1_407, cause="queue").split(7, 1, ts=300, limit=200)
    told.fill(200, 350, MAKER, ts=400, bid=199, ask=201, cause="queue")
    record = told.record
    assert (record.status, record.filled, record.quantity) == ("FILLED", 700, 700)
    assert record.avg_px == pytest.approx(2.00)
    parts = costs(record)
    assert (parts["spread"], parts["delay"]) == (0, 0)
    assert "a split of ACME: 7 for 1" in told.lines()[2]
    told.filled, told.quantity = 0, 700
    assert cost_bps(record)["total"] == pytest.approx(1e4 * record.fees / (1_400 * 100 * 10_000))


# --- what passed while it waited -------------------------------------------------------------------------------------

PRINTS = [(100, 1_000, 999, -1), (150, 1_004, 70, 1), (200, 1_000, 30, -1), (250, 1_000, 20, 1), (300, 1_000, 15, 0)]


def resting(**over: object) -> Told:
    options: dict[str, object] = {"type_": OrderType.LIMIT, "limit": 1_000, "ahead": 100, **over}
    return Told().accepted(BUY, 50, 1_000, 1_004, waiting=Reason.WAITING_IN_QUEUE, **options)  # type: ignore[arg-type]


def test_prints_and_the_queue_are_told_from_entry_to_now() -> None:
    lines = resting().story(queue_ahead=40, prints=PRINTS).lines
    assert lines[-2] == "since 100 2 prints of 45 came at its price"
    assert lines[-1] == "now 40 are ahead of it in the queue, of 100 when it came; at least 15 of those were canceled"
    assert resting().story(queue_ahead=40, prints=np.array(PRINTS)).lines == lines
    assert "canceled" not in resting().story(queue_ahead=55, prints=PRINTS).lines[-1]
    assert resting().story(queue_ahead=100, prints=PRINTS).lines[-1] == "now 100 are ahead of it in the queue"


def test_prints_that_miss_are_told_by_how_far() -> None:
    lines = resting(limit=995).story(queue_ahead=100, prints=PRINTS).lines
    assert "4 prints passed and none reached it: the nearest was at 10.00, 0.05 away" in lines[-2]
    assert resting().story(prints=[(50, 1_000, 9, -1)]).lines[-1] == "since 100 nothing has printed"


def test_prints_beyond_its_price_are_told_until_it_filled() -> None:
    told = resting().fill(1_000, 50, MAKER, ts=400, bid=999, ask=1_001, cause="through")
    rows = [*PRINTS, (400, 999, 5, -1), (401, 1_000, 7_777, -1)]
    assert told.story(prints=rows).lines[-1] == (
        "since 100 until 400 2 prints of 45 came at its price and 1 print of 5 beyond it"
    )


def test_what_took_at_once_has_no_queue_to_tell_of() -> None:
    told = Told().accepted(BUY, 50, 1_000, 1_004, type_=OrderType.LIMIT, limit=1_004).fill(1_004, 50)
    assert "since" not in "".join(told.story(prints=PRINTS).lines)


@pytest.mark.parametrize(
    ("side", "stop", "words"),
    [
        (BUY, 1_010, "the highest of 4 prints since it came is 10.04, 0.06 short of its stop"),
        (SELL, 990, "the lowest of 4 prints since it came is 10.00, 0.10 short of its stop"),
    ],
)
def test_a_stop_says_how_near_the_market_came(side: Side, stop: int, words: str) -> None:
    waiting = Reason.WAITING_FOR_TRIGGER
    told = Told().accepted(side, 50, 1_000, 1_004, type_=OrderType.STOP_MARKET, stop=stop, waiting=waiting)
    assert told.story(prints=PRINTS).lines[-1] == words
