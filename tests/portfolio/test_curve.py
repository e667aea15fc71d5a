"""Does a curve keep what matters when it must forget something?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrade.domain.values import INT64_MAX
from vtrade.portfolio.curve import DAY_NS, LADDER_NS, Curve, next_width

S = 1_000_000_000
paths = st.lists(
    st.tuples(st.sampled_from([0, 1, 100, S // 3, S, 7 * S, 4_000 * S, 3 * DAY_NS]), st.integers(-1_000, 1_000)),
    min_size=1,
    max_size=80,
)


def fold(path: list[tuple[int, int]], *, bound: int) -> tuple[Curve, list[int], list[int]]:
    curve, times, values = Curve(bound=bound), [], []
    now = 34_200 * S
    for gap, value in path:
        now += gap
        curve.add(now, value)
        times.append(now)
        values.append(value)
    return curve, times, values


def test_each_width_is_a_multiple_of_the_one_before() -> None:
    width = LADDER_NS[0]
    for _ in range(14):
        assert next_width(width) % width == 0
        width = next_width(width)


@given(paths, st.integers(2, 12))
def test_first_last_and_extremes_stay(path: list[tuple[int, int]], bound: int) -> None:
    curve, times, values = fold(path, bound=bound)
    kept_times, kept = curve.points()
    assert len(curve) <= bound
    assert (kept_times[0], kept[0]) == (times[0], values[0])
    assert (kept_times[-1], kept[-1]) == (times[-1], values[-1])
    assert (kept.max(), kept.min()) == (max(values), min(values))
    assert (np.diff(kept_times) >= 0).all()
    assert set(zip(kept_times.tolist(), kept.tolist(), strict=True)) <= set(zip(times, values, strict=True))


@given(paths, st.integers(2, 12))
def test_each_cell_closes_at_its_last_value(path: list[tuple[int, int]], bound: int) -> None:
    curve, times, values = fold(path, bound=bound)
    last = {time // curve.width_ns: (time, value) for time, value in zip(times, values, strict=True)}
    kept_times, kept = curve.closes()
    assert list(zip(kept_times.tolist(), kept.tolist(), strict=True)) == list(last.values())


@given(paths, st.integers(2, 12))
def test_coarsened_cells_are_those_of_a_coarse_curve(path: list[tuple[int, int]], bound: int) -> None:
    """Merging afterwards must give what the coarse width would have given from the start."""
    curve, times, values = fold(path, bound=bound)
    coarse = Curve(bound=10_000)
    coarse.width_ns = curve.width_ns
    for time, value in zip(times, values, strict=True):
        coarse.add(time, value)
    assert curve.rows().tolist() == coarse.rows().tolist()


@given(paths, paths, st.integers(2, 12))
def test_dump_and_load(path: list[tuple[int, int]], more: list[tuple[int, int]], bound: int) -> None:
    curve, times, _ = fold(path, bound=bound)
    again = Curve.load(curve.dump())
    now = times[-1]
    for gap, value in more:
        now += gap
        curve.add(now, value)
        again.add(now, value)
    assert again.dump() == curve.dump()


def test_an_empty_curve() -> None:
    times, values = Curve().points()
    assert (len(Curve()), len(times), len(values)) == (0, 0, 0)
    assert Curve.load(Curve().dump()).dump() == Curve().dump()


def test_values_beyond_64_bits_are_cut() -> None:
    curve = Curve()
    curve.add(0, 2**80)
    curve.add(1, -(2**80))
    assert curve.points()[1].tolist() == [INT64_MAX, -INT64_MAX]


def test_a_long_day_stays_small() -> None:
    curve = Curve()
    for n in range(100_000):
        curve.add(34_200 * S + n * 23_400 * S // 100_000, n)
    assert curve.width_ns == 15 * S
    assert len(curve.dump()[2]) == 1_560 * 64 == len(curve) * 64


@pytest.mark.parametrize("bound", [-1, 0, 1])
def test_a_senseless_bound_still_works(bound: int) -> None:
    curve, _, values = fold([(S, n) for n in range(50)], bound=bound)
    assert curve.points()[1][-1] == values[-1]
