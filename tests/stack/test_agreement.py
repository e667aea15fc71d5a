"""Do the compose file and the local stack say the same, and both what the one settings file says?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from vtrade.services.settings import Settings, to_environ
from vtrade.services.settings_file import PREFIX, read_env_file
from vtrade.services.stack import servers
from vtrade.services.stack.jars import locked_jars
from vtrade.services.stack.parts import HEALTH_PATH, PARTS

ELSEWHERE = {"KAFKA_HEAP_OPTS"}
"""Begins like one of Kafka's properties in a container's environment, and is none."""
PLACES = {"controller.quorum.voters", "listeners", "advertised.listeners", "listener.security.protocol.map", "log.dirs"}
"""Properties that name addresses and folders: the only ones that differ."""
LOCAL_ONLY = {"VTRADE_REDIS_VERSION_MIN"} | {f"{PREFIX}{part.upper()}_METRICS_PORT" for part in PARTS}
"""Settings without a meaning in containers."""


def number(value: object) -> object:
    """A setting, where it is a number as one, for 30 is 30.0."""
    text = str(value).lower()
    return "" if value is None else float(text) if text.replace(".", "").lstrip("-").isdigit() else text


def fill(text: str, pairs: dict[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name, _, otherwise = found[1].partition(":-")
        return pairs[name] or otherwise

    return re.sub(r"\$\{([^}]+)\}", value, text)


@pytest.fixture(scope="module")
def pairs(root: Path) -> dict[str, str]:
    return read_env_file(root / "docker" / "vtrade.env", to_environ(Settings()).keys() | {"VTRADE_TAPES"})


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    return (root / "docker" / "compose.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compose(text: str, pairs: dict[str, str]) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(fill(text, pairs))
    return document


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


def test_every_setting_of_the_file_is_used_and_there_are_no_others(text: str, pairs: dict[str, str]) -> None:
    used = {name.partition(":-")[0] for name in re.findall(r"\$\{([^}]+)\}", text)}
    assert used | LOCAL_ONLY >= pairs.keys()
    assert used <= pairs.keys()


def test_the_same_parts_with_the_same_commands(services: dict[str, Any]) -> None:
    helpers = {"setup"} | {name for name, service in services.items() if "monitoring" in service.get("profiles", ())}
    assert services.keys() - helpers == PARTS.keys()
    for name, part in PARTS.items():
        if part.arguments:
            assert tuple(services[name]["command"]) == part.arguments


def test_kafka_has_the_same_version_memory_and_properties(services: dict[str, Any]) -> None:
    settings, kafka = Settings(), services["kafka"]
    assert kafka["image"] == f"apache/kafka:{settings.kafka_version}"
    assert any(jar.name == f"kafka_2.13-{settings.kafka_version}.jar" for jar in locked_jars(settings.kafka_version))
    assert set(kafka["environment"]["KAFKA_HEAP_OPTS"].split()) <= set(servers.java_options(settings))
    assert kafka["environment"]["CLUSTER_ID"] == settings.kafka_cluster
    said = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): str(value)
        for name, value in kafka["environment"].items()
        if name.startswith("KAFKA_") and name not in ELSEWHERE
    }
    local = servers.local_properties(settings, Path("data"))
    assert said.keys() == local.keys()
    assert {name: value for name, value in said.items() if name not in PLACES} == servers.broker_properties(settings)
    assert local.keys() - PLACES == servers.broker_properties(settings).keys()


def test_kafka_is_told_to_clients_under_the_address_where_it_is_published(services: dict[str, Any]) -> None:
    settings, environment = Settings(), services["kafka"]["environment"]
    advertised = dict(pair.split("://") for pair in environment["KAFKA_ADVERTISED_LISTENERS"].split(","))
    listeners = dict(pair.split("://") for pair in environment["KAFKA_LISTENERS"].split(","))
    assert advertised["LOOPBACK"] == settings.kafka
    assert services["kafka"]["ports"] == [f"{settings.kafka}:{listeners['LOOPBACK'].lstrip(':')}"]
    assert advertised["INSIDE"] == services["execution"]["environment"]["VTRADE_KAFKA"]
    assert advertised["INSIDE"].endswith(listeners["INSIDE"])
    assert environment["KAFKA_CONTROLLER_QUORUM_VOTERS"] == f"1@kafka{listeners['CONTROLLER']}"
    protocols = dict(pair.split(":") for pair in environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    assert protocols.keys() == listeners.keys()


def test_redis_has_the_same_version_and_options(services: dict[str, Any]) -> None:
    settings, redis = Settings(), services["redis"]
    assert redis["image"] == f"redis:{settings.redis_version}-alpine"
    assert redis["command"] == ["redis-server", *servers.redis_options(settings)]
    assert redis["ports"] == [f"127.0.0.1:{settings.redis_port}:6379"]


def test_workers_and_gateway_read_the_same_settings(services: dict[str, Any]) -> None:
    settings = to_environ(Settings())
    inside = {"VTRADE_KAFKA", "VTRADE_REDIS", "VTRADE_METRICS_HOST", "VTRADE_GATEWAY_HOST", "VTRADE_DATA_DIR",
              "VTRADE_TAPES"} | {f"{PREFIX}{part.upper()}_METRICS_PORT" for part in PARTS}  # fmt: skip
    for name in ("setup", *(part for part in PARTS if PARTS[part].arguments)):
        environment = services[name]["environment"]
        for key, value in environment.items():
            if key not in inside:
                assert number(value) == number(settings[key]), key
        assert environment.keys() >= {key for key in settings if re.search("RETENTION|PARTITIONS|PREFIX|TRANSACT", key)}


def test_healthy_means_the_same(services: dict[str, Any]) -> None:
    for name, part in PARTS.items():
        if part.arguments:
            port = services[name]["environment"][f"{PREFIX}{part.ports[0].upper()}"]
            assert f"127.0.0.1:{port}{HEALTH_PATH}'" in services[name]["healthcheck"]["test"][-1]
    assert services["kafka"]["healthcheck"]["test"][-1].endswith(f"/{Settings().kafka_port}")
    assert all("healthcheck" in service for service in services.values())


def test_nothing_but_the_gateway_can_be_published_beyond_this_machine(text: str, services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published.keys() == {"kafka", "redis", "gateway", "prometheus", "grafana"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert '"${VTRADE_GATEWAY_HOST}:${VTRADE_GATEWAY_PORT}:${VTRADE_GATEWAY_PORT}"' in text


def test_workers_can_be_many(services: dict[str, Any]) -> None:
    for name, part in PARTS.items():
        assert "container_name" not in services[name]
        if part.arguments[:1] == ("worker",):
            assert "ports" not in services[name]


def test_no_container_has_more_rights_than_it_needs(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name != "kafka":  # its image prepares its folders when it starts
            assert service["cap_drop"] == ["ALL"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service
    assert all(services[name]["read_only"] for name in ("redis", "setup", *list(PARTS)[2:]))


def test_every_image_has_a_version_and_every_volume_is_declared(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert re.fullmatch(r"[\w/]+:(v?\d+(\.\d+)+(-alpine)?|local)", service["image"])
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source.startswith("./") or source in compose["volumes"]
