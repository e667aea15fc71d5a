"""How quickly does another program do a workload?

Rules: this file is a script of its own: it needs numpy and the peer, and nothing of VTrade, so that peers may live in
an environment apart. ``python peer_runs.py NAME FILE.npz`` (or ``-m vtrade.bench.peer_runs``) reads the arrays that
``vtrade.bench.workloads.save`` wrote, does the work and ends with one line of JSON; the file's name tells the workload.
A peer gets every help: its data is in its own form before the clock starts, a first short run has compiled what it
compiles, and the positions to go for (``w3``) are known. One that would take minutes does the first part of a workload.

Not here, though they do similar work: nanobook (never returns from a certain cancel, message 552 of ``w1``), order-book
(keeps levels sorted, but does not match), zipline (bars, but with a calendar and an ingested bundle of its own).
What differs from the workload: limit_order_book and liquibook tell no fills here, so the orders left in the book are
the check; fastmm sends the resting order of ``w2`` once the other one is filled, as it forbids trading with oneself;
nanoback knows no orders but positions to go for, so on ``w2_l1`` it goes to +1 or -1 at the market and back to 0 by a
limit.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

WARM: Final = 5_000
"""Items of the run before the measured one."""
EVERY: Final = 100
"""As in the workloads."""
ALL: Final = 1_000_000
CASH: Final = 10_000_000.0
LOT_RAW: Final = 100_000_000
"""What fastmm counts in: 1e-8."""

Data = dict[str, Any]
Job = Callable[[], dict[str, float]]


# --- w1: matching ----------------------------------------------------------------------------------------------------


def _messages(data: Data) -> list[tuple[int, int, int, int, int]]:
    columns = (data[name].tolist() for name in ("kind", "side", "price", "quantity", "order_id"))
    return list(zip(*columns, strict=True))


def _books(module: str, data: Data) -> Job:
    book = importlib.import_module(module).LimitOrderBook()
    rows = _messages(data)

    def job() -> dict[str, float]:
        buy, sell, cancel = book.limit_buy, book.limit_sell, book.cancel
        buy_now, sell_now = book.market_buy, book.market_sell
        volume = 0
        for number, (kind, side, price, quantity, order) in enumerate(rows):
            if kind == 0:
                volume += (buy if side > 0 else sell)(order, quantity, price) or 0
            elif kind == 1:
                cancel(order)
            else:
                volume += (buy_now if side > 0 else sell_now)(number, quantity) or 0
        return {"volume": volume, "live": book.count()} if volume else {"live": book.count()}

    return job


def limit_order_book(data: Data) -> Job:
    """A book in C++, called once for each message; it does not say what was filled."""
    return _books("limit_order_book", data)


def orderly_chaos(data: Data) -> Job:
    """A book in C++, called once for each message; it says how much was filled."""
    return _books("orderly_chaos", data)


def liquibook(data: Data) -> Job:
    """A book in C++, called once for each message with an order that Python made."""
    module: Any = importlib.import_module("liquibook")
    book, new = module.DepthOrderBook(), module.SimpleOrder
    rows = _messages(data)

    def job() -> dict[str, float]:
        orders: dict[int, Any] = {}
        add, cancel = book.add, book.cancel
        for kind, side, price, quantity, order in rows:
            if kind == 1:
                cancel(orders[order])
            else:
                orders[order] = one = new(side > 0, price, quantity)
                add(one)
        return {"live": len(book.bids()) + len(book.asks())}

    return job


# --- w2: quotes and levels -------------------------------------------------------------------------------------------


def _levels(data: Data) -> tuple[Any, Any, Any, Any]:
    """Time, side, price and quantity of level updates; quotes that move take their old price away first."""
    if "side" in data:
        return data["ts_ns"], data["side"], data["price"], data["quantity"]
    bid, ask, count = data["bid"], data["ask"], len(data["bid"])
    old_bid, old_ask, none = np.append(bid[:1], bid[:-1]), np.append(ask[:1], ask[:-1]), np.zeros_like(bid)
    kept = np.ones((count, 4), dtype=bool)
    kept[:, 0], kept[:, 1] = old_bid != bid, old_ask != ask
    rows = kept.ravel()
    price = np.stack([old_bid, old_ask, bid, ask], axis=1).ravel()[rows]
    quantity = np.stack([none, none, data["bid_quantity"], data["ask_quantity"]], axis=1).ravel()[rows]
    return np.repeat(data["ts_ns"], 4)[rows], np.tile([1, -1, 1, -1], count)[rows], price, quantity


@functools.cache
def _hft_strategy() -> Any:
    njit: Any = importlib.import_module("numba").njit

    def trade(market: Any, every: int) -> int:
        count, resting, sign = 0, 0, 1
        while market.wait_next_feed(False, 4_000_000_000_000_000_000) != 1:
            count += 1
            if count % every:
                continue
            if resting:
                market.cancel(0, resting, False)
            market.clear_inactive_orders(0)
            depth, order = market.depth(0), count // every * 2
            if sign > 0:
                market.submit_buy_order(0, order, depth.best_ask, 1.0, 0, 1, False)
                market.submit_sell_order(0, order + 1, depth.best_ask, 1.0, 0, 0, False)
            else:
                market.submit_sell_order(0, order, depth.best_bid, 1.0, 0, 1, False)
                market.submit_buy_order(0, order + 1, depth.best_bid, 1.0, 0, 0, False)
            resting, sign = order + 1, -sign
        return count

    return njit(trade)


def hftbacktest(data: Data) -> Job:
    """Replay in Rust, strategy compiled by numba, the quicker of its two kinds of book."""
    hft: Any = importlib.import_module("hftbacktest")
    ts_ns, side, price, quantity = _levels(data)
    events = np.zeros(len(ts_ns), hft.binding.event_dtype)
    kind = np.where(side > 0, hft.BUY_EVENT, hft.SELL_EVENT).astype(np.uint64)
    events["ev"] = kind | np.uint64(hft.DEPTH_EVENT | hft.EXCH_EVENT | hft.LOCAL_EVENT)
    events["exch_ts"] = events["local_ts"] = ts_ns
    events["px"], events["qty"] = price, quantity
    asset = (
        hft.BacktestAsset().data(events).linear_asset(1.0).constant_order_latency(0, 0).risk_adverse_queue_model()
        .no_partial_fill_exchange().trading_value_fee_model(0.0, 0.0).tick_size(1.0).lot_size(1.0)
        .last_trades_capacity(0).roi_lb(float(price.min() - 100)).roi_ub(float(price.max() + 100))
    )  # fmt: skip
    market, trade = hft.ROIVectorMarketDepthBacktest([asset]), _hft_strategy()

    def job() -> dict[str, float]:
        count = trade(market, EVERY)
        # naming the events here also keeps them: the market reads them, but holds no reference
        return {"fills": int(market.state_values(0).num_trades), "seen": count, "events": len(events)}

    return job


def fastmm(data: Data) -> Job:
    """Replay in C++, Python called for every update."""
    mm: Any = importlib.import_module("fastmm")
    ts_ns, side, price, quantity = _levels(data)
    count = len(ts_ns)
    columns = {
        "ts": np.ascontiguousarray(ts_ns), "type": np.ones(count, np.uint8), "inst": np.zeros(count, np.uint32),
        "side": (side < 0).astype(np.int8), "price": price * LOT_RAW, "qty": quantity * LOT_RAW,
        "seq": np.arange(1, count + 1, dtype=np.uint64),
    }  # fmt: skip
    columns["type"][:20] = 0  # the opening snapshot
    moments = np.flatnonzero(np.append(np.diff(ts_ns) != 0, True)) + 1
    turns = [*moments[EVERY - 1 :: EVERY].tolist(), -1]
    config = mm.BacktestConfig.single_instrument("X", "1", "1")
    config.fill_model, config.markout_horizons_s, config.measure_wall_clock = "l2_queue", [], False
    config.latency_fixed_us = config.latency_jitter_us = config.latency_md_us = config.latency_md_jitter_us = 0

    class Turns(mm.Strategy):  # type: ignore[misc]
        """One order at the market, and when it is filled one that rests at its price."""

        def on_start(self, ctx: Any) -> None:
            self.seen, self.turn, self.due, self.fills = 0, 0, turns[0], 0
            self.resting, self.hasty, self.price = 0, 0, 0.0

        def on_fill(self, ctx: Any, fill: Any) -> None:
            self.fills += 1
            if fill.order_id == self.hasty:
                self.resting = ctx.send(fill.instrument, self.turn % 2, self.price, 1.0)

        def on_book(self, ctx: Any, inst: Any, book: Any) -> None:
            self.seen += 1
            if self.seen == self.due:
                side = self.turn % 2
                self.turn += 1
                self.due = turns[self.turn]
                if self.resting:
                    ctx.cancel(self.resting)
                    self.resting = 0
                self.price = (book.best_bid if side else book.best_ask)[0]
                self.hasty = ctx.send(inst, side, self.price, 1.0, ioc=True)

    def job() -> dict[str, float]:
        strategy = Turns()
        mm.run_backtest(config, columns, strategy)
        return {"fills": strategy.fills, "seen": strategy.seen}

    return job


def nanoback_quotes(data: Data) -> Job:
    """Replay in C++ of positions to go for."""
    nano: Any = importlib.import_module("nanoback")
    count = len(data["bid"])
    turns = np.arange(EVERY - 1, count, EVERY)
    last = np.maximum.accumulate(np.where(np.isin(np.arange(count), turns), np.arange(count), -1))
    buys = last // EVERY % 2 == 0
    hasty = last == np.arange(count)
    target = np.where(hasty, np.where(buys, 1, -1), 0)
    limit = np.where(hasty | (last < 0), np.nan, np.where(buys, data["ask"][last], data["bid"][last]))
    kind = np.where(np.isnan(limit), int(nano.OrderType.MARKET), int(nano.OrderType.LIMIT)).astype(np.int8)
    bid, ask = data["bid"].astype(np.float64), data["ask"].astype(np.float64)
    columns = {
        "close": (bid + ask) / 2, "high": ask, "low": bid, "bid": bid, "ask": ask,
        "volume": np.minimum(data["bid_quantity"], data["ask_quantity"]).astype(np.float64),
        "target_positions": target, "order_types": kind, "limit_prices": limit,
    }  # fmt: skip
    return _nanoback(data["ts_ns"], columns, bid_ask=True)


def _nanoback(ts_ns: Any, columns: Data, *, bid_ask: bool) -> Job:
    nano: Any = importlib.import_module("nanoback")
    matrices = {name: np.ascontiguousarray(column).reshape(-1, 1) for name, column in columns.items()}
    config = nano.BacktestConfig()
    config.starting_cash, config.max_position, config.max_participation_rate = CASH, 100, 1.0
    config.volume_share_impact, config.use_bid_ask_execution = 0.0, bid_ask

    def job() -> dict[str, float]:
        done = nano.run_backtest_matrix(timestamps=ts_ns, config=config, **matrices)
        return {"fills": len(done.fills), "equity": float(done.ending_equity), "orders": done.submitted_orders}

    return job


# --- w3: bars --------------------------------------------------------------------------------------------------------


def nanoback_bars(data: Data) -> Job:
    """Replay in C++ of positions to go for."""
    names = ("close", "high", "low", "volume")
    columns = {**{name: data[name] for name in names}, "target_positions": data["target"]}
    return _nanoback(np.arange(len(data["close"])) * 60_000_000_000, columns, bid_ask=False)


def vectorbt(data: Data) -> Job:
    """Orders as arrays, simulated by numba; equity and its drawdown are read afterwards."""
    vbt: Any = importlib.import_module("vectorbt")
    changes = np.flatnonzero(np.diff(data["target"])) + 1
    changes = changes[changes + 1 < len(data["close"])]
    size = np.full(len(data["close"]), np.nan)
    size[changes + 1] = data["target"][changes]

    def job() -> dict[str, float]:
        done = vbt.Portfolio.from_orders(
            data["close"], size, size_type="targetamount", price=data["open"], init_cash=CASH, freq="1min"
        )
        equity = done.value().to_numpy()
        drawdown = (np.maximum.accumulate(equity) - equity).max()
        return {"orders": len(done.order_records), "equity": float(equity[-1]), "drawdown": float(drawdown)}

    return job


def _frame(data: Data) -> Any:
    pandas: Any = importlib.import_module("pandas")
    columns = {name.title(): data[name] for name in ("open", "high", "low", "close", "volume")}
    return pandas.DataFrame(columns, index=pandas.date_range("2000-01-01", periods=len(data["close"]), freq="min"))


def backtrader(data: Data) -> Job:
    """Python called for every bar."""
    bt: Any = importlib.import_module("backtrader")
    targets = data["target"].tolist()

    class Crossing(bt.Strategy):  # type: ignore[misc]
        """Goes for the next position."""

        def __init__(self) -> None:
            self.held, self.sent = 0, 0

        def next(self) -> None:
            target = targets[len(self) - 1]
            if target != self.held:
                self.order_target_size(target=target)
                self.held, self.sent = target, self.sent + 1

    cerebro = bt.Cerebro(stdstats=False)
    cerebro.broker.setcash(CASH)
    cerebro.adddata(bt.feeds.PandasData(dataname=_frame(data)))
    cerebro.addstrategy(Crossing)

    def job() -> dict[str, float]:
        strategy = cerebro.run()[0]
        return {"orders": strategy.sent, "equity": cerebro.broker.getvalue()}

    return job


def backtesting(data: Data) -> Job:
    """Python called for every bar."""
    module: Any = importlib.import_module("backtesting")
    targets = data["target"]

    class Crossing(module.Strategy):  # type: ignore[misc]
        """Goes for the next position."""

        def init(self) -> None:
            self.held, self.sent = 0, 0

        def next(self) -> None:
            target = int(targets[len(self.data) - 1])
            if target != self.held:
                (self.buy if target > self.held else self.sell)(size=abs(target - self.held))
                self.held, self.sent = target, self.sent + 1

    test = module.Backtest(_frame(data), Crossing, cash=CASH, finalize_trades=True)

    def job() -> dict[str, float]:
        stats = test.run()
        return {"orders": stats["_strategy"].sent, "equity": float(stats["Equity Final [$]"])}

    return job


# --- nautilus_trader: quotes, levels and bars ------------------------------------------------------------------------


def nautilus_trader(data: Data) -> Job:
    """Engine in Cython and Rust, Python called for every quote, update or bar."""

    def part(name: str) -> Any:
        return importlib.import_module(f"nautilus_trader.{name}")

    model, ids, enums, objects = (
        part("model.data"),
        part("model.identifiers"),
        part("model.enums"),
        part("model.objects"),
    )
    price_of, lots, side_of = objects.Price, objects.Quantity.from_int, enums.OrderSide
    dollar, venue, decimals = part("model.currencies").USD, ids.Venue("XNAS"), 4 if "close" in data else 2
    name = ids.InstrumentId(ids.Symbol("X"), venue)
    bar_type = model.BarType.from_str("X.XNAS-1-MINUTE-LAST-EXTERNAL")
    book_type = enums.BookType.L2_MBP if "side" in data else enums.BookType.L1_MBP
    unit = 10**decimals

    class Trader(part("trading.strategy").Strategy):  # type: ignore[misc]
        """The orders of ``w2``, or those of ``w3``."""

        def on_start(self) -> None:
            self.seen, self.fills, self.sent, self.held, self.resting = 0, 0, 0, 0, None
            if "bid" in data:
                self.subscribe_quote_ticks(name)
            elif "side" in data:
                self.subscribe_order_book_deltas(name, book_type)
            else:
                self.subscribe_bars(bar_type)

        def on_order_filled(self, event: Any) -> None:
            self.fills += 1

        def turn(self, bid: Any, ask: Any) -> None:
            if self.resting is not None and self.resting.is_open:
                self.cancel_order(self.resting)
            first = self.seen // EVERY % 2
            take, give = (side_of.BUY, side_of.SELL) if first else (side_of.SELL, side_of.BUY)
            self.submit_order(self.order_factory.market(name, take, lots(1)))
            self.resting = self.order_factory.limit(name, give, lots(1), ask if first else bid)
            self.submit_order(self.resting)
            self.sent += 2

        def on_quote_tick(self, quote: Any) -> None:
            self.seen += 1
            if self.seen % EVERY == 0:
                self.turn(quote.bid_price, quote.ask_price)

        def on_order_book_deltas(self, deltas: Any) -> None:
            self.seen += 1
            if self.seen % EVERY == 0:
                book = self.cache.order_book(name)
                self.turn(book.best_bid_price(), book.best_ask_price())

        def on_bar(self, bar: Any) -> None:
            target = targets[self.seen]
            self.seen += 1
            if target != self.held:
                side, size = (side_of.BUY if target > self.held else side_of.SELL), abs(target - self.held)
                self.submit_order(self.order_factory.market(name, side, lots(size)))
                self.held, self.sent = target, self.sent + 1

    targets = data["target"].tolist() if "close" in data else []
    rows = zip(*(column.tolist() for column in data.values()), strict=True)
    items: list[Any]
    if "bid" in data:
        items = [
            model.QuoteTick(name, price_of(b / unit, 2), price_of(a / unit, 2), lots(p), lots(q), t, t)
            for t, b, a, p, q in rows
        ]
    elif "side" in data:
        update, delete = enums.BookAction.UPDATE, enums.BookAction.DELETE
        last = part("model.enums").RecordFlag.F_LAST.value
        items = [
            model.OrderBookDelta(
                name, update if q else delete,
                model.BookOrder(side_of.BUY if s > 0 else side_of.SELL, price_of(p / unit, 2), lots(q), p),
                last, number, t, t,
            )
            for number, (t, s, p, q) in enumerate(rows)
        ]  # fmt: skip
    else:
        ends = range(60_000_000_000, (len(targets) + 1) * 60_000_000_000, 60_000_000_000)
        items = [
            model.Bar(bar_type, *(price_of(price, 4) for price in prices), lots(int(volume)), t, t)
            for t, (*prices, volume, _) in zip(ends, rows, strict=True)
        ]
    config, engines = part("config"), part("backtest.engine")
    engine = engines.BacktestEngine(
        config=engines.BacktestEngineConfig(
            logging=config.LoggingConfig(bypass_logging=True), risk_engine=config.RiskEngineConfig(bypass=True)
        )
    )
    cash = [objects.Money(CASH, dollar)]
    engine.add_venue(
        venue, enums.OmsType.NETTING, enums.AccountType.MARGIN, base_currency=dollar, starting_balances=cash,
        book_type=book_type,
    )  # fmt: skip
    engine.add_instrument(
        part("model.instruments").Equity(
            instrument_id=name, raw_symbol=name.symbol, currency=dollar, price_precision=decimals,
            price_increment=price_of(1 / unit, decimals), lot_size=lots(1), ts_event=0, ts_init=0,
        )
    )  # fmt: skip
    trader = Trader()
    engine.add_data(items)
    engine.add_strategy(trader)

    def job() -> dict[str, float]:
        engine.run()
        return {"fills": trader.fills, "orders": trader.sent, "seen": trader.seen}

    return job


# --- the process -----------------------------------------------------------------------------------------------------


RUNS: Final[dict[tuple[str, str], tuple[Callable[[Data], Job], int]]] = {
    ("limit_order_book", "w1"): (limit_order_book, ALL),
    ("liquibook", "w1"): (liquibook, ALL),
    ("orderly_chaos", "w1"): (orderly_chaos, ALL),
    ("hftbacktest", "w2_l1"): (hftbacktest, ALL),
    ("nanoback", "w2_l1"): (nanoback_quotes, ALL),
    ("fastmm", "w2_l1"): (fastmm, ALL),
    ("nautilus_trader", "w2_l1"): (nautilus_trader, 100_000),
    ("hftbacktest", "w2_l2"): (hftbacktest, ALL),
    ("fastmm", "w2_l2"): (fastmm, ALL),
    ("nautilus_trader", "w2_l2"): (nautilus_trader, 100_000),
    ("vectorbt", "w3"): (vectorbt, ALL),
    ("nanoback", "w3"): (nanoback_bars, ALL),
    ("backtesting", "w3"): (backtesting, 100_000),
    ("nautilus_trader", "w3"): (nautilus_trader, 50_000),
    ("backtrader", "w3"): (backtrader, 50_000),
}
"""How a peer (by the name one imports) does a workload, and how many items of it."""


def memory_mb() -> float | None:
    """Most memory this process ever held; ``None`` where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    peak = [line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM")]
    return int(peak[0].split()[1]) / 1024 if peak else None


def run(name: str, path: Path) -> dict[str, Any]:
    """Do the work once and tell how long it took.

    Parameters
    ----------
    name : str
        Of the peer, as in ``RUNS``.
    path : Path
        Arrays of the workload that the file is named after.

    Returns
    -------
    dict
        ``items``, ``cpu_s`` of all threads, ``wall_s``, ``memory_mb`` (most of the process) and ``result``.
    """
    prepare, _ = RUNS[name, path.stem]
    with np.load(path) as file:
        data = {column: file[column] for column in file.files}
    prepare({column: values[:WARM] for column, values in data.items()})()
    job = prepare(data)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    result = job()
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    items = len(next(iter(data.values())))
    return {"items": items, "cpu_s": cpu_s, "wall_s": wall_s, "memory_mb": memory_mb(), "result": result}


if __name__ == "__main__":
    answer = json.dumps(run(sys.argv[1], Path(sys.argv[2])))
    print(f"\n{answer}", flush=True)  # noqa: T201
