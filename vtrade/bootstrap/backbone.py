"""Which adapters do workers and gateways stand on? Kafka, Redis and the machine's clock, put together in one place.

Rules: what is not there at the start is waited for, with one line that names the setting and how to start the servers;
nothing is opened twice; whoever opens something gets it back to close.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from vtrade.adapters.clock import SystemClock
from vtrade.adapters.redis import connect_redis
from vtrade.errors import DeskError, SettingsError, Unavailable, VTradeError
from vtrade.services.settings import Settings, kafka_settings
from vtrade.services.workers.role import Role

if TYPE_CHECKING:
    import redis

    from vtrade.adapters.kafka.bus import KafkaBus
    from vtrade.market.tape import Tape
    from vtrade.ports import Bus, Place, SnapshotStore
    from vtrade.services.workers.rebuild import RebuiltRoom

ROLES: Final = ("execution", "portfolio", "gamification", "feed")
PACES_S: Final = {"execution": 0.02, "portfolio": 0.1, "gamification": 0.1, "feed": 0.02}
"""How often workers take records while few come: somebody waits for the answers of execution."""
PATIENCE_S: Final = {"gateway": 0.02, "execution": 0.01, "portfolio": 0.1, "gamification": 0.1, "feed": 0.05}
TOGETHER_BYTES: Final = 131_072
"""Records are taken when they have waited so long, or when they are so many bytes: each answer of the broker has its
price, and a class asks for hundreds a second."""
COMMIT_S: Final = 1.0
"""How often a worker tells its group how far it got."""
WAIT_S: Final = 5.0
"""Pause between two tries to reach a server at the start."""

T = TypeVar("T")

log = logging.getLogger(__name__)


def worker_name(role: str) -> str:
    """A name that tells one worker of a role from another in logs and claims."""
    return f"{role}@{socket.gethostname()}/{os.getpid()}"


def open_bus(
    settings: Settings, *, client: str, stop: threading.Event | None = None, patience_s: float = 0.0
) -> KafkaBus:
    """A connection to Kafka, with its topics made; with ``stop`` it is waited for until that is set.

    With ``patience_s`` records may come so much later, and then come together.
    """
    from vtrade.adapters.kafka.bus import KafkaBus
    from vtrade.adapters.kafka.topics import ensure_topics

    connection = msgspec.structs.replace(kafka_settings(settings), client=client)
    if patience_s:
        connection = msgspec.structs.replace(connection, fetch_bytes_min=TOGETHER_BYTES, fetch_wait_s=patience_s)

    def connect() -> KafkaBus:
        ensure_topics(connection)
        return KafkaBus(connection)

    return _waited_for(connect, stop)


def open_redis(settings: Settings, *, stop: threading.Event | None = None) -> redis.Redis:
    """A connection to Redis; with ``stop`` it is waited for until that is set."""
    return _waited_for(lambda: connect_redis(settings.redis.text), stop)


def _waited_for(connect: Callable[[], T], stop: threading.Event | None) -> T:
    while True:
        try:
            return connect()
        except SettingsError:
            raise
        except VTradeError as error:
            if stop is None or stop.is_set():
                raise
            log.warning("%s; trying again in %.0f s", error, WAIT_S)
            if stop.wait(WAIT_S):
                raise


def load_room_tape(settings: Settings) -> Callable[[str], Tape]:
    """Loads tapes that a room may name: those that are made or come with VTrade, and files of one folder."""
    from vtrade.services.tapes import load_allowed

    return lambda spec: load_allowed(spec, settings.tapes)


def make_role(
    name: str, settings: Settings, bus: Bus, *, worker: str, cache: redis.Redis | None,
    lag: Callable[[], Mapping[Place, int]],
) -> Role:  # fmt: skip
    """A worker's role with what it needs; ``lag`` tells records that it has not taken yet, by partition."""
    clock = SystemClock()
    if name == "execution":
        from vtrade.services.workers.execution import ExecutionRole

        return ExecutionRole(bus, worker=worker)
    if name == "feed":
        from vtrade.services.workers.feed import FeedRole

        return FeedRole(load_room_tape(settings), clock=clock)
    from vtrade.adapters.hot import HotState

    assert cache is not None

    def hot(room: str, projection: str) -> HotState:
        return HotState(cache, room, projection, clock=clock)

    if name == "portfolio":
        from vtrade.services.workers.portfolio import PortfolioRole

        return PortfolioRole(hot, clock=clock, partitions=bus.partitions(), lag=lag)
    if name == "gamification":
        from vtrade.services.workers.gamification import GamificationRole

        return GamificationRole(hot, clock=clock, partitions=bus.partitions())
    raise DeskError(f"there is no worker {name!r}; choose one of {', '.join(ROLES)}")


