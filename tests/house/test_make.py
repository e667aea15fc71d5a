"""Does `make` explain itself, and refuse a Python that is too old in words a newcomer understands?"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("make")


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    outer = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON", "HEADLESS", "TAPE", "SUITE", "ARGS")
    clean = {name: value for name, value in os.environ.items() if name not in outer}
    return subprocess.run(["make", *arguments], cwd=folder, env=clean, capture_output=True, text=True)


@pytest.fixture
def fresh(tmp_path: Path, root: Path) -> Path:
    """A folder with the files that make looks at, and no .venv."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-test.lock"):
        shutil.copy(root / name, tmp_path)
    return tmp_path


def test_help_is_the_default_and_lists_every_command(fresh: Path) -> None:
    done = make(fresh)
    assert done.returncode == 0, done.stderr
    phony = re.search(r"^\.PHONY: (.+)$", (fresh / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony is not None
    assert set(re.findall(r"^  make (\w+) +\S", done.stdout, re.MULTILINE)) == set(phony[1].split())


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ([], "vtrade desk"),
        (["HEADLESS=1"], "vtrade desk --headless"),
        (["HEADLESS=0"], "vtrade desk"),
        (["TAPE=sample:AAPL"], 'vtrade desk --tape "sample:AAPL"'),
        (["HEADLESS=1", "TAPE=lobster:my file.zip"], 'vtrade desk --headless --tape "lobster:my file.zip"'),
    ],
)
def test_desk_passes_its_options_on(fresh: Path, arguments: list[str], command: str) -> None:
    done = make(fresh, "--dry-run", "desk", *arguments)
    assert done.returncode == 0, done.stderr
    assert " ".join(done.stdout.strip().splitlines()[-1].split()) == f".venv/bin/{command}"


def test_a_python_too_old_is_named(fresh: Path) -> None:
    old = fresh / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.18" && exit 0\nexit 1\n')
    old.chmod(0o755)
    done = make(fresh, "desk", f"PYTHON={old}")
    assert done.returncode != 0
    assert "VTrade needs Python 3.11 or newer" in done.stderr
    assert "Python 3.9.18" in done.stderr
    assert not (fresh / ".venv").exists()


def test_no_python_at_all_is_named(fresh: Path) -> None:
    done = make(fresh, "test", "PYTHON=no-such-python")
    assert done.returncode != 0
    assert "there is no 'no-such-python' here" in done.stderr


def test_what_is_installed_is_not_installed_again(fresh: Path) -> None:
    stamps = fresh / ".venv"
    stamps.mkdir()
    for name in ("made", "locked", "locked-test", "ready", "ready-test"):
        (stamps / f".stamp-{name}").touch()
    assert "pip" not in make(fresh, "--dry-run", "test").stdout
    later = (stamps / ".stamp-ready").stat().st_mtime + 10
    os.utime(fresh / "requirements.lock", (later, later))
    assert "install --require-hashes" in make(fresh, "--dry-run", "desk").stdout


def test_the_panels_are_built_before_they_are_used_even_when_all_is_installed(fresh: Path) -> None:
    stamps = fresh / ".venv"
    stamps.mkdir()
    for name in ("made", "locked", "locked-test", "ready", "ready-test"):
        (stamps / f".stamp-{name}").touch()
    for command, use in (
        ("desk", "vtrade desk"),
        ("test", "-m pytest"),
        ("bench", "vtrade bench"),
        ("coverage", "-m pytest"),
    ):
        told = make(fresh, "--dry-run", command).stdout
        assert -1 < told.find("widgets/build.py") < told.find(use), command
