"""What are the keys and channels of a room in Redis called?

Rules: a room's name is free text, so it is escaped: no two names share a key, none reaches into another's, and the
braces around it (a hash tag) keep all keys of a room on one node of a cluster. An account's name is a field of a hash,
or the very end of a channel, and stands as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from vtrade.adapters.hot_port import News, Notice
from vtrade.adapters.redis import plainly
from vtrade.errors import ValueOffGrid

if TYPE_CHECKING:
    import redis

BOARDS: Final[dict[str, tuple[str, ...]]] = {"portfolio": ("nav",), "gamification": ("xp",)}
"""Leaderboards of each projection."""
NAME_BYTES_MAX: Final = 1_024
"""Longest name of a room or an account, in bytes of UTF-8."""
SCAN_STEP: Final = 1_000
"""Keys that one step of a search through the server looks at."""


def named(name: str, what: str) -> str:
    """A name, if it can be one.

    Raises
    ------
    ValueOffGrid
        If it is empty, too long or no valid text.
    """
    if not isinstance(name, str) or not name:
        raise ValueOffGrid(f"{what} needs a name, not {name!r}; give a text")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise ValueOffGrid(f"{what} cannot be called {name!r}: that is no valid text; give another name") from None
    if size > NAME_BYTES_MAX:
        raise ValueOffGrid(f"the name of {what} has {size} bytes, at most {NAME_BYTES_MAX} fit: {name[:40]!r}...")
    return name


def room_root(room: str) -> str:
    """What all keys and channels of a room begin with.

    Examples
    --------
    >>> room_root("Class 7"), room_root("a}:b{")
    ('vtrade:{Class%207}', 'vtrade:{a%7D%3Ab%7B}')
    """
    return f"vtrade:{{{quote(named(room, 'a room'), safe='')}}}"


def projection_root(room: str, projection: str) -> str:
    """What all keys and channels of one projection of a room begin with.

    Raises
    ------
    ValueOffGrid
        If there is no such projection.
    """
    if projection not in BOARDS:
        raise ValueOffGrid(f"there is no projection {projection!r}; choose one of {', '.join(BOARDS)}")
    return f"{room_root(room)}:{projection}"


def board_key(root: str, by: str) -> str:
    """Key of a leaderboard of the projection whose keys begin with ``root``."""
    return f"{root}:board:{by}"


def channel_of_account(root: str, account: str = "") -> str:
    """Channel on which an account's notices come; without one, what these channels begin with."""
    return f"{root}:news:account:{account}"


def channel_of_room(root: str) -> str:
    """Channel on which one notice comes for each write."""
    return f"{root}:news:room"


def channel_of_all(root: str) -> str:
    """Channel that everybody hears who watches the room or an account of it."""
    return f"{root}:news:all"


def read_notice(projection: str, account: str | None, data: bytes) -> Notice:
    """The notice that a message carries.

    Parameters
    ----------
    projection : str
    account : str or None
        Of the channel it came on.
    data : bytes
        ``seq previous``, and for a room then JSON: accounts, ``null`` for too many, or a word.

    Raises
    ------
    ValueError
        If it is none of ours.

    Examples
    --------
    >>> read_notice("portfolio", None, b'12 7 ["ana"]').accounts, read_notice("portfolio", "ana", b"12 7").previous
    (('ana',), 7)
    """
    seq, previous, *rest = data.split(b" ", 2)
    if not rest:
        return Notice(News.CHANGED, projection, account, int(seq), int(previous))
    who = msgspec.json.decode(rest[0], type=tuple[str, ...] | str | None)
    if isinstance(who, str):
        return Notice(News(who), projection, account, int(seq), int(previous))
    return Notice(News.CHANGED, projection, account, int(seq), int(previous), who)


def forget(client: redis.Redis, room: str) -> int:
    """Remove everything of a room, ended seasons too, and tell those who watch; the number of keys removed.

    The server is searched ``SCAN_STEP`` keys at a time, so it answers others meanwhile. A worker that still has the
    room would write it again: stop it first.

    Raises
    ------
    RedisUnavailable, RedisRefused
        Call it again then: what was removed stays removed.
    """
    removed = 0
    with plainly(client, f"forgetting room {room!r}"):
        found: list[Any] = []
        for key in client.scan_iter(match=f"{room_root(room)}:*", count=SCAN_STEP):
            found.append(key)
            if len(found) == SCAN_STEP:
                removed += int(client.unlink(*found))
                found.clear()
        if found:
            removed += int(client.unlink(*found))
        for projection in BOARDS:
            client.publish(channel_of_all(projection_root(room, projection)), f'0 0 "{News.FORGOTTEN}"')
    return removed
