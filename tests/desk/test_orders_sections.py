"""Do the lists of orders, fills and positions tell what the tables tell, however many there are?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import vtrade as vt
from tests.desk.conftest import Opener, until
from tests.services.loopback import Class, SharedOver, class_tape
from vtrade.desk.sections import story as stories
from vtrade.desk.sections.listing import PAGE_ROWS_MAX, STATES, listing
from vtrade.desk.sections.mends import MENDS
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.orders import Reason
from vtrade.errors import DeskError, Unavailable

LISTS = ("order_list", "fills", "tally", "order_symbols", "positions")


def seen(desk: vt.Desk, **look: Any) -> dict[str, Any]:
    view = desk.view(sections=LISTS, **look)
    json.dumps(view, allow_nan=False)
    return view


def told(desk: vt.Desk, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The explanation of an order, once all of it is there."""
    until(lambda: desk.view(sections=["story"], story=name)["story"]["state"] != "loading")
    view = desk.view(sections=["story", "story_now"], story=name)
    json.dumps(view, allow_nan=False)
    return view["story"], view["story_now"]


@pytest.fixture
def mixed(desk: vt.Desk) -> vt.Desk:
    """Orders of every fate, in three instruments."""
    desk.step(seconds=5)
    bid = float(desk.quotes().bid["ACME"])
    desk.buy("ACME", 200, client_order_id="taken")
    desk.buy("ACME", 60, limit=bid, tif="GTC", client_order_id="queued")
    desk.buy("ACME", 30, limit=bid - 1, tif="GTC", client_order_id="behind")
    desk.sell("ACME", 100, stop=bid - 2, tif="GTC", client_order_id="asleep")
    desk.buy("LUMA", 1_000_000, client_order_id="denied")
    desk.buy("BYTE", 10, client_order_id="bytes")
    desk.buy("ACME", 5, limit=bid - 3, tif="GTC", client_order_id="gone").cancel()
    desk.sell("BYTE", 10)
    return desk


# --- lists -----------------------------------------------------------------------------------------------------------


def test_the_lists_are_the_tables(mixed: vt.Desk) -> None:
    mixed.step(seconds=60)
    view, orders, fills, held = seen(mixed), mixed.orders(), mixed.fills(), mixed.positions()
    assert [row["id"] for row in view["order_list"]] == orders.client_order_id.tolist()
    for column in ("symbol", "side", "type", "quantity", "filled", "status", "tif", "fees"):
        assert [row[column] for row in view["order_list"]] == orders[column].tolist(), column
    newest = fills.iloc[::-1]
    columns = {"id": "client_order_id", "leaves": "leaves_quantity"}
    for ours in ("seq", "id", "price", "fee", "quantity", "liquidity", "leaves"):
        theirs = columns.get(ours, ours)
        assert [row[ours] for row in view["fills"]] == newest[theirs].tolist(), ours
    assert [row["symbol"] for row in view["positions"]] == held.symbol.tolist()
    sums = view["tally"]["positions"]
    assert sums["market_value"] == pytest.approx(held.market_value.sum())
    account = mixed.view(sections=["account"])["account"]
    assert sums["realized_pnl"] == pytest.approx(account["realized_pnl"])
    assert sums["unrealized_pnl"] == pytest.approx(account["unrealized_pnl"])
    assert sums["closed_count"] == 1
    assert sums["closed_pnl"] == pytest.approx(sums["realized_pnl"] - held.realized_pnl.sum())


