"""What can be said about, and to, the hot state of a room?

Rules: values and Protocols only; nothing here knows where the state is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from vtrade.gamification.leaderboard import Leaderboard

Scores = Mapping[str, Mapping[str, int]]
"""By leaderboard: the score of each account."""

Row = tuple[str, bytes | None, Mapping[str, int]]
"""An account, its view, and its scores by leaderboard."""


class Outcome(StrEnum):
    """What became of a write."""

    WRITTEN = "written"
    DUPLICATE = "duplicate"
    """The state is as new as that already; nothing was changed."""
    FENCED = "fenced"
    """A worker with a higher epoch has taken over; nothing was changed, and this worker has to stop."""
    STALE = "stale"
    """The state is missing, older than believed, or damaged; nothing was changed: replace all of it."""


class Published(msgspec.Struct, frozen=True):
    """What became of a write, and the mark after it (zeros where there is none)."""

    outcome: Outcome
    seq: int
    epoch: int


class Mark(msgspec.Struct, frozen=True):
    """How far the state has come.

    Attributes
    ----------
    seq : int
        Number of the last fact that is in it.
    epoch : int
        Of the worker that wrote last.
    wall_ns : int
        When it wrote, by its own wall clock, in nanoseconds since the Unix epoch.
    accounts : int
        Number of views.
    """

    seq: int
    epoch: int
    wall_ns: int
    accounts: int


class News(StrEnum):
    """Why a notice was sent."""

    CHANGED = "changed"
    REPLACED = "replaced"
    """Everything was written anew: read what is shown again."""
    FORGOTTEN = "forgotten"
    """The room is gone."""
    GAP = "gap"
    """Notices were lost, on the way or because nobody fetched them: read what is shown again."""


class Notice(msgspec.Struct, frozen=True):
    """One small message to those who watch a room or an account.

    Attributes
    ----------
    news : News
    projection : str
        Empty for a gap, which concerns all of them.
    account : str or None
        ``None`` for the room.
    seq : int
        Number of the last fact that is in the state now.
    previous : int
        The same number at the notice before this one; another one than expected shows that one is missing. For an
        account it is the number its view had.
    accounts : tuple of str or None
        For a room: who changed; ``None`` if too many to name.
    lost : int
        For a gap: number of notices thrown away here; 0 if they were lost on the way, where nobody counts.
    """

    news: News
    projection: str = ""
    account: str | None = None
    seq: int = 0
    previous: int = 0
    accounts: tuple[str, ...] | None = None
    lost: int = 0


class HotReader(Protocol):
    """What gateways and desks read of one projection of a room."""

    def mark(self) -> Mark | None:
        """How far the state has come; ``None`` if there is none."""

    def view(self, account: str) -> tuple[int, bytes] | None:
        """``seq`` and view of an account; ``None`` if it has none."""

    def views(self, accounts: Iterable[str]) -> dict[str, tuple[int, bytes]]:
        """``seq`` and view of each account that has one."""

    def age_s(self) -> float | None:
        """Seconds since a worker last wrote or said that all is well; ``None`` if there is no state."""

    def leaderboard(self, by: str, *, season: str = "") -> Leaderboard:
        """The standings by a score, now or as a season left them."""


class HotStore(HotReader, Protocol):
    """What the one worker of a room writes."""

    def publish(
        self, seq: int, *, epoch: int, views: Mapping[str, bytes], scores: Scores | None = None,
        removed: Iterable[str] = (), after: int | None = None,
    ) -> Published:  # fmt: skip
        """Write what changed up to ``seq``, all of it or nothing."""

    def replace_all(self, seq: int, rows: Iterable[Row], *, epoch: int, force: bool = False) -> Published:
        """Write everything anew, all of it or nothing."""

    def beat(self, *, epoch: int) -> Published:
        """Say that the state is up to date though nothing changed, and find out whether it still is whole."""

    def claim(self, *, epoch: int) -> Published:
        """Shut out every worker with a lower epoch."""


class Notices(Protocol):
    """A bounded queue of notices."""

    def get(self, timeout_s: float) -> Notice | None:
        """The next notice, ``None`` if none comes in time."""

    def close(self) -> None:
        """Hear no more."""
