"""Does the proof hold: is every change of a journal found and named, and does no damage break the proof itself?

Rules: journals are edited as a cheat would (through SQLite, with the chain made to fit again) and as a bad disk would
(raw bytes of the file). A change may go unnoticed only where it changed nothing that anybody can read. Raw damage is
tried in a process of its own (:mod:`tests.services.room`), so that a crash is a failed test and not the end of all.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.services.room import (
    S,
    batches,
    book_frame,
    buy,
    chain_of,
    facts_of,
    fold,
    frame,
    messages,
    opening,
    row,
    tamper,
)  # fmt: skip
from vtrade.adapters.sqlite import MEMORY, SqliteLog
from vtrade.domain.messages import (
    AccountOpened,
    CancelOrder,
    Fact,
    Fill,
    Inbound,
    MarketFrame,
    OpenAccount,
    OpenRoom,
    SubmitOrder,
    UserAction,
    decode_facts,
    decode_inbound,
    encode_facts,
    encode_inbound,
)  # fmt: skip
from vtrade.domain.orders import OrderType, Side
from vtrade.domain.values import MICRO
from vtrade.errors import JournalCorrupt, JournalError
from vtrade.market.dtype import EVENT, Kind
from vtrade.ports import Entry
from vtrade.services.runtime import GENESIS, Runtime, Verdict, link, verify

COUNT = 26
"""Records of :func:`journal`."""


def journal(path: Path, *, snapshots: Sequence[int] = (10, 20)) -> Path:
    """A small journal with fills, closed as a desk closes it, without the snapshot at the end."""
    runtime = Runtime(SqliteLog(path), snapshot_every=10**9)
    orders = [buy(f"c{n}", limit=10_001 + n % 3) for n in range(COUNT - 6)]
    for message in [*opening(), book_frame(S), *orders, CancelOrder(2 * S, "ana", "none")]:
        runtime.submit([message])
        if runtime.seq in snapshots:
            runtime.save_snapshot()
    assert runtime.seq == COUNT
    runtime.log.close()
    return path


def verdict(path: Path) -> Verdict:
    with SqliteLog(path, read_only=True) as log:
        return verify(log)


def entries(path: Path) -> list[Entry]:
    with SqliteLog(path, read_only=True) as log:
        return list(log.read())


def forge(path: Path, change: Callable[[int, bytes, bytes], tuple[bytes, bytes]], *, drop: int = 0) -> None:
    """Write a journal anew, record by record, so that the chain fits; snapshots go, for they remember."""
    chain = GENESIS
    kept = [e for e in entries(path) if e.seq != drop]
    path.unlink()
    with SqliteLog(path) as log:
        for seq, e in enumerate(kept, start=1):
            message, facts = change(e.seq, e.message, e.facts)
            chain = link(chain, message, facts)
            log.append([Entry(seq, message, facts, chain)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return journal(tmp_path / "j")


# --- a good one ---------------------------------------------------------------------------------------------------


def test_a_good_journal(path: Path) -> None:
    seen: list[int] = []
    with SqliteLog(path, read_only=True) as log:
        found = verify(log, progress=seen.append)
        facts = facts_of(log)
        state = fold(log).state_hash()
    assert found == Verdict(True, COUNT, len(facts), state)
    assert seen == list(range(1, COUNT + 1))
    assert str(found) == f"{COUNT} records and {len(facts)} facts recomputed, all equal; state {state}"


@given(seed=st.integers(0, 2**32), count=st.integers(0, 40), snapshot_every=st.integers(1, 15))
@settings(max_examples=15)
def test_every_room_verifies(seed: int, count: int, snapshot_every: int) -> None:
    runtime = Runtime(SqliteLog(MEMORY), snapshot_every=snapshot_every)
    for batch in batches(messages(seed, count), seed):
        runtime.submit(batch)
    found = verify(runtime.log)
    assert found.ok, str(found)
    assert found.state_hash == runtime.engine.state_hash()


def test_an_empty_journal_proves_nothing(tmp_path: Path) -> None:
    SqliteLog(tmp_path / "j").close()
    found = verdict(tmp_path / "j")
    assert (found.ok, found.records, found.record) == (False, 0, 1)
    assert "empty" in str(found)


def test_verifying_changes_nothing(path: Path) -> None:
    content = path.read_bytes()
    assert verdict(path).ok
    assert path.read_bytes() == content


def test_a_desk_may_go_on_while_its_journal_is_verified(tmp_path: Path) -> None:
    """Records and snapshots that come after the look began belong to the next look."""
    path = tmp_path / "j"
    runtime = Runtime(SqliteLog(path), snapshot_every=3)
    runtime.submit([*opening(), book_frame(S)])
    for n in range(10):
        runtime.submit([buy(f"c{n}")])
    with SqliteLog(path, read_only=True) as log:

        def meanwhile(seq: int) -> None:
            if seq % 5 == 0 and runtime.seq < 60:
                for _ in range(7):
                    runtime.submit([buy(f"x{runtime.seq}")])
                runtime.save_snapshot()

        found = verify(log, progress=meanwhile)
    assert found.ok, str(found)
    assert found.records >= 15
    runtime.close()
    assert verdict(path).ok


# --- one thing changed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seq", [1, 2, 5, 11, COUNT])
@pytest.mark.parametrize("column", ["message", "facts", "chain"])
def test_one_byte_of_a_record(path: Path, column: str, seq: int) -> None:
    entry = entries(path)[seq - 1]
    value = getattr(entry, column)
    for at in {0, 1, len(value) // 2, len(value) - 1}:
        changed = bytearray(value)
        changed[at] ^= 0x01
        tamper(path, f"UPDATE log SET {column} = ? WHERE seq = ?", bytes(changed), seq)
        found = verdict(path)
        assert (found.ok, found.record, found.records) == (False, seq, seq - 1), f"byte {at}: {found}"
        assert f"record {seq} differs: " in str(found)
        if column == "facts":
            assert found.fact_seq is None or found.fact_seq in {f.seq for f in decode_facts(entry.facts)}
        tamper(path, f"UPDATE log SET {column} = ? WHERE seq = ?", value, seq)
    assert verdict(path).ok


@pytest.mark.parametrize("seq", [1, 2, 11, COUNT - 1])
def test_a_missing_record_is_named(path: Path, seq: int) -> None:
    tamper(path, "DELETE FROM log WHERE seq = ?", seq)
    found = verdict(path)
    assert (found.ok, found.record, found.records) == (False, seq, seq - 1)
    assert f"it is missing; the next one found is {seq + 1}" in str(found)


def test_two_records_that_changed_places(path: Path) -> None:
    for old, new in ((11, 99), (12, 11), (99, 12)):
        tamper(path, "UPDATE log SET seq = ? WHERE seq = ?", new, old)
    found = verdict(path)
    assert (found.ok, found.record) == (False, 11)


def test_a_record_twice(path: Path) -> None:
    tamper(path, "INSERT INTO log SELECT ?, message, facts, chain FROM log WHERE seq = ?", COUNT + 1, COUNT)
    found = verdict(path)
    assert (found.ok, found.record) == (False, COUNT + 1)


def test_a_tail_that_is_gone_is_missed_where_something_remembers_it(path: Path) -> None:
    """A snapshot does, and the seal; without both nothing in the file tells how long it was."""
    tamper(path, "DELETE FROM log WHERE seq > 15")
    found = verdict(path)
    assert (found.ok, found.record, found.records) == (False, 16, 15)
    assert "missing" in str(found)
    tamper(path, "DELETE FROM snapshots WHERE seq > 15")
    found = verdict(path)
    assert (found.ok, found.record, found.records) == (False, None, 15)
    assert "was changed after it was closed" in str(found)
    SqliteLog(path).close()
    assert verdict(path).ok


# --- changed with care: the chain fits ----------------------------------------------------------------------------


def replaced(change: Callable[[Fact], Fact | None]) -> Callable[[int, bytes, bytes], tuple[bytes, bytes]]:
    """Facts run through ``change``; ``None`` leaves one out."""

    def both(seq: int, message: bytes, facts: bytes) -> tuple[bytes, bytes]:
        told = [change(fact) for fact in decode_facts(facts)]
        return message, encode_facts([fact for fact in told if fact is not None])

    return both


def better(fact: Fact) -> Fact:
    return msgspec.structs.replace(fact, last_px=fact.last_px - 1) if is_third_fill(fact) else fact  # type: ignore[union-attr]


def is_third_fill(fact: Fact) -> bool:
    return isinstance(fact, Fill) and fact.client_order_id == "c2"


@pytest.mark.parametrize(
    "change",
    [
        better,
        lambda fact: None if is_third_fill(fact) else fact,
        lambda fact: msgspec.structs.replace(fact, fee=fact.fee + 1) if is_third_fill(fact) else fact,
        lambda fact: AccountOpened(fact.seq, fact.ts_ns, "eve", 1, "USD") if is_third_fill(fact) else fact,
    ],
    ids=["price", "left out", "fee", "another kind"],
)
def test_a_changed_fact_is_named_though_the_chain_fits(path: Path, change: Callable[[Fact], Fact | None]) -> None:
    third = next(f for e in entries(path) for f in decode_facts(e.facts) if is_third_fill(f))
    record = next(e.seq for e in entries(path) if third in decode_facts(e.facts))
    forge(path, replaced(change))
    chain_of(entries(path))  # the forgery is a good one
    found = verdict(path)
    assert (found.ok, found.record, found.records, found.fact_seq) == (False, record, record - 1, third.seq), str(found)
    assert f"fact {third.seq} " in str(found)


def test_a_fact_too_many_is_named(path: Path) -> None:
    def add(seq: int, message: bytes, facts: bytes) -> tuple[bytes, bytes]:
        told = decode_facts(facts)
        if seq == 11:
            told.append(msgspec.structs.replace(told[-1], seq=told[-1].seq + 1))
        return message, encode_facts(told)

    extra = decode_facts(entries(path)[10].facts)[-1].seq + 1
    forge(path, add)
    found = verdict(path)
    assert (found.ok, found.record, found.fact_seq) == (False, 11, extra), str(found)


def test_a_changed_message_is_named_though_the_chain_fits(path: Path) -> None:
    def richer(seq: int, message: bytes, facts: bytes) -> tuple[bytes, bytes]:
        told = decode_inbound(message)
        if isinstance(told, OpenAccount) and told.account == "ana":
            told = msgspec.structs.replace(told, cash=2 * told.cash)
        return encode_inbound(told), facts

    forge(path, richer)
    found = verdict(path)
    assert (found.ok, found.record, found.fact_seq) == (False, 2, 2), str(found)
    assert "1000000000000" in str(found)


def test_facts_that_are_equal_but_not_the_same_bytes(path: Path) -> None:
    """The same bytes for the same log: another way to write the same number is a change."""

    def wider(seq: int, message: bytes, facts: bytes) -> tuple[bytes, bytes]:
        if seq != 11:
            return message, facts
        assert facts[0] & 0xF0 == 0x90
        return message, bytes([0xDC, 0, facts[0] & 0x0F]) + facts[1:]

    forge(path, wider)
    assert decode_facts(entries(path)[10].facts)
    found = verdict(path)
    assert (found.ok, found.record) == (False, 11)


def test_a_whole_other_journal_that_fits_in_itself_is_a_good_journal(path: Path, tmp_path: Path) -> None:
    """What a chain cannot prove: who wrote it. A state hash told elsewhere does."""
    before = verdict(path)
    forge(path, lambda seq, message, facts: (message, facts), drop=0)
    assert verdict(path) == before


# --- snapshots ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seq", [10, 20])
@pytest.mark.parametrize("column", ["state", "state_hash", "chain"])
def test_one_byte_of_a_snapshot(path: Path, column: str, seq: int) -> None:
    tamper(path, f"UPDATE snapshots SET {column} = zeroblob(length({column})) WHERE seq = ?", seq)
    found = verdict(path)
    assert not found.ok
    assert (found.record, found.records) == (seq, seq - 1)
    assert "snapshot" in str(found)


@pytest.mark.parametrize("seq", [10, 20])
def test_a_snapshot_made_to_fit_itself(path: Path, seq: int) -> None:
    """A state with more cash and the right hash: a room would start from it."""
    with SqliteLog(path, read_only=True) as log:
        engine = fold(log, until=seq)
    engine.accounts["ana"].cash *= 2
    state = engine.snapshot()
    tamper(
        path, "UPDATE snapshots SET state = ?, state_hash = ? WHERE seq = ?",
        state, hashlib.sha256(state).digest(), seq,
    )  # fmt: skip
    found = verdict(path)
    assert (found.ok, found.record) == (False, seq), str(found)


def test_a_journal_without_snapshots_verifies(tmp_path: Path) -> None:
    assert verdict(journal(tmp_path / "j", snapshots=())).ok


# --- a room on a changed journal ----------------------------------------------------------------------------------


class Ear:
    """A projection that only listens."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def apply(self, facts: Iterable[Fact]) -> None:
        self.facts.extend(facts)


