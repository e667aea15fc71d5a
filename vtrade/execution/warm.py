"""Is the matching engine compiled yet, and how does one compile it while telling how far it is?

Rules: compiling happens once a machine; Numba keeps the result on disk beside the package, or in the user's cache where
the package cannot be written. With ``NUMBA_DISABLE_JIT=1`` there is nothing to compile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from vtrade.execution import layout as at
from vtrade.market.dtype import empty_events

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many parts are done, and how many there are."""


def _calls() -> list[tuple[Any, tuple[Any, ...]]]:
    """Every entry of the kernel with harmless arguments."""
    from vtrade.execution import kernel

    book = at.new_book(1)
    events = empty_events(1)[:0]
    events.flags.writeable = False
    book.terms[0, [at.T_TICK_VALUE, at.T_LOT, at.T_BORROWABLE]] = 1, 1, -1
    order = np.zeros(at.OWN_COLS, np.int64)
    order[[at.O_LEAVES, at.O_SHOWN, at.O_LIMIT, at.O_ID, at.O_TYPE, at.O_QUANTITY]] = 1, 1, 5, 1, at.LIMIT, 1
    book.own[3] = book.own[4] = order
    return [
        (kernel.touch, (book, 0, at.BID)),
        (kernel.new_slot, (book,)),
        (kernel.show_level, (book, 0, 0, 5, 1)),
        (kernel.rows_needed, (book, 0)),
        (kernel.power, (book, 0)),
        (kernel.margin, (book, 0, 1, 1)),
        (kernel.submit, (book, order, 0, 5, 0, 0)),
        (kernel.ahead_of, (book, 2)),
        (kernel.replace, (book, 2, 0, 1, 5, 0, 0, 5, 0)),
        (kernel.cancel, (book, 2, 0)),
        (kernel.land, (book, 3, 0)),
        (kernel.place, (book, 4, 0, int(at.AT_LEVEL))),
        (kernel.run_session, (book, 0, at.S_OPEN, 0)),
        (kernel.run, (book, events, 0, 0)),
    ]


def is_warm() -> bool:
    """Whether the engine can start without compiling."""
    import numba

    if getattr(numba.config, "DISABLE_JIT", 0):
        return True
    from vtrade.execution import kernel

    for function in kernel.ENTRIES:
        if function.signatures:
            continue
        cache = getattr(function, "_cache", None)
        index = getattr(cache, "_cache_file", None)
        if index is None:
            return False
        try:
            if not index._load_index():
                return False
        except Exception:  # the cache is Numba's own: whatever is wrong with it, compiling is the mend
            return False
    return True


def warm(progress: Progress | None = None) -> None:
    """Compile, or load from disk, everything the engine calls.

    Parameters
    ----------
    progress : callable, optional
        Called as ``progress(what, done, total)`` before each part and at the end.
    """
    calls = _calls()
    for done, (function, arguments) in enumerate(calls):
        if progress is not None:
            progress(f"compiling {function.__name__}", done, len(calls))
        function(*arguments)
    if progress is not None:
        progress("ready", len(calls), len(calls))


if __name__ == "__main__":
    warm()
