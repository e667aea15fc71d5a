"""What does a class of hundreds feel on a whole stack of its own? One task, for a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil

from vtrade.adapters.hot import HotState
from vtrade.bench import class_load, fresh
from vtrade.bench.backbone_tasks import process, servers, worker
from vtrade.bootstrap.backbone import ROLES, open_redis
from vtrade.errors import VTradeError
from vtrade.services.stack.servers import free_ports

MEMORY_EVERY_S: Final = 1.0


def class_of(accounts: int = 500, seconds: float = 120.0) -> dict[str, Any]:
    """A class on a whole stack of its own; see :func:`vtrade.bench.class_load.run`."""
    with servers() as settings, tempfile.TemporaryDirectory(prefix="vtrade-bench-") as folder:
        port, metrics = free_ports(2)
        token = Path(folder) / "owner"
        settings = msgspec.structs.replace(settings, gateway_port=port, gateway_metrics_port=metrics)
        with contextlib.ExitStack() as crew:
            running = [crew.enter_context(worker(settings, role)) for role in ROLES]
            running.append(crew.enter_context(process(settings, "serve", "--owner-token-file", str(token))))
            _wait_for(token)
            time.sleep(5.0)
            cache = open_redis(settings)
            crew.callback(cache.close)
            looker = _Looker(running, HotState(cache, "class load", "portfolio"))
            with looker:
                found = asyncio.run(
                    class_load.run(
                        f"http://127.0.0.1:{port}", token.read_text().strip(), accounts=accounts, seconds=seconds
                    )
                )
    return {**found, **looker.found()}


def _wait_for(token: Path) -> None:
    ends = time.perf_counter() + 60.0
    while not (token.exists() and token.read_text().strip()):
        if time.perf_counter() > ends:
            raise fresh.BenchError("the gateway did not start within 60 s")
        time.sleep(0.2)


class _Looker:
    """Looks at memory, and at how old the standings are, while a class trades."""

    def __init__(self, running: list[psutil.Process], standings: Any) -> None:
        self._running, self._standings = running, standings
        self._stop = threading.Event()
        self._memory = 0.0
        self._ages: list[float] = []
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._stop.wait(MEMORY_EVERY_S):
            self._memory = max(self._memory, sum(p.memory_info().rss for p in self._running) / 1e6)
            with contextlib.suppress(VTradeError):
                age = self._standings.age_s()
                if age is not None:
                    self._ages.append(age)

    def found(self) -> dict[str, float | None]:
        """The most memory, and the 99th percentile of the age."""
        ages = sorted(self._ages)
        return {"memory_mb": self._memory, "standings_age_s": ages[int(0.99 * len(ages))] if ages else None}

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def main() -> None:
    """Run the task; the arguments are JSON."""
    assert sys.argv[1] == "class_of", sys.argv[1]
    sys.stdout.write(json.dumps(class_of(**json.loads(sys.argv[2]))) + "\n")


if __name__ == "__main__":
    main()
