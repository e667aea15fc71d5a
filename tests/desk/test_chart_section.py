"""Does the chart show the bars, numbers and marks that are the desk's own, here and over a connection?"""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

import vtrade as vt
from tests.desk.conftest import Opener
from tests.services.loopback import Class, SharedOver, posted
from vtrade.desk.desk import Desk
from vtrade.desk.sections import build, chart_bars
from vtrade.desk.sections.look import Look
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.messages import RoomCommand
from vtrade.domain.values import NS_PER_S
from vtrade.errors import DeskError, SettingsError
from vtrade.market.indicators import INDICATORS, indicators

STUDIES = ("sma:5", "ema:5", "bollinger:5:2", "vwap", "rsi:5", "macd:3:5:2", "atr:5")


def seen(desk: Desk, **look: Any) -> dict[str, Any]:
    """The sections of a chart; plain JSON without NaN."""
    found = build(desk, Look(**look).checked(), ["bars", "charting", "marks"])
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


# --- bars and indicators ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [1, 5, 60, 3_600])
def test_the_chart_and_the_code_show_the_same_numbers(desk: vt.Desk, seconds: int) -> None:
    for step in (7, 1, 30, 90):
        desk.step(seconds=step)
        bars = seen(desk, symbol="BYTE", bar_s=seconds, bars=5_000, indicators=STUDIES)["bars"]
        table = chart_bars.table(desk, "BYTE", seconds, indicators=STUDIES)
        assert bars["kept"] == len(table) == len(bars["t"])
        names = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
        for column in table.columns:
            told = [None if math.isnan(x) else x for x in table[column]]
            assert bars[names.get(column, column)] == told, column
        assert set(bars) == {"seconds", "kept", "t", *(names.get(c, c) for c in table.columns)}


def test_the_same_as_from_the_bars_alone(desk: vt.Desk) -> None:
    desk.step(seconds=100)
    table = chart_bars.table(desk, "ACME", 5, indicators=STUDIES)
    again = indicators(desk.bars("ACME", 5), STUDIES)
    assert table[list(again.columns)].equals(again)


def test_a_desk_that_was_looked_at_all_the_time_and_one_that_was_not(open_desk: Opener) -> None:
    watched, other = open_desk(), open_desk()
    for _ in range(30):
        watched.step(seconds=3)
        seen(watched, symbol="LUMA", bar_s=15, indicators=STUDIES)
    other.step(seconds=90)
    assert (
        seen(watched, symbol="LUMA", bar_s=15, indicators=STUDIES)["bars"]
        == seen(other, symbol="LUMA", bar_s=15, indicators=STUDIES)["bars"]
    )


def test_the_newest_bars_first_of_all(desk: vt.Desk) -> None:
    desk.step(seconds=60)
    all_of_them = seen(desk, bar_s=1, bars=500, indicators=("sma:5",))["bars"]
    few = seen(desk, bar_s=1, bars=3, indicators=("sma:5",))["bars"]
    assert few["kept"] == all_of_them["kept"] > 3
    for name in ("t", "c", "sma:5"):
        assert few[name] == all_of_them[name][-3:], "an indicator knows the bars that are out of sight"


def test_a_rewind_takes_the_bars_back(desk: vt.Desk) -> None:
    desk.step(seconds=20)
    before = seen(desk, bar_s=1, indicators=STUDIES)
    desk.step(seconds=40)
    assert seen(desk, bar_s=1, indicators=STUDIES)["bars"] != before["bars"]
    desk.rewind(seconds=40)
    assert seen(desk, bar_s=1, indicators=STUDIES)["bars"] == before["bars"]


def test_before_the_first_print(desk: vt.Desk) -> None:
    found = seen(desk, indicators=STUDIES)
    assert found["bars"]["t"] == found["bars"]["sma:5"] == []
    assert found["marks"] == {"fills": [], "position": None, "lines": [], "halts": [], "news": []}


def test_times_are_those_of_the_tape(desk: vt.Desk) -> None:
    desk.step(seconds=90)
    assert seen(desk, bar_s=60)["bars"]["t"] == [34_200, 34_260]
    assert chart_bars.table(desk, "ACME", 60).index.tolist() == ["2026-01-05 09:30:00", "2026-01-05 09:31:00"]


# --- what can be chosen -----------------------------------------------------------------------------------------------


def test_lengths_of_bars(open_desk: Opener, daily: vt.Tape) -> None:
    ticks, days = open_desk(), open_desk(daily)
    lengths = [each["seconds"] for each in seen(ticks)["charting"]["lengths"]]
    assert lengths == [1, 5, 15, 60, 300, 900, 3_600, 86_400]
    days.run()
    found = seen(days, symbol="IBM", bar_s=60, bars=5_000, indicators=("sma:20",))
    assert found["charting"]["lengths"] == [{"seconds": 86_400, "text": "1 day"}]
    assert found["bars"]["seconds"] == 86_400, "there are no shorter ones"
    assert len(found["bars"]["t"]) == len(days.bars("IBM")) == 62
    assert found["bars"]["sma:20"][-1] == pytest.approx(days.bars("IBM").close.iloc[-20:].mean())
    five = build(days, Look(symbol="IBM", bar_s=5 * 86_400), ["bars"])["bars"]
    assert sum(five["v"]) == sum(found["bars"]["v"])
    assert len(five["t"]) < 20


