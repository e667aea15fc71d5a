"""Which adapters does a desk stand on? Handed to it from above, so that it names none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vtrade.ports import Clock, Log, PreferenceStore

if TYPE_CHECKING:
    from vtrade.gamification.leaderboard import Leaderboard
    from vtrade.tutor.dialogue import LanguageModel


def _nowhere() -> PreferenceStore | None:
    return None


@dataclass(frozen=True)
class Wiring:
    """The adapters a desk stands on; made by :mod:`vtrade.bootstrap`.

    Attributes
    ----------
    open_log : callable
        Opens a journal by path; ``None`` means in memory.
    next_path : callable
        Names the journal of a branch.
    leaderboards : callable
        Makes empty leaderboards by name.
    show : callable or None
        Makes the panel of a desk, or with ``part=...`` of one part of it; ``None`` where there is no notebook front
        end.
    preferences : callable
        Where the choices of a desk's owner are kept; ``None`` is in memory.
    """

    clock: Clock
    open_log: Callable[[str | None], Log]
    next_path: Callable[[str], str]
    leaderboards: Callable[[], dict[str, Leaderboard]]
    model: Callable[[], LanguageModel | None]
    show: Callable[..., Any] | None
    preferences: Callable[[], PreferenceStore | None] = _nowhere
