"""What does the engine make of quotes and prints that should not be?

Rules: whatever the feed says, nothing breaks, nobody gets a price that was not shown, and a restored engine goes on
alike.
"""

from __future__ import annotations

import itertools

import pytest

from tests.execution.checks import Ledger, check_inside
from tests.execution.feed import ACME, BUY, SELL, Row, fills, frame, order, room, row
from vtrade.domain import messages as msg
from vtrade.domain.rules import Latency, RoomRules
from vtrade.errors import ValueOffGrid
from vtrade.execution.engine import Engine
from vtrade.market.dtype import Kind, SessionStatus


def told(rows: list[Row], *messages: msg.Inbound, rules: RoomRules | None = None) -> list[tuple[str, int, int]]:
    """Fills of a market of these rows that then gets these messages, each also told to a restored engine."""
    engine, ledger = room(rules=rules), Ledger()
    ledger.fold([msg.RoomOpened(1, 0, "room", (ACME,)), msg.AccountOpened(2, 0, "free", 10**12, "USD")])
    every: list[msg.Fact] = []
    for message in (*(frame(each) for each in rows), *messages):
        twin = Engine.restore(engine.snapshot())
        facts = engine.process(message)
        assert twin.process(message) == facts
        assert twin.state_hash() == engine.state_hash()
        ledger.fold(facts)
        check_inside(engine)
        every += facts
    return fills(every)


@pytest.mark.parametrize("kind", [Kind.LEVEL, Kind.QUOTE])
@pytest.mark.parametrize("ask", [1_000, 990], ids=["locked", "crossed"])
def test_a_locked_or_crossed_feed_trades_with_nobody_by_itself(kind: Kind, ask: int) -> None:
    rows = [row(kind, 1, 1_000, 50), row(kind, -1, ask, 40)]
    assert told(rows) == []
    assert told(rows, order("a", BUY, 60, limit="10.00")) == [("a", ask, 40)]
    assert told(rows, order("b", SELL, 60, limit="9.00")) == [("b", 1_000, 50)]
    assert told(rows, order("a", BUY, 10), order("b", SELL, 10)) == [("a", ask, 10), ("b", 1_000, 10)]


def test_a_post_only_order_between_crossed_quotes_is_refused() -> None:
    engine = room()
    engine.process(frame(row(Kind.LEVEL, 1, 1_000, 50), row(Kind.LEVEL, -1, 990, 40)))
    for name, side in (("a", BUY), ("b", SELL)):
        asked = order(name, side, 5, limit="9.95")
        fact, *_ = engine.process(
            msg.SubmitOrder(*(getattr(asked, f) for f in asked.__struct_fields__[:10]), post_only=True)
        )
        assert isinstance(fact, msg.OrderRejected)


def test_a_level_of_nothing_and_a_quote_of_nothing_are_no_levels() -> None:
    rows = [row(Kind.LEVEL, -1, 1_002, 0), row(Kind.QUOTE, 1, 1_000, 0), row(Kind.ADD, -1, 1_003, 0, oid=1)]
    assert told(rows, order("a", BUY, 10), order("b", SELL, 10, limit="9.00")) == []


def test_a_print_through_the_book_fills_resting_orders_at_their_own_price() -> None:
    rows = [row(Kind.LEVEL, 1, 1_000, 50), row(Kind.LEVEL, -1, 1_002, 50)]
    prints = [frame(row(Kind.TRADE, side, price, 30)) for side, price in ((-1, 500), (1, 2_000), (0, 10))]
    sent = (order("a", BUY, 10, limit="10.01"), order("b", SELL, 10, limit="10.05"))
    assert told(rows, *sent, *prints) == [("a", 1_001, 10), ("b", 1_005, 10)]


def test_a_print_of_nothing_fills_nothing_and_may_trigger_a_stop() -> None:
    rows = [row(Kind.LEVEL, 1, 1_000, 50), row(Kind.TRADE, price=1_001, lots=1)]
    sent = (order("a", BUY, 10, limit="9.99"), order("b", SELL, 10, stop="9.90"))
    assert told(rows, *sent, frame(row(Kind.TRADE, -1, 990, 0))) == [("b", 1_000, 10)]


