"""Where did every micro-unit of money and every lot go?

Rules: the ledger is double-entry: whatever is posted is a set of legs that sum to zero in each commodity (a currency,
counted in micro-units, or a symbol, counted in lots), so all balances together are zero, always and exactly. A set
that does not sum to zero is refused and changes nothing. The ledger keeps balances; the entries behind them are spelled
out on request from the facts that caused them, by the same functions that post them.

================================  =================================================================================
ledger account                    what its balance says
================================  =================================================================================
``("cash", account)``             money the account holds
``("shares", account, symbol)``   lots the account holds (negative: owes)
``("venue_fees",)``               fees the venue was paid
``("market", symbol)``            the rest of the market: money it got for the symbol, lots it gave
``("external",)``                 the outside world, which paid the deposits in
``("moved", cause)``              what moved without a fill, per cause: dividend, borrow_fee, margin_interest, fx, ...
================================  =================================================================================

What a tender or a delisting pays is posted like a fill, lots against money of the market; a split is lots against the
market alone. When an instrument gets another symbol its balances go on under the new one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from vtrade.errors import VTradeError

LedgerAccount = tuple[str, ...]
Key = tuple[LedgerAccount, str]
"""A ledger account and a commodity: what one balance is kept for."""
Leg = tuple[Key, int]
"""What is added to one balance: micro-units of money, or lots."""

VENUE_FEES: Final[LedgerAccount] = ("venue_fees",)
EXTERNAL: Final[LedgerAccount] = ("external",)
MONEY_LEGS: Final = 3
"""The first legs of an entry, up to this many, are money; those after them are lots."""


class PortfolioError(VTradeError):
    """Facts that contradict each other, a question about an unknown account, or a book that does not balance."""


class LedgerEntry(msgspec.Struct, frozen=True):
    """One posting: what happened (``deposit``, ``fill`` or the cause of a movement), when, and its legs.

    The legs sum to zero per commodity.
    """

    seq: int
    ts_ns: int
    kind: str
    account: str
    legs: tuple[Leg, ...]


def cash_key(account: str, currency: str) -> Key:
    """The balance of an account's money."""
    return (("cash", account), currency)


def deposit_legs(account: str, currency: str, amount: int) -> tuple[Leg, ...]:
    """Money that comes in from outside.

    Examples
    --------
    >>> deposit_legs("ana", "USD", 5)
    (((('cash', 'ana'), 'USD'), 5), ((('external',), 'USD'), -5))
    """
    return (cash_key(account, currency), amount), ((EXTERNAL, currency), -amount)


def moved_account(cause: str) -> LedgerAccount:
    """The counter account of money that moved for a cause."""
    return ("moved", cause)


def moved_legs(account: str, currency: str, amount: int, cause: str) -> tuple[Leg, ...]:
    """Money that moved without a fill: positive was received.

    Examples
    --------
    >>> moved_legs("ana", "USD", -5, "fine")
    (((('cash', 'ana'), 'USD'), -5), ((('moved', 'fine'), 'USD'), 5))
    """
    return (cash_key(account, currency), amount), ((moved_account(cause), currency), -amount)


class FillKeys:
    """The five balances a fill touches, looked up once per account and symbol.

    ``like`` are those of another account in the same symbol and currency, ``beside`` those of the account in another
    symbol of the same currency: what is alike is kept once.
    """

    __slots__ = ("cash", "fees", "market_cash", "market_shares", "shares")

    def __init__(
        self,
        account: str,
        symbol: str,
        currency: str,
        *,
        like: FillKeys | None = None,
        beside: FillKeys | None = None,
    ) -> None:
        market = ("market", symbol)
        self.cash: Key = cash_key(account, currency) if beside is None else beside.cash
        self.market_cash: Key = (market, currency) if like is None else like.market_cash
        self.fees: Key = (VENUE_FEES, currency) if like is None else like.fees
        self.shares: Key = (("shares", account, symbol), symbol)
        self.market_shares: Key = (market, symbol) if like is None else like.market_shares

    def legs(self, lots: int, notional: int, fee: int) -> tuple[Leg, ...]:
        """Lots against money, and the fee; ``lots`` and ``notional`` are negative for a sale.

        Examples
        --------
        >>> for (account, commodity), amount in FillKeys("ana", "ACME", "USD").legs(2, 200, 1):
        ...     print(*account, commodity, amount)
        cash ana USD -201
        market ACME USD 200
        venue_fees USD 1
        shares ana ACME ACME 2
        market ACME ACME -2
        """
        return (
            (self.cash, -notional - fee),
            (self.market_cash, notional),
            (self.fees, fee),
            (self.shares, lots),
            (self.market_shares, -lots),
        )