def test_what_is_drawn_is_told(desk: vt.Desk) -> None:
    charting = seen(desk, indicators=("macd", "bollinger:10:1.5"))["charting"]
    assert [s["name"] for s in charting["studies"]] == ["macd:12:26:9", "bollinger:10:1.5"]
    assert [line["style"] for line in charting["studies"][0]["lines"]] == ["line", "line", "histogram"]
    assert [family["name"] for family in charting["families"]] == list(INDICATORS)


@pytest.mark.parametrize("bad", ["sma:0", "nope", "macd:9:3", "bollinger:20:nan"])
def test_an_indicator_that_cannot_be(desk: vt.Desk, bad: str) -> None:
    with pytest.raises(DeskError):
        Look().changed({"indicators": [bad]})
    with pytest.raises(SettingsError):
        chart_bars.table(desk, "ACME", 60, indicators=[bad])


def test_too_many_indicators_at_once() -> None:
    with pytest.raises(DeskError, match="more than the 8 that fit"):
        Look().changed({"indicators": [f"sma:{n}" for n in range(1, 10)]})


# --- marks ------------------------------------------------------------------------------------------------------------


def test_own_fills_stand_on_their_bars(desk: vt.Desk) -> None:
    desk.step(seconds=30)
    for _ in range(3):
        desk.buy("ACME", 10)
    desk.sell("ACME", 5)
    desk.buy("BYTE", 7)
    desk.step(seconds=60)
    desk.sell("ACME", 20)
    found = seen(desk, symbol="ACME", bar_s=60)
    fills = [(f["t"], f["side"], f["quantity"], f["fills"]) for f in found["marks"]["fills"]]
    assert fills == [(34_200, "buy", 30, 3), (34_200, "sell", 5, 1), (34_260, "sell", 20, 1)]
    assert all(f["t"] in found["bars"]["t"] for f in found["marks"]["fills"])
    prices = desk.fills().query("symbol == 'ACME' and side == 'buy'")
    assert found["marks"]["fills"][0]["price"] == pytest.approx((prices.price * prices.quantity).sum() / 30)
    assert "bought 30 at" in found["marks"]["fills"][0]["text"]
    assert found["marks"]["position"]["quantity"] == 5
    assert found["marks"]["position"]["text"].startswith("long 5 at ")
    desk.rewind(seconds=60)
    assert [f["side"] for f in seen(desk, symbol="ACME", bar_s=60)["marks"]["fills"]] == ["buy", "sell"]


def test_fills_out_of_sight_are_not_told(desk: vt.Desk) -> None:
    desk.step(seconds=10)
    desk.buy("ACME", 10)
    desk.step(seconds=120)
    assert seen(desk, bar_s=1, bars=500)["marks"]["fills"]
    assert seen(desk, bar_s=1, bars=5)["marks"]["fills"] == []


def test_working_orders_are_lines(desk: vt.Desk) -> None:
    desk.step(seconds=30)
    bid = float(desk.quotes().bid["ACME"])
    desk.buy("ACME", 40)
    rests = desk.buy("ACME", 10, limit=round(bid - 1, 2))
    stop = desk.sell("ACME", 10, stop=round(bid - 2, 2))
    both = desk.sell("ACME", 10, stop=round(bid - 3, 2), limit=round(bid - 4, 2))
    trail = desk.sell("ACME", 10, trail=5)
    desk.buy("BYTE", 1, limit=1)
    lines = seen(desk, symbol="ACME")["marks"]["lines"]
    told = [(each["id"], each["kind"], each["price"], each["movable"]) for each in lines]
    assert told == [
        (rests.client_order_id, "limit", round(bid - 1, 2), True),
        (stop.client_order_id, "stop", round(bid - 2, 2), True),
        (both.client_order_id, "limit", round(bid - 4, 2), True),
        (both.client_order_id, "stop", round(bid - 3, 2), True),
        (trail.client_order_id, "stop", pytest.approx(trail.stop_price), False),
    ]
    assert lines[0]["text"] == f"buy 10 limit {bid - 1:.2f}"
    assert lines[-1]["text"].endswith("follows the market")


