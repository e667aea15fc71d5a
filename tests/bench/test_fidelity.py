"""Does the fidelity suite measure the engine against the market, and would it notice if the engine were wrong?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vtrade.bench import Row, fidelity_impact, fidelity_makers, fidelity_takers, peers
from vtrade.bench.fidelity import TAPES, fidelity
from vtrade.bench.fidelity_orders import known_fates, levels_only, passed_over
from vtrade.domain.instruments import Instrument
from vtrade.domain.rules import QueueModel, RoomRules
from vtrade.market.dtype import Events, Kind, empty_events
from vtrade.market.tape import Tape

ADD, REDUCE, DELETE, EXECUTE, LEVEL = Kind.ADD, Kind.REDUCE, Kind.DELETE, Kind.EXECUTE, Kind.LEVEL

# kind, order id, side, price, lots; a row each second
BOOK = [
    (LEVEL, 0, -1, 101, 200),
    (LEVEL, 0, 1, 99, 100),
    (ADD, 1, 1, 100, 300),
    (ADD, 2, 1, 100, 50),  # joins 300, 120 of which cancel: those come from ahead
    (REDUCE, 1, 1, 100, 120),
    (EXECUTE, 1, 1, 100, 180),
    (EXECUTE, 2, 1, 100, 20),
    (EXECUTE, 2, 1, 100, 30),  # order 2 is done
    (ADD, 3, 1, 100, 40),
    (ADD, 4, 1, 100, 60),
    (EXECUTE, 3, 1, 100, 40),
    (DELETE, 4, 1, 100, 60),
]


def tape_of(rows: list[tuple[Kind, int, int, int, int]]) -> Tape:
    events = empty_events(len(rows))
    events["ts_ns"] = 10**9 * np.arange(1, len(rows) + 1)
    for name, column in zip(("kind", "order_id", "side", "price", "quantity"), zip(*rows, strict=True), strict=True):
        events[name] = column
    return Tape("made", (Instrument.make("ACME"),), events, "L3")


def shown(rows: Events) -> list[tuple[str, int, int]]:
    return [(Kind(row["kind"]).name, int(row["price"]), int(row["quantity"])) for row in rows]


# --- takers ----------------------------------------------------------------------------------------------------------


def test_a_taker_that_walks_the_book_pays_what_the_tape_says_and_leaves_no_trace() -> None:
    tape = tape_of(
        [
            (LEVEL, 0, -1, 101, 30),
            (LEVEL, 0, -1, 103, 30),
            (EXECUTE, 0, -1, 101, 30),
            (EXECUTE, 0, -1, 103, 10),
            (EXECUTE, 0, -1, 103, 20),
        ]
    )
    tape.events["ts_ns"][3] = tape.events["ts_ns"][2]
    orders = fidelity_takers.takers(tape.events)
    assert orders.lots.tolist() == [40, 20]
    paid = fidelity_takers.in_engine(tape, orders)
    assert paid.same.tolist() == [True, True]
    assert paid.within.tolist() == [True, True]
    assert paid.error_bps.tolist() == [0.0, 0.0]


def test_a_taker_that_pays_something_else_is_noticed() -> None:
    tape = tape_of([(LEVEL, 0, 1, 100, 30), (LEVEL, 0, 1, 90, 30), (EXECUTE, 0, 1, 100, 30), (EXECUTE, 0, 1, 90, 80)])
    orders = fidelity_takers.takers(tape.events)
    paid = fidelity_takers.in_engine(tape, replace(orders, cost=orders.cost - 30))
    assert paid.same.tolist() == [False, False]
    assert paid.within.tolist() == [True, False]  # 80 lots are more than the 30 that are there
    assert paid.error_bps[0] == pytest.approx(-100.0 / 0.99)  # a seller who gets 100 instead of 99 is better off


# --- makers ----------------------------------------------------------------------------------------------------------


def test_the_tape_tells_which_orders_were_filled() -> None:
    known = known_fates(tape_of(BOOK).events)  # order 1 was canceled in part
    assert known.lots.tolist() == [50, 40, 60]
    assert known.filled.tolist() == [True, True, False]
    assert known.contested.tolist() == [True, True, True]
    assert known.born.tolist() == [3, 8, 9]
    assert known.end.tolist() == [7, 10, 11]


def test_in_place_the_real_order_is_out_of_the_market_and_its_prints_stay() -> None:
    tape = tape_of(BOOK)
    known = known_fates(tape.events)
    exact = fidelity_makers.trial(tape, known, patience_ns=0)
    assert exact.wave.tolist() == [0, 0, 1]
    assert shown(exact.feed(0))[2:] == [
        ("ADD", 100, 300), ("ADD", 100, 0), ("REDUCE", 100, 120), ("EXECUTE", 100, 180), ("TRADE", 100, 20),
        ("TRADE", 100, 30), ("ADD", 100, 0), ("ADD", 100, 60), ("TRADE", 100, 40), ("DELETE", 100, 60),
    ]  # fmt: skip
    levels = fidelity_makers.trial(tape, known, levels=levels_only(tape.events), patience_ns=0)
    assert shown(levels.feed(0))[2:] == [
        ("LEVEL", 100, 300), ("LEVEL", 100, 300), ("LEVEL", 100, 180), ("TRADE", 100, 180), ("LEVEL", 100, 0),
        ("TRADE", 100, 20), ("LEVEL", 100, 0), ("TRADE", 100, 30), ("LEVEL", 100, 0), ("LEVEL", 100, 0),
        ("LEVEL", 100, 60), ("TRADE", 100, 40), ("LEVEL", 100, 60), ("LEVEL", 100, 0),
    ]  # fmt: skip
    assert (tape.events == tape_of(BOOK).events).all()


@pytest.mark.parametrize("feed", ["orders", "levels"])
def test_in_place_a_copy_fills_when_the_real_order_did(feed: str) -> None:
    tape = tape_of(BOOK)
    levels = levels_only(tape.events) if feed == "levels" else None
    (answer,) = fidelity_makers.in_engine(
        fidelity_makers.trial(tape, known_fates(tape.events), levels=levels), [RoomRules()]
    )
    assert answer.begun_ns.tolist() == [7 * 10**9, 11 * 10**9, -1]
    assert answer.done_ns.tolist() == [8 * 10**9, 11 * 10**9, -1]
    assert (answer.exact, answer.same) == (1.0, 1.0)
    assert answer.error_ns.tolist() == [0, 0]


def test_right_behind_a_copy_waits_for_the_real_order() -> None:
    tape = tape_of([*BOOK, (LEVEL, 0, 1, 100, 10), (EXECUTE, 0, 1, 100, 10)])
    trials = fidelity_makers.trial(tape, known_fates(tape.events), behind=True)
    (answer,) = fidelity_makers.in_engine(trials, [RoomRules()])
    # the copy of order 2 gets what is printed after order 2: 40 and then 10; nothing is left for that of order 3
    assert answer.begun_ns.tolist() == [11 * 10**9, 14 * 10**9, -1]
    assert answer.done_ns.tolist() == [14 * 10**9, -1, -1]
    assert not answer.ahead.any()
    assert answer.exact == pytest.approx(1 / 3)
    assert answer.same == pytest.approx(2 / 3)


def test_an_order_that_the_market_passes_over_is_named() -> None:
    tape = tape_of([(ADD, 1, 1, 100, 10), (ADD, 2, 1, 100, 10), (EXECUTE, 2, 1, 100, 10), (EXECUTE, 1, 1, 100, 10)])
    known = known_fates(tape.events)
    assert passed_over(tape.events, known).tolist() == [True, False]
    (answer,) = fidelity_makers.in_engine(fidelity_makers.trial(tape, known, behind=True), [RoomRules()])
    assert answer.ahead.tolist() == [True, False]


def test_a_queue_model_that_guesses_wrong_is_noticed() -> None:
    rows = [
        (ADD, 1, 1, 100, 70),
        (ADD, 2, 1, 100, 50),
        (ADD, 3, 1, 100, 80),
        (DELETE, 1, 1, 100, 70),  # all 70 ahead of order 2 cancel: a cautious model does not know
        (EXECUTE, 2, 1, 100, 50),
        (EXECUTE, 3, 1, 100, 80),
    ]
    tape = tape_of(rows)
    known = known_fates(tape.events)
    trials = fidelity_makers.trial(tape, known.only(known.lots == 50), levels=levels_only(tape.events))
    models = [RoomRules(queue_model=model) for model in (QueueModel.RISK_AVERSE, QueueModel.INFERRED)]
    cautious, inferred = fidelity_makers.in_engine(trials, models)
    assert (cautious.exact, cautious.same) == (0.0, 1.0)
    assert cautious.error_ns.tolist() == [10**9]
    assert inferred.exact == 1.0


# --- the suite -------------------------------------------------------------------------------------------------------


def test_a_power_law_is_found_with_its_error() -> None:
    sizes = np.array(fidelity_impact.SIZES, float)
    law = fidelity_impact.fitted(np.array([2.0 * sizes**0.6, 3.0 * sizes**0.6]))
    assert law.value == pytest.approx(0.6)
    assert law.error == pytest.approx(0.0, abs=1e-9)
    assert fidelity_impact.fitted(np.array([sizes**0.6, sizes**0.4])).error > 0.01


@pytest.mark.needs("data")
def test_the_first_minutes_of_two_real_days(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(peers.PYTHON, raising=False)
    monkeypatch.setattr(peers, "printed", lambda *_: [])  # no peer
    steps: list[tuple[int, int]] = []
    rows = list(fidelity(data=data_dir, minutes=5, seeds=3, progress=lambda *step: steps.append(step)))
    assert steps == [(number, steps[-1][1]) for number in range(1, steps[-1][1] + 1)]
    found = {row.name: row for row in rows}
    assert len(found) == len(rows)

    def values(*words: str) -> list[float]:
        some = [row.value for name, row in found.items() if all(word in name for word in words)]
        return [value for value in some if value is not None]

    assert values("takers", "same") == [100.0] * 4
    # in the first second some orders that were there before the tape trade out of their turn
    shares = values("exact", "in place: same fate")
    everybody, contested = shares[::2], shares[1::2]
    assert len(everybody) == len(contested) == 2
    assert min(everybody) > 99.0
    assert min(contested) > 96.0
    assert min(values("exact", "right behind: filled, be it")) > 96.0
    assert values("exact", "traded ahead") == [0.0, 0.0]
    inferred, averse = (values("levels only", f"{model}: same fate") for model in ("inferred", "risk_averse"))
    assert len(inferred) == len(averse) == 2
    assert min(inferred) > 90.0
    assert all(ours >= theirs for ours, theirs in zip(inferred, averse, strict=True))
    assert [row.value for name, row in found.items() if "is not installed" in name] == [None, None]
    assert len(values("impact", "exponent of the size")) == 2
    assert all(0.2 < value < 0.8 for value in values("impact", "exponent of the size"))


def test_without_market_data_the_rows_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fidelity_impact, "SIZES", (30, 120))
    rows = list(fidelity(data=tmp_path, seeds=2))
    absent = [row for row in rows if row.value is None]
    assert len(absent) == 3 * len(TAPES)
    assert all("VTRADE_DATA names no folder that has it" in row.name for row in absent)
    assert all(isinstance(row, Row) and row.suite == "fidelity" for row in rows)
    assert any("exponent less 0.5" in row.name and row.goal == 0.05 for row in rows)
