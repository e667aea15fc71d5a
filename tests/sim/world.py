"""What happens on a simulated day? Real workers and engines, a broker at the mercy of a seed, students, and trouble.

Rules: one thread; each step lets some time pass, moves the network, perhaps sends trouble, and gives somebody a turn. A
process that stands still in the middle of a call lets the others go on there and then, so that calls of different
processes interleave in every way. The day ends by mending everything: what is then still on its way has to arrive, and
all work has to be done within a bounded number of steps.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import cache
from types import MappingProxyType
from typing import Final

from tests.sim.bus import SESSION_NS, Broker, SimBus
from tests.sim.faults import Faults, SimCrash
from tests.sim.gateways import Follower, Gateway, Promises
from tests.sim.hot import SimHot, SimRedis
from tests.sim.rooms import ROOMS, Crowd, tape_of
from tests.sim.store import Shelf, SimClock, SimStore
from vtrade.domain.instruments import Instrument
from vtrade.domain.values import NS_PER_S
from vtrade.errors import Fenced, TapeError, Unavailable
from vtrade.gamification.rules import load_rules
from vtrade.services.feed import TapeFeed
from vtrade.services.workers.execution import ExecutionRole
from vtrade.services.workers.feed import FeedRole
from vtrade.services.workers.gamification import GamificationRole
from vtrade.services.workers.portfolio import PortfolioRole
from vtrade.services.workers.role import Role
from vtrade.services.workers.runner import Worker
from vtrade.services.workers.trades import TradesGap, TradesReader

STEPS: Final = 100
DRAIN_STEPS_MAX: Final = 600
QUIET_STEPS: Final = 20
"""So many rounds of a second in which nothing happens are the end of the day: longer than any worker waits to retry."""
DEPTH_MAX: Final = 3
"""Processes that stand still inside one another's calls ..."""
MEANWHILE_STEPS_MAX: Final = 120
"""... and steps of a day that happen meanwhile."""
WORKERS_MAX: Final = 11


class InstantTapes:
    """Tapes that are there at once, in the caller's thread."""

    def ask(self, name: str, instruments: tuple[Instrument, ...]) -> Future[TapeFeed]:
        future: Future[TapeFeed] = Future()
        if name in ROOMS:
            future.set_result(TapeFeed(tape_of(name)))
        else:
            future.set_exception(TapeError(f"there is no tape {name!r}; the simulation has {', '.join(ROOMS)}"))
        return future


