"""What do a room's inbound records say about how its market plays?

Rules: the same records give the same state, and a copy of one changes nothing. A command is followed exactly as the
room's engine follows it, which refuses what is refused here; what concerns somebody else leaves the state alone.
"""

from __future__ import annotations

from typing import Final

import msgspec

from vtrade.domain.messages import Inbound, OpenRoom, RoomCommand, decode_inbound
from vtrade.domain.values import MICRO
from vtrade.errors import VTradeError
from vtrade.services.pace import is_speed
from vtrade.services.workers.places import Place

COMMANDS_KEPT: Final = 256
"""Ids of so many commands are remembered, so that a copy of an old one does nothing."""
STATE_VERSION: Final = 1

_UNREADABLE: Final = (msgspec.MsgspecError, VTradeError, UnicodeDecodeError)
_COMMAND: Final = b"\xa3cmd"
_OPENING: Final = b"\xa4room"


class FeedState(msgspec.Struct, array_like=True):
    """What follows from a room's inbound records.

    Attributes
    ----------
    opened : bytes
        The room's first message; empty before it came.
    rows, news, actions : int
        Place in the tape.
    at_ns : int
        Simulated time up to which the market was told.
    speed : int
        Millionths of the market's own pace; 0 is as fast as it goes.
    started, complained : int
        How often the market was started, and at which of these the room was last told that it cannot play.
    commands : list of str
        Ids of the newest commands.
    """

    version: int = STATE_VERSION
    opened: bytes = b""
    rows: int = 0
    news: int = 0
    actions: int = 0
    at_ns: int = 0
    speed: int = MICRO
    playing: bool = False
    closed: bool = False
    started: int = 0
    complained: int = 0
    commands: list[str] = msgspec.field(default_factory=list)

    @property
    def place(self) -> Place:
        """Place in the tape."""
        return Place(self.rows, self.news, self.actions)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(FeedState)


def encode_state(state: FeedState) -> bytes:
    """The state as bytes; equal states give equal bytes."""
    return _encoder.encode(state)


def decode_state(room: str, state: bytes) -> FeedState:
    """Read the state of a room.

    Raises
    ------
    ValueError
        If the bytes are none of this version.
    """
    try:
        known = _decoder.decode(state)
    except msgspec.MsgspecError as error:
        raise ValueError(f"room {room!r}: the snapshot of its feed cannot be read ({error})") from None
    if known.version != STATE_VERSION:
        raise ValueError(f"room {room!r}: the snapshot of its feed has version {known.version}, not {STATE_VERSION}")
    return known


def read(value: bytes) -> Inbound | None:
    """An inbound message; ``None`` for bytes that are none."""
    try:
        return decode_inbound(value)
    except _UNREADABLE:
        return None


def follow(state: FeedState, name: str, value: bytes) -> bool:
    """Follow what people say, given the record's id and its bytes; ``False`` where it is not about playing.

    Examples
    --------
    >>> from vtrade.domain.instruments import Instrument
    >>> from vtrade.domain.messages import encode_inbound
    >>> state = FeedState()
    >>> follow(state, "", encode_inbound(OpenRoom(0, "algebra-1", (Instrument.make("ACME"),))))
    True
    >>> follow(state, "ana/7", encode_inbound(RoomCommand(0, "start", amount=2_000_000))), state.playing, state.speed
    (True, True, 2000000)
    """
    if value[1:5] == _COMMAND:
        return _follow_command(state, name, value)
    if value[1:6] != _OPENING:  # most are orders: they are not even decoded
        return False
    message = read(value)
    if isinstance(message, OpenRoom) and not state.opened and message.instruments:
        state.opened = value
    return True


def _follow_command(state: FeedState, name: str, value: bytes) -> bool:
    message = read(value)
    if not isinstance(message, RoomCommand) or not state.opened or state.closed:
        return True
    if name:
        if name in state.commands:
            return True
        state.commands = [*state.commands[1 - COMMANDS_KEPT :], name]
    if message.action == "close":
        state.closed, state.playing = True, False
    elif message.action in ("start", "pause", "speed") and is_speed(message.amount):
        if message.action == "start":
            state.started += 1
            state.playing = True
        if message.action == "pause":
            state.playing = False
        else:
            state.speed = message.amount
    else:
        return False
    return True


__all__ = ["COMMANDS_KEPT", "FeedState", "decode_state", "encode_state", "follow", "read"]
