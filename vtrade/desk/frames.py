"""A desk's tables: the same story as the panels, as pandas DataFrames in whole units."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from vtrade.desk import checks
from vtrade.domain.values import from_micros
from vtrade.errors import DeskError
from vtrade.execution.explain import slippage_bps
from vtrade.portfolio import frames as money
from vtrade.services.orderflags import flags_text

if TYPE_CHECKING:
    import pandas as pd

    from vtrade.desk.desk import Desk
    from vtrade.execution.blotter import Record

ORDER_COLUMNS = {
    "order_id": "Int64", "client_order_id": "str", "time": "str", "symbol": "str", "side": "str", "type": "str",
    "tif": "str", "quantity": "float64", "filled": "float64", "limit_price": "float64", "stop_price": "float64",
    "avg_px": "float64", "fees": "float64", "slippage_bps": "float64", "status": "str", "reason": "str",
    "good_till": "str", "instructions": "str",
}  # fmt: skip
"""``instructions`` are the flags of an order file, but for the moment in ``good_till``."""


def _index(desk: Desk, symbol: str) -> int:
    k = desk._room.engine.index(symbol) if isinstance(symbol, str) else None
    if k is None:
        raise DeskError(f"{symbol!r} is not traded here; known: {', '.join(desk.symbols)}")
    return k


def book(desk: Desk, symbol: str, levels: int = 10) -> pd.DataFrame:
    """Depth: bid size, bid, ask, ask size; best level first, missing levels NaN."""
    import pandas as pd

    k, levels = _index(desk, symbol), checks.count(levels, "levels")
    instrument = desk.instruments[k]
    with desk._room.lock:
        engine = desk._room.engine
        sides = {1: engine.depth(k, 1, levels), -1: engine.depth(k, -1, levels)}
    nan = float("nan")

    def column(side: int, size: bool) -> list[float]:
        rows = sides[side]
        shown = [instrument.quantity(lots) if size else instrument.price(px) for px, lots in rows]
        return shown + [nan] * (max(len(s) for s in sides.values()) - len(rows))

    return pd.DataFrame(
        {"bid_size": column(1, True), "bid": column(1, False), "ask": column(-1, False), "ask_size": column(-1, True)}
    )


def quotes(desk: Desk) -> pd.DataFrame:
    """Best bid and ask, last print and session of every instrument."""
    import pandas as pd

    rows = []
    with desk._room.lock:
        engine = desk._room.engine
        for k, i in enumerate(desk.instruments):
            bid, bid_size, ask, ask_size = engine.touch(k)
            last = engine.last(k)
            rows.append(
                (
                    i.symbol, i.name, i.sector, i.quantity(bid_size) if bid else None, i.price(bid) if bid else None,
                    i.price(ask) if ask else None, i.quantity(ask_size) if ask else None,
                    i.price(last) if last else None, engine.session(k),
                )
            )  # fmt: skip
    names = ["symbol", "name", "sector", "bid_size", "bid", "ask", "ask_size", "last", "status"]
    numbers = dict.fromkeys(("bid_size", "bid", "ask", "ask_size", "last"), "float64")
    return pd.DataFrame(rows, columns=names).astype(numbers).set_index("symbol")


def order_row(r: Record, *, show_time: Callable[[int], str], reason: str, stop: float | None) -> tuple[object, ...]:
    """An order in the columns of ``ORDER_COLUMNS``."""
    flags = flags_text(msgspec.structs.replace(r.terms, expire_ns=0), r.instrument) if r.instrument else ""
    return (
        r.order_id or None, r.client_order_id, show_time(r.ts_ns), r.symbol, r.side.name.lower(), str(r.type),
        str(r.tif), r.quantity_units, r.filled_units, r.limit_price, stop, r.avg_px, from_micros(r.fees),
        slippage_bps(r), str(r.status), reason, show_time(r.terms.expire_ns) if r.terms.expire_ns else "", flags,
    )  # fmt: skip


def orders(desk: Desk) -> pd.DataFrame:
    """Orders, newest first."""
    import pandas as pd

    with desk._room.lock:
        rows = [
            order_row(r, show_time=desk._time, reason=desk._reason(r), stop=desk._stop_price(r))
            for r in reversed(desk._room.blotter.of(desk.account))
        ]
    return pd.DataFrame(rows, columns=list(ORDER_COLUMNS)).astype(ORDER_COLUMNS)


def _tape(desk: Desk) -> dict[str, str]:
    tape = desk._room.head
    return {"date": tape.date, "timezone": tape.timezone} if tape else {}


def fills(desk: Desk) -> pd.DataFrame:
    """Fills, oldest first."""
    with desk._room.lock:
        return money.fills(desk._room.portfolio, desk.account, **_tape(desk))


def positions(desk: Desk) -> pd.DataFrame:
    """Open positions."""
    with desk._room.lock:
        return money.positions(desk._room.portfolio, desk.account)


def round_trips(desk: Desk) -> pd.DataFrame:
    """Round trips: entries matched with exits, first in, first out."""
    with desk._room.lock:
        return money.round_trips(desk._room.portfolio, desk.account, **_tape(desk))


def equity_curve(desk: Desk) -> pd.DataFrame:
    """NAV and drawdown over time."""
    with desk._room.lock:
        return money.equity_curve(desk._room.portfolio, desk.account, **_tape(desk))


def exposure(desk: Desk, by: str = "instrument") -> pd.DataFrame:
    """Market value by ``"instrument"``, ``"sector"`` or ``"asset_class"``."""
    if not isinstance(by, str) or by not in ("instrument", "sector", "asset_class"):
        raise DeskError(f"exposure by {by!r} is unknown; choose instrument, sector or asset_class")
    with desk._room.lock:
        return money.exposure(desk._room.portfolio, desk.account, by=by)  # type: ignore[arg-type]


def statistics(desk: Desk, *, periods_per_year: float | None = None) -> pd.Series[Any]:
    """Return, risk, costs and hit rate, by name."""
    import pandas as pd

    if periods_per_year is not None:
        periods_per_year = checks.positive(periods_per_year, "periods_per_year")
    with desk._room.lock:
        row = money.statistics(desk._room.portfolio, desk.account, periods_per_year=periods_per_year).iloc[0]
    return pd.Series({name: row[name] for name in row.index if name != "account"}, name=desk.account, dtype=object)


def leaderboard(desk: Desk, by: str = "xp", n: int = 10) -> pd.DataFrame:
    """Standings by ``"xp"`` (how one works) or ``"nav"``, first ``n`` rows."""
    from vtrade.gamification.frames import standings_frame

    table = standings_frame(desk._room.rank(by).top(checks.count(n, "rows", least=0)))
    if by == "nav":
        table["score"] = table["score"] / 1e6
    return table
