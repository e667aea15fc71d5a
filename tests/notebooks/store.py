"""How do the outputs get into the notebooks? Run them all, and keep what is small and the same each time.

``python -m tests.notebooks.store [NAME ...]`` does it, after a change that moves a number. Rules: what is stored has no
clocks, addresses, widgets or versions; figures are stored as data; the source of a notebook is not touched.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from tests.notebooks.pages import NOTEBOOKS, WIDGET_MIME, tagged

CELL_S = 300
DESK = "trading_desk"


def store(path: Path) -> int:
    """Run a notebook as it stands (the desk without a screen) and keep its outputs; returns the size in bytes."""
    notebook = nbformat.read(path, as_version=4)
    extra = None
    if path.stem == DESK:
        extra = nbformat.v4.new_code_cell("headless = True")
        notebook.cells.insert(1 + tagged(notebook, "parameters")[0], extra)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook, timeout=CELL_S, kernel_name="python3", record_timing=False, store_widget_state=False,
            resources={"metadata": {"path": folder}},
        ).execute()  # fmt: skip
    notebook.cells = [cell for cell in notebook.cells if cell is not extra]
    tidy(notebook)
    nbformat.validate(notebook)
    text = nbformat.writes(notebook, indent=1)
    path.write_text(text.rstrip() + "\n", encoding="utf-8")
    return len(text)


def tidy(notebook: Any) -> None:
    """Take out whatever differs from run to run."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    code = (cell for cell in notebook.cells if cell.cell_type == "code")
    for number, cell in enumerate(code, start=1):
        cell.execution_count = number
        cell.metadata.pop("execution", None)
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number
            output.get("data", {}).pop(WIDGET_MIME, None)


def main() -> None:
    """Store the outputs of the notebooks that are named, or of all."""
    os.environ["PLOTLY_RENDERER"] = "plotly_mimetype"
    os.environ.pop("OPENAI_API_KEY", None)
    wanted = sys.argv[1:]
    for path in NOTEBOOKS:
        if not wanted or path.stem in wanted:
            print(f"{path.name}: {store(path):,} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
