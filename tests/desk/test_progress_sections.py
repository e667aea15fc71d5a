"""Does the panel tell what was learned and where one stands, truly, and without ever waiting for a gateway?"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

import vtrade as vt
from tests.desk.conftest import Opener
from tests.services.loopback import Class, Loopback, SharedOver, class_tape, until, wiring
from vtrade.desk.desk import Desk
from vtrade.desk.sections import SECTIONS, Look, build, ranks
from vtrade.desk.sections.progress import COUNTED, doubt_text
from vtrade.desk.sections.ranks import STANDINGS_COLUMNS, Seen, ranks_within
from vtrade.domain.accounts import RiskLimits
from vtrade.errors import DeskError, Unavailable
from vtrade.gamification.leaderboard import Standing
from vtrade.portfolio.confidence import Doubt, Span, nav_span
from vtrade.services.remote import RemoteRoom

NAMES = ("standings", "ranking", "progress", "learning", "earned")
PLAN = "buy a little and see what the book does"
MANY = [f"t{n:02d}" for n in range(40)]


def seen(desk: Desk, **look: Any) -> dict[str, Any]:
    """The panel's sections, as JSON gives them back."""
    told = build(desk, Look().changed(look), NAMES)
    text = json.dumps(told, allow_nan=False)
    assert json.loads(text) == told
    return told


def trading(room: SharedOver, names: list[str]) -> None:
    """Everybody buys, each another amount, and an hour passes."""
    for place, name in enumerate(names):
        one = Desk.on(room, name, wiring())
        for symbol in one.symbols[place % 3 : place % 3 + 2]:
            one.buy(symbol, 10 + 7 * place)
    room.run()


@pytest.fixture(scope="module")
def tape() -> vt.Tape:
    return class_tape(vt.synthetic(5, minutes=60, events_per_second=1))


@pytest.fixture(scope="module")
def crowd(tape: vt.Tape) -> Iterator[SharedOver]:
    """Forty who traded for an hour."""
    room = SharedOver(tape, dict.fromkeys(MANY, RiskLimits()))
    trading(room, MANY)
    yield room
    room.close()


def desk_at(room: SharedOver, rank: int) -> Desk:
    return Desk.on(room, room.rank("nav").top(rank)[-1].account, wiring())


# --- progress --------------------------------------------------------------------------------------------------------


def test_progress_is_that_of_the_desk(desk: vt.Desk) -> None:
    desk.record("plan_written", value=PLAN)
    desk.record("lesson_finished", subject="01_orders_and_the_book")
    told, more, progress = seen(desk)["progress"], seen(desk)["learning"], desk.progress
    assert (told["level"], told["title"], told["xp"]) == (progress.level, progress.title, progress.xp)
    assert told["level_xp"] <= told["xp"] < told["next_level_xp"] == progress.next_level_xp
    assert told["next_title"] == "Observer"
    assert told["badges"] == [badge.title for badge in progress.badges] == ["On paper"]
    assert [(m["id"], m["done"], m["goal"]) for m in more["missions"]] == [
        (m.id, m.done, m.goal) for m in progress.missions
    ]
    assert [a["xp"] for a in more["awards"]] == [a.xp for a in reversed(progress.awards)]
    assert [(s["length"], s["best"]) for s in more["streaks"]] == [(s.length, s.best) for s in progress.streaks]


def test_a_mission_says_what_to_do_next(desk: vt.Desk) -> None:
    def first_steps() -> dict[str, Any]:
        found: dict[str, Any] = seen(desk)["learning"]["missions"][0]
        return found

    assert first_steps()["next"].startswith("Write down what you intend to do")
    desk.record("plan_written", value=PLAN)
    assert first_steps()["done"] == 1
    assert first_steps()["next"].startswith("Review one of your orders")
    desk.record("review_written", subject="o1")
    desk.record("explanation_read", subject="o1")
    assert first_steps()["next"] == "Work through a lesson notebook to its end."
    desk.record("lesson_finished", subject="01")
    assert (first_steps()["done"], first_steps()["goal"], first_steps()["next"]) == (4, 4, "")


