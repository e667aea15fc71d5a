"""Who may follow a room on a WebSocket, what does he see, and how does it end?"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.gateway.running import OTHER, ROOM, SECRET_SEED, WIDE, Running, running
from vtrade.domain.stream import Bye, Facts, Frame, Part, Welcome, from_parts, unbundled

WAIT_S = 30


class Line:
    """A WebSocket, frame by frame; ``raw`` is everything that came."""

    def __init__(self, socket: ClientConnection) -> None:
        self.send, self.ping = socket.send, socket.ping
        self.raw = b""
        self._socket = socket
        self._waiting: deque[Frame] = deque()

    def next(self) -> Frame:
        while not self._waiting:
            data = self._socket.recv(WAIT_S)
            assert isinstance(data, bytes)
            self.raw += data
            self._waiting += unbundled(data)
        return self._waiting.popleft()


@contextmanager
def following(gateway: Running, room: str, token: str | None, *, after: object = None, **more: Any) -> Iterator[Line]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    query = "" if after is None else f"?after={after}"
    options = {"max_size": None, "open_timeout": WAIT_S, "additional_headers": headers, "proxy": None, **more}
    with connect(f"{gateway.stream_url}/v1/rooms/{room}/stream{query}", **options) as socket:
        yield Line(socket)


def next_frame(line: Line) -> Frame:
    return line.next()


def ending(socket: Line) -> tuple[int, str, list[Frame]]:
    """Close code, reason and all frames until the end."""
    frames: list[Frame] = []
    while True:
        try:
            frames.append(next_frame(socket))
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason, frames) if closed.rcvd else (0, "", frames)


def refusal(gateway: Running, room: str, token: str | None, **more: Any) -> tuple[int, str]:
    with following(gateway, room, token, **more) as socket:
        code, reason, frames = ending(socket)
    assert [type(frame) for frame in frames] == [Bye]
    return code, reason


def test_a_stream_begins_with_a_welcome_and_brings_what_happens(gateway: Running) -> None:
    token = gateway.tokens["student"]
    with following(gateway, ROOM, token) as socket:
        hello = next_frame(socket)
        assert isinstance(hello, Welcome)
        assert (hello.account, hello.role, hello.resumed) == ("student-one", "student", False)
        gateway.order(ROOM, token, "streamed")
        found = False
        while not found:
            frame = next_frame(socket)
            told = [fact for record in frame.records for fact in record.facts] if isinstance(frame, Facts) else []
            found = any(getattr(fact, "client_order_id", "") == "streamed" for fact in told)
    with following(gateway, ROOM, token, after=hello.seq) as socket:
        again = next_frame(socket)
        assert isinstance(again, Welcome)
        assert again.resumed
        assert isinstance(next_frame(socket), Facts)


def test_a_stream_tells_nothing_of_others_nor_of_the_future(gateway: Running) -> None:
    for name in ("student", "observer"):
        with following(gateway, ROOM, gateway.tokens[name]) as socket:
            for other in range(3):
                gateway.order(ROOM, gateway.tokens["ben"], f"secretly{name}{other}")
            gateway.order(ROOM, gateway.tokens["student"], f"openly{name}")
            body = {"commands": [{"type": "room", "action": "news", "text": f"the end of {name}"}]}
            gateway.ok("POST", f"/v1/rooms/{ROOM}/commands", gateway.owner, json=body)
            parts: list[Part] = []
            while f"the end of {name}".encode() not in socket.raw:
                frame = next_frame(socket)
                if isinstance(frame, Part) and frame.what == "snapshot":
                    parts.append(frame)
        told = socket.raw + repr(from_parts(parts)).encode()
        assert b"secretly" not in told
        assert b"bens" not in told
        assert str(SECRET_SEED).encode() not in told
        assert (b"openly" in told) == (name == "student")


def test_the_token_may_be_the_first_message(gateway: Running) -> None:
    with following(gateway, ROOM, None) as socket:
        socket.send(f'{{"token": "{gateway.tokens["student"]}"}}')
        assert isinstance(next_frame(socket), Welcome)


@pytest.mark.parametrize(
    "first",
    [
        "{",
        "[]",
        "7",
        '{"token": 7}',
        '{"token": "x", "room": "y"}',
        b"\xff\x00",
        b"",
        '{"token": "vtr_x"}',
        "x" * 60_000,
    ],
)
def test_a_first_message_that_is_no_token_ends_it(gateway: Running, first: str | bytes) -> None:
    with following(gateway, ROOM, None) as socket:
        socket.send(first)
        code, reason, frames = ending(socket)
    assert (code, len(frames)) == (4401, 1)
    assert reason


def test_a_frame_beyond_the_bound_ends_it(gateway: Running) -> None:
    with following(gateway, ROOM, None) as socket:
        with contextlib.suppress(ConnectionClosed):
            socket.send("x" * 1_000_000)
        assert ending(socket)[0] in (0, 1009)


def test_a_foreign_room_a_wrong_token_and_a_wrong_place(gateway: Running) -> None:
    student = gateway.tokens["student"]
    assert refusal(gateway, OTHER, student)[0] == 4403
    assert refusal(gateway, "nowhere", student)[0] == 4403
    assert refusal(gateway, "nowhere", gateway.owner)[0] == 4404
    assert refusal(gateway, ROOM, "vtr_" + "A" * 43)[0] == 4401
    gone = gateway.enrol(ROOM, "gone")["gone"]
    gateway.ok("DELETE", f"/v1/rooms/{ROOM}/members/gone", gateway.owner)
    assert refusal(gateway, ROOM, gone)[0] == 4401
    for after in ("-1", "x", "9" * 30, "1e3"):
        assert refusal(gateway, ROOM, student, after=after)[0] == 4404


def test_a_token_in_the_address_is_none(tmp_path: Path) -> None:
    with running(tmp_path, msgspec.structs.replace(WIDE, hello_s=0.2)) as gateway:
        gateway.room(ROOM, tape="sample:AAPL")
        token = gateway.enrol(ROOM, "ana")["ana"]
        with following(gateway, ROOM, None, after=f"0&token={token}") as socket:
            assert ending(socket)[0] == 4408
        with following(gateway, ROOM, None) as socket:
            assert ending(socket)[0] == 4408


def test_a_page_of_another_origin_cannot_connect(gateway: Running) -> None:
    for origin in ("https://evil.example", "null"):
        with (
            pytest.raises(InvalidStatus) as refused,
            following(gateway, ROOM, gateway.tokens["student"], origin=origin),
        ):
            pass
        assert refused.value.response.status_code == 403


def test_only_so_many_streams_of_one(gateway: Running) -> None:
    token = gateway.enrol(ROOM, "many")["many"]
    opened = []
    try:
        for _ in range(4):
            context = following(gateway, ROOM, token)
            opened.append(context)
            assert isinstance(next_frame(context.__enter__()), Welcome)
        assert refusal(gateway, ROOM, token)[0] == 4429
        with following(gateway, ROOM, gateway.tokens["ben"]) as socket:
            assert isinstance(next_frame(socket), Welcome)
    finally:
        for context in opened:
            context.__exit__(None, None, None)
    with following(gateway, ROOM, token) as socket:
        first = next_frame(socket)
    assert isinstance(first, Welcome | Bye)


def test_who_speaks_is_let_go(gateway: Running) -> None:
    with following(gateway, ROOM, gateway.tokens["student"]) as socket:
        next_frame(socket)
        socket.send("buy!")
        assert ending(socket)[0] == 1008


def test_a_revoked_token_ends_its_stream(gateway: Running) -> None:
    token = gateway.enrol(ROOM, "rex")["rex"]
    with following(gateway, ROOM, token) as socket:
        next_frame(socket)
        gateway.ok("DELETE", f"/v1/rooms/{ROOM}/members/rex", gateway.owner)
        code, reason, frames = ending(socket)
    assert code == 4401
    assert "revoked" in reason
    assert frames[-1] == Bye("this token was revoked; ask your instructor for a new one", again=False)


def test_a_room_that_is_deleted_tells_everybody_in_it(gateway: Running) -> None:
    gateway.room("short-lived")
    token = gateway.enrol("short-lived", "ana")["ana"]
    with following(gateway, "short-lived", token) as socket, following(gateway, ROOM, gateway.tokens["ben"]) as other:
        next_frame(socket)
        next_frame(other)
        gateway.ok("DELETE", "/v1/rooms/short-lived", gateway.owner)
        code, reason, frames = ending(socket)
        assert isinstance(frames[-1], Bye)
        assert not frames[-1].again
        other.ping().wait(WAIT_S)
    assert code in (4401, 4410)
    assert "deleted" in reason
    assert gateway.call("GET", "/v1/rooms/short-lived/me", token).json()["error"]["code"] == "token_revoked"
    again = gateway.call("POST", "/v1/rooms", gateway.owner, json={"name": "short-lived"})
    assert again.status_code == 409


def test_whoever_is_connected_hears_that_the_gateway_stops(tmp_path: Path) -> None:
    told: list[tuple[int, str, list[Frame]]] = []
    with running(tmp_path) as gateway:
        gateway.room(ROOM, tape="sample:AAPL")
        token = gateway.enrol(ROOM, "ana")["ana"]
        up = threading.Event()

        def follow() -> None:
            with following(gateway, ROOM, token) as socket:
                next_frame(socket)
                up.set()
                told.append(ending(socket))

        thread = threading.Thread(target=follow)
        thread.start()
        assert up.wait(WAIT_S)
    thread.join(WAIT_S)
    ((code, _, frames),) = told
    assert code == 1001
    assert isinstance(frames[-1], Bye)
    assert frames[-1].again
