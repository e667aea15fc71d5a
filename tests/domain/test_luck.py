"""Is luck keyed, the same everywhere, and as even as chance should be?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vtrade.domain.luck import generator, normals, philox, uniforms
from vtrade.errors import ValueOffGrid

KNOWN_WORDS = [9543614255905920084, 12764237637921642985]
KNOWN_UNIFORMS = [0.5173603654808415, 0.6919507088577944]
KNOWN_NORMALS = [0.9162826930517184, 1.4788555493624154]


def test_the_numbers_never_change() -> None:
    # A journal or a tape made years ago must come out the same: these literals are part of the contract.
    assert philox(7, "demo").random_raw(2).tolist() == KNOWN_WORDS
    assert uniforms(7, "demo", 2).tolist() == KNOWN_UNIFORMS
    assert normals(7, "demo", 2).tolist() == KNOWN_NORMALS


def test_a_uniform_is_the_top_of_a_word() -> None:
    words = philox(11, "x", index=3).random_raw(100).tolist()
    assert uniforms(11, "x", 100, index=3).tolist() == [((word >> 12) + 0.5) / 2**52 for word in words]


@pytest.mark.parametrize("draw", [uniforms, normals])
def test_a_longer_draw_begins_with_the_shorter_one(draw: Callable[..., NDArray[np.float64]]) -> None:
    assert draw(1, "a", 50)[:20].tolist() == draw(1, "a", 20).tolist()
    assert len(draw(1, "a", 0)) == 0


@pytest.mark.parametrize(
    "other",
    [(1, "a", 1), (1, "b", 0), (2, "a", 0), (1, "", 0), (2**64 - 1, "a", 0), (1, "a", 2**64 - 1)],
)
def test_seed_name_and_index_each_part_the_streams(other: tuple[int, str, int]) -> None:
    seed, name, index = other
    ours, theirs = uniforms(1, "a", 2_000), uniforms(seed, name, 2_000, index=index)
    assert not np.isin(ours, theirs).any()
    assert abs(float(np.corrcoef(ours, theirs)[0, 1])) < 0.08


def test_drawing_elsewhere_changes_nothing() -> None:
    before = uniforms(5, "order/1", 10).tolist()
    uniforms(5, "order/2", 10_000)
    generator(5, "order/1").normal(size=100)
    assert uniforms(5, "order/1", 10).tolist() == before


def test_uniforms_are_even_and_inside() -> None:
    numbers = uniforms(3, "even", 200_000)
    assert 0 < numbers.min() < numbers.max() < 1
    counts = np.histogram(numbers, bins=20, range=(0, 1))[0]
    assert float(((counts - 10_000) ** 2 / 10_000).sum()) < 45  # chi-square with 19 degrees of freedom
    assert abs(float(np.corrcoef(numbers[1:], numbers[:-1])[0, 1])) < 0.01


def test_normals_are_nearly_normal() -> None:
    numbers = normals(3, "bell", 100_000)
    assert abs(float(numbers.mean())) < 0.02
    assert abs(float(numbers.var()) - 1) < 0.02
    assert abs(float((np.abs(numbers) < 1).mean()) - 0.6827) < 0.01
    assert float(np.abs(numbers).max()) < 6


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "7", True, None])
def test_a_seed_that_is_none_is_refused(seed: object) -> None:
    with pytest.raises(ValueOffGrid, match="seed"):
        uniforms(seed, "a", 1)  # type: ignore[arg-type]
    with pytest.raises(ValueOffGrid, match="block index"):
        uniforms(1, "a", 1, index=seed)  # type: ignore[arg-type]


def test_another_process_draws_the_same(root: Path) -> None:
    code = "from vtrade.domain.luck import normals; print(normals(9, 'other', 3, index=2).tolist())"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(normals(9, "other", 3, index=2).tolist())
