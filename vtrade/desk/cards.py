"""How does an order that the tutor put forward become one, and who may make it one?

Rules: a card holds one proposal, with an end. Only whoever the card is shown to can make an order of it: showing it
makes a ticket that nobody can guess, for exactly these terms, this card and this account; confirming uses the ticket
up, and with it the card. No ticket is ever part of a view, an answer, the journal, or what a language model is sent.
The order then goes the way of every order, under a name that tells where it came from; confirming and discarding go on
the record. The room's lock is never taken while the cards are locked.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vtrade.domain.orders import OrderType, Side
from vtrade.domain.values import NS_PER_S, to_micros
from vtrade.errors import DeskError, VTradeError
from vtrade.services.secret import new_token
from vtrade.tutor.answer import Proposal, held_by
from vtrade.tutor.proposals import OrderDraft

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.desk.order import Order

CARDS_MAX: Final = 8
"""Cards of a desk, whatever became of them."""
TICKETS_MAX: Final = 4
"""Tickets of one card that are good at the same time: one for each of so many views of it."""
CARD_LIFE_S: Final = 300
"""How long a card can be confirmed; of the reader's time, not of the market's, which may run faster."""
NAME: Final = "proposal"
"""First part of the ``client_order_id`` of an order that was a proposal."""

OPEN, SENDING, CONFIRMED, FAILED, DISCARDED, EXPIRED = (
    "open", "sending", "confirmed", "failed", "discarded", "expired",
)  # fmt: skip
"""What can become of a card; only an open one can change, and one that is being sent."""

_OVER: Final = {
    SENDING: "is being sent",
    CONFIRMED: "was confirmed before",
    FAILED: "was tried before and could not be sent",
    DISCARDED: "was discarded",
    EXPIRED: "has expired",
}


@dataclass(slots=True)
class Card:
    """A proposal on the desk: what became of it, in a word and in a sentence."""

    proposal: Proposal
    made_ns: int
    state: str = OPEN
    told: str = ""
    order: str = ""
    tickets: OrderedDict[bytes, bytes] = field(default_factory=OrderedDict)
    """What each ticket is good for, by the hash of the ticket."""


class Cards:
    """The cards of a desk, oldest first."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.cards: OrderedDict[str, Card] = OrderedDict()
        self.count = 0

    def withdraw(self, name: str) -> None:
        """Take a card back whose answer did not come about."""
        with self.lock:
            self.cards.pop(name, None)

    def forget(self) -> None:
        """Let all of them go; what was sent stays sent."""
        with self.lock:
            self.cards.clear()


def put(desk: Desk, cards: Cards, draft: OrderDraft) -> Proposal:
    """A card for a draft.

    Raises
    ------
    DeskError
        If the desk cannot send such an order at all.
    """
    if desk.closed:
        raise DeskError("this desk is closed, so nothing can be put on a card")
    instrument = next((i for i in desk.instruments if i.symbol == draft.terms.symbol), None)
    if instrument is None:
        raise DeskError(f"{draft.terms.symbol!r} is not traded here; known: {', '.join(desk.symbols)}")
    lot = instrument.quantity(1)
    if to_micros(draft.terms.quantity, what="quantity") % to_micros(lot):
        raise DeskError(
            f"a quantity of {draft.terms.quantity:g} {instrument.symbol} is no multiple of its lot, {lot:g}"
        )
    with cards.lock:
        cards.count += 1
        name = f"p{cards.count}"
        proposal = Proposal(
            id=name, terms=draft.terms, why=draft.why, evidence=draft.evidence, source=draft.source,
            expires_ns=desk._wiring.clock.monotonic_ns() + CARD_LIFE_S * NS_PER_S,
        )  # fmt: skip
        cards.cards[name] = Card(proposal, desk.ts_ns)
        while len(cards.cards) > CARDS_MAX:
            over = (key for key, card in cards.cards.items() if card.state not in (OPEN, SENDING))
            del cards.cards[next(over, next(iter(cards.cards)))]

    def act(what: str) -> Any:
        if what == "discard":
            return discard(desk, cards, name)
        return confirm(desk, cards, name, show(desk, cards, name)[0])

    return held_by(proposal, act)


