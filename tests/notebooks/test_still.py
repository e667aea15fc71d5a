"""What does a notebook with a desk show where no browser is alive: run by papermill, turned into a page?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter

from tests.notebooks.pages import WIDGET_MIME
from vtrade_widgets.static_view import STILLS

PARTS = [part for part in STILLS if part != "desk"]
CELLS = (
    'import vtrade as vt\ndesk = vt.Desk("synthetic:7", language_model=None)\n'
    'desk.step(seconds=600)\ndesk.buy("ACME", 300)\ndesk.step(seconds=300)\ndesk',
    f"for part in {PARTS}:\n    display(desk.panel(part))",
    'order = desk.buy("ACME", 100)\ndisplay(order, order.explain(), desk.progress)\n[order, desk.limits, desk.rules]',
)


def shown(notebook: Any) -> list[dict[str, Any]]:
    """What each output shows, without the live view, whose name is made up each time."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            assert output.output_type in ("display_data", "execute_result"), output
            found.append({mime: data for mime, data in output.data.items() if mime != WIDGET_MIME})
    return found


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same notebook, run twice."""
    from nbclient import NotebookClient
    from papermill import execute_notebook

    folder = tmp_path_factory.mktemp("still")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VTRADE_PREFERENCES", "off")
        patch.delenv("OPENAI_API_KEY", raising=False)
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
        made.metadata.kernelspec = {"name": "python3", "language": "python", "display_name": "Python 3"}
        nbformat.write(made, folder / "desk.ipynb")
        execute_notebook(
            str(folder / "desk.ipynb"), str(folder / "done.ipynb"), kernel_name="python3", progress_bar=False,
            store_widget_state=False,
        )  # fmt: skip
        again = nbformat.read(folder / "desk.ipynb", as_version=4)
        NotebookClient(again, timeout=120, kernel_name="python3", store_widget_state=False).execute()
    assert Path(folder / "done.ipynb").stat().st_size < 400_000
    return {"papermill": nbformat.read(folder / "done.ipynb", as_version=4), "nbclient": again}


def test_every_desk_and_panel_has_its_picture(done: dict[str, Any]) -> None:
    pictures = [data for data in shown(done["papermill"]) if "vtrade-still" in data.get("text/html", "")]
    assert len(pictures) == len(STILLS)
    pages = {data["text/html"] for data in pictures}
    assert len(pages) == len(STILLS), "each shows its own part"
    for data in pictures:
        words = re.sub(r"<[^>]+>", " ", data["text/html"])
        assert len(words.split()) > 12
        assert data["text/plain"].strip()
    assert "NAV" in pictures[0]["text/html"]
    assert "NAV" in pictures[0]["text/plain"]


def test_a_second_run_shows_the_same(done: dict[str, Any]) -> None:
    first, second = shown(done["papermill"]), shown(done["nbclient"])
    assert len(first) == len(second) > len(STILLS)
    for one, other in zip(first, second, strict=True):
        assert one == other
    assert not re.search(r"\bat 0x[0-9a-f]+", str(first))


def test_orders_and_values_show_themselves(done: dict[str, Any]) -> None:
    order, story, progress, listed = shown(done["papermill"])[-4:]
    assert order["text/plain"].startswith("Order #2 buy 100 ACME at market: FILLED")
    assert "100 of 100" in order["text/html"]
    assert "cost against the arrival mid" in story["text/plain"]
    assert "<svg" in story["text/html"]
    assert "level 1" in progress["text/html"]
    assert max(len(line) for line in listed["text/plain"].splitlines()) < 260
    assert "RiskLimits(cash" in listed["text/plain"]


@pytest.mark.parametrize("cleaned", [False, True])
def test_a_page_of_it_has_no_empty_box(done: dict[str, Any], cleaned: bool) -> None:
    """Neither as nbconvert writes it, nor where the HTML of outputs is cleaned, as for strangers."""
    exporter = HTMLExporter(template_name="lab", sanitize_html=cleaned)
    page, _ = exporter.from_notebook_node(done["papermill"])
    body = page[page.index("<main") :]
    assert "Error displaying widget" not in page
    assert WIDGET_MIME not in body
    assert "jp-OutputArea" in body
    for told in ("Last prints", "Market watch", "Exposure by sector", "Missions", "What happened"):
        assert told in body, told
    assert body.count("A still picture: run the notebook to trade.") == len(STILLS)
