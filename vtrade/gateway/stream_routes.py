"""How does somebody follow a room? On a WebSocket that carries the frames of :mod:`vtrade.domain.stream`.

Rules: the token comes in the head of the request, or as the first message, never in the address. After that a client
only listens. Whoever does not take a frame in time, or does not answer pings, is let go: a later stream goes on where
this one ended. A stream that ends says why, in a last frame and in its close code.

=====  ==================================================
code   meaning
=====  ==================================================
1001   the gateway is being stopped; come again
4401   the token is missing, unknown, expired or revoked
4403   the token is for another room
4404   there is no such room for this token
4408   too slow: no token in time, or a frame not taken
4410   the room was deleted
4429   too many streams, or too many wrong tokens
=====  ==================================================
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from vtrade.domain.stream import Bye, encode_frame
from vtrade.errors import AccessDenied, ValueOffGrid, VTradeError
from vtrade.gateway import answers
from vtrade.gateway.doors import address_of, gateway_of, token_of
from vtrade.gateway.problems import NotHere, TooMany, status_of
from vtrade.gateway.state import Gateway, Served, Who
from vtrade.services.access import Grant, May, TokenRefused

router = APIRouter()

REASON_MAX: Final = 120
"""Bytes of a close reason that fit into its frame."""
GONE: Final = 1001
SLOW: Final = 4408
_log = logging.getLogger("vtrade.gateway")


class Refused(Exception):
    """A stream that ends before it began."""

    def __init__(self, code: int, why: str, *, again: bool = False) -> None:
        super().__init__(why)
        self.code = code
        self.again = again


class Stream:
    """One WebSocket that follows a room."""

    def __init__(self, socket: WebSocket, gateway: Gateway, who: Who, after: int | None) -> None:
        self.grant: Grant = who.grant
        self.room = who.served.name
        self._socket = socket
        self._gateway = gateway
        self._served: Served = who.served
        self._after = after
        self._ready = asyncio.Event()
        self._ended: tuple[int, str] | None = None
        self._loop = asyncio.get_running_loop()

    def end(self, code: int, why: str) -> None:
        """End it, with a reason for its reader; from the event loop."""
        if self._ended is None:
            self._ended = (code, why)
        self._ready.set()

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._ready.set)

    async def run(self) -> None:
        """Send frames until either side has enough."""
        role = str(self.grant.role)
        connection = await self._gateway.work(
            lambda: self._served.streams.connect(self.grant.account, role, after=self._after)
        )
        listener = asyncio.create_task(self._listen())
        connection.on_ready = self._wake
        self._ready.set()
        try:
            while self._ended is None:
                self._ready.clear()
                frames = connection.take()
                for frame in frames:
                    await self._send(frame)
                if connection.closed:  # it has said goodbye by itself
                    self._gateway.metrics.dropped.labels(str(GONE)).inc()
                    await finish(self._socket, GONE, "", again=True)
                    return
                await self._ready.wait()
            code, why = self._ended
            self._gateway.metrics.dropped.labels(str(code)).inc()
            await finish(self._socket, code, why, again=code in (GONE, SLOW))
        except TimeoutError:
            self._gateway.metrics.dropped.labels(str(SLOW)).inc()
            with contextlib.suppress(Exception):
                async with asyncio.timeout(1):
                    await self._socket.close(SLOW, "a frame was not taken in time; connect again")
        finally:
            connection.close()
            listener.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await listener

    async def _send(self, frame: bytes) -> None:
        async with asyncio.timeout(self._gateway.config.send_s):
            await self._socket.send_bytes(frame)
        self._gateway.metrics.frames.inc()

    async def _listen(self) -> None:
        """A client has nothing more to say; when it goes, or speaks, the stream ends."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            self._ended = (0, "")
            self._ready.set()
        else:
            self.end(1008, "this stream takes no messages; POST commands")


async def finish(socket: WebSocket, code: int, why: str, *, again: bool) -> None:
    """Say why, and close."""
    if not code or socket.client_state == WebSocketState.DISCONNECTED:
        return
    reason = why.encode()[:REASON_MAX].decode(errors="ignore")
    with contextlib.suppress(Exception):  # whoever is gone already needs no reason
        async with asyncio.timeout(2):
            if why:
                await socket.send_bytes(encode_frame(Bye(why, again)))
            await socket.close(code, reason)


@router.websocket("/v1/rooms/{room}/stream")
async def stream(
    socket: WebSocket, room: Annotated[str, Path(max_length=64)], after: Annotated[str | None, Query()] = None
) -> None:
    """Follow a room from the beginning, or from after a record."""
    gateway = gateway_of(socket)
    await socket.accept()
    try:
        grant, served = await _enter(socket, gateway, room)
        since = _since(after)
        name = f"{room}/{grant.account}/{grant.role}"
        if not gateway.places.enter(name):
            raise Refused(4429, f"you have {gateway.config.streams_per_account} streams already; close one", again=True)
        if gateway.draining:
            gateway.places.leave(name)
            raise Refused(GONE, "the gateway is being stopped; connect again in a moment", again=True)
        one = Stream(socket, gateway, Who(grant, served), since)
        gateway.streams.add(one)
        gateway.metrics.streams.set(len(gateway.streams))
        try:
            await one.run()
        finally:
            gateway.places.leave(name)
            gateway.streams.discard(one)
            gateway.metrics.streams.set(len(gateway.streams))
    except Refused as error:
        await finish(socket, error.code, str(error), again=error.again)
    except (WebSocketDisconnect, ConnectionError):
        pass
    except Exception as error:
        code = status_of(error)[0]
        if code == 500:
            _log.exception("a stream failed")
        known = isinstance(error, VTradeError)
        await finish(socket, 1011, str(error) if known else "something went wrong here; connect again", again=True)


async def _enter(socket: WebSocket, gateway: Gateway, room: str) -> Who:
    token = token_of(socket)
    try:
        if not token:
            token = await _first_message(socket, gateway.config.hello_s)
        grant = await gateway.grant(token, room, address_of(socket))
        grant.require(May.LOOK)
        served = await gateway.served(room)
        if grant.key.startswith("hub:"):
            await gateway.ensure_account(Who(grant, served))
    except TokenRefused as error:
        raise Refused(4401, str(error)) from None
    except AccessDenied as error:
        raise Refused(4403, str(error)) from None
    except TooMany as error:
        raise Refused(4429, str(error), again=True) from None
    except NotHere as error:
        raise Refused(4404, str(error)) from None
    return Who(grant, served)


async def _first_message(socket: WebSocket, hello_s: float) -> str:
    try:
        async with asyncio.timeout(hello_s):
            message: Any = await socket.receive()
    except TimeoutError:
        raise Refused(SLOW, f"no token came within {hello_s:g} s; send it in the head, or as first message") from None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect
    text = message.get("text")
    data = text.encode("utf-8", "replace") if text is not None else message.get("bytes") or b""
    try:
        hello: answers.Hello = answers.read(data, answers.Hello)
    except ValueOffGrid:
        raise Refused(4401, 'the first message must be {"token": "..."}; send that, or the header') from None
    return hello.token


def _since(after: str | None) -> int | None:
    if after is None or after == "":
        return None
    if not after.isascii() or not after.isdigit() or len(after) > 15:
        raise Refused(4404, "after must be the number of a record; leave it out to begin anew")
    return int(after)
