"""Where is Redis: inside this process, or on a server?

Rules: both give a redis-py client, so nothing above knows the difference; every wait has a limit; an error names the
server without its password.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vtrade.errors import VTradeError

if TYPE_CHECKING:
    import redis

TIMEOUT_S: Final = 2.0
"""Longest wait for a connection or for one answer."""
RETRIES_MAX: Final = 1
"""A call is tried again this often when the connection broke."""


class RedisUnavailable(VTradeError):
    """No Redis answers at the address given."""


def embedded_redis() -> redis.Redis:
    """A Redis of its own inside this process; it ends with the process, and no other call sees its keys.

    Examples
    --------
    >>> client = embedded_redis()
    >>> client.set("greeting", "hello"), client.get("greeting"), embedded_redis().get("greeting")
    (True, b'hello', None)
    """
    import fakeredis

    client: redis.Redis = fakeredis.FakeRedis(server=fakeredis.FakeServer())
    return client


def connect_redis(url: str, *, timeout_s: float = TIMEOUT_S) -> redis.Redis:
    """A client of the Redis server at ``url``, after it has answered.

    Parameters
    ----------
    url : str
        ``redis://[user:password@]host:port/db``; ``rediss://`` for TLS, ``unix://`` for a socket.
    timeout_s : float
        Longest wait for a connection, and for one answer.

    Raises
    ------
    RedisUnavailable
        If the address makes no sense, or nothing that is a Redis and lets us in answers there.
    """
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    try:
        client = redis.Redis.from_url(
            url,
            socket_connect_timeout=timeout_s,
            socket_timeout=timeout_s,
            retry=Retry(NoBackoff(), RETRIES_MAX),
        )
    except ValueError as error:
        raise RedisUnavailable(
            f"{shown_url(url)} is no address of a Redis ({error}); give one such as redis://localhost:6379/0"
        ) from None
    try:
        client.ping()
    except redis.exceptions.AuthenticationError as error:
        client.close()
        raise RedisUnavailable(
            f"the Redis at {shown_url(url)} does not let us in ({error}); put user and password into the address"
        ) from None
    except (redis.exceptions.RedisError, OSError) as error:
        client.close()
        raise RedisUnavailable(
            f"no Redis answers at {shown_url(url)} within {timeout_s:g} s ({error}); start it, mend the address, "
            "or work embedded, without a server"
        ) from None
    return client


def shown_url(url: str) -> str:
    """An address that may be shown: without user and password.

    Examples
    --------
    >>> shown_url("redis://ana:secret@localhost:6379/0")
    'redis://localhost:6379/0'
    """
    scheme, _, rest = url.rpartition("://")
    address = rest.partition("?")[0].rpartition("@")[2] or "(nothing)"
    return f"{scheme}://{address}" if scheme else address
