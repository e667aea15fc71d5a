"""Which partitions are this worker's, what comes in there, and how far did it get?

Rules: everything happens in the calls of the one thread that owns the member; only heartbeats go on in between, so a
worker may work for a while on what it took. Nothing comes from a partition before :attr:`on_taken` was called for it,
and nobody else has one before :attr:`on_lost` was called, unless the group has given us up for dead. A partition is
ours from the one call to the other, and only for what is ours may a worker advance.

What a worker must do: after :class:`~vtrade.errors.Fenced`, forget what it did since the last ``advance`` that
returned, and poll: ``on_lost`` names what is gone. What is left has to be sought back to where that ``advance`` stood,
unless there are no transactions: then the rest was written and remembered, and goes on. After
:class:`~vtrade.errors.BusUnavailable` it has to look into the log, since what was to be written may stand there.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from kafka import ConsumerRebalanceListener, KafkaConsumer, errors
from kafka.structs import MemberState, OffsetAndMetadata, TopicPartition

from vtrade.adapters.kafka import reach
from vtrade.adapters.kafka.assigning import Together
from vtrade.adapters.kafka.connecting import unavailable
from vtrade.adapters.kafka.reading import at, taken
from vtrade.adapters.kafka.settings import BACKOFF_MAX_S, BACKOFF_S, consumer_options, member_options
from vtrade.adapters.kafka.transacting import GroupMoved, Transacting
from vtrade.errors import BusUnavailable, Fenced, SettingsError
from vtrade.ports import Outgoing, Place, Taken

if TYPE_CHECKING:
    from vtrade.adapters.kafka.bus import KafkaBus

Places = frozenset[Place]
log = logging.getLogger(__name__)
PASSING: Final = (errors.RebalanceInProgressError, errors.IllegalGenerationError, errors.UnknownMemberIdError)
"""A group that changes; joining again mends it."""
LEAVE_S: Final = 0.1
"""Longest wait for an answer to a farewell that was said already."""
SETTLE_S: Final = 0.1
"""One step while the group comes to an agreement."""


class _Moved(Exception):
    """Ends a poll of kafka-python, so that its caller hears of partitions before they move on."""


def _is_no_news(record: logging.LogRecord) -> bool:
    """Whether a line of kafka-python's log is about anything but our own :class:`_Moved`."""
    return not (record.exc_info and isinstance(record.exc_info[1], _Moved))


