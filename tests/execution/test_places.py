"""Do the bounds of a place in a queue hold whatever the truth is, and is the book read the short way as it stands?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import MarketFrame, OpenRoom
from vtrade.execution import layout as at
from vtrade.execution import looks
from vtrade.execution.engine import Engine
from vtrade.execution.places import Stay
from vtrade.market.dtype import Kind, SessionStatus, empty_events

LEVEL, TRADE, QUOTE, STATUS = Kind.LEVEL, Kind.TRADE, Kind.QUOTE, Kind.STATUS


@pytest.mark.parametrize(
    ("rows", "bounds"),
    [
        ([], (300, 300)),
        ([(TRADE, -1, 100, 120)], (180, 180)),
        ([(TRADE, 1, 100, 120)], (300, 300)),  # its own side traded: not this queue
        ([(TRADE, 0, 100, 120)], (180, 300)),  # nobody knows whose it was
        ([(TRADE, -1, 101, 120)], (300, 300)),  # at another price
        ([(LEVEL, 1, 100, 260)], (260, 260)),  # only those ahead were there
        ([(LEVEL, 1, 100, 500)], (300, 300)),  # who joins comes after us
        ([(LEVEL, 1, 100, 500), (LEVEL, 1, 100, 420)], (220, 300)),  # 80 left, ahead or behind
        ([(LEVEL, 1, 100, 500), (LEVEL, 1, 100, 200)], (0, 200)),
        ([(LEVEL, 1, 100, 500), (TRADE, -1, 100, 80), (LEVEL, 1, 100, 420)], (220, 220)),  # the print explains it
        ([(LEVEL, -1, 100, 10)], (300, 300)),  # the other side
        ([(LEVEL, 1, 100, 0)], (0, 0)),
        ([(QUOTE, 1, 100, 240)], (240, 240)),
        ([(QUOTE, 1, 99, 10)], (0, 0)),  # the best is worse now: nobody is left here
        ([(QUOTE, 1, 102, 10)], (0, 300)),  # out of sight behind a better one
        ([(STATUS, 0, 0, SessionStatus.CLOSED)], (0, 0)),
        ([(STATUS, 0, 0, SessionStatus.HALTED)], (300, 300)),
    ],
)
def test_a_stay_is_followed(rows: list[tuple[int, int, int, int]], bounds: tuple[int, int]) -> None:
    stay = Stay(1, 0, 1, 100, 300)
    for row in rows:
        stay.take(*row)
    assert (stay.low, stay.high) == bounds


def test_what_comes_into_sight_may_have_been_there_before() -> None:
    stay = Stay(1, 0, 1, 100, 0, seen=False)
    stay.take(LEVEL, 1, 100, 70)
    assert (stay.low, stay.high) == (0, 70)
    stay.take(TRADE, -1, 100, 30)
    assert (stay.low, stay.high) == (0, 40)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.sampled_from("jcp"), st.integers(0, 9), st.integers(1, 60)), max_size=40))
def test_the_truth_lies_between(steps: list[tuple[str, int, int]]) -> None:
    """A queue of single orders, of which the feed tells totals and prints only; ours is number 0."""
    queue = [(n, 50) for n in range(1, 5)]  # those before us
    mine, behind = 200, list[tuple[int, int]]()
    stay = Stay(1, 0, 1, 100, mine)
    number = 10
    for what, which, lots in steps:
        if what == "j":
            behind.append((number, lots))
            number += 1
        elif what == "c" and queue + behind:
            gone = (queue + behind)[which % len(queue + behind)]
            queue, behind = [o for o in queue if o != gone], [o for o in behind if o != gone]
        elif what == "p" and sum(n for _, n in queue):
            left = min(lots, sum(n for _, n in queue))
            stay.take(TRADE, -1, 100, left)
            while left:
                first, size = queue[0]
                queue[0] = first, size - min(left, size)
                left -= min(left, size)
                queue = [o for o in queue if o[1]]
        total = sum(n for _, n in queue + behind)
        stay.take(LEVEL, 1, 100, total)
        assert stay.low <= sum(n for _, n in queue) <= stay.high


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(1, 900), st.integers(0, 30)), min_size=1, max_size=40),
    st.integers(1, 12),
)
def test_depth_is_that_of_the_whole_window(levels: list[tuple[int, int, int]], most: int) -> None:
    engine = Engine()
    engine.process(OpenRoom(0, "demo", (Instrument.make("ACME"),)))
    events = empty_events(len(levels))
    events["kind"], events["ts_ns"] = Kind.LEVEL, np.arange(len(levels)) + 1
    events["side"] = [side for side, _, _ in levels]
    events["price"] = [2_000 - away if side > 0 else 2_001 + away for side, away, _ in levels]
    events["quantity"] = [lots for _, _, lots in levels]
    engine.process(MarketFrame(len(levels) + 1, events.tobytes()))
    book = engine._book
    for s, side in ((0, 1), (1, -1)):
        lots = book.level[0, s, :, at.QTY] - book.level[0, s, :, at.TAKEN] + book.level[0, s, :, at.LOTS]
        used = np.flatnonzero(lots > 0)[:: -1 if s == 0 else 1][:most]
        whole = [(int(book.inst[0, at.BASE]) + int(p), int(lots[p])) for p in used]
        assert looks.depth(book, 0, side, most) == whole
