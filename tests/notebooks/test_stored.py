"""Are the notebooks as they should be stored: small, tidy, the same for everybody?"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.notebooks.pages import NOTEBOOKS, PLOTLY_MIME, WIDGET_MIME, outputs, tagged
from tests.notebooks.store import tidy

BYTES_MAX = 300_000
by_name = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def test_the_three_are_there() -> None:
    names = {path.relative_to(path.parents[1]).as_posix() for path in NOTEBOOKS}
    assert {"desk/trading_desk.ipynb", "lessons/01_orders_and_the_book.ipynb", "reports/trader_report.ipynb"} <= names


@by_name
def test_it_is_valid_and_small(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert path.stat().st_size < BYTES_MAX
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata


@by_name
def test_it_has_parameters_that_are_explained(path: Path) -> None:
    notebook = read(path)
    (place,) = tagged(notebook, "parameters")
    tree = ast.parse(notebook.cells[place].source)
    assert tree.body
    for line in notebook.cells[place].source.splitlines():
        assert "  # " in line, f"{path.stem}: say what this is for: {line}"
    assert all(isinstance(ast.literal_eval(node.value), str | int | float | bool) for node in tree.body)  # type: ignore[attr-defined]


@by_name
def test_what_is_stored_is_the_same_each_time(path: Path) -> None:
    notebook = read(path)
    before = json.dumps(notebook)
    tidy(notebook)
    assert json.dumps(notebook) == before, "run `python -m tests.notebooks.store`"
    text = path.read_text(encoding="utf-8")
    assert WIDGET_MIME not in text
    assert "<script" not in text
    assert not [
        output for cell in notebook.cells for output in cell.get("outputs", ()) if output.output_type == "error"
    ]


@by_name
def test_figures_and_panels_are_not_compared(path: Path) -> None:
    for cell in read(path).cells:
        shown = [output.get("data", {}) for output in cell.get("outputs", ())]
        if any(PLOTLY_MIME in data for data in shown):
            assert "nbval-ignore-output" in cell.metadata.get("tags", ()), cell.id


@by_name
def test_it_shows_something(path: Path) -> None:
    notebook = read(path)
    assert len(outputs(notebook)) > 5
    assert len(outputs(notebook, PLOTLY_MIME)) >= 3


@by_name
def test_functions_in_a_notebook_are_short(path: Path) -> None:
    for cell in read(path).cells:
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.FunctionDef):
                    assert (node.end_lineno or 0) - node.lineno < 10, f"{node.name} belongs into vtrade/"
