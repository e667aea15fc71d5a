"""Does a market order pay in the engine what it paid in the market?

Rules:

- A taker is what the tape shows of one aggressive order: its executions against visible orders of one side at one
  nanosecond. Two orders of that very nanosecond count as one; executions of hidden orders do not count, as the book
  does not show them.
- The engine gets the rows up to one nanosecond before, and then a market order of the same side and size. For single
  executions it gets all rows before that one.
- What the order took is given back before the tape goes on, so each taker meets the market as it was recorded.
- A taker within the visible levels must pay the same to the tick, on average; what goes beyond is priced by the
  square-root rule, and its error counts in basis points, positive where the engine is dearer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vtrade.bench.fresh import BenchError
from vtrade.domain.accounts import NO_LIMITS
from vtrade.domain.messages import Fill, MarketFrame, OpenAccount, OpenRoom, SubmitOrder
from vtrade.domain.orders import OrderType, Side
from vtrade.domain.rules import Beyond, RoomRules
from vtrade.execution import layout as at
from vtrade.execution.engine import Engine
from vtrade.market.dtype import Events, Kind
from vtrade.market.tape import Tape

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

CASH: Final = 10**16
BPS: Final = 1e4
_BEYOND: Final = at.CAUSES[at.BEYOND]


@dataclass(frozen=True, kw_only=True)
class Takers:
    """Aggressive orders of a tape, in time order.

    Attributes
    ----------
    before : (n,) int64
        How many rows the market had seen.
    side : (n,) int64
        1 for a buyer.
    lots, cost : (n,) int64
        Lots, and ticks times lots that they cost.
    """

    before: Ints
    side: Ints
    lots: Ints
    cost: Ints

    def __len__(self) -> int:
        return len(self.before)


@dataclass(frozen=True, kw_only=True)
class Paid:
    """What the engine made of the takers.

    Attributes
    ----------
    same : (n,) bool
        Whether the whole order cost the same, to the tick.
    within : (n,) bool
        Whether the visible levels were enough.
    error_bps : (n,) float64
        By how much its average price was worse, in the taker's eyes, than the tape's.
    """

    same: Flags
    within: Flags
    error_bps: NDArray[np.float64]


def takers(events: Events, *, single: bool = False) -> Takers:
    """The aggressive orders of a tape with order ids; with ``single`` each execution is one.

    Examples
    --------
    >>> from vtrade.market.dtype import empty_events
    >>> rows = empty_events(4)
    >>> rows["ts_ns"], rows["kind"], rows["side"] = (1, 5, 5, 9), (Kind.ADD, *3 * [Kind.EXECUTE]), -1
    >>> rows["price"], rows["quantity"] = (11, 10, 11, 10), (9, 3, 4, 5)
    >>> found = takers(rows)
    >>> found.before.tolist(), found.lots.tolist(), found.cost.tolist()
    ([1, 3], [7, 5], [74, 50])
    >>> takers(rows, single=True).before.tolist()
    [1, 2, 3]
    """
    rows = np.flatnonzero(events["kind"] == Kind.EXECUTE)
    times, sides = events["ts_ns"][rows], events["side"][rows].astype(np.int64)
    new = np.ones(len(rows), np.bool_)
    if not single:
        new[1:] = (np.diff(times) != 0) | (np.diff(sides) != 0)
    first = np.flatnonzero(new)
    lots = events["quantity"][rows]
    before = rows[first] if single else np.searchsorted(events["ts_ns"], times[first], side="left")
    return Takers(
        before=before.astype(np.int64), side=-sides[first], lots=_sums(lots, first),
        cost=_sums(lots * events["price"][rows], first),
    )  # fmt: skip


def _sums(values: Ints, first: Ints) -> Ints:
    return np.add.reduceat(values, first) if len(first) else values


def in_engine(tape: Tape, orders: Takers) -> Paid:
    """Send each taker into the engine, at its moment, and compare what it pays."""
    engine = Engine()
    instrument = tape.instruments[0]
    engine.process(OpenRoom(0, "fidelity", tape.instruments, rules=RoomRules(beyond=Beyond.SQUARE_ROOT)))
    engine.process(OpenAccount(0, "taker", CASH, limits=NO_LIMITS))
    events, done = tape.events, 0
    cost, within = np.zeros(len(orders), np.int64), np.ones(len(orders), np.bool_)
    columns = (orders.before, orders.side, orders.lots)
    for number, (before, side, lots) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        if before > done:
            engine.process(MarketFrame(int(events["ts_ns"][before - 1]), events[done:before].tobytes()))
            done = before
        facts = engine.process(
            SubmitOrder(
                engine.now, "taker", f"t{number}", instrument.symbol, Side(side), OrderType.MARKET,
                lots * instrument.lot_size,
            )
        )  # fmt: skip
        fills = [fact for fact in facts if isinstance(fact, Fill)]
        if sum(fact.last_qty for fact in fills) != lots:
            raise BenchError(
                f"{tape.name}: a market order of {lots} lots after row {before} does not fill: {facts[-1]}"
            )
        cost[number] = sum(fact.last_px * fact.last_qty for fact in fills)
        within[number] = all(fact.cause != _BEYOND for fact in fills)
        _give_back(engine, side, fills)
    average, should = cost / orders.lots, orders.cost / orders.lots
    error = (average - should) / should * orders.side * BPS
    return Paid(same=cost == orders.cost, within=within, error_bps=error)


def _give_back(engine: Engine, side: int, fills: list[Fill]) -> None:
    """The feed shows again what an order took."""
    book = engine._book
    other = 1 if side > 0 else 0
    for fact in fills:
        if fact.cause != _BEYOND:
            book.level[0, other, fact.last_px - int(book.inst[0, at.BASE]), at.TAKEN] = 0
    book.inst[0, at.BEYOND_LOTS + other] = 0
