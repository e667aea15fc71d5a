"""Short ways to say rows, orders and rooms in tests that are no scenarios."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from vtrade.domain import messages as msg
from vtrade.domain.accounts import NO_LIMITS, RiskLimits
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.domain.values import MICRO, Number, to_micros
from vtrade.execution.engine import Engine
from vtrade.market.dtype import EVENT, Kind

ACME = Instrument.make("ACME")
BUY, SELL = Side.BUY, Side.SELL
Row = tuple[int, int, int, int, int, int, int, int]


def row(kind: Kind, side: int = 0, price: int = 0, lots: int = 0, *, oid: int = 0, k: int = 0, ts: int = 1) -> Row:
    """One row of the feed, in ticks and lots."""
    return (ts, price, lots, oid, k, int(kind), side, 0)


def frame(*rows: Row) -> msg.MarketFrame:
    """Rows as one message."""
    events = np.array(list(rows), EVENT)
    return msg.MarketFrame(int(events["ts_ns"][-1]) if rows else 0, events.tobytes())


def levels(side: int, prices: Iterable[int], lots: int = 1, *, k: int = 0) -> msg.MarketFrame:
    """A frame that shows ``lots`` at each price."""
    return frame(*(row(Kind.LEVEL, side, price, lots, k=k) for price in prices))


def room(*instruments: Instrument, rules: msg.RoomRules | None = None) -> Engine:
    """A room with an account ``free`` without limits."""
    engine = Engine()
    engine.process(msg.OpenRoom(0, "room", instruments or (ACME,), rules or msg.RoomRules()))
    join(engine, "free", limits=NO_LIMITS)
    return engine


def join(engine: Engine, name: str, *, cash: Number = 1_000_000, limits: RiskLimits | None = None) -> None:
    """Open an account, with the default limits unless others are given."""
    engine.process(msg.OpenAccount(0, name, to_micros(cash), "USD", limits or RiskLimits()))


def order(
    name: str, side: Side, units: Number, *, limit: Number | None = None, stop: Number | None = None,
    account: str = "free", symbol: str = "ACME", tif: TimeInForce = TimeInForce.DAY, kind: OrderType | None = None,
    ts: int = 1,
) -> msg.SubmitOrder:  # fmt: skip
    """An order in whole units; its type follows from the prices given."""
    kinds = {(False, False): OrderType.MARKET, (True, False): OrderType.LIMIT, (False, True): OrderType.STOP_MARKET,
             (True, True): OrderType.STOP_LIMIT}  # fmt: skip
    return msg.SubmitOrder(
        ts, account, name, symbol, side, kind or kinds[limit is not None, stop is not None],
        round(float(units) * MICRO) if isinstance(units, float) else int(units) * MICRO,
        None if limit is None else to_micros(limit), None if stop is None else to_micros(stop), tif,
    )  # fmt: skip


def fills(facts: Iterable[msg.Fact]) -> list[tuple[str, int, int]]:
    """``(client_order_id, price, lots)`` of each fill."""
    return [(f.client_order_id, f.last_px, f.last_qty) for f in facts if isinstance(f, msg.Fill)]
