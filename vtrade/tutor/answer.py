"""What does the tutor hand back, and how does it read on a screen?

Rules: an answer is a value; it names the evidence it rests on and who wrote it; a notice says when something went
differently from what was asked (no language model, a cut-off reply). Foreign text is escaped before it becomes
Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isfinite
from typing import Any, Final, Literal

import msgspec

from vtrade.domain import display
from vtrade.errors import TutorError

HINT_LEVEL_MAX: Final = 3
"""Hints of an exercise: a question back, a method, a worked example."""
ONLY_YOU: Final = "Only you can confirm it."
UNKNOWN: Final = "unknown"
"""How a number that is not a number is shown."""


class EvidenceUsed(msgspec.Struct, frozen=True):
    """One thing an answer rests on: where it was read (``"order 3"``) and what it said."""

    source: str
    text: str


OrderTypeName = Literal["market", "limit", "stop_market", "stop_limit"]
TifName = Literal["DAY", "GTC", "IOC", "FOK"]


class OrderTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The terms of an order, in whole units.

    Examples
    --------
    >>> print(OrderTerms(symbol="ACME", side="sell", type="stop_market", quantity=100, stop_price=99.5, tif="GTC"))
    sell 100 ACME at market once it trades at 99.50, GTC
    """

    symbol: str
    side: Literal["buy", "sell"]
    type: OrderTypeName
    quantity: float
    limit_price: float | None = None
    stop_price: float | None = None
    tif: TifName = "DAY"
    reduce_only: bool = False

    def __str__(self) -> str:
        limit = "at market" if self.limit_price is None else f"at {exact_price(self.limit_price)} or better"
        stop = "" if self.stop_price is None else f" once it trades at {exact_price(self.stop_price)}"
        only = ", only to reduce the position" if self.reduce_only else ""
        return f"{self.side} {number(self.quantity)} {self.symbol} {limit}{stop}, {self.tif}{only}"


