"""What would a market look like that nobody has seen before?

Rules: :func:`synthetic` is a pure function of its arguments: the same seed gives the same bytes on every machine, so
floats see only ``+ - * / sqrt`` and exactly rounded sums. It returns a tape like any other, L3 rows of a
price-time-priority book per instrument, and tells nothing of the agents behind it. What things are worth comes from
``synthetic_value`` and ``synthetic_news``, the agents are in ``synthetic_kernel``; here are the instruments and the
wiring.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, isfinite, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.luck import normals, uniforms
from vtrade.domain.values import NS_PER_S, Number, on_grid, to_micros
from vtrade.errors import TapeError
from vtrade.market.dtype import Events, Kind, SessionStatus, empty_events
from vtrade.market.synthetic_news import stories
from vtrade.market.tape import NewsItem, Tape, check_tape

if TYPE_CHECKING:
    from vtrade.market.synthetic_kernel import World

DAY_S: Final = 24 * 3600
OPEN_S: Final = 34_200
"""09:30: where the day's U-shape of activity begins ..."""
SESSION_S: Final = 23_400
"""... and how long it lasts; a year has 252 such days."""
PRICE_TICKS_MIN: Final = 200
PRICE_TICKS_MAX: Final = 400_000
EVENTS_PER_SECOND_MAX: Final = 1_000.0
EVENTS_MAX: Final = 50_000_000
LUCK_BLOCK: Final = 8_192
USUAL_VOLATILITY: Final = 0.3


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one instrument of a synthetic market behaves.

    Attributes
    ----------
    instrument : Instrument
    price : int, float, str or Decimal
        Where it starts, in whole units of money; 200 to 400,000 ticks.
    volatility : float
        Of what it is worth, annualised (0.3 = 30 %), without news.
    activity : float
        Events relative to the average instrument.
    width : float
        Spread that market makers ask, relative to the average instrument.
    round_lot : int
        Usual order size, in lots.
    market, sector : float
        Shares of the variance that come from the market and from the sector; the rest is the instrument's own.
    """

    instrument: Instrument
    price: Number
    volatility: float = USUAL_VOLATILITY
    activity: float = 1.0
    width: float = 1.0
    round_lot: int = 100
    market: float = 0.25
    sector: float = 0.35

    def __post_init__(self) -> None:
        symbol, tick = self.instrument.symbol, self.instrument.tick_size
        price = to_micros(self.price, what=f"{symbol} price")
        if not on_grid(price, tick) or not PRICE_TICKS_MIN <= price // tick <= PRICE_TICKS_MAX:
            raise TapeError(
                f"{symbol}: a start at {self.price} is not {PRICE_TICKS_MIN} to {PRICE_TICKS_MAX:,} whole ticks of "
                f"{self.instrument.price(1)}; change the price or the tick size"
            )
        shares = self.market >= 0 and self.sector >= 0 and self.market + self.sector <= 1
        for what, fine, mend in (
            (f"volatility {self.volatility}", 0.01 <= self.volatility <= 2, "0.01 to 2"),
            (f"activity {self.activity}", 0.01 <= self.activity <= 100, "0.01 to 100"),
            (f"width {self.width}", 0.1 <= self.width <= 10, "0.1 to 10"),
            (f"round lot {self.round_lot}", 1 <= self.round_lot <= 10**6, "1 to 1,000,000 lots"),
            (f"market {self.market} and sector {self.sector}", shares, "not negative, together at most 1"),
        ):
            if not fine:
                raise TapeError(f"{symbol}: {what} is out of range; give {mend}")

    @property
    def start(self) -> int:
        """First value, in ticks."""
        return to_micros(self.price) // self.instrument.tick_size


def _share(symbol: str, name: str, sector: str) -> Instrument:
    return Instrument.make(symbol, name=name, sector=sector, fees=FeeSchedule.per_share("0.005"))


ACME: Final = _share("ACME", "Acme Robotics", "Information Technology")
BYTE: Final = _share("BYTE", "Byte Foundry", "Information Technology")
FUEL: Final = _share("FUEL", "Fuelstone Energy", "Energy")
WELL: Final = _share("WELL", "Deepwell Drilling", "Energy")
CURE: Final = _share("CURE", "Curewell Labs", "Health Care")
LOAF: Final = _share("LOAF", "Daily Loaf Foods", "Consumer Staples")
LUMA: Final = Instrument.make(
    "LUMA",
    name="Luma coin",
    lot="0.01",
    sector="Digital Assets",
    asset_class="Crypto",
    calendar="24/7",
    fees=FeeSchedule.bps(5),
)
WIDE: Final = Instrument.make(
    "WIDE", name="Whole Market Fund", sector="Broad Market", asset_class="Fund", fees=FeeSchedule.bps("0.5")
)

RECIPES: Final[dict[str, Recipe]] = {
    recipe.instrument.symbol: recipe
    for recipe in (
        Recipe(instrument=ACME, price="182.40", activity=1.5),
        Recipe(instrument=BYTE, price="64.15", volatility=0.34, activity=1.2),
        Recipe(instrument=FUEL, price="98.70", volatility=0.27),
        Recipe(instrument=WELL, price="41.25", volatility=0.32, activity=0.6, width=1.6),
        Recipe(instrument=LUMA, price="23.85", volatility=0.36, activity=0.7, width=1.3, market=0.08, sector=0.0),
        Recipe(instrument=CURE, price="127.55", volatility=0.30),
        Recipe(instrument=LOAF, price="57.90", volatility=0.20),
        Recipe(instrument=WIDE, price="318.20", volatility=0.17, activity=1.5, width=0.7, market=0.95, sector=0.0),
    )
}
"""Invented instruments by symbol."""

DEFAULT_SYMBOLS: Final = ("ACME", "BYTE", "FUEL", "WELL", "LUMA")


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
    recipes = _recipes(symbols)
    begin_s = _second_of_day(start)
    seconds = round(minutes * 60) if isfinite(minutes) else 0
    if not 1 <= seconds <= DAY_S - begin_s:
        raise TapeError(f"{minutes} minutes from {start} do not fit before midnight; give a shorter, positive time")
    if not 0.1 <= events_per_second <= EVENTS_PER_SECOND_MAX:
        raise TapeError(f"events_per_second {events_per_second} is not 0.1 to {EVENTS_PER_SECOND_MAX:g}; 20 is usual")
    expected = events_per_second * seconds * fsum(recipe.activity for recipe in recipes)
    if expected > EVENTS_MAX:
        raise TapeError(f"about {expected:,.0f} events are more than {EVENTS_MAX:,}; take fewer minutes or symbols")
    try:
        datetime.date.fromisoformat(date)
    except ValueError:
        raise TapeError(f"date {date!r} is not an ISO date; give one such as '2026-01-05'") from None
    tape, _ = simulate(seed, recipes, seconds, events_per_second, begin_s * NS_PER_S, date, news)
    return tape


def _recipes(symbols: Sequence[str | Recipe] | None) -> tuple[Recipe, ...]:
    chosen = DEFAULT_SYMBOLS if symbols is None else symbols
    recipes = []
    for symbol in [chosen] if isinstance(chosen, str) else chosen:
        recipe = RECIPES.get(symbol) if isinstance(symbol, str) else symbol
        if recipe is None:
            raise TapeError(f"no synthetic instrument {symbol!r}; take some of {', '.join(RECIPES)}, or give a Recipe")
        recipes.append(recipe)
    names = [recipe.instrument.symbol for recipe in recipes]
    if not names or len(set(names)) < len(names):
        raise TapeError(f"symbols {names} must name at least one instrument, and each only once")
    return tuple(recipes)


def _second_of_day(text: str) -> int:
    try:
        time = datetime.time.fromisoformat(text)
    except ValueError:
        raise TapeError(f"start {text!r} is not a time of day; give one such as '09:30'") from None
    return time.hour * 3600 + time.minute * 60 + time.second


def _day_shape(begin_s: float, steps: int, step_s: float) -> NDArray[np.float64]:
    """Variance and activity of each step, (steps, 2): high at the open, low at noon, up again at the close.

    Variance is 1 on average over the session, activity over the steps.
    """
    day = np.clip((begin_s + step_s * np.arange(steps) - OPEN_S) / SESSION_S, 0.0, 1.0)
    y = 2.0 * day - 1.0
    activity = 0.7 + 0.9 * y * y - 0.2 * y
    return np.stack([0.75 + 0.75 * y * y - 0.25 * y, activity / (fsum(activity) / steps)], axis=1)


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
    parts = np.array([(sqrt(r.market), sqrt(r.sector), sqrt(max(0.0, 1.0 - (r.market + r.sector)))) for r in recipes])
    sigmas = np.array([recipe.volatility / sqrt(252.0 * SESSION_S) for recipe in recipes])
    loadings = np.zeros((n, 1 + len(sectors) + n))
    for i, instrument in enumerate(instruments):
        places = [0, 1 + sectors.index(instrument.sector), 1 + len(sectors) + i]
        loadings[i, places] = sigmas[i] / sqrt(STEPS_PER_S) * parts[i]

    jumps = np.zeros((steps, n))
    news = []
    if with_news:
        reach = np.array([recipe.volatility / USUAL_VOLATILITY for recipe in recipes])[:, np.newaxis]
        weights = reach * np.stack([parts[:, 0], parts[:, 1], np.ones(n)], axis=1)
        for story in stories(seed, instruments, weights, seconds):
            step = STEPS_PER_S * story.second + STEPS_PER_S * story.quarter // 4
            jumps[step] += story.jumps
            news.append(NewsItem(start_ns + step * NS_PER_S // STEPS_PER_S, story.symbol, story.headline))

    factors = ["market", *(f"sector/{sector}" for sector in sectors), *(f"own/{symbol}" for symbol in symbols)]
    shocks = np.stack([normals(seed, f"value/{factor}", steps) for factor in factors], axis=1)
    wobbles = np.stack([normals(seed, f"variance/{name}", steps) for name in ("", *symbols)], axis=1)
    paths = np.ones((3, steps + 1, n))
    walk(paths, shocks, wobbles, jumps, loadings, _day_shape(start_ns / NS_PER_S, steps, 1.0 / STEPS_PER_S))
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

    expected = events_per_second * seconds * fsum(recipe.activity for recipe in recipes)
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
