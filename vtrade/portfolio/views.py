"""What can be asked about an account, as values?

Rules: money is in micro-units and exact, quantities are signed lots, ratios are floats (NaN where they are undefined).
Always ``nav == cash + market_value`` and ``realized_pnl + unrealized_pnl - fees == nav - deposits``: realised profit is
gross of fees, fees stand beside it, the net asset value is after both.
"""

from __future__ import annotations

import msgspec


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """An account at a moment.

    Attributes
    ----------
    account, currency : str
    deposits, cash, market_value, nav : int
        Micro-units; ``market_value`` is negative where short positions outweigh.
    realized_pnl, unrealized_pnl, fees : int
        Micro-units; both profits before fees.
    slippage_bps : float
        Notional-weighted distance of fills from the mid on arrival of their orders; positive is a cost.
    gross_exposure, net_exposure : int
        Micro-units: market values added without and with their sign.
    leverage : float
        ``gross_exposure / nav``.
    high_water_mark : int
        Highest value so far, micro-units.
    drawdown, max_drawdown : float
        Present and deepest distance below the high-water mark; never positive.
    traded_notional : int
        Micro-units bought and sold.
    turnover : float
        ``traded_notional / deposits``.
    fills, round_trips : int
    """

    account: str
    currency: str
    deposits: int
    cash: int
    market_value: int
    nav: int
    realized_pnl: int
    unrealized_pnl: int
    fees: int
    slippage_bps: float
    gross_exposure: int
    net_exposure: int
    leverage: float
    high_water_mark: int
    drawdown: float
    max_drawdown: float
    traded_notional: int
    turnover: float
    fills: int
    round_trips: int

    @property
    def total_return(self) -> float:
        """Growth of what was paid in: ``(nav - deposits) / deposits``."""
        return (self.nav - self.deposits) / self.deposits if self.deposits > 0 else float("nan")


class PositionView(msgspec.Struct, frozen=True, kw_only=True):
    """What an account holds of one instrument.

    Attributes
    ----------
    account, symbol, name, sector, asset_class : str
    side : str
        LONG, SHORT or FLAT.
    quantity : int
        Lots; negative when short.
    units : float
        The same in shares, coins or contracts.
    avg_entry_price, mark_price : float
        In units of money; NaN when flat, or when nothing was ever priced.
    cost_basis, market_value : int
        Micro-units; negative when short.
    unrealized_pnl, realized_pnl, fees : int
        Micro-units; both profits before fees.
    weight : float
        ``market_value / nav``.
    """

    account: str
    symbol: str
    name: str
    sector: str
    asset_class: str
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