def test_a_line_that_is_moved_replaces_the_order(desk: vt.Desk) -> None:
    desk.step(seconds=30)
    bid = float(desk.quotes().bid["ACME"])
    desk.buy("ACME", 40)
    desk.buy("ACME", 10, limit=round(bid - 1, 2))
    desk.sell("ACME", 10, stop=round(bid - 2, 2), limit=round(bid - 3, 2))
    for n, price in ((0, round(bid - 1.5, 2)), (2, round(bid - 2.5, 2))):
        line = seen(desk, symbol="ACME")["marks"]["lines"][n]
        reply = desk.handle({"intent": "replace", "id": line["id"], f"{line['kind']}_price": price})
        assert reply["kind"] == "ok", reply
        moved = seen(desk, symbol="ACME")["marks"]["lines"][n]
        assert (moved["price"], moved["id"]) == (price, line["id"])
    refused = desk.handle({"intent": "replace", "id": line["id"], "stop_price": bid / 1_000})
    assert refused["kind"] == "error"
    assert seen(desk, symbol="ACME")["marks"]["lines"][2]["price"] == round(bid - 2.5, 2)


def test_a_change_that_travels_is_shown(open_desk: Opener) -> None:
    desk = open_desk(rules={"latency_ms": 1_000})
    desk.step(seconds=30)
    order = desk.buy("ACME", 10, limit=100)
    assert "on its way" in seen(desk)["marks"]["lines"][0]["text"]
    desk.step(seconds=5)
    desk.replace(order, limit=101)
    line = seen(desk)["marks"]["lines"][0]
    assert (line["price"], line["moving"]) == (100, True)
    desk.step(seconds=5)
    line = seen(desk)["marks"]["lines"][0]
    assert (line["price"], line["moving"]) == (101, False)


def test_headlines_stand_on_their_bars(desk: vt.Desk) -> None:
    desk.step(seconds=30)
    room: Any = desk._room
    for n in range(7):
        room.submit([RoomCommand(desk.ts_ns, "news", "ACME", f"number {n}")])
    room.submit([RoomCommand(desk.ts_ns, "news", "BYTE", "of another")])
    desk.step(seconds=5)
    (news,) = seen(desk, symbol="ACME", bar_s=60)["marks"]["news"]
    assert news["t"] == 34_200
    assert [text[9:] for text in news["headlines"]] == [f"number {n}" for n in range(2, 7)]
    assert news["more"] == 2


def test_halts_are_stretches_of_the_time_axis(desk: vt.Desk) -> None:
    room: Any = desk._room
    desk.step(seconds=30)
    room.submit([RoomCommand(desk.ts_ns, "halt", "ACME")])
    (halt,) = seen(desk, symbol="ACME", bar_s=5)["marks"]["halts"]
    assert (halt["t"], halt["until"]) == (34_230 - 5, None) or halt["t"] == 34_230
    assert halt["text"].startswith("halted at 09:30:30")
    assert seen(desk, symbol="BYTE", bar_s=5)["marks"]["halts"] == []
    desk.step(seconds=40)
    room.submit([RoomCommand(desk.ts_ns, "resume", "ACME")])
    desk.step(seconds=30)
    found = seen(desk, symbol="ACME", bar_s=5)
    (halt,) = found["marks"]["halts"]
    assert halt["t"] <= halt["until"]
    assert {halt["t"], halt["until"]} <= set(found["bars"]["t"])
    assert "on again at 09:31:" in halt["text"]


# --- elsewhere --------------------------------------------------------------------------------------------------------


def test_over_a_connection(tape: vt.Tape) -> None:
    school = Class(SharedOver(tape, {"ana": RiskLimits(), "ben": RiskLimits()}))
    try:
        desk, near = school.join("ana"), school.near("ana")
        for seconds in (30, 1, 40):
            school.room.advance(school.room.now_ns + seconds * NS_PER_S)
            bid = float(near.quotes().bid["ACME"])
            desk.buy("ACME", 10)
            desk.buy("ACME", 5, limit=round(bid - 1, 2))
            posted(school.room, [RoomCommand(school.room.now_ns, "halt", "BYTE")])
            school.settle()
            for bar_s in (1, 15, 60):
                look = {"symbol": "ACME", "bar_s": bar_s, "indicators": STUDIES}
                assert seen(desk, **look) == seen(near, **look)
        found = seen(desk, symbol="ACME", bar_s=15)
        assert found["marks"]["fills"]
        assert len(found["marks"]["lines"]) == 3
        late = school.join("ben")
        halts = seen(late, symbol="BYTE", bar_s=15)["marks"]["halts"]
        assert halts == seen(near, symbol="BYTE", bar_s=15)["marks"]["halts"] != [], "who comes later hears of it too"
        assert chart_bars.table(desk, "ACME", 15, indicators=STUDIES).equals(
            chart_bars.table(near, "ACME", 15, indicators=STUDIES)
        )
    finally:
        school.close()


def test_who_only_looks_on_has_no_marks_of_its_own(tape: vt.Tape) -> None:
    school = Class(SharedOver(tape, {"ana": RiskLimits()}))
    try:
        desk = school.join("teacher", "instructor")
        school.room.advance(school.room.now_ns + 30 * NS_PER_S)
        school.settle()
        marks = seen(desk, symbol="ACME")["marks"]
        assert (marks["fills"], marks["position"], marks["lines"]) == ([], None, [])
    finally:
        school.close()
