"""How is a question answered with nothing but the evidence and a table of topics?

Rules: no network, no state, no randomness; the same question on the same evidence gets the same answer. What cannot be
told from the evidence is said to be so, with a list of what can be asked. Hints before answers; no recommendation to
buy or sell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from vtrade.tutor import account_talk, hints, order_talk
from vtrade.tutor.answer import Answer, EvidenceUsed, Turn, escape
from vtrade.tutor.evidence import EvidenceSource, MarketEvidence, OrderEvidence
from vtrade.tutor.proposals import OrderDraft, Propose, put_forward
from vtrade.tutor.protect import Told, as_named, protect
from vtrade.tutor.recognise import QUESTION_CHARACTERS_MAX, Kind, Question, kind_of, read_question
from vtrade.tutor.review import review_order
from vtrade.tutor.topics import Topic

SYMBOLS_SHOWN_MAX: Final = 20

CAN_ANSWER: Final = """\
- an order: "Why did order 3 not fill?", "Why this price?", "What did it cost me?", "Review my last order"
- your account: "How am I doing?", "Am I too concentrated?", "What is my buying power?", "What are my limits?"
- the market: "What is the spread of ...?" with a symbol
- a word: "What is a limit order?", queue position, slippage, FOK, drawdown, Sharpe ratio, ...
- an exit: "How would I protect my position?" works a stop out in your own numbers
- your way: "What next?", "Which missions are open?", "Give me a hint about slippage\""""


def answer_offline(
    question: str, evidence: EvidenceSource, *, history: Sequence[Turn] = (), propose: Propose | None = None
) -> Answer:
    """Answer a question from the evidence, without a language model.

    Parameters
    ----------
    question : str
    evidence : EvidenceSource
        Of the student who asks.
    history : sequence of Turn
        Earlier questions of this conversation, oldest first (``answer.turn`` of each); it makes hints climb.
    propose : callable, optional
        Takes an order that is put forward for the student to confirm; without it, none is.

    Examples
    --------
    >>> from vtrade.tutor.evidence import AccountEvidence, Evidence
    >>> held = Evidence(held_account=AccountEvidence(nav=1000.0, cash=1000.0, buying_power=1000.0))
    >>> answer_offline("What is my buying power?", held).text
    'You have **1,000.00 USD** in cash, 0.00 USD of it reserved for working orders. Your buying power is **1,000.00 ...'
    """
    asked = str(question)
    read = read_for(asked, evidence)
    kind = kind_of(read)
    answer = _ANSWERS[kind](read, evidence, history, kind)
    told = _CARDS[kind](read, evidence) if kind in _CARDS else None
    if told is not None:
        answer = _with_card(answer, told, propose)
    notices = [f"Only the first {QUESTION_CHARACTERS_MAX:,} characters of the question were read."] if read.cut else []
    if kind is not Kind.MARKET and read.unknown_symbols and kind in _ABOUT_A_SYMBOL:
        notices.append(f"Nothing called {' or '.join(read.unknown_symbols)} trades here, so that name was left out.")
    return Answer(
        question=asked,
        text=answer.text,
        evidence=answer.evidence,
        notices=(*notices, *answer.notices),
        proposals=answer.proposals,
        hint_level=answer.hint_level,
        topic=answer.topic or str(kind),
    )


def _with_card(answer: Answer, told: Told, propose: Propose | None) -> Answer:
    """The answer with what was worked out, and with a card where the order may be put forward."""
    text, evidence, draft = told
    proposals, notices = put_forward((draft,) if isinstance(draft, OrderDraft) else (), propose)
    said = [answer.text, text]
    if proposals:
        said.append("The card holds exactly these terms. Nothing is sent unless you confirm it.")
    elif draft is not None:
        said.append(f"As an order that would be: {escape(str(draft.terms))}. Only you can send it.")
    return msgspec.structs.replace(
        answer, text="\n\n".join(filter(None, said)), evidence=(*answer.evidence, *evidence), proposals=proposals,
        notices=notices,
    )  # fmt: skip


def read_for(question: str, evidence: EvidenceSource) -> Question:
    """Read a question with the names that the evidence knows."""
    orders = evidence.orders()
    names = {order.order_id for order in orders} | {order.client_order_id for order in orders if order.client_order_id}
    return read_question(question, order_ids=names, symbols=evidence.symbols())


Draft = Callable[[Question, EvidenceSource, Sequence[Turn], Kind], Answer]


def _say(text: str, *evidence: EvidenceUsed, topic: str = "", hint_level: int = 0) -> Answer:
    return Answer(question="", text=text, evidence=evidence, topic=topic, hint_level=hint_level)


# --- orders ------------------------------------------------------------------------------------------------------

