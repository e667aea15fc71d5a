"""What happens to an order in every status on every event, in the table and in the engine?"""

from __future__ import annotations

import itertools

import pytest

from tests.execution.checks import check_inside
from tests.execution.feed import BUY, SELL, frame, order, room, row
from vtrade.domain import messages as msg
from vtrade.domain.orders import (
    TERMINAL,
    TRANSITIONS,
    IllegalTransition,
    OrderEvent,
    Reason,
    Status,
    TimeInForce,
    transition,
)
from vtrade.domain.values import MICRO
from vtrade.execution.engine import Engine
from vtrade.market.dtype import Kind, SessionStatus

S = Status

TABLE = """
                 SUBMIT    DENY   REJECT   ACCEPT   TRIGGER   PARTIAL_FILL     FILL   REPLACE          CANCEL   EXPIRE
INITIALIZED      SUBMITTED DENIED -        -        -         -                -      -                -        -
SUBMITTED        -         -      REJECTED ACCEPTED -         -                -      SUBMITTED        CANCELED EXPIRED
ACCEPTED         -         -      -        -        TRIGGERED PARTIALLY_FILLED FILLED ACCEPTED         CANCELED EXPIRED
TRIGGERED        -         -      -        -        -         PARTIALLY_FILLED FILLED TRIGGERED        CANCELED EXPIRED
PARTIALLY_FILLED -         -      -        -        -         PARTIALLY_FILLED FILLED PARTIALLY_FILLED CANCELED EXPIRED
DENIED           -         -      -        -        -         -                -      -                -        -
REJECTED         -         -      -        -        -         -                -      -                -        -
FILLED           -         -      -        -        -         -                -      -                -        -
CANCELED         -         -      -        -        -         -                -      -                -        -
EXPIRED          -         -      -        -        -         -                -      -                -        -
"""


def expected() -> dict[tuple[Status, OrderEvent], Status | None]:
    head, *rows = TABLE.strip("\n").splitlines()
    events = [OrderEvent(word) for word in head.split()]
    return {
        (Status(line.split()[0]), event): None if word == "-" else Status(word)
        for line in rows
        for event, word in zip(events, line.split()[1:], strict=True)
    }


@pytest.mark.parametrize("status, event", itertools.product(Status, OrderEvent), ids=lambda value: str(value))
def test_every_pair_of_status_and_event(status: Status, event: OrderEvent) -> None:
    after = expected()[status, event]
    if after is None:
        with pytest.raises(IllegalTransition, match=f"{status} cannot {event}"):
            transition(status, event)
    else:
        assert transition(status, event) == after


def test_terminal_rows_are_empty_and_the_table_is_whole() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert {S.DENIED, S.REJECTED, S.FILLED, S.CANCELED, S.EXPIRED} == TERMINAL
    reached = {after for row_ in TRANSITIONS.values() for after in row_.values()}
    assert reached == set(Status) - {S.INITIALIZED}


# --- the same in the engine ----------------------------------------------------------------------------------------

LEVELS = (row(Kind.LEVEL, 1, 1_000, 100), row(Kind.LEVEL, -1, 1_002, 100), row(Kind.TRADE, price=1_001, lots=1))


def bring(status: Status) -> Engine:
    """An engine whose order ``x`` stands in a status."""
    engine = room()
    engine.process(frame(*LEVELS))
    if status == S.DENIED:
        engine.process(order("x", BUY, 0))
    elif status == S.REJECTED:
        engine.process(frame(row(Kind.STATUS, lots=SessionStatus.HALTED)))
        engine.process(order("x", BUY, 1, tif=TimeInForce.IOC))
        engine.process(frame(row(Kind.STATUS, lots=SessionStatus.RESUMED)))
    elif status == S.FILLED:
        engine.process(order("x", BUY, 100))
    elif status == S.PARTIALLY_FILLED:
        engine.process(order("x", BUY, 150, limit="10.02"))
    elif status == S.TRIGGERED:
        engine.process(order("x", SELL, 50, stop="9.00", limit="11.00"))
        engine.process(frame(row(Kind.TRADE, price=900, lots=1)))
    else:
        engine.process(order("x", BUY, 50, limit="9.99"))
        if status == S.CANCELED:
            engine.process(msg.CancelOrder(1, "free", "x"))
        elif status == S.EXPIRED:
            engine.process(frame(row(Kind.STATUS, lots=SessionStatus.CLOSED)))
            engine.process(frame(row(Kind.STATUS, lots=SessionStatus.OPEN)))
            engine.process(frame(*LEVELS))
    return engine


REACHABLE = [status for status in Status if status not in (S.INITIALIZED, S.SUBMITTED)]


def standing(engine: Engine) -> Status:
    known = engine.accounts["free"].ids["x"]
    return known if isinstance(known, Status) else known.status  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", REACHABLE)
def test_a_cancel_in_every_status(status: Status) -> None:
    engine = bring(status)
    assert standing(engine) == status
    (fact,) = engine.process(msg.CancelOrder(1, "free", "x"))
    if status in TERMINAL:
        assert isinstance(fact, msg.CancelRejected)
        assert (fact.reason, str(status) in fact.detail) == (Reason.ORDER_CLOSED, True)
        assert standing(engine) == status
    else:
        assert isinstance(fact, msg.OrderCanceled)
        assert standing(engine) == S.CANCELED
    check_inside(engine)


@pytest.mark.parametrize("status", REACHABLE)
def test_a_replace_in_every_status(status: Status) -> None:
    engine = bring(status)
    fact, *rest = engine.process(msg.ReplaceOrder(1, "free", "x", 160 * MICRO))
    assert rest == []
    assert isinstance(fact, msg.ReplaceRejected if status in TERMINAL else msg.OrderReplaced)
    assert standing(engine) == status
    check_inside(engine)


@pytest.mark.parametrize("status", REACHABLE)
def test_a_close_in_every_status(status: Status) -> None:
    engine = bring(status)
    facts = engine.process(frame(row(Kind.STATUS, lots=SessionStatus.CLOSED)))
    assert standing(engine) == (status if status in TERMINAL else S.EXPIRED)
    assert len([fact for fact in facts if isinstance(fact, msg.OrderExpired)]) == (status not in TERMINAL)
    check_inside(engine)


@pytest.mark.parametrize("status", REACHABLE)
def test_prints_through_the_price_in_every_status(status: Status) -> None:
    engine = bring(status)
    side = 1 if status == S.TRIGGERED else -1
    price = 1_200 if status == S.TRIGGERED else 900
    facts = engine.process(frame(row(Kind.TRADE, side, price, 10)))
    assert [type(f).__name__ for f in facts if isinstance(f, msg.Fill)] == ([] if status in TERMINAL else ["Fill"])
    assert standing(engine) == (status if status in TERMINAL else S.PARTIALLY_FILLED)
    engine.process(frame(row(Kind.TRADE, side, price, 1_000)))
    assert standing(engine) == (status if status in TERMINAL else S.FILLED)
    check_inside(engine)


@pytest.mark.parametrize("status", REACHABLE)
def test_the_same_id_again_in_every_status(status: Status) -> None:
    engine = bring(status)
    (fact,) = engine.process(order("x", BUY, 1))
    assert isinstance(fact, msg.OrderDenied)
    assert fact.reason == Reason.DUPLICATE_CLIENT_ORDER_ID
    assert standing(engine) == status
