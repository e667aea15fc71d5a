"""Does a missing need skip with a mend, and fail where it is required?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROBE = """
import os
import pytest

@pytest.mark.needs("data")
def test_marked():
    pass

def test_by_fixture(data_dir):
    assert data_dir.is_dir()

def test_no_paid_key():
    assert "OPENAI_API_KEY" not in os.environ
"""


def run(folder: Path, root: Path, probe: str = PROBE, **environment: str) -> subprocess.CompletedProcess[str]:
    tests = folder / "tests"
    tests.mkdir()
    (tests / "conftest.py").write_text((root / "tests" / "conftest.py").read_text(encoding="utf-8"), encoding="utf-8")
    (tests / "test_probe.py").write_text(probe)
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", folder]
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VTRADE_")}
    return subprocess.run([*command, tests], env=clean | environment, cwd=folder, capture_output=True, text=True)


def test_absent_skips_and_tells_the_mend(tmp_path: Path, root: Path) -> None:
    done = run(tmp_path, root, VTRADE_DATA=str(tmp_path / "nowhere"), OPENAI_API_KEY="somebody's")
    assert done.returncode == 0, done.stdout
    assert "1 passed, 2 skipped" in done.stdout
    assert "needs data: put the real market data into ../shared/data" in done.stdout


def test_absent_but_required_fails(tmp_path: Path, root: Path) -> None:
    done = run(tmp_path, root, VTRADE_DATA=str(tmp_path / "nowhere"), VTRADE_REQUIRE="browser, data")
    assert done.returncode == 1, done.stdout
    assert "needs data" in done.stdout
    assert "skipped" not in done.stdout


def test_present_runs(tmp_path: Path, root: Path) -> None:
    done = run(tmp_path, root, VTRADE_DATA=str(tmp_path), VTRADE_REQUIRE="data")
    assert "3 passed" in done.stdout


@pytest.mark.parametrize(
    ("probe", "environment"),
    [
        (PROBE, {"VTRADE_REQUIRE": "date"}),
        (PROBE.replace('"data"', '"date"'), {}),
    ],
    ids=["in VTRADE_REQUIRE", "in a marker"],
)
def test_unknown_need_stops_the_run(tmp_path: Path, root: Path, probe: str, environment: dict[str, str]) -> None:
    done = run(tmp_path, root, probe, **environment)
    assert done.returncode == 4, done.stdout
    assert "date" in done.stderr
    assert "known are data, browser" in done.stderr
