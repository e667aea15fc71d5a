"""What is a room on one machine? A runtime, a tape that plays into it, and every projection of its facts.

Rules: one lock guards everything, so panels, cells and the playing thread may all call. Simulated time only grows; it
is that of the newest message, or of the playing clock where no message came yet. Playing happens in a thread of its own
and never blocks the caller.
"""

from __future__ import annotations

import contextlib
import logging
import numbers
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from vtrade.domain.actions import CorporateAction
from vtrade.domain.messages import (
    Fact,
    Inbound,
    MarketFrame,
    NewsPublished,
    RoomCommand,
    SessionChanged,
    TenderOffered,
)
from vtrade.errors import DeskError, JournalError, VTradeError
from vtrade.execution.blotter import Blotter, Record
from vtrade.execution.engine import Engine
from vtrade.execution.explain import Explanation
from vtrade.execution.foresee import foresee
from vtrade.execution.house import SPEED_MAX
from vtrade.execution.places import Places, QueuePlace
from vtrade.execution.preview import Preview
from vtrade.execution.rehearsal import Asked
from vtrade.gamification.engine import ProgressEngine
from vtrade.gamification.leaderboard import Leaderboard
from vtrade.market.candles import Candles
from vtrade.market.dtype import EVENT, Events, Kind, SessionStatus
from vtrade.market.prints import Prints
from vtrade.market.tape import NewsItem, Tape, TapeHead
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.ports import Clock, Log
from vtrade.services.feed import TapeFeed
from vtrade.services.pace import PLAY_HZ, base_rate, head_of, moved_on
from vtrade.services.runtime import Runtime
from vtrade.services.views import RoomViews

OPENING_EVENTS_MAX: Final = 4_096
"""A new room looks at so many events, at most, for a first price of every instrument."""

ON_THE_WAY: Final = ("land", "message")
"""Errands of the engine that are messages of a participant."""

CLOSED: Final = "this desk is closed; make a new one, or open its journal again, to go on"
NO_TAPE: Final = "this desk has no tape to play; open it with the tape its journal began with"

Listener = Callable[[], None]
Follower = Callable[[int, Inbound, list[Fact]], None]


