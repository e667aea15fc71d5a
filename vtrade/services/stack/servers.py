"""How are Kafka and Redis set up, wherever they run?

Rules: what is said here is said in ``docker/compose.yaml`` too, and a test holds them against each other; only
addresses and folders differ. Both servers listen on the loopback and nowhere else. Kafka never makes a topic by itself:
topics have a stated number of partitions and a stated retention. Redis keeps nothing on disk: all it holds can be
rebuilt from Kafka, and it refuses writes rather than drop keys when it is full.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from vtrade.services.settings import LOOPBACK, Settings

NODE: Final = 1
ANSWER_S: Final = 2.0
"""Longest wait for a server's answer to "are you there?"."""
ANSWER_BYTES: Final = 65_536
MESSAGE_BYTES_MAX: Final = 2 * 2**20
"""Largest record batch that Kafka takes."""

_API_VERSIONS: Final = bytes.fromhex("0000001200120000565452440008") + b"vtrade-0"
"""Kafka's first question, "which calls do you know?", asked by ``vtrade-0`` under the number 0x56545244."""

LOGGING: Final = """\
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
logger.server.name=kafka.server
logger.server.level=info
"""


def broker_properties(settings: Settings) -> dict[str, str]:
    """Kafka's properties, the same in a container and on this machine.

    Examples
    --------
    >>> broker_properties(Settings())["auto.create.topics.enable"]
    'false'
    """
    return {
        "process.roles": "broker,controller",
        "node.id": str(NODE),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "INSIDE",
        "auto.create.topics.enable": "false",
        "num.partitions": str(settings.partitions),
        "default.replication.factor": str(settings.replication),
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.coordinator.append.linger.ms": "0",
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
        "message.max.bytes": str(MESSAGE_BYTES_MAX),
        "log.retention.check.interval.ms": "300000",
    }


def local_properties(settings: Settings, folder: Path) -> dict[str, str]:
    """Kafka's properties for a broker whose data is in ``folder``, on the loopback."""
    broker, controller = settings.kafka_port, settings.kafka_controller_port
    return broker_properties(settings) | {
        "controller.quorum.voters": f"{NODE}@{LOOPBACK}:{controller}",
        "listeners": f"INSIDE://{LOOPBACK}:{broker},CONTROLLER://{LOOPBACK}:{controller}",
        "advertised.listeners": f"INSIDE://{LOOPBACK}:{broker}",
        "listener.security.protocol.map": "INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(folder),
    }


def java_options(settings: Settings) -> list[str]:
    """How Java runs Kafka; a container gets the same through ``KAFKA_HEAP_OPTS`` and the image's own options."""
    heap = settings.kafka_heap_mb
    return [f"-Xms{heap}m", f"-Xmx{heap}m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-Djava.awt.headless=true"]


def redis_options(settings: Settings) -> list[str]:
    """Redis's options, the same in a container and on this machine.

    Examples
    --------
    >>> redis_options(Settings())[:4]
    ['--save', '', '--appendonly', 'no']
    """
    return ["--save", "", "--appendonly", "no",
            "--maxmemory", f"{settings.redis_memory_mb}mb", "--maxmemory-policy", "noeviction"]  # fmt: skip


# --- are they there? -------------------------------------------------------------------------------------------------


def ask_kafka(host: str, port: int) -> str:
    """Empty if a Kafka answers there, else what is wrong."""
    answer, wrong = _ask(host, port, _API_VERSIONS, enough=10)
    if wrong:
        return wrong
    if len(answer) < 10 or answer[4:8] != _API_VERSIONS[8:12]:
        return f"what answers on port {port} is no Kafka"
    return "" if answer[8:10] == b"\0\0" else f"Kafka answers with its error {int.from_bytes(answer[8:10], 'big')}"


def ask_redis(host: str, port: int) -> str:
    """Empty if a Redis answers there, else what is wrong."""
    answer, wrong = _ask(host, port, b"PING\r\n", enough=5)
    if wrong or answer[:5] in (b"+PONG", b"-NOAU"):
        return wrong
    what = answer.decode(errors="replace").strip()[:80]
    return f"Redis answers {what}" if answer[:1] == b"-" else f"what answers on port {port} is no Redis"


def ask_page(host: str, port: int, path: str) -> str:
    """Empty if a page is served there in good health, else what is wrong."""
    question = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()
    answer, wrong = _ask(host, port, question, enough=15)
    if wrong:
        return wrong
    words = answer.partition(b"\r\n")[0].decode(errors="replace").split()
    if len(words) < 2 or not words[0].startswith("HTTP/"):
        return f"what answers on port {port} serves no pages"
    return "" if words[1] == "200" else f"{path} answers {' '.join(words[1:])[:80]}"


def _ask(host: str, port: int, question: bytes, *, enough: int) -> tuple[bytes, str]:
    """Send a few bytes, and read until there are ``enough``."""
    answer = b""
    try:
        with socket.create_connection((host, port), timeout=ANSWER_S) as connection:
            connection.sendall(question)
            while len(answer) < enough and (more := connection.recv(ANSWER_BYTES)):
                answer += more
    except TimeoutError:
        return b"", f"no answer on port {port} within {ANSWER_S:.0f} s"
    except OSError as error:
        return b"", f"port {port}: {(error.strerror or str(error)).lower()}"
    return answer, ""


def port_is_free(port: int) -> bool:
    """Whether a server could listen on the loopback there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody uses at the moment."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
