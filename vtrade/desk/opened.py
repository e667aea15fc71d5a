"""What does a journal tell, without trading on it?

Rules: read-only; no lock is taken, so a journal in use may be read, as far as it is written. Only recorded facts are
folded, nothing is recomputed: :func:`vtrade.verify` does that. Each record must fit the chain, so a journal that was
changed is refused and the record named. Tables are those of a desk; without ``account`` they hold all accounts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from vtrade.desk.context import around
from vtrade.desk.frames import ORDER_COLUMNS, order_row
from vtrade.domain import display
from vtrade.domain.actions import ActionKind
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import (
    ActionApplied,
    CancelRejected,
    Fact,
    MarketFrame,
    NewsPublished,
    OrderDenied,
    OrderRejected,
    ReplaceRejected,
    RoomOpened,
    decode_facts,
    decode_inbound,
)
from vtrade.domain.values import from_micros
from vtrade.errors import DeskError, JournalCorrupt, JournalError
from vtrade.execution.blotter import Blotter, Record
from vtrade.execution.explain import PARTS, Explanation, costs, explain, reason_text, slippage_bps
from vtrade.execution.whatif import arrival_context
from vtrade.market.calendars import calendar_zone
from vtrade.market.candles import Candles
from vtrade.market.dtype import EVENT, Kind
from vtrade.portfolio import frames as money
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.portfolio.valuation import Grouping
from vtrade.ports import Log
from vtrade.services.fold import GENESIS, link
from vtrade.services.prints import has_requests, prints_told
from vtrade.services.replay import ACCOUNT_COLUMNS, account_row

if TYPE_CHECKING:
    import pandas as pd

NAMES_SHOWN: Final = 6
ACCOUNTS_SHOWN: Final = 20
HISTORY_MAX: Final = 10_000_000
"""Fills and round trips of an account that are kept: a report shows all of them."""

REFUSALS: Final = {
    "time": "str", "account": "str", "client_order_id": "str", "what": "str", "symbol": "str", "side": "str",
    "quantity": "float64", "reason": "str", "detail": "str",
}  # fmt: skip
COSTS: Final = {
    "account": "str", "order_id": "Int64", "client_order_id": "str", "symbol": "str", "side": "str",
    "filled": "float64", "avg_px": "float64", **dict.fromkeys((*PARTS, "total", "slippage_bps"), "float64"),
}  # fmt: skip

_REFUSED: Final = {OrderRejected: "order", CancelRejected: "cancel", ReplaceRejected: "replace", OrderDenied: "order"}


class JournalView:
    """A journal as tables. Made by ``vtrade.load_journal(path)``.

    Attributes
    ----------
    path : str
    room, tape, forked_from : str
        What the room is called, the name of its tape, and what it branched off from (empty for an original).
    instruments : tuple of Instrument
    records : int
        Records read.
    news : list of NewsPublished

    Examples
    --------
    >>> import tempfile, vtrade as vt
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     desk = vt.Desk(vt.synthetic(7, symbols=["ACME"], minutes=1), journal=f"{folder}/mine.vtrade")
    ...     order = desk.buy("ACME", 100)
    ...     desk.close_desk()
    ...     view = vt.load_journal(f"{folder}/mine.vtrade")
    >>> view.accounts, len(view.fills())
    (('you',), 1)
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.room = ""
        self.tape = ""
        self.forked_from = ""
        self.instruments: tuple[Instrument, ...] = ()
        self.records = 0
        self.news: list[NewsPublished] = []
        self._portfolio = PortfolioEngine(history_max=HISTORY_MAX)
        self._blotter = Blotter()
        self._candles = Candles(0)
        self._requests = self._bars = False
        self._timezone = "America/New_York"

    def _take(self, message: Any, facts: list[Fact]) -> None:
        """Fold one record."""
        for fact in facts:
            match fact:
                case RoomOpened():
                    self.room, self.tape, self.forked_from = fact.room, fact.tape, fact.forked_from
                    self.instruments = fact.instruments
                    self._candles = Candles(len(fact.instruments))
                    if fact.instruments:
                        self._timezone = calendar_zone(fact.instruments[0].calendar)
                case NewsPublished():
                    self.news.append(fact)
                case ActionApplied(kind=ActionKind.RENAME):
                    self.instruments = tuple(
                        msgspec.structs.replace(i, symbol=fact.new_symbol) if i.symbol == fact.symbol else i
                        for i in self.instruments
                    )
                case _:
                    pass
        if isinstance(message, MarketFrame):
            events = np.frombuffer(message.events, dtype=EVENT)
            self._requests = self._requests or has_requests(events)
            self._bars = self._bars or bool((events["kind"] == Kind.BAR_OPEN).any())
            self._candles.update(prints_told(facts, self.symbols) if self._requests else events)
        self._blotter.apply(facts)
        self._portfolio.apply_all(facts)
        self.records += 1

    # --- who and what ------------------------------------------------------------------------------------------------

    @property
    def accounts(self) -> tuple[str, ...]:
        """Names of the accounts, in the order in which they opened; empty where nobody traded."""
        return self._portfolio.accounts

    @property
    def symbols(self) -> list[str]:
        """Symbols of the instruments."""
        return [i.symbol for i in self.instruments]

    @property
    def now(self) -> str:
        """Time of the last record as text."""
        return self._time(self._portfolio.ts_ns)

    def currency(self, account: str | None = None) -> str:
        """Money of an account, or of the first one; empty where there is none."""
        name = account or next(iter(self.accounts), None)
        return self._portfolio.account(name).currency if name else ""

    def _time(self, ts_ns: int) -> str:
        return money.format_ts(ts_ns, timezone=self._timezone)

    def _records(self, account: str | None) -> Iterator[Record]:
        if account is not None:
            self._portfolio.account(account)  # an unknown name is an error, not an empty table
        for record in self._blotter.records.values():
            if account is None or record.account == account:
                yield record

    # --- tables ------------------------------------------------------------------------------------------------------

    def account_table(self, account: str | None = None) -> pd.DataFrame:
        """Money, profit, exposure and drawdown: the very text that ``vtrade replay`` writes into ``account.csv``.

        Returns
        -------
        DataFrame
            One row an account; every value as text, exact, empty where it is undefined.
        """
        import pandas as pd

        names = self.accounts if account is None else (account,)
        rows = [[str(value) for value in account_row(self._portfolio.account(name))] for name in names]
        return pd.DataFrame(rows, columns=list(ACCOUNT_COLUMNS), dtype="str")

    def orders(self, account: str | None = None) -> pd.DataFrame:
        """Orders, oldest first."""
        import pandas as pd

        rows = [
            (r.account, *order_row(r, show_time=self._time, reason=reason_text(r), stop=r.stop_price))
            for r in self._records(account)
        ]
        columns = {"account": "str", **ORDER_COLUMNS}
        return pd.DataFrame(rows, columns=list(columns)).astype(columns)

    def refusals(self, account: str | None = None) -> pd.DataFrame:
        """Orders that were denied or rejected, and cancels and replaces that were refused, with the reason."""
        import pandas as pd

        found = sorted(
            ((fact, r) for r in self._records(account) for fact in r.facts if type(fact) in _REFUSED),
            key=lambda pair: pair[0].seq,
        )
        rows = [
            (
                self._time(fact.ts_ns), r.account, r.client_order_id, _REFUSED[type(fact)],
                getattr(fact, "symbol", r.symbol), getattr(fact, "side", r.side).name.lower(),
                _asked(fact, r), str(getattr(fact, "reason", "")), getattr(fact, "detail", ""),
            )
            for fact, r in found
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(REFUSALS)).astype(REFUSALS)

    def costs(self, account: str | None = None) -> pd.DataFrame:
        """What each order that filled cost, part by part; NaN where there was no price on arrival."""
        import pandas as pd

        rows = []
        for r in self._records(account):
            if r.filled:
                parts = costs(r)
                values = [from_micros(parts[name]) if parts else float("nan") for name in (*PARTS, "total")]
                if not parts:
                    values[PARTS.index("fees")] = from_micros(r.fees)
                rows.append(
                    (r.account, r.order_id, r.client_order_id, r.symbol, r.side.name.lower(), r.filled_units, r.avg_px,
                     *values, slippage_bps(r))
                )  # fmt: skip
        return pd.DataFrame(rows, columns=list(COSTS)).astype(COSTS)

    def explain(self, account: str, order: int | str) -> Explanation:
        """Why an order filled, waited or failed, and what it cost.

        Raises
        ------
        DeskError
            If the account has no such order.
        """
        record = self._blotter.find(account, order)
        if record is None:
            raise DeskError(f"account {account!r} has no order {order!r} in {self.path}; orders() lists them")
        symbols = self.symbols
        market = None
        if record.symbol in symbols:
            market = arrival_context(
                record, **around(record, self._candles, symbols.index(record.symbol), bars=self._bars)
            )
        return explain(record, show_time=self._time, market=market)

    def fills(self, account: str | None = None) -> pd.DataFrame:
        """Fills, oldest first."""
        return money.fills(self._portfolio, account, timezone=self._timezone)

    def positions(self, account: str | None = None) -> pd.DataFrame:
        """Positions that are open at the end."""
        return money.positions(self._portfolio, account)

    def round_trips(self, account: str | None = None) -> pd.DataFrame:
        """Round trips: entries matched with exits, first in, first out."""
        return money.round_trips(self._portfolio, account, timezone=self._timezone)

    def equity_curve(self, account: str | None = None) -> pd.DataFrame:
        """NAV and drawdown over time."""
        return money.equity_curve(self._portfolio, account, timezone=self._timezone)

    def exposure(self, account: str | None = None, *, by: Grouping = "instrument") -> pd.DataFrame:
        """Market value at the end by ``"instrument"``, ``"sector"`` or ``"asset_class"``."""
        return money.exposure(self._portfolio, account, by=by)

    def statistics(self, account: str | None = None, *, periods_per_year: float | None = None) -> pd.DataFrame:
        """Return, risk, costs and hit rate; one row an account."""
        return money.statistics(self._portfolio, account, periods_per_year=periods_per_year)

    def bars(self, symbol: str, seconds: int = 60) -> pd.DataFrame:
        """Candles of the prints.

        Raises
        ------
        DeskError
            If the symbol is not in this room.
        """
        import pandas as pd

        if symbol not in self.symbols:
            raise DeskError(f"{symbol!r} is not in {self.path}; it has {', '.join(self.symbols) or 'nothing'}")
        k = self.symbols.index(symbol)
        instrument = self.instruments[k]
        rows = [
            (self._time(t * 1_000_000_000)[:-4], *(instrument.price(p) for p in ohlc), instrument.quantity(volume))
            for t, *ohlc, volume in self._candles.of(k, seconds=seconds)
        ]
        table = pd.DataFrame(rows, columns=["time", "open", "high", "low", "close", "volume"])
        return table.astype({"time": "str", **dict.fromkeys(table.columns[1:], "float64")}).set_index("time")

    def __repr__(self) -> str:
        who = ", ".join(self.accounts[:NAMES_SHOWN]) or "none"
        more = f" and {len(self.accounts) - NAMES_SHOWN:,} more" if len(self.accounts) > NAMES_SHOWN else ""
        return display.called("JournalView", repr(self.path), f"{self.records:,} records", f"accounts {who}{more}")

    def _repr_html_(self) -> str:
        views = [self._portfolio.account(name) for name in self.accounts[:ACCOUNTS_SHOWN]]
        rows = [
            (v.account, display.number(from_micros(v.nav)),
             display.number(from_micros(v.nav - v.deposits), signed=True), display.number(from_micros(v.fees)),
             f"{v.fills:,}", v.currency)
            for v in views
        ]  # fmt: skip
        symbols = ", ".join(self.symbols[:NAMES_SHOWN]) + (", ..." if len(self.symbols) > NAMES_SHOWN else "")
        told = {
            "room": self.room, "tape": self.tape, "branch of": self.forked_from, "instruments": symbols,
            "records": f"{self.records:,}", "until": self.now if self.records else "",
            "headlines": f"{len(self.news):,}" if self.news else "",
        }  # fmt: skip
        left = len(self.accounts) - len(rows)
        heads = ("Account", "NAV", "P&L", "Fees", "Fills", "Currency")
        accounts = display.Table(
            heads, rows, "Accounts", frozenset((0, 5)), f"and {left:,} more: see account_table()" if left > 0 else ""
        )
        return display.html([display.facts(told, title=f"Journal {self.path}"), *([accounts] if rows else [])])


