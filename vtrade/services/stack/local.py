"""How does a machine without Docker run the same stack: Kafka, Redis, workers and the gateway as plain processes?

Rules: everything a stack writes is under its folder, and one command at a time works there (a file lock). What is up
already stays as it is, so ``up`` and ``down`` may be said twice, and also when half of it is gone. A part that does not
come up takes down what was started together with it. All parts listen on the loopback alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

import vtrade
from vtrade.adapters.clock import SystemClock
from vtrade.services.settings import LOOPBACK, Secret, Settings, load_settings, to_environ
from vtrade.services.stack import processes, servers
from vtrade.services.stack.jars import Progress, fetch_jars
from vtrade.services.stack.parts import PARTS, SERVERS, WAVES, Part, check_ports, find_part, how_is, ports_of
from vtrade.services.stack.programs import Program, StackError, find_java, find_redis
from vtrade.services.stack.status import PartStatus

LOOK_S: Final = 0.05
"""Time between two looks at a part that starts."""
LOCK_S: Final = 180.0
"""Longest wait for another command that works in the same folder."""
FORMAT_S: Final = 60.0
"""Longest time that preparing Kafka's folder may take."""
LOG_BYTES_MAX: Final = 16 * 2**20
"""A log longer than this is put aside when its process starts; one such is kept."""


