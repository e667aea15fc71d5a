"""Do all three kinds of strategy tell what a room tells that gets the same frames and orders?"""

from __future__ import annotations

from typing import Any

import pytest

import vtrade as vt
from tests.research import strategies as s
from tests.research.agree import agree
from vtrade.adapters.sqlite import SqliteLog
from vtrade.bench import workloads as w
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.rules import Latency, QueueModel, RoomRules
from vtrade.market.tape import Tape, check_tape
from vtrade.research.backtest import backtest
from vtrade.research.strategy import StrategyError
from vtrade.services.runtime import verify

SHORT = RiskLimits.make(allow_short=True, concentration=1)
FEES = FeeSchedule.per_share("0.005")
LATE = Latency(feed_ns=10**7, entry_ns=3 * 10**7, jitter_ns=10**8)
RULES = {
    "plain": RoomRules(),
    "constant": RoomRules(latency=Latency(feed_ns=10**7, entry_ns=3 * 10**7)),
    "jitter": RoomRules(latency=LATE, queue_model=QueueModel.INFERRED),
    "recorded": RoomRules(latency=Latency(recorded=(10**6, 10**8, 0)), impact_ppm=500_000, resilience_ns=10**9),
}
N = 6_000


def _tape(events: Any, depth: str, tick: str = "0.01") -> Tape:
    return check_tape(Tape("made", (Instrument.make("ACME", tick=tick, fees=FEES),), events, depth))


@pytest.fixture(scope="module")
def tapes() -> dict[str, Tape]:
    return {
        "L1": _tape(w.quote_events(w.quotes(N)), "L1"),
        "L2": _tape(w.level_events(w.levels(N)), "L2"),
        "bars": _tape(w.bar_events(w.bars(N)), "bars", "0.0001"),
        "L3": vt.synthetic(7),
    }


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("depth", ["L1", "L2", "L3", "bars"])
def test_every_kind_of_strategy_tells_what_an_engine_tells(tapes: dict[str, Tape], depth: str, rules: str) -> None:
    tape, every = tapes[depth], 3_000 if depth == "L3" else 100
    given = {"limits": SHORT, "rules": RULES[rules], "seed": 5}
    compiled = backtest(s.alternate, tape, params={"every": every, "lots": 1}, **given)
    python = backtest(s.Alternate, tape, params={"every": every}, **given)
    woken = backtest(s.Alternate(every).on_wake, tape, every=every, **given)
    facts = agree(compiled)
    assert facts == agree(python) == agree(woken)
    assert compiled.fill_count > 10
    assert compiled.state_hash() == python.state_hash() == woken.state_hash()


@pytest.mark.parametrize(
    "wake", [{"every_ns": 10**9}, {"on_fill": True, "every": 400}, {"every_ns": 10**10, "on_fill": True}]
)
@pytest.mark.parametrize("depth", ["L1", "L3"])
def test_the_clock_and_fills_wake(tapes: dict[str, Tape], depth: str, wake: dict[str, Any]) -> None:
    tape = tapes[depth]
    if depth == "L3":
        wake = {name: 100 * value if name != "on_fill" else value for name, value in wake.items()}
    result = backtest(s.Alternate(1).on_wake, tape, limits=SHORT, rules=RULES["jitter"], **wake)
    agree(result)
    assert result.order_count > 10


@pytest.mark.parametrize("depth", ["L1", "L2", "L3", "bars"])
def test_every_type_of_order_and_every_refusal(tapes: dict[str, Tape], depth: str) -> None:
    for limits in (SHORT, RiskLimits(), vt.NO_LIMITS):
        result = backtest(s.every_kind, tapes[depth], limits=limits, every=2_000 if depth == "L3" else 300)
        agree(result)
        assert {"DENIED", "CANCELED"} <= set(result.orders()["status"])


def test_a_buyer_who_runs_out_of_money_is_denied_alike(tapes: dict[str, Tape]) -> None:
    result = backtest(lambda m: m.buy(3), tapes["L1"], cash=5_000, limits=RiskLimits.make(concentration=1), every=10)
    agree(result)
    assert result.statistics()["nav"] < 5_000_000_000
    assert list(result.orders()["status"][:2]) == ["FILLED", "DENIED"]


def test_the_clock_wakes_at_its_multiples_and_sees_only_the_past(tapes: dict[str, Tape]) -> None:
    seen: list[tuple[int, int]] = []
    tape = tapes["L1"]
    backtest(lambda m: seen.append((m.ts_ns, m.row)), tape, every_ns=10**9)
    times = tape.events["ts_ns"]
    assert seen
    for ts_ns, row in seen:
        assert ts_ns % 10**9 == 0
        assert times[row] <= ts_ns < times[row + 1]


