"""Where do the values of many accounts stand, so that a mark can move thousands of them at once?

Rules: the arrays are derived: fills, cash and lots live in the Python objects, and a snapshot never sees them. An
account takes a *seat* (a row) where all its money is in one currency; the first purse in another one, or an amount that
would strain 64-bit integers, makes it leave for good, and its value is followed by a plain
:class:`vtrade.portfolio.track.Track` again, exact at any size. Numbers are the same either way.

Marks are put down and folded in runs of about ``PENDING_MAX`` rows, or as soon as somebody asks: every question to the
value of an account settles it first, so nobody can see that.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from vtrade.domain.values import NS_PER_S
from vtrade.portfolio import layout as at
from vtrade.portfolio.holders import Holders, grown
from vtrade.portfolio.seat import Seat
from vtrade.portfolio.track import Track

if TYPE_CHECKING:
    from vtrade.portfolio.accounts import AccountState, Holding

PENDING_MAX: Final = 1_024
"""Changes of marks that wait to be folded; the last fact of a run may bring more."""
CELLS_FIRST: Final = 16
"""Closed cells of each curve there is room for at least; the room doubles where it is needed, up to the bound."""
ROOM_FIRST_BYTES: Final = 2**29
"""Address space that the curves may take before somebody needs it: room that is never written takes no memory, and
room that is there from the start is never copied."""
_CELL_BYTES: Final = 64
SLOTS_FIRST: Final = 1_024

Change = tuple[int, int]
"""An instrument, and by how many ticks its mark changed."""


class Board:
    """The arrays, and who sits where.

    Parameters
    ----------
    instruments : int
        How many the room has.
    bound : int
        Cells a curve keeps.

    Attributes
    ----------
    plain : list of dict
        Per instrument: holdings of accounts without a seat.
    reach : list of int
        Per instrument: to no seated holder a tick is worth more micro-units.
    accounts : list
        Who sits in each slot.
    """

    def __init__(self, instruments: int, bound: int) -> None:
        from vtrade.portfolio import kernel

        self._kernel = kernel
        self.bound = max(2, bound)
        self.plain: list[dict[str, Holding]] = [{} for _ in range(instruments)]
        self.reach = [0] * instruments
        self.holders = Holders(instruments)
        self.accounts: list[AccountState | None] = []
        self.free: list[int] = []
        self.todo = array("q")
        self.strain = 0
        self.first_ns = self.last_ns = 0
        self.shifted: list[NDArray[np.uint32]] = []
        self.hot = np.zeros((0, at.HOT), dtype=np.int64)
        self.cold = np.zeros((0, at.COLD), dtype=np.int64)
        self.ends = np.zeros(0, dtype=np.int64)
        self.deepest = np.zeros(0)
        self.due = np.zeros(0, dtype=np.int64)
        self.rows = np.zeros((0, 1, 8), dtype=np.int64)
        self.closed_max = 0
        self._room(SLOTS_FIRST)
        kernel.warm(self._arrays())

    # --- room for more -----------------------------------------------------------------------------------------------

    def _room(self, slots: int) -> None:
        """Room for so many accounts."""
        self.hot, self.cold = grown(self.hot, slots), grown(self.cold, slots)
        self.ends, self.deepest = grown(self.ends, slots, at.NEVER), grown(self.deepest, slots)
        self.flag = np.zeros(slots, dtype=np.uint8)
        self.touched = np.zeros((2, slots), dtype=np.int64)
        blocks = (slots + (1 << at.BLOCK_BITS) - 1) >> at.BLOCK_BITS
        self.due = grown(self.due, blocks, at.NEVER)
        self.holders.blocks(blocks)
        self._cells(max(CELLS_FIRST, ROOM_FIRST_BYTES // (slots * _CELL_BYTES)))

    def _cells(self, cells: int) -> None:
        """Room for so many closed cells of each curve."""
        cells = min(self.bound, max(cells, self.rows.shape[1]))
        rows = np.empty((len(self.hot), cells, 8), dtype=np.int64)
        seated, kept = len(self.accounts), min(self.closed_max, self.rows.shape[1])
        rows[:seated, :kept] = self.rows[:seated, :kept]
        self.rows = rows

    def _closing(self, cells: int) -> None:
        """Each curve may close so many more cells now: make sure that there is room."""
        room = self.rows.shape[1]
        if room < self.bound and self.closed_max + cells > room:
            self.closed_max = int(self.cold[:, at.CLOSED].max())
        self._keep(self.closed_max + cells)

    def _keep(self, closed: int) -> None:
        """Some curve may have so many closed cells from now on."""
        if closed > self.rows.shape[1] < self.bound:
            self._cells(1 << (closed - 1).bit_length())
        self.closed_max = max(self.closed_max, closed)

    def _arrays(self) -> at.Arrays:
        held = self.holders
        return at.Arrays(
            self.hot, self.cold, self.ends, self.deepest, self.rows, self.due, held.start, held.count, held.slot,
            held.worth, self.flag, self.bound,
        )  # fmt: skip

    # --- who sits where ----------------------------------------------------------------------------------------------

    def seat(self, account: AccountState) -> None:
        """Take over the value of an account, where that is possible; its positions come by :meth:`hold`."""
        track = account.track
        bound, width_ns, data = track.dump_curve()
        fits = max(abs(track.nav), abs(track.high_water_mark)) <= at.VALUE_MAX
        if account.foreign or not data or bound != self.bound or not fits:
            return
        rows = np.frombuffer(data, dtype=np.int64).reshape(-1, 8)
        if self.free:
            slot = self.free.pop()
            self.accounts[slot] = account
        else:
            slot = len(self.accounts)
            if slot == len(self.hot):
                self._room(2 * slot)
            self.accounts.append(account)
        closed = len(rows) - 1
        self._keep(closed)
        self.rows[slot, :closed] = rows[:closed]
        first_ns, *cell, last_ns, last = rows[closed].tolist()
        end = self.ends[slot] = first_ns // width_ns * width_ns + width_ns
        block = slot >> at.BLOCK_BITS
        self.due[block] = min(self.due[block], end)
        high = track.high_water_mark
        self.cold[slot, : at.LOW + 1] = (high, high, 1, last, width_ns, closed, first_ns, *cell)
        self.hot[slot] = (track.nav, 0, at.ARMED, last_ns)
        self.deepest[slot] = track.deepest
        account.track = Seat(self, account, slot)

    def leave(self, account: AccountState) -> Track:
        """The account goes on without a seat."""
        self.fold()
        seat = account.track
        if isinstance(seat, Track):
            return seat
        track = Track(seat.nav, seat.curve, high_water_mark=seat.high_water_mark, deepest=seat.deepest)
        for holding in account.holdings.values():
            self.holders.put(seat.slot, holding.index, 0)
            if holding.lots.quantity:
                self.plain[holding.index][account.name] = holding
        self.accounts[seat.slot] = None
        self.ends[seat.slot] = at.NEVER
        self.cold[seat.slot] = self.hot[seat.slot] = 0
        self.free.append(seat.slot)
        account.track = track
        return track

    def hold(self, holding: Holding) -> None:
        """The position has changed: marks move so many lots from now on."""
        account, index, quantity = holding.account, holding.index, holding.lots.quantity
        slot, worth = account.track.settle().slot, quantity * holding.tick_value
        if slot >= 0 and abs(worth) <= at.REACH_MAX:
            self.holders.put(slot, index, worth)
            self.reach[index] = max(self.reach[index], abs(worth))
        elif slot >= 0:
            self.leave(account)
        elif quantity:
            self.plain[index][account.name] = holding
        else:
            self.plain[index].pop(account.name, None)

    def hold_all(self, holdings: Iterable[Holding]) -> None:
        """:meth:`hold` of every position that there is, on a board on which nobody holds anything yet."""
        found = array("q")
        for holding in holdings:
            slot, worth = holding.account.track.slot, holding.lots.quantity * holding.tick_value
            if slot >= 0 and -at.REACH_MAX <= worth <= at.REACH_MAX:
                found.extend((slot, holding.index, worth))
            else:
                self.hold(holding)
        rows = np.frombuffer(found, dtype=np.int64).reshape(-1, 3)
        seated = np.array([account is not None for account in self.accounts], dtype=bool)
        slots, indices, worths = rows[seated[rows[:, 0]]].T
        self.holders.load(slots, indices, worths)
        reach = np.zeros(len(self.reach), dtype=np.int64)
        np.maximum.at(reach, indices, np.abs(worths))
        self.reach = reach.tolist()

    def values(self) -> list[int]:
        """The value of each seat, micro-units; 0 where nobody sits."""
        self.fold()
        values: list[int] = self.hot[:, at.NAV].tolist()
        return values

    # --- marks -------------------------------------------------------------------------------------------------------

    def spare(self, changes: Sequence[Change]) -> int:
        """Let those leave to whom so large a change may mean too much; to the others it means at most the result."""
        reach = sum(self.reach[index] * abs(change) for index, change in changes)
        if reach <= at.REACH_MAX:
            return reach
        self.fold()
        for index, change in changes:
            worth_max = at.REACH_MAX // len(changes) // abs(change)
            large = [slot for slots, worth in self.holders.of(index) for slot in slots[np.abs(worth) > worth_max]]
            for slot in large:
                account = self.accounts[slot]
                assert account is not None
                self.leave(account)
            self.reach[index] = max((int(np.abs(worth).max()) for _, worth in self.holders.of(index)), default=0)
        return sum(self.reach[index] * abs(change) for index, change in changes)

    def put_down(self, changes: Sequence[Change], ts_ns: int) -> None:
        """A fact has changed marks; its holders are moved and looked at with the next fold."""
        reach = self.spare(changes)
        if not reach:
            return
        if self.strain + reach > at.REACH_MAX:
            self.fold()
        todo = self.todo
        if not todo:
            self.first_ns = ts_ns
        self.strain += reach
        self.last_ns = ts_ns
        for index, change in changes:
            if self.reach[index]:
                todo.extend((index, change, -1))
        todo[-1] = ts_ns
        if len(todo) >= 3 * PENDING_MAX:
            self.fold()

    def fold(self) -> None:
        """Fold what was put down."""
        todo = self.todo
        if not todo:
            return
        self.todo, self.strain = array("q"), 0
        self._closing(min(len(todo) // 3, self.last_ns // NS_PER_S - self.first_ns // NS_PER_S + 1))
        rows = np.frombuffer(todo, dtype=np.int64).reshape(-1, 3)
        if self._kernel.fold(self._arrays(), rows, self.touched):
            self._let_large_leave()

    def shift(self, changes: Sequence[Change]) -> None:
        """Change marks now, and look at nobody before :meth:`observe_shifted`."""
        self.spare(changes)
        self.fold()
        for index, change in changes:
            for slots, worth in self.holders.of(index):
                fresh = slots[self.cold[slots, at.STRAYED] == 0]
                self.cold[fresh, at.LAST] = self.hot[fresh, at.NAV]
                self.cold[fresh, at.STRAYED] = 1
                self.hot[slots, at.NAV] += worth * change
                self.hot[slots, at.FLOOR] = at.ARMED
                self.shifted.append(slots.copy())

    def observe_shifted(self, ts_ns: int, *, save: AccountState | None = None) -> None:
        """Look at all whom :meth:`shift` moved, save one."""
        if self.shifted:
            slots = np.unique(np.concatenate(self.shifted))
            self.shifted = []
            left_out = save.track.slot if save is not None else -1
            self.look_at([slot for slot in slots.tolist() if slot != left_out and self.accounts[slot]], ts_ns)

    def look_at(self, slots: Sequence[int], ts_ns: int, *, judge: bool = True) -> None:
        """Look at values that were set from outside; ``judge`` follows high-water mark and drawdown, too."""
        self.fold()
        where = np.array(slots, dtype=np.int64)
        self._keep(int(self.cold[where, at.CLOSED].max(initial=0)) + 1)
        if self._kernel.look_at(self._arrays(), where, ts_ns, judge):
            self._let_large_leave()

    def _let_large_leave(self) -> None:
        for slot in np.flatnonzero(np.abs(self.hot[:, at.NAV]) > at.VALUE_MAX).tolist():
            account = self.accounts[slot]
            if account is not None:
                self.leave(account)
