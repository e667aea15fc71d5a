"""What stands in the fields of an intent? It comes from outside, so nothing is taken for granted.

Rules: empty means not given; what cannot be read is one sentence that names the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from vtrade.errors import DeskError

T = TypeVar("T")


def number(value: Any, what: str) -> Any:
    """A field as the ticket sends it: empty means not given."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise DeskError(f"{what} {value!r} is not a number")
    return value


def real(value: Any, what: str) -> float:
    """A field as a float."""
    try:
        return float(number(value, what))
    except (TypeError, ValueError, OverflowError):
        raise DeskError(f"{what} {value!r} is not a number") from None


def text(intent: dict[str, Any], field: str) -> str:
    """A field that must be there, as text."""
    value = intent.get(field)
    if not isinstance(value, str | int) or value == "":
        raise DeskError(f"the {field} is missing")
    return str(value)


def one_of(intent: dict[str, Any], field: str, default: str, known: Mapping[str, T]) -> T:
    """The thing that a word in a field means."""
    value = str(intent.get(field) or default).lower()
    if value not in known:
        raise DeskError(f"{field} {value!r} is unknown; choose one of {', '.join(known)}")
    return known[value]
