"""How quick is the engine itself, on the workloads that its peers are measured on?

Rules: each task runs in a fresh process and checks what came out against the published totals before it tells a figure:
a quick wrong answer is none. Processor time counts, so that a busy machine spoils less.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from vtrade.bench import replay_tasks, workloads
from vtrade.bench.fresh import BenchError
from vtrade.bench.tasks import memory_mb, spread_orders
from vtrade.domain.accounts import NO_LIMITS, RiskLimits
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import CancelOrder, MarketFrame, OpenAccount, OpenRoom, SubmitOrder
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.domain.values import MICRO
from vtrade.execution import layout as at
from vtrade.execution.engine import Engine
from vtrade.market.dtype import Kind
from vtrade.market.load import load_tape
from vtrade.services.feed import TapeFeed

RUNS: Final = 5
EVER: Final = 2**62
COLLAR_OFF: Final = RiskLimits(collar_ppm=900_000, concentration_ppm=MICRO, max_working_orders=1_000_000)


def w1() -> dict[str, Any]:
    """The million order messages of W1 in one call of the kernel: matching alone, agents on both sides."""
    from vtrade.execution import kernel

    events = workloads.order_events(workloads.messages())
    events.flags.writeable = False
    priced = events["price"][events["price"] > 0]
    seconds = []
    for _ in range(RUNS + 1):
        book = at.new_book(1)
        book = book._replace(feed=at.grown(book.feed, int(events["order_id"].max()) + 1), own=at.grown(book.own, 8_192))
        book.terms[0, [at.T_TICK_VALUE, at.T_LOT, at.T_BORROWABLE]] = 1, 1, -1
        wide = at.fit_range(book, 0, int(priced.min()), int(priced.max()))
        assert wide is not None
        started = time.process_time()
        done = kernel.run(wide, events, 0, EVER)
        seconds.append(time.process_time() - started)
        found = tuple(int(n) for n in wide.inst[0, [at.PRINTS, at.VOLUME, at.TURNOVER]])
        _expect("W1", (done, *found), (len(events), *workloads.EXPECTED["w1"]))
    return {"per_s": len(events) / statistics.median(seconds[1:]), "memory_mb": memory_mb()}


def w1_messages(count: int = 50_000) -> dict[str, Any]:
    """The first messages of W1 as orders of accounts: with names, risk, fees, ledger and facts."""
    messages = workloads.messages()
    events = workloads.order_events(messages)[:count]
    instrument = Instrument.make("ACME", tick=1)
    engine = Engine()
    engine.process(OpenRoom(0, "bench", (instrument,)))
    makers = [f"a{n}" for n in range(64)]
    for name in makers:
        engine.process(OpenAccount(0, name, 10**15, limits=NO_LIMITS))
    sent: list[Any] = []
    owner: dict[int, int] = {}
    for number, row in enumerate(events):
        oid, ts = int(row["order_id"]), int(row["ts_ns"])
        if row["kind"] == Kind.CANCEL:
            if oid in owner:
                sent.append(CancelOrder(ts, makers[owner[oid] % 64], f"c{owner[oid]}"))
            continue
        owner[oid] = number
        side = Side.BUY if row["side"] > 0 else Side.SELL
        market = bool(row["flags"] & 2)
        sent.append(
            SubmitOrder(
                ts, makers[number % 64], f"c{number}", "ACME", side, OrderType.MARKET if market else OrderType.LIMIT,
                int(row["quantity"]) * MICRO, None if market else int(row["price"]) * MICRO,
                time_in_force=TimeInForce.IOC if market else TimeInForce.GTC,
            )
        )  # fmt: skip
    for message in sent[:1_000]:
        engine.process(message)
    started = time.process_time()
    for message in sent[1_000:]:
        engine.process(message)
    seconds = time.process_time() - started
    return {"per_s": (len(sent) - 1_000) / seconds, "memory_mb": memory_mb()}


def order(count: int = 3_000) -> dict[str, Any]:
    """One live order after the other on a book of ten levels: risk, matching, ledger, facts; no disk."""
    from vtrade.market.dtype import empty_events

    instrument = Instrument.make("ACME")
    engine = Engine()
    engine.process(OpenRoom(0, "bench", (instrument,)))
    engine.process(OpenAccount(0, "ana", 10**15, limits=COLLAR_OFF))
    frame = empty_events(20)
    for n in range(10):
        frame[n] = (1, 10_000 - n, 1_000_000, 0, 0, Kind.LEVEL, 1, 0)
        frame[10 + n] = (1, 10_001 + n, 1_000_000, 0, 0, Kind.LEVEL, -1, 0)
    engine.process(MarketFrame(1, frame.tobytes()))
    seconds = []
    for n in range(count):
        market = n % 3 == 0
        message = SubmitOrder(
            2 + n, "ana", f"c{n}", "ACME", Side.BUY, OrderType.MARKET if market else OrderType.LIMIT, MICRO,
            None if market else (10_000 - n % 7) * 10_000,
        )  # fmt: skip
        started = time.perf_counter()
        engine.process(message)
        seconds.append(time.perf_counter() - started)
        if n % 50 == 49:
            for working in list(engine.orders.values()):
                engine.process(CancelOrder(2 + n, "ana", working.client_order_id))
    return {
        "p50_us": 1e6 * statistics.median(seconds[200:]),
        "p99_us": 1e6 * float(np.quantile(seconds[200:], 0.99)),
        "memory_mb": memory_mb(),
    }


def day(tape: str, orders: int) -> dict[str, Any]:
    """A whole recorded day through the engine with many orders: matching, risk, fees, ledger, facts; no disk."""
    before = memory_mb() or 0.0
    market = load_tape(tape)
    loaded = memory_mb() or 0.0
    messages = spread_orders(market, orders)
    seconds = []
    fills = 0
    for _ in range(3):
        engine = Engine()
        engine.process(OpenRoom(0, "bench", market.instruments))
        for name in ("ana", "ben"):
            engine.process(OpenAccount(0, name, 10**14, limits=NO_LIMITS))
        feed = TapeFeed(market)
        started = time.perf_counter()
        fills = 0
        for message in messages:
            for frame in feed.read(message.ts_ns):
                fills += _fills(engine.process(frame))
            fills += _fills(engine.process(message))
        for frame in feed.read(feed.end_ns):
            fills += _fills(engine.process(frame))
        seconds.append(time.perf_counter() - started)
    return {
        "warm_s": min(seconds[1:]),
        "events": len(market),
        "fills": fills,
        "orders": len(messages),
        "memory_mb": memory_mb(),
        "tape_mb": market.events.nbytes / 2**20,
        "beside_mb": (memory_mb() or 0.0) - loaded,
        "loading_mb": loaded - before,
    }


def _fills(facts: list[Any]) -> int:
    return sum(type(fact).__name__ == "Fill" for fact in facts)


def _expect(what: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if tuple(found) != tuple(wanted):
        raise BenchError(f"{what} gave {found}, not {wanted}: the engine is wrong, and its speed means nothing")


TASKS: Final[dict[str, Callable[..., dict[str, Any]]]] = {
    "w1": w1,
    "w1_messages": w1_messages,
    "order": order,
    "day": day,
    **replay_tasks.TASKS,
}


def main() -> None:
    """Do the task the command line names and print what it found."""
    print(json.dumps(TASKS[sys.argv[1]](**json.loads(sys.argv[2]))))  # noqa: T201


if __name__ == "__main__":
    main()
