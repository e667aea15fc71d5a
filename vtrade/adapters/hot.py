"""What do students of a room look at right now, and how does that survive a Redis that forgets?

Rules: everything here can be thrown away, for it follows from the room's log. Each write names the last fact that is
in it (``seq``), the fact up to which everything was written before (``after``) and the worker's ``epoch``; a mark
beside the state holds the same, and both move in one script, with the standings and the notices. So a write happens in
full or not at all, once, in order, by the newest worker; and a state that was wiped, restored from an old copy or
damaged is noticed at the next write or beat, answered ``STALE``, and replaced from what the worker knows.

A write of up to ``CHUNK_ACCOUNTS`` accounts is one script. A bigger one is first set down in a list beside the state,
where nobody looks, and one script then applies all of it: Redis does nothing else meanwhile (about 10 microseconds an
account). ``replace_all`` fills new keys beside the old ones in as many scripts as it takes, and one last script, whose
time does not grow with the room, renames them. What a broken-off write leaves behind is gone after ``TEMPORARY_S``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vtrade.adapters import hot_keys as name
from vtrade.adapters import hot_lua as lua
from vtrade.adapters.clock import SystemClock
from vtrade.adapters.hot_port import Mark, Outcome, Published, Row, Scores
from vtrade.adapters.hot_rows import CHUNK_ACCOUNTS, SEQ_MAX, Cells, chunks_of, number, opened, rows_changed, rows_told
from vtrade.adapters.redis import RedisUnavailable, plainly
from vtrade.domain.values import NS_PER_S
from vtrade.errors import ValueOffGrid
from vtrade.gamification.leaderboard import Leaderboard

if TYPE_CHECKING:
    import redis

    from vtrade.ports import Clock

PUBLISH_ACCOUNTS_MAX: Final = 100_000
"""Most accounts in one write: about a second of the server's time. Where more changed, replace all."""
NAMES_MAX: Final = 1_000
"""A room's notice names at most so many accounts."""
TEMPORARY_S: Final = 600
"""Life of what a write sets down beside the state."""


