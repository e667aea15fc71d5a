"""When does a session end, and what is a session judged by?"""

import pytest

from vtrade.domain import messages as m
from vtrade.domain.orders import Reason, Side
from vtrade.gamification.progress import XpGained
from vtrade.gamification.rules import parse_rules

HOUR = 3600


def paid_for(events):
    """What XP were paid for."""
    return [event.id for event in events if isinstance(event, XpGained)]


def test_a_careful_session_pays_at_the_close(room):
    r = room().attend()
    for symbol in r.SYMBOLS:
        r.fill(r.accept(Side.BUY, 100, symbol, limit=10_000), 10_000, maker=True)
    assert r.paid() == ["patient_maker"]
    r.wait(600)
    earned = r.status("CLOSED")
    expected = ["small_positions", "shallow_drawdown", "three_sectors", "no_denials", "low_cost"]
    assert paid_for(earned) == expected
    assert {e.seq for e in earned} == {r.seq}


def test_the_halted_and_the_still_open_keep_the_session_going(room):
    r = room().attend()
    r.buy(100)
    r.wait(600)
    assert r.status("HALTED") == []
    assert r.status("CLOSED", r.SYMBOLS[:2]) == []
    assert r.status("CLOSED", r.SYMBOLS[2:]) != []


def test_nothing_is_paid_for_a_session_without_a_position_held(room):
    r = room().attend()
    r.wait(HOUR)
    r.status("CLOSED")
    r.attend().wait(HOUR)
    r.status("OPEN")
    for _ in range(50):  # in and out again, each time for less than five minutes
        r.buy(10)
        r.wait(299)
        r.sell(10)
    r.status("CLOSED")
    assert r.paid() == []


def test_whoever_only_lets_time_pass_earns_nothing(room):
    r = room()
    r.buy(10)
    for _ in range(20):
        r.do("coffee_drunk")
        r.wait(600)
        assert r.next_session() == []
    r.plan()
    r.wait(600)
    assert "small_positions" in paid_for(r.next_session())


def test_the_night_does_not_count_as_holding(room):
    r = room().attend()
    r.wait(HOUR)
    r.buy(10)
    r.status("CLOSED")
    r.attend().wait(18 * HOUR)
    r.status("OPEN")
    r.sell(10)
    r.status("CLOSED")
    assert r.paid() == []


def test_the_largest_position_of_the_session_counts_wherever_it_came_from(room):
    r = room().attend()
    r.buy(149, price=10_000)  # 14.9 % of NAV
    r.wait(600)
    r.mark(10_100)  # 15.03 %
    r.mark(10_000)
    assert "small_positions" not in paid_for(r.status("CLOSED"))
    r.attend().wait(HOUR)
    r.status("OPEN")
    r.wait(600)
    assert "small_positions" in paid_for(r.status("CLOSED"))


def test_exactly_at_the_limit_is_within_it(room):
    r = room().attend()
    r.buy(150, price=10_000)  # 15 % of NAV to the cent
    r.wait(600)
    assert "small_positions" in paid_for(r.status("CLOSED"))
    over = room().attend()
    over.buy(150, price=10_000)
    over.mark(10_001)
    over.wait(600)
    assert "small_positions" not in paid_for(over.status("CLOSED"))


@pytest.mark.parametrize(("low", "kept"), [(9_500, True), (9_499, False)])
def test_the_deepest_drawdown_of_the_session_counts(room, low, kept):
    r = room().attend()
    r.buy(1_000, price=10_000)  # all the money
    r.wait(600)
    r.mark(low)
    r.mark(12_000)
    assert ("shallow_drawdown" in paid_for(r.status("CLOSED"))) is kept


def test_a_denied_order_spoils_the_session_and_not_the_next(room):
    r = room().attend()
    r.buy(10)
    r.deny()
    r.wait(600)
    assert "no_denials" not in paid_for(r.next_session())
    r.attend().wait(600)
    assert "no_denials" in paid_for(r.status("CLOSED"))


@pytest.mark.parametrize(("price", "fee", "kept"), [(10_009, 0, True), (10_011, 0, False), (10_009, 2_000_000, False)])
def test_one_dear_fill_spoils_the_cost_of_the_session(room, price, fee, kept):
    r = room().attend()
    r.fill(r.accept(Side.BUY, 100), 10_000)
    r.fill(r.accept(Side.BUY, 100, "BOLT"), price, fee=fee)
    r.wait(600)
    assert ("low_cost" in paid_for(r.status("CLOSED"))) is kept


def test_a_stop_is_not_blamed_for_the_way_to_its_trigger(room):
    r = room().attend()
    r.buy(100, price=10_000)
    stop = r.accept(Side.SELL, 100, stop=9_800)
    r.wait(600)
    r.mark(9_800)
    r.say(
        m.OrderTriggered, account="ana", client_order_id="c2", order_id=stop, symbol="ACME", stop_price=9_800,
        trigger_price=9_800, bid=9_795, ask=9_805, waiting=Reason.NONE,
    )  # fmt: skip
    r.fill(stop, 9_795)
    assert "low_cost" in paid_for(r.status("CLOSED"))


def test_sectors_are_those_held_at_the_close(room):
    r = room().attend()
    for symbol in r.SYMBOLS:
        r.buy(10, symbol=symbol)
    r.wait(600)
    r.sell(10, symbol="CORN")
    assert "three_sectors" not in paid_for(r.status("CLOSED"))


def test_without_announcements_a_new_day_begins_a_new_session(room):
    r = room(opened=False)
    for day in range(3):
        r.mark(10_000, 10_000, 10_000)
        r.plan()
        r.buy(10)
        r.wait(600)
        r.mark(10_000, 10_000, 10_000)
        r.wait(24 * HOUR - 600)
        assert r.engine.session == day
    r.close()
    assert r.engine.session == 3
    assert r.paid().count("small_positions") == 3
    assert {s.id: s.length for s in r.progress().streaks}["planning"] == 3


def test_a_market_that_never_closes_has_a_session_a_day(room):
    r = room().attend()
    r.buy(10)
    r.wait(24 * HOUR)
    earned = r.mark(10_000, 10_000, 10_000)
    assert r.engine.session == 1
    assert {e.seq for e in earned} == {r.seq}
    assert "small_positions" in paid_for(earned)


def test_a_room_set_up_at_time_0_joins_the_tapes_first_day(room):
    r = room(start_ns=0)
    r.plan()
    r.ts_ns = 1_767_364_200 * 10**9
    r.mark(10_000, 10_000, 10_000)
    assert r.engine.session == 0
    r.buy(10)
    r.wait(299)
    assert paid_for(r.status("CLOSED")) == []


def test_the_end_of_the_room_ends_the_session_once(room):
    r = room().attend()
    r.buy(10)
    r.wait(600)
    assert r.close() != []
    assert r.close() == []


def test_where_time_counts_from_midnight_the_session_is_the_day(room):
    book = parse_rules(
        """
        version = 1
        [[level]]
        level = 1
        xp = 0
        title = "One"
        [[rule]]
        id = "plan"
        version = 1
        title = "Plan"
        description = "A plan a day."
        trigger = { when = "action", action = "plan_written" }
        xp = 1
        repeat = "per_day"
        cap = 9
        """
    )
    dateless, dated = room(book, start_ns=34_200 * 10**9), room(book)
    for r in (dateless, dated):
        r.plan()
        r.plan()
        r.status("CLOSED")
        r.wait(60)
        r.status("OPEN")
        r.plan()
    assert dateless.progress().xp == 2
    assert dated.progress().xp == 1
