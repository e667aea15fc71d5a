"""Which other programs can a figure be compared with, here and now?

Rules: a peer is measured on this machine, in the same way, or not named at all; nothing is installed for it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from typing import Final

IMPORTS: Final = ("hftbacktest", "vectorbt", "nautilus_trader", "backtrader", "backtesting", "zipline")
"""Import names of simulators a student might have instead."""


def installed(names: Iterable[str]) -> list[str]:
    """Those that could be imported.

    Examples
    --------
    >>> installed(["json", "no_such_library"])
    ['json']
    """
    return [name for name in names if importlib.util.find_spec(name) is not None]


def best(names: Iterable[str], measure: Callable[[str], float | None]) -> tuple[str | None, float | None]:
    """The quickest of the installed peers, with its seconds; ``(None, None)`` where there is none.

    Examples
    --------
    >>> best(["json", "csv", "no_such_library"], {"json": 0.2, "csv": 0.1}.get)
    ('csv', 0.1)
    """
    found = [(seconds, name) for name in installed(names) if (seconds := measure(name)) is not None]
    return (min(found)[1], min(found)[0]) if found else (None, None)
