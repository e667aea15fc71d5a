"""Can a panel go anywhere in time, and between branches, without waiting and without losing anything?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import vtrade as vt
from tests.desk.conftest import Opener, until
from vtrade.desk.journey import BRANCHES_MAX


def clock(desk: vt.Desk) -> dict[str, Any]:
    seen: dict[str, Any] = desk.view(sections=("clock",))["clock"]
    return seen


def arrived(desk: vt.Desk) -> None:
    until(lambda: clock(desk)["journey"] is None)


def test_a_jump_ahead_arrives_at_the_moment(desk: vt.Desk) -> None:
    reply = desk.handle({"intent": "jump", "to": "09:31:30"})
    assert reply["kind"] == "ok"
    assert "09:31:30" in reply["text"]
    arrived(desk)
    assert desk.now == "2026-01-05 09:31:30.000"
    assert clock(desk)["stranded"] == ""


def test_a_jump_ahead_is_the_same_market_as_a_run(desk: vt.Desk, open_desk: Opener) -> None:
    other = open_desk()
    other.run(until="09:32:00")
    desk.handle({"intent": "jump", "to": "09:32:00"})
    arrived(desk)
    assert desk.quotes().equals(other.quotes())
    assert desk.verify().ok


def test_a_jump_back_is_a_rewind(desk: vt.Desk) -> None:
    desk.run(until="09:32:00")
    desk.buy("ACME", 100)
    assert desk.handle({"intent": "jump", "to": "09:31"})["kind"] == "ok"
    arrived(desk)
    assert desk.now.endswith("09:31:00.000")
    assert desk.orders().empty
    assert clock(desk)["forked"]


def test_a_share_of_the_tape_is_a_moment(desk: vt.Desk) -> None:
    desk.handle({"intent": "jump", "share": 0.5})
    arrived(desk)
    assert clock(desk)["progress"] == pytest.approx(0.5, abs=0.01)


def test_rewind_to_a_moment_that_has_not_come_is_refused(desk: vt.Desk) -> None:
    reply = desk.handle({"intent": "rewind", "to": "09:32"})
    assert reply == {"kind": "error", "text": "that has not happened yet on this desk; jump goes ahead", "field": "to"}


@pytest.mark.parametrize(
    "intent, told",
    [
        ({"to": "soon"}, "'soon' is no time"),
        ({"to": ""}, "give a moment"),
        ({}, "give a moment"),
        ({"share": 3}, "between 0 and 1"),
        ({"share": "x"}, "not a number"),
        ({"share": float("nan")}, "between 0 and 1"),
        ({"to": ["10:30"]}, "is not a number"),
        ({"to": "99:99"}, "is no time"),
    ],
)
def test_a_moment_that_is_none_is_told(desk: vt.Desk, intent: dict[str, Any], told: str) -> None:
    before = desk.now
    for what in ("jump", "fork"):
        if what == "fork" and not any(intent.values()):
            continue
        reply = desk.handle({"intent": what, **intent})
        assert reply["kind"] == "error"
        assert told in reply["text"]
    assert desk.now == before
    assert len(desk.branches) == 1


def test_only_one_journey_at_a_time_and_pause_ends_it(open_desk: Opener) -> None:
    desk = open_desk(vt.synthetic(3, symbols=["ACME"], minutes=60, events_per_second=300))
    assert desk.handle({"intent": "jump", "share": 1})["kind"] == "ok"
    assert clock(desk)["journey"]["to"].startswith("10:")
    reply = desk.handle({"intent": "jump", "share": 0.9})
    assert reply["kind"] == "error"
    assert "on its way" in reply["text"]
    assert desk.handle({"intent": "pause"})["kind"] == "ok"
    assert clock(desk)["journey"] is None
    assert not desk.ended


def test_closing_a_desk_ends_its_journey(open_desk: Opener) -> None:
    desk = open_desk(vt.synthetic(3, symbols=["ACME"], minutes=60, events_per_second=300))
    desk.handle({"intent": "jump", "share": 1})
    desk.close_desk()
    assert desk._journey is not None
    assert not desk._journey.going


def test_step_by_events_and_to_the_next(desk: vt.Desk) -> None:
    rows = desk._room.rows
    assert desk.handle({"intent": "step", "events": 5})["kind"] == "ok"
    assert desk._room.rows == rows + 5
    desk.handle({"intent": "step"})
    assert desk._room.rows > rows + 5


# --- branches ---------------------------------------------------------------------------------------------------------


def test_a_branch_goes_its_own_way(desk: vt.Desk) -> None:
    desk.buy("ACME", 100)
    desk.step(seconds=20)
    reply = desk.handle({"intent": "fork"})
    assert reply["data"] == {"branch": 1}
    branch = desk.branches[1]
    assert branch.branches is desk.branches
    branch.sell("ACME", 100)
    assert len(branch.orders()) == 2
    assert len(desk.orders()) == 1
    assert clock(branch)["forked"]
    assert (clock(desk)["branch"], clock(branch)["branch"], clock(branch)["branches"]) == (0, 1, 2)
    seen = desk.view(sections=("timeline",))["timeline"]["branches"]
    assert [(each["name"], each["shown"]) for each in seen] == [("original", True), ("branch 1", False)]
    branch.close_desk()


def test_a_branch_from_the_past(desk: vt.Desk) -> None:
    desk.run(until="09:32:00")
    desk.handle({"intent": "fork", "to": "09:31"})
    assert desk.branches[1].now.endswith("09:31:00.000")
    assert desk.now.endswith("09:32:00.000")
    desk.branches[1].close_desk()


def test_a_branch_of_a_journal_has_a_journal_of_its_own(open_desk: Opener, tmp_path: Path) -> None:
    desk = open_desk(journal=str(tmp_path / "mine.vtrade"))
    desk.buy("ACME", 10)
    desk.handle({"intent": "fork"})
    branch = desk.branches[1]
    assert branch.journal not in (None, desk.journal)
    branch.buy("ACME", 5)
    path = branch.journal
    branch.close_desk()
    assert vt.verify(path).ok


def test_branches_have_a_bound_and_closing_one_makes_room(desk: vt.Desk) -> None:
    for _ in range(BRANCHES_MAX):
        assert desk.handle({"intent": "fork"})["kind"] == "ok"
    reply = desk.handle({"intent": "fork"})
    assert reply["kind"] == "error"
    assert f"{BRANCHES_MAX} branches already" in reply["text"]
    desk.branches[1].close_desk()
    assert desk.handle({"intent": "fork"})["kind"] == "ok"
    for branch in desk.branches[1:]:
        branch.close_desk()


# --- the line ---------------------------------------------------------------------------------------------------------


def test_the_line_tells_fills_and_news(desk: vt.Desk) -> None:
    desk.buy("ACME", 100)
    desk.run(until="09:32:00")
    line = desk.view(sections=("timeline",))["timeline"]
    assert json.loads(json.dumps(line)) == line
    assert line["start_text"] == "2026-01-05 09:30:00"
    bought = [mark for mark in line["marks"] if mark["kind"] == "buy"]
    assert sum(int(mark["text"].split()[1]) for mark in bought) == 100
    assert bought[0]["text"].startswith("bought ")
    assert len([mark for mark in line["marks"] if mark["kind"] == "news"]) == len(desk._room.news)
    assert [mark["at"] for mark in line["marks"]] == sorted(mark["at"] for mark in line["marks"])


def test_what_may_be_done_with_time_is_told(desk: vt.Desk) -> None:
    assert clock(desk)["can"] == ["play", "pause", "speed", "step", "jump", "rewind", "fork"]
    assert not clock(desk)["shared"]
