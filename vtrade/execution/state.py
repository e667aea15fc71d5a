"""How is an engine's state written down, so that the same state gives the same bytes?

Rules: only what decides future facts is written, in an order that does not depend on history: levels that show
something, live orders by id, lists in their order. Windows, slots and buffers are not state. The bytes are MessagePack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from vtrade.domain.accounts import RiskLimits
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import OpenAccount, OrderTerms, RoomRules, decode_inbound, encode_inbound
from vtrade.domain.orders import OrderType, Side, Status, TimeInForce
from vtrade.execution import layout as at
from vtrade.execution.agenda import Errand
from vtrade.execution.risk import Account
from vtrade.execution.working import Working

if TYPE_CHECKING:
    from vtrade.execution.engine import Engine

STATE_VERSION = 2

_SCALARS = (at.LAST, at.STATE, at.BAR_NO, at.BAR_LEFT, at.BAR_PX, at.HAS_IDS, at.PRINTS, at.MID, at.MARK, at.LOW_BAND,
            at.HIGH_BAND, at.DRIFT_NS, at.VOLUME, at.BEYOND_LOTS, at.BEYOND_LOTS + 1, at.SHORTED, at.TURNOVER,
            at.FRESH)  # fmt: skip
_KEPT = [c for c in range(at.OWN_COLS) if c not in (at.O_NEXT, at.O_PREV, at.O_PENDING)]
_LEVEL = [at.TAKEN, at.DARK, at.STAMP, at.PRINTED]


class OrderState(msgspec.Struct, frozen=True, array_like=True):
    """A working order: its names, and its row in the kernel; ``ring`` is what is inferred to stand before it."""

    order_id: int
    client_order_id: str
    side: Side
    type: OrderType
    tif: TimeInForce
    quantity: int
    filled: int
    limit: int | None
    stop: int | None
    status: Status
    terms: OrderTerms | None
    columns: tuple[int, ...]
    ring: bytes = b""


class AccountState(msgspec.Struct, frozen=True, array_like=True):
    """An account; closed order ids with the status they ended in."""

    name: str
    currency: str
    limits: RiskLimits
    cash: list[int]
    counts: list[int]
    positions: list[list[int]]
    closed_ids: list[tuple[str, Status]]
    groups: list[tuple[str, int]]
    due_ns: int


class BookState(msgspec.Struct, frozen=True, array_like=True):
    """One instrument: scalars, levels ``(side, price, lots, taken, dark, stamp, printed)``, order ids by list.

    Agents' orders are rows of the kernel, in the order of their arrival.
    """

    scalars: tuple[int, ...]
    drift: float
    levels: list[tuple[int, ...]]
    waiting: tuple[list[int], ...]
    agents: list[tuple[int, ...]]


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
    next_group: int
    unreachable: int
    arrivals: int
    currencies: tuple[str, ...]
    rates: list[int]
    agenda: list[tuple[Errand, bytes]]
    venue: bytes
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
        engine.next_group,
        engine.unreachable,
        int(book.room[at.ARRIVALS]),
        engine.currencies,
        book.rates[: len(engine.currencies)].tolist(),
        [_dump_errand(errand) for errand in engine.agenda.all()],
        engine.venue.dump(),
        [_dump_account(engine, account) for account in engine.accounts.values()],
        [_dump_order(order, book) for _, order in sorted(engine.orders.items())],
        [_dump_book(book, k) for k in range(len(engine.instruments))],
        feed.astype("<i8").tobytes(),
    )
    return msgspec.msgpack.encode(state)


def _dump_errand(errand: Errand) -> tuple[Errand, bytes]:
    message = b"" if errand.message is None else encode_inbound(errand.message)
    return msgspec.structs.replace(errand, message=None), message


def _dump_account(engine: Engine, account: Account) -> AccountState:
    book = engine._book
    closed = [(key, value) for key, value in account.ids.items() if isinstance(value, Status)]
    return AccountState(
        account.name, account.currency, account.limits, book.cash[account.index].tolist(),
        book.acct[account.index].tolist(), book.pos[account.index].tolist(), sorted(closed),
        sorted(account.groups.items()), account.due_ns,
    )  # fmt: skip


def _dump_order(order: Working, book: at.Book) -> OrderState:
    resting = len(book.rings) > 1 and book.own[order.slot, at.O_WHERE] == at.AT_LEVEL
    rows = book.rings[order.slot] if resting else book.rings[0, :0]
    ring = rows[: 1 + int(rows[0, 0])].astype("<i8").tobytes() if resting else b""
    return OrderState(
        order.order_id, order.client_order_id, order.side, order.type, order.tif, order.quantity, order.filled,
        order.limit, order.stop, order.status, order.terms, tuple(book.own[order.slot, _KEPT].tolist()), ring,
    )  # fmt: skip


def _dump_book(book: at.Book, k: int) -> BookState:
    inst = book.inst[k].tolist()
    levels = []
    for s in range(2):
        rows = book.level[k, s]
        used = np.flatnonzero(rows[:, at.QTY])
        for p, row in zip(used.tolist(), rows[used][:, [at.QTY, *_LEVEL]].tolist(), strict=True):
            levels.append((s, inst[at.BASE] + p, *row))
    waiting = []
    for which in range(at.LIST_COUNT):
        ids = []
        slot = inst[at.LISTS + 2 * which]
        while slot:
            ids.append(int(book.own[slot, at.O_ID]))
            slot = int(book.own[slot, at.O_NEXT])
        waiting.append(ids)
    own = book.own[: int(book.room[at.SLOTS])]
    agents = own[(own[:, at.O_WHERE] != at.GONE) & (own[:, at.O_ACCOUNT] < 0) & (own[:, at.O_INST] == k)]
    agents = agents[np.argsort(agents[:, at.O_ARRIVAL], kind="stable")]
    return BookState(
        tuple(inst[c] for c in _SCALARS), float(book.drift[k]), levels, tuple(waiting),
        [tuple(row) for row in agents[:, _KEPT].tolist()],
    )  # fmt: skip


def load(engine: Engine, data: bytes) -> Engine:
    """Fill a new engine with the state in ``data``."""
    state = msgspec.msgpack.decode(data, type=EngineState)
    if state.version != STATE_VERSION:
        raise ValueError(f"snapshot has version {state.version}, this VTrade reads {STATE_VERSION}; replay the log")
    for field in ("room", "rules", "seed", "tape", "forked_from", "closed", "seq", "now", "next_order_id", "next_group",
                  "unreachable"):  # fmt: skip
        setattr(engine, field, getattr(state, field))
    engine.list_instruments(state.instruments)
    for errand, message in state.agenda:
        if message:
            errand = msgspec.structs.replace(errand, message=decode_inbound(message))
        engine.agenda.add(errand)
    engine.venue.load(state.venue)
    _load_accounts(engine, state)
    _load_orders(engine, state)
    return engine


def _load_accounts(engine: Engine, state: EngineState) -> None:
    for a in state.accounts:
        account = engine.new_account(OpenAccount(0, a.name, 0, a.currency, a.limits))
        account.ids = dict(a.closed_ids)
        account.groups = dict(a.groups)
        account.due_ns = a.due_ns
    book = engine._book
    assert engine.currencies == state.currencies, "currencies are numbered in the order in which they came"
    for index, a in enumerate(state.accounts):
        book.cash[index], book.acct[index], book.pos[index] = a.cash, a.counts, a.positions
    book.rates[: len(state.rates)] = state.rates


def _load_orders(engine: Engine, state: EngineState) -> None:
    feed = np.frombuffer(state.feed, "<i8").reshape(-1, 3)
    agents = [row for b in state.books for row in b.agents]
    top = max([0, *feed[-1:, 0].tolist(), *(-row[_KEPT.index(at.O_ID)] for row in agents)])
    book = engine._book._replace(feed=at.grown(engine._book.feed, top + 1))
    book.feed[feed[:, 0]] = feed[:, 1:]
    count = len(state.orders) + len(agents)
    engine._book = book._replace(own=at.grown(book.own, count + 2))
    engine._fit_rings()
    book = engine._book
    limit, where, ident = _KEPT.index(at.O_LIMIT), _KEPT.index(at.O_WHERE), _KEPT.index(at.O_ID)
    limited = (at.LIMIT, at.STOP_LIMIT)
    for k, b in enumerate(state.books):
        prices = [level[1] for level in b.levels] + [row[limit] for row in b.agents]
        prices += [
            o.columns[limit]
            for o in state.orders
            if o.columns[_KEPT.index(at.O_INST)] == k and o.columns[_KEPT.index(at.O_TYPE)] in limited
        ]
        if prices:
            wider = at.fit_range(book, k, min(prices), max(prices))
            assert wider is not None, "a snapshot holds only prices that once fitted"
            book = wider
        for s, price, lots, *rest in b.levels:
            engine._kernel.show_level(book, k, s, price, lots)
            book.level[k, s, price - int(book.inst[k, at.BASE]), _LEVEL] = rest
        for column, value in zip(_SCALARS, b.scalars, strict=True):
            book.inst[k, column] = value
        book.drift[k] = b.drift
    engine._book = book
    rows: dict[int, tuple[int, ...]] = {}
    names = {account.index: account for account in engine.accounts.values()}
    for o in state.orders:
        slot = int(engine._kernel.new_slot(book))
        rows[slot] = o.columns
        account = names[o.columns[_KEPT.index(at.O_ACCOUNT)]]
        order = Working(
            o.order_id, account, o.client_order_id, o.columns[_KEPT.index(at.O_INST)], o.side, o.type, o.tif,
            o.quantity, o.limit, o.stop, o.terms,
        )  # fmt: skip
        order.filled, order.status, order.slot = o.filled, o.status, slot
        engine.orders[o.order_id] = account.ids[o.client_order_id] = order
        if o.ring:
            ring = np.frombuffer(o.ring, "<i8").reshape(-1, 2)
            book.rings[slot, : len(ring)] = ring
        book.inst[order.k, at.OWN_COUNT] += 1
        book.room[at.LIVE] += 1
        book.room[at.ICEBERGS] += o.columns[_KEPT.index(at.O_DISPLAY)] > 0
    for columns in agents:
        slot = int(engine._kernel.new_slot(book))
        rows[slot] = columns
        if columns[ident] < 0:
            book.feed[-columns[ident], 0] = slot
    for slot, columns in rows.items():
        book.own[slot, _KEPT] = columns
    _place(engine, state, rows, where)


def _place(engine: Engine, state: EngineState, rows: dict[int, tuple[int, ...]], where: int) -> None:
    """Put every order where it stood."""
    book, kernel = engine._book, engine._kernel
    arrival = _KEPT.index(at.O_ARRIVAL)
    rings = book.rings.copy()
    resting = [slot for slot, columns in rows.items() if columns[where] == at.AT_LEVEL]
    for slot in sorted(resting, key=lambda slot: rows[slot][arrival]):
        k, s, price = (int(n) for n in book.own[slot, [at.O_INST, at.O_SIDE, at.O_LIMIT]])
        kernel.place(book, slot, at.NONE, at.AT_LEVEL)
        shown = rows[slot][_KEPT.index(at.O_SHOWN)]
        book.level[k, s, price - int(book.inst[k, at.BASE]), at.LOTS] += shown - int(book.own[slot, at.O_SHOWN])
    for b in state.books:
        for which, ids in enumerate(b.waiting):
            for order_id in ids:
                slot = engine.orders[order_id].slot
                kernel.place(book, slot, np.int64(which), np.int64(rows[slot][where]))
    for slot, columns in rows.items():
        book.own[slot, _KEPT] = columns
    book.rings[:] = rings
    book.room[at.ARRIVALS] = state.arrivals
