"""How do standings and progress look as tables?

Rules: one row per thing, in the order in which it is shown; an empty table has its columns all the same. pandas is
imported when a table is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from vtrade.gamification.leaderboard import Leaderboard, Standing
from vtrade.gamification.progress import Progress

if TYPE_CHECKING:
    import pandas as pd


def _frame(rows: Iterable[Sequence[Any]], columns: dict[str, str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(columns)).astype(columns)


def standings_frame(standings: Iterable[Standing]) -> pd.DataFrame:
    """Rows of a leaderboard.

    Examples
    --------
    >>> standings_frame([Standing(1, "ben", 500), Standing(2, "ana", 300, 1)])["account"].tolist()
    ['ben', 'ana']
    """
    rows = ((row.rank, row.account, row.score, row.moved) for row in standings)
    return _frame(rows, {"rank": "int64", "account": "str", "score": "int64", "moved": "Int64"})


def leaderboard_frame(leaderboard: Leaderboard, n: int | None = None) -> pd.DataFrame:
    """The first ``n`` rows of a leaderboard, or all of it."""
    return standings_frame(leaderboard.top(leaderboard.size() if n is None else n))


def progress_frame(progresses: Iterable[Progress]) -> pd.DataFrame:
    """One row per account: level, XP, and how many badges and missions it has.

    Examples
    --------
    >>> list(progress_frame([]).columns)
    ['account', 'level', 'title', 'xp', 'next_level_xp', 'badges', 'missions_done', 'longest_streak']
    """
    rows = (
        (
            x.account,
            x.level,
            x.title,
            x.xp,
            x.next_level_xp,
            len(x.badges),
            sum(mission.done >= mission.goal for mission in x.missions),
            max((streak.length for streak in x.streaks), default=0),
        )
        for x in progresses
    )
    columns = {"account": "str", "level": "int64", "title": "str", "xp": "int64", "next_level_xp": "Int64"}
    return _frame(rows, columns | {"badges": "int64", "missions_done": "int64", "longest_streak": "int64"})


def awards_frame(progress: Progress) -> pd.DataFrame:
    """Every payment of XP, oldest first: what for, by which version of which rule, caused by which fact."""
    rows = ((x.seq, x.ts_ns, x.source, x.id, x.version, x.title, x.subject, x.xp, x.total) for x in progress.awards)
    columns = {"seq": "int64", "ts_ns": "int64", "source": "str", "id": "str", "version": "int64", "title": "str"}
    return _frame(rows, columns | {"subject": "str", "xp": "int64", "total": "int64"})


def badges_frame(progress: Progress) -> pd.DataFrame:
    """Badges held, oldest first."""
    rows = ((x.id, x.title, x.earned_seq, x.version) for x in progress.badges)
    return _frame(rows, {"id": "str", "title": "str", "earned_seq": "int64", "version": "int64"})


def missions_frame(progress: Progress) -> pd.DataFrame:
    """All missions and how far each is."""
    rows = ((x.id, x.title, x.done, x.goal, x.xp, x.description) for x in progress.missions)
    columns = {"id": "str", "title": "str", "done": "int64", "goal": "int64", "xp": "int64", "description": "str"}
    return _frame(rows, columns)


def streaks_frame(progress: Progress) -> pd.DataFrame:
    """All habits: sessions in a row now, and the longest ever."""
    rows = ((x.id, x.title, x.length, x.best, x.description) for x in progress.streaks)
    return _frame(rows, {"id": "str", "title": "str", "length": "int64", "best": "int64", "description": "str"})


def rules_frame(progress: Progress) -> pd.DataFrame:
    """All ways to earn XP, and how often each was earned."""
    rows = ((x.id, x.title, x.xp, x.earned, x.cap, x.description) for x in progress.rules)
    columns = {"id": "str", "title": "str", "xp": "int64", "earned": "int64", "cap": "int64", "description": "str"}
    return _frame(rows, columns)
