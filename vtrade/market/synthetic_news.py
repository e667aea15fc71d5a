"""What happens in an invented world, what is it worth, and how is it told?

Rules: a story moves what its instruments are worth at one moment, and its headline is what the room reads at that
moment. Headlines inform but do not decide: about three in five have the tone of the move, one in five has none, the
rest the wrong one, and some stories move nothing at all. Pure: the same arguments give the same stories.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vtrade.domain.instruments import Instrument
from vtrade.domain.luck import uniforms

QUIET_S: Final = 60
"""No story in the first minute."""
PER_HOUR: Final = {"market": 0.6, "sector": 0.4, "company": 1.0, "product": 1.0}
"""Stories an hour about the market, about each sector with two members or more, and about each instrument."""

GOOD, BAD, NEITHER = range(3)

HEADLINES: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "company": (
        (
            "{name} lifts its outlook for the year, though costs rise faster than sales",
            "{name} wins a three-year contract worth {number} million; margins are said to be thin",
            "{name} beats most estimates after a weak start to the quarter",
            "Two large funds say they raised their stakes in {name}",
            "A court clears {name} in a patent dispute; the other side may appeal",
        ),
        (
            "{name} trims its outlook for the year, though orders rise for the third quarter in a row",
            "{name} loses a contract worth {number} million and expects to replace it",
            "{name} misses most estimates after a strong start to the quarter",
            "Two large funds say they cut their stakes in {name}",
            "A court rules against {name} in a patent dispute; the company may appeal",
        ),
        (
            "{name} hires a finance chief from outside the company",
            "{name} is in talks with a rival, says a report that neither side confirms",
            "{name} will speak at an industry conference today, people close to the plans say",
            "The exchange asks {name} for a statement about unusual trading",
        ),
    ),
    "product": (
        (
            "Demand for {name} picks up, a survey of {number} dealers finds",
            "An index provider plans to give {name} more weight next quarter",
        ),
        (
            "Demand for {name} fades, a survey of {number} dealers finds",
            "An index provider plans to give {name} less weight next quarter",
        ),
        (
            "A large holder moves a block of {name}; the reason is not known",
            "Regulators plan a hearing about {name} and products like it",
        ),
    ),
    "sector": (
        ("{name}: suppliers report fuller order books, and dearer inputs",),
        ("{name}: suppliers report thinner order books, and cheaper inputs",),
        ("{name}: a government panel opens a review of the industry",),
    ),
    "market": (
        (
            "Prices rose less than forecast last month, first figures show",
            "Minutes of the central bank: several members see room for lower rates",
        ),
        (
            "Prices rose more than forecast last month, first figures show",
            "Minutes of the central bank: several members see a need for higher rates",
        ),
        ("The head of the central bank speaks today; no text was given out ahead",),
    ),
}
"""Templates by kind of source, then by tone: good, bad, neither."""


@dataclass(frozen=True)
class Story:
    """Something happened.

    Attributes
    ----------
    second, quarter : int
        When, in seconds since the start and quarters of a second after that.
    symbol : str
        Empty where it is about more than one instrument.
    headline : str
    jumps : (n,) float64
        Relative change of each instrument's value.
    """

    second: int
    quarter: int
    symbol: str
    headline: str
    jumps: NDArray[np.float64]


def stories(
    seed: int, instruments: Sequence[Instrument], weights: NDArray[np.float64], seconds: int
) -> tuple[Story, ...]:
    """Everything that happens in ``seconds``, in time order.

    Parameters
    ----------
    seed : int
    instruments : sequence of n Instrument
    weights : (n, 3) float64
        How far news about the market, the sector and the instrument itself moves each instrument; 1 is usual.
    seconds : int

    Examples
    --------
    >>> acme = Instrument.make("ACME", name="Acme Robotics")
    >>> for story in stories(3, [acme], np.ones((1, 3)), 3_600)[1:]:
    ...     print(story.second, story.headline, [round(float(jump), 4) for jump in story.jumps])
    261 Acme Robotics trims its outlook for the year, though orders rise for the third quarter in a row [-0.0028]
    1677 Acme Robotics misses most estimates after a strong start to the quarter [-0.0032]
    """
    found = []
    for kind, name, symbol, reach in _sources(instruments, weights):
        chance = uniforms(seed, f"news/{kind}/{name}", seconds)
        for second in np.flatnonzero(chance < PER_HOUR[kind] / 3600.0).tolist():
            if second >= QUIET_S:
                u = uniforms(seed, f"story/{kind}/{name}", 7, index=second).tolist()
                sign = GOOD if u[0] < 0.5 else BAD
                tone = sign if u[1] < 0.6 else NEITHER if u[1] < 0.8 else GOOD + BAD - sign
                size = 0.0 if u[2] < 0.15 else 0.001 + 0.003 * u[3] * u[3]
                texts = HEADLINES[kind][tone]
                text = texts[int(u[4] * len(texts))].format(name=name, number=20 + int(u[5] * 380))
                jumps = reach * (size if sign == GOOD else -size)
                found.append(Story(second, int(4 * u[6]), symbol, text, jumps))
    return tuple(sorted(found, key=lambda story: (story.second, story.quarter)))


def _sources(
    instruments: Sequence[Instrument], weights: NDArray[np.float64]
) -> Iterator[tuple[str, str, str, NDArray[np.float64]]]:
    """Kind, name and symbol of whatever makes news, and how far that moves each instrument."""
    sectors = [instrument.sector for instrument in instruments]
    yield "market", "", "", weights[:, 0]
    for sector in dict.fromkeys(sectors):
        if sectors.count(sector) > 1:
            yield "sector", sector, "", weights[:, 1] * np.array([sector == other for other in sectors])
    for i, instrument in enumerate(instruments):
        kind = "company" if instrument.asset_class == "Equity" else "product"
        yield kind, instrument.name or instrument.symbol, instrument.symbol, weights[:, 2] * np.eye(len(sectors))[i]
