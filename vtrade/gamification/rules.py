"""What earns XP, which levels, missions, streaks and badges are there, and how is a rule file read?

Rules: the rules are data (``rules.toml``); this module says what such data may contain and refuses anything else by
naming the file, the rule and the mend. The vocabulary of triggers is closed and built so that churn never pays:

1. no condition counts orders or fills;
2. a rule holds at most once per session (``per_subject`` rules, which only actions can feed: ``session_cap`` times),
   and pays at most ``cap`` times in all, so :meth:`RuleBook.most_xp` bounds what any amount of trading can earn;
3. what is judged at a session's end needs a position *held* for ``held_s`` seconds and an account that was there (a
   recorded action), and the other conditions are on the worst of the session (largest position, deepest drawdown,
   dearest fill). An extra round trip that ends where it began and makes no profit holds nothing, records nothing and
   can only make the worst worse, so it never adds an award;
4. missions and badges count awards, and streaks need them session after session: fewer awards, never more XP.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec

from vtrade.errors import RuleError

CAP_MAX: Final = 10_000
"""Most times one rule may pay an account; bounds the state kept for it."""

Natural = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
Cap = Annotated[int, msgspec.Meta(ge=1, le=CAP_MAX)]
Word = Annotated[str, msgspec.Meta(min_length=1)]


class Repeat(StrEnum):
    """How often a rule may be earned again."""

    ONCE = "once"
    PER_SESSION = "per_session"
    PER_DAY = "per_day"
    PER_SUBJECT = "per_subject"


class _Data(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="when"):
    """Base of everything a rule file holds."""


class ActionTrigger(_Data, frozen=True, tag="action"):
    """A recorded action.

    Attributes
    ----------
    action : str
        Its name, such as ``plan_written``.
    value : str
        The action's value must equal it; empty: any value.
    min_length : int
        The action's value must have this many characters, blanks at its ends not counted.
    before_first_order : bool
        Only before the account's first order of the session.
    """

    action: Word
    value: str = ""
    min_length: Natural = 0
    before_first_order: bool = False


class MakerTrigger(_Data, frozen=True, tag="maker_inside_spread"):
    """A limit order placed between bid and ask was filled as maker."""


class StopTrigger(_Data, frozen=True, tag="stop_after_opening"):
    """A stop for the whole position, at most ``within_s`` seconds after it was first opened in the session."""

    within_s: Positive


class CancelTrigger(_Data, frozen=True, tag="cancel_stale_order"):
    """The owner canceled an order that had waited at least ``age_s`` seconds, while the market was open."""

    age_s: Positive


class SessionTrigger(_Data, frozen=True, tag="session_end"):
    """In the session a position was held for ``held_s`` seconds, an action was recorded, and what is given here held.

    The action is any that a rule of the book knows: whoever only lets time pass earns nothing.

    Attributes
    ----------
    held_s : int
        Seconds of market time, at least 1: without a position that was held, a session's end pays nothing.
    max_position_pct, max_drawdown_pct : int, optional
        Largest position and deepest fall below the session's highest NAV, in percent of NAV.
    min_sectors : int
        Sectors held at the close, each for ``held_s`` seconds; 0: any.
    no_denials : bool
        None of the account's orders was denied.
    max_cost_bps : int, optional
        Dearest fill of the session against the mid on arrival, fees included; needs a position opened in the session.
    """

    held_s: Positive
    max_position_pct: Percent | None = None
    max_drawdown_pct: Percent | None = None
    min_sectors: Natural = 0
    no_denials: bool = False
    max_cost_bps: Natural | None = None


Trigger = ActionTrigger | MakerTrigger | StopTrigger | CancelTrigger | SessionTrigger

TRIGGERS: Final = ("action", "maker_inside_spread", "stop_after_opening", "cancel_stale_order", "session_end")
"""Every word ``when`` may be."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to earn XP; ``description`` tells a student how."""

    id: Word
    version: Positive
    title: Word
    description: Word
    trigger: Trigger
    xp: Natural
    repeat: Repeat
    cap: Cap
    session_cap: Positive = 1


