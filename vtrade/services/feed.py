"""How does a tape reach a room? In frames of a bounded number of events, with its news and actions, in time order.

Rules: of one moment, corporate actions come first, then the events, then the headlines. A room values its positions
once a frame, so a frame ends with every minute of a tick tape and with every moment of a bar tape: the equity curve
then does not depend on how fast the tape was played. In an exchange room the prices themselves are known once a frame
only, so there a frame ends with every second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from vtrade.domain.messages import Inbound, MarketFrame, RoomCommand
from vtrade.domain.values import NS_PER_S
from vtrade.market.tape import Tape

FRAME_ROWS: Final = 512
"""Most events in one frame."""

PERIODS_NS: Final = {"bars": 1, "exchange": NS_PER_S}
"""No frame goes across the end of such a period; a minute on other tapes."""

MINUTE_NS: Final = 60 * NS_PER_S


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
        self._actions = 0
        periods = tape.events["ts_ns"] // PERIODS_NS.get(tape.depth, MINUTE_NS)
        self._ends = np.append(np.flatnonzero(np.diff(periods)) + 1, len(tape))

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        return self.next_ns is None

    @property
    def end_ns(self) -> int:
        """Time of the last event, headline or action."""
        told = [item.ts_ns for item in self.tape.news[-1:]] + [action.ts_ns for action in self.tape.actions[-1:]]
        return max([self.tape.end_ns, *told])

    @property
    def next_ns(self) -> int | None:
        """Time of what comes next, ``None`` at the end."""
        coming = [ts for ts in (self._action_ns, self._news_ns) if ts is not None]
        if self.rows < len(self.tape):
            coming.append(int(self.tape.events["ts_ns"][self.rows]))
        return min(coming, default=None)

    @property
    def _action_ns(self) -> int | None:
        actions = self.tape.actions
        return actions[self._actions].ts_ns if self._actions < len(actions) else None

    @property
    def _news_ns(self) -> int | None:
        news = self.tape.news
        return news[self._news].ts_ns if self._news < len(news) else None

    def skip(self, *, rows: int, news: int, actions: int = 0) -> None:
        """Go on behind what a log already has."""
        self.rows, self._news, self._actions = rows, news, actions

    def read(self, until_ns: int, *, rows_max: int | None = None) -> Iterator[Inbound]:
        """Frames, headlines and actions with times up to and including ``until_ns``; at most ``rows_max`` events."""
        times = self.tape.events["ts_ns"]
        end = int(np.searchsorted(times, until_ns, side="right"))
        if rows_max is not None:
            end = min(end, self.rows + rows_max)
        while True:
            period = int(self._ends[np.searchsorted(self._ends, self.rows, side="right")]) if self.rows < end else end
            stop = min(end, self.rows + FRAME_ROWS, period)
            action_ns, news_ns = self._action_ns, self._news_ns
            if action_ns is not None and action_ns <= until_ns:
                before = int(np.searchsorted(times, action_ns, side="left"))
                if self.rows >= before and (news_ns is None or action_ns <= news_ns):
                    self._actions += 1
                    yield self.tape.actions[self._actions - 1]
                    continue
                stop = min(stop, max(before, self.rows))
            if news_ns is not None and news_ns <= until_ns:
                before = int(np.searchsorted(times, news_ns, side="right"))
                if self.rows >= before:
                    item = self.tape.news[self._news]
                    self._news += 1
                    yield RoomCommand(item.ts_ns, "news", item.symbol, item.headline)
                    continue
                stop = min(stop, before)
            if stop <= self.rows:
                return
            frame = self.tape.events[self.rows : stop]
            self.rows = stop
            yield MarketFrame(int(frame["ts_ns"][-1]), frame.tobytes())
