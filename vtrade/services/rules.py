"""By which rules does a room trade, where nobody says?

Rules: the choice follows what the tape shows, so that a desk, a replay and a study of the same tape trade alike. Feeds
of one level know nothing behind it, so a larger order goes on by the square-root law. Feeds of levels without orders
hide who stands where, so the queue is inferred from the levels' changes. Feeds of orders, exchange rooms and bars need
no such help.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vtrade.domain.rules import Beyond, QueueModel, RoomRules
from vtrade.errors import ValueOffGrid
from vtrade.market.tape import Tape

BY_DEPTH: Final[Mapping[str, Mapping[str, Any]]] = {
    "L1": {"beyond": str(Beyond.SQUARE_ROOT)},
    "L2": {"queue_model": str(QueueModel.INFERRED)},
}
"""What a depth of tape changes about the plainest venue, in the words of :meth:`RoomRules.make`."""

PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "tape": {},
    "plain": {"beyond": str(Beyond.REST), "queue_model": str(QueueModel.RISK_AVERSE)},
    "realistic": {"latency_ms": 20, "hidden": "0.1", "resilience_s": 5, "impact": "0.2"},
}
"""Sets of rules by name: what the tape asks for; the plainest venue; and one with delays, hidden lots and impact."""


def rules_for(tape: Tape, **changes: Any) -> RoomRules:
    """The rules a tape trades by.

    Parameters
    ----------
    tape : Tape
    **changes
        Those of :meth:`RoomRules.make`: ``queue_model``, ``beyond``, ``hidden``, ``latency_ms``, ``impact``, ...;
        ``None`` leaves a rule as the tape asks for.

    Returns
    -------
    RoomRules

    Raises
    ------
    ValueOffGrid
        If a rule is unknown or out of range.

    Examples
    --------
    >>> from vtrade.market.sample import load_sample
    >>> rules_for(load_sample("AAPL"), latency_ms=2).latency.entry_ns
    2000000
    """
    wanted = {**BY_DEPTH.get(tape.depth, {}), **{name: value for name, value in changes.items() if value is not None}}
    try:
        return RoomRules.make(**wanted)
    except TypeError as error:
        raise ValueOffGrid(
            f"these rules cannot be: {error}; the rules are queue_model, beyond, hidden, resilience_s, impact, "
            f"impact_half_life_s, latency_ms, {', '.join(_others())}"
        ) from None


def rules_from(rules: RoomRules | str | Mapping[str, Any] | None, tape: Tape) -> RoomRules:
    """The rules that somebody means: as they are, a preset by name, changes to the tape's own, or just these."""
    if isinstance(rules, RoomRules):
        return rules
    if rules is None:
        return rules_for(tape)
    if isinstance(rules, str):
        if rules not in PRESETS:
            raise ValueOffGrid(f"there are no rules {rules!r}; choose one of {', '.join(PRESETS)}, or give RoomRules")
        return rules_for(tape, **PRESETS[rules])
    if isinstance(rules, Mapping):
        return rules_for(tape, **rules)
    raise ValueOffGrid(
        f"rules {rules!r} are none; give vtrade.RoomRules, a dictionary such as {{'latency_ms': 2}}, or one of "
        f"{', '.join(PRESETS)}"
    )


def _others() -> list[str]:
    """Rules that are given in their own units."""
    made = {"queue_model", "beyond", "hidden_ppm", "resilience_ns", "impact_ppm", "impact_half_life_ns", "latency"}
    return [name for name in RoomRules.__struct_fields__ if name not in made]
