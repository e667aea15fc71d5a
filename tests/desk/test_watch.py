"""Does the market watch say what trades here, in the order and the lists its reader chose, at a small price?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import vtrade as vt
from tests.desk.conftest import Opener
from tests.desk.test_alerts import OPEN, SPIKE, S, prints
from tests.services.loopback import Class, SharedOver, class_tape
from vtrade.desk.names import names_of
from vtrade.desk.preferences import preferences_of
from vtrade.desk.sections.watch import ROWS_MAX
from vtrade.desk.watchlists import LISTS_MAX, SYMBOLS_MAX, watchlists_of
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.actions import ActionKind, CorporateAction
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import OfferTender, RoomCommand
from vtrade.domain.orders import Side
from vtrade.errors import DeskError
from vtrade.market.candles import Candles
from vtrade.market.dtype import EVENT, Kind
from vtrade.market.tape import NewsItem, Tape, check_tape


@pytest.fixture(autouse=True)
def _kept_here(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VTRADE_PREFERENCES", str(tmp_path / "preferences"))


def rows(desk: vt.Desk, **look: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = desk.view(sections=["watch_rows"], **look)["watch_rows"]
    return found


def shown(desk: vt.Desk, **look: Any) -> list[str]:
    return [row["symbol"] for row in rows(desk, **look)]


def ask(desk: vt.Desk, intent: str, **more: Any) -> dict[str, Any]:
    return desk.handle({"intent": intent, **more})


def many(count: int) -> Tape:
    """So many instruments that print once each."""
    instruments = tuple(
        Instrument.make(f"SYM{k:03d}", name=f"Company number {k}", sector=f"Sector {k % 9}") for k in range(count)
    )
    events = np.zeros(2 * count, EVENT)
    at = np.arange(2 * count)
    events["ts_ns"], events["instrument"], events["kind"] = OPEN + at * 1_000, at % count, Kind.TRADE
    events["price"] = 10_000 + np.where(at < count, 0, at % 17)
    events["quantity"] = 100 + at % count
    return check_tape(Tape("many", instruments, events, "L1", date="2024-03-04"))


# --- what a row says -------------------------------------------------------------------------------------------------


def test_a_row_agrees_with_the_tables(open_desk: Opener) -> None:
    desk = open_desk()
    desk.step(seconds=70)
    quotes = desk.quotes()
    for row in rows(desk):
        bars = desk.bars(row["symbol"], 1)
        quote = quotes.loc[row["symbol"]]
        assert (row["last"], row["bid"], row["ask"]) == (quote["last"], quote["bid"], quote["ask"])
        assert row["volume"] == pytest.approx(bars["volume"].sum())
        assert (row["low"], row["high"]) == (bars["low"].min(), bars["high"].max())
        assert row["change"] == pytest.approx(row["last"] - bars["open"].iloc[0])
        middle = (quote["bid"] + quote["ask"]) / 2
        assert row["spread_bps"] == pytest.approx(1e4 * (quote["ask"] - quote["bid"]) / middle, abs=0.006)
        assert (row["year_low"], row["year_high"]) == (None, None)


def test_sums_stay_right_from_look_to_look_and_after_a_rewind(open_desk: Opener) -> None:
    desk, once = open_desk(), open_desk()
    for _ in range(30):
        desk.step(seconds=2)
        rows(desk)
    once.step(seconds=60)
    assert rows(desk) == rows(once)
    seen = desk.view(sections=["sparks"])["sparks"]
    assert seen == once.view(sections=["sparks"])["sparks"]
    desk.step(seconds=30)
    rows(desk)
    desk.rewind(to=once.ts_ns)
    assert rows(desk) == rows(once)


def test_a_sparkline_is_the_shape_of_the_session(open_desk: Opener) -> None:
    desk = open_desk(prints([*[100] * 40, *[104] * 40, *[102] * 40]))
    desk.run()
    (spark,) = desk.view(sections=["sparks"])["sparks"]
    assert 20 <= len(spark["points"]) <= 40
    assert (min([*spark["points"], spark["base"]]), max(spark["points"])) == (0, 100)
    assert spark["points"][-1] == 50  # 102, between 100 and 104
    flat = open_desk(prints([100] * 5))
    flat.run()
    assert flat.view(sections=["sparks"])["sparks"][0]["points"] == [50] * 5


def test_days_have_a_session_each_and_a_year_once_there_is_one(open_desk: Opener) -> None:
    desk = open_desk(vt.load_tape("sample:AAPL,IBM", start="2011-01-03", end="2012-06-29"))
    (row, _) = rows(desk)
    assert row["year_low"] is None
    desk.run(until="2012-06-01")
    bars = desk.bars("IBM")
    row = next(row for row in rows(desk) if row["symbol"] == "IBM")
    assert (row["low"], row["high"]) == (bars["low"].iloc[-1], bars["high"].iloc[-1])
    assert row["change"] == pytest.approx(bars["close"].iloc[-1] - bars["close"].iloc[-2])
    since = bars.tail(252)
    assert row["year_high"] == pytest.approx(since["high"].max(), rel=0.01)
    assert row["year_low"] == pytest.approx(since["low"].min(), rel=0.03)
    spark = next(row for row in desk.view(sections=["sparks"])["sparks"] if row["symbol"] == "IBM")
    assert len(spark["points"]) == 40


def test_a_row_says_that_nothing_trades(open_desk: Opener) -> None:
    desk = open_desk(prints(SPIKE))
    desk._room.submit([RoomCommand(desk.ts_ns, "halt", symbol="ACME")])
    assert rows(desk)[0]["status"] == "HALTED"
    gone = CorporateAction(desk.ts_ns, "ACME", ActionKind.DELISTING, amount=1_000_000)
    desk._room.submit([gone])
    assert rows(desk)[0]["status"] == "DELISTED"


def test_after_a_split_everything_is_of_one_size(open_desk: Opener) -> None:
    split = CorporateAction(OPEN + 5 * S, "ACME", ActionKind.SPLIT, numerator=2)
    desk = open_desk(prints([*SPIKE[:5], *[50, 51, 49, 50, 50]], split))
    desk.run()
    (row,) = rows(desk)
    assert (row["low"], row["high"], row["change"]) == (49.0, 51.0, 0.0)


# --- order, search, window --------------------------------------------------------------------------------------------


def test_rows_are_sorted_searched_and_cut_to_what_is_in_sight(open_desk: Opener) -> None:
    desk = open_desk(many(200))
    desk.run()
    assert shown(desk, watch_from=10, watch_rows=3) == ["SYM010", "SYM011", "SYM012"]
    assert rows(desk, watch_from=10, watch_rows=1)[0]["n"] == 10
    volumes = [row["volume"] for row in rows(desk, watch_sort="volume", watch_down=True, watch_rows=50)]
    assert volumes == sorted(volumes, reverse=True)
    assert volumes[0] == 2 * 299.0
    assert shown(desk, watch_sort="symbol", watch_down=True, watch_rows=1) == ["SYM199"]
    assert shown(desk, watch_find="sym19", watch_rows=20) == [f"SYM19{n}" for n in range(10)]
    assert shown(desk, watch_find="num 42") == ["SYM042", "SYM142"]  # the start of a word goes before the middle
    assert shown(desk, watch_find="zzz") == []
    assert desk.view(sections=["watch"], watch_find="sym19")["watch"]["total"] == 10
    assert shown(desk, watch_from=5_000) == []


@pytest.mark.parametrize(
    "look",
    [{"watch_rows": ROWS_MAX + 1}, {"watch_rows": 0}, {"watch_from": -1}, {"watch_sort": "luck"},
     {"watch_find": "x" * 61}],
)  # fmt: skip
def test_what_cannot_be_looked_at_is_refused(open_desk: Opener, look: dict[str, Any]) -> None:
    desk = open_desk(prints(SPIKE))
    with pytest.raises(DeskError):
        rows(desk, **look)


def test_five_hundred_instruments_cost_what_is_in_sight(open_desk: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = open_desk(many(500))
    desk.run()
    rows(desk, watch_rows=30)
    asked: list[int] = []
    candles = Candles.of
    monkeypatch.setattr(Candles, "of", lambda self, k, **options: asked.append(k) or candles(self, k, **options))
    assert len(rows(desk, watch_rows=30)) == 30
    assert len(asked) == 30


# --- lists -----------------------------------------------------------------------------------------------------------


def test_a_star_comes_and_goes(open_desk: Opener) -> None:
    desk = open_desk()
    assert ask(desk, "star", symbol="BYTE")["kind"] == "ok"
    assert [row["starred"] for row in rows(desk)] == [False, True, False]
    assert shown(desk, watch_list="Starred") == ["BYTE"]
    assert "already" in ask(desk, "star", symbol="BYTE")["text"]
    assert shown(open_desk(), watch_list="Starred") == ["BYTE"]
    assert ask(desk, "unstar", symbol="BYTE")["kind"] == "ok"
    assert shown(desk, watch_list="Starred") == []


def test_lists_are_made_renamed_filled_and_deleted(open_desk: Opener) -> None:
    desk = open_desk()
    assert ask(desk, "watchlist", do="create", name=" Tech  shares ")["data"] == {"list": "Tech shares"}
    for symbol in ("LUMA", "ACME"):
        ask(desk, "star", symbol=symbol, list="Tech shares")
    assert shown(desk, watch_list="Tech shares") == ["LUMA", "ACME"]
    assert [row["starred"] for row in rows(desk, watch_list="Tech shares")] == [True, True]
    assert ask(desk, "watchlist", do="rename", name="Tech shares", to="Robots")["data"] == {"list": "Robots"}
    names = desk.view(sections=["watch"])["watch"]["lists"]
    assert names == [{"name": "All", "count": 3}, {"name": "Starred", "count": 0}, {"name": "Robots", "count": 2}]
    assert shown(desk, watch_list="Tech shares") == desk.symbols  # a list that is gone shows everything
    assert ask(desk, "watchlist", do="delete", name="Robots")["kind"] == "ok"
    assert [each["name"] for each in desk.view(sections=["watch"])["watch"]["lists"]] == ["All", "Starred"]


@pytest.mark.parametrize(
    "asked",
    [
        {"intent": "star", "symbol": "NOBODY"},
        {"intent": "star", "symbol": "ACME", "list": "none such"},
        {"intent": "watchlist", "do": "create", "name": "all"},
        {"intent": "watchlist", "do": "create", "name": ""},
        {"intent": "watchlist", "do": "create", "name": "x" * 41},
        {"intent": "watchlist", "do": "delete", "name": "Starred"},
        {"intent": "watchlist", "do": "delete", "name": "none such"},
        {"intent": "watchlist", "do": "rename", "name": "All", "to": "Some"},
        {"intent": "watchlist", "do": "dance", "name": "All"},
    ],
)
def test_what_cannot_be_done_to_a_list_is_a_sentence(open_desk: Opener, asked: dict[str, Any]) -> None:
    desk = open_desk()
    assert desk.handle(asked)["kind"] == "error"
    assert watchlists_of(desk).names() == ["Starred"]


def test_lists_are_bounded_and_nonsense_is_passed_over(open_desk: Opener) -> None:
    desk = open_desk()
    for n in range(LISTS_MAX - 1):
        watchlists_of(desk).create(f"list {n}")
    with pytest.raises(DeskError, match="as many as a desk keeps"):
        watchlists_of(desk).create("one more")
    preferences_of(desk).set("watchlists", {"Odd": [1, "ACME", None, "ACME"], "All": ["BYTE"], "Worse": "ACME"})
    assert watchlists_of(desk).names() == ["Starred", "Odd"]
    assert shown(desk, watch_list="Odd") == ["ACME"]
    preferences_of(desk).set("watchlists", {"Full": [f"S{n}" for n in range(SYMBOLS_MAX + 5)]})
    with pytest.raises(DeskError, match="as many as a list holds"):
        watchlists_of(desk).put(desk, "ACME", into="Full")


def test_a_list_follows_a_rename_there_and_back(open_desk: Opener) -> None:
    rename = CorporateAction(OPEN + 5 * S, "ACME", ActionKind.RENAME, new_symbol="APEX")
    desk = open_desk(prints(SPIKE, rename))
    ask(desk, "star", symbol="ACME")
    desk.run()
    assert shown(desk, watch_list="Starred") == ["APEX"]
    assert rows(desk)[0]["was"] == "ACME"
    assert names_of(desk).index(desk, "ACME") == 0
    ask(desk, "unstar", symbol="APEX")
    ask(desk, "star", symbol="APEX")
    desk.rewind()
    assert shown(desk, watch_list="Starred") == ["ACME"]
    fresh = open_desk(prints(SPIKE, rename))
    assert shown(fresh, watch_list="Starred") == ["ACME"]


def test_a_symbol_that_is_gone_is_named_and_can_be_removed(open_desk: Opener) -> None:
    desk = open_desk()
    preferences_of(desk).set("watchlists", {"Mine": ["ACME", "GONEINC"]})
    seen = desk.view(sections=["watch", "watch_rows"], watch_list="Mine")
    assert seen["watch"]["gone"] == ["GONEINC"]
    assert seen["watch"]["lists"][2] == {"name": "Mine", "count": 2}
    assert [row["symbol"] for row in seen["watch_rows"]] == ["ACME"]
    assert ask(desk, "unstar", symbol="GONEINC", list="Mine")["kind"] == "ok"
    assert desk.view(sections=["watch"], watch_list="Mine")["watch"]["gone"] == []


# --- news and tenders ------------------------------------------------------------------------------------------------


def test_news_says_who_speaks_and_is_cut_and_counted(open_desk: Opener) -> None:
    tape = prints(SPIKE)
    desk = open_desk(Tape(tape.name, tape.instruments, tape.events, tape.depth, date=tape.date,
                          news=(NewsItem(OPEN + 2 * S, "", "rates are up"),)))  # fmt: skip
    desk.step(seconds=3)
    for n in range(80):
        desk._room.submit([RoomCommand(desk.ts_ns, "news", symbol="ACME", text=f"<b>{n}</b>" + "!" * 900)])
    assert len(desk.view(sections=["news"])["news"]) == 5
    news = desk.view(sections=["news"], news_rows=1_000)["news"]
    assert len(news) == 60
    assert news[0]["headline"].startswith("<b>79</b>!")
    assert max(len(row["headline"]) for row in news) == 500
    assert {row["kind"] for row in news} == {"announcement"}
    first = open_desk(desk.tape)
    first.step(seconds=3)
    assert [(row["kind"], row["headline"]) for row in first.view(sections=["news"])["news"]] == [
        ("headline", "rates are up")
    ]


def test_a_tender_is_seen_and_answered(open_desk: Opener) -> None:
    desk = open_desk(prints(SPIKE))
    offer = OfferTender(desk.ts_ns, "t1", desk.account, "ACME", Side.BUY, 500_000_000, 99_000_000, desk.ts_ns + 60 * S)
    desk._room.submit([offer])
    (row,) = desk.view(sections=["tenders"])["tenders"]
    assert row["text"] == "You may buy 500 ACME at 99.00 until 09:31:00"
    assert ask(desk, "tender", tender="t1", accept="yes")["kind"] == "error"
    assert ask(desk, "tender", tender="t1", accept=True)["kind"] == "ok"
    assert desk.view(sections=["tenders"])["tenders"] == []
    assert desk.positions()["quantity"].tolist() == [500]


# --- behind a gateway ------------------------------------------------------------------------------------------------


@pytest.fixture
def group(tape: vt.Tape) -> Iterator[Class]:
    made = Class(SharedOver(class_tape(tape), {"ana": RiskLimits()}))
    yield made
    made.close()


def test_the_watch_is_the_same_behind_a_gateway(group: Class) -> None:
    far, near = group.join("ana"), group.near("ana")
    group.room.advance(group.room.now_ns + 40 * S)
    group.settle()
    sections = ["watch", "watch_rows", "sparks", "news", "tenders", "alerts", "fired", "alert_kinds"]
    assert far.view(sections=sections) == near.view(sections=sections)
    assert far.handle({"intent": "star", "symbol": "LUMA"})["kind"] == "ok"
    assert shown(far, watch_list="Starred") == ["LUMA"]
