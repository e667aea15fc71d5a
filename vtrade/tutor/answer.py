"""What does the tutor hand back, and how does it read on a screen?

Rules: an answer is a value; it names the evidence it rests on and who wrote it; a notice says when something went
differently from what was asked (no language model, a cut-off reply). Foreign text is escaped before it becomes
Markdown.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import Final

import msgspec

HINT_LEVEL_MAX: Final = 3
"""Hints of an exercise: a question back, a method, a worked example."""
UNKNOWN: Final = "unknown"
"""How a number that is not a number is shown."""


class EvidenceUsed(msgspec.Struct, frozen=True):
    """One thing an answer rests on: where it was read (``"order 3"``) and what it said."""

    source: str
    text: str


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
    proposals : tuple of str
        Orders put forward for the student's own confirmation; the tutor of this version makes none.
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
    proposals: tuple[str, ...] = ()
    hint_level: int = 0
    topic: str = ""

    @property
    def turn(self) -> Turn:
        """The question with its answer, to be passed on as history of the next question."""
        return Turn(question=self.question, text=self.text, topic=self.topic, hint_level=self.hint_level)

    def __str__(self) -> str:
        parts = [f"Note: {notice}" for notice in self.notices]
        parts.append(without_markdown(self.text))
        if self.evidence:
            parts.append("Based on: " + "; ".join(f"{used.source} ({used.text})" for used in self.evidence) + ".")
        return "\n\n".join(parts)

    def _repr_markdown_(self) -> str:
        parts = [f"> {escape(notice)}" for notice in self.notices]
        parts.append(self.text)
        if self.evidence:
            parts.append("\n".join(f"- *{escape(used.source)}*: {escape(used.text)}" for used in self.evidence))
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


def percent(share: float, *, decimals: int = 1) -> str:
    """A share as a percentage.

    Examples
    --------
    >>> percent(0.2512), percent(-0.031)
    ('25.1 %', '-3.1 %')
    """
    return f"{100 * share + 0.0:.{decimals}f} %" if isfinite(share) else UNKNOWN
