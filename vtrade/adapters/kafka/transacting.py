"""How do a worker's records and its position become visible together, or not at all?

Rules: one transaction at a time, from beginning to end within a deadline of our own. The position goes with the
generation of the group, so the broker itself refuses a worker that was thought dead. After a deadline nobody knows how
it ended: then the producer is dropped at once, and another one with the same name is opened as soon as the broker
answers, which ends what was open and shuts the old one out. Until then, whoever reads waits at what is open.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from vtrade.adapters.kafka.connecting import unavailable
from vtrade.adapters.kafka.settings import BACKOFF_MAX_S, BACKOFF_S, KafkaSettings, transaction_options
from vtrade.domain.topics import TOPICS
from vtrade.errors import Fenced
from vtrade.ports import Outgoing

if TYPE_CHECKING:
    from kafka import KafkaProducer

ABORT_S: Final = 2.0
"""Longest wait for the broker to undo a transaction before the producer is dropped instead."""


class GroupMoved(Exception):
    """The group has another generation than we said; nothing was written."""


class Transacting:
    """The transactions of one member of a group.

    Parameters
    ----------
    settings : KafkaSettings
        The connection.
    name : str
        Names the writer to the broker: only the newest one of a name may write.
    """

    def __init__(self, settings: KafkaSettings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._doubtful = False
        self._lock = threading.Condition()
        self._producer: KafkaProducer | None = None
        self._closed = False
        self._opener: threading.Thread | None = None

    def open(self) -> None:
        """Begin to open a producer, in the background."""
        with self._lock:
            if self._producer is None and self._opener is None and not self._closed:
                self._opener = threading.Thread(target=self._open, name=f"{self._name}-opener", daemon=True)
                self._opener.start()

    def advance(self, written: Sequence[tuple[Outgoing, int]], offsets: Mapping[Any, Any], group: Any) -> None:
        """Write records to their partitions and move the group's position, all or nothing.

        Raises
        ------
        GroupMoved
            The group has another generation; nothing was written.
        Fenced
            Another producer has our name.
        BusUnavailable
            It is not known how it ended.
        """
        from kafka.errors import KafkaError

        from vtrade.adapters.kafka import reach

        producer = self._await_producer()
        ends_s = time.monotonic() + self._settings.transaction_s
        self._doubtful = True
        try:
            producer.begin_transaction()
            for record, partition in written:
                producer.send(
                    self._settings.on_broker(record.topic), key=record.key.encode(), value=record.value,
                    headers=list(record.headers), partition=partition,
                )  # fmt: skip
            reach.send_offsets(producer, offsets, group, timeout_s=ends_s - time.monotonic())
            reach.commit(producer, timeout_s=ends_s - time.monotonic())
            self._doubtful = False
        except KafkaError as error:
            self._give_up(producer, error)
        except BaseException:
            self._drop(producer)
            raise

    def _give_up(self, producer: KafkaProducer, error: Exception) -> None:
        """Undo what can be undone, and say what it was."""
        from kafka.errors import CommitFailedError, KafkaError, ProducerFencedError

        from vtrade.adapters.kafka import reach

        cause = reach.transaction_error(producer) or error
        if isinstance(cause, CommitFailedError):
            try:
                reach.abort(producer, timeout_s=ABORT_S)
                self._doubtful = False
            except KafkaError:
                self._drop(producer)
            raise GroupMoved(str(cause)) from error
        self._drop(producer)
        if isinstance(cause, ProducerFencedError):
            raise Fenced(
                f"another writer has taken the name {self._name}: nothing was written, and this worker must not write "
                "any more; close it and join again"
            ) from error
        raise unavailable(
            self._settings, f"a transaction did not end within {self._settings.transaction_s:g} s: {cause}"
        ) from error

    def _await_producer(self) -> KafkaProducer:
        self.open()
        with self._lock:
            self._lock.wait_for(lambda: self._producer is not None or self._closed, self._settings.connect_s)
            if self._producer is None:
                raise unavailable(
                    self._settings, f"no transaction could be opened within {self._settings.connect_s:g} s"
                )
            return self._producer

    def _drop(self, producer: KafkaProducer) -> None:
        from vtrade.adapters.kafka import reach

        with self._lock:
            self._producer = None
        reach.drop(producer)
        self.open()

    def _open(self) -> None:
        """Open a producer, as often as it takes, with a growing pause between."""
        from kafka import KafkaProducer
        from kafka.errors import KafkaError

        from vtrade.adapters.kafka import reach

        pause_s = BACKOFF_S
        while True:
            producer = None
            try:
                producer = reach.opened(KafkaProducer, transaction_options(self._settings, self._name))
                reach.learn(producer, [self._settings.on_broker(topic) for topic in TOPICS])
                producer.init_transactions()
            except (KafkaError, OSError):
                if producer is not None:
                    reach.drop(producer)
                producer = None
            with self._lock:
                if producer is not None or self._closed:
                    self._opener = None
                    if self._closed and producer is not None:
                        reach.drop(producer)
                    elif producer is not None:
                        self._producer = producer
                        self._doubtful = False
                    self._lock.notify_all()
                    return
                self._lock.wait(pause_s)
                pause_s = min(2 * pause_s, BACKOFF_MAX_S)

    def close(self) -> None:
        """Let go of the producer; waits a moment for one that has to end what was left open."""
        from vtrade.adapters.kafka import reach

        with self._lock:
            if self._doubtful and self._opener is not None:
                self._lock.wait_for(lambda: self._producer is not None, ABORT_S)
            self._closed = True
            producer, self._producer = self._producer, None
            self._lock.notify_all()
        if producer is not None:
            reach.drop(producer, wait_s=ABORT_S)


class Pool:
    """Writers of transactions that no member of a group uses at this moment."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._idle: list[Transacting] = []
        self._closed = False

    def borrow(self, name: str) -> Transacting:
        """One that was used before, or a new one with this name."""
        with self._lock:
            return self._idle.pop() if self._idle else Transacting(self._settings, name)

    def give_back(self, transacting: Transacting) -> None:
        """Keep it for the next member; one that has something to end goes on doing so."""
        with self._lock:
            if not self._closed:
                self._idle.append(transacting)
                return
        transacting.close()

    def close(self) -> None:
        """Let go of all."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for transacting in idle:
            transacting.close()
