"""Who comes in, before anything else is looked at?

Rules: a token is read from the ``Authorization`` header and from nowhere else (a WebSocket may also say it first); it
is never in an address, a log or an answer. What a route needs stands beside the route.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Path, Query, Request
from starlette.requests import HTTPConnection

from vtrade.errors import AccessDenied
from vtrade.gateway.problems import NotHere
from vtrade.gateway.state import Gateway, Who
from vtrade.services.access import Grant, May, Role, clean_name, shown

BEARER: Final = "bearer "
RoomName = Annotated[str, Path(description="Name of the room", max_length=64)]
AccountName = Annotated[
    str | None, Query(description="Whose; one's own without it. Others only for staff.", max_length=64)
]


def token_of(connection: HTTPConnection) -> str:
    """The token in the head of a request; ``token ...`` is what JupyterHub's clients say."""
    value = connection.headers.get("authorization", "")
    kind, _, token = value.partition(" ")
    return token.strip() if kind.lower() in ("bearer", "token") else ""


def address_of(connection: HTTPConnection) -> str:
    """Where somebody calls from."""
    return connection.client.host if connection.client is not None else ""


def gateway_of(connection: HTTPConnection) -> Gateway:
    """The gateway that answers."""
    gateway: Gateway = connection.app.state.gateway
    return gateway


async def anybody(request: Request) -> Grant:
    """Somebody with a good token, in whatever room."""
    gateway = gateway_of(request)
    grant = await gateway.grant(token_of(request), "", address_of(request))
    gateway.pay(gateway.asks, grant)
    return grant


async def owner(grant: Annotated[Grant, Depends(anybody)]) -> Grant:
    """The owner of the gateway."""
    if grant.role != Role.OWNER:
        raise AccessDenied("only the owner of this gateway may do that; use the owner's token")
    return grant


async def enter(request: Request, room: str, *, what: May) -> Who:
    """Somebody in a room, if he may do there what the route does."""
    gateway = gateway_of(request)
    grant = await gateway.grant(token_of(request), room, address_of(request))
    grant.require(what)
    gateway.pay(gateway.asks, grant)
    who = Who(grant, await gateway.served(room))
    if grant.key.startswith("hub:"):
        await gateway.ensure_account(who)
    return who


async def looking(request: Request, room: RoomName) -> Who:
    """Somebody who may look at the market."""
    return await enter(request, room, what=May.LOOK)


async def trading(request: Request, room: RoomName) -> Who:
    """Somebody with an account of his own."""
    return await enter(request, room, what=May.TRADE)


async def enrolling(request: Request, room: RoomName) -> Who:
    """Somebody who may let others in."""
    return await enter(request, room, what=May.ENROL)


async def exporting(request: Request, room: RoomName) -> Who:
    """Somebody who may take the journal."""
    return await enter(request, room, what=May.EXPORT)


Looking = Annotated[Who, Depends(looking)]
Trading = Annotated[Who, Depends(trading)]
Enrolling = Annotated[Who, Depends(enrolling)]
Exporting = Annotated[Who, Depends(exporting)]
Owner = Annotated[Grant, Depends(owner)]
Anybody = Annotated[Grant, Depends(anybody)]


def whose(who: Who, account: str | None) -> str:
    """The account that a question is about.

    Raises
    ------
    AccessDenied
        If it is somebody else's and the role may not look at it; the same words whether it exists or not.
    NotHere
        If nobody is named, and whoever asks has no account.
    """
    grant = who.grant
    if account is None or account == grant.account:
        if not grant.may(May.TRADE):
            if grant.staff:
                raise NotHere("you have no trading account here; name one: ?account=NAME")
            raise AccessDenied(f"your role here is {grant.role}, which has no trading account; ask the instructor")
        return grant.account
    if not grant.staff:
        raise AccessDenied(f"account {shown(account)} is not yours; leave ?account= out")
    return clean_name(account, "account")
