"""Are topics made as stated, are those that differ told and mended, and is a broker met as it wants to be?"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests import servers
from tests.adapters.on_kafka import PARTITIONS, own_topics
from tests.conftest import demand
from vtrade.adapters.kafka.bus import KafkaBus
from vtrade.adapters.kafka.connecting import connect
from vtrade.adapters.kafka.settings import KafkaSettings
from vtrade.adapters.kafka.topics import ensure_topics, topic_specs
from vtrade.domain.topics import DIRECTORY, INBOUND, SNAPSHOTS, TOPICS
from vtrade.errors import BusUnavailable, SettingsError
from vtrade.ports import Outgoing
from vtrade.services.stack import servers as stack_servers

pytestmark = pytest.mark.needs("kafka")


def configs(settings: KafkaSettings, topic: str) -> dict[str, str]:
    """A topic's configuration as the broker tells it."""
    from kafka.admin import ConfigResource, ConfigResourceType

    admin = connect(settings)
    try:
        name = settings.on_broker(topic)
        found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)], config_filter="all")
        return {key: str(config["value"]) for key, config in found["topic"][name].items()}
    finally:
        admin.close()


def test_topics_stand_on_the_broker_as_stated(kafka_server: Any) -> None:
    with own_topics(kafka_server.address) as settings:
        bus = KafkaBus(settings)
        for topic, spec in topic_specs(settings).items():
            assert len(bus.ends(topic)) == (1 if topic == DIRECTORY else PARTITIONS)
            assert spec.configs.items() <= configs(settings, topic).items()
        bus.close()


def test_what_is_there_is_left_alone(kafka_server: Any) -> None:
    with own_topics(kafka_server.address) as settings:
        report = ensure_topics(settings)
        assert report.created == report.differs == ()


def test_many_may_make_the_topics_at_the_same_time(kafka_server: Any) -> None:
    with own_topics(kafka_server.address) as settings, ThreadPoolExecutor(3) as pool:
        other = msgspec.structs.replace(settings, prefix=f"{settings.prefix}-many")
        reports = list(pool.map(ensure_topics, [other] * 3))
        assert {name for report in reports for name in report.created} == {other.on_broker(topic) for topic in TOPICS}
        admin = connect(other)
        admin.delete_topics([other.on_broker(topic) for topic in TOPICS], raise_errors=False)
        admin.close()


def test_a_difference_is_told_and_mended_where_one_asks_for_it(kafka_server: Any) -> None:
    with own_topics(kafka_server.address) as settings:
        longer = msgspec.structs.replace(settings, retention_hours={INBOUND: 9_000})
        told = ensure_topics(longer)
        assert told.differs == (
            f"{settings.on_broker(INBOUND)}: retention.ms is 10368000000, should be {9_000 * 3_600_000}",
        )
        assert configs(settings, INBOUND)["retention.ms"] == "10368000000"
        assert ensure_topics(longer, mend=True).differs == told.differs
        assert ensure_topics(longer).differs == ()
        assert configs(settings, SNAPSHOTS)["cleanup.policy"] == "compact"


@pytest.mark.parametrize("partitions", [PARTITIONS - 1, PARTITIONS + 1])
def test_another_number_of_partitions_is_an_error_that_names_both(kafka_server: Any, partitions: int) -> None:
    with own_topics(kafka_server.address) as settings:
        other = msgspec.structs.replace(settings, partitions=partitions)
        for call in (ensure_topics, KafkaBus):
            with pytest.raises(SettingsError, match=rf"has {PARTITIONS} partitions and should have {partitions}"):
                call(other)


def test_a_bus_without_topics_is_told(kafka_server: Any) -> None:
    with pytest.raises(BusUnavailable, match=r"test-nobody\.inbound.*`vtrade stack up`"):
        KafkaBus(KafkaSettings(servers=kafka_server.address, prefix="test-nobody"))


def test_more_replicas_than_brokers_is_told(kafka_server: Any) -> None:
    settings = KafkaSettings(servers=kafka_server.address, prefix="test-replicas", replication=9)
    with pytest.raises(BusUnavailable, match=r"(?i)replication"):
        ensure_topics(settings)


# --- TLS and a login -------------------------------------------------------------------------------------------------


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine, signed by itself, and the same with its key for the broker."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    today = datetime.datetime.now(tz=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(today - datetime.timedelta(days=1)).not_valid_after(today + datetime.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([
                x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            ]), critical=False,
        )
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    public = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    ca, both = folder / "ca.pem", folder / "both.pem"
    ca.write_bytes(public)
    both.write_bytes(private + public)
    return ca, both


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaSettings]:
    """A broker that wants TLS and a login, and the settings that it lets in."""
    demand("java")
    demand("kafka")
    folder = tmp_path_factory.mktemp("guarded")
    ca, both = make_certificate(folder)
    stack = servers.new_stack(folder)
    (port,) = servers.free_ports(1)
    plain = stack_servers.local_properties

    def with_guard(settings: Any, data: Path) -> dict[str, str]:
        module = "org.apache.kafka.common.security.plain.PlainLoginModule"
        found = plain(settings, data)
        return found | {
            "listeners": f"{found['listeners']},GUARDED://127.0.0.1:{port}",
            "advertised.listeners": f"{found['advertised.listeners']},GUARDED://127.0.0.1:{port}",
            "listener.security.protocol.map": f"{found['listener.security.protocol.map']},GUARDED:SASL_SSL",
            "listener.name.guarded.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.guarded.plain.sasl.jaas.config": f'{module} required user_ana="hunter2";',
            "listener.name.guarded.ssl.keystore.type": "PEM",
            "listener.name.guarded.ssl.keystore.location": str(both),
        }

    patch = pytest.MonkeyPatch()
    patch.setattr(stack_servers, "local_properties", with_guard)
    try:
        stack.start("kafka")
        yield KafkaSettings(
            servers=f"127.0.0.1:{port}", security="SASL_SSL", mechanism="PLAIN", username="ana", password="hunter2",
            ca=str(ca), partitions=1, connect_s=5.0, request_s=3.0,
        )  # fmt: skip
    finally:
        patch.undo()
        stack.down()


def test_a_guarded_broker_lets_in_who_may(guarded: KafkaSettings) -> None:
    ensure_topics(guarded)
    bus = KafkaBus(guarded)
    member = bus.join("vtrade-guarded", [INBOUND], on_taken=lambda places: None, on_lost=lambda places: None)
    offset = bus.post(Outgoing(INBOUND, "room", b"secret")).result(30)
    assert [record.value for record in bus.read((INBOUND, 0), offset)] == [b"secret"]
    member.close()
    bus.close()


@pytest.mark.parametrize(
    "wrong, told",
    [
        ({"password": "hunter3"}, "VTRADE_KAFKA_PASSWORD"),
        ({"ca": ""}, "VTRADE_KAFKA_CA"),
        ({"security": "SASL_PLAINTEXT"}, "VTRADE_KAFKA_SECURITY"),
    ],
)
def test_who_may_not_is_told_what_to_mend(guarded: KafkaSettings, wrong: dict[str, str], told: str) -> None:
    with pytest.raises((SettingsError, BusUnavailable), match=told) as caught:
        ensure_topics(msgspec.structs.replace(guarded, **wrong))
    assert "hunter" not in str(caught.value)
