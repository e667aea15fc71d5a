"""How does the market's answer to participants' own trades move the price they pay, and how does it fade?

Rules:

- A room keeps one displacement ``D`` in ticks per instrument, shared by all participants. An aggressive buy of ``q``
  lots adds ``q / lots_per_tick``, a sell takes it away, and ``D`` halves once every half-life.
- A buyer pays the tape's level plus ``max(0, D)``, a seller gets the level less ``max(0, -D)``, in whole ticks. Nobody
  ever trades better than the tape shows, so no round trip pays while the tape stands still. Crediting the seller with a
  ``D`` that buyers have built would let one pump the price and sell into the displacement: see
  :class:`vtrade.execution.impact.Overlay`.
- State is changed by trades only: keep ``D`` and the time of the last trade, and fade on reading. What was read is
  never written back, so looking twice changes nothing.
- Plain functions of whole numbers and floats, with ``+ - * /`` and ``sqrt`` alone: equal bytes on every machine,
  whether Numba compiles them (``register_jitable``) or Python runs them. They raise nothing; parameters are checked
  where they enter, and what makes no sense has no effect.
"""

from __future__ import annotations

from math import sqrt
from typing import Final

LN2: Final = 0.6931471805599453
ROOT_HALF: Final = 0.7071067811865476
GRID: Final = 17_592_186_044_416.0
"""Steps a half-life is cut into, 2**44: fine enough for 4e-14, coarse enough that rounding cannot undo the order."""
CHUNK: Final = 4_294_967_296.0
HALVINGS_MAX: Final = 2_200
"""More halvings than any float survives."""
TICKS_MAX: Final = 9_007_199_254_740_992.0
SLACK_TICKS: Final = 1.0 / 1024.0
"""A displacement this small counts as none, or else a long-faded one would cost a tick for ever."""


def decayed(value: float, elapsed_ns: int, half_life_ns: int) -> float:
    """What is left of a value that halves once every half-life.

    Parameters
    ----------
    value : float
        Any unit and sign.
    elapsed_ns : int
        Nanoseconds since the value was right; 0 or less leaves it as it is.
    half_life_ns : int
        Nanoseconds, > 0; with 0 or less nothing is left as soon as any time has passed.

    Returns
    -------
    float
        ``value * 2 ** (-elapsed_ns / half_life_ns)``.

    Notes
    -----
    Whole half-lives are exact halvings. The rest is counted in steps of ``2**-44`` half-lives and goes through a Taylor
    polynomial of the exponential on ``[0, ln 2 / 2)``. The relative error stays below 1e-13, and a longer time never
    leaves more: one step changes the result some hundred times as much as rounding can.

    Examples
    --------
    >>> decayed(8.0, 3_000, 1_000), decayed(5.0, 0, 1_000), round(decayed(1.0, 1, 2), 12)
    (1.0, 5.0, 0.707106781187)
    """
    if elapsed_ns <= 0:
        return value
    if half_life_ns <= 0:
        return 0.0
    halvings = elapsed_ns // half_life_ns
    if halvings > HALVINGS_MAX:
        return 0.0
    rest = elapsed_ns - halvings * half_life_ns
    steps = int(float(rest) / float(half_life_ns) * GRID)
    part = float(steps) / GRID
    left = value
    if part >= 0.5:
        part -= 0.5
        left *= ROOT_HALF
    x = part * LN2
    # exp(-x), innermost term first
    p = 1.0 / 39916800.0 - x * (1.0 / 479001600.0)
    p = 1.0 / 3628800.0 - x * p
    p = 1.0 / 362880.0 - x * p
    p = 1.0 / 40320.0 - x * p
    p = 1.0 / 5040.0 - x * p
    p = 1.0 / 720.0 - x * p
    p = 1.0 / 120.0 - x * p
    p = 1.0 / 24.0 - x * p
    p = 1.0 / 6.0 - x * p
    p = 0.5 - x * p
    p = 1.0 - x * p
    left *= 1.0 - x * p
    while halvings >= 32:
        left /= CHUNK
        halvings -= 32
    return left / float(1 << halvings)


