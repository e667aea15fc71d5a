"""What does every request pass before it reaches a route, and every answer before it leaves?

Rules: the host must be one of ours; a page of another origin gets nothing unless it is named; bodies, heads, and the
time all of it takes are bounded; whatever goes wrong leaves as a sentence, never as a traceback. Written on the bare
ASGI messages, because every order passes here.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vtrade.gateway.config import GatewayConfig
from vtrade.gateway.metrics import Metrics
from vtrade.gateway.problems import TooLarge, answer_of, problem

SAFE: Final[list[tuple[bytes, bytes]]] = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
]
"""Headers of every answer."""
METHODS: Final = b"GET, POST, PATCH, DELETE"
_log = logging.getLogger("vtrade.gateway")


class Guard:
    """Stands around an application.

    Parameters
    ----------
    app : ASGI application
    config : GatewayConfig
    metrics : Metrics
    prefix : str
        Beginning of every path, where a proxy leaves it there (``/services/vtrade`` of a JupyterHub).
    tls : bool
        Whether browsers should insist on TLS from now on.
    """

    def __init__(
        self, app: ASGIApp, config: GatewayConfig, metrics: Metrics, *, prefix: str = "", tls: bool = False
    ) -> None:
        self.app = app
        self._config = config
        self._metrics = metrics
        self._prefix = prefix.rstrip("/")
        self._hosts = frozenset(host.lower() for host in config.hosts)
        self._origins = frozenset(origin.encode() for origin in config.origins)
        self._headers = [*SAFE, (b"strict-transport-security", b"max-age=31536000")] if tls else SAFE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or answer it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        head: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in (b"host", b"content-length") and head.get(name, value) != value:
                head[b"host"] = b""  # two that differ: whatever it is, it is not meant well
            else:
                head[name] = value
        if self._prefix:
            path: str = scope["path"]
            if path.startswith(f"{self._prefix}/"):
                cut = path[len(self._prefix) :]
                scope = {**scope, "path": cut, "raw_path": cut.encode(), "root_path": ""}
        if scope["type"] == "websocket":
            await self._websocket(head, scope, receive, send)
            return
        await self._http(head, scope, receive, send)

    def _wrong_host(self, head: dict[bytes, bytes]) -> bool:
        if "*" in self._hosts:
            return False
        host = head.get(b"host", b"").decode("latin-1").lower()
        name, _, port = host.rpartition(":")
        return (name if port.isdigit() and name else host) not in self._hosts

    def _foreign(self, head: dict[bytes, bytes]) -> bool:
        """Whether a page of an origin that is not ours is behind a request."""
        origin = head.get(b"origin")
        if origin is None or origin in self._origins:
            return False
        return origin.partition(b"://")[2].lower() != head.get(b"host", b"").lower()

    async def _websocket(self, head: dict[bytes, bytes], scope: Scope, receive: Receive, send: Send) -> None:
        if self._wrong_host(head) or self._foreign(head):
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": "this page may not connect here"})
            return
        await self.app(scope, receive, send)

    async def _http(self, head: dict[bytes, bytes], scope: Scope, receive: Receive, send: Send) -> None:
        config = self._config
        started = False
        status = 500
        told = [*self._headers, *self._cors(head)]

        async def out(message: Message) -> None:
            nonlocal started, status
            if message["type"] == "http.response.start":
                started, status = True, message["status"]
                message["headers"] = [*message.get("headers", ()), *told]
            await send(message)

        async def refuse(code: int, word: str, text: str) -> None:
            await problem(code, word, text)(scope, receive, out)

        try:
            if self._wrong_host(head):
                await refuse(400, "host", "this gateway is not called that; use the address you were given")
            elif scope["method"] == "OPTIONS" and b"access-control-request-method" in head:
                allowed = not self._foreign(head)
                await (refuse(403, "origin", "pages of that origin may not call this gateway") if not allowed
                       else _nothing(out))  # fmt: skip
            elif not self._fits(head):
                await refuse(413, "too_large", f"the body is larger than {config.body_max:,} bytes; send less at once")
            else:
                async with asyncio.timeout(config.request_s):
                    await self.app(scope, self._bounded(scope, receive), out)
        except TimeoutError:
            if not started:
                await refuse(503, "timeout", f"that took longer than {config.request_s:g} s; ask for less, or later")
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if not started:
                await answer_of(error)(scope, receive, out)
            else:
                _log.debug("an answer ended early: %r", error)
        finally:
            self._metrics.requests.labels(str(status)).inc()

    def _fits(self, head: dict[bytes, bytes]) -> bool:
        length = head.get(b"content-length", b"0")
        return length.isdigit() and len(length) < 12 and int(length) <= self._config.body_max

    def _cors(self, head: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        origin = head.get(b"origin")
        if origin is None or origin not in self._origins:
            return []
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", b"authorization, content-type"),
            (b"access-control-max-age", b"600"),
            (b"vary", b"origin"),
        ]

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """Give out a body as long as it is small and comes in time."""
        config = self._config
        taken = 0
        done = False
        loop = asyncio.get_running_loop()
        until = loop.time() + config.body_s

        async def bounded() -> Message:
            nonlocal taken, done
            if done:
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise TooLarge(f"the body did not come within {config.body_s:g} s; send it faster, or less") from None
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                done = not message.get("more_body", False)
                if taken > config.body_max:
                    raise TooLarge(f"the body is larger than {config.body_max:,} bytes; send less at once")
            return message

        return bounded


async def _nothing(send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def as_json(value: Any) -> bytes:
    """A small value as JSON, for answers that are made without the web framework."""
    return msgspec.json.encode(value)
