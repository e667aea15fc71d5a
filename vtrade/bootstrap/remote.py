"""How does a notebook get a desk in a room behind a gateway?"""

from __future__ import annotations

import json
from typing import Literal
from urllib.parse import unquote, urlsplit, urlunsplit

from vtrade.adapters.gateway import GatewayTransport
from vtrade.bootstrap import make_wiring
from vtrade.desk import Desk
from vtrade.errors import DeskError, SettingsError
from vtrade.services.remote import RemoteRoom
from vtrade.tutor.dialogue import LanguageModel


def connect(
    url: str, *, token: str, room: str | None = None,
    language_model: LanguageModel | Literal["auto"] | None = "auto",
) -> Desk:  # fmt: skip
    """A desk in a room that others share: the same desk as ``vtrade.Desk``, but the market goes on for everybody.

    Parameters
    ----------
    url : str
        Of the gateway, as your instructor gave it to you: ``"http://127.0.0.1:8440"``, or with the room,
        ``"http://127.0.0.1:8440/rooms/algebra"``.
    token : str
        What lets you in; keep it to yourself.
    room : str, optional
        Which room, where the token opens several and the address names none.
    language_model : {"auto", None} or LanguageModel
        As of ``vtrade.Desk``.

    Returns
    -------
    Desk
        ``close_desk()`` ends the connection; what you sent stays where it is.

    Raises
    ------
    AccessDenied
        If the token is not good, or not for this room.
    Unavailable
        If no gateway answers.
    SettingsError
        If the address is none.
    """
    where = urlsplit(url)
    path, _, named = where.path.partition("/rooms/")
    base = urlunsplit((where.scheme, where.netloc, path.rstrip("/"), "", ""))
    named = unquote(named.strip("/"))
    if named and room not in (None, named):
        raise SettingsError(f"the address names the room {named!r}, room= another one, {room!r}; give one of them")
    transport = GatewayTransport(base, token=token)
    try:
        name = room or named or _only_room(transport)
        desk_room = RemoteRoom(transport, name)
    except BaseException:
        transport.close()
        raise
    return Desk.on(desk_room, desk_room.account, make_wiring(language_model))


def _only_room(transport: GatewayTransport) -> str:
    """The room that a token opens, if it is one."""
    rooms = [row["name"] for row in json.loads(transport.get("/v1/rooms"))["rooms"]]
    if len(rooms) != 1:
        known = ", ".join(map(repr, rooms[:10])) or "none"
        raise DeskError(
            f"this token opens {len(rooms)} rooms ({known}); name one: vt.connect(url, token=..., room=...)"
        )
    return str(rooms[0])
