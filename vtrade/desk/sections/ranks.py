"""Where does a desk's owner stand among the others, and how sure is that?

Rules: a panel never waits for a gateway: what its stream does not tell is asked for in the background, by one thread at
a time that ends with its answer, and shown as last told. A score by value has a span (see
:mod:`vtrade.portfolio.confidence`), taken from what may be known: one's own record, or every record where a desk
without an account looks. Experience is counted, so its span is the score itself. Ranks whose scores lie in one's span
cannot be told apart from one's own; the luck of the others is not known here and comes on top.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from vtrade.desk import checks
from vtrade.desk.errands import errands, tell
from vtrade.desk.sections.words import has_account
from vtrade.domain.values import MICRO, NS_PER_S
from vtrade.errors import DeskError, VTradeError
from vtrade.gamification.leaderboard import Leaderboard, Standing
from vtrade.portfolio.confidence import Doubt, Span, nav_span
from vtrade.services.inquiry import ROWS_MAX, RemoteRanking

if TYPE_CHECKING:
    import pandas as pd

    from vtrade.desk.desk import Desk
    from vtrade.services.shared import Ranking

BOARDS: Final = ("xp", "nav")
BESIDE: Final = 2
"""Rows above and below one's own that are shown where it is not among the first."""
NEAR_S: Final = 5.0
"""Seconds between two questions to a gateway about the ranks around one."""
ALL_S: Final = 60.0
"""Seconds between two questions to a gateway about all ranks."""

STANDINGS_COLUMNS: Final = {
    "rank": "int64", "name": "str", "score": "float64", "percentile": "float64", "movement": "Int64",
    "low": "float64", "high": "float64",
}  # fmt: skip


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A leaderboard as far as it is known.

    Attributes
    ----------
    rows : tuple of Standing
        The first, best first, without a hole.
    around : tuple of Standing
        One's own row with those beside it; empty where one is not on the board, or it is not known yet.
    size : int or None
        How many are on the board; ``None`` where that is not known.
    """

    rows: tuple[Standing, ...] = ()
    around: tuple[Standing, ...] = ()
    size: int | None = None

    @property
    def whole(self) -> bool:
        """Whether every row is known."""
        return self.size is not None and len(self.rows) >= self.size

    def own(self, account: str) -> Standing | None:
        """One's own row, where it is known."""
        return next((row for row in (*self.around, *self.rows) if row.account == account), None)

    def percentile(self, rank: int) -> float | None:
        """Share of the others, in percent, that do no better than a rank; ``None`` while their number is not known.

        Examples
        --------
        >>> Seen(size=5).percentile(2), Seen(size=1).percentile(1), Seen().percentile(1)
        (75.0, 100.0, None)
        """
        if self.size is None:
            return None
        return 100.0 * (self.size - rank) / (self.size - 1) if self.size > 1 else 100.0

    def shown(self, account: str, n: int) -> list[Standing]:
        """The first ``n`` rows, then those around one's own where it is not among them."""
        first = list(self.rows[:n])
        if any(row.account == account for row in first):
            return first
        known = {row.account for row in first}
        return first + [row for row in self.around if row.account not in known]


