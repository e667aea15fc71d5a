"""Does an engine that comes back from a snapshot go on as if nothing had happened?"""

from __future__ import annotations

import msgspec
import pytest

from tests.execution.checks import check_inside
from tests.execution.feed import ACME, BUY, SELL, fills, frame, join, order, room, row
from vtrade.domain import messages as msg
from vtrade.domain.accounts import NO_LIMITS
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import TimeInForce
from vtrade.execution.engine import Engine
from vtrade.market.dtype import Kind, SessionStatus


def both(engine: Engine, message: msg.Inbound) -> list[msg.Fact]:
    twin = Engine.restore(engine.snapshot())
    facts = engine.process(message)
    assert twin.process(message) == facts
    assert twin.snapshot() == engine.snapshot()
    check_inside(twin)
    return facts


def test_an_engine_without_a_room_has_a_snapshot() -> None:
    assert Engine.restore(Engine().snapshot()).state_hash() == Engine().state_hash()


def test_a_row_that_names_a_dead_order() -> None:
    """Real feeds execute and cancel orders that are gone; before and after a restore the same must follow."""
    engine = room()
    engine.process(frame(row(Kind.ADD, 1, 1_000, 50, oid=1)))
    engine.process(order("a", BUY, 30, limit="10.00"))
    engine.process(frame(row(Kind.ADD, 1, 1_000, 50, oid=2)))
    engine.process(frame(row(Kind.DELETE, 1, 1_000, 50, oid=2)))
    both(engine, frame(row(Kind.EXECUTE, 1, 1_000, 20, oid=2)))
    both(engine, frame(row(Kind.REDUCE, 1, 1_000, 20, oid=2)))
    both(engine, frame(row(Kind.EXECUTE, 1, 1_000, 90, oid=1)))
    both(engine, frame(row(Kind.EXECUTE, 1, 1_000, 10, oid=1)))


def test_an_order_of_nothing() -> None:
    engine = room()
    engine.process(order("a", BUY, 30, limit="10.00"))
    both(engine, frame(row(Kind.ADD, 1, 1_000, 0, oid=1)))
    both(engine, frame(row(Kind.EXECUTE, 1, 1_000, 20, oid=1)))


def test_a_queue_out_of_sight_is_remembered() -> None:
    """With order ids, a level of 0 has left the feed's sight; who is ahead may still be there."""
    engine = room()
    engine.process(frame(row(Kind.ADD, 1, 1_000, 50, oid=1)))
    engine.process(order("a", BUY, 30, limit="10.00"))
    both(engine, frame(row(Kind.LEVEL, 1, 1_000, 0)))
    assert engine.queue_ahead(1) == 50
    assert Engine.restore(engine.snapshot()).queue_ahead(1) == 50
    both(engine, frame(row(Kind.LEVEL, 1, 1_000, 40)))
    assert engine.queue_ahead(1) == 40


def test_an_id_used_again_is_a_new_order() -> None:
    engine = room()
    engine.process(frame(row(Kind.ADD, 1, 1_000, 50, oid=1)))
    engine.process(frame(row(Kind.DELETE, 1, 1_000, 50, oid=1)))
    both(engine, order("a", BUY, 30, limit="10.00"))
    both(engine, frame(row(Kind.ADD, 1, 1_000, 50, oid=1)))
    assert fills(both(engine, frame(row(Kind.EXECUTE, 1, 1_000, 20, oid=1)))) == [("a", 1_000, 20)]


def test_what_waits_everywhere_comes_back_in_its_order() -> None:
    engine = room(ACME, Instrument.make("BOLT"))
    join(engine, "bob", limits=NO_LIMITS)
    join(engine, "cyd", limits=NO_LIMITS)
    engine.process(frame(row(Kind.LEVEL, 1, 1_000, 10), row(Kind.TRADE, price=1_001, lots=1)))
    for i in range(4):
        account = ("free", "bob")[i % 2]
        both(engine, order(f"m{i}", BUY, 5 + i, account=account, tif=TimeInForce.GTC))
        both(engine, order(f"l{i}", BUY, 5 + i, limit="10.00", account=account, tif=TimeInForce.GTC))
        both(engine, order(f"s{i}", SELL, 5 + i, stop="9.00", account=account, tif=TimeInForce.GTC))
        both(engine, order(f"t{i}", SELL, 5 + i, stop="9.00", limit="8.90", account=account))
    both(engine, msg.CancelOrder(1, "free", "l0"))
    both(engine, frame(row(Kind.STATUS, lots=SessionStatus.HALTED)))
    for i in range(3):
        both(engine, order(f"h{i}", SELL, 3, limit="10.00", account="cyd", tif=TimeInForce.GTC))
    both(engine, frame(row(Kind.STATUS, lots=SessionStatus.CLOSED)))
    told = fills(both(engine, frame(row(Kind.STATUS, lots=SessionStatus.OPEN))))
    assert told == [
        ("h0", 1_000, 3), ("l1", 1_000, 3), ("h1", 1_000, 3), ("l1", 1_000, 3), ("h2", 1_000, 3), ("l2", 1_000, 3)
    ]  # fmt: skip
    both(engine, frame(row(Kind.TRADE, -1, 900, 7)))
    both(engine, frame(row(Kind.ADD, -1, 1_000, 100, oid=3)))


def test_a_bar_goes_on_in_the_middle() -> None:
    engine = room(rules=msg.RoomRules(bar_volume_share_ppm=500_000))
    both(engine, frame(row(Kind.BAR_OPEN, price=1_000, lots=40), row(Kind.BAR_CLOSE, price=1_000)))
    both(engine, order("a", BUY, 15, limit="10.10"))
    both(engine, order("b", BUY, 15, limit="9.95"))
    assert fills(both(engine, frame(row(Kind.BAR_OPEN, price=1_005, lots=40)))) == [("a", 1_005, 15)]
    both(engine, order("c", BUY, 15))
    assert fills(both(engine, frame(row(Kind.BAR_LOW, price=990)))) == [("b", 995, 5)]
    assert fills(both(engine, frame(row(Kind.BAR_CLOSE, price=1_000)))) == []


def test_a_snapshot_of_another_version_is_refused() -> None:
    engine = room()
    state = msgspec.msgpack.decode(engine.snapshot())
    state[0] += 1
    with pytest.raises(ValueError, match="version"):
        Engine.restore(msgspec.msgpack.encode(state))


def test_the_same_state_by_another_way_has_the_same_bytes() -> None:
    """Slots, windows and buffers leave no trace."""
    short, long = room(), room()
    for engine in (short, long):
        engine.process(frame(row(Kind.LEVEL, 1, 1_000, 10)))
    long.process(frame(row(Kind.LEVEL, 1, 90_000, 10)))
    long.process(frame(row(Kind.LEVEL, 1, 90_000, 0)))
    assert long._book.level.shape != short._book.level.shape
    assert Engine.restore(long.snapshot()).snapshot() == long.snapshot()
    assert short.snapshot() == long.snapshot()
