"""What does a room's portfolio remember, and how do orders, fills and marks move it?

Rules: mutable, private to the portfolio engine. A mark moves the value of each holder by what it changed, so a mark
costs time per holder of the instrument, not per account or position; the exact high-water mark and drawdown ride along.
Where many accounts are in the room their values stand on a :class:`vtrade.portfolio.board.Board`, which does the same
in machine code. A fact is judged before anything changes.

The price of an instrument is its last mark; before its first mark, the price of its last fill. The arrival price of an
order is the mid of the touch when it was accepted (the one side there is, where the other was empty; the mark, where
both were, as on bars); a replace does not move it, so what waiting cost stays visible. What is not a fill or a mark is
folded by :mod:`vtrade.portfolio.corporate`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import (
    AccountOpened,
    Fact,
    Fill,
    Marked,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderReplaced,
    RoomClosed,
    RoomOpened,
)
from vtrade.domain.orders import Side
from vtrade.portfolio.accounts import AccountState, Holding
from vtrade.portfolio.curve import Curve
from vtrade.portfolio.ledger import FillKeys, Ledger, PortfolioError, deposit_legs
from vtrade.portfolio.purses import Purse, rate_of
from vtrade.portfolio.track import Track

if TYPE_CHECKING:
    from vtrade.portfolio.board import Board, Change

SEATS_FROM: Final = 256
"""A room with so many accounts keeps their values in arrays; below it, Python objects are as quick, and need no
compiler."""
_BUY: Final = Side.BUY


class Books:
    """Everything the engine keeps.

    Attributes
    ----------
    seq, ts_ns : int
        Of the newest fact.
    index : dict of str to int
        Place of each symbol among the room's instruments.
    marks, tick_values : list of int
        Per instrument: ticks (0 where nothing was ever priced), and micro-units of one tick of one lot.
    unmarked : set of int
        Instruments without a mark, priced by their fills.
    holders : list of dict
        Per instrument: who has a position in it.
    rates : dict of str to int
        Micro-units of the room's first currency for one unit of another.
    carried : dict of int to dict
        Per instrument: holdings whose value has a ``carry`` until the next mark.
    waiting : dict
        Holdings that wait for the money that belongs to their change.
    clock : Curve
        When the room priced anything, as far as everybody knows.
    unobserved : dict of str to AccountState
        Accounts whose value moved for another cause than a fill or a mark; looked at with the next mark.
    board : Board or None
        The values of the accounts as arrays, in a room of ``seats_from`` accounts or more.
    alike : dict of int to FillKeys
        Keys of some holding of each instrument.
    moved, stirred : set of int, dict of str
        Instruments whose mark changed, and accounts to which something else happened, since somebody asked.
    """

    def __init__(self, *, curve_cells_max: int, history_max: int, seats_from: int = SEATS_FROM) -> None:
        self.curve_cells_max = curve_cells_max
        self.history_max = history_max
        self.seats_from = seats_from
        self.board: Board | None = None
        self.alike: dict[int, FillKeys] = {}
        self.moved: set[int] = set()
        self.stirred: dict[str, None] = {}
        self.seq = 0
        self.ts_ns = 0
        self.ledger = Ledger()
        self.room: RoomOpened | None = None
        self.index: dict[str, int] = {}
        self.tick_values: list[int] = []
        self.marks: list[int] = []
        self.unmarked: set[int] = set()
        self.holders: list[dict[str, Holding]] = []
        self.accounts: dict[str, AccountState] = {}
        self.rates: dict[str, int] = {}
        self.carried: dict[int, dict[str, Holding]] = {}
        self.waiting: dict[tuple[str, int], Holding] = {}
        self.unobserved: dict[str, AccountState] = {}
        self.clock = Curve(bound=curve_cells_max)

    def now(self, fact: Fact) -> int:
        """Time of a fact; never earlier than that of a fact before it."""
        return fact.ts_ns if fact.ts_ns > self.ts_ns else self.ts_ns

    # --- the room and its accounts -------------------------------------------------------------------------------

    def on_room(self, fact: RoomOpened) -> None:
        """The instruments."""
        if self.room is not None:
            raise PortfolioError(f"fact {fact.seq}: room {fact.room!r} opens twice; fold one log per engine")
        self.set_room(fact)

    def set_room(self, fact: RoomOpened) -> None:
        """Take over a room in which nothing has happened."""
        self.room = fact
        self.index = {instrument.symbol: index for index, instrument in enumerate(fact.instruments)}
        self.tick_values = [instrument.tick_value for instrument in fact.instruments]
        self.marks = [0] * len(fact.instruments)
        self.unmarked = set(range(len(fact.instruments)))
        self.holders = [{} for _ in fact.instruments]

    def on_account(self, fact: AccountOpened) -> None:
        """Somebody joins, with money from outside."""
        if fact.account in self.accounts:
            raise PortfolioError(f"fact {fact.seq}: account {fact.account!r} opens twice; fold one log per engine")
        self.ledger.post(deposit_legs(fact.account, fact.currency, fact.cash))
        state = self.accounts[fact.account] = AccountState(
            fact.account,
            fact.currency,
            fact.cash,
            opened_seq=fact.seq,
            opened_ns=self.now(fact),
            track=Track(fact.cash, Curve(bound=self.curve_cells_max)),
            history_max=self.history_max,
        )
        state.observe(state.opened_ns)
        self.stirred[fact.account] = None
        if self.board is not None:
            self.board.seat(state)
        elif len(self.accounts) >= self.seats_from:
            self.take_seats()

    def take_seats(self) -> None:
        """Put the values of all accounts into arrays."""
        from vtrade.portfolio.board import Board

        board = self.board = Board(len(self.marks), self.curve_cells_max)
        for account in self.accounts.values():
            board.seat(account)
        board.hold_all(holding for holders in self.holders for holding in holders.values())

    def hold(self, holding: Holding) -> None:
        """The position has changed."""
        holders = self.holders[holding.index]
        if holding.lots.quantity:
            holders[holding.account.name] = holding
        else:
            holders.pop(holding.account.name, None)
        if self.board is not None:
            self.board.hold(holding)

    def purse(self, account: AccountState, currency: str) -> Purse:
        """The account's money in a currency; a new purse where it had none."""
        purse = account.purses.get(currency)
        if purse is None:
            purse = account.purses[currency] = Purse(currency)
            purse.reprice(rate_of(self.rates, currency), rate_of(self.rates, account.currency))
            account.foreign.append(purse)
            if self.board is not None:
                self.board.leave(account)
        return purse

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The room's instruments, in the order in which marks number them."""
        return self.room.instruments if self.room else ()

    def holding(self, account: AccountState, index: int) -> Holding:
        """The account's dealings in an instrument; new ones where it had none."""
        holding = account.holdings.get(index)
        if holding is None:
            instrument, alike = self.instruments[index], self.alike.get(index)
            purse = account.purses.get(instrument.currency) or self.purse(account, instrument.currency)
            holding = account.holdings[index] = Holding(account, index, instrument, purse, like=alike)
            if alike is None:
                self.alike[index] = holding.keys
        return holding

    def changed(self) -> list[str]:
        """Whose views may have changed since this was asked last, in the order in which they opened."""
        names = set(self.stirred)
        for index in self.moved:
            names.update(self.holders[index])
            if len(names) == len(self.accounts):
                break
        self.moved.clear()
        self.stirred.clear()
        return list(self.accounts) if len(names) == len(self.accounts) else [n for n in self.accounts if n in names]

    def navs(self) -> dict[str, int]:
        """The value of every account, in the order in which they opened."""
        if self.board is None:
            return {name: account.track.nav for name, account in self.accounts.items()}
        values = self.board.values()
        tracks = ((name, account.track) for name, account in self.accounts.items())
        return {name: values[track.slot] if track.slot >= 0 else track.nav for name, track in tracks}

    # --- orders --------------------------------------------------------------------------------------------------

    def on_accepted(self, fact: OrderAccepted) -> None:
        """Remember the price on arrival, twice the mid."""
        account = self.accounts.get(fact.account)
        if account is None:
            return
        bid, ask = fact.bid, fact.ask
        if bid and ask:
            account.arrivals[fact.order_id] = bid + ask
        else:
            index = self.index.get(fact.symbol)
            price = bid or ask or (self.marks[index] if index is not None else 0)
            if price:
                account.arrivals[fact.order_id] = 2 * price

    def on_replaced(self, fact: OrderReplaced) -> None:
        """An order made as small as what it has filled is over."""
        if not fact.leaves_quantity:
            self.on_ended(fact)

    def on_ended(self, fact: OrderCanceled | OrderExpired | OrderReplaced) -> None:
        """An order is over."""
        account = self.accounts.get(fact.account)
        if account is not None:
            account.arrivals.pop(fact.order_id, None)

    # --- fills and marks -----------------------------------------------------------------------------------------

    def on_fill(self, fact: Fill) -> None:
        """Lots against money, and the fee."""
        account = self.accounts.get(fact.account)
        index = self.index.get(fact.symbol)
        px, quantity, fee = fact.last_px, fact.last_qty, fact.fee
        if account is None or index is None or quantity <= 0:
            raise PortfolioError(
                f"fact {fact.seq}: {quantity} lots of {fact.symbol!r} for {fact.account!r} do not fit the room; "
                "fold its facts from the first one on"
            )
        now = self.now(fact)
        holding = account.holdings.get(index) or self.holding(account, index)
        if index in self.unmarked:
            self.reprice(((index, px),), now, save=account)
            self.clock.add(now, 0)
        side = 1 if fact.side is _BUY else -1
        lots = side * quantity
        worth = holding.tick_value
        notional = px * lots * worth
        self.ledger.post(holding.keys.legs(lots, notional, fee))
        queue = holding.lots
        done = queue.exchange(now, fact.order_id, side=side, quantity=quantity, value=side * notional, fee=fee)
        if done:
            account.finished(holding, done)
        self.hold(holding)
        self.stirred[fact.account] = None
        purse, foreign = holding.purse, holding.foreign
        purse.cash -= notional + fee
        purse.fees += fee
        holding.fees += fee
        change = (self.marks[index] - px) * lots * worth - fee
        account.nav += change if foreign is None else foreign.add(change)
        account.traded_notional += holding.home(abs(notional))
        account.fill_count += 1
        account.fills.append(fact)
        arrival = account.arrivals.get(fact.order_id)
        if arrival is not None:
            account.slippage += holding.home((2 * px - arrival) * lots * worth)
            account.slippage_base += holding.home(arrival * quantity * worth)
            if not fact.leaves_quantity:
                del account.arrivals[fact.order_id]
        account.observe(now)
        if not self.clock.covers(now):
            if account.clock is None:
                account.clock = Curve(bound=self.curve_cells_max)
            account.clock.add(now, 0)

    def on_marked(self, fact: Marked) -> None:
        """Prices have changed; what moved without a fill since the last ones is looked at now, too."""
        instruments = len(self.marks)
        for index, _ in fact.marks:
            if not 0 <= index < instruments:
                raise PortfolioError(f"fact {fact.seq}: mark of instrument {index}, but the room has {instruments}")
        if self.unmarked:
            self.unmarked.difference_update(index for index, _ in fact.marks)
        now = self.now(fact)
        board, carried = self.board, self.carried
        if board is None or (carried and any(index in carried for index, _ in fact.marks)):
            self.reprice(fact.marks, now)
        else:
            changes = self.changes(fact.marks)
            if changes:
                board.put_down(changes, now)
                for track in self.walk(changes, board.plain):
                    track.observe(now)
        if self.unobserved:
            self.observe_all(now)
        self.clock.add(now, 0)

    def on_closed(self, fact: RoomClosed) -> None:
        """No mark will come any more."""
        if self.unobserved:
            now = self.now(fact)
            self.observe_all(now)
            self.clock.add(now, 0)

    def observe_all(self, now: int) -> None:
        """Look at the accounts that were left for later."""
        for account in self.unobserved.values():
            account.observe(now)
        self.stirred.update(dict.fromkeys(self.unobserved))
        self.unobserved.clear()

    def changes(self, marks: Iterable[tuple[int, int]]) -> list[Change]:
        """Set marks, and tell those that differ, and by how much."""
        present = self.marks
        changes = []
        for index, ticks in marks:
            change = ticks - present[index]
            if change:
                present[index] = ticks
                changes.append((index, change))
                self.moved.add(index)
        return changes

    def walk(self, changes: Iterable[Change], holders: list[dict[str, Holding]]) -> list[Track]:
        """Move the value of each of these holders by what the marks changed, and tell whose value moved."""
        touched: list[Track] = []
        for index, change in changes:
            held = holders[index]
            if held:
                worth = change * self.tick_values[index]
                for holding in held.values():
                    track = holding.account.track
                    assert isinstance(track, Track)
                    if holding.foreign is None:
                        track.nav += holding.lots.quantity * worth
                    else:
                        track.nav += holding.foreign.add(holding.lots.quantity * worth)
                    if not track.touched:
                        track.touched = True
                        touched.append(track)
        for track in touched:
            track.touched = False
        return touched

    def reprice(self, marks: tuple[tuple[int, int], ...], now: int, *, save: AccountState | None = None) -> None:
        """Set marks, end what was carried until then, and look at all whose value moved, save one."""
        board = self.board
        changes = self.changes(marks)
        if board is not None:
            board.shift(changes)
        touched = self.walk(changes, self.holders if board is None else board.plain)
        for index, _ in marks if self.carried else ():
            for holding in self.carried.pop(index, {}).values():
                self.worth(holding, -holding.carry)
                holding.carry = 0
                self.unobserved[holding.account.name] = holding.account
        for track in touched:
            if save is None or track is not save.track:
                track.observe(now)
        if board is not None:
            board.observe_shifted(now, save=save)

    def worth(self, holding: Holding, change: int) -> None:
        """The holding, or the money for it, is worth so much more in the instrument's currency."""
        foreign = holding.foreign
        holding.account.nav += change if foreign is None else foreign.add(change)

    def carry(self, holding: Holding, change: int) -> None:
        """Hold so much of the value of a position beside its lots, until the next mark; the value stays as it is."""
        holding.carry += change
        self.stirred[holding.account.name] = None
        self.carried.setdefault(holding.index, {})[holding.account.name] = holding
