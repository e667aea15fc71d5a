"""Do all promises hold over whole days? A failure names the seed that replays it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.execution.checks import Ledger, check_inside
from tests.execution.shadow import Shadow
from tests.execution.simulation import day, digest
from tests.execution.streams import framed, without_margin
from vtrade.domain import messages as msg
from vtrade.execution.engine import Engine
from vtrade.market.dtype import EVENT, Kind

SEEDS = range(16)


def live_through(messages: list[msg.Inbound], *, wild: bool) -> list[msg.Fact]:
    """Everything is checked after every message; a twin lives from snapshots alone and tells the same."""
    opening = messages[0]
    assert isinstance(opening, msg.OpenRoom)
    agents = any(m.events != b"" and np.frombuffer(m.events, EVENT)["kind"].max() == Kind.ORDER
                 for m in messages if isinstance(m, msg.MarketFrame))  # fmt: skip
    engine, ledger, shadow = Engine(), Ledger(), Shadow(opening.rules, agents=agents)
    told: list[msg.Fact] = []
    for i, message in enumerate(messages):
        twin = Engine.restore(engine.snapshot()) if i and i % 3 == 0 else None
        facts = engine.process(message)
        if twin is not None:
            assert twin.process(message) == facts
            assert twin.snapshot() == engine.snapshot()
        told += facts
        ledger.fold(facts)
        ledger.check(engine)
        check_inside(engine)
        if not wild:
            shadow.check(engine, message, facts)
        if i % 7 == 6 and twin is not None:
            engine = twin
    return told


@pytest.mark.parametrize("wild", [False, True], ids=["", "wild prices"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_day_of_everything(seed: int, wild: bool) -> None:
    live_through(day(seed, wild=wild), wild=wild)


def test_the_days_have_everything_in_them() -> None:
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        engine = Engine()
        for message in day(seed):
            for fact in engine.process(message):
                seen[type(fact).__name__] += 1
                if isinstance(fact, msg.Fill):
                    seen[fact.cause] += 1
                    seen[f"{fact.account} fills"] += 1
    missing = {"depth", "queue", "through", "cross", "peer", "bar_open", "bar_range", "bar_close", "OrderExpired",
               "hidden", "beyond", "auction", "OrderSubmitted", "AuctionHeld", "OrderCanceled", "OrderReplaced",
               "OrderTriggered", "OrderRejected", "OrderDenied", "ReplaceRejected", "free fills",
               "limited fills", "short fills"} - seen.keys()  # fmt: skip
    assert not missing, f"no day has {missing}"


@pytest.mark.parametrize("seed", SEEDS[:6])
def test_frames_of_any_length_tell_the_same_day(seed: int) -> None:
    """Margin is looked at where a frame ends, so nobody here is on margin."""
    messages = without_margin(day(seed, wild=True))
    engines = Engine(), Engine(), Engine()
    whole = framed(messages, [False]), framed(messages, [True, False, False]), messages
    told = []
    for engine, log in zip(engines, whole, strict=True):
        facts = [fact for message in log for fact in engine.process(message) if not isinstance(fact, msg.Marked)]
        told.append([[getattr(fact, name) for name in fact.__struct_fields__ if name != "seq"] for fact in facts])
    assert told[0] == told[1] == told[2]


def test_two_processes_and_the_plain_source_give_the_same_bytes(root: Path) -> None:
    """The compiled kernel, the compiled kernel elsewhere, and the same source interpreted."""
    command = [sys.executable, "-m", "tests.execution.simulation", "3"]
    printed = []
    for more in (
        {"PYTHONHASHSEED": "1", "NUMBA_DISABLE_JIT": "0"},
        {"PYTHONHASHSEED": "2", "NUMBA_DISABLE_JIT": "1"},
    ):
        environment = {**os.environ, **more}
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=200
        )
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    here = " ".join(digest(day(seed, wild=True)) for seed in range(3))
    assert printed == [here, here]
