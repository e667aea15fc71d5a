"""What does the engine keep for each account while facts come in?

Rules: every number is an exact integer, save the deepest drawdown, which is one correctly rounded division. Lists that
grow with trading have a bound; counts and sums are kept apart from them, so statistics stay exact when old rows go.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import Fill
from vtrade.portfolio.curve import Curve
from vtrade.portfolio.ledger import FillKeys
from vtrade.portfolio.lots import LotQueue, RoundTrip

HISTORY_MAX: Final = 100_000
"""Fills, and finished round trips, kept per account; older ones are in the journal."""


class Holding:
    """An account's dealings in one instrument."""

    __slots__ = ("account", "fees", "index", "instrument", "keys", "lots", "tick_value")

    def __init__(self, account: AccountState, index: int, instrument: Instrument) -> None:
        self.account = account
        self.index = index
        self.instrument = instrument
        self.tick_value = instrument.tick_value
        self.lots = LotQueue(account.name, instrument)
        self.keys = FillKeys(account.name, instrument.symbol, instrument.currency)
        self.fees = 0


class TripSums:
    """Round trips counted and added up, in micro-units after fees."""

    __slots__ = ("count", "hits", "lost", "won")

    def __init__(self, count: int = 0, hits: int = 0, won: int = 0, lost: int = 0) -> None:
        self.count, self.hits, self.won, self.lost = count, hits, won, lost

    def add(self, trip: RoundTrip) -> None:
        """Count one more."""
        net = trip.net_pnl
        self.count += 1
        if net > 0:
            self.hits += 1
            self.won += net
        else:
            self.lost -= net


class AccountState:
    """One account, mutable; only the engine touches it."""

    __slots__ = (
        "cash",
        "currency",
        "curve",
        "deepest",
        "deposits",
        "fees",
        "fill_count",
        "fills",
        "high_water_mark",
        "holdings",
        "name",
        "nav",
        "opened_ns",
        "opened_seq",
        "slippage",
        "slippage_base",
        "sums",
        "touched",
        "traded_notional",
        "trips",
    )

    def __init__(
        self,
        name: str,
        currency: str,
        deposits: int,
        *,
        opened_seq: int,
        opened_ns: int,
        curve: Curve,
        history_max: int,
    ) -> None:
        self.name = name
        self.currency = currency
        self.opened_seq = opened_seq
        self.opened_ns = opened_ns
        self.deposits = self.cash = self.nav = self.high_water_mark = deposits
        self.deepest = 0.0
        self.fees = 0
        self.traded_notional = 0
        # cost against arrival, and notional at arrival, both times 2 because a mid is half a sum of ticks
        self.slippage = 0
        self.slippage_base = 0
        self.fill_count = 0
        self.fills: deque[Fill] = deque(maxlen=history_max)
        self.trips: deque[RoundTrip] = deque(maxlen=history_max)
        self.sums = TripSums()
        self.holdings: dict[int, Holding] = {}
        self.curve = curve
        self.touched = False

    def observe(self, ts_ns: int) -> None:
        """The value has changed: follow the high-water mark, the drawdown and the curve."""
        nav = self.nav
        high = self.high_water_mark
        if nav > high:
            self.high_water_mark = nav
        elif nav < high and high > 0:
            depth = (nav - high) / high
            if depth < self.deepest:
                self.deepest = depth
        self.curve.add(ts_ns, nav)

    def drawdown(self) -> float:
        """Present distance below the high-water mark; NaN while that was never positive."""
        high = self.high_water_mark
        return (self.nav - high) / high if high > 0 else float("nan")

    def max_drawdown(self) -> float:
        """Deepest distance below the high-water mark of its time."""
        return self.deepest if self.high_water_mark > 0 else float("nan")

    def slippage_bps(self) -> float:
        """Notional-weighted cost against arrival; NaN before the first fill with a known arrival price."""
        return 10_000 * self.slippage / self.slippage_base if self.slippage_base else float("nan")

    def round_trips(self) -> list[RoundTrip]:
        """Finished round trips and the newest of each instrument, by the time of their exit."""
        trips = list(self.trips)
        for holding in self.holdings.values():
            trips += holding.lots.trips()
        return sorted(trips, key=lambda trip: trip.exit_ts_ns)

    def trip_sums(self) -> TripSums:
        """Counts and sums over all round trips, also those that left the list."""
        sums = TripSums(self.sums.count, self.sums.hits, self.sums.won, self.sums.lost)
        for holding in self.holdings.values():
            for trip in holding.lots.trips():
                sums.add(trip)
        return sums
