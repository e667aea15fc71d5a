"""How does ``vtrade stack`` drive Docker, and what does it say where there is none?

Rules: everything is one ``docker compose`` command with the settings file and the compose file that came with VTrade;
what Docker says goes to the person who waits for it, and its last line into the error.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from vtrade.errors import SettingsError
from vtrade.services.settings_file import FILE_NAME, docker_folder
from vtrade.services.stack.parts import PARTS
from vtrade.services.stack.programs import StackError
from vtrade.services.stack.status import PartStatus, State

COMPOSE_NAME: Final = "compose.yaml"
LOCK_NAME: Final = "requirements.lock"
ANSWER_S: Final = 60.0
"""Longest wait for Docker to say how things are."""
UP_S: Final = 1800.0
"""Longest wait for Docker to fetch and build images and to start everything."""
DOWN_S: Final = 180.0
STANDARD_ERROR: Final = 2
"""What Docker says goes there, so that standard output is ours alone."""
LOCAL: Final = "`vtrade stack up --local` starts the same stack without Docker"


class Files(NamedTuple):
    """The settings file and the compose file."""

    settings: Path
    compose: Path


def compose_files(file: Path | None = None) -> Files:
    """The files that came with VTrade; ``file`` stands in for its settings.

    Raises
    ------
    StackError
        If this installation came without them.
    """
    folder = docker_folder()
    if folder is None or not (folder / COMPOSE_NAME).is_file():
        raise StackError(f"this installation of VTrade came without its compose file; install it again, or {LOCAL}")
    return Files(file or folder / FILE_NAME, folder / COMPOSE_NAME)


def compose_command(files: Files, *arguments: str, monitoring: bool = False) -> list[str]:
    """A ``docker compose`` command.

    Examples
    --------
    >>> " ".join(compose_command(Files(Path("vtrade.env"), Path("compose.yaml")), "ps"))
    'docker compose --env-file vtrade.env --file compose.yaml ps'
    """
    profile = ["--profile", "monitoring"] if monitoring else []
    where = ["--env-file", str(files.settings), "--file", str(files.compose)]
    return ["docker", "compose", *where, *profile, *arguments]


def has_docker() -> bool:
    """Whether Docker is installed, with compose, and its engine answers."""
    try:
        check_docker()
    except StackError:
        return False
    return True


def check_docker() -> None:
    """Refuse to go on without Docker.

    Raises
    ------
    StackError
        Saying what is missing, and that there is another way.
    """
    if shutil.which("docker") is None:
        raise StackError(f"there is no Docker here (the program docker); {LOCAL}")
    if _ask(["docker", "compose", "version"]).returncode:
        raise StackError(f"this Docker has no compose (docker compose version); install it, or: {LOCAL}")
    if (done := _ask(["docker", "info", "--format", "{{.ServerVersion}}"])).returncode:
        raise StackError(f"Docker's engine does not answer ({_last_line(done)}); start it, or: {LOCAL}")


def up(
    *,
    monitoring: bool = False,
    servers_only: bool = False,
    scale: Mapping[str, int] | None = None,
    file: Path | None = None,
) -> None:
    """Build what is to be built, start everything, and return once Kafka and Redis are well and the rest has started.

    Raises
    ------
    StackError
        If there is no Docker, or it refuses.
    """
    files, arguments = compose_files(file), ["up", "--detach", "--build", "--remove-orphans"]
    if not (files.compose.parents[1] / LOCK_NAME).is_file():
        raise StackError(f"Docker builds the image from a checkout of VTrade, and this is an installed one; {LOCAL}")
    check_docker()
    for part, count in (scale or {}).items():
        arguments += ["--scale", f"{part}={count}"]
    arguments += ["redis", "setup"] if servers_only else []
    _run(compose_command(files, *arguments, monitoring=monitoring), within_s=UP_S)


def down() -> None:
    """Stop everything; the volumes, so the log, stay.

    Raises
    ------
    StackError
        If there is no Docker, or it refuses.
    """
    check_docker()
    _run(compose_command(compose_files(), "down", "--remove-orphans", monitoring=True), within_s=DOWN_S)


def status() -> list[PartStatus]:
    """How each container is, and which parts have none.

    Raises
    ------
    StackError
        If there is no Docker, or it refuses.
    """
    check_docker()
    done = _ask(compose_command(compose_files(), "ps", "--all", "--format", "json", monitoring=True))
    if done.returncode:
        raise StackError(f"docker compose ps failed: {_last_line(done)}")
    return read_containers(done.stdout)


def read_containers(text: str) -> list[PartStatus]:
    """Read what ``docker compose ps --format json`` says: an array in its earlier versions, one object a line since.

    Raises
    ------
    StackError
        If it says neither.

    Examples
    --------
    >>> said = '{"Service": "redis", "State": "running", "Health": "healthy", "Image": "redis:7.2.11-alpine"}'
    >>> [(row.part, row.state) for row in read_containers(said) if row.state != "stopped"]
    [('redis', 'running')]
    """
    try:
        lines = [msgspec.json.decode(line) for line in text.splitlines() if line.strip()]
    except msgspec.DecodeError:
        raise StackError(f"docker compose ps said {text.strip()[:80]!r}, which is no list of containers") from None
    containers = [found for line in lines for found in (line if isinstance(line, list) else [line])]
    rows = [_row(found) for found in containers if isinstance(found, dict) and not _is_done(found)]
    there = {row.part for row in rows}
    rows += [PartStatus(part=name, state="stopped") for name in PARTS if name not in there]
    order = {name: number for number, name in enumerate(PARTS)}
    return sorted(rows, key=lambda row: order.get(row.part, len(order)))


def _is_done(found: Mapping[str, Any]) -> bool:
    """Whether this is the step that ends by itself, and it ended well."""
    return found.get("Service") == "setup" and found.get("State") == "exited" and found.get("ExitCode") == 0


def _row(found: Mapping[str, Any]) -> PartStatus:
    part, health = str(found.get("Service", "")), str(found.get("Health", ""))
    state: State = "stopped"
    if found.get("State") == "running":
        state = "starting" if health == "starting" else "unhealthy" if health == "unhealthy" else "running"
    published = [port.get("PublishedPort", 0) for port in found.get("Publishers") or []]
    image = str(found.get("Image", ""))
    return PartStatus(
        part=part, state=state, port=next((port for port in published if port), None),
        version=image.rpartition(":")[2], why="" if state == "running" else str(found.get("Status", "")),
    )  # fmt: skip


def _ask(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=ANSWER_S, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired:
        raise StackError(f"{' '.join(command[:3])} did not answer within {ANSWER_S:.0f} s; is Docker well?") from None
    except OSError as error:
        raise StackError(f"{command[0]} cannot be run: {error.strerror}; {LOCAL}") from None


def _run(command: Sequence[str], *, within_s: float) -> None:
    """Run a command that tells on standard error how far it is."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=STANDARD_ERROR, timeout=within_s, check=False)
    except subprocess.TimeoutExpired:
        raise StackError(f"docker compose was not done within {within_s:.0f} s; see what it waits for") from None
    except OSError as error:
        raise StackError(f"{command[0]} cannot be run: {error.strerror}; {LOCAL}") from None
    if done.returncode:
        raise StackError(f"docker compose ended with exit code {done.returncode}; what it said stands above")


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    return ((done.stderr or done.stdout).strip().splitlines() or ["it did not say why"])[-1][:200]


def read_scale(texts: Sequence[str]) -> dict[str, int]:
    """How many of each worker: ``execution=2``.

    Raises
    ------
    SettingsError
        If it is not said so, or of something there can be only one of.

    Examples
    --------
    >>> read_scale(["execution=2"])
    {'execution': 2}
    """
    scale: dict[str, int] = {}
    workers = [part.name for part in PARTS.values() if part.arguments[:1] == ("worker",)]
    for text in texts:
        name, _, count = text.partition("=")
        if name not in workers or not count.isascii() or not count.isdigit() or not 1 <= int(count) <= 1000:
            raise SettingsError(f"--scale {text} is not WORKER=COUNT; the workers are {', '.join(workers)}")
        scale[name] = int(count)
    return scale
