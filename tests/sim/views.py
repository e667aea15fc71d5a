"""Do money, progress, standings, markets and actions agree with the log?

Rules: as for :mod:`tests.sim.checks`: what is right follows from the facts of the embedded engines alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from tests.sim.demand import demand
from tests.sim.hot import Shown
from tests.sim.references import Reference
from tests.sim.world import World, rules
from vtrade.domain.messages import UserAction, decode_inbound
from vtrade.domain.topics import ACTIONS, INBOUND, split_key
from vtrade.gamification.engine import ProgressEngine
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.services.workers.account_views import read_hot_view
from vtrade.services.workers.feed import FeedRoom
from vtrade.services.workers.gamification import GamificationRoom, read_hot_progress
from vtrade.services.workers.portfolio import CURVE_CELLS_MAX, HISTORY_MAX, PortfolioRoom


def check_views(world: World, rooms: Mapping[str, Reference], seen: Counter[str]) -> None:
    """Every projection is what the facts say, in the workers and where students look."""
    money: dict[str, PortfolioEngine] = {}
    progress: dict[str, ProgressEngine] = {}
    for name, room in rooms.items():
        money[name] = PortfolioEngine(curve_cells_max=CURVE_CELLS_MAX, history_max=HISTORY_MAX)
        progress[name] = ProgressEngine(rules())
        for fact in room.facts:
            money[name].apply(fact)
            progress[name].apply(fact)
    for process in world.processes:
        for name, work in process.worker.rooms().items():
            where = f"room {name} of {process.name}"
            if isinstance(work, PortfolioRoom):
                same = work.engine.state_hash() == money[name].state_hash()
                demand(same and not work.line.trouble, f"{where}: money differs from the facts {work.line.trouble}")
                seen["money_compared"] += 1
            elif isinstance(work, GamificationRoom):
                same = work.engine.state_hash() == progress[name].state_hash()
                demand(same and not work.line.trouble, f"{where}: progress differs from the facts {work.line.trouble}")
                seen["progress_compared"] += 1
            elif isinstance(work, FeedRoom):
                demand(tuple(work.state.place) == rooms[name].tape, f"{where}: the feed is somewhere else in its tape")
                seen["markets_compared"] += 1
    for name, room in rooms.items():
        if room.facts and "portfolio" in world.roles:
            check_money_shown(name, money[name], world.redis.rooms.get((name, "portfolio")))
        if room.facts and "gamification" in world.roles:
            check_progress_shown(name, progress[name], world.redis.rooms.get((name, "gamification")))


def check_money_shown(name: str, engine: PortfolioEngine, shown: Shown | None) -> None:
    """Standings by value, and each account, as a gateway reads them."""
    demand(shown is not None or not engine.accounts, f"room {name}: no money is shown")
    if shown is None:
        return
    navs = {account: engine.account(account).nav for account in engine.accounts}
    demand(shown.scores.get("nav", {}) == navs, f"room {name}: standings are {shown.scores}, the log says {navs}")
    demand(shown.views.keys() == navs.keys(), f"room {name}: shown are {sorted(shown.views)}, not {sorted(navs)}")
    for account, data in shown.views.items():
        view, due = read_hot_view(data)[1], engine.account(account)
        differs = {
            field: (getattr(view, field), getattr(due, field))
            for field in due.__struct_fields__
            if repr(getattr(view, field)) != repr(getattr(due, field))
        }  # what is not a number equals itself
        demand(not differs, f"room {name}: {account} is shown otherwise than the log says: {differs}")


def check_progress_shown(name: str, engine: ProgressEngine, shown: Shown | None) -> None:
    """Standings by experience, and each account's progress."""
    demand(shown is not None or not engine.accounts, f"room {name}: no progress is shown")
    if shown is None:
        return
    scores = engine.scores()
    demand(shown.scores.get("xp", {}) == scores, f"room {name}: standings are {shown.scores}, the log says {scores}")
    for account, data in shown.views.items():
        same = read_hot_progress(data).progress == engine.progress(account)
        demand(same, f"room {name}: progress of {account} is shown differently")


def check_actions(world: World, rooms: Mapping[str, Reference], seen: Counter[str]) -> None:
    """Every action that is one has come into its room, once."""
    if "gamification" not in world.roles:
        return
    for number in range(world.broker.partitions):
        inbound = Counter(
            dict(record.headers).get("id", b"") for record in world.broker.log((INBOUND, number)) if record is not None
        )
        for record in world.broker.log((ACTIONS, number)):
            if record is None:
                continue
            room, account = split_key(record.key)
            try:
                message = decode_inbound(record.value or b"")
            except msgspec.MsgspecError:
                continue
            if not isinstance(message, UserAction) or message.account != account:
                continue
            name = dict(record.headers).get("id", f"actions/{number}/{record.offset}".encode())
            demand(inbound[name] > 0, f"action {name!r} never came into room {room}")
            taken = name.decode() in rooms[room].ids | rooms[room].early
            demand(taken, f"action {name!r} was not taken in room {room}")
            seen["actions_brought"] += 1
            seen["actions_brought_twice"] += inbound[name] > 1
