"""How quick is the engine beside others that do the same work, on the same machine, in the same run?

Rules: peers are those that are installed (see `vtrade.bench.peers`); a goal that is a multiple of a peer's speed is
counted from the peer measured here, else from the published figure in ``PUBLISHED``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from vtrade.bench import fresh, peers
from vtrade.bench.rows import Row

MODULE: Final = "vtrade.bench.engine_tasks"
DAY_ORDERS: Final = 10_000
PUBLISHED: Final = {"w2_l1": 3.2e6, "w2_l2": 9.4e6, "w3": 4.5e6}
"""Items per second of the quickest peer of each workload on two cores, November 2026: hftbacktest and vectorbt."""
FASTMM: Final = 0.94e6
"""Ticks per second of fastmm, which calls Python on each, on the same machine."""


def engine_rows(aapl: Path | None) -> Iterator[Row]:
    """Rows of the suite; ``aapl`` is a recorded day, where it is at hand."""
    yield from _matching()
    yield from _strategies()
    yield from _order()
    yield from _day(aapl)


def _row(name: str, value: float | None, unit: str, goal: float | None, *, lower: bool = False, **more: Any) -> Row:
    return Row(
        suite="engine", name=name, value=value, unit=unit, better="lower" if lower else "higher", goal=goal, **more
    )


def _peer(workload: str) -> dict[str, Any]:
    found = peers.quickest(workload)
    return {} if found is None else {"peer": found[0], "peer_value": found[1].items_per_cpu_s}


def _matching() -> Iterator[Row]:
    bare = fresh.run_task("w1", module=MODULE)
    yield _row(
        "W1: a million order messages, matching alone", bare["per_s"], "messages/s", 20e6, memory_mb=bare["memory_mb"],
        **_peer("w1"),
    )  # fmt: skip
    full = fresh.run_task("w1_messages", module=MODULE)
    yield _row(
        "W1: as orders of accounts, with risk, fees, ledger and facts", full["per_s"], "messages/s", None,
        memory_mb=full["memory_mb"],
    )  # fmt: skip


def _strategies() -> Iterator[Row]:
    quotes, levels, bars = (_peer(name) for name in ("w2_l1", "w2_l2", "w3"))
    figures: tuple[tuple[str, str, str, dict[str, Any], float], ...] = (
        ("w2_l1", "W2: quotes, compiled strategy", "quotes/s", quotes, 5 * _pace(quotes, "w2_l1")),
        ("w2_l2", "W2: levels, compiled strategy", "updates/s", levels, 2 * _pace(levels, "w2_l2")),
        ("w2_woken", "W2: quotes, Python woken every 100", "quotes/s", quotes, 3 * _pace(quotes, "w2_l1")),
        ("w2_tick", "W2: quotes, Python on every one", "quotes/s", {}, 1.5 * FASTMM),
        ("w3", "W3: bars, compiled strategy", "bars/s", bars, 5 * _pace(bars, "w3")),
    )
    for task, name, unit, peer, goal in figures:
        found = fresh.run_task(task, module=MODULE)
        yield _row(name, found["per_s"], unit, goal, memory_mb=found["memory_mb"], **peer)


def _pace(peer: dict[str, Any], workload: str) -> float:
    """Items per second of the best peer: measured here, or published."""
    return float(peer.get("peer_value", PUBLISHED[workload]))


def _order() -> Iterator[Row]:
    found = fresh.run_task("order", module=MODULE)
    yield _row("one live order, p50", found["p50_us"], "us", 50.0, lower=True, memory_mb=found["memory_mb"])
    yield _row("one live order, p99", found["p99_us"], "us", None, lower=True, memory_mb=found["memory_mb"])


def _day(aapl: Path | None) -> Iterator[Row]:
    name = f"a recorded day, AAPL L1, {DAY_ORDERS:,} orders"
    if aapl is None:
        yield _row(f"{name} (VTRADE_DATA names no folder that has it)", None, "s", 1.0, lower=True)
        return
    found = fresh.run_task("day", module=MODULE, tape=f"lobster:{aapl.resolve()}", orders=DAY_ORDERS)
    yield _row(name, found["warm_s"], "s", 1.0, lower=True, memory_mb=found["memory_mb"])
