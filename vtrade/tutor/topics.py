"""Which words and reasons can the tutor explain without any evidence?

Rules: the texts are data (``topics.toml``, beside this file), read once; a topic has a definition, a question to think
about, a hint and a worked example; every reason that an order can carry has a meaning and a mend.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

import msgspec


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One term: ``aliases`` are the lower-case ways to write it; the rest is Markdown."""

    key: str
    name: str
    aliases: tuple[str, ...] = ()
    text: str
    question: str
    hint: str
    example: str


class ReasonText(msgspec.Struct, frozen=True, kw_only=True):
    """What a reason code means, and what to consider next time."""

    text: str
    consider: str


class _File(msgspec.Struct, frozen=True, kw_only=True):
    topic: tuple[Topic, ...]
    reason: dict[str, ReasonText]


@cache
def _load() -> _File:
    text = files("vtrade.tutor").joinpath("topics.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), _File)


def topics() -> tuple[Topic, ...]:
    """All topics, in the order of the file."""
    return _load().topic


@cache
def topic_names() -> dict[str, Topic]:
    """Every way to write a topic, lower case, to the topic.

    Examples
    --------
    >>> topic_names()["fok"].name
    'fill or kill (FOK)'
    """
    return {alias: topic for topic in topics() for alias in (topic.key.replace("_", " "), *topic.aliases)}


def topic(key: str) -> Topic:
    """The topic with this key.

    Examples
    --------
    >>> topic("spread").name
    'spread'
    """
    return next(t for t in topics() if t.key == key)


def reason_text(code: str) -> ReasonText:
    """What a reason code means; an unknown code is shown as it is.

    Examples
    --------
    >>> reason_text("FILL_OR_KILL").text
    'the order was fill-or-kill, and the whole quantity was not available at once, so nothing of it was filled'
    """
    known = _load().reason.get(code)
    return known or ReasonText(
        text=f"the reason given is {code.replace('_', ' ').lower()}" if code else "no reason was recorded",
        consider="Read the order's own explanation with `order.explain()`.",
    )
