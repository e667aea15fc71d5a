"""What is a ticket told: its fields, what an order would do, what is wrong with it, and how many it can be?"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import vtrade as vt
from tests.desk.conftest import records, standing
from vtrade.domain.accounts import RiskLimits

Opener = Callable[..., vt.Desk]

TICKET: dict[str, Any] = {"symbol": "ACME", "side": "buy", "type": "market", "tif": "DAY", "quantity": "100"}


def ask(desk: vt.Desk, intent: str, **changes: Any) -> dict[str, Any]:
    told = desk.handle({**TICKET, "intent": intent, **changes})
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    return told


def look(desk: vt.Desk, **changes: Any) -> dict[str, Any]:
    told = ask(desk, "preview", **changes)
    assert told["kind"] == "ok", "whoever types is not interrupted"
    data: dict[str, Any] = told["data"]
    return data


def form(desk: vt.Desk) -> dict[str, Any]:
    """What the ticket is made of."""
    view = desk.view(sections=("ticket", "kinds"))
    return {**view["ticket"], **view["kinds"]}


# --- what there is ---------------------------------------------------------------------------------------------------


def test_the_section_names_what_goes_together(desk: vt.Desk) -> None:
    ticket = form(desk)
    assert ticket["fields"]["trailing_stop_market"] == ["trail"]
    assert "AT_THE_OPEN" not in ticket["tifs_of"]["stop_limit"]
    assert ticket["flags"]["post_only"] == {"limit": ["DAY", "GTC", "GTD"]}
    assert ticket["flags"]["display"]["limit"] == ["DAY", "GTC", "IOC", "FOK", "GTD"]
    assert (ticket["price_step"], ticket["quantity_step"]) == (0.01, 1.0)
    assert any("sell short" in limit for limit in ticket["limits"])


def test_what_the_section_offers_is_never_an_instruction_that_is_refused(desk: vt.Desk) -> None:
    ticket = form(desk)
    prices = {"limit_price": "150", "stop_price": "300", "trail": "1"}
    flags: dict[str, Any] = {"post_only": True, "display": "10", "reduce_only": True}
    for type_, tifs in ticket["tifs_of"].items():
        for tif in tifs:
            base = {"type": type_, "tif": tif, "good_till": "23:00" if tif == "GTD" else "",
                    **{name: prices[name] for name in ticket["fields"][type_]}}  # fmt: skip
            for flag in ("", *(name for name, where in ticket["flags"].items() if tif in where.get(type_, ()))):
                seen = look(desk, **base, **({flag: flags[flag]} if flag else {}))
                reduces = flag == "reduce_only" or "auction" in seen["text"] or "canceled" in seen["text"]
                assert not seen["refused"] or reduces or seen["field"] == "quantity", (type_, tif, flag, seen["text"])


def test_the_purse_follows_the_position(desk: vt.Desk) -> None:
    before = desk.view(sections=("purse",))["purse"]
    assert before == {"buying_power": 1e6, "money": "USD", "position": 0.0, "avg_entry_price": None}
    order = desk.buy("ACME", 100)
    after = desk.view(sections=("purse",))["purse"]
    assert (after["position"], after["avg_entry_price"]) == (100, order.avg_px)
    assert after["buying_power"] == desk.buying_power


# --- looking ---------------------------------------------------------------------------------------------------------


def test_looking_changes_nothing(desk: vt.Desk) -> None:
    before = standing(desk), desk.state_hash, records(desk)
    assert "fill at once" in look(desk)["text"]
    look(desk, plan="bracket", take_profit="190", stop_loss="170")
    ask(desk, "size", share=0.5)
    ask(desk, "size", share=1, side="sell")
    assert (standing(desk), desk.state_hash, records(desk)) == before


def test_a_preview_has_everything_ready_to_be_read(desk: vt.Desk) -> None:
    seen = look(desk, quantity="1200")
    assert seen["confirm"].startswith("Buy 1,200 ACME market DAY?")
    assert {name for name, _ in seen["rows"]} >= {"average price", "against the mid", "fees", "power after"}
    assert seen["levels"][0]["take"] != "-"
    assert all(0 <= level["taken"] <= 1 and 0 <= level["shown"] <= 1 for level in seen["levels"])
    assert look(desk, quantity="")["empty"]


def test_a_long_walk_fits_in_the_ticket(open_desk: Opener) -> None:
    desk = open_desk(limits=RiskLimits(enabled=False))
    levels = look(desk, quantity="40000")["levels"]
    assert len(levels) <= 12
    assert any("more prices" in level.get("more", "") for level in levels) or len(levels) < 12


def test_the_ways_out_are_told_in_money_and_percent(desk: vt.Desk) -> None:
    start = float(desk.quotes().ask["ACME"])
    seen = look(desk, plan="bracket", take_profit=f"{start + 2:.2f}", stop_loss=f"{start - 1:.2f}")
    assert [way["field"] for way in seen["exits"]] == ["take_profit", "stop_loss"]
    assert seen["exits"][0]["text"].startswith(f"+2.00 (+{2 / start:.2%}), +200.00")
    assert seen["exits"][1]["text"].startswith(f"-1.00 (-{1 / start:.2%}), -100.00")


ABSURD: list[tuple[Any, str]] = [
    ("abc", "not a number"), ("1e400", "beyond what VTrade counts"), ("-5", "more than 0"), ("0", "more than 0"),
    ("0.5", "multiple of the lot"), ("NaN", "not a finite number"), ("Infinity", "not a finite number"),
    ("1000000000000000", "beyond what VTrade counts"), ("1,000", "has a comma in it; write 1000"),
    ("1.000,5", "has a comma in it"), ("9" * 60, "60 characters"), ("1 000", "not a number"), (True, "not a number"),
    ([1], "not a number"), ({"a": 1}, "not a number"), (1e308, "beyond what VTrade counts"), ("\u221e", "not a number"),
    ("0.0000001", "more than six decimals"), ("<b>", "not a number"),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "words"), ABSURD, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("field", ["quantity", "limit_price"])
def test_an_absurd_number_is_one_sentence_beside_its_field(desk: vt.Desk, field: str, typed: Any, words: str) -> None:
    changes = {field: typed, **({"type": "limit"} if field == "limit_price" else {})}
    seen = look(desk, **changes)
    assert (seen["refused"], seen["field"]) == (True, field)
    if words not in ("more than 0", "multiple of the lot") or field == "quantity":
        assert words in seen["text"]
    assert seen["text"].count(". ") == 0
    assert seen["text"].endswith(".")
    before = records(desk)
    sent = ask(desk, "submit", **changes)
    assert (sent["kind"], sent["field"]) == ("error", field)
    assert records(desk) - before <= 1


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("symbol", {"symbol": "NOPE"}), ("symbol", {"symbol": ""}), ("side", {"side": "hold"}),
        ("type", {"type": "magic"}), ("tif", {"tif": "SOON"}), ("good_till", {"tif": "GTD"}),
        ("good_till", {"tif": "GTD", "good_till": "25:00"}), ("good_till", {"tif": "GTD", "good_till": "09:00"}),
        ("quantity", {"quantity": "1000000"}), ("quantity", {"side": "sell"}),
        ("limit_price", {"type": "limit"}), ("limit_price", {"type": "limit", "limit_price": "1"}),
        ("limit_price", {"type": "limit", "limit_price": "300", "post_only": True}),
        ("stop_price", {"type": "stop_market"}), ("trail", {"type": "trailing_stop_market"}),
        ("trail", {"type": "trailing_stop_market", "trail": "0.001"}),
        ("trail", {"type": "trailing_stop_market", "trail_bps": "20000"}),
        ("trail", {"type": "trailing_stop_market", "trail": "1", "trail_bps": "5"}),
        ("display", {"type": "limit", "limit_price": "150", "display": "200"}),
        ("reduce_only", {"reduce_only": True}), ("post_only", {"post_only": "maybe"}), ("oco", {"oco": 7}),
        ("parent", {"parent": "nobody"}),
    ],
)  # fmt: skip
def test_every_refusal_names_its_field(desk: vt.Desk, field: str, changes: dict[str, Any]) -> None:
    seen = look(desk, **changes)
    sent = ask(desk, "submit", **changes)
    assert sent["kind"] == "error"
    assert (seen["field"], sent["field"]) == (field, field), (seen["text"], sent["text"])
    assert seen["refused"]


# --- sending ---------------------------------------------------------------------------------------------------------


def test_an_order_is_sent_once_under_its_name(desk: vt.Desk) -> None:
    first = ask(desk, "submit", client_order_id="p-1")
    assert (first["kind"], first["data"]["id"]) == ("ok", "p-1")
    before = records(desk)
    again = ask(desk, "submit", client_order_id="p-1")
    assert (again["kind"], again["field"], again["data"]["sent"]) == ("error", "client_order_id", True)
    assert "FILLED" in again["text"]
    assert records(desk) == before
    assert len(desk.fills()) == 1


def test_a_bracket_goes_whole_or_not_at_all(desk: vt.Desk) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("take_profit", {"take_profit": "", "stop_loss": "170"}), ("stop_loss", {"take_profit": "190"}),
        ("take_profit", {"take_profit": "170", "stop_loss": "190"}),
        ("stop_loss", {"take_profit": "190", "stop_loss": "170.005"}),
        ("take_profit", {"take_profit": "5000", "stop_loss": "170"}),
        ("stop_loss", {"type": "limit", "limit_price": "160", "take_profit": "190", "stop_loss": "170"}),
        ("type", {"type": "stop_market", "stop_price": "190", "take_profit": "200", "stop_loss": "170"}),
        ("quantity", {"quantity": "1000000", "take_profit": "190", "stop_loss": "170"}),
    ]  # fmt: skip
    before = records(desk)
    for field, changes in wrong:
        told = ask(desk, "bracket", **changes)
        assert (told["kind"], told["field"]) == ("error", field), told["text"]
        assert look(desk, plan="bracket", **changes)["field"] == field
    assert records(desk) == before
    told = ask(desk, "bracket", take_profit="190", stop_loss="170", client_order_id="p-2")
    assert told["kind"] == "ok"
    assert [str(s) for s in desk.orders().status] == ["ACCEPTED", "ACCEPTED", "FILLED"]
    assert ask(desk, "bracket", take_profit="190", stop_loss="170", client_order_id="p-2")["data"]["sent"]
    assert len(desk.orders()) == 3


def test_exits_of_a_position(desk: vt.Desk) -> None:
    ways = {"take_profit": "190", "stop_loss": "170", "quantity": ""}
    assert ask(desk, "exits", **ways)["field"] == "symbol"
    desk.buy("ACME", 100)
    assert ask(desk, "exits", **{**ways, "quantity": "500"})["field"] in ("quantity", "reduce_only")
    assert "are left at one of two prices" in look(desk, plan="exits", **ways)["text"]
    assert ask(desk, "exits", **{**ways, "stop_loss": "195"})["field"] in ("take_profit", "stop_loss")
    assert ask(desk, "exits", **ways)["kind"] == "ok"
    assert sorted(desk.orders()[desk.orders().status == "ACCEPTED"].quantity) == [100, 100]


def test_a_change_is_previewed(desk: vt.Desk) -> None:
    desk.buy("ACME", 100, limit=150, client_order_id="mine")
    seen = look(desk, id="mine", quantity="50", limit_price="150")
    assert "keeps its place" in seen["text"]
    assert seen["confirm"].startswith("Change to buy 50 ACME limit 150")
    assert look(desk, id="mine", quantity="50", limit_price="150.005")["field"] == "limit_price"
    assert look(desk, id="nothing", quantity="50")["refused"]
    assert desk.order("mine").quantity == 100


# --- how many --------------------------------------------------------------------------------------------------------


def test_a_share_of_the_buying_power_is_whole_lots_that_are_not_denied(open_desk: Opener) -> None:
    desk = open_desk(limits=RiskLimits(concentration_ppm=1_000_000))
    told = {share: ask(desk, "size", share=share, quantity="")["data"]["quantity"] for share in (0.25, 0.5, 0.75, 1)}
    assert list(told.values()) == sorted(told.values())
    assert told[0.25] == told[1] // 4
    assert all(quantity == int(quantity) for quantity in told.values())
    assert look(desk, quantity=str(told[1]))["refused"] is False
    assert look(desk, quantity=str(told[1] + 1))["field"] == "quantity"


def test_a_limit_below_the_share_is_said(desk: vt.Desk) -> None:
    told = ask(desk, "size", share=1)
    assert told["data"]["capped"]
    assert "25 % of NAV" in told["text"]
    assert look(desk, quantity=str(told["data"]["quantity"]))["refused"] is False


def test_a_share_of_a_position_closes_it(desk: vt.Desk) -> None:
    assert ask(desk, "size", share=1, side="sell") == {
        "kind": "error", "text": "You hold 0 ACME and can sell 0 more; this account may not sell short.",
        "field": "quantity",
    }  # fmt: skip
    desk.buy("ACME", 101)
    shares = {share: ask(desk, "size", share=share, side="sell")["data"]["quantity"] for share in (0.25, 0.5, 1)}
    assert shares == {0.25: 25, 0.5: 50, 1: 101}
    desk.sell("ACME", 60, limit=500)
    assert ask(desk, "size", share=1, side="sell")["data"] == {"quantity": 41.0, "capped": True}
    for share in (0, -1, 2, "nan", "x", None):
        assert ask(desk, "size", share=share)["kind"] == "error"
