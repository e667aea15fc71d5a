"""Does a span hold what it promises, and is nothing promised where nothing can be known?"""

from __future__ import annotations

import numpy as np
import pytest

from tests.portfolio.room import Room
from vtrade.domain.luck import normals
from vtrade.portfolio.confidence import Doubt, growth_error, nav_span, student_t
from vtrade.stats import StatisticError

TABLE = {(0.95, 10): 1.812, (0.95, 29): 1.699, (0.975, 20): 2.086, (0.95, 1000): 1.646, (0.05, 29): -1.699}
"""Quantiles as printed tables have them."""


@pytest.mark.parametrize(("probability", "degrees"), TABLE)
def test_quantiles_of_students_t(probability: float, degrees: int) -> None:
    assert student_t(probability, degrees) == pytest.approx(TABLE[probability, degrees], abs=1.5e-3)


@pytest.mark.parametrize(("probability", "degrees"), [(0, 5), (1, 5), (0.5, 0)])
def test_quantiles_that_do_not_exist(probability: float, degrees: int) -> None:
    with pytest.raises(StatisticError, match="no quantile"):
        student_t(probability, degrees)


def test_without_ties_the_error_is_the_plain_one() -> None:
    steps = normals(1, "plain", 20_000)
    assert growth_error(steps) == pytest.approx(np.sqrt(20_000), rel=0.05)


@pytest.mark.parametrize("tie", [0.0, 0.3, -0.3])
def test_a_span_holds_the_truth_about_as_often_as_it_says(tie: float) -> None:
    inside, records, length = 0, 600, 240
    for number in range(records):
        luck = normals(3, f"record {tie}", length + 50, index=number) * 0.001
        steps = np.zeros_like(luck)
        for at in range(1, len(luck)):
            steps[at] = tie * steps[at - 1] + luck[at]
        steps = steps[50:]
        inside += abs(steps.sum()) <= student_t(0.95, length - 1) * growth_error(steps)
    assert 0.83 <= inside / records <= 0.95


def minutes(room: Room, prices: list[int]) -> None:
    for price in prices:
        room.wait(60)
        room.mark(ACME=price)


def test_an_account_that_risked_nothing_has_no_luck() -> None:
    room = Room("ana")
    minutes(room, [10_000 + n % 7 for n in range(90)])
    span = nav_span(room.engine, "ana")
    assert (span.doubt, span.low, span.high, span.moving) == (Doubt.NO_RISK, None, None, 0)


def test_a_short_record_is_told_nothing_about() -> None:
    room = Room("ana")
    room.fill("ana", "ACME", 100, 10_000)
    minutes(room, [10_000 + 10 * (n % 2) for n in range(20)])
    span = nav_span(room.engine, "ana")
    assert (span.doubt, span.low) == (Doubt.TOO_SHORT, None)
    assert span.periods < 30


def test_a_record_that_was_ruined_has_no_span() -> None:
    room = Room("ana", cash=1_000)
    room.fill("ana", "ACME", 1_000, 10_000)
    minutes(room, [10_000, 9_000, *[10_000 + n % 5 for n in range(60)]])
    assert nav_span(room.engine, "ana").doubt is Doubt.RUINED


def test_a_span_is_around_the_value_and_narrows_with_smaller_bets() -> None:
    luck = normals(9, "prices", 120)
    prices = (10_000 * np.exp(np.cumsum(0.001 * luck))).astype(int).tolist()
    widths = []
    for lots in (100, 1_000):
        room = Room("ana", "ben")
        room.fill("ana", "ACME", lots, 10_000)
        minutes(room, prices)
        span = nav_span(room.engine, "ana")
        assert span.doubt is Doubt.TOLD
        assert span.low is not None
        assert span.high is not None
        nav = room.engine.account("ana").nav
        assert span.low < nav < span.high
        assert span.low * span.high == pytest.approx(float(nav) ** 2)
        assert (span.periods, span.period_ns) == (121, 60_000_000_000)
        widths.append((span.high - span.low) / nav)
        wider = nav_span(room.engine, "ana", level=0.99)
        assert wider.low is not None
        assert wider.low < span.low
    assert widths[1] == pytest.approx(10 * widths[0], rel=0.1)


def test_money_from_outside_is_no_luck() -> None:
    spans = []
    for paid in (0, 300_000_000_000):
        room = Room("ana")
        room.fill("ana", "ACME", 100, 10_000)
        minutes(room, [10_000 + 10 * (n % 3) for n in range(60)])
        if paid:
            room.cash("ana", paid, "adjustment")
        minutes(room, [10_000 + 10 * (n % 3) for n in range(60)])
        span = nav_span(room.engine, "ana")
        assert span.low is not None
        spans.append(room.engine.account("ana").nav / span.low - 1)
    assert spans[1] < spans[0], "the same steps weigh less on more money, and the money itself is no step"


def test_a_level_that_is_none() -> None:
    with pytest.raises(StatisticError, match="between 0 and 1"):
        nav_span(Room("ana").engine, "ana", level=1.0)
