"""How does one run a gateway from a shell, and a class on it?

Rules: those of :mod:`vtrade.cli_shared`. A token is printed once, or written to a file that only its owner may read.
The commands of a class talk to a gateway that runs, with the owner's or an instructor's token.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from vtrade.cli_shared import Json, print_json, settle_down, told
from vtrade.errors import AccessDenied, SettingsError, Unavailable, VTradeError

serve_app = typer.Typer(help="Run a gateway.")
class_app = typer.Typer(help="Make a class on a gateway that runs, and let people in.", no_args_is_help=True)

ANSWER_S: Final = 60.0
URL: Final = "http://127.0.0.1:8440"

Gateway = Annotated[str, typer.Option("--gateway", envvar="VTRADE_GATEWAY", help="Address of the gateway.")]
TokenFile = Annotated[
    Path | None, typer.Option("--token-file", help="File with your token; else VTRADE_TOKEN is taken.")
]


@serve_app.command()
@told
def serve(
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Everything in this process: no Kafka, no Redis.")
    ] = False,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; that of the settings, this machine alone.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="0 takes any that is free.")] = None,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Where rooms and tokens are kept.")] = None,
    tapes: Annotated[Path | None, typer.Option(metavar="DIR", help="Market data that rooms may name.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key, PEM.")] = None,
    owner_token_file: Annotated[
        Path | None, typer.Option(help="Write the first owner's token there instead of showing it.")
    ] = None,
    new_owner_token: Annotated[bool, typer.Option("--new-owner-token", help="Make another owner's token.")] = False,
    name: Annotated[list[str] | None, typer.Option("--name", help="A host name it is reached by; repeatable.")] = None,
    origin: Annotated[list[str] | None, typer.Option(help="Origin of pages that may call it; repeatable.")] = None,
    metrics_port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Metrics on the loopback.")] = None,
    hub_group: Annotated[list[str] | None, typer.Option(help="JupyterHub: GROUP=ROLE; repeatable.")] = None,
    settings: Annotated[
        Path | None, typer.Option("--settings", help="Settings file instead of the one that came with VTrade.")
    ] = None,
) -> None:
    """Run a gateway until it is told to stop: to rooms on Kafka and Redis, or, embedded, to those of this process."""
    from vtrade.bootstrap.gateway import backbone_parts, embedded_parts
    from vtrade.gateway import serve as running
    from vtrade.gateway.config import LOOPBACK_HOSTS, GatewayConfig
    from vtrade.gateway.hub import groups_of
    from vtrade.gateway.state import Gateway as State
    from vtrade.services.settings import load_settings

    known = load_settings(settings, tapes=tapes)
    host, port = host or known.gateway_host, known.gateway_port if port is None else port
    if metrics_port is None and not embedded:
        metrics_port = known.gateway_metrics_port
    listening = running.Listening(
        host=host, port=port, tls_cert=tls_cert, tls_key=tls_key, metrics_port=metrics_port,
        metrics_host=known.metrics_host,
        prefix=os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "").rstrip("/"),
    )  # fmt: skip
    running.check(listening)
    groups_of(hub_group or [])
    if embedded:
        parts = embedded_parts(data=data, tapes=known.tapes, hub_groups=hub_group or [])
    else:
        if data is not None:
            raise SettingsError(
                "--data belongs to --embedded: without it rooms are kept on Kafka; leave one of them out"
            )
        parts = backbone_parts(known, hub_groups=hub_group or [])
    named = (*(name or ()), *known.gateway_hosts)
    everywhere = host in ("0.0.0.0", "::") and not named
    config = GatewayConfig(
        hosts=("*",) if everywhere else (*LOOPBACK_HOSTS, host, *named),
        origins=(*(origin or ()), *known.gateway_origins),
    )
    if new_owner_token or not parts.directory.has_owner():
        _hand_out(parts.directory.new_owner().token, owner_token_file)
    if listening.in_the_clear:
        print(
            f"WARNING: this gateway listens on {host} without TLS: tokens and orders cross the network in the clear.\n"
            "         Give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that has them.",
            file=sys.stderr,
        )

    def on_ready(url: str) -> None:
        print(f"VTrade gateway at {url} ({'embedded' if embedded else 'on Kafka and Redis'}); Ctrl-C stops it")
        print(f"  make a room:    vtrade class create NAME --gateway {url}")
        print(f"  let people in:  vtrade class enrol NAME ana ben --gateway {url} --out tokens.csv")
        print(f"  as a student:   vt.connect({url + '/rooms/NAME'!r}, token=...)", flush=True)
        settle_down()

    running.run(State(parts, config), listening, on_ready=on_ready)


def _hand_out(token: str, file: Path | None) -> None:
    """Give somebody his token, once."""
    if file is None:
        print(f"owner's token (shown this once): {token}", flush=True)
        return
    _write_secret(file, f"{token}\n")
    print(f"owner's token written to {file}", flush=True)


def _write_secret(file: Path, text: str) -> None:
    """Write what only its owner may read."""
    try:
        file.unlink(missing_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            out.write(text)
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror or error}; choose another path") from None


# --- class -----------------------------------------------------------------------------------------------------------


def _token(file: Path | None) -> str:
    if file is None:
        found = os.environ.get("VTRADE_TOKEN", "")
    else:
        try:
            found = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{file} cannot be read ({error}); check the path") from None
    if not found.strip():
        raise SettingsError("there is no token; give --token-file, or set VTRADE_TOKEN")
    return found.strip()


def _call(method: str, gateway: str, path: str, token: str, body: Any = None) -> Any:
    import httpx

    try:
        answer = httpx.request(
            method, f"{gateway.rstrip('/')}{path}", json=body, timeout=ANSWER_S,
            headers={"authorization": f"Bearer {token}"}, trust_env=False,
        )  # fmt: skip
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(f"no gateway answers at {gateway} ({error}); start one: `vtrade serve --embedded`") from None
    try:
        told_back = answer.json()
    except ValueError:
        raise Unavailable(f"what answers at {gateway} is no gateway of VTrade (status {answer.status_code})") from None
    if answer.is_success:
        return told_back
    message = str(told_back.get("error", {}).get("message", answer.status_code))
    raise (AccessDenied if answer.status_code in (401, 403) else VTradeError)(message)


@class_app.command()
@told
def create(
    room: Annotated[str, typer.Argument(help="Name of the new room.")],
    tape: Annotated[
        str, typer.Option(help="Its market data: synthetic, exchange, sample:AAPL, or a file.")
    ] = "synthetic",
    cash: Annotated[str, typer.Option(help="Money a student begins with.")] = "1000000",
    rules: Annotated[str, typer.Option(help="tape, plain or realistic.")] = "tape",
    gateway: Gateway = URL,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """Make a room."""
    body = {"name": room, "tape": tape, "cash": cash, "rules": rules}
    made = _call("POST", gateway, "/v1/rooms", _token(token_file), body)
    if as_json:
        print_json(made)
    else:
        print(f"room {made['name']!r} trades {', '.join(made['symbols'][:8])}; it stands still until it is started")


@class_app.command()
@told
def enrol(
    room: Annotated[str, typer.Argument(help="Name of the room.")],
    names: Annotated[list[str] | None, typer.Argument(help="Who may come in.")] = None,
    roster: Annotated[
        Path | None, typer.Option(help="File with one name a line, or a CSV with a column account.")
    ] = None,
    role: Annotated[str, typer.Option(help="student, ta, instructor or observer.")] = "student",
    days: Annotated[float, typer.Option(help="How long their tokens are good.")] = 120,
    out: Annotated[Path, typer.Option(help="CSV of their tokens, for your eyes only.")] = Path("tokens.csv"),
    gateway: Gateway = URL,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """Let people in; their tokens go into a file that only you may read."""
    if out.exists():
        raise SettingsError(f"{out} exists, and may hold somebody's tokens; give another --out, or remove it")
    accounts = [*(names or ()), *(_roster(roster) if roster is not None else ())]
    if not accounts:
        raise SettingsError("nobody is named; give names, or a --roster")
    body = {"accounts": accounts, "role": role, "days": days}
    made = _call("POST", gateway, f"/v1/rooms/{quote(room, safe='')}/members", _token(token_file), body)["members"]
    lines = [
        "account,role,token,expires",
        *(_csv_row([m[k] for k in ("account", "role", "token", "expires")]) for m in made),
    ]
    _write_secret(out, "\n".join(lines) + "\n")
    if as_json:
        print_json({"room": room, "enrolled": [m["account"] for m in made], "out": str(out)})
    else:
        print(f"{len(made)} {'person' if len(made) == 1 else 'people'} may come into {room!r}; tokens are in {out}")


def _roster(file: Path) -> list[str]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = [row for row in csv.reader(lines) if row and row[0].strip()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"{file} cannot be read ({error}); write one name a line, in UTF-8") from None
    if not rows:
        return []
    heads = [cell.strip().lower() for cell in rows[0]]
    column = next((heads.index(word) for word in ("account", "name") if word in heads), None)
    return [row[column or 0].strip() for row in (rows if column is None else rows[1:]) if len(row) > (column or 0)]


def _csv_row(cells: list[str]) -> str:
    """Cells of a CSV row; one that a spreadsheet would take for a formula is made text."""
    safe = [f"'{cell}" if cell[:1] in ("=", "+", "-", "@") else cell for cell in cells]
    return ",".join(
        f'"{cell.replace(chr(34), chr(34) * 2)}"' if any(c in cell for c in ',"\n') else cell for cell in safe
    )


@class_app.command()
@told
def revoke(
    room: Annotated[str, typer.Argument(help="Name of the room.")],
    names: Annotated[list[str], typer.Argument(help="Whose tokens end.")],
    gateway: Gateway = URL,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """Take people's tokens away, at once."""
    token = _token(token_file)
    path = f"/v1/rooms/{quote(room, safe='')}/members/"
    done = {name: _call("DELETE", gateway, path + quote(name, safe=""), token)["revoked"] for name in names}
    if as_json:
        print_json({"room": room, "revoked": done})
    else:
        print(f"{sum(done.values())} token(s) of {room!r} are good no longer")


