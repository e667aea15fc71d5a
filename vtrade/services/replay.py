"""What do these orders do in this market? Tape and order file in, journal and three tables out.

Rules: an order sees every event up to and including its own ``ts_ns``; an account opens with its first row. The journal
grows in commits of many messages, so an interrupted replay keeps all that was committed; the tables are written when
everything is done, each whole or not at all. Nothing that is there already is replaced, unless the caller says so. The
same tape and orders give the same journal, tables and state hash.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from vtrade.domain.accounts import RiskLimits
from vtrade.domain.messages import (
    CancelRejected,
    Fact,
    Fill,
    Inbound,
    MarketFrame,
    OpenAccount,
    OpenRoom,
    OrderAccepted,
    OrderDenied,
    OrderRejected,
    OrderSubmitted,
    ReplaceRejected,
)
from vtrade.domain.orders import TERMINAL, Reason
from vtrade.domain.rules import RoomRules
from vtrade.domain.values import NS_PER_S, Number, divide, from_micros, plain_micros, to_micros
from vtrade.errors import JournalError, JournalInUse, VTradeError
from vtrade.execution.blotter import Blotter, Record
from vtrade.execution.engine import Engine
from vtrade.market.dtype import EVENT
from vtrade.market.tape import Tape
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.portfolio.views import AccountView
from vtrade.ports import Log
from vtrade.services.feed import TapeFeed
from vtrade.services.orderfile import OrderMessage
from vtrade.services.orderflags import flags_text
from vtrade.services.rules import rules_for
from vtrade.services.runtime import Runtime

JOURNAL: Final = "journal.vtrade"
TABLES: Final = ("fills.csv", "orders.csv", "account.csv")

FILL_COLUMNS: Final = (
    "seq", "ts_ns", "account", "client_order_id", "order_id", "symbol", "side", "price", "quantity", "fee", "liquidity",
    "leaves_quantity",
)  # fmt: skip
ORDER_COLUMNS: Final = (
    "ts_ns", "account", "client_order_id", "order_id", "symbol", "side", "type", "quantity", "limit_price",
    "stop_price", "time_in_force", "flags", "status", "filled_quantity", "avg_px", "fees", "reason", "detail",
)  # fmt: skip
ACCOUNT_COLUMNS: Final = (
    "account", "currency", "deposits", "cash", "market_value", "nav", "realized_pnl", "unrealized_pnl", "fees",
    "slippage_bps", "gross_exposure", "net_exposure", "high_water_mark", "drawdown", "max_drawdown", "traded_notional",
    "turnover", "total_return", "fills", "round_trips",
)  # fmt: skip

COMMIT_MESSAGES: Final = 1_024
"""Most messages in one commit: nobody waits for the answer to one of them."""
COMMIT_BYTES: Final = 4 * 2**20
"""A commit also ends when its market data has so many bytes."""

Progress = Callable[[int, int], None]
"""Called with how many events and orders are done, and how many there are."""


class ReplayError(VTradeError):
    """The results of a replay have no place to go."""


class ReplayInterrupted(KeyboardInterrupt):
    """Somebody stopped a replay; the message says how far it got and what is kept."""


@dataclass(frozen=True)
class ReplayResult:
    """What a replay did.

    Attributes
    ----------
    tape : str
    out, journal : Path
    state_hash : str
        Of the engine after the last message.
    records, events, orders, fills : int
        Records in the journal, market events, rows of ``orders.csv`` and of ``fills.csv``.
    statuses : dict of str to int
        How many orders ended in each status.
    refused_changes : int
        Cancels and replaces that were refused.
    accounts : tuple of AccountView
    rules : RoomRules
    """

    tape: str
    out: Path
    journal: Path
    state_hash: str
    records: int
    events: int
    orders: int
    fills: int
    statuses: dict[str, int]
    refused_changes: int
    accounts: tuple[AccountView, ...]
    rules: RoomRules

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values for JSON: money in units, ``None`` for what is undefined."""
        return {
            "tape": self.tape,
            "out": str(self.out),
            "journal": str(self.journal),
            **{name.removesuffix(".csv") + "_csv": str(self.out / name) for name in TABLES},
            "state_hash": self.state_hash,
            "records": self.records,
            "events": self.events,
            "orders": self.orders,
            "fills": self.fills,
            "statuses": self.statuses,
            "refused_changes": self.refused_changes,
            "rules": msgspec.to_builtins(self.rules),
            "accounts": [
                {name: _plain(name, getattr(view, name)) for name in ACCOUNT_COLUMNS} for view in self.accounts
            ],
        }


