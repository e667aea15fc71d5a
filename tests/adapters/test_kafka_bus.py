"""Does a real Kafka behave as a bus must, with transactions and without?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from tests.adapters.bus_contract import ConnectedBusContract, SnapshotStoreContract
from tests.adapters.on_kafka import PARTITIONS, own_topics
from vtrade.adapters.kafka.bus import KafkaBus
from vtrade.adapters.kafka.settings import KafkaSettings
from vtrade.adapters.kafka.snapshots import KafkaSnapshots
from vtrade.domain.topics import SNAPSHOTS, partition_of
from vtrade.ports import Bus, Outgoing, SnapshotStore

pytestmark = pytest.mark.needs("kafka")


class OnKafka:
    """Topics of its own for each class of tests."""

    whole: ClassVar[bool] = False
    settings: ClassVar[KafkaSettings]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def topics(cls, kafka_server: Any) -> Iterator[None]:
        with own_topics(kafka_server.address, transactions=cls.whole) as cls.settings:
            yield

    def open(self) -> Bus:
        return KafkaBus(self.settings)


class TestKafkaBus(OnKafka, ConnectedBusContract):
    """Records first, then the position."""


class TestKafkaBusWithTransactions(OnKafka, ConnectedBusContract):
    """Records and position together."""

    whole = True


class TestKafkaSnapshots(OnKafka, SnapshotStoreContract):
    """Snapshots on a compacted topic."""

    partitions = PARTITIONS

    @pytest.fixture(autouse=True)
    def bus(self) -> Iterator[Bus]:
        self.opened = self.open()
        yield self.opened
        self.opened.close()

    def open_store(self) -> SnapshotStore:
        return KafkaSnapshots(self.opened)

    @pytest.mark.parametrize("left_out", ["heading", "piece", "half a piece"])
    def test_a_torn_snapshot_gives_way_to_the_one_before(self, bus: Bus, left_out: str) -> None:
        class Torn:
            """Writes all but one record of the second snapshot."""

            def __init__(self) -> None:
                self.armed = False

            def __getattr__(self, name: str) -> Any:
                return getattr(bus, name)

            def write(self, records: list[Outgoing]) -> None:
                if self.armed and len(records) == 1 and left_out == "heading":
                    return
                if self.armed and len(records) > 1 and left_out == "piece":
                    records = records[:-1]
                if self.armed and len(records) > 1 and left_out == "half a piece":
                    last = records[-1]
                    records = [*records[:-1], Outgoing(last.topic, last.key, (last.value or b"")[:10])]
                bus.write(records)

        room, torn = f"torn-{left_out.replace(' ', '-')}", Torn()
        store = KafkaSnapshots(torn, piece_bytes=1_000)
        store.save("execution", room, b"1" * 2_500)
        store.save("execution", room, b"2" * 3_500)
        torn.armed = True
        store.save("execution", room, b"3" * 4_500)
        assert self.found("execution", room) == [b"2" * 3_500]
        KafkaSnapshots(bus, piece_bytes=1_000).save("execution", room, b"4" * 1_500)
        assert self.found("execution", room) == [b"4" * 1_500, b"2" * 3_500]

    def test_pieces_are_bounded_and_a_room_keeps_two_places(self, bus: Bus) -> None:
        store = KafkaSnapshots(bus, piece_bytes=1_000)
        number = partition_of("bounded", PARTITIONS)
        start = bus.ends(SNAPSHOTS)[number][1]
        for size in (5_000, 4_000, 2_000, 100):
            store.save("execution", "bounded", b"x" * size)
        records = list(bus.read((SNAPSHOTS, number), start))
        assert max(len(record.value or b"") for record in records) == 1_000
        newest = {record.key: record.value for record in records}
        assert len([value for value in newest.values() if value is not None]) == 2 + 2 + 1

    def test_what_others_write_there_does_no_harm(self, bus: Bus) -> None:
        number = partition_of("foreign", PARTITIONS)
        KafkaSnapshots(bus).save("execution", "foreign", b"good")
        for key in ("foreign", "foreign/execution", "foreign/execution/c", "foreign/execution/a", "a/b/c/d/e", "/"):
            bus.write([Outgoing(SNAPSHOTS, key, b"\xc1 what is this", partition=number)])
        bus.write([Outgoing(SNAPSHOTS, "foreign/execution/b/99999999999", b"x", partition=number)])
        assert self.found("execution", "foreign") == [b"good"]
