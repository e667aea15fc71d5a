"""How do several gateways keep the same list of rooms and tokens? On a compacted topic that all of them read.

Rules: the topic is small and read from its beginning; a value holds until a newer one with its key, and what was
removed is gone. A change counts once it was read back, so whoever made it has seen everything that others changed
before. One thread reads; listeners are called from it, one at a time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from vtrade.domain.topics import DIRECTORY
from vtrade.errors import BusUnavailable, Overloaded, VTradeError
from vtrade.ports import Bus, Outgoing

PUT_S: Final = 15.0
"""Longest wait until a change is durable and was read back, in seconds."""
POLL_S: Final = 0.2
RECORDS_MAX: Final = 500
AGAIN_S: Final = 1.0
"""Pause before a broken connection is tried again, in seconds."""
KEY_MAX: Final = 512
VALUE_MAX: Final = 65_536
PLACE: Final = (DIRECTORY, 0)

Listener = Callable[[str, bytes | None], None]


class BusRegister:
    """A register on the bus; see :class:`vtrade.services.shared.Register`.

    Parameters
    ----------
    bus : Bus
    put_s : float
        Longest wait of a change, in seconds.
    """

    def __init__(self, bus: Bus, *, put_s: float = PUT_S) -> None:
        self._bus = bus
        self._put_s = put_s
        self._values: dict[str, bytes] = {}
        self._listeners: list[Listener] = []
        self._seen = threading.Condition()
        self._next = 0
        self._stop = threading.Event()
        self._trouble = ""
        for taken in bus.read(PLACE):  # what is there already, so that the first look-up is right
            self._fold(taken.key, taken.value, taken.offset)
        self._thread = threading.Thread(target=self._run, name="vtrade-register", daemon=True)
        self._thread.start()

    def put(self, key: str, value: bytes | None) -> None:
        """Keep a value, or remove it; durable, and read back, when it returns.

        Raises
        ------
        BusUnavailable
            If that is not known within the deadline; it may have happened all the same.
        """
        check_entry(key, value)
        try:
            offset = self._bus.post(Outgoing(DIRECTORY, key, value, partition=0)).result(self._put_s)
        except TimeoutError:
            raise BusUnavailable(f"the change of {key!r} was not written within {self._put_s:g} s; try again") from None
        except Overloaded as error:
            raise BusUnavailable(f"the change of {key!r} was not written ({error}); try again") from error
        with self._seen:
            if not self._seen.wait_for(lambda: self._next > offset or self._stop.is_set(), self._put_s):
                why = f" ({self._trouble})" if self._trouble else ""
                raise BusUnavailable(f"the change of {key!r} was not read back within {self._put_s:g} s{why}")

    def get(self, key: str) -> bytes | None:
        """The newest value known here."""
        with self._seen:
            return self._values.get(key)

    def items(self, prefix: str = "") -> dict[str, bytes]:
        """Values whose keys begin with ``prefix``."""
        with self._seen:
            return {key: value for key, value in self._values.items() if key.startswith(prefix)}

    def watch(self, listener: Listener) -> Callable[[], None]:
        """Hear of changes, also by others; returns how to stop."""
        return watching(self._listeners, listener)

    def close(self) -> None:
        """Stop reading. The bus is somebody else's."""
        self._stop.set()
        with self._seen:
            self._seen.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except VTradeError as error:  # the servers are away: what is known stays known
                self._trouble = str(error)
                logging.getLogger(__name__).warning("the directory cannot be followed: %s", error)
                self._stop.wait(AGAIN_S)

    def _follow(self) -> None:
        member = self._bus.follow({PLACE: self._next})
        try:
            while not self._stop.is_set():
                for taken in member.poll(POLL_S, records_max=RECORDS_MAX):
                    self._fold(taken.key, taken.value, taken.offset)
                    tell(self._listeners, taken.key, taken.value)
                self._trouble = ""
        finally:
            member.close()

    def _fold(self, key: str, value: bytes | None, offset: int) -> None:
        with self._seen:
            if value is None:
                self._values.pop(key, None)
            else:
                self._values[key] = value
            self._next = offset + 1
            self._seen.notify_all()


def check_entry(key: str, value: bytes | None) -> None:
    """Refuse what no register keeps.

    Raises
    ------
    VTradeError
        If the key is empty or too long, or the value too long.
    """
    if not 0 < len(key) <= KEY_MAX:
        raise VTradeError(f"a key of {len(key)} characters cannot be kept; give 1 to {KEY_MAX}")
    if value is not None and len(value) > VALUE_MAX:
        raise VTradeError(f"the value of {key!r} has {len(value):,} bytes; give at most {VALUE_MAX:,}")


def watching(listeners: list[Listener], listener: Listener) -> Callable[[], None]:
    """Add a listener; returns how to take it away again."""
    listeners.append(listener)

    def stop() -> None:
        if listener in listeners:
            listeners.remove(listener)

    return stop


def tell(listeners: list[Listener], key: str, value: bytes | None) -> None:
    """Tell listeners of a change; one that fails does not keep it from the others."""
    for listener in tuple(listeners):
        try:
            listener(key, value)
        except Exception:
            logging.getLogger(__name__).exception("a listener of the register failed")
