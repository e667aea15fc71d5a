"""What do all commands of the shell share: errors in one line, one JSON document, progress, tables?

Rules: exit code 0 is fine, 1 refused or differing, 2 wrong usage, 130 stopped by Ctrl-C. An error is one line on
standard error. With ``--json`` standard output holds one JSON document and nothing else. Progress is drawn on standard
error, only where that is a terminal and the work takes longer than a second.
"""

from __future__ import annotations

import functools
import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Final, TypeVar

import typer

from vtrade.errors import VTradeError

SHOW_AFTER_S: Final = 1.0
"""Progress is drawn for what takes longer than this."""
STOPPED: Final = 130
COLLECT_AFTER: Final = (50_000, 20, 50)
"""Objects more than before, young collections and middle ones after which the next older ones are looked through."""
SWITCH_S: Final = 0.002
"""A thread that computes lets another one go on after so long."""
PLAIN_WIDTH: Final = 160
"""Columns of a table that no terminal shows."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Tick = Callable[[int, int], None]
_F = TypeVar("_F", bound=Callable[..., Any])


def told(command: _F) -> _F:
    """Turn an expected error into one line and an exit code."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except VTradeError as error:
            text, code = str(error), 1
        except KeyboardInterrupt as error:
            text, code = str(error) or "stopped", STOPPED
        text = " ".join(text.split())
        if kwargs.get("as_json"):
            print_json({"error": text})
        print(f"error: {text}", file=sys.stderr)
        raise typer.Exit(code)

    return run  # type: ignore[return-value]


def print_json(document: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(document, allow_nan=False))


@contextmanager
def progress(what: str) -> Iterator[Tick]:
    """A bar that appears once the work has taken a while."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(what, total=None)
    timer = threading.Timer(SHOW_AFTER_S, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda done, total: bar.update(task, completed=done, total=total)
    finally:
        timer.cancel()
        bar.stop()


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> None:
    """Print a table: the first ``left`` columns to the left, the others to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    drawn = Table(box=box.SIMPLE, pad_edge=False)
    for number, column in enumerate(columns):
        drawn.add_column(column, justify="left" if number < left else "right")
    for row in rows:
        drawn.add_row(*row)
    Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False).print(drawn)


def warm_up(*, synthetic: bool = False) -> None:
    """Compile the matching engine, and the synthetic market too, where that was not done on this machine."""
    with progress("compiling the matching engine (once)") as tick:
        from vtrade.execution.warm import is_warm, warm

        if is_warm():
            return
        warm(lambda _, done, total: tick(done, total))
    if synthetic:
        from vtrade.market.load import load_tape

        load_tape("synthetic:7")


def settle_down() -> None:
    """For a process that serves for long, with several threads.

    The collector of cycles looks rarely, and never at what is there already: nearly everything is kept for good
    (orders, facts), and a collection that walks all of it stops everybody for as long as that takes. And a thread that
    has something to send waits less for one that computes.
    """
    import gc

    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    sys.setswitchinterval(SWITCH_S)
