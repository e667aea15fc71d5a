"""How does the portfolio look as bytes, and how does it come back?

Rules: one MessagePack array; lists stand in the order of the facts or sorted, so equal states give equal bytes. A whole
number beyond 64 bits, which MessagePack cannot hold, is written as decimal text and read back as the same number.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec

from vtrade.domain.messages import RoomOpened
from vtrade.portfolio.accounts import AccountState, Holding, TripSums
from vtrade.portfolio.alone import balances
from vtrade.portfolio.books import SEATS_FROM, Books
from vtrade.portfolio.curve import Curve, CurveDump
from vtrade.portfolio.history import pack
from vtrade.portfolio.ledger import Leg, PortfolioError
from vtrade.portfolio.lots import Lot, OpenTrip
from vtrade.portfolio.purses import PURSE_TOTALS, Purse
from vtrade.portfolio.track import Track

SNAPSHOT_VERSION: Final = 3
LotDump = tuple[int, int, int, int, int]
TripDump = tuple[int, int, int, int, int, int, int, int, int]


class HoldingSnapshot(msgspec.Struct, frozen=True, array_like=True, gc=False):
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


class PurseSnapshot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Money in one currency; ``totals`` as in ``PURSE_TOTALS``."""

    currency: str
    cash: int
    fees: int
    totals: list[int]


class AccountSnapshot(msgspec.Struct, frozen=True, array_like=True, gc=False):
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
    fills: list[msgspec.Raw]
    trips: list[msgspec.Raw]
    movements: list[msgspec.Raw]
    purses: list[PurseSnapshot]
    holdings: list[HoldingSnapshot]
    curve: CurveDump
    arrivals: list[tuple[int, int]]
    clock: CurveDump | None


class Snapshot(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """The engine's state; ``holders`` are numbered in the order of ``accounts``."""

    version: int = SNAPSHOT_VERSION
    seq: int
    ts_ns: int
    curve_cells_max: int
    history_max: int
    room: RoomOpened | None
    marks: list[int]
    unmarked: list[int]
    clock: CurveDump
    ledger: list[Leg]
    rates: list[tuple[str, int]]
    accounts: list[msgspec.Raw]
    holders: list[list[int]]
    carried: list[tuple[int, list[str]]]
    unobserved: list[str]


_account_decoder = msgspec.msgpack.Decoder(AccountSnapshot, strict=False)
_decoder = msgspec.msgpack.Decoder(Snapshot, strict=False)


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
        state.flows,
        state.traded_notional,
        state.slippage,
        state.slippage_base,
        state.fill_count,
        (sums.count, sums.hits, sums.won, sums.lost),
        state.fills.dump(),
        state.trips.dump(),
        state.movements.dump(),
        [dump_purse(purse) for purse in state.purses.values()],
        [dump_holding(holding) for holding in state.holdings.values()],
        state.track.settle().dump_curve(),
        sorted(state.arrivals.items()),
        state.clock.dump() if state.clock is not None else None,
    )


def load_holding(saved: HoldingSnapshot, account: AccountState, books: Books) -> Holding:
    """The holding that :func:`dump_holding` described."""
    holding = books.holding(account, saved.index)
    holding.fees, holding.dividends, holding.borrow_fees = saved.fees, saved.dividends, saved.borrow_fees
    holding.carry, holding.waiting = saved.carry, saved.waiting
    queue = holding.lots
    queue.realized_pnl = saved.realized_pnl
    queue.lots = [Lot(*lot) for lot in saved.lots]
    for lot in queue.lots:
        queue.quantity += saved.side * lot.quantity
        queue.cost_basis += saved.side * lot.cost
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
        track=Track(0, Curve.load(saved.curve), high_water_mark=saved.high_water_mark, deepest=saved.deepest),
        history_max=books.history_max,
    )
    state.deposits, state.scale, state.traded_notional = saved.deposits, saved.scale, saved.traded_notional
    state.arrivals = dict(saved.arrivals)
    state.clock = Curve.load(saved.clock) if saved.clock is not None else None
    state.slippage, state.slippage_base = saved.slippage, saved.slippage_base
    state.fill_count, state.sums = saved.fill_count, TripSums(*saved.sums)
    state.flows.extend(saved.flows)
    state.fills.load(saved.fills)
    state.trips.load(saved.trips)
    state.movements.load(saved.movements)
    for item in saved.purses:
        purse = books.purse(state, item.currency)
        purse.cash, purse.fees = item.cash, item.fees
        for name, total in zip(PURSE_TOTALS, item.totals, strict=True):
            setattr(purse, name, total)
    nav, marks = state.home.cash, books.marks
    for held in saved.holdings:
        holding = load_holding(held, state, books)
        value = marks[held.index] * holding.lots.quantity * holding.tick_value + holding.carry
        if holding.foreign is None:
            nav += value
        else:
            holding.foreign.value += value
        if holding.waiting is not None:
            books.waiting[state.name, held.index] = holding
    state.track.nav = nav + sum(purse.add(purse.cash) for purse in state.foreign)
    return state


