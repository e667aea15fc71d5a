"""How does a desk stand in a room behind a gateway? It listens to a stream, and posts what its owner asks for.

Rules: a thread of its own listens and comes back by itself after a drop, with longer and longer pauses; what was missed
is heard then. Sending is safe to repeat: every request has a name, so a second copy of it does nothing. What
:meth:`RemoteRoom.submit` returns was heard on the stream, so that whoever reads afterwards reads his own writes. What
is not known in time is one error that says so; it is never guessed.

Locks are taken in this order: that of whoever sends, the room's. The listening thread needs only the room's.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from vtrade.domain.messages import (
    AnswerTender,
    ConvertCash,
    Fact,
    Inbound,
    NewsPublished,
    OrderDenied,
    RoomCommand,
    SessionChanged,
    SubmitOrder,
    TenderOffered,
)
from vtrade.domain.orders import Reason
from vtrade.domain.stream import (
    Bye,
    unbundled,
)
from vtrade.domain.values import to_micros
from vtrade.errors import AccessDenied, DeskError, Unavailable, VTradeError
from vtrade.execution.blotter import Blotter, Record
from vtrade.execution.explain import Explanation
from vtrade.execution.house import SPEED_MAX
from vtrade.execution.places import QueuePlace
from vtrade.execution.preview import Preview
from vtrade.execution.rehearsal import Asked
from vtrade.gamification.engine import ProgressEngine
from vtrade.market.candles import Candles
from vtrade.market.dtype import Events
from vtrade.market.prints import Prints
from vtrade.market.tape import TapeHead
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.services.commands import Result, read_reply, write_body
from vtrade.services.hearing import Gap, Hearing
from vtrade.services.inquiry import Frames, RemoteRanking, Transport, read_explanation, read_previews
from vtrade.services.lookalike import EngineMirror
from vtrade.services.secret import new_name

START_S: Final = 30.0
"""Longest wait for a room's first snapshot."""
HEAR_S: Final = 10.0
"""Longest wait of :meth:`RemoteRoom.submit` for the stream to bring what the answer told of."""
WAIT_S: Final = 2.0
"""How long the gateway may wait for the outcome of a request."""
POST_S: Final = 20.0
"""Longest wait for the answer to a request."""
PREVIEW_S: Final = 5.0
"""Longest wait for a preview: a later one says more than one that comes late."""
TRIES_MAX: Final = 5
"""Times that a request is sent."""
RETRY_S: Final = 0.25
"""Pause before a request is sent again; twice as long each time."""
COMMANDS_MAX: Final = 20
"""Commands in one request."""
BACK_S: Final = 0.5
"""Pause before the first try to come back after a drop; twice as long each time."""
BACK_S_MAX: Final = 15.0
BACK_TRIES_MAX: Final = 1_000
"""Tries to come back before this is given up: hours."""
PENDING_MAX: Final = 10_000
"""Names of orders that are remembered while nothing is known of them."""
BOARDS: Final = ("xp", "nav")

log = logging.getLogger(__name__)


