"""What does a bad day of Kafka look like from inside? Topics, groups and time, in one process, at the mercy of a seed.

Rules: a :class:`Broker` is what all processes share; each process has a :class:`SimBus`, its connection and its one
producer. Records of a producer never change their order in a partition; those of different producers do. What is in the
log stays there and is seen by everybody; what is not may still arrive, even after its sender has given up on it, or
died. Offsets have gaps. A process that is not heard of for ``SESSION_NS`` loses its partitions and does not know it.

Any call can crash its process, or stop it for a while in which the others go on. Calls are made one at a time, in one
thread, so an interleaving is a choice of the seed and not of the machine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Final, NamedTuple

from tests.sim.faults import Faults, SimCrash
from tests.sim.group import Group, SimMembership
from vtrade.domain.topics import DIRECTORY, TOPICS, partition_of, split_key
from vtrade.errors import BusUnavailable, Overloaded
from vtrade.ports import Outgoing, Place, Taken

SESSION_NS: Final = 6_000_000_000
SENDING_MAX: Final = 64
"""Posts of a process on their way at a time."""
WRITES: Final = ("advance", "write", "write, midway", "written", "commit")
"""Calls in which a process stands still more often, because that is where zombies are made."""
LEFT_BEHIND_MAX: Final = 256
"""Records that a process can leave on the way when it gives up or dies."""


class _Sending(NamedTuple):
    record: Outgoing
    future: Future[int]


class Broker:
    """What all processes share.

    Attributes
    ----------
    logs : dict of Place to list of (Taken or None)
        ``None`` is an offset without a record.
    writers : dict of (Place, int) to str
        Who wrote a record, for the checks; ``NAME~`` where it arrived after its writer had given it up.
    now_ns : int
        Time since the world began.
    meanwhile : callable
        Lets the others go on while this process stands still; the world brings it.
    """

    def __init__(self, faults: Faults, *, partitions: int = 2, transactions: bool = False) -> None:
        self.faults = faults
        self.partitions = partitions
        self.transactions = transactions
        self.logs: dict[Place, list[Taken | None]] = {}
        self.writers: dict[tuple[Place, int], str] = {}
        self.groups: dict[str, Group] = {}
        self.clients: list[SimBus] = []
        self.now_ns = 0
        self.meanwhile: Callable[[SimBus], None] = lambda client: None

    def bus(self, name: str) -> SimBus:
        """A new process, and its connection."""
        client = SimBus(self, name)
        self.clients.append(client)
        return client

    def log(self, place: Place) -> list[Taken | None]:
        """A partition.

        Raises
        ------
        BusUnavailable
            If there is no such topic or partition.
        """
        found = self.logs.get(place)
        if found is None:
            topic, number = place
            if topic not in TOPICS or not 0 <= number < (1 if topic == DIRECTORY else self.partitions):
                raise BusUnavailable(f"there is no partition {number} of a topic {topic!r}")
            found = self.logs[place] = []
        return found

    def place(self, record: Outgoing) -> Place:
        """Where a record belongs."""
        if record.partition is not None:
            return record.topic, record.partition
        if record.topic == DIRECTORY:
            return record.topic, 0
        return record.topic, partition_of(split_key(record.key)[0], self.partitions)

    def land(self, record: Outgoing, who: str) -> int:
        """Put a record at the end of its partition; its offset."""
        place = self.place(record)
        log = self.log(place)
        offset = len(log)
        log.append(Taken(place[0], place[1], offset, record.key, record.value, record.headers))
        self.writers[place, offset] = who
        self.faults.note("land", who, place[0], place[1], offset, record.key, len(record.value or b""))
        return offset

    def pass_time(self, ns: int) -> None:
        """Time goes by; who was silent for too long is out."""
        self.now_ns += ns
        for client in self.clients:
            if client.silent_since is None and client.silent:
                client.silent_since = self.now_ns
            elif client.silent_since is not None and not client.silent:
                client.silent_since = None
        for group in self.groups.values():
            group.expire()

    def pump(self) -> None:
        """The network moves: some of what is on its way arrives."""
        clients = list(self.clients)
        self.faults.shuffle(clients)
        for client in clients:
            client.arrive()
        for group in self.groups.values():
            group.settle(luck=True)
        self.clients = [c for c in self.clients if not (c.dead and not c.sending and not c.left_behind)]


class SimBus:
    """One process's connection, behind the ``Bus`` port.

    Attributes
    ----------
    dead : bool
        The process has ended; whatever it still calls raises ``SimCrash``.
    paused : bool
        It stands still in the middle of a call.
    cut : bool
        Nothing goes to the broker, and nothing comes back.
    deaf : bool
        What it sends arrives; answers do not.
    mortal : bool
        Whether calls may crash and pause it.
    """

    def __init__(self, broker: Broker, name: str) -> None:
        self.broker = broker
        self.faults = broker.faults
        self.name = name
        self.dead = self.paused = self.cut = self.deaf = self.mortal = self.closed = False
        self.silent_since: int | None = None
        self.sending: deque[_Sending] = deque()
        self.left_behind: deque[Outgoing] = deque(maxlen=LEFT_BEHIND_MAX)
        self._acks: deque[tuple[Future[int], int]] = deque()

    @property
    def silent(self) -> bool:
        """Whether the broker hears nothing of it."""
        return self.dead or self.paused or self.cut

    def port(self, call: str) -> None:
        """Where a call meets the outside, and what happens there."""
        if self.dead:
            raise SimCrash(f"{self.name} has ended")
        if not self.mortal or self.faults.calm:
            return
        self.faults.note("call", self.name, call)
        if self.faults.happens("crash"):
            self.kill()
            raise SimCrash(f"{self.name} crashed in {call}")
        if not self.paused and self.faults.happens("pause", times=5 if call in WRITES else 1):
            self.paused = True
            self.broker.meanwhile(self)
            self.paused = False
            if self.dead:
                raise SimCrash(f"{self.name} was ended in {call}")

    def kill(self) -> None:
        """The process ends now; what it was sending may arrive, or not."""
        self.dead = True
        self._leave([record for record, _ in self.sending])
        self.sending.clear()

    def _unreachable(self, why: str) -> BusUnavailable:
        return BusUnavailable(f"the bus does not answer {self.name} ({why}); wait, or look at the simulated network")

    # --- the way to the log --------------------------------------------------------------------------------------

    def _leave(self, records: Sequence[Outgoing]) -> None:
        """Give up on records: on each partition the first few arrive later, the others never."""
        lost: set[Place] = set()
        for record in records:
            place = self.broker.place(record)
            if place not in lost and self.faults.happens("lands_later"):
                self.left_behind.append(record)
            else:
                lost.add(place)

    def arrive(self) -> None:
        """Some of what is on its way arrives, and some of the answers."""
        if self.left_behind and not self.cut and (self.faults.calm or self.faults.below(6) == 0):
            self.broker.land(self.left_behind.popleft(), f"{self.name}~")
            self.faults.count("landed_after_giving_up")
        if self.dead:
            return
        while self.sending:
            if self.cut and self.faults.below(3) == 0:
                given_up = [*self.sending]
                self.sending.clear()
                self._leave([record for record, _ in given_up])
                for _, future in given_up:
                    future.set_exception(self._unreachable("cut off"))
            if self.cut or self.faults.happens("late"):
                break
            self._arrive_first()
        while self._acks and not self.cut and not self.faults.happens("late"):
            future, offset = self._acks.popleft()
            if self.deaf or self.faults.happens("ack_lost"):
                future.set_exception(self._unreachable("no answer"))
            else:
                future.set_result(offset)

    def _arrive_first(self) -> None:
        record, future = self.sending.popleft()
        if self.faults.happens("rejected"):
            future.set_exception(self._unreachable("rejected"))
        else:
            self._acks.append((future, self.broker.land(record, self.name)))

    def post(self, record: Outgoing) -> Future[int]:
        self.port("post")
        if self.closed:
            raise self._unreachable("closed")
        if len(self.sending) >= SENDING_MAX:
            raise Overloaded(f"{self.name} has {SENDING_MAX} records on their way; send fewer at a time")
        future: Future[int] = Future()
        self.sending.append(_Sending(record, future))
        if self.faults.calm:
            self.arrive()
        return future

    def write(self, records: Sequence[Outgoing]) -> None:
        self.port("write")
        if self.cut or self.closed:
            raise self._unreachable("closed" if self.closed else "cut off")
        if self.faults.happens("rejected"):
            raise self._unreachable("rejected")
        while self.sending:  # one producer: what was sent before comes before
            self._arrive_first()
        arriving, given_up = self._parted(records)
        middle = self.faults.below(len(arriving) + 1)
        for n, record in enumerate(arriving):
            if n == middle and n:
                self.port("write, midway")
            self.broker.land(record, self.name)
        if given_up:
            self._leave(given_up)
            raise self._unreachable("broken off")
        self.port("written")
        if self.deaf or self.faults.happens("ack_lost"):
            raise self._unreachable("no answer")

    def _parted(self, records: Sequence[Outgoing]) -> tuple[list[Outgoing], list[Outgoing]]:
        """Records that arrive (all, or where it breaks off the first few on each partition), and the others."""
        if not records or not self.faults.happens("broken_off"):
            return list(records), []
        queues: dict[Place, list[Outgoing]] = {}
        for record in records:
            queues.setdefault(self.broker.place(record), []).append(record)
        arriving: list[Outgoing] = []
        given_up: list[Outgoing] = []
        for queue in queues.values():
            until = self.faults.below(len(queue) + 1)
            arriving += queue[:until]
            given_up += queue[until:]
        return arriving, given_up or [arriving.pop()]

    # --- the way back ----------------------------------------------------------------------------------------------

    def _reach(self) -> None:
        if self.cut or self.deaf or self.closed:
            raise self._unreachable("closed" if self.closed else "cut off")

    def partitions(self) -> int:
        return self.broker.partitions

    def read(self, place: Place, start: int = 0, end: int | None = None) -> Iterator[Taken]:
        self.port("read")
        self._reach()
        log = self.broker.log(place)
        stop = len(log) if end is None else min(end, len(log))
        return self._records(log, start, stop)

    def _records(self, log: list[Taken | None], start: int, stop: int) -> Iterator[Taken]:
        breaks = self.faults.below(max(stop - start, 1)) + start if self.faults.happens("read_broken_off") else -1
        for offset in range(start, stop):
            if offset == breaks:
                raise self._unreachable("broken off")
            record = log[offset]
            if record is not None:
                yield record

    def ends(self, topic: str) -> dict[int, tuple[int, int]]:
        self.port("ends")
        self._reach()
        count = 1 if topic == DIRECTORY else self.broker.partitions
        return {p: (0, len(self.broker.log((topic, p)))) for p in range(count)}

    def follow(self, positions: Mapping[Place, int]) -> SimMembership:
        self.port("follow")
        return SimMembership(self, None, (), positions=positions)

    def join(
        self, group: str, topics: Sequence[str], *, on_taken: Callable[[set[Place]], None],
        on_lost: Callable[[set[Place]], None],
    ) -> SimMembership:  # fmt: skip
        self.port("join")
        known = self.broker.groups.setdefault(group, Group(self.broker, group))
        return SimMembership(self, known, topics, on_taken=on_taken, on_lost=on_lost)

    def close(self) -> None:
        if not self.dead and not self.cut:
            while self.sending:
                self._arrive_first()
            if self.faults.calm:
                self.arrive()
        self.closed = True
