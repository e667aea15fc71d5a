"""How does money move without a fill, and from one currency into another?

Rules: whatever moves money without a fill goes through :func:`pay`, which tells it; so what an account holds is the sum
of its facts. Rates are exact, rounded half to even, and the room's spread is against the customer. A cash account owes
no currency: what a fill leaves it owing is changed at once, from its own currency first. A refused conversion is
private news with a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from vtrade.domain import messages as msg
from vtrade.domain.orders import Reason
from vtrade.domain.values import MICRO, divide, format_micros
from vtrade.errors import VTradeError
from vtrade.execution import choice
from vtrade.execution import layout as at

if TYPE_CHECKING:
    from vtrade.execution.engine import Engine
    from vtrade.execution.risk import Account, Refusal

MOVE_MAX: Final = 2**61
"""Micro-units that a movement may leave an account with, or owing."""


def moment(engine: Engine) -> int:
    """Time of what happens now: inside a frame that of the newest fact, which the room's own time follows later."""
    facts = engine._facts
    return max(engine.now, facts[-1].ts_ns) if facts else engine.now


def pay(
    engine: Engine, account: Account, currency: str, amount: int, cause: str, *, symbol: str = "", detail: str = ""
) -> None:
    """Give an account money, or take it (negative), and tell it."""
    engine._book.cash[account.index, engine.currencies.index(currency)] += amount
    engine.tell(msg.CashMoved(engine.next_seq(), moment(engine), account.name, currency, amount, cause, symbol, detail))


def check_money(engine: Engine, currency: str, payments: Iterable[tuple[Account, int]], what: str) -> None:
    """Raise where a payment would leave what can be counted; nothing has changed then."""
    for account, amount in payments:
        if abs(account.balances[currency] + amount) > MOVE_MAX:
            raise VTradeError(
                f"{what} would leave {account.name!r} with more than {format_micros(MOVE_MAX)} {currency}, "
                "which a room cannot count; check the amount"
            )


def exchanged(amount: int, rate: int, into: int) -> int:
    """An amount at one rate as an amount at another, rounded half to even.

    Examples
    --------
    >>> exchanged(2_000_000, 1_100_000, 1_000_000), exchanged(1, 1_500_000, 1_000_000)
    (2200000, 2)
    """
    return divide(amount * rate, into)


def rate(engine: Engine, currency: str) -> int:
    """Micro-units of the room's first currency for one unit of another."""
    return int(engine._book.rates[engine.currencies.index(currency)])


def refuse(engine: Engine, account: str, words: str) -> None:
    """Tell an account, and nobody else, why nothing happened."""
    engine.tell(msg.NewsPublished(engine.next_seq(), engine.now, "", words, account))


def spare_slot(engine: Engine) -> int:
    """A slot of the kernel to try something in; give it back with the kernel's ``give_slot``."""
    if engine._book.own.shape[0] <= engine._book.room[at.SLOTS]:
        engine._book = engine._book._replace(own=at.grown(engine._book.own, engine._book.own.shape[0] + 1))
        engine._fit_rings()
    return int(engine._kernel.new_slot(engine._book))


def trial(engine: Engine, account: Account, k: int, side: int, lots: int, price: int) -> int:
    """A slot with a limit order that is not in the market."""
    slot = spare_slot(engine)
    row = engine._book.own[slot]
    row[:] = 0
    row[[at.O_LEAVES, at.O_LIMIT, at.O_SIDE, at.O_INST, at.O_ACCOUNT, at.O_TYPE, at.O_WORST]] = (
        lots, price, 0 if side > 0 else 1, k, account.index, at.LIMIT, price,
    )  # fmt: skip
    return slot


def convert(engine: Engine, m: msg.ConvertCash) -> None:
    """Change one currency into another at the room's rate less its spread; a refusal is private news."""
    account = engine.accounts.get(m.account)
    words = _conversion_refusal(engine, account, m)
    if words or account is None:
        refuse(engine, m.account, f"conversion refused: {words}")
        return
    bought = _bought(engine, m.sell_currency, m.buy_currency, m.amount)
    _swap(engine, account, m.sell_currency, m.amount, m.buy_currency, bought)


