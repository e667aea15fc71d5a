"""Does the one loop keep its word: on the disk before anybody hears of it, everything or nothing?

Rules: errors are raised at the worst moments (in the middle of a batch, just before and just after the commit, while
projections listen), and then the engine must be what the log says, folded from nothing.
"""

from __future__ import annotations

import hashlib
import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.services.room import (
    ACCOUNTS,
    HookedLog,
    S,
    batches,
    book_frame,
    buy,
    chain_of,
    check_ledger,
    ctrl_c,
    facts_of,
    fold,
    messages,
    opening,
    rows,
    tamper,
)  # fmt: skip
from vtrade.adapters.sqlite import MEMORY, SqliteLog
from vtrade.domain import messages as msg
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.domain.values import MICRO
from vtrade.errors import JournalCorrupt, JournalError, JournalInUse, VTradeError
from vtrade.ports import Entry, Log, Snapshot
from vtrade.services.runtime import GENESIS, Runtime, link, verify


class Ear:
    """A projection that only listens."""

    def __init__(self) -> None:
        self.facts: list[msg.Fact] = []

    def apply(self, facts: Iterable[msg.Fact]) -> None:
        self.facts.extend(facts)


def standing(runtime: Runtime) -> tuple[int, bytes, str, int]:
    """What must be as it was after a refusal."""
    return runtime.seq, runtime.chain, runtime.engine.state_hash(), sum(1 for _ in runtime.log.read())


def check_whole(runtime: Runtime, ear: Ear | None = None) -> None:
    """Engine, chain and listeners are what the log says."""
    assert chain_of(runtime.log.read()) == runtime.chain
    last = runtime.log.last()
    assert runtime.seq == (last.seq if last else 0)
    assert fold(runtime.log).state_hash() == runtime.engine.state_hash()
    if ear is not None:
        assert ear.facts == facts_of(runtime.log)


def started(log: Log | None = None, **options: Any) -> Runtime:
    runtime = Runtime(log or SqliteLog(MEMORY), **options)
    runtime.submit([*opening(), book_frame(S)])
    return runtime


# --- what comes out -----------------------------------------------------------------------------------------------


def test_what_is_told_is_what_is_kept() -> None:
    runtime = Runtime(SqliteLog(MEMORY))
    given = messages(1, 60)
    told = [facts for batch in batches(given, 1) for facts in runtime.submit(batch)]
    entries = list(runtime.log.read())
    assert [msg.decode_inbound(e.message) for e in entries] == given
    assert [msg.decode_facts(e.facts) for e in entries] == told
    assert len(told) == len(given)
    check_whole(runtime)
    check_ledger(runtime.log, runtime.engine)


def test_a_new_room_begins_at_nothing() -> None:
    runtime = Runtime(SqliteLog(MEMORY))
    assert (runtime.seq, runtime.chain) == (0, GENESIS) == (0, bytes(32))
    assert runtime.engine.instruments == ()


def test_nothing_to_do_writes_nothing() -> None:
    log = HookedLog()
    runtime = started(log)
    before = standing(runtime), list(log.appends)
    assert runtime.submit([]) == []
    assert runtime.submit_many(iter(())) == []
    assert (standing(runtime), log.appends) == before


def test_the_chain_knows_where_a_message_ends() -> None:
    """Else a byte could move from the message to the facts unseen."""
    assert len({link(GENESIS, b"ab", b"c"), link(GENESIS, b"a", b"bc"), link(GENESIS, b"", b"abc")}) == 3
    assert link(GENESIS, b"a", b"b") != link(b"\1" * 32, b"a", b"b")


def test_one_batch_is_one_commit_and_many_messages_share_commits() -> None:
    log = HookedLog()
    runtime = Runtime(log)
    runtime.submit(opening())
    runtime.submit_many((msg.UserAction(S, "ana", "plan_written", str(n)) for n in range(25)), batch=10)
    assert log.appends == [len(opening()), 10, 10, 5]


def test_results_come_in_the_order_of_the_messages() -> None:
    runtime = started()
    told = runtime.submit_many([buy(f"c{n}", limit=9_990) for n in range(30)], batch=7)
    assert [facts[0].client_order_id for facts in told if isinstance(facts[0], msg.OrderAccepted)] == [
        f"c{n}" for n in range(30)
    ]


# --- durable first ------------------------------------------------------------------------------------------------


