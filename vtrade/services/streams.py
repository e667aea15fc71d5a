"""How does one room feed hundreds of streams at once? One follower, one pump, and a place in a ring for every stream.

Rules: a record is looked at once, under the room's lock, and kept in a ring; a stream is a place in that ring, so that
a slow reader costs nothing but its own place, and is sent away with a :class:`~vtrade.domain.stream.Bye` when it falls
out of the ring. Facts of an account go out at once; what is public waits for the next turn of the pump, at most
:data:`EVERY_S`, and is encoded once for everybody. The market, one's own money and the standings tell how things are,
so whoever was slow gets what is true now. Nothing here reads a clock.

Locks are taken in this order: that of the turns (:attr:`vtrade.services.outlook.Outlook.turn`), the room's, that of the
ring. Taking frames needs only the last.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, Final

import msgspec

from vtrade.domain.messages import CancelOrder, Fact, Inbound, OrderAccepted, OrderSubmitted, ReplaceOrder
from vtrade.domain.stream import (
    STANDINGS,
    Bye,
    Facts,
    Money,
    OrderNow,
    Own,
    Row,
    Standings,
    Told,
    Welcome,
    bundled,
    encode_frame,
    in_parts,
)
from vtrade.errors import DeskError, VTradeError
from vtrade.services.access import Role
from vtrade.services.outlook import Outlook
from vtrade.services.shared import SharedRoom
from vtrade.services.visible import as_public, money_of, order_now, owner_of, sees_all, snapshot_for, visible

EVERY_S: Final = 0.2
"""Least time between two turns of the pump."""
CROWD: Final = 125
"""With so many connections more turns would cost more than anybody sees."""
IDLE_S: Final = 1.0
"""Longest sleep of the pump."""
RANKS_EVERY: Final = 5
"""Turns of the pump between two looks at the standings: about a second."""
RECORDS_MAX: Final = 50_000
"""Records in the ring."""
FACTS_MAX: Final = 200_000
"""Facts in the ring."""
FRAME_FACTS_MAX: Final = 5_000
"""Facts in one frame."""
LOOKS_MAX: Final = 500
"""Orders that are looked at in one turn, those of accounts that did something first; others wait for the next."""
BOARDS: Final = ("xp", "nav")

TOO_SLOW: Final = "this connection was too slow to follow the room; connect again"
NOT_SERVED: Final = "this room is not served here any more; connect again in a moment"

log = logging.getLogger(__name__)
_encoder = msgspec.msgpack.Encoder()


class Kept:
    """A record in the ring; what is sent of it is encoded when it is first asked for."""

    __slots__ = ("_all", "_public", "facts", "seq", "ts_ns")

    def __init__(self, seq: int, ts_ns: int, facts: list[Fact]) -> None:
        self.seq, self.ts_ns, self.facts = seq, ts_ns, facts
        self._public: msgspec.Raw | None = None
        self._all: msgspec.Raw | None = None

    def public(self) -> msgspec.Raw:
        """What everybody may know."""
        if self._public is None:
            self._public = self._encoded([as_public(fact) for fact in self.facts if owner_of(fact) == ""])
        return self._public

    def all(self) -> msgspec.Raw:
        """Everything, for staff."""
        if self._all is None:
            self._all = self._encoded(self.facts)
        return self._all

    def own(self, account: str, money: Money | None) -> msgspec.Raw:
        """What an account may know."""
        return self._encoded(visible(self.facts, account=account, role=Role.STUDENT), money)

    def _encoded(self, facts: list[Fact], money: Money | None = None) -> msgspec.Raw:
        return msgspec.Raw(_encoder.encode(Told(self.seq, self.ts_ns, facts, money)))


Item = tuple[Kept, Callable[[], msgspec.Raw]]


class Seat:
    """An account with somebody in front of it."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.connections: set[Connection] = set()
        self.working: dict[int, None] = {}
        """Order ids, oldest first."""
        self.moving: set[str] = set()
        """Orders of which a cancel or a replace may be on its way."""
        self.dirty = True
        self.told: tuple[Money, tuple[OrderNow, ...]] | None = None
        self.version = 0
        self.frame = b""


