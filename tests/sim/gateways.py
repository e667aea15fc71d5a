"""How do requests get into the log, and how does a gateway hear what became of them?

Rules: a gateway keeps a request until it knows that it is durable, and sends it again with the same id where the
answer was lost; what it has acknowledged is written down in ``Promises`` and must never be lost. A gateway that crashes
forgets what was on its way; its students then ask again elsewhere, under a new id but the same ``client_order_id``. A
follower reads the trades topic as the views of a class do.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future

from tests.sim.bus import Broker
from tests.sim.faults import Faults
from tests.sim.rooms import ROOMS, Asked, Crowd, asked, opening
from vtrade.domain.messages import decode_inbound
from vtrade.domain.topics import INBOUND, TRADES, Told
from vtrade.errors import Overloaded, Unavailable
from vtrade.ports import Membership, Outgoing, Place
from vtrade.services.workers.trades import TradesReader


class Promises:
    """What gateways told people is safe: id, or place where there is none, and offset."""

    def __init__(self) -> None:
        self.kept: list[tuple[Asked, Place, int]] = []


class Gateway:
    """Posts what people ask."""

    def __init__(self, broker: Broker, name: str, crowd: Crowd, promises: Promises) -> None:
        self.broker = broker
        self.faults: Faults = broker.faults
        self.name = name
        self.lives = 0
        self.bus = broker.bus(f"{name}.0")
        self.crowd = crowd
        self.promises = promises
        self.others: list[Gateway] = []
        self.times: dict[str, int] = dict.fromkeys(ROOMS, 0)
        self._count = 0
        self._pending: list[tuple[Asked, Future[int]]] = []
        self._again: deque[Asked] = deque()
        self._opening: dict[str, deque[Asked]] = {}

    def found(self, room: str) -> None:
        """Open a room, one message after the other, each once the one before is durable."""
        self._opening[room] = deque(asked(room, m, f"open/{room}/{n}") for n, m in enumerate(opening(room)))

    def _name(self) -> str:
        self._count += 1
        return f"{self.name}/{self._count}"

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way."""
        return not (self._pending or self._again or self._opening)

    def step(self, *, asking: bool) -> None:
        """Hear what became durable, send again what may be lost, and ask for something new."""
        self._hear()
        if asking and self.faults.happens("gateway_crash"):
            self._crash()
        for room, waiting in list(self._opening.items()):
            if waiting and not any(sent.name.startswith(f"open/{room}/") for sent, _ in self._pending):
                self._send(waiting[0])
            elif not waiting:
                del self._opening[room]
        while self._again and (not asking or self.faults.below(3)):
            if not self._send(self._again.popleft()):
                break
        for _ in range(self.faults.below(4) if asking else 0):
            self._ask()

    def _ask(self) -> None:
        room = self.faults.choice(ROOMS)
        if self.faults.happens("poison"):
            self._send(Asked(room, "", self.crowd.poison(room, self._name())))
            return
        if self.faults.below(8) == 0:
            name = f"action/{self._name()}" if self.faults.below(4) else ""
            done = Asked(room, name, self.crowd.action(room, self.times[room], name))
            self._send(done)
            if self.faults.happens("sent_twice"):
                self._send(done)
            return
        message = self.crowd.next(room, self.times[room])
        name = "" if self.faults.below(10) == 0 else self._name()
        request = asked(room, message, name)
        self._send(request)
        if name and self.faults.happens("sent_twice"):
            self._send(request)

    def _send(self, request: Asked) -> bool:
        try:
            self._pending.append((request, self.bus.post(request.record)))
            return True
        except Overloaded:
            self.faults.count("overloaded")
            if request.name and not request.name.startswith("open/"):
                self._again.append(request)
            return False

    def _hear(self) -> None:
        waiting = []
        for request, future in self._pending:
            if not future.done():
                waiting.append((request, future))
            elif future.exception() is None:
                self._promise(request, future.result())
            elif request.name and not request.name.startswith("open/"):
                self._again.append(request)
        self._pending = waiting

    def _promise(self, request: Asked, offset: int) -> None:
        self.promises.kept.append((request, self.broker.place(request.record), offset))
        opening_ = self._opening.get(request.room)
        if opening_ and opening_[0].name == request.name:
            opening_.popleft()

    def _crash(self) -> None:
        """The process is gone with all it knew; its people go to another gateway, or to this one when it is back."""
        lost = [*[request for request, _ in self._pending], *self._again]
        self._pending, self._again = [], deque()
        self.bus.kill()
        self.lives += 1
        self.bus = self.broker.bus(f"{self.name}.{self.lives}")
        self._count += 1_000
        for request in lost:
            if request.name and not request.name.startswith(("open/", "action/")) and self.faults.below(2):
                other = self.faults.choice(self.others)
                message = decode_inbound(request.record.value or b"")
                other._again.append(asked(request.room, message, other._name()))

    def repeat(self) -> None:
        """Post a record of the log once more, as somebody does who thinks that it was lost: a request, or a frame."""
        number = self.faults.below(self.broker.partitions)
        known = [record for record in self.broker.log((INBOUND, number)) if record is not None and record.headers]
        named = [record for record in known[-40:] if any(name == "id" for name, _ in record.headers)]
        if named:
            record = self.faults.choice(named)
            self._send(Asked(record.key, "", Outgoing(INBOUND, record.key, record.value, record.headers)))


class Follower:
    """Reads every room from the trades topic, as gateways do; now and then it begins again."""

    def __init__(self, broker: Broker, name: str, *, reader: type[TradesReader] = TradesReader) -> None:
        self.broker = broker
        self.bus = broker.bus(name)
        self.heard: list[Told] = []
        self.rooms: list[str] = []
        self.times: dict[str, int] = dict.fromkeys(ROOMS, 0)
        self._kind = reader
        self._begin()

    def _begin(self) -> None:
        self.reader = self._kind()
        self.seqs: dict[str, int] = {}
        self.heard, self.rooms = [], []
        self._member: Membership | None = None

    def step(self) -> int:
        """Read on; the number of records."""
        faults = self.broker.faults
        if not faults.calm and faults.below(60) == 0:
            self._begin()  # it crashed and reads everything again
        try:
            if self._member is None:
                numbers = range(self.broker.partitions)
                places = {number: self.reader.checkpoint(number) for number in numbers}
                for number, (offset, epoch) in places.items():
                    self.reader.begin(number, offset=offset, epoch=epoch)
                self._member = self.bus.follow({(TRADES, number): places[number][0] for number in numbers})
            records = self._member.poll(0.0, records_max=200)
        except Unavailable:
            return 0
        for heard in self.reader.read(records, self.seqs):
            self.heard.append(heard.told)
            self.rooms.append(heard.room)
            self.times[heard.room] = heard.told.ts_ns
        if not faults.calm and faults.below(20) == 0:
            self._member = None  # the connection broke; it goes on where it was
        return len(records)