_FITS: Final[dict[Kind, Callable[[OrderEvidence], bool]]] = {
    Kind.DENIED: lambda order: order.is_refused,
    Kind.NOT_FILLED: lambda order: order.leaves > 0 or not order.filled,
    Kind.PARTIAL: lambda order: 0 < order.filled < order.quantity,
    Kind.ENDED: lambda order: order.status in ("CANCELED", "EXPIRED"),
    Kind.FILLED: lambda order: order.filled > 0,
    Kind.PRICE: lambda order: order.filled > 0,
    Kind.COST: lambda order: order.filled > 0,
}
"""Which of the student's orders a question without an order number can be about."""

_TYPE_OF_TOPIC: Final = {
    "market_order": "market",
    "limit_order": "limit",
    "stop_market": "stop_market",
    "stop_limit": "stop_limit",
}


_SIDES: Final = {"buy": ("buy", "bought", "buying"), "sell": ("sell", "sold", "selling")}


def _about_order(read: Question, source: EvidenceSource, history: Sequence[Turn], kind: Kind) -> Answer:
    spoken_of = _order_spoken_of(history) if not read.symbols and read.has("it", "its", "that", "this") else ""
    if spoken_of and not read.order_ids and source.order(spoken_of) is not None:
        return _one_order(spoken_of, read, source, kind)
    if read.order_ids:
        return _join([_one_order(name, read, source, kind) for name in read.order_ids])
    order, remark = _choose_order(read, source.orders(), kind)
    if order is None or (kind is Kind.DENIED and not order.is_refused):
        return _no_order(read, source, kind)
    answer = _tell(order, source, kind)
    return _say(f"{remark}\n\n{answer.text}" if remark else answer.text, *answer.evidence, topic=answer.topic)


def _order_spoken_of(history: Sequence[Turn]) -> str:
    """The order that the last turn was about, for a question that says "it"."""
    kind, _, name = history[-1].topic.partition(":") if history else ("", "", "")
    return name if kind in _ORDER_KINDS else ""


def _one_order(name: str, read: Question, source: EvidenceSource, kind: Kind) -> Answer:
    order = source.order(name)
    if order is None:
        newest = source.orders()
        known = f" Your newest is order {escape(newest[0].order_id)}." if newest else " You have sent no order yet."
        return _say(
            f"There is no order {escape(name)} of yours.{known} `desk.orders()` lists them all.", topic=f"{kind}:"
        )
    return _tell(order, source, kind)


def _tell(order: OrderEvidence, source: EvidenceSource, kind: Kind) -> Answer:
    if kind is Kind.REVIEW:
        return review_order(order, source.account())
    market = source.market(order.symbol) if order.is_working else None
    evidence = order_talk.cite(order) + ((account_talk.cite_market(market),) if market is not None else ())
    if (
        kind is Kind.DENIED
        and order.is_refused
        and order.reason in ("INSUFFICIENT_BUYING_POWER", "CONCENTRATION_LIMIT")
    ):
        account = source.account()
        text = f"{order_talk.tell(order, kind)}\n\nNow: {account_talk.cash(account)}"
        return _say(text, *evidence, account_talk.cite(account), topic=f"{kind}:{order.order_id}")
    return _say(order_talk.tell(order, kind, market), *evidence, topic=f"{kind}:{order.order_id}")


def _choose_order(read: Question, orders: Sequence[OrderEvidence], kind: Kind) -> tuple[OrderEvidence | None, str]:
    """The newest order that the question can be about, and what to say about the choice."""
    if read.symbols:
        orders = [order for order in orders if order.symbol in read.symbols]
    types = {_TYPE_OF_TOPIC[topic.key] for topic in read.topics if topic.key in _TYPE_OF_TOPIC}
    orders = [order for order in orders if order.type in types] if types else orders
    sides = {side for side, words in _SIDES.items() if read.has(*words)}
    orders = [order for order in orders if order.side.lower() in sides] if len(sides) == 1 else orders
    if read.has("first", "oldest"):
        return (orders[-1], "This is about your first order.") if orders else (None, "")
    if not orders:
        return None, ""
    fits = _FITS.get(kind)
    fitting = [order for order in orders if fits is None or fits(order)]
    if kind is Kind.NOT_FILLED and read.has("waiting", "wait", "waits", "pending", "still", "stuck", "resting", "yet"):
        fitting = [order for order in fitting if order.is_working] or fitting
    if read.has("last", "latest", "newest", "recent") or not fitting:
        return orders[0], ""
    others = len(fitting) - 1
    if others and kind in _FITS:
        also = f"{others} more like it: name one by its number to ask about it."
        return fitting[0], f"This is about the newest order that fits; there {'is' if others == 1 else 'are'} {also}"
    return fitting[0], ""


