"""What came out of a backtest: fills, orders, the value of the account, statistics, facts and a journal?

Rules: everything is computed when somebody asks for it. Tables and statistics come from arrays and say the same as the
facts, which an engine tells that folds the same log again. Money is in whole units in tables, micro-units in arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from vtrade import stats
from vtrade.domain import display
from vtrade.domain.messages import Fact
from vtrade.domain.orders import OrderType, Status, TimeInForce
from vtrade.domain.values import MICRO, format_micros
from vtrade.execution import layout as at
from vtrade.execution.engine import Engine
from vtrade.execution.kernel import play as st
from vtrade.portfolio.analytics import default_periods_per_year, grid_nav, grid_period_ns
from vtrade.portfolio.curve import CURVE_CELLS_MAX, DAY_NS, MINUTE_NS, next_width
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.portfolio.lots import LotQueue
from vtrade.ports import Log
from vtrade.research.record import Record, client_order_id
from vtrade.research.strategy import LIMIT_TYPES, STOP_TYPES, StrategyError
from vtrade.services.runtime import Runtime

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]
_TYPES: Final = tuple(OrderType)
_TIFS: Final = tuple(TimeInForce)
_ENDS: Final = {at.CANCELED: Status.CANCELED, at.EXPIRED: Status.EXPIRED, at.REJECTED: Status.REJECTED,
                st.WITHDRAWN: Status.CANCELED}  # fmt: skip
SHOWN: Final = ("nav", "net_profit", "fees", "total_return", "sharpe_ratio", "max_drawdown", "fills", "round_trips")


class _Cells:
    """Values by time, as `vtrade.portfolio.analytics` reads them: in cells as wide as those of a desk's curve."""

    def __init__(self, times: Ints, values: Ints) -> None:
        width = MINUTE_NS
        last = self._last(times, width)
        while len(last) > CURVE_CELLS_MAX:
            width = next_width(width)
            last = self._last(times, width)
        self.width_ns = width
        self._closes = times[last], values[last]

    @staticmethod
    def _last(times: Ints, width: int) -> Ints:
        return np.flatnonzero(np.diff(times // width, append=2**62 // width))

    def closes(self) -> tuple[Ints, Ints]:
        """The last value of each cell."""
        return self._closes


class BacktestResult:
    """What a strategy did on a tape; ``record`` holds it as arrays."""

    def __init__(self, record: Record, params: Mapping[str, Any]) -> None:
        self.record = record
        self.params = dict(params)

    # --- arrays ------------------------------------------------------------------------------------------------------

    @cached_property
    def _sent(self) -> Ints:
        """Requests that became orders, in the order of their ids."""
        asked = self.record.asked
        sent: Ints = asked[(asked[:, st.K_ACTION] == st.SUBMIT) & (asked[:, st.D_RESULT] > 0)]
        return sent

    @cached_property
    def _fills(self) -> dict[str, Ints]:
        """Columns of the fills: seq, ts_ns, order_id, instrument, side, px, qty, fee, taker, leaves."""
        rows = self.record.rows
        mask = rows[:, at.X_WHAT] == at.FILLED
        fills = rows[mask]
        sent = self._sent
        place = np.searchsorted(sent[:, st.D_RESULT], fills[:, at.X_ID])
        return {
            "seq": self._seqs[mask],
            "ts_ns": fills[:, at.X_TS],
            "order_id": fills[:, at.X_ID],
            "instrument": sent[place, st.K_INSTRUMENT],
            "side": sent[place, st.K_SIDE],
            "px": fills[:, at.X_PX],
            "qty": fills[:, at.X_QTY],
            "fee": fills[:, at.X_FEE],
            "taker": fills[:, at.X_TAKER],
            "leaves": fills[:, at.X_LEAVES],
            "cause": fills[:, at.X_CAUSE],
            "number": sent[place, st.K_ID],
        }

    @cached_property
    def _seqs(self) -> Ints:
        """Number of the fact of each row: the room and the account come first, marks and news come between."""
        others = [np.unique(self.record.marks[:, st.M_SEQ]), np.asarray(self.record.news_seqs, np.int64)]
        taken = np.sort(np.concatenate(others))
        # the n-th row that is no mark has the n-th number that no mark took
        count = len(self.record.rows) + len(taken)
        free = np.ones(count, bool)
        free[taken - 3] = False
        return np.flatnonzero(free) + 3

    @property
    def fill_count(self) -> int:
        """How often the strategy was filled."""
        return int((self.record.rows[:, at.X_WHAT] == at.FILLED).sum())

    @property
    def order_count(self) -> int:
        """Orders the strategy sent, with those that were denied."""
        return int((self.record.asked[:, st.K_ACTION] == st.SUBMIT).sum())

    @cached_property
    def nav(self) -> tuple[Ints, Ints]:
        """Times, and the value of the account at each mark and fill, in micro-units."""
        f, marks = self._fills, self.record.marks
        seqs, times, changes = [], [], []
        traded = np.unique(f["instrument"]) if len(f["seq"]) else np.zeros(0, np.int64)
        for k in traded.tolist():
            worth = self.record.tape.instruments[k].tick_value
            mine, moved = f["instrument"] == k, marks[:, st.M_INSTRUMENT] == k
            seq = np.concatenate((f["seq"][mine], marks[moved, st.M_SEQ]))
            order = np.argsort(seq, kind="stable")
            lots = np.concatenate((f["side"][mine] * f["qty"][mine], np.zeros(int(moved.sum()), np.int64)))[order]
            px = np.concatenate((f["px"][mine], marks[moved, st.M_PX]))[order]
            fee = np.concatenate((f["fee"][mine], np.zeros(int(moved.sum()), np.int64)))[order]
            fills = np.concatenate((np.ones(int(mine.sum()), bool), np.zeros(int(moved.sum()), bool)))[order]
            held = np.cumsum(lots)
            last = np.maximum.accumulate(np.where(~fills, np.arange(len(px)), -1))
            mark = np.where(last >= 0, px[np.maximum(last, 0)], 0)
            first = np.flatnonzero(fills)[:1]
            if len(first) and mark[first[0]] == 0:  # the first fill of an instrument without a price values it
                until = np.flatnonzero(~fills)
                mark[first[0] : until[0] if len(until) else None] = px[first[0]]
            before = np.concatenate(([0], mark[:-1]))
            change = np.where(fills, (mark - px) * lots * worth - fee, (mark - before) * held * worth)
            seqs.append(seq[order])
            times.append(np.concatenate((f["ts_ns"][mine], marks[moved, st.M_TS]))[order])
            changes.append(change)
        opened = self.record.account
        if not seqs:
            return np.array([opened.ts_ns]), np.array([opened.cash])
        seq = np.concatenate(seqs)
        order = np.argsort(seq, kind="stable")
        seq = seq[order]
        whole = np.append(seq[1:] != seq[:-1], True)  # one fact values several instruments at once
        ts = np.concatenate(times)[order][whole]
        values = opened.cash + np.cumsum(np.concatenate(changes)[order])[whole]
        return np.concatenate(([opened.ts_ns], ts)), np.concatenate(([opened.cash], values))

    # --- tables ------------------------------------------------------------------------------------------------------

    def fills(self) -> pd.DataFrame:
        """Every fill, in order: prices and quantities in whole units."""
        import pandas as pd

        f, instruments = self._fills, self.record.tape.instruments
        ticks = np.array([i.tick_size for i in instruments]) / MICRO
        lots = np.array([i.lot_size for i in instruments]) / MICRO
        k = f["instrument"]
        return pd.DataFrame(
            {
                "seq": f["seq"],
                "ts_ns": f["ts_ns"],
                "order": [client_order_id(n) for n in f["number"].tolist()],
                "symbol": [instruments[n].symbol for n in k.tolist()],
                "side": np.where(f["side"] > 0, "BUY", "SELL"),
                "price": f["px"] * ticks[k],
                "quantity": f["qty"] * lots[k],
                "fee": f["fee"] / MICRO,
                "liquidity": np.where(f["taker"] > 0, "taker", "maker"),
                "cause": [at.CAUSES[c] for c in f["cause"].tolist()],
            }
        )

    def orders(self) -> pd.DataFrame:
        """Every order the strategy sent, with what became of it."""
        import pandas as pd

        asked, rows, instruments = self.record.asked, self.record.rows, self.record.tape.instruments
        sent = asked[asked[:, st.K_ACTION] == st.SUBMIT]
        f = self._fills
        filled = np.zeros(len(self._sent) + 2, np.int64)
        np.add.at(filled, f["order_id"], f["qty"])
        ended: dict[int, Status] = {}
        for what, ident in rows[np.isin(rows[:, at.X_WHAT], list(_ENDS))][:, [at.X_WHAT, at.X_ID]].tolist():
            ended[ident] = _ENDS[what]
        status = []
        for ident, quantity in sent[:, [st.D_RESULT, st.K_QUANTITY]].tolist():
            if ident <= 0:
                status.append(Status.DENIED)
            elif ident in ended:
                status.append(ended[ident])
            elif filled[ident] == quantity:
                status.append(Status.FILLED)
            else:
                status.append(Status.PARTIALLY_FILLED if filled[ident] else Status.ACCEPTED)
        ticks = np.array([i.tick_size for i in instruments]) / MICRO
        lots = np.array([i.lot_size for i in instruments]) / MICRO
        k, kind = sent[:, st.K_INSTRUMENT], sent[:, st.K_TYPE]
        return pd.DataFrame(
            {
                "order": [client_order_id(n) for n in sent[:, st.K_ID].tolist()],
                "ts_ns": sent[:, st.D_TS],
                "symbol": [instruments[n].symbol for n in k.tolist()],
                "side": np.where(sent[:, st.K_SIDE] > 0, "BUY", "SELL"),
                "type": [str(_TYPES[n]) for n in kind.tolist()],
                "quantity": sent[:, st.K_QUANTITY] * lots[k],
                "limit_price": np.where(np.isin(kind, LIMIT_TYPES), sent[:, st.K_LIMIT] * ticks[k], np.nan),
                "stop_price": np.where(np.isin(kind, STOP_TYPES), sent[:, st.K_STOP] * ticks[k], np.nan),
                "time_in_force": [str(_TIFS[n]) for n in sent[:, st.K_TIF].tolist()],
                "status": [str(s) for s in status],
                "filled_quantity": filled[np.maximum(sent[:, st.D_RESULT], 0)] * (sent[:, st.D_RESULT] > 0) * lots[k],
            }
        )

    def equity_curve(self) -> pd.DataFrame:
        """The value of the account at the end of each minute (of a long run: wider cells) in which it changed."""
        import pandas as pd

        times, values = _Cells(*self.nav).closes()
        return pd.DataFrame({"ts_ns": times, "nav": values / MICRO})

    def statistics(self, *, periods_per_year: float | None = None) -> dict[str, float | int]:
        """Statistics as of any account, money in micro-units; see `vtrade.portfolio.analytics.account_statistics`."""
        times, values = self.nav
        opened, tape, f = self.record.account, self.record.tape, self._fills
        currencies = {tape.instruments[k].currency for k in np.unique(f["instrument"]).tolist()}
        if currencies - {opened.currency}:
            return self.portfolio.statistics(opened.account, periods_per_year=periods_per_year)
        priced = np.sort(np.concatenate((f["ts_ns"], self.record.marks[:, st.M_TS])))
        clock: Any = _Cells(priced, np.zeros_like(priced))
        curve: Any = _Cells(times, values)
        period_ns = grid_period_ns(clock, curve)
        year = default_periods_per_year(period_ns, tape.instruments) if periods_per_year is None else periods_per_year
        nav = grid_nav(clock, curve, period_ns=period_ns, opened_ns=opened.ts_ns, opening_nav=opened.cash)
        returns = stats.returns(nav)
        worth = np.array([i.tick_value for i in tape.instruments])
        notional = int((f["px"] * f["qty"] * worth[f["instrument"]]).sum()) if len(f["px"]) else 0
        hits, won, lost, trips = self._round_trips()
        drawn = stats.drawdown(values.astype(np.float64))
        nan = float("nan")
        return {
            "deposits": opened.cash,
            "nav": int(values[-1]),
            "net_profit": int(values[-1]) - opened.cash,
            "fees": int(f["fee"].sum()),
            "traded_notional": notional,
            "total_return": int(values[-1]) / opened.cash - 1 if opened.cash else nan,
            "volatility": stats.annualised_volatility(returns, periods_per_year=year),
            "sharpe_ratio": stats.sharpe_ratio(returns, periods_per_year=year),
            "sharpe_ratio_standard_error": stats.sharpe_ratio_standard_error(returns, periods_per_year=year),
            "sortino_ratio": stats.sortino_ratio(returns, periods_per_year=year),
            "calmar_ratio": stats.calmar_ratio(returns, periods_per_year=year) if period_ns >= DAY_NS else nan,
            "drawdown": float(drawn[-1]),
            "max_drawdown": float(drawn.min()),
            "value_at_risk": stats.value_at_risk(returns),
            "expected_shortfall": stats.expected_shortfall(returns),
            "hit_rate": hits / trips if trips else nan,
            "profit_factor": stats.profit_factor((won, -lost)),
            "turnover": notional / opened.cash if opened.cash else nan,
            "fills": self.fill_count,
            "orders": self.order_count,
            "round_trips": trips,
            "observations": int(np.isfinite(returns).sum()),
            "period_ns": period_ns,
            "periods_per_year": year,
        }

    def _round_trips(self) -> tuple[int, int, int, int]:
        """Winners, what they won, what the others lost (a positive number), and how many there are, after fees."""
        f, account = self._fills, self.record.account.account
        queues = [LotQueue(account, instrument) for instrument in self.record.tape.instruments]
        net: list[int] = []
        columns = (f[name].tolist() for name in ("ts_ns", "order_id", "instrument", "side", "px", "qty", "fee"))
        for ts_ns, order_id, k, side, px, qty, fee in zip(*columns, strict=True):
            done = queues[k].trade(ts_ns, order_id, side=side, px=px, quantity=qty, fee=fee)
            net += [trip.net_pnl for trip in done]
        net += [trip.net_pnl for queue in queues for trip in queue.trips()]
        won = sum(n for n in net if n > 0)
        return sum(n > 0 for n in net), won, won - sum(net), len(net)

    # --- the same as a room tells it ---------------------------------------------------------------------------------

    @cached_property
    def _replayed(self) -> tuple[Engine, list[Fact]]:
        return self.record.replay()

    def facts(self) -> list[Fact]:
        """Every fact, as a room tells it that gets the same frames and orders."""
        return self._replayed[1]

    def state_hash(self) -> str:
        """SHA-256 of that room's state at the end, in hex."""
        return self._replayed[0].state_hash()

    @cached_property
    def portfolio(self) -> PortfolioEngine:
        """The books that follow from the facts."""
        books = PortfolioEngine()
        books.apply_all(self.facts())
        return books

    def journal(self, path: str | Path, *, open_log: Callable[[Path], Log]) -> Path:
        """Write the log of that room, for ``vtrade verify`` and ``vt.load_journal``.

        Parameters
        ----------
        path : str or Path
            A file that is not there yet.
        open_log : callable
            Opens a log at a path.
        """
        path = Path(path)
        if path.exists():
            raise StrategyError(f"{path} is there already; choose another name")
        runtime = Runtime(open_log(path))
        try:
            runtime.submit_many(self.record.messages())
        finally:
            runtime.close()
        return path

    # --- shown -------------------------------------------------------------------------------------------------------

    def _lines(self) -> list[tuple[str, str]]:
        numbers = self.statistics()
        lines = [("tape", repr(self.record.tape))]
        lines += [("parameters", ", ".join(f"{k}={v}" for k, v in self.params.items()))] if self.params else []
        for name in SHOWN:
            value = numbers[name]
            if name in ("nav", "net_profit", "fees"):
                text = f"{format_micros(int(value))} {self.record.account.currency}"
            elif name in ("total_return", "max_drawdown"):
                text = f"{value:+.2%}"
            else:
                text = f"{value:,}" if isinstance(value, int) else f"{value:.2f}"
            lines.append((name.replace("_", " "), text))
        return lines

    def __str__(self) -> str:
        return "Backtest\n" + "\n".join(f"  {name:<14} {text}" for name, text in self._lines())

    def __repr__(self) -> str:
        told = dict(self._lines())
        names = ("net profit", "total return", "sharpe ratio", "max drawdown", "fills")
        return display.called("Backtest", self.record.tape.name, *(f"{name} {told[name]}" for name in names))

    _repr_pretty_ = display.pretty

    def _repr_html_(self) -> str:
        return display.html([display.facts(dict(self._lines()), title="Backtest")])
