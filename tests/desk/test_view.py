"""Is what a panel gets plain, small and true, and can nothing a panel sends do harm?"""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vtrade as vt
from tests.desk.conftest import Opener, players, records, until
from vtrade.domain.orders import TRANSITIONS, OrderEvent, Status

VIEW_BYTES_MAX = 16_000

TOP = set(
    "seq clock symbols symbol instrument quote depth bars orders positions account standings progress ticket "
    "news".split()
)
PARTS: dict[str, set[str]] = {
    "clock": set("time date playing speed ended progress forked".split()),
    "instrument": set("symbol name sector currency tick lot decimals".split()),
    "quote": set("bid bid_size ask ask_size last change change_pct spread status".split()),
    "depth": {"bids", "asks"},
    "bars": set("seconds t o h l c v".split()),
    "account": set(
        "account currency nav cash reserved buying_power realized_pnl unrealized_pnl fees pnl pnl_pct".split()
    ),
    "progress": set("level xp next_level_xp badges missions".split()),
    "ticket": {"types", "tifs"},
}
ROWS: dict[str, set[str]] = {
    "symbols": set("symbol name sector last change_pct".split()),
    "orders": set("id time symbol side type quantity filled price status reason avg_px intents".split()),
    "positions": set("symbol quantity avg_entry_price last market_value unrealized_pnl realized_pnl".split()),
    "standings": set("rank name score me".split()),
    "news": set("time symbol headline".split()),
}


def check_view(view: dict[str, Any]) -> None:
    text = json.dumps(view, allow_nan=False)
    assert json.loads(text) == view
    assert set(view) == TOP
    for part, fields in PARTS.items():
        assert set(view[part]) >= fields, part
    for part, fields in ROWS.items():
        for row in view[part]:
            assert set(row) >= fields, part
    assert isinstance(view["seq"], int)
    assert 0 <= view["clock"]["progress"] <= 1
    assert view["ticket"]["types"] == ["market", "limit", "stop_market", "stop_limit", "trailing_stop_market"]
    assert view["ticket"]["tifs"] == ["DAY", "GTC", "IOC", "FOK", "GTD", "AT_THE_OPEN", "AT_THE_CLOSE"]
    for mission in view["progress"]["missions"]:
        assert set(mission) >= {"name", "done", "goal"}
    depth, quote, bars = view["depth"], view["quote"], view["bars"]
    assert [row[0] for row in depth["bids"]] == sorted((row[0] for row in depth["bids"]), reverse=True)
    assert [row[0] for row in depth["asks"]] == sorted(row[0] for row in depth["asks"])
    for side, best, size in (("bids", "bid", "bid_size"), ("asks", "ask", "ask_size")):
        if depth[side]:
            assert depth[side][0][:2] == [quote[best], quote[size]]
        for _, shown, own in depth[side]:
            assert 0 <= own <= shown
    assert len({len(bars[name]) for name in "tohlcv"}) == 1
    assert bars["t"] == sorted(set(bars["t"]))
    for o, h, low, c in zip(bars["o"], bars["h"], bars["l"], bars["c"], strict=True):
        assert low <= min(o, c) <= max(o, c) <= h
    account = view["account"]
    value = sum(position["market_value"] for position in view["positions"])
    assert account["nav"] == pytest.approx(account["cash"] + value, abs=1e-6)
    assert account["pnl"] == pytest.approx(
        account["realized_pnl"] + account["unrealized_pnl"] - account["fees"], abs=1e-6
    )
    words = {OrderEvent.CANCEL: "cancel", OrderEvent.REPLACE: "replace"}
    for order in view["orders"]:
        row = TRANSITIONS[Status(order["status"])]
        assert order["intents"] == [word for event, word in words.items() if event in row]


# --- the view ---------------------------------------------------------------------------------------------------------


def test_a_new_desk(desk: vt.Desk) -> None:
    view = desk.view()
    check_view(view)
    assert view["symbol"] == "ACME"
    assert view["instrument"] == {
        "symbol": "ACME", "name": "Acme Robotics", "sector": "Information Technology", "currency": "USD",
        "tick": 0.01, "lot": 1.0, "decimals": 2,
    }  # fmt: skip
    assert view["orders"] == view["positions"] == view["news"] == []
    assert (view["clock"]["date"], view["clock"]["time"][:5]) == ("2026-01-05", "09:30")
    assert view["quote"]["change"] is None


