"""Does a desk tell what an order would do, here and behind a gateway, and does nothing happen meanwhile?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import vtrade as vt
from tests.desk.conftest import records, standing
from tests.services.loopback import Class, SharedOver, class_tape
from vtrade.desk.desk import Desk
from vtrade.desk.preview import Preview, bracket_orders, foreseen, preview
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.messages import SubmitOrder, decode_inbound
from vtrade.domain.orders import OrderType, Side
from vtrade.domain.rules import RoomRules
from vtrade.errors import DeskError, ValueOffGrid

Opener = Callable[..., vt.Desk]

ORDERS: list[dict[str, Any]] = [
    {"side": "buy", "quantity": 100},
    {"side": "buy", "quantity": 1_200},
    {"side": "buy", "quantity": 50, "limit": 150},
    {"side": "buy", "quantity": 700, "limit": 200, "tif": "IOC"},
    {"side": "buy", "quantity": 10, "stop": 190},
    {"side": "buy", "quantity": 10, "trail": 1},
    {"side": "buy", "quantity": 10, "trail_bps": 40},
    {"side": "sell", "quantity": 10},
    {"side": "buy", "quantity": 10**6},
    {"side": "buy", "quantity": 10, "limit": 182.005},
    {"side": "buy", "quantity": 10, "limit": 200, "post_only": True},
    {"side": "buy", "quantity": 100, "limit": 150, "display": 10, "good_till": 60.0},
]  # fmt: skip


@pytest.mark.parametrize("terms", ORDERS, ids=lambda terms: " ".join(map(str, terms.values())))
def test_it_is_what_happens_and_changes_nothing(desk: vt.Desk, terms: dict[str, Any]) -> None:
    before, hash_, rows = standing(desk), desk.state_hash, records(desk)
    seen = preview(desk, terms["side"], "ACME", **{k: v for k, v in terms.items() if k != "side"})
    assert (standing(desk), desk.state_hash, records(desk)) == (before, hash_, rows)
    order = getattr(desk, terms["side"])("ACME", **{k: v for k, v in terms.items() if k != "side"})
    assert (seen.status, seen.filled) == (str(order.status), order.filled_quantity)
    assert seen.avg_px == (None if order.avg_px is None else pytest.approx(order.avg_px, rel=1e-12))
    assert seen.fees == order.fees
    assert seen.detail == order._record.detail
    assert seen.power_after == desk.buying_power
    assert seen.cash_after == desk.cash
    assert seen.refused == bool(seen.field)
    costs = order.explain().costs
    assert seen.costs == costs


def test_it_reads_well_as_text_and_as_a_page(desk: vt.Desk) -> None:
    seen = preview(desk, "BUY", "ACME", 1_000)
    assert str(seen).startswith("Preview: buy 1,000 ACME market DAY")
    assert seen._repr_html_().count("<table>") == 2
    walk = seen.walk
    assert list(walk.columns) == ["price", "size", "take", "cumulative", "average", "beyond"]
    assert walk["take"].sum() == seen.filled == 1_000
    assert (walk["take"] * walk["price"]).sum() / 1_000 == pytest.approx(seen.avg_px)


def test_nonsense_is_one_error(desk: vt.Desk) -> None:
    for wrong in ({"side": "hold"}, {"quantity": "many"}, {"quantity": float("nan")}, {"tif": "SOON"}):
        with pytest.raises(ValueOffGrid):
            preview(desk, **{"side": "buy", "symbol": "ACME", "quantity": 1, **wrong})
    assert preview(desk, "buy", "NOPE", 1).field == "symbol"
    assert preview(desk, "buy", "ACME", 1, client_order_id="x").status == "FILLED"


def test_a_bracket_is_previewed_as_it_is_sent(desk: vt.Desk) -> None:
    orders = bracket_orders(desk, "ACME", 100, take_profit=190, stop_loss=175, client_order_id="e")
    seen = foreseen(desk, orders)
    sent = desk.bracket("ACME", 100, take_profit=190, stop_loss=175, client_order_id="e")
    assert [p.status for p in seen] == [str(o.status) for o in sent]
    told = [e.message for e in desk._room.runtime.log.read()][-3:]
    assert [decode_inbound(data) for data in told] == orders
    assert seen[0].avg_px == sent.entry.avg_px


def test_latency_and_bars_promise_nothing(open_desk: Opener, daily: vt.Tape) -> None:
    slow = open_desk(rules=RoomRules.make(latency_ms=20))
    seen = preview(slow, "buy", "ACME", 100)
    assert (seen.filled, seen.way_s) == (100, 0.02)
    assert slow.orders().empty
    bars = open_desk(daily)
    seen = preview(bars, "buy", "AAPL", 10)
    assert (seen.filled, seen.waiting, seen.rest_price) == (0, "WAITING_FOR_OPEN", float(bars.quotes()["last"]["AAPL"]))


def test_a_closed_desk_can_still_look(open_desk: Opener) -> None:
    desk = open_desk()
    desk.close_desk()
    assert preview(desk, "buy", "ACME", 10).filled == 10


# --- behind a gateway ------------------------------------------------------------------------------------------------

PEOPLE = {"ana": RiskLimits(), "ben": RiskLimits.make(leverage=2, allow_short=True)}


def test_a_desk_behind_a_gateway_is_told_the_same() -> None:
    tape = class_tape(vt.synthetic(7, symbols=["ACME", "BYTE"], minutes=2, events_per_second=6))
    school = Class(SharedOver(tape, PEOPLE))
    try:
        far, near = school.join("ana"), school.near("ana")
        rows = school.room.runtime.seq
        for terms in ORDERS:
            asked = {k: v for k, v in terms.items() if k != "side"}
            there, here = (preview(desk, terms["side"], "ACME", **asked) for desk in (far, near))
            assert there == here
        order = SubmitOrder(0, "ana", "x", "ACME", Side.BUY, OrderType.MARKET, 10**6)
        assert foreseen(far, [order], most=True)[0].most == foreseen(near, [order], most=True)[0].most
        assert school.room.runtime.seq == rows
        school.near("ben").sell("ACME", 10)
        far.buy("ACME", 10)
        assert isinstance(preview(far, "sell", "ACME", 10), Preview)
    finally:
        school.close()


def test_who_looks_on_has_nothing_to_preview(open_desk: Opener) -> None:
    desk = open_desk()
    onlooker = Desk.on(desk._room, "nobody", desk._wiring)
    with pytest.raises(DeskError, match="without an account"):
        preview(onlooker, "buy", "ACME", 1)
