"""What can be traded, on which grid, at what fee?

Rules: an instrument is a value; two with equal fields are the same instrument. One tick times one lot is a whole
number of micro-units of money, so every notional is exact.
"""

from __future__ import annotations

from typing import Self

import msgspec

from vtrade.domain.values import MICRO, Number, divide, to_micros
from vtrade.errors import ValueOffGrid


class FeeSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue charges for a fill; the parts add up.

    Attributes
    ----------
    per_unit : int
        Micro-units of money per unit (share or coin) filled.
    per_notional_ppm : int
        Millionths of the notional (100 ppm = 1 bps).
    per_contract : int
        Micro-units of money per contract, for instruments with a multiplier.

    Examples
    --------
    >>> FeeSchedule.per_share("0.005").per_unit
    5000
    """

    per_unit: int = 0
    per_notional_ppm: int = 0
    per_contract: int = 0

    @classmethod
    def per_share(cls, amount: Number) -> Self:
        """A fee per share, in money units."""
        return cls(per_unit=to_micros(amount, what="fee per share"))

    @classmethod
    def bps(cls, amount: Number) -> Self:
        """A fee in basis points of the notional (down to 0.01 bps)."""
        return cls(per_notional_ppm=divide(to_micros(amount, what="fee in bps") * 100, MICRO))

    @classmethod
    def contract(cls, amount: Number) -> Self:
        """A fee per contract, in money units."""
        return cls(per_contract=to_micros(amount, what="fee per contract"))


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that trades.

    Attributes
    ----------
    symbol, name : str
    tick_size : int
        Smallest price step, micro-units of ``currency``.
    lot_size : int
        Smallest quantity step, micro-units of one unit (1_000_000 = one share).
    multiplier : int
        Units per contract point (1 for shares, 50 for an index future).
    currency, sector, asset_class : str
    calendar : str
        An `exchange_calendars` name, or ``"24/7"``.
    fees : FeeSchedule

    Examples
    --------
    >>> acme = Instrument.make("ACME", tick="0.01", fees=FeeSchedule.per_share("0.005"))
    >>> acme.notional(10_000, 100), acme.fee(10_000, 100)
    (10000000000, 500000)
    """

    symbol: str
    tick_size: int
    lot_size: int = MICRO
    multiplier: int = 1
    currency: str = "USD"
    name: str = ""
    sector: str = "Unclassified"
    asset_class: str = "Equity"
    calendar: str = "XNYS"
    fees: FeeSchedule = FeeSchedule()

    def __post_init__(self) -> None:
        if not self.symbol or self.symbol != self.symbol.strip():
            raise ValueOffGrid(f"symbol {self.symbol!r} is empty or has blanks around it; give a name such as 'AAPL'")
        for field in ("tick_size", "lot_size", "multiplier"):
            if getattr(self, field) <= 0:
                raise ValueOffGrid(f"{self.symbol}: {field} {getattr(self, field)} must be positive")
        if (self.tick_size * self.lot_size * self.multiplier) % MICRO:
            raise ValueOffGrid(
                f"{self.symbol}: one tick of one lot is worth less than a micro-unit "
                f"(tick {self.tick_size}, lot {self.lot_size}); take a coarser tick or lot"
            )

    @classmethod
    def make(
        cls,
        symbol: str,
        *,
        tick: Number = "0.01",
        lot: Number = 1,
        multiplier: int = 1,
        currency: str = "USD",
        name: str = "",
        sector: str = "Unclassified",
        asset_class: str = "Equity",
        calendar: str = "XNYS",
        fees: FeeSchedule | None = None,
    ) -> Self:
        """Build from a person's numbers: ``tick`` and ``lot`` in whole units."""
        return cls(
            symbol=symbol,
            tick_size=to_micros(tick, what=f"{symbol} tick"),
            lot_size=to_micros(lot, what=f"{symbol} lot"),
            multiplier=multiplier,
            currency=currency,
            name=name,
            sector=sector,
            asset_class=asset_class,
            calendar=calendar,
            fees=fees or FeeSchedule(),
        )

    @property
    def tick_value(self) -> int:
        """Micro-units of money that one lot gains when the price rises one tick."""
        return self.tick_size * self.lot_size * self.multiplier // MICRO

    @property
    def price_decimals(self) -> int:
        """Decimals needed to print any price on the grid."""
        decimals = 6
        step = self.tick_size
        while decimals > 0 and step % 10 == 0:
            step //= 10
            decimals -= 1
        return decimals

    def notional(self, ticks: int, lots: int) -> int:
        """Money that changes hands: micro-units, exact."""
        return ticks * lots * self.tick_value

    def fee(self, ticks: int, lots: int) -> int:
        """Fee of one fill in micro-units, rounded half to even; never negative."""
        fees = self.fees
        total = 0
        if fees.per_unit:
            total += divide(lots * self.lot_size * fees.per_unit, MICRO)
        if fees.per_notional_ppm:
            total += divide(ticks * lots * self.tick_value * fees.per_notional_ppm, MICRO)
        if fees.per_contract:
            total += divide(lots * self.lot_size * fees.per_contract, MICRO)
        return total

    def price(self, ticks: int | float) -> float:
        """Ticks as a float price, for display and statistics."""
        return ticks * self.tick_size / MICRO

    def quantity(self, lots: int) -> float:
        """Lots as a float quantity, for display."""
        return lots * self.lot_size / MICRO

    def price_text(self, ticks: int | float) -> str:
        """A price as text with the decimals of the grid.

        Examples
        --------
        >>> Instrument.make("ACME").price_text(12_345)
        '123.45'
        """
        return f"{self.price(ticks):,.{self.price_decimals}f}"

    def quantity_text(self, lots: int) -> str:
        """A quantity as text without needless decimals."""
        units = self.quantity(lots)
        return f"{units:,.0f}" if units == int(units) else f"{units:,.6f}".rstrip("0")
