"""What does each participant own, what is it worth, and how did it get there?

Rules: a pure fold over facts: no clock, no I/O, no randomness; the same facts give the same bytes. Money is exact.
Facts that concern no money are ignored; a fact that contradicts what came before (a fill for an account that never
opened) raises and changes nothing. A mark moves the value of each holder by what it changed, so a mark costs time per
holder of the instrument, not per account or position; the exact high-water mark and drawdown ride along.

The price of an instrument is its last mark; before its first mark, the price of its last fill. The arrival price of an
order is the mid of the touch when it was accepted (the one side there is, where the other was empty; the mark, where
both were, as on bars); a replace does not move it, so what waiting cost stays visible. Money in several currencies is
added at par: VTrade has no exchange rates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

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
    RoomOpened,
)
from vtrade.domain.orders import Side
from vtrade.portfolio import snapshot
from vtrade.portfolio.accounts import HISTORY_MAX, AccountState, Holding
from vtrade.portfolio.analytics import Statistics, account_statistics
from vtrade.portfolio.curve import CURVE_CELLS_MAX, Curve
from vtrade.portfolio.ledger import Ledger, LedgerEntry, PortfolioError, deposit_legs
from vtrade.portfolio.lots import RoundTrip
from vtrade.portfolio.valuation import Grouping, account_view, check_account, exposures, position_view
from vtrade.portfolio.views import AccountView, ExposureView, PositionView

_BUY: Final = Side.BUY


class PortfolioEngine:
    """Money, positions and performance of every account in a room.

    Parameters
    ----------
    curve_cells_max : int
        Bound of each equity curve, see :mod:`vtrade.portfolio.curve`.
    history_max : int
        Fills, and finished round trips, kept per account.

    Examples
    --------
    >>> from vtrade.domain.messages import AccountOpened, Marked, RoomOpened
    >>> engine = PortfolioEngine()
    >>> engine.apply(RoomOpened(1, 0, "room", (Instrument.make("ACME"),)))
    >>> engine.apply(AccountOpened(2, 0, "ana", 1_000_000_000, "USD"))
    >>> engine.account("ana").nav
    1000000000
    """

    def __init__(self, *, curve_cells_max: int = CURVE_CELLS_MAX, history_max: int = HISTORY_MAX) -> None:
        self.seq = 0
        self.ts_ns = 0
        self.ledger = Ledger()
        self._curve_cells_max = curve_cells_max
        self._history_max = history_max
        self._room: RoomOpened | None = None
        self._index: dict[str, int] = {}
        self._tick_values: list[int] = []
        self._marks: list[int] = []
        self._unmarked: set[int] = set()
        self._holders: list[dict[str, Holding]] = []
        self._accounts: dict[str, AccountState] = {}
        self._arrivals: dict[int, int] = {}
        self._clock = Curve(bound=curve_cells_max)
        self._handlers: dict[type, Callable[[Any], None]] = {
            RoomOpened: self._on_room,
            AccountOpened: self._on_account,
            OrderAccepted: self._on_accepted,
            OrderReplaced: self._on_replaced,
            OrderCanceled: self._on_ended,
            OrderExpired: self._on_ended,
            Fill: self._on_fill,
            Marked: self._on_marked,
        }

    # --- the fold ------------------------------------------------------------------------------------------------

    def apply(self, fact: Fact) -> None:
        """Fold one fact; one that was folded before, by its ``seq``, is ignored, so late copies do no harm.

        Raises
        ------
        PortfolioError
            If it contradicts the facts before it; nothing has changed then.
        """
        if fact.seq <= self.seq:
            return
        handler = self._handlers.get(type(fact))
        if handler is not None:
            handler(fact)
        self.seq = fact.seq
        if fact.ts_ns > self.ts_ns:
            self.ts_ns = fact.ts_ns

    def apply_all(self, facts: Iterable[Fact]) -> None:
        """Fold facts, in order."""
        for fact in facts:
            self.apply(fact)

    def _now(self, fact: Fact) -> int:
        """Time of a fact; never earlier than that of a fact before it."""
        return fact.ts_ns if fact.ts_ns > self.ts_ns else self.ts_ns

    def _on_room(self, fact: RoomOpened) -> None:
        if self._room is not None:
            raise PortfolioError(f"fact {fact.seq}: room {fact.room!r} opens twice; fold one log per engine")
        self._set_room(fact)

    def _set_room(self, fact: RoomOpened) -> None:
        self._room = fact
        self._index = {instrument.symbol: index for index, instrument in enumerate(fact.instruments)}
        self._tick_values = [instrument.tick_value for instrument in fact.instruments]
        self._marks = [0] * len(fact.instruments)
        self._unmarked = set(range(len(fact.instruments)))
        self._holders = [{} for _ in fact.instruments]

    def _on_account(self, fact: AccountOpened) -> None:
        if fact.account in self._accounts:
            raise PortfolioError(f"fact {fact.seq}: account {fact.account!r} opens twice; fold one log per engine")
        self.ledger.post(deposit_legs(fact.account, fact.currency, fact.cash))
        state = self._accounts[fact.account] = AccountState(
            fact.account,
            fact.currency,
            fact.cash,
            opened_seq=fact.seq,
            opened_ns=self._now(fact),
            curve=Curve(bound=self._curve_cells_max),
            history_max=self._history_max,
        )
        state.curve.add(state.opened_ns, fact.cash)

    def _on_accepted(self, fact: OrderAccepted) -> None:
        bid, ask = fact.bid, fact.ask
        if bid and ask:
            self._arrivals[fact.order_id] = bid + ask
        else:
            index = self._index.get(fact.symbol)
            price = bid or ask or (self._marks[index] if index is not None else 0)
            if price:
                self._arrivals[fact.order_id] = 2 * price

    def _on_replaced(self, fact: OrderReplaced) -> None:
        if not fact.leaves_quantity:
            self._arrivals.pop(fact.order_id, None)

    def _on_ended(self, fact: OrderCanceled | OrderExpired) -> None:
        self._arrivals.pop(fact.order_id, None)

    def _on_fill(self, fact: Fill) -> None:
        account = self._accounts.get(fact.account)
        index = self._index.get(fact.symbol)
        px, quantity, fee = fact.last_px, fact.last_qty, fact.fee
        if account is None or index is None or quantity <= 0:
            raise PortfolioError(
                f"fact {fact.seq}: {quantity} lots of {fact.symbol!r} for {fact.account!r} do not fit the room; "
                "fold its facts from the first one on"
            )
        now = self._now(fact)
        holding = account.holdings.get(index)
        if holding is None:
            holding = account.holdings[index] = Holding(account, index, self.instruments[index])
        if index in self._unmarked:
            for other in self._move(((index, px),)):
                if other is not account:
                    other.observe(now)
        side = 1 if fact.side is _BUY else -1
        lots = side * quantity
        notional = px * lots * holding.tick_value
        self.ledger.post(holding.keys.legs(lots, notional, fee))
        queue = holding.lots
        for trip in queue.trade(now, fact.order_id, side=side, px=px, quantity=quantity, fee=fee):
            account.sums.add(trip)
            account.trips.append(trip)
        if queue.quantity:
            self._holders[index][fact.account] = holding
        else:
            self._holders[index].pop(fact.account, None)
        account.cash -= notional + fee
        account.nav += (self._marks[index] - px) * lots * holding.tick_value - fee
        account.fees += fee
        holding.fees += fee
        account.traded_notional += abs(notional)
        account.fill_count += 1
        account.fills.append(fact)
        arrival = self._arrivals.get(fact.order_id)
        if arrival is not None:
            account.slippage += (2 * px - arrival) * lots * holding.tick_value
            account.slippage_base += arrival * quantity * holding.tick_value
            if not fact.leaves_quantity:
                del self._arrivals[fact.order_id]
        account.observe(now)
        self._clock.add(now, 0)

    def _on_marked(self, fact: Marked) -> None:
        instruments = len(self._marks)
        for index, _ in fact.marks:
            if not 0 <= index < instruments:
                raise PortfolioError(f"fact {fact.seq}: mark of instrument {index}, but the room has {instruments}")
        if self._unmarked:
            self._unmarked.difference_update(index for index, _ in fact.marks)
        now = self._now(fact)
        for account in self._move(fact.marks):
            account.observe(now)
        self._clock.add(now, 0)

    def _move(self, marks: Iterable[tuple[int, int]]) -> list[AccountState]:
        """Set marks, move the value of each holder by what they changed, and tell whose value moved."""
        touched: list[AccountState] = []
        for index, ticks in marks:
            change = ticks - self._marks[index]
            if change:
                self._marks[index] = ticks
                holders = self._holders[index]
                if holders:
                    change *= self._tick_values[index]
                    for holding in holders.values():
                        account = holding.account
                        account.nav += holding.lots.quantity * change
                        if not account.touched:
                            account.touched = True
                            touched.append(account)
        for account in touched:
            account.touched = False
        return touched

    # --- questions -----------------------------------------------------------------------------------------------

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The room's instruments, in the order in which marks number them."""
        return self._room.instruments if self._room else ()

    @property
    def accounts(self) -> tuple[str, ...]:
        """Names of the accounts, in the order in which they opened."""
        return tuple(self._accounts)

    def state(self, account: str) -> AccountState:
        """The account's running state, to read; for the projections that need more than the views.

        Raises
        ------
        PortfolioError
            If there is no such account.
        """
        try:
            return self._accounts[account]
        except KeyError:
            known = ", ".join(list(self._accounts)[:6]) or "none yet"
            raise PortfolioError(f"account {account!r} is not in this room; accounts: {known}") from None

    def mark(self, symbol: str) -> int:
        """Present price of an instrument in ticks; 0 where nothing was ever priced."""
        index = self._index.get(symbol)
        if index is None:
            raise PortfolioError(f"symbol {symbol!r} is not in this room; symbols: {', '.join(self._index) or 'none'}")
        return self._marks[index]

    def account(self, account: str) -> AccountView:
        """Money, profit, exposure and drawdown of an account."""
        return account_view(self.state(account), self._marks)

    def positions(self, account: str, *, include_flat: bool = False) -> list[PositionView]:
        """What the account holds, in the order of first dealing; with ``include_flat`` also what it held."""
        holdings = self.state(account).holdings.values()
        return [position_view(h, self._marks) for h in holdings if include_flat or h.lots.quantity]

    def exposure(self, account: str, *, by: Grouping = "instrument") -> list[ExposureView]:
        """Exposure of an account by ``"instrument"``, ``"sector"`` or ``"asset_class"``, the largest first."""
        return exposures(self.state(account), self._marks, by)

    def fills(self, account: str) -> list[Fill]:
        """The account's newest fills, at most ``history_max``."""
        return list(self.state(account).fills)

    def round_trips(self, account: str) -> list[RoundTrip]:
        """Matched entries and exits by the time of their exit; the newest, at most ``history_max`` finished ones."""
        return self.state(account).round_trips()

    def equity_curve(self, account: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Times (ns) and net asset values (micro-units) as far as the bounded curve keeps them."""
        return self.state(account).curve.points()

    def statistics(self, account: str, *, periods_per_year: float | None = None) -> Statistics:
        """Every statistic of an account, see :func:`vtrade.portfolio.analytics.account_statistics`."""
        return account_statistics(self.state(account), self._clock, self.instruments, periods_per_year=periods_per_year)

    def ledger_entries(self, account: str) -> Iterator[LedgerEntry]:
        """What was posted for an account: its deposit, then a posting per fill that is still kept."""
        state = self.state(account)
        legs = deposit_legs(state.name, state.currency, state.deposits)
        yield LedgerEntry(state.opened_seq, state.opened_ns, "deposit", account, legs)
        for fill in state.fills:
            holding = state.holdings[self._index[fill.symbol]]
            lots = fill.last_qty if fill.side is _BUY else -fill.last_qty
            legs = holding.keys.legs(lots, fill.last_px * lots * holding.tick_value, fill.fee)
            yield LedgerEntry(fill.seq, fill.ts_ns, "fill", account, legs)

    def check(self) -> None:
        """Make sure that nothing was made or lost: ledger, cash, lots and values agree to the micro-unit.

        Raises
        ------
        PortfolioError
            Naming the account and the number that differs.
        """
        self.ledger.check()
        for state in self._accounts.values():
            check_account(state, self._marks)
            currencies = {state.currency, *(h.instrument.currency for h in state.holdings.values())}
            posted = sum(self.ledger.balance(("cash", state.name), currency) for currency in currencies)
            if posted != state.cash:
                raise PortfolioError(f"account {state.name!r} has {state.cash} in cash, but the ledger says {posted}")
            for holding in state.holdings.values():
                symbol = holding.instrument.symbol
                shares = self.ledger.balance(("shares", state.name, symbol), symbol)
                if shares != holding.lots.quantity:
                    raise PortfolioError(
                        f"account {state.name!r} holds {holding.lots.quantity} {symbol}, but the ledger says {shares}"
                    )

    # --- the state as bytes --------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """The whole state in canonical MessagePack: equal states give equal bytes."""
        return snapshot.encode(
            snapshot.Snapshot(
                seq=self.seq,
                ts_ns=self.ts_ns,
                curve_cells_max=self._curve_cells_max,
                history_max=self._history_max,
                room=self._room,
                marks=self._marks,
                unmarked=sorted(self._unmarked),
                arrivals=sorted(self._arrivals.items()),
                clock=self._clock.dump(),
                ledger=self.ledger.balances(),
                accounts=[snapshot.dump_account(state) for state in self._accounts.values()],
                holders=[list(holders) for holders in self._holders],
            )
        )

    @classmethod
    def restore(cls, data: bytes) -> Self:
        """The engine that :meth:`snapshot` described.

        Raises
        ------
        PortfolioError
            If the bytes are none of this version.
        """
        saved = snapshot.decode(data)
        engine = cls(curve_cells_max=saved.curve_cells_max, history_max=saved.history_max)
        engine.seq, engine.ts_ns = saved.seq, saved.ts_ns
        if saved.room is not None:
            engine._set_room(saved.room)
        engine._marks = list(saved.marks)
        engine._unmarked = set(saved.unmarked)
        engine._arrivals = dict(saved.arrivals)
        engine._clock = Curve.load(saved.clock)
        engine.ledger.load(saved.ledger)
        for account in saved.accounts:
            state = snapshot.load_account(account, engine.instruments, engine._marks, history_max=saved.history_max)
            engine._accounts[state.name] = state
        for index, names in enumerate(saved.holders):
            engine._holders[index] = {name: engine._accounts[name].holdings[index] for name in names}
        return engine

    def state_hash(self) -> bytes:
        """SHA-256 of :meth:`snapshot`."""
        return hashlib.sha256(self.snapshot()).digest()
