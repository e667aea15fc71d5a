"""What does each account of a room own and what is it worth, for everybody who looks?

Rules: money follows from a room's facts alone, fact by fact and to the micro-unit; only what is shown of it waits. An
account that dealt is shown and told at the next flush, one whose value merely moved with the market at most once a
second, and what a big room needs for that is bounded by what the last time cost: values and standings come first, views
of accounts follow as fast as there is time. What changed twice before it was shown is shown once. A worker that starts
shows and tells everything once, since it cannot know what the one before it had told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Final

from vtrade.adapters.hot_port import Row
from vtrade.domain.messages import (
    AccountOpened,
    ActionApplied,
    CashMoved,
    Fact,
    Fill,
    PositionAdjusted,
)
from vtrade.domain.portfolio_wire import encode_account
from vtrade.domain.topics import PORTFOLIO, TRADES, account_key, partition_of
from vtrade.domain.values import NS_PER_S
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.ports import Clock, Outgoing, Place, Taken
from vtrade.services.workers.account_views import Telling, hot_view, look
from vtrade.services.workers.line import Line, LineState, decode_state
from vtrade.services.workers.role import RoomWork
from vtrade.services.workers.shown import Hot, HotRooms, Outlet, ShownRoom, in_turn, score
from vtrade.services.workers.trades import TradesReader

PROJECTION: Final = "portfolio"
BOARD: Final = "nav"
FLUSH_S: Final = 0.25
"""An account that dealt is shown and told at most this often."""
STANDINGS_S: Final = 0.5
"""Values, and how far the room has come, are brought up to date this often, while they change ..."""
SMALL_ROOM: Final = 2_000
"""... and with every flush in rooms of up to so many accounts."""
MOVED_S: Final = 1.0
"""An account whose value moved with the market is shown and told at most this often."""
COST_SHARE: Final = 4
"""After a flush, so many times as long as it took is left to folding ..."""
PAUSE_S_MAX: Final = 5.0
"""... but not longer than this; who dealt does not wait for what all others cost."""
VIEWS_MAX: Final = 1_000
"""Most accounts of a room in one flush; the others are next."""
QUIET_S: Final = 2.0
"""After so long without facts, what is still to be shown is shown in one go."""
TURN_S: Final = 0.1
"""Rooms that are not flushed after so long wait for the next turn."""

CURVE_CELLS_MAX: Final = 256
HISTORY_MAX: Final = 256
"""What a worker keeps of an account's past, in cells of its curve and in fills: no view shows more."""

Dealing = AccountOpened | Fill | CashMoved | PositionAdjusted


def new_engine() -> PortfolioEngine:
    """An engine that keeps no more of the past than a worker needs, however many accounts there are."""
    return PortfolioEngine(curve_cells_max=CURVE_CELLS_MAX, history_max=HISTORY_MAX)


