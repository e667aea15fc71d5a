"""Does a projection fold each record of a room once, whoever else wrote there, and notice when one is missing?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.services.room import messages
from tests.services.workers.records import told, trade
from vtrade.domain.messages import decode_facts
from vtrade.domain.topics import DEAD_LETTERS, TRADES, Claim, Passed, Told, decode_trade
from vtrade.errors import VTradeError
from vtrade.ports import Taken
from vtrade.services.workers.trades import TradesGap, TradesReader, Unreadable, dead_letter

ROOM = told(messages(3, 60))


def seqs(reader: TradesReader, records: list[Taken], known: dict[str, int] | None = None) -> list[int]:
    return [heard.told.seq for heard in reader.read(records, {} if known is None else known)]


def test_each_record_of_a_room_comes_once_with_its_facts():
    records = [decode_trade(r.value) for r in ROOM]
    expected = [(r.seq, decode_facts(r.facts)) for r in records if isinstance(r, Told)]
    assert len(expected) > 30
    heard = list(TradesReader().read(ROOM, {}))
    assert [(h.told.seq, h.facts) for h in heard] == expected
    assert {h.room for h in heard} == {"test"}


@given(st.lists(st.integers(1, len(ROOM)), min_size=1, max_size=6))
def test_what_is_read_again_from_an_earlier_offset_changes_nothing(ends):
    reader, known, heard = TradesReader(), {}, []
    for end in [*ends, len(ROOM)]:
        heard += [h.told.seq for h in reader.read(ROOM[:end], known)]
    assert heard == seqs(TradesReader(), ROOM)


def test_records_of_a_replaced_writer_are_void_behind_the_claim_and_count_before_it():
    records = [
        trade(Claim(1, "old")),
        trade(Told(1, 0, 1, 0, b"a", b""), key="r", offset=1),
        trade(Claim(2, "new"), offset=2),
        trade(Told(1, 1, 2, 0, b"void", b""), key="r", offset=3),
        trade(Told(2, 1, 2, 0, b"b", b""), key="r", offset=4),
        trade(Claim(1, "old"), offset=5),
        trade(Told(2, 2, 3, 0, b"c", b""), key="r", offset=6),
    ]
    reader = TradesReader()
    assert [h.told.chain for h in reader.read(records, {})] == [b"a", b"b", b"c"]
    assert reader.stale == 2
    assert reader.checkpoint(0) == (7, 2)


def test_partitions_have_epochs_of_their_own():
    reader = TradesReader()
    reader.begin(0, offset=40, epoch=5)
    assert seqs(reader, [trade(Told(4, 0, 1, 0, b"", b""), key="a", partition=0, offset=40)]) == []
    assert seqs(reader, [trade(Told(1, 0, 1, 0, b"", b""), key="b", partition=1)]) == [1]
    assert reader.checkpoint(0) == (41, 5)
    reader.end(0)
    assert seqs(reader, [trade(Told(4, 0, 1, 0, b"", b""), key="a", partition=0)]) == [1]


@pytest.mark.parametrize("cut", [1, 7, 30])
def test_a_reader_that_begins_at_a_checkpoint_goes_on_as_if_it_had_read_everything(cut):
    first, known = TradesReader(), {}
    heard = seqs(first, ROOM[:cut], known)
    offset, epoch = first.checkpoint(0)
    second = TradesReader()
    second.begin(0, offset=offset, epoch=epoch)
    heard += seqs(second, ROOM[offset:], known)
    assert heard == seqs(TradesReader(), ROOM)
    assert second.checkpoint(0)[1] == 1


def test_a_missing_record_is_named_with_its_room():
    counted = [r for r in ROOM if isinstance(decode_trade(r.value), Told)]
    with pytest.raises(TradesGap, match=r"room 'test': record 5 is missing, the next one found is 6") as caught:
        seqs(TradesReader(), counted[:4] + counted[5:])
    assert (caught.value.room, caught.value.seq) == ("test", 5)


def test_what_changed_nothing_is_no_record_of_the_room():
    records = [trade(Passed(1, 0, "duplicate"), key="r"), trade(Told(1, 1, 1, 0, b"", b""), key="r", offset=1)]
    assert seqs(TradesReader(), records) == [1]


@pytest.mark.parametrize("value", [b"", b"\xc1", b"\x93\xa4told", b"\x82\x01\x02\x03\x04", None])
def test_bytes_that_are_no_record_are_named_with_their_place(value):
    with pytest.raises(Unreadable, match=r"record 9 of vtrade.trades, partition 2, key 'r'"):
        seqs(TradesReader(), [Taken(TRADES, 2, 9, "r", value)])


def test_damaged_facts_are_named_when_somebody_looks():
    [heard] = TradesReader().read([trade(Told(1, 0, 1, 0, b"", b"\xc1"), key="r")], {})
    with pytest.raises(VTradeError, match="facts of record 1 of room 'r'"):
        _ = heard.facts


def test_a_dead_letter_has_the_record_as_it_came_and_says_why_and_from_where():
    letter = dead_letter(Taken("vtrade.actions", 1, 8, "r/ana", b"\xff", (("id", b"x"),)), "é" * 900)
    headers = dict(letter.headers)
    assert (letter.topic, letter.key, letter.value, letter.partition) == (DEAD_LETTERS, "r/ana", b"\xff", 1)
    assert headers["id"] == b"x"
    assert headers["from"] == b"vtrade.actions/1/8"
    assert headers["why"].decode() == "é" * 500