def run_worker(
    name: str, settings: Settings, stop: threading.Event, *, on_ready: Callable[[str], None],
    metrics_port: int | None = None,
) -> None:  # fmt: skip
    """Work in a role until ``stop`` is set; then drain.

    Parameters
    ----------
    metrics_port : int, optional
        Port of the health and metrics page instead of the one in the settings; 0 takes any that is free.
    on_ready : callable
        Called with the address of the metrics page once the worker is up.
    """
    from vtrade.services.workers.metrics import Metrics, MetricsServer
    from vtrade.services.workers.runner import Worker
    from vtrade.services.workers.watch import Watch

    clock, worker = SystemClock(), worker_name(name)
    metrics = Metrics(name)
    watch = Watch(metrics, clock)
    with contextlib.ExitStack() as stack:
        port = settings.metrics_port(name) if metrics_port is None else metrics_port
        try:
            server = MetricsServer(metrics, host=settings.metrics_host, port=port, alive=watch.alive, ready=watch.ready)
        except OSError as error:
            raise SettingsError(
                f"port {port} for the metrics of {name} cannot be had ({error.strerror}); give another one: "
                f"`vtrade worker {name} --metrics-port 0` takes any, VTRADE_{name.upper()}_METRICS_PORT sets it"
            ) from None
        stack.callback(server.close)
        on_ready(server.url)
        bus = open_bus(settings, client=worker, stop=stop, patience_s=PATIENCE_S[name])
        stack.callback(bus.close)
        cache = None
        if name in ("portfolio", "gamification"):
            cache = open_redis(settings, stop=stop)
            stack.callback(cache.close)
        role = make_role(name, settings, bus, worker=worker, cache=cache, lag=watch.lag)
        runs = Worker(
            role, bus, snapshot_store(bus), clock, name=worker, snapshot_s=settings.snapshot_every_s,
            pace_s=PACES_S[name], commit_s=0.0 if settings.kafka_transactions else COMMIT_S, on_turn=watch.turned,
        )  # fmt: skip
        watch.watch(runs)
        runs.run(stop)


def snapshot_store(bus: KafkaBus) -> SnapshotStore:
    """Where workers keep their snapshots."""
    from vtrade.adapters.kafka.snapshots import KafkaSnapshots

    return KafkaSnapshots(bus)


@contextlib.contextmanager
def backbone(settings: Settings) -> Iterator[tuple[KafkaBus, redis.Redis]]:
    """Kafka and Redis, for a while.

    Raises
    ------
    Unavailable
        If one of them does not answer.
    """
    bus = open_bus(settings, client="vtrade")
    try:
        cache = open_redis(settings)
    except Unavailable:
        bus.close()
        raise
    try:
        yield bus, cache
    finally:
        cache.close()
        bus.close()


def rebuild_rooms(
    settings: Settings, room: str | None = None, *, progress: Callable[[int, int], None] | None = None
) -> list[RebuiltRoom]:
    """Write what Redis shows of one room, or of all, anew from the log."""
    from vtrade.adapters.hot import rebuild
    from vtrade.services.workers.gamification import GamificationRole
    from vtrade.services.workers.portfolio import PortfolioRole
    from vtrade.services.workers.rebuild import rooms_of_log

    clock, rebuilt = SystemClock(), []
    with backbone(settings) as (bus, cache):
        for role in (
            PortfolioRole(None, clock=clock, partitions=bus.partitions()),
            GamificationRole(None, clock=clock, partitions=bus.partitions()),
        ):
            for found in rooms_of_log(bus, role, room, progress=progress):
                rebuild(
                    cache, found.room, found.projection, found.rows(), seq=found.seq, epoch=found.epoch, clock=clock
                )
                rebuilt.append(found)
    return rebuilt
