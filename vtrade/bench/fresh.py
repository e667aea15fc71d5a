"""How is something measured in a process that did nothing before?

Rules: the process answers with one line of JSON; one that fails or takes too long is a :class:`BenchError`, with the
last line it said. The seconds of :func:`until_line` count from before the process starts.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any, Final

from vtrade.errors import VTradeError

TIMEOUT_S: Final = 600


class BenchError(VTradeError):
    """A measurement that did not come to an end."""


def run_task(task: str, *, module: str = "vtrade.bench.tasks", **arguments: Any) -> dict[str, Any]:
    """What a task of a module returns in a fresh process."""
    command = [sys.executable, "-m", module, task, json.dumps(arguments)]
    found = json.loads(_line(command)[1])
    assert isinstance(found, dict)
    return found


def run_code(code: str) -> float:
    """The number that a piece of Python prints."""
    return float(_line([sys.executable, "-c", code])[1])


def until_line(code: str) -> float:
    """Seconds until a piece of Python prints its first line, its start included."""
    return _line([sys.executable, "-c", code])[0]


def _line(command: list[str]) -> tuple[float, str]:
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.perf_counter() - started
        try:
            _, trouble = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise BenchError(f"a measurement took more than {TIMEOUT_S} s and was stopped: {command[-2:]}") from None
    if process.returncode or not line.strip():
        last = (trouble.strip().splitlines() or ["it said nothing"])[-1]
        raise BenchError(f"a measurement failed: {last}")
    return seconds, line
