"""Does a browser that hears only differences see the same picture as the desk?"""

import json
import re
from random import Random

import pytest

from tests.widgets.fake_desk import FakeDesk
from vtrade_widgets import protocol
from vtrade_widgets.protocol import apply, changes

EMPTY: dict[str, object] = {}


def shown(view):
    return {key: value for key, value in view.items() if key != "seq"}


@pytest.mark.parametrize("seed", range(5))
def test_a_browser_that_folds_messages_sees_every_view(seed):
    luck, desk = Random(seed), FakeDesk(seed=seed)
    before = apply({}, json.loads(json.dumps(changes({}, desk.view("ACME")))))
    for _ in range(120):
        symbol = luck.choice(["ACME", "ACME", "ACME", "BOLT"])
        act = luck.randrange(6)
        if act == 0:
            order = {
                "side": luck.choice(["buy", "sell"]),
                "type": "limit",
                "limit_price": luck.choice(["1", "100", "999"]),
            }
            desk.handle({"intent": "submit", "symbol": symbol, "quantity": str(luck.randrange(0, 300)), **order})
        elif act == 1 and desk.book:
            desk.handle({"intent": "cancel", "id": luck.choice(desk.book)["id"]})
        elif act > 1:
            desk.tick(luck.choice([0.5, 60.0]))
        view = desk.view(symbol)
        after = apply(before, json.loads(json.dumps(changes(before, view))))
        assert after == shown(view)
        before = after


def test_nothing_new_is_no_message():
    view = FakeDesk().view("ACME")
    assert changes(view, {**view, "seq": 99}) == {}


def test_a_moving_last_bar_travels_alone():
    desk = FakeDesk()
    before = desk.view("ACME")
    desk.tick(0.5)
    message = changes(before, desk.view("ACME"))
    assert "bars" not in message["sections"]
    assert message["tails"]["bars"]["keep"] == 119
    assert len(message["tails"]["bars"]["columns"]["c"]) == 1


def test_a_new_bar_moves_the_window():
    desk = FakeDesk()
    before = desk.view("ACME")
    desk.tick(60.0)
    tail = changes(before, desk.view("ACME"))["tails"]["bars"]
    assert (tail["drop"], tail["keep"], len(tail["columns"]["t"])) == (1, 119, 1)


def test_single_values_of_a_series_travel_with_its_tail():
    old = {"bars": {"seconds": 60, "label": "a", "t": [1, 2, 3], "c": [1.0, 2.0, 3.0]}}
    new = {"bars": {"seconds": 60, "label": "b", "t": [1, 2, 3, 4], "c": [1.0, 2.0, 3.5, 4.0]}}
    message = changes(old, new)
    tail = {"drop": 0, "keep": 2, "values": {"label": "b"}, "columns": {"t": [3, 4], "c": [3.5, 4.0]}}
    assert message == {"tails": {"bars": tail}}
    assert apply(old, message) == new


def test_a_series_with_other_columns_travels_whole():
    old = {"bars": {"t": [1, 2], "c": [1.0, 2.0]}}
    new = {"bars": {"t": [1, 2], "c": [1.0, 2.0], "sma": [None, 1.5]}}
    assert changes(old, new) == {"sections": new}


def test_one_changed_order_of_fifty_travels_alone():
    desk = FakeDesk()
    for _ in range(60):
        desk.handle(
            {"intent": "submit", "symbol": "ACME", "side": "buy", "type": "limit", "quantity": "1", "limit_price": "1"}
        )
    before = desk.view("ACME")
    desk.handle({"intent": "cancel", "id": "o60"})
    rows = changes(before, desk.view("ACME"))["rows"]["orders"]
    assert [row["id"] for row in rows["changed"]] == ["o60"]
    assert "order" not in rows


def test_rows_that_cannot_be_told_apart_travel_whole():
    old = {"orders": [{"id": 1, "filled": 0}]}
    new = {"orders": [{"id": 1, "filled": 0}, {"id": 1, "filled": 2}]}
    assert changes(old, new) == {"sections": new}


def test_a_section_that_went_away_is_cleared():
    assert changes({"news": ["x"]}, EMPTY) == {"sections": {"news": None}}


@pytest.mark.parametrize("table", ["KEYED", "SERIES"])
def test_both_sides_know_the_same_sections(root, table):
    text = (root / "widgets/src/store.js").read_text(encoding="utf-8")
    body = re.search(rf"export const {table} = \{{(.*?)\}};", text, re.DOTALL)[1]
    assert dict(re.findall(r'(\w+): "(\w+)"', body)) == getattr(protocol, table)
