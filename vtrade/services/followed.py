"""What is a room whose log lies on a shared bus, as a gateway sees it? A follower: it folds the same log by itself.

Rules: a message is sent to the inbound topic and nowhere else; it is acknowledged when it is durable there. What came
of it is known when the execution worker has answered it. The follower folds every answered message itself and compares
the chain value, so each gateway checks each worker all the time, and shows nothing that was not told. It writes nothing
and takes no part in any group: any number of gateways may follow a room.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Final

import numpy as np

from vtrade.domain.messages import (
    Fact,
    Inbound,
    MarketFrame,
    NewsPublished,
    RoomCommand,
    SessionChanged,
    TenderOffered,
    decode_inbound,
    encode_inbound,
)
from vtrade.domain.topics import (
    INBOUND,
    TRADES,
    Passed,
    Told,
    inbound_headers,
    partition_of,
)
from vtrade.domain.values import MICRO
from vtrade.errors import BusUnavailable, DeskError, Fenced, ReplayDiffers, Unavailable, VTradeError
from vtrade.execution.blotter import Blotter, Record
from vtrade.execution.engine import Engine
from vtrade.execution.explain import Explanation
from vtrade.execution.foresee import foresee
from vtrade.execution.places import Places, QueuePlace
from vtrade.execution.preview import Preview
from vtrade.execution.rehearsal import Asked
from vtrade.gamification.engine import ProgressEngine
from vtrade.gamification.leaderboard import Leaderboard
from vtrade.market.candles import Candles
from vtrade.market.dtype import EVENT, Events
from vtrade.market.prints import Prints
from vtrade.market.tape import TapeHead
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.ports import Bus, Clock, Entry, Membership, Outgoing, Place, Taken
from vtrade.services.fold import RoomFold
from vtrade.services.joined import Beginning, Joined, entries_of
from vtrade.services.room import on_its_way
from vtrade.services.shared import Follower, Posted, Ranking
from vtrade.services.views import RoomViews

POLL_S: Final = 0.02
RECORDS_MAX: Final = 1_000
AHEAD_BYTES_MAX: Final = 64_000_000
"""Inbound bytes kept while their answers have not come; then the follower stops reading further."""
ANSWERS_KEPT: Final = 8_192
"""Answers remembered for messages whose place in the log was not known yet."""
EVENTS_MAX: Final = 4_000_000
"""Market events kept to explain orders with; beyond, explanations go without the tape."""
TOLD_S: Final = 10.0
"""Longest wait of :meth:`FollowedRoom.submit` for an outcome."""
QUIET_S: Final = 1.0
"""Where nothing comes for so long, nothing more is there; the last offsets of a topic may hold no record."""
RETRY_S: Final = 1.0
"""Pause before a broken follower reads on."""

Answer = tuple[int, list[Fact]] | VTradeError
Boards = Callable[[], dict[str, Leaderboard]]

log = logging.getLogger(__name__)


class FollowedRoom:
    """A room on a shared bus; made by :class:`BusRooms`.

    Parameters
    ----------
    name : str
    bus : Bus
    beginning : Beginning
    ranks : callable
        ``ranks(room, by)``: the leaderboard that the workers keep.
    boards : callable
        Makes empty leaderboards, for while the workers' cannot be read.
    """

    shared = True

    def __init__(
        self, name: str, bus: Bus, beginning: Beginning, clock: Clock, *, ranks: Callable[[str, str], Ranking],
        boards: Boards,
    ) -> None:  # fmt: skip
        self.name = name
        self.lock = threading.RLock()
        self.changes = 0
        self.trouble = ""
        self.views = RoomViews()
        self.fold = RoomFold()
        self._bus = bus
        self._beginning = beginning
        self._ranks = ranks
        self._boards = boards()
        self._clock = clock
        self._partition = partition_of(name, bus.partitions())
        self._joined = Joined(name, self._partition)
        self._next: dict[Place, int] = {
            (INBOUND, self._partition): beginning.inbound,
            (TRADES, self._partition): beginning.trades,
        }
        self._events: Events | None = np.empty(1_024, EVENT)
        self._count = 0
        self._places = Places()
        self._answers: OrderedDict[int, Answer] = OrderedDict()
        self._waiting: dict[int, Future[tuple[int, list[Fact]]]] = {}
        self._followers: list[Follower] = []
        self._listeners: list[Callable[[], None]] = []
        self._stop = threading.Event()
        self._caught_up = threading.Event()
        self._until = bus.ends(TRADES).get(self._partition, (0, 0))[1]
        """Where the trades topic ended when we began: what is before it happened before anybody asked."""
        self._thread = threading.Thread(target=self._run, name=f"vtrade-follow-{name}", daemon=True)
        self._thread.start()

    # --- sending -----------------------------------------------------------------------------------------------------

    def post(self, message: Inbound, *, message_id: str = "") -> Posted:
        """Send a message; one with the ``message_id`` of an earlier one does nothing."""
        headers = inbound_headers(message_id, sent_ns=self._clock.wall_ns())
        record = Outgoing(INBOUND, self.name, encode_inbound(message), headers, partition=self._partition)
        told: Future[tuple[int, list[Fact]]] = Future()
        durable = self._bus.post(record)
        durable.add_done_callback(lambda done: self._expect(done, told))
        return Posted(durable, told)

    def _expect(self, durable: Future[int], told: Future[tuple[int, list[Fact]]]) -> None:
        error = durable.exception()
        if error is not None:
            told.set_exception(error)
            return
        with self.lock:
            offset = durable.result()
            answer = self._answers.get(offset)
            if answer is None:
                self._waiting[offset] = told
                return
        _resolve(told, answer)

    def submit(self, messages: Iterable[Inbound]) -> list[list[Fact]]:
        """Send messages and wait for what came of them."""
        posted = [self.post(message) for message in messages]
        try:
            return [one.told.result(TOLD_S)[1] for one in posted]
        except TimeoutError:
            raise BusUnavailable(
                f"room {self.name!r}: no answer within {TOLD_S:g} s; the message is safe in the log and will be "
                "carried out when an execution worker runs (`vtrade stack status`)"
            ) from None

    # --- following ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            member: Membership | None = None
            try:
                member = self._bus.follow(self._next)
                self._read(member)
            except (Unavailable, Fenced) as error:
                self._told_trouble(f"The connection to the market is broken: {error}")
                self._stop.wait(RETRY_S)
            except Exception as error:  # whatever it is, everybody in the room has to hear of it
                log.exception("room %r cannot be followed any further", self.name)
                self._told_trouble(f"This room cannot be shown any further: {error}")
                return
            finally:
                if member is not None:
                    with contextlib.suppress(Unavailable, Fenced):
                        member.close()

    def _read(self, member: Membership) -> None:
        inbound = (INBOUND, self._partition)
        held = False
        quiet = 0
        while not self._stop.is_set():
            records = member.poll(POLL_S, records_max=RECORDS_MAX)
            if self.trouble and records:
                self._told_trouble("")
            for record in records:
                self._joined.add(record)
                self._next[record.topic, record.partition] = record.offset + 1
            folded = self._fold_all()
            if folded:
                self._changed()
            quiet = 0 if records else quiet + 1
            if self._next[TRADES, self._partition] >= self._until or quiet * POLL_S >= QUIET_S:
                self._caught_up.set()
            too_far = self._joined.bytes > AHEAD_BYTES_MAX
            if too_far != held:
                (member.pause if too_far else member.resume)([inbound])
                held = too_far

    def _fold_all(self) -> int:
        folded = 0
        while (pair := self._joined.take()) is not None:
            answer, record = pair
            with self.lock:
                result = self._fold_one(answer, record)
                self._answers[answer.offset] = result
                if len(self._answers) > ANSWERS_KEPT:
                    self._answers.popitem(last=False)
                told = self._waiting.pop(answer.offset, None)
            if told is not None:
                _resolve(told, result)
            folded += 1
        return folded

    def _fold_one(self, answer: Told | Passed, record: Taken) -> Answer:
        if isinstance(answer, Passed):
            if answer.why == "duplicate":
                return self.seq, []
            return DeskError(f"room {self.name!r} refused this: {answer.detail}")
        if answer.seq <= self.fold.seq:
            return answer.seq, []  # a copy
        message = decode_inbound(record.value or b"")
        entry, facts = self.fold.step(record.value or b"", message)
        if (entry.seq, entry.chain) != (answer.seq, answer.chain):
            raise ReplayDiffers(
                f"room {self.name!r}: record {answer.seq} comes out differently here than at the execution worker; "
                "run the same version of VTrade everywhere"
            )
        self.views.take(message, facts)
        self.views.traded(self.engine)
        if isinstance(message, MarketFrame):
            self._keep(np.frombuffer(message.events, dtype=EVENT))
        for follower in tuple(self._followers):
            follower(entry.seq, message, facts)
        return entry.seq, facts

    def _keep(self, events: Events) -> None:
        if self._events is None:
            return
        after = self._count + len(events)
        if after > EVENTS_MAX:
            self._events = None
            return
        if after > len(self._events):
            self._events = np.concatenate([self._events[: self._count], np.empty(max(after, self._count), EVENT)])
        self._events[self._count : after] = events
        self._count = after

    def follow(self, follower: Follower) -> Callable[[], None]:
        """Call ``follower`` with each record from now on."""
        with self.lock:
            self._followers.append(follower)
        return lambda: self._followers.remove(follower) if follower in self._followers else None

    def entries(self) -> Iterator[Entry]:
        """Every record of the room so far, as a journal holds them; read from the log, not from memory."""
        return entries_of(self._bus, self.name, self._beginning)

    def catch_up(self, timeout_s: float) -> None:
        """Wait until everything was folded that had happened before we began to follow.

        Raises
        ------
        BusUnavailable
            If that takes longer.
        """
        if not self._caught_up.wait(timeout_s):
            raise BusUnavailable(
                f"room {self.name!r} is still being read from the log ({self.seq:,} records so far); "
                "try again in a moment"
            )

    # --- what a desk looks at ----------------------------------------------------------------------------------------

    @property
    def seq(self) -> int:
        """Number of the newest record that was folded."""
        return self.fold.seq

    @property
    def engine(self) -> Engine:
        """The engine, to look at."""
        return self.fold.engine

    @property
    def blotter(self) -> Blotter:
        """Every order with its story."""
        return self.views.blotter

    @property
    def portfolio(self) -> PortfolioEngine:
        """Money and positions."""
        return self.views.portfolio

    @property
    def progress(self) -> ProgressEngine:
        """XP, levels, badges."""
        return self.views.progress

    @property
    def candles(self) -> Candles:
        """Candles of the prints so far."""
        return self.views.candles

    @property
    def prints(self) -> Prints:
        """The newest prints of every instrument."""
        return self.views.prints

    @property
    def news(self) -> list[NewsPublished]:
        """The newest headlines."""
        return self.views.news

    @property
    def sessions(self) -> list[SessionChanged]:
        """The newest changes of a session: when trading began, stopped and went on."""
        return self.views.sessions

    @property
    def tenders(self) -> dict[str, TenderOffered]:
        """Tenders that are open, by name."""
        return self.views.tenders

    @property
    def splits(self) -> dict[str, int]:
        """Time of the newest split, by symbol."""
        return self.views.splits

    @property
    def head(self) -> TapeHead | None:
        """What is known of the tape."""
        return self._beginning.head

    @property
    def now_ns(self) -> int:
        """Simulated time."""
        return self.engine.now

    @property
    def playing(self) -> bool:
        """Whether the market moves by itself."""
        play = self.views.play
        return play is not None and play.action != "pause" and not self.ended and not self.engine.closed

    @property
    def speed(self) -> float:
        """How fast, as a multiple of its own pace."""
        return self.views.play.speed / MICRO if self.views.play is not None else 1.0

    @property
    def ended(self) -> bool:
        """Whether the tape has nothing left."""
        return self.head is None or self.now_ns >= self.head.end_ns

    @property
    def closed(self) -> bool:
        """Whether this gateway let go of the room."""
        return self._stop.is_set()

    def events(self) -> Events | None:
        """Market events so far; ``None`` where there were too many to keep."""
        return None if self._events is None else self._events[: self._count]

    def base_rate(self) -> float:
        """Simulated seconds in a real second at speed 1."""
        return self.head.rate if self.head is not None else 1.0

    def on_its_way(self, account: str, client_order_id: str) -> bool:
        """Whether a cancel or a replace of an order has not arrived at the venue yet."""
        return on_its_way(self.engine, account, client_order_id)

    def place(self, order_id: int) -> QueuePlace | None:
        """Where a working order stands in its queue, and how sure that is; under the lock."""
        return self._places.of(self.engine, self.blotter.numbered(order_id), self.events())

    def explained(self, record: Record) -> Explanation | None:
        """``None``: a desk here tells the story of an order by itself."""
        return None

    def previewed(self, messages: Sequence[Asked], *, most: bool = False) -> list[Preview]:
        """What orders would do, tried on a copy of the engine."""
        with self.lock:
            return foresee(self.engine, messages, most=most)

    def rank(self, by: str) -> Ranking:
        """The leaderboard by ``"xp"`` or ``"nav"``: the one that the workers keep, or our own where it is not there."""
        if not isinstance(by, str) or by not in self._boards:
            raise DeskError(f"there is no leaderboard by {by!r}; choose one of {', '.join(self._boards)}")
        kept = self._ranks(self.name, by)
        with contextlib.suppress(Unavailable):
            if kept.top(1):
                return kept
        board = self._boards[by]
        with self.lock:
            if by == "xp":
                scores = self.progress.scores()
            else:
                scores = {name: self.portfolio.account(name).nav for name in self.portfolio.accounts}
        board.update_many(scores)
        return board

    def play(self, speed: float) -> None:
        """Let the market move; for everybody."""
        self.submit([RoomCommand(self.now_ns, "start", amount=round(speed * MICRO))])

    def pause(self) -> None:
        """Let the market stand still; for everybody."""
        self.submit([RoomCommand(self.now_ns, "pause", amount=round(self.speed * MICRO))])

    def together(self) -> AbstractContextManager[None]:
        """Several steps; others may come in between, as this room is shared."""
        return contextlib.nullcontext()

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` after changes, from another thread; returns how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def _told_trouble(self, text: str) -> None:
        self.trouble = text
        if text:
            log.warning("room %r: %s", self.name, text)
        self._changed()

    def _changed(self) -> None:
        self.changes += 1
        for listener in tuple(self._listeners):
            try:
                listener()
            except Exception:  # what happened has happened
                log.exception("a listener of room %r failed", self.name)

    def close(self) -> None:
        """Stop following; the room goes on without us."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
        gone = Unavailable(f"room {self.name!r} is not served here any more; connect again")
        with self.lock:
            waiting, self._waiting = self._waiting, {}
        for told in waiting.values():
            _resolve(told, gone)
        self._changed()


def _resolve(told: Future[tuple[int, list[Fact]]], answer: Answer) -> None:
    if not told.set_running_or_notify_cancel():
        return
    if isinstance(answer, VTradeError):
        told.set_exception(answer)
    else:
        told.set_result(answer)
