"""How does the portfolio look as bytes, and how does it come back?

Rules: one MessagePack array; lists stand in the order of the facts or sorted, so equal states give equal bytes. A whole
number beyond 64 bits, which MessagePack cannot hold, is written as decimal text and read back as the same number.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import msgspec

from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import Fill, RoomOpened
from vtrade.portfolio.accounts import AccountState, Holding, TripSums
from vtrade.portfolio.books import Books
from vtrade.portfolio.curve import Curve
from vtrade.portfolio.ledger import Leg, PortfolioError
from vtrade.portfolio.lots import Lot, OpenTrip, RoundTrip
from vtrade.portfolio.purses import PURSE_TOTALS, Movement, Purse

SNAPSHOT_VERSION: Final = 2
CurveDump = tuple[int, int, bytes]
LotDump = tuple[int, int, int, int, int]
TripDump = tuple[int, int, int, int, int, int, int, int, int]
_INT64_MIN: Final = -(2**63)
_UINT64_MAX: Final = 2**64 - 1


class HoldingSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """An account's dealings in one instrument."""

    index: int
    fees: int
    dividends: int
    borrow_fees: int
    carry: int
    waiting: tuple[int, str] | None
    realized_pnl: int
    side: int
    lots: list[LotDump]
    open_trip: TripDump | None


class PurseSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """Money in one currency; ``totals`` as in ``PURSE_TOTALS``."""

    currency: str
    cash: int
    fees: int
    totals: list[int]


class AccountSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """One account; its value follows from cash, lots, marks and rates. The first purse is its own currency."""

    name: str
    currency: str
    opened_seq: int
    opened_ns: int
    opening: int
    deposits: int
    high_water_mark: int
    deepest: float
    scale: float
    flows: list[tuple[int, float]]
    traded_notional: int
    slippage: int
    slippage_base: int
    fill_count: int
    sums: tuple[int, int, int, int]
    fills: list[Fill]
    trips: list[RoundTrip]
    movements: list[Movement]
    purses: list[PurseSnapshot]
    holdings: list[HoldingSnapshot]
    curve: CurveDump


