"""Who leads, by how much, and exactly how many are ahead of me?

Rules: only redis-py calls, so a Redis server and the embedded stand-in behave alike. Scores are integers (XP, or
money in micro-units) from ``-(2**63 - 1)`` to ``2**63 - 1``, exact. Equal scores share a rank and the next rank is
skipped (1, 2, 2, 4); inside a tie accounts stand in the order of their names. One call is one script, done in full or
not at all, about one moment; what would hold the server up for long is cut into steps of stated size, and says so.

Why the score is not the sorted set's score: that is a double, exact only up to 2**53, and packing a tie-break into it
leaves far less. Here every member has score 0 and begins with a code of 16 hex digits that falls as the score rises
(``2**63 - 1 - score``), followed by the account. Redis keeps members with equal scores in byte order, so a range by
position reads best first, a count by lexical range is the number of accounts ahead, and both take O(log N). A hash
beside it holds each account's code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from vtrade.domain.values import INT64_MAX
from vtrade.errors import Unavailable, ValueOffGrid
from vtrade.gamification import leaderboard_lua as lua

if TYPE_CHECKING:
    import redis

CODE_CHARS: Final = 16
"""Hex digits of a code; a member is its code and then the account."""

STEP_ACCOUNTS: Final = 5_000
"""Most accounts changed, or rows read, in one step: 20 to 50 ms of a server's time."""
TEMPORARY_S: Final = 600
"""A copy that a broken-off call leaves behind is gone after so long."""

Guard = Callable[[], AbstractContextManager[object]]
"""Makes what stands around every call to Redis, for instance to put its errors into plain words."""


class Standing(msgspec.Struct, frozen=True):
    """One row of a leaderboard; ``moved`` is ranks gained since :meth:`Leaderboard.remember`, ``None`` if new."""

    rank: int
    account: str
    score: int
    moved: int | None = None


