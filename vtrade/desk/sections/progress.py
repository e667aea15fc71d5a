"""What was learned, what comes next, and who leads by how much certainty?

Rules: levels, missions, badges and streaks are those of the rule book; what a badge asks for and how far it is are read
from the same rules that award it. Standings show the first rows and one's own, wherever it is; a score of luck is told
with its span. Nothing here waits: what a gateway has to be asked for is shown as last told
(:mod:`vtrade.desk.sections.ranks`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vtrade.desk.sections.ranks import Seen, ranks_of, ranks_within, span_of
from vtrade.desk.sections.words import clock_text, has_account
from vtrade.domain.values import MICRO, NS_PER_S
from vtrade.errors import VTradeError
from vtrade.portfolio.confidence import MOVING_MIN, PERIODS_MIN, Doubt, Span

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.desk.sections.look import Look
    from vtrade.gamification.leaderboard import Standing
    from vtrade.gamification.progress import Progress
    from vtrade.gamification.rules import Badge, Mission, RuleBook

STANDINGS_SHOWN: Final = 10
AWARDS_SHOWN: Final = 8
COUNTED: Final = "XP is counted, not estimated: there is no luck in it to allow for."


# --- standings -------------------------------------------------------------------------------------------------------


def standings(desk: Desk, look: Look) -> list[dict[str, Any]]:
    """The best, and one's own row with those beside it; ``gap`` where rows are left out before one."""
    seen, _ = _seen(desk, look.board)
    told: list[dict[str, Any]] = []
    place = 0
    for number, row in enumerate(seen.shown(desk.account, STANDINGS_SHOWN)):
        told.append(
            {
                "rank": row.rank, "name": row.account, "score": _score(row, look.board),
                "me": row.account == desk.account, "moved": row.moved,
                "gap": number >= STANDINGS_SHOWN and row.rank > place + 1,
            }
        )  # fmt: skip
        place = row.rank
    return told


def ranking(desk: Desk, look: Look) -> dict[str, Any]:
    """Where one stands, among how many, and how sure that is."""
    by, currency = look.board, desk.instruments[0].currency
    seen, trouble = _seen(desk, by)
    told: dict[str, Any] = {
        "by": by, "account": desk.account, "size": seen.size, "trouble": trouble, "me": None, "low": None, "high": None,
        "best": None, "worst": None, "level_pct": None, "doubt": "", "text": "", "currency": currency,
        "shared": desk._room.shared,
    }  # fmt: skip
    own = seen.own(desk.account)
    if own is None or not has_account(desk):
        return told
    told["me"] = {
        "rank": own.rank, "score": _score(own, by), "moved": own.moved, "percentile": seen.percentile(own.rank),
    }  # fmt: skip
    if by == "xp":
        return {**told, "best": own.rank, "worst": own.rank, "doubt": "counted", "text": COUNTED}
    span = span_of(desk, desk.account)
    assert span is not None
    currency = desk._room.portfolio.state(desk.account).currency
    ranks = ranks_within(seen, own, span)
    best, worst = (None, None) if ranks is None else ranks
    return {
        **told, "currency": currency, "doubt": str(span.doubt), "level_pct": round(100 * span.level),
        "low": None if span.low is None else span.low / MICRO, "high": None if span.high is None else span.high / MICRO,
        "best": best, "worst": worst, "text": doubt_text(span, currency, ranks, alone=seen.size == 1),
    }  # fmt: skip


def _seen(desk: Desk, by: str) -> tuple[Seen, str]:
    """A leaderboard as it is known, or why it is not."""
    try:
        return ranks_of(desk).look(desk, by), ""
    except VTradeError as error:
        return Seen(), str(error)


def _score(row: Standing, by: str) -> float:
    return row.score / MICRO if by == "nav" else row.score


def doubt_text(span: Span, currency: str, ranks: tuple[int, int] | None, *, alone: bool) -> str:
    """What a span means, in two sentences for a student.

    Examples
    --------
    >>> doubt_text(Span(doubt=Doubt.NO_RISK), "USD", None, alone=True)
    'The value never moved: nothing was risked, so there is no luck in the score yet.'
    """
    length = _period(span.period_ns)
    if span.doubt is Doubt.NO_RISK:
        return "The value never moved: nothing was risked, so there is no luck in the score yet."
    if span.doubt is Doubt.RUINED:
        return "The value was zero or less at some moment: no span can be told for such a record."
    if span.low is None or span.high is None:
        return (
            f"Too short to tell skill from luck: {span.periods} {length}s on record, {span.moving} in which the value "
            f"moved. A span needs {PERIODS_MIN} and {MOVING_MIN}."
        )
    text = (
        f"By luck alone, trading the same way could as well have left between {span.low / MICRO:,.2f} and "
        f"{span.high / MICRO:,.2f} {currency} ({100 * span.level:.0f} % confidence, {span.periods:,} {length}s)."
    )
    if alone:
        return text
    if ranks is None:
        return f"{text} Which ranks lie in that span is not known here."
    if ranks[0] == ranks[1]:
        return f"{text} No other score lies in that span: this rank stands, but for the luck of the others."
    return f"{text} Ranks {ranks[0]:,} to {ranks[1]:,} lie in it: with this record they cannot be told apart."


