"""Which other programs can a figure be compared with, here and now, and how quick are they?

Rules: a peer is measured on this machine, in the same way, or not named at all; nothing is installed for it. Peers may
live in an environment of their own: ``VTRADE_PEERS_PYTHON`` names its interpreter. One that is not there, stops with an
error, or takes too long has no figure.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vtrade.bench import peer_runs, workloads

IMPORTS: Final = ("hftbacktest", "vectorbt", "nautilus_trader", "backtrader", "backtesting", "zipline")
"""Import names of simulators a student might have instead."""
PYTHON: Final = "VTRADE_PEERS_PYTHON"
"""Environment variable with the path of the interpreter that has the peers; without it, this one."""
RUN_TIMEOUT_S: Final = 180
LOOK_TIMEOUT_S: Final = 30

_LOOK: Final = """
import importlib.util, sys
print(*(name for name in sys.argv[1:] if importlib.util.find_spec(name) is not None))
"""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a peer did with a workload; medians, where it ran more than once.

    Attributes
    ----------
    items : int
        Messages, quotes, updates or bars it was given.
    items_per_cpu_s : float
        Per second of processor time, all threads together.
    wall_s : float
        Seconds that passed.
    memory_mb : float or None
        Most memory the process held, its data included.
    result : dict
        What it found, such as ``fills`` or ``orders``.
    """

    items: int
    items_per_cpu_s: float
    wall_s: float
    memory_mb: float | None
    result: dict[str, float]


def installed(names: Iterable[str]) -> list[str]:
    """Those that could be imported.

    Examples
    --------
    >>> installed(["json", "no_such_library"])
    ['json']
    """
    return [name for name in names if importlib.util.find_spec(name) is not None]


def best(names: Iterable[str], measure: Callable[[str], float | None]) -> tuple[str | None, float | None]:
    """The quickest of the installed peers, with its seconds; ``(None, None)`` where there is none.

    Examples
    --------
    >>> best(["json", "csv", "no_such_library"], {"json": 0.2, "csv": 0.1}.get)
    ('csv', 0.1)
    """
    found = [(seconds, name) for name in installed(names) if (seconds := measure(name)) is not None]
    return (min(found)[1], min(found)[0]) if found else (None, None)


def peers_of(workload: str) -> tuple[str, ...]:
    """The peers that do a workload and are installed where peers live.

    Parameters
    ----------
    workload : str
        A name in :data:`vtrade.bench.workloads.WORKLOADS`.

    Examples
    --------
    >>> peers_of("no_such_work")
    ()
    """
    names = [name for name, work in peer_runs.RUNS if work == workload]
    if not names or not os.environ.get(PYTHON):
        return tuple(installed(names))
    said = printed([interpreter(), "-c", _LOOK, *names], LOOK_TIMEOUT_S)
    return tuple(said[-1].split()) if said else ()


def measure(name: str, workload: str, *, runs: int = 1) -> Measured | None:
    """How a peer does a workload in fresh processes; ``None`` where it does not, or is not installed.

    Parameters
    ----------
    name : str
        As one imports it.
    workload : str
        A name in :data:`vtrade.bench.workloads.WORKLOADS`.
    runs : int
        Processes, one after the other; the answer is the median of each figure.

    Examples
    --------
    >>> measure("no_such_peer", "w1") is None
    True
    """
    if name not in peers_of(workload):
        return None
    answers: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="vtrade-bench-") as folder:
        count = peer_runs.RUNS[name, workload][1]
        path = workloads.save(workload, Path(folder) / f"{workload}.npz", count=count)
        for _ in range(runs):
            said = printed([interpreter(), peer_runs.__file__, name, str(path)], RUN_TIMEOUT_S)
            if not said or not said[-1].startswith("{"):
                return None
            answers.append(json.loads(said[-1]))
    memory = [answer["memory_mb"] for answer in answers if answer["memory_mb"] is not None]
    return Measured(
        items=answers[0]["items"],
        items_per_cpu_s=statistics.median(answer["items"] / max(answer["cpu_s"], 1e-9) for answer in answers),
        wall_s=statistics.median(answer["wall_s"] for answer in answers),
        memory_mb=statistics.median(memory) if memory else None,
        result=answers[0]["result"],
    )


def quickest(workload: str, *, runs: int = 1) -> tuple[str, Measured] | None:
    """The peer that gets through most items per second of processor time; ``None`` where none is installed."""
    found = {name: done for name in peers_of(workload) if (done := measure(name, workload, runs=runs)) is not None}
    return max(found.items(), key=lambda pair: pair[1].items_per_cpu_s) if found else None


def interpreter() -> str:
    """Path of the Python that has the peers: what ``VTRADE_PEERS_PYTHON`` names, or else this one.

    Examples
    --------
    >>> interpreter() == (os.environ.get(PYTHON) or sys.executable)
    True
    """
    return os.environ.get(PYTHON) or sys.executable


def printed(command: list[str], timeout_s: float) -> list[str]:
    """Lines that a process printed, none where it failed; it does not import the modules of this folder by mistake.

    Parameters
    ----------
    command : list of str
        Program and arguments.
    timeout_s : float
        Seconds after which it is ended and counts as failed.

    Examples
    --------
    >>> printed([sys.executable, "-c", "print('one'); print('two')"], 30.0)
    ['one', 'two']
    >>> printed([sys.executable, "-c", "raise SystemExit(1)"], 30.0)
    []
    """
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=timeout_s,
            env={**kept, "PYTHONSAFEPATH": "1"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.strip().splitlines() if done.returncode == 0 else []
