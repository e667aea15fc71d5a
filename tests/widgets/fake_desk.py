"""What does a panel need from a desk? A made-up one: three symbols that walk at random, from a seed, with no engine.

It speaks the three words a panel uses (``view``, ``handle``, ``on_change``) in the same form as the real desk, so the
panel can be tested, and looked at, before and without it. Money is roughly right and nothing more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

TICK = 0.01
BAR_S = 60
FEE = 0.005
WORKING = ("ACCEPTED", "PARTIALLY_FILLED")
LISTED = {
    "ACME": ("Acme Industries", "Industrials", 100.0),
    "BOLT": ("Bolt Energy", "Energy", 42.5),
    "CORA": ("Cora Health", "Health care", 263.0),
}


class FakeMarket:
    """One symbol: a walking price, a book around it, and bars."""

    def __init__(self, symbol: str, *, seed: int, start_s: int) -> None:
        self.symbol = symbol
        self.name, self.sector, price = LISTED[symbol]
        self.luck = Random(f"{symbol}/{seed}")
        self.mid = self.open = price
        self.bars: list[list[float]] = []
        for index in range(180):
            for _ in range(12):
                self.move(start_s - (180 - index) * BAR_S)

    def move(self, now_s: float) -> None:
        """One step of the walk."""
        self.mid = round(self.mid + self.luck.choice((-2, -1, 0, 0, 0, 0, 0, 0, 1, 2)) * TICK, 2)
        at, size = now_s // BAR_S * BAR_S, self.luck.randrange(1, 9) * 100
        if not self.bars or self.bars[-1][0] != at:
            self.bars.append([at, self.mid, self.mid, self.mid, self.mid, 0])
        bar = self.bars[-1]
        bar[2], bar[3], bar[4], bar[5] = max(bar[2], self.mid), min(bar[3], self.mid), self.mid, bar[5] + size
        sizes = [self.luck.randrange(1, 12) * 100 for _ in range(24)]
        self.bids = [[round(self.mid - (1 + i) * TICK, 2), sizes[i] + 60 * i] for i in range(12)]
        self.asks = [[round(self.mid + (1 + i) * TICK, 2), sizes[12 + i] + 60 * i] for i in range(12)]


class FakeDesk:
    """A desk to test panels with.

    Parameters
    ----------
    seed : int
    hz : float
        Steps of the market per second of real time while it plays.
    empty : bool
        No prices, no depth, nobody: what a desk shows before anything happened.
    """

    def __init__(self, *, seed: int = 7, hz: float = 20.0, empty: bool = False) -> None:
        self.hz, self.empty, self.closed = hz, empty, False
        self.playing, self.speed, self.now_s, self.seq = False, 1.0, 9 * 3600 + 45 * 60.0, 0
        self.symbols = list(LISTED)
        self.markets = {symbol: FakeMarket(symbol, seed=seed, start_s=int(self.now_s)) for symbol in LISTED}
        self.cash, self.fees = 1_000_000.0, 0.0
        self.held: dict[str, list[float]] = {}
        self.book: list[dict[str, Any]] = []
        self.headlines = [
            {"id": 1, "time": "09:41:10", "symbol": "ACME", "headline": "Acme Industries wins an order for 400 anvils"}
        ]
        self.handled: list[dict[str, Any]] = []
        self.callbacks: list[Callable[[], None]] = []
        self.lock = threading.RLock()
        self.stop = threading.Event()
        threading.Thread(target=self._play, daemon=True).start()

    # --- what a panel uses ----------------------------------------------------------------------------------------

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    def handle(self, intent: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            self.handled.append(intent)
            acts = {
                "submit": self._submit, "cancel": self._cancel, "replace": self._replace, "close": self._close_position,
                "play": self._start, "pause": self._pause, "step": self._step, "rewind": self._rewind,
            }  # fmt: skip
            notice = acts[intent["intent"]](intent)
        self.changed()
        return notice

    def view(
        self, symbol: str | None = None, *, levels: int = 10, bars: int = 120,
        sections: Iterable[str] | None = None, **_look: Any,
    ) -> dict[str, Any]:  # fmt: skip
        whole = self._whole(symbol, levels, bars)
        return whole if sections is None else {name: whole.get(name) for name in sections}

    def _whole(self, symbol: str | None, levels: int, bars: int) -> dict[str, Any]:
        with self.lock:
            market = self.markets[symbol or self.symbols[0]]
            self.seq += 1
            return {
                "seq": self.seq,
                "clock": {
                    "time": self._time(), "date": "2012-06-21", "playing": self.playing, "speed": self.speed,
                    "ended": False, "progress": min(1.0, (self.now_s - 34200) / 23400), "forked": "",
                },
                "symbols": [
                    {**self._listing(market), "last": market.mid, "change_pct": self._percent(market)}
                    for market in self.markets.values()
                ],
                "symbol": market.symbol,
                "instrument": {
                    **self._listing(market), "currency": "USD",
                    "tick": TICK, "lot": 1.0, "decimals": 2,
                },
                **self._market_sections(market, levels, bars),
                "orders": [dict(order) for order in reversed(self.book)][:50],
                "positions": [self._position(name) for name in self.held],
                "account": self._account(),
                "standings": self._standings(),
                "progress": {
                    "level": 2, "xp": 340, "next_level_xp": 600, "badges": ["first_fill", "patient_maker"],
                    "missions": [
                        {"name": "Fill a limit order without crossing the spread", "done": 1, "goal": 1},
                        {"name": "Review five orders", "done": 2, "goal": 5},
                    ],
                },
                "ticket": {
                    "types": ["market", "limit", "stop_market", "stop_limit"], "tifs": ["DAY", "GTC", "IOC", "FOK"],
                },
                "news": [] if self.empty else self.headlines[-5:][::-1],
            }  # fmt: skip

    def changed(self) -> None:
        for callback in list(self.callbacks):
            callback()

    def tick(self, seconds: float = 0.5) -> None:
        """Move every market once."""
        with self.lock:
            self.now_s += seconds
            for market in self.markets.values():
                market.move(self.now_s)
            for order in self.book:
                if order["status"] in WORKING:
                    self._try(order)
        self.changed()

    def shut(self) -> None:
        self.closed = True
        self.stop.set()
        self.changed()

    # --- inside ---------------------------------------------------------------------------------------------------

    def _play(self) -> None:
        while not self.stop.wait(1 / self.hz):
            if self.playing:
                self.tick(self.speed / self.hz)

    def _market_sections(self, market: FakeMarket, levels: int, bars: int) -> dict[str, Any]:
        if self.empty:
            nothing: dict[str, list[float]] = {name: [] for name in "tohlcv"}
            quote = dict.fromkeys(("bid", "bid_size", "ask", "ask_size", "last", "change", "change_pct", "spread"))
            return {
                "quote": {**quote, "status": "CLOSED"},
                "depth": {"bids": [], "asks": []},
                "bars": {"seconds": 60, **nothing},
            }
        own: dict[tuple[str, float], float] = {}
        for order in self.book:
            if order["symbol"] == market.symbol and order["status"] in WORKING and order["type"] == "limit":
                key = (order["side"], float(order["price"]))
                own[key] = own.get(key, 0) + order["quantity"] - order["filled"]
        bids, asks = [list(level) for level in market.bids], [list(level) for level in market.asks]
        for (side, price), size in own.items():
            rows = bids if side == "buy" else asks
            for row in rows:
                if row[0] == price:
                    row[1] += size
        newest = market.bars[-bars:]
        return {
            "quote": {
                "bid": bids[0][0], "bid_size": bids[0][1], "ask": asks[0][0], "ask_size": asks[0][1],
                "last": market.mid, "change": round(market.mid - market.open, 2), "change_pct": self._percent(market),
                "spread": round(asks[0][0] - bids[0][0], 2), "status": "OPEN",
            },
            "depth": {
                "bids": [[p, s, own.get(("buy", p), 0)] for p, s in bids[:levels]],
                "asks": [[p, s, own.get(("sell", p), 0)] for p, s in asks[:levels]],
            },
            "bars": {"seconds": BAR_S, **{name: [bar[i] for bar in newest] for i, name in enumerate("tohlcv")}},
        }  # fmt: skip

    def _submit(self, intent: dict[str, Any]) -> dict[str, Any]:
        market = self.markets[intent["symbol"]]
        quantity = float(intent["quantity"] or 0)
        number = len(self.book) + 1
        asked = [("", intent.get("limit_price")), ("stop ", intent.get("stop_price"))]
        order: dict[str, Any] = {
            "id": intent.get("client_order_id") or f"o{number}", "number": number,
            "time": self._time(), "symbol": market.symbol, "side": intent["side"],
            "type": intent["type"], "quantity": quantity, "filled": 0.0,
            "price": ", ".join(f"{word}{float(price):,.2f}" for word, price in asked if price),
            "status": "ACCEPTED", "reason": "", "avg_px": None, "intents": ["cancel", "replace"],
        }  # fmt: skip
        self.book.append(order)
        if quantity <= 0 or quantity * market.mid > self.cash:
            need, have = f"{quantity * market.mid:,.2f}", f"{self.cash:,.2f}"
            order.update(
                status="DENIED",
                intents=[],
                reason=f"Not enough buying power: the order needs {need} USD, {have} is free.",
            )
            return {"kind": "error", "text": f"Order {order['number']} denied. {order['reason']}"}
        self._try(order)
        told = f"{intent['side']} {quantity:g} {market.symbol}"
        if order["status"] == "FILLED":
            return {"kind": "ok", "text": f"Order {order['number']}: {told} filled at {order['avg_px']:.2f}."}
        return {"kind": "ok", "text": f"Order {order['number']}: {told} waits in the book at {order['price']}."}

    def _try(self, order: dict[str, Any]) -> None:
        market = self.markets[order["symbol"]]
        buy = order["side"] == "buy"
        touch = market.asks[0][0] if buy else market.bids[0][0]
        limit = float(order["price"]) if order["type"] == "limit" else None
        if order["type"] in ("stop_market", "stop_limit"):
            order.update(reason="Waits for its stop price.")
            return
        if limit is not None and (touch > limit if buy else touch < limit):
            order.update(
                reason=f"Waits in the queue at {order['price']}; about {market.luck.randrange(1, 9) * 100} ahead of it."
            )
            return
        order.update(
            status="FILLED", filled=order["quantity"], avg_px=touch, intents=[], reason="Took the best price on offer."
        )
        signed = order["quantity"] if buy else -order["quantity"]
        fee = FEE * order["quantity"]
        self.cash -= signed * touch + fee
        self.fees += fee
        held = self.held.setdefault(order["symbol"], [0.0, 0.0])
        held[1] = (held[0] * held[1] + signed * touch) / (held[0] + signed) if held[0] + signed else 0.0
        held[0] += signed
        if not held[0]:
            del self.held[order["symbol"]]

    def _find(self, name: str) -> dict[str, Any]:
        return next(order for order in self.book if order["id"] == name)

    def _cancel(self, intent: dict[str, Any]) -> dict[str, Any]:
        order = self._find(intent["id"])
        order.update(status="CANCELED", intents=[], reason="Canceled by you.")
        return {"kind": "ok", "text": f"Order {order['number']} canceled."}

    def _replace(self, intent: dict[str, Any]) -> dict[str, Any]:
        order = self._find(intent["id"])
        order.update(quantity=float(intent["quantity"]), price=f"{float(intent['limit_price']):,.2f}")
        self._try(order)
        return {"kind": "ok", "text": f"Order {order['number']} replaced: {order['quantity']:g} at {order['price']}."}

    def _close_position(self, intent: dict[str, Any]) -> dict[str, Any]:
        quantity = self.held[intent["symbol"]][0]
        side = "sell" if quantity > 0 else "buy"
        return self._submit({"symbol": intent["symbol"], "side": side, "type": "market", "quantity": abs(quantity)})

    def _start(self, intent: dict[str, Any]) -> dict[str, Any]:
        self.playing, self.speed = True, float(intent["speed"])
        return {"kind": "ok", "text": ""}

    def _pause(self, _intent: dict[str, Any]) -> dict[str, Any]:
        self.playing = False
        return {"kind": "ok", "text": ""}

    def _step(self, intent: dict[str, Any]) -> dict[str, Any]:
        for _ in range(int(intent["seconds"])):
            self.tick(1.0)
        return {"kind": "ok", "text": ""}

    def _rewind(self, intent: dict[str, Any]) -> dict[str, Any]:
        return {"kind": "error", "text": f"A made-up desk cannot go back {intent['seconds']} s."}

    def _listing(self, market: FakeMarket) -> dict[str, Any]:
        return {"symbol": market.symbol, "name": market.name, "sector": market.sector}

    def _percent(self, market: FakeMarket) -> float:
        return round(100 * (market.mid / market.open - 1), 2)

    def _time(self) -> str:
        second = int(self.now_s)
        return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"

    def _position(self, symbol: str) -> dict[str, Any]:
        quantity, entry = self.held[symbol]
        last = self.markets[symbol].mid
        return {
            "symbol": symbol, "quantity": quantity, "avg_entry_price": round(entry, 4), "last": last,
            "market_value": round(quantity * last, 2),
            "unrealized_pnl": round(quantity * (last - entry), 2), "realized_pnl": 0.0,
        }  # fmt: skip

    def _account(self) -> dict[str, Any]:
        value = sum(quantity * self.markets[symbol].mid for symbol, (quantity, _) in self.held.items())
        nav = round(self.cash + value, 2)
        return {
            "account": "you", "currency": "USD", "nav": nav, "cash": round(self.cash, 2), "reserved": 0.0,
            "buying_power": round(self.cash, 2), "realized_pnl": 0.0, "unrealized_pnl": round(nav - 1e6 + self.fees, 2),
            "fees": round(self.fees, 2), "pnl": round(nav - 1e6, 2), "pnl_pct": round((nav / 1e6 - 1) * 100, 4),
        }  # fmt: skip

    def _standings(self) -> list[dict[str, Any]]:
        if self.empty:
            return []
        names = [
            ("you", self._account()["pnl"]),
            ("Momentum bot", 182.0),
            ("Market maker bot", 64.5),
            ("Noise bot", -310.0),
        ]
        ranked = sorted(names, key=lambda item: -item[1])
        return [
            {"rank": i + 1, "name": name, "score": score, "me": name == "you"} for i, (name, score) in enumerate(ranked)
        ]
