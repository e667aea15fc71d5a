"""Would the engine have filled a real limit order when the market did, and left it when the market did?

Rules:

- The orders are those of ``fidelity_orders``, on L3 rows or on levels only.
- *In place*: the real order is taken out of the market, its prints stay, and a copy is sent at its place: this is what
  a strategy sees that was that order. The tape itself is the judge.
- *Behind*: the market stays as it was, and a copy comes right after the real order, so it must never trade before it.
- Copies never meet: each is alone in the market, with an account that has no limits. Those that do not overlap share a
  pass over the day (a wave); what one took from the feed is given back before the next.
- A copy of a canceled order goes right before the cancel. One of an executed order may be late: it stays
  ``PATIENCE_NS`` longer.
- All goes through the engine's own kernel; rows are placed by their number, so equal times do not matter.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from vtrade.bench import fidelity_peer, peers
from vtrade.bench.fidelity_orders import Flags, Ints, Known
from vtrade.bench.fidelity_peer import market_without
from vtrade.bench.fresh import BenchError
from vtrade.domain.accounts import NO_LIMITS
from vtrade.domain.messages import OpenAccount, OpenRoom
from vtrade.domain.rules import RoomRules
from vtrade.domain.values import NS_PER_S
from vtrade.execution import layout as at
from vtrade.execution.engine import Engine
from vtrade.market.dtype import Events, Kind
from vtrade.market.tape import Tape

PATIENCE_NS: Final = 10 * NS_PER_S
CASH: Final = 10**16
PEER_TIMEOUT_S: Final = 240
_EVER: Final = 2**62

Step = Callable[[], None]
"""Called after each pass over the day."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of the copies; nanoseconds of the tape, -1 for never.

    Attributes
    ----------
    begun_ns, done_ns : (n,) int64
        First fill, and the fill that completed the copy.
    due_ns : (n,) int64
        When the real order was done or canceled.
    filled : (n,) bool
        Whether the real order was.
    """

    begun_ns: Ints
    done_ns: Ints
    due_ns: Ints
    filled: Flags

    @property
    def exact(self) -> float:
        """Share of those filled at the very print that filled the real order, or not at all until its cancel."""
        return _share(np.where(self.filled, self.done_ns == self.due_ns, self.done_ns < 0))

    @property
    def same(self) -> float:
        """Share of those that are filled if and only if the real order was, be it late."""
        return _share((self.done_ns >= 0) == self.filled)

    @property
    def ahead(self) -> Flags:
        """(n,) bool: which ones traded before the real order was done, or although it was canceled."""
        due = np.where(self.filled, self.due_ns, _EVER)
        found: Flags = (self.begun_ns >= 0) & (self.begun_ns < due)
        return found

    @property
    def error_ns(self) -> Ints:
        """By how much the fill of each was too early (negative) or too late, where both were filled."""
        both = self.filled & (self.done_ns >= 0)
        error: Ints = (self.done_ns - self.due_ns)[both]
        return error

    def __len__(self) -> int:
        return len(self.filled)

    def only(self, chosen: Flags) -> Answer:
        """Those where ``chosen`` is true."""
        return Answer(
            begun_ns=self.begun_ns[chosen], done_ns=self.done_ns[chosen], due_ns=self.due_ns[chosen],
            filled=self.filled[chosen],
        )  # fmt: skip


def _share(met: Flags) -> float:
    return float(np.mean(met)) if len(met) else 1.0


def waves(start: Ints, stop: Ints) -> Ints:
    """In which pass each copy is sent, so that none comes before another one of its pass is gone.

    Examples
    --------
    >>> waves(np.array([0, 2, 5]), np.array([4, 9, 6])).tolist()
    [0, 1, 0]
    """
    busy: list[tuple[int, int]] = []
    found = []
    for begin, end in zip(start.tolist(), stop.tolist(), strict=True):
        wave = heapq.heappop(busy)[1] if busy and busy[0][0] <= begin else len(busy)
        heapq.heappush(busy, (end, wave))
        found.append(wave)
    return np.array(found, np.int64)


# --- in the engine ---------------------------------------------------------------------------------------------------


class Day:
    """One pass over the rows of a day, in which one copy at a time is sent.

    Parameters
    ----------
    tape : Tape
        For its instrument; one only.
    rows : (n,) EVENT
        What the feed says.
    rules : RoomRules
    """

    def __init__(self, tape: Tape, rows: Events, rules: RoomRules) -> None:
        engine = Engine()
        engine.process(OpenRoom(0, "fidelity", tape.instruments, rules=rules))
        engine.process(OpenAccount(0, "copy", CASH, limits=NO_LIMITS))
        prices = rows["price"][rows["kind"] <= Kind.LEVEL]
        book = at.fit_range(engine._book, 0, int(prices.min()), int(prices.max()))
        if book is None:
            raise BenchError(
                f"{tape.name}: prices from {prices.min()} to {prices.max()} ticks do not fit in one window"
            )
        self._book = book._replace(feed=at.grown(book.feed, int(rows["order_id"].max()) + 1))
        self._kernel = engine._kernel
        self._rows = rows.view()
        self._rows.flags.writeable = False  # as the rows of a frame are; the kernel is compiled for these
        self._done = 0
        self._sent = 0
        self._slot = 0
        self._order = np.zeros(at.OWN_COLS, np.int64)

    def go(self, row: int) -> list[list[int]]:
        """Fold the rows before ``row``; returns what was filled."""
        told: list[list[int]] = []
        while self._done < row:
            came = int(self._kernel.run(self._book, self._rows[self._done : row], 0, _EVER))
            heard = self._told()
            if not came and not heard:
                raise BenchError(f"the kernel refuses row {self._done}: {self._rows[self._done]}")
            self._done += came
            told += [line for line in heard if line[at.X_WHAT] == at.FILLED]
        return told

    def send(self, side: int, price: int, lots: int) -> list[list[int]]:
        """Send a limit order; returns what was filled at once."""
        self._sent += 1
        order = self._order
        order[:] = 0
        order[[at.O_LEAVES, at.O_SHOWN, at.O_QUANTITY]] = lots
        order[[at.O_LIMIT, at.O_SIDE, at.O_ID]] = price, 0 if side > 0 else 1, self._sent
        order[[at.O_TYPE, at.O_TIF]] = at.LIMIT, at.GTC
        self._slot = -int(self._kernel.submit(self._book, order, price, price, self._now(), 0))
        if self._slot <= 0:
            raise BenchError(f"the engine refuses a copy at row {self._done}: check {-self._slot}")
        return [line for line in self._told() if line[at.X_WHAT] == at.FILLED]

    def back(self, *, gave: bool) -> None:
        """Take the copy out of the market, and give back what it took from the feed, where it traded at all."""
        own = self._book.own[self._slot]
        if own[at.O_WHERE] != at.GONE and own[at.O_ID] == self._sent:
            self._kernel.cancel(self._book, self._slot, self._now())
            self._told()
        if gave:
            self._book.level[0, :, :, at.TAKEN] = 0

    def _now(self) -> int:
        return int(self._rows["ts_ns"][min(self._done, len(self._rows) - 1)])

    def _told(self) -> list[list[int]]:
        room = self._book.room
        lines: list[list[int]] = self._book.out[: int(room[at.OUT_COUNT])].tolist()
        room[at.OUT_COUNT] = 0
        return lines


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Copies and the rows among which they are sent.

    Attributes
    ----------
    tape : Tape
    rows : (n,) EVENT
    known : Known
    start, stop : (k,) int64
        Each copy is sent before the one row and withdrawn before the other.
    wave : (k,) int64
    at : (m,) int64
        As ``known.at``, in rows of ``rows``; empty where the real orders stay in the market.
    """

    tape: Tape
    rows: Events
    known: Known
    start: Ints
    stop: Ints
    wave: Ints
    at: Ints

    @property
    def passes(self) -> int:
        """How often the day is gone over."""
        return int(self.wave.max(initial=-1)) + 1

    def feed(self, wave: int) -> Events:
        """The rows of one pass: without the real orders, where their copies take their place."""
        mine = self.wave[self.known.of] == wave if len(self.at) else np.zeros(0, np.bool_)
        if not mine.any():
            return self.rows
        known, rows = self.known, self.rows.copy()
        places, of = self.at[mine], known.of[mine]
        level = 2 * known.price[of] + (known.side[of] > 0)
        rows["quantity"] = market_without(
            rows["kind"], rows["side"], rows["price"], rows["quantity"], places, known.by[mine], level
        )
        named = places[rows["kind"][places] <= Kind.EXECUTE]
        kind = rows["kind"][named]
        prints, others = named[kind == Kind.EXECUTE], named[kind != Kind.EXECUTE]
        rows["kind"][prints] = Kind.TRADE
        rows["side"][prints] *= -1
        rows["order_id"][prints] = 0
        rows["quantity"][others] = 0  # an order of no lots comes, and goes
        rows["kind"][others[rows["kind"][others] != Kind.ADD]] = Kind.REDUCE
        rows["order_id"][others[rows["kind"][others] != Kind.ADD]] = 0
        return rows


