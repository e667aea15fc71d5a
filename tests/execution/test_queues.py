"""Does each queue model keep its promises, and does the inferred queue find what an exact one knows?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from vtrade.execution import queues
from vtrade.execution.queues import (
    AGE_RATIO,
    CAPACITY_MIN,
    INFERRED,
    LOG,
    LOTS,
    MINE,
    POWER,
    RISK_AVERSE,
    SINCE,
    UNKNOWN,
    Queue,
    deduct,
    inferred_ahead,
    inferred_decrease,
    inferred_increase,
    inferred_print,
    inferred_queue,
    inferred_start,
)

SPLITS = ((POWER, 0.5), (POWER, 1.0), (POWER, 2.0), (POWER, 3.0), (LOG, 0.0))
lots = st.integers(0, 10_000) | st.integers(0, 2**40)
# (kind, share): an increase of 1 to 200 lots, or a part of the level that is canceled or printed
changes = st.lists(st.tuples(st.sampled_from("+-p"), st.integers(1, 200)), max_size=60)


def entries(queue: Queue) -> list[tuple[int, int]]:
    return [(int(n), int(since)) for n, since in queue[1 : 1 + queue[0, 0]]]


def total(queue: Queue) -> int:
    return sum(n for n, _ in entries(queue))


@given(lots, lots, st.data())
def test_a_decrease_takes_from_ahead_no_more_than_itself_and_leaves_no_more_than_the_level(
    ahead: int, behind: int, data: st.DataObject
) -> None:
    decrease = data.draw(st.integers(0, ahead + behind))
    bound = deduct(RISK_AVERSE, ahead, behind, decrease, 0.0)
    assert bound == min(ahead, ahead + behind - decrease)
    for model, n in SPLITS:
        after = deduct(model, ahead, behind, decrease, n)
        assert max(0, ahead - decrease) <= after <= bound


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.data())
def test_the_split_is_the_published_formula_to_half_a_lot(ahead: int, behind: int, data: st.DataObject) -> None:
    decrease = data.draw(st.integers(0, ahead + behind))
    for model, n in SPLITS:
        front, back = (x**n if model == POWER else math.log(1 + x) for x in (ahead, behind))
        share = decrease * front / (front + back)
        exact = max(0.0, min(ahead - share, ahead + behind - decrease))
        assert abs(deduct(model, ahead, behind, decrease, n) - exact) <= 0.5 + 1e-3


@given(st.integers(0, 2_000), changes, st.sampled_from([CAPACITY_MIN, 6, 16]))
def test_through_a_whole_life_no_model_is_behind_the_risk_averse_one(
    start: int, life: list[tuple[str, int]], capacity: int
) -> None:
    queue = inferred_queue(capacity)
    inferred_start(queue, start, 0)
    ahead = dict.fromkeys([(RISK_AVERSE, 0.0), *SPLITS, (INFERRED, 0.0)], start)
    level = start
    for now, (kind, share) in enumerate(life):
        before = dict(ahead)
        change = share if kind == "+" else level * share // 200
        if kind == "+":
            level += change
            inferred_increase(queue, change, now)
        else:
            for (model, n), front in before.items():
                if model != INFERRED:
                    split = deduct(model, front, level - front, change, n)
                    ahead[model, n] = split if kind == "-" else max(0, front - change)
            level -= change
            if kind == "-":
                inferred_decrease(queue, change, now)
            else:
                inferred_print(queue, change)
        ahead[INFERRED, 0.0] = inferred_ahead(queue)
        assert total(queue) == level
        assert all(n > 0 for n, _ in entries(queue))
        for key, front in ahead.items():
            assert 0 <= front <= min(before[key], level), key
            assert front <= ahead[RISK_AVERSE, 0.0], key


@given(st.lists(st.tuples(st.sampled_from("+-pj"), st.integers(0, 30)), max_size=55))
def test_with_sizes_of_their_own_orders_are_tracked_exactly(life: list[tuple[str, int]]) -> None:
    exact: list[int] = []  # sizes, from the front
    ours: list[int] | None = None  # those of them ahead of us
    level, queue = inferred_queue(60), inferred_queue(60)
    for now, (kind, pick) in enumerate(life):
        live = [level] if ours is None else [level, queue]
        if kind == "+":
            exact.append(1_000 + 2**now)
            for q in live:
                inferred_increase(q, exact[-1], now)
        elif kind == "j" and ours is None:
            ours = list(exact)
            queue[:] = level
            queue[0, 1] = queue[0, 0]  # all of them are ahead of us
        elif exact:
            size = exact.pop(0 if kind == "p" else pick % len(exact))
            if ours is not None and size in ours:
                ours.remove(size)
            for q in live:
                if kind == "p":
                    inferred_print(q, size)
                else:
                    inferred_decrease(q, size, now)
        assert [n for n, _ in entries(level)] == exact
        if ours is not None:
            assert inferred_ahead(queue) == sum(ours)


@given(st.integers(1, 500), st.integers(0, 500), changes)
def test_what_the_feed_shows_of_our_own_order_never_cancels(
    mine: int, others: int, life: list[tuple[str, int]]
) -> None:
    queue = inferred_queue(CAPACITY_MIN)
    inferred_start(queue, others + mine, mine)
    assert inferred_ahead(queue) == others
    for now, (kind, share) in enumerate(life):
        if kind == "+":
            inferred_increase(queue, share, now)
        elif kind == "-":
            inferred_decrease(queue, total(queue) * share // 200, now)
        else:
            inferred_print(queue, min(share, inferred_ahead(queue)))
        own = [(i, n) for i, (n, since) in enumerate(entries(queue)) if since == MINE]
        assert own == [(queue[0, 1], mine)]


def test_a_print_that_gets_through_takes_our_own_lots_next() -> None:
    queue = inferred_queue()
    inferred_start(queue, 400, 100)
    inferred_increase(queue, 50, 1)
    inferred_print(queue, 330)
    assert inferred_ahead(queue) == 0
    assert entries(queue) == [(70, MINE), (50, 1)]


@pytest.mark.parametrize(
    "older_ns, gone",
    [(AGE_RATIO * 1_000, "older"), (AGE_RATIO * 1_000 + 1, "younger")],
)
def test_of_two_orders_of_one_size_the_older_goes_unless_it_waited_much_longer(older_ns: int, gone: str) -> None:
    queue = inferred_queue()
    inferred_increase(queue, 100, 0)
    inferred_increase(queue, 100, older_ns - 1_000)
    inferred_decrease(queue, 100, older_ns)
    assert entries(queue) == [(100, older_ns - 1_000 if gone == "older" else 0)]


def test_a_size_that_nobody_joined_with_comes_from_the_unknown_lots_first() -> None:
    queue = inferred_queue()
    inferred_start(queue, 300, 0)
    inferred_increase(queue, 500, 1)
    inferred_increase(queue, 400, 2)
    inferred_decrease(queue, 120, 3)
    assert entries(queue) == [(180, UNKNOWN), (500, 1), (400, 2)]
    inferred_decrease(queue, 200, 4)  # more than is unknown: the youngest that is large enough
    assert entries(queue) == [(180, UNKNOWN), (500, 1), (200, 2)]
    inferred_decrease(queue, 700, 5)  # more than anybody has: the youngest, then who has just the rest
    assert entries(queue) == [(180, UNKNOWN)]


def test_a_full_queue_merges_nobody_ahead_with_somebody_behind() -> None:
    queue = inferred_queue(CAPACITY_MIN)
    inferred_start(queue, 110, 10)
    for now, size in enumerate((1, 2, 3)):
        inferred_increase(queue, size, now)
    assert entries(queue) == [(100, UNKNOWN), (10, MINE), (3, UNKNOWN), (3, 2)]
    assert inferred_ahead(queue) == 100


def test_compiled_and_plain_functions_agree() -> None:
    names = "increase decrease print start ahead".split()
    fast: dict[str, Any] = {name: njit(getattr(queues, f"inferred_{name}")) for name in names}
    split = njit(deduct)
    luck = np.random.default_rng(3)
    plain, compiled = inferred_queue(8), inferred_queue(8)
    for now in range(400):
        size = int(luck.integers(1, 6)) * 10
        kind = ("increase", "decrease", "print", "start")[int(luck.choice(4, p=[0.5, 0.25, 0.21, 0.04]))]
        if kind == "start":
            args: tuple[int, ...] = (size + 100, size)
        else:
            args = (size,) if kind == "print" else (size, now)
        getattr(queues, f"inferred_{kind}")(plain, *args)
        fast[kind](compiled, *args)
        count = 1 + plain[0, 0]
        np.testing.assert_array_equal(plain[:count, [LOTS, SINCE]], compiled[:count, [LOTS, SINCE]])
        assert fast["ahead"](compiled) == inferred_ahead(plain)
        for model, n in SPLITS:
            ahead, behind = int(luck.integers(0, 5_000)), int(luck.integers(0, 5_000))
            decrease = int(luck.integers(0, ahead + behind + 1))
            assert split(model, ahead, behind, decrease, n) == deduct(model, ahead, behind, decrease, n)
