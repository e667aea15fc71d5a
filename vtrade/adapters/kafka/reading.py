"""What stands between two offsets of a partition?

Rules: a read ends at an offset that was fixed when it began, also where the last offsets carry nothing to read (the
marks of transactions, gaps that tidying up has left). What belongs to a transaction is read once that has ended, and
not at all where it was undone. A read that comes no further within its deadline is an error, however long it takes as
a whole. Readers are kept for the next read, at most :data:`IDLE_MAX` of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from vtrade.adapters.kafka.connecting import unavailable
from vtrade.adapters.kafka.settings import KafkaSettings, consumer_options
from vtrade.errors import BusUnavailable
from vtrade.ports import Place, Taken

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

IDLE_MAX: Final = 2
"""Readers that wait for another read."""
RECORDS_MAX: Final = 500
"""Records handed over at a time."""
WAIT_S: Final = 0.2
"""Longest wait for the broker before one looks at the deadline again."""


def taken(topic: str, record: Any) -> Taken:
    """A record of kafka-python as a value; a key that is not text keeps its bytes, as escapes."""
    key = record.key.decode(errors="backslashreplace") if record.key is not None else ""
    headers = tuple((name, value if value is not None else b"") for name, value in record.headers)
    return Taken(topic, record.partition, record.offset, key, record.value, headers)


def at(settings: KafkaSettings, place: Place) -> TopicPartition:
    """A place as kafka-python names it."""
    from kafka import TopicPartition

    return TopicPartition(settings.on_broker(place[0]), place[1])


class Readers:
    """Reads parts of partitions, for any number of threads at a time."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._idle: list[KafkaConsumer] = []
        self._closed = False

    def read(self, place: Place, start: int, end: int) -> Iterator[Taken]:
        """Records from ``start`` up to, not including, ``end``.

        Raises
        ------
        BusUnavailable
            If it comes no further within ``read_s``.
        """
        from kafka.errors import KafkaError

        if start >= end:
            return
        try:
            consumer = self._borrow()
            whole = False
            try:
                yield from self._records(consumer, place, start, end)
                whole = True
            except GeneratorExit:
                whole = True
                raise
            finally:
                self._give_back(consumer, good=whole)
        except KafkaError as error:
            raise unavailable(self._settings, error) from error

    def _records(self, consumer: KafkaConsumer, place: Place, start: int, end: int) -> Iterator[Taken]:
        spot = at(self._settings, place)
        consumer.assign([spot])
        consumer.seek(spot, start)
        position = start
        deadline_s = time.monotonic() + self._settings.read_s
        while position < end:
            found = consumer.poll(timeout_ms=round(WAIT_S * 1_000), max_records=RECORDS_MAX)
            for record in found.get(spot, ()):
                if record.offset >= end:
                    return
                yield taken(place[0], record)
            further = consumer.position(spot, timeout_ms=round(WAIT_S * 1_000))
            if further is not None and further > position:
                position = further
                deadline_s = time.monotonic() + self._settings.read_s
            elif time.monotonic() > deadline_s:
                raise BusUnavailable(
                    f"reading partition {place[1]} of {place[0]} came no further than offset {position:,} of {end:,} "
                    f"within {self._settings.read_s:g} s; does VTRADE_KAFKA={self._settings.servers} answer, or does "
                    "a worker keep a transaction open?"
                )

    def _borrow(self) -> KafkaConsumer:
        from kafka import KafkaConsumer

        from vtrade.adapters.kafka import reach

        with self._lock:
            if self._closed:
                raise BusUnavailable("the connection to Kafka was closed; open another one")
            if self._idle:
                return self._idle.pop()
        return reach.opened(KafkaConsumer, consumer_options(self._settings))

    def _give_back(self, consumer: KafkaConsumer, *, good: bool) -> None:
        if good:
            consumer.unsubscribe()
            with self._lock:
                if not self._closed and len(self._idle) < IDLE_MAX:
                    self._idle.append(consumer)
                    return
        consumer.close(autocommit=False)

    def close(self) -> None:
        """Let go of the readers that are idle; one at work goes when it is done."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for consumer in idle:
            consumer.close(autocommit=False)
