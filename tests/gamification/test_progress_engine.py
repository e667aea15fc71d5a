"""What earns what, when, and how often?"""

import msgspec
import pytest

from vtrade.domain import messages as m
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import Liquidity, Reason, Side
from vtrade.errors import RuleError, VTradeError
from vtrade.gamification.engine import ProgressEngine, fold
from vtrade.gamification.progress import (
    BadgeEarned,
    LevelReached,
    MissionAdvanced,
    MissionCompleted,
    ProgressEvent,
    StreakExtended,
    XpGained,
)
from vtrade.gamification.rules import load_rules

HOUR = 3600


def paid_for(events):
    """What XP were paid for."""
    return [event.id for event in events if isinstance(event, XpGained)]


# --- actions -----------------------------------------------------------------------------------------------------


def test_a_plan_pays_only_before_the_first_order_and_once_a_session(room):
    early, late = room(), room()
    assert paid_for(early.plan()) == ["plan_first"]
    assert early.plan() == []
    late.buy(10)
    assert late.plan() == []
    late.next_session()
    late.plan()
    assert late.paid() == ["plan_first"]


@pytest.mark.parametrize("first", ["deny", "reject"])
def test_a_refused_order_is_an_order_a_plan_can_come_too_late_for(room, first):
    r = room()
    if first == "deny":
        r.deny()
    else:
        r.say(
            m.OrderRejected, account="ana", client_order_id="c", order_id=1, symbol="ACME", side=Side.BUY,
            type="market", quantity=1, limit_price=None, stop_price=None, time_in_force="DAY",
            reason=Reason.HALTED, detail="",
        )  # fmt: skip
    r.plan()
    assert r.paid() == []


def test_a_word_is_no_plan(room):
    r = room()
    r.do("plan_written", value="  buy" + " " * 40)
    assert r.progress().xp == 0


def test_a_plan_written_after_the_close_is_for_the_next_session(room):
    r = room()
    r.buy(10)
    r.status("CLOSED")
    r.wait(HOUR).plan()
    assert r.paid() == ["plan_first"]


def test_each_question_pays_once_and_only_when_right(room):
    r = room()
    r.do("quiz_answered", "01/q1", "wrong")
    r.do("quiz_answered", "01/q1", "correct")
    r.do("quiz_answered", "01/q1", "correct")
    r.do("quiz_answered", "01/q2", "correct")
    assert [a.subject for a in r.progress().awards] == ["01/q1", "01/q2"]


def test_reviews_pay_per_order_and_three_in_a_session(room):
    r = room()
    for i in range(5):
        r.do("review_written", f"c{i}")
    assert r.paid() == ["order_review"] * 3
    r.next_session()
    r.do("review_written", "c0")
    r.do("review_written", "c4")
    assert r.paid() == ["order_review"] * 4


def test_an_action_no_rule_knows_or_of_nobody_earns_nothing(room):
    r = room()
    assert r.do("coffee_drunk") == []
    assert r.do("lesson_finished", "01", account="nobody") == []


def test_a_subject_of_any_length_takes_bounded_memory(room):
    r = room()
    r.do("lesson_finished", "x" * 1_000_000)
    assert len(r.engine.snapshot()) < 10_000


# --- orders ------------------------------------------------------------------------------------------------------


def test_a_maker_fill_inside_the_spread_pays_once_a_session(room):
    r = room()
    for _ in range(3):
        order = r.accept(Side.BUY, 100, limit=10_000)
        r.fill(order, 10_000, 50, maker=True)
        r.fill(order, 10_000, maker=True)
    assert r.paid() == ["patient_maker"]


@pytest.mark.parametrize(
    ("options", "maker"),
    [
        ({"limit": 9_995}, True),  # at the bid, not inside
        ({"limit": 10_000}, False),  # taken
        ({"limit": 10_000, "bid": 0}, True),  # no bid: no spread to be inside of
        ({"limit": 10_000, "stop": 10_010}, True),
    ],
)
def test_what_is_no_maker_fill_inside_the_spread(room, options, maker):
    r = room()
    r.fill(r.accept(Side.BUY, 100, **options), 9_995, maker=maker)
    assert r.paid() == []


