"""Does the tutor understand what is asked? The table of questions is in questions.txt."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtrade.tutor.recognise import QUESTION_CHARACTERS_MAX, kind_of, read_question
from vtrade.tutor.words import mend

NAMES = ("1", "2", "3", "4", "5", "c-7", "you-1")
SYMBOLS = ("ACME", "ZEN", "ALL", "A")


def _table() -> list[tuple[str, str]]:
    lines = Path(__file__).with_name("questions.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split("|", 1) for line in lines if line and not line.startswith("#")]
    return [(kind.strip(), question.strip()) for kind, question in rows]


@pytest.mark.parametrize(("kind", "question"), _table())
def test_the_kind_of_question_is_recognised(kind: str, question: str) -> None:
    assert kind_of(read_question(question, order_ids=NAMES, symbols=SYMBOLS)) == kind


@pytest.mark.parametrize(("kind", "question"), [row for row in _table() if "$" not in row[1]])
def test_capitals_and_a_missing_question_mark_change_nothing(kind: str, question: str) -> None:
    assert kind_of(read_question(question.upper().rstrip("?"), order_ids=NAMES, symbols=("ACME", "ZEN"))) == kind


@pytest.mark.parametrize(
    ("question", "ids"),
    [
        ("why #3", ("3",)),
        ("why did order 12 fill", ("12",)),
        ("order no. 4, please", ("4",)),
        ("what happened to c-7", ("c-7",)),
        ("compare orders 1, 2 and 3", ("1", "2", "3")),
        ("compare #1 #2 #3 #4", ("1", "2", "3")),
        ("can I afford 100 shares", ()),
        ("#you-1?", ("you-1",)),
    ],
)
def test_order_numbers_are_read(question: str, ids: tuple[str, ...]) -> None:
    assert read_question(question, order_ids=NAMES).order_ids == ids


@pytest.mark.parametrize(
    ("question", "symbols"),
    [
        ("spread of acme", ("ACME",)),
        ("what about ZEN and acme", ("ZEN", "ACME")),
        ("what did all of it cost", ()),
        ("what did $ALL cost", ("ALL",)),
        ("price of ALL", ("ALL",)),
        ("A limit order", ()),
        ("price of $A", ("A",)),
    ],
)
def test_symbols_are_read_but_common_words_are_not_symbols(question: str, symbols: tuple[str, ...]) -> None:
    assert read_question(question, symbols=SYMBOLS).symbols == symbols


def test_a_symbol_that_does_not_trade_here_is_noticed() -> None:
    assert read_question("spread of ACME and QQZ", symbols=SYMBOLS).unknown_symbols == ("QQZ",)
    assert read_question("What is FOK, and IOC?", symbols=SYMBOLS).unknown_symbols == ()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("slipage", "slippage"),
        ("deneid", "denied"),
        ("parital", "partial"),
        ("concentrted", "concentrated"),
        ("drawdwon", "drawdown"),
        ("ordr", "order"),
        ("pozition", "position"),
        ("why", "why"),
        ("zebra", "zebra"),
        ("x7", "x7"),
    ],
)
def test_common_words_are_mended(written: str, meant: str) -> None:
    assert mend(written) == meant


def test_a_long_question_is_cut_with_a_mark() -> None:
    read = read_question("why " * QUESTION_CHARACTERS_MAX)
    assert (read.cut, len(read.raw)) == (True, QUESTION_CHARACTERS_MAX)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_some_kind_of_question(text: str) -> None:
    kind_of(read_question(text, order_ids=NAMES, symbols=SYMBOLS))
