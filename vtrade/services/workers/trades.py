"""Which records of the trades topic count, and what did they tell of a room?

Rules: a record counts once. One of a lower epoch than the highest seen before it on its partition is void, whatever it
says; one with a ``seq`` that its room has had already is a copy. A jump of ``seq`` is an error that names the room and
the number, because what follows cannot be understood without what is missing. Nothing else is judged here. Facts are
decoded when they are asked for, so that passing over copies costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from functools import cached_property
from typing import Final

import msgspec

from vtrade.domain.messages import Fact, decode_facts
from vtrade.domain.topics import DEAD_LETTERS, TRADES, Told, Trade, decode_trade, split_key
from vtrade.errors import VTradeError
from vtrade.ports import Outgoing, Taken

WHY: Final = "why"
"""Header of a dead letter: why it could not be used."""
FROM: Final = "from"
"""Header of a dead letter: topic, partition and offset where it was read."""
WHY_CHARS_MAX: Final = 500

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, ValueError)
"""What decoding damaged bytes may raise."""


class TradesError(VTradeError):
    """Records of a room that cannot be folded; ``room`` and ``seq`` name the first of them."""

    def __init__(self, message: str, *, room: str, seq: int) -> None:
        super().__init__(message)
        self.room = room
        self.seq = seq


class TradesGap(TradesError):
    """A record of a room is missing."""


class Unreadable(TradesError):
    """A record that is none; ``seq`` is -1 where it is not known."""


class Heard:
    """A record of a room that counts.

    Attributes
    ----------
    room : str
    told : Told
    facts : list of Fact
        Decoded at the first look.

    Examples
    --------
    >>> from vtrade.domain.messages import NewsPublished, encode_facts
    >>> told = Told(1, 0, 1, 0, b"", encode_facts([NewsPublished(1, 0, "", "Good morning")]))
    >>> Heard("algebra-1", told).facts[0].headline
    'Good morning'
    """

    def __init__(self, room: str, told: Told) -> None:
        self.room = room
        self.told = told

    @cached_property
    def facts(self) -> list[Fact]:
        """What happened.

        Raises
        ------
        Unreadable
            If the facts are none.
        """
        try:
            return decode_facts(self.told.facts)
        except UNREADABLE as error:
            raise Unreadable(
                f"the facts of record {self.told.seq} of room {self.room!r} cannot be read ({error}); "
                "rebuild the room's records from its inbound log",
                room=self.room,
                seq=self.told.seq,
            ) from None


class TradesReader:
    """Tells records that count from those that do not, for any number of partitions.

    Attributes
    ----------
    stale : int
        Records of a writer that another one had replaced.
    duplicates : int
        Copies of records.

    Examples
    --------
    >>> from vtrade.domain.topics import Claim, encode_trade
    >>> reader = TradesReader()
    >>> seqs = {"algebra-1": 0}
    >>> records = [Claim(2, "new"), Told(1, 0, 1, 0, b"", b""), Told(2, 0, 1, 0, b"", b""), Told(2, 0, 1, 0, b"", b"")]
    >>> taken = [Taken(TRADES, 0, n, "algebra-1", encode_trade(record)) for n, record in enumerate(records)]
    >>> [(heard.told.epoch, heard.told.seq) for heard in reader.read(taken, seqs)], reader.stale, reader.duplicates
    ([(2, 1)], 1, 1)
    """

    def __init__(self) -> None:
        self.stale = 0
        self.duplicates = 0
        self._epochs: dict[int, int] = {}
        self._next: dict[int, int] = {}

    def begin(self, partition: int, *, offset: int = 0, epoch: int = 0) -> None:
        """Read a partition from ``offset`` on, before which ``epoch`` was the highest."""
        self._epochs[partition], self._next[partition] = epoch, offset

    def end(self, partition: int) -> None:
        """Forget a partition."""
        self._epochs.pop(partition, None)
        self._next.pop(partition, None)

    def checkpoint(self, partition: int) -> tuple[int, int]:
        """Offset of the next record and highest epoch before it: what :meth:`begin` takes."""
        return self._next.get(partition, 0), self._epochs.get(partition, 0)

    def judge(self, record: Taken) -> Trade | None:
        """The record, if its writer was the partition's present one.

        Raises
        ------
        Unreadable
            If this is no record of the trades topic.
        """
        partition = record.partition
        self._next[partition] = max(self._next.get(partition, 0), record.offset + 1)
        try:
            trade = decode_trade(record.value or b"")
        except UNREADABLE as error:
            raise Unreadable(
                f"record {record.offset} of {TRADES}, partition {partition}, key {record.key!r}, cannot be read "
                f"({error}); it was put aside",
                room=split_key(record.key)[0],
                seq=-1,
            ) from None
        if trade.epoch < self._epochs.get(partition, 0):
            self.stale += 1
            return None
        self._epochs[partition] = trade.epoch
        return trade

    def take(self, record: Taken, *, after: int) -> Heard | None:
        """Judge one record of a room that has had ``after`` records; ``None`` where there is nothing to fold.

        Raises
        ------
        TradesGap
            If records between are missing.
        Unreadable
            If this is no record of the trades topic.
        """
        trade = self.judge(record)
        if not isinstance(trade, Told):
            return None
        room = split_key(record.key)[0]
        if trade.seq <= after:
            self.duplicates += 1
            return None
        if trade.seq != after + 1:
            raise TradesGap(
                f"room {room!r}: record {after + 1} is missing, the next one found is {trade.seq} (offset "
                f"{record.offset} of {TRADES}, partition {record.partition}); rebuild the room's records from its "
                "inbound log",
                room=room,
                seq=after + 1,
            )
        return Heard(room, trade)

    def read(self, records: Iterable[Taken], seqs: MutableMapping[str, int]) -> Iterator[Heard]:
        """Records that count among those of the trades topic; ``seqs`` has each room's last one, and is kept up."""
        for record in records:
            if record.topic == TRADES:
                heard = self.take(record, after=seqs.get(split_key(record.key)[0], 0))
                if heard is not None:
                    seqs[heard.room] = heard.told.seq
                    yield heard


def dead_letter(record: Taken, why: str) -> Outgoing:
    """A record that cannot be used, to be put aside as it came.

    Examples
    --------
    >>> letter = dead_letter(Taken("vtrade.actions", 3, 7, "a/b", b"?"), "no action")
    >>> letter.topic, letter.value, dict(letter.headers)
    ('vtrade.dead', b'?', {'why': b'no action', 'from': b'vtrade.actions/3/7'})
    """
    place = f"{record.topic}/{record.partition}/{record.offset}"
    headers = (*record.headers, (WHY, why[:WHY_CHARS_MAX].encode("utf-8", "replace")), (FROM, place.encode()))
    return Outgoing(DEAD_LETTERS, record.key, record.value, headers, record.partition)


__all__ = ["FROM", "WHY", "Heard", "TradesError", "TradesGap", "TradesReader", "Unreadable", "dead_letter"]