def test_nobody_hears_of_what_is_not_on_the_disk(tmp_path: Path) -> None:
    """At each call of a listener, another connection finds the record and its facts in the file."""
    path = tmp_path / "j"
    heard: list[int] = []

    def listen(message: msg.Inbound, facts: list[msg.Fact]) -> None:
        stored = rows(path)
        number = len(heard) + 1
        assert len(stored) >= number
        assert msg.decode_inbound(stored[number - 1][1]) == message
        assert msg.decode_facts(stored[number - 1][2]) == facts
        heard.append(number)

    runtime = Runtime(SqliteLog(path), on_message=listen)
    for batch in batches(messages(2, 40), 2):
        runtime.submit(batch)
    assert len(heard) == runtime.seq == 40 + len(opening())
    runtime.close()


def test_nobody_hears_of_what_the_log_refused() -> None:
    log, ear = HookedLog(), Ear()
    runtime = started(log, projections=[ear])
    before = len(ear.facts)

    def refuse(entries: Sequence[Entry]) -> None:
        assert len(ear.facts) == before
        raise JournalError("the disk is full")

    log.before = refuse
    with pytest.raises(JournalError, match="disk is full"):
        runtime.submit([buy("a"), buy("b")])
    log.before = lambda entries: None
    check_whole(runtime, ear)
    runtime.submit([buy("a")])
    check_whole(runtime, ear)


def test_listeners_hear_everything_once_and_in_order_also_of_before(tmp_path: Path) -> None:
    given = messages(3, 45)
    ear, seen = Ear(), []
    runtime = Runtime(SqliteLog(tmp_path / "j"), projections=[ear], snapshot_every=10)
    runtime.submit_many(given[:30], batch=4)
    runtime.close()
    late = Ear()
    runtime = Runtime(SqliteLog(tmp_path / "j"), projections=[late], on_message=lambda m, f: seen.append((m, tuple(f))))
    assert late.facts == ear.facts
    runtime.submit_many(given[30:], batch=4)
    check_whole(runtime, late)
    assert [m for m, _ in seen] == given
    assert [fact for _, facts in seen for fact in facts] == late.facts
    runtime.close()


# --- all or nothing -----------------------------------------------------------------------------------------------

