"""Which rule files are accepted, and what does a refusal say?"""

import msgspec
import pytest

from vtrade.errors import RuleError
from vtrade.gamification.rules import (
    TRIGGERS,
    ActionTrigger,
    Repeat,
    SessionTrigger,
    Trigger,
    load_rules,
    parse_rules,
)

SMALL = """
version = 1
[[level]]
level = 1
xp = 0
title = "Newcomer"
[[level]]
level = 2
xp = 10
title = "Next"
[[rule]]
id = "plan"
version = 1
title = "Plan"
description = "Write a plan."
trigger = { when = "action", action = "plan_written" }
xp = 10
repeat = "per_session"
cap = 3
[[mission]]
id = "plans"
version = 1
title = "Plans"
description = "Three plans."
counts = ["plan"]
goal = 3
xp = 5
[[streak]]
id = "habit"
version = 1
title = "Habit"
description = "Plans in a row."
rules = ["plan"]
bonus = [{ length = 2, xp = 7 }]
[[badge]]
id = "planner"
version = 1
title = "Planner"
description = "A plan."
rule = "plan"
"""


def test_a_small_file_is_read():
    book = parse_rules(SMALL)
    assert (book.rules[0].repeat, book.missions[0].goal, book.streaks[0].bonus[0].xp) == (Repeat.PER_SESSION, 3, 7)
    assert [book.most_xp(n) for n in (0, 1, 2, 3, 99)] == [5, 15, 32, 42, 42]
    assert book.most_xp() == 42


@pytest.mark.parametrize(
    ("change", "to", "says"),
    [
        ('when = "action"', 'when = "order_count"', "rule 'plan': unknown trigger 'order_count'; use one of action, "),
        ("xp = 10\nrepeat", "xp = -5\nrepeat", "rule 'plan': Expected `int` >= 0 - at `$.xp`; mend or remove"),
        ('id = "planner"', 'id = "plan"', "badge 'plan': the id is used twice; give this one another"),
        ("xp = 10\ntitle", "xp = 0\ntitle", "level 2: the table must rise: level 1 begins at 0 XP"),
        ("level = 2", "level = 3", "level 3: the table must rise"),
        ("level = 1\nxp = 0", "level = 1\nxp = 5", "level table: it must begin with level = 1 at xp = 0"),
        ("xp = 10\ntitle", "xp = 5000\ntitle", "level 2: its 5000 XP can never be earned (all rules together pay 42)"),
        ('repeat = "per_session"', 'repeat = "always"', "rule 'plan': Invalid enum value 'always'"),
        ('repeat = "per_session"', 'repeat = "once"', "rule 'plan': repeat is once but cap is 3; write cap = 1"),
        ("cap = 3", "cap = 0", "rule 'plan': Expected `int` >= 1"),
        ("cap = 3", "cap = 3\nsession_cap = 2", "rule 'plan': session_cap 2 needs repeat = 'per_subject'"),
        ("cap = 3", "", "rule 'plan': Object missing required field `cap`"),
        ("cap = 3", "cap = 3\nfills = 10", "rule 'plan': Object contains unknown field `fills`"),
        ('id = "plan"\n', "", "rule number 1: Object missing required field `id`"),
        ('counts = ["plan"]', 'counts = ["paln"]', "mission 'plans': there is no rule 'paln'; use one of plan"),
        ('counts = ["plan"]', 'counts = ["plan", "plan"]', "mission 'plans': a rule stands twice in counts"),
        ("goal = 3", "goal = 3\ndistinct = true", "mission 'plans': goal 3 can never be reached (at most 1)"),
        ('rules = ["plan"]', "rules = []", "streak 'habit': rules is empty"),
        ('rules = ["plan"]', 'rules = ["x"]', "streak 'habit': there is no rule 'x'"),
        ("{ length = 2, xp = 7 }", "{ length = 2, xp = 7 }, { length = 2, xp = 9 }", "bonus lengths [2, 2] must rise"),
        ('rule = "plan"\n', "", "badge 'planner': name exactly one of rule, mission, streak and level"),
        ('rule = "plan"\n', 'rule = "x"\n', "badge 'planner': there is no rule 'x'"),
        ('rule = "plan"\n', 'mission = "x"\n', "badge 'planner': there is no mission 'x'; use one of plans"),
        ('rule = "plan"\n', 'streak = "habit"\n', "badge 'planner': streak and length go together"),
        ('rule = "plan"\n', "level = 9\n", "badge 'planner': there is no level 9; the table ends at 2"),
        ('rule = "plan"\n', "level = 1\n", "badge 'planner': every account begins at level 1"),
        ('rule = "plan"\n', "level = 2\ntimes = 3\n", "badge 'planner': times needs a rule"),
        ("version = 1\n[[level]]", "version = 0\n[[level]]", "version is 0; begin the file with 'version = 1'"),
        ("[[badge]]", "[[medal]]", "unknown table 'medal'; use one of version, rule"),
        ("[[badge]]", "[badge]", "'badge' is not a list of tables; write [[badge]] above each"),
        ("[[badge]]", "[[badge", "not TOML"),
        (
            '{ when = "action", action = "plan_written" }',
            '{ when = "session_end", held_s = 60 }',
            "rule 'plan': session_end without a condition would pay for holding anything",
        ),
        (
            '{ when = "action", action = "plan_written" }',
            '{ when = "session_end", held_s = 0, no_denials = true }',
            "rule 'plan': Expected `int` >= 1 - at `$.trigger.held_s`",
        ),
        (
            '{ when = "action", action = "plan_written" }\nxp = 10\nrepeat = "per_session"',
            '{ when = "maker_inside_spread" }\nxp = 10\nrepeat = "per_subject"',
            "rule 'plan': only a trigger on an action may repeat per_subject",
        ),
        (
            '"plan_written" }\nxp = 10\nrepeat = "per_session"',
            '"plan_written", before_first_order = true }\nxp = 10\nrepeat = "per_subject"',
            "rule 'plan': before_first_order cannot repeat per_subject",
        ),
    ],
)
def test_a_refusal_names_the_file_the_entry_and_the_mend(change, to, says):
    assert SMALL.count(change) == 1
    with pytest.raises(RuleError) as refused:
        parse_rules(SMALL.replace(change, to), name="mine.toml")
    assert str(refused.value).startswith("mine.toml: ")
    assert says in str(refused.value)


