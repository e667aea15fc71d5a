"""Is a desk that was closed, or killed, the same desk when its journal is opened again?"""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

import vtrade as vt
from tests.desk.conftest import Opener, read_facts, standing, told
from vtrade.domain.orders import Status
from vtrade.domain.values import NS_PER_S
from vtrade.errors import DeskError, JournalCorrupt, JournalError, TapeError


def trade(desk: vt.Desk) -> None:
    desk.record("plan_written", value="Buy ACME, wait for the news, then sell.")
    desk.buy("ACME", 100)
    desk.buy("ACME", 100, limit=182.0)
    desk.buy("NOPE", 5)
    desk.run(until="09:31:05")
    desk.sell("ACME", 30).explain()
    desk.buy("LUMA", "2.50", limit=float(desk.quotes().bid["LUMA"]), tif="GTC")
    desk.sell("ACME", 20, stop=float(desk.quotes().bid["ACME"]) - 0.3)
    desk.step(123)
    desk.order(2).replace(quantity=50)


# --- the same desk again ----------------------------------------------------------------------------------------------


def test_everything_is_as_it_was(open_desk: Opener, tmp_path: Path) -> None:
    desk = open_desk(journal=tmp_path / "j.db", account="ana", cash=500_000)
    trade(desk)
    before, state, facts = standing(desk), desk.state_hash, told(desk)
    assert desk.journal == str(tmp_path / "j.db")
    desk.close_desk()
    again = open_desk(journal=tmp_path / "j.db", account="ana")
    assert standing(again) == before
    assert again.state_hash == state
    assert told(again) == facts
    assert str(again.order("o2").explain()).splitlines()[0].startswith("Order #2 buy 50 ACME limit 182.00")
    assert again.verify().ok


def test_it_goes_on_as_if_it_had_not_been_closed(open_desk: Opener, tmp_path: Path) -> None:
    through, broken = open_desk(journal=tmp_path / "a.db"), open_desk(journal=tmp_path / "b.db")
    for desk in (through, broken):
        trade(desk)
    broken.close_desk()
    broken = open_desk(journal=tmp_path / "b.db")
    for desk in (through, broken):
        desk.run(until="09:32")
        desk.close("ACME")
        desk.run()
    assert standing(through) == standing(broken)
    assert through.state_hash == broken.state_hash
    assert through.buy("ACME", 1).client_order_id == broken.buy("ACME", 1).client_order_id


def test_opened_and_closed_many_times(open_desk: Opener, tmp_path: Path) -> None:
    now = 0
    for n in range(5):
        desk = open_desk(journal=tmp_path / "j.db")
        assert len(desk.orders()) == n
        assert now in (0, desk.ts_ns)
        assert desk.buy("ACME", 1).status == Status.FILLED
        now = desk.step(seconds=5).ts_ns
        desk.close_desk()
    assert vt.verify(tmp_path / "j.db").ok


def test_a_killed_desk_loses_nothing_that_was_told(open_desk: Opener, tmp_path: Path) -> None:
    desk = open_desk(journal=tmp_path / "j.db")
    trade(desk)
    facts = told(desk)
    for name in ("j.db", "j.db-wal"):
        shutil.copy(tmp_path / name, tmp_path / name.replace("j", "k"))
    killed = open_desk(journal=tmp_path / "k.db")
    assert told(killed) == facts
    assert standing(killed)["orders"] == standing(desk)["orders"]
    assert killed.nav == desk.nav
    killed.run()
    desk.run()
    assert killed.state_hash == desk.state_hash


def test_a_daily_desk_resumes(open_desk: Opener, daily: vt.Tape, tmp_path: Path) -> None:
    desk = open_desk(daily, journal=tmp_path / "j.db")
    desk.buy("AAPL", 10)
    desk.run(until="2012-02-01 12:00")
    desk.buy("IBM", 10)
    before = standing(desk)
    desk.close_desk()
    again = open_desk(daily, journal=tmp_path / "j.db")
    assert standing(again) == before
    again.step()
    assert again.order(2).status == Status.FILLED


def test_a_rewound_desk_resumes(open_desk: Opener, tmp_path: Path) -> None:
    desk = open_desk(journal=tmp_path / "j.db")
    trade(desk)
    desk.rewind(seconds=20)
    desk.buy("BYTE", 10)
    before, name = standing(desk), desk.journal
    desk.close_desk()
    again = open_desk(journal=name)
    assert standing(again) == before
    assert again.forked_from == desk.forked_from != ""


# --- the tape ---------------------------------------------------------------------------------------------------------


def test_the_journal_knows_its_tape_by_name(tmp_path: Path) -> None:
    desk = vt.Desk("sample:AAPL", journal=tmp_path / "j.db", language_model=None)
    desk.run(until="2000-05-01 16:00")
    before = standing(desk)
    desk.close_desk()
    again = vt.Desk(journal=tmp_path / "j.db", language_model=None)
    try:
        assert standing(again) == before
    finally:
        again.close_desk()


def test_a_tape_given_by_path_is_found_again(open_desk: Opener, tape: vt.Tape, tmp_path: Path) -> None:
    vt.save_tape(tape, tmp_path / "tape.parquet")
    desk = open_desk(tmp_path / "tape.parquet", journal=tmp_path / "j.db")
    desk.run(until="09:31")
    before = standing(desk)
    desk.close_desk()
    again = vt.Desk(journal=tmp_path / "j.db", language_model=None)
    try:
        assert standing(again) == before
    finally:
        again.close_desk()


