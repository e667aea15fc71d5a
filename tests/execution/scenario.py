"""How does a market read as a text table? The small language of the matching scenarios, and what plays it.

Rules: a scenario is a title line ``== title``, then one line a step. Feed rows are written as they are; a line
``name: ...`` is an order of that participant; a line ``-> fact`` is a fact the step above must produce, in order and
without any other (marks aside); its words must occur in the fact's own words in that order. A line ``? ...`` asks the
engine. A step without ``->`` is silent, or an order that is just accepted, canceled or replaced.

After each step the engine's inside is checked from scratch, and a second engine, restored from a snapshot before every
step, must tell the same facts and have the same hash.

======================================  =============================================================================
``room share 50% tick 0.25 fee ...``    before anything else: bar volume share, grid, ``fee share|bps|contract N``;
                                        ``queue log``, ``beyond cancel``, ``hidden 20%``, ``resilience 10s``,
                                        ``impact 1 half-life 60s``, ``latency 2.5s``, ``ways 2.5s,0s`` (recorded)
``account ana 10000 [short] [all]``     a participant with limits; others join without limits and with 1,000,000
``add 1 sell 100 @ 10.02``              L3; also ``reduce 1 40``, ``delete 1``, ``execute 1 60``
``level sell 100 @ 10.02``              L2; ``quote sell 100 @ 10.02`` and ``quote sell none`` are L1
``print 100 @ 10.01 [buy|sell]``        a trade on the tape and its aggressor; ``auction`` for that of an auction
``bar open 10.00 x 1000``               then ``bar high``, ``bar low``, ``bar close``
``status open|closed|halted|resumed``   from the feed (also ``auction``); ``instructor halt|resume|close`` from a person
``agent 7 buy 10 @ 10.00 [ioc]``        exchange rooms: an agent's order, ``market`` or ``pegged 2``; ``agent 7 out``
``wait 5``                              nothing happens for so many seconds; every step takes one
``ana: b1 buy 100 @ 10.02 ioc``         a limit order; ``market``, ``stop 9.90``, ``stop 9.90 limit 9.85``
``... open|close|until 30``             at the open, at the close, good till second 30
``... post reduce show 20 trail 0.10``  post-only, reduce-only, an iceberg, a trailing stop (or ``trail 2%``)
``... oco exits parent b1``             one cancels the other; a child of ``b1``
``ana: cancel b1``                      and ``ana: replace b1 quantity 50 limit 10.01 stop 9.90``
======================================  =============================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from tests.execution.checks import Ledger, check_inside
from vtrade.domain.accounts import NO_LIMITS, RiskLimits
from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.messages import (
    AccountOpened,
    ActionRecorded,
    AuctionHeld,
    CancelOrder,
    CancelRejected,
    Fact,
    Fill,
    Inbound,
    Marked,
    MarketFrame,
    NewsPublished,
    OpenAccount,
    OpenRoom,
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderRejected,
    OrderReplaced,
    OrderSubmitted,
    OrderTriggered,
    ReplaceOrder,
    ReplaceRejected,
    RoomClosed,
    RoomCommand,
    RoomOpened,
    RoomRules,
    SessionChanged,
    SubmitOrder,
)  # fmt: skip
from vtrade.domain.orders import OrderType, Reason, Side, TimeInForce
from vtrade.domain.rules import Beyond, Latency, QueueModel
from vtrade.domain.values import plain_micros, to_micros
from vtrade.execution.engine import Engine
from vtrade.market.dtype import (
    FLAG_AUCTION,
    FLAG_IOC,
    FLAG_MARKET,
    FLAG_PEGGED,
    Kind,
    SessionStatus,
    empty_events,
)

S = 1_000_000_000
SIDES = {"buy": 1, "sell": -1}


class Scenario(NamedTuple):
    """A title and its lines, each with the number it has in the file."""

    title: str
    lines: list[tuple[int, str]]


def read(path: Path) -> Iterator[Scenario]:
    """Scenarios of a file."""
    current: Scenario | None = None
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = raw.partition("#")[0].strip()
        if line.startswith("=="):
            if current:
                yield current
            current = Scenario(line.strip("= "), [])
        elif line and current:
            current.lines.append((number, line))
        elif line:
            raise ValueError(f"{path.name}:{number}: a scenario begins with '== title'")
    if current:
        yield current


def short(reason: Reason) -> str:
    """``WAITING_FOR_DEPTH`` as ``DEPTH``."""
    return reason.removeprefix("WAITING_").removeprefix("FOR_").removeprefix("IN_")


def tell(fact: Fact, instrument: Instrument) -> str | None:
    """A fact in words; ``None`` for facts that no scenario lists."""

    def px(ticks: int | None) -> str:
        return instrument.price_text(ticks or 0).replace(",", "")

    def waits(reason: Reason) -> str:
        return f" waits {short(reason)}" if reason else ""

    def ahead(lots: int) -> str:
        return f" ahead {lots}" if lots >= 0 else ""

    match fact:
        case Fill() as f:
            return (
                f"fill {f.client_order_id} {f.last_qty} @ {px(f.last_px)} {f.liquidity} {f.cause} "
                f"left {f.leaves_quantity} fee {plain_micros(f.fee)} impact {f.impact}"
            )
        case OrderSubmitted() as f:
            return f"submitted {f.client_order_id} {f.quantity} due {f.due_ns / S:g}"
        case AuctionHeld() as f:
            return f"auction {f.quantity} @ {px(f.price)} surplus {f.surplus}"
        case OrderAccepted() as f:
            return f"accepted {f.client_order_id}{ahead(f.queue_ahead)}{waits(f.waiting)}"
        case OrderReplaced() as f:
            kept = "kept" if f.kept_priority else "lost"
            return (
                f"replaced {f.client_order_id} {f.quantity} limit {px(f.limit_price)} stop {px(f.stop_price)} "
                f"left {f.leaves_quantity} {kept}{ahead(f.queue_ahead)}{waits(f.waiting)} {f.reason}".rstrip()
            )
        case OrderTriggered() as f:
            return f"triggered {f.client_order_id} at {px(f.trigger_price)}{waits(f.waiting)}"
        case OrderCanceled() as f:
            return f"canceled {f.client_order_id} left {f.leaves_quantity} {f.reason}"
        case OrderExpired() as f:
            return f"expired {f.client_order_id} left {f.leaves_quantity} {f.reason}"
        case OrderDenied() as f:
            return f"denied {f.client_order_id} {f.reason}"
        case OrderRejected() as f:
            return f"rejected {f.client_order_id} {f.reason}"
        case CancelRejected() as f:
            return f"cancel-refused {f.client_order_id} {f.reason}"
        case ReplaceRejected() as f:
            return f"replace-refused {f.client_order_id} {f.reason}"
        case SessionChanged() as f:
            return f"session {f.status}"
        case RoomClosed():
            return "room closed"
        case Marked() | AccountOpened() | RoomOpened() | NewsPublished() | ActionRecorded():
            return None


def matches(expected: str, actual: str) -> bool:
    """Whether the expected words occur in the actual ones, in order, from the first on."""
    words = iter(actual.split())
    wanted = expected.split()
    return actual.split()[: min(2, len(wanted))] == wanted[:2] and all(word in words for word in wanted)


class Stage:
    """A room that plays lines: one engine, and its twin that lives from snapshots alone."""

    def __init__(self, *, tick: str = "0.01", multiplier: int = 1, fees: FeeSchedule | None = None,
                 rules: RoomRules | None = None) -> None:  # fmt: skip
        self.instrument = Instrument.make("ACME", tick=tick, multiplier=multiplier, fees=fees)
        self.tick = Decimal(tick)
        self.engine = Engine()
        self.twin = Engine()
        self.ledger = Ledger()
        self.ts_ns = 0
        self.resting: dict[int, list[int]] = {}
        self.rules = rules or RoomRules()
        self.send(OpenRoom(0, "stage", (self.instrument,), self.rules))

    # --- sending ---------------------------------------------------------------------------------------------------

    def send(self, message: Inbound) -> list[Fact]:
        """Process a message in both engines and check everything."""
        facts = self.engine.process(message)
        self.twin = Engine.restore(self.twin.snapshot()) if self.twin.instruments else self.twin
        assert self.twin.process(message) == facts, "an engine restored from its snapshot tells other facts"
        assert self.twin.state_hash() == self.engine.state_hash(), "a restored engine has another state"
        self.ledger.fold(facts)
        check_inside(self.engine)
        self.ledger.check(self.engine)
        return facts

    def event(
        self, kind: Kind, *, side: int = 0, price: int = 0, quantity: int = 0, order_id: int = 0, flags: int = 0
    ) -> list[Fact]:
        """Send one row of the feed."""
        events = empty_events(1)
        events[0] = (self.ts_ns, price, quantity, order_id, 0, kind, side, flags)
        return self.send(MarketFrame(self.ts_ns, events.tobytes()))

    def join(self, name: str, *, cash: str = "1000000", limits: RiskLimits = NO_LIMITS) -> None:
        """Open an account unless it is there."""
        if name not in self.engine.accounts:
            self.send(OpenAccount(self.ts_ns, name, to_micros(cash), "USD", limits))

    # --- reading words ---------------------------------------------------------------------------------------------

    def ticks(self, text: str) -> int:
        ticks = Decimal(text) / self.tick
        assert ticks == int(ticks), f"{text} is off the grid"
        return int(ticks)

    def step(self, line: str) -> list[Fact]:
        """Play one line that is not an expectation."""
        self.ts_ns += S
        head, _, rest = line.partition(" ")
        if head.endswith(":"):
            return self.order(head[:-1], rest.split())
        words = rest.replace("@", " ").replace(" x ", " ").split()
        steps: dict[str, Callable[[list[str]], list[Fact]]] = {
            "add": self._add,
            "reduce": lambda w: self._named(Kind.REDUCE, w),
            "delete": lambda w: self._named(Kind.DELETE, w),
            "execute": lambda w: self._named(Kind.EXECUTE, w),
            "level": lambda w: self._level(Kind.LEVEL, w),
            "quote": lambda w: self._level(Kind.QUOTE, w),
            "print": self._print,
            "agent": self._agent,
            "wait": self._wait,
            "bar": self._bar,
            "status": lambda w: self.event(Kind.STATUS, quantity=SessionStatus[w[0].upper()]),
            "instructor": lambda w: self.send(RoomCommand(self.ts_ns, w[0], w[1] if len(w) > 1 else "")),
            "account": self._account,
        }
        if head not in steps:
            raise ValueError(f"unknown step {line!r}")
        return steps[head](words)

    def _account(self, words: list[str]) -> list[Fact]:
        concentration = 1_000_000 if "all" in words else RiskLimits().concentration_ppm
        limits = RiskLimits(allow_short="short" in words, concentration_ppm=concentration)
        self.join(words[0], cash=words[1], limits=limits)
        return []

    def _add(self, words: list[str]) -> list[Fact]:
        number, side, lots, price = int(words[0]), SIDES[words[1]], int(words[2]), self.ticks(words[3])
        self.resting[number] = [side, price, lots]
        return self.event(Kind.ADD, side=side, price=price, quantity=lots, order_id=number)

    def _named(self, kind: Kind, words: list[str]) -> list[Fact]:
        number = int(words[0])
        side, price, left = self.resting[number]
        lots = int(words[1]) if len(words) > 1 else left
        self.resting[number][2] -= lots
        return self.event(kind, side=side, price=price, quantity=lots, order_id=number)

    def _level(self, kind: Kind, words: list[str]) -> list[Fact]:
        if words[1] == "none":
            return self.event(kind, side=SIDES[words[0]])
        return self.event(kind, side=SIDES[words[0]], quantity=int(words[1]), price=self.ticks(words[2]))

    def _print(self, words: list[str]) -> list[Fact]:
        flags = FLAG_AUCTION if "auction" in words else 0
        side = next((SIDES[word] for word in words if word in SIDES), 0)
        return self.event(Kind.TRADE, side=side, quantity=int(words[0]), price=self.ticks(words[1]), flags=flags)

    def _agent(self, words: list[str]) -> list[Fact]:
        number, side, *rest = words
        if side == "out":
            return self.event(Kind.CANCEL, order_id=int(number))
        lots, kind, *more = rest
        if kind in ("market", "pegged"):
            flags, price = (FLAG_MARKET, 0) if kind == "market" else (FLAG_PEGGED, int(more[0]))
        else:
            flags, price = FLAG_IOC if more else 0, self.ticks(kind)
        return self.event(
            Kind.ORDER, side=SIDES[side], price=price, quantity=int(lots), order_id=int(number), flags=flags
        )

    def _wait(self, words: list[str]) -> list[Fact]:
        self.ts_ns += int(words[0]) * S - S
        return self.send(MarketFrame(self.ts_ns, b""))

    def _bar(self, words: list[str]) -> list[Fact]:
        volume = int(words[2]) if len(words) > 2 else 0
        return self.event(Kind[f"BAR_{words[0].upper()}"], price=self.ticks(words[1]), quantity=volume)

    def order(self, account: str, words: list[str]) -> list[Fact]:
        self.join(account)
        if words[0] == "cancel":
            return self.send(CancelOrder(self.ts_ns, account, words[1]))
        if words[0] == "replace":
            given = {name: to_micros(value) for name, value in zip(words[2::2], words[3::2], strict=True)}
            return self.send(
                ReplaceOrder(
                    self.ts_ns, account, words[1], given.get("quantity"), given.get("limit"), given.get("stop")
                )
            )
        number, side, quantity, *terms = words
        given, more = _terms(terms)
        kinds = {(False, False): OrderType.MARKET, (False, True): OrderType.LIMIT, (True, False): OrderType.STOP_MARKET,
                 (True, True): OrderType.STOP_LIMIT}  # fmt: skip
        kind = kinds["stop" in given, "limit" in given]
        if "trail" in more or "trail_ppm" in more:
            kind = OrderType.TRAILING_STOP_MARKET
        return self.send(
            SubmitOrder(
                self.ts_ns, account, number, "ACME", Side(SIDES[side]), kind, to_micros(quantity), given.get("limit"),
                given.get("stop"), **more,
            )
        )  # fmt: skip

    # --- asking ----------------------------------------------------------------------------------------------------

    def ask(self, words: list[str]) -> str:
        """The engine's answer, written as the question writes it."""
        engine, first = self.engine, words[0]
        price = self.instrument.price_text
        if first == "touch":
            bid, bid_size, ask, ask_size = engine.touch(0)
            return f"touch {price(bid)} x {bid_size} / {price(ask)} x {ask_size}"
        if first == "depth":
            rows = engine.depth(0, SIDES[words[1]], 10)
            return " ".join(["depth", words[1], *(f"{price(px)} x {lots}" for px, lots in rows)])
        if first == "session":
            return f"session {engine.session(0)}"
        if first in ("ahead", "waiting", "status", "stop"):
            order = next((o for o in engine.orders.values() if o.client_order_id == words[1]), None)
            assert order is not None, f"order {words[1]} does not work any more"
            answer = {
                "ahead": lambda: str(engine.queue_ahead(order.order_id)),
                "waiting": lambda: short(engine.waiting(order.order_id)),
                "status": lambda: str(order.status),
                "stop": lambda: price(engine.stop_price(order.order_id) or 0),
            }[first]
            return f"{first} {words[1]} {answer()}"
        account = engine.accounts[first]
        value = {
            "cash": lambda: plain_micros(account.cash),
            "reserved": lambda: plain_micros(account.reserved),
            "position": lambda: str(account.positions[0]),
            "working": lambda: str(account.working),
            "power": lambda: plain_micros(engine.buying_power(first)),
        }[words[1]]
        return f"{first} {words[1]} {value()}"


