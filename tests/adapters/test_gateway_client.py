"""Does the way to a gateway carry bytes, keep the token to itself, and turn every refusal into one clear error?"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from websockets.sync.server import Server, ServerConnection, serve

from vtrade.adapters import gateway
from vtrade.adapters.gateway import GatewayTransport
from vtrade.domain.stream import FRAME_MAX
from vtrade.errors import (
    AccessDenied,
    DeskError,
    Overloaded,
    SettingsError,
    Unavailable,
    ValueOffGrid,
    VTradeError,
)

TOKEN = "vtr_secret-token-1234567890"
NOWHERE = "http://127.0.0.1:1"


class Patience:
    """A clock on which waiting takes no time."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def monotonic_ns(self) -> int:
        return 0

    def wall_ns(self) -> int:
        return 0

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)


class Web:
    """A server that answers what a test tells it to."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes, dict[str, str]]] = []
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                head = {name.lower(): value for name, value in self.headers.items()}
                web.asked.append((self.command, self.path, head, body))
                status, data, headers = web.answers.pop(0) if len(web.answers) > 1 else web.answers[0]
                if status == 0:
                    self.connection.close()
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def says(self, status: int, data: bytes = b"", **headers: str) -> None:
        self.answers.append((status, data, {name.replace("_", "-"): value for name, value in headers.items()}))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture
def web() -> Iterator[Web]:
    one = Web()
    yield one
    one.close()


@pytest.fixture
def way(web: Web) -> Iterator[GatewayTransport]:
    one = GatewayTransport(web.url + "/", token=f" {TOKEN}\n", clock=Patience())
    yield one
    one.close()


def test_questions_and_requests(web: Web, way: GatewayTransport) -> None:
    web.says(200, b"yes")
    assert way.get("/v1/rooms/a%20b/me", {"n": 5, "name": "ü&"}) == b"yes"
    assert way.post("/v1/rooms/r/commands", b'{"commands": []}', timeout_s=5) == b"yes"
    (get, get_path, get_head, _), (post, post_path, post_head, body) = web.asked
    assert (get, get_path) == ("GET", "/v1/rooms/a%20b/me?n=5&name=%C3%BC%26")
    assert (post, post_path, body) == ("POST", "/v1/rooms/r/commands", b'{"commands": []}')
    assert get_head["authorization"] == post_head["authorization"] == f"Bearer {TOKEN}"
    assert post_head["content-type"] == "application/json"
    assert way.where == web.url


@pytest.mark.parametrize(
    "status, error",
    [
        (400, ValueOffGrid), (401, AccessDenied), (403, AccessDenied), (404, DeskError), (409, DeskError),
        (413, ValueOffGrid), (418, DeskError), (422, ValueOffGrid), (429, Overloaded), (500, Unavailable),
        (302, DeskError), (502, Unavailable), (503, Unavailable),
    ],
)  # fmt: skip
def test_every_refusal_is_one_error(web: Web, way: GatewayTransport, status: int, error: type[VTradeError]) -> None:
    web.says(status, b'{"error": {"code": "x", "message": "because of this"}}', location="http://elsewhere/")
    for call in (lambda: way.get("/v1/rooms"), lambda: way.post("/v1/rooms", b"{}", timeout_s=5)):
        with pytest.raises(error, match="because of this"):
            call()
    web.answers.clear()
    web.says(status, b"<html>no JSON</html>")
    with pytest.raises(error) as silent:
        way.get("/v1/rooms")
    words = str(silent.value)
    assert web.url in words
    assert TOKEN not in words
    assert any(hint in words for hint in ("?", "again", "ask", "wait", "less", "now"))


def test_being_told_to_slow_down_is_obeyed(web: Web) -> None:
    clock = Patience()
    way = GatewayTransport(web.url, token=TOKEN, clock=clock)
    web.says(429, retry_after="2")
    web.says(429, retry_after="nonsense")
    web.says(200, b"yes")
    assert way.post("/x", b"{}", timeout_s=5) == b"yes"
    assert clock.waited == [2.0, 1.0]
    way.close()


def test_but_only_within_a_bound(web: Web) -> None:
    clock = Patience()
    way = GatewayTransport(web.url, token=TOKEN, clock=clock)
    web.says(429, b'{"error": {"message": "that is more than 20 a second"}}', retry_after="3600")
    with pytest.raises(Overloaded, match="more than 20 a second"):
        way.get("/x")
    assert clock.waited == []
    web.answers.clear()
    web.says(429, retry_after="1")
    with pytest.raises(Overloaded):
        way.get("/x")
    assert clock.waited == [1.0] * gateway.SLOW_DOWN_MAX
    way.close()


def test_a_question_is_asked_twice_and_a_request_sent_once(web: Web, way: GatewayTransport) -> None:
    web.says(0)
    with pytest.raises(Unavailable, match="cannot be reached"):
        way.post("/x", b"{}", timeout_s=5)
    assert len(web.asked) == 1
    with pytest.raises(Unavailable):
        way.get("/x")
    assert len(web.asked) == 3


def test_nobody_there(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    way = GatewayTransport(NOWHERE, token=TOKEN)
    calls: list[Callable[[], Any]] = [
        lambda: way.get("/x"), lambda: way.post("/x", b"", timeout_s=1), lambda: way.stream("/s", {})
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(Unavailable, match="see that the gateway runs") as error:
            call()
        assert NOWHERE in str(error.value)
    assert TOKEN not in caplog.text
    way.close()
    with pytest.raises(DeskError, match="was closed"):
        way.get("/x")
    with pytest.raises(DeskError, match="was closed"):
        way.stream("/s", {})


def test_an_answer_that_does_not_come(web: Web, way: GatewayTransport) -> None:
    held = threading.Event()
    web.says(200, b"late")
    answer = web.answers
    web.answers = _Waits(answer, held)
    with pytest.raises(Unavailable, match=r"did not answer within 0\.2 s"):
        way.post("/x", b"{}", timeout_s=0.2)
    held.set()


class _Waits(list[Any]):
    """Answers that are handed out only after an event."""

    def __init__(self, answers: list[Any], event: threading.Event) -> None:
        super().__init__(answers)
        self.event = event

    def __getitem__(self, at: Any) -> Any:
        self.event.wait(10)
        return super().__getitem__(at)


def test_an_answer_without_end(web: Web, way: GatewayTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "BODY_MAX", 1_000)
    web.says(200, b"x" * 5_000)
    with pytest.raises(Unavailable, match="more than 1000 bytes"):
        way.get("/x")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "trade.example.org",
        "ftp://x",
        "http://",
        "http://user:pass@x",
        "http://x/?token=1",
        "http://x:99999",
        None,
        5,
    ],
)
def test_addresses_that_are_none(url: Any) -> None:
    with pytest.raises(SettingsError):
        GatewayTransport(url, token=TOKEN)


@pytest.mark.parametrize("token", ["", "  ", "two words", "x" * 600, "ü", "line\nbreak", None, 5])
def test_tokens_that_are_none(token: Any) -> None:
    with pytest.raises(SettingsError) as error:
        GatewayTransport("http://x", token=token)
    assert "paste it whole" in str(error.value)
    assert not token or str(token).strip() not in str(error.value) or not str(token).strip()


def test_the_token_is_not_shown(way: GatewayTransport) -> None:
    assert TOKEN not in repr(way)
    assert TOKEN not in str(way._broken(ValueError(f"header Bearer {TOKEN} is odd")))


# --- streams ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def streaming() -> Iterator[Callable[[Callable[[ServerConnection], None]], GatewayTransport]]:
    """A server on which a function talks to each stream."""
    servers: list[tuple[Server, threading.Thread]] = []
    ways: list[GatewayTransport] = []

    def start(talk: Callable[[ServerConnection], None], **options: Any) -> GatewayTransport:
        server = serve(talk, "127.0.0.1", 0, **options)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        servers.append((server, thread))
        ways.append(GatewayTransport(f"http://127.0.0.1:{server.socket.getsockname()[1]}/base", token=TOKEN))
        return ways[-1]

    yield start
    for way in ways:
        way.close()
    for server, thread in servers:
        server.shutdown()
        thread.join(5)


def test_frames_as_they_come(streaming: Any) -> None:
    asked: list[tuple[str, str | None]] = []

    def talk(socket: ServerConnection) -> None:
        assert socket.request is not None
        asked.append((socket.request.path, socket.request.headers.get("authorization")))
        for n in range(3):
            socket.send(bytes([n]))
        socket.close(1001, "the gateway is being stopped; connect again in a moment")

    frames = streaming(talk).stream("/v1/rooms/r/stream", {"after": 12})
    told = []
    with pytest.raises(Unavailable, match="being stopped"):
        told += [told.append(frame) for frame in frames]
    assert told == [b"\x00", b"\x01", b"\x02"]
    assert asked == [("/base/v1/rooms/r/stream?after=12", f"Bearer {TOKEN}")]
    frames.close()


@pytest.mark.parametrize(
    "code, error",
    [(4401, AccessDenied), (4403, AccessDenied), (4410, AccessDenied), (4429, Unavailable), (1011, Unavailable)],
)
def test_streams_that_are_ended(streaming: Any, code: int, error: type[VTradeError]) -> None:
    frames = streaming(lambda socket: socket.close(code, "because of this")).stream("/s", {})
    with pytest.raises(error, match="because of this"):
        list(frames)


def test_a_stream_that_is_refused(streaming: Any) -> None:
    def refuse(socket: ServerConnection, _: object) -> Any:
        return socket.respond(403, "no\n")

    way = streaming(lambda socket: None, process_request=refuse)
    with pytest.raises(AccessDenied, match="does not take this token"):
        way.stream("/s", {})


def test_what_is_no_frame(streaming: Any) -> None:
    with pytest.raises(Unavailable, match="streams text"):
        list(streaming(lambda socket: socket.send("hello")).stream("/s", {}))
    with pytest.raises(Unavailable):
        list(streaming(lambda socket: socket.send(b"x" * (FRAME_MAX + 1))).stream("/s", {}))


def test_a_stream_can_be_closed_while_somebody_waits(streaming: Any) -> None:
    going = threading.Event()

    def talk(socket: ServerConnection) -> None:
        socket.send(b"one")
        for _ in socket:
            pass

    frames = streaming(talk).stream("/s", {})
    told: list[bytes] = []

    def listen() -> None:
        for frame in frames:
            told.append(frame)
            going.set()

    thread = threading.Thread(target=listen)
    thread.start()
    assert going.wait(10)
    frames.close()
    thread.join(10)
    assert not thread.is_alive()
    assert told == [b"one"]


def test_nothing_of_a_stream_is_logged(streaming: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Unavailable):
        list(streaming(lambda socket: socket.send(b"one"), logger=logging.getLogger("quiet")).stream("/s", {}))
    ours = [record for record in caplog.records if record.name.startswith(("vtrade", "websockets.client"))]
    assert [record for record in ours if TOKEN in record.getMessage()] == []
