"""How is a panel tested where students meet it? In a real JupyterLab: see :mod:`vtrade.bench.lab`.

Rules: a page remembers each error on its console and each request that leaves the machine in ``page.bad``, and a test
ends by finding it empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from vtrade.bench import lab as labs


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[labs.Lab]:
    """A JupyterLab of this environment, for all browser tests."""
    with labs.jupyterlab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A fresh page; its kernel ends with it."""
    opened = labs.new_page(browser)
    yield opened
    labs.shut(opened)
