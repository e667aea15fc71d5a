"""What did each instrument do today, and in the last year? Folded from candles as they come, each one once.

Rules: a session is a day on the wall of the exchange. Prices from before a split are of another size, so everything
begins anew with it. A desk that rewinds, or a gateway that tells everything again, begins anew as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vtrade.desk.names import names_of
from vtrade.desk.sections.words import local_s
from vtrade.domain.values import NS_PER_S

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.market.candles import Candle

DAY_S: Final = 86_400
YEAR_DAYS: Final = 364
"""Fifty-two weeks."""
DAYS_KEPT: Final = 400
POINTS: Final = 40
"""Points of a sparkline."""
_LOOK: Final = 8
"""Candles looked at first for what is new; more where that is not enough."""


class Session(NamedTuple):
    """An instrument's session so far: ticks and lots, 0 where nothing traded.

    Attributes
    ----------
    base : int
        What changes are measured from: the close of the session before, else the first price.
    year_high, year_low : int
        Of fifty-two weeks; 0 where the data is shorter.
    points : list of int
        Closes for a sparkline, at most 40: of the session, or of the last days where a candle is a day.
    """

    base: int
    open: int
    high: int
    low: int
    volume: int
    year_high: int
    year_low: int
    points: list[int]


NOTHING: Final = Session(0, 0, 0, 0, 0, 0, 0, [])


class Fold:
    """One instrument's closed candles, summed up; times are seconds."""

    def __init__(self, since: int) -> None:
        self.since = since
        """Older candles do not count."""
        self.done = -1
        """Start of the newest closed candle that was folded."""
        self.starts = self.ends = 0
        self.open = self.high = self.low = self.volume = self.close = 0
        self.before = 0
        """Close of the session before."""
        self.days: list[tuple[int, int, int, int]] = []
        """Start, high, low and close of the sessions before."""
        self.points: dict[int, int] = {}
        self.stride = 1

    def add(self, desk: Desk, candle: Candle) -> None:
        """Fold a candle that will not change any more."""
        t, o, h, low, c, v = candle
        self.done = t
        if t >= self.ends:
            if self.open:
                self.days.append((self.starts, self.high, self.low, self.close))
                del self.days[:-DAYS_KEPT]
            local = local_s(desk, t)
            self.starts = t - local % DAY_S
            self.ends = self.starts + DAY_S
            self.before, self.open, self.high, self.low, self.volume = self.close, o, h, low, 0
            self.points, self.stride = {}, 1
        self.high, self.low, self.close = max(self.high, h), min(self.low, low), c
        self.volume += v
        self.points[(t - self.starts) // self.stride] = c
        while len(self.points) > 2 * POINTS:
            self.stride *= 2
            self.points = {(at // 2): close for at, close in self.points.items()}

    def with_last(self, desk: Desk, candle: Candle, first: int) -> Session:
        """The session with the candle that still changes."""
        t, o, h, low, c, v = candle
        if t >= self.ends:  # a new day, with one candle
            base = self.close or first or o
            day, points, high, low_, volume = o, [c], h, low, v
            days = [*self.days, (self.starts, self.high, self.low, self.close)] if self.open else self.days
        else:
            base = self.before or first or self.open
            day, high, low_, volume = self.open, max(self.high, h), min(self.low, low), self.volume + v
            at = (t - self.starts) // self.stride
            points = [*(close for n, close in self.points.items() if n != at), c]
            days = self.days
        if len(points) < 3 and days:
            points = [*(row[3] for row in days[1 - POINTS :]), c]
        every = -(-len(points) // POINTS)
        year = t - YEAR_DAYS * DAY_S
        whole = bool(days) and days[0][0] <= year + 7 * DAY_S
        highs = [row[1] for row in days if row[0] >= year] if whole else []
        lows = [row[2] for row in days if row[0] >= year] if whole else []
        return Session(
            base, day, high, low_, volume, max([*highs, high]) if whole else 0, min([*lows, low_]) if whole else 0,
            points[::-1][::every][::-1],
        )  # fmt: skip


class Sessions:
    """The sessions of a desk's instruments."""

    def __init__(self) -> None:
        self._candles: Any = None
        self._folds: dict[int, Fold] = {}
        self._told: dict[int, tuple[Candle, Session]] = {}

    def of(self, desk: Desk, k: int) -> Session:
        """An instrument's session so far; call with the room's lock held."""
        room = desk._room
        if room.candles is not self._candles:
            self._candles, self._folds, self._told = room.candles, {}, {}
        fold = self._folds.get(k)
        since = self._since(desk, k)
        if fold is None or fold.since != since:
            fold = self._folds[k] = Fold(since)
            self._told.pop(k, None)
        look = _LOOK
        rows = room.candles.of(k, last=look)
        while len(rows) == look and rows[0][0] > fold.done:
            look *= 16
            rows = room.candles.of(k, last=look)
        rows = [row for row in rows if row[0] >= since and row[0] > fold.done]
        if not rows:
            told = self._told.get(k)
            return told[1] if told is not None else NOTHING
        for row in rows[:-1]:
            fold.add(desk, row)
        told = self._told.get(k)
        if told is not None and told[0] == rows[-1]:
            return told[1]
        first = room.candles.first(k) if not since and not fold.days else 0
        session = fold.with_last(desk, rows[-1], first)
        self._told[k] = (rows[-1], session)
        return session

    def _since(self, desk: Desk, k: int) -> int:
        splits = desk._room.splits
        if not splits:
            return 0
        called = (desk.instruments[k].symbol, names_of(desk).before(desk, k))
        return max(splits.get(name, 0) for name in called) // NS_PER_S


def sessions_of(desk: Desk) -> Sessions:
    """The sessions of a desk's instruments."""
    found: Sessions = vars(desk).setdefault("_sessions", Sessions())
    return found
