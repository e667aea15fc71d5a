"""How quick and how light is the desk in a notebook, and does it stay so? Measured in a real JupyterLab and browser.

Rules: a task starts its own JupyterLab and browser in a folder that is gone afterwards, and returns plain figures.
Memory is what is left after garbage was collected: the browser's heap as its own profiler counts it, the kernel's
resident set. ``python -m vtrade.bench.desk_tasks soak '{"minutes": 5}'`` runs one task.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from vtrade.bench import lab
from vtrade.bench.fresh import BenchError

SETUP: Final = """import vtrade as vt
desk = vt.Desk("synthetic:7", language_model=None)
desk.step(seconds=300);"""
SHOW: Final = "desk"
LIVE: Final = ".vt-desk[data-state=live]"
PAINTED: Final = """() => {
  const root = document.querySelector(".vt-desk[data-state=live]");
  return Boolean(root && root.querySelector(".vt-chart canvas") && root.querySelector(".vt-ladder"));
}"""
RUN_CELL: Final = "() => jupyterapp.commands.execute('notebook:run-cell')"
RUN_CODE: Final = """(code) => new Promise((resolve) => {
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const asked = kernel.requestExecute({ code, store_history: false });
  let said = "";
  asked.onIOPub = (message) => { if (message.header.msg_type === "stream") said += message.content.text; };
  asked.done.then(() => resolve(said));
})"""
RSS: Final = """import gc, os, psutil
gc.collect()
print(psutil.Process(os.getpid()).memory_info().rss)"""
SEQ: Final = "() => Number(document.querySelector('.vt-desk').dataset.seq)"
PAINT_MS: Final = 60_000
WARM_S: Final = 20.0
CLICKS: Final = 15
WATCH_S: Final = 20.0
SETTLE_MS: Final = 500
"""Between two clicks: a ticket takes a second press at once for a slip of the finger."""
SPEED: Final = 60
"""Simulated seconds in a real one while the desk is watched: the market changes far more than 20 times a second."""


def opened(browser: Any, running: lab.Lab) -> tuple[Any, float]:
    """A page with a desk on it, and the seconds from running its cell until it was painted."""
    page = lab.new_page(browser)
    running.open(page, running.notebook("desk.ipynb", SETUP, SHOW), run=False)
    page.evaluate("() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 0; }")
    page.evaluate(RUN_CELL)
    page.evaluate(
        RUN_CODE, "import vtrade_widgets.panels"
    )  # what a cell before it would have imported, as in any session
    page.evaluate("() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 1; }")
    started = time.perf_counter()
    page.evaluate(f"() => {{ ({RUN_CELL})(); }}")
    page.wait_for_function(PAINTED, timeout=PAINT_MS, polling="raf")
    return page, time.perf_counter() - started


def paint(times: int = 3) -> dict[str, Any]:
    """Seconds from running a cell until the desk is painted, each time in a new kernel and page."""

    def measure(browser: Any, running: lab.Lab) -> dict[str, Any]:
        found = []
        for _ in range(times):
            page, seconds = opened(browser, running)
            found.append(seconds)
            lab.shut(page)
        return {"paint_s": statistics.median(found), "worst_s": max(found)}

    return _in_lab(measure)


def live(seconds: float = WATCH_S, clicks: int = CLICKS) -> dict[str, Any]:
    """Redraws a second while the market plays fast, milliseconds from a click to its row, and what travels."""

    def measure(browser: Any, running: lab.Lab) -> dict[str, Any]:
        page, _ = opened(browser, running)
        page.evaluate(RUN_CODE, f"desk.play({SPEED})")
        page.wait_for_timeout(3_000)
        page.frames_in.clear()
        before, started = page.evaluate(SEQ), time.monotonic()
        page.wait_for_timeout(1_000 * seconds)
        redraws = (page.evaluate(SEQ) - before) / (time.monotonic() - started)
        size = sum(length for _, length in page.frames_in)
        messages, passed = len(page.frames_in), time.monotonic() - started
        waits = []
        for _ in range(clicks):
            page.wait_for_timeout(SETTLE_MS)
            waits.append(_click(page))
        lab.shut(page)
        return {
            "redraws_per_s": redraws, "messages_per_s": messages / passed, "kb_per_s": size / passed / 1e3,
            "click_p50_ms": statistics.median(waits), "click_max_ms": max(waits), "errors": page.bad,
        }  # fmt: skip

    return _in_lab(measure)


def _click(page: Any) -> float:
    """Milliseconds from pressing Buy until one more order stands in the blotter, as the page itself measures it."""
    return float(
        page.evaluate("""() => new Promise((resolve) => {
      const rows = () => document.querySelectorAll(".vt-blotter tbody tr").length;
      const first = () => document.querySelector(".vt-blotter tbody tr")?.textContent ?? "";
      const before = [rows(), first()].join();
      const started = performance.now();
      document.querySelector(".vt-ticket .vt-send").click();
      const look = () => {
        const passed = performance.now() - started;
        if ([rows(), first()].join() !== before || passed > 5000) resolve(passed);
        else requestAnimationFrame(look);
      };
      look();
    })""")
    )


def soak(minutes: float = 5.0, speed: float = SPEED) -> dict[str, Any]:
    """Megabytes that browser and kernel grow by while a desk plays and is watched for so long."""

    def measure(browser: Any, running: lab.Lab) -> dict[str, Any]:
        page, _ = opened(browser, running)
        profiler = page.context.new_cdp_session(page)

        def heap_mb() -> float:
            profiler.send("HeapProfiler.collectGarbage")
            return float(page.evaluate("() => performance.memory.usedJSHeapSize")) / 1e6

        def kernel_mb() -> float:
            return float(page.evaluate(RUN_CODE, RSS)) / 1e6

        page.evaluate(RUN_CODE, f"desk.play({speed})")
        page.wait_for_timeout(1_000 * WARM_S)
        first, begun, seq = (heap_mb(), kernel_mb()), time.monotonic(), page.evaluate(SEQ)
        while time.monotonic() - begun < 60 * minutes:
            page.wait_for_timeout(5_000)
            page.evaluate(RUN_CODE, f"if desk.ended: desk.rewind(); desk.play({speed:g})")
        last = (heap_mb(), kernel_mb())
        redraws = page.evaluate(SEQ) - seq
        lab.shut(page)
        return {
            "minutes": (time.monotonic() - begun) / 60, "redraws": redraws, "browser_mb": last[0], "kernel_mb": last[1],
            "browser_growth_mb": last[0] - first[0], "kernel_growth_mb": last[1] - first[1], "errors": page.bad,
        }  # fmt: skip

    return _in_lab(measure)


def _in_lab(measure: Callable[[Any, lab.Lab], dict[str, Any]]) -> dict[str, Any]:
    path = lab.browser_path()
    if path is None:
        raise BenchError("there is no browser here: install chromium, or name one in VTRADE_CHROMIUM")
    with (
        tempfile.TemporaryDirectory(prefix="vtrade-desk-") as folder,
        lab.jupyterlab(Path(folder)) as running,
        lab.chromium(path) as browser,
    ):
        return measure(browser, running)


TASKS: Final[dict[str, Callable[..., dict[str, Any]]]] = {"paint": paint, "live": live, "soak": soak}


def main() -> None:
    """Run a task: its name, and its arguments as JSON."""
    found = TASKS[sys.argv[1]](**json.loads(sys.argv[2] if len(sys.argv) > 2 else "{}"))
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
