"""How is the path of an account's value kept, when it changes a hundred thousand times?

Rules: time is cut into cells of equal width, starting at one second; of each cell the curve keeps the first, the
highest, the lowest and the last value with their times. When there are more than ``bound`` cells, the width goes up a
step of a fixed ladder (1 s, 5 s, 15 s, 1 min, 5 min, 15 min, 1 h, 4 h, 1 day, then times 4), each a multiple of the one
before, and cells are merged. So memory is bounded, the first and last value and the extremes always stay, and the same
values in the same order give the same curve. Values beyond 64 bits are kept as the largest such number. Exact
high-water marks and drawdowns are not read from here: the engine follows them value by value.
"""

from __future__ import annotations

from array import array
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vtrade.domain.values import INT64_MAX, NS_PER_S

MINUTE_NS: Final = 60 * NS_PER_S
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS
LADDER_NS: Final = tuple(s * NS_PER_S for s in (1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400))
"""Widths of a cell, each a multiple of the one before; beyond the last, times 4."""
CURVE_CELLS_MAX: Final = 4_096
"""Cells a curve keeps: 64 bytes each."""
CurveDump = tuple[int, int, bytes]
"""Bound, width in nanoseconds, and cells."""
_COLUMNS: Final = 8
_EMPTY: Final = -(2**63)


def next_width(width_ns: int) -> int:
    """The next coarser cell.

    Examples
    --------
    >>> next_width(NS_PER_S) // NS_PER_S, next_width(DAY_NS) // DAY_NS
    (5, 4)
    """
    return next((width for width in LADDER_NS if width > width_ns), width_ns * 4)


def _merge(rows: NDArray[np.int64], starts: NDArray[np.intp]) -> NDArray[np.int64]:
    """Cells that begin at ``starts`` folded into one row each."""
    merged = rows[starts].copy()
    ends = np.append(starts[1:], len(rows)) - 1
    merged[:, 6:] = rows[ends, 6:]
    group = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(rows))))
    for column, extreme in ((2, np.maximum), (4, np.minimum)):
        values = extreme.reduceat(rows[:, column + 1], starts)
        hits = np.flatnonzero(rows[:, column + 1] == values[group])
        earliest = hits[np.unique(group[hits], return_index=True)[1]]
        merged[:, column] = rows[earliest, column]
        merged[:, column + 1] = values
    return merged


class Curve:
    """Values over time in bounded memory; see the module's rules.

    Examples
    --------
    >>> curve = Curve()
    >>> for ms, value in ((0, 100), (200, 130), (400, 90), (900, 110), (1_500, 120)):
    ...     curve.add(ms * 1_000_000, value)
    >>> curve.points()[1].tolist()
    [100, 130, 90, 110, 120]
    """

    __slots__ = (
        "_end",
        "_first",
        "_first_ts",
        "_high",
        "_high_ts",
        "_last",
        "_last_ts",
        "_low",
        "_low_ts",
        "_rows",
        "bound",
        "width_ns",
    )

    def __init__(self, *, bound: int = CURVE_CELLS_MAX) -> None:
        self.bound = max(2, bound)
        self.width_ns = LADDER_NS[0]
        self._rows = array("q")
        self._end = _EMPTY
        self._first_ts = self._high_ts = self._low_ts = self._last_ts = 0
        self._first = self._high = self._low = self._last = 0

    def __len__(self) -> int:
        return len(self._rows) // _COLUMNS + (self._end != _EMPTY)

    def add(self, ts_ns: int, value: int) -> None:
        """Take the value at ``ts_ns``, which must not be earlier than the one before."""
        if not -INT64_MAX <= value <= INT64_MAX:
            value = INT64_MAX if value > 0 else -INT64_MAX
        if ts_ns >= self._end:
            while self._end != _EMPTY and ts_ns >= self._end:
                self._close()
            if self._end == _EMPTY:
                self._end = ts_ns // self.width_ns * self.width_ns + self.width_ns
                self._first_ts = self._high_ts = self._low_ts = self._last_ts = ts_ns
                self._first = self._high = self._low = self._last = value
                return
        if value > self._high:
            self._high, self._high_ts = value, ts_ns
        elif value < self._low:
            self._low, self._low_ts = value, ts_ns
        self._last, self._last_ts = value, ts_ns

    def covers(self, ts_ns: int) -> bool:
        """Whether the newest cell reaches as far as ``ts_ns``."""
        return ts_ns < self._end

    def _current(self) -> tuple[int, ...]:
        """The newest cell as a row."""
        return (
            self._first_ts,
            self._first,
            self._high_ts,
            self._high,
            self._low_ts,
            self._low,
            self._last_ts,
            self._last,
        )

    def _open(self, row: list[int]) -> None:
        self._first_ts, self._first, self._high_ts, self._high = row[:4]
        self._low_ts, self._low, self._last_ts, self._last = row[4:]
        self._end = self._first_ts // self.width_ns * self.width_ns + self.width_ns

    def _close(self) -> None:
        """Put the newest cell away; when the cells are too many, coarsen, and take the newest one up again."""
        self._rows.extend(self._current())
        if len(self._rows) < self.bound * _COLUMNS:
            self._end = _EMPTY
            return
        rows = np.frombuffer(self._rows, dtype=np.int64).reshape(-1, _COLUMNS)
        starts = np.arange(len(rows))
        while len(starts) >= self.bound:
            self.width_ns = next_width(self.width_ns)
            starts = np.flatnonzero(np.diff(rows[:, 0] // self.width_ns, prepend=-1))
        merged = _merge(rows, starts)
        self._rows = array("q", merged[:-1].tobytes())
        self._open(merged[-1].tolist())

    def rows(self) -> NDArray[np.int64]:
        """The cells in time order: columns (time, value) of the first, highest, lowest and last value."""
        closed = np.frombuffer(self._rows.tobytes(), dtype=np.int64).reshape(-1, _COLUMNS)
        return closed if self._end == _EMPTY else np.vstack((closed, np.array([self._current()], dtype=np.int64)))

    def points(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Everything kept, in time order, without repeats: times and values."""
        rows = self.rows()
        times, values = rows[:, 0::2].ravel(), rows[:, 1::2].ravel()
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
        if len(times):
            keep = np.append(True, (np.diff(times) != 0) | (np.diff(values) != 0))
            times, values = times[keep], values[keep]
        return times, values

    def closes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The last value of each cell: times and values."""
        rows = self.rows()
        return rows[:, 6].copy(), rows[:, 7].copy()

    def dump(self) -> CurveDump:
        """Bound, width and cells, for a snapshot."""
        return self.bound, self.width_ns, self.rows().tobytes()

    @classmethod
    def load(cls, dumped: CurveDump) -> Curve:
        """A curve that goes on exactly where :meth:`dump` stood."""
        bound, width_ns, data = dumped
        curve = cls(bound=bound)
        curve.width_ns = width_ns
        if data:
            split = len(data) - _COLUMNS * 8
            curve._rows = array("q", data[:split])
            curve._open(array("q", data[split:]).tolist())
        return curve