def _no_order(read: Question, source: EvidenceSource, kind: Kind) -> Answer:
    if kind is Kind.DENIED:
        account = source.account()
        text = "None of your orders that fit the question was denied or rejected. What binds you now:\n\n"
        text += f"{account_talk.cash(account)}\n\n{account_talk.rules(source.rules())}"
        return _say(text, account_talk.cite(account), EvidenceUsed("rules", "the limits of your account"))
    where = f" in {' or '.join(escape(symbol) for symbol in read.symbols)}" if read.symbols else ""
    which = " of that kind" if source.orders() else ""
    return _say(
        f"You have sent no order{which}{where} yet, so there is nothing to explain.",
        EvidenceUsed("orders", "none that fits"),
    )


def _join(answers: Sequence[Answer]) -> Answer:
    if len(answers) == 1:
        return answers[0]
    evidence = tuple(dict.fromkeys(used for answer in answers for used in answer.evidence))
    return _say("\n\n".join(answer.text for answer in answers), *evidence, topic=answers[-1].topic)


# --- account, market, progress -----------------------------------------------------------------------------------


def _performance(read: Question, source: EvidenceSource, _: Sequence[Turn], kind: Kind) -> Answer:
    account = source.account()
    return _say(account_talk.performance(account, read.topics), account_talk.cite(account))


def _concentration(read: Question, source: EvidenceSource, _: Sequence[Turn], kind: Kind) -> Answer:
    account = source.account()
    return _say(account_talk.concentration(account), account_talk.cite(account))


def _cash(read: Question, source: EvidenceSource, _: Sequence[Turn], kind: Kind) -> Answer:
    account = source.account()
    market = source.market(read.symbols[0]) if read.symbols else None
    named = re.search(r"(?<![\w.])\d[\d,]*(?:\.\d+)?", read.raw)
    quantity = float(named[0].replace(",", "")) if named else None
    cited = (
        (account_talk.cite(account),)
        if market is None
        else (account_talk.cite(account), account_talk.cite_market(market))
    )
    return _say(account_talk.cash(account, quantity=quantity, market=market), *cited)


def _positions(read: Question, source: EvidenceSource, _: Sequence[Turn], kind: Kind) -> Answer:
    account = source.account()
    return _say(account_talk.positions(account), account_talk.cite(account))


def _account_cost(read: Question, source: EvidenceSource, _: Sequence[Turn], kind: Kind) -> Answer:
    account, orders = source.account(), source.orders()
    filled = sum(1 for order in orders if order.filled)
    cited = EvidenceUsed("orders", f"{filled} with fills")
    return _say(account_talk.costs_so_far(orders, account), account_talk.cite(account), cited)


def _market(read: Question, source: EvidenceSource, _: Sequence[Turn], kind: Kind) -> Answer:
    symbols = source.symbols()
    asked = read.symbols or (symbols if len(symbols) == 1 and not read.unknown_symbols else ())
    found = [market for market in (source.market(symbol) for symbol in asked) if market is not None]
    if not found:
        shown = ", ".join(escape(symbol) for symbol in symbols[:SYMBOLS_SHOWN_MAX]) or "nothing yet"
        unknown = " or ".join(escape(name) for name in read.unknown_symbols)
        first = f"Nothing called {unknown} trades here." if unknown else "Which one do you mean?"
        return _say(f"{first} What trades here: {shown}.", EvidenceUsed("symbols", f"{len(symbols)} in this room"))
    return _say("\n\n".join(map(account_talk.market_now, found)), *map(account_talk.cite_market, found))


def _progress(read: Question, source: EvidenceSource, _: Sequence[Turn], kind: Kind) -> Answer:
    now = source.progress()
    return _say(account_talk.progress(now), account_talk.cite_progress(now))


def _next(read: Question, source: EvidenceSource, _: Sequence[Turn], kind: Kind) -> Answer:
    now, orders = source.progress(), source.orders()
    parts = [account_talk.progress(now)]
    if now.missions:
        nearest = max(now.missions, key=lambda m: m.done / m.goal if m.goal else 0.0)
        parts.append(f"The mission nearest to its goal is **{escape(nearest.name)}**.")
    working = [order.order_id for order in orders if order.is_working]
    if working:
        parts.append(f"{len(working)} of your orders still wait: ask of each whether you would send it again now.")
    filled = next((order for order in orders if order.filled), None)
    if filled is not None:
        name = filled.order_id if filled.order_id.isdigit() else repr(filled.order_id)
        parts.append(
            f"Order {escape(filled.order_id)} is your newest with a fill: `desk.order({name}).review()` looks "
            "back at it."
        )
    elif not orders:
        parts.append(
            "You have sent no order yet. Look at the book first: what would a small order pay, at once and if "
            "it waited?"
        )
    parts.append("To think about: what do you want to find out with your next step?")
    return _say(
        "\n\n".join(parts),
        account_talk.cite_progress(now),
        EvidenceUsed("orders", f"{len(orders)} sent, {len(working)} working"),
    )


