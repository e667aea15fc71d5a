"""What can an account do beside the book: change money, take a tender?

Rules: as with orders, the engine decides and answers with facts; what it refuses comes back as one sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vtrade.domain.messages import AnswerTender, CashMoved, ConvertCash, Fact, TenderClosed
from vtrade.domain.values import Number, from_micros, to_micros
from vtrade.errors import DeskError, ValueOffGrid

if TYPE_CHECKING:
    import pandas as pd

    from vtrade.desk.desk import Desk

TENDERS: Final = {
    "tender": "str", "symbol": "str", "side": "str", "quantity": "float64", "price": "float64", "good_till": "str",
}  # fmt: skip


def balances(desk: Desk) -> dict[str, float]:
    """Money by currency, whole units."""
    with desk._room.lock:
        held = desk._room.engine.accounts[desk.account].balances
    return {currency: from_micros(amount) for currency, amount in held.items()}


def convert(desk: Desk, amount: Number, sell: str, buy: str) -> dict[str, float]:
    """Change money at the room's rate; what is held afterwards."""
    micros = to_micros(amount, what="amount")
    if micros <= 0:
        raise ValueOffGrid(f"amount {amount} must be above 0; swap the currencies to go the other way")
    known = desk._room.engine.currencies
    for currency in (sell, buy):
        if currency not in known:
            raise DeskError(f"{currency!r} is no money of this room; it has {', '.join(known)}")
    (facts,) = desk._room.submit([ConvertCash(desk._room.now_ns, desk.account, sell, buy, micros)])
    if not any(isinstance(fact, CashMoved) for fact in facts):
        raise DeskError(f"{amount} {sell} were not changed into {buy}{_why(facts)}")
    return balances(desk)


def tenders(desk: Desk) -> pd.DataFrame:
    """Tenders that are open to this account, oldest first."""
    import pandas as pd

    rows = []
    with desk._room.lock:
        for offer in desk._room.tenders.values():
            k = desk._room.engine.index(offer.symbol)
            if offer.account == desk.account and k is not None:
                i = desk.instruments[k]
                rows.append(
                    (
                        offer.tender, offer.symbol, offer.side.name.lower(), i.quantity(offer.quantity),
                        i.price(offer.price), desk._time(offer.expire_ns),
                    )
                )  # fmt: skip
    return pd.DataFrame(rows, columns=list(TENDERS)).astype(TENDERS).set_index("tender")


def answer(desk: Desk, tender: str, *, accept: bool) -> str:
    """Take a tender, or leave it; how it ended, in a sentence."""
    if accept is not True and accept is not False:
        raise ValueOffGrid(f"accept {accept!r} is not True or False")
    offer = desk._room.tenders.get(tender) if isinstance(tender, str) else None
    if offer is None or offer.account != desk.account:
        raise DeskError(f"there is no tender {tender!r} open to this desk; desk.tenders() lists them")
    (facts,) = desk._room.submit([AnswerTender(desk._room.now_ns, tender, desk.account, accept)])
    end = next((fact for fact in facts if isinstance(fact, TenderClosed)), None)
    if end is None:
        raise DeskError(f"the answer to tender {tender!r} changed nothing{_why(facts)}")
    return f"tender {tender} was {'taken' if end.taken else 'not taken'}{f': {end.detail}' if end.detail else ''}"


def _why(facts: list[Fact]) -> str:
    details = [text for fact in facts if (text := getattr(fact, "detail", "") or getattr(fact, "headline", ""))]
    return f": {'; '.join(details)}" if details else ""
