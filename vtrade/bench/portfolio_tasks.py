"""How quickly is a room of 20,000 accounts with 15 positions each valued, and how much memory does it take?

Rules: the portfolio engine is fed facts, as a worker feeds it, and does all that it always does: exact net asset value,
high-water mark, drawdown and curve of every account at every mark. Before a figure is told, every value is compared
with cash and lots counted anew. The peer, an index of holders per instrument in plain numpy, keeps value, unrealised
profit and sector exposure and nothing else; it is measured in the same process, on the same positions and ticks.
Processor time counts. Each task runs in a fresh process.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vtrade.bench import fresh
from vtrade.bench.fresh import BenchError
from vtrade.bench.rows import Row
from vtrade.bench.tasks import memory_mb
from vtrade.domain.instruments import Instrument
from vtrade.domain.luck import generator
from vtrade.domain.messages import AccountOpened, Fact, Fill, Marked, RoomOpened
from vtrade.domain.orders import Liquidity, Side
from vtrade.domain.values import MICRO, NS_PER_S
from vtrade.portfolio.engine import PortfolioEngine

MODULE: Final = "vtrade.bench.portfolio_tasks"
ACCOUNTS: Final = 20_000
POSITIONS: Final = 15
INSTRUMENTS: Final = 160
SECTORS: Final = 11
SEED: Final = 17
RUNS: Final = 5
TICKS: Final = 20_000
"""Ticks of a run: a second of the room's time."""
BATCH: Final = 50
"""Marks of a fact, where they come together."""
CURVE_CELLS_MAX: Final = 128
"""Cells of each equity curve; in a day of 6.5 hours one cell then is 5 minutes."""
CASH: Final = 10**7 * MICRO
OPEN_NS: Final = 34_200 * NS_PER_S

Int64s = NDArray[np.int64]


class Market(NamedTuple):
    """Who holds what, and what it costs at first.

    Attributes
    ----------
    symbols, lots : (ACCOUNTS, POSITIONS) int64
    prices : (INSTRUMENTS,) int64
        Ticks.
    """

    symbols: Int64s
    lots: Int64s
    prices: Int64s


def market(accounts: int) -> Market:
    """Positions by a fixed pattern of chance: three of four long."""
    luck = generator(SEED, "portfolio bench")
    symbols = np.argsort(luck.random((accounts, INSTRUMENTS)), axis=1)[:, :POSITIONS].astype(np.int64)
    lots = luck.integers(1, 500, (accounts, POSITIONS)) * luck.choice([1, 1, 1, -1], (accounts, POSITIONS))
    return Market(symbols, lots.astype(np.int64), luck.integers(1_000, 50_000, INSTRUMENTS))


def ticks(prices: Int64s, count: int, run: int) -> tuple[Int64s, Int64s]:
    """Instrument and new price of each tick; ``prices`` goes along."""
    luck = generator(SEED, "ticks", index=run)
    symbols = luck.integers(0, INSTRUMENTS, count)
    steps = luck.integers(-3, 4, count)
    news = np.empty(count, dtype=np.int64)
    for n, (symbol, step) in enumerate(zip(symbols.tolist(), steps.tolist(), strict=True)):
        prices[symbol] = news[n] = max(100, prices[symbol] + step)
    return symbols, news


def opening(found: Market) -> Iterator[Fact]:
    """The room, its accounts and the fills by which they came to their positions."""
    listed = tuple(Instrument.make(f"S{n:03d}", sector=f"sector {n % SECTORS}") for n in range(INSTRUMENTS))
    yield RoomOpened(1, OPEN_NS, "bench", listed)
    yield Marked(2, OPEN_NS, tuple(enumerate(found.prices.tolist())))
    seq = 2
    for account in range(len(found.lots)):
        seq += 1
        yield AccountOpened(seq, OPEN_NS, f"a{account:05d}", CASH, "USD")
    for account, (symbols, lots) in enumerate(zip(found.symbols.tolist(), found.lots.tolist(), strict=True)):
        for symbol, quantity in zip(symbols, lots, strict=True):
            seq += 1
            px = int(found.prices[symbol])
            yield Fill(
                seq, OPEN_NS, f"a{account:05d}", f"c{seq}", seq, listed[symbol].symbol,
                Side.BUY if quantity > 0 else Side.SELL, px, abs(quantity), 0, Liquidity.TAKER, 0, "depth", px, px, px,
                abs(quantity),
            )  # fmt: skip


