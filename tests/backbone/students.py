"""What does a class ask for while its servers and workers are broken, and what was it promised?

Rules: each request has an id. One whose fate is not known is sent again with the same id, and now and then one that was
acknowledged is sent again too, as by a browser that was pressed twice. What was acknowledged is remembered with its
place in the log.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tests.backbone.crew import until
from vtrade.domain import messages as msg
from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.domain.topics import ACTIONS, INBOUND, account_key, inbound_headers
from vtrade.domain.values import MICRO
from vtrade.errors import JournalError, Overloaded, Unavailable
from vtrade.ports import Outgoing
from vtrade.services.followed import FollowedRoom

if TYPE_CHECKING:
    from vtrade.adapters.kafka.bus import KafkaBus

ACCOUNTS: Final = tuple(f"student {n}" for n in range(10))
ACME: Final = Instrument.make("ACME", tick="0.05", fees=FeeSchedule.per_share("0.005"))
SAP: Final = Instrument.make("SAP", tick="0.05", currency="EUR")
MID: Final = 1_000
PAUSE_S: Final = 0.01
"""Between two requests of a class."""
OPEN_MAX: Final = 200
"""Requests of which the fate is not known; then students wait."""
AGAIN: Final = (Overloaded, Unavailable, JournalError)
"""After these a request is sent again, with the same id."""
PRESSED_TWICE: Final = 9
"""Every so many acknowledged requests are sent once more."""


@dataclass
class Request:
    """Something a student wants.

    Attributes
    ----------
    id : str
        Its name in the room's log.
    topic : str
        Where it is sent; empty where it goes through a gateway.
    place : int
        Where it was acknowledged first; -1 before that.
    unknown : int
        How often its fate was not known.
    twice : bool
        Whether it was sent again after it had been acknowledged.
    """

    id: str
    message: msg.Inbound
    topic: str = INBOUND
    place: int = -1
    unknown: int = 0
    twice: bool = False


Post = Callable[[Request], "Future[int]"]
"""Sends a request; the future gives its place once it is acknowledged."""


def to_kafka(room: FollowedRoom, bus: KafkaBus) -> Post:
    """Send requests as a gateway and a notebook do."""

    def post(request: Request) -> Future[int]:
        if request.topic == INBOUND:
            return room.post(request.message, message_id=request.id).durable
        key = account_key(room.name, getattr(request.message, "account", ""))
        return bus.post(Outgoing(ACTIONS, key, msg.encode_inbound(request.message), inbound_headers(request.id)))

    return post


class Wishes:
    """What students think of next; the same for the same seed and times."""

    def __init__(self, seed: int) -> None:
        self._luck = np.random.default_rng(seed)
        self._count = 0
        self._orders: deque[tuple[str, str]] = deque(maxlen=12)

    def next(self, now_ns: int) -> Request:
        """One more request."""
        self._count += 1
        n, luck = self._count, self._luck
        account = ACCOUNTS[int(luck.integers(len(ACCOUNTS)))]
        kind = luck.random()
        if kind < 0.10 and self._orders:
            owner, order = self._orders[int(luck.integers(len(self._orders)))]
            return Request(f"{owner}/{n}", msg.CancelOrder(now_ns, owner, order))
        if kind < 0.18 and self._orders:
            owner, order = self._orders[int(luck.integers(len(self._orders)))]
            price = (MID + int(luck.integers(-4, 5))) * ACME.tick_size
            return Request(f"{owner}/{n}", msg.ReplaceOrder(now_ns, owner, order, limit_price=price))
        if kind < 0.26:
            pair = ("USD", "EUR") if luck.random() < 0.6 else ("EUR", "USD")
            return Request(f"{account}/{n}", msg.ConvertCash(now_ns, account, *pair, int(luck.integers(1, 90)) * MICRO))
        if kind < 0.38:
            action = "plan_written" if luck.random() < 0.5 else "lesson_finished"
            topic = ACTIONS if luck.random() < 0.7 else INBOUND
            return Request(f"{account}/{n}", msg.UserAction(now_ns, account, action, f"{n:02}", "buy low"), topic)
        self._orders.append((account, f"o{n}"))
        market = luck.random() < 0.45
        instrument = ACME if luck.random() < 0.7 else SAP
        price = None if market else (MID + int(luck.integers(-4, 5))) * instrument.tick_size
        order = msg.SubmitOrder(
            now_ns, account, f"o{n}", instrument.symbol, Side.BUY if luck.random() < 0.55 else Side.SELL,
            OrderType.MARKET if market else OrderType.LIMIT, int(luck.integers(1, 30)) * MICRO, price,
            time_in_force=TimeInForce.IOC if market else TimeInForce.GTC,
        )  # fmt: skip
        return Request(f"{account}/{n}", order)


class Students:
    """A thread in which a class asks for things, and asks again until each is acknowledged.

    Attributes
    ----------
    acknowledged : list of Request
    unknown : int
        How often the fate of a request was not known.
    refused : list of str
        Errors that no student should have seen.
    """

    def __init__(self, post: Post, now_ns: Callable[[], int], *, seed: int = 1) -> None:
        self.acknowledged: list[Request] = []
        self.unknown = 0
        self.refused: list[str] = []
        self._post, self._now_ns = post, now_ns
        self._wishes = Wishes(seed)
        self._sent: list[tuple[Request, Future[int]]] = []
        self._again: deque[Request] = deque()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="students", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            while not (self._stop.is_set() and not self._sent and not self._again):
                self._settle()
                if self._again:
                    self._send(self._again.popleft())
                elif len(self._sent) < OPEN_MAX and not self._stop.is_set():
                    self._send(self._wishes.next(self._now_ns()))
                time.sleep(PAUSE_S)
        except Exception as error:  # the test has to hear of it
            self.refused.append(f"the students' thread ended: {error!r}")
            raise

    def _send(self, request: Request) -> None:
        try:
            self._sent.append((request, self._post(request)))
        except AGAIN:
            self._again.append(request)

    def _settle(self) -> None:
        """See what was acknowledged."""
        open_still: list[tuple[Request, Future[int]]] = []
        for request, durable in self._sent:
            if not durable.done():
                open_still.append((request, durable))
                continue
            error = durable.exception()
            if error is None:
                self._acknowledge(request, durable.result())
            elif isinstance(error, AGAIN):
                self.unknown += 1
                request.unknown += 1
                self._again.append(request)
            else:
                self.refused.append(f"{request.id}: {error}")
        self._sent = open_still

    def _acknowledge(self, request: Request, offset: int) -> None:
        if request.place >= 0:
            return
        request.place = offset
        self.acknowledged.append(request)
        if len(self.acknowledged) % PRESSED_TWICE == 0:
            request.twice = True
            self._again.append(request)

    def more(self, count: int) -> None:
        """Wait until so many more requests are acknowledged."""
        wanted = len(self.acknowledged) + count
        until(lambda: self.refused or len(self.acknowledged) >= wanted, f"{count} more acknowledged")
        assert not self.refused

    def asks_no_more(self) -> None:
        """Ask for nothing new; what is on its way goes on."""
        self._stop.set()

    def stop(self) -> None:
        """Ask for nothing new, and wait until everything is acknowledged."""
        self.asks_no_more()
        until(lambda: not self._thread.is_alive(), "everything acknowledged")
        assert not self.refused
