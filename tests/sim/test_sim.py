"""Are all promises kept on two hundred bad days, and would we notice if they were not?

A failure prints its seed and how to live that day again, alone. ``make sim SEEDS=10000`` is for a night.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.sim.days import Day, live
from tests.sim.faults import RATES
from tests.sim.mutants import MUTANTS

SEEDS = range(200)
MUTANT_SEEDS = range(60)

DAYS_WITH = {
    "stale_records": 20, "stale_heard": 20, "fenced": 60, "duplicate": 150, "actions_brought_twice": 60,
    "refused": 150, "unreadable": 60, "expelled": 100, "crashed": 80, "landed_after_giving_up": 40,
    "began again: Fenced": 60, "began again: BusUnavailable": 120, "transaction_late": 15, "snapshot_loaded": 150,
    "overloaded": 1, "copied_answers": 1,
}  # fmt: skip
"""On at least so many of the days this happened, beside every kind of trouble on at least one in thirty."""


@cache
def lived(seed: int) -> Day:
    return live(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_promise_is_kept(seed: int) -> None:
    day = lived(seed)
    assert not day.why, str(day)


def test_the_days_were_bad_enough() -> None:
    """A simulation in which little happens proves little."""
    days: Counter[str] = Counter()
    for seed in SEEDS:
        days.update(what for what, times in lived(seed).seen.items() if times)
    wanted = {**dict.fromkeys(RATES, len(SEEDS) // 30), **DAYS_WITH}
    missing = {what: (days[what], least) for what, least in wanted.items() if days[what] < least}
    assert not missing, f"days with it, and how many there should be: {missing}"
    compared = ("engines_compared", "money_compared", "progress_compared", "markets_compared", "actions_brought")
    assert min(days[what] for what in compared) == len(SEEDS)


def test_a_day_follows_from_its_seed_alone(root: Path) -> None:
    """Twice here, and once in another process that hashes names differently."""
    again = live(11)
    assert again.trace_hash == lived(11).trace_hash != lived(12).trace_hash
    command = [sys.executable, "-m", "tests.sim", "--seed", "11"]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert again.trace_hash in done.stdout


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broken_worker_is_found(mutant: str) -> None:
    with MUTANTS[mutant]() as variant:
        found = next((day for seed in MUTANT_SEEDS if (day := live(seed, **variant)).why), None)
    assert found is not None, f"{mutant}: nobody noticed on {len(MUTANT_SEEDS)} days"
    assert f"--seed {found.seed} " in str(found)
