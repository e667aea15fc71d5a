"""Do orders go through the FIX order-state-change matrices?

Rules: a row of a matrix is either a request or an execution. What depends on two messages crossing on their way
(pending states) is played in the order in which the venue sees it: a request acts where its answer stands. The status,
the cumulative and the leaves quantity of each answer must be those of the matrix. Trade busts and corrections (J.1.b)
are not what this venue does.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.execution.checks import Ledger, check_inside
from tests.execution.feed import BUY, SELL, frame, order, room, row
from vtrade.domain import messages as msg
from vtrade.domain.orders import Reason, Status, TimeInForce
from vtrade.domain.values import MICRO
from vtrade.execution.engine import Engine
from vtrade.market.dtype import Kind

STATUS = {"New": Status.ACCEPTED, "PartiallyFilled": Status.PARTIALLY_FILLED, "Filled": Status.FILLED,
          "Canceled": Status.CANCELED}  # fmt: skip
PLAYED = ("D4_4.2", "B.1.c_5.0SP2", "D9_4.2", "D10_4.2", "D11_4.2", "D13_4.2")


class Venue:
    """One order in a market that fills exactly what is printed."""

    def __init__(self) -> None:
        self.engine: Engine = room()
        self.ledger = Ledger()
        self.ledger.fold(
            [msg.RoomOpened(1, 0, "room", self.engine.instruments), msg.AccountOpened(2, 0, "free", 10**12, "USD")]
        )
        self.status = Status.INITIALIZED

    def send(self, message: msg.Inbound) -> list[msg.Fact]:
        facts = self.engine.process(message)
        self.ledger.fold(facts)
        check_inside(self.engine)
        return facts

    def state(self) -> tuple[Status, int, int, int]:
        """Status, quantity, cumulative and leaves as the facts tell them."""
        told = self.ledger.orders[1]
        open_ = told.status not in (Status.CANCELED, Status.FILLED)
        return told.status, told.quantity, told.filled, told.quantity - told.filled if open_ else 0


INSTRUCTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "post-only": {"post_only": True},
    "iceberg": {"display_quantity": 500 * MICRO},
    "good till date": {"time_in_force": TimeInForce.GTD, "expire_ns": 10**9},
    "one of a pair": {"oco": "pair"},
    "parent of a child": {},
}
"""None of these changes what a matrix says about the order itself."""


def play(rows: list[list[Any]], *, instruction: str = "plain") -> int:
    """Walk through a matrix; returns how many answers were compared."""
    venue, pending, compared = Venue(), "", 0
    if not str(rows[0][1]).startswith("New("):
        rows = [[1, "New(X) 10000"], [2, "", "New", "New", 10_000, 0, 10_000, 0], *rows]
    for entry in rows:
        request = str(entry[1])
        if request.startswith("New("):
            new = order("x", BUY, int(request.split()[-1]), limit="10.00")
            venue.send(msgspec.structs.replace(new, **INSTRUCTIONS[instruction]))
            if instruction == "parent of a child":
                child = order("child", SELL, int(request.split()[-1]), limit="11.00")
                venue.send(msgspec.structs.replace(child, parent="x"))
        elif request.startswith(("Cancel(", "Replace(")):
            pending = request
        elif request.startswith("CancelReject"):
            refusal, *_ = venue.send(ask(pending))
            assert isinstance(refusal, msg.CancelRejected | msg.ReplaceRejected)
            assert refusal.reason == Reason.ORDER_CLOSED
            assert venue.state()[0] == STATUS[entry[3]]
            compared += 1
        else:
            _, _, happened, status, quantity, filled, leaves, last = entry
            if happened in ("Canceled", "Replace"):
                venue.send(ask(pending))
            elif last:
                venue.send(frame(row(Kind.TRADE, -1, 999, last)))
            if not status.startswith("Pending"):
                assert venue.state() == (STATUS[status], quantity, filled, leaves), entry
            else:
                assert venue.state()[1:] == (quantity, filled, leaves), entry
            compared += 1
    return compared


def ask(request: str) -> msg.Inbound:
    if request.startswith("Cancel("):
        return msg.CancelOrder(1, "free", "x")
    match = re.search(r"\) (\d+)$", request)
    assert match is not None, request
    return msg.ReplaceOrder(1, "free", "x", int(match[1]) * MICRO)


@pytest.mark.needs("data")
@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_the_matrices_of_the_standard(data_dir: Path, instruction: str) -> None:
    matrices = json.loads((data_dir / "reference" / "fix_order_state_matrices.json").read_text(encoding="utf-8"))[
        "matrices"
    ]
    compared = {
        name: play(matrix["rows"], instruction=instruction)
        for name, matrix in matrices.items()
        if name.split()[0] in PLAYED
    }
    assert len(compared) == len(PLAYED)
    assert all(count >= 3 for count in compared.values()), compared


@pytest.mark.parametrize(
    "rows",
    [
        [[2, "", "New", "New", 10_000, 0, 10_000, 0], [3, "", "Fill", "PartiallyFilled", 10_000, 0, 10_000, 0]],
        [[3, "", "Partial", "PartiallyFilled", 10_000, 900, 9_100, 1_000]],
    ],
)
def test_a_wrong_matrix_fails(rows: list[list[Any]]) -> None:
    with pytest.raises(AssertionError):
        play(rows)


@pytest.mark.parametrize(
    "total, done, expected",
    [(8_000, 1_000, Status.PARTIALLY_FILLED), (7_000, 7_000, Status.FILLED), (12_000, 1_000, Status.PARTIALLY_FILLED)],
)
def test_replaces_after_a_partial_fill(total: int, done: int, expected: Status) -> None:
    """The heart of D10, D11 and D13, without the data."""
    venue = Venue()
    venue.send(order("x", BUY, 10_000, limit="10.00"))
    venue.send(frame(row(Kind.TRADE, -1, 1_000, done)))
    venue.send(msg.ReplaceOrder(1, "free", "x", total * MICRO))
    assert venue.state() == (expected, total, done, total - done)
    venue.send(frame(row(Kind.TRADE, -1, 1_000, 20_000)))
    assert venue.state() == (Status.FILLED, total, total, 0)
