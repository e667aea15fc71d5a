"""VTrade: a market you can hold in a notebook.

>>> import vtrade as vt
>>> desk = vt.Desk("synthetic:7")
>>> print(desk.buy(desk.symbols[0], 100).status)
FILLED
>>> desk.close_desk()
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vtrade.bootstrap import Desk, load_journal, verify
    from vtrade.bootstrap.remote import connect
    from vtrade.domain.accounts import NO_LIMITS, RiskLimits
    from vtrade.domain.instruments import FeeSchedule, Instrument
    from vtrade.domain.rules import RoomRules
    from vtrade.errors import VTradeError
    from vtrade.market.exchange import exchange
    from vtrade.market.load import load_tape
    from vtrade.market.ohlcv import from_ohlcv
    from vtrade.market.parquet import save_tape
    from vtrade.market.synthetic import synthetic
    from vtrade.market.tape import Tape
    from vtrade.research.backtest import backtest
    from vtrade.research.strategy import strategy
    from vtrade.research.sweep import sweep

_HOMES = {
    "Desk": "bootstrap",
    "FeeSchedule": "domain.instruments",
    "Instrument": "domain.instruments",
    "NO_LIMITS": "domain.accounts",
    "RiskLimits": "domain.accounts",
    "RoomRules": "domain.rules",
    "Tape": "market.tape",
    "VTradeError": "errors",
    "backtest": "research.backtest",
    "connect": "bootstrap.remote",
    "exchange": "market.exchange",
    "from_ohlcv": "market.ohlcv",
    "load_journal": "bootstrap",
    "load_tape": "market.load",
    "save_tape": "market.parquet",
    "strategy": "research.strategy",
    "sweep": "research.sweep",
    "synthetic": "market.synthetic",
    "verify": "bootstrap",
}

__all__ = [
    "NO_LIMITS", "Desk", "FeeSchedule", "Instrument", "RiskLimits", "RoomRules", "Tape", "VTradeError", "__version__",
    "backtest", "connect", "exchange", "from_ohlcv", "load_journal", "load_tape", "save_tape", "strategy", "sweep",
    "synthetic", "verify",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Fetch a name on first use, so that importing the package stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'vtrade' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"vtrade.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Names of the face."""
    return sorted(__all__)
