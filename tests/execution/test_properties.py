"""What can no stream of messages break?"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.execution.checks import Ledger, check_inside
from tests.execution.shadow import Shadow
from tests.execution.streams import (
    ACCOUNTS,
    LISTED,
    RULES,
    Step,
    families,
    framed,
    steps,
    stream,
    venues,
    without_margin,
)
from vtrade.domain import messages as msg
from vtrade.execution import layout as at
from vtrade.execution.engine import Engine


def run(engine: Engine, messages: list[msg.Inbound]) -> list[list[msg.Fact]]:
    return [engine.process(message) for message in messages]


@given(families, venues, steps)
@settings(max_examples=150)
def test_cash_shares_liquidity_and_books_hold_after_every_message(
    kinds: tuple[str, ...], rules: int, numbers: list[Step]
) -> None:
    engine, ledger, shadow = Engine(), Ledger(), Shadow(RULES[rules], agents="agents" in kinds)
    for message in stream(kinds, numbers, rules=rules):
        facts = engine.process(message)
        ledger.fold(facts)
        ledger.check(engine)
        check_inside(engine)
        shadow.check(engine, message, facts)
        assert msg.decode_facts(msg.encode_facts(facts)) == facts
    if not engine.orders:
        assert all(account.reserved == 0 for account in engine.accounts.values())
    assert sum(engine._book.inst[:, at.SHORTED]) == sum(
        max(0, asked - held)
        for a in engine.accounts.values()
        for asked, held in zip(a.selling, a.positions, strict=True)
    )
    for k in range(len(LISTED)):
        peers = sum(ledger.positions.get((name, LISTED[k].symbol), 0) for name in ACCOUNTS)
        assert peers == sum(account.positions[k] for account in engine.accounts.values())


@given(families, venues, steps, st.integers(0, 60))
@settings(max_examples=100)
def test_a_restored_engine_goes_on_as_the_first_one(
    kinds: tuple[str, ...], rules: int, numbers: list[Step], cut: int
) -> None:
    messages = stream(kinds, numbers, rules=rules, wild=True)
    first = Engine()
    told = run(first, messages[:cut])
    second = Engine.restore(first.snapshot())
    check_inside(second)
    assert second.snapshot() == first.snapshot()
    assert len(told) == min(cut, len(messages))
    for message in messages[cut:]:
        assert second.process(message) == first.process(message)
    assert second.state_hash() == first.state_hash()


def plain(facts: list[list[msg.Fact]]) -> list[tuple[object, ...]]:
    """Facts without marks, which come once a frame, and without their numbers."""
    kept = [fact for each in facts for fact in each if not isinstance(fact, msg.Marked)]
    return [tuple(getattr(fact, name) for name in fact.__struct_fields__ if name != "seq") for fact in kept]


@given(families, venues, steps, st.lists(st.booleans(), min_size=1, max_size=8))
@settings(max_examples=100)
def test_frames_make_no_difference(kinds: tuple[str, ...], rules: int, numbers: list[Step], cuts: list[bool]) -> None:
    messages = without_margin(stream(kinds, numbers, rules=rules, wild=True))
    single, joined = Engine(), Engine()
    assert plain(run(single, messages)) == plain(run(joined, framed(messages, cuts)))
    assert {n: (a.cash, a.positions) for n, a in single.accounts.items()} == {
        n: (a.cash, a.positions) for n, a in joined.accounts.items()
    }
    assert single.marks == joined.marks
    assert [single.depth(k, side, 99) for k in range(3) for side in (1, -1)] == [
        joined.depth(k, side, 99) for k in range(3) for side in (1, -1)
    ]
