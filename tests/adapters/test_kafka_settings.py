"""Are the settings of Kafka refused where they cannot work, told to kafka-python as they are meant, and kept secret?"""

from __future__ import annotations

from pathlib import Path

import pytest

from vtrade.adapters.kafka.connecting import too_old
from vtrade.adapters.kafka.settings import (
    KafkaSettings,
    consumer_options,
    member_options,
    producer_options,
    tls,
    transaction_options,
)
from vtrade.adapters.kafka.topics import topic_specs
from vtrade.domain.topics import DIRECTORY, INBOUND, PORTFOLIO, SNAPSHOTS, TOPICS, TRADES
from vtrade.errors import SettingsError


@pytest.mark.parametrize(
    "wrong, told",
    [
        ({"servers": "kafka"}, "VTRADE_KAFKA is 'kafka'"),
        ({"servers": "kafka:0"}, "kafka:0"),
        ({"servers": "a:1,b"}, "a:1,b"),
        ({"servers": "a:99999"}, "99999"),
        ({"security": "TLS"}, "PLAINTEXT, SSL"),
        ({"security": "SASL_SSL"}, "VTRADE_KAFKA_USERNAME"),
        ({"security": "SASL_SSL", "username": "u", "password": "hunter2", "mechanism": "GSSAPI"}, "SCRAM-SHA-256"),
        ({"compression": "rar"}, "zstd"),
        ({"prefix": "a b"}, "VTRADE_TOPIC_PREFIX"),
        ({"client": ""}, "''"),
        ({"partitions": 0}, "partitions"),
        ({"delivery_s": 1.0}, "request_s"),
        ({"session_s": 0.1}, "heartbeat_s"),
        ({"record_bytes_max": 10_000_000}, "fetch_partition_bytes_max"),
        ({"retention_hours": {SNAPSHOTS: 1}}, "vtrade.snapshots"),
        ({"retention_hours": {INBOUND: 0}}, "for ever"),
        ({"ca": "/nowhere/ca.pem"}, "VTRADE_KAFKA_CA"),
        ({"key": "/nowhere/key.pem"}, "VTRADE_KAFKA_CERT"),
    ],
)
def test_what_cannot_work_is_refused_with_its_name(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(SettingsError, match=told) as caught:
        KafkaSettings(**wrong)
    assert "hunter2" not in str(caught.value)


def test_a_certificate_that_is_none_is_told(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("this is no certificate")
    with pytest.raises(SettingsError, match="VTRADE_KAFKA_CA"):
        tls(KafkaSettings(security="SSL", ca=str(ca)))


def test_a_password_is_never_shown() -> None:
    settings = KafkaSettings(security="SASL_PLAINTEXT", username="ana", password="hunter2")
    assert "hunter2" not in f"{settings!r} {settings} {settings.shown()}"
    assert producer_options(settings, bulk=True)["sasl_plain_password"] == "hunter2"
    assert consumer_options(settings)["sasl_mechanism"] == "SCRAM-SHA-512"


def test_without_a_login_none_is_told() -> None:
    options = consumer_options(KafkaSettings())
    assert not any(name.startswith("sasl") for name in options)
    assert options["ssl_context"] is None


def test_what_kafka_python_is_told() -> None:
    settings = KafkaSettings(servers="a:1, b:2", prefix="algebra", session_s=9.0, poll_s_max=60.0, delivery_s=20.0)
    single, bulk = producer_options(settings, bulk=False), producer_options(settings, bulk=True)
    assert single["bootstrap_servers"] == ["a:1", "b:2"]
    assert (single["acks"], single["enable_idempotence"], single["compression_type"]) == ("all", True, "zstd")
    assert (single["delivery_timeout_ms"], bulk["batch_size"]) == (20_000, 262_144)
    assert transaction_options(settings, "me")["transactional_id"] == "me"
    member = member_options(settings, "vtrade-execution")
    assert (member["group_id"], member["isolation_level"]) == ("algebra-execution", "read_committed")
    assert (member["session_timeout_ms"], member["max_poll_interval_ms"]) == (9_000, 60_000)
    assert member["enable_auto_commit"] is False
    assert producer_options(KafkaSettings(compression="none"), bulk=False)["compression_type"] is None


def test_topics_are_as_stated() -> None:
    settings = KafkaSettings(partitions=12, replication=3, retention_hours={TRADES: -1, PORTFOLIO: 2})
    specs = topic_specs(settings)
    assert specs.keys() == set(TOPICS)
    assert {topic for topic, spec in specs.items() if spec.partitions != 12} == {DIRECTORY}
    assert {topic for topic, s in specs.items() if s.configs["cleanup.policy"] == "compact"} == {DIRECTORY, SNAPSHOTS}
    assert specs[INBOUND].configs["retention.ms"] == str(120 * 24 * 3_600_000)
    assert specs[TRADES].configs["retention.ms"] == "-1"
    assert specs[PORTFOLIO].configs["retention.ms"] == "7200000"
    assert {spec.configs["min.insync.replicas"] for spec in specs.values()} == {"2"}


def test_a_broker_that_is_too_old_is_told_with_both_versions() -> None:
    told = str(too_old(KafkaSettings(servers="old:9092"), (1, 1)))
    assert "old:9092" in told
    assert "1.1" in told
    assert "2.5" in told
