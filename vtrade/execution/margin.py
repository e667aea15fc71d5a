"""Whose margin is too thin, what happens then, and what do borrowed money and shares cost?

Rules: an account on margin whose equity is below what its positions must keep is called: it has some time, and till
then takes orders only that make positions smaller. When time is up, or equity falls below half of what is required, its
orders are canceled and its positions sold or bought back at the market, the largest first, until the rest is covered.
Borrowed shares and money cost a year's rate over 360 for each calendar day, charged for a day once: at the session's
close, else when the day is over (a day ends at midnight of the room's time). Floats only decide whom to look at twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from vtrade.domain import messages as msg
from vtrade.domain.orders import OrderType, Reason, Side, TimeInForce
from vtrade.domain.values import MICRO, NS_PER_S, divide, format_micros
from vtrade.execution import entry
from vtrade.execution import layout as at
from vtrade.execution.agenda import Errand
from vtrade.execution.house import DAY_NS, holders
from vtrade.execution.payments import moment, pay

if TYPE_CHECKING:
    from vtrade.execution.engine import Engine
    from vtrade.execution.risk import Account, Refusal

NIGHT: Final = "\x00night"
"""Name of the errand that ends a day; no account is called so."""
YEAR_DAYS: Final = 360


class Call(msgspec.Struct, frozen=True, array_like=True):
    """A margin call: to be met by ``deadline_ns``; ``liquidating`` once positions are being closed."""

    deadline_ns: int
    liquidating: bool = False


class Watched:
    """Who is watched: found again whenever an account has joined, so it is no state."""

    __slots__ = ("accounts", "index", "long_ppm", "seen", "short_ppm")

    def __init__(self) -> None:
        self.seen = 0
        self.accounts: list[Account] = []
        self.index = np.zeros(0, np.int64)
        self.long_ppm = np.zeros(0)
        self.short_ppm = np.zeros(0)

    def look(self, engine: Engine) -> None:
        """Find the accounts on margin."""
        self.seen = len(engine.accounts)
        self.accounts = [a for a in engine.accounts.values() if a.limits.enabled and a.limits.on_margin]
        self.index = np.array([a.index for a in self.accounts], np.int64)
        self.long_ppm = np.array([a.limits.maintenance_margin_ppm for a in self.accounts], np.float64)
        self.short_ppm = np.array([a.limits.short_maintenance_ppm for a in self.accounts], np.float64)


# --- calls -----------------------------------------------------------------------------------------------------------


def watch(engine: Engine) -> None:
    """After marks: call, cure and liquidate."""
    venue = engine.venue
    watched = venue.watched
    if watched.seen != len(engine.accounts):
        watched.look(engine)
        if not venue.nightly and _anything_to_charge(engine):
            venue.nightly = True
            engine.agenda.add(Errand((engine.now // DAY_NS + 1) * DAY_NS, "margin", name=NIGHT))
    if not watched.accounts or engine.closed:
        return
    near = _near(engine._book, watched)
    for number in near.tolist():
        _judge(engine, watched.accounts[number])
    if venue.calls:
        done = {watched.accounts[number].name for number in near.tolist()}
        for name in sorted(venue.calls.keys() - done):
            _judge(engine, engine.accounts[name])


def _near(book: at.Book, watched: Watched) -> at.I8:
    """Numbers of the watched accounts that may be below their requirement; never misses one."""
    rates = book.rates.astype(np.float64) / MICRO
    terms = book.terms
    worth = book.inst[:, at.MARK] * terms[:, at.T_TICK_VALUE] * rates[terms[:, at.T_CURRENCY]]
    lots = book.pos[watched.index, :, at.P_LOTS].astype(np.float64)
    longs, shorts = np.maximum(lots, 0.0) @ worth, np.maximum(-lots, 0.0) @ worth
    cash = book.cash[watched.index].astype(np.float64) @ rates
    required = (longs * watched.long_ppm + shorts * watched.short_ppm) / MICRO
    unsure = 1e-6 * (np.abs(cash) + longs + shorts) + 2.0 * np.abs(lots).sum(axis=1) + 10.0
    return np.flatnonzero((longs + shorts > 0.0) & (cash + longs - shorts < required + unsure))


def standing(engine: Engine, account: Account) -> tuple[int, int]:
    """Equity of an account and what its positions must keep, micro-units of its currency."""
    limits = account.limits
    equity, required = engine._kernel.margin(
        engine._book, account.index, limits.maintenance_margin_ppm, limits.short_maintenance_ppm
    )
    return int(equity), int(required)


def _tell(engine: Engine, account: Account, state: str, equity: int, required: int, deadline_ns: int = 0) -> None:
    engine.tell(
        msg.MarginChanged(engine.next_seq(), moment(engine), account.name, state, equity, required, deadline_ns)
    )


def _judge(engine: Engine, account: Account, *, due: bool = False) -> None:
    """Look at one account exactly; ``due``: its time is up."""
    calls = engine.venue.calls
    call = calls.get(account.name)
    equity, required = standing(engine, account)
    covered = equity >= required or not any(account.positions)
    if call is None:
        if covered:
            return
        wait = account.limits.margin_call_s * NS_PER_S if 2 * equity >= required else 0
        call = calls[account.name] = Call(engine.now + wait)
        due = wait == 0
        _tell(engine, account, "called", equity, required, call.deadline_ns)
        if wait > 0:
            engine.agenda.add(Errand(call.deadline_ns, "margin", name=account.name))
            return
    if covered:
        del calls[account.name]
        _tell(engine, account, "met", equity, required)
    elif call.liquidating:
        if account.working == 0:
            _close_positions(engine, account)
    elif due or 2 * equity < required or call.deadline_ns < engine.now:
        _liquidate(engine, account, call)


def deadline(engine: Engine, name: str) -> None:
    """A call's time is up, or a day is over."""
    if engine.closed:
        return
    if name == NIGHT:
        today = engine.now // DAY_NS
        _charge(engine, range(len(engine.instruments)), today - 1)
        engine.agenda.add(Errand((today + 1) * DAY_NS, "margin", name=NIGHT))
    elif name in engine.venue.calls:
        _judge(engine, engine.accounts[name], due=engine.now >= engine.venue.calls[name].deadline_ns)