class Ranks:
    """What a desk last heard of its leaderboards; one for each desk."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[object, Seen]] = {}
        self._asked: dict[tuple[str, bool], int] = {}
        self._near: dict[str, tuple[Standing, ...]] = {}
        self._all: dict[str, tuple[Standing, ...]] = {}

    def look(self, desk: Desk, by: str) -> Seen:
        """A leaderboard as it is known now, without a question to a gateway."""
        board = desk._room.rank(by)
        if not isinstance(board, RemoteRanking):
            key = (id(desk._room), desk._room.changes)
            kept = self._seen.get(by)
            if kept is None or kept[0] != key:
                kept = self._seen[by] = key, seen_on(board, desk.account)
            return kept[1]
        rows, whole = board.heard()
        if whole:
            return Seen(rows=tuple(rows), around=_beside(rows, desk.account), size=len(rows))
        self._ask(desk, board, by)
        with self._lock:
            near, told = self._near.get(by, ()), self._all.get(by, ())
        size = len(told) if told and len(told) < ROWS_MAX else None
        around = near or _beside(told, desk.account)
        return Seen(rows=(*rows, *told[len(rows) :]), around=around or _beside(rows, desk.account), size=size)

    def _ask(self, desk: Desk, board: RemoteRanking, by: str) -> None:
        """Ask a gateway for what it does not stream, in the background; a question that is under way is enough."""
        now = desk._wiring.clock.monotonic_ns()
        with self._lock:
            due = [
                (by, everybody)
                for everybody, every_s in ((False, NEAR_S), (True, ALL_S))
                if now - self._asked.get((by, everybody), -(10**18)) >= every_s * NS_PER_S
            ]
        if due and errands(desk).start("ranks", lambda: self._hear(desk, board, *due[0])) is not None:
            with self._lock:
                self._asked[due[0]] = now

    def _hear(self, desk: Desk, board: RemoteRanking, by: str, everybody: bool) -> None:
        try:
            told = tuple(board.top(ROWS_MAX) if everybody else board.around(desk.account, BESIDE))
        except VTradeError:
            return  # what was known before stays, and the question is put again later
        with self._lock:
            (self._all if everybody else self._near)[by] = told
        tell(desk)


def ranks_of(desk: Desk) -> Ranks:
    """What a desk last heard of its leaderboards."""
    kept: Ranks = vars(desk).setdefault("_ranks", Ranks())
    return kept


def seen_on(board: Ranking, account: str) -> Seen:
    """A leaderboard as far as it is asked for at once: ``ROWS_MAX`` rows, and those around an account."""
    rows = tuple(board.top(ROWS_MAX))
    if len(rows) < ROWS_MAX:
        return Seen(rows=rows, around=_beside(rows, account), size=len(rows))
    size = board.size() if isinstance(board, Leaderboard) else None
    return Seen(rows=rows, around=_beside(rows, account) or tuple(board.around(account, BESIDE)), size=size)


def _beside(rows: Sequence[Standing], account: str) -> tuple[Standing, ...]:
    for place, row in enumerate(rows):
        if row.account == account:
            return tuple(rows[max(0, place - BESIDE) : place + BESIDE + 1])
    return ()


# --- how sure is it? -------------------------------------------------------------------------------------------------


def span_of(desk: Desk, account: str) -> Span | None:
    """The span of an account's value, where its record may be known."""
    room = desk._room
    with room.lock:
        return nav_span(room.portfolio, account) if account in room.portfolio.accounts else None


def ranks_within(seen: Seen, own: Standing, span: Span) -> tuple[int, int] | None:
    """The best and the worst rank that one's span reaches, the others being as they are.

    ``None`` where no span is told, or where rows are missing that may lie in it.

    Examples
    --------
    >>> rows = tuple(Standing(n + 1, name, score) for n, (name, score) in enumerate((("a", 9), ("b", 7), ("c", 4))))
    >>> ranks_within(Seen(rows=rows, size=3), rows[1], Span(doubt=Doubt.TOLD, low=5.0, high=9.5))
    (1, 2)
    """
    if span.low is None or span.high is None or not seen.rows:
        return None
    falling = [-row.score for row in seen.rows if row.account != own.account]
    if not seen.whole and span.low <= seen.rows[-1].score:
        return None
    return bisect_left(falling, -span.high) + 1, bisect_right(falling, -span.low) + 1


def standings(desk: Desk, by: str = "xp", n: int = 10) -> pd.DataFrame:
    """Standings with their certainty: the first ``n`` rows and, where it is not among them, one's own and those beside.

    Parameters
    ----------
    by : {"xp", "nav"}
        How one works, or what one's account is worth.
    n : int
        First rows, 0 or more.

    Returns
    -------
    DataFrame
        ``rank, name, score`` (XP, or money), ``percentile`` (share of the others that do no better, 0 to 100),
        ``movement`` (ranks gained since they were last remembered, if they were) and ``low, high``: between which
        scores the account could as well stand, had luck been different (90 % confidence). XP is counted, so both are
        the score. They are missing for accounts whose record is not known here, and where a record is too short.
    """
    import pandas as pd

    n = checks.count(n, "rows", least=0)
    if by not in BOARDS:
        raise DeskError(f"there is no leaderboard by {by!r}; choose one of {', '.join(BOARDS)}")
    board = desk._room.rank(by)
    seen = ranks_of(desk).look(desk, by)
    if isinstance(board, RemoteRanking) and not board.heard()[1]:
        seen = seen_on(board, desk.account) if has_account(desk) else Seen(rows=tuple(board.top(ROWS_MAX)))
    scale = MICRO if by == "nav" else 1
    rows = []
    for row in seen.shown(desk.account, n):
        low = high = float(row.score) if by == "xp" else float("nan")
        if by == "nav" and (row.account == desk.account or not has_account(desk)):
            low, high = _bounds(span_of(desk, row.account), row.score)
        percentile = seen.percentile(row.rank)
        rows.append(
            (row.rank, row.account, row.score / scale, float("nan") if percentile is None else percentile, row.moved,
             low / scale, high / scale)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(STANDINGS_COLUMNS)).astype(STANDINGS_COLUMNS)


def _bounds(span: Span | None, score: int) -> tuple[float, float]:
    if span is not None and span.doubt is Doubt.NO_RISK:
        return float(score), float(score)
    if span is None or span.low is None or span.high is None:
        return float("nan"), float("nan")
    return span.low, span.high
