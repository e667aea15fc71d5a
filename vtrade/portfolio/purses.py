"""How is an account's money held in several currencies, what came in and went out without a fill, and what is it worth?

Rules: a purse holds one currency, in exact micro-units. A rate is micro-units of the room's first currency (that of its
first instrument) for one unit; a currency without a rate counts at par. Everything of one currency that an account
owns, cash and positions together, is turned into the account's own currency by one division, rounded half to even, so
a value can be recomputed to the micro-unit from balances, lots, marks and rates. What is kept stays in its own
currency; a view turns it over at the last rates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from vtrade.domain.values import MICRO, divide
from vtrade.portfolio.ledger import FillKeys

TOTALS: Final[Mapping[str, tuple[str, int]]] = {
    "dividend": ("dividends", 1),
    "borrow_fee": ("borrow_fees", -1),
    "margin_interest": ("interest", -1),
    "fine": ("fines", -1),
    "adjustment": ("paid_in", 1),
    "fx": ("converted", 1),
}
"""Cause of a `CashMoved`: the total it is counted in, and the sign there; other causes count in ``other``."""

PURSE_TOTALS: Final = ("paid_in", "converted", "dividends", "borrow_fees", "interest", "fines", "other")
"""The totals of a purse that `CashMoved` facts and the deposit feed."""


def total_of(cause: str) -> tuple[str, int]:
    """The total of a purse in which a cause counts, and its sign.

    Examples
    --------
    >>> total_of("fine"), total_of("cash_in_lieu")
    (('fines', -1), ('other', 1))
    """
    return TOTALS.get(cause, ("other", 1))


def rate_of(rates: Mapping[str, int], currency: str) -> int:
    """Micro-units of the room's first currency for one unit of ``currency``; par where there is no rate."""
    return rates.get(currency, MICRO)


def convert(amount: int, rate: int, into: int) -> int:
    """Money at ``rate`` as money at the rate ``into``, rounded half to even.

    Examples
    --------
    >>> convert(2_000_000, 1_250_000, MICRO), convert(2_500_000, MICRO, 1_250_000)
    (2500000, 2000000)
    """
    return amount if rate == into else divide(amount * rate, into)


class Movement(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Money or lots of an account that moved without a fill.

    Attributes
    ----------
    seq, ts_ns : int
    cause : str
        As in `CashMoved` and `PositionAdjusted`.
    symbol, currency : str
        Empty where there is none.
    amount : int
        Micro-units of ``currency``; positive was received.
    lots : int
        Change of the position.
    detail : str
    """

    seq: int
    ts_ns: int
    cause: str
    symbol: str
    currency: str
    amount: int
    lots: int
    detail: str = ""


class Purse:
    """An account's money in one currency: cash, and totals of what came in and went out; micro-units.

    ``paid_in`` is deposits and adjustments, ``converted`` what conversions brought; ``dividends`` and ``other`` were
    received, ``fees``, ``borrow_fees``, ``interest`` and ``fines`` paid. Where the currency is not the account's own,
    ``value`` is cash and positions together, and ``shown`` the same in the account's currency. ``keys`` are those of a
    fill that this money pays for, once there was one.

    Examples
    --------
    >>> euros = Purse("EUR")
    >>> euros.reprice(1_250_000, MICRO), euros.add(3_000_001), euros.shown
    (0, 3750001, 3750001)
    >>> euros.reprice(1_000_000, MICRO)
    -750000
    """

    __slots__ = ("cash", "currency", "fees", "into", "keys", "rate", "shown", "value", *PURSE_TOTALS)

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.keys: FillKeys | None = None
        self.cash = self.fees = self.value = self.shown = 0
        self.paid_in = self.converted = self.dividends = self.borrow_fees = self.interest = self.fines = self.other = 0
        self.rate = self.into = MICRO

    def add(self, change: int) -> int:
        """The value moves by ``change``; by how much it moves in the account's currency."""
        self.value += change
        shown = divide(self.value * self.rate, self.into)
        moved = shown - self.shown
        self.shown = shown
        return moved

    def reprice(self, rate: int, into: int) -> int:
        """New rates of this currency and of the account's; by how much the value moves in the latter."""
        self.rate, self.into = rate, into
        return self.add(0)

    def count(self, cause: str, amount: int) -> None:
        """Take ``amount`` into cash and into the total of its cause."""
        field, sign = total_of(cause)
        self.cash += amount
        setattr(self, field, getattr(self, field) + sign * amount)

    def balance(self, realized: int, cost: int) -> int:
        """The cash there must be, from the totals, the profit that was realised and the cost of what is held."""
        received = self.paid_in + self.converted + self.dividends + self.other + realized
        return received - self.fees - self.borrow_fees - self.interest - self.fines - cost