CHANGES = {
    "message": ("UPDATE log SET message = CAST(replace(message, 'c5', 'c6') AS BLOB) WHERE seq = 11", 11),
    "facts": ("UPDATE log SET facts = CAST(replace(facts, 'c5', 'c6') AS BLOB) WHERE seq = 11", 11),
    "unreadable message": ("UPDATE log SET message = x'c1' WHERE seq = 11", 11),
    "unreadable facts": ("UPDATE log SET facts = x'c1c1' WHERE seq = 11", 11),
    "chain": ("UPDATE log SET chain = zeroblob(32) WHERE seq = 11", 11),
    "missing": ("DELETE FROM log WHERE seq = 11", 11),
    "first missing": ("DELETE FROM log WHERE seq = 1", 1),
    "renumbered": ("UPDATE log SET seq = 99 WHERE seq = 11", 11),
}


@pytest.mark.parametrize("listening", [False, True])
@pytest.mark.parametrize("snapshot_at", [None, 8, COUNT])
@pytest.mark.parametrize("name", list(CHANGES))
def test_a_changed_record_is_refused_by_its_number(
    tmp_path: Path, name: str, snapshot_at: int | None, listening: bool
) -> None:
    """Except where a snapshot stands in for it and nobody listens; nobody ever hears a changed fact."""
    path = journal(tmp_path / "j", snapshots=(snapshot_at,) if snapshot_at else ())
    honest = verdict(path)
    statement, record = CHANGES[name]
    with SqliteLog(path, read_only=True) as log:
        told = facts_of(log)
    tamper(path, statement)
    ear = Ear()
    stands_in = snapshot_at is not None and snapshot_at >= record and not listening
    if stands_in and name == "renumbered":
        record = COUNT + 1  # the one renumbered stands behind the snapshot now
    with SqliteLog(path) as log:
        if stands_in and record <= COUNT:
            assert Runtime(log).engine.state_hash() == honest.state_hash
        else:
            with pytest.raises(JournalCorrupt, match=f"record {record} ") as caught:
                Runtime(log, projections=[ear] if listening else [])
            assert caught.value.seq == record
    assert ear.facts == told[: len(ear.facts)]