def _rules(read: Question, source: EvidenceSource, _: Sequence[Turn], kind: Kind) -> Answer:
    return _say(account_talk.rules(source.rules()), EvidenceUsed("rules", "the limits of your account"))


# --- words, hints, and what cannot be answered ---------------------------------------------------------------------


def _term(read: Question, source: EvidenceSource, _: Sequence[Turn], kind: Kind) -> Answer:
    account = source.account()
    shown = read.topics[:2]
    parts, used = [], False
    for topic in shown:
        parts += [topic.text, f"For example: {topic.example}"]
        own = account_talk.own_number(topic, account)
        used = used or bool(own)
        parts.append(own)
    parts.append(f"To think about: {shown[0].question}")
    cited = (_cite_topics(shown), account_talk.cite(account)) if used else (_cite_topics(shown),)
    return _say("\n\n".join(filter(None, parts)), *cited, topic=f"{kind}:{shown[0].key}")


def _cite_topics(shown: Sequence[Topic]) -> EvidenceUsed:
    return EvidenceUsed("glossary", ", ".join(topic.name for topic in shown))


def _exercise(read: Question, source: EvidenceSource, history: Sequence[Turn], kind: Kind) -> Answer:
    about = hints.subject(read, history)
    level = hints.next_level(about, history)
    account = source.account()
    market: MarketEvidence | None = source.market(about[1:]) if about.startswith("$") else None
    text = hints.hint(about, level, account, market)
    cited = [account_talk.cite(account)] if level == 3 and "(3)" in text else []
    if market is not None and cited:
        cited.append(account_talk.cite_market(market))
    return _say(text, *cited, topic=hints.PREFIX + about, hint_level=level)


def _help(read: Question, source: EvidenceSource, _: Sequence[Turn], kind: Kind) -> Answer:
    return _say(
        f"I explain what happened to your orders and your account, from the evidence. Ask me about\n\n{CAN_ANSWER}"
    )


def _act(read: Question, source: EvidenceSource, _: Sequence[Turn], kind: Kind) -> Answer:
    return _say(
        "I cannot place, change or cancel orders; only you can, with the order ticket or with `desk.buy(...)`, "
        "`desk.sell(...)` and `desk.cancel(...)`. Before you do: what would it cost at the prices that are showing, "
        "and why now?"
    )


def _protect(read: Question, source: EvidenceSource, _: Sequence[Turn], kind: Kind) -> Answer:
    return _say("")


def _unknown(read: Question, source: EvidenceSource, _: Sequence[Turn], kind: Kind) -> Answer:
    return _say(f"I cannot tell that from the evidence I have. What I can answer is about\n\n{CAN_ANSWER}")


_ANSWERS: Final[dict[Kind, Draft]] = {
    Kind.HELP: _help,
    Kind.ACT: _act,
    Kind.PROTECT: _protect,
    Kind.EXERCISE: _exercise,
    Kind.TERM: _term,
    Kind.REVIEW: _about_order,
    Kind.NEXT: _next,
    Kind.DENIED: _about_order,
    Kind.PARTIAL: _about_order,
    Kind.NOT_FILLED: _about_order,
    Kind.ENDED: _about_order,
    Kind.COST: _about_order,
    Kind.PRICE: _about_order,
    Kind.FILLED: _about_order,
    Kind.ORDER: _about_order,
    Kind.ACCOUNT_COST: _account_cost,
    Kind.CONCENTRATION: _concentration,
    Kind.CASH: _cash,
    Kind.POSITIONS: _positions,
    Kind.PERFORMANCE: _performance,
    Kind.RULES: _rules,
    Kind.PROGRESS: _progress,
    Kind.MARKET: _market,
    Kind.UNKNOWN: _unknown,
}
"""One answer for each kind of question."""

_CARDS: Final[dict[Kind, Callable[[Question, EvidenceSource], Told | None]]] = {
    Kind.ACT: as_named,
    Kind.PROTECT: protect,
}
"""Questions that an order may be prepared for."""

_ORDER_KINDS: Final = frozenset(str(kind) for kind, draft in _ANSWERS.items() if draft is _about_order)
_ABOUT_A_SYMBOL: Final = frozenset(
    kind for kind, draft in _ANSWERS.items() if draft in (_about_order, _cash, _exercise)
)