def _bought(engine: Engine, sell: str, buy: str, amount: int) -> int:
    spread = engine.rules.fx_spread_ppm
    return exchanged(amount, rate(engine, sell) * (MICRO - spread), rate(engine, buy) * MICRO)


def _conversion_refusal(engine: Engine, account: Account | None, m: msg.ConvertCash) -> str:
    if account is None:
        return f"account {m.account!r} is not in this room"
    if engine.closed:
        return "the room is closed"
    for currency in (m.sell_currency, m.buy_currency):
        if currency not in engine.currencies:
            return f"{currency!r} is no currency of this room; known: {', '.join(engine.currencies)}"
    if m.sell_currency == m.buy_currency:
        return f"{m.sell_currency} into {m.buy_currency} changes nothing; name two currencies"
    if m.amount <= 0:
        return f"amount {format_micros(m.amount)} must be more than 0"
    bought = _bought(engine, m.sell_currency, m.buy_currency, m.amount)
    if not 0 < bought < MOVE_MAX - max(0, account.balances[m.buy_currency]):
        return f"{format_micros(m.amount)} {m.sell_currency} would buy {format_micros(bought)} {m.buy_currency}"
    if not account.limits.enabled:
        return ""
    held = account.balances[m.sell_currency]
    if m.amount > held:
        return f"you hold {format_micros(held)} {m.sell_currency}, not {format_micros(m.amount)}"
    home = rate(engine, account.currency)
    cost = exchanged(m.amount, rate(engine, m.sell_currency), home) - exchanged(
        bought, rate(engine, m.buy_currency), home
    )
    power = engine.buying_power(account.name)
    if cost > 0 and cost > power:
        return f"the spread costs {format_micros(cost)} {account.currency}, buying power is {format_micros(power)}"
    return ""


def _swap(engine: Engine, account: Account, sell: str, amount: int, buy: str, bought: int) -> None:
    words = f"{format_micros(amount)} {sell} into {format_micros(bought)} {buy}"
    pay(engine, account, sell, -amount, "fx", detail=words)
    pay(engine, account, buy, bought, "fx", detail=words)


def make_good(engine: Engine, account: Account, currency: str) -> None:
    """A cash account paid in ``currency``: what it owes comes from its own, and what it owes then from the others."""
    home = account.currency
    if currency != home:
        _cover(engine, account, currency, home, account.balances[home])
    for other, held in account.balances.items():
        if other not in (currency, home) and held > 0:
            _cover(engine, account, home, other, held)


def _cover(engine: Engine, account: Account, owed_in: str, sell: str, held: int) -> None:
    """Change just enough to owe nothing; of a foreign currency no more than there is."""
    owed = -account.balances[owed_in]
    if owed <= 0:
        return
    spread = engine.rules.fx_spread_ppm
    price = exchanged(owed, rate(engine, owed_in) * MICRO, rate(engine, sell) * (MICRO - spread))
    if price > held and sell != account.currency:
        price, owed = held, _bought(engine, sell, owed_in, held)
    _swap(engine, account, sell, price, owed_in, owed)


def spread_refusal(engine: Engine, account: Account, k: int, side: int, lots: int, worst: int) -> Refusal | None:
    """Whether a cash account could not pay the spread of the currency that a buy, and those that work, may need."""
    spread, limits = engine.rules.fx_spread_ppm, account.limits
    if not spread or len(engine.currencies) == 1 or side < 0 or limits.on_margin or not limits.enabled:
        return None
    plain = choice.plain()
    slot = trial(engine, account, k, side, lots, worst)
    book = engine._book
    working = account.reserved
    plain.tie_up(book, slot)
    needed = account.reserved
    book.acct[account.index, at.A_RESERVED] = working
    plain.give_slot(book, slot)
    legs = (account.currency != engine.instruments[k].currency) + (account.cash < needed)
    if not legs:
        return None
    full = -(-needed * MICRO**legs // (MICRO - spread) ** legs) + legs
    power = engine.buying_power(account.name) + working
    if full <= power:
        return None
    return (
        Reason.INSUFFICIENT_BUYING_POWER,
        f"with what works, the order ties up {format_micros(full)} {account.currency}, the spread of the currency "
        f"included; there are {format_micros(power)}",
    )
