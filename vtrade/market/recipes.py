"""Of what are made markets made: which instruments, and what shape has their day?

Rules: both the synthetic market and the exchange room take their instruments and refuse what makes no sense here, in
the same words. Pure functions of their arguments; floats see only ``+ - * / sqrt`` and exactly rounded sums.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.values import Number, on_grid, to_micros
from vtrade.errors import TapeError

DAY_S: Final = 24 * 3600
OPEN_S: Final = 34_200
"""09:30: where the day's U-shape of activity begins ..."""
SESSION_S: Final = 23_400
"""... and how long it lasts; a year has 252 such days."""
PRICE_TICKS_MIN: Final = 200
PRICE_TICKS_MAX: Final = 400_000
EVENTS_MAX: Final = 50_000_000
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


def recipes_of(symbols: Sequence[str | Recipe]) -> tuple[Recipe, ...]:
    """The recipes that were asked for.

    Parameters
    ----------
    symbols : sequence of str or Recipe
        Names from :data:`RECIPES` or recipes, each instrument once; a single name stands for itself.

    Returns
    -------
    tuple of Recipe

    Raises
    ------
    TapeError
        If a name is unknown, an instrument is there twice, or there is none.

    Examples
    --------
    >>> [recipe.start for recipe in recipes_of(("ACME", "LOAF"))]
    [18240, 5790]
    """
    recipes = []
    for symbol in [symbols] if isinstance(symbols, str) else symbols:
        recipe = RECIPES.get(symbol) if isinstance(symbol, str) else symbol
        if recipe is None:
            raise TapeError(f"no synthetic instrument {symbol!r}; take some of {', '.join(RECIPES)}, or give a Recipe")
        recipes.append(recipe)
    names = [recipe.instrument.symbol for recipe in recipes]
    if not names or len(set(names)) < len(names):
        raise TapeError(f"symbols {names} must name at least one instrument, and each only once")
    return tuple(recipes)


def second_of_day(text: str) -> int:
    """Seconds from midnight to a time of day; a part of a second is dropped.

    Parameters
    ----------
    text : str
        Such as ``"HH:MM"`` or ``"HH:MM:SS"``.

    Raises
    ------
    TapeError
        If it is none.

    Examples
    --------
    >>> second_of_day("09:30")
    34200
    """
    try:
        time = datetime.time.fromisoformat(text)
    except ValueError:
        raise TapeError(f"start {text!r} is not a time of day; give one such as '09:30'") from None
    return time.hour * 3600 + time.minute * 60 + time.second


def events_expected(recipes: Sequence[Recipe], events_per_second: float, seconds: int) -> float:
    """Rows that a market is likely to have.

    Parameters
    ----------
    recipes : sequence of Recipe
    events_per_second : float
        Of an instrument of average activity.
    seconds : int
        How long the market lasts.

    Examples
    --------
    >>> events_expected([RECIPES["ACME"]], 20.0, 60)
    1800.0
    """
    return events_per_second * seconds * fsum(recipe.activity for recipe in recipes)


def check_extent(recipes: Sequence[Recipe], events_per_second: float, seconds: int, date: str) -> None:
    """Refuse a market that is too large, or whose date is none.

    Parameters
    ----------
    recipes, events_per_second, seconds
        As in :func:`events_expected`.
    date : str
        ISO date.

    Raises
    ------
    TapeError
        If more than ``EVENTS_MAX`` rows are expected, or the date is not ISO.

    Examples
    --------
    >>> check_extent([RECIPES["ACME"]], 20.0, 60, "2026-01-05")
    """
    expected = events_expected(recipes, events_per_second, seconds)
    if expected > EVENTS_MAX:
        raise TapeError(f"about {expected:,.0f} events are more than {EVENTS_MAX:,}; take fewer minutes or symbols")
    try:
        datetime.date.fromisoformat(date)
    except ValueError:
        raise TapeError(f"date {date!r} is not an ISO date; give one such as '2026-01-05'") from None


def day_shape(begin_s: float, steps: int, step_s: float) -> NDArray[np.float64]:
    """Variance and activity in the course of a day: high at the open, low at noon, up again at the close.

    Parameters
    ----------
    begin_s : float
        Second of the day at which the first step begins.
    steps : int
        How many, > 0.
    step_s : float
        Length of a step, seconds.

    Returns
    -------
    (steps, 2) float64
        Variance, 1 on average over the session, and activity, 1 on average over the steps.

    Examples
    --------
    >>> day_shape(OPEN_S, 3, SESSION_S / 2)[:, 0].tolist()
    [1.75, 0.75, 1.25]
    """
    day = np.clip((begin_s + step_s * np.arange(steps) - OPEN_S) / SESSION_S, 0.0, 1.0)
    y = 2.0 * day - 1.0
    activity = 0.7 + 0.9 * y * y - 0.2 * y
    return np.stack([0.75 + 0.75 * y * y - 0.25 * y, activity / (fsum(activity) / steps)], axis=1)


def parts_of(recipes: Sequence[Recipe]) -> NDArray[np.float64]:
    """How much each instrument moves with the market, with its sector and alone.

    Returns
    -------
    (n, 3) float64
        Square roots of the shares of the variance; the squares of a row add up to 1.

    Examples
    --------
    >>> parts_of([RECIPES["ACME"]]).round(3).tolist()
    [[0.5, 0.592, 0.632]]
    """
    return np.array([(sqrt(r.market), sqrt(r.sector), sqrt(max(0.0, 1.0 - (r.market + r.sector)))) for r in recipes])


def news_weights(recipes: Sequence[Recipe], parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much stories of the market, of the sector and of the instrument itself move each instrument.

    Parameters
    ----------
    recipes : sequence of Recipe, length n
    parts : (n, 3) float64
        From :func:`parts_of`.

    Returns
    -------
    (n, 3) float64
        In multiples of the move of a story about an instrument of usual volatility.

    Examples
    --------
    >>> luma = [RECIPES["LUMA"]]
    >>> news_weights(luma, parts_of(luma)).round(3).tolist()
    [[0.339, 0.0, 1.2]]
    """
    reach = np.array([recipe.volatility / USUAL_VOLATILITY for recipe in recipes])[:, np.newaxis]
    return reach * np.stack([parts[:, 0], parts[:, 1], np.ones(len(recipes))], axis=1)
