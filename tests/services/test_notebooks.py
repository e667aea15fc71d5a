"""Does a notebook become a page that stands alone, and does a failing cell say which one it is?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from vtrade.services import notebooks
from vtrade.services.notebooks import NotebookError

FIGURE = {"data": [{"type": "scatter", "y": [1, 3, 2]}], "layout": {"height": 321, "title": {"text": "Value"}}}


def notebook(path: Path, *cells: Any) -> Path:
    """A notebook: text is a code cell, ``("parameters", text)`` a tagged one, ``("md", text)`` prose."""
    made = nbformat.v4.new_notebook()
    for cell in cells:
        kind, source = cell if isinstance(cell, tuple) else ("code", cell)
        if kind == "md":
            made.cells.append(nbformat.v4.new_markdown_cell(source))
        else:
            tags = {"tags": [kind]} if kind != "code" else {}
            made.cells.append(nbformat.v4.new_code_cell(source, metadata=tags))
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(made, path)
    return path


def done(*outputs: dict[str, Any]) -> Any:
    """An executed notebook with one cell that shows ``outputs``."""
    cell = nbformat.v4.new_code_cell("secret_code = 1")
    cell.outputs = [nbformat.v4.new_output("display_data", data=data) for data in outputs]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A *fine* day"), cell])


def fetched(page: str) -> list[str]:
    """What a browser would fetch to show a page."""
    return re.findall(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)\s*=\s*["'](?!data:)([^"']*)""", page)


# --- which notebook --------------------------------------------------------------------------------------------------


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "library"
    notebook(folder / "reports" / "trader_report.ipynb", ("parameters", "journal = ''\nfast = True"), "journal, fast")
    notebook(folder / "lessons" / "01_orders.ipynb", "1")
    notebook(folder / "lessons" / ".ipynb_checkpoints" / "stale.ipynb", "1")
    monkeypatch.setattr(notebooks, "notebooks_folder", lambda: folder)
    return folder


def test_a_notebook_is_found_by_name_and_by_path(library: Path, tmp_path: Path) -> None:
    assert notebooks.find_notebook("trader_report") == library / "reports" / "trader_report.ipynb"
    assert notebooks.find_notebook("01_orders") == notebooks.find_notebook("orders")
    mine = notebook(tmp_path / "mine.ipynb", "1")
    assert notebooks.find_notebook(str(mine)) == mine


@pytest.mark.parametrize(
    "name, says",
    [
        ("trader_raport", "did you mean 'trader_report'?"),
        ("xyz", "there are 01_orders, trader_report; or give a path"),
        ("stale", "no notebook is called 'stale'"),
        ("no.ipynb", "no.ipynb: no such notebook"),
        ("some/where", "some/where: no such notebook"),
    ],
)
def test_a_wrong_name_gets_a_hint(library: Path, name: str, says: str) -> None:
    with pytest.raises(NotebookError, match=re.escape(says)):
        notebooks.find_notebook(name)


def test_the_shipped_notebooks_are_found_beside_the_package(root: Path) -> None:
    if (root / "notebooks").is_dir():
        assert notebooks.notebooks_folder() == root / "notebooks"


def test_an_unknown_parameter_is_refused(library: Path) -> None:
    path = notebooks.find_notebook("trader_report")
    notebooks.check_parameters(path, {"journal": "x", "fast": False})
    with pytest.raises(
        NotebookError, match=r"trader_report\.ipynb has no parameter 'jurnal'; did you mean 'journal'\?"
    ):
        notebooks.check_parameters(path, {"jurnal": "x"})
    with pytest.raises(NotebookError, match="has no parameter 'zzz'; it has none"):
        notebooks.check_parameters(notebooks.find_notebook("orders"), {"zzz": 1})


# --- a copy to work on -----------------------------------------------------------------------------------------------


