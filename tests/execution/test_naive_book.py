"""Does the naive exchange room do what its rules say? It judges the kernel, so it is judged by hand first."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.execution.naive_book import NaiveRoom, Trade
from vtrade.domain.luck import uniforms
from vtrade.market.dtype import FLAG_IOC, FLAG_MARKET, FLAG_PEGGED, Kind, SessionStatus

ORDER, CANCEL, STATUS = Kind.ORDER, Kind.CANCEL, Kind.STATUS


def room_with(*rows: tuple[int, int, int, int]) -> NaiveRoom:
    """Resting agents' orders ``(side, price, lots, order_id)``."""
    room = NaiveRoom()
    for side, price, lots, order_id in rows:
        assert room.row(ORDER, side, price, lots, order_id) == []
    return room


def test_price_then_time() -> None:
    room = room_with((-1, 102, 5, 1), (-1, 101, 5, 2), (-1, 101, 5, 3))
    assert room.row(ORDER, 1, 102, 12, 4) == [
        Trade("agent 4", "agent 2", 101, 5),
        Trade("agent 4", "agent 3", 101, 5),
        Trade("agent 4", "agent 1", 102, 2),
    ]
    assert (room.depth(-1), room.depth(1), room.last) == ([(102, 3)], [], 102)


def test_a_limit_order_rests_what_it_could_not_trade() -> None:
    room = room_with((-1, 101, 5, 1))
    room.row(ORDER, 1, 101, 8, 2)
    assert (room.depth(1), room.depth(-1)) == ([(101, 3)], [])


@pytest.mark.parametrize(("flags", "price", "traded"), [(FLAG_MARKET, 0, 10), (FLAG_IOC, 101, 5), (FLAG_IOC, 100, 0)])
def test_market_and_ioc_rests_are_canceled(flags: int, price: int, traded: int) -> None:
    room = room_with((-1, 101, 5, 1), (-1, 103, 5, 2))
    trades = room.row(ORDER, 1, price, 50, 3, flags)
    assert sum(trade.lots for trade in trades) == traded
    assert room.depth(1) == []


def test_a_peg_counts_from_the_other_side_and_never_below_one_tick() -> None:
    room = room_with((1, 100, 5, 1), (-1, 103, 5, 2))
    room.row(ORDER, 1, 2, 7, 3, FLAG_PEGGED)
    room.row(ORDER, -1, 4, 7, 4, FLAG_PEGGED)  # the best bid is 101 by now
    assert room.depth(1)[0] == (101, 7)
    assert room.depth(-1) == [(103, 5), (105, 7)]
    room.row(ORDER, 1, 500, 1, 5, FLAG_PEGGED)
    assert room.depth(1)[-1] == (1, 1)


def test_a_peg_without_another_side_counts_from_the_last_trade() -> None:
    room = NaiveRoom()
    assert room.row(ORDER, 1, 2, 7, 1, FLAG_PEGGED) == []
    assert room.orders == []
    room.last = 200
    room.row(ORDER, 1, 2, 7, 2, FLAG_PEGGED)
    assert room.depth(1) == [(198, 7)]


def test_a_cancel_takes_the_rest_and_nothing_twice() -> None:
    room = room_with((-1, 101, 5, 1), (-1, 101, 5, 2), (1, 99, 4, 0))
    room.row(ORDER, 1, 0, 3, 0, FLAG_MARKET)
    room.row(CANCEL, order_id=1)
    assert room.depth(-1) == [(101, 5)]
    room.row(CANCEL, order_id=1)
    room.row(CANCEL, order_id=7)
    room.row(CANCEL, order_id=0)
    assert (room.depth(-1), room.depth(1)) == ([(101, 5)], [(99, 4)])


def test_an_id_used_again_names_the_newer_order() -> None:
    room = room_with((-1, 101, 5, 1))
    room.row(CANCEL, order_id=1)
    room.row(ORDER, -1, 104, 2, 1)
    room.row(CANCEL, order_id=1)
    assert room.depth(-1) == []


