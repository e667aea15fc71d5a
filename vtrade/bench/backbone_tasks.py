"""How much market data does the backbone carry, how soon is a worker back, and what does a second one bring?

Rules: a real Kafka on this machine, worker processes as they run for a class, topics of their own for each measurement.
Times are taken here, where the answers of the execution worker arrive, so nothing that a worker has not yet written
counts as done.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import psutil

from vtrade.bench import workloads
from vtrade.bench.fresh import BenchError
from vtrade.bootstrap.backbone import open_bus
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import Inbound, OpenAccount, OpenRoom, RoomCommand, encode_inbound
from vtrade.domain.topics import INBOUND, TRADES, Claim, decode_trade, inbound_headers, partition_of
from vtrade.domain.values import MICRO
from vtrade.market.parquet import save_tape
from vtrade.market.tape import Tape
from vtrade.ports import Bus, Outgoing
from vtrade.services.feed import TapeFeed
from vtrade.services.settings import Settings, load_settings, to_environ
from vtrade.services.stack.local import LocalStack
from vtrade.services.stack.servers import free_ports
from vtrade.services.workers.places import Place

EVENTS: Final = 2_000_000
TAIL_EVENTS: Final = 1_000_000
ROOMS: Final = 8
ROOM_EVENTS: Final = 250_000
DONE_S: Final = 240.0
"""Longest wait for a measurement to come to its end."""
READY_S: Final = 90.0


@contextlib.contextmanager
def servers() -> Iterator[Settings]:
    """A Kafka and a Redis on free ports of this machine, and settings that name them."""
    with tempfile.TemporaryDirectory(prefix="vtrade-bench-", ignore_cleanup_errors=True) as folder:
        kafka_port, redis_port = free_ports(2)
        stack = LocalStack(Path(folder), settings=load_settings(), kafka_port=kafka_port, redis_port=redis_port)
        stack.up(servers_only=True)
        try:
            yield msgspec.structs.replace(
                stack.settings, data_dir=Path(folder) / "data", tapes=Path(folder), snapshot_every_s=30.0
            )
        finally:
            stack.down()


@contextlib.contextmanager
def process(settings: Settings, *command: str) -> Iterator[psutil.Process]:
    """A process of `vtrade`, until this ends."""
    with tempfile.NamedTemporaryFile(prefix="vtrade-bench-", suffix=".log") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "vtrade.cli", *command], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            env={**os.environ, **to_environ(settings)},
        )  # fmt: skip
        try:
            yield psutil.Process(started.pid)
            if started.poll() is not None:
                said = Path(log.name).read_text(errors="replace").strip().splitlines()
                raise BenchError(f"vtrade {' '.join(command)} ended: {said[-1] if said else 'it said nothing'}")
        finally:
            started.send_signal(signal.SIGTERM)
            try:
                started.wait(timeout=20)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def worker(settings: Settings, role: str) -> contextlib.AbstractContextManager[psutil.Process]:
    """A worker process."""
    return process(settings, "worker", role, "--metrics-port", "0", "--log", "text")


def level_tape(events: int) -> Tape:
    """Single-level updates as workload W2 has them; a second million is about a second instrument."""
    parts = []
    for number, first in enumerate(range(0, events, workloads.COUNT)):
        part = workloads.level_events(workloads.levels(min(workloads.COUNT, events - first)))
        part["instrument"] = number
        parts.append(part)
    rows = np.concatenate(parts)
    rows = rows[np.argsort(rows["ts_ns"], kind="stable")]
    instruments = tuple(Instrument.make(f"ACME{number}", tick="0.01") for number in range(len(parts)))
    return Tape("bench", instruments, rows, "L2")


def opening(room: str, tape: Tape, spec: str) -> list[Inbound]:
    """How the rooms of these measurements begin."""
    start = tape.start_ns
    return [
        OpenRoom(start, room, tape.instruments, seed=1, tape=spec),
        OpenAccount(start, "ana", 1_000_000 * MICRO, tape.instruments[0].currency),
    ]


def records_of(room: str, messages: list[Inbound], partition: int) -> list[Outgoing]:
    """Messages as inbound records."""
    return [Outgoing(INBOUND, room, encode_inbound(m), inbound_headers(""), partition) for m in messages]


def frames(room: str, tape: Tape, partition: int, *, place: Place = Place()) -> list[Outgoing]:  # noqa: B008
    """A whole tape as inbound records, with the ids of a feed."""
    feed, written = TapeFeed(tape), []
    for message in feed.read(tape.end_ns):
        headers = inbound_headers(place.id)
        written.append(Outgoing(INBOUND, room, encode_inbound(message), headers, partition))
        after = place.behind(message)
        assert after is not None
        place = after
    return written


def write_all(bus: Bus, records: list[Outgoing]) -> None:
    """Write records, some hundreds at a time."""
    for first in range(0, len(records), 500):
        bus.write(records[first : first + 500])


def answers(bus: Bus, places: list[int], start: dict[int, int], wanted: int) -> Iterator[tuple[float, int]]:
    """When answers of the execution workers arrive: time and how many there are so far, until there are enough."""
    member = bus.follow({(TRADES, partition): start[partition] for partition in places})
    count, ends = 0, time.perf_counter() + DONE_S
    try:
        while count < wanted:
            if time.perf_counter() > ends:
                raise BenchError(f"{count:,} of {wanted:,} records were answered within {DONE_S:g} s")
            records = member.poll(0.05, records_max=2_000)
            count += sum(not isinstance(decode_trade(record.value or b""), Claim) for record in records)
            if records:
                yield time.perf_counter(), count
    finally:
        member.close()


def ticks(events: int = EVENTS) -> dict[str, Any]:
    """Market events a second from the feed worker to the execution worker's answers."""
    with servers() as settings:
        settings = msgspec.structs.replace(settings, topic_prefix="ticks", partitions=1)
        tape = level_tape(events)
        save_tape(tape, settings.tapes / "levels.parquet")
        room = "ticks"
        bus = open_bus(settings, client="bench")
        with contextlib.closing(bus), worker(settings, "execution") as one, worker(settings, "feed") as two:
            write_all(bus, records_of(room, opening(room, tape, "levels.parquet"), 0))
            for _ in answers(bus, [0], {0: 0}, 2):
                pass
            expected = len(frames(room, tape, 0))
            time.sleep(5.0)  # the feed loads the tape
            used = [sum(p.cpu_times()[:2]) for p in (one, two)]
            write_all(bus, records_of(room, [RoomCommand(tape.start_ns, "start", amount=0)], 0))
            times = list(answers(bus, [0], {0: 0}, expected + 3))
            first = next(moment for moment, count in times if count > 3)
            seconds = times[-1][0] - first
            memory = sum(p.memory_info().rss for p in (one, two)) / 1e6
            cpu_s = [sum(p.cpu_times()[:2]) for p in (one, two)]
    return {
        "per_s": events / seconds, "seconds": seconds, "memory_mb": memory, "frames": expected,
        "execution_cpu_s": cpu_s[0] - used[0], "feed_cpu_s": cpu_s[1] - used[1],
    }  # fmt: skip