def test_a_journal_is_verified(tapes: dict[str, Tape], tmp_path: Any) -> None:
    result = backtest(s.alternate, tapes["L2"], params={"every": 500, "lots": 1}, limits=SHORT)
    path = result.journal(tmp_path / "run.vtrade", open_log=SqliteLog)
    log = SqliteLog(path, read_only=True)
    verdict = verify(log)
    log.close()
    assert verdict.ok
    assert verdict.state_hash == result.state_hash()
    with pytest.raises(StrategyError, match="is there already"):
        result.journal(path, open_log=SqliteLog)


def test_tables_and_what_is_shown(tapes: dict[str, Tape]) -> None:
    result = backtest(s.alternate, tapes["L1"], params={"every": 100, "lots": 2}, limits=SHORT)
    fills, orders = result.fills(), result.orders()
    assert len(fills) == result.fill_count
    assert orders["filled_quantity"].sum() == fills["quantity"].sum()
    assert set(orders["status"]) <= {"FILLED", "CANCELED", "ACCEPTED", "DENIED"}
    assert result.equity_curve()["nav"].iloc[-1] == result.statistics()["nav"] / 1e6
    assert "sharpe ratio" in repr(result)
    assert "net profit" in str(result)
    assert "round trips</th>" in result._repr_html_()


def test_progress_tells_the_end(tapes: dict[str, Tape]) -> None:
    told: list[tuple[int, int]] = []
    backtest(s.alternate, tapes["L1"], params={"every": 100, "lots": 1}, progress=lambda *done: told.append(done))
    assert told[-1] == (2 * N, 2 * N)


def test_a_compiled_strategy_that_raises_names_the_row_and_keeps_its_facts(tapes: dict[str, Tape]) -> None:
    with pytest.raises(StrategyError, match="ZeroDivisionError") as caught:
        backtest(s.divides, tapes["L1"], params={"at": 7})
    assert (caught.value.row, caught.value.ts_ns) == (13, int(tapes["L1"].events["ts_ns"][13]))
    assert "ZeroDivisionError" in str(caught.value)
    assert len(caught.value.result.facts()) >= 2


def test_a_python_strategy_that_raises_names_the_row_and_keeps_its_facts(tapes: dict[str, Tape]) -> None:
    def fails(m: Any) -> None:
        if m.step == 300:
            raise LookupError("no such signal")
        if m.step % 100 == 0:
            m.buy(1)

    with pytest.raises(StrategyError, match="LookupError: no such signal") as caught:
        backtest(fails, tapes["L1"])
    assert caught.value.row == 599
    agree(caught.value.result)
    assert caught.value.result.fill_count == 2
    assert isinstance(caught.value.__cause__, LookupError)


@pytest.mark.parametrize(
    "strategy, params, words",
    [
        (s.too_far, {}, "IndexError"),
        (s.greedy, {}, "requests at once"),
        (s.untypable, {}, "cannot be compiled"),
        (s.alternate, {"every": "ten", "lots": 1}, "is no number"),
        (s.alternate, {"every": 2**70, "lots": 1}, "beyond 64 bits"),
        (s.Alternate, {"wrong": 1}, "does not take these parameters"),
        (42, {}, "is no strategy"),
        (lambda m: [m.buy(1) for _ in range(65)], {}, "more than 64 requests"),
        (lambda m: m.buy(1.5), {}, "whole ticks and lots"),
        (lambda m: m.buy(1, tif="SOON"), {}, "time in force"),
        (lambda m: m.of("NOPE"), {}, "is not on this tape"),
    ],
)
def test_what_is_wrong_is_said(tapes: dict[str, Tape], strategy: Any, params: dict[str, Any], words: str) -> None:
    with pytest.raises(StrategyError, match=words):
        backtest(strategy, tapes["L1"], params=params)


@pytest.mark.parametrize("wrong", [{"every": 0}, {"every": 1.5}, {"every_ns": -1}, {"every": 1, "every_ns": 1},
                                   {"requests_max": 0}, {"timeout_s": 0}, {"cash": -1}])  # fmt: skip
def test_options_out_of_range(tapes: dict[str, Tape], wrong: dict[str, Any]) -> None:
    with pytest.raises(StrategyError):
        backtest(s.every_kind, tapes["L1"], **wrong)


def test_a_strategy_that_never_ends_is_given_up(tapes: dict[str, Tape]) -> None:
    def thinks(m: Any) -> None:
        while True:
            pass

    with pytest.raises(StrategyError, match=r"timeout_s=0\.2"):
        backtest(thinks, tapes["L1"], timeout_s=0.2)
