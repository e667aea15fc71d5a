"""What does a desk ask a gateway, beside what is streamed to it?

Rules: an answer is what the gateway says, or one error that says why there is none; nothing is made up here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from vtrade.domain.stream import Row
from vtrade.errors import DeskError, Unavailable
from vtrade.execution.explain import Charge, Explanation
from vtrade.execution.preview import Preview
from vtrade.gamification.leaderboard import Standing

ROWS_MAX: Final = 1_000
"""Rows of a leaderboard that a gateway tells at once."""


class Frames(Protocol):
    """A stream that is open."""

    def __iter__(self) -> Iterator[bytes]:
        """Frames as they come; ends, or raises ``Unavailable``, when the stream does."""

    def close(self) -> None:
        """End it, from any thread."""


class Transport(Protocol):
    """The way to a gateway; see :class:`vtrade.adapters.gateway.GatewayTransport`.

    All of it raises ``AccessDenied`` where the token does not allow it, ``Unavailable`` where trying again may help,
    and another ``VTradeError`` where it was refused.
    """

    @property
    def where(self) -> str:
        """The gateway as messages name it."""

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> bytes:
        """Ask."""

    def post(self, path: str, body: bytes, *, timeout_s: float) -> bytes:
        """Send, once."""

    def stream(self, path: str, query: Mapping[str, str | int]) -> Frames:
        """Listen."""

    def close(self) -> None:
        """Let go of every connection."""


class RemoteRanking:
    """A leaderboard behind a gateway; see :class:`vtrade.services.shared.Ranking`.

    Parameters
    ----------
    transport : Transport
    path : str
        Address of the room.
    by : str
    account : str
        Whose desk asks.
    rows : sequence of Row or None
        The first ones, as they were streamed; ``whole`` where there are no more.
    """

    def __init__(
        self, transport: Transport, path: str, by: str, *, account: str, rows: Sequence[Row] | None, whole: bool
    ) -> None:
        self._transport, self._path, self._by, self._account = transport, path, by, account
        self._rows, self._whole = rows, whole

    def heard(self) -> tuple[list[Standing], bool]:
        """The rows that were streamed, without asking; and whether there are no others."""
        rows = self._rows or ()
        return [Standing(row.rank, row.account, row.score, row.moved) for row in rows], self._whole

    def top(self, n: int = 10) -> list[Standing]:
        """The first ``n`` rows: those that were streamed, about a second old, or as the gateway tells them."""
        if self._rows is not None and (n <= len(self._rows) or self._whole):
            return [Standing(row.rank, row.account, row.score, row.moved) for row in self._rows[:n]]
        return self._ask(n)

    def around(self, account: str, n: int = 3) -> list[Standing]:
        """The desk's own account with up to ``n`` rows above and below it."""
        if account != self._account:
            raise DeskError(f"a gateway tells the ranks around {self._account!r} to this desk, not around others")
        return self._ask(n, around="me")

    def _ask(self, n: int, **more: str) -> list[Standing]:
        if not 0 <= n <= ROWS_MAX:
            raise DeskError(f"{n} rows are more than a gateway tells; ask for {ROWS_MAX:,} or fewer")
        data = self._transport.get(f"{self._path}/leaderboard", {"by": self._by, "n": n, **more})
        scale = 1_000_000 if self._by == "nav" else 1
        return [Standing(r["rank"], r["account"], round(r["score"] * scale), r["moved"]) for r in _rows(data)]


def _rows(data: bytes) -> list[dict[str, Any]]:
    try:
        told: dict[str, list[dict[str, Any]]] = msgspec.json.decode(data, type=dict[str, list[dict[str, Any]]])
        return told["rows"]
    except (msgspec.MsgspecError, LookupError) as error:
        raise Unavailable(f"the gateway gave an answer that cannot be read ({error})") from None


# --- explanations ----------------------------------------------------------------------------------------------------


class _Charge(msgspec.Struct):
    model: str
    price: float | None
    cost: float | None
    bps: float | None
    note: str = ""


class _Explained(msgspec.Struct):
    title: str
    lines: list[str]
    costs: dict[str, float | None] = {}
    slippage_bps: float | None = None
    queue_ahead: float | None = None
    currency: str = ""
    against: str = "arrival mid"
    bps: dict[str, float | None] = {}
    alternatives: list[_Charge] = []
    decimals: int = 2


def read_explanation(data: bytes) -> Explanation:
    """An order's story from the JSON of a gateway; a number that is none was ``null`` there.

    Raises
    ------
    Unavailable
        If the bytes are none.

    Examples
    --------
    >>> print(read_explanation(b'{"title": "Order 1", "lines": ["accepted"]}'))
    Order 1
      - accepted
    """
    try:
        told = msgspec.json.decode(data, type=_Explained)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"the gateway gave an answer that cannot be read ({error})") from None
    nan = float("nan")
    return Explanation(
        told.title, told.lines, {name: nan if value is None else value for name, value in told.costs.items()},
        told.slippage_bps, told.queue_ahead, told.currency, told.against,
        {name: nan if value is None else value for name, value in told.bps.items()},
        [Charge(c.model, c.price, c.cost, c.bps, c.note) for c in told.alternatives], told.decimals,
    )  # fmt: skip


# --- previews --------------------------------------------------------------------------------------------------------


class Previews(msgspec.Struct, frozen=True):
    """What orders would do, in their order."""

    previews: list[Preview]


def read_previews(data: bytes) -> list[Preview]:
    """What orders would do, from the JSON of a gateway.

    Raises
    ------
    Unavailable
        If the bytes are none.

    Examples
    --------
    >>> read_previews(b'{"previews": [{"symbol": "ACME", "status": "FILLED", "filled": 5.0}]}')[0].filled
    5.0
    """
    try:
        return msgspec.json.decode(data, type=Previews).previews
    except msgspec.MsgspecError as error:
        raise Unavailable(f"the gateway gave an answer that cannot be read ({error})") from None
