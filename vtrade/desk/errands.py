"""How does a desk do what takes long, without anybody waiting for it?

Rules: an errand runs in a daemon thread that ends with it; a desk has few at a time, and none twice under one name.
What an errand found is seen the next time somebody looks: listeners hear that something changed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk

ERRANDS_MAX: Final = 4
"""Errands of a desk at a time; more are refused, and may be asked for again."""

log = logging.getLogger(__name__)


class Errands:
    """What a desk does on the side.

    Examples
    --------
    >>> errands = Errands()
    >>> done = errands.start("count", lambda: None)
    >>> done is not None and done.wait(5)
    True
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[str] = set()

    def start(self, name: str, work: Callable[[], None]) -> threading.Event | None:
        """Begin an errand; an event that is set at its end, ``None`` where it runs already or too many do."""
        with self._lock:
            if name in self._running or len(self._running) >= ERRANDS_MAX:
                return None
            self._running.add(name)
        done = threading.Event()

        def run() -> None:
            try:
                work()
            except Exception:
                log.exception("the errand %s of a desk failed", name)
            finally:
                with self._lock:
                    self._running.discard(name)
                done.set()

        threading.Thread(target=run, name=f"vtrade-{name}"[:40], daemon=True).start()
        return done


def errands(desk: Desk) -> Errands:
    """Those of a desk."""
    found: Errands = vars(desk).setdefault("_errands", Errands())
    return found


def tell(desk: Desk) -> None:
    """Have whoever looks at a desk look again, though the room is as it was."""
    changed: Callable[[], Any] | None = getattr(desk._room, "_changed", None)
    if changed is not None:
        changed()