def _liquidate(engine: Engine, account: Account, call: Call) -> None:
    calls = engine.venue.calls
    for order in [o for o in engine.orders.values() if o.account is account]:
        if order.order_id in engine.orders:  # a child ends with its parent
            engine.cancel_order(order, Reason.MARGIN_CALL, "the account's margin was called and not met")
    calls[account.name] = msgspec.structs.replace(call, liquidating=True)
    _close_positions(engine, account)
    equity, required = standing(engine, account)
    _tell(engine, account, "liquidated", equity, required)
    if equity >= required or not any(account.positions):
        del calls[account.name]


def _close_positions(engine: Engine, account: Account) -> None:
    """Market orders for the largest positions, one after the other, until the rest is covered."""
    book, venue = engine._book, engine.venue
    held = account.positions

    def size(k: int) -> int:
        rate = int(book.rates[book.terms[k, at.T_CURRENCY]])
        return abs(held[k]) * int(book.inst[k, at.MARK]) * engine.instruments[k].tick_value * rate

    for k in sorted((k for k, lots in enumerate(held) if lots), key=lambda k: (-size(k), k)):
        number = venue.liquidations + 1
        while f"liquidation-{number}" in account.ids:
            number += 1
        i = engine.instruments[k]
        order = msg.SubmitOrder(
            engine.now, account.name, f"liquidation-{number}", i.symbol, Side.SELL if held[k] > 0 else Side.BUY,
            OrderType.MARKET, abs(held[k]) * i.lot_size, time_in_force=TimeInForce.GTC, reduce_only=True,
        )  # fmt: skip
        if entry.send(engine, account, order) is None:  # else there is no price yet; tried again with the next marks
            venue.liquidations = number
        equity, required = standing(engine, account)
        if equity >= required:
            return


def refusal(engine: Engine, account: Account, k: int, side: int, lots: int) -> Refusal | None:
    """Why an account whose margin is called may not ask for this, or ``None``."""
    call = engine.venue.calls.get(account.name)
    if call is None:
        return None
    row = engine._book.pos[account.index, k]
    held = int(row[at.P_LOTS])
    can = held - int(row[at.P_SELLING]) if side < 0 else -held - int(row[at.P_BUYING])
    if lots <= can:
        return None
    equity, required = standing(engine, account)
    return (
        Reason.MARGIN_CALL,
        f"your margin is called: equity {format_micros(equity)}, required {format_micros(required)} "
        f"{account.currency}; send orders that make positions smaller, or add money",
    )


# --- what borrowing costs -----------------------------------------------------------------------------------------


def daily(amount: int, yearly_ppm: int, days: int) -> int:
    """Cost of borrowing an amount for some days, rounded half to even.

    Examples
    --------
    >>> daily(10_000_000_000, 36_000, 1)  # 10,000 at 3.6 % a year
    1000000
    """
    return divide(amount * yearly_ppm * days, YEAR_DAYS * MICRO)


def _anything_to_charge(engine: Engine) -> bool:
    return any(i.borrow_rate_ppm for i in engine.instruments) or any(
        a.limits.margin_rate_ppm for a in engine.accounts.values()
    )


def close(engine: Engine, k: int, ts: int) -> None:
    """The session of an instrument closes: what is borrowed over night costs."""
    if _anything_to_charge(engine):
        _charge(engine, (k,), ts // DAY_NS)


def _charge(engine: Engine, instruments: range | tuple[int, ...], through: int) -> None:
    """Charge for the days up to ``through`` (days since the epoch) that were not charged yet."""
    paid = engine.venue.paid
    for k in instruments:
        i = engine.instruments[k]
        days = through - paid.get(k, through - 1)
        paid[k] = max(through, paid.get(k, through))
        if days <= 0 or not i.borrow_rate_ppm:
            continue
        worth = int(engine._book.inst[k, at.MARK]) * i.tick_value
        for account, lots in holders(engine, k):
            fee = daily(-lots * worth, i.borrow_rate_ppm, days)
            if fee > 0:
                words = f"{i.quantity_text(-lots)} borrowed, {days} day{'s' if days > 1 else ''}"
                pay(engine, account, i.currency, -fee, "borrow_fee", symbol=i.symbol, detail=words)
    days = through - paid.get(-1, through - 1)
    paid[-1] = max(through, paid.get(-1, through))
    if days <= 0:
        return
    for account in list(engine.accounts.values()):
        if not account.limits.margin_rate_ppm:
            continue
        for currency, amount in account.balances.items():
            fee = daily(-amount, account.limits.margin_rate_ppm, days)
            if fee > 0:
                words = f"{format_micros(-amount)} borrowed, {days} day{'s' if days > 1 else ''}"
                pay(engine, account, currency, -fee, "margin_interest", detail=words)
