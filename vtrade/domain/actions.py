"""What can happen to an instrument or a currency outside the market?

Rules: an action is a value with a time; a tape carries its own, in time order, and an instructor may add some. Ratios
are whole numbers, so that a split is exact; money is in micro-units.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from vtrade.domain.values import MICRO
from vtrade.errors import ValueOffGrid


class ActionKind(StrEnum):
    """Kinds of corporate action, and the rate of a currency."""

    SPLIT = "split"
    DIVIDEND = "dividend"
    RENAME = "rename"
    DELISTING = "delisting"
    RATE = "rate"


class CorporateAction(msgspec.Struct, frozen=True, array_like=True, tag_field="t", tag="action"):
    """Something that changes what a holding is, or is worth, without a fill; also an inbound message.

    Attributes
    ----------
    ts_ns : int
        When it takes effect, before anything else of that moment trades.
    symbol : str
        The instrument; of a ``RATE`` the currency that is priced.
    kind : ActionKind
    numerator, denominator : int
        Of a split: units after for units before (7 and 1 for seven new shares for one old).
    amount : int
        Of a dividend: micro-units of money a unit, on the ex-date. Of a delisting: what is paid for each unit, may be
        0. Of a rate: micro-units of the room's first currency for one unit of ``symbol``.
    new_symbol : str
        Of a rename.

    Examples
    --------
    >>> CorporateAction(0, "AAPL", ActionKind.SPLIT, numerator=7).numerator
    7
    """

    ts_ns: int
    symbol: str
    kind: ActionKind
    numerator: int = 1
    denominator: int = 1
    amount: int = 0
    new_symbol: str = ""

    def __post_init__(self) -> None:
        if self.numerator < 1 or self.denominator < 1 or max(self.numerator, self.denominator) > MICRO:
            raise ValueOffGrid(
                f"{self.symbol}: a split of {self.numerator} for {self.denominator} is none; "
                "give whole numbers from 1 to 1,000,000"
            )
        if self.amount < 0 or (self.kind == ActionKind.RATE and not self.amount):
            raise ValueOffGrid(f"{self.symbol}: {self.kind} of {self.amount} micro-units; give an amount above 0")
        if self.kind == ActionKind.RENAME and not self.new_symbol:
            raise ValueOffGrid(f"{self.symbol}: a rename needs new_symbol")
