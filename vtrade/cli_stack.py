"""How does one start, stop and look at Kafka, Redis, the workers and the gateway from a shell?

Rules: those of :mod:`vtrade.cli_shared`. ``up`` and ``down`` may be said twice. A stack in a folder (``--local``) is
told from one in Docker by the folder: ``down`` and ``status`` look there first.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vtrade.cli_shared import Json, print_json, progress, table, told

if TYPE_CHECKING:
    from vtrade.services.settings import Settings
    from vtrade.services.stack.local import LocalStack
    from vtrade.services.stack.status import PartStatus

stack_app = typer.Typer(
    name="stack", help="Start, stop and look at Kafka, Redis, the workers and the gateway.", no_args_is_help=True
)

Local = Annotated[bool, typer.Option("--local", help="Without Docker: as processes of this machine, on the loopback.")]
Folder = Annotated[
    Path | None, typer.Option("--dir", help="Folder of a local stack: its data, logs and process ids.", metavar="DIR")
]
File = Annotated[
    Path | None, typer.Option("--settings", help="Settings file instead of the one that came with VTrade.")
]


def _settings(file: Path | None = None) -> Settings:
    from vtrade.services.settings import load_settings

    return load_settings(file)


def _make_topics(settings: Settings) -> None:
    """Make the topics that are missing, and tell of those that are not as the settings say."""
    from vtrade.adapters.kafka.topics import ensure_topics
    from vtrade.services.settings import kafka_settings

    report = ensure_topics(kafka_settings(settings), mend=True)
    if report.created:
        print(f"made the topics {', '.join(report.created)}", file=sys.stderr)
    for text in report.differs:
        print(f"mended: {text}", file=sys.stderr)


def _local(settings: Settings, folder: Path | None) -> LocalStack:
    from vtrade.services.stack.local import LocalStack

    return LocalStack(folder or settings.data_dir / "stack", settings=settings, prepare=_make_topics)


@stack_app.command()
@told
def up(
    local: Local = False,
    folder: Folder = None,
    only: Annotated[
        Literal["servers"] | None, typer.Option(help="Kafka and Redis, without workers and gateway.")
    ] = None,
    monitoring: Annotated[
        bool, typer.Option("--monitoring", help="Prometheus and Grafana too (with Docker only).")
    ] = False,
    scale: Annotated[
        list[str] | None, typer.Option(metavar="WORKER=COUNT", help="More workers of a kind (with Docker only).")
    ] = None,
    settings: File = None,
    as_json: Json = False,
) -> None:
    """Start what is not running yet, and wait until it answers."""
    from vtrade.services.settings import LOOPBACK
    from vtrade.services.stack import compose
    from vtrade.services.stack.parts import TOKEN_FILE

    chosen, counts = _settings(settings), compose.read_scale(scale or [])
    if local or folder is not None:
        if monitoring or counts:
            raise typer.BadParameter("--monitoring and --scale need Docker; leave --local and --dir out")
        stack = _local(chosen, folder)
        with progress("starting (the first time fetches Kafka)") as tick:
            stack.up(servers_only=only == "servers", progress=tick)
        rows, host, token = stack.status(), LOOPBACK, f"in {stack.folder / 'gateway' / TOKEN_FILE}"
    else:
        compose.up(monitoring=monitoring, servers_only=only == "servers", scale=counts, file=settings)
        rows, host = compose.status(), chosen.gateway_host
        token = f"told by: docker compose --project-name vtrade exec gateway cat {TOKEN_FILE}"
    _show(rows, as_json=as_json)
    if as_json:
        return
    if only == "servers":
        print(f"Kafka is at {LOOPBACK}:{chosen.kafka_port}, Redis at redis://{LOOPBACK}:{chosen.redis_port}/0")
    else:
        print(f"The gateway is at http://{host}:{chosen.gateway_port}; its owner's token is {token}")


@stack_app.command()
@told
def down(local: Local = False, folder: Folder = None, as_json: Json = False) -> None:
    """Stop everything that runs, the gateway first and Kafka last; nothing is lost."""
    from vtrade.services.stack import compose

    stack = _local(_settings(), folder)
    if local or folder is not None or stack.is_here():
        ended = stack.down()
        text = ", ".join(f"{part} {how}" for part, how in ended.items() if how != "absent") or "nothing was running"
    else:
        compose.down()
        ended, text = {}, "stopped"
    if as_json:
        print_json({"ended": ended})
    else:
        print(text)


@stack_app.command()
@told
def status(local: Local = False, folder: Folder = None, as_json: Json = False) -> None:
    """Say of each part whether it runs and is well; exit code 1 where one is not."""
    from vtrade.services.stack import compose
    from vtrade.services.stack.status import all_fine

    settings = _settings()
    stack = _local(settings, folder)
    asked = local or folder is not None or stack.is_here() or not compose.has_docker()
    rows = stack.status() if asked else compose.status()
    _show(rows, as_json=as_json)
    if not all_fine(rows):
        raise typer.Exit(1)


@stack_app.command()
@told
def topics(as_json: Json = False) -> None:
    """Make the topics that are missing on the Kafka that VTRADE_KAFKA names."""
    from vtrade.adapters.kafka.topics import ensure_topics
    from vtrade.services.settings import kafka_settings

    settings = _settings()
    report = ensure_topics(kafka_settings(settings), mend=True)
    if as_json:
        print_json({"kafka": settings.kafka, "created": report.created, "mended": report.differs})
        return
    print(f"{settings.kafka}: made {', '.join(report.created) or 'nothing, all topics are there'}")
    for text in report.differs:
        print(f"mended: {text}")


def _show(rows: list[PartStatus], *, as_json: bool) -> None:
    from vtrade.services.stack.status import COLUMNS, all_fine

    if as_json:
        print_json({"fine": all_fine(rows), "parts": [row.to_dict() for row in rows]})
    else:
        table(COLUMNS, [row.to_text() for row in rows], left=3)