def sources(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


def test_a_copy_keeps_the_changes_of_its_owner(library: Path, tmp_path: Path) -> None:
    source = notebooks.find_notebook("trader_report")
    before = source.read_bytes()
    copy, made = notebooks.working_copy(source, tmp_path / "mine", parameters={})
    assert made
    assert sources(copy) == sources(source)
    notebook(copy, ("parameters", "journal = ''"), "my own work")
    again, made = notebooks.working_copy(source, tmp_path / "mine", parameters={})
    assert (again, made) == (copy, False)
    assert sources(copy) == ["journal = ''", "my own work"]
    assert source.read_bytes() == before


def test_parameters_come_and_go_in_a_cell_of_their_own(library: Path, tmp_path: Path) -> None:
    source = notebooks.find_notebook("trader_report")
    copy, _ = notebooks.working_copy(source, tmp_path, parameters={"journal": "it's"})
    assert sources(copy)[1].splitlines()[1:] == ['journal = "it\'s"']
    notebooks.working_copy(source, tmp_path, parameters={"journal": "b"})
    assert [text.splitlines()[-1] for text in sources(copy)] == ["fast = True", "journal = 'b'", "journal, fast"]
    notebooks.working_copy(source, tmp_path, parameters={})
    assert sources(copy) == sources(source)


def test_a_copy_that_cannot_be_made(library: Path, tmp_path: Path) -> None:
    source = notebooks.find_notebook("orders")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotebookError, match="cannot be written"):
        notebooks.working_copy(source, tmp_path / "file", parameters={})
    (tmp_path / source.name).write_text("{ not a notebook")
    with pytest.raises(NotebookError, match=r"is not a notebook that can be read: .*; move it away"):
        notebooks.working_copy(source, tmp_path, parameters={})


# --- running ---------------------------------------------------------------------------------------------------------


def test_a_notebook_runs_with_its_parameters_in_the_present_folder(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = notebook(
        library / "run.ipynb",
        ("md", "# Of *this* run"), ("parameters", "a, b = 1, 2"),
        "from pathlib import Path\nimport os, sys",
        "print(a, repr(b), Path.cwd(), sys.executable, os.environ['PLOTLY_RENDERER'])",
    )  # fmt: skip
    heard: list[tuple[int, int]] = []
    ran = notebooks.run_notebook(
        source, parameters={"b": 2.5}, keep=tmp_path / "kept.ipynb", progress=lambda *two: heard.append(two)
    )
    import sys

    said = ran.cells[-1].outputs[0].text.split()
    assert said == ["1", "2.5", str(tmp_path), sys.executable, "plotly_mimetype"]
    assert heard == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    assert not (tmp_path / "kept.ipynb").exists()
    assert notebooks.title_of(ran) == "Of *this* run"


def test_a_failing_cell_is_named_and_kept(library: Path, tmp_path: Path) -> None:
    source = notebook(
        library / "bad.ipynb",
        ("parameters", "depth = 0"),
        ("md", "So far"),
        "fine = 1",
        "1 / depth\n# over",
        "never = 1",
    )
    keep = tmp_path / "kept.ipynb"
    with pytest.raises(NotebookError) as caught:
        notebooks.run_notebook(source, parameters={"depth": 0}, keep=keep)
    assert str(caught.value) == f"bad.ipynb, cell 4 failed: ZeroDivisionError: division by zero; {keep} shows it"
    kept = nbformat.read(keep, as_version=4)
    assert any(output.get("ename") == "ZeroDivisionError" for cell in kept.cells for output in cell.get("outputs", ()))
    assert "never" in kept.cells[-1].source
    assert not kept.cells[-1].outputs


# --- the page --------------------------------------------------------------------------------------------------------


def test_a_page_stands_alone(tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    ran = done(
        {
            "application/vnd.plotly.v1+json": FIGURE,
            "text/html": "<script src='https://cdn.example/plotly.js'></script>",
        },
        {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/html": "<b>still picture</b>"},
        {"text/html": "<table><tr><td>42</td></tr></table>"},
    )
    notebooks.write_page(ran, page, title="A fine day", code=False)
    text = page.read_text(encoding="utf-8")
    assert fetched(text) == []
    assert "<title>A fine day</title>" in text
    assert "Plotly.newPlot" in text
    assert '"figure-1"' in text
    assert "height:321px" in text
    assert len(text) > 1_000_000, "the script that draws figures is inside"
    assert "<b>still picture</b>" in text
    assert "<td>42</td>" in text
    assert "secret_code" not in text
    assert [path.name for path in page.parent.iterdir()] == ["page.html"]


def test_a_page_without_figures_is_small_and_may_show_code(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    notebooks.write_page(done({"text/plain": "42"}), page, title="<b>", code=True)
    text = page.read_text(encoding="utf-8")
    assert "secret_code" in text
    assert "In&nbsp;[" not in text
    assert "Plotly" not in text
    assert "<title><b></title>" not in text
    assert len(text) < 1_000_000


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotebookError, match="cannot be written"):
        notebooks.write_page(done(), tmp_path / "file" / "page.html", title="x", code=True)
