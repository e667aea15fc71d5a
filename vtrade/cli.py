"""What can one do with VTrade from a shell?

Rules: those of :mod:`vtrade.cli_shared`. Commands import what they need when they run, so that ``vtrade --help``
answers at once.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand

import vtrade
from vtrade.cli_serve import class_app, serve_app
from vtrade.cli_shared import Json, print_json, progress, table, told, warm_up
from vtrade.cli_stack import stack_app
from vtrade.cli_worker import worker_app
from vtrade.domain.rules import Beyond, QueueModel
from vtrade.ports import Log

DESK_NOTEBOOK: Final = "trading_desk"
DESK_FOLDER: Final = Path("vtrade-desk")
DESK_PAGE: Final = Path("desk.html")
TAPE_HELP: Final = "The market: synthetic:7, exchange:7, sample:AAPL, lobster:FILE.zip, ohlcv:FILE.csv, or a path."
MADE: Final = ("sample:", "synthetic:", "exchange:")
"""Formats of tapes that lie in no file."""

app = typer.Typer(
    name="vtrade",
    help="VTrade: a market you can hold in a notebook.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(serve_app)
app.add_typer(class_app, name="class")
app.add_typer(stack_app)
app.add_typer(worker_app)


def main() -> None:
    """Run the command line."""
    app()


# --- what all commands share -----------------------------------------------------------------------------------------


def _load(spec: str) -> Any:
    """The tape a person named."""
    from vtrade.market.load import load_tape

    with progress(f"loading {spec}"):
        return load_tape(spec)


def _open_journal(path: Path) -> Log:
    from vtrade import bootstrap

    return bootstrap.open_journal(path)


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C finish the commit at hand; a second one stops at once."""
    asked = threading.Event()

    def note(signum: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"vtrade {vtrade.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Trade, replay, prove, report and measure."""


# --- desk ------------------------------------------------------------------------------------------------------------


@app.command()
@told
def desk(
    headless: Annotated[bool, typer.Option("--headless", help="Without a screen: write an HTML page.")] = False,
    tape: Annotated[str | None, typer.Option(metavar="TAPE", help=TAPE_HELP)] = None,
    out: Annotated[Path, typer.Option(help="The page that --headless writes.")] = DESK_PAGE,
    folder: Annotated[Path, typer.Option("--dir", help="Your folder; the notebook is copied there.")] = DESK_FOLDER,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of JupyterLab.")] = None,
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
    as_json: Json = False,
) -> None:
    """Open JupyterLab on the trading desk, or write the desk as a page."""
    from vtrade.services import notebooks

    source = notebooks.find_notebook(DESK_NOTEBOOK)
    if tape is not None:
        _load(tape)  # a slip in the name is told here, not in a cell
    warm_up(synthetic=True)
    if headless:
        parameters: dict[str, Any] = {"headless": True}
        _make_page(source, {**parameters, **({} if tape is None else {"tape": tape})}, out, code=True, as_json=as_json)
        return
    parameters = {} if tape is None else {"tape": _absolute(tape)}
    copy, made = notebooks.working_copy(source, folder, parameters=parameters)
    print(f"{'Your notebook' if made else 'Your notebook, as you left it'}: {copy}", file=sys.stderr)
    raise typer.Exit(_jupyterlab(copy, port=port, browser=browser))


def _jupyterlab(notebook: Path, *, port: int | None, browser: bool) -> int:
    command = [sys.executable, "-m", "jupyterlab", notebook.name]
    command += [f"--ServerApp.port={port}"] if port is not None else []
    command += [] if browser else ["--no-browser"]
    # JupyterLab refuses to run as root unless told; in a container there is often nobody else
    command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    before = signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for JupyterLab, which asks back
    try:
        return 1 if subprocess.run(command, cwd=notebook.parent, check=False).returncode else 0
    finally:
        signal.signal(signal.SIGINT, before)


def _parts(spec: str) -> tuple[str, Path, str] | None:
    """Format, path and day of a tape that lies in a file or folder; ``None`` for one that does not."""
    named = re.fullmatch(r"([A-Za-z][A-Za-z0-9_+-]+:)?(.*?)(:\d{8})?", spec, re.DOTALL)
    if named is None or named[1] in MADE or not named[2] or not Path(named[2]).exists():
        return None
    return named[1] or "", Path(named[2]), named[3] or ""


def _absolute(spec: str) -> str:
    """A tape's name that means the same in another folder."""
    parts = _parts(spec)
    return spec if parts is None else f"{parts[0]}{parts[1].resolve()}{parts[2]}"


def _portable(spec: str) -> str:
    """A tape's name without the folder its file happens to lie in."""
    parts = _parts(spec)
    return spec if parts is None else f"{parts[0]}{parts[1].resolve().name}{parts[2]}"


# --- replay ----------------------------------------------------------------------------------------------------------


@app.command()
@told
def replay(
    tape: Annotated[str, typer.Argument(metavar="TAPE", help=TAPE_HELP)],
    out: Annotated[Path, typer.Option(help="Folder for fills.csv, orders.csv, account.csv and the journal.")],
    orders: Annotated[Path | None, typer.Option(metavar="ORDERS.csv", help="Orders to send.")] = None,
    cash: Annotated[str, typer.Option(help="What each account begins with.")] = "1000000",
    no_risk: Annotated[bool, typer.Option("--no-risk", help="Lift the limits of accounts, for studies.")] = False,
    queue_model: Annotated[
        QueueModel | None, typer.Option(help="Who stands before whom where the feed shows levels only.")
    ] = None,
    beyond: Annotated[
        Beyond | None, typer.Option(help="What a market order does that wants more than the visible book.")
    ] = None,
    latency_ms: Annotated[str | None, typer.Option(help="How long an order takes to the venue.")] = None,
    hidden: Annotated[str | None, typer.Option(help="Hidden lots behind each level, as a share of it.")] = None,
    impact: Annotated[
        str | None, typer.Option(help="Ticks by which an order as large as the touch moves the price for a while.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the results of an earlier run.")] = False,
    as_json: Json = False,
) -> None:
    """Send an order file through a market and write down what happened; rules that are not given follow the tape."""
    from vtrade.domain.accounts import NO_LIMITS, RiskLimits
    from vtrade.services.orderfile import OrderFile, read_orders
    from vtrade.services.replay import replay as run
    from vtrade.services.rules import rules_for

    market = _load(tape)
    rules = rules_for(
        market, queue_model=queue_model, beyond=beyond, latency_ms=latency_ms, hidden=hidden, impact=impact
    )
    file = OrderFile(Path(), ()) if orders is None else read_orders(orders, tape=market)
    warm_up()
    started = time.perf_counter()
    with progress("replaying") as tick, _asked_to_stop() as stop:
        result = run(
            market, file.messages, out=out, open_log=_open_journal, cash=cash, overwrite=overwrite,
            limits=NO_LIMITS if no_risk else RiskLimits(), rules=rules, tape_name=_portable(tape),
            inputs=[] if orders is None else [orders], progress=tick, stop=stop,
        )  # fmt: skip
    seconds = time.perf_counter() - started
    notes = []
    if file.moved:
        notes.append(f"{file.moved:,} rows of {orders} stood behind later ones and were sorted by ts_ns")
    if orders is not None and not file.messages:
        notes.append(f"{orders} has no orders")
    if as_json:
        print_json({**result.to_dict(), "seconds": round(seconds, 6), "notes": notes})
        return
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    print(
        f"{result.tape}: {result.events:,} events, {result.orders:,} orders, {result.fills:,} fills in {seconds:.2f} s"
    )
    if result.statuses:
        print(", ".join(f"{count:,} {status.lower()}" for status, count in result.statuses.items()))
    if result.accounts:
        document = result.to_dict()["accounts"]
        money = ("nav", "cash", "realized_pnl", "unrealized_pnl", "fees")
        table(
            ["account", *(name.replace("_", " ") for name in money), "fills"],
            [[row["account"], *(f"{row[name]:,.2f}" for name in money), f"{row['fills']:,}"] for row in document],
        )
    print(f"written to {result.out}: fills.csv, orders.csv, account.csv, {result.journal.name}")
    print(f"state {result.state_hash}")


# --- verify ----------------------------------------------------------------------------------------------------------


@app.command()
@told
def verify(
    journal: Annotated[Path, typer.Argument(metavar="JOURNAL", help="A journal file; it may be in use.")],
    as_json: Json = False,
) -> None:
    """Recompute a journal from its inputs and name the first difference."""
    from vtrade import bootstrap

    warm_up()
    with progress("verifying") as tick:
        verdict = bootstrap.verify(journal, progress=tick)
    if as_json:
        names = ("ok", "records", "facts", "state_hash", "record", "fact_seq", "why")
        print_json({"journal": str(journal), **{name: getattr(verdict, name) for name in names}})
    else:
        print(f"{journal}: {verdict}")
    if not verdict.ok:
        raise typer.Exit(1)


# --- report ----------------------------------------------------------------------------------------------------------


class _Pairs(TyperCommand):
    """Reads ``-p KEY VALUE`` (and ``-p KEY=VALUE``)."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        rest, joined = list(args), []
        while rest:
            word = rest.pop(0)
            joined.append(word)
            if word in ("-p", "--parameter") and rest:
                key = rest.pop(0)
                if "=" not in key:
                    if not rest:
                        raise typer.BadParameter(f"-p {key} has no value; write -p {key} VALUE", ctx=ctx)
                    key = f"{key}={rest.pop(0)}"
                joined.append(key)
        return super().parse_args(ctx, joined)


@app.command(cls=_Pairs)
@told
def report(
    notebook: Annotated[str, typer.Argument(metavar="NOTEBOOK|NAME", help="A path, or the name of one of VTrade's.")],
    out: Annotated[Path, typer.Option(help="The page to write.")],
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", metavar="KEY VALUE", help="A parameter; may be repeated.")
    ] = None,
    code: Annotated[bool, typer.Option(help="Show the code of cells.")] = False,
    as_json: Json = False,
) -> None:
    """Run a notebook and write it as an HTML page that needs nothing else."""
    from vtrade.services import notebooks

    parameters: dict[str, Any] = {}
    for pair in parameter or []:
        key, _, text = pair.partition("=")
        if not key.isidentifier():
            raise typer.BadParameter(f"-p {key!r} is not the name of a parameter; write -p NAME VALUE")
        parameters[key] = _value(text)
    source = notebooks.find_notebook(notebook)
    notebooks.check_parameters(source, parameters)
    warm_up()
    _make_page(source, parameters, out, code=code, as_json=as_json)


def _value(text: str) -> Any:
    """A parameter as Papermill reads it: True, False, None, a number, else text."""
    words = {"True": True, "False": False, "None": None}
    if text in words:
        return words[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _make_page(source: Path, parameters: dict[str, Any], out: Path, *, code: bool, as_json: bool) -> None:
    from vtrade.services import notebooks

    started = time.perf_counter()
    with progress(f"running {source.name}") as tick:
        done = notebooks.run_notebook(
            source, parameters=parameters, keep=out.with_name(f"{out.stem}.failed.ipynb"), progress=tick
        )
    title = notebooks.title_of(done) or source.stem.replace("_", " ")
    notebooks.write_page(done, out, title=title, code=code)
    seconds = time.perf_counter() - started
    if as_json:
        print_json({"notebook": source.name, "parameters": parameters, "out": str(out), "seconds": round(seconds, 3)})
    else:
        print(f"written {out} ({out.stat().st_size / 1e6:.1f} MB) from {source.name} in {seconds:.1f} s")


# --- bench -----------------------------------------------------------------------------------------------------------


@app.command()
@told
def bench(
    suite: Annotated[str, typer.Argument(metavar="[SUITE]", help="Which suite, or all.")] = "all",
    as_json: Json = False,
) -> None:
    """Measure speed and memory on this machine, and compare with the goals."""
    from vtrade.bench import SUITES, measure

    if suite != "all" and suite not in SUITES:
        raise typer.BadParameter(f"there is no suite {suite!r}; choose one of all, {', '.join(SUITES)}")
    warm_up()
    with progress("measuring") as tick:
        rows = measure(suite, progress=tick)
    if as_json:
        print_json([row.to_dict() for row in rows])
        return
    table(
        ["suite", "what", "value", "goal", "met", "peer", "ratio", "memory"],
        [row.to_text() for row in rows],
        left=2,
    )


if __name__ == "__main__":
    main()
