"""How do facts and what students do beside trading become XP, badges and standings?

Rules: progress follows from a room's facts alone. What a student does beside trading (a lesson finished, a plan
written) comes on the topic of actions and goes into the room's inbound log first, under an id of its own, so that it is
in order with everything else and counts once; it is folded when the room tells it as a fact. An action that cannot be
read, or that speaks for another account than its key names, is put aside with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from vtrade.adapters.hot_port import Row
from vtrade.domain.messages import WIRE_VERSION, AccountOpened, Fact, UserAction, decode_inbound
from vtrade.domain.topics import (
    ACTIONS,
    INBOUND,
    PROGRESS,
    SENT,
    TRADES,
    VERSION,
    account_key,
    inbound_headers,
    partition_of,
    split_key,
)
from vtrade.domain.values import NS_PER_S
from vtrade.errors import VTradeError
from vtrade.gamification.engine import ProgressEngine
from vtrade.gamification.progress import Progress, ProgressEvent
from vtrade.gamification.rules import RuleBook, load_rules
from vtrade.ports import Clock, Outgoing, Taken
from vtrade.services.workers.line import Line, LineState, decode_state
from vtrade.services.workers.places import message_id
from vtrade.services.workers.role import RoomWork
from vtrade.services.workers.shown import Hot, HotRooms, Outlet, ShownRoom, in_turn, score
from vtrade.services.workers.trades import TradesReader, dead_letter

PROJECTION: Final = "gamification"
BOARD: Final = "xp"
FLUSH_S: Final = 0.25
"""A room shows what changed at most this often."""
TURN_S: Final = 0.1
"""Rooms that are not shown after so long wait for the next turn."""
ACTION_BYTES_MAX: Final = 65_536
"""Longest action: a plan, or a review, and its headers."""

_encoder = msgspec.msgpack.Encoder()
_events_decoder: msgspec.msgpack.Decoder[list[ProgressEvent]] = msgspec.msgpack.Decoder(list[ProgressEvent])


class HotProgress(msgspec.Struct, frozen=True):
    """What Redis holds of an account: where it stands as of fact ``seq``, the room's time, and how late that was."""

    seq: int
    ts_ns: int
    lag_s: float
    progress: Progress


_hot_decoder = msgspec.msgpack.Decoder(HotProgress)


def encode_events(events: list[ProgressEvent]) -> bytes:
    """The wire form of a record of the progress topic: what one account was awarded by one record of its room."""
    return _encoder.encode(events)


def decode_events(data: bytes) -> list[ProgressEvent]:
    """Read a record of the progress topic; raises ``msgspec.MsgspecError`` on bytes that are none."""
    return _events_decoder.decode(data)


def read_hot_progress(data: bytes) -> HotProgress:
    """Read a view of Redis; raises ``msgspec.MsgspecError`` on bytes that are none."""
    return _hot_decoder.decode(data)


def forwarded(record: Taken) -> Outgoing:
    """What becomes of a record of the topic of actions: an inbound message, or a dead letter.

    Examples
    --------
    >>> from vtrade.domain.messages import encode_inbound
    >>> action = encode_inbound(UserAction(5, "ana", "lesson_finished", "01"))
    >>> sent = forwarded(Taken(ACTIONS, 2, 9, "algebra-1/ana", action, inbound_headers("")))
    >>> sent.topic, sent.key, dict(sent.headers)["id"]
    ('vtrade.inbound', 'algebra-1', b'actions/2/9')
    >>> dict(forwarded(Taken(ACTIONS, 2, 9, "algebra-1/ben", action, inbound_headers(""))).headers)["why"]
    b"an action of 'ana' under the key 'algebra-1/ben'"
    """
    room, account = split_key(record.key)
    value = record.value or b""
    headers = dict(record.headers)
    version = headers.get(VERSION, b"")
    if version != str(WIRE_VERSION).encode():
        return dead_letter(record, f"wire version {version.decode(errors='replace')!r}, not {WIRE_VERSION}")
    if len(value) > ACTION_BYTES_MAX:
        return dead_letter(record, f"an action of {len(value)} bytes; at most {ACTION_BYTES_MAX} are taken")
    try:
        message = decode_inbound(value)
    except (msgspec.MsgspecError, VTradeError, UnicodeDecodeError) as error:
        return dead_letter(record, f"no action ({error})")
    if not isinstance(message, UserAction):
        return dead_letter(record, f"{type(message).__name__} is no action")
    if not room or message.account != account:
        return dead_letter(record, f"an action of {message.account!r} under the key {record.key!r}")
    name = message_id(record.headers) or f"actions/{record.partition}/{record.offset}"
    sent = headers.get(SENT, b"")
    return Outgoing(INBOUND, room, value, inbound_headers(name, sent_ns=int(sent) if sent.isdigit() else 0))


