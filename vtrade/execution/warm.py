"""Is the matching engine compiled yet, and how does one compile it while telling how far it is?

Rules: compiling happens once a machine; Numba keeps the result on disk beside the package, or in the user's cache where
the package cannot be written. With ``NUMBA_DISABLE_JIT=1`` there is nothing to compile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vtrade.execution import layout as at
from vtrade.market.dtype import empty_events

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many parts are done, and how many there are."""


def _calls() -> list[tuple[Any, tuple[Any, ...]]]:
    """Every entry of the kernel with harmless arguments."""
    from vtrade.execution import kernel

    book = at.new_book(1, share_ppm=0)
    events = empty_events(1)[:0]
    events.flags.writeable = False
    book.own[1] = 0
    order = (0, 0, at.LIMIT, at.GTC, 5, 0, 1) + (0,) * 9
    book.own[1] = order
    one = 1
    return [
        (kernel.touch, (book, 0, at.BID)),
        (kernel.ahead_of, (book, one)),
        (kernel.place, (book, one, at.NONE, at.AT_LEVEL)),
        (kernel.remove, (book, one)),
        (kernel.show_level, (book, 0, 0, 5, 1, 0)),
        (kernel.admit, (book, one, 0)),
        (kernel.replace, (book, one, 0, 1, 2, 5, 0)),
        (kernel.run_session, (book, 0, at.S_OPEN, 0)),
        (kernel.run, (book, events, 0)),
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
