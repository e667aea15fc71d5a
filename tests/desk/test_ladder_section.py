"""Does the ladder tell what waits, where own orders stand and what traded, and no more than anybody can know?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import vtrade as vt
from tests.desk.conftest import Opener
from vtrade.desk.sections import build, ladder
from vtrade.desk.sections.look import Look
from vtrade.domain.rules import RoomRules
from vtrade.errors import DeskError
from vtrade.execution.places import SIGHT, TOTALS

L2 = "binance/spot_btcusdt_20240808.gz"


def shown(desk: vt.Desk, **look: Any) -> dict[str, Any]:
    """The sections of the ladder."""
    view = build(desk, Look(**look), ["ladder", "ladder_orders", "prints"])
    assert json.loads(json.dumps(view, allow_nan=False)) == view
    return view


@pytest.fixture(scope="module")
def btc(data_dir: Path) -> vt.Tape:
    """Level totals of a real market."""
    return vt.load_tape(f"binance:{data_dir / L2}")


def test_the_ladder_tells_the_book_in_ticks(desk: vt.Desk) -> None:
    desk.step(seconds=30)
    told = shown(desk)["ladder"]
    book = desk.book("ACME", 20)
    bids, asks = book.dropna(subset=["bid"]), book.dropna(subset=["ask"])
    assert [px for px, _ in told["bids"]] == [round(px / told["tick"]) for px in bids.bid]
    assert [size for _, size in told["asks"]] == asks.ask_size.tolist()
    assert told["spread"]["ticks"] == told["ask"] - told["bid"]
    assert told["spread"]["bps"] == pytest.approx(1e4 * told["spread"]["price"] / told["mid"], abs=0.006)
    bid, ask = bids.bid_size[:10].sum(), asks.ask_size[:10].sum()
    assert told["balance"]["share"] == pytest.approx((bid - ask) / (bid + ask), abs=0.001)
    assert f"bids {round(100 * bid / (bid + ask))} %" in told["balance"]["text"]
    assert told["note"] == ""
    assert told["trades"]


def test_own_orders_stand_on_their_rungs(desk: vt.Desk) -> None:
    bid, ask = float(desk.book("ACME").bid[0]), float(desk.book("ACME").ask[0])
    low = desk.buy("ACME", 100, limit=round(bid - 0.02, 2))
    stop = desk.buy("ACME", 50, stop=round(ask + 1, 2))
    desk.buy("BYTE", 10, limit=float(desk.book("BYTE").bid[0]))
    first, second = shown(desk)["ladder_orders"]
    tick = shown(desk)["ladder"]["tick"]
    assert (first["id"], first["side"], first["kind"], first["quantity"]) == (low.client_order_id, "buy", "limit", 100)
    assert first["ticks"] == round((bid - 0.02) / tick)
    assert first["low"] == first["ahead"] == first["high"] > 0
    assert first["text"] == f"{first['ahead']:,.0f} ahead"
    assert first["intents"] == ["cancel", "replace"]
    assert (second["kind"], second["ticks"], second["ahead"]) == ("stop", round((ask + 1) / tick), None)
    assert "sleeps" in second["text"]
    desk.cancel(low)
    desk.cancel(stop)
    assert shown(desk)["ladder_orders"] == []


def test_a_market_order_that_waits_has_no_rung(open_desk: Opener, tape: vt.Tape) -> None:
    desk = open_desk(tape, rules=RoomRules.make(latency_ms=50))
    order = desk.buy("ACME", 10)
    limit = desk.buy("ACME", 10, limit=100)
    rows = shown(desk)["ladder_orders"]
    assert order.working
    assert [(row["id"], row["state"], row["intents"]) for row in rows] == [(limit.client_order_id, "moving", [])]
    assert "on its way" in rows[0]["text"]


@pytest.mark.parametrize("model", ["risk_averse", "power", "log", "inferred"])
def test_bounds_hold_the_estimate_on_level_totals(open_desk: Opener, btc: vt.Tape, model: str) -> None:
    desk = open_desk(btc, rules=RoomRules(queue_model=model), cash=50_000_000)
    room = desk._room
    ranges = 0
    for step in range(120):
        desk.step(seconds=1)
        if step % 12 == 0:
            for away in (0, 50, 400, 2_000):
                desk.buy("BTCUSDT", 0.01, limit=round(float(desk.book("BTCUSDT").bid[0]) - away / 100, 2), tif="GTC")
        for order_id, order in room.engine.orders.items():
            place = room.place(order_id)
            assert place is not None
            stay = room._places._stays[order_id]
            feed = int(room.engine._book.own[order.slot, 12])
            assert stay.low <= feed <= stay.high
            if model == "risk_averse" and place.why == TOTALS and stay.high < 2**60:
                assert place.high == place.ahead, "the upper bound is this model's own answer"
            assert place.low <= place.ahead <= place.high or place.high == -1
            told = ladder.place_text(desk.instruments[0], place)
            assert told.startswith("~") == (place.low != place.high and place.why == TOTALS)
            ranges += told.startswith("~")
    assert ranges > 10
    table = ladder.queue_frame(desk)
    assert not table.exact.any()
    assert (table.low <= table.ahead).all()


def test_a_place_does_not_depend_on_who_asked_before(open_desk: Opener, btc: vt.Tape, tmp_path: Path) -> None:
    journal = str(tmp_path / "a.vtj")
    desk = open_desk(btc, journal=journal)
    desk.step(seconds=5)
    for away in (500, 2_000, 4_000):
        desk.buy("BTCUSDT", 0.01, limit=round(float(desk.book("BTCUSDT").bid[0]) - away / 100, 2))
        ladder.queue_frame(desk)
        desk.step(seconds=3)
    state = desk.state_hash
    before = ladder.queue_frame(desk)
    assert len(before) > 1
    assert desk.state_hash == state, "looking changes nothing"
    desk.close_desk()
    again = open_desk(btc, journal=journal)
    assert ladder.queue_frame(again).to_dict() == before.to_dict()
    assert again.verify().ok


def test_a_price_out_of_sight_is_not_told_as_an_empty_queue(open_desk: Opener, data_dir: Path) -> None:
    desk = open_desk(f"lean:{data_dir / 'lean' / 'minute' / 'aapl'}")
    desk.step(seconds=120)
    desk.buy("AAPL", 10, limit=600)
    (row,) = shown(desk)["ladder_orders"]
    assert row["high"] is None
    assert "not shown" in row["text"]
    assert "nobody knows" in row["why"]
    place = desk._room.place(1)
    assert place is not None
    assert place.why == SIGHT
    assert "best bid and ask only" in shown(desk)["ladder"]["note"]


def test_bars_say_what_they_do_not_tell(open_desk: Opener, daily: vt.Tape) -> None:
    desk = open_desk(daily)
    desk.step()
    view = shown(desk)
    assert view["ladder"]["bars"]
    assert view["ladder"]["bids"] == []
    assert view["ladder"]["last"]
    assert view["ladder"]["note"] == ladder.NO_DEPTH
    assert view["prints"]["n"] == []
    assert view["prints"]["note"] == ladder.NO_PRINTS
    desk.buy("AAPL", 1, limit=1)
    assert ladder.queue_frame(desk).empty
    assert ladder.print_frame(desk).empty


def test_prints_are_those_of_the_tape_with_own_fills_among_them(desk: vt.Desk, tape: vt.Tape) -> None:
    from vtrade.market.dtype import Kind

    desk.step(seconds=40)
    desk.buy("ACME", 30)
    desk.step(seconds=5)
    told = shown(desk, prints=500)["prints"]
    events = desk._room.events()
    traded = events[(events["instrument"] == 0) & ((events["kind"] == Kind.TRADE) | (events["kind"] == Kind.EXECUTE))]
    public = [i for i, own in enumerate(told["own"]) if not own]
    assert [told["qty"][i] for i in public] == traded["quantity"].tolist()
    assert [told["n"][i] for i in public] == list(range(1, len(traded) + 1))
    mine = [i for i, own in enumerate(told["own"]) if own]
    assert sum(told["qty"][i] for i in mine) == 30
    assert all(told["side"][i] == 1 for i in mine)
    assert told["t"] == sorted(told["t"])
    assert told["n"] == sorted(told["n"])
    assert len(set(told["n"])) == len(told["n"])
    assert 9.5 * 3600 <= told["t"][0] % 86_400 < 9.6 * 3600
    least = shown(desk, prints=500, least_print=100)["prints"]
    assert [q for q, own in zip(least["qty"], least["own"], strict=True) if not own] == [
        q for q in traded["quantity"].tolist() if q >= 100
    ]
    table = ladder.print_frame(desk, "ACME", 5)
    assert table.quantity.tolist() == traded["quantity"].tolist()[:-6:-1]
    assert set(table.side) <= {"buy", "sell"}


def test_prints_of_an_exchange_room_have_sizes_as_it_plays(open_desk: Opener) -> None:
    desk = open_desk("exchange:7")
    for _ in range(300):
        desk.step()
    told = shown(desk)["prints"]
    assert told["note"] == ladder.SUMS
    sizes = [q for q in told["qty"] if q is not None]
    assert sizes
    assert min(sizes) > 0


def test_what_cannot_be_asked_for_is_one_sentence(desk: vt.Desk) -> None:
    with pytest.raises(DeskError, match="not traded here"):
        ladder.print_frame(desk, "NOPE")
    with pytest.raises(DeskError, match="500 that are kept"):
        ladder.print_frame(desk, "ACME", 501)
    with pytest.raises(DeskError, match="prints 0"):
        ladder.print_frame(desk, "ACME", 0)
    for least in (-1.0, float("nan"), float("inf")):
        with pytest.raises(DeskError, match="cannot be looked for"):
            Look().changed({"least_print": least})


@pytest.mark.parametrize(("cash", "least"), [(1_000_000, 1.0), (5, 1.0)])
def test_the_quantity_to_begin_with_is_one_that_can_be_sent(open_desk: Opener, cash: float, least: float) -> None:
    desk = open_desk(cash=cash)
    quantity = shown(desk)["ladder"]["quantity"]
    assert quantity >= least
    assert quantity == int(quantity)


@pytest.mark.parametrize("name", ["ladder", "ladder_orders", "prints"])
def test_a_section_of_a_busy_desk_is_small(open_desk: Opener, name: str) -> None:
    desk = open_desk()
    bid = float(desk.book("ACME").bid[0])
    for away in range(60):
        desk.buy("ACME", 1, limit=round(bid - 0.01 * (away % 20), 2))
    desk.step(seconds=30)
    bytes_max = 4_000 if name == "ladder" else 40_000
    assert 20 < len(json.dumps(shown(desk)[name])) < bytes_max
