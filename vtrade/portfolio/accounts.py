"""What does the engine keep for each account while facts come in?

Rules: every number is an exact integer, save the deepest drawdown, which is one correctly rounded division, and the
scale that takes adjustments out of returns. Lists that grow with trading have a bound; counts and sums are kept apart
from them, so statistics stay exact when old rows go.

An adjustment is money from outside, no performance: it moves the high-water mark in the proportion in which it moves
the value, so a drawdown stays what it was, and ``scale`` takes it out of returns (time-weighted). Where the value is
not positive before or after, there is no proportion, and the high-water mark starts anew.
"""

from __future__ import annotations

from typing import Final

from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import Fill
from vtrade.domain.values import divide
from vtrade.portfolio.curve import Curve
from vtrade.portfolio.history import History, Rows
from vtrade.portfolio.ledger import FillKeys
from vtrade.portfolio.lots import LotQueue, RoundTrip
from vtrade.portfolio.purses import Movement, Purse, convert
from vtrade.portfolio.track import Track, Value

HISTORY_MAX: Final = 100_000
"""Fills, finished round trips, movements and adjustments kept per account; older ones are in the journal."""
_FILLS: Final = Rows(Fill)
_TRIPS: Final = Rows(RoundTrip)
_MOVEMENTS: Final = Rows(Movement)


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

    def __init__(
        self, account: AccountState, index: int, instrument: Instrument, purse: Purse, *, like: FillKeys | None = None
    ) -> None:
        self.account = account
        self.index = index
        self.lots = LotQueue(account.name, instrument)
        self.tick_value = self.lots.tick_value
        self.purse = purse
        self.foreign = None if purse is account.home else purse
        self.fees = self.dividends = self.borrow_fees = self.carry = 0
        self.waiting: tuple[int, str] | None = None
        self.rename(instrument, like=like)

    def rename(self, instrument: Instrument, *, like: FillKeys | None = None) -> None:
        """Go by the instrument's symbol from now on; ``like`` are keys of another holding of it."""
        self.instrument = self.lots.instrument = instrument
        purse = self.purse
        self.keys = FillKeys(self.account.name, instrument.symbol, instrument.currency, like=like, beside=purse.keys)
        if purse.keys is None:
            purse.keys = self.keys

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
    """One account, mutable; only the engine touches it. Money is in its own currency where nothing else is said.

    ``arrivals`` are the prices on arrival of its working orders, twice the mid; ``clock`` the times at which it dealt
    while the room priced nothing, where there were any.
    """

    __slots__ = (
        "arrivals",
        "clock",
        "currency",
        "deposits",
        "fill_count",
        "fills",
        "flows",
        "foreign",
        "history_max",
        "holdings",
        "home",
        "movements",
        "name",
        "opened_ns",
        "opened_seq",
        "opening",
        "purses",
        "scale",
        "slippage",
        "slippage_base",
        "sums",
        "track",
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
        track: Track,
        history_max: int,
    ) -> None:
        self.name = name
        self.currency = currency
        self.opened_seq = opened_seq
        self.opened_ns = opened_ns
        self.opening = self.deposits = opening
        self.track: Value = track
        self.arrivals: dict[int, int] = {}
        self.clock: Curve | None = None
        self.home = Purse(currency)
        self.home.cash = self.home.paid_in = opening
        self.purses: dict[str, Purse] = {currency: self.home}
        self.foreign: list[Purse] = []
        self.scale = 1.0
        self.flows: list[tuple[int, float]] = []
        self.history_max = history_max
        self.traded_notional = 0
        # cost against arrival, and notional at arrival, both times 2 because a mid is half a sum of ticks
        self.slippage = 0
        self.slippage_base = 0
        self.fill_count = 0
        self.fills = History(_FILLS, history_max)
        self.trips = History(_TRIPS, history_max)
        self.movements = History(_MOVEMENTS, history_max)
        self.sums = TripSums()
        self.holdings: dict[int, Holding] = {}

    @property
    def nav(self) -> int:
        """Net asset value, micro-units."""
        return self.track.settle().nav

    @nav.setter
    def nav(self, value: int) -> None:
        self.track.settle().nav = value

    @property
    def high_water_mark(self) -> int:
        """Highest value so far, micro-units."""
        return self.track.settle().high_water_mark

    @property
    def deepest(self) -> float:
        """Deepest drawdown, at the moments that were looked at."""
        return self.track.settle().deepest

    @property
    def curve(self) -> Curve:
        """The path of the value, to read."""
        return self.track.settle().curve

    def observe(self, ts_ns: int) -> None:
        """The value has changed: follow the high-water mark, the drawdown and the curve."""
        self.track.settle().observe(ts_ns)

    def adjust(self, ts_ns: int, amount: int) -> None:
        """Money from outside changes the value by ``amount``, and is no performance."""
        before = self.nav
        after = before + amount
        self.nav = after
        self.deposits += amount
        if before > 0 and after > 0:
            self.track.high_water_mark = divide(self.track.high_water_mark * after, before)
            self.scale *= before / after
            self.flows.append((ts_ns, self.scale))
            del self.flows[: max(0, len(self.flows) - self.history_max)]
        else:
            self.track.high_water_mark = after
        self.track.record(ts_ns)

    def total_return(self) -> float:
        """Growth of what was paid in, time-weighted where money came from outside later on.

        Without adjustments ``(nav - deposits) / deposits``; with some the product of the growth between them, less 1.
        """
        if self.flows:
            return self.nav * self.scale / self.opening - 1 if self.opening > 0 else float("nan")
        return (self.nav - self.deposits) / self.deposits if self.deposits > 0 else float("nan")

    def drawdown(self) -> float:
        """Present distance below the high-water mark; NaN while that was never positive."""
        value = self.track.settle()
        high = value.high_water_mark
        return min(value.nav - high, 0) / high if high > 0 else float("nan")

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

    def trip_count(self) -> int:
        """How many round trips there were, also those that left the list."""
        return self.sums.count + sum(holding.lots.open_trip is not None for holding in self.holdings.values())

    def trip_sums(self) -> TripSums:
        """Counts and sums over all round trips, also those that left the list."""
        sums = TripSums(self.sums.count, self.sums.hits, self.sums.won, self.sums.lost)
        for holding in self.holdings.values():
            for trip in holding.lots.trips():
                sums.add(holding.home(trip.net_pnl))
        return sums
