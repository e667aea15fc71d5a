"""Is the owner of a desk told when, and only when, it happened; and the same whatever way the tape was played?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import vtrade as vt
from tests.desk.conftest import Opener
from tests.services.loopback import Class, SharedOver, class_tape
from vtrade.desk.alert_terms import AlertError
from vtrade.desk.alert_watch import Prints, Watch
from vtrade.desk.alerts import ALERTS_MAX, Alert, Alerts, alerts_of
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.actions import ActionKind, CorporateAction
from vtrade.domain.instruments import Instrument
from vtrade.errors import DeskError
from vtrade.market.dtype import EVENT, Kind
from vtrade.market.tape import Tape, check_tape

S = 10**9
OPEN = 34_200 * S
ACME = Instrument.make("ACME", name="Acme Robotics")


@pytest.fixture(autouse=True)
def _kept_here(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VTRADE_PREFERENCES", str(tmp_path / "preferences"))


def prints(prices: Sequence[float], *actions: CorporateAction, lots: int = 100, every_s: float = 1.0) -> Tape:
    """A print of ``lots`` every so many seconds, and a quote beneath each."""
    rows = np.zeros(3 * len(prices), EVENT)
    at = np.arange(len(rows)) // 3
    rows["ts_ns"] = OPEN + (at * every_s * S).astype(np.int64)
    rows["kind"] = np.tile([Kind.QUOTE, Kind.QUOTE, Kind.TRADE], len(prices))
    rows["side"] = np.tile([1, -1, 0], len(prices))
    ticks = np.repeat([round(100 * price) for price in prices], 3)
    rows["price"] = ticks + np.tile([-1, 1, 0], len(prices))
    rows["quantity"] = lots
    return check_tape(Tape("prints", (ACME,), rows, "L1", date="2024-03-04", actions=actions))


def fired(desk: vt.Desk) -> list[tuple[str, float]]:
    table = alerts_of(desk).fired()
    return list(zip(table["time"], table["price"], strict=True))[::-1]


SPIKE = [100, 100, 100, 103, 100, 100, 97, 100, 100, 100]


def test_a_spike_between_two_looks_is_not_missed(open_desk: Opener) -> None:
    desk = open_desk(prints(SPIKE))
    alerts = alerts_of(desk)
    alerts.add("ACME", above=102.5)
    alerts.add("ACME", below=97)
    alerts.add("ACME", above=103.01)
    desk.run()
    assert fired(desk) == [("09:30:03", 103.0), ("09:30:06", 97.0)]
    assert list(alerts.table()["state"]) == ["fired", "fired", "waits"]
    assert alerts.fired()["text"].iloc[1] == "ACME traded at 103.00, at or above 102.50"


@pytest.mark.parametrize("stride", [0.5, 1.0, 3.0, 100.0])
def test_the_same_tape_gives_the_same_firings_however_it_is_played(open_desk: Opener, stride: float) -> None:
    wave = [100 + 3 * np.sin(n / 9) + (n % 7) / 10 for n in range(240)]
    desk = open_desk(prints(wave))
    alerts = alerts_of(desk)
    for terms in (
        {"above": 101}, {"below": 99, "once": False}, {"crosses": 100, "once": False}, {"change_pct": -1.5},
        {"change_pct": 1.0, "within_s": 20, "once": False}, {"volume": 1_500, "within_s": 15, "once": False},
        {"trailing_pct": 2.0, "once": False},
    ):  # fmt: skip
        alerts.add("ACME", **terms)  # type: ignore[arg-type]
    while not desk.ended:
        desk.step(seconds=stride)
        alerts.look()
    told = sorted(zip(alerts.fired()["alert"], alerts.fired()["time"], alerts.fired()["price"], strict=True))
    assert len({alert for alert, _, _ in told}) == 7
    again = open_desk(prints(wave), account="somebody else")
    others = alerts_of(again)
    for row in alerts.rows():
        alert = alerts._find(row["id"])
        others.set(alert.symbol, alert.kind, alert.value, window_s=alert.window_s, once=alert.once)
    again.run()
    assert sorted(zip(others.fired()["alert"], others.fired()["time"], others.fired()["price"], strict=True)) == told


def test_a_rewind_arms_what_fired_in_the_future_that_was_undone(open_desk: Opener) -> None:
    desk = open_desk(prints(SPIKE))
    alerts = alerts_of(desk)
    alerts.add("ACME", above=103)
    alerts.add("ACME", below=97)
    desk.run()
    assert len(fired(desk)) == 2
    desk.rewind(to="09:30:05")
    assert fired(desk) == [("09:30:03", 103.0)]
    assert list(alerts.table()["state"]) == ["fired", "waits"]
    desk.run()
    assert fired(desk) == [("09:30:03", 103.0), ("09:30:06", 97.0)]
    desk.rewind()
    assert fired(desk) == []


def test_a_fork_begins_with_the_alerts_of_its_past(open_desk: Opener) -> None:
    desk = open_desk(prints(SPIKE))
    alerts_of(desk).add("ACME", below=97)
    desk.run()
    branch = desk.fork(to="09:30:04")
    assert fired(branch) == []
    assert [row["state"] for row in alerts_of(branch).rows()] == ["waits"]
    branch.run()
    assert fired(branch) == fired(desk)
    branch.close_desk()


def test_once_rests_and_every_time_waits_until_it_is_quiet(open_desk: Opener) -> None:
    saw = [100 + 5 * (n % 2) for n in range(200)]
    desk = open_desk(prints(saw))
    alerts = alerts_of(desk)
    once, every = alerts.add("ACME", above=104), alerts.add("ACME", above=104.5, once=False)
    desk.run()
    told = alerts.fired()
    assert list(told[told["alert"] == once.id]["time"]) == ["09:30:01"]
    assert list(told[told["alert"] == every.id]["time"])[::-1] == ["09:30:01", "09:31:03", "09:32:05", "09:33:07"]
    assert alerts.rows()[1]["times"] == 4


def test_an_alert_that_told_can_be_set_again(open_desk: Opener) -> None:
    desk = open_desk(prints([*SPIKE, 103, 100]))
    alerts = alerts_of(desk)
    alert = alerts.add("ACME", above=103)
    desk.step(seconds=5)
    assert desk.handle({"intent": "alert", "id": alert.id})["kind"] == "ok"
    desk.run()
    assert [time for time, _ in fired(desk)] == ["09:30:03", "09:30:10"]
    alerts.clear(fired=True)
    assert (len(alerts), len(alerts.fired())) == (0, 0)


def test_an_alert_set_now_says_nothing_of_before(open_desk: Opener) -> None:
    desk = open_desk(prints(SPIKE))
    desk.step(seconds=5)
    alerts_of(desk).add("ACME", above=103)
    alerts_of(desk).add("ACME", trailing_pct=2.5)
    desk.run()
    assert fired(desk) == [("09:30:06", 97.0)]


def test_a_reopened_desk_has_its_alerts(open_desk: Opener, tmp_path: Any) -> None:
    tape, path = prints(SPIKE), tmp_path / "mine.vtrade"
    first = open_desk(tape, journal=path)
    kept = [alerts_of(first).add("ACME", above=103), alerts_of(first).add("ACME", crosses=98.5, once=False)]
    first.step(seconds=4)
    first.close_desk()
    again = open_desk(tape, journal=path)
    assert [row["text"] for row in alerts_of(again).rows()] == [
        "when ACME trades at or above 103.00", "every time when ACME crosses 98.50, from either side",
    ]  # fmt: skip
    assert fired(again) == [("09:30:03", 103.0)]  # as its tape tells
    again.run()
    assert [time for time, _ in fired(again)] == ["09:30:03", "09:30:06"]
    assert [alert.id for alert in kept] == [1, 2]
    fresh = open_desk(tape)
    assert [row["state"] for row in alerts_of(fresh).rows()] == ["waits", "waits"]


def test_an_alert_follows_a_rename_and_rests_after_a_split(open_desk: Opener) -> None:
    rename = CorporateAction(OPEN + 2 * S, "ACME", ActionKind.RENAME, new_symbol="APEX")
    split = CorporateAction(OPEN + 5 * S, "APEX", ActionKind.SPLIT, numerator=2)
    desk = open_desk(prints([*SPIKE[:5], *[50] * 10], rename, split))
    alerts = alerts_of(desk)
    alerts.add("ACME", above=103)
    alerts.add("ACME", below=60)
    desk.run()
    assert desk.symbols == ["APEX"]
    assert alerts.fired()["text"].tolist() == ["APEX traded at 103.00, at or above 103.00"]
    assert [(row["symbol"], row["state"]) for row in alerts.rows()] == [("APEX", "split"), ("APEX", "split")]
    alerts.arm(2)
    assert alerts.rows()[1]["state"] == "waits"
    desk.rewind()
    assert [(row["symbol"], row["state"]) for row in alerts.rows()] == [("ACME", "waits")] * 2


def test_an_alert_whose_symbol_nobody_knows_says_so(open_desk: Opener) -> None:
    from vtrade.desk.preferences import preferences_of

    desk = open_desk(prints(SPIKE))
    kept = {"id": 4, "symbol": "GONEINC", "kind": "above", "value": 1.0}
    preferences_of(desk).set("alerts", [kept, {"id": "x"}, 7, {**kept, "id": 5, "kind": "dreams"}])
    (row,) = desk.view(sections=["alerts"])["alerts"]
    assert (row["state"], row["text"]) == ("gone", "GONEINC is not traded here any more")
    assert desk.handle({"intent": "alert_clear", "id": 4})["kind"] == "ok"
    assert desk.view(sections=["alerts"])["alerts"] == []


def test_how_far_it_is(open_desk: Opener) -> None:
    desk = open_desk(prints([100, 101, 102, 101]))
    alerts = alerts_of(desk)
    for terms in ({"above": 103}, {"trailing_pct": 10}, {"change_pct": 3}, {"volume": 1_000, "within_s": 2}):
        alerts.add("ACME", **terms)  # type: ignore[arg-type]
    desk.run()
    table = alerts.table()
    assert list(table["now"]) == pytest.approx([101, 101, 1, 200])
    assert list(table["trigger"]) == pytest.approx([103, 91.8, 3, 1_000])
    assert list(table["distance"]) == pytest.approx([2, -9.2, 2, 800])
    assert table["distance_pct"].iloc[0] == pytest.approx(100 * 2 / 101, abs=1e-4)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"symbol": "NOBODY", "kind": "above", "value": 1}, "symbol"),
        ({"symbol": "ACME", "kind": "maybe", "value": 1}, "kind"),
        ({"symbol": "ACME", "kind": "above", "value": ""}, "value"),
        ({"symbol": "ACME", "kind": "above", "value": "1e400"}, "value"),
        ({"symbol": "ACME", "kind": "below", "value": -3}, "value"),
        ({"symbol": "ACME", "kind": "crosses", "value": 1e300}, "value"),
        ({"symbol": "ACME", "kind": "change", "value": 0}, "value"),
        ({"symbol": "ACME", "kind": "change", "value": -100}, "value"),
        ({"symbol": "ACME", "kind": "change", "value": 2, "window_s": -1}, "window_s"),
        ({"symbol": "ACME", "kind": "volume", "value": 5, "window_s": 0}, "window_s"),
        ({"symbol": "ACME", "kind": "volume", "value": True, "window_s": 60}, "value"),
        ({"symbol": "ACME", "kind": "trailing", "value": 100}, "value"),
    ],
)
def test_terms_that_make_no_sense_name_their_field(open_desk: Opener, asked: dict[str, Any], field: str) -> None:
    desk = open_desk(prints(SPIKE))
    reply = desk.handle({"intent": "alert", **asked})
    assert (reply["kind"], reply["field"]) == ("error", field)
    drafted = desk.handle({"intent": "alert_words", **asked})
    assert drafted["data"] == {"fine": False, "text": reply["text"], "field": field}
    assert len(alerts_of(desk)) == 0


def test_an_alert_says_what_it_will_do_before_it_is_set(open_desk: Opener) -> None:
    desk = open_desk(prints(SPIKE))
    asked = {"symbol": "ACME", "kind": "change", "value": "-2.5", "window_s": 300, "once": False}
    drafted = desk.handle({"intent": "alert_words", **asked})
    assert drafted["data"]["text"] == "Tells you every time when ACME falls by 2.5 % or more within 5 min."
    assert len(alerts_of(desk)) == 0
    assert (
        desk.handle({"intent": "alert", **asked})["text"]
        == "You are told when ACME falls by 2.5 % or more within 5 min"
    )


def test_the_same_alert_is_set_once_and_there_are_not_too_many(open_desk: Opener) -> None:
    alerts = alerts_of(open_desk(prints(SPIKE)))
    assert alerts.add("ACME", above=110) == alerts.add("ACME", above=110.0)
    for n in range(ALERTS_MAX - 1):
        alerts.add("ACME", above=111 + n)
    with pytest.raises(DeskError, match="as many as a desk keeps"):
        alerts.add("ACME", above=1_000)
    with pytest.raises(DeskError, match="waits for one thing"):
        alerts.add("ACME", above=1, below=1)
    with pytest.raises(DeskError, match="no alert"):
        alerts.remove(5_000)


def test_a_look_costs_little_whatever_is_set(open_desk: Opener) -> None:
    desk = open_desk(prints([100 + (n % 5) / 100 for n in range(3_000)]))
    alerts = alerts_of(desk)
    taken: list[int] = []
    watch = Watch.take
    for n in range(20):
        alerts.add("ACME", above=200 + n)
    try:
        Watch.take = lambda self, d, p: taken.append(len(p.ts)) or watch(self, d, p)  # type: ignore[method-assign]
        for _ in range(10):
            desk.step(seconds=1)
            alerts.look()
    finally:
        Watch.take = watch  # type: ignore[method-assign]
    assert sum(taken) == 10 * 20  # each print is considered once for each alert


def test_cut_prints_give_what_whole_ones_give(open_desk: Opener) -> None:
    desk = open_desk(prints(SPIKE))
    ts = OPEN + np.arange(60) * S
    px = (10_000 + 300 * np.sin(np.arange(60) / 5)).astype(np.int64)
    whole = Prints(ts.astype(np.int64), px, np.full(60, 10, np.int64))
    for kind, value, window in (("trailing", 1.0, 0), ("change", 1.0, 10), ("crosses", 100.0, 0), ("volume", 70, 7)):
        alert = Alert(id=1, symbol="ACME", kind=kind, value=float(value), window_s=float(window), once=False)
        one = Watch(desk, alert, ACME, whole.first(3)).take(desk, whole.after(3))
        cut = Watch(desk, alert, ACME, whole.first(3))
        many = [shot for at in range(3, 60) for shot in cut.take(desk, whole.first(at + 1).after(at))]
        assert one == many
        assert one


def test_bars_tell_their_volume_when_they_close(open_desk: Opener, daily: vt.Tape) -> None:
    desk = open_desk(daily)
    alerts = alerts_of(desk)
    alerts.add("AAPL", volume=1, within_s=86_400 * 3)
    alerts.add("AAPL", change_pct=1.0, within_s=86_400 * 7)
    while not desk.ended and len(alerts.fired()) < 2:
        desk.step()
    assert set(alerts.fired()["alert"]) == {1, 2}
    bars = desk.bars("AAPL")
    assert 1 < len(bars) < 40


@pytest.fixture
def group() -> Iterator[Class]:
    made = Class(SharedOver(class_tape(prints(SPIKE * 4)), {"ana": RiskLimits()}))
    yield made
    made.close()


def test_a_desk_behind_a_gateway_is_told_to_the_second(group: Class) -> None:
    desk = group.join("ana")
    group.settle()
    alerts_of(desk).add("ACME", above=103)
    group.room.advance(group.room.now_ns + 5 * S)
    group.settle()
    assert fired(desk) == [("09:30:03", 103.0)]
    assert isinstance(alerts_of(desk), Alerts)


def test_errors_of_terms_are_errors_of_a_desk() -> None:
    assert issubclass(AlertError, DeskError)
