"""How is each part of a stack?

Rules: one row for each part that ought to run; a stack is fine when every row is. Nothing here is secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

State = Literal["running", "starting", "unhealthy", "stopped"]


class PartStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a stack: what it is, where it listens, since when it runs, and what is wrong with it.

    Attributes
    ----------
    port : int or None
        The one it is known by, on the loopback.
    uptime_s, memory_mb : float or None
        Seconds since it began, and resident memory in MB.
    why : str
        What is wrong; empty where nothing is.
    """

    part: str
    state: State
    port: int | None = None
    pid: int | None = None
    version: str = ""
    uptime_s: float | None = None
    memory_mb: float | None = None
    why: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain values.

        Examples
        --------
        >>> PartStatus(part="redis", state="stopped").to_dict()["state"]
        'stopped'
        """
        return msgspec.structs.asdict(self)

    def to_text(self) -> list[str]:
        """As the cells of a table: :data:`COLUMNS`."""
        up = "" if self.uptime_s is None else duration_text(self.uptime_s)
        memory = "" if self.memory_mb is None else f"{self.memory_mb:,.0f} MB"
        numbers = ["" if number is None else str(number) for number in (self.port, self.pid)]
        return [self.part, self.state, self.why, *numbers, self.version, up, memory]


COLUMNS = ("part", "state", "why", "port", "pid", "version", "up", "memory")


def all_fine(rows: Iterable[PartStatus]) -> bool:
    """Whether there are rows, and each of them runs.

    Examples
    --------
    >>> all_fine([]), all_fine([PartStatus(part="redis", state="running")])
    (False, True)
    """
    states = [row.state for row in rows]
    return bool(states) and all(state == "running" for state in states)


def duration_text(seconds: float) -> str:
    """Seconds as a person says them.

    Examples
    --------
    >>> duration_text(3.2), duration_text(200), duration_text(7300), duration_text(200_000)
    ('3 s', '3 min', '2 h 1 min', '2 d 7 h')
    """
    minutes = int(seconds) // 60
    if minutes < 1:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"