def test_a_tape_that_was_handed_over_must_be_handed_over_again(open_desk: Opener, tmp_path: Path) -> None:
    open_desk(journal=tmp_path / "j.db").close_desk()
    with pytest.raises(vt.VTradeError, match=r"j\.db.*synthetic market 7.*vt\.Desk\(tape, journal="):
        vt.Desk(journal=tmp_path / "j.db")
    assert open_desk(journal=tmp_path / "j.db").verify().ok


def test_other_instruments_are_refused(open_desk: Opener, daily: vt.Tape, tmp_path: Path) -> None:
    open_desk(journal=tmp_path / "j.db").close_desk()
    before = read_facts(tmp_path / "j.db")
    with pytest.raises(DeskError, match=r"ACME, BYTE, LUMA.*AAPL, IBM"):
        open_desk(daily, journal=tmp_path / "j.db")
    assert read_facts(tmp_path / "j.db") == before


def test_another_day_of_the_same_instruments_is_refused(open_desk: Opener, other_tape: vt.Tape, tmp_path: Path) -> None:
    desk = open_desk(journal=tmp_path / "j.db")
    desk.run(until="09:31")
    desk.close_desk()
    with pytest.raises(DeskError, match="the tape the journal began with"):
        open_desk(other_tape, journal=tmp_path / "j.db")
    assert open_desk(journal=tmp_path / "j.db").now == "2026-01-05 09:31:00.000"


def test_a_tape_that_is_too_short_is_refused(open_desk: Opener, tape: vt.Tape, tmp_path: Path) -> None:
    desk = open_desk(journal=tmp_path / "j.db")
    desk.run(until="09:32")
    desk.close_desk()
    early = tape.events[tape.events["ts_ns"] < tape.start_ns + 60 * NS_PER_S]
    with pytest.raises(DeskError, match="the tape the journal began with"):
        open_desk(replace(tape, events=early), journal=tmp_path / "j.db")


def test_a_tape_that_went_away(open_desk: Opener, tape: vt.Tape, tmp_path: Path) -> None:
    vt.save_tape(tape, tmp_path / "tape.parquet")
    open_desk(tmp_path / "tape.parquet", journal=tmp_path / "j.db").close_desk()
    (tmp_path / "tape.parquet").unlink()
    with pytest.raises(vt.VTradeError, match=r"tape\.parquet"):
        vt.Desk(journal=tmp_path / "j.db")
    with pytest.raises(TapeError):
        open_desk(tmp_path / "tape.parquet", journal=tmp_path / "j.db")


# --- the account ------------------------------------------------------------------------------------------------------


def test_the_journal_of_somebody_else(open_desk: Opener, tmp_path: Path) -> None:
    open_desk(journal=tmp_path / "j.db", account="ana").close_desk()
    with pytest.raises(DeskError, match="no account 'you'; it has ana"):
        open_desk(journal=tmp_path / "j.db")
    assert open_desk(journal=tmp_path / "j.db", account="ana").nav == 1_000_000


# --- journals that are not whole --------------------------------------------------------------------------------------


def damage(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as db:
        db.execute(statement)
    db.close()


@pytest.mark.parametrize(
    ("statement", "record"),
    [
        ("UPDATE log SET facts = CAST(facts || x'00' AS BLOB) WHERE seq = 12", 12),
        ("UPDATE log SET message = x'00' WHERE seq = 2", 2),
        ("DELETE FROM log WHERE seq = 7", 7),
        ("UPDATE log SET chain = zeroblob(32) WHERE seq = 5", 5),
    ],
)
def test_a_journal_edited_by_hand_is_named_and_not_opened(
    open_desk: Opener, tmp_path: Path, statement: str, record: int
) -> None:
    desk = open_desk(journal=tmp_path / "j.db")
    trade(desk)
    desk.close_desk()
    damage(tmp_path / "j.db", statement)
    verdict = vt.verify(tmp_path / "j.db")
    assert not verdict.ok
    assert verdict.record == record
    assert f"record {record} " in str(verdict)
    with pytest.raises(JournalError) as caught:
        open_desk(journal=tmp_path / "j.db")
    assert str(record) in str(caught.value)
    assert isinstance(caught.value, JournalCorrupt | JournalError)
    assert not (tmp_path / "j.db.lock").exists()


def test_an_empty_file_left_by_a_desk_that_was_killed_while_opening_is_a_new_journal(
    open_desk: Opener, tmp_path: Path
) -> None:
    (tmp_path / "j.db").touch()
    desk = open_desk(journal=tmp_path / "j.db")
    assert desk.buy("ACME", 1).status == Status.FILLED
    assert desk.verify().ok


def test_a_journal_in_use_may_be_verified(open_desk: Opener, tmp_path: Path) -> None:
    desk = open_desk(journal=tmp_path / "j.db")
    trade(desk)
    verdict = vt.verify(tmp_path / "j.db")
    assert verdict.ok
    assert verdict.state_hash == desk.state_hash
    assert verdict == desk.verify()


def test_a_journal_in_a_folder_that_is_not_there_yet(open_desk: Opener, tmp_path: Path) -> None:
    assert open_desk(journal=tmp_path / "new" / "j.db").verify().ok
