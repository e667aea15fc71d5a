"""Which figures does each suite take, and what is promised for them?

Rules: a suite yields its rows one by one; a figure whose means are not here (market data, the panel) is a row without a
value that says what is missing. Goals are those of a two-core machine.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from vtrade.bench import fresh, peers
from vtrade.bench.engine import engine_rows
from vtrade.bench.fidelity import fidelity
from vtrade.bench.rows import Row

RUNS: Final = 5
REPLAY_ORDERS: Final = 1_000
BATCHED_ORDERS: Final = 20_000
SINGLE_ORDERS: Final = 500
ORDER_RUNS: Final = 3
AMZN: Final = "lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"
AAPL: Final = "lobster/LOBSTER_SampleFile_AAPL_2012-06-21_1.zip"
AMZN_NAME: Final = "AMZN L5, 155,935 messages, 1,000 orders"
MADE: Final = "synthetic:7"

_IMPORT: Final = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
_FIRST_FILL: Final = """
import vtrade as vt
desk = vt.Desk(language_model=None)
order = desk.buy(desk.symbols[0], 100)
assert order.filled_quantity, order.reason
print(order.avg_px, flush=True)
"""

Progress = Callable[[int, int], None]
"""Called with how many suites are done, and how many there are."""


def measure(suite: str = "all", *, progress: Progress | None = None) -> list[Row]:
    """Take the figures of a suite, or of all.

    Parameters
    ----------
    suite : str
        A name in ``SUITES``, or ``"all"``.
    progress : callable, optional

    Raises
    ------
    BenchError
        If a measurement fails.
    """
    names = list(SUITES) if suite == "all" else [suite]
    rows: list[Row] = []
    for number, name in enumerate(names):
        if progress is not None:
            progress(number, len(names))
        rows += SUITES[name]()
    if progress is not None:
        progress(len(names), len(names))
    return rows


def _import() -> Iterator[Row]:
    def seconds(name: str) -> float:
        fresh.run_code(_IMPORT.format(name))  # the first one fills the system's caches
        return statistics.median(fresh.run_code(_IMPORT.format(name)) for _ in range(RUNS))

    value = seconds("vtrade")
    peer, peer_value = peers.best(peers.IMPORTS, seconds)
    yield Row(
        suite="import", name="import vtrade", value=value, unit="s", better="lower", goal=0.5, peer=peer,
        peer_value=peer_value,
    )  # fmt: skip


def _first_fill() -> Iterator[Row]:
    fresh.until_line(_FIRST_FILL)  # compiles, where that was not done yet
    value = statistics.median(fresh.until_line(_FIRST_FILL) for _ in range(RUNS))
    yield Row(
        suite="first_fill", name="a new process to its first fill", value=value, unit="s", better="lower", goal=2.0
    )


def market_data() -> Path | None:
    """The real market data, where ``VTRADE_DATA`` names its folder."""
    return data_file(AMZN)


def data_file(name: str) -> Path | None:
    """A file of the real market data, where ``VTRADE_DATA`` names a folder that has it."""
    named = os.environ.get("VTRADE_DATA")
    file = Path(named) / name if named else None
    return file if file is not None and file.is_file() else None


def _replay() -> Iterator[Row]:
    file = market_data()
    found: dict[str, Any] = {}
    if file is not None:
        found = fresh.run_task("replay", tape=f"lobster:{file.resolve()}", orders=REPLAY_ORDERS, repeats=RUNS)
    name = AMZN_NAME if found else f"{AMZN_NAME} (VTRADE_DATA names no folder that has it)"
    yield from _replay_rows(name, found, seconds_goal=0.5, memory_goal=400.0)
    if not found:
        made = fresh.run_task("replay", tape=MADE, orders=REPLAY_ORDERS, repeats=RUNS)
        yield from _replay_rows(f"{MADE}, {made['events']:,} events, 1,000 orders", made)


def _replay_rows(
    name: str, found: dict[str, Any], *, seconds_goal: float | None = None, memory_goal: float | None = None
) -> Iterator[Row]:
    memory = found.get("memory_mb")
    figures = (("replay", "warm_s", "s", seconds_goal), ("memory", "memory_mb", "MB", memory_goal),
               ("first replay", "first_s", "s", None), ("loading", "load_s", "s", None))  # fmt: skip
    for what, key, unit, goal in figures:
        yield Row(
            suite="replay", name=f"{what}: {name}", value=found.get(key), unit=unit, better="lower", goal=goal,
            memory_mb=memory,
        )  # fmt: skip


def _orders() -> Iterator[Row]:
    runs = [fresh.run_task("orders", batched=BATCHED_ORDERS, single=SINGLE_ORDERS) for _ in range(ORDER_RUNS)]
    found = {key: statistics.median(run[key] for run in runs) for key in runs[0] if runs[0][key] is not None}
    figures = (
        ("durable orders with risk and ledger, in batches", "per_second", "orders/s", "higher", 20_000.0),
        ("acknowledgement of one durable order, p50", "p50_ms", "ms", "lower", None),
        ("acknowledgement of one durable order, p99", "p99_ms", "ms", "lower", 25.0),
    )
    for name, key, unit, better, goal in figures:
        yield Row(
            suite="orders", name=name, value=found[key], unit=unit, better="higher" if better == "higher" else "lower",
            goal=goal, memory_mb=found.get("memory_mb"),
        )  # fmt: skip


def _desk() -> Iterator[Row]:
    from vtrade.bench.desk import desk_rows  # what drives a browser is not needed by the others

    yield from desk_rows()


def _engine() -> Iterator[Row]:
    yield from engine_rows(data_file(AAPL))


def _backbone() -> Iterator[Row]:
    from vtrade.bench.backbone import backbone_rows  # the servers' libraries are not needed by the others

    yield from backbone_rows()


SUITES: Final[dict[str, Callable[[], Iterator[Row]]]] = {
    "import": _import,
    "first_fill": _first_fill,
    "replay": _replay,
    "orders": _orders,
    "desk": _desk,
    "engine": _engine,
    "fidelity": fidelity,
    "backbone": _backbone,
}
"""The suites, in the order in which they run."""
