"""What does a room's portfolio remember, and how do orders, fills and marks move it?

Rules: mutable, private to the portfolio engine. A mark moves the value of each holder by what it changed, so a mark
costs time per holder of the instrument, not per account or position; the exact high-water mark and drawdown ride along.
A fact is judged before anything changes.

The price of an instrument is its last mark; before its first mark, the price of its last fill. The arrival price of an
order is the mid of the touch when it was accepted (the one side there is, where the other was empty; the mark, where
both were, as on bars); a replace does not move it, so what waiting cost stays visible. What is not a fill or a mark is
folded by :mod:`vtrade.portfolio.corporate`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

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
from vtrade.portfolio.ledger import Ledger, PortfolioError, deposit_legs
from vtrade.portfolio.purses import Purse, rate_of

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
    unobserved : dict of str to AccountState
        Accounts whose value moved for another cause than a fill or a mark; looked at with the next mark.
    """

    def __init__(self, *, curve_cells_max: int, history_max: int) -> None:
        self.curve_cells_max = curve_cells_max
        self.history_max = history_max
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
        self.arrivals: dict[int, int] = {}
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
            curve=Curve(bound=self.curve_cells_max),
            history_max=self.history_max,
        )
        state.curve.add(state.opened_ns, fact.cash)

    def purse(self, account: AccountState, currency: str) -> Purse:
        """The account's money in a currency; a new purse where it had none."""
        purse = account.purses.get(currency)
        if purse is None:
            purse = account.purses[currency] = Purse(currency)
            purse.reprice(rate_of(self.rates, currency), rate_of(self.rates, account.currency))
            account.foreign.append(purse)
        return purse

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The room's instruments, in the order in which marks number them."""
        return self.room.instruments if self.room else ()

    def holding(self, account: AccountState, index: int) -> Holding:
        """The account's dealings in an instrument; new ones where it had none."""
        holding = account.holdings.get(index)
        if holding is None:
            instrument = self.instruments[index]
            holding = Holding(account, index, instrument, self.purse(account, instrument.currency))
            account.holdings[index] = holding
        return holding

    # --- orders --------------------------------------------------------------------------------------------------

    def on_accepted(self, fact: OrderAccepted) -> None:
        """Remember the price on arrival, twice the mid."""
        bid, ask = fact.bid, fact.ask
        if bid and ask:
            self.arrivals[fact.order_id] = bid + ask
        else:
            index = self.index.get(fact.symbol)
            price = bid or ask or (self.marks[index] if index is not None else 0)
            if price:
                self.arrivals[fact.order_id] = 2 * price

    def on_replaced(self, fact: OrderReplaced) -> None:
        """An order made as small as what it has filled is over."""
        if not fact.leaves_quantity:
            self.arrivals.pop(fact.order_id, None)

    def on_ended(self, fact: OrderCanceled | OrderExpired) -> None:
        """An order is over."""
        self.arrivals.pop(fact.order_id, None)

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
            for other in self.move(((index, px),)):
                if other is not account:
                    other.observe(now)
        side = 1 if fact.side is _BUY else -1
        lots = side * quantity
        worth = holding.tick_value
        notional = px * lots * worth
        self.ledger.post(holding.keys.legs(lots, notional, fee))
        queue = holding.lots
        done = queue.exchange(now, fact.order_id, side=side, quantity=quantity, value=side * notional, fee=fee)
        if done:
            account.finished(holding, done)
        if queue.quantity:
            self.holders[index][fact.account] = holding
        else:
            self.holders[index].pop(fact.account, None)
        purse, foreign = holding.purse, holding.foreign
        purse.cash -= notional + fee
        purse.fees += fee
        holding.fees += fee
        change = (self.marks[index] - px) * lots * worth - fee
        account.nav += change if foreign is None else foreign.add(change)
        account.traded_notional += holding.home(abs(notional))
        account.fill_count += 1
        account.fills.append(fact)
        arrival = self.arrivals.get(fact.order_id)
        if arrival is not None:
            account.slippage += holding.home((2 * px - arrival) * lots * worth)
            account.slippage_base += holding.home(arrival * quantity * worth)
            if not fact.leaves_quantity:
                del self.arrivals[fact.order_id]
        account.observe(now)
        self.clock.add(now, 0)

    def on_marked(self, fact: Marked) -> None:
        """Prices have changed; what moved without a fill since the last ones is looked at now, too."""
        instruments = len(self.marks)
        for index, _ in fact.marks:
            if not 0 <= index < instruments:
                raise PortfolioError(f"fact {fact.seq}: mark of instrument {index}, but the room has {instruments}")
        if self.unmarked:
            self.unmarked.difference_update(index for index, _ in fact.marks)
        now = self.now(fact)
        for account in self.move(fact.marks):
            account.observe(now)
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
        self.unobserved.clear()

    def move(self, marks: Iterable[tuple[int, int]]) -> list[AccountState]:
        """Set marks, move the value of each holder by what they changed, and tell whose value moved."""
        touched: list[AccountState] = []
        for index, ticks in marks:
            change = ticks - self.marks[index]
            if change:
                self.marks[index] = ticks
                holders = self.holders[index]
                if holders:
                    change *= self.tick_values[index]
                    for holding in holders.values():
                        account = holding.account
                        if holding.foreign is None:
                            account.nav += holding.lots.quantity * change
                        else:
                            account.nav += holding.foreign.add(holding.lots.quantity * change)
                        if not account.touched:
                            account.touched = True
                            touched.append(account)
            if self.carried and index in self.carried:
                for holding in self.carried.pop(index).values():
                    self.worth(holding, -holding.carry)
                    holding.carry = 0
                    self.unobserved[holding.account.name] = holding.account
        for account in touched:
            account.touched = False
        return touched

    def worth(self, holding: Holding, change: int) -> None:
        """The holding, or the money for it, is worth so much more in the instrument's currency."""
        foreign = holding.foreign
        holding.account.nav += change if foreign is None else foreign.add(change)

    def carry(self, holding: Holding, change: int) -> None:
        """Hold so much of the value of a position beside its lots, until the next mark; the value stays as it is."""
        holding.carry += change
        self.carried.setdefault(holding.index, {})[holding.account.name] = holding
