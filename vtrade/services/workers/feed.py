"""Who plays the tapes of shared rooms, and how does playing go on after a crash?

Rules: a room's place in its tape, its speed and whether it plays follow from its inbound records alone (see
:mod:`vtrade.services.workers.places`), so a worker that takes over finds the same ones; simulated time goes on where
the log stood, however long nobody played. Before a worker plays it sends a mark and waits until it has read it back:
then it has read everything before. Playing never waits: tapes are read in the background, a bounded number of frames is
written a turn, and no more than a bounded number may be on the way to the log and back. What did not come back in time
is sent again, byte for byte, so that copies can be told.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Final, NamedTuple

from vtrade.domain.messages import Inbound, MarketFrame, OpenRoom, RoomCommand, encode_inbound
from vtrade.domain.topics import INBOUND, inbound_headers, is_readable
from vtrade.domain.values import NS_PER_S
from vtrade.errors import VTradeError
from vtrade.market.tape import Tape
from vtrade.ports import Clock, Outgoing, Taken
from vtrade.services.feed import TapeFeed
from vtrade.services.pace import PLAY_HZ, STEP_S_MAX, as_speed, base_rate, moved_on
from vtrade.services.workers.feed_state import FeedState, decode_state, encode_state, follow, read
from vtrade.services.workers.places import TIME, TROUBLE, Place, message_id, place_of
from vtrade.services.workers.role import RoomWork
from vtrade.services.workers.tapes import Tapes

FRAMES_A_TURN: Final = 128
"""Most messages that one room writes in a turn ..."""
TURN_FRAMES_MAX: Final = 1_024
"""... and all rooms of a worker together."""
AHEAD_FRAMES_MAX: Final = 1_024
"""Most messages of a room on the way to the log and back."""
AHEAD_ROWS_MAX: Final = 262_144
"""Most market events of a room on the way: 10 MB."""
AGAIN_S: Final = 10.0
"""What has not come back after so long is sent again."""
QUIET_S: Final = 1.0
"""While no event comes, the time is told at every step for so long after a message of a participant ..."""
TICK_S: Final = 1.0
"""... and otherwise this often."""
WHY_CHARS_MAX: Final = 300
_STEP_NS: Final = NS_PER_S // PLAY_HZ

_log = logging.getLogger(__name__)


class Flying(NamedTuple):
    """A message of the tape that was written and has not come back."""

    outgoing: Outgoing
    place: Place
    behind: Place
    ts_ns: int


class Tally:
    """What all rooms of a worker did together."""

    def __init__(self) -> None:
        self.rows = self.frames = self.again = self.copies = self.failed = 0


class FeedRoom:
    """One room: where it is, and what to play next.

    Parameters
    ----------
    room : str
    state : FeedState
    tapes : Tapes
    clock : Clock
    tally : Tally
        Counts along.
    """

    def __init__(self, room: str, state: FeedState, *, tapes: Tapes, clock: Clock, tally: Tally) -> None:
        self.room = room
        self.state = state
        self._tapes = tapes
        self._clock = clock
        self._tally = tally
        self._asked: Future[TapeFeed] | None = None
        self._feed: TapeFeed | None = None
        self._rate = 1.0
        self._flying: deque[Flying] = deque()
        self._mark = ""
        self._caught_up = False
        self._now_ns = state.at_ns
        self._asked_at = self._told_at = 0
        self._stepped = self._heard = self._spoke = self._stirred = 0

    # --- what the log says ---------------------------------------------------------------------------------------

    def take(self, record: Taken) -> list[Outgoing]:
        """Follow one inbound record; what the room does not take, because it is none of its own, is passed over."""
        value, state = record.value or b"", self.state
        if not is_readable(record.headers) or (not state.opened and not self._opens(value)):
            return []
        name = message_id(record.headers)
        if name.startswith(TIME):
            self._told_time(name, value)
        elif name.startswith(TROUBLE):
            number = name[len(TROUBLE) :]
            state.complained = max(state.complained, int(number) if number.isdecimal() else 0)
        elif (place := place_of(name)) is not None:
            self._told_tape(place, value)
        elif not follow(state, name, value):
            self._stirred = self._clock.monotonic_ns()
        return []

    def _opens(self, value: bytes) -> bool:
        message = read(value)
        return isinstance(message, OpenRoom) and message.room == self.room

    def _told_time(self, name: str, value: bytes) -> None:
        message = read(value)
        if isinstance(message, MarketFrame) and not message.events:
            self.state.at_ns = max(self.state.at_ns, message.ts_ns)
        if name == self._mark:
            self._mark, self._caught_up = "", True
            self._set_feed()

    def _told_tape(self, place: Place, value: bytes) -> None:
        state = self.state
        self._heard = self._clock.monotonic_ns()
        if place != state.place or not state.opened:
            self._tally.copies += 1
            return
        first = self._flying[0] if self._flying else None
        if first is not None and first.place == place and first.outgoing.value == value:
            self._flying.popleft()
            behind, ts_ns = first.behind, first.ts_ns
        else:
            message = read(value)
            found = place.behind(message) if message is not None else None
            if message is None or found is None:
                return
            behind, ts_ns = found, message.ts_ns
            if self._caught_up:  # somebody else plays here too, or did: go on behind that
                self._set_feed(behind)
        state.rows, state.news, state.actions = behind
        state.at_ns = max(state.at_ns, ts_ns)

    # --- what comes next -----------------------------------------------------------------------------------------

    @property
    def ahead_rows(self) -> int:
        """Market events on the way to the log and back."""
        return self._flying[-1].behind.rows - self.state.rows if self._flying else 0

    def play(self, now: int, *, frames_max: int = FRAMES_A_TURN) -> Iterator[Outgoing]:
        """What to write at ``now`` (nanoseconds of the clock that only grows), with at most ``frames_max`` frames."""
        state = self.state
        if not state.playing or state.closed:
            self._stepped = 0
            self._ask_no_more()
            return
        if self._feed is None:
            yield from self._fetch()
            return
        if not self._caught_up:
            if not self._mark or now - self._spoke > AGAIN_S * NS_PER_S:
                self._spoke = now
                yield self._send_mark()
            return
        if self._flying and now - self._heard > AGAIN_S * NS_PER_S:
            self._heard = now
            self._tally.again += len(self._flying)
            yield from [flying.outgoing for flying in self._flying]
            return
        upcoming = self._feed.next_ns
        at_once = state.speed == 0 and upcoming is not None
        elapsed = min(now - self._stepped, int(STEP_S_MAX * NS_PER_S)) if self._stepped else 0
        if self._stepped and elapsed < _STEP_NS and not at_once:
            return
        self._stepped = now
        if at_once:
            target = self._feed.end_ns
        else:
            speed = as_speed(state.speed) or 1.0
            target = moved_on(self._now_ns, elapsed, speed=speed, rate=self._rate, upcoming_ns=upcoming)
        yield from self._play_on(self._feed, target, now, frames_max)

    def _play_on(self, feed: TapeFeed, target: int, now: int, frames_max: int) -> Iterator[Outgoing]:
        sent = 0
        for outgoing in self._frames(feed, target, frames_max):
            sent += 1
            yield outgoing
        upcoming = feed.next_ns
        if upcoming is not None and upcoming <= target:  # the log does not take it faster: time goes slower
            self._now_ns = max(self._now_ns, self._flying[-1].ts_ns) if self._flying else self._now_ns
            return
        self._now_ns = max(self._now_ns, target)
        if sent:
            self._spoke = now
        elif self._due_time(now, upcoming):
            self._spoke = now
            yield self._send(MarketFrame(self._now_ns, b""), f"{TIME}{self._now_ns}")

    def _due_time(self, now: int, upcoming: int | None) -> bool:
        stirred = bool(self._stirred) and now - self._stirred < QUIET_S * NS_PER_S
        return stirred or (upcoming is not None and now - self._spoke >= TICK_S * NS_PER_S)

    def _frames(self, feed: TapeFeed, target: int, frames_max: int) -> Iterator[Outgoing]:
        """Messages up to ``target``, as many as may be on the way."""
        place = self._flying[-1].behind if self._flying else self.state.place
        coming = feed.read(target)
        for _ in range(min(frames_max, AHEAD_FRAMES_MAX - len(self._flying))):
            if place.rows - self.state.rows >= AHEAD_ROWS_MAX:
                return
            message = next(coming, None)
            if message is None:
                return
            behind = place.behind(message)
            assert behind is not None
            if not self._flying:
                self._heard = self._clock.monotonic_ns()
            outgoing = self._send(message, place.id)
            self._flying.append(Flying(outgoing, place, behind, message.ts_ns))
            self._tally.frames += 1
            self._tally.rows += behind.rows - place.rows
            place = behind
            yield outgoing

    def _send(self, message: Inbound, name: str) -> Outgoing:
        headers = inbound_headers(name, sent_ns=self._clock.wall_ns())
        return Outgoing(INBOUND, self.room, encode_inbound(message), headers)

    def _send_mark(self) -> Outgoing:
        self._mark = self._mark or f"{TIME}mark/{self._clock.wall_ns()}"
        return self._send(MarketFrame(self.state.at_ns, b""), self._mark)

    # --- the tape ------------------------------------------------------------------------------------------------

    def _fetch(self) -> Iterator[Outgoing]:
        """Ask for the tape, or see whether it has come."""
        state = self.state
        if self._asked is None:
            opened = read(state.opened)
            assert isinstance(opened, OpenRoom)
            self._asked, self._asked_at = self._tapes.ask(opened.tape, opened.instruments), state.started
        elif self._asked.done():
            error = self._asked.exception()
            if error is None:
                self._feed = self._asked.result()
                self._rate = base_rate(self._feed.tape)
                self._asked = None
                self._set_feed()
            elif state.started > self._asked_at:  # somebody started it once more
                self._asked = None
            elif self._told_at < self._asked_at:
                self._told_at = self._asked_at
                self._tally.failed += 1
                _log.error("the market of a room cannot play: %s", error, extra={"room": self.room})
                if state.complained < state.started:
                    told = str(error) if isinstance(error, VTradeError | OSError) else type(error).__name__
                    text = f"the market cannot play: {told[:WHY_CHARS_MAX]}"
                    yield self._send(RoomCommand(state.at_ns, "news", "", text), f"{TROUBLE}{state.started}")

    def _ask_no_more(self) -> None:
        if self._asked is not None:
            self._asked.cancel()
            self._asked = None

    def _set_feed(self, place: Place | None = None) -> None:
        """Go on at a place: that of the log, where none is given."""
        self._flying.clear()
        self._now_ns = max(self._now_ns, self.state.at_ns)
        if self._feed is not None:
            rows, news, actions = place or self.state.place
            self._feed.skip(rows=rows, news=news, actions=actions)

    # --- the work of a room --------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """The state, for a quick start."""
        return encode_state(self.state)

    def close(self) -> None:
        """Play no more."""
        self._ask_no_more()
        self._feed = None
        self._flying.clear()


class FeedRole:
    """Plays the tapes of rooms into their inbound logs.

    Parameters
    ----------
    load : callable
        Gives the tape of a name; called in the background.
    clock : Clock
    """

    name = "feed"
    reads: tuple[str, ...] = (INBOUND,)
    keeps = INBOUND

    def __init__(self, load: Callable[[str], Tape], *, clock: Clock) -> None:
        self._tapes = Tapes(load)
        self._clock = clock
        self._tally = Tally()
        self._playing = self._ahead = 0
        self._turns = 0

    def begin(self, partition: int, *, trades_from: int, epoch: int) -> None:
        """Nothing to remember: a room's state follows from its own records."""

    def open(self, room: str, state: bytes | None) -> FeedRoom:
        """A room, as a snapshot left it or new."""
        known = FeedState() if state is None else decode_state(room, state)
        return FeedRoom(room, known, tapes=self._tapes, clock=self._clock, tally=self._tally)

    def turn(self, rooms: Mapping[str, RoomWork]) -> list[Outgoing]:
        """What is due in all rooms; the room that comes first changes from turn to turn."""
        now = self._clock.monotonic_ns()
        works = [work for work in rooms.values() if isinstance(work, FeedRoom)]
        self._turns += 1
        first = self._turns % len(works) if works else 0
        due: list[Outgoing] = []
        for work in works[first:] + works[:first]:
            due += work.play(now, frames_max=max(0, min(FRAMES_A_TURN, TURN_FRAMES_MAX - len(due))))
        self._playing = sum(work.state.playing for work in works)
        self._ahead = sum(work.ahead_rows for work in works)
        return due

    def checkpoint(self, partition: int) -> tuple[int, int]:
        """Nothing of the trades topic is read."""
        return 0, 0

    def end(self, partition: int) -> None:
        """Nothing to forget."""

    def figures(self) -> Mapping[str, float]:
        """Numbers for the metrics page."""
        tally = self._tally
        return {
            "rooms_playing": self._playing, "ahead_events": self._ahead, "events_played": tally.rows,
            "frames_played": tally.frames, "sent_again": tally.again, "copies": tally.copies,
            "tapes_failed": tally.failed,
        }  # fmt: skip


__all__ = [
    "AGAIN_S", "AHEAD_FRAMES_MAX", "AHEAD_ROWS_MAX", "FRAMES_A_TURN", "TURN_FRAMES_MAX", "FeedRole", "FeedRoom",
]  # fmt: skip
