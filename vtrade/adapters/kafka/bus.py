"""How do the topics of VTrade stand on Apache Kafka, behind the port ``Bus``?

Rules: the connection is looked into once, when the bus is opened, with one clear message where it cannot be worked
with; later troubles pass by themselves or are told by the call that they hit. Any thread may use a bus; what it gives
out by :meth:`KafkaBus.join` and :meth:`KafkaBus.follow` belongs to one thread each. Single posts and bulk have a writer
each, so that an order never waits behind a backlog.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from vtrade.adapters.kafka.connecting import connect, unavailable
from vtrade.adapters.kafka.producing import Producing
from vtrade.adapters.kafka.reading import Readers, at
from vtrade.adapters.kafka.settings import BACKOFF_MAX_S, BACKOFF_S, KafkaSettings
from vtrade.adapters.kafka.topics import check_topics, missing_topics, partitions_of
from vtrade.adapters.kafka.transacting import Pool
from vtrade.domain.topics import TOPICS
from vtrade.errors import BusUnavailable, SettingsError
from vtrade.ports import Membership, Outgoing, Place, Taken

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, TopicPartition

log = logging.getLogger(__name__)

CLOSE_S_MAX: Final = 30.0
"""Longest wait for what was sent to be durable when a bus is closed."""


class KafkaBus:
    """Topics on Apache Kafka.

    Parameters
    ----------
    settings : KafkaSettings
        The connection; its topics must be there (:func:`vtrade.adapters.kafka.topics.ensure_topics`).

    Raises
    ------
    BusUnavailable
        If no Kafka answers, or it has not the topics.
    SettingsError
        If it cannot be worked with: another number of partitions, no login, too old.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings
        self._names = {settings.on_broker(topic): topic for topic in TOPICS}
        self._lock = threading.Lock()
        self._closed = False
        self._members: set[Any] = set()
        self._bulk: Producing | None = None
        self._readers = Readers(settings)
        self.transactions = Pool(settings)
        self._admin: KafkaAdminClient = connect(settings)
        try:
            check_topics(self._admin, settings)
            self._posts = Producing(settings, bulk=False)
        except BaseException:
            self._admin.close()
            raise

    def partitions(self) -> int:
        """Number of partitions of every topic but the directory."""
        return self.settings.partitions

    def partition(self, record: Outgoing) -> int:
        """Where a record lives."""
        return record.partition if record.partition is not None else self._posts.partition(record)

    def topic_of(self, name: str) -> str:
        """What a topic of the broker is called here."""
        return self._names[name]

    # --- writing -----------------------------------------------------------------------------------------------------

    def post(self, record: Outgoing) -> Future[int]:
        """Send one record; see the port."""
        return self._posts.post(record)

    def write(self, records: Sequence[Outgoing]) -> None:
        """Send records and return when all are durable; see the port."""
        self._bulk_writer().write(records)

    def _bulk_writer(self) -> Producing:
        with self._lock:
            self._check_open()
            if self._bulk is None:
                self._bulk = Producing(self.settings, bulk=True)
            return self._bulk

    # --- reading -----------------------------------------------------------------------------------------------------

    def read(self, place: Place, start: int = 0, end: int | None = None) -> Iterator[Taken]:
        """Records from ``start`` up to, not including, ``end``; see the port."""
        topic, partition = place
        if not 0 <= partition < partitions_of(topic, self.settings):
            raise SettingsError(
                f"there is no partition {partition} of {topic}: it has {partitions_of(topic, self.settings)}"
            )
        first, last = self.ends(topic)[partition]
        return self._readers.read(place, max(start, first), last if end is None else min(end, last))

    def ends(self, topic: str) -> dict[int, tuple[int, int]]:
        """By partition: offset of the first record there is, and the one after the last; see the port."""
        return self.ends_within(topic, self.settings.delivery_s)

    def ends_within(self, topic: str, patience_s: float) -> dict[int, tuple[int, int]]:
        """The same, asked again for no longer than this where no answer comes."""
        from kafka.admin import OffsetSpec

        spots = [at(self.settings, (topic, number)) for number in range(partitions_of(topic, self.settings))]
        first = self._ask_offsets(topic, dict.fromkeys(spots, OffsetSpec.EARLIEST), patience_s)
        last = self._ask_offsets(topic, dict.fromkeys(spots, OffsetSpec.LATEST), patience_s)
        return {spot.partition: (first[spot], last[spot]) for spot in spots}

    def _ask_offsets(
        self, topic: str, specs: Mapping[TopicPartition, Any], patience_s: float
    ) -> dict[TopicPartition, int]:
        """Offsets of partitions, asked again until there is an answer or the patience is over."""
        from kafka.errors import KafkaError, UnknownTopicOrPartitionError

        if topic not in TOPICS:
            raise SettingsError(f"there is no topic {topic!r}; the topics are {', '.join(TOPICS)}")
        self._check_open()
        ends_s = time.monotonic() + patience_s
        pause_s = BACKOFF_S
        while True:
            try:
                return {spot: found.offset for spot, found in self._admin.list_partition_offsets(specs).items()}
            except KafkaError as error:
                if time.monotonic() + pause_s > ends_s:
                    if isinstance(error, UnknownTopicOrPartitionError):
                        raise missing_topics(self.settings, [self.settings.on_broker(topic)]) from error
                    raise unavailable(self.settings, error) from error
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, BACKOFF_MAX_S)

    def follow(self, positions: Mapping[Place, int]) -> Membership:
        """Read partitions from given offsets on, as a member of no group; see the port."""
        from vtrade.adapters.kafka.membership import KafkaFollower

        return self._opened(lambda: KafkaFollower(self, positions))

    def join(
        self, group: str, topics: Sequence[str], *, on_taken: Callable[[set[Place]], None],
        on_lost: Callable[[set[Place]], None],
    ) -> Membership:  # fmt: skip
        """Become a member of a group of workers; see the port."""
        from vtrade.adapters.kafka.membership import KafkaMembership

        return self._opened(lambda: KafkaMembership(self, group, topics, on_taken=on_taken, on_lost=on_lost))

    def _opened(self, open_member: Callable[[], Any]) -> Membership:
        from kafka.errors import KafkaError

        self._check_open()
        try:
            member = open_member()
        except KafkaError as error:
            raise unavailable(self.settings, error) from error
        with self._lock:
            self._members.add(member)
        opened: Membership = member
        return opened

    def _check_open(self) -> None:
        if self._closed:
            raise BusUnavailable("the connection to Kafka was closed; open another one")

    def left(self, member: Any) -> None:
        """A member has let go of its connection."""
        with self._lock:
            self._members.discard(member)

    def leave_for(self, group: str, member_id: str) -> None:
        """Say farewell to a group on behalf of a member whose own connection is waiting."""
        from kafka.admin import MemberToRemove
        from kafka.errors import KafkaError

        try:
            self._admin.remove_group_members(group, [MemberToRemove(member_id=member_id)])
        except KafkaError as error:
            log.warning("member %s will be missed by %s only after its session: %s", member_id, group, error)

    # --- the end -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of every connection, after what was sent is durable or a deadline has passed."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            members, bulk = list(self._members), self._bulk
        for member in members:
            member.close()
        self._posts.close(min(self.settings.delivery_s, CLOSE_S_MAX))
        if bulk is not None:
            bulk.close(min(self.settings.delivery_s, CLOSE_S_MAX))
        self.transactions.close()
        self._readers.close()
        self._admin.close()
