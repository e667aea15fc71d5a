"""How quickly do records go into Kafka and come out of it again, one by one and in frames of market events?

Rules: as in `vtrade.bench.tasks`; each task takes the address of a broker, makes topics of its own there, and removes
them when it is done. What is sent depends on its number alone. Frames are encoded before the clock starts.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from vtrade.adapters.kafka.bus import KafkaBus
from vtrade.adapters.kafka.connecting import connect
from vtrade.adapters.kafka.settings import KafkaSettings
from vtrade.adapters.kafka.topics import ensure_topics, topic_specs
from vtrade.bench.tasks import memory_mb
from vtrade.domain.topics import INBOUND, TRADES, inbound_headers
from vtrade.errors import BusUnavailable
from vtrade.market.load import load_tape
from vtrade.ports import Outgoing, Place

EVENTS_A_FRAME: Final = 512
ORDER_BYTES: Final = 120
"""About what an order takes on the wire."""
ROOMS: Final = 8
ANSWER_S: Final = 60.0
"""Longest wait for anything."""


@contextmanager
def own_bus(servers: str, *, prefix: str = "vtrade-bench", **options: Any) -> Iterator[KafkaBus]:
    """A bus on topics of its own, which are removed afterwards."""
    settings = KafkaSettings(servers=servers, prefix=prefix, partitions=ROOMS, **options)
    ensure_topics(settings)
    bus = KafkaBus(settings)
    try:
        yield bus
    finally:
        bus.close()
        admin = connect(settings)
        admin.delete_topics([spec.name for spec in topic_specs(settings).values()], raise_errors=False)
        admin.close()


def percentiles_ms(seconds: list[float]) -> dict[str, float]:
    """Median and 99th percentile, in milliseconds.

    Examples
    --------
    >>> percentiles_ms([0.001, 0.002, 0.003])
    {'p50_ms': 2.0, 'p99_ms': 3.0}
    """
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {"p50_ms": 1e3 * ordered[last // 2 + last % 2], "p99_ms": 1e3 * ordered[min(last, len(ordered) * 99 // 100)]}


def posts(servers: str, single: int = 500, many: int = 20_000) -> dict[str, Any]:
    """Orders: milliseconds until one is durable, one after the other, and durable ones a second, all at once."""
    value = bytes(range(ORDER_BYTES))
    records = [
        Outgoing(INBOUND, f"room-{number % ROOMS}", value, inbound_headers(f"id-{number}")) for number in range(many)
    ]
    with own_bus(servers) as bus:
        bus.post(records[0]).result(ANSWER_S)
        waits = []
        for record in records[:single]:
            began = time.perf_counter()
            bus.post(record).result(ANSWER_S)
            waits.append(time.perf_counter() - began)
        began = time.perf_counter()
        sending = deque(bus.post(record) for record in records)
        while sending:
            sending.popleft().result(ANSWER_S)
        passed = time.perf_counter() - began
    return percentiles_ms(waits) | {"posts_per_s": many / passed, "memory_mb": memory_mb()}


def encoded_frames(tape: str, count: int) -> list[bytes]:
    """Frames of 512 events of a tape, as raw rows; from its beginning again where it is too short."""
    events = load_tape(tape).events
    starts = range(0, len(events) - EVENTS_A_FRAME + 1, EVENTS_A_FRAME)
    rows = [np.ascontiguousarray(events[start : start + EVENTS_A_FRAME]).tobytes() for start in starts]
    return [rows[number % len(rows)] for number in range(count)]


def frames(servers: str, tape: str = "synthetic:7", count: int = 4_000) -> dict[str, Any]:
    """Frames of market events in bulk: megabytes and events a second, into Kafka and out of it."""
    encoded = encoded_frames(tape, count)
    megabytes = sum(map(len, encoded)) / 1e6
    with own_bus(servers) as bus:
        bus.write([Outgoing(INBOUND, "room-0", b"warm")])
        starts = {(INBOUND, number): last for number, (_, last) in bus.ends(INBOUND).items()}
        records = [Outgoing(INBOUND, f"room-{number % ROOMS}", frame) for number, frame in enumerate(encoded)]
        began = time.perf_counter()
        bus.write(records)
        produced_s = time.perf_counter() - began
        consumed_s = _consume(bus, starts, count)
    return {
        "frame_bytes": len(encoded[0]),
        "produce_mb_per_s": megabytes / produced_s,
        "produce_events_per_s": count * EVENTS_A_FRAME / produced_s,
        "consume_mb_per_s": megabytes / consumed_s,
        "consume_events_per_s": count * EVENTS_A_FRAME / consumed_s,
        "memory_mb": memory_mb(),
    }


def _consume(bus: KafkaBus, starts: dict[Place, int], count: int) -> float:
    """Seconds in which a follower takes ``count`` records."""
    follower = bus.follow(starts)
    began = time.perf_counter()
    taken = 0
    while taken < count:
        taken += len(follower.poll(1.0, records_max=500))
        if time.perf_counter() - began > ANSWER_S:
            raise BusUnavailable(f"only {taken} of {count} frames came within {ANSWER_S:.0f} s; is the broker well?")
    passed = time.perf_counter() - began
    follower.close()
    return passed


def advances(servers: str, count: int = 200, records: int = 20) -> dict[str, Any]:
    """A worker's step: milliseconds to write 20 records and remember a position, plain and as a transaction."""
    found: dict[str, Any] = {}
    for name, transactions in (("plain", False), ("transactions", True)):
        with own_bus(servers, prefix=f"vtrade-bench-{name}", transactions=transactions) as bus:
            owned: set[Place] = set()
            member = bus.join("vtrade-bench", [INBOUND], on_taken=owned.update, on_lost=owned.difference_update)
            ends_s = time.perf_counter() + ANSWER_S
            while not owned and time.perf_counter() < ends_s:
                member.poll(0.1, records_max=1)
            written = [Outgoing(TRADES, f"room-{number % ROOMS}", bytes(200)) for number in range(records)]
            waits = []
            for number in range(count):
                began = time.perf_counter()
                member.advance(written, dict.fromkeys(owned, number))
                waits.append(time.perf_counter() - began)
            member.close()
        found |= {f"{name}_{key}": value for key, value in percentiles_ms(waits).items()}
    return found | {"memory_mb": memory_mb()}


TASKS: Final[dict[str, Callable[..., dict[str, Any]]]] = {"posts": posts, "frames": frames, "advances": advances}
