"""Do the lock files name every dependency, at one version, with hashes and without any address?"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ("requirements.lock", "requirements-test.lock")
PINNED = re.compile(r"^(?P<name>[\w.-]+)(?:\[[\w,]+\])?==(?P<version>[^\s;]+)(?: ; [^\\]+)?(?: \\)?$")


class Lock(NamedTuple):
    """Versions and number of hashes of each package, by normalised name."""

    versions: dict[str, set[str]]
    hashes: dict[str, int]


def read(path: Path) -> Lock:
    versions: dict[str, set[str]] = {}
    hashes: dict[str, int] = {}
    name = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("    --hash=sha256:"):
            hashes[name] += 1
        elif line and not line.lstrip().startswith("#"):
            match = PINNED.match(line)
            assert match is not None, f"{path.name}: {line!r} does not pin one version"
            name = canonicalize_name(match["name"])
            versions.setdefault(name, set()).add(match["version"])
            hashes.setdefault(name, 0)
    return Lock(versions, hashes)


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("lock", LOCKS)
def test_no_address_and_no_path(root: Path, lock: str) -> None:
    text = (root / lock).read_text(encoding="utf-8")
    assert [
        word for word in ("://", " @ ", "file:", "--index", "--find-links", "--extra-index", "-e ") if word in text
    ] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_hashes(root: Path, lock: str) -> None:
    assert [name for name, count in read(root / lock).hashes.items() if not count] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_dependency_is_locked(root: Path, project: dict[str, Any], lock: str) -> None:
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["build"]]
    if "test" in lock:
        wanted += project["project"]["optional-dependencies"]["test"]
    versions = read(root / lock).versions
    for requirement in map(Requirement, wanted):
        locked = versions.get(canonicalize_name(requirement.name), set())
        assert locked, f"{requirement} is not in {lock}: run make lock"
        for version in locked:
            assert requirement.specifier.contains(version, prereleases=True), f"{lock} has {version}, not {requirement}"


def test_the_project_builds_with_what_is_locked(project: dict[str, Any]) -> None:
    group = {Requirement(text).name for text in project["dependency-groups"]["build"]}
    assert {Requirement(text).name for text in project["build-system"]["requires"]} | {"editables"} == group


def test_the_test_lock_holds_the_run_time_lock(root: Path) -> None:
    run_time, test = (read(root / lock).versions for lock in LOCKS)
    assert {name: found for name, found in run_time.items() if test.get(name) != found} == {}
