"""Which Kafka and which Redis do tests talk to: somebody's, or two of their own?

Rules: where ``VTRADE_KAFKA`` or ``VTRADE_REDIS`` names a server that one is used, and nothing stops it; else each is
started once for a whole run, on a free port of the loopback, in a folder of its own, and stopped at the end. A test
that breaks a server asks for ``own_stack``, which nobody else uses.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from vtrade.services.settings import Settings, load_settings
from vtrade.services.stack.local import LocalStack
from vtrade.services.stack.programs import StackError
from vtrade.services.stack.servers import free_ports

TRIES = 3
"""Another process may take a free port before our server does: then others are tried, this often."""


class Server(msgspec.Struct, frozen=True):
    """A server that tests may use.

    Attributes
    ----------
    address : str
        ``host:port[,host:port]``.
    url : str
        Of Redis, ``redis://host:port/0``; of Kafka, the address.
    settings : Settings
        Which name this server.
    stack : LocalStack or None
        What started it; ``None`` for somebody's server.
    """

    address: str
    url: str
    settings: Settings
    stack: LocalStack | None


def new_stack(folder: Path) -> LocalStack:
    """A stack on free ports, in ``folder``; not started yet."""
    kafka_port, redis_port = free_ports(2)
    return LocalStack(folder, settings=load_settings(), kafka_port=kafka_port, redis_port=redis_port)


@contextmanager
def kafka_server(folder: Path) -> Iterator[Server]:
    """Kafka: the one that ``VTRADE_KAFKA`` names, or one of our own while this lasts."""
    if os.environ.get("VTRADE_KAFKA"):
        settings = load_settings()
        yield Server(settings.kafka, settings.kafka, settings, None)
        return
    with _started("kafka", folder) as stack:
        yield Server(stack.kafka, stack.kafka, stack.settings, stack)


@contextmanager
def redis_server(folder: Path) -> Iterator[Server]:
    """Redis: the one that ``VTRADE_REDIS`` names, or one of our own while this lasts."""
    if os.environ.get("VTRADE_REDIS"):
        settings = load_settings()
        url = settings.redis.text
        yield Server(url.partition("://")[2].rpartition("@")[2].partition("/")[0], url, settings, None)
        return
    with _started("redis", folder) as stack:
        yield Server(f"127.0.0.1:{stack.settings.redis_port}", stack.redis, stack.settings, stack)


@contextmanager
def _started(name: str, folder: Path) -> Iterator[LocalStack]:
    for attempt in range(TRIES):
        stack = new_stack(folder / f"{name}{attempt}")
        try:
            stack.start(name)
        except StackError:
            if attempt == TRIES - 1:
                raise
        else:
            break
    try:
        yield stack
    finally:
        stack.down()
        shutil.rmtree(stack.folder / name, ignore_errors=True)


@contextmanager
def own_stack(folder: Path) -> Iterator[LocalStack]:
    """Kafka and Redis for one test alone, which may stop, kill, freeze and start them."""
    for attempt in range(TRIES):
        stack = new_stack(folder / f"stack{attempt}")
        try:
            stack.up(servers_only=True)
        except StackError:
            if attempt == TRIES - 1:
                raise
        else:
            break
    try:
        yield stack
    finally:
        stack.down()
        shutil.rmtree(stack.folder, ignore_errors=True)
