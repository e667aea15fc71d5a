"""A class that goes on trading while its servers and workers are broken, one after the other.

Rules: everything is real: processes, Kafka, Redis. What came of it is reckoned up in :mod:`faultcheck`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
import numpy as np

from tests.backbone.crew import Crew, until
from tests.backbone.students import ACCOUNTS, ACME, MID, SAP, Request, Students, to_kafka
from vtrade.adapters.clock import SystemClock
from vtrade.adapters.kafka.snapshots import KafkaSnapshots
from vtrade.bootstrap.backbone import open_bus, open_redis
from vtrade.bootstrap.gateway import boards
from vtrade.domain import messages as msg
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.actions import ActionKind, CorporateAction
from vtrade.domain.topics import partition_of
from vtrade.domain.values import MICRO, NS_PER_S
from vtrade.market.dtype import Kind, empty_events
from vtrade.market.parquet import load_parquet, save_tape
from vtrade.market.tape import NewsItem, Tape
from vtrade.services.busrooms import BusRooms
from vtrade.services.followed import FollowedRoom
from vtrade.services.pace import head_of
from vtrade.services.register import BusRegister
from vtrade.services.workers.runner import Checkpoint, checkpoint_key

if TYPE_CHECKING:
    import redis

    from vtrade.adapters.kafka.bus import KafkaBus
    from vtrade.services.settings import Settings

ROLES: Final = ("execution", "portfolio", "gamification", "feed")
ROWS: Final = 40_000
STEP_NS: Final = NS_PER_S // 10
SPEED: Final = 10
TAPE: Final = "faults.parquet"


@cache
def made_tape() -> Tape:
    """Levels and prints of two instruments around ``MID``, with a headline a minute; most of an hour."""
    n = np.arange(ROWS)
    events = empty_events(ROWS)
    side = np.where(n % 2 == 0, -1, 1)
    prints = (n > 20) & (n % 5 == 0)
    drift = (n // 400) % 7 - 3
    events["ts_ns"] = n * STEP_NS
    events["instrument"] = (n // 2) % 2
    events["kind"] = np.where(prints, Kind.TRADE, Kind.LEVEL)
    events["side"] = side
    events["price"] = np.where(prints, MID + drift + n % 3 - 1, MID - side * (1 + n * 7 % 4))
    events["quantity"] = 20 + n * 13 % 60
    news = tuple(NewsItem(60 * NS_PER_S * k, "ACME", f"minute {k}") for k in range(1, ROWS // 600))
    return Tape("faults", (ACME, SAP), events, "L2", news=news)


def tape_in(folder: Path) -> Tape:
    """The tape, in a folder where a feed finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    return load_parquet(save_tape(made_tape(), folder / TAPE))


def opening(room: str, *, seed: int = 7) -> list[msg.Inbound]:
    """What a class begins with; the market stands still."""
    limits = RiskLimits(allow_short=True, concentration_ppm=10 * MICRO)
    accounts = [msg.OpenAccount(0, name, 100_000 * MICRO, "USD", limits) for name in ACCOUNTS]
    rate = CorporateAction(0, "EUR", ActionKind.RATE, amount=1_250_000)
    rules = msg.RoomRules(fx_spread_ppm=1_000)
    return [msg.OpenRoom(0, room, (ACME, SAP), rules, seed=seed, tape=TAPE), rate, *accounts]


# --- one class and its world ----------------------------------------------------------------------------------------


class Door(Protocol):
    """A way into a room: somebody's gateway."""

    def enter(self, name: str) -> None:
        """Make a room with all accounts, and let its market play."""

    def post(self, request: Request) -> Future[int]:
        """Send a request; see ``Post``."""


