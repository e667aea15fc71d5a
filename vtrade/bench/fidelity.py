"""How close is the engine to a real market?

Rules: market orders (``fidelity_takers``), limit orders (``fidelity_makers``) and the impact of large orders
(``fidelity_impact``) go through the engine and its kernel; nothing of them is written a second time. Real tapes are
those of ``VTRADE_DATA``; where one is absent its rows have no value. Figures are shares and errors, no times, so they
are the same on every machine. The peer is hftbacktest, on the same rows, where it is installed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from vtrade.bench import fidelity_impact, fidelity_makers, fidelity_takers
from vtrade.bench.fidelity_makers import PATIENCE_NS, Answer, Trial, trial
from vtrade.bench.fidelity_orders import Flags, known_fates, levels_only, passed_over
from vtrade.bench.rows import Better, Row
from vtrade.domain.rules import QueueModel, RoomRules
from vtrade.domain.values import NS_PER_S
from vtrade.market.load import load_tape
from vtrade.market.tape import Tape

SUITE: Final = "fidelity"
TAPES: Final = {
    "AMZN, 5 levels": "lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip",
    "AAPL, 1 level": "lobster/LOBSTER_SampleFile_AAPL_2012-06-21_1.zip",
}
SEEDS: Final = 24
MODELS: Final = tuple(QueueModel)
PEER: Final = "hftbacktest"
PEERS: Final = {QueueModel.RISK_AVERSE: "risk averse", QueueModel.POWER: "power", QueueModel.LOG: "log"}
"""The peer's model that is meant to do the same."""

Progress = Callable[[int, int], None]
"""Called with how many steps are done, and how many there are."""


def fidelity(
    *, progress: Progress | None = None, data: Path | None = None, minutes: float | None = None, seeds: int = SEEDS
) -> Iterator[Row]:
    """Compare the engine with recorded markets, and with the square-root law.

    Parameters
    ----------
    progress : callable, optional
    data : Path, optional
        Folder of the real market data; the default is what ``VTRADE_DATA`` names.
    minutes : float, optional
        Only so much of each tape, from its start.
    seeds : int
        Tapes of the exchange room.
    """
    folder = data if data is not None else Path(os.environ.get("VTRADE_DATA", "."))
    tapes = {name: _tape(folder / path, minutes) for name, path in TAPES.items()}
    trials = {name: _trials(tape) for name, tape in tapes.items() if tape is not None}
    total = seeds + sum(2 + sum(one.passes for one in some[:3]) + 1 for some in trials.values())
    steps = _Steps(progress, total)
    for name, tape in tapes.items():
        yield from _takers(name, tape, steps)
    for name in tapes:
        yield from _exact(name, trials.get(name), steps)
    for name in tapes:
        yield from _levels(name, trials.get(name), steps)
    yield from _impact(seeds, steps)


