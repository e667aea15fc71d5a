"""How may the tutor put an order forward, when it can send none?

Rules: a proposal is a value, not an order: exact terms, a reason in a sentence, the evidence it rests on, and an end.
Only the student can make an order of it, with a ticket of which nothing here knows. Terms are read as a ticket of the
desk reads them, and refused where the venue or the account would refuse them. One is put forward only where the
student's own question asks for an order, and only in an instrument that the student speaks of, holds or trades: what a
headline says can bring none about. A question for the decision itself ("should I buy?") gets hints, never an order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, Final

import msgspec

from vtrade.errors import VTradeError
from vtrade.tutor.answer import EvidenceUsed, OrderTerms, Proposal, Turn, exact_price, money, number
from vtrade.tutor.evidence import AccountEvidence, EvidenceSource, MarketEvidence, RulesEvidence
from vtrade.tutor.recognise import Kind, Question, read_question
from vtrade.tutor.words import PREPARE, PREPARE_PHRASES

PER_ANSWER_MAX: Final = 2
"""Proposals of one answer."""
WHY_CHARACTERS_MAX: Final = 300
QUANTITY_MAX: Final = 1_000_000_000.0
"""Units of one proposal, where the account has no limit of its own."""
PRICE_AWAY_MAX: Final = 2.0
"""A price may be so many times the market's, or that part of it."""
ARGUMENTS_CHARACTERS_MAX: Final = 2_000
EVIDENCE_MAX: Final = 8
"""Pieces of evidence that a proposal keeps."""

_PRICES: Final[dict[str, tuple[bool, bool]]] = {
    "market": (False, False), "limit": (True, False), "stop_market": (False, True), "stop_limit": (True, True),
}  # fmt: skip
"""Whether a type has a limit price, and a stop price."""


class OrderDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be put forward: terms, the reason in a sentence, what it rests on, and who says so."""

    terms: OrderTerms
    why: str
    evidence: tuple[EvidenceUsed, ...] = ()
    source: str = "offline"


Propose = Callable[[OrderDraft], Proposal]
"""Puts a draft on the desk; raises ``VTradeError`` where the desk does not take it."""


# --- when one may be put forward ---------------------------------------------------------------------------------


def asks_for_order(question: Question, kind: Kind) -> bool:
    """Whether the student's own words ask for an order to be prepared.

    Examples
    --------
    >>> from vtrade.tutor.recognise import kind_of
    >>> asked = [read_question(q) for q in ("Protect my position", "Should I buy?", "What is slippage?")]
    >>> [asks_for_order(question, kind_of(question)) for question in asked]
    [True, False, False]
    """
    if kind is Kind.EXERCISE:
        return False
    return kind in (Kind.ACT, Kind.PROTECT) or question.has(*PREPARE) or question.says(*PREPARE_PHRASES)


def refused_for(
    question: Question, kind: Kind, terms: OrderTerms, source: EvidenceSource, history: Sequence[Turn]
) -> str:
    """Why an order may not be put forward as an answer to this question; empty where it may."""
    if kind is Kind.EXERCISE:
        return (
            "the student asks for the decision itself: give the hint, propose nothing; once they say what they want "
            "to do, you may put that into an order"
        )
    if not asks_for_order(question, kind):
        return "the student's question does not ask for an order: answer it, and propose nothing"
    account, symbols = source.account(), source.symbols()
    if kind is Kind.PROTECT and not terms.quantity <= _held(terms, account):
        return "the student asks how to protect a position: only an order that makes it smaller does that"
    spoken = set(question.symbols)
    if not spoken:
        spoken.update(name for turn in history for name in read_question(turn.question, symbols=symbols).symbols)
        spoken.update(position.symbol for position in account.positions)
        spoken.update(order.symbol for order in source.orders() if order.is_working)
    if terms.symbol not in spoken and len(symbols) > 1:
        return f"the student has not spoken of {terms.symbol[:40]}; ask them which instrument they mean"
    return ""


# --- reading the terms -------------------------------------------------------------------------------------------


class _Asked(OrderTerms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    why: str


def read_draft(arguments: str, source: EvidenceSource) -> OrderDraft | str:
    """A model's proposal as a draft, or why it cannot be one.

    Examples
    --------
    >>> from vtrade.tutor.evidence import AccountEvidence, Evidence
    >>> held = Evidence(held_account=AccountEvidence(nav=1000.0, cash=1000.0, buying_power=1000.0))
    >>> read_draft('{"symbol": "ACME", "side": "hold"}', held)
    "the order cannot be read: Invalid enum value 'hold' - at `$.side`"
    """
    if len(arguments) > ARGUMENTS_CHARACTERS_MAX:
        return f"the order is told in more than {ARGUMENTS_CHARACTERS_MAX:,} characters; give its fields and a sentence"
    try:
        asked = msgspec.json.decode(arguments, type=_Asked)
    except (msgspec.DecodeError, UnicodeError) as error:
        return f"the order cannot be read: {error}"
    why = " ".join(asked.why.split())
    if not why:
        return "say in one sentence why, from the evidence"
    if len(why) > WHY_CHARACTERS_MAX:
        return f"the reason has {len(why)} characters; say it in {WHY_CHARACTERS_MAX}"
    terms = OrderTerms(**{name: getattr(asked, name) for name in OrderTerms.__struct_fields__})
    wrong = wrong_with(terms, source)
    return wrong or OrderDraft(terms=terms, why=why)


def wrong_with(terms: OrderTerms, source: EvidenceSource) -> str:
    """Why an order of these terms would be refused, as far as the evidence tells; empty if it would not.

    Parameters
    ----------
    terms : OrderTerms
    source : EvidenceSource
        Of the student whose order it would be.
    """
    market = source.market(terms.symbol)
    if market is None:
        known = ", ".join(source.symbols()[:20])
        return f"nothing called {terms.symbol[:40]} trades here; what trades: {known}"
    account, rules = source.account(), source.rules()
    return (
        _wrong_quantity(terms, account, rules)
        or _wrong_prices(terms, market)
        or _wrong_money(terms, account, rules, market)
    )


def _held(terms: OrderTerms, account: AccountEvidence) -> float:
    """Units that an order of this side would close."""
    held = sum(p.quantity for p in account.positions if p.symbol == terms.symbol)
    return max(0.0, held if terms.side == "sell" else -held)


def _wrong_quantity(terms: OrderTerms, account: AccountEvidence, rules: RulesEvidence) -> str:
    most = min(QUANTITY_MAX, rules.max_order_quantity or QUANTITY_MAX)
    if not isfinite(terms.quantity) or terms.quantity <= 0:
        return f"quantity {terms.quantity} is none; give a number above 0"
    if terms.quantity > most:
        return f"quantity {number(terms.quantity)} is more than the {number(most)} that one order may have"
    can_close = _held(terms, account)
    if terms.reduce_only and terms.quantity > can_close:
        return f"an order that only reduces can {terms.side} at most the {number(can_close)} {terms.symbol} held"
    if terms.side == "sell" and terms.quantity > can_close and not rules.allow_short:
        return f"{number(can_close)} {terms.symbol} are held, and this account may not sell short"
    return ""


def _wrong_prices(terms: OrderTerms, market: MarketEvidence) -> str:
    for name, value, needed in zip(
        ("limit_price", "stop_price"), (terms.limit_price, terms.stop_price), _PRICES[terms.type], strict=True
    ):
        if needed != (value is not None):
            return f"a {terms.type} order has {'a' if needed else 'no'} {name}"
        if value is None:
            continue
        if not isfinite(value) or value <= 0:
            return f"{name} {value} is no price; give a number above 0"
        if market.tick > 0 and abs(value / market.tick - round(value / market.tick)) > 1e-6:
            return f"{name} {value} does not lie on the price steps of {number(market.tick)}"
        last = reference(market, terms.side)
        if last and not last / PRICE_AWAY_MAX <= value <= last * PRICE_AWAY_MAX:
            return f"{name} {exact_price(value)} is too far from the market at {exact_price(last)}"
    last = reference(market, terms.side)
    if terms.stop_price is not None and last is not None:
        if terms.side == "sell" and terms.stop_price >= last:
            return (
                f"a stop to sell stands below the market at {exact_price(last)}, not at {exact_price(terms.stop_price)}"
            )
        if terms.side == "buy" and terms.stop_price <= last:
            return (
                f"a stop to buy stands above the market at {exact_price(last)}, not at {exact_price(terms.stop_price)}"
            )
    return ""


def _wrong_money(terms: OrderTerms, account: AccountEvidence, rules: RulesEvidence, market: MarketEvidence) -> str:
    at = terms.limit_price or terms.stop_price or reference(market, terms.side)
    if at is None:
        return f"{terms.symbol} shows no price to judge an order by"
    worth = terms.quantity * at
    if rules.max_order_notional is not None and worth > rules.max_order_notional:
        return (
            f"the order is worth about {money(worth, account.currency)}, one order may be worth "
            f"{money(rules.max_order_notional, account.currency)}"
        )
    if (terms.quantity - min(terms.quantity, _held(terms, account))) * at > account.buying_power:
        return (
            f"the order would need about {money(worth, account.currency)}, and the buying power is "
            f"{money(account.buying_power, account.currency)}"
        )
    return ""


def reference(market: MarketEvidence, side: str) -> float | None:
    """The price an order of this side would meet now: the other side of the touch, else the last print."""
    touch = market.ask if side == "buy" else market.bid
    return touch if touch is not None else market.last


# --- a model's tool ----------------------------------------------------------------------------------------------

PROPOSE_ORDER: Final = "propose_order"
PARAMETERS: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "symbol": {"type": "string"},
        "side": {"type": "string", "enum": ["buy", "sell"]},
        "type": {"type": "string", "enum": list(_PRICES)},
        "quantity": {"type": "number", "description": "Units, above 0."},
        "limit_price": {"type": ["number", "null"], "description": "Of limit and stop_limit orders."},
        "stop_price": {"type": ["number", "null"], "description": "Of stop_market and stop_limit orders."},
        "tif": {"type": "string", "enum": ["DAY", "GTC", "IOC", "FOK"]},
        "reduce_only": {"type": "boolean", "description": "True: can only make a position smaller."},
        "why": {"type": "string", "description": "One sentence: what the order does, in numbers from the evidence."},
    },
    "required": ["symbol", "side", "type", "quantity", "why"],
    "additionalProperties": False,
}
"""JSON schema of a proposal."""

MAY_PROPOSE: Final = """\
Where the student asks for an order to be prepared, or how to protect a position, you may put one order forward with \
propose_order, after you looked the numbers up. It is no order: the student sees a card, and only the student can \
confirm it. Say what it would do and what it could cost, never that it is a good trade. When the student asks for a \
decision, give the hint and propose nothing."""
TAKEN: Final = (
    "noted; if your answer ends well the student is shown a card and decides alone. You cannot confirm it, and nothing "
    "was sent. Do not say that it was."
)


class Drafts:
    """What one answer of a model wants to put forward, in order and bounded.

    Parameters
    ----------
    question : Question
    kind : Kind
    source : EvidenceSource
    history : sequence of Turn
    """

    def __init__(self, question: Question, kind: Kind, source: EvidenceSource, history: Sequence[Turn]) -> None:
        self._asked = (question, kind)
        self._source, self._history = source, history
        self.kept: list[OrderDraft] = []

    def take(self, arguments: str, used: Sequence[EvidenceUsed], *, source: str) -> dict[str, str]:
        """Keep a model's proposal; what the model is told about it."""
        draft = read_draft(arguments, self._source)
        if isinstance(draft, str):
            return {"error": draft}
        question, kind = self._asked
        wrong = refused_for(question, kind, draft.terms, self._source, self._history)
        if not wrong and not used:
            wrong = "look the account and the market up first: a proposal rests on evidence"
        if not wrong and any(kept.terms == draft.terms for kept in self.kept):
            wrong = "this order is on a card already"
        if not wrong and len(self.kept) >= PER_ANSWER_MAX:
            wrong = f"one answer puts at most {PER_ANSWER_MAX} orders forward"
        if wrong:
            return {"error": wrong}
        rests_on = tuple(dict.fromkeys(used))[-EVIDENCE_MAX:]
        self.kept.append(msgspec.structs.replace(draft, evidence=rests_on, source=source))
        return {"result": TAKEN}


def put_forward(drafts: Sequence[OrderDraft], propose: Propose | None) -> tuple[tuple[Proposal, ...], tuple[str, ...]]:
    """The proposals of an answer that is whole, and a notice for each that the desk did not take."""
    proposals, notices = [], []
    for draft in drafts if propose is not None else ():
        assert propose is not None
        try:
            proposals.append(propose(draft))
        except VTradeError as error:
            notices.append(f"An order was not put forward: {error}")
    return tuple(proposals), tuple(notices)
