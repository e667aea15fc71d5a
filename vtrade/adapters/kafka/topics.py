"""Which topics does a Kafka need for VTrade, and are those that are there as they should be?

Rules: nothing is ever created by writing to it. The number of partitions of a topic that rooms live on cannot change,
because a room is found by it: another number is an error, never mended. All other differences are told, and mended
where one asks for it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vtrade.adapters.kafka.connecting import connect
from vtrade.adapters.kafka.settings import KafkaSettings
from vtrade.domain.topics import DIRECTORY, SNAPSHOTS, TOPICS
from vtrade.errors import BusUnavailable, SettingsError

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

COMPACTED: Final = frozenset({SNAPSHOTS, DIRECTORY})
"""Topics that keep the newest record of each key, and nothing else."""
SEGMENT_BYTES: Final = 67_108_864
"""Compacted topics are tidied up in pieces of this size."""
SEGMENT_MS: Final = 3_600_000
"""... or once a piece is this old."""
TOMBSTONE_MS: Final = 86_400_000
"""Whoever reads a compacted topic within this time learns of every removal."""
LOOK_S: Final = 0.1
"""Pause before looking again whether the broker has taken over a change."""
DIRTY_RATIO: Final = "0.3"
"""A compacted topic is tidied up when this part of it is out of date."""


class TopicSpec(msgspec.Struct, frozen=True):
    """A topic as it should be."""

    name: str
    partitions: int
    replication: int
    configs: Mapping[str, str]


class TopicsReport(msgspec.Struct, frozen=True):
    """What was found and done: names of created topics, and what differs on those that were there, in words."""

    created: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    mended: bool = False


def partitions_of(topic: str, settings: KafkaSettings) -> int:
    """Number of partitions of a topic."""
    return 1 if topic == DIRECTORY else settings.partitions


def topic_specs(settings: KafkaSettings) -> dict[str, TopicSpec]:
    """Every topic as it should be.

    Examples
    --------
    >>> specs = topic_specs(KafkaSettings(partitions=12))
    >>> specs["vtrade.inbound"].partitions, specs["vtrade.directory"].partitions
    (12, 1)
    >>> specs["vtrade.inbound"].configs["retention.ms"], specs["vtrade.snapshots"].configs["cleanup.policy"]
    ('10368000000', 'compact')
    """
    return {topic: _spec(topic, settings) for topic in TOPICS}


def _spec(topic: str, settings: KafkaSettings) -> TopicSpec:
    configs = {
        "max.message.bytes": str(settings.record_bytes_max + settings.bulk_batch_bytes),
        "compression.type": "producer",
        "min.insync.replicas": str(max(1, settings.replication - 1)),
    }
    if topic in COMPACTED:
        configs |= {
            "cleanup.policy": "compact", "segment.bytes": str(SEGMENT_BYTES), "segment.ms": str(SEGMENT_MS),
            "min.cleanable.dirty.ratio": DIRTY_RATIO, "delete.retention.ms": str(TOMBSTONE_MS),
        }  # fmt: skip
    else:
        # The broker's own clock decides what is old, whatever the clock of a writer says.
        configs |= {
            "cleanup.policy": "delete", "retention.ms": str(settings.retention_ms(topic)), "retention.bytes": "-1",
            "message.timestamp.type": "LogAppendTime",
        }  # fmt: skip
    return TopicSpec(settings.on_broker(topic), partitions_of(topic, settings), settings.replication, configs)


def ensure_topics(settings: KafkaSettings, *, mend: bool = False) -> TopicsReport:
    """Create the topics that are missing, and say what differs on the others.

    Parameters
    ----------
    settings : KafkaSettings
        The connection, and how the topics should be.
    mend : bool
        Also change the retention and other settings of topics that differ, but never their partitions.

    Raises
    ------
    SettingsError
        If a topic has another number of partitions.
    BusUnavailable
        If Kafka does not answer, or does not create them.
    """
    from kafka.errors import KafkaError

    admin = connect(settings)
    try:
        specs = topic_specs(settings)
        there = _described(admin, specs)
        _check_partitions(specs, there, settings)
        missing = {topic: spec for topic, spec in specs.items() if topic not in there}
        _create(admin, missing.values())
        differs = _differences(admin, {topic: specs[topic] for topic in there})
        if mend and differs:
            _alter(admin, differs)
            ends_s = time.monotonic() + settings.connect_s
            while _differences(admin, {topic: specs[topic] for topic in there}) and time.monotonic() < ends_s:
                time.sleep(LOOK_S)
        told = tuple(text for _, _, texts in differs for text in texts)
        return TopicsReport(tuple(spec.name for spec in missing.values()), told, mended=mend and bool(told))
    except KafkaError as error:
        raise BusUnavailable(
            f"the Kafka at VTRADE_KAFKA={settings.servers} does not make its topics ready ({error}); look into its log"
        ) from error
    finally:
        admin.close()


def check_topics(admin: KafkaAdminClient, settings: KafkaSettings) -> None:
    """Refuse a Kafka without our topics, or with another number of partitions.

    Raises
    ------
    BusUnavailable
        If a topic is missing.
    SettingsError
        If one has another number of partitions.
    """
    specs = topic_specs(settings)
    there = _described(admin, specs)
    if missing := [spec.name for topic, spec in specs.items() if topic not in there]:
        raise missing_topics(settings, missing)
    _check_partitions(specs, there, settings)


def missing_topics(settings: KafkaSettings, names: list[str]) -> BusUnavailable:
    """The error for topics that are not there."""
    are = "topics that are" if len(names) > 1 else "a topic that is"
    return BusUnavailable(
        f"{', '.join(names)}: {are} not on the Kafka at VTRADE_KAFKA={settings.servers}; `vtrade stack up` creates "
        "what is missing (somebody may have removed them, or VTRADE_TOPIC_PREFIX is another one)"
    )


def _described(admin: KafkaAdminClient, specs: Mapping[str, TopicSpec]) -> dict[str, int]:
    """Number of partitions by topic, of those of our topics that are there."""
    names = {spec.name: topic for topic, spec in specs.items()}
    present = set(admin.list_topics()) & names.keys()
    if not present:
        return {}
    described: list[dict[str, Any]] = admin.describe_topics(sorted(present))
    return {names[found["name"]]: len(found["partitions"]) for found in described if not found["error_code"]}


def _check_partitions(specs: Mapping[str, TopicSpec], there: Mapping[str, int], settings: KafkaSettings) -> None:
    for topic, found in there.items():
        if found != (wanted := specs[topic].partitions):
            mend = f"set VTRADE_PARTITIONS={found}, as when it was made" if topic != DIRECTORY else "use another prefix"
            raise SettingsError(
                f"topic {specs[topic].name} at {settings.servers} has {found} partitions and should have {wanted}: the "
                f"number cannot change, because rooms are found by it; {mend}"
            )


def _create(admin: KafkaAdminClient, specs: Any) -> None:
    from kafka.errors import TopicAlreadyExistsError

    wanted = {
        spec.name: {
            "num_partitions": spec.partitions, "replication_factor": spec.replication, "configs": dict(spec.configs)
        }
        for spec in specs
    }  # fmt: skip
    if not wanted:
        return
    try:
        admin.create_topics(wanted)
    except TopicAlreadyExistsError:  # somebody else makes them at this moment
        for name, options in wanted.items():
            with suppress(TopicAlreadyExistsError):
                admin.create_topics({name: options})
    admin.wait_for_topics(list(wanted))


def _differences(
    admin: KafkaAdminClient, specs: Mapping[str, TopicSpec]
) -> list[tuple[str, dict[str, str], list[str]]]:
    """By topic: its name, the settings it should have and has not, and the same in words."""
    from kafka.admin import ConfigResource, ConfigResourceType

    if not specs:
        return []
    resources = [ConfigResource(ConfigResourceType.TOPIC, spec.name) for spec in specs.values()]
    found = admin.describe_configs(resources, config_filter="all")["topic"]
    differs = []
    for spec in specs.values():
        other = {
            key: str(value)
            for key, value in spec.configs.items()
            if str(found[spec.name].get(key, {}).get("value")) != value
        }
        texts = [
            f"{spec.name}: {key} is {found[spec.name].get(key, {}).get('value')}, should be {value}"
            for key, value in other.items()
        ]
        if other:
            differs.append((spec.name, other, texts))
    return differs


def _alter(admin: KafkaAdminClient, differs: list[tuple[str, dict[str, str], list[str]]]) -> None:
    from kafka.admin import ConfigResource, ConfigResourceType

    resources = [ConfigResource(ConfigResourceType.TOPIC, name, configs=wanted) for name, wanted, _ in differs]
    admin.alter_configs(resources, incremental=True)