def trial(
    tape: Tape, known: Known, *, behind: bool = False, levels: tuple[Events, Ints] | None = None,
    patience_ns: int = PATIENCE_NS,
) -> Trial:  # fmt: skip
    """Prepare copies of ``known``: in place of the real orders or right behind them, on L3 rows or on ``levels``."""
    times = tape.events["ts_ns"]
    rows, first = (tape.events, np.arange(len(tape) + 1)) if levels is None else levels
    late = np.searchsorted(times, times[known.end] + patience_ns, side="right")
    start = first[known.born + 1] if behind else first[known.born]
    stop = first[np.where(known.filled, np.maximum(late, known.end + 1), known.end)]
    places = np.zeros(0, np.int64) if behind else first[known.at + 1] - 1
    return Trial(tape=tape, rows=rows, known=known, start=start, stop=stop, wave=waves(start, stop), at=places)


def in_engine(trials: Trial, rules: list[RoomRules], *, step: Step | None = None) -> list[Answer]:
    """What becomes of the copies under each of the rules."""
    known, count = trials.known, len(trials.known)
    begun = np.full((len(rules), count), -1, np.int64)
    done = begun.copy()
    for wave in range(trials.passes):
        rows = trials.feed(wave)
        mine = np.flatnonzero(trials.wave == wave).tolist()
        for number, rule in enumerate(rules):
            day = Day(trials.tape, rows, rule)
            for copy in mine:
                day.go(int(trials.start[copy]))
                told = day.send(int(known.side[copy]), int(known.price[copy]), int(known.lots[copy]))
                told += day.go(int(trials.stop[copy]))
                day.back(gave=bool(told))
                if told:
                    begun[number, copy] = told[0][at.X_TS]
                    done[number, copy] = told[-1][at.X_TS] if told[-1][at.X_LEAVES] == 0 else -1
        if step is not None:
            step()
    due = trials.tape.events["ts_ns"][known.end]
    return [Answer(begun_ns=begun[i], done_ns=done[i], due_ns=due, filled=known.filled) for i in range(len(rules))]


