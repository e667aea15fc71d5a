"""What does the house know about a symbol that a data file does not tell?

Rules: a table, not a database; an unlisted symbol is an unclassified equity. Sectors are the broad industry groups in
common use today, also for old tapes.
"""

from __future__ import annotations

from typing import Final

from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.values import Number

HOUSE_FEES: Final = FeeSchedule.per_share("0.005")
"""What a US share costs to trade unless a reader is told otherwise."""

LISTINGS: Final = {
    "AAPL": ("Apple", "Information Technology", "Equity"),
    "AMZN": ("Amazon", "Consumer Discretionary", "Equity"),
    "FB": ("Facebook", "Communication Services", "Equity"),
    "GOOG": ("Google", "Communication Services", "Equity"),
    "IBM": ("IBM", "Information Technology", "Equity"),
    "INTC": ("Intel", "Information Technology", "Equity"),
    "MSFT": ("Microsoft", "Information Technology", "Equity"),
    "SPY": ("SPDR S&P 500", "Broad Market", "Fund"),
}
"""Name, sector and asset class of well-known symbols."""


def listed(
    symbol: str, *, tick: Number = "0.01", lot: Number = 1, calendar: str = "XNYS", fees: FeeSchedule | None = None
) -> Instrument:
    """The instrument behind a symbol, with house fees on the New York calendar and none elsewhere.

    Examples
    --------
    >>> listed("AMZN").sector, listed("AMZN").fees.per_unit
    ('Consumer Discretionary', 5000)
    """
    name, sector, asset_class = LISTINGS.get(symbol, ("", "Unclassified", "Equity"))
    default = HOUSE_FEES if calendar == "XNYS" else FeeSchedule()
    return Instrument.make(
        symbol,
        tick=tick,
        lot=lot,
        name=name,
        sector=sector,
        asset_class=asset_class,
        calendar=calendar,
        fees=default if fees is None else fees,
    )
