"""Was this fill possible? What the feed alone has shown, kept apart from the engine.

Rules: lots of a level may be taken once each time the feed shows them as new; a print fills no more than its size; a
bar gives no more than its share and no price outside itself; each cause of a fill belongs to certain rows.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from vtrade.domain import messages as msg
from vtrade.domain.orders import TERMINAL, OrderType, TimeInForce
from vtrade.execution import layout as at
from vtrade.execution.engine import Engine
from vtrade.market.dtype import EVENT, Kind, SessionStatus

BARS = (Kind.BAR_OPEN, Kind.BAR_HIGH, Kind.BAR_LOW, Kind.BAR_CLOSE)
Level = tuple[int, int, int]


@dataclass
class Shadow:
    """The feed as it was shown, row by row; every message holds one row."""

    share_ppm: int
    shown: dict[Level, int] = field(default_factory=dict)
    offered: dict[Level, int] = field(default_factory=lambda: defaultdict(int))
    taken: dict[Level, int] = field(default_factory=lambda: defaultdict(int))
    bar: dict[int, list[int]] = field(default_factory=dict)

    def _show(self, k: int, side: int, price: int, lots: int) -> None:
        before = self.shown.pop((k, side, price), 0)
        self.offered[k, side, price] += max(0, lots - before)
        if lots:
            self.shown[k, side, price] = lots

    def check(self, engine: Engine, message: msg.Inbound, facts: list[msg.Fact]) -> None:
        """Compare what a message caused with what the feed has shown."""
        row = np.frombuffer(message.events, EVENT)[0] if isinstance(message, msg.MarketFrame) else None
        if row is not None:
            self._row(row)
        fills = [fact for fact in facts if isinstance(fact, msg.Fill)]
        for fill in fills:
            self._justified(fill, row)
            if fill.cause in ("depth", "cross"):
                k = engine.index(fill.symbol)
                assert k is not None
                level = (k, -fill.side, fill.evidence_px)
                self.taken[level] += fill.last_qty
                assert self.taken[level] <= self.offered[level], f"{self.taken[level]} of {self.offered[level]} taken"
                assert fill.last_qty <= fill.evidence_qty
        if row is not None and row["kind"] in (Kind.TRADE, Kind.EXECUTE):
            printed = sum(fill.last_qty for fill in fills if fill.cause in ("queue", "through"))
            assert printed <= row["quantity"], f"a print of {row['quantity']} filled {printed}"
        self._bars(engine, row, fills)
        self._free(engine)
        self._lifetimes(engine, message, facts)

    def _row(self, row: np.void) -> None:
        k, side, price, lots = (int(row[name]) for name in ("instrument", "side", "price", "quantity"))
        kind = Kind(row["kind"])
        old = self.shown.get((k, side, price), 0)
        if kind == Kind.ADD:
            self._show(k, side, price, old + lots)
        elif kind in (Kind.REDUCE, Kind.DELETE, Kind.EXECUTE):
            self._show(k, side, price, old - min(old, lots))
        elif kind == Kind.LEVEL:
            self._show(k, side, price, lots)
        elif kind == Kind.QUOTE:
            for other in [p for n, s, p in self.shown if (n, s) == (k, side) and (p != price or lots == 0)]:
                self._show(k, side, other, 0)
            if lots:
                self._show(k, side, price, lots)
        elif kind == Kind.TRADE:
            for s in (1, -1):  # what a level shows next counts from what the print left
                left = self.shown.get((k, s, price), 0)
                self._show(k, s, price, left - min(left, lots))
        elif kind == Kind.STATUS and lots == SessionStatus.CLOSED:
            for level in [level for level in self.shown if level[0] == k]:
                self._show(*level, 0)

    def _justified(self, fill: msg.Fill, row: np.void | None) -> None:
        kind = None if row is None else Kind(row["kind"])
        if fill.cause in ("queue", "through"):
            assert row is not None
            assert kind in (Kind.TRADE, Kind.EXECUTE)
            assert (fill.evidence_px, fill.evidence_qty) == (row["price"], row["quantity"])
            better = (fill.last_px - fill.evidence_px) * fill.side
            assert better == 0 if fill.cause == "queue" else better > 0
        elif fill.cause == "cross":
            assert kind in (Kind.ADD, Kind.LEVEL, Kind.QUOTE, Kind.STATUS, None)
            assert (fill.last_px - fill.evidence_px) * fill.side >= 0
        elif fill.cause.startswith("bar"):
            assert kind in BARS
        elif fill.cause == "depth":
            assert fill.last_px == fill.evidence_px
        else:
            assert fill.cause == "peer"
            assert fill.contra_order_id

    def _bars(self, engine: Engine, row: np.void | None, fills: list[msg.Fill]) -> None:
        if row is None or row["kind"] not in BARS:
            return
        k, price = int(row["instrument"]), int(row["price"])
        if row["kind"] == Kind.BAR_OPEN:
            self.bar[k] = [int(row["quantity"]) * self.share_ppm // 1_000_000, price, price]
        left, low, high = self.bar[k]
        low, high = min(low, price), max(high, price)
        left -= sum(fill.last_qty for fill in fills)
        assert left >= 0, "a bar gave more than its share"
        for fill in fills:
            assert low <= fill.last_px <= high, f"a fill at {fill.last_px} in a bar from {low} to {high}"
            if row["kind"] == Kind.BAR_OPEN:
                assert fill.last_px == price
        self.bar[k] = [left, low, high]

    def _free(self, engine: Engine) -> None:
        book = engine._book
        for k in range(len(engine.instruments)):
            base = int(book.inst[k, at.BASE])
            for s, side in ((0, 1), (1, -1)):
                free = book.level[k, s, :, at.QTY] - book.level[k, s, :, at.TAKEN]
                for p in np.flatnonzero(free):
                    level = (k, side, base + int(p))
                    assert free[p] <= self.offered[level] - self.taken[level], f"{level} offers the same lots twice"

    def _lifetimes(self, engine: Engine, message: msg.Inbound, facts: list[msg.Fact]) -> None:
        if not isinstance(message, msg.SubmitOrder):
            return
        plain = message.type in (OrderType.MARKET, OrderType.LIMIT)
        if message.time_in_force == TimeInForce.FOK and plain:
            fills = [
                f.last_qty for f in facts if isinstance(f, msg.Fill) and f.client_order_id == message.client_order_id
            ]
            whole = [f.quantity for f in facts if isinstance(f, msg.OrderAccepted)]
            assert not fills or [sum(fills)] == whole, "a FOK order is filled in part"
        if message.time_in_force in (TimeInForce.IOC, TimeInForce.FOK) and plain:
            assert engine.accounts[message.account].ids.get(message.client_order_id) in TERMINAL
