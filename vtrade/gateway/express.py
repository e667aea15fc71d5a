"""How does an order get past the web framework?

Rules: the one address that hundreds call every second is answered here, from the bare ASGI messages; everything about
it is what the route of the same address does, which stays for the OpenAPI page and calls the same functions. Whatever
is unusual about a request goes on to the framework.
"""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from vtrade.gateway.posting import encode_reply, post_body
from vtrade.gateway.problems import answer_of
from vtrade.gateway.state import Gateway, Who
from vtrade.services.commands import read_body

BEFORE: Final = "/v1/rooms/"
AFTER: Final = "/commands"


class Express:
    """Stands before an application and answers one address itself."""

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        self.app = app
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer commands; let everything else go on."""
        if scope["type"] == "http" and scope["method"] == "POST":
            path: str = scope["path"]
            if path.startswith(BEFORE) and path.endswith(AFTER):
                room = path[len(BEFORE) : -len(AFTER)]
                if room and "/" not in room:
                    await self._commands(room, scope, receive, send)
                    return
        await self.app(scope, receive, send)

    async def _commands(self, room: str, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            said = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
            kind, _, token = said.decode("latin-1").partition(" ")
            client = scope.get("client")
            grant = await self._gateway.grant(
                token.strip() if kind.lower() in ("bearer", "token") else "", room, client[0] if client else ""
            )
            body = b""
            more = True
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    return  # whoever asked is gone
                body += message.get("body", b"")
                more = message.get("more_body", False)
            asked = read_body(body)
            reply = encode_reply(await post_body(self._gateway, Who(grant, await self._gateway.served(room)), asked))
        except Exception as error:
            await answer_of(error)(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(reply)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": reply})
