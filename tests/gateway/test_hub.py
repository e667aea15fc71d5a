"""Does a gateway that is a service of a JupyterHub let the Hub's people in as who they are?

Rules: the Hub is a small stand-in for its REST API; JupyterHub's own client asks it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.running import ROOM, running
from tests.gateway.test_access import Wall
from vtrade.errors import SettingsError, Unavailable
from vtrade.gateway.hub import CACHE_S, HubDoor, groups_of, hub_from_environment
from vtrade.services.access import Role

USERS: dict[str, dict[str, Any]] = {
    "hub-ana": {"kind": "user", "name": "ana", "admin": False, "groups": ["class-of-2026"]},
    "hub-tina": {"kind": "user", "name": "tina", "admin": False, "groups": ["others", "teachers"]},
    "hub-root": {"kind": "user", "name": "root", "admin": True, "groups": []},
    "hub-evil": {"kind": "user", "name": "../evil", "admin": False, "groups": []},
    "hub-service": {"kind": "service", "name": "cull", "admin": True},
}


class FakeHub(ThreadingHTTPServer):
    asked = 0
    down = False


class Api(BaseHTTPRequestHandler):
    server: FakeHub

    def do_GET(self) -> None:
        self.server.asked += 1
        token = self.headers.get("authorization", "").split(" ")[-1]
        user = USERS.get(token)
        status = 500 if self.server.down else 403 if user is None else 200
        body = json.dumps(user or {"message": "no"}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    server = FakeHub(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def environ(hub: FakeHub) -> dict[str, str]:
    return {
        "JUPYTERHUB_API_URL": f"http://127.0.0.1:{hub.server_port}/hub/api", "JUPYTERHUB_API_TOKEN": "service",
        "JUPYTERHUB_SERVICE_NAME": "vtrade", "JUPYTERHUB_SERVICE_PREFIX": "/services/vtrade/",
    }  # fmt: skip


def door(hub: FakeHub, clock: Wall | None = None) -> HubDoor:
    made = hub_from_environment(clock or Wall(), groups=groups_of(["teachers=instructor"]), environ=environ(hub))
    assert made is not None
    return made


def test_who_somebody_is_follows_from_admin_and_groups(hub: FakeHub) -> None:
    known = door(hub)
    assert known.person("hub-ana") == ("ana", Role.STUDENT)
    assert known.person("hub-tina") == ("tina", Role.INSTRUCTOR)
    assert known.person("hub-root") == ("root", Role.OWNER)
    for nobody in ("hub-evil", "hub-service", "unknown", "", "x" * 5_000, "ünïcode"):
        assert known.person(nobody) is None


def test_an_answer_is_believed_for_a_while(hub: FakeHub) -> None:
    clock = Wall()
    known = door(hub, clock)
    for token in ("hub-ana", "unknown"):
        before = hub.asked
        assert known.person(token) == known.person(token) == known.person(token)
        assert hub.asked == before + 1
    clock.sleep(CACHE_S + 1)
    hub.down = True
    with pytest.raises(Unavailable):
        known.person("hub-ana")


def test_nobody_is_a_service_without_being_told(hub: FakeHub) -> None:
    told = environ(hub)
    for name in ("JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN", "JUPYTERHUB_SERVICE_NAME"):
        assert hub_from_environment(Wall(), environ={**told, name: ""} if "URL" in name else
                                    {k: v for k, v in told.items() if k != name}) is None  # fmt: skip


@pytest.mark.parametrize("pair", ["teachers", "teachers=king", "=ta"])
def test_a_group_needs_a_role(pair: str) -> None:
    with pytest.raises(SettingsError, match="GROUP=ROLE"):
        groups_of([pair])


def test_people_of_the_hub_come_in_under_its_prefix(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ(hub).items():
        monkeypatch.setenv(name, value)
    with running(tmp_path, prefix="/services/vtrade") as gateway:
        assert gateway.url.endswith("/services/vtrade")
        gateway.room(ROOM, tape="sample:AAPL")
        assert gateway.order(ROOM, "hub-ana", "o1", symbol="AAPL").json()["results"][0]["detail"] == ""
        me = gateway.ok("GET", f"/v1/rooms/{ROOM}/me", "hub-ana")
        assert (me["account"], me["role"], me["values"]["account"]) == ("ana", "student", "ana")
        assert gateway.ok("GET", f"/v1/rooms/{ROOM}/me", "hub-root")["role"] == "owner"
        assert gateway.call("GET", f"/v1/rooms/{ROOM}/members", "hub-ana").status_code == 403
        assert gateway.call("GET", f"/v1/rooms/{ROOM}/me", "hub-nobody").status_code == 401
        assert gateway.ok("GET", "/openapi.json", None)["servers"] == [{"url": "/services/vtrade"}]
