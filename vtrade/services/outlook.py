"""How does the market of a room look now, and what of it changed since somebody last looked?

Rules: a few instruments are looked at at a time, so that the room is never held for long. What changed is encoded once
for everybody who last looked at the same moment. Quotes tell how things are; candles are remembered by the record after
which they changed, so that none is left out for whoever comes back. Nothing here reads a clock.

Locks are taken in this order: :attr:`Outlook.turn`, the room's, :attr:`Outlook.lock`.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from typing import Any, Final

import numpy as np

from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import Fact, Inbound, Marked, MarketFrame
from vtrade.domain.stream import CandleRows, Market, PrintRows, Quote, encode_frame, in_parts
from vtrade.market.candles import Candle
from vtrade.market.dtype import EVENT
from vtrade.market.prints import Print
from vtrade.services.shared import SharedRoom
from vtrade.services.visible import PRINTS_TOLD, candle_block, newer_candles, quote_of

CHUNK: Final = 8
"""Instruments that are looked at before the room is let go of for a moment."""
LOOKS_KEPT: Final = 4_096
"""Looks after which the candles that changed then are forgotten; who is so far behind begins anew."""
TRIM_EVERY: Final = 256
"""Looks between two times of forgetting."""
CANDLES_KEPT: Final = 50_000
"""Changed candles of an instrument that are remembered."""
BLOCK_LOOKS: Final = 64
"""Looks for which newcomers get the same block of candles."""
RESUME_LOOKS: Final = 3
"""Looks before a drop from which a stream that goes on gets the candles again."""

STOOD_STILL: Final = "the market stands still: the gateway has lost touch with it"

_NOTHING: Final = Quote(-1, "", 0, (0, 0, 0, 0))


class Outlook:
    """The public market of a room, as streams tell it.

    Parameters
    ----------
    room : SharedRoom
    lock : threading.Lock
        Held while frames are made.

    Attributes
    ----------
    turn : threading.Lock
        Held by whoever calls :meth:`look`.
    version : int
        Grows with every look that saw something new.
    marks_moved : bool
        Whether a mark changed since this was last set to ``False``.
    """

    def __init__(self, room: SharedRoom, lock: threading.Lock) -> None:
        self.turn = threading.Lock()
        self.lock = lock
        self.version = 0
        self.marks_moved = False
        self._room = room
        self._looks = 0
        self._seqs: list[int] = []
        self._floor = 0
        self._quotes: list[tuple[int, Quote]] = []
        self._tails: list[list[tuple[int, Candle]]] = []
        self._last: list[Candle | None] = []
        self._prints: list[list[tuple[int, Print]]] = []
        self._printed: list[int] = []
        self._listing: tuple[int, tuple[Instrument, ...], tuple[str, ...]] = (0, (), ())
        self._clock: tuple[Any, ...] = ()
        self._changed: set[int] | None = None
        self._block: tuple[int, int, list[bytes]] | None = None
        self._frames: dict[tuple[int, int], bytes] = {}

    @property
    def seq(self) -> int:
        """The record after which the market was looked at."""
        return self._seqs[-1]

    def note(self, message: Inbound, facts: list[Fact]) -> None:
        """A record came: some instruments may look different now; under the room's lock."""
        engine, changed = self._room.engine, self._changed
        if changed is not None and isinstance(message, MarketFrame):
            changed.update(np.unique(np.frombuffer(message.events, EVENT)["instrument"]).tolist())
        if engine.rules.resilience_ns or engine.rules.impact_ppm:  # time alone moves the book
            changed = None
        for fact in facts:
            symbol = getattr(fact, "symbol", "")
            k = engine.index(symbol) if symbol else None
            if isinstance(fact, Marked):
                self.marks_moved = True
            elif symbol and k is None:  # it has another name now
                changed = None
            elif k is not None and changed is not None:
                changed.add(k)
        self._changed = changed

    def look(self) -> set[int]:
        """See how the market is now; which instruments changed. Under :attr:`turn`, and no lock of a later place."""
        room = self._room
        version = self.version + 1
        with room.lock:
            engine, seq = room.engine, room.seq
            if tuple(engine.instruments) != self._listing[1] or tuple(engine.currencies) != self._listing[2]:
                self._listing = version, tuple(engine.instruments), tuple(engine.currencies)
                self._changed = None
            count = len(self._listing[1])
            for k in range(len(self._quotes), count):
                self._quotes.append((0, _NOTHING))
                self._tails.append([])
                self._last.append(next(iter(room.candles.of(k, last=1)), None))
                self._prints.append([])
                self._printed.append(room.prints.count(k))
            due = sorted(range(count) if self._changed is None else self._changed)
            self._changed = set()
        changed: set[int] = set()
        for at in range(0, len(due), CHUNK):
            with room.lock:
                changed.update(k for k in due[at : at + CHUNK] if self._look_at(k, version))
        with room.lock, self.lock:
            clock = (room.now_ns, room.playing, float(room.speed), room.ended, room.closed, bool(room.trouble))
            later = not self._seqs or self._seqs[-1] < seq
            if changed or later or clock != self._clock or self._listing[0] == version:
                self._clock, self.version = clock, version
                self._frames.clear()
            if later:
                self._seqs.append(seq)
            self._looks += 1
            if self._looks % TRIM_EVERY == 0:
                self._trim()
        return changed

    def _look_at(self, k: int, version: int) -> bool:
        """See how an instrument is now; whether that is different."""
        room = self._room
        quote = quote_of(room.engine, k)
        moved = quote != self._quotes[k][1]
        rows = newer_candles(room.candles, k, self._last[k])
        prints = room.prints.since(k, self._printed[k])[-PRINTS_TOLD:]
        with self.lock:
            if moved:
                self._quotes[k] = version, quote
            tail = self._tails[k]
            for row in rows:
                if tail and tail[-1][1][:2] == row[:2]:
                    tail[-1] = room.seq, row
                else:
                    tail.append((room.seq, row))
            if rows:
                self._last[k] = rows[-1]
            if len(tail) > CANDLES_KEPT:
                self._floor = max(self._floor, tail[CANDLES_KEPT // 2][0])
                del tail[: CANDLES_KEPT // 2 + 1]
            if prints:
                self._printed[k] = prints[-1].n
                told = self._prints[k]
                told += [(room.seq, one) for one in prints]
                del told[:-PRINTS_TOLD]
        return moved or bool(rows) or bool(prints)

    def _trim(self) -> None:
        """Forget what changed in candles long ago."""
        if len(self._seqs) > LOOKS_KEPT:
            del self._seqs[:-LOOKS_KEPT]
            self._floor = max(self._floor, self._seqs[0])
        for tail in self._tails:
            del tail[: bisect_right(tail, self._floor, key=_seq)]

    # --- for newcomers, and for those who come back ------------------------------------------------------------------

    def block(self) -> tuple[int, list[bytes]]:
        """All candles as frames, and after which record; under :attr:`turn` and the room's lock."""
        block = self._block
        if block is None or self._looks - block[0] > BLOCK_LOOKS or block[1] < self._floor:
            told = candle_block(self._room.candles, len(self._listing[1]), prints=self._room.prints)
            block = self._block = self._looks, self._seqs[-1], in_parts(told)
        return block[1:]

    def since(self, after: int) -> int:
        """From where on somebody who heard everything up to a record has to hear of candles again."""
        return self._seqs[max(0, bisect_right(self._seqs, after) - RESUME_LOOKS)]

    def frame(self, version: int, since: int) -> bytes:
        """What changed after a version, and in candles after a record; under :attr:`lock`.

        Where some of those candles are forgotten, the frame's ``since`` is later than asked for.
        """
        key = version, max(since, self._floor)
        frame = self._frames.get(key)
        if frame is None:
            frame = self._frames[key] = encode_frame(self._market(*key))
        return frame

    def _market(self, version: int, since: int) -> Market:
        now_ns, playing, speed, ended, closed, trouble = self._clock
        candles = []
        for k, tail in enumerate(self._tails):
            new = tail[bisect_right(tail, since, key=_seq) :]
            if new:
                candles.append(CandleRows(k, tuple(row for _, row in new), self._room.candles.first(k)))
        prints = []
        for k, told in enumerate(self._prints):
            newest = told[bisect_right(told, since, key=_seq) :]
            if newest:
                prints.append(PrintRows(k, tuple(one for _, one in newest)))
        listed, instruments, currencies = self._listing
        return Market(
            self.seq, since, now_ns, playing, speed, ended, closed, STOOD_STILL if trouble else "",
            tuple(quote for seen, quote in self._quotes if seen > version), tuple(candles),
            instruments if listed > version else None, currencies if listed > version else None, tuple(prints),
        )  # fmt: skip


def _seq(changed: tuple[int, Candle | Print]) -> int:
    return changed[0]