def _untold(room: RoomOpened | None) -> RoomOpened | None:
    """A room without what tells its future: the name of a seeded tape holds the seed."""
    return None if room is None else msgspec.structs.replace(room, tape="", forked_from="")


def _names(told: Mapping[str, object], only: str | None) -> list[str]:
    """Accounts that are told of, or the one that matters."""
    return list(told) if only is None else [only] if only in told else []


def dump(books: Books, *, only: str | None = None) -> Snapshot:
    """The engine's state as a value; ``only`` leaves out all other accounts, see :mod:`vtrade.portfolio.alone`."""
    ledger = books.ledger
    names = list(books.accounts) if only is None else [only]
    numbers = {name: number for number, name in enumerate(names)}
    return Snapshot(
        seq=books.seq,
        ts_ns=books.ts_ns,
        curve_cells_max=books.curve_cells_max,
        history_max=books.history_max,
        room=books.room if only is None else _untold(books.room),
        marks=books.marks,
        unmarked=sorted(books.unmarked),
        clock=books.clock.dump(),
        ledger=ledger.balances() if only is None else balances(books.accounts[only], ledger),
        rates=sorted(books.rates.items()),
        accounts=[msgspec.Raw(pack(dump_account(books.accounts[name]))) for name in names],
        holders=[[numbers[name] for name in _names(holders, only)] for holders in books.holders],
        carried=[(index, found) for index, held in sorted(books.carried.items()) if (found := _names(held, only))],
        unobserved=sorted(_names(books.unobserved, only)),
    )


@contextmanager
def _without_collections() -> Iterator[None]:
    """Make millions of objects, none of them garbage, without a search for garbage among them again and again."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()


@_without_collections()
def load(saved: Snapshot, *, seats_from: int = SEATS_FROM) -> Books:
    """The state that :func:`dump` described."""
    books = Books(curve_cells_max=saved.curve_cells_max, history_max=saved.history_max, seats_from=seats_from)
    books.seq, books.ts_ns = saved.seq, saved.ts_ns
    if saved.room is not None:
        books.set_room(saved.room)
    books.marks = list(saved.marks)
    books.unmarked = set(saved.unmarked)
    books.clock = Curve.load(saved.clock)
    books.ledger.load(saved.ledger)
    books.rates = dict(saved.rates)
    for packed in saved.accounts:
        account = _account_decoder.decode(packed)
        books.accounts[account.name] = load_account(account, books)
    listed = list(books.accounts.values())
    for index, numbers in enumerate(saved.holders):
        books.holders[index] = {listed[number].name: listed[number].holdings[index] for number in numbers}
    for index, names in saved.carried:
        books.carried[index] = {name: books.accounts[name].holdings[index] for name in names}
    books.unobserved = {name: books.accounts[name] for name in saved.unobserved}
    books.stirred = dict.fromkeys(books.accounts)
    if len(books.accounts) >= seats_from:
        books.take_seats()
    return books


def encode(saved: Snapshot) -> bytes:
    """The wire form of a snapshot."""
    return pack(saved)


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