def show(desk: Desk, cards: Cards, name: str) -> tuple[str, float]:
    """A ticket for whoever the card is shown to now, and for how many seconds it is good."""
    with cards.lock:
        card = _open_card(desk, cards, name)
        ticket = new_token("card_")
        card.tickets[_digest(ticket)] = _good_for(desk, card.proposal)
        while len(card.tickets) > TICKETS_MAX:
            card.tickets.popitem(last=False)
        left_ns = card.proposal.expires_ns - desk._wiring.clock.monotonic_ns()
    return ticket, left_ns / NS_PER_S


def confirm(desk: Desk, cards: Cards, name: str, ticket: str) -> Order:
    """Use a ticket up and send the order; a refused order too comes back, with its reason.

    Raises
    ------
    DeskError
        If the card is not open, or the ticket is not good for it; nothing was sent then.
    """
    with cards.lock:
        card = _open_card(desk, cards, name)
        good_for = card.tickets.pop(_digest(ticket), b"")
        if not hmac.compare_digest(good_for, _good_for(desk, card.proposal)):
            raise DeskError(
                f"that confirmation of proposal {name} is not good, or was used before; nothing was sent. "
                "Look at the card again and confirm it there"
            )
        card.tickets.clear()
        card.state = SENDING
    terms = card.proposal.terms
    try:
        with desk._room.together():
            order = desk._submit(
                Side.BUY if terms.side == "buy" else Side.SELL, terms.symbol, terms.quantity, limit=terms.limit_price,
                stop=terms.stop_price, tif=terms.tif, reduce_only=terms.reduce_only, type_=OrderType(terms.type),
                client_order_id=_free_name(desk),
            )  # fmt: skip
            desk.record("proposal_confirmed", subject=order.client_order_id, value=f"{name}: {terms}")
    except Exception as error:
        card.state = FAILED
        card.told = str(error) if isinstance(error, VTradeError) else f"It could not be sent ({type(error).__name__})."
        raise
    card.order, card.told = order.client_order_id, repr(order).removeprefix("Order ")
    card.state = CONFIRMED
    return order


def discard(desk: Desk, cards: Cards, name: str) -> None:
    """Let a card go."""
    with cards.lock:
        card = _open_card(desk, cards, name)
        card.tickets.clear()
        card.state, card.told = DISCARDED, "You discarded it; nothing was sent."
    desk.record("proposal_discarded", subject=name, value=str(card.proposal.terms))


def rows(desk: Desk, cards: Cards) -> list[dict[str, Any]]:
    """The cards as a panel shows them, oldest first; no ticket is in them."""
    with cards.lock:
        return [_row(desk, card) for card in cards.cards.values()]


def _row(desk: Desk, card: Card) -> dict[str, Any]:
    _settle(desk, card)
    p = card.proposal
    return {
        "id": p.id, "terms": str(p.terms), "why": p.why, "from": p.source, "state": card.state, "told": card.told,
        "order": card.order, "evidence": [used.source for used in p.evidence],
        "ask": {
            "symbol": p.terms.symbol, "side": p.terms.side, "type": p.terms.type, "quantity": p.terms.quantity,
            "limit_price": p.terms.limit_price, "stop_price": p.terms.stop_price, "tif": p.terms.tif,
            "reduce_only": p.terms.reduce_only,
        },
    }  # fmt: skip


def _settle(desk: Desk, card: Card) -> None:
    """End a card whose time has come."""
    if card.state != OPEN:
        return
    if desk._wiring.clock.monotonic_ns() >= card.proposal.expires_ns:
        card.state, card.told = EXPIRED, "It has expired: the market has moved on. Ask again for one of now."
    elif desk.ts_ns < card.made_ns:
        card.state, card.told = EXPIRED, "The desk was rewound to before it was made. Ask again for one of now."
    if card.state != OPEN:
        card.tickets.clear()


def _open_card(desk: Desk, cards: Cards, name: str) -> Card:
    card = cards.cards.get(name)
    if card is None:
        raise DeskError(f"there is no proposal {name!r} on this desk any more; ask the coach again")
    _settle(desk, card)
    if card.state != OPEN:
        raise DeskError(f"proposal {name} {_OVER[card.state]}; ask the coach for a new one")
    return card


def _digest(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode("utf-8", "replace")).digest()


def _good_for(desk: Desk, proposal: Proposal) -> bytes:
    """What a ticket is bound to."""
    return hashlib.sha256(msgspec.json.encode((desk.account, proposal.id, proposal.terms))).digest()


def _free_name(desk: Desk) -> str:
    known = desk._room.engine.accounts[desk.account].ids
    number = 1
    while f"{NAME}-{number}" in known:
        number += 1
    return f"{NAME}-{number}"
