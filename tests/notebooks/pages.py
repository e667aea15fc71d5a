"""What do the tests of notebooks share: which there are, and how to read one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = tuple(path for path in sorted(FOLDER.rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts)
PLOTLY_MIME = "application/vnd.plotly.v1+json"
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


def named(name: str) -> Path:
    """A notebook of the project by its name."""
    return next(path for path in NOTEBOOKS if path.stem == name)


def tagged(notebook: Any, tag: str) -> list[int]:
    """Places of the cells with a tag."""
    return [place for place, cell in enumerate(notebook.cells) if tag in cell.metadata.get("tags", ())]


def outputs(notebook: Any, mime: str = "text/plain") -> list[Any]:
    """Everything a notebook shows in one form, in order; printed text counts as ``text/plain``."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if mime == "text/plain" and output.output_type == "stream":
                found.append(output.text)
            elif mime in output.get("data", {}):
                found.append(output.data[mime])
    return found


def of_cell(notebook: Any, ident: str, mime: str = "text/plain") -> list[Any]:
    """What one cell shows, by the cell's id."""
    cells = [cell for cell in notebook.cells if cell.get("id") == ident]
    assert len(cells) == 1, f"there is no cell {ident!r}"
    return outputs(type("Page", (), {"cells": cells}), mime)