class Snapshot(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """The engine's state."""

    version: int = SNAPSHOT_VERSION
    seq: int
    ts_ns: int
    curve_cells_max: int
    history_max: int
    room: RoomOpened | None
    marks: list[int]
    unmarked: list[int]
    arrivals: list[tuple[int, int]]
    clock: CurveDump
    ledger: list[Leg]
    rates: list[tuple[str, int]]
    accounts: list[AccountSnapshot]
    holders: list[list[str]]
    carried: list[tuple[int, list[str]]]
    unobserved: list[str]


def dump_trip(trip: OpenTrip) -> TripDump:
    """A round trip that may still grow, as a value."""
    return (
        trip.side,
        trip.quantity,
        trip.entry_order_id,
        trip.exit_order_id,
        trip.entry_ts_ns,
        trip.exit_ts_ns,
        trip.entry_value,
        trip.exit_value,
        trip.fees,
    )


def dump_holding(holding: Holding) -> HoldingSnapshot:
    """A holding as a value."""
    queue = holding.lots
    return HoldingSnapshot(
        holding.index,
        holding.fees,
        holding.dividends,
        holding.borrow_fees,
        holding.carry,
        holding.waiting,
        queue.realized_pnl,
        -1 if queue.quantity < 0 else 1,
        [(lot.quantity, lot.cost, lot.ts_ns, lot.order_id, lot.fee) for lot in queue.lots],
        dump_trip(queue.open_trip) if queue.open_trip else None,
    )


def dump_purse(purse: Purse) -> PurseSnapshot:
    """A purse as a value."""
    totals = [getattr(purse, name) for name in PURSE_TOTALS]
    return PurseSnapshot(purse.currency, purse.cash, purse.fees, totals)


def dump_account(state: AccountState) -> AccountSnapshot:
    """An account as a value."""
    sums = state.sums
    return AccountSnapshot(
        state.name,
        state.currency,
        state.opened_seq,
        state.opened_ns,
        state.opening,
        state.deposits,
        state.high_water_mark,
        state.deepest,
        state.scale,
        list(state.flows),
        state.traded_notional,
        state.slippage,
        state.slippage_base,
        state.fill_count,
        (sums.count, sums.hits, sums.won, sums.lost),
        list(state.fills),
        list(state.trips),
        list(state.movements),
        [dump_purse(purse) for purse in state.purses.values()],
        [dump_holding(holding) for holding in state.holdings.values()],
        state.curve.dump(),
    )


def load_holding(saved: HoldingSnapshot, account: AccountState, instrument: Instrument) -> Holding:
    """The holding that :func:`dump_holding` described."""
    holding = Holding(account, saved.index, instrument, account.purses[instrument.currency])
    holding.fees, holding.dividends, holding.borrow_fees = saved.fees, saved.dividends, saved.borrow_fees
    holding.carry, holding.waiting = saved.carry, saved.waiting
    queue = holding.lots
    queue.realized_pnl = saved.realized_pnl
    queue.lots = deque(Lot(*lot) for lot in saved.lots)
    queue.quantity = saved.side * sum(lot.quantity for lot in queue.lots)
    queue.cost_basis = saved.side * sum(lot.cost for lot in queue.lots)
    if saved.open_trip is not None:
        side, quantity, entry_id, exit_id, entry_ns, exit_ns, entry_value, exit_value, fees = saved.open_trip
        trip = queue.open_trip = OpenTrip(side, Lot(quantity, 0, entry_ns, entry_id, 0), exit_id)
        trip.quantity, trip.exit_ts_ns = quantity, exit_ns
        trip.entry_value, trip.exit_value, trip.fees = entry_value, exit_value, fees
    return holding


def load_account(saved: AccountSnapshot, books: Books) -> AccountState:
    """The account that :func:`dump_account` described."""
    state = AccountState(
        saved.name,
        saved.currency,
        saved.opening,
        opened_seq=saved.opened_seq,
        opened_ns=saved.opened_ns,
        curve=Curve.load(saved.curve),
        history_max=books.history_max,
    )
    state.deposits, state.deepest, state.scale = saved.deposits, saved.deepest, saved.scale
    state.high_water_mark, state.traded_notional = saved.high_water_mark, saved.traded_notional
    state.slippage, state.slippage_base = saved.slippage, saved.slippage_base
    state.fill_count, state.sums = saved.fill_count, TripSums(*saved.sums)
    state.flows.extend(saved.flows)
    state.fills.extend(saved.fills)
    state.trips.extend(saved.trips)
    state.movements.extend(saved.movements)
    for item in saved.purses:
        purse = books.purse(state, item.currency)
        purse.cash, purse.fees = item.cash, item.fees
        for name, total in zip(PURSE_TOTALS, item.totals, strict=True):
            setattr(purse, name, total)
    state.nav = state.home.cash + sum(purse.add(purse.cash) for purse in state.foreign)
    for held in saved.holdings:
        holding = state.holdings[held.index] = load_holding(held, state, books.instruments[held.index])
        books.worth(holding, books.marks[held.index] * holding.lots.quantity * holding.tick_value + holding.carry)
        if holding.waiting is not None:
            books.waiting[state.name, held.index] = holding
    return state


def dump(books: Books) -> Snapshot:
    """The engine's state as a value."""
    return Snapshot(
        seq=books.seq,
        ts_ns=books.ts_ns,
        curve_cells_max=books.curve_cells_max,
        history_max=books.history_max,
        room=books.room,
        marks=books.marks,
        unmarked=sorted(books.unmarked),
        arrivals=sorted(books.arrivals.items()),
        clock=books.clock.dump(),
        ledger=books.ledger.balances(),
        rates=sorted(books.rates.items()),
        accounts=[dump_account(state) for state in books.accounts.values()],
        holders=[list(holders) for holders in books.holders],
        carried=[(index, list(names)) for index, names in sorted(books.carried.items())],
        unobserved=sorted(books.unobserved),
    )


def load(saved: Snapshot) -> Books:
    """The state that :func:`dump` described."""
    books = Books(curve_cells_max=saved.curve_cells_max, history_max=saved.history_max)
    books.seq, books.ts_ns = saved.seq, saved.ts_ns
    if saved.room is not None:
        books.set_room(saved.room)
    books.marks = list(saved.marks)
    books.unmarked = set(saved.unmarked)
    books.arrivals = dict(saved.arrivals)
    books.clock = Curve.load(saved.clock)
    books.ledger.load(saved.ledger)
    books.rates = dict(saved.rates)
    for account in saved.accounts:
        books.accounts[account.name] = load_account(account, books)
    for index, names in enumerate(saved.holders):
        books.holders[index] = {name: books.accounts[name].holdings[index] for name in names}
    for index, names in saved.carried:
        books.carried[index] = {name: books.accounts[name].holdings[index] for name in names}
    books.unobserved = {name: books.accounts[name] for name in saved.unobserved}
    return books


def _narrow(value: Any) -> Any:
    """The same value with every whole number beyond 64 bits as text."""
    if isinstance(value, int):
        return value if _INT64_MIN <= value <= _UINT64_MAX else str(value)
    if isinstance(value, list | tuple):
        return [_narrow(item) for item in value]
    return value


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Snapshot, strict=False)


def encode(saved: Snapshot) -> bytes:
    """The wire form of a snapshot."""
    try:
        return _encoder.encode(saved)
    except OverflowError:
        return _encoder.encode(_narrow(msgspec.to_builtins(saved, builtin_types=(bytes,))))


def decode(data: bytes) -> Snapshot:
    """Read a snapshot.

    Raises
    ------
    PortfolioError
        If the bytes are no snapshot of this version.
    """
    try:
        saved = _decoder.decode(data)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise PortfolioError(f"the portfolio snapshot cannot be read ({error}); rebuild it from the journal") from None
    if saved.version != SNAPSHOT_VERSION:
        raise PortfolioError(
            f"the portfolio snapshot has version {saved.version}, not {SNAPSHOT_VERSION}; rebuild it from the journal"
        )
    return saved