class LocalStack:
    """Kafka, Redis, the workers and the gateway of one folder, as processes of this machine.

    Parameters
    ----------
    folder : Path
        Where data, logs and process ids are kept; made where it is not there.
    settings : Settings, optional
        Default: the settings file and the environment. Which servers they name does not matter: a local stack is its
        own.
    kafka_port, redis_port : int, optional
        Instead of those of the settings; Kafka's controller gets a free port of its own then.
    prepare : callable, optional
        Called with the settings once Kafka and Redis answer, before the workers start: the place to create topics.
    program : sequence of str, optional
        How ``vtrade`` is called.

    Examples
    --------
    >>> stack = LocalStack(Path("stack"), settings=Settings(), kafka_port=19092, redis_port=16379)
    >>> stack.kafka, stack.redis
    ('127.0.0.1:19092', 'redis://127.0.0.1:16379/0')
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Settings | None = None,
        kafka_port: int | None = None,
        redis_port: int | None = None,
        prepare: Callable[[Settings], None] | None = None,
        program: Sequence[str] = (sys.executable, "-m", "vtrade.cli"),
    ) -> None:
        self.folder = folder.absolute()
        changes: dict[str, Any] = {"kafka": "", "redis": Secret(), "data_dir": self.folder / "work"}
        changes |= {"gateway_host": LOOPBACK, "metrics_host": LOOPBACK}
        changes |= {"kafka_security": "PLAINTEXT", "kafka_username": "", "kafka_password": Secret()}
        changes |= {"kafka_ca": "", "kafka_cert": "", "kafka_key": ""}
        if kafka_port is not None:
            changes |= {"kafka_port": kafka_port, "kafka_controller_port": servers.free_ports(1)[0]}
        if redis_port is not None:
            changes["redis_port"] = redis_port
        self.settings = msgspec.structs.replace(load_settings() if settings is None else settings, **changes)
        self._prepare = prepare
        self._program = list(program)
        self._clock = SystemClock()
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def kafka(self) -> str:
        """Kafka's bootstrap address, ``host:port``."""
        return self.settings.kafka

    @property
    def redis(self) -> str:
        """Redis's address, ``redis://host:port/0``."""
        return self.settings.redis.text

    def environ(self) -> dict[str, str]:
        """What a process must find in its environment to use this stack."""
        return to_environ(self.settings)

    # --- all of it ---------------------------------------------------------------------------------------------------

    def up(self, *, servers_only: bool = False, progress: Progress = lambda done, total: None) -> None:
        """Start what is not running yet, and return when all of it answers.

        Parameters
        ----------
        servers_only : bool
            Kafka and Redis, but neither workers nor the gateway.
        progress : callable
            Called with how many of Kafka's files were fetched, and how many there are.

        Raises
        ------
        StackError
            If a program is missing, a port is taken or a part does not come up; what was started is stopped again.
        """
        names = SERVERS if servers_only else tuple(PARTS)
        with self._alone():
            _write(self.folder / "parts.json", msgspec.json.encode(names))
            self._bring_up([PARTS[name] for name in names], progress=progress)

    def down(self) -> dict[str, str]:
        """Stop whatever runs, the gateway first and Kafka last; says of each part how it ended.

        The answer is ``absent``, ``stopped`` or, where SIGTERM was not enough, ``killed``.
        """
        with self._alone():
            (self.folder / "parts.json").unlink(missing_ok=True)
            return self._bring_down(list(PARTS.values()))

    def status(self) -> list[PartStatus]:
        """How each part is that ought to run; all parts where the stack is down."""
        try:
            names = msgspec.json.decode((self.folder / "parts.json").read_bytes(), type=list[str])
        except (OSError, msgspec.MsgspecError):
            names = list(PARTS)
        return [self._status(part) for name, part in PARTS.items() if name in names or self._alive(part)]

    def is_here(self) -> bool:
        """Whether a stack was started in this folder and not stopped since."""
        return (self.folder / "parts.json").is_file() or any(self._alive(part) for part in PARTS.values())

    # --- one part ----------------------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Start one part, and return when it answers."""
        with self._alone():
            self._bring_up([find_part(name)])

    def stop(self, name: str) -> str:
        """Stop one part in good order; says how it ended."""
        with self._alone():
            return self._bring_down([find_part(name)])[name]

    def kill(self, name: str) -> None:
        """End one part with SIGKILL, as a crash would."""
        with self._alone():
            self._bring_down([find_part(name)], kill=True)

    def pause(self, name: str) -> None:
        """Freeze one part (SIGSTOP): it keeps its connections and answers nothing."""
        self._process(name).suspend()

    def resume(self, name: str) -> None:
        """Let a frozen part go on."""
        self._process(name).resume()

    def pid(self, name: str) -> int:
        """Process id of a part that runs."""
        pid: int = self._process(name).pid
        return pid

    def log(self, name: str) -> Path:
        """Where a part writes what it has to say."""
        return self.folder / "logs" / f"{find_part(name).name}.log"

    def _process(self, name: str) -> Any:
        process = self._alive(find_part(name))
        if process is None:
            raise StackError(f"{name} does not run in {self.folder}; start it first")
        return process

    def _alive(self, part: Part) -> Any:
        return processes.alive(processes.recall(self._pid_file(part)))

    def _pid_file(self, part: Part) -> Path:
        return self.folder / "pids" / f"{part.name}.json"

    def _status(self, part: Part) -> PartStatus:
        running = processes.recall(self._pid_file(part))
        process = processes.alive(running)
        if running is None or process is None:
            why = f"it ended by itself; see {self.log(part.name)}" if running is not None else ""
            return PartStatus(part=part.name, state="stopped", port=ports_of(part, self.settings)[0], why=why)
        port = running.ports[0] if running.ports else ports_of(part, self.settings)[0]
        wrong = how_is(part, port)
        memory_mb, uptime_s = processes.figures(process, now_s=self._clock.wall_ns() / 1e9)
        return PartStatus(
            part=part.name, state="unhealthy" if wrong else "running", port=port, pid=running.pid,
            version=running.version, uptime_s=uptime_s, memory_mb=memory_mb, why=wrong,
        )  # fmt: skip

    # --- starting ----------------------------------------------------------------------------------------------------

    def _bring_up(self, wanted: Sequence[Part], *, progress: Progress = lambda done, total: None) -> None:
        missing = [part for part in wanted if not self._alive(part)]
        check_ports(missing, self.settings)
        commands = {part.name: self._command(part, progress) for part in missing}
        started: list[Part] = []
        try:
            for wave in WAVES:
                for part in missing:
                    if part.wave == wave:
                        started.append(part)
                        self._launch(part, *commands[part.name])
                for part in wanted:
                    if part.wave == wave:
                        self._await(part)
                if wave == WAVES[0] and any(part.name in SERVERS for part in missing):
                    self._ready()
        except BaseException:
            self._bring_down(started)
            raise

    def _ready(self) -> None:
        if self._prepare is not None:
            self._prepare(self.settings)

    def _launch(self, part: Part, command: Sequence[str], version: str) -> None:
        log = self.log(part.name)
        if log.is_file() and log.stat().st_size > LOG_BYTES_MAX:
            log.replace(log.with_suffix(".old.log"))
        home = self.folder / part.name
        home.mkdir(parents=True, exist_ok=True)
        if part.name in self._children:
            self._children[part.name].poll()  # it has ended, or it would not be started again
        self._children[part.name] = processes.start(
            command, file=self._pid_file(part), log=log, environ=os.environ | self.environ(), cwd=home,
            version=version, ports=ports_of(part, self.settings),
        )  # fmt: skip

    def _await(self, part: Part) -> None:
        port = ports_of(part, self.settings)[0]
        limit_ns = self._clock.monotonic_ns() + int(part.up_s * 1e9)
        while wrong := how_is(part, port):
            if not self._alive(part):
                words = processes.last_words(self.log(part.name)) or "it did not say why"
                raise StackError(f"{part.name} ended while it started: {words}; all of it is in {self.log(part.name)}")
            if self._clock.monotonic_ns() > limit_ns:
                raise StackError(
                    f"{part.name} is not well after {part.up_s:.0f} s ({wrong}); see {self.log(part.name)}"
                )
            self._clock.sleep(LOOK_S)

    def _command(self, part: Part, progress: Progress) -> tuple[list[str], str]:
        """The command line of a part, and its version."""
        if part.name == "redis":
            program = find_redis(at_least=self.settings.redis_version_min)
            where = ["--port", str(self.settings.redis_port), "--bind", LOOPBACK, "--daemonize", "no"]
            return [program.path, *where, *servers.redis_options(self.settings)], program.version
        if part.name == "kafka":
            java = find_java(named=self.settings.java)
            jars = fetch_jars(self.settings, progress=progress)
            return self._prepare_kafka(java, jars), self.settings.kafka_version
        return [*self._program, *part.arguments], vtrade.__version__

    def _prepare_kafka(self, java: Program, jars: Path) -> list[str]:
        """Write Kafka's properties, prepare its folder where it is new, and say how it is started."""
        home = self.folder / "kafka"
        file, data = home / "server.properties", home / "data"
        lines = [f"{name}={value}\n" for name, value in servers.local_properties(self.settings, data).items()]
        _write(file, "".join(lines).encode())
        _write(home / "log4j2.properties", servers.LOGGING.encode())
        classes = ["-cp", f"{home}{os.pathsep}{jars / '*'}"]
        if not (data / "meta.properties").is_file():
            tool = ["kafka.tools.StorageTool", "format", "-t", self.settings.kafka_cluster, "-c", str(file)]
            try:
                done = subprocess.run(
                    [java.path, "-Xmx256m", "-XX:TieredStopAtLevel=1", *classes, *tool],
                    capture_output=True, text=True, timeout=FORMAT_S, stdin=subprocess.DEVNULL, cwd=home,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                raise StackError(f"Kafka's folder {data} was not prepared within {FORMAT_S:.0f} s; try again") from None
            if done.returncode:
                said = " / ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
                raise StackError(f"Kafka's folder {data} cannot be prepared: {said[:500]}")
        return [java.path, *servers.java_options(self.settings), *classes, "kafka.Kafka", str(file)]

    # --- stopping ----------------------------------------------------------------------------------------------------

    def _bring_down(self, parts: Sequence[Part], *, kill: bool = False) -> dict[str, str]:
        """Stop parts, one wave after the other, those of a wave together; says of each how it ended."""
        ended: dict[str, str] = {}
        for wave in reversed(WAVES):
            together = [part for part in parts if part.wave == wave]
            # what was seen to have ended before it was asked did not run
            running = {part.name for part in together if self._alive(part)}
            for part in together:
                if not kill:
                    processes.ask_to_stop(self._pid_file(part))
            for part in together:
                how = processes.stop(self._pid_file(part), within_s=0.0 if kill else part.down_s)
                ended[part.name] = "stopped" if how == "absent" and part.name in running else how
                child = self._children.pop(part.name, None)
                if child is not None:
                    child.wait()
        return ended

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep every other command out of the folder."""
        import filelock

        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            lock = filelock.FileLock(self.folder / "lock", timeout=LOCK_S)
            lock.acquire()
        except filelock.Timeout:
            raise StackError(
                f"another command has been at work in {self.folder} for {LOCK_S:.0f} s; "
                "wait for it, or name another folder"
            ) from None
        try:
            yield
        finally:
            lock.release()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