class Room:
    """A room with its tape.

    Parameters
    ----------
    log : Log
        Empty for a new room.
    tape : Tape or None
        ``None`` goes on with a log whose tape is not at hand: it can be looked at and traded, but nothing plays.
    opening : sequence of messages
        What a new room begins with; must start with ``OpenRoom``.
    leaderboards : dict of str to Leaderboard
        Kept up to date with ``"xp"`` and ``"nav"``.
    """

    shared = False

    def __init__(
        self, log: Log, tape: Tape | None, *, opening: Iterable[Inbound], clock: Clock,
        leaderboards: dict[str, Leaderboard],
    ) -> None:  # fmt: skip
        self.tape = tape
        self.feed = TapeFeed(tape) if tape is not None else None
        self.views = RoomViews()
        self.leaderboards = leaderboards
        self.speed = 1.0
        self.trouble = ""
        """Why playing stopped by itself, in a sentence; empty while all is well."""
        self.changes = 0
        """Grows with every change; a panel's sequence number."""
        self._clock = clock
        self._rate = base_rate(tape)
        self._same_tape = True
        self._headlines = 0
        self._acted = 0
        self._ahead_ns = 0
        self._held = 0
        self._places = Places()
        self.closed = False
        """Whether the journal was let go of: what is known can be looked at, nothing can happen."""
        self.followers: list[Follower] = []
        """Hear of each record once it is durable: its number, the message, the facts; under the lock."""
        self.listeners: list[Listener] = []
        """Called after every change; a branch that takes this room's place takes its listeners over."""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._scores: dict[str, int] = {}
        self._live = False
        """Whether records come as they happen, and not from the log."""
        self._counted = 0
        """The newest record at which the engine's counts were read."""
        self.runtime = Runtime(log, on_message=self._publish, at_once=True)
        self._live = True
        self.lock = self.runtime.lock
        if not self.runtime.engine.instruments:
            self.submit(opening)
        elif self.feed is not None:
            self._check_tape()
        self._place_feed()

    def _check_tape(self) -> None:
        assert self.tape is not None
        room = self.runtime.engine
        if self.views.began_with != self.tape.instruments:
            had = ", ".join(i.symbol for i in self.views.began_with)
            raise DeskError(
                f"the journal is about {had}, the tape {self.tape.name!r} "
                f"about {', '.join(i.symbol for i in self.tape.instruments)}; give the tape the journal began with"
            )
        if not self._same_tape:
            raise DeskError(
                f"the journal has played other market data than the tape {self.tape.name!r} holds; "
                f"give the tape the journal began with{f', {room.tape!r}' if room.tape else ''}"
            )

    # --- messages in ---------------------------------------------------------------------------------------------

    def submit(self, messages: Iterable[Inbound]) -> list[list[Fact]]:
        """Process messages and publish their facts; durable when it returns."""
        with self.together():
            self._open()
            return self.runtime.submit_many(messages)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Hold the lock for several steps; listeners hear of them once, after the lock is free again."""
        try:
            with self.lock:
                self._held += 1
                try:
                    yield
                finally:
                    self._held -= 1
        finally:
            self._changed()

    def _open(self) -> None:
        if self.closed:
            raise DeskError(CLOSED)

    def _publish(self, message: Inbound, facts: list[Fact]) -> None:
        tape = self.tape
        if isinstance(message, MarketFrame) and tape is not None and self._same_tape:
            events = np.frombuffer(message.events, dtype=EVENT)
            due = tape.events[self.views.rows : self.views.rows + len(events)]
            self._same_tape = due.tobytes() == message.events
        elif isinstance(message, CorporateAction):
            action = tape.actions[self._acted : self._acted + 1] if tape is not None else ()
            self._acted += action == (message,)  # an instructor may add some that are not the tape's
        elif isinstance(message, RoomCommand) and message.action == "news":
            headline = tape.news[self._headlines : self._headlines + 1] if tape is not None else ()
            if headline == (NewsItem(message.ts_ns, message.symbol, message.text),):
                self._headlines += 1  # an announcement is no headline of the tape
        self.views.take(message, facts)
        if self._live and self.runtime.heard == self.runtime.seq:  # the last of a batch: the engine is no further
            self.views.traded(self.engine, at_once=self._counted == self.runtime.heard - 1)
            self._counted = self.runtime.heard
        for told in tuple(self.followers):
            told(self.runtime.heard, message, facts)

    # --- what a desk looks at ------------------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """The engine, to look at."""
        return self.runtime.engine

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
        return None if self.tape is None else head_of(self.tape)

    def on_its_way(self, account: str, client_order_id: str) -> bool:
        """Whether a cancel or a replace of an order has not arrived at the venue yet."""
        return on_its_way(self.engine, account, client_order_id)

    def place(self, order_id: int) -> QueuePlace | None:
        """Where a working order stands in its queue, and how sure that is; under the lock."""
        return self._places.of(self.engine, self.blotter.numbered(order_id), self.events())

    def explained(self, record: Record) -> Explanation | None:
        """``None``: a desk on this machine tells the story of an order by itself."""
        return None

    def previewed(self, messages: Sequence[Asked], *, most: bool = False) -> list[Preview]:
        """What orders would do, tried on a copy of the engine."""
        with self.lock:
            return foresee(self.engine, messages, most=most)

    def events(self) -> Events | None:
        """Market events so far; ``None`` without a tape."""
        return None if self.tape is None else self.tape.events[: self.views.rows]

    def rank(self, by: str) -> Leaderboard:
        """The leaderboard by ``"xp"`` or ``"nav"``, brought up to date."""
        board = self.leaderboards.get(by) if isinstance(by, str) else None
        if board is None:
            raise DeskError(f"there is no leaderboard by {by!r}; choose one of {', '.join(self.leaderboards)}")
        with self.lock:
            if by == "xp":
                scores = self.progress.scores()
            else:
                scores = {name: self.portfolio.account(name).nav for name in self.portfolio.accounts}
        changed = {name: score for name, score in scores.items() if self._scores.get(f"{by}/{name}") != score}
        if changed:
            board.update_many(changed)
            self._scores.update({f"{by}/{name}": score for name, score in changed.items()})
        return board

    # --- time ----------------------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """Simulated time."""
        return max(self.runtime.engine.now, self._ahead_ns)

    @property
    def rows(self) -> int:
        """Market events so far."""
        return self.views.rows

    @property
    def ended(self) -> bool:
        """Whether the tape has nothing left."""
        return self.feed is None or self.feed.ended

    @property
    def playing(self) -> bool:
        """Whether the market moves by itself."""
        return self._thread is not None and self._thread.is_alive() and not self._stop.is_set()

    def start(self) -> None:
        """Bring a new room to the first moment at which everything has a price, so that there is a market to see."""
        if self.feed is None or self.blotter.records:
            return
        span_ns = 1_000
        with self.together():
            if self.feed.tape.depth == "exchange" and not self._has_market():
                self.advance(_opening_ns(self.feed.tape))
            while self.feed.rows < OPENING_EVENTS_MAX and not self.feed.ended and not self._has_market():
                if self.feed.tape.depth == "bars":
                    self.step()
                else:  # in strides, so that a journal does not begin with hundreds of records
                    self.advance(max(self.feed.next_ns or 0, self.feed.tape.start_ns + span_ns))
                    span_ns *= 2

    def catch_up(self, moment_ns: int) -> None:
        """Stand at the moment at which this room branched off, or where a new one would begin."""
        self._ahead_ns = max(self._ahead_ns, moment_ns)
        self.start()

    def _place_feed(self) -> None:
        """Put the feed where the log is."""
        if self.feed is not None:
            self.feed.skip(rows=self.views.rows, news=self._headlines, actions=self._acted)

    def step(self) -> None:
        """Play on to the next moment: on bars to the end of the next bar, else to the next event or arrival."""
        if self.feed is None:
            raise DeskError(NO_TAPE)
        arrival = self._arrival_ns()
        upcoming = self.feed.next_ns
        if upcoming is None or (arrival is not None and arrival < upcoming):
            if arrival is not None:
                self.advance(arrival)
            return
        tape = self.feed.tape
        if tape.depth == "bars":
            closes = tape.events["kind"][self.feed.rows :] == Kind.BAR_CLOSE
            upcoming = (
                int(tape.events["ts_ns"][self.feed.rows + int(np.argmax(closes))]) if closes.any() else tape.end_ns
            )
        self.advance(upcoming)

    def _has_market(self) -> bool:
        engine = self.runtime.engine
        if self.tape is not None and self.tape.depth == "bars":  # some may be listed years later
            return any(engine.last(k) for k in range(len(engine.instruments)))
        for k in range(len(engine.instruments)):
            bid, _, ask, _ = engine.touch(k)
            if engine.session(k) == "AUCTION" or not (engine.last(k) or (bid and ask)):
                return False
        return True

    def _arrival_ns(self) -> int | None:
        """When the next message of a participant that is on its way has arrived; ``None`` where none is."""
        due = [e.due_ns for e in self.runtime.engine.agenda.all() if e.what in ON_THE_WAY]
        return max(self.now_ns, min(due) + 1) if due else None

    def advance(self, until_ns: int) -> None:
        """Play the tape up to and including a moment, at once."""
        if self.feed is None:
            raise DeskError(NO_TAPE)
        with self.together():
            self._open()
            until_ns = min(until_ns, max(self.now_ns, self.feed.end_ns, self._arrival_ns() or 0))
            self._play_on(until_ns)
            agenda = self.runtime.engine.agenda
            if agenda and agenda.due_ns < until_ns:  # no event came since, so that somebody has to tell the time
                self.runtime.submit([MarketFrame(until_ns, b"")])
            self._ahead_ns = max(self._ahead_ns, until_ns)

    def _play_on(self, until_ns: int, *, rows_max: int | None = None) -> None:
        """Hand events to the engine; where that fails, the feed goes back to where the log is."""
        assert self.feed is not None
        coming = self.feed.read(until_ns, rows_max=rows_max)
        if self.runtime.engine.closed:  # what happens to an instrument has nobody left to happen to
            coming = (message for message in coming if not isinstance(message, CorporateAction))
        try:
            self.runtime.submit_many(coming)
        except BaseException:
            self._place_feed()
            raise

    def run(self) -> None:
        """Play to the end of the tape, at once."""
        if self.feed is None:
            raise DeskError(NO_TAPE)
        self.advance(self.feed.end_ns)

    def step_events(self, events: int) -> None:
        """Play so many events, at once."""
        if self.feed is None:
            raise DeskError(NO_TAPE)
        with self.together():
            self._open()
            self._play_on(self.feed.end_ns, rows_max=events)

    def base_rate(self) -> float:
        """Simulated seconds in a real second at speed 1: one, or on bars so many that a bar takes a second."""
        return self._rate

    def play(self, speed: float) -> None:
        """Let the market move by itself, ``speed`` times as fast as its base rate."""
        if self.feed is None:
            raise DeskError(NO_TAPE)
        if not isinstance(speed, numbers.Real) or not 0 < speed <= SPEED_MAX:
            raise DeskError(f"speed {speed!r} is not between 0 and {SPEED_MAX:,.0f}; take 1 for the market's own pace")
        with self.together():
            self._open()
            self.speed = float(speed)
            self.trouble = ""
            if self.playing or self.feed.ended:
                return
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(self._stop,), name="vtrade-play", daemon=True)
            self._thread.start()

    def pause(self) -> None:
        """Stand still."""
        thread = self._thread
        self._stop.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)
        with self.lock:
            if self._thread is thread:  # nobody played on meanwhile
                self._thread = None
        self._changed()

    def _run(self, stop: threading.Event) -> None:
        assert self.feed is not None
        rate = self.base_rate()
        last = self._clock.monotonic_ns()
        while not stop.wait(1 / PLAY_HZ):
            now = self._clock.monotonic_ns()
            with self.together():
                if stop.is_set():
                    return
                target = moved_on(self.now_ns, now - last, speed=self.speed, rate=rate, upcoming_ns=self.feed.next_ns)
                try:
                    self.advance(target)
                except VTradeError as error:
                    self.trouble = f"The market stopped: {error}"
                    stop.set()
                if self.feed.ended:
                    stop.set()
            last = now

    # --- listeners and the end -----------------------------------------------------------------------------------

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` after every change, from whatever thread made it; returns how to stop that."""
        listeners = self.listeners
        listeners.append(listener)

        def stop() -> None:
            with contextlib.suppress(ValueError):
                listeners.remove(listener)

        return stop

    def _changed(self) -> None:
        self.changes += 1
        if self._held:
            return
        for listener in tuple(self.listeners):
            try:
                listener()
            except Exception:  # what happened has happened: a listener cannot undo it, nor stop the market
                logging.getLogger(__name__).exception("a listener of the desk failed")

    def close(self) -> None:
        """Stop playing and let go of the journal."""
        self.pause()
        if self._ahead_ns > self.runtime.engine.now and not self.closed:
            with contextlib.suppress(JournalError):  # only the time: without it the next desk begins at the last event
                self.runtime.submit([MarketFrame(self._ahead_ns, b"")])
        self.closed = True
        self._changed()
        self.listeners = []
        self.runtime.close()


def on_its_way(engine: Engine, account: str, client_order_id: str) -> bool:
    """Whether a cancel or a replace of an order is among the errands of an engine."""
    coming = (errand.message for errand in engine.agenda.all() if errand.what == "message")
    return any(m.account == account and m.client_order_id == client_order_id for m in coming)


def _opening_ns(tape: Tape) -> int:
    """When the opening auctions of an exchange tape have been held."""
    events = tape.events
    opens = events[(events["kind"] == Kind.STATUS) & (events["quantity"] == SessionStatus.OPEN)]
    firsts = [opens["ts_ns"][opens["instrument"] == k][:1] for k in range(len(tape.instruments))]
    return max((int(first[0]) for first in firsts if len(first)), default=tape.start_ns)
