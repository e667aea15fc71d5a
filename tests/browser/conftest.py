"""How is a panel tested where students meet it? A real JupyterLab, a real kernel, the system's Chromium.

Rules: the server keeps every file in a temporary folder and listens on this machine only; a page remembers each error
on its console and each request that leaves the machine in ``page.bad``, and a test ends by finding it empty.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
START_S = 60
CELL_ERRORS = """() => [...jupyterapp.shell.currentWidget.context.model.cells]
  .flatMap((cell) => (cell.outputs ? cell.outputs.toJSON() : []))
  .filter((output) => output.output_type === "error").map((output) => `${output.ename}: ${output.evalue}`)"""
IDLE = "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"


class Lab(NamedTuple):
    """A running JupyterLab: its address, and the folder whose notebooks it serves."""

    url: str
    root: Path

    def notebook(self, name: str, *cells: str) -> str:
        """Write a notebook of code cells; returns its name."""
        made = [
            {
                "cell_type": "code",
                "id": f"cell-{index}",
                "metadata": {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for index, source in enumerate(cells)
        ]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        page = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        (self.root / name).write_text(json.dumps(page), encoding="utf-8")
        return name

    def open(self, page: Any, name: str, *, run: bool = True) -> None:
        """Open a notebook and run all of its cells; any error in a cell fails the test."""
        page.goto(f"{self.url}/lab/tree/{name}?token=t&reset")
        page.wait_for_function(IDLE, timeout=60_000)
        if run:
            page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
            errors = page.evaluate(CELL_ERRORS)
            assert errors == [], errors


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Lab]:
    """A JupyterLab of this environment, for all browser tests."""
    folder = tmp_path_factory.mktemp("lab")
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
            server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"{url}/api?token=t", timeout=1).close()
            return
        except OSError:
            time.sleep(0.15)
    raise AssertionError(f"JupyterLab did not answer within {START_S} s:\n{log.read_text()}")


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    """One Chromium for all browser tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A fresh page; ``page.bad`` lists errors and requests to the outside, ``page.traffic`` bytes that came in."""
    context = browser.new_context(viewport={"width": 1500, "height": 1000})
    opened = context.new_page()
    opened.bad = []
    opened.frames_in = []
    opened.on("pageerror", lambda error: opened.bad.append(str(error)))
    opened.on("console", lambda message: opened.bad.append(message.text) if message.type == "error" else None)
    opened.on("request", lambda request: None if _local(request.url) else opened.bad.append(f"EXTERNAL {request.url}"))
    opened.on(
        "websocket",
        lambda ws: ws.on("framereceived", lambda data: opened.frames_in.append((time.monotonic(), len(data)))),
    )
    yield opened
    opened.evaluate("() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.shutdown()")
    context.close()


def _local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:"))
