"""What can a room be told? Streams of messages for the properties, built from small numbers that Hypothesis may shrink.

Rules: a stream depends on its numbers alone, never on an engine's answers. One family of feed for each instrument: L3
rows are consistent (nothing leaves that did not come), L2, L1 and bars say what they like. A wild stream also has far
and null prices, rows about orders that are gone or never were, and rows of the other families. One message holds one
row of the feed; :func:`framed` joins them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from hypothesis import strategies as st

from vtrade.domain import messages as msg
from vtrade.domain.accounts import NO_LIMITS, RiskLimits
from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.domain.values import MICRO
from vtrade.market.dtype import EVENT, Kind, SessionStatus

ACME = Instrument.make("ACME", tick="0.01", fees=FeeSchedule.per_share("0.005"))
COIN = Instrument.make("COIN", tick="0.05", lot="0.1", calendar="24/7", fees=FeeSchedule.bps("2.5"))
NEXT = Instrument.make("NEXT", tick="0.25", multiplier=5, fees=FeeSchedule.contract("1.25"))
LISTED = (ACME, COIN, NEXT)
FAMILIES = ("l3", "l2", "l1", "bars")
MID = 1_000
SHARE_PPM = 500_000
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

Step = tuple[int, int, int, int, int]
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(
        st.integers(0, 99), st.integers(0, 23), st.integers(0, 59), st.integers(0, 11), st.integers(0, 2**12 - 1)
    ),
    min_size=1,
    max_size=45,
)
families = st.tuples(*[st.sampled_from(FAMILIES)] * len(LISTED))


class Stream:
    """Turns steps into messages and remembers what the feed has shown."""

    def __init__(self, kinds: Sequence[str], *, wild: bool = False) -> None:
        self.kinds = kinds
        self.wild = wild
        self.ts_ns = 0
        self.orders: list[tuple[str, str, int]] = []
        self.alive: dict[int, list[int]] = {}
        self.ids = 0
        self.point = [0] * len(LISTED)
        self.range = [(MID, MID)] * len(LISTED)

    def opening(self) -> list[msg.Inbound]:
        """The room and its accounts."""
        rules = msg.RoomRules(bar_volume_share_ppm=SHARE_PPM)
        accounts = [msg.OpenAccount(0, name, cash, "USD", limits) for name, (cash, limits) in ACCOUNTS.items()]
        return [msg.OpenRoom(0, "stream", LISTED, rules), *accounts]

    def messages(self, steps: Iterable[Step]) -> list[msg.Inbound]:
        """One message a step."""
        return [self.message(step) for step in steps]

    def message(self, step: Step) -> msg.Inbound:
        action, where, lots, who, more = step
        self.ts_ns += 1_000
        k = (0, 0, 0, 1, 2)[more % 5]
        side = 1 if where % 2 else -1
        away = where // 2  # 0 to 11 ticks
        if action < 45:
            return self._feed(k, side, away, lots, who, more)
        if action < 80:
            return self._submit(k, side, away, lots, who, more)
        if action < 88:
            account, name, _ = self._named(who, more)
            return msg.CancelOrder(self.ts_ns, account, name)
        if action < 96:
            account, name, k = self._named(who, more)
            price = None if away == 0 else (MID + side * away) * LISTED[k].tick_size
            stop = None if more % 3 else (MID - side * away) * LISTED[k].tick_size
            quantity = None if lots == 0 else lots * LISTED[k].lot_size
            return msg.ReplaceOrder(self.ts_ns, account, name, quantity, price if more % 4 else None, stop)
        if action < 98:
            return self._row(k, Kind.STATUS, 0, 0, int(list(SessionStatus)[more % 4]))
        symbol = ("", *(i.symbol for i in LISTED))[more % 4]
        return msg.RoomCommand(self.ts_ns, "halt" if lots % 3 == 0 else "resume", symbol)

    def _named(self, who: int, more: int) -> tuple[str, str, int]:
        if not self.orders:
            return "free", "nothing", 0
        return self.orders[-1 - more % min(len(self.orders), 12)]

    def _submit(self, k: int, side: int, away: int, lots: int, who: int, more: int) -> msg.Inbound:
        instrument = LISTED[k]
        account = list(ACCOUNTS)[who % len(ACCOUNTS)]
        name = f"o{len(self.orders) + 1}"
        self.orders.append((account, name, k))
        kind = TYPES[more % len(TYPES)]
        limit = stop = None
        if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT):
            limit = (MID - side * (away - 6)) * instrument.tick_size
        if kind in (OrderType.STOP_MARKET, OrderType.STOP_LIMIT):
            stop = (MID + side * (away - 3)) * instrument.tick_size
        return msg.SubmitOrder(
            self.ts_ns, account, name, instrument.symbol, Side(side), kind, (lots + 1) * instrument.lot_size, limit,
            stop, TIFS[(more // 7) % len(TIFS)],
        )  # fmt: skip

    def _row(self, k: int, kind: Kind, side: int, price: int, lots: int, oid: int = 0) -> msg.MarketFrame:
        row = np.array([(self.ts_ns, price, lots, oid, k, kind, side, 0)], EVENT)
        return msg.MarketFrame(self.ts_ns, row.tobytes())

    def _feed(self, k: int, side: int, away: int, lots: int, who: int, more: int) -> msg.Inbound:
        price = MID - side * (away - 2)
        if self.wild and more % 11 == 0:
            price = WILD[more % len(WILD)]
        if who == 0:
            return self._row(k, Kind.TRADE, (0, 1, -1)[more % 3], price, lots + 1)
        kind = self.kinds[k]
        if self.wild and lots % 8 == 0:
            kind = FAMILIES[more % (3 if kind != "bars" else 4)]
        match kind:
            case "l3" if self.wild and lots % 9 == 0:
                return self._row(k, Kind(1 + more % 4), side, price, who, max(1, self.ids - away))
            case "l3":
                return self._l3(k, side, price, lots + 1, who, more)
            case "l2":
                return self._row(k, Kind.LEVEL, side, price, lots if lots > 12 else 0)
            case "l1":
                return self._row(k, Kind.QUOTE, side, price if lots > 12 else 0, lots if lots > 12 else 0)
            case _:
                return self._bar(k, away, lots, side)

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


def stream(kinds: Sequence[str], steps: Iterable[Step], *, wild: bool = False) -> list[msg.Inbound]:
    """A whole log."""
    made = Stream(kinds, wild=wild)
    return [*made.opening(), *made.messages(steps)]


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