def test_every_badge_says_what_it_asks_for_and_how_far_it_is(desk: vt.Desk) -> None:
    desk.record("plan_written", value=PLAN)
    for number in range(3):
        desk.record("explanation_read", subject=f"o{number}")
    told = {badge["id"]: badge for badge in seen(desk)["learning"]["collection"]}
    book = desk._room.progress.rules
    assert set(told) == {badge.id for badge in book.badges}
    assert all(badge["about"] and 0 <= badge["done"] <= badge["goal"] for badge in told.values())
    assert told["first_plan"]["earned"]
    assert told["first_plan"]["seq"] == desk.progress.badges[0].earned_seq
    assert (told["curious"]["earned"], told["curious"]["done"], told["curious"]["goal"]) == (False, 3, 10)
    assert (told["first_steps_done"]["done"], told["first_steps_done"]["goal"]) == (2, 4)
    assert (told["habit"]["done"], told["trader"]["done"], told["trader"]["goal"]) == (1, 1, 5)


def test_what_was_earned_is_told_to_who_looks_elsewhere(desk: vt.Desk) -> None:
    assert seen(desk)["earned"] == {"account": "you", "level": 1, "title": "Newcomer", "badges": []}
    desk.record("plan_written", value=PLAN)
    assert seen(desk)["earned"]["badges"] == [["first_plan", "On paper"]]


# --- standings -------------------------------------------------------------------------------------------------------


def test_alone_there_is_one_row(desk: vt.Desk) -> None:
    told = seen(desk)
    assert told["standings"] == [{"rank": 1, "name": "you", "score": 0, "me": True, "moved": None, "gap": False}]
    ranking = told["ranking"]
    assert (ranking["size"], ranking["me"]["percentile"], ranking["text"]) == (1, 100.0, COUNTED)
    assert seen(desk, board="nav")["ranking"]["text"].startswith("The value never moved")


def test_the_own_row_is_there_at_every_rank(crowd: SharedOver) -> None:
    board = crowd.rank("nav").top(40)
    for rank in (1, 9, 10, 11, 12, 14, 39, 40):
        desk = desk_at(crowd, rank)
        rows = seen(desk, board="nav")["standings"]
        assert [row["name"] for row in rows[:10]] == [row.account for row in board[:10]]
        (mine,) = [row for row in rows if row["me"]]
        place = next(n for n, row in enumerate(board) if row.account == desk.account)
        assert (mine["rank"], mine["score"]) == (board[place].rank, board[place].score / 1e6)
        told = [row["name"] for row in rows]
        beside = [row.account for row in board[max(0, place - 2) : place + 3]]
        assert place < 10 or set(beside) <= set(told)
        assert len(told) == len(set(told))
        assert [row["rank"] for row in rows] == sorted(row["rank"] for row in rows)
        assert sum(row["gap"] for row in rows) == (place > 12), "rows were left out"


def test_percentile_and_movement_are_those_of_the_board(crowd: SharedOver) -> None:
    board = crowd.rank("nav")
    desk = desk_at(crowd, 30)
    ranking = seen(desk, board="nav")["ranking"]
    assert ranking["size"] == board.size() == 40
    assert ranking["me"]["percentile"] == board.percentile(desk.account)
    assert ranking["me"]["moved"] is None
    frame = desk.standings("nav", 5) if hasattr(desk, "standings") else ranks.standings(desk, "nav", 5)
    assert list(frame.columns) == list(STANDINGS_COLUMNS)
    for row in frame.itertuples():
        assert row.percentile == board.percentile(row.name)
    board.remember()
    ranks_kept = ranks.ranks_of(desk)
    ranks_kept._seen.clear()  # nothing changed in the room, which is when standings are looked at again
    assert seen(desk, board="nav")["ranking"]["me"]["moved"] == 0