class Level(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From ``xp`` on, an account has this level."""

    level: Positive
    xp: Natural
    title: Word


class Mission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Earn the rules of ``counts`` ``goal`` times in all (``distinct``: each counts once)."""

    id: Word
    version: Positive
    title: Word
    description: Word
    counts: tuple[str, ...]
    goal: Positive
    xp: Natural
    distinct: bool = False


class Bonus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """XP paid once, when a streak first reaches ``length`` sessions."""

    length: Positive
    xp: Natural


class Streak(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sessions in a row in which one of ``rules`` held."""

    id: Word
    version: Positive
    title: Word
    description: Word
    rules: tuple[str, ...]
    bonus: tuple[Bonus, ...] = ()


class Badge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shown, never paid: for ``rule`` earned ``times`` times, a mission, a streak's ``length``, or a level."""

    id: Word
    version: Positive
    title: Word
    description: Word
    rule: str = ""
    times: Positive = 1
    mission: str = ""
    streak: str = ""
    length: Natural = 0
    level: Natural = 0


class RuleBook(msgspec.Struct, frozen=True, kw_only=True):
    """All rules of a room, checked.

    Examples
    --------
    >>> book = load_rules()
    >>> book.levels[1].title, book.rules[0].id
    ('Observer', 'plan_first')
    """

    version: Positive
    rules: tuple[Rule, ...]
    levels: tuple[Level, ...]
    missions: tuple[Mission, ...] = ()
    streaks: tuple[Streak, ...] = ()
    badges: tuple[Badge, ...] = ()

    def fingerprint(self) -> str:
        """SHA-256 of the rules, in hex: equal books have equal fingerprints."""
        return hashlib.sha256(msgspec.msgpack.encode(self)).hexdigest()

    def most_xp(self, sessions: int | None = None) -> int:
        """The most XP an account can earn, in so many sessions or ever, however much it trades.

        Examples
        --------
        >>> book = load_rules()
        >>> book.most_xp(1) < book.most_xp(10) < book.most_xp()
        True
        """
        total = sum(mission.xp for mission in self.missions)
        for streak in self.streaks:
            total += sum(bonus.xp for bonus in streak.bonus if sessions is None or bonus.length <= sessions)
        for rule in self.rules:
            times = 1 if rule.repeat is Repeat.ONCE else rule.cap
            total += rule.xp * (times if sessions is None else min(times, rule.session_cap * sessions))
        return total


def load_rules(path: str | Path | None = None) -> RuleBook:
    """Read a rule file; without a path, the rules that come with VTrade.

    Raises
    ------
    RuleError
        Naming the file, the rule and what to change.

    Examples
    --------
    >>> len(load_rules().levels)
    10
    """
    if path is None:
        source = files("vtrade.gamification").joinpath("rules.toml")
        return parse_rules(source.read_text(encoding="utf-8"), name="rules.toml")
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"{path}: cannot be read ({error}); give the path of a TOML file in UTF-8") from None
    return parse_rules(text, name=str(path))


def parse_rules(text: str, *, name: str = "rules") -> RuleBook:
    """Check the text of a rule file; ``name`` stands for it in error messages.

    Raises
    ------
    RuleError
        Naming the file, the rule and what to change.

    Examples
    --------
    >>> parse_rules('version = 1', name="mine.toml")
    Traceback (most recent call last):
    vtrade.errors.RuleError: mine.toml: there is no [[rule]]; write at least one
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{name}: not TOML: {error}; mend that line") from None
    known = ("version", "rule", "level", "mission", "streak", "badge")
    for key in data:
        if key not in known:
            raise RuleError(f"{name}: unknown table {key!r}; use one of {', '.join(known)}")
    version = data.get("version")
    if type(version) is not int or version < 1:
        raise RuleError(f"{name}: version is {version!r}; begin the file with 'version = 1'")
    book = RuleBook(
        version=version,
        rules=_read(data, "rule", Rule, name),
        levels=_read(data, "level", Level, name),
        missions=_read(data, "mission", Mission, name),
        streaks=_read(data, "streak", Streak, name),
        badges=_read(data, "badge", Badge, name),
    )
    for where, complaint in _complaints(book):
        raise RuleError(f"{name}: {where}{complaint}")
    return book


_T = TypeVar("_T")


def _read(data: dict[str, Any], kind: str, shape: type[_T], name: str) -> tuple[_T, ...]:
    rows = data.get(kind, [])
    if not isinstance(rows, list):
        raise RuleError(f"{name}: {kind!r} is not a list of tables; write [[{kind}]] above each")
    return tuple(_convert(row, kind, number, shape, name) for number, row in enumerate(rows, start=1))


def _convert(row: Any, kind: str, number: int, shape: type[_T], name: str) -> _T:
    label = row.get("id") if isinstance(row, dict) else None
    where = f"{name}: {kind} {label!r}" if isinstance(label, str) and label else f"{name}: {kind} number {number}"
    trigger = row.get("trigger") if isinstance(row, dict) and kind == "rule" else None
    if isinstance(trigger, dict) and trigger.get("when") not in TRIGGERS:
        raise RuleError(f"{where}: unknown trigger {trigger.get('when')!r}; use one of {', '.join(TRIGGERS)}")
    try:
        return msgspec.convert(row, shape)
    except msgspec.ValidationError as error:
        raise RuleError(f"{where}: {error}; mend or remove that entry") from None


_Complaints = Iterable[tuple[str, str]]


def _complaints(book: RuleBook) -> _Complaints:
    """What does not fit together, as (where, what and the mend)."""
    if not book.rules:
        yield "", "there is no [[rule]]; write at least one"
    named: list[Rule | Mission | Streak | Badge] = [*book.rules, *book.missions, *book.streaks, *book.badges]
    seen: set[str] = set()
    for entry in named:
        if entry.id in seen:
            yield f"{type(entry).__name__.lower()} {entry.id!r}: ", "the id is used twice; give this one another"
        seen.add(entry.id)
    for rule in book.rules:
        yield from ((f"rule {rule.id!r}: ", complaint) for complaint in _rule_complaints(rule))
    yield from _level_complaints(book)
    for mission in book.missions:
        yield from ((f"mission {mission.id!r}: ", complaint) for complaint in _mission_complaints(mission, book))
    for streak in book.streaks:
        yield from ((f"streak {streak.id!r}: ", complaint) for complaint in _streak_complaints(streak, book))
    for badge in book.badges:
        yield from ((f"badge {badge.id!r}: ", complaint) for complaint in _badge_complaints(badge, book))


def _rule_complaints(rule: Rule) -> Iterable[str]:
    per_subject = rule.repeat is Repeat.PER_SUBJECT
    if rule.repeat is Repeat.ONCE and rule.cap != 1:
        yield f"repeat is once but cap is {rule.cap}; write cap = 1"
    if rule.session_cap != 1 and not per_subject:
        yield f"session_cap {rule.session_cap} needs repeat = 'per_subject'; drop it"
    if per_subject and not isinstance(rule.trigger, ActionTrigger):
        yield "only a trigger on an action may repeat per_subject; write repeat = 'per_session'"
    if per_subject and isinstance(rule.trigger, ActionTrigger) and rule.trigger.before_first_order:
        yield "before_first_order cannot repeat per_subject; write repeat = 'per_session'"
    if isinstance(rule.trigger, SessionTrigger):
        t = rule.trigger
        limits = (t.max_position_pct, t.max_drawdown_pct, t.max_cost_bps)
        if limits == (None, None, None) and not t.min_sectors and not t.no_denials:
            yield "session_end without a condition would pay for holding anything; add one such as max_drawdown_pct"


def _level_complaints(book: RuleBook) -> _Complaints:
    if not book.levels or (book.levels[0].level, book.levels[0].xp) != (1, 0):
        yield "level table: ", "it must begin with level = 1 at xp = 0"
    for below, above in zip(book.levels, book.levels[1:], strict=False):
        if above.level != below.level + 1 or above.xp <= below.xp:
            yield (
                f"level {above.level}: ",
                f"the table must rise: level {below.level} begins at {below.xp} XP, so the next entry must be "
                f"level {below.level + 1} with more XP, not level {above.level} at {above.xp}",
            )
    if book.levels and book.levels[-1].xp > book.most_xp():
        yield (
            f"level {book.levels[-1].level}: ",
            f"its {book.levels[-1].xp} XP can never be earned (all rules together pay {book.most_xp()}); lower it",
        )


def _most_times(rule: Rule) -> int | None:
    """How often a rule can be earned in all; ``None`` where only the number of sessions bounds it."""
    if rule.repeat is Repeat.ONCE:
        return 1
    return rule.cap if rule.repeat is Repeat.PER_SUBJECT else None


def _unknown(names: Iterable[str], entries: Iterable[Rule | Mission | Streak], kind: str) -> Iterable[str]:
    known = [entry.id for entry in entries]
    for name in names:
        if name not in known:
            yield f"there is no {kind} {name!r}; use one of {', '.join(known) or '(none)'}"


def _mission_complaints(mission: Mission, book: RuleBook) -> Iterable[str]:
    yield from _unknown(mission.counts, book.rules, "rule")
    if len(set(mission.counts)) != len(mission.counts):
        yield "a rule stands twice in counts; name each once"
    most = [_most_times(rule) for rule in book.rules if rule.id in mission.counts]
    reachable = len(most) if mission.distinct else None if None in most else sum(times or 0 for times in most)
    if reachable is not None and mission.goal > reachable:
        yield f"goal {mission.goal} can never be reached (at most {reachable}); lower it or count more rules"


def _streak_complaints(streak: Streak, book: RuleBook) -> Iterable[str]:
    if not streak.rules:
        yield "rules is empty; name the rules that keep it alive"
    yield from _unknown(streak.rules, book.rules, "rule")
    lengths = [bonus.length for bonus in streak.bonus]
    if lengths != sorted(set(lengths)):
        yield f"bonus lengths {lengths} must rise; sort them and name each once"


def _badge_complaints(badge: Badge, book: RuleBook) -> Iterable[str]:
    if sum((bool(badge.rule), bool(badge.mission), bool(badge.streak), bool(badge.level))) != 1:
        yield "name exactly one of rule, mission, streak and level"
        return
    if bool(badge.streak) != bool(badge.length):
        yield "streak and length go together; give both"
    if badge.rule:
        yield from _unknown([badge.rule], book.rules, "rule")
        most = next((_most_times(rule) for rule in book.rules if rule.id == badge.rule), None)
        if most is not None and badge.times > most:
            yield f"times {badge.times} can never be reached (at most {most}); lower it"
    elif badge.times != 1:
        yield "times needs a rule; drop it"
    if badge.mission:
        yield from _unknown([badge.mission], book.missions, "mission")
    if badge.streak:
        yield from _unknown([badge.streak], book.streaks, "streak")
    if badge.level == 1:
        yield "every account begins at level 1; name a level from 2 on"
    if badge.level > len(book.levels):
        yield f"there is no level {badge.level}; the table ends at {len(book.levels)}"