IMPOSSIBLE: dict[str, Any] = {
    "a second room": msg.OpenRoom(S, "again", opening()[0].instruments),  # type: ignore[union-attr]
    "an unknown command": msg.RoomCommand(S, "dance"),
    "a halt of nothing": msg.RoomCommand(S, "halt", "NONE"),
    "half a frame": msg.MarketFrame(S, b"\1" * 39),
    "a frame of rubbish": msg.MarketFrame(S, b"\xff" * 80),
    "an absurd quantity": buy("absurd", units=10**40),
    "half a character": msg.UserAction(S, "ana", "plan_written", "\ud800"),
}
PROGRAMMING_ERRORS: dict[str, Any] = {
    "no message": "buy",
    "nothing": None,
    "a fact": msg.OrderDenied,
    "a quantity that is no integer": msg.SubmitOrder(S, "ana", "f", "BETA", Side.BUY, OrderType.MARKET, 1.5 * MICRO),  # type: ignore[arg-type]
    "a side that is none": msg.SubmitOrder(S, "ana", "g", "BETA", 5, OrderType.MARKET, MICRO),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("place", [0, 3, 6])
@pytest.mark.parametrize("name", [*IMPOSSIBLE, *PROGRAMMING_ERRORS])
def test_an_impossible_message_takes_its_batch_with_it(name: str, place: int) -> None:
    """Also one far later in time: the clock of the room must not stay ahead."""
    ear = Ear()
    runtime = started(projections=[ear], snapshot_every=4)
    before = standing(runtime)
    batch: list[Any] = [buy(f"c{n}", ts_ns=(n + 2) * 3_600 * S) for n in range(6)]
    batch.insert(place, {**IMPOSSIBLE, **PROGRAMMING_ERRORS}[name])
    with pytest.raises(VTradeError if name in IMPOSSIBLE else Exception) as caught:
        runtime.submit(batch)
    assert str(caught.value)
    assert not isinstance(caught.value, JournalError)
    assert standing(runtime) == before
    check_whole(runtime, ear)
    accepted = runtime.submit([buy(f"c{n}") for n in range(6)])
    assert all(isinstance(facts[0], msg.OrderAccepted) for facts in accepted)
    check_whole(runtime, ear)
    assert verify(runtime.log).ok


def test_an_order_before_the_room() -> None:
    runtime = Runtime(SqliteLog(MEMORY))
    with pytest.raises(VTradeError, match="must be OpenRoom"):
        runtime.submit([buy("a")])
    assert runtime.log.last() is None
    runtime.submit(opening())
    check_whole(runtime)


def test_messages_that_fail_to_arrive_leave_nothing() -> None:
    runtime = started()
    before = standing(runtime)

    def broken() -> Iterable[msg.Inbound]:
        yield buy("a")
        raise RuntimeError("the feed broke")

    with pytest.raises(RuntimeError, match="feed broke"):
        runtime.submit(broken())
    assert standing(runtime) == before
    check_whole(runtime)


def test_of_many_batches_the_whole_ones_before_an_error_stay() -> None:
    ear = Ear()
    runtime = started(projections=[ear])
    seq = runtime.seq
    stream: list[msg.Inbound] = [buy(f"c{n}", limit=9_990) for n in range(25)]
    stream[17] = msg.RoomCommand(S, "dance")
    with pytest.raises(VTradeError, match="unknown room command"):
        runtime.submit_many(stream, batch=5)
    assert runtime.seq == seq + 15
    assert "c14" in runtime.engine.accounts["ana"].ids
    assert "c15" not in runtime.engine.accounts["ana"].ids
    check_whole(runtime, ear)


def test_a_refused_message_whose_time_made_something_due_leaves_no_trace() -> None:
    runtime = started()
    now = runtime.engine.now
    gtd = msg.SubmitOrder(
        now, "ana", "short-lived", "ALFA", Side.BUY, OrderType.LIMIT, MICRO, 99 * MICRO, None, TimeInForce.GTD,
        expire_ns=now + S,
    )  # fmt: skip
    runtime.submit([gtd, msg.CancelOrder(now, "ana", "short-lived")])
    assert runtime.engine.agenda, "the end of the order is still to come, though nothing will happen then"
    later = [msg.RoomCommand(now + 5 * S, "halt", "NOBODY"), msg.UserAction(now, "ana", "plan_written")]
    refused, told = runtime.submit_each(later, before=lambda done: None)
    assert isinstance(refused, VTradeError)
    assert not isinstance(told, VTradeError)
    check_whole(runtime)


@pytest.mark.parametrize("error", [JournalError("no"), KeyboardInterrupt(), MemoryError(), SystemExit()])
def test_an_error_just_before_the_commit(error: BaseException) -> None:
    log, ear = HookedLog(), Ear()
    runtime = started(log, projections=[ear], snapshot_every=3)
    before = standing(runtime)
    log.before = raiser(error)
    with pytest.raises(type(error)):
        runtime.submit([buy("a"), buy("b")])
    log.before = lambda entries: None
    assert standing(runtime) == before
    check_whole(runtime, ear)
    runtime.submit([buy("b"), buy("a")])
    check_whole(runtime, ear)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()])
def test_an_interrupt_just_after_the_commit(error: BaseException) -> None:
    """What is on the disk has happened: everybody must hear of it, at the latest with what comes next."""
    log, ear = HookedLog(), Ear()
    runtime = started(log, projections=[ear], snapshot_every=3)
    log.after = raiser(error)
    with pytest.raises(type(error)):
        runtime.submit([buy("a"), buy("b")])
    log.after = lambda entries: None
    assert "b" in runtime.engine.accounts["ana"].ids
    check_whole(runtime)
    runtime.submit([buy("c")])
    check_whole(runtime, ear)


def test_ctrl_c_while_listeners_hear_of_a_batch() -> None:
    """A real signal in the middle: it comes through, and each listener has heard everything once."""
    first, last = Ear(), Ear()
    calls: list[int] = []

    class Interrupted:
        def apply(self, facts: Iterable[msg.Fact]) -> None:
            calls.append(1)
            if len(calls) in (8, 9, 14):
                signal.raise_signal(signal.SIGINT)

    runtime = started(projections=[first, Interrupted(), last])
    with ctrl_c():
        for names in ("abcde", "fghij"):
            with pytest.raises(KeyboardInterrupt):
                runtime.submit([buy(name) for name in names])
            check_whole(runtime, first)
            check_whole(runtime, last)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    runtime.submit([buy("k")])
    check_whole(runtime, last)


def raiser(error: BaseException) -> Callable[[Sequence[Entry]], None]:
    def hook(entries: Sequence[Entry]) -> None:
        raise error

    return hook


