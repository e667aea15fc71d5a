"""How is the value of one account asked for that stands in the arrays with those of many others?

Rules: a :class:`Seat` answers as :class:`vtrade.portfolio.track.Track` does, with the same numbers. Whoever asks calls
:meth:`Seat.settle` first, which folds what is pending; an amount too large for the arrays makes the account leave.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from vtrade.portfolio import layout as at
from vtrade.portfolio.curve import Curve, CurveDump
from vtrade.portfolio.track import Value

if TYPE_CHECKING:
    from vtrade.portfolio.accounts import AccountState
    from vtrade.portfolio.board import Board


class Seat:
    """The value of an account in a row of a board."""

    __slots__ = ("account", "board", "slot")

    def __init__(self, board: Board, account: AccountState, slot: int) -> None:
        self.board = board
        self.account = account
        self.slot = slot

    def settle(self) -> Value:
        """Fold what is pending; that may make the account leave its seat."""
        self.board.fold()
        return self.account.track

    @property
    def nav(self) -> int:
        """The value, micro-units."""
        return int(self.board.hot[self.slot, at.NAV])

    @nav.setter
    def nav(self, value: int) -> None:
        if abs(value) > at.VALUE_MAX:
            self.board.leave(self.account).nav = value
            return
        hot, cold = self.board.hot[self.slot], self.board.cold[self.slot]
        if not cold[at.STRAYED]:
            cold[at.STRAYED], cold[at.LAST] = 1, hot[at.NAV]
        hot[at.NAV], hot[at.FLOOR] = value, at.ARMED

    @property
    def high_water_mark(self) -> int:
        """Highest value so far."""
        return int(self.board.cold[self.slot, at.HIGH_WATER])

    @high_water_mark.setter
    def high_water_mark(self, value: int) -> None:
        if abs(value) > at.VALUE_MAX:
            self.board.leave(self.account).high_water_mark = value
            return
        self.board.deepest[self.slot] = self.deepest
        cold = self.board.cold[self.slot]
        cold[at.HIGH_WATER] = cold[at.DIP] = value
        self.board.hot[self.slot, at.FLOOR] = at.ARMED

    @property
    def deepest(self) -> float:
        """Deepest distance below the high-water mark of its time, at the moments that were looked at."""
        cold = self.board.cold[self.slot]
        high, dip, deepest = int(cold[at.HIGH_WATER]), int(cold[at.DIP]), float(self.board.deepest[self.slot])
        return min(deepest, (dip - high) / high) if high > 0 and dip < high else deepest

    @property
    def curve(self) -> Curve:
        """The path of the value up to now: a copy."""
        return Curve.load(self.dump_curve())

    def dump_curve(self) -> CurveDump:
        """The curve for a snapshot."""
        board, slot = self.board, self.slot
        cold = board.cold[slot].tolist()
        cell = array("q", cold[at.FIRST_NS : at.LOW + 1])
        last = cold[at.LAST] if cold[at.STRAYED] else int(board.hot[slot, at.NAV])
        cell.extend((int(board.hot[slot, at.LAST_NS]), last))
        return board.bound, cold[at.WIDTH], board.rows[slot, : cold[at.CLOSED]].tobytes() + cell.tobytes()

    def observe(self, ts_ns: int) -> None:
        """The value has changed: follow the high-water mark, the drawdown and the curve."""
        self.board.look_at((self.slot,), ts_ns)

    def record(self, ts_ns: int) -> None:
        """Put the value into the curve, without judging it."""
        self.board.look_at((self.slot,), ts_ns, judge=False)