@pytest.mark.parametrize("listening", [False, True])
def test_a_room_misses_a_tail_that_a_snapshot_remembers(path: Path, listening: bool) -> None:
    """Else it would go on with a gap that no later start can bridge."""
    tamper(path, "DELETE FROM log WHERE seq > 15")
    with SqliteLog(path) as log, pytest.raises(JournalCorrupt, match="record 16 ") as caught:
        Runtime(log, projections=[Ear()] if listening else [])
    assert caught.value.seq == 16


def test_a_snapshot_of_another_journal_is_passed_over(tmp_path: Path) -> None:
    """Its hash fits itself, but its chain value is not that of the record it claims to follow."""
    path = journal(tmp_path / "j", snapshots=(20,))
    rich = Runtime(SqliteLog(MEMORY))
    rich.submit([*opening(cash=10**9), book_frame(S), *(buy(f"c{n}") for n in range(15))])
    state = rich.engine.snapshot()
    tamper(
        path,
        "UPDATE snapshots SET state = ?, state_hash = ?, chain = ?",
        state,
        hashlib.sha256(state).digest(),
        rich.chain,
    )
    with SqliteLog(path) as log:
        room = Runtime(log)
        assert room.engine.state_hash() == fold(log).state_hash() != rich.engine.state_hash()


