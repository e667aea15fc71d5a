"""How is one part of a panel looked at without a JupyterLab? On a plain page, with the real bundle and the real Panel.

Rules: the page reaches nothing; what the panel sends goes to the page and what the page sends to the panel, through
the same ``send`` and message handler that Jupyter's comm would use. Each stage is closed with its test.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PUMP_S = 0.01
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>stage</title>
<style>body { margin: 12px; background: %s; } %s</style></head>
<body data-jp-theme-light="%s">
<main style="width: %dpx; margin: 0"><h1 style="display:none">stage</h1></main></body></html>"""
STAGE = """
const listeners = new Map();
const model = {
  get: (name) => ({ part: %s, theme: "auto" })[name],
  send: (content) => window.toKernel(JSON.stringify(content)),
  on: (name, listener) => listeners.set(name, [...(listeners.get(name) ?? []), listener]),
  off: (name, listener) => listeners.set(name, (listeners.get(name) ?? []).filter((each) => each !== listener)),
};
window.fromKernel = (messages) => {
  for (const message of messages) for (const each of listeners.get("msg:custom") ?? []) each(message);
};
const url = URL.createObjectURL(new Blob([window.bundle], { type: "text/javascript" }));
window.cleanUp = (await import(url)).default.render({ model, el: document.querySelector("main") });
"""


class Stage:
    """A part on a page.

    Attributes
    ----------
    page : playwright Page
    part : Locator
        The root of the part.
    panel : Panel
    bad : list of str
        Errors of the page's console.
    """

    def __init__(self, browser: Any, panel: Any, *, width: int, height: int, theme: str, pictures: Path) -> None:
        from vtrade_widgets import assets

        self.panel, self._pictures, self._outbox = panel, pictures, queue.SimpleQueue[str]()
        self.bad: list[str] = []
        self.sent: list[dict[str, Any]] = []
        panel.send = lambda message: self._outbox.put(json.dumps(message, allow_nan=False))
        self._context = browser.new_context(viewport={"width": width + 24, "height": height})
        self.page = self._context.new_page()
        self.page.on("pageerror", lambda error: self.bad.append(str(error)))
        self.page.on("console", lambda said: self.bad.append(said.text) if said.type == "error" else None)
        self.page.expose_function("toKernel", self._heard)
        ground = "#fff" if theme == "light" else "#111"
        self.page.set_content(PAGE % (ground, assets.styles(), "true" if theme == "light" else "false", width))
        module = "all" if panel.part in ("desk", "chart") else "light"
        self.page.evaluate("(code) => { window.bundle = code; }", assets.module(module))
        self.page.add_script_tag(content=STAGE % json.dumps(panel.part), type="module")
        self.part = self.page.locator(".vt-desk")
        self.until("document.querySelector('.vt-desk')?.dataset.state === 'live'")

    def _heard(self, text: str) -> None:
        message = json.loads(text)
        self.sent.append(message)
        self.panel._handle_custom_msg(message, [])

    def pump(self, seconds: float = 0.3) -> None:
        """Let messages flow for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            waiting = []
            while not self._outbox.empty():
                waiting.append(self._outbox.get())
            if waiting:
                self.page.evaluate(f"window.fromKernel([{','.join(waiting)}])")
            self.page.wait_for_timeout(1000 * PUMP_S)

    def until(self, condition: str, timeout_s: float = 15.0) -> None:
        """Let messages flow until an expression of JavaScript is true."""
        end = time.monotonic() + timeout_s
        while not self.page.evaluate(f"() => Boolean({condition})"):
            if time.monotonic() > end:
                told = self.page.evaluate(
                    "() => document.querySelector('.vt-alarm')?.innerText ?? document.body.innerText"
                )
                raise AssertionError(f"still waiting for {condition}; the page said {self.bad} and shows {told[:300]}")
            self.pump(0.05)

    def text(self, selector: str) -> str:
        """What stands in the first element that fits."""
        return str(self.part.locator(selector).first.inner_text())

    def picture(self, name: str) -> Path:
        """Take a picture of the whole page; its path."""
        self.pump()
        path = self._pictures / f"{name}.png"
        self.page.screenshot(path=path, full_page=True)
        return path

    def axe(self) -> list[str]:
        """Serious and critical findings of axe-core."""
        self.pump()
        code = ROOT / "widgets/node_modules/axe-core/axe.min.js"
        self.page.add_script_tag(content=code.read_text(encoding="utf-8"))
        found = self.page.evaluate("() => axe.run('.vt-desk', { resultTypes: ['violations'] })")
        return [
            f"{rule['id']}: {node['target']} {node['failureSummary']}"
            for rule in found["violations"]
            if rule["impact"] in ("serious", "critical")
            for node in rule["nodes"]
        ]

    def close(self) -> None:
        """Take the part away."""
        self._context.close()
        self.panel.close()


@pytest.fixture(scope="session")
def front_end() -> None:
    """The front end, built from the sources that are here."""
    done = subprocess.run([sys.executable, "widgets/build.py"], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go: ``$VTRADE_PICTURES``, or a folder of this run."""
    folder = Path(os.environ.get("VTRADE_PICTURES") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def stage(browser: Any, front_end: None, pictures: Path) -> Iterator[Callable[..., Stage]]:
    """Put one part of a desk on a page: ``stage(desk, "ladder", width=320, theme="dark")``."""
    made: list[Stage] = []

    def put(
        desk: Any, part: str, *, width: int = 900, height: int = 700, theme: str = "light", **options: Any
    ) -> Stage:
        from vtrade_widgets import panel

        made.append(
            Stage(browser, panel(desk, part, **options), width=width, height=height, theme=theme, pictures=pictures)
        )
        return made[-1]

    yield put
    for each in made:
        each.close()
