"""Does a Kafka that we can work with answer, and if not, what should the reader do?

Rules: one look before kafka-python is let loose, since it only says "unable to bootstrap": does the name resolve, does
something listen, does it speak TLS with a certificate we trust, is it a Kafka, does it let us in, is it new enough?
Each no is one message that names the setting, its value and the mend.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final

from vtrade.adapters.kafka.settings import KafkaSettings, client_options, tls
from vtrade.errors import BusUnavailable, SettingsError

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

BROKER_MIN: Final = (2, 5)
"""Since then a broker fences workers of an older generation, and lets a writer go on after a lost answer."""
PROBE_S_MAX: Final = 5.0
"""Longest wait for one server to accept a connection."""
START: Final = "start one with `vtrade stack up --local`, or name another one in VTRADE_KAFKA"


def unavailable(settings: KafkaSettings, why: object) -> BusUnavailable:
    """The error for a Kafka that does not answer."""
    return BusUnavailable(f"no Kafka answers at VTRADE_KAFKA={settings.servers} ({why}); {START}")


def connect(settings: KafkaSettings) -> KafkaAdminClient:
    """A connected administrator, once it is certain that we can work with this Kafka.

    Raises
    ------
    BusUnavailable
        If nothing answers within ``connect_s``.
    SettingsError
        If what answers cannot be worked with: no TLS where it was asked for, no login, too old a version.
    """
    from kafka import KafkaAdminClient
    from kafka.errors import AuthorizationError, IncompatibleBrokerVersion, KafkaError, SaslAuthenticationFailedError

    from vtrade.adapters.kafka import reach

    reach.check_library()
    _probe(settings)
    options = client_options(settings)
    try:
        admin: KafkaAdminClient = reach.opened(KafkaAdminClient, options)
    except IncompatibleBrokerVersion as error:
        raise too_old(settings, (), error) from None
    except KafkaError as error:
        why = reach.why_not(options) or error
        if isinstance(why, SaslAuthenticationFailedError | AuthorizationError):
            raise SettingsError(
                f"the Kafka at {settings.shown()} does not let us in ({why}): mend VTRADE_KAFKA_USERNAME, "
                "VTRADE_KAFKA_PASSWORD and VTRADE_KAFKA_SASL_MECHANISM"
            ) from None
        login = ", VTRADE_KAFKA_USERNAME and VTRADE_KAFKA_PASSWORD" if settings.username else ""
        raise BusUnavailable(
            f"something listens at VTRADE_KAFKA={settings.servers}, but it does not answer as a Kafka with "
            f"{settings.security} within {settings.connect_s:g} s ({why}); is it starting, is "
            f"VTRADE_KAFKA_SECURITY{login} right, and does it advertise an address that can be reached from here? "
            f"Else {START}"
        ) from None
    if reach.broker_version(admin) < BROKER_MIN:
        version = reach.broker_version(admin)
        admin.close()
        raise too_old(settings, version)
    return admin


def too_old(settings: KafkaSettings, version: tuple[int, ...], why: object = "") -> SettingsError:
    """The error for a broker that cannot do what is needed.

    Examples
    --------
    >>> print(too_old(KafkaSettings(), (1, 1)))
    the Kafka at 127.0.0.1:9092 is version 1.1, and 2.5 or newer is needed; upgrade it, or start one with ...
    """
    shown = ".".join(map(str, version)) or "unknown"
    return SettingsError(
        f"the Kafka at {settings.servers} is version {shown}{f' ({why})' if why else ''}, and "
        f"{'.'.join(map(str, BROKER_MIN))} or newer is needed; upgrade it, or {START}"
    )


def _probe(settings: KafkaSettings) -> None:
    """Find one server that listens, and speaks TLS where it has to."""
    timeout_s = min(settings.connect_s, PROBE_S_MAX)
    context: Any = tls(settings)
    found: list[str] = []
    for host, port in settings.addresses():
        try:
            with socket.create_connection((host, port), timeout=timeout_s) as plain:
                if context is not None:
                    with context.wrap_socket(plain, server_hostname=host):
                        return
                return
        except OSError as error:
            found.append(f"{host}:{port}: {error.strerror or error}")
            if context is not None and "certificate" in str(error).lower():
                raise SettingsError(
                    f"the certificate of the Kafka at {host}:{port} is not to be trusted ({error}): name the authority "
                    "that signed it in VTRADE_KAFKA_CA, and call the server by a name that is in its certificate"
                ) from None
    raise unavailable(settings, "; ".join(found))
