"""Is the past of a branch the past of the desk it came from, and does the old journal stay as it was?"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

import vtrade as vt
from tests.desk.conftest import Opener, players, read_facts, standing, told, until
from vtrade.domain.messages import Fact, Marked, RoomOpened
from vtrade.domain.orders import Status
from vtrade.domain.values import NS_PER_S
from vtrade.errors import DeskError, JournalError
from vtrade.ports import Log

OPEN_NS = 34_200 * NS_PER_S


def at(seconds: float) -> int:
    return OPEN_NS + int(seconds * NS_PER_S)


def trade(desk: vt.Desk) -> None:
    """Three minutes of a student's life: fills, waits, refusals, actions."""
    desk.record("plan_written", value="Buy ACME, wait for the news, then sell.")
    desk.buy("ACME", 100)
    desk.buy("ACME", 100, limit=182.0, client_order_id="patient")
    desk.run(until="09:30:40")
    desk.buy("NOPE", 1)
    desk.buy("LUMA", "12.5", limit=float(desk.quotes().bid["LUMA"]), tif="GTC")
    desk.run(until="09:31:30")
    desk.order("patient").replace(limit=182.1)
    desk.sell("ACME", 40).explain()
    desk.run(until="09:32:10")
    desk.order("patient").cancel()
    desk.close()
    desk.run(until="09:32:30")


def up_to(facts: list[Fact], moment: int) -> list[Fact]:
    """Facts as old as a moment; where a branch was cut off in a frame, that frame's mark may come earlier."""
    kept = [fact for fact in facts if fact.ts_ns <= moment and not isinstance(fact, RoomOpened)]
    while kept and isinstance(kept[-1], Marked):
        kept.pop()
    return kept


@pytest.fixture(scope="module")
def traded(tape: vt.Tape) -> vt.Desk:
    desk = vt.Desk(tape, language_model=None)
    trade(desk)
    return desk


# --- the past ---------------------------------------------------------------------------------------------------------

MOMENTS = [0, 0.5, 7.123, 39.999, 40, 40.000001, 59.9, 60, 90, 90.5, 130, 149.999, 150]


@pytest.mark.parametrize("seconds", MOMENTS)
def test_a_fork_has_the_same_past(traded: vt.Desk, seconds: float) -> None:
    before = told(traded)
    fork = traded.fork(to=at(seconds))
    try:
        assert fork.ts_ns >= at(seconds)
        past = told(fork)
        assert up_to(past, at(seconds)) == up_to(before, at(seconds))
        assert isinstance(past[0], RoomOpened)
        assert past[0].forked_from == fork.forked_from != ""
        assert fork.verify().ok
        assert fork.nav == pytest.approx(fork.cash + fork.positions().market_value.sum())
        assert set(fork.quotes().status) == {"OPEN"}
        assert (fork.quotes().ask > fork.quotes().bid).all()
        assert told(traded) == before
    finally:
        fork.close_desk()


@pytest.mark.parametrize("seconds", MOMENTS)
def test_the_market_of_a_fork_goes_on_as_it_did(traded: vt.Desk, open_desk: Opener, seconds: float) -> None:
    untouched = open_desk()
    untouched.run(until="09:30:45")
    fork = untouched.fork(to=min(at(seconds), untouched.ts_ns))
    try:
        fork.run()
        untouched.run()
        for symbol in fork.symbols:
            assert fork.bars(symbol, seconds=1).equals(untouched.bars(symbol, seconds=1))
        assert fork.quotes().equals(untouched.quotes())
    finally:
        fork.close_desk()


def test_a_fork_at_present_stands_where_the_desk_stands(traded: vt.Desk) -> None:
    fork = traded.fork()
    try:
        assert standing(fork) == standing(traded)
    finally:
        fork.close_desk()


def test_a_fork_of_a_fork(traded: vt.Desk) -> None:
    child = traded.fork(to="09:32")
    grandchild = child.fork(to="09:31")
    try:
        assert up_to(told(grandchild), at(60)) == up_to(told(traded), at(60))
        assert grandchild.now == "2026-01-05 09:31:00.000"
        assert grandchild.forked_from
        assert grandchild.verify().ok
    finally:
        child.close_desk()
        grandchild.close_desk()


def test_a_fork_goes_its_own_way(traded: vt.Desk) -> None:
    before = standing(traded)
    fork = traded.fork(to="09:31")
    fork.buy("BYTE", 500)
    fork.run()
    fork.close_desk()
    assert standing(traded) == before