def _terms(words: Sequence[str]) -> tuple[dict[str, int], dict[str, Any]]:
    """Prices of an order, and what else it asks for."""
    given: dict[str, int] = {}
    more: dict[str, Any] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        match word:
            case "market":
                pass
            case "@" | "limit":
                given["limit"] = to_micros(left.pop(0))
            case "stop":
                given["stop"] = to_micros(left.pop(0))
            case "open" | "close":
                more["time_in_force"] = TimeInForce[f"AT_THE_{word.upper()}"]
            case "until":
                more["time_in_force"], more["expire_ns"] = TimeInForce.GTD, int(left.pop(0)) * S
            case "post" | "reduce":
                more[f"{word}_only"] = True
            case "show":
                more["display_quantity"] = to_micros(left.pop(0))
            case "trail":
                far = left.pop(0)
                if far.endswith("%"):
                    more["trail_ppm"] = to_micros(far.rstrip("%")) // 100
                else:
                    more["trail"] = to_micros(far)
            case "oco" | "parent":
                more[word] = left.pop(0)
            case _:
                more["time_in_force"] = TimeInForce[word.upper()]
    return given, more


def _rules(given: dict[str, str]) -> RoomRules:
    def ns(name: str) -> int:
        return to_micros(given.get(name, "0").rstrip("s")) * 1_000

    def ppm(name: str) -> int:
        return to_micros(given.get(name, "0").rstrip("%")) // 100

    return RoomRules(
        bar_volume_share_ppm=ppm("share") if "share" in given else 100_000,
        queue_model=QueueModel(given.get("queue", "risk_averse")),
        beyond=Beyond(given.get("beyond", "rest")),
        hidden_ppm=ppm("hidden"),
        resilience_ns=ns("resilience"),
        impact_ppm=to_micros(given.get("impact", "0")),
        impact_half_life_ns=ns("half-life") or 60 * S,
        latency=Latency(
            entry_ns=ns("latency"), recorded=tuple(to_micros(way.rstrip("s")) * 1_000 for way in _list(given, "ways"))
        ),
    )


