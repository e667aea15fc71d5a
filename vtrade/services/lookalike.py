"""What does a desk look at where the engine is somewhere else? Stand-ins that are filled from a gateway's frames.

Rules: a stand-in answers as the real thing would, or refuses in one sentence; it never makes anything up. What the
stream tells of the market is as new as its last frame, what it tells of one's own orders as new as their last fact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from vtrade.domain.accounts import RiskLimits
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import Fill, OrderTerms, RoomOpened, RoomRules
from vtrade.domain.orders import Reason, Side
from vtrade.domain.stream import LEVELS, CandleBlock, CandleRows, Level, Market, Money, OrderNow, Quote, Snapshot
from vtrade.errors import DeskError
from vtrade.execution.blotter import Blotter, Record
from vtrade.execution.places import TOTALS, QueuePlace
from vtrade.market.candles import CANDLES_MAX, Candles
from vtrade.market.tape import TapeHead
from vtrade.portfolio.engine import PortfolioEngine

NO_MONEY: Final = Money(0, 0, 0, {})
_DARK: Final = Quote(-1, "OPEN", 0, (0, 0, 0, 0))

NOT_HERE: Final = (
    "the state of this room is with its gateway, not here: its instructor exports the journal, which "
    "vtrade.verify(path) checks"
)


class KnownIds(Mapping[str, object]):
    """Every ``client_order_id`` of an account that was used, also where what became of it is not known yet."""

    def __init__(self, account: str, blotter: Blotter, pending: Mapping[str, object]) -> None:
        self._account, self._blotter, self._pending = account, blotter, pending

    def __contains__(self, name: object) -> bool:
        return (self._account, name) in self._blotter.records or name in self._pending

    def __getitem__(self, name: str) -> object:
        record = self._blotter.records.get((self._account, name))
        return self._pending[name] if record is None else record.status

    def __iter__(self) -> Iterator[str]:
        yield from dict.fromkeys([*(r.client_order_id for r in self._blotter.of(self._account)), *self._pending])

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True)
class AccountMirror:
    """An account as the gateway tells it; see :class:`vtrade.services.shared.AccountLook`."""

    name: str
    limits: RiskLimits
    ids: KnownIds
    money: Money | None

    def _told(self) -> Money:
        if self.money is None:
            raise DeskError(f"what {self.name!r} has reserved is told to {self.name!r} alone; ask the gateway's pages")
        return self.money

    @property
    def cash(self) -> int:
        """Money in the account's own currency, micro-units."""
        return self._told().cash

    @property
    def reserved(self) -> int:
        """What working orders tie up, micro-units."""
        return self._told().reserved

    @property
    def balances(self) -> Mapping[str, int]:
        """Money by currency, micro-units."""
        return dict(self._told().balances)


@dataclass(frozen=True)
class OrderMirror:
    """A working order; see :class:`vtrade.services.shared.OrderLook`."""

    order_id: int
    k: int
    side: Side
    limit: int | None
    leaves: int
    terms: OrderTerms | None
    account: AccountMirror