class Connection:
    """One stream; made by :meth:`RoomStreams.connect`.

    Attributes
    ----------
    account : str
        Empty where the stream is of nobody in particular.
    role : str
    closed : bool
        Nothing more will come than what :meth:`take` has given.
    on_ready : callable or None
        Called, from any thread, when there is something to take and there was nothing before.
    """

    def __init__(self, streams: RoomStreams, account: str, role: str, *, place: int, first: list[bytes]) -> None:
        self.account, self.role = account, role
        self.closed = False
        self.on_ready: Callable[[], None] | None = None
        self._streams = streams
        self._staff = sees_all(role)
        self._first = first
        self._place = place
        self._seat: Seat | None = None
        self._market_seen = self._candles_seen = self._own_seen = self._ranks_seen = 0
        self._bye: Bye | None = None
        self._ready = threading.Event()

    def take(self, timeout: float = 0.0) -> list[bytes]:
        """Frames that are due, oldest first; waits up to ``timeout`` seconds for the first, empty where none came."""
        if timeout > 0:
            self._ready.wait(timeout)
        self._ready.clear()
        return [] if self.closed else self._streams._due(self)

    def end(self, why: str, *, again: bool = True) -> None:
        """Say good-bye: the next :meth:`take` is the last one."""
        self._bye = self._bye or Bye(why, again)
        self._wake()

    def close(self) -> None:
        """The reader is gone."""
        self.closed = True
        self._streams._leave(self)
        self._ready.set()

    def _behind(self) -> bool:
        """Whether there is news of the account's own orders."""
        return self._seat is not None and self._own_seen != self._seat.version

    def _wake(self) -> None:
        if not self._ready.is_set():
            self._ready.set()
            if self.on_ready is not None:
                self.on_ready()


