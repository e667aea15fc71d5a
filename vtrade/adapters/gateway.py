"""How are the bytes of a desk carried to a gateway and back? HTTP for what is asked, a WebSocket for what is streamed.

Rules: the token goes into the head of requests and nowhere else: no address, no log, no error has it. Every wait has a
bound. What a gateway refuses becomes one error of VTrade that names the gateway and the mend; being told to slow down
is obeyed within a bound. A request is sent once: whoever sends decides whether it may be sent again.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

import msgspec

from vtrade.adapters.clock import SystemClock
from vtrade.domain.stream import FRAME_MAX
from vtrade.errors import AccessDenied, DeskError, Overloaded, SettingsError, Unavailable, ValueOffGrid, VTradeError
from vtrade.ports import Clock

if TYPE_CHECKING:
    import httpx
    from websockets.sync.client import ClientConnection

CONNECT_S: Final = 10.0
"""Longest wait for a connection, with TLS."""
ANSWER_S: Final = 20.0
"""Longest wait for the answer to a question."""
QUIET_S: Final = 60.0
"""Longest wait for a frame before the stream is looked at again."""
PING_S: Final = 20.0
"""Time between two pings; a stream that does not answer one for so long is broken."""
SLOW_DOWN_MAX: Final = 3
"""Times that a gateway may tell one request to slow down."""
SLOW_DOWN_S_MAX: Final = 10.0
"""Longest such pause that is waited for."""
BODY_MAX: Final = 64_000_000
"""Bytes of the longest answer."""
WORDS_MAX: Final = 500
"""Characters of a gateway's own words that an error repeats."""
TOKEN_MAX: Final = 512
FOR_GOOD: Final = (4401, 4403, 4404, 4410)
"""Close codes after which it makes no sense to come again."""
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
"""Hosts to which no proxy leads."""


