"""What happened in a backtest, and how is that told as messages and facts?

Rules: a record is arrays: frames, requests, what the kernel told, prices of valuation. :meth:`Record.messages` is the
log of a room that does the same; an :class:`~vtrade.execution.engine.Engine` that folds it tells the facts, so a
backtest and a room can never tell different stories.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from vtrade.domain.messages import (
    CancelOrder,
    Fact,
    Inbound,
    MarketFrame,
    OpenAccount,
    OpenRoom,
    SubmitOrder,
)
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.execution import layout as at
from vtrade.execution.engine import Engine
from vtrade.execution.kernel import play as st
from vtrade.market.tape import Tape
from vtrade.research.strategy import LIMIT_TYPES, STOP_TYPES

_TYPES: Final = tuple(OrderType)
_TIFS: Final = tuple(TimeInForce)


@dataclass
class Record:
    """Everything a run did.

    Attributes
    ----------
    tape : Tape
    opening : OpenRoom
    account : OpenAccount
    rows : (N, 16) int64
        What the kernel told, and the notes of `vtrade.execution.kernel.play`.
    asked : (A, 14) int64
        Requests.
    marks : (M, 4) int64
        Prices at which positions were valued: number of the fact, time, instrument, ticks.
    cuts : (C,) int64
        Rows behind which frames ended.
    extras : list of (row, requests before, message)
        News.
    news_seqs : list of int
        Numbers of the facts that tell them.
    until : int or None
        Rows that were folded, where the run did not get to the end.
    """

    tape: Tape
    opening: OpenRoom
    account: OpenAccount
    rows: at.I8 = field(default_factory=lambda: np.zeros((0, at.OUT_COLS), np.int64))
    asked: at.I8 = field(default_factory=lambda: np.zeros((0, st.DONE_COLS), np.int64))
    marks: at.I8 = field(default_factory=lambda: np.zeros((0, 4), np.int64))
    cuts: at.I8 = field(default_factory=lambda: np.zeros(0, np.int64))
    extras: list[tuple[int, int, Inbound]] = field(default_factory=list)
    news_seqs: list[int] = field(default_factory=list)
    until: int | None = None

    def messages(self) -> Iterator[Inbound]:
        """The log of a room in which the same happens, in order."""
        yield self.opening
        yield self.account
        events = self.tape.events
        asked = self.asked
        until = len(events) if self.until is None else self.until
        request, extra, start = 0, 0, 0
        for end in [*self.cuts.tolist(), until]:
            while True:
                due = extra < len(self.extras) and self.extras[extra][0] <= start
                if due and self.extras[extra][1] <= request:
                    yield self.extras[extra][2]
                    extra += 1
                elif request < len(asked) and asked[request, st.D_ROW] <= start:
                    yield self.request(request)
                    request += 1
                else:
                    break
            if end > start:
                yield MarketFrame(int(events["ts_ns"][end - 1]), events[start:end].tobytes())
                start = end
        while extra < len(self.extras) or request < len(asked):
            if extra < len(self.extras) and self.extras[extra][1] <= request:
                yield self.extras[extra][2]
                extra += 1
            else:
                yield self.request(request)
                request += 1

    def request(self, n: int) -> Inbound:
        """The ``n``-th request as a message."""
        row = self.asked[n].tolist()
        name = client_order_id(row[st.K_ID])
        if row[st.K_ACTION] != st.SUBMIT:
            return CancelOrder(row[st.D_TS], self.account.account, name)
        instrument = self.tape.instruments[row[st.K_INSTRUMENT]]
        kind = row[st.K_TYPE]
        return SubmitOrder(
            row[st.D_TS], self.account.account, name, instrument.symbol, Side(row[st.K_SIDE]), _TYPES[kind],
            row[st.K_QUANTITY] * instrument.lot_size,
            row[st.K_LIMIT] * instrument.tick_size if kind in LIMIT_TYPES else None,
            row[st.K_STOP] * instrument.tick_size if kind in STOP_TYPES else None,
            _TIFS[row[st.K_TIF]], bool(row[st.K_FLAGS] & at.POST_ONLY), bool(row[st.K_FLAGS] & at.REDUCE_ONLY),
            trail=row[st.K_TRAIL] * instrument.tick_size if kind == at.TRAILING else None,
        )  # fmt: skip

    def replay(self) -> tuple[Engine, list[Fact]]:
        """The engine after all of it, and every fact."""
        engine = Engine()
        facts: list[Fact] = []
        for message in self.messages():
            facts += engine.process(message)
        return engine, facts


def client_order_id(number: int) -> str:
    """Name of the strategy's order with a number.

    Examples
    --------
    >>> client_order_id(3)
    'b-3'
    """
    return f"b-{number}"