def test_counts_and_filters_cover_all_orders(mixed: vt.Desk) -> None:
    tally = seen(mixed)["tally"]["orders"]
    assert tally == {
        "total": 8, "matching": 8, "from": 0, "working_count": 3, "filled_count": 3, "ended_count": 1,
        "refused_count": 1,
    }  # fmt: skip
    for state in STATES:
        wanted = seen(mixed, blotter_state=state)
        assert wanted["tally"]["orders"]["matching"] == len(wanted["order_list"])
    assert {row["id"] for row in seen(mixed, blotter_state="working")["order_list"]} == {"queued", "behind", "asleep"}
    assert [row["id"] for row in seen(mixed, blotter_state="refused")["order_list"]] == ["denied"]
    assert {row["id"] for row in seen(mixed, blotter_text="BUYING power")["order_list"]} == {"denied"}
    assert {row["id"] for row in seen(mixed, blotter_text="canceled")["order_list"]} == {"gone"}
    sold = seen(mixed, blotter_side="sell", blotter_symbol="BYTE")
    assert [row["side"] for row in sold["order_list"]] == [row["side"] for row in sold["fills"]] == ["sell"]
    assert sold["order_symbols"] == ["ACME", "BYTE", "LUMA"]
    assert seen(mixed, blotter_text="nothing like it")["order_list"] == []


def test_sorting_holds_for_all_orders(mixed: vt.Desk) -> None:
    sizes = mixed.orders().quantity.tolist()
    first = seen(mixed, orders_sort="-quantity", blotter_rows=3)["order_list"]
    assert [row["quantity"] for row in first] == sorted(sizes, reverse=True)[:3]
    last = seen(mixed, orders_sort="quantity", blotter_rows=3, orders_from=3)["order_list"]
    assert [row["quantity"] for row in last] == sorted(sizes)[3:6]
    prices = [row["price"] for row in seen(mixed, fills_sort="price")["fills"]]
    assert prices == sorted(prices)
    assert seen(mixed, orders_sort="time")["order_list"][0]["id"] == "taken"
    assert seen(mixed, orders_sort="status")["order_list"][0]["status"] == "ACCEPTED"


def test_thousands_of_orders_come_in_pages(open_desk: Opener) -> None:
    desk = open_desk(cash=100_000_000)
    desk.step(seconds=5)
    kept = desk.buy("ACME", 1, limit=100, tif="GTC", client_order_id="old and waiting")
    seen(desk)
    for _ in range(700):
        desk.buy("ACME", 1)
    view = desk.view(sections=("orders", *LISTS), blotter_rows=100)
    assert (view["tally"]["orders"]["total"], len(view["order_list"]), len(view["fills"])) == (701, 100, 100)
    assert view["order_list"][0]["id"] == "o700"
    assert view["orders"][-1]["id"] == kept.client_order_id, "what still works is never out of sight"
    assert len(view["orders"]) == 51
    page = desk.view(sections=LISTS, blotter_rows=100, orders_from=650)["order_list"]
    assert [page[0]["id"], page[-1]["id"], len(page)] == ["o50", kept.client_order_id, 51]
    assert desk.view(sections=LISTS, orders_from=5_000)["order_list"] == []


def test_a_listing_keeps_up_step_by_step(mixed: vt.Desk) -> None:
    """Filing as orders come gives the same as filing all at the end."""
    for _ in range(20):
        mixed.step(seconds=5)
        seen(mixed)
    kept = listing(mixed)
    fresh = type(kept)(mixed._room.blotter, mixed.account).refresh()
    assert [r.client_order_id for r in kept.orders] == [r.client_order_id for r in fresh.orders]
    assert [fill.seq for _, fill in kept.fills] == [fill.seq for _, fill in fresh.fills] == mixed.fills().seq.tolist()
    assert kept.counts == fresh.counts
    assert set(kept.working) == set(fresh.working)


def test_a_rewound_desk_lists_its_new_past(mixed: vt.Desk) -> None:
    seen(mixed)
    mixed.rewind()
    view = seen(mixed)
    assert view["order_list"] == view["fills"] == view["positions"] == []
    assert view["tally"]["orders"]["total"] == 0
    mixed.buy("ACME", 3)
    assert len(seen(mixed)["fills"]) == 1


