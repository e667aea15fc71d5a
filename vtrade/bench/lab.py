"""How is a panel watched where students meet it? A real JupyterLab, a real kernel, a real Chromium.

Rules: the server keeps every file in the folder it is given and listens on this machine only; it is stopped by its own
process, and nothing of it is left. A page remembers each error of its console and each request that leaves the machine.
Playwright and a browser are needed here and nowhere else in the package.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from vtrade.bench.fresh import BenchError

FLAGS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
SETTINGS: Final = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
BROWSERS: Final = ("chromium", "google-chrome", "chromium-browser")
START_S: Final = 60.0
KERNEL_MS: Final = 60_000
STOP_S: Final = 10.0
CELL_ERRORS: Final = """() => [...jupyterapp.shell.currentWidget.context.model.cells]
  .flatMap((cell) => (cell.outputs ? cell.outputs.toJSON() : []))
  .filter((output) => output.output_type === "error").map((output) => `${output.ename}: ${output.evalue}`)"""
IDLE: Final = "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"


class Lab(NamedTuple):
    """A running JupyterLab: its address, and the folder whose notebooks it serves."""

    url: str
    root: Path

    def notebook(self, name: str, *cells: str) -> str:
        """Write a notebook of code cells; returns its name."""
        made: list[dict[str, Any]] = [
            {"cell_type": "code", "id": f"cell-{n}", "metadata": {}, "source": cell, "outputs": []}
            for n, cell in enumerate(cells)
        ]
        for cell in made:
            cell["execution_count"] = None
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        page = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        (self.root / name).write_text(json.dumps(page), encoding="utf-8")
        return name

    def open(self, page: Any, name: str, *, run: bool = True) -> None:
        """Open a notebook and run all of its cells.

        Raises
        ------
        AssertionError
            If a cell fails.
        """
        page.goto(f"{self.url}/lab/tree/{name}?token=t&reset")
        page.wait_for_function(IDLE, timeout=KERNEL_MS)
        if run:
            page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
            errors = page.evaluate(CELL_ERRORS)
            if errors:
                raise AssertionError(errors)


def browser_path() -> str | None:
    """The system's browser: ``VTRADE_CHROMIUM``, or the first one on the ``PATH``."""
    named = os.environ.get("VTRADE_CHROMIUM")
    names = (named,) if named else BROWSERS
    return next((found for name in names if (found := shutil.which(name))), None)


@contextmanager
def jupyterlab(folder: Path) -> Iterator[Lab]:
    """A JupyterLab of this environment that keeps everything in ``folder``."""
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    for name, value in SETTINGS.items():
        file = folder / "settings/@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    homes = {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    env = {
        **os.environ, **homes, "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"), "IPYTHONDIR": str(folder / "ipython"),
        "VTRADE_PREFERENCES": str(folder / "preferences"),
    }  # fmt: skip
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", "--IdentityProvider.token=t", f"--ServerApp.root_dir={notebooks}",
        "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip
    log = folder / "jupyterlab.log"
    with log.open("w") as out:
        server = subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        _wait(server, f"http://127.0.0.1:{port}", log)
        yield Lab(f"http://127.0.0.1:{port}", notebooks)
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise BenchError(f"JupyterLab ended at once:\n{log.read_text()}")
        try:
            urllib.request.urlopen(f"{url}/api?token=t", timeout=1).close()
            return
        except OSError:
            time.sleep(0.15)
    raise BenchError(f"JupyterLab did not answer within {START_S:.0f} s:\n{log.read_text()}")


@contextmanager
def chromium(path: str) -> Iterator[Any]:
    """A browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield running
        finally:
            running.close()


def new_page(browser: Any, *, width: int = 1500, height: int = 1000) -> Any:
    """A fresh page; ``page.bad`` lists errors and requests to the outside, ``page.frames_in`` the bytes received."""
    opened = browser.new_context(viewport={"width": width, "height": height}).new_page()
    opened.bad = []
    opened.frames_in = []
    opened.on("pageerror", lambda error: opened.bad.append(str(error)))
    opened.on("console", lambda message: opened.bad.append(message.text) if message.type == "error" else None)
    opened.on("request", lambda request: None if _local(request.url) else opened.bad.append(f"EXTERNAL {request.url}"))
    opened.on(
        "websocket",
        lambda ws: ws.on("framereceived", lambda data: opened.frames_in.append((time.monotonic(), len(data)))),
    )
    return opened


def shut(page: Any) -> None:
    """End the page's kernel, and the page."""
    page.evaluate("() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.shutdown()")
    page.context.close()


def _local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:"))
