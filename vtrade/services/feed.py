"""How does a tape reach a room? In frames of a bounded number of events, with its news, in time order.

Rules: a room values its positions once a frame, so a frame ends with every minute of a tick tape and with every moment
of a bar tape: the equity curve then does not depend on how fast the tape was played.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from vtrade.domain.messages import Inbound, MarketFrame, RoomCommand
from vtrade.market.tape import Tape

FRAME_ROWS: Final = 512
"""Most events in one frame."""

MINUTE_NS: Final = 60_000_000_000


class TapeFeed:
    """A tape with a place in it.

    Attributes
    ----------
    rows : int
        Events handed out so far.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.rows = 0
        self._news = 0
        times = tape.events["ts_ns"]
        periods = times if tape.depth == "bars" else times // MINUTE_NS
        self._ends = np.append(np.flatnonzero(np.diff(periods)) + 1, len(times))

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        return self.rows >= len(self.tape) and self._news >= len(self.tape.news)

    @property
    def end_ns(self) -> int:
        """Time of the last event or headline."""
        return max([self.tape.end_ns, *(item.ts_ns for item in self.tape.news[-1:])])

    @property
    def next_ns(self) -> int | None:
        """Time of the next event or headline, ``None`` at the end."""
        coming = [item.ts_ns for item in self.tape.news[self._news : self._news + 1]]
        if self.rows < len(self.tape):
            coming.append(int(self.tape.events["ts_ns"][self.rows]))
        return min(coming, default=None)

    def skip(self, *, rows: int, news: int) -> None:
        """Go on behind what a log already has."""
        self.rows, self._news = rows, news

    def read(self, until_ns: int, *, rows_max: int | None = None) -> Iterator[Inbound]:
        """Frames and headlines with times up to and including ``until_ns``."""
        times = self.tape.events["ts_ns"]
        end = int(np.searchsorted(times, until_ns, side="right"))
        if rows_max is not None:
            end = min(end, self.rows + rows_max)
        while True:
            period = int(self._ends[np.searchsorted(self._ends, self.rows, side="right")]) if self.rows < end else end
            stop = min(end, self.rows + FRAME_ROWS, period)
            if self._news < len(self.tape.news) and self.tape.news[self._news].ts_ns <= until_ns:
                item = self.tape.news[self._news]
                before = int(np.searchsorted(times, item.ts_ns, side="right"))
                if self.rows >= before:
                    self._news += 1
                    yield RoomCommand(item.ts_ns, "news", item.symbol, item.headline)
                    continue
                stop = min(stop, before)
            if stop <= self.rows:
                return
            frame = self.tape.events[self.rows : stop]
            self.rows = stop
            yield MarketFrame(int(frame["ts_ns"][-1]), frame.tobytes())
