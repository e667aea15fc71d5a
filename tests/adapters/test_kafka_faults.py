"""What is left of a record when Kafka is killed, freezes or comes back, or a worker was thought dead?

Rules: one broker of our own for all tests of this file; each leaves it running. What was reported durable stands in the
log exactly once; what was not may stand there, once.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests import servers
from tests.adapters.bus_contract import POLLS_MAX, Worker, poll_until, room_of, take, values
from tests.adapters.on_kafka import PARTITIONS, own_topics
from tests.conftest import demand
from vtrade.adapters.kafka.bus import KafkaBus
from vtrade.adapters.kafka.connecting import connect
from vtrade.adapters.kafka.settings import KafkaSettings
from vtrade.domain.topics import INBOUND, TRADES
from vtrade.errors import BusUnavailable, Fenced, Overloaded, SettingsError
from vtrade.ports import Outgoing
from vtrade.services.stack.local import LocalStack

pytestmark = [
    pytest.mark.needs("kafka", "java"),
    # kafka-python leaves sockets that could not connect to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
QUICK = {"request_s": 1.0, "delivery_s": 3.0, "transaction_s": 3.0, "connect_s": 2.0}
PATIENCE_S = 60.0
"""Longest time that a restart may take on a busy machine."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    demand("java")
    demand("kafka")
    stack = servers.new_stack(tmp_path_factory.mktemp("broker"))
    stack.start("kafka")
    yield stack
    stack.down()


@contextmanager
def frozen(broker: LocalStack) -> Iterator[None]:
    """The broker keeps its connections and answers nothing."""
    broker.pause("kafka")
    try:
        yield
    finally:
        broker.resume("kafka")


def post_until_taken(bus: KafkaBus, record: Outgoing) -> int:
    """Post again and again, as a patient client does; the offset."""
    ends_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return bus.post(record).result(30)
        except (BusUnavailable, Overloaded):
            if time.monotonic() > ends_s:
                raise
            time.sleep(0.1)


# --- records on their way --------------------------------------------------------------------------------------------


class Writer:
    """A thread that writes numbered records without end, and notes which of them are durable."""

    def __init__(self, bus: KafkaBus, room: str, *, bulk: bool) -> None:
        self.durable: list[int] = []
        self.failed: list[int] = []
        self._bus, self._room, self._bulk = bus, room, bulk
        self._stop = threading.Event()
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def _work(self) -> None:
        number = 0
        while not self._stop.is_set():
            numbers = list(range(number, number + (50 if self._bulk else 1)))
            number = numbers[-1] + 1
            records = [Outgoing(INBOUND, self._room, b"%d" % n) for n in numbers]
            try:
                self._bus.write(records) if self._bulk else self._bus.post(records[0]).result(30)
                self.durable += numbers
            except BusUnavailable:
                self.failed += numbers
                time.sleep(0.05)

    def wait_for(self, more: int) -> None:
        """Until this many more records are durable."""
        wanted, ends_s = len(self.durable) + more, time.monotonic() + PATIENCE_S
        while len(self.durable) < wanted and time.monotonic() < ends_s:
            time.sleep(0.02)
        assert len(self.durable) >= wanted

    def stop(self) -> None:
        self._stop.set()
        self.thread.join()


def test_what_was_durable_outlives_a_killed_broker_and_stands_there_once(broker: LocalStack) -> None:
    with own_topics(broker.kafka) as settings:
        bus = KafkaBus(settings)
        rooms = [room_of(number, PARTITIONS) for number in (0, 1)]
        writers = [Writer(bus, room, bulk=bool(number)) for number, room in enumerate(rooms)]
        follower = bus.follow({(INBOUND, 0): 0})
        seen = take(follower, 20)
        for writer in writers:
            writer.wait_for(100)
        broker.kill("kafka")
        broker.start("kafka")
        for writer in writers:
            writer.wait_for(100)
            writer.stop()
        for number, writer in enumerate(writers):
            found = [int(value or b"") for value in values(list(bus.read((INBOUND, number))))]
            assert max(Counter(found).values()) == 1
            assert set(writer.durable) <= set(found) <= {*writer.durable, *writer.failed}
            assert [n for n in found if n in set(writer.durable)] == writer.durable
        total = bus.ends(INBOUND)[0][1]
        for _ in range(POLLS_MAX):
            if seen[-1].offset + 1 == total:
                break
            seen += follower.poll(0.2, records_max=500)
        assert [record.offset for record in seen] == list(range(total))
        bus.close()


