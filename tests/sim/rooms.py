"""What is traded in the simulated rooms, and what do people ask for?

Rules: small rooms, so that a day takes a fraction of a second; every kind of message is in it, good and bad. A room has
a short tape with a headline and a corporate action; one room has latency, so that a refused message can have moved it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

from tests.sim.faults import Faults
from vtrade.domain import messages as msg
from vtrade.domain.accounts import NO_LIMITS, RiskLimits
from vtrade.domain.actions import ActionKind, CorporateAction
from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.domain.rules import Latency, RoomRules
from vtrade.domain.topics import ACTIONS, INBOUND, VERSION, account_key, inbound_headers
from vtrade.domain.values import MICRO, NS_PER_S
from vtrade.market.dtype import Kind, empty_events
from vtrade.market.tape import NewsItem, Tape
from vtrade.ports import Outgoing

ACME: Final = Instrument.make("ACME", tick="0.05", fees=FeeSchedule.per_share("0.005"))
ROOMS: Final = ("alba", "bora", "cima")
STUDENTS: Final = ("ana", "ben", "cleo")
MID: Final = 1_000
ROWS: Final = 60
STEP_NS: Final = NS_PER_S // 4
RULES: Final = (
    RoomRules(),
    RoomRules(latency=Latency(entry_ns=NS_PER_S // 2, jitter_ns=NS_PER_S)),
    RoomRules(resilience_ns=2 * NS_PER_S, settlement_days=1),
)
LIMITS: Final = (NO_LIMITS, RiskLimits(allow_short=True, concentration_ppm=MICRO), RiskLimits(max_working_orders=4))


@cache
def tape_of(name: str) -> Tape:
    """The tape of a room: levels and prints around ``MID``, a headline, a dividend."""
    shift = ROOMS.index(name)
    events = empty_events(ROWS)
    for n in range(ROWS):
        side = 1 if n % 2 else -1
        price, lots = MID - side * (1 + (n * 7 + shift) % 4), 20 + (n * 13) % 60
        kind = Kind.TRADE if n > 8 and n % 5 == 0 else Kind.LEVEL
        events[n] = (n * STEP_NS, price if kind == Kind.LEVEL else MID + (n + shift) % 3 - 1, lots, 0, 0, kind, side, 0)
    return Tape(
        name, (ACME,), events, "L2", news=(NewsItem(5 * NS_PER_S, "ACME", "profits are up"),),
        actions=(CorporateAction(9 * NS_PER_S, "ACME", ActionKind.DIVIDEND, amount=MICRO // 4),),
    )  # fmt: skip


def opening(room: str) -> list[msg.Inbound]:
    """What a class begins with: the room, its accounts, the market starts."""
    number = ROOMS.index(room)
    accounts = [
        msg.OpenAccount(0, name, 50_000 * MICRO, "USD", LIMITS[(number + n) % len(LIMITS)])
        for n, name in enumerate(STUDENTS)
    ]
    start = msg.RoomCommand(0, "start", amount=0 if number == 2 else MICRO)
    return [msg.OpenRoom(0, room, (ACME,), RULES[number], seed=number, tape=room), *accounts, start]


class Asked(NamedTuple):
    """A request on its way, or ready to be sent again: ``name`` is its id, empty where it has none."""

    room: str
    name: str
    record: Outgoing


def asked(room: str, message: msg.Inbound, name: str) -> Asked:
    """A request as a gateway writes it."""
    return Asked(room, name, Outgoing(INBOUND, room, msg.encode_inbound(message), inbound_headers(name)))


class Crowd:
    """Students and their instructor: what they ask next."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._orders: dict[str, list[tuple[str, str]]] = {room: [] for room in ROOMS}
        self._count = 0

    def next(self, room: str, now_ns: int) -> msg.Inbound:
        """Something that somebody in a room wants."""
        self._count += 1
        ts_ns = max(0, now_ns + self._faults.choice((0, 0, 1, STEP_NS, -STEP_NS)))
        return self._faults.choice(WISHES)(self, room, ts_ns)

    def _who(self) -> str:
        return self._faults.choice((*STUDENTS, *STUDENTS, *STUDENTS, "nobody"))

    def submit(self, room: str, ts_ns: int) -> msg.Inbound:
        f = self._faults
        account, name = self._who(), f"c{self._count}"
        if self._orders[room] and f.below(12) == 0:
            account, name = f.choice(self._orders[room])  # a browser that pressed twice
        self._orders[room].append((account, name))
        kind = f.choice((OrderType.LIMIT, OrderType.LIMIT, OrderType.MARKET, OrderType.STOP_MARKET))
        price = (MID + f.below(13) - 6) * ACME.tick_size
        return msg.SubmitOrder(
            ts_ns, account, name, "ACME", f.choice((Side.BUY, Side.BUY, Side.SELL)), kind, (1 + f.below(15)) * MICRO,
            price if kind == OrderType.LIMIT else None, price if kind == OrderType.STOP_MARKET else None,
            f.choice((TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC)),
        )  # fmt: skip

    def _order(self, room: str) -> tuple[str, str]:
        known = self._orders[room]
        return self._faults.choice(known[-6:]) if known else ("ana", "none")

    def cancel(self, room: str, ts_ns: int) -> msg.Inbound:
        return msg.CancelOrder(ts_ns, *self._order(room))

    def replace(self, room: str, ts_ns: int) -> msg.Inbound:
        f = self._faults
        price = (MID + f.below(13) - 6) * ACME.tick_size
        return msg.ReplaceOrder(ts_ns, *self._order(room), (1 + f.below(15)) * MICRO, f.choice((None, price)))

    def convert(self, room: str, ts_ns: int) -> msg.Inbound:
        f = self._faults
        pair = f.choice((("USD", "EUR"), ("EUR", "USD"), ("USD", "USD")))
        return msg.ConvertCash(ts_ns, self._who(), *pair, f.below(500) * MICRO)

    def act(self, room: str, ts_ns: int) -> msg.Inbound:
        return msg.UserAction(ts_ns, self._who(), self._faults.choice(("plan_written", "review_written")), "ACME", "é")

    def teach(self, room: str, ts_ns: int) -> msg.Inbound:
        """What an instructor does, now and then wrongly: the engine refuses that."""
        f = self._faults
        ts_ns += f.choice((0, 0, 4 * STEP_NS))  # ahead of the market, so that something may be due before it
        wishes: tuple[msg.Inbound, ...] = (
            msg.RoomCommand(ts_ns, "news", "ACME", f"news {self._count}"),
            msg.RoomCommand(ts_ns, "halt", "ACME"),
            msg.RoomCommand(ts_ns, "resume"),
            msg.RoomCommand(ts_ns, "fine", account=self._who(), amount=f.below(3) * MICRO),
            msg.RoomCommand(ts_ns, "adjust", account=self._who(), amount=(f.below(9) - 4) * MICRO),
            msg.RoomCommand(ts_ns, "pause"),
            msg.RoomCommand(ts_ns, "start", amount=f.choice((0, MICRO, 4 * MICRO))),
            msg.RoomCommand(ts_ns, "speed", amount=f.choice((-1, 2 * MICRO))),
            msg.RoomCommand(ts_ns, "dance"),
            msg.CorporateAction(ts_ns, "ACME", ActionKind.SPLIT, numerator=2),
            msg.CorporateAction(ts_ns, "EUR", ActionKind.RATE, amount=MICRO + f.below(MICRO // 5)),
            msg.OpenAccount(ts_ns, "late", f.choice((-1, 1_000 * MICRO))),
            msg.OpenRoom(ts_ns, room, (ACME,)),
        )  # fmt: skip
        return f.choice(wishes)

    def action(self, room: str, ts_ns: int, name: str) -> Outgoing:
        """What a student did beside trading, as a notebook writes it; now and then in somebody else's name."""
        f = self._faults
        who = f.choice(STUDENTS)
        what = f.choice(("lesson_finished", "plan_written", "review_written", "quiz_answered"))
        action = msg.UserAction(ts_ns, who, what, f"{f.below(4):02d}", "1")
        key = account_key(room, who if f.below(12) else "somebody")
        return Outgoing(ACTIONS, key, msg.encode_inbound(action), inbound_headers(name))

    def poison(self, room: str, name: str) -> Outgoing:
        """A record that is none, or not for this room, or of another version."""
        f = self._faults
        good = msg.encode_inbound(self.submit(room, 0))
        value, headers = f.choice((
            (b"", inbound_headers(name)),
            (b"\xc1\xff nothing", inbound_headers(name)),
            (good[: len(good) // 2], inbound_headers(name)),
            (good, ((VERSION, b"99"),)),
            (good, ()),
            (good, ((*inbound_headers("")[0:1], ("id", b"\xff\xfe")))),
            (msg.encode_inbound(msg.OpenRoom(0, "elsewhere", (ACME,))), inbound_headers(name)),
            (msg.encode_inbound(msg.MarketFrame(0, b"short")), inbound_headers(name)),
            (None, inbound_headers(name)),
        ))  # fmt: skip
        return Outgoing(INBOUND, room, value, headers)


WISHES: Final[tuple[Callable[[Crowd, str, int], msg.Inbound], ...]] = (
    *(Crowd.submit,) * 6, *(Crowd.cancel,) * 2, *(Crowd.replace,) * 2, Crowd.convert, Crowd.act, *(Crowd.teach,) * 2,
)  # fmt: skip
"""What people want, each as often as it stands here."""
