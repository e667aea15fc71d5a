"""Which facts may somebody know, and what does a room look like to one account?

Rules: a fact is public, or belongs to one account (:data:`PUBLIC`, :data:`OWN` and :data:`ADDRESSED` name every type; a
type that stands in none of them is shown to nobody but staff). A student sees what is public and what is its own; an
observer only what is public; staff see everything. Whom somebody traded with is nobody's business: in a fill with
another participant the other order's number is :data:`HIDDEN_ORDER`. The names of seeded tapes, from which the future
could be computed, lose their seed. Pure functions: nothing here changes a room.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Final

import msgspec
import numpy as np

from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import (
    AccountOpened,
    ActionApplied,
    ActionRecorded,
    AuctionHeld,
    BandsMoved,
    CancelRejected,
    CashMoved,
    CashSettled,
    Fact,
    Fill,
    MarginChanged,
    Marked,
    NewsPublished,
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderRejected,
    OrderReplaced,
    OrderSubmitted,
    OrderTriggered,
    PlayChanged,
    PositionAdjusted,
    ReplaceRejected,
    RoomClosed,
    RoomOpened,
    SessionChanged,
    TenderClosed,
    TenderOffered,
)
from vtrade.domain.stream import (
    LEVELS,
    CandleBlock,
    Money,
    OrderNow,
    OrderTold,
    PrintRows,
    Quote,
    Snapshot,
)
from vtrade.execution.blotter import Record
from vtrade.execution.explain import Explanation
from vtrade.gamification.engine import ProgressEngine
from vtrade.gamification.state import dump
from vtrade.market.candles import Candle, Candles
from vtrade.market.load import SEEDED
from vtrade.market.prints import Prints
from vtrade.market.tape import TapeHead
from vtrade.services.access import PERMISSIONS, May, Role
from vtrade.services.shared import EngineLook, SharedRoom

PUBLIC: Final = (
    RoomOpened, Marked, SessionChanged, AuctionHeld, BandsMoved, ActionApplied, PlayChanged, RoomClosed,
)  # fmt: skip
"""Facts that everybody may know."""

OWN: Final = (
    AccountOpened, OrderDenied, OrderSubmitted, OrderAccepted, OrderRejected, OrderTriggered, Fill, OrderReplaced,
    OrderCanceled, OrderExpired, CancelRejected, ReplaceRejected, ActionRecorded, CashMoved, PositionAdjusted,
    CashSettled, MarginChanged, TenderOffered, TenderClosed,
)  # fmt: skip
"""Facts that only the account in them may know, beside staff."""

ADDRESSED: Final = (NewsPublished,)
"""Facts that belong to the account in them, or to everybody where there is none."""

PRINTS_TOLD: Final = 200
"""Prints of an instrument that a newcomer is told of, and the most that one frame tells."""

HIDDEN_ORDER: Final = -1
"""In place of the number of another participant's order."""

_STAFF: Final = frozenset(str(role) for role in Role if May.LOOK_AT_ALL in PERMISSIONS[role])
_SEEDED: Final = re.compile(r"^(synthetic market|synthetic|exchange)\b.*$", re.DOTALL)
_PEER: Final = re.compile(r"met order #-?\d+ of another participant")


def sees_all(role: str) -> bool:
    """Whether a role may look at every account; a word that is no role may not.

    Examples
    --------
    >>> sees_all("instructor"), sees_all("student"), sees_all("king")
    (True, False, False)
    """
    return role in _STAFF


def owner_of(fact: Fact) -> str | None:
    """The account that a fact belongs to; empty where everybody may know it, ``None`` where nobody may.

    Examples
    --------
    >>> owner_of(Marked(1, 0, ())), owner_of(NewsPublished(2, 0, "", "psst", "ana"))
    ('', 'ana')
    """
    kind = type(fact)
    if kind in PUBLIC:
        return ""
    if kind in OWN or kind in ADDRESSED:
        account: str = fact.account  # type: ignore[union-attr]
        # an account without a name would make its facts public
        return account or ("" if kind in ADDRESSED else None)
    return None


