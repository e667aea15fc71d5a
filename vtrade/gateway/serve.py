"""How is a gateway run, and how does it stop?

Rules: it stops on SIGTERM and Ctrl-C: nothing new is taken, streams are told, what was taken is finished, journals are
closed. It listens on the loopback unless it is told otherwise, and says so loudly where that is without TLS. The banner
names no software.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import uvicorn
from prometheus_client import start_http_server

from vtrade.errors import SettingsError
from vtrade.gateway.app import make_app
from vtrade.gateway.protocol import protocol_of
from vtrade.gateway.state import Gateway

DRAIN_S: Final = 20
"""Longest wait for requests that are being answered when the gateway stops, in seconds."""
KEEP_ALIVE_S: Final = 30
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """Where a gateway listens.

    Attributes
    ----------
    port : int
        0 takes any that is free.
    tls_cert, tls_key : Path or None
        Files in PEM form; both or none.
    metrics_port : int or None
        A port that shows metrics to anybody who reaches ``metrics_host``; ``None`` for none.
    prefix : str
        Beginning of every path.
    """

    host: str = "127.0.0.1"
    port: int = 8440
    tls_cert: Path | None = None
    tls_key: Path | None = None
    metrics_port: int | None = None
    metrics_host: str = "127.0.0.1"
    prefix: str = ""

    @property
    def tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.tls_cert is not None

    @property
    def in_the_clear(self) -> bool:
        """Whether tokens would cross a network unencrypted."""
        return not self.tls and self.host not in LOOPBACK


class Server(uvicorn.Server):
    """uvicorn's server, with our way of stopping. It is meant to be derived from."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and Ctrl-C, and be done: a gateway that was asked to stop has not failed."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say goodbye before anything is closed."""
        self._gateway.draining = True
        for stream in tuple(self._gateway.streams):
            stream.end(1001, "the gateway is being stopped; connect again in a moment")
        for _ in range(20):
            if not self._gateway.streams:
                break
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)


def check(listening: Listening) -> None:
    """Refuse what cannot be listened on.

    Raises
    ------
    SettingsError
    """
    if bool(listening.tls_cert) != bool(listening.tls_key):
        raise SettingsError("--tls-cert and --tls-key go together; give both or none")
    for path in (listening.tls_cert, listening.tls_key):
        if path is not None and not path.is_file():
            raise SettingsError(f"there is no file {path}; check the path")


def bound(listening: Listening) -> socket.socket:
    """A socket that nobody else has.

    Raises
    ------
    SettingsError
        If the address cannot be had.
    """
    check(listening)
    try:
        family = socket.getaddrinfo(listening.host, listening.port, type=socket.SOCK_STREAM)[0][0]
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((listening.host, listening.port))
    except OSError as error:
        raise SettingsError(
            f"{listening.host} port {listening.port} cannot be had: {error.strerror or error}; "
            "choose another with --port, 0 takes any that is free"
        ) from None
    sock.set_inheritable(True)
    return sock


def run(
    gateway: Gateway, listening: Listening, *, on_ready: Callable[[str], None], stop: threading.Event | None = None
) -> None:
    """Serve until it is told to stop.

    Parameters
    ----------
    on_ready : callable
        Called with the address once it listens.
    stop : threading.Event, optional
        Stops it from another thread; without it, signals do.
    """
    sock = bound(listening)
    host, port = sock.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    url = f"{'https' if listening.tls else 'http'}://{shown}:{port}{listening.prefix.rstrip('/')}"
    config = gateway.config
    options: dict[str, Any] = {}
    if listening.tls:
        options = {"ssl_certfile": str(listening.tls_cert), "ssl_keyfile": str(listening.tls_key)}
    made = uvicorn.Config(
        make_app(gateway, prefix=listening.prefix, tls=listening.tls), lifespan="on", http=protocol_of(config),
        ws="websockets-sansio", ws_max_size=config.frame_max, ws_ping_interval=config.ping_s,
        ws_ping_timeout=config.ping_s, timeout_keep_alive=KEEP_ALIVE_S, timeout_graceful_shutdown=DRAIN_S,
        limit_concurrency=config.connections_max, server_header=False, date_header=True, access_log=False,
        proxy_headers=False, log_config=None, backlog=1_024, **options,
    )  # fmt: skip
    server = Server(made, gateway, lambda: on_ready(url))
    metrics: Any = None
    if listening.metrics_port is not None:
        try:
            metrics, _ = start_http_server(
                listening.metrics_port, listening.metrics_host, registry=gateway.metrics.registry
            )
        except OSError as error:
            sock.close()
            raise SettingsError(
                f"port {listening.metrics_port} for metrics cannot be had ({error.strerror}); choose another"
            ) from None
    try:
        if stop is None:
            server.run(sockets=[sock])
        else:
            _run_in_thread(server, sock, stop)
    finally:
        if metrics is not None:
            metrics.shutdown()
            metrics.server_close()
        sock.close()
    if not server.started:
        raise SettingsError("the gateway could not start; its log says why")


def _run_in_thread(server: Server, sock: socket.socket, stop: threading.Event) -> None:
    ended = threading.Event()

    def watch() -> None:
        stop.wait()
        server.should_exit = True
        ended.set()

    threading.Thread(target=watch, name="vtrade-gateway-stop", daemon=True).start()
    server.run(sockets=[sock])
