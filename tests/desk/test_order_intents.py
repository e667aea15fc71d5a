"""Can orders be changed, canceled, closed and taken along from a panel, and is a refusal told beside its field?"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

import vtrade as vt
from tests.desk.conftest import Opener, records
from tests.services.loopback import Class, SharedOver, class_tape
from vtrade.desk.intents import export as exports
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.orders import Status
from vtrade.domain.rules import RoomRules


@pytest.fixture
def resting(desk: vt.Desk) -> vt.Desk:
    """A desk with a position, two buys that rest and a stop."""
    desk.step(seconds=5)
    bid = float(desk.quotes().bid["ACME"])
    desk.buy("ACME", 200)
    desk.buy("ACME", 60, limit=round(bid - 1, 2), tif="GTC", client_order_id="mine")
    desk.buy("BYTE", 5, limit=round(float(desk.quotes().bid["BYTE"]) - 1, 2), tif="GTC", client_order_id="other")
    desk.sell("ACME", 50, stop=round(bid - 2, 2), tif="GTC", client_order_id="guard")
    return desk


# --- change ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"quantity": "abc"}, "quantity", "quantity"),
        ({"quantity": "0"}, "quantity", "quantity"),
        ({"quantity": "1.5"}, "quantity", "lot"),
        ({"quantity": True}, "quantity", "True"),
        ({"limit_price": "0.001"}, "limit_price", "grid"),
        ({"limit_price": "x"}, "limit_price", "limit price"),
        ({"limit_price": "NaN"}, "limit_price", "limit price"),
        ({"stop_price": "170"}, "stop_price", "stop"),
        ({"quantity": "10", "limit_price": "170.001"}, "limit_price", "grid"),
        ({"quantity": "9000000"}, "quantity", ""),
        ({}, "", ""),
    ],
)
def test_a_refused_change_names_its_field(resting: vt.Desk, changes: dict[str, Any], field: str, words: str) -> None:
    before = repr(resting.order("mine"))
    reply = resting.handle({"intent": "replace", "id": "mine", **changes})
    assert (reply["kind"], reply.get("field", "")) == ("error", field)
    assert words in reply["text"]
    assert repr(resting.order("mine")) == before
    json.dumps(reply, allow_nan=False)


def test_a_change_is_told(resting: vt.Desk) -> None:
    reply = resting.handle({"intent": "replace", "id": "mine", "quantity": "40", "limit_price": "170.5"})
    assert reply["kind"] == "ok"
    assert (resting.order("mine").quantity, resting.order("mine").limit_price) == (40, 170.5)
    assert resting.handle({"intent": "replace", "id": "guard", "stop_price": "171.25"})["kind"] == "ok"
    assert resting.order("guard").stop_price == 171.25


def test_an_old_refusal_is_not_told_again(open_desk: Opener) -> None:
    """With a way to the venue, a change that is still flying is no refusal, whatever happened before."""
    desk = open_desk(rules=RoomRules.make(latency_ms=200))
    desk.step(seconds=5)
    desk.buy("ACME", 10, limit=100, tif="GTC", client_order_id="mine")
    desk.step(seconds=1)
    desk.handle({"intent": "replace", "id": "mine", "limit_price": "100.001"})
    desk.step(seconds=1)
    assert type(desk.order("mine")._record.facts[-1]).__name__ == "ReplaceRejected"
    reply = desk.handle({"intent": "replace", "id": "mine", "limit_price": "101"})
    assert reply["kind"] == "ok"
    assert "on its way" in reply["text"]
    assert desk.handle({"intent": "cancel", "id": "mine"})["kind"] == "ok"


# --- many at once ----------------------------------------------------------------------------------------------------


def test_cancel_all(resting: vt.Desk) -> None:
    some = resting.handle({"intent": "cancel_all", "symbol": "BYTE"})
    assert some == {"kind": "ok", "text": "1 order canceled"}
    assert resting.handle({"intent": "cancel_all", "side": "sell"})["text"] == "1 order canceled"
    assert resting.order("mine").working
    assert resting.handle({"intent": "cancel_all"})["text"] == "1 order canceled"
    again = resting.handle({"intent": "cancel_all"})
    assert (again["kind"], again["text"]) == ("error", "there is no working order to cancel")
    assert resting.handle({"intent": "cancel_all", "symbol": "NOPE"})["kind"] == "error"
    assert resting.handle({"intent": "cancel_all", "side": "up"})["kind"] == "error"
    assert not resting.positions().empty


def test_flatten(resting: vt.Desk) -> None:
    resting.buy("BYTE", 7)
    reply = resting.handle({"intent": "flatten"})
    assert reply == {"kind": "ok", "text": "3 orders canceled; 2 closing orders sent"}
    assert resting.positions().empty
    assert not [r for r in resting._room.blotter.of("you") if r.working]
    before = records(resting)
    assert resting.handle({"intent": "flatten"})["kind"] == "error"
    assert records(resting) == before


def test_canceling_over_a_slow_way_says_so(open_desk: Opener) -> None:
    desk = open_desk(rules=RoomRules.make(latency_ms=200))
    desk.step(seconds=5)
    for _ in range(3):
        desk.buy("ACME", 10, limit=100, tif="GTC")
    desk.step(seconds=1)
    reply = desk.handle({"intent": "cancel_all"})
    assert reply == {"kind": "ok", "text": "3 cancels on the way to the venue"}
    desk.step(seconds=1)
    assert {str(s) for s in desk.orders().status} == {Status.CANCELED}


def test_reading_an_explanation_goes_on_the_record(resting: vt.Desk) -> None:
    before = records(resting)
    assert resting.handle({"intent": "explained", "id": "mine"})["kind"] == "ok"
    assert records(resting) == before + 1
    assert resting.handle({"intent": "explained", "id": "nobody's"})["kind"] == "error"
    assert records(resting) == before + 1


# --- taking a table along --------------------------------------------------------------------------------------------


def fetched(desk: vt.Desk, table: str, *, packed: bool = True) -> str:
    """A whole table as the browser would fetch it."""
    reply = desk.handle({"intent": "export", "table": table, "packed": packed})
    parts: list[bytes] = []
    for _ in range(1_000):
        assert reply["kind"] == "ok", reply
        data = reply["data"]
        if data["state"] == "ready":
            assert len(json.dumps(reply)) < 35_000
            assert data["part"] == len(parts)
            parts.append(base64.b64decode(data["text"]))
            if len(parts) == data["parts"]:
                break
        reply = desk.handle({"intent": "export", "token": data["token"], "part": len(parts)})
    whole = b"".join(parts)
    text = (zlib.decompress(whole) if packed else whole).decode()
    assert len(text.encode()) == data["size"]
    assert data["file"].startswith(f"vtrade-{table.replace('_', '-')}-")
    return text


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("table", exports.TABLES)
def test_a_file_holds_the_whole_table(
    resting: vt.Desk, table: str, packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PART_BYTES", 100)
    assert fetched(resting, table, packed=packed) == getattr(resting, table)().to_csv(index=False)


def test_a_file_is_of_one_moment(resting: vt.Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "PART_BYTES", 100)
    expected = resting.orders().to_csv(index=False)
    first = resting.handle({"intent": "export", "table": "orders"})["data"]
    resting.buy("ACME", 1)
    parts = [
        resting.handle({"intent": "export", "token": first["token"], "part": n})["data"]["text"]
        for n in range(first.get("parts", 100))
    ]
    assert zlib.decompress(b"".join(map(base64.b64decode, parts))).decode() == expected


@pytest.mark.parametrize(
    "intent",
    [{}, {"table": "secrets"}, {"token": "99"}, {"token": 7, "part": 1}, {"table": ["orders"]}, {"token": ""}],
)
def test_what_cannot_be_taken_along_is_told(desk: vt.Desk, intent: dict[str, Any]) -> None:
    reply = desk.handle({"intent": "export", **intent})
    assert reply["kind"] == "error"
    assert "Error" not in reply["text"]


@pytest.mark.parametrize("part", [-1, 5, True, "0", None])
def test_a_part_that_is_none_is_refused(desk: vt.Desk, part: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.buy("ACME", 1)
    monkeypatch.setattr(exports, "PART_BYTES", 40)
    token = desk.handle({"intent": "export", "table": "fills"})["data"]["token"]
    reply = desk.handle({"intent": "export", "token": token, "part": part})
    assert reply["kind"] == "error"


def test_few_exports_are_kept(desk: vt.Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "PART_BYTES", 20)
    tokens = [desk.handle({"intent": "export", "table": "positions"})["data"]["token"] for _ in range(4)]
    kept = [desk.handle({"intent": "export", "token": t, "part": 0})["kind"] for t in tokens]
    assert kept == ["error", "error", "ok", "ok"]


# --- over a connection -----------------------------------------------------------------------------------------------


@pytest.fixture
def school(tape: vt.Tape) -> Iterator[Class]:
    made = Class(SharedOver(class_tape(tape), {"ana": RiskLimits()}))
    yield made
    made.close()


def test_a_remote_desk_does_the_same(school: Class) -> None:
    desk = school.join("ana")
    school.room.advance(school.room.now_ns + 5_000_000_000)
    school.settle()
    desk.buy("ACME", 20)
    for n in range(25):
        desk.buy("ACME", 10, limit=100 + n, tif="GTC", client_order_id=f"n{n}")
    reply = desk.handle({"intent": "replace", "id": "n3", "limit_price": "0.001"})
    assert (reply["kind"], reply["field"]) == ("error", "limit_price")
    assert desk.handle({"intent": "replace", "id": "n3", "quantity": "4"})["kind"] == "ok"
    assert fetched(desk, "orders") == desk.orders().to_csv(index=False)
    assert desk.handle({"intent": "explained", "id": "n3"})["kind"] == "ok"
    assert desk.handle({"intent": "flatten"})["text"] == "25 orders canceled; 1 closing order sent"
    assert desk.positions().empty