def test_a_full_disk_refuses_a_batch_and_nothing_else(tmp_path: Path) -> None:
    ear = Ear()
    log = SqliteLog(tmp_path / "j", max_pages=14)
    runtime = Runtime(log, projections=[ear], snapshot_every=5)
    runtime.submit([*opening(), book_frame(S)])
    refused: list[str] = []
    for n in range(40):
        batch: list[msg.Inbound] = [book_frame(S + n, lots=n + 1), buy(f"c{n}"), book_frame(S + n, lots=n + 2)]
        before = standing(runtime)
        try:
            runtime.submit(batch)
        except JournalError as error:
            refused.append(str(error))
            assert standing(runtime) == before
        check_whole(runtime, ear)
    assert 0 < len(refused) < 40
    assert all("full" in why for why in refused)
    told = facts_of(log)
    log._db.execute("PRAGMA max_page_count = 100000")  # type: ignore[union-attr]
    runtime.submit([buy("later")])
    check_whole(runtime, ear)
    assert facts_of(log)[: len(told)] == told
    runtime.close()
    again = Runtime(SqliteLog(tmp_path / "j"))
    assert again.engine.state_hash() == runtime.engine.state_hash()
    assert verify(again.log).ok
    again.close()


def test_a_full_disk_lets_smaller_work_in(tmp_path: Path) -> None:
    runtime = started(SqliteLog(tmp_path / "j", max_pages=9))
    with pytest.raises(JournalError, match="full"):
        runtime.submit([msg.UserAction(S, "ana", "plan_written", "x" * 100_000)])
    runtime.submit([buy("small")])
    check_whole(runtime)
    runtime.close()


# --- snapshots ----------------------------------------------------------------------------------------------------


def test_a_start_folds_only_what_came_after_the_snapshot(tmp_path: Path) -> None:
    runtime = started(SqliteLog(tmp_path / "j"))
    runtime.submit_many([book_frame(S, lots=n + 1) for n in range(50)])
    runtime.close()
    log = HookedLog(SqliteLog(tmp_path / "j"))
    again = Runtime(log)
    assert again.engine.state_hash() == runtime.engine.state_hash()
    assert min(log.read_from) >= runtime.seq - 1
    again.close()


def test_snapshots_do_not_outgrow_the_log() -> None:
    """A room with many working orders spends its bytes on records."""
    written: list[Snapshot] = []

    class Counting(HookedLog):
        def save_snapshot(self, snapshot: Snapshot) -> None:
            written.append(snapshot)
            super().save_snapshot(snapshot)

    runtime = started(Counting(), snapshot_every=8)
    for n in range(400):
        runtime.submit([buy(f"c{n}", account="study", limit=9_000 + n)])
    log_bytes = sum(len(e.message) + len(e.facts) for e in runtime.log.read())
    assert len(written) >= 2
    assert sum(len(s.state) for s in written[1:-1]) <= log_bytes / 4
    assert [s.seq for s in written] == sorted({s.seq for s in written})


def test_a_snapshot_that_cannot_be_written_is_no_trouble() -> None:
    class NoSnapshots(HookedLog):
        def save_snapshot(self, snapshot: Snapshot) -> None:
            raise JournalError("the disk is full")

    ear = Ear()
    runtime = started(NoSnapshots(), projections=[ear], snapshot_every=2)
    for n in range(10):
        runtime.submit([buy(f"c{n}")])
    check_whole(runtime, ear)
    runtime.close()


