"""Does it matter how rows are cut into frames? (Embedded and over a broker they are cut otherwise.)"""

from __future__ import annotations

from tests.execution.feed import BUY, SELL, frame, order, room, row
from vtrade.domain import messages as msg
from vtrade.domain.orders import Reason
from vtrade.domain.rules import Latency, RoomRules
from vtrade.market.dtype import Kind, SessionStatus


def test_the_wait_of_a_triggered_stop_is_the_one_when_it_triggered() -> None:
    rows = [
        row(Kind.TRADE, price=900, lots=1),
        row(Kind.LEVEL, 1, 890, 50),
        row(Kind.LEVEL, 1, 880, 50),
    ]
    told = []
    for cuts in ([rows], [[each] for each in rows]):
        engine = room()
        engine.process(frame(row(Kind.LEVEL, -1, 1_002, 100), row(Kind.TRADE, price=1_000, lots=1)))
        engine.process(order("a", SELL, 60, stop="9.00"))
        facts = [fact for part in cuts for fact in engine.process(frame(*part))]
        told.append([(fact.waiting, fact.ts_ns) for fact in facts if isinstance(fact, msg.OrderTriggered)])
    assert told == [[(Reason.WAITING_FOR_DEPTH, 1)]] * 2


def test_facts_carry_the_time_of_their_row() -> None:
    engine = room()
    engine.process(frame(row(Kind.TRADE, price=900, lots=1)))
    engine.process(order("a", SELL, 30, limit="10.00"))
    rows = [
        row(Kind.TRADE, 1, 1_000, 10, ts=10),
        row(Kind.TRADE, 1, 1_000, 10, ts=20),
        row(Kind.TRADE, 1, 999, 9, ts=30),
    ]
    facts = engine.process(frame(*rows))
    assert [fact.ts_ns for fact in facts if isinstance(fact, msg.Fill)] == [10, 20]
    assert [fact.ts_ns for fact in facts if isinstance(fact, msg.Marked)] == [30]
    assert engine.now == 30


def test_a_session_and_what_it_ends_carry_the_time_of_its_row() -> None:
    engine = room()
    engine.process(order("a", SELL, 30, limit="10.00"))
    facts = engine.process(
        frame(row(Kind.STATUS, lots=SessionStatus.CLOSED, ts=5), row(Kind.TRADE, price=900, lots=1, ts=9))
    )
    assert [(type(fact).__name__, fact.ts_ns) for fact in facts] == [
        ("SessionChanged", 5),
        ("OrderExpired", 5),
        ("Marked", 9),
    ]


def test_marks_do_not_depend_on_frames() -> None:
    """A mid that stood only inside a frame is a mark as well."""
    rows = [
        row(Kind.LEVEL, 1, 1_000, 50),
        row(Kind.LEVEL, -1, 1_003, 50),
        row(Kind.LEVEL, -1, 1_003, 0),
        row(Kind.LEVEL, 1, 900, 50),
    ]
    marks = []
    for cuts in ([rows], [[each] for each in rows], [rows[:3], rows[3:]]):
        engine = room()
        for part in cuts:
            engine.process(frame(*part))
        marks.append(engine.marks)
    assert marks == [[1_002]] * 3


def test_how_long_a_cancel_travels_does_not_depend_on_frames() -> None:
    rows = [row(Kind.TRADE, price=1_000 + i, lots=1, ts=10 + i) for i in range(5)]
    arrived = []
    for cuts in ([rows], [[each] for each in rows]):
        engine = room(rules=RoomRules(latency=Latency(entry_ns=500, jitter_ns=9_000)))
        engine.process(order("a", BUY, 5, limit="9.00", ts=1))
        for part in cuts:
            engine.process(frame(*part))
        engine.process(msg.CancelOrder(20_000, "free", "a"))
        told = engine.process(msg.MarketFrame(90_000, b""))
        arrived += [fact.ts_ns for fact in told if isinstance(fact, msg.OrderCanceled)]
    assert len(arrived) == 2
    assert arrived[0] == arrived[1]
