"""Do the tables say what the values say?"""

import pandas as pd
from fakeredis import FakeRedis, FakeServer

from vtrade.domain.values import INT64_MAX
from vtrade.gamification import frames
from vtrade.gamification.leaderboard import Leaderboard


def test_a_leaderboard_as_a_table():
    board = Leaderboard(FakeRedis(server=FakeServer()))
    empty = frames.leaderboard_frame(board)
    board.update_many({"a": -INT64_MAX, "b": INT64_MAX, "c": 5})
    board.remember()
    board.update("c", 6)
    board.update("d", 6)
    table = frames.leaderboard_frame(board)
    assert table["account"].tolist() == ["b", "c", "d", "a"]
    assert table["rank"].tolist() == [1, 2, 2, 4]
    assert table["score"].tolist() == [INT64_MAX, 6, 6, -INT64_MAX]
    assert table["moved"].tolist() == [0, 0, pd.NA, -1]
    assert frames.leaderboard_frame(board, 1)["account"].tolist() == ["b"]
    assert list(empty.columns) == list(table.columns)
    assert (empty.dtypes == table.dtypes).all()


def test_progress_as_tables(room):
    r = room()
    r.account("ben")
    r.plan()
    r.do("quiz_answered", "q1", "correct")
    ana, ben = r.progress("ana"), r.progress("ben")
    overview = frames.progress_frame([ana, ben])
    assert overview[["account", "level", "xp", "next_level_xp", "badges", "longest_streak"]].values.tolist() == [
        ["ana", 1, 35, 100, 1, 1],
        ["ben", 1, 0, 100, 0, 0],
    ]
    awards = frames.awards_frame(ana)
    assert awards["xp"].sum() == ana.xp
    assert awards["subject"].tolist() == ["", "q1"]
    assert awards["seq"].tolist() == [r.seq - 1, r.seq]
    assert frames.badges_frame(ana)["id"].tolist() == ["first_plan"]
    assert frames.missions_frame(ana).set_index("id").loc["first_steps", ["done", "goal"]].tolist() == [1, 4]
    assert frames.streaks_frame(ana).set_index("id")["length"].to_dict() == {
        "planning": 1,
        "learning": 1,
        "discipline": 0,
    }
    assert frames.rules_frame(ana).set_index("id").loc["quiz_correct", ["xp", "earned", "cap"]].tolist() == [10, 1, 200]


def test_tables_of_nothing_have_the_same_columns(room):
    full, empty = room(), room().progress()
    full.plan()
    for frame in (frames.awards_frame, frames.badges_frame):
        assert len(frame(empty)) == 0
        assert (frame(empty).dtypes == frame(full.progress()).dtypes).all()
