"""Where are the servers, and how are topics, ports and versions set, for the whole backbone?

Rules: one settings file (``docker/vtrade.env``, the very file that the compose file reads) holds everything; what it
leaves out has a default here, and the environment wins over both. A value that makes no sense is one error that names
the setting, the value and the mend; a name that nobody knows is an error in the file, and ignored in the environment
(other parts of VTrade have names of their own there). A secret is never shown: not by ``repr``, not in an error, not in
a status.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from vtrade.domain.topics import DIRECTORY, SNAPSHOTS
from vtrade.errors import SettingsError
from vtrade.services.settings_checks import check_settings
from vtrade.services.settings_file import PREFIX, read_env_file, read_text, shipped_file

if TYPE_CHECKING:
    from vtrade.adapters.kafka.settings import KafkaSettings

LOOPBACK: Final = "127.0.0.1"

Port = Annotated[int, Meta(ge=1, le=65_535)]
Megabytes = Annotated[int, Meta(ge=64, le=1_048_576)]
Partitions = Annotated[int, Meta(ge=1, le=10_000)]
Hours = Annotated[int, Meta(ge=-1, le=876_000)]
"""Hours that a topic keeps its records; -1 is for ever."""
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Names = tuple[str, ...]
"""Words with commas between them."""
Security = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

_BOOLEANS: Final = dict.fromkeys("true yes on 1".split(), True) | dict.fromkeys("false no off 0".split(), False)


class Secret(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """A text that is never shown.

    Examples
    --------
    >>> Secret("hunter2"), f"{Secret('hunter2')}", bool(Secret(""))
    (Secret(...), 'Secret(...)', False)
    """

    text: str = ""

    def __repr__(self) -> str:
        return "Secret(...)"

    def __bool__(self) -> bool:
        return bool(self.text)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the servers, the workers and the gateway must agree on; ``VTRADE_`` + NAME sets each.

    Attributes
    ----------
    kafka : str
        Bootstrap servers, ``host:port[,host:port]``; empty means this machine's ``kafka_port``.
    redis : Secret
        ``redis://[user:password@]host:port/db`` (``rediss://`` for TLS; ``host:port`` will do); empty means this
        machine's ``redis_port``. A secret, because it may hold a password; ``redis_shown`` may be shown.
    kafka_heap_mb, redis_memory_mb : int
        Most memory of the Java heap and of Redis's data, in MB.
    topic_prefix : str
        Takes the place of ``vtrade`` in the names of topics, so that one broker can carry several systems.
    partitions, replication : int
        Of each topic that holds rooms; the partitions are fixed once the topics exist.
    retention_..._hours : int
        How long each topic keeps its records; -1 is for ever.
    gateway_hosts, gateway_origins : tuple of str
        Names by which people reach the gateway besides this machine's own, and origins of web pages that may call it.
    data_dir, cache_dir, tapes : Path
        Snapshots, journals and the local stack; what may be fetched again; tapes that a room may name.
    snapshot_every_s : float
        Longest time between two snapshots of a room that is busy, in seconds.

    Examples
    --------
    >>> Settings(kafka_port=19092).kafka, Settings(redis=Secret("redis://:hunter2@cache:6379/0")).redis_shown
    ('127.0.0.1:19092', 'redis://***@cache:6379/0')
    """

    # Apache Kafka
    kafka: str = ""
    kafka_version: str = "4.1.1"
    kafka_port: Port = 9092
    kafka_controller_port: Port = 9093
    kafka_heap_mb: Megabytes = 512
    kafka_cluster: str = "dlRyYWRlVlRyYWRlVlRyYQ"
    kafka_transactions: bool = False
    kafka_security: Security = "PLAINTEXT"
    kafka_sasl_mechanism: Mechanism = "SCRAM-SHA-512"
    kafka_username: str = ""
    kafka_password: Secret = Secret()
    kafka_ca: str = ""
    kafka_cert: str = ""
    kafka_key: str = ""

    # Redis
    redis: Secret = Secret()
    redis_version: str = "7.2.11"
    redis_version_min: str = "7.0"
    redis_port: Port = 6379
    redis_memory_mb: Megabytes = 512

    # Topics
    topic_prefix: str = "vtrade"
    partitions: Partitions = 8
    replication: Annotated[int, Meta(ge=1, le=16)] = 1
    retention_inbound_hours: Hours = 2880
    retention_trades_hours: Hours = 2880
    retention_actions_hours: Hours = 2880
    retention_portfolio_hours: Hours = 168
    retention_progress_hours: Hours = 168
    retention_dead_hours: Hours = 720

    # Gateway, metrics and the monitoring profile
    gateway_host: str = LOOPBACK
    gateway_port: Port = 8440
    gateway_hosts: Names = ()
    gateway_origins: Names = ()
    metrics_host: str = LOOPBACK
    gateway_metrics_port: Port = 9464
    execution_metrics_port: Port = 9465
    portfolio_metrics_port: Port = 9466
    gamification_metrics_port: Port = 9467
    feed_metrics_port: Port = 9468
    prometheus_version: str = "v3.5.0"
    prometheus_port: Port = 9090
    grafana_version: str = "12.2.0"
    grafana_port: Port = 3000

    # Work
    data_dir: Path = Path()
    cache_dir: Path = Path()
    tapes: Path = Path()
    snapshot_every_s: Seconds = 30.0

    # Programs
    python_version: str = "3.11"
    java: str = ""
    maven: str = ""

    def __post_init__(self) -> None:
        """Fill in what follows from other settings, and refuse what contradicts them."""
        fill: dict[str, Any] = {}
        if not self.kafka:
            fill["kafka"] = f"{LOOPBACK}:{self.kafka_port}"
        if not self.redis:
            fill["redis"] = Secret(f"redis://{LOOPBACK}:{self.redis_port}/0")
        elif "://" not in self.redis.text:
            fill["redis"] = Secret(f"redis://{self.redis.text}")
        if Path() in (self.data_dir, self.cache_dir):
            import platformdirs

            fill["data_dir"] = _chosen(self.data_dir, platformdirs.user_data_dir("vtrade", appauthor=False))
            fill["cache_dir"] = _chosen(self.cache_dir, platformdirs.user_cache_dir("vtrade", appauthor=False))
        for name, value in fill.items():
            msgspec.structs.force_setattr(self, name, value)
        check_settings(self)

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.shown().items())})"

    @property
    def redis_shown(self) -> str:
        """Where Redis is, without user and password."""
        return re.sub(r"//[^/]*@", "//***@", self.redis.text)

    def shown(self) -> dict[str, str]:
        """Every setting as text, secrets as ``***``: what a status may show.

        Examples
        --------
        >>> Settings(kafka_password=Secret("hunter2")).shown()["kafka_password"]
        '***'
        """
        values = {name: getattr(self, name) for name in self.__struct_fields__} | {"redis": self.redis_shown}
        return {
            name: ("***" if value else "") if isinstance(value, Secret) else _text(value)
            for name, value in values.items()
        }

    def metrics_port(self, role: str) -> int:
        """Port of the health and metrics page of ``gateway`` or of a worker's role.

        Examples
        --------
        >>> Settings().metrics_port("portfolio")
        9466
        """
        port: int = getattr(self, f"{role}_metrics_port")
        return port

    def retention_hours(self, topic: str) -> int:
        """Hours that a topic of :mod:`vtrade.domain.topics` keeps its records; -1 is for ever.

        Examples
        --------
        >>> Settings().retention_hours("vtrade.progress"), Settings().retention_hours("vtrade.snapshots")
        (168, -1)
        """
        if topic in COMPACTED:
            return -1
        hours: int = getattr(self, f"retention_{topic.removeprefix('vtrade.')}_hours")
        return hours