@pytest.mark.parametrize(("kept_priority", "earned"), [(True, ["patient_maker"]), (False, [])])
def test_a_replace_to_another_price_is_not_inside_the_spread_any_more(room, kept_priority, earned):
    r = room()
    order = r.accept(Side.BUY, 100, limit=10_000)
    r.say(
        m.OrderReplaced, account="ana", client_order_id="c1", order_id=order, symbol="ACME", quantity=80,
        limit_price=10_000, stop_price=None, leaves_quantity=80, kept_priority=kept_priority, queue_ahead=0,
        waiting=Reason.WAITING_IN_QUEUE,
    )  # fmt: skip
    r.fill(order, 10_000, 80, maker=True)
    assert r.paid() == earned


@pytest.mark.parametrize(
    ("after_s", "side", "quantity", "earned"),
    [
        (120, Side.SELL, 100, ["protective_stop"]),
        (121, Side.SELL, 100, []),
        (5, Side.BUY, 100, []),
        (5, Side.SELL, 99, []),
    ],
)
def test_a_stop_pays_if_it_is_early_opposite_and_covers_the_position(room, after_s, side, quantity, earned):
    r = room()
    r.buy(100)
    r.wait(after_s)
    r.accept(side, quantity, stop=9_800)
    assert r.paid() == earned


def test_a_stop_protects_a_short_position_too(room):
    r = room()
    r.sell(100)
    r.accept(Side.BUY, 100, stop=10_200)
    assert r.paid() == ["protective_stop"]


def test_closing_and_opening_again_does_not_make_a_late_stop_early(room):
    r = room()
    r.buy(100)
    r.wait(600)
    r.sell(100)
    r.buy(100)
    r.accept(Side.SELL, 100, stop=9_800)
    assert r.paid() == []


def test_a_position_carried_overnight_was_not_opened_today(room):
    r = room()
    r.buy(100)
    r.next_session()
    r.accept(Side.SELL, 100, stop=9_800)
    assert "protective_stop" not in r.paid()


@pytest.mark.parametrize(
    ("age_s", "reason", "earned"),
    [
        (300, Reason.CANCELED_BY_USER, ["tidy_orders"]),
        (299, Reason.CANCELED_BY_USER, []),
        (900, Reason.SELF_TRADE, []),
    ],
)
def test_an_order_that_waited_long_may_be_canceled_for_xp(room, age_s, reason, earned):
    r = room()
    order = r.accept(Side.BUY, 100, limit=9_000)
    r.wait(age_s)
    r.cancel(order, reason)
    assert r.paid() == earned


def test_working_orders_are_forgotten_when_they_end(room):
    r = room()
    size = len(r.engine.snapshot())
    r.fill(r.accept(Side.BUY, 5), 10_005, 5)
    r.cancel(r.accept(Side.BUY, 5, limit=9_000))
    r.say(
        m.OrderExpired, account="ana", client_order_id="c3", order_id=r.accept(Side.BUY, 5, limit=9_000),
        symbol="ACME", leaves_quantity=5, reason=Reason.END_OF_DAY,
    )  # fmt: skip
    r.sell(5)
    assert len(r.engine.snapshot()) < size + 60


# --- levels, missions, streaks, badges ---------------------------------------------------------------------------


def test_a_mission_moves_on_completes_and_pays(room):
    r = room()
    r.plan()
    r.do("explanation_read", "c1")
    r.do("explanation_read", "c2")  # distinct: counts once
    r.do("review_written", "c1")
    assert [(x.done, x.goal) for x in r.progress().missions if x.id == "first_steps"] == [(3, 4)]
    earned = r.do("lesson_finished", "01")
    kinds = [type(e) for e in earned]
    assert kinds.index(MissionAdvanced) < kinds.index(MissionCompleted)
    assert [(e.source, e.id, e.xp) for e in earned if isinstance(e, XpGained)] == [
        ("rule", "lesson_finished", 50),
        ("mission", "first_steps", 100),
    ]
    assert [(e.level, e.title) for e in earned if isinstance(e, LevelReached)] == [(2, "Observer")]
    assert [e.id for e in earned if isinstance(e, BadgeEarned)] == ["first_steps_done"]


