"""Can anybody earn XP by trading more? Whatever happened in a room, extra round trips never add any."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtrade.domain import messages as m
from vtrade.domain.orders import Liquidity, OrderType, Reason, Side, TimeInForce
from vtrade.gamification.engine import fold
from vtrade.gamification.rules import load_rules

SYMBOLS = ("ACME", "BOLT", "CORN")

marks = st.tuples(st.just("mark"), st.integers(0, 2), st.sampled_from([9_000, 9_900, 10_000, 10_300]))
trades = st.tuples(
    st.just("trade"), st.integers(0, 2), st.sampled_from([1, 1, 1, -1]), st.sampled_from([40, 40, 200]),
    st.sampled_from([10_000, 10_000, 10_020]), st.booleans(), st.sampled_from([0, 0, 0, 5_000_000]),
)  # fmt: skip
others = st.sampled_from([("stop", 0), ("stop", 1), ("rest",), ("cancel",), ("deny",), ("quiz",), ("plan",)])
waits = st.tuples(st.just("wait"), st.sampled_from([60, 600]))


def _day(plan, opening, wait, events, end):
    return [*plan, ("attend",), *opening, wait, *events, ("wait", 600), *end]


days = st.builds(
    _day,
    st.sampled_from([[], [("plan",)]]),
    st.lists(trades, max_size=2),
    waits,
    st.lists(st.one_of(others, marks, trades, waits), max_size=5),
    st.sampled_from([[], [("next",)], [("next",)]]),
)
steps = st.lists(days, min_size=1, max_size=5).map(lambda several: [step for day in several for step in day])

# Where, of what, how much, at what, lost by the lot (never a profit), selling first, fee, in two parts.
trips = st.lists(
    st.tuples(
        st.integers(0, 10**6), st.integers(0, 2), st.sampled_from([40, 40, 200]), st.sampled_from([10_000, 9_990]),
        st.sampled_from([0, 0, 20]), st.booleans(), st.sampled_from([0, 0, 5_000_000]), st.booleans(),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip


def play(room, story):
    """A room in which the steps happened, then the close."""
    r = room()
    resting = []
    for step in story:
        match step:
            case ("wait", seconds):
                r.wait(seconds)
            case ("mark", i, price):
                r.say(m.Marked, marks=((i, price),))
            case ("trade", i, sign, quantity, price, maker, fee):
                order = r.accept(Side(sign), quantity, SYMBOLS[i], limit=10_000 if maker else None)
                r.fill(order, price, maker=maker, fee=fee)
            case ("plan",):
                r.plan()
            case ("stop", i):
                r.accept(Side.SELL, 700, SYMBOLS[i], stop=9_000)
            case ("rest",):
                resting.append(r.accept(Side.BUY, 10, limit=8_000))
            case ("cancel",) if resting:
                r.cancel(resting.pop(0))
            case ("attend",):
                r.attend()
            case ("deny",):
                r.deny()
            case ("quiz",):
                r.do("quiz_answered", "q1", "correct")
            case ("next",):
                r.next_session()
    r.close()
    return r


def round_trip(before, order_id, symbol, quantity, price, loss, sell_first, fee, in_parts):
    """Facts of a round trip by market orders right after the fact ``before``; it makes no profit."""
    sides = (Side.SELL, Side.BUY) if sell_first else (Side.BUY, Side.SELL)
    first, second = (price - loss, price) if sell_first else (price, price - loss)
    for k, (side, paid) in enumerate(zip(sides, (first, second), strict=True)):
        name = f"extra{order_id + k}"
        yield m.OrderAccepted(
            0, before.ts_ns, "ana", name, order_id + k, symbol, side, OrderType.MARKET, quantity, None, None,
            TimeInForce.DAY, 9_995, 1_000, 10_005, 1_000, -1, Reason.NONE,
        )  # fmt: skip
        parts = (2, quantity - 2) if in_parts else (quantity,)
        leaves = quantity
        for part in parts:
            leaves -= part
            yield m.Fill(
                0, before.ts_ns, "ana", name, order_id + k, symbol, side, paid, part, fee, Liquidity.TAKER, leaves,
                "depth", 9_995, 10_005, paid, part,
            )  # fmt: skip


def with_trips(facts, extra):
    """The facts with the round trips put in, each at one moment, after the instruments have marks."""
    begun = next(i for i, fact in enumerate(facts) if isinstance(fact, m.Marked))
    longer = list(facts)
    for n, (where, i, quantity, price, loss, sell_first, fee, in_parts) in enumerate(extra):
        at = begun + where % (len(longer) - begun)
        # not inside another round trip: its facts have seq 0
        while at > begun and at + 1 < len(longer) and longer[at + 1].seq == 0:
            at -= 1
        facts_of_trip = round_trip(
            longer[at], 1_000_000 + 2 * n, SYMBOLS[i], quantity, price, loss, sell_first, fee, in_parts
        )
        longer[at + 1 : at + 1] = facts_of_trip
    return longer


@settings(max_examples=150, deadline=None)
@given(story=steps, extra=trips)
def test_extra_round_trips_never_raise_xp(room, in_sequence, story, extra):
    r = play(room, story)
    longer = fold(in_sequence(with_trips(r.facts, extra))).progress("ana")
    plain = r.progress()
    assert longer.xp <= plain.xp
    assert {badge.id for badge in longer.badges} <= {badge.id for badge in plain.badges}
    for fewer, rule in zip(longer.rules, plain.rules, strict=True):
        assert fewer.earned <= rule.earned, rule.id


@settings(max_examples=60, deadline=None)
@given(story=steps)
def test_no_history_earns_more_than_its_sessions_and_subjects_allow(room, story):
    r = play(room, story)
    assert r.progress().xp <= load_rules().most_xp(r.engine.session + 1)


@pytest.mark.parametrize("n", [1, 10, 100])
def test_the_same_working_day_pays_the_same_for_any_number_of_trades(room, n):
    r = room()
    r.plan()
    for _ in range(n):
        order = r.accept(Side.BUY, 10, limit=10_000)
        r.fill(order, 10_000, maker=True)
        r.accept(Side.SELL, 10, stop=9_000)
        r.wait(300)
        r.sell(10, price=10_000)
    r.status("CLOSED")
    assert r.progress().xp == 25 + 20 + 20 + 30 + 30 + 15 + 30


def test_a_cheap_round_trip_does_not_hide_a_dear_fill(room):
    r = room().attend()
    r.buy(40, price=10_020)
    r.sell(40, price=10_000, symbol="BOLT")
    r.buy(40, price=10_000, symbol="BOLT")
    r.wait(600)
    r.status("CLOSED")
    assert "low_cost" not in r.paid()


def test_a_round_trip_does_not_hide_a_drawdown(room):
    r = room().attend()
    r.buy(1_000, price=10_000)
    r.mark(9_400)
    r.sell(1_000, price=9_400)
    r.buy(1_000, price=9_400)
    r.wait(600)
    r.status("CLOSED")
    assert "shallow_drawdown" not in r.paid()
