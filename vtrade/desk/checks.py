"""Is what a cell hands over a number the desk can use? One sentence where it is not."""

from __future__ import annotations

import math
import numbers
import operator
from typing import Final

from vtrade.domain.values import NS_PER_S
from vtrade.errors import DeskError

SECONDS_MAX: Final = 1e9
"""Longest step or rewind, simulated seconds."""


def count(value: object, what: str, *, least: int = 1) -> int:
    """A whole number of things, from ``least`` on."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = least - 1
    if number < least:
        raise DeskError(f"{what} {value!r} is not a whole number from {least} on; give one such as 10")
    return number


def positive(value: object, what: str) -> float:
    """A finite number above 0."""
    if not isinstance(value, numbers.Real) or not 0 < float(value) < math.inf:
        raise DeskError(f"{what} {value!r} is not a number above 0; give one such as 252")
    return float(value)


def span_ns(seconds: float) -> int:
    """Simulated seconds as nanoseconds; more than a tape can be long is as good as that."""
    if not isinstance(seconds, numbers.Real) or not seconds > 0:
        raise DeskError(f"{seconds!r} is no number of seconds above 0; give one such as 5")
    return int(min(seconds, SECONDS_MAX) * NS_PER_S)
