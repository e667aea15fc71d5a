"""Which settings contradict each other, or can be seen to be wrong before anything is started?

Rules: the first thing that is wrong is one error that names the setting, its value and the mend; no secret is in it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from vtrade.errors import SettingsError

if TYPE_CHECKING:
    from vtrade.services.settings import Settings

_HOST_PORT: Final = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
_VERSION: Final = re.compile(r"v?[0-9]+(\.[0-9]+)*")
_CLUSTER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{21}")
_PREFIX: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
_VERSIONS: Final = (
    "kafka_version", "redis_version", "redis_version_min", "prometheus_version", "grafana_version", "python_version",
)  # fmt: skip


def check_settings(settings: Settings) -> None:
    """Refuse what no single type can refuse."""
    for server in settings.kafka.split(","):
        _check_server("VTRADE_KAFKA", server.strip(), settings.kafka)
    _check_redis(settings)
    for field in _VERSIONS:
        if not _VERSION.fullmatch(value := getattr(settings, field)):
            raise SettingsError(f"VTRADE_{field.upper()} is {value!r}: it takes a version such as 4.1.1")
    if not _PREFIX.fullmatch(settings.topic_prefix):
        raise SettingsError(
            f"VTRADE_TOPIC_PREFIX is {settings.topic_prefix!r}: it takes at most 61 letters, digits, '.', '_' and '-', "
            "and begins with a letter or a digit"
        )
    for field in settings.__struct_fields__:
        if field.startswith("retention_") and getattr(settings, field) == 0:
            raise SettingsError(
                f"VTRADE_{field.upper()} is 0, which would keep nothing: it takes hours, or -1 for ever"
            )
    if not _CLUSTER.fullmatch(settings.kafka_cluster):
        raise SettingsError(
            f"VTRADE_KAFKA_CLUSTER is {settings.kafka_cluster!r}: it takes 22 letters and digits (16 bytes in base 64)"
        )
    _check_security(settings)


def _check_server(name: str, server: str, whole: str) -> None:
    found = _HOST_PORT.fullmatch(server)
    if found is None or not 1 <= int(found[1]) <= 65_535:
        raise SettingsError(f"{name} is {whole!r}: it takes host:port[,host:port], such as 127.0.0.1:9092")


def _check_redis(settings: Settings) -> None:
    mend = "it takes redis://host:port/db, such as redis://127.0.0.1:6379/0"
    try:
        parts = urlsplit(settings.redis.text)
        fine = parts.scheme == "unix" or (parts.scheme in ("redis", "rediss") and bool(parts.hostname))
        fine = fine and (parts.port is None or parts.port > 0)
    except ValueError:
        fine = False
    if not fine:
        raise SettingsError(f"VTRADE_REDIS is {settings.redis_shown!r}: {mend}")


def _check_security(settings: Settings) -> None:
    security = settings.kafka_security
    if security.startswith("SASL") and not (settings.kafka_username and settings.kafka_password):
        raise SettingsError(
            f"VTRADE_KAFKA_SECURITY is {security}, so VTRADE_KAFKA_USERNAME and VTRADE_KAFKA_PASSWORD "
            "(or VTRADE_KAFKA_PASSWORD_FILE) must be set"
        )
    if settings.kafka_key and not settings.kafka_cert:
        raise SettingsError("VTRADE_KAFKA_KEY names a key without a certificate: set VTRADE_KAFKA_CERT too")
    for field in ("kafka_ca", "kafka_cert", "kafka_key"):
        path = getattr(settings, field)
        if path and not security.endswith("SSL"):
            raise SettingsError(
                f"VTRADE_{field.upper()} is set, but VTRADE_KAFKA_SECURITY is {security}: set it to SSL or SASL_SSL"
            )
        if path and not Path(path).is_file():
            raise SettingsError(f"VTRADE_{field.upper()} is {path!r}, and there is no such file; check the path")
