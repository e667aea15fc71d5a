"""What does an order of a given size cost, by the laws people have measured?

Rules: functions of size, volume and volatility, no state; sizes are unsigned and a positive answer is a cost. The
square-root law and the volume share use ``+ - * /`` and ``sqrt`` alone; the law of Almgren and others raises to
published powers, so it is for studies and explanations and decides nothing in a room.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from vtrade.execution.decay import square_root_ticks as root_move
from vtrade.execution.impact_terms import ImpactNotAllowed, finite, not_negative, positive, whole

BPS: Final = 10_000.0
MILLION: Final = 1_000_000


# --- the square-root law ---------------------------------------------------------------------------------------------


def square_root_bps(quantity: float, *, volume: float, volatility: float, prefactor: float = 1.0) -> float:
    """Impact of an order by the square-root law, in basis points of the price.

    Parameters
    ----------
    quantity : float
        Size of the whole order, units or lots, >= 0.
    volume : float
        What the market trades in a day, same unit, > 0.
    volatility : float
        Standard deviation of daily returns, a fraction (0.02 = 2 %), >= 0.
    prefactor : float
        ``Y``, measured near 1.

    Returns
    -------
    float
        ``1e4 * Y * volatility * sqrt(quantity / volume)``.

    Raises
    ------
    ImpactNotAllowed
        If a parameter is out of range.

    Notes
    -----
    The law gives how far the price has moved when the order is done. As a cost it errs on the dear side: along a
    square-root path the average price paid has moved two thirds as far. It says nothing of how fast the order was
    worked, and tiny orders follow a straight line instead.

    References
    ----------
    Tóth, Lempérière, Deremble, de Lataillade, Kockelkoren and Bouchaud (2011), "Anomalous price impact and the critical
    nature of liquidity in financial markets", Physical Review X 1, 021006.

    Sato and Kanazawa (2024), "Does the square-root price impact law hold universally?".

    Examples
    --------
    >>> square_root_bps(10_000, volume=1_000_000, volatility=0.02)
    20.0
    """
    size = not_negative(quantity, "quantity", "give the size without its sign")
    traded = positive(volume, "volume", "give what the market trades in a day")
    spread = not_negative(volatility, "volatility", "give the daily standard deviation, such as 0.02")
    factor = not_negative(prefactor, "prefactor", "give Y, such as 1.0")
    return BPS * (factor * spread * float(np.sqrt(size / traded)))


def square_root_ticks(
    quantity: int, *, volume: int, volatility: float, price: float, tick: float, prefactor: float = 1.0
) -> float:
    """Impact of an order by the square-root law, in ticks; parameters as in :func:`square_root_bps`.

    Parameters
    ----------
    quantity, volume : int
        Lots.
    volatility, prefactor : float
        As in :func:`square_root_bps`.
    price, tick : float
        Price of one unit and its tick, money, > 0.

    Examples
    --------
    >>> square_root_ticks(10_000, volume=1_000_000, volatility=0.02, price=50.0, tick=0.01)
    10.0
    """
    size = whole(quantity, "quantity", "give the size in lots without its sign", least=0)
    traded = whole(volume, "volume", "give the lots traded in a day")
    spread = not_negative(volatility, "volatility", "give the daily standard deviation, such as 0.02")
    ticks = positive(price, "price", "give the price of one unit") / positive(tick, "tick", "give the tick's size")
    return root_move(size, traded, spread * ticks, not_negative(prefactor, "prefactor", "give Y, such as 1.0"))


def square_root_money(
    quantity: float, *, volume: float, volatility: float, price: float, prefactor: float = 1.0
) -> float:
    """Impact of an order by the square-root law, in money for the whole order; parameters as before.

    Examples
    --------
    >>> square_root_money(10_000, volume=1_000_000, volatility=0.02, price=50.0)
    1000.0
    """
    bps = square_root_bps(quantity, volume=volume, volatility=volatility, prefactor=prefactor)
    return bps * quantity * positive(price, "price", "give the price of one unit") / BPS


class SquareRootFit(msgspec.Struct, frozen=True):
    """What :func:`calibrate_square_root` found: ``impact = prefactor * size ** exponent``, with standard errors."""

    exponent: float
    exponent_se: float
    prefactor: float
    prefactor_se: float
    r_squared: float
    count: int


def calibrate_square_root(sizes: ArrayLike, impacts: ArrayLike) -> SquareRootFit:
    """Measure the exponent and the prefactor of a power law of impact.

    Parameters
    ----------
    sizes : (n,) array_like
        Sizes as fractions of volume, > 0; n >= 3 and at least two different ones.
    impacts : (n,) array_like
        Impacts in units of volatility, > 0: averages of many orders of about that size, since a single order's move is
        mostly noise and may be negative.

    Returns
    -------
    SquareRootFit

    Raises
    ------
    ImpactNotAllowed
        If the arrays don't match, are too short, or hold something whose logarithm does not exist.

    Notes
    -----
    Ordinary least squares of ``log(impact)`` on ``log(size)``; the standard errors assume equal scatter of the
    logarithms, and the prefactor's is ``prefactor * se(log prefactor)``. The square-root law is an exponent of 0.5.

    Examples
    --------
    >>> fit = calibrate_square_root([0.01, 0.04, 0.09, 0.16], [0.1, 0.2, 0.3, 0.4])
    >>> round(fit.exponent, 9), round(fit.prefactor, 9), fit.count
    (0.5, 1.0, 4)
    """
    x = np.asarray(sizes, dtype=np.float64).ravel()
    y = np.asarray(impacts, dtype=np.float64).ravel()
    if x.size != y.size or x.size < 3:
        raise ImpactNotAllowed(f"{x.size} sizes and {y.size} impacts cannot be fitted; give three or more pairs")
    for what, values, mend in (
        ("size", x, "leave it out"),
        ("impact", y, "average the impacts of many orders of like size first"),
    ):
        bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
        if bad.size:
            raise ImpactNotAllowed(f"{what} {values[bad[0]]} at position {bad[0]} has no logarithm; {mend}")
    u, v = np.log(x), np.log(y)
    du, dv = u - u.mean(), v - v.mean()
    squares = float(du @ du)
    if x.min() == x.max() or squares == 0.0:
        raise ImpactNotAllowed(f"all sizes are {x[0]}; give at least two different ones")
    slope = float(du @ dv) / squares
    level = float(v.mean() - slope * u.mean())
    residual = dv - slope * du
    total = float(dv @ dv)
    noise = float(residual @ residual)
    variance = noise / (x.size - 2)
    prefactor = float(np.exp(level))
    return SquareRootFit(
        exponent=slope,
        exponent_se=float(np.sqrt(variance / squares)),
        prefactor=prefactor,
        prefactor_se=prefactor * float(np.sqrt(variance * (1.0 / x.size + float(u.mean()) ** 2 / squares))),
        r_squared=1.0 if total == 0.0 else 1.0 - noise / total,
        count=int(x.size),
    )


# --- Almgren, Thum, Hauptmann and Li ---------------------------------------------------------------------------------


class Almgren2005(msgspec.Struct, frozen=True, kw_only=True):
    """Coefficients and exponents of :func:`almgren_2005`; the defaults are those the paper recommends."""

    gamma: float = 0.314
    eta: float = 0.142
    alpha: float = 1.0
    beta: float = 0.6
    delta: float = 0.25

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            not_negative(getattr(self, name), name, "the paper's values are the defaults")


ALMGREN_2005: Final = Almgren2005()
"""The recommended model: linear permanent impact, an exponent of 3/5 for temporary, 1/4 for shares outstanding."""

ALMGREN_2005_FREE: Final = Almgren2005(alpha=0.891, beta=0.6, delta=0.267)
"""The exponents as first estimated; a permanent exponent below 1 leaves room for manipulation, so it is no default."""


class AlmgrenCost(msgspec.Struct, frozen=True):
    """Basis points of the arrival price: permanent move ``I``, temporary part ``K``, and cost ``J = I / 2 + K``."""

    permanent_bps: float
    temporary_bps: float
    cost_bps: float


def almgren_2005(
    quantity: float,
    *,
    days: float,
    volume: float,
    shares_outstanding: float,
    volatility: float,
    model: Almgren2005 = ALMGREN_2005,
) -> AlmgrenCost:
    """Cost of an equity order worked evenly over part of a day.

    Parameters
    ----------
    quantity : float
        Shares ``X``, > 0, bought or sold.
    days : float
        Duration ``T`` in days of volume time, > 0.
    volume, shares_outstanding : float
        Average daily volume ``V`` and shares outstanding ``Theta``, > 0.
    volatility : float
        Standard deviation of daily returns, a fraction, >= 0.
    model : Almgren2005
        :data:`ALMGREN_2005` or other coefficients.

    Returns
    -------
    AlmgrenCost
        ``I = gamma sigma T (X / VT)^alpha (Theta / V)^delta``, ``K = eta sigma (X / VT)^beta`` and ``J = I / 2 + K``.

    Raises
    ------
    ImpactNotAllowed
        If a parameter is out of range.

    References
    ----------
    Almgren, Thum, Hauptmann and Li (2005), "Direct estimation of equity market impact", Risk 18(7), 58-62.

    Examples
    --------
    A tenth of IBM's daily volume within a tenth of a day:

    >>> ibm = almgren_2005(656_100, days=0.1, volume=6_561_000, shares_outstanding=1_728e6, volatility=0.0157)
    >>> round(ibm.permanent_bps, 2), round(ibm.temporary_bps), round(ibm.cost_bps)
    (19.86, 22, 32)
    """
    size = positive(quantity, "quantity", "give the number of shares without its sign")
    time = positive(days, "days", "give the duration, such as 0.5 for half a day")
    traded = positive(volume, "volume", "give the average daily volume")
    shares = positive(shares_outstanding, "shares_outstanding", "give the number of shares that exist")
    sigma_bps = BPS * not_negative(volatility, "volatility", "give the daily standard deviation, such as 0.02")
    rate = size / (traded * time)
    permanent = model.gamma * sigma_bps * time * rate**model.alpha * (shares / traded) ** model.delta
    temporary = model.eta * sigma_bps * rate**model.beta
    return AlmgrenCost(permanent, temporary, permanent / 2.0 + temporary)


# --- volume share ----------------------------------------------------------------------------------------------------


def volume_allowance(bar_volume: int, *, taken: int = 0, limit_ppm: int) -> int:
    """Lots of a bar's volume that participants may still have.

    Parameters
    ----------
    bar_volume, taken : int
        Lots traded in the bar, and those participants have had of it already, >= 0.
    limit_ppm : int
        Share they may have together, millionths, 0 to 1,000,000.

    Returns
    -------
    int
        Rounded down, never negative.

    Examples
    --------
    >>> volume_allowance(10_000, limit_ppm=25_000), volume_allowance(10_000, taken=240, limit_ppm=25_000)
    (250, 10)
    """
    volume = whole(bar_volume, "bar_volume", "give the lots traded in the bar", least=0)
    had = whole(taken, "taken", "give the lots taken so far", least=0)
    share = whole(limit_ppm, "limit_ppm", "give millionths, such as 25000 for 2.5 %", least=0)
    if share > MILLION:
        raise ImpactNotAllowed(f"limit_ppm {limit_ppm!r} is more than the whole volume; give 1000000 at most")
    return max(0, volume * share // MILLION - had)


def volume_share_bps(
    quantity: float, *, bar_volume: float, taken: float = 0.0, limit: float = 0.025, price_impact: float = 0.1
) -> float:
    """Slippage that grows with the square of the share of a bar's volume.

    Parameters
    ----------
    quantity : float
        Units or lots of the fill, >= 0.
    bar_volume : float
        What the bar traded, same unit, >= 0.
    taken : float
        What participants have had of the bar before, >= 0; it counts in the share.
    limit : float
        Share beyond which the slippage grows no more, above 0 and up to 1. How much may fill is
        :func:`volume_allowance`'s business.
    price_impact : float
        Slippage, as a fraction of the price, of a fill as large as the bar, >= 0.

    Returns
    -------
    float
        ``1e4 * price_impact * min(share, limit) ** 2``; a bar without volume counts as the limit.

    Notes
    -----
    The model of Zipline and LEAN, with their defaults. It is convex: it makes small fills cheaper and large ones dearer
    than the square-root law, so it is here for comparison.

    Examples
    --------
    >>> round(volume_share_bps(200, bar_volume=10_000), 3), round(volume_share_bps(9_000, bar_volume=10_000), 3)
    (0.4, 0.625)
    """
    size = not_negative(quantity, "quantity", "give the size without its sign")
    volume = not_negative(bar_volume, "bar_volume", "give what the bar traded")
    before = not_negative(taken, "taken", "give what was taken so far")
    most = finite(limit, "limit", "give a share, such as 0.025")
    if not 0.0 < most <= 1.0:
        raise ImpactNotAllowed(f"limit {limit!r} must lie above 0 and up to 1; give a share, such as 0.025")
    factor = not_negative(price_impact, "price_impact", "give a factor, such as 0.1")
    share = min((size + before) / volume, most) if volume > 0.0 else most
    return BPS * (factor * share * share)
