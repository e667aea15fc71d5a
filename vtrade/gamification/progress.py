"""What can an account be awarded, and how does its progress look?

Rules: an event says what was awarded, by which version of which rule, and the ``seq`` of the fact that caused it, in
words that stay readable when the rules have changed since. Events go over the wire as the facts do: tagged
MessagePack arrays, fields appended with a default, never moved.
"""

from __future__ import annotations

from typing import Final

import msgspec

from vtrade.domain import display

AWARDS_SHOWN: Final = 8
"""Newest payments that the HTML of a :class:`Progress` lists."""


class _Event(msgspec.Struct, frozen=True, array_like=True, tag_field="t"):
    """Base of what progress reports."""


class XpGained(_Event, frozen=True, tag="Xp"):
    """XP was paid; ``source`` is rule, mission or streak, ``total`` the XP after it, ``subject`` what it was for."""

    seq: int
    ts_ns: int
    account: str
    source: str
    id: str
    version: int
    title: str
    xp: int
    total: int
    subject: str = ""


class LevelReached(_Event, frozen=True, tag="Level"):
    """The XP of the next level were reached."""

    seq: int
    ts_ns: int
    account: str
    level: int
    title: str
    xp: int


class BadgeEarned(_Event, frozen=True, tag="Badge"):
    """A badge, for good."""

    seq: int
    ts_ns: int
    account: str
    id: str
    version: int
    title: str


class MissionAdvanced(_Event, frozen=True, tag="MissionStep"):
    """``done`` of ``goal`` steps are behind the account."""

    seq: int
    ts_ns: int
    account: str
    id: str
    version: int
    title: str
    done: int
    goal: int


class MissionCompleted(_Event, frozen=True, tag="MissionDone"):
    """The goal was reached; ``xp`` is paid with it."""

    seq: int
    ts_ns: int
    account: str
    id: str
    version: int
    title: str
    xp: int


class StreakExtended(_Event, frozen=True, tag="Streak"):
    """The habit has now been kept for ``length`` sessions in a row."""

    seq: int
    ts_ns: int
    account: str
    id: str
    version: int
    title: str
    length: int


ProgressEvent = XpGained | LevelReached | BadgeEarned | MissionAdvanced | MissionCompleted | StreakExtended


class BadgeView(msgspec.Struct, frozen=True):
    """A badge an account holds, under the version of the rules that gave it."""

    id: str
    title: str
    earned_seq: int
    version: int


class MissionView(msgspec.Struct, frozen=True):
    """How far a mission is."""

    id: str
    title: str
    description: str
    done: int
    goal: int
    xp: int


class StreakView(msgspec.Struct, frozen=True):
    """A habit: ``length`` sessions in a row up to now (0 when broken), ``best`` the longest ever."""

    id: str
    title: str
    description: str
    length: int
    best: int


class RuleView(msgspec.Struct, frozen=True):
    """A way to earn XP: earned ``earned`` times, paid at most ``cap`` times."""

    id: str
    title: str
    description: str
    xp: int
    earned: int
    cap: int


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where an account stands.

    Attributes
    ----------
    account : str
    level : int
    title : str
        Name of the level.
    xp : int
    next_level_xp : int or None
        XP at which the next level begins; ``None`` at the top.
    badges, missions, streaks, rules : tuple
        Badges held; all missions, streaks and ways to earn XP, in the order of the rule file.
    awards : tuple of XpGained
        Every payment so far, oldest first; their ``xp`` add up to :attr:`xp`.
    """

    account: str
    level: int
    title: str
    xp: int
    next_level_xp: int | None
    badges: tuple[BadgeView, ...]
    missions: tuple[MissionView, ...]
    streaks: tuple[StreakView, ...]
    rules: tuple[RuleView, ...]
    awards: tuple[XpGained, ...]

    def __str__(self) -> str:
        towards = "top level" if self.next_level_xp is None else f"next level at {self.next_level_xp:,}"
        lines = [f"{self.account}: level {self.level}, {self.title}, {self.xp:,} XP ({towards})"]
        if self.badges:
            lines.append("badges: " + ", ".join(badge.title for badge in self.badges))
        running = [f"{streak.title} {streak.length}" for streak in self.streaks if streak.length]
        if running:
            lines.append("streaks: " + ", ".join(running))
        lines += [f"mission: {m.title} {m.done}/{m.goal}: {m.description}" for m in self.missions if m.done < m.goal]
        return "\n".join(lines)

    def __repr__(self) -> str:
        badges = f"{len(self.badges)} badge{'s' if len(self.badges) != 1 else ''}"
        done = f"{sum(m.done >= m.goal for m in self.missions)} of {len(self.missions)} missions"
        return display.called(
            "Progress", self.account, f"level {self.level}", self.title, f"{self.xp:,} XP", badges, done
        )

    _repr_pretty_ = display.pretty

    def _repr_html_(self) -> str:
        towards = "the top level" if self.next_level_xp is None else f"next level at {self.next_level_xp:,} XP"
        habits = [s for s in self.streaks if s.best]
        badges = ", ".join(badge.title for badge in self.badges) or "none yet"
        return display.html(
            [
                display.Words(f"{self.account}: level {self.level}, {self.title}", "strong"),
                display.Words(f"{self.xp:,} XP, {towards}. Badges: {badges}."),
                display.Table(
                    ("Mission", "Done", "What it asks for", "XP"),
                    [(m.title, f"{m.done} of {m.goal}", m.description, f"{m.xp:,}") for m in self.missions],
                    words=frozenset((0, 2)),
                ),
                *(
                    [
                        display.Table(
                            ("Streak", "Now", "Best", "Sessions in a row"),
                            [(s.title, f"{s.length:,}", f"{s.best:,}", s.description) for s in habits],
                            words=frozenset((0, 3)),
                        )
                    ]
                    if habits
                    else []
                ),
                *(
                    [
                        display.Table(
                            ("For", "XP"),
                            [(a.title, f"+{a.xp:,}") for a in self.awards[: -AWARDS_SHOWN - 1 : -1]],
                            "Last earned",
                        )
                    ]
                    if self.awards
                    else []
                ),
            ]
        )
