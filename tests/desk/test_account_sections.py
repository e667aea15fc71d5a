"""Does the account panel say what the desk's own tables say, to the cent, in every kind of account?"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import vtrade as vt
from tests.cli import small
from tests.desk.conftest import Opener
from tests.desk.test_offbook import abroad, market
from tests.services.loopback import Class, SharedOver, class_tape, posted, wiring
from vtrade.desk.desk import Desk
from vtrade.desk.sections import SECTIONS, Look, build
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import RoomCommand
from vtrade.domain.values import MICRO, from_micros
from vtrade.execution.margin import standing
from vtrade.market.dtype import Kind, empty_events
from vtrade.market.tape import Tape, check_tape

__all__ = ["abroad"]

NAMES = ("account", "funds", "exposure", "equity")
MARGIN = RiskLimits.make(leverage=4, allow_short=True, concentration=4)


def seen(desk: Desk, **look: Any) -> dict[str, Any]:
    """The panel's sections, as JSON gives them back."""
    told = build(desk, Look().changed(look), NAMES)
    text = json.dumps(told, allow_nan=False)
    assert json.loads(text) == told
    return told


def trading(desk: Desk) -> Desk:
    """Hold some, owe some, and wait with an order."""
    desk.buy("ACME", 300)
    desk.sell("BYTE", 100)
    desk.buy("ACME", 20, limit=float(desk.quotes().bid["ACME"]) - 3, tif="GTC")
    desk.run(until="09:31:20")
    desk.sell("ACME", 120)
    desk.run(until="09:32:20")
    return desk


# --- the same numbers everywhere -------------------------------------------------------------------------------------


def test_money_is_that_of_the_statistics(open_desk: Opener) -> None:
    desk = trading(open_desk(limits=MARGIN, cash=100_000))
    told, statistics = seen(desk), desk.statistics()
    account, funds = told["account"], told["funds"]
    assert account["nav"] == desk.nav == statistics["nav"]
    assert account["cash"] == desk.cash
    assert account["buying_power"] == desk.buying_power
    assert account["fees"] == statistics["fees"]
    assert account["pnl"] == pytest.approx(statistics["net_profit"], abs=1e-6)
    assert account["total_return"] == statistics["total_return"]
    assert account["max_drawdown"] == statistics["max_drawdown"] < 0
    assert account["drawdown"] == statistics["drawdown"]
    assert funds["slippage_bps"] == statistics["slippage_bps"]
    assert funds["turnover"] == statistics["turnover"]
    assert (funds["fills"], funds["round_trips"]) == (statistics["fills"], statistics["round_trips"])
    profit = account["realized_pnl"] + account["unrealized_pnl"] - account["fees"]
    assert account["pnl"] == pytest.approx(profit, abs=1e-6)


@pytest.mark.parametrize("by", ["sector", "asset_class", "instrument"])
def test_exposure_is_that_of_the_table(open_desk: Opener, by: str) -> None:
    desk = trading(open_desk(limits=MARGIN, cash=100_000))
    told, table = seen(desk, exposure=by), desk.exposure(by)
    exposure = told["exposure"]
    for column in ("group", "long", "short", "gross", "net", "weight"):
        assert [row[column] for row in exposure["rows"]] == table[column].tolist(), column
    assert exposure["gross"] == pytest.approx(table.gross.sum(), abs=1e-5)
    assert exposure["net"] == pytest.approx(table.net.sum(), abs=1e-5)
    assert exposure["long"] + exposure["short"] == pytest.approx(exposure["net"], abs=1e-5)
    assert sum(row["share"] for row in exposure["rows"]) == pytest.approx(1)
    assert exposure["leverage"] == pytest.approx(exposure["gross"] / desk.nav)
    assert (exposure["limit_pct"] == 400) == (by == "instrument")


def test_the_curve_is_that_of_the_table(open_desk: Opener) -> None:
    desk = trading(open_desk(limits=MARGIN, cash=100_000))
    equity, table = seen(desk)["equity"], desk.equity_curve()
    assert len(table) <= 400, "a short curve is told in full"
    assert equity["nav"] == table.nav.tolist()
    assert equity["drawdown"] == pytest.approx(table.drawdown.tolist())
    assert equity["high"] == pytest.approx(np.maximum.accumulate(table.nav).tolist())
    assert equity["t"] == sorted(set(equity["t"]))
    clock = [f"{int(t) // 3600 % 24:02d}:{int(t) // 60 % 60:02d}:{int(t) % 60:02d}" for t in equity["t"]]
    assert clock == [time[-12:-4] for time in table.time]
    assert equity["max_drawdown"] == desk.statistics()["max_drawdown"]
    assert equity["high_water_mark"] == seen(desk)["account"]["high_water_mark"]


