"""What is a worker's part in the whole, apart from how records reach it?

Rules: a role folds the records of a room, one by one and in order, into a state of its own, and says what to write; it
never writes by itself what another role reads. The same records give the same state and the same output, so a record
that is folded a second time after a crash does no harm. What a role does outside (Redis, the playing clock) happens in
:meth:`Role.turn`, and can be done again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from vtrade.ports import Outgoing, Taken


class RoomWork(Protocol):
    """One room, as one role sees it."""

    def take(self, record: Taken) -> list[Outgoing]:
        """Fold one record; what to write because of it."""

    def snapshot(self) -> bytes:
        """The state, for a quick start."""

    def close(self) -> None:
        """The room goes to another worker, or this one ends."""


class Role(Protocol):
    """What one kind of worker does.

    Attributes
    ----------
    name : str
        ``execution``, ``portfolio``, ``gamification`` or ``feed``; its group of workers is ``vtrade-NAME``.
    reads : tuple of str
        Topics it takes records from.
    keeps : str
        The topic whose records its state follows from: a start goes on behind the snapshot there. Records of its other
        topics are taken once, from where the group got to.
    """

    name: str
    reads: tuple[str, ...]
    keeps: str

    def begin(self, partition: int, *, trades_from: int, epoch: int) -> None:
        """A partition is ours from now on; called before any room of it is opened.

        ``trades_from`` is the offset on the trades topic up to which the snapshots know it (0 without any), ``epoch``
        the highest one seen before there.
        """

    def open(self, room: str, state: bytes | None) -> RoomWork:
        """A room, as a snapshot left it or new.

        Raises
        ------
        ValueError
            If the snapshot cannot be used; the room is then folded from its first record.
        """

    def turn(self, rooms: Mapping[str, RoomWork]) -> Iterable[Outgoing]:
        """Called once between batches, at least ten times a second: what else is due."""

    def checkpoint(self, partition: int) -> tuple[int, int]:
        """``trades_from`` and ``epoch`` for the next :meth:`begin` of this partition."""

    def end(self, partition: int) -> None:
        """The partition is not ours any more."""

    def figures(self) -> Mapping[str, float]:
        """Numbers for the metrics page: name and value."""
