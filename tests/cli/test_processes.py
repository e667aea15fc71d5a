"""Does the command behave in a real process: light to start, quiet on standard output, and gentle on Ctrl-C?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli import small
from vtrade.adapters.sqlite import SqliteLog
from vtrade.services.runtime import verify

VTRADE = [sys.executable, "-m", "vtrade.cli"]


def test_help_imports_nothing_heavy(root: Path) -> None:
    code = "import sys, vtrade.cli; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True, text=True)
    heavy = {"numpy", "numba", "pandas", "pyarrow", "papermill", "nbconvert", "plotly", "redis", "openai", "IPython"}
    assert set(done.stdout.split()) & heavy == set()


def test_replay_is_the_same_in_two_processes(root: Path, tmp_path: Path) -> None:
    tape = small.tape_file(tmp_path)
    orders = small.orders_file(tmp_path / "O.csv", *(small.row(second, f"c{second}") for second in range(50)))
    found = []
    for name in ("one", "two"):
        command = [*VTRADE, "replay", str(tape), "--orders", str(orders), "--out", str(tmp_path / name), "--json"]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        found.append(json.loads(done.stdout)["state_hash"])
    assert found[0] == found[1]


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal to pretend with: a Unix system")
def test_ctrl_c_in_the_middle_of_a_replay(root: Path, tmp_path: Path) -> None:
    tape = small.tape_file(tmp_path, seconds=200)
    header = "ts_ns,account,client_order_id,symbol,side,type,quantity"
    lines = (
        f"{small.OPEN_NS + number * 1_000_000},a{number % 9},c{number},ACME,buy,market,1" for number in range(150_000)
    )
    orders = tmp_path / "O.csv"
    orders.write_text("\n".join([header, *lines]))
    out = tmp_path / "D"
    terminal, screen = os.openpty()
    command = [*VTRADE, "replay", str(tape), "--orders", str(orders), "--out", str(out), "--no-risk", "--json"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=screen, text=True) as process:
        os.close(screen)
        seen = _until(terminal, "replaying")  # the bar that shows after a second of work
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=120)
        seen += _until(terminal, None)
    os.close(terminal)
    assert process.returncode == 130, seen
    assert "Traceback" not in seen
    text = json.loads(said)["error"]
    assert text.startswith("stopped at 09:")
    assert "of 150,000 orders" in text
    assert f"error: {text}".split() == seen[seen.rindex("error: ") :].split()
    assert [path.name for path in out.iterdir()] == ["journal.vtrade"]
    with SqliteLog(out / "journal.vtrade", read_only=True) as log:
        last = log.last()
    assert last is not None
    assert 0 < last.seq < 150_000
    done = subprocess.run([*VTRADE, "verify", str(out / "journal.vtrade")], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _until(terminal: int, text: str | None, *, timeout_s: float = 120) -> str:
    """What a terminal shows, up to ``text`` or to its end."""
    seen = b""
    deadline = time.monotonic() + timeout_s
    while (text is None or text.encode() not in seen) and time.monotonic() < deadline:
        try:
            more = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        if not more:
            break
        seen += more
    return seen.decode(errors="replace")


def test_a_killed_replay_keeps_what_was_committed(root: Path, tmp_path: Path) -> None:
    tape = small.tape_file(tmp_path)
    orders = small.orders_file(
        tmp_path / "O.csv", *(small.row(number / 1_000, f"c{number}", quantity=1) for number in range(40_000))
    )
    out = tmp_path / "D"
    command = [*VTRADE, "replay", str(tape), "--orders", str(orders), "--out", str(out)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if (out / "journal.vtrade-wal").exists() and (out / "journal.vtrade-wal").stat().st_size > 100_000:
                break
            time.sleep(0.01)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not (out / "fills.csv").exists()
    with SqliteLog(out / "journal.vtrade", read_only=True) as log:
        verdict = verify(log)
    assert verdict.ok, verdict
    again = subprocess.run([*command, "--overwrite"], cwd=root, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert len(small.table(out / "orders.csv")) == 40_000
