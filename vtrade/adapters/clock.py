"""What time is it outside? The only home of the wall clock."""

from __future__ import annotations

import time


class SystemClock:
    """The machine's clock behind the ``Clock`` port."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that only grow."""
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return time.time_ns()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
