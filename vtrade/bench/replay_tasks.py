"""How quick is a strategy on recorded data: compiled, woken now and then, or called on every tick?

Rules: as in `vtrade.bench.engine_tasks`. Every request goes through risk, fees and the ledger, and all that happened is
kept, so that it can be told as facts. Compiling is not timed. Processor time counts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, Final

from vtrade.bench import workloads
from vtrade.bench.tasks import memory_mb
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.instruments import Instrument
from vtrade.domain.values import MICRO
from vtrade.market.dtype import Events
from vtrade.market.tape import Tape, check_tape
from vtrade.research.backtest import backtest
from vtrade.research.strategy import cancel_all, limit, market, strategy

RUNS: Final = 3
EVERY: Final = 100
WIDE: Final = RiskLimits(
    concentration_ppm=100 * MICRO, allow_short=True, collar_ppm=900_000, max_working_orders=1_000_000
)


@strategy(state=1)  # type: ignore[untyped-decorator]
def quoting(m: Any, p: Any, state: Any, orders: Any) -> int:
    """W2: cancel what rests, send one market and one limit order."""
    side = 1 - 2 * (m.step // 100 % 2)
    n = cancel_all(orders, 0)
    n = market(orders, n, side, 1)
    return limit(orders, n, -side, 1, m.ask if side > 0 else m.bid)


@strategy(state=64)  # type: ignore[untyped-decorator]
def crossing(m: Any, p: Any, state: Any, orders: Any) -> int:
    """W3: hold 100 shares long where the mean of 10 closes is above that of 50, else short, from the first cross on."""
    count = int(state[0])
    place = 4 + count % 50
    if count >= 50:
        state[2] -= state[place]
    if count >= 10:
        state[1] -= state[4 + (count - 10) % 50]
    state[place] = m.close
    state[1] += m.close
    state[2] += m.close
    state[0] = count + 1
    if count + 1 < 50:
        return 0
    above = 2.0 if 50.0 * state[1] > 10.0 * state[2] else 1.0
    before = state[3]
    state[3] = above
    if before == 0.0 or before == above:
        return 0
    wanted = 100 if above == 2.0 else -100
    return market(orders, 0, 1 if wanted > m.position else -1, abs(wanted - m.position))


def quoting_in_python(m: Any) -> None:
    """W2 in Python, woken by the clock of the tape."""
    side = 1 - 2 * (m.step // EVERY % 2)
    m.cancel_all()
    m.order(side, 1)
    m.order(-side, 1, limit=m.ask if side > 0 else m.bid)


def on_every_tick(m: Any) -> None:
    """W2 in Python, called after each moment."""
    if m.step % EVERY == 0:
        quoting_in_python(m)


def _tape(events: Events, depth: str) -> Tape:
    return check_tape(
        Tape("bench", (Instrument.make("ACME", tick="0.0001" if depth == "bars" else "0.01"),), events, depth)
    )


def _timed(strategy: Any, tape: Tape, items: int, **options: Any) -> dict[str, Any]:
    """Items per second of processor time."""
    seconds = []
    fills = 0
    for _ in range(RUNS + 1):
        started = time.process_time()
        result = backtest(strategy, tape, cash=1_000_000_000, limits=WIDE, **options)
        seconds.append(time.process_time() - started)
        fills = result.fill_count
    return {"per_s": items / statistics.median(seconds[1:]), "fills": fills, "memory_mb": memory_mb()}


def w2_l1() -> dict[str, Any]:
    """A million best quotes, compiled strategy."""
    return _timed(quoting, _tape(workloads.quote_events(workloads.quotes()), "L1"), workloads.COUNT, every=EVERY)


def w2_l2() -> dict[str, Any]:
    """A million changes of levels, compiled strategy."""
    return _timed(quoting, _tape(workloads.level_events(workloads.levels()), "L2"), workloads.COUNT, every=EVERY)


def w2_woken() -> dict[str, Any]:
    """A million best quotes, Python woken on schedule."""
    tape = _tape(workloads.quote_events(workloads.quotes()), "L1")
    return _timed(quoting_in_python, tape, workloads.COUNT, every=EVERY)


def w2_tick() -> dict[str, Any]:
    """A million best quotes, Python called on every tick."""
    return _timed(on_every_tick, _tape(workloads.quote_events(workloads.quotes()), "L1"), workloads.COUNT)


def w3() -> dict[str, Any]:
    """A million bars, compiled strategy."""
    return _timed(crossing, _tape(workloads.bar_events(workloads.bars()), "bars"), workloads.COUNT)


TASKS: Final[dict[str, Callable[..., dict[str, Any]]]] = {
    "w2_l1": w2_l1, "w2_l2": w2_l2, "w2_woken": w2_woken, "w2_tick": w2_tick, "w3": w3,
}  # fmt: skip