class EngineMirror:
    """What may be asked of an engine, from what a gateway told; see :class:`vtrade.services.shared.EngineLook`.

    Parameters
    ----------
    account : str
        Whose desk this is; empty where it is nobody's.
    told : Snapshot
    blotter : Blotter
        Kept up to date by whoever feeds this.
    pending : mapping
        Names of orders that were sent, and of which nothing is known yet.
    before : EngineMirror, optional
        The one whose place this takes: its quotes stand until newer ones come.
    """

    def __init__(
        self, account: str, told: Snapshot, blotter: Blotter, pending: Mapping[str, object], *,
        before: EngineMirror | None = None,
    ) -> None:  # fmt: skip
        self.rules: RoomRules = told.rules
        self.tape = told.tape
        self.forked_from = told.forked_from
        self.now = told.now_ns
        self.money = told.money or NO_MONEY
        self._account = account
        self._blotter = blotter
        self._pending = pending
        self._limits = dict(told.accounts)
        self._quotes: dict[int, Quote] = {} if before is None else before._quotes
        self._now: dict[int, OrderNow] = {order.order_id: order for order in told.on_orders}
        self.trades(told.instruments, told.currencies)

    def trades(self, instruments: Sequence[Instrument], currencies: Sequence[str]) -> None:
        """The room trades these now."""
        self.instruments = tuple(instruments)
        self.currencies: Sequence[str] = tuple(currencies)
        self._index = {instrument.symbol: k for k, instrument in enumerate(self.instruments)}

    # --- what the frames tell ----------------------------------------------------------------------------------------

    def see(self, market: Market) -> None:
        """The market is so now."""
        self.now = max(self.now, market.now_ns)
        if market.instruments is not None and market.currencies is not None:
            self.trades(market.instruments, market.currencies)
        for quote in market.quotes:
            self._quotes[quote.k] = quote

    def stand(self, orders: Sequence[OrderNow]) -> None:
        """One's own working orders stand so now."""
        self._now = {order.order_id: order for order in orders}

    def joined(self, account: str) -> None:
        """Somebody opened an account; for the desks of staff."""
        self._limits.setdefault(account, RiskLimits())

    # --- what a desk asks --------------------------------------------------------------------------------------------

    @property
    def accounts(self) -> Mapping[str, AccountMirror]:
        """The accounts that may be known here."""
        return {name: self._mirror(name) for name in self._limits}

    def _mirror(self, name: str) -> AccountMirror:
        ids = KnownIds(name, self._blotter, self._pending if name == self._account else {})
        return AccountMirror(name, self._limits[name], ids, self.money if name == self._account else None)

    @property
    def orders(self) -> Mapping[int, OrderMirror]:
        """Working orders that may be known here, by number."""
        mirrors: dict[str, AccountMirror] = {}
        found: dict[int, OrderMirror] = {}
        for r in self._blotter.records.values():
            k = self._index.get(r.symbol) if r.working and r.order_id else None
            if k is not None and r.account in self._limits:
                owner = mirrors.get(r.account) or mirrors.setdefault(r.account, self._mirror(r.account))
                found[r.order_id] = OrderMirror(r.order_id, k, r.side, r.limit, r.leaves, r.terms, owner)
        return found

    def index(self, symbol: str) -> int | None:
        """Number of a symbol's instrument, or ``None``."""
        return self._index.get(symbol)

    def _quote(self, k: int) -> Quote:
        return self._quotes.get(k, _DARK)

    def touch(self, k: int) -> tuple[int, int, int, int]:
        """Bid, bid size, ask, ask size in ticks and lots; 0 where a side is empty."""
        return self._quote(k).touch

    def depth(self, k: int, side: int, levels: int) -> list[Level]:
        """Best levels of a side (+1 bids, -1 asks).

        Raises
        ------
        DeskError
            If more levels are asked for than are streamed, and there may be more.
        """
        quote = self._quote(k)
        rows = quote.bids if side > 0 else quote.asks
        if levels > LEVELS <= len(rows):
            raise DeskError(f"a gateway streams {LEVELS} levels of each side, not {levels}; ask for {LEVELS} or fewer")
        return list(rows[:levels])

    def last(self, k: int) -> int:
        """Last print in ticks, 0 before the first."""
        return self._quote(k).last

    def session(self, k: int) -> str:
        """``OPEN``, ``CLOSED``, ``HALTED`` or ``AUCTION``."""
        return self._quote(k).session

    def _order(self, order_id: int) -> Record | None:
        record = self._blotter.find(self._account, order_id) if order_id else None
        return record if record is not None and record.working else None

    def queue_ahead(self, order_id: int) -> int | None:
        """Lots that trade before a resting order; ``None`` where it does not rest in a queue."""
        now = self._now.get(order_id)
        return None if now is None or now.queue_ahead < 0 or self._order(order_id) is None else now.queue_ahead

    def place(self, order_id: int) -> QueuePlace | None:
        """Where a resting order stands; an older gateway tells no bounds, so none are known."""
        ahead, now = self.queue_ahead(order_id), self._now.get(order_id)
        if ahead is None or now is None:
            return None
        return QueuePlace(ahead, now.low, now.high, now.why) if now.why else QueuePlace(ahead, 0, -1, TOTALS)

    def waiting(self, order_id: int) -> Reason:
        """Why a working order waits; ``NONE`` for one that does not work."""
        record, now = self._order(order_id), self._now.get(order_id)
        if record is None:
            return Reason.NONE
        return record.waiting if now is None else now.waiting

    def stop_price(self, order_id: int) -> int | None:
        """Where a stop stands, in ticks."""
        record, now = self._order(order_id), self._now.get(order_id)
        if record is None:
            return None
        return record.stop if now is None else now.stop or None

    def buying_power(self, account: str) -> int:
        """Micro-units the account can still commit."""
        if account != self._account:
            raise DeskError(f"the buying power of {account!r} is told to {account!r} alone; ask the gateway's pages")
        return self.money.buying_power

    def state_hash(self) -> str:
        """Refused: the state is elsewhere."""
        raise DeskError(NOT_HERE)