@dataclass
class Lesson:
    """A class in its room, trading."""

    world: World
    room: FollowedRoom
    students: Students
    dead_letters: int = 0
    """Dead letters that it should have left."""

    @property
    def name(self) -> str:
        return self.room.name

    @property
    def partition(self) -> int:
        return partition_of(self.name, self.world.settings.partitions)

    def answered(self, count: int) -> None:
        """Wait until so many more records of the room were told, and folded here too."""
        wanted = self.room.seq + count
        until(lambda: self.room.seq >= wanted, f"{count} more records told in {self.name}")

    def played(self, count: int) -> None:
        """Wait until the market has moved by so many seconds more."""
        wanted = self.room.now_ns + count * NS_PER_S
        until(lambda: self.room.now_ns >= wanted, f"{count} more seconds played in {self.name}")

    def kept(self, role: str) -> tuple[int, bytes] | None:
        """The newest snapshot a role has of the room: offset of what comes next, and the state."""
        data = self._snapshot(role, self.name)
        return None if data is None else tuple(msgspec.msgpack.decode(data))

    def checkpoint(self, role: str) -> int:
        """Up to which offset the snapshots of a role reach on the room's partition; 0 without any."""
        data = self._snapshot(role, checkpoint_key(self.partition, self.world.settings.partitions))
        return 0 if data is None else msgspec.msgpack.decode(data, type=Checkpoint).position

    def _snapshot(self, role: str, name: str) -> bytes | None:
        found = KafkaSnapshots(self.world.bus).load(role, self.partition)
        return next((data for room, data in found if room == name), None)


@dataclass
class World:
    """A crew with its servers, and this process as a gateway."""

    settings: Settings
    folder: Path
    crew: Crew
    bus: KafkaBus
    cache: redis.Redis
    rooms: BusRooms
    tape: Tape
    has_crew: bool
    broken: bool = False
    """Whether a lesson did not come to its end, so that nobody knows what still runs."""

    @contextlib.contextmanager
    def lesson(self, name: str, *, door: Door | None = None) -> Iterator[Lesson]:
        """A class that trades while the market plays; with a ``door`` it comes in through that."""
        self.broken = True
        try:
            lesson = self._opened(name, door)
            try:
                yield lesson
            finally:
                lesson.students.asks_no_more()
        except BaseException:
            self.crew.show()
            raise
        self.rooms.release(name)
        assert self.crew.ended() == [], "a worker ended by itself"
        self.broken = False

    def _opened(self, name: str, door: Door | None) -> Lesson:
        number = partition_of(name, self.settings.partitions)
        if self.has_crew:
            until(lambda: self.crew.takeovers("execution", number), "execution at work")
        if door is None:
            room = self.rooms.create(name, opening(name), tape=TAPE, head=head_of(self.tape))
            room.post(msg.RoomCommand(0, "start", amount=SPEED * MICRO), message_id="start").durable.result(30)
        else:
            door.enter(name)
            room = self.rooms.open(name)
        post = to_kafka(room, self.bus) if door is None else door.post
        lesson = Lesson(self, room, Students(post, lambda: room.now_ns))
        lesson.students.more(30)
        lesson.answered(30)
        return lesson


@contextlib.contextmanager
def world(settings: Settings, folder: Path, *, roles: Sequence[str] = ROLES) -> Iterator[World]:
    """A crew at work, and a gateway."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = msgspec.structs.replace(settings, tapes=folder / "tapes")
    tape = tape_in(settings.tapes)
    with contextlib.ExitStack() as stack:
        crew = stack.enter_context(Crew(settings, folder))
        bus = open_bus(settings, client="gateway", stop=threading.Event())
        stack.callback(bus.close)
        for role in roles:
            crew.worker(role)
        cache = open_redis(settings, stop=threading.Event())
        stack.callback(cache.close)
        register = BusRegister(bus)
        stack.callback(register.close)
        rooms = BusRooms(bus, register, SystemClock(), ranks=_no_ranks, boards=boards)
        stack.callback(rooms.close)
        yield World(settings, folder, crew, bus, cache, rooms, tape, bool(roles))


def _no_ranks(room: str, by: str) -> Any:
    raise AssertionError("nobody looks at the standings through this gateway")


class Worlds:
    """One world for many tests; a new one after a test that left it broken."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self._count = 0
        self._stack = contextlib.ExitStack()
        self._world: World | None = None

    def get(self) -> World:
        """A world in good order."""
        if self._world is None or self._world.broken:
            self.close()
            self._count += 1
            settings = msgspec.structs.replace(
                self._settings, topic_prefix=f"{self._settings.topic_prefix}{self._count}"
            )
            self._world = self._stack.enter_context(world(settings, self._folder / str(self._count)))
        return self._world

    def close(self) -> None:
        """Stop everybody."""
        self._stack.close()
        self._stack = contextlib.ExitStack()
        self._world = None
