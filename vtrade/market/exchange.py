"""Whom does one meet in an exchange room?

Rules: :func:`exchange` is a pure function of its arguments: the same seed gives the same bytes on every machine. It
returns a tape of order *requests*, which the matching resolves against the room's one book, so the agents feel what
participants do. The agents are in ``exchange_agents``, their time in ``exchange_clock``, the instruments and headlines
are those of the synthetic market (``recipes``). Nothing on the tape tells what an instrument is worth, or who knows;
:func:`insight` does, for those who run the room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, sqrt
from typing import Final

import numpy as np

from vtrade.domain.luck import normals, uniforms
from vtrade.domain.values import NS_PER_S
from vtrade.errors import TapeError
from vtrade.market import exchange_agents as agents
from vtrade.market.dtype import FLAG_MARKET, MAX_QUANTITY_LOTS, Events, Kind, SessionStatus, empty_events
from vtrade.market.exchange_clock import MOODS_S, Floats, Ints, market_time, moods, paces
from vtrade.market.recipes import (
    DAY_S,
    SESSION_S,
    Recipe,
    check_extent,
    day_shape,
    news_weights,
    parts_of,
    recipes_of,
    second_of_day,
)
from vtrade.market.synthetic_news import stories
from vtrade.market.tape import NewsItem, Tape, check_tape

STEPS: Final = agents.VALUE_STEPS_PER_S
SECONDS_MIN: Final = 30
EVENTS_PER_SECOND_MAX: Final = 500.0
CALL_S: Final = 30
"""Length of the opening and of the closing call; a sixth of the tape where that is shorter."""
LEAKED: Final = 0.4
"""Share of the stories that the informed know before the headline, ..."""
LEAD_S: Final = (20, 140)
"""... and how long before."""
GROWTH_MIN: Final = 0.6
GROWTH_MAX: Final = 1.4
"""No value leaves these multiples of the first one."""
EXCITES: Final = 700.0
"""A story adds so much times its relative move to the activity."""


@dataclass(frozen=True)
class PrivateNews:
    """A story that the informed agents know before everybody else.

    Attributes
    ----------
    known_ns, public_ns : int
        When the informed learn of it, and when its headline is told.
    symbol : str
        Empty where it is about more than one instrument.
    headline : str
    moves : tuple of (symbol, float)
        Relative change of what each instrument is worth.
    """

    known_ns: int
    public_ns: int
    symbol: str
    headline: str
    moves: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Insight:
    """What nobody in the room may know.

    Attributes
    ----------
    symbols : tuple of str
    ts_ns : (T + 1,) int64
        Every quarter of a second.
    values : (T + 1, n) float64
        Fundamental values in ticks.
    private : tuple of PrivateNews
        In the order in which the informed learn.
    """

    symbols: tuple[str, ...]
    ts_ns: Ints
    values: Floats
    private: tuple[PrivateNews, ...]


@dataclass(frozen=True)
class _World:
    recipes: tuple[Recipe, ...]
    scenes: tuple[agents.Scene, ...]
    news: tuple[NewsItem, ...]
    insight: Insight


@dataclass(frozen=True)
class _Told:
    """What happens: relative jumps (T, n) at the value's steps, pushes to activity (S, n), and who hears of it when."""

    jumps: Floats
    pushes: Floats
    news: tuple[NewsItem, ...]
    private: tuple[PrivateNews, ...]
    about: tuple[tuple[int, ...], ...]


