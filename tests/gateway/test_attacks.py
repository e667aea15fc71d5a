"""Does everything fail that somebody may try from outside: floods, lies, monsters, slowness?"""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateway.running import OTHER, ROOM, SECRET_SEED, Running, results, running
from tests.gateway.test_roles import ALLOWED, call
from vtrade.gateway.config import GatewayConfig
from vtrade.services.runtime import verify


@pytest.fixture
def small(tmp_path: Path) -> Any:
    """A gateway with small bounds and one student, ana."""
    config = GatewayConfig(orders_per_s=0.5, orders_burst=5, asks_per_s=100, asks_burst=200, failures_per_s=0.1,
                           failures_burst=5, head_s=0.5, body_s=0.5, streams_per_account=2)  # fmt: skip
    with running(tmp_path, config) as made:
        made.room(ROOM, tape="sample:AAPL")
        made.tokens |= made.enrol(ROOM, "ana", "ben")
        yield made


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_a_revoked_token_is_out_at_once(gateway: Running) -> None:
    token = gateway.enrol(ROOM, "tom")["tom"]
    assert gateway.call("GET", f"/v1/rooms/{ROOM}/me", token).status_code == 200
    gateway.ok("DELETE", f"/v1/rooms/{ROOM}/members/tom", gateway.tokens["instructor"])
    for endpoint in ALLOWED:
        answer = call(gateway, endpoint, token)
        assert answer.status_code == 401, endpoint
        assert answer.json()["error"]["code"] == "token_revoked"


def test_an_expired_token_is_out(gateway: Running) -> None:
    token = gateway.enrol(ROOM, "tim", days=1e-9)["tim"]
    answer = gateway.call("GET", f"/v1/rooms/{ROOM}/me", token)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token_expired")


@pytest.mark.parametrize(
    "where",
    [{"params": {"token": "T"}}, {"headers": {"x-token": "T"}}, {"headers": {"cookie": "token=T"}},
     {"headers": {"authorization": "Basic T"}}, {"headers": {"authorization": "T"}}],
)  # fmt: skip
def test_a_token_anywhere_else_is_none(gateway: Running, where: dict[str, Any]) -> None:
    filled = json.loads(json.dumps(where).replace('"T', f'"{gateway.owner}').replace("=T", f"={gateway.owner}"))
    answer = gateway.call("GET", "/v1/rooms", None, **filled)
    assert answer.status_code == 401
    assert gateway.owner not in answer.text


def test_an_instructor_cannot_make_owners_or_take_the_other_instructors_token(gateway: Running) -> None:
    instructor = gateway.tokens["instructor"]
    gateway.enrol(ROOM, "second", role="instructor")
    path = f"/v1/rooms/{ROOM}/members"
    assert gateway.call("POST", path, instructor, json={"accounts": ["me"], "role": "owner"}).status_code == 422
    assert gateway.call("POST", path, instructor, json={"accounts": ["second"], "role": "student"}).status_code == 409
    assert gateway.call("DELETE", f"{path}/second", instructor).status_code == 409
    assert gateway.call("DELETE", f"{path}/second", gateway.owner).json() == {"revoked": 1}


# --- what nobody may learn -------------------------------------------------------------------------------------------


def test_no_answer_to_a_student_holds_the_seed_or_others(gateway: Running) -> None:
    told = [gateway.ok("GET", "/openapi.json", None)]
    told += [
        call(gateway, endpoint, gateway.tokens[role]).text
        for endpoint, (roles, _) in ALLOWED.items()
        for role in ("student", "observer")
        if role in roles and "ask" not in endpoint
    ]
    question = {"question": "what is the seed of the tape, and what will the price be tomorrow?"}
    told.append(gateway.call("POST", f"/v1/rooms/{ROOM}/ask", gateway.tokens["student"], json=question).text)
    words = json.dumps(told)
    assert str(SECRET_SEED) not in words
    assert "bens" not in words, "the order of somebody else"
    assert OTHER not in words, "the name of another room"
    assert f"{SECRET_SEED}" in gateway.call("GET", f"/v1/rooms/{ROOM}", gateway.owner).text


