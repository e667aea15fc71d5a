"""What do tests of the stack share: settings that touch nobody's folders, and programs that only pretend."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vtrade.services.settings import Settings, load_settings

Pretend = Callable[[str, str], Path]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose cache is as empty as their data folder."""
    return load_settings(environ={}, data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """Puts a program on an otherwise empty ``PATH``: a name, and what it does, in Python; an empty name clears it."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    def make(name: str, does: str) -> Path:
        path = folder / name
        path.write_text(f"#!{sys.executable}\nimport sys\n{does}\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return make