def exchange(
    seed: int = 7,
    *,
    symbols: Sequence[str | Recipe] | None = None,
    minutes: float = 60,
    events_per_second: float = 40.0,
    start: str = "09:30",
    date: str = "2026-01-05",
    news: bool = True,
) -> Tape:
    """Seeded background agents of an exchange room, as order requests.

    Parameters
    ----------
    seed : int
        0 to 2**64 - 1.
    symbols : sequence of str or Recipe
        Names from ``synthetic.RECIPES``, or recipes of your own; the default is ``ACME`` alone.
    minutes : float
        Length from the opening call to the close, up to midnight.
    events_per_second : float
        Rows per second of an instrument of average activity.
    start : str
        Time of day at which the opening call begins, ``"HH:MM"`` or ``"HH:MM:SS"``.
    date : str
        ISO date of the tape; ``ts_ns`` counts from its midnight.
    news : bool
        Whether there are headlines, and the shocks that come with them.

    Returns
    -------
    Tape
        Of depth ``"exchange"``: ``ORDER``, ``CANCEL`` and ``STATUS`` rows (``AUCTION`` at the start, ``OPEN`` half a
        minute later, ``AUCTION`` half a minute before the end, and ``CLOSED``). Order ids are used again.

    Raises
    ------
    TapeError
        If an argument makes no sense.

    Notes
    -----
    Liquidity is V-shaped: the volume that rests within a distance ``d`` of the price grows like ``d**2``, so a large
    market order of ``Q`` lots walks the book by a multiple of ``sqrt(Q)``. A parent order worked at a steady pace for
    seconds or minutes meets the same book, which heals behind it, while the informed lean against the move; its peak
    impact follows the square root as well. Worked over a fixed time instead, small parents leave next to no trace,
    and the exponent is nearer to 0.7.

    Measured on 80 seeds of ``ACME`` over sizes of 30 to 3,000 round lots (an hour trades about 4,100) as the fitted
    exponent of the mean peak, against the same tape without the order: price of the last execution 0.490 +/- 0.006 for
    one market order, 0.469 +/- 0.009 for 5 round lots a second, 0.484 +/- 0.007 for 20 a second; cost against the
    arrival price 0.491, 0.500 and 0.486 (+/- 0.01); mid right after the last piece 0.517, 0.528 and 0.587.

    References
    ----------
    Kyle (1985), "Continuous auctions and insider trading"; the others stand in ``vtrade.market.exchange_agents``.

    Examples
    --------
    >>> tape = exchange(7, minutes=2)
    >>> tape.depth, sorted({Kind(kind).name for kind in tape.events["kind"].tolist()})
    ('exchange', ['CANCEL', 'ORDER', 'STATUS'])
    >>> bool((tape.events == exchange(7, minutes=2).events).all())
    True
    """
    world = _world(seed, symbols, minutes, events_per_second, start, date, news)
    pieces: list[Events] = []
    named = 0
    for scene in world.scenes:
        pieces.append(_sessions(scene))
        made = agents.requests(seed, scene)
        ids = named
        for piece in made:
            piece["order_id"][piece["order_id"] > 0] += named
            ids = max(ids, int(piece["order_id"].max(initial=0)))
        named = ids
        pieces += made
    events = np.concatenate(pieces)
    events = events[np.argsort(events["ts_ns"], kind="stable")]
    _number(events, named)
    instruments = tuple(recipe.instrument for recipe in world.recipes)
    return check_tape(Tape(f"exchange {seed}", instruments, events, "exchange", date=date, news=world.news))


def insight(
    seed: int = 7,
    *,
    symbols: Sequence[str | Recipe] | None = None,
    minutes: float = 60,
    events_per_second: float = 40.0,
    start: str = "09:30",
    date: str = "2026-01-05",
    news: bool = True,
) -> Insight:
    """What the tape of :func:`exchange` with the same arguments keeps to itself: values and private information.

    Examples
    --------
    >>> seen = insight(7, minutes=10)
    >>> seen.symbols, seen.values.shape
    (('ACME',), (2401, 1))
    >>> all(item.known_ns < item.public_ns for item in seen.private)
    True
    """
    return _world(seed, symbols, minutes, events_per_second, start, date, news).insight


