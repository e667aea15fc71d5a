"""Who of a group of workers reads which partition, and who still believes it does?

Rules: partitions of the same number go together. A member hears of changes in its own polls and nowhere else. One that
is alive gives a partition back before another takes it; one that was silent for too long has lost all of them and hears
of it when it polls again: until then it is a zombie that may read and write, but not remember an offset.

Without transactions, records are written first and offsets remembered after that, and anything can happen between. With
them both happen together or not at all, and a zombie writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vtrade.domain.topics import DIRECTORY
from vtrade.errors import BusUnavailable, Fenced, VTradeError
from vtrade.ports import Outgoing, Place, Taken

if TYPE_CHECKING:
    from tests.sim.bus import Broker, SimBus

Change = Callable[[set[Place]], None]


class Pending(NamedTuple):
    """A transaction of which nobody knows yet how it ends."""

    member: SimMembership
    written: tuple[Outgoing, ...]
    positions: dict[Place, int]


class Group:
    """What the broker knows of a group.

    Attributes
    ----------
    members : list of SimMembership
        Those it has heard of lately.
    owner, target : dict of int to SimMembership
        By partition: who has it, and who is to have it.
    committed : dict of Place to int
    """

    def __init__(self, broker: Broker, name: str) -> None:
        self.broker = broker
        self.name = name
        self.members: list[SimMembership] = []
        self.owner: dict[int, SimMembership] = {}
        self.target: dict[int, SimMembership] = {}
        self.committed: dict[Place, int] = {}
        self.pending: list[Pending] = []

    def rebalance(self) -> None:
        """Deal the partitions out anew."""
        members, numbers = list(self.members), list(range(self.broker.partitions))
        self.broker.faults.shuffle(members)
        self.broker.faults.shuffle(numbers)
        self.target = {number: members[n % len(members)] for n, number in enumerate(numbers)} if members else {}
        dealt = {number: self.target[number].bus.name for number in sorted(self.target)}
        self.broker.faults.note("deal", self.name, dealt)

    def expire(self) -> None:
        """Forget members that were silent for too long."""
        from tests.sim.bus import SESSION_NS

        for member in list(self.members):
            since = member.bus.silent_since if member.left_ns is None else member.left_ns
            if since is not None and self.broker.now_ns - since > SESSION_NS:
                self.broker.faults.count("expelled")
                self.remove(member)

    def remove(self, member: SimMembership) -> None:
        """A member is none any more."""
        if member in self.members:
            self.members.remove(member)
            self.owner = {number: who for number, who in self.owner.items() if who is not member}
            self.rebalance()

    def settle(self, *, luck: bool) -> None:
        """Find out how transactions ended: all of them, or some."""
        faults = self.broker.faults
        for pending in list(self.pending):
            if luck and not faults.calm and faults.below(3):
                continue
            self.pending.remove(pending)
            if faults.below(2):
                faults.count("transaction_late")
                self.commit(pending)
            else:
                self.abort(pending)

    def commit(self, done: Pending) -> None:
        """Records and offsets become visible together; the mark of it takes an offset of its own."""
        places = {self.broker.place(record): None for record in done.written}
        for record in done.written:
            self.broker.land(record, done.member.bus.name)
        for place in places:
            self.broker.log(place).append(None)
        self.committed.update(done.positions)

    def abort(self, done: Pending) -> None:
        """Nothing becomes visible; the records have taken their offsets."""
        for record in done.written:
            self.broker.log(self.broker.place(record)).append(None)


class SimMembership:
    """A reader, in a group or on its own, behind the ``Membership`` port."""

    def __init__(
        self, bus: SimBus, group: Group | None, topics: Sequence[str], *, positions: Mapping[Place, int] | None = None,
        on_taken: Change | None = None, on_lost: Change | None = None,
    ) -> None:  # fmt: skip
        self.bus = bus
        self.held: set[int] = set()
        self._group = group
        self._topics = tuple(topics)
        self._positions: dict[Place, int] = dict(positions or {})
        self._on_taken = on_taken
        self._on_lost = on_lost
        self._paused: set[Place] = set()
        self.left_ns: int | None = None
        """When it was closed."""

    def poll(self, timeout_s: float, *, records_max: int) -> list[Taken]:
        faults = self.bus.faults
        self.bus.port("poll")
        if self.left_ns is not None:
            raise VTradeError(f"{self.bus.name} polls a membership that it closed")
        if self.bus.cut or self.bus.deaf:
            return []
        if self._group is not None:
            self._meet(self._group)
        if faults.happens("slow_poll"):
            return []
        if faults.happens("short_poll"):
            records_max = min(records_max, 1 + faults.below(4))
        return self._fetch(records_max)

    def _fetch(self, records_max: int) -> list[Taken]:
        taken: list[Taken] = []
        places = sorted(self._positions.keys() - self._paused)
        self.bus.faults.shuffle(places)
        for place in places:
            log = self.bus.broker.log(place)
            while self._positions[place] < len(log) and len(taken) < records_max:
                record = log[self._positions[place]]
                self._positions[place] += 1
                if record is not None:
                    taken.append(record)
        return taken

    def _meet(self, group: Group) -> None:
        """Hear what changed in the group, and take part in it."""
        if self not in group.members:
            self._lose(group, set(self.held))
            group.members.append(self)
            group.rebalance()
        elif self.bus.faults.happens("rebalance"):
            group.rebalance()
        self._lose(group, {n for n in self.held if group.owner.get(n) is not self or group.target.get(n) is not self})
        mine = {n for n, who in group.target.items() if who is self and group.owner.get(n, self) is self}
        self._take(group, mine - self.held)

    def _lose(self, group: Group, numbers: set[int]) -> None:
        if not numbers:
            return
        places = self._places(numbers)
        self.held -= numbers
        for place in places:
            self._positions.pop(place, None)
        self._paused -= places
        self.bus.faults.note("lose", self.bus.name, group.name, sorted(numbers))
        assert self._on_lost is not None
        self._on_lost(places)
        for number in numbers:
            if group.owner.get(number) is self:
                del group.owner[number]

    def _take(self, group: Group, numbers: set[int]) -> None:
        if not numbers:
            return
        group.settle(luck=False)
        places = self._places(numbers)
        for number in numbers:
            group.owner[number] = self
        for place in places:
            self._positions[place] = group.committed.get(place, 0)
        self.bus.faults.note("take", self.bus.name, group.name, sorted(numbers))
        self.bus.faults.seen["partitions_taken"] += len(numbers)
        assert self._on_taken is not None
        try:
            self._on_taken(places)
        except Exception:  # it is told again at the next poll
            for place in places:
                del self._positions[place]
            raise
        self.held |= numbers

    def _places(self, numbers: Iterable[int]) -> set[Place]:
        return {(topic, number) for topic in self._topics for number in numbers if not (topic == DIRECTORY and number)}

    def seek(self, place: Place, offset: int) -> None:
        if place not in self._positions:
            raise VTradeError(f"{self.bus.name} seeks in {place}, which it does not have")
        self._positions[place] = offset

    def pause(self, places: Iterable[Place]) -> None:
        self._paused |= set(places)

    def resume(self, places: Iterable[Place]) -> None:
        self._paused -= set(places)

    # --- remembering -------------------------------------------------------------------------------------------------

    def advance(self, written: Sequence[Outgoing], positions: Mapping[Place, int]) -> None:
        group = self._group
        if group is None:
            raise VTradeError("a reader that is no member of a group has nothing to advance")
        if self.left_ns is not None:
            raise VTradeError(f"{self.bus.name} advances a membership that it closed")
        self.bus.port("advance")
        if self.bus.broker.transactions:
            self._together(group, Pending(self, tuple(written), dict(positions)))
        else:
            if written:
                self.bus.write(written)
            self._remember(group, positions)

    def _remember(self, group: Group, positions: Mapping[Place, int]) -> None:
        self.bus.port("commit")
        if self.bus.cut:
            raise self._unavailable("cut off")
        self._check_owner(group, positions)
        lost = self.bus.faults.happens("commit_lost")
        if not lost or self.bus.faults.below(2):
            group.committed.update(positions)
        if lost or self.bus.deaf:
            raise self._unavailable("no answer")

    def _together(self, group: Group, all_of_it: Pending) -> None:
        faults = self.bus.faults
        self.bus.port("transaction")
        if self.bus.cut or faults.happens("rejected"):
            group.abort(all_of_it)
            raise self._unavailable("cut off")
        self._check_owner(group, all_of_it.positions)
        if faults.happens("commit_lost") or faults.happens("broken_off"):
            group.pending.append(all_of_it)
            raise self._unavailable("no answer to the commit")
        group.commit(all_of_it)
        self.bus.port("committed")
        if self.bus.deaf:
            raise self._unavailable("no answer")

    def _check_owner(self, group: Group, positions: Mapping[Place, int]) -> None:
        for _, number in positions:
            if group.owner.get(number) is not self:
                self.bus.faults.count("fenced")
                raise Fenced(f"partition {number} of {group.name} is not {self.bus.name}'s any more")

    def _unavailable(self, why: str) -> BusUnavailable:
        return BusUnavailable(f"the bus does not answer {self.bus.name} ({why})")

    def lag(self) -> dict[Place, int]:
        return {place: len(self.bus.broker.log(place)) - at for place, at in self._positions.items()}

    def close(self) -> None:
        if self.left_ns is not None:
            return
        self.bus.port("close")
        self.left_ns = self.bus.broker.now_ns
        if self._group is not None and not self.bus.cut:
            self._group.remove(self)