def test_a_long_curve_is_thinned_and_keeps_its_extremes(open_desk: Opener) -> None:
    desk = open_desk(vt.synthetic(5, minutes=13, events_per_second=8))
    for symbol in desk.symbols:
        desk.buy(symbol, 200)
    for _ in range(560):
        desk.step(seconds=1)
    early = seen(desk)["equity"]
    for _ in range(100):
        desk.step(seconds=1)
    equity, table = seen(desk)["equity"], desk.equity_curve()
    assert len(table) > 400 >= len(equity["t"])
    assert (max(equity["nav"]), min(equity["nav"])) == (table.nav.max(), table.nav.min())
    assert (equity["nav"][0], equity["nav"][-1]) == (table.nav.iloc[0], table.nav.iloc[-1])
    assert min(equity["drawdown"]) == pytest.approx(table.drawdown.min())
    known = dict(zip(early["t"], early["nav"], strict=True))
    again = dict(zip(equity["t"], equity["nav"], strict=True))
    assert sum(again.get(t) == nav for t, nav in known.items()) > 100, "what was drawn once stays"


# --- what a day earned -----------------------------------------------------------------------------------------------


def test_a_day_is_counted_from_the_close_before(open_desk: Opener, daily: vt.Tape) -> None:
    desk = open_desk(daily)
    desk.buy("AAPL", 100)
    assert seen(desk)["account"]["day_since"] == "since the account was opened"
    desk.run(until="2012-02-01 16:00")
    before = desk.nav
    desk.run(until="2012-02-02 16:00")
    account = seen(desk)["account"]
    assert desk.nav != before
    assert account["day_pnl"] == pytest.approx(desk.nav - before, abs=1e-6)
    assert account["day_pct"] == pytest.approx(100 * (desk.nav / before - 1), abs=1e-4)
    assert account["day_since"] == "since the close of the day before"
    assert account["pnl"] != pytest.approx(account["day_pnl"])


def test_the_first_day_is_counted_from_what_was_paid_in(desk: vt.Desk) -> None:
    desk.buy("ACME", 300)
    desk.run(until="09:32")
    account = seen(desk)["account"]
    assert account["day_pnl"] == account["pnl"] == pytest.approx(desk.nav - 1_000_000, abs=1e-6) != 0


def test_money_from_outside_is_no_profit_of_the_day(desk: vt.Desk) -> None:
    desk.buy("ACME", 300)
    desk.run(until="09:31")
    before = seen(desk)
    desk._room.submit([RoomCommand(desk.ts_ns, "adjust", account="you", amount=-400_000 * MICRO)])
    after = seen(desk)
    assert after["account"]["nav"] == pytest.approx(before["account"]["nav"] - 400_000)
    for name in ("day_pnl", "pnl"):
        assert after["account"][name] == pytest.approx(before["account"][name], abs=1e-6)
    assert after["equity"]["max_drawdown"] > -0.01
    assert min(after["equity"]["drawdown"]) > -0.01, "money that was taken out is no fall"
    assert after["equity"]["high"][-1] < 700_000


# --- margin ----------------------------------------------------------------------------------------------------------


def check_bar(margin: dict[str, Any]) -> None:
    assert margin["used"] + margin["reserved"] + margin["available"] == pytest.approx(margin["equity"], abs=1e-5)


def test_a_cash_account_says_so(open_desk: Opener) -> None:
    desk = open_desk()
    desk.buy("ACME", 300)
    desk.buy("BYTE", 10, limit=float(desk.quotes().bid["BYTE"]) - 1, tif="GTC")
    margin = seen(desk)["funds"]["margin"]
    check_bar(margin)
    assert (margin["kind"], margin["cushion"]) == ("cash", None)
    assert margin["text"] == "A cash account: nothing is borrowed, so no margin can be called."
    assert margin["reserved"] > 0
    assert margin["used"] == pytest.approx(desk.exposure().gross.sum(), abs=1e-5)


def test_a_study_has_no_limits(open_desk: Opener) -> None:
    margin = seen(open_desk(limits=RiskLimits(enabled=False)))["funds"]["margin"]
    assert margin["kind"] == "none"
    assert margin["text"].startswith("No limits")


def test_what_must_be_kept_is_the_engines_own_rule(open_desk: Opener) -> None:
    desk = trading(open_desk(limits=MARGIN, cash=30_000))
    margin = seen(desk)["funds"]["margin"]
    check_bar(margin)
    engine = desk._room.engine
    equity, required = standing(engine, engine.accounts["you"])  # type: ignore[arg-type]
    assert margin["kind"] == "margin"
    assert (margin["equity"], margin["maintenance"]) == (from_micros(equity), from_micros(required))
    assert margin["cushion"] == from_micros(equity - required)
    assert "one hour to make positions smaller" in margin["text"]
    table = desk.exposure()
    longs, shorts, move = table.long.sum(), -table.short.sum(), margin["call_move_pct"] / 100
    left = margin["equity"] - move * (longs + shorts)
    keep = 0.25 * longs * (1 - move) + 0.3 * shorts * (1 + move)
    assert left == pytest.approx(keep, rel=1e-3), "there the margin is called"


