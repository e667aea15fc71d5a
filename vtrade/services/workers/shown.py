"""How does what a room looks like get into Redis, and stay there, whatever Redis does?

Rules: what cannot be shown now is not kept: the room remembers that all of it is due and writes the whole anew as soon
as Redis takes it, so a Redis that is away costs no memory. A failure makes all rooms of the worker wait, longer each
time up to a bound, because they share one Redis. A room whose state was wiped or is older than it should be is written
anew; where a newer state is found, this room waits until it has come further. Nothing that happens here stops the
folding.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol, TypeVar

from vtrade.adapters.hot_port import Outcome, Published, Row
from vtrade.domain.values import INT64_MAX, NS_PER_S
from vtrade.errors import VTradeError
from vtrade.ports import Clock

RETRY_FIRST_S: Final = 0.5
RETRY_MAX_S: Final = 15.0
"""Pauses after a failure of Redis: doubled each time, up to this."""
BEAT_S: Final = 1.0
"""A room in which nothing happens looks after its state this often."""
WHOLE_COST: Final = 10
"""After writing everything anew, so many times as long passes before it is done again."""
WHOLE_S: Final = 1.0
"""... but at least this."""

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Hot(Protocol):
    """What a worker writes, see :class:`vtrade.adapters.hot.HotState`."""

    def publish(
        self, seq: int, *, epoch: int, views: Mapping[str, bytes], scores: Mapping[str, Mapping[str, int]] | None = None
    ) -> Published:
        """Write what changed up to ``seq``."""

    def replace_all(self, seq: int, rows: Iterable[Row], *, epoch: int) -> Published:
        """Write everything anew."""

    def beat(self, *, epoch: int) -> Published:
        """Say that all is well, and find out whether it is."""


HotRooms = Callable[[str, str], Hot]
"""The hot state of a room (its name) and projection (``portfolio`` or ``gamification``)."""


class Outlet:
    """The way to Redis, for all rooms of a worker.

    Attributes
    ----------
    healed, failed, fenced : int
        Rooms written anew because their state was not what it should be, failures, and refusals in favour of a newer
        worker.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.healed = self.failed = self.fenced = 0
        self._retry_s = RETRY_FIRST_S
        self._closed_until = 0
        self._down = False

    @property
    def down(self) -> bool:
        """Whether the last call failed."""
        return self._down

    def open(self) -> bool:
        """Whether it is worth while to call."""
        return not self._down or self.clock.monotonic_ns() >= self._closed_until

    def call(self, room: str, what: Callable[[], Published]) -> Published | None:
        """Call Redis; ``None`` where that failed."""
        try:
            answer = what()
        except Exception as error:  # whatever it is: it can be done again, and folding goes on
            self.failed += 1
            if not self._down:
                trace = not isinstance(error, VTradeError | OSError)
                _log.warning("what students look at is not kept up: %s", error, extra={"room": room}, exc_info=trace)
            self._down = True
            self._closed_until = self.clock.monotonic_ns() + int(self._retry_s * NS_PER_S)
            self._retry_s = min(2 * self._retry_s, RETRY_MAX_S)
            return None
        if self._down:
            _log.info("what students look at is kept up again")
        self._down, self._retry_s = False, RETRY_FIRST_S
        self.fenced += answer.outcome is Outcome.FENCED
        return answer