class HotState:
    """One projection of one room in Redis.

    Reading is safe from any thread; writing is for one thread of one worker.

    Parameters
    ----------
    client : redis.Redis
        One that answers in bytes.
    room : str
        Any text.
    projection : {"portfolio", "gamification"}
    clock : Clock, optional

    Examples
    --------
    >>> from vtrade.adapters.redis import embedded_redis
    >>> hot = HotState(embedded_redis(), "class 7", "portfolio")
    >>> hot.publish(5, epoch=1, views={"ana": b"..."}).outcome.value
    'stale'
    >>> hot.replace_all(5, [("ana", b"{}", {"nav": 100}), ("ben", b"{}", {"nav": 90})], epoch=1).outcome.value
    'written'
    >>> hot.publish(9, epoch=1, views={"ben": b"{...}"}, scores={"nav": {"ben": 120}}).outcome.value
    'written'
    >>> hot.view("ana"), hot.view("ben"), hot.leaderboard("nav").rank("ben")
    ((5, b'{}'), (9, b'{...}'), 1)
    """

    def __init__(self, client: redis.Redis, room: str, projection: str, *, clock: Clock | None = None) -> None:
        if getattr(getattr(client, "connection_pool", None), "connection_kwargs", {}).get("decode_responses"):
            raise ValueOffGrid("this client turns answers into text, but views are bytes; connect without that")
        self.room: Final = room
        self.projection: Final = projection
        self.root: Final = name.projection_root(room, projection)
        self.boards: Final = name.BOARDS[projection]
        self._client = client
        self._clock: Clock = clock or SystemClock()
        self._mark = f"{self.root}:mark"
        self._block = self._block_at(self.root)
        self._written: int | None = None
        self._scripts = {text: client.register_script(text) for text in (lua.PUBLISH, lua.FILL, lua.SWAP)}

    def _block_at(self, root: str) -> list[str]:
        """Keys of the views and of each leaderboard below ``root``."""
        keys = [f"{root}:views"]
        for by in self.boards:
            keys += Leaderboard(self._client, name.board_key(root, by), tagged=True).keys
        return keys

    def _plainly(self, doing: str) -> AbstractContextManager[None]:
        kinds = {self._mark: "hash"} | {key: "zset" if key.endswith(":ranking") else "hash" for key in self._block}
        return plainly(self._client, f"{doing} {self.projection} of room {self.room!r}", keys=kinds)

    # --- writing -------------------------------------------------------------------------------------------------

    def publish(
        self, seq: int, *, epoch: int, views: Mapping[str, bytes], scores: Scores | None = None,
        removed: Iterable[str] = (), after: int | None = None,
    ) -> Published:  # fmt: skip
        """Write what changed up to ``seq``, move the mark and send the notices: all of it or nothing.

        Parameters
        ----------
        seq : int
            Number of the last fact that is in these views.
        epoch : int
            Of this worker; grows whenever a partition changes hands.
        views : mapping of str to bytes
            View of each account that changed.
        scores : mapping of str to mapping of str to int, optional
            By leaderboard: score of each account that changed.
        removed : iterable of str
            Accounts that are gone, with their scores.
        after : int, optional
            Everything up to this fact was written before, by whomever: a worker that goes on from a snapshot gives the
            snapshot's number at its first write. By default what this object wrote last; before the first write nobody
            knows, so the answer is ``STALE``.

        Returns
        -------
        Published
            ``WRITTEN``; or nothing was changed: ``DUPLICATE``, ``FENCED``, or ``STALE`` (call :meth:`replace_all`).

        Raises
        ------
        ValueOffGrid
            If a number, a name, a score or a view is out of bounds, or more than ``PUBLISH_ACCOUNTS_MAX`` changed.
        RedisUnavailable, RedisRefused
            Nothing is half done: the same write can be repeated. If it had been done, that answers ``DUPLICATE``.
        """
        rows = rows_changed(self.boards, seq, views, scores or {}, removed)
        if len(rows) > PUBLISH_ACCOUNTS_MAX:
            raise ValueOffGrid(
                f"{len(rows)} accounts at once, at most {PUBLISH_ACCOUNTS_MAX}; call replace_all instead"
            )
        who = msgspec.json.encode(list(rows) if len(rows) <= NAMES_MAX else None)
        with self._plainly(f"publishing seq {seq} in"):
            chunks = list(chunks_of(rows.values()))
            if len(chunks) <= 1:
                return self._write("publish", seq, epoch, after, who, cells=chunks[0] if chunks else [])
            waiting, size = self._set_down(chunks)
            return self._write("publish", seq, epoch, after, who, waiting=waiting, size=size)

    def beat(self, *, epoch: int) -> Published:
        """Say that the state is up to date though nothing changed, and find out whether it still is whole.

        Call it once a second where no facts come: only so does a wiped room without trade heal.
        """
        with self._plainly("looking after"):
            return self._write("beat", 0, epoch, None)

    def claim(self, *, epoch: int) -> Published:
        """Shut out every worker with a lower epoch; ``STALE`` if there is no state that could say so."""
        with self._plainly("taking over"):
            return self._write("claim", 0, epoch, None)

    def replace_all(
        self, seq: int, rows: Iterable[Row], *, epoch: int, force: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> Published:  # fmt: skip
        """Write everything anew, beside what there is, and put it in its place in one step.

        Readers see the old state until then. Ranks remembered stay, and so do ended seasons.

        Parameters
        ----------
        seq : int
            Number of the last fact that is in it.
        rows : iterable
            Account, view (``None`` for none) and scores by leaderboard, of every account; it may be long.
        epoch : int
        force : bool
            Also over a newer state or a higher epoch, which then stays: for a rebuild that a person asks for.
        progress : callable, optional
            Called with the number of accounts so far.

        Returns
        -------
        Published
            ``WRITTEN``; or nothing was changed: ``DUPLICATE`` (there is a newer state), ``FENCED``, or ``STALE`` (Redis
            was wiped meanwhile: begin again).

        Raises
        ------
        ValueOffGrid, RedisUnavailable, RedisRefused
            As for :meth:`publish`.
        """
        number(seq, "seq")
        number(epoch, "epoch")
        if not force and (found := self._refusal(seq, epoch)):
            return found
        with self._plainly("replacing"):
            root = f"{self.root}:new:{self._turn()}"
        fresh = [f"{root}:steps", *self._block_at(root)]
        steps, counts = 1, self._fill(fresh, 1, [])
        for steps, (chunk, done) in enumerate(rows_told(self.boards, seq, rows), start=1):
            counts = self._fill(fresh, steps, chunk)
            if counts is None:
                return Published(Outcome.STALE, 0, 0)
            if progress is not None:
                progress(done)
        arguments: Cells = [
            str(len(self.boards)), str(seq), str(epoch), str(self._clock.wall_ns()), str(int(force)), str(steps),
            counts or b"", name.channel_of_all(self.root),
        ]  # fmt: skip
        with self._plainly("replacing"):
            said: Any = self._scripts[lua.SWAP](keys=[self._mark, *self._block, *fresh], args=arguments)
        answer = _published(said)
        if answer.outcome is Outcome.WRITTEN:
            self._written = seq
        return answer

    # --- reading -------------------------------------------------------------------------------------------------

    def mark(self) -> Mark | None:
        """How far the state has come; ``None`` if there is none."""
        with self._plainly("reading"):
            found: Any = self._client.hmget(self._mark, ["seq", "epoch", "wall_ns", "counts"])
        try:
            seq, epoch, wall_ns, counts = found
            return Mark(int(seq), int(epoch), int(wall_ns), int(counts.partition(b":")[0]))
        except (TypeError, ValueError, AttributeError):  # part of it is missing, or somebody wrote into it
            return None

    def view(self, account: str) -> tuple[int, bytes] | None:
        """``seq`` and view of an account; ``None`` if it has none."""
        with self._plainly("reading"):
            found: Any = self._client.hget(self._block[0], account)
        return None if found is None else opened(found)

    def views(self, accounts: Iterable[str]) -> dict[str, tuple[int, bytes]]:
        """``seq`` and view of each account that has one; ``CHUNK_ACCOUNTS`` at a time, each lot of one moment."""
        shown: dict[str, tuple[int, bytes]] = {}
        left = iter(accounts)
        while chunk := list(islice(left, CHUNK_ACCOUNTS)):
            with self._plainly("reading"):
                found: Any = self._client.hmget(self._block[0], chunk)
            shown |= {account: opened(view) for account, view in zip(chunk, found, strict=True) if view is not None}
        return shown

    def age_s(self) -> float | None:
        """Seconds since a worker last wrote or said that all is well; ``None`` if there is no state.

        The worker's wall clock against this machine's; never negative.
        """
        mark = self.mark()
        return None if mark is None else max(0, self._clock.wall_ns() - mark.wall_ns) / NS_PER_S

    def lag(self, seq: int) -> int:
        """Facts of a log that ends at ``seq`` which are not in the state yet; never negative."""
        mark = self.mark()
        return max(0, seq - (0 if mark is None else mark.seq))

    def leaderboard(self, by: str, *, season: str = "") -> Leaderboard:
        """The standings by a score, now or as a season left them.

        Raises
        ------
        ValueOffGrid
            If this projection has no leaderboard of that name.
        """
        if by not in self.boards:
            raise ValueOffGrid(f"{self.projection} has no leaderboard {by!r}; choose one of {', '.join(self.boards)}")
        return Leaderboard(
            self._client, name.board_key(self.root, by), season=season, tagged=True,
            guard=partial(self._plainly, "ranking"),
        )  # fmt: skip

    # --- in pieces -----------------------------------------------------------------------------------------------

    def _write(
        self, what: str, seq: int, epoch: int, after: int | None, who: bytes = b"", *, cells: Cells | None = None,
        waiting: str = "", size: int = 0,
    ) -> Published:  # fmt: skip
        known = self._written if after is None else number(after, "after")
        arguments: Cells = [
            str(len(self.boards)), what, str(seq), str(SEQ_MAX if known is None else known),
            str(number(epoch, "epoch")), str(self._clock.wall_ns()), name.channel_of_account(self.root),
            name.channel_of_room(self.root), who, str(size),
        ]  # fmt: skip
        keys = [self._mark, *self._block, *([waiting] if waiting else [])]
        said: Any = self._scripts[lua.PUBLISH](keys=keys, args=arguments + (cells or []))
        if said[0] == b"lost":
            raise RedisUnavailable(f"part of what was to be published in room {self.room!r} got lost; publish it again")
        answer = _published(said)
        if what == "publish" and answer.outcome in (Outcome.WRITTEN, Outcome.DUPLICATE):
            self._written = seq
        return answer

    def _fill(self, fresh: list[str], step: int, cells: Cells) -> bytes | None:
        arguments: Cells = [str(len(self.boards)), str(step), str(TEMPORARY_S)]
        with self._plainly("replacing"):
            found: bytes | None = self._scripts[lua.FILL](keys=fresh, args=arguments + cells)
        return found

    def _set_down(self, chunks: Iterable[Cells]) -> tuple[str, int]:
        """Key of a list that holds all cells, and how many."""
        key, size = f"{self.root}:waiting:{self._turn()}", 0
        for cells in chunks:
            with self._client.pipeline(transaction=False) as pipe:
                pipe.rpush(key, *cells)
                pipe.expire(key, TEMPORARY_S)
                pipe.execute()
            size += len(cells)
        return key, size

    def _turn(self) -> int:
        """A number that no other write in progress has."""
        turn: Any = self._client.incr(f"{self.root}:turn")
        self._client.expire(f"{self.root}:turn", TEMPORARY_S)
        return int(turn)

    def _refusal(self, seq: int, epoch: int) -> Published | None:
        """Why it is not worth while to begin."""
        mark = self.mark()
        if mark is None or (epoch >= mark.epoch and seq >= mark.seq):
            return None
        return Published(Outcome.FENCED if epoch < mark.epoch else Outcome.DUPLICATE, mark.seq, mark.epoch)


def rebuild(
    client: redis.Redis, room: str, projection: str, rows: Iterable[Row], *, seq: int, epoch: int = 0,
    progress: Callable[[int], None] | None = None, clock: Clock | None = None,
) -> Published:  # fmt: skip
    """Replace one projection of a room, whatever is there: wiped, damaged, newer than the log, somebody else's.

    A worker that is ahead of ``seq`` notices at its next write and replaces it in turn. The higher epoch stays.

    Parameters
    ----------
    client : redis.Redis
    room, projection : str
    rows : iterable
        Account, view and scores by leaderboard, of every account.
    seq : int
        Number of the last fact that is in them.
    epoch : int
    progress : callable, optional
        Called with the number of accounts so far.
    clock : Clock, optional

    Raises
    ------
    RedisUnavailable
        Also if Redis was wiped meanwhile.
    RedisRefused, ValueOffGrid
    """
    hot = HotState(client, room, projection, clock=clock)
    answer = hot.replace_all(seq, rows, epoch=epoch, force=True, progress=progress)
    if answer.outcome is not Outcome.WRITTEN:
        raise RedisUnavailable(f"Redis was wiped while {projection} of room {room!r} was rebuilt; rebuild it again")
    return answer


def _published(said: Any) -> Published:
    word, seq, epoch = said
    return Published(Outcome(word.decode()), int(seq), int(epoch))
