"""Which processes is a stack made of, in which order do they start, and where does each of them listen?

Rules: this table is the one place where they are named; it is held against the compose file by a test.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from vtrade.services.settings import LOOPBACK, Settings
from vtrade.services.settings_file import PREFIX
from vtrade.services.stack import servers
from vtrade.services.stack.programs import StackError

HEALTH_PATH: Final = "/healthz"
"""Page of a worker, on its metrics port, and of the gateway: 200 while all is well."""


TOKEN_FILE: Final = "owner-token"
"""In the gateway's own folder: what the owner says to make the first room; never in a log."""


class Part(msgspec.Struct, frozen=True):
    """A process of the stack.

    Attributes
    ----------
    wave : int
        Parts of one wave start together, once all of the waves before it answer; they stop in the opposite order.
    ports : tuple of str
        Settings with the ports it listens on; the first is the one that is asked whether all is well.
    arguments : tuple of str
        What ``vtrade`` is called with; empty for the two servers.
    up_s, down_s : float
        Longest wait until it answers, and after SIGTERM until it has ended. Kafka needs 13 s after a SIGKILL, until
        its old registration has expired.
    """

    name: str
    wave: int
    ports: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    up_s: float = 60.0
    down_s: float = 30.0


def _worker(role: str) -> Part:
    return Part(role, 1, (f"{role}_metrics_port",), ("worker", role))


PARTS: Final = {
    part.name: part
    for part in (
        Part("kafka", 0, ("kafka_port", "kafka_controller_port")),
        Part("redis", 0, ("redis_port",), up_s=20.0, down_s=10.0),
        _worker("execution"),
        _worker("portfolio"),
        _worker("gamification"),
        _worker("feed"),
        Part("gateway", 2, ("gateway_port", "gateway_metrics_port"), ("serve", "--owner-token-file", TOKEN_FILE)),
    )
}
"""Every part, in the order in which they start."""
SERVERS: Final = ("kafka", "redis")
WAVES: Final = sorted({part.wave for part in PARTS.values()})


def find_part(name: str) -> Part:
    """A part by name.

    Raises
    ------
    StackError
        Naming those there are.
    """
    if name not in PARTS:
        raise StackError(f"a stack has no part {name!r}; it has {', '.join(PARTS)}")
    return PARTS[name]


def ports_of(part: Part, settings: Settings) -> tuple[int, ...]:
    """The ports that a part listens on.

    Examples
    --------
    >>> ports_of(PARTS["kafka"], Settings())
    (9092, 9093)
    """
    return tuple(getattr(settings, name) for name in part.ports)


def how_is(part: Part, port: int) -> str:
    """Empty if the part answers there in good health, else what is wrong."""
    if part.name == "kafka":
        return servers.ask_kafka(LOOPBACK, port)
    if part.name == "redis":
        return servers.ask_redis(LOOPBACK, port)
    return servers.ask_page(LOOPBACK, port, HEALTH_PATH)


def check_ports(parts: Iterable[Part], settings: Settings) -> None:
    """Refuse to start parts whose ports are taken, or given twice.

    Raises
    ------
    StackError
        Naming the port and the setting.
    """
    given: dict[int, str] = {}
    for part in parts:
        for field, port in zip(part.ports, ports_of(part, settings), strict=True):
            name = f"{PREFIX}{field.upper()}"
            if port in given:
                raise StackError(f"{name} and {given[port]} are both {port}; give each a port of its own")
            given[port] = name
            if not servers.port_is_free(port):
                raise StackError(
                    f"port {port} is taken, and {part.name} was to listen there ({name}): "
                    f"stop what uses it, or choose another port: {name}={port + 10_000 if port < 50_000 else port - 1}"
                )