def test_a_goal_beyond_the_subjects_of_a_rule_is_refused():
    text = SMALL.replace('"per_session"', '"per_subject"').replace("goal = 3", "goal = 4")
    with pytest.raises(RuleError, match="goal 4 can never be reached"):
        parse_rules(text)


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path):
    with pytest.raises(RuleError, match=r"none\.toml: cannot be read"):
        load_rules(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RuleError, match=r"bytes\.toml: cannot be read"):
        load_rules(tmp_path / "bytes.toml")


def test_a_file_of_ones_own_is_read(tmp_path):
    (tmp_path / "mine.toml").write_text(SMALL, encoding="utf-8")
    assert load_rules(tmp_path / "mine.toml") == parse_rules(SMALL)


def test_the_fingerprint_follows_the_rules():
    assert parse_rules(SMALL).fingerprint() == parse_rules(SMALL + "\n# a comment\n").fingerprint()
    assert parse_rules(SMALL).fingerprint() != parse_rules(SMALL.replace("goal = 3", "goal = 2")).fingerprint()


def test_the_rules_that_come_with_vtrade_cover_the_ways_to_work_well():
    book = load_rules()
    assert {rule.trigger.__struct_config__.tag for rule in book.rules} == set(TRIGGERS)
    actions = {rule.trigger.action for rule in book.rules if isinstance(rule.trigger, ActionTrigger)}
    assert actions == {"plan_written", "review_written", "explanation_read", "lesson_finished", "quiz_answered"}
    assert all(entry.description.endswith(".") for entry in (*book.rules, *book.missions, *book.badges))
    assert book.levels[-1].xp < book.most_xp(100)


def test_no_word_of_the_vocabulary_counts_orders_or_fills():
    words = {field for kind in Trigger.__args__ for field in kind.__struct_fields__}
    assert words == {
        "action", "value", "min_length", "before_first_order", "within_s", "age_s", "held_s", "max_position_pct",
        "max_drawdown_pct", "min_sectors", "no_denials", "max_cost_bps",
    }  # fmt: skip


def test_every_rule_at_a_sessions_end_needs_a_position_that_was_held():
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"when": "session_end", "no_denials": True}, SessionTrigger)
