"""Does the price of an exchange room move with the square root of what is bought?

Rules:

- A parent order is put among the agents of a seeded tape (``with_metaorder``), and the engine matches them: once as one
  market order, once at ``PER_S`` round lots a second. Nothing else differs from the tape without it.
- Its impact is the price of its last execution, less the mid that the tape without it shows at that moment, in ticks
  and in the direction of the order. Every other seed sells.
- The exponent is that of a power law fitted to the mean impact of each size; its standard error is that of the
  jackknife over seeds.

References
----------
Tóth et al. (2011), "Anomalous price impact and the critical nature of liquidity in financial markets", Physical Review
X 1, 021006. Efron and Stein (1981), "The jackknife estimate of variance", Annals of Statistics 9, 586-596.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vtrade.domain.messages import MarketFrame, OpenRoom
from vtrade.domain.values import NS_PER_S
from vtrade.execution.engine import Engine
from vtrade.market.exchange import exchange, with_metaorder
from vtrade.market.recipes import RECIPES
from vtrade.market.tape import Tape

SYMBOL: Final = "ACME"
SIZES: Final = (30, 60, 120, 240, 480, 960, 1_920)
"""Round lots; an hour of the tape trades some 4,000."""
PER_S: Final = 20
FIRST_SEED: Final = 1_000
MINUTES: Final = 5
START_S: Final = 150
"""From the opening call to the parent's first piece."""


@dataclass(frozen=True, kw_only=True)
class Exponent:
    """A fitted power law: the exponent, and its standard error."""

    value: float
    error: float


def exponents(seeds: int, *, step: Callable[[], None] | None = None) -> tuple[Exponent, Exponent]:
    """Exponents of the impact of one market order, and of an order worked piece by piece.

    Parameters
    ----------
    seeds : int
        At least 2.
    step : callable, optional
        Called after each seed.
    """
    found = np.zeros((2, seeds, len(SIZES)))
    for number in range(seeds):
        tape = exchange(FIRST_SEED + number, symbols=(SYMBOL,), minutes=MINUTES, news=False)
        for worked in range(2):
            for place, size in enumerate(SIZES):
                found[worked, number, place] = impact(tape, size, 1 - 2 * (number % 2), size if worked else 1)
        if step is not None:
            step()
    return fitted(found[0]), fitted(found[1])


def impact(tape: Tape, size: int, side: int, pieces: int) -> float:
    """Ticks by which a parent of ``size`` round lots ends beyond the mid of the market without it."""
    start_ns, every_ns = tape.start_ns + START_S * NS_PER_S, NS_PER_S // PER_S
    lots = size * RECIPES[SYMBOL].round_lot
    more = with_metaorder(
        tape, symbol=SYMBOL, side=side, quantity=lots, start_ns=start_ns, pieces=pieces, every_ns=every_ns
    )
    last_ns = start_ns + (pieces - 1) * every_ns
    # a piece comes before the rows of its very moment
    before = int(np.searchsorted(tape.events["ts_ns"], last_ns))
    without, moved = _after(tape, before), _after(more, before + pieces)
    bid, _, ask, _ = without.touch(0)
    return side * (moved.last(0) - (bid + ask) / 2)


def _after(tape: Tape, rows: int) -> Engine:
    """The engine once it has matched so many rows."""
    engine = Engine()
    engine.process(OpenRoom(tape.start_ns, "fidelity", tape.instruments))
    engine.process(MarketFrame(int(tape.events["ts_ns"][rows - 1]), tape.events[:rows].tobytes()))
    return engine


def fitted(found: NDArray[np.float64]) -> Exponent:
    """The power law of the mean impact.

    Parameters
    ----------
    found : (seeds, len(SIZES)) float64
        Ticks.

    Examples
    --------
    >>> law = fitted(np.sqrt([SIZES, SIZES, SIZES]))
    >>> round(law.value, 6), round(law.error, 6)
    (0.5, 0.0)
    """
    count = len(found)
    x = np.log(SIZES) - np.mean(np.log(SIZES))
    means = np.concatenate([found.mean(axis=0)[np.newaxis], (found.sum(axis=0) - found) / (count - 1)])
    slopes = np.log(means) @ x / (x @ x)
    left_out = slopes[1:] - slopes[1:].mean()
    return Exponent(value=float(slopes[0]), error=float(np.sqrt((count - 1) / count * (left_out @ left_out))))
