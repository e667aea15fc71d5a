"""Does an order's story repeat the facts, and do its costs add up to the last micro-unit?"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.execution.told import BUY, COIN, LISTED, MAKER, SELL, TAKER, Told
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import (
    CancelRejected,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderRejected,
    OrderReplaced,
    OrderTriggered,
    ReplaceRejected,
)  # fmt: skip
from vtrade.domain.orders import Liquidity, OrderType, Reason, Side, TimeInForce
from vtrade.execution.blotter import Blotter
from vtrade.execution.explain import (
    CAUSES,
    PARTS,
    WAITS,
    costs,
    describe,
    explain,
    reason_text,
    slippage_bps,
    units_text,
)  # fmt: skip

# --- costs by hand ----------------------------------------------------------------------------------------------------


def test_a_market_buy_pays_half_the_spread_and_then_depth() -> None:
    told = Told().accepted(BUY, 300, 1_000, 1_004).fill(1_004, 100).fill(1_006, 200)
    assert costs(told.record) == {
        "spread": 300 * 2 * 10_000, "depth": 200 * 2 * 10_000, "impact": 0, "delay": 0, "fees": 1_500_000,
        "total": 11_500_000,
    }  # fmt: skip
    assert slippage_bps(told.record) == pytest.approx(1e4 * (600 + 400) / (1_002 * 300))


def test_a_market_sell_pays_the_same_way() -> None:
    told = Told().accepted(SELL, 300, 1_000, 1_004).fill(1_000, 100).fill(997, 200)
    parts = costs(told.record)
    assert (parts["spread"], parts["depth"], parts["delay"]) == (300 * 2 * 10_000, 200 * 3 * 10_000, 0)


@pytest.mark.parametrize(("side", "px"), [(BUY, 1_000), (SELL, 1_004)])
def test_a_maker_earns_half_the_spread(side: Side, px: int) -> None:
    told = Told().accepted(side, 100, 1_000, 1_004, type_=OrderType.LIMIT, limit=px)
    told.fill(px, 100, MAKER, ts=900, bid=1_000, ask=1_004, cause="queue")
    parts = costs(told.record)
    assert (parts["spread"], parts["depth"], parts["delay"]) == (-100 * 2 * 10_000, 0, 0)
    assert parts["total"] == -2_000_000 + 500_000
    bps = slippage_bps(told.record)
    assert bps is not None
    assert bps < 0


def test_a_maker_in_the_same_nanosecond_is_a_maker() -> None:
    told = Told().accepted(BUY, 100, 1_000, 1_004, type_=OrderType.LIMIT, limit=1_000)
    told.fill(1_000, 100, MAKER, bid=1_000, ask=1_004, cause="queue")
    parts = costs(told.record)
    assert (parts["spread"], parts["depth"]) == (-2_000_000, 0)


@pytest.mark.parametrize(("side", "moved"), [(BUY, 10), (SELL, -10)])
def test_waiting_while_the_market_runs_away_is_delay(side: Side, moved: int) -> None:
    told = Told().accepted(side, 100, 1_000, 1_004, type_=OrderType.LIMIT, limit=1_002 + moved)
    told.fill(1_002 + moved, 100, MAKER, ts=900, bid=1_000 + moved, ask=1_004 + moved, cause="cross")
    parts = costs(told.record)
    assert (parts["spread"], parts["depth"], parts["delay"]) == (0, 0, 10 * 100 * 10_000)


def test_a_stop_that_fires_at_once_is_measured_from_arrival() -> None:
    told = Told().accepted(BUY, 100, 1_000, 1_004, type_=OrderType.STOP_MARKET, stop=990)
    told.add(OrderTriggered, 990, 1_002, 1_000, 1_004, Reason.NONE)
    told.fill(1_004, 100, bid=1_000, ask=1_004)
    parts = costs(told.record)
    assert parts["total"] - parts["fees"] == 2 * 100 * 10_000
    assert parts["depth"] == 0


@pytest.mark.parametrize("sides", [(0, 1_004), (1_000, 0), (0, 0)])
def test_where_there_were_no_two_sides_order_and_account_agree(sides: tuple[int, int]) -> None:
    told = Told().mark(1_002).accepted(BUY, 100, *sides).fill(1_010, 100, ts=900, cause="bar_open")
    parts, bps = costs(told.record), slippage_bps(told.record)
    if bps is None:
        assert parts == {}
        assert told.account_slippage != told.account_slippage
    else:
        assert bps == pytest.approx(told.account_slippage)
        assert parts["total"] == sum(parts[name] for name in PARTS)


def test_no_fill_no_cost() -> None:
    told = Told().accepted(BUY, 100, 1_000, 1_004)
    assert costs(told.record) == {}
    assert slippage_bps(told.record) is None
    assert "cost" not in str(explain(told.record))


@pytest.mark.parametrize("instrument", LISTED.values(), ids=LISTED)
def test_costs_are_money_whatever_the_tick_lot_and_multiplier(instrument: Instrument) -> None:
    told = Told(instrument).accepted(BUY, 3, 1_001, 1_004).fill(1_004, 3)
    exact = Fraction(3 * 3, 2) * instrument.tick_value
    assert costs(told.record)["spread"] == exact
    story = explain(told.record)
    assert story.costs["spread"] == pytest.approx(float(exact) / 1e6)
    assert told.record.avg_px == pytest.approx(instrument.price(1_004))


# --- costs in general -------------------------------------------------------------------------------------------------

ticks = st.integers(900, 1_100)
sides = st.one_of(ticks, st.just(0))
fills = st.lists(
    st.tuples(
        ticks, st.integers(1, 500), st.sampled_from([TAKER, MAKER]), st.sampled_from([100, 100, 900]), sides, sides,
        st.sampled_from(sorted(CAUSES)), st.integers(0, 9),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


@given(
    side=st.sampled_from([BUY, SELL]), bid=ticks, ask=ticks, fills=fills, symbol=st.sampled_from(sorted(LISTED)),
    triggered=st.booleans(), decision=st.one_of(st.just(0), st.integers(1_800, 2_200)),
)  # fmt: skip
def test_the_parts_add_up_to_what_was_paid(
    side: Side, bid: int, ask: int, fills: list[tuple[int, int, Liquidity, int, int, int, str, int]], symbol: str,
    triggered: bool, decision: int,
) -> None:  # fmt: skip
    instrument = LISTED[symbol]
    told, wanted = Told(instrument), sum(f[1] for f in fills) + 5
    if decision:
        told.sent(side, wanted, ts=90, due=100, decision=decision)
    told.accepted(side, wanted, bid, ask)
    if triggered:
        told.add(OrderTriggered, 1, 1, bid, ask, Reason.NONE)
    for px, quantity, liquidity, ts, at_bid, at_ask, cause, impact in fills:
        told.fill(px, quantity, liquidity, ts=ts, bid=at_bid, ask=at_ask, cause=cause, impact=impact)
    record = told.record
    parts = costs(record)
    assert set(parts) == {*PARTS, "total"}
    assert parts["total"] == sum(parts[name] for name in PARTS)
    assert all(isinstance(value, int) for value in parts.values())
    start = decision or bid + ask
    paid = sum(Fraction(2 * f[0] - start, 2) * f[1] for f in fills) * int(side) * instrument.tick_value
    assert abs(parts["total"] - record.fees - paid) <= Fraction(1, 2)
    dear = sum(f[1] * f[7] for f in fills) * instrument.tick_value
    assert parts["impact"] == dear
    assert record.fees == sum(instrument.fee(f[0], f[1]) for f in fills)
    assert slippage_bps(record) == pytest.approx(told.account_slippage, abs=1e-6)
    story = explain(record)
    assert round(sum(story.costs[name] for name in PARTS) * 1e6) == round(story.costs["total"] * 1e6)
    assert sum(story.bps[name] for name in PARTS) == pytest.approx(story.bps["total"], abs=1e-6)
    worth = (bid + ask) / 2 * sum(f[1] for f in fills) * instrument.tick_value
    assert story.bps["total"] == pytest.approx(1e4 * parts["total"] / worth)


@given(
    side=st.sampled_from([BUY, SELL]),
    half=st.integers(1, 20),
    levels=st.lists(st.integers(0, 30), min_size=1, max_size=5),
)
def test_taking_at_once_never_earns(side: Side, half: int, levels: list[int]) -> None:
    bid, ask = 1_000 - half, 1_000 + half
    told = Told().accepted(side, 10 * len(levels), bid, ask)
    for beyond in sorted(levels):
        told.fill(ask + beyond if side is BUY else bid - beyond, 10)
    parts = costs(told.record)
    assert parts["spread"] == 10 * len(levels) * half * 10_000
    assert parts["depth"] == 10 * sum(levels) * 10_000
    assert parts["delay"] == 0


# --- the story --------------------------------------------------------------------------------------------------------


def test_the_story_of_a_fill() -> None:
    told = Told().accepted(BUY, 1_300, 1_000, 1_004).fill(1_004, 1_000, shown=2_000).fill(1_006, 300, shown=400)
    story = explain(told.record, show_time=lambda ts: f"t{ts}")
    assert story.title == "Order #7 buy 1,300 ACME at market DAY: FILLED"
    assert story.lines == [
        "t100 accepted; bid 10.00 x 50, ask 10.04 x 60",
        "t100 filled 1,000 at 10.04 as taker: 2,000 were shown at 10.04; fee 5.00 USD, 300 left",
        "t100 filled 300 at 10.06 as taker: 400 were shown at 10.06; fee 1.50 USD",
    ]
    assert repr(story) == f"Explanation({story.title}, cost +38.50 USD, slippage +24.57 bps)"
    assert (
        "+38.50 USD = spread +26.00, depth +6.00, impact +0.00, delay +0.00, fees +6.50 (slippage +24.57 bps)"
        in str(story)
    )


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("depth", "80 were shown at 10.04"),
        ("hidden", "hidden lots stood behind the 80 shown at 10.04"),
        ("beyond", "past the visible book of 80, which ended at 10.04, by the square-root law"),
        ("auction", "the auction crossed 80 at 10.04"),
        ("queue", "got through the queue"),
        ("through", "went beyond its price"),
        ("cross", "the other side came to its price"),
        ("peer", "order #9 of another participant"),
        ("bar_open", "at the bar's open 10.04"),
        ("bar_range", "10.04"),
        ("bar_close", "at the bar's close 10.04"),
    ],
)
def test_every_cause_has_its_words(cause: str, words: str) -> None:
    told = Told().accepted(BUY, 50, 1_000, 1_004).fill(1_004, 50, cause=cause, shown=80, contra=9)
    assert words in told.lines()[-1]


def waits() -> Iterable[Reason]:
    return [reason for reason in Reason if reason.startswith("WAITING_")]


def test_every_wait_has_its_words() -> None:
    assert set(WAITS) == set(waits())


@pytest.mark.parametrize("waiting", waits())
def test_a_working_order_says_why_it_waits_now(waiting: Reason) -> None:
    told = Told().accepted(BUY, 50, 1_000, 1_004, type_=OrderType.LIMIT, limit=1_000, ahead=30, waiting=waiting)
    story = explain(told.record, waiting=waiting, queue_ahead=12)
    assert any(WAITS[waiting] in line for line in story.lines)
    assert WAITS[waiting] in reason_text(told.record)
    other = Reason.WAITING_FOR_RESUME if waiting != Reason.WAITING_FOR_RESUME else Reason.WAITING_FOR_OPEN
    assert any(line == f"now {WAITS[other]}" for line in explain(told.record, waiting=other).lines)


def test_the_place_in_the_queue_is_told() -> None:
    told = Told(COIN).accepted(
        BUY, 50, 1_000, 1_004, type_=OrderType.LIMIT, limit=1_000, ahead=30_500, waiting=Reason.WAITING_IN_QUEUE
    )
    story = explain(told.record, waiting=Reason.WAITING_IN_QUEUE, queue_ahead=1_250)
    assert story.queue_ahead == 1.25
    assert "30.5 ahead in the queue" in story.lines[0]
    assert any("1.25 " in line and "queue" in line for line in story.lines[1:])


@pytest.mark.parametrize(
    ("kind", "rest", "words"),
    [
        (OrderCanceled, (50, Reason.CANCELED_BY_USER, ""), "canceled, CANCELED_BY_USER"),
        (OrderCanceled, (50, Reason.IMMEDIATE_OR_CANCEL, "the rest goes"), "IMMEDIATE_OR_CANCEL: the rest goes"),
        (OrderExpired, (50, Reason.END_OF_DAY), "expired at the end of the day"),
        (
            OrderReplaced,
            (40, 1_001, None, 40, True, 3, Reason.WAITING_IN_QUEUE),
            "quantity 40, limit 10.01; kept its place",
        ),
        (OrderReplaced, (60, 1_001, 990, 60, False, 3, Reason.WAITING_IN_QUEUE), "stop 9.90; went to the back"),
        (OrderTriggered, (990, 991, 1_000, 1_004, Reason.NONE), "triggered: 9.91 reached the stop 9.90"),
    ],
)
def test_every_change_has_its_words(kind: type, rest: tuple[object, ...], words: str) -> None:
    told = Told().accepted(BUY, 50, 1_000, 1_004, type_=OrderType.STOP_LIMIT, limit=1_000, stop=990)
    assert any(words in line for line in told.add(kind, *rest).lines())


@pytest.mark.parametrize(
    ("kind", "words"), [(CancelRejected, "a cancel was refused"), (ReplaceRejected, "a replace was refused")]
)
def test_a_refused_change_has_its_words(kind: type, words: str) -> None:
    told = Told().accepted(BUY, 50, 1_000, 1_004)
    told.facts.append(kind(99, 200, "ana", "c1", Reason.ORDER_CLOSED, "it is FILLED already"))
    assert told.lines()[-1] == f"200 {words}, ORDER_CLOSED: it is FILLED already"


def test_denied_and_rejected_are_told_apart() -> None:
    told = Told().denied(
        "NOPE", Reason.UNKNOWN_SYMBOL, "no such thing", type=OrderType.STOP_LIMIT, limit_price=10_005_000,
        stop_price=9_000_000,
    )  # fmt: skip
    story = explain(told.record)
    assert story.lines == ["5 denied by our own check, UNKNOWN_SYMBOL: no such thing"]
    assert story.title.startswith("Order c1 sell 1.5 NOPE stop 9.00 limit 10.0")
    assert story.title.endswith("GTC: DENIED")
    assert (story.costs, story.slippage_bps, story.currency) == ({}, None, "")
    told = Told()
    told.facts.append(
        OrderRejected(
            3, 5, "ana", "c1", 7, "ACME", BUY, OrderType.MARKET, 5, None, None, TimeInForce.IOC,
            Reason.SESSION_CLOSED, "shut",
        )
    )  # fmt: skip
    assert explain(told.record).lines == ["5 rejected by the venue, SESSION_CLOSED: shut"]


def test_a_denied_price_is_shown_as_it_was_written() -> None:
    told = Told()
    told.facts.append(
        OrderDenied(
            3, 5, "ana", "c1", "ACME", BUY, OrderType.LIMIT, 1_000_000, 182_005_000, None, TimeInForce.DAY,
            Reason.PRICE_OFF_TICK, "limit price 182.005 is not on the grid",
        )
    )  # fmt: skip
    assert "limit 182.005" in describe(told.record)


@pytest.mark.parametrize(
    ("units", "text"),
    [
        (1, "1"),
        (1_000_000, "1,000,000"),
        (1_234_567, "1,234,567"),
        (12_345.67, "12,345.67"),
        (0.001, "0.001"),
        (0, "0"),
        (100, "100"),
    ],
)
def test_a_quantity_has_all_its_digits(units: float, text: str) -> None:
    assert units_text(units) == text


@pytest.mark.parametrize(
    ("type_", "limit", "stop", "text"),
    [
        (OrderType.MARKET, None, None, "#7 sell 2,500 ACME at market"),
        (OrderType.LIMIT, 18_243, None, "#7 sell 2,500 ACME limit 182.43"),
        (OrderType.STOP_MARKET, None, 123_456, "#7 sell 2,500 ACME stop 1,234.56"),
        (OrderType.STOP_LIMIT, 100, 110, "#7 sell 2,500 ACME stop 1.10 limit 1.00"),
    ],
)
def test_an_order_in_a_few_words(type_: OrderType, limit: int | None, stop: int | None, text: str) -> None:
    assert describe(Told().accepted(SELL, 2_500, 1_000, 1_004, type_=type_, limit=limit, stop=stop).record) == text


def test_foreign_text_is_escaped_on_a_page() -> None:
    told = Told()
    told.facts.append(
        OrderDenied(
            3, 5, "ana", "<img>", "<script>alert(1)</script>", BUY, OrderType.MARKET, 1_000_000, None, None,
            TimeInForce.DAY, Reason.UNKNOWN_SYMBOL, "'<script>' is not traded here",
        )
    )  # fmt: skip
    blotter = Blotter()
    blotter.apply(told.facts)
    page = explain(blotter.records["ana", "<img>"])._repr_html_()
    assert "<script>" not in page
    assert "<img>" not in page
    assert "&lt;script&gt;" in page


def test_a_page_shows_every_part_of_the_cost() -> None:
    page = explain(Told().accepted(BUY, 100, 1_000, 1_004).fill(1_006, 100).record)._repr_html_()
    for name in (*PARTS, "total"):
        assert f">{name}</td>" in page
    assert "USD" in page


def test_no_reason_for_what_went_well() -> None:
    assert reason_text(Told().accepted(BUY, 100, 1_000, 1_004).fill(1_006, 100).record) == ""


def test_a_reason_is_told_in_one_line() -> None:
    told = Told().accepted(BUY, 100, 1_000, 1_004).add(OrderCanceled, 100, Reason.FILL_OR_KILL, "not enough there")
    assert reason_text(told.record) == "FILL_OR_KILL: not enough there"
    texts = itertools.chain(WAITS.values(), [reason_text(told.record)])
    assert all("\n" not in text for text in texts)


# --- beside other models ---------------------------------------------------------------------------------------------


def test_text_and_page_show_what_other_models_would_have_charged() -> None:
    told = Told().mark(1_002).accepted(BUY, 100, 1_000, 1_004).fill(1_004, 60).fill(1_006, 40)
    story = told.story()
    text, page = str(story), story._repr_html_()
    assert "what other models would have charged, without fees (USD, bps):" in text
    assert "    charged          10.0480  +2.80  +27.94  for the 100 that filled" in text
    assert "    touch            10.0400  +2.00  +19.96  40 more than were there" in text
    assert "    almgren_2005: needs daily_volume, daily_volatility, shares_outstanding, days" in text
    assert "in bps of what it was worth then: +32.93 = spread +19.96, depth +7.98, impact +0.00" in text
    assert re.search(r">10\.0480</td><td[^>]*>\+2\.80</td>", page)
    assert ">+19.96 bps</td>" in page
