"""Is the lifecycle of an order sound as a table? Pair by pair it stands in ``tests/execution/test_transitions.py``."""

from __future__ import annotations

import pytest

from vtrade.domain.orders import (
    TERMINAL,
    TRANSITIONS,
    IllegalTransition,
    OrderEvent,
    OrderType,
    Reason,
    Side,
    Status,
    TimeInForce,
    transition,
)  # fmt: skip
from vtrade.errors import VTradeError


def reachable(start: Status) -> set[Status]:
    seen, todo = {start}, [start]
    while todo:
        for after in TRANSITIONS[todo.pop()].values():
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return seen


def test_every_status_can_be_reached_and_can_end() -> None:
    assert reachable(Status.INITIALIZED) == set(Status)
    for status in Status:
        assert reachable(status) & TERMINAL, f"{status} never ends"


def test_what_is_final_stays() -> None:
    for status in TERMINAL:
        assert reachable(status) == {status}


def test_no_order_fills_before_it_is_accepted_or_triggers_after_it_filled() -> None:
    for status in (Status.INITIALIZED, Status.SUBMITTED):
        assert not {OrderEvent.FILL, OrderEvent.PARTIAL_FILL, OrderEvent.TRIGGER} & TRANSITIONS[status].keys()
    assert Status.TRIGGERED not in reachable(Status.PARTIALLY_FILLED)


def test_every_working_status_can_be_canceled_replaced_and_expired() -> None:
    working = {Status.ACCEPTED, Status.TRIGGERED, Status.PARTIALLY_FILLED}
    for status in working:
        row = TRANSITIONS[status]
        assert (row[OrderEvent.CANCEL], row[OrderEvent.EXPIRE]) == (Status.CANCELED, Status.EXPIRED)
        assert row[OrderEvent.REPLACE] == status, "a replace does not change the status"


def test_an_illegal_event_says_what_is_allowed() -> None:
    with pytest.raises(IllegalTransition, match="FILLED cannot CANCEL; allowed: nothing: it is final"):
        transition(Status.FILLED, OrderEvent.CANCEL)
    with pytest.raises(VTradeError, match="SUBMITTED cannot FILL; allowed: REJECT, ACCEPT"):
        transition(Status.SUBMITTED, OrderEvent.FILL)


def test_words_on_the_wire() -> None:
    """These stand in journals: changing one makes old journals unreadable."""
    assert [side.value for side in Side] == [1, -1]
    assert [kind.value for kind in OrderType] == [
        "market", "limit", "stop_market", "stop_limit", "trailing_stop_market",
    ]  # fmt: skip
    assert [tif.value for tif in TimeInForce] == [
        "DAY", "GTC", "IOC", "FOK", "GTD", "AT_THE_OPEN", "AT_THE_CLOSE",
    ]  # fmt: skip
    assert all(reason.value == reason.name or reason is Reason.NONE for reason in Reason)
    assert all(status.value == status.name for status in Status)
