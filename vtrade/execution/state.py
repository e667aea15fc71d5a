"""How is an engine's state written down, so that the same state gives the same bytes?

Rules: only what decides future facts is written, in an order that does not depend on history: levels that show
something, live orders by id, lists in their order. Windows, slots and buffers are not state. The bytes are MessagePack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from vtrade.domain.accounts import RiskLimits
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import RoomRules
from vtrade.domain.orders import OrderType, Side, Status, TimeInForce
from vtrade.execution import codes
from vtrade.execution import layout as at
from vtrade.execution.risk import Account
from vtrade.execution.working import Working

if TYPE_CHECKING:
    from vtrade.execution.engine import Engine

STATE_VERSION = 1

_SCALARS = (at.LAST, at.STATE, at.BAR_NO, at.BAR_LEFT, at.BAR_PX, at.HAS_IDS, at.PRINTS, at.MID)
_ORDER_COLUMNS = (at.O_TYPE, at.O_LIMIT, at.O_AHEAD, at.O_ARRIVAL, at.O_WHERE, at.O_BAR, at.O_WAIT, at.O_COLLAR)


class OrderState(msgspec.Struct, frozen=True, array_like=True):
    """A working order: its terms, and where the kernel has it."""

    order_id: int
    account: str
    client_order_id: str
    k: int
    side: Side
    type: OrderType
    tif: TimeInForce
    quantity: int
    filled: int
    limit: int | None
    stop: int | None
    worst: int
    reserved: int
    status: Status
    columns: tuple[int, ...]


class AccountState(msgspec.Struct, frozen=True, array_like=True):
    """An account; closed order ids with the status they ended in."""

    name: str
    cash: int
    currency: str
    limits: RiskLimits
    positions: list[int]
    closed_ids: list[tuple[str, Status]]


class BookState(msgspec.Struct, frozen=True, array_like=True):
    """One instrument: scalars, levels ``(side, price, lots, taken)`` and the order ids in each waiting list."""

    scalars: tuple[int, ...]
    levels: list[tuple[int, int, int, int]]
    waiting: tuple[list[int], ...]


class EngineState(msgspec.Struct, frozen=True, array_like=True):
    """Everything."""

    version: int
    room: str
    instruments: tuple[Instrument, ...]
    rules: RoomRules
    seed: int
    tape: str
    forked_from: str
    closed: bool
    seq: int
    now: int
    next_order_id: int
    unreachable: int
    arrivals: int
    marks: list[int]
    accounts: list[AccountState]
    orders: list[OrderState]
    books: list[BookState]
    feed: bytes


def dump(engine: Engine) -> bytes:
    """An engine's state as canonical bytes."""
    book = engine._book
    live = np.flatnonzero(book.feed[:, 1] > 0)
    feed = np.column_stack((live, book.feed[live]))
    state = EngineState(
        STATE_VERSION,
        engine.room,
        engine.instruments,
        engine.rules,
        engine.seed,
        engine.tape,
        engine.forked_from,
        engine.closed,
        engine.seq,
        engine.now,
        engine.next_order_id,
        engine.unreachable,
        int(book.room[at.ARRIVALS]),
        engine.marks,
        [_dump_account(account) for account in engine.accounts.values()],
        [_dump_order(order, book) for _, order in sorted(engine.orders.items())],
        [_dump_book(engine, k) for k in range(len(engine.instruments))],
        feed.astype("<i8").tobytes(),
    )
    return msgspec.msgpack.encode(state)


def _dump_account(account: Account) -> AccountState:
    closed = [(key, value) for key, value in account.ids.items() if isinstance(value, Status)]
    return AccountState(account.name, account.cash, account.currency, account.limits, account.positions, sorted(closed))


def _dump_order(order: Working, book: at.Book) -> OrderState:
    columns = book.own[order.slot].tolist()
    return OrderState(
        order.order_id, order.account.name, order.client_order_id, order.k, order.side, order.type, order.tif,
        order.quantity, order.filled, order.limit, order.stop, order.worst, order.reserved, order.status,
        tuple(columns[c] for c in _ORDER_COLUMNS),
    )  # fmt: skip


def _dump_book(engine: Engine, k: int) -> BookState:
    book = engine._book
    inst = book.inst[k].tolist()
    levels = []
    for s in range(2):
        used = np.flatnonzero(book.level_qty[k, s])
        taken = book.level_taken[k, s, used]
        for p, lots, gone in zip(used.tolist(), book.level_qty[k, s, used].tolist(), taken.tolist(), strict=True):
            levels.append((s, inst[at.BASE] + p, lots, gone))
    waiting = []
    for which in range(4):
        ids = []
        slot = inst[at.LISTS + 2 * which]
        while slot:
            order = engine._by_slot[slot]
            assert order is not None
            ids.append(order.order_id)
            slot = int(book.own[slot, at.O_NEXT])
        waiting.append(ids)
    return BookState(tuple(inst[c] for c in _SCALARS), levels, tuple(waiting))


