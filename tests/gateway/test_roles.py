"""May everybody do what the table of roles says, and nothing else, at every address there is?"""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.running import OTHER, ROLES, ROOM, Running

EVERYBODY = frozenset(ROLES)
ACCOUNT = frozenset({"owner", "instructor", "ta", "student"})
STUDENT = frozenset({"student"})
TEACHERS = frozenset({"owner", "instructor"})
OWNER = frozenset({"owner"})

ORDER = {"client_order_id": "x", "symbol": "ACME", "side": "buy", "quantity": 1}
CANCEL = {"commands": [{"type": "cancel", "client_order_id": "nothing"}]}

ALLOWED: dict[str, tuple[frozenset[str], Any]] = {
    "GET /v1/tapes": (OWNER, None),
    "GET /v1/rooms": (EVERYBODY, None),
    "POST /v1/rooms": (OWNER, {"name": "a/b"}),
    "GET /v1/rooms/{room}": (EVERYBODY, None),
    "DELETE /v1/rooms/{room}": (OWNER, None),
    "GET /v1/rooms/{room}/members": (TEACHERS, None),
    "POST /v1/rooms/{room}/members": (TEACHERS, {"accounts": ["a/b"]}),
    "DELETE /v1/rooms/{room}/members/{member}": (TEACHERS, None),
    "POST /v1/rooms/{room}/commands": (STUDENT, CANCEL),
    "POST /v1/rooms/{room}/orders": (STUDENT, ORDER),
    "DELETE /v1/rooms/{room}/orders/{order}": (STUDENT, None),
    "PATCH /v1/rooms/{room}/orders/{order}": (STUDENT, {"quantity": 1}),
    "GET /v1/rooms/{room}/journal": (TEACHERS, None),
    "GET /v1/rooms/{room}/moments/{seq}": (TEACHERS, None),
    "GET /v1/rooms/{room}/me": (EVERYBODY, None),
    "GET /v1/rooms/{room}/orders": (ACCOUNT, None),
    "GET /v1/rooms/{room}/orders/{order}": (ACCOUNT, None),
    "GET /v1/rooms/{room}/orders/{order}/explanation": (ACCOUNT, None),
    "POST /v1/rooms/{room}/preview": (STUDENT, {"commands": [{"type": "submit", **ORDER}]}),
    "GET /v1/rooms/{room}/fills": (ACCOUNT, None),
    "GET /v1/rooms/{room}/positions": (ACCOUNT, None),
    "GET /v1/rooms/{room}/round-trips": (ACCOUNT, None),
    "GET /v1/rooms/{room}/equity-curve": (ACCOUNT, None),
    "GET /v1/rooms/{room}/statistics": (ACCOUNT, None),
    "GET /v1/rooms/{room}/exposure": (ACCOUNT, None),
    "GET /v1/rooms/{room}/progress": (ACCOUNT, None),
    "GET /v1/rooms/{room}/tenders": (ACCOUNT, None),
    "GET /v1/rooms/{room}/view": (ACCOUNT, None),
    "POST /v1/rooms/{room}/ask": (STUDENT, {"question": "what is a spread?"}),
    "GET /v1/rooms/{room}/quotes": (EVERYBODY, None),
    "GET /v1/rooms/{room}/book/{symbol}": (EVERYBODY, None),
    "GET /v1/rooms/{room}/bars/{symbol}": (EVERYBODY, None),
    "GET /v1/rooms/{room}/news": (EVERYBODY, None),
    "GET /v1/rooms/{room}/leaderboard": (EVERYBODY, None),
    "GET /metrics": (OWNER, None),
}
"""Who may call what; ``None`` stands for no body. Bodies are such that nothing changes for those who may."""
NOBODY_ASKED = {"GET /healthz", "GET /readyz"}
FILLED = {"order": "mine", "symbol": "ACME", "member": "nobody", "seq": "1"}


