"""How long and how large may the head of a request be, before any of it is understood?

Rules: a connection that has begun a request, or was just made, must bring the whole head within so many seconds and
bytes; else it is closed. Bodies and answers have their bounds in :mod:`vtrade.gateway.guard`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vtrade.gateway.config import GatewayConfig


def protocol_of(config: GatewayConfig) -> type[asyncio.Protocol]:
    """A protocol for uvicorn that keeps these bounds. uvicorn wants a class, hence the inheritance."""

    class BoundedProtocol(HttpToolsProtocol):
        _timer: asyncio.TimerHandle | None = None
        _waiting = True
        _body = False
        """Whether the rest of a request is still coming, perhaps after it was answered already."""
        _head_bytes = 0

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._expect()

        def connection_lost(self, exc: Exception | None) -> None:
            self._met()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._waiting:
                self._head_bytes += len(data)
            super().data_received(data)
            if self._waiting and self._head_bytes > config.header_max and not self.transport.is_closing():
                self._close(b"431 Request Header Fields Too Large")

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._waiting = True
            if self._timer is None:
                self._expect()

        def on_headers_complete(self) -> None:
            self._met()
            self._waiting, self._head_bytes, self._body = False, 0, True
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            super().on_message_complete()
            self._body = False

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._waiting = not self._body

        def handle_websocket_upgrade(self) -> None:
            self._met()
            super().handle_websocket_upgrade()

        def _expect(self) -> None:
            self._timer = self.loop.call_later(config.head_s, self._close, b"408 Request Timeout")

        def _met(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _close(self, status: bytes) -> None:
            self._met()
            if not self.transport.is_closing():
                self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                self.transport.close()

    return BoundedProtocol
