"""Does simulated time do what a student asks, at once, and never more than the tape has?"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import vtrade as vt
from tests.desk.conftest import Opener, records, standing, until
from vtrade.domain.messages import Fill, MarketFrame, decode_inbound
from vtrade.domain.orders import Status
from vtrade.domain.values import NS_PER_S
from vtrade.errors import DeskError, JournalError
from vtrade.market.dtype import Kind
from vtrade.market.tape import NewsItem
from vtrade.ports import Entry

OPEN_NS = 34_200 * NS_PER_S


def played(desk: vt.Desk) -> bytes:
    """All market events the journal holds."""
    messages = (decode_inbound(entry.message) for entry in desk._room.runtime.log.read())
    return b"".join(message.events for message in messages if isinstance(message, MarketFrame))


# --- where a desk begins ----------------------------------------------------------------------------------------------


def test_a_new_desk_has_a_market_to_see(desk: vt.Desk) -> None:
    quotes = desk.quotes()
    assert (quotes.ask > quotes.bid).all()
    assert set(quotes.status) == {"OPEN"}
    assert desk.now.startswith("2026-01-05 09:30:0")
    assert (desk.ended, desk.playing, desk.closed) == (False, False, False)


def test_a_new_journal_begins_with_few_records(desk: vt.Desk) -> None:
    assert records(desk) < 50


def test_a_daily_desk_begins_after_its_first_bar(open_desk: Opener, daily: vt.Tape) -> None:
    desk = open_desk(daily)
    assert desk.now == "2012-01-03 16:00:00.000"
    assert desk.quotes()["last"].notna().all()


def test_shares_listed_later_do_not_hold_a_desk_up(open_desk: Opener) -> None:
    desk = open_desk(vt.load_tape("sample:AAPL,FB", start="2012-05-01", end="2012-05-31"))
    assert desk.now.startswith("2012-05-01")
    assert desk.quotes()["last"].isna().tolist() == [False, True]
    desk.run()
    assert desk.quotes()["last"].notna().all()


# --- stepping and running ---------------------------------------------------------------------------------------------


def test_a_step_is_the_next_moment_of_the_tape(desk: vt.Desk, tape: vt.Tape) -> None:
    times = np.unique(tape.events["ts_ns"])
    upcoming = times[times > desk.ts_ns][:3]
    for moment in upcoming:
        assert desk.step() is desk
        assert desk.ts_ns == moment


def test_so_many_events_are_so_many_events(desk: vt.Desk, tape: vt.Tape) -> None:
    before = len(played(desk)) // tape.events.itemsize
    desk.step(1).step(700).step(events=np.int64(2))  # type: ignore[arg-type]
    assert len(played(desk)) // tape.events.itemsize == before + 703
    assert played(desk) == tape.events[: before + 703].tobytes()


@pytest.mark.parametrize("seconds", [1, 0.25, np.float32(0.5), np.int64(2), 1e-9])
def test_so_many_seconds_are_so_many_seconds(desk: vt.Desk, seconds: float) -> None:
    before = desk.ts_ns
    desk.step(seconds=seconds)
    assert desk.ts_ns == before + round(float(seconds) * NS_PER_S)


@pytest.mark.parametrize(
    ("until_when", "now"),
    [
        ("09:31", "09:31:00.000"),
        ("09:31:30", "09:31:30.000"),
        ("2026-01-05 09:31", "09:31:00.000"),
        ("2026-01-05T09:31:05", "09:31:05.000"),
        (OPEN_NS + 61 * NS_PER_S, "09:31:01.000"),
        (np.int64(OPEN_NS + 61 * NS_PER_S), "09:31:01.000"),
        ("09:31:00.5", "09:31:00.500"),
        ("23:00", "09:33:00.000"),
    ],
)
def test_run_until(desk: vt.Desk, until_when: str | int, now: str) -> None:
    assert desk.run(until=until_when).now == f"2026-01-05 {now}"


def test_everything_up_to_a_moment_and_nothing_after_it_was_played(desk: vt.Desk, tape: vt.Tape) -> None:
    desk.run(until="09:31:30")
    moment = OPEN_NS + 90 * NS_PER_S
    assert played(desk) == tape.events[tape.events["ts_ns"] <= moment].tobytes()


@pytest.mark.parametrize("when", ["09:30", "2026-01-05 09:30", 5, -1])
def test_run_does_not_go_back(desk: vt.Desk, when: str | int) -> None:
    desk.run(until="09:31")
    with pytest.raises(DeskError, match=r"past.*rewind"):
        desk.run(until=when)
    assert desk.now.endswith("09:31:00.000")


@pytest.mark.parametrize("when", ["2030-01-05 09:31", "2026-01-06"])
def test_another_day_is_not_this_day(desk: vt.Desk, when: str) -> None:
    before = desk.ts_ns
    with pytest.raises(DeskError, match="2026-01-05"):
        desk.run(until=when)
    assert desk.ts_ns == before


def test_the_end_of_the_tape_is_the_end(desk: vt.Desk, tape: vt.Tape) -> None:
    desk.run()
    assert desk.ended
    assert desk.ts_ns == tape.end_ns
    for act in (desk.run, desk.step, lambda: desk.step(10), lambda: desk.step(seconds=1e9), lambda: desk.play(100)):
        act()
        assert (desk.ts_ns, desk.playing) == (tape.end_ns, False)
    assert played(desk) == tape.events.tobytes()
    assert desk.view()["clock"]["ended"]
    assert desk.view()["clock"]["progress"] == 1
    with pytest.raises(DeskError, match="forward"):
        desk.rewind(to="09:40")


@pytest.mark.parametrize("far", [10**30, "23:59", 2**63 - 1])
def test_no_moment_is_too_far(desk: vt.Desk, tape: vt.Tape, far: int | str) -> None:
    desk.run(until=far)
    assert desk.ts_ns == tape.end_ns
    assert desk.buy("ACME", 1).status == Status.ACCEPTED
    assert desk.verify().ok


def test_step_by_one_thing_only(desk: vt.Desk) -> None:
    with pytest.raises(DeskError, match="not by both"):
        desk.step(1, seconds=1)


def test_how_a_tape_is_played_makes_no_difference_to_the_market(open_desk: Opener) -> None:
    at_once, by_steps = open_desk(), open_desk()
    at_once.run(until="09:31")
    while by_steps.ts_ns < OPEN_NS + 60 * NS_PER_S:
        by_steps.step(seconds=min(7.3, (OPEN_NS + 60 * NS_PER_S - by_steps.ts_ns) / NS_PER_S))
    assert played(at_once) == played(by_steps)
    assert standing(at_once) == standing(by_steps)
    assert at_once.state_hash != ""


def test_a_headline_after_the_last_event_is_still_told(open_desk: Opener, tape: vt.Tape) -> None:
    late = NewsItem(tape.end_ns + 5 * NS_PER_S, "ACME", "Acme opens a museum")
    desk = open_desk(replace(tape, news=(late,)))
    desk.run()
    assert desk.ended
    assert desk.view()["news"][0]["headline"] == "Acme opens a museum"
    assert not desk.play().playing


def test_headlines_arrive_in_time(open_desk: Opener, tape: vt.Tape) -> None:
    moment = OPEN_NS + 30 * NS_PER_S
    desk = open_desk(replace(tape, news=(NewsItem(moment, "", "Rates unchanged"),)))
    desk.run(until=moment - 1)
    assert desk.view()["news"] == []
    desk.step(seconds=1e-9)
    (told,) = desk.view()["news"]
    assert (told["time"], told["symbol"], told["headline"]) == ("09:30:30", "", "Rates unchanged")


# --- when the journal refuses -----------------------------------------------------------------------------------------


PLAYED: dict[str, Callable[[vt.Desk], object]] = {
    "run": lambda desk: desk.run(until="09:32"),
    "events": lambda desk: desk.step(900),
    "seconds": lambda desk: desk.step(seconds=20),
}


@pytest.mark.parametrize("trouble", [JournalError("the disk is full"), KeyboardInterrupt()], ids=["disk", "ctrl-c"])
@pytest.mark.parametrize("how", PLAYED)
def test_what_was_interrupted_can_be_gone_on_with(
    open_desk: Opener, tape: vt.Tape, monkeypatch: pytest.MonkeyPatch, trouble: BaseException, how: str
) -> None:
    act = PLAYED[how]
    desk, calm = open_desk(), open_desk()
    for one in (desk, calm):
        one.buy("ACME", 100, limit=182)
    log = desk._room.runtime.log
    append = log.append

    def refuse(entries: list[Entry]) -> None:
        raise trouble

    monkeypatch.setattr(log, "append", refuse)
    before = desk.ts_ns
    with pytest.raises(type(trouble)):
        act(desk)
    assert desk.ts_ns == before
    with pytest.raises(type(trouble)):
        desk.buy("ACME", 1, client_order_id="next")
    assert len(desk.orders()) == 1
    monkeypatch.setattr(log, "append", append)
    for one in (desk, calm):
        act(one)
        one.buy("ACME", 1, client_order_id="next")
    assert standing(desk) == standing(calm)
    assert desk.state_hash == calm.state_hash
    desk.run()
    assert played(desk) == tape.events.tobytes()
    assert desk.verify().ok


def test_a_failed_batch_keeps_the_batches_before_it(
    open_desk: Opener, tape: vt.Tape, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = vt.synthetic(3, symbols=["ACME"], minutes=300, events_per_second=1)
    desk = open_desk(long)
    log = desk._room.runtime.log
    append, calls = log.append, []

    def refuse_the_second(entries: list[Entry]) -> None:
        calls.append(len(entries))
        if len(calls) == 2:
            raise JournalError("the disk is full")
        append(entries)

    monkeypatch.setattr(log, "append", refuse_the_second)
    with pytest.raises(JournalError, match="full"):
        desk.run()
    assert len(calls) == 2
    desk.run()
    assert played(desk) == long.events.tobytes()
    assert desk.verify().ok


def test_playing_stops_and_says_why_when_the_disk_is_full(desk: vt.Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    log = desk._room.runtime.log

    def refuse(entries: list[Entry]) -> None:
        raise JournalError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(log, "append", refuse)
        desk.play(50)
        until(lambda: not desk.playing)
    assert "the disk is full" in desk.view()["clock"]["trouble"]
    desk.play(50)
    assert desk.view()["clock"]["trouble"] == ""
    until(lambda: desk.now > "2026-01-05 09:30:10")
    assert desk.pause().verify().ok


# --- playing ----------------------------------------------------------------------------------------------------------


def test_playing_at_its_own_pace(desk: vt.Desk) -> None:
    began, at = time.monotonic(), desk.ts_ns
    desk.play()
    assert desk.playing
    until(lambda: desk.ts_ns > at + NS_PER_S // 2)
    simulated, real = (desk.ts_ns - at) / NS_PER_S, time.monotonic() - began
    assert simulated <= real + 0.01
    assert desk.view()["clock"]["playing"]
    assert not desk.pause().playing
    still = desk.ts_ns
    time.sleep(0.15)
    assert desk.ts_ns == still


def test_playing_to_the_end_stops_there(desk: vt.Desk, tape: vt.Tape) -> None:
    order = desk.buy("ACME", 1, limit=180)
    desk.play(100_000)
    until(lambda: not desk.playing)
    assert desk.ended
    assert desk.ts_ns == tape.end_ns
    assert order.status == Status.EXPIRED
    assert played(desk) == tape.events.tobytes()
    assert desk.play().run().step().ts_ns == tape.end_ns


def test_speed_can_change_while_playing(desk: vt.Desk) -> None:
    desk.play(0.001).play(1_000)
    assert desk.view()["clock"]["speed"] == 1_000
    until(lambda: desk.ended)


@pytest.mark.parametrize("speed", [0, -1, 100_001, float("nan"), float("inf"), "2", None])
def test_no_such_speed(desk: vt.Desk, speed: float) -> None:
    with pytest.raises(DeskError, match="speed"):
        desk.play(speed)
    assert not desk.playing


def test_a_long_wait_without_events_is_passed_over(open_desk: Opener, tape: vt.Tape) -> None:
    events = tape.events.copy()
    events["ts_ns"][len(events) // 2 :] += 3_600 * NS_PER_S
    desk = open_desk(replace(tape, events=events, news=()))
    desk.run(until=int(events["ts_ns"][len(events) // 2 - 1]))
    desk.play(1)
    until(lambda: desk.now > "2026-01-05 10:30", wait_s=3)


# --- daily bars -------------------------------------------------------------------------------------------------------


def test_a_market_order_on_daily_bars_meets_the_next_open(open_desk: Opener, daily: vt.Tape) -> None:
    desk = open_desk(daily)
    order = desk.buy("AAPL", 10)
    assert order.status == Status.ACCEPTED
    assert order.explain().queue_ahead is None
    desk.step()
    opens = daily.events[(daily.events["kind"] == Kind.BAR_OPEN) & (daily.events["instrument"] == 0)]
    assert order.status == Status.FILLED
    assert order.avg_px == desk.instruments[0].price(int(opens["price"][1]))
    assert desk.fills().time[0] == "2012-01-04 09:30:00.000"
    assert "bar's open" in str(order.explain())
    assert desk.now == "2012-01-04 16:00:00.000"


def test_a_day_order_on_daily_bars_lives_for_one_session(open_desk: Opener, daily: vt.Tape) -> None:
    desk = open_desk(daily)
    today, good = desk.buy("AAPL", 10, limit=300), desk.buy("AAPL", 10, limit=300, tif="GTC")
    assert today.status == Status.ACCEPTED
    desk.step()
    assert today.status == Status.EXPIRED
    desk.run()
    assert good.status == Status.ACCEPTED


def test_a_large_order_takes_its_share_of_several_days(open_desk: Opener, daily: vt.Tape) -> None:
    desk = open_desk(daily, cash=10**11)
    desk.run(until="2012-02-01 16:00")
    order = desk.buy("IBM", 900_000, tif="GTC")
    desk.step()
    assert 0 < order.filled_quantity < 900_000
    bars = desk.bars("IBM")
    assert order.filled_quantity <= 0.1 * bars.volume.iloc[-1]
    desk.run()
    facts = [fact for fact in order._record.facts if isinstance(fact, Fill)]
    assert order.status == Status.FILLED
    assert len({fact.ts_ns for fact in facts}) > 1


def test_speed_one_on_daily_bars_is_one_bar_a_second(open_desk: Opener, daily: vt.Tape) -> None:
    desk = open_desk(daily)
    assert desk._room.base_rate() == 86_400
    began, at = time.monotonic(), desk.ts_ns
    desk.play(4)
    until(lambda: desk.ts_ns - at >= 4 * 86_400 * NS_PER_S)
    real = time.monotonic() - began
    desk.pause()
    assert real >= 0.8
    assert (desk.ts_ns - at) / NS_PER_S / 86_400 <= 4 * (real + 0.3)


def test_a_daily_desk_plays_to_its_last_day_and_stops(open_desk: Opener, daily: vt.Tape) -> None:
    desk = open_desk(daily)
    desk.play(100_000)
    until(lambda: not desk.playing)
    assert desk.now == "2012-03-30 16:00:00.000"
    assert len(desk.bars("AAPL")) == len(desk.bars("IBM")) == 62
    assert desk.bars("AAPL").index[0] == "2012-01-03 09:30:00"


def test_run_until_a_date(open_desk: Opener, daily: vt.Tape) -> None:
    desk = open_desk(daily)
    assert desk.run(until="2012-02-01 12:00").now == "2012-02-01 12:00:00.000"
    assert desk.run(until="15:00").now == "2012-02-01 15:00:00.000"
    assert desk.rewind(to="2012-01-10").now == "2012-01-10 00:00:00.000"
    assert len(desk.bars("AAPL")) == 5


# --- recorded order messages ------------------------------------------------------------------------------------------


@pytest.mark.needs("data")
def test_real_order_messages_play_and_trade(open_desk: Opener, amzn: vt.Tape) -> None:
    desk = open_desk(amzn)
    assert desk.now.startswith("2012-06-21 09:30:00")
    order = desk.buy("AMZN", 100)
    assert order.status in (Status.FILLED, Status.PARTIALLY_FILLED, Status.ACCEPTED)
    desk.run(until="09:31")
    assert order.status == Status.FILLED
    resting = desk.buy("AMZN", 10, limit=float(desk.quotes().bid.iloc[0]))
    desk.step(500).run(until="09:35")
    assert resting.status == Status.FILLED
    assert desk.fills().liquidity.tolist()[-1] == "maker"
    past = desk.fork(to="09:33")
    assert past.verify().ok
    assert past.now == "2012-06-21 09:33:00.000"
    past.close_desk()
    assert desk.verify().ok