def test_agents_may_meet_themselves_but_participants_do_not() -> None:
    room = room_with((-1, 101, 5, 1))
    assert room.submit("a", "ana", -1, 101, 5) == []
    assert room.submit("b", "ana", 1, 101, 12) == [Trade("b", "agent 1", 101, 5)]
    assert room.depth(1) == []
    assert room.submit("c", "ben", 1, 101, 7) == [Trade("c", "a", 101, 5)]
    assert room.depth(1) == [(101, 2)]


def test_what_participants_may_ask_for() -> None:
    room = room_with((-1, 101, 5, 1), (-1, 102, 5, 2))
    assert room.submit("fok", "ana", 1, 101, 6, tif="FOK") == []
    assert room.submit("ioc", "ana", 1, 101, 6, tif="IOC") == [Trade("ioc", "agent 1", 101, 5)]
    assert room.submit("all", "ana", 1, None, 9) == [Trade("all", "agent 2", 102, 5)]
    assert room.orders == []


def test_replacing_down_keeps_the_place_and_anything_else_loses_it() -> None:
    room = NaiveRoom()
    for name in ("a", "b", "c"):
        room.submit(name, name, 1, 100, 6)
    room.replace("a", lots=4)
    room.replace("b", lots=8)
    assert [order.name for order in room.orders] == ["a", "c", "b"]
    room.row(ORDER, -1, 105, 3, 1)
    assert room.replace("c", price=105) == [Trade("c", "agent 1", 105, 3)]
    assert room.depth(1) == [(105, 3), (100, 12)]
    assert (room.cancel("c"), room.cancel("c"), room.replace("c", lots=1)) == (3, 0, [])


def test_a_call_collects_and_the_open_crosses_at_one_price() -> None:
    room = NaiveRoom()
    room.row(STATUS, quantity=SessionStatus.AUCTION)
    for side, price, lots, order_id in ((1, 103, 4, 1), (1, 101, 6, 2), (-1, 100, 5, 3), (-1, 102, 9, 4)):
        assert room.row(ORDER, side, price, lots, order_id) == []
    # volume 5 at 100 and 101, where buyers of 10 meet sellers of 5; 4 from 102 on
    assert room.row(STATUS, quantity=SessionStatus.OPEN) == [
        Trade("agent 1", "agent 3", 100, 4),
        Trade("agent 2", "agent 3", 100, 1),
    ]
    assert (room.surplus, room.last) == (5, 100)
    assert (room.depth(1), room.depth(-1)) == ([(101, 5)], [(102, 9)])


@pytest.mark.parametrize(
    ("orders", "last", "price"),
    [
        (((1, 110, 5), (-1, 100, 5)), 104, 104),  # anywhere between is as good: stay where we are
        (((1, 110, 5), (-1, 100, 5)), 130, 110),
        (((1, 110, 5), (-1, 100, 5)), 90, 100),
        (((1, 110, 5), (-1, 100, 5)), None, 100),  # nobody knows better
        (((1, 110, 5), (1, 106, 4), (-1, 106, 5), (-1, 110, 3)), 106, 107),  # both ends would leave somebody
        (((1, 105, 5), (-1, 105, 9)), 100, 105),
        (((1, None, 5), (-1, 105, 9), (1, 103, 2)), 100, 105),
        (((1, None, 5), (-1, None, 3)), 100, 100),
        (((1, None, 10), (-1, 105, 5), (-1, 110, 5)), 100, 110),  # the most lots trade where all sellers are in
        (((1, 99, 5), (-1, 105, 9)), 100, None),
        ((), 100, None),
    ],
)
def test_the_auction_price(orders: tuple[tuple[int, int | None, int], ...], last: int | None, price: int) -> None:
    room = NaiveRoom(last=last, status=SessionStatus.AUCTION)
    for number, (side, limit, lots) in enumerate(orders):
        room.submit(f"order {number}", f"account {number}", side, limit, lots)
    assert room.auction_price() == price


