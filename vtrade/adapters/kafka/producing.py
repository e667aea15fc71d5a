"""How does a record get into the log, and how does one know that it is there?

Rules: a record is durable when all replicas in step have it; until then its future is open, and it closes within the
delivery deadline whatever happens. What is on its way is bounded in records and bytes, and more is refused at once. One
producer numbers its records, so that one it sends again stands in the log once. A producer that could not deliver is
never trusted again: all it still holds fails, and another one takes its place. What failed in that way may stand in the
log nevertheless, once. Nothing blocks in :meth:`Producing.post`.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from vtrade.adapters.kafka.connecting import unavailable
from vtrade.adapters.kafka.settings import BACKOFF_MAX_S, BACKOFF_S, KafkaSettings, producer_options
from vtrade.domain.topics import TOPICS, partition_of, split_key
from vtrade.errors import BusUnavailable, Overloaded, SettingsError
from vtrade.ports import Outgoing

if TYPE_CHECKING:
    from kafka import KafkaProducer

GRACE_S: Final = 1.0
"""How much later than kafka-python we give a record up ourselves; it forgets its own deadline in some states."""
CHECK_S: Final = 0.5
"""How often one looks for records that are overdue."""
OVERHEAD_BYTES: Final = 64
"""Counted for each record beside its key, value and headers."""


class _Sent:
    """A record on its way."""

    __slots__ = ("deadline_s", "future", "size")

    def __init__(self, size: int, deadline_s: float) -> None:
        self.future: Future[int] = Future()
        self.future.set_running_or_notify_cancel()
        self.size = size
        self.deadline_s = deadline_s


def size_of(record: Outgoing) -> int:
    """Bytes that a record is counted with.

    Examples
    --------
    >>> size_of(Outgoing("vtrade.inbound", "algebra", b"12345"))
    76
    """
    headers = sum(len(name) + len(value) for name, value in record.headers)
    return len(record.key) + (len(record.value) if record.value is not None else 0) + headers + OVERHEAD_BYTES


class Producing:
    """Writes records, with a producer that is replaced when it broke.

    Parameters
    ----------
    settings : KafkaSettings
        The connection.
    bulk : bool
        Whether records wait a moment for company.
    """

    def __init__(self, settings: KafkaSettings, *, bulk: bool) -> None:
        self._settings = settings
        self._bulk = bulk
        self._lock = threading.Condition()
        self._sending: dict[int, _Sent] = {}
        self._bytes = 0
        self._numbers = itertools.count()
        self._why: BaseException | None = None
        self._broken: KafkaProducer | None = None
        self._closing = False
        self._producer: KafkaProducer | None = self._open()
        self._keeper = threading.Thread(target=self._keep, name=f"{settings.client}-kafka-keeper", daemon=True)
        self._keeper.start()

    # --- sending -----------------------------------------------------------------------------------------------------

    def post(self, record: Outgoing) -> Future[int]:
        """Send one record; the future gives its offset once it is durable, or fails with ``BusUnavailable``.

        Raises
        ------
        Overloaded
            Too much is on its way already.
        SettingsError
            If a record of this size can never be taken.
        """
        return self._send(record, patient=False)

    def write(self, records: Iterable[Outgoing]) -> None:
        """Send records, as many at a time as there is room for, and wait until all are durable.

        Raises
        ------
        BusUnavailable
            If one is not known to be durable within its deadline; any of them may be.
        """
        waiting: deque[Future[int]] = deque()
        longest_s = self._settings.delivery_s + 2 * GRACE_S + CHECK_S
        for record in records:
            while True:
                try:
                    waiting.append(self._send(record, patient=True))
                    break
                except Overloaded:
                    self._await(waiting.popleft() if waiting else None, longest_s)
        while waiting:
            self._await(waiting.popleft(), longest_s)

    def _await(self, future: Future[int] | None, longest_s: float) -> None:
        if future is not None:
            try:
                future.result(longest_s)
            except TimeoutError:
                raise unavailable(self._settings, f"a record was not durable within {longest_s:g} s") from None
            return
        with self._lock:  # all that fills the window is somebody else's
            if not self._lock.wait_for(lambda: not self._sending or self._producer is None, longest_s):
                raise unavailable(self._settings, f"there was no room for a record within {longest_s:g} s")

    def _send(self, record: Outgoing, *, patient: bool) -> Future[int]:
        size = self._check(record)
        sent = _Sent(size, time.monotonic() + self._settings.delivery_s + GRACE_S)
        with self._lock:
            producer = self._producer
            if producer is None or self._closing:
                sent.future.set_exception(self._unavailable())
                return sent.future
            if self._full(size):
                raise Overloaded(self._told_full())
            number = next(self._numbers)
            self._sending[number] = sent
            self._bytes += size
        self._hand_over(producer, record, number, patient=patient)
        return sent.future

    def _hand_over(self, producer: KafkaProducer, record: Outgoing, number: int, *, patient: bool) -> None:
        settings = self._settings
        name = settings.on_broker(record.topic)
        partition = record.partition
        if partition is None:
            partition = self.partition(record)
        try:
            if not self._knows(producer, name, patient=patient):
                self._failed(number, BusUnavailable(self._told_unknown(name)), None)
                return
            kafka_future = producer.send(
                name, key=record.key.encode(), value=record.value, headers=list(record.headers), partition=partition
            )
        except ValueError as error:
            self._failed(number, SettingsError(f"a record for {name}, partition {partition}: {error}"), None)
        except Exception as error:
            self._failed(number, error, producer)
        else:
            kafka_future.add_callback(self._durable, number)
            kafka_future.add_errback(self._failed_later, number, producer, name)

    def _knows(self, producer: KafkaProducer, name: str, *, patient: bool) -> bool:
        """Whether the producer knows a topic; asks the broker only where one may wait."""
        from vtrade.adapters.kafka import reach

        if reach.knows(producer, name):
            return True
        if patient:
            return not reach.learn(producer, [name])
        reach.look_again(producer)
        return False

    def partition(self, record: Outgoing) -> int:
        """Where a record lives."""
        from vtrade.adapters.kafka.topics import partitions_of

        return partition_of(split_key(record.key)[0], partitions_of(record.topic, self._settings))

    def _check(self, record: Outgoing) -> int:
        if record.topic not in TOPICS:
            raise SettingsError(f"there is no topic {record.topic!r}; the topics are {', '.join(TOPICS)}")
        size = size_of(record)
        if size > self._settings.record_bytes_max:
            raise SettingsError(
                f"a record of {size:,} bytes with the key {record.key!r} is too large for {record.topic}, which takes "
                f"{self._settings.record_bytes_max:,} (record_bytes_max); send it in pieces"
            )
        return size

    def _full(self, size: int) -> bool:
        settings = self._settings
        return bool(self._sending) and (
            len(self._sending) >= settings.sending_records_max or self._bytes + size > settings.sending_bytes_max
        )

    # --- what comes back, in kafka-python's own thread ---------------------------------------------------------------

    def _durable(self, number: int, metadata: Any) -> None:
        if (sent := self._take(number)) is not None:
            sent.future.set_result(metadata.offset)

    def _failed_later(self, number: int, producer: KafkaProducer, name: str, error: BaseException) -> None:
        if not self._knows(producer, name, patient=False):
            error = BusUnavailable(self._told_unknown(name))
        self._failed(number, error, producer)

    def _failed(self, number: int, error: BaseException, producer: KafkaProducer | None) -> None:
        from kafka.errors import MessageSizeTooLargeError

        if (sent := self._take(number)) is None:
            return
        if isinstance(error, MessageSizeTooLargeError):
            told: BaseException = SettingsError(
                f"Kafka does not take a record of {sent.size:,} bytes ({error}); make max.message.bytes of the topic "
                "larger, or send it in pieces"
            )
        elif isinstance(error, BusUnavailable | SettingsError):
            told = error
        else:
            told = unavailable(self._settings, error)
            told.__cause__ = error
        if producer is not None and not isinstance(told, SettingsError):
            with self._lock:
                if producer is self._producer:
                    self._broken = producer
                    self._why = error
                    self._lock.notify_all()
        sent.future.set_exception(told)

    def _take(self, number: int) -> _Sent | None:
        with self._lock:
            sent = self._sending.pop(number, None)
            if sent is not None:
                self._bytes -= sent.size
                if not self._sending:
                    self._lock.notify_all()
            return sent

    # --- keeping a producer ------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        """Replace a producer that broke, and give up records that are overdue."""
        pause_s = BACKOFF_S
        while True:
            with self._lock:
                if self._closing:
                    return
                if self._producer is not None and self._broken is None:
                    self._lock.wait(CHECK_S)
                    pause_s = BACKOFF_S
                elif self._producer is None:
                    self._lock.wait(pause_s)
                    pause_s = min(2 * pause_s, BACKOFF_MAX_S)
                if self._closing:
                    return
                oldest = next(iter(self._sending.values()), None)
                overdue = oldest is not None and oldest.deadline_s < time.monotonic()
            if self._broken is not None or overdue:
                self._retire()
            if self._producer is None:
                self._renew()

    def _retire(self) -> None:
        from vtrade.adapters.kafka import reach

        with self._lock:
            producer, self._producer, self._broken = self._producer, None, None
            given_up, self._sending, self._bytes = self._sending, {}, 0
            if self._why is None:
                self._why = TimeoutError(f"a record was not durable within {self._settings.delivery_s:g} s")
            self._lock.notify_all()
        if producer is not None:
            reach.drop(producer)
        for sent in given_up.values():
            sent.future.set_exception(self._unavailable())

    def _renew(self) -> None:
        try:
            producer = self._open()
        except Exception as error:
            self._why = error
            return
        with self._lock:
            self._producer, self._why = producer, None

    def _open(self) -> KafkaProducer:
        from kafka import KafkaProducer
        from kafka.errors import KafkaError

        from vtrade.adapters.kafka import reach

        try:
            producer: KafkaProducer = reach.opened(KafkaProducer, producer_options(self._settings, bulk=self._bulk))
        except KafkaError as error:
            raise unavailable(self._settings, error) from error
        try:
            missing = reach.learn(producer, [self._settings.on_broker(topic) for topic in TOPICS])
            if len(missing) == len(TOPICS):
                raise unavailable(self._settings, "it tells of no topic")
        except BaseException:
            reach.drop(producer)
            raise
        return producer

    # --- words and the end -------------------------------------------------------------------------------------------

    def _unavailable(self) -> BusUnavailable:
        if self._closing:
            return BusUnavailable("the connection to Kafka was closed; open another one")
        if isinstance(self._why, BusUnavailable):
            return BusUnavailable(str(self._why))
        return unavailable(self._settings, self._why)

    def _told_full(self) -> str:
        return (
            f"{len(self._sending):,} records ({self._bytes:,} bytes) are on their way to Kafka already, and there is "
            f"room for {self._settings.sending_records_max:,} (sending_records_max) and "
            f"{self._settings.sending_bytes_max:,} bytes (sending_bytes_max); try again in a moment"
        )

    def _told_unknown(self, name: str) -> str:
        return (
            f"the Kafka at VTRADE_KAFKA={self._settings.servers} does not know topic {name} at this moment; try again, "
            "and if it stays so, `vtrade stack up` creates what is missing"
        )

    def close(self, timeout_s: float) -> None:
        """Wait until all is durable, or until the time is over, and let go of the producer."""
        from vtrade.adapters.kafka import reach

        with self._lock:
            if self._closing:
                return
            self._closing = True
            self._lock.notify_all()
            self._lock.wait_for(lambda: not self._sending, timeout_s)
            producer, self._producer = self._producer, None
            given_up, self._sending = self._sending, {}
        if producer is not None:
            reach.drop(producer, wait_s=GRACE_S)
        for sent in given_up.values():
            sent.future.set_exception(unavailable(self._settings, "the connection was closed before it was durable"))
        self._keeper.join(GRACE_S)