def test_the_span_is_that_of_the_own_record(crowd: SharedOver) -> None:
    desk = desk_at(crowd, 30)
    ranking, span = seen(desk, board="nav")["ranking"], nav_span(crowd.portfolio, desk.account)
    assert span.doubt is Doubt.TOLD
    assert (ranking["low"], ranking["high"]) == (span.low / 1e6, span.high / 1e6)  # type: ignore[operator]
    assert ranking["low"] < ranking["me"]["score"] < ranking["high"]
    others = [row.score / 1e6 for row in crowd.rank("nav").top(40) if row.account != desk.account]
    assert ranking["best"] == 1 + sum(score > ranking["high"] for score in others)
    assert ranking["worst"] == 1 + sum(score >= ranking["low"] for score in others)
    assert ranking["best"] < ranking["me"]["rank"] < ranking["worst"]
    assert f"Ranks {ranking['best']} to {ranking['worst']} lie in it" in ranking["text"]
    assert f"{ranking['low']:,.2f}" in ranking["text"]
    frame = ranks.standings(desk, "nav", 3).set_index("name")
    assert (frame.low[desk.account], frame.high[desk.account]) == (ranking["low"], ranking["high"])
    assert frame.low.drop(desk.account).isna().all(), "the records of others are none of a student's business"
    counted = ranks.standings(desk, "xp", 3)
    assert counted.low.tolist() == counted.high.tolist() == counted.score.tolist()


def test_who_has_no_account_sees_every_span(crowd: SharedOver) -> None:
    staff = Desk.on(crowd, "", wiring())
    frame = ranks.standings(staff, "nav", 40)
    assert len(frame) == 40
    assert frame.low.notna().sum() > 30
    told = seen(staff, board="nav")
    assert told["ranking"]["me"] is None
    assert len(told["standings"]) == 10
    assert told["progress"]["account"] == told["earned"]["account"] == ""
    assert told["learning"] is None


def test_ties_and_rows_that_are_not_known() -> None:
    rows = tuple(Standing(1 if n < 2 else 3, name, 9 - 2 * (n > 1)) for n, name in enumerate("abcd"))
    whole = Seen(rows=rows, size=4)
    span = Span(doubt=Doubt.TOLD, low=7.0, high=8.0)
    assert ranks_within(whole, rows[2], span) == (3, 4)
    part = Seen(rows=rows[:3], size=40)
    assert ranks_within(part, rows[2], span) is None, "others may lie in it"
    assert ranks_within(part, rows[0], Span(doubt=Doubt.TOLD, low=7.5, high=9.5)) == (1, 2)
    assert ranks_within(whole, rows[0], Span(doubt=Doubt.TOO_SHORT)) is None
    assert "not known here" in doubt_text(span, "USD", None, alone=False)
    assert "No other score" in doubt_text(span, "USD", (2, 2), alone=False)
    assert "12 minutes on record, 3 in which" in doubt_text(
        Span(doubt=Doubt.TOO_SHORT, periods=12, moving=3, period_ns=60_000_000_000), "USD", None, alone=True
    )


def test_what_cannot_be_asked_for(desk: vt.Desk) -> None:
    with pytest.raises(DeskError, match="no leaderboard by 'luck'"):
        ranks.standings(desk, "luck")
    with pytest.raises(DeskError, match="rows"):
        ranks.standings(desk, "xp", -1)
    assert ranks.standings(desk, "xp", 0).name.tolist() == ["you"]


