"""What do corporate actions, tenders, rates and movements of money do to a portfolio?

Rules: a pure fold, in the order in which a room tells them: `ActionApplied`, then per account `PositionAdjusted` and
the `CashMoved` that belongs to it, then `Marked` with the new price.

- A *split* makes nobody richer. `ActionApplied` sets the mark to mark * denominator / numerator, rounded half to even
  and at least one tick; `PositionAdjusted` changes the lots and not their cost; the value of a holding stays what it
  was, exactly, until the next `Marked` of the instrument puts lots times mark in its place. Cash for a fraction takes
  the place of the value of that fraction; it is counted in ``other``, the cost stays with the lots that are left.
- A *tender*, a *delisting*, and a split that leaves no lot are exchanges of lots for money: they are folded when the
  `CashMoved` comes, at exactly that price, and count in realised profit and round trips, but not as fills, nor in
  turnover or slippage. Where none has come by the next mark, they are folded for nothing.
- A *rename* keeps the instrument's place; what was traded before is told under the new symbol, too.
- A *rate* moves the value of what is held in that currency.
- *Money that moves* changes cash and value at once. High-water mark, drawdown and curve look at it with the next mark,
  since a dividend, or one half of a conversion, is not to be judged without the other half. An adjustment is money from
  outside and no performance; everything else, fines too, is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from vtrade.domain.actions import ActionKind
from vtrade.domain.messages import ActionApplied, CashMoved, Fact, PositionAdjusted
from vtrade.domain.values import MICRO, divide
from vtrade.portfolio.accounts import AccountState, Holding
from vtrade.portfolio.books import Books
from vtrade.portfolio.history import History
from vtrade.portfolio.ledger import Leg, PortfolioError, moved_legs
from vtrade.portfolio.purses import Movement, convert, rate_of

EXCHANGES: Final = ("tender", "delisting")
"""Causes for which lots are exchanged for money."""
FRACTION: Final = "cash_in_lieu"


def _account(books: Books, fact: CashMoved | PositionAdjusted) -> AccountState:
    account = books.accounts.get(fact.account)
    if account is None:
        raise PortfolioError(
            f"fact {fact.seq}: account {fact.account!r} is not in this room; fold its facts from the first one on"
        )
    return account


def _place(books: Books, fact: ActionApplied | PositionAdjusted) -> int:
    index = books.index.get(fact.symbol)
    if index is None:
        raise PortfolioError(
            f"fact {fact.seq}: symbol {fact.symbol!r} is not in this room; symbols: {', '.join(books.index) or 'none'}"
        )
    return index


# --- actions -----------------------------------------------------------------------------------------------------


def _split(books: Books, fact: ActionApplied) -> None:
    index = _place(books, fact)
    if fact.numerator < 1 or fact.denominator < 1:
        raise PortfolioError(f"fact {fact.seq}: a split of {fact.numerator} for {fact.denominator} is none")
    old = books.marks[index]
    if not old:
        return
    new = books.marks[index] = max(1, divide(old * fact.denominator, fact.numerator))
    books.moved.add(index)
    for holding in books.holders[index].values():
        books.carry(holding, (old - new) * holding.lots.quantity * holding.tick_value)


def _rename(books: Books, fact: ActionApplied) -> None:
    index, old, new = _place(books, fact), fact.symbol, fact.new_symbol
    if not new or new in books.index or books.room is None:
        raise PortfolioError(f"fact {fact.seq}: {old!r} cannot become {new!r}: empty, or another instrument's symbol")
    listed = list(books.room.instruments)
    listed[index] = msgspec.structs.replace(listed[index], symbol=new)
    books.room = msgspec.structs.replace(books.room, instruments=tuple(listed))
    books.index = {instrument.symbol: place for place, instrument in enumerate(listed)}
    books.ledger.rename(old, new)
    books.alike.pop(index, None)
    for account in books.accounts.values():
        if index in account.holdings:
            holding = account.holdings[index]
            holding.rename(listed[index], like=books.alike.get(index))
            books.alike.setdefault(index, holding.keys)
            books.stirred[account.name] = None
        histories: tuple[History[Any], ...] = (account.fills, account.trips, account.movements)
        for rows in histories:
            rows.rename(old, new)


def _rate(books: Books, fact: ActionApplied) -> None:
    currency = fact.symbol
    first = books.instruments[0].currency if books.instruments else ""
    if fact.amount <= 0 or (currency == first and fact.amount != MICRO):
        raise PortfolioError(
            f"fact {fact.seq}: {fact.amount} micro-units of {first} for one {currency} is no rate; "
            "a rate is above 0, and that of the room's first currency is 1"
        )
    books.rates[currency] = fact.amount
    now = books.now(fact)
    for account in books.accounts.values():
        into = rate_of(books.rates, account.currency)
        change = sum(purse.reprice(rate_of(books.rates, purse.currency), into) for purse in account.foreign)
        if account.foreign:
            books.stirred[account.name] = None
        if change:
            account.nav += change
            account.observe(now)
    books.clock.add(now, 0)


_ACTIONS: Final[dict[ActionKind, Callable[[Books, ActionApplied], object]]] = {
    ActionKind.SPLIT: _split,
    ActionKind.RENAME: _rename,
    ActionKind.RATE: _rate,
    ActionKind.DIVIDEND: _place,  # what follows from it comes per account
    ActionKind.DELISTING: _place,
}


def on_action(books: Books, fact: ActionApplied) -> None:
    """A split, rename, delisting, dividend or rate holds from now on."""
    _ACTIONS[fact.kind](books, fact)


# --- positions and money -----------------------------------------------------------------------------------------


def on_position(books: Books, fact: PositionAdjusted) -> None:
    """Lots change without a fill; where they are exchanged for money, once that has come."""
    account, index = _account(books, fact), _place(books, fact)
    holding = account.holdings.get(index)
    before, after = fact.lots_before, fact.lots_after
    tender = fact.cause == "tender"
    held = holding.lots.quantity if holding is not None else 0
    if held != before or (holding is not None and holding.waiting is not None) or (before * after < 0 and not tender):
        raise PortfolioError(
            f"fact {fact.seq}: {before} to {after} lots of {fact.symbol!r} by {fact.cause}, but {fact.account!r} "
            f"holds {held}; fold its facts from the first one on"
        )
    if before == after:
        return
    if tender or not after:
        holding = books.holding(account, index)
        holding.waiting = (after - before, fact.cause)
        books.waiting[fact.account, index] = holding
    elif holding is None or not before:
        raise PortfolioError(f"fact {fact.seq}: {fact.cause} gives {fact.account!r} {after} lots of {fact.symbol!r}")
    else:
        lots = after - before
        books.ledger.post(holding.keys.legs(lots, 0, 0))
        account.finished(holding, holding.lots.resize(after))
        books.hold(holding)
        books.stirred[account.name] = None
        books.carry(holding, -lots * books.marks[index] * holding.tick_value)
        currency = holding.purse.currency
        account.movements.append(Movement(fact.seq, books.now(fact), fact.cause, fact.symbol, currency, 0, lots))


def on_cash(books: Books, fact: CashMoved) -> None:
    """Money comes or goes without a fill."""
    account = _account(books, fact)
    index = books.index.get(fact.symbol)
    holding = account.holdings.get(index) if index is not None else None
    if holding is not None and holding.waiting is not None and fact.cause in (holding.waiting[1], FRACTION):
        if fact.currency != holding.purse.currency:
            raise PortfolioError(
                f"fact {fact.seq}: {fact.symbol!r} trades in {holding.purse.currency}, but its {fact.cause} "
                f"is paid in {fact.currency}"
            )
        _exchange(books, holding, fact, fact.amount, fact.detail)
        return
    if fact.cause in EXCHANGES and fact.amount:
        raise PortfolioError(
            f"fact {fact.seq}: {fact.amount} {fact.currency} for {fact.account!r} by {fact.cause}, but no position "
            f"of {fact.symbol!r} was adjusted before it"
        )
    amount = fact.amount
    books.ledger.post(moved_legs(account.name, fact.currency, amount, fact.cause))
    purse = books.purse(account, fact.currency)
    purse.count(fact.cause, amount)
    change = amount if purse is account.home else purse.add(amount)
    if fact.cause == "adjustment":
        account.adjust(books.now(fact), change)
    else:
        account.nav += change
    books.unobserved[account.name] = account
    books.stirred[account.name] = None
    account.movements.append(
        Movement(fact.seq, books.now(fact), fact.cause, fact.symbol, fact.currency, amount, 0, fact.detail)
    )
    if holding is not None:
        _count(books, holding, fact)


def _count(books: Books, holding: Holding, fact: CashMoved) -> None:
    """What a holding brought or cost, in the instrument's currency."""
    amount = convert(
        fact.amount, rate_of(books.rates, fact.currency), rate_of(books.rates, holding.instrument.currency)
    )
    if fact.cause == "dividend":
        holding.dividends += amount
    elif fact.cause == "borrow_fee":
        holding.borrow_fees -= amount
    elif (
        fact.cause == FRACTION
        and fact.currency == holding.purse.currency
        and holding.account.name in books.carried.get(holding.index, ())
    ):
        books.carry(holding, -amount)
        books.worth(holding, -amount)