def test_a_busy_desk_at_every_minute(desk: vt.Desk) -> None:
    desk.buy("ACME", 200)
    desk.buy("ACME", 100, limit=float(desk.quotes().bid["ACME"]))
    desk.sell("ACME", 50, stop=180)
    desk.buy("LUMA", "3.21")
    desk.buy("NOPE", 1)
    for _ in range(12):
        desk.step(seconds=20)
        for symbol in desk.symbols:
            check_view(desk.view(symbol))


def test_a_view_agrees_with_the_tables(desk: vt.Desk) -> None:
    desk.buy("ACME", 200)
    desk.run(until="09:31:30")
    view, quotes, book = desk.view("ACME", levels=5), desk.quotes().loc["ACME"], desk.book("ACME", 5)
    assert (view["quote"]["bid"], view["quote"]["ask"], view["quote"]["last"]) == (
        quotes.bid,
        quotes.ask,
        quotes["last"],
    )
    assert [row[0] for row in view["depth"]["asks"]] == book.ask.dropna().tolist()
    assert view["quote"]["spread"] == pytest.approx(quotes.ask - quotes.bid)
    bars = desk.bars("ACME")
    assert (view["bars"]["o"], view["bars"]["v"]) == (bars.open.tolist(), bars.volume.tolist())
    first = bars.open.iloc[0]
    assert view["quote"]["change"] == pytest.approx(quotes["last"] - first)
    assert view["quote"]["change_pct"] == pytest.approx(100 * (quotes["last"] / first - 1), abs=1e-3)
    position = desk.positions().iloc[0]
    assert view["positions"][0]["unrealized_pnl"] == position.unrealized_pnl
    assert view["account"]["nav"] == desk.nav
    assert view["account"]["buying_power"] == desk.buying_power


def test_own_orders_are_marked_in_the_ladder(desk: vt.Desk) -> None:
    bid = float(desk.quotes().bid["ACME"])
    desk.buy("ACME", 30, limit=bid)
    desk.buy("ACME", 12, limit=bid)
    desk.buy("ACME", 7, limit=bid - 0.01, tif="GTC")
    rows = {row[0]: row for row in desk.view("ACME")["depth"]["bids"]}
    assert rows[bid][2] == 42
    assert rows[round(bid - 0.01, 2)][2] == 7
    check_view(desk.view("ACME"))


def test_orders_are_newest_first_and_at_most_fifty(desk: vt.Desk) -> None:
    for _ in range(60):
        desk.buy("ACME", 1)
    shown = desk.view()["orders"]
    assert [row["id"] for row in shown] == [f"o{n}" for n in range(60, 10, -1)]


def test_a_view_is_small(desk: vt.Desk) -> None:
    desk.run(until="09:31:30")
    assert len(json.dumps(desk.view())) < VIEW_BYTES_MAX / 2


def test_a_view_of_two_busy_hours_is_small(open_desk: Opener) -> None:
    desk = open_desk(vt.synthetic(5, minutes=140, events_per_second=1))
    for n in range(5):
        desk.buy("ACME", 10 + n)
        desk.buy("BYTE", 10, limit=float(desk.quotes().bid["BYTE"]) - n / 100)
    desk.run(until="11:49")
    view = desk.view("ACME", levels=10, bars=120)
    check_view(view)
    assert len(view["bars"]["t"]) == 120
    assert len(json.dumps(view, separators=(",", ":"))) < VIEW_BYTES_MAX
    for _ in range(60):
        desk.buy("ACME", 1, limit=170)
    assert len(json.dumps(desk.view(), separators=(",", ":"))) < 3 * VIEW_BYTES_MAX


def test_bars_and_levels_are_as_many_as_asked_for(desk: vt.Desk) -> None:
    desk.run(until="09:32:30")
    view = desk.view("ACME", levels=3, bars=2)
    assert (len(view["depth"]["bids"]), len(view["bars"]["t"])) == (3, 2)


def test_the_sequence_never_falls(desk: vt.Desk) -> None:
    seen = [desk.view()["seq"]]
    for act in (
        desk.step,
        lambda: desk.buy("ACME", 1),
        desk.play,
        desk.pause,
        desk.rewind,
        desk.step,
        desk.run,
        desk.rewind,
    ):
        act()
        seen.append(desk.view()["seq"])
    assert seen == sorted(set(seen))