# --- messages nobody would send -----------------------------------------------------------------------------------


def edited(**columns: Any) -> bytes:
    """A frame with one row that has something impossible."""
    events = np.frombuffer(book_frame(S).events, EVENT).copy()
    for name, value in columns.items():
        events[name][2] = value
    return encode_inbound(MarketFrame(S, events.tobytes()))


HUGE = 2**64 - 1
MADE_UP: dict[str, bytes] = {
    "no MessagePack": b"\xc1",
    "nothing": b"",
    "a number": b"\x05",
    "an unknown kind of message": b"\x92\xa4nope\x01",
    "too few fields": b"\x91\xa6submit",
    "an instrument far away": edited(instrument=30_000),
    "a negative instrument": edited(instrument=-77),
    "an instrument too many": edited(instrument=4),
    "an unknown kind": edited(kind=99),
    "no kind": edited(kind=0),
    "a side of 100": edited(side=100),
    "a huge order id": edited(kind=Kind.ADD, order_id=2**60),
    "a negative order id": edited(kind=Kind.DELETE, order_id=-5),
    "a huge price": edited(price=2**62),
    "a negative price": edited(price=-(2**62)),
    "a print at a negative price": edited(kind=Kind.TRADE, price=-(2**62)),
    "a bar at a negative price": edited(kind=Kind.BAR_OPEN, price=-5),
    "a huge quantity": edited(quantity=2**62),
    "a negative quantity": edited(quantity=-(2**62)),
    "an unknown status": edited(kind=Kind.STATUS, quantity=77),
    "a time that is none": edited(ts_ns=-(2**63)),
    "half an event": encode_inbound(MarketFrame(S, b"\0" * 39)),
    "an empty frame of another time": encode_inbound(MarketFrame(5 * S, b"")),
    "a time beyond all clocks": encode_inbound(UserAction(HUGE, "ana", "plan_written")),
    "an order beyond all clocks": encode_inbound(buy("c", ts_ns=HUGE)),
    "a frame beyond all clocks": encode_inbound(MarketFrame(HUGE, book_frame(S).events)),
    "a time before all clocks": encode_inbound(UserAction(-(2**63), "ana", "plan_written")),
    "an order for everything": encode_inbound(
        SubmitOrder(S, "study", "c", "BETA", Side.BUY, OrderType.LIMIT, HUGE // 2 * 2, HUGE // 50_000 * 50_000)
    ),
    "a study's order for everything": encode_inbound(
        SubmitOrder(S, "study", "c", "BETA", Side.BUY, OrderType.LIMIT, 2**40 * MICRO, 2**40 * 50_000)
    ),
    "a stop at a huge price": encode_inbound(
        SubmitOrder(S, "study", "c", "GAMA", Side.BUY, OrderType.STOP_MARKET, MICRO, None, 2**62 // 250_000 * 250_000)
    ),
    "a second room": encode_inbound(opening()[0]),
    "an account with endless cash": encode_inbound(OpenAccount(S, "eve", HUGE)),
    "an account that owes": encode_inbound(OpenAccount(S, "eve", -(2**63))),
}


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Verdicts on journals with a made-up record 8 and a chain that fits, all given by one process."""
    folder = tmp_path_factory.mktemp("made-up")
    paths = []
    for number, message in enumerate(MADE_UP.values()):
        path = journal(folder / str(number), snapshots=())
        forge(path, lambda seq, old, facts, new=message: (new if seq == 8 else old, facts))  # type: ignore[misc]
        paths.append(str(path))
    return dict(zip(MADE_UP, in_a_process("verdicts", *paths), strict=True))


@pytest.mark.parametrize("name", list(MADE_UP))
def test_a_message_nobody_would_send(made_up: dict[str, Any], name: str) -> None:
    """A verdict that names the record, never a crash."""
    assert (made_up[name]["ok"], made_up[name]["record"]) == (False, 8), made_up[name]


def test_a_first_message_nobody_would_send(tmp_path: Path) -> None:
    first = opening()[0]
    assert isinstance(first, OpenRoom)
    rooms = {
        "no instrument": msgspec.structs.replace(first, instruments=()),
        "an instrument twice": msgspec.structs.replace(first, instruments=first.instruments * 2),
        "no room": buy("a"),
    }
    for name, message in rooms.items():
        path = journal(tmp_path / name, snapshots=())
        forge(path, lambda seq, m, facts, new=message: (encode_inbound(new) if seq == 1 else m, facts))  # type: ignore[misc]
        found = verdict(path)
        assert (found.ok, found.record) == (False, 1), f"{name}: {found}"


# --- raw bytes ----------------------------------------------------------------------------------------------------


def in_a_process(*arguments: str, timeout: float = 120) -> Any:
    """What :mod:`tests.services.room` answers, in a process of its own."""
    command = [sys.executable, "-m", "tests.services.room", *arguments]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, (
        f"{arguments} ended with {done.returncode}:\n{done.stdout[-500:]}\n{done.stderr[-3000:]}"
    )
    return json.loads(done.stdout)


def test_flipped_bytes_are_found(tmp_path: Path) -> None:
    """Every 29th byte of a closed journal, one after the other, each with another bit.

    Only what SQLite counts in the head of the file goes unnoticed: its changes, and its own version.
    """
    answer = in_a_process("flips", str(journal(tmp_path / "j")), "29", "0")
    assert answer["crashes"] == []
    assert answer["wrong"] == [], "these changed something readable, and the verdict was ok"
    assert set(answer["unnoticed"]) <= {*range(24, 28), *range(92, 100)}
    assert answer["found"] + len(answer["unnoticed"]) == answer["tried"] > 500


def test_a_journal_cut_off_anywhere_names_a_record_or_is_refused(tmp_path: Path) -> None:
    path = journal(tmp_path / "j")
    size = path.stat().st_size
    shutil.copyfile(path, tmp_path / "whole")
    for length in [*range(0, size, 4_096), *range(1_000, size, 3_333)]:
        shutil.copyfile(tmp_path / "whole", path)
        with path.open("r+b") as file:
            file.truncate(length)
        try:
            found = verdict(path)
        except JournalError:
            continue
        assert not found.ok, f"cut to {length} of {size} bytes"
        assert found.record is not None
        assert 1 <= found.record <= COUNT + 1
        assert found.records == found.record - 1


def test_stray_rows_of_a_frame_are_what_the_engine_saw() -> None:
    """A frame is stored as it was given; verify recomputes from those bytes alone."""
    given = frame(S, row(Kind.LEVEL, instrument=1, side=1, price=9_000, quantity=5))
    runtime = Runtime(SqliteLog(MEMORY))
    runtime.submit([*opening(), given])
    entry = list(runtime.log.read())[-1]
    assert decode_inbound(entry.message) == given
    assert verify(runtime.log).ok


def as_inbound(message: Inbound) -> Inbound:
    return decode_inbound(encode_inbound(message))


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20)
def test_the_wire_gives_back_what_it_was_given(seed: int) -> None:
    for message in messages(seed, 30):
        assert as_inbound(message) == message
