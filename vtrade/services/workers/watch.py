"""How does a worker look from outside while it works? Its numbers for Prometheus, and two sentences for its keeper.

Rules: looked at after a turn, at most once in ``LOOK_S``; counting costs the loop next to nothing. A worker is alive
while its loop turns, and ready once it has partitions and is caught up.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from vtrade.domain.values import NS_PER_S
from vtrade.ports import Clock, Place
from vtrade.services.workers.metrics import Metrics
from vtrade.services.workers.runner import Worker

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
SILENT_S: Final = 90.0
"""A loop that has not turned for so long is stuck; folding a long log at a start takes its time."""
BEHIND_RECORDS: Final = 5_000
"""More records than this to go: not caught up."""

_COUNTERS: Final = {
    "taken": "records_taken", "written": "records_written", "dead_letters": "dead_letters", "snapshots": "snapshots",
    "restarts": "restarts", "fenced": "fenced",
}  # fmt: skip
_OF_ROLES: Final = {
    "passed_duplicate": "duplicates", "passed_refused": "refused", "duplicates": "duplicates", "stale": "stale",
    "redis_healed": "redis_healed", "redis_failed": "redis_failed",
}  # fmt: skip


class Watch:
    """Looks after one worker; give :meth:`turned` to it as ``on_turn``."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._worker: Worker | None = None
        self._turned_ns = clock.monotonic_ns()
        self._looked_ns = 0
        self._known: dict[str, float] = {}
        self._partitions: set[int] = set()
        self._lag = 0

    def watch(self, worker: Worker) -> None:
        """Look after this one."""
        self._worker = worker

    def turned(self, records: int, elapsed_ns: int) -> None:
        """The loop has turned."""
        now = self._turned_ns = self._clock.monotonic_ns()
        if records:
            self._metrics.batch(elapsed_ns / NS_PER_S)
        if now - self._looked_ns >= LOOK_S * NS_PER_S:
            self._looked_ns = now
            try:
                self._look()
            except Exception:  # a number that cannot be told is no reason to stop working
                log.exception("the metrics could not be brought up to date")

    def _look(self) -> None:
        worker = self._worker
        if worker is None:
            return
        figures = dict(worker.figures())
        for name, counter in (*_COUNTERS.items(), *_OF_ROLES.items()):
            value = figures.get(name)
            if value is not None and value > self._known.get(name, 0):
                self._metrics.count(counter, value - self._known.get(name, 0))
                self._known[name] = value
        self._metrics.level("rooms", figures.get("rooms", 0))
        self._metrics.figures({name: figures[name] for name in worker.role.figures()})
        lag = worker.lag()
        self._lag = sum(lag.values())
        mine = set(worker.partitions)
        for number in self._partitions - mine:
            self._metrics.forget(number)
        self._partitions = mine
        for number in mine:
            behind = sum(records for (_, where), records in lag.items() if where == number)
            self._metrics.level("lag_records", behind, partition=number)

    def lag(self) -> Mapping[Place, int]:
        """Records that the worker has not taken yet, by partition."""
        return {} if self._worker is None else self._worker.lag()

    def alive(self) -> str:
        """Empty while the loop turns, else a sentence."""
        silent_s = (self._clock.monotonic_ns() - self._turned_ns) / NS_PER_S
        return f"the loop has not turned for {silent_s:.0f} s" if silent_s > SILENT_S else ""

    def ready(self) -> str:
        """Empty once the worker is caught up, else a sentence."""
        if self._worker is None or not self._worker.partitions:
            return "no partition is ours (others may have them all)"
        return f"{self._lag:,} records to go" if self._lag > BEHIND_RECORDS else ""
