"""What is an account worth, and where does it stand, at the present marks?

Rules: pure functions from the state of one account and the marks (ticks per instrument index, 0 where nothing was ever
priced) to the values of :mod:`vtrade.portfolio.views`. A position that was never priced cannot exist: before the first
mark the price of the last fill counts. Between a split and the next mark a holding is worth what it was worth before.

Money in several currencies: the value of an account is, per currency, its cash and positions together, turned over at
the last rate by one division; every other amount of a view is summed per currency and then turned over likewise. What
these leave of the profit is ``currency_pnl``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from vtrade.domain.instruments import Instrument
from vtrade.portfolio.accounts import AccountState, Holding
from vtrade.portfolio.ledger import EXTERNAL, VENUE_FEES, Ledger, PortfolioError
from vtrade.portfolio.purses import TOTALS, Purse, convert, rate_of, total_of
from vtrade.portfolio.views import AccountView, ExposureView, PositionView

Grouping = Literal["instrument", "sector", "asset_class"]
GROUPINGS: Final = ("instrument", "sector", "asset_class")


def market_value(holding: Holding, marks: Sequence[int]) -> int:
    """Micro-units of the instrument's currency that the holding is worth; negative when short."""
    return marks[holding.index] * holding.lots.quantity * holding.tick_value + holding.carry


def weight(amount: int, nav: int) -> float:
    """A share of the net asset value; NaN where that is not positive."""
    return amount / nav if nav > 0 else float("nan")


def total(state: AccountState, amount: Callable[[Purse], int]) -> int:
    """An amount that each purse has, turned over into the account's currency and summed."""
    return amount(state.home) + sum(convert(amount(purse), purse.rate, purse.into) for purse in state.foreign)


class Held(NamedTuple):
    """Holdings added up: market values with and without their sign, and profits; micro-units."""

    net: int
    gross: int
    realized: int
    unrealized: int


def held(state: AccountState, marks: Sequence[int]) -> Held:
    """All holdings, summed per currency, turned over into the account's currency and summed."""
    sums = {currency: [0] * len(Held._fields) for currency in state.purses}
    for holding in state.holdings.values():
        row, queue = sums[holding.purse.currency], holding.lots
        value = marks[holding.index] * queue.quantity * holding.tick_value + holding.carry
        row[0] += value
        row[1] += abs(value)
        row[2] += queue.realized_pnl
        row[3] += value - queue.cost_basis
    if not state.foreign:
        return Held(*sums[state.currency])
    return Held(*(total(state, lambda purse, n=n: sums[purse.currency][n]) for n in range(len(Held._fields))))  # type: ignore[misc]


def account_view(state: AccountState, marks: Sequence[int]) -> AccountView:
    """The account as a value."""
    cash = total(state, lambda purse: purse.cash)
    fees = total(state, lambda purse: purse.fees)
    dividends, other = total(state, lambda purse: purse.dividends), total(state, lambda purse: purse.other)
    borrow_fees = total(state, lambda purse: purse.borrow_fees)
    interest, fines = total(state, lambda purse: purse.interest), total(state, lambda purse: purse.fines)
    net, gross, realized, unrealized = held(state, marks)
    profit = realized + unrealized + dividends + other - fees - borrow_fees - interest - fines
    return AccountView(
        account=state.name,
        currency=state.currency,
        deposits=state.deposits,
        cash=cash,
        cash_by_currency={currency: purse.cash for currency, purse in state.purses.items()},
        market_value=state.nav - cash,
        nav=state.nav,
        realized_pnl=realized,
        unrealized_pnl=unrealized,
        fees=fees,
        dividends=dividends,
        borrow_fees=borrow_fees,
        interest=interest,
        fines=fines,
        other=other,
        currency_pnl=state.nav - state.deposits - profit,
        slippage_bps=state.slippage_bps(),
        gross_exposure=gross,
        net_exposure=net,
        leverage=weight(gross, state.nav),
        high_water_mark=state.high_water_mark,
        drawdown=state.drawdown(),
        max_drawdown=state.max_drawdown(),
        total_return=state.total_return(),
        traded_notional=state.traded_notional,
        turnover=weight(state.traded_notional, state.deposits),
        fills=state.fill_count,
        round_trips=state.trip_count(),
    )


