"""Is the house in order: one home for clock and chance, floors, file sizes, nothing said of where it was built?"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house.banned import strays

LINES_MAX = 600
LONGER: set[str] = set()
CODE = ("vtrade", "widgets", "tests")
STRANGERS = {".ipynb_checkpoints", "node_modules", "static"}
"""Folders of what nobody here wrote by hand: caches, libraries, what is built."""
HEAVY = ("bokeh_sampledata", "exchange_calendars", "fakeredis", "IPython", "ipywidgets", "jupyterlab", "kafka", "numba",
         "openai", "pandas", "papermill", "plotly", "pyarrow", "redis", "scipy")  # fmt: skip
WORKSHOP = re.compile(
    "|".join(
        [
            r"(?<![\w.-])/wo" + r"rk/",
            r"/tmp/co" + r"mmon",
            r"py" + r"pi\.org",
            r"python" + r"hosted",
            r"npm" + r"js\.(org|com)",
            r"crates" + r"\.io",
            r"proxy\.go" + r"lang",
            r"repo1?\.(maven|apache)",
            r"deb\.deb" + r"ian",
            r"\bissue" + r" #?\d",
        ]
    )
)


def modules(root: Path, *folders: str, suffix: str = ".py") -> list[Path]:
    found = [path for folder in folders for path in sorted((root / folder).rglob(f"*{suffix}"))]
    return [path for path in found if not STRANGERS.intersection(path.parts)]


def texts(root: Path) -> Iterator[tuple[Path, str]]:
    """Every text file that is, or is about to be, under version control."""
    if not (root / ".git").exists() or shutil.which("git") is None:
        pytest.skip("only a git checkout knows which files are the project's")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, check=True, text=True,
    )  # fmt: skip
    for name in listed.stdout.split("\0"):
        path = root / name
        if name and path.is_file():
            content = path.read_bytes()
            if b"\0" not in content:
                yield path.relative_to(root), content.decode(errors="replace")


# --- one home each ---------------------------------------------------------------------------------------------------


def test_clock_and_chance_stay_at_home(root: Path) -> None:
    found = [
        stray
        for path in modules(root, "vtrade", "widgets")
        for stray in strays(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "import time\nt = time.time()",
        "import time as clock\nt = clock.time_ns",
        "from time import time",
        "from time import perf_counter as stopwatch\nstopwatch()",
        "from datetime import datetime\ndatetime.now().year",
        "import datetime as dt\ndt.datetime.utcnow()",
        "def f():\n    import uuid\n    return uuid.uuid4().hex",
        "import random",
        "import numpy as np\nnp.random.default_rng(1)",
        "import numpy as np\nnp.random.Generator(np.random.Philox(key=1))",
        "from numpy.random import Philox",
        "import numpy.random",
    ],
)
def test_a_stray_is_found_under_any_name(source: str) -> None:
    assert strays("vtrade/execution/engine.py", source)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("vtrade/adapters/clock.py", "import time\ntime.monotonic_ns()"),
        ("vtrade/bench/speed.py", "from time import perf_counter"),
        ("vtrade/domain/luck.py", "import numpy as np\nnp.random.Generator(np.random.Philox(key=1))"),
        ("vtrade/market/synthetic_kernel.py", "import numpy as np\nnp.random.Philox(key=1, counter=2)"),
        ("vtrade/execution/engine.py", "import datetime\ndatetime.datetime.fromisoformat('2024-01-02')"),
        ("vtrade/execution/engine.py", "time = {}\ntime.time = 1\nrandom = 4"),
    ],
)
def test_what_is_allowed_passes(path: str, source: str) -> None:
    assert strays(path, source) == []


def test_even_at_home_only_keyed_luck() -> None:
    assert strays("vtrade/domain/luck.py", "import numpy as np\nnp.random.default_rng(1)")


# --- floors ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def test_imports_point_down(root: Path) -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_part_stands_on_a_floor(root: Path, project: dict[str, Any]) -> None:
    floors = next(c["layers"] for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    placed = set(re.findall(r"[\w.]+", " ".join(floors)))
    parts = {f"vtrade.{path.stem}" for path in (root / "vtrade").glob("*.py") if path.stem != "__init__"}
    parts |= {f"vtrade.{path.parent.name}" for path in (root / "vtrade").glob("*/__init__.py")}
    assert parts <= placed, f"give {sorted(parts - placed)} a floor in pyproject.toml, [tool.importlinter]"


def test_the_shared_dtype_stands_on_the_domain_alone(root: Path) -> None:
    tree = ast.parse((root / "vtrade" / "market" / "dtype.py").read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert {name for name in imported if name.startswith("vtrade.market")} == set()


def test_import_is_light(root: Path) -> None:
    code = "import json, sys, vtrade; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True, text=True)
    assert set(json.loads(done.stdout)) & set(HEAVY) == set()


# --- files -----------------------------------------------------------------------------------------------------------


def test_no_module_is_too_long(root: Path) -> None:
    paths = [*modules(root, *CODE), *modules(root, "widgets", suffix=".js"), *modules(root, "widgets", suffix=".css")]
    lengths = {path.relative_to(root).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    assert {path: lines for path, lines in lengths.items() if lines > LINES_MAX and path not in LONGER} == {}


def test_every_module_says_what_it_is_for(root: Path) -> None:
    silent = [
        path for path in modules(root, *CODE) if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_nothing_speaks_of_the_workshop(root: Path) -> None:
    found = [
        f"{path}:{number}: {match.group()}"
        for path, text in texts(root)
        for number, line in enumerate(text.splitlines(), start=1)
        if (match := WORKSHOP.search(line))
    ]
    assert not found, "\n".join(found)


def test_changelog_knows_this_version(root: Path) -> None:
    version = re.search(
        r'^__version__ = "(.+)"$', (root / "vtrade" / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert version is not None
    headings = re.findall(r"^## \[(.+?)\]", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert version[1] in headings
