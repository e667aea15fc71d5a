"""Does a room come back, whatever ended it: a close, a full disk, Ctrl-C, kill -9, a torn file?

Rules: what was acknowledged is there, once; what came back is what a fold of the log from nothing gives, and it goes on
as if nothing had happened. Processes are really killed; the seeds of their fate stand in the test.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.services.room import (
    BETA,
    DELT,
    S,
    batches,
    buy,
    chain_of,
    check_ledger,
    ctrl_c,
    digest,
    facts_of,
    fold,
    frame,
    messages,
    opening,
    row,
    rows,
)  # fmt: skip
from vtrade.adapters.sqlite import MEMORY, SqliteLog
from vtrade.domain.messages import (
    Fill,
    Inbound,
    MarketFrame,
    OrderAccepted,
    OrderDenied,
    OrderRejected,
    RoomCommand,
    SubmitOrder,
    decode_inbound,
)  # fmt: skip
from vtrade.domain.orders import OrderType, Side
from vtrade.domain.values import MICRO
from vtrade.errors import JournalError
from vtrade.execution.engine import Engine
from vtrade.gamification.engine import ProgressEngine
from vtrade.market.dtype import EVENT, Kind, empty_events
from vtrade.market.tape import NewsItem, Tape, check_tape
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.services.room import Room
from vtrade.services.runtime import Runtime, verify

ROOT = Path(__file__).parents[2]


def check(path: Path) -> tuple[str, int]:
    """Everything that must hold of a journal after whatever happened; its state hash and its length."""
    with SqliteLog(path, read_only=True) as log:
        chain = chain_of(log.read())
        found = verify(log)
        assert found.ok, str(found)
        honest = fold(log)
        check_ledger(log, honest)
    runtime = Runtime(SqliteLog(path))
    assert (runtime.chain, runtime.engine.state_hash()) == (chain, honest.state_hash())
    assert runtime.seq == found.records
    runtime.log.close()
    return found.state_hash, found.records


# --- snapshot and tail --------------------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**32), count=st.integers(1, 60), snapshot_every=st.integers(1, 25),
    restarts=st.lists(st.integers(0, 64), max_size=3),
)  # fmt: skip
@settings(max_examples=40)
def test_recovered_is_folded_is_live(seed: int, count: int, snapshot_every: int, restarts: list[int]) -> None:
    """A room that is left and opened again tells the same facts as one that never was, and ends in the same state."""
    stream = messages(seed, count)
    live = Engine()
    log = SqliteLog(MEMORY)
    runtime = Runtime(log, snapshot_every=snapshot_every)
    done = 0
    for batch in batches(stream, seed):
        if any(done <= at < done + len(batch) for at in restarts):
            runtime = Runtime(log, snapshot_every=snapshot_every)
            assert runtime.engine.state_hash() == live.state_hash(), f"seed {seed}: after {done} messages"
        assert runtime.submit(batch) == [live.process(message) for message in batch], f"seed {seed}: after {done}"
        done += len(batch)
    again = Runtime(log)
    assert again.engine.state_hash() == runtime.engine.state_hash() == live.state_hash() == fold(log).state_hash()
    assert (again.seq, again.chain) == (runtime.seq, runtime.chain)
    check_ledger(log, again.engine)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=12)
def test_any_moment_can_be_the_snapshot(seed: int) -> None:
    stream = messages(seed, 40)
    live = Engine()
    for at, message in enumerate(stream):
        live.process(message)
        restored = Engine.restore(live.snapshot())
        assert restored.snapshot() == live.snapshot(), f"seed {seed}: after message {at}"
        if at % 8 == 0:
            for later in stream[at + 1 :]:
                restored.process(later)
            whole = Engine()
            for each in stream:
                whole.process(each)
            assert restored.state_hash() == whole.state_hash(), f"seed {seed}: from the snapshot after message {at}"


def test_a_restored_window_holds_far_levels() -> None:
    engine = Engine()
    for message in opening():
        engine.process(message)
    engine.process(
        frame(
            S,
            row(Kind.LEVEL, instrument=1, side=1, price=100, quantity=5),
            row(Kind.LEVEL, instrument=1, side=-1, price=90_000, quantity=7),
        )
    )
    restored = Engine.restore(engine.snapshot())
    assert restored.touch(1) == engine.touch(1) == (100, 5, 90_000, 7)
    assert restored.state_hash() == engine.state_hash()


@pytest.mark.parametrize("restored", [False, True])
def test_a_waiting_stop_limit_keeps_its_room(restored: bool) -> None:
    """Its limit is a price at which it will stand, though nothing stands there yet and the market is elsewhere."""
    engine = Engine()
    for message in opening():
        engine.process(message)
    stop, limit = 9_900 * DELT.tick_size, 10_000 * DELT.tick_size
    engine.process(SubmitOrder(S, "study", "s", "DELT", Side.BUY, OrderType.STOP_LIMIT, MICRO, limit, stop))
    engine.process(SubmitOrder(S, "study", "l", "DELT", Side.BUY, OrderType.LIMIT, MICRO, 1_000 * DELT.tick_size))
    if restored:
        engine = Engine.restore(engine.snapshot())
    told = engine.process(frame(2 * S, row(Kind.BAR_OPEN, instrument=3, price=9_950, quantity=1_000)))
    assert [(fact.last_px, fact.last_qty) for fact in told if isinstance(fact, Fill)] == [(9_950, 100)]
    told = engine.process(frame(3 * S, row(Kind.BAR_CLOSE, instrument=3, price=9_999)))
    told = engine.process(frame(4 * S, row(Kind.BAR_OPEN, instrument=3, price=9_990, quantity=20_000)))
    assert [(fact.last_px, fact.last_qty) for fact in told if isinstance(fact, Fill)] == [(9_990, 900)]


# --- the same bytes everywhere ------------------------------------------------------------------------------------


def run(*arguments: str, **environment: str) -> str:
    """What :mod:`tests.services.room` prints, in a process of its own."""
    command = [sys.executable, "-m", "tests.services.room", *arguments]
    kept = {k: v for k, v in os.environ.items() if k not in ("NUMBA_DISABLE_JIT", "PYTHONHASHSEED")}
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False, env={**kept, **environment}
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return done.stdout


def test_the_same_messages_give_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    """Compiled and interpreted, with another hash seed, in one batch or many, with snapshots or without."""
    runtime = Runtime(SqliteLog(tmp_path / "j"), snapshot_every=7)
    for batch in batches(messages(11, 150), 3):
        runtime.submit(batch)
    runtime.close()
    here = digest(rows(tmp_path / "j"))
    compiled = run("digest", "11", "150", PYTHONHASHSEED="1")
    interpreted = run("digest", "11", "150", NUMBA_DISABLE_JIT="1", PYTHONHASHSEED="2")
    assert compiled.strip() == interpreted.strip() == f'"{here}"'


# --- kill -9 ------------------------------------------------------------------------------------------------------


class Trader:
    """A process that trades until it is killed, and the ids that it was told are durable."""

    def __init__(self, path: Path, turn: int) -> None:
        command = [sys.executable, "-m", "tests.services.room", "trade", str(path), str(turn)]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        )
        self.acknowledged: list[str] = []
        self.error = ""
        self.ready = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith(b"\n"):
                self.acknowledged.append(line.decode().strip())
                self.ready.set()
        self.ready.set()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self._reader.join()
        assert self.process.stderr is not None
        self.error = self.process.stderr.read().decode()
        self.process.stderr.close()
        assert self.process.stdout is not None
        self.process.stdout.close()
        assert self.process.wait() == -signal.SIGKILL, self.error


def answered(path: Path) -> list[str]:
    """Ids of the orders in a journal, taken or refused, in order."""
    kinds = (OrderAccepted, OrderDenied, OrderRejected)
    with SqliteLog(path, read_only=True) as log:
        return [fact.client_order_id for fact in facts_of(log) if isinstance(fact, kinds)]


def copied(path: Path, to: Path) -> Path:
    """The journal as a crash left it, so that looking at it mends nothing."""
    for ending in ("", "-wal"):
        if Path(f"{path}{ending}").exists():
            shutil.copyfile(f"{path}{ending}", f"{to}{ending}")
    return to


def test_kill_at_any_moment_loses_no_acknowledged_order(tmp_path: Path) -> None:
    path = tmp_path / "j"
    luck = random.Random(20_120_621)
    promised: list[str] = []
    for turn in range(12):
        trader = Trader(path, turn)
        if turn % 4 == 3:  # in the middle of the start, too
            trader.ready.wait(luck.uniform(0.05, 0.6))
        else:
            assert trader.ready.wait(60)
            time.sleep(luck.uniform(0, 0.2))
        trader.kill()
        promised += trader.acknowledged
        if not path.exists() or not path.stat().st_size:
            assert not promised
            continue
        crashed = copied(path, tmp_path / f"crash{turn}")
        there = answered(crashed) if promised else []
        assert set(promised) <= set(there), f"turn {turn}: lost {set(promised) - set(there)}"
        assert len(there) == len(set(there)), f"turn {turn}: an order is there twice"
        assert [name for name in there if name in set(promised)] == promised, f"turn {turn}: out of order"
        if turn % 4 == 0:
            check(crashed)
    assert len(promised) > 30, "the traders were killed before they traded"
    state, _ = check(path)
    runtime = Runtime(SqliteLog(path))
    ids = {name for account in runtime.engine.accounts.values() for name in account.ids}
    assert set(promised) <= ids
    told = runtime.submit([buy(promised[0], ts_ns=runtime.engine.now)])
    assert [fact for fact in told[0] if isinstance(fact, OrderAccepted)] == [], "an order was taken a second time"
    assert state != runtime.engine.state_hash()
    runtime.close()
    check(path)


def test_a_killed_room_leaves_a_journal_that_opens_at_once(tmp_path: Path) -> None:
    """No lock, no wait, nothing to repair by hand."""
    trader = Trader(tmp_path / "j", 0)
    assert trader.ready.wait(60)
    trader.kill()
    runtime = Runtime(SqliteLog(tmp_path / "j"))
    assert set(trader.acknowledged) <= {n for a in runtime.engine.accounts.values() for n in a.ids}
    runtime.close()


# --- torn files ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal whose newest records are only in the write-ahead log, as after a kill; with snapshots in both."""
    folder = tmp_path_factory.mktemp("crashed")
    runtime = Runtime(SqliteLog(folder / "live"), snapshot_every=9)
    stream = list(batches(messages(5, 120), 5, most=4))
    for batch in stream[:20]:
        runtime.submit(batch)
    runtime.save_snapshot()
    runtime.log._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[attr-defined]
    for batch in stream[20:]:
        runtime.submit(batch)
    copied(folder / "live", folder / "j")
    runtime.close()
    assert Path(f"{folder / 'j'}-wal").stat().st_size > 20_000
    return folder / "j"


