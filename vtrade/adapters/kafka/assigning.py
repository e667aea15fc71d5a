"""Which member of a group of workers gets which partitions?

Rules: a number, not a topic's partition, is what moves: whoever has partition 3 of one topic has partition 3 of every
topic that the group reads, since a room lives under one number everywhere. Members keep what they have as far as all
get equally many (one more or less). A number moves in two steps: whoever has it gives it up first, and only then
another one gets it, so no two ever have it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from kafka.coordinator.assignors.abstract import AbstractPartitionAssignor, RebalanceProtocol
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment, ConsumerProtocolSubscription

if TYPE_CHECKING:
    from kafka import TopicPartition

OWNING_VERSION: Final = 2
"""Version of the group protocol since which members say what they have, and since which generation."""
NO_GENERATION: Final = -1


def deal(numbers: Iterable[int], owned: Mapping[str, Iterable[int]]) -> dict[str, set[int]]:
    """Who should have which numbers.

    Parameters
    ----------
    numbers : iterable of int
        What there is to have.
    owned : mapping
        What each member has now; all members are in it.

    Examples
    --------
    >>> deal(range(4), {"a": [0, 1, 2, 3], "b": []})
    {'a': {0, 1}, 'b': {2, 3}}
    >>> deal(range(5), {"a": [], "b": [4, 1], "c": []})
    {'a': {0, 3}, 'b': {1, 4}, 'c': {2}}
    """
    members = sorted(owned)
    there = sorted(numbers)
    left = set(there)
    least, more = divmod(len(there), len(members))
    dealt: dict[str, set[int]] = {}
    for member in sorted(members, key=lambda name: (-len(left & set(owned[name])), name)):
        room = least + (more > 0)
        kept = sorted(left & set(owned[member]))[:room]
        more -= len(kept) > least
        dealt[member] = set(kept)
        left -= set(kept)
    for number in sorted(left):
        dealt[min(members, key=lambda name: (len(dealt[name]), name))].add(number)
    return {member: dealt[member] for member in members}


def first_step(dealt: Mapping[str, set[int]], owned: Mapping[str, Iterable[int]]) -> dict[str, set[int]]:
    """What each may have at once: what it should have, without what another one has still to give up.

    Examples
    --------
    >>> first_step({"a": {0, 1}, "b": {2, 3}}, {"a": [0, 1, 2], "b": []})
    {'a': {0, 1}, 'b': {3}}
    """
    holder = {number: member for member in sorted(owned) for number in owned[member]}
    return {
        member: {number for number in numbers if holder.get(number, member) == member}
        for member, numbers in dealt.items()
    }


def settle_claims(claims: Mapping[str, tuple[int, Iterable[int]]]) -> dict[str, set[int]]:
    """What each member has, of what it says it has since which generation: the newest claim to a number is right.

    Examples
    --------
    >>> settle_claims({"a": (3, [0, 1]), "b": (4, [1, 2]), "c": (-1, [])})
    {'a': {0}, 'b': {1, 2}, 'c': set()}
    """
    left = {number for _, numbers in claims.values() for number in numbers}
    owned: dict[str, set[int]] = {}
    for member in sorted(claims, key=lambda name: (-claims[name][0], name)):
        owned[member] = left & set(claims[member][1])
        left -= owned[member]
    return {member: owned[member] for member in sorted(claims)}


class Together(AbstractPartitionAssignor):  # type: ignore[misc]
    """:func:`deal` for kafka-python.

    Parameters
    ----------
    identity : callable
        What the broker calls this member at this moment, and its generation.
    on_assigned : callable
        Told what this member has from now on, in kafka-python's thread, before anybody else is.
    """

    name = "vtrade-together"

    def __init__(
        self, identity: Callable[[], tuple[str, int]], on_assigned: Callable[[str, list[TopicPartition]], None]
    ) -> None:
        self._identity = identity
        self._on_assigned = on_assigned
        self._mine: list[TopicPartition] = []
        self._member_id = ""
        self._generation = NO_GENERATION

    def supported_protocols(self) -> list[RebalanceProtocol]:
        """Members keep what they have while others come and go."""
        return [RebalanceProtocol.COOPERATIVE]

    def metadata(self, topics: Iterable[str]) -> Any:
        """What this member tells the others: what it reads, and what it has.

        Whoever was given up for dead has another name by now, and has nothing.
        """
        by_topic = defaultdict(list)
        if self._identity()[0] == self._member_id:
            for place in self._mine:
                by_topic[place.topic].append(place.partition)
        spot = ConsumerProtocolSubscription.TopicPartition
        mine = [spot(topic=topic, partitions=sorted(numbers)) for topic, numbers in sorted(by_topic.items())]
        return ConsumerProtocolSubscription(
            version=OWNING_VERSION, topics=sorted(topics), user_data=b"", owned_partitions=mine,
            generation_id=self._generation,
        )  # fmt: skip

    def on_assignment(self, assignment: Any, generation: int) -> None:
        """Remember what this member has."""
        self._member_id, self._generation = self._identity()
        self._mine = assignment.partitions()
        self._on_assigned(self._member_id, self._mine)

    def assign(self, cluster: Any, members: Iterable[Any]) -> dict[str, Any]:
        """What each member of the group may have; asked of one member for all of them."""
        told = {member.member_id: member.metadata for member in members}
        topics = sorted({topic for metadata in told.values() for topic in metadata.topics})
        partitions = {topic: cluster.partitions_for_topic(topic) or set() for topic in topics}
        owned = settle_claims(
            {
                member: (
                    metadata.generation_id,
                    [n for spot in metadata.owned_partitions or () for n in spot.partitions],
                )
                for member, metadata in told.items()
            }
        )
        dealt = deal(set().union(*partitions.values()), owned)
        return {
            member: ConsumerProtocolAssignment(
                OWNING_VERSION,
                [(topic, sorted(numbers & partitions[topic])) for topic in topics if numbers & partitions[topic]],
                b"",
            )
            for member, numbers in first_step(dealt, owned).items()
        }
