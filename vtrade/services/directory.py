"""Which rooms are there, who belongs to them, and whose token is this?

Rules: a token is shown once, to whoever makes it; kept is its hash, with what it opens, until when, and whether it was
revoked. A member has one token at a time: a new one revokes the old. What a token is refused for is told only to those
who hold it: a text that no token ever was is unknown, and nothing else. Names of deleted rooms are not given again,
because their journals are kept. Everything is in memory and follows the register, so a look-up costs one hash.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, TypeVar

import msgspec

from vtrade.domain.values import NS_PER_S
from vtrade.errors import AccessDenied, DeskError, Overloaded, ValueOffGrid
from vtrade.ports import Clock
from vtrade.services.access import (
    OWNER_PREFIX,
    ROOM_PREFIX,
    TOKEN_CHARS_MAX,
    TOKEN_DAYS,
    TOKEN_DAYS_MAX,
    Grant,
    Role,
    TokenRefused,
    clean_name,
    hash_token,
    lookalike_key,
    same_hash,
    shown,
)
from vtrade.services.shared import Register

ROOMS_MAX: Final = 10_000
MEMBERS_MAX: Final = 5_000
"""Members of one room, whatever their role."""
TOKENS_MAX: Final = 200_000
"""Tokens that are remembered, revoked ones included."""
KEPT_AFTER_NS: Final = 30 * 86_400 * NS_PER_S
"""An expired token is remembered so long, so that its holder can be told; then it is as unknown as any text."""
WRITERS: Final = 8
"""Changes that are on their way to the register at once."""
DAY_NS: Final = 86_400 * NS_PER_S

_ROOM, _TOKEN = "room/", "token/"
_T = TypeVar("_T")


class RoomEntry(msgspec.Struct, frozen=True):
    """A room as the directory knows it: ``state`` is making, open or deleted; times are nanoseconds since the epoch.

    ``tape`` names the market data, and with it perhaps a seed: it is for those who run the room.
    """

    name: str
    tape: str
    made_ns: int
    state: str = "making"
    cash: int = 0
    """Micro-units of money a new student begins with."""


class TokenEntry(msgspec.Struct, frozen=True):
    """What a token opens; its hash is the key."""

    role: Role
    room: str
    account: str
    made_ns: int
    expires_ns: int
    revoked_ns: int = 0
    why: str = ""
    """Why it was revoked."""


class Issued(NamedTuple):
    """A new token, the only time it is seen."""

    account: str
    role: Role
    token: str
    expires_ns: int


class Member(NamedTuple):
    """Somebody who belongs to a room; ``expires_ns`` is the end of the token that is good now, 0 where none is."""

    account: str
    role: Role
    expires_ns: int


_encoder = msgspec.json.Encoder()
_rooms: msgspec.json.Decoder[RoomEntry] = msgspec.json.Decoder(RoomEntry)
_tokens: msgspec.json.Decoder[TokenEntry] = msgspec.json.Decoder(TokenEntry)


class Directory:
    """Rooms, members and tokens over a register.

    Parameters
    ----------
    register : Register
    clock : Clock
    new_token : callable
        Makes a token that nobody can guess, given its prefix; see :func:`vtrade.services.secret.new_token`.

    Examples
    --------
    >>> from vtrade.adapters.clock import SystemClock
    >>> from vtrade.adapters.register import MemoryRegister
    >>> from vtrade.services.secret import new_token
    >>> directory = Directory(MemoryRegister(), SystemClock(), new_token)
    >>> room = directory.add_room("algebra", tape="synthetic:7", cash=0)
    >>> (issued,) = directory.enrol("algebra", ["ana"], Role.STUDENT)
    >>> directory.grant(issued.token).account
    'ana'
    >>> directory.revoke("algebra", "ana")
    1
    >>> directory.grant(issued.token)
    Traceback (most recent call last):
    vtrade.services.access.TokenRefused: this token was revoked; ask your instructor for a new one
    """

    def __init__(self, register: Register, clock: Clock, new_token: Callable[[str], str]) -> None:
        self._register = register
        self._clock = clock
        self._new_token = new_token
        self._lock = threading.RLock()
        self._changing = threading.Lock()
        self._by_hash: dict[str, TokenEntry] = {}
        self._by_member: dict[tuple[str, str], set[str]] = {}
        self._rooms: dict[str, RoomEntry] = {}
        self._listeners: list[Callable[[], None]] = []
        self._unwatch = register.watch(self._hear)
        for key, value in register.items().items():
            self._fold(key, value)

    def close(self) -> None:
        """Stop following the register, which is somebody else's."""
        self._unwatch()

    # --- following the register ----------------------------------------------------------------------------------

    def _hear(self, key: str, value: bytes | None) -> None:
        self._fold(key, value)
        for listener in tuple(self._listeners):
            listener()

    def _fold(self, key: str, value: bytes | None) -> None:
        try:
            if key.startswith(_ROOM):
                room = _rooms.decode(value) if value is not None else None
                with self._lock:
                    if room is None:
                        self._rooms.pop(key.removeprefix(_ROOM), None)
                    else:
                        self._rooms[room.name] = room
            elif key.startswith(_TOKEN):
                token = _tokens.decode(value) if value is not None else None
                with self._lock:
                    self._keep_token(key.removeprefix(_TOKEN), token)
        except msgspec.MsgspecError as error:  # of a newer gateway: what cannot be read lets nobody in
            logging.getLogger(__name__).warning("entry %s of the directory cannot be read: %s", shown(key[:20]), error)

    def _keep_token(self, digest: str, token: TokenEntry | None) -> None:
        old = self._by_hash.pop(digest, None)
        if old is not None:
            self._by_member.get((old.room, old.account), set()).discard(digest)
        if token is not None:
            self._by_hash[digest] = token
            self._by_member.setdefault((token.room, token.account), set()).add(digest)

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have ``listener`` called after each change, also by other gateways; returns how to stop."""
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    # --- who is it -----------------------------------------------------------------------------------------------

    def grant(self, token: str) -> Grant:
        """Whom a token stands for.

        Raises
        ------
        TokenRefused
            If it is unknown, expired or revoked.
        """
        if not token or len(token) > TOKEN_CHARS_MAX or not token.startswith((ROOM_PREFIX, OWNER_PREFIX)):
            raise TokenRefused("unknown", UNKNOWN)
        digest = hash_token(token)
        entry = self._by_hash.get(digest)
        if entry is None:
            raise TokenRefused("unknown", UNKNOWN)
        self._check(entry)
        return Grant(entry.role, entry.room, entry.account, digest[:16])

    def still_good(self, grant: Grant) -> str:
        """Why a grant of before lets nobody in any more, in a sentence; empty while it does."""
        for digest in tuple(self._by_member.get((grant.room, grant.account), ())):
            if same_hash(digest[:16], grant.key):
                try:
                    self._check(self._by_hash[digest])
                except TokenRefused as error:
                    return str(error)
                return ""
        return UNKNOWN

    def _check(self, entry: TokenEntry) -> None:
        room = self._rooms.get(entry.room)
        if entry.room and (room is None or room.state == "deleted"):
            raise TokenRefused("revoked", "the room of this token was deleted; ask your instructor for another room")
        if entry.revoked_ns:
            raise TokenRefused("revoked", "this token was revoked; ask your instructor for a new one")
        if entry.expires_ns <= self._clock.wall_ns():
            raise TokenRefused("expired", "this token has expired; ask your instructor for a new one")

    # --- rooms ---------------------------------------------------------------------------------------------------

    def room(self, name: str) -> RoomEntry:
        """A room that is open.

        Raises
        ------
        DeskError
            If there is none of that name.
        """
        entry = self._rooms.get(name)
        if entry is None or entry.state != "open":
            raise DeskError(f"there is no room {shown(name)}; GET /v1/rooms lists yours")
        return entry

    def rooms(self) -> list[RoomEntry]:
        """Rooms that are open, by name."""
        with self._lock:
            return sorted((r for r in self._rooms.values() if r.state == "open"), key=lambda r: r.name)

    def reserve(self, name: str, *, tape: str, cash: int) -> RoomEntry:
        """Take a name for a room that is being made; :meth:`opened` ends that.

        Raises
        ------
        ValueOffGrid
            If the name is not allowed.
        DeskError
            If it is taken, or looks like one that is.
        """
        with self._changing:
            name = clean_name(name, "room")
            with self._lock:
                taken = {lookalike_key(n): r for n, r in self._rooms.items() if n != name or r.state != "making"}
                full = len(self._rooms) >= ROOMS_MAX
            if lookalike_key(name) in taken:
                raise DeskError(
                    f"a room {shown(taken[lookalike_key(name)].name)} is or was here; choose another name, "
                    "because journals are kept under their names"
                )
            if full:
                raise Overloaded(f"there are {ROOMS_MAX:,} rooms; use another gateway")
            entry = RoomEntry(name, tape, self._clock.wall_ns(), "making", cash)
            self._put_room(entry)
            return entry

    def opened(self, name: str) -> RoomEntry:
        """The room that was reserved is there."""
        entry = msgspec.structs.replace(self._rooms[name], state="open")
        self._put_room(entry)
        return entry

    def forget(self, name: str) -> None:
        """The room that was reserved could not be made: its name is free again."""
        self._register.put(_ROOM + name, None)
        self._fold(_ROOM + name, None)

    def add_room(self, name: str, *, tape: str, cash: int) -> RoomEntry:
        """Reserve a room and open it at once."""
        return self.opened(self.reserve(name, tape=tape, cash=cash).name)

    def delete_room(self, name: str) -> None:
        """Close a room to everybody; its name is not given again."""
        self._put_room(msgspec.structs.replace(self.room(name), state="deleted"))

    def _put_room(self, entry: RoomEntry) -> None:
        self._put(_ROOM + entry.name, _encoder.encode(entry))

    def _put(self, key: str, value: bytes) -> None:
        self._register.put(key, value)
        self._fold(key, value)

    # --- members -------------------------------------------------------------------------------------------------

    def members(self, room: str) -> list[Member]:
        """Who belongs to a room, by name; those whose tokens were all revoked do not any more."""
        now = self._clock.wall_ns()
        found: dict[str, Member] = {}
        with self._lock:
            for token in self._by_hash.values():
                if token.room == room and not token.revoked_ns:
                    ends = token.expires_ns if token.expires_ns > now else 0
                    before = found.get(token.account)
                    if before is None or ends > before.expires_ns:
                        found[token.account] = Member(token.account, token.role, ends)
        return [found[name] for name in sorted(found)]

    def check_members(self, room: str, accounts: Sequence[str], known: Sequence[str] = ()) -> list[str]:
        """Names as they would be kept, if all of them may join.

        Raises
        ------
        ValueOffGrid
            If one is not allowed, stands there twice, or looks like another one of the room.
        """
        names = [clean_name(account, "account") for account in accounts]
        with self._lock:
            here = {account for place, account in self._by_member if place == room} | set(known)
        alike = {lookalike_key(name): name for name in here}
        for name in names:
            other = alike.setdefault(lookalike_key(name), name)
            if other != name:
                raise ValueOffGrid(
                    f"account {shown(name)} looks like {shown(other)}, who is here; add a letter or digit"
                )
        if len(set(names)) < len(names):
            raise ValueOffGrid("an account stands there twice; give each name once")
        if len(here | set(names)) > MEMBERS_MAX:
            raise Overloaded(f"a room has at most {MEMBERS_MAX:,} members; open a second one")
        return names

    def enrol(
        self, room: str, accounts: Sequence[str], role: Role, *, days: float = TOKEN_DAYS, known: Sequence[str] = ()
    ) -> list[Issued]:
        """New tokens for members of a room; their older ones are revoked.

        Parameters
        ----------
        days : float
            How long the tokens let them in.
        known : sequence of str
            Accounts that the room has already, so that no name looks like one of these.

        Raises
        ------
        ValueOffGrid
            If a name is not allowed, or ``days`` makes no sense. Nobody was enrolled.
        """
        with self._changing:
            self.room(room)
            names = self.check_members(room, accounts, known)
            if role == Role.OWNER:
                raise AccessDenied("the owner is of the whole gateway, not of a room; choose another role")
            return self._issue(room, names, role, days)

    def new_owner(self, *, days: float = TOKEN_DAYS_MAX) -> Issued:
        """A token for the owner of the gateway; older ones stay good."""
        with self._changing:
            return self._issue("", [""], Role.OWNER, days)[0]

    def has_owner(self) -> bool:
        """Whether an owner's token is good now."""
        now = self._clock.wall_ns()
        with self._lock:
            held = [self._by_hash[digest] for digest in self._by_member.get(("", ""), ())]
        return any(not token.revoked_ns and token.expires_ns > now for token in held)

    def revoke(self, room: str, account: str, *, why: str = "revoked") -> int:
        """Take every token of a member away; how many were good.

        Raises
        ------
        DeskError
            If nobody of that name belongs to the room.
        """
        with self._changing:
            held = list(self._held(room, account))
            if not held:
                raise DeskError(f"nobody called {shown(account)} belongs to this room")
            good = [digest for digest in held if not self._by_hash[digest].revoked_ns]
            self._each(lambda digest: self._revoke(digest, why), good)
            return len(good)

    def _held(self, room: str, account: str) -> Iterator[str]:
        with self._lock:
            yield from tuple(self._by_member.get((room, account), ()))

    def _revoke(self, digest: str, why: str) -> None:
        entry = msgspec.structs.replace(self._by_hash[digest], revoked_ns=self._clock.wall_ns(), why=why)
        self._put(_TOKEN + digest, _encoder.encode(entry))

    def _issue(self, room: str, names: Sequence[str], role: Role, days: float) -> list[Issued]:
        if isinstance(days, bool) or not isinstance(days, int | float) or not 0 < days <= TOKEN_DAYS_MAX:
            raise ValueOffGrid(f"a token of {days!r} days cannot be; give more than 0 and at most {TOKEN_DAYS_MAX:,}")
        now = self._clock.wall_ns()
        self._tidy(now)
        if len(self._by_hash) + len(names) > TOKENS_MAX:
            raise Overloaded(f"{TOKENS_MAX:,} tokens are known; wait until some have expired")
        expires = now + int(days * DAY_NS)
        issued = [Issued(name, role, self._new_token(ROOM_PREFIX if room else OWNER_PREFIX), expires) for name in names]

        def write(one: Issued) -> None:
            old = [d for d in self._held(room, one.account) if room and not self._by_hash[d].revoked_ns]
            entry = TokenEntry(role, room, one.account, now, expires)
            self._put(_TOKEN + hash_token(one.token), _encoder.encode(entry))
            for digest in old:
                self._revoke(digest, "replaced")

        self._each(write, issued)
        return issued

    def _tidy(self, now: int) -> None:
        """Forget tokens that expired long ago."""
        with self._lock:
            gone = [digest for digest, token in self._by_hash.items() if token.expires_ns + KEPT_AFTER_NS < now]
        for digest in gone:
            self._register.put(_TOKEN + digest, None)
            self._fold(_TOKEN + digest, None)

    @staticmethod
    def _each(change: Callable[[_T], None], things: Sequence[_T]) -> None:
        """Make several changes, a few at once: with a server each waits for its own echo."""
        if len(things) < 2:
            for thing in things:
                change(thing)
            return
        with ThreadPoolExecutor(WRITERS, thread_name_prefix="vtrade-directory") as pool:
            for _ in pool.map(change, things):
                pass


UNKNOWN: Final = "this token is unknown; check that it was copied whole, or ask your instructor for a new one"
