"""Does an account go on by itself exactly as it does in its room, and does nobody else show through?"""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.portfolio.room import ABROAD, OPEN_NS, Room
from tests.portfolio.test_recomputation import ACCOUNTS, CASH, Course, courses, happen, names
from vtrade.domain.messages import Fact, Marked
from vtrade.domain.orders import Side
from vtrade.domain.values import MICRO
from vtrade.portfolio import PortfolioEngine, PortfolioError

S = 1_000_000_000


def opened(*, seats_from: int = 10**9, bound: int = 4_096) -> Room:
    """A room in which every instrument has a mark."""
    room = Room(
        *ACCOUNTS, cash=CASH / MICRO, listed=ABROAD, currencies=tuple(ACCOUNTS.values()),
        engine=PortfolioEngine(seats_from=seats_from, curve_cells_max=bound),
    )  # fmt: skip
    room.mark(**{instrument.symbol: 1_000 for instrument in ABROAD})
    return room


def concerns(fact: Fact, account: str) -> bool:
    """Whether a fact is the account's own, or names no account."""
    return getattr(fact, "account", account) == account


def told(engine: PortfolioEngine, name: str) -> list[str]:
    """Everything that can be asked about an account."""
    curve = [part.tolist() for part in engine.equity_curve(name)]
    answers = (
        engine.account(name), engine.positions(name, include_flat=True), engine.exposure(name, by="sector"),
        engine.fills(name), engine.movements(name), engine.round_trips(name), engine.statistics(name), curve,
        list(engine.ledger_entries(name)),
    )  # fmt: skip
    return [repr(answer) for answer in answers]


@given(courses, courses, names, st.sampled_from([1, 10**9]), st.sampled_from([2, 6, 4_096]))
@settings(max_examples=150)
def test_an_account_goes_on_alone(before: Course, after: Course, name: str, seats_from: int, bound: int) -> None:
    room = opened(seats_from=seats_from, bound=bound)
    for step in before:
        happen(room, *step)
    alone = PortfolioEngine.restore(room.engine.snapshot_of(name), seats_from=seats_from)
    alone.check()
    assert alone.accounts == (name,)
    assert told(alone, name) == told(room.engine, name)
    assert alone.snapshot_of(name) == room.engine.snapshot_of(name)
    for step in after:
        done = len(room.facts)
        happen(room, *step)
        alone.apply_all(fact for fact in room.facts[done:] if concerns(fact, name))
        alone.check()
        assert told(alone, name) == told(room.engine, name)
    last = Marked(room.seq + 1, room.ts_ns + S, ((0, 1_234), (2, 777)))
    for engine in (alone, room.engine):
        engine.apply(last)
    assert alone.snapshot_of(name) == room.engine.snapshot_of(name)


@given(courses)
@settings(max_examples=60)
def test_others_leave_no_trace(course: Course) -> None:
    """Whatever the others do: the account's own snapshot does not change by it, and does not name them."""
    room, quiet = opened(), opened()
    for engine in (room.engine, quiet.engine):
        engine.apply(msgspec.structs.replace(room.facts[1], seq=90, account="eve", cash=5))  # type: ignore[call-arg]
    room.seq = 90
    for step in course:
        happen(room, *step)
    for fact in room.facts[len(quiet.facts) :]:
        if concerns(fact, "eve"):
            quiet.engine.apply(fact)
    closing = Marked(room.seq + 1, room.ts_ns, ((1, 5),))
    for engine in (room.engine, quiet.engine):
        engine.apply(closing)
    saved = room.engine.snapshot_of("eve")
    assert saved == quiet.engine.snapshot_of("eve")
    assert not any(other.encode() in saved for other in ACCOUNTS)
    assert all(other.encode() in room.engine.snapshot() for other in ACCOUNTS)


def test_orders_of_others_are_not_in_it() -> None:
    room = opened()
    mine = room.accept("ana", "ACME", Side.BUY, 5, bid=999, ask=1_001)
    before = room.engine.snapshot_of("ana")
    room.accept("ben", "ACME", Side.BUY, 5, bid=777, ask=779)
    after = PortfolioEngine.restore(room.engine.snapshot_of("ana"))
    assert (after.state("ana").arrivals, after.seq) == ({mine: 2_000}, room.seq)
    assert len(room.engine.snapshot_of("ana")) == len(before)


def test_nobody_of_that_name() -> None:
    with pytest.raises(PortfolioError, match="'zoe'"):
        opened().engine.snapshot_of("zoe")


def test_dealing_while_nothing_is_priced_counts_for_who_dealt() -> None:
    """A minute with a fill and no mark is an observation for its account, and for no other."""
    room = opened()
    for minute in range(1, 4):
        room.ts_ns = OPEN_NS + 60 * S * minute
        if minute == 2:
            room.fill("ana", "ACME", 1, 1_000, fee=5)
        else:
            room.mark(ACME=1_000 + minute)
    assert room.engine.statistics("ana")["observations"] == room.engine.statistics("ben")["observations"] + 1
