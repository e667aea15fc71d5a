"""How is a gateway doing? Counts and times for Prometheus, and nothing about any one person.

Rules: no label holds a name of a room, an account or an address; labels have few values. Kept in a registry of its own.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.3, 0.6, 1.0, 3.0, 10.0)


class Metrics:
    """Counters of one gateway."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.requests = Counter("vtrade_gateway_requests", "Answers by status", ["status"], registry=r)
        self.commands = Counter("vtrade_gateway_commands", "Commands by what became of them", ["status"], registry=r)
        self.ack = Histogram(
            "vtrade_gateway_ack_seconds", "Time from a request to its acknowledgement", buckets=SECONDS, registry=r
        )
        self.streams = Gauge("vtrade_gateway_streams", "WebSockets that are open", registry=r)
        self.rooms = Gauge("vtrade_gateway_rooms", "Rooms that are served", registry=r)
        self.frames = Counter("vtrade_gateway_frames", "Frames sent on WebSockets", registry=r)
        self.dropped = Counter("vtrade_gateway_dropped", "WebSockets ended by the gateway", ["why"], registry=r)

    def text(self) -> bytes:
        """Everything in Prometheus's text form."""
        return generate_latest(self.registry)
