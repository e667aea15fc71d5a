"""Which bounds does a gateway keep, and whom does it let near?

Rules: every bound has a name and a unit; nothing is unlimited. Hosts are those the gateway is reached by, origins those
whose pages may call it from a browser: none, unless somebody says so.
"""

from __future__ import annotations

from typing import Final

import msgspec

LOOPBACK_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]", "::1")


class GatewayConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and neighbours of a gateway.

    Attributes
    ----------
    hosts : tuple of str
        Names by which it may be called, without port; ``"*"`` is any.
    origins : tuple of str
        Origins of web pages that may call it; none by default.
    orders_per_s, orders_burst : float
        Commands that one account may send; staff may send ``STAFF_FACTOR`` times as many.
    asks_per_s, asks_burst : float
        Questions that one account may ask.
    failures_per_s, failures_burst : float
        Wrong tokens from one address that are answered with a reason; more are only told to slow down.
    body_max, frame_max, header_max : int
        Bytes.
    streams_per_account, streams_max, connections_max : int
        WebSockets of one account, WebSockets in all, and connections of any kind.
    head_s, body_s, request_s : float
        Seconds until the head of a request, its body, and its answer must be there.
    hello_s, send_s : float
        Seconds that a WebSocket has to say who it is, and to take a frame.
    wait_max_s : float
        Longest wait of an answer for what became of a command.
    heavy_max : int
        Questions that are worked on at once; the others wait their turn.
    tutor_max : int
        Questions to the tutor that are worked on at once.
    """

    hosts: tuple[str, ...] = LOOPBACK_HOSTS
    origins: tuple[str, ...] = ()
    orders_per_s: float = 20.0
    orders_burst: float = 40.0
    asks_per_s: float = 20.0
    asks_burst: float = 60.0
    tutor_per_s: float = 0.1
    tutor_burst: float = 5.0
    failures_per_s: float = 0.5
    failures_burst: float = 20.0
    body_max: int = 262_144
    frame_max: int = 65_536
    header_max: int = 32_768
    streams_per_account: int = 4
    streams_max: int = 4_096
    connections_max: int = 8_192
    head_s: float = 10.0
    body_s: float = 15.0
    request_s: float = 60.0
    hello_s: float = 5.0
    send_s: float = 10.0
    ping_s: float = 20.0
    wait_max_s: float = 10.0
    heavy_max: int = 8
    tutor_max: int = 4


STAFF_FACTOR: Final = 10
"""Staff may do so many times more a second than a student."""
RETRY_S: Final = 1
"""What ``Retry-After`` says where nothing else is known, in seconds."""