def load(engine: Engine, data: bytes) -> Engine:
    """Fill a new engine with the state in ``data``."""
    state = msgspec.msgpack.decode(data, type=EngineState)
    if state.version != STATE_VERSION:
        raise ValueError(f"snapshot has version {state.version}, this VTrade reads {STATE_VERSION}; replay the log")
    for field in ("room", "instruments", "rules", "seed", "tape", "forked_from", "closed", "seq", "now",
                  "next_order_id", "unreachable", "marks"):  # fmt: skip
        setattr(engine, field, getattr(state, field))
    n = len(state.instruments)
    engine._index = {instrument.symbol: k for k, instrument in enumerate(state.instruments)}
    book = at.new_book(n, share_ppm=state.rules.bar_volume_share_ppm)
    feed = np.frombuffer(state.feed, "<i8").reshape(-1, 3)
    if len(feed):
        book = book._replace(feed=at.grown(book.feed, int(feed[-1, 0]) + 1))
        book.feed[feed[:, 0]] = feed[:, 1:]
    book = book._replace(own=at.grown(book.own, len(state.orders) + 2))
    for index, a in enumerate(state.accounts):
        account = Account(a.name, index, a.cash, a.currency, a.limits, n)
        account.positions = list(a.positions)
        account.ids = dict(a.closed_ids)
        engine.accounts[a.name] = account
    by_id: dict[int, Any] = {}
    for slot, o in enumerate(state.orders, start=1):
        account = engine.accounts[o.account]
        order = Working(
            o.order_id, account, o.client_order_id, o.k, o.side, o.type, o.tif, o.quantity, o.limit, o.stop, o.worst
        )
        order.filled, order.reserved, order.status, order.slot = o.filled, o.reserved, o.status, slot
        by_id[o.order_id] = order
        engine.orders[o.order_id] = order
        engine._by_slot.append(order)
        account.ids[o.client_order_id] = order
        account.working += 1
        account.reserved += o.reserved
        asked = account.buying if o.side > 0 else account.selling
        asked[o.k] += order.leaves
    engine._book = _load_books(book, state, by_id, engine)
    return engine


def _load_books(book: at.Book, state: EngineState, by_id: dict[int, Any], engine: Engine) -> at.Book:
    kernel = engine._kernel
    where_column, limit_column = _ORDER_COLUMNS.index(at.O_WHERE), _ORDER_COLUMNS.index(at.O_LIMIT)
    type_column = _ORDER_COLUMNS.index(at.O_TYPE)
    for k, b in enumerate(state.books):
        prices = [price for _, price, _, _ in b.levels]
        prices += [
            o.columns[limit_column]
            for o in state.orders
            if o.k == k and o.columns[type_column] in (at.LIMIT, at.STOP_LIMIT)
        ]
        if prices:
            wider = at.fit_range(book, k, min(prices), max(prices))
            assert wider is not None, "a snapshot holds only prices that once fitted"
            book = wider
        for column, value in zip(_SCALARS, b.scalars, strict=True):
            book.inst[k, column] = value
        for s, price, lots, taken in b.levels:
            kernel.show_level(book, k, s, price, lots, taken)
    placed = sorted(
        (o for o in state.orders if o.columns[where_column] == at.AT_LEVEL),
        key=lambda o: o.columns[_ORDER_COLUMNS.index(at.O_ARRIVAL)],
    )
    for o in state.orders:
        order = by_id[o.order_id]
        row = book.own[order.slot]
        row[at.O_INST], row[at.O_SIDE], row[at.O_TIF] = o.k, 0 if o.side > 0 else 1, codes.TIFS[o.tif]
        row[at.O_STOP], row[at.O_LEAVES], row[at.O_ACCOUNT] = o.stop or 0, order.leaves, order.account.index
        row[list(_ORDER_COLUMNS)] = o.columns
        book.inst[o.k, at.OWN_COUNT] += 1
        book.room[at.LIVE] += 1
    for o in placed:
        kernel.place(book, by_id[o.order_id].slot, at.NONE, at.AT_LEVEL)
    for b in state.books:
        for which, ids in enumerate(b.waiting):
            for order_id in ids:
                slot = by_id[order_id].slot
                kernel.place(book, slot, np.int64(which), np.int64(int(book.own[slot, at.O_WHERE])))
    for o in state.orders:
        book.own[by_id[o.order_id].slot, list(_ORDER_COLUMNS)] = o.columns
    book.room[at.ARRIVALS] = state.arrivals
    return book
