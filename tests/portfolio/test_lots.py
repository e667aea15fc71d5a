"""Does first in, first out close what it should, to the micro-unit?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.portfolio.room import ACME, COIN
from vtrade.domain.orders import Side
from vtrade.portfolio import LotQueue, RoundTrip

CENT = ACME.tick_value  # one tick of one lot, in micro-units

# A run per block: fills one a line (order, signed lots @ ticks, fee in micro-units), and what holds after each:
# position, cost basis in cents, realised profit in cents.
SCENARIOS = """
in and out
    1  +10 @ 100  fee 10  ->  10   1000     0
    2  -10 @ 103  fee 10  ->   0      0    30

oldest first
    1  +10 @ 100  fee  0  ->  10   1000     0
    2  +10 @ 110  fee  0  ->  20   2100     0
    3  -15 @ 120  fee  0  ->   5    550   250
    4   -5 @ 100  fee  0  ->   0      0   200

short and back
    1  -10 @ 100  fee  1  -> -10  -1000     0
    2   +4 @  90  fee  1  ->  -6   -600    40
    3   +6 @ 105  fee  1  ->   0      0    10

flip long to short
    1   +3 @ 100  fee  6  ->   3    300     0
    2   -5 @ 101  fee 10  ->  -2   -202     3
    3   +2 @ 100  fee  4  ->   0      0     5

flip short to long and on
    1   -3 @ 100  fee  6  ->  -3   -300     0
    2   +9 @ 102  fee  9  ->   6    612    -6
    3   -9 @ 104  fee  9  ->  -3   -312     6
    4   +3 @ 104  fee  3  ->   0      0     6

three lots at once
    1   +1 @ 100  fee  1  ->   1    100     0
    2   +2 @ 101  fee  2  ->   3    302     0
    3   +3 @ 102  fee  3  ->   6    608     0
    4   -6 @ 100  fee  6  ->   0      0    -8
"""


def scenarios() -> list[tuple[str, list[list[int]]]]:
    found = []
    for block in SCENARIOS.strip().split("\n\n"):
        name, *lines = block.splitlines()
        words = "@ fee ->".split()
        found.append((name, [[int(word) for word in line.split() if word not in words] for line in lines]))
    return found


def run(fills: list[tuple[int, int, int, int]]) -> tuple[LotQueue, list[RoundTrip]]:
    """Order, signed lots, ticks, fee."""
    queue, trips = LotQueue("ana", ACME), []
    for ts_ns, (order_id, lots, px, fee) in enumerate(fills):
        trips += queue.trade(ts_ns, order_id, side=1 if lots > 0 else -1, px=px, quantity=abs(lots), fee=fee)
    return queue, trips + queue.trips()


@pytest.mark.parametrize("name, rows", scenarios())
def test_scenario(name: str, rows: list[list[int]]) -> None:
    for length in range(1, len(rows) + 1):
        queue, _ = run([(row[0], row[1], row[2], row[3]) for row in rows[:length]])
        position, cost, realized = rows[length - 1][4:]
        assert (queue.quantity, queue.cost_basis, queue.realized_pnl) == (position, cost * CENT, realized * CENT), name
    queue, trips = run([(row[0], row[1], row[2], row[3]) for row in rows])
    assert sum(trip.gross_pnl for trip in trips) == queue.realized_pnl
    assert sum(trip.fees for trip in trips) == sum(row[3] for row in rows)


def test_a_round_trip_tells_entry_and_exit() -> None:
    _, trips = run([(1, 3, 100, 7), (2, -2, 110, 3)])
    (trip,) = trips
    assert (trip.side, trip.quantity, trip.entry_ts_ns, trip.exit_ts_ns) == (Side.BUY, 2, 0, 1)
    assert (trip.entry_px, trip.exit_px) == (1.00, 1.10)
    assert (trip.gross_pnl, trip.fees) == (20 * CENT, 5 + 3)  # 2/3 of 7 is 4.67, rounded to 5
    assert trip.net_pnl == trip.gross_pnl - 8


def test_one_entry_order_and_one_exit_order_are_one_round_trip() -> None:
    _, trips = run([(1, 4, 100, 0), (1, 6, 101, 0), (2, -3, 103, 0), (2, -5, 102, 0), (2, -2, 101, 0)])
    (trip,) = trips
    assert (trip.quantity, trip.entry_px, trip.exit_px) == (10, pytest.approx(1.006), pytest.approx(1.021))
    assert (trip.entry_ts_ns, trip.exit_ts_ns) == (0, 4)
    assert trip.gross_pnl == (3 * 103 + 5 * 102 + 2 * 101 - 4 * 100 - 6 * 101) * CENT


def test_two_entry_orders_make_two_round_trips() -> None:
    _, trips = run([(1, 4, 100, 0), (2, 6, 101, 0), (3, -10, 102, 0)])
    assert [(trip.entry_order_id, trip.quantity, trip.gross_pnl) for trip in trips] == [
        (1, 4, 8 * CENT),
        (2, 6, 6 * CENT),
    ]


def test_fees_of_a_flip_are_split_by_size() -> None:
    queue, trips = run([(1, 3, 100, 0), (2, -10, 100, 101)])
    assert trips[0].fees == 30  # 3/10 of 101 is 30.3
    assert queue.lots[0].fee == 71


def test_fractions_of_a_coin() -> None:
    queue = LotQueue("ana", COIN)  # tick 0.1, lot 0.001: a tick of a lot is 100 micro-units
    queue.trade(1, 1, side=1, px=600_000, quantity=1_500, fee=0)
    queue.trade(2, 2, side=-1, px=600_007, quantity=500, fee=0)
    assert queue.cost_basis == 60_000_000_000  # one coin at 60,000.0
    assert queue.realized_pnl == 350_000  # half a coin times 0.7


fills = st.lists(
    st.tuples(
        st.integers(1, 6),
        st.integers(-9, 9).filter(bool),
        st.integers(1, 300),
        st.integers(0, 1_000),
    ),
    max_size=40,
)


@given(fills)
def test_against_single_shares_in_a_list(rows: list[tuple[int, int, int, int]]) -> None:
    """The naive book: every share is its own entry in a list; a share against the position takes the first out."""
    shares: list[tuple[int, int]] = []
    realized = 0
    for _, lots, px, _ in rows:
        side = 1 if lots > 0 else -1
        for _ in range(abs(lots)):
            if shares and shares[0][0] == -side:
                realized += side * (shares.pop(0)[1] - px) * CENT
            else:
                shares.append((side, px))
    queue, trips = run(rows)
    assert queue.quantity == sum(side for side, _ in shares)
    assert queue.cost_basis == sum(side * px for side, px in shares) * CENT
    assert [px for _, px in shares] == [
        lot.cost // (lot.quantity * CENT) for lot in queue.lots for _ in range(lot.quantity)
    ]
    assert queue.realized_pnl == realized == sum(trip.gross_pnl for trip in trips)


@given(fills)
def test_no_fee_is_lost_or_counted_twice(rows: list[tuple[int, int, int, int]]) -> None:
    queue, trips = run(rows)
    assert sum(trip.fees for trip in trips) + sum(lot.fee for lot in queue.lots) == sum(row[3] for row in rows)
    assert all(trip.fees >= 0 for trip in trips)
    assert sum(2 * trip.quantity for trip in trips) + abs(queue.quantity) == sum(abs(row[1]) for row in rows)
