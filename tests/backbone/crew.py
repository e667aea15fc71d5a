"""A crew of real worker processes on a real Kafka and a real Redis, in topics of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from vtrade.services.settings import Secret, Settings, to_environ

START_S = 120.0
"""Longest wait for something that must happen in the end."""
STOP_S = 60.0
"""Longest wait for a process that was asked to stop."""


def until(true: Callable[[], object], what: str, *, within_s: float = START_S, look_s: float = 0.02) -> None:
    """Wait until something is true."""
    ends = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < ends, f"{what} did not happen within {within_s:g} s"
        time.sleep(look_s)


def own_settings(kafka: Settings, redis_url: str, folder: Path, *, prefix: str, partitions: int = 2) -> Settings:
    """Settings for topics and keys that nobody else uses."""
    return msgspec.structs.replace(
        kafka, redis=Secret(redis_url), topic_prefix=prefix, partitions=partitions, data_dir=folder / "data",
        snapshot_every_s=1.0,
    )  # fmt: skip


class Crew:
    """Processes of `vtrade`, by name."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start one; its log is FOLDER/NAME.log."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "vtrade.cli", *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **to_environ(self.settings)},
            )  # fmt: skip
        self._running[name] = process
        return process

    def worker(self, role: str, name: str = "") -> subprocess.Popen[bytes]:
        """Start a worker."""
        return self.start(name or role, "worker", role, "--metrics-port", "0", "--log", "text")

    def kill(self, name: str) -> None:
        """End one as a power cut would."""
        process = self._running.pop(name)
        process.kill()
        assert process.wait() == -signal.SIGKILL, f"{name} had ended by itself before it was killed"

    def stop(self, name: str) -> int:
        """End one in good order; its exit code."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def freeze(self, name: str) -> None:
        """Have one stand still, as a laptop that is closed."""
        self._running[name].send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Have it go on."""
        self._running[name].send_signal(signal.SIGCONT)

    def ended(self) -> list[str]:
        """Those that ended though nobody asked them to."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    # --- what they say -----------------------------------------------------------------------------------------------

    def log(self, name: str) -> str:
        """What one has logged so far."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def takeovers(self, name: str, partition: int) -> list[int]:
        """Offsets from which one has read a partition, each time it took it over."""
        return [int(n) for n in re.findall(rf"has partition {partition} from offset (\d+) on", self.log(name))]

    def figures(self, name: str) -> dict[str, float]:
        """The numbers on its metrics page, summed over their labels."""
        pages = re.findall(r"metrics at (http://\S+)", self.log(name))
        with urllib.request.urlopen(f"{pages[-1]}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        found: dict[str, float] = {}
        for figure, value in re.findall(r"^(\w+)(?:\{[^}]*\})? (\S+)$", text, re.MULTILINE):
            found[figure] = found.get(figure, 0.0) + float(value)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        if kind is not None:
            self.show()

    def show(self) -> None:
        """Print the ends of all logs, for a test that failed."""
        for path in sorted(self.folder.glob("*.log")):
            print(f"--- {path.name}\n{path.read_text(errors='replace')[-4000:]}")  # noqa: T201


@contextlib.contextmanager
def crew(settings: Settings, folder: Path, *roles: str) -> Iterator[Crew]:
    """A crew with one worker of each role."""
    with Crew(settings, folder) as people:
        for role in roles:
            people.worker(role)
        yield people