def _exchange(books: Books, holding: Holding, fact: Fact, amount: int, detail: str) -> None:
    """Fold a change that waited: its lots against ``amount`` of the instrument's currency."""
    account, index, queue = holding.account, holding.index, holding.lots
    lots, cause = holding.waiting or (0, "")
    now = books.now(fact)
    side = 1 if lots > 0 else -1
    holding.waiting = None
    del books.waiting[account.name, index]
    if not books.marks[index]:
        price = divide(-side * amount, abs(lots) * holding.tick_value)
        books.reprice(((index, max(1, price)),), now)
    legs: tuple[Leg, ...] = holding.keys.legs(lots, -amount, 0)
    books.ledger.post(legs)
    done = queue.exchange(now, -fact.seq, side=side, quantity=abs(lots), value=-side * amount, fee=0)
    account.finished(holding, done)
    holding.purse.cash += amount
    books.worth(holding, books.marks[index] * lots * holding.tick_value + amount)
    books.hold(holding)
    books.stirred[account.name] = None
    if not queue.quantity:
        books.worth(holding, -holding.carry)
        holding.carry = 0
        carried = books.carried.get(index, {})
        carried.pop(account.name, None)
        if not carried:
            books.carried.pop(index, None)
    books.unobserved[account.name] = account
    symbol, currency = holding.instrument.symbol, holding.purse.currency
    account.movements.append(Movement(fact.seq, now, cause, symbol, currency, amount, lots, detail))


def end_waiting(books: Books, fact: Fact) -> None:
    """Prices go on and no money has come for these changes: they are folded for nothing."""
    for _, holding in sorted(books.waiting.items()):
        _exchange(books, holding, fact, 0, "")


def movement_legs(account: AccountState, movement: Movement, holding: Holding | None) -> tuple[Leg, ...]:
    """What was posted for a movement."""
    if movement.lots and holding is not None:
        return holding.keys.legs(movement.lots, -movement.amount, 0)
    return moved_legs(account.name, movement.currency, movement.amount, movement.cause)
