"""Do settings come from where they should, and is a wrong one told with its name and the mend, without its secrets?"""

from __future__ import annotations

from pathlib import Path

import pytest

from vtrade.domain.topics import TOPICS
from vtrade.errors import SettingsError
from vtrade.services.settings import (
    COMPACTED,
    Secret,
    Settings,
    kafka_settings,
    load_settings,
    to_environ,
)
from vtrade.services.settings_file import shipped_file

NOTHING: dict[str, str] = {}


def written(folder: Path, text: str) -> Path:
    path = folder / "my.env"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_file_says_what_the_defaults_say() -> None:
    assert shipped_file() is not None
    assert load_settings(environ=NOTHING) == Settings()


def test_the_file_wins_over_defaults_and_the_environment_over_both(tmp_path: Path) -> None:
    file = written(tmp_path, "# ports\nVTRADE_KAFKA_PORT=19092\nVTRADE_REDIS_PORT='16379'\n\nVTRADE_PARTITIONS = 3\n")
    found = load_settings(file, {"VTRADE_PARTITIONS": "5", "VTRADE_REDIS_PORT": ""})
    assert (found.kafka_port, found.redis_port, found.partitions) == (19092, 16379, 5)
    assert (found.kafka, found.redis_shown) == ("127.0.0.1:19092", "redis://127.0.0.1:16379/0")
    assert load_settings(file, {"VTRADE_PARTITIONS": "5"}, partitions=7, tapes=None).partitions == 7


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "VTRADE_GATEWAY_PORT=9999\n")
    assert load_settings(environ={"VTRADE_SETTINGS": str(file)}).gateway_port == 9999


def test_other_parts_of_vtrade_have_names_of_their_own_in_the_environment() -> None:
    assert load_settings(environ={"VTRADE_REQUIRE": "kafka", "VTRADE_LLM_MODEL": "small"}) == Settings()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("VTRADE_PARTITION=3", "my.env:2: nobody knows a setting VTRADE_PARTITION; did you mean VTRADE_PARTITIONS?"),
        ("VTRADE_ZZZ=3", "nobody knows a setting VTRADE_ZZZ; take the line out"),
        ("PATH=/bin", "nobody knows a setting PATH; take the line out"),
        ("VTRADE_PARTITIONS", "my.env:2: 'VTRADE_PARTITIONS' is not a setting; write NAME=VALUE"),
        ("export VTRADE_PARTITIONS=3", "'export VTRADE_PARTITIONS' is not a setting"),
        ("VTRADE_KAFKA_PORT=1\nVTRADE_KAFKA_PORT=2", "my.env:3: VTRADE_KAFKA_PORT stands there twice"),
    ],
)
def test_a_line_that_is_no_setting(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, f"# mine\n{line}\n"), NOTHING)
    assert told in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"#" * 70_000], ids=["no text", "too long"])
def test_a_file_that_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "my.env"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"my\.env"):
        load_settings(path, NOTHING)
    with pytest.raises(SettingsError, match=r"settings file .*nowhere cannot be read: No such file"):
        load_settings(tmp_path / "nowhere", NOTHING)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("VTRADE_KAFKA_PORT", "70000", "a whole number from 1 to 65535"),
        ("VTRADE_PARTITIONS", "many", "a whole number from 1 to 10000"),
        ("VTRADE_PARTITIONS", "2.5", "a whole number from 1 to 10000"),
        ("VTRADE_KAFKA_TRANSACTIONS", "maybe", "true or false"),
        ("VTRADE_KAFKA_SECURITY", "TLS", "one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
        ("VTRADE_KAFKA_SASL_MECHANISM", "GSSAPI", "one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"),
        ("VTRADE_SNAPSHOT_EVERY_S", "0", "a number above 0"),
        ("VTRADE_SNAPSHOT_EVERY_S", "nan", "a number above 0"),
        ("VTRADE_RETENTION_TRADES_HOURS", "-2", "a whole number from -1"),
        ("VTRADE_RETENTION_TRADES_HOURS", "0", "hours, or -1 for ever"),
        ("VTRADE_KAFKA", "kafka", "host:port[,host:port]"),
        ("VTRADE_KAFKA", "a:1,b:99999", "host:port[,host:port]"),
        ("VTRADE_REDIS", "http://cache:6379", "redis://host:port/db"),
        ("VTRADE_REDIS", "redis://:6379", "redis://host:port/db"),
        ("VTRADE_REDIS", "redis://cache:port", "redis://host:port/db"),
        ("VTRADE_KAFKA_VERSION", "newest", "a version such as"),
        ("VTRADE_TOPIC_PREFIX", "my topics", "letters, digits"),
        ("VTRADE_KAFKA_CLUSTER", "short", "22 letters and digits"),
        ("VTRADE_KAFKA_CA", "nowhere.pem", "VTRADE_KAFKA_SECURITY is PLAINTEXT"),
    ],
)
def test_a_value_that_makes_no_sense_is_told_with_its_name(name: str, value: str, wanted: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={name: value})
    assert str(caught.value).startswith(f"{name} is ")
    assert value in str(caught.value) or name == "VTRADE_KAFKA_CA"
    assert wanted in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"VTRADE_KAFKA_SECURITY": "SASL_SSL"}, "VTRADE_KAFKA_USERNAME and VTRADE_KAFKA_PASSWORD"),
        ({"VTRADE_KAFKA_SECURITY": "SSL", "VTRADE_KAFKA_KEY": __file__}, "set VTRADE_KAFKA_CERT too"),
        ({"VTRADE_KAFKA_SECURITY": "SSL", "VTRADE_KAFKA_CA": "nowhere.pem"}, "there is no such file"),
        ({"VTRADE_KAFKA_PASSWORD": "a", "VTRADE_KAFKA_PASSWORD_FILE": __file__}, "keep one"),
        ({"VTRADE_KAFKA_PASSWORD_FILE": "nowhere"}, "VTRADE_KAFKA_PASSWORD_FILE names nowhere cannot be read"),
    ],
)  # fmt: skip
def test_settings_that_contradict_each_other(environ: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ=environ)
    assert told in str(caught.value)


