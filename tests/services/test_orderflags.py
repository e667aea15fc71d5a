"""Do flags say the same when they are written and read again?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import OrderTerms
from vtrade.domain.values import MICRO
from vtrade.errors import ValueOffGrid
from vtrade.services.orderflags import FLAGS, flags_text, ppm_of_bps, read_flags

ACME = Instrument.make("ACME", tick="0.01", lot="0.1")

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)
terms = st.builds(
    OrderTerms, post_only=st.booleans(), reduce_only=st.booleans(), display_quantity=st.integers(0, 10**6),
    trail=st.integers(0, 10**6), trail_ppm=st.integers(0, MICRO - 1), expire_ns=st.integers(0, 2**63 - 1),
    oco=names | st.just(""), parent=names | st.just(""),
).filter(lambda t: not (t.trail and t.trail_ppm))  # fmt: skip


@given(terms)
def test_flags_that_are_written_can_be_read_again(asked: OrderTerms) -> None:
    found = read_flags(flags_text(asked, ACME))
    assert OrderTerms(
        found.get("post_only", False), found.get("reduce_only", False),
        found.get("display_quantity", 0) // ACME.lot_size, found.get("trail", 0) // ACME.tick_size,
        found.get("trail_ppm", 0), found.get("expire_ns", 0), found.get("oco", ""), found.get("parent", ""),
    ) == asked  # fmt: skip


def test_every_flag_can_be_written() -> None:
    asked = OrderTerms(True, True, 3, 5, 0, 7, "pair", "entry")
    text = flags_text(asked, ACME)
    assert text == "post_only;reduce_only;display_quantity=0.3;trail=0.05;expire_ns=7;oco=pair;parent=entry"
    assert {part.partition("=")[0] for part in text.split(";")} | {"trail_bps"} == set(FLAGS)
    assert flags_text(OrderTerms(), ACME) == ""


@pytest.mark.parametrize("bps, ppm", [("0.01", 1), (1, 100), (50, 5_000), ("12.34", 1_234), (0.5, 50)])
def test_basis_points_are_exact(bps: object, ppm: int) -> None:
    assert ppm_of_bps(bps) == ppm


def test_finer_basis_points_are_refused_and_not_rounded() -> None:
    with pytest.raises(ValueOffGrid, match=r"trail_bps 1\.005 is finer than 0\.01; round it"):
        ppm_of_bps("1.005")