def test_orders_that_waited_at_the_fork_wait_there_again(traded: vt.Desk) -> None:
    fork = traded.fork(to="09:31:10")
    try:
        order = fork.order("patient")
        assert order.status == Status.ACCEPTED
        assert fork.orders().limit_price[fork.orders().client_order_id == "patient"].item() == 182.0
        assert fork.buying_power < fork.cash
        order.cancel()
        assert order.status == Status.CANCELED
    finally:
        fork.close_desk()


def test_new_names_in_a_fork_are_new(traded: vt.Desk) -> None:
    fork = traded.fork()
    try:
        assert fork.buy("ACME", 1).status == Status.FILLED
    finally:
        fork.close_desk()


# --- rewinding --------------------------------------------------------------------------------------------------------


def test_a_rewind_keeps_the_old_journal_and_goes_on_in_another(
    open_desk: Opener, tmp_path: Path, tape: vt.Tape
) -> None:
    path = tmp_path / "mine.db"
    desk = open_desk(journal=path)
    trade(desk)
    before = told(desk)
    assert desk.rewind(to="09:31") is desk
    assert desk.now == "2026-01-05 09:31:00.000"
    assert desk.journal == str(tmp_path / "mine-rewind1.db")
    assert up_to(told(desk), at(60)) == up_to(before, at(60))
    assert read_facts(path) == before
    assert vt.verify(path).ok
    assert desk.verify().ok
    digest = sha256(path.read_bytes()).hexdigest()
    desk.buy("BYTE", 100)
    desk.run()
    assert sha256(path.read_bytes()).hexdigest() == digest
    there = standing(desk)
    desk.close_desk()
    assert standing(open_desk(journal=tmp_path / "mine-rewind1.db")) == there
    old = open_desk(journal=path)
    assert (old.now, old.forked_from) == ("2026-01-05 09:32:30.000", "")
    assert told(old) == before


def test_rewinding_again_and_again(open_desk: Opener, tmp_path: Path) -> None:
    desk = open_desk(journal=tmp_path / "j.db")
    trade(desk)
    names = [desk.rewind(seconds=20).journal for _ in range(3)]
    assert names == [str(tmp_path / f"j-rewind{n}.db") for n in (1, 2, 3)]
    assert desk.now == "2026-01-05 09:31:30.000"
    assert desk.verify().ok
    for name in (tmp_path / "j.db", *names[:-1]):
        assert vt.verify(name or "").ok


@pytest.mark.parametrize(
    "how", [{"seconds": 1e6}, {"seconds": 10_000}, {"seconds": float("inf")}, {"to": 0}, {"to": "00:00"}, {}]
)
def test_before_the_beginning_is_the_beginning(open_desk: Opener, how: dict[str, float]) -> None:
    fresh = standing(open_desk())
    desk = open_desk()
    trade(desk)
    desk.rewind(**how)  # type: ignore[arg-type]
    assert standing(desk) == fresh
    assert desk.buy("ACME", 1).status == Status.FILLED
    assert desk.verify().ok


def test_the_rewind_button_in_the_first_minute(open_desk: Opener, daily: vt.Tape) -> None:
    for which in (None, daily):
        desk = open_desk(which)
        notice = desk.handle({"intent": "rewind"})
        assert notice["kind"] == "ok"
        assert desk.nav == 1_000_000
        assert desk.buy(desk.symbols[0], 1).status in (Status.FILLED, Status.ACCEPTED)
        assert desk.view()["account"]["nav"] > 999_000


def test_rewinding_reaches_moments_before_all_shares_are_listed(open_desk: Opener) -> None:
    desk = open_desk(vt.load_tape("sample:AAPL,FB", start="2012-04-02", end="2012-06-29"))
    desk.run(until="2012-04-30 16:00")
    assert desk.rewind(to="2012-04-10 16:00").now == "2012-04-10 16:00:00.000"
    fork = desk.fork(to="2012-04-05 16:00")
    assert fork.now == "2012-04-05 16:00:00.000"
    fork.close_desk()


def test_seconds_are_counted_back_from_now(open_desk: Opener) -> None:
    desk = open_desk()
    desk.run(until="09:31")
    assert desk.rewind(seconds=12.5).now == "2026-01-05 09:30:47.500"


