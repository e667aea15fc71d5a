"""What does ``vtrade stack`` say, with which exit code, and does it tell a local stack from one in Docker?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.stack.conftest import Pretend
from tests.stack.test_compose import Docker, container
from vtrade.cli_stack import stack_app
from vtrade.services.stack.parts import PARTS
from vtrade.services.stack.servers import free_ports


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of one's own, and nobody else's servers."""
    for name in ("VTRADE_KAFKA", "VTRADE_REDIS", "VTRADE_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VTRADE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(stack_app, arguments)


def document(result: Result) -> Any:
    return json.loads(result.stdout)


@pytest.mark.needs("java", "kafka", "redis")
def test_from_up_to_down(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a person would, each command a process of its own; the topics are there when the servers are."""
    from kafka import KafkaAdminClient

    kafka_port, controller_port, redis_port = free_ports(3)
    settings = home / "my.env"
    settings.write_text(
        f"VTRADE_KAFKA_PORT={kafka_port}\nVTRADE_KAFKA_CONTROLLER_PORT={controller_port}\nVTRADE_REDIS_PORT={redis_port}\n"
    )
    monkeypatch.setenv("VTRADE_SETTINGS", str(settings))

    def vtrade_stack(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from vtrade.cli_stack import stack_app; stack_app()", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    try:
        up = vtrade_stack("up", "--local", "--only", "servers", "--json")
        assert up.returncode == 0, up.stderr
        assert "made the topics" in up.stderr
        said = json.loads(up.stdout)
        assert said["fine"]
        assert [(part["part"], part["port"]) for part in said["parts"]] == [
            ("kafka", kafka_port), ("redis", redis_port),
        ]  # fmt: skip
        admin = KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{kafka_port}")
        assert {"vtrade.inbound", "vtrade.trades", "vtrade.dead"} <= set(admin.list_topics())
        admin.close()
        status = vtrade_stack("status")  # found without being told where
        assert status.returncode == 0, status.stderr
        assert status.stdout.count("running") == 2
        again = vtrade_stack("topics")
        assert again.stdout == f"127.0.0.1:{kafka_port}: made nothing, all topics are there\n"
    finally:
        down = vtrade_stack("down")
    assert down.stdout in ("kafka stopped, redis stopped\n", "redis stopped, kafka stopped\n"), down.stderr
    after = vtrade_stack("status", "--local", "--json")
    assert after.returncode == 1
    assert not json.loads(after.stdout)["fine"]


def test_down_where_nothing_runs(home: Path) -> None:
    result = run("down", "--local")
    assert (result.exit_code, result.stdout) == (0, "nothing was running\n")
    assert document(run("down", "--dir", str(home / "other"), "--json"))["ended"] == dict.fromkeys(PARTS, "absent")


def test_status_where_nothing_runs_is_not_fine() -> None:
    result = run("status", "--local")
    assert result.exit_code == 1
    assert all(f"{part} " in result.stdout for part in PARTS)


def test_without_docker_up_names_the_other_way(pretend: Pretend) -> None:
    result = run("up")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: there is no Docker here")
    assert "vtrade stack up --local" in result.stderr
    assert document(run("up", "--json"))["error"].startswith("there is no Docker here")


def test_docker_is_driven_where_no_local_stack_is(home: Path, pretend: Pretend) -> None:
    said = "\n".join(json.dumps(container(part)) for part in PARTS)
    docker = Docker(home, pretend, said=said)
    up = run("up", "--scale", "portfolio=2", "--json")
    assert up.exit_code == 0
    assert document(up)["fine"]
    assert run("status").exit_code == 0
    assert run("down").stdout == "stopped\n"
    assert [call[-1] if call[-1] != "json" else "ps" for call in docker.asked()] == [
        "portfolio=2", "ps", "ps", "--remove-orphans",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("up", "--only", "kafka"), 2, "--only"),
        (("up", "--local", "--monitoring"), 2, "need Docker"),
        (("up", "--local", "--scale", "execution=2"), 2, "need Docker"),
        (("up", "--scale", "execution"), 1, "is not WORKER=COUNT"),
        (("up", "--settings", "nowhere.env"), 1, "settings file nowhere.env cannot be read"),
        (("restart",), 2, "restart"),
    ],
)
def test_what_cannot_be_meant(arguments: tuple[str, ...], code: int, told: str) -> None:
    result = run(*arguments)
    assert result.exit_code == code
    assert told in result.stderr


def test_a_wrong_setting_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VTRADE_KAFKA_PORT", "ninety")
    for command in ("up", "down", "status", "topics"):
        result = run(command)
        assert result.exit_code == 1
        assert result.stderr.startswith("error: VTRADE_KAFKA_PORT is 'ninety' (from the environment)")
        assert result.stderr.count("\n") == 1


def test_topics_of_a_kafka_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VTRADE_KAFKA", f"127.0.0.1:{free_ports(1)[0]}")
    result = run("topics")
    assert result.exit_code == 1
    assert "VTRADE_KAFKA" in result.stderr
    assert "vtrade stack up" in result.stderr
