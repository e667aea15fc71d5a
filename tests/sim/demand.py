"""How does a check say that a promise was broken?"""

from __future__ import annotations


class Broken(AssertionError):
    """A promise was not kept."""


def demand(holds: bool, what: str) -> None:
    """Say what is broken where something does not hold."""
    if not holds:
        raise Broken(what)
