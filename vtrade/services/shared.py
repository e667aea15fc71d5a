"""What does a desk need of the room it stands in, wherever that room is?

Rules: three rooms look alike from a desk: :class:`vtrade.services.room.Room` on this machine, a followed room in a
gateway (:mod:`vtrade.services.followed`), and a room behind a gateway (:mod:`vtrade.services.remote`), which knows one
account only. What a room cannot do it refuses with one sentence; it never answers with less than it was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from threading import RLock
from typing import Any, NamedTuple, Protocol

from vtrade.domain.accounts import RiskLimits
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import Fact, Inbound, NewsPublished, OrderTerms, SessionChanged, TenderOffered
from vtrade.domain.orders import Reason, Side
from vtrade.domain.rules import RoomRules
from vtrade.execution.blotter import Blotter, Record
from vtrade.execution.explain import Explanation
from vtrade.execution.places import QueuePlace
from vtrade.execution.preview import Preview
from vtrade.execution.rehearsal import Asked
from vtrade.gamification.engine import ProgressEngine
from vtrade.gamification.leaderboard import Standing
from vtrade.market.candles import Candles
from vtrade.market.dtype import Events
from vtrade.market.prints import Prints
from vtrade.market.tape import TapeHead
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.ports import Entry


class AccountLook(Protocol):
    """Money of an account as the engine keeps it: micro-units."""

    @property
    def name(self) -> str: ...
    @property
    def cash(self) -> int: ...
    @property
    def reserved(self) -> int: ...
    @property
    def balances(self) -> Mapping[str, int]: ...
    @property
    def limits(self) -> RiskLimits: ...
    @property
    def ids(self) -> Mapping[str, Any]:
        """Every ``client_order_id`` that was used."""


class OrderLook(Protocol):
    """A working order: ticks and lots."""

    @property
    def order_id(self) -> int: ...
    @property
    def k(self) -> int: ...
    @property
    def side(self) -> Side: ...
    @property
    def limit(self) -> int | None: ...
    @property
    def leaves(self) -> int: ...
    @property
    def terms(self) -> OrderTerms | None: ...
    @property
    def account(self) -> AccountLook: ...


class EngineLook(Protocol):
    """What may be asked of an engine without changing it; see :class:`vtrade.execution.engine.Engine`."""

    @property
    def instruments(self) -> tuple[Instrument, ...]: ...
    @property
    def rules(self) -> RoomRules: ...
    @property
    def tape(self) -> str: ...
    @property
    def forked_from(self) -> str: ...
    @property
    def currencies(self) -> Sequence[str]: ...
    @property
    def now(self) -> int: ...
    @property
    def accounts(self) -> Mapping[str, AccountLook]: ...
    @property
    def orders(self) -> Mapping[int, OrderLook]: ...

    def index(self, symbol: str) -> int | None: ...
    def touch(self, k: int) -> tuple[int, int, int, int]: ...
    def depth(self, k: int, side: int, levels: int) -> list[tuple[int, int]]: ...
    def last(self, k: int) -> int: ...
    def session(self, k: int) -> str: ...
    def queue_ahead(self, order_id: int) -> int | None: ...
    def waiting(self, order_id: int) -> Reason: ...
    def stop_price(self, order_id: int) -> int | None: ...
    def buying_power(self, account: str) -> int: ...
    def state_hash(self) -> str: ...


class Ranking(Protocol):
    """A leaderboard, to read; see :class:`vtrade.gamification.leaderboard.Leaderboard`."""

    def top(self, n: int = 10) -> list[Standing]: ...
    def around(self, account: str, n: int = 3) -> list[Standing]: ...


class DeskRoom(Protocol):
    """A room as a desk sees it; times are nanoseconds on the room's clock."""

    shared: bool
    """Whether others trade here, so that no desk alone may move the market or go back."""
    lock: RLock

    @property
    def trouble(self) -> str: ...
    @property
    def speed(self) -> float: ...
    @property
    def changes(self) -> int: ...
    @property
    def engine(self) -> EngineLook: ...
    @property
    def blotter(self) -> Blotter: ...
    @property
    def portfolio(self) -> PortfolioEngine: ...
    @property
    def progress(self) -> ProgressEngine: ...
    @property
    def candles(self) -> Candles: ...
    @property
    def prints(self) -> Prints: ...
    @property
    def news(self) -> Sequence[NewsPublished]: ...
    @property
    def sessions(self) -> Sequence[SessionChanged]: ...
    @property
    def tenders(self) -> Mapping[str, TenderOffered]: ...
    @property
    def splits(self) -> Mapping[str, int]: ...
    @property
    def head(self) -> TapeHead | None: ...
    @property
    def now_ns(self) -> int: ...
    @property
    def playing(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    @property
    def closed(self) -> bool: ...

    def events(self) -> Events | None:
        """Market events so far; ``None`` where they are not kept."""

    def submit(self, messages: Iterable[Inbound]) -> list[list[Fact]]:
        """Send messages; the facts of each, as far as this room may know them, once all are durable."""

    def together(self) -> AbstractContextManager[None]:
        """Several steps of which listeners hear once."""

    def on_its_way(self, account: str, client_order_id: str) -> bool:
        """Whether a cancel or a replace of an order has not arrived at the venue yet."""

    def place(self, order_id: int) -> QueuePlace | None:
        """Where a working order stands in its queue, and how sure that is; under the lock."""

    def explained(self, record: Record) -> Explanation | None:
        """The story of an order, where somebody else has to tell it; ``None`` where the desk can."""

    def previewed(self, messages: Sequence[Asked], *, most: bool = False) -> list[Preview]:
        """What orders would do; see :func:`vtrade.execution.foresee.foresee`. Without the lock: it may take a while."""

    def rank(self, by: str) -> Ranking: ...
    def base_rate(self) -> float: ...
    def play(self, speed: float) -> None: ...
    def pause(self) -> None: ...
    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]: ...
    def close(self) -> None: ...


