"""Does each command do its work, answer in JSON, and end with the right code and one line when it cannot?"""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import vtrade
from tests.cli import small
from tests.services.test_notebooks import notebook, sources
from vtrade import cli
from vtrade.adapters.sqlite import SqliteLog
from vtrade.bench import Row
from vtrade.market.load import load_tape
from vtrade.services import notebooks

row = small.row


def run(*words: object) -> Result:
    return CliRunner().invoke(cli.app, [str(word) for word in words])


def document(result: Result) -> Any:
    """The one JSON document on standard output."""
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)


def refused(result: Result, *says: str, code: int = 1) -> None:
    """One line on standard error, no traceback."""
    assert result.exit_code == code, result.output
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    for part in says:
        assert part in result.stderr


@pytest.fixture
def day(tmp_path: Path) -> tuple[Path, Path]:
    """A tape and an order file."""
    orders = small.orders_file(
        tmp_path / "O.csv",
        row(1, "a1", quantity=100),
        row(2, "a2", side="sell", quantity=50),
        row(3, "a3", symbol="NO"),
    )
    return small.tape_file(tmp_path), orders


# --- usage -----------------------------------------------------------------------------------------------------------


def test_version_and_help() -> None:
    assert run("--version").stdout == f"vtrade {vtrade.__version__}\n"
    text = run("--help").stdout
    assert [name for name in ("desk", "replay", "verify", "report", "bench") if name not in text] == []


