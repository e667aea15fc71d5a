"""Which words does the tutor know, and which of them did a student mean to write?

Rules: the sets are what the kinds of question look for; a misspelled word is mended to a known one, a word that is
neither known nor close to one stays as it is. Everything is lower case.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from typing import Final

from vtrade.tutor.topics import topic_names

MENDED_LETTERS_MIN: Final = 3
"""Shorter words are never mended."""

FILLER: Final = frozenset(
    "a about again an and any are be been between can could define definition did difference do does exactly "
    "explain for from get give has have how i in is it its just me mean meaning means of on or please really so "
    "tell than that the then there these this those to us was were what when where which who why will with would "
    "you your".split()
)
MINE: Final = frozenset("my mine i me we our".split())
ORDER: Final = frozenset(
    "order orders fill fills filled filling execute executed execution executes denied deny rejected reject "
    "refused canceled cancel expired expire buy bought sell sold purchase sale".split()
)
NOT: Final = frozenset("not never nothing unfilled waiting waits wait stuck pending still unexecuted resting".split())
DENIED: Final = frozenset(
    "denied deny denies denial refused refuse rejected reject rejection rejects blocked declined disallowed".split()
)
FILLED: Final = frozenset(
    "fill filled fills filling execute executed executes execution through happen happened trade traded work "
    "working".split()
)
COST: Final = frozenset(
    "cost costs costing slippage slipped paid pay expensive fee fees commission commissions charge charged".split()
)
PERFORMANCE: Final = frozenset(
    "doing performing performance profit profits loss losses pnl p&l nav equity return returns winning losing "
    "result results drawdown sharpe sortino worth statistics gain gains score".split()
)
CONCENTRATION: Final = frozenset(
    "concentrated concentration diversified diversify diversification exposure exposed exposures sector sectors "
    "risk risks risky riskiest eggs".split()
)
MARKET: Final = frozenset(
    "price quote quotes bid ask spread book depth market last trading halted open closed touch session halt mid "
    "size".split()
)
PROGRESS: Final = frozenset(
    "level xp badge badges mission missions progress streak streaks achievement achievements rank".split()
)
PROTECT: Final = frozenset("protect protects protecting protected protection hedge hedging safeguard".split())
PREPARE: Final = frozenset("propose proposal prepare draft place submit".split())
OTHER: Final = frozenset(
    "account advice afford again all allowed already altogether am another answer as at average avg best better "
    "bigger by cash cheap closed completely concept consequence consider correct could done down enough "
    "everything exercise field first fully future go goes going half happened he hello help her hi high him hint "
    "hold holding holdings homework if improve instead killed know largest lately later latest learn learned less "
    "lesson let life like limit limits little live lose losing lost low made main make makes making many market "
    "member mistake money more most much need new newest news next nice nor not off old one only other ours out "
    "over overall own owning part partial partially partly portfolio position positions predict previous price "
    "prices quantity quick real recent recommend remaining rest review rules run said same say see shares she "
    "should show since small solution solve some still stock stocks stop stops strategy such table take taken "
    "term terms thanks them they thing things time times today total trade trades tutor two under understand "
    "until up us use used very want wanted week well whole word worth wrong yes yet your".split()
)

# Phrases, told word by word; each line is parted by "|".
MEANING_PHRASES: Final = tuple(
    "what is|what are|how do|how does|what does|tell me about|when is|when should".split("|")
)
DECISION_PHRASES: Final = tuple(
    (
        "should i|should we|give me the answer|tell me the answer|the answer|what do i do|what would you do|"
        "what can i do|would you buy|would you sell|worth buying|worth selling|good time to|good idea to|"
        "a good buy|what to buy|what to sell|which stock|which stocks|best trade|best stock|make money|go up|"
        "go down|will it rise|will it fall|good strategy|best strategy"
    ).split("|")
)
PROTECT_PHRASES: Final = tuple(
    "limit my loss|limit my losses|limit the loss|cap my loss|cap my losses|lock in|stop for my|stop on my".split("|")
)
PREPARE_PHRASES: Final = tuple(
    (
        "set up an order|set up a|set it up|make an order|i want to buy|i want to sell|i would like to buy|"
        "i would like to sell|let me buy|let me sell|help me buy|help me sell|help me close|help me reduce"
    ).split("|")
)
NEXT_PHRASES: Final = tuple(
    (
        "what next|what is next|do next|next step|learn next|next mission|try next|next lesson|come next|next level"
    ).split("|")
)
DENIED_PHRASES: Final = tuple(
    "not buy|not sell|not i buy|not i sell|i not buy|i not sell|not let me|not allowed|not able to".split("|")
)

CONTRACTIONS: Final = (
    (re.compile(r"\bcan't\b|\bcannot\b|\bcant\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\b(did|does|do|is|was|were|are|has|have|had|would|could|should)n'?t\b"), r"\1 not"),
    (re.compile(r"\b(what|how|who|where|it|that|there)'?s\b"), r"\1 is"),
    (re.compile(r"\bi'm\b"), "i am"),
    (re.compile(r"\bi've\b"), "i have"),
    (re.compile(r"\bcancelled\b"), "canceled"),
    (re.compile(r"\bp\s?&\s?l\b|\bp/l\b"), "pnl"),
)


@cache
def vocabulary() -> frozenset[str]:
    """All known words: those that questions are recognised by, and those of the topics' names."""
    named = frozenset(word for name in topic_names() for word in name.split())
    sets = (FILLER, MINE, ORDER, NOT, DENIED, FILLED, COST, PERFORMANCE, CONCENTRATION, MARKET, PROGRESS, PROTECT,
            PREPARE, OTHER)  # fmt: skip
    return named.union(*sets)


@cache
def _mendable() -> tuple[str, ...]:
    return tuple(sorted(word for word in vocabulary() if len(word) > MENDED_LETTERS_MIN))


def mend(word: str) -> str:
    """The known word that a misspelled one stands for, or the word itself.

    Examples
    --------
    >>> mend("slipage"), mend("parital"), mend("zebra")
    ('slippage', 'partial', 'zebra')
    """
    if len(word) < MENDED_LETTERS_MIN or not word.isalpha() or word in vocabulary():
        return word
    alike = [known for known in _mendable() if known[0] == word[0] and abs(len(known) - len(word)) <= 2]
    close = get_close_matches(word, alike, n=1, cutoff=0.8)
    return close[0] if close else word
