"""Does a browser that hears only differences see the same picture as the desk?"""

import json
from random import Random

import pytest

from tests.widgets.fake_desk import FakeDesk
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
    assert message["bars_tail"]["keep"] == 119
    assert len(message["bars_tail"]["c"]) == 1


def test_a_new_bar_moves_the_window():
    desk = FakeDesk()
    before = desk.view("ACME")
    desk.tick(60.0)
    tail = changes(before, desk.view("ACME"))["bars_tail"]
    assert (tail["drop"], tail["keep"], len(tail["t"])) == (1, 119, 1)


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