def marked(symbols: Int64s, news: Int64s, *, seq: int, begins_ns: int, batch: int) -> list[Fact]:
    """The ticks as facts of ``batch`` marks, spread over a second."""
    pairs = list(zip(symbols.tolist(), news.tolist(), strict=True))
    step_ns = NS_PER_S * batch // len(pairs)
    return [
        Marked(seq + n, begins_ns + n * step_ns, tuple(pairs[n * batch : (n + 1) * batch]))
        for n in range(len(pairs) // batch)
    ]


def values(found: Market, prices: Int64s, tick_value: int) -> Int64s:
    """Every net asset value, counted anew."""
    worth = found.lots * (prices[found.symbols] - found.prices[found.symbols])
    counted: Int64s = CASH + worth.sum(axis=1) * tick_value
    return counted


def rss_mb() -> float | None:
    """Memory this process holds now; ``None`` where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    held = [line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmRSS")]
    return int(held[0].split()[1]) / 1024 if held else None


def numpy_index(found: Market, runs: list[tuple[Int64s, Int64s]], tick_value: int) -> tuple[float, Int64s]:
    """The peer: ticks per second, and the values at the end."""
    accounts = len(found.lots)
    by = np.argsort(found.symbols.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(found.symbols.ravel(), minlength=INSTRUMENTS))[:-1]
    holders = np.split(by // POSITIONS, ends)
    worth = np.split(found.lots.ravel()[by] * tick_value, ends)
    nav = np.full(accounts, CASH, dtype=np.int64)
    unrealized = np.zeros(accounts, dtype=np.int64)
    sectors = np.zeros((SECTORS, accounts), dtype=np.int64)
    last = found.prices.tolist()
    seconds = []
    for symbols, news in runs:
        pairs = list(zip(symbols.tolist(), news.tolist(), strict=True))
        started = time.process_time()
        for symbol, price in pairs:
            who, change = holders[symbol], worth[symbol] * (price - last[symbol])
            last[symbol] = price
            nav[who] += change
            unrealized[who] += change
            sectors[symbol % SECTORS][who] += change
        seconds.append(time.process_time() - started)
    return len(runs[0][0]) / statistics.median(seconds), nav


def marks(accounts: int = ACCOUNTS, batch: int = 1) -> dict[str, Any]:
    """Ticks per second through the engine, and through the peer; memory, also with full curves; views per second."""
    found = market(accounts)
    engine = PortfolioEngine(curve_cells_max=CURVE_CELLS_MAX)
    started = time.process_time()
    engine.apply_all(opening(found))
    opening_s = time.process_time() - started
    gc.collect()
    open_mb = rss_mb()
    prices, tick_value = found.prices.copy(), engine.instruments[0].tick_value
    seconds = []
    runs = [ticks(prices, TICKS, run) for run in range(RUNS + 1)]
    for run, (symbols, news) in enumerate(runs):
        facts = marked(
            symbols, news, seq=engine.seq + 1, begins_ns=OPEN_NS + (run + 1) * NS_PER_S, batch=batch
        )  # fmt: skip
        started = time.process_time()
        engine.apply_all(facts)
        engine.navs()
        seconds.append(time.process_time() - started)
    counted = values(found, prices, tick_value)
    _expect("values of the engine", list(engine.navs().values()), counted.tolist())
    peer, nav = numpy_index(found, runs, tick_value)
    _expect("values of the peer", nav.tolist(), counted.tolist())
    names = engine.changed()
    started = time.process_time()
    views = [engine.account(name) for name in names]
    views_s = time.process_time() - started
    del views, runs
    for second in range(CURVE_CELLS_MAX):
        prices += 1 - 2 * (second % 2)
        every = tuple(enumerate(prices.tolist()))
        engine.apply(Marked(engine.seq + 1, OPEN_NS + (RUNS + 2 + second) * NS_PER_S, every))
    engine.check()
    gc.collect()
    return {
        "per_s": TICKS / statistics.median(seconds[1:]),
        "peer_per_s": peer,
        "opening_s": opening_s,
        "open_mb": open_mb,
        "full_mb": rss_mb(),
        "views_per_s": len(names) / views_s,
        "memory_mb": memory_mb(),
    }


def snapshots(accounts: int = ACCOUNTS) -> dict[str, Any]:
    """Seconds to write the state down and to take it up again."""
    engine = PortfolioEngine(curve_cells_max=CURVE_CELLS_MAX)
    engine.apply_all(opening(market(accounts)))
    started = time.process_time()
    saved = engine.snapshot()
    snapshot_s = time.process_time() - started
    hashed, one = engine.state_hash(), engine.accounts[0]
    del engine
    gc.collect()
    started = time.process_time()
    again = PortfolioEngine.restore(saved)
    restore_s = time.process_time() - started
    _expect("the hash of what was restored", again.state_hash(), hashed)
    started = time.process_time()
    alone = again.snapshot_of(one)
    return {
        "snapshot_s": snapshot_s,
        "restore_s": restore_s,
        "alone_ms": 1e3 * (time.process_time() - started),
        "snapshot_mb": len(saved) / 1e6,
        "alone_kb": len(alone) / 1e3,
        "memory_mb": memory_mb(),
    }


def _expect(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise BenchError(f"{what} are not as counted anew; a quick wrong answer is no figure")


def portfolio_rows() -> Iterator[Row]:
    """Rows of the suite."""
    room = f"{ACCOUNTS:,} accounts x {POSITIONS}"
    for batch, name in ((1, "one mark a fact"), (BATCH, f"{BATCH} marks a fact")):
        found = fresh.run_task("marks", module=MODULE, batch=batch)
        yield Row(
            suite="portfolio", name=f"{room}: ticks, {name}", value=found["per_s"], unit="ticks/s", better="higher",
            goal=20_000.0, peer="numpy index", peer_value=found["peer_per_s"], memory_mb=found["memory_mb"],
        )  # fmt: skip
    memory = found["memory_mb"]
    yield _row(f"{room}: memory, curves full", found["full_mb"], "MB", 1_000.0, memory, lower=True)
    yield _row(f"{room}: views of accounts", found["views_per_s"], "views/s", None, memory)
    saved = fresh.run_task("snapshots", module=MODULE)
    for name, key, unit, goal in (
        ("snapshot", "snapshot_s", "s", 3.0), ("restore", "restore_s", "s", 3.0),
        ("snapshot of one account", "alone_ms", "ms", None),
    ):  # fmt: skip
        yield _row(f"{room}: {name}", saved[key], unit, goal, saved["memory_mb"], lower=True)


def _row(
    name: str, value: float | None, unit: str, goal: float | None, memory: float | None, *, lower: bool = False
) -> Row:
    return Row(
        suite="portfolio", name=name, value=value, unit=unit, better="lower" if lower else "higher", goal=goal,
        memory_mb=memory,
    )  # fmt: skip


TASKS: Final[dict[str, Callable[..., dict[str, Any]]]] = {"marks": marks, "snapshots": snapshots}


def main() -> None:
    """Do the task the command line names and print what it found."""
    print(json.dumps(TASKS[sys.argv[1]](**json.loads(sys.argv[2]))))  # noqa: T201


if __name__ == "__main__":
    main()
