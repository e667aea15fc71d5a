"""What to say when a student asks for the answer itself?

Rules: hints first. The first time a question comes back, the second time a method, the third time the method worked
with numbers; never "buy" or "sell", and never where the price will go. The level is counted from the turns passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vtrade.tutor.answer import HINT_LEVEL_MAX, Turn, escape, money, number, percent
from vtrade.tutor.evidence import AccountEvidence, MarketEvidence
from vtrade.tutor.order_talk import price
from vtrade.tutor.recognise import Kind, Question
from vtrade.tutor.topics import Topic, topic

PREFIX: Final = f"{Kind.EXERCISE}:"
_GENERAL: Final = "general"

_DECISION: Final = (
    "That decision is yours, and nobody's evidence says where a price will go. So a question back: **what would "
    "have to be true for this to be a good trade, and at which price would you say that you were wrong?**",
    "A way to work it out, in three numbers, before any order: (1) what it costs to get in and out: spread, depth "
    "for your quantity, fees; (2) which share of your NAV it would be; (3) what you lose if the price reaches the "
    "point at which you would say you were wrong. If (3) is small beside NAV, and (1) small beside what you hope "
    "for, you have a plan to test.",
)


def subject(question: Question, history: Sequence[Turn]) -> str:
    """What the hint is about: a topic's key, a symbol, or ``general``; a bare "hint" goes on with the last one."""
    if question.topics:
        return question.topics[0].key
    if question.symbols:
        return f"${question.symbols[0]}"
    bare = question.rest <= frozenset(
        "give me a an another one more hint hints the answer next please second third last".split()
    )
    if bare:
        last = next((turn.topic for turn in reversed(history) if turn.topic), "")
        if last.startswith(PREFIX):
            return last.removeprefix(PREFIX)
        if last.startswith(f"{Kind.TERM}:"):
            return last.removeprefix(f"{Kind.TERM}:")
    return _GENERAL


def next_level(about: str, history: Sequence[Turn]) -> int:
    """The level of the next hint about this subject, 1 to ``HINT_LEVEL_MAX``.

    Examples
    --------
    >>> next_level("spread", [Turn(question="", text="", topic="exercise:spread", hint_level=1)])
    2
    """
    reached = max((turn.hint_level for turn in history if turn.topic == PREFIX + about), default=0)
    return min(reached + 1, HINT_LEVEL_MAX)


def hint(about: str, level: int, account: AccountEvidence, market: MarketEvidence | None) -> str:
    """The hint of a level, as Markdown."""
    if about != _GENERAL and not about.startswith("$"):
        return _topic_hint(topic(about), level)
    ladder = (*_DECISION, _worked(account, market))
    return f"{_heading(level)} {ladder[level - 1]}"


def _heading(level: int) -> str:
    last = ", the last one" if level == HINT_LEVEL_MAX else ""
    return f"**Hint {level} of {HINT_LEVEL_MAX}{last}.**"


def _topic_hint(about: Topic, level: int) -> str:
    says = (
        f"About {about.name}, a question back: **{about.question}** Ask again for a method.",
        f"{about.hint} Ask again for an example.",
        f"An example with other numbers than yours: {about.example} Now do the same with your own numbers.",
    )
    return f"{_heading(level)} {says[level - 1]}"


def _worked(account: AccountEvidence, market: MarketEvidence | None) -> str:
    """The three numbers, as far as the evidence has them; the decision stays open."""
    currency = account.currency
    said = ["The method with your own numbers."]
    if market is not None and market.bid is not None and market.ask is not None and market.spread is not None:
        mid = (market.bid + market.ask) / 2
        shown = (
            f", with {number(market.bid_size)} bid and {number(market.ask_size)} offered at the best prices"
            if (market.bid_size and market.ask_size)
            else ""
        )
        said.append(
            f"(1) {escape(market.symbol)}: bid {price(market, market.bid)}, ask {price(market, market.ask)}{shown}. "
            f"In and out at once costs the spread, {price(market, market.spread)} or {1e4 * market.spread / mid:.1f} "
            "bps, plus fees twice."
        )
    else:
        said.append(
            "(1) Name one symbol, and look at its spread and depth with `desk.book(symbol)`: in and out at once costs "
            "the spread, plus fees twice."
        )
    limit = account.concentration_limit
    if limit and account.nav > 0:
        held = sum(p.market_value for p in account.positions if market is not None and p.symbol == market.symbol)
        room = max(limit * account.nav - held, 0.0)
        what = (
            f"another {money(room, currency)} of {escape(market.symbol)}"
            if market is not None
            else f"{money(room, currency)} of one instrument"
        )
        said.append(
            f"(2) Your NAV is {money(account.nav, currency)}, and the limit of {percent(limit)} leaves room for {what}."
        )
    else:
        said.append(f"(2) Your NAV is {money(account.nav, currency)}; divide what you would put in by it.")
    said.append(
        f"(3) A loss of 1 % of NAV is {money(abs(account.nav) / 100, currency)}: divide it by the distance between "
        "your entry and the price at which you were wrong, and you have a quantity. The entry, that price and the "
        "decision are yours."
    )
    return " ".join(said)