@class_app.command(name="list")
@told
def members(
    room: Annotated[str, typer.Argument(help="Name of the room.")],
    gateway: Gateway = URL,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """Who belongs to a room."""
    found = _call("GET", gateway, f"/v1/rooms/{quote(room, safe='')}/members", _token(token_file))["members"]
    if as_json:
        print_json(found)
        return
    for member in found:
        print(f"{member['account']:<24} {member['role']:<12} {member['expires'] or 'no good token'}")


def _do(room: str, gateway: str, token_file: Path | None, command: dict[str, Any]) -> None:
    body = {"commands": [{"type": "room", **command}], "wait_s": 5}
    (result,) = _call("POST", gateway, f"/v1/rooms/{quote(room, safe='')}/commands", _token(token_file), body)[
        "results"
    ]
    if result["status"] == "refused":
        raise VTradeError(result["detail"])


@class_app.command()
@told
def start(
    room: Annotated[str, typer.Argument(help="Name of the room.")],
    speed: Annotated[float, typer.Option(help="Times the market's own pace; 0 is as fast as it goes.")] = 1.0,
    gateway: Gateway = URL,
    token_file: TokenFile = None,
) -> None:
    """Let the market of a room move."""
    _do(room, gateway, token_file, {"action": "start", "speed": speed})
    print(f"{room!r} plays")


@class_app.command()
@told
def pause(
    room: Annotated[str, typer.Argument(help="Name of the room.")], gateway: Gateway = URL, token_file: TokenFile = None
) -> None:
    """Let the market of a room stand still."""
    _do(room, gateway, token_file, {"action": "pause"})
    print(f"{room!r} stands still")
