"""How does one run the workers of a class from a shell, and rebuild what they show?

Rules: those of :mod:`vtrade.cli_shared`. A worker runs until it is told to stop (SIGTERM or Ctrl-C), then drains: what
it took is written, its snapshots are kept, and its group hears of it at once. It logs to standard error.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from vtrade.cli_shared import Json, print_json, progress, settle_down, told, warm_up

worker_app = typer.Typer(help="Do one part of the work behind a class.")


class RoleName(StrEnum):
    """What a worker does."""

    EXECUTION = "execution"
    PORTFOLIO = "portfolio"
    GAMIFICATION = "gamification"
    FEED = "feed"


class LogStyle(StrEnum):
    """How a worker writes its log."""

    JSON = "json"
    TEXT = "text"


File = Annotated[
    Path | None, typer.Option("--settings", help="Settings file instead of the one that came with VTrade.")
]


@contextmanager
def until_told() -> Iterator[threading.Event]:
    """An event that SIGTERM or Ctrl-C sets; a second one of them stops at once."""
    stop = threading.Event()

    def note(signum: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@worker_app.command()
@told
def worker(
    role: Annotated[RoleName, typer.Argument(help="What it does.")],
    metrics_port: Annotated[
        int | None, typer.Option(help="Port of its health and metrics page; 0 takes any that is free.")
    ] = None,
    log: Annotated[LogStyle, typer.Option(help="One JSON object a line, or text for people.")] = LogStyle.JSON,
    settings: File = None,
) -> None:
    """Run a worker: it takes its share of the rooms, and more of them run side by side."""
    from vtrade.bootstrap.backbone import run_worker, worker_name
    from vtrade.services.settings import load_settings
    from vtrade.services.workers.logs import start_logging

    known = load_settings(settings)
    quiet = start_logging(log.value, role=role.value, worker=worker_name(role.value))
    try:
        if role is RoleName.EXECUTION:
            warm_up()
        settle_down()
        with until_told() as stop:
            run_worker(
                role.value, known, stop, metrics_port=metrics_port,
                on_ready=lambda url: print(f"{role.value}: health and metrics at {url}", file=sys.stderr),
            )  # fmt: skip
    finally:
        quiet()


@worker_app.command()
@told
def rebuild(
    room: Annotated[str | None, typer.Argument(help="Which room; all of them without it.")] = None,
    settings: File = None,
    as_json: Json = False,
) -> None:
    """Write what Redis shows of rooms anew, from the log."""
    from vtrade.bootstrap.backbone import rebuild_rooms
    from vtrade.services.settings import load_settings

    with progress("rebuilding") as tick:
        rebuilt = rebuild_rooms(load_settings(settings), room, progress=tick)
    if as_json:
        print_json([{"room": one.room, "records": one.records, "accounts": one.accounts} for one in rebuilt])
        return
    for one in rebuilt:
        print(f"{one.room}: {one.records:,} records, {one.accounts:,} accounts")
    if not rebuilt:
        print("there are no rooms in the log")
