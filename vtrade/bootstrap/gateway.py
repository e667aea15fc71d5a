"""Which adapters does a gateway stand on? A folder of SQLite journals, or Kafka and Redis.

Rules: what was opened is let go of by the parts' closers, in the opposite order. The embedded gateway needs no server.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vtrade.adapters.clock import SystemClock
from vtrade.adapters.llm import model_from_environment
from vtrade.adapters.redis import embedded_redis
from vtrade.adapters.register import SqliteRegister
from vtrade.adapters.sqlite import MEMORY, SqliteLog
from vtrade.bootstrap import next_path
from vtrade.desk import Wiring
from vtrade.gamification.leaderboard import Leaderboard
from vtrade.gateway.hub import groups_of, hub_from_environment
from vtrade.gateway.library import Library
from vtrade.gateway.state import Parts
from vtrade.services.directory import Directory
from vtrade.services.hosted import HostedRooms
from vtrade.services.secret import new_name, new_token

if TYPE_CHECKING:
    import redis

    from vtrade.services.settings import Settings
    from vtrade.services.shared import Ranking

FOLDER: Final = Path("vtrade-class")
"""Where an embedded gateway keeps its rooms, unless told otherwise."""
REGISTER: Final = "class.register"


def _new_seed() -> int:
    return int(new_name(), 16)


def _wiring() -> Wiring:
    return Wiring(
        clock=SystemClock(), open_log=lambda path: SqliteLog(MEMORY if path is None else path), next_path=next_path,
        leaderboards=boards, model=model_from_environment, show=None,
    )  # fmt: skip


def boards() -> dict[str, Leaderboard]:
    """Empty leaderboards of a room in this process."""
    client = embedded_redis()
    return {by: Leaderboard(client, f"vtrade:room:{by}") for by in ("xp", "nav")}


def embedded_parts(
    *, data: Path | None = None, tapes: Path | None = None, hub_groups: list[str] | None = None
) -> Parts:
    """A whole class in one process: rooms are journals in a folder, nothing else runs."""
    folder, clock = data or FOLDER, SystemClock()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    library = Library(tapes or Path(), _new_seed)
    with contextlib.ExitStack() as opened:
        register = SqliteRegister(folder / REGISTER)
        opened.callback(register.close)
        rooms = HostedRooms(
            folder / "rooms",
            open_log=lambda path: SqliteLog(MEMORY if path is None else path),
            open_ids=SqliteRegister,
            open_reader=lambda path: SqliteLog(path, read_only=True),
            load=library.load,
            clock=clock,
            leaderboards=boards,
        )
        opened.callback(rooms.close)
        return Parts(
            rooms=rooms, directory=Directory(register, clock, new_token), clock=clock, wiring=_wiring(),
            library=library, entries=rooms.entries,
            hub=hub_from_environment(clock, groups=groups_of(hub_groups or [])),
            closers=(opened.pop_all().close,),
        )  # fmt: skip


def backbone_parts(settings: Settings, *, hub_groups: list[str] | None = None) -> Parts:
    """A gateway to rooms on Kafka, whose standings workers keep in Redis.

    Raises
    ------
    Unavailable
        If Kafka or Redis does not answer.
    """
    from vtrade.bootstrap.backbone import PATIENCE_S, open_bus, open_redis
    from vtrade.services.busrooms import BusRooms
    from vtrade.services.register import BusRegister

    clock = SystemClock()
    library = Library(settings.tapes, _new_seed)
    with contextlib.ExitStack() as opened:
        bus = open_bus(settings, client="vtrade-gateway", patience_s=PATIENCE_S["gateway"])
        opened.callback(bus.close)
        cache = open_redis(settings)
        opened.callback(cache.close)
        register = BusRegister(bus)
        opened.callback(register.close)
        rooms = BusRooms(bus, register, clock, ranks=rankings(cache), boards=boards)
        opened.callback(rooms.close)
        return Parts(
            rooms=rooms, directory=Directory(register, clock, new_token), clock=clock, wiring=_wiring(),
            library=library, entries=rooms.entries,
            hub=hub_from_environment(clock, groups=groups_of(hub_groups or [])),
            closers=(opened.pop_all().close,),
        )  # fmt: skip


def rankings(cache: redis.Redis) -> Callable[[str, str], Ranking]:
    """The leaderboards of rooms, as the workers keep them in Redis."""
    from vtrade.adapters.hot import HotState

    projections = {"nav": "portfolio", "xp": "gamification"}

    def of(room: str, by: str) -> Ranking:
        return HotState(cache, room, projections[by]).leaderboard(by)

    return of