def entries(path: Path) -> list[Any]:
    with SqliteLog(path, read_only=True) as log:
        return list(log.read())


def test_a_torn_write_ahead_log_loses_its_tail_and_nothing_else(crashed: Path, tmp_path: Path) -> None:
    """Cut at any byte: what is left is a beginning of what was, at commits, and the room goes on from there."""
    whole = entries(copied(crashed, tmp_path / "whole"))
    size = Path(f"{crashed}-wal").stat().st_size
    luck = random.Random(7)
    cuts = sorted({0, 1, 31, 32, 33, size - 1, size, *(luck.randrange(size) for _ in range(25))})
    lengths = []
    for cut in cuts:
        path = copied(crashed, tmp_path / f"cut{cut}")
        with Path(f"{path}-wal").open("r+b") as file:
            file.truncate(cut)
        found = entries(path)
        assert found == whole[: len(found)], f"cut at {cut} of {size}"
        lengths.append(len(found))
        check(path)
    assert lengths == sorted(lengths), "a longer file has fewer records"
    assert lengths[-1] == len(whole)
    assert 40 < lengths[0] < len(whole), "what was in the main file needs no write-ahead log"
    runtime = Runtime(SqliteLog(tmp_path / f"cut{cuts[8]}"))
    for message in messages(5, 120)[runtime.seq :]:
        runtime.submit([message])
    runtime.close()
    assert entries(tmp_path / f"cut{cuts[8]}") == whole


