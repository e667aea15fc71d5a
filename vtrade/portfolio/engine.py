"""What does each participant own, what is it worth, and how did it get there?

Rules: a pure fold over facts: no clock, no I/O, no randomness; the same facts give the same bytes. Money is exact.
Facts that concern no money are ignored; a fact that contradicts what came before (a fill for an account that never
opened) raises and changes nothing. How fills and marks move the books stands in :mod:`vtrade.portfolio.books`, how
corporate actions and money without a fill do in :mod:`vtrade.portfolio.corporate`, how currencies are added in
:mod:`vtrade.portfolio.purses`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import (
    AccountOpened,
    ActionApplied,
    CashMoved,
    Fact,
    Fill,
    Marked,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderReplaced,
    PositionAdjusted,
    RoomClosed,
    RoomOpened,
)
from vtrade.domain.orders import Side
from vtrade.portfolio import corporate, snapshot
from vtrade.portfolio.accounts import HISTORY_MAX, AccountState
from vtrade.portfolio.analytics import Statistics, account_statistics
from vtrade.portfolio.books import SEATS_FROM, Books
from vtrade.portfolio.curve import CURVE_CELLS_MAX
from vtrade.portfolio.ledger import Ledger, LedgerEntry, PortfolioError, deposit_legs
from vtrade.portfolio.lots import RoundTrip
from vtrade.portfolio.purses import Movement
from vtrade.portfolio.valuation import Grouping, account_view, check_account, check_ledger, exposures, position_view
from vtrade.portfolio.views import AccountView, ExposureView, PositionView

_ENDS: Final = (Marked, RoomClosed)
"""Facts before which the money for a change has come, if it comes at all."""


class PortfolioEngine:
    """Money, positions and performance of every account in a room.

    Parameters
    ----------
    curve_cells_max : int
        Bound of each equity curve, see :mod:`vtrade.portfolio.curve`.
    history_max : int
        Fills, and finished round trips, kept per account.
    seats_from : int
        Accounts from which on their values stand in arrays and a compiled kernel moves them; equal numbers.

    Examples
    --------
    >>> from vtrade.domain.messages import AccountOpened, Marked, RoomOpened
    >>> engine = PortfolioEngine()
    >>> engine.apply(RoomOpened(1, 0, "room", (Instrument.make("ACME"),)))
    >>> engine.apply(AccountOpened(2, 0, "ana", 1_000_000_000, "USD"))
    >>> engine.account("ana").nav
    1000000000
    """

    def __init__(
        self,
        *,
        curve_cells_max: int = CURVE_CELLS_MAX,
        history_max: int = HISTORY_MAX,
        seats_from: int = SEATS_FROM,
    ) -> None:
        self._take(Books(curve_cells_max=curve_cells_max, history_max=history_max, seats_from=seats_from))

    def _take(self, books: Books) -> None:
        """Fold into these books from now on."""
        self._books = books
        self._handlers: dict[type, Callable[[Any], None]] = {
            RoomOpened: books.on_room,
            AccountOpened: books.on_account,
            OrderAccepted: books.on_accepted,
            OrderReplaced: books.on_replaced,
            OrderCanceled: books.on_ended,
            OrderExpired: books.on_ended,
            Fill: books.on_fill,
            Marked: books.on_marked,
            ActionApplied: partial(corporate.on_action, books),
            PositionAdjusted: partial(corporate.on_position, books),
            CashMoved: partial(corporate.on_cash, books),
            RoomClosed: books.on_closed,
        }

    # --- the fold ------------------------------------------------------------------------------------------------

    def apply(self, fact: Fact) -> None:
        """Fold one fact; one that was folded before, by its ``seq``, is ignored, so late copies do no harm.

        Raises
        ------
        PortfolioError
            If it contradicts the facts before it; nothing has changed then.
        """
        books = self._books
        if fact.seq <= books.seq:
            return
        handler = self._handlers.get(type(fact))
        if handler is not None:
            handler(fact)
        if books.waiting and isinstance(fact, _ENDS):
            corporate.end_waiting(books, fact)
        books.seq = fact.seq
        if fact.ts_ns > books.ts_ns:
            books.ts_ns = fact.ts_ns

    def apply_all(self, facts: Iterable[Fact]) -> None:
        """Fold facts, in order."""
        for fact in facts:
            self.apply(fact)

    # --- questions -----------------------------------------------------------------------------------------------

    @property
    def seq(self) -> int:
        """``seq`` of the newest fact."""
        return self._books.seq

    @property
    def ts_ns(self) -> int:
        """Time of the newest fact."""
        return self._books.ts_ns

    @property
    def ledger(self) -> Ledger:
        """Where every micro-unit and lot went."""
        return self._books.ledger

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The room's instruments, in the order in which marks number them; under their present symbols."""
        return self._books.instruments

    @property
    def accounts(self) -> tuple[str, ...]:
        """Names of the accounts, in the order in which they opened."""
        return tuple(self._books.accounts)

    @property
    def rates(self) -> dict[str, int]:
        """Micro-units of the room's first currency for one unit of each currency that was given a rate."""
        return dict(self._books.rates)

    def state(self, account: str) -> AccountState:
        """The account's running state, to read; for the projections that need more than the views.

        Raises
        ------
        PortfolioError
            If there is no such account.
        """
        try:
            return self._books.accounts[account]
        except KeyError:
            known = ", ".join(self.accounts[:6]) or "none yet"
            raise PortfolioError(f"account {account!r} is not in this room; accounts: {known}") from None

    def mark(self, symbol: str) -> int:
        """Present price of an instrument in ticks; 0 where nothing was ever priced."""
        known = self._books.index
        if symbol not in known:
            raise PortfolioError(f"symbol {symbol!r} is not in this room; symbols: {', '.join(known) or 'none'}")
        return self._books.marks[known[symbol]]

    def account(self, account: str) -> AccountView:
        """Money, profit, exposure and drawdown of an account."""
        return account_view(self.state(account), self._books.marks)

    def positions(self, account: str, *, include_flat: bool = False) -> list[PositionView]:
        """What the account holds, in the order of first dealing; with ``include_flat`` also what it held."""
        holdings = self.state(account).holdings.values()
        return [position_view(h, self._books.marks) for h in holdings if include_flat or h.lots.quantity]

    def exposure(self, account: str, *, by: Grouping = "instrument") -> list[ExposureView]:
        """Exposure of an account by ``"instrument"``, ``"sector"`` or ``"asset_class"``, the largest first."""
        return exposures(self.state(account), self._books.marks, by)

    def navs(self) -> dict[str, int]:
        """Net asset value of every account at once, micro-units of its currency, in the order in which they opened."""
        return self._books.navs()

    def changed(self) -> list[str]:
        """Accounts whose views may differ from those of the last time this was asked; all, after a restore.

        A mark changes the views of who holds the instrument, a fill those of its account; what was sold before and is
        told by :meth:`positions` with ``include_flat`` only does not count.

        Examples
        --------
        >>> from vtrade.domain.messages import AccountOpened
        >>> engine = PortfolioEngine()
        >>> engine.apply(AccountOpened(1, 0, "ana", 5, "USD"))
        >>> engine.changed(), engine.changed()
        (['ana'], [])
        """
        return self._books.changed()

    def fills(self, account: str) -> list[Fill]:
        """The account's newest fills, at most ``history_max``; of a renamed instrument under its present symbol."""
        return list(self.state(account).fills)

    def movements(self, account: str) -> list[Movement]:
        """Money and lots that moved without a fill, the newest, at most ``history_max``."""
        return list(self.state(account).movements)

    def round_trips(self, account: str) -> list[RoundTrip]:
        """Matched entries and exits by the time of their exit; the newest, at most ``history_max`` finished ones."""
        return self.state(account).round_trips()

    def equity_curve(self, account: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Times (ns) and net asset values (micro-units) as far as the bounded curve keeps them."""
        return self.state(account).curve.points()

    def statistics(self, account: str, *, periods_per_year: float | None = None) -> Statistics:
        """Every statistic of an account, see :func:`vtrade.portfolio.analytics.account_statistics`."""
        state = self.state(account)
        return account_statistics(state, self._books.clock, self.instruments, periods_per_year=periods_per_year)

    def ledger_entries(self, account: str) -> Iterator[LedgerEntry]:
        """What was posted for an account: its deposit, then a posting per fill and movement that is still kept."""
        state, index = self.state(account), self._books.index
        legs = deposit_legs(state.name, state.currency, state.opening)
        yield LedgerEntry(state.opened_seq, state.opened_ns, "deposit", account, legs)
        entries: list[LedgerEntry] = []
        for fill in state.fills:
            holding = state.holdings[index[fill.symbol]]
            lots = fill.last_qty if fill.side is Side.BUY else -fill.last_qty
            legs = holding.keys.legs(lots, fill.last_px * lots * holding.tick_value, fill.fee)
            entries.append(LedgerEntry(fill.seq, fill.ts_ns, "fill", account, legs))
        for moved in state.movements:
            legs = corporate.movement_legs(state, moved, state.holdings.get(index.get(moved.symbol, -1)))
            entries.append(LedgerEntry(moved.seq, moved.ts_ns, moved.cause, account, legs))
        yield from sorted(entries, key=lambda entry: entry.seq)

    def check(self) -> None:
        """Make sure that nothing was made or lost: ledger, cash, lots, totals and values agree to the micro-unit.

        Raises
        ------
        PortfolioError
            Naming the account and the number that differs.
        """
        books = self._books
        books.ledger.check()
        for state in books.accounts.values():
            check_account(state, books.marks, books.rates, books.ledger)
        check_ledger(books.accounts.values(), books.ledger)

    # --- the state as bytes --------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """The whole state in canonical MessagePack: equal states give equal bytes."""
        return snapshot.encode(snapshot.dump(self._books))

    def snapshot_of(self, account: str) -> bytes:
        """A snapshot as if the account were alone in the room, with no trace of another one.

        :meth:`restore` makes an engine of it that goes on with the account's own facts and those that name no account,
        see :mod:`vtrade.portfolio.alone`.

        Raises
        ------
        PortfolioError
            If there is no such account.
        """
        return snapshot.encode(snapshot.dump(self._books, only=self.state(account).name))

    @classmethod
    def restore(cls, data: bytes, *, seats_from: int = SEATS_FROM) -> Self:
        """The engine that :meth:`snapshot` or :meth:`snapshot_of` described.

        Raises
        ------
        PortfolioError
            If the bytes are none of this version.
        """
        engine = cls()
        engine._take(snapshot.load(snapshot.decode(data), seats_from=seats_from))
        return engine

    def state_hash(self) -> bytes:
        """SHA-256 of :meth:`snapshot`."""
        return hashlib.sha256(self.snapshot()).digest()
