"""How does a notebook become a page? Found by name, run without a screen, and written as one HTML file.

Rules: the notebooks that come with VTrade are never changed: they are run from where they are, or copied for a person
to work on. A page needs nothing but itself: figures, tables and the script that draws them are inside it, and nothing
is fetched from anywhere. A page is written whole or not at all; where a cell fails, the notebook with the failure is
kept.
"""

from __future__ import annotations

import ast
import difflib
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import vtrade
from vtrade.errors import VTradeError

KERNEL: Final = "python3"
"""The kernel that runs this very Python."""
PLOTLY_MIME: Final = "application/vnd.plotly.v1+json"
WIDGET_MIME: Final = "application/vnd.jupyter.widget-view+json"
FIGURE_HEIGHT: Final = "525px"
_ENGINE: Final = "vtrade"

Progress = Callable[[int, int], None]
"""Called with how many cells are done, and how many there are."""

_PAGE: Final = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js_requirejs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block html_head_js -%}{{ resources.figures_script }}{%- endblock -%}
{%- block html_head_css -%}
<style>
  main { max-width: 68rem; margin: 0 auto; }
  .jp-OutputArea-output table { font-variant-numeric: tabular-nums; }
</style>
{%- endblock -%}
"""


class NotebookError(VTradeError):
    """A notebook cannot be found, run or written as a page."""


# --- which notebook --------------------------------------------------------------------------------------------------


def notebooks_folder() -> Path:
    """Where the notebooks of this VTrade are: inside the installed package, or beside it in a checkout.

    Raises
    ------
    NotebookError
        If this installation came without them.
    """
    package = Path(vtrade.__file__).resolve().parent
    for folder in (package / "_notebooks", package.parent / "notebooks"):
        if folder.is_dir():
            return folder
    raise NotebookError("this installation of VTrade came without its notebooks; install it again, or give a path")


def shipped() -> dict[str, Path]:
    """The notebooks that come with VTrade, by name."""
    found = sorted(notebooks_folder().rglob("*.ipynb"))
    return {path.stem: path for path in found if ".ipynb_checkpoints" not in path.parts}


def find_notebook(name: str) -> Path:
    """A notebook by path, or one that comes with VTrade by name (a number in front may be left out).

    Raises
    ------
    NotebookError
        Offering names that look alike.
    """
    path = Path(name)
    if path.suffix == ".ipynb" or path.parent != Path():
        if not path.is_file():
            raise NotebookError(f"{name}: no such notebook; check the path")
        return path
    known = shipped()
    short = {re.sub(r"^\d+_", "", stem): stem for stem in known}
    if name in known or name in short:
        return known[name if name in known else short[name]]
    near = difflib.get_close_matches(name, [*known, *short], 1)
    mend = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known) or 'none'}; or give a path"
    raise NotebookError(f"no notebook is called {name!r}; {mend}")


def check_parameters(path: Path, parameters: Mapping[str, Any]) -> None:
    """Refuse a parameter that the notebook's cell ``parameters`` does not name.

    Raises
    ------
    NotebookError
    """
    if not parameters:
        return
    try:
        known = _parameters(_nbformat().read(path, as_version=4))
    except Exception as error:  # whatever a notebook file can hold
        raise NotebookError(f"{path} is not a notebook that can be read: {_first_line(error)}") from None
    for name in parameters:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            mend = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known) or 'none'}"
            raise NotebookError(f"{path.name} has no parameter {name!r}; {mend}")


def _parameters(notebook: Any) -> list[str]:
    """Names that the cells tagged ``parameters`` give values to."""
    tagged = [cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    return [
        node.id
        for source in tagged
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def working_copy(source: Path, folder: Path, *, parameters: Mapping[str, Any]) -> tuple[Path, bool]:
    """A copy for a person to work on, with parameters set in a cell of its own; a copy that is there keeps its changes.

    Returns
    -------
    path, made : Path, bool
        The copy, and whether it is new.

    Raises
    ------
    NotebookError
        If it cannot be read or written.
    """
    nbformat = _nbformat()
    target = folder / source.name
    made = not target.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        notebook = nbformat.read(source if made else target, as_version=4)
        before = [*notebook.cells]
        notebook.cells = [cell for cell in before if "injected-parameters" not in cell.metadata.get("tags", ())]
        if parameters:
            lines = [
                "# Set by the command that opened this notebook.",
                *(f"{k} = {v!r}" for k, v in parameters.items()),
            ]
            cell = nbformat.v4.new_code_cell("\n".join(lines), metadata={"tags": ["injected-parameters"]})
            tagged = [i for i, c in enumerate(notebook.cells) if "parameters" in c.metadata.get("tags", ())]
            notebook.cells.insert(tagged[0] + 1 if tagged else 0, cell)
        if made or [cell.source for cell in before] != [cell.source for cell in notebook.cells]:
            _write(target, nbformat.writes(notebook))
    except OSError as error:
        raise NotebookError(f"{folder} cannot be written: {error.strerror or error}; choose another folder") from None
    except Exception as error:
        raise NotebookError(
            f"{target if not made else source} is not a notebook that can be read: {_first_line(error)}; "
            "move it away to get a new one"
        ) from None
    return target, made


# --- running ---------------------------------------------------------------------------------------------------------


def run_notebook(path: Path, *, parameters: Mapping[str, Any], keep: Path, progress: Progress | None = None) -> Any:
    """Run a notebook from top to bottom in a kernel of its own, in the present folder.

    Parameters
    ----------
    path : Path
    parameters : dict
        Values for the cell tagged ``parameters``.
    keep : Path
        Where the notebook goes if a cell fails.
    progress : callable, optional

    Returns
    -------
    NotebookNode
        With its outputs, without widget state.

    Raises
    ------
    NotebookError
        Naming the cell and the error.
    """
    check_parameters(path, parameters)
    from papermill import execute_notebook
    from papermill.exceptions import PapermillExecutionError

    with (
        tempfile.TemporaryDirectory(prefix="vtrade-") as folder,
        _quiet(),
        _environment("PLOTLY_RENDERER", "plotly_mimetype"),
    ):
        done = Path(folder) / path.name
        try:
            return execute_notebook(
                str(path.resolve()), str(done), dict(parameters), engine_name=_engine(progress), kernel_name=KERNEL,
                language="python", progress_bar=False, cwd=str(Path.cwd()), store_widget_state=False,
                extra_arguments=["--log-level=ERROR"],
            )  # fmt: skip
        except PapermillExecutionError as error:
            with suppress(OSError):
                shutil.copyfile(done, keep)
            kept = f"; {keep} shows it" if keep.exists() else ""
            number = _own_index(done, error.cell_index)
            raise NotebookError(
                f"{path.name}, cell {number} failed: {error.ename}: {_first_line(error.evalue)}{kept}"
            ) from None
        except VTradeError:
            raise
        except Exception as error:  # the kernel died, or never came
            raise NotebookError(f"{path.name} could not be run: {_first_line(error)}") from None


def _own_index(path: Path, index: int) -> int:
    """Number of a cell, from 1, not counting those that running put in."""
    try:
        cells = _nbformat().read(path, as_version=4).cells
    except Exception:  # the file is only a help here
        return index + 1
    ours = [
        c for c in cells if not {"injected-parameters", "papermill-error-cell-tag"} & set(c.metadata.get("tags", ()))
    ]
    failed = [i for i, c in enumerate(ours, start=1) if c.metadata.get("papermill", {}).get("exception")]
    return failed[0] if failed else index + 1


def _engine(progress: Progress | None) -> str:
    """Papermill's own engine, telling us instead of drawing a bar."""
    from papermill.engines import NBClientEngine, papermill_engines

    def execute(engine: Any, /, manager: Any, kernel_name: str, **options: Any) -> Any:
        total = len(manager.nb.cells)
        bar = SimpleNamespace(n=0, refresh=lambda: None, close=lambda: None, set_description=lambda text: None)

        def update(count: int) -> None:
            bar.n += count
            if progress is not None:
                progress(bar.n, total)

        bar.update = update
        manager.pbar = bar
        return NBClientEngine.execute_managed_notebook(manager, kernel_name, **options)

    methods = {"execute_managed_notebook": classmethod(execute)}
    papermill_engines.register(_ENGINE, type("TellingEngine", (NBClientEngine,), methods))
    return _ENGINE


