"""Is the image built from this repository alone, hash-checked and run without rights, and does what is named exist?"""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from typer.main import get_command

from vtrade.gateway.metrics import Metrics as GatewayMetrics
from vtrade.services.settings import Settings
from vtrade.services.stack.parts import PARTS
from vtrade.services.workers.metrics import COUNTERS, GAUGES, Metrics


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> list[list[str]]:
    """Instructions and their arguments, continued lines joined."""
    text = (root / "docker" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def arguments(dockerfile: list[list[str]], instruction: str) -> list[str]:
    return [rest for name, rest in dockerfile if name == instruction]


def test_two_stages_from_pinned_bases(dockerfile: list[list[str]]) -> None:
    bases = arguments(dockerfile, "FROM")
    assert [base.split()[0] for base in bases] == ["python:${PYTHON_VERSION}-slim-bookworm"] * 2
    assert arguments(dockerfile, "ARG") == [f"PYTHON_VERSION={Settings().python_version}"]


def test_libraries_are_the_locked_ones(dockerfile: list[list[str]]) -> None:
    installs = [line for line in arguments(dockerfile, "RUN") if "pip install" in line]
    assert "--require-hashes --no-deps" in installs[0]
    assert installs[0].endswith("--requirement requirements.lock")
    assert all("--no-deps" in line for line in installs)


def test_it_does_not_run_as_root(dockerfile: list[list[str]]) -> None:
    names = [name for name, _ in dockerfile]
    assert arguments(dockerfile, "USER") == ["vtrade"]
    assert names.index("USER") > max(number for number, name in enumerate(names) if name == "FROM")
    assert names.index("USER") < names.index("ENTRYPOINT")


def test_what_it_copies_is_there_and_not_ignored(root: Path, dockerfile: list[list[str]]) -> None:
    copied = {
        source
        for line in arguments(dockerfile, "COPY") if not line.startswith("--from")
        for source in line.split()[:-1]
    }  # fmt: skip
    ignore = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignore[1] == "*"
    allowed = {line[1:] for line in ignore if line.startswith("!")}
    assert copied == allowed
    assert all((root / name).exists() for name in copied)
    assert not any(fnmatch(".env", name) or fnmatch(".git", name) for name in allowed)


def test_the_wheel_finds_all_it_names_in_the_image(root: Path, dockerfile: list[list[str]]) -> None:
    import tomllib

    build = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    copied = " ".join(arguments(dockerfile, "COPY"))
    for source in [*build["wheel"]["packages"], *build["wheel"].get("force-include", ())]:
        assert re.search(rf"(^| ){source.partition('/')[0]} ", copied), source


# --- monitoring ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dashboard(root: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((root / "docker/grafana/dashboards/vtrade.json").read_text(encoding="utf-8"))
    return document


def shown(dashboard: dict[str, Any]) -> set[str]:
    """Names of the metrics that a dashboard asks for."""
    texts = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return {name for text in texts for name in re.findall(r"\bvtrade_\w+", text)}


def test_the_dashboard_shows_what_workers_and_gateway_say(dashboard: dict[str, Any]) -> None:
    metrics = Metrics("portfolio")
    for name in COUNTERS:
        metrics.count(name, partition=0)
    for name in GAUGES:
        metrics.level(name, 1, partition=0)
    metrics.batch(0.01)
    pages = metrics.page().decode(), GatewayMetrics().text().decode()
    said = {
        sample.name for page in pages for family in text_string_to_metric_families(page) for sample in family.samples
    }
    assert shown(dashboard) <= said
    assert {
        "vtrade_gateway_ack_seconds_bucket",
        "vtrade_lag_records",
        "vtrade_dead_letters_total",
        "vtrade_nav_lag_seconds",
    } <= shown(dashboard)


def test_panels_do_not_cover_each_other(dashboard: dict[str, Any]) -> None:
    cells: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        mine = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & mine, panel["title"]
        assert at["x"] + at["w"] <= 24
        cells |= mine
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_prometheus_asks_every_part_at_its_port(root: Path) -> None:
    document = yaml.safe_load((root / "docker" / "prometheus.yml").read_text(encoding="utf-8"))
    compose = yaml.safe_load((root / "docker" / "compose.yaml").read_text(encoding="utf-8"))
    found = document["scrape_configs"][0]["dns_sd_configs"][0]
    assert sorted(found["names"]) == sorted(name for name, part in PARTS.items() if part.arguments)
    for name in found["names"]:
        assert compose["services"][name]["environment"][f"VTRADE_{name.upper()}_METRICS_PORT"] == str(found["port"])


def test_grafana_finds_its_source_and_its_dashboard(root: Path, dashboard: dict[str, Any]) -> None:
    folder = root / "docker" / "grafana" / "provisioning"
    source = yaml.safe_load((folder / "datasources" / "prometheus.yaml").read_text(encoding="utf-8"))["datasources"][0]
    provider = yaml.safe_load((folder / "dashboards" / "vtrade.yaml").read_text(encoding="utf-8"))["providers"][0]
    compose = yaml.safe_load((root / "docker" / "compose.yaml").read_text(encoding="utf-8"))
    grafana = compose["services"]["grafana"]
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["uid"]}
    assert source["url"] == "http://prometheus:9090"
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home.parent.as_posix() == provider["options"]["path"]
    assert f"./grafana/dashboards:{home.parent.as_posix()}:ro" in grafana["volumes"]
    for volume in [*grafana["volumes"], *compose["services"]["prometheus"]["volumes"]]:
        local = volume.partition(":")[0]
        assert not local.startswith("./") or (root / "docker" / local).exists()


# --- commands --------------------------------------------------------------------------------------------------------


def test_every_command_that_is_named_exists(root: Path) -> None:
    from vtrade.cli import app

    compose = yaml.safe_load((root / "docker" / "compose.yaml").read_text(encoding="utf-8"))
    named = [service["command"] for service in compose["services"].values() if service["image"] == "vtrade:local"]
    assert [*named[1:]] == [list(part.arguments) for part in PARTS.values() if part.arguments]
    for command in named:
        found: Any = get_command(app)
        rest = list(command)
        while rest and rest[0] in getattr(found, "commands", ()):
            found = found.commands[rest.pop(0)]
        assert found.name != "vtrade", f"vtrade {' '.join(command)} is no command"
        found.make_context(found.name, rest)  # refuses arguments that it does not take
