"""What is done in the fresh processes of the benchmarks?

Rules: a task takes plain arguments and returns plain values; ``python -m vtrade.bench.tasks NAME JSON`` prints them.
Orders follow a fixed pattern: no chance is involved.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

import numpy as np

from vtrade.bootstrap import open_journal
from vtrade.domain.messages import Fact, Inbound, OpenAccount, OpenRoom, SubmitOrder
from vtrade.domain.orders import OrderType, Side
from vtrade.domain.values import MICRO, NS_PER_S
from vtrade.market.dtype import Kind
from vtrade.market.load import load_tape
from vtrade.market.tape import Tape
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.services.feed import TapeFeed
from vtrade.services.replay import replay as run_replay
from vtrade.services.runtime import Runtime

OPEN_S: Final = 300
"""Market time that passes before the first order of the order benchmark."""
ORDERS_A_FRAME: Final = 512
PATTERN: Final = (
    (Side.BUY, OrderType.MARKET, 0), (Side.BUY, OrderType.LIMIT, -3), (Side.SELL, OrderType.MARKET, 0),
    (Side.BUY, OrderType.LIMIT, 1), (Side.SELL, OrderType.LIMIT, 3),
)  # fmt: skip
"""Side, type and distance in ticks from the last print of one order after the other."""


def memory_mb() -> float | None:
    """Most memory this process ever held; ``None`` where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():
        peak = [line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM")]
        return int(peak[0].split()[1]) / 1024 if peak else None
    try:
        import resource
    except ImportError:
        return None
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


# --- replay ----------------------------------------------------------------------------------------------------------


def spread_orders(tape: Tape, orders: int) -> list[SubmitOrder]:
    """Orders over the whole tape, near the last print of their moment, for two accounts."""
    prints = np.flatnonzero(np.isin(tape.events["kind"], (Kind.EXECUTE, Kind.TRADE, Kind.BAR_CLOSE)))
    times = tape.events["ts_ns"][prints]
    step = (tape.end_ns - tape.start_ns) // (orders + 1)
    found = []
    for number in range(orders):
        ts_ns = tape.start_ns + step * (number + 1)
        row = int(np.searchsorted(times, ts_ns, side="right")) - 1
        if row < 0:
            continue
        event = tape.events[prints[row]]
        instrument = tape.instruments[int(event["instrument"])]
        side, kind, away = PATTERN[number % len(PATTERN)]
        limit = (int(event["price"]) + away) * instrument.tick_size if kind is OrderType.LIMIT else None
        found.append(
            SubmitOrder(
                ts_ns, ("ana", "ben")[number // len(PATTERN) % 2], f"c{number}", instrument.symbol, side, kind,
                10 * instrument.lot_size, limit,
            )
        )  # fmt: skip
    return found


def replay(tape: str, orders: int, repeats: int) -> dict[str, Any]:
    """Replay a tape with orders: seconds of loading, of the first run and of warm runs; memory."""
    started = time.perf_counter()
    market = load_tape(tape)
    load_s = time.perf_counter() - started
    requests = spread_orders(market, orders)
    seconds = []
    with tempfile.TemporaryDirectory(prefix="vtrade-bench-") as folder:
        for number in range(repeats + 1):
            started = time.perf_counter()
            result = run_replay(market, requests, out=Path(folder) / str(number), open_log=open_journal)
            seconds.append(time.perf_counter() - started)
    return {
        "load_s": load_s,
        "first_s": seconds[0],
        "warm_s": statistics.median(seconds[1:]),
        "events": len(market),
        "fills": result.fills,
        "memory_mb": memory_mb(),
    }


# --- orders ----------------------------------------------------------------------------------------------------------


class _Ledger:
    """The portfolio as a projection of a runtime."""

    def __init__(self) -> None:
        self.engine = PortfolioEngine()

    def apply(self, facts: Iterable[Fact]) -> None:
        """Fold facts, in order."""
        self.engine.apply_all(facts)


def orders(batched: int, single: int, accounts: int = 20) -> dict[str, Any]:
    """Durable orders with risk, matching and ledger: per second in batches, and milliseconds one by one."""
    market = load_tape("synthetic:7")
    symbols = [instrument.symbol for instrument in market.instruments]
    feed = TapeFeed(market)
    opens_ns = market.start_ns
    begins_ns = opens_ns + OPEN_S * NS_PER_S

    def trades(accounts: int) -> Iterator[Inbound]:
        """Market orders: each account buys, and then sells what it bought."""
        ts_ns = begins_ns
        for number in count():
            if number % ORDERS_A_FRAME == 0:
                ts_ns += NS_PER_S
                yield from feed.read(ts_ns)
            turn, account = divmod(number, accounts)
            symbol = symbols[(turn // 2 * accounts + account) % len(symbols)]
            side = Side.SELL if turn % 2 else Side.BUY
            yield SubmitOrder(ts_ns, f"a{account}", f"c{number}", symbol, side, OrderType.MARKET, MICRO)

    with tempfile.TemporaryDirectory(prefix="vtrade-bench-") as folder:
        runtime = Runtime(open_journal(Path(folder) / "journal.vtrade"), projections=[_Ledger()])
        opening: list[Inbound] = [OpenRoom(opens_ns, "bench", market.instruments)]
        opening += [OpenAccount(opens_ns, f"a{number}", 10**9 * MICRO) for number in range(accounts)]
        runtime.submit_many([*opening, *feed.read(begins_ns)])
        stream = trades(accounts)
        messages: list[Inbound] = []
        sent = 0
        while sent < batched:
            messages.append(next(stream))
            sent += isinstance(messages[-1], SubmitOrder)
        started = time.perf_counter()
        answers = runtime.submit_many(messages)
        per_second = sent / (time.perf_counter() - started)
        filled = sum(type(fact).__name__ == "Fill" for facts in answers for fact in facts)
        waits: list[float] = []
        while len(waits) < single:
            message = next(stream)
            started = time.perf_counter()
            runtime.submit([message])
            if isinstance(message, SubmitOrder):
                waits.append(1e3 * (time.perf_counter() - started))
        runtime.close()
    waits.sort()
    return {
        "per_second": per_second,
        "fills": filled,
        "p50_ms": waits[len(waits) // 2],
        "p99_ms": waits[min(len(waits) - 1, len(waits) * 99 // 100)],
        "memory_mb": memory_mb(),
    }


# --- panel -----------------------------------------------------------------------------------------------------------


def panel(seconds: float) -> dict[str, Any]:
    """What a panel sends while a desk plays fast and trades: messages and kilobytes a second."""
    import vtrade as vt
    from vtrade.desk.sections import WHOLE
    from vtrade_widgets import DeskPanel
    from vtrade_widgets.live import ENVELOPE_BYTES

    class Counted(DeskPanel):
        """A panel that counts what it would send."""

        messages = 0
        sent_bytes = 0

        def send(self, content: Any, buffers: Any = None) -> None:
            """Count instead of sending."""
            self.messages += 1
            self.sent_bytes += len(json.dumps(content)) + ENVELOPE_BYTES

    desk = vt.Desk(language_model=None)
    shown = Counted(desk, rate_hz=20)
    # what a browser says when it shows the panel
    shown._receive(shown, {"hello": True, "view": "bench", "needs": list(WHOLE)}, [])
    desk.play(speed=60)
    symbols = desk.symbols
    before_messages, before_bytes = shown.messages, shown.sent_bytes
    started = time.perf_counter()
    number = 0
    while (passed := time.perf_counter() - started) < seconds:
        symbol = symbols[number % len(symbols)]
        (desk.sell if number // len(symbols) % 2 else desk.buy)(symbol, 10)
        number += 1
        shown._receive(shown, {"alive": True, "view": "bench"}, [])
        time.sleep(0.02)
    messages, sent = shown.messages - before_messages, shown.sent_bytes - before_bytes
    shown.close()
    desk.close_desk()
    return {
        "messages_per_s": messages / passed,
        "kb_per_s": sent / passed / 1e3,
        "orders": number,
        "memory_mb": memory_mb(),
    }


TASKS: Final[dict[str, Callable[..., dict[str, Any]]]] = {"replay": replay, "orders": orders, "panel": panel}


def main() -> None:
    """Do the task the command line names and print what it found."""
    print(json.dumps(TASKS[sys.argv[1]](**json.loads(sys.argv[2]))))  # noqa: T201


if __name__ == "__main__":
    main()
