"""Where does the browser's code come from?

Rules: people write ``widgets/src``; ``widgets/build.py`` makes the files in ``static/`` from it, with the libraries
they need inside, so that nothing is fetched when a panel opens. They are no part of the repository but of every wheel.
A stamp beside them holds the digest of all they were made from; in a checkout, files that are missing or made from
other sources are an error that names the mend, never an older look. Nothing is built on import. This file imports only
the standard library at the top, because the build loads it before anything is installed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, Literal

ENTRIES: Final = ("all.js", "light.js", "style.css")
"""Files in ``widgets/src`` that the build starts from; each becomes one file of the same name in ``static/``."""

STAMP: Final = "built_from.txt"
NOTICES: Final = "NOTICES.txt"
WIDGETS: Final = Path(__file__).resolve().parents[1]
"""The folder around this package: in a checkout it holds the sources, elsewhere whatever else is installed."""

STATIC: Final = Path(__file__).resolve().with_name("static")

_MEND: Final = "run `make desk`, or `python widgets/build.py`"


def sources(folder: Path) -> Iterator[Path]:
    """Every file that what is built depends on, in order; none outside a checkout."""
    settings = [folder / name for name in (".npmrc", "build.py", "package-lock.json", "package.json")]
    if not all(path.is_file() for path in settings):
        return
    yield from settings
    for part, pattern in (("notices", "*.txt"), ("src", "*.css"), ("src", "*.js")):
        yield from sorted(path for path in (folder / part).rglob(pattern) if not path.name.startswith("."))


def digest(folder: Path) -> str:
    """One number for the names and contents of all sources: SHA-256, in hexadecimal."""
    whole = hashlib.sha256()
    for path in sources(folder):
        content = path.read_bytes()
        whole.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode())
        whole.update(content)
    return whole.hexdigest()


def is_fresh(folder: Path) -> bool:
    """Whether what is built is there and comes from today's sources."""
    static = folder / "vtrade_widgets" / "static"
    whole = all((static / name).is_file() for name in (*ENTRIES, NOTICES, STAMP))
    return whole and (static / STAMP).read_text(encoding="utf-8").strip() == digest(folder)


def _read(name: str) -> str:
    """The text of one built file, after a look at the sources where there are any."""
    from vtrade.errors import DeskError

    path = STATIC / name
    if not path.is_file():
        raise DeskError(f"the panels' front end is not built, {path} is missing: {_MEND}")
    if any(sources(WIDGETS)) and not is_fresh(WIDGETS):
        raise DeskError(f"the panels' front end was built from other sources than are in {WIDGETS}: {_MEND}")
    return path.read_text(encoding="utf-8")


@cache
def module(name: Literal["all", "light"]) -> str:
    """The front end as one ES module: ``"all"`` has every panel, ``"light"`` has no chart and no library.

    Examples
    --------
    >>> len(module("light")) < len(module("all"))
    True
    """
    return _read(f"{name}.js")


@cache
def styles() -> str:
    """The panels' style sheet."""
    return _read("style.css")


@cache
def notices() -> str:
    """Licences and notices of the libraries inside the modules.

    Examples
    --------
    >>> "lightweight-charts" in notices()
    True
    """
    return _read(NOTICES)
