"""What does a bad day of Redis look like? The hot state of rooms, wiped, old or away whenever the seed says so.

Rules: it answers as :class:`vtrade.adapters.hot.HotState` does: written, a duplicate, fenced by a newer epoch, stale.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.sim.bus import SimBus
from tests.sim.faults import Faults
from vtrade.adapters.hot_port import Outcome, Published, Row
from vtrade.adapters.redis import RedisUnavailable


@dataclass
class Shown:
    """What is shown of one projection of a room."""

    seq: int
    epoch: int
    views: dict[str, bytes] = field(default_factory=dict)
    scores: dict[str, dict[str, int]] = field(default_factory=dict)

    def put(self, views: Mapping[str, bytes | None], scores: Mapping[str, Mapping[str, int]]) -> None:
        """Change what is given."""
        self.views.update({name: view for name, view in views.items() if view is not None})
        for board, changed in scores.items():
            self.scores.setdefault(board, {}).update(changed)


class SimRedis:
    """What all workers share; ``away`` while nobody can reach it."""

    def __init__(self, faults: Faults) -> None:
        self.rooms: dict[tuple[str, str], Shown] = {}
        self.away = False
        self._faults = faults
        self._backup: dict[tuple[str, str], Shown] = {}

    def trouble(self) -> None:
        """It goes away or comes back, is wiped, or begins again with what an old file had."""
        faults = self._faults
        if self.away:
            self.away = bool(faults.below(10))
        elif faults.happens("redis_away"):
            self.away = True
        if faults.happens("redis_wiped"):
            self.rooms = {}
        if faults.below(25) == 0:
            self._backup = copy.deepcopy(self.rooms)
        if faults.happens("redis_stale"):
            self.rooms = copy.deepcopy(self._backup)


class SimHot:
    """A worker's way to one projection of a room, behind the ``HotStore`` port."""

    def __init__(self, redis: SimRedis, bus: SimBus, room: str, projection: str) -> None:
        self._redis = redis
        self._bus = bus
        self._key = room, projection
        self._written: int | None = None

    def _reach(self, call: str) -> None:
        self._bus.port(call)
        if self._redis.away or self._bus.cut:
            raise RedisUnavailable("the simulated Redis does not answer")

    def _refusal(self, seq: int, epoch: int) -> Published | None:
        """Why a change is not made; a ``seq`` of 0 is none."""
        shown = self._redis.rooms.get(self._key)
        if shown is None:
            return Published(Outcome.STALE, 0, 0)
        if epoch < shown.epoch:
            return Published(Outcome.FENCED, shown.seq, shown.epoch)
        if seq and seq <= shown.seq:
            self._written = seq
            return Published(Outcome.DUPLICATE, shown.seq, shown.epoch)
        if self._written is None or shown.seq < self._written:
            return Published(Outcome.STALE, shown.seq, shown.epoch)
        return None

    def publish(
        self, seq: int, *, epoch: int, views: Mapping[str, bytes], scores: Mapping[str, Mapping[str, int]] | None = None
    ) -> Published:
        self._reach("publish")
        refusal = self._refusal(seq, epoch)
        if refusal is not None:
            return refusal
        shown = self._redis.rooms[self._key]
        shown.seq, shown.epoch, self._written = seq, epoch, seq
        shown.put(views, scores or {})
        self._bus.port("published")
        return Published(Outcome.WRITTEN, seq, epoch)

    def replace_all(self, seq: int, rows: Iterable[Row], *, epoch: int) -> Published:
        self._reach("replace_all")
        shown = self._redis.rooms.get(self._key)
        if shown is not None and epoch < shown.epoch:
            return Published(Outcome.FENCED, shown.seq, shown.epoch)
        if shown is not None and seq < shown.seq:
            return Published(Outcome.DUPLICATE, shown.seq, shown.epoch)
        fresh = Shown(seq, epoch)
        for account, view, scores in rows:
            fresh.put({account: view}, {board: {account: value} for board, value in scores.items()})
        self._redis.rooms[self._key] = fresh
        self._written = seq
        return Published(Outcome.WRITTEN, seq, epoch)

    def beat(self, *, epoch: int) -> Published:
        self._reach("beat")
        refusal = self._refusal(0, epoch)
        if refusal is not None:
            return refusal
        shown = self._redis.rooms[self._key]
        shown.epoch = epoch
        return Published(Outcome.WRITTEN, shown.seq, epoch)
