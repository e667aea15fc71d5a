"""How does a gateway hear, without asking, that a student's view has changed?

Rules: a subscription is one connection and one thread of its own. Notices wait in a queue of ``QUEUE_MAX``: a slow
reader loses the oldest, never memory, and is told so by a gap. A lost connection is made again for as long as the
subscription is open, and that too is told as a gap, for nobody knows what was said meanwhile. A notice carries no data
but numbers: whoever hears one reads the view.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from vtrade.adapters import hot_keys as name
from vtrade.adapters.hot_port import News, Notice
from vtrade.adapters.redis import TIMEOUT_S, RedisUnavailable, plainly, shown_client

if TYPE_CHECKING:
    import redis

QUEUE_MAX: Final = 10_000
"""Notices that wait for a reader."""
OPEN_S: Final = 2 * TIMEOUT_S
"""Longest wait until Redis confirms a new subscription."""
POLL_S: Final = 0.25
"""Longest time in which a subscription notices that it was closed."""
CLOSE_S: Final = 4 * TIMEOUT_S
"""Longest wait for the thread when closing."""
PAUSE_FIRST_S: Final = 0.1
"""Pause after a lost connection; each further try doubles it."""
PAUSE_MOST_S: Final = 2.0
"""Longest such pause."""


def subscribe(
    client: redis.Redis, room: str, account: str | None = None, *, projections: Iterable[str] = tuple(name.BOARDS),
    queue_max: int = QUEUE_MAX, wake: Callable[[], None] | None = None,
) -> Subscription:  # fmt: skip
    """Hear of a room, or of one account in it; from when this returns, nothing is missed unsaid.

    Parameters
    ----------
    client : redis.Redis
        Gives the connection; others may use it as well.
    room : str
    account : str, optional
        Only notices of this account; by default one for each write, which names the accounts.
    projections : iterable of str
    queue_max : int
        Notices that wait for a reader.
    wake : callable, optional
        Called from the subscription's thread whenever a notice has come; it must return at once.

    Raises
    ------
    RedisUnavailable, RedisRefused
        If Redis does not confirm within ``OPEN_S``.
    """
    channels: dict[bytes, tuple[str, str | None]] = {}
    for projection in projections:
        root = name.projection_root(room, projection)
        channels[name.channel_of_all(root).encode()] = projection, None
        if account is None:
            channels[name.channel_of_room(root).encode()] = projection, None
        else:
            one = name.channel_of_account(root, name.named(account, "an account"))
            channels[one.encode()] = projection, account
    return Subscription(client, room, channels, queue_max=queue_max, wake=wake)


class Subscription:
    """Notices as they come; made by :func:`subscribe`. Any thread may call it.

    Examples
    --------
    >>> from vtrade.adapters.hot import HotState
    >>> from vtrade.adapters.redis import embedded_redis
    >>> client = embedded_redis()
    >>> with subscribe(client, "class 7", "ana") as notices:
    ...     _ = HotState(client, "class 7", "portfolio").replace_all(5, [("ana", b"{}", {})], epoch=1)
    ...     notices.get(2.0).news.value
    'replaced'
    """

    def __init__(
        self, client: redis.Redis, room: str, channels: dict[bytes, tuple[str, str | None]], *,
        queue_max: int = QUEUE_MAX, wake: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self.room: Final = room
        self.trouble = ""
        """Why nothing comes just now, in a sentence; empty while all is well."""
        self._client = client
        self._channels = channels
        self._wake = wake
        self._queue: deque[Notice] = deque(maxlen=queue_max)
        self._lost = 0
        self._gap = False
        self._opened = False
        self._failure: Exception | None = None
        self._state = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"notices of {room}", daemon=True)
        self._thread.start()
        with self._state:
            self._state.wait_for(lambda: self._opened or self._failure is not None, OPEN_S)
            opened, failure = self._opened, self._failure
        if not opened:
            self.close()
            raise failure or RedisUnavailable(
                f"the Redis at {shown_client(client)} does not confirm a subscription to room {room!r} within "
                f"{OPEN_S:g} s; try again"
            )

    def get(self, timeout_s: float) -> Notice | None:
        """The next notice, the oldest first but a gap before all; ``None`` if none comes within ``timeout_s``.

        Raises
        ------
        RedisUnavailable
            If the subscription is closed.
        """
        with self._state:
            self._state.wait_for(lambda: self._queue or self._gap or self._closing.is_set(), timeout_s)
            if self._closing.is_set():
                raise RedisUnavailable(f"the subscription to room {self.room!r} is closed; subscribe again")
            if self._gap:
                lost, self._lost, self._gap = self._lost, 0, False
                return Notice(News.GAP, lost=lost)
            return self._queue.popleft() if self._queue else None

    def close(self) -> None:
        """Hear no more; whoever waits in :meth:`get` is told."""
        self._closing.set()
        with self._state:
            self._state.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(CLOSE_S)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        pause_s = PAUSE_FIRST_S
        while not self._closing.is_set():
            try:
                with plainly(self._client, f"listening to room {self.room!r}"):
                    self._listen()
            except Exception as error:  # whatever it is, a thread that ended without a word would be worse
                pause_s = PAUSE_FIRST_S if not self.trouble else min(2 * pause_s, PAUSE_MOST_S)
                self.trouble = str(error)
                if not self._opened:
                    with self._state:
                        self._failure = error
                        self._state.notify_all()
                    return
                self._closing.wait(pause_s)

    def _listen(self) -> None:
        client: Any = self._client
        pubsub = client.pubsub()
        try:
            pubsub.subscribe(*self._channels)
            confirmed = 0
            while not self._closing.is_set():
                message = pubsub.get_message(timeout=POLL_S)
                if message is None:
                    continue
                if message["type"] == "subscribe":
                    # The client reconnects by itself too, and then confirms every channel once more.
                    confirmed += 1
                    if confirmed >= len(self._channels):
                        self._ready(first=not self._opened)
                elif message["type"] == "message":
                    self._take(message["channel"], message["data"])
        finally:
            pubsub.close()

    def _ready(self, *, first: bool) -> None:
        with self._state:
            self._opened = True
            self._gap = not first
            self.trouble = ""
            self._state.notify_all()
        if not first:
            self._call()

    def _take(self, channel: bytes, data: bytes) -> None:
        projection, account = self._channels[channel]
        try:
            notice = name.read_notice(projection, account, data)
        except ValueError:  # msgspec's errors are of this kind too
            return  # not ours: somebody tries his luck on our channel
        with self._state:
            if len(self._queue) == self._queue.maxlen:
                self._lost += 1
                self._gap = True
            self._queue.append(notice)
            self._state.notify()
        self._call()

    def _call(self) -> None:
        if self._wake is not None:
            with contextlib.suppress(Exception):  # the listener's own trouble, not ours
                self._wake()
