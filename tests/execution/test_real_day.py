"""Does a real day go through the engine unharmed: the book as recorded, and a thousand orders in it?"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.execution.checks import Ledger, check_inside
from vtrade.domain import messages as msg
from vtrade.domain.accounts import NO_LIMITS, RiskLimits
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.domain.values import MICRO
from vtrade.execution.engine import Engine
from vtrade.market.lobster import load_lobster
from vtrade.market.tape import Tape

DAY = "LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"
LEVELS = 5


@pytest.fixture(scope="module")
def tape(data_dir: Path) -> Tape:
    return load_lobster(data_dir / "lobster" / DAY)


def open_room(tape: Tape) -> list[msg.Inbound]:
    return [
        msg.OpenRoom(0, "real", tuple(tape.instruments)),
        msg.OpenAccount(0, "free", 0, "USD", NO_LIMITS),
        msg.OpenAccount(0, "limited", 200_000 * MICRO, "USD", RiskLimits(concentration_ppm=900_000)),
    ]


def frames(tape: Tape, stops: np.ndarray) -> list[msg.MarketFrame]:
    """The tape cut after each time."""
    edges = np.searchsorted(tape.events["ts_ns"], stops, side="right")
    parts = [tape.events[a:b] for a, b in zip([0, *edges[:-1]], edges, strict=True)]
    return [msg.MarketFrame(int(t), part.tobytes()) for t, part in zip(stops, parts, strict=True)]


@pytest.mark.needs("data")
def test_the_book_is_the_recorded_one(tape: Tape, data_dir: Path) -> None:
    with zipfile.ZipFile(data_dir / "lobster" / DAY) as archive:
        book_file = next(name for name in archive.namelist() if "orderbook" in name)
        time_file = next(name for name in archive.namelist() if "message" in name)
        recorded = pd.read_csv(io.BytesIO(archive.read(book_file)), header=None).to_numpy()
        seconds = pd.read_csv(io.BytesIO(archive.read(time_file)), header=None, usecols=[0], dtype=str)[0]
    times = seconds.map(lambda text: int(text.replace(".", "").ljust(len(text.split(".")[0]) + 9, "0")[:14])).to_numpy()
    grid = tape.instruments[0].tick_size // 100
    stops = times[np.linspace(0, len(times) - 2, 500).astype(int)]
    engine = Engine()
    for message in open_room(tape):
        engine.process(message)
    for stop, frame in zip(stops, frames(tape, stops), strict=True):
        engine.process(frame)
        line = recorded[np.searchsorted(times, stop, side="right") - 1]
        asks, bids = line.reshape(LEVELS, 2, 2).transpose(1, 0, 2)
        for side, rows in ((-1, asks), (1, bids)):
            told = [(int(price) // grid, int(lots)) for price, lots in rows if abs(price) < 9_999_999_999]
            assert engine.depth(0, side, LEVELS + 1) == told, f"at {stop} ns"
    assert engine.unreachable == 0
    check_inside(engine)


@pytest.mark.needs("data")
def test_a_thousand_orders_in_a_real_day(tape: Tape) -> None:
    """Everything holds, and an engine restored at noon ends the day with the same bytes."""
    luck = np.random.Generator(np.random.PCG64(8))
    stops = np.linspace(tape.start_ns, tape.end_ns, 1_001)[1:].astype(np.int64)
    symbol, tick = tape.instruments[0].symbol, tape.instruments[0].tick_size
    engine, ledger, fills = Engine(), Ledger(), 0
    second: Engine | None = None
    for message in open_room(tape):
        ledger.fold(engine.process(message))
    for i, frame in enumerate(frames(tape, stops)):
        bid, _, ask, _ = engine.touch(0)
        side = Side.BUY if luck.integers(2) else Side.SELL
        kind = list(OrderType)[luck.integers(4)] if bid and ask else OrderType.MARKET
        away = int(luck.integers(-5, 15))
        limit = (bid if side > 0 else ask) - side * away if "limit" in kind else None
        stop = (ask if side > 0 else bid) + side * away if "stop" in kind else None
        batch: list[msg.Inbound] = [
            frame,
            msg.SubmitOrder(
                frame.ts_ns,
                "free" if i % 3 else "limited",
                f"o{i}",
                symbol,
                side,
                kind,
                int(luck.integers(1, 400)) * MICRO,
                limit and limit * tick,
                stop and stop * tick,
                list(TimeInForce)[luck.integers(4)],
            ),
        ]
        if i % 4 == 3:
            name = f"o{luck.integers(max(1, i - 40), i + 1)}"
            account = "free" if int(name[1:]) % 3 else "limited"
            batch.append(
                msg.ReplaceOrder(frame.ts_ns, account, name, int(luck.integers(1, 400)) * MICRO)
                if i % 8 == 3
                else msg.CancelOrder(frame.ts_ns, account, name)
            )
        for message in batch:
            facts = engine.process(message)
            ledger.fold(facts)
            fills += sum(isinstance(fact, msg.Fill) for fact in facts)
            if second is not None:
                assert second.process(message) == facts
        ledger.check(engine)
        if i % 20 == 0:
            check_inside(engine)
        if i == 500:
            second = Engine.restore(engine.snapshot())
    assert second is not None
    assert second.state_hash() == engine.state_hash()
    assert fills > 500
    check_inside(engine)
