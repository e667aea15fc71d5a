"""Desks to test with: small markets made once, every desk closed again, and no thread left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import vtrade as vt
from vtrade.adapters.sqlite import SqliteLog
from vtrade.domain.messages import Fact, decode_facts

WAIT_S = 10.0
"""Longest wait for something that another thread does."""

Opener = Callable[..., vt.Desk]


@pytest.fixture(scope="session")
def tape() -> vt.Tape:
    """Three instruments, 09:30 to 09:33, about seven thousand events."""
    return vt.synthetic(7, symbols=["ACME", "BYTE", "LUMA"], minutes=3, events_per_second=8)


@pytest.fixture(scope="session")
def other_tape() -> vt.Tape:
    """The same instruments on another day of the market."""
    return vt.synthetic(8, symbols=["ACME", "BYTE", "LUMA"], minutes=3, events_per_second=8)


@pytest.fixture(scope="session")
def daily() -> vt.Tape:
    """Real daily bars of two shares."""
    return vt.load_tape("sample:AAPL,IBM", start="2012-01-03", end="2012-03-30")


@pytest.fixture(scope="session")
def amzn(data_dir: Path) -> vt.Tape:
    """Real order messages of one share."""
    return vt.load_tape(f"lobster:{data_dir / 'lobster' / 'LOBSTER_SampleFile_AMZN_2012-06-21_1.zip'}")


@pytest.fixture
def open_desk(tape: vt.Tape) -> Iterator[Opener]:
    """``vt.Desk`` on the small market; whatever it opened is closed at the end."""
    desks: list[vt.Desk] = []

    def opener(which: Any = None, **options: Any) -> vt.Desk:
        desk = vt.Desk(tape if which is None else which, **{"language_model": None, **options})
        desks.append(desk)
        return desk

    yield opener
    for desk in desks:
        desk.close_desk()
    until(lambda: not players())


@pytest.fixture
def desk(open_desk: Opener) -> vt.Desk:
    """A new desk on the small market."""
    return open_desk()


def players() -> list[str]:
    """Threads that play a market."""
    return [thread.name for thread in threading.enumerate() if thread.name == "vtrade-play"]


def until(condition: Callable[[], object], wait_s: float = WAIT_S) -> None:
    """Wait for what another thread does."""
    end = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.005)


def told(desk: vt.Desk) -> list[Fact]:
    """Every fact of a desk's journal, in order."""
    return [fact for entry in desk._room.runtime.log.read() for fact in decode_facts(entry.facts)]


def records(desk: vt.Desk) -> int:
    """How many messages the journal holds."""
    return desk._room.runtime.seq


def read_facts(path: Path | str) -> list[Fact]:
    """Every fact of a journal that is closed."""
    with SqliteLog(path, read_only=True) as log:
        return [fact for entry in log.read() for fact in decode_facts(entry.facts)]


def standing(desk: vt.Desk) -> dict[str, Any]:
    """All a student sees, to compare two desks."""
    seen = desk.view()
    del seen["seq"]
    seen["clock"].pop("forked")
    return {
        "view": seen,
        "ts_ns": desk.ts_ns,
        "orders": desk.orders().to_csv(),
        "fills": desk.fills().to_csv(),
        "positions": desk.positions().to_csv(),
        "round_trips": desk.round_trips().to_csv(),
        "statistics": desk.statistics().to_csv(),
        "leaderboard": desk.leaderboard().to_csv(),
        "by_nav": desk.leaderboard("nav").to_csv(),
        "progress": msgspec.to_builtins(desk.progress),
        "books": {symbol: desk.book(symbol).to_csv() for symbol in desk.symbols},
        "bars": {symbol: desk.bars(symbol).to_csv() for symbol in desk.symbols},
    }
