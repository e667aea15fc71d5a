"""Where is Redis: inside this process, or on a server? And what does it mean when it says no?

Rules: both give a redis-py client, so nothing above knows the difference; every wait, retry and pool has a limit; an
error names the server without its password, and the mend. ``RedisUnavailable``: trying again may help.
``RedisRefused``: it will not, somebody has to change something first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from vtrade.adapters.clock import SystemClock
from vtrade.errors import Unavailable, VTradeError

if TYPE_CHECKING:
    import redis

    from vtrade.ports import Clock

SETTING: Final = "VTRADE_REDIS"
"""Environment variable that holds the address."""
VERSION_MIN: Final = (7, 0)
"""Oldest Redis whose scripts do what ours rely on: replicated by effect, and all or nothing when memory runs out."""
TIMEOUT_S: Final = 2.0
"""Longest wait for a connection or for one answer."""
RETRIES_MAX: Final = 1
"""A call is tried again this often when the connection broke; so is making a connection."""
RETRY_S: Final = 0.1
"""Pause before that."""
WAIT_FIRST_S: Final = 0.1
"""Pause after the first failed try of a connection that waits; each further one doubles it."""
WAIT_MOST_S: Final = 2.0
"""Longest pause between two such tries."""
HEALTH_S: Final = 15.0
"""A connection idle for so long is tried before it is used."""
CONNECTIONS_MAX: Final = 256
"""Most connections of one client."""

OnWait = Callable[[str, float], None]
"""Hears why Redis cannot be had yet, and in how many seconds it is tried again."""

_START: Final = f"start one with `vtrade stack up --local`, or name another one in {SETTING}"
_BUSY: Final = ("LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN")
_EMBEDDED: Final = "or work embedded, without a server"
_AGAIN: Final = f"nothing is half done: do it again once it is back; {_START}"


class RedisUnavailable(Unavailable):
    """No Redis answers at the address given, or not now."""


class RedisRefused(VTradeError):
    """Redis answers, and will not do what was asked until somebody mends what the message says."""


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


def connect_redis(
    url: str, *, timeout_s: float = TIMEOUT_S, wait_s: float = 0.0, on_wait: OnWait | None = None,
    username: str = "", password: str = "", ca_path: str | Path | None = None, clock: Clock | None = None,
) -> redis.Redis:  # fmt: skip
    """A client of the Redis server at ``url``, after it has answered.

    Parameters
    ----------
    url : str
        ``redis://[user:password@]host:port/db``; ``rediss://`` for TLS, ``unix://`` for a socket.
    timeout_s : float
        Longest wait for a connection, and for one answer.
    wait_s : float
        Try again for so long if nothing answers yet; 0 tries once.
    on_wait : callable, optional
        Called before each pause with the reason and the seconds.
    username, password : str
        Used where the address holds none.
    ca_path : path, optional
        File with the certificate of the authority behind a ``rediss://`` server; else the system's authorities count.
    clock : Clock, optional

    Raises
    ------
    RedisUnavailable
        If nothing that is a Redis answers there, also not within ``wait_s``.
    RedisRefused
        If the address makes no sense, or the server does not let us in, is too old or has a certificate that we do
        not trust: waiting would not help.
    """
    from redis.backoff import ConstantBackoff
    from redis.retry import Retry

    clock = clock or SystemClock()
    shown = shown_url(url)
    until_ns = clock.monotonic_ns() + int(wait_s * 1e9)
    pause_s = WAIT_FIRST_S
    while True:
        client = _client(url, timeout_s, username, password, ca_path)
        try:
            with plainly(client, "connecting", place=f"{shown} within {timeout_s:g} s", mend=f"{_START}, {_EMBEDDED}"):
                client.ping()
                _check_version(client, shown)
            client.set_retry(Retry(ConstantBackoff(RETRY_S), RETRIES_MAX))
            return client
        except RedisUnavailable as error:
            client.close()
            left_s = (until_ns - clock.monotonic_ns()) / 1e9
            if left_s <= 0:
                waited = f" (waited {wait_s:g} s)" if wait_s else ""
                raise RedisUnavailable(f"{error}{waited}") from None
            pause_s = min(pause_s, left_s)
            if on_wait is not None:
                on_wait(str(error), pause_s)
            clock.sleep(pause_s)
            pause_s = min(2 * pause_s, WAIT_MOST_S)
        except RedisRefused:
            client.close()
            raise


def _client(url: str, timeout_s: float, username: str, password: str, ca_path: str | Path | None) -> redis.Redis:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    options: dict[str, Any] = {name: text for name, text in (("username", username), ("password", password)) if text}
    if ca_path is not None:
        if not url.startswith("rediss://"):
            raise RedisRefused(f"{shown_url(url)} is without TLS, so no certificate is checked; give rediss://...")
        if not Path(ca_path).is_file():
            raise RedisRefused(f"there is no certificate {ca_path}; give the file of the authority behind the server")
        options["ssl_ca_certs"] = str(ca_path)
    try:
        if url.startswith("redis") and not urlsplit(url).hostname:
            raise ValueError("no host")
        return redis.Redis.from_url(
            url,
            socket_connect_timeout=timeout_s,
            socket_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=HEALTH_S,
            max_connections=CONNECTIONS_MAX,
            **options,
        )
    except (ValueError, TypeError) as error:
        raise RedisRefused(
            f"{shown_url(url)} is no address of a Redis ({error}); give one such as redis://localhost:6379/0, "
            f"for instance in {SETTING}"
        ) from None


def _check_version(client: redis.Redis, shown: str) -> None:
    from redis.exceptions import NoPermissionError, ResponseError

    try:
        said: Any = client.info("server")
    except (NoPermissionError, ResponseError):
        return  # who may not ask finds out by trying
    found = str(said.get("redis_version", ""))
    parts = [int(part) for part in found.split(".")[:2] if part.isdigit()]
    if parts and tuple(parts) < VERSION_MIN:
        wanted = ".".join(map(str, VERSION_MIN))
        raise RedisRefused(f"the Redis at {shown} is version {found}, VTrade needs {wanted} or newer; {_START}")


@contextmanager
def plainly(
    client: redis.Redis, doing: str, *, place: str = "", keys: Mapping[str, str] | None = None, mend: str = _AGAIN
) -> Iterator[None]:
    """Put what redis-py raises inside into one clear error.

    Parameters
    ----------
    client : redis.Redis
    doing : str
        What for, as it should stand in the message.
    place : str
        The server, as it should be shown; by default what the client knows.
    keys : mapping of str to str, optional
        Keys in use and the type of each, to name the one that holds something else.
    mend : str
        What to do where nothing answers.

    Raises
    ------
    RedisUnavailable, RedisRefused
    """
    from redis.exceptions import RedisError

    try:
        yield
    except (RedisError, OSError) as error:
        raise _plain(error, client, doing, place or shown_client(client), keys or {}, mend) from error


def _plain(
    error: Exception, client: redis.Redis, doing: str, place: str, keys: Mapping[str, str], mend: str
) -> VTradeError:
    from redis import exceptions as given

    text = str(error)
    word = text.partition(" ")[0]
    if isinstance(error, given.AuthenticationError) or word in ("NOAUTH", "WRONGPASS"):
        return RedisRefused(
            f"the Redis at {place} does not let us in ({text}); put user and password into the address, {SETTING}"
        )
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return RedisRefused(
            f"the Redis at {place} shows a certificate that we do not trust ({text}); name the file of its authority, "
            "for instance with ?ssl_ca_certs=FILE behind the address"
        )
    if isinstance(error, given.NoPermissionError) or word == "NOPERM":
        return RedisRefused(
            f"the Redis at {place} does not allow {doing} ({text}); give its user the keys and channels vtrade:* "
            "and all commands on them"
        )
    if isinstance(error, given.ReadOnlyError) or word == "READONLY":
        return RedisRefused(
            f"the Redis at {place} is a read-only replica: {doing} failed; name its primary in {SETTING}"
        )
    if isinstance(error, given.OutOfMemoryError) or word == "OOM":
        return RedisRefused(
            f"the Redis at {place} is full: {doing} failed, and nothing was changed; raise its maxmemory, or forget "
            "rooms that are over"
        )
    if word == "WRONGTYPE":
        named = next((f"{key} is no {kind}" for key, kind in keys.items() if _differs(client, key, kind)), "a key")
        return RedisRefused(
            f"{doing} failed at {place}: somebody put something else where VTrade keeps a room ({named}); remove it, "
            "or rebuild the room"
        )
    if word == "MISCONF":
        return RedisRefused(f"the Redis at {place} cannot save its data and takes no more: {doing} failed ({text})")
    if word in _BUSY or isinstance(error, _busy_kinds()):
        return RedisUnavailable(f"the Redis at {place} is busy: {doing} failed ({text}); {mend}")
    if isinstance(error, given.MaxConnectionsError):
        return RedisUnavailable(
            f"all {CONNECTIONS_MAX} connections to the Redis at {place} are in use: {doing} failed; {mend}"
        )
    if isinstance(error, given.ConnectionError | given.TimeoutError | OSError):
        return RedisUnavailable(f"no Redis answers at {place}: {doing} failed ({text}); {mend}")
    return RedisRefused(f"the Redis at {place} refused {doing}: {text}")


def _busy_kinds() -> tuple[type[Exception], ...]:
    from redis import exceptions as given

    return given.BusyLoadingError, given.MasterDownError, given.ClusterDownError, given.TryAgainError


def _differs(client: redis.Redis, key: str, kind: str) -> bool:
    from redis.exceptions import RedisError

    try:
        found: Any = client.type(key)
    except (RedisError, OSError):
        return False
    text = found.decode() if isinstance(found, bytes) else found
    return text not in (kind, "none")


def shown_client(client: redis.Redis) -> str:
    """Where a client's server is, as it may be shown.

    Examples
    --------
    >>> shown_client(embedded_redis())
    'the embedded one'
    """
    pool: Any = getattr(client, "connection_pool", None)
    where = getattr(pool, "connection_kwargs", {})
    if "server" in where:
        return "the embedded one"
    if "path" in where:
        return f"unix://{where['path']}"
    return f"{where.get('host', '(a cluster)')}:{where.get('port', '')}/{where.get('db', 0)}"


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