class Leaderboard:
    """Accounts ranked by an integer score, highest first.

    Parameters
    ----------
    redis_client : redis.Redis
        A client of a server, or the embedded one.
    key : str
        Where it is kept; leaderboards with different keys know nothing of each other.
    season : str
        Part of the key: a new season starts empty and leaves the old one to be read.
    tagged : bool
        The key has a hash tag (``{...}``) of its own, by which a cluster keeps it beside other keys.
    guard : callable
        Makes the context in which Redis is called.

    Examples
    --------
    >>> from fakeredis import FakeRedis, FakeServer
    >>> board = Leaderboard(FakeRedis(server=FakeServer()), "room:7")
    >>> board.update_many({"ana": 300, "ben": 500, "cai": 300, "dee": 100})
    >>> [(row.rank, row.account) for row in board.top(4)]
    [(1, 'ben'), (2, 'ana'), (2, 'cai'), (4, 'dee')]
    >>> board.rank("cai"), board.score("cai"), round(board.percentile("cai"), 1)
    (2, 300, 66.7)
    """

    def __init__(
        self, redis_client: redis.Redis, key: str = "vtrade:leaderboard", *, season: str = "", tagged: bool = False,
        guard: Guard = nullcontext,
    ) -> None:  # fmt: skip
        self.key: Final = key
        self.season: Final = season
        self._client = redis_client
        self._tagged = tagged
        self._guard = guard
        # The braces keep all keys, also those of seasons, on one node of a cluster.
        self._root = key if tagged else f"{{{quote(_named(key, 'a leaderboard'), safe=':')}}}"
        self._keys = self._keys_of(season)
        self._scripts = {text: redis_client.register_script(text) for text in lua.SCRIPTS}

    def _keys_of(self, season: str) -> list[str]:
        name = f"{self._root}:season:{quote(_named(season, 'a season'), safe='')}" if season else self._root
        return [f"{name}:{part}" for part in ("ranking", "codes", "remembered")]

    @property
    def keys(self) -> tuple[str, str, str]:
        """The ranking, the codes and the ranks remembered, for a script that begins with ``leaderboard_lua.RANK``."""
        ranking, codes, remembered = self._keys
        return ranking, codes, remembered

    # --- changing ------------------------------------------------------------------------------------------------

    def update(self, account: str, score: int) -> None:
        """Set one score."""
        self.update_many({account: score})

    def update_many(self, scores: Mapping[str, int]) -> None:
        """Set many scores, ``STEP_ACCOUNTS`` at once: all of them or, if one is not valid, none.

        Raises
        ------
        ValueOffGrid
            If a score is not an integer of 64 bits, or an account has no name.
        """
        arguments: list[str] = []
        for account, score in scores.items():
            arguments += (_named(account, "an account on a leaderboard"), encode_score(score))
        step = 2 * STEP_ACCOUNTS
        for first in range(0, len(arguments), step):
            self._run(lua.UPDATE, *arguments[first : first + step])

    def remember(self) -> int:
        """Keep the present ranks, for ``moved`` to be told against; the number of accounts.

        The ranking is copied in one step, so that all ranks are of one moment (a server takes about a second for a
        million accounts), and read from the copy ``STEP_ACCOUNTS`` at a time. Until all are there the old ones stay.

        Raises
        ------
        Unavailable
            If the board was wiped meanwhile.
        """
        return self._copied("ranks", self._keys[2:])[1]

    def end_season(self, name: str) -> bool:
        """Copy the standings to a season of that name; ``False``, and nothing changed, if it has ended before.

        The copy is of one moment, made as :meth:`remember` makes its own; it is there in full or not at all. Read it
        with ``Leaderboard(client, key, season=name)``. The present standings stay as they are.

        Raises
        ------
        ValueOffGrid
            If the season has no name, or this board is a season itself.
        Unavailable
            If the board was wiped meanwhile.
        """
        if self.season:
            raise ValueOffGrid(f"the season {self.season!r} has none within; end one of the leaderboard {self.key!r}")
        ranking, codes, _ = self._keys_of(_named(name, "a season"))
        return self._copied("codes", [codes, ranking])[0]

    def _copied(self, what: str, targets: Sequence[str]) -> tuple[bool, int]:
        """Whether a copy's ranks or codes got to where they belong, and how many there are."""
        with self._guard():
            turn: Any = self._client.incr(f"{self._root}:turn")
            self._client.expire(f"{self._root}:turn", TEMPORARY_S)
        copy = [f"{self._root}:{part}:{int(turn)}" for part in ("copy", what)]
        size = int(self._run(lua.COPY, TEMPORARY_S, also=copy))
        for first in range(0, size, STEP_ACCOUNTS):
            self._run(lua.READ, what, first, STEP_ACCOUNTS, TEMPORARY_S, also=copy)
        done = int(self._run(lua.KEEP, size, also=[*copy, *targets]))
        if done < 0:
            raise Unavailable(f"the leaderboard {self.key!r} was wiped while it was copied; try again")
        return bool(done), size

    def remove(self, account: str) -> bool:
        """Take an account off the board; whether it was on it."""
        return bool(self._run(lua.UPDATE, _named(account, "an account on a leaderboard"), ""))

    def clear(self) -> None:
        """Take everybody off the board, and forget the ranks remembered."""
        with self._guard():
            self._client.unlink(*self._keys)

    # --- reading -------------------------------------------------------------------------------------------------

    def size(self) -> int:
        """Number of accounts."""
        with self._guard():
            found: Any = self._client.zcard(self._keys[0])
        return int(found)

    def score(self, account: str) -> int | None:
        """Score of an account, ``None`` if it is not on the board."""
        with self._guard():
            code: Any = self._client.hget(self._keys[1], account)
        return None if code is None else decode_score(_text(code))

    def rank(self, account: str) -> int | None:
        """1 plus the number of accounts with a higher score; ``None`` if it is not on the board."""
        found = self._run(lua.STANDING, account)
        return None if found is None else int(found[1]) + 1

    def percentile(self, account: str) -> float | None:
        """Share of the other accounts, in percent, that do no better.

        100 for the leader, or for an account alone on the board; 0 for one that is last on its own.
        """
        found = self._run(lua.STANDING, account)
        if found is None:
            return None
        ahead, others = int(found[1]), int(found[2]) - 1
        return 100.0 * (others - ahead) / others if others else 100.0

    def top(self, n: int = 10) -> list[Standing]:
        """The first ``n`` rows; rows of a tie beyond the ``n``-th are not shown.

        More than ``STEP_ACCOUNTS`` rows are read in so many steps, each about a moment of its own: where scores change
        meanwhile, an account can be told twice or not at all.

        Raises
        ------
        ValueOffGrid
            If ``n`` is negative.
        """
        rows: list[Standing] = []
        for first in range(0, _row_count(n, "top"), STEP_ACCOUNTS):
            step = min(STEP_ACCOUNTS, n - first)
            page = self._page(first, step)
            rows += page
            if len(page) < step:
                break
        return rows

    def around(self, account: str, n: int = 3) -> list[Standing]:
        """An account with up to ``n`` rows above and ``n`` below it; empty if it is not on the board.

        Raises
        ------
        ValueOffGrid
            If ``n`` is negative, or above half of ``STEP_ACCOUNTS``.
        """
        if n > STEP_ACCOUNTS // 2:
            raise ValueOffGrid(f"around({n}): give a number of rows up to {STEP_ACCOUNTS // 2}, or read top()")
        return self._page(0, _row_count(n, "around"), account)

    def _page(self, *arguments: str | int) -> list[Standing]:
        first, ahead, members, before = self._run(lua.PAGE, *arguments)
        rows: list[Standing] = []
        rank, last_code = int(ahead) + 1, ""
        for place, (member, earlier) in enumerate(zip(members, before, strict=True), start=int(first) + 1):
            text = _text(member)
            code, account = text[:CODE_CHARS], text[CODE_CHARS:]
            if last_code and code != last_code:
                rank = place
            last_code = code
            moved = int(earlier) - rank if int(earlier) else None
            rows.append(Standing(rank, account, decode_score(code), moved))
        return rows

    def _run(self, script: str, *arguments: str | int, also: Sequence[str] = ()) -> Any:
        with self._guard():
            return self._scripts[script](keys=[*self._keys, *also], args=arguments)