def test_a_streak_grows_by_the_session_and_breaks_with_one_missed(room):
    r = room()
    lengths = []
    for planned in (True, True, True, False, True):
        if planned:
            lengths += [e.length for e in r.plan() if isinstance(e, StreakExtended)]
            r.plan()
        r.next_session()
    assert lengths == [1, 2, 3, 1]
    assert [(s.length, s.best) for s in r.progress().streaks if s.id == "planning"] == [(1, 3)]
    assert [(a.source, a.xp) for a in r.progress().awards if a.source == "streak"] == [("streak", 30)]
    r.next_session()
    assert [s.length for s in r.progress().streaks if s.id == "planning"] == [0]


def test_a_bonus_for_a_streak_is_paid_once(room):
    r = room()
    for planned in (True, True, True, False, True, True, True):
        if planned:
            r.plan()
        r.next_session()
    assert [a.xp for a in r.progress().awards if a.source == "streak"] == [30]


def test_the_cap_ends_the_pay_and_not_the_habit(room):
    book = load_rules()
    rules = tuple(msgspec.structs.replace(x, cap=2) if x.id == "plan_first" else x for x in book.rules)
    r = room(msgspec.structs.replace(book, rules=rules))
    for _ in range(5):
        r.plan()
        r.next_session()
    assert r.paid() == ["plan_first"] * 2
    assert [s.best for s in r.progress().streaks if s.id == "planning"] == [5]
    assert "habit" in [b.id for b in r.progress().badges]


def test_each_award_names_its_cause_and_the_version_of_its_rule(room):
    book = load_rules()
    rules = tuple(msgspec.structs.replace(x, version=7) if x.id == "plan_first" else x for x in book.rules)
    r = room(msgspec.structs.replace(book, rules=rules))
    earned = r.plan()
    assert [(e.seq, e.version, e.title) for e in earned if isinstance(e, XpGained)] == [
        (r.seq, 7, "Plan before you trade")
    ]
    assert [(b.id, b.earned_seq) for b in r.progress().badges] == [("first_plan", r.seq)]


def test_awards_add_up_to_the_xp(room):
    r = room()
    for _ in range(6):
        r.plan()
        r.do("lesson_finished", str(r.seq))
        r.buy(10)
        r.accept(Side.SELL, 10, stop=9_000)
        r.wait(600)
        r.next_session()
    p = r.progress()
    assert sum(a.xp for a in p.awards) == p.xp == p.awards[-1].total == r.engine.scores()["ana"]
    assert p.level == 1 + sum(level.xp <= p.xp for level in r.engine.rules.levels[1:])
    assert p.next_level_xp == r.engine.rules.levels[p.level].xp


def test_progress_can_be_read_as_text(room):
    r = room()
    r.plan()
    text = str(r.progress())
    assert text.splitlines()[0] == "ana: level 1, Newcomer, 25 XP (next level at 100)"
    assert "badges: On paper" in text
    assert "streaks: Planner's streak 1" in text
    assert "mission: First steps 1/4: Do each once" in text


def test_an_account_nobody_opened_is_named(room):
    with pytest.raises(VTradeError, match="no account 'bob' in this room; accounts: ana"):
        room().progress("bob")


def test_accounts_do_not_mix(room):
    r = room()
    r.account("ben")
    r.do("lesson_finished", "01", account="ben")
    r.buy(10, account="ben")
    r.buy(10)
    r.wait(600)
    r.status("CLOSED")
    assert r.progress("ana").xp == 0
    assert r.progress("ben").xp > 0
    assert r.engine.accounts == ("ana", "ben")


