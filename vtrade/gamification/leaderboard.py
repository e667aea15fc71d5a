"""Who leads, by how much, and exactly how many are ahead of me?

Rules: only redis-py calls, so a Redis server and the embedded stand-in behave alike. Scores are integers (XP, or
money in micro-units) from ``-(2**63 - 1)`` to ``2**63 - 1``, exact. Equal scores share a rank and the next rank is
skipped (1, 2, 2, 4); inside a tie accounts stand in the order of their names. Every call is one command or one script,
so each change is done in full or not at all, and each answer is about one moment.

Why the score is not the sorted set's score: that is a double, exact only up to 2**53, and packing a tie-break into it
leaves far less. Here every member has score 0 and begins with a code of 16 hex digits that falls as the score rises
(``2**63 - 1 - score``), followed by the account. Redis keeps members with equal scores in byte order, so a range by
position reads best first, a count by lexical range is the number of accounts ahead, and both take O(log N). A hash
beside it holds each account's code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vtrade.domain.values import INT64_MAX
from vtrade.errors import ValueOffGrid

if TYPE_CHECKING:
    import redis

CODE_CHARS: Final = 16
"""Hex digits of a code; a member is its code and then the account."""

# KEYS: the ranking, the codes, the ranks remembered.
_UPDATE = """
for first = 1, #ARGV, 2000 do
  local last = math.min(first + 1999, #ARGV)
  local accounts = {}
  for i = first, last, 2 do accounts[#accounts + 1] = ARGV[i] end
  local old = redis.call('HMGET', KEYS[2], unpack(accounts))
  local gone, added, codes = {}, {}, {}
  for k = 1, #accounts do
    local account, code = accounts[k], ARGV[first + 2 * k - 1]
    if old[k] ~= code then
      if old[k] then gone[#gone + 1] = old[k] .. account end
      added[#added + 1] = '0'
      added[#added + 1] = code .. account
      codes[#codes + 1] = account
      codes[#codes + 1] = code
    end
  end
  if #gone > 0 then redis.call('ZREM', KEYS[1], unpack(gone)) end
  if #added > 0 then
    redis.call('ZADD', KEYS[1], unpack(added))
    redis.call('HSET', KEYS[2], unpack(codes))
  end
end
return 0
"""

_STANDING = """
local code = redis.call('HGET', KEYS[2], ARGV[1])
if not code then return false end
return {code, redis.call('ZLEXCOUNT', KEYS[1], '-', '(' .. code), redis.call('ZCARD', KEYS[1])}
"""

# ARGV: first position and number of rows; or with an account as well, rows around it.
_PAGE = """
local first, last = tonumber(ARGV[1]), tonumber(ARGV[1]) + tonumber(ARGV[2]) - 1
if ARGV[3] then
  local code = redis.call('HGET', KEYS[2], ARGV[3])
  if not code then return {0, 0, {}, {}} end
  local place = redis.call('ZRANK', KEYS[1], code .. ARGV[3])
  first, last = math.max(0, place - tonumber(ARGV[2])), place + tonumber(ARGV[2])
end
if last < first then return {0, 0, {}, {}} end
local rows = redis.call('ZRANGE', KEYS[1], string.format('%d', first), string.format('%d', last))
local ahead, before = 0, {}
if #rows > 0 then ahead = redis.call('ZLEXCOUNT', KEYS[1], '-', '(' .. string.sub(rows[1], 1, 16)) end
for from = 1, #rows, 1000 do
  local accounts = {}
  for k = from, math.min(from + 999, #rows) do accounts[#accounts + 1] = string.sub(rows[k], 17) end
  local ranks = redis.call('HMGET', KEYS[3], unpack(accounts))
  for k = 1, #accounts do before[#before + 1] = ranks[k] or '0' end
end
return {first, ahead, rows, before}
"""

_REMEMBER = """
redis.call('DEL', KEYS[3])
local rows = redis.call('ZRANGE', KEYS[1], '0', '-1')
local rank, code = 0, ''
for k = 1, #rows do
  local this = string.sub(rows[k], 1, 16)
  if this ~= code then rank, code = k, this end
  redis.call('HSET', KEYS[3], string.sub(rows[k], 17), string.format('%d', rank))
end
return #rows
"""

_REMOVE = """
local code = redis.call('HGET', KEYS[2], ARGV[1])
if not code then return 0 end
redis.call('ZREM', KEYS[1], code .. ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
return 1
"""


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

    def __init__(self, redis_client: redis.Redis, key: str = "vtrade:leaderboard", *, season: str = "") -> None:
        name = f"{key}:{season}" if season else key
        self.key: Final = name
        # The braces keep the three keys on one node of a cluster.
        self._keys = [f"{{{name}}}:ranking", f"{{{name}}}:codes", f"{{{name}}}:remembered"]
        self._client = redis_client
        self._scripts = {
            text: redis_client.register_script(text) for text in (_UPDATE, _STANDING, _PAGE, _REMEMBER, _REMOVE)
        }

    # --- changing ------------------------------------------------------------------------------------------------

    def update(self, account: str, score: int) -> None:
        """Set one score."""
        self.update_many({account: score})

    def update_many(self, scores: Mapping[str, int]) -> None:
        """Set many scores at once: all of them or, if one is not valid, none.

        Raises
        ------
        ValueOffGrid
            If a score is not an integer of 64 bits, or an account has no name.
        """
        arguments: list[str] = []
        for account, score in scores.items():
            arguments += (_checked(account), encode_score(score))
        if arguments:
            self._run(_UPDATE, *arguments)

    def remember(self) -> int:
        """Keep the present ranks, for ``moved`` to be told against; the number of accounts."""
        return int(self._run(_REMEMBER))

    def remove(self, account: str) -> bool:
        """Take an account off the board; whether it was on it."""
        return bool(self._run(_REMOVE, account))

    def clear(self) -> None:
        """Take everybody off the board, and forget the ranks remembered."""
        self._client.delete(*self._keys)

    # --- reading -------------------------------------------------------------------------------------------------

    def size(self) -> int:
        """Number of accounts."""
        return int(self._client.zcard(self._keys[0]))

    def score(self, account: str) -> int | None:
        """Score of an account, ``None`` if it is not on the board."""
        code: Any = self._client.hget(self._keys[1], account)
        return None if code is None else decode_score(_text(code))

    def rank(self, account: str) -> int | None:
        """1 plus the number of accounts with a higher score; ``None`` if it is not on the board."""
        found = self._run(_STANDING, account)
        return None if found is None else int(found[1]) + 1

    def percentile(self, account: str) -> float | None:
        """Share of the other accounts, in percent, that do no better.

        100 for the leader, or for an account alone on the board; 0 for one that is last on its own.
        """
        found = self._run(_STANDING, account)
        if found is None:
            return None
        ahead, others = int(found[1]), int(found[2]) - 1
        return 100.0 * (others - ahead) / others if others else 100.0

    def top(self, n: int = 10) -> list[Standing]:
        """The first ``n`` rows; rows of a tie beyond the ``n``-th are not shown.

        Raises
        ------
        ValueOffGrid
            If ``n`` is negative.
        """
        return self._page(0, _row_count(n, "top"))

    def around(self, account: str, n: int = 3) -> list[Standing]:
        """An account with up to ``n`` rows above and ``n`` below it; empty if it is not on the board.

        Raises
        ------
        ValueOffGrid
            If ``n`` is negative.
        """
        return self._page(0, _row_count(n, "around"), account)

    def _page(self, *arguments: str | int) -> list[Standing]:
        first, ahead, members, before = self._run(_PAGE, *arguments)
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

    def _run(self, script: str, *arguments: str | int) -> Any:
        return self._scripts[script](keys=self._keys, args=arguments)


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


def _checked(account: str) -> str:
    if not account:
        raise ValueOffGrid("an account on a leaderboard needs a name; give one")
    return account


def _row_count(n: int, what: str) -> int:
    if n < 0:
        raise ValueOffGrid(f"{what}({n}): give a number of rows from 0 on")
    return n


def _text(value: bytes | str) -> str:
    """Clients answer in bytes, or in text if they decode responses."""
    return value.decode() if isinstance(value, bytes) else value