class Ledger:
    """Balances that always sum to zero.

    Examples
    --------
    >>> ledger = Ledger()
    >>> ledger.post(deposit_legs("ana", "USD", 1_000))
    >>> ledger.post(FillKeys("ana", "ACME", "USD").legs(3, 300, 2))
    >>> ledger.balance(("cash", "ana"), "USD"), ledger.balance(("shares", "ana", "ACME"), "ACME")
    (698, 3)
    >>> ledger.totals()
    {'USD': 0, 'ACME': 0}
    """

    __slots__ = ("_balances",)

    def __init__(self) -> None:
        self._balances: dict[Key, int] = {}

    def post(self, legs: Iterable[Leg]) -> None:
        """Add the legs to their balances.

        Raises
        ------
        PortfolioError
            If they do not sum to zero in each commodity; nothing has changed then.
        """
        legs = tuple(legs)
        sums: dict[str, int] = {}
        for (_, commodity), amount in legs:
            sums[commodity] = sums.get(commodity, 0) + amount
        for commodity, total in sums.items():
            if total:
                raise PortfolioError(f"legs sum to {total} {commodity}, not to 0; add the leg that is missing: {legs}")
        balances = self._balances
        for key, amount in legs:
            balances[key] = balances.get(key, 0) + amount

    def rename(self, old: str, new: str) -> None:
        """Let what was posted for a symbol go on under another: its shares, and what the market holds of it."""
        market, later = ("market", old), ("market", new)
        shares = [(key, lots) for key, lots in self._balances.items() if key[0][0] == "shares" and key[1] == old]
        legs: list[Leg] = []
        for (owner, _), lots in shares:
            legs += [((owner, old), -lots), ((market, old), lots)]
            legs += [(((*owner[:2], new), new), lots), ((later, new), -lots)]
        self.post(legs)
        money = [(key, amount) for key, amount in self._balances.items() if key[0] == market]
        self.post([leg for key, amount in money if amount for leg in ((key, -amount), ((later, key[1]), amount))])
        for key, _ in (*shares, *money):
            del self._balances[key]

    def balance(self, account: LedgerAccount, commodity: str) -> int:
        """What one ledger account holds of a commodity: micro-units of money, or lots; 0 where nothing was posted."""
        return self._balances.get((account, commodity), 0)

    def balances(self) -> list[Leg]:
        """Every balance, sorted by ledger account and commodity."""
        return sorted(self._balances.items())

    def totals(self) -> dict[str, int]:
        """The sum over all ledger accounts per commodity: zero each, or the ledger is broken."""
        sums: dict[str, int] = {}
        for (_, commodity), amount in self._balances.items():
            sums[commodity] = sums.get(commodity, 0) + amount
        return sums

    def check(self) -> None:
        """Make sure that money and shares were conserved.

        Raises
        ------
        PortfolioError
            Naming the commodity that does not sum to zero, and by how much.
        """
        for commodity, total in self.totals().items():
            if total:
                raise PortfolioError(f"the ledger holds {total} {commodity} too much; rebuild it from the journal")

    def load(self, balances: Iterable[Leg]) -> None:
        """Take over balances that :meth:`balances` gave, in place of what is there; they must sum to zero."""
        self._balances = {}
        self.post(balances)
