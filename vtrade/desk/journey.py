"""How does a desk go to another moment, and between its branches, without anybody waiting?

Rules: ahead, the tape is played in strides, so that what happens can be watched and stopped; back, the desk goes on
from the earlier moment in a journal of its own (:meth:`vtrade.desk.desk.Desk.rewind`). One journey at a time. Branches
that were made from a panel are kept with their desk, at most ``BRANCHES_MAX``; each is a desk like any other.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from vtrade.desk import branching
from vtrade.errors import DeskError, VTradeError

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk

STRIDE_ROWS: Final = 20_000
"""Market events that are played before a journey looks up."""

BRANCHES_MAX: Final = 8
"""Branches of a desk that are kept."""

JOIN_S: Final = 5.0
"""How long closing a desk waits for a journey to stop."""

log = logging.getLogger(__name__)


class Journey:
    """A way through time that is being gone.

    Attributes
    ----------
    to : str
        Where it leads, as text.
    trouble : str
        Why it ended early; empty if it did not.
    """

    def __init__(self, desk: Desk, target_ns: int) -> None:
        self.to = desk._time(target_ns)
        self.trouble = ""
        self._desk, self._target_ns, self._from_ns = desk, target_ns, desk.ts_ns
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vtrade-journey", daemon=True)
        self._thread.start()

    @property
    def going(self) -> bool:
        """Whether it has not arrived yet."""
        return self._thread.is_alive()

    @property
    def back(self) -> bool:
        """Whether it leads into the past."""
        return self._target_ns < self._from_ns

    @property
    def progress(self) -> float | None:
        """How far it is, from 0 to 1; ``None`` where that is not known."""
        if self.back or self._target_ns == self._from_ns:
            return None
        return min(1.0, max(0.0, (self._desk.ts_ns - self._from_ns) / (self._target_ns - self._from_ns)))

    def stop(self) -> None:
        """Stand still where it is now; a way back is gone to its end."""
        self._stop.set()

    def join(self) -> None:
        """Stop, and wait for it a little."""
        self.stop()
        if self._thread is not threading.current_thread():
            self._thread.join(JOIN_S)

    def _run(self) -> None:
        try:
            if self.back:
                self._desk.rewind(to=self._target_ns)
            else:
                self._go_ahead()
        except VTradeError as error:
            self.trouble = str(error)
        except Exception as error:  # a thread has nobody else to tell
            log.exception("a journey of a desk failed")
            self.trouble = f"that could not be done ({type(error).__name__}: {error})"

    def _go_ahead(self) -> None:
        room = branching.own_room(self._desk)
        room.pause()
        tape = room.tape
        assert tape is not None
        times = tape.events["ts_ns"]
        while not self._stop.is_set() and room.now_ns < self._target_ns:
            before = room.now_ns
            ahead = room.rows + STRIDE_ROWS
            stride_ns = int(times[ahead]) if ahead < len(times) else self._target_ns
            room.advance(min(self._target_ns, max(stride_ns, before + 1)))
            if room.now_ns == before:  # the tape has nothing left
                return


def travel(desk: Desk, target_ns: int) -> Journey:
    """Set out for a moment.

    Raises
    ------
    DeskError
        If the market is shared, or the desk is on its way already.
    """
    room = branching.own_room(desk)
    if desk._journey is not None and desk._journey.going:
        raise DeskError(f"this desk is on its way to {desk._journey.to} already; stop that first")
    head = room.head
    if head is not None:
        target_ns = min(max(target_ns, head.start_ns), head.end_ns)
    desk._journey = Journey(desk, target_ns)
    return desk._journey


def stop(desk: Desk) -> None:
    """End the journey of a desk, if it is on one."""
    if desk._journey is not None:
        desk._journey.join()


def branch(desk: Desk, to: str | int | None = None) -> Desk:
    """A second desk from a moment of this one's past (now, without ``to``), kept beside it in ``desk.branches``.

    Raises
    ------
    DeskError
        If there are ``BRANCHES_MAX`` already, or the market is shared.
    """
    family = desk.branches
    family[:] = [each for each in family if each is desk or not each.closed]
    if len(family) > BRANCHES_MAX:
        raise DeskError(
            f"this desk has {BRANCHES_MAX} branches already; close one with desk.branches[1].close_desk() first"
        )
    journal = None if desk.journal is None else desk._wiring.next_path(desk.journal)
    made = desk.fork(to=to, journal=journal)
    made._family = family
    family.append(made)
    return made