def documented(gateway: Running) -> set[str]:
    paths = gateway.ok("GET", "/openapi.json", None)["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


def call(gateway: Running, endpoint: str, token: str | None, room: str = ROOM, **more: Any) -> Any:
    method, _, path = endpoint.partition(" ")
    body = ALLOWED[endpoint][1] if endpoint in ALLOWED else None
    if body is not None:
        more["json"] = body
    return gateway.call(method, path.format(room=room, **FILLED), token, **more)


def test_every_address_is_in_the_table(gateway: Running) -> None:
    assert documented(gateway) == ALLOWED.keys() | NOBODY_ASKED


@pytest.mark.parametrize("endpoint", ALLOWED)
def test_each_role_at_each_address(gateway: Running, endpoint: str) -> None:
    allowed = ALLOWED[endpoint][0]
    told = {}
    for role in ROLES:
        room = "nowhere" if endpoint == "DELETE /v1/rooms/{room}" and role == "owner" else ROOM
        answer = call(gateway, endpoint, gateway.tokens[role], room)
        assert answer.status_code < 500, answer.text
        told[role] = answer.status_code not in (401, 403)
    assert told == {role: role in allowed for role in ROLES}


@pytest.mark.parametrize("endpoint", [name for name in ALLOWED if "{room}" in name])
def test_nobody_gets_into_a_foreign_room(gateway: Running, endpoint: str) -> None:
    for role in ROLES[1:]:
        there = call(gateway, endpoint, gateway.tokens[role], OTHER)
        nowhere = call(gateway, endpoint, gateway.tokens[role], "no-such-room")
        assert (there.status_code, nowhere.status_code) == (403, 403)
        assert there.text.replace(OTHER, "?") == nowhere.text.replace("no-such-room", "?"), "it tells which rooms exist"


@pytest.mark.parametrize("endpoint", ALLOWED)
def test_nobody_gets_in_without_a_token(gateway: Running, endpoint: str) -> None:
    for token in (None, "", "x", "vtr_" + "A" * 43, "vto_" + "A" * 43, "vtr_" + "ä" * 5):
        headers = {} if token is None else {"authorization": f"Bearer {token}".strip().encode()}
        assert call(gateway, endpoint, None, headers=headers).status_code == 401


PRIVATE = [name for name in ALLOWED if name.startswith("GET") and ALLOWED[name][0] == ACCOUNT]


@pytest.mark.parametrize("endpoint", PRIVATE)
def test_a_student_reads_only_his_own(gateway: Running, endpoint: str) -> None:
    student = gateway.tokens["student"]
    for other in ("ben", "nobody-at-all"):
        answer = call(gateway, endpoint, student, params={"account": other})
        assert answer.status_code == 403
        assert answer.json()["error"]["message"].replace(other, "?") == "account '?' is not yours; leave ?account= out"
    assert call(gateway, endpoint, student, params={"account": "student-one"}).status_code == 200
    assert call(gateway, endpoint, gateway.tokens["ta"], params={"account": "student-one"}).status_code == 200


def test_an_order_of_somebody_else_is_not_there(gateway: Running) -> None:
    for path in ("orders/bens", "orders/bens/explanation", "orders/2", "orders/2/explanation"):
        answer = gateway.call("GET", f"/v1/rooms/{ROOM}/{path}", gateway.tokens["student"])
        assert answer.status_code == 404, answer.text


@pytest.mark.parametrize(
    "command",
    [
        {"type": "room", "action": "start"},
        {"type": "room", "action": "close"},
        {"type": "room", "action": "adjust", "account": "student-one", "amount": "1000000"},
        {"type": "room", "action": "fine", "account": "ben", "amount": "1000"},
        {"type": "room", "action": "news", "text": "the exam is canceled"},
        {"type": "tender", "tender": "t", "account": "student-one", "symbol": "ACME", "side": "buy", "quantity": 1,
         "price": 1, "expire_ns": 1},
        {"type": "open_account", "account": "student-two", "cash": "5"},
        {"type": "corporate", "symbol": "ACME", "kind": "split", "numerator": 2},
    ],
)  # fmt: skip
def test_a_student_runs_nothing(gateway: Running, command: dict[str, Any]) -> None:
    before = gateway.ok("GET", f"/v1/rooms/{ROOM}", gateway.owner)["seq"]
    body = {"commands": [{"type": "cancel", "client_order_id": "mine"}, command]}
    for role in ("student", "observer"):
        answer = gateway.call("POST", f"/v1/rooms/{ROOM}/commands", gateway.tokens[role], json=body)
        assert answer.status_code == 403, answer.text
    assert gateway.ok("GET", f"/v1/rooms/{ROOM}", gateway.owner)["seq"] == before, "part of it was sent"


def test_an_assistant_conducts_but_does_not_govern(gateway: Running) -> None:
    def send(**command: Any) -> int:
        body = {"commands": [{"type": "room", **command}]}
        return gateway.call("POST", f"/v1/rooms/{ROOM}/commands", gateway.tokens["ta"], json=body).status_code

    assert send(action="news", text="five minutes left") == 200
    assert send(action="fine", account="ben", amount=1) == 403
    assert send(action="close") == 403


def test_a_command_cannot_name_its_sender_or_its_time(gateway: Running) -> None:
    for more in ({"account": "ben"}, {"ts_ns": 2**62}):
        body = {"commands": [{"type": "submit", **ORDER, **more}]}
        answer = gateway.call("POST", f"/v1/rooms/{ROOM}/commands", gateway.tokens["student"], json=body)
        assert answer.status_code == 422
