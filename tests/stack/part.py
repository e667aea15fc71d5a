"""Stands in for ``vtrade worker`` and ``vtrade serve``: a page of health on the port where it is asked for.

The worker ``feed`` does not come up where ``BROKEN`` is set.
"""

from __future__ import annotations

import http.server
import os
import sys
from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


if __name__ == "__main__":
    role = sys.argv[-1] if sys.argv[1] == "worker" else "gateway"
    if role == "feed" and os.environ.get("BROKEN"):
        sys.exit("VTradeError: the feed has no tape")
    Path("seen.txt").write_text(f"{os.environ['VTRADE_KAFKA']} {os.environ['VTRADE_REDIS']}")
    port = int(os.environ["VTRADE_GATEWAY_PORT" if role == "gateway" else f"VTRADE_{role.upper()}_METRICS_PORT"])
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