def test_the_future_cannot_be_rewound_to(open_desk: Opener) -> None:
    desk = open_desk()
    desk.run(until="09:31")
    before = standing(desk)
    for act in (desk.rewind, desk.fork):
        with pytest.raises(DeskError, match=r"not happened yet.*09:31:00"):
            act(to="09:32")
    with pytest.raises(DeskError, match="not by both"):
        desk.rewind(seconds=1, to="09:30:30")
    assert standing(desk) == before


def test_handles_after_a_rewind(open_desk: Opener) -> None:
    desk = open_desk()
    kept = desk.buy("ACME", 1)
    desk.run(until="09:31")
    gone = desk.buy("ACME", 2)
    desk.rewind(to="09:30:30")
    assert (kept.status, kept.filled_quantity) == (Status.FILLED, 1)
    assert "rewound" in repr(gone)
    for look in (lambda: gone.status, gone.explain, gone.cancel, gone.review, lambda: gone.replace(quantity=1)):
        with pytest.raises(DeskError, match=r"rewound|no order"):
            look()
    new = desk.buy("ACME", 3)
    assert new.client_order_id != gone.client_order_id
    assert "rewound" in repr(gone)


def test_the_tape_can_be_played_again_after_its_end(open_desk: Opener) -> None:
    desk = open_desk()
    desk.run()
    last = desk.bars("ACME", 1)
    desk.rewind(to="09:30:30")
    assert not desk.ended
    desk.play(100_000)
    until(lambda: desk.ended)
    assert desk.bars("ACME", 1).equals(last)


def test_a_rewind_stops_the_market(open_desk: Opener) -> None:
    desk = open_desk()
    desk.run(until="09:31")
    desk.play(20)
    desk.rewind(seconds=30)
    assert not desk.playing
    assert not players()
    now = desk.ts_ns
    assert desk.ts_ns == now


def test_panels_follow_a_rewind(open_desk: Opener) -> None:
    desk, heard = open_desk(), []
    stop = desk.on_change(lambda: heard.append(desk.view()["seq"]))
    desk.run(until="09:31")
    desk.rewind(seconds=30)
    assert heard
    count = len(heard)
    desk.step()
    assert len(heard) > count
    assert heard == sorted(heard)
    stop()
    stop()
    count = len(heard)
    desk.step()
    assert len(heard) == count


def test_a_rewind_that_fails_leaves_the_desk_as_it_was(open_desk: Opener, tmp_path: Path) -> None:
    desk = open_desk(journal=tmp_path / "j.db")
    trade(desk)
    before = standing(desk)

    def refuse(path: str | None) -> Log:
        raise JournalError(f"{path}: the disk is full")

    wiring = desk._wiring
    desk._wiring = replace(wiring, open_log=refuse)
    with pytest.raises(JournalError, match="full"):
        desk.rewind(to="09:31")
    with pytest.raises(JournalError, match="full"):
        desk.fork()
    desk._wiring = wiring
    assert standing(desk) == before
    assert desk.journal == str(tmp_path / "j.db")
    assert desk.buy("ACME", 1).status == Status.FILLED


def test_names_of_branches_that_are_taken_are_passed_over(open_desk: Opener, tmp_path: Path) -> None:
    (tmp_path / "j-rewind1.db").mkdir()
    desk = open_desk(journal=tmp_path / "j.db")
    assert desk.step(seconds=5).rewind(seconds=1).journal == str(tmp_path / "j-rewind2.db")


# --- forks with journals ----------------------------------------------------------------------------------------------


def test_a_fork_may_keep_a_journal(open_desk: Opener, tmp_path: Path) -> None:
    desk = open_desk()
    trade(desk)
    fork = desk.fork(to="09:31", journal=str(tmp_path / "fork.db"))
    fork.buy("BYTE", 10)
    there = standing(fork)
    fork.close_desk()
    again = open_desk(journal=tmp_path / "fork.db")
    assert standing(again) == there
    assert again.forked_from
    assert vt.verify(tmp_path / "fork.db").ok


def test_a_fork_does_not_write_into_the_journal_of_another_desk(open_desk: Opener, tmp_path: Path) -> None:
    other = open_desk(journal=tmp_path / "other.db", account="ana")
    other.buy("ACME", 5)
    other.close_desk()
    before = read_facts(tmp_path / "other.db")
    desk = open_desk()
    with pytest.raises(DeskError, match=r"other\.db"):
        desk.fork(journal=str(tmp_path / "other.db"))
    assert read_facts(tmp_path / "other.db") == before
    assert desk.buy("ACME", 1).status == Status.FILLED
