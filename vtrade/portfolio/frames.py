"""How do accounts, positions, fills and statistics look as tables?

Rules: pandas DataFrames in whole units of money and quantity, for eyes and for analysis; the exact integers stay with
the engine. Amounts are in the account's currency, prices in the instrument's. A table without rows keeps its columns
and their types. Where ``account`` is not given, all accounts are in the table. ``ts_ns`` is exact; ``time`` is the same
moment as text.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from vtrade.domain.orders import Side
from vtrade.domain.values import MICRO, NS_PER_S, from_micros
from vtrade.portfolio.curve import DAY_NS
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.portfolio.ledger import MONEY_LEGS, PortfolioError
from vtrade.portfolio.purses import convert
from vtrade.portfolio.today import high_and_drawdown
from vtrade.portfolio.valuation import Grouping, group_name

if TYPE_CHECKING:
    import pandas as pd

FROM_MIDNIGHT_MAX_NS: Final = 10 * DAY_NS
"""Times below this count from midnight of a tape's day, those above from the Unix epoch."""

_TEXT, _WHOLE, _REAL = "str", "int64", "float64"

ACCOUNTS: Final = {
    "account": _TEXT,
    "currency": _TEXT,
    "nav": _REAL,
    "cash": _REAL,
    "market_value": _REAL,
    "realized_pnl": _REAL,
    "unrealized_pnl": _REAL,
    "fees": _REAL,
    "dividends": _REAL,
    "borrow_fees": _REAL,
    "interest": _REAL,
    "fines": _REAL,
    "other": _REAL,
    "currency_pnl": _REAL,
    "slippage_bps": _REAL,
    "gross_exposure": _REAL,
    "net_exposure": _REAL,
    "leverage": _REAL,
    "high_water_mark": _REAL,
    "drawdown": _REAL,
    "max_drawdown": _REAL,
    "turnover": _REAL,
    "fills": _WHOLE,
    "round_trips": _WHOLE,
}
POSITIONS: Final = {
    "account": _TEXT,
    "symbol": _TEXT,
    "side": _TEXT,
    "quantity": _REAL,
    "avg_entry_price": _REAL,
    "mark_price": _REAL,
    "cost_basis": _REAL,
    "market_value": _REAL,
    "unrealized_pnl": _REAL,
    "realized_pnl": _REAL,
    "fees": _REAL,
    "weight": _REAL,
    "sector": _TEXT,
    "asset_class": _TEXT,
    "currency": _TEXT,
    "dividends": _REAL,
    "borrow_fees": _REAL,
}
CASH: Final = {"account": _TEXT, "currency": _TEXT, "cash": _REAL, "rate": _REAL, "value": _REAL}
MOVEMENTS: Final = {
    "seq": _WHOLE,
    "ts_ns": _WHOLE,
    "time": _TEXT,
    "account": _TEXT,
    "cause": _TEXT,
    "symbol": _TEXT,
    "quantity": _REAL,
    "currency": _TEXT,
    "amount": _REAL,
    "detail": _TEXT,
}
FILLS: Final = {
    "seq": _WHOLE,
    "ts_ns": _WHOLE,
    "time": _TEXT,
    "account": _TEXT,
    "client_order_id": _TEXT,
    "order_id": _WHOLE,
    "symbol": _TEXT,
    "side": _TEXT,
    "price": _REAL,
    "quantity": _REAL,
    "fee": _REAL,
    "liquidity": _TEXT,
    "leaves_quantity": _REAL,
    "cause": _TEXT,
}
ROUND_TRIPS: Final = {
    "account": _TEXT,
    "symbol": _TEXT,
    "side": _TEXT,
    "quantity": _REAL,
    "entry_ts_ns": _WHOLE,
    "entry_time": _TEXT,
    "exit_ts_ns": _WHOLE,
    "exit_time": _TEXT,
    "entry_price": _REAL,
    "exit_price": _REAL,
    "gross_pnl": _REAL,
    "fees": _REAL,
    "net_pnl": _REAL,
    "entry_order_id": _WHOLE,
    "exit_order_id": _WHOLE,
}
EQUITY_CURVE: Final = {"account": _TEXT, "ts_ns": _WHOLE, "time": _TEXT, "nav": _REAL, "drawdown": _REAL}
EXPOSURE: Final = {
    "account": _TEXT,
    "group": _TEXT,
    "long": _REAL,
    "short": _REAL,
    "gross": _REAL,
    "net": _REAL,
    "weight": _REAL,
}
LEDGER: Final = {
    "seq": _WHOLE,
    "ts_ns": _WHOLE,
    "time": _TEXT,
    "kind": _TEXT,
    "account": _TEXT,
    "ledger_account": _TEXT,
    "commodity": _TEXT,
    "amount": _REAL,
}
STATISTICS: Final = {
    "account": _TEXT,
    "deposits": _REAL,
    "nav": _REAL,
    "net_profit": _REAL,
    "fees": _REAL,
    "traded_notional": _REAL,
    "total_return": _REAL,
    "volatility": _REAL,
    "sharpe_ratio": _REAL,
    "sharpe_ratio_standard_error": _REAL,
    "sortino_ratio": _REAL,
    "calmar_ratio": _REAL,
    "drawdown": _REAL,
    "max_drawdown": _REAL,
    "value_at_risk": _REAL,
    "expected_shortfall": _REAL,
    "hit_rate": _REAL,
    "profit_factor": _REAL,
    "slippage_bps": _REAL,
    "turnover": _REAL,
    "fills": _WHOLE,
    "round_trips": _WHOLE,
    "observations": _WHOLE,
    "period_ns": _WHOLE,
    "periods_per_year": _REAL,
}
_MONEY: Final = frozenset(
    "nav cash market_value realized_pnl unrealized_pnl fees gross_exposure net_exposure high_water_mark cost_basis "
    "deposits net_profit traded_notional long short gross net dividends borrow_fees interest fines other "
    "currency_pnl".split()
)


