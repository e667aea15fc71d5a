"""May a market play while its student trades, listens, forks and closes? Without stalls, surprises or threads left."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import pytest

import vtrade as vt
from tests.desk.conftest import Opener, players, until
from vtrade.domain.orders import Status

STALL_S = 2.0
"""A call that takes longer waits for something it should not wait for."""


def quickly(act: Callable[[], object]) -> None:
    began = time.monotonic()
    act()
    assert time.monotonic() - began < STALL_S


def run_all(*acts: Callable[[], object]) -> None:
    """Run functions at once; the first exception is raised here."""
    errors: list[BaseException] = []

    def guarded(act: Callable[[], object]) -> None:
        try:
            act()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


def test_orders_go_in_while_the_market_plays(desk: vt.Desk) -> None:
    desk.play(30)
    count = 0
    while not desk.ended and count < 200:
        assert desk.buy("ACME", 1).status in (Status.FILLED, Status.ACCEPTED, Status.PARTIALLY_FILLED, Status.DENIED)
        count += 1
        time.sleep(0.002)
    desk.pause()
    assert count > 10
    assert desk.verify().ok
    assert len(desk.orders()) == count
    desk._room.portfolio.check()


def test_everything_can_be_looked_at_while_the_market_plays(desk: vt.Desk) -> None:
    desk.buy("ACME", 100)
    desk.play(30)
    looks: list[Callable[[], object]] = [
        desk.view, desk.orders, desk.fills, desk.positions, desk.quotes, lambda: desk.book("ACME"),
        lambda: desk.bars("ACME"), desk.equity_curve, desk.exposure, desk.statistics, desk.round_trips,
        desk.leaderboard, lambda: desk.progress, lambda: str(desk), lambda: desk.nav, lambda: desk.buying_power,
        lambda: desk.ask("How am I doing?"), lambda: desk.state_hash, desk.order(1).explain, desk.order(1).review,
        lambda: desk.fork().close_desk(),
    ]  # fmt: skip
    for look in looks:
        quickly(look)
    desk.pause()
    assert desk.verify().ok


def test_many_threads_trade_on_one_desk(desk: vt.Desk) -> None:
    def trade(side: str) -> None:
        for n in range(40):
            if side == "buy":
                desk.buy("BYTE", 1 + n % 3)
            else:
                desk.handle({"intent": "submit", "symbol": "ACME", "side": "buy", "quantity": 1})

    def look() -> None:
        for _ in range(15):
            desk.view("BYTE")
            desk.orders()
            desk.ask("Why did my last order fill?")
            assert desk.nav > 0

    desk.play(10)
    run_all(lambda: trade("buy"), lambda: trade("panel"), lambda: trade("buy"), look, look)
    desk.pause()
    orders = desk.orders()
    assert len(orders) == 120
    assert orders.client_order_id.is_unique
    assert desk.verify().ok
    desk._room.portfolio.check()


def test_pause_inside_a_listener(desk: vt.Desk) -> None:
    heard: list[str] = []

    def listener() -> None:
        heard.append(threading.current_thread().name)
        if desk.playing and "vtrade-play" in heard:
            desk.pause()

    desk.on_change(listener)
    desk.play(5)
    until(lambda: "vtrade-play" in heard)
    until(lambda: not players())
    assert not desk.playing
    still = desk.ts_ns
    time.sleep(0.12)
    assert desk.ts_ns == still
    desk.play(5)
    quickly(lambda: until(lambda: not desk.playing))


@pytest.mark.parametrize(
    "act",
    [
        lambda desk: desk.buy("ACME", 1),
        lambda desk: desk.close(),
        lambda desk: desk.step(),
        lambda desk: desk.record("x"),
    ],
    ids=["buy", "close", "step", "record"],
)
def test_a_listener_that_pauses_does_not_stall_who_made_the_change(
    desk: vt.Desk, act: Callable[[vt.Desk], object]
) -> None:
    desk.buy("ACME", 10)
    done: list[int] = []

    def listener() -> None:
        if threading.current_thread() is threading.main_thread() and not done:
            done.append(1)
            time.sleep(0.15)  # the playing thread comes by and wants its turn
            desk.pause()

    desk.play(5)
    desk.on_change(listener)
    quickly(lambda: act(desk))
    assert done
    assert not desk.playing


def test_a_listener_is_free_to_wait_for_another_thread(desk: vt.Desk) -> None:
    seen: list[int] = []

    def listener() -> None:
        if len(seen) < 3:
            reader = threading.Thread(target=lambda: seen.append(desk.view()["seq"]))
            reader.start()
            reader.join(timeout=5)
            assert not reader.is_alive(), "the room was locked while listeners were told"

    desk.on_change(listener)
    desk.play(5)
    until(lambda: len(seen) >= 3)
    quickly(lambda: desk.buy("ACME", 1))
    desk.pause()


def test_a_listener_that_fails_harms_nobody(desk: vt.Desk, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[int] = []

    def broken() -> None:
        raise RuntimeError("a broken panel")

    desk.on_change(broken)
    desk.on_change(lambda: heard.append(1))
    with caplog.at_level(logging.ERROR):
        assert desk.buy("ACME", 1).status == Status.FILLED
        assert heard
        desk.play(20)
        count = len(heard)
        until(lambda: len(heard) > count + 3)
        assert desk.playing
        desk.pause()
    assert "a broken panel" in caplog.text


def test_a_listener_hears_of_every_change_and_can_stop(desk: vt.Desk) -> None:
    heard: list[int] = []
    stop = desk.on_change(lambda: heard.append(desk.view()["seq"]))
    for act in (desk.step, lambda: desk.buy("ACME", 1), lambda: desk.record("plan_written"), desk.play, desk.pause):
        before = len(heard)
        act()
        assert len(heard) > before
    stop()
    before = len(heard)
    desk.step()
    assert len(heard) == before
    assert heard == sorted(heard)


def test_a_listener_may_trade(desk: vt.Desk) -> None:
    def listener() -> None:
        if len(desk.orders()) < 3:
            desk.buy("ACME", 1)

    desk.on_change(listener)
    desk.step()
    assert len(desk.orders()) == 3
    desk.play(20)
    until(lambda: desk.ts_ns > 34_203_000_000_000)
    desk.pause()
    assert len(desk.orders()) == 3


def test_a_listener_may_close_the_desk(desk: vt.Desk) -> None:
    desk.on_change(desk.close_desk)
    desk.play(5)
    until(lambda: desk.closed and not players())
    assert "09:30" in str(desk)


def test_two_desks_play_at_once(open_desk: Opener) -> None:
    one, two = open_desk(account="ana"), open_desk(account="ben")
    one.play(400)
    two.play(200)
    one.buy("ACME", 10)
    until(lambda: one.ended and two.ended)
    assert two.orders().empty
    assert one.leaderboard().account.tolist() == ["ana"]
    assert two.leaderboard().account.tolist() == ["ben"]
    assert one.bars("ACME").equals(two.bars("ACME"))
    assert two.nav == 1_000_000


def test_a_fork_plays_beside_its_desk(desk: vt.Desk) -> None:
    desk.play(20)
    fork = desk.fork()
    fork.play(300)
    assert len(players()) == 2
    until(lambda: fork.ended)
    fork.close_desk()
    assert desk.playing or desk.ended
    desk.pause()
    assert desk.verify().ok


def test_closing_while_playing_leaves_no_thread(open_desk: Opener, tmp_path: object) -> None:
    for journal in (None, f"{tmp_path}/j.db"):
        desk = open_desk(journal=journal)
        desk.play(20)
        time.sleep(0.1)
        quickly(desk.close_desk)
        assert not players()
        assert not desk.playing
    assert vt.verify(f"{tmp_path}/j.db").ok


def test_play_and_pause_in_a_hurry(desk: vt.Desk) -> None:
    def hurry() -> None:
        for n in range(60):
            desk.play(1 + n % 5)
            desk.pause()

    run_all(hurry, hurry, hurry)
    desk.pause()
    until(lambda: not players())
    assert not desk.playing
    desk.play(1)
    assert len(players()) == 1
    desk.pause()
    assert not players()


def test_playing_on_while_somebody_pauses_is_one_player_that_can_be_paused(desk: vt.Desk) -> None:
    again: list[int] = []

    def listener() -> None:
        if threading.current_thread().name == "vtrade-play" and not desk.playing and not again:
            again.append(1)
            desk.play(2)

    desk.play(2)
    desk.on_change(listener)
    for _ in range(20):
        time.sleep(0.06)
        desk.pause()
        if again:
            break
        desk.play(2)
    desk.pause()
    until(lambda: not players(), wait_s=3)


def test_play_while_it_plays_is_still_one_thread(desk: vt.Desk) -> None:
    for speed in (1, 2, 3):
        desk.play(speed)
    assert len(players()) == 1
    desk.pause()
    assert not players()


def test_rewinding_while_playing_and_looking(desk: vt.Desk) -> None:
    desk.run(until="09:31")

    def travel() -> None:
        for _ in range(6):
            desk.play(50)
            time.sleep(0.05)
            desk.rewind(seconds=1)

    def look() -> None:
        for _ in range(40):
            desk.view()
            assert desk.nav == 1_000_000

    run_all(travel, look, look)
    desk.pause()
    assert desk.verify().ok
