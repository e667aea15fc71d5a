"""What do the gateway's answers look like, and how do a desk's tables become JSON?

Rules: every body that comes or goes is one of these structs, written and read by msgspec, and shown as such on the
OpenAPI page. Tables are lists of rows; a number that is none is null. What a struct does not list is not told.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta
from starlette.responses import Response

from vtrade.errors import ValueOffGrid
from vtrade.services import commands as asked
from vtrade.services.access import TOKEN_DAYS, TOKEN_DAYS_MAX
from vtrade.services.inquiry import Previews

if TYPE_CHECKING:
    import pandas as pd

    from vtrade.desk.desk import Desk

ENROL_MAX: Final = 1_000
QUESTION_MAX: Final = 2_000

Cell = str | int | float | bool | None
Text = Annotated[str, Meta(max_length=200)]


class Table(msgspec.Struct, frozen=True):
    """Rows of a table of the desk, each by column."""

    rows: list[dict[str, Cell]]


class Values(msgspec.Struct, frozen=True):
    """Values by name."""

    values: dict[str, Cell]


class RoomSeen(msgspec.Struct, frozen=True):
    """A room as its members may see it; ``tape`` is told to those who run it only."""

    name: str
    role: str
    account: str
    symbols: list[str] = []
    seq: int = 0
    time: str = ""
    playing: bool = False
    ended: bool = False
    tape: str | None = None


class RoomList(msgspec.Struct, frozen=True):
    """Rooms of whoever asks."""

    rooms: list[RoomSeen]


class TapeList(msgspec.Struct, frozen=True):
    """Market data that a room may name."""

    tapes: list[str]


class MemberSeen(msgspec.Struct, frozen=True):
    """Somebody who belongs to a room; ``expires`` is empty where no token is good."""

    account: str
    role: str
    expires: str


class MemberList(msgspec.Struct, frozen=True):
    """Members of a room."""

    members: list[MemberSeen]


class TokenShown(msgspec.Struct, frozen=True):
    """A new token: it is shown this once."""

    account: str
    role: str
    token: str
    expires: str


class Enrolled(msgspec.Struct, frozen=True):
    """New tokens."""

    members: list[TokenShown]


class Revoked(msgspec.Struct, frozen=True):
    """How many tokens were good until now."""

    revoked: int


class Me(msgspec.Struct, frozen=True):
    """Who one is here, and how the account stands; no account values for those who have none."""

    room: str
    account: str
    role: str
    may: list[str]
    seq: int
    ts_ns: int
    time: str
    values: dict[str, Cell] = {}
    balances: dict[str, float] = {}


class ExplanationSeen(msgspec.Struct, frozen=True):
    """Why an order filled, waits or failed, and what it cost; ``text`` is all of it as a person reads it."""

    title: str
    lines: list[str]
    costs: dict[str, float | None]
    slippage_bps: float | None
    queue_ahead: float | None
    currency: str
    against: str
    bps: dict[str, float | None]
    alternatives: list[dict[str, Cell]]
    decimals: int
    text: str


class ProgressSeen(msgspec.Struct, frozen=True):
    """Level, experience, badges and missions."""

    values: dict[str, Cell]
    badges: list[str]
    missions: list[dict[str, Cell]]


class AnswerSeen(msgspec.Struct, frozen=True):
    """What the tutor says; ``text`` is Markdown."""

    text: str
    source: str
    notices: list[str]
    evidence: list[dict[str, str]]


class Moment(msgspec.Struct, frozen=True):
    """A room as it stood after record ``seq``."""

    seq: int
    ts_ns: int
    chain: str
    state_hash: str
    accounts: list[dict[str, Cell]]


class View(msgspec.Struct, frozen=True):
    """Everything a panel shows."""

    view: dict[str, Any]


class Health(msgspec.Struct, frozen=True):
    """Whether the gateway lives, or can serve."""

    status: str


# --- what is asked ---------------------------------------------------------------------------------------------------


class NewRoom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A room to be made.

    Attributes
    ----------
    tape : str
        One of ``GET /v1/tapes``, or ``synthetic:SEED``; a seed that is left out is drawn and kept secret.
    cash : number or str
        Money a student begins with, whole units.
    rules : str
        ``tape``, ``plain`` or ``realistic``.
    """

    name: Text
    tape: Text = "synthetic"
    cash: asked.Decimal = 1_000_000
    rules: Annotated[str, Meta(max_length=20)] = "tape"


class Enrolment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Members to be let in; each gets a new token, and an older one ends."""

    accounts: Annotated[list[Text], Meta(min_length=1, max_length=ENROL_MAX)]
    role: Annotated[str, Meta(pattern="^(instructor|ta|student|observer)$")] = "student"
    days: Annotated[float, Meta(gt=0, le=TOKEN_DAYS_MAX)] = TOKEN_DAYS


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question to the tutor."""

    question: Annotated[str, Meta(min_length=1, max_length=QUESTION_MAX)]


class NewTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """New terms of an order; what is not given stays."""

    quantity: asked.Decimal | None = None
    limit_price: asked.Decimal | None = None
    stop_price: asked.Decimal | None = None


class Hello(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first message of a WebSocket that sent no token in its head."""

    token: Annotated[str, Meta(max_length=512)]


SEEN: Final = (
    Table, Values, RoomSeen, RoomList, TapeList, MemberList, Enrolled, Revoked, Me, ExplanationSeen, ProgressSeen,
    AnswerSeen, Moment, View, Health, NewRoom, Enrolment, Question, NewTerms, Previews,
)  # fmt: skip


def read(data: bytes, kind: type[Any]) -> Any:
    """Read a body.

    Raises
    ------
    ValueOffGrid
        Naming the field that cannot be read.

    Examples
    --------
    >>> read(b'{"question": "why?"}', Question).question
    'why?'
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise ValueOffGrid(f"the body cannot be read: {str(error)[:200]}; /docs shows what goes here") from None


def _other(value: Any) -> Any:
    """What pandas and numpy hand over beside plain values."""
    if hasattr(value, "item"):
        return value.item()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return None if type(value).__name__ == "NAType" else str(value)


_encoder: Final = msgspec.json.Encoder(enc_hook=_other)


def sent(value: Any, status: int = 200) -> Response:
    """A value as an answer; numbers that are none become null."""
    return Response(_encoder.encode(value), status, media_type="application/json")


def table(frame: pd.DataFrame) -> Table:
    """A table of the desk; an index with a name becomes a column."""
    if frame.index.name is not None:
        frame = frame.reset_index()
    return Table(frame.to_dict("records"))  # type: ignore[arg-type]


def when(ns: int) -> str:
    """A moment of the wall clock as text.

    Examples
    --------
    >>> when(0)
    '1970-01-01T00:00:00+00:00'
    """
    return dt.datetime.fromtimestamp(ns // 1_000_000_000, dt.UTC).isoformat()


def money_of(desk: Desk) -> dict[str, Cell]:
    """How an account stands, whole units."""
    cells: dict[str, Cell] = desk.view(sections=("account",))["account"]
    return cells


def progress_of(desk: Desk) -> ProgressSeen:
    """Level, experience, badges and missions of an account."""
    told = desk.view(sections=("progress",))["progress"]
    badges, missions = told.pop("badges"), told.pop("missions")
    return ProgressSeen(told, badges, missions)