# --- in the peer -----------------------------------------------------------------------------------------------------


def in_peer(trials: Trial) -> dict[str, Answer]:
    """What becomes of the copies under each of hftbacktest's models; nothing where it is not installed.

    The rows must be levels. It tells only when a copy was filled in full.
    """
    known = trials.known
    names = ("kind", "side", "price", "quantity")
    columns: dict[str, Any] = {name: trials.rows[name].astype(np.int64) for name in names}
    with tempfile.TemporaryDirectory(prefix="vtrade-bench-") as folder:
        asked, answered = Path(folder) / "copies.npz", Path(folder) / "answer.npz"
        np.savez(
            asked, **columns, start=trials.start, stop=trials.stop, wave=trials.wave, buy=known.side,
            limit=known.price, lots=known.lots, at=trials.at, by=known.by, of=known.of,
        )  # fmt: skip
        command = [peers.interpreter(), fidelity_peer.__file__, str(asked), str(answered)]
        if not peers.printed(command, PEER_TIMEOUT_S):
            return {}
        with np.load(answered) as file:
            rows = {name: file[name] for name in file.files}
    times = trials.rows["ts_ns"]
    due = trials.tape.events["ts_ns"][known.end]
    found = {}
    for name, row in rows.items():
        done = np.where(row >= 0, times[np.maximum(row, 0)], -1)
        found[name] = Answer(begun_ns=done, done_ns=done, due_ns=due, filled=known.filled)
    return found