def _period(period_ns: int) -> str:
    for unit_s, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if period_ns and period_ns % (unit_s * NS_PER_S) == 0:
            count = period_ns // (unit_s * NS_PER_S)
            return word if count == 1 else f"{count}-{word} period"
    return "period"


# --- progress --------------------------------------------------------------------------------------------------------


def progress(desk: Desk, look: Look) -> dict[str, Any]:
    """Level, experience, badges, missions."""
    if not has_account(desk):
        return {
            "account": "", "level": 0, "title": "without an account", "xp": 0, "next_level_xp": 0, "level_xp": 0,
            "next_title": "", "badges": [], "missions": [],
        }  # fmt: skip
    p, book = desk._room.progress.progress(desk.account), desk._room.progress.rules
    return {
        "account": p.account, "level": p.level, "title": p.title, "xp": p.xp, "next_level_xp": p.next_level_xp,
        "level_xp": book.levels[p.level - 1].xp,
        "next_title": book.levels[p.level].title if p.level < len(book.levels) else "",
        "badges": [b.title for b in p.badges],
        "missions": [{"name": m.title, "done": m.done, "goal": m.goal, "about": m.description} for m in p.missions],
    }  # fmt: skip


def learning(desk: Desk, look: Look) -> dict[str, Any] | None:
    """Missions, badges, streaks and ways to earn, with what each asks for next; ``None`` without an account."""
    if not has_account(desk):
        return None
    p, book = desk._room.progress.progress(desk.account), desk._room.progress.rules
    often = {rule.id: rule.earned for rule in p.rules}
    missions = {mission.id: mission for mission in book.missions}
    return {
        "missions": [
            {
                "id": m.id, "name": m.title, "done": m.done, "goal": m.goal, "about": m.description, "xp": m.xp,
                "next": _next_step(missions[m.id], book, often) if m.done < m.goal else "",
            }
            for m in p.missions
        ],
        "collection": _collection(p, book, often),
        "streaks": [
            {
                "id": s.id, "name": s.title, "about": s.description, "length": s.length, "best": s.best,
                "next": next(([b.length, b.xp] for b in rule.bonus if b.length > s.best), None),
            }
            for s, rule in zip(p.streaks, book.streaks, strict=True)
        ],
        "awards": [
            {"seq": a.seq, "time": clock_text(desk, a.ts_ns), "title": a.title, "xp": a.xp, "source": a.source}
            for a in reversed(p.awards[-AWARDS_SHOWN:])
        ],
        "ways": [
            {"name": r.title, "about": r.description, "xp": r.xp, "earned": r.earned, "cap": r.cap} for r in p.rules
        ],
    }  # fmt: skip


def earned(desk: Desk, look: Look) -> dict[str, Any]:
    """The least that tells of a badge or a level when it is earned, for whoever looks at something else."""
    if not has_account(desk):
        return {"account": "", "level": 0, "title": "", "badges": []}
    p = desk._room.progress.progress(desk.account)
    return {"account": p.account, "level": p.level, "title": p.title, "badges": [[b.id, b.title] for b in p.badges]}


def _next_step(mission: Mission, book: RuleBook, earned: dict[str, int]) -> str:
    """What to do next for a mission: the first of its rules that still counts."""
    for rule in book.rules:
        if rule.id in mission.counts and not (mission.distinct and earned.get(rule.id)):
            return rule.description
    return ""


def _collection(p: Progress, book: RuleBook, earned: dict[str, int]) -> list[dict[str, Any]]:
    """Every badge there is: what it is for, how far it is, and the fact that earned it."""
    held = {badge.id: badge for badge in p.badges}
    told = []
    for badge in book.badges:
        done, goal = _how_far(badge, p, earned)
        mine = held.get(badge.id)
        told.append(
            {
                "id": badge.id, "title": badge.title, "about": badge.description, "earned": mine is not None,
                "seq": mine.earned_seq if mine is not None else 0, "done": goal if mine is not None else done,
                "goal": goal,
            }
        )  # fmt: skip
    known = {badge.id for badge in book.badges}
    return told + [  # given by an earlier version of the rules, and kept for good
        {"id": b.id, "title": b.title, "about": "", "earned": True, "seq": b.earned_seq, "done": 1, "goal": 1}
        for b in p.badges
        if b.id not in known
    ]


def _how_far(badge: Badge, p: Progress, earned: dict[str, int]) -> tuple[int, int]:
    if badge.rule:
        return min(badge.times, earned.get(badge.rule, 0)), badge.times
    if badge.mission:
        return next((m.done, m.goal) for m in p.missions if m.id == badge.mission)
    if badge.streak:
        return min(badge.length, next(s.best for s in p.streaks if s.id == badge.streak)), badge.length
    return min(badge.level, p.level), badge.level
