"""A real Redis of one's own, on a random port of the loopback, that a test may stop, kill, wipe and set back."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import required
from vtrade.adapters.redis import connect_redis, embedded_redis

PROGRAM = shutil.which("redis-server")
STARTS_MAX = 5
"""Somebody else may take the port we found: then another one is tried."""
WAIT_S = 20.0


class OwnRedis:
    """One ``redis-server`` in a folder; it keeps its port over a restart."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.options = options
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        for attempt in range(STARTS_MAX):
            self.port = free_port()
            try:
                self.start()
                return
            except RuntimeError:
                if attempt == STARTS_MAX - 1:
                    raise

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def dump(self) -> Path:
        return self.folder / "dump.rdb"

    def start(self) -> None:
        command = [
            str(PROGRAM), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--daemonize", "no",
            "--dir", str(self.folder), *self.options,
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if self.answers():
                return
            time.sleep(0.02)
        self.kill()
        raise RuntimeError((self.folder / "log").read_text(errors="replace")[-2_000:])

    def answers(self) -> bool:
        """Whether it is there and has read its files; it may still want a password."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(100).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def kill(self) -> None:
        """Like a power cut."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(WAIT_S)

    def client(self, **options):
        return connect_redis(self.url, wait_s=WAIT_S, **options)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def start_redis(tmp_path_factory):
    """Starts one more server with the options given; all are gone at the end."""
    if PROGRAM is None:
        say = pytest.fail if "redis" in required() else pytest.skip
        say(f"needs the program redis-server, VTRADE_REDIS={os.environ.get('VTRADE_REDIS', '')} is not enough")
    started = []

    def start(*options: str) -> OwnRedis:
        server = OwnRedis(tmp_path_factory.mktemp("redis"), *options)
        started.append(server)
        return server

    yield start
    for server in started:
        server.kill()


@pytest.fixture(scope="session")
def calm_redis(start_redis):
    """A server that all tests use which leave it as it is."""
    return start_redis()


@pytest.fixture
def own_redis(start_redis):
    """A server for one test, which may do with it what it likes."""
    server = start_redis()
    yield server
    server.kill()


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.needs("redis"))])
def client(request):
    """An empty Redis: embedded, and on a server."""
    if request.param == "embedded":
        yield embedded_redis()
        return
    client = request.getfixturevalue("calm_redis").client()
    client.flushall()
    yield client
    client.close()
