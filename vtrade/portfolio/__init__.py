"""What participants own and how they did: ledger, lots, valuation, analytics, and the engine that folds facts."""

from vtrade.portfolio.engine import PortfolioEngine
from vtrade.portfolio.ledger import Ledger, LedgerEntry, PortfolioError
from vtrade.portfolio.lots import LotQueue, RoundTrip
from vtrade.portfolio.purses import Movement
from vtrade.portfolio.views import AccountView, ExposureView, PositionView

__all__ = [
    "AccountView",
    "ExposureView",
    "Ledger",
    "LedgerEntry",
    "LotQueue",
    "Movement",
    "PortfolioEngine",
    "PortfolioError",
    "PositionView",
    "RoundTrip",
]
