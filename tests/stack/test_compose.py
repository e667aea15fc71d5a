"""What does ``vtrade stack`` ask of Docker, and what does it say where Docker is not there or refuses?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.stack.conftest import Pretend
from vtrade.errors import SettingsError
from vtrade.services.stack import compose
from vtrade.services.stack.parts import PARTS
from vtrade.services.stack.programs import StackError

DOCKER = """
import json, pathlib
with pathlib.Path({calls!r}).open("a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
if "ps" in sys.argv:
    print(pathlib.Path({said!r}).read_text())
sys.exit(1 if {refuses!r} in sys.argv else 0)
"""


class Docker:
    """A Docker that writes down what it was asked, and refuses one word."""

    def __init__(self, folder: Path, pretend: Pretend, *, refuses: str = "", said: str = "") -> None:
        self.calls = folder / "calls"
        (folder / "said").write_text(said)
        pretend("docker", DOCKER.format(calls=str(self.calls), said=str(folder / "said"), refuses=refuses))

    def asked(self) -> list[list[str]]:
        """What it was asked to do, without the questions whether it is there."""
        calls: list[list[str]] = [json.loads(line) for line in self.calls.read_text().splitlines()]
        return [call for call in calls if call[:2] != ["compose", "version"] and call[0] != "info"]


def container(service: str, state: str = "running", health: str = "healthy", **more: object) -> dict[str, object]:
    return {"Service": service, "State": state, "Health": health, "Image": "vtrade:local", **more}


def test_up_builds_and_starts_with_the_one_settings_file(tmp_path: Path, pretend: Pretend, root: Path) -> None:
    docker = Docker(tmp_path, pretend)
    compose.up(monitoring=True, scale={"execution": 2})
    files = ["--env-file", str(root / "docker" / "vtrade.env"), "--file", str(root / "docker" / "compose.yaml")]
    up = ["up", "--detach", "--build", "--remove-orphans", "--scale", "execution=2"]
    assert docker.asked() == [["compose", *files, "--profile", "monitoring", *up]]


def test_up_with_servers_alone_and_a_settings_file_of_ones_own(tmp_path: Path, pretend: Pretend) -> None:
    docker = Docker(tmp_path, pretend)
    compose.up(servers_only=True, file=tmp_path / "my.env")
    assert docker.asked()[0][:3] == ["compose", "--env-file", str(tmp_path / "my.env")]
    assert docker.asked()[0][-2:] == ["redis", "setup"]


def test_an_installed_vtrade_cannot_build_the_image(
    tmp_path: Path, pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    Docker(tmp_path, pretend)
    (tmp_path / "vtrade" / "_docker").mkdir(parents=True)
    (tmp_path / "vtrade" / "_docker" / "compose.yaml").touch()
    monkeypatch.setattr(compose, "docker_folder", lambda: tmp_path / "vtrade" / "_docker")
    with pytest.raises(StackError, match="from a checkout of VTrade, and this is an installed one; `vtrade stack up"):
        compose.up()


def test_down_stops_the_monitoring_too_and_keeps_the_volumes(tmp_path: Path, pretend: Pretend) -> None:
    docker = Docker(tmp_path, pretend)
    compose.down()
    assert docker.asked()[0][-4:] == ["--profile", "monitoring", "down", "--remove-orphans"]


def test_without_docker_there_is_another_way(pretend: Pretend) -> None:
    with pytest.raises(StackError, match=r"there is no Docker here .*; `vtrade stack up --local` starts the same"):
        compose.up()
    assert not compose.has_docker()


@pytest.mark.parametrize(
    ("refuses", "told"), [("version", "has no compose"), ("info", "engine does not answer"), ("up", "ended with exit")]
)
def test_a_docker_that_refuses(tmp_path: Path, pretend: Pretend, refuses: str, told: str) -> None:
    Docker(tmp_path, pretend, refuses=refuses)
    with pytest.raises(StackError, match=told):
        compose.up()


@pytest.mark.parametrize("array", [True, False], ids=["an array", "a line each"])
def test_status_reads_what_docker_says(tmp_path: Path, pretend: Pretend, array: bool) -> None:
    said = [
        container("gateway", Publishers=[{"PublishedPort": 0}, {"PublishedPort": 8440}]),
        container("kafka", Image="apache/kafka:4.1.1"),
        container("execution"),
        container("execution", health="starting", Status="Up 3 seconds (health: starting)"),
        container("feed", state="exited", health="", Status="Exited (1) 2 minutes ago"),
        container("portfolio", health="unhealthy", Status="Up 5 minutes (unhealthy)"),
        container("redis", health=""),
        container("setup", state="exited", health="", ExitCode=0),
        container("grafana", Image="grafana/grafana:12.2.0"),
    ]
    text = json.dumps(said) if array else "\n".join(json.dumps(one) for one in said)
    Docker(tmp_path, pretend, said=text)
    rows = compose.status()
    assert [(row.part, row.state) for row in rows] == [
        ("kafka", "running"), ("redis", "running"), ("execution", "running"), ("execution", "starting"),
        ("portfolio", "unhealthy"), ("gamification", "stopped"), ("feed", "stopped"), ("gateway", "running"),
        ("grafana", "running"),
    ]  # fmt: skip
    assert (rows[0].version, rows[7].port, rows[6].why) == ("4.1.1", 8440, "Exited (1) 2 minutes ago")


def test_status_of_nothing_and_of_nonsense(tmp_path: Path, pretend: Pretend) -> None:
    Docker(tmp_path, pretend, said="")
    assert {row.part: row.state for row in compose.status()} == dict.fromkeys(PARTS, "stopped")
    Docker(tmp_path, pretend, said="no such thing")
    with pytest.raises(StackError, match="'no such thing', which is no list of containers"):
        compose.status()
    Docker(tmp_path, pretend, refuses="ps")
    with pytest.raises(StackError, match="docker compose ps failed"):
        compose.status()


def test_a_setup_that_failed_is_told() -> None:
    rows = compose.read_containers(json.dumps(container("setup", state="exited", ExitCode=1, Status="Exited (1)")))
    assert ("setup", "stopped", "Exited (1)") in [(row.part, row.state, row.why) for row in rows]


@pytest.mark.parametrize("text", ["execution", "kafka=2", "gateway=2", "execution=0", "execution=²", "execution=9999"])
def test_a_scale_that_makes_no_sense(text: str) -> None:
    with pytest.raises(SettingsError, match=r"is not WORKER=COUNT; the workers are execution, portfolio"):
        compose.read_scale([text])
