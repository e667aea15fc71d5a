"""What is a panel told about what it asked for?"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Reply(TypedDict):
    """The answer to an intent: a sentence, the field at fault, and what was asked for."""

    kind: str
    text: str
    field: NotRequired[str]
    data: NotRequired[Any]


def ok(text: str, data: Any = None) -> Reply:
    """It was done.

    Examples
    --------
    >>> ok("paused")
    {'kind': 'ok', 'text': 'paused'}
    """
    return {"kind": "ok", "text": text} if data is None else {"kind": "ok", "text": text, "data": data}


def refused(text: str, *, field: str = "", data: Any = None) -> Reply:
    """It was not done, and why; ``field`` names the part of the form that caused it."""
    reply: Reply = {"kind": "error", "text": text}
    if field:
        reply["field"] = field
    if data is not None:
        reply["data"] = data
    return reply