@pytest.mark.parametrize("gap", [1, 10**9, 86_400 * 10**9, 10**18])
def test_a_gap_in_the_tape_changes_no_price(gap: int) -> None:
    rules = RoomRules.make(impact=1, resilience_s=1, latency_ms=1)
    rows = [row(Kind.LEVEL, 1, 1_000, 50), row(Kind.LEVEL, -1, 1_002, 50)]
    late = [frame(row(Kind.TRADE, price=1_001, lots=1, ts=1 + gap)), order("b", BUY, 60, ts=2 + gap)]
    done = told(
        rows, order("a", BUY, 50), *late, frame(row(Kind.TRADE, price=1_001, lots=1, ts=3 + 2 * gap)), rules=rules
    )
    assert all(1_002 <= price <= 1_003 for _, price, _ in done)


def test_a_stale_quote_trades_as_long_as_nothing_newer_is_known() -> None:
    rows = [row(Kind.QUOTE, -1, 1_002, 50)]
    late = [row(Kind.TRADE, price=1_001, lots=1, ts=86_400 * 10**9 * day) for day in range(1, 4)]
    assert told([*rows, *late], order("a", BUY, 60, ts=10**15)) == [("a", 1_002, 50)]


def test_rows_that_go_back_in_time_are_taken_as_they_come() -> None:
    rows = [row(Kind.LEVEL, -1, 1_002, 50, ts=100), row(Kind.LEVEL, -1, 1_001, 50, ts=50)]
    assert told(rows, order("a", BUY, 60, ts=10)) == [("a", 1_001, 50), ("a", 1_002, 10)]


@pytest.mark.parametrize(
    "statuses", list(itertools.permutations(SessionStatus, 3)), ids=lambda s: " ".join(x.name for x in s)
)
def test_any_order_of_sessions(statuses: tuple[SessionStatus, ...]) -> None:
    rows = [row(Kind.LEVEL, 1, 1_000, 50), row(Kind.LEVEL, -1, 1_002, 50), row(Kind.TRADE, price=1_001, lots=1)]
    messages: list[msg.Inbound] = []
    for number, status in enumerate(statuses):
        messages += [
            frame(row(Kind.STATUS, lots=status)), order(f"a{number}", BUY, 10), order(f"b{number}", SELL, 10),
            order(f"c{number}", BUY, 10, limit="10.05"), order(f"d{number}", SELL, 10, limit="9.95"),
            order(f"s{number}", SELL, 10, stop="10.00"), frame(row(Kind.TRADE, -1, 1_000, 5)),
        ]  # fmt: skip
    assert all(900 <= price <= 1_100 for _, price, _ in told(rows, *messages, frame(row(Kind.STATUS, lots=4))))


@pytest.mark.parametrize(
    "wrong",
    [
        {"bar_volume_share_ppm": -1}, {"bar_volume_share_ppm": 1_000_001}, {"queue_power_milli": 0},
        {"queue_power_milli": 10_001}, {"hidden_ppm": -1}, {"hidden_ppm": 10**8}, {"resilience_ns": -1},
        {"impact_ppm": 10**9}, {"impact_half_life_ns": 0}, {"luld_ppm": 1_000_000}, {"settlement_days": 9},
        {"fx_spread_ppm": -1},
    ],
    ids=lambda wrong: " ".join(f"{name} {value}" for name, value in wrong.items()),
)  # fmt: skip
def test_rules_out_of_range_name_the_value(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueOffGrid, match=str(next(iter(wrong.values())))):
        RoomRules(**wrong)


@pytest.mark.parametrize("wrong", [{"entry_ns": -1}, {"jitter_ns": 10**15}, {"recorded": (5, -1)}])
def test_latencies_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueOffGrid, match="latency"):
        Latency(**wrong)  # type: ignore[arg-type]