def decayed_lots(lots: int, elapsed_ns: int, half_life_ns: int) -> int:
    """Lots still taken from a level, of those that participants took some time ago.

    Parameters
    ----------
    lots : int
        Lots taken at the last take, 0 to 2**53.
    elapsed_ns, half_life_ns : int
        As in :func:`decayed`.

    Returns
    -------
    int
        The nearest whole number, half a lot still counting as one; never more than ``lots``. The last lot comes back
        just after one half-life.

    Notes
    -----
    Always start from the lots and the time of the last take. Passing on a result that was read in between would round
    again and again, and the level would come back at the pace of the reading.

    Examples
    --------
    >>> [decayed_lots(10, t, 60) for t in (0, 60, 120, 240, 300)]
    [10, 5, 3, 1, 0]
    """
    left = decayed(float(lots), elapsed_ns, half_life_ns)
    kept = int(left)
    return kept + 1 if left - float(kept) >= 0.5 else kept


def impulse_ticks(lots: int, lots_per_tick: float) -> float:
    """Ticks by which an aggressive order moves the displacement.

    Parameters
    ----------
    lots : int
        Bought (positive) or sold (negative).
    lots_per_tick : float
        Depth of the market; 0 or less switches impact off.

    Examples
    --------
    >>> impulse_ticks(50, 200.0), impulse_ticks(-50, 200.0), impulse_ticks(50, 0.0)
    (0.25, -0.25, 0.0)
    """
    return float(lots) / lots_per_tick if lots_per_tick > 0.0 else 0.0


def surcharge_ticks(displacement: float, side: int, slack: float) -> int:
    """Whole ticks that a displacement costs an aggressive order.

    Parameters
    ----------
    displacement : float
        Ticks; positive where participants have bought.
    side : int
        +1 buys, -1 sells.
    slack : float
        Ticks that are free before the rest is rounded up: :data:`SLACK_TICKS` rounds practically everything up, 0.5
        rounds to the nearest tick.

    Returns
    -------
    int
        0 or more; 0 for whoever trades against the displacement.

    Examples
    --------
    >>> surcharge_ticks(1.25, 1, SLACK_TICKS), surcharge_ticks(1.25, 1, 0.5), surcharge_ticks(1.25, -1, 0.0)
    (2, 1, 0)
    """
    excess = displacement - slack if side > 0 else -displacement - slack
    if not excess > 0.0:
        return 0
    if excess > TICKS_MAX:
        excess = TICKS_MAX
    ticks = int(excess)
    return ticks + 1 if float(ticks) < excess else ticks


def overlay_price(level: int, displacement: float, side: int, slack: float) -> int:
    """Price in ticks at which an aggressive order trades with a level of the tape.

    Parameters
    ----------
    level : int
        The level's own price, ticks.
    displacement, side, slack
        As in :func:`surcharge_ticks`.

    Returns
    -------
    int
        Never better than ``level``; a seller gets no less than one tick where the level offers one.

    Examples
    --------
    >>> overlay_price(1_000, 1.25, 1, SLACK_TICKS), overlay_price(1_000, 1.25, -1, SLACK_TICKS)
    (1002, 1000)
    """
    ticks = surcharge_ticks(displacement, side, slack)
    if side > 0:
        return level + ticks
    price = level - ticks
    return price if price >= 1 else min(level, 1)


def square_root_ticks(lots: int, volume_lots: int, volatility_ticks: float, prefactor: float) -> float:
    """Price move of the square-root law, for what no visible level can fill.

    Parameters
    ----------
    lots : int
        Size of the order, unsigned.
    volume_lots : int
        What the market trades in the period of the volatility, usually a day.
    volatility_ticks : float
        Standard deviation of the price over that period, ticks.
    prefactor : float
        ``Y``, of the order of 1.

    Returns
    -------
    float
        Ticks, ``Y * volatility * sqrt(lots / volume)``; 0 where there is no order or no known volume.

    Examples
    --------
    >>> square_root_ticks(10_000, 1_000_000, 150.0, 1.0)
    15.0
    """
    if lots <= 0 or volume_lots <= 0:
        return 0.0
    return prefactor * volatility_ticks * sqrt(float(lots) / float(volume_lots))


SCALARS: Final = (decayed, decayed_lots, impulse_ticks, surcharge_ticks, overlay_price, square_root_ticks)
"""What a compiled kernel may call once each has been through ``numba.extending.register_jitable``."""
