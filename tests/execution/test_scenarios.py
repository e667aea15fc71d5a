"""Do the text tables of matching scenarios come out, line by line?"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.execution.scenario import Scenario, play, read

FOLDER = Path(__file__).with_name("scenarios")
ALL = [(path.name, scenario) for path in sorted(FOLDER.glob("*.txt")) for scenario in read(path)]


@pytest.mark.parametrize("file, scenario", ALL, ids=[f"{file[:-4]}: {s.title}" for file, s in ALL])
def test_scenario(file: str, scenario: Scenario) -> None:
    play(scenario, where=file)


def test_titles_are_unique() -> None:
    titles = [(file, scenario.title) for file, scenario in ALL]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize(
    "line",
    ["-> fill a1 11 @ 10.02", "-> fill a1 10 @ 10.03", "-> fill a1 10 @ 10.02 maker", "-> fill a1 10 left 1",
     "-> fill b1 10 @ 10.02", "-> canceled a1", "? touch 0.00 x 0 / 10.02 x 91"],
)  # fmt: skip
def test_a_wrong_line_fails(line: str) -> None:
    lines = ["add 1 sell 100 @ 10.02", "ana: a1 buy 10 market", "-> accepted a1"]
    if line.startswith("?"):
        lines.append("-> fill a1 10 @ 10.02")
    with pytest.raises(AssertionError, match=r"wanted|answer"):
        play(Scenario("wrong", list(enumerate([*lines, line], start=1))))