# --- projections that begin in the middle ----------------------------------------------------------------------------


class BlotterMirror(Blotter):
    """A blotter that begins with a snapshot; it is one, hence the inheritance."""

    def __init__(self, told: Snapshot) -> None:
        super().__init__()
        listed = [told.grids[n] for n in told.listed]
        self._instruments = {instrument.symbol: instrument for instrument in listed}
        self._marks = dict(told.marks)
        self._bands = {bands.symbol: bands for bands in told.bands}
        self._margins = {margin.account: margin for margin in told.margins}
        for order in told.orders:
            record = Record.__new__(Record)
            for name in order.__struct_fields__:
                setattr(record, name, getattr(order, name))
            record.instrument = told.grids[order.instrument] if order.instrument >= 0 else None
            record.facts = list(order.facts)
            record.fills = [fact for fact in record.facts if isinstance(fact, Fill)]
            record.notional = sum(fill.last_px * fill.last_qty for fill in record.fills)
            record.fees = sum(fill.fee for fill in record.fills)
            self.records[record.account, record.client_order_id] = record
            if record.order_id:
                self._by_order_id[record.order_id] = record
            if record.working:
                self._working.setdefault(record.symbol, {})[record.order_id] = record


class CandlesMirror(Candles):
    """Candles that a gateway tells of; they are some, hence the inheritance."""

    def __init__(self, told: CandleBlock, *, bars: bool = False) -> None:
        super().__init__(len(told.instruments))
        self._bars = told.bars or bars
        self._first = [first for first, _ in told.instruments]
        for k, (_, data) in enumerate(told.instruments):
            self._rows[k] = np.cumsum(np.frombuffer(data, "<i8").reshape(-1, 6), axis=0).tolist()

    def put(self, told: CandleRows) -> None:
        """Candles that are new, or changed."""
        while len(self._rows) <= told.k:
            self._rows.append([])
            self._first.append(0)
        rows = self._rows[told.k]
        self._first[told.k] = told.first
        at = len(rows)
        while at and (rows[at - 1][0], rows[at - 1][1]) != told.rows[0][:2] and rows[at - 1][0] >= told.rows[0][0]:
            at -= 1
        same = at and (rows[at - 1][0], rows[at - 1][1]) == told.rows[0][:2]
        del rows[at - 1 if same else at :]
        rows += [list(row) for row in told.rows]
        if len(rows) > CANDLES_MAX:
            del rows[: len(rows) - CANDLES_MAX]


def portfolio_of(told: Snapshot) -> PortfolioEngine:
    """The money that a snapshot tells of; where it tells of nobody's, a room in which nobody has any."""
    if told.portfolio:
        return PortfolioEngine.restore(told.portfolio)
    engine = PortfolioEngine()
    engine.apply(RoomOpened(1, 0, "", told.instruments))
    return engine


def head_of(told: Snapshot) -> TapeHead | None:
    """What may be known of the tape."""
    head: TapeHead | None = msgspec.msgpack.decode(told.head, type=TapeHead | None)
    return head
