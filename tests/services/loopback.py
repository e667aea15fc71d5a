"""A shared room in this process, and a way to it without a network: as a gateway would do it, and as it would fail.

Rules: the room is a real one, over a journal in memory; a message with the id of an earlier one does nothing. The way
to it drops streams and loses answers where a test says so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import unquote

import msgspec

import vtrade as vt
from vtrade.adapters.clock import SystemClock
from vtrade.adapters.redis import embedded_redis
from vtrade.adapters.sqlite import MEMORY, SqliteLog
from vtrade.desk.desk import Desk
from vtrade.desk.wiring import Wiring
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.messages import Fact, Inbound, OpenAccount, OpenRoom
from vtrade.domain.rules import RoomRules
from vtrade.errors import AccessDenied, Unavailable, VTradeError
from vtrade.gamification.leaderboard import Leaderboard
from vtrade.market.tape import Tape
from vtrade.services import commands
from vtrade.services.access import Role
from vtrade.services.inquiry import Previews
from vtrade.services.remote import RemoteRoom
from vtrade.services.room import Room
from vtrade.services.shared import Follower, Posted
from vtrade.services.streams import RANKS_EVERY, RoomStreams
from vtrade.services.visible import public_explanation

WAIT_S = 10.0
"""Longest wait for something that another thread does."""
NAME = "algebra 1"


def until(condition: Callable[[], object], wait_s: float = WAIT_S) -> None:
    """Wait for what another thread does."""
    end = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.002)


def wiring() -> Wiring:
    """Nothing but a clock."""
    return Wiring(SystemClock(), lambda path: SqliteLog(path or MEMORY), str, dict, lambda: None, None)


class SharedOver(Room):
    """A room on this machine that many share."""

    shared = True
    name = NAME

    def __init__(
        self, tape: Tape, accounts: Mapping[str, RiskLimits], *, rules: RoomRules | None = None,
        cash: int = 1_000_000_000_000, seed: int = 9, tape_name: str = "a tape",
    ) -> None:  # fmt: skip
        start = tape.start_ns
        opening: list[Inbound] = [
            OpenRoom(start, "room of a class", tape.instruments, rules or RoomRules(), seed, tape_name)
        ]
        opening += [OpenAccount(start, name, cash, "USD", limits) for name, limits in accounts.items()]
        client = embedded_redis()
        boards = {by: Leaderboard(client, f"loopback:{by}") for by in ("xp", "nav")}
        self.ids: dict[str, Posted] = {}
        super().__init__(SqliteLog(MEMORY), tape, opening=opening, clock=SystemClock(), leaderboards=boards)
        self.start()

    @property
    def seq(self) -> int:
        return self.runtime.heard

    def post(self, message: Inbound, *, message_id: str = "") -> Posted:
        with self.lock:
            if message_id in self.ids:
                return self.ids[message_id]
            posted = Posted(Future(), Future())
            try:
                facts = self.submit([message])[0]
            except VTradeError as error:
                posted.durable.set_exception(error)
                posted.told.set_exception(error)
            else:
                posted.durable.set_result(self.seq)
                posted.told.set_result((self.seq, facts))
            if message_id:
                self.ids[message_id] = posted
            return posted

    def follow(self, follower: Follower) -> Callable[[], None]:
        with self.lock:
            self.followers.append(follower)
        return lambda: self.followers.remove(follower)


class Loopback:
    """The way to a shared room for one account; see :class:`vtrade.services.inquiry.Transport`.

    Attributes
    ----------
    lost_answers : int
        So many of the next answers are lost on their way back, though what was sent arrives.
    durable_only : int
        So many of the next answers do not know the outcome yet.
    cut_after : int
        The stream breaks after so many frames; -1 never.
    down : bool
        Nothing gets through.
    """

    where = "loopback"

    def __init__(self, room: SharedOver, streams: RoomStreams, account: str, role: str = Role.STUDENT) -> None:
        self.room, self.streams, self.account, self.role = room, streams, account, role
        self.lost_answers = self.durable_only = 0
        self.cut_after = -1
        self.down = False
        self.bodies: list[bytes] = []
        self.frames: list[bytes] = []
        self.opened: list[int | None] = []
        self.open: LoopbackFrames | None = None
        self.desk = Desk.on(room, account, wiring())

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> bytes:
        self._check()
        query = query or {}
        parts = [unquote(part) for part in path.split("/")]
        if parts[-1] == "leaderboard":
            board = self.room.rank(str(query["by"]))
            rows = board.around(self.account, int(query["n"])) if "around" in query else board.top(int(query["n"]))
            scale = 1e6 if query["by"] == "nav" else 1
            return msgspec.json.encode({"rows": [{**msgspec.to_builtins(r), "score": r.score / scale} for r in rows]})
        account = str(query.get("account", self.account))
        desk = self.desk if account == self.account else Desk.on(self.room, account, wiring())
        story = desk._explain(desk.order(parts[-2])._record)
        story = story if self.role != Role.STUDENT else public_explanation(story)
        return msgspec.json.encode({**asdict(story), "text": str(story)})

    def post(self, path: str, body: bytes, *, timeout_s: float) -> bytes:
        self._check()
        self.bodies.append(body)
        read = commands.read_body(body)
        if self.role == Role.STUDENT and any(isinstance(c, commands.FOR_INSTRUCTORS) for c in read.commands):
            raise AccessDenied("your role here is student, which may not do that; ask the instructor")
        if path.partition("?")[0].endswith("/preview"):
            asked = [commands.to_message(c, account=self.account, ts_ns=self.room.now_ns) for c in read.commands]
            return msgspec.json.encode(Previews(self.room.previewed(asked, most="most=true" in path)))  # type: ignore[arg-type]
        results = []
        for number, command in enumerate(read.commands):
            message = commands.to_message(command, account=self.account, ts_ns=self.room.now_ns)
            posted = self.room.post(message, message_id=commands.message_id(self.account, read.id, number))
            error = posted.told.exception()
            if error is not None:
                results.append(commands.Result(status="refused", detail=str(error)))
            else:
                results.append(commands.Result(status="told", seq=posted.told.result()[0]))
        if self.lost_answers:
            self.lost_answers -= 1
            raise Unavailable("the answer was lost")
        if self.durable_only:
            self.durable_only -= 1
            results = [commands.Result(status="durable") for _ in results]
        return msgspec.json.encode(commands.Reply(results=tuple(results)))

    def stream(self, path: str, query: Mapping[str, str | int]) -> LoopbackFrames:
        self._check()
        after = query.get("after")
        self.opened.append(None if after is None else int(after))
        self.open = LoopbackFrames(self, None if after is None else int(after))
        return self.open

    def close(self) -> None:
        self.down = True

    def _check(self) -> None:
        if self.down:
            raise Unavailable("nobody answers")

    def drop(self) -> None:
        """Break the stream."""
        if self.open is not None:
            self.open.broken = True


class LoopbackFrames:
    """A stream that is open."""

    def __init__(self, way: Loopback, after: int | None) -> None:
        self.way = way
        self.broken = self.closed = False
        self.polls = 0
        self.connection = way.streams.connect(way.account, way.role, after)

    def __iter__(self) -> Iterator[bytes]:
        while not self.closed and not self.connection.closed:
            for frame in self.connection.take(0.01):
                if self.broken or self.way.cut_after == 0:
                    self.way.cut_after = -1
                    raise Unavailable("the stream broke")
                self.way.cut_after -= self.way.cut_after > 0
                self.way.frames.append(frame)
                yield frame
            if self.broken:
                raise Unavailable("the stream broke")
            self.polls += 1

    def close(self) -> None:
        self.closed = True
        self.connection.close()


class Class:
    """A shared room with desks behind the loopback, and the same desks without it."""

    def __init__(self, room: SharedOver, *, every_s: float = 0.0) -> None:
        self.room = room
        self._before = {t.ident for t in threading.enumerate()}
        self.streams = RoomStreams(room, every_s=every_s)
        self.ways: dict[str, Loopback] = {}
        self.remotes: dict[str, RemoteRoom] = {}
        self.all: list[RemoteRoom] = []

    def join(self, account: str, role: str = Role.STUDENT) -> Desk:
        """A desk behind the loopback."""
        way = self.ways[account] = Loopback(self.room, self.streams, account, role)
        remote = self.remotes[account] = RemoteRoom(way, self.room.name, start_s=WAIT_S)
        self.all.append(remote)
        return Desk.on(remote, remote.account, wiring())

    def near(self, account: str) -> Desk:
        """The desk of an account, right in the room."""
        return Desk.on(self.room, account, wiring())

    def settle(self) -> None:
        """Wait until every desk has heard everything."""
        for _ in range(2):  # who came back meanwhile is told of in the second round
            for _ in range(RANKS_EVERY + 1):
                self.streams.pump()
            for name, remote in self.remotes.items():
                until(lambda remote=remote: remote.seq >= self.room.seq and not remote.trouble)
                frames = self.ways[name].open
                assert frames is not None
                then = frames.polls
                until(lambda frames=frames, then=then: frames.closed or frames.polls >= then + 2)

    def close(self) -> None:
        for remote in self.all:
            remote.close()
        self.streams.close()
        self.room.close()
        ours = [t.name for t in threading.enumerate() if t.ident not in self._before]
        assert not [name for name in ours if name.startswith(("vtrade-remote", "vtrade-streams"))]


def class_tape(tape: Tape) -> Tape:
    """A tape under a name that tells no seed."""
    return replace(tape, name="a tape")


def posted(room: SharedOver, messages: Iterable[Inbound]) -> list[list[Fact]]:
    """Send messages of others, one by one; what was refused brought nothing about."""
    told = []
    for message in messages:
        answer = room.post(message).told
        told.append([] if answer.exception() else answer.result()[1])
    return told


def seen(desk: Desk) -> dict[str, Any]:
    """All that a desk shows, without what tells one room from another."""
    view = desk.view()
    del view["seq"]
    tables = {
        name: getattr(desk, name)().to_dict("split")
        for name in ("orders", "fills", "positions", "round_trips", "quotes", "tenders", "equity_curve", "exposure")
    }
    symbols = desk.symbols
    return {
        "view": view, **tables, "nav": desk.nav, "cash": desk.cash, "buying_power": desk.buying_power,
        "balances": desk.balances, "progress": msgspec.to_builtins(desk.progress),
        "limits": msgspec.to_builtins(desk.limits), "text": str(desk), "now": desk.now,
        "book": [desk.book(symbol).to_dict("split") for symbol in symbols],
        "bars": [desk.bars(symbol, 60).to_dict("split") for symbol in symbols],
        "seconds": [desk.bars(symbol, 1).to_dict("split") for symbol in symbols],
        "board": desk.leaderboard("nav").to_dict("split"), "xp": desk.leaderboard().to_dict("split"),
        "statistics": desk.statistics().to_dict(),
        "stories": [str(public_explanation(desk._explain(r))) for r in desk._room.blotter.of(desk.account)],
    }  # fmt: skip


__all__ = ["Class", "Loopback", "SharedOver", "class_tape", "posted", "seen", "until", "vt", "wiring"]
