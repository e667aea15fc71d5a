"""What must every bus do, whatever carries it?

Rules: an adapter's tests inherit :class:`BusContract`, :class:`ConnectedBusContract` where a bus is a connection to
something that outlives it, and :class:`SnapshotStoreContract`; they only say how to open one. Nothing here looks behind
the port, nothing relies on a topic being empty, and each test has rooms and groups of its own, so one bus can carry all
of them. Whatever takes a while is asked for again, up to a bound.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar

import pytest

from vtrade.domain.topics import (
    ACTIONS,
    DIRECTORY,
    INBOUND,
    PROGRESS,
    TOPICS,
    TRADES,
    account_key,
    partition_of,
)
from vtrade.errors import BusUnavailable, Fenced, VTradeError
from vtrade.ports import Bus, Membership, Outgoing, Place, SnapshotStore, Taken

EVERY_BYTE = bytes(range(256))
POLL_S = 0.2
POLLS_MAX = 150
"""Nothing is asked for more often than this."""
_numbers = itertools.count(1)


def room_of(partition: int, partitions: int) -> str:
    """A new room that lives on this partition."""
    return next(
        room for number in _numbers if partition_of(room := f"room-{number}", partitions) == partition
    )  # fmt: skip


def new_group() -> str:
    return f"vtrade-group-{next(_numbers)}"


def values(records: Sequence[Taken]) -> list[bytes | None]:
    return [record.value for record in records]


class Worker:
    """A member of a group that notes what it is told, and begins at given offsets or where the group got to."""

    def __init__(self, bus: Bus, group: str, topics: Sequence[str], starts: Mapping[Place, int] | None = None) -> None:
        self.told: list[tuple[str, frozenset[Place]]] = []
        self.owned: set[Place] = set()
        self.taken: list[Taken] = []
        self.early: list[Taken] = []
        self.starts = dict(starts or {})
        self.member = bus.join(group, topics, on_taken=self.on_taken, on_lost=self.on_lost)

    def on_taken(self, places: set[Place]) -> None:
        self.told.append(("taken", frozenset(places)))
        self.owned |= places
        for place in places & self.starts.keys():
            self.member.seek(place, self.starts[place])

    def on_lost(self, places: set[Place]) -> None:
        self.told.append(("lost", frozenset(places)))
        self.owned -= places

    def poll(self, timeout_s: float = POLL_S, records_max: int = 100) -> list[Taken]:
        records = self.member.poll(timeout_s, records_max=records_max)
        self.early += [record for record in records if (record.topic, record.partition) not in self.owned]
        self.taken += records
        return records

    def advance(self, written: Sequence[Outgoing] = ()) -> None:
        """Write, and remember all that was taken."""
        self.member.advance(written, {(r.topic, r.partition): r.offset + 1 for r in self.taken})


def poll_until(done: Callable[[], bool], *workers: Worker) -> None:
    """Let each worker poll in turn until something is so."""
    for _ in range(POLLS_MAX):
        if done():
            return
        for worker in workers:
            worker.poll(POLL_S / len(workers))
    raise AssertionError(f"it did not come about in {POLLS_MAX} polls: {[worker.told for worker in workers]}")


def take(member: Membership, count: int) -> list[Taken]:
    """At least ``count`` records, and what comes with them."""
    records: list[Taken] = []
    for _ in range(POLLS_MAX):
        if len(records) >= count:
            break
        records += member.poll(POLL_S, records_max=100)
    return records


class BusContract:
    """Tests that every adapter of the ``Bus`` port inherits."""

    whole: ClassVar[bool] = False
    """Whether what is written and what is remembered become visible together."""

    def open(self) -> Bus:
        """A bus; opened again, another one on the same topics."""
        raise NotImplementedError

    @pytest.fixture
    def bus(self) -> Iterator[Bus]:
        bus = self.open()
        yield bus
        bus.close()

    @staticmethod
    def ends(bus: Bus, *topics: str) -> dict[Place, int]:
        """Where partitions end now."""
        return {(topic, n): last for topic in topics for n, (_, last) in bus.ends(topic).items()}

    # --- writing and reading -------------------------------------------------------------------------------------

    def test_what_is_posted_is_read_again(self, bus: Bus) -> None:
        room = room_of(1, bus.partitions())
        before = self.ends(bus, INBOUND)[INBOUND, 1]
        posted = [
            Outgoing(INBOUND, room, EVERY_BYTE),
            Outgoing(INBOUND, room, b"", (("id", b"7"), ("id", b""), ("größe", EVERY_BYTE))),
            Outgoing(INBOUND, account_key(room, "zoë"), b"x" * 100_000),
        ]
        offsets = [bus.post(record).result(30) for record in posted]
        assert offsets == [before, before + 1, before + 2]
        assert list(bus.read((INBOUND, 1), before)) == [
            Taken(INBOUND, 1, offset, record.key, record.value, record.headers)
            for offset, record in zip(offsets, posted, strict=True)
        ]

    def test_the_room_decides_where_a_record_goes(self, bus: Bus) -> None:
        before = self.ends(bus, ACTIONS)
        for partition in range(bus.partitions()):
            room = room_of(partition, bus.partitions())
            bus.post(Outgoing(ACTIONS, room, b"of the room")).result(30)
            bus.post(Outgoing(ACTIONS, account_key(room, "ana"), b"of an account")).result(30)
        grown = {place: end - before[place] for place, end in self.ends(bus, ACTIONS).items()}
        assert grown == {(ACTIONS, partition): 2 for partition in range(bus.partitions())}

    def test_a_partition_that_is_given_is_kept(self, bus: Bus) -> None:
        before = self.ends(bus, TRADES)
        room = room_of(0, bus.partitions())
        bus.write([Outgoing(TRADES, room, b"elsewhere", partition=2)])
        assert values(list(bus.read((TRADES, 2), before[TRADES, 2]))) == [b"elsewhere"]

    def test_the_directory_has_one_partition_and_the_others_as_many_as_there_are(self, bus: Bus) -> None:
        for topic in TOPICS:
            assert sorted(bus.ends(topic)) == list(range(1 if topic == DIRECTORY else bus.partitions()))
        before = self.ends(bus, DIRECTORY)[DIRECTORY, 0]
        bus.write([Outgoing(DIRECTORY, room_of(3, bus.partitions()), b"a room")])
        assert values(list(bus.read((DIRECTORY, 0), before))) == [b"a room"]

    def test_nothing_is_a_value_too(self, bus: Bus) -> None:
        before = self.ends(bus, DIRECTORY)[DIRECTORY, 0]
        room = room_of(3, bus.partitions())
        bus.write([Outgoing(DIRECTORY, room, b"here"), Outgoing(DIRECTORY, room, None)])
        assert values(list(bus.read((DIRECTORY, 0), before)))[-1] is None

    def test_a_room_keeps_its_order(self, bus: Bus) -> None:
        room = room_of(2, bus.partitions())
        before = self.ends(bus, INBOUND)[INBOUND, 2]
        futures = [bus.post(Outgoing(INBOUND, room, b"%d" % number)) for number in range(500)]
        assert [future.result(30) for future in futures] == list(range(before, before + 500))
        bus.write([Outgoing(INBOUND, room, b"%d" % number) for number in range(500, 1_500)])
        assert values(list(bus.read((INBOUND, 2), before))) == [b"%d" % number for number in range(1_500)]

    def test_what_is_written_is_there_when_it_returns(self, bus: Bus) -> None:
        before = self.ends(bus, TRADES)
        rooms = [room_of(number, bus.partitions()) for number in range(bus.partitions())]
        bus.write([Outgoing(TRADES, room, b"x" * 20_000) for room in rooms for _ in range(50)])
        for place, end in self.ends(bus, TRADES).items():
            assert len(list(bus.read(place, before[place]))) == end - before[place] == 50
        bus.write([])
        assert self.ends(bus, TRADES) == {place: end + 50 for place, end in before.items()}

    @pytest.mark.parametrize(
        "start, end, found", [(0, 10, 10), (3, 7, 4), (9, 10, 1), (10, 10, 0), (7, 3, 0), (4, 99, 6)]
    )
    def test_a_part_can_be_read(self, bus: Bus, start: int, end: int, found: int) -> None:
        room = room_of(0, bus.partitions())
        before = self.ends(bus, PROGRESS)[PROGRESS, 0]
        bus.write([Outgoing(PROGRESS, room, b"%d" % number) for number in range(10)])
        records = list(bus.read((PROGRESS, 0), before + start, before + end))
        assert values(records) == [b"%d" % number for number in range(start, start + found)]

    def test_a_read_ends_where_the_partition_ended_when_it_began(self, bus: Bus) -> None:
        room = room_of(0, bus.partitions())
        before = self.ends(bus, INBOUND)[INBOUND, 0]
        bus.write([Outgoing(INBOUND, room, b"before")])
        reading = bus.read((INBOUND, 0), before)
        bus.write([Outgoing(INBOUND, room, b"after")])
        assert values(list(reading)) == [b"before"]

    def test_a_read_that_stops_early_disturbs_nobody(self, bus: Bus) -> None:
        room = room_of(0, bus.partitions())
        before = self.ends(bus, INBOUND)[INBOUND, 0]
        bus.write([Outgoing(INBOUND, room, b"%d" % number) for number in range(100)])
        first, second = bus.read((INBOUND, 0), before), bus.read((INBOUND, 0), before + 50)
        assert next(first).value == b"0"
        assert next(second).value == b"50"
        del first
        assert len(list(second)) == 49
        assert len(list(bus.read((INBOUND, 0), before))) == 100

    # --- following -----------------------------------------------------------------------------------------------

    def test_a_follower_reads_on_from_where_it_is_put(self, bus: Bus) -> None:
        rooms = [room_of(number, bus.partitions()) for number in (0, 1)]
        before = self.ends(bus, TRADES)
        bus.write([Outgoing(TRADES, room, b"%d" % number) for room in rooms for number in range(3)])
        follower = bus.follow({(TRADES, 0): before[TRADES, 0], (TRADES, 1): before[TRADES, 1] + 2})
        try:
            records = take(follower, 4)
            assert sorted((r.partition, r.value) for r in records) == [(0, b"0"), (0, b"1"), (0, b"2"), (1, b"2")]
            bus.post(Outgoing(TRADES, rooms[1], b"new")).result(30)
            assert values(take(follower, 1)) == [b"new"]
            follower.seek((TRADES, 0), before[TRADES, 0] + 2)
            assert values(take(follower, 1)) == [b"2"]
            assert follower.poll(POLL_S, records_max=10) == []
            assert follower.lag() == {(TRADES, 0): 0, (TRADES, 1): 0}
            with pytest.raises(VTradeError):
                follower.advance([], {(TRADES, 0): 1})
        finally:
            follower.close()

    # --- groups --------------------------------------------------------------------------------------------------

    def test_partitions_are_announced_before_anything_comes_from_them(self, bus: Bus) -> None:
        rooms = [room_of(number, bus.partitions()) for number in range(bus.partitions())]
        before = self.ends(bus, INBOUND)
        bus.write([Outgoing(INBOUND, room, b"x") for room in rooms for _ in range(3)])
        worker = Worker(bus, new_group(), [INBOUND], before)
        try:
            poll_until(lambda: len(worker.taken) >= 3 * bus.partitions(), worker)
            assert worker.owned == before.keys()
            assert not worker.early
            assert len(worker.taken) == 3 * bus.partitions()
            for place, start in before.items():
                offsets = [r.offset for r in worker.taken if (r.topic, r.partition) == place]
                assert offsets == [start, start + 1, start + 2]
        finally:
            worker.member.close()

    def test_one_number_goes_together_on_all_topics(self, bus: Bus) -> None:
        group = new_group()
        topics = [INBOUND, TRADES, DIRECTORY]
        first = Worker(bus, group, topics, self.ends(bus, *topics))
        second = Worker(bus, group, topics, self.ends(bus, *topics))
        try:
            every = self.ends(bus, *topics).keys()
            poll_until(lambda: first.owned | second.owned == every and bool(second.owned), first, second)
            for worker in (first, second):
                assert {n for t, n in worker.owned if t == INBOUND} == {n for t, n in worker.owned if t == TRADES}
            assert not first.owned & second.owned
        finally:
            first.member.close()
            second.member.close()

    def test_a_group_goes_on_where_it_got_to(self, bus: Bus) -> None:
        group = new_group()
        room = room_of(1, bus.partitions())
        before = self.ends(bus, INBOUND)
        bus.write([Outgoing(INBOUND, room, b"%d" % number) for number in range(6)])
        first = Worker(bus, group, [INBOUND], before)
        try:
            poll_until(lambda: len(first.taken) == 6, first)
            first.member.advance([], {**before, (INBOUND, 1): before[INBOUND, 1] + 4})
        finally:
            first.member.close()
        second = Worker(bus, group, [INBOUND])
        try:
            poll_until(lambda: len(second.taken) >= 2, second)
            assert values(second.taken) == [b"4", b"5"]
        finally:
            second.member.close()

    def test_a_new_group_begins_with_the_first_record(self, bus: Bus) -> None:
        bus.write([Outgoing(ACTIONS, room_of(1, bus.partitions()), b"x")])
        firsts = {(ACTIONS, n): first for n, (first, last) in bus.ends(ACTIONS).items() if last > first}
        worker = Worker(bus, new_group(), [ACTIONS])
        try:
            poll_until(lambda: {(r.topic, r.partition) for r in worker.taken} == firsts.keys(), worker)
            for place, first in firsts.items():
                assert next(r.offset for r in worker.taken if (r.topic, r.partition) == place) == first
        finally:
            worker.member.close()

    def test_to_advance_writes_and_remembers(self, bus: Bus) -> None:
        group = new_group()
        room = room_of(1, bus.partitions())
        before, trades = self.ends(bus, INBOUND), self.ends(bus, TRADES)[TRADES, 1]
        bus.write([Outgoing(INBOUND, room, b"order")])
        first = Worker(bus, group, [INBOUND], before)
        try:
            poll_until(lambda: len(first.taken) == 1, first)
            first.advance([Outgoing(TRADES, room, b"fill"), Outgoing(TRADES, room, b"mark")])
            assert values(list(bus.read((TRADES, 1), trades))) == [b"fill", b"mark"]
            first.member.advance([Outgoing(TRADES, room, b"claim")], {})
            assert values(list(bus.read((TRADES, 1), trades))) == [b"fill", b"mark", b"claim"]
        finally:
            first.member.close()
        bus.write([Outgoing(INBOUND, room, b"next")])
        second = Worker(bus, group, [INBOUND], {place: end for place, end in before.items() if place != (INBOUND, 1)})
        try:
            poll_until(lambda: bool(second.taken), second)
            assert values(second.taken) == [b"next"]
        finally:
            second.member.close()

    def test_two_members_share_and_a_third_party_loses_nothing(self, bus: Bus) -> None:
        group = new_group()
        count = bus.partitions()
        rooms = [room_of(number, count) for number in range(count)]
        before = self.ends(bus, INBOUND)
        first = Worker(bus, group, [INBOUND], before)
        second: Worker | None = None
        try:
            poll_until(lambda: first.owned == before.keys(), first)
            second = Worker(bus, group, [INBOUND], before)
            one, two = first, second
            poll_until(lambda: len(one.owned) == count // 2 and len(two.owned) == count - count // 2, first, second)
            assert first.told[0] == ("taken", frozenset(before))
            assert ("lost", frozenset(second.owned)) in first.told
            assert not first.owned & second.owned
            bus.write([Outgoing(INBOUND, room, b"x") for room in rooms])
            poll_until(lambda: len(one.taken) + len(two.taken) >= count, first, second)
            assert {r.partition for r in first.taken} == {n for _, n in first.owned}
            assert {r.partition for r in second.taken} == {n for _, n in second.owned}
            second.advance()
            second.member.close()
            poll_until(lambda: one.owned == before.keys(), first)
        finally:
            first.member.close()
            if second is not None:
                second.member.close()

    def test_who_lost_a_partition_cannot_advance_there(self, bus: Bus) -> None:
        group = new_group()
        before = self.ends(bus, INBOUND, TRADES)
        starts = {place: end for place, end in before.items() if place[0] == INBOUND}
        first = Worker(bus, group, [INBOUND], starts)
        second: Worker | None = None
        try:
            poll_until(lambda: len(first.owned) == bus.partitions(), first)
            second = Worker(bus, group, [INBOUND], starts)
            one, two = first, second
            poll_until(lambda: bool(two.owned) and len(one.owned) < bus.partitions(), first, second)
            place = min(second.owned)
            room = room_of(place[1], bus.partitions())
            with pytest.raises(Fenced, match=str(place[1])):
                first.member.advance([Outgoing(TRADES, room, b"stale")], {place: before[place]})
            if self.whole:
                assert list(bus.read((TRADES, place[1]), before[TRADES, place[1]])) == []
            with pytest.raises(VTradeError):
                first.member.seek(place, 0)
            kept = min(first.owned)
            first.member.advance([Outgoing(TRADES, room_of(kept[1], bus.partitions()), b"mine")], {kept: before[kept]})
            assert values(list(bus.read((TRADES, kept[1]), before[TRADES, kept[1]]))) == [b"mine"]
        finally:
            first.member.close()
            if second is not None:
                second.member.close()

    def test_who_has_to_give_up_a_partition_may_finish_there_first(self, bus: Bus) -> None:
        group = new_group()
        before = self.ends(bus, INBOUND)
        trades = self.ends(bus, TRADES)
        finished: list[Place] = []

        class Finisher(Worker):
            def on_lost(self, places: set[Place]) -> None:
                rooms = [room_of(partition, bus.partitions()) for _, partition in sorted(places)]
                self.member.advance(
                    [Outgoing(TRADES, room, b"last") for room in rooms], {place: before[place] + 1 for place in places}
                )
                finished.extend(places)
                super().on_lost(places)

        first = Finisher(bus, group, [INBOUND], before)
        second: Worker | None = None
        try:
            poll_until(lambda: first.owned == before.keys(), first)
            bus.write([Outgoing(INBOUND, room_of(p, bus.partitions()), b"%d" % n) for _, p in before for n in range(2)])
            poll_until(lambda: len(first.taken) == 2 * len(before), first)
            second = Worker(bus, group, [INBOUND])
            two = second
            poll_until(lambda: bool(two.taken) and set(finished) == two.owned, first, second)
            assert {r.value for r in second.taken} == {b"1"}
            for _, partition in second.owned:
                assert values(list(bus.read((TRADES, partition), trades[TRADES, partition]))) == [b"last"]
        finally:
            first.member.close()
            if second is not None:
                second.member.close()

    def test_a_pause_holds_back_one_partition(self, bus: Bus) -> None:
        rooms = [room_of(number, bus.partitions()) for number in range(bus.partitions())]
        before = self.ends(bus, INBOUND)
        worker = Worker(bus, new_group(), [INBOUND], before)
        try:
            poll_until(lambda: worker.owned == before.keys(), worker)
            worker.member.pause([(INBOUND, 1)])
            bus.write([Outgoing(INBOUND, room, b"x") for room in rooms])
            poll_until(lambda: len(worker.taken) >= bus.partitions() - 1, worker)
            worker.poll()
            assert {r.partition for r in worker.taken} == set(range(bus.partitions())) - {1}
            assert worker.member.lag()[INBOUND, 1] == 1
            worker.member.resume([(INBOUND, 1)])
            poll_until(lambda: len(worker.taken) == bus.partitions(), worker)
        finally:
            worker.member.close()

    def test_no_more_comes_than_one_asks_for(self, bus: Bus) -> None:
        room = room_of(0, bus.partitions())
        before = self.ends(bus, INBOUND)
        bus.write([Outgoing(INBOUND, room, b"%d" % number) for number in range(40)])
        worker = Worker(bus, new_group(), [INBOUND], before)
        try:
            sizes = []
            while len(worker.taken) < 40 and len(sizes) < POLLS_MAX:
                sizes.append(len(worker.poll(records_max=7)))
            assert max(sizes) == 7
            assert values(worker.taken) == [b"%d" % number for number in range(40)]
            assert worker.poll() == []
            assert set(worker.member.lag().values()) == {0}
        finally:
            worker.member.close()

    def test_taking_up_is_tried_again_where_it_failed(self, bus: Bus) -> None:
        before = self.ends(bus, INBOUND)
        bus.write([Outgoing(INBOUND, room_of(0, bus.partitions()), b"x")])
        fails = [BusUnavailable("not at this moment")]

        class Starter(Worker):
            def on_taken(self, places: set[Place]) -> None:
                if fails:
                    raise fails.pop()
                super().on_taken(places)

        worker = Starter(bus, new_group(), [INBOUND], before)
        try:
            with pytest.raises(BusUnavailable, match="not at this moment"):
                poll_until(lambda: bool(worker.taken), worker)
            poll_until(lambda: bool(worker.taken), worker)
            assert values(worker.taken) == [b"x"]
        finally:
            worker.member.close()

    def test_who_left_takes_and_writes_nothing(self, bus: Bus) -> None:
        worker = Worker(bus, new_group(), [INBOUND], self.ends(bus, INBOUND))
        poll_until(lambda: bool(worker.owned), worker)
        worker.member.close()
        worker.member.close()
        with pytest.raises(VTradeError):
            worker.member.advance([], {(INBOUND, 0): 0})
        with pytest.raises(VTradeError):
            worker.member.poll(POLL_S, records_max=1)


class ConnectedBusContract(BusContract):
    """Tests of a bus that is a connection to something that outlives it."""

    def test_any_thread_may_post_and_read(self, bus: Bus) -> None:
        room = room_of(1, bus.partitions())
        before = self.ends(bus, INBOUND)[INBOUND, 1]
        found: list[list[Taken]] = []

        def work() -> None:
            for number in range(20):
                bus.post(Outgoing(INBOUND, room, b"%d" % number)).result(30)
            found.append(list(bus.read((INBOUND, 1), before)))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert max(map(len, found)) == 60

    def test_what_one_writes_another_one_reads(self, bus: Bus) -> None:
        room = room_of(1, bus.partitions())
        before = self.ends(bus, INBOUND)[INBOUND, 1]
        other = self.open()
        try:
            other.write([Outgoing(INBOUND, room, b"hello")])
        finally:
            other.close()
        assert values(list(bus.read((INBOUND, 1), before))) == [b"hello"]

    def test_a_topic_or_partition_that_is_not_there_is_told(self, bus: Bus) -> None:
        with pytest.raises(VTradeError, match=r"vtrade\.nowhere"):
            bus.post(Outgoing("vtrade.nowhere", "room", b"")).result(30)
        with pytest.raises(VTradeError, match="99"):
            list(bus.read((INBOUND, 99)))

    def test_a_closed_bus_takes_nothing(self) -> None:
        bus = self.open()
        bus.close()
        bus.close()
        with pytest.raises(BusUnavailable):
            bus.post(Outgoing(INBOUND, "room", b"")).result(30)
        with pytest.raises(BusUnavailable):
            bus.write([Outgoing(INBOUND, "room", b"")])
        with pytest.raises(BusUnavailable):
            list(bus.read((INBOUND, 0)))

    def test_to_close_waits_for_what_was_posted(self) -> None:
        bus = self.open()
        room = room_of(0, bus.partitions())
        futures = [bus.post(Outgoing(INBOUND, room, b"x" * 1_000)) for _ in range(300)]
        bus.close()
        assert len({future.result(0) for future in futures}) == 300


class SnapshotStoreContract:
    """Tests that every adapter of the ``SnapshotStore`` port inherits."""

    partitions: ClassVar[int] = 4
    large: ClassVar[int] = 3_000_000

    def open_store(self) -> SnapshotStore:
        """A store; opened again, another one on the same snapshots."""
        raise NotImplementedError

    def found(self, role: str, room: str) -> list[bytes]:
        """A room's snapshots, newest first, as somebody who has just started sees them."""
        loaded = self.open_store().load(role, partition_of(room, self.partitions))
        return [snapshot for name, snapshot in loaded if name == room]

    def test_a_room_without_a_snapshot_is_not_there(self) -> None:
        assert self.found("execution", room_of(0, self.partitions)) == []

    @pytest.mark.parametrize("snapshot", [b"", b"x", EVERY_BYTE * 100], ids=["empty", "short", "every byte"])
    def test_a_snapshot_is_given_back(self, snapshot: bytes) -> None:
        room = room_of(1, self.partitions)
        self.open_store().save("execution", room, snapshot)
        assert self.found("execution", room) == [snapshot]

    def test_the_newest_comes_first_and_one_before_is_kept(self) -> None:
        room = room_of(2, self.partitions)
        store = self.open_store()
        for number in range(5):
            store.save("execution", room, b"%d" % number)
        assert self.found("execution", room) == [b"4", b"3"]

    def test_another_one_goes_on_where_the_first_left_off(self) -> None:
        room = room_of(2, self.partitions)
        for number in range(4):
            self.open_store().save("execution", room, b"%d" % number * (4_000 - 1_000 * number))
        assert [snapshot[:1] for snapshot in self.found("execution", room)] == [b"3", b"2"]

    def test_a_snapshot_may_be_large_and_the_next_one_small(self) -> None:
        room = room_of(3, self.partitions)
        store = self.open_store()
        large = bytes(range(251)) * (self.large // 251)
        store.save("execution", room, large)
        assert self.found("execution", room) == [large]
        store.save("execution", room, b"small")
        store.save("execution", room, b"smaller")
        store.save("execution", room, b"")
        assert self.found("execution", room) == [b"", b"smaller"]

    def test_rooms_and_roles_are_apart(self) -> None:
        one, two = room_of(1, self.partitions), room_of(1, self.partitions)
        store = self.open_store()
        store.save("execution", one, b"1e")
        store.save("portfolio", one, b"1p")
        store.save("execution", two, b"2e")
        assert self.found("execution", one) == [b"1e"]
        assert self.found("portfolio", one) == [b"1p"]
        assert self.found("execution", two) == [b"2e"]
        loaded = [room for room, _ in self.open_store().load("execution", 1) if room in (one, two)]
        assert loaded == [two, one]

    def test_what_is_forgotten_is_gone(self) -> None:
        room, other = room_of(0, self.partitions), room_of(0, self.partitions)
        store = self.open_store()
        store.save("execution", other, b"stays")
        for number in range(3):
            store.save("execution", room, b"%d" % number * 2_000)
        self.open_store().forget("execution", room)
        assert self.found("execution", room) == []
        assert self.found("execution", other) == [b"stays"]
        store.forget("execution", room)
        store.save("execution", room, b"again")
        assert self.found("execution", room) == [b"again"]
