"""Is a worker alive, is it caught up, and what has it done? A page for Prometheus, and two for whoever restarts it.

Rules: the labels are the role and the partition, never a room or an account, so that the page stays small however many
there are. Counting needs no lock of the caller and waits for nothing. The server answers from a thread of its own, on
loopback unless told otherwise, and says nothing but numbers and one sentence about readiness.

======================  ===========================================================================================
page                    says
======================  ===========================================================================================
``/healthz``            200 as long as the worker's loop turns, else 503
``/readyz``             200 when it has its partitions and is caught up, else 503 and why not
``/metrics``            the text that Prometheus reads
======================  ===========================================================================================
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

LOOPBACK: Final = "127.0.0.1"
REQUEST_TIMEOUT_S: Final = 5.0
"""Longest wait for the rest of a request."""
CLOSE_S: Final = 0.1
"""Longest time until the server notices that it was closed."""
FIGURES_MAX: Final = 64
"""Most numbers a role can put on the page."""
BATCH_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds of the histogram of a batch's time."""

COUNTERS: Final = {
    "records_taken": "Records read and folded",
    "records_written": "Records written and known to be durable",
    "duplicates": "Records that had been folded before",
    "stale": "Records of a writer that another one had replaced",
    "refused": "Inbound records that the room refused",
    "dead_letters": "Records that could not be read and were put aside",
    "snapshots": "Snapshots saved",
    "restarts": "Times the loop recovered after an error",
    "fenced": "Times another worker had taken over",
    "redis_healed": "Rooms whose state in Redis was missing or old and was written anew",
    "redis_failed": "Writes to Redis that failed",
}  # fmt: skip
GAUGES: Final = {
    "lag_records": "Records not read yet",
    "lag_seconds": "Age of the newest record folded, when it was folded",
    "nav_lag_seconds": "Age of the newest values shown",
    "rooms": "Rooms open",
}

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Metrics:
    """The numbers of one worker.

    Parameters
    ----------
    role : str
        A label of everything.

    Examples
    --------
    >>> metrics = Metrics("portfolio")
    >>> metrics.count("records_taken", 3, partition=0)
    >>> metrics.level("lag_records", 17, partition=0)
    >>> metrics.batch(0.002)
    >>> metrics.figures({"rooms_halted": 0})
    >>> text = metrics.page().decode()
    >>> 'vtrade_records_taken_total{partition="0",role="portfolio"} 3.0' in text
    True
    >>> 'vtrade_portfolio_rooms_halted 0.0' in text
    True
    """

    def __init__(self, role: str) -> None:
        if not _NAME.fullmatch(role):
            raise ValueError(f"role {role!r} is no name for a metric; give small letters, digits and _")
        self.role = role
        self.registry = CollectorRegistry(auto_describe=False)
        labels = ("role", "partition")
        self._counters = {
            name: Counter(f"vtrade_{name}", text, labels, registry=self.registry) for name, text in COUNTERS.items()
        }
        self._gauges = {
            name: Gauge(f"vtrade_{name}", text, labels, registry=self.registry) for name, text in GAUGES.items()
        }
        self._batch = Histogram(
            "vtrade_batch_seconds", "Time of a batch, from reading to durable", ("role",),
            buckets=BATCH_S, registry=self.registry,
        ).labels(role)  # fmt: skip
        self._figures: dict[str, Gauge] = {}
        self._lock = threading.Lock()

    def count(self, name: str, more: float = 1, *, partition: int | None = None) -> None:
        """Add to one of ``COUNTERS``; without a partition where it belongs to none."""
        self._counters[name].labels(self.role, _label(partition)).inc(more)

    def level(self, name: str, value: float, *, partition: int | None = None) -> None:
        """Set one of ``GAUGES``."""
        self._gauges[name].labels(self.role, _label(partition)).set(value)

    def forget(self, partition: int) -> None:
        """A partition went to another worker: what it showed last is not true any more."""
        for gauge in self._gauges.values():
            gauge.remove_by_labels({"role": self.role, "partition": _label(partition)})

    def batch(self, seconds: float) -> None:
        """A batch took so long."""
        self._batch.observe(seconds)

    def figures(self, values: Mapping[str, float]) -> None:
        """Show a role's own numbers, see :meth:`vtrade.services.workers.role.Role.figures`.

        Raises
        ------
        ValueError
            If a name is none, or there are more than ``FIGURES_MAX``.
        """
        with self._lock:
            for name, value in values.items():
                gauge = self._figures.get(name)
                if gauge is None:
                    if not _NAME.fullmatch(name) or len(self._figures) >= FIGURES_MAX:
                        raise ValueError(f"figure {name!r} cannot be shown; give at most {FIGURES_MAX} plain names")
                    full = f"vtrade_{self.role}_{name}"
                    gauge = self._figures[name] = Gauge(full, f"{name} of this worker", registry=self.registry)
                gauge.set(value)

    def page(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)


def _label(partition: int | None) -> str:
    return "" if partition is None else str(partition)


class MetricsServer:
    """Serves the pages of one worker until it is closed.

    Parameters
    ----------
    metrics : Metrics
    host, port : str, int
        Where to listen; port 0 takes any free one, see :attr:`port`.
    alive, ready : callable
        Give an empty text where all is well, else one sentence why not.

    Examples
    --------
    >>> import urllib.request
    >>> with MetricsServer(Metrics("feed")) as server:
    ...     with urllib.request.urlopen(f"{server.url}/healthz", timeout=5) as answer:
    ...         answer.status, answer.read().decode().strip()
    (200, 'ok')
    """

    def __init__(
        self, metrics: Metrics, *, host: str = LOOPBACK, port: int = 0, alive: Callable[[], str] = str,
        ready: Callable[[], str] = str,
    ) -> None:  # fmt: skip
        pages: dict[str, Callable[[], tuple[HTTPStatus, bytes]]] = {
            "/healthz": lambda: _verdict(alive),
            "/readyz": lambda: _verdict(ready),
            "/metrics": lambda: (HTTPStatus.OK, metrics.page()),
        }
        self._server = _Server((host, port), _handler(pages))
        self.host = host
        self.port = int(self._server.server_address[1])
        """Where it listens."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(CLOSE_S,), name="vtrade-metrics", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Address of the pages."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def close(self) -> None:
        """Answer no more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(timeout=REQUEST_TIMEOUT_S)
        self._server.server_close()

    def __enter__(self) -> MetricsServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 16

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Somebody hung up; nothing to say about that."""


def _verdict(ask: Callable[[], str]) -> tuple[HTTPStatus, bytes]:
    try:
        why = ask()
    except Exception as error:  # who asks is to hear that something is wrong, not to wait
        why = f"the worker cannot say ({type(error).__name__})"
    status = HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK
    return status, f"{why or 'ok'}\n".encode()


def _handler(pages: Mapping[str, Callable[[], tuple[HTTPStatus, bytes]]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_TIMEOUT_S
        server_version = "vtrade"
        sys_version = ""

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def _answer(self, *, body: bool) -> None:
            page = pages.get(self.path.partition("?")[0])
            known = ", ".join(pages)
            status, text = page() if page else (HTTPStatus.NOT_FOUND, f"no such page; there are {known}\n".encode())
            self.send_response(status)
            self.send_header("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if body:
                self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            """Who looks at numbers is no event."""

    return Handler


__all__ = ["COUNTERS", "GAUGES", "Metrics", "MetricsServer"]
