"""Do the modules of the panels pass their own tests, which Node runs?"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from widgets import build

TESTS = sorted(path.name for path in (build.HERE / "tests").glob("*.test.js"))


def test_there_are_some() -> None:
    assert TESTS


@pytest.mark.parametrize("name", TESTS)
def test_module(name: str, root: Path) -> None:
    command = [*build.find_node().node, "--test", "--test-reporter=spec", f"tests/{name}"]
    done = subprocess.run(command, cwd=root / "widgets", capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