def test_fields_that_may_change_follow_the_order(mixed: vt.Desk) -> None:
    rows = {row["id"]: row for row in seen(mixed)["order_list"]}
    assert rows["behind"]["change"] == ["quantity", "limit_price"]
    assert rows["asleep"]["change"] == ["quantity", "stop_price"]
    assert rows["taken"]["change"] == rows["denied"]["change"] == []
    for name in ("behind", "asleep"):
        for field in rows[name]["change"]:
            value = rows[name][field] * 2 if field == "quantity" else rows[name][field] - 0.01
            asked = {"intent": "replace", "id": name, field: str(round(value, 2))}
            assert mixed.handle(asked)["kind"] == "ok", (name, field)


@pytest.mark.parametrize(
    ("look", "words"),
    [
        ({"blotter_rows": 0}, "rows of a page"),
        ({"blotter_rows": PAGE_ROWS_MAX + 1}, "turn pages"),
        ({"orders_from": -1}, "orders_from"),
        ({"fills_from": 10**9}, "fills_from"),
        ({"blotter_state": "open"}, "blotter_state 'open'"),
        ({"blotter_side": "both"}, "buy, sell"),
        ({"orders_sort": "colour"}, "colour"),
        ({"fills_sort": "-status"}, "-status"),
        ({"blotter_text": "x" * 81}, "80 letters"),
        ({"blotter_text": 5}, "blotter_text"),
    ],
)
def test_what_no_list_can_show_is_refused(desk: vt.Desk, look: dict[str, Any], words: str) -> None:
    with pytest.raises(DeskError, match=words):
        desk.view(sections=LISTS, **look)


def test_who_has_no_account_sees_empty_lists(tape: vt.Tape) -> None:
    school = Class(SharedOver(class_tape(tape), {"ana": RiskLimits()}))
    try:
        view = seen(school.near("teacher"))
        assert view["order_list"] == view["positions"] == view["fills"] == []
    finally:
        school.close()


# --- the explanation -------------------------------------------------------------------------------------------------


def test_a_fill_is_explained_with_its_costs(mixed: vt.Desk) -> None:
    story, now = told(mixed, "taken")
    whole = mixed._explain(mixed.order("taken")._record)
    assert now["headline"] == f"Bought 200 ACME at {mixed.order('taken').avg_px:,.2f}, in one fill."
    assert now["queue"] is None
    parts = {part["name"]: part["money"] for part in story["costs"]["parts"]}
    assert parts == {name: whole.costs[name] for name in parts}
    assert story["costs"]["total"] == {"money": whole.costs["total"], "bps": whole.bps["total"]}
    assert sum(parts.values()) == pytest.approx(story["costs"]["total"]["money"])
    assert [f"{fact['day']} {fact['time']} {fact['text']}" for fact in story["facts"]] == whole.lines
    assert {row["model"] for row in story["alternatives"]} >= {"paper", "book", "charged"}
    assert (story["state"], story["mend"]) == ("ready", "")


def test_a_waiting_order_tells_its_queue_and_what_has_to_happen(mixed: vt.Desk) -> None:
    ahead = mixed._room.engine.queue_ahead(mixed.order("queued").id)
    _, now = told(mixed, "queued")
    assert (now["queue"]["ahead"], now["queue"]["leaves"]) == (float(ahead), 60.0)
    assert f"{ahead} ahead of it" in now["queue"]["needs"]
    _, behind = told(mixed, "behind")
    far = behind["queue"]["distance"]
    assert behind["queue"]["ahead"] is None
    assert (far["what"], far["goal"]) == ("best bid", mixed.order("behind").limit_price)
    assert "has to fall by" in behind["queue"]["needs"]
    _, asleep = told(mixed, "asleep")
    assert asleep["queue"]["distance"]["goal_word"] == "stop"
    assert "has to fall by" in asleep["queue"]["needs"]


def test_a_refused_order_tells_the_mend(mixed: vt.Desk) -> None:
    story, now = told(mixed, "denied")
    assert now["headline"].startswith("Denied by our own check")
    assert now["status"] == "DENIED"
    assert story["mend"] == MENDS[Reason.INSUFFICIENT_BUYING_POWER]
    assert story["costs"] is None