def test_a_daily_desk_shows_days(open_desk: Opener, daily: vt.Tape) -> None:
    desk = open_desk(daily)
    desk.buy("AAPL", 10)
    desk.run(until="2012-02-01 16:00")
    view = desk.view("AAPL")
    check_view(view)
    assert (view["clock"]["date"], view["clock"]["time"]) == ("2012-02-01", "16:00:00")
    assert view["depth"] == {"bids": [], "asks": []}
    assert view["quote"]["bid"] is None
    gaps = {b - a for a, b in zip(view["bars"]["t"], view["bars"]["t"][1:], strict=False)}
    assert min(gaps) == 86_400
    assert view["bars"]["t"][0] % 86_400 == 34_200  # half past nine on the wall of the exchange


def test_the_end_of_the_tape_shows(desk: vt.Desk) -> None:
    desk.buy("ACME", 1)
    desk.run()
    view = desk.view()
    check_view(view)
    assert (view["clock"]["ended"], view["quote"]["status"], view["quote"]["bid"]) == (True, "CLOSED", None)


@pytest.mark.needs("data")
def test_real_messages_show(open_desk: Opener, amzn: vt.Tape) -> None:
    desk = open_desk(amzn)
    desk.run(until="09:40")
    view = desk.view()
    check_view(view)
    assert view["bars"]["t"][0] == 34_200
    assert view["clock"]["date"] == "2012-06-21"


def test_a_desk_with_no_money(open_desk: Opener) -> None:
    check_view(open_desk(cash=0).view())


# --- intents ----------------------------------------------------------------------------------------------------------


def test_a_panel_trades(desk: vt.Desk) -> None:
    bid = float(desk.quotes().bid["ACME"])
    ticket = {
        "intent": "submit",
        "symbol": "ACME",
        "side": "buy",
        "type": "market",
        "quantity": "100",
        "limit_price": "",
    }
    notice = desk.handle(ticket)
    assert notice["kind"] == "ok"
    assert "FILLED" in notice["text"]
    resting = desk.handle({**ticket, "type": "limit", "limit_price": bid - 1, "tif": "GTC", "client_order_id": "mine"})
    assert resting["kind"] == "ok"
    assert desk.handle({"intent": "replace", "id": "mine", "quantity": 40})["kind"] == "ok"
    assert desk.order("mine").quantity == 40
    refused = desk.handle({"intent": "replace", "id": "mine", "limit_price": "0.001"})
    assert (refused["kind"], "grid" in refused["text"]) == ("error", True)
    assert desk.handle({"intent": "cancel", "id": "mine"})["kind"] == "ok"
    again = desk.handle({"intent": "cancel", "id": "mine"})
    assert (again["kind"], "CANCELED already" in again["text"]) == ("error", True)
    assert desk.handle({"intent": "close", "symbol": "ACME"})["text"].startswith("1 closing")
    assert desk.handle({"intent": "close", "symbol": "ACME"})["kind"] == "error"
    assert desk.positions().empty


def test_a_panel_moves_time(desk: vt.Desk) -> None:
    at = desk.ts_ns
    assert desk.handle({"intent": "step", "seconds": 30})["kind"] == "ok"
    assert desk.ts_ns == at + 30_000_000_000
    assert desk.handle({"intent": "rewind", "seconds": 10})["kind"] == "ok"
    assert desk.ts_ns == at + 20_000_000_000
    assert desk.handle({"intent": "play", "speed": 5})["kind"] == "ok"
    assert desk.playing
    assert desk.handle({"intent": "pause"})["kind"] == "ok"
    assert not desk.playing
    desk.run()
    assert desk.handle({"intent": "play"})["kind"] == "error"


def test_a_panel_on_daily_bars_moves_by_bars(open_desk: Opener, daily: vt.Tape) -> None:
    desk = open_desk(daily)
    desk.handle({"intent": "step", "seconds": 1})
    assert desk.now == "2012-01-04 16:00:00.000"
    desk.handle({"intent": "rewind", "seconds": 1})
    assert desk.now == "2012-01-03 16:00:00.000"


