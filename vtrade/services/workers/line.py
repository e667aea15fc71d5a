"""How far has a projection folded the records of a room, and what if it cannot go on?

Rules: a record is folded whole, once and in order. Where that cannot be (one is missing, or contradicts those before
it), a room that began from a snapshot asks to be folded from its first record, in case the snapshot was wrong; a room
that was folded from its first record stands still for good, says so once, and lets every other room go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from vtrade.domain.messages import Fact
from vtrade.domain.topics import SENT
from vtrade.domain.values import NS_PER_S
from vtrade.errors import VTradeError
from vtrade.ports import Clock, Outgoing, Taken
from vtrade.services.workers.trades import Heard, TradesGap, TradesReader, Unreadable

STATE_VERSION: Final = 1
TROUBLE_CHARS_MAX: Final = 500

_log = logging.getLogger(__name__)
E = TypeVar("E")


class LineState(msgspec.Struct, frozen=True, array_like=True):
    """A projection's room as a snapshot: how far, the room's time, why it stands still (if it does), and its engine."""

    version: int
    seq: int
    chain: bytes
    ts_ns: int
    trouble: str
    engine: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(LineState)


def decode_state(room: str, state: bytes, restore: Callable[[bytes], E]) -> tuple[LineState, E]:
    """Read a snapshot; also the engine that ``restore`` makes of its bytes.

    Raises
    ------
    ValueError
        If it is none of this version.
    """
    try:
        known = _decoder.decode(state)
    except msgspec.MsgspecError as error:
        raise ValueError(f"the snapshot of room {room!r} cannot be read ({error})") from None
    if known.version != STATE_VERSION:
        raise ValueError(f"the snapshot of room {room!r} has version {known.version}, not {STATE_VERSION}")
    try:
        return known, restore(known.engine)
    except (VTradeError, LookupError, ArithmeticError, TypeError, ValueError) as error:
        raise ValueError(f"the snapshot of room {room!r} cannot be used ({error})") from None


class Line:
    """The records of one room, as far as they were folded.

    Parameters
    ----------
    room : str
    reader : TradesReader
    clock : Clock
        To tell how old records are.
    state : LineState, optional
        Where a snapshot left it.

    Attributes
    ----------
    seq : int
        Records folded.
    chain : bytes
        Chain value after the last of them.
    ts_ns : int
        The room's time after it.
    lag_s : float
        How old the newest record was when it was folded; 0 where its writer did not say.
    trouble : str
        Why the room stands still; empty while all is well.
    """

    def __init__(self, room: str, reader: TradesReader, clock: Clock, state: LineState | None = None) -> None:
        self.room = room
        self.seq = state.seq if state else 0
        self.chain = state.chain if state else b""
        self.ts_ns = state.ts_ns if state else 0
        self.trouble = state.trouble if state else ""
        self.lag_s = 0.0
        self._reader = reader
        self._clock = clock
        self._from_snapshot = state is not None

    def fold(self, record: Taken, apply: Callable[[list[Fact]], list[Outgoing]]) -> list[Outgoing]:
        """Fold one record of the trades topic with ``apply``; what to write because of it.

        Raises
        ------
        TradesGap
            If the room has to be folded from its first record.
        """
        if self.trouble or not self.room:
            self._reader.judge(record)
            return []
        try:
            heard = self._reader.take(record, after=self.seq)
            if heard is None:
                return []
            written = apply(heard.facts)
        except TradesGap as error:
            return self._stand_still(error, error.seq)
        except (VTradeError, LookupError, ArithmeticError, TypeError, ValueError) as error:
            if isinstance(error, Unreadable) and error.seq < 0:  # no record of any room
                raise
            return self._stand_still(error, self.seq + 1)
        self._advance(heard, record)
        return written

    def _advance(self, heard: Heard, record: Taken) -> None:
        told = heard.told
        self.seq, self.chain, self.ts_ns = told.seq, told.chain, told.ts_ns
        for name, value in record.headers:
            if name == SENT and value.isdigit():
                self.lag_s = max(0.0, (self._clock.wall_ns() - int(value)) / NS_PER_S)

    def _stand_still(self, error: Exception, seq: int) -> list[Outgoing]:
        why = f"{type(error).__name__}: {error}"[:TROUBLE_CHARS_MAX]
        if self._from_snapshot:
            raise TradesGap(
                f"room {self.room!r}: its snapshot and record {seq} do not fit together ({why}); it is folded again "
                "from its first record",
                room=self.room,
                seq=seq,
            ) from error
        self.trouble = why
        _log.error(
            "a room stands still: record %d cannot be folded: %s", seq, why, extra={"room": self.room, "seq": seq}
        )
        return []

    def snapshot(self, engine: bytes) -> bytes:
        """The state, with that of the engine."""
        return _encoder.encode(LineState(STATE_VERSION, self.seq, self.chain, self.ts_ns, self.trouble, engine))


__all__ = ["Line", "LineState", "decode_state"]
