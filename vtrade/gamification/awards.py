"""A rule's trigger holds for an account: what does that earn?

Rules: three layers, so that fewer deeds can never earn more. The trigger itself feeds streaks; what the repeat policy
lets through counts for missions and badges; the first ``cap`` of those pay XP. Within one award the order is: streaks,
XP, missions, badges, each level as soon as its XP are there.
"""

from __future__ import annotations

from typing import Final

from vtrade.gamification.progress import (
    BadgeEarned,
    BadgeView,
    LevelReached,
    MissionAdvanced,
    MissionCompleted,
    MissionView,
    Progress,
    ProgressEvent,
    RuleView,
    StreakExtended,
    StreakView,
    XpGained,
)
from vtrade.gamification.rules import Badge, Mission, Repeat, Rule, RuleBook, Streak
from vtrade.gamification.state import DAY_NS, YEAR_NS, Account, Run, Tally


class Awards:
    """The rules, sorted by what they follow from."""

    def __init__(self, book: RuleBook) -> None:
        self._levels: Final = book.levels
        self._missions = {r.id: [x for x in book.missions if r.id in x.counts] for r in book.rules}
        self._streaks = {r.id: [x for x in book.streaks if r.id in x.rules] for r in book.rules}
        self._rule_badges = {r.id: [x for x in book.badges if x.rule == r.id] for r in book.rules}
        self._mission_badges = {y.id: [x for x in book.badges if x.mission == y.id] for y in book.missions}
        self._streak_badges = {y.id: [x for x in book.badges if x.streak == y.id] for y in book.streaks}
        self._level_badges = {y.level: [x for x in book.badges if x.level == y.level] for y in book.levels}

    def earn(self, a: Account, rule: Rule, session: int, seq: int, ts_ns: int, subject: str) -> list[ProgressEvent]:
        """What follows when ``rule`` holds at ``seq``; changes ``a``."""
        to = _Recipient(a, seq, ts_ns)
        for streak in self._streaks[rule.id]:
            self._extend(to, streak, session)
        tally = a.tallies.get(rule.id)
        if tally is None:
            tally = a.tallies[rule.id] = Tally()
        day = ts_ns // DAY_NS if ts_ns >= YEAR_NS else session
        if not _counts(rule, tally, session, day, subject):
            return to.events
        tally.count += 1
        tally.in_session = tally.in_session + 1 if tally.session == session else 1
        tally.session = session
        tally.day = day
        if rule.repeat is Repeat.PER_SUBJECT:
            tally.subjects[subject] = None
        if tally.count <= rule.cap:
            self._pay(to, "rule", rule, rule.xp, subject)
        for mission in self._missions[rule.id]:
            if not mission.distinct or tally.count == 1:
                self._advance(to, mission)
        for badge in self._rule_badges[rule.id]:
            if tally.count >= badge.times:
                to.give(badge)
        return to.events

    def _extend(self, to: _Recipient, streak: Streak, session: int) -> None:
        a = to.account
        run = a.runs.setdefault(streak.id, Run())
        if run.length and run.last == session:
            return
        run.length = run.length + 1 if run.length and run.last == session - 1 else 1
        run.last = session
        to.events.append(StreakExtended(to.seq, to.ts_ns, a.name, streak.id, streak.version, streak.title, run.length))
        if run.length <= run.best:
            return
        run.best = run.length
        for bonus in streak.bonus:
            if bonus.length == run.length:
                self._pay(to, "streak", streak, bonus.xp)
        for badge in self._streak_badges[streak.id]:
            if run.length >= badge.length:
                to.give(badge)

    def _advance(self, to: _Recipient, mission: Mission) -> None:
        a = to.account
        done = a.missions.get(mission.id, 0) + 1
        if done > mission.goal:
            return
        a.missions[mission.id] = done
        named = (to.seq, to.ts_ns, a.name, mission.id, mission.version, mission.title)
        to.events.append(MissionAdvanced(*named, done, mission.goal))
        if done == mission.goal:
            to.events.append(MissionCompleted(*named, mission.xp))
            self._pay(to, "mission", mission, mission.xp)
            for badge in self._mission_badges[mission.id]:
                to.give(badge)

    def _pay(self, to: _Recipient, source: str, entry: Rule | Mission | Streak, xp: int, subject: str = "") -> None:
        if not xp:
            return
        a = to.account
        a.xp += xp
        award = XpGained(to.seq, to.ts_ns, a.name, source, entry.id, entry.version, entry.title, xp, a.xp, subject)
        a.awards.append(award)
        to.events.append(award)
        while a.level < len(self._levels) and a.xp >= self._levels[a.level].xp:
            level = self._levels[a.level]
            a.level = level.level
            to.events.append(LevelReached(to.seq, to.ts_ns, a.name, level.level, level.title, a.xp))
            for badge in self._level_badges[level.level]:
                to.give(badge)


def view(a: Account, book: RuleBook, session: int) -> Progress:
    """Where an account stands, in the session that runs."""
    none, broken = Tally(), Run()
    streaks = []
    for s in book.streaks:
        run = a.runs.get(s.id, broken)
        streaks.append(StreakView(s.id, s.title, s.description, run.length if run.last >= session - 1 else 0, run.best))
    return Progress(
        account=a.name,
        level=a.level,
        title=book.levels[a.level - 1].title,
        xp=a.xp,
        next_level_xp=book.levels[a.level].xp if a.level < len(book.levels) else None,
        badges=tuple(a.badges.values()),
        missions=tuple(
            MissionView(x.id, x.title, x.description, a.missions.get(x.id, 0), x.goal, x.xp) for x in book.missions
        ),
        streaks=tuple(streaks),
        rules=tuple(
            RuleView(r.id, r.title, r.description, r.xp, a.tallies.get(r.id, none).count, r.cap) for r in book.rules
        ),
        awards=tuple(a.awards),
    )


class _Recipient:
    """Who is awarded, for the fact ``seq``, and what came of it so far."""

    __slots__ = ("account", "events", "seq", "ts_ns")

    def __init__(self, account: Account, seq: int, ts_ns: int) -> None:
        self.account = account
        self.seq = seq
        self.ts_ns = ts_ns
        self.events: list[ProgressEvent] = []

    def give(self, badge: Badge) -> None:
        held = self.account.badges
        if badge.id not in held:
            held[badge.id] = BadgeView(badge.id, badge.title, self.seq, badge.version)
            self.events.append(
                BadgeEarned(self.seq, self.ts_ns, self.account.name, badge.id, badge.version, badge.title)
            )


def _counts(rule: Rule, tally: Tally, session: int, day: int, subject: str) -> bool:
    """Whether the repeat policy lets the rule count again."""
    match rule.repeat:
        case Repeat.ONCE:
            return tally.count == 0
        case Repeat.PER_SESSION:
            return tally.session != session
        case Repeat.PER_DAY:
            return tally.day != day
        case Repeat.PER_SUBJECT:
            if subject in tally.subjects or len(tally.subjects) >= rule.cap:
                return False
            return tally.session != session or tally.in_session < rule.session_cap