@pytest.mark.parametrize(
    ("intent", "words"),
    [
        (None, "dictionary"),
        ({}, "dictionary"),
        ({"intent": "dance"}, "dance"),
        ({"intent": "submit"}, "quantity"),
        ({"intent": "submit", "quantity": 1, "side": "buy"}, "symbol"),
        ({"intent": "submit", "quantity": 1, "symbol": "ACME"}, "buy, sell"),
        ({"intent": "submit", "quantity": 1, "symbol": "ACME", "side": "hold"}, "hold"),
        ({"intent": "submit", "quantity": 1, "symbol": "ACME", "side": "buy", "type": "iceberg"}, "iceberg"),
        ({"intent": "submit", "quantity": "ten", "symbol": "ACME", "side": "buy"}, "ten"),
        ({"intent": "submit", "quantity": True, "symbol": "ACME", "side": "buy"}, "True"),
        ({"intent": "submit", "quantity": "1e999999", "symbol": "ACME", "side": "buy"}, "smaller"),
        ({"intent": "submit", "quantity": 1, "symbol": "ACME", "side": "buy", "type": "limit"}, "needs a limit"),
        ({"intent": "submit", "quantity": 1, "symbol": "ACME", "side": "buy", "limit_price": 180}, "takes no limit"),
        ({"intent": "submit", "quantity": 1, "symbol": "ACME", "side": "buy", "tif": "GTD"}, "GTD"),
        ({"intent": "submit", "quantity": 1, "symbol": "ACME", "side": "buy", "client_order_id": 5}, "client_order_id"),
        ({"intent": "submit", "quantity": 10_000, "symbol": "ACME", "side": "buy"}, "buying power"),
        ({"intent": "cancel"}, "id"),
        ({"intent": "cancel", "id": "o99"}, "o99"),
        ({"intent": "replace", "id": ["o1"]}, "id"),
        ({"intent": "close", "symbol": "NOPE"}, "NOPE"),
        ({"intent": "play", "speed": "fast"}, "fast"),
        ({"intent": "play", "speed": 1e999}, "inf"),
        ({"intent": "play", "speed": -1}, "-1"),
        ({"intent": "step", "seconds": -1}, "-1"),
        ({"intent": "rewind", "seconds": []}, "seconds"),
    ],
)
def test_what_a_panel_must_not_send_is_told_in_words(desk: vt.Desk, intent: Any, words: str) -> None:
    if words == "seconds":
        intent = {"intent": "rewind", "seconds": {"a": 1}}
    before = (desk.cash, desk.playing)
    notice = desk.handle(intent)
    assert notice["kind"] == "error"
    assert words in notice["text"]
    assert "Error" not in notice["text"], "an exception's name is no sentence"
    assert (desk.cash, desk.playing) == before


@pytest.mark.parametrize("seconds", [1e300, 1e20, 1e12, "1e15", 10**400])
def test_no_step_or_rewind_is_too_far(desk: vt.Desk, tape: vt.Tape, seconds: Any) -> None:
    desk.handle({"intent": "step", "seconds": seconds})
    assert desk.ts_ns <= tape.end_ns
    desk.handle({"intent": "rewind", "seconds": seconds})
    assert desk.buy("ACME", 1).status in (Status.FILLED, Status.ACCEPTED)
    check_view(desk.view())


NAMES = [
    "intent", "symbol", "side", "type", "quantity", "limit_price", "stop_price", "tif", "client_order_id", "id",
    "speed", "seconds",
]  # fmt: skip
WORDS = [
    "submit", "cancel", "replace", "close", "play", "pause", "step", "rewind", "ACME", "LUMA", "buy", "sell", "market",
    "limit", "stop_market", "stop_limit", "DAY", "FOK", "o1", "1", "", "182.4", "NaN", "1e99", "-5",
]  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(WORDS)
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=3), x, max_size=2), max_leaves=4
)
LIKELY = st.fixed_dictionaries({"intent": st.sampled_from(WORDS[:8])}, optional=dict.fromkeys(NAMES[1:], VALUES))


@pytest.fixture(scope="module")
def poked(tape: vt.Tape) -> Any:
    desk = vt.Desk(tape, language_model=None)
    yield desk
    desk.pause()
    check_view(desk.view())
    assert desk.verify().ok
    assert desk.rewind().buy("ACME", 1).status == Status.FILLED
    desk.close_desk()
    until(lambda: not players())


@settings(max_examples=300)
@given(intent=VALUES | LIKELY | st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6))
def test_no_intent_raises(poked: vt.Desk, intent: Any) -> None:
    notice = poked.handle(intent)
    assert {"kind", "text"} <= set(notice) <= {"kind", "text", "field", "data"}
    assert notice["kind"] in ("ok", "error")
    assert isinstance(notice["text"], str)
    json.dumps(notice, allow_nan=False)
    if poked.playing:
        poked.pause()
    assert math.isfinite(poked.nav)


def test_a_refused_intent_writes_at_most_its_refusal(desk: vt.Desk) -> None:
    before = records(desk)
    desk.handle({"intent": "submit", "quantity": "x", "symbol": "ACME", "side": "buy"})
    desk.handle({"intent": "dance"})
    assert records(desk) == before