class Process:
    """A worker with everything that is its own."""

    def __init__(self, world: World, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        self.bus = world.broker.bus(name)
        self.bus.mortal = True
        self.clock = SimClock(self.bus)
        self.store = SimStore(self.bus, world.shelf)
        self.redis = world.redis
        self.rests = 0
        """Steps until it does something again."""
        self.inside = False
        """Whether it is in the middle of a turn."""
        luck = world.faults.luck
        self.worker = world.worker_type(
            world.roles[kind](self), self.bus, self.store, self.clock, name=name,
            snapshot_records=luck.choice((3, 10, 30)), snapshot_s=luck.choice((1.0, 5.0)),
        )  # fmt: skip

    def hot(self, room: str, projection: str) -> SimHot:
        """What is shown of a room."""
        return SimHot(self.redis, self.bus, room, projection)


def execution(process: Process) -> Role:
    """A worker that turns inbound records into facts."""
    return ExecutionRole(process.bus, worker=process.name)


def feed(process: Process) -> Role:
    """A worker that plays the tapes."""
    role = FeedRole(tape_of, clock=process.clock)
    role._tapes = InstantTapes()  # type: ignore[assignment]
    return role


def portfolio(process: Process) -> Role:
    """A worker that keeps everybody's money."""
    return PortfolioRole(process.hot, clock=process.clock, partitions=process.bus.partitions())


def gamification(process: Process) -> Role:
    """A worker that keeps everybody's progress."""
    return GamificationRole(process.hot, clock=process.clock, partitions=process.bus.partitions(), rules=rules())


rules = cache(load_rules)

ROLES: Final[Mapping[str, Callable[[Process], Role]]] = MappingProxyType({
    "execution": execution, "feed": feed, "portfolio": portfolio, "gamification": gamification,
})  # fmt: skip


class World:
    """One day, from one seed."""

    def __init__(
        self, seed: int, *, steps: int = STEPS, roles: Mapping[str, Callable[[Process], Role]] = ROLES,
        worker_type: type[Worker] = Worker, reader: type[TradesReader] = TradesReader,
    ) -> None:  # fmt: skip
        self.seed = seed
        self.steps = steps
        self.faults = Faults(seed)
        self.roles = roles
        self.worker_type = worker_type
        luck = self.faults.luck
        self.broker = Broker(self.faults, partitions=luck.choice((1, 2, 2, 3)), transactions=luck.random() < 0.3)
        self.broker.meanwhile = self._meanwhile
        self.shelf = Shelf()
        self.redis = SimRedis(self.faults)
        self.promises = Promises()
        crowd = Crowd(self.faults)
        self.gateways = [Gateway(self.broker, f"gateway-{n}", crowd, self.promises) for n in "ab"]
        for n, gateway in enumerate(self.gateways):
            gateway.others = self.gateways
            for room in ROOMS[n::2]:
                gateway.found(room)
        self.follower = Follower(self.broker, "follower", reader=reader)
        self.processes: list[Process] = []
        self._born = 0
        self._depth = self._meanwhile_steps = 0
        for kind in self.roles:
            for _ in range(luck.choice((2, 2, 3, 4)) if kind == "execution" else luck.choice((1, 1, 2))):
                self._start(kind)

    def _start(self, kind: str) -> None:
        self._born += 1
        self.processes.append(Process(self, kind, f"{kind}-{self._born}"))

    # --- a day -------------------------------------------------------------------------------------------------------

    def run(self) -> World:
        """Live through the day, and mend everything in the end."""
        logging.disable(logging.CRITICAL)
        try:
            for _ in range(self.steps):
                self._trouble()
                self._step(asking=True)
            self.drain()
        finally:
            logging.disable(logging.NOTSET)
        return self

    def _step(self, *, asking: bool) -> None:
        """Time passes, the network moves, somebody has a turn."""
        luck = self.faults.luck
        self.broker.pass_time(luck.randrange(NS_PER_S // 50, NS_PER_S // 2))
        self.broker.pump()
        for _ in range(3):
            who = luck.random()
            if who < 0.2:
                gateway = luck.choice(self.gateways)
                gateway.times = self.follower.times
                gateway.step(asking=asking)
                if self.faults.happens("feed_twice"):
                    gateway.repeat()
            elif who < 0.3:
                self.follower.step()
            else:
                awake = [process for process in self.processes if not process.inside and not process.bus.paused]
                if awake:
                    self._turn(luck.choice(awake))

    def _turn(self, process: Process) -> int:
        """One turn of a worker; a dead one is replaced, one that failed rests for a while."""
        if process.rests > 0:
            process.rests -= 1
            return 0
        done = 0
        process.inside = True
        try:
            done = process.worker.turn(0.0)
        except SimCrash:
            self.faults.count("crashed")
        except (Unavailable, Fenced, TradesGap) as error:
            self.faults.count(f"began again: {type(error).__name__}")
            self.faults.note("error", process.name, error)
            process.rests = self.faults.below(5)
        finally:
            process.inside = False
        if process.bus.dead:
            self._bury(process)
        return done

    def _bury(self, process: Process) -> None:
        """What is left of a process is its records and snapshots; another one comes."""
        if process in self.processes and not process.inside:
            self.processes.remove(process)
            self._start(process.kind)
            self.processes[-1].rests = self.faults.below(6)

    def _meanwhile(self, client: SimBus) -> None:
        """Somebody stands still in the middle of a call; the others go on."""
        if self._depth >= DEPTH_MAX:
            return
        self._depth += 1
        if self.faults.below(2):  # long enough to be taken for dead
            self.broker.pass_time(1)
            self.broker.pass_time(SESSION_NS + 1)
        try:
            for _ in range(self.faults.choice((1, 2, 5, 12, 20))):
                if self._meanwhile_steps >= MEANWHILE_STEPS_MAX:
                    break
                self._meanwhile_steps += 1
                self._step(asking=True)
        finally:
            self._depth -= 1

    # --- trouble -----------------------------------------------------------------------------------------------------

    def _trouble(self) -> None:
        """What goes wrong between two steps."""
        faults = self.faults
        buses = [process.bus for process in self.processes] + [gateway.bus for gateway in self.gateways]
        for bus in buses:
            if (bus.cut or bus.deaf) and faults.below(14) == 0:
                bus.cut = bus.deaf = False
        if faults.happens("cut", times=5):
            bus = faults.choice(buses)
            bus.cut, bus.deaf = (False, True) if faults.happens("deaf") else (True, False)
        process = faults.choice(self.processes)
        if faults.happens("killed") and not process.inside:
            process.bus.kill()
            self._bury(process)
        if faults.happens("stopped", times=2):
            process.rests, process.bus.paused = 0, True
        for other in self.processes:
            if other.bus.paused and not other.inside and faults.below(10) == 0:
                other.bus.paused = False
        if faults.happens("started_more") and len(self.processes) < WORKERS_MAX:
            self._start(faults.choice(sorted(self.roles)))
        if faults.happens("clock_jump", times=3):
            process.clock.jump()
        if faults.happens("shelf_wiped"):
            self.shelf.wipe()
        self.redis.trouble()

    # --- the end of the day ------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Mend everything, and go on until nothing is left to do."""
        self.faults.note("calm")
        self.faults.calm = True
        self.redis.away = False
        for process in list(self.processes):
            process.bus.cut = process.bus.deaf = process.bus.paused = False
            process.rests = 0
        for gateway in self.gateways:
            gateway.bus.cut = gateway.bus.deaf = False
        quiet = 0
        for _ in range(DRAIN_STEPS_MAX):
            size = sum(map(len, self.broker.logs.values()))
            self.broker.pass_time(NS_PER_S)
            self.broker.pump()
            for gateway in self.gateways:
                gateway.step(asking=False)
            for process in list(self.processes):
                self._turn(process)
            self.follower.step()
            lag = sum(sum(process.worker.lag().values()) for process in self.processes)
            still = size == sum(map(len, self.broker.logs.values())) and not lag and self._all_owned()
            idle = still and all(gateway.idle for gateway in self.gateways)
            quiet = quiet + 1 if idle else 0
            if quiet >= QUIET_STEPS:
                return
        raise AssertionError(f"the day does not end: {self.unfinished()}")

    def unfinished(self) -> str:
        """What is left to do, in words."""
        busy = [gateway.name for gateway in self.gateways if not gateway.idle]
        lags = {process.name: process.worker.lag() for process in self.processes}
        owned = {process.name: process.worker.partitions for process in self.processes}
        return f"gateways on the way: {busy}; behind: {lags}; partitions: {owned}"

    def _all_owned(self) -> bool:
        owned = {(process.kind, number) for process in self.processes for number in process.worker.partitions}
        return owned == {(kind, number) for kind in self.roles for number in range(self.broker.partitions)}
