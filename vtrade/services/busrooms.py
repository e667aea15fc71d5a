"""Which rooms lie on a shared bus, where does each begin, and who follows which?

Rules: where a room begins stands in the register, under ``beginning/NAME``, so that every gateway finds it; a room is
followed from there when somebody first asks for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from vtrade.domain.messages import Inbound
from vtrade.domain.topics import INBOUND, TRADES, partition_of
from vtrade.errors import BusUnavailable, DeskError
from vtrade.market.tape import TapeHead
from vtrade.ports import Bus, Clock, Entry
from vtrade.services.followed import Boards, FollowedRoom
from vtrade.services.joined import Beginning, entries_of
from vtrade.services.shared import Ranking, Register

OPEN_S: Final = 30.0
"""Longest wait for a new room to be opened by an execution worker."""


class BusRooms:
    """Rooms whose logs lie on a shared bus.

    Parameters
    ----------
    bus : Bus
    register : Register
        Keeps where each room begins, under ``beginning/NAME``.
    ranks : callable
        ``ranks(room, by)``: the leaderboard that the workers keep.
    boards : callable
        Makes empty leaderboards, for while the workers' cannot be read.
    """

    def __init__(
        self, bus: Bus, register: Register, clock: Clock, *, ranks: Callable[[str, str], Ranking], boards: Boards
    ) -> None:
        self._bus = bus
        self._register = register
        self._boards = boards
        self._clock = clock
        self._ranks = ranks
        self._lock = threading.Lock()
        self._rooms: dict[str, FollowedRoom] = {}

    def open(self, name: str) -> FollowedRoom:
        """A room that exists."""
        with self._lock:
            room = self._rooms.get(name)
            if room is not None and not room.closed:
                return room
            data = self._register.get(f"beginning/{name}")
            if data is None:
                raise DeskError(f"there is no room {name!r}")
            beginning = msgspec.msgpack.decode(data, type=Beginning)
            room = self._rooms[name] = FollowedRoom(
                name, self._bus, beginning, self._clock, ranks=self._ranks, boards=self._boards
            )
        room.catch_up(OPEN_S)
        return room

    def create(self, name: str, opening: Sequence[Inbound], *, tape: str, head: TapeHead | None) -> FollowedRoom:
        """A new room that begins with these messages."""
        if self._register.get(f"beginning/{name}") is not None:
            raise DeskError(f"there is a room {name!r} already; choose another name")
        partition = partition_of(name, self._bus.partitions())
        trades = self._bus.ends(TRADES).get(partition, (0, 0))[1]
        inbound = self._bus.ends(INBOUND).get(partition, (0, 0))[1]
        beginning = Beginning(inbound, trades, tape, head)
        self._register.put(f"beginning/{name}", msgspec.msgpack.encode(beginning))
        room = self.open(name)
        posted = [room.post(message, message_id=f"open/{name}/{n}") for n, message in enumerate(opening)]
        try:
            for one in posted:
                one.told.result(OPEN_S)
        except TimeoutError:
            self.forget(name)
            raise BusUnavailable(
                f"room {name!r} was not opened within {OPEN_S:g} s; does an execution worker run? "
                "(`vtrade stack status`)"
            ) from None
        return room

    def entries(self, name: str) -> Iterator[Entry]:
        """Records of a room as they are now, from the first."""
        data = self._register.get(f"beginning/{name}")
        if data is None:
            raise DeskError(f"there is no room {name!r}")
        return entries_of(self._bus, name, msgspec.msgpack.decode(data, type=Beginning))

    def release(self, name: str) -> None:
        """Stop serving a room."""
        with self._lock:
            room = self._rooms.pop(name, None)
        if room is not None:
            room.close()

    def forget(self, name: str) -> None:
        """Remove a room: it is not found any more. Its records stay in the log until they expire."""
        self.release(name)
        self._register.put(f"beginning/{name}", None)

    def close(self) -> None:
        """Let go of every room."""
        for name in tuple(self._rooms):
            self.release(name)
