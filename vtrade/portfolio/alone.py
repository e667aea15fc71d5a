"""What of a room's portfolio belongs to one account, and to everybody?

Rules: of the account everything; of the room what everybody may know: instruments, marks, rates, and when something
was priced. Nothing of other accounts, not their names, numbers or balances. An engine that is restored from it and
folds the account's own facts and those that name no account gives the same views, statistics, curve, fills and round
trips as the engine of the whole room.

The counter balances of the ledger, which the accounts of a room share, are those this account alone brings about, as
far as its totals tell: money moved for a cause that has no total of its own stands under ``other``. An instrument that
has no mark yet is priced by anybody's fills; the two engines agree on what comes after its first mark.
"""

from __future__ import annotations

from collections.abc import Iterator

from vtrade.portfolio.accounts import AccountState
from vtrade.portfolio.ledger import EXTERNAL, VENUE_FEES, Ledger, Leg, cash_key, moved_account
from vtrade.portfolio.purses import TOTALS


def balances(state: AccountState, ledger: Ledger) -> list[Leg]:
    """The account's balances, and what they alone make of those that a room shares; none of them 0."""
    return sorted(leg for leg in _balances(state, ledger) if leg[1])


def _balances(state: AccountState, ledger: Ledger) -> Iterator[Leg]:
    for purse in state.purses.values():
        currency = purse.currency
        opening = state.opening if purse is state.home else 0
        key = cash_key(state.name, currency)
        yield key, ledger.balance(*key)
        yield (VENUE_FEES, currency), purse.fees
        yield (EXTERNAL, currency), -opening
        yield (moved_account("other"), currency), -purse.other
        for cause, (field, sign) in TOTALS.items():
            paid = opening if field == "paid_in" else 0
            yield (moved_account(cause), currency), -sign * (getattr(purse, field) - paid)
    for holding in state.holdings.values():
        keys, queue = holding.keys, holding.lots
        yield keys.shares, ledger.balance(*keys.shares)
        yield keys.market_shares, -queue.quantity
        yield keys.market_cash, queue.cost_basis - queue.realized_pnl