class RemoteRoom:
    """A room behind a gateway, as one account knows it; see :class:`vtrade.services.shared.DeskRoom`.

    Parameters
    ----------
    transport : Transport
    name : str
        Of the room.
    start_s : float
        Longest wait for the first snapshot, in seconds.

    Raises
    ------
    AccessDenied
        If the token is not good, or not for this room.
    Unavailable
        If the gateway does not answer in time.
    """

    shared = True

    def __init__(self, transport: Transport, name: str, *, start_s: float = START_S) -> None:
        self.name = name
        self.lock = threading.RLock()
        self.changes = 0
        self.trouble = ""
        """Why nothing is heard, or why the market stopped, in a sentence; empty while all is well."""
        self.speed = 1.0
        self.closed = False
        self._transport = transport
        self._path = f"/v1/rooms/{quote(name, safe='')}"
        self._turn = threading.RLock()
        self._heard = threading.Condition(self.lock)
        self._stop = threading.Event()
        self._listeners: list[Callable[[], None]] = []
        self._held = 0
        self._requests = 0
        self._desk = new_name()
        self._unsure: OrderedDict[str, None] = OrderedDict()
        """Names of orders that were sent and may not have arrived."""
        self._told = Hearing()
        self._frames: Frames | None = None
        self._error: VTradeError | None = None
        self._goodbye = ""
        self._thread = threading.Thread(target=self._run, name=f"vtrade-remote-{name}", daemon=True)
        self._thread.start()
        with self._heard:
            self._heard.wait_for(lambda: self._told.shown or self._error is not None, start_s)
        if not self._told.shown:
            error = self._error or Unavailable(
                f"room {name!r} at {transport.where} did not show itself within {start_s:g} s"
                f"{f' ({self.trouble})' if self.trouble else ''}; see that the gateway runs, and connect again"
            )
            self.close()
            raise error

    # --- listening ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        tries = 0
        while not self._stop.is_set():
            heard = self._told.seq
            again, why = True, "the stream has ended"
            try:
                again = self._listen()
            except Gap:
                why = "some of the market was missed"
                with self.lock:
                    self._told.forget()
            except Unavailable as error:
                why = str(error)
            except VTradeError as error:
                why, again, self._error = str(error), False, error
            except Exception as error:  # what a gateway sends may be anything, and the desk has to hear of it
                log.exception("the stream of room %s failed", self.name)
                why = f"{type(error).__name__}: {error}"
                with self.lock:
                    self._told.forget()
            tries = 1 if self._told.seq > heard else tries + 1
            if self._stop.is_set():
                return
            if not again or tries > BACK_TRIES_MAX:
                self._in_trouble(f"connection lost for good: {self._goodbye or why}; vt.connect(...) makes a new one")
                return
            self._in_trouble(f"connection lost ({self._goodbye or why}), trying again")
            # each desk pauses a little differently, so that a class does not come back all at once
            share = zlib.crc32(f"{self._desk}{tries}".encode()) / 2**32
            self._stop.wait(min(BACK_S_MAX, BACK_S * 2 ** min(tries - 1, 10)) * (0.5 + share))

    def _listen(self) -> bool:
        """Follow one stream to its end; whether it makes sense to come again."""
        self._goodbye = ""
        with self.lock:
            after = self._told.begin()
        query: dict[str, str | int] = {} if after is None else {"after": after}
        frames = self._frames = self._transport.stream(f"{self._path}/stream", query)
        try:
            if self._stop.is_set():
                return False
            for data in frames:
                try:
                    due = unbundled(data)
                except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                    raise Unavailable(f"{self._transport.where} sent what is no frame ({error})") from None
                different = False
                with self._heard:
                    for frame in due:
                        if isinstance(frame, Bye):
                            self._goodbye = frame.why
                            if not frame.again:
                                raise AccessDenied(frame.why)
                            return True
                        different = self._told.take(frame) or different
                    self.trouble, self.speed = self._told.trouble, self._told.speed
                    self._heard.notify_all()
                if different:
                    self._changed()
            return True
        finally:
            self._frames = None
            frames.close()

    def _in_trouble(self, text: str) -> None:
        with self._heard:
            self.trouble, self._told.playing = text, False
            self._heard.notify_all()
        self._changed()

    @property
    def account(self) -> str:
        """Whose desk this is, as the gateway says; empty for somebody without an account."""
        return self._told.account

    @property
    def role(self) -> str:
        """What one may do here, as the gateway says."""
        return self._told.role

    # --- what a desk looks at ----------------------------------------------------------------------------------------

    @property
    def engine(self) -> EngineMirror:
        """The engine, as far as the gateway tells of it."""
        assert self._told.engine is not None
        return self._told.engine

    @property
    def blotter(self) -> Blotter:
        """One's own orders with their stories."""
        return self._told.views.blotter

    @property
    def portfolio(self) -> PortfolioEngine:
        """One's own money and positions."""
        return self._told.views.portfolio

    @property
    def progress(self) -> ProgressEngine:
        """One's own XP, levels, badges."""
        return self._told.views.progress

    @property
    def candles(self) -> Candles:
        """Candles of the prints so far."""
        return self._told.views.candles

    @property
    def prints(self) -> Prints:
        """The newest prints of every instrument."""
        return self._told.views.prints

    @property
    def news(self) -> Sequence[NewsPublished]:
        """The newest headlines."""
        return self._told.views.news

    @property
    def sessions(self) -> Sequence[SessionChanged]:
        """The newest changes of a session: when trading began, stopped and went on."""
        return self._told.views.sessions

    @property
    def tenders(self) -> Mapping[str, TenderOffered]:
        """Tenders that are open to one, by name."""
        return self._told.views.tenders

    @property
    def splits(self) -> Mapping[str, int]:
        """Time of the newest split, by symbol."""
        return self._told.views.splits

    @property
    def head(self) -> TapeHead | None:
        """What may be known of the tape."""
        return self._told.head

    @property
    def now_ns(self) -> int:
        """Simulated time, as far as it is known here."""
        return self._told.now_ns

    @property
    def playing(self) -> bool:
        """Whether the market moves by itself."""
        return self._told.playing

    @property
    def ended(self) -> bool:
        """Whether the tape has nothing left."""
        return self._told.ended

    @property
    def seq(self) -> int:
        """Number of the last record that was heard of."""
        return self._told.seq

    def events(self) -> Events | None:
        """``None``: the market's events stay with the gateway."""
        return None

    def base_rate(self) -> float:
        """Simulated seconds in a real second at speed 1."""
        return self._told.head.rate if self._told.head is not None else 1.0

    def on_its_way(self, account: str, client_order_id: str) -> bool:
        """Whether a cancel or a replace of an order has not arrived at the venue yet."""
        return account == self.account and client_order_id in self.engine.money.on_its_way

    def place(self, order_id: int) -> QueuePlace | None:
        """Where one's own working order stands in its queue, as the gateway tells it."""
        return self.engine.place(order_id)

    def explained(self, record: Record) -> Explanation | None:
        """The story of an order, as the gateway tells it: it knows what passed in the market meanwhile."""
        name = record.client_order_id
        if "/" in name:  # no name for an address: the number does as well; what was denied has none, and no story there
            if not record.order_id:
                return None
            name = f"#{record.order_id}"
        query = {} if record.account == self.account else {"account": record.account}
        return read_explanation(self._transport.get(f"{self._path}/orders/{quote(name, safe='')}/explanation", query))

    def previewed(self, messages: Sequence[Asked], *, most: bool = False) -> list[Preview]:
        """What orders would do, as the gateway tries them: it has the engine."""
        if self.closed:
            raise DeskError("this desk is closed; vt.connect(...) makes a new one")
        path = f"{self._path}/preview{'?most=true' if most else ''}"
        return read_previews(self._transport.post(path, write_body(messages), timeout_s=PREVIEW_S))

    def rank(self, by: str) -> RemoteRanking:
        """A leaderboard, ``"xp"`` or ``"nav"``."""
        if by not in BOARDS:
            raise DeskError(f"there is no leaderboard by {by!r}; choose one of {', '.join(BOARDS)}")
        ranks = self._told.ranks
        rows = ranks.boards.get(by)
        return RemoteRanking(self._transport, self._path, by, account=self.account, rows=rows, whole=by in ranks.whole)

    # --- sending -----------------------------------------------------------------------------------------------------

    def submit(self, messages: Iterable[Inbound]) -> list[list[Fact]]:
        """Send messages; what one may know of the facts of each, once the stream has brought them.

        Raises
        ------
        DeskError
            If the room refused one of them, or a name was used by another desk of the same account meanwhile.
        AccessDenied
            If the token does not allow it; nothing was sent.
        Unavailable
            If it is not known what became of them: the message says whether they are safe.
        """
        told: list[list[Fact]] = []
        wanted = list(messages)
        with self._turn:
            for at in range(0, len(wanted), COMMANDS_MAX):
                told += self._request(wanted[at : at + COMMANDS_MAX])
        return told

    def _request(self, messages: list[Inbound]) -> list[list[Fact]]:
        if self.closed:
            raise DeskError("this desk is closed; vt.connect(...) makes a new one")
        names = [m.client_order_id for m in messages if isinstance(m, SubmitOrder)]
        with self.lock:
            for message in messages:
                asks = getattr(message, "account", "")
                if asks != self.account and not isinstance(message, RoomCommand) and self.role in ("student", ""):
                    raise DeskError(f"this desk is that of {self.account!r}; it cannot send for {asks!r}")
            for name in names:
                self._told.pending[name] = Reason.NONE
            while len(self._told.pending) > PENDING_MAX:
                self._told.pending.popitem(last=False)
        self._requests += 1
        body = write_body(messages, request=f"{self._desk}-{self._requests}", wait_s=WAIT_S)
        try:
            results, copies = self._post(body)
        except Unavailable as error:
            self._not_sent(names)
            for name in names:
                self._unsure[name] = None
            raise Unavailable(
                f"{_what(messages)} may have arrived or not: {error}. If it did, desk.orders() will show it; sending "
                "it again under the same client_order_id does no harm"
            ) from error
        except VTradeError:
            self._not_sent(names)
            raise
        return self._outcome(messages, results, copies=copies)

    def _not_sent(self, names: list[str]) -> None:
        """These names are free, as far as is known here."""
        with self.lock:
            for name in names:
                self._told.pending.pop(name, None)
            while len(self._unsure) > PENDING_MAX:
                self._unsure.popitem(last=False)

    def _post(self, body: bytes) -> tuple[tuple[Result, ...], int]:
        """Send a request until it is answered; what became of each command, and how often it was sent."""
        copies = 1
        while True:
            try:
                data = self._transport.post(f"{self._path}/commands", body, timeout_s=POST_S)
                return read_reply(data).results, copies
            except msgspec.MsgspecError as error:
                raise Unavailable(f"{self._transport.where} gave an answer that cannot be read ({error})") from None
            except Unavailable:
                if copies >= TRIES_MAX or self._stop.wait(RETRY_S * 2 ** (copies - 1)):
                    raise
                copies += 1

    def _outcome(self, messages: list[Inbound], results: Sequence[Result], *, copies: int) -> list[list[Fact]]:
        """What the stream tells of each message, once it has come so far."""
        if len(results) != len(messages):
            raise Unavailable(f"{self._transport.where} answered {len(results)} of {len(messages)} commands")
        refused = [(m, r) for m, r in zip(messages, results, strict=True) if r.status == "refused"]
        self._not_sent([m.client_order_id for m, _ in refused if isinstance(m, SubmitOrder)])
        newest = max((r.seq for r in results if r.status != "refused" and r.seq is not None), default=-1)
        with self._heard:
            self._heard.wait_for(lambda: self._told.seq >= newest or self.closed, HEAR_S)
            told = [
                [] if r.status == "refused" else self._facts_of(m, r) for m, r in zip(messages, results, strict=True)
            ]
        unknown = [m for m, facts in zip(messages, told, strict=True) if facts is None]
        if refused:
            raise DeskError(refused[0][1].detail or f"room {self.name!r} refused {_what([refused[0][0]])}")
        if unknown:
            raise Unavailable(
                f"{_what(unknown)} is safe in the room's log, but what became of it is not known yet; the desk shows "
                "it as soon as it is told"
            )
        for message, facts in zip(messages, told, strict=True):
            if isinstance(message, SubmitOrder) and facts and _taken(facts[0], message):
                if copies == 1 and message.client_order_id not in self._unsure:
                    raise DeskError(
                        f"client_order_id {message.client_order_id!r} was used meanwhile by another desk of yours; "
                        "leave it out or choose another"
                    )
        return [facts or [] for facts in told]

    def _facts_of(self, message: Inbound, result: Result) -> list[Fact] | None:
        """The facts of a message, ``None`` where they are not known."""
        name = message.client_order_id if isinstance(message, SubmitOrder) else ""
        seq = result.seq
        if seq is None:  # durable, and not answered yet
            known = bool(name) and self._heard.wait_for(
                lambda: self.blotter.find(self.account, name) is not None or self.closed, HEAR_S
            )
            return self._story(name) if known else None
        if seq > self._told.seq:
            return None
        facts = self._told.recent.get(seq)
        if name and not any(getattr(fact, "client_order_id", "") == name for fact in facts or ()):
            return self._story(name)  # an earlier copy of it got through, or it came with a snapshot
        if facts is None and seq <= self._told.base and isinstance(message, ConvertCash | AnswerTender):
            return None
        return facts or []

    def _story(self, name: str) -> list[Fact] | None:
        record = self.blotter.find(self.account, name)
        return None if record is None else list(record.facts)

    def play(self, speed: float) -> None:
        """Let the market move, for everybody; instructors may."""
        micros = to_micros(speed, what="speed")
        if not 0 < micros <= SPEED_MAX * 1_000_000:
            raise DeskError(f"speed {speed!r} is not between 0 and {SPEED_MAX:,}; take 1 for the market's own pace")
        self._conduct(RoomCommand(self.now_ns, "start", amount=micros))

    def pause(self) -> None:
        """Let the market stand still, for everybody; instructors may."""
        self._conduct(RoomCommand(self.now_ns, "pause", amount=to_micros(self.speed)))

    def _conduct(self, command: RoomCommand) -> None:
        try:
            self.submit([command])
        except AccessDenied:
            raise AccessDenied(
                f"this market is shared: its instructor starts, pauses and paces it; your role here is {self.role}"
            ) from None

    # --- listeners and the end ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Several steps of which listeners hear once; the market goes on meanwhile, as it is everybody's."""
        with self._turn:
            self._held += 1
            try:
                yield
            finally:
                self._held -= 1
        self._changed()

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` after changes, from another thread; returns how to stop that."""
        self._listeners.append(listener)

        def stop() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return stop

    def _changed(self) -> None:
        self.changes += 1
        if self._held:
            return
        for listener in tuple(self._listeners):
            try:
                listener()
            except Exception:  # what happened has happened
                log.exception("a listener of the desk failed")

    def close(self) -> None:
        """Stop listening; the room goes on without us."""
        self.closed = True
        self._stop.set()
        frames = self._frames
        if frames is not None:
            frames.close()
        self._transport.close()
        with self._heard:
            self._heard.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
        self._changed()
        self._listeners = []


def _taken(fact: Fact, message: SubmitOrder) -> bool:
    denied = isinstance(fact, OrderDenied) and fact.reason == Reason.DUPLICATE_CLIENT_ORDER_ID
    return denied and getattr(fact, "client_order_id", "") == message.client_order_id


def _what(messages: Sequence[Inbound]) -> str:
    """What was sent, in a few words."""
    first = messages[0]
    name = getattr(first, "client_order_id", "")
    words = f"{type(first).__name__} {name!r}" if name else type(first).__name__
    return words if len(messages) == 1 else f"{words} and {len(messages) - 1} more"