def as_public(fact: Fact) -> Fact:
    """A fact as participants see it."""
    if isinstance(fact, Fill) and fact.contra_order_id > 0:
        return msgspec.structs.replace(fact, contra_order_id=HIDDEN_ORDER)
    if isinstance(fact, RoomOpened):
        return msgspec.structs.replace(fact, tape=public_tape(fact.tape), forked_from="")
    return fact


def visible(facts: Iterable[Fact], *, account: str, role: str) -> list[Fact]:
    """The facts that somebody may know, as they may know them, in order."""
    if sees_all(role):
        return list(facts)
    owners = ("", account) if role == Role.STUDENT else ("",)
    return [as_public(fact) for fact in facts if owner_of(fact) in owners]


def public_tape(name: str) -> str:
    """The name of a tape without what would tell its future, or where the server keeps it.

    Examples
    --------
    >>> public_tape("synthetic:7"), public_tape("lobster:/srv/data/AMZN.zip"), public_tape("/srv/day.parquet")
    ('synthetic', 'lobster', 'recorded')
    >>> public_tape("sample:AAPL"), public_tape("exchange 7"), public_tape("AMZN 2012-06-21, 5 levels")
    ('sample:AAPL', 'exchange', 'AMZN 2012-06-21, 5 levels')
    """
    word, colon, rest = name.partition(":")
    if colon and word in SEEDED:
        return word
    if "/" in rest or "\\" in rest:
        return word
    if "/" in name or "\\" in name:
        return "recorded"
    return _SEEDED.sub(r"\1", name)


def public_head(head: TapeHead | None) -> TapeHead | None:
    """What participants may know of a tape."""
    return None if head is None else msgspec.structs.replace(head, name=public_tape(head.name))


def public_explanation(told: Explanation) -> Explanation:
    """An order's story without the numbers of other participants' orders.

    Examples
    --------
    >>> public_explanation(Explanation("Order 3", ["filled: met order #17 of another participant; fee 0.00"])).lines
    ['filled: met an order of another participant; fee 0.00']
    """
    return dataclasses.replace(
        told, lines=[_PEER.sub("met an order of another participant", line) for line in told.lines]
    )


# --- what a newcomer has to know -------------------------------------------------------------------------------------


def money_of(room: SharedRoom, account: str, moving: Iterable[str] = ()) -> Money:
    """An account's money; ``moving`` are orders whose change may not have arrived yet."""
    held = room.engine.accounts[account]
    return Money(
        held.cash, held.reserved, room.engine.buying_power(account), dict(held.balances),
        tuple(name for name in moving if room.on_its_way(account, name)),
    )  # fmt: skip


def order_now(room: SharedRoom, order_id: int) -> OrderNow:
    """How a working order stands; under the room's lock."""
    engine = room.engine
    place, waiting, stop = room.place(order_id), engine.waiting(order_id), engine.stop_price(order_id) or 0
    if place is None:
        ahead = engine.queue_ahead(order_id)
        return OrderNow(order_id, waiting, -1 if ahead is None else ahead, stop)
    return OrderNow(order_id, waiting, place.ahead, stop, place.low, place.high, place.why)


def quote_of(engine: EngineLook, k: int) -> Quote:
    """What the market shows of an instrument."""
    bids, asks = (tuple(engine.depth(k, side, LEVELS)) for side in (1, -1))
    return Quote(k, engine.session(k), engine.last(k), engine.touch(k), bids, asks)


def candle_block(candles: Candles, instruments: int, *, prints: Prints | None = None) -> CandleBlock:
    """All candles of a room, and its newest prints."""
    told = []
    for k in range(instruments):
        bars = np.array(candles.of(k), np.int64).reshape(-1, 6)
        told.append((candles.first(k), np.diff(bars, axis=0, prepend=0).astype("<i8").tobytes()))
    newest = (
        ()
        if prints is None
        else tuple(PrintRows(k, tuple(rows)) for k in range(instruments) if (rows := prints.of(k, last=PRINTS_TOLD)))
    )
    return CandleBlock(candles._bars, tuple(told), newest)


