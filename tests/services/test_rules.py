"""Does a tape trade by rules that fit what it shows, the same in a desk and in a replay?"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

import vtrade as vt
from tests.cli import small
from vtrade.adapters.sqlite import SqliteLog
from vtrade.domain.messages import OpenRoom, decode_inbound
from vtrade.domain.rules import Beyond, QueueModel, RoomRules
from vtrade.errors import DeskError, ValueOffGrid
from vtrade.services.orderfile import read_orders
from vtrade.services.replay import JOURNAL, ReplayResult, replay
from vtrade.services.rules import PRESETS, rules_for, rules_from

PLAIN = RoomRules()


def of_depth(depth: str) -> vt.Tape:
    tape = small.tape()
    return vt.Tape(tape.name, tape.instruments, tape.events, depth, date=tape.date)


@pytest.mark.parametrize(
    "depth, rules",
    [
        ("L1", RoomRules(beyond=Beyond.SQUARE_ROOT)), ("L2", RoomRules(queue_model=QueueModel.INFERRED)),
        ("L3", PLAIN), ("bars", PLAIN), ("exchange", PLAIN),
    ],
)  # fmt: skip
def test_rules_follow_what_the_tape_shows(depth: str, rules: RoomRules) -> None:
    assert rules_for(of_depth(depth)) == rules_from(None, of_depth(depth)) == rules


def test_changes_leave_the_rest_to_the_tape() -> None:
    found = rules_for(of_depth("L1"), latency_ms="1.5", hidden=None, luld_ppm=50_000)
    assert (found.beyond, found.latency.entry_ns, found.luld_ppm) == (Beyond.SQUARE_ROOT, 1_500_000, 50_000)
    assert rules_for(of_depth("L1"), beyond="rest") == PLAIN


def test_rules_may_be_named_listed_or_given() -> None:
    tape = of_depth("L2")
    assert rules_from("plain", tape) == PLAIN
    assert rules_from("tape", tape) == rules_for(tape)
    assert rules_from({"impact": 2}, tape).impact_ppm == 2_000_000
    mine = RoomRules(hidden_ppm=5)
    assert rules_from(mine, tape) is mine
    real = rules_from("realistic", tape)
    assert real.queue_model == QueueModel.INFERRED
    assert min(real.latency.entry_ns, real.hidden_ppm, real.resilience_ns, real.impact_ppm) > 0
    assert set(PRESETS) == {"tape", "plain", "realistic"}


@pytest.mark.parametrize(
    "rules, says",
    [
        ("fast", "there are no rules 'fast'; choose one of tape, plain, realistic"),
        ({"speed": 3}, "speed.*the rules are queue_model, beyond, hidden.*luld_ppm"),
        ({"queue_model": "polite"}, "polite.*queue models: risk_averse, power"),
        ({"latency_ms": "soon"}, "latency_ms 'soon' is not a number"),
        (7, "rules 7 are none; give vtrade.RoomRules"),
    ],
)
def test_rules_that_are_none_say_what_there_is(rules: object, says: str) -> None:
    with pytest.raises(ValueOffGrid, match=says):
        rules_from(rules, of_depth("L1"))  # type: ignore[arg-type]


# --- desk and replay -------------------------------------------------------------------------------------------------


def run(folder: Path, *rows: dict[str, object], **options: object) -> ReplayResult:
    orders = read_orders(small.orders_file(folder / "in.csv", *rows), tape=small.tape()).messages
    return replay(small.tape(), orders, out=folder / "out", open_log=SqliteLog, **options)  # type: ignore[arg-type]


def test_more_than_the_quote_goes_on_by_the_square_root_law_and_waits_only_where_that_is_asked_for(
    tmp_path: Path,
) -> None:
    """The quote shows 500 shares."""
    usual = run(tmp_path, small.row(3, "a", quantity=800))
    fills = small.table(tmp_path / "out" / "fills.csv")
    assert [fill["quantity"] for fill in fills] == ["500", "300"]
    assert float(fills[1]["price"]) > float(fills[0]["price"]) == 100.04
    assert usual.rules.beyond == Beyond.SQUARE_ROOT
    plain = run(tmp_path, small.row(3, "a", quantity=800), rules=PLAIN, overwrite=True)
    fills = small.table(tmp_path / "out" / "fills.csv")
    assert (plain.rules, [fill["ts_ns"] for fill in fills]) == (
        PLAIN, [str(small.OPEN_NS + second * small.S) for second in (3, 4)]
    )  # fmt: skip
    assert plain.state_hash != usual.state_hash


def test_the_journal_and_the_result_hold_the_rules(tmp_path: Path) -> None:
    rules = rules_for(small.tape(), latency_ms=250, hidden="0.5")
    result = run(tmp_path, small.row(3, "a"), rules=rules)
    with SqliteLog(tmp_path / "out" / JOURNAL, read_only=True) as log:
        room = decode_inbound(next(log.read()).message)
    assert isinstance(room, OpenRoom)
    assert room.rules == result.rules == rules
    assert result.to_dict()["rules"] == msgspec.to_builtins(rules)
    assert [fill["ts_ns"] for fill in small.table(tmp_path / "out" / "fills.csv")] == [
        str(small.OPEN_NS + 3 * small.S + 250_000_000)
    ]


def test_a_desk_and_a_replay_of_a_tape_trade_by_the_same_rules(tmp_path: Path) -> None:
    result = run(tmp_path, small.row(3, "a", quantity=800))
    desk = vt.Desk(small.tape(), account="ana", language_model=None)
    desk.run(small.OPEN_NS + 3 * small.S)
    order = desk.buy("ACME", 800, client_order_id="a")
    assert desk.rules == result.rules
    assert f"{order.avg_px:.6f}" == f"{float(small.table(tmp_path / 'out' / 'orders.csv')[0]['avg_px']):.6f}"
    desk.close_desk()


def test_a_journal_keeps_its_rules(tmp_path: Path) -> None:
    path = tmp_path / "mine.vtrade"
    desk = vt.Desk(small.tape(), journal=path, rules={"latency_ms": 5}, language_model=None)
    branch = desk.fork()
    assert branch.rules == desk.rules
    assert desk.rules.latency.entry_ns == 5_000_000
    for one in (desk, branch):
        one.close_desk()
    again = vt.Desk(small.tape(), journal=path, language_model=None)
    assert again.rules.latency.entry_ns == 5_000_000
    again.close_desk()
    same = vt.Desk(small.tape(), journal=path, rules={"latency_ms": 5}, language_model=None)
    same.close_desk()
    with pytest.raises(DeskError, match=r"mine\.vtrade began with other rules"):
        vt.Desk(small.tape(), journal=path, rules="plain", language_model=None)
    vt.Desk(small.tape(), journal=path, language_model=None).close_desk()  # it was let go of
