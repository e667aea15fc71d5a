"""How does a gateway say no? In one JSON form, with a code for programs and a sentence with the mend for people.

Rules: ``{"error": {"code", "message"}}``, whatever went wrong; what was not expected is logged with an id, and the
answer holds the id and nothing else of it. An error that can be mended by waiting says how long.
"""

from __future__ import annotations

import logging
import math
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.responses import Response

from vtrade.errors import (
    AccessDenied,
    DeskError,
    JournalError,
    Overloaded,
    TapeError,
    Unavailable,
    ValueOffGrid,
    VTradeError,
)
from vtrade.gateway.config import RETRY_S
from vtrade.services.access import TokenRefused
from vtrade.services.secret import new_name

_log = logging.getLogger("vtrade.gateway")


class NotHere(DeskError):
    """What was asked for is not there, or not there for the one who asks."""


class TooMany(Overloaded):
    """Somebody asks more often than he may; ``after_s`` says when to try again."""

    def __init__(self, message: str, *, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


class TooLarge(VTradeError):
    """A body, a head or a frame beyond its bound."""


class Problem(msgspec.Struct, frozen=True):
    """Why something was refused: one word for programs, one sentence for people."""

    code: str
    message: str


class ProblemAnswer(msgspec.Struct, frozen=True):
    """The body of every answer that is an error."""

    error: Problem


KINDS: Final[tuple[tuple[type[Exception], int, str], ...]] = (
    (TokenRefused, 401, "token"),
    (AccessDenied, 403, "forbidden"),
    (TooMany, 429, "too_many"),
    (TooLarge, 413, "too_large"),
    (NotHere, 404, "not_found"),
    (Overloaded, 503, "overloaded"),
    (Unavailable, 503, "unavailable"),
    (JournalError, 503, "storage"),
    (ValueOffGrid, 422, "invalid"),
    (TapeError, 422, "tape"),
    (DeskError, 409, "conflict"),
    (VTradeError, 409, "refused"),
)
"""Status and code of each kind of error; the first that fits."""


def status_of(error: Exception) -> tuple[int, str]:
    """Status and code of an expected error.

    Examples
    --------
    >>> status_of(TooMany("slow down", after_s=2)), status_of(DeskError("no"))
    ((429, 'too_many'), (409, 'conflict'))
    """
    for kind, status, code in KINDS:
        if isinstance(error, kind):
            return status, f"token_{error.code}" if isinstance(error, TokenRefused) else code
    return 500, "internal"


def answer_of(error: Exception) -> Response:
    """An error as an answer; an unexpected one is logged with an id."""
    status, code = status_of(error)
    headers: dict[str, str] = {}
    if status == 500:
        name = new_name()
        _log.error("unexpected error %s", name, exc_info=error)
        text = f"something went wrong here; tell the owner of this gateway the number {name}"
        return problem(status, code, text)
    if isinstance(error, TokenRefused):
        headers["www-authenticate"] = f'Bearer realm="vtrade", error="{code}"'
    elif status in (429, 503):
        headers["retry-after"] = str(max(1, math.ceil(getattr(error, "after_s", RETRY_S))))
    return problem(status, code, str(error), headers)


def problem(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    """An answer that is an error."""
    body = msgspec.json.encode(ProblemAnswer(Problem(code, message)))
    return Response(body, status, headers=headers, media_type="application/json")


def of_status(status: int) -> Response:
    """The answer for what the web framework refuses by itself: an unknown path, a wrong method."""
    words = {
        404: ("not_found", "there is nothing at this address; /docs shows what there is"),
        405: ("method", "this address does not know that method; /docs shows which it knows"),
    }
    code, text = words.get(status, ("refused", HTTPStatus(status).phrase))
    return problem(status, code, text)