@pytest.mark.parametrize("text", ["true", "yes", "ON", "1"])
def test_several_words_mean_yes(text: str) -> None:
    assert load_settings(environ={"VTRADE_KAFKA_TRANSACTIONS": text}).kafka_transactions is True


def test_secrets_come_from_files_and_are_never_shown(tmp_path: Path) -> None:
    password, url = tmp_path / "password", tmp_path / "redis"
    password.write_text("hunter2\n")
    url.write_text("rediss://ana:hunter3@cache:6380/1\n")
    found = load_settings(
        environ={
            "VTRADE_KAFKA_SECURITY": "SASL_PLAINTEXT", "VTRADE_KAFKA_USERNAME": "vtrade",
            "VTRADE_KAFKA_PASSWORD_FILE": str(password), "VTRADE_REDIS_FILE": str(url),
        }
    )  # fmt: skip
    assert (found.kafka_password.text, found.redis.text) == ("hunter2", "rediss://ana:hunter3@cache:6380/1")
    for shown in (repr(found), str(found), str(found.shown()), repr(found.kafka_password), f"{found.redis}"):
        assert "hunter" not in shown
    assert found.redis_shown == "rediss://***@cache:6380/1"
    assert kafka_settings(found).password == "hunter2"


def test_a_wrong_redis_url_is_told_without_its_password() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={"VTRADE_REDIS": "redis://ana:hunter2@cache:sixth"})
    assert "cache" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_host_and_port_will_do_for_redis() -> None:
    assert load_settings(environ={"VTRADE_REDIS": "localhost:6379"}).redis.text == "redis://localhost:6379"


def test_another_process_reads_the_same_from_its_environment(tmp_path: Path) -> None:
    ours = Settings(
        kafka="a:1,b:2", redis=Secret("redis://:x@cache:6379/0"), kafka_transactions=True, snapshot_every_s=2.5,
        data_dir=tmp_path / "my data", retention_dead_hours=-1, gateway_hosts=("market.school.example", "10.0.0.5"),
    )  # fmt: skip
    assert load_settings(environ=to_environ(ours)) == ours


def test_names_have_commas_between_them() -> None:
    found = load_settings(environ={"VTRADE_GATEWAY_HOSTS": "market.school.example, 10.0.0.5,"})
    assert found.gateway_hosts == ("market.school.example", "10.0.0.5")
    assert "market.school.example,10.0.0.5" in repr(found)


def test_every_topic_has_its_retention() -> None:
    settings = Settings(retention_dead_hours=12)
    hours = {topic: settings.retention_hours(topic) for topic in TOPICS}
    assert {topic for topic, kept in hours.items() if kept == -1} == COMPACTED
    connection = kafka_settings(settings)
    assert {topic: connection.retention_ms(topic) for topic in TOPICS} == {
        topic: -1 if kept < 0 else kept * 3_600_000 for topic, kept in hours.items()
    }
