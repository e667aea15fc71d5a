"""Does the push of participants' trades fade as it should, bit by bit, and can nobody earn by pushing to and fro?"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from vtrade.domain import luck
from vtrade.execution import decay
from vtrade.execution.decay import decayed, decayed_lots, impulse_ticks, overlay_price, surcharge_ticks
from vtrade.execution.impact import ImpactNotAllowed, Overlay

DAY = 24 * 3_600 * 10**9
times = st.integers(0, 1_000 * DAY)
half_lives = st.integers(1, 1_000 * DAY)
ticks = st.floats(1e-6, 1e9)


# --- fading: the scalar functions of the engine ----------------------------------------------------------------------


@given(ticks, times, half_lives)
@example(1.0, 2**62, 2**63 - 1)
@example(1.0, 2**60 - 1, 2**60)
def test_fading_is_exact_to_one_in_ten_million_million(value: float, elapsed: int, half_life: int) -> None:
    assume(elapsed < 900 * half_life)
    with localcontext() as context:
        context.prec = 50
        exact = Decimal(value) * Decimal(2) ** (-Decimal(elapsed) / Decimal(half_life))
        assert abs(Decimal(decayed(value, elapsed, half_life)) - exact) < exact * Decimal("1e-13")


@given(ticks, times, st.one_of(st.integers(1, 5), st.integers(0, 100 * DAY)), half_lives)
@example(1.0, 2**61, 1, 2**62)
@example(1.0, 5 * 2**58, 1, 5 * 2**59)
def test_waiting_longer_never_leaves_more(value: float, elapsed: int, more: int, half_life: int) -> None:
    left = decayed(value, elapsed, half_life)
    assert decayed(value, elapsed + more, half_life) <= left <= value
    assert decayed(-value, elapsed, half_life) == -left


@pytest.mark.parametrize("half_life", [2**44, 2**50 + 1, 2**52 - 1, 2**56 + 3])
@pytest.mark.parametrize("start", [0.0, 0.3, 0.5, 0.7, 1.0])
def test_not_even_one_nanosecond_leaves_more(half_life: int, start: float) -> None:
    first = max(0, int(start * half_life) - 1_500)
    left = [decayed(1.0, first + elapsed, half_life) for elapsed in range(3_000)]
    assert left == sorted(left, reverse=True)


@given(ticks, st.integers(0, 50), st.integers(0, 50), st.integers(1, 2 * DAY), st.integers(0, 10**6))
def test_waiting_in_two_parts_is_waiting(value: float, first: int, second: int, half_life: int, odd: int) -> None:
    a, b = first * half_life // 3 + odd, second * half_life // 7
    whole, parts = decayed(value, a + b, half_life), decayed(decayed(value, a, half_life), b, half_life)
    assert parts == pytest.approx(whole, rel=1e-12, abs=1e-300)


@given(st.floats(allow_nan=False), st.integers(1, 2**40), st.integers(0, 40))
def test_whole_half_lives_are_halvings(value: float, half_life: int, count: int) -> None:
    assert decayed(value, 0, half_life) == value
    assert decayed(value, -5, half_life) == value
    assume(value == 0 or abs(value) > 1e-280)
    assert decayed(value, count * half_life, half_life) == value / 2**count


def test_fading_has_the_same_bits_everywhere() -> None:
    found = [decayed(1.0, elapsed, 60 * 10**9).hex() for elapsed in (1, 10**9, 37 * 10**9, 7_777 * 10**9)]
    assert found == [
        "0x1.ffffffffe69d1p-1",
        "0x1.fa1e827a1b3e9p-1",
        "0x1.4dea046a1cfabp-1",
        "0x1.4dea046a1cfabp-130",
    ]


def test_what_makes_no_sense_has_no_effect() -> None:
    assert decayed(5.0, 1, 0) == decayed(5.0, 1, -1) == 0.0
    assert decayed(5.0, 2**62, 1) == 0.0
    assert impulse_ticks(5, 0.0) == impulse_ticks(5, -1.0) == impulse_ticks(5, math.nan) == 0.0
    assert surcharge_ticks(math.nan, 1, 0.0) == 0
    assert surcharge_ticks(math.inf, 1, 0.0) == 2**53
    assert decay.square_root_ticks(0, 10, 1.0, 1.0) == decay.square_root_ticks(10, 0, 1.0, 1.0) == 0.0


def test_compiled_and_plain_give_equal_bits() -> None:
    import numba
    from numba.extending import register_jitable

    for function in decay.SCALARS:
        register_jitable(error_model="numpy")(function)

    @numba.njit(error_model="numpy")
    def compiled(value: float, a: int, h: int, lots: int) -> tuple[float, int, float, int, float]:
        left = decay.decayed(value, a, h)
        price = decay.overlay_price(1_000, left, 1 if lots > 0 else -1, 0.5)
        root = decay.square_root_ticks(lots, h, value, 1.0)
        return left, decay.decayed_lots(abs(lots), a, h), decay.impulse_ticks(lots, value), price, root

    numbers = luck.uniforms(7, "impact", 1_200).reshape(-1, 4).tolist()
    for u, v, w, z in numbers:
        arguments = (1e6 * u**5, int(4e15 * v**8), 1 + int(3e14 * w**9), int(2e6 * (z - 0.5)))
        value, a, h, lots = arguments
        left = decayed(value, a, h)
        plain = (
            left,
            decayed_lots(abs(lots), a, h),
            impulse_ticks(lots, value),
            overlay_price(1_000, left, 1 if lots > 0 else -1, 0.5),
            decay.square_root_ticks(lots, h, value, 1.0),
        )
        assert compiled(*arguments) == plain


@given(st.integers(0, 2**53), times, st.integers(0, 10**12), half_lives)
@example(2**53 - 1, 0, 0, 1)
@example(2**53 - 1, 1, 1, 2**60)
def test_taken_lots_come_back_and_never_more_than_were_taken(lots: int, a: int, more: int, half_life: int) -> None:
    assert decayed_lots(lots, 0, half_life) == lots
    assert 0 <= decayed_lots(lots, a + more, half_life) <= decayed_lots(lots, a, half_life) <= lots
    assert decayed_lots(lots, 55 * half_life, half_life) == 0
    assert abs(decayed_lots(lots, a, half_life) - decayed(float(lots), a, half_life)) <= 0.5


def test_the_last_lot_is_gone_for_one_half_life() -> None:
    assert [decayed_lots(1, elapsed, 1_000) for elapsed in (0, 999, 1_000, 1_001)] == [1, 1, 1, 0]


@given(st.floats(-1e6, 1e6), st.floats(0, 2), st.integers(1, 10**9))
def test_a_surcharge_is_whole_and_never_a_gift(displacement: float, slack: float, level: int) -> None:
    for side in (1, -1):
        charged = surcharge_ticks(displacement, side, slack)
        due = max(0.0, side * displacement - slack)
        assert charged == math.ceil(due)
        price = overlay_price(level, displacement, side, slack)
        assert (price - level) * side >= 0
        assert price >= 1
    assert surcharge_ticks(displacement, 1, slack) * surcharge_ticks(displacement, -1, slack) == 0


# --- the engine's overlay --------------------------------------------------------------------------------------------

BIDS = [(9_998, 40), (9_996, 200), (9_000, 10**9)]
ASKS = [(10_000, 30), (10_001, 200), (11_000, 10**9)]
SPREAD = 2
orders = st.lists(st.tuples(st.integers(0, 2), st.integers(-300, 300), st.integers(0, 10**10)), max_size=25)


@given(orders, st.floats(0.1, 1e5), st.integers(1, 10**11), st.floats(0, 1), st.permutations(range(3)))
@settings(max_examples=150)
def test_no_round_trip_pays_whatever_the_others_do(
    steps: list[tuple[int, int, int]], depth: float, half_life: int, slack: float, last: list[int]
) -> None:
    room = Overlay(BIDS, ASKS, lots_per_tick=depth, half_life_ns=half_life, slack=slack)
    cash, held, bought = [0] * 3, [0] * 3, [0] * 3
    now = 0

    def send(who: int, lots: int) -> None:
        side = 1 if lots > 0 else -1
        for price, filled in room.trade(now, lots):
            cash[who] -= side * price * filled
            held[who] += side * filled
            bought[who] += filled if side > 0 else 0

    for who, lots, wait in steps:
        now += wait
        send(who, lots)
    for who in last:
        send(who, -held[who])
    assert held == [0, 0, 0]
    assert all(gain <= -SPREAD * lots for gain, lots in zip(cash, bought, strict=True))


def signed(blocks: list[tuple[str, int]], *, depth: float, own: float) -> dict[str, float]:
    """What each earns, all at once, where both sides trade at the touch plus the signed displacement.

    ``own`` is the share of an order's own push that it pays: 0 the old price, 0.5 the average on the way.
    """
    displacement, earned = 0.0, {who: 0.0 for who, _ in blocks}
    for who, lots in blocks:
        push = lots / depth
        earned[who] -= lots * ((ASKS if lots > 0 else BIDS)[0][0] + displacement + own * push)
        displacement += push
    return earned


def test_a_signed_overlay_pays_for_pumping_and_dumping() -> None:
    assert signed([("ana", 500), ("ana", -500)], depth=50.0, own=0.0) == {"ana": 500 * (500 / 50 - SPREAD)}
    honest = Overlay(BIDS, ASKS, lots_per_tick=50.0, half_life_ns=DAY)
    paid = [honest.trade(0, lots) for lots in (30, -30)]
    assert paid == [[(10_000, 30)], [(9_998, 30)]]


def test_a_signed_overlay_pays_the_front_runner_even_when_each_order_pays_its_own_push() -> None:
    alone = signed([("ana", 500), ("ana", -500)], depth=50.0, own=0.5)
    assert alone == {"ana": -500 * SPREAD}
    crowd = signed([("ana", 50), ("bob", 500), ("ana", -50)], depth=50.0, own=0.5)
    assert crowd["ana"] > 0
    room = Overlay(BIDS, ASKS, lots_per_tick=50.0, half_life_ns=DAY)
    first, _, back = room.trade(0, 30), room.trade(0, 500), room.trade(0, -30)
    assert (first, back) == ([(10_000, 30)], [(9_998, 30)])


def test_a_displacement_is_shared_and_fades() -> None:
    room = Overlay(BIDS, ASKS, lots_per_tick=10.0, half_life_ns=1_000)
    assert room.trade(0, 30) == [(10_000, 30)]
    assert room.trade(1_000, 15) == [(10_002, 15)], "three ticks have become 1.5; half of the level is back"
    assert room.trade(1_000, 10) == [(10_004, 10)], "behind the level, three ticks on"
    assert room.trade(1_000, -40) == [(9_998, 40)], "who trades against it neither pays nor earns"
    assert room.trade(40_000, 1) == [(10_000, 1)]
    assert room.taken(10_000, 40_000) == 1


def test_what_the_book_cannot_fill_moves_nothing() -> None:
    room = Overlay([(99, 5)], [(100, 5)], lots_per_tick=1.0, half_life_ns=1_000)
    assert room.trade(0, 50) == [(100, 5)]
    assert room.displacement == 5.0
    assert room.trade(0, 50) == []
    assert room.displacement == 5.0


@pytest.mark.parametrize(
    "bids, asks, changed, words",
    [
        ([(99, 1)], [(98, 1)], {}, "crossed"),
        ([(99, 1), (99, 1)], [], {}, "does not lie behind"),
        ([], [(99, 0)], {}, "lots 0"),
        ([], [], {"lots_per_tick": 0.0}, "lots_per_tick 0.0 must be above 0"),
        ([], [], {"half_life_ns": 0}, "half_life_ns 0"),
        ([], [], {"half_life_ns": 1.5}, "half_life_ns 1.5"),
        ([], [], {"slack": -1.0}, "slack -1.0"),
    ],
)
def test_an_overlay_that_makes_no_sense_is_refused(bids: Any, asks: Any, changed: Any, words: str) -> None:
    with pytest.raises(ImpactNotAllowed, match=words):
        Overlay(bids, asks, **{"lots_per_tick": 1.0, "half_life_ns": 1, **changed})


def test_orders_come_in_order_of_time() -> None:
    room = Overlay(BIDS, ASKS, lots_per_tick=1.0, half_life_ns=1)
    room.trade(5, 1)
    with pytest.raises(ImpactNotAllowed, match="time 4 is before the last order's 5"):
        room.trade(4, 1)