class GamificationRoom:
    """Progress of the accounts of one room.

    Attributes
    ----------
    engine : ProgressEngine
    line : Line
        How far it was folded.
    """

    def __init__(
        self, room: str, role: GamificationRole, engine: ProgressEngine, state: LineState | None, reader: TradesReader
    ) -> None:
        self.room = room
        self.engine = engine
        self.line = Line(room, reader, role.clock, state)
        self._role = role
        self._changed: dict[str, None] = {}
        self._session = engine.session
        self._next = 0
        self._shown = ShownRoom(room, role.hot_room(room), role.outlet, self.rows)

    def take(self, record: Taken) -> list[Outgoing]:
        """Fold one record of the room, or pass an action on to its log."""
        if record.topic == ACTIONS:
            outgoing = forwarded(record)
            self._role.count(outgoing)
            return [outgoing]
        return self.line.fold(record, self._fold)

    def _fold(self, facts: list[Fact]) -> list[Outgoing]:
        engine, changed = self.engine, self._changed
        events: dict[str, list[ProgressEvent]] = {}
        for fact in facts:
            if fact.seq <= engine.seq:
                continue
            for event in engine.apply(fact):
                events.setdefault(event.account, []).append(event)
            if isinstance(fact, AccountOpened):
                changed[fact.account] = None
        if engine.session != self._session:  # streaks may have ended without an event
            self._session = engine.session
            changed.update(dict.fromkeys(engine.accounts))
        changed.update(dict.fromkeys(events))
        self._role.events += sum(map(len, events.values()))
        return [
            Outgoing(PROGRESS, account_key(self.room, account), encode_events(earned))
            for account, earned in events.items()
        ]

    def flush(self, now: int, *, epoch: int) -> None:
        """Show what changed."""
        if now < self._next or not self.room:
            return
        self._next = now + int(FLUSH_S * NS_PER_S)
        changed, self._changed = self._changed, {}
        if not changed or self._shown.whole_due:
            self._shown.beat(self.engine.seq, epoch=epoch)
            return
        scores = self.engine.scores()
        views = {account: self._view(account) for account in changed}
        xp = {account: score(scores[account]) for account in changed}
        self._shown.write(self.engine.seq, views, {BOARD: xp}, epoch=epoch)

    def _view(self, account: str) -> bytes:
        progress = self.engine.progress(account)
        return _encoder.encode(HotProgress(self.engine.seq, self.line.ts_ns, self.line.lag_s, progress))

    def rows(self) -> Iterator[Row]:
        """Every account: its name, its view, its score."""
        for account, xp in self.engine.scores().items():
            yield account, self._view(account), {BOARD: score(xp)}

    def snapshot(self) -> bytes:
        """The state, for a quick start."""
        return self.line.snapshot(self.engine.snapshot())

    def close(self) -> None:
        """Nothing to let go of."""


class GamificationRole:
    """Folds the facts of rooms into progress, and brings actions into their logs.

    Parameters
    ----------
    hot : callable or None
        Gives the hot state of a room; ``None`` shows nothing anywhere.
    clock : Clock
    partitions : int
        Number of partitions of the topics.
    rules : RuleBook, optional
        Default: the rules that come with VTrade.
    """

    name = "gamification"
    reads: tuple[str, ...] = (TRADES, ACTIONS)
    keeps = TRADES

    def __init__(self, hot: HotRooms | None, *, clock: Clock, partitions: int, rules: RuleBook | None = None) -> None:
        self.clock = clock
        self.outlet = Outlet(clock)
        self.events = self.actions = self.refused = 0
        self._hot = hot
        self._partitions = partitions
        self._rules = rules if rules is not None else load_rules()
        self._reader = TradesReader()
        self._halted = self._turns = 0

    def hot_room(self, room: str) -> Hot | None:
        """Where a room is shown."""
        return self._hot(room, PROJECTION) if self._hot is not None and room else None

    def begin(self, partition: int, *, trades_from: int, epoch: int) -> None:
        """Read a partition from there on."""
        self._reader.begin(partition, offset=trades_from, epoch=epoch)

    def open(self, room: str, state: bytes | None) -> GamificationRoom:
        """A room, as a snapshot left it or new.

        Raises
        ------
        ValueError
            If the snapshot is none, or was made under other rules.
        """
        if state is None:
            return GamificationRoom(room, self, ProgressEngine(self._rules), None, self._reader)
        known, engine = decode_state(room, state, lambda data: ProgressEngine.restore(data, self._rules))
        return GamificationRoom(room, self, engine, known, self._reader)

    def turn(self, rooms: Mapping[str, RoomWork]) -> list[Outgoing]:
        """Show what changed in the rooms whose time has come; all that is written follows from records."""
        now = self.clock.monotonic_ns()
        works = [work for work in rooms.values() if isinstance(work, GamificationRoom)]
        self._turns += 1
        for work in in_turn(works, self._turns):
            partition = partition_of(work.room, self._partitions)
            work.flush(now, epoch=self._reader.checkpoint(partition)[1])
            if self.clock.monotonic_ns() - now > TURN_S * NS_PER_S:
                break
        self._halted = sum(bool(work.line.trouble) for work in works)
        return []

    def checkpoint(self, partition: int) -> tuple[int, int]:
        """How far the partition was read, and the highest epoch so far."""
        return self._reader.checkpoint(partition)

    def end(self, partition: int) -> None:
        """Forget a partition."""
        self._reader.end(partition)

    def count(self, outgoing: Outgoing) -> None:
        """Count what became of an action."""
        if outgoing.topic == INBOUND:
            self.actions += 1
        else:
            self.refused += 1

    def figures(self) -> Mapping[str, float]:
        """Numbers for the metrics page."""
        outlet, reader = self.outlet, self._reader
        return {
            "events": self.events, "actions": self.actions, "actions_refused": self.refused,
            "rooms_halted": self._halted, "duplicates": reader.duplicates, "stale": reader.stale,
            "redis_healed": outlet.healed, "redis_failed": outlet.failed, "redis_down": outlet.down,
            "redis_fenced": outlet.fenced,
        }  # fmt: skip


__all__ = [
    "GamificationRole", "GamificationRoom", "HotProgress", "decode_events", "encode_events", "forwarded",
    "read_hot_progress",
]  # fmt: skip
