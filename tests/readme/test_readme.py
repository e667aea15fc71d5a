"""Does everything the README shows work as it is shown?"""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.readme.snippets import README, blocks, pairs, run

TEXT = README.read_text(encoding="utf-8")
COMMANDS = [
    line for block in blocks(TEXT) if block.language == "bash" for line in block.body.splitlines() if line.strip()
]


def of(language: str) -> list[str]:
    return [block.body for block in blocks(TEXT) if block.language == language]


def test_python_snippets_print_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    shown = [(snippet.body, run(snippet.body, names), expected) for snippet, expected in pairs(TEXT)]
    names["desk"].close_desk()
    assert len(shown) >= 5
    for source, printed, expected in shown:
        assert expected is not None, f"the README does not show what this prints:\n{source}"
        assert printed == expected.body, source


def test_every_fence_is_of_a_kind_that_is_tried() -> None:
    assert {block.language for block in blocks(TEXT)} == {"python", "text", "bash", "csv"}
    assert TEXT.count("```") == 2 * len(blocks(TEXT))
    assert all(command.startswith("vtrade ") for command in COMMANDS)


def test_shell_snippets_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vtrade.cli import app

    monkeypatch.chdir(tmp_path)
    (orders,) = of("csv")
    Path("orders.csv").write_text(orders, encoding="utf-8")
    for command in COMMANDS:
        done = CliRunner().invoke(app, shlex.split(command)[1:])
        assert done.exit_code == 0, f"{command}\n{done.output}\n{done.exception!r}"
    accounts = list(csv.DictReader(Path("results/account.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["account"] for row in accounts] == ["ana", "ben"]
    page = Path("ana.html").read_text(encoding="utf-8")
    assert "Trader report" in page
    for name in ("nav", "cash", "realized_pnl", "fees"):
        assert f">{accounts[0][name]}<" in page, name


@pytest.mark.parametrize(
    "command", ["desk", "replay", "verify", "report", "serve", "class", "stack", "worker", "rebuild", "bench"]
)
def test_commands_in_the_table_exist(command: str) -> None:
    from vtrade.cli import app

    assert f"`vtrade {command}" in TEXT
    assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def test_make_targets_exist(root: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"^ {4}make (\w+)", TEXT, re.MULTILINE)) | set(re.findall(r"`make (\w+)", TEXT))
    assert {"desk", "test"} <= named <= targets


def test_the_way_without_make_installs_the_same(root: Path) -> None:
    recipe = (root / "Makefile").read_text(encoding="utf-8")
    for words in ("--require-hashes --no-deps -r requirements.lock", "--no-deps --no-build-isolation --editable ."):
        assert words in recipe
        assert words in TEXT


def test_links_and_paths_lead_somewhere(root: Path) -> None:
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    }
    links = re.findall(r"\]\(([^)]+)\)", TEXT) + re.findall(r'(?:src|srcset)="([^"]+)"', TEXT)
    assert links
    for link in links:
        assert link.removeprefix("#") in headings if link.startswith("#") else (root / link).exists(), link
    for path in re.findall(r"`((?:notebooks|widgets|tests|vtrade)/[\w./-]*)`", TEXT):
        assert (root / path).exists(), path


def test_markets_in_the_table_are_those_that_load() -> None:
    from vtrade.market.load import READERS

    table = TEXT[TEXT.index("## Markets") : TEXT.index("## What is modelled")]
    named = set(re.findall(r"^\| `(\w+):", table, re.MULTILINE))
    assert named == set(READERS) - {"parquet"}


def test_pictures_are_small() -> None:
    for path in (README.parent / "docs").glob("*.png"):
        assert path.stat().st_size < 400_000, path