class _Steps:
    """How far the suite is."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __call__(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)


def _tape(path: Path, minutes: float | None) -> Tape | None:
    if not path.is_file():
        return None
    tape = load_tape(f"lobster:{path.resolve()}")
    if minutes is None:
        return tape
    end_ns = tape.start_ns + int(minutes * 60 * NS_PER_S)
    return replace(tape, events=tape.events[: int(np.searchsorted(tape.events["ts_ns"], end_ns))])


def _trials(tape: Tape) -> tuple[Trial, Trial, Trial, Trial]:
    """In place and right behind on L3 rows; in place on levels, for the engine and for the peer."""
    known = known_fates(tape.events)
    levels, contested = levels_only(tape.events), known.only(known.contested)
    return (
        trial(tape, known), trial(tape, known, behind=True), trial(tape, contested, levels=levels),
        trial(tape, contested, levels=levels, patience_ns=0),
    )  # fmt: skip


def _row(
    name: str, value: float | None, unit: str, better: Better, goal: float | None = None, *, peer: str | None = None,
    peer_value: float | None = None,
) -> Row:  # fmt: skip
    return Row(
        suite=SUITE, name=name, value=value, unit=unit, better=better, goal=goal, peer=peer, peer_value=peer_value
    )


def _absent(name: str) -> str:
    return f"{name} (VTRADE_DATA names no folder that has it)"


# --- takers ----------------------------------------------------------------------------------------------------------


def _takers(name: str, tape: Tape | None, step: Callable[[], None]) -> Iterator[Row]:
    what = f"takers, {name}"
    if tape is None:
        yield _row(_absent(f"{what}: same average price"), None, "%", "higher", 100.0)
        return
    paid = fidelity_takers.in_engine(tape, fidelity_takers.takers(tape.events))
    step()
    single = fidelity_takers.in_engine(tape, fidelity_takers.takers(tape.events, single=True))
    step()
    within, beyond = paid.within, ~paid.within
    yield _row(
        f"{what}: same average price, of {within.sum():,} within the book", _percent(paid.same[within]), "%", "higher",
        100.0,
    )  # fmt: skip
    yield _row(
        f"{what}: same price, of {single.within.sum():,} single executions", _percent(single.same[single.within]), "%",
        "higher", 100.0,
    )  # fmt: skip
    errors = paid.error_bps[beyond]
    mean = float(np.abs(errors).mean()) if len(errors) else None
    yield _row(f"{what}: mean error of {len(errors):,} beyond the book, square-root rule", mean, "bps", "lower")


def _percent(met: Flags) -> float | None:
    return 100.0 * float(met.mean()) if len(met) else None


# --- makers ----------------------------------------------------------------------------------------------------------


def _exact(name: str, trials: tuple[Trial, ...] | None, step: Callable[[], None]) -> Iterator[Row]:
    what = f"makers, exact, {name}"
    if trials is None:
        yield _row(_absent(f"{what}, in place: same fate"), None, "%", "higher", 95.0)
        return
    (place,) = fidelity_makers.in_engine(trials[0], [RoomRules()], step=step)
    (behind,) = fidelity_makers.in_engine(trials[1], [RoomRules()], step=step)
    contested = place.only(trials[0].known.contested)
    for answer, which in ((place, "orders"), (contested, "contested orders")):
        yield _row(
            f"{what}, in place: same fate, at the same print, of {len(answer):,} {which}", 100.0 * answer.exact, "%",
            "higher", 95.0,
        )  # fmt: skip
    yield _row(f"{what}, in place: mean error of the fill time", _mean_s(place), "s", "lower")
    seconds = PATIENCE_NS // NS_PER_S
    yield _row(
        f"{what}, right behind: filled, be it {seconds} s later, if the real order was, of {len(behind):,} orders",
        100.0 * behind.same, "%", "higher", 95.0,
    )  # fmt: skip
    yield _row(f"{what}, right behind: filled so much later, median", _median_s(behind), "s", "lower")
    passed = passed_over(trials[1].tape.events, trials[1].known)
    wrong = behind.ahead & ~passed
    yield _row(
        f"{what}, right behind: traded ahead of the real order, which the market did to {int(passed.sum())}",
        float(wrong.sum()), "orders", "lower", 0.0,
    )  # fmt: skip


def _mean_s(answer: Answer) -> float | None:
    return float(np.abs(answer.error_ns).mean()) / NS_PER_S if len(answer.error_ns) else None


def _median_s(answer: Answer) -> float | None:
    return float(np.median(answer.error_ns)) / NS_PER_S if len(answer.error_ns) else None


def _levels(name: str, trials: tuple[Trial, ...] | None, step: Callable[[], None]) -> Iterator[Row]:
    what = f"makers, levels only, {name}"
    if trials is None:
        yield _row(_absent(f"{what}: same fate"), None, "%", "higher")
        return
    answers = fidelity_makers.in_engine(trials[2], [RoomRules(queue_model=model) for model in MODELS], step=step)
    others = fidelity_makers.in_peer(trials[3])
    step()
    for model, answer in zip(MODELS, answers, strict=True):
        twin = others.get(PEERS.get(model, ""))
        yield _row(
            f"{what}, {model}: same fate, at the same print, of {len(answer):,} contested orders", 100.0 * answer.exact,
            "%", "higher", peer=None if twin is None else f"{PEER} {PEERS[model]}",
            peer_value=None if twin is None else 100.0 * twin.exact,
        )  # fmt: skip
        yield _row(f"{what}, {model}: mean error of the fill time", _mean_s(answer), "s", "lower")
    ours = max(answer.exact for answer in answers)
    model = MODELS[[answer.exact for answer in answers].index(ours)]
    if not others:
        yield _row(f"{what}: wrong fates of {PEER}'s best model ({PEER} is not installed)", None, "x", "higher", 1.0)
        return
    peer, theirs = max(((other, answer.exact) for other, answer in others.items()), key=lambda pair: pair[1])
    yield _row(
        f"{what}: wrong fates, the best model ({model})",
        100.0 * (1.0 - ours),
        "%",
        "lower",
        peer=f"{PEER} {peer}",
        peer_value=100.0 * (1.0 - theirs),
    )
    fewer = (1.0 - theirs) / (1.0 - ours) if ours < 1.0 else None
    yield _row(f"{what}: wrong fates of {PEER}'s best model for each of ours", fewer, "x", "higher", 1.0)


# --- impact ----------------------------------------------------------------------------------------------------------


def _impact(seeds: int, step: Callable[[], None]) -> Iterator[Row]:
    laws = fidelity_impact.exponents(seeds, step=step)
    names = "one market order", f"{fidelity_impact.PER_S} round lots a second"
    for how, law in zip(names, laws, strict=True):
        what = f"impact, {how}, {seeds} seeds"
        yield _row(f"{what}: exponent of the size", law.value, "", "lower")
        yield _row(f"{what}: standard error of the exponent", law.error, "", "lower")
        yield _row(f"{what}: exponent less 0.5, either way", abs(law.value - 0.5), "", "lower", 0.05)
