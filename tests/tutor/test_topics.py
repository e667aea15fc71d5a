"""Are the texts complete, and is nothing in them ambiguous?"""

from __future__ import annotations

import re

import pytest

from vtrade.domain.orders import Reason
from vtrade.tutor.evidence import Evidence
from vtrade.tutor.offline import answer_offline
from vtrade.tutor.recognise import Kind, kind_of, read_question
from vtrade.tutor.topics import Topic, reason_text, topic, topic_names, topics

ADVICE = re.compile(
    r"\byou should (?:buy|sell|hold|short)\b|\bi (?:recommend|advise)\b|\bis a good (?:buy|sale)\b", re.IGNORECASE
)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.NONE])
def test_every_reason_has_a_meaning_and_a_mend(reason: Reason) -> None:
    known = reason_text(reason)
    assert not known.text.startswith("the reason given is")
    assert not known.text.endswith(".")
    assert known.consider.endswith((".", "?"))


def test_an_unknown_reason_is_shown_and_none_is_said_to_be_missing() -> None:
    assert reason_text("SOLAR_FLARE").text == "the reason given is solar flare"
    assert reason_text("").text == "no reason was recorded"


def test_no_name_means_two_topics() -> None:
    names = [name for t in topics() for name in {t.key.replace("_", " "), *t.aliases}]
    assert len(names) == len(set(names)) == len(topic_names())
    assert all(name == name.lower() for name in names)


@pytest.mark.parametrize("about", topics(), ids=lambda t: t.key)
def test_a_topic_is_complete_and_can_be_asked_for(about: Topic, evidence: Evidence) -> None:
    assert about.question.endswith("?")
    assert about.hint.endswith((".", "?"))
    assert about.example.endswith(".")
    assert topic(about.key) is about
    for name in (about.key.replace("_", " "), *about.aliases):
        read = read_question(f"What is {name}?")
        assert kind_of(read) is Kind.TERM, name
        assert about in read.topics, name
    assert about.text in answer_offline(f"what does {about.key.replace('_', ' ')} mean", evidence).text


def test_no_text_recommends_a_trade() -> None:
    texts = [part for t in topics() for part in (t.text, t.question, t.hint, t.example)]
    texts += [part for reason in Reason for part in (reason_text(reason).text, reason_text(reason).consider)]
    assert not [text for text in texts if ADVICE.search(text)]
    assert not [text for text in texts if "$" in text], "a dollar sign starts mathematics in a notebook"
