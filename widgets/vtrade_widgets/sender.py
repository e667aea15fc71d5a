"""Who talks to the browser, and how often?

Rules: one daemon thread per panel does all of a panel's work: it takes what the browser sent, in order and at once,
and sends the newest state at most ``rate_hz`` times a second and at most ``bytes_per_s`` on average. Every other
thread only leaves a mark (:meth:`Sender.wake`) or a message (:meth:`Sender.post`) and returns. The thread holds its
owner weakly: it ends when the owner is closed or forgotten.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

INBOX_MESSAGES: Final = 64
"""Messages from the browser that may wait; more are refused, because the desk is stuck then."""


class Sent(NamedTuple):
    """What a worker sent.

    Attributes
    ----------
    bytes : int
    again_s : float or None
        When there may be more to send even if nothing changes until then.
    """

    bytes: int
    again_s: float | None


class Worker(Protocol):
    """What the thread works for."""

    def take(self, message: Mapping[str, Any]) -> None:
        """Act on one message from the browser."""

    def flush(self) -> Sent:
        """Send what is new."""


class Sender:
    """The thread between a panel and its browser.

    Parameters
    ----------
    worker : Worker
        Held weakly.
    rate_hz : float
        Most messages per second.
    bytes_per_s : float
        Most bytes per second on average: a message of ``n`` bytes is followed by ``n / bytes_per_s`` of silence.
    """

    def __init__(self, worker: Worker, *, rate_hz: float, bytes_per_s: float) -> None:
        self._worker = weakref.ref(worker, lambda _: self.close())
        self._period_s = 1.0 / rate_hz
        self._bytes_per_s = bytes_per_s
        self._state = threading.Condition()
        self._inbox: deque[Mapping[str, Any]] = deque()
        self._dirty = False
        self._closed = False
        self.thread = threading.Thread(target=self._run, name="vtrade-panel", daemon=True)
        self.thread.start()

    @property
    def closed(self) -> bool:
        """Whether the thread has been told to end."""
        return self._closed

    def wake(self) -> None:
        """Say that something changed; cheap, from any thread."""
        if self._dirty:
            return
        with self._state:
            self._dirty = True
            self._state.notify()

    def post(self, message: Mapping[str, Any]) -> bool:
        """Leave a message from the browser; ``False`` if too many wait already."""
        with self._state:
            if len(self._inbox) >= INBOX_MESSAGES:
                return False
            self._inbox.append(message)
            self._state.notify()
        return True

    def close(self) -> None:
        """End the thread soon; may be called twice and from the thread itself."""
        with self._state:
            self._closed = True
            self._state.notify()

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._closed = True  # also after an error, so that the next hello starts another thread

    def _work(self) -> None:
        next_s = 0.0
        later_s: float | None = None
        while True:
            with self._state:
                while not (self._closed or self._inbox):
                    moment = next_s if self._dirty else later_s
                    wait_s = None if moment is None else moment - time.monotonic()
                    if wait_s is not None and wait_s <= 0:
                        break
                    self._state.wait(wait_s)
                if self._closed:
                    return
                messages = list(self._inbox)
                self._inbox.clear()
                now = time.monotonic()
                due = (self._dirty and now >= next_s) or (later_s is not None and now >= max(later_s, next_s))
                if due:
                    self._dirty, later_s = False, None
            worker = self._worker()
            if worker is None:
                return
            for message in messages:
                worker.take(message)
            if due:
                sent = worker.flush()
                next_s = max(now + self._period_s, time.monotonic() + sent.bytes / self._bytes_per_s)
                if sent.again_s is not None:
                    later_s = time.monotonic() + max(self._period_s, sent.again_s)
            del worker