def title_of(notebook: Any) -> str:
    """The first heading of a notebook, empty where there is none."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = re.search(r"^#+\s+(.+)$", cell.source, re.MULTILINE)
            if heading:
                return heading[1].strip("# *_`")
    return ""


# --- the page --------------------------------------------------------------------------------------------------------


def write_page(notebook: Any, path: Path, *, title: str, code: bool) -> None:
    """Write an executed notebook as one HTML file that needs nothing else.

    Parameters
    ----------
    notebook : NotebookNode
    path : Path
    title : str
    code : bool
        Whether to show the code of cells.

    Raises
    ------
    NotebookError
        If the file cannot be written.
    """
    from jinja2 import DictLoader
    from nbconvert import HTMLExporter

    script = _still(notebook)
    notebook.metadata["title"] = title
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        extra_loaders=[DictLoader({"page.html.j2": _PAGE})],
        template_file="page.html.j2",
        exclude_input=not code,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    text, _ = exporter.from_notebook_node(notebook, resources={"figures_script": script})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, text)
    except OSError as error:
        raise NotebookError(f"{path} cannot be written: {error.strerror or error}; choose another place") from None


def _still(notebook: Any) -> str:
    """Turn figures and panels into HTML that stands by itself; returns the script that figures need."""
    figures = 0
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data")
            if not data:
                continue
            if PLOTLY_MIME in data:
                figures += 1
                output["data"] = {"text/html": _figure(data[PLOTLY_MIME], f"figure-{figures}")}
            elif WIDGET_MIME in data and "text/html" in data:
                del data[WIDGET_MIME]  # the panel's still picture; the live one needs a kernel
    if not figures:
        return ""
    from plotly.offline import get_plotlyjs

    return f"<script>window.PlotlyConfig = {{MathJaxConfig: 'local'}};</script>\n<script>{get_plotlyjs()}</script>"


def _figure(spec: Mapping[str, Any], name: str) -> str:
    import plotly.io

    height = spec.get("layout", {}).get("height")
    return str(
        plotly.io.to_html(
            {"data": spec.get("data", []), "layout": spec.get("layout", {})},
            config={"displaylogo": False, "responsive": True},
            include_plotlyjs=False,
            include_mathjax=False,
            full_html=False,
            div_id=name,
            default_width="100%",
            default_height=f"{height}px" if height else FIGURE_HEIGHT,
            validate=False,
        )
    )


# --- small things ----------------------------------------------------------------------------------------------------


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _nbformat() -> Any:
    """The library, whose functions have no type hints."""
    import nbformat

    return nbformat


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Papermill's log to itself: what matters becomes an error."""
    logger = logging.getLogger("papermill")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set a variable for the programs started meanwhile, unless it is set."""
    if name in os.environ:
        yield
        return
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
