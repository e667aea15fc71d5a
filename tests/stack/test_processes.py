"""Is a process that a stack started told from a stranger with the same id, and does it end, whatever it does?"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from vtrade.services.stack import processes
from vtrade.services.stack.processes import Running, alive, ask_to_stop, last_words, recall, start, stop
from vtrade.services.stack.programs import StackError

SLEEPS = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"


class Home:
    """A folder in which processes are started and remembered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file, self.log = folder / "pids" / "part.json", folder / "logs" / "part.log"
        self.children: list[subprocess.Popen[bytes]] = []

    def start(self, code: str) -> Running:
        """Start Python with ``code``, and wait until it has said something."""
        command = [sys.executable, "-c", code]
        child = start(
            command, file=self.file, log=self.log, environ=os.environ, cwd=self.folder, version="1", ports=(7,)
        )
        self.children.append(child)
        for _ in range(1000):
            if self.log.read_bytes() or child.poll() is not None:
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(0.02)
        running = recall(self.file)
        assert running is not None
        return running

    def stop(self, within_s: float = 20.0) -> str:
        ask_to_stop(self.file)
        return stop(self.file, within_s=within_s)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home
    for child in home.children:
        child.kill()
        child.wait()


def test_a_process_is_remembered_while_it_runs_and_forgotten_when_it_is_stopped(home: Home) -> None:
    running = home.start(SLEEPS)
    found = alive(running)
    assert found is not None
    assert found.pid == home.children[0].pid
    assert (running.version, running.ports) == ("1", (7,))
    assert home.stop() == "stopped"
    assert alive(running) is None
    assert recall(home.file) is None
    assert home.stop() == "absent"


def test_one_that_does_not_listen_is_killed(home: Home) -> None:
    home.start(STUBBORN)
    assert home.stop(within_s=0.2) == "killed"
    assert not psutil.pid_exists(home.children[0].pid)


def test_one_that_is_frozen_is_woken_to_end(home: Home) -> None:
    found = alive(home.start(SLEEPS))
    assert found is not None
    found.suspend()
    assert home.stop() == "stopped"


def test_one_that_ended_by_itself_does_not_run(home: Home) -> None:
    running = home.start("print('bye')")
    home.children[0].wait()
    assert alive(running) is None
    assert home.stop() == "absent"


def test_a_stranger_with_the_same_id_is_left_alone(home: Home) -> None:
    stranger = home.start(SLEEPS)
    ours = msgspec.structs.replace(stranger, began_s=stranger.began_s - 3600, command=("java", "kafka.Kafka"))
    home.file.write_bytes(msgspec.json.encode(ours))
    assert alive(ours) is None
    assert home.stop() == "absent"
    assert psutil.pid_exists(stranger.pid)
    assert alive(stranger) is not None


def test_a_clock_that_was_set_does_not_lose_a_process(home: Home) -> None:
    running = home.start(SLEEPS)
    assert alive(msgspec.structs.replace(running, began_s=running.began_s - 86_400)) is not None


@pytest.mark.parametrize("content", [b"", b"12345", b"{", b'{"pid":"one"}'], ids=["empty", "a number", "cut", "wrong"])
def test_a_file_that_cannot_be_read_remembers_nothing(home: Home, content: bytes) -> None:
    home.file.parent.mkdir()
    home.file.write_bytes(content)
    assert recall(home.file) is None
    assert home.stop() == "absent"
    assert not home.file.exists()


def test_a_program_that_is_not_there_is_told(home: Home) -> None:
    with pytest.raises(StackError, match="no-such-program cannot be started: No such file"):
        start(["no-such-program"], file=home.file, log=home.log, environ={}, cwd=home.folder)


def test_one_that_cannot_be_remembered_is_not_left_behind(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path, content: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "_write", interrupted)
    command = [sys.executable, "-c", f"{SLEEPS}  # {home.folder}"]
    with pytest.raises(KeyboardInterrupt):
        start(command, file=home.file, log=home.log, environ=os.environ, cwd=home.folder)
    assert not [child for child in psutil.Process().children() if str(home.folder) in " ".join(child.cmdline())]


def test_the_last_words_are_those_that_tell_why(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_words(log) == ""
    log.write_text("starting\n2026-11-23 ERROR Exiting Kafka due to fatal exception\n\tat kafka.Kafka.main\n\n")
    assert last_words(log) == "2026-11-23 ERROR Exiting Kafka due to fatal exception"
    log.write_text("one\ntwo\nthree\nfour\n")
    assert last_words(log) == "two / three / four"