class Posted(NamedTuple):
    """What becomes of a message that was sent to a shared room.

    Attributes
    ----------
    durable : Future of int
        Done once the message is in the log and cannot be lost: its place there. That is the acknowledgement.
    told : Future of (int, list of Fact)
        Done once its record was folded: the record's number, and all its facts (also those of others: whoever answers
        a student passes on what the student may see). Fails with a ``VTradeError`` where it was refused.
    """

    durable: Future[int]
    told: Future[tuple[int, list[Fact]]]


Follower = Callable[[int, Inbound, list[Fact]], None]
"""Hears of each record: its number, the message, its facts."""


class SharedRoom(DeskRoom, Protocol):
    """A room that a gateway serves."""

    @property
    def name(self) -> str: ...
    @property
    def seq(self) -> int:
        """Number of the newest record that was folded."""

    def post(self, message: Inbound, *, message_id: str = "") -> Posted:
        """Send a message; one with the ``message_id`` of an earlier one does nothing.

        Raises
        ------
        Overloaded
            Too much is on its way; nothing was sent.
        """

    def follow(self, follower: Follower) -> Callable[[], None]:
        """Call ``follower`` with each record from now on, in order, under the room's lock; returns how to stop."""

    def entries(self) -> Iterator[Entry]:
        """Every record of the room so far, as a journal holds them."""


class Rooms(Protocol):
    """The rooms that a gateway can serve."""

    def open(self, name: str) -> SharedRoom:
        """A room that exists; may take a while the first time.

        Raises
        ------
        DeskError
            If there is no such room.
        """

    def create(self, name: str, opening: Sequence[Inbound], *, tape: str, head: TapeHead | None) -> SharedRoom:
        """A new room that begins with these messages."""

    def release(self, name: str) -> None:
        """Stop serving a room; it goes on without us."""

    def close(self) -> None:
        """Let go of everything."""


class Register(Protocol):
    """Small values by key, durable, and the same for every gateway: who may enter which room."""

    def put(self, key: str, value: bytes | None) -> None:
        """Keep a value, or remove it; durable and seen by :meth:`get` when it returns."""

    def get(self, key: str) -> bytes | None:
        """The newest value known here."""

    def items(self, prefix: str = "") -> dict[str, bytes]:
        """Values whose keys begin with ``prefix``."""

    def watch(self, listener: Callable[[str, bytes | None], None]) -> Callable[[], None]:
        """Hear of changes, also by others; returns how to stop."""

    def close(self) -> None:
        """Let go of it."""
