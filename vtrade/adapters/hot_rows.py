"""How do views and scores become what a script of the hot state takes?

Rules: everything is checked before the first byte leaves; no command grows beyond a stated number of accounts and
about a stated number of bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from vtrade.adapters.hot_keys import named
from vtrade.adapters.hot_port import Row, Scores
from vtrade.errors import ValueOffGrid
from vtrade.gamification.leaderboard import encode_score

CHUNK_ACCOUNTS: Final = 1_000
"""Most accounts in one command."""
CHUNK_BYTES: Final = 1 << 20
"""Bytes of views after which a command takes no further account."""
VIEW_BYTES_MAX: Final = 1 << 20
"""Longest view."""
SEQ_MAX: Final = 2**53
"""Greatest number that a script tells apart from its neighbours."""

Cells = list[str | bytes]
"""Account, kind (``v`` view, ``s`` scores only, ``r`` removed), view, and a code for each leaderboard; repeated."""


def rows_changed(
    boards: Sequence[str], seq: int, views: Mapping[str, bytes], scores: Scores, removed: Iterable[str]
) -> dict[str, Cells]:
    """By account: its cells.

    Raises
    ------
    ValueOffGrid
        If a number, a name, a score or a view is out of bounds, or a leaderboard is not known.

    Examples
    --------
    >>> rows_changed(["nav"], 7, {"ana": b"{}"}, {"nav": {"ben": 1}}, ["cai"])["ana"]
    ['ana', 'v', b'7 {}', '']
    """
    head = b"%d " % number(seq, "seq")
    empty = [""] * len(boards)
    rows: dict[str, Cells] = {}
    for account, view in views.items():
        rows[account] = [named(account, "an account"), "v", head + _view(account, view), *empty]
    for by, of_board in scores.items():
        if by not in boards:
            raise ValueOffGrid(f"there is no leaderboard {by!r} here; choose one of {', '.join(boards)}")
        column = 3 + boards.index(by)
        for account, score in of_board.items():
            if account not in rows:
                rows[account] = [named(account, "an account"), "s", "", *empty]
            rows[account][column] = encode_score(score)
    for account in removed:
        if account in rows and rows[account][1] != "r":
            raise ValueOffGrid(f"account {account!r} is removed and changed at once; decide for one")
        rows[account] = [named(account, "an account"), "r", "", *empty]
    return rows


def rows_told(boards: Sequence[str], seq: int, rows: Iterable[Row]) -> Iterator[tuple[Cells, int]]:
    """Rows cut into commands, and how many accounts have come so far; of an account told twice the last counts."""
    left, done = iter(rows), 0
    while some := {row[0]: row for row in islice(left, CHUNK_ACCOUNTS)}:
        views = {account: view for account, view, _ in some.values() if view is not None}
        scores: dict[str, dict[str, int]] = {}
        for account, _, of_account in some.values():
            for by, score in of_account.items():
                scores.setdefault(by, {})[account] = score
        done += len(some)
        for chunk in chunks_of(rows_changed(boards, seq, views, scores, ()).values()):
            yield chunk, done


def chunks_of(rows: Iterable[Cells]) -> Iterator[Cells]:
    """Rows strung together, as many as one command takes."""
    cells: Cells = []
    count = size = 0
    for row in rows:
        cells += row
        count += 1
        size += len(row[2])
        if count == CHUNK_ACCOUNTS or size >= CHUNK_BYTES:
            yield cells
            cells, count, size = [], 0, 0
    if cells:
        yield cells


def number(value: int, what: str) -> int:
    """A number of a fact or an epoch, if it can be one.

    Raises
    ------
    ValueOffGrid
        If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < SEQ_MAX:
        raise ValueOffGrid(f"{what} {value!r} is no whole number from 0 to {SEQ_MAX - 1}; give the log's own")
    return value


def opened(stored: bytes) -> tuple[int, bytes]:
    """The number and the view that a stored value holds.

    Examples
    --------
    >>> opened(b"7 {} ")
    (7, b'{} ')
    """
    seq, _, view = stored.partition(b" ")
    return int(seq), view


def _view(account: str, view: bytes) -> bytes:
    if not isinstance(view, bytes):
        raise ValueOffGrid(f"the view of account {account!r} is {type(view).__name__}, not bytes; encode it")
    if len(view) > VIEW_BYTES_MAX:
        raise ValueOffGrid(
            f"the view of account {account!r} has {len(view)} bytes, at most {VIEW_BYTES_MAX}; shorten it"
        )
    return view