def _list(given: dict[str, str], name: str) -> list[str]:
    return given[name].split(",") if name in given else []


def _stage(words: Sequence[str]) -> Stage:
    given = dict(zip(words[::2], words[1::2], strict=True)) if "fee" not in words else {}
    fees = None
    if "fee" in words:
        at = words.index("fee")
        fees = {"share": FeeSchedule.per_share, "bps": FeeSchedule.bps, "contract": FeeSchedule.contract}[
            words[at + 1]
        ](words[at + 2])
        rest = [*words[:at], *words[at + 3 :]]
        given = dict(zip(rest[::2], rest[1::2], strict=True))
    return Stage(
        tick=given.get("tick", "0.01"), multiplier=int(given.get("multiplier", "1")), fees=fees, rules=_rules(given)
    )


def expected_of(step: str, *, travels: bool = False) -> list[str]:
    """What a step without ``->`` must produce; where messages travel, an order is submitted and the rest is silent."""
    head, _, rest = step.partition(" ")
    words = rest.split()
    if head == "status":
        return [f"session {'OPEN' if words[0] in ('open', 'resumed') else words[0].upper()}"]
    if not head.endswith(":"):
        return []
    if words[0] in ("cancel", "replace"):
        return [] if travels else [f"{'canceled' if words[0] == 'cancel' else 'replaced'} {words[1]}"]
    return [f"submitted {words[0]}" if travels and "parent" not in words else f"accepted {words[0]}"]


def play(scenario: Scenario, *, where: str = "") -> Stage:
    """Run a scenario; an ``AssertionError`` names the line and shows what was told instead."""
    lines = list(scenario.lines)
    stage = _stage(lines.pop(0)[1].split()[1:]) if lines[0][1].split()[0] == "room" else Stage()
    while lines:
        number, line = lines.pop(0)
        place = f"{where}:{number}: {line}"
        if line.startswith("?"):
            asked = " ".join(line[1:].split())
            answer = stage.ask(asked.split())
            assert answer == asked, f"{place}\n  answer: {answer}"
            continue
        wanted = []
        while lines and lines[0][1].startswith("->"):
            wanted.append(lines.pop(0)[1][2:].strip())
        try:
            facts = stage.step(line)
        except AssertionError as error:
            raise AssertionError(f"{place}\n  {error}") from error
        told = [text for text in (tell(fact, stage.instrument) for fact in facts) if text is not None]
        wanted = wanted or expected_of(line, travels=not stage.rules.latency.none)
        same = len(wanted) == len(told) and all(map(matches, wanted, told))
        assert same, f"{place}\n  wanted: {wanted}\n  told:   {told}"
    return stage