def test_a_board_that_is_gone_is_said_and_hides_nothing_else(desk: vt.Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(by: str) -> Any:
        raise Unavailable("the leaderboard is not there")

    monkeypatch.setattr(desk._room, "rank", gone)
    told = seen(desk)
    assert told["standings"] == []
    assert told["ranking"]["trouble"] == "the leaderboard is not there"
    assert told["progress"]["level"] == 1


# --- behind a gateway ------------------------------------------------------------------------------------------------


@pytest.fixture
def join(tape: vt.Tape) -> Iterator[Callable[..., Class]]:
    schools: list[Class] = []

    def opened(names: list[str]) -> Class:
        schools.append(Class(SharedOver(tape, dict.fromkeys(names, RiskLimits()))))
        trading(schools[-1].room, names)
        return schools[-1]

    yield opened
    for school in schools:
        school.close()


def test_a_class_is_told_in_full(join: Callable[..., Class]) -> None:
    school = join(["ana", "ben", "cai"])
    desk, near = school.join("ben"), school.near("ben")
    desk.record("plan_written", value=PLAN)
    school.settle()
    for by in ("xp", "nav"):
        assert seen(desk, board=by) == seen(near, board=by)
        assert ranks.standings(desk, by, 2).equals(ranks.standings(near, by, 2))
    assert math.isfinite(seen(desk, board="nav")["ranking"]["low"])


def test_a_large_room_is_asked_about_in_the_background(
    join: Callable[..., Class], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vtrade.services.streams.STANDINGS", 5)
    school = join(MANY)
    last = school.room.rank("nav").top(40)[-1].account
    desk = school.join(last)
    school.settle()
    asked: list[Mapping[str, Any]] = []
    held, get = threading.Event(), Loopback.get

    def slow(self: Loopback, path: str, query: Mapping[str, str | int] | None = None) -> bytes:
        asked.append(dict(query or {}))
        assert held.wait(10)
        return get(self, path, query)

    monkeypatch.setattr(Loopback, "get", slow)
    first = seen(desk, board="nav")  # answers at once, though the gateway does not
    assert len(first["standings"]) == 5
    assert first["ranking"]["me"] is None
    until(lambda: asked)
    for _ in range(5):
        seen(desk, board="nav")
    assert asked == [{"by": "nav", "n": 2, "around": "me"}], "one question at a time"
    held.set()
    changes = desk._room.changes
    until(lambda: seen(desk, board="nav")["ranking"]["size"] == 40)
    assert desk._room.changes > changes, "whoever looks on hears of it"
    told = seen(desk, board="nav")
    assert told["ranking"]["me"]["rank"] == 40
    assert told["ranking"]["me"]["percentile"] == 0
    assert told["standings"][-1]["me"]
    assert told["ranking"]["worst"] == 40
    for _ in range(5):
        seen(desk, board="nav")
    assert len(asked) == 2, "what was answered is not asked for again soon"
    assert ranks.standings(desk, "nav", 3).equals(ranks.standings(school.near(last), "nav", 3))


def test_a_gateway_that_does_not_answer_breaks_nothing(
    join: Callable[..., Class], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vtrade.services.streams.STANDINGS", 2)
    school = join(["ana", "ben", "cai", "dee"])
    desk = school.join("ana")
    school.settle()
    assert isinstance(desk._room, RemoteRoom)
    tries = []

    def down(self: Loopback, path: str, query: Mapping[str, str | int] | None = None) -> bytes:
        tries.append(query)
        raise Unavailable("nobody answers")

    monkeypatch.setattr(Loopback, "get", down)
    seen(desk, board="nav")
    until(lambda: tries)
    told = seen(desk, board="nav")
    assert len(told["standings"]) >= 2
    assert told["ranking"]["size"] is None


def test_the_sections_have_periods() -> None:
    assert SECTIONS["standings"].period_s == SECTIONS["earned"].period_s == 0.5
    assert SECTIONS["ranking"].period_s == 1.0


def test_a_badge_stays_after_a_reopened_journal(open_desk: Opener, tmp_path: Any) -> None:
    first = open_desk(journal=tmp_path / "mine.vtrade")
    first.record("plan_written", value=PLAN)
    first.close_desk()
    assert seen(open_desk(journal=tmp_path / "mine.vtrade"))["earned"]["badges"] == [["first_plan", "On paper"]]
