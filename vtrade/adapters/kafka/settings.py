"""Where is Kafka, who are we there, and which bounds hold between us?

Rules: plain values, checked when they are put together, so that nothing that starts can fail on them later; one
message names the setting, the value and the mend. A password is never shown. Times are in seconds, sizes in bytes;
what kafka-python calls them is said here and nowhere else.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec

from vtrade.domain.topics import ACTIONS, DEAD_LETTERS, INBOUND, PORTFOLIO, PROGRESS, TRADES
from vtrade.errors import SettingsError

SECURITY: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
COMPRESSION: Final = ("none", "gzip", "lz4", "snappy", "zstd")
FOREVER: Final = -1
COURSE_HOURS: Final = 120 * 24
"""A course with its examinations and the time to dispute a grade."""
RETENTION_HOURS: Final[Mapping[str, int]] = MappingProxyType({
    INBOUND: COURSE_HOURS, TRADES: COURSE_HOURS, ACTIONS: COURSE_HOURS, PORTFOLIO: 7 * 24, PROGRESS: 7 * 24,
    DEAD_LETTERS: 30 * 24,
})  # fmt: skip
"""How long each topic keeps its records unless settings say otherwise; ``FOREVER`` is without end."""
BACKOFF_S: Final = 0.05
BACKOFF_MAX_S: Final = 1.0
"""A lost connection is tried again after ``BACKOFF_S``, then twice as long each time, up to this."""
TRANSACTION_BACKOFF_S: Final = 0.01
"""The broker wants to be asked again where it has not quite finished the transaction before."""
FETCH_WAIT_S: Final = 0.25
"""The broker keeps a question for records open this long where there are none."""
_SERVER: Final = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
_PREFIX: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
_CLIENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:/-]{0,120}")


class KafkaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A connection to Kafka: where, as whom, and within which bounds.

    Attributes
    ----------
    servers : str
        Bootstrap servers, ``host:port[,host:port]``.
    security, mechanism, username, password : str
        Security protocol of Kafka; how and as whom to log in where it says ``SASL_...``.
    ca, cert, key : str
        Paths of PEM files: whom to trust (empty: whom the system trusts), and who we are (empty: nobody).
    client : str
        Name of this program in the broker's log.
    prefix : str
        Takes the place of ``vtrade`` in the names of topics and groups, so that one broker can carry several systems.
    partitions, replication : int
        Of each topic that holds rooms; the number of partitions never changes once rooms live there.
    retention_hours : mapping
        Hours that topics keep their records, where they differ from ``RETENTION_HOURS``; -1 is for ever.
    compression : str
        Of batches: none, gzip, lz4, snappy or zstd.
    transactions : bool
        Whether a worker's records and its position become visible together.
    post_linger_s, post_batch_bytes, bulk_linger_s, bulk_batch_bytes
        How long, and up to which size, single records and bulk wait for company. What comes while a batch is on its way
        waits together for the next one anyway, so waiting longer gains nothing on a near broker.
    sending_records_max, sending_bytes_max : int
        Posts on their way at a time; more is ``Overloaded``.
    record_bytes_max : int
        Largest record, before compression.
    fetch_bytes_min, fetch_wait_s
        The broker answers once there are so many bytes, or after so many seconds: who can wait asks less often.
    fetch_bytes_max, fetch_partition_bytes_max : int
        Records that the broker sends at a time, in all and of one partition.
    connect_s, request_s, delivery_s, transaction_s, read_s : float
        Deadlines: until a server has answered for the first time; of one request; until a record is durable; until a
        transaction is; and until a read has come any further.
    session_s, heartbeat_s : float
        A worker that was not heard of for ``session_s`` is dead to its group; it is heard of every ``heartbeat_s``,
        also while it works on what it has taken, and hears then that others come or go.
    poll_s_max : float
        A worker that takes nothing for this long leaves its group. Others of the group may have to wait for it.

    Examples
    --------
    >>> KafkaSettings(servers="kafka:9092", password="hunter2", username="vtrade", security="SASL_SSL").shown()
    'kafka:9092 (SASL_SSL as vtrade)'
    >>> KafkaSettings(servers="kafka")
    Traceback (most recent call last):
    ...
    vtrade.errors.SettingsError: VTRADE_KAFKA is 'kafka': it takes host:port, several with commas between them
    """

    servers: str = "127.0.0.1:9092"
    security: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    username: str = ""
    password: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""
    client: str = "vtrade"
    prefix: str = "vtrade"
    partitions: int = 8
    replication: int = 1
    retention_hours: Mapping[str, int] = {}
    compression: str = "zstd"
    transactions: bool = False
    post_linger_s: float = 0.008
    post_batch_bytes: int = 65_536
    bulk_linger_s: float = 0.0
    bulk_batch_bytes: int = 262_144
    sending_records_max: int = 20_000
    sending_bytes_max: int = 67_108_864
    record_bytes_max: int = 1_048_576
    fetch_bytes_min: int = 1
    fetch_wait_s: float = FETCH_WAIT_S
    fetch_bytes_max: int = 16_777_216
    fetch_partition_bytes_max: int = 2_097_152
    connect_s: float = 10.0
    request_s: float = 5.0
    delivery_s: float = 15.0
    transaction_s: float = 5.0
    read_s: float = 30.0
    session_s: float = 6.0
    heartbeat_s: float = 0.5
    poll_s_max: float = 90.0

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        _check_servers(self.servers)
        _check_choices(self)
        _check_numbers(self)
        _check_login(self)

    def __repr__(self) -> str:
        return f"KafkaSettings({self.shown()})"

    def shown(self) -> str:
        """Where, how and as whom, without the password."""
        who = f" as {self.username}" if self.username else ""
        return self.servers if self.security == "PLAINTEXT" else f"{self.servers} ({self.security}{who})"

    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each bootstrap server.

        Examples
        --------
        >>> KafkaSettings(servers="a:1, [::1]:2").addresses()
        [('a', 1), ('::1', 2)]
        """
        pairs = (server.strip().rpartition(":") for server in self.servers.split(","))
        return [(host.strip("[]"), int(port)) for host, _, port in pairs]

    def on_broker(self, name: str) -> str:
        """What a topic or a group is called on the broker.

        Examples
        --------
        >>> KafkaSettings(prefix="algebra").on_broker("vtrade.inbound"), KafkaSettings().on_broker("vtrade-execution")
        ('algebra.inbound', 'vtrade-execution')
        """
        return self.prefix + name.removeprefix("vtrade") if name.startswith("vtrade") else f"{self.prefix}.{name}"

    def retention_ms(self, topic: str) -> int:
        """How long a topic keeps its records, in milliseconds; -1 is for ever."""
        hours = self.retention_hours.get(topic, RETENTION_HOURS.get(topic, FOREVER))
        return FOREVER if hours < 0 else hours * 3_600_000


# --- checking --------------------------------------------------------------------------------------------------------


def _check_servers(servers: str) -> None:
    for server in servers.split(","):
        match = _SERVER.fullmatch(server.strip())
        if match is None or not 0 < int(match[1]) < 65_536:
            raise SettingsError(f"VTRADE_KAFKA is {servers!r}: it takes host:port, several with commas between them")


def _check_choices(settings: KafkaSettings) -> None:
    for name, allowed in (("security", SECURITY), ("mechanism", MECHANISMS), ("compression", COMPRESSION)):
        if (value := getattr(settings, name)) not in allowed:
            raise SettingsError(f"the Kafka setting {name} is {value!r}: it takes one of {', '.join(allowed)}")
    if not _PREFIX.fullmatch(settings.prefix):
        raise SettingsError(
            f"VTRADE_TOPIC_PREFIX is {settings.prefix!r}: it takes at most 61 letters, digits, '.', '_' and '-', and "
            "begins with a letter or a digit"
        )
    if not _CLIENT.fullmatch(settings.client):
        raise SettingsError(
            f"the name of a client of Kafka is {settings.client!r}: it takes at most 121 letters, digits and '._@:/-', "
            "and begins with a letter or a digit"
        )
    if unknown := settings.retention_hours.keys() - RETENTION_HOURS.keys():
        raise SettingsError(
            f"retention_hours names {', '.join(sorted(unknown))}: only {', '.join(RETENTION_HOURS)} forget with time"
        )


def _check_numbers(settings: KafkaSettings) -> None:
    for name in (
        "partitions", "replication", "sending_records_max", "sending_bytes_max", "record_bytes_max", "fetch_bytes_max",
        "connect_s", "request_s", "delivery_s", "transaction_s", "read_s", "session_s", "heartbeat_s",
    ):  # fmt: skip
        if getattr(settings, name) <= 0:
            raise SettingsError(f"the Kafka setting {name} is {getattr(settings, name)}: it takes more than 0")
    for less, more in (
        ("bulk_linger_s", "request_s"), ("post_linger_s", "request_s"), ("request_s", "delivery_s"),
        ("heartbeat_s", "session_s"), ("session_s", "poll_s_max"), ("record_bytes_max", "fetch_partition_bytes_max"),
        ("transaction_s", "read_s"),
    ):  # fmt: skip
        if getattr(settings, less) >= getattr(settings, more):
            raise SettingsError(
                f"the Kafka setting {less} ({getattr(settings, less)}) has to be less than {more} "
                f"({getattr(settings, more)}); make one smaller or the other larger"
            )
    for topic, hours in settings.retention_hours.items():
        if hours == 0 or hours < FOREVER:
            raise SettingsError(f"retention_hours of {topic} is {hours}: it takes hours, or -1 for ever")


def _check_login(settings: KafkaSettings) -> None:
    if settings.security.startswith("SASL") and not (settings.username and settings.password):
        raise SettingsError(
            f"Kafka is told to use {settings.security}, which needs a name and a password: set VTRADE_KAFKA_USERNAME "
            "and VTRADE_KAFKA_PASSWORD, or VTRADE_KAFKA_SECURITY=PLAINTEXT"
        )
    if bool(settings.key) and not settings.cert:
        raise SettingsError("VTRADE_KAFKA_KEY names a key without a certificate: set VTRADE_KAFKA_CERT too")
    for name in ("ca", "cert", "key"):
        path = getattr(settings, name)
        if path and not Path(path).is_file():
            raise SettingsError(f"VTRADE_KAFKA_{name.upper()} is {path!r}: there is no such file; mend the path")


# --- as kafka-python calls them --------------------------------------------------------------------------------------


def tls(settings: KafkaSettings) -> ssl.SSLContext | None:
    """What a secure connection trusts and shows; ``None`` where there is none.

    Raises
    ------
    SettingsError
        If a file is not what it should be.
    """
    if settings.security not in ("SSL", "SASL_SSL"):
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca or None)
        if settings.cert:
            context.load_cert_chain(settings.cert, settings.key or None)
    except (ssl.SSLError, OSError) as error:
        named = ", ".join(f"VTRADE_KAFKA_{n.upper()}={getattr(settings, n)}" for n in ("ca", "cert", "key"))
        raise SettingsError(f"the certificates for Kafka cannot be used ({error}): {named}; mend the files") from None
    return context


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """What every client of kafka-python is told."""
    options: dict[str, Any] = {
        "bootstrap_servers": [server.strip() for server in settings.servers.split(",")],
        "client_id": settings.client,
        "security_protocol": settings.security,
        "ssl_context": tls(settings),
        "bootstrap_timeout_ms": _ms(settings.connect_s),
        "request_timeout_ms": _ms(settings.request_s),
        "reconnect_backoff_ms": _ms(BACKOFF_S),
        "reconnect_backoff_max_ms": _ms(BACKOFF_MAX_S),
        "retry_backoff_ms": _ms(BACKOFF_S),
    }
    if settings.security.startswith("SASL"):
        options |= {
            "sasl_mechanism": settings.mechanism,
            "sasl_plain_username": settings.username,
            "sasl_plain_password": settings.password,
        }
    return options


def producer_options(settings: KafkaSettings, *, bulk: bool) -> dict[str, Any]:
    """What a writer of single records, or of bulk, is told.

    Examples
    --------
    >>> options = producer_options(KafkaSettings(), bulk=False)
    >>> options["acks"], options["enable_idempotence"], options["linger_ms"]
    ('all', True, 8)
    """
    return client_options(settings) | {
        "acks": "all",
        "enable_idempotence": True,
        "compression_type": None if settings.compression == "none" else settings.compression,
        "linger_ms": _ms(settings.bulk_linger_s if bulk else settings.post_linger_s),
        "batch_size": settings.bulk_batch_bytes if bulk else settings.post_batch_bytes,
        "max_request_size": settings.record_bytes_max + settings.bulk_batch_bytes,
        "delivery_timeout_ms": _ms(settings.delivery_s),
        "max_block_ms": _ms(settings.request_s),
        "metrics_enabled": False,
    }


def transaction_options(settings: KafkaSettings, transactional_id: str) -> dict[str, Any]:
    """What the writer of one worker's transactions is told.

    The broker undoes by itself what stays open for longer than we would wait.
    """
    return producer_options(settings, bulk=True) | {
        "transactional_id": transactional_id,
        "transaction_timeout_ms": _ms(settings.transaction_s + settings.request_s / 2),
        "retry_backoff_ms": _ms(TRANSACTION_BACKOFF_S),
        "linger_ms": 0,
    }


def consumer_options(settings: KafkaSettings) -> dict[str, Any]:
    """What a reader is told."""
    return client_options(settings) | {
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "isolation_level": "read_committed",
        "allow_auto_create_topics": False,
        "fetch_max_bytes": settings.fetch_bytes_max,
        "max_partition_fetch_bytes": settings.fetch_partition_bytes_max,
        "fetch_min_bytes": settings.fetch_bytes_min,
        "fetch_max_wait_ms": _ms(min(settings.fetch_wait_s, settings.request_s / 2)),
        "metrics_enabled": False,
    }


def member_options(settings: KafkaSettings, group: str) -> dict[str, Any]:
    """What a reader that is one of a group is told."""
    return consumer_options(settings) | {
        "group_id": settings.on_broker(group),
        "session_timeout_ms": _ms(settings.session_s),
        "heartbeat_interval_ms": _ms(settings.heartbeat_s),
        "max_poll_interval_ms": _ms(settings.poll_s_max),
    }


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)