def format_ts(ts_ns: int, date: str = "", timezone: str = "America/New_York") -> str:
    """A moment as text, to the millisecond (cut, not rounded).

    Parameters
    ----------
    ts_ns : int
        Below ten days: since midnight of ``date``; else since the Unix epoch.
    date : str
        ISO date of the tape's day; empty where the tape has none.
    timezone : str
        IANA name of the zone in which a time since the epoch is shown.

    Raises
    ------
    PortfolioError
        If the date or the zone is not known.

    Examples
    --------
    >>> format_ts(34_200_017_459_617, "2012-06-21")
    '2012-06-21 09:30:00.017'
    >>> format_ts(34_200_017_459_617)
    '09:30:00.017'
    >>> format_ts(1_340_285_400_000_000_000, timezone="America/New_York")
    '2012-06-21 09:30:00.000'
    """
    return _formatter(date, timezone)(ts_ns)


def _formatter(date: str, timezone: str) -> Callable[[int], str]:
    """:func:`format_ts` for many moments."""
    try:
        day = dt.date.fromisoformat(date) if date else None
        zone = ZoneInfo(timezone)
    except (ValueError, KeyError, OSError):
        raise PortfolioError(
            f"date {date!r} or time zone {timezone!r} is not known; give an ISO date and an IANA name such as "
            "'America/New_York'"
        ) from None

    def show(ts_ns: int) -> str:
        seconds, rest = divmod(int(ts_ns), NS_PER_S)
        millis = f".{rest // 1_000_000:03d}"
        if ts_ns >= FROM_MIDNIGHT_MAX_NS:
            return f"{dt.datetime.fromtimestamp(seconds, zone):%Y-%m-%d %H:%M:%S}{millis}"
        days, seconds = divmod(seconds, 86_400)
        clock = f"{seconds // 3_600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{millis}"
        if day is not None:
            return f"{day + dt.timedelta(days=days)} {clock}"
        return f"day {days + 1} {clock}" if days else clock

    return show