class ShownRoom:
    """One room in Redis.

    Parameters
    ----------
    room : str
    hot : Hot or None
        ``None`` shows nothing anywhere.
    outlet : Outlet
    rows : callable
        Every account of the room: name, view, scores.

    Attributes
    ----------
    known : int
        Number of the last fact that is in Redis, as far as known.
    whole_due : bool
        Whether everything has to be written anew.
    """

    def __init__(self, room: str, hot: Hot | None, outlet: Outlet, rows: Callable[[], Iterable[Row]]) -> None:
        self.room = room
        self.known = 0
        self.whole_due = True
        self._hot = hot
        self._outlet = outlet
        self._rows = rows
        self._next_whole = self._next_beat = 0

    def write(
        self, seq: int, views: Mapping[str, bytes], scores: Mapping[str, Mapping[str, int]], *, epoch: int
    ) -> bool:
        """Show what changed up to fact ``seq``; whether everything is shown now."""
        hot = self._hot
        if hot is None:
            self.known, self.whole_due = seq, False
            return True
        if self.whole_due:
            return self.write_whole(seq, epoch=epoch)
        if not self._outlet.open():
            self.whole_due = True
            return False
        if seq <= self.known:
            self.whole_due = self.whole_due or bool(views or any(scores.values()))
            return not self.whole_due
        answer = self._outlet.call(self.room, lambda: hot.publish(seq, epoch=epoch, views=views, scores=scores))
        return self._heard(answer, seq, epoch=epoch)

    def _heard(self, answer: Published | None, seq: int, *, epoch: int) -> bool:
        if answer is not None and answer.outcome is Outcome.WRITTEN:
            self.known = seq
            self._next_beat = self._after(BEAT_S)
            return True
        self.whole_due = True
        if answer is None:
            return False
        if answer.outcome is Outcome.STALE:
            self._outlet.healed += 1
            _log.info("the state of a room in Redis was missing or old", extra={"room": self.room, "seq": seq})
            return self.write_whole(seq, epoch=epoch)
        self._wait_for(answer)
        return False

    def write_whole(self, seq: int, *, epoch: int) -> bool:
        """Show everything, if it is time for that; whether it is shown now."""
        hot, clock = self._hot, self._outlet.clock
        began = clock.monotonic_ns()
        if hot is None or not seq or began < self._next_whole or seq < self.known or not self._outlet.open():
            return False
        answer = self._outlet.call(self.room, lambda: hot.replace_all(seq, self._rows(), epoch=epoch))
        spent = clock.monotonic_ns() - began
        self._next_whole = began + spent + max(WHOLE_COST * spent, int(WHOLE_S * NS_PER_S))
        if answer is not None and answer.outcome is Outcome.WRITTEN:
            self.known, self.whole_due = seq, False
            self._next_beat = self._after(BEAT_S)
            return True
        if answer is not None:
            self._wait_for(answer)
        return False

    def beat(self, seq: int, *, epoch: int) -> None:
        """Look after a room in which nothing happened."""
        hot = self._hot
        if hot is None or not seq or not self._outlet.open():
            return
        if self.whole_due:
            self.write_whole(seq, epoch=epoch)
        elif self._outlet.clock.monotonic_ns() >= self._next_beat:
            self._next_beat = self._after(BEAT_S)
            answer = self._outlet.call(self.room, lambda: hot.beat(epoch=epoch))
            if answer is None or answer.outcome is not Outcome.WRITTEN:
                self._heard(answer, seq, epoch=epoch)

    def _wait_for(self, answer: Published) -> None:
        """Somebody has shown more than we know: wait until we have come that far."""
        if answer.outcome is Outcome.DUPLICATE:
            self.known = answer.seq
        self._next_whole = max(self._next_whole, self._after(WHOLE_S))

    def _after(self, seconds: float) -> int:
        return self._outlet.clock.monotonic_ns() + int(seconds * NS_PER_S)


def in_turn(works: list[T], turn: int) -> list[T]:
    """The same works, beginning with another one each turn, so that none has to wait for ever.

    Examples
    --------
    >>> in_turn(["a", "b", "c"], 4)
    ['b', 'c', 'a']
    """
    first = turn % len(works) if works else 0
    return works[first:] + works[:first]


def score(amount: int) -> int:
    """An amount as a leaderboard takes it: at most 64 bits.

    Examples
    --------
    >>> score(2**70) == 2**63 - 1, score(-5)
    (True, -5)
    """
    return max(-INT64_MAX, min(INT64_MAX, amount))


__all__ = [
    "BEAT_S",
    "RETRY_FIRST_S",
    "RETRY_MAX_S",
    "WHOLE_S",
    "Hot",
    "HotRooms",
    "Outlet",
    "ShownRoom",
    "in_turn",
    "score",
]