def _asked(fact: Any, record: Record) -> float:
    """Units a refused order asked for; those of the order itself for a cancel or a replace."""
    if isinstance(fact, OrderDenied):
        return from_micros(fact.quantity)
    return record.quantity_units


def read_journal(log: Log, *, path: str) -> JournalView:
    """Fold a log from its first record.

    Raises
    ------
    JournalCorrupt
        If a record is missing, was changed or cannot be read; it is named.
    JournalError
        If there is nothing in it.
    """
    view = JournalView(path)
    seq, chain = 0, GENESIS
    for entry in log.read():
        if entry.seq != seq + 1:
            raise JournalCorrupt(f"{path}: record {seq + 1} is missing: the next one found is {entry.seq}", seq=seq + 1)
        if link(chain, entry.message, entry.facts) != entry.chain:
            raise JournalCorrupt(
                f"{path}: record {entry.seq} was changed: its chain value does not fit; "
                "`vtrade verify` tells the details",
                seq=entry.seq,
            )
        try:
            message, facts = decode_inbound(entry.message), decode_facts(entry.facts)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise JournalCorrupt(f"{path}: record {entry.seq} cannot be read ({error})", seq=entry.seq) from None
        view._take(message, facts)
        seq, chain = entry.seq, entry.chain
    if not seq:
        raise JournalError(f"{path} is empty: nothing was recorded in it")
    return view
