"""What can a room be told? Streams of messages for the properties, built from small numbers that Hypothesis may shrink.

Rules: a stream depends on its numbers alone, never on an engine's answers. One family of feed for each instrument: L3
rows are consistent (nothing leaves that did not come), L2, L1, bars and agents say what they like. A wild stream also
has far and null prices, rows about orders that are gone or never were, and rows of the other families. The venue's
rules are one of ``RULES``. One message holds one row of the feed; :func:`framed` joins them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from hypothesis import strategies as st

from vtrade.domain import messages as msg
from vtrade.domain.accounts import NO_LIMITS, RiskLimits
from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.domain.rules import Beyond, Latency, QueueModel, RoomRules
from vtrade.domain.values import MICRO
from vtrade.market.dtype import EVENT, FLAG_AUCTION, FLAG_IOC, FLAG_MARKET, FLAG_PEGGED, Kind, SessionStatus

ACME = Instrument.make("ACME", tick="0.01", fees=FeeSchedule.per_share("0.005"))
COIN = Instrument.make("COIN", tick="0.05", lot="0.1", calendar="24/7", fees=FeeSchedule.bps("2.5"))
NEXT = Instrument.make("NEXT", tick="0.25", multiplier=5, fees=FeeSchedule.contract("1.25"))
LISTED = (ACME, COIN, NEXT)
FAMILIES = ("l3", "l2", "l1", "bars", "agents")
MID = 1_000
SHARE_PPM = 500_000
STEP_NS = 1_000
RULES = (
    RoomRules(bar_volume_share_ppm=SHARE_PPM),
    RoomRules(bar_volume_share_ppm=SHARE_PPM, latency=Latency(entry_ns=2_500, jitter_ns=3_000)),
    RoomRules(bar_volume_share_ppm=SHARE_PPM, queue_model=QueueModel.POWER, hidden_ppm=300_000),
    RoomRules(bar_volume_share_ppm=SHARE_PPM, queue_model=QueueModel.LOG, beyond=Beyond.SQUARE_ROOT),
    RoomRules(
        bar_volume_share_ppm=SHARE_PPM, queue_model=QueueModel.INFERRED, beyond=Beyond.CANCEL,
        latency=Latency(recorded=(0, 4_000, 500)),
    ),
    RoomRules(bar_volume_share_ppm=SHARE_PPM, impact_ppm=800_000, impact_half_life_ns=40_000),
    RoomRules(bar_volume_share_ppm=SHARE_PPM, resilience_ns=5_000),
    RoomRules(
        bar_volume_share_ppm=SHARE_PPM, queue_model=QueueModel.INFERRED, beyond=Beyond.SQUARE_ROOT,
        hidden_ppm=2_000_000,
        resilience_ns=9_000, impact_ppm=3_000_000, latency=Latency(feed_ns=500, entry_ns=700, jitter_ns=9_000),
    ),
)  # fmt: skip
"""Each rule of a venue alone, and all of them together."""
LIMITED = RiskLimits(max_working_orders=6)
SHORTING = RiskLimits(allow_short=True, concentration_ppm=600_000, collar_ppm=2_000)
ACCOUNTS = {
    "free": (0, NO_LIMITS),
    "also free": (0, NO_LIMITS),
    "limited": (40_000 * MICRO, LIMITED),
    "short": (3_000 * MICRO, SHORTING),
}

TYPES = (
    OrderType.LIMIT,
    OrderType.LIMIT,
    OrderType.LIMIT,
    OrderType.MARKET,
    OrderType.STOP_MARKET,
    OrderType.STOP_LIMIT,
)
TIFS = (TimeInForce.DAY, TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK)
WILD = (1, 19_999_999, 200, 4_000, 12_000, 0)
"""Prices in ticks that now and then interrupt the usual ones."""

Step = tuple[int, int, int, int, int, int]
BOUNDS = (100, 24, 60, 12, 2**12, 2**10)
"""Of the numbers of a step: action, where, lots, who, more, and what an order asks for beyond the usual."""
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(*(st.integers(0, bound - 1) for bound in BOUNDS)),
    min_size=1,
    max_size=45,
)
families = st.tuples(*[st.sampled_from(FAMILIES)] * len(LISTED))
venues = st.integers(0, len(RULES) - 1)


class Stream:
    """Turns steps into messages and remembers what the feed has shown."""

    def __init__(self, kinds: Sequence[str], *, rules: int = 0, wild: bool = False) -> None:
        self.kinds = kinds
        self.rules = RULES[rules]
        self.wild = wild
        self.ts_ns = 0
        self.orders: list[tuple[str, str, int, int]] = []
        """Account, name, instrument and side."""
        self.alive: dict[int, list[int]] = {}
        self.ids = 0
        self.agents = 2_000
        self.point = [0] * len(LISTED)
        self.range = [(MID, MID)] * len(LISTED)

    def opening(self) -> list[msg.Inbound]:
        """The room and its accounts."""
        accounts = [msg.OpenAccount(0, name, cash, "USD", limits) for name, (cash, limits) in ACCOUNTS.items()]
        return [msg.OpenRoom(0, "stream", LISTED, self.rules, seed=7), *accounts]

    def messages(self, steps: Iterable[Step]) -> list[msg.Inbound]:
        """One message a step."""
        return [self.message(step) for step in steps]

    def message(self, step: Step) -> msg.Inbound:
        action, where, lots, who, more, asks = step
        self.ts_ns += STEP_NS
        k = (0, 0, 0, 1, 2)[more % 5]
        side = 1 if where % 2 else -1
        away = where // 2  # 0 to 11 ticks
        if action < 45:
            return self._feed(k, side, away, lots, who, more)
        if action < 80:
            return self._submit(k, side, away, lots, who, more, asks)
        if action < 88:
            account, name, *_ = self._named(who, more)
            return msg.CancelOrder(self.ts_ns, account, name)
        if action < 96:
            account, name, k, _ = self._named(who, more)
            price = None if away == 0 else (MID + side * away) * LISTED[k].tick_size
            stop = None if more % 3 else (MID - side * away) * LISTED[k].tick_size
            quantity = None if lots == 0 else lots * LISTED[k].lot_size
            return msg.ReplaceOrder(self.ts_ns, account, name, quantity, price if more % 4 else None, stop)
        if action < 98:
            return self._row(k, Kind.STATUS, 0, 0, int(list(SessionStatus)[more % 5]))
        symbol = ("", *(i.symbol for i in LISTED))[more % 4]
        return msg.RoomCommand(self.ts_ns, "halt" if lots % 3 == 0 else "resume", symbol)

    def _named(self, who: int, more: int) -> tuple[str, str, int, int]:
        if not self.orders:
            return "free", "nothing", 0, 0
        return self.orders[-1 - more % min(len(self.orders), 12)]

    def _submit(self, k: int, side: int, away: int, lots: int, who: int, more: int, asks: int) -> msg.Inbound:
        instrument = LISTED[k]
        tick, lot = instrument.tick_size, instrument.lot_size
        account = list(ACCOUNTS)[who % len(ACCOUNTS)]
        name = f"o{len(self.orders) + 1}"
        kind, tif = TYPES[more % len(TYPES)], TIFS[(more // 7) % len(TIFS)]
        special: dict[str, Any] = {}
        match asks % 16:
            case 7:
                special["post_only"] = True
            case 8:
                special["reduce_only"] = True
            case 9 | 10:
                special["display_quantity"] = (lots // 5 + 1) * lot
            case 11:
                kind, special["trail"] = OrderType.TRAILING_STOP_MARKET, (away + 1) * tick
            case 12:
                kind, special["trail_ppm"] = OrderType.TRAILING_STOP_MARKET, 400 * (away + 1)
            case 13:
                tif, special["expire_ns"] = TimeInForce.GTD, self.ts_ns + (lots % 20) * STEP_NS // 2
            case 14:
                tif = TimeInForce.AT_THE_OPEN
            case 15:
                tif = TimeInForce.AT_THE_CLOSE
        group = asks // 16
        if 0 < group % 16 < 5:
            special["oco"] = f"g{group % 16}"
        if group % 16 > 11:
            mates = [(o[1], o[3]) for o in self.orders[-12:] if (o[0], o[2]) == (account, k) and o[3] == -side]
            if mates:
                special["parent"] = mates[-1][0]
                special["oco"] = f"{mates[-1][0]} exits" if group > 32 else ""
        self.orders.append((account, name, k, side))
        limit = stop = None
        if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT):
            limit = (MID - side * (away - 6)) * tick
        if kind in (OrderType.STOP_MARKET, OrderType.STOP_LIMIT):
            stop = (MID + side * (away - 3)) * tick
        return msg.SubmitOrder(
            self.ts_ns, account, name, instrument.symbol, Side(side), kind, (lots + 1) * lot, limit, stop, tif,
            **special,
        )  # fmt: skip

    def _row(
        self, k: int, kind: Kind, side: int, price: int, lots: int, oid: int = 0, flags: int = 0
    ) -> msg.MarketFrame:
        row = np.array([(self.ts_ns, price, lots, oid, k, kind, side, flags)], EVENT)
        return msg.MarketFrame(self.ts_ns, row.tobytes())

    def _feed(self, k: int, side: int, away: int, lots: int, who: int, more: int) -> msg.Inbound:
        price = MID - side * (away - 2)
        if self.wild and more % 11 == 0:
            price = WILD[more % len(WILD)]
        kind = self.kinds[k]
        if who == 0 and kind != "agents":
            flags = FLAG_AUCTION if lots % 5 == 0 else 0
            return self._row(k, Kind.TRADE, (0, 1, -1)[more % 3], price, lots + 1, flags=flags)
        if self.wild and lots % 8 == 0:
            kind = FAMILIES[more % (3 if kind != "bars" else 5)]
        match kind:
            case "l3" if self.wild and lots % 9 == 0:
                return self._row(k, Kind(1 + more % 4), side, price, who, max(1, self.ids - away))
            case "l3":
                return self._l3(k, side, price, lots + 1, who, more)
            case "l2":
                return self._row(k, Kind.LEVEL, side, price, lots if lots > 12 else 0)
            case "l1":
                return self._row(k, Kind.QUOTE, side, price if lots > 12 else 0, lots if lots > 12 else 0)
            case "agents":
                return self._agent(k, side, price, lots, who, more)
            case _:
                return self._bar(k, away, lots, side)

    def _agent(self, k: int, side: int, price: int, lots: int, who: int, more: int) -> msg.Inbound:
        if who > 9:
            return self._row(k, Kind.CANCEL, 0, 0, 0, max(1, self.agents - more % 12))
        flags = (0, 0, 0, 0, FLAG_PEGGED, FLAG_PEGGED, FLAG_IOC, FLAG_MARKET)[more % 8]
        if flags == FLAG_PEGGED:
            price = abs(price - MID)
        if flags == FLAG_MARKET:
            price = 0
        if flags & (FLAG_IOC | FLAG_MARKET):
            return self._row(k, Kind.ORDER, side, price, lots + 1, 0, flags)
        self.agents += 1
        return self._row(k, Kind.ORDER, side, price, lots + 1, self.agents, flags)

    def _l3(self, k: int, side: int, price: int, lots: int, who: int, more: int) -> msg.Inbound:
        mine = [oid for oid, row in self.alive.items() if row[0] == k]
        if who < 6 or not mine:
            self.ids = self.ids % 40 + 1 if self.wild else self.ids + 1
            self.alive[self.ids] = [k, side, price, lots]
            return self._row(k, Kind.ADD, side, price, lots, self.ids)
        oid = mine[more % len(mine)]
        _, side, price, left = self.alive[oid]
        kind = (Kind.REDUCE, Kind.DELETE, Kind.EXECUTE, Kind.EXECUTE)[who % 4]
        lots = left if kind == Kind.DELETE else min(lots, left)
        self.alive[oid][3] -= lots
        if lots == left:
            del self.alive[oid]
            kind = Kind.DELETE if kind == Kind.REDUCE else kind
        return self._row(k, kind, side, price, lots, oid)

    def _bar(self, k: int, away: int, lots: int, side: int) -> msg.Inbound:
        """Open, high, low, close in turn (or low before high)."""
        point, price = self.point[k], MID + side * away
        low, high = self.range[k]
        self.point[k] = (point + 1) % 4
        if point == 0:
            self.range[k] = (price, price)
            return self._row(k, Kind.BAR_OPEN, 0, price, lots)
        if point == 3:
            return self._row(k, Kind.BAR_CLOSE, 0, min(max(price, low), high), 0)
        up = (point == 1) == (lots % 2 == 0)
        price = max(high, MID + away) if up else min(low, MID - away)
        self.range[k] = (min(low, price), max(high, price))
        return self._row(k, Kind.BAR_HIGH if up else Kind.BAR_LOW, 0, price, 0)


def stream(kinds: Sequence[str], steps: Iterable[Step], *, rules: int = 0, wild: bool = False) -> list[msg.Inbound]:
    """A whole log."""
    made = Stream(kinds, rules=rules, wild=wild)
    return [*made.opening(), *made.messages(steps)]


def without_margin(messages: Sequence[msg.Inbound]) -> list[msg.Inbound]:
    """The same log without accounts on margin: theirs is looked at once a frame, as marks are."""
    return [
        msgspec.structs.replace(m, limits=NO_LIMITS) if isinstance(m, msg.OpenAccount) and m.limits.on_margin else m
        for m in messages
    ]


def framed(messages: Sequence[msg.Inbound], cuts: Sequence[bool]) -> list[msg.Inbound]:
    """Market rows that follow each other in one frame, but for where a cut is asked for."""
    joined: list[msg.Inbound] = []
    for i, message in enumerate(messages):
        last = joined[-1] if joined else None
        if isinstance(message, msg.MarketFrame) and isinstance(last, msg.MarketFrame) and not cuts[i % len(cuts)]:
            joined[-1] = msg.MarketFrame(message.ts_ns, last.events + message.events)
        else:
            joined.append(message)
    return joined