@pytest.mark.parametrize(
    "words",
    [
        ("nope",), ("replay",), ("replay", "synthetic:7"), ("replay", "synthetic:7", "--out", "x", "--nope"),
        ("replay", "x", "--out", "x", "--beyond", "hope"), ("replay", "x", "--out", "x", "--queue-model", "5"),
        ("verify",), ("bench", "nope"), ("desk", "--port", "0"), ("report", "x", "--out", "y", "-p", "1a", "2"),
        ("report", "x", "--out", "y", "-p", "lonely"), ("report", "x", "--out", "y", "-p"),
    ],
)  # fmt: skip
def test_wrong_usage_is_2(words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Error" in result.stderr
    assert list(tmp_path.iterdir()) == []


# --- replay ----------------------------------------------------------------------------------------------------------


def test_replay_writes_its_tables_and_says_the_state(day: tuple[Path, Path], tmp_path: Path) -> None:
    tape, orders = day
    result = run("replay", tape, "--orders", orders, "--out", tmp_path / "D")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert "small market: 120 events, 3 orders, 2 fills in " in result.stdout
    assert "1 denied, 2 filled" in result.stdout
    state = result.stdout.splitlines()[-1]
    again = document(run("replay", f"parquet:{tape}", "--orders", orders, "--out", tmp_path / "E", "--json"))
    assert len(again["state_hash"]) == 64
    assert state.startswith("state ")
    assert sorted(path.name for path in (tmp_path / "D").iterdir()) == [
        "account.csv", "fills.csv", "journal.vtrade", "orders.csv",
    ]  # fmt: skip
    for name in ("account.csv", "fills.csv", "orders.csv"):
        assert (tmp_path / "D" / name).read_bytes() == (tmp_path / "E" / name).read_bytes()


def test_replay_json_agrees_with_the_tables(day: tuple[Path, Path], tmp_path: Path) -> None:
    tape, orders = day
    out = tmp_path / "D"
    found = document(run("replay", tape, "--orders", orders, "--out", out, "--cash", "250000", "--json"))
    assert (found["events"], found["orders"], found["fills"], found["notes"]) == (120, 3, 2, [])
    assert found["statuses"] == {"DENIED": 1, "FILLED": 2}
    assert found["journal"] == str(out / "journal.vtrade")
    assert found["seconds"] > 0
    (account,) = found["accounts"]
    (written,) = small.table(out / "account.csv")
    assert account.keys() == written.keys()
    assert {name: type(value)(written[name]) for name, value in account.items()} == account
    assert account["deposits"] == 250_000


def test_the_same_market_elsewhere_has_the_same_state(day: tuple[Path, Path], tmp_path: Path) -> None:
    tape, orders = day
    (tmp_path / "elsewhere").mkdir()
    moved = Path(shutil.copy(tape, tmp_path / "elsewhere"))
    one = document(run("replay", tape, "--orders", orders, "--out", tmp_path / "1", "--json"))
    two = document(run("replay", moved, "--orders", orders, "--out", tmp_path / "2", "--json"))
    assert one["state_hash"] == two["state_hash"]


def test_replay_without_limits(tmp_path: Path) -> None:
    tape = small.tape_file(tmp_path)
    orders = small.orders_file(tmp_path / "O.csv", row(1, "short", side="sell"))
    statuses = [
        document(run("replay", tape, "--orders", orders, "--out", tmp_path / name, "--json", *more))["statuses"]
        for name, more in (("risk", ()), ("free", ("--no-risk",)))
    ]
    assert statuses == [{"DENIED": 1}, {"FILLED": 1}]


def test_replay_notes(tmp_path: Path) -> None:
    tape = small.tape_file(tmp_path)
    orders = small.orders_file(tmp_path / "O.csv", row(5, "late"), row(1, "early"))
    result = run("replay", tape, "--orders", orders, "--out", tmp_path / "D")
    assert result.exit_code == 0
    assert result.stderr == f"note: 1 rows of {orders} stood behind later ones and were sorted by ts_ns\n"
    empty = small.orders_file(tmp_path / "none.csv")
    assert document(run("replay", tape, "--orders", empty, "--out", tmp_path / "E", "--json"))["notes"] == [
        f"{empty} has no orders"
    ]


def test_replay_by_rules_of_ones_own(tmp_path: Path) -> None:
    tape = small.tape_file(tmp_path)
    orders = small.orders_file(tmp_path / "O.csv", row(1, "a1", quantity=800), row(2, "a2", quantity=800))

    def fills(name: str, *more: str) -> tuple[dict[str, Any], list[list[str]]]:
        out = tmp_path / name
        found = document(run("replay", tape, "--orders", orders, "--out", out, "--json", *more))
        return found["rules"], [[fill["price"], fill["quantity"]] for fill in small.table(out / "fills.csv")]

    rules, usual = fills("usual")
    assert (rules["beyond"], rules["queue_model"], rules["latency"]["entry_ns"]) == ("square_root", "risk_averse", 0)
    assert [quantity for _, quantity in usual] == ["500", "300"] * 2
    rules, plain = fills("plain", "--beyond", "rest", "--latency-ms", "1.5", "--queue-model", "inferred")
    assert (rules["beyond"], rules["queue_model"], rules["latency"]["entry_ns"]) == ("rest", "inferred", 1_500_000)
    assert plain != usual
    rules, shy = fills("shy", "--hidden", "1", "--impact", "5")
    assert (rules["hidden_ppm"], rules["impact_ppm"]) == (1_000_000, 5_000_000)
    assert shy[0] == ["100.02", "500"], "what was shown"
    assert shy[1] == ["100.02", "300"], "and as much was hidden there"
    assert shy[2] != usual[2], "the first order's impact meets the second"


def test_replay_of_orders_that_ask_for_more_than_a_price(tmp_path: Path) -> None:
    tape = small.tape_file(tmp_path)  # the mid goes 100.00 .01 .02 .03 .02 .01, a second each, again and again
    orders = small.orders_file(
        tmp_path / "O.csv",
        row(0, "entry", quantity=10),
        row(0, "target", side="sell", type="limit", limit_price="100.04", flags="oco=x;parent=entry"),
        row(0, "guard", side="sell", type="stop_market", stop_price="99.00", flags="oco=x;parent=entry"),
        row(6, "again", quantity=10),
        row(6, "trail", side="sell", type="trailing_stop_market", flags="trail=0.01"),
        row(6, "shy", type="limit", limit_price="100.02", flags="post_only"),
        row(6, "brief", type="limit", limit_price="99.5", time_in_force="GTD",
            flags=f"expire_ns={small.OPEN_NS + 8 * small.S}"),
    )  # fmt: skip
    found = document(run("replay", tape, "--orders", orders, "--out", tmp_path / "D", "--json"))
    rows = {order["client_order_id"]: order for order in small.table(tmp_path / "D" / "orders.csv")}
    assert {name: order["status"] for name, order in rows.items()} == {
        "entry": "FILLED", "target": "ACCEPTED", "guard": "ACCEPTED", "again": "FILLED", "trail": "FILLED",
        "shy": "REJECTED", "brief": "EXPIRED",
    }  # fmt: skip
    assert (rows["target"]["flags"], rows["trail"]["flags"]) == ("oco=x;parent=entry", "trail=0.01")
    assert rows["brief"]["flags"] == f"expire_ns={small.OPEN_NS + 8 * small.S}"
    assert [rows[name]["reason"] for name in ("shy", "brief")] == ["POST_ONLY_WOULD_TAKE", "GOOD_TILL_DATE"]
    assert found["statuses"]["FILLED"] == 3
    assert document(run("verify", tmp_path / "D" / "journal.vtrade", "--json"))["ok"]


def test_replay_refusals_are_one_line(day: tuple[Path, Path], tmp_path: Path) -> None:
    tape, orders = day
    out = tmp_path / "D"
    refused(run("replay", tmp_path / "no.zip", "--out", out), "no.zip")
    refused(run("replay", tape, "--orders", tmp_path / "no.csv", "--out", out), "no such order file")
    refused(run("replay", tape, "--orders", tape, "--out", out), "not text in UTF-8")
    refused(run("replay", tape, "--out", out, "--latency-ms", "soon"), "latency_ms 'soon' is not a number")
    refused(run("replay", tape, "--out", out, "--hidden", "11"), "hidden_ppm 11000000 must be from 0 to 10000000")
    refused(run("replay", tape, "--out", out, "--cash", "much"), "cash 'much' is not a number")
    refused(run("replay", tape, "--out", tape / "D"), "cannot be written")
    assert not out.exists()
    bad = small.orders_file(tmp_path / "bad.csv", row(1, "a", side="byu"))
    refused(run("replay", tape, "--orders", bad, "--out", out), "bad.csv, row 2, column side: 'byu'", "'buy'?")
    assert run("replay", tape, "--orders", orders, "--out", out).exit_code == 0
    refused(run("replay", tape, "--orders", orders, "--out", out), "another run", "--overwrite")
    assert run("replay", tape, "--orders", orders, "--out", out, "--overwrite").exit_code == 0
    own = shutil.copy(orders, tmp_path / "orders.csv")
    refused(run("replay", tape, "--orders", own, "--out", tmp_path, "--overwrite"), "orders.csv was read")


def test_a_refusal_in_json_is_a_document_too(tmp_path: Path) -> None:
    result = run("replay", tmp_path / "no.zip", "--out", tmp_path / "D", "--json")
    assert "no.zip" in document(result)["error"]
    refused(result, document(result)["error"])


# --- verify ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def journal(day: tuple[Path, Path], tmp_path: Path) -> Path:
    tape, orders = day
    assert run("replay", tape, "--orders", orders, "--out", tmp_path / "D").exit_code == 0
    return tmp_path / "D" / "journal.vtrade"


def flip(path: Path, column: str, seq: int) -> None:
    """Change one byte of a record."""
    with sqlite3.connect(path) as db:
        (data,) = db.execute(f"SELECT {column} FROM log WHERE seq = ?", (seq,)).fetchone()
        changed = bytearray(data)
        changed[len(changed) // 2] ^= 1
        db.execute(f"UPDATE log SET {column} = ? WHERE seq = ?", (bytes(changed), seq))
    db.close()


def test_verify_says_fine(journal: Path) -> None:
    result = run("verify", journal)
    assert result.exit_code == 0
    assert "facts recomputed, all equal; state " in result.stdout
    found = document(run("verify", journal, "--json"))
    assert found["ok"] is True
    assert found["record"] is None
    assert found["state_hash"] in result.stdout


@pytest.mark.parametrize("column", ["message", "facts", "chain"])
def test_verify_names_the_record_that_was_changed(journal: Path, column: str) -> None:
    flip(journal, column, 5)
    result = run("verify", journal)
    assert result.exit_code == 1
    assert "record 5 differs" in result.stdout
    found = run("verify", journal, "--json")
    assert found.exit_code == 1
    assert (document(found)["ok"], document(found)["record"], document(found)["records"]) == (False, 5, 4)


def test_verify_while_a_desk_has_the_journal(journal: Path) -> None:
    with SqliteLog(journal):
        assert run("verify", journal).exit_code == 0


def test_verify_what_is_no_journal(journal: Path, tmp_path: Path) -> None:
    refused(run("verify", tmp_path / "no.vtrade"), "there is no journal")
    refused(run("verify", tmp_path), "there is no journal")
    (tmp_path / "text").write_text("hello " * 1000)
    refused(run("verify", tmp_path / "text"), str(tmp_path / "text"), "journal")
    (tmp_path / "empty").write_bytes(b"")
    refused(run("verify", tmp_path / "empty"), "is empty, not a VTrade journal")
    other = sqlite3.connect(tmp_path / "other")
    other.execute("CREATE TABLE t (x)")
    other.close()
    refused(run("verify", tmp_path / "other"), "no VTrade journal")


def test_verify_a_journal_that_was_cut_off(journal: Path, tmp_path: Path) -> None:
    whole = journal.read_bytes()
    cut = tmp_path / "cut.vtrade"
    for kept in (len(whole) // 4, len(whole) - 4096, 100):
        cut.write_bytes(whole[:kept])
        result = run("verify", cut)
        assert result.exit_code == 1
        assert len(result.output.splitlines()) == 1, result.output
        assert str(cut) in result.output


# --- notebooks -------------------------------------------------------------------------------------------------------


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "library"
    notebook(
        folder / "desk" / "trading_desk.ipynb",
        ("md", "# The desk"), ("parameters", "tape, headless = None, False"), "print('opened', tape, headless)",
    )  # fmt: skip
    notebook(
        folder / "report.ipynb", ("parameters", "who, cut, many, on = '', 0, 0, False"), "print([who, cut, many, on])"
    )
    notebook(folder / "fails.ipynb", ("parameters", "n = 0"), "int('x')")
    monkeypatch.setattr(notebooks, "notebooks_folder", lambda: folder)
    monkeypatch.chdir(tmp_path)
    return folder


def test_report_writes_a_page(library: Path, tmp_path: Path) -> None:
    page = tmp_path / "r.html"
    words = ("-p", "who", "ana", "-p", "cut=-0.5", "--parameter", "many", "-3", "-p", "on", "True")
    found = document(run("report", "report", "--out", page, *words, "--json"))
    assert found["parameters"] == {"who": "ana", "cut": -0.5, "many": -3, "on": True}
    text = page.read_text(encoding="utf-8")
    assert "['ana', -0.5, -3, True]" in text
    assert "who, cut, many" not in text


def test_report_says_which_cell_failed(library: Path, tmp_path: Path) -> None:
    result = run("report", "fails", "--out", tmp_path / "r.html", "-p", "n", "1")
    refused(result, "fails.ipynb, cell 2 failed: ValueError: invalid literal", "r.failed.ipynb shows it")
    assert (tmp_path / "r.failed.ipynb").exists()
    assert not (tmp_path / "r.html").exists()


def test_report_of_what_is_not_there(library: Path, tmp_path: Path) -> None:
    refused(run("report", "reprot", "--out", tmp_path / "r.html"), "did you mean 'report'?")
    refused(run("report", "report", "--out", tmp_path / "r.html", "-p", "whom", "x"), "no parameter 'whom'", "'who'?")
    refused(run("report", tmp_path / "O.ipynb", "--out", tmp_path / "r.html"), "no such notebook")


def test_desk_headless_writes_a_page(library: Path, tmp_path: Path) -> None:
    tape = small.tape_file(tmp_path)
    found = document(run("desk", "--headless", "--tape", tape.name, "--json"))
    assert found["out"] == "desk.html"
    text = (tmp_path / "desk.html").read_text(encoding="utf-8")
    assert "opened small.parquet True" in text
    assert "<title>The desk</title>" in text


def test_desk_opens_jupyterlab_on_a_copy(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[list[str], Path]] = []

    class Done:
        returncode = 0

    def start(command: list[str], *, cwd: Path, check: bool) -> Done:
        calls.append((command, cwd))
        return Done()

    monkeypatch.setattr(cli.subprocess, "run", start)
    tape = small.tape_file(tmp_path)
    shipped = (library / "desk" / "trading_desk.ipynb").read_bytes()
    result = run("desk", "--tape", f"parquet:{tape.name}", "--port", 9_999, "--no-browser")
    assert result.exit_code == 0, result.output
    command, folder = calls[0]
    assert command[1:4] == ["-m", "jupyterlab", "trading_desk.ipynb"]
    assert {"--ServerApp.port=9999", "--no-browser"} <= set(command)
    copy = folder / "trading_desk.ipynb"
    assert copy.resolve() == tmp_path / "vtrade-desk" / "trading_desk.ipynb"
    assert sources(copy)[2].splitlines()[-1] == f"tape = 'parquet:{tape}'", "a name that holds in another folder"
    assert (library / "desk" / "trading_desk.ipynb").read_bytes() == shipped
    assert run("desk", "--dir", "mine").exit_code == 0
    assert sources(tmp_path / "mine" / "trading_desk.ipynb")[1] == "tape, headless = None, False"
    assert len(sources(tmp_path / "mine" / "trading_desk.ipynb")) == 3
    Done.returncode = 7
    assert run("desk").exit_code == 1


def test_desk_says_at_once_that_a_tape_is_wrong(library: Path, tmp_path: Path) -> None:
    refused(run("desk", "--tape", "sampel:AAPL"), "did you mean 'sample'?")
    refused(run("desk", "--headless", "--tape", "synthetic:x"), "the seed is a whole number")
    assert not (tmp_path / "vtrade-desk").exists()


# --- bench -----------------------------------------------------------------------------------------------------------


def test_bench_prints_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        Row(
            suite="import",
            name="import vtrade",
            value=0.7,
            unit="s",
            better="lower",
            goal=0.5,
            peer="x",
            peer_value=1.4,
        ),
        Row(suite="orders", name="orders", value=None, unit="1/s", better="higher"),
    ]
    monkeypatch.setattr("vtrade.bench.measure", lambda suite, progress: [*rows] if suite == "import" else [])
    assert document(run("bench", "import", "--json")) == [
        {"suite": "import", "name": "import vtrade", "value": 0.7, "unit": "s", "better": "lower", "goal": 0.5,
         "met": False, "peer": "x", "peer_value": 1.4, "ratio": 2.0, "memory_mb": None},
        {"suite": "orders", "name": "orders", "value": None, "unit": "1/s", "better": "higher", "goal": None,
         "met": None, "peer": None, "peer_value": None, "ratio": None, "memory_mb": None},
    ]  # fmt: skip
    text = run("bench", "import").stdout
    assert "<= 0.5 s" in text
    assert "NO" in text
    assert "not measured" in text


# --- names of tapes --------------------------------------------------------------------------------------------------


def test_a_tape_is_named_without_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tape = small.tape_file(tmp_path)
    (tmp_path / "aapl").mkdir()
    (tmp_path / "AAPL").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path)
    assert cli._portable(str(tape)) == "small.parquet"
    assert cli._portable(f"parquet:{tape}") == "parquet:small.parquet"
    assert cli._portable(f"lean:{tmp_path}/aapl:20140609") == "lean:aapl:20140609"
    assert cli._absolute("lean:aapl:20140609") == f"lean:{tmp_path}/aapl:20140609"
    for same in ("sample:AAPL", "synthetic:7", "sample:all"):
        assert cli._portable(same) == cli._absolute(same) == same
    assert load_tape(cli._absolute("small.parquet")).name == "small market"
