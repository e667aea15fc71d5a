"""Which adapters does a desk stand on? Handed to it from above, so that it names none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vtrade.ports import Clock, Log

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.gamification.leaderboard import Leaderboard
    from vtrade.tutor.dialogue import LanguageModel


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
        Makes the panel of a desk; ``None`` where there is no notebook front end.
    """

    clock: Clock
    open_log: Callable[[str | None], Log]
    next_path: Callable[[str], str]
    leaderboards: Callable[[], dict[str, Leaderboard]]
    model: Callable[[], LanguageModel | None]
    show: Callable[[Desk], Any] | None