def test_every_refusal_has_a_mend() -> None:
    words = list(Reason)
    refusals = words[: words.index(Reason.UNKNOWN_ORDER)]
    assert set(MENDS) == set(refusals)


def test_an_explanation_follows_its_order(mixed: vt.Desk) -> None:
    first, _ = told(mixed, "queued")
    mixed.replace("queued", quantity=50)
    again = mixed.view(sections=["story"], story="queued")["story"]
    assert len(again["facts"]) == len(first["facts"]) + 1, "what happened is there at once"
    mixed.cancel("queued")
    story, now = told(mixed, "queued")
    assert now["headline"].startswith("Canceled; nothing of the 50 ACME was bought")
    assert "canceled" in story["facts"][-1]["text"]


def test_no_order_no_explanation(mixed: vt.Desk) -> None:
    assert mixed.view(sections=["story", "story_now"]) == {"story": None, "story_now": None}
    view = mixed.view(sections=["story", "story_now"], story="nobody's")
    assert view["story"]["state"] == "gone"
    assert "not on this desk" in view["story_now"]["headline"]


def test_a_long_story_is_bounded(open_desk: Opener) -> None:
    desk = open_desk(cash=100_000_000)
    desk.step(seconds=5)
    order = desk.buy("ACME", 10, limit=100, tif="GTC", client_order_id="often changed")
    for n in range(100):
        order.replace(quantity=11 + n)
    story, _ = told(desk, "often changed")
    assert len(story["facts"]) == stories.FACTS_MAX
    assert story["facts_left_out"] == 101 - stories.FACTS_MAX


# --- over a connection -----------------------------------------------------------------------------------------------


@pytest.fixture
def school(tape: vt.Tape) -> Iterator[Class]:
    made = Class(SharedOver(class_tape(tape), {"ana": RiskLimits()}))
    yield made
    made.close()


def test_a_remote_desk_shows_the_same(school: Class) -> None:
    desk, near = school.join("ana"), school.near("ana")
    school.room.advance(school.room.now_ns + 5_000_000_000)
    school.settle()
    bid = float(desk.quotes().bid["ACME"])
    desk.buy("ACME", 100, client_order_id="taken")
    desk.buy("ACME", 100, limit=bid, tif="GTC", client_order_id="queued")
    desk.buy("NOPE", 1, client_order_id="denied")
    for name in ("taken", "queued", "denied"):
        school.settle()
        assert seen(desk) == seen(near)
        ours, theirs = told(desk, name), told(near, name)
        assert ours[1] == theirs[1]
        for part in ("facts", "costs", "mend", "order", "alternatives", "notes"):
            assert ours[0][part] == theirs[0][part], part


def test_an_explanation_without_its_gateway_is_partial(school: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = school.join("ana")
    school.room.advance(school.room.now_ns + 5_000_000_000)
    school.settle()
    desk.buy("ACME", 100, client_order_id="taken")

    def down(*_: Any, **__: Any) -> bytes:
        raise Unavailable("nobody answers")

    monkeypatch.setattr(school.ways["ana"], "get", down)
    story, now = told(desk, "taken")
    assert (story["state"], story["trouble"]) == ("partial", "nobody answers")
    assert now["headline"].startswith("Bought 100 ACME")
    assert story["costs"]["total"]["money"] > 0


def test_looking_is_cheap(open_desk: Opener) -> None:
    """What was filed is not read again: with thousands of orders a look reads those that work, and its page."""
    desk = open_desk(cash=100_000_000)
    desk.step(seconds=5)
    for _ in range(300):
        desk.buy("ACME", 1)
    seen(desk)
    reads = 0
    real: Callable[..., str] = desk._reason

    def counted(record: Any) -> str:
        nonlocal reads
        reads += 1
        return real(record)

    desk._reason = counted  # type: ignore[method-assign]
    desk.step()
    seen(desk)
    assert reads == 0