class PortfolioRoom:
    """Money and positions of one room.

    Attributes
    ----------
    engine : PortfolioEngine
    line : Line
        How far it was folded.
    """

    def __init__(
        self, room: str, role: PortfolioRole, engine: PortfolioEngine, state: LineState | None, reader: TradesReader
    ) -> None:
        self.room = room
        self.engine = engine
        self.line = Line(room, reader, role.clock, state)
        self._role = role
        self._telling = Telling()
        self._shown = ShownRoom(room, role.hot_room(room), role.outlet, self.rows)
        self._dealt: dict[str, None] = {}
        self._moved: dict[str, None] = dict.fromkeys(engine.accounts)
        self._navs: dict[str, int] = {}
        self._looked = -1
        self._waiting_since = self._folded = 0
        self._next = self._next_standings = self._next_moved = self._next_word = 0

    # --- folding -------------------------------------------------------------------------------------------------

    def take(self, record: Taken) -> list[Outgoing]:
        """Fold one record of the room."""
        return self.line.fold(record, self._fold)

    def _fold(self, facts: list[Fact]) -> list[Outgoing]:
        engine, dealt = self.engine, self._dealt
        for fact in facts:
            engine.apply(fact)
            if isinstance(fact, Dealing):
                dealt[fact.account] = None
            elif isinstance(fact, ActionApplied):
                self._moved.update(dict.fromkeys(engine.accounts))
        self._folded = self._role.clock.monotonic_ns()
        self._waiting_since = self._waiting_since or self._folded
        return []

    # --- showing and telling -------------------------------------------------------------------------------------

    def waiting_s(self, now: int) -> float:
        """How long the oldest change waits to be seen in the standings."""
        return (now - self._waiting_since) / NS_PER_S if self._waiting_since else 0.0

    def flush(self, now: int, *, epoch: int) -> list[Outgoing]:
        """Show what changed; what to write about it."""
        if now < self._next or not self.room:
            return []
        self._next = now + int(FLUSH_S * NS_PER_S)
        seq, shown = self.engine.seq, self._shown
        quiet = now - self._folded > QUIET_S * NS_PER_S
        left = bool(self._dealt or self._moved) or self._looked != seq
        if seq <= shown.known and not shown.whole_due and not (quiet and left):
            shown.beat(seq, epoch=epoch)
            return []
        scores = self._changed_values(now, quiet=quiet)
        all_values, moved = len(scores) > SMALL_ROOM, len(self._moved)
        told, views = self._encoded(self._due(now, quiet=quiet), scores)
        if views or scores or shown.whole_due or now >= self._next_word:
            self._next_word = now + int(STANDINGS_S * NS_PER_S)
            if shown.write(seq, views, {BOARD: scores}, epoch=epoch) and self._looked == seq:
                self._waiting_since = 0
        self._rest(now, all_values=all_values, some_moved=len(self._moved) < moved)
        return told

    def _rest(self, began: int, *, all_values: bool, some_moved: bool) -> None:
        """Leave time to folding: what was dear waits, the rest goes on."""
        end = self._role.clock.monotonic_ns()
        pause = min(COST_SHARE * (end - began), int(PAUSE_S_MAX * NS_PER_S))
        self._next = end + int(FLUSH_S * NS_PER_S)
        if all_values:
            self._next_standings = max(self._next_standings, end + pause)
        if some_moved:
            self._next_moved = max(self._next_moved, end + pause)
        if not all_values and not some_moved:
            self._next = max(self._next, end + pause)

    def _changed_values(self, now: int, *, quiet: bool) -> dict[str, int]:
        """Accounts whose value is another one than was shown last; they are to be shown and told as well."""
        engine, known = self.engine, self._navs
        early = now < self._next_standings and len(known) > SMALL_ROOM and not quiet
        if early or self._looked == engine.seq:
            return {}
        self._looked = engine.seq
        self._next_standings = now + int(STANDINGS_S * NS_PER_S)
        navs = engine.navs()
        self._navs = navs
        # also those whose value came back to where it was: their drawdown has changed
        self._moved.update(dict.fromkeys(engine.changed()))
        return {name: score(nav) for name, nav in navs.items() if known.get(name) != nav}

    def _due(self, now: int, *, quiet: bool) -> list[str]:
        """Accounts to be shown and told now: first those that dealt, then those that wait longest."""
        names = list(islice(self._dealt, VIEWS_MAX))
        for name in names:
            del self._dealt[name]
            self._moved.pop(name, None)
        if self._moved and (now >= self._next_moved or quiet):
            more = list(islice(self._moved, VIEWS_MAX - len(names)))
            for name in more:
                del self._moved[name]
            names += more
            if not self._moved:
                self._next_moved = now + int(MOVED_S * NS_PER_S)
        return names

    def _encoded(self, names: list[str], scores: dict[str, int]) -> tuple[list[Outgoing], dict[str, bytes]]:
        """Records about accounts, and their views; their values join the scores."""
        told: list[Outgoing] = []
        views: dict[str, bytes] = {}
        shows = not self._shown.whole_due
        for name in names:
            looked = look(self.engine, name)
            record = self._telling.tell(looked)
            if record is not None:
                told.append(Outgoing(PORTFOLIO, account_key(self.room, name), encode_account(record)))
            if self._navs.get(name) != looked.view.nav:
                self._navs[name] = looked.view.nav
                scores[name] = score(looked.view.nav)
            if shows:
                views[name] = hot_view(looked, lag_s=self.line.lag_s)
        self._role.told += len(told)
        self._role.views += len(views)
        return told, views

    def rows(self) -> Iterator[Row]:
        """Every account: its name, its view, its score."""
        for name in self.engine.accounts:
            looked = look(self.engine, name)
            self._role.views += 1
            yield name, hot_view(looked, lag_s=self.line.lag_s), {BOARD: score(looked.view.nav)}

    # --- the work of a room --------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """The state, for a quick start."""
        return self.line.snapshot(self.engine.snapshot())

    def close(self) -> None:
        """Nothing to let go of."""


