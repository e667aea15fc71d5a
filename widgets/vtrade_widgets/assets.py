"""Where does the browser's code come from?

Rules: every file in ``static/`` is a plain ES module written by hand; nothing is built, fetched or bundled from
outside. A notebook cell takes one module, so :func:`module` joins the files in the order of their imports: it drops
their one-line ``import`` statements and the word ``export`` before declarations. For that to be the same program,
each top-level name is used once in all files, imports are not renamed, and each import stands on one line; a test
checks it.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final

MODULES: Final = (
    "format.js",
    "dom.js",
    "store.js",
    "chart.js",
    "header.js",
    "ladder.js",
    "ticket.js",
    "blotter.js",
    "panel.js",
)
"""The files in the order of their imports: each one imports only from those before it."""

_IMPORT: Final = re.compile(r"^import [^\n]*\n", re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?(?:function|const|let|class) )", re.MULTILINE)


def read(name: str) -> str:
    """The text of one file in ``static/``."""
    return (files("vtrade_widgets") / "static" / name).read_text(encoding="utf-8")


@cache
def module() -> str:
    """The panel's front end as one ES module.

    Examples
    --------
    >>> code = module()
    >>> code.count("export default"), "import {" in code
    (1, False)
    """
    parts = [f"// --- {name}\n{_EXPORT.sub('', _IMPORT.sub('', read(name)))}" for name in MODULES]
    return "\n".join(parts)


@cache
def styles() -> str:
    """The panel's style sheet."""
    return read("panel.css")
