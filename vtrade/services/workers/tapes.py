"""How does a worker get at tapes without standing still meanwhile?

Rules: tapes are read one after the other by one thread of the background, which ends with the process; a tape that
several rooms play is in memory once, as long as one of them plays it. Whatever goes wrong while a tape is read becomes
the answer of that one request.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final
from weakref import WeakValueDictionary

from vtrade.domain.instruments import Instrument
from vtrade.errors import Overloaded, TapeError
from vtrade.market.tape import Tape
from vtrade.services.feed import TapeFeed

ASKED_MAX: Final = 1_024
"""Requests that wait for their turn."""
NAMES_SHOWN: Final = 6

Request = tuple["Future[TapeFeed]", str, tuple[Instrument, ...]]


class Tapes:
    """Reads tapes in the background.

    Parameters
    ----------
    load : callable
        Gives the tape of a name, see :func:`vtrade.market.load.load_tape`.

    Examples
    --------
    >>> from vtrade.market.load import load_tape
    >>> tape = load_tape("sample:AAPL")
    >>> tapes = Tapes(lambda name: tape)
    >>> tapes.ask("sample:AAPL", tape.instruments).result(timeout=60).rows
    0
    """

    def __init__(self, load: Callable[[str], Tape]) -> None:
        self._load = load
        self._asked: queue.Queue[Request] = queue.Queue(ASKED_MAX)
        self._known: WeakValueDictionary[str, Tape] = WeakValueDictionary()
        self._thread: threading.Thread | None = None

    def ask(self, name: str, instruments: tuple[Instrument, ...]) -> Future[TapeFeed]:
        """A tape by name, at its beginning, for a room that trades ``instruments``.

        The answer is a ``TapeError`` where the tape is about others.
        """
        answer: Future[TapeFeed] = Future()
        try:
            self._asked.put_nowait((answer, name, instruments))
        except queue.Full:
            answer.set_exception(Overloaded(f"{ASKED_MAX} tapes are waiting to be read; start the room again later"))
            return answer
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="vtrade-tapes", daemon=True)
            self._thread.start()
        return answer

    def _run(self) -> None:
        while True:
            answer, name, instruments = self._asked.get()
            if not answer.set_running_or_notify_cancel():
                continue
            try:
                answer.set_result(self._read(name, instruments))
            except Exception as error:  # a file may be anything
                answer.set_exception(error)
            del answer, instruments  # a tape that nobody plays can go while this waits

    def _read(self, name: str, instruments: tuple[Instrument, ...]) -> TapeFeed:
        tape = self._known.get(name)
        if tape is None:
            tape = self._known[name] = self._load(name)
        if tape.instruments != instruments:
            raise TapeError(
                f"the tape {tape.name!r} is about {_named(tape.instruments)}, the room about {_named(instruments)}; "
                "open a room with the tape's instruments"
            )
        return TapeFeed(tape)


def _named(instruments: tuple[Instrument, ...]) -> str:
    symbols = [instrument.symbol for instrument in instruments[:NAMES_SHOWN]]
    same = "" if len(instruments) <= NAMES_SHOWN else f" and {len(instruments) - NAMES_SHOWN} more"
    return ", ".join(symbols) + same


__all__ = ["ASKED_MAX", "Tapes"]
