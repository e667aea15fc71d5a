"""Do the benchmarks measure what they say, and say so where they could not?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vtrade.bench import SUITES, Row, fresh, measure, peers, suites, tasks
from vtrade.bench.fresh import BenchError
from vtrade.market.load import load_tape


def row(value: float | None, **more: Any) -> Row:
    return Row(**{"suite": "s", "name": "n", "value": value, "unit": "s", "better": "lower", **more})


@pytest.mark.parametrize(
    "found, met, ratio",
    [
        (row(0.4, goal=0.5), True, None),
        (row(0.5, goal=0.5), True, None),
        (row(0.6, goal=0.5), False, None),
        (row(0.6, goal=0.5, better="higher"), True, None),
        (row(None, goal=0.5), None, None),
        (row(0.4), None, None),
        (row(0.5, peer="p", peer_value=1.5), None, 3.0),
        (row(30.0, better="higher", peer="p", peer_value=10.0), None, 3.0),
        (row(None, peer="p", peer_value=1.5), None, None),
    ],
)
def test_a_row_compares(found: Row, met: bool | None, ratio: float | None) -> None:
    assert found.met is met
    assert found.ratio == (pytest.approx(ratio) if ratio is not None else None)


def test_a_row_has_the_columns_that_others_rely_on() -> None:
    assert list(row(1.0).to_dict()) == [
        "suite", "name", "value", "unit", "better", "goal", "met", "peer", "peer_value", "ratio", "memory_mb",
    ]  # fmt: skip


def test_a_fresh_process_answers_or_says_why_not() -> None:
    assert fresh.run_code("print(2.5)") == 2.5
    assert 0.15 < fresh.until_line("import time; time.sleep(0.15); print(1, flush=True); time.sleep(0.1)") < 60
    with pytest.raises(BenchError, match="a measurement failed: ZeroDivisionError: division by zero"):
        fresh.run_code("1 / 0")
    with pytest.raises(BenchError, match="it said nothing"):
        fresh.run_code("pass")


def test_the_import_suite_measures_vtrade_and_its_best_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites, "RUNS", 1)
    monkeypatch.setattr(peers, "IMPORTS", ("asyncio", "no_such_library"))
    (found,) = measure("import")
    assert found.value is not None
    assert 0 < found.value < 30
    assert found.peer == "asyncio"
    assert found.ratio is not None


def test_replay_without_data_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def run_task(task: str, **arguments: Any) -> dict[str, Any]:
        asked.append(arguments)
        return {"load_s": 1.0, "first_s": 3.0, "warm_s": 0.25, "events": 1234, "fills": 7, "memory_mb": 300.0}

    monkeypatch.setattr(fresh, "run_task", run_task)
    monkeypatch.delenv("VTRADE_DATA", raising=False)
    rows = measure("replay")
    real, made = rows[:4], rows[4:]
    assert all(found.value is None and found.met is None and "VTRADE_DATA" in found.name for found in real)
    assert [found.goal for found in real] == [0.5, 400.0, None, None]
    assert [found.value for found in made] == [0.25, 300.0, 3.0, 1.0]
    assert all(found.goal is None and "synthetic:7, 1,234 events" in found.name for found in made)
    assert [arguments["tape"] for arguments in asked] == ["synthetic:7"]


def test_replay_with_data_measures_the_real_day(monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> None:
    asked: list[dict[str, Any]] = []

    def run_task(task: str, **arguments: Any) -> dict[str, Any]:
        asked.append(arguments)
        return {"load_s": 1.0, "first_s": 3.0, "warm_s": 0.75, "events": 1234, "fills": 7, "memory_mb": 300.0}

    monkeypatch.setattr(fresh, "run_task", run_task)
    monkeypatch.setenv("VTRADE_DATA", str(data_dir))
    assert [found.met for found in measure("replay")] == [False, True, None, None]
    assert asked[0]["tape"].endswith("AMZN_2012-06-21_5.zip")


def test_the_orders_of_the_replay_benchmark_meet_the_market() -> None:
    tape = load_tape("sample:AAPL", start="2013-01-02", end="2013-02-02")
    found = tasks.spread_orders(tape, 50)
    assert 40 < len(found) <= 50
    assert {order.account for order in found} == {"ana", "ben"}
    assert [order.ts_ns for order in found] == sorted(order.ts_ns for order in found)


def test_the_replay_task_replays() -> None:
    found = tasks.replay("sample:AAPL", orders=20, repeats=1)
    assert found["fills"] > 0
    assert 0 < found["warm_s"] < 60
    assert found["memory_mb"] is None or found["memory_mb"] > 50


def test_the_order_task_fills_orders_durably() -> None:
    found = tasks.orders(batched=300, single=4, accounts=5)
    assert found["fills"] >= 250
    assert found["per_second"] > 0
    assert 0 < found["p50_ms"] <= found["p99_ms"]


def test_the_panel_task_counts_what_a_browser_would_get() -> None:
    found = tasks.panel(seconds=0.6)
    assert 0 < found["messages_per_s"] <= 21
    assert found["kb_per_s"] > 0
    assert found["orders"] > 3


def test_all_runs_every_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[int, int]] = []
    for name in SUITES:
        monkeypatch.setitem(SUITES, name, lambda name=name: iter([row(1.0, suite=name)]))
    rows = measure("all", progress=lambda *two: heard.append(two))
    assert [found.suite for found in rows] == list(SUITES)
    assert heard[-1] == (len(SUITES), len(SUITES))
