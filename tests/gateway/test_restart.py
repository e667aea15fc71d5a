"""Is everything that was acknowledged there once after a kill, and does a gateway stop politely when it is asked?"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateway.running import process
from vtrade.adapters.sqlite import SqliteLog
from vtrade.services.runtime import verify

STUDENTS = 6
ORDERS = 200
WAIT_S = 120


def call(url: str, method: str, path: str, token: str, **options: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"}
    return httpx.request(method, url + path, headers=headers, timeout=60, trust_env=False, **options)


def test_after_kill_9_every_acknowledged_order_is_there_once(tmp_path: Path) -> None:
    acknowledged: dict[str, list[str]] = {}
    enough = threading.Semaphore(0)

    def trade(url: str, account: str, token: str) -> None:
        mine = acknowledged.setdefault(account, [])
        with httpx.Client(base_url=url, headers={"authorization": f"Bearer {token}"}, trust_env=False) as client:
            for n in range(ORDERS):
                command = {"type": "submit", "client_order_id": f"o{n}", "symbol": "AAPL", "side": "buy", "quantity": 1}
                body = {"id": f"r{n}", "commands": [command], "wait_s": 0}
                try:
                    answer = client.post("/v1/rooms/class/commands", json=body)
                except httpx.HTTPError:
                    return
                if answer.status_code != 200 or answer.json()["results"][0]["status"] == "refused":
                    return
                mine.append(f"o{n}")
                enough.release()

    with process(tmp_path) as (child, url, owner):
        assert call(url, "POST", "/v1/rooms", owner, json={"name": "class", "tape": "sample:AAPL"}).status_code == 201
        names = [f"s{n}" for n in range(STUDENTS)]
        made = call(url, "POST", "/v1/rooms/class/members", owner, json={"accounts": names}).json()["members"]
        tokens = {member["account"]: member["token"] for member in made}
        threads = [threading.Thread(target=trade, args=(url, name, tokens[name])) for name in names]
        for thread in threads:
            thread.start()
        for _ in range(60):
            assert enough.acquire(timeout=WAIT_S)
        child.kill()
        child.wait()
        for thread in threads:
            thread.join(WAIT_S)
    with process(tmp_path) as (child, url, again):
        assert again == owner
        for name in names:
            rows = call(url, "GET", "/v1/rooms/class/orders", tokens[name]).json()["rows"]
            known = [row["client_order_id"] for row in rows]
            assert len(known) == len(set(known))
            assert set(acknowledged[name]) <= set(known)
            command = {"type": "submit", "client_order_id": "o0", "symbol": "AAPL", "side": "buy", "quantity": 1}
            body = {"id": "r0", "commands": [command], "wait_s": 5}
            answer = call(url, "POST", "/v1/rooms/class/commands", tokens[name], json=body)
            assert answer.status_code == 200
            after = call(url, "GET", "/v1/rooms/class/orders", tokens[name]).json()["rows"]
            assert [row for row in after if row["client_order_id"] == "o0"] == [
                row for row in rows if row["client_order_id"] == "o0"
            ], "a request that was sent again was done again"
        child.send_signal(signal.SIGTERM)
        assert child.wait(WAIT_S) == 0
    log = SqliteLog(tmp_path / "rooms" / "class.vtrade", read_only=True)
    assert verify(log).ok
    assert log.damage() == ""
    log.close()


SHELL = """
import sys
from vtrade.cli_serve import class_app, serve_app
(class_app if sys.argv.pop(1) == "class" else serve_app)()
"""


def shell(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SHELL, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, **options)


def test_a_class_is_run_from_a_shell(tmp_path: Path) -> None:
    file, out = tmp_path / "owner", tmp_path / "tokens.csv"
    command = [sys.executable, "-c", SHELL, "serve", "--embedded", "--port", "0", "--data", str(tmp_path / "data"),
               "--owner-token-file", str(file)]  # fmt: skip
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == f"owner's token written to {file}\n"
        url = next(word for word in child.stdout.readline().split() if word.startswith("http://127.0.0.1:"))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        common = ["--gateway", url, "--token-file", str(file)]
        assert "stands still" in shell("class", "create", "algebra", *common).stdout
        assert "exists" not in shell("class", "enrol", "algebra", "ana", "=ben", "--out", str(out), *common).stdout
        assert not out.exists(), "a name that begins like a formula is no name"
        assert "2 people" in shell("class", "enrol", "algebra", "ana", "ben", "--out", str(out), *common).stdout
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        heads, ana, _ben = out.read_text().splitlines()
        assert heads == "account,role,token,expires"
        token = ana.split(",")[2]
        assert call(url, "GET", "/v1/rooms/algebra/me", token).status_code == 200
        assert shell("class", "enrol", "algebra", "cai", "--out", str(out), *common).returncode == 1
        assert "plays" in shell("class", "start", "algebra", *common).stdout
        assert "ana" in shell("class", "list", "algebra", *common).stdout
        assert "1 token(s)" in shell("class", "revoke", "algebra", "ana", *common).stdout
        assert call(url, "GET", "/v1/rooms/algebra/me", token).status_code == 401
        wrong = shell("class", "create", "x", "--gateway", url, env={**os.environ, "VTRADE_TOKEN": "vto_no"})
        assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1)
        second = shell("serve", "--embedded", "--port", "0", "--data", str(tmp_path / "data"))
        assert second.returncode == 1
        assert "in use" in second.stderr
        child.send_signal(signal.SIGINT)
        assert child.wait(WAIT_S) == 0
        assert child.stderr is not None
        assert "Traceback" not in child.stderr.read()
    finally:
        child.kill()
        child.communicate()


@pytest.mark.parametrize(
    "wrong",
    [["--tls-cert", "no.pem"], ["--tls-cert", "no.pem", "--tls-key", "no.key"], ["--hub-group", "teachers"]],
)
def test_a_setting_that_cannot_be_is_one_line(tmp_path: Path, wrong: list[str]) -> None:
    token = tmp_path / "token"
    always = ["serve", "--embedded", "--port", "0", "--data", str(tmp_path), "--owner-token-file", str(token)]
    done = shell(*always, *wrong)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert not token.exists(), "a token was made for a gateway that cannot be"


def test_listening_in_the_clear_is_said_loudly() -> None:
    from vtrade.gateway.serve import Listening

    assert Listening(host="0.0.0.0").in_the_clear
    assert not Listening(host="127.0.0.1").in_the_clear
    assert not Listening(host="0.0.0.0", tls_cert=Path("a"), tls_key=Path("b")).in_the_clear
