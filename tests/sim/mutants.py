"""Would the checks notice? Workers that are broken on purpose, each in one way that has happened to somebody.

Rules: a mutant changes one line's worth of behaviour; what makes one is a context, so that nothing of it stays behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

import msgspec

from tests.sim.group import Group, SimMembership
from vtrade.ports import Outgoing, Place, Taken
from vtrade.services.workers import execution
from vtrade.services.workers.execution import ExecutionRole, ExecutionRoom
from vtrade.services.workers.ids import SeenIds
from vtrade.services.workers.runner import Worker
from vtrade.services.workers.shown import ShownRoom
from vtrade.services.workers.trades import Heard, TradesReader

Variant = Mapping[str, Any]
"""What a mutant gives to the world."""


class ForgetsIds(SeenIds):
    """Takes every record as new."""

    def first(self, message_id: str, message: Any) -> bool:
        super().first(message_id, message)
        return True


class TrustsEverybody(TradesReader):
    """Believes records of writers that were replaced."""

    def take(self, record: Taken, *, after: int) -> Heard | None:
        self.begin(record.partition, offset=record.offset, epoch=0)
        return super().take(record, after=after)


class SkipsOne(Worker):
    """Believes that a snapshot holds one record more than it does."""

    def _load(self, number: int) -> Any:
        checkpoint, kept = super()._load(number)
        later = {
            room: msgspec.structs.replace(snapshot, next_offset=snapshot.next_offset + 1)
            for room, snapshot in kept.items()
        }
        return checkpoint, later


class KeepsTooEarly(Worker):
    """Keeps snapshots of what is folded and not yet written."""

    def _fold(self, part: Any, record: Taken) -> list[Outgoing]:
        written = super()._fold(part, record)
        if part.since > 2:
            self._save(part)
        return written


def remembers_first(self: SimMembership, written: Sequence[Outgoing], positions: Mapping[Place, int]) -> None:
    """Remembers offsets first, and writes after that."""
    group = self._group
    assert isinstance(group, Group)
    self.bus.port("advance")
    self._remember(group, positions)
    self.bus.write(written)


def nothing(*_: object, **__: object) -> None:
    """Does nothing."""


@contextmanager
def _plainly(**variant: Any) -> Iterator[Variant]:
    yield variant


@contextmanager
def _patched(owner: Any, name: str, instead: Any) -> Iterator[Variant]:
    with patch.object(owner, name, instead):
        yield {}


MUTANTS: Mapping[str, Callable[[], AbstractContextManager[Variant]]] = {
    "ids are forgotten": lambda: _patched(execution, "SeenIds", ForgetsIds),
    "a follower trusts everybody": lambda: _plainly(reader=TrustsEverybody),
    "claims of others are overlooked": lambda: _patched(ExecutionRole, "_check_holder", nothing),
    "a start skips one record": lambda: _plainly(worker_type=SkipsOne),
    "snapshots are kept too early": lambda: _plainly(worker_type=KeepsTooEarly),
    "offsets are remembered first": lambda: _patched(SimMembership, "advance", remembers_first),
    "refused messages leave traces": lambda: _patched(ExecutionRoom, "_without", nothing),
    "a wiped Redis is not looked after": lambda: _patched(ShownRoom, "beat", nothing),
}
