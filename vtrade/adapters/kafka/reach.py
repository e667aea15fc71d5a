"""What must be done with kafka-python that its public face does not offer?

Rules: nothing outside this module touches an underscore of kafka-python. Each function says which wish it fulfils:
kafka-python 3.0 closes no producer that cannot reach its broker, waits without end for the steps of a transaction,
tells what went wrong in one only as text, and joins a group over and over. :func:`check_library` finds out at once if
another version of it is built differently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from kafka import KafkaProducer
from kafka.coordinator.base import BaseCoordinator
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.future import Future
from kafka.net.compat import KafkaNetClient
from kafka.producer.sender import Sender
from kafka.producer.transaction_manager import TransactionalRequestResult, TransactionManager

from vtrade.errors import SettingsError

JOIN_MS_MAX: Final = 1_000
"""Longest wait for what is at hand already, in milliseconds."""
_NEEDED: Final = (
    (Sender, "force_close"), (Sender, "wakeup"), (TransactionManager, "begin_commit"),
    (TransactionManager, "begin_abort"), (TransactionManager, "send_offsets_to_transaction"),
    (TransactionManager, "last_error"), (TransactionalRequestResult, "wait"), (BaseCoordinator, "join_group_async"),
)  # fmt: skip


def check_library() -> None:
    """Refuse a kafka-python that is built differently.

    Raises
    ------
    SettingsError
        If something this module relies on is not there.
    """
    import kafka

    missing = [f"{owner.__name__}.{name}" for owner, name in _NEEDED if not hasattr(owner, name)]
    if missing:
        raise SettingsError(
            f"kafka-python {kafka.__version__} has no {', '.join(missing)}: install the version that VTrade's lock "
            "file names"
        )


def opened(kind: Any, options: Mapping[str, Any]) -> Any:
    """A client of kafka-python; where it cannot be made, nothing of it is left running."""
    started: list[KafkaNetClient] = []

    def start(**configs: Any) -> KafkaNetClient:
        started.append(KafkaNetClient(**configs))
        return started[-1]

    try:
        return kind(**options, kafka_client=start)
    except BaseException:
        for client in started:
            client.close()
        raise


def why_not(options: Mapping[str, Any]) -> Exception | None:
    """What the first server says to a connection, which its clients keep to themselves; ``None`` if it lets us in."""
    client = KafkaNetClient(**options)
    manager = client._manager

    async def look() -> None:
        node = client.cluster.bootstrap_brokers()[0].node_id
        await manager.get_connection(
            node, timeout_ms=options["request_timeout_ms"], pop_on_close=False, refresh_metadata_on_err=False
        )

    try:
        manager.run(look)
    except (KafkaError, OSError) as error:
        return error
    finally:
        client.close()
    return None


def broker_version(client: Any) -> tuple[int, ...]:
    """What a connected client found out about its broker."""
    return tuple(client._manager.broker_version or ())


def knows(producer: KafkaProducer, topic: str) -> bool:
    """Whether a record for this topic can be taken without asking the broker first, which would block."""
    return producer._metadata.partitions_for_topic(topic) is not None


def look_again(producer: KafkaProducer) -> None:
    """Make a producer ask for the topics that are there, without waiting for the answer."""
    producer._metadata.request_update()


def learn(producer: KafkaProducer, topics: Sequence[str]) -> list[str]:
    """Make a producer know topics; those that are not there within ``max_block_ms`` are told.

    Asked one by one, it would take a tenth of a second for each.
    """
    for topic in topics:
        producer._sender.add_topic(topic)
    missing = []
    for topic in topics:
        try:
            producer.partitions_for(topic)
        except KafkaTimeoutError:
            missing.append(topic)
    return missing


def position(consumer: Any, spot: Any) -> int | None:
    """Where a reader stands in a partition, as far as it knows without asking; any thread may call it."""
    state = consumer._subscription.assignment.get(spot)
    found = state.position if state is not None else None
    return None if found is None else int(found.offset)


def finish_join(consumer: Any) -> None:
    """Let a member enter the generation that it has joined, or tried to join, while it was not polling.

    Its ``poll`` takes no notice of what came about in between. It joins again: where this happens to the group's
    leader, everybody has to join again, during which it happens again, without end. Or, where it joined because of new
    topics, it never enters, and is silent from then on.
    """
    coordinator = consumer._coordinator
    joined = coordinator._join_task
    if joined is None:
        return
    coordinator.request_rejoin()
    if not joined.succeeded():
        return
    manager = consumer._manager

    async def enter() -> None:
        again = Future()
        coordinator._join_task = again
        manager.call_soon(lambda: again.success(joined.value))
        await coordinator.join_group_async(timeout_ms=JOIN_MS_MAX)

    manager.run(enter)


def join_again(consumer: Any) -> None:
    """Make a member ask the group who it is; the broker refused it in a way that it took no notice of."""
    consumer._coordinator.request_rejoin()


def drop(producer: KafkaProducer, *, wait_s: float = 0.0) -> None:
    """Let go of a producer at once; what it has not sent fails, and what is on its way may still be written.

    Its public ``close`` gives up, and leaves its thread running, where something cannot be sent in time.
    """
    sender = producer._sender
    producer._unregister_cleanup()
    producer._closed = True
    sender.force_close()
    if wait_s:
        sender.join(wait_s)


def transaction_error(producer: KafkaProducer) -> Exception | None:
    """The error that ended a producer's transaction, as it was."""
    manager = producer._transaction_manager
    error: Exception | None = manager.last_error if manager is not None else None
    return error


def send_offsets(producer: KafkaProducer, offsets: Mapping[Any, Any], group: Any, *, timeout_s: float) -> None:
    """Make offsets of a group part of the transaction, within a deadline."""
    _within(producer, producer._transaction_manager.send_offsets_to_transaction(dict(offsets), group), timeout_s)


def commit(producer: KafkaProducer, *, timeout_s: float) -> None:
    """Commit the transaction, within a deadline."""
    _within(producer, producer._transaction_manager.begin_commit(), timeout_s)


def abort(producer: KafkaProducer, *, timeout_s: float) -> None:
    """Undo the transaction, within a deadline."""
    _within(producer, producer._transaction_manager.begin_abort(), timeout_s)


def _within(producer: KafkaProducer, result: TransactionalRequestResult, timeout_s: float) -> None:
    producer._sender.wakeup()
    if timeout_s <= 0 or not result.wait(timeout_ms=timeout_s * 1_000):
        raise KafkaTimeoutError(f"no answer within {max(timeout_s, 0):.1f} s")
