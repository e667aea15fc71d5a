"""What is being asked?

Rules: reading a question is a pure function of its words, the student's order ids and the symbols of the room; common
words are mended when misspelled, names and numbers never are. ``KINDS`` is one table, read from the top: the first row
whose test holds says what kind of question it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from vtrade.tutor.topics import Topic, topic_names
from vtrade.tutor.words import (
    CONCENTRATION,
    CONTRACTIONS,
    COST,
    DECISION_PHRASES,
    DENIED,
    DENIED_PHRASES,
    FILLED,
    FILLER,
    MARKET,
    MEANING_PHRASES,
    MINE,
    NEXT_PHRASES,
    NOT,
    ORDER,
    OTHER,
    PERFORMANCE,
    PROGRESS,
    PROTECT,
    PROTECT_PHRASES,
    mend,
    vocabulary,
)

QUESTION_CHARACTERS_MAX: Final = 2_000
"""What is read of a question; the rest is left out, with a notice."""
WORDS_MENDED_MAX: Final = 60
"""Unknown words of one question that are compared with known ones."""
ORDERS_NAMED_MAX: Final = 3
"""Orders of one question that are answered."""


class Kind(StrEnum):
    """Kinds of question the tutor can tell apart."""

    HELP = "help"
    ACT = "act"
    PROTECT = "protect"
    EXERCISE = "exercise"
    TERM = "term"
    REVIEW = "review"
    NEXT = "next"
    DENIED = "denied"
    PARTIAL = "partial"
    NOT_FILLED = "not_filled"
    ENDED = "ended"
    COST = "cost"
    PRICE = "price"
    FILLED = "filled"
    ORDER = "order"
    ACCOUNT_COST = "account_cost"
    CONCENTRATION = "concentration"
    CASH = "cash"
    POSITIONS = "positions"
    PERFORMANCE = "performance"
    RULES = "rules"
    PROGRESS = "progress"
    MARKET = "market"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question, read: ``text`` is its mended lower-case words with single blanks."""

    raw: str
    text: str
    words: frozenset[str]
    order_ids: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    unknown_symbols: tuple[str, ...] = ()
    topics: tuple[Topic, ...] = ()
    rest: frozenset[str] = frozenset()
    """Words that belong to no topic, symbol or order number."""
    cut: bool = False

    def has(self, *words: str) -> bool:
        """Whether any of the words occurs."""
        return not self.words.isdisjoint(words)

    def says(self, *phrases: str) -> bool:
        """Whether any of the phrases occurs, word by word."""
        padded = f" {self.text} "
        return any(f" {phrase} " in padded for phrase in phrases)


# --- reading ---------------------------------------------------------------------------------------------------------

_ORDER_NUMBER: Final = re.compile(
    r"#\s*([\w-]+)|\borders?\s+(?:number|no\.?|nr\.?|id)?\s*#?\s*(\d[\w-]*)", re.IGNORECASE
)
_TOKEN: Final = re.compile(r"[\w&][\w&/.'-]*")
_CAPITALS: Final = re.compile(r"\$?[A-Z][A-Z0-9.]{1,5}")