def encode_score(score: int) -> str:
    """A score as 16 hex digits that fall as the score rises.

    Examples
    --------
    >>> encode_score(0), encode_score(1) < encode_score(0) < encode_score(-1)
    ('7fffffffffffffff', True)
    """
    if isinstance(score, bool) or not isinstance(score, int):
        raise ValueOffGrid(f"score {score!r} is not an integer; give XP or money in micro-units")
    if abs(score) > INT64_MAX:
        raise ValueOffGrid(f"score {score} is beyond 64 bits; the largest is {INT64_MAX}")
    return f"{INT64_MAX - score:016x}"


def decode_score(code: str) -> int:
    """The score behind a code.

    Examples
    --------
    >>> decode_score(encode_score(-9_007_199_254_740_993))
    -9007199254740993
    """
    return INT64_MAX - int(code, 16)


def _named(name: str, what: str) -> str:
    if not name:
        raise ValueOffGrid(f"{what} needs a name; give one")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueOffGrid(f"{what} cannot be called {name!r}: that is no valid text; give another name") from None
    return name


def _row_count(n: int, what: str) -> int:
    if n < 0:
        raise ValueOffGrid(f"{what}({n}): give a number of rows from 0 on")
    return n


def _text(value: bytes | str) -> str:
    """Clients answer in bytes, or in text if they decode responses."""
    return value.decode() if isinstance(value, bytes) else value
