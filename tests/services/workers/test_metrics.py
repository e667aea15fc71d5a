"""Does a worker's page say what the worker did, on loopback, in Prometheus' words, and nothing about students?"""

from __future__ import annotations

import http.client
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from vtrade.services.workers.metrics import COUNTERS, FIGURES_MAX, GAUGES, Metrics, MetricsServer


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def samples(metrics: Metrics) -> dict[tuple[str, str], float]:
    """Value by name and partition."""
    return {
        (sample.name, sample.labels.get("partition", "")): sample.value
        for family in text_string_to_metric_families(metrics.page().decode())
        for sample in family.samples
    }


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("portfolio")


@pytest.fixture
def server(metrics) -> Iterator[MetricsServer]:
    with MetricsServer(metrics) as running:
        yield running


@pytest.mark.parametrize("name", COUNTERS)
def test_what_is_counted_stands_on_the_page_by_partition(metrics, name):
    metrics.count(name, 2, partition=3)
    metrics.count(name, partition=3)
    metrics.count(name, 10)
    found = samples(metrics)
    assert found[f"vtrade_{name}_total", "3"] == 3
    assert found[f"vtrade_{name}_total", ""] == 10


@pytest.mark.parametrize("name", GAUGES)
def test_a_level_is_the_last_one_and_goes_with_its_partition(metrics, name):
    metrics.level(name, 5, partition=1)
    metrics.level(name, 2.5, partition=1)
    metrics.level(name, 8, partition=2)
    assert samples(metrics)[f"vtrade_{name}", "1"] == 2.5
    metrics.forget(1)
    metrics.forget(7)
    found = samples(metrics)
    assert (f"vtrade_{name}", "1") not in found
    assert found[f"vtrade_{name}", "2"] == 8


def test_times_of_batches_are_a_histogram(metrics):
    for seconds in (0.0005, 0.02, 0.02, 30):
        metrics.batch(seconds)
    text = metrics.page().decode()
    assert 'vtrade_batch_seconds_bucket{le="0.001",role="portfolio"} 1.0' in text
    assert 'vtrade_batch_seconds_bucket{le="0.025",role="portfolio"} 3.0' in text
    assert 'vtrade_batch_seconds_count{role="portfolio"} 4.0' in text


def test_each_worker_has_numbers_of_its_own(metrics):
    other = Metrics("portfolio")
    metrics.count("restarts")
    assert ("vtrade_restarts_total", "") not in samples(other)


def test_labels_are_the_role_and_the_partition_and_nothing_else(metrics):
    for name in COUNTERS:
        metrics.count(name, partition=0)
    for name in GAUGES:
        metrics.level(name, 1, partition=0)
    metrics.batch(0.1)
    metrics.figures({"rooms_halted": 1})
    for family in text_string_to_metric_families(metrics.page().decode()):
        assert family.name.startswith("vtrade_")
        for sample in family.samples:
            assert set(sample.labels) <= {"role", "partition", "le"}


def test_figures_of_a_role_are_bounded_and_have_plain_names(metrics):
    metrics.figures({f"n{k}": k for k in range(FIGURES_MAX)})
    metrics.figures({"n1": 7})
    assert samples(metrics)["vtrade_portfolio_n1", ""] == 7
    with pytest.raises(ValueError, match="'more' cannot be shown"):
        metrics.figures({"more": 1})
    for name in ("room a", "ana/1", "", "x{y}"):
        with pytest.raises(ValueError, match="cannot be shown"):
            Metrics("feed").figures({name: 1})
    with pytest.raises(ValueError, match="role"):
        Metrics("no role")


def test_the_page_can_be_fetched_and_read(metrics, server):
    metrics.count("records_taken", 5, partition=0)
    status, text = get(f"{server.url}/metrics")
    assert status == 200
    assert 'vtrade_records_taken_total{partition="0",role="portfolio"} 5.0' in text


def test_it_listens_on_loopback_alone(server):
    assert server.url == f"http://127.0.0.1:{server.port}"
    assert server._server.server_address[0] == "127.0.0.1"


def test_health_and_readiness_say_why_not():
    why = {"alive": "", "ready": "12 records to go"}
    with MetricsServer(Metrics("feed"), alive=lambda: why["alive"], ready=lambda: why["ready"]) as server:
        assert get(f"{server.url}/healthz") == (200, "ok\n")
        assert get(f"{server.url}/readyz?verbose") == (503, "12 records to go\n")
        why.update(alive="the loop stands still", ready="")
        assert get(f"{server.url}/healthz") == (503, "the loop stands still\n")
        assert get(f"{server.url}/readyz") == (200, "ok\n")


def test_a_worker_that_cannot_say_is_not_well():
    def broken() -> str:
        raise RuntimeError("secret detail")

    with MetricsServer(Metrics("feed"), alive=broken) as server:
        assert get(f"{server.url}/healthz") == (503, "the worker cannot say (RuntimeError)\n")


@pytest.mark.parametrize("path", ["/", "/metrics/x", "/../etc/passwd", "/healthz%00"])
def test_there_are_no_other_pages(server, path):
    status, text = get(f"{server.url}{path}")
    assert status == 404
    assert "/healthz, /readyz, /metrics" in text


def test_other_requests_and_garbage_do_not_stop_it(server):
    for method in ("POST", "PUT", "DELETE"):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        connection.request(method, "/metrics", body=b"x")
        assert connection.getresponse().status == 501
        connection.close()
    for garbage in (b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n", b""):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as peer:
            peer.sendall(garbage)
    assert get(f"{server.url}/healthz")[0] == 200


def test_a_request_that_never_ends_does_not_hold_up_others_nor_the_end(metrics):
    with MetricsServer(metrics) as server, socket.create_connection(("127.0.0.1", server.port), timeout=5) as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\n")
        assert get(f"{server.url}/healthz")[0] == 200


def test_after_the_end_the_port_is_free_and_no_thread_is_left(metrics):
    server = MetricsServer(metrics)
    server.close()
    server.close()
    assert not any(t.name == "vtrade-metrics" for t in threading.enumerate() if t is server._thread and t.is_alive())
    with MetricsServer(metrics, port=server.port) as again:
        assert again.port == server.port
        assert get(f"{again.url}/healthz")[0] == 200


def test_a_port_that_is_taken_is_an_error_of_the_system(metrics, server):
    with pytest.raises(OSError, match="in use"):
        MetricsServer(metrics, port=server.port)
