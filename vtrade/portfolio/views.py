"""What can be asked about an account, as values?

Rules: money is in micro-units of the account's currency, quantities are signed lots, ratios are floats (NaN where they
are undefined). Always ``nav == cash + market_value`` and ``realized_pnl + unrealized_pnl + dividends + other +
currency_pnl - fees - borrow_fees - interest - fines == nav - deposits``: profits are gross of what stands beside them,
the net asset value is after all of it. Other currencies count at their last rate (par where there is none), also what
was earned or paid in them earlier; ``currency_pnl`` is what the moves of rates and the conversions brought, 0 where all
is in one currency.
"""

from __future__ import annotations

import msgspec


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """An account at a moment.

    Attributes
    ----------
    account, currency : str
    deposits, cash, market_value, nav : int
        Micro-units; ``deposits`` with what adjustments brought later; ``cash`` of all currencies; ``market_value`` is
        negative where short positions outweigh.
    cash_by_currency : dict of str to int
        Micro-units of each currency; the account's own first.
    realized_pnl, unrealized_pnl, fees : int
        Micro-units; both profits before fees.
    dividends, other : int
        Micro-units received; negative where a short position owed them. ``other`` is cash for fractions and the like.
    borrow_fees, interest, fines : int
        Micro-units paid.
    currency_pnl : int
        Micro-units that moves of rates and conversions brought.
    slippage_bps : float
        Notional-weighted distance of fills from the mid on arrival of their orders; positive is a cost.
    gross_exposure, net_exposure : int
        Micro-units: market values added without and with their sign.
    leverage : float
        ``gross_exposure / nav``.
    high_water_mark : int
        Highest value so far, micro-units; an adjustment moves it in the proportion in which it moves the value.
    drawdown, max_drawdown : float
        Present and deepest distance below the high-water mark; never positive.
    total_return : float
        Growth of what was paid in: ``(nav - deposits) / deposits``; time-weighted where there were adjustments.
    traded_notional : int
        Micro-units bought and sold, at the rates of then.
    turnover : float
        ``traded_notional / deposits``.
    fills, round_trips : int
    """

    account: str
    currency: str
    deposits: int
    cash: int
    cash_by_currency: dict[str, int]
    market_value: int
    nav: int
    realized_pnl: int
    unrealized_pnl: int
    fees: int
    dividends: int
    borrow_fees: int
    interest: int
    fines: int
    other: int
    currency_pnl: int
    slippage_bps: float
    gross_exposure: int
    net_exposure: int
    leverage: float
    high_water_mark: int
    drawdown: float
    max_drawdown: float
    total_return: float
    traded_notional: int
    turnover: float
    fills: int
    round_trips: int


class PositionView(msgspec.Struct, frozen=True, kw_only=True):
    """What an account holds of one instrument.

    Attributes
    ----------
    account, symbol, name, sector, asset_class, currency : str
        ``currency`` is that of the instrument: its prices are in it, amounts are in the account's currency.
    side : str
        LONG, SHORT or FLAT.
    quantity : int
        Lots; negative when short.
    units : float
        The same in shares, coins or contracts.
    avg_entry_price, mark_price : float
        In units of the instrument's currency, per unit of today (a split changes the price of entry, not the cost);
        NaN when flat, or when nothing was ever priced.
    cost_basis, market_value : int
        Micro-units; negative when short.
    unrealized_pnl, realized_pnl, fees : int
        Micro-units; both profits before fees.
    dividends, borrow_fees : int
        Micro-units received, and paid.
    weight : float
        ``market_value / nav``.
    """

    account: str
    symbol: str
    name: str
    sector: str
    asset_class: str
    currency: str
    side: str
    quantity: int
    units: float
    avg_entry_price: float
    mark_price: float
    cost_basis: int
    market_value: int
    unrealized_pnl: int
    realized_pnl: int
    fees: int
    dividends: int
    borrow_fees: int
    weight: float


class ExposureView(msgspec.Struct, frozen=True, kw_only=True):
    """How much an account has riding on a group of instruments.

    Attributes
    ----------
    group : str
        A symbol, a sector or an asset class.
    long, short, gross, net : int
        Micro-units of market value; ``short`` is not positive, ``gross = long - short``, ``net = long + short``.
    weight : float
        ``net / nav``.
    """

    group: str
    long: int
    short: int
    gross: int
    net: int
    weight: float
