"""Can somebody try an order at a gateway, and learn nothing that is not his?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import vtrade as vt
from tests.gateway.running import ROOM, Running, classroom, running
from vtrade.desk.preview import foreseen, preview
from vtrade.domain.messages import SubmitOrder
from vtrade.domain.orders import OrderType, Side
from vtrade.gateway.config import GatewayConfig

ORDER = {"type": "submit", "client_order_id": "tried-x", "symbol": "ACME", "side": "buy", "quantity": 10}
PATH = f"/v1/rooms/{ROOM}/preview"


def tried(gateway: Running, *commands: dict[str, Any], role: str = "student", query: str = "") -> Any:
    return gateway.call("POST", PATH + query, gateway.tokens[role], json={"commands": list(commands)})


def seq(gateway: Running) -> int:
    return int(gateway.ok("GET", f"/v1/rooms/{ROOM}", gateway.owner)["seq"])


def test_an_order_is_tried_and_nothing_is_written(gateway: Running) -> None:
    before = seq(gateway)
    exits = {
        **ORDER,
        "client_order_id": "tried-y",
        "side": "sell",
        "order_type": "limit",
        "limit_price": "900",
        "parent": "tried-x",
    }
    told = tried(gateway, ORDER, exits).json()["previews"]
    assert [p["status"] for p in told] == ["FILLED", "ACCEPTED"]
    assert (told[0]["filled"], told[0]["levels"][0]["take"]) == (10.0, 10.0)
    assert told[0]["most"] is None
    denied = tried(gateway, {**ORDER, "quantity": 10**7}, query="?most=true").json()["previews"][0]
    assert (denied["status"], denied["field"]) == ("DENIED", "quantity")
    assert 0 < denied["most"]["quantity"] <= denied["most"]["by_power"]
    change = tried(gateway, {"type": "replace", "client_order_id": "mine", "quantity": 5}).json()["previews"][0]
    assert (change["change"], change["status"]) == (True, "DENIED")
    assert seq(gateway) == before


@pytest.mark.parametrize(
    "body",
    [{"commands": []}, {"commands": [{"type": "cancel", "client_order_id": "mine"}]}, {"commands": [ORDER] * 9}, {},
     {"commands": [{**ORDER, "quantity": "many"}]}, {"commands": [{**ORDER, "account": "ben"}]}],
)  # fmt: skip
def test_what_is_no_order_is_one_error(gateway: Running, body: dict[str, Any]) -> None:
    answer = gateway.call("POST", PATH, gateway.tokens["student"], json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["message"]


def test_nobody_tries_for_somebody_else(gateway: Running) -> None:
    own = tried(gateway, {**ORDER, "client_order_id": "bens"}).json()["previews"][0]
    assert own["status"] == "FILLED", "the name of another's order is free here, and tells nothing"
    assert (
        tried(gateway, {"type": "replace", "client_order_id": "bens", "quantity": 1}).json()["previews"][0]["reason"]
        == "UNKNOWN_ORDER"
    )
    for role in ("observer", "ta", "instructor"):
        assert tried(gateway, ORDER, role=role).status_code == 403


def test_a_desk_over_the_wire_is_told_the_same(gateway: Running) -> None:
    desk = vt.connect(gateway.url, token=gateway.tokens["student"])
    try:
        near = gateway.parts.rooms.open(ROOM)
        order = SubmitOrder(near.now_ns, desk.account, "try", "ACME", Side.BUY, OrderType.MARKET, 25 * 10**6)
        for most in (False, True):
            assert foreseen(desk, [order], most=most) == near.previewed([order], most=most)
        assert preview(desk, "buy", "ACME", 10**6).field == "quantity"
        told = desk.handle({"intent": "preview", "symbol": "ACME", "side": "buy", "type": "market", "quantity": "25"})
        assert "fill at once" in told["text"]
        size = {"intent": "size", "symbol": "ACME", "side": "buy", "type": "market", "share": 0.5}
        assert desk.handle(size)["data"]["quantity"] > 0
    finally:
        desk.close_desk()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Running]:
    """A gateway that lets nobody ask much."""
    with running(tmp_path, GatewayConfig(asks_per_s=0.01, asks_burst=4)) as made:
        classroom(made)
        yield made


def test_somebody_who_tries_too_often_is_told_to_wait(slow: Running) -> None:
    codes = [tried(slow, ORDER).status_code for _ in range(6)]
    assert codes[0] == 200
    assert codes[-1] == 429
