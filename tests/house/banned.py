"""Where does a module use the clock or chance, whatever name it imported them under?

Rules: reads source, never imports it; a use is a name or attribute that leads to one of the banned things; each banned
thing has homes, the files where it may stand.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch

CLOCK = ("vtrade/adapters/clock.py",)
STOPWATCH = (*CLOCK, "vtrade/bench*", "vtrade/cli*")
PACING = (*STOPWATCH, "vtrade/adapters/*", "widgets/*")
CHANCE = ("vtrade/domain/luck.py", "vtrade/market/synthetic*.py")
NOWHERE: tuple[str, ...] = ()

HOMES: dict[str, tuple[str, ...]] = {
    "datetime.date.today": CLOCK,
    "datetime.datetime.now": CLOCK,
    "datetime.datetime.today": CLOCK,
    "datetime.datetime.utcnow": CLOCK,
    "numpy.random": NOWHERE,
    "numpy.random.Generator": CHANCE,
    "numpy.random.Philox": CHANCE,
    "numpy.random.default_rng": ("vtrade/bench/workloads.py",),
    "os.urandom": NOWHERE,
    "pandas.Timestamp.now": CLOCK,
    "pandas.Timestamp.today": CLOCK,
    "pandas.Timestamp.utcnow": CLOCK,
    "random": NOWHERE,
    "secrets": ("vtrade/services/secret.py",),
    "time.monotonic": PACING,
    "time.monotonic_ns": PACING,
    "time.perf_counter": STOPWATCH,
    "time.perf_counter_ns": STOPWATCH,
    "time.process_time": STOPWATCH,
    "time.process_time_ns": STOPWATCH,
    "time.time": CLOCK,
    "time.time_ns": CLOCK,
    "uuid.uuid1": NOWHERE,
    "uuid.uuid4": NOWHERE,
}


def uses(source: str) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything imported that the source names, longest form only."""
    tree = ast.parse(source)
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                known[alias.asname or first] = alias.name if alias.asname else first
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield node.lineno, f"{node.module}.{alias.name}"
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in inner:
            parts: list[str] = []
            here: ast.expr = node
            while isinstance(here, ast.Attribute):
                parts.append(here.attr)
                here = here.value
            if isinstance(here, ast.Name) and here.id in known:
                yield node.lineno, ".".join([known[here.id], *reversed(parts)])


def homes(name: str) -> tuple[str, ...] | None:
    """Homes of the longest banned thing that ``name`` is or lies in, or ``None`` where nothing bans it."""
    parts = name.split(".")
    candidates = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((HOMES[candidate] for candidate in candidates if candidate in HOMES), None)


def strays(path: str, source: str) -> list[str]:
    """Each banned use in ``source`` that has no home at ``path``, once."""
    found: dict[str, None] = {}
    for line, name in uses(source):
        allowed = homes(name)
        if allowed is not None and not any(fnmatch(path, home) for home in allowed):
            found[f"{path}:{line}: {name} belongs in {', '.join(allowed) or 'no module'}"] = None
    return sorted(found)
