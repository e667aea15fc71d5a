"""How is the value of one account followed?

Rules: the value, its exact high-water mark, the deepest drawdown below it and the bounded curve go together; whoever
changes the value says when it is to be looked at. A :class:`Track` is plain Python and knows no bounds; where a room
has many accounts, their values stand in arrays, and a :class:`vtrade.portfolio.board.Seat` answers in its place.
"""

from __future__ import annotations

from typing import Protocol

from vtrade.portfolio.curve import Curve, CurveDump


class Value(Protocol):
    """What can be asked of the value of an account, and done to it."""

    nav: int
    high_water_mark: int

    @property
    def slot(self) -> int:
        """Place in the arrays; negative where the value does not stand there."""

    @property
    def deepest(self) -> float:
        """Deepest distance below the high-water mark of its time, at the moments that were looked at."""

    @property
    def curve(self) -> Curve:
        """The path of the value, to read."""

    def settle(self) -> Value:
        """The value, with everything folded that was told so far."""

    def observe(self, ts_ns: int) -> None:
        """The value has changed: follow the high-water mark, the drawdown and the curve."""

    def record(self, ts_ns: int) -> None:
        """Put the value into the curve, without judging it."""

    def dump_curve(self) -> CurveDump:
        """The curve for a snapshot."""


class Track:
    """A value in plain Python.

    Examples
    --------
    >>> track = Track(100, Curve())
    >>> for ts_ns, change in enumerate((50, -75, 20)):
    ...     track.nav += change
    ...     track.observe(ts_ns)
    >>> track.nav, track.high_water_mark, track.deepest
    (95, 150, -0.5)
    """

    __slots__ = ("curve", "deepest", "high_water_mark", "nav", "touched")

    slot = -1

    def __init__(self, nav: int, curve: Curve, *, high_water_mark: int | None = None, deepest: float = 0.0) -> None:
        self.nav = nav
        self.high_water_mark = nav if high_water_mark is None else high_water_mark
        self.deepest = deepest
        self.curve = curve
        self.touched = False

    def settle(self) -> Track:
        """Nothing is left to fold: this very track."""
        return self

    def observe(self, ts_ns: int) -> None:
        """The value has changed: follow the high-water mark, the drawdown and the curve."""
        nav = self.nav
        high = self.high_water_mark
        if nav > high:
            self.high_water_mark = nav
        elif nav < high and high > 0:
            depth = (nav - high) / high
            if depth < self.deepest:
                self.deepest = depth
        self.curve.add(ts_ns, nav)

    def record(self, ts_ns: int) -> None:
        """Put the value into the curve, without judging it."""
        self.curve.add(ts_ns, self.nav)

    def dump_curve(self) -> CurveDump:
        """The curve for a snapshot."""
        return self.curve.dump()
