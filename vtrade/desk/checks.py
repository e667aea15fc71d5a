"""Is what a cell hands over a number the desk can use? One sentence where it is not."""

from __future__ import annotations

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


def span_ns(seconds: float) -> int:
    """Simulated seconds as nanoseconds; more than a tape can be long is as good as that."""
    try:
        forward = seconds > 0
    except TypeError:
        forward = False
    if not forward:
        raise DeskError(f"{seconds!r} is no number of seconds above 0; give one such as 5")
    return int(min(seconds, SECONDS_MAX) * NS_PER_S)
