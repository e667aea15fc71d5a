"""What becomes of a class whose gateway is killed while students press buttons?

Rules: everything goes over HTTP, as from a notebook: a request without an answer is sent again with the same id, to the
gateway that comes next at the same address.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.backbone.crew import Crew, own_settings, until
from tests.backbone.faultcheck import check
from tests.backbone.faultworld import TAPE, world
from tests.backbone.students import ACCOUNTS, Request
from tests.servers import Server
from vtrade.domain.topics import TRADES
from vtrade.errors import Unavailable
from vtrade.services import commands as asked
from vtrade.services.stack.servers import free_ports

pytestmark = [pytest.mark.needs("kafka", "redis"), pytest.mark.timeout(300)]
BROWSERS = 4
BUSY = (429, 502, 503, 504)
"""Answers after which a browser sends a request again."""


class Site:
    """A gateway in a process of its own, and students with browsers."""

    def __init__(self, crew: Crew, folder: Path) -> None:
        self._crew = crew
        self._port, self._metrics = free_ports(2)
        self._token_file = folder / "owner-token"
        self._tokens: dict[str, str] = {}
        self._room = ""
        self._pool = ThreadPoolExecutor(BROWSERS)
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=30, trust_env=False)
        self.broken = 0
        """Requests that broke off without an answer."""

    def start(self) -> None:
        """Start the gateway, and wait until it answers."""
        ready = self._ready()
        self._crew.start(
            "gateway", "serve", "--port", str(self._port), "--metrics-port", str(self._metrics), "--owner-token-file",
            str(self._token_file),
        )  # fmt: skip
        until(lambda: self._ready() > ready, "the gateway is up")

    def _ready(self) -> int:
        path = self._crew.folder / "gateway.log"
        return path.read_text(errors="replace").count("VTrade gateway at") if path.exists() else 0

    def enter(self, name: str) -> None:
        """Make a room with all accounts, and let its market play."""
        self._room = name
        self._owner("/v1/rooms", {"name": name, "tape": TAPE, "cash": "100000"})
        made = self._owner(f"/v1/rooms/{name}/members", {"accounts": list(ACCOUNTS), "role": "student"})
        self._tokens = {member["account"]: member["token"] for member in made["members"]}
        play = {"commands": [{"type": "room", "action": "start", "speed": 10}], "wait_s": 5}
        self._owner(f"/v1/rooms/{name}/commands", play)

    def _owner(self, path: str, body: dict[str, Any]) -> Any:
        token = self._token_file.read_text().strip()
        answer = self._client.post(path, json=body, headers={"authorization": f"Bearer {token}"})
        assert answer.is_success, answer.text
        return answer.json()

    def post(self, request: Request) -> Future[int]:
        """Send a request, and take its acknowledgement."""
        account: str = request.message.account  # type: ignore[union-attr]
        if request.topic:
            request.topic, number = "", request.id.rpartition("/")[2]
            request.id = asked.message_id(account, f"r{number}", 0)
        return self._pool.submit(self._post, request, account)

    def _post(self, request: Request, account: str) -> int:
        body = asked.write_body([request.message], request=request.id.split("/")[1], wait_s=0)
        headers = {"authorization": f"Bearer {self._tokens[account]}", "content-type": "application/json"}
        try:
            answer = self._client.post(f"/v1/rooms/{self._room}/commands", content=body, headers=headers)
        except httpx.TransportError as error:
            self.broken += 1
            raise Unavailable(str(error)) from error
        if answer.status_code in BUSY:
            raise Unavailable(answer.text)
        assert answer.is_success, answer.text
        (result,) = answer.json()["results"]
        assert result["status"] in ("durable", "told"), result
        return 0

    def close(self) -> None:
        """Let go of the browsers."""
        self._pool.shutdown(cancel_futures=True)
        self._client.close()


def test_a_killed_gateway_is_replaced_and_nothing_is_lost(
    kafka_server: Server, redis_server: Server, tmp_path: Path
) -> None:
    settings = own_settings(kafka_server.settings, redis_server.url, tmp_path, prefix="gateway")
    with world(settings, tmp_path) as here:
        site = Site(here.crew, tmp_path)
        try:
            site.start()
            with here.lesson("gateway-killed", door=site) as lesson:
                for _ in range(2):
                    lesson.students.more(50)
                    before = site.broken
                    here.crew.kill("gateway")
                    until(lambda b=before: site.broken > b, "students notice")  # type: ignore[misc]
                    lesson.played(5)  # the market goes on without a gateway
                    site.start()
                lesson.students.more(50)
                assert lesson.students.unknown > 0
                verdict = check(lesson)
                assert here.bus.ends(TRADES)[lesson.partition][1] > verdict.told
        finally:
            site.close()