COMPACTED: Final = frozenset({SNAPSHOTS, DIRECTORY})
"""Topics that keep the newest record of each key for ever."""
SECRETS: Final = frozenset({"kafka_password", "redis"})
"""Settings that may also be read from a file that ``..._FILE`` names."""


def _chosen(path: Path, otherwise: str) -> Path:
    return Path(otherwise) if path == Path() else path


# --- reading ---------------------------------------------------------------------------------------------------------


def load_settings(file: Path | None = None, environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """The settings: defaults, then the settings file, then the environment, then ``overrides``.

    Parameters
    ----------
    file : Path, optional
        Default: the file that ``VTRADE_SETTINGS`` names, else the one that came with VTrade.
    environ : Mapping, optional
        Default: the environment of this process.
    **overrides : object
        Values by field name that win over everything; ``None`` is none.

    Raises
    ------
    SettingsError
        If a value makes no sense, or the file has a name that nobody knows.

    Examples
    --------
    >>> load_settings(environ={"VTRADE_PARTITIONS": "12"}).partitions
    12
    >>> load_settings(environ={"VTRADE_KAFKA_PORT": "ninety"})
    Traceback (most recent call last):
    ...
    vtrade.errors.SettingsError: VTRADE_KAFKA_PORT is 'ninety' (from the environment): it takes a whole
    number from 1 to 65535; mend it or leave it out (9092 is the default)
    """
    known = os.environ if environ is None else environ
    named = known.get(f"{PREFIX}SETTINGS")
    path = file if file is not None else Path(named) if named else shipped_file()
    values: dict[str, Any] = {}
    if path is not None:
        values |= _read_pairs(read_env_file(path, [name for name, _ in _names()]), str(path))
    values |= _read_pairs(known, "the environment")
    values |= {name: value for name, value in overrides.items() if value is not None}
    return Settings(**values)


def kafka_settings(settings: Settings) -> KafkaSettings:
    """What a connection to Kafka is told.

    Examples
    --------
    >>> kafka_settings(Settings(kafka_port=19092, partitions=3)).servers
    '127.0.0.1:19092'
    """
    from vtrade.adapters.kafka import settings as of_kafka

    return of_kafka.KafkaSettings(
        servers=settings.kafka, security=settings.kafka_security, mechanism=settings.kafka_sasl_mechanism,
        username=settings.kafka_username, password=settings.kafka_password.text, ca=settings.kafka_ca,
        cert=settings.kafka_cert, key=settings.kafka_key, prefix=settings.topic_prefix,
        partitions=settings.partitions, replication=settings.replication, transactions=settings.kafka_transactions,
        retention_hours={topic: settings.retention_hours(topic) for topic in of_kafka.RETENTION_HOURS},
    )  # fmt: skip


def to_environ(settings: Settings) -> dict[str, str]:
    """The environment in which another process reads the same settings; secrets included, so for no eyes.

    Examples
    --------
    >>> to_environ(Settings(partitions=3))["VTRADE_PARTITIONS"]
    '3'
    """
    values = {PREFIX + field.upper(): getattr(settings, field) for field in Settings.__struct_fields__}
    return {name: _text(value) for name, value in values.items() if value != Path()}


def _text(value: object) -> str:
    """A value as a settings file has it."""
    if isinstance(value, Secret):
        return value.text
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _names() -> Iterator[tuple[str, str]]:
    """Every name in the environment, with the field it sets."""
    for field in Settings.__struct_fields__:
        yield PREFIX + field.upper(), field
    for field in sorted(SECRETS):
        yield f"{PREFIX}{field.upper()}_FILE", field


def _read_pairs(pairs: Mapping[str, str], source: str) -> dict[str, Any]:
    hints = get_type_hints(Settings, include_extras=True)
    values: dict[str, Any] = {}
    for name, field in _names():
        text = pairs.get(name, "").strip()
        if not text:
            continue
        if name.endswith("_FILE") and field in SECRETS:
            if field in values:
                raise SettingsError(f"both {name} and {name.removesuffix('_FILE')} are set (from {source}); keep one")
            text = read_text(Path(text), f"file that {name} names").strip()
        values[field] = _read_value(name, field, text, hints[field], source)
    return values


def _read_value(name: str, field: str, text: str, hint: Any, source: str) -> Any:
    if hint is Secret:
        return Secret(text)
    if hint is str:
        return text
    if hint == Names:
        return tuple(word for part in text.split(",") if (word := part.strip()))
    if hint is Path:
        return Path(text).expanduser()
    try:
        return _BOOLEANS[text.lower()] if hint is bool else msgspec.convert(text, hint, strict=False)
    except (msgspec.ValidationError, KeyError):
        default = next(f.default for f in msgspec.structs.fields(Settings) if f.name == field)
        raise SettingsError(
            f"{name} is {text!r} (from {source}): it takes {_wanted(hint)}; "
            f"mend it or leave it out ({str(default).lower() if hint is bool else default} is the default)"
        ) from None


def _wanted(hint: Any) -> str:
    """What a value of this type may be, in words."""
    if hint is bool:
        return "true or false"
    if get_origin(hint) is Literal:
        return f"one of {', '.join(get_args(hint))}"
    base, meta = get_args(hint)
    kind = "a whole number" if base is int else "a number"
    low = f"from {meta.ge}" if meta.ge is not None else f"above {meta.gt}"
    return f"{kind} {low} to {meta.le}"
