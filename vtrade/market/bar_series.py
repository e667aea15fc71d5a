"""How do one-second candles become bars of any length, with their indicators, while they still come in?

Rules: a bar that is over never changes again; only the last one does, so what is new costs one step, however long the
series is. Bars begin on round times of the tape's wall clock. Tapes that are made of bars keep theirs where the length
asked for is not longer. For charts and tables, never for decisions.
"""

from __future__ import annotations

import datetime
from array import array
from collections.abc import Callable, Iterable
from typing import Any, Final
from zoneinfo import ZoneInfo

from vtrade.market.candles import CANDLES_MAX, Candle
from vtrade.market.indicators import STUDIES_MAX, Study

BARS_KEPT: Final = CANDLES_MAX
"""Bars of one series; the oldest go first."""
BARS_DROPPED: Final = 1_000
"""So many go at once."""
STUDIES_KEPT: Final = 4 * STUDIES_MAX
"""Studies that one series follows; the one that was not asked for longest goes first."""

QUARTER_S: Final = 900
"""Clocks are set at the quarter hours, if at all."""
EPOCH_FROM_S: Final = 10 * 86_400
"""Seconds below count from midnight of a tape's day, above from the Unix epoch."""


def wall_clock(timezone: str) -> Callable[[int], int]:
    """From seconds of a tape to seconds as a clock on the wall of its zone counts them.

    Parameters
    ----------
    timezone : str
        An IANA name. Seconds that count from midnight of a day stay as they are.

    Examples
    --------
    >>> wall_clock("America/New_York")(1_340_285_400) - 1_340_285_400, wall_clock("America/New_York")(34_200)
    (-14400, 34200)
    """
    zone = ZoneInfo(timezone)
    last = (-1, 0)

    def wall(seconds: int) -> int:
        nonlocal last
        if seconds < EPOCH_FROM_S:
            return seconds
        quarter = seconds // QUARTER_S
        if quarter != last[0]:
            offset = datetime.datetime.fromtimestamp(quarter * QUARTER_S, zone).utcoffset()
            last = (quarter, int(offset.total_seconds()) if offset else 0)
        return seconds + last[1]

    return wall


class _Followed:
    """A study along a series: its columns, its state before the bar ``at``, and that bar's number."""

    __slots__ = ("at", "columns", "state", "study", "version")

    def __init__(self, study: Study) -> None:
        self.study = study
        self.columns = {line.key: array("d") for line in study.lines}
        self.state: Any = study.begin
        self.at = 0
        self.version = -1


class BarSeries:
    """Bars of one instrument and length.

    Parameters
    ----------
    seconds : int
        Length of a bar; 0 keeps candles as they are.
    price, quantity : callable
        Ticks and lots in whole units.
    wall : callable
        Seconds of a candle on the tape's wall clock.

    Attributes
    ----------
    t, start : array of int
        Seconds at which the bars begin, on the wall clock, and on the clock of the candles.
    open, high, low, close, volume : array of float
        In whole units.
    version : int
        Grows with every change.

    Examples
    --------
    >>> series = BarSeries(60)
    >>> series.take([(0, 10, 12, 9, 11, 5), (30, 11, 15, 11, 14, 2), (61, 14, 14, 13, 13, 1)])
    >>> list(series.t), list(series.high), list(series.volume)
    ([0, 60], [15.0, 14.0], [7.0, 1.0])
    """

    def __init__(
        self, seconds: int, *, price: Callable[[int], float] = float, quantity: Callable[[int], float] = float,
        wall: Callable[[int], int] = int,
    ) -> None:  # fmt: skip
        self.seconds = seconds
        self._price, self._quantity, self._wall = price, quantity, wall
        self.version = 0
        self._clear()

    def _clear(self) -> None:
        self.t, self.start = array("q"), array("q")
        self.open, self.high, self.low, self.close, self.volume = (array("d") for _ in range(5))
        self.known: Candle | None = None
        """The last candle that was taken."""
        self._open: Candle | None = None
        self._before: Candle | None = None
        self._studies: dict[str, _Followed] = {}

    def __len__(self) -> int:
        return len(self.t)

    def take(self, candles: Iterable[Candle]) -> None:
        """Go on with these, oldest first: the first of them may be a newer form of :attr:`known`.

        One that is older than that means that the past is another one: the series begins anew.
        """
        for candle in candles:
            if candle == self.known:
                continue
            if self.known is not None and candle[0] < self.known[0]:
                self._clear()
            self._take(candle)
            self.version += 1
        if len(self.t) > BARS_KEPT + BARS_DROPPED:
            self._drop(len(self.t) - BARS_KEPT)

    def _take(self, candle: Candle) -> None:
        t, o, h, low, c, v = candle
        if self.known is None or t != self.known[0]:
            local = self._wall(t)
            begins = local - local % self.seconds if self.seconds else local
            if self.t and begins <= self.t[-1]:  # a clock that is set back lengthens a bar
                self._before = self._open
            else:
                self._before = None
                self.t.append(begins)
                self.start.append(begins - local + t)
                for column in (self.open, self.high, self.low, self.close, self.volume):
                    column.append(0.0)
        before = self._before
        if before is not None:
            o, h, low, v = before[1], max(before[2], h), min(before[3], low), before[5] + v
        self.known, self._open = candle, (t, o, h, low, c, v)
        price = self._price
        self.open[-1], self.high[-1], self.low[-1], self.close[-1] = price(o), price(h), price(low), price(c)
        self.volume[-1] = self._quantity(v)

    def _drop(self, bars: int) -> None:
        for column in (self.t, self.start, self.open, self.high, self.low, self.close, self.volume):
            del column[:bars]
        for followed in list(self._studies.values()):
            if followed.at < bars:
                del self._studies[followed.study.name]
                continue
            followed.at -= bars
            for values in followed.columns.values():
                del values[:bars]

    def along(self, study: Study) -> dict[str, array[float]]:
        """Values of a study, one a bar, by the keys of its lines; what a bar that is over was told stays."""
        followed = self._studies.pop(study.name, None) or _Followed(study)
        self._studies[study.name] = followed
        if len(self._studies) > STUDIES_KEPT:
            del self._studies[next(iter(self._studies))]
        if followed.version == self.version:
            return followed.columns
        followed.version = self.version
        columns, last, state = list(followed.columns.values()), len(self.t) - 1, followed.state
        for i in range(followed.at, last + 1):
            after, values = study.step(self, i, state)
            for column, value in zip(columns, values, strict=True):
                if i < len(column):
                    column[i] = value
                else:
                    column.append(value)
            if i < last:
                state = after
        followed.at, followed.state = max(last, 0), state
        return followed.columns
