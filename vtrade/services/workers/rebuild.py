"""What do rooms look like, told from the log alone? For a Redis that was wiped, damaged, or is not believed.

Rules: every record from the first is folded by the very roles that workers run, without a group and without snapshots;
nothing is written here: whoever asks gets the rows to write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from vtrade.adapters.hot_port import Row
from vtrade.domain.topics import TRADES, partition_of, split_key
from vtrade.errors import DeskError
from vtrade.ports import Bus
from vtrade.services.workers.gamification import GamificationRole, GamificationRoom
from vtrade.services.workers.portfolio import PortfolioRole, PortfolioRoom


class RebuiltRoom(NamedTuple):
    """One projection of a room as the log tells it.

    Attributes
    ----------
    room, projection : str
    seq : int
        Number of the last fact in it.
    records, accounts : int
    epoch : int
        Of the newest writer of the room's records.
    rows : callable
        Gives each account, its view and its scores.
    """

    room: str
    projection: str
    seq: int
    records: int
    accounts: int
    epoch: int
    rows: Callable[[], Iterator[Row]]


def rooms_of_log(
    bus: Bus, role: PortfolioRole | GamificationRole, room: str | None = None,
    *, progress: Callable[[int, int], None] | None = None,
) -> Iterator[RebuiltRoom]:  # fmt: skip
    """Fold a role's rooms from their first records.

    Parameters
    ----------
    bus : Bus
    role : PortfolioRole or GamificationRole
        A new one, that shows nothing anywhere by itself.
    room : str, optional
        Only this one.
    progress : callable, optional
        Called with the number of records read, and how many there are.

    Raises
    ------
    DeskError
        If there is no such room in the log.
    """
    numbers = range(bus.partitions()) if room is None else [partition_of(room, bus.partitions())]
    ends = bus.ends(TRADES)
    total, done = sum(ends[n][1] - ends[n][0] for n in numbers), 0
    found = False
    for number in numbers:
        role.begin(number, trades_from=0, epoch=0)
        works: dict[str, PortfolioRoom | GamificationRoom] = {}
        for record in bus.read((TRADES, number)):
            name = split_key(record.key)[0]
            if not name or room in (None, name):
                if name not in works:
                    works[name] = role.open(name, None)
                works[name].take(record)
            done += 1
            if progress is not None:
                progress(done, total)
        epoch = role.checkpoint(number)[1]
        for name, work in works.items():
            if name and work.line.seq:
                found = True
                yield RebuiltRoom(
                    name, role.name, work.engine.seq, work.line.seq, len(work.engine.accounts), epoch, work.rows
                )
        role.end(number)
    if room is not None and not found:
        raise DeskError(f"there is no room {room!r} in the log; look at its name, and whether it was ever opened")
