"""Was this fill possible? What the feed alone has shown, kept apart from the engine.

Rules: lots of a level may be taken once each time the feed shows them as new (with resilience, more often); a print
fills no more than its size; a bar gives no more than its share and no price outside itself; each cause of a fill
belongs to certain rows.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from vtrade.domain import messages as msg
from vtrade.domain.orders import TERMINAL, Liquidity, OrderType, TimeInForce
from vtrade.domain.rules import Beyond, RoomRules
from vtrade.execution import layout as at
from vtrade.execution.engine import Engine
from vtrade.market.dtype import EVENT, Kind, SessionStatus

BARS = (Kind.BAR_OPEN, Kind.BAR_HIGH, Kind.BAR_LOW, Kind.BAR_CLOSE)
Level = tuple[int, int, int]


@dataclass
class Shadow:
    """The feed as it was shown, row by row; every message holds one row."""

    rules: RoomRules
    agents: bool = False
    """Whether agents trade: they have no order id."""
    shown: dict[Level, int] = field(default_factory=dict)
    offered: dict[Level, int] = field(default_factory=lambda: defaultdict(int))
    taken: dict[Level, int] = field(default_factory=lambda: defaultdict(int))
    bar: dict[int, list[int]] = field(default_factory=dict)
    most: dict[Level, int] = field(default_factory=lambda: defaultdict(int))
    """Largest total a level has shown since it last was empty."""
    dark: dict[Level, int] = field(default_factory=lambda: defaultdict(int))
    """Hidden lots taken there since then."""

    def _show(self, k: int, side: int, price: int, lots: int) -> None:
        before = self.shown.pop((k, side, price), 0)
        self.offered[k, side, price] += max(0, lots - before)
        if lots:
            self.shown[k, side, price] = lots
            self.most[k, side, price] = max(lots, self.most[k, side, price])
        else:
            self.most.pop((k, side, price), None)
            self.dark.pop((k, side, price), None)

    def check(self, engine: Engine, message: msg.Inbound, facts: list[msg.Fact]) -> None:
        """Compare what a message caused with what the feed has shown."""
        row = np.frombuffer(message.events, EVENT)[0] if isinstance(message, msg.MarketFrame) else None
        fills = [fact for fact in facts if isinstance(fact, msg.Fill)]
        if row is not None:  # what was on its way arrived before the row
            early = [fill for fill in fills if fill.ts_ns < row["ts_ns"]]
            self._fills(engine, early, None)
            fills = fills[len(early) :]
            if row["kind"] != Kind.STATUS:
                self._row(row)
        self._fills(engine, fills, row)
        if row is not None and row["kind"] == Kind.STATUS:  # what is for the close trades before it
            self._row(row)
        if not self.rules.resilience_ns:
            self._free(engine)
        self._lifetimes(engine, facts)

    def _fills(self, engine: Engine, fills: list[msg.Fill], row: np.void | None) -> None:
        for fill in fills:
            self._justified(fill, row)
            if fill.cause in ("depth", "cross"):
                k = engine.index(fill.symbol)
                assert k is not None
                level = (k, -fill.side, fill.evidence_px)
                self.taken[level] += fill.last_qty
                if not self.rules.resilience_ns:
                    assert self.taken[level] <= self.offered[level], f"{self.taken[level]} of {self.offered[level]}"
                assert fill.last_qty <= fill.evidence_qty
            elif fill.cause == "hidden":
                self._hidden(engine, fill)
        if row is not None and row["kind"] in (Kind.TRADE, Kind.EXECUTE):
            printed = sum(fill.last_qty for fill in fills if fill.cause in ("queue", "through"))
            assert printed <= row["quantity"], f"a print of {row['quantity']} filled {printed}"
        for side, symbol in {(fill.side, fill.symbol) for fill in fills}:
            called = [f for f in fills if f.cause == "auction" and (f.side, f.symbol) == (side, symbol)]
            assert not called or sum(f.last_qty for f in called) <= max(f.evidence_qty for f in called)
            assert len({fill.last_px for fill in called}) <= 1, "an auction has one price"
        self._bars(engine, row, [fill for fill in fills if fill.cause.startswith("bar")])

    def _hidden(self, engine: Engine, fill: msg.Fill) -> None:
        k = engine.index(fill.symbol)
        assert k is not None
        level = (k, -fill.side, fill.evidence_px)
        self.dark[level] += fill.last_qty
        most = self.most[level] * self.rules.hidden_ppm / 1_000_000
        assert self.dark[level] <= most + 1, f"{self.dark[level]} hidden lots behind {self.most[level]}"

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
                seen = self.most.get((k, s, price), 0), self.dark.get((k, s, price), 0)
                self._show(k, s, price, left - min(left, lots))
                if left > lots:
                    self.dark[k, s, price] = seen[1]
                self.most[k, s, price] = seen[0]  # until the level is stated it may be there yet, or be a new one
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
            assert kind in BARS or (kind == Kind.STATUS and fill.cause == "bar_close")
        elif fill.cause in ("depth", "hidden"):
            assert (fill.last_px - fill.evidence_px) * fill.side == fill.impact >= 0
            assert self.rules.impact_ppm or not fill.impact
        elif fill.cause == "beyond":
            assert self.rules.beyond == Beyond.SQUARE_ROOT
            assert (fill.last_px - fill.evidence_px) * fill.side >= 0
        elif fill.cause == "auction":
            assert kind in (Kind.STATUS, Kind.TRADE, None)
            assert fill.last_px == fill.evidence_px
        else:
            assert fill.cause == "peer"
            assert fill.last_px == fill.evidence_px
            assert fill.contra_order_id or self.agents, "nobody is on the other side"

    def _bars(self, engine: Engine, row: np.void | None, fills: list[msg.Fill]) -> None:
        opens = row is not None and row["kind"] == Kind.BAR_OPEN
        if row is not None and row["kind"] in BARS:
            k, price = int(row["instrument"]), int(row["price"])
            if opens:
                self.bar[k] = [int(row["quantity"]) * self.rules.bar_volume_share_ppm // 1_000_000, price, price]
            left, low, high = self.bar[k]
            self.bar[k] = [left, min(low, price), max(high, price)]
        for fill in fills:
            number = engine.index(fill.symbol)
            assert number is not None
            left, low, high = self.bar[number]
            self.bar[number][0] -= fill.last_qty
            assert fill.last_qty <= left, "a bar gave more than its share"
            assert low <= fill.last_px <= high, f"a fill at {fill.last_px} in a bar from {low} to {high}"
            if opens and row is not None:
                assert fill.last_px == row["price"]

    def _free(self, engine: Engine) -> None:
        book = engine._book
        for k in range(len(engine.instruments)):
            base = int(book.inst[k, at.BASE])
            for s, side in ((0, 1), (1, -1)):
                free = book.level[k, s, :, at.QTY] - book.level[k, s, :, at.TAKEN]
                for p in np.flatnonzero(free):
                    level = (k, side, base + int(p))
                    assert free[p] <= self.offered[level] - self.taken[level], f"{level} offers the same lots twice"

    def _lifetimes(self, engine: Engine, facts: list[msg.Fact]) -> None:
        for accepted in facts:
            if not isinstance(accepted, msg.OrderAccepted) or accepted.type not in (OrderType.MARKET, OrderType.LIMIT):
                continue
            filled = sum(f.last_qty for f in facts if isinstance(f, msg.Fill) and f.order_id == accepted.order_id)
            if accepted.time_in_force == TimeInForce.FOK:
                assert filled in (0, accepted.quantity), "a FOK order is filled in part"
            if accepted.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
                assert engine.accounts[accepted.account].ids.get(accepted.client_order_id) in TERMINAL
            if accepted.terms is not None and accepted.terms.post_only:
                took = [f for f in facts if isinstance(f, msg.Fill) and f.order_id == accepted.order_id]
                assert all(f.liquidity == Liquidity.MAKER for f in took), "a post-only order took"
