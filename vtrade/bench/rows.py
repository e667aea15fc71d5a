"""What is one figure of a benchmark, and is it good enough?

Rules: a row with the same meaning keeps its name, so that figures of different days can be compared. ``met`` compares
the value with the goal, on this machine; a row without a goal, or without a value, meets nothing and misses nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure.

    Attributes
    ----------
    suite, name, unit : str
    value : float or None
        ``None`` where it could not be measured.
    better : {"higher", "lower"}
    goal : float or None
        In the unit of the value.
    peer : str or None
        The best other program that does the same and is installed.
    peer_value : float or None
    memory_mb : float or None
        Most memory the process held.

    Examples
    --------
    >>> row = Row(suite="import", name="import vtrade", value=0.25, unit="s", better="lower", goal=0.5)
    >>> row.met, row.ratio
    (True, None)
    """

    suite: str
    name: str
    value: float | None
    unit: str
    better: Better
    goal: float | None = None
    peer: str | None = None
    peer_value: float | None = None
    memory_mb: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the value reaches the goal."""
        if self.value is None or self.goal is None:
            return None
        return self.value >= self.goal if self.better == "higher" else self.value <= self.goal

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer."""
        if not self.value or not self.peer_value:
            return None
        return self.value / self.peer_value if self.better == "higher" else self.peer_value / self.value

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        row = asdict(self)
        memory = row.pop("memory_mb")
        peer, peer_value = row.pop("peer"), row.pop("peer_value")
        return {
            **row,
            "met": self.met,
            "peer": peer,
            "peer_value": peer_value,
            "ratio": self.ratio,
            "memory_mb": memory,
        }

    def to_text(self) -> list[str]:
        """Cells of a table: suite, name, value, goal, met, peer, ratio, memory."""
        sign = ">=" if self.better == "higher" else "<="
        return [
            self.suite,
            self.name,
            "not measured" if self.value is None else f"{_short(self.value)} {self.unit}",
            "" if self.goal is None else f"{sign} {_short(self.goal)} {self.unit}",
            {True: "yes", False: "NO", None: ""}[self.met],
            "" if self.peer is None else f"{self.peer} {_short(self.peer_value or 0)}",
            "" if self.ratio is None else f"{self.ratio:.2g}x",
            "" if self.memory_mb is None else f"{self.memory_mb:,.0f} MB",
        ]


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