class _Problem(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Said(msgspec.Struct):
    error: _Problem = msgspec.field(default_factory=_Problem)


class _Answer(NamedTuple):
    status: int
    content: bytes
    pause_s: float


class GatewayTransport:
    """The way to one gateway.

    Parameters
    ----------
    url : str
        Where the gateway is: ``http://127.0.0.1:8000``, ``https://trade.example.org/class``. With ``https`` the
        stream is encrypted too.
    token : str
        What lets one in.
    clock : Clock, optional
        Waits, where a gateway asks for patience.

    Raises
    ------
    SettingsError
        If the address or the token can be none.

    Examples
    --------
    >>> GatewayTransport("trade.example.org", token="x")
    Traceback (most recent call last):
    vtrade.errors.SettingsError: 'trade.example.org' is no address of a gateway; write http://... or https://...
    """

    def __init__(self, url: str, *, token: str, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._base = _base_of(url)
        self._near = urlsplit(self._base).hostname in LOOPBACK
        self._token = _token_of(token)
        self._lock = threading.Lock()
        self._closed = False
        self._http: httpx.Client | None = None

    @property
    def where(self) -> str:
        """The gateway, as messages name it."""
        return self._base

    def __repr__(self) -> str:
        return f"GatewayTransport({self._base!r})"

    # --- questions and requests --------------------------------------------------------------------------------------

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> bytes:
        """Ask; a question may be asked again, so a connection that breaks is tried once more.

        Raises
        ------
        AccessDenied, DeskError, ValueOffGrid
            If the gateway refuses.
        Unavailable
            If it does not answer.
        """
        try:
            return self._send("GET", path, query=query, timeout_s=ANSWER_S)
        except Overloaded:
            raise
        except Unavailable:
            return self._send("GET", path, query=query, timeout_s=ANSWER_S)

    def post(self, path: str, body: bytes, *, timeout_s: float) -> bytes:
        """Send, once; errors as :meth:`get`. After ``Unavailable`` it may have arrived or not."""
        return self._send("POST", path, body=body, timeout_s=timeout_s)

    def _send(
        self, method: str, path: str, *, query: Mapping[str, str | int] | None = None, body: bytes | None = None,
        timeout_s: float,
    ) -> bytes:  # fmt: skip
        for _ in range(SLOW_DOWN_MAX):
            answer = self._attempt(method, path, query=query, body=body, timeout_s=timeout_s)
            if answer.status != 429 or answer.pause_s > SLOW_DOWN_S_MAX:
                break
            self._clock.sleep(answer.pause_s)
        if 200 <= answer.status < 300:
            return answer.content
        raise self._refusal(answer.status, answer.content, path)

    def _attempt(
        self, method: str, path: str, *, query: Mapping[str, str | int] | None, body: bytes | None, timeout_s: float
    ) -> _Answer:
        import httpx

        address = f"{self._base}{path}{f'?{urlencode(query)}' if query else ''}"
        headers = {"content-type": "application/json"} if body is not None else {}
        timeout = httpx.Timeout(timeout_s, connect=CONNECT_S)
        try:
            with self._client().stream(method, address, content=body, headers=headers, timeout=timeout) as response:
                parts, size = [], 0
                for part in response.iter_bytes():
                    parts.append(part)
                    size += len(part)
                    if size > BODY_MAX:
                        raise Unavailable(f"{self._base} answers with more than {BODY_MAX} bytes; is it a gateway?")
                return _Answer(response.status_code, b"".join(parts), _pause_s(response.headers.get("retry-after")))
        except httpx.TimeoutException:
            raise Unavailable(f"{self._base} did not answer within {timeout_s:g} s; try again in a moment") from None
        except httpx.HTTPError as error:
            raise self._broken(error) from None

    def _client(self) -> httpx.Client:
        import httpx

        with self._lock:
            if self._closed:
                raise DeskError("this connection was closed; vt.connect(...) makes a new one")
            if self._http is None:
                self._http = httpx.Client(
                    headers={"authorization": f"Bearer {self._token}", "accept": "application/json"},
                    follow_redirects=False,
                    trust_env=not self._near,
                )
            return self._http

    def _broken(self, error: Exception) -> Unavailable:
        """A connection that does not come about, or breaks."""
        words = self._without_token(str(error)) or type(error).__name__
        return Unavailable(
            f"{self._base} cannot be reached ({words[:WORDS_MAX]}); see that the gateway runs and the address is right"
        )

    def _without_token(self, words: str) -> str:
        return words.replace(self._token, "***") if self._token else words

    def _refusal(self, status: int, content: bytes, path: str) -> VTradeError:
        """An answer that is none, as an error."""
        said = _Said()
        with contextlib.suppress(msgspec.MsgspecError):
            said = msgspec.json.decode(content, type=_Said)
        words = self._without_token(said.error.message)[:WORDS_MAX]
        if status in (401, 403):
            return AccessDenied(words or f"{self._base} does not take this token; ask your instructor for a new one")
        if status == 404:
            return DeskError(words or f"there is nothing at {self._base}{path}; is that the address of a gateway?")
        if status == 413:
            return ValueOffGrid(words or f"that is too large for {self._base}; send less at once")
        if status in (400, 422):
            return ValueOffGrid(words or f"{self._base} cannot read that; is it a gateway of this version?")
        if status == 409:
            return DeskError(words or f"{self._base} refused that as things stand now")
        if status == 429:
            return Overloaded(words or f"{self._base} asks to slow down; wait a little")
        if status >= 500:
            return Unavailable(f"{self._base} is in trouble ({words or status}); try again in a moment")
        return DeskError(f"{self._base} answered {status}{f': {words}' if words else ''}; is it a gateway?")

    # --- streams -----------------------------------------------------------------------------------------------------

    def stream(self, path: str, query: Mapping[str, str | int]) -> GatewayFrames:
        """Listen.

        Raises
        ------
        AccessDenied
            If the gateway does not let this token in.
        Unavailable
            If it does not answer.
        """
        from websockets.exceptions import InvalidStatus, WebSocketException
        from websockets.sync.client import connect

        if self._closed:
            raise DeskError("this connection was closed; vt.connect(...) makes a new one")
        scheme, rest = self._base.split("://", 1)
        address = f"{'wss' if scheme == 'https' else 'ws'}://{rest}{path}{f'?{urlencode(query)}' if query else ''}"
        try:
            held = connect(
                address, additional_headers={"authorization": f"Bearer {self._token}"}, open_timeout=CONNECT_S,
                compression=None,
                ping_interval=PING_S, ping_timeout=PING_S, close_timeout=2, max_size=FRAME_MAX, max_queue=64,
                user_agent_header="vtrade", logger=_silent(), proxy=None if self._near else True,
            )  # fmt: skip
            socket = held.__enter__()  # closed by whoever listens
        except InvalidStatus as error:
            raise self._refusal(error.response.status_code, bytes(error.response.body or b""), path) from None
        except TimeoutError:
            raise Unavailable(f"{self._base} did not answer within {CONNECT_S:g} s; try again in a moment") from None
        except (OSError, WebSocketException) as error:
            raise self._broken(error) from None
        return GatewayFrames(socket, self._base, self._broken)

    def close(self) -> None:
        """Let go of the connections; streams are closed by whoever listens."""
        with self._lock:
            self._closed = True
            client, self._http = self._http, None
        if client is not None:
            client.close()


class GatewayFrames:
    """A stream that is open; made by :meth:`GatewayTransport.stream`."""

    def __init__(self, socket: ClientConnection, where: str, broken: Callable[[Exception], Unavailable]) -> None:
        self._socket = socket
        self._where = where
        self._broken = broken
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        """Frames as they come.

        Raises
        ------
        AccessDenied
            If the gateway ends it because of the token.
        Unavailable
            If it breaks, or is silent for too long.
        """
        from websockets.exceptions import ConnectionClosed

        while not self._closed:
            try:
                frame = self._socket.recv(timeout=QUIET_S)
            except TimeoutError:
                continue  # there is nothing new; whoever does not answer pings is let go of elsewhere
            except ConnectionClosed as error:
                if self._closed:
                    return
                code = error.rcvd.code if error.rcvd is not None else 1006
                said = error.rcvd.reason if error.rcvd is not None else ""
                why = said[:WORDS_MAX] or f"{self._where} ended the stream ({code})"
                if code in FOR_GOOD:
                    raise AccessDenied(why) from None
                raise Unavailable(why) from None
            except (OSError, EOFError) as error:
                raise self._broken(error) from None
            if isinstance(frame, str):
                raise Unavailable(f"{self._where} streams text where frames were expected; is it a gateway?")
            yield frame

    def close(self) -> None:
        """End it, from any thread."""
        self._closed = True
        with contextlib.suppress(Exception):  # whatever is left of it
            self._socket.close()


def _base_of(url: str) -> str:
    """An address without what does not belong to it."""
    try:
        parts = urlsplit(url.strip())
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except (AttributeError, ValueError):
        good = False
    if not good:
        raise SettingsError(f"{url!r} is no address of a gateway; write http://... or https://...")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError(
            f"the address of the gateway at {parts.hostname} has more than an address in it (a name, a password, a "
            "question mark); the token goes into token=..."
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _token_of(token: str) -> str:
    """A token as it can stand in the head of a request; errors do not repeat it."""
    text = token.strip() if isinstance(token, str) else ""
    if not text or len(text) > TOKEN_MAX or not text.isascii() or not text.isprintable() or " " in text:
        raise SettingsError("the token is empty or no token; paste it whole, as the instructor handed it out")
    return text


def _pause_s(value: str | None) -> float:
    """How long a gateway asks to wait, in seconds."""
    try:
        return max(0.0, float(value or "1"))
    except ValueError:
        return 1.0


def _silent() -> Any:
    """A logger that drops everything: heads of requests, with the token, would be in it."""
    import logging

    logger = logging.getLogger("vtrade.adapters.gateway.wire")
    logger.propagate = False
    logger.disabled = True
    return logger