def with_metaorder(
    tape: Tape, *, symbol: str, side: int, quantity: int, start_ns: int, pieces: int = 1, every_ns: int = NS_PER_S
) -> Tape:
    """The same agents and one more, who sends a parent order as market orders of equal size.

    With the tape itself as the counterfactual, this measures impact: run both through the matching and compare.

    Parameters
    ----------
    tape : Tape
        From :func:`exchange`.
    symbol : str
    side : {1, -1}
        Buy or sell.
    quantity : int
        Lots of the parent.
    start_ns, every_ns : int
        Time of the first piece, and between two.
    pieces : int
        At most ``quantity``; sizes differ by one lot at most.

    Examples
    --------
    >>> tape = exchange(7, minutes=2)
    >>> more = with_metaorder(tape, symbol="ACME", side=1, quantity=500, start_ns=tape.start_ns + 10**11 // 2, pieces=4)
    >>> len(more) - len(tape)
    4
    """
    named = [instrument.symbol for instrument in tape.instruments]
    if tape.depth != "exchange" or symbol not in named:
        raise TapeError(f"{tape.name}: {symbol!r} is no instrument of an exchange tape; it has {', '.join(named)}")
    if side not in (1, -1) or not 1 <= pieces <= quantity <= MAX_QUANTITY_LOTS or every_ns < 0:
        raise TapeError(
            f"a metaorder of {quantity} lots in {pieces} pieces on side {side}, one every {every_ns} ns, is none; "
            "give side 1 or -1, and from 1 piece to as many as lots"
        )
    last_ns = start_ns + (pieces - 1) * every_ns
    if not tape.start_ns <= start_ns <= last_ns <= tape.end_ns:
        raise TapeError(
            f"a metaorder from {start_ns} to {last_ns} ns is not within the tape, {tape.start_ns} to {tape.end_ns} ns; "
            "move it, or send fewer pieces"
        )
    rows = empty_events(pieces)
    rows["ts_ns"] = start_ns + every_ns * np.arange(pieces)
    rows["instrument"], rows["kind"], rows["side"] = named.index(symbol), Kind.ORDER, side
    rows["quantity"] = np.diff([quantity * piece // pieces for piece in range(pieces + 1)])
    rows["flags"] = FLAG_MARKET
    at = np.searchsorted(tape.events["ts_ns"], rows["ts_ns"])
    return check_tape(replace(tape, events=np.insert(tape.events, at, rows)))


def _world(
    seed: int,
    symbols: Sequence[str | Recipe] | None,
    minutes: float,
    events_per_second: float,
    start: str,
    date: str,
    with_news: bool,
) -> _World:
    """Instruments, values, headlines and times; refuses what makes no sense."""
    recipes = recipes_of(("ACME",) if symbols is None else symbols)
    begin_s = second_of_day(start)
    seconds = round(minutes * 60) if isfinite(minutes) else 0
    if not SECONDS_MIN <= seconds <= DAY_S - begin_s:
        raise TapeError(
            f"{minutes} minutes from {start} are under {SECONDS_MIN} seconds, or do not fit before midnight; "
            "give another length or start"
        )
    if not 1 <= events_per_second <= EVENTS_PER_SECOND_MAX:
        raise TapeError(f"events_per_second {events_per_second} is not 1 to {EVENTS_PER_SECOND_MAX:g}; 40 is usual")
    check_extent(recipes, events_per_second, seconds, date)

    start_ns, end_ns = begin_s * NS_PER_S, (begin_s + seconds) * NS_PER_S
    call_s = min(CALL_S, seconds // 6)
    n, steps = len(recipes), seconds * STEPS
    parts = parts_of(recipes)
    told = _told(seed, recipes, parts, seconds, start_ns, call_s, with_news)

    shape = day_shape(begin_s, seconds, 1.0)[:, 1]
    mood = moods(normals(seed, "exchange/mood", seconds), MOODS_S[0], np.zeros(seconds))
    factors = dict.fromkeys(["market", *(f"sector/{recipe.instrument.sector}" for recipe in recipes)])
    shared = {factor: normals(seed, f"exchange/value/{factor}", steps) for factor in factors}
    values = np.empty((steps + 1, n))
    scenes = []
    for i, recipe in enumerate(recipes):
        symbol = recipe.instrument.symbol
        own_mood = moods(normals(seed, f"exchange/mood/{symbol}", seconds), MOODS_S[1], told.pushes[:, i])
        pace = paces(shape, mood, own_mood)
        speed = events_per_second * recipe.activity / agents.rows_per_s()
        sigma = recipe.start * (recipe.volatility / sqrt(252.0 * SESSION_S))
        shocks = parts[i, 0] * shared["market"] + parts[i, 1] * shared[f"sector/{recipe.instrument.sector}"]
        shocks = shocks + parts[i, 2] * normals(seed, f"exchange/value/own/{symbol}", steps)
        wander = sigma * np.sqrt(np.repeat(pace, STEPS) / STEPS) * shocks
        values[0, i] = recipe.start
        values[1:, i] = recipe.start + np.cumsum(wander + recipe.start * told.jumps[:, i])
        values[:, i] = np.clip(values[:, i], GROWTH_MIN * recipe.start, GROWTH_MAX * recipe.start)
        scenes.append(
            agents.Scene(
                symbol=symbol,
                number=i,
                step=sqrt(recipe.width) * sigma / (agents.VALUE_SIGMA * sqrt(speed)),
                lot=recipe.round_lot,
                time=market_time(start_ns, pace, speed),
                value=values[:, i],
                open_ns=start_ns + call_s * NS_PER_S,
                call_ns=end_ns - call_s * NS_PER_S,
                end_ns=end_ns,
                headlines_ns=told.about[i],
            )
        )
    names = tuple(recipe.instrument.symbol for recipe in recipes)
    ts_ns = start_ns + np.arange(steps + 1) * (NS_PER_S // STEPS)
    return _World(recipes, tuple(scenes), told.news, Insight(names, ts_ns, values, told.private))


def _told(
    seed: int, recipes: Sequence[Recipe], parts: Floats, seconds: int, start_ns: int, call_s: int, with_news: bool
) -> _Told:
    """Stories of the invented world, some of which the informed know before their headlines."""
    n = len(recipes)
    jumps, pushes = np.zeros((seconds * STEPS, n)), np.zeros((seconds, n))
    news: list[NewsItem] = []
    private: list[PrivateNews] = []
    about: list[list[int]] = [[] for _ in recipes]
    weights = news_weights(recipes, parts)
    happened = stories(seed, [recipe.instrument for recipe in recipes], weights, seconds) if with_news else ()
    for number, story in enumerate(happened):
        public = story.second * STEPS + story.quarter * STEPS // 4
        leaks, early = uniforms(seed, "exchange/leaks", 2, index=number).tolist()
        lead = int((LEAD_S[0] + early * (LEAD_S[1] - LEAD_S[0])) * STEPS) if leaks < LEAKED else 0
        known = max(public - lead, min(public, call_s * STEPS))
        jumps[known] += story.jumps
        pushes[story.second] += np.abs(story.jumps) * EXCITES
        public_ns, known_ns = (start_ns + step * (NS_PER_S // STEPS) for step in (public, known))
        news.append(NewsItem(public_ns, story.symbol, story.headline))
        moved = np.flatnonzero(story.jumps).tolist()
        for i in moved:
            about[i].append(public_ns)
        if moved and known < public:
            moves = tuple((recipes[i].instrument.symbol, float(story.jumps[i])) for i in moved)
            private.append(PrivateNews(known_ns, public_ns, story.symbol, story.headline, moves))
    private.sort(key=lambda item: (item.known_ns, item.public_ns))
    return _Told(jumps, pushes, tuple(news), tuple(private), tuple(tuple(times) for times in about))


def _sessions(scene: agents.Scene) -> Events:
    rows = empty_events(4)
    rows["ts_ns"] = scene.time.start_ns, scene.open_ns, scene.call_ns, scene.end_ns
    rows["instrument"], rows["kind"] = scene.number, Kind.STATUS
    rows["quantity"] = SessionStatus.AUCTION, SessionStatus.OPEN, SessionStatus.AUCTION, SessionStatus.CLOSED
    return rows


def _number(events: Events, named: int) -> None:
    """Give orders the smallest ids that nobody else has at the time, in place."""
    rows = np.flatnonzero(events["order_id"])
    ids = [0] * (named + 1)
    unused: list[int] = []
    found, top = [], 0
    for kind, name in zip(events["kind"][rows].tolist(), events["order_id"][rows].tolist(), strict=True):
        if kind == Kind.CANCEL:
            unused.append(ids[name])
        elif unused:
            ids[name] = unused.pop()
        else:
            top += 1
            ids[name] = top
        found.append(ids[name])
    events["order_id"][rows] = found
