"""Which processes did a stack start, are they still the same ones, and how are they stopped?

Rules: a process is remembered in a file with its id, the time it began and its command line, so that another process
that was given the same id later is not mistaken for it, let alone stopped (the command line decides where the clock was
set meanwhile). Stopping is a request first (SIGTERM), and
after a bound an order (SIGKILL). A file is written whole or not at all.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import psutil

from vtrade.services.stack.programs import StackError

SAME_S: Final = 2.0
"""Two readings of when a process began differ by less than this, unless someone set the clock meanwhile."""
KILL_S: Final = 10.0
"""Longest wait for a process that was told to die."""
TAIL_BYTES: Final = 8192
TAIL_LINES: Final = 3


class Running(msgspec.Struct, frozen=True):
    """A process that a stack started: its id, when it began (seconds since 1970), and its command line."""

    pid: int
    began_s: float
    command: tuple[str, ...]
    version: str = ""
    ports: tuple[int, ...] = ()


def start(
    command: Sequence[str],
    *,
    file: Path,
    log: Path,
    environ: Mapping[str, str],
    cwd: Path,
    version: str = "",
    ports: tuple[int, ...] = (),
) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one, remember it in ``file``, and let it write to ``log``.

    Raises
    ------
    StackError
        If it cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, env=dict(environ), cwd=cwd,
            )  # fmt: skip
    except OSError as error:
        raise StackError(f"{command[0]} cannot be started: {error.strerror}; see that it can be run") from None
    try:
        _write(file, msgspec.json.encode(Running(process.pid, _began_s(process.pid), tuple(command), version, ports)))
    except BaseException:  # Ctrl-C too: a process that nobody remembers could never be stopped
        process.kill()
        process.wait()
        raise
    return process


def _began_s(pid: int) -> float:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0  # it ended already; whoever looks will see that


def recall(file: Path) -> Running | None:
    """What is remembered in ``file``; ``None`` where there is nothing, or nothing that can be read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Running)
    except (OSError, msgspec.MsgspecError):
        return None


def alive(running: Running | None) -> psutil.Process | None:
    """The process, if it still runs and is the same one."""
    if running is None:
        return None
    try:
        process = psutil.Process(running.pid)
        same = abs(process.create_time() - running.began_s) < SAME_S or tuple(process.cmdline()) == running.command
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def ask_to_stop(file: Path) -> None:
    """Ask what ``file`` remembers to end (SIGTERM), awake again if it was frozen."""
    process = alive(recall(file))
    if process is not None:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
            process.resume()


def stop(file: Path, *, within_s: float) -> str:
    """Wait until what ``file`` remembers and was asked to stop has ended, and forget it.

    What is still there after ``within_s`` seconds is told to die (SIGKILL). Says how it ended: ``absent`` (it did not
    run), ``stopped`` or ``killed``.

    Raises
    ------
    StackError
        If it is still there after it was told to die.
    """
    process = alive(recall(file))
    ended = "absent"
    with suppress(psutil.NoSuchProcess):
        if process is not None:
            ended = "stopped" if within_s > 0 and _has_ended(process, within_s) else "killed"
            if ended == "killed":
                process.kill()
                if not _has_ended(process, KILL_S):
                    raise StackError(f"process {process.pid} is still there {KILL_S:.0f} s after SIGKILL")
    file.unlink(missing_ok=True)
    return ended


def _has_ended(process: psutil.Process, within_s: float) -> bool:
    try:
        process.wait(within_s)
    except psutil.TimeoutExpired:
        return False
    return True


def figures(process: psutil.Process, *, now_s: float) -> tuple[float | None, float | None]:
    """Resident memory in MB and seconds since it began; ``None`` for what cannot be known any more."""
    try:
        return process.memory_info().rss / 1e6, max(0.0, now_s - process.create_time())
    except psutil.Error:
        return None, None


def last_words(log: Path) -> str:
    """The end of a log, on one line: what to tell when a process did not start."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError:
        return ""
    telling = [line for line in lines if "ERROR" in line or "Error" in line or "FATAL" in line] or lines
    return " / ".join(line[:300] for line in telling[-TAIL_LINES:])


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_bytes(content)
    temporary.replace(path)