def test_a_damaged_write_ahead_log_loses_its_tail_and_nothing_else(crashed: Path, tmp_path: Path) -> None:
    whole = entries(copied(crashed, tmp_path / "whole"))
    size = Path(f"{crashed}-wal").stat().st_size
    luck = random.Random(8)
    for at in sorted(luck.randrange(size) for _ in range(25)):
        path = copied(crashed, tmp_path / f"bad{at}")
        content = bytearray(Path(f"{path}-wal").read_bytes())
        content[at] ^= 1 << (at % 8)
        Path(f"{path}-wal").write_bytes(content)
        found = entries(path)
        assert found == whole[: len(found)], f"byte {at}"
        check(path)


def test_a_lost_write_ahead_log_leaves_the_main_file(crashed: Path, tmp_path: Path) -> None:
    path = copied(crashed, tmp_path / "j")
    Path(f"{path}-wal").unlink()
    assert 40 < check(path)[1] < 120


# --- a room with a tape -------------------------------------------------------------------------------------------


class Still:
    """A clock for rooms that do not play."""

    def monotonic_ns(self) -> int:
        return 0

    def wall_ns(self) -> int:
        return 0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


def market(*, events: int = 4_000, headlines: int = 12) -> Tape:
    """A tape of one L2 instrument with prints and headlines."""
    luck = random.Random(3)
    out = empty_events(events)
    for i in range(events):
        side = luck.choice((1, -1))
        if i % 5 == 0:
            what = (10_000 + luck.randint(-2, 2), luck.randint(1, 40), 0, 0, Kind.TRADE, side, 0)
        else:
            what = (10_000 - side * luck.randint(1, 8), luck.randint(0, 300), 0, 0, Kind.LEVEL, side, 0)
        out[i] = (S * (100 + i // 3), *what)
    news = tuple(NewsItem(S * (150 + 100 * n), "BETA", f"headline {n}") for n in range(headlines))
    return check_tape(Tape("a tape", (BETA,), out, "L2", news=news))


def enter(log: SqliteLog, tape: Tape | None) -> Room:
    return Room(log, tape, opening=opening(instruments=[BETA]), clock=Still(), leaderboards={})


def told(room: Room) -> dict[str, Any]:
    """Everything a room knows, for comparing."""
    blotter = [(key, record.status, record.facts) for key, record in room.blotter.records.items()]
    return {
        "state": room.runtime.engine.state_hash(), "portfolio": room.portfolio.state_hash(),
        "progress": room.progress.state_hash(), "blotter": blotter, "news": room.news, "candles": room.candles.of(0),
        "at": (room.feed.rows, room.feed.ended, room.feed.next_ns) if room.feed else None,
    }  # fmt: skip


def check_told(room: Room) -> None:
    """The room's projections are those of its log, and its feed stands behind it."""
    portfolio, progress = PortfolioEngine(), ProgressEngine()
    for fact in facts_of(room.runtime.log):
        portfolio.apply(fact)
        progress.apply(fact)
    assert room.portfolio.state_hash() == portfolio.state_hash()
    assert room.progress.state_hash() == progress.state_hash()
    assert room.runtime.engine.state_hash() == fold(room.runtime.log).state_hash()
    assert room.feed is not None
    assert room.feed.rows == sum(len(events) for events in played(room.runtime.log))


def played(log: Any) -> Iterator[np.ndarray]:
    for entry in log.read():
        message = decode_inbound(entry.message)
        if isinstance(message, MarketFrame):
            yield np.frombuffer(message.events, EVENT)


def check_played(room: Room, tape: Tape) -> None:
    """Every event and every headline of the tape is in the log, once and in order."""
    assert np.array_equal(np.concatenate(list(played(room.runtime.log))), tape.events)
    assert [item.headline for item in room.news][-len(tape.news) :] == [item.headline for item in tape.news]


def trade(room: Room, n: int) -> None:
    room.submit([buy(f"r{n}", ts_ns=room.now_ns), buy(f"q{n}", ts_ns=room.now_ns, limit=9_998)])


def test_a_room_opened_again_is_the_room_that_was_left(tmp_path: Path) -> None:
    tape = market(events=900)
    room, twin = enter(SqliteLog(tmp_path / "j"), tape), enter(SqliteLog(MEMORY), tape)
    for n in range(6):
        until = S * (120 + 50 * n)
        for each in (room, twin):
            each.advance(until)
            trade(each, n)
        room.close()
        room = enter(SqliteLog(tmp_path / "j"), tape)
        assert told(room) == told(twin)
        check_told(room)
    for each in (room, twin):
        each.advance(2**62)
        assert each.ended
        check_played(each, tape)
    assert told(room) == told(twin)
    room.close()


def test_a_full_disk_in_the_middle_of_a_tape(tmp_path: Path) -> None:
    """The events that were refused come again when there is room; the room was never anywhere else than its log."""
    tape = market(events=3_000)
    log = SqliteLog(tmp_path / "j", max_pages=24)
    room = enter(log, tape)
    refused = 0
    for n in range(12):
        try:
            room.advance(S * (150 + 90 * n))
        except JournalError:
            refused += 1
        check_told(room)
    assert refused
    assert not room.ended
    log._db.execute("PRAGMA max_page_count = 100000")  # type: ignore[union-attr]
    room.advance(2**62)
    check_told(room)
    check_played(room, tape)
    state = room.runtime.engine.state_hash()
    room.close()
    assert check(tmp_path / "j")[0] == state
    free = enter(SqliteLog(MEMORY), tape)
    free.advance(2**62)
    assert free.runtime.engine.touch(0) == room.runtime.engine.touch(0)
    assert free.candles.of(0) == room.candles.of(0)


def test_ctrl_c_in_the_middle_of_a_tape(tmp_path: Path) -> None:
    """A real signal at any moment: whatever it interrupted, nothing is lost, doubled or half told."""
    tape = market(events=4_000)
    room = enter(SqliteLog(tmp_path / "j"), tape)
    trade(room, 999)
    luck = random.Random(1)
    interrupted = 0
    for n in range(300):
        done = threading.Event()

        def strike(wait: float = luck.uniform(0, 0.006), done: threading.Event = done) -> None:
            done.wait(wait)
            if not done.is_set():
                os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=strike)
        try:
            with ctrl_c():
                try:
                    thread.start()
                    for _ in range(4):
                        room.step_events(25)
                    trade(room, n)
                finally:
                    done.set()
                    thread.join()
        except KeyboardInterrupt:
            interrupted += 1
        if n % 10 == 0:
            check_told(room)
        if room.ended:
            break
    assert interrupted >= 3
    room.advance(2**62)
    check_told(room)
    check_played(room, tape)
    before = told(room)
    room.close()
    check(tmp_path / "j")
    again = enter(SqliteLog(tmp_path / "j"), tape)
    assert told(again) == before
    again.close()


def test_an_announcement_is_no_headline_of_the_tape(tmp_path: Path) -> None:
    """What the instructor says must not make the room skip what the tape says when it is opened again."""
    tape = market(events=300, headlines=2)
    room = enter(SqliteLog(tmp_path / "j"), tape)
    room.advance(S * 110)
    room.submit([RoomCommand(room.now_ns, "news", "", "an announcement")])
    room.close()
    room = enter(SqliteLog(tmp_path / "j"), tape)
    room.advance(2**62)
    assert [item.headline for item in room.news] == ["an announcement", "headline 0", "headline 1"]
    room.close()


def test_an_interrupt_before_the_room_is_open_leaves_a_journal_that_opens(tmp_path: Path) -> None:
    path = tmp_path / "j"

    def broken() -> Iterator[Inbound]:
        yield opening(instruments=[BETA])[0]
        raise KeyboardInterrupt

    tape = market(events=30)
    log = SqliteLog(path)
    with pytest.raises(KeyboardInterrupt):
        Room(log, tape, opening=broken(), clock=Still(), leaderboards={})
    log.close()
    room = enter(SqliteLog(path), tape)
    room.advance(2**62)
    check_played(room, tape)
    room.close()