def newer_candles(candles: Candles, k: int, known: Candle | None) -> tuple[Candle, ...]:
    """Candles from ``known`` on, where that one changed, or after it; all of them without it.

    Only the last candle of an instrument changes, and new ones follow it.

    Examples
    --------
    >>> newer_candles(Candles(1), 0, None)
    ()
    """
    if known is None:
        return tuple(candles.of(k))
    look = 1
    while True:
        rows = candles.of(k, last=look)
        for n in range(len(rows) - 1, -1, -1):
            if rows[n][:2] == known[:2]:  # a candle's time and open never change
                return tuple(rows[n:]) if rows[n] != known else tuple(rows[n + 1 :])
        if len(rows) < look:
            return tuple(rows)
        look *= 8


def snapshot_for(room: SharedRoom, account: str, role: str) -> Snapshot:
    """A room as somebody may know it; call it under the room's lock.

    Parameters
    ----------
    room : SharedRoom
    account : str
        Empty for somebody who has none.
    role : str
        One of :class:`vtrade.services.access.Role`.
    """
    engine, staff = room.engine, sees_all(role)
    mine = account if role == Role.STUDENT and account in engine.accounts else ""
    names = tuple(engine.accounts) if staff else (mine,) if mine else ()
    blotter = room.blotter
    records = [r for r in blotter.records.values() if r.account in names]
    instruments = list(blotter._instruments.values())
    grids = list(dict.fromkeys([*instruments, *(r.instrument for r in records if r.instrument is not None)]))
    places = {grid: n for n, grid in enumerate(grids)}
    news = [n for n in room.news if staff or n.account in ("", mine)]
    working = [r for r in records if r.account == mine and r.working]
    return Snapshot(
        seq=room.seq,
        now_ns=room.now_ns,
        tape=engine.tape if staff else public_tape(engine.tape),
        forked_from=engine.forked_from if staff else "",
        instruments=tuple(engine.instruments),
        currencies=tuple(engine.currencies),
        rules=engine.rules,
        accounts={name: engine.accounts[name].limits for name in names},
        head=msgspec.msgpack.encode(room.head if staff else public_head(room.head)),
        grids=tuple(grids),
        listed=tuple(places[i] for i in instruments),
        orders=tuple(_order_told(r, places, staff=staff) for r in records),
        marks=dict(blotter._marks),
        bands=tuple(blotter._bands.values()),
        margins=tuple(m for name, m in blotter._margins.items() if name in names),
        portfolio=_portfolio(room, mine, staff=staff),
        progress=_progress(room.progress, frozenset(names)),
        news=tuple(news),
        tenders=tuple(t for t in room.tenders.values() if t.account in names),
        splits=dict(room.splits),
        play=None,
        money=money_of(room, mine, [r.client_order_id for r in working]) if mine else None,
        sessions=tuple(room.sessions),
        on_orders=tuple(order_now(room, r.order_id) for r in working),
    )


def _portfolio(room: SharedRoom, account: str, *, staff: bool) -> bytes:
    """Money as far as it may be known; empty where no account may be."""
    if staff:
        return room.portfolio.snapshot()
    return room.portfolio.snapshot_of(account) if account else b""


def _progress(progress: ProgressEngine, names: frozenset[str]) -> bytes:
    """Progress of these accounts, as the engine would have it in a room of theirs alone."""
    state = progress._state  # taken apart here, not copied: there may be hundreds of others in it
    return dump(
        msgspec.structs.replace(
            state,
            accounts={name: account for name, account in state.accounts.items() if name in names},
            orders={number: order for number, order in state.orders.items() if order.account in names},
            moved={name: None for name in state.moved if name in names},
        )
    )


def _order_told(r: Record, places: dict[Instrument, int], *, staff: bool) -> OrderTold:
    facts = r.facts if staff else [as_public(fact) for fact in r.facts]
    return OrderTold(
        r.account, r.client_order_id, r.order_id, -1 if r.instrument is None else places[r.instrument], r.symbol,
        r.side, r.type, r.tif, r.ts_ns, r.terms, r.arrival, r.decision, r.mark, r.quantity, r.quantity_units, r.limit,
        r.stop, r.limit_price, r.stop_price, r.filled, r.reason, r.detail, r.waiting, r.status, r.bands, tuple(facts),
        r.around,
    )  # fmt: skip
