"""How are prices, quantities and money held, and who rounds?

Rules: prices are integer ticks, quantities integer lots, money integer micro-units (1e-6) of a currency. Numbers from
people (``float``, ``str``, ``Decimal``) enter through :func:`to_micros`, and leave through :func:`from_micros` or
:func:`format_micros`. This module is the only one that rounds money.
"""

from __future__ import annotations

import numbers
import operator
from decimal import Decimal, InvalidOperation
from typing import Final

from vtrade.errors import ValueOffGrid

MICRO: Final = 1_000_000
"""Micro-units in one unit of money, price or quantity."""

NS_PER_S: Final = 1_000_000_000
"""Nanoseconds in one second."""

INT64_MAX: Final = 2**63 - 1

DIGITS_MAX: Final = 18
"""Digits before the point of any number that could be held."""

Number = int | float | str | Decimal


def to_micros(value: Number, *, what: str = "value") -> int:
    """Turn a person's number into integer micro-units, exactly.

    Parameters
    ----------
    value : int, float, str or Decimal
        In whole units. A float is read as the shortest decimal that prints the same (``0.1`` means 1/10), and its
        noise below one micro-unit (``0.1 + 0.2``) is dropped.
    what : str
        Names the value in the error message.

    Returns
    -------
    int
        Micro-units.

    Raises
    ------
    ValueOffGrid
        If the value is not a finite number, or (given as int, str or Decimal) has more than six decimals.

    Examples
    --------
    >>> to_micros("0.01"), to_micros(100.25), to_micros(0.1 + 0.2)
    (10000, 100250000, 300000)
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral)  # also numpy's short floats
    try:
        if isinstance(value, float):
            number = Decimal(repr(float(value)))
        elif real:
            number = Decimal(str(value))
        else:
            number = Decimal(value if isinstance(value, str | Decimal) else operator.index(value))
    except (InvalidOperation, TypeError, ValueError):
        raise ValueOffGrid(f"{what} {value!r} is not a number; give a decimal such as 12.34") from None
    if not number.is_finite():
        raise ValueOffGrid(f"{what} {value!r} is not a finite number; give a decimal such as 12.34")
    if number and number.adjusted() > DIGITS_MAX:
        raise ValueOffGrid(f"{what} {value} is beyond what VTrade counts (about 9.2e12); give a smaller number")
    scaled = number * MICRO
    micros = int(scaled.to_integral_value())
    if scaled != micros and not (real and abs(scaled - micros) < Decimal("0.001")):
        raise ValueOffGrid(f"{what} {value} has more than six decimals; round it to 0.000001")
    if abs(micros) > INT64_MAX:
        raise ValueOffGrid(f"{what} {value} is beyond what VTrade counts (about 9.2e12); give a smaller number")
    return micros


def from_micros(micros: int) -> float:
    """Micro-units as a float of whole units, for statistics and display.

    Examples
    --------
    >>> from_micros(100_250_000)
    100.25
    """
    return micros / MICRO


def format_micros(micros: int, *, decimals: int = 2, signed: bool = False) -> str:
    """Micro-units as text with thousands separators, rounded half to even.

    Examples
    --------
    >>> format_micros(1_234_567_890_000)
    '1,234,567.89'
    >>> format_micros(-5_000, decimals=4, signed=True)
    '-0.0050'
    """
    shown = divide(micros, 10 ** (6 - decimals)) if decimals <= 6 else micros * 10 ** (decimals - 6)
    return f"{Decimal(shown).scaleb(-decimals):{'+' if signed else ''},.{decimals}f}"


def plain_micros(micros: int) -> str:
    """Micro-units as the shortest exact decimal, for files.

    Examples
    --------
    >>> plain_micros(223_950_000), plain_micros(5_000), plain_micros(-1_000_000), plain_micros(0)
    ('223.95', '0.005', '-1', '0')
    """
    whole, part = divmod(abs(micros), MICRO)
    text = f"{whole}.{part:06d}".rstrip("0").rstrip(".")
    return f"-{text}" if micros < 0 else text


def divide(numerator: int, denominator: int) -> int:
    """Integer division rounded half to even: the one rounding rule of the house.

    Parameters
    ----------
    numerator : int
    denominator : int
        Positive.

    Examples
    --------
    >>> [divide(n, 2) for n in (1, 2, 3, 5, -1, -3)]
    [0, 1, 2, 2, 0, -2]
    """
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient & 1):
        quotient += 1
    return quotient


def on_grid(micros: int, step: int) -> bool:
    """Whether an amount is a whole number of steps (a price of ticks, a quantity of lots)."""
    return micros % step == 0
