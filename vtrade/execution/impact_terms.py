"""Which parameters make sense in an impact model, and what is said of those that don't?

Rules: a parameter out of range raises :class:`ImpactNotAllowed`, whose message names the value, the range and the mend.
"""

from __future__ import annotations

import math

from vtrade.errors import VTradeError


class ImpactNotAllowed(VTradeError, ValueError):
    """An impact model or parameter that makes no sense, or would let somebody manipulate the price."""


def finite(value: float, what: str, mend: str) -> float:
    """Return ``value`` as a float, or refuse it where it is no finite number."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ImpactNotAllowed(f"{what} {value!r} must be a finite number; {mend}")
    return number


def positive(value: float, what: str, mend: str) -> float:
    """Return ``value`` as a float, or refuse it where it is not above 0."""
    number = finite(value, what, mend)
    if number <= 0:
        raise ImpactNotAllowed(f"{what} {value!r} must be above 0; {mend}")
    return number


def not_negative(value: float, what: str, mend: str) -> float:
    """Return ``value`` as a float, or refuse it where it is below 0."""
    number = finite(value, what, mend)
    if number < 0:
        raise ImpactNotAllowed(f"{what} {value!r} must be 0 or more; {mend}")
    return number


def whole(value: int, what: str, mend: str, *, least: int = 1) -> int:
    """Return ``value``, or refuse it where it is no whole number from ``least`` on."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise ImpactNotAllowed(f"{what} {value!r} must be a whole number from {least} on; {mend}")
    return int(value)