# --- the fold ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def long_room(room):
    r = room()
    r.account("ben")
    for i in range(5):
        r.plan()
        for account in ("ben", "ana"):
            r.buy(50, account=account, symbol=r.SYMBOLS[i % 3])
            r.accept(Side.SELL, 50, account=account, symbol=r.SYMBOLS[i % 3], stop=9_000)
            r.fill(r.accept(Side.BUY, 20, account=account, limit=10_000), 10_000, maker=True)
        stale = r.accept(Side.BUY, 1, limit=5_000)
        r.wait(400)
        r.cancel(stale)
        r.mark(10_000 + i, 10_000 - i)
        r.do("quiz_answered", f"q{i}", "correct", account="ben")
        r.next_session()
    return r


def test_the_same_facts_give_the_same_state(long_room):
    again = fold(long_room.facts)
    assert again.state_hash() == long_room.engine.state_hash()
    assert again.progress("ben") == long_room.progress("ben")
    assert again.seq == long_room.seq


def test_a_snapshot_at_any_moment_goes_on_as_if_nothing_had_happened(long_room):
    whole = long_room.engine
    for cut in range(0, len(long_room.facts), 7):
        resumed = ProgressEngine.restore(fold(long_room.facts[:cut]).snapshot())
        events = [event for fact in long_room.facts[cut:] for event in resumed.apply(fact)]
        assert resumed.state_hash() == whole.state_hash()
        assert events == long_room.events[len(long_room.events) - len(events) :]


def test_a_snapshot_of_other_rules_or_of_nothing_is_refused(long_room):
    other = msgspec.structs.replace(load_rules(), version=99)
    with pytest.raises(RuleError, match="rebuild progress from the log"):
        ProgressEngine.restore(long_room.engine.snapshot(), other)
    with pytest.raises(RuleError, match="no snapshot of progress"):
        ProgressEngine.restore(b"\x00")


def test_events_survive_the_wire(long_room):
    events = long_room.events
    assert {type(e) for e in events} == set(ProgressEvent.__args__)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(events), type=list[ProgressEvent]) == events


def test_nav_is_derived_from_the_facts(room):
    """Positions, marks and fees in a room of odd ticks and lots, against a sum made by hand."""
    coin = Instrument.make("COIN", tick="0.5", lot="0.001")
    index = Instrument.make("INDEX", tick="0.25", multiplier=50)
    engine = ProgressEngine()
    cash = 10**12
    engine.apply(m.RoomOpened(1, 0, "r", (coin, index)))
    engine.apply(m.AccountOpened(2, 0, "ana", cash, "USD"))
    engine.apply(m.Marked(3, 0, ((0, 60_000), (1, 20_000))))
    fills = [
        ("COIN", Side.BUY, 60_010, 300, 7),
        ("INDEX", Side.SELL, 19_999, 4, 11),
        ("COIN", Side.SELL, 60_002, 500, 0),  # from long to short
        ("INDEX", Side.BUY, 20_003, 4, 1),
    ]
    held = {"COIN": 0, "INDEX": 0}
    for seq, (symbol, side, price, quantity, fee) in enumerate(fills, start=4):
        instrument = coin if symbol == "COIN" else index
        cash -= side * instrument.notional(price, quantity) + fee
        held[symbol] += side * quantity
        engine.apply(
            m.Fill(
                seq, seq, "ana", "c", seq, symbol, side, price, quantity, fee, Liquidity.TAKER, 0, "depth", 1, 2, 3, 4
            )
        )
    engine.apply(m.Marked(9, 9, ((0, 59_990), (1, 20_100))))
    expected = cash + coin.notional(59_990, held["COIN"]) + index.notional(20_100, held["INDEX"])
    assert held == {"COIN": -200, "INDEX": 0}
    assert msgspec.msgpack.decode(engine.snapshot())[12]["ana"][2] == expected
