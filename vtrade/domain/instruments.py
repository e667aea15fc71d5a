"""What can be traded, on which grid, at what fee?

Rules: an instrument is a value; two with equal fields are the same instrument. One tick times one lot is a whole
number of micro-units of money, so every notional is exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Self

import msgspec

from vtrade.domain import display
from vtrade.domain.values import MICRO, Number, divide, plain_micros, to_micros
from vtrade.errors import ValueOffGrid

FEE_MAX: Final = 10**12
"""Largest part of a fee: a million a unit."""

TIERS_MAX: Final = 8

Tier = tuple[Number, Number, Number]


def _bps(amount: Number, what: str) -> int:
    return divide(to_micros(amount, what=what) * 100, MICRO)


def _bps_text(ppm: int) -> str:
    return f"{plain_micros(ppm * MICRO // 100)} bps"


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
    maker_ppm, taker_ppm : int
        Millionths of the notional on top, by who provided and who took; negative is a rebate.
    minimum : int
        Least micro-units of money an order is charged.
    cap_ppm : int
        Most an order is charged, as millionths of what it traded; 0 means no cap.
    tiers : tuple of (int, int, int)
        Rising ``(notional traded so far, maker_ppm, taker_ppm)``: from there on these hold in place of the above.

    Examples
    --------
    >>> FeeSchedule.per_share("0.005").per_unit
    5000
    """

    per_unit: int = 0
    per_notional_ppm: int = 0
    per_contract: int = 0
    maker_ppm: int = 0
    taker_ppm: int = 0
    minimum: int = 0
    cap_ppm: int = 0
    tiers: tuple[tuple[int, int, int], ...] = ()

    def __post_init__(self) -> None:
        for field in ("per_unit", "per_notional_ppm", "per_contract", "minimum", "cap_ppm"):
            if not 0 <= getattr(self, field) <= FEE_MAX:
                raise ValueOffGrid(f"fee {field} {getattr(self, field)} must be from 0 to {FEE_MAX}")
        if any(abs(ppm) > MICRO for tier in (*self.tiers, (0, self.maker_ppm, self.taker_ppm)) for ppm in tier[1:]):
            raise ValueOffGrid("a maker or taker fee above 100 % of the notional is none; give it in basis points")
        if len(self.tiers) > TIERS_MAX or [t[0] for t in self.tiers] != sorted({t[0] for t in self.tiers}):
            raise ValueOffGrid(f"fee tiers must rise in traded notional, at most {TIERS_MAX} of them")

    @classmethod
    def per_share(cls, amount: Number, *, minimum: Number = 0, cap_bps: Number = 0) -> Self:
        """A fee per share, in money units; at least ``minimum`` and at most ``cap_bps`` of what the order traded."""
        return cls(
            per_unit=to_micros(amount, what="fee per share"),
            minimum=to_micros(minimum, what="least fee"),
            cap_ppm=_bps(cap_bps, "cap in bps"),
        )

    @classmethod
    def maker_taker(cls, maker_bps: Number, taker_bps: Number, *, tiers: Iterable[Tier] = ()) -> Self:
        """Basis points by who provided and who took; a negative one is a rebate.

        Parameters
        ----------
        tiers : iterable of (notional, maker_bps, taker_bps)
            From so much traded (money units) on.

        Examples
        --------
        >>> FeeSchedule.maker_taker("-0.2", "0.3").maker_ppm
        -20
        """
        return cls(
            maker_ppm=_bps(maker_bps, "maker fee in bps"),
            taker_ppm=_bps(taker_bps, "taker fee in bps"),
            tiers=tuple(
                (to_micros(since, what="fee tier"), _bps(maker, "maker bps"), _bps(taker, "taker bps"))
                for since, maker, taker in tiers
            ),
        )

    @classmethod
    def bps(cls, amount: Number) -> Self:
        """A fee in basis points of the notional (down to 0.01 bps)."""
        return cls(per_notional_ppm=_bps(amount, "fee in bps"))

    @classmethod
    def contract(cls, amount: Number) -> Self:
        """A fee per contract, in money units."""
        return cls(per_contract=to_micros(amount, what="fee per contract"))

    def words(self, currency: str = "") -> list[str]:
        """The parts in words.

        Examples
        --------
        >>> FeeSchedule.per_share("0.005", minimum=1).words("USD")
        ['0.005 USD per unit', 'at least 1 USD an order']
        """
        money = f" {currency}" if currency else ""
        told = [
            f"{plain_micros(self.per_unit)}{money} per unit" if self.per_unit else "",
            f"{_bps_text(self.per_notional_ppm)} of the notional" if self.per_notional_ppm else "",
            f"{plain_micros(self.per_contract)}{money} per contract" if self.per_contract else "",
            *self._by_side(self.maker_ppm, self.taker_ppm),
            f"at least {plain_micros(self.minimum)}{money} an order" if self.minimum else "",
            f"at most {_bps_text(self.cap_ppm)} of what the order traded" if self.cap_ppm else "",
        ]
        told += [
            f"from {plain_micros(since)}{money} traded on {' and '.join(self._by_side(maker, taker)) or 'neither'}"
            for since, maker, taker in self.tiers
        ]
        return [text for text in told if text] or ["no fee"]

    def _by_side(self, maker: int, taker: int) -> list[str]:
        if not maker and not taker:
            return []
        return [f"maker {_bps_text(maker)}", f"taker {_bps_text(taker)}"]

    def __repr__(self) -> str:
        return display.called("FeeSchedule", *self.words())

    def _repr_html_(self) -> str:
        return display.html([display.Table(("",), [(text,) for text in self.words()], "Fees, in money units")])


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
    borrow_rate_ppm : int
        Yearly fee for borrowing the instrument to sell it short, as millionths of its value.
    borrowable : int
        Lots that all participants together can borrow; -1 means any number.

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
    borrow_rate_ppm: int = 0
    borrowable: int = -1

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
        """Fee of one fill in micro-units, rounded half to even, without what depends on the order, side or tier."""
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

    def _facts(self) -> dict[str, str]:
        shares = self.borrowable
        rate = f"{plain_micros(self.borrow_rate_ppm * 100)} % a year"
        return {
            "name": self.name,
            "sector": self.sector,
            "kind": self.asset_class,
            "tick": f"{plain_micros(self.tick_size)} {self.currency}",
            "lot": f"{plain_micros(self.lot_size)} unit{'s' if self.lot_size != MICRO else ''}",
            "multiplier": f"{self.multiplier:,} units a point" if self.multiplier != 1 else "",
            "calendar": self.calendar,
            "fee": ", ".join(self.fees.words(self.currency)),
            "to borrow": ", ".join(
                [*([rate] if self.borrow_rate_ppm else []),
                 *([f"{self.quantity_text(shares)} units in all"] if shares >= 0 else [])]
            ),
        }  # fmt: skip

    def __repr__(self) -> str:
        told = self._facts()
        fee = told["fee"] if told["fee"] == "no fee" else f"fee {told['fee']}"
        many = f"multiplier {self.multiplier:,}" if self.multiplier != 1 else ""
        return display.called(
            "Instrument", repr(self.symbol), self.name, f"tick {told['tick']}", f"lot {told['lot']}", many, fee
        )

    def _repr_html_(self) -> str:
        return display.html([display.facts(self._facts(), title=self.symbol)])
