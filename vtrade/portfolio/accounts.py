"""What does the engine keep for each account while facts come in?

Rules: every number is an exact integer, save the deepest drawdown, which is one correctly rounded division, and the
scale that takes adjustments out of returns. Lists that grow with trading have a bound; counts and sums are kept apart
from them, so statistics stay exact when old rows go.

An adjustment is money from outside, no performance: it moves the high-water mark in the proportion in which it moves
the value, so a drawdown stays what it was, and ``scale`` takes it out of returns (time-weighted). Where the value is
not positive before or after, there is no proportion, and the high-water mark starts anew.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import Fill
from vtrade.domain.values import divide
from vtrade.portfolio.curve import Curve
from vtrade.portfolio.ledger import FillKeys
from vtrade.portfolio.lots import LotQueue, RoundTrip
from vtrade.portfolio.purses import Movement, Purse, convert

HISTORY_MAX: Final = 100_000
"""Fills, finished round trips, movements and adjustments kept per account; older ones are in the journal."""


class Holding:
    """An account's dealings in one instrument; money in the instrument's currency.

    Attributes
    ----------
    purse : Purse
        The money that pays for it; also ``foreign``, where its currency is not the account's own, else ``None``.
    carry : int
        Micro-units of value beside lots times mark, from a split until the next mark.
    waiting : tuple of (int, str) or None
        Change of lots to come and its cause, while the money that belongs to them has not moved yet.
    """

    __slots__ = (
        "account",
        "borrow_fees",
        "carry",
        "dividends",
        "fees",
        "foreign",
        "index",
        "instrument",
        "keys",
        "lots",
        "purse",
        "tick_value",
        "waiting",
    )

    def __init__(self, account: AccountState, index: int, instrument: Instrument, purse: Purse) -> None:
        self.account = account
        self.index = index
        self.tick_value = instrument.tick_value
        self.lots = LotQueue(account.name, instrument)
        self.purse = purse
        self.foreign = None if purse is account.home else purse
        self.fees = self.dividends = self.borrow_fees = self.carry = 0
        self.waiting: tuple[int, str] | None = None
        self.rename(instrument)

    def rename(self, instrument: Instrument) -> None:
        """Go by the instrument's symbol from now on."""
        self.instrument = self.lots.instrument = instrument
        self.keys = FillKeys(self.account.name, instrument.symbol, instrument.currency)

    def home(self, amount: int) -> int:
        """Money of the instrument's currency in that of the account, at the last rates."""
        return amount if self.foreign is None else convert(amount, self.purse.rate, self.purse.into)


class TripSums:
    """Round trips counted and added up, after fees, in micro-units of the account's currency when they finished."""

    __slots__ = ("count", "hits", "lost", "won")

    def __init__(self, count: int = 0, hits: int = 0, won: int = 0, lost: int = 0) -> None:
        self.count, self.hits, self.won, self.lost = count, hits, won, lost

    def add(self, net: int) -> None:
        """Count one more, which earned ``net``."""
        self.count += 1
        if net > 0:
            self.hits += 1
            self.won += net
        else:
            self.lost -= net


class AccountState:
    """One account, mutable; only the engine touches it. Money is in its own currency where nothing else is said."""

    __slots__ = (
        "currency",
        "curve",
        "deepest",
        "deposits",
        "fill_count",
        "fills",
        "flows",
        "foreign",
        "high_water_mark",
        "holdings",
        "home",
        "movements",
        "name",
        "nav",
        "opened_ns",
        "opened_seq",
        "opening",
        "purses",
        "scale",
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
        opening: int,
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
        self.opening = self.deposits = self.nav = self.high_water_mark = opening
        self.home = Purse(currency)
        self.home.cash = self.home.paid_in = opening
        self.purses: dict[str, Purse] = {currency: self.home}
        self.foreign: list[Purse] = []
        self.deepest = 0.0
        self.scale = 1.0
        self.flows: deque[tuple[int, float]] = deque(maxlen=history_max)
        self.traded_notional = 0
        # cost against arrival, and notional at arrival, both times 2 because a mid is half a sum of ticks
        self.slippage = 0
        self.slippage_base = 0
        self.fill_count = 0
        self.fills: deque[Fill] = deque(maxlen=history_max)
        self.trips: deque[RoundTrip] = deque(maxlen=history_max)
        self.movements: deque[Movement] = deque(maxlen=history_max)
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

    def adjust(self, ts_ns: int, amount: int) -> None:
        """Money from outside changes the value by ``amount``, and is no performance."""
        before, after = self.nav, self.nav + amount
        self.nav = after
        self.deposits += amount
        if before > 0 and after > 0:
            self.high_water_mark = divide(self.high_water_mark * after, before)
            self.scale *= before / after
            self.flows.append((ts_ns, self.scale))
        else:
            self.high_water_mark = after
        self.curve.add(ts_ns, after)

    def total_return(self) -> float:
        """Growth of what was paid in, time-weighted where money came from outside later on.

        Without adjustments ``(nav - deposits) / deposits``; with some the product of the growth between them, less 1.
        """
        if self.flows:
            return self.nav * self.scale / self.opening - 1 if self.opening > 0 else float("nan")
        return (self.nav - self.deposits) / self.deposits if self.deposits > 0 else float("nan")

    def drawdown(self) -> float:
        """Present distance below the high-water mark; NaN while that was never positive."""
        high = self.high_water_mark
        return min(self.nav - high, 0) / high if high > 0 else float("nan")

    def max_drawdown(self) -> float:
        """Deepest distance below the high-water mark of its time."""
        return min(self.deepest, self.drawdown()) if self.high_water_mark > 0 else float("nan")

    def slippage_bps(self) -> float:
        """Notional-weighted cost against arrival; NaN before the first fill with a known arrival price."""
        return 10_000 * self.slippage / self.slippage_base if self.slippage_base else float("nan")

    def finished(self, holding: Holding, trips: list[RoundTrip]) -> None:
        """Take round trips to which nothing can be added any more."""
        for trip in trips:
            self.sums.add(holding.home(trip.net_pnl))
            self.trips.append(trip)

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
                sums.add(holding.home(trip.net_pnl))
        return sums