def damaged(state: bytes) -> dict[str, Snapshot]:
    """Snapshots that are none; hashes fit where somebody took the trouble."""

    def fitting(data: bytes) -> tuple[bytes, bytes]:
        return data, hashlib.sha256(data).digest()

    wrong = bytearray(state)
    wrong[len(state) // 2] ^= 1
    return {
        "a flipped bit": Snapshot(9, bytes(wrong), hashlib.sha256(state).digest(), b""),
        "cut off": Snapshot(9, *fitting(state[:-20]), b""),
        "empty": Snapshot(9, *fitting(b""), b""),
        "rubbish": Snapshot(9, *fitting(b"\xc1" * 50), b""),
        "of another version": Snapshot(9, *fitting(state[:3] + b"\x63" + state[4:]), b""),
        "a wrong hash": Snapshot(9, state, b"\0" * 32, b""),
    }


@pytest.mark.parametrize("name", list(damaged(bytes(60))))
@pytest.mark.parametrize("tail", [0, 7])
def test_a_damaged_snapshot_is_passed_over(tmp_path: Path, name: str, tail: int) -> None:
    path = tmp_path / "j"
    given = messages(4, 40)
    runtime = Runtime(SqliteLog(path), snapshot_every=10**9)
    runtime.submit(given[: len(given) - tail])
    seq, chain, state = runtime.seq, runtime.chain, runtime.engine.snapshot()
    runtime.save_snapshot()
    runtime.submit(given[len(given) - tail :])
    runtime.log.close()
    bad = damaged(state)[name]
    assert bad.state != state or bad.state_hash == b"\0" * 32
    tamper(path, "UPDATE snapshots SET state = ?, state_hash = ? WHERE seq = ?", bad.state, bad.state_hash, seq)
    again = Runtime(SqliteLog(path))
    assert again.engine.state_hash() == runtime.engine.state_hash()
    assert again.seq == len(given)
    assert tail or again.chain == chain
    check_whole(again)
    again.close()
    with SqliteLog(path, read_only=True) as log:
        assert verify(log).ok, "closing does not replace the damaged snapshot"


# --- one desk, many threads, the end ------------------------------------------------------------------------------


def test_two_rooms_on_one_journal(tmp_path: Path) -> None:
    runtime = started(SqliteLog(tmp_path / "j"))
    with pytest.raises(JournalInUse):
        Runtime(SqliteLog(tmp_path / "j"))
    runtime.submit([buy("a")])
    check_whole(runtime)
    runtime.close()
    again = Runtime(SqliteLog(tmp_path / "j"))
    assert again.engine.state_hash() == runtime.engine.state_hash()
    again.close()


def test_a_journal_that_grew_behind_our_back_is_not_written_over(tmp_path: Path) -> None:
    """Somebody got round the lock: the second writer is refused, and what it says afterwards is what the log says."""
    runtime = started(SqliteLog(tmp_path / "j"))
    with SqliteLog(tmp_path / "j", read_only=True) as log:
        last = log.last()
    assert last is not None
    facts = msg.encode_facts([])
    chain = link(last.chain, last.message, facts)
    tamper(tmp_path / "j", "INSERT INTO log VALUES (?, ?, ?, ?)", last.seq + 1, last.message, facts, chain)
    with pytest.raises(JournalError):
        runtime.submit([buy("a")])
    assert runtime.seq == last.seq + 1
    runtime.submit([buy("b")])
    assert runtime.seq == last.seq + 2
    runtime.close()


def test_many_threads_make_one_log(tmp_path: Path) -> None:
    ear = Ear()
    runtime = Runtime(SqliteLog(tmp_path / "j"), projections=[ear], snapshot_every=20)
    runtime.submit([*opening(), book_frame(S, lots=10_000)])
    told: dict[str, list[list[msg.Fact]]] = {name: [] for name in ACCOUNTS}

    def work(account: str) -> None:
        for n in range(15):
            told[account] += runtime.submit([buy(f"{account}{n}", account=account), buy(f"{account}{n}x")])

    threads = [threading.Thread(target=work, args=(name,)) for name in ACCOUNTS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_whole(runtime, ear)
    check_ledger(runtime.log, runtime.engine)
    assert runtime.seq == len(opening()) + 1 + 90
    for account in ACCOUNTS:
        first = [facts[0] for facts in told[account][::2]]
        names = [fact.client_order_id for fact in first if isinstance(fact, msg.OrderAccepted)]
        assert names == [f"{account}{n}" for n in range(15)]
    runtime.close()


def test_a_closed_room_takes_nothing_and_says_so(tmp_path: Path) -> None:
    runtime = started(SqliteLog(tmp_path / "j"))
    runtime.close()
    runtime.close()
    with pytest.raises(JournalError, match="closed") as caught:
        runtime.submit([buy("a")])
    assert not isinstance(caught.value, JournalCorrupt)
    assert len(rows(tmp_path / "j")) == len(opening()) + 1


def test_a_listener_that_fails_cannot_undo_what_happened() -> None:
    log, ear = HookedLog(), Ear()

    def fail(message: msg.Inbound, facts: list[msg.Fact]) -> None:
        if any(isinstance(fact, msg.Fill) for fact in facts):
            raise RuntimeError("a panel broke")

    runtime = started(log, projections=[ear], on_message=fail)
    with pytest.raises(RuntimeError, match="panel broke"):
        runtime.submit([buy("a")])
    check_whole(runtime)
    assert runtime.engine.accounts["ana"].positions[1] == 1


def test_old_journals_keep_their_chain() -> None:
    """The value is part of the format: another one makes every journal a changed one."""
    assert link(GENESIS, b"m", b"f").hex() == "d9242648ed1fddd212ce137c85f072bf78877d874029822c74471669caef2989"