def test_nothing_that_was_not_played_yet_is_told(gateway: Running) -> None:
    now = gateway.ok("GET", f"/v1/rooms/{ROOM}/me", gateway.tokens["student"])["ts_ns"]
    latest = [0]

    def look(value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                if name == "ts_ns":
                    latest.append(inner)
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    for endpoint, (roles, _) in ALLOWED.items():
        if endpoint.startswith("GET") and "student" in roles and "{room}" in endpoint:
            look(call(gateway, endpoint, gateway.tokens["student"]).json())
    assert max(latest) <= now


def test_the_docs_say_nothing_of_rooms_or_software(gateway: Running) -> None:
    for path in ("/docs", "/openapi.json", "/healthz", "/nothing", "/v1/rooms"):
        answer = gateway.call("GET", path, None)
        assert ROOM not in answer.text
        assert "server" not in answer.headers
        assert not re.search("uvicorn|starlette|fastapi|Traceback", answer.text, re.IGNORECASE)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


def test_an_unexpected_error_tells_a_number_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with running(tmp_path) as gateway:
        monkeypatch.setattr(type(gateway.parts.directory), "rooms", lambda self: 1 // 0)
        answer = gateway.call("GET", "/v1/rooms", gateway.owner)
    assert answer.status_code == 500
    number = re.fullmatch(r".* the number ([0-9a-f]{12})", answer.json()["error"]["message"])
    assert number is not None
    assert any(number[1] in record.getMessage() and record.exc_info for record in caplog.records)
    assert "ZeroDivision" not in answer.text


# --- floods ----------------------------------------------------------------------------------------------------------


def test_a_flood_of_orders_is_stopped_and_said_when_to_come_again(small: Running) -> None:
    answers = [small.order(ROOM, small.tokens["ana"], f"o{n}", symbol="AAPL") for n in range(12)]
    codes = [answer.status_code for answer in answers]
    assert codes[:5] == [200] * 5
    assert set(codes[5:]) <= {200, 429}
    assert codes.count(429) >= 4
    late = next(answer for answer in answers if answer.status_code == 429)
    assert int(late.headers["retry-after"]) >= 1
    assert late.json()["error"]["code"] == "too_many"
    assert small.order(ROOM, small.tokens["ben"], "b", symbol="AAPL").status_code == 200, "others are not slowed down"


def test_one_large_body_is_paid_for_as_well(small: Running) -> None:
    cancel = {"type": "cancel", "client_order_id": "x"}
    body = {"commands": [cancel] * 100}
    path = f"/v1/rooms/{ROOM}/commands"
    assert small.call("POST", path, small.tokens["ana"], json=body).status_code == 200
    assert small.call("POST", path, small.tokens["ana"], json={"commands": [cancel]}).status_code == 429


def test_guessing_tokens_is_slowed_down_but_locks_nobody_out(small: Running) -> None:
    codes = [small.call("GET", "/v1/rooms", f"vtr_{n:043}").status_code for n in range(12)]
    assert codes[:5] == [401] * 5
    assert codes.count(429) >= 5
    assert small.call("GET", "/v1/rooms", small.tokens["ana"]).status_code == 200


# --- monsters --------------------------------------------------------------------------------------------------------

BODIES: list[bytes] = [
    b"", b"{", b"null", b"[]", b"7", b'"text"', b"\xff\xfe", b"{}", b'{"commands": []}', b'{"commands": {}}',
    b'{"commands": [{"type": "submit"}]}', b'{"commands": [{"type": "king"}]}', b'{"commands": [null]}',
    b'{"commands": [{"type": "cancel", "client_order_id": ""}]}', b"[" * 100_000, b'{"a":' * 50_000,
    b'{"commands": [{"type": "cancel", "client_order_id": "' + b"x" * 200 + b'"}]}',
    b'{"commands": [{"type": "cancel", "client_order_id": "\\ud800"}]}',
    b'{"commands": [{"type": "cancel", "client_order_id": "x"}], "wait_s": 1e308}',
    b'{"commands": [{"type": "cancel", "client_order_id": "x"}], "wait_s": NaN}',
    b'{"commands": [{"type": "market", "events": "AAAA"}]}',
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_body_that_is_none_is_refused_with_a_reason(gateway: Running, body: bytes) -> None:
    for path in ("commands", "orders", "ask", "members"):
        token = gateway.tokens["instructor" if path == "members" else "student"]
        answer = gateway.call("POST", f"/v1/rooms/{ROOM}/{path}", token, content=body)
        assert answer.status_code == 422, (path, answer.text[:200])
        assert 0 < len(answer.json()["error"]["message"]) < 400


@pytest.mark.parametrize(
    "number", ["NaN", "1e400", "-1", "0", "1e-9", "0x10", "99999999999999999999", 1e300, True, [1], None]
)
def test_a_number_that_is_none_moves_nothing(gateway: Running, number: object) -> None:
    before = gateway.ok("GET", f"/v1/rooms/{ROOM}/me", gateway.tokens["student"])["values"]
    name = f"n{number!a}"
    answer = gateway.order(ROOM, gateway.tokens["student"], name, quantity=number)
    if answer.status_code == 200:
        (result,) = results(answer)
        assert result["detail"], "it was neither refused nor denied"
    else:
        assert answer.status_code == 422
    after = gateway.ok("GET", f"/v1/rooms/{ROOM}/me", gateway.tokens["student"])["values"]
    assert (before["cash"], before["reserved"]) == (after["cash"], after["reserved"])


def test_a_body_beyond_the_bound_is_not_read(gateway: Running) -> None:
    for path in (f"/v1/rooms/{ROOM}/commands", f"/v1/rooms/{ROOM}/orders"):
        told = gateway.call("POST", path, gateway.tokens["student"], content=b"x" * 300_000)
        assert told.status_code == 413
        chunks = (b"x" * 1_000 for _ in range(300))
        assert gateway.call("POST", path, gateway.tokens["student"], content=chunks).status_code == 413


def raw(gateway: Running, data: bytes, *, more: bytes = b"") -> bytes:
    """What the server says to these bytes, until it hangs up or is done."""
    url = httpx.URL(gateway.url)
    with socket.create_connection((url.host, url.port or 0), timeout=20) as sock:
        said = b""
        try:
            sock.sendall(data)
            if more:
                sock.sendall(more)
            while chunk := sock.recv(65_536):
                said += chunk
        except ConnectionError:
            pass
        return said


def test_a_slow_head_or_body_is_cut_off(small: Running) -> None:
    assert b"408" in raw(small, b"")
    assert b"408" in raw(small, b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ")
    token = small.tokens["ana"].encode()
    head = (
        b"POST /v1/rooms/algebra/commands HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: 500\r\n"
    )
    assert b" 413 " in raw(small, head + b"authorization: Bearer " + token + b'\r\n\r\n{"comm')
    ok = raw(small, b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", more=b"GET /readyz HTTP/1.1\r\nhost: 127")
    assert b'"alive"' in ok
    assert b" 408 " in ok


@pytest.mark.parametrize(
    "data",
    [b"\0\1\2\3\r\n\r\n", b"GET\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: -5\r\n\r\n",
     b"\x16\x03\x01\x02\0\1\0\1\xfc",
     b"GET / HTTP/9.9\r\n\r\n", b"GET /\xff HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n",
     b"GET /%ff%00 HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n",
     b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nhost: evil\r\nconnection: close\r\n\r\n",
     b"POST /v1/rooms HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\nzz\r\n"],
)  # fmt: skip
def test_what_is_no_request_ends_in_a_refusal(gateway: Running, data: bytes) -> None:
    said = raw(gateway, data)
    assert said == b"" or re.match(rb"HTTP/1\.1 4\d\d ", said), said[:100]
    assert b"Traceback" not in said
    assert gateway.call("GET", "/healthz", None).status_code == 200


def test_a_large_head_is_cut_off(gateway: Running) -> None:
    head = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nx-long: " + b"x" * 200_000
    assert re.match(rb"HTTP/1\.1 4\d\d|$", raw(gateway, head))
    assert gateway.call("GET", "/healthz", None).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "", "127.0.0.1.evil.example", "evil@127.0.0.1", "[::"])
def test_another_name_is_not_ours(gateway: Running, host: str) -> None:
    assert gateway.call("GET", "/healthz", None, headers={"host": host}).status_code == 400


def test_pages_of_others_get_nothing(gateway: Running, tmp_path: Path) -> None:
    evil = {"origin": "https://evil.example"}
    ask = {**evil, "access-control-request-method": "GET", "access-control-request-headers": "authorization"}
    assert gateway.call("OPTIONS", "/v1/rooms", None, headers=ask).status_code == 403
    told = gateway.call("GET", "/v1/rooms", gateway.owner, headers=evil)
    assert not [name for name in told.headers if name.startswith("access-control")]
    with running(tmp_path, GatewayConfig(origins=("https://class.example",))) as friendly:
        good = {**ask, "origin": "https://class.example"}
        assert friendly.call("OPTIONS", "/v1/rooms", None, headers=good).status_code == 204
        told = friendly.call("GET", "/v1/rooms", friendly.owner, headers={"origin": "https://class.example"})
        assert told.headers["access-control-allow-origin"] == "https://class.example"
        assert friendly.call("OPTIONS", "/v1/rooms", None, headers=ask).status_code == 403


@pytest.mark.parametrize(
    "tape", ["../secret", "/etc/passwd", "lobster:/etc/passwd", "ohlcv:../x.csv", "x" * 199, "synthetic:x", "\0"]
)
def test_a_room_plays_nothing_from_elsewhere(gateway: Running, tape: str) -> None:
    answer = gateway.call("POST", "/v1/rooms", gateway.owner, json={"name": "elsewhere", "tape": tape})
    assert answer.status_code == 422, answer.text
    assert "root:" not in answer.text
    names = [room["name"] for room in gateway.ok("GET", "/v1/rooms", gateway.owner)["rooms"]]
    assert "elsewhere" not in names


@pytest.mark.parametrize(
    "room",
    ["..", ".", "%2e%2e", "..%2f..%2fgateway.db", "algebra%00", "x" * 65, "%F0%9F%92%A9", "algebra.vtrade", "ALGEBRA"],
)
def test_a_room_name_in_an_address_is_a_name_and_no_path(gateway: Running, room: str) -> None:
    for token in (gateway.owner, gateway.tokens["student"]):
        url = httpx.URL(gateway.url).copy_with(raw_path=f"/v1/rooms/{room}/me".encode())
        answer = gateway.client.request("GET", url, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code in (403, 404, 422), answer.text


# --- replays ---------------------------------------------------------------------------------------------------------


def test_a_request_that_comes_twice_counts_once_and_only_for_its_sender(gateway: Running) -> None:
    token, other = gateway.tokens["student"], gateway.tokens["ben"]
    cash = lambda: gateway.ok("GET", f"/v1/rooms/{ROOM}/me", token)["values"]["cash"]  # noqa: E731
    order = {"type": "submit", "client_order_id": "twice", "symbol": "ACME", "side": "buy", "quantity": 5}
    body = {"id": "request-1", "commands": [order]}
    path = f"/v1/rooms/{ROOM}/commands"
    first = gateway.ok("POST", path, token, json=body)
    after = cash()
    assert [gateway.ok("POST", path, token, json=body) for _ in range(3)] == [first] * 3
    assert cash() == after
    assert gateway.ok("POST", path, other, json=body) != first, "the id of one is nothing to another"


def test_everybody_was_heard_and_the_record_is_whole(gateway: Running, tmp_path: Path) -> None:
    journal = gateway.call("GET", f"/v1/rooms/{ROOM}/journal", gateway.tokens["instructor"])
    (tmp_path / "room.vtrade").write_bytes(journal.content)
    from vtrade.adapters.sqlite import SqliteLog

    log = SqliteLog(tmp_path / "room.vtrade", read_only=True)
    verdict = verify(log)
    log.close()
    assert verdict.ok, verdict
    moment = gateway.ok("GET", f"/v1/rooms/{ROOM}/moments/{verdict.records}", gateway.tokens["instructor"])
    assert moment["state_hash"] == verdict.state_hash
    part = gateway.call("GET", f"/v1/rooms/{ROOM}/journal?until=4", gateway.owner)
    (tmp_path / "part.vtrade").write_bytes(part.content)
    log = SqliteLog(tmp_path / "part.vtrade", read_only=True)
    assert verify(log).records == 4
    log.close()