class RoomStreams:
    """All streams of a room.

    Parameters
    ----------
    room : SharedRoom
    every_s : float
        Least time between two turns of the pump, in seconds, longer where there are more than ``CROWD`` connections; 0
        makes no pump: whoever made this calls :meth:`pump`.
    """

    def __init__(self, room: SharedRoom, *, every_s: float = EVERY_S) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._outlook = Outlook(room, self._lock)
        self._connections: set[Connection] = set()
        self._seats: dict[str, Seat] = {}
        self._ring: list[Kept] = []
        self._public: list[Kept] = []
        self._personal: dict[str, list[tuple[Kept, Money | None]]] = {}
        self._facts_kept = 0
        self._batches: dict[tuple[int, int], list[bytes]] = {}
        self._told = (0, 0, 0)
        self._ranks = Standings({})
        self._ranks_version, self._ranks_frame = 0, b""
        self._ranks_dirty, self._ranks_due = True, 0
        self._closed = False
        self._stop = threading.Event()
        self._dirty = threading.Event()
        with self._outlook.turn, room.lock:
            self._floor = room.seq
            """Records up to this one are not in the ring."""
            self._outlook.look()
            self._unfollow = room.follow(self._hear)
        self._unlisten = room.on_change(self._dirty.set)
        self._dirty.set()
        self._thread: threading.Thread | None = None
        if every_s > 0:
            self._every_s = every_s
            self._thread = threading.Thread(target=self._run, name=f"vtrade-streams-{room.name}", daemon=True)
            self._thread.start()

    # --- coming and going --------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._connections)

    def connect(self, account: str, role: str, after: int | None = None) -> Connection:
        """Begin a stream; not to be called by who holds the room's lock.

        Parameters
        ----------
        account : str
            Of a student; of no use to others.
        role : str
            One of :class:`vtrade.services.access.Role`.
        after : int, optional
            Number of the last record that an earlier stream brought: this one goes on there, if that is not too long
            ago.

        Raises
        ------
        DeskError
            If there is no such account in the room, or the room is not served here any more.
        """
        room, outlook = self._room, self._outlook
        if not self._ranks_version:  # nobody should have to begin without
            self._look_at_ranks()
        with outlook.turn, room.lock:
            if role == Role.STUDENT and account not in room.engine.accounts:
                raise DeskError(f"account {account[:64]!r} is not in this room; its instructor opens accounts")
            account = account if role == Role.STUDENT else ""
            changed = outlook.look()
            with self._lock:
                if self._closed:
                    raise DeskError(NOT_SERVED)
                self._mark_seats(changed)
                resumed = after is not None and self._floor <= after <= room.seq
            place = after if resumed and after is not None else room.seq
            first = [encode_frame(Welcome(room.name, account, role, resumed, place))]
            candles_seen = outlook.since(place)
            if not resumed:
                first += in_parts(snapshot_for(room, account, role))
                candles_seen, parts = outlook.block()
                first += parts
            connection = Connection(self, account, role, place=place, first=first)
            connection._candles_seen = candles_seen
            with self._lock:
                self._connections.add(connection)
                if account:
                    seat = self._seats.get(account) or self._new_seat(account)
                    seat.connections.add(connection)
                    seat.dirty = True
                    connection._seat = seat
        connection._wake()
        self._dirty.set()
        return connection

    def _new_seat(self, account: str) -> Seat:
        seat = self._seats[account] = Seat(account)
        for record in self._room.blotter.of(account):
            if record.working:
                seat.working[record.order_id] = None
                seat.moving.add(record.client_order_id)
        return seat

    def _leave(self, connection: Connection) -> None:
        with self._lock:
            self._connections.discard(connection)
            seat = connection._seat
            if seat is not None:
                seat.connections.discard(connection)
                if not seat.connections and self._seats.get(seat.account) is seat:
                    del self._seats[seat.account]

    def close(self) -> None:
        """End all streams, and stop following the room."""
        self._stop.set()
        self._dirty.set()
        with self._lock:
            if self._closed:
                return
            self._closed = True
            connections = tuple(self._connections)
        self._unfollow()
        self._unlisten()
        for connection in connections:
            connection.end(NOT_SERVED)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)

    # --- records come in, under the room's lock ----------------------------------------------------------------------

    def _hear(self, seq: int, message: Inbound, facts: list[Fact]) -> None:
        kept = Kept(seq, self._room.engine.now, facts)
        owners = {owner_of(fact) for fact in facts}
        public = "" in owners
        names = {owner for owner in owners if owner}
        author = getattr(message, "account", "")
        if author in self._seats:
            names.add(author)
        self._outlook.note(message, facts)
        self._ranks_dirty = self._ranks_dirty or bool(facts)
        moneys = {name: self._money(seat, message, facts) for name in names if (seat := self._seats.get(name))}
        woken: list[Connection] = []
        with self._lock:
            self._ring.append(kept)
            self._facts_kept += len(facts)
            if public:
                self._public.append(kept)
            for name in names:
                self._personal.setdefault(name, []).append((kept, moneys.get(name)))
                if name in self._seats:
                    woken += self._seats[name].connections
            if len(self._ring) > RECORDS_MAX or self._facts_kept > FACTS_MAX:
                self._forget()
        for connection in woken:
            connection._wake()
        self._dirty.set()

    def _money(self, seat: Seat, message: Inbound, facts: list[Fact]) -> Money:
        """What the account has now; the next look at its orders has to tell it again."""
        if isinstance(message, CancelOrder | ReplaceOrder) and not self._room.engine.rules.latency.none:
            seat.moving.add(message.client_order_id)
        for fact in facts:
            if isinstance(fact, OrderSubmitted | OrderAccepted) and fact.account == seat.account:
                seat.working[fact.order_id] = None
        money = money_of(self._room, seat.account, sorted(seat.moving))
        seat.moving = set(money.on_its_way)
        seat.dirty, seat.told = True, None
        return money

    def _forget(self) -> None:
        """Let go of the oldest tenth of the ring."""
        count = max(1, len(self._ring) // 10)
        gone, self._ring = self._ring[:count], self._ring[count:]
        self._floor = gone[-1].seq
        self._facts_kept -= sum(len(kept.facts) for kept in gone)
        self._public = self._public[bisect_right(self._public, self._floor, key=_seq) :]
        for name, items in tuple(self._personal.items()):
            left = items[bisect_right(items, self._floor, key=_seq_of_pair) :]
            if left:
                self._personal[name] = left
            else:
                del self._personal[name]

    # --- a turn of the pump ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self._dirty.wait(IDLE_S):
                continue
            try:
                self.pump()
            except Exception:  # the next turn may do better, and everybody depends on it
                log.exception("a turn of the streams of room %s failed", self._room.name)
            self._stop.wait(self._every_s * self._slower())

    def _slower(self) -> float:
        """How many times longer turns take because of the crowd."""
        return max(1.0, len(self._connections) / CROWD)

    def pump(self) -> None:
        """One turn: look at what changed, and wake everybody for whom there is something."""
        self._dirty.clear()
        with self._outlook.turn:
            changed = self._outlook.look()
        with self._room.lock, self._lock:
            self._mark_seats(changed)
        more = self._look_at_seats()
        self._ranks_due -= 1
        if self._ranks_dirty and self._ranks_due <= 0:
            self._look_at_ranks()
        if more or self._ranks_dirty:
            self._dirty.set()
        with self._lock:
            self._batches.clear()
            told = self._outlook.version, self._ranks_version, self._public[-1].seq if self._public else 0
            everybody, self._told = told != self._told, told
            connections = tuple(self._connections)
        for connection in connections:
            if everybody or connection._staff or connection._behind():
                connection._wake()

    def _mark_seats(self, changed: set[int]) -> None:
        """Whose orders may stand differently, and whose margin may be worth something else."""
        engine = self._room.engine
        moved, self._outlook.marks_moved = self._outlook.marks_moved, False
        many = len(engine.currencies) > 1
        for seat in self._seats.values():
            if seat.dirty:
                continue
            if moved and (many or engine.accounts[seat.account].limits.on_margin):
                seat.dirty = True
            elif changed and seat.working:
                orders = (engine.orders.get(number) for number in seat.working)
                seat.dirty = any(order is not None and order.k in changed for order in orders)

    def _look_at_seats(self) -> bool:
        """See how the orders of those who are here stand; whether some have to wait for the next turn."""
        looks = 0
        with self._lock:
            dirty = sorted((s for s in self._seats.values() if s.dirty), key=lambda seat: seat.told is not None)
        for at, seat in enumerate(dirty):
            if looks >= LOOKS_MAX:
                with self._lock:  # the others come first the next time
                    for done in dirty[:at]:
                        if self._seats.get(done.account) is done:
                            self._seats[done.account] = self._seats.pop(done.account)
                return True
            looks += 1 + self._look_at_seat(seat)
        return False

    def _look_at_seat(self, seat: Seat) -> int:
        """See how an account's orders stand; how many that are."""
        room = self._room
        with room.lock:
            engine = room.engine
            for number in [number for number in seat.working if number not in engine.orders]:
                del seat.working[number]
            seat.dirty = False
            money = money_of(room, seat.account, sorted(seat.moving))
            now = money, tuple(order_now(room, number) for number in seat.working)
            seat.moving = set(money.on_its_way)
            if now != seat.told:
                frame = encode_frame(Own(room.seq, *now))
                with self._lock:
                    seat.told, seat.frame, seat.version = now, frame, seat.version + 1
            return len(seat.working)

    def _look_at_ranks(self) -> None:
        self._ranks_due, self._ranks_dirty = max(1, int(RANKS_EVERY / self._slower())), False
        boards: dict[str, tuple[Row, ...]] = {}
        whole: list[str] = []
        for by in BOARDS:
            with contextlib.suppress(VTradeError):  # what was known before stays
                rows = self._room.rank(by).top(STANDINGS + 1)
                boards[by] = tuple(Row(r.rank, r.account, r.score, r.moved) for r in rows[:STANDINGS])
                whole += [by] if len(rows) <= STANDINGS else []
        ranks = Standings(boards, tuple(whole))
        if boards and ranks != self._ranks:
            frame = encode_frame(ranks)
            with self._lock:
                self._ranks, self._ranks_frame, self._ranks_version = ranks, frame, self._ranks_version + 1

    # --- frames go out -----------------------------------------------------------------------------------------------

    def _due(self, connection: Connection) -> list[bytes]:
        with self._lock:
            out, connection._first = connection._first, []
            if connection._place < self._floor:
                connection._bye = connection._bye or Bye(TOO_SLOW)
            if connection._bye is None:
                out += self._records(connection)
                out += self._states(connection)
                return bundled(out)
            connection.closed = True
        self._leave(connection)
        return bundled([*out, encode_frame(connection._bye)])

    def _records(self, connection: Connection) -> list[bytes]:
        """What the stream has not heard of yet, as frames."""
        place = connection._place
        if connection._staff:
            news = self._ring[bisect_right(self._ring, place, key=_seq) :]
            connection._place = news[-1].seq if news else place
            return _cut([(kept, kept.all) for kept in news if kept.facts])
        first = bisect_right(self._public, place, key=_seq)
        mine = self._personal.get(connection.account, []) if connection.account else []
        mine = mine[bisect_right(mine, place, key=_seq_of_pair) :]
        if mine:
            owned = {kept.seq for kept, _ in mine}
            items: list[Item] = [(kept, kept.public) for kept in self._public[first:] if kept.seq not in owned]
            items += [(kept, _own(kept, connection.account, money)) for kept, money in mine]
            items.sort(key=_seq_of_pair)
            connection._place = items[-1][0].seq
            return _cut(items)
        if first == len(self._public):
            return []
        key = self._public[first].seq, self._public[-1].seq
        if key not in self._batches:
            self._batches[key] = _cut([(kept, kept.public) for kept in self._public[first:]])
        connection._place = key[1]
        return self._batches[key]

    def _states(self, connection: Connection) -> list[bytes]:
        """How things are, as far as the stream does not know it."""
        out: list[bytes] = []
        seat, outlook = connection._seat, self._outlook
        if seat is not None and connection._own_seen != seat.version:
            connection._own_seen = seat.version
            out.append(seat.frame)
        if connection._market_seen != outlook.version:
            out.append(outlook.frame(connection._market_seen, connection._candles_seen))
            connection._market_seen, connection._candles_seen = outlook.version, outlook.seq
            # the records up to the market's went out before it, so that its number tells what was heard
            connection._place = max(connection._place, outlook.seq)
        if connection._ranks_seen != self._ranks_version:
            connection._ranks_seen = self._ranks_version
            out.append(self._ranks_frame)
        return out


def _own(kept: Kept, account: str, money: Money | None) -> Callable[[], msgspec.Raw]:
    return lambda: kept.own(account, money)


def _cut(items: list[Item]) -> list[bytes]:
    """Records as frames that are not too long."""
    out: list[bytes] = []
    batch: list[Any] = []
    facts = 0
    for kept, told in items:
        if batch and facts + len(kept.facts) > FRAME_FACTS_MAX:
            out.append(encode_frame(Facts(batch)))
            batch, facts = [], 0
        batch.append(told())
        facts += len(kept.facts)
    return [*out, encode_frame(Facts(batch))] if batch else out


def _seq(kept: Kept) -> int:
    return kept.seq


def _seq_of_pair(pair: tuple[Kept, Any]) -> int:
    return pair[0].seq