def falling(*mids: int, instrument: Instrument = small.ACME) -> Tape:
    """Quotes that fall, one a second, in cents."""
    rows = [
        (small.OPEN_NS + second * small.S, mid - side, 100_000, 0, 0, Kind.QUOTE, side, 0)
        for second, mid in enumerate(mids)
        for side in (1, -1)
    ]
    events = empty_events(len(rows))
    events[:] = rows
    return check_tape(Tape("a fall", (instrument,), events, "L1", date="2024-03-04"))


def test_a_margin_call_is_told_with_its_deadline(open_desk: Opener) -> None:
    limits = RiskLimits.make(leverage=4, concentration=4, max_order_quantity=10_000_000)
    desk = open_desk(falling(*[10_000] * 5, *[9_400] * 30), limits=limits, cash=100_000)
    assert desk.buy("ACME", 3_500).status == "FILLED"
    assert seen(desk)["funds"]["margin"]["state"] == ""
    desk.step(seconds=8)
    margin = seen(desk)["funds"]["margin"]
    assert margin["state"] == "called"
    assert margin["cushion"] < 0
    assert margin["deadline"] == "10:30:08"
    assert "before 10:30:08" in margin["text"]
    assert f"{-margin['cushion']:,.2f} USD below what your positions must keep" in margin["text"]
    desk.sell("ACME", 3_500)
    margin = seen(desk)["funds"]["margin"]
    assert (margin["state"], margin["maintenance"]) == ("", 0)
    assert margin["text"].startswith("No position")


# --- accounts that are different -------------------------------------------------------------------------------------


def test_a_new_account_without_money(open_desk: Opener) -> None:
    told = seen(open_desk(cash=0))
    assert told["account"]["nav"] == told["account"]["buying_power"] == 0
    assert told["account"]["leverage"] is told["account"]["day_pct"] is told["exposure"]["leverage"] is None
    assert told["exposure"]["rows"] == []
    assert told["equity"]["traded"] is False
    assert len(told["equity"]["t"]) <= 1
    check_bar(told["funds"]["margin"])


def test_several_currencies_are_listed(abroad: vt.Desk) -> None:
    assert [row["currency"] for row in seen(abroad)["funds"]["balances"]] == ["USD"]
    abroad.convert(12_500, "USD", "EUR")
    abroad.buy("BAYR", 50)
    told = seen(abroad)
    usd, eur = told["funds"]["balances"]
    assert (usd["cash"], eur["cash"]) == (abroad.balances["USD"], abroad.balances["EUR"])
    assert (usd["rate"], eur["rate"]) == (1.0, 1.25)
    assert eur["value"] == pytest.approx(1.25 * eur["cash"])
    assert told["account"]["cash"] == pytest.approx(usd["value"] + eur["value"])


def test_the_smallest_groups_are_added_up(open_desk: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = open_desk()
    for symbol, lots in (("ACME", 300), ("BYTE", 200), ("LUMA", 5)):
        desk.buy(symbol, lots)
    whole = seen(desk, exposure="instrument")["exposure"]
    assert whole["rows"][0]["name"] == "Acme Robotics"
    monkeypatch.setattr("vtrade.desk.sections.account.GROUPS_MAX", 2)
    short = seen(desk, exposure="instrument")["exposure"]
    assert [row["group"] for row in short["rows"]] == [whole["rows"][0]["group"], "2 others"]
    assert sum(row["gross"] for row in short["rows"]) == pytest.approx(whole["gross"])


def test_who_has_no_account_sees_none(open_desk: Opener) -> None:
    room = open_desk()._room
    told = seen(Desk.on(room, "somebody else", wiring()))
    assert told["account"]["nav"] is told["funds"] is None
    assert (told["exposure"]["rows"], told["equity"]["t"]) == ([], [])


def test_huge_money_is_told_exactly(open_desk: Opener) -> None:
    desk = open_desk(market(), cash=1_000_000_000_000)
    desk.buy("ACME", 100)
    desk.run()
    told = seen(desk)
    assert told["account"]["nav"] == desk.nav
    assert math.isfinite(told["account"]["pnl_pct"])


@pytest.fixture
def school() -> Iterator[Class]:
    tape = class_tape(vt.synthetic(7, symbols=["ACME", "BYTE", "LUMA"], minutes=3, events_per_second=6))
    one = Class(SharedOver(tape, {"ana": MARGIN, "ben": RiskLimits()}))
    yield one
    one.close()


def test_a_desk_behind_a_gateway_shows_the_same(school: Class) -> None:
    desk, near = school.join("ana"), school.near("ana")
    desk.buy("ACME", 300)
    desk.sell("LUMA", 100)
    school.near("ben").buy("BYTE", 100)
    now = school.room.now_ns
    posted(school.room, [RoomCommand(now, "fine", account="ana", amount=3 * MICRO, text="late")])
    school.room.advance(now + 90_000_000_000)
    school.settle()
    for by in ("sector", "instrument"):
        assert seen(desk, exposure=by) == seen(near, exposure=by)
    assert seen(desk)["funds"]["fines"] == 3


def test_the_sections_have_periods() -> None:
    assert {name for name in NAMES if SECTIONS[name].period_s > 0} == {"funds", "exposure", "equity"}