class PortfolioRole:
    """Folds the facts of rooms into money and positions.

    Parameters
    ----------
    hot : callable or None
        Gives the hot state of a room; ``None`` shows nothing anywhere.
    clock : Clock
    partitions : int
        Number of partitions of the topics.
    lag : callable, optional
        Gives the records not taken yet, by topic and partition; shown among the figures.
    """

    name = "portfolio"
    reads: tuple[str, ...] = (TRADES,)
    keeps = TRADES

    def __init__(
        self, hot: HotRooms | None, *, clock: Clock, partitions: int,
        lag: Callable[[], Mapping[Place, int]] = dict[Place, int],
    ) -> None:  # fmt: skip
        self.clock = clock
        self.outlet = Outlet(clock)
        self.told = self.views = 0
        self._hot = hot
        self._lag = lag
        self._partitions = partitions
        self._reader = TradesReader()
        self._halted = self._turns = 0
        self._lag_s = self._nav_lag_s = 0.0

    def hot_room(self, room: str) -> Hot | None:
        """Where a room is shown."""
        return self._hot(room, PROJECTION) if self._hot is not None and room else None

    def begin(self, partition: int, *, trades_from: int, epoch: int) -> None:
        """Read a partition from there on."""
        self._reader.begin(partition, offset=trades_from, epoch=epoch)

    def open(self, room: str, state: bytes | None) -> PortfolioRoom:
        """A room, as a snapshot left it or new.

        Raises
        ------
        ValueError
            If the snapshot is none.
        """
        if state is None:
            return PortfolioRoom(room, self, new_engine(), None, self._reader)
        known, engine = decode_state(room, state, PortfolioEngine.restore)
        return PortfolioRoom(room, self, engine, known, self._reader)

    def turn(self, rooms: Mapping[str, RoomWork]) -> list[Outgoing]:
        """Show and tell what changed in the rooms whose time has come."""
        now = began = self.clock.monotonic_ns()
        works = [work for work in rooms.values() if isinstance(work, PortfolioRoom)]
        told: list[Outgoing] = []
        self._turns += 1
        for work in in_turn(works, self._turns):
            partition = partition_of(work.room, self._partitions)
            told += work.flush(now, epoch=self._reader.checkpoint(partition)[1])
            now = self.clock.monotonic_ns()
            if now - began > TURN_S * NS_PER_S:
                break
        self._halted = sum(bool(work.line.trouble) for work in works)
        self._lag_s = max((work.line.lag_s for work in works), default=0.0)
        self._nav_lag_s = max((work.waiting_s(now) for work in works), default=0.0)
        return told

    def checkpoint(self, partition: int) -> tuple[int, int]:
        """How far the partition was read, and the highest epoch so far."""
        return self._reader.checkpoint(partition)

    def end(self, partition: int) -> None:
        """Forget a partition."""
        self._reader.end(partition)

    def figures(self) -> Mapping[str, float]:
        """Numbers for the metrics page."""
        outlet, reader = self.outlet, self._reader
        return {
            "accounts_told": self.told, "views_written": self.views, "rooms_halted": self._halted,
            "duplicates": reader.duplicates, "stale": reader.stale, "lag_records": sum(self._lag().values()),
            "lag_seconds": self._lag_s, "nav_lag_seconds": self._nav_lag_s, "redis_healed": outlet.healed,
            "redis_failed": outlet.failed, "redis_down": outlet.down, "redis_fenced": outlet.fenced,
        }  # fmt: skip


__all__ = ["FLUSH_S", "MOVED_S", "STANDINGS_S", "PortfolioRole", "PortfolioRoom"]