def test_a_group_goes_on_after_a_restart(broker: LocalStack) -> None:
    with own_topics(broker.kafka, partitions=1, transactions=True) as settings:
        bus = KafkaBus(settings)
        worker = Worker(bus, "vtrade-survivors", [INBOUND], {(INBOUND, 0): 0})
        poll_until(lambda: bool(worker.owned), worker)
        bus.write([Outgoing(INBOUND, "room", b"before")])
        poll_until(lambda: len(worker.taken) == 1, worker)
        worker.advance([Outgoing(TRADES, "room", b"did before")])
        broker.stop("kafka")
        assert worker.poll() == []
        with pytest.raises((BusUnavailable, Fenced)):
            worker.advance([Outgoing(TRADES, "room", b"did nothing")])
        broker.start("kafka")
        worker.member.close()
        again = Worker(bus, "vtrade-survivors", [INBOUND])
        post_until_taken(bus, Outgoing(INBOUND, "room", b"after"))
        poll_until(lambda: bool(again.taken), again)
        assert values(again.taken) == [b"after"]
        again.advance([Outgoing(TRADES, "room", b"did after")])
        assert values(list(bus.read((TRADES, 0)))) == [b"did before", b"did after"]
        bus.close()


def test_a_broker_that_freezes_is_told_within_the_deadline_and_forgiven(broker: LocalStack) -> None:
    with own_topics(broker.kafka, **QUICK) as settings:
        bus = KafkaBus(settings)
        bus.post(Outgoing(INBOUND, "room", b"before")).result(30)
        with frozen(broker):
            for call in (lambda: bus.post(Outgoing(INBOUND, "room", b"posted")).result(30),
                         lambda: bus.write([Outgoing(INBOUND, "room", b"written")])):  # fmt: skip
                with pytest.raises(BusUnavailable, match=rf"VTRADE_KAFKA={settings.servers}.*vtrade stack up --local"):
                    call()
            with pytest.raises(BusUnavailable):
                bus.ends(INBOUND)
        post_until_taken(bus, Outgoing(INBOUND, "room", b"after"))
        found = values([r for number in range(PARTITIONS) for r in bus.read((INBOUND, number))])
        assert found.count(b"before") == found.count(b"after") == 1
        assert found.count(b"posted") <= 1
        assert found.count(b"written") <= 1
        bus.close()


def test_more_than_there_is_room_for_is_refused_at_once(broker: LocalStack) -> None:
    with own_topics(broker.kafka, sending_records_max=40, sending_bytes_max=100_000) as settings:
        bus = KafkaBus(settings)
        durable: set[int] = set()
        for size, room_for, named in ((1, 40, "40"), (10_000, 9, "100,000")):
            record = Outgoing(INBOUND, "room", b"x" * size)
            with frozen(broker):
                accepted = [bus.post(record) for _ in range(room_for)]
                with pytest.raises(Overloaded, match=named):
                    bus.post(record)
            durable |= {future.result(30) for future in accepted}
        assert durable == set(range(49))
        bus.close()


# --- workers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transactions", [False, True], ids=["plain", "transactions"])
def test_who_was_thought_dead_writes_nothing_any_more(broker: LocalStack, transactions: bool) -> None:
    with own_topics(broker.kafka, transactions=transactions) as settings:
        bus, other = KafkaBus(settings), KafkaBus(settings)
        room = room_of(0, PARTITIONS)
        bus.write([Outgoing(INBOUND, room, b"order")])
        old = Worker(bus, "vtrade-heirs", [INBOUND], {(INBOUND, n): 0 for n in range(PARTITIONS)})
        poll_until(lambda: bool(old.taken), old)
        old.advance([Outgoing(TRADES, room, b"old")])
        # It knows of nothing, as after a long stop of its process: only the broker can refuse it.
        old.member._consumer._coordinator._disable_heartbeat()
        heir = Worker(other, "vtrade-heirs", [INBOUND])
        poll_until(lambda: len(heir.owned) == PARTITIONS, heir)
        heir.member.advance([Outgoing(TRADES, room, b"heir")], {(INBOUND, 0): 1})
        with pytest.raises(Fenced, match=rf"0 of {INBOUND}"):
            old.advance([Outgoing(TRADES, room, b"stale")])
        found = values(list(other.read((TRADES, 0))))
        if transactions:
            assert found == [b"old", b"heir"]
        else:  # its record carries an older epoch, so whoever reads leaves it out
            assert found == [b"old", b"heir", b"stale"]
        old.poll(0.01)
        assert not old.owned
        bus.close()
        other.close()


