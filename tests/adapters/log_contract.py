"""What must every log do, whatever it is written on?

Rules: an adapter's tests inherit :class:`LogContract`, and :class:`DurableLogContract` where the log outlives its
process; they only say how to open one. Nothing here looks behind the port.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from vtrade.errors import JournalError, JournalInUse
from vtrade.ports import Entry, Log, Snapshot

EVERY_BYTE = bytes(range(256))


def entry(seq: int, *, size: int = 3) -> Entry:
    """A record whose contents depend on its number alone."""
    mark = seq.to_bytes(4, "big")
    return Entry(seq, mark + b"m" * size, mark + b"f" * size, mark * 8)


def snapshot(seq: int, *, state: bytes = b"state") -> Snapshot:
    return Snapshot(seq, state + str(seq).encode(), b"hash%d" % seq, b"chain%d" % seq)


def seqs(log: Log, after: int = 0) -> list[int]:
    return [e.seq for e in log.read(after)]


class LogContract:
    """Tests that every adapter of the ``Log`` port inherits."""

    def open(self, folder: Path) -> Log:
        """The log that lives in this folder; opened a second time, the same one where it is durable."""
        raise NotImplementedError

    @pytest.fixture
    def log(self, tmp_path: Path) -> Iterator[Log]:
        log = self.open(tmp_path)
        yield log
        log.close()

    def test_it_fits_the_port(self, log: Log) -> None:
        assert isinstance(log, Log)

    # --- records -------------------------------------------------------------------------------------------------

    def test_a_new_log_is_empty(self, log: Log) -> None:
        assert log.last() is None
        assert list(log.read()) == []
        assert list(log.read(5)) == []
        assert log.load_snapshot() is None
        assert log.load_snapshot(10**12) is None

    def test_it_gives_back_what_it_was_given(self, log: Log) -> None:
        given = [
            Entry(1, b"", b"", b""),
            Entry(2, EVERY_BYTE, EVERY_BYTE[::-1], b"\0" * 32),
            Entry(3, b"text", "株".encode(), b"\xff" * 32),
            Entry(4, b"\0" * 1_500_000, EVERY_BYTE * 4_000, b"c" * 32),
        ]
        log.append(given)
        assert list(log.read()) == given
        assert log.last() == given[-1]
        assert all(type(value) is bytes for e in log.read() for value in (e.message, e.facts, e.chain))

    def test_records_come_in_order_over_many_appends(self, log: Log) -> None:
        seq = 1
        for size in (1, 7, 1, 300, 2):
            log.append([entry(n) for n in range(seq, seq + size)])
            seq += size
        assert seqs(log) == list(range(1, 312))
        assert list(log.read()) == [entry(n) for n in range(1, 312)]

    @pytest.mark.parametrize("after, first", [(0, 1), (1, 2), (9, 10), (10, None), (11, None), (10**12, None)])
    def test_reading_goes_on_behind_a_number(self, log: Log, after: int, first: int | None) -> None:
        log.append([entry(n) for n in range(1, 11)])
        assert seqs(log, after) == ([] if first is None else list(range(first, 11)))

    def test_the_last_one_is_the_newest(self, log: Log) -> None:
        for n in range(1, 30):
            log.append([entry(n)])
            assert log.last() == entry(n)

    def test_appending_nothing_changes_nothing(self, log: Log) -> None:
        log.append([])
        assert log.last() is None
        log.append([entry(1)])
        log.append([])
        assert seqs(log) == [1]

    @pytest.mark.parametrize("place", [0, 1, 4])
    def test_all_entries_or_none(self, log: Log, place: int) -> None:
        log.append([entry(1), entry(2)])
        batch = [entry(n) for n in range(3, 8)]
        batch[place] = entry(2, size=9)
        with pytest.raises(JournalError):
            log.append(batch)
        assert list(log.read()) == [entry(1), entry(2)]
        log.append([entry(n) for n in range(3, 8)])
        assert list(log.read()) == [entry(n) for n in range(1, 8)]

    def test_a_record_is_never_replaced(self, log: Log) -> None:
        log.append([entry(1)])
        with pytest.raises(JournalError):
            log.append([entry(1, size=50)])
        assert list(log.read()) == [entry(1)]

    def test_reading_may_go_on_while_the_log_grows(self, log: Log) -> None:
        log.append([entry(n) for n in range(1, 101)])
        reader = log.read()
        seen = [next(reader).seq for _ in range(50)]
        log.append([entry(101)])
        seen += [e.seq for e in reader]
        assert seen[:100] == list(range(1, 101))
        assert seqs(log) == list(range(1, 102))

    def test_a_reader_that_stops_early_disturbs_nobody(self, log: Log) -> None:
        log.append([entry(n) for n in range(1, 101)])
        reader = log.read()
        next(reader)
        log.append([entry(101)])
        log.save_snapshot(snapshot(101))
        assert log.last() == entry(101)
        log.close()

    def test_any_thread_may_use_it(self, log: Log) -> None:
        found: list[int] = []

        def work() -> None:
            log.append([entry(1)])
            found.extend(seqs(log))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert found == seqs(log) == [1]

    # --- snapshots -----------------------------------------------------------------------------------------------

    def test_the_newest_snapshot_wins(self, log: Log) -> None:
        for seq in (3, 9, 27):
            log.save_snapshot(snapshot(seq))
        assert log.load_snapshot() == snapshot(27)

    @pytest.mark.parametrize(
        "at_most, seq", [(0, None), (2, None), (3, 3), (8, 3), (9, 9), (26, 9), (27, 27), (10**12, 27)]
    )
    def test_the_newest_snapshot_up_to_a_number(self, log: Log, at_most: int, seq: int | None) -> None:
        for n in (27, 3, 9):
            log.save_snapshot(snapshot(n))
        assert log.load_snapshot(at_most) == (None if seq is None else snapshot(seq))

    def test_a_snapshot_of_the_same_record_takes_its_place(self, log: Log) -> None:
        log.save_snapshot(snapshot(5))
        log.save_snapshot(snapshot(5, state=b"mended"))
        assert log.load_snapshot() == snapshot(5, state=b"mended")

    def test_a_snapshot_may_be_large(self, log: Log) -> None:
        large = Snapshot(1, EVERY_BYTE * 20_000, b"h" * 32, b"c" * 32)
        log.save_snapshot(large)
        assert log.load_snapshot() == large

    def test_thinning_keeps_the_newest_the_oldest_and_some_between(self, log: Log) -> None:
        count = 400
        for n in range(1, count + 1):
            log.save_snapshot(snapshot(n * 10))
            assert log.load_snapshot() == snapshot(n * 10)
        kept = set()
        for at_most in range(10, count * 10 + 1, 10):
            found = log.load_snapshot(at_most)
            assert found is not None
            assert found.seq <= at_most
            assert found == snapshot(found.seq)
            kept.add(found.seq)
        assert {10, count * 10} <= kept
        assert 8 < len(kept) < count / 2

    def test_snapshots_are_no_records(self, log: Log) -> None:
        log.append([entry(1)])
        log.save_snapshot(snapshot(1))
        assert seqs(log) == [1]
        assert log.last() == entry(1)

    def test_a_log_that_is_written_knows_of_no_damage(self, log: Log) -> None:
        assert log.damage() == ""
        log.append([entry(1)])
        log.save_snapshot(snapshot(1))
        assert log.damage() == ""

    # --- the end -------------------------------------------------------------------------------------------------

    def test_closing_twice_is_no_error(self, log: Log) -> None:
        log.close()
        log.close()

    def test_a_closed_log_takes_nothing(self, log: Log) -> None:
        log.append([entry(1)])
        log.close()
        with pytest.raises(JournalError):
            log.append([entry(2)])


class DurableLogContract(LogContract):
    """Tests of a log that is still there when it is opened again."""

    def test_opened_again_it_has_everything(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        log.append([entry(n, size=5_000) for n in range(1, 120)])
        log.save_snapshot(snapshot(50))
        log.save_snapshot(snapshot(100))
        log.close()
        again = self.open(tmp_path)
        assert list(again.read()) == [entry(n, size=5_000) for n in range(1, 120)]
        assert again.load_snapshot() == snapshot(100)
        assert again.load_snapshot(99) == snapshot(50)
        assert again.damage() == ""
        again.append([entry(120)])
        assert again.last() == entry(120)
        again.close()

    def test_one_desk_at_a_time(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        log.append([entry(1)])
        for _ in range(2):
            with pytest.raises(JournalInUse, match="in use"):
                self.open(tmp_path)
        log.append([entry(2)])
        assert seqs(log) == [1, 2]
        log.close()

    def test_closing_lets_the_next_desk_in(self, tmp_path: Path) -> None:
        for n in range(1, 6):
            log = self.open(tmp_path)
            log.append([entry(n)])
            log.close()
        log = self.open(tmp_path)
        assert seqs(log) == [1, 2, 3, 4, 5]
        log.close()

    def test_another_thread_may_close_it(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        thread = threading.Thread(target=log.close)
        thread.start()
        thread.join()
        self.open(tmp_path).close()

    def test_closing_while_somebody_reads_lets_the_next_desk_in(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        log.append([entry(n) for n in range(1, 50)])
        reader = log.read()
        next(reader)
        log.close()
        again = self.open(tmp_path)
        again.append([entry(50)])
        assert again.last() == entry(50)
        again.close()

    def test_one_desk_at_a_time_whichever_way_the_turns_fall(self, tmp_path: Path) -> None:
        """Many threads open, write and close as fast as they can; nobody ever stands beside another."""
        self.open(tmp_path).close()
        inside: list[int] = []
        trouble: list[str] = []
        turns: list[int] = []

        def turn(log: Log, number: int) -> None:
            inside.append(number)
            try:
                if len(inside) > 1:
                    trouble.append(f"{inside} are inside together")
                last = log.last()
                log.append([entry(1 if last is None else last.seq + 1)])
                turns.append(number)
            finally:
                inside.remove(number)
                log.close()

        def work(number: int) -> None:
            for _ in range(150):
                try:
                    turn(self.open(tmp_path), number)
                except JournalInUse:
                    continue
                except JournalError as error:
                    trouble.append(str(error))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert trouble == []
        log = self.open(tmp_path)
        assert seqs(log) == list(range(1, len(turns) + 1))
        log.close()
