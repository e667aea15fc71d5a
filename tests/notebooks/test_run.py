"""Do the notebooks run from top to bottom, and do they say what is true?"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.notebooks.pages import NOTEBOOKS, PLOTLY_MIME, named, of_cell, outputs

Run = Callable[..., Any]
CONFIG = Path(__file__).with_name("sanitize.cfg")
ORDERS = """ts_ns,account,client_order_id,symbol,side,type,quantity,limit_price
34260000000000,ana,a1,ACME,buy,market,1200,
34260000000000,ben,b1,ACME,buy,limit,1200,150.00
34320000000000,cleo,c1,ACME,sell,market,900,
34320000000000,cleo,c2,NONE,buy,market,100,
35100000000000,ana,a2,ACME,sell,market,1200,
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Execute a notebook by papermill in an empty folder; returns it with its outputs."""
    from papermill import execute_notebook

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLOTLY_RENDERER", "plotly_mimetype")

    def execute(name: str, **parameters: Any) -> Any:
        return execute_notebook(
            str(named(name)), str(tmp_path / "done.ipynb"), parameters, cwd=str(tmp_path), kernel_name="python3",
            progress_bar=False, store_widget_state=False,
        )  # fmt: skip

    return execute


@pytest.fixture
def replayed(tmp_path: Path) -> Callable[..., Path]:
    """Send orders into a short market; returns the folder of results."""
    from vtrade.adapters.sqlite import SqliteLog
    from vtrade.domain.accounts import NO_LIMITS, RiskLimits
    from vtrade.market.synthetic import synthetic
    from vtrade.services.orderfile import read_orders
    from vtrade.services.replay import replay

    def go(text: str, *, risk: bool = True) -> Path:
        file = tmp_path / "orders.csv"
        file.write_text(text, encoding="utf-8")
        tape = synthetic(5, symbols=["ACME"], minutes=20)
        out = tmp_path / "out"
        replay(
            tape, read_orders(file, tape=tape).messages, out=out, open_log=SqliteLog,
            limits=RiskLimits() if risk else NO_LIMITS,
        )  # fmt: skip
        return out

    return go


def accounts(folder: Path) -> dict[str, dict[str, str]]:
    rows = csv.DictReader((folder / "account.csv").read_text(encoding="utf-8").splitlines())
    return {row["account"]: row for row in rows}


def summary(notebook: Any) -> dict[str, str]:
    """The summary table of a report, read back from its HTML."""
    (page,) = of_cell(notebook, "summary", "text/html")
    return dict(re.findall(r"<tr>\s*<th>(\w+)</th>\s*<td>(.*?)</td>", page))


# --- the desk --------------------------------------------------------------------------------------------------------


def test_the_desk_runs_without_a_screen(run: Run, tmp_path: Path) -> None:
    notebook = run("trading_desk", headless=True)
    assert "FILLED" in of_cell(notebook, "order")[0]
    assert "taker" in of_cell(notebook, "story")[0]
    assert "all equal" in of_cell(notebook, "verify")[0]
    assert len(outputs(notebook, PLOTLY_MIME)) == 5
    assert "vtrade-still" in of_cell(notebook, "open", "text/html")[0]
    assert list(tmp_path.glob("*.vtrade")) == [], "nothing is kept unless a journal is named"


def test_the_desk_runs_on_bars_and_keeps_what_one_did(run: Run, tmp_path: Path) -> None:
    import vtrade as vt

    notebook = run("trading_desk", headless=True, tape="sample:AAPL", journal="mine.vtrade")
    assert "bar" in of_cell(notebook, "story")[0]
    assert "all equal" in of_cell(notebook, "verify")[0]
    desk = vt.Desk(journal=tmp_path / "mine.vtrade")
    assert len(desk.orders()) == 2
    assert desk.buy("AAPL", 1).id == 3
    desk.close_desk()


def test_the_desk_runs_on_a_day_of_nasdaq(run: Run, data_dir: Path) -> None:
    day = data_dir / "lobster" / "LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"
    notebook = run("trading_desk", headless=True, tape=f"lobster:{day}")
    assert "AMZN" in of_cell(notebook, "order")[0]
    assert "all equal" in of_cell(notebook, "verify")[0]


# --- the lesson ------------------------------------------------------------------------------------------------------


def test_the_lesson_says_the_same_with_other_orders(run: Run) -> None:
    notebook = run("01_orders_and_the_book", seed=3, size=900)
    assert "level 2" in of_cell(notebook, "finish")[0]
    assert "all equal" in of_cell(notebook, "proof")[0]
    assert len(outputs(notebook, PLOTLY_MIME)) == 6


def test_an_answer_of_ones_own_is_checked_and_counted() -> None:
    def play(ident: str, answer: str) -> dict[str, Any]:
        names: dict[str, Any] = {}
        for cell in lesson():
            source = f"{ident} = {answer}" if cell.source.startswith(f"{ident} = None") else cell.source
            exec(compile(source, cell.id, "exec"), names)
            if cell.id == "spread-check":
                return names
        raise AssertionError("the lesson has no such question")

    names = play("my_spread", "book.ask[0] - book.bid[0]")
    xp = names["desk"].progress.xp
    names["desk"].close_desk()
    shown = play("my_spread", "None")
    assert shown["desk"].progress.xp == xp - 10, "looking up a solution earns nothing"
    shown["desk"].close_desk()
    with pytest.raises(AssertionError, match="lowest ask minus the highest bid"):
        play("my_spread", "1.0")


def lesson() -> list[Any]:
    """Code cells of the lesson, as far as the first check."""
    import nbformat

    cells = nbformat.read(named("01_orders_and_the_book"), as_version=4).cells
    keep = ("parameters", "open", "plan", "book", "spread-answer", "spread-solution", "spread-check")
    return [cell for cell in cells if cell.id in keep]


# --- the report ------------------------------------------------------------------------------------------------------


def test_the_report_has_the_numbers_of_account_csv(run: Run, replayed: Callable[..., Path]) -> None:
    folder = replayed(ORDERS)
    notebook = run("trader_report", journal=str(folder / "journal.vtrade"), title="A day's work")
    expected = accounts(folder)
    assert list(expected) == ["ana", "ben", "cleo"]
    assert {"account": "ana", **summary(notebook)} == expected["ana"]
    assert "A day's work" in of_cell(notebook, "heading", "text/markdown")[0]
    everybody = "".join(of_cell(notebook, "all-accounts", "text/html"))
    assert "ben" in everybody
    assert "cleo" in everybody


def test_the_report_tells_refusals_and_their_reasons(run: Run, replayed: Callable[..., Path]) -> None:
    folder = replayed(ORDERS)
    notebook = run("trader_report", journal=str(folder / "journal.vtrade"), account="cleo")
    assert {"account": "cleo", **summary(notebook)} == accounts(folder)["cleo"]
    page = "".join(of_cell(notebook, "refusals", "text/html"))
    assert "SHORT_NOT_ALLOWED" in page
    assert "UNKNOWN_SYMBOL" in page
    assert "None." in of_cell(notebook, "fills", "text/html")[0]


def test_the_report_of_a_short_seller(run: Run, replayed: Callable[..., Path]) -> None:
    folder = replayed(ORDERS, risk=False)
    notebook = run("trader_report", journal=str(folder / "journal.vtrade"), account="cleo")
    assert summary(notebook)["market_value"].startswith("-")
    assert "SHORT" in of_cell(notebook, "positions", "text/html")[0]


def test_the_report_of_nobody(run: Run, replayed: Callable[..., Path]) -> None:
    notebook = run("trader_report", journal=str(replayed(ORDERS.splitlines()[0] + "\n") / "journal.vtrade"))
    assert "Nobody" in of_cell(notebook, "heading", "text/markdown")[0]
    assert "all are equal" in of_cell(notebook, "proof", "text/markdown")[0]


def test_the_report_of_a_desk(run: Run, tmp_path: Path) -> None:
    import vtrade as vt

    desk = vt.Desk(vt.synthetic(2, symbols=["ACME", "FUEL"], minutes=5), journal=tmp_path / "mine.vtrade")
    desk.buy("ACME", 300)
    desk.buy("FUEL", 300)
    desk.step(seconds=120)
    desk.close("FUEL")
    nav, state = desk.nav, desk.state_hash
    desk.close_desk()
    notebook = run("trader_report", journal=str(tmp_path / "mine.vtrade"))
    assert float(summary(notebook)["nav"]) == nav
    assert state in of_cell(notebook, "proof", "text/markdown")[0]
    assert "0 of" not in of_cell(notebook, "costs", "text/markdown")[0]


def test_no_report_of_what_is_not_there_or_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replayed: Callable[..., Path]
) -> None:
    import sqlite3

    import nbformat

    from vtrade.cli import app

    monkeypatch.chdir(tmp_path)

    def refused(journal: str, *more: str) -> str:
        command = ["report", "trader_report", "--out", "page.html", "-p", "journal", journal, *more]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 1
        assert not Path("page.html").exists()
        kept = nbformat.read("page.failed.ipynb", as_version=4)
        told = [o.traceback for cell in kept.cells for o in cell.get("outputs", ()) if o.output_type == "error"]
        assert len(told) == 1, "one cell tells it"
        assert len("".join(told[0]).splitlines()) == 1, "in one line"
        return done.output

    assert "there is no journal missing.vtrade; check the path" in " ".join(refused("missing.vtrade").split())
    journal = replayed(ORDERS) / "journal.vtrade"
    assert "zoe" in refused(str(journal), "-p", "account", "zoe")
    with sqlite3.connect(journal) as db:
        seq, facts = db.execute(
            "SELECT seq, facts FROM log WHERE instr(facts, CAST('Fill' AS BLOB)) LIMIT 1"
        ).fetchone()
        db.execute("UPDATE log SET facts = ? WHERE seq = ?", (facts.replace(b"ana", b"bob"), seq))
    db.close()
    said = " ".join(refused(str(journal)).split())
    assert "not what was recorded" in said
    assert f"record {seq} differs" in said


# --- stored outputs --------------------------------------------------------------------------------------------------


def test_stored_outputs_come_out_again(tmp_path: Path) -> None:
    import shutil

    for path in NOTEBOOKS:
        shutil.copy(path, tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = [
        sys.executable, "-m", "pytest", "--nbval", "--nbval-sanitize-with", str(CONFIG),
        "--nbval-kernel-name", "python3", "--nbval-cell-timeout", "240", "-q", "-p", "no:cacheprovider",
        "-c", "pytest.ini", ".",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PLOTLY_RENDERER": "plotly_mimetype"}
    )
    assert done.returncode == 0, f"python -m tests.notebooks.store brings them up to date\n{done.stdout[-6_000:]}"
