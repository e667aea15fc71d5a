"""Is the desk in a notebook quick, light and steady? Seen in a real JupyterLab, and the traffic without one."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any, Final, Literal

from vtrade.bench import fresh, lab
from vtrade.bench.rows import Row

MODULE: Final = "vtrade.bench.desk_tasks"
TRAFFIC_S: Final = 10.0
SOAK_MINUTES: Final = 5.0

_Figure = tuple[str, str, str, Literal["higher", "lower"], float | None]

TRAFFIC: Final[tuple[_Figure, ...]] = (
    ("messages to the browser, a busy desk", "messages_per_s", "1/s", "lower", 20.0),
    ("data to the browser, a busy desk", "kb_per_s", "kB/s", "lower", 100.0),
)
PAINT: Final[tuple[_Figure, ...]] = (
    ("first paint after the cell runs, median of 3", "paint_s", "s", "lower", 1.5),
    ("first paint after the cell runs, worst of 3", "worst_s", "s", "lower", 1.5),
)
LIVE: Final[tuple[_Figure, ...]] = (
    ("redraws of a desk that plays", "redraws_per_s", "1/s", "higher", 19.0),
    ("click to row, p50", "click_p50_ms", "ms", "lower", 500.0),
    ("click to row, worst", "click_max_ms", "ms", "lower", 500.0),
)
SOAK: Final[tuple[_Figure, ...]] = (
    ("memory the browser grows by", "browser_growth_mb", "MB", "lower", 20.0),
    ("memory the kernel grows by", "kernel_growth_mb", "MB", "lower", 20.0),
)


def desk_rows() -> Iterator[Row]:
    """The rows, the quick ones first."""
    no_panels = importlib.util.find_spec("vtrade_widgets") is None
    yield from _rows(TRAFFIC, {} if no_panels else fresh.run_task("panel", seconds=TRAFFIC_S), "the panels", no_panels)
    no_lab = no_panels or importlib.util.find_spec("playwright") is None or lab.browser_path() is None
    for figures, task, asked in ((PAINT, "paint", {}), (LIVE, "live", {}), (SOAK, "soak", {"minutes": SOAK_MINUTES})):
        found = {} if no_lab else fresh.run_task(task, module=MODULE, **asked)
        yield from _rows(figures, found, "a browser and playwright", no_lab)


def _rows(figures: tuple[_Figure, ...], found: dict[str, Any], means: str, missing: bool) -> Iterator[Row]:
    for name, key, unit, better, goal in figures:
        yield Row(
            suite="desk", name=name + (f" (not measured: {means} are not installed)" if missing else ""),
            value=found.get(key), unit=unit, better=better, goal=goal,
            memory_mb=found.get("memory_mb") or found.get("kernel_mb"),
        )  # fmt: skip