def test_orders_at_any_price_come_first_in_an_auction_and_end_with_it() -> None:
    room = NaiveRoom(status=SessionStatus.AUCTION, last=100)
    room.row(ORDER, 1, 110, 4, 1)
    room.submit("late but willing", "ana", 1, None, 5)
    room.submit("ioc", "ben", 1, 110, 4, tif="IOC")
    room.row(ORDER, -1, 100, 6, 2)
    trades = room.row(STATUS, quantity=SessionStatus.OPEN)
    assert trades == [Trade("late but willing", "agent 2", 100, 5), Trade("agent 1", "agent 2", 100, 1)]
    assert room.depth(1) == [(110, 3)]


def test_agents_orders_that_could_not_rest_are_lost_in_a_call() -> None:
    room = NaiveRoom(status=SessionStatus.AUCTION, last=100)
    room.row(ORDER, 1, 0, 4, 0, FLAG_MARKET)
    room.row(ORDER, 1, 110, 4, 0, FLAG_IOC)
    room.row(ORDER, -1, 100, 6, 1)
    assert room.row(STATUS, quantity=SessionStatus.OPEN) == []
    assert room.depth(-1) == [(100, 6)]


def test_the_close_crosses_ends_every_order_and_lets_none_in() -> None:
    room = NaiveRoom(status=SessionStatus.AUCTION, last=100)
    room.row(ORDER, 1, 110, 4, 1)
    room.submit("a", "ana", -1, 100, 6)
    assert room.row(STATUS, quantity=SessionStatus.CLOSED) == [Trade("agent 1", "a", 100, 4)]
    room.row(ORDER, -1, 100, 6, 5)
    room.submit("b", "ana", 1, 100, 6)
    room.row(CANCEL, order_id=1)
    assert room.orders == []


def test_bands_hold_prices_in() -> None:
    room = room_with((-1, 104, 5, 1), (-1, 106, 5, 2))
    room.bands = (95, 105)
    assert room.row(ORDER, 1, 0, 20, 0, FLAG_MARKET) == [Trade("agent 0", "agent 1", 104, 5)]
    assert room.submit("a", "ana", 1, 110, 3) == []
    assert room.depth(1) == [(105, 3)]
    room.phase(SessionStatus.AUCTION)
    room.row(ORDER, -1, 80, 3, 3)
    assert room.phase(SessionStatus.OPEN) == [Trade("a", "agent 3", 104, 3)]


def test_whatever_happens_the_book_is_not_crossed_and_lots_are_kept() -> None:
    luck = iter(uniforms(11, "naive book", 20_000).tolist())
    room = NaiveRoom(last=50)
    come = gone = 0
    for number in range(1, 1_500):
        kind, side = next(luck), 1 if next(luck) < 0.5 else -1
        lots = 1 + int(9 * next(luck))
        before = sum(order.lots for order in room.orders)
        flags = FLAG_PEGGED if kind < 0.5 else FLAG_MARKET if kind < 0.6 else FLAG_IOC if kind < 0.7 else 0
        if kind < 0.85:
            price = 1 + int(8 * next(luck)) if flags == FLAG_PEGGED else 40 + int(20 * next(luck))
            trades = room.row(ORDER, side, price, lots, number, flags)
            assert all((after.price - first.price) * side >= 0 for first, after in pairwise(trades))
            traded = sum(trade.lots for trade in trades)
            rests = 0 if flags & (FLAG_MARKET | FLAG_IOC) else lots - traded
            assert sum(order.lots for order in room.orders) == before - traded + rests
            come += rests
            gone += traded
        else:
            room.row(CANCEL, order_id=1 + int(number * next(luck)))
        bid, ask = room.best(1), room.best(-1)
        assert bid is None or ask is None or bid < ask
    assert come > 1_000
    assert gone > 1_000