def test_a_transaction_has_a_deadline_and_leaves_nothing_half_done(broker: LocalStack) -> None:
    with own_topics(broker.kafka, transactions=True, **QUICK) as settings:
        bus = KafkaBus(settings)
        room = room_of(0, PARTITIONS)
        bus.write([Outgoing(INBOUND, room, b"order")])
        worker = Worker(bus, "vtrade-patient", [INBOUND], {(INBOUND, n): 0 for n in range(PARTITIONS)})
        poll_until(lambda: bool(worker.taken), worker)
        worker.member.advance([Outgoing(TRADES, room, b"first")], {})
        with frozen(broker), pytest.raises(BusUnavailable, match="VTRADE_KAFKA"):
            worker.advance([Outgoing(TRADES, room, b"second"), Outgoing(TRADES, room, b"third")])
        worker.member.close()
        again = Worker(bus, "vtrade-patient", [INBOUND])
        poll_until(lambda: len(again.owned) == PARTITIONS, again)
        found = values(list(bus.read((TRADES, 0))))
        assert found in ([b"first"], [b"first", b"second", b"third"])
        again.poll()
        assert values(again.taken) == ([b"order"] if found == [b"first"] else [])
        again.member.advance([Outgoing(TRADES, room, b"last")], {(INBOUND, 0): 1})
        assert values(list(bus.read((TRADES, 0)))) == [*found, b"last"]
        bus.close()


def test_a_worker_may_work_for_longer_than_its_session(broker: LocalStack) -> None:
    with own_topics(broker.kafka, session_s=6.0) as settings:
        bus = KafkaBus(settings)
        worker = Worker(bus, "vtrade-busy", [INBOUND])
        poll_until(lambda: bool(worker.owned), worker)
        bus.write([Outgoing(INBOUND, "room", b"x")])
        poll_until(lambda: bool(worker.taken), worker)
        ends_s = time.monotonic() + 8.0
        while time.monotonic() < ends_s:
            sum(range(10_000))
        worker.advance([Outgoing(TRADES, "room", b"y")])
        assert [what for what, _ in worker.told] == ["taken"]
        bus.close()


# --- what is not as it should be --------------------------------------------------------------------------------------


def test_topics_that_are_missing_are_told_in_one_message(broker: LocalStack) -> None:
    with own_topics(broker.kafka, **QUICK) as settings:
        bus = KafkaBus(settings)
        name = settings.on_broker(TRADES)
        admin = connect(settings)
        admin.delete_topics([name])
        for _ in range(POLLS_MAX):
            if name not in admin.list_topics():
                break
            time.sleep(0.1)
        admin.close()
        with pytest.raises(BusUnavailable, match=rf"{name}.*`vtrade stack up`"):
            KafkaBus(settings)
        with pytest.raises(BusUnavailable, match=rf"{name}"):
            bus.ends(TRADES)
        with pytest.raises(BusUnavailable, match=rf"{name}"):
            bus.write([Outgoing(TRADES, "room", b"x")])
        post_until_taken(bus, Outgoing(INBOUND, "room", b"others go on"))
        bus.close()


def test_a_session_that_the_broker_does_not_allow_is_told(broker: LocalStack) -> None:
    with own_topics(broker.kafka, session_s=2.0) as settings:
        bus = KafkaBus(settings)
        worker = Worker(bus, "vtrade-hasty", [INBOUND])
        with pytest.raises(SettingsError, match="session_s = 2"):
            poll_until(lambda: bool(worker.owned), worker)
        bus.close()


def test_a_broker_that_is_not_there_is_told_with_the_setting_and_the_mend() -> None:
    (port,) = servers.free_ports(1)
    with pytest.raises(BusUnavailable, match=rf"VTRADE_KAFKA=127.0.0.1:{port} .*refused.*`vtrade stack up --local`"):
        KafkaBus(KafkaSettings(servers=f"127.0.0.1:{port}"))


def test_a_broker_that_freezes_at_the_start_is_told(broker: LocalStack) -> None:
    settings = KafkaSettings(servers=broker.kafka, **QUICK)
    with frozen(broker), pytest.raises(BusUnavailable, match="does not answer as a Kafka with PLAINTEXT within 2 s"):
        KafkaBus(settings)