class Proposal(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """An order put forward, for the student alone to confirm or to discard.

    Attributes
    ----------
    id : str
        Its name on the desk.
    terms : OrderTerms
    why : str
        Plain text, perhaps of a language model.
    evidence : tuple of EvidenceUsed
    source : str
        Who put it forward.
    expires_ns : int
        On the desk's monotonic clock; it cannot be confirmed from then on.

    Examples
    --------
    >>> terms = OrderTerms(symbol="ACME", side="buy", type="limit", quantity=100, limit_price=99.5)
    >>> print(Proposal(id="p1", terms=terms, why="You asked for it.", expires_ns=0))
    Proposal p1: buy 100 ACME at 99.50 or better, DAY. You asked for it.
    """

    id: str
    terms: OrderTerms
    why: str
    expires_ns: int
    evidence: tuple[EvidenceUsed, ...] = ()
    source: str = "offline"

    def confirm(self) -> Any:
        """Send the order, as its owner; the order that came of it.

        Raises
        ------
        VTradeError
            If it has expired, was discarded or was confirmed before.
        """
        return self._act("confirm")

    def discard(self) -> None:
        """Let it go; that goes on the record."""
        self._act("discard")

    def _act(self, what: str) -> Any:
        act = vars(self).get("_act_of_the_desk")
        if act is None:
            raise TutorError(f"proposal {self.id} is not on a desk here; ask again on the desk that is to trade")
        return act(what)

    def __str__(self) -> str:
        return f"Proposal {self.id}: {self.terms}. {self.why}"

    def __repr__(self) -> str:
        return display.called("Proposal", self.id, str(self.terms))

    _repr_pretty_ = display.pretty

    def _repr_html_(self) -> str:
        evidence = "; ".join(used.source for used in self.evidence)
        told = {"order": str(self.terms), "why": self.why, "based on": evidence, "from": self.source}
        return display.html([display.facts(told, title=f"Proposal {self.id}"), display.Words(ONLY_YOU, "quiet")])


def held_by(proposal: Proposal, act: Callable[[str], Any]) -> Proposal:
    """The proposal, with the desk's way to ``confirm`` or ``discard`` it."""
    vars(proposal)["_act_of_the_desk"] = act
    return proposal


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One question of a conversation and what came back; a tuple of turns is all the memory the tutor has."""

    question: str
    text: str
    topic: str = ""
    hint_level: int = 0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the tutor says.

    Attributes
    ----------
    question, text : str
        The text is Markdown.
    evidence : tuple of EvidenceUsed
    source : str
        ``"offline"``, or the name of the language model.
    notices : tuple of str
        What the reader should know about how the answer came to be.
    proposals : tuple of Proposal
        Orders put forward for the student's own confirmation.
    hint_level : int
        0, or 1 to 3 where the answer is a hint.
    topic : str
        What the answer is about; hints of one topic climb.

    Examples
    --------
    >>> cited = EvidenceUsed("account", "fees 2.50 USD")
    >>> answer = Answer(question="fees?", text="You paid **2.50 USD**.", evidence=(cited,))
    >>> print(answer)
    You paid 2.50 USD.
    <BLANKLINE>
    Based on: account (fees 2.50 USD).
    """

    question: str
    text: str
    evidence: tuple[EvidenceUsed, ...] = ()
    source: str = "offline"
    notices: tuple[str, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    hint_level: int = 0
    topic: str = ""

    @property
    def turn(self) -> Turn:
        """The question with its answer, to be passed on as history of the next question."""
        return Turn(question=self.question, text=self.text, topic=self.topic, hint_level=self.hint_level)

    def __repr__(self) -> str:
        first = display.shortened(without_markdown(self.text), 80)
        proposals = f"{len(self.proposals)} proposed" if self.proposals else ""
        return display.called("Answer", repr(display.shortened(self.question, 60)), self.source, first, proposals)

    _repr_pretty_ = display.pretty

    def __str__(self) -> str:
        parts = [f"Note: {notice}" for notice in self.notices]
        parts.append(without_markdown(self.text))
        if self.evidence:
            parts.append("Based on: " + "; ".join(f"{used.source} ({used.text})" for used in self.evidence) + ".")
        parts += [f"{proposal} {ONLY_YOU}" for proposal in self.proposals]
        return "\n\n".join(parts)

    def _repr_markdown_(self) -> str:
        parts = [f"> {escape(notice)}" for notice in self.notices]
        parts.append(self.text)
        if self.evidence:
            parts.append("\n".join(f"- *{escape(used.source)}*: {escape(used.text)}" for used in self.evidence))
        parts += [f"> **Proposal**: {escape(f'{p.terms}. {p.why}')} {ONLY_YOU}" for p in self.proposals]
        return "\n\n".join(parts)


_SPECIAL = re.compile(r"([\\`*_\[\]<>|$~])")
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_ESCAPED = re.compile(r"\\([\\`*_\[\]<>|$~])")


def escape(text: str) -> str:
    r"""Foreign text as Markdown that shows it letter by letter, on one line.

    Examples
    --------
    >>> print(escape("*Buy* <now>"))
    \*Buy\* \<now\>
    """
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def without_markdown(text: str) -> str:
    r"""The tutor's Markdown as plain text: bold marks and escapes go.

    Examples
    --------
    >>> print(without_markdown("**ACME** \\*new\\*"))
    ACME *new*
    """
    return _ESCAPED.sub(r"\1", _BOLD.sub(r"\1", text))


def money(amount: float, currency: str = "", *, signed: bool = False) -> str:
    """An amount of money as text; amounts below one hundredth keep four decimals.

    Examples
    --------
    >>> money(1234.5, "USD"), money(0.0025), money(-3, signed=True), money(-0.0)
    ('1,234.50 USD', '0.0025', '-3.00', '0.00')
    """
    if not isfinite(amount):
        return UNKNOWN
    decimals = 4 if 0 < abs(amount) < 0.01 else 2
    text = f"{amount + 0.0:{'+' if signed else ''},.{decimals}f}"
    return f"{text} {currency}".rstrip()


def number(value: float) -> str:
    """A quantity as text without needless decimals.

    Examples
    --------
    >>> number(1500.0), number(0.25)
    ('1,500', '0.25')
    """
    if not isfinite(value):
        return UNKNOWN
    return f"{value:,.0f}" if value == int(value) else f"{value:,.6f}".rstrip("0")


def exact_price(value: float) -> str:
    """A price as text, with two decimals or as many more as it has.

    Examples
    --------
    >>> exact_price(1178.2), exact_price(0.0125)
    ('1,178.20', '0.0125')
    """
    text = f"{value:,.6f}"
    return text[:-4] + text[-4:].rstrip("0")


def percent(share: float, *, decimals: int = 1) -> str:
    """A share as a percentage.

    Examples
    --------
    >>> percent(0.2512), percent(-0.031)
    ('25.1 %', '-3.1 %')
    """
    return f"{100 * share + 0.0:.{decimals}f} %" if isfinite(share) else UNKNOWN
