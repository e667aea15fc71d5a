"""Do members of a group share their work fairly, and is none of it lost or done twice while they come and go?"""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from tests.adapters.bus_contract import room_of, values
from tests.adapters.on_kafka import PARTITIONS, own_topics
from vtrade.adapters.kafka.assigning import deal, first_step, settle_claims
from vtrade.adapters.kafka.bus import KafkaBus
from vtrade.adapters.kafka.connecting import connect
from vtrade.adapters.kafka.settings import KafkaSettings
from vtrade.domain.topics import INBOUND, TRADES
from vtrade.errors import Fenced, Unavailable
from vtrade.ports import Membership, Outgoing, Place

PATIENCE_S = 60.0


# --- who gets what ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", range(1, 10))
@pytest.mark.parametrize("members", range(1, 6))
def test_a_newcomer_gets_its_share_and_nothing_is_ever_had_by_two(numbers: int, members: int) -> None:
    owned: dict[str, set[int]] = {f"member-{number}": set() for number in range(members)}
    for newcomer in ("", "anna", "zoe"):
        before = {member: set(had) for member, had in owned.items()}
        if newcomer:
            owned[newcomer] = set()
        for _ in range(3):
            step = first_step(deal(range(numbers), owned), owned)
            for member, given in step.items():
                assert not any(given & set(had) for other, had in owned.items() if other != member)
            owned = step
        assert sorted(number for had in owned.values() for number in had) == list(range(numbers))
        assert max(map(len, owned.values())) - min(map(len, owned.values())) <= 1
        if newcomer:
            moved = sum(len(before[member] - owned[member]) for member in before)
            assert moved == len(owned[newcomer])


def test_who_left_leaves_its_share_to_the_others() -> None:
    owned = {"a": {0, 3}, "b": {1, 4}, "c": {2, 5}}
    del owned["b"]
    assert first_step(deal(range(6), owned), owned) == {"a": {0, 1, 3}, "c": {2, 4, 5}}


def test_the_newest_claim_is_right() -> None:
    claims = {"was away": (7, [0, 1, 2]), "has it": (9, [1, 2]), "is new": (-1, [])}
    assert settle_claims(claims) == {"has it": {1, 2}, "is new": set(), "was away": {0}}


# --- at work ---------------------------------------------------------------------------------------------------------


class Copier:
    """A worker in a thread of its own: copies what comes in, and begins again after whatever happens."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.bus = KafkaBus(settings)
        self.owned: set[Place] = set()
        self.copied = 0
        self._stop = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.owned.clear()
            member = self.bus.join(
                "vtrade-copiers", [INBOUND], on_taken=self.owned.update, on_lost=self.owned.difference_update
            )
            try:
                while not self._stop.is_set():
                    self._turn(member)
            except (Fenced, Unavailable):
                time.sleep(0.05)
            finally:
                member.close()

    def _turn(self, member: Membership) -> None:
        records = member.poll(0.05, records_max=50)
        if records:
            member.advance(
                [Outgoing(TRADES, record.key, record.value) for record in records],
                {(record.topic, record.partition): record.offset + 1 for record in records},
            )
            self.copied += len(records)

    def stop(self) -> None:
        self._stop.set()
        self.thread.join()
        self.bus.close()


@pytest.mark.needs("kafka")
@pytest.mark.parametrize("transactions", [False, True], ids=["plain", "transactions"])
def test_nothing_is_lost_while_members_come_and_go(kafka_server: Any, transactions: bool) -> None:
    with own_topics(kafka_server.address, transactions=transactions) as settings:
        bus = KafkaBus(settings)
        rooms = [room_of(number, PARTITIONS) for number in range(PARTITIONS)]
        sent = 0

        def send(count: int) -> None:
            nonlocal sent
            for _ in range(count):
                for room in rooms:
                    bus.post(Outgoing(INBOUND, room, b"%d" % sent)).result(30)
                sent += 1

        def await_share(*copiers: Copier) -> None:
            ends_s = time.monotonic() + PATIENCE_S
            while time.monotonic() < ends_s:
                send(5)
                if all(len(copier.owned) == PARTITIONS // len(copiers) for copier in copiers):
                    return
            raise AssertionError([copier.owned for copier in copiers])

        def copied() -> dict[int, list[bytes | None]]:
            return {number: values(list(bus.read((TRADES, number)))) for number in range(PARTITIONS)}

        first = Copier(settings)
        await_share(first)
        second = Copier(settings)
        await_share(first, second)
        first.stop()
        await_share(second)
        third = Copier(settings)
        await_share(second, third)
        wanted = [b"%d" % number for number in range(sent)]
        ends_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends_s and any(set(wanted) - set(found) for found in copied().values()):
            time.sleep(0.2)
        second.stop()
        third.stop()
        for found in copied().values():
            if transactions:
                assert found == wanted
            else:
                assert list(dict.fromkeys(found)) == wanted
        bus.close()


@pytest.mark.needs("kafka")
def test_a_read_begins_with_what_is_left_of_a_partition(kafka_server: Any) -> None:
    from kafka import TopicPartition

    with own_topics(kafka_server.address) as settings:
        bus = KafkaBus(settings)
        room = room_of(0, PARTITIONS)
        bus.write([Outgoing(INBOUND, room, b"%d" % number) for number in range(10)])
        admin = connect(settings)
        admin.delete_records({TopicPartition(settings.on_broker(INBOUND), 0): 7})
        admin.close()
        assert bus.ends(INBOUND)[0] == (7, 10)
        assert values(list(bus.read((INBOUND, 0)))) == [b"7", b"8", b"9"]
        assert list(bus.read((INBOUND, 0), 0, 5)) == []
        follower = bus.follow({(INBOUND, 0): 2})
        assert follower.poll(30.0, records_max=10)[0].offset == 7
        follower.close()
        bus.close()
