"""What does a gateway know, and how does it let somebody into a room?

Rules: the event loop never waits for a disk, a server or a computation: opening rooms and working out answers happens
in threads, so many at once. A room is opened once, however many ask. Whoever holds a token that was revoked, has
expired or whose room was deleted is found within ``RECHECK_S`` and put out, streams included.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from vtrade.desk.desk import Desk
from vtrade.desk.wiring import Wiring
from vtrade.domain.messages import OpenAccount
from vtrade.errors import DeskError, Overloaded, Unavailable, VTradeError
from vtrade.gateway.config import STAFF_FACTOR, GatewayConfig
from vtrade.gateway.library import Library
from vtrade.gateway.limits import Buckets, Places
from vtrade.gateway.metrics import Metrics
from vtrade.gateway.problems import NotHere, TooMany
from vtrade.ports import Clock, Entry
from vtrade.services.access import Grant, May, Role, TokenRefused, shown
from vtrade.services.directory import Directory
from vtrade.services.shared import Rooms, SharedRoom
from vtrade.services.streams import RoomStreams

RECHECK_S: Final = 5.0
"""How often open streams are checked for tokens that have expired, in seconds."""
DURABLE_S: Final = 15.0
"""Longest wait until a message is durable, in seconds."""

_T = TypeVar("_T")
_log = logging.getLogger("vtrade.gateway")


class Hub(Protocol):
    """Who a token of a JupyterHub is; see :class:`vtrade.gateway.hub.HubDoor`."""

    opens_accounts: bool

    def person(self, token: str) -> tuple[str, Role] | None:
        """Name and role, ``None`` where the Hub does not know the token; may wait for the Hub."""


@dataclass(frozen=True)
class Parts:
    """What a gateway stands on; made by :mod:`vtrade.bootstrap`, which knows the adapters.

    Attributes
    ----------
    entries : callable
        Records of a room's log from the first, as they are now.
    hub : Hub or None
    closers : tuple of callable
        Called last, when everything else has been let go of.
    """

    rooms: Rooms
    directory: Directory
    clock: Clock
    wiring: Wiring
    library: Library
    entries: Callable[[str], Iterator[Entry]]
    hub: Hub | None = None
    closers: tuple[Callable[[], None], ...] = ()


class Ender(Protocol):
    """A stream that can be ended from outside, with a reason for its reader."""

    grant: Grant
    room: str

    def end(self, code: int, why: str) -> None:
        """Have it end."""


@dataclass
class Served:
    """A room with what hangs on it."""

    name: str
    room: SharedRoom
    streams: RoomStreams
    desks: dict[str, Desk] = field(default_factory=dict)


class Who(NamedTuple):
    """Somebody in a room."""

    grant: Grant
    served: Served


class Gateway:
    """The state of one gateway; everything but the threads' work happens on the event loop."""

    def __init__(self, parts: Parts, config: GatewayConfig) -> None:
        self.parts = parts
        self.config = config
        self.metrics = Metrics()
        clock = parts.clock
        self.orders = Buckets(clock, per_s=config.orders_per_s, burst=config.orders_burst)
        self.asks = Buckets(clock, per_s=config.asks_per_s, burst=config.asks_burst)
        self.tutor = Buckets(clock, per_s=config.tutor_per_s, burst=config.tutor_burst)
        self.failures = Buckets(clock, per_s=config.failures_per_s, burst=config.failures_burst)
        self.places = Places(config.streams_max, each=config.streams_per_account)
        self.streams: set[Ender] = set()
        self.ready = False
        self.draining = False
        self._served: dict[str, Served] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._pool = ThreadPoolExecutor(config.heavy_max, thread_name_prefix="vtrade-gateway")
        self._tutors = ThreadPoolExecutor(config.tutor_max, thread_name_prefix="vtrade-tutor")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watch: asyncio.Task[None] | None = None
        self._unwatch: Callable[[], None] = lambda: None

    # --- beginning and end ---------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to serve."""
        self._loop = asyncio.get_running_loop()
        self._unwatch = self.parts.directory.on_change(self._directory_changed)
        self._watch = asyncio.create_task(self._recheck_often())
        self.ready = True

    async def stop(self) -> None:
        """Tell everybody, finish what was taken, let go of everything."""
        self.ready, self.draining = False, True
        for stream in tuple(self.streams):
            stream.end(1001, "the gateway is being stopped; connect again in a moment")
        self._unwatch()
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        for name in tuple(self._served):
            await self._drop(name)
        await asyncio.get_running_loop().run_in_executor(None, self._let_go)

    def _let_go(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._tutors.shutdown(wait=False, cancel_futures=True)
        self.parts.rooms.close()
        self.parts.directory.close()
        for close in self.parts.closers:
            close()

    # --- who is it -----------------------------------------------------------------------------------------------

    async def grant(self, token: str, room: str, address: str) -> Grant:
        """Whom a token stands for in a room; ``room`` is empty where it does not matter.

        Raises
        ------
        TokenRefused, AccessDenied
        TooMany
            After too many wrong ones from this address.
        """
        try:
            if not token:
                raise TokenRefused("missing", MISSING)
            try:
                grant = self.parts.directory.grant(token)
            except TokenRefused as error:
                found = await self._hub_grant(token, room) if error.code == "unknown" else None
                if found is None:
                    raise
                grant = found
        except TokenRefused:
            after_s = self.failures.take(address)
            if after_s:
                raise TooMany("too many wrong tokens came from your address; wait a little", after_s=after_s) from None
            raise
        if room:
            grant.enter(room)
        return grant

    async def _hub_grant(self, token: str, room: str) -> Grant | None:
        hub = self.parts.hub
        if hub is None:
            return None
        person = await self.work(hub.person, token)
        if person is None:
            return None
        account, role = person
        if role == Role.OWNER:
            return Grant(role, key=f"hub:{account}")
        member = next((m for m in self.parts.directory.members(room) if m.account == account), None) if room else None
        if member is not None:
            role = member.role
        elif room and role == Role.STUDENT and not hub.opens_accounts:
            return None
        return Grant(role, room, account, f"hub:{account}")

    def pay(self, bucket: Buckets, grant: Grant, cost: float = 1.0) -> None:
        """Count something towards somebody's limit.

        Raises
        ------
        TooMany
        """
        after_s = bucket.take(f"{grant.room}/{grant.account}", cost, factor=STAFF_FACTOR if grant.staff else 1)
        if after_s:
            rate = bucket.per_s * (STAFF_FACTOR if grant.staff else 1)
            raise TooMany(f"that is more than {rate:g} a second; send again in {after_s:.2g} s", after_s=after_s)

    # --- rooms ---------------------------------------------------------------------------------------------------

    async def served(self, name: str) -> Served:
        """A room that is open to its members.

        Raises
        ------
        DeskError
            If there is none.
        """
        served = self._served.get(name)
        if served is not None and not served.room.closed:
            return served
        if self.draining:
            raise Unavailable("the gateway is being stopped; come back in a moment")
        try:
            self.parts.directory.room(name)
        except DeskError as error:
            raise NotHere(str(error)) from None
        async with self._opening.setdefault(name, asyncio.Lock()):
            served = self._served.get(name)
            if served is None or served.room.closed:
                if served is not None:
                    await self._drop(name)
                try:
                    room = await self.work(self.parts.rooms.open, name)
                except Overloaded:
                    await self._release_idle()
                    room = await self.work(self.parts.rooms.open, name)
                served = await self.take(name, room)
        self._opening.pop(name, None)
        return served

    async def take(self, name: str, room: SharedRoom) -> Served:
        """Begin to serve a room."""
        served = self._served[name] = Served(name, room, await self.work(RoomStreams, room))
        self.metrics.rooms.set(len(self._served))
        return served

    async def _release_idle(self) -> None:
        busy = {stream.room for stream in self.streams}
        for name, served in tuple(self._served.items()):
            if name not in busy and not served.room.playing:
                await self._drop(name)
                await self.work(self.parts.rooms.release, name)
                return

    async def _drop(self, name: str) -> None:
        served = self._served.pop(name, None)
        if served is not None:
            await self.work(served.streams.close)
        self.metrics.rooms.set(len(self._served))

    async def put_out(self, name: str, why: str) -> None:
        """Stop serving a room, and tell everybody in it."""
        for stream in tuple(self.streams):
            if stream.room == name:
                stream.end(4410, why)
        await self._drop(name)
        await self.work(self.parts.rooms.release, name)

    async def ensure_account(self, who: Who) -> None:
        """Give somebody of the Hub an account with his first visit."""
        grant, served = who
        if grant.account in served.room.engine.accounts or not grant.may(May.TRADE):
            return
        entry = self.parts.directory.room(served.name)
        engine = served.room.engine
        posted = served.room.post(
            OpenAccount(served.room.now_ns, grant.account, entry.cash, engine.instruments[0].currency),
            message_id=f"join/{grant.account}",
        )
        await settled([posted.told], DURABLE_S)

    def desk(self, served: Served, account: str) -> Desk:
        """The desk of an account, on this side; one an account, because the tutor remembers.

        Raises
        ------
        NotHere
            If the room has no such account.
        """
        desk = served.desks.get(account)
        if desk is None:
            if account not in served.room.engine.accounts:
                raise NotHere(f"there is no trading account {shown(account)} in this room")
            desk = served.desks[account] = Desk.on(served.room, account, self.parts.wiring)
        return desk

    # --- work in threads -----------------------------------------------------------------------------------------

    async def work(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call something that may take a while, so many at once."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)

    async def work_of_tutor(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call something that may wait for a language model, beside everything else."""
        return await asyncio.get_running_loop().run_in_executor(self._tutors, function, *arguments)

    # --- putting out -----------------------------------------------------------------------------------------------

    def _directory_changed(self) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self.recheck)

    def recheck(self) -> None:
        """Put out whoever may not be here any more."""
        for stream in tuple(self.streams):
            if stream.grant.key.startswith("hub:"):
                continue
            why = self.parts.directory.still_good(stream.grant)
            if why:
                stream.end(4401, why)

    async def _recheck_often(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_S)
            try:
                self.recheck()
            except VTradeError as error:
                _log.warning("streams could not be checked: %s", error)


async def settled(futures: list[Any], timeout_s: float) -> bool:
    """Whether all these futures of other threads are done within so many seconds."""
    pending = [future for future in futures if not future.done()]
    if not pending:
        return True
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()
    left = len(pending)

    def count() -> None:
        nonlocal left
        left -= 1
        if not left and not waiter.done():
            waiter.set_result(None)

    def hit(_: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            loop.call_soon_threadsafe(count)

    for future in pending:
        future.add_done_callback(hit)
    try:
        async with asyncio.timeout(timeout_s):
            await waiter
    except TimeoutError:
        return False
    return True


MISSING: Final = "this needs a token: send the header 'Authorization: Bearer TOKEN'"
