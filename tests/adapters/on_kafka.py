"""Where do tests find topics of their own on a real Kafka?

Rules: each has a prefix that nobody used before, and is removed afterwards, so that a server that somebody lends us
looks as before.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vtrade.adapters.kafka.connecting import connect
from vtrade.adapters.kafka.settings import KafkaSettings
from vtrade.adapters.kafka.topics import ensure_topics, topic_specs

PARTITIONS = 4


@contextmanager
def own_topics(address: str, *, partitions: int = PARTITIONS, **options: Any) -> Iterator[KafkaSettings]:
    """A connection with topics that nobody else uses."""
    prefix = f"test-{uuid.uuid4().hex[:10]}"
    settings = KafkaSettings(servers=address, prefix=prefix, partitions=partitions, **options)
    ensure_topics(settings)
    yield settings
    admin = connect(settings)
    try:
        admin.delete_topics([spec.name for spec in topic_specs(settings).values()], raise_errors=False)
    finally:
        admin.close()