def read_question(raw: str, *, order_ids: Collection[str] = (), symbols: Collection[str] = ()) -> Question:
    """Read a question.

    Parameters
    ----------
    raw : str
    order_ids : collection of str
        The student's order ids and client order ids.
    symbols : collection of str
        What trades in the room.

    Examples
    --------
    >>> question = read_question("Why didnt order #3 in acme fil?", symbols=["ACME"])
    >>> question.order_ids, question.symbols, question.text
    (('3',), ('ACME',), 'why did not order in fill')
    """
    cut = raw[:QUESTION_CHARACTERS_MAX]
    cut = cut.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    named_orders = _orders_in(cut, order_ids)
    by_lower = {symbol.lower(): symbol for symbol in symbols}
    shouted = cut.upper() == cut
    text = cut.lower()
    for pattern, plain in CONTRACTIONS:
        text = pattern.sub(plain, text)
    tokens = [token.strip("._-'") for token in _TOKEN.findall(text)]
    written = set(re.findall(r"[\w.]+", cut))
    known, strangers, words = [], [], []
    for token in tokens[: QUESTION_CHARACTERS_MAX // 2]:
        symbol = by_lower.get(token)
        if symbol and _means_symbol(symbol, token, written=written, cut=cut, shouted=shouted):
            known.append(symbol)
        elif token and token not in {name.lower() for name in named_orders}:
            words.append(token)
    unknown_words = 0
    for i, word in enumerate(words):
        if unknown_words < WORDS_MENDED_MAX and word not in vocabulary():
            unknown_words += 1
            words[i] = mend(word)
    if not shouted:
        strangers = [
            name.lstrip("$")
            for name in _CAPITALS.findall(cut)
            if name.lstrip("$").lower() not in vocabulary()
            and name.lstrip("$").lower() not in by_lower
            and name not in named_orders
        ]
    topics, rest = _topics_in(words)
    return Question(
        raw=cut,
        text=" ".join(words),
        words=frozenset(words),
        order_ids=named_orders,
        symbols=tuple(dict.fromkeys(known)),
        unknown_symbols=tuple(dict.fromkeys(strangers)),
        topics=topics,
        rest=frozenset(rest),
        cut=len(raw) > len(cut),
    )


def _means_symbol(symbol: str, token: str, *, written: set[str], cut: str, shouted: bool) -> bool:
    """A symbol that is also a common word counts only where it is written like a symbol."""
    if f"${symbol}" in cut:
        return True
    if len(symbol) == 1:
        return False
    return (symbol in written and not shouted) or token not in vocabulary()


def _orders_in(raw: str, known: Collection[str]) -> tuple[str, ...]:
    named = [first or second for first, second in _ORDER_NUMBER.findall(raw)]
    more = re.search(r"\borders\s+#?(\d+)((?:\s*(?:,|and|&)\s*#?\d+)+)", raw, re.IGNORECASE)
    if more:
        named += re.findall(r"\d+", more[2])
    numbered = {name for name in known if any(c.isdigit() for c in name) and any(c.isalpha() for c in name)}
    named += [token for token in re.findall(r"[\w-]+", raw) if token in numbered]
    return tuple(dict.fromkeys(named))[:ORDERS_NAMED_MAX]


def _topics_in(words: list[str]) -> tuple[tuple[Topic, ...], list[str]]:
    """Topics in order of appearance, longest names first, and the words that belong to none."""
    names = topic_names()
    longest = max(len(name.split()) for name in names)
    found: list[Topic] = []
    rest: list[str] = []
    i = 0
    while i < len(words):
        for size in range(min(longest, len(words) - i), 0, -1):
            named = names.get(" ".join(words[i : i + size]))
            if named:
                found.append(named)
                i += size
                break
        else:
            rest.append(words[i])
            i += 1
    return tuple({t.key: t for t in found}.values()), rest


# --- kinds -------------------------------------------------------------------------------------------------------

_ACT: Final = re.compile(
    r"^(?:please |can you |could you |will you |would you |go |just |now |i want to |i would like to |let me |"
    r"help me )*"
    r"(?:buy|sell|place|submit|cancel|liquidate)\b"
)


def _is_mine(q: Question) -> bool:
    return not q.words.isdisjoint(MINE)


def _about_order(q: Question) -> bool:
    return bool(q.order_ids) or not q.words.isdisjoint(ORDER)


def _asks_meaning(q: Question) -> bool:
    words = ("mean", "means", "meaning", "define", "definition", "explain", "difference", "understand")
    return q.has(*words) or q.says(*MEANING_PHRASES)


def _is_term(q: Question) -> bool:
    mine = _is_mine(q) and not q.says("i use", "tell me", "i understand", "give me")
    if not q.topics or q.order_ids or q.symbols or mine:
        return False
    bare = q.rest <= FILLER | OTHER
    return bare or (_asks_meaning(q) and not q.has("happened", "happen"))


def _is_protect(q: Question) -> bool:
    what = _is_mine(q) or bool(q.symbols) or q.has("position", "positions", "holding", "holdings", "this", "it")
    asked = q.has(*PROTECT) or q.says(*PROTECT_PHRASES)
    decision = q.says("should i", "should we")
    return asked and what and not decision and not q.order_ids and not q.has("mean", "means", "define", "why")


def _is_exercise(q: Question) -> bool:
    if q.says("should i use") and q.topics and not q.symbols:
        return False
    if q.order_ids and q.text.startswith("why "):
        return False  # what happened to an order comes first, whatever else is asked
    words = ("hint", "hints", "solve", "solution", "homework", "recommend", "predict", "forecast", "advice")
    return q.has(*words) or q.says(*DECISION_PHRASES)


def _is_help(q: Question) -> bool:
    alone = ("", "help", "help me", "hello", "hi", "thanks", "thank you", "who are you")
    return (q.text in alone and not q.order_ids and not q.symbols) or q.says(
        "what can you", "what can i ask", "how can you help"
    )


def _is_review(q: Question) -> bool:
    words = ("review", "improve", "mistake", "mistakes", "better", "wrong", "learn")
    return _about_order(q) and (q.has(*words) or q.says("next time"))


def _is_account_cost(q: Question) -> bool:
    words = ("all", "total", "overall", "far", "altogether", "everything", "trading", "today", "account")
    return q.has(*COST) and q.has(*words) and not q.order_ids and not q.symbols


def _is_partial(q: Question) -> bool:
    parts = ("partial", "partially", "partly", "half", "rest", "remaining", "leaves", "remainder")
    how_much = ("only", "part", "some", "whole", "all", "completely", "fully")
    return q.has(*parts) or (q.has(*how_much) and q.has(*FILLED))


def _is_price(q: Question) -> bool:
    words = ("price", "prices", "avg", "average", "worse", "expensive")
    return (q.has(*words) and (_about_order(q) or q.has(*FILLED))) or q.says(
        "this price", "that price", "my price", "average price"
    )


Test = Callable[[Question], bool]

KINDS: Final[tuple[tuple[Kind, Test], ...]] = (
    (Kind.HELP, _is_help),
    (Kind.ACT, lambda q: bool(_ACT.match(q.text)) and not _asks_meaning(q) and not _is_exercise(q)),
    (Kind.PROTECT, _is_protect),
    (Kind.NEXT, lambda q: q.text in ("next", "now what", "what now") or q.says(*NEXT_PHRASES)),
    (Kind.REVIEW, _is_review),
    (Kind.EXERCISE, _is_exercise),
    (Kind.TERM, _is_term),
    (Kind.DENIED, lambda q: q.has(*DENIED) or q.says(*DENIED_PHRASES)),
    (Kind.ACCOUNT_COST, _is_account_cost),
    (Kind.COST, lambda q: q.has(*COST)),
    (Kind.PARTIAL, _is_partial),
    (Kind.ENDED, lambda q: q.has("canceled", "expired", "expire", "killed")),
    (Kind.NOT_FILLED, lambda q: q.has(*NOT) and (q.has(*FILLED) or _about_order(q) or q.says("not go through"))),
    (Kind.PRICE, _is_price),
    (Kind.PERFORMANCE, lambda q: _is_mine(q) and not q.order_ids and q.has(*PERFORMANCE)),
    (Kind.CONCENTRATION, lambda q: q.has(*CONCENTRATION)),
    (Kind.FILLED, lambda q: q.has("fill", "filled", "fills", "execute", "executed", "execution", "bought", "sold")),
    (Kind.ORDER, lambda q: bool(q.order_ids) or q.has("order", "orders")),
    (Kind.PERFORMANCE, lambda q: q.says("making money", "losing money", "made money", "lost money")),
    (
        Kind.CASH,
        lambda q: q.has("cash", "afford", "reserved", "reserve") or q.says("buying power", "money left", "much money"),
    ),
    (Kind.POSITIONS, lambda q: q.has("position", "positions", "holding", "holdings", "hold", "own", "portfolio")),
    (Kind.PROGRESS, lambda q: q.has(*PROGRESS)),
    (
        Kind.RULES,
        lambda q: (
            q.has("rule", "rules", "limits", "allowed", "permitted")
            or q.says("can i short", "go short", "sell short", "may i")
        ),
    ),
    (Kind.PERFORMANCE, lambda q: _is_mine(q) and q.has(*PERFORMANCE)),
    (Kind.MARKET, lambda q: bool(q.symbols)),
    (Kind.TERM, lambda q: bool(q.topics)),
    (Kind.MARKET, lambda q: q.has(*MARKET) or bool(q.unknown_symbols)),
)
"""Tests in the order in which they are tried."""


def kind_of(question: Question) -> Kind:
    """What kind of question this is.

    Examples
    --------
    >>> [str(kind_of(read_question(q))) for q in ("What is slippage?", "why was I denied?", "Sing!")]
    ['term', 'denied', 'unknown']
    """
    return next((kind for kind, test in KINDS if test(question)), Kind.UNKNOWN)
