"""What would a market look like that nobody has seen before?

Rules: :func:`synthetic` is a pure function of its arguments: the same seed gives the same bytes on every machine, so
floats see only ``+ - * / sqrt`` and exactly rounded sums. It returns a tape like any other, L3 rows of a
price-time-priority book per instrument, and tells nothing of the agents behind it. What things are worth comes from
``synthetic_value`` and ``synthetic_news``, the instruments from ``recipes``, the agents are in ``synthetic_kernel``;
here is the wiring.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from vtrade.domain.luck import normals, uniforms
from vtrade.domain.values import NS_PER_S
from vtrade.errors import TapeError
from vtrade.market.dtype import Events, Kind, SessionStatus, empty_events
from vtrade.market.recipes import (
    DAY_S,
    RECIPES,
    SESSION_S,
    Recipe,
    check_extent,
    day_shape,
    events_expected,
    news_weights,
    parts_of,
    recipes_of,
    second_of_day,
)
from vtrade.market.synthetic_news import stories
from vtrade.market.tape import NewsItem, Tape, check_tape

if TYPE_CHECKING:
    from vtrade.market.synthetic_kernel import World

__all__ = ["DEFAULT_SYMBOLS", "RECIPES", "Recipe", "simulate", "synthetic"]

DEFAULT_SYMBOLS: Final = ("ACME", "BYTE", "FUEL", "WELL", "LUMA")
EVENTS_PER_SECOND_MAX: Final = 1_000.0
LUCK_BLOCK: Final = 8_192


def synthetic(
    seed: int = 7,
    *,
    symbols: Sequence[str | Recipe] | None = None,
    minutes: float = 60,
    events_per_second: float = 20.0,
    start: str = "09:30",
    date: str = "2026-01-05",
    news: bool = True,
) -> Tape:
    """A seeded market made by agents: L3 rows, news, several instruments with sectors.

    Market makers, patient and hasty noise traders, trend followers and informed traders meet in one
    price-time-priority book per instrument. What an instrument is worth follows a market and a sector factor with
    stochastic volatility, and jumps with news.

    Parameters
    ----------
    seed : int
        0 to 2**64 - 1.
    symbols : sequence of str or Recipe
        Names from ``RECIPES``, or recipes of your own; the default is a market of five.
    minutes : float
        Length, up to midnight.
    events_per_second : float
        Rows per second of an instrument of average activity.
    start : str
        Time of day of the opening, ``"HH:MM"`` or ``"HH:MM:SS"``; 09:30 to 16:00 is U-shaped, the rest of the day
        as calm or busy as the end nearer to it.
    date : str
        ISO date of the tape; ``ts_ns`` counts from its midnight.
    news : bool
        Whether there are headlines, and the jumps that come with them.

    Returns
    -------
    Tape
        Of depth ``"L3"``: ``STATUS`` rows at the open and the close, ``ADD``, ``REDUCE``, ``DELETE`` and ``EXECUTE``
        rows between. What one agent does at once shares one ``ts_ns``. Order ids are used again.

    Raises
    ------
    TapeError
        If an argument makes no sense.

    Notes
    -----
    The statistics are those of real order flow: returns with fat tails and no memory beside clustered volatility, runs
    of one side, heavy-tailed sizes, far more cancels than fills, spreads that widen with volatility.

    References
    ----------
    Kyle (1985), "Continuous auctions and insider trading". Glosten and Milgrom (1985), "Bid, ask and transaction
    prices". Hawkes (1971), "Spectra of some self-exciting and mutually exciting point processes". Cont (2001),
    "Empirical properties of asset returns: stylized facts and statistical issues".

    Examples
    --------
    >>> tape = synthetic(7, symbols=["ACME", "LUMA"], minutes=1)
    >>> tape.depth, tape.date, [instrument.symbol for instrument in tape.instruments]
    ('L3', '2026-01-05', ['ACME', 'LUMA'])
    >>> bool((tape.events == synthetic(7, symbols=["ACME", "LUMA"], minutes=1).events).all())
    True
    """
    recipes = recipes_of(DEFAULT_SYMBOLS if symbols is None else symbols)
    begin_s = second_of_day(start)
    seconds = round(minutes * 60) if isfinite(minutes) else 0
    if not 1 <= seconds <= DAY_S - begin_s:
        raise TapeError(f"{minutes} minutes from {start} do not fit before midnight; give a shorter, positive time")
    if not 0.1 <= events_per_second <= EVENTS_PER_SECOND_MAX:
        raise TapeError(f"events_per_second {events_per_second} is not 0.1 to {EVENTS_PER_SECOND_MAX:g}; 20 is usual")
    check_extent(recipes, events_per_second, seconds, date)
    tape, _ = simulate(seed, recipes, seconds, events_per_second, begin_s * NS_PER_S, date, news)
    return tape


def _worth(
    seed: int, recipes: Sequence[Recipe], seconds: int, start_ns: int, with_news: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[NewsItem, ...]]:
    """What the instruments are worth at each step, as the paths of ``synthetic_value.walk``; volatility; headlines.

    Returns
    -------
    paths : (3, T + 1, n) float64
    sigmas : (n,) float64
        Standard deviation of the relative change in one second.
    news : tuple of NewsItem
    """
    from vtrade.market.synthetic_value import STEPS_PER_S, walk

    n, steps = len(recipes), seconds * STEPS_PER_S
    instruments = [recipe.instrument for recipe in recipes]
    symbols = [instrument.symbol for instrument in instruments]
    sectors = list(dict.fromkeys(instrument.sector for instrument in instruments))
    parts = parts_of(recipes)
    sigmas = np.array([recipe.volatility / sqrt(252.0 * SESSION_S) for recipe in recipes])
    loadings = np.zeros((n, 1 + len(sectors) + n))
    for i, instrument in enumerate(instruments):
        places = [0, 1 + sectors.index(instrument.sector), 1 + len(sectors) + i]
        loadings[i, places] = sigmas[i] / sqrt(STEPS_PER_S) * parts[i]

    jumps = np.zeros((steps, n))
    news = []
    if with_news:
        for story in stories(seed, instruments, news_weights(recipes, parts), seconds):
            step = STEPS_PER_S * story.second + STEPS_PER_S * story.quarter // 4
            jumps[step] += story.jumps
            news.append(NewsItem(start_ns + step * NS_PER_S // STEPS_PER_S, story.symbol, story.headline))

    factors = ["market", *(f"sector/{sector}" for sector in sectors), *(f"own/{symbol}" for symbol in symbols)]
    shocks = np.stack([normals(seed, f"value/{factor}", steps) for factor in factors], axis=1)
    wobbles = np.stack([normals(seed, f"variance/{name}", steps) for name in ("", *symbols)], axis=1)
    paths = np.ones((3, steps + 1, n))
    walk(paths, shocks, wobbles, jumps, loadings, day_shape(start_ns / NS_PER_S, steps, 1.0 / STEPS_PER_S))
    return paths, sigmas, tuple(news)


def simulate(
    seed: int,
    recipes: Sequence[Recipe],
    seconds: int,
    events_per_second: float,
    start_ns: int,
    date: str,
    with_news: bool,
) -> tuple[Tape, World]:
    """What :func:`synthetic` does with arguments that were checked, with the market as it stands at the end."""
    from vtrade.market import synthetic_kernel as kernel
    from vtrade.market.synthetic_value import STEPS_PER_S

    n, end_ns = len(recipes), start_ns + seconds * NS_PER_S
    paths, sigmas, news = _worth(seed, recipes, seconds, start_ns, with_news)
    starts = np.array([float(recipe.start) for recipe in recipes])
    floors = np.array([float(recipe.start // 2) for recipe in recipes])
    truth, known, pace = paths[0] * starts - floors, paths[1] * starts - floors, paths[2]

    expected = events_expected(recipes, events_per_second, seconds)
    rows = empty_events(int(expected * 1.25) + n * (1 + kernel.ORDERS_MAX) + kernel.ROWS_PER_ACTION_MAX)
    streams = [f"flow/{recipe.instrument.symbol}" for recipe in recipes]
    luck = np.stack([uniforms(seed, stream, LUCK_BLOCK) for stream in streams])
    world = kernel.new_world(n, int(starts.max()) + 2, start_ns, luck, rows)
    for column, start in (
        (kernel.FAIR, truth[0]),
        (kernel.FELT, truth[0]),
        (kernel.TREND, truth[0]),
        (kernel.VARIANCE, sigmas * starts * sigmas * starts),
        (kernel.EXCITED, kernel.EXCITE_SHARE),
        (kernel.RATE, [events_per_second * recipe.activity / kernel.ROWS_PER_ACTION for recipe in recipes]),
        (kernel.WIDTH, [recipe.width for recipe in recipes]),
        (kernel.ROUND_LOT, [recipe.round_lot for recipe in recipes]),
        (kernel.FLOOR, floors),
    ):
        world.value[:, column] = start

    rows[:n] = _session(n, start_ns, SessionStatus.OPEN)
    world.clock[kernel.ROWS] = n
    block, step_ns = [0] * n, NS_PER_S // STEPS_PER_S
    while (state := kernel.advance(world, truth, known, pace, step_ns, end_ns)) != kernel.DONE:
        if state == kernel.FULL:
            rows = np.concatenate([rows, empty_events(len(rows) // 2)])
            world = world._replace(rows=rows)
        else:
            block[state] += 1
            luck[state] = uniforms(seed, streams[state], LUCK_BLOCK, index=block[state])
            world.tally[state, kernel.CURSOR] = 0
    used = int(world.clock[kernel.ROWS])
    rows.resize(used + n, refcheck=False)  # in place: a day of rows need not be held twice
    rows[used:] = _session(n, end_ns, SessionStatus.CLOSED)
    instruments = tuple(recipe.instrument for recipe in recipes)
    return check_tape(Tape(f"synthetic market {seed}", instruments, rows, "L3", date=date, news=news)), world


def _session(n: int, ts_ns: int, status: SessionStatus) -> Events:
    """One ``STATUS`` row for each instrument."""
    rows = empty_events(n)
    rows["ts_ns"], rows["instrument"], rows["kind"], rows["quantity"] = ts_ns, np.arange(n), Kind.STATUS, status
    return rows