def replay(
    tape: Tape,
    orders: Iterable[OrderMessage] = (),
    *,
    out: str | Path,
    open_log: Callable[[Path], Log],
    cash: Number = 1_000_000,
    limits: RiskLimits | None = None,
    rules: RoomRules | None = None,
    tape_name: str = "",
    overwrite: bool = False,
    inputs: Sequence[Path] = (),
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> ReplayResult:
    """Send orders into a recorded or made market and write down what happened.

    Parameters
    ----------
    tape : Tape
    orders : iterable of SubmitOrder, CancelOrder and ReplaceOrder
        Sorted by time here; those of the same moment keep their order.
    out : str or Path
        Folder for ``fills.csv``, ``orders.csv``, ``account.csv`` and ``journal.vtrade``; made where it is missing.
    open_log : callable
        Opens the journal at a path.
    cash : int, float, str or Decimal
        What each account begins with, in whole units of money, not negative.
    limits : RiskLimits, optional
        Of each account; those of :class:`~vtrade.domain.accounts.RiskLimits` by default.
    rules : RoomRules, optional
        Of the venue; those that the tape asks for by default (:func:`vtrade.services.rules.rules_for`).
    tape_name : str
        How the journal names the tape, so that a desk can find it again; ``tape.name`` by default. It is part of the
        state, so without folders in it the same market gives the same hash wherever its file lies.
    overwrite : bool
        Whether results of an earlier replay in ``out`` may go.
    inputs : sequence of Path
        Files that were read for this replay and must stay.
    progress : callable, optional
        Called after each commit with events and orders done, and in all.
    stop : callable, optional
        Asked after each commit whether to stop.

    Returns
    -------
    ReplayResult

    Raises
    ------
    ReplayError
        If ``out`` holds results already, or cannot be written.
    JournalError
        If the journal cannot be written.
    ReplayInterrupted
        If ``stop`` said so, or on Ctrl-C.
    """
    folder = Path(out)
    deposit = to_micros(cash, what="cash")
    if deposit < 0:
        raise ReplayError(f"cash {cash} is negative; give an account 0 or more")
    rows = sorted(orders, key=lambda order: order.ts_ns)
    _make_room(folder, overwrite=overwrite, inputs=inputs, open_log=open_log)
    books = _Books()
    log = open_log(folder / JOURNAL)
    try:
        runtime = Runtime(log, on_message=books.take)
    except BaseException:
        log.close()
        raise
    try:
        feed = TapeFeed(tape)
        total = len(tape) + len(rows)
        try:
            room = OpenRoom(
                min([tape.start_ns, *(order.ts_ns for order in rows[:1])]), "replay", tape.instruments,
                rules or rules_for(tape), tape=tape_name or tape.name,
            )  # fmt: skip
            for batch in _batches(_messages(feed, rows, room, deposit, limits or RiskLimits())):
                runtime.submit(batch)
                if progress is not None:
                    progress(books.events + books.requests, total)
                if stop is not None and stop():
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise ReplayInterrupted(_how_far(tape, books, len(rows), runtime, folder)) from None
        _write_tables(folder, books, runtime.engine, tape)
        return ReplayResult(
            tape=tape.name,
            out=folder,
            journal=folder / JOURNAL,
            state_hash=runtime.engine.state_hash(),
            records=runtime.seq,
            events=books.events,
            orders=len(books.blotter.records) + sum(map(len, books.doubles.values())),
            fills=len(books.fills),
            statuses=_statuses(books),
            refused_changes=books.refused_changes,
            accounts=tuple(books.portfolio.account(name) for name in books.portfolio.accounts),
            rules=room.rules,
        )
    finally:
        runtime.close()


# --- the stream ------------------------------------------------------------------------------------------------------


def _messages(
    feed: TapeFeed, orders: Sequence[OrderMessage], room: OpenRoom, deposit: int, limits: RiskLimits
) -> Iterator[Inbound]:
    yield room
    currency = room.instruments[0].currency
    opened: set[str] = set()
    for order in orders:
        yield from feed.read(order.ts_ns)
        if order.account not in opened:
            opened.add(order.account)
            yield OpenAccount(order.ts_ns, order.account, deposit, currency, limits)
        yield order
    yield from feed.read(2**63 - 1)


def _batches(messages: Iterable[Inbound]) -> Iterator[list[Inbound]]:
    batch: list[Inbound] = []
    size = 0
    for message in messages:
        batch.append(message)
        if type(message) is MarketFrame:
            size += len(message.events)
        if len(batch) >= COMMIT_MESSAGES or size >= COMMIT_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class _Books:
    """What the tables are made of, followed as facts become durable."""

    def __init__(self) -> None:
        self.portfolio = PortfolioEngine()
        self.blotter = Blotter()
        self.fills: list[Fill] = []
        self.doubles: dict[tuple[str, str], list[OrderDenied]] = {}
        """Orders that were denied for a ``client_order_id`` that was used before."""
        self.events = 0
        self.requests = 0
        self.refused_changes = 0
        self.now_ns = 0

    def take(self, message: Inbound, facts: list[Fact]) -> None:
        """Fold what one message did."""
        self.now_ns = max(self.now_ns, message.ts_ns)
        if type(message) is MarketFrame:
            self.events += len(message.events) // EVENT.itemsize
        elif isinstance(message, OrderMessage):
            self.requests += 1
        for fact in facts:
            match fact:
                case Fill():
                    self.fills.append(fact)
                case OrderDenied(reason=Reason.DUPLICATE_CLIENT_ORDER_ID):
                    self.doubles.setdefault((fact.account, fact.client_order_id), []).append(fact)
                case CancelRejected() | ReplaceRejected():
                    self.refused_changes += 1
                case _:
                    pass
        self.blotter.apply(facts)
        self.portfolio.apply_all(facts)


def _statuses(books: _Books) -> dict[str, int]:
    counts = Counter(str(record.status) for record in books.blotter.records.values())
    counts["DENIED"] += sum(map(len, books.doubles.values()))
    return {status: count for status, count in sorted(counts.items()) if count}


def _how_far(tape: Tape, books: _Books, orders: int, runtime: Runtime, folder: Path) -> str:
    seconds = books.now_ns // NS_PER_S
    clock = (
        f" at {seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}" if tape.date and runtime.seq else ""
    )
    return (
        f"stopped{clock} after {books.events:,} of {len(tape):,} events and {books.requests:,} of {orders:,} orders; "
        f"{folder / JOURNAL} keeps these, no table was written"
    )


# --- the folder ------------------------------------------------------------------------------------------------------


def _make_room(folder: Path, *, overwrite: bool, inputs: Sequence[Path], open_log: Callable[[Path], Log]) -> None:
    """Make the folder, and take out what an earlier replay left there, where that is allowed."""
    journal = folder / JOURNAL
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = [path for path in (journal, *(folder / name for name in TABLES)) if path.exists()]
        for path in there:
            if any(source.exists() and path.samefile(source) for source in inputs):
                raise ReplayError(f"{path} was read for this replay and would be overwritten; choose another folder")
        if there and not overwrite:
            names = ", ".join(path.name for path in there)
            raise ReplayError(
                f"{folder} holds the results of another run ({names}); "
                "choose another folder, or let them go (--overwrite, in Python overwrite=True)"
            )
        if journal in there:
            _release(journal, open_log)
        for path in [*there, *folder.glob(f"{JOURNAL}-*")]:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ReplayError(f"{folder} cannot be written: {error.strerror or error}; choose another folder") from None


def _release(journal: Path, open_log: Callable[[Path], Log]) -> None:
    """Make sure that nobody else holds a journal that is about to go."""
    try:
        open_log(journal).close()
    except JournalInUse:
        raise
    except JournalError:
        pass  # broken, or none: it goes


def _write_tables(folder: Path, books: _Books, engine: Engine, tape: Tape) -> None:
    """Write all tables beside their places, then move them there."""
    instruments = {i.symbol: i for i in (*engine.instruments, *tape.instruments)}  # a fill has the name of its time
    tables = (
        (FILL_COLUMNS, (_fill_row(fill, instruments[fill.symbol]) for fill in books.fills)),
        (ORDER_COLUMNS, _order_rows(books, engine)),
        (ACCOUNT_COLUMNS, (account_row(books.portfolio.account(name)) for name in books.portfolio.accounts)),
    )
    waiting = [folder / f".{name}.part" for name in TABLES]
    try:
        for path, (columns, rows) in zip(waiting, tables, strict=True):
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(columns)
                writer.writerows(rows)
        for path, name in zip(waiting, TABLES, strict=True):
            path.replace(folder / name)
    except OSError as error:
        raise ReplayError(
            f"{folder}: the tables cannot be written: {error.strerror or error}; the journal is whole. "
            "Free some space or choose another folder."
        ) from None
    finally:
        for path in waiting:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _fill_row(fill: Fill, instrument: Any) -> tuple[Any, ...]:
    return (
        fill.seq, fill.ts_ns, fill.account, fill.client_order_id, fill.order_id, fill.symbol, fill.side.name.lower(),
        plain_micros(fill.last_px * instrument.tick_size), plain_micros(fill.last_qty * instrument.lot_size),
        plain_micros(fill.fee), fill.liquidity, plain_micros(fill.leaves_quantity * instrument.lot_size),
    )  # fmt: skip


def _order_rows(books: _Books, engine: Engine) -> Iterator[tuple[Any, ...]]:
    """One row an order, in the order in which they came."""
    rows: list[tuple[int, tuple[Any, ...]]] = []
    for key, record in books.blotter.records.items():
        first: Any = record.facts[0]
        rows.append((first.seq, _order_row(record, first, engine)))
        rows += [(denied.seq, _denied_row(denied)) for denied in books.doubles.get(key, ())]
    return (row for _, row in sorted(rows))


def _denied_row(fact: OrderDenied) -> tuple[Any, ...]:
    return (
        fact.ts_ns, fact.account, fact.client_order_id, "", fact.symbol, fact.side.name.lower(), fact.type,
        plain_micros(fact.quantity), _micros(fact.limit_price), _micros(fact.stop_price), fact.time_in_force, "",
        "DENIED", "0", "", "0", fact.reason, fact.detail,
    )  # fmt: skip


def _order_row(
    record: Record, first: OrderDenied | OrderSubmitted | OrderAccepted | OrderRejected, engine: Engine
) -> tuple[Any, ...]:
    instrument = record.instrument
    if isinstance(first, OrderDenied) or instrument is None:
        assert isinstance(first, OrderDenied)
        return _denied_row(first)
    tick, lot = instrument.tick_size, instrument.lot_size
    reason = record.reason if record.status in TERMINAL else engine.waiting(record.order_id)
    return (
        record.ts_ns, record.account, record.client_order_id, record.order_id, record.symbol, record.side.name.lower(),
        record.type, plain_micros(record.quantity * lot),
        _micros(None if record.limit is None else record.limit * tick),
        _micros(None if record.stop is None else record.stop * tick), record.tif,
        flags_text(record.terms, instrument), record.status,
        plain_micros(record.filled * lot),
        plain_micros(divide(record.notional * tick, record.filled)) if record.filled else "",
        plain_micros(record.fees), reason, record.detail,
    )  # fmt: skip


def account_row(view: AccountView) -> tuple[Any, ...]:
    """An account as ``account.csv`` has it: exact decimals, in the order of ``ACCOUNT_COLUMNS``."""
    return tuple(_text(name, getattr(view, name)) for name in ACCOUNT_COLUMNS)


_MONEY: Final = frozenset(
    "deposits cash market_value nav realized_pnl unrealized_pnl fees gross_exposure net_exposure high_water_mark "
    "traded_notional".split()
)


def _micros(value: int | None) -> str:
    return "" if value is None else plain_micros(value)


def _text(name: str, value: Any) -> Any:
    """A value of an account for a table: money exact, empty for what is undefined."""
    if name in _MONEY:
        return plain_micros(value)
    return "" if isinstance(value, float) and not math.isfinite(value) else value


def _plain(name: str, value: Any) -> Any:
    """A value of an account for JSON."""
    if name in _MONEY:
        return from_micros(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
