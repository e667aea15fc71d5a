"""Are numbers from people kept exactly, and rounded in one way?"""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrade.domain.values import INT64_MAX, MICRO, divide, format_micros, from_micros, on_grid, plain_micros, to_micros
from vtrade.errors import ValueOffGrid

micros = st.integers(-INT64_MAX, INT64_MAX)


@pytest.mark.parametrize(
    "value, expected",
    [
        (1, 1_000_000), (-1, -1_000_000), (0, 0), ("0.01", 10_000), (" 12.50 ", 12_500_000), ("1e3", 10**9),
        (Decimal("0.000001"), 1), (0.1, 100_000), (0.1 + 0.2, 300_000), (1e-6, 1), (-0.0, 0), (100.25, 100_250_000),
        (True, 1_000_000), ("9223372036854.775807", INT64_MAX), (1_234_567.891, 1_234_567_891_000),
    ],
)  # fmt: skip
def test_to_micros(value: object, expected: int) -> None:
    assert to_micros(value) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["", "abc", "1,5", "0x10", None, [], b"1", object()])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueOffGrid, match=r"price .* is not a number; give a decimal"):
        to_micros(value, what="price")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "NaN", "inf", Decimal("sNaN")])
def test_what_is_not_finite_is_refused(value: object) -> None:
    with pytest.raises(ValueOffGrid, match=r"not a (finite )?number"):
        to_micros(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["0.0000001", Decimal("1.23456789"), 0.1234567, 1e-7, 1 / 3])
def test_more_than_six_decimals_are_refused(value: object) -> None:
    with pytest.raises(ValueOffGrid, match="more than six decimals; round it"):
        to_micros(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [10**13, "1e300", -1e18, "9223372036854.775808"])
def test_what_is_too_large_is_refused(value: object) -> None:
    with pytest.raises(ValueOffGrid, match="beyond what VTrade counts"):
        to_micros(value)  # type: ignore[arg-type]


@given(micros)
def test_text_and_decimals_come_back_exactly(amount: int) -> None:
    assert to_micros(plain_micros(amount)) == amount
    assert to_micros(Decimal(amount) / MICRO) == amount


@given(st.integers(-(2**52), 2**52))
def test_floats_come_back_exactly(amount: int) -> None:
    assert to_micros(from_micros(amount)) == amount


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**20))
def test_divide_rounds_half_to_even(numerator: int, denominator: int) -> None:
    assert divide(numerator, denominator) == round(Fraction(numerator, denominator))


@given(micros, st.integers(0, 8), st.booleans())
def test_format_rounds_as_divide_does(amount: int, decimals: int, signed: bool) -> None:
    shown = format_micros(amount, decimals=decimals, signed=signed)
    assert Decimal(shown.replace(",", "")) == round(Decimal(amount) / MICRO, decimals)
    assert (shown[0] in "+-") == (signed or shown.startswith("-"))


@pytest.mark.parametrize(
    "amount, decimals, text",
    [(0, 2, "0.00"), (5_000, 2, "0.00"), (15_000, 2, "0.02"), (-1, 6, "-0.000001"), (10**15, 0, "1,000,000,000")],
)
def test_format(amount: int, decimals: int, text: str) -> None:
    assert format_micros(amount, decimals=decimals) == text


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_on_grid(steps: int, step: int) -> None:
    assert on_grid(steps * step, step)
    assert on_grid(steps * step + 1, step) == (step == 1)
