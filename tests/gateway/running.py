"""How does a test get a gateway: a real server on a free port of the loopback, over a folder of its own?

Rules: in a thread of this process where nothing is killed, else in a process of its own; both end with the test.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from vtrade.bootstrap.gateway import embedded_parts
from vtrade.gateway.config import GatewayConfig
from vtrade.gateway.serve import Listening, run
from vtrade.gateway.state import Gateway, Parts

START_S = 90
SECRET_SEED = 867530986753
ROOM, OTHER = "algebra", "geometry"
ROLES = ("owner", "instructor", "ta", "student", "observer")
WIDE = GatewayConfig(orders_per_s=2_000, orders_burst=4_000, asks_per_s=2_000, asks_burst=4_000, tutor_per_s=100,
                     tutor_burst=100, failures_per_s=1_000, failures_burst=5_000)  # fmt: skip
"""Bounds that a test does not run into unless it wants to."""


class Running:
    """A gateway that runs."""

    def __init__(self, url: str, owner: str, parts: Parts) -> None:
        self.url = url
        self.owner = owner
        self.parts = parts
        self.tokens: dict[str, str] = {"owner": owner}
        self.client = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def call(self, method: str, path: str, token: str | None, **options: Any) -> httpx.Response:
        headers = {**options.pop("headers", {}), **({"authorization": f"Bearer {token}"} if token else {})}
        return self.client.request(method, path, headers=headers, **options)

    def ok(self, method: str, path: str, token: str | None, **options: Any) -> Any:
        answer = self.call(method, path, token, **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    def room(self, name: str, *, tape: str = f"synthetic:{SECRET_SEED}") -> str:
        self.ok("POST", "/v1/rooms", self.owner, json={"name": name, "tape": tape})
        return name

    def enrol(self, room: str, *accounts: str, role: str = "student", **more: Any) -> dict[str, str]:
        body = {"accounts": list(accounts), "role": role, **more}
        made = self.ok("POST", f"/v1/rooms/{room}/members", self.owner, json=body)["members"]
        return {member["account"]: member["token"] for member in made}

    def order(self, room: str, token: str, name: str, **terms: Any) -> httpx.Response:
        body = {"client_order_id": name, "symbol": "ACME", "side": "buy", "quantity": 10, **terms}
        return self.call("POST", f"/v1/rooms/{room}/orders", token, json=body)

    @property
    def stream_url(self) -> str:
        return self.url.replace("http", "ws", 1)


@contextmanager
def running(folder: Path, config: GatewayConfig = WIDE, **listening: Any) -> Iterator[Running]:
    """A gateway in a thread of this process."""
    parts = embedded_parts(data=folder)
    owner = parts.directory.new_owner().token
    ready: list[str] = []
    up, stop = threading.Event(), threading.Event()

    def came_up(url: str) -> None:
        ready.append(url)
        up.set()

    def serve() -> None:
        try:
            run(Gateway(parts, config), Listening(port=0, **listening), on_ready=came_up, stop=stop)
        finally:
            up.set()

    thread = threading.Thread(target=serve, name="gateway-of-a-test")
    thread.start()
    try:
        assert up.wait(START_S)
        assert ready, "the gateway did not start"
        made = Running(ready[0], owner, parts)
        with made.client:
            yield made
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


@contextmanager
def process(folder: Path, *, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A gateway in a process of its own, which may be killed: the process, its address, the owner's token."""
    token = folder / "owner-token"
    command = [sys.executable, "-m", "tests.gateway.running", str(folder), str(token), str(port)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    try:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        assert url.startswith("http"), "the gateway did not start"
        yield child, url, token.read_text()
    finally:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


def classroom(gateway: Running) -> None:
    """Two rooms with somebody of every role in the first, and a student in the second."""
    gateway.room(ROOM)
    gateway.room(OTHER, tape="sample:AAPL")
    for role in ROLES[1:]:
        gateway.tokens[role] = gateway.enrol(ROOM, f"{role}-one", role=role)[f"{role}-one"]
    gateway.tokens["ben"] = gateway.enrol(ROOM, "ben")["ben"]
    gateway.tokens["stranger"] = gateway.enrol(OTHER, "eve")["eve"]
    assert gateway.order(ROOM, gateway.tokens["student"], "mine").json()["results"][0]["status"] == "told"
    assert gateway.order(ROOM, gateway.tokens["ben"], "bens").json()["results"][0]["status"] == "told"


def results(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    told: list[dict[str, Any]] = msgspec.json.decode(answer.content)["results"]
    return told


def main(folder: Path, token: Path, port: int) -> None:
    parts = embedded_parts(data=folder)
    if not token.exists():
        token.write_text(parts.directory.new_owner().token)
    run(Gateway(parts, WIDE), Listening(port=port), on_ready=lambda url: print(url, flush=True))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