def _frame(columns: dict[str, str], rows: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """A table with fixed columns and types, also without rows."""
    import pandas as pd

    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pd.DataFrame(
        {
            name: pd.Series(list(column), dtype=kind)
            for (name, kind), column in zip(columns.items(), values, strict=True)
        }
    )


def _picked(columns: dict[str, str], values: Callable[[str], Any]) -> list[Any]:
    """One row by column name, money turned into whole units."""
    return [from_micros(values(name)) if name in _MONEY else values(name) for name in columns]


def _names(engine: PortfolioEngine, account: str | None) -> Sequence[str]:
    return engine.accounts if account is None else (engine.account(account).account,)


def _side(side: Side) -> str:
    return side.name.lower()


def accounts(engine: PortfolioEngine, account: str | None = None) -> pd.DataFrame:
    """One row per account: value, cash, profit, exposure, drawdown."""
    views = [engine.account(name) for name in _names(engine, account)]
    return _frame(ACCOUNTS, (_picked(ACCOUNTS, partial(getattr, view)) for view in views))


def positions(engine: PortfolioEngine, account: str | None = None, *, include_flat: bool = False) -> pd.DataFrame:
    """One row per open position; with ``include_flat`` also those that were closed."""
    rows = []
    for name in _names(engine, account):
        for view in engine.positions(name, include_flat=include_flat):
            row = _picked(POSITIONS, partial(getattr, view))
            row[list(POSITIONS).index("quantity")] = view.units
            rows.append(row)
    return _frame(POSITIONS, rows)


def cash(engine: PortfolioEngine, account: str | None = None) -> pd.DataFrame:
    """One row per account and currency: the money, its rate and its value, both in the account's currency."""
    rows = []
    for name in _names(engine, account):
        state = engine.state(name)
        for currency, purse in state.purses.items():
            value = from_micros(convert(purse.cash, purse.rate, purse.into))
            rows.append((name, currency, from_micros(purse.cash), purse.rate / purse.into, value))
    return _frame(CASH, rows)


def movements(
    engine: PortfolioEngine, account: str | None = None, *, date: str = "", timezone: str = "America/New_York"
) -> pd.DataFrame:
    """One row per movement of money or lots without a fill; ``quantity`` is the change of the position."""
    show = _formatter(date, timezone)
    instruments = {instrument.symbol: instrument for instrument in engine.instruments}
    rows = []
    for name in _names(engine, account):
        for m in engine.movements(name):
            quantity = instruments[m.symbol].quantity(m.lots) if m.lots else 0.0
            amount = from_micros(m.amount)
            rows.append(
                (m.seq, m.ts_ns, show(m.ts_ns), name, m.cause, m.symbol, quantity, m.currency, amount, m.detail)
            )
    return _frame(MOVEMENTS, sorted(rows))


def fills(
    engine: PortfolioEngine, account: str | None = None, *, date: str = "", timezone: str = "America/New_York"
) -> pd.DataFrame:
    """One row per fill that is still kept, in order."""
    show = _formatter(date, timezone)
    instruments = {instrument.symbol: instrument for instrument in engine.instruments}
    found = [fill for name in _names(engine, account) for fill in engine.fills(name)]
    return _frame(
        FILLS,
        (
            (
                fill.seq,
                fill.ts_ns,
                show(fill.ts_ns),
                fill.account,
                fill.client_order_id,
                fill.order_id,
                fill.symbol,
                _side(fill.side),
                instruments[fill.symbol].price(fill.last_px),
                instruments[fill.symbol].quantity(fill.last_qty),
                from_micros(fill.fee),
                str(fill.liquidity),
                instruments[fill.symbol].quantity(fill.leaves_quantity),
                fill.cause,
            )
            for fill in sorted(found, key=lambda fill: fill.seq)
        ),
    )


def round_trips(
    engine: PortfolioEngine, account: str | None = None, *, date: str = "", timezone: str = "America/New_York"
) -> pd.DataFrame:
    """One row per matched entry and exit, by the time of the exit; ``side`` is LONG or SHORT."""
    show = _formatter(date, timezone)
    instruments = {instrument.symbol: instrument for instrument in engine.instruments}
    found = [trip for name in _names(engine, account) for trip in engine.round_trips(name)]
    return _frame(
        ROUND_TRIPS,
        (
            (
                trip.account,
                trip.symbol,
                "LONG" if trip.side is Side.BUY else "SHORT",
                instruments[trip.symbol].quantity(trip.quantity),
                trip.entry_ts_ns,
                show(trip.entry_ts_ns),
                trip.exit_ts_ns,
                show(trip.exit_ts_ns),
                trip.entry_px,
                trip.exit_px,
                from_micros(trip.gross_pnl),
                from_micros(trip.fees),
                from_micros(trip.net_pnl),
                trip.entry_order_id,
                trip.exit_order_id,
            )
            for trip in sorted(found, key=lambda trip: trip.exit_ts_ns)
        ),
    )


def equity_curve(
    engine: PortfolioEngine, account: str | None = None, *, date: str = "", timezone: str = "America/New_York"
) -> pd.DataFrame:
    """Value and drawdown over time, as far as the bounded curve keeps them.

    The deepest value of the drawdown column may be a little shallower than ``max_drawdown``, which is exact.
    """
    show = _formatter(date, timezone)
    rows: list[tuple[str, int, str, float, float]] = []
    for name in _names(engine, account):
        times, values = engine.equity_curve(name)
        nav = values.astype(np.float64) / MICRO
        depths = high_and_drawdown(engine.state(name), times, values)[1] if len(times) else nav
        rows += [
            (name, ts_ns, show(ts_ns), value, depth)
            for ts_ns, value, depth in zip(times.tolist(), nav.tolist(), depths.tolist(), strict=True)
        ]
    return _frame(EQUITY_CURVE, rows)


def exposure(engine: PortfolioEngine, account: str | None = None, *, by: Grouping = "instrument") -> pd.DataFrame:
    """Exposure by ``"instrument"``, ``"sector"`` or ``"asset_class"``, the largest of each account first."""
    for instrument in engine.instruments[:1]:
        group_name(instrument, by)
    views = [(name, view) for name in _names(engine, account) for view in engine.exposure(name, by=by)]
    return _frame(
        EXPOSURE,
        (
            (
                name,
                view.group,
                *(from_micros(amount) for amount in (view.long, view.short, view.gross, view.net)),
                view.weight,
            )
            for name, view in views
        ),
    )


def statistics(
    engine: PortfolioEngine, account: str | None = None, *, periods_per_year: float | None = None
) -> pd.DataFrame:
    """One row of statistics per account."""
    rows = []
    for name in _names(engine, account):
        values = {"account": name, **engine.statistics(name, periods_per_year=periods_per_year)}
        rows.append(_picked(STATISTICS, values.__getitem__))
    return _frame(STATISTICS, rows)


def ledger_entries(
    engine: PortfolioEngine, account: str | None = None, *, date: str = "", timezone: str = "America/New_York"
) -> pd.DataFrame:
    """One row per leg: what each posting took from where and brought to where; each posting sums to zero."""
    show = _formatter(date, timezone)
    instruments = {instrument.symbol: instrument for instrument in engine.instruments}
    entries = [entry for name in _names(engine, account) for entry in engine.ledger_entries(name)]
    rows = []
    for entry in sorted(entries, key=lambda entry: entry.seq):
        for number, ((ledger_account, commodity), amount) in enumerate(entry.legs):
            shares = number >= MONEY_LEGS  # an entry of money alone has fewer
            whole = instruments[commodity].quantity(amount) if shares else from_micros(amount)
            place = ":".join(ledger_account)
            rows.append((entry.seq, entry.ts_ns, show(entry.ts_ns), entry.kind, entry.account, place, commodity, whole))
    return _frame(LEDGER, rows)
