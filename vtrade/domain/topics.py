"""Which topics carry a room between processes, and what does one record on each of them look like?

Rules: the key of a record is the room (or ``room/account``, see :func:`account_key`), so that everything about a room
is in order on one partition. All topics have the same number of partitions, and the partition follows from the room
alone (:func:`partition_of`), so one number says where a room lives on every topic. Each inbound record is answered by
exactly one record on the trades topic, in the same order: :class:`Told` with what it brought about, or :class:`Passed`
with why it brought about nothing. Records may be read twice and are then ignored: a room's by ``seq``, an inbound one
by its ``id``.

Writers of the trades topic announce themselves with a :class:`Claim`. Whoever reads ignores what carries a lower epoch
than the highest claim before it, so a writer that was thought dead cannot add anything.
"""

from __future__ import annotations

import zlib
from typing import Final

import msgspec

from vtrade.domain.messages import WIRE_VERSION, Inbound, decode_inbound, encode_inbound
from vtrade.domain.wire import Wire

INBOUND: Final = "vtrade.inbound"
TRADES: Final = "vtrade.trades"
PORTFOLIO: Final = "vtrade.portfolio"
ACTIONS: Final = "vtrade.actions"
PROGRESS: Final = "vtrade.progress"
SNAPSHOTS: Final = "vtrade.snapshots"
"""Engine snapshots in pieces, compacted."""
DIRECTORY: Final = "vtrade.directory"
"""Rooms, members and hashed tokens, compacted; one partition."""
DEAD_LETTERS: Final = "vtrade.dead"
"""Records that could not be read, as they came, with the reason in their headers."""

TOPICS: Final = (INBOUND, TRADES, PORTFOLIO, ACTIONS, PROGRESS, SNAPSHOTS, DIRECTORY, DEAD_LETTERS)

ID: Final = "id"
"""Header of an inbound record: names it once and for all, so that a second copy does nothing; may be absent."""
VERSION: Final = "v"
"""Header of an inbound record: version of the wire form, in decimal."""
SENT: Final = "at"
"""Header of an inbound record: wall time at which it was sent, nanoseconds in decimal; only ever measured with."""


class Told(Wire, frozen=True, tag="told"):
    """Record ``seq`` of a room: the facts that the inbound record at ``offset`` produced, as they stand on the wire.

    ``chain`` is the room's chain value after it; ``ts_ns`` the room's time.
    """

    epoch: int
    offset: int
    seq: int
    ts_ns: int
    chain: bytes
    facts: bytes


class Passed(Wire, frozen=True, tag="passed"):
    """The inbound record at ``offset`` changed nothing: ``why`` is duplicate, refused or unreadable."""

    epoch: int
    offset: int
    why: str
    detail: str = ""


class Claim(Wire, frozen=True, tag="claim"):
    """From here on ``worker`` writes this partition; records of lower epochs that follow are void."""

    epoch: int
    worker: str


Trade = Told | Passed | Claim
Headers = tuple[tuple[str, bytes], ...]
_VERSION: Final = str(WIRE_VERSION).encode()

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Trade] = msgspec.msgpack.Decoder(Trade)


def encode_trade(record: Trade) -> bytes:
    """The wire form of a record on the trades topic.

    Examples
    --------
    >>> decode_trade(encode_trade(Claim(2, "worker-1")))
    Claim(epoch=2, worker='worker-1')
    """
    return _encoder.encode(record)


def decode_trade(data: bytes) -> Trade:
    """Read a record of the trades topic; raises ``msgspec.MsgspecError`` on bytes that are none."""
    return _decoder.decode(data)


def partition_of(room: str, partitions: int) -> int:
    """Where a room lives on every topic; the same on every machine.

    Examples
    --------
    >>> partition_of("algebra-1", 8) == partition_of("algebra-1", 8), 0 <= partition_of("b", 8) < 8
    (True, True)
    """
    return zlib.crc32(room.encode()) % partitions


def account_key(room: str, account: str) -> str:
    """Key of a record about one account.

    Examples
    --------
    >>> account_key("algebra-1", "ana"), split_key("algebra-1/ana")
    ('algebra-1/ana', ('algebra-1', 'ana'))
    """
    return f"{room}/{account}"


def split_key(key: str) -> tuple[str, str]:
    """Room and account of a key; the account is empty where the key is a room's. A room's name has no slash."""
    room, _, account = key.partition("/")
    return room, account


def inbound_headers(message_id: str, *, sent_ns: int = 0) -> tuple[tuple[str, bytes], ...]:
    """Headers of an inbound record."""
    headers = [(VERSION, _VERSION)]
    if message_id:
        headers.append((ID, message_id.encode()))
    if sent_ns:
        headers.append((SENT, str(sent_ns).encode()))
    return tuple(headers)


def is_readable(headers: Headers) -> bool:
    """Whether an inbound record is of this version of the wire form.

    Examples
    --------
    >>> is_readable(inbound_headers("ana/1")), is_readable((("v", b"99"),)), is_readable(())
    (True, False, False)
    """
    return dict(headers).get(VERSION) == _VERSION


__all__ = [
    "ACTIONS", "DEAD_LETTERS", "DIRECTORY", "ID", "INBOUND", "PORTFOLIO", "PROGRESS", "SENT", "SNAPSHOTS", "TOPICS",
    "TRADES", "VERSION", "Claim", "Inbound", "Passed", "Told", "Trade", "account_key", "decode_inbound",
    "decode_trade", "encode_inbound", "encode_trade", "inbound_headers", "is_readable", "partition_of", "split_key",
]  # fmt: skip