def restart(events: int = TAIL_EVENTS) -> dict[str, Any]:
    """Seconds from the start of an execution worker until it has folded a tail of events behind its snapshot."""
    with servers() as settings:
        settings = msgspec.structs.replace(settings, topic_prefix="restart", partitions=1)
        tape = level_tape(2 * events)
        room = "restart"
        everything = frames(room, tape, 0)
        half = len(everything) // 2
        bus = open_bus(settings, client="bench")
        with contextlib.closing(bus):
            with worker(settings, "execution"):
                write_all(bus, records_of(room, opening(room, tape, ""), 0) + everything[:half])
                for _ in answers(bus, [0], {0: 0}, half + 2):
                    pass
            write_all(bus, everything[half:])
            start = {0: bus.ends(TRADES)[0][1]}
            began = time.perf_counter()
            with worker(settings, "execution") as one:
                for _ in answers(bus, [0], start, len(everything) - half):
                    pass
                seconds = time.perf_counter() - began
                memory = one.memory_info().rss / 1e6
    return {"seconds": seconds, "events": events, "memory_mb": memory}


def scaling(rooms: int = ROOMS, events: int = ROOM_EVENTS) -> dict[str, Any]:
    """Events a second of one execution worker, and of two, on rooms that lie on as many partitions."""
    found: dict[str, Any] = {}
    with servers() as settings:
        tape = level_tape(events)
        for workers in (1, 2):
            own = msgspec.structs.replace(settings, topic_prefix=f"scaling{workers}", partitions=rooms)
            bus = open_bus(own, client="bench")
            with contextlib.closing(bus), contextlib.ExitStack() as crew:
                running = [crew.enter_context(worker(own, "execution")) for _ in range(workers)]
                names = rooms_on_partitions(rooms)
                for partition, room in enumerate(names):  # small, so that everybody has joined and compiled
                    write_all(bus, records_of(room, opening(room, tape, ""), partition))
                for _ in answers(bus, list(range(rooms)), dict.fromkeys(range(rooms), 0), 2 * rooms):
                    pass
                time.sleep(8.0)
                prepared = [frames(room, tape, partition) for partition, room in enumerate(names)]
                wanted = sum(map(len, prepared))
                start = {number: ends[1] for number, ends in bus.ends(TRADES).items()}
                used = sum(sum(p.cpu_times()[:2]) for p in running)
                began = time.perf_counter()
                for records in prepared:
                    write_all(bus, records)
                for _ in answers(bus, list(range(rooms)), start, wanted):
                    pass
                seconds = time.perf_counter() - began
                used = sum(sum(p.cpu_times()[:2]) for p in running) - used
            found[f"per_s_{workers}"] = rooms * events / seconds
            found[f"cpu_s_{workers}"] = used
    found["ratio"] = found["per_s_2"] / found["per_s_1"]
    return found


def standings(members: int) -> dict[str, Any]:
    """The leaderboard of many members, on a Redis of its own; see :func:`vtrade.bench.board_tasks.board`."""
    from vtrade.bench.board_tasks import board

    with servers() as settings:
        return board(settings.redis.text, members=members)


def rooms_on_partitions(count: int) -> list[str]:
    """One name of a room for each partition."""
    names: dict[int, str] = {}
    number = 0
    while len(names) < count:
        names.setdefault(partition_of(f"room {number}", count), f"room {number}")
        number += 1
    return [names[partition] for partition in range(count)]


def main() -> None:
    """Run the task that the command line names; the arguments are JSON."""
    task, arguments = sys.argv[1], json.loads(sys.argv[2] if len(sys.argv) > 2 else "{}")
    tasks: dict[str, Callable[..., dict[str, Any]]] = {
        "ticks": ticks, "restart": restart, "scaling": scaling, "standings": standings,
    }  # fmt: skip
    sys.stdout.write(json.dumps(tasks[task](**arguments)) + "\n")


if __name__ == "__main__":
    main()
