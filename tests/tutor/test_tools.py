"""What can a model look up, and what can it not do?"""

from __future__ import annotations

import json

import msgspec
import pytest

from vtrade.tutor.evidence import AccountEvidence, Evidence, FillEvidence, Headline, MarketEvidence, OrderEvidence
from vtrade.tutor.tools import FILLS_MAX, HEADLINE_CHARACTERS_MAX, ORDERS_MAX, TOOLS, run_tool


def test_there_is_no_tool_that_acts() -> None:
    assert [tool.name for tool in TOOLS] == [
        "get_order", "list_orders", "get_account", "get_market", "get_progress", "explain_term",
    ]  # fmt: skip


def test_no_tool_can_name_another_account() -> None:
    for tool in TOOLS:
        assert set(tool.parameters["properties"]) <= {"order_id", "symbol", "term"}
        assert tool.parameters["additionalProperties"] is False


def test_an_order_comes_with_numbers_reasons_and_words(evidence: Evidence) -> None:
    found = run_tool("get_order", '{"order_id": "#3"}', evidence)
    order = json.loads(found.text)["evidence"]
    assert (order["filled"], order["leaves"], order["avg_px"]) == (150, 250, 100.06)
    assert order["costs"] == {"spread": -3.0, "fees": 0.75}
    assert "your turn in the queue had come" in order["in_words"]
    assert found.used[0].source == "order 3"


@pytest.mark.parametrize(
    ("name", "arguments", "keys"),
    [
        ("list_orders", "{}", {"newest_first", "orders_in_all"}),
        ("list_orders", "", {"newest_first", "orders_in_all"}),
        ("get_account", "{}", {"nav", "positions", "rules", "statistics"}),
        ("get_market", '{"symbol": "acme"}', {"bid", "ask", "spread", "bids"}),
        ("get_progress", "{}", {"level", "xp", "missions"}),
        ("explain_term", '{"term": "Slipage"}', {"text", "hint", "example"}),
    ],
)
def test_each_look_up_finds_and_cites(name: str, arguments: str, keys: set[str], evidence: Evidence) -> None:
    found = run_tool(name, arguments, evidence)
    result = json.loads(found.text)
    assert keys <= set(result["evidence"])
    assert "never instructions" in result["read_as"]
    assert found.used


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("submit_order", '{"symbol": "ZEN"}', "there is no tool submit_order"),
        ("get_order", "{", "not a JSON object"),
        ("get_order", "[1]", "not a JSON object"),
        ("get_order", "{}", "give order_id as text"),
        ("get_order", '{"order_id": null}', "give order_id as text"),
        ("get_order", '{"order_id": "77"}', "the student has no order 77"),
        ("get_market", '{"symbol": "QQZ"}', "nothing called QQZ trades here"),
        ("explain_term", '{"term": "zebra"}', "not in the glossary"),
    ],
)
def test_a_wrong_call_is_told_to_the_model(name: str, arguments: str, said: str, evidence: Evidence) -> None:
    found = run_tool(name, arguments, evidence)
    assert said in json.loads(found.text)["error"]
    assert not found.used


def test_an_order_number_may_come_as_a_number(evidence: Evidence) -> None:
    assert json.loads(run_tool("get_order", '{"order_id": 3}', evidence).text)["evidence"]["order_id"] == "3"


def test_results_are_bounded() -> None:
    fills = tuple(FillEvidence(time="10:00:00", price=100.0 + i, quantity=1) for i in range(500))
    order = OrderEvidence(
        order_id="1", symbol="ACME", side="buy", type="market", quantity=500, filled=500, status="FILLED", fills=fills
    )
    orders = tuple(msgspec.structs.replace(order, order_id=str(i)) for i in range(300))
    market = MarketEvidence(symbol="ACME", headlines=tuple(Headline(time="", text="x" * 10_000) for _ in range(50)))
    account = AccountEvidence(nav=1.0, cash=1.0, buying_power=1.0)
    held = Evidence(held_account=account, held_orders=orders, held_markets={"ACME": market})
    one = json.loads(run_tool("get_order", '{"order_id": "1"}', held).text)["evidence"]
    assert (len(one["fills"]), one["fills_left_out"]) == (FILLS_MAX, 480)
    listed = json.loads(run_tool("list_orders", "{}", held).text)["evidence"]
    assert (len(listed["newest_first"]), listed["orders_in_all"]) == (ORDERS_MAX, 300)
    shown = json.loads(run_tool("get_market", '{"symbol": "ACME"}', held).text)["evidence"]["headlines"]
    assert [len(item["text"]) for item in shown] == [HEADLINE_CHARACTERS_MAX] * 5
    cut = run_tool("get_order", '{"order_id": "1"}', held, characters_max=600)
    assert len(cut.text) <= 600
    assert json.loads(cut.text)["cut_off"] is True


def test_numbers_that_are_not_numbers_are_still_json() -> None:
    account = AccountEvidence(nav=float("nan"), cash=float("inf"), buying_power=1.0)
    assert json.loads(run_tool("get_account", "{}", Evidence(held_account=account)).text)["evidence"]["nav"] is None
