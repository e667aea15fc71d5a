"""What is an account worth, and where does it stand, at the present marks?

Rules: pure functions from the state of one account and the marks (ticks per instrument index, 0 where nothing was ever
priced) to the values of :mod:`vtrade.portfolio.views`. A position that was never priced cannot exist: before the first
mark the price of the last fill counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from vtrade.domain.instruments import Instrument
from vtrade.portfolio.accounts import AccountState, Holding
from vtrade.portfolio.ledger import PortfolioError
from vtrade.portfolio.views import AccountView, ExposureView, PositionView

Grouping = Literal["instrument", "sector", "asset_class"]
GROUPINGS: Final = ("instrument", "sector", "asset_class")


def market_value(holding: Holding, marks: Sequence[int]) -> int:
    """Micro-units that the holding is worth; negative when short."""
    return marks[holding.index] * holding.lots.quantity * holding.tick_value


def weight(amount: int, nav: int) -> float:
    """A share of the net asset value; NaN where that is not positive."""
    return amount / nav if nav > 0 else float("nan")


def account_view(state: AccountState, marks: Sequence[int]) -> AccountView:
    """The account as a value."""
    values = [market_value(holding, marks) for holding in state.holdings.values()]
    net, gross = sum(values), sum(abs(value) for value in values)
    lots = [holding.lots for holding in state.holdings.values()]
    return AccountView(
        account=state.name,
        currency=state.currency,
        deposits=state.deposits,
        cash=state.cash,
        market_value=net,
        nav=state.nav,
        realized_pnl=sum(queue.realized_pnl for queue in lots),
        unrealized_pnl=net - sum(queue.cost_basis for queue in lots),
        fees=state.fees,
        slippage_bps=state.slippage_bps(),
        gross_exposure=gross,
        net_exposure=net,
        leverage=weight(gross, state.nav),
        high_water_mark=state.high_water_mark,
        drawdown=state.drawdown(),
        max_drawdown=state.max_drawdown(),
        traded_notional=state.traded_notional,
        turnover=weight(state.traded_notional, state.deposits),
        fills=state.fill_count,
        round_trips=state.trip_sums().count,
    )


def position_view(holding: Holding, marks: Sequence[int]) -> PositionView:
    """One holding as a value."""
    queue, instrument = holding.lots, holding.instrument
    value, mark = market_value(holding, marks), marks[holding.index]
    held = queue.quantity
    return PositionView(
        account=holding.account.name,
        symbol=instrument.symbol,
        name=instrument.name,
        sector=instrument.sector,
        asset_class=instrument.asset_class,
        side="LONG" if held > 0 else "SHORT" if held < 0 else "FLAT",
        quantity=held,
        units=instrument.quantity(held),
        avg_entry_price=instrument.price(queue.cost_basis / (held * queue.tick_value)) if held else float("nan"),
        mark_price=instrument.price(mark) if mark else float("nan"),
        cost_basis=queue.cost_basis,
        market_value=value,
        unrealized_pnl=value - queue.cost_basis,
        realized_pnl=queue.realized_pnl,
        fees=holding.fees,
        weight=weight(value, holding.account.nav),
    )


def group_name(instrument: Instrument, by: Grouping) -> str:
    """The group an instrument belongs to.

    Raises
    ------
    PortfolioError
        If ``by`` is no known grouping.
    """
    if by not in GROUPINGS:
        raise PortfolioError(f"exposure by {by!r} is not known; take one of {', '.join(GROUPINGS)}")
    return instrument.symbol if by == "instrument" else str(getattr(instrument, by))


def exposures(state: AccountState, marks: Sequence[int], by: Grouping) -> list[ExposureView]:
    """Exposure per group in which something is held, the largest first."""
    longs: dict[str, int] = {}
    shorts: dict[str, int] = {}
    for holding in state.holdings.values():
        group = group_name(holding.instrument, by)
        if holding.lots.quantity:
            value = market_value(holding, marks)
            longs[group] = longs.get(group, 0) + max(value, 0)
            shorts[group] = shorts.get(group, 0) + min(value, 0)
    views = [
        ExposureView(
            group=group,
            long=longs[group],
            short=shorts[group],
            gross=longs[group] - shorts[group],
            net=longs[group] + shorts[group],
            weight=weight(longs[group] + shorts[group], state.nav),
        )
        for group in longs
    ]
    return sorted(views, key=lambda view: (-view.gross, view.group))


def check_account(state: AccountState, marks: Sequence[int]) -> None:
    """Recompute everything that is followed step by step.

    Raises
    ------
    PortfolioError
        Naming the account and the number that differs.
    """
    view = account_view(state, marks)
    checks = [
        ("nav and cash + market value", view.nav, view.cash + view.market_value),
        (
            "realized + unrealized profit - fees and nav - deposits",
            view.realized_pnl + view.unrealized_pnl - view.fees,
            view.nav - view.deposits,
        ),
        ("fees of holdings and of the account", sum(h.fees for h in state.holdings.values()), state.fees),
    ]
    for holding in state.holdings.values():
        queue, symbol = holding.lots, holding.instrument.symbol
        side = 1 if queue.quantity >= 0 else -1
        checks += [
            (f"lots and position in {symbol}", side * sum(lot.quantity for lot in queue.lots), queue.quantity),
            (
                f"cost of lots and cost basis in {symbol}",
                side * sum(lot.px * lot.quantity for lot in queue.lots) * queue.tick_value,
                queue.cost_basis,
            ),
        ]
    for what, one, other in checks:
        if one != other:
            raise PortfolioError(
                f"account {state.name!r}: {what} differ ({one} and {other}); rebuild the portfolio from the journal"
            )