logging.getLogger("kafka.coordinator.consumer").addFilter(_is_no_news)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Hears from kafka-python, in its own thread, while ours waits in a poll."""

    def __init__(self, member: KafkaMembership) -> None:
        self._member = member

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """We have these now."""
        self._member._hear("taken", assigned)

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """We have to give these up; nobody has them yet."""
        self._member._hear("lost", revoked)

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        """The group has given us up; others may have these by now."""
        self._member._hear("gone", lost)


class _Member:
    """What a follower and a member of a group have in common."""

    def __init__(self, bus: KafkaBus, options: Mapping[str, Any]) -> None:
        self._bus = bus
        self._settings = bus.settings
        self._consumer: KafkaConsumer = reach.opened(KafkaConsumer, options)
        self._owned: set[Place] = set()
        self._assigned: set[Place] = set()
        self._paused: set[Place] = set()
        self._next: dict[Place, int] = {}
        self._closed = False

    def poll(self, timeout_s: float, *, records_max: int) -> list[Taken]:
        """Records of the partitions that are ours; see the port."""
        ends_s = time.monotonic() + timeout_s
        pause_s = BACKOFF_S
        while True:
            self._announce(ends_s)
            left_s = max(0.0, ends_s - time.monotonic())
            try:
                found = self._poll(left_s, records_max)
            except errors.KafkaError as error:
                if isinstance(error.__cause__, _Moved):
                    continue
                self._check_error(error)
                time.sleep(min(pause_s, left_s))
                pause_s = min(2 * pause_s, BACKOFF_MAX_S)
                found = {}
            if found or time.monotonic() >= ends_s:
                return self._took(found)

    def _poll(self, timeout_s: float, records_max: int) -> dict[TopicPartition, list[Any]]:
        found: dict[TopicPartition, list[Any]] = self._consumer.poll(
            timeout_ms=timeout_s * 1_000, max_records=records_max
        )
        return found

    def _took(self, found: Mapping[TopicPartition, Sequence[Any]]) -> list[Taken]:
        records = []
        for spot, batch in found.items():
            place = self._place(spot)
            self._next[place] = batch[-1].offset + 1
            records += [taken(place[0], record) for record in batch]
        return records

    def _check_error(self, error: errors.KafkaError) -> None:
        """Go on after what passes by itself, and tell what does not."""
        if self._closed:
            raise BusUnavailable("this member of the group was closed; join again") from error
        if isinstance(error, errors.AuthorizationError | errors.SaslAuthenticationFailedError):
            raise SettingsError(
                f"the Kafka at {self._settings.shown()} does not let us read ({error}): mend VTRADE_KAFKA_USERNAME and "
                "VTRADE_KAFKA_PASSWORD, or what this user may do"
            ) from error
        if isinstance(error, errors.InvalidSessionTimeoutError):
            raise SettingsError(
                f"the Kafka at {self._settings.servers} does not let a worker be silent for session_s = "
                f"{self._settings.session_s:g}: choose one between its group.min.session.timeout.ms and "
                "group.max.session.timeout.ms"
            ) from error
        if not (error.retriable or isinstance(error, PASSING)):
            raise unavailable(self._settings, error) from error

    def seek(self, place: Place, offset: int) -> None:
        """Take the record at ``offset`` next."""
        if place not in self._owned & self._assigned:
            raise Fenced(f"partition {place[1]} of {place[0]} is not ours, so it cannot be read from {offset:,} on")
        self._consumer.seek(self._spot(place), offset)
        self._next[place] = offset

    def pause(self, places: Iterable[Place]) -> None:
        """Bring nothing from there until :meth:`resume`."""
        ours = self._owned & self._assigned & set(places)
        self._paused |= ours
        self._consumer.pause(*map(self._spot, ours))

    def resume(self, places: Iterable[Place]) -> None:
        """Bring records from there again."""
        ours = self._owned & self._assigned & set(places)
        self._paused -= ours
        self._consumer.resume(*map(self._spot, ours))

    def lag(self) -> dict[Place, int]:
        """Records not taken yet, by partition, as far as known; asks the broker where each partition ends."""
        owned = set(self._owned)
        lags: dict[Place, int] = {}
        for topic in {topic for topic, _ in owned}:
            try:
                ends = self._bus.ends_within(topic, BACKOFF_S)
            except BusUnavailable:
                continue
            for partition, (_, end) in ends.items():
                place = (topic, partition)
                if place in owned and (position := self._position(place)) is not None:
                    lags[place] = max(0, end - position)
        return lags

    def _position(self, place: Place) -> int | None:
        """Offset of what comes next: beyond what was taken there may be only marks of transactions."""
        reached: list[int] = [self._next[place]] if place in self._next else []
        state = reach.position(self._consumer, self._spot(place))
        if state is not None:
            reached.append(state)
        return max(reached, default=None)

    def _announce(self, ends_s: float) -> None:
        """Tell of partitions that came and went."""

    def _spot(self, place: Place) -> TopicPartition:
        return at(self._settings, place)

    def _place(self, spot: TopicPartition) -> Place:
        return self._bus.topic_of(spot.topic), spot.partition

    def close(self) -> None:
        """Let go of the connection."""
        if not self._closed:
            self._close(self._settings.request_s)

    def _close(self, timeout_s: float) -> None:
        self._closed = True
        try:
            self._consumer.close(autocommit=False, timeout_ms=round(timeout_s * 1_000))
        except errors.KafkaError as error:
            log.warning("a reader of Kafka was not closed in good order: %s", error)
        self._bus.left(self)


class KafkaFollower(_Member):
    """Reads given partitions from given offsets on, as a member of no group."""

    def __init__(self, bus: KafkaBus, positions: Mapping[Place, int]) -> None:
        super().__init__(bus, consumer_options(bus.settings))
        self._owned = self._assigned = set(positions)
        self._consumer.assign([self._spot(place) for place in positions])
        for place, offset in positions.items():
            self.seek(place, offset)

    def advance(self, written: Sequence[Outgoing], positions: Mapping[Place, int]) -> None:
        """Refused: who only follows has no position to remember."""
        raise Fenced("this reader follows and is a member of no group, so it cannot advance; join a group instead")


class KafkaMembership(_Member):
    """One member of a group of workers."""

    def __init__(
        self, bus: KafkaBus, group: str, topics: Sequence[str], *, on_taken: Callable[[set[Place]], None],
        on_lost: Callable[[set[Place]], None],
    ) -> None:  # fmt: skip
        together = Together(self._identity, self._hear_all)
        super().__init__(bus, member_options(bus.settings, group) | {"partition_assignment_strategy": (together,)})
        self._group = group
        self._on_taken = on_taken
        self._on_lost = on_lost
        self._news: deque[tuple[str, Places]] = deque()
        self._leaving: Places = frozenset()
        self._member_id = ""
        self._anew = False
        self._transacting: Transacting | None = None
        self._consumer.subscribe([bus.settings.on_broker(topic) for topic in topics], listener=_Listener(self))

    # --- partitions that come and go ---------------------------------------------------------------------------------

    def _identity(self) -> tuple[str, int]:
        group = self._consumer.group_metadata()
        return group.member_id, group.generation_id

    def _hear_all(self, member_id: str, spots: list[TopicPartition]) -> None:
        """Note what we have, in kafka-python's thread.

        Where the group had given us up, and we joined anew without having heard of it, others may have had what we have
        now: so all of it is gone, and all of it is taken anew.
        """
        self._anew = self._member_id not in ("", member_id)
        self._member_id = member_id
        if self._anew:
            self._consumer.pause(*spots)
            self._assigned = set(map(self._place, spots))
            self._news.clear()
            for what, places in (("gone", self._owned), ("taken", self._assigned)):
                if places:
                    self._news.append((what, frozenset(places)))

    def _hear(self, what: str, spots: Iterable[TopicPartition]) -> None:
        """Note news, in kafka-python's thread, and end the poll that our own thread waits in."""
        spots = list(spots)
        places = frozenset(map(self._place, spots))
        if self._anew and what != "gone":
            places = frozenset()  # all of it is among the news already
        elif what == "taken":
            self._consumer.pause(*spots)  # nothing comes before on_taken was called
            self._assigned |= places
        else:
            self._assigned -= places
            self._news = deque((was, of - places) for was, of in self._news if was != "taken" or of - places)
            places &= self._owned  # of the others nobody has heard yet
        if places and not self._closed:
            self._news.append((what, places))
        if self._news and not self._closed:
            raise _Moved

    def _announce(self, ends_s: float) -> None:
        if self._owned and self._expelled():
            self._assigned = set()
            self._give_up(frozenset(self._owned), at_once=True)
        while self._news:
            what, places = self._news[0]
            if what == "taken":
                if not self._may_take(places, ends_s):
                    return
                self._news.popleft()
                self._take(places)
            else:
                self._news.popleft()
                if told := places & self._owned:
                    self._give_up(told, at_once=what == "gone")

    def _take(self, places: Places) -> None:
        self._owned |= places
        try:
            self._on_taken(set(places))
        except BaseException:
            self._owned -= places
            self._news.appendleft(("taken", places))  # it has to be called again before anything comes
            raise
        if self._settings.transactions:
            self._transactions().open()
        self._consumer.resume(*map(self._spot, (places & self._assigned) - self._paused))

    def _give_up(self, places: Places, *, at_once: bool) -> None:
        if at_once:
            self._forget(places)
        self._leaving = places
        try:
            self._on_lost(set(places))
        finally:
            self._leaving = frozenset()
            self._forget(places)

    def _may_take(self, places: Places, ends_s: float) -> bool:
        """Whether no transaction of whoever had these before is still open; asked again with the next poll."""
        if not self._settings.transactions:
            return True
        try:
            for place in sorted(places & self._assigned):
                left_s = max(SETTLE_S, ends_s - time.monotonic())
                self._consumer.committed(self._spot(place), timeout_ms=left_s * 1_000)
        except errors.KafkaError as error:
            self._check_error(error)
            return False
        return True

    def _forget(self, places: Places) -> None:
        self._owned -= places
        self._paused -= places
        for place in places:
            self._next.pop(place, None)

    def _poll(self, timeout_s: float, records_max: int) -> dict[TopicPartition, list[Any]]:
        reach.finish_join(self._consumer)
        return super()._poll(timeout_s, records_max)

    # --- getting on --------------------------------------------------------------------------------------------------

    def advance(self, written: Sequence[Outgoing], positions: Mapping[Place, int]) -> None:
        """Write records, and remember what to take next; see the port.

        Without transactions the records may stand in the log although this raises, and the positions of partitions that
        are still ours are remembered although others are lost. With transactions it is all or nothing.
        """
        self._check_ours(positions)
        ends_s = time.monotonic() + self._settings.transaction_s
        if self._settings.transactions:
            self._advance_whole(written, positions, ends_s)
        else:
            if written:
                self._bus.write(written)
            self._remember(positions, ends_s)

    def _advance_whole(self, written: Sequence[Outgoing], positions: Mapping[Place, int], ends_s: float) -> None:
        offsets = self._offsets(positions)
        placed = [(record, self._bus.partition(record)) for record in written]
        while True:
            group = self._consumer.group_metadata()
            if group.state == MemberState.STABLE:
                try:
                    self._transactions().advance(placed, offsets, group)
                    return
                except GroupMoved:
                    reach.join_again(self._consumer)
            self._settle(ends_s)
            self._check_ours(positions)

    def _remember(self, positions: Mapping[Place, int], ends_s: float) -> None:
        """Commit offsets; of partitions that are lost meanwhile those of the others."""
        lost: Places = frozenset()
        while ours := {place: offset for place, offset in positions.items() if place not in lost}:
            try:
                self._consumer.commit(
                    self._offsets(ours), timeout_ms=max(1.0, ends_s - time.monotonic()) * 1_000
                )  # fmt: skip
                break
            except (errors.CommitFailedError, errors.RebalanceInProgressError):
                self._settle(ends_s)
                lost = frozenset(positions) - (frozenset() if self._expelled() else self._assigned)
            except errors.KafkaError as error:
                self._check_error(error)
                raise unavailable(self._settings, f"the position was not remembered: {error}") from error
        if lost:
            raise self._fenced(lost)

    def _settle(self, ends_s: float) -> None:
        """Let the group come to an agreement, without taking anything."""
        leaving = self._leaving.union(*(places for what, places in self._news if what == "lost"))
        if leaving:  # to go on would hand these over before on_lost has returned
            raise self._fenced(leaving)
        if time.monotonic() > ends_s:
            raise BusUnavailable(f"the group {self._group} kept changing for {self._settings.transaction_s:g} s")
        self._consumer.pause(*map(self._spot, self._assigned))
        try:
            while not self._settled():
                if time.monotonic() > ends_s:
                    raise BusUnavailable(
                        f"the group {self._group} came to no agreement within {self._settings.transaction_s:g} s; a "
                        "member that works longer than that without a poll holds up the others"
                    )
        finally:
            self._consumer.resume(*map(self._spot, (self._owned & self._assigned) - self._paused))

    def _settled(self) -> bool:
        try:
            self._poll(SETTLE_S, 1)
        except errors.KafkaError as error:
            if isinstance(error.__cause__, _Moved):
                return True
            self._check_error(error)
            time.sleep(BACKOFF_S)
        state = self._consumer.group_metadata().state
        return bool(self._news) or self._expelled() or bool(state == MemberState.STABLE)

    def _expelled(self) -> bool:
        """Whether the group has given us up, and we know it."""
        return bool(self._member_id) and bool(self._consumer.group_metadata().member_id != self._member_id)

    def _check_ours(self, positions: Mapping[Place, int]) -> None:
        if self._closed:
            raise Fenced(f"this member of the group {self._group} was closed, so it cannot write; join again")
        if self._expelled():
            raise self._fenced(frozenset(positions) or frozenset(self._owned))
        gone = {place for what, places in self._news if what != "taken" for place in places}
        if lost := frozenset(positions) - (self._owned - gone):
            raise self._fenced(lost)

    def _fenced(self, lost: Places) -> Fenced:
        named = ", ".join(f"{partition} of {topic}" for topic, partition in sorted(lost))
        undone = "nothing was written" if self._settings.transactions else "the others are remembered"
        return Fenced(
            f"partition {named} belongs to another member of the group {self._group} by now; {undone}. Forget what was "
            "done there and poll: on_lost says what is gone, and what is left goes on"
        )

    def _offsets(self, positions: Mapping[Place, int]) -> dict[TopicPartition, OffsetAndMetadata]:
        return {self._spot(place): OffsetAndMetadata(offset, "", -1) for place, offset in positions.items()}

    def _transactions(self) -> Transacting:
        if self._transacting is None:
            # The broker made this name up for us, and nobody else has it.
            self._transacting = self._bus.transactions.borrow(self._consumer.group_metadata().member_id)
        return self._transacting

    def close(self) -> None:
        """Leave the group at once."""
        if self._closed:
            return
        if self._transacting is not None:
            self._bus.transactions.give_back(self._transacting)
        group = self._consumer.group_metadata()
        if group.state == MemberState.REBALANCING and group.member_id:
            # On the member's own connection the broker would hear of it only when all others have joined.
            self._bus.leave_for(group.group_id, group.member_id)
            self._close(LEAVE_S)
        else:
            self._close(self._settings.request_s)