def position_view(holding: Holding, marks: Sequence[int]) -> PositionView:
    """One holding as a value."""
    queue, instrument = holding.lots, holding.instrument
    mark = marks[holding.index]
    value, cost = holding.home(market_value(holding, marks)), holding.home(queue.cost_basis)
    held = queue.quantity
    return PositionView(
        account=holding.account.name,
        symbol=instrument.symbol,
        name=instrument.name,
        sector=instrument.sector,
        asset_class=instrument.asset_class,
        currency=instrument.currency,
        side="LONG" if held > 0 else "SHORT" if held < 0 else "FLAT",
        quantity=held,
        units=instrument.quantity(held),
        avg_entry_price=instrument.price(queue.cost_basis / (held * queue.tick_value)) if held else float("nan"),
        mark_price=instrument.price(mark) if mark else float("nan"),
        cost_basis=cost,
        market_value=value,
        unrealized_pnl=value - cost,
        realized_pnl=holding.home(queue.realized_pnl),
        fees=holding.home(holding.fees),
        dividends=holding.home(holding.dividends),
        borrow_fees=holding.home(holding.borrow_fees),
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
            value = holding.home(market_value(holding, marks))
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


def check_account(state: AccountState, marks: Sequence[int], rates: Mapping[str, int], ledger: Ledger) -> None:
    """Recompute everything that is followed step by step.

    Raises
    ------
    PortfolioError
        Naming the account and the number that differs.
    """
    checks: list[tuple[str, int, int]] = []
    into = rate_of(rates, state.currency)
    nav = 0
    for purse in state.purses.values():
        currency = purse.currency
        held = [holding for holding in state.holdings.values() if holding.purse is purse]
        value = purse.cash + sum(market_value(holding, marks) for holding in held)
        shown = value if purse is state.home else convert(value, rate_of(rates, currency), into)
        nav += shown
        realized = sum(holding.lots.realized_pnl for holding in held)
        cost = sum(holding.lots.cost_basis for holding in held)
        checks += [
            (f"{currency} and what the ledger says", purse.cash, ledger.balance(("cash", state.name), currency)),
            (f"{currency} and its totals", purse.cash, purse.balance(realized, cost)),
            (f"fees of holdings and of the account in {currency}", sum(h.fees for h in held), purse.fees),
        ]
        if purse is not state.home:
            checks += [
                (f"value in {currency} and cash + market value", purse.value, value),
                (f"value in {currency}, turned over,", purse.shown, shown),
            ]
    checks.append(("nav and cash + market value", state.nav, nav))
    for holding in state.holdings.values():
        queue, symbol = holding.lots, holding.instrument.symbol
        side = 1 if queue.quantity >= 0 else -1
        shares = ledger.balance(("shares", state.name, symbol), symbol)
        checks += [
            (f"lots and position in {symbol}", side * sum(lot.quantity for lot in queue.lots), queue.quantity),
            (
                f"cost of lots and cost basis in {symbol}",
                side * sum(lot.cost for lot in queue.lots),
                queue.cost_basis,
            ),
            (f"lots of {symbol} and what the ledger says", queue.quantity, shares),
        ]
    for what, one, other in checks:
        if one != other:
            raise PortfolioError(
                f"account {state.name!r}: {what} differ ({one} and {other}); rebuild the portfolio from the journal"
            )


def check_ledger(states: Iterable[AccountState], ledger: Ledger) -> None:
    """Make sure that the counter accounts hold what the accounts together paid and received.

    Raises
    ------
    PortfolioError
        Naming the total that differs.
    """
    posted: defaultdict[tuple[str, str], int] = defaultdict(int)
    for (account, currency), amount in ledger.balances():
        if account == EXTERNAL:
            posted["paid_in", currency] -= amount
        elif account == VENUE_FEES:
            posted["fees", currency] += amount
        elif account[0] == "moved":
            field, sign = total_of(account[1])
            posted[field, currency] -= sign * amount
    fields = ["fees", "other", *(field for field, _ in TOTALS.values())]
    for state in states:
        for purse in state.purses.values():
            for field in fields:
                posted[field, purse.currency] -= getattr(purse, field)
    for (field, currency), rest in posted.items():
        if rest:
            raise PortfolioError(
                f"{field} of the accounts and of the ledger differ by {rest} {currency}; "
                "rebuild the portfolio from the journal"
            )
