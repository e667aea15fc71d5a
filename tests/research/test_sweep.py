"""Does a sweep run every cell, wherever it runs, and keep what it has when something breaks?"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest

from tests.research import strategies as s
from vtrade.bench import workloads as w
from vtrade.domain.instruments import Instrument
from vtrade.market.tape import Tape, check_tape
from vtrade.research.backtest import backtest
from vtrade.research.strategy import StrategyError
from vtrade.research.sweep import sweep

TAPE = check_tape(Tape("made", (Instrument.make("ACME", tick="0.01"),), w.level_events(w.levels(2_000)), "L2"))
GRID = {"every": [100, 200], "lots": [1, 2, 3]}


def test_rows_come_in_the_order_of_the_grid_and_say_what_a_backtest_says() -> None:
    done = sweep(s.Alternate, TAPE, GRID, workers=1)
    frame = done.frame()
    assert list(zip(frame["every"], frame["lots"], strict=True)) == [(e, n) for e in (100, 200) for n in (1, 2, 3)]
    for n, params in enumerate(done.params):
        one = backtest(s.Alternate, TAPE, params=params).statistics()
        assert done.statistics[n]["nav"] == one["nav"]


def test_threads_give_the_same() -> None:
    with ThreadPoolExecutor(2) as pool:
        there = sweep(s.Alternate, TAPE, GRID, executor=pool)
    here = sweep(s.Alternate, TAPE, GRID, workers=1)
    assert there.params == here.params
    assert [c["nav"] for c in there.statistics] == [c["nav"] for c in here.statistics]


def test_a_cell_that_fails_lets_the_others_go_on() -> None:
    done = sweep(s.Alternate, TAPE, {"every": [100, 0, 200]}, workers=1)
    assert list(done.errors) == [1]
    assert "ZeroDivisionError" in done.errors[1]
    assert done.best("fills") in done.params
    assert "1 failed" in repr(done)


class _Dies:
    """Ends its own process at one parameter."""

    def __init__(self, at: int) -> None:
        self.at = at

    def on_tick(self, m: Any) -> None:
        """After each moment."""
        if self.at == 2:
            os._exit(1)


def test_workers_that_die_leave_what_was_done() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        done = sweep(_Dies, TAPE, {"at": [1, 2, 3]}, executor=pool)
    assert "workers died" in done.stopped
    assert 1 in done.errors
    assert len(done.frame()) == 3


def test_processes_by_default() -> None:
    done = sweep(s.alternate, TAPE, {"every": [100, 300], "lots": [1]}, workers=2)
    assert done.errors == {}
    assert done.statistics[0]["fills"] == backtest(s.alternate, TAPE, params={"every": 100, "lots": 1}).fill_count


@pytest.mark.parametrize(
    "grid", [{}, {"every": []}, {"every": "100"}, {"every": 5}, {"a": range(2_000), "b": range(2_000)}]
)
def test_a_grid_that_is_none(grid: Any) -> None:
    with pytest.raises(StrategyError):
        sweep(s.Alternate, TAPE, grid)


def test_nothing_is_best_where_nothing_was_found() -> None:
    with pytest.raises(StrategyError, match="no cell"):
        sweep(s.Alternate, TAPE, {"every": [0]}, workers=1).best()
