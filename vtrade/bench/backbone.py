"""Does the backbone carry a class on this machine? Figures of the real Kafka, Redis, workers and gateway.

Rules: servers are started for the measurement on free ports of the loopback, and stopped after it; a machine without
Java or redis-server has rows without values that say what is missing. The class is made, enrolled and connected as a
real one is; everything of it shares this machine, the students too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from vtrade.bench import fresh
from vtrade.bench.portfolio_tasks import portfolio_rows
from vtrade.bench.rows import Row
from vtrade.errors import VTradeError

TASKS: Final = "vtrade.bench.backbone_tasks"
CLASS: Final = "vtrade.bench.class_tasks"
STUDENTS: Final = 500
SECONDS: Final = 120.0
MEMBERS: Final = 1_000_000


def backbone_rows() -> Iterator[Row]:
    """Rows of the suite."""
    yield from _class()
    yield from _flow()
    yield from _boards()
    for row in portfolio_rows():
        yield replace(row, suite="backbone")


def _row(name: str, value: float | None, unit: str, goal: float | None, *, lower: bool = True, **more: Any) -> Row:
    return Row(
        suite="backbone", name=name, value=value, unit=unit, better="lower" if lower else "higher", goal=goal, **more
    )


def _tried(task: str, module: str = TASKS, **arguments: Any) -> tuple[dict[str, Any], str]:
    """What a task found, or why it could not be run."""
    try:
        return fresh.run_task(task, module=module, **arguments), ""
    except VTradeError as error:
        return {}, f" ({str(error)[:80]})"


def _class() -> Iterator[Row]:
    found, missing = _tried("class_of", CLASS, accounts=STUDENTS, seconds=SECONDS)
    name = f"class of {STUDENTS}, an order a second each, {SECONDS:g} s"
    figures = (
        ("acknowledgement p50", "ack_p50_s", 20.0, 1e3, "ms"), ("acknowledgement p99", "ack_p99_s", 150.0, 1e3, "ms"),
        ("fill on the stream p50", "fill_p50_s", None, 1e3, "ms"),
        ("fill on the stream p99", "fill_p99_s", 300.0, 1e3, "ms"),
        ("standings, at most so old", "standings_age_s", 1.0, 1.0, "s"),
        ("gateway and workers, memory", "memory_mb", 2_000.0, 1.0, "MB"),
    )  # fmt: skip
    for what, key, goal, factor, unit in figures:
        value = found.get(key)
        yield _row(f"{name}: {what}{missing}", None if value is None else value * factor, unit, goal,
                   memory_mb=found.get("memory_mb"))  # fmt: skip
    yield _row(f"{name}: orders filled{missing}", found.get("filled"), "orders", None, lower=False)


def _flow() -> Iterator[Row]:
    ticks, missing = _tried("ticks")
    yield _row("ticks in frames, from feed to execution" + missing, ticks.get("per_s"), "events/s", 500_000.0,
               lower=False, memory_mb=ticks.get("memory_mb"))  # fmt: skip
    back, missing = _tried("restart")
    yield _row("an execution worker is back, a million events behind its snapshot" + missing, back.get("seconds"), "s",
               10.0, memory_mb=back.get("memory_mb"))  # fmt: skip
    two, missing = _tried("scaling")
    yield _row("execution, one worker" + missing, two.get("per_s_1"), "events/s", None, lower=False)
    yield _row("execution, two workers" + missing, two.get("per_s_2"), "events/s", None, lower=False,
               peer="one worker", peer_value=two.get("per_s_1"))  # fmt: skip


def _boards() -> Iterator[Row]:
    found, missing = _tried("standings", members=MEMBERS)
    for what, key in (("update", "update"), ("around me", "around")):
        yield _row(f"leaderboard of a million: {what} p99{missing}", found.get(f"{key}_p99_ms"), "ms", 5.0,
                   memory_mb=found.get("memory_mb"))  # fmt: skip
